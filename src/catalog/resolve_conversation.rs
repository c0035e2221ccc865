//! `resolve_conversation`: ends the conversation for now. Never overtakes a customer: what they wrote after the model looked
//! comes first.

use std::sync::Arc;

use serde::Serialize;

use crate::room::hand_over::{self, Resolving};
use crate::room::{
    CallId, ClosingOutcome, Control, Decision, EffectKind, EffectPlan, FunctionCall, Ground, Lifecycle, ParkedOn, Refusal,
    ResultJson, Room, Timestamp, closing, window,
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
    /// Of the company's closing message, where a channel had to be told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    closing_message: Option<Said<'a>>,
}

#[derive(Serialize)]
struct Said<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
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
        return Decision::Refused(closing::new_customer_message(room));
    }
    let reasons = &ground.company.settings.resolve_reasons;
    if !reasons.contains(&arguments.reason_code) {
        let refusal = invalid("reason_code", format!("must be one of: {}", reasons.join(", ")));
        return Decision::Refused(refusal.with_allowed(reasons.iter().cloned()));
    }
    let people = &ground.company.settings.people;
    if people.resolve_needs_note && arguments.note.is_none() {
        return Decision::Refused(missing_refusal("resolve_conversation", &["note"]));
    }
    // What a channel has to be told goes there before anything ends here.
    let text = people.closing_message.as_deref().filter(|_| ground.company.sends_through(room).is_some());
    let closed = text.and_then(|_| window::closed(room, ground));
    let closing = text.filter(|_| closed.is_none());
    if ground.company.tells_channel(room) || closing.is_some() {
        let plan = EffectPlan::absolute(EffectKind::Resolution, fence::is_fenced(call, CLASS, ground));
        let unheld = fence::is_for_nobodys(room, call, CLASS, ground);
        let asked = record::requested(call, EffectPlan { closing: closing.map(Arc::from), unheld, ..plan });
        return Decision::Parked { facts: vec![asked], on: ParkedOn::Effect };
    }
    let left_out = closed.map(|refusal| ClosingOutcome::not_sent(refusal.code));
    let (handled_by, pending) = (room.assignee().map(|agent| agent.as_str()), room.pending_effects(&call.call_id));
    let result = told(true, arguments, handled_by, ground.now, &pending, left_out.as_ref());
    let (reason_code, note, by_call) = (arguments.reason_code.as_str(), arguments.note.as_deref(), Some(&call.call_id));
    let how = Resolving { reason_code, note, by_call, closing: left_out.as_ref() };
    Decision::Done { facts: hand_over::resolve(room, how, ground.company), result }
}

/// The answer once it is resolved.
pub fn resolved(arguments: &ResolveConversation, at: Timestamp, closing: Option<&ClosingOutcome>) -> ResultJson {
    told(true, arguments, None, at, &[], closing)
}

/// The answer when somebody else resolved it while this was under way.
pub fn resolved_by_others(room: &Room) -> Option<ResultJson> {
    let Lifecycle::Resolved { at } = room.lifecycle else { return None };
    Some(already_resolved(room, at.to_text()))
}

/// Its closing message was sent, and then the conversation moved on: the customer wrote, or somebody has it.
pub fn overtaken(room: &Room) -> Refusal {
    match room.control {
        Control::Bot => closing::new_customer_message(room),
        _ => fence::human_in_control(),
    }
}

/// The answer when it was found resolved in its channel, which does not say why.
pub fn found_resolved(arguments: &ResolveConversation, at: Timestamp) -> ResultJson {
    told(false, arguments, None, at, &[], None)
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
    closing: Option<&ClosingOutcome>,
) -> ResultJson {
    let closing_message = closing.map(|outcome| match outcome {
        ClosingOutcome::Sent { .. } => Said { status: "sent", why: None },
        ClosingOutcome::Unconfirmed => Said { status: "unconfirmed", why: None },
        ClosingOutcome::NotSent { why } => Said { status: "not_sent", why: Some(why) },
    });
    ResultJson::of(&Resolved {
        changed,
        reason_code: &arguments.reason_code,
        note: arguments.note.as_deref(),
        handled_by,
        resolved_at: at.to_text(),
        pending_effects,
        closing_message,
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
