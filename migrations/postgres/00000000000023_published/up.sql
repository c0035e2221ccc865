-- What each AI agent may do: a draft, and the revisions made of it, which never change; which revision a call was let in under.
-- And files that were deleted, whose keys are not given anew. The same steps stand in migrations/sqlite.
ALTER TABLE ai_agents ADD COLUMN draft TEXT;
ALTER TABLE ai_agents ADD COLUMN draft_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE ai_agents ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
CREATE TABLE revisions (
    company BIGINT NOT NULL REFERENCES companies (no), ai_agent TEXT NOT NULL, revision BIGINT NOT NULL, tools TEXT NOT NULL,
    published_at BIGINT NOT NULL, "by" TEXT NOT NULL, note TEXT, restored BIGINT, PRIMARY KEY (company, ai_agent, revision)
);
ALTER TABLE function_calls ADD COLUMN revision BIGINT;
ALTER TABLE files ADD COLUMN deleted_at BIGINT;
