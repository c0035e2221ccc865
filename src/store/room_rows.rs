//! Rooms' rows that lag behind the journal. A commit that changes nothing of a room but its version and snapshot leaves the room's
//! row alone, which lies at random among all others, and appends the new state to `room_states` (SQLite only); a window of rooms
//! at a time, sorted, is then brought into `rooms`. Columns that anybody filters by, and the epochs, are never late.
//! **Invariant:** a room's newest state is in its row or in `room_states`; the map here holds the newest of the latter, so a
//! reader that asks the row first and the map second, and the row once more if rows were brought in meanwhile, is never behind.

use std::collections::HashMap;
use std::marker::PhantomData as Mark;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ahash::RandomState;
use dashmap::DashMap;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use super::fold::paced;
use super::lag::Newest;
use super::statements::{BringRoomIn, ForgetRoomStates};
use crate::actors::ports::{Commit, RoomColumns};
use crate::room::RoomKey;

/// So many states wait before a window of rooms is brought in: more are fewer pages to write, and more memory.
const WINDOW: usize = 8_192;
/// States brought in at once while nothing else is to do.
const SLICE: usize = 512;
/// Fewer rooms, and fewer states that can go, wait for the next group commit.
const STEP: usize = 16;
const FORGET_STEP: usize = 256;

/// A room's state that its row does not have yet.
pub(super) struct Newer {
    pub version: i64,
    pub snapshot: Arc<[u8]>,
    /// Equal to the row's: company, epochs and columns.
    pub company: i64,
    pub epoch: i64,
    pub owner_epoch: i64,
    pub columns: RoomColumns,
}

impl Newer {
    pub fn of(commit: &Commit) -> Self {
        Self {
            version: commit.version,
            snapshot: commit.snapshot.as_slice().into(),
            company: commit.address.company.0,
            epoch: commit.epoch,
            owner_epoch: commit.owner_epoch,
            columns: commit.columns.clone(),
        }
    }
}

/// What one transaction does to the rows of rooms: `Some` is a state that its row will not have, `None` that the row has it.
pub(super) type FreshRooms = HashMap<RoomKey, Option<Arc<Newer>>, RandomState>;

/// Shared by the journal, which writes it, with the readers of the same process.
#[derive(Default)]
pub(super) struct NewerRooms {
    states: DashMap<RoomKey, Arc<Newer>, RandomState>,
    /// Counts the times that states were brought into their rows and left this map.
    brought_in: AtomicU64,
}

impl NewerRooms {
    pub fn get(&self, key: &RoomKey) -> Option<Arc<Newer>> {
        self.states.get(key).map(|state| Arc::clone(&state))
    }

    /// Runs a read of rows until what it found can be completed from this map: `rows` reads, `complete` puts in what is newer.
    /// Rows are read a second time if some of the map's states became rows meanwhile; what is read then is new enough.
    pub fn up_to_date<T, E>(&self, mut rows: impl FnMut() -> Result<T, E>, complete: impl Fn(&Self, &mut T)) -> Result<T, E> {
        let before = self.brought_in.load(Ordering::SeqCst);
        let mut found = rows()?;
        complete(self, &mut found);
        if self.brought_in.load(Ordering::SeqCst) != before {
            found = rows()?;
            complete(self, &mut found);
        }
        Ok(found)
    }
}

/// The journal's side: which rooms are brought in next, and which states can go.
pub(super) struct RoomsBehind {
    newest: Arc<Newest>,
    /// States appended since the last window began.
    waiting: usize,
    window: Vec<RoomKey>,
    done: usize,
    /// Position of the newest state when the window began; and from where, up to which states can go, and have gone.
    window_position: i64,
    forget_from: i64,
    forget_to: i64,
    forgotten: i64,
}

/// What goes into one transaction: so many rooms, and the states up to a position.
#[derive(Clone, Copy)]
pub(super) struct RoomSlice {
    pub rooms: usize,
    pub forget: i64,
}

impl RoomsBehind {
    pub fn new(newest: Arc<Newest>, position: i64) -> Self {
        let (window_position, forget_from, forget_to, forgotten) = (position, position, position, position);
        Self { newest, waiting: 0, window: vec![], done: 0, window_position, forget_from, forget_to, forgotten }
    }

    fn states(&self) -> &NewerRooms {
        &self.newest.rooms
    }

    pub fn is_empty(&self) -> bool {
        self.waiting == 0 && self.window.is_empty() && self.forgotten >= self.forget_to
    }

    /// What belongs into the transaction of so many commits: a window is done when the next one begins, and its states are gone when
    /// that one is. `position`: that of the newest event.
    pub fn due(&mut self, commits: usize, position: i64) -> RoomSlice {
        self.prepare(WINDOW, position);
        let come = self.waiting + commits;
        let states = |to: i64| usize::try_from(to - self.forget_from).unwrap_or(0);
        let forget = paced(states(self.forget_to), states(self.forgotten), come, WINDOW, FORGET_STEP);
        let rooms = paced(self.window.len(), self.done, come, WINDOW, STEP);
        // A window that ended early, for want of other work, leaves many at once.
        self.slice(rooms, forget.min(FORGET_STEP.max(8 * commits)))
    }

    fn slice(&self, rooms: usize, forget: usize) -> RoomSlice {
        let forget = self.forgotten.saturating_add(i64::try_from(forget).unwrap_or(i64::MAX));
        RoomSlice { rooms: rooms.min(self.window.len() - self.done), forget: forget.min(self.forget_to) }
    }

    fn prepare(&mut self, least: usize, position: i64) {
        if self.window.is_empty() && self.waiting >= least {
            self.window = self.states().states.iter().map(|entry| *entry.key()).collect();
            self.window.sort_unstable();
            (self.done, self.waiting, self.window_position) = (0, 0, position);
            if self.window.is_empty() {
                // Every state that waited was overtaken by one that went straight into its row.
                self.can_go(position);
            }
        }
    }

    fn can_go(&mut self, position: i64) {
        (self.forget_from, self.forget_to) = (self.forgotten, position);
    }

    /// Writes it, in the transaction that is open.
    pub fn write(&self, c: &mut SqliteConnection, slice: RoomSlice) -> QueryResult<()> {
        for key in &self.window[self.done..self.done + slice.rooms] {
            let Some(state) = self.states().get(key) else { continue };
            let (room_key, version, snapshot) = (&key.0.as_bytes()[..], state.version, &state.snapshot[..]);
            BringRoomIn { version, snapshot, room_key, than: version, mark: Mark }.execute(c)?;
        }
        if slice.forget > self.forgotten {
            ForgetRoomStates { position: slice.forget, mark: Mark }.execute(c)?;
        }
        Ok(())
    }

    /// The transaction is durable: what was brought in is in its row, and `fresh` is what its commits left.
    pub fn wrote(&mut self, slice: RoomSlice, fresh: FreshRooms) {
        if slice.rooms > 0 || fresh.values().any(Option::is_none) {
            // Before they leave the map: who misses one there must see that it has to read rows again.
            self.states().brought_in.fetch_add(1, Ordering::SeqCst);
        }
        for key in &self.window[self.done..self.done + slice.rooms] {
            self.states().states.remove(key);
        }
        self.done += slice.rooms;
        self.forgotten = self.forgotten.max(slice.forget);
        if !self.window.is_empty() && self.done == self.window.len() {
            self.window.clear();
            self.done = 0;
            self.can_go(self.window_position);
        }
        for (key, state) in fresh {
            match state {
                Some(state) => {
                    self.waiting += 1;
                    self.states().states.insert(key, state);
                }
                None => drop(self.states().states.remove(&key)),
            }
        }
    }

    /// A slice in a transaction of its own, for want of other work. True: there was one.
    pub fn fold(&mut self, c: &mut SqliteConnection, position: i64) -> QueryResult<bool> {
        if self.is_empty() {
            return Ok(false);
        }
        self.prepare(1, position);
        let slice = self.slice(SLICE, 4 * SLICE);
        c.immediate_transaction(|c| self.write(c, slice))?;
        self.wrote(slice, FreshRooms::default());
        Ok(true)
    }
}

/// Brings everything in at once: what a process that died, or a connection, left.
pub(super) fn bring_all_in(c: &mut SqliteConnection, rooms: &NewerRooms) -> QueryResult<()> {
    c.immediate_transaction::<_, diesel::result::Error, _>(|c| {
        c.batch_execute(
            "UPDATE rooms SET version = s.version, snapshot = s.snapshot \
             FROM (SELECT room_key, version, snapshot, MAX(position) FROM room_states GROUP BY room_key) AS s \
             WHERE rooms.room_key = s.room_key AND rooms.version < s.version; DELETE FROM room_states;",
        )
    })?;
    rooms.brought_in.fetch_add(1, Ordering::SeqCst);
    rooms.states.clear();
    Ok(())
}
