//! Whether an AI agent's call may go on, given who has the conversation and what the company wants a person to say yes to.
//! Judged anew whenever a call is decided, also after it waited; an effect that is on its way is held back by the store's own
//! condition (`EffectPlan::fenced`), never by this.

use serde_json::Value;

use crate::room::{
    ApprovalRule, BadSetting, Control, Decision, FunctionCall, Ground, Next, ParkedCall, ParkedOn, Refusal, Room, Settings,
    WhilePerson,
};

use super::nearest::shown;

/// So long what the AI agent would send waits for a person who types; then it is refused.
pub const LONGEST_HOLD_MS: i64 = 30_000;

/// What kind of thing an action does, as far as people who take over are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Tags and notes: for colleagues.
    Annotate,
    /// Writes to other systems of the company.
    Crm,
    /// Moves the conversation: assign, resolve.
    Room,
    /// What the customer sees.
    Send,
}

/// `None`: nothing stands against it. Else the call's decision: refused, or waiting for a yes.
pub fn judge(room: &Room, call: &FunctionCall, class: Class, ground: &Ground<'_>) -> Option<Decision> {
    // Who calls with a key of their own is a person.
    call.ai_agent.as_ref()?;
    let policy = policy(class, ground);
    // Once it was handed over the customer hears people, also while they wait for one; but for one last word.
    let goodbye = class == Class::Send && room.may_say_goodbye(&call.call_id, ground.now);
    let by_person = match &room.control {
        Control::Person { .. } => !goodbye,
        Control::Queue(wanted) => match class {
            Class::Send => !goodbye,
            // Whoever handed it over may still say to whom, and no more.
            Class::Room => !(wanted.counted && call.name == "assign_agent"),
            Class::Annotate | Class::Crm => false,
        },
        Control::Bot | Control::Nobody => false,
    };
    if by_person && policy == WhilePerson::Refuse {
        let waits = matches!(room.control, Control::Queue(_));
        return Some(Decision::Refused(if waits { human_awaited() } else { human_in_control() }));
    }
    if matches!(class, Class::Room | Class::Send) {
        // What the resolve itself waits for is said before the end.
        let own = room.barrier.as_ref().is_some_and(|barrier| {
            barrier.call_id == call.call_id || (!barrier.lifted && barrier.waits_for.contains(&call.call_id))
        });
        if let Some(refusal) = stale_epoch(room, call).filter(|_| !goodbye) {
            return Some(Decision::Refused(refusal));
        }
        if room.is_resolving() && !own {
            return Some(Decision::Refused(resolving()));
        }
    }
    if let (Class::Send, Some(parked)) = (class, waits_for_typing(room, call, ground)) {
        return Some(parked);
    }
    let asks = (by_person && policy == WhilePerson::Approve) || needs_approval(call, ground);
    (asks && !ground.approved).then(|| Decision::Parked { facts: vec![], on: ParkedOn::Approval })
}

/// What a call that sends comes to while a person types: it waits, and then is refused.
fn waits_for_typing(room: &Room, call: &FunctionCall, ground: &Ground<'_>) -> Option<Decision> {
    room.typing_until.filter(|until| *until > ground.now)?;
    let waited = room.parked.iter().find(|parked| parked.call_id == call.call_id && parked.on == ParkedOn::Typing);
    Some(match waited {
        Some(_) => Decision::Refused(human_active()),
        None => Decision::Parked { facts: vec![], on: ParkedOn::Typing },
    })
}

/// Whether a call that waits for a person who types is to be looked at again: they stopped, it waited long enough, or the
/// conversation is theirs, which decides it.
pub fn typing_is_over(room: &Room, parked: &ParkedCall, ground: &Ground<'_>) -> bool {
    let stopped = room.typing_until.is_none_or(|until| until <= ground.now);
    let taken = matches!(room.control, Control::Person { .. }) && policy(Class::Send, ground) == WhilePerson::Refuse;
    stopped || taken || ground.now.ms_since(parked.since) >= LONGEST_HOLD_MS
}

/// Whether this call's effect on the room is void once control moves before it is started.
pub fn is_fenced(call: &FunctionCall, class: Class, ground: &Ground<'_>) -> bool {
    call.ai_agent.is_some() && policy(class, ground) != WhilePerson::Allow
}

/// Whether the channel's own inbox has a say too: this room is the AI agent's as far as we know, and the company wants no such
/// call while a person has it.
pub fn is_for_nobodys(room: &Room, call: &FunctionCall, class: Class, ground: &Ground<'_>) -> bool {
    call.ai_agent.is_some() && room.control == Control::Bot && policy(class, ground) == WhilePerson::Refuse
}

/// What becomes of calls of this class while a person has the conversation.
fn policy(class: Class, ground: &Ground<'_>) -> WhilePerson {
    let fence = &ground.company.settings.people.while_person_controls;
    match class {
        Class::Annotate => fence.annotate,
        Class::Crm => fence.crm,
        Class::Room => fence.room,
        Class::Send => fence.send,
    }
}

fn needs_approval(call: &FunctionCall, ground: &Ground<'_>) -> bool {
    let mut rules = ground.company.settings.people.approvals.iter().filter(|rule| rule.action == call.name).peekable();
    if rules.peek().is_none() {
        return false;
    }
    let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
    rules.any(|rule| match (&rule.argument, rule.above) {
        (Some(argument), Some(above)) => match number(&arguments[argument]) {
            Some(number) => number > above,
            // There is something, and it cannot be compared: a person looks.
            None => !arguments[argument].is_null(),
        },
        _ => true,
    })
}

/// Whether a company's settings can be kept: within their bounds, and what they ask a yes for is there. A rule about an action of
/// another name would never be met, and nobody would be asked.
pub fn check(settings: &Settings) -> Result<(), BadSetting> {
    settings.check()?;
    let bad = |rule| Err(BadSetting { name: "approvals", rule });
    for ApprovalRule { action, argument, .. } in &settings.people.approvals {
        let Some(entry) = super::entry(action) else {
            return bad(format!("must name actions of the catalog, and `{}` is none", shown(action)));
        };
        if let Some(argument) = argument.as_deref().filter(|name| !entry.fields.iter().any(|field| field.name == *name)) {
            return bad(format!("must name arguments that the action has, and {action} has no `{}`", shown(argument)));
        }
    }
    Ok(())
}

/// Numbers as models write them: `1500000`, `"1500000"`.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

pub fn human_in_control() -> Refusal {
    let message = "A human agent has this conversation now, so nothing was done. Do not try again and do not write to the \
        customer; you will be told when the conversation is yours again.";
    Refusal::new("human_in_control", Next::WaitForHuman, message)
}

fn human_awaited() -> Refusal {
    let message = "This conversation was handed over and the customer waits for a human agent, so nothing was done. Do not try \
        again; you will be told when the conversation is yours again.";
    Refusal::new("human_in_control", Next::WaitForHuman, message)
}

pub fn human_active() -> Refusal {
    let message = "A human agent is writing to the customer, so nothing was sent. Do not try again until the customer writes.";
    Refusal::new("human_active", Next::WaitForHuman, message)
}

fn resolving() -> Refusal {
    let message = "This conversation is being closed, so nothing was done. Wait until the customer writes again.";
    Refusal::new("resolving", Next::DoNotRetry, message)
}

/// Control moved after the model looked: what it wanted may be wrong now.
fn stale_epoch(room: &Room, call: &FunctionCall) -> Option<Refusal> {
    if call.seen.epoch.is_none_or(|seen| seen >= room.epoch) {
        return None;
    }
    let (now, next) = match room.control {
        Control::Bot => ("an AI agent again", Next::FixAndRetry),
        Control::Queue(_) => ("the queue for a human agent", Next::WaitForHuman),
        Control::Person { .. } => ("a human agent", Next::WaitForHuman),
        Control::Nobody => ("nobody", Next::DoNotRetry),
    };
    let message = format!("Control of this conversation moved since you looked: it is with {now}. Read it again before you act.");
    Some(Refusal::new("stale_epoch", next, message))
}
