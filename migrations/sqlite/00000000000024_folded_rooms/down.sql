-- After a clean end only: SQL cannot fold the events that a row lacks after a crash.
CREATE TABLE room_states (position INTEGER PRIMARY KEY, room_key BLOB NOT NULL, version INTEGER NOT NULL, snapshot BLOB NOT NULL) STRICT;
ALTER TABLE meta DROP COLUMN rooms_position;
