//! How the journal's outcomes reach the rooms: one bag per thread that owns rooms, one wake per batch whatever its size.

use std::sync::{Arc, Mutex, OnceLock};

use actix::{Addr, ArbiterHandle};
use tokio::sync::Notify;

use super::messages::Settle;
use super::ports::{Finished, Mailbags};
use super::room_actor::RoomActor;

#[derive(Debug, Default)]
struct Bag {
    finished: Mutex<Vec<Finished>>,
    filled: Notify,
}

/// The threads rooms live on, and their bags.
#[derive(Clone, Debug)]
pub struct Threads(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bags: Vec<Bag>,
    arbiters: Vec<OnceLock<ArbiterHandle>>,
}

impl Threads {
    /// Room for `count` threads (at least 1); each joins by itself.
    pub fn new(count: usize) -> Self {
        let count = count.max(1);
        Self(Arc::new(Inner {
            bags: (0..count).map(|_| Bag::default()).collect(),
            arbiters: (0..count).map(|_| OnceLock::new()).collect(),
        }))
    }

    pub fn count(&self) -> usize {
        self.0.bags.len()
    }

    /// The calling thread's arbiter takes its share of the rooms. Must run on an actix runtime; past the count it is a no-op.
    pub fn join(&self, arbiter: &ArbiterHandle) {
        for (index, place) in self.0.arbiters.iter().enumerate() {
            if place.set(arbiter.clone()).is_ok() {
                let threads = self.clone();
                arbiter.spawn(async move { threads.drain(index).await });
                return;
            }
        }
    }

    /// Whether every thread has joined: rooms may be placed.
    pub fn complete(&self) -> bool {
        self.0.arbiters.iter().all(|arbiter| arbiter.get().is_some())
    }

    pub(super) fn arbiter(&self, thread: usize) -> Option<&ArbiterHandle> {
        self.0.arbiters.get(thread).and_then(OnceLock::get)
    }

    async fn drain(&self, index: usize) {
        let Some(bag) = self.0.bags.get(index) else { return };
        let mut taken = Vec::new();
        loop {
            bag.filled.notified().await;
            if let Ok(mut finished) = bag.finished.lock() {
                std::mem::swap(&mut taken, &mut *finished);
            }
            for mut finished in taken.drain(..) {
                if let Some(room) = address_of(&mut finished) {
                    room.do_send(Settle(finished));
                }
            }
        }
    }
}

impl Mailbags for Threads {
    fn deliver(&self, thread: usize, finished: &mut Vec<Finished>) {
        let Some(bag) = self.0.bags.get(thread) else {
            finished.clear();
            return;
        };
        if finished.is_empty() {
            return;
        }
        let mut waiting = match bag.finished.lock() {
            Ok(waiting) => waiting,
            Err(poisoned) => poisoned.into_inner(),
        };
        let wake = waiting.is_empty();
        waiting.append(finished);
        drop(waiting);
        if wake {
            bag.filled.notify_one();
        }
    }
}

fn address_of(finished: &mut Finished) -> Option<Addr<RoomActor>> {
    match finished {
        Finished::Landed(commit) => commit.get().room.clone(),
        Finished::Rejected(commit, _) => commit.room.take(),
        Finished::Loaded { room, .. } | Finished::Known { room, .. } => room.take(),
    }
}
