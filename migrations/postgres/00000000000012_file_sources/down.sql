DROP TABLE file_sources;
