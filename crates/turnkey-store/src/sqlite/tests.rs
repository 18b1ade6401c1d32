//! What can only be tried from the inside: plans, a full disk, a row that changed under a decision.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must stop with a word"
)]

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, params};
use tempfile::TempDir;
use turnkey_core::decide::Change;
use turnkey_core::ports::{Claim, Driver, Store as _};
use turnkey_core::{AlarmKind, Fault, FaultKind, Instance, InstanceId, Now, UtcMillis};
use turnkey_testkit::{ImmediateDriver, ScriptedDriver, sample};

use super::failure::Failure;
use super::mover::{Mover, log_length};
use super::rows::Rows;
use super::writer::{Pace, Writer};
use super::{BoundListing, Options, SqliteStore, schema, sql};
use crate::MasterKey;
use crate::seal::Sealer;

struct Open {
    store: SqliteStore,
    listing: Arc<turnkey_core::Listing>,
    now: Now,
    folder: TempDir,
}

impl Open {
    fn new() -> Self {
        Self::with(Arc::new(ImmediateDriver::willing()))
    }

    fn with(driver: Arc<dyn Driver>) -> Self {
        let now = Now {
            wall: sample::NOON,
            business: sample::NOON,
        };
        let listing = Arc::new(sample::listing(driver));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("turnkey.db");
        let store = SqliteStore::open(Options {
            listings: vec![BoundListing {
                name: listing.name.clone(),
                formerly: Vec::new(),
            }],
            ..Options::new(path, MasterKey::from_bytes(&[7; 32]), now)
        });
        Self {
            store: store.unwrap(),
            listing,
            now,
            folder,
        }
    }

    async fn create(&self, n: u64) -> Result<(), Fault> {
        let call = sample::call(sample::create(&format!("order-{n}")), self.now);
        let admission = sample::admission(&self.listing, call, self.now, n);
        self.store.admit(admission).await.map(drop)
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&Rows) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Fault> {
        self.store.writer.ask(work).await
    }

    fn file(&self) -> Connection {
        Connection::open(self.folder.path().join("turnkey.db")).unwrap()
    }
}

#[test]
fn no_statement_of_the_request_path_scans_or_sorts() {
    let open = Open::new();
    let file = open.file();
    let mut plans = String::new();
    for (name, statement) in sql::ALL {
        let mut explain = file
            .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
            .unwrap();
        for parameter in 1..=explain.parameter_count() {
            explain.raw_bind_parameter(parameter, 1).unwrap();
        }
        let mut steps = explain.raw_query();
        while let Some(step) = steps.next().unwrap() {
            let step: String = step.get(3).unwrap();
            plans += &format!("{name}: {step}\n");
        }
    }
    assert!(
        plans.contains("ORDER_BY_KEY: SEARCH orders USING INDEX orders_by_key"),
        "{plans}"
    );
    for line in plans.lines() {
        assert!(
            !line.contains("SCAN") && !line.contains("TEMP B-TREE"),
            "{line}\n\n{plans}"
        );
    }
}

/// Every further index is a further page to write for each create.
#[test]
fn a_create_has_its_write_budget() {
    let open = Open::new();
    let sql = "SELECT tbl_name || '.' || name FROM sqlite_schema \
        WHERE type = 'index' AND name NOT LIKE 'sqlite_autoindex_%' \
        AND tbl_name IN ('orders', 'instances', 'history') ORDER BY 1";
    let file = open.file();
    let mut statement = file.prepare(sql).unwrap();
    let indexes: Vec<String> = statement
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        indexes,
        [
            "instances.instances_apart",
            "orders.orders_apart",
            "orders.orders_by_key"
        ]
    );
}

/// The lists' own indexes hold only what a create is not.
#[tokio::test]
async fn a_create_writes_to_no_index_for_lists() {
    let open = Open::new();
    open.create(1).await.unwrap();
    let file = open.file();
    for (table, index) in [("orders", "orders_apart"), ("instances", "instances_apart")] {
        let sql = "SELECT sql FROM sqlite_schema WHERE name = ?1";
        let made: String = file.query_row(sql, [index], |row| row.get(0)).unwrap();
        let (_, condition) = made.split_once("WHERE").unwrap();
        let sql = format!("SELECT count(*) FROM {table} INDEXED BY {index} WHERE {condition}");
        let held: i64 = file.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(held, 0, "{index}");
    }
}

/// An index whose condition has an `IN` of three words makes `SQLite` build a table of them for
/// every row that is written.
#[test]
fn what_a_create_writes_needs_no_table_of_its_own() {
    let open = Open::new();
    let file = open.file();
    for (name, statement) in sql::ALL {
        if !(name.ends_with("_INSERT") || name.ends_with("_UPDATE") || name.ends_with("_MOVE")) {
            continue;
        }
        let mut explain = file.prepare(&format!("EXPLAIN {statement}")).unwrap();
        for parameter in 1..=explain.parameter_count() {
            explain.raw_bind_parameter(parameter, 1).unwrap();
        }
        let mut steps = explain.raw_query();
        while let Some(step) = steps.next().unwrap() {
            let opcode: String = step.get(1).unwrap();
            assert!(
                !matches!(opcode.as_str(), "OpenEphemeral" | "OpenAutoindex"),
                "{name}: {opcode}"
            );
        }
    }
}

#[tokio::test]
async fn a_create_writes_three_rows() {
    let open = Open::new();
    let rows = || open.write(|rows| Ok(rows.connection.total_changes()));
    open.create(1).await.unwrap();
    let before = rows().await.unwrap();
    open.create(2).await.unwrap();
    assert_eq!(rows().await.unwrap() - before, 3);
    open.create(2).await.unwrap();
    assert_eq!(rows().await.unwrap() - before, 3, "a repeat writes nothing");
}

#[tokio::test]
async fn a_full_disk_is_busy_for_everybody_until_there_is_room() {
    let open = Open::new();
    let pages_max = |pages: i64| {
        open.write(move |rows| {
            let pragma = format!("PRAGMA max_page_count = {pages}");
            Ok(rows
                .connection
                .query_row(&pragma, [], |row| row.get::<_, i64>(0))?)
        })
    };
    let pages = pages_max(1).await.unwrap();
    // Room for some more rows in the last page of each table, then none.
    let mut n = 0;
    let full = loop {
        n += 1;
        if let Err(fault) = open.create(n).await {
            break fault;
        }
        assert!(n < 1_000, "{pages} pages hold no thousand orders");
    };
    assert_eq!(
        (full.kind, full.code),
        (FaultKind::Busy, "store_unavailable")
    );
    assert!(!open.store.is_healthy());
    let before = open.store.order_list(None, 10_000).await.unwrap().len() as u64;
    assert_eq!(
        before,
        n - 1,
        "what was answered well is there, and nothing else"
    );

    let (a, b, c) = tokio::join!(open.create(n), open.create(1), open.create(n + 1));
    for refused in [a, b, c] {
        assert_eq!(
            refused.unwrap_err().kind,
            FaultKind::Busy,
            "a repeat in the batch too"
        );
    }
    pages_max(1 << 30).await.unwrap();
    assert!(open.store.is_healthy());
    open.create(n).await.unwrap();
    let after = open.store.order_list(None, 10_000).await.unwrap().len() as u64;
    assert_eq!(after, before + 1);
}

/// A writer on a new store in `folder`, without a thread.
fn writer_in(folder: &TempDir, pace: Pace) -> Writer {
    let path = folder.path().join("turnkey.db");
    schema::create_if_missing(&path).unwrap();
    let key = MasterKey::from_bytes(&[7; 32]);
    let sealer = Arc::new(Sealer::new(&key));
    Writer {
        rows: Rows {
            connection: schema::connect_writer(&path, 1 << 20, &key, &sealer).unwrap(),
            sealer,
            listings: Arc::default(),
            business_floor: Cell::default(),
        },
        batch_max: 1,
        is_healthy: Arc::new(AtomicBool::new(true)),
        stored_floor: UtcMillis::default(),
        mover: Mover::start(schema::connect_mover(&path).unwrap()).unwrap(),
        pace,
    }
}

#[test]
fn the_log_is_begun_anew_although_the_writer_never_rests() {
    let pace = Pace {
        move_at: 8,
        renew_at: 64,
    };
    let folder = tempfile::tempdir().unwrap();
    let writer = writer_in(&folder, pace);
    let (mut longest, mut renewals, mut before) = (0, 0, 0);
    for n in 0..500 {
        writer.rows.run(sql::BEGIN_WRITE, []).unwrap();
        let name = format!("row-{n}");
        writer.rows.run(sql::META_SET, params![name, n]).unwrap();
        writer.rows.run(sql::COMMIT, []).unwrap();
        writer.checkpoint();
        while writer.mover.is_busy() {
            std::thread::yield_now();
        }
        let pages = log_length(&writer.rows.connection).unwrap().pages;
        longest = longest.max(pages);
        renewals += i64::from(pages < before);
        before = pages;
    }
    assert!(renewals > 5, "begun anew {renewals} times");
    assert!(
        longest < pace.renew_at + 2 * pace.move_at,
        "{longest} pages"
    );
}

#[test]
fn an_empty_batch_finds_out_whether_there_is_room_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer_in(&folder, Pace::default());
    let is_healthy = Arc::clone(&writer.is_healthy);
    is_healthy.store(false, Ordering::Relaxed);
    let limit = |pages: i64| format!("PRAGMA max_page_count = {pages}");
    let count = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    for (pages, expected) in [(1, false), (1 << 30, true), (1 << 30, true)] {
        writer
            .rows
            .connection
            .query_row(&limit(pages), [], count)
            .unwrap();
        writer.commit(&mut Vec::new());
        assert_eq!(is_healthy.load(Ordering::Relaxed), expected);
    }
    let probes = "SELECT count(*) FROM meta WHERE name = 'probe'";
    assert_eq!(
        writer.rows.connection.query_row(probes, [], count).unwrap(),
        0
    );
}

#[tokio::test]
async fn a_row_that_is_not_the_one_decided_on_is_a_bug() {
    let open = Open::new();
    open.create(1).await.unwrap();
    let instance = open.store.instance_list(None, 1).await.unwrap().remove(0);
    let stale = Instance {
        version: instance.version,
        ..instance.clone()
    };
    let fault = open
        .write(move |rows| rows.write(&[Change::InstanceUpdate(stale.clone())]))
        .await;
    assert_eq!(fault.unwrap_err().kind, FaultKind::Bug);
    let next = Instance {
        version: instance.version + 1,
        plan: "solo".to_owned(),
        ..instance.clone()
    };
    open.write(move |rows| rows.write(&[Change::InstanceUpdate(next.clone())]))
        .await
        .unwrap();
    let stored = open.store.instance_get(instance.id).await.unwrap().unwrap();
    assert_eq!(
        (stored.plan.as_str(), stored.version),
        ("solo", instance.version + 1)
    );
}

#[tokio::test]
async fn what_a_failing_job_wrote_is_taken_back_alone() {
    let open = Open::new();
    open.create(1).await.unwrap();
    let instance = open.store.instance_list(None, 1).await.unwrap().remove(0);
    let copy = |id: &str| {
        Change::InstanceInsert(Instance {
            id: InstanceId::new(id),
            ..instance.clone()
        })
    };
    let twice = [copy("i-twice"), copy("i-twice")];
    let (before, fault, after) = tokio::join!(
        open.create(2),
        open.write(move |rows| rows.write(&twice)),
        open.create(3)
    );
    assert_eq!(fault.unwrap_err().kind, FaultKind::Bug);
    assert!(before.is_ok() && after.is_ok() && open.store.is_healthy());
    assert_eq!(open.store.instance_list(None, 10).await.unwrap().len(), 3);
    let panics = open.write::<()>(|rows| {
        rows.run("DELETE FROM instances", [])?;
        panic!("after it wrote")
    });
    let fault = panics.await.unwrap_err();
    let note = fault.note.as_deref();
    assert_eq!(note, Some("a job panicked"), "its words may quote a row");
    assert_eq!(open.store.instance_list(None, 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn what_no_program_of_ours_wrote_is_a_bug_and_no_guess() {
    let open = Open::new();
    for (n, damage) in [
        "UPDATE instances SET state = 'paused'",
        "UPDATE instances SET reasons = 8",
        "UPDATE instances SET listing = 99",
        "UPDATE instances SET access = x'00'",
        "UPDATE instances SET access = (SELECT value FROM meta WHERE name = 'canary')",
        "UPDATE instances SET version = -1",
    ]
    .into_iter()
    .enumerate()
    {
        let id = sample::fresh(n as u64).instance;
        open.create(n as u64).await.unwrap();
        let only = format!("{damage} WHERE id = '{id}'");
        open.write(move |rows| Ok(rows.run(&only, [])?))
            .await
            .unwrap();
        let fault = open.store.instance_get(id).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Bug, "{damage}");
    }
    assert!(open.store.is_healthy());
}

/// A row that nobody can read once failed the claim of all the others, at every look.
#[tokio::test]
async fn a_row_that_cannot_be_claimed_holds_up_no_other() {
    let open = Open::with(Arc::new(ScriptedDriver::willing()));
    for n in 1..=4 {
        open.create(n).await.unwrap();
    }
    let id = |n| sample::fresh(n).order.operation();
    for (n, damage) in [
        (1, "UPDATE operations SET kind = 'paint'"),
        (2, "UPDATE operations SET note = x'00'"),
        (3, "UPDATE operations SET instance_id = 'i-nobody'"),
    ] {
        let only = format!("{damage} WHERE id = '{}'", id(n));
        open.write(move |rows| Ok(rows.run(&only, [])?))
            .await
            .unwrap();
    }
    let claim = |ms| {
        open.store.operation_claim(Claim {
            now: Now {
                wall: open.now.wall.plus_ms(ms),
                business: open.now.business,
            },
            limit: 10,
            lease_ms: 1_000_000,
        })
    };
    let claimed = claim(0).await.unwrap();
    let works: Vec<_> = claimed.works.iter().map(|work| &work.operation).collect();
    assert_eq!(works, [&id(4)]);
    let set_aside: Vec<_> = claimed.set_aside.iter().map(|(id, _)| id).collect();
    assert_eq!(set_aside, [&id(1), &id(2), &id(3)]);
    let alarms = open.store.alarm_list(10).await.unwrap();
    assert_eq!(alarms.len(), 3, "{alarms:?}");
    assert!(alarms.iter().all(|a| a.kind == AlarmKind::Unclaimable));
    assert!(
        alarms[0].message.contains("paint"),
        "what is wrong is said: {alarms:?}"
    );
    assert_eq!(
        claimed.next_due_at,
        Some(open.now.wall.plus_ms(super::job::SET_ASIDE_MS)),
        "nobody is asked to look at once again"
    );

    // Whoever mends a row has its work done, and the alarm is over.
    let mend = format!(
        "UPDATE operations SET kind = 'provision' WHERE id = '{}'",
        id(1)
    );
    open.write(move |rows| Ok(rows.run(&mend, [])?))
        .await
        .unwrap();
    let claimed = claim(super::job::SET_ASIDE_MS).await.unwrap();
    let works: Vec<_> = claimed.works.iter().map(|work| &work.operation).collect();
    assert_eq!(works, [&id(1)]);
    let alarms = open.store.alarm_list(10).await.unwrap();
    let subjects: Vec<_> = alarms.iter().map(|a| a.subject.as_str()).collect();
    assert_eq!(subjects, [id(2).as_str(), id(3).as_str()]);
    assert!(open.store.is_healthy());
}

#[test]
fn migrations_run_once_after_a_copy_was_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("turnkey.db");
    let shape = |file: &Connection| -> Vec<String> {
        let sql = "SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY name";
        let mut statement = file.prepare(sql).unwrap();
        statement
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    };
    let first = include_str!("../../migrations/sqlite/0001_nouns.sql");
    let steps = [
        first,
        "CREATE TABLE later (id TEXT PRIMARY KEY NOT NULL) STRICT;",
    ];
    let mut old = Connection::open(&path).unwrap();
    schema::migrate(&mut old, &path, 0, &steps[..1]).unwrap();
    schema::migrate(&mut old, &path, 1, &steps).unwrap();
    schema::migrate(&mut old, &path, 2, &steps).unwrap();

    let copy = Connection::open(schema::beside(&path, ".before-2")).unwrap();
    assert_eq!(
        shape(&copy).len() + 2,
        shape(&old).len(),
        "the copy is from before"
    );

    let fresh_path = folder.path().join("fresh.db");
    let mut fresh = Connection::open(&fresh_path).unwrap();
    schema::migrate(&mut fresh, &fresh_path, 0, &steps).unwrap();
    assert_eq!(
        shape(&fresh),
        shape(&old),
        "a fresh schema equals all steps applied"
    );
    assert!(!schema::beside(&fresh_path, ".before-2").exists());

    let broken = [
        first,
        steps[1],
        "CREATE TABLE half (id TEXT); CREATE nonsense;",
    ];
    let before = shape(&old);
    schema::migrate(&mut old, &path, 2, &broken).unwrap_err();
    assert_eq!(shape(&old), before, "a step that fails leaves nothing");
}
