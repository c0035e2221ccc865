DROP TABLE revoked_links;
