DROP TABLE fetched_files;
