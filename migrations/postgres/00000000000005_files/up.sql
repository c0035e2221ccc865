-- The library: files that may be sent to customers. Their bytes lie in a folder, by company and hash. The same steps stand in migrations/sqlite.

-- `version` is the one that stands now; an archived file is shown to nobody who might send it.
CREATE TABLE files (
    company BIGINT NOT NULL REFERENCES companies (no), key TEXT COLLATE "C" NOT NULL, description TEXT NOT NULL, for_agents BOOLEAN NOT NULL,
    version BIGINT NOT NULL, created_at BIGINT NOT NULL, archived_at BIGINT, PRIMARY KEY (company, key)
);

-- Never changed and never deleted: who was promised a version still finds it.
CREATE TABLE file_versions (
    company BIGINT NOT NULL, key TEXT COLLATE "C" NOT NULL, version BIGINT NOT NULL, sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
    size BIGINT NOT NULL CHECK (size > 0), mime TEXT NOT NULL, kind TEXT NOT NULL, filename TEXT NOT NULL,
    uploaded_at BIGINT NOT NULL, "by" TEXT NOT NULL CHECK ("by" <> ''),
    PRIMARY KEY (company, key, version), FOREIGN KEY (company, key) REFERENCES files (company, key)
);
