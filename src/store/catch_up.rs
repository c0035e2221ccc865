//! After a crash on SQLite: rows of rooms that were behind (`room_rows`) are brought up to date from the journal, whose fold a room
//! is. Reads no more of it than what came since all rows were last known to be up to date.

use std::collections::BTreeMap;
use std::marker::PhantomData as Mark;

use diesel::prelude::*;
use diesel::result::Error as DbError;
use diesel::sql_types::{BigInt, Binary, Text};

use super::schema::{room_events, rooms};
use super::statements::{BringRoomIn, RoomsAre};
use crate::room::{By, Cause, Room, RoomEvent, Timestamp};

#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = Binary)]
    room_key: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = BigInt)]
    at: i64,
    #[diesel(sql_type = Text)]
    by: String,
    #[diesel(sql_type = Text)]
    payload: String,
}

fn unreadable(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> DbError {
    DbError::DeserializationError(why.into())
}

impl Stored {
    fn event(&self) -> QueryResult<RoomEvent> {
        Ok(RoomEvent {
            seq: self.seq,
            at: Timestamp(self.at),
            by: By::parse(&self.by).ok_or_else(|| unreadable(format!("an event by {:?}", self.by)))?,
            // What it was done for is never folded (room/tests.rs).
            cause: Cause::Request("".into()),
            fact: serde_json::from_str(&self.payload).map_err(unreadable)?,
        })
    }
}

/// Every row has all events of its room when this returns. In the caller's transaction.
pub(super) fn catch_up(c: &mut SqliteConnection) -> QueryResult<()> {
    let found: Vec<Stored> = diesel::sql_query(
        "SELECT room_key, seq, at, \"by\", payload FROM room_events \
         WHERE position > (SELECT rooms_position FROM meta WHERE id = 1) ORDER BY position",
    )
    .load(c)?;
    let mut since: BTreeMap<&[u8], Vec<RoomEvent>> = BTreeMap::new();
    for stored in &found {
        since.entry(&stored.room_key).or_default().push(stored.event()?);
    }
    for (room_key, events) in since {
        let (had, snapshot): (i64, Vec<u8>) =
            rooms::table.filter(rooms::room_key.eq(room_key)).select((rooms::version, rooms::snapshot)).first(c)?;
        if events.last().is_none_or(|event| event.seq <= had) {
            continue;
        }
        let room = Room::caught_up(&snapshot, events).map_err(unreadable)?;
        let snapshot = serde_json::to_vec(&room).map_err(unreadable)?;
        BringRoomIn { version: room.version, snapshot: &snapshot, room_key, than: room.version, mark: Mark }.execute(c)?;
    }
    let last: Option<i64> = room_events::table.select(diesel::dsl::max(room_events::position)).get_result(c)?;
    RoomsAre { position: last.unwrap_or(0), mark: Mark }.execute(c).map(|_| ())
}
