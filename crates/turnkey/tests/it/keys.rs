//! Keys that change while calls go on, and when each was last used.

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;

use rustix::process::Signal;
use tokio::sync::watch;
use tokio::task::JoinSet;
use turnkey::config::{self, Mode, Settings};
use turnkey::keys::Reloaded;
use turnkey_engine::SystemClock;

use crate::app::{App, KEY, VIEWER};
use crate::binary::{Served, Site, create};
use crate::wire::{Answer, get, signed};

/// Callers at once.
const CALLERS: usize = 4;

/// How often each caller must have been answered with a key before the next step.
const CALLS: u64 = 10;

/// A site whose listing has two keys, each in its file.
fn site() -> Site {
    let site = Site::new();
    let file = site.folder.path().join("turnkey.toml");
    let toml = std::fs::read_to_string(&file).expect("the configuration");
    let one = r#"{ file = "prod.key" }"#;
    assert!(toml.contains(one), "{toml}");
    let toml = toml.replace(one, r#"{ file = "prod.key" }, { file = "next.key" }"#);
    std::fs::write(file, toml).expect("the configuration");
    site
}

fn write_keys(folder: &Path, [current, next]: [&str; 2]) {
    std::fs::write(folder.join("prod.key"), current).expect("a key file");
    std::fs::write(folder.join("next.key"), next).expect("a key file");
}

async fn call(served: &Served, key: &str, parameters: &[(&str, &str)]) -> Answer {
    let query = signed(parameters, key, SystemClock::wall());
    get(served.address, &format!("/spi/notes?{query}")).await
}

/// Callers that call all the time, with whatever key they are told.
pub(crate) struct Load {
    key: Arc<Mutex<&'static str>>,
    callers: JoinSet<()>,
    answered: Vec<watch::Receiver<u64>>,
}

impl Load {
    /// `call` makes one call, by its caller's number and with a key.
    pub(crate) fn of<C>(
        key: &'static str,
        call: impl Fn(usize, &'static str) -> C + Clone + Send + 'static,
    ) -> Self
    where
        C: Future<Output = Answer> + Send,
    {
        let key = Arc::new(Mutex::new(key));
        let mut load = Self {
            key: Arc::clone(&key),
            callers: JoinSet::new(),
            answered: Vec::new(),
        };
        for caller in 0..CALLERS {
            let (answered, heard) = watch::channel(0);
            load.answered.push(heard);
            let (key, call) = (Arc::clone(&key), call.clone());
            load.callers.spawn(async move {
                loop {
                    let now = *key.lock().expect("a key");
                    let answer = call(caller, now).await;
                    assert_eq!(answer.status, 200, "signed with {now}: {answer:?}");
                    answered.send_modify(|n| *n += 1);
                }
            });
        }
        load
    }

    /// Waits until every caller was answered often since now, so that none still has an older key.
    pub(crate) async fn goes_on(&mut self) {
        for heard in &mut self.answered {
            let before = *heard.borrow();
            let often = heard.wait_for(|n| *n > before + CALLS).await;
            assert!(often.is_ok(), "a caller was refused");
        }
    }

    pub(crate) fn sign_with(&self, key: &'static str) {
        *self.key.lock().expect("a key") = key;
    }

    pub(crate) async fn end(mut self) {
        self.callers.abort_all();
        while let Some(ended) = self.callers.join_next().await {
            let is_abort = ended.is_err_and(|error| error.is_cancelled());
            assert!(is_abort, "a caller was refused");
        }
    }
}

#[tokio::test]
async fn one_key_is_promoted_and_another_dropped_under_load_and_no_call_is_refused() {
    const OLD: &str = "the-old-key-5NbR7uYh";
    const NEW: &str = "the-new-key-2LrB7uYh";
    const NEWER: &str = "the-newer-key-9Zt3vQ";
    let (reloaded, kept) = ("secrets are reloaded", "nothing was reloaded");
    let site = site();
    let folder = site.folder.path();
    write_keys(folder, [OLD, NEW]);
    let mut served = site.serve().await;
    let address = served.address;
    let mut load = Load::of(OLD, move |caller, key| async move {
        let order = format!("mord-{caller}");
        let dry = [&create(&order)[..], &[("debug", "1")]].concat();
        let query = signed(&dry, key, SystemClock::wall());
        get(address, &format!("/spi/notes?{query}")).await
    });
    load.goes_on().await;

    write_keys(folder, [NEW, OLD]);
    served.signal(Signal::HUP);
    served.has_logged(reloaded, 1).await;
    load.goes_on().await;
    load.sign_with(NEW);
    load.goes_on().await;

    write_keys(folder, [NEW, NEWER]);
    served.signal(Signal::HUP);
    served.has_logged(reloaded, 2).await;
    load.goes_on().await;
    let ping = [("action", "TestConnection")];
    assert_eq!(call(&served, NEWER, &ping).await.status, 200);
    let refused = call(&served, OLD, &ping).await.refused(401);
    assert_eq!(refused, "signature does not match");

    // What is wrong leaves everything as it is, and is said.
    std::fs::remove_file(folder.join("next.key")).expect("its own file");
    served.signal(Signal::HUP);
    served.has_logged(kept, 1).await;
    load.goes_on().await;
    assert_eq!(call(&served, NEWER, &ping).await.status, 200);

    load.end().await;
    served.signal(Signal::TERM);
    assert!(served.ended().await.success());
    let log = std::fs::read_to_string(site.log()).expect("a log");
    assert!(
        log.contains("cannot read") && log.contains("next.key"),
        "{log}"
    );
    for key in [OLD, NEW, NEWER] {
        assert!(!log.contains(key), "{key} is in the log");
    }
}

/// The settings of [`App`], with these keys for listing `notes`.
fn settings(keys: &str) -> Settings {
    let toml = format!(
        r#"
        [server]
        public_url = "https://deliver.example.com"
        [store]
        url = "sqlite:test.db"
        [secrets]
        master_key = {{ file = "test.key" }}
        [product.notes]
        driver = "demo"
        [product.notes.plan.team]
        [listing.notes]
        dialect = "qingcloud-market"
        product = "notes"
        any_plan = "team"
        keys = [{keys}]
        [admin.token.new]
        role = "viewer"
        token = {{ value = "5555555555555555555555555555newone" }}
        [listing.brand-new]
        dialect = "qingcloud-market"
        product = "notes"
        any_plan = "team"
        keys = [{keys}]
        "#
    );
    let checked = config::parse(&toml, Mode::Demo, Path::new("nowhere"));
    checked.settings.expect("a good configuration")
}

#[tokio::test]
async fn a_list_tells_which_key_was_used_when_and_never_the_key() {
    let app = App::start().await;
    let unused = app.keys.list();
    assert!(unused.iter().all(|line| line.last_used_ms.is_none()));
    assert_eq!(app.call(&[("action", "TestConnection")]).await.status, 200);
    let now = app.now().wall;
    let notes = |app: &App| {
        let mut lines = app.keys.list();
        lines.retain(|line| line.listing == "notes");
        lines
    };
    let before = notes(&app);
    assert_eq!(before.len(), 1);
    assert_eq!((before[0].place, before[0].role), (1, "current"));
    assert_eq!(before[0].last_used_ms, Some(now.0));
    assert_eq!(before[0].source, "demo");
    let told = format!("{:?}", app.keys.list());
    assert!(!told.contains(KEY), "{told}");

    // The other listing has the same key, and another fingerprint.
    let all = app.keys.list();
    let other = all.iter().find(|line| line.listing == "other");
    let other = other.expect("the other listing");
    assert_ne!(other.fingerprint, before[0].fingerprint);
    assert_eq!(other.last_used_ms, None);

    // Behind a new key it is the next one, and what is known of it stays known.
    let both = format!(r#"{{ value = "brand-new-key" }}, {{ value = "{KEY}" }}"#);
    let done = app.keys.reload(&settings(&both));
    assert_eq!(done["notes"], Reloaded::Swapped);
    assert_eq!(done["other"], Reloaded::NeedsRestart, "it is not in there");
    assert_eq!(done["brand-new"], Reloaded::NeedsRestart);
    let after = notes(&app);
    let shown: Vec<_> = after
        .iter()
        .map(|l| (l.place, l.role, l.last_used_ms))
        .collect();
    assert_eq!(shown, [(1, "current", None), (2, "next", Some(now.0))]);
    assert_eq!(after[1].fingerprint, before[0].fingerprint);
    assert_eq!(app.keys.reload(&settings(&both))["notes"], Reloaded::Same);
    assert_eq!(app.call(&[("action", "TestConnection")]).await.status, 200);

    // A later process finds it in the store.
    app.keys.flush().await.expect("a healthy store");
    let stored = app.store.key_use_list().await.expect("a healthy store");
    let stored: Vec<_> = stored.into_iter().map(|u| (u.fingerprint, u.at)).collect();
    assert_eq!(stored, [(before[0].fingerprint.clone(), now)]);
    app.stop().await;
}

#[tokio::test]
async fn tokens_are_swapped_with_the_keys() {
    let app = App::start().await;
    let status = async |token: &str| {
        let answer = app.admin("GET", "/api/v1/listings", Some(token), "").await;
        answer.status
    };
    let new = "5555555555555555555555555555newone";
    assert_eq!((status(VIEWER).await, status(new).await), (200, 401));
    let key = format!(r#"{{ value = "{KEY}" }}"#);
    let done = app.secrets.swap(&settings(&key));
    assert_eq!(done["notes"], Reloaded::Same);
    assert_eq!((status(VIEWER).await, status(new).await), (401, 200));
    app.stop().await;
}
