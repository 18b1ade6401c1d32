//! Every statement of the request path, by name. The query planner is asked about each of them in
//! the tests: none scans a table, none sorts.

macro_rules! statements {
    ($($name:ident = $sql:expr;)*) => {
        $(pub(super) const $name: &str = $sql;)*

        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}

macro_rules! select_order {
    ($rest:literal) => {
        concat!(
            "SELECT id, listing, kind, order_key, long_key, content, instance_id, plan, period, ",
            "state, refusal, accepted_wall, accepted_business, version FROM orders ",
            $rest
        )
    };
}

macro_rules! select_instance {
    ($rest:literal) => {
        concat!(
            "SELECT id, listing, product, plan, buyer, context, access, ",
            "term_starts_at, term_ends_at, term_anchor_at, term_months, ",
            "state, reasons, order_id, delivered, suspended_at, lifted_signed_at, version ",
            "FROM instances ",
            $rest
        )
    };
}

macro_rules! select_subscription {
    ($rest:literal) => {
        concat!(
            "SELECT instance_id, listing, buyer, region, period, period_from, renews, stage, ",
            "look_at FROM subscriptions ",
            $rest
        )
    };
}

macro_rules! select_operation {
    ($rest:literal) => {
        concat!(
            "SELECT id, instance_id, kind, seq, order_id, state, attempt, due_at, began_at, ",
            "fence, plan, period, reasons, note FROM operations ",
            $rest
        )
    };
}

statements! {
    ORDER_BY_KEY = select_order!("WHERE listing = ?1 AND kind = ?2 AND order_key = ?3");
    ORDER_BY_ID = select_order!("WHERE id = ?1");
    ORDER_LIST = select_order!("WHERE id > ?1 ORDER BY id LIMIT ?2");
    ORDER_INSERT = "INSERT INTO orders (id, listing, kind, order_key, long_key, content, \
        instance_id, plan, period, state, refusal, accepted_wall, accepted_business, version) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    ORDER_MOVE = "UPDATE orders SET state = ?3, refusal = ?4, version = version + 1 \
        WHERE id = ?1 AND state = ?2";

    INSTANCE_BY_ID = select_instance!("WHERE id = ?1");
    INSTANCE_LIST = select_instance!("WHERE id > ?1 ORDER BY id LIMIT ?2");
    INSTANCE_INSERT = "INSERT INTO instances (id, listing, product, plan, buyer, context, \
        access, term_starts_at, term_ends_at, term_anchor_at, term_months, state, reasons, \
        order_id, delivered, suspended_at, lifted_signed_at, version) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";
    INSTANCE_UPDATE = "UPDATE instances SET product = ?2, plan = ?3, access = ?4, \
        term_starts_at = ?5, term_ends_at = ?6, term_anchor_at = ?7, term_months = ?8, \
        state = ?9, reasons = ?10, delivered = ?11, suspended_at = ?12, lifted_signed_at = ?13, \
        version = version + 1 WHERE id = ?1 AND version = ?14 - 1";

    OPERATION_BY_ID = select_operation!("WHERE id = ?1");
    OPERATIONS_OF_INSTANCE =
        select_operation!("WHERE instance_id = ?1 ORDER BY seq, id");
    OPERATIONS_DUE = select_operation!("WHERE due_at <= ?1 ORDER BY due_at, id LIMIT ?2");
    OPERATION_LIST = select_operation!("WHERE id > ?1 ORDER BY id LIMIT ?2");
    NEXT_DUE = "SELECT due_at FROM operations WHERE due_at >= ?1 ORDER BY due_at LIMIT 1";
    OPERATION_INSERT = "INSERT INTO operations (id, instance_id, kind, seq, order_id, state, \
        attempt, due_at, began_at, fence, plan, period, reasons, note) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    OPERATION_UPDATE = "UPDATE operations SET kind = ?2, seq = ?3, order_id = ?4, state = ?5, \
        attempt = ?6, due_at = ?7, began_at = ?8, fence = ?9, plan = ?10, period = ?11, \
        reasons = ?12, note = ?13 WHERE id = ?1 AND fence <= ?9";
    OPERATION_RENEW_LEASE = "UPDATE operations SET due_at = ?4 \
        WHERE id = ?1 AND fence = ?2 AND state = ?3";
    OPERATION_PUT_OFF = "UPDATE operations SET due_at = ?2 WHERE id = ?1";
    OPERATION_DELETE = "DELETE FROM operations WHERE id = ?1";

    HISTORY_INSERT = "INSERT INTO history (instance_id, version, wall, business, kind, step, \
        order_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    HISTORY_LIST = "SELECT instance_id, version, wall, business, kind, step, order_id \
        FROM history WHERE instance_id = ?1 AND version > ?2 ORDER BY version LIMIT ?3";

    ORDER_FLOOR = "SELECT id FROM orders WHERE id < ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2";
    ORDER_FIND = select_order!("WHERE id < ?1 AND id >= ?2 AND (?3 IS NULL OR listing = ?3) \
        AND (?4 IS NULL OR kind = ?4) AND (?5 IS NULL OR state = ?5) ORDER BY id DESC LIMIT ?6");
    ORDER_APART_FLOOR = "SELECT id FROM orders INDEXED BY orders_apart \
        WHERE (state = 'awaiting_payment' OR state = 'failed' OR state = 'cancelled') \
        AND id < ?1 \
        ORDER BY id DESC LIMIT 1 OFFSET ?2";
    ORDER_APART_FIND = select_order!("INDEXED BY orders_apart \
        WHERE (state = 'awaiting_payment' OR state = 'failed' OR state = 'cancelled') \
        AND id < ?1 AND id >= ?2 \
        AND (?3 IS NULL OR listing = ?3) AND (?4 IS NULL OR kind = ?4) \
        AND (?5 IS NULL OR state = ?5) ORDER BY id DESC LIMIT ?6");
    ORDERS_AT_WORK = "SELECT order_id FROM operations WHERE id < ?1 AND id >= ?2 \
        AND order_id IS NOT NULL ORDER BY id DESC";
    INSTANCE_FLOOR = "SELECT id FROM instances WHERE id < ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2";
    INSTANCE_FIND = select_instance!("WHERE id < ?1 AND id >= ?2 \
        AND (?3 IS NULL OR listing = ?3) AND (?4 IS NULL OR state = ?4) \
        AND (?5 IS NULL OR buyer = ?5) ORDER BY id DESC LIMIT ?6");
    INSTANCE_APART_FLOOR = "SELECT id FROM instances INDEXED BY instances_apart \
        WHERE (state = 'suspended' OR state = 'failed' OR state = 'releasing') \
        AND id < ?1 \
        ORDER BY id DESC LIMIT 1 OFFSET ?2";
    INSTANCE_APART_FIND = select_instance!("INDEXED BY instances_apart \
        WHERE (state = 'suspended' OR state = 'failed' OR state = 'releasing') \
        AND id < ?1 AND id >= ?2 \
        AND (?3 IS NULL OR listing = ?3) AND (?4 IS NULL OR state = ?4) \
        AND (?5 IS NULL OR buyer = ?5) ORDER BY id DESC LIMIT ?6");
    OPERATION_FLOOR = "SELECT id FROM operations WHERE id < ?1 ORDER BY id DESC \
        LIMIT 1 OFFSET ?2";
    OPERATION_FIND = select_operation!("WHERE id < ?1 AND id >= ?2 \
        AND (?3 IS NULL OR kind = ?3) AND (?4 IS NULL OR state = ?4) ORDER BY id DESC LIMIT ?5");
    OPERATION_DEAD_FLOOR = "SELECT id FROM operations INDEXED BY operations_dead \
        WHERE state = 'dead' AND id < ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2";
    OPERATION_DEAD_FIND = select_operation!("INDEXED BY operations_dead \
        WHERE state = 'dead' AND id < ?1 AND id >= ?2 \
        AND (?3 IS NULL OR kind = ?3) AND (?4 IS NULL OR state = ?4) ORDER BY id DESC LIMIT ?5");

    EVENT_INSERT = "INSERT INTO events (id, wall, business, kind, listing, instance_id, \
        order_id, operation_id, done_by, message) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO NOTHING";
    EVENT_LIST = "SELECT id, wall, business, kind, listing, instance_id, order_id, \
        operation_id, done_by, message FROM events WHERE id < ?1 \
        AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR listing = ?3) \
        AND (?4 IS NULL OR instance_id = ?4) AND (?5 IS NULL OR order_id = ?5) \
        AND (?6 IS NULL OR operation_id = ?6) ORDER BY id DESC LIMIT ?7";
    EVENT_NEWEST_BEYOND = "SELECT id FROM events WHERE id > '' ORDER BY id DESC \
        LIMIT 1 OFFSET ?1";
    EVENTS_FORGET_BEFORE = "DELETE FROM events WHERE id IN \
        (SELECT id FROM events WHERE id < ?1 ORDER BY id LIMIT ?2)";
    EVENTS_FORGET_UP_TO = "DELETE FROM events WHERE id IN \
        (SELECT id FROM events WHERE id <= ?1 ORDER BY id LIMIT ?2)";

    ALARM_LIST = "SELECT kind, subject, listing, instance_id, order_id, operation_id, \
        since_wall, since_business, message FROM alarms WHERE kind > '' \
        ORDER BY kind, subject LIMIT ?1";
    ALARM_BY_KEY = "SELECT kind, subject, listing, instance_id, order_id, operation_id, \
        since_wall, since_business, message FROM alarms WHERE kind = ?1 AND subject = ?2";
    ALARM_IS_ANY = "SELECT 1 FROM alarms WHERE kind = ?1 LIMIT 1";
    ALARM_INSERT = "INSERT INTO alarms (kind, subject, listing, instance_id, order_id, \
        operation_id, since_wall, since_business, message) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (kind, subject) DO NOTHING";
    ALARM_DELETE = "DELETE FROM alarms WHERE kind = ?1 AND subject = ?2";

    KEY_USE_PUT = "INSERT INTO key_uses (used_at, fingerprint) VALUES (?2, ?1) \
        ON CONFLICT (fingerprint) DO UPDATE SET used_at = max(used_at, excluded.used_at)";
    KEY_USE_LIST = "SELECT fingerprint, used_at FROM key_uses WHERE fingerprint > '' \
        ORDER BY fingerprint LIMIT ?1";
    STOCK_FREE = "SELECT id, item FROM stock WHERE product = ?1 AND plan = ?2 \
        AND instance_id IS NULL ORDER BY id LIMIT 1";
    STOCK_OF_INSTANCE = "SELECT id, item FROM stock WHERE instance_id = ?1";
    STOCK_TAKE = "UPDATE stock SET instance_id = ?2 \
        WHERE id = ?1 AND (instance_id IS NULL OR instance_id = ?2)";
    STOCK_ERASE = "UPDATE stock SET item = NULL WHERE instance_id = ?1";
    STOCK_SET_FREE = "UPDATE stock SET instance_id = NULL WHERE instance_id = ?1";
    STOCK_INSERT = "INSERT INTO stock (id, product, plan, item, fingerprint, added_at) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (product, fingerprint) DO NOTHING";
    STOCK_LIST = "SELECT id, product, plan, added_at, instance_id, item IS NULL FROM stock \
        WHERE id < ?1 AND (?2 IS NULL OR product = ?2) ORDER BY id DESC LIMIT ?3";
    STOCK_LEVELS = "SELECT product, plan, count(*), count(instance_id) FROM stock \
        WHERE product > '' GROUP BY product, plan";
    STOCK_WAITING = "SELECT o.id, o.instance_id, i.plan FROM operations o \
        JOIN instances i ON i.id = o.instance_id \
        WHERE o.due_at >= ?1 AND o.kind = 'provision' AND i.product = ?2";
    OPERATION_HASTEN = "UPDATE operations SET due_at = ?2 \
        WHERE id = ?1 AND state IN ('due', 'retrying') AND due_at > ?2";

    HISTORY_FIRST = "SELECT wall FROM history \
        WHERE instance_id = ?1 AND kind = ?2 AND step = ?3 ORDER BY version LIMIT 1";

    LINK_BY_HASH = "SELECT hash, instance_id, part, token, reveals FROM links WHERE hash = ?1";
    LINKS_OF_INSTANCE = "SELECT hash, instance_id, part, token, reveals FROM links \
        WHERE instance_id = ?1 ORDER BY part";
    LINK_INSERT = "INSERT INTO links (hash, instance_id, part, token, reveals) \
        VALUES (?1, ?2, ?3, ?4, 0)";
    LINK_COUNT_REVEAL = "UPDATE links SET reveals = reveals + 1 WHERE hash = ?1";

    BILL_INSERT = "INSERT INTO bills (order_id, purchase_id, price_minor, currency, \
        unpaid_until) VALUES (?1, ?2, ?3, ?4, ?5)";
    BILL_BY_ORDER = "SELECT order_id, purchase_id, price_minor, currency, unpaid_until \
        FROM bills WHERE order_id = ?1";
    BILLS_OF_PURCHASE = "SELECT order_id, purchase_id, price_minor, currency, unpaid_until \
        FROM bills WHERE purchase_id = ?1 ORDER BY order_id";
    BILL_SETTLE = "UPDATE bills SET unpaid_until = NULL WHERE order_id = ?1";
    BILLS_OVERDUE = "SELECT b.order_id, o.listing FROM bills b \
        JOIN orders o ON o.id = b.order_id \
        WHERE b.unpaid_until <= ?1 ORDER BY b.unpaid_until LIMIT ?2";
    NEXT_UNPAID = "SELECT unpaid_until FROM bills WHERE unpaid_until > ?1 \
        ORDER BY unpaid_until LIMIT 1";
    ORDER_PAY = "UPDATE orders SET state = ?3, accepted_wall = ?4, accepted_business = ?5, \
        version = version + 1 WHERE id = ?1 AND state = ?2";
    CONTEXT_PUT = "UPDATE instances SET context = ?2 WHERE id = ?1";

    SUBSCRIPTION_BY_ID = select_subscription!("WHERE instance_id = ?1");
    SUBSCRIPTION_PUT = "INSERT INTO subscriptions (instance_id, listing, buyer, region, period, \
        period_from, renews, stage, look_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
        ON CONFLICT (instance_id) DO UPDATE SET period = excluded.period, \
        period_from = excluded.period_from, renews = excluded.renews, stage = excluded.stage, \
        look_at = excluded.look_at";
    SUBSCRIPTIONS_OF_BUYER = select_subscription!("WHERE listing = ?1 AND buyer = ?2 \
        AND region = ?3 AND stage <> 'over' ORDER BY instance_id LIMIT ?4");
    SUBSCRIPTIONS_DUE = "SELECT instance_id, listing FROM subscriptions WHERE look_at <= ?1 \
        ORDER BY look_at LIMIT ?2";
    NEXT_LOOK = "SELECT look_at FROM subscriptions WHERE look_at > ?1 ORDER BY look_at LIMIT 1";
    SUBSCRIPTIONS_COUNT = "SELECT count(*) FROM subscriptions \
        WHERE listing = ?1 AND stage = ?2 AND look_at <= ?3";

    ACCOUNT_BY_NAME = "SELECT name, access_key, secret, next_secret, is_enabled, made_at, version \
        FROM accounts WHERE name = ?1";
    ACCOUNT_LIST = "SELECT name, access_key, secret, next_secret, is_enabled, made_at, version \
        FROM accounts WHERE name > '' ORDER BY name LIMIT ?1";
    ACCOUNT_COUNT = "SELECT count(*) FROM accounts WHERE name > ''";
    ACCOUNT_PUT = "INSERT INTO accounts (name, access_key, secret, next_secret, is_enabled, \
        made_at, version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
        ON CONFLICT (name) DO UPDATE SET secret = excluded.secret, \
        next_secret = excluded.next_secret, is_enabled = excluded.is_enabled, \
        version = excluded.version WHERE version = excluded.version - 1";

    META_GET = "SELECT value FROM meta WHERE name = ?1";
    META_SET = "INSERT INTO meta (name, value) VALUES (?1, ?2) \
        ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    META_DELETE = "DELETE FROM meta WHERE name = ?1";

    BEGIN_WRITE = "BEGIN IMMEDIATE";
    BEGIN_READ = "BEGIN";
    COMMIT = "COMMIT";
    ROLLBACK = "ROLLBACK";
    SAVEPOINT = "SAVEPOINT job";
    RELEASE = "RELEASE job";
    ROLLBACK_TO = "ROLLBACK TO job";
}
