DROP TABLE channel_rooms;
DROP TABLE inbox;
DROP TABLE channel_access;
