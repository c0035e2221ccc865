//! What people, customers and timers tell a room, as opposed to an AI agent's calls.

use super::because::Because;
use super::came_back::NAMELESS;
use super::company::Ground;
use super::courtesy::is_courtesy;
use super::delivery::{DeliveryWord, Prepared};
use super::event::{Customer, Fact, TakenBy, Writer};
use super::hand_over::{self, Resolving};
use super::ids::{AgentId, CallId, Timestamp};
use super::offered::{self, Offered};
use super::refusal::{Next, Refusal};
use super::settlement::Settlement;
use super::state::{Control, Lifecycle, Room};
use super::{deliveries, goodbye, settled};

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
    /// Somebody wrote in the channel's own inbox. What comes from there may be late, so it says what it may still move.
    Heard {
        message_id: String,
        from: Writer,
        agent_id: Option<AgentId>,
        text: String,
        moves: Moves,
        /// When it was written, as the channel says; `None`: now.
        said_at: Option<Timestamp>,
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
        because: Option<Because>,
    },
    /// The roster has nobody free: `position` 1 is next.
    QueuedAt {
        assignment: u64,
        position: u64,
        /// When the division opens again, if it is closed now.
        opens_at: Option<Timestamp>,
    },
    /// The roster did not answer in time.
    OfferOverdue {
        assignment: u64,
    },
    /// The lane settled this try of the call's effect. One that a person has had tried again since is not ended by the try before.
    EffectSettled {
        call_id: CallId,
        attempt: u32,
        settlement: Settlement,
    },
    /// The lane cannot tell whether this try of the call's effect happened, and looks it up.
    EffectDoubted {
        call_id: CallId,
        attempt: u32,
    },
    Prepared(Box<Prepared>),
    /// The lane is about to send a message of this call's file, or a part of its resolve or assignment: whether it may go now.
    /// Refused, it does not.
    Submit {
        call_id: CallId,
        attempt: u32,
        /// Whom that part gives the conversation to.
        hands_to: Option<AgentId>,
    },
    /// The channel says what became of a message.
    DeliveryTold(Box<DeliveryWord>),
    /// A person has a dead letter tried again; what was started before is looked up first.
    RetryEffect {
        call_id: CallId,
        reason: String,
        send_again: bool,
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
    /// A person takes the conversation.
    TakeOver {
        agent: AgentId,
        agent_name: String,
        how: TakenBy,
    },
    /// It goes back to the AI agent; `of`: only if this person has it.
    GiveBack {
        of: Option<AgentId>,
        reason: Option<String>,
    },
    /// The person who has it is gone (offline, or no agent any more).
    Requeue {
        agent: AgentId,
        why: &'static str,
    },
    /// Its timer: the person who has it did not answer the customer.
    PersonIdle,
    /// Its timer: the person who has it shows no sign of life.
    PersonSilent,
    /// A person is writing to the customer.
    Typing {
        agent: Option<AgentId>,
    },
    /// Its timer: a call waited long enough for a person who types.
    TypingOver,
    /// By a person, or in the channel's own inbox.
    Tag {
        tags: Vec<String>,
    },
    Untag {
        tags: Vec<String>,
    },
    Resolve {
        reason_code: String,
        note: Option<String>,
    },
    /// Its timer: a resolve waits no longer for the other calls of its request.
    BarrierOverdue,
    /// A person says yes to a call that waits for one. `arguments`: what they changed them to, canonical JSON.
    Approve {
        call_id: CallId,
        /// Whose key it is: nobody approves their own call.
        key_id: std::sync::Arc<str>,
        arguments: Option<std::sync::Arc<str>>,
    },
    Reject {
        call_id: CallId,
        reason: String,
    },
    /// Its timer: a call waited too long for its yes.
    ApprovalOverdue,
    /// Wake and go on with what is open; changes nothing by itself.
    Nudge,
}

/// What a message that was heard moves, beside being kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moves {
    /// As if it had been written here.
    Everything,
    /// Whose turn it is, and not who has the conversation: that is known from elsewhere.
    Turn,
    /// Newer things are known already.
    Nothing,
    /// It is no words: not even something to be read.
    Aside,
}

impl Command {
    /// The id of the message it brings, which the store knows once.
    pub fn message_id(&self) -> Option<&str> {
        match self {
            Self::Message { message_id, .. } | Self::Heard { message_id, .. } => Some(message_id),
            _ => None,
        }
    }
}

/// What a command came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandAnswer {
    /// The room did not exist before.
    pub created: bool,
    /// Anything happened at all.
    pub changed: bool,
    /// The call by which it is done in the channel's own inbox.
    pub call_id: Option<CallId>,
}

/// The facts a command leads to; empty when it is already so. Calls that it ends are the shell's to find
/// (`Room::parked`), because their answers are.
pub fn decide(room: &Room, command: &Command, ground: &Ground<'_>) -> Result<Vec<Fact>, Refusal> {
    let creates = matches!(command, Command::Describe { .. } | Command::Message { .. } | Command::Heard { .. });
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
            message(room, (message_id, *from, agent_id.clone(), text), (Moves::Everything, None), ground)
        }
        Command::Heard { message_id, from, agent_id, text, moves, said_at } => {
            // Whoever is not in our directory still wrote it; the event's actor says who.
            let known = agent_id.clone().filter(|agent| ground.company.agent(agent).is_some());
            message(room, (message_id, *from, known, text), (*moves, *said_at), ground)
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
        Command::Offer { agent, agent_name, assignment, because } => {
            let offered = Offered { agent, agent_name, assignment: *assignment, because: because.as_ref() };
            offered::taken(room, offered, ground.company)
        }
        Command::EffectSettled { call_id, attempt, settlement } => match room.effect(call_id) {
            Some(effect) if effect.is_at(*attempt) => settled::settled(room, effect, settlement, ground),
            _ => vec![],
        },
        Command::SettleEffect { call_id, succeeded, record, reason } => {
            settled::linked(call_id, &room.dead_letter(call_id)?.settled(*succeeded, record.as_deref(), reason))
        }
        Command::EffectDoubted { call_id, attempt } => match room.effect(call_id) {
            Some(effect) if effect.is_at(*attempt) && !effect.doubtful => {
                vec![Fact::EffectDoubted { call_id: call_id.clone(), name: effect.name.clone() }]
            }
            _ => vec![],
        },
        Command::Prepared(prepared) => deliveries::prepared(room, prepared),
        Command::Submit { call_id, attempt, hands_to } => {
            deliveries::submitted(room, call_id, (*attempt, hands_to.as_ref()), ground)?
        }
        Command::DeliveryTold(word) => deliveries::heard(room, word, ground),
        Command::RetryEffect { call_id, reason, send_again } => room.dead_letter(call_id)?.retried(reason, *send_again)?,
        Command::TakeOver { agent, how: TakenBy::Assignment, .. } if hand_over::is_our_own_doing(room, agent) => vec![],
        Command::TakeOver { agent, agent_name, how } => hand_over::take_over(room, agent, agent_name, *how)?,
        Command::GiveBack { of, reason } => hand_over::give_back(room, of.as_ref(), reason.as_deref(), ground.company)?,
        Command::Requeue { agent, why } => hand_over::requeue(room, agent, why, ground.company),
        Command::PersonIdle => hand_over::person_idle(room, ground),
        Command::PersonSilent => hand_over::person_silent(room, ground),
        Command::Typing { agent } => hand_over::typing(room, agent.as_ref(), ground),
        Command::Tag { tags } => hand_over::tag_by_hand(room, tags, ground.company)?,
        Command::Untag { tags } => hand_over::untag(room, tags),
        Command::Resolve { reason_code, .. } if reason_code == hand_over::RESOLVED_THERE && room.resolved_there => vec![],
        // The effect says so itself, with its own reason; kept, if it should come to nothing.
        Command::Resolve { reason_code, .. } if reason_code == hand_over::RESOLVED_THERE && room.is_resolving_there() => {
            vec![Fact::ResolvedThere]
        }
        Command::Resolve { reason_code, note } => hand_over::resolve(
            room,
            Resolving { reason_code, note: note.as_deref(), by_call: None, closing: None },
            ground.company,
        ),
        Command::BarrierOverdue => match &room.barrier {
            Some(barrier) if barrier.until <= ground.now && !barrier.lifted => {
                vec![Fact::BarrierLifted { call_id: barrier.call_id.clone() }]
            }
            _ => vec![],
        },
        Command::CancelCall { .. }
        | Command::QueuedAt { .. }
        | Command::OfferOverdue { .. }
        | Command::Approve { .. }
        | Command::Reject { .. }
        | Command::ApprovalOverdue
        | Command::TypingOver
        | Command::Nudge => vec![],
    })
}

/// A person who answered without saying who they are.
pub const SOMEBODY: &str = "somebody";

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

type Written<'a> = (&'a str, Writer, Option<AgentId>, &'a str);

/// What it moves, and when it was written if not now.
type How = (Moves, Option<Timestamp>);

fn message(
    room: &Room,
    (message_id, from, agent_id, text): Written<'_>,
    (moves, said_at): How,
    ground: &Ground<'_>,
) -> Vec<Fact> {
    let people = &ground.company.settings.people;
    let (mut facts, mut goes_to) = (vec![], None);
    if !room.exists() {
        facts.push(Fact::RoomCreated { channel: "unknown".into(), customer: Customer::default() });
    }
    let (late, aside) = (moves == Moves::Nothing, moves == Moves::Aside);
    if let (Writer::Customer, Lifecycle::Resolved { at }, false) = (from, room.lifecycle, late || aside) {
        let thanks = ground.now.ms_since(at) < i64::from(people.courtesy_h) * 3_600_000 && is_courtesy(text);
        if !thanks {
            let anew = hand_over::begins_anew(at, ground);
            let keeps_tags = anew && ground.company.tells_channel(room);
            facts.push(Fact::RoomReopened { episode: room.episode + 1, anew, keeps_tags });
            goes_to = hand_over::goes_on_with(room, anew, ground);
        }
    }
    let resolved = matches!(room.lifecycle, Lifecycle::Resolved { .. });
    if from == Writer::Agent && moves == Moves::Everything && people.reply_takes_over && !resolved {
        let (agent, name) = match agent_id.as_ref().map(|id| (id, ground.company.agent(id))) {
            Some((id, known)) => (id.clone(), known.map_or_else(|| id.to_string(), |agent| agent.name.clone())),
            None => (AgentId::trusted(SOMEBODY), NAMELESS.to_owned()),
        };
        let held = matches!(&room.control, Control::Person { agent: holder, .. } if agent_id.is_none() || *holder == agent);
        if !held {
            let assignment = room.assignment + 1;
            facts.push(Fact::RoomTaken { agent_id: agent, agent_name: name, assignment, how: TakenBy::Reply });
        }
    }
    if from == Writer::Agent && !late && !aside && !facts.iter().any(|fact| matches!(fact, Fact::RoomTaken { .. })) {
        let name = |id: &AgentId| ground.company.agent(id).map_or_else(|| id.to_string(), |agent| agent.name.clone());
        facts.extend(goodbye::ended_by_words(room, name));
    }
    let (message_id, text) = (message_id.to_owned(), text.to_owned());
    facts.push(Fact::MessageReceived { message_id, from, agent_id, text, late, said_at, aside });
    if from == Writer::Customer && !late && !aside {
        facts.extend(goes_to);
        facts.extend(hand_over::left_alone(room, ground));
    }
    facts
}
