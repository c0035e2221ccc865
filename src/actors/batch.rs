//! One POST on its way to a room and back: the calls, who waits for them, and the one flag by which the door and the room
//! agree whether a call that ran out of patience was begun.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

use tokio::sync::oneshot;

use crate::catalog::Admitted;
use crate::room::{CallId, CallStatus, Room, RoomId, came_back, deliveries};
use crate::store::Committed;

use super::ports::Caller;

/// The calls of one request, admitted whole and in order. Never empty.
#[derive(Clone, Debug)]
pub struct Batch {
    pub calls: Vec<Admitted>,
    pub caller: Caller,
}

/// What every answer says of the room, as of its commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomSummary {
    pub id: RoomId,
    pub version: i64,
    pub epoch: i64,
    pub status: &'static str,
    pub control: &'static str,
    pub last_inbound_seq: i64,
    /// What the model has to know on its next turn, as sentences; mostly none.
    pub notices: Vec<String>,
}

impl RoomSummary {
    pub fn of(id: &RoomId, room: &Room) -> Self {
        Self {
            id: id.clone(),
            version: room.version,
            epoch: room.epoch,
            status: room.lifecycle.as_str(),
            control: room.control.as_str(),
            last_inbound_seq: room.last_inbound_seq,
            notices: came_back::notice(room).into_iter().chain(deliveries::notices(room)).collect(),
        }
    }
}

/// How one call went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallAnswer {
    pub call_id: CallId,
    pub tool_call_id: Option<Arc<str>>,
    pub name: &'static str,
    pub status: CallStatus,
    /// Answered from the store: this request changed nothing.
    pub replayed: bool,
    /// One JSON object: `{"result":{…}}`, `{"error":{…}}` or `{"parked_on":"…"}`.
    pub body: Arc<str>,
}

/// The answer to a batch, in its order.
#[derive(Clone, Debug)]
pub struct Answers {
    pub room: RoomSummary,
    pub calls: Vec<CallAnswer>,
}

impl Answers {
    pub fn all_final(&self) -> bool {
        self.calls.iter().all(|call| call.status.is_final())
    }
}

/// What a room sends back for a batch.
#[derive(Debug)]
pub enum BatchReply {
    /// Every call is final.
    Final(Committed<Answers>),
    UnknownRoom,
    /// This id was used before with another meaning; nothing of the batch was accepted.
    KeyReused(CallId),
    /// The room holds as many waiting calls as it can; nothing was accepted.
    Full,
    /// The store cannot write now; nothing was accepted.
    Unavailable,
}

const WAITING: u8 = 0;
const TAKEN: u8 = 1;
const WITHDRAWN: u8 = 2;
const DURABLE: u8 = 3;
const LEFT: u8 = 4;

/// Shared by the door and the room for one batch.
#[derive(Debug, Default)]
pub struct Ticket {
    phase: AtomicU8,
    doubtful: AtomicBool,
    interim: Mutex<Option<Interim>>,
    durable: tokio::sync::Notify,
}

#[derive(Debug)]
struct Interim {
    /// Taken by the door.
    so_far: Option<Committed<Answers>>,
    /// Counts the caller among those who wait for the room.
    _waits: InFlight,
}

/// The door's hold on a ticket: however it leaves, with an answer, out of patience or because its client hung up, the room no
/// longer counts the caller among those who wait.
#[derive(Debug)]
pub struct AtDoor<'a>(pub &'a Ticket);

impl Drop for AtDoor<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Ticket {
    /// The room begins. `false`: the door withdrew it, so it must not be begun.
    pub fn take(&self) -> bool {
        match self.phase.compare_exchange(WAITING, TAKEN, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            Err(phase) => phase != WITHDRAWN,
        }
    }

    /// The door gives up. `false`: too late, a step has begun.
    pub fn withdraw(&self) -> bool {
        self.phase.compare_exchange(WAITING, WITHDRAWN, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// A commit with these calls in it may have landed: from now on nobody may say that nothing was accepted.
    pub fn doubt(&self) {
        self.doubtful.store(true, Ordering::Release);
    }

    pub fn is_doubtful(&self) -> bool {
        self.doubtful.load(Ordering::Acquire)
    }

    /// The rows are durable but not all calls are final. `waits`: the caller's place among those who wait. `false`: nobody
    /// waits any more.
    pub fn accepted(&self, so_far: Committed<Answers>, waits: InFlight) -> bool {
        let Ok(mut interim) = self.interim.lock() else { return false };
        *interim = Some(Interim { so_far: Some(so_far), _waits: waits });
        let stays = |phase| (phase != LEFT).then_some(DURABLE);
        if self.phase.fetch_update(Ordering::AcqRel, Ordering::Acquire, stays).is_err() {
            *interim = None;
            return false;
        }
        drop(interim);
        self.durable.notify_one();
        true
    }

    /// More of its calls ended. `false`: nobody waits any more.
    pub fn goes_on(&self, so_far: Committed<Answers>) -> bool {
        let Ok(mut interim) = self.interim.lock() else { return false };
        let Some(interim) = interim.as_mut() else { return false };
        interim.so_far = Some(so_far);
        true
    }

    /// Its rows are, and somebody waits for more.
    pub fn is_durable(&self) -> bool {
        self.phase.load(Ordering::Acquire) == DURABLE
    }

    pub fn is_left(&self) -> bool {
        self.phase.load(Ordering::Acquire) == LEFT
    }

    /// The caller's place among those who wait is free: the room has answered, or the door has left.
    pub fn is_over(&self) {
        if let Ok(mut interim) = self.interim.lock() {
            *interim = None;
        }
    }

    fn leave(&self) {
        // What was withdrawn must stay so: the room may not have looked yet.
        let left = self.phase.fetch_update(Ordering::AcqRel, Ordering::Acquire, |phase| (phase != WITHDRAWN).then_some(LEFT));
        if left == Ok(DURABLE) {
            self.is_over();
        }
    }

    /// Ends once there are answers so far.
    pub async fn is_accepted(&self) {
        while self.phase.load(Ordering::Acquire) != DURABLE {
            self.durable.notified().await;
        }
    }

    /// The answers so far, if they are durable.
    pub fn interim(&self) -> Option<Committed<Answers>> {
        if self.phase.load(Ordering::Acquire) != DURABLE {
            return None;
        }
        self.interim.lock().ok().and_then(|mut interim| interim.as_mut()?.so_far.take())
    }
}

/// Counts what a room has in flight, or who waits for it; given back when dropped, whatever happened.
#[derive(Debug)]
pub struct InFlight {
    counter: Arc<AtomicU32>,
    count: u32,
}

impl InFlight {
    /// One more, whatever the bound.
    pub fn one(counter: &Arc<AtomicU32>) -> Self {
        counter.fetch_add(1, Ordering::AcqRel);
        Self { counter: counter.clone(), count: 1 }
    }

    /// `None`: the room has `max` in flight already.
    pub fn admit(counter: &Arc<AtomicU32>, count: u32, max: u32) -> Option<Self> {
        let before = counter.fetch_add(count, Ordering::AcqRel);
        if before.saturating_add(count) > max {
            counter.fetch_sub(count, Ordering::AcqRel);
            return None;
        }
        Some(Self { counter: counter.clone(), count })
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.counter.fetch_sub(self.count, Ordering::AcqRel);
    }
}

/// Somebody waits for a batch.
#[derive(Debug)]
pub struct Waiter {
    pub batch: Arc<Batch>,
    pub ticket: Arc<Ticket>,
    pub reply: oneshot::Sender<BatchReply>,
}
