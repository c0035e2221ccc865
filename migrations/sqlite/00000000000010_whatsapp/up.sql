-- What is remembered of channels beside their rooms. The same steps stand in migrations/postgres.

-- Files that were uploaded to a channel's account, by their address in the library: the id they got there, and when.
CREATE TABLE channel_media (
    company INTEGER NOT NULL, account TEXT NOT NULL, sha256 TEXT NOT NULL, media_id TEXT NOT NULL, uploaded_at INTEGER NOT NULL,
    PRIMARY KEY (company, account, sha256)
) STRICT;

-- Messages of ours that a channel spoke of, by the reference they carried: proof that they were taken.
CREATE TABLE channel_echoes (
    company INTEGER NOT NULL, call_key BLOB NOT NULL, part INTEGER NOT NULL, message_id TEXT NOT NULL, heard_at INTEGER NOT NULL,
    PRIMARY KEY (company, call_key, part)
) STRICT;
