//! One exchange that really happened, as a fixture: nobody's data, a fixed key, a fixed clock.
//!
//! Whatever a value may tell of a buyer, an order, an instance or a host is replaced by a stand-in of
//! its shape, the same one wherever it stands, in the request as in the answer. Only what is named is
//! kept: [`Ask::telling`](crate::Ask::telling) of the request, [`KEPT_IN_ANSWERS`] of the answer.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use secrecy::SecretString;
use serde_json::Value;
use turnkey_core::{Account, Call, Fault, FaultKind, Listing, Payment, Storefront, UtcMillis};

use crate::query::{Query, encode};
use crate::{Dialect, Faces, Reply, Request, Resigner, Telling, coded};

/// When a recorded fixture is read: noon of 2026-01-31 in Shanghai.
pub const NOON: UtcMillis = UtcMillis(1_769_832_000_000);

/// The key that signs every recorded fixture.
pub const KEY: &str = "fixture-prod-key";

/// Further from noon than any window is open.
const HOUR_MS: i64 = 3_600_000;

/// Members of an answer whose texts tell nothing of anybody.
const KEPT_IN_ANSWERS: [&str; 1] = ["spiVersion"];

/// What the marketplaces' ids and ours begin with: it tells of nobody.
const KEPT_PREFIXES: [&str; 11] = [
    "app", "appor", "b", "i", "mord", "o", "p", "prod", "subnet", "usr", "vpc",
];

/// Whose key signs where an access key is named.
pub const ACCESS_KEY: &str = "fixture-ak";

/// The server of a storefront's fixture.
const HOST: &str = "cloud.example";

/// Longest number that is kept, in digits: a count, a page, a status. A longer one may be a telephone's.
const NUMBER_DIGITS_MAX: usize = 6;

/// Longest name of a parameter or a member.
const NAME_BYTES_MAX: usize = 60;

/// Shorter values are looked for nowhere: they stand everywhere.
const FOUND_FROM_BYTES: usize = 4;

/// The fault of what cannot become a fixture.
fn unfit(why: &str) -> Fault {
    Fault::new(FaultKind::Unsupported, "fixture_unfit", why)
}

fn is_named(names: &str, name: &str) -> bool {
    names.split(' ').any(|known| known == name)
}

/// What a storefront's `request` is called: its method and the words of its path that tell of nobody.
#[must_use]
pub fn route_name(dialect: &dyn Dialect, method: &str, path: &str) -> String {
    let pieces = path.split(['/', ':']).flat_map(|part| part.split("%3A"));
    let path = dialect.faces().ask.map_or("", |ask| ask.telling().path);
    // Every operation has these.
    let words = pieces.filter(|piece| is_named(path, piece) && !["v1", "regions"].contains(piece));
    let words = std::iter::once(method).chain(words);
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
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
    let Faces { ask: Some(ask), .. } = dialect.faces() else {
        return Err(unfit("its requests cannot be signed anew"));
    };
    let mut stand_ins = StandIns {
        telling: ask.telling(),
        is_storefront: card.root.is_some(),
        made: BTreeMap::new(),
    };
    let (mut set, unnamed) = match card.root {
        Some(_) => (Vec::new(), stand_ins.of_storefront(request)?),
        None => (stand_ins.of_query(request)?, Told::of(request)),
    };
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
        access_key: card.root.map(|_| ACCESS_KEY),
        host: HOST,
    };
    let headers = unnamed.headers.iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.as_str(), value.as_slice()))
        .collect();
    let unsigned = Request {
        method: &unnamed.method,
        path: &unnamed.path,
        query: &unnamed.query,
        headers: &headers,
        body: &unnamed.body,
    };
    let sent = ask.resign(&unsigned, &by, &set, at)?;
    let mut body: Value = serde_json::from_slice(&reply.body)
        .map_err(|_| unfit("an answer that is no JSON cannot be recorded"))?;
    stand_ins.put_into(&mut body)?;
    let source = card.source;
    let mut text = format!(
        "# {}: {name}, recorded\n#\n# Source: a call that was answered; protocol: {source}.\n\
         # Ids, addresses, accounts and messages are stand-ins. Key (fake): {KEY}.\n\
         # It is 2026-01-31T04:00:00Z.\n\n\n",
        card.name
    );
    let path = match card.root {
        Some(_) => sent.path.as_str(),
        None => RECORDED_PATH,
    };
    let query = match sent.query.as_str() {
        "" => String::new(),
        query => format!("?{query}"),
    };
    let _ = writeln!(text, "{} {path}{query} HTTP/1.1", sent.method);
    for (name, value) in &sent.headers {
        let _ = writeln!(text, "{name}: {value}");
    }
    if !sent.body.is_empty() {
        let _ = writeln!(text, "\n{}", String::from_utf8_lossy(&sent.body));
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
    if code.is_none() && reads.call.is_ok() && !reads.is_success {
        return Err(unfit("with stand-ins its answer is heard as a refusal"));
    }
    let _ = write!(
        text,
        "\nreads as: {}\nheard as: {}\n",
        reads.read_as(),
        reads.heard_as()
    );
    // What stands before it is ours.
    let told = text.split_once("\n\n\n").map_or("", |(_, told)| told);
    match stand_ins.found_in(told) {
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

/// Where a marketplace's fixture was sent.
const RECORDED_PATH: &str = "/spi/recorded";

/// A fixture, taken apart.
struct Recorded<'t> {
    method: &'t str,
    path: &'t str,
    query: &'t str,
    headers: Vec<(&'t str, &'t [u8])>,
    body: &'t [u8],
    reply: Reply,
}

impl<'t> Recorded<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let mut lines = text.lines();
        let first = lines.find(|line| line.ends_with(" HTTP/1.1"))?;
        let (method, target) = first.strip_suffix(" HTTP/1.1")?.split_once(' ')?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = lines.by_ref().take_while(|line| !line.is_empty());
        let headers = headers.map(|line| line.split_once(": "));
        let headers: Option<Vec<_>> = headers.collect();
        let mut next = lines.next()?;
        let mut sent = "";
        if !next.starts_with("HTTP/1.1 ") {
            sent = next;
            next = lines.nth(1)?;
        }
        let status = next.strip_prefix("HTTP/1.1 ")?.parse().ok()?;
        let content_type = lines.next()?.strip_prefix("Content-Type: ")?.to_owned();
        let body = lines.nth(1)?;
        let headers = headers?.into_iter();
        Some(Self {
            method,
            path,
            query,
            body: sent.as_bytes(),
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
            method: self.method,
            path: self.path,
            query: self.query,
            headers: &self.headers,
            body: self.body,
        };
        let own = dialect.card().root.map(|_| self.storefront(listing));
        let listing = own.as_ref().unwrap_or(listing);
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

    /// `listing` as the storefront that the fixture was sent to: with its account, its region and its
    /// zone.
    fn storefront(&self, listing: &Listing) -> Listing {
        let account = Account {
            name: "fixture".to_owned(),
            access_key: ACCESS_KEY.to_owned(),
            secrets: vec![SecretString::from(KEY).into()],
            is_enabled: true,
        };
        let region = self.path.split('/').skip_while(|part| *part != "regions");
        let region = region.skip(1).take(1).map(str::to_owned);
        let body: Value = serde_json::from_slice(self.body).unwrap_or_default();
        let zone = body.pointer("/instanceSpec/az").and_then(Value::as_str);
        let zones: Vec<_> = zone.map(str::to_owned).into_iter().collect();
        Listing {
            storefront: Some(Storefront {
                accounts: [account].into_iter().collect(),
                regions: region.map(|region| (region, zones.clone())).collect(),
                payment: Payment::Trusted,
                unpaid_after_ms: 0,
            }),
            ..listing.clone()
        }
    }
}

/// A request in which nobody is named, not yet signed.
struct Told {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Told {
    fn of(request: &Request<'_>) -> Self {
        let headers = request.headers.iter();
        Self {
            method: request.method.to_owned(),
            path: request.path.to_owned(),
            query: request.query.to_owned(),
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
                .collect(),
            body: request.body.to_vec(),
        }
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
struct StandIns {
    telling: &'static Telling,
    is_storefront: bool,
    /// By what they stand for.
    made: BTreeMap<String, String>,
}

impl StandIns {
    /// What stands for `value`: an id keeps its prefix and its length, an address or a time stays one,
    /// anything else becomes a word.
    fn of(&mut self, value: &str) -> String {
        if value.is_empty() {
            return String::new();
        }
        let n = self.made.len() + 1;
        let made = || {
            if value.starts_with("http://") || value.starts_with("https://") {
                return format!("https://saas.example/{n}");
            }
            if value.parse::<IpAddr>().is_ok() {
                return format!("192.0.2.{}", n % 256);
            }
            if value.parse::<jiff::Timestamp>().is_ok() {
                return format!("2026-02-{:02}T04:00:00Z", n % 28 + 1);
            }
            match id_of(value) {
                Some((prefix, id)) => {
                    let width = id.len().min(64);
                    // One thing may have two names that end alike (jdcloud-bastion §2.1).
                    let twin = self.made.iter().find_map(|(known, stand_in)| {
                        let (_, known) = id_of(known)?;
                        (known == id).then(|| id_of(stand_in).map(|(_, id)| id.to_owned()))?
                    });
                    let id = twin.unwrap_or_else(|| format!("{n:0width$}"));
                    format!("{prefix}-{id}")
                }
                None => format!("sample{n}"),
            }
        };
        let stand_in = self.made.get(value).cloned().unwrap_or_else(made);
        self.made.insert(value.to_owned(), stand_in.clone());
        stand_in
    }

    /// What replaces the parameters of a marketplace's call.
    fn of_query(&mut self, request: &Request<'_>) -> Result<Vec<(String, String)>, Fault> {
        if !request.body.is_empty() {
            return Err(unfit("a marketplace's call has no body"));
        }
        let query = Query::parse(request.query)?;
        let mut set = Vec::new();
        for (name, value) in query.decoded("signature") {
            check_name(name)?;
            if !is_named(self.telling.values, name) {
                set.push((name.to_owned(), self.of_parameter(value)));
            }
        }
        Ok(set)
    }

    /// A storefront's call, of which the path, the query and the body may name somebody. Of its headers
    /// stays what decides who signed what.
    fn of_storefront(&mut self, request: &Request<'_>) -> Result<Told, Fault> {
        let mut told = Told::of(request);
        told.path = self.of_path(request.path);
        let pieces = request.query.split('&').filter(|piece| !piece.is_empty());
        let pieces: Result<Vec<_>, Fault> = pieces.map(|piece| self.of_piece(piece)).collect();
        told.query = pieces?.join("&");
        if !request.body.is_empty() {
            let mut body: Value = serde_json::from_slice(request.body)
                .map_err(|_| unfit("a body that is no JSON cannot be recorded"))?;
            self.put_into(&mut body)?;
            told.body = body.to_string().into_bytes();
        }
        for (name, value) in &mut told.headers {
            if name.ends_with("-token") {
                *value = self.of(&String::from_utf8_lossy(value)).into_bytes();
            }
        }
        Ok(told)
    }

    /// `path` with its ids replaced: all but the words of the protocol, and the name of a region.
    fn of_path(&mut self, path: &str) -> String {
        let mut is_region = false;
        let parts: Vec<_> = path
            .split('/')
            .map(|part| {
                let decoded = percent_encoding::percent_decode_str(part).decode_utf8_lossy();
                // Node leaves what it calls the id where the id should be (jdcloud-bastion §3.2).
                let is_kept = is_region || decoded.starts_with('{');
                is_region = part == "regions";
                if is_kept {
                    return part.to_owned();
                }
                let pieces = decoded.split(':').map(|piece| {
                    if piece.is_empty() || is_named(self.telling.path, piece) {
                        piece.to_owned()
                    } else {
                        self.of(piece)
                    }
                });
                pieces.collect::<Vec<_>>().join("%3A")
            })
            .collect();
        parts.join("/")
    }

    /// One parameter of a storefront's query, whose lists are flattened (`filters.1.values.1`).
    fn of_piece(&mut self, piece: &str) -> Result<String, Fault> {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        let (name, value) = (decoded(name)?, decoded(value)?);
        check_name(&name)?;
        let is_index = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
        let last = name.split('.').rfind(|part| !is_index(part));
        let last = last.unwrap_or_default();
        let Telling { values, listed, .. } = self.telling;
        let is_listed = name.contains('.') && is_named(listed, last);
        let is_kept = is_listed || is_named(values, last) || is_small(&value);
        let value = if is_kept { value } else { self.of(&value) };
        Ok(format!("{}={}", encode(&name), encode(&value)))
    }

    /// The same for a parameter, which may be an object in base64.
    fn of_parameter(&mut self, value: &str) -> String {
        let object = coded::decode("", value).ok();
        let object = object.and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let object = object.filter(Value::is_object).and_then(|mut object| {
            self.put_into(&mut object).ok()?;
            Some(coded::encode(&object.to_string()))
        });
        object.unwrap_or_else(|| self.of(value))
    }

    /// For every text below `value` that is not kept, and every number that is no count. Yes and no stay.
    ///
    /// # Errors
    /// `fixture_unfit` where a member's name may be somebody's.
    fn put_into(&mut self, value: &mut Value) -> Result<(), Fault> {
        match value {
            Value::String(text) => *text = self.of(text),
            Value::Number(number) if !is_small(&number.to_string()) => {
                *value = Value::from(self.made.len());
            }
            Value::Array(values) => values
                .iter_mut()
                .try_for_each(|value| self.put_into(value))?,
            Value::Object(members) => {
                for (name, value) in members {
                    check_name(name)?;
                    let is_text = value.is_string() || value.is_number();
                    if !(is_text && self.is_kept(name)) {
                        self.put_into(value)?;
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        Ok(())
    }

    fn is_kept(&self, name: &str) -> bool {
        KEPT_IN_ANSWERS.contains(&name)
            || (self.is_storefront && is_named(self.telling.values, name))
    }

    /// Whether a value that has a stand-in stands in `text`, as it is or encoded.
    fn found_in(&self, text: &str) -> bool {
        let told = self
            .made
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

/// The prefix of an id, and what follows it.
fn id_of(value: &str) -> Option<(&str, &str)> {
    let parts = value.split_once('-');
    parts.filter(|(prefix, _)| KEPT_PREFIXES.contains(prefix))
}

/// Whether `text` is a number that tells of nobody.
fn is_small(text: &str) -> bool {
    text.len() <= NUMBER_DIGITS_MAX && text.parse::<f64>().is_ok()
}

/// That `name` may be a parameter's or a member's, and not what somebody is called.
fn check_name(name: &str) -> Result<(), Fault> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let is_good = name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(is_plain);
    is_good
        .then_some(())
        .ok_or_else(|| unfit("the name of a parameter or of a member may be somebody's"))
}

fn decoded(text: &str) -> Result<String, Fault> {
    crate::query::decode(text)
        .map(std::borrow::Cow::into_owned)
        .map_err(|rule| Fault::malformed("query_malformed", rule.to_string()))
}
