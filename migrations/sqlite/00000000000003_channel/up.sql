-- Where companies' conversations live, and what is heard from there. The same steps stand in migrations/postgres.

-- `sealed` opens only with the installation's secret, and only for this company (src/store/seal.rs); `webhook_key`: a keyed hash of
-- the secret in the webhook's path, by which a path is looked up.
CREATE TABLE channel_access (
    company INTEGER PRIMARY KEY NOT NULL REFERENCES companies (no), kind TEXT NOT NULL, base_url TEXT NOT NULL, dialect TEXT NOT NULL,
    options TEXT NOT NULL, sealed BLOB NOT NULL, webhook_key BLOB NOT NULL UNIQUE, public_url TEXT NOT NULL, version INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- What was heard, as it came. `room_id`: empty when it is about no room; `dedupe_key`: equal for what was told twice.
CREATE TABLE inbox (
    position INTEGER PRIMARY KEY, company INTEGER NOT NULL, source TEXT NOT NULL, dedupe_key BLOB NOT NULL, room_id TEXT NOT NULL,
    body TEXT NOT NULL, received_at INTEGER NOT NULL, done_at INTEGER, UNIQUE (company, dedupe_key)
) STRICT;
CREATE INDEX inbox_waiting ON inbox (position) WHERE done_at IS NULL;

-- What the channel said last about a room (JSON), so that what comes late is known to be late.
CREATE TABLE channel_rooms (
    company INTEGER NOT NULL, room_id TEXT NOT NULL, known TEXT NOT NULL, PRIMARY KEY (company, room_id)
) STRICT;
