//! Where a command takes the key from that signs: never from a place of its own.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use secrecy::SecretString;
use turnkey_dialects::Dialect;

use crate::cli::{Lang, complain};
use crate::config;
use crate::words::start;

/// Longest file that may hold a key, in bytes: no key is that long, and `/dev/zero` has no end.
const KEY_BYTES_MAX: u64 = 64 * 1024;

/// The key of `turnkey demo`: no secret.
pub(super) const DEMO_KEY: &str = "demo-key";

/// Its account, access key and secret: no secret either.
pub(super) const DEMO_ACCOUNT: (&str, &str) = ("demo-ak", "demo-sk");

/// What signs calls in `dialect` at `turnkey demo`.
pub(super) fn demo_key(dialect: &dyn Dialect) -> &'static str {
    match dialect.card().root {
        Some(_) => DEMO_ACCOUNT.1,
        None => DEMO_KEY,
    }
}

/// Says that the demonstration's key is taken for what goes to `to`, unless that is the demonstration.
pub(super) fn tell_keyless(to: &str, lang: Lang) {
    if !config::runtime::is_demo(to) {
        complain(lang.pick(
            "no key given: the demo's is taken; give the product's with --key-env or --key-file",
            "没有给密钥：使用演示环境的密钥；请用 --key-env 或 --key-file 指定商品的密钥",
        ));
    }
}

/// The three ways to say a key, and the demonstration's, which is no secret.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    /// What the flag is called, such as `--key`.
    pub(super) flag: &'a str,
    /// Said outright; `-` reads it from stdin.
    pub(super) outright: Option<&'a str>,
    /// The environment variable that holds it.
    pub(super) env: Option<&'a str>,
    /// The file that holds it.
    pub(super) file: Option<&'a PathBuf>,
    /// What `turnkey demo` has.
    pub(super) demo: &'a str,
}

impl Source<'_> {
    /// The key.
    ///
    /// # Errors
    /// When it cannot be read from where it should be.
    pub(super) fn read(&self, lang: Lang) -> anyhow::Result<SecretString> {
        let text = match (self.outright, self.env, self.file) {
            (Some("-"), _, _) => text(std::io::stdin(), Path::new("-"))?,
            (Some(key), _, _) => {
                if key != self.demo {
                    let flag = self.flag;
                    complain(&match lang {
                        Lang::En => format!(
                            "warning: others on this machine can read {flag}; use {flag}-env, {flag}-file or {flag} -"
                        ),
                        Lang::Zh => format!(
                            "警告：本机其他用户能看到 {flag} 的内容；请用 {flag}-env、{flag}-file 或 {flag} -"
                        ),
                    });
                }
                key.to_owned()
            }
            (None, Some(name), _) => config::environment(name)?,
            (None, None, Some(file)) => {
                let open = File::open(file).with_context(|| start::cannot_read(file))?;
                text(open, file)?
            }
            (None, None, None) => self.demo.to_owned(),
        };
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(start::key_empty(&self.name()).into()),
            key => Ok(key.to_owned().into()),
        }
    }

    /// How it was said, without any of it.
    fn name(&self) -> String {
        let flag = self.flag;
        match (self.outright, self.env, self.file) {
            (Some("-"), _, _) => format!("{flag} -"),
            (Some(_), _, _) | (None, None, None) => flag.to_owned(),
            (None, Some(name), _) => format!("{flag}-env {name}"),
            (None, None, Some(file)) => format!("{flag}-file {}", file.display()),
        }
    }
}

/// The text of a key from `path`.
fn text(open: impl Read, path: &Path) -> anyhow::Result<String> {
    let bytes = bounded(open, path, KEY_BYTES_MAX)?;
    String::from_utf8(bytes).with_context(|| start::cannot_read(path))
}

/// All of what is open at `path`.
///
/// # Errors
/// When it cannot be read, or has more than `bytes_max`.
pub(super) fn bounded(open: impl Read, path: &Path, bytes_max: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open.take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .with_context(|| start::cannot_read(path))?;
    let is_more = usize::try_from(bytes_max).is_ok_and(|most| bytes.len() > most);
    anyhow::ensure!(!is_more, start::file_too_long(path, bytes_max));
    Ok(bytes)
}
