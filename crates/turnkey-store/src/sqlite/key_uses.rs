//! When keys were last used: a few rows, one for each key that ever proved a call.

use rusqlite::params;
use turnkey_core::UtcMillis;
use turnkey_core::ports::KeyUse;

use super::failure::Failure;
use super::rows::Rows;
use super::sql;

/// Most rows that are read: a thousand accounts that change their secrets each month for half a
/// year, and a shop's keys.
const ROWS_MAX: i64 = 10_000;

pub(super) fn put(rows: &Rows, uses: &[KeyUse]) -> Result<(), Failure> {
    for KeyUse { fingerprint, at } in uses {
        rows.run(sql::KEY_USE_PUT, params![fingerprint, at.0])?;
    }
    Ok(())
}

pub(super) fn list(rows: &Rows) -> Result<Vec<KeyUse>, Failure> {
    let mut statement = rows.connection.prepare_cached(sql::KEY_USE_LIST)?;
    let uses = statement.query_map([ROWS_MAX], |row| {
        Ok(KeyUse {
            fingerprint: row.get(0)?,
            at: UtcMillis(row.get(1)?),
        })
    })?;
    Ok(uses.collect::<Result<_, _>>()?)
}
