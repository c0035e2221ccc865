DROP TABLE channel_echoes;
DROP TABLE channel_media;
