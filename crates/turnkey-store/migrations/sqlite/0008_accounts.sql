-- Buyers of the storefronts that were made while the shop ran; those of the configuration have no
-- row. A rotation is under way where there is a next secret.

CREATE TABLE accounts (
    name        TEXT PRIMARY KEY NOT NULL,
    access_key  TEXT NOT NULL UNIQUE,
    secret      BLOB NOT NULL, -- sealed
    next_secret BLOB,          -- sealed
    is_enabled  INTEGER NOT NULL,
    made_at     INTEGER NOT NULL,
    version     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
