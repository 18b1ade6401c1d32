//! The user's runtime folder: where a running `turnkey demo` leaves word for the command line.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::config::environment;
use crate::words::start;

/// The file's name in the runtime folder.
const DEMO_FILE: &str = "demo.json";

/// Longest such file that is read.
const FILE_BYTES_MAX: u64 = 4096;

/// How to reach the admin API of a running `turnkey demo`.
#[derive(Clone, Debug)]
pub struct DemoDoor {
    /// Its URL.
    pub url: String,
    /// Its token.
    pub token: SecretString,
    /// Where marketplaces call it: scheme, host and port.
    pub market: String,
}

#[derive(Serialize, Deserialize)]
struct Written {
    admin: String,
    token: String,
    market: String,
}

/// The file that tells of a running demo; removed when it is dropped.
#[derive(Debug)]
pub struct DemoFile {
    path: PathBuf,
    text: String,
}

impl DemoFile {
    /// Writes `door` where only this user can read it.
    ///
    /// # Errors
    /// When the folder is not this user's alone, or the file cannot be written.
    pub fn write(door: &DemoDoor) -> anyhow::Result<Self> {
        let folder = folder();
        own_folder(&folder)?;
        let path = folder.join(DEMO_FILE);
        let text = serde_json::to_string(&Written {
            admin: door.url.clone(),
            token: door.token.expose_secret().to_owned(),
            market: door.market.clone(),
        })?;
        // Written beside and moved, so that nobody reads half of it, and the mode is ours even
        // when an old one lies there.
        let beside = folder.join(format!("{DEMO_FILE}.{}", std::process::id()));
        let written = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .and_then(|()| std::fs::rename(&beside, &path));
        written.with_context(|| start::cannot_write(&path))?;
        Ok(Self { path, text })
    }
}

impl Drop for DemoFile {
    fn drop(&mut self) {
        // A later demo may have written its own.
        if read(&self.path).is_ok_and(|text| text == self.text) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The demo that is running for this user, if one is.
#[must_use]
pub fn demo_door() -> Option<DemoDoor> {
    let folder = folder();
    own_folder(&folder).ok()?;
    let written: Written = serde_json::from_str(&read(&folder.join(DEMO_FILE)).ok()?).ok()?;
    Some(DemoDoor {
        url: written.admin,
        token: written.token.into(),
        market: written.market,
    })
}

/// Whether `url` is at the demo that is running for this user.
#[must_use]
pub fn is_demo(url: &str) -> bool {
    let origin = |url: &str| Some(url::Url::parse(url).ok()?.origin());
    let demo = demo_door().and_then(|demo| origin(&demo.market));
    demo.is_some() && demo == origin(url)
}

fn read(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(FILE_BYTES_MAX)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// `$XDG_RUNTIME_DIR/turnkey`, or a folder of this user's in the temporary one.
fn folder() -> PathBuf {
    match environment("XDG_RUNTIME_DIR") {
        Ok(runtime) if Path::new(&runtime).is_absolute() => Path::new(&runtime).join("turnkey"),
        Ok(_) | Err(_) => {
            let user = rustix::process::getuid().as_raw();
            std::env::temp_dir().join(format!("turnkey-{user}"))
        }
    }
}

/// Makes the folder where it is missing, and makes sure that nobody else can write into it: in a
/// shared temporary folder anybody could have made it first.
fn own_folder(folder: &Path) -> anyhow::Result<()> {
    let made = std::fs::DirBuilder::new().mode(0o700).create(folder);
    match made {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => {
            return Err(error).with_context(|| start::cannot_write(folder));
        }
    }
    let found = std::fs::symlink_metadata(folder).with_context(|| start::cannot_read(folder))?;
    let is_ours = found.is_dir()
        && found.uid() == rustix::process::getuid().as_raw()
        && found.mode() & 0o077 == 0;
    if !is_ours {
        return Err(start::folder_shared(folder).into());
    }
    Ok(())
}
