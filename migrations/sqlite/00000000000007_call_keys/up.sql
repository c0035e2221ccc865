-- The unique key of calls, brought up to date a slice at a time (src/store/call_keys.rs) instead of a page at random in every call.
CREATE TABLE call_keys (call_key BLOB PRIMARY KEY NOT NULL, position INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO call_keys (call_key, position) SELECT call_key, position FROM function_calls ORDER BY call_key;
DROP INDEX function_calls_key;
ALTER TABLE meta ADD COLUMN keys_position INTEGER NOT NULL DEFAULT 0;
UPDATE meta SET keys_position = (SELECT COALESCE(MAX(position), 0) FROM function_calls);
