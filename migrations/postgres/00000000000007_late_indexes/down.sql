-- PostgreSQL keeps its unique index; the step stands here so that both databases count alike.
SELECT 1;
