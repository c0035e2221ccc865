-- Bytes that were fetched for one call: they go when it can send them no more and nothing else wants them (src/store/fetched.rs).
-- The same steps stand in migrations/postgres.
CREATE TABLE fetched_files (
    company INTEGER NOT NULL, sha256 TEXT NOT NULL, call_key BLOB NOT NULL, fetched_at INTEGER NOT NULL,
    PRIMARY KEY (company, sha256, call_key)
) STRICT;
CREATE INDEX fetched_files_at ON fetched_files (fetched_at);
INSERT INTO fetched_files (company, sha256, call_key, fetched_at)
    SELECT company, json_extract(json_extract(part, '$.request'), '$.sha256'), call_key, started_at FROM effect_parts WHERE name = 'fetch';
