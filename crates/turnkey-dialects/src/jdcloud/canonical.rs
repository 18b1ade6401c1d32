//! The one form of a request that both sides sign.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

use crate::Request;

/// What is escaped in a name or a value: everything but `A-Z a-z 0-9 - . _ ~`.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What is escaped in a path.
const IN_PATH: &AsciiSet = &IN_QUERY.remove(b'/');

/// The path: decoded, runs of `/` made one, encoded anew. A `%2F` is a `/` like any other, a
/// broken escape stands for itself (vectors `py-testSign_path_*`). Done twice it is the same.
#[must_use]
pub fn canonical_uri(path: &str) -> String {
    let mut bytes = vec![b'/'];
    bytes.extend(decoded(path));
    bytes.dedup_by(|a, b| (*a, *b) == (b'/', b'/'));
    percent_encode(&bytes, IN_PATH).to_string()
}

/// The query: decoded, encoded anew, sorted by name and then by value; what has no name is left
/// out (vectors `py-testSign_query_*`). Done twice it is the same.
#[must_use]
pub fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<_> = query
        .split('&')
        .map(|piece| piece.split_once('=').unwrap_or((piece, "")))
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    pairs.sort_unstable();
    let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join("&")
}

fn encoded(text: &str) -> String {
    percent_encode(&decoded(text), IN_QUERY).to_string()
}

fn decoded(text: &str) -> Vec<u8> {
    let spaced = text.replace('+', " ");
    percent_decode(spaced.as_bytes()).collect()
}

/// What signers disagree about. The default is what every captured SDK does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spelling {
    /// As documented, and as the SDKs do it.
    #[default]
    Plain,
    /// Runs of blanks inside a header's value are one space (the V2 document, Go, Node, PHP).
    BlanksCollapsed,
    /// Parameters without a `=` are left out (Python).
    BareNamesDropped,
    /// The `host` has no default port (Python, Java), whatever the header says.
    PortDropped,
    /// The `host` has this default port, although the header has none.
    PortAdded(u16),
}

impl Spelling {
    /// Every one but the default, in the order in which they are tried.
    pub(super) const LENIENT: [Self; 5] = [
        Self::BlanksCollapsed,
        Self::BareNamesDropped,
        Self::PortDropped,
        Self::PortAdded(80),
        Self::PortAdded(443),
    ];

    /// The parameters that this spelling signs, in their canonical form.
    pub(super) fn query(self, query: &str) -> String {
        match self {
            Self::BareNamesDropped => {
                let pieces = query.split('&').filter(|piece| piece.contains('='));
                canonical_query(&pieces.collect::<Vec<_>>().join("&"))
            }
            Self::Plain | Self::BlanksCollapsed | Self::PortDropped | Self::PortAdded(_) => {
                canonical_query(query)
            }
        }
    }

    /// The value of header `name`; `None` where there is no such header.
    pub(super) fn header(self, request: &Request<'_>, name: &str) -> Option<Vec<u8>> {
        let mut value = joined(request, name)?;
        match self {
            Self::Plain | Self::BareNamesDropped => {}
            Self::BlanksCollapsed => value.dedup_by(|a, b| {
                let are_blanks = is_blank(*a) && is_blank(*b);
                if are_blanks {
                    *b = b' ';
                }
                are_blanks
            }),
            Self::PortDropped => {
                if name == "host" {
                    let mut ports = [":80", ":443"].iter();
                    let port = ports.find(|port| value.ends_with(port.as_bytes()));
                    value.truncate(value.len() - port.map_or(0, |port| port.len()));
                }
            }
            Self::PortAdded(port) => {
                if name == "host" {
                    value.extend(format!(":{port}").into_bytes());
                }
            }
        }
        Some(value)
    }
}

/// A space or a tab.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The values of header `name`, each trimmed, with commas between them.
fn joined(request: &Request<'_>, name: &str) -> Option<Vec<u8>> {
    let mut values = request.values(name);
    let mut joined = values.next()?.trim_ascii().to_vec();
    for value in values {
        joined.push(b',');
        joined.extend(value.trim_ascii());
    }
    Some(joined)
}

/// What is digested into the string to sign. `signed` are the names of the signed headers in lower
/// case, in byte order; `body_digest` is the SHA-256 of the body as lower-case hexadecimal.
///
/// `None` when a signed header is absent: then nothing was signed.
#[must_use]
pub fn canonical_request(
    request: &Request<'_>,
    signed: &[&str],
    body_digest: &str,
    spelling: Spelling,
) -> Option<Vec<u8>> {
    let method = request.method.to_ascii_uppercase();
    let uri = canonical_uri(request.path);
    let query = spelling.query(request.query);
    let mut canonical = format!("{method}\n{uri}\n{query}\n").into_bytes();
    for name in signed {
        canonical.extend(name.bytes());
        canonical.push(b':');
        canonical.extend(spelling.header(request, name)?);
        canonical.push(b'\n');
    }
    let names = signed.join(";");
    canonical.extend(format!("\n{names}\n{body_digest}").into_bytes());
    Some(canonical)
}
