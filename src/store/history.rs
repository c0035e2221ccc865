//! Where a room's events stand in the journal. PostgreSQL has an index for it. On SQLite such an index costs every call a page
//! placed at random, half of all its writing, so there the index is a table of its own that is brought up to date later, sorted,
//! a few rows inside each group commit. **Invariant:** every event is in `room_history`, or has a position above
//! `meta.history_position`, or both; so reading both finds all, at every moment and after every crash.

use std::marker::PhantomData as Mark;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};

use super::conn::Conn;
use super::group::Written;
use super::rows::sixteen;
use super::schema::room_events;
use super::statements::{HistoryIs, InsertHistory};
use crate::actors::ports::Commit;

/// So many events are sorted together: more are fewer pages to write and a longer tail to read.
pub(super) const WINDOW: usize = 16_384;
/// So many events are brought into the history at once while nothing else is to do.
const SLICE: usize = 256;

/// Events after `after_seq` of the newest slice are read by walking over it; all others through the history.
const POSITIONS: &str = "SELECT position FROM (\
    SELECT seq, position FROM room_history WHERE room_key = ?1 AND seq > ?2 \
    UNION SELECT seq, position FROM room_events \
    WHERE position > (SELECT history_position FROM meta WHERE id = 1) AND room_key = ?1 AND seq > ?2\
    ) ORDER BY seq LIMIT ?3";

#[derive(QueryableByName)]
struct Position {
    #[diesel(sql_type = BigInt)]
    position: i64,
}

/// Positions of the room's events after `after_seq`, in order of `seq`.
pub(super) fn positions(conn: &mut Conn, room_key: &[u8], after_seq: i64, limit: i64) -> QueryResult<Vec<i64>> {
    match conn {
        Conn::Sqlite(c) => {
            let found: Vec<Position> = diesel::sql_query(POSITIONS)
                .bind::<Binary, _>(room_key)
                .bind::<BigInt, _>(after_seq)
                .bind::<BigInt, _>(limit)
                .load(c)?;
            Ok(found.into_iter().map(|found| found.position).collect())
        }
        Conn::Pg(c) => room_events::table
            .filter(room_events::room_key.eq(room_key))
            .filter(room_events::seq.gt(after_seq))
            .order(room_events::seq.asc())
            .limit(limit)
            .select(room_events::position)
            .load(c),
    }
}

#[derive(QueryableByName)]
struct Unfolded {
    #[diesel(sql_type = Binary)]
    room_key: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = BigInt)]
    position: i64,
}

/// The journal's own memory of the events that are not in the history yet.
/// **Invariant:** together with the history it is complete, or a line would never be folded.
#[derive(Default)]
pub(super) struct Tail {
    /// Not sorted yet: `(room, seq, position)`, in order of position.
    new: Vec<Line>,
    /// Sorted, on their way into the history; those before `done` are in it.
    window: Vec<Line>,
    done: usize,
}

type Line = ([u8; 16], i64, i64);

impl Tail {
    /// What an earlier connection, or process, left.
    pub fn read(c: &mut SqliteConnection) -> QueryResult<Self> {
        let found: Vec<Unfolded> = diesel::sql_query(
            "SELECT room_key, seq, position FROM room_events \
             WHERE position > (SELECT history_position FROM meta WHERE id = 1) ORDER BY position",
        )
        .load(c)?;
        let lines = found.into_iter().map(|line| Ok((sixteen(&line.room_key)?, line.seq, line.position)));
        Ok(Self { new: lines.collect::<QueryResult<_>>()?, ..Self::default() })
    }

    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.window.is_empty()
    }

    /// What a group commit wrote, from the position after `position` on.
    pub fn written(&mut self, commits: &[Box<Commit>], written: &[Option<Written>], mut position: i64) {
        for (commit, _) in commits.iter().zip(written).filter(|(_, written)| matches!(written, Some(None))) {
            for event in &commit.events {
                position += 1;
                self.new.push((*commit.key.0.as_bytes(), event.seq, position));
            }
        }
    }

    /// So many lines belong into the next group commit, that there are never more than two windows in memory.
    pub fn due(&mut self, events: usize, least: usize) -> usize {
        if self.window.is_empty() && self.new.len() >= least {
            std::mem::swap(&mut self.window, &mut self.new);
            self.window.sort_unstable();
            self.done = 0;
        }
        (self.window.len() - self.done).min(2 * events)
    }

    /// Writes the next lines, in the transaction that is open.
    pub fn write(&self, c: &mut SqliteConnection, lines: usize) -> QueryResult<()> {
        for (room_key, seq, position) in &self.window[self.done..self.done + lines] {
            InsertHistory { room_key, seq: *seq, position: *position, mark: Mark }.execute(c)?;
        }
        if lines > 0 && self.done + lines == self.window.len() {
            let position = self.window.iter().map(|line| line.2).max().unwrap_or(0);
            HistoryIs { position, mark: Mark }.execute(c)?;
        }
        Ok(())
    }

    /// The transaction with these lines is durable.
    pub fn wrote(&mut self, lines: usize) {
        self.done += lines;
        if self.done == self.window.len() {
            self.window.clear();
            self.done = 0;
        }
    }

    /// A slice in a transaction of its own, while nothing else is to do. True: there was one.
    pub fn fold(&mut self, c: &mut SqliteConnection) -> QueryResult<bool> {
        let lines = self.due(SLICE, 1);
        if lines > 0 {
            c.immediate_transaction(|c| self.write(c, lines))?;
            self.wrote(lines);
        }
        Ok(lines > 0)
    }
}
