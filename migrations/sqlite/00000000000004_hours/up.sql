-- When a division is open, as JSON; NULL: always. The same step stands in migrations/postgres.
ALTER TABLE divisions ADD COLUMN hours TEXT;
