ALTER TABLE crm_access DROP COLUMN refresh_until;
ALTER TABLE crm_access DROP COLUMN refresh_holder;
ALTER TABLE crm_access DROP COLUMN refresh_version;
