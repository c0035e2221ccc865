//! What the lanes of one company and side have to do, kept where it can be looked at without asking their actor: also what waits
//! behind its room, or rests, and so stands in no line of requests.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::room::{CallKey, Timestamp};
use crate::telemetry::EFFECTS_OPEN;

/// How an effect that has not ended stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Another one of its room is first.
    Behind,
    /// It is asked or written for it, or a request of it waits for its turn.
    AtWork,
    /// Until its time has come.
    Resting,
}

impl Standing {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Behind => "behind",
            Self::AtWork => "at_work",
            Self::Resting => "resting",
        }
    }
}

/// Effects that have not ended.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BacklogView {
    pub open: u64,
    /// Of these, behind another one of their room.
    pub behind: u64,
    pub at_work: u64,
    pub resting: u64,
    /// Since the oldest was asked for.
    pub oldest_ms: i64,
}

#[derive(Debug, Default)]
pub struct Backlog(Mutex<HashMap<CallKey, (Timestamp, Standing)>>);

impl Backlog {
    /// `since`: when the room asked for it.
    pub fn stands(&self, key: CallKey, since: Timestamp, standing: Standing) {
        let before = self.open().insert(key, (since, standing));
        if before.is_none_or(|(_, before)| before != standing) {
            count(before.map(|(_, before)| before), -1.0);
            count(Some(standing), 1.0);
        }
    }

    pub fn ended(&self, key: CallKey) {
        let before = self.open().remove(&key);
        count(before.map(|(_, before)| before), -1.0);
    }

    pub fn view(&self, now: Timestamp) -> BacklogView {
        let open = self.open();
        let of = |standing: Standing| open.values().filter(|(_, of)| *of == standing).count() as u64;
        let oldest_ms = open.values().map(|(since, _)| now.ms_since(*since)).max().unwrap_or(0).max(0);
        let (behind, at_work, resting) = (of(Standing::Behind), of(Standing::AtWork), of(Standing::Resting));
        BacklogView { open: behind + at_work + resting, behind, at_work, resting, oldest_ms }
    }

    /// Whole between any two looks, also when somebody panicked there.
    fn open(&self) -> MutexGuard<'_, HashMap<CallKey, (Timestamp, Standing)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Backlog {
    fn drop(&mut self) {
        for (_, standing) in std::mem::take(&mut *self.open()).into_values() {
            count(Some(standing), -1.0);
        }
    }
}

fn count(standing: Option<Standing>, more: f64) {
    if let Some(standing) = standing {
        metrics::gauge!(EFFECTS_OPEN, "standing" => standing.as_str()).increment(more);
    }
}
