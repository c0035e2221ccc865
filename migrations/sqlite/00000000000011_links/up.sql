-- Files that were sent and whose links open no more: one row for each call that sent one. The same steps stand in migrations/postgres.
CREATE TABLE revoked_links (
    company INTEGER NOT NULL REFERENCES companies (no), room_id TEXT NOT NULL, call_id TEXT NOT NULL, revoked_at INTEGER NOT NULL,
    PRIMARY KEY (company, room_id, call_id)
) STRICT;
