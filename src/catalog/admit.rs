//! The door's last step: one raw call becomes a checked one with its identity, or the answer the model reads instead.
//! Nothing here is stored and no room is woken.

use std::sync::Arc;

use data_encoding::BASE32_NOPAD;

use crate::room::ids::hash16;
use crate::room::{AiAgentId, CallId, CallKey, FunctionCall, Meaning, Next, Published, Refusal, RoomAddress, Seen};

use super::dialect::RawCall;
use super::{Has, Request, canonical, entry, not_connected, tools, unknown_tool};

/// A call that passed the door.
#[derive(Clone, Debug)]
pub struct Admitted {
    pub call: FunctionCall,
    pub request: Request,
}

/// A call that ended at the door: answered `refused`, not stored, its id not used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoorAnswer {
    /// `None`: what was given as its id cannot be one (code `invalid_call_id`), so the request as a whole is at fault.
    pub call_id: Option<CallId>,
    pub tool_call_id: Option<Arc<str>>,
    /// As the caller wrote it.
    pub name: String,
    /// What it would mean if it were let in: it may have been, before what refuses it now became so.
    pub meaning: Meaning,
    pub refusal: Refusal,
}

/// What a request's calls have in common.
#[derive(Clone, Copy, Debug)]
pub struct Admission<'a> {
    pub address: &'a RoomAddress,
    pub ai_agent: Option<&'a AiAgentId>,
    pub key_id: &'a Arc<str>,
    pub turn_id: Option<&'a str>,
    pub seen: Seen,
    pub has: Has,
    /// What is published for this AI agent; `None`: it may call every action.
    pub published: Option<&'a Published>,
}

/// The part of an `Idempotency-Key` that is call `index`'s own: the key itself for a single call, `key:index` for one of several.
pub fn key_of_call(key: &str, index: usize, count: usize) -> String {
    if count > 1 { format!("{key}:{index}") } else { key.to_owned() }
}

/// Checks one call. `idempotency_key` is this call's own (`key_of_call`).
/// Refusals: `invalid_call_id`, `unknown_tool`, `tool_disabled`, `argument_not_allowed`, `argument_missing`, `argument_invalid`,
/// `unknown_argument`, `not_connected`, and what an action adds.
pub fn admit(raw: &RawCall, idempotency_key: Option<&str>, a: &Admission<'_>) -> Result<Admitted, DoorAnswer> {
    let canonical = raw.arguments.as_ref().map(canonical::text).unwrap_or_default();
    let tool_call_id: Option<Arc<str>> = raw.tool_call_id.as_deref().map(Arc::from);
    let call_id = match raw.call_id.as_deref().or(idempotency_key) {
        Some(given) => CallId::new(given).ok(),
        None => Some(derive_id(raw, &canonical, a)),
    };
    let refuse = |call_id: Option<CallId>, refusal: Refusal| DoorAnswer {
        call_id,
        tool_call_id: tool_call_id.clone(),
        name: raw.name.clone(),
        // An action's name is its entry's own, so this is the meaning under which an earlier one is stored.
        meaning: Meaning::of(a.address, &raw.name, canonical.as_bytes()),
        refusal,
    };
    let Some(call_id) = call_id else {
        let message = "A call id is 1 to 128 of the characters A-Z a-z 0-9 . _ : -";
        return Err(refuse(None, Refusal::new("invalid_call_id", Next::FixAndRetry, message)));
    };
    let checked = entry(&raw.name).ok_or_else(|| unknown_tool(&raw.name)).and_then(|entry| {
        let tool = tools::of_call(a.published, entry)?;
        let given = raw.arguments.as_ref().map_err(Clone::clone)?;
        let filled = tool.map_or(Ok(None), |tool| tools::filled(tool, given))?;
        let request = (entry.read)(filled.as_ref().unwrap_or(given))?;
        let filled = filled.as_ref().map(canonical::text);
        if entry.needs.met(a.has) { Ok((entry.name, request, filled)) } else { Err(not_connected(entry.needs)) }
    });
    let (name, request, filled) = match checked {
        Ok(checked) => checked,
        Err(refusal) => return Err(refuse(Some(call_id), refusal)),
    };
    let call = FunctionCall {
        key: CallKey::of(a.address.company, &call_id),
        call_id,
        tool_call_id,
        ai_agent: a.ai_agent.cloned(),
        key_id: a.key_id.clone(),
        name,
        meaning: Meaning::of(a.address, name, canonical.as_bytes()),
        // What it means is what was sent: what a builder fixes may change, and a replay is a replay.
        arguments: filled.unwrap_or(canonical).into(),
        seen: a.seen,
        revision: a.published.map(|published| published.revision),
    };
    Ok(Admitted { call, request })
}

/// For callers who chose no id. Models reuse their own ids with other arguments, so those are part of it.
fn derive_id(raw: &RawCall, canonical: &str, a: &Admission<'_>) -> CallId {
    let parts: [&[u8]; 6] = [
        a.address.room.as_str().as_bytes(),
        a.ai_agent.map_or("", AiAgentId::as_str).as_bytes(),
        a.turn_id.unwrap_or_default().as_bytes(),
        raw.tool_call_id.as_deref().unwrap_or_default().as_bytes(),
        raw.name.as_bytes(),
        canonical.as_bytes(),
    ];
    let mut id = String::with_capacity(31);
    id.push_str("call_");
    BASE32_NOPAD.encode_append(&hash16(b"call_id", a.address.company, &parts), &mut id);
    id.make_ascii_lowercase();
    CallId::trusted(&id)
}
