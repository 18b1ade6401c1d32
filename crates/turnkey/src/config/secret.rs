//! Secrets come by reference: from the environment or from a file of their own.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Deserialize;

use crate::config::{KeySettings, Mode, says};
use crate::words::Said;

/// Where a secret is to be found. Exactly one of its keys is set.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretRef {
    env: Option<String>,
    file: Option<PathBuf>,
    /// In the open: only `turnkey demo` may.
    value: Option<String>,
}

/// Where the master key comes from.
#[derive(Debug)]
pub enum MasterKeySource {
    /// It was in the environment.
    Given(SecretString),
    /// It is in this file, which `serve` makes when both it and the store are new.
    File(PathBuf),
}

/// Where a key was found: what may be told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// In this variable. It is what it was when the process started.
    Environment(String),
    /// In this file, which a reload reads again.
    File(PathBuf),
    /// In the open, where only a demonstration may have it.
    Demo,
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "env {name}"),
            Self::File(file) => write!(f, "file {}", file.display()),
            Self::Demo => f.write_str("demo"),
        }
    }
}

impl SecretRef {
    /// The key itself, with where it was found.
    pub(super) fn key(&self, mode: Mode, folder: &Path) -> Result<KeySettings, Said> {
        let secret = self.resolve(mode, folder)?;
        let source = match (&self.env, &self.file) {
            (Some(name), _) => KeySource::Environment(name.clone()),
            (None, Some(file)) => KeySource::File(file.clone()),
            (None, None) => KeySource::Demo,
        };
        Ok(KeySettings { secret, source })
    }

    /// The secret itself.
    pub(super) fn resolve(&self, mode: Mode, folder: &Path) -> Result<SecretString, Said> {
        let secret = match (&self.env, &self.file, &self.value) {
            (Some(name), None, None) => environment(name)?,
            (None, Some(file), None) => {
                let file = folder.join(file);
                std::fs::read_to_string(&file)
                    .map_err(|error| says::secret_unreadable(&file, &error))?
            }
            (None, None, Some(value)) if mode == Mode::Demo => value.clone(),
            (None, None, Some(_)) => return Err(says::secret_in_the_open()),
            _ => return Err(says::secret_malformed()),
        };
        match secret.trim_end_matches(['\r', '\n']) {
            "" => Err(says::secret_empty()),
            secret => Ok(secret.to_owned().into()),
        }
    }

    /// Where the master key comes from, without reading its file.
    pub(super) fn master_key(&self, mode: Mode, folder: &Path) -> Result<MasterKeySource, Said> {
        match (&self.env, &self.file, &self.value) {
            (None, Some(file), None) => Ok(MasterKeySource::File(folder.join(file))),
            _ => self.resolve(mode, folder).map(MasterKeySource::Given),
        }
    }
}

/// The environment variable `name`.
///
/// # Errors
/// With the words for the person who named it.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the environment"
)]
pub fn environment(name: &str) -> Result<String, Said> {
    std::env::var(name).map_err(|error| match error {
        std::env::VarError::NotPresent => says::variable_missing(name),
        std::env::VarError::NotUnicode(_) => says::variable_malformed(name),
    })
}

/// The locale that the environment asks for, such as `zh_CN.UTF-8`.
#[must_use]
pub fn locale() -> Option<String> {
    ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .find_map(|name| environment(name).ok().filter(|locale| !locale.is_empty()))
}
