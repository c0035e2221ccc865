-- The library: files that may be sent to customers. Their bytes lie in a folder, by company and hash. The same steps stand in migrations/postgres.

-- `version` is the one that stands now; an archived file is shown to nobody who might send it.
CREATE TABLE files (
    company INTEGER NOT NULL REFERENCES companies (no), key TEXT NOT NULL, description TEXT NOT NULL, for_agents INTEGER NOT NULL,
    version INTEGER NOT NULL, created_at INTEGER NOT NULL, archived_at INTEGER, PRIMARY KEY (company, key)
) STRICT;

-- Never changed and never deleted: who was promised a version still finds it.
CREATE TABLE file_versions (
    company INTEGER NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
    size INTEGER NOT NULL CHECK (size > 0), mime TEXT NOT NULL, kind TEXT NOT NULL, filename TEXT NOT NULL,
    uploaded_at INTEGER NOT NULL, "by" TEXT NOT NULL CHECK ("by" <> ''),
    PRIMARY KEY (company, key, version), FOREIGN KEY (company, key) REFERENCES files (company, key)
) STRICT;
