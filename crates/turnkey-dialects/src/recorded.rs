//! One exchange that really happened, as a fixture: nobody's data, a fixed key, a fixed clock.
//!
//! Whatever a value may tell of a buyer, an order, an instance or a host is replaced by a stand-in of
//! its shape, the same one wherever it stands, in the request as in the answer. Only what is named is
//! kept: [`Ask::telling`](crate::Ask::telling) of the request, [`KEPT_IN_ANSWERS`] of the answer.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use secrecy::SecretString;
use serde_json::Value;
use turnkey_core::{Call, Fault, FaultKind, Listing, UtcMillis};

use crate::query::{Query, encode};
use crate::{Dialect, Faces, Reply, Request, Resigner, coded};

/// When a recorded fixture is read: noon of 2026-01-31 in Shanghai.
pub const NOON: UtcMillis = UtcMillis(1_769_832_000_000);

/// The key that signs every recorded fixture.
pub const KEY: &str = "fixture-prod-key";

/// Further from noon than any window is open.
const HOUR_MS: i64 = 3_600_000;

/// Members of an answer whose texts tell nothing of anybody.
const KEPT_IN_ANSWERS: [&str; 1] = ["spiVersion"];

/// What the marketplace's ids and ours begin with: it tells of nobody.
const KEPT_PREFIXES: [&str; 6] = ["app", "appor", "i", "mord", "prod", "usr"];

/// Shorter values are looked for nowhere: they stand everywhere.
const FOUND_FROM_BYTES: usize = 4;

/// The fault of what cannot become a fixture.
fn unfit(why: &str) -> Fault {
    Fault::new(FaultKind::Unsupported, "fixture_unfit", why)
}

/// Whether the calls of `dialect` can become fixtures.
///
/// # Errors
/// `fixture_unfit` for a storefront's.
pub fn fits(dialect: &dyn Dialect) -> Result<(), Fault> {
    match dialect.card().root {
        Some(_) => Err(unfit("a storefront's call cannot become a fixture yet")),
        None => Ok(()),
    }
}

/// `request` and its answer as a fixture of `dialect`, which `name` names and `listing`, whose key is
/// [`KEY`], reads. `code` is why it was refused, where it was.
///
/// # Errors
/// `fixture_unfit` where the protocol's requests cannot be recorded, and where the fixture would not show what the
/// request showed, or still show what it should not.
pub fn fixture(
    dialect: &dyn Dialect,
    name: &str,
    request: &Request<'_>,
    reply: &Reply,
    code: Option<&str>,
    listing: &Listing,
) -> Result<String, Fault> {
    let card = dialect.card();
    fits(dialect)?;
    let Faces { ask: Some(ask), .. } = dialect.faces() else {
        return Err(unfit("its requests cannot be signed anew"));
    };
    if !request.body.is_empty() {
        return Err(unfit(
            "a request that is more than its query is not recorded yet",
        ));
    }
    let mut stand_ins = StandIns::default();
    let query = Query::parse(request.query)?;
    let mut set = Vec::new();
    for (name, value) in query.decoded("signature") {
        if !ask.telling().split(' ').any(|telling| telling == name) {
            set.push((name.to_owned(), stand_ins.of_parameter(value)));
        }
    }
    let (secret, at) = match code {
        Some("signature_wrong") => ("some-other-key", NOON),
        Some("timestamp_stale") => (KEY, UtcMillis(NOON.0 - HOUR_MS)),
        Some("timestamp_future") => (KEY, UtcMillis(NOON.0 + HOUR_MS)),
        Some(_) | None => (KEY, NOON),
    };
    if code == Some("signature_missing") {
        set.push(("signature".to_owned(), String::new()));
    }
    let by = Resigner {
        secret: &SecretString::from(secret),
        access_key: None,
        host: "",
    };
    let sent = ask.resign(request, &by, &set, at)?;
    let mut body: Value = serde_json::from_slice(&reply.body)
        .map_err(|_| unfit("an answer that is no JSON cannot be recorded"))?;
    stand_ins.put_into(&mut body);
    let source = card.source;
    let mut text = format!(
        "# {}: {name}, recorded\n#\n# Source: a call that was answered; protocol: {source}.\n\
         # Ids, addresses, accounts and messages are stand-ins. Key (fake): {KEY}.\n\
         # It is 2026-01-31T04:00:00Z.\n\n\nGET /spi/recorded?{} HTTP/1.1\n",
        card.name, sent.query
    );
    for (name, value) in &sent.headers {
        let _ = writeln!(text, "{name}: {value}");
    }
    let _ = write!(
        text,
        "\nHTTP/1.1 {}\nContent-Type: {}\n\n{body}\n",
        reply.status, reply.content_type
    );
    let reads = Recorded::parse(&text).map(|recorded| recorded.reads(dialect, listing));
    let reads = reads.ok_or_else(|| Fault::bug("a fixture that was written cannot be read"))?;
    if let (Err(fault), true) = (
        &reads.call,
        reads.call.as_ref().err().map(|f| f.code) != code,
    ) {
        let message = format!("with stand-ins it is refused with {}", fault.code);
        return Err(unfit(&message));
    }
    let _ = write!(
        text,
        "\nreads as: {}\nheard as: {}\n",
        reads.read_as(),
        reads.heard_as()
    );
    match stand_ins.found_in(&text) {
        true => Err(unfit(
            "a value that should be replaced stands somewhere else too",
        )),
        false => Ok(text),
    }
}

/// Whether the fixture `text` of `dialect` still reads and is heard as it says; the error is what is
/// different.
///
/// # Errors
/// Where it is not.
pub fn check(dialect: &dyn Dialect, text: &str, listing: &Listing) -> Result<(), String> {
    let recorded = Recorded::parse(text).ok_or("it is not a recorded fixture")?;
    let reads = recorded.reads(dialect, listing);
    for (name, is) in [
        ("reads as", reads.read_as()),
        ("heard as", reads.heard_as().to_owned()),
    ] {
        let wanted = format!("{name}: {is}");
        if !text.lines().any(|line| line == wanted) {
            return Err(format!("it should say {wanted:?}"));
        }
    }
    Ok(())
}

/// A fixture, taken apart.
struct Recorded<'t> {
    query: &'t str,
    headers: Vec<(&'t str, &'t [u8])>,
    reply: Reply,
}

impl<'t> Recorded<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let mut lines = text.lines();
        let first = lines.find(|line| line.starts_with("GET "))?;
        let (_, query) = first.strip_suffix(" HTTP/1.1")?.split_once('?')?;
        let headers = lines.by_ref().take_while(|line| !line.is_empty());
        let headers = headers.map(|line| line.split_once(": "));
        let headers: Option<Vec<_>> = headers.collect();
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.parse().ok()?;
        let content_type = lines.next()?.strip_prefix("Content-Type: ")?.to_owned();
        let body = lines.nth(1)?;
        let headers = headers?.into_iter();
        Some(Self {
            query,
            headers: headers.map(|(n, v)| (n, v.as_bytes())).collect(),
            reply: Reply {
                status,
                content_type,
                retry_after_s: None,
                headers: Vec::new(),
                body: body.as_bytes().to_vec(),
            },
        })
    }

    fn reads(&self, dialect: &dyn Dialect, listing: &Listing) -> Reads {
        let request = Request {
            method: "GET",
            path: "/spi/recorded",
            query: self.query,
            headers: &self.headers,
            body: b"",
        };
        let faces = dialect.faces();
        let no_face = || Fault::bug("the dialect has no such face");
        let listen = faces.listen.ok_or_else(no_face);
        let call = listen.and_then(|listen| listen.read(&request, listing, NOON));
        let is_success = match (&call, faces.ask) {
            (Ok(call), Some(ask)) => ask.hear(call, &self.reply).is_ok(),
            (Ok(_) | Err(_), _) => false,
        };
        Reads { call, is_success }
    }
}

/// What a fixture comes to.
struct Reads {
    call: Result<Call, Fault>,
    is_success: bool,
}

impl Reads {
    fn read_as(&self) -> String {
        match &self.call {
            Ok(call) => call.intent.name().to_owned(),
            Err(fault) => format!("a fault, {}", fault.code),
        }
    }

    fn heard_as(&self) -> &'static str {
        if self.is_success {
            "success"
        } else {
            "a refusal"
        }
    }
}

/// The stand-ins of one exchange.
#[derive(Default)]
struct StandIns(BTreeMap<String, String>);

impl StandIns {
    /// What stands for `value`: an id keeps its prefix and its length, an
    /// address stays an address, anything else becomes a word.
    fn of(&mut self, value: &str) -> String {
        if value.is_empty() {
            return String::new();
        }
        let n = self.0.len() + 1;
        let made = || {
            if value.starts_with("http://") || value.starts_with("https://") {
                return format!("https://saas.example/{n}");
            }
            let prefix = value.split_once('-').map(|(prefix, _)| prefix);
            match prefix.filter(|prefix| KEPT_PREFIXES.contains(prefix)) {
                Some(prefix) => {
                    let width = value.len().saturating_sub(prefix.len() + 1).min(64);
                    format!("{prefix}-{n:0width$}")
                }
                None => format!("sample{n}"),
            }
        };
        self.0.entry(value.to_owned()).or_insert_with(made).clone()
    }

    /// The same for a parameter, which may be an object in base64.
    fn of_parameter(&mut self, value: &str) -> String {
        let object = coded::decode("", value).ok();
        let object = object.and_then(|text| serde_json::from_str::<Value>(&text).ok());
        match object.filter(Value::is_object) {
            Some(mut object) => {
                self.put_into(&mut object);
                coded::encode(&object.to_string())
            }
            None => self.of(value),
        }
    }

    /// For every text below `value` that is not kept. Numbers, yes and no stay.
    fn put_into(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.of(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.put_into(value)),
            Value::Object(members) => {
                let told = members
                    .iter_mut()
                    .filter(|(name, _)| !KEPT_IN_ANSWERS.contains(&name.as_str()));
                told.for_each(|(_, value)| self.put_into(value));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Whether a value that has a stand-in stands in `text`, as it is or encoded.
    fn found_in(&self, text: &str) -> bool {
        let told = self
            .0
            .iter()
            .filter(|(value, stand_in)| value.len() >= FOUND_FROM_BYTES && value != stand_in);
        let mut told = told.map(|(value, _)| value);
        told.any(|value| {
            text.contains(value.as_str())
                || text.contains(&encode(value))
                || text.contains(coded::encode(value).trim_end_matches('='))
        })
    }
}
