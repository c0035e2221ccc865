-- Files that were sent and whose links open no more: one row for each call that sent one. The same steps stand in migrations/sqlite.
CREATE TABLE revoked_links (
    company BIGINT NOT NULL REFERENCES companies (no), room_id TEXT COLLATE "C" NOT NULL, call_id TEXT COLLATE "C" NOT NULL, revoked_at BIGINT NOT NULL,
    PRIMARY KEY (company, room_id, call_id)
);
