ALTER TABLE files DROP COLUMN deleted_at;
ALTER TABLE function_calls DROP COLUMN revision;
DROP TABLE revisions;
ALTER TABLE ai_agents DROP COLUMN revision;
ALTER TABLE ai_agents DROP COLUMN draft_version;
ALTER TABLE ai_agents DROP COLUMN draft;
