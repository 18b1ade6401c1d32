//! The file: how it is opened, whose it is, and how it came to its present shape.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::NO_PROGRESS;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, OptionalExtension as _, params};

use super::{OpenError, doing, sql};
use crate::seal::{MasterKey, Place, SealError, Sealer};

/// Every step of the schema, oldest first. A file that was shipped is never changed.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/sqlite/0001_nouns.sql"),
    include_str!("../../migrations/sqlite/0002_watching.sql"),
    include_str!("../../migrations/sqlite/0003_key_uses.sql"),
    include_str!("../../migrations/sqlite/0004_stock.sql"),
    include_str!("../../migrations/sqlite/0005_lists.sql"),
    include_str!("../../migrations/sqlite/0006_links.sql"),
    include_str!("../../migrations/sqlite/0007_storefront.sql"),
    include_str!("../../migrations/sqlite/0008_accounts.sql"),
];

/// `TKEY`: tells a store from any other SQLite file.
const APPLICATION_ID: i32 = 0x544b_4559;

/// Nobody else writes; only a backup tool may hold the file for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Of the write-ahead log, so that one slow checkpoint does not keep the disk for ever.
const JOURNAL_BYTES_KEPT: i64 = 64 << 20;

/// More than there are statements, so that none is ever compiled twice.
const STATEMENTS_CACHED: usize = 128;

/// Readers answer single look-ups and short pages.
const READER_CACHE_BYTES: usize = 2 << 20;

const CANARY: Place<'static> = Place {
    table: "meta",
    row: "canary",
    column: "value",
};

/// Makes the file when it is missing, readable by its owner only.
pub(crate) fn create_if_missing(path: &Path) -> std::io::Result<()> {
    let mut options = File::options();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Whether the file at `path` holds nothing yet. Rows may still be in the log only.
pub(super) fn is_new(path: &Path) -> bool {
    let is_empty = |path: &Path| std::fs::metadata(path).map_or(true, |file| file.len() == 0);
    is_empty(path) && is_empty(&beside(path, "-wal"))
}

/// The path with `suffix` behind its file name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut beside = OsString::from(path);
    beside.push(suffix);
    beside.into()
}

/// Opens the one connection that writes, brings the file to the present schema, and checks on the
/// way whose it is and that `key` reads it. A file that is refused is left as it was.
pub(super) fn connect_writer(
    path: &Path,
    cache_bytes: usize,
    key: &MasterKey,
    sealer: &Sealer,
) -> Result<Connection, OpenError> {
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, cache_bytes)?;
    let version = version(&connection, path)?;
    if version > 0 {
        check_key(&connection, path, key, sealer)?;
    }
    log_ahead(&connection, path)?;
    migrate(&mut connection, path, version, MIGRATIONS)?;
    if version == 0 {
        set_canary(&connection, sealer)?;
    }
    Ok(connection)
}

pub(super) fn connect_reader(path: &Path) -> Result<Connection, OpenError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, READER_CACHE_BYTES)
}

/// Opens the connection that moves the log into the file; it reads and writes no row.
pub(super) fn connect_mover(path: &Path) -> Result<Connection, OpenError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, READER_CACHE_BYTES)?;
    log_ahead(&connection, path)?;
    Ok(connection)
}

pub(super) fn connect(
    path: &Path,
    mode: OpenFlags,
    cache_bytes: usize,
) -> Result<Connection, OpenError> {
    let open = || {
        let connection = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
        // Otherwise a new bound value can make SQLite compile a statement anew.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.execute_batch(&format!(
            "PRAGMA cache_size = -{};
             PRAGMA temp_store = MEMORY;
             PRAGMA trusted_schema = OFF;",
            cache_bytes / 1024
        ))?;
        Ok(connection)
    };
    open().map_err(|source: rusqlite::Error| match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotAStore {
            path: path.to_owned(),
        },
        Some(_) | None => doing("connect to the file")(source),
    })
}

fn log_ahead(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let set_up = doing("set up the writer's connection");
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(&set_up)?;
    if mode != "wal" {
        return Err(OpenError::NoWal {
            path: path.to_owned(),
        });
    }
    // FULL syncs every commit (promise 2); `fullfsync` makes that mean the platter on a Mac too.
    // The writer calls for checkpoints itself, between batches. Freed space is overwritten, so
    // that an erased access is gone from the file and not only from its row.
    let settings = format!(
        "PRAGMA synchronous = FULL;
         PRAGMA fullfsync = ON;
         PRAGMA checkpoint_fullfsync = ON;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = {JOURNAL_BYTES_KEPT};
         PRAGMA secure_delete = ON;"
    );
    connection.execute_batch(&settings).map_err(&set_up)
}

/// How many migrations the file has seen.
pub(super) fn version(connection: &Connection, path: &Path) -> Result<usize, OpenError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let read = doing("read the schema's version");
    let is_ours = pragma("application_id").map_err(&read)? == APPLICATION_ID;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(&read)?;
    let version = usize::try_from(pragma("user_version").map_err(&read)?).unwrap_or(usize::MAX);
    match (is_ours, tables) {
        (false, 0) => Ok(0),
        (false, _) => Err(OpenError::NotAStore {
            path: path.to_owned(),
        }),
        (true, _) if version > MIGRATIONS.len() => Err(OpenError::Newer {
            path: path.to_owned(),
            found: version,
            known: MIGRATIONS.len(),
        }),
        (true, _) => Ok(version),
    }
}

/// Runs what is missing, each step in a transaction of its own, after a copy was put aside.
pub(super) fn migrate(
    connection: &mut Connection,
    path: &Path,
    from: usize,
    migrations: &[&str],
) -> Result<(), OpenError> {
    if (1..migrations.len()).contains(&from) {
        let copy = beside(path, &format!(".before-{}", migrations.len()));
        connection
            .backup(MAIN_DB, &copy, NO_PROGRESS)
            .map_err(|source| OpenError::Backup { copy, source })?;
    }
    for (index, step) in migrations.iter().enumerate().skip(from) {
        let to = index + 1;
        take(connection, step, to).map_err(|source| OpenError::Migrate { to, source })?;
    }
    Ok(())
}

fn take(connection: &mut Connection, step: &str, to: usize) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(step)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", to)?;
    transaction.commit()
}

/// The canary is sealed with the key that everything else is sealed with: if it opens, all does.
fn check_key(
    connection: &Connection,
    path: &Path,
    key: &MasterKey,
    sealer: &Sealer,
) -> Result<(), OpenError> {
    let canary: Option<Vec<u8>> = connection
        .query_row(sql::META_GET, [CANARY.row], |row| row.get(0))
        .optional()
        .map_err(doing("read the key's canary"))?;
    let Some(canary) = canary else {
        return set_canary(connection, sealer);
    };
    match sealer.open(CANARY, &canary) {
        Ok(_) => Ok(()),
        Err(SealError::OtherKey { sealed_by, .. }) => Err(OpenError::WrongKey {
            path: path.to_owned(),
            wanted: sealed_by,
            given: key.id(),
        }),
        Err(error @ SealError::Damaged(_)) => Err(canary_error(error)),
    }
}

fn set_canary(connection: &Connection, sealer: &Sealer) -> Result<(), OpenError> {
    let canary = sealer.seal(CANARY, b"turnkey").map_err(canary_error)?;
    connection
        .execute(sql::META_SET, params![CANARY.row, canary])
        .map(drop)
        .map_err(doing("write the key's canary"))
}

fn canary_error(error: SealError) -> OpenError {
    OpenError::Canary {
        source: error.into(),
    }
}
