-- The call log: a tool, not the ledger. Its own file, never synced, bounded by age and size.
CREATE TABLE IF NOT EXISTS calls (
    -- The millisecond and a running number: newest last.
    number      INTEGER PRIMARY KEY,
    wall        INTEGER NOT NULL,
    listing     TEXT NOT NULL,
    action      TEXT NOT NULL,
    result      TEXT NOT NULL,
    order_key   TEXT,
    instance_id TEXT,
    status      INTEGER NOT NULL,
    code        TEXT,
    flags       TEXT NOT NULL,
    dry_run     INTEGER NOT NULL,
    elapsed_us  INTEGER NOT NULL,
    note        BLOB, -- sealed
    request     BLOB NOT NULL -- sealed
) STRICT;

CREATE INDEX IF NOT EXISTS calls_by_order ON calls (order_key, number)
    WHERE order_key IS NOT NULL;
