//! A look at a store from outside: nothing is written, nothing is made, nobody is kept waiting.

use std::fs::{File, TryLockError};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{OpenError, StoredClock, beside, doing, schema, stored_clock};

/// What can be told of a store from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glance {
    /// Whether a process owns it.
    pub is_in_use: bool,
    /// Its business clock; `None` while nothing was stored in it.
    pub clock: Option<StoredClock>,
}

/// Looks at the store at `path`, which must exist. A store that nobody owns cannot be opened while
/// this looks, which takes a moment.
///
/// # Errors
/// When it cannot be read, or is no store of this program.
pub fn glance(path: &Path) -> Result<Glance, OpenError> {
    let file = |source| OpenError::File {
        path: path.to_owned(),
        source,
    };
    let path = path.canonicalize().map_err(file)?;
    let lock = match File::open(beside(&path, ".lock")) {
        Ok(lock) => Some(lock),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(file(error)),
    };
    let is_in_use = match lock.as_ref().map(File::try_lock) {
        None | Some(Ok(())) => false,
        Some(Err(TryLockError::WouldBlock)) => true,
        Some(Err(TryLockError::Error(error))) => return Err(file(error)),
    };
    if schema::is_new(&path) {
        return Ok(Glance {
            is_in_use,
            clock: None,
        });
    }
    let connection = if beside(&path, "-wal").exists() {
        schema::connect_reader(&path)?
    } else {
        unchanging(&path)?
    };
    let clock = match schema::version(&connection, &path)? {
        0 => None,
        _ => Some(stored_clock(&connection).map_err(doing("read the stored clock"))?),
    };
    Ok(Glance { is_in_use, clock })
}

/// A file that was closed well has no log, and a reader would make an empty one beside it, owned by
/// whoever looks.
fn unchanging(path: &Path) -> Result<Connection, OpenError> {
    let escaped = path.to_string_lossy().replace('%', "%25");
    let escaped = escaped.replace('?', "%3f").replace('#', "%23");
    let uri = format!("file:{escaped}?immutable=1");
    schema::connect(
        Path::new(&uri),
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
        0,
    )
}
