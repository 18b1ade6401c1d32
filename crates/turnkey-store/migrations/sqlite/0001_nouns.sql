-- The nouns as tables. Ids are time-ordered text, so new rows go to the right edge of every table.
-- Times are UTC milliseconds. Kinds, states and steps are stored by name: a person with a database
-- shell can read them, and a name that the program does not know is refused, never guessed.
-- Columns marked "sealed" hold XChaCha20-Poly1305 under the master key.
--
-- Small rows live in their primary key (WITHOUT ROWID), which saves a tree. Orders and instances do
-- not: the index over order keys is a third smaller when it points to rows by number, and a context
-- of a kilobyte would spill out of a key's page (measured: 1.4 and 1.3 times the creates a second).

CREATE TABLE meta (
    name  TEXT PRIMARY KEY NOT NULL,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- A listing's name is its identity; rows carry its number, so that a rename touches one row.
CREATE TABLE listings (
    number INTEGER PRIMARY KEY,
    name   TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE orders (
    id                TEXT PRIMARY KEY NOT NULL,
    listing           INTEGER NOT NULL,
    kind              TEXT NOT NULL,
    -- Up to 64 bytes: the key itself. Longer: its first 49 bytes and a keyed hash of 16, which
    -- makes 65 and so equals no plain one; `long_key` then has the whole.
    order_key         BLOB NOT NULL,
    long_key          BLOB,
    content           BLOB NOT NULL,
    instance_id       TEXT NOT NULL,
    plan              TEXT NOT NULL,
    period            TEXT NOT NULL,
    state             TEXT NOT NULL,
    refusal           BLOB, -- sealed
    accepted_wall     INTEGER NOT NULL,
    accepted_business INTEGER NOT NULL,
    version           INTEGER NOT NULL
) STRICT;

-- The one index that may be written anywhere: the marketplace makes these keys, not we.
CREATE UNIQUE INDEX orders_by_key ON orders (listing, kind, order_key);

CREATE TABLE instances (
    id               TEXT PRIMARY KEY NOT NULL,
    listing          INTEGER NOT NULL,
    product          TEXT NOT NULL,
    plan             TEXT NOT NULL,
    buyer            TEXT NOT NULL,
    context          TEXT, -- JSON; what the dialect hands on: addresses, codes, no secrets
    access           BLOB, -- sealed; erased on release
    term_starts_at   INTEGER NOT NULL,
    term_ends_at     INTEGER NOT NULL,
    term_anchor_at   INTEGER NOT NULL,
    term_months      INTEGER NOT NULL,
    state            TEXT NOT NULL,
    reasons          INTEGER NOT NULL,
    order_id         TEXT NOT NULL,
    delivered        INTEGER NOT NULL,
    suspended_at     INTEGER,
    lifted_signed_at INTEGER,
    version          INTEGER NOT NULL
) STRICT;

-- Only work that is left to do: done operations have no row.
CREATE TABLE operations (
    id          TEXT PRIMARY KEY NOT NULL,
    instance_id TEXT NOT NULL,
    kind        TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    order_id    TEXT,
    state       TEXT NOT NULL,
    attempt     INTEGER NOT NULL,
    due_at      INTEGER,
    began_at    INTEGER,
    fence       INTEGER NOT NULL,
    plan        TEXT,
    period      TEXT,
    reasons     INTEGER NOT NULL,
    note        BLOB -- sealed
) STRICT, WITHOUT ROWID;

CREATE INDEX operations_by_due ON operations (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX operations_by_instance ON operations (instance_id, seq);

CREATE TABLE history (
    instance_id TEXT NOT NULL,
    version     INTEGER NOT NULL,
    wall        INTEGER NOT NULL,
    business    INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    step        TEXT NOT NULL,
    order_id    TEXT,
    PRIMARY KEY (instance_id, version)
) STRICT, WITHOUT ROWID;
