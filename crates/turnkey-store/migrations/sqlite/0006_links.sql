-- Holding links (design: promise 7). A token is looked up by its SHA-256, and kept sealed so that a
-- repeated call gets the same links. Rows are made only when a driver is slower than its
-- marketplace waits.

CREATE TABLE links (
    hash        BLOB PRIMARY KEY NOT NULL,
    instance_id TEXT NOT NULL,
    part        TEXT NOT NULL,
    token       BLOB NOT NULL, -- sealed
    reveals     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX links_by_instance ON links (instance_id, part);
