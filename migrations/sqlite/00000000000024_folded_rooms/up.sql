-- What the row of a room lacks is made up for from the journal itself (src/store/catch_up.rs): a room is the fold of its events.
UPDATE rooms SET version = s.version, snapshot = s.snapshot
FROM (SELECT room_key, version, snapshot, MAX(position) FROM room_states GROUP BY room_key) AS s
WHERE rooms.room_key = s.room_key AND rooms.version < s.version;
DROP TABLE room_states;
ALTER TABLE meta ADD COLUMN rooms_position INTEGER NOT NULL DEFAULT 0;
UPDATE meta SET rooms_position = (SELECT COALESCE(MAX(position), 0) FROM room_events);
