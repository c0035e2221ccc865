-- What is forgotten by its age is found by its age: while nothing is old, nothing is read. The same steps stand in migrations/postgres.
CREATE INDEX inbox_done ON inbox (done_at) WHERE done_at IS NOT NULL;
CREATE INDEX channel_echoes_heard ON channel_echoes (heard_at);
