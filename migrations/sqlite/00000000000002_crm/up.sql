-- What is asked of companies' CRMs, and with what they are reached. The same steps stand in migrations/postgres.

-- The outbox: one row per effect, by its call. `retries`: the try it stands at; `settlement`: how that one ended (JSON).
CREATE TABLE effects (
    call_key BLOB PRIMARY KEY NOT NULL, company INTEGER NOT NULL, room_id TEXT NOT NULL, call_id TEXT NOT NULL, action TEXT NOT NULL,
    retries INTEGER NOT NULL, settlement TEXT, settled_at INTEGER, at INTEGER NOT NULL
) STRICT;
CREATE INDEX effects_company ON effects (company, settled_at);

-- One row per writing part. `part`: JSON, the request in it as it is sent; `idle`: its last attempt certainly did nothing.
CREATE TABLE effect_parts (
    call_key BLOB NOT NULL, no INTEGER NOT NULL, name TEXT NOT NULL, company INTEGER NOT NULL, part TEXT NOT NULL, shown_name TEXT,
    started_at INTEGER NOT NULL, owner_epoch INTEGER NOT NULL, attempts INTEGER NOT NULL, idle INTEGER NOT NULL, record TEXT, answer TEXT,
    ended_at INTEGER, PRIMARY KEY (call_key, no)
) STRICT;
CREATE INDEX effect_parts_record ON effect_parts (company, name, record) WHERE record IS NOT NULL;
CREATE INDEX effect_parts_open ON effect_parts (company, name, shown_name) WHERE ended_at IS NULL AND NOT idle;

-- `sealed` opens only with the installation's secret, and only for this company (src/store/seal.rs).
CREATE TABLE crm_access (
    company INTEGER PRIMARY KEY NOT NULL REFERENCES companies (no), base_url TEXT NOT NULL, dialect TEXT NOT NULL, options TEXT NOT NULL,
    sealed BLOB NOT NULL, version INTEGER NOT NULL, updated_at INTEGER NOT NULL
) STRICT;
