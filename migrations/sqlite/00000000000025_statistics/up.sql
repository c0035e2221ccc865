-- SQLite keeps no statistics here; the step stands here so that both databases count alike.
SELECT 1;
