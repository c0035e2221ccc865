//! What the actors need from the outside, as traits and plain data. Adapters implement these; this file names no database.

use std::sync::Arc;

use actix::Addr;

use crate::room::{
    AgentId, By, CallKey, CallStatus, Cause, Company, CompanyNo, FunctionCall, MessageKey, RoomAddress, RoomEvent, RoomId,
    RoomKey, Settlement, Timestamp,
};
use crate::store::Committed;

use super::room_actor::RoomActor;

/// How a call ended, or how it stands, as it is stored and replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    pub status: CallStatus,
    /// One JSON object: `{"result":{…}}`, `{"error":{…}}`, `{"parked":"pause"}`; written once, stored and replied as it is.
    pub body: Arc<str>,
}

/// A call's row, new in this commit.
#[derive(Clone, Debug)]
pub struct NewCall {
    pub call: FunctionCall,
    pub answer: StoredAnswer,
    pub at: Timestamp,
}

/// An earlier call of this room (parked before) that ends in this commit.
#[derive(Clone, Debug)]
pub struct EndedCall {
    pub key: CallKey,
    pub answer: StoredAnswer,
    pub at: Timestamp,
}

/// A tag the company did not have.
#[derive(Clone, Debug)]
pub struct NewTag {
    pub folded: String,
    pub shown: String,
}

/// An effect of which a person said how it ended: nothing waits for its parts any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecidedEffect {
    /// Of its call.
    pub key: CallKey,
    /// Name of the part that makes or changes `record`.
    pub part: &'static str,
    pub record: Option<String>,
    /// `succeeded`, or nothing happened.
    pub settlement: Settlement,
    pub at: Timestamp,
}

/// The kinds of durable timers. One of a kind per room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimerKind {
    /// A snoozed room wakes.
    Snooze,
    /// The roster's answer to an assignment is overdue.
    Offer,
    /// A resolve waits no longer for the other calls of its request.
    Barrier,
    /// A call waited too long for a person's yes.
    Approval,
    /// The person who has the room did not answer the customer.
    Idle,
    /// The person who has the room shows no sign of life.
    Silence,
    /// A call waited long enough for a person who types.
    Typing,
}

impl TimerKind {
    pub const ALL: [Self; 7] =
        [Self::Snooze, Self::Offer, Self::Barrier, Self::Approval, Self::Idle, Self::Silence, Self::Typing];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Snooze => "snooze",
            Self::Offer => "offer",
            Self::Barrier => "barrier",
            Self::Approval => "approval",
            Self::Idle => "idle",
            Self::Silence => "silence",
            Self::Typing => "typing",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

#[derive(Clone, Debug)]
pub enum TimerChange {
    Set { kind: TimerKind, due: Timestamp, cause: String },
    Clear { kind: TimerKind },
}

/// A timer that is due, as the clock reads it.
#[derive(Clone, Debug)]
pub struct DueTimer {
    pub key: RoomKey,
    pub room: RoomAddress,
    pub kind: TimerKind,
    pub due: Timestamp,
    pub cause: String,
}

/// Where a timer stands among all: by due time, then room, then kind.
pub type TimerPlace = (Timestamp, RoomKey, &'static str);

impl DueTimer {
    pub fn place(&self) -> TimerPlace {
        (self.due, self.key, self.kind.as_str())
    }
}

/// The columns by which rooms are listed and the roster is rebuilt, and what fenced effects are held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomColumns {
    pub status: &'static str,
    pub control: &'static str,
    pub assignee: Option<AgentId>,
    /// Number of the assignment for which leave stands (`Room::leave`); 0: none does.
    pub assignment: i64,
    pub paused: bool,
}

/// Everything one step of one room writes: all of it or nothing.
/// **Invariant:** `events` has `version - expected_version` entries with seq `expected_version + 1 ..= version`.
#[derive(Debug)]
pub struct Commit {
    pub address: RoomAddress,
    pub key: RoomKey,
    /// 0: the room is new and its row is inserted.
    pub expected_version: i64,
    pub version: i64,
    pub epoch: i64,
    pub owner_epoch: i64,
    /// Every event's actor and cause are inside.
    pub events: Vec<RoomEvent>,
    pub new_calls: Vec<NewCall>,
    pub ended_calls: Vec<EndedCall>,
    pub messages: Vec<MessageKey>,
    pub new_tags: Vec<NewTag>,
    /// Told to the outbox in the same transaction.
    pub decided_effects: Vec<DecidedEffect>,
    pub timers: Vec<TimerChange>,
    pub columns: RoomColumns,
    /// The room after this step, as JSON.
    pub snapshot: Vec<u8>,
    /// Which thread's mailbag the outcome goes to, and the room there. Travels with the commit; the store does not look.
    pub thread: usize,
    pub room: Option<Addr<RoomActor>>,
}

/// Why a commit wrote nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The room moved on under another writer, or another process owns it: forget and load again.
    Stale,
    /// These ids are already in the store; decide again without them.
    Duplicate { calls: Vec<CallKey>, messages: Vec<MessageKey> },
    /// Certainly nothing was written and writing is not possible now (disk full, database locked or away).
    Unavailable(Arc<str>),
    /// It may or may not have landed: forget and load again.
    Unclear(Arc<str>),
}

/// A room as the store remembers it.
#[derive(Debug)]
pub struct LoadedRoom {
    pub key: RoomKey,
    pub version: i64,
    pub snapshot: Vec<u8>,
    /// Rows of calls that are not final, in order of admission.
    pub open_calls: Vec<OpenCall>,
}

#[derive(Clone, Debug)]
pub struct OpenCall {
    pub call: FunctionCall,
    pub status: CallStatus,
    pub at: Timestamp,
}

/// A call as the store remembers it.
#[derive(Clone, Debug)]
pub struct KnownCall {
    pub call: FunctionCall,
    pub room: RoomAddress,
    pub answer: StoredAnswer,
}

/// What comes back from the journal to a room.
#[derive(Debug)]
pub enum Finished {
    Landed(Committed<Box<Commit>>),
    Rejected(Box<Commit>, Rejection),
    /// `None`: there is no such room. `Err`: the store cannot say now.
    Loaded {
        room: Option<Addr<RoomActor>>,
        loaded: Result<Committed<Option<LoadedRoom>>, Arc<str>>,
    },
    /// The stored rows of these keys (missing ones left out).
    Known {
        room: Option<Addr<RoomActor>>,
        calls: Result<Committed<Vec<KnownCall>>, Arc<str>>,
    },
}

/// What a room asks of the journal. Answers come through `Mailbags`, never by waiting.
#[derive(Debug)]
pub enum Job {
    Commit(Box<Commit>),
    Load {
        address: RoomAddress,
        thread: usize,
        room: Option<Addr<RoomActor>>,
    },
    /// Look these calls up (after a duplicate).
    Find {
        company: CompanyNo,
        keys: Vec<CallKey>,
        thread: usize,
        room: Option<Addr<RoomActor>>,
    },
}

/// The journal: durable, ordered per room, many rooms to a transaction.
pub trait Journal: Send + Sync + 'static {
    /// Hands the job over; never blocks. `Err` gives the job back: the queue is full.
    fn submit(&self, job: Job) -> Result<(), Job>;
    /// The ownership epoch this process writes under.
    fn owner_epoch(&self) -> i64;
}

/// Where the journal puts what is finished: one bag per thread that owns rooms, one wake per batch.
pub trait Mailbags: Send + Sync + 'static {
    fn deliver(&self, thread: usize, finished: &mut Vec<Finished>);
}

/// Who holds or waits for what, as the rooms themselves say; the roster is rebuilt from this.
#[derive(Clone, Debug)]
pub struct HeldRoom {
    pub address: RoomAddress,
    pub snapshot: Vec<u8>,
}

pub type PortFuture<T> = std::pin::Pin<Box<dyn Future<Output = Result<T, Arc<str>>> + Send>>;

/// What actors read outside a room's own path. `Err` is a sentence for the log.
pub trait Memory: Send + Sync + 'static {
    fn company(&self, company: CompanyNo) -> PortFuture<Company>;
    /// Rooms whose control is a person or the queue.
    fn held_rooms(&self, company: CompanyNo) -> PortFuture<Vec<HeldRoom>>;
    /// The same for its roster's audit: each room that a person has, and that person.
    fn held_places(&self, company: CompanyNo) -> PortFuture<Vec<(RoomId, AgentId)>>;
    /// Companies with a room whose control is a person or the queue.
    fn staffed_companies(&self) -> PortFuture<Vec<CompanyNo>>;
    /// Timers due at or before `until`, oldest first, at most `limit`, after `after`.
    fn due_timers(&self, until: Timestamp, after: Option<TimerPlace>, limit: i64) -> PortFuture<Vec<DueTimer>>;
    /// Whether the room's journal has an event of this cause, of `since` or later.
    fn has_event(&self, room: RoomAddress, cause: Cause, since: Timestamp) -> PortFuture<bool>;
    /// Rooms that have open calls, to be woken after a start; at most `limit`, after `after`.
    fn rooms_with_open_calls(&self, after: Option<RoomKey>, limit: i64) -> PortFuture<Vec<(RoomKey, RoomAddress)>>;
}

/// Time, so that tests can move it. Never goes back.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Timestamp;
}

/// Whose key asked, for events and audit.
#[derive(Clone, Debug)]
pub struct Caller {
    pub company: CompanyNo,
    pub by: By,
    pub key_id: Arc<str>,
}
