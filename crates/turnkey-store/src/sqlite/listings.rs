//! Listings by number. A listing's name is its identity for ever: rows of one that the file lacks
//! would be orders that nobody answers for.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, params};
use turnkey_core::Fault;

use super::{OpenError, doing};

/// A listing of the configuration, as far as the store must know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoundListing {
    /// Its table name.
    pub name: String,
    /// The names that it had before.
    pub formerly: Vec<String>,
}

/// The listings that rows may name.
#[derive(Debug, Default)]
pub(super) struct Listings {
    numbers: HashMap<String, i64>,
    names: HashMap<i64, String>,
}

impl Listings {
    pub(super) fn number(&self, name: &str) -> Result<i64, Fault> {
        self.numbers
            .get(name)
            .copied()
            .ok_or_else(|| Fault::bug(format!("listing `{name}` was not bound to the store")))
    }

    /// The names that rows may have.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.numbers.keys().map(String::as_str)
    }

    pub(super) fn name(&self, number: i64) -> Result<&str, Fault> {
        self.names
            .get(&number)
            .map(String::as_str)
            .ok_or_else(|| Fault::bug(format!("the store holds the unknown listing {number}")))
    }

    /// Makes the stored listings those of the file: renames what was renamed, adds what is new,
    /// forgets what was never used.
    ///
    /// # Errors
    /// When the store holds orders or instances of a listing that the file lacks.
    pub(super) fn bind(connection: &Connection, file: &[BoundListing]) -> Result<Self, OpenError> {
        let sql = doing("bind the listings");
        for listing in file {
            for old in &listing.formerly {
                rename(connection, old, &listing.name, file)?;
            }
        }
        for listing in file {
            add(connection, &listing.name).map_err(&sql)?;
        }
        let mut listings = Self::default();
        for (number, name) in stored(connection).map_err(&sql)? {
            if file.iter().any(|listing| listing.name == name) {
                listings.numbers.insert(name.clone(), number);
                listings.names.insert(number, name);
            } else if is_used(connection, number).map_err(&sql)? {
                return Err(OpenError::ListingMissing { name });
            } else {
                forget(connection, number).map_err(&sql)?;
            }
        }
        Ok(listings)
    }
}

fn rename(
    connection: &Connection,
    old: &str,
    new: &str,
    file: &[BoundListing],
) -> Result<(), OpenError> {
    let sql = doing("rename a listing");
    let Some(old_number) = number(connection, old).map_err(&sql)? else {
        return Ok(());
    };
    let new_number = number(connection, new).map_err(&sql)?;
    let is_new_used = match new_number {
        Some(number) => is_used(connection, number).map_err(&sql)?,
        None => false,
    };
    if is_new_used || file.iter().any(|listing| listing.name == old) {
        return Err(OpenError::ListingTwice {
            old: old.to_owned(),
            new: new.to_owned(),
        });
    }
    if let Some(number) = new_number {
        forget(connection, number).map_err(&sql)?;
    }
    let set_name = "UPDATE listings SET name = ?2 WHERE number = ?1";
    connection
        .execute(set_name, params![old_number, new])
        .map(drop)
        .map_err(&sql)
}

fn add(connection: &Connection, name: &str) -> Result<(), rusqlite::Error> {
    let sql = "INSERT INTO listings (name) VALUES (?1) ON CONFLICT (name) DO NOTHING";
    connection.execute(sql, [name]).map(drop)
}

fn stored(connection: &Connection) -> Result<Vec<(i64, String)>, rusqlite::Error> {
    connection
        .prepare("SELECT number, name FROM listings ORDER BY number")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn number(connection: &Connection, name: &str) -> Result<Option<i64>, rusqlite::Error> {
    let sql = "SELECT number FROM listings WHERE name = ?1";
    connection
        .query_row(sql, [name], |row| row.get(0))
        .optional()
}

fn is_used(connection: &Connection, number: i64) -> Result<bool, rusqlite::Error> {
    let sql = "SELECT EXISTS (SELECT 1 FROM orders WHERE listing = ?1) \
        OR EXISTS (SELECT 1 FROM instances WHERE listing = ?1)";
    connection.query_row(sql, [number], |row| row.get(0))
}

fn forget(connection: &Connection, number: i64) -> Result<(), rusqlite::Error> {
    connection
        .execute("DELETE FROM listings WHERE number = ?1", [number])
        .map(drop)
}
