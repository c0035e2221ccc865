//! What a room is. Only `Room::apply` changes it; everything else borrows it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::came_back::CameBack;
use super::dead_letter::Poisoned;
use super::effect::{EffectKind, OpenEffect, Outside, RecordKind, is_zero};
use super::event::{AssignTarget, Customer};
use super::goodbye::Goodbye;
use super::ids::{AgentId, CallId, Timestamp};
use super::not_there::NotThere;
use super::parked::{Barrier, ParkedCall};

/// States of a call (design.md section 3). All but the first five are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallStatus {
    Accepted,
    Running,
    Scheduled,
    Parked,
    Unknown,
    Succeeded,
    Refused,
    Failed,
    Unresolved,
    Dead,
    Cancelled,
    Expired,
}

impl CallStatus {
    pub const ALL: [Self; 12] = [
        Self::Accepted,
        Self::Running,
        Self::Scheduled,
        Self::Parked,
        Self::Unknown,
        Self::Succeeded,
        Self::Refused,
        Self::Failed,
        Self::Unresolved,
        Self::Dead,
        Self::Cancelled,
        Self::Expired,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Running => "running",
            Self::Scheduled => "scheduled",
            Self::Parked => "parked",
            Self::Unknown => "unknown",
            Self::Succeeded => "succeeded",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unresolved => "unresolved",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Nothing more will happen by itself.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Accepted | Self::Running | Self::Scheduled | Self::Parked | Self::Unknown)
    }
}

/// Where the conversation is in its life; who controls it is another fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Lifecycle {
    Open,
    /// We wrote last; the customer is to answer.
    Waiting {
        since: Timestamp,
    },
    Snoozed {
        until: Timestamp,
    },
    Resolved {
        at: Timestamp,
    },
}

impl Lifecycle {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Waiting { .. } => "waiting",
            Self::Snoozed { .. } => "snoozed",
            Self::Resolved { .. } => "resolved",
        }
    }
}

/// An assignment asked of the roster and not yet made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    pub target: AssignTarget,
    pub since: Timestamp,
    /// The number the assignment will have.
    pub assignment: u64,
    /// Who is not to get it: they had it and did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub but: Option<AgentId>,
    /// The channel's own people are asked, not the roster.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub there: bool,
    /// It counts among the hand-overs of this conversation (`Room::hand_overs`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counted: bool,
    /// The channel is being told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Begun>,
}

/// Whom the channel is told to give a conversation to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// `None`: it chooses.
    pub agent: Option<AgentId>,
}

/// Who may act towards the customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "control", rename_all = "snake_case")]
pub enum Control {
    Bot,
    /// Waits for the roster to find a person.
    Queue(Box<Wanted>),
    Person {
        agent: AgentId,
        assignment: u64,
    },
    Nobody,
}

impl Control {
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::Queue { .. } => "queue",
            Self::Person { .. } => "person",
            Self::Nobody => "nobody",
        }
    }
}

/// A tag on this room. Two names that fold alike are the same tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    pub folded: String,
    pub shown: String,
    pub episode: u32,
}

/// How a room was resolved, kept for the answer to a second resolve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    pub reason_code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Who did it, as in the journal.
    pub by: String,
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled_by: Option<AgentId>,
}

/// What a room remembers of the person who has it, and of those before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staffed {
    /// Since when whoever has it has it.
    #[serde(default)]
    pub since: Timestamp,
    /// Last sign of life of the person who has it.
    pub active_at: Timestamp,
    /// Since when the customer waits for that person; `None`: they answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaited_since: Option<Timestamp>,
    /// How often the room was taken from somebody who did not answer.
    #[serde(default)]
    pub idle_moves: u32,
    /// Who had it before whoever has it now, or last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_agent: Option<AgentId>,
    /// What whoever has it is called, where they are known by a name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The first letters of what they wrote last.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub said: String,
    /// It was a person's and is the AI agent's again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub came_back: Option<Box<CameBack>>,
}

/// What is shared between a room and its drafts is written as if it were not: a draft is made for every step, and most steps
/// change neither.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<T: Serialize, S: Serializer>(value: &Arc<T>, to: S) -> Result<S::Ok, S::Error> {
        value.as_ref().serialize(to)
    }

    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Arc<T>, D::Error> {
        T::deserialize(from).map(Arc::new)
    }
}

/// A room is the fold of its journal, nothing else: its snapshot may be thrown away and made again.
/// **Invariant:** `version` is the sequence number of the last event applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    pub version: i64,
    /// Control epoch: +1 whenever control moves.
    pub epoch: i64,
    /// +1 on each reopening.
    pub episode: u32,
    /// The episode in which the conversation last began anew, or became another customer's; 0: it never did.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub began: u32,
    pub lifecycle: Lifecycle,
    pub control: Control,
    /// Held by a person while another is looked for: the old one keeps the room until the new one has a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reassigning: Option<Box<Wanted>>,
    pub channel: String,
    #[serde(with = "shared")]
    pub customer: Arc<Customer>,
    #[serde(with = "shared")]
    pub tags: Arc<Vec<Tag>>,
    /// Number of the last assignment asked for; key of the roster's slot.
    pub assignment: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Box<Resolution>>,
    /// It is over in the channel's own inbox, and here it is not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resolved_there: bool,
    /// Sequence number of the customer's last message, 0 before the first.
    pub last_inbound_seq: i64,
    /// When the customer wrote last, as their channel says; 0: never.
    #[serde(default)]
    pub customer_wrote_at: Timestamp,
    /// The first letters of that message, for the refusal that quotes it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last_inbound_preview: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// In order of admission.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parked: Vec<ParkedCall>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub barrier: Option<Box<Barrier>>,
    /// A person types: what the AI agent would send waits until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typing_until: Option<Timestamp>,
    /// What the AI agent that handed over may still say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goodbye: Option<Box<Goodbye>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staffed: Option<Box<Staffed>>,
    /// Calls that were set aside because deciding them failed, oldest first, at most `Room::MOST_POISONED`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub poisoned: Vec<Poisoned>,
    /// What it has in the CRM; most rooms have nothing there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<Box<Outside>>,
    /// What people did last, where it did not come about in the channel's inbox; read it by `Room::not_there`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_there: Option<Box<NotThere>>,
    /// How often the AI agent handed this conversation over.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hand_overs: u32,
    pub last_event_at: Timestamp,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            version: 0,
            epoch: 1,
            episode: 1,
            began: 0,
            lifecycle: Lifecycle::Open,
            control: Control::Bot,
            reassigning: None,
            channel: String::new(),
            customer: Arc::default(),
            tags: Arc::default(),
            assignment: 0,
            resolution: None,
            resolved_there: false,
            last_inbound_seq: 0,
            customer_wrote_at: Timestamp(0),
            last_inbound_preview: String::new(),
            paused: false,
            parked: vec![],
            barrier: None,
            typing_until: None,
            goodbye: None,
            staffed: None,
            poisoned: vec![],
            outside: None,
            not_there: None,
            hand_overs: 0,
            last_event_at: Timestamp(0),
        }
    }
}

impl Room {
    /// How many characters of a customer's message are kept for refusals.
    pub const PREVIEW_CHARACTERS: usize = 80;

    /// Whether anything has ever happened here; a room without events does not exist.
    pub fn exists(&self) -> bool {
        self.version > 0
    }

    pub fn assignee(&self) -> Option<&AgentId> {
        match &self.control {
            Control::Person { agent, .. } => Some(agent),
            _ => None,
        }
    }

    /// What the roster is being asked for, if anything.
    pub fn wanted(&self) -> Option<&Wanted> {
        self.awaited().filter(|wanted| !wanted.there)
    }

    /// Whom the room waits for, of the roster or of the channel's own people.
    pub fn awaited(&self) -> Option<&Wanted> {
        match &self.control {
            Control::Queue(wanted) => Some(wanted),
            _ => self.reassigning.as_deref(),
        }
    }

    pub(super) fn effects_of(&mut self, call_id: &CallId) -> impl Iterator<Item = &mut OpenEffect> {
        let effects = self.outside.iter_mut().flat_map(|outside| &mut outside.effects);
        effects.filter(move |effect| effect.call_id == *call_id)
    }

    /// The effect of this call, open or stranded.
    pub fn effect(&self, call_id: &CallId) -> Option<&OpenEffect> {
        self.outside.as_ref().and_then(|outside| outside.effect(call_id))
    }

    /// Somebody is being looked for: by the roster, or in the channel as long as that is told.
    pub fn is_assigning(&self) -> bool {
        let there = || self.outside.as_ref().is_some_and(|outside| outside.is_under_way(EffectKind::Assignment));
        self.awaited().is_some_and(|wanted| !wanted.there || there())
    }

    /// What this resolve waited for and has not ended.
    pub fn pending_effects(&self, resolve: &CallId) -> Vec<CallId> {
        let barrier = self.barrier.iter().filter(|barrier| barrier.call_id == *resolve);
        let waits = |id: &&CallId| self.parked.iter().any(|parked| parked.call_id == **id);
        barrier.flat_map(|barrier| &barrier.waits_for).filter(waits).cloned().collect()
    }

    /// It is being resolved: a resolve waits at its barrier, or the channel is being told.
    pub fn is_resolving(&self) -> bool {
        self.barrier.is_some() || self.is_resolving_there()
    }

    /// The channel is being told that it is over.
    pub fn is_resolving_there(&self) -> bool {
        self.outside.as_ref().is_some_and(|outside| outside.is_under_way(EffectKind::Resolution))
    }

    /// A file is on its way to the customer.
    pub fn is_sending(&self) -> bool {
        self.outside.as_ref().is_some_and(|outside| outside.is_under_way(EffectKind::Attachment))
    }

    /// Whether a record of this kind is being made for this room.
    pub fn is_making(&self, kind: RecordKind) -> bool {
        self.outside.as_ref().is_some_and(|outside| outside.creates(kind, self.began).any(|effect| !effect.stranded))
    }
}
