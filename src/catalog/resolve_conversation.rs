//! `resolve_conversation`: ends the conversation for now. Never overtakes a customer: what they wrote after the model looked
//! comes first.

use serde::Serialize;

use crate::room::hand_over::{self, Resolving};
use crate::room::{
    CallId, Decision, EffectKind, EffectPlan, FunctionCall, Ground, Lifecycle, Next, ParkedOn, Refusal, ResultJson, Room,
    Timestamp,
};

use super::Needs;
use super::arguments::{Checked, Field, Kind, invalid, missing_refusal, optional, required};
use super::fence::{self, Class};
use super::record;

pub const DESCRIPTION: &str = "Close this conversation when the customer's matter is settled and nothing is left to say. Say \
    goodbye first. If the customer wrote in the meantime it is refused; answer them and then decide again.";
pub const NEEDS: Needs = Needs::Nothing;
pub const CLASS: Class = Class::Room;
pub const FIELDS: &[Field] = &[
    required("reason_code", Kind::Line(40), "Why it is closed: one of the company's reason codes, for example answered."),
    optional("note", Kind::Text(2_000), "For colleagues; the customer does not see it. At most 2,000 characters."),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolveConversation {
    pub reason_code: String,
    pub note: Option<String>,
}

pub fn read(arguments: Checked<'_>) -> Result<ResolveConversation, Refusal> {
    Ok(ResolveConversation { reason_code: arguments.required_line("reason_code"), note: arguments.owned("note") })
}

#[derive(Serialize)]
struct Resolved<'a> {
    changed: bool,
    reason_code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handled_by: Option<&'a str>,
    resolved_at: String,
    /// Calls of its own request that had not ended.
    #[serde(skip_serializing_if = "<[CallId]>::is_empty")]
    pending_effects: &'a [CallId],
}

#[derive(Serialize)]
struct AlreadyResolved<'a> {
    changed: bool,
    resolution: Earlier<'a>,
}

#[derive(Serialize)]
struct Earlier<'a> {
    reason_code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handled_by: Option<&'a str>,
    resolved_at: String,
}

pub fn decide(room: &Room, call: &FunctionCall, arguments: &ResolveConversation, ground: &Ground<'_>) -> Decision {
    // First: a model that hears "no" here would retry or apologise for what is already as it wants it.
    if let Lifecycle::Resolved { at } = room.lifecycle {
        return Decision::Done { facts: vec![], result: already_resolved(room, at.to_text()) };
    }
    if let Some(judged) = fence::judge(room, call, CLASS, ground) {
        return judged;
    }
    if call.seen.seq.is_some_and(|seen| seen < room.last_inbound_seq) {
        let message = format!(
            "The customer wrote again before this could be closed: \"{}\". Read and answer it, then decide again.",
            room.last_inbound_preview
        );
        return Decision::Refused(Refusal::new("new_customer_message", Next::FixAndRetry, message));
    }
    let reasons = &ground.company.settings.resolve_reasons;
    if !reasons.contains(&arguments.reason_code) {
        let refusal = invalid("reason_code", format!("must be one of: {}", reasons.join(", ")));
        return Decision::Refused(refusal.with_allowed(reasons.iter().cloned()));
    }
    if ground.company.settings.people.resolve_needs_note && arguments.note.is_none() {
        return Decision::Refused(missing_refusal("resolve_conversation", &["note"]));
    }
    if ground.company.tells_channel(room) {
        let asked = record::requested(call, EffectPlan::absolute(EffectKind::Resolution, fence::is_fenced(call, CLASS, ground)));
        return Decision::Parked { facts: vec![asked], on: ParkedOn::Effect };
    }
    let (handled_by, pending) = (room.assignee().map(|agent| agent.as_str()), room.pending_effects(&call.call_id));
    let result = told(true, arguments, handled_by, ground.now, &pending);
    let how = Resolving { reason_code: &arguments.reason_code, note: arguments.note.as_deref(), by_call: Some(&call.call_id) };
    Decision::Done { facts: hand_over::resolve(room, how, ground.company), result }
}

/// The answer once it is resolved.
pub fn resolved(arguments: &ResolveConversation, handled_by: Option<&str>, at: Timestamp) -> ResultJson {
    told(true, arguments, handled_by, at, &[])
}

/// The answer when it was found resolved in its channel, which does not say why.
pub fn found_resolved(arguments: &ResolveConversation, at: Timestamp) -> ResultJson {
    told(false, arguments, None, at, &[])
}

/// The channel's answer to a resolve, with the calls of its request that had not ended when it came.
pub fn with_pending(body: &str, pending: &[CallId]) -> Option<String> {
    let head = body.strip_suffix("}}").filter(|head| !pending.is_empty() && head.starts_with("{\"result\":{"))?;
    let ids: Vec<String> = pending.iter().map(|id| format!("\"{id}\"")).collect();
    Some(format!("{head},\"pending_effects\":[{}]}}}}", ids.join(",")))
}

fn told(
    changed: bool,
    arguments: &ResolveConversation,
    handled_by: Option<&str>,
    at: Timestamp,
    pending_effects: &[CallId],
) -> ResultJson {
    ResultJson::of(&Resolved {
        changed,
        reason_code: &arguments.reason_code,
        note: arguments.note.as_deref(),
        handled_by,
        resolved_at: at.to_text(),
        pending_effects,
    })
}

fn already_resolved(room: &Room, resolved_at: String) -> ResultJson {
    let earlier = room.resolution.as_ref();
    ResultJson::of(&AlreadyResolved {
        changed: false,
        resolution: Earlier {
            reason_code: earlier.map_or("other", |resolution| &resolution.reason_code),
            note: earlier.and_then(|resolution| resolution.note.as_deref()),
            handled_by: earlier.and_then(|resolution| resolution.handled_by.as_ref()).map(|agent| agent.as_str()),
            resolved_at,
        },
    })
}
