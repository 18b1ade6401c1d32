//! The store and the secrets as files: whose they are, and who can read them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use turnkey_core::UtcMillis;
use turnkey_engine::SystemClock;
use turnkey_store::{OpenError, StoredClock, glance};

use crate::cli::doctor::{Report, says};
use crate::config::{KeySource, MasterKeySource, Settings};
use crate::words::start;

/// How far ahead of this machine's clock the store may be: clocks are set by a little now and then.
const AHEAD_MS_MAX: u64 = 60_000;

/// Looks at all of them; whether a process owns the store, where that can be told.
pub(super) fn look(settings: &Settings, report: &mut Report) -> Option<bool> {
    secrets(settings, report);
    store(settings, report)
}

fn secrets(settings: &Settings, report: &mut Report) {
    if let MasterKeySource::File(file) = &settings.master_key {
        let path = "secrets.master_key";
        if !file.exists() && settings.database.exists() {
            report.error(path, start::master_key_missing(file, &settings.database));
        }
        match exposed(file) {
            Some(mode) => report.error(path, says::exposed(file, mode)),
            None if file.exists() => report.well(path, says::own_file(file)),
            None => {}
        }
    }
    let of_listings = settings.listings.iter().map(|listing| {
        let path = format!("listing.{}.keys", listing.name);
        (path, &listing.keys)
    });
    let of_accounts = settings.accounts.iter().map(|account| {
        let path = format!("account.{}.secret_key", account.name);
        (path, &account.secrets)
    });
    for (path, keys) in of_listings.chain(of_accounts) {
        for key in keys {
            let KeySource::File(file) = &key.source else {
                continue;
            };
            let file = settings.folder.join(file);
            if let Some(mode) = exposed(&file) {
                report.warn(path.as_str(), says::exposed(&file, mode));
            }
        }
    }
}

fn store(settings: &Settings, report: &mut Report) -> Option<bool> {
    let (path, database) = ("store.url", &settings.database);
    let folder = match database.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    let is_there = database.exists();
    let used = if is_there { database } else { folder };
    if let Err(refused) = access(used, Access::READ_OK | Access::WRITE_OK) {
        let error = OpenError::File {
            path: used.to_owned(),
            source: refused.into(),
        };
        report.error(path, start::store_closed(&error));
        return None;
    }
    if !is_there {
        report.unseen(path, says::no_store_yet(database));
        return Some(false);
    }
    for file in [database.clone(), beside(database, ".calls")] {
        if let Some(mode) = exposed(&file) {
            report.warn(path, says::exposed(&file, mode));
        }
    }
    match glance(database) {
        Ok(seen) => {
            match seen.clock.and_then(|clock| ahead(settings, clock)) {
                Some((at, ms)) => report.error(path, says::store_ahead(at, ms)),
                None => report.well(path, says::store_well(database, seen.is_in_use)),
            }
            Some(seen.is_in_use)
        }
        Err(error) => {
            report.error(path, start::store_closed(&error));
            None
        }
    }
}

/// The newest business time in the store and how far in the future it lies, where it does. A clock
/// that is moved by hand may stand anywhere.
fn ahead(settings: &Settings, clock: StoredClock) -> Option<(UtcMillis, u64)> {
    if settings.is_clock_virtual {
        return None;
    }
    let business = UtcMillis(SystemClock::wall().0.saturating_add(clock.offset_ms));
    let ahead_ms = clock.floor.ms_since(business);
    (ahead_ms > AHEAD_MS_MAX).then_some((clock.floor, ahead_ms))
}

/// The mode of `file`, when others than its owner can do anything with it.
fn exposed(file: &Path) -> Option<u32> {
    let mode = std::fs::metadata(file).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(suffix);
    beside.into()
}
