-- What a person may want to know of. Few rows, bounded in number, none of them secret.

CREATE TABLE events (
    id           TEXT PRIMARY KEY NOT NULL,
    wall         INTEGER NOT NULL,
    business     INTEGER NOT NULL,
    kind         TEXT NOT NULL,
    listing      TEXT,
    instance_id  TEXT,
    order_id     TEXT,
    operation_id TEXT,
    done_by      TEXT,
    message      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What needs a person now; what is over has no row.
CREATE TABLE alarms (
    kind           TEXT NOT NULL,
    subject        TEXT NOT NULL,
    listing        TEXT,
    instance_id    TEXT,
    order_id       TEXT,
    operation_id   TEXT,
    since_wall     INTEGER NOT NULL,
    since_business INTEGER NOT NULL,
    message        TEXT NOT NULL,
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;
