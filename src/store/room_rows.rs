//! Rooms' rows that lag behind the journal (SQLite only). A commit that changes nothing of a room but its version and snapshot
//! leaves the room's row alone, which lies at random among all others, and keeps the new state in memory; a window of rooms at a
//! time, sorted, is then brought into `rooms`. After a crash `catch_up` does that from the journal, whose fold a room is. Columns
//! that anybody filters by, and the epochs, are never late.
//! **Invariant:** a room's newest state is in its row or in the map here; so a reader that asks the row first and the map second,
//! and the row once more if rows were brought in meanwhile, is never behind.
//! **Invariant:** `meta.rooms_position`: no row lacks an event up to there.

use std::collections::HashMap;
use std::marker::PhantomData as Mark;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ahash::RandomState;
use dashmap::DashMap;
use diesel::prelude::*;

use super::catch_up::catch_up;
use super::fold::paced;
use super::lag::Newest;
use super::statements::{BringRoomIn, RoomsAre};
use crate::actors::ports::{Commit, RoomColumns};
use crate::room::RoomKey;

/// So many events come before the next window of rooms is brought in: more are fewer pages to write, and more to read after a crash.
const WINDOW: usize = 8_192;
/// Rooms brought in at once while nothing else is to do.
const SLICE: usize = 512;
/// Fewer rooms wait for the next group commit.
const STEP: usize = 16;

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

/// The journal's side: which rooms are brought in next.
pub(super) struct RoomsBehind {
    newest: Arc<Newest>,
    window: Vec<RoomKey>,
    done: usize,
    /// Of the newest event, and of the newest when the window began: no row lacks an event up to there when it is done.
    position: i64,
    window_position: i64,
    /// As it stands in `meta`.
    marked: i64,
}

/// What goes into one transaction: so many rooms, and up to where then no row lacks an event.
#[derive(Clone, Copy)]
pub(super) struct RoomSlice {
    pub rooms: usize,
    pub mark: Option<i64>,
}

impl RoomsBehind {
    /// No row lacks an event up to `position`, the newest.
    pub fn new(newest: Arc<Newest>, position: i64) -> Self {
        Self { newest, window: vec![], done: 0, position, window_position: position, marked: position }
    }

    fn states(&self) -> &NewerRooms {
        &self.newest.rooms
    }

    pub fn is_empty(&self) -> bool {
        self.window.is_empty() && self.marked == self.position
    }

    /// What belongs into the transaction of so many events: a window is done when the next one begins.
    pub fn due(&mut self, events: usize) -> RoomSlice {
        self.prepare(WINDOW);
        let come = usize::try_from(self.position - self.window_position).unwrap_or(0) + events;
        self.slice(paced(self.window.len(), self.done, come, WINDOW, STEP))
    }

    fn prepare(&mut self, least: usize) {
        if self.window.is_empty() && usize::try_from(self.position - self.window_position).is_ok_and(|come| come >= least) {
            self.window = self.states().states.iter().map(|entry| *entry.key()).collect();
            self.window.sort_unstable();
            (self.done, self.window_position) = (0, self.position);
        }
    }

    fn slice(&self, most: usize) -> RoomSlice {
        let left = self.window.len() - self.done;
        let mark = (left <= most && self.marked < self.window_position).then_some(self.window_position);
        RoomSlice { rooms: left.min(most), mark }
    }

    /// Writes it, in the transaction that is open.
    pub fn write(&self, c: &mut SqliteConnection, slice: RoomSlice) -> QueryResult<()> {
        for key in &self.window[self.done..self.done + slice.rooms] {
            let Some(state) = self.states().get(key) else { continue };
            let (room_key, version, snapshot) = (&key.0.as_bytes()[..], state.version, &state.snapshot[..]);
            BringRoomIn { version, snapshot, room_key, than: version, mark: Mark }.execute(c)?;
        }
        slice.mark.map_or(Ok(()), |position| RoomsAre { position, mark: Mark }.execute(c).map(|_| ()))
    }

    /// The transaction is durable: what was brought in is in its row, and `fresh` is what its commits left. `position`: that of the
    /// newest event now.
    pub fn wrote(&mut self, slice: RoomSlice, fresh: FreshRooms, position: i64) {
        self.position = position;
        if slice.rooms > 0 || fresh.values().any(Option::is_none) {
            // Before they leave the map: who misses one there must see that it has to read rows again.
            self.states().brought_in.fetch_add(1, Ordering::SeqCst);
        }
        for key in &self.window[self.done..self.done + slice.rooms] {
            self.states().states.remove(key);
        }
        self.done += slice.rooms;
        self.marked = slice.mark.unwrap_or(self.marked);
        if self.done == self.window.len() {
            self.window.clear();
            self.done = 0;
        }
        for (key, state) in fresh {
            match state {
                Some(state) => drop(self.states().states.insert(key, state)),
                None => drop(self.states().states.remove(&key)),
            }
        }
    }

    /// A slice in a transaction of its own, for want of other work. True: there was one.
    pub fn fold(&mut self, c: &mut SqliteConnection) -> QueryResult<bool> {
        if self.is_empty() {
            return Ok(false);
        }
        self.prepare(1);
        let slice = self.slice(SLICE);
        c.immediate_transaction(|c| self.write(c, slice))?;
        self.wrote(slice, FreshRooms::default(), self.position);
        Ok(true)
    }
}

/// Brings everything in at once: what a process that died, or a connection, left.
pub(super) fn bring_all_in(c: &mut SqliteConnection, rooms: &NewerRooms) -> QueryResult<()> {
    c.immediate_transaction(catch_up)?;
    rooms.brought_in.fetch_add(1, Ordering::SeqCst);
    rooms.states.clear();
    Ok(())
}
