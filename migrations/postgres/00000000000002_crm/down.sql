DROP TABLE crm_access;
DROP TABLE effect_parts;
DROP TABLE effects;
