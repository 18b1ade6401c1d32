//! How a signer of JD Cloud's `OpenAPI` makes a signature: a pipeline with knobs (openapi sheet §6).

use base64::prelude::{BASE64_STANDARD, Engine as _};
use secrecy::{ExposeSecret as _, SecretSlice};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Case;
use super::digest::{Algorithm, KeyForm, cut, digest, formed};
use super::qingcloud_recipe::with_lower_hex;
use super::spelling::{ascii, spaced, title};
use crate::Request;
use crate::jdcloud::{Version, canonical_query, canonical_uri, hex};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Path {
    #[default]
    Canonical,
    /// As it stands on the wire.
    AsSent,
    /// Decoded, and not encoded again.
    Decoded,
    /// Encoded twice.
    Twice,
    /// With the query behind it.
    WithQuery,
    /// With a slash at the end.
    Slash,
    /// The whole URL in its place.
    HttpsUrl,
    HttpUrl,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum QueryForm {
    #[default]
    Canonical,
    AsSent,
    Unsorted,
    Decoded,
    Twice,
    /// A space is a `+`.
    Plus,
    LeftOut,
    LowerHex,
    EmptyLeftOut,
    BareLeftOut,
    /// A space was a `+`, and something on the way made that `%2B`.
    PlusReencoded,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Host {
    #[default]
    AsSent,
    WithoutPort,
    Http,
    Https,
    /// The house's own.
    Official,
    Local,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Names {
    #[default]
    Lower,
    /// As HTTP libraries write them: `Content-Type`.
    Title,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Body {
    #[default]
    AsSent,
    /// As if there were none.
    Empty,
    /// The digest is left out.
    NoDigest,
    /// The words `UNSIGNED-PAYLOAD` in the digest's place.
    Unsigned,
    /// What `x-jdcloud-content-sha256` says.
    Stated,
    /// The body itself in the digest's place.
    Raw,
    /// JSON without spaces.
    Compact,
    /// JSON with `, ` and `: `, as Python writes it.
    Spaced,
    /// The same with everything but ASCII escaped.
    SpacedAscii,
    /// Compact, with everything but ASCII escaped.
    CompactAscii,
    /// JSON in indented lines.
    Pretty,
    /// Compact, members by name.
    Sorted,
    /// Compact, `/` as `\/`, as PHP writes it.
    Slashes,
    /// With a line break at the end.
    LineBreak,
    Trimmed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Text {
    #[default]
    Hex,
    HexUpper,
    Base64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Prefix {
    #[default]
    Own,
    None,
    Other,
    Aws,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Derived {
    #[default]
    Usual,
    /// The secret signs by itself.
    Secret,
    RegionServiceSwapped,
    /// Each step's result goes on as hexadecimal text.
    HexBetween,
    WithoutTerminator,
    /// The date with the time, not the day.
    WholeDate,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Region {
    #[default]
    Scope,
    Path,
    None,
    North1,
    East1,
    East2,
    South1,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ScopeForm {
    #[default]
    Usual,
    WithAccessKey,
    WithoutTerminator,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Words {
    #[default]
    Own,
    Other,
}

/// A header that is listed as signed and was not there when it was signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Missing {
    #[default]
    None,
    Named(&'static str),
}

/// One signer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a knob of its own")]
pub(super) struct Recipe {
    pub(super) key: usize,
    pub(super) method_lower: bool,
    pub(super) path: Path,
    pub(super) query: QueryForm,
    pub(super) host: Host,
    pub(super) names: Names,
    pub(super) charset: bool,
    pub(super) headers_as_listed: bool,
    pub(super) blanks_collapsed: bool,
    pub(super) spaced_headers: bool,
    pub(super) missing: Missing,
    pub(super) no_empty_line: bool,
    pub(super) no_list: bool,
    pub(super) body: Body,
    pub(super) body_text: Text,
    pub(super) not_digested: bool,
    pub(super) canonical_alone: bool,
    pub(super) canonical_upper: bool,
    pub(super) algorithm_line: Words,
    pub(super) no_algorithm_line: bool,
    pub(super) no_date_line: bool,
    pub(super) terminator: Words,
    pub(super) scope: ScopeForm,
    pub(super) day_of_date: bool,
    pub(super) region: Region,
    pub(super) official_service: bool,
    pub(super) line_break: bool,
    pub(super) key_form: KeyForm,
    pub(super) prefix: Prefix,
    pub(super) derived: Derived,
    pub(super) algorithm: Algorithm,
    pub(super) output: Text,
    /// The end of the signature was cut off.
    pub(super) cut: bool,
}

/// What the header `Authorization` says, read as kindly as can be.
#[derive(Clone, Debug)]
pub(super) struct Stated<'r> {
    pub(super) version: Version,
    pub(super) access_key: &'r str,
    pub(super) day: &'r str,
    pub(super) region: &'r str,
    pub(super) service: &'r str,
    /// The signed headers as they are listed.
    pub(super) names: Vec<String>,
    pub(super) signature: &'r str,
    pub(super) date: &'r str,
}

impl<'r> Stated<'r> {
    /// `None` where there is no such header.
    pub(super) fn of(request: &Request<'r>) -> Option<Self> {
        let value = |name: &str| {
            let mut headers = request.headers.iter();
            let (_, value) = headers.find(|(known, _)| *known == name)?;
            std::str::from_utf8(value).ok().map(str::trim)
        };
        let (algorithm, rest) = value("authorization")?.split_once(' ')?;
        let part = |name: &str| {
            let mut parts = rest.split(',').map(str::trim);
            parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
        };
        let mut scope = part("Credential").unwrap_or_default().split('/');
        let mut next = || scope.next().unwrap_or_default();
        let (access_key, day, region, service) = (next(), next(), next(), next());
        let is_v3 = algorithm.starts_with("JDCLOUD3");
        let names = part("SignedHeaders").unwrap_or_default().split(';');
        Some(Self {
            version: if is_v3 { Version::V3 } else { Version::V2 },
            access_key,
            day,
            region,
            service,
            names: names
                .filter(|name| !name.is_empty())
                .map(str::to_ascii_lowercase)
                .collect(),
            signature: part("Signature").unwrap_or_default(),
            date: value("x-jdcloud-date").unwrap_or_default(),
        })
    }
}

fn other(version: Version) -> Version {
    match version {
        Version::V2 => Version::V3,
        Version::V3 => Version::V2,
    }
}

fn words(version: Version, which: Words) -> Version {
    match which {
        Words::Own => version,
        Words::Other => other(version),
    }
}

impl Recipe {
    /// The canonical request that this signer digests.
    pub(super) fn canonical(&self, request: &Request<'_>, stated: &Stated<'_>) -> Option<String> {
        let mut method = request.method.to_ascii_uppercase();
        if self.method_lower {
            method = method.to_ascii_lowercase();
        }
        let mut names = stated.names.clone();
        if !self.headers_as_listed {
            names.sort_unstable();
        }
        if let Missing::Named(missing) = self.missing {
            names.retain(|name| name != missing);
        }
        let titled = |name: &str| match self.names {
            Names::Lower => name.to_owned(),
            Names::Title => title(name),
        };
        let mut text = format!(
            "{method}\n{}\n{}\n",
            self.path(request),
            self.query(request)
        );
        for name in &names {
            let between = if self.spaced_headers { ": " } else { ":" };
            text.push_str(&titled(name));
            text.push_str(between);
            text.push_str(&self.header(request, name)?);
            text.push('\n');
        }
        if !self.no_empty_line {
            text.push('\n');
        }
        if !self.no_list {
            let names: Vec<_> = names.iter().map(|name| titled(name)).collect();
            text.push_str(&names.join(";"));
            text.push('\n');
        }
        text.push_str(&self.body(request)?);
        Some(text)
    }

    fn path(&self, request: &Request<'_>) -> String {
        let decoded = || {
            let bytes: Vec<u8> = percent_encoding::percent_decode_str(request.path).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let host = || request.header("host").unwrap_or_default();
        let canonical = canonical_uri(request.path);
        match self.path {
            Path::Canonical => canonical,
            Path::AsSent => request.path.to_owned(),
            Path::Decoded => decoded(),
            Path::Twice => canonical.replace('%', "%25"),
            Path::WithQuery if request.query.is_empty() => canonical,
            Path::WithQuery => format!("{canonical}?{}", request.query),
            Path::Slash => format!("{canonical}/"),
            Path::HttpsUrl => format!("https://{}{canonical}", host()),
            Path::HttpUrl => format!("http://{}{canonical}", host()),
        }
    }

    fn query(&self, request: &Request<'_>) -> String {
        let canonical = canonical_query(request.query);
        let kept = |keep: &dyn Fn(&str) -> bool| {
            let kept = request.query.split('&').filter(|piece| keep(piece));
            kept.collect::<Vec<_>>().join("&")
        };
        match self.query {
            QueryForm::Canonical => canonical,
            QueryForm::AsSent => request.query.to_owned(),
            QueryForm::Unsorted => {
                let pieces = request.query.split('&').map(canonical_query);
                let pieces: Vec<_> = pieces.filter(|piece| !piece.is_empty()).collect();
                pieces.join("&")
            }
            QueryForm::Decoded => {
                let bytes: Vec<u8> = percent_encoding::percent_decode_str(&canonical).collect();
                String::from_utf8_lossy(&bytes).into_owned()
            }
            QueryForm::Twice => canonical.replace('%', "%25"),
            QueryForm::Plus => canonical.replace("%20", "+"),
            QueryForm::LeftOut => String::new(),
            QueryForm::LowerHex => with_lower_hex(&canonical),
            QueryForm::EmptyLeftOut => {
                canonical_query(&kept(&|piece| piece.contains('=') && !piece.ends_with('=')))
            }
            QueryForm::PlusReencoded => canonical.replace("%2B", "%20"),
            QueryForm::BareLeftOut => canonical_query(&kept(&|piece| piece.contains('='))),
        }
    }

    fn header(&self, request: &Request<'_>, name: &str) -> Option<String> {
        let values = request.headers.iter().filter(|(known, _)| *known == name);
        let values: Vec<_> = values
            .map(|(_, value)| String::from_utf8_lossy(value.trim_ascii()).into_owned())
            .collect();
        if values.is_empty() {
            return None;
        }
        let mut value = values.join(",");
        if self.blanks_collapsed {
            value = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        }
        if name == "host" {
            let bare = value.split(':').next().unwrap_or_default().to_owned();
            value = match self.host {
                Host::AsSent => value,
                Host::WithoutPort => bare,
                Host::Http => format!("{bare}:80"),
                Host::Https => format!("{bare}:443"),
                Host::Official => "bastion.jdcloud-api.com".to_owned(),
                Host::Local => "localhost".to_owned(),
            };
        }
        if name == "content-type" && self.charset {
            value = match value.split_once(';') {
                Some((bare, _)) => bare.to_owned(),
                None => format!("{value}; charset=utf-8"),
            };
        }
        Some(value)
    }

    fn body(&self, request: &Request<'_>) -> Option<String> {
        let json = || serde_json::from_slice::<Value>(request.body).ok();
        let compact = || json().map(|json| json.to_string());
        let bytes = match self.body {
            Body::AsSent => request.body.to_vec(),
            Body::Empty => Vec::new(),
            Body::NoDigest => return Some(String::new()),
            Body::Unsigned => return Some("UNSIGNED-PAYLOAD".to_owned()),
            Body::Stated => {
                let mut headers = request.headers.iter();
                let (_, stated) = headers.find(|(name, _)| *name == "x-jdcloud-content-sha256")?;
                return Some(String::from_utf8_lossy(stated).into_owned());
            }
            Body::Raw => return Some(String::from_utf8_lossy(request.body).into_owned()),
            Body::Compact => compact()?.into_bytes(),
            Body::Spaced => spaced(&json()?).into_bytes(),
            Body::SpacedAscii => ascii(&spaced(&json()?)).into_bytes(),
            Body::CompactAscii => ascii(&compact()?).into_bytes(),
            Body::Pretty => serde_json::to_vec_pretty(&json()?).ok()?,
            Body::Sorted => {
                let mut json = json()?;
                json.sort_all_objects();
                json.to_string().into_bytes()
            }
            Body::Slashes => ascii(&compact()?.replace('/', "\\/")).into_bytes(),
            Body::LineBreak => [request.body, b"\n"].concat(),
            Body::Trimmed => request.body.trim_ascii().to_vec(),
        };
        Some(text(self.body_text, &Sha256::digest(bytes)))
    }

    /// The string to sign.
    fn message(&self, request: &Request<'_>, stated: &Stated<'_>) -> Option<String> {
        let canonical = self.canonical(request, stated)?;
        if self.canonical_alone {
            return Some(canonical);
        }
        let algorithm = words(stated.version, self.algorithm_line).algorithm();
        let terminator = words(stated.version, self.terminator).terminator();
        let (day, region, service) = self.scope_of(request, stated);
        let scope = match self.scope {
            ScopeForm::Usual => format!("{day}/{region}/{service}/{terminator}"),
            ScopeForm::WithAccessKey => {
                let access_key = stated.access_key;
                format!("{access_key}/{day}/{region}/{service}/{terminator}")
            }
            ScopeForm::WithoutTerminator => format!("{day}/{region}/{service}"),
        };
        let digested = if self.not_digested {
            canonical
        } else if self.canonical_upper {
            text(Text::HexUpper, &Sha256::digest(canonical))
        } else {
            text(Text::Hex, &Sha256::digest(canonical))
        };
        let mut lines = Vec::new();
        if !self.no_algorithm_line {
            lines.push(algorithm);
        }
        if !self.no_date_line {
            lines.push(stated.date);
        }
        lines.extend([scope.as_str(), digested.as_str()]);
        let mut message = lines.join("\n");
        if self.line_break {
            message.push('\n');
        }
        Some(message)
    }

    fn scope_of<'a>(
        &self,
        request: &Request<'a>,
        stated: &Stated<'a>,
    ) -> (&'a str, &'a str, &'a str) {
        let day = if self.day_of_date {
            stated.date.get(..8).unwrap_or(stated.date)
        } else {
            stated.day
        };
        let region = match self.region {
            Region::Scope => stated.region,
            Region::Path => {
                let mut segments = request.path.split('/');
                let _ = segments.find(|segment| *segment == "regions");
                segments.next().unwrap_or_default()
            }
            Region::None => "jdcloud-api",
            Region::North1 => "cn-north-1",
            Region::East1 => "cn-east-1",
            Region::East2 => "cn-east-2",
            Region::South1 => "cn-south-1",
        };
        let service = if self.official_service {
            "bastion"
        } else {
            stated.service
        };
        (day, region, service)
    }

    fn signing_key(
        &self,
        request: &Request<'_>,
        stated: &Stated<'_>,
        case: &Case<'_>,
    ) -> Option<SecretSlice<u8>> {
        let candidate = case.keys.get(self.key)?;
        let secret = formed(candidate.secret, self.key_form)?;
        if self.derived == Derived::Secret {
            return Some(secret);
        }
        let prefix = match self.prefix {
            Prefix::Own => stated.version.prefix(),
            Prefix::None => "",
            Prefix::Other => other(stated.version).prefix(),
            Prefix::Aws => "AWS4",
        };
        let mut key: SecretSlice<u8> = [prefix.as_bytes(), secret.expose_secret()].concat().into();
        let (day, region, service) = self.scope_of(request, stated);
        let terminator = words(stated.version, self.terminator).terminator();
        let day = if self.derived == Derived::WholeDate {
            stated.date
        } else {
            day
        };
        let parts = match self.derived {
            Derived::RegionServiceSwapped => vec![day, service, region, terminator],
            Derived::WithoutTerminator => vec![day, region, service],
            Derived::Usual | Derived::Secret | Derived::HexBetween | Derived::WholeDate => {
                vec![day, region, service, terminator]
            }
        };
        for part in parts {
            let next = digest(self.algorithm, key.expose_secret(), part.as_bytes());
            key = if self.derived == Derived::HexBetween {
                hex(&next).into_bytes().into()
            } else {
                next.into()
            };
        }
        Some(key)
    }

    /// The signature that this signer makes; `None` where it cannot make one.
    pub(super) fn signature(
        &self,
        request: &Request<'_>,
        stated: &Stated<'_>,
        case: &Case<'_>,
    ) -> Option<String> {
        let key = self.signing_key(request, stated, case)?;
        let message = self.message(request, stated)?;
        let bytes = digest(self.algorithm, key.expose_secret(), message.as_bytes());
        let signature = text(self.output, &bytes);
        if self.cut {
            return cut(&signature, stated.signature.len());
        }
        Some(signature)
    }
}

fn text(form: Text, bytes: &[u8]) -> String {
    match form {
        Text::Hex => hex(bytes),
        Text::HexUpper => hex(bytes).to_uppercase(),
        Text::Base64 => BASE64_STANDARD.encode(bytes),
    }
}
