-- Files that are made on request: an address with places in it, under a key that no stored file has. The same steps stand in
-- migrations/postgres.
CREATE TABLE file_sources (
    company INTEGER NOT NULL REFERENCES companies (no), key TEXT NOT NULL, description TEXT NOT NULL, for_agents INTEGER NOT NULL,
    template TEXT NOT NULL, filename TEXT, created_at INTEGER NOT NULL, archived_at INTEGER, PRIMARY KEY (company, key)
) STRICT;
