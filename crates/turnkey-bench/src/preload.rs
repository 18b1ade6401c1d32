//! Folders with many orders in them, made through the store's own door: every row is a real one.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use tokio::task::JoinSet;
use turnkey_core::Now;
use turnkey_core::ports::{Admission, Store as _};
use turnkey_engine::{Ids, SystemClock};
use turnkey_store::{BoundListing, MasterKey, Options, SqliteStore};

use crate::requests::{LISTING, create, key, listing};
use crate::{Keys, note};

/// The files of `turnkey demo --data`.
const DATABASE: &str = "demo.db";
const MASTER_KEY: &str = "demo.key";

/// Orders that are on their way to the store at once.
const AT_ONCE: u64 = 4096;

/// Puts a store with `rows` orders into `folder`: a copy of the one that is kept under `root`,
/// which is made first if it is not there.
pub(crate) fn preload(
    root: &Path,
    rows: u64,
    keys: Keys,
    fresh: bool,
    folder: &Path,
) -> anyhow::Result<()> {
    let kept = root.join(format!("rows-{rows}-{}", keys.name()));
    if fresh && kept.exists() {
        std::fs::remove_dir_all(&kept)
            .with_context(|| format!("cannot remove {}", kept.display()))?;
    }
    if !kept.exists() {
        let begun = making(&kept);
        if begun.exists() {
            std::fs::remove_dir_all(&begun)
                .with_context(|| format!("cannot remove {}", begun.display()))?;
        }
        std::fs::create_dir_all(&begun)
            .with_context(|| format!("cannot make {}", begun.display()))?;
        tokio::runtime::Runtime::new()
            .context("cannot start the runtime")?
            .block_on(make(&begun, rows, keys))?;
        std::fs::rename(&begun, &kept).context("cannot name the finished folder")?;
    }
    for name in [DATABASE, MASTER_KEY] {
        let (from, to) = (kept.join(name), folder.join(name));
        std::fs::copy(&from, &to)
            .and_then(|_| File::open(&to)?.sync_all())
            .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    }
    Ok(())
}

/// Where a folder is made, so that one that is half made is not taken for a whole one.
fn making(kept: &Path) -> PathBuf {
    kept.with_extension("unfinished")
}

async fn make(folder: &Path, rows: u64, keys: Keys) -> anyhow::Result<()> {
    let master_key = MasterKey::generate()?;
    File::create_new(folder.join(MASTER_KEY))
        .and_then(|mut file| file.write_all(master_key.to_text().expose_secret().as_bytes()))
        .context("cannot write the master key")?;
    let listings = vec![BoundListing {
        name: LISTING.to_owned(),
        formerly: Vec::new(),
    }];
    let options = Options {
        listings,
        ..Options::new(folder.join(DATABASE), master_key, now())
    };
    let store = Arc::new(SqliteStore::open(options)?);
    let (listing, ids) = (listing()?, Ids::default());
    let mut told = 0;
    for first in (0..rows).step_by(usize::try_from(AT_ONCE)?) {
        let mut admissions = JoinSet::new();
        for n in first..rows.min(first + AT_ONCE) {
            let now = now();
            let admission = Admission {
                listing: Arc::clone(&listing),
                call: Arc::new(create(&key(keys, n))?),
                fresh: ids.fresh(now.wall),
                now,
                lease_ms: None,
            };
            let store = Arc::clone(&store);
            admissions.spawn(async move { store.admit(admission).await });
        }
        while let Some(admitted) = admissions.join_next().await {
            admitted?.map_err(|fault| anyhow::anyhow!("an order was not stored: {fault:?}"))?;
        }
        let percent = (first + AT_ONCE).min(rows) * 100 / rows;
        if percent >= told + 10 {
            told = percent;
            note(&format!(
                "storing {rows} orders with {} keys: {percent} %",
                keys.name()
            ));
        }
    }
    Ok(())
}

fn now() -> Now {
    let wall = SystemClock::wall();
    Now {
        wall,
        business: wall,
    }
}
