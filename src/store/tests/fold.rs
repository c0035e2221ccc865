//! What lags behind is brought in evenly: never much at once, never left for later.

use std::sync::Arc;

use diesel::prelude::*;

use super::*;
use crate::store::fold::{Line, Tail};
use crate::store::lag::Newest;
use crate::store::room_rows::{FreshRooms, Newer, RoomsBehind};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Bare(i64);

impl Line for Bare {
    const WINDOW: usize = 4_096;

    fn position(&self) -> i64 {
        self.0
    }

    fn insert(&self, _: &mut SqliteConnection) -> QueryResult<()> {
        Ok(())
    }

    fn mark(_: &mut SqliteConnection, _: i64) -> QueryResult<()> {
        Ok(())
    }
}

/// Groups of 1 to 40 rows, one after the other, so many rows in all.
fn groups(rows: usize) -> impl Iterator<Item = usize> {
    let (mut chance, mut left) = (7_u64, rows);
    std::iter::from_fn(move || {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        let next = (chance % 40) as usize + 1;
        left = left.checked_sub(next)?;
        Some(next)
    })
}

#[test]
fn lines_reach_their_index_as_fast_as_new_ones_come() {
    let (mut tail, mut position, mut brought) = (Tail::<Bare>::default(), 0, 0);
    for rows in groups(40 * Bare::WINDOW) {
        let due = tail.due(rows);
        assert!(due <= 2 * rows + 64, "{due} lines in a group of {rows}");
        tail.wrote(due, |_| brought += 1);
        for _ in 0..rows {
            position += 1;
            tail.push(Bare(position));
        }
        // A window behind, all the time: what gathers for the next one.
        let behind = position - brought - Bare::WINDOW as i64;
        assert!(brought == 0 || (-80..=160).contains(&behind), "{brought} of {position}");
    }
    assert!(brought > 37 * Bare::WINDOW as i64);
}

#[test]
fn what_a_crash_left_is_brought_in_within_two_windows() {
    let left = 3 * Bare::WINDOW as i64;
    let (mut tail, mut brought) = (Tail::of((1..=left).map(Bare).collect()), 0);
    for (n, rows) in groups(2 * Bare::WINDOW).enumerate() {
        let due = tail.due(rows);
        assert!(due <= 4 * rows + 64, "{due} lines in a group of {rows}");
        tail.wrote(due, |_| brought += 1);
        (0..rows).for_each(|row| tail.push(Bare(left + (n * 40 + row) as i64)));
    }
    assert!(brought >= left, "{brought} of {left}");
}

/// Rooms are brought into their rows at the pace of new states, and what a crash would read through is bounded.
#[test]
fn rooms_reach_their_rows_as_fast_as_states_come() {
    const WINDOW: i64 = 8_192;
    let journal: Arc<dyn Journal> = crate::store::memory::MemoryStore::new(crate::store::memory::Pace::AtOnce);
    let commit = Draft::new(&journal, 1, "web-1").calls(&["c"]);
    let (mut behind, mut position, mut marked) = (RoomsBehind::new(Arc::new(Newest::default()), 0), 0, 0);
    // Each commit with three events; first all states are late, then every one goes straight into its row.
    let mut told = |n: usize, commits: usize, late: bool| {
        let slice = behind.due(3 * commits);
        assert!(slice.rooms <= 16 + commits, "{} rooms in a group of {commits}", slice.rooms);
        marked = slice.mark.unwrap_or(marked);
        position += 3 * commits as i64;
        let key = |row| RoomKey(Uuid::from_u128(((n * 40 + row) % 2_000) as u128));
        let fresh = |row| (key(row), late.then(|| Arc::new(Newer::of(&commit))));
        behind.wrote(slice, (0..commits).map(fresh).collect::<FreshRooms>(), position);
        assert!(position - marked <= 2 * WINDOW + 400, "{marked} of {position} marked");
        slice.rooms
    };
    let brought: usize = groups(8 * WINDOW as usize).enumerate().map(|(n, commits)| told(n, commits, true)).sum();
    assert!(brought > 20_000, "{brought}");
    groups(8 * WINDOW as usize).enumerate().for_each(|(n, commits)| {
        told(n, commits, false);
    });
}
