//! The conformance suite on SQLite, and what only a file can get wrong.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};

use rusqlite::Connection;
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use turnkey_core::ports::{Store as _, Verdict, Work};
use turnkey_core::{FaultKind, Intent, Now, OperationState, OrderKind, UtcMillis};
use turnkey_store::{
    BoundListing, MasterKey, MasterKeyError, OpenError, Options, SqliteStore, StoredClock,
};
use turnkey_testkit::sample::{NOON, create, release, renew};

use crate::conformance::{Backend, LISTINGS, Says, Shop, access, conformance};

const KEY: [u8; 32] = [7; 32];

const START: Now = Now {
    wall: NOON,
    business: NOON,
};

conformance!(crate::sqlite::Folder::new);

/// A temporary folder with one store in it.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("turnkey.db")
    }

    fn options(&self, now: Now) -> Options {
        Options {
            listings: LISTINGS.map(|name| bound(name, &[])).into(),
            ..Options::new(self.path(), MasterKey::from_bytes(&KEY), now)
        }
    }

    /// Opens the file with other listings.
    fn with(&self, listings: &[BoundListing]) -> Result<SqliteStore, OpenError> {
        SqliteStore::open(Options {
            listings: listings.to_vec(),
            ..self.options(START)
        })
    }

    /// The bytes of every file in the folder.
    fn bytes(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files: Vec<_> = std::fs::read_dir(self.0.path())
            .unwrap()
            .map(|file| file.unwrap().path())
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    }

    fn holds(&self, text: &str) -> bool {
        let has = |(_, bytes): &(PathBuf, Vec<u8>)| {
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        };
        self.bytes().iter().any(has)
    }
}

impl Backend for Folder {
    type Store = SqliteStore;

    fn open(&self, now: Now) -> SqliteStore {
        SqliteStore::open(self.options(now)).unwrap()
    }
}

fn bound(name: &str, formerly: &[&str]) -> BoundListing {
    BoundListing {
        name: name.to_owned(),
        formerly: formerly.iter().map(|&old| old.to_owned()).collect(),
    }
}

fn refused(store: Result<SqliteStore, OpenError>) -> OpenError {
    store.err().expect("it is refused")
}

#[tokio::test]
async fn no_secret_is_in_any_file() {
    let folder = Folder::new();
    let secrets = ["pass-5ecret", "no-5ecret", "stderr-5ecret"];
    let [password, refusal, note] = secrets;
    let driver = turnkey_testkit::ScriptedDriver::willing();
    let shop = Shop::new(&folder, Arc::new(driver));
    let mut intent = create("order-1");
    if let Intent::Create(create) = &mut intent {
        create.buyer = "buyer-in-plain-sight".to_owned();
    }
    let admitted = shop.admit(intent).await.unwrap();
    let instance = crate::conformance::instance_of(&admitted);
    let work = shop.claim_one().await;
    shop.report(&work, Verdict::Done(Some(access(password))))
        .await;
    shop.create("order-2").await;
    let work = shop.claim_one().await;
    shop.report(&work, Verdict::No(refusal.to_owned())).await;
    shop.admit(renew("renewal", &instance)).await.unwrap();
    let work = shop.claim_one().await;
    shop.report(&work, Verdict::Retry(note.to_owned())).await;

    let contents = shop.contents().await;
    assert_eq!(contents.instances[0].access, Some(access(password)));
    assert_eq!(contents.operations[0].note.as_deref(), Some(note));
    assert_eq!(contents.orders[1].refusal.as_deref(), Some(refusal));
    assert!(
        folder.holds("buyer-in-plain-sight"),
        "the search finds what is not sealed"
    );
    let key = MasterKey::from_bytes(&KEY).to_text();
    let hidden = |life: &str| {
        for secret in secrets.into_iter().chain([key.expose_secret()]) {
            assert!(!folder.holds(secret), "{secret} is in a file, {life}");
        }
    };
    hidden("with the log");
    drop(shop);
    hidden("when the log is in the file");
}

#[tokio::test]
async fn what_was_answered_survives_a_crash() {
    let folder = Folder::new();
    let shop = Shop::slow(&folder);
    shop.create("order-1").await;
    shop.claim_one().await;
    // What a killed process leaves: the files as they are, without a last word.
    let crashed = Folder::new();
    for suffix in ["", "-wal"] {
        let from = format!("{}{suffix}", folder.path().display());
        std::fs::copy(from, format!("{}{suffix}", crashed.path().display())).unwrap();
    }
    let mut before = shop.contents().await;
    let after = Shop::slow(&crashed).contents().await;
    assert_eq!(before.operations[0].state, OperationState::Leased);
    before.operations[0].state = OperationState::Due;
    before.operations[0].due_at = Some(NOON);
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_released_access_leaves_no_sealed_bytes_behind() {
    let folder = Folder::new();
    let shop = Shop::quick(&folder);
    let instance = shop.create("order-1").await;
    drop(shop);
    let sealed = |table: &Path| -> Option<Vec<u8>> {
        let connection = Connection::open(table).unwrap();
        let sql = "SELECT access FROM instances";
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let before = sealed(&folder.path()).unwrap();
    let shop = Shop::quick(&folder);
    shop.admit(release(&instance)).await.unwrap();
    drop(shop);
    assert_eq!(sealed(&folder.path()), None);
    let file = std::fs::read(folder.path()).unwrap();
    let tail = &before[before.len() - 16..];
    assert!(!file.windows(16).any(|window| window == tail));
}

#[tokio::test]
async fn a_dry_run_leaves_every_byte_as_it_was() {
    let folder = Folder::new();
    let shop = Shop::quick(&folder);
    let instance = shop.create("order-1").await;
    let before = folder.bytes();
    shop.dry_run(create("order-2")).await.unwrap();
    shop.dry_run(renew("renewal", &instance)).await.unwrap();
    shop.dry_run(release(&instance)).await.unwrap();
    let changed: Vec<_> = before
        .iter()
        .zip(folder.bytes())
        .filter(|(before, after)| **before != *after)
        // Readers note their place in the shared memory, which is no data.
        .filter(|(before, _)| !before.0.ends_with("turnkey.db-shm"))
        .map(|(before, _)| &before.0)
        .collect();
    assert_eq!(changed, Vec::<&PathBuf>::new());
}

#[test]
fn a_second_opener_is_refused() {
    let folder = Folder::new();
    let first = folder.open(START);
    let error = refused(folder.with(&[]));
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("one process owns it"));
    drop(first);
    folder.open(START);
}

#[cfg(unix)]
#[test]
fn another_name_for_the_file_is_the_same_store() {
    let folder = Folder::new();
    let _first = folder.open(START);
    let link = folder.0.path().join("other-name.db");
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    let error = refused(SqliteStore::open(Options {
        path: link,
        ..folder.options(START)
    }));
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let _store = folder.open(START);
    for suffix in ["", "-wal", "-shm"] {
        let path = format!("{}{suffix}", folder.path().display());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
}

#[tokio::test]
async fn another_master_key_is_refused() {
    let folder = Folder::new();
    let shop = Shop::quick(&folder);
    let instance = shop.create("order-1").await;
    drop(shop);
    let before = folder.bytes();
    let other = MasterKey::generate().unwrap();
    let error = refused(SqliteStore::open(Options {
        master_key: other.clone(),
        ..folder.options(START)
    }));
    let OpenError::WrongKey { wanted, given, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*wanted, MasterKey::from_bytes(&KEY).id());
    assert_eq!(*given, other.id());
    assert!(
        error.to_string().contains("[secrets] master_key"),
        "{error}"
    );
    assert_eq!(folder.bytes(), before);
    let shop = Shop::quick(&folder);
    assert!(shop.instance(&instance).await.access.is_some());
}

#[tokio::test]
async fn a_listing_that_the_file_lacks_is_refused_until_it_is_renamed() {
    let folder = Folder::new();
    let shop = Shop::quick(&folder);
    let instance = shop.create("order-1").await;
    drop(shop);

    let error = refused(folder.with(&[bound("shop", &[]), bound(LISTINGS[1], &[])]));
    assert!(matches!(error, OpenError::ListingMissing { .. }), "{error}");
    assert!(
        error.to_string().contains(r#"formerly = ["notes-market"]"#),
        "{error}"
    );

    // A listing that was never used may go.
    drop(folder.with(&[bound("shop", &["notes-market"])]).unwrap());
    let store = folder
        .with(&[bound("shop", &["older", "notes-market"])])
        .unwrap();
    assert_eq!(
        store.instance_get(instance).await.unwrap().unwrap().listing,
        "shop"
    );
    let key = turnkey_core::OrderKey::new("order-1");
    let order = store
        .order_get("shop".to_owned(), OrderKind::Create, key)
        .await;
    assert!(order.unwrap().is_some());
}

#[tokio::test]
async fn two_used_listings_do_not_become_one() {
    let folder = Folder::new();
    let mut shop = Shop::quick(&folder);
    shop.create("order-1").await;
    shop.at(LISTINGS[1]);
    shop.create("order-1").await;
    drop(shop);
    let error = refused(folder.with(&[bound(LISTINGS[1], &[LISTINGS[0]])]));
    assert!(matches!(error, OpenError::ListingTwice { .. }), "{error}");
    let both = [bound(LISTINGS[0], &[]), bound(LISTINGS[1], &[LISTINGS[0]])];
    let error = refused(folder.with(&both));
    assert!(matches!(error, OpenError::ListingTwice { .. }), "{error}");
}

#[test]
fn a_file_of_somebody_else_is_refused() {
    let folder = Folder::new();
    std::fs::write(
        folder.path(),
        "not a database, but long enough to look like one".repeat(99),
    )
    .unwrap();
    let error = refused(folder.with(&[]));
    assert!(matches!(error, OpenError::NotAStore { .. }), "{error}");

    let folder = Folder::new();
    let other = Connection::open(folder.path()).unwrap();
    other
        .execute_batch("CREATE TABLE songs (title TEXT)")
        .unwrap();
    drop(other);
    let before = std::fs::read(folder.path()).unwrap();
    let error = refused(folder.with(&[]));
    assert!(matches!(error, OpenError::NotAStore { .. }), "{error}");
    assert_eq!(std::fs::read(folder.path()).unwrap(), before);
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = Folder::new();
    drop(folder.open(START));
    let file = Connection::open(folder.path()).unwrap();
    file.pragma_update(None, "user_version", 99).unwrap();
    drop(file);
    let error = refused(folder.with(&[]));
    assert!(
        matches!(error, OpenError::Newer { found: 99, .. }),
        "{error}"
    );
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = Folder::new();
    let error = refused(SqliteStore::open(Options {
        path: folder.0.path().join("no/such/folder.db"),
        ..folder.options(START)
    }));
    assert!(matches!(error, OpenError::File { .. }), "{error}");
    assert!(error.to_string().contains("no/such/folder.db"), "{error}");
}

#[test]
fn a_store_is_new_until_it_was_opened() {
    let folder = Folder::new();
    assert!(SqliteStore::is_new(&folder.path()));
    std::fs::write(folder.path(), "").unwrap();
    assert!(SqliteStore::is_new(&folder.path()));
    let store = folder.open(START);
    assert!(!SqliteStore::is_new(&folder.path()));
    drop(store);
    assert!(!SqliteStore::is_new(&folder.path()));
}

#[tokio::test]
async fn the_business_clock_is_remembered() {
    let folder = Folder::new();
    let mut shop = Shop::quick(&folder);
    assert_eq!(shop.store.clock(), StoredClock::default());
    shop.store.clock_set_offset(400 * 86_400_000).await.unwrap();
    let instance = shop.create("order-1").await;
    shop.now.business = UtcMillis(NOON.0 + 400 * 86_400_000);
    shop.admit(release(&instance)).await.unwrap();
    let newest = shop.now.business;
    shop.now = START;
    let shop = shop.reopened(&folder);
    let clock = shop.store.clock();
    assert_eq!(clock.offset_ms, 400 * 86_400_000);
    assert_eq!(
        clock.floor, newest,
        "it never goes back, whatever the wall clock shows"
    );
}

#[tokio::test]
async fn a_full_queue_is_busy_at_once_and_a_drop_does_what_is_queued() {
    let folder = Folder::new();
    let (entered, is_in) = mpsc::channel();
    let (let_go, may_go) = mpsc::channel::<()>();
    let may_go = Mutex::new(may_go);
    let slow = Says(move |_: &Work| {
        entered.send(()).unwrap();
        // Ends when the test lets everybody go.
        let _ = may_go.lock().unwrap().recv();
        Verdict::Done(Some(access("secret")))
    });
    let queue_max = 2;
    let mut shop = Shop::new(&Folder::new(), Arc::new(slow));
    shop.store = SqliteStore::open(Options {
        queue_max,
        batch_max: 1,
        ..folder.options(START)
    })
    .unwrap();
    let admit = |key: &str| {
        let call = turnkey_testkit::sample::call(create(key), shop.now);
        shop.admission(call)
    };
    let admissions: Vec<_> = ["running", "queued-1", "queued-2", "refused"]
        .map(admit)
        .into();
    let store = Arc::new(shop.store);
    let mut calls = Vec::new();
    for (n, admission) in admissions.into_iter().enumerate() {
        let store = Arc::clone(&store);
        let call = tokio::spawn(async move { store.admit(admission).await });
        tokio::task::yield_now().await;
        if n == 0 {
            is_in.recv().unwrap();
        }
        calls.push(call);
    }
    let fault = calls.pop().unwrap().await.unwrap().unwrap_err();
    assert_eq!(
        (fault.kind, fault.code),
        (FaultKind::Busy, "store_queue_full")
    );
    drop(let_go);
    for call in calls {
        assert!(call.await.unwrap().is_ok());
    }
    assert_eq!(
        store.order_list(None, 10).await.unwrap().len(),
        queue_max + 1
    );
}

#[test]
fn a_master_key_is_read_in_both_spellings() {
    let hex = "07".repeat(32);
    let base64 = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
    for text in [
        &hex,
        &format!("  {hex}\n"),
        base64,
        &format!("{base64}\r\n"),
    ] {
        let key = MasterKey::parse(text).unwrap();
        assert_eq!(key.to_text().expose_secret(), hex);
        assert!(!format!("{key:?}").contains("0707"), "{key:?}");
    }
    for text in [
        "",
        "07",
        &hex[1..],
        &format!("{hex}07"),
        &"g7".repeat(32),
        "BwcH",
        "é",
    ] {
        assert_eq!(
            MasterKey::parse(text).unwrap_err(),
            MasterKeyError::Form,
            "{text:?}"
        );
    }
    let made = MasterKey::generate().unwrap();
    assert_eq!(
        MasterKey::parse(made.to_text().expose_secret())
            .unwrap()
            .id(),
        made.id()
    );
    assert_ne!(MasterKey::generate().unwrap().id(), made.id());
}
