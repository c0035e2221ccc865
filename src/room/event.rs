//! What happened in a room: facts, past tense, in the journal for ever. Adding a fact is one variant here and one arm in
//! `Room::apply`; a variant is never renamed or removed, because old journals must stay readable.

use serde::{Deserialize, Serialize};

use super::because::Because;
use super::closing::ClosingOutcome;
use super::company::Division;
use super::delivery::{DeliveryWord, Prepared};
use super::effect::{EffectPlan, SentFile};
use super::ids::{AgentId, AiAgentId, CallId, DivisionId, Timestamp};
use super::link::Link;
use super::parked::{ParkedOn, ToolMark};
use super::state::CallStatus;

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    AiAgent(AiAgentId),
    /// A person with a key (operator, builder, admin): the key's id.
    Person(Box<str>),
    /// A person who answers customers, in a conversation.
    Agent(AgentId),
    Customer,
    /// Bellhop itself: a timer, the roster.
    System,
}

impl By {
    /// `ai_agent:sales`, `key:key_…`, `agent:agt_…`, `customer`, `system`: how it stands in the store and in answers.
    pub fn to_text(&self) -> String {
        match self {
            Self::AiAgent(id) => format!("ai_agent:{id}"),
            Self::Person(key) => format!("key:{key}"),
            Self::Agent(id) => format!("agent:{id}"),
            Self::Customer => "customer".into(),
            Self::System => "system".into(),
        }
    }

    /// What `to_text` made.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.split_once(':') {
            Some(("ai_agent", id)) => Self::AiAgent(AiAgentId::trusted(id)),
            Some(("key", key)) => Self::Person(key.into()),
            Some(("agent", id)) => Self::Agent(AgentId::trusted(id)),
            None if text == "customer" => Self::Customer,
            None if text == "system" => Self::System,
            _ => return None,
        })
    }
}

/// What it was done for. The id alone is the event's `cause`, the kind stands beside it as `cause_kind`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    Call(CallId),
    Message(Box<str>),
    /// A request of a person: its request id.
    Request(Box<str>),
    /// An offer of the roster, by the assignment number it is for.
    Offer(u64),
    /// A timer, by its kind.
    Timer(&'static str),
    /// What an outside system told us, by its number in the inbox.
    Webhook(i64),
}

impl Cause {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Call(_) => "call",
            Self::Message(_) => "message",
            Self::Request(_) => "request",
            Self::Offer(_) => "offer",
            Self::Timer(_) => "timer",
            Self::Webhook(_) => "webhook",
        }
    }

    pub fn id(&self) -> String {
        match self {
            Self::Call(id) => id.to_string(),
            Self::Message(id) | Self::Request(id) => id.to_string(),
            Self::Offer(assignment) => assignment.to_string(),
            Self::Timer(kind) => (*kind).to_owned(),
            Self::Webhook(number) => number.to_string(),
        }
    }
}

/// The customer of a room as its channel names them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    pub handle: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Writer {
    Customer,
    Agent,
    AiAgent,
}

/// Whom an assignment asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum AssignTarget {
    Agent { agent: AgentId },
    Division { division: DivisionId },
    Auto,
}

impl AssignTarget {
    /// What it comes to where these are the divisions: who waits for one that was removed since waits for anybody.
    pub fn among(&self, divisions: &[Division]) -> &Self {
        match self {
            Self::Division { division } if !divisions.iter().any(|one| one.id == *division) => &Self::Auto,
            target => target,
        }
    }
}

/// How a person came to have the conversation without being asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TakenBy {
    /// By a button, here or in the channel's own inbox.
    Takeover,
    /// By answering the customer.
    Reply,
    /// Somebody gave it to them in the channel's own inbox.
    Assignment,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Fact {
    RoomCreated {
        channel: String,
        customer: Customer,
    },
    RoomDescribed {
        channel: String,
        customer: Customer,
    },
    MessageReceived {
        message_id: String,
        from: Writer,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent_id: Option<AgentId>,
        text: String,
        /// Newer things of the conversation were known already: it is kept and moves nothing.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        late: bool,
        /// When it was written, as its channel says; absent: then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        said_at: Option<Timestamp>,
        /// It is no words (a reaction): kept, and moves nothing.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        aside: bool,
    },
    /// A customer wrote into a resolved room.
    RoomReopened {
        episode: u32,
        /// It begins anew: what belonged to the one before stays behind.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        anew: bool,
        /// But for its tags: the channel still shows them.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        keeps_tags: bool,
    },
    /// `tags` were added (as they are shown); `created` of them are new to the company.
    TagsAdded {
        tags: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        created: Vec<String>,
    },
    ConversationResolved {
        reason_code: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        /// Who held the room when it was resolved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        handled_by: Option<AgentId>,
        /// Calls of the request that resolved it, which had not ended by then: a person looks at what comes of them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pending_effects: Vec<CallId>,
        /// What became of the company's closing message, where a channel had to be told it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        closing_message: Option<ClosingOutcome>,
    },
    /// It is over in the channel's own inbox while here it is not: it was being resolved by us, or its customer wrote.
    ResolvedThere,
    /// Control went to the queue: the roster is asked for `target`, who will hold it as assignment number `assignment`.
    RoomQueued {
        target: AssignTarget,
        assignment: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The person who had it is gone already; else they keep it until the next one has it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        leaves: bool,
        /// Who is not to get it again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        but: Option<AgentId>,
        /// The channel's own people are asked, not the roster.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        there: bool,
    },
    /// The channel is being told whom the conversation is for; `agent` absent: it chooses by itself. Whoever has it there from here
    /// on may have it by that.
    AssignmentBegun {
        assignment: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<AgentId>,
    },
    /// The channel did not give the conversation to anybody, so nobody is waited for any more.
    AssignmentDropped {
        assignment: u64,
    },
    /// The request that handed the conversation over may still say goodbye: with this call, and until then.
    GoodbyeGranted {
        call_id: CallId,
        /// The assignment it asked for.
        assignment: u64,
        until: Timestamp,
    },
    AgentAssigned {
        agent_id: AgentId,
        agent_name: String,
        assignment: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<Because>,
    },
    /// A person took the conversation.
    RoomTaken {
        agent_id: AgentId,
        agent_name: String,
        assignment: u64,
        how: TakenBy,
    },
    /// A person is writing to the customer: what the AI agent sends waits until then.
    PersonTyping {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent_id: Option<AgentId>,
        until: Timestamp,
    },
    /// Control went back to the AI agent.
    RoomReturned {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The customer's channel took a file.
    AttachmentSent {
        call_id: CallId,
        #[serde(flatten)]
        file: std::sync::Arc<SentFile>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caption: Option<String>,
        /// The channel's own id of the message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message_id: Option<String>,
        /// What its call was answered: what the same file is answered while it counts as sent.
        result: std::sync::Arc<str>,
    },
    AttachmentPrepared(Prepared),
    /// The room let a file's message go: from here on it can only be looked up.
    AttachmentSubmitting {
        call_id: CallId,
        attempt: u32,
    },
    /// The channel said what became of a message with a file. `call_id`: absent as long as nobody knows whose it is.
    DeliveryMoved {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call_id: Option<CallId>,
        #[serde(flatten)]
        word: DeliveryWord,
    },
    TagsRemoved {
        tags: Vec<String>,
    },
    /// A resolve waits for these calls of its own request, at most until then.
    BarrierRaised {
        call_id: CallId,
        waits_for: Vec<CallId>,
        until: Timestamp,
    },
    BarrierLifted {
        call_id: CallId,
    },
    /// A person said yes; `arguments`: what they changed the call's arguments to, canonical JSON.
    CallApproved {
        call_id: CallId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        arguments: Option<String>,
        /// The tool as it is called with those.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asked: Option<Box<ToolMark>>,
    },
    RoomPaused {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    RoomResumed,
    RoomSnoozed {
        until: Timestamp,
    },
    RoomWoken,
    /// A call waits, durably, until its `CallAnswered`.
    CallParked {
        call_id: CallId,
        name: String,
        on: ParkedOn,
        /// Calls of its own request that it has to do with, once it goes on (`ParkedCall::beside`).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        beside: Vec<CallId>,
        /// Of one that waits for a yes: the tool it is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asked: Option<Box<ToolMark>>,
    },
    /// The CRM is to be told; the call that wants it runs until the effect is settled.
    EffectRequested {
        call_id: CallId,
        name: String,
        #[serde(flatten)]
        plan: EffectPlan,
    },
    /// It may or may not have happened out there; it is being looked up.
    EffectDoubted {
        call_id: CallId,
        name: String,
    },
    /// A person had a dead letter tried again.
    EffectRetried {
        call_id: CallId,
        name: String,
        reason: String,
        /// Also where nobody can tell whether an earlier try of it arrived.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        send_again: bool,
    },
    /// A person had a call tried again whose decision had failed inside.
    CallRetried {
        call_id: CallId,
        name: String,
        reason: String,
    },
    /// A record of the CRM belongs to this room, or changed its name there.
    RecordLinked {
        call_id: CallId,
        #[serde(flatten)]
        link: Link,
    },
    /// A call ended without changing anything else (refused, or nothing was left to do), or after having been parked.
    /// **Invariant:** every admitted call leaves at least one event, and a parked one ends with this.
    CallAnswered {
        call_id: CallId,
        name: String,
        status: CallStatus,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
    },
}

/// One line of the journal.
/// **Invariant:** in a room `seq` runs 1, 2, 3, … without a gap, and `at` never goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomEvent {
    pub seq: i64,
    pub at: Timestamp,
    pub by: By,
    pub cause: Cause,
    pub fact: Fact,
}
