//! Where a command takes the key from that signs: never from a place of its own.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use secrecy::SecretString;
use turnkey_dialects::Dialect;

use crate::cli::{Lang, complain};
use crate::config;
use crate::words::start;

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

/// Says that the demonstration's key signs what goes to `to`, unless that is the demonstration.
pub(super) fn tell_keyless(to: &str, lang: Lang) {
    if !config::runtime::is_demo(to) {
        complain(lang.pick(
            "no key given: the demo's key signs; give the product's with --key-env or --key-file",
            "没有给密钥：用演示环境的密钥签名；请用 --key-env 或 --key-file 指定商品的密钥",
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
            (Some("-"), _, _) => {
                let mut text = String::new();
                std::io::stdin()
                    .read_to_string(&mut text)
                    .with_context(|| start::cannot_read(Path::new("-")))?;
                text
            }
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
                std::fs::read_to_string(file).with_context(|| start::cannot_read(file))?
            }
            (None, None, None) => self.demo.to_owned(),
        };
        Ok(text.trim_end_matches(['\r', '\n']).to_owned().into())
    }
}
