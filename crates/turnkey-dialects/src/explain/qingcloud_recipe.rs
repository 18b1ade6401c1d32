//! How a signer of the `QingCloud` family makes a signature: a pipeline with knobs.

use std::fmt::Write as _;

use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, Engine as _};
use secrecy::{ExposeSecret as _, SecretSlice};
use turnkey_core::UtcMillis;

use super::Case;
use super::digest::{Algorithm, KeyForm, cut, digest, formed};
use super::qingcloud::Family;
use crate::Request;
use crate::jdcloud::hex;
use crate::query::{Parameter, encode};

/// What a value is made of before it is joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Coding {
    /// Form-encoded once.
    #[default]
    Once,
    /// What was encoded is encoded again.
    Twice,
    /// Not at all.
    Never,
    /// As it stands on the wire.
    AsSent,
    /// What is no Latin letter became a `?` first.
    Latin,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    /// By name, byte by byte.
    #[default]
    Name,
    AsSent,
    IgnoringCase,
    Descending,
    /// By value.
    Value,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Joined {
    /// `k=v&k=v`.
    #[default]
    Usual,
    /// `kvkv`.
    Bare,
    /// `vv`.
    Values,
    /// `k=vk=v`.
    NoAmpersand,
    /// A trailing `&`.
    Trailing,
}

/// What stands before the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Prefix {
    /// What the family's form says.
    #[default]
    Own,
    /// `GET\n`.
    Method,
    /// `GET` without a line break.
    MethodBare,
    /// `GET&`.
    MethodAnd,
    /// `GET\n`, the path, a line break: as the house's other API is signed.
    MethodPath,
    /// The path and a `?`.
    Path,
    /// The whole URL and a `?`.
    HttpsUrl,
    HttpUrl,
    Question,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Output {
    #[default]
    Base64,
    Hex,
    HexUpper,
    /// Base64 of the hexadecimal text.
    Base64Hex,
    Base64Url,
    NoPadding,
    /// With the line break of Python's `encodebytes`.
    LineBreak,
}

/// What the way does to the signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Way {
    #[default]
    Plain,
    /// It was not encoded, so that a `+` arrives as a space.
    PlusLost,
    /// It was encoded twice.
    Twice,
    /// Its end was cut off.
    Cut,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Time {
    #[default]
    AsSent,
    /// Another unit or form than is sent: milliseconds, or UNIX seconds.
    Other,
    /// So many seconds later than is sent, or earlier: the clock was asked twice.
    Off(i64),
}

/// Where the key is signed, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum KeyIn {
    #[default]
    Nowhere,
    /// Behind a `&key=` at the end.
    Parameter,
    Behind,
    InFront,
}

/// One signer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a knob of its own")]
pub(super) struct Recipe {
    /// The place of the key among the candidates.
    pub(super) key: usize,
    /// The place of the form among the family's prefixes.
    pub(super) form: usize,
    pub(super) space_percent20: bool,
    pub(super) star_kept: bool,
    pub(super) tilde_escaped: bool,
    pub(super) slash_kept: bool,
    pub(super) marks_kept: bool,
    pub(super) hex_lower: bool,
    pub(super) coding: Coding,
    pub(super) order: Order,
    pub(super) with_signature: bool,
    pub(super) without_empty: bool,
    pub(super) without_debug: bool,
    pub(super) without_action: bool,
    pub(super) without_time: bool,
    pub(super) without_undocumented: bool,
    pub(super) trimmed: bool,
    pub(super) plus_reencoded: bool,
    pub(super) plain_names: bool,
    pub(super) time: Time,
    pub(super) joined: Joined,
    pub(super) prefix: Prefix,
    pub(super) lower_case: bool,
    pub(super) line_break: bool,
    pub(super) key_in: KeyIn,
    pub(super) key_form: KeyForm,
    pub(super) algorithm: Algorithm,
    pub(super) output: Output,
    pub(super) way: Way,
}

impl Recipe {
    /// The text that this signer signs, without any of the key.
    pub(super) fn message(
        &self,
        family: &Family,
        request: &Request<'_>,
        parameters: &[Parameter<'_>],
    ) -> String {
        let mut kept: Vec<_> = parameters
            .iter()
            .filter(|p| self.keeps(family, p))
            .collect();
        match self.order {
            Order::Name => kept.sort_by(|a, b| a.name.cmp(&b.name)),
            Order::AsSent => {}
            Order::IgnoringCase => kept.sort_by_key(|p| p.name.to_lowercase()),
            Order::Descending => kept.sort_by(|a, b| b.name.cmp(&a.name)),
            Order::Value => kept.sort_by(|a, b| a.value.cmp(&b.value)),
        }
        let (assign, between) = match self.joined {
            Joined::Usual | Joined::Trailing => ("=", "&"),
            Joined::Bare | Joined::Values => ("", ""),
            Joined::NoAmpersand => ("=", ""),
        };
        let spelt = kept
            .into_iter()
            .map(|p| self.pair(family, p, assign))
            .collect::<Vec<_>>();
        let mut message = self.before(family, request);
        message.push_str(&spelt.join(between));
        if self.joined == Joined::Trailing {
            message.push('&');
        }
        if self.lower_case {
            message = message.to_lowercase();
        }
        if self.line_break {
            message.push('\n');
        }
        if self.key_in == KeyIn::Parameter {
            message.push_str("&key=");
        }
        message
    }

    fn before(&self, family: &Family, request: &Request<'_>) -> String {
        let path = request.path;
        let host = || request.header("host").unwrap_or_default();
        let own = family.prefixes.get(self.form).copied().unwrap_or_default();
        match self.prefix {
            Prefix::Own => own.to_owned(),
            Prefix::Method => "GET\n".to_owned(),
            Prefix::MethodBare => "GET".to_owned(),
            Prefix::MethodAnd => "GET&".to_owned(),
            Prefix::MethodPath => format!("GET\n{path}\n"),
            Prefix::Path => format!("{path}?"),
            Prefix::HttpsUrl => format!("https://{}{path}?", host()),
            Prefix::HttpUrl => format!("http://{}{path}?", host()),
            Prefix::Question => "?".to_owned(),
        }
    }

    fn keeps(&self, family: &Family, p: &Parameter<'_>) -> bool {
        let name = p.name.as_ref();
        let left_out = (name == "signature" && !self.with_signature)
            || (self.without_empty && p.value.is_empty() && name != "signature")
            || (self.without_debug && name == "debug")
            || (self.without_action && name == "action")
            || (self.without_time && name == family.time)
            || (self.without_undocumented
                && name != "signature"
                && !family.documented.contains(&name));
        !left_out
    }

    fn pair(&self, family: &Family, p: &Parameter<'_>, assign: &str) -> String {
        if name_is_signature(p) {
            // Its value is not known while it is signed.
            return format!("signature{assign}");
        }
        if self.coding == Coding::AsSent {
            return match self.joined {
                Joined::Values => p.raw.split_once('=').map_or("", |(_, v)| v).to_owned(),
                Joined::Usual | Joined::Bare | Joined::NoAmpersand | Joined::Trailing => {
                    p.raw.replacen('=', assign, 1)
                }
            };
        }
        let value = self.spelt(&self.value(family, p));
        match self.joined {
            Joined::Values => value,
            Joined::Usual | Joined::Bare | Joined::NoAmpersand | Joined::Trailing => {
                format!("{}{assign}{value}", self.spelt(&p.name))
            }
        }
    }

    fn value(&self, family: &Family, p: &Parameter<'_>) -> String {
        let mut value = p.value.clone().into_owned();
        if self.plain_names && family.base64.contains(&p.name.as_ref()) {
            let bytes = BASE64_STANDARD.decode(&value).unwrap_or_default();
            value = String::from_utf8(bytes).unwrap_or(value);
        }
        if p.name == family.time {
            let other = match self.time {
                Time::AsSent => None,
                Time::Other => (family.other_time)(&value),
                Time::Off(s) => {
                    let at = (family.parse_time)(&value).ok();
                    let at = at.and_then(|at| at.0.checked_add(1000 * s));
                    at.and_then(|at| (family.spell_time)(UtcMillis(at)))
                }
            };
            value = other.unwrap_or(value);
        }
        if self.plus_reencoded {
            value = value.replace('+', " ");
        }
        if self.trimmed {
            value = value.trim().to_owned();
        }
        value
    }

    fn spelt(&self, text: &str) -> String {
        match self.coding {
            Coding::Never | Coding::AsSent => text.to_owned(),
            Coding::Once => self.encoded(text),
            Coding::Twice => self.encoded(&self.encoded(text)),
            Coding::Latin => {
                let latin = text.chars().map(|c| if c.is_ascii() { c } else { '?' });
                self.encoded(&latin.collect::<String>())
            }
        }
    }

    fn encoded(&self, text: &str) -> String {
        let mut coded = encode(text);
        if self.space_percent20 {
            coded = coded.replace('+', "%20");
        }
        if self.tilde_escaped {
            coded = coded.replace('~', "%7E");
        }
        if self.star_kept || self.marks_kept {
            coded = coded.replace("%2A", "*");
        }
        if self.slash_kept {
            coded = coded.replace("%2F", "/");
        }
        if self.marks_kept {
            for (escape, mark) in [("%21", "!"), ("%27", "'"), ("%28", "("), ("%29", ")")] {
                coded = coded.replace(escape, mark);
            }
        }
        if self.hex_lower {
            coded = with_lower_hex(&coded);
        }
        coded
    }

    /// The value that this signer's signature arrives as; `None` where its key cannot be that.
    pub(super) fn signature(
        &self,
        family: &Family,
        request: &Request<'_>,
        parameters: &[Parameter<'_>],
        case: &Case<'_>,
    ) -> Option<String> {
        let candidate = case.keys.get(self.key)?;
        let key = formed(candidate.secret, self.key_form)?;
        let mut message = self.message(family, request, parameters).into_bytes();
        match self.key_in {
            KeyIn::Nowhere => {}
            KeyIn::Parameter | KeyIn::Behind => message.extend_from_slice(key.expose_secret()),
            KeyIn::InFront => message = [key.expose_secret(), &message].concat(),
        }
        let message = SecretSlice::from(message);
        let bytes = digest(self.algorithm, key.expose_secret(), message.expose_secret());
        let text = match self.output {
            Output::Base64 => BASE64_STANDARD.encode(bytes),
            Output::Hex => hex(&bytes),
            Output::HexUpper => hex(&bytes).to_uppercase(),
            Output::Base64Hex => BASE64_STANDARD.encode(hex(&bytes)),
            Output::Base64Url => BASE64_URL_SAFE.encode(bytes),
            Output::NoPadding => BASE64_STANDARD_NO_PAD.encode(bytes),
            Output::LineBreak => format!("{}\n", BASE64_STANDARD.encode(bytes)),
        };
        Some(match self.way {
            Way::Plain => text,
            Way::PlusLost => text.replace('+', " "),
            Way::Twice => encode(&text),
            Way::Cut => {
                let sent = parameters.iter().find(|p| name_is_signature(p));
                let sent = sent.map_or(0, |p| p.value.len());
                return cut(&text, sent);
            }
        })
    }
}

fn name_is_signature(p: &Parameter<'_>) -> bool {
    p.name == "signature"
}

/// The two digits behind each `%` in lower case.
pub(super) fn with_lower_hex(coded: &str) -> String {
    let mut parts = coded.split('%');
    let mut lower = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_at_checked(2) {
            Some((digits, rest)) => {
                let _ = write!(lower, "%{}{rest}", digits.to_ascii_lowercase());
            }
            None => {
                let _ = write!(lower, "%{part}");
            }
        }
    }
    lower
}
