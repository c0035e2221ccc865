//! What a room is. Only `Room::apply` changes it; everything else borrows it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::effect::{OpenEffect, Outside, RecordKind};
use super::event::{AssignTarget, Customer, Fact, ParkedOn, RoomEvent, Writer};
use super::ids::{AgentId, CallId, Timestamp};

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
}

/// Who may act towards the customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "control", rename_all = "snake_case")]
pub enum Control {
    Bot,
    /// Waits for the roster to find a person.
    Queue(Wanted),
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

/// A call that waits; its arguments are in its own row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedCall {
    pub call_id: CallId,
    pub on: ParkedOn,
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
    pub lifecycle: Lifecycle,
    pub control: Control,
    /// Held by a person while another is looked for: the old one keeps the room until the new one has a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reassigning: Option<Wanted>,
    pub channel: String,
    #[serde(with = "shared")]
    pub customer: Arc<Customer>,
    #[serde(with = "shared")]
    pub tags: Arc<Vec<Tag>>,
    /// Number of the last assignment asked for; key of the roster's slot.
    pub assignment: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
    /// Sequence number of the customer's last message, 0 before the first.
    pub last_inbound_seq: i64,
    /// The first letters of that message, for the refusal that quotes it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last_inbound_preview: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// In order of admission.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parked: Vec<ParkedCall>,
    /// What it has in the CRM; most rooms have nothing there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<Box<Outside>>,
    pub last_event_at: Timestamp,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            version: 0,
            epoch: 1,
            episode: 1,
            lifecycle: Lifecycle::Open,
            control: Control::Bot,
            reassigning: None,
            channel: String::new(),
            customer: Arc::default(),
            tags: Arc::default(),
            assignment: 0,
            resolution: None,
            last_inbound_seq: 0,
            last_inbound_preview: String::new(),
            paused: false,
            parked: vec![],
            outside: None,
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
        match &self.control {
            Control::Queue(wanted) => Some(wanted),
            _ => self.reassigning.as_ref(),
        }
    }

    /// Folds the next event in. `event.seq` must be `version + 1`.
    pub fn apply(&mut self, event: &RoomEvent) {
        debug_assert_eq!(event.seq, self.version + 1, "a journal has no gaps");
        self.version = event.seq;
        self.last_event_at = event.at;
        match &event.fact {
            Fact::RoomCreated { channel, customer } | Fact::RoomDescribed { channel, customer } => {
                self.channel.clone_from(channel);
                self.customer = Arc::new(customer.clone());
            }
            Fact::MessageReceived { from: Writer::Customer, text, .. } => {
                self.last_inbound_seq = event.seq;
                self.last_inbound_preview = text.chars().take(Self::PREVIEW_CHARACTERS).collect();
                if matches!(self.lifecycle, Lifecycle::Waiting { .. } | Lifecycle::Snoozed { .. }) {
                    self.lifecycle = Lifecycle::Open;
                }
            }
            Fact::MessageReceived { .. } => {
                if self.lifecycle == Lifecycle::Open {
                    self.lifecycle = Lifecycle::Waiting { since: event.at };
                }
            }
            Fact::RoomReopened { episode } => {
                self.episode = *episode;
                self.lifecycle = Lifecycle::Open;
                self.resolution = None;
                self.reassigning = None;
                self.move_control(Control::Bot);
            }
            Fact::TagsAdded { tags, .. } => {
                for shown in tags {
                    let folded = super::tag::fold(shown);
                    if !self.tags.iter().any(|tag| tag.folded == folded) {
                        Arc::make_mut(&mut self.tags).push(Tag { folded, shown: shown.clone(), episode: self.episode });
                    }
                }
            }
            Fact::ConversationResolved { reason_code, note, handled_by } => {
                self.lifecycle = Lifecycle::Resolved { at: event.at };
                self.resolution = Some(Resolution {
                    reason_code: reason_code.clone(),
                    note: note.clone(),
                    by: event.by.to_text(),
                    at: event.at,
                    handled_by: handled_by.clone(),
                });
                self.reassigning = None;
                self.move_control(Control::Nobody);
            }
            Fact::RoomQueued { target, assignment, .. } => {
                self.assignment = *assignment;
                let wanted = Wanted { target: target.clone(), since: event.at, assignment: *assignment };
                if matches!(self.control, Control::Person { .. }) {
                    self.reassigning = Some(wanted);
                } else {
                    self.move_control(Control::Queue(wanted));
                }
            }
            Fact::AgentAssigned { agent_id, assignment, .. } => {
                self.assignment = self.assignment.max(*assignment);
                self.reassigning = None;
                self.move_control(Control::Person { agent: agent_id.clone(), assignment: *assignment });
            }
            Fact::RoomPaused { .. } => self.paused = true,
            Fact::RoomResumed => self.paused = false,
            Fact::RoomSnoozed { until } => self.lifecycle = Lifecycle::Snoozed { until: *until },
            Fact::RoomWoken => {
                if matches!(self.lifecycle, Lifecycle::Snoozed { .. }) {
                    self.lifecycle = Lifecycle::Open;
                }
            }
            Fact::CallParked { call_id, on, .. } => match self.parked.iter_mut().find(|parked| parked.call_id == *call_id) {
                Some(parked) => parked.on = *on,
                None => self.parked.push(ParkedCall { call_id: call_id.clone(), on: *on }),
            },
            Fact::CallAnswered { call_id, status, .. } => {
                self.parked.retain(|parked| parked.call_id != *call_id);
                let stranded = matches!(status, CallStatus::Unresolved | CallStatus::Dead);
                if let Some(outside) = self.outside.as_mut().filter(|_| !stranded) {
                    outside.effects.retain(|effect| effect.call_id != *call_id);
                }
                self.effects_of(call_id).for_each(|effect| effect.stranded = true);
            }
            Fact::EffectRequested { call_id, name, plan } => {
                let effect = OpenEffect {
                    call_id: call_id.clone(),
                    name: name.clone(),
                    plan: plan.clone(),
                    epoch: self.epoch,
                    episode: self.episode,
                    since: event.at,
                    stranded: false,
                    doubtful: false,
                    retries: 0,
                };
                self.outside.get_or_insert_default().effects.push(effect);
            }
            Fact::EffectDoubted { call_id, .. } => self.effects_of(call_id).for_each(|effect| effect.doubtful = true),
            Fact::EffectRetried { call_id, .. } => {
                for effect in self.effects_of(call_id) {
                    (effect.stranded, effect.doubtful) = (false, false);
                    effect.retries += 1;
                    effect.since = event.at;
                }
            }
            Fact::RecordLinked { link, .. } => self.outside.get_or_insert_default().link(link.clone()),
        }
    }

    fn effects_of(&mut self, call_id: &CallId) -> impl Iterator<Item = &mut OpenEffect> {
        let effects = self.outside.iter_mut().flat_map(|outside| &mut outside.effects);
        effects.filter(move |effect| effect.call_id == *call_id)
    }

    /// The effect of this call, open or stranded.
    pub fn effect(&self, call_id: &CallId) -> Option<&OpenEffect> {
        self.outside.as_ref().and_then(|outside| outside.effect(call_id))
    }

    /// Whether a record of this kind is being made for this room.
    pub fn is_making(&self, kind: RecordKind) -> bool {
        self.outside.as_ref().is_some_and(|outside| outside.is_making(kind))
    }

    fn move_control(&mut self, to: Control) {
        if self.control != to {
            self.control = to;
            self.epoch += 1;
        }
    }
}
