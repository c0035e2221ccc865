//! What a room asks of an outside system, and what it remembers of the records it has there. An effect is requested by one call
//! and ends with that call; how it is carried is `outbox`'s business. Holds no address, no token and no time-out.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::delivery::{Delivery, DeliveryWord};
use super::event::Customer;
use super::goodbye::Leave;
use super::ids::{CallId, Timestamp};
use super::link::Link;
use super::source::Source;

/// The kinds of records a room is linked to in the CRM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    Deal,
    Ticket,
}

impl RecordKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deal => "deal",
            Self::Ticket => "ticket",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Deal, Self::Ticket].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The outside systems of a company. Each has its own lane per room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Crm,
    /// Where the customer is.
    Channel,
}

impl Side {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crm => "crm",
            Self::Channel => "channel",
        }
    }
}

/// What an effect makes or changes out there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    Deal,
    Ticket,
    /// Who of the people there has the conversation.
    Assignment,
    /// The conversation's tags there.
    Tags,
    /// That the conversation is over there.
    Resolution,
    /// A file for the customer.
    Attachment,
}

impl EffectKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deal => "deal",
            Self::Ticket => "ticket",
            Self::Assignment => "assignment",
            Self::Tags => "tags",
            Self::Resolution => "resolution",
            Self::Attachment => "attachment",
        }
    }

    pub const fn side(self) -> Side {
        match self {
            Self::Deal | Self::Ticket => Side::Crm,
            Self::Assignment | Self::Tags | Self::Resolution | Self::Attachment => Side::Channel,
        }
    }
}

impl From<RecordKind> for EffectKind {
    fn from(kind: RecordKind) -> Self {
        match kind {
            RecordKind::Deal => Self::Deal,
            RecordKind::Ticket => Self::Ticket,
        }
    }
}

/// A file as it was sent or is being sent: which version, and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentFile {
    /// Its key in the company's library.
    pub attachment: String,
    pub version: i64,
    /// Address of its bytes: hexadecimal, lower case.
    pub sha256: String,
    pub size: u64,
    pub mime: String,
    /// `image`, `video`, `audio`, `document`: as what the channel shows it; or [`SentFile::LINK`].
    pub kind: String,
    pub filename: String,
}

impl SentFile {
    /// Kind of what is too large for its channel: the customer is sent where it can be read, for a while, and is told so.
    pub const LINK: &str = "link";

    pub fn is_link(&self) -> bool {
        self.kind == Self::LINK
    }
}

/// A file the customer was sent, for as long as the same one is not to be sent again by mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    pub sha256: String,
    /// What its effect meant (`EffectPlan::intent`), where that is not its hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    pub at: Timestamp,
    /// The customer's last message by then.
    pub last_inbound_seq: i64,
    /// The call's result, one JSON object.
    pub result: Arc<str>,
}

/// What a decision asks of an outside system. The call's arguments stand in its own row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectPlan {
    pub kind: EffectKind,
    /// Makes a record (delivery rule *once*) or changes one (*absolute*).
    pub creates: bool,
    /// Equal for two creates that mean the same thing in one episode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// Id of the record to change; `None`: the customer's one, found in the CRM. Of an assignment, its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What is sent, as it stood when that was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Arc<SentFile>>,
    /// Where what is sent has to be fetched first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Arc<Source>>,
    /// Void once control moved after it was asked for, unless it was started by then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fenced: bool,
    /// Fenced, and yet the last word of the request that handed the conversation over: not void while this holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leave: Option<Leave>,
    /// What the customer is told before the conversation is closed, as it stood when that was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing: Option<Arc<str>>,
    /// Of a resolve: not while somebody there has the conversation whom the room here does not know to have it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unheld: bool,
    /// The room itself knows `target` as its own record: whose it is need not be asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub linked: bool,
}

impl EffectPlan {
    /// To bring something about that may be said again without harm, by the call's own arguments.
    pub fn absolute(kind: EffectKind, fenced: bool) -> Self {
        Self {
            kind,
            creates: false,
            intent: None,
            target: None,
            file: None,
            source: None,
            fenced,
            leave: None,
            closing: None,
            unheld: false,
            linked: false,
        }
    }

    /// What the file it is about is called in the company's library.
    pub fn attachment(&self) -> Option<&str> {
        let source = self.source.as_ref().map(|source| source.attachment.as_str());
        source.or_else(|| self.file.as_ref().map(|file| file.attachment.as_str()))
    }
}

/// An effect that is not settled, or that only a person can settle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenEffect {
    pub call_id: CallId,
    /// The action's name.
    pub name: String,
    #[serde(flatten)]
    pub plan: EffectPlan,
    /// Control epoch in which it was decided; 0: it goes by its leave alone.
    pub epoch: i64,
    /// Conversation episode in which it was decided: intents are equal only within one.
    pub episode: u32,
    /// Whose wish it was, where that is not the room's present customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Box<Customer>>,
    pub since: Timestamp,
    /// Sequence number of the event that asked for it; 0: not known.
    #[serde(default)]
    pub seq: i64,
    /// Its call ended `unresolved` or `dead`: a dead letter, moved on only by a person's `retry` or `settle`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stranded: bool,
    /// It may or may not have happened; it is being looked up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doubtful: bool,
    /// How often a person had it tried again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u32,
    /// At the last time they decided that it is sent again where nobody can tell whether it arrived.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub send_again: bool,
    /// What a person changed its call's arguments to when they said yes; they count instead of those in its row, also when it is
    /// tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<Arc<str>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
pub(super) fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl OpenEffect {
    /// Whether it was to bring about this assignment: a later one has an effect of its own.
    pub fn is_for(&self, assignment: u64) -> bool {
        self.plan.target.as_ref().is_none_or(|target| *target == assignment.to_string())
    }

    /// Whether it is open, and this is its present try.
    pub fn is_at(&self, attempt: u32) -> bool {
        !self.stranded && self.retries == attempt
    }
}

/// A room's other side; most rooms have none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outside {
    /// In order of decision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<OpenEffect>,
    /// Oldest first, at most `Outside::MOST_LINKS`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Newest last, at most `Outside::MOST_SENT`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<Sent>,
    /// Newest last, at most `Delivery::MOST`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<Delivery>,
    /// What was said of messages before we knew that they are ours; at most as many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub early: Vec<DeliveryWord>,
}

impl Outside {
    /// More records than this of one room are forgotten, oldest first (they stay in the CRM and in the journal).
    pub const MOST_LINKS: usize = 50;
    /// More files than this are not compared with a new one.
    pub const MOST_SENT: usize = 20;

    pub fn effect(&self, call_id: &CallId) -> Option<&OpenEffect> {
        self.effects.iter().find(|effect| effect.call_id == *call_id)
    }

    /// Calls to make a record of this kind that have no end, decided in this episode or later.
    pub fn creates(&self, kind: RecordKind, episode: u32) -> impl Iterator<Item = &OpenEffect> {
        let creates = move |effect: &&OpenEffect| effect.plan.creates && effect.plan.kind == kind.into();
        self.effects.iter().filter(creates).filter(move |effect| effect.episode >= episode)
    }

    /// Whether an effect of this kind is under way.
    pub fn is_under_way(&self, kind: EffectKind) -> bool {
        self.effects.iter().any(|effect| effect.plan.kind == kind && !effect.stranded)
    }
}
