UPDATE rooms SET version = s.version, snapshot = s.snapshot
FROM (SELECT room_key, version, snapshot, MAX(position) FROM room_states GROUP BY room_key) AS s
WHERE rooms.room_key = s.room_key AND rooms.version < s.version;
DROP TABLE room_states;
DROP TABLE call_keys;
CREATE UNIQUE INDEX function_calls_key ON function_calls (call_key);
ALTER TABLE meta DROP COLUMN keys_position;
