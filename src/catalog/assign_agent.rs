//! `assign_agent`: hands the conversation to a person, or to the queue for one. Who is free is the roster's to say: this
//! decides only whom the room asks for.

use serde::Serialize;

use crate::room::{
    Agent, AgentId, AssignTarget, Control, Decision, Fact, FunctionCall, Ground, Lifecycle, Next, ParkedOn, Presence, Refusal,
    ResultJson, Room,
};

use super::Needs;
use super::arguments::{Checked, Field, Kind, invalid, missing_refusal, optional, required};
use super::people::{agent_name, division_name, find_agent, find_division};

pub const DESCRIPTION: &str = "Hand this conversation to a human agent: to one person, to a division, or to whoever is free. \
    Use it when the customer asks for a human or when you cannot help. The result says whether a person has it now or the \
    customer waits in a queue; tell the customer only what it says.";
pub const NEEDS: Needs = Needs::Nothing;
pub const FIELDS: &[Field] = &[
    required(
        "mode",
        Kind::OneOf(&["agent", "division", "auto"]),
        "agent: the person in `agent`. division: anyone of `division`. auto: anyone.",
    ),
    optional("agent", Kind::Line(200), "Name or id of the person. Only with mode agent."),
    optional("division", Kind::Line(200), "Name or id of the division. Only with mode division."),
    optional("reason", Kind::Text(1_000), "Why, in a sentence or two; the person reads it. At most 1,000 characters."),
];

/// Whom the model asked for, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    Agent(String),
    Division(String),
    Auto,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssignAgent {
    pub wanted: Wanted,
    pub reason: Option<String>,
}

pub fn read(arguments: Checked<'_>) -> Result<AssignAgent, Refusal> {
    let (agent, division) = (arguments.line("agent"), arguments.line("division"));
    let wanted = match (arguments.text("mode"), agent, division) {
        (Some("agent"), Some(agent), None) => Wanted::Agent(agent),
        (Some("agent"), None, _) => return Err(missing_refusal("assign_agent with mode agent", &["agent"])),
        (Some("division"), None, Some(division)) => Wanted::Division(division),
        (Some("division"), _, None) => return Err(missing_refusal("assign_agent with mode division", &["division"])),
        (Some("auto"), None, None) => Wanted::Auto,
        (Some("division") | Some("auto"), Some(_), _) => return Err(invalid("agent", "can only be given with mode agent")),
        _ => return Err(invalid("division", "can only be given with mode division")),
    };
    Ok(AssignAgent { wanted, reason: arguments.owned("reason") })
}

pub fn decide(room: &Room, call: &FunctionCall, arguments: &AssignAgent, ground: &Ground<'_>) -> Decision {
    if matches!(room.lifecycle, Lifecycle::Resolved { .. }) {
        let message = "The conversation is resolved, so nobody can be assigned. It opens again when the customer writes.";
        return Decision::Refused(Refusal::new("room_resolved", Next::DoNotRetry, message));
    }
    if let Some(refusal) = stale_epoch(room, call) {
        return Decision::Refused(refusal);
    }
    let target = match target(&arguments.wanted, ground) {
        Ok(target) => target,
        Err(refusal) => return Decision::Refused(refusal),
    };
    match (&room.control, room.wanted()) {
        (Control::Person { agent, .. }, None) if fits(agent, &target, ground) => {
            Decision::Done { facts: vec![], result: held_by(agent, false, ground) }
        }
        (_, Some(wanted)) if wanted.target == target => Decision::Parked { facts: vec![], on: ParkedOn::Offer },
        _ => {
            let queued = Fact::RoomQueued { target, assignment: room.assignment + 1, reason: arguments.reason.clone() };
            Decision::Parked { facts: vec![queued], on: ParkedOn::Offer }
        }
    }
}

fn target(wanted: &Wanted, ground: &Ground<'_>) -> Result<AssignTarget, Refusal> {
    Ok(match wanted {
        Wanted::Agent(name) => AssignTarget::Agent { agent: find_agent(name, ground.company)?.id.clone() },
        Wanted::Division(name) => AssignTarget::Division { division: find_division(name, ground.company)?.id.clone() },
        Wanted::Auto => AssignTarget::Auto,
    })
}

/// Whether the one who holds the room is whom this asks for.
fn fits(holder: &AgentId, target: &AssignTarget, ground: &Ground<'_>) -> bool {
    match target {
        AssignTarget::Agent { agent } => agent == holder,
        AssignTarget::Division { division } => {
            ground.company.agent(holder).is_some_and(|agent| agent.divisions.contains(division))
        }
        AssignTarget::Auto => true,
    }
}

/// Control moved after the model looked: what it wanted may be wrong now.
pub(super) fn stale_epoch(room: &Room, call: &FunctionCall) -> Option<Refusal> {
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

#[derive(Serialize)]
struct Named<'a> {
    id: &'a str,
    name: String,
}

#[derive(Serialize)]
struct Assigned<'a> {
    assigned: bool,
    agent: Named<'a>,
    online: bool,
    as_of: String,
    changed: bool,
}

/// The answer once a person was assigned.
pub fn assigned(agent: &Agent, _room: &Room, ground: &Ground<'_>) -> ResultJson {
    let named = Named { id: agent.id.as_str(), name: agent.name.clone() };
    let online = agent.status == Presence::Online;
    ResultJson::of(&Assigned { assigned: true, agent: named, online, as_of: ground.now.to_text(), changed: true })
}

fn held_by(agent: &AgentId, changed: bool, ground: &Ground<'_>) -> ResultJson {
    let online = ground.company.agent(agent).is_some_and(|agent| agent.status == Presence::Online);
    let named = Named { id: agent.as_str(), name: agent_name(agent, ground.company) };
    ResultJson::of(&Assigned { assigned: true, agent: named, online, as_of: ground.now.to_text(), changed })
}

#[derive(Serialize)]
struct Queued<'a> {
    assigned: bool,
    queued: bool,
    position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Target<'a>>,
    as_of: String,
}

#[derive(Serialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
enum Target<'a> {
    Agent { agent: Named<'a> },
    Division { division: Named<'a> },
    Auto,
}

/// The answer when nobody is free: the room waits at `position` (1 is next; `None`: the roster has not said).
pub fn queued(position: Option<u64>, room: &Room, ground: &Ground<'_>) -> ResultJson {
    let target = room.wanted().map(|wanted| match &wanted.target {
        AssignTarget::Agent { agent } => {
            Target::Agent { agent: Named { id: agent.as_str(), name: agent_name(agent, ground.company) } }
        }
        AssignTarget::Division { division } => {
            Target::Division { division: Named { id: division.as_str(), name: division_name(division, ground.company) } }
        }
        AssignTarget::Auto => Target::Auto,
    });
    ResultJson::of(&Queued { assigned: false, queued: true, position, target, as_of: ground.now.to_text() })
}

/// The answer to a waiting assignment that a later one, a resolve or a person overtook.
pub fn superseded() -> Refusal {
    let message =
        "Something later decided who has this conversation, so this assignment was dropped. Read it again before you act.";
    Refusal::new("superseded", Next::DoNotRetry, message)
}
