ALTER TABLE owners DROP COLUMN connection;
