//! Where a room's events stand in the journal. PostgreSQL has an index for it; SQLite's is a table that is brought up to date
//! later (`fold`), so there both it and the newest events are read.

use std::marker::PhantomData as Mark;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};

use super::conn::Conn;
use super::fold::{Line, Tail};
use super::rows::sixteen;
use super::schema::room_events;
use super::statements::{HistoryIs, InsertHistory};

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

/// An event's place in its room.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HistoryLine {
    pub room_key: [u8; 16],
    pub seq: i64,
    pub position: i64,
}

impl Line for HistoryLine {
    const WINDOW: usize = 16_384;

    fn position(&self) -> i64 {
        self.position
    }

    fn insert(&self, c: &mut SqliteConnection) -> QueryResult<()> {
        InsertHistory { room_key: &self.room_key, seq: self.seq, position: self.position, mark: Mark }.execute(c).map(|_| ())
    }

    fn mark(c: &mut SqliteConnection, position: i64) -> QueryResult<()> {
        HistoryIs { position, mark: Mark }.execute(c).map(|_| ())
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

/// What is not in the history yet.
pub(super) fn tail(c: &mut SqliteConnection) -> QueryResult<Tail<HistoryLine>> {
    let found: Vec<Unfolded> = diesel::sql_query(
        "SELECT room_key, seq, position FROM room_events \
         WHERE position > (SELECT history_position FROM meta WHERE id = 1) ORDER BY position",
    )
    .load(c)?;
    let line = |line: Unfolded| Ok(HistoryLine { room_key: sixteen(&line.room_key)?, seq: line.seq, position: line.position });
    Ok(Tail::of(found.into_iter().map(line).collect::<QueryResult<_>>()?))
}
