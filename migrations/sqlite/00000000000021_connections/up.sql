-- Which connection of the owner's writes: raised whenever its journal connects, checked in every group commit on PostgreSQL, so that
-- what an older connection had sent cannot land any more. The same steps stand in both folders.

ALTER TABLE owners ADD COLUMN connection INTEGER NOT NULL DEFAULT 0;
