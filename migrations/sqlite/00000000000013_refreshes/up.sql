-- Which process may spend a company's refresh token, of which version, and until when: one over all processes. The same steps
-- stand in migrations/postgres.

ALTER TABLE crm_access ADD COLUMN refresh_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE crm_access ADD COLUMN refresh_holder TEXT NOT NULL DEFAULT '';
ALTER TABLE crm_access ADD COLUMN refresh_until INTEGER NOT NULL DEFAULT 0;
