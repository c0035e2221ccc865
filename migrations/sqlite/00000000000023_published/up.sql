-- What each AI agent may do: a draft, and the revisions made of it, which never change; which revision a call was let in under.
-- And files that were deleted, whose keys are not given anew. The same steps stand in migrations/postgres.
ALTER TABLE ai_agents ADD COLUMN draft TEXT;
ALTER TABLE ai_agents ADD COLUMN draft_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ai_agents ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
CREATE TABLE revisions (
    company INTEGER NOT NULL REFERENCES companies (no), ai_agent TEXT NOT NULL, revision INTEGER NOT NULL, tools TEXT NOT NULL,
    published_at INTEGER NOT NULL, "by" TEXT NOT NULL, note TEXT, restored INTEGER, PRIMARY KEY (company, ai_agent, revision)
) STRICT;
ALTER TABLE function_calls ADD COLUMN revision INTEGER;
ALTER TABLE files ADD COLUMN deleted_at INTEGER;
