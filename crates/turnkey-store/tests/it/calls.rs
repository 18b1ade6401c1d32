//! The call log: what is kept, for how long, and that nobody can read it who has only the file.

use std::path::{Path, PathBuf};

use turnkey_core::UtcMillis;
use turnkey_store::{CallFilter, CallLog, CallLogLimits, CallNumber, CallRecord, MasterKey};

const NOON: i64 = 1_769_832_000_000;

fn call(ms: i64, order: &str) -> CallRecord {
    CallRecord {
        number: CallNumber::default(),
        at: UtcMillis(NOON + ms),
        listing: "notes".to_owned(),
        action: "create",
        result: "ok",
        order_key: Some(order.to_owned()),
        instance: Some("i-1".to_owned()),
        status: 200,
        code: None,
        flags: vec!["repeat", "stale"],
        dry_run: false,
        elapsed_us: 1_234,
        note: Some("SECRET-note".to_owned()),
        request: format!("GET /spi?order_id={order}&signature=SECRET-signature").into_bytes(),
    }
}

fn open(path: &Path, limits: CallLogLimits) -> CallLog {
    CallLog::open(path, &MasterKey::from_bytes(&[7; 32]), limits).unwrap()
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("turnkey.db.calls");
    (folder, path)
}

fn orders(log: &CallLog, filter: &CallFilter, before: Option<CallNumber>) -> Vec<String> {
    let calls = log.list(filter, before, 10).unwrap();
    calls
        .into_iter()
        .filter_map(|call| call.order_key)
        .collect()
}

#[test]
fn calls_are_found_newest_first_and_survive() {
    let (folder, path) = place();
    let log = open(&path, CallLogLimits::default());
    for (ms, order) in [(0, "a"), (0, "b"), (5, "c")] {
        log.record(call(ms, order));
    }
    let any = CallFilter::default();
    assert_eq!(orders(&log, &any, None), ["c", "b", "a"]);
    drop(log);
    let log = open(&path, CallLogLimits::default());
    let all = log.list(&any, None, 10).unwrap();
    assert_eq!(orders(&log, &any, Some(all[0].number)), ["b", "a"]);
    let of_order = CallFilter {
        order_key: Some("b".to_owned()),
        ..CallFilter::default()
    };
    assert_eq!(orders(&log, &of_order, None), ["b"]);
    let elsewhere = CallFilter {
        listing: Some("other".to_owned()),
        ..of_order
    };
    assert_eq!(orders(&log, &elsewhere, None).len(), 0);

    let one = log.get(all[1].number).unwrap().unwrap();
    assert_eq!(one.flags, ["repeat", "stale"]);
    assert_eq!(one.note.as_deref(), Some("SECRET-note"));
    assert_eq!(one.request, Some(call(0, "b").request));
    assert_eq!(all[1].request, None, "a list holds no request");
    let spelled = one.number.to_string();
    assert_eq!(CallNumber::parse(&spelled), Some(one.number));
    assert_eq!(CallNumber::parse("c-1"), None);

    drop(log);
    for file in std::fs::read_dir(folder.path()).unwrap().flatten() {
        let bytes = std::fs::read(file.path()).unwrap();
        let is_there = bytes.windows(6).any(|window| window == b"SECRET");
        assert!(!is_there, "{:?}", file.path());
    }
}

#[test]
fn of_strangers_the_last_stay_in_memory_and_one_a_second_in_the_file() {
    let (_folder, path) = place();
    let log = open(&path, CallLogLimits::default());
    for n in 0..300 {
        log.record_stranger(call(n * 10, &format!("s-{n}")));
    }
    let any = CallFilter::default();
    let all = log.list(&any, None, 1000).unwrap();
    // 200 in memory, and s-0 in the file only; s-100 and s-200 are in both.
    assert_eq!(all.len(), 201);
    assert!(log.get(all[0].number).unwrap().unwrap().request.is_some());
    drop(log);
    let log = open(&path, CallLogLimits::default());
    assert_eq!(orders(&log, &any, None), ["s-200", "s-100", "s-0"]);
}

#[test]
fn what_is_too_old_or_too_much_is_forgotten() {
    let (_folder, path) = place();
    let limits = CallLogLimits {
        kept_ms: 1_000,
        ..CallLogLimits::default()
    };
    let any = CallFilter::default();
    let log = open(&path, limits);
    log.record(call(0, "old"));
    drop(log);
    let log = open(&path, limits);
    log.record(call(2_000, "new"));
    assert_eq!(orders(&log, &any, None), ["new"]);
    drop(log);
    let small = CallLogLimits {
        file_bytes_max: 1,
        ..CallLogLimits::default()
    };
    let log = open(&path, small);
    log.record(call(2_001, "newer"));
    assert_eq!(orders(&log, &any, None).len(), 0);
}

#[test]
fn a_full_queue_drops_and_counts() {
    let (_folder, path) = place();
    let none = CallLogLimits {
        queue_max: 0,
        ..CallLogLimits::default()
    };
    let log = open(&path, none);
    // Nobody can be at the other end of a queue without places while that thread gathers or
    // writes; at the first it may wait.
    for n in 0..100 {
        log.record(call(n, "a"));
    }
    let kept = log.list(&CallFilter::default(), None, 1000).unwrap().len();
    assert!(log.dropped() > 0);
    assert!(kept as u64 + log.dropped() <= 100);
}

#[test]
fn a_log_that_is_no_log_is_put_aside() {
    let (folder, path) = place();
    std::fs::write(
        &path,
        "this is no database, and long enough to look like one ".repeat(40),
    )
    .unwrap();
    let log = open(&path, CallLogLimits::default());
    log.record(call(0, "a"));
    assert_eq!(orders(&log, &CallFilter::default(), None), ["a"]);
    assert!(folder.path().join("turnkey.db.calls.damaged").exists());
}
