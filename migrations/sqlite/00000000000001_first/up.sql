-- Times are microseconds since 1970 (UTC). Ids of 16 bytes are hashes or UUIDv7. The same steps stand in migrations/postgres.
CREATE TABLE meta (id INTEGER PRIMARY KEY CHECK (id = 1), config_version INTEGER NOT NULL, history_position INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO meta (id, config_version) VALUES (1, 1);

-- Which process writes: raised at each start of `serve`, checked in every group commit.
CREATE TABLE owners (id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL, taken_at INTEGER NOT NULL, holder TEXT NOT NULL) STRICT;
INSERT INTO owners (id, epoch, taken_at, holder) VALUES (1, 0, 0, '');

CREATE TABLE companies (no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL) STRICT;
CREATE TABLE keys (
    id TEXT PRIMARY KEY, company INTEGER NOT NULL REFERENCES companies (no), role TEXT NOT NULL, ai_agent TEXT,
    hash BLOB NOT NULL UNIQUE, created_at INTEGER NOT NULL, revoked_at INTEGER
) STRICT;
CREATE INDEX keys_company ON keys (company);
CREATE TABLE ai_agents (company INTEGER NOT NULL, id TEXT NOT NULL, created_at INTEGER NOT NULL, PRIMARY KEY (company, id)) STRICT;
CREATE TABLE tags (company INTEGER NOT NULL, folded TEXT NOT NULL, shown TEXT NOT NULL, created_at INTEGER NOT NULL, PRIMARY KEY (company, folded)) STRICT;
CREATE TABLE agents (
    company INTEGER NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL, divisions TEXT NOT NULL,
    status TEXT NOT NULL, capacity INTEGER NOT NULL, PRIMARY KEY (company, id)
) STRICT;
CREATE TABLE divisions (company INTEGER NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (company, id)) STRICT;
CREATE TABLE settings (company INTEGER PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE audit (position INTEGER PRIMARY KEY, company INTEGER NOT NULL, at INTEGER NOT NULL, "by" TEXT NOT NULL CHECK ("by" <> ''), what TEXT NOT NULL CHECK (what <> '')) STRICT;
CREATE INDEX audit_company ON audit (company, position);

-- Hot. An update of a room touches none of these indexes but the partial one, and that only when control moves.
CREATE TABLE rooms (
    room_key BLOB PRIMARY KEY NOT NULL, company INTEGER NOT NULL, room_id TEXT NOT NULL, version INTEGER NOT NULL, epoch INTEGER NOT NULL,
    owner_epoch INTEGER NOT NULL, status TEXT NOT NULL, control TEXT NOT NULL, assignee TEXT, assignment INTEGER NOT NULL,
    paused INTEGER NOT NULL, snapshot BLOB NOT NULL, created_at INTEGER NOT NULL, UNIQUE (company, room_id)
) STRICT;
CREATE INDEX rooms_listed ON rooms (company, room_key);
CREATE INDEX rooms_held ON rooms (company) WHERE control IN ('queue', 'person');

-- Hot, append only: the journal. Positions are given by the one writer, in order and without gaps.
CREATE TABLE room_events (
    position INTEGER PRIMARY KEY, company INTEGER NOT NULL, room_key BLOB NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL,
    "by" TEXT NOT NULL CHECK ("by" <> ''), cause_kind TEXT NOT NULL CHECK (cause_kind <> ''), cause TEXT NOT NULL CHECK (cause <> ''),
    kind TEXT NOT NULL, payload TEXT NOT NULL
) STRICT;
-- The journal's index by room, brought up to date a slice at a time (src/store/history.rs); PostgreSQL has a real one.
CREATE TABLE room_history (room_key BLOB NOT NULL, seq INTEGER NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (room_key, seq)) STRICT, WITHOUT ROWID;

-- Hot. Each further index here costs every call a page placed at random (reference/hot-path.md); partial ones are empty nearly always.
CREATE TABLE function_calls (
    position INTEGER PRIMARY KEY, call_key BLOB NOT NULL, company INTEGER NOT NULL, call_id TEXT NOT NULL, tool_call_id TEXT, room_key BLOB NOT NULL,
    ai_agent TEXT, key_id TEXT NOT NULL, name TEXT NOT NULL, arguments TEXT NOT NULL, meaning BLOB NOT NULL, seen_epoch INTEGER, seen_seq INTEGER,
    status TEXT NOT NULL, body TEXT NOT NULL, at INTEGER NOT NULL, ended_at INTEGER
) STRICT;
CREATE UNIQUE INDEX function_calls_key ON function_calls (call_key);
CREATE INDEX function_calls_open ON function_calls (room_key) WHERE ended_at IS NULL;
CREATE INDEX function_calls_dead ON function_calls (company) WHERE status IN ('dead', 'unresolved');

CREATE TABLE message_keys (message_key BLOB PRIMARY KEY NOT NULL, room_key BLOB NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE timers (
    room_key BLOB NOT NULL, kind TEXT NOT NULL, company INTEGER NOT NULL, room_id TEXT NOT NULL, due_at INTEGER NOT NULL,
    cause TEXT NOT NULL CHECK (cause <> ''), PRIMARY KEY (room_key, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX timers_due ON timers (due_at);
