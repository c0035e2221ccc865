-- What a call would touch at random is brought up to date a slice at a time: the unique key of calls (src/store/call_keys.rs) ...
CREATE TABLE call_keys (call_key BLOB PRIMARY KEY NOT NULL, position INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO call_keys (call_key, position) SELECT call_key, position FROM function_calls ORDER BY call_key;
DROP INDEX function_calls_key;
ALTER TABLE meta ADD COLUMN keys_position INTEGER NOT NULL DEFAULT 0;
UPDATE meta SET keys_position = (SELECT COALESCE(MAX(position), 0) FROM function_calls);

-- ... and the rows of rooms (src/store/room_rows.rs). A state stands here, at its last event's position, until its row has it.
CREATE TABLE room_states (position INTEGER PRIMARY KEY, room_key BLOB NOT NULL, version INTEGER NOT NULL, snapshot BLOB NOT NULL) STRICT;
