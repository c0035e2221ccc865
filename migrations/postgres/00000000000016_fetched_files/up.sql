-- Bytes that were fetched for one call: they go when it can send them no more and nothing else wants them (src/store/fetched.rs).
-- The same steps stand in migrations/sqlite.
CREATE TABLE fetched_files (
    company BIGINT NOT NULL, sha256 TEXT COLLATE "C" NOT NULL, call_key BYTEA NOT NULL, fetched_at BIGINT NOT NULL,
    PRIMARY KEY (company, sha256, call_key)
);
CREATE INDEX fetched_files_at ON fetched_files (fetched_at);
INSERT INTO fetched_files (company, sha256, call_key, fetched_at)
    SELECT company, (part::json ->> 'request')::json ->> 'sha256', call_key, started_at FROM effect_parts WHERE name = 'fetch';
