//! The log's file: rows, and how many of them stay.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};
use turnkey_core::UtcMillis;

use super::{CallFilter, CallLogLimits, CallNumber, CallRecord, LoggedCall};
use crate::seal::{MasterKey, Place, Sealer};
use crate::sqlite::OpenError;

/// Rows that are forgotten at once, and how many are written between two looks at the size.
const PRUNED_AT_ONCE: i64 = 2_000;

/// Written rows between two looks at age and size: far fewer than are forgotten at once, so the
/// file does not grow.
const LOOK_EVERY: usize = 1_000;

const SCHEMA: &str = include_str!("../../migrations/calls.sql");

const INSERT: &str = "INSERT OR IGNORE INTO calls (number, wall, listing, action, result, \
    order_key, instance_id, status, code, flags, dry_run, elapsed_us, note, request) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT number, wall, listing, action, result, order_key, instance_id, status, code, ",
            "flags, dry_run, elapsed_us, note, request FROM calls ",
            $rest
        )
    };
}

const GET: &str = select!("WHERE number = ?1");
const LIST: &str = select!(
    "WHERE number < ?1 AND (?2 IS NULL OR listing = ?2) AND (?3 IS NULL OR action = ?3) \
     AND (?4 IS NULL OR result = ?4) ORDER BY number DESC LIMIT ?5"
);
const LIST_OF_ORDER: &str = select!(
    "WHERE order_key = ?6 AND number < ?1 AND (?2 IS NULL OR listing = ?2) \
     AND (?3 IS NULL OR action = ?3) AND (?4 IS NULL OR result = ?4) \
     ORDER BY number DESC LIMIT ?5"
);

pub(super) struct File {
    connection: Connection,
    sealer: Sealer,
    limits: CallLogLimits,
    since_look: usize,
}

impl File {
    pub(super) fn open(
        path: &Path,
        key: &MasterKey,
        limits: CallLogLimits,
    ) -> Result<Self, OpenError> {
        match Self::try_open(path, key, limits) {
            Ok(file) => Ok(file),
            Err(_) => {
                // Put aside and not deleted: somebody may want to know what became of it.
                let _ = std::fs::rename(path, crate::sqlite::beside(path, ".damaged"));
                Self::try_open(path, key, limits).map_err(|source| OpenError::Database {
                    doing: "open the call log",
                    source,
                })
            }
        }
    }

    pub(super) fn open_to_read(
        path: &Path,
        key: &MasterKey,
        limits: CallLogLimits,
    ) -> Result<Self, OpenError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags);
        let connection = connection.map_err(|source| OpenError::Database {
            doing: "open the call log to read",
            source,
        })?;
        Ok(Self::of(connection, key, limits))
    }

    fn try_open(
        path: &Path,
        key: &MasterKey,
        limits: CallLogLimits,
    ) -> Result<Self, rusqlite::Error> {
        // Its owner's only, from the first byte on; SQLite gives its companions the same mode.
        let _ = crate::sqlite::create_if_missing(path);
        let connection = Connection::open(path)?;
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        connection.execute_batch(
            "PRAGMA synchronous = OFF; PRAGMA trusted_schema = OFF; PRAGMA secure_delete = ON;",
        )?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self::of(connection, key, limits))
    }

    fn of(connection: Connection, key: &MasterKey, limits: CallLogLimits) -> Self {
        Self {
            connection,
            sealer: Sealer::new(key),
            limits,
            since_look: LOOK_EVERY,
        }
    }

    pub(super) fn write(&mut self, calls: &[CallRecord]) -> Result<(), rusqlite::Error> {
        let Some(newest) = calls.iter().map(|call| call.at).max() else {
            return Ok(());
        };
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(INSERT)?;
            for call in calls {
                let row = call.number.to_string();
                let seal = |column, plain: &[u8]| {
                    let place = Place {
                        table: "calls",
                        row: &row,
                        column,
                    };
                    self.sealer.seal(place, plain).ok()
                };
                insert.execute(params![
                    call.number.0,
                    call.at.0,
                    call.listing,
                    call.action,
                    call.result,
                    call.order_key,
                    call.instance,
                    call.status,
                    call.code,
                    call.flags.join(" "),
                    call.dry_run,
                    call.elapsed_us,
                    call.note
                        .as_ref()
                        .and_then(|note| seal("note", note.as_bytes())),
                    seal("request", &call.request).unwrap_or_default(),
                ])?;
            }
        }
        transaction.commit()?;
        self.since_look += calls.len();
        if self.since_look >= LOOK_EVERY {
            self.since_look = 0;
            self.prune(newest)?;
        }
        Ok(())
    }

    /// Forgets what is too old, and the oldest while the file is too large. Freed pages are used
    /// again, so the file stays as large as it once was.
    fn prune(&self, now: UtcMillis) -> Result<(), rusqlite::Error> {
        let kept_ms = i64::try_from(self.limits.kept_ms).unwrap_or(i64::MAX);
        let oldest = CallNumber::new(UtcMillis(now.0.saturating_sub(kept_ms)), 0);
        self.connection.execute(
            "DELETE FROM calls WHERE number IN \
             (SELECT number FROM calls WHERE number < ?1 ORDER BY number LIMIT ?2)",
            params![oldest.0, PRUNED_AT_ONCE],
        )?;
        let pragma = |name| {
            self.connection
                .pragma_query_value(None, name, |r| r.get::<_, u64>(0))
        };
        let used = pragma("page_count")?.saturating_sub(pragma("freelist_count")?);
        if used.saturating_mul(pragma("page_size")?) > self.limits.file_bytes_max {
            self.connection.execute(
                "DELETE FROM calls WHERE number IN \
                 (SELECT number FROM calls ORDER BY number LIMIT ?1)",
                [PRUNED_AT_ONCE],
            )?;
        }
        Ok(())
    }

    pub(super) fn list(
        &self,
        filter: &CallFilter,
        before: Option<CallNumber>,
        limit: usize,
    ) -> Result<Vec<LoggedCall>, rusqlite::Error> {
        let before = before.map_or(i64::MAX, |before| before.0);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let read = |row: &Row<'_>| {
            let mut call = self.call(row)?;
            call.request = None;
            Ok(call)
        };
        let CallFilter {
            listing,
            action,
            result,
            order_key,
        } = filter;
        match order_key {
            Some(order_key) => self
                .connection
                .prepare_cached(LIST_OF_ORDER)?
                .query_map(
                    params![before, listing, action, result, limit, order_key],
                    read,
                )?
                .collect(),
            None => self
                .connection
                .prepare_cached(LIST)?
                .query_map(params![before, listing, action, result, limit], read)?
                .collect(),
        }
    }

    pub(super) fn get(&self, number: CallNumber) -> Result<Option<LoggedCall>, rusqlite::Error> {
        self.connection
            .prepare_cached(GET)?
            .query_row([number.0], |row| self.call(row))
            .optional()
    }

    /// What is sealed with another key, or damaged, is left out: the rest may still help.
    fn call(&self, row: &Row<'_>) -> Result<LoggedCall, rusqlite::Error> {
        let number = CallNumber(row.get(0)?);
        let name = number.to_string();
        let opened = |column, sealed: Option<Vec<u8>>| {
            let place = Place {
                table: "calls",
                row: &name,
                column,
            };
            sealed.and_then(|sealed| self.sealer.open(place, &sealed).ok())
        };
        let flags: String = row.get(9)?;
        Ok(LoggedCall {
            number,
            at: UtcMillis(row.get(1)?),
            listing: row.get(2)?,
            action: row.get(3)?,
            result: row.get(4)?,
            order_key: row.get(5)?,
            instance: row.get(6)?,
            status: row.get(7)?,
            code: row.get(8)?,
            flags: flags.split_whitespace().map(str::to_owned).collect(),
            dry_run: row.get(10)?,
            elapsed_us: row.get(11)?,
            note: opened("note", row.get(12)?).and_then(|note| String::from_utf8(note).ok()),
            request: opened("request", row.get(13)?),
        })
    }
}
