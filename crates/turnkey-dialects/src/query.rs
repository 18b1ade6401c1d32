//! The query of a request: what stands on the wire, beside what it means.
//!
//! Signatures are made over spellings, decisions over meanings, so both are kept. It is *not* where
//! anything is verified: see [`crate::sign`].

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use turnkey_core::Fault;

use crate::Card;
use crate::text::quoted;

/// What [`encode`] escapes: everything but `A-Z a-z 0-9 - _ . ~` and the space, which becomes `+`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b' ');

/// A query, split and decoded, in the byte order of the parameters' names.
pub struct Query<'a>(Vec<Parameter<'a>>);

/// One parameter.
pub(crate) struct Parameter<'a> {
    /// As it stands on the wire, `=` included where there is one.
    pub(crate) raw: &'a str,
    /// Decoded.
    pub(crate) name: Cow<'a, str>,
    /// Decoded.
    pub(crate) value: Cow<'a, str>,
}

impl<'a> Query<'a> {
    /// Splits a raw query at `&` and `=`, and decodes names and values.
    ///
    /// Nothing between two `&` is no parameter: a notification URL may end in one. Without a `=`
    /// the value is empty.
    ///
    /// # Errors
    /// `query_malformed` when a part is not percent-encoded UTF-8, `parameter_repeated` when a name
    /// stands twice: which of the two counts would be a guess.
    pub fn parse(raw: &'a str) -> Result<Self, Fault> {
        let mut parameters = Parameter::all(raw)?;
        parameters.sort_by(|a, b| a.name.cmp(&b.name));
        let mut neighbours = parameters.iter().zip(parameters.iter().skip(1));
        if let Some((twice, _)) = neighbours.find(|(a, b)| a.name == b.name) {
            let message = format!("parameter {} is given twice", quoted(&twice.name));
            return Err(Fault::malformed("parameter_repeated", message));
        }
        Ok(Self(parameters))
    }

    /// The decoded value of `name`, where it is given.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.binary_search_by(|p| p.name.as_ref().cmp(name));
        self.0.get(found.ok()?).map(|p| p.value.as_ref())
    }

    /// The value of `name`, where it is given and not empty.
    ///
    /// # Errors
    /// `parameter_malformed` when it is longer than `bytes_max`, or when it has a NUL character,
    /// which not every store can keep.
    pub fn optional(&self, name: &str, bytes_max: usize) -> Result<Option<&str>, Fault> {
        let Some(value) = self.get(name).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let broken = |rule: &str| {
            let message = format!("parameter {name:?} {rule}");
            Err(Fault::malformed("parameter_malformed", message))
        };
        if value.len() > bytes_max {
            return broken(&format!("is longer than {bytes_max} bytes"));
        }
        if value.contains('\0') {
            return broken("has a NUL character");
        }
        Ok(Some(value))
    }

    /// The value of `name`, which must be given and not empty.
    ///
    /// # Errors
    /// `parameter_missing`, and as [`Query::optional`].
    pub fn required(&self, name: &str, bytes_max: usize) -> Result<&str, Fault> {
        self.optional(name, bytes_max)?.ok_or_else(|| {
            let message = format!("parameter {name:?} is missing");
            Fault::malformed("parameter_missing", message)
        })
    }

    /// The parameters but `without`, decoded, sorted by name.
    pub(crate) fn decoded(&self, without: &str) -> impl Iterator<Item = (&str, &str)> {
        let kept = self.0.iter().filter(move |p| p.name != without);
        kept.map(|p| (p.name.as_ref(), p.value.as_ref()))
    }

    /// The parameters but `without`, exactly as they stand on the wire, sorted by name.
    #[must_use]
    pub fn as_received(&self, without: &str) -> String {
        self.joined(without, |p| Cow::Borrowed(p.raw))
    }

    /// The parameters but `without`, form-encoded anew, sorted by name.
    #[must_use]
    pub fn canonical(&self, without: &str) -> String {
        self.joined(without, |p| Cow::Owned(pair(&p.name, &p.value)))
    }

    fn joined(&self, without: &str, spell: impl Fn(&Parameter<'a>) -> Cow<'a, str>) -> String {
        let kept = self.0.iter().filter(|p| p.name != without);
        kept.map(spell).collect::<Vec<_>>().join("&")
    }
}

/// The segments of `raw` but the signature, exactly as they stand, sorted by name: of a query that
/// nobody can parse.
#[must_use]
pub fn as_spelt(raw: &str) -> String {
    let name = |segment: &&str| segment.split('=').next().unwrap_or_default().to_owned();
    let segments = raw.split('&').filter(|segment| !segment.is_empty());
    let mut segments: Vec<_> = segments
        .filter(|segment| name(segment) != "signature")
        .collect();
    segments.sort_by_key(name);
    segments.join("&")
}

impl<'a> Parameter<'a> {
    /// The parameters of a raw query, in the order in which they stand.
    ///
    /// # Errors
    /// `query_malformed`.
    pub(crate) fn all(raw: &'a str) -> Result<Vec<Self>, Fault> {
        let segments = raw.split('&').filter(|segment| !segment.is_empty());
        segments.map(Self::parse).collect()
    }

    fn parse(raw: &'a str) -> Result<Self, Fault> {
        let (name, value) = raw.split_once('=').unwrap_or((raw, ""));
        let part = |text: &'a str| {
            decode(text).map_err(|rule| {
                let message = format!("parameter {}: {rule}", quoted(name));
                Fault::malformed("query_malformed", message)
            })
        };
        Ok(Self {
            raw,
            name: part(name)?,
            value: part(value)?,
        })
    }
}

/// The parameters of a request that we make, in the order in which they are sent.
#[derive(Default)]
pub(crate) struct Parameters(Vec<(String, Option<String>)>);

impl Parameters {
    /// Adds a parameter; `None` when the call has no value for it, so that somebody else must.
    pub(crate) fn put(&mut self, name: &str, value: Option<&str>) {
        self.0.push((name.to_owned(), value.map(str::to_owned)));
    }

    /// The unsigned query: `own_query` as it stands, then the parameters, each replaced by what
    /// `extra` says of it, then the rest of `extra`.
    ///
    /// # Errors
    /// `intent_unsupported`, naming a parameter that is still without a value.
    pub(crate) fn spelt(
        mut self,
        own_query: &str,
        extra: &[(String, String)],
        card: &Card,
    ) -> Result<String, Fault> {
        for (name, value) in extra {
            match self.0.iter_mut().find(|(known, _)| known == name) {
                Some((_, replaced)) => *replaced = Some(value.clone()),
                None => self.put(name, Some(value)),
            }
        }
        let mut query = own_query.to_owned();
        for (name, value) in self.0 {
            let value = value.ok_or_else(|| {
                card.unsupported(&format!("a call without {name} cannot be put in its words"))
            })?;
            append(&mut query, &name, &value);
        }
        Ok(query)
    }
}

/// Adds one more parameter to `query`.
pub(crate) fn append(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.push_str(&pair(name, value));
}

/// `name=value`, form-encoded.
#[must_use]
pub fn pair(name: &str, value: &str) -> String {
    format!("{}={}", encode(name), encode(value))
}

/// Form-encodes: upper-case hexadecimal, a space as `+`, `A-Z a-z 0-9 - _ . ~` as they are.
#[must_use]
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED)
        .to_string()
        .replace(' ', "+")
}

/// Undoes [`encode`], whatever the sender escaped; the error is the rule that was broken.
pub(crate) fn decode(text: &str) -> Result<Cow<'_, str>, &'static str> {
    let is_escape = |behind: &str| match behind.as_bytes() {
        [high, low, ..] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
        [] | [_] => false,
    };
    if !text.split('%').skip(1).all(is_escape) {
        return Err("% must be followed by two hexadecimal digits");
    }
    let not_utf8 = "must be UTF-8";
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        let decoded = percent_decode_str(&spaced).decode_utf8();
        return decoded
            .map(|text| Cow::Owned(text.into_owned()))
            .map_err(|_| not_utf8);
    }
    percent_decode_str(text).decode_utf8().map_err(|_| not_utf8)
}
