//! What people, customers and timers tell a room, as opposed to an AI agent's calls.

use super::company::Ground;
use super::effect::Settlement;
use super::event::{Customer, Fact, ParkedOn, Writer};
use super::ids::{AgentId, CallId, Timestamp};
use super::refusal::{Next, Refusal};
use super::state::{Lifecycle, Room};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Make the room, or say how it is now called.
    Describe {
        channel: String,
        customer: Customer,
    },
    /// Somebody wrote. The store knows each message id of a room once.
    Message {
        message_id: String,
        from: Writer,
        agent_id: Option<AgentId>,
        text: String,
    },
    Pause {
        reason: Option<String>,
    },
    Resume,
    Snooze {
        until: Timestamp,
    },
    /// A snooze's timer.
    Wake,
    /// End a call that waits.
    CancelCall {
        call_id: CallId,
    },
    /// The roster reserved a place of `agent` for assignment number `assignment`.
    Offer {
        agent: AgentId,
        agent_name: String,
        assignment: u64,
    },
    /// The roster has nobody free: `position` 1 is next.
    QueuedAt {
        assignment: u64,
        position: u64,
    },
    /// The roster did not answer in time.
    OfferOverdue {
        assignment: u64,
    },
    /// The lane settled this call's effect.
    EffectSettled {
        call_id: CallId,
        settlement: Settlement,
    },
    /// The lane cannot tell whether this call's effect happened, and looks it up.
    EffectDoubted {
        call_id: CallId,
    },
    /// A person has a dead letter tried again; what was started before is looked up first.
    RetryEffect {
        call_id: CallId,
        reason: String,
    },
    /// A person says how a dead letter ended.
    SettleEffect {
        call_id: CallId,
        /// Whether it happened.
        succeeded: bool,
        /// Id of the record there, if it made one.
        record: Option<String>,
        reason: String,
    },
    /// Wake and go on with what is open; changes nothing by itself.
    Nudge,
}

/// What a command came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandAnswer {
    /// The room did not exist before.
    pub created: bool,
    /// Anything happened at all.
    pub changed: bool,
}

/// The facts a command leads to; empty when it is already so. Calls that it ends are the shell's to find
/// (`Room::parked`), because their answers are.
pub fn decide(room: &Room, command: &Command, ground: &Ground<'_>) -> Result<Vec<Fact>, Refusal> {
    let creates = matches!(command, Command::Describe { .. } | Command::Message { .. });
    if !room.exists() && !creates {
        return Err(Refusal::new("unknown_room", Next::DoNotRetry, "There is no such room."));
    }
    Ok(match command {
        Command::Describe { channel, customer } => describe(room, channel, customer),
        Command::Message { message_id, from, agent_id, text } => {
            if let Some(agent) = agent_id
                && ground.company.agent(agent).is_none()
            {
                return Err(Refusal::new("unknown_agent", Next::FixAndRetry, "There is no such agent."));
            }
            message(room, message_id, *from, agent_id.clone(), text)
        }
        Command::Pause { .. } if room.paused => vec![],
        Command::Pause { reason } => vec![Fact::RoomPaused { reason: reason.clone() }],
        Command::Resume if !room.paused => vec![],
        Command::Resume => vec![Fact::RoomResumed],
        Command::Snooze { .. } if matches!(room.lifecycle, Lifecycle::Resolved { .. }) => {
            return Err(Refusal::new("room_resolved", Next::DoNotRetry, "The conversation is resolved."));
        }
        Command::Snooze { until } if *until <= ground.now => {
            return Err(Refusal::new("argument_invalid", Next::FixAndRetry, "A room can only be snoozed until a later time."));
        }
        Command::Snooze { until } if room.lifecycle == (Lifecycle::Snoozed { until: *until }) => vec![],
        Command::Snooze { until } => vec![Fact::RoomSnoozed { until: *until }],
        Command::Wake => match room.lifecycle {
            Lifecycle::Snoozed { until } if until <= ground.now => vec![Fact::RoomWoken],
            _ => vec![],
        },
        Command::Offer { agent, agent_name, assignment } => match room.wanted() {
            Some(wanted) if wanted.assignment == *assignment => {
                vec![Fact::AgentAssigned { agent_id: agent.clone(), agent_name: agent_name.clone(), assignment: *assignment }]
            }
            _ => vec![],
        },
        Command::EffectSettled { call_id, settlement } => match room.effect(call_id) {
            Some(effect) if !effect.stranded => linked(call_id, settlement),
            _ => vec![],
        },
        Command::SettleEffect { call_id, succeeded, record, reason } => match room.effect(call_id) {
            Some(effect) if effect.stranded => linked(call_id, &effect.settled_by_hand(*succeeded, record.as_deref(), reason)),
            _ => return Err(not_stranded()),
        },
        Command::EffectDoubted { call_id } => match room.effect(call_id) {
            Some(effect) if !effect.stranded && !effect.doubtful => {
                vec![Fact::EffectDoubted { call_id: call_id.clone(), name: effect.name.clone() }]
            }
            _ => vec![],
        },
        Command::RetryEffect { call_id, reason } => match room.effect(call_id) {
            Some(effect) if effect.stranded => vec![
                Fact::EffectRetried { call_id: call_id.clone(), name: effect.name.clone(), reason: reason.clone() },
                Fact::CallParked { call_id: call_id.clone(), name: effect.name.clone(), on: ParkedOn::Effect },
            ],
            _ => return Err(not_stranded()),
        },
        Command::CancelCall { .. } | Command::QueuedAt { .. } | Command::OfferOverdue { .. } | Command::Nudge => vec![],
    })
}

fn linked(call_id: &CallId, settlement: &Settlement) -> Vec<Fact> {
    settlement.link.iter().map(|link| Fact::RecordLinked { call_id: call_id.clone(), link: link.clone() }).collect()
}

fn not_stranded() -> Refusal {
    Refusal::new("not_a_dead_letter", Next::DoNotRetry, "Only a call that is unresolved or dead waits for a person's decision.")
}

fn describe(room: &Room, channel: &str, customer: &Customer) -> Vec<Fact> {
    let (channel, customer) = (channel.to_owned(), customer.clone());
    if !room.exists() {
        vec![Fact::RoomCreated { channel, customer }]
    } else if room.channel == channel && *room.customer == customer {
        vec![]
    } else {
        vec![Fact::RoomDescribed { channel, customer }]
    }
}

fn message(room: &Room, message_id: &str, from: Writer, agent_id: Option<AgentId>, text: &str) -> Vec<Fact> {
    let mut facts = vec![];
    if !room.exists() {
        facts.push(Fact::RoomCreated { channel: "unknown".into(), customer: Customer::default() });
    }
    if from == Writer::Customer && matches!(room.lifecycle, Lifecycle::Resolved { .. }) {
        facts.push(Fact::RoomReopened { episode: room.episode + 1 });
    }
    facts.push(Fact::MessageReceived { message_id: message_id.to_owned(), from, agent_id, text: text.to_owned() });
    facts
}
