//! `assign_agent`: hands the conversation to a person, or to the queue for one. Who is free is the roster's to say: this
//! decides only whom the room asks for.

use serde::Serialize;

use crate::room::tag::fold;
use crate::room::{
    Agent, AgentId, AssignTarget, Control, Decision, EffectKind, EffectPlan, Fact, FunctionCall, Ground, Lifecycle, Next,
    ParkedOn, Presence, Refusal, ResultJson, Room, Timestamp,
};

use super::Needs;
use super::arguments::{Checked, Field, Kind, invalid, missing_refusal, optional, required};
use super::fence::{self, Class};
use super::people::{agent_name, division_name, find_agent, find_division};
use super::record;

pub const DESCRIPTION: &str = "Hand this conversation to a human agent: to one person, to a division, or to whoever is free. \
    Use it when the customer asks for a human or when you cannot help. The result says whether a person has it now or the \
    customer waits in a queue; tell the customer only what it says.";
pub const NEEDS: Needs = Needs::Nothing;
pub const CLASS: Class = Class::Room;
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
    let there = ground.company.tells_channel(room);
    let target = match target(&arguments.wanted, ground) {
        Ok(target) => target,
        // The channel has people whom our directory does not know.
        Err(_) if there => AssignTarget::Auto,
        Err(refusal) => return Decision::Refused(refusal),
    };
    if let (Control::Person { agent, .. }, None) = (&room.control, room.awaited())
        && (fits(agent, &target, ground) && !(there && target == AssignTarget::Auto && arguments.wanted != Wanted::Auto)
            || there && is_called(room, &arguments.wanted))
    {
        return Decision::Done { facts: vec![], result: held_by(agent, room, ground) };
    }
    if let Control::Queue(wanted) = &room.control
        && !wanted.there
        && wanted.target == target
    {
        // Just they are waited for, whoever asked for them.
        return Decision::Parked { facts: vec![], on: ParkedOn::Offer };
    }
    if let Some(judged) = fence::judge(room, call, CLASS, ground) {
        return judged;
    }
    let (assignment, reason) = (room.assignment + 1, arguments.reason.clone());
    let queued = Fact::RoomQueued { target: target.clone(), assignment, reason, leaves: false, but: None, there };
    let named = target != AssignTarget::Auto || arguments.wanted == Wanted::Auto;
    if there && named && room.is_assigning() && room.awaited().is_some_and(|wanted| wanted.there && wanted.target == target) {
        // The channel is being told just that: what comes of it answers this call as well.
        return Decision::Parked { facts: vec![], on: ParkedOn::Offer };
    }
    if there {
        // From now on the AI agent may start nothing else that a person would not want; its own assignment may.
        let asked = record::requested(
            call,
            EffectPlan {
                target: Some(assignment.to_string()),
                ..EffectPlan::absolute(EffectKind::Assignment, fence::is_fenced(call, CLASS, ground))
            },
        );
        return Decision::Parked { facts: vec![queued, asked], on: ParkedOn::Effect };
    }
    match room.wanted() {
        Some(wanted) if wanted.target == target => Decision::Parked { facts: vec![], on: ParkedOn::Offer },
        _ => Decision::Parked { facts: vec![queued], on: ParkedOn::Offer },
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

/// Whether whoever has it is a person of the channel who is called so, or whose id this is.
fn is_called(room: &Room, wanted: &Wanted) -> bool {
    let Wanted::Agent(name) = wanted else { return false };
    let by_id = room.assignee().is_some_and(|agent| agent.as_str().eq_ignore_ascii_case(name));
    by_id || room.assignee_name().is_some_and(|known| fold(known) == fold(name))
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
    /// Absent: only their channel knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    online: Option<bool>,
    as_of: String,
    changed: bool,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
}

/// The answer once the channel gave the conversation to one of its people.
pub fn given(id: &AgentId, name: &str, online: bool, as_of: Timestamp, changed: bool, warnings: &[String]) -> ResultJson {
    told(id, name, Some(online), as_of, changed, warnings)
}

fn told(id: &AgentId, name: &str, online: Option<bool>, as_of: Timestamp, changed: bool, warnings: &[String]) -> ResultJson {
    let agent = Named { id: id.as_str(), name: name.to_owned() };
    ResultJson::of(&Assigned { assigned: true, agent, online, as_of: as_of.to_text(), changed, warnings })
}

/// The answer once a person was assigned.
pub fn assigned(agent: &Agent, _room: &Room, ground: &Ground<'_>) -> ResultJson {
    let online = agent.status == Presence::Online;
    given(&agent.id, &agent.name, online, ground.now, true, &[])
}

/// The answer when whoever it is about has it already. Of somebody whom only the channel knows nobody here can say whether they
/// are there.
fn held_by(agent: &AgentId, room: &Room, ground: &Ground<'_>) -> ResultJson {
    let known = ground.company.agent(agent);
    let name = known.map(|agent| agent.name.as_str()).or(room.assignee_name()).unwrap_or(agent.as_str());
    told(agent, name, known.map(|agent| agent.status == Presence::Online), ground.now, false, &[])
}

fn is_online(agent: &AgentId, ground: &Ground<'_>) -> bool {
    ground.company.agent(agent).is_some_and(|agent| agent.status == Presence::Online)
}

#[derive(Serialize)]
struct Queued<'a> {
    assigned: bool,
    queued: bool,
    position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Target<'a>>,
    /// Whether the one person it waits for is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    online: Option<bool>,
    /// When somebody of the division will be there, if it is closed now.
    #[serde(skip_serializing_if = "Option::is_none")]
    opens_at: Option<String>,
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
pub fn queued(position: Option<u64>, opens_at: Option<Timestamp>, room: &Room, ground: &Ground<'_>) -> ResultJson {
    let target = room.wanted().map(|wanted| match &wanted.target {
        AssignTarget::Agent { agent } => {
            Target::Agent { agent: Named { id: agent.as_str(), name: agent_name(agent, ground.company) } }
        }
        AssignTarget::Division { division } => {
            Target::Division { division: Named { id: division.as_str(), name: division_name(division, ground.company) } }
        }
        AssignTarget::Auto => Target::Auto,
    });
    let online = match room.wanted().map(|wanted| &wanted.target) {
        Some(AssignTarget::Agent { agent }) => Some(is_online(agent, ground)),
        _ => None,
    };
    let (opens_at, as_of) = (opens_at.map(Timestamp::to_text), ground.now.to_text());
    ResultJson::of(&Queued { assigned: false, queued: true, position, target, online, opens_at, as_of })
}

/// The answer to a waiting assignment that a later one, a resolve or a person overtook.
pub fn superseded() -> Refusal {
    let message =
        "Something later decided who has this conversation, so this assignment was dropped. Read it again before you act.";
    Refusal::new("superseded", Next::DoNotRetry, message)
}

/// The answer to a call that repeats an assignment of which only a colleague can say how it ended.
pub fn left_to_people() -> Refusal {
    let message = "An earlier call to hand this conversation over waits for a colleague, who will see what became of it. Nothing \
        was done now. Do not send it again.";
    Refusal::new("waits_for_colleague", Next::WaitForHuman, message)
}
