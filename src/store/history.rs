//! Where a room's events stand in the journal. PostgreSQL has an index for it. On SQLite such an index costs every call a page
//! placed at random, half of all its writing, so there the index is a table of its own that is brought up to date a slice at a
//! time, sorted. **Invariant:** every event is either in `room_history` or has a position above `meta.history_position`, so
//! reading both finds all, at every moment and after every crash.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};

use super::conn::Conn;
use super::schema::room_events;

/// So many events are brought into the history at once.
pub(super) const SLICE: i64 = 4_096;

/// Events after `after_seq` of the newest slice are read by walking over it; all others through the history.
const POSITIONS: &str = "SELECT position FROM (\
    SELECT seq, position FROM room_history WHERE room_key = ?1 AND seq > ?2 \
    UNION ALL SELECT seq, position FROM room_events \
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

/// Up to which position the history is complete.
pub(super) fn folded(c: &mut SqliteConnection) -> QueryResult<i64> {
    let found: Vec<Position> = diesel::sql_query("SELECT history_position AS position FROM meta WHERE id = 1").load(c)?;
    Ok(found.first().map_or(0, |found| found.position))
}

/// Brings the events up to `until` into the history, in a transaction of its own. Doing it again changes nothing.
pub(super) fn fold(c: &mut SqliteConnection, from: i64, until: i64) -> QueryResult<()> {
    let done = c.batch_execute(&format!(
        "BEGIN IMMEDIATE; \
         INSERT OR IGNORE INTO room_history (room_key, seq, position) SELECT room_key, seq, position FROM room_events \
         WHERE position > {from} AND position <= {until} ORDER BY room_key, seq; \
         UPDATE meta SET history_position = {until} WHERE id = 1; \
         COMMIT;"
    ));
    if done.is_err() {
        // When SQLite has rolled back by itself this fails, and that is all right.
        let _ = c.batch_execute("ROLLBACK");
    }
    done
}
