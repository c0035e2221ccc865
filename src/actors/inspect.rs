//! What can be known of a room's actor without asking it: counters the actor keeps beside itself, read by anyone.
//! **Invariant:** reading never wakes a room and never waits for its mailbox.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use crate::room::{CallId, CallStatus, Room, Timestamp};

/// How many finished calls are remembered for operators.
pub const LAST_CALLS: usize = 10;

/// A call that a room finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastCall {
    pub call_id: CallId,
    pub name: &'static str,
    pub status: CallStatus,
    pub at: Timestamp,
}

#[derive(Debug, Default)]
struct Detail {
    current: Option<(CallId, Timestamp)>,
    last: VecDeque<LastCall>,
}

/// Kept up to date by the actor, read by everybody. Outlives a restart of the actor.
#[derive(Debug, Default)]
pub struct Live {
    pub(super) in_flight: Arc<AtomicU32>,
    /// Callers at the door that wait for a parked call.
    pub(super) waiting: Arc<AtomicU32>,
    pub(super) draining: AtomicBool,
    pub(super) restarts: AtomicU32,
    pub(super) last_active: AtomicI64,
    version: AtomicI64,
    epoch: AtomicI64,
    parked: AtomicU32,
    pending_effects: AtomicU32,
    paused: AtomicBool,
    oldest: AtomicI64,
    detail: Mutex<Detail>,
}

impl Live {
    pub(super) fn room_is(&self, room: &Room) {
        self.version.store(room.version, Ordering::Relaxed);
        self.epoch.store(room.epoch, Ordering::Relaxed);
        self.parked.store(u32::try_from(room.parked.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
        self.paused.store(room.paused, Ordering::Relaxed);
        let pending = room.outside.as_ref().map_or(0, |outside| outside.effects.iter().filter(|effect| !effect.stranded).count());
        self.pending_effects.store(u32::try_from(pending).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// It drains, or there is no such room as far as is known.
    pub(super) fn is_unneeded(&self) -> bool {
        self.draining.load(Ordering::Acquire) || self.version.load(Ordering::Relaxed) == 0
    }

    /// Since when the oldest work waits or is under way.
    pub(super) fn oldest_is(&self, since: Option<Timestamp>) {
        self.oldest.store(since.map_or(0, |at| at.0), Ordering::Relaxed);
    }

    pub(super) fn begins(&self, call: Option<(CallId, Timestamp)>) {
        if let Ok(mut detail) = self.detail.lock() {
            detail.current = call;
        }
    }

    /// In order of their ends.
    pub(super) fn finished(&self, calls: impl Iterator<Item = LastCall>) {
        if let Ok(mut detail) = self.detail.lock() {
            for call in calls {
                if detail.last.len() == LAST_CALLS {
                    detail.last.pop_front();
                }
                detail.last.push_back(call);
            }
        }
    }

    pub(super) fn view(&self, now: Timestamp, owner_epoch: i64) -> ActorView {
        let (current, last_calls) = match self.detail.lock() {
            Ok(detail) => (detail.current.clone(), detail.last.iter().rev().cloned().collect()),
            Err(_) => (None, vec![]),
        };
        let depth = self.in_flight.load(Ordering::Relaxed);
        let oldest = self.oldest.load(Ordering::Relaxed);
        let (paused, draining) = (self.paused.load(Ordering::Relaxed), self.draining.load(Ordering::Relaxed));
        ActorView {
            state: match (draining, paused, depth) {
                (true, ..) => "draining",
                (_, true, _) => "paused",
                (.., 0) => "idle",
                _ => "busy",
            },
            depth,
            oldest_waiting_ms: (oldest > 0).then(|| now.ms_since(Timestamp(oldest))),
            current_since: current.as_ref().map(|(_, at)| *at),
            current_call: current.map(|(id, _)| id),
            last_calls,
            restarts: self.restarts.load(Ordering::Relaxed),
            version: self.version.load(Ordering::Relaxed),
            epoch: self.epoch.load(Ordering::Relaxed),
            owner_epoch,
            pending_effects: self.pending_effects.load(Ordering::Relaxed),
            parked: self.parked.load(Ordering::Relaxed),
            paused,
            draining,
        }
    }
}

/// A live actor at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorView {
    /// `busy`, `idle`, `paused` or `draining`.
    pub state: &'static str,
    /// Calls and commands admitted and not yet answered or parked.
    pub depth: u32,
    pub oldest_waiting_ms: Option<i64>,
    /// The first call of the step under way.
    pub current_call: Option<CallId>,
    pub current_since: Option<Timestamp>,
    /// Newest first, at most 10.
    pub last_calls: Vec<LastCall>,
    pub restarts: u32,
    pub version: i64,
    pub epoch: i64,
    pub owner_epoch: i64,
    pub pending_effects: u32,
    pub parked: u32,
    pub paused: bool,
    pub draining: bool,
}
