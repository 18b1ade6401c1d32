//! Takes secrets out of what a vendor's program says before an operator reads it.

use std::sync::LazyLock;

use regex_lite::{Captures, Regex};

/// What stands where a secret was.
const MASK: &str = "********";

/// A name that promises a secret, and what is assigned to it.
static ASSIGNED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let name =
        "(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|key|authorization|credential)";
    Regex::new(&format!(
        r#"(?i)([\w-]*{name}[\w-]*["']?\s*[:=]\s*["']?)((?:bearer\s+|basic\s+)?[^\s"',;&]+)"#
    ))
    .ok()
});

/// The user and password of a URL.
static USERINFO: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)([a-z][a-z0-9+.-]*://)[^\s/@]+@").ok());

/// `text` without `secrets`, without whatever is assigned to a name like *password*, and without
/// the accounts in URLs.
pub(crate) fn redact<'a>(text: &str, secrets: impl Iterator<Item = &'a str>) -> String {
    /// Shorter texts are words; masking those would make the rest unreadable.
    const SECRET_BYTES_MIN: usize = 4;
    let mut text = text.to_owned();
    for secret in secrets.filter(|secret| secret.len() >= SECRET_BYTES_MIN) {
        text = text.replace(secret, MASK);
    }
    if let Some(assigned) = ASSIGNED.as_ref() {
        let mask = |found: &Captures<'_>| {
            format!("{}{MASK}", found.get(1).map_or("", |name| name.as_str()))
        };
        text = assigned.replace_all(&text, mask).into_owned();
    }
    if let Some(userinfo) = USERINFO.as_ref() {
        text = userinfo
            .replace_all(&text, format!("${{1}}{MASK}@"))
            .into_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn what_is_said_without_secrets_stays() {
        let said = "connection to db1 refused, 3 tries left";
        assert_eq!(redact(said, std::iter::empty()), said);
    }

    #[test]
    fn secrets_go_however_they_are_written() {
        for (said, heard) in [
            ("password=hunter22 rest", "password=******** rest"),
            ("DB_PASSWORD: 'hunter22'", "DB_PASSWORD: '********'"),
            (
                r#"{"api_key": "abc", "n": 1}"#,
                r#"{"api_key": "********", "n": 1}"#,
            ),
            ("Authorization: Bearer abc.def", "Authorization: ********"),
            ("GET https://u:p@host/x", "GET https://********@host/x"),
            ("said s3cr3t-1 aloud", "said ******** aloud"),
        ] {
            assert_eq!(redact(said, ["s3cr3t-1"].into_iter()), heard);
        }
    }
}
