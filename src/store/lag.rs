//! All indexes of SQLite that lag behind the journal, as its one thread keeps them: it says what was written, and lets a slice of
//! each go into the next group commit. Decides nothing about rows.

use std::sync::Arc;

use diesel::prelude::*;

use super::call_keys::{KeyLine, NewestKeys};
use super::fold::Tail;
use super::group::{Positions, Written};
use super::history::{self, HistoryLine};
use super::room_rows::{self, FreshRooms, NewerRooms, RoomSlice, RoomsBehind};
use crate::actors::ports::Commit;

/// What readers of this process must ask beside the tables.
#[derive(Default)]
pub(super) struct Newest {
    pub keys: NewestKeys,
    pub rooms: NewerRooms,
}

pub(super) struct Lag {
    history: Tail<HistoryLine>,
    keys: Tail<KeyLine>,
    rooms: RoomsBehind,
    newest: Arc<Newest>,
}

/// Lines of each index that go into one transaction.
#[derive(Clone, Copy)]
pub(super) struct Slice {
    history: usize,
    keys: usize,
    rooms: RoomSlice,
}

impl Lag {
    /// Nothing lags: PostgreSQL, or no connection yet.
    pub fn none(newest: Arc<Newest>) -> Self {
        let rooms = RoomsBehind::new(Arc::clone(&newest), 0);
        Self { history: Tail::default(), keys: Tail::default(), rooms, newest }
    }

    /// What an earlier connection, or process, left.
    pub fn read(c: &mut SqliteConnection, newest: Arc<Newest>, positions: Positions) -> QueryResult<Self> {
        room_rows::bring_all_in(c, &newest.rooms)?;
        let rooms = RoomsBehind::new(Arc::clone(&newest), positions.event);
        Ok(Self { history: history::tail(c)?, keys: newest.keys.read(c)?, rooms, newest })
    }

    pub fn is_empty(&self) -> bool {
        self.history.is_empty() && self.keys.is_empty() && self.rooms.is_empty()
    }

    /// What belongs into the transaction of these commits.
    pub fn due(&mut self, commits: &[Box<Commit>]) -> Slice {
        let count = |of: fn(&Commit) -> usize| commits.iter().map(|commit| of(commit)).sum();
        let events = count(|commit| commit.events.len());
        Slice {
            history: self.history.due(events),
            keys: self.keys.due(count(|commit| commit.new_calls.len())),
            rooms: self.rooms.due(events),
        }
    }

    /// Writes it, in the transaction that is open.
    pub fn write(&self, c: &mut SqliteConnection, slice: Slice) -> QueryResult<()> {
        self.history.write(c, slice.history)?;
        self.keys.write(c, slice.keys)?;
        self.rooms.write(c, slice.rooms)
    }

    /// The transaction is durable: what was written is no longer awaited, and what its commits brought is. `before`: the last
    /// positions that were given out before it; `fresh`: its rooms.
    pub fn wrote(
        &mut self,
        slice: Slice,
        commits: &[Box<Commit>],
        written: &[Option<Written>],
        before: Positions,
        fresh: FreshRooms,
    ) {
        self.history.wrote(slice.history, |_| {});
        self.keys.wrote(slice.keys, |line| self.newest.keys.remove(line));
        let mut at = before;
        for (commit, _) in commits.iter().zip(written).filter(|(_, written)| matches!(written, Some(None))) {
            for event in &commit.events {
                at.event += 1;
                self.history.push(HistoryLine { room_key: *commit.key.0.as_bytes(), seq: event.seq, position: at.event });
            }
            for new in &commit.new_calls {
                at.call += 1;
                let line = KeyLine { call_key: new.call.key.0, position: at.call };
                self.newest.keys.add(&line);
                self.keys.push(line);
            }
        }
        self.rooms.wrote(slice.rooms, fresh, at.event);
    }

    /// A slice of each, for want of other work. True: there was one.
    pub fn fold(&mut self, c: &mut SqliteConnection) -> QueryResult<bool> {
        let history = self.history.fold(c, |_| {})?;
        let keys = self.keys.fold(c, |line| self.newest.keys.remove(line))?;
        let rooms = self.rooms.fold(c)?;
        Ok(rooms || history + keys > 0)
    }
}
