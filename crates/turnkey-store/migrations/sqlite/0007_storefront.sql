-- What a storefront adds to orders and instances, beside them: a create of a marketplace that keeps
-- its own terms writes none of this.

CREATE TABLE bills (
    order_id     TEXT PRIMARY KEY NOT NULL,
    purchase_id  TEXT NOT NULL,
    price_minor  INTEGER,
    currency     TEXT,
    -- On the business clock; absent once it is paid, taken back, or needs no payment.
    unpaid_until INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX bills_by_purchase ON bills (purchase_id, order_id);
CREATE INDEX bills_unpaid ON bills (unpaid_until) WHERE unpaid_until IS NOT NULL;

CREATE TABLE subscriptions (
    instance_id TEXT PRIMARY KEY NOT NULL,
    listing     INTEGER NOT NULL,
    buyer       TEXT NOT NULL,
    region      TEXT NOT NULL,
    period      TEXT NOT NULL,
    period_from INTEGER NOT NULL,
    renews      INTEGER NOT NULL,
    stage       TEXT NOT NULL,
    look_at     INTEGER -- on the business clock; absent when nothing comes any more
) STRICT, WITHOUT ROWID;

CREATE INDEX subscriptions_due ON subscriptions (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX subscriptions_of_buyer ON subscriptions (listing, buyer, region, instance_id);
CREATE INDEX subscriptions_by_stage ON subscriptions (listing, stage, look_at);
