DROP INDEX channel_echoes_heard;
DROP INDEX inbox_done;
