-- Licences and accounts that wait to be handed out. An item goes to one instance for ever; what it
-- was is erased with the instance, that it was stays, so that it is not sold again.

CREATE TABLE stock (
    id          TEXT PRIMARY KEY NOT NULL,
    product     TEXT NOT NULL,
    plan        TEXT NOT NULL, -- '' is any
    item        BLOB,          -- sealed; erased on release
    fingerprint BLOB NOT NULL, -- a keyed hash of the item: tells a second one of the same
    added_at    INTEGER NOT NULL,
    instance_id TEXT
) STRICT;

CREATE UNIQUE INDEX stock_by_fingerprint ON stock (product, fingerprint);
CREATE UNIQUE INDEX stock_by_instance ON stock (instance_id) WHERE instance_id IS NOT NULL;
-- The next free item of a plan, and how many there are.
CREATE INDEX stock_by_plan ON stock (product, plan, instance_id, id);
