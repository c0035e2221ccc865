DROP TABLE call_keys;
CREATE UNIQUE INDEX function_calls_key ON function_calls (call_key);
ALTER TABLE meta DROP COLUMN keys_position;
