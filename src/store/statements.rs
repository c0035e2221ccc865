//! The hot statements of SQLite, each with a constant text so that it is prepared once per connection and never parsed again.
//! Names no transaction rules; those are in `group_sqlite`.

use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
use diesel::sqlite::Sqlite;

macro_rules! stmt {
    ($name:ident { $($before:literal $field:ident : $kind:ty as $sql:ty),+ ; $tail:literal }) => {
        pub(super) struct $name<'a> { $(pub $field: $kind,)+ pub mark: std::marker::PhantomData<&'a ()> }
        impl QueryId for $name<'_> {
            type QueryId = $name<'static>;
            const HAS_STATIC_QUERY_ID: bool = true;
        }
        impl QueryFragment<Sqlite> for $name<'_> {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
                $( out.push_sql($before); out.push_bind_param::<$sql, _>(&self.$field)?; )+
                out.push_sql($tail);
                Ok(())
            }
        }
        impl<C> RunQueryDsl<C> for $name<'_> {}
    };
}

macro_rules! fixed {
    ($name:ident $sql:literal) => {
        pub(super) struct $name;
        impl QueryId for $name {
            type QueryId = $name;
            const HAS_STATIC_QUERY_ID: bool = true;
        }
        impl QueryFragment<Sqlite> for $name {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
                out.push_sql($sql);
                Ok(())
            }
        }
        impl<C> RunQueryDsl<C> for $name {}
    };
}

fixed!(Begin "BEGIN IMMEDIATE");
fixed!(End "COMMIT");
fixed!(TagsChanged "UPDATE meta SET config_version = config_version + 1 WHERE id = 1");
fixed!(Owner "SELECT epoch FROM owners WHERE id = 1");
impl Query for Owner {
    type SqlType = BigInt;
}

stmt!(InsertCall {
    "INSERT INTO function_calls (position, call_key, company, call_id, tool_call_id, room_key, ai_agent, key_id, name, arguments, meaning, seen_epoch, seen_seq, status, body, at, ended_at, revision) VALUES ("
    position: i64 as BigInt, "," call_key: &'a [u8] as Binary, "," company: i64 as BigInt, "," call_id: &'a str as Text, "," tool_call_id: Option<&'a str> as Nullable<Text>,
    "," room_key: &'a [u8] as Binary, "," ai_agent: Option<&'a str> as Nullable<Text>, "," key_id: &'a str as Text, "," name: &'a str as Text,
    "," arguments: &'a str as Text, "," meaning: &'a [u8] as Binary, "," seen_epoch: Option<i64> as Nullable<BigInt>,
    "," seen_seq: Option<i64> as Nullable<BigInt>, "," status: &'a str as Text, "," body: &'a str as Text, "," at: i64 as BigInt,
    "," ended_at: Option<i64> as Nullable<BigInt>, "," revision: Option<i64> as Nullable<BigInt>; ")" });
stmt!(CallAt { "SELECT position FROM call_keys WHERE call_key = " call_key: &'a [u8] as Binary; "" });
impl Query for CallAt<'_> {
    type SqlType = BigInt;
}
// Again after a crash, for some of them.
stmt!(InsertCallKey {
    "INSERT OR IGNORE INTO call_keys (call_key, position) VALUES (" call_key: &'a [u8] as Binary, "," position: i64 as BigInt; ")" });
stmt!(KeysAre { "UPDATE meta SET keys_position = " position: i64 as BigInt; " WHERE id = 1" });
stmt!(InsertMessage {
    "INSERT INTO message_keys (message_key, room_key, at) VALUES (" message_key: &'a [u8] as Binary, "," room_key: &'a [u8] as Binary,
    "," at: i64 as BigInt; ") ON CONFLICT DO NOTHING" });
stmt!(DeleteMessage { "DELETE FROM message_keys WHERE message_key = " message_key: &'a [u8] as Binary; "" });
stmt!(InsertRoom {
    "INSERT INTO rooms (room_key, company, room_id, version, epoch, owner_epoch, status, control, assignee, assignment, paused, snapshot, created_at) VALUES ("
    room_key: &'a [u8] as Binary, "," company: i64 as BigInt, "," room_id: &'a str as Text, "," version: i64 as BigInt, "," epoch: i64 as BigInt,
    "," owner_epoch: i64 as BigInt, "," status: &'a str as Text, "," control: &'a str as Text, "," assignee: Option<&'a str> as Nullable<Text>,
    "," assignment: i64 as BigInt, "," paused: bool as Bool, "," snapshot: &'a [u8] as Binary, "," created_at: i64 as BigInt; ") ON CONFLICT DO NOTHING" });
// What was compared before, once more; a row may be older than its room (room_rows).
stmt!(UpdateRoom {
    "UPDATE rooms SET version = " version: i64 as BigInt, ", epoch = " epoch: i64 as BigInt, ", owner_epoch = " owner_epoch: i64 as BigInt,
    ", status = " status: &'a str as Text, ", control = " control: &'a str as Text, ", assignee = " assignee: Option<&'a str> as Nullable<Text>,
    ", assignment = " assignment: i64 as BigInt, ", paused = " paused: bool as Bool, ", snapshot = " snapshot: &'a [u8] as Binary,
    " WHERE room_key = " room_key: &'a [u8] as Binary, " AND company = " company: i64 as BigInt, " AND version <= " expected: i64 as BigInt,
    " AND owner_epoch <= " mine: i64 as BigInt; "" });
stmt!(InsertEvent {
    "INSERT INTO room_events (position, company, room_key, seq, at, \"by\", cause_kind, cause, kind, payload) VALUES ("
    position: i64 as BigInt, "," company: i64 as BigInt, "," room_key: &'a [u8] as Binary, "," seq: i64 as BigInt, "," at: i64 as BigInt,
    "," by: &'a str as Text, "," cause_kind: &'a str as Text, "," cause: &'a str as Text, "," kind: &'a str as Text, "," payload: &'a str as Text; ")" });
// A dead letter has ended, but a person's decision moves it on; nothing else that has ended changes again.
stmt!(EndCall {
    "UPDATE function_calls SET status = " status: &'a str as Text, ", body = " body: &'a str as Text, ", ended_at = " ended_at: Option<i64> as Nullable<BigInt>,
    " WHERE position = " position: i64 as BigInt, " AND room_key = " room_key: &'a [u8] as Binary; " AND (ended_at IS NULL OR status IN ('dead', 'unresolved'))" });
// Again after a crash, for some of them.
stmt!(InsertHistory {
    "INSERT OR IGNORE INTO room_history (room_key, seq, position) VALUES (" room_key: &'a [u8] as Binary, "," seq: i64 as BigInt,
    "," position: i64 as BigInt; ")" });
// What a compare-and-set on a room compares.
stmt!(RoomHead {
    "SELECT company, version, epoch, owner_epoch, status, control, assignee, assignment, paused FROM rooms WHERE room_key = "
    room_key: &'a [u8] as Binary; "" });
impl Query for RoomHead<'_> {
    type SqlType = (BigInt, BigInt, BigInt, BigInt, Text, Text, Nullable<Text>, BigInt, Bool);
}
stmt!(BringRoomIn {
    "UPDATE rooms SET version = " version: i64 as BigInt, ", snapshot = " snapshot: &'a [u8] as Binary, " WHERE room_key = " room_key: &'a [u8] as Binary,
    " AND version < " than: i64 as BigInt; "" });
stmt!(RoomsAre { "UPDATE meta SET rooms_position = " position: i64 as BigInt; " WHERE id = 1" });
stmt!(HistoryIs { "UPDATE meta SET history_position = " position: i64 as BigInt; " WHERE id = 1" });
stmt!(InsertTag {
    "INSERT INTO tags (company, folded, shown, created_at) VALUES (" company: i64 as BigInt, "," folded: &'a str as Text, "," shown: &'a str as Text,
    "," created_at: i64 as BigInt; ") ON CONFLICT DO NOTHING" });
stmt!(SetTimer {
    "INSERT OR REPLACE INTO timers (room_key, kind, company, room_id, due_at, cause) VALUES (" room_key: &'a [u8] as Binary, "," kind: &'a str as Text,
    "," company: i64 as BigInt, "," room_id: &'a str as Text, "," due_at: i64 as BigInt, "," cause: &'a str as Text; ")" });
stmt!(ClearTimer { "DELETE FROM timers WHERE room_key = " room_key: &'a [u8] as Binary, " AND kind = " kind: &'a str as Text; "" });
