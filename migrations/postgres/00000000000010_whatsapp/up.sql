-- What is remembered of channels beside their rooms. The same steps stand in migrations/sqlite.

-- Files that were uploaded to a channel's account, by their address in the library: the id they got there, and when.
CREATE TABLE channel_media (
    company BIGINT NOT NULL, account TEXT NOT NULL, sha256 TEXT NOT NULL, media_id TEXT NOT NULL, uploaded_at BIGINT NOT NULL,
    PRIMARY KEY (company, account, sha256)
);

-- Messages of ours that a channel spoke of, by the reference they carried: proof that they were taken.
CREATE TABLE channel_echoes (
    company BIGINT NOT NULL, call_key BYTEA NOT NULL, part BIGINT NOT NULL, message_id TEXT NOT NULL, heard_at BIGINT NOT NULL,
    PRIMARY KEY (company, call_key, part)
);
