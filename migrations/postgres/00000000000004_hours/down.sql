ALTER TABLE divisions DROP COLUMN hours;
