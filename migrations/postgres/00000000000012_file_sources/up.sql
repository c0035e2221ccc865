-- Files that are made on request: an address with places in it, under a key that no stored file has. The same steps stand in
-- migrations/sqlite.
CREATE TABLE file_sources (
    company BIGINT NOT NULL REFERENCES companies (no), key TEXT COLLATE "C" NOT NULL, description TEXT NOT NULL, for_agents BOOLEAN NOT NULL,
    template TEXT NOT NULL, filename TEXT, created_at BIGINT NOT NULL, archived_at BIGINT, PRIMARY KEY (company, key)
);
