//! Writes the skeleton of a dialect: what docs/adding-a-dialect.md begins with.

use std::fs;
use std::io::Write as _;

use anyhow::{Context as _, Result, ensure};

use crate::run::root;
use crate::tidy::registry::{FIXTURES, REGISTRY, SOURCES};

/// A dialect that compiles, refuses everything, and fails the registry's tests until it is done.
const SOURCE: &str = r#"//! NAME: say here which document this follows, and draw its actions as a table:
//!
//! | action | intent | content that its order is known by |
//! | --- | --- | --- |
//! | TestConnection | ping | – |

use turnkey_core::decide::Outcome;
use turnkey_core::{Call, Fault, FaultKind, Listing, UtcMillis};

use crate::{
    Action, BODY_BYTES_MAX, Card, Dialect, ExchangeId, Faces, Listen, Overture, Reply, Request,
};

pub(super) const DIALECT: &dyn Dialect = &TYPE;

static CARD: Card = Card {
    name: "NAME",
    title: "",
    source: "",
    methods: &["POST"],
    root: None,
    body_bytes_max: BODY_BYTES_MAX,
    names_exchanges: false,
    actions: &[Action {
        name: "test",
        wire: "TestConnection",
        retries: 0,
    }],
    time_limit_ms: 15_000,
    reply_within_ms: 12_000,
    overture: Overture::None,
    product_code: None,
    https_only: false,
};

struct TYPE;

impl Dialect for TYPE {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn faces(&self) -> Faces<'_> {
        Faces {
            listen: Some(self),
            ask: None,
            explain: None,
        }
    }
}

impl Listen for TYPE {
    fn read(
        &self,
        _request: &Request<'_>,
        _listing: &Listing,
        _now: UtcMillis,
    ) -> Result<Call, Fault> {
        Err(unfinished())
    }

    fn write(&self, _call: &Call, _outcome: &Outcome, exchange: &ExchangeId) -> Reply {
        self.refuse(&unfinished(), exchange)
    }

    fn refuse(&self, _fault: &Fault, _exchange: &ExchangeId) -> Reply {
        Reply {
            status: 501,
            content_type: "application/json".to_owned(),
            retry_after_s: None,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}

fn unfinished() -> Fault {
    let message = "this protocol is not spoken yet";
    Fault::new(FaultKind::Unsupported, "dialect_unfinished", message)
}
"#;

/// One fixture, with its head.
const FIXTURE: &str = "# NAME: TestConnection\n#\n# Source: (the card's source), checked (when).\n";

/// Writes the skeleton of the dialect `name`.
pub(crate) fn write(name: &str) -> Result<()> {
    for (path, text) in files(name)? {
        let path = root().join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let shown = path.display().to_string();
        let mut file =
            fs::File::create_new(path).with_context(|| format!("cannot make {shown}"))?;
        file.write_all(text.as_bytes())
            .with_context(|| format!("cannot write {shown}"))?;
        println!("wrote {shown}");
    }
    println!(
        "now add the word `{}` to dialects! {{ … }} in {REGISTRY},\n\
         and go on with docs/adding-a-dialect.md",
        word(name)
    );
    Ok(())
}

fn files(name: &str) -> Result<[(String, String); 2]> {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    ensure!(
        name.split('-').all(is_word),
        "a dialect is called like `qingcloud-market`: lower-case words with - between them"
    );
    let fill = |text: &str| text.replace("NAME", name).replace("TYPE", &type_name(name));
    Ok([
        (format!("{SOURCES}{}.rs", word(name)), fill(SOURCE)),
        (format!("{FIXTURES}{name}/test.txt"), fill(FIXTURE)),
    ])
}

fn word(name: &str) -> String {
    name.replace('-', "_")
}

fn type_name(name: &str) -> String {
    let capital = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        format!("{}{rest}", first.to_ascii_uppercase())
    };
    name.split('-').map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_skeleton_is_called_as_the_registry_wants_it() {
        let [source, fixture] = files("aliyun-market2").unwrap();
        assert_eq!(
            source.0,
            "crates/turnkey-dialects/src/dialects/aliyun_market2.rs"
        );
        assert_eq!(
            fixture.0,
            "crates/turnkey-dialects/fixtures/aliyun-market2/test.txt"
        );
        assert!(source.1.contains("name: \"aliyun-market2\""));
        assert!(source.1.contains("struct AliyunMarket2;"));
        assert!(!source.1.contains("NAME") && !source.1.contains("TYPE"));
    }

    #[test]
    fn other_names_are_refused() {
        for name in ["", "-", "Aliyun", "a_b", "a--b", "../x", "2cloud", "a-"] {
            assert!(files(name).is_err(), "{name}");
        }
    }
}
