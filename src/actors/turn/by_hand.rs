//! What people and timers do to a conversation that lives in its channel's own inbox. It has to happen there, so it becomes a call
//! of theirs, written down and carried as any other; tags and the end are so here when they are so there. Who has control is ours
//! to say and moves at once. What that inbox cannot be told is refused.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use crate::catalog::{self, Admitted};
use crate::room::command::Command;
use crate::room::ids::hash16;
use crate::room::{
    By, CallId, CallKey, Cause, EffectKind, EffectPlan, Fact, FunctionCall, Meaning, Next, ParkedOn, Refusal, Seen,
};

use super::super::ports::NewCall;
use super::super::stored::{crowded, parked};
use super::{MOST_PARKED, Turn};

/// What is to be done there.
#[derive(Debug)]
pub(super) struct Errand {
    admitted: Admitted,
    plan: EffectPlan,
    /// What it comes to here counts at once.
    pub here: bool,
}

impl Turn<'_> {
    /// What the channel has to be told of this; `None`: nothing. `facts`: what it comes to here.
    pub(super) fn errand(&self, command: &Command, asked: (&By, &Cause), facts: &[Fact]) -> Result<Option<Errand>, Refusal> {
        let ours = matches!(asked.1, Cause::Request(_) | Cause::Timer(_));
        if !ours || facts.is_empty() || !self.ground.company.tells_channel(&self.room) {
            return Ok(None);
        }
        let assignment = |fenced: bool, number: u64| EffectPlan {
            target: Some(number.to_string()),
            ..EffectPlan::absolute(EffectKind::Assignment, fenced)
        };
        let (name, arguments, plan, here) = match command {
            Command::Tag { .. } => {
                let added = facts.iter().find_map(|fact| match fact {
                    Fact::TagsAdded { tags, .. } => Some(tags),
                    _ => None,
                });
                let tags = added.cloned().unwrap_or_default();
                ("create_tag", json!({ "tags": tags }), EffectPlan::absolute(EffectKind::Tags, false), false)
            }
            Command::Resolve { reason_code, note } => {
                let arguments = json!({ "reason_code": reason_code, "note": note });
                ("resolve_conversation", arguments, EffectPlan::absolute(EffectKind::Resolution, false), false)
            }
            Command::TakeOver { agent, .. } => {
                let arguments = json!({ "mode": "agent", "agent": agent.as_str() });
                ("assign_agent", arguments, assignment(true, self.room.assignment + 1), true)
            }
            Command::GiveBack { reason, .. } => {
                ("return_conversation", json!({ "reason": reason }), assignment(true, self.room.assignment), true)
            }
            Command::PersonSilent => ("return_conversation", json!({}), assignment(true, self.room.assignment), true),
            Command::Untag { .. } => return Err(done_there()),
            _ => return Ok(None),
        };
        if self.room.parked.len() >= MOST_PARKED {
            return Err(crowded());
        }
        Ok(Some(Errand { admitted: self.called(name, &arguments, asked.0)?, plan, here }))
    }

    /// The call that carries it: its id tells it from every other, also when the step is decided again.
    fn called(&self, name: &'static str, arguments: &Value, by: &By) -> Result<Admitted, Refusal> {
        let (company, room) = (self.address.company, self.address.room.as_str());
        let version = self.room.version.to_string();
        let hash = hash16(b"by hand", company, &[room.as_bytes(), version.as_bytes()]);
        let call_id = CallId::trusted(&format!("hand-{}", HEXLOWER.encode(&hash)));
        let given = arguments.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        let arguments: Arc<str> = given.map(|(key, value)| (key.clone(), value.clone())).collect::<Value>().to_string().into();
        let (name, request) = catalog::reread(name, &arguments)?;
        let call = FunctionCall {
            key: CallKey::of(company, &call_id),
            call_id,
            tool_call_id: None,
            ai_agent: None,
            key_id: if let By::Person(key) = by { Arc::from(&**key) } else { Arc::from("timer") },
            name,
            meaning: Meaning::of(self.address, name, arguments.as_bytes()),
            arguments,
            seen: Seen::default(),
            revision: None,
        };
        Ok(Admitted { call, request })
    }

    pub(super) fn begins(&mut self, errand: Errand, by: &By, cause: &Cause) -> CallId {
        let Errand { admitted, plan, .. } = errand;
        let (call_id, name) = (admitted.call.call_id.clone(), admitted.call.name.to_owned());
        self.record(Fact::EffectRequested { call_id: call_id.clone(), name: name.clone(), plan }, by, cause);
        let waits = Fact::CallParked { call_id: call_id.clone(), name, on: ParkedOn::Effect, beside: vec![], asked: None };
        self.record(waits, by, cause);
        let (call, answer, at) = (admitted.call.clone(), parked(ParkedOn::Effect), self.ground.now);
        self.new_calls.push(NewCall { call, answer, at });
        self.opened.insert(admitted.call.key, admitted);
        call_id
    }
}

/// How a tag is taken off by a program nobody has published (room-ops.md 12.1): it may take all of them.
fn done_there() -> Refusal {
    let message = "This conversation lives in its channel's own inbox, where a tag can only be taken off by hand. Take it off there; \
        it goes from here as well.";
    Refusal::new("done_in_channel", Next::DoNotRetry, message)
}
