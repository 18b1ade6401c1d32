//! Signatures: made, and checked in constant time and within a window of time.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};
use turnkey_core::limits::TEXT_BYTES_MAX;
use turnkey_core::{Fault, Key, Listing, UtcMillis};

use crate::query::{self, Query};
use crate::text::quoted;

/// `base64(HMAC-SHA256(key, message))`.
#[must_use]
pub fn hmac_sha256_base64(key: &SecretString, message: &str) -> String {
    BASE64_STANDARD.encode(hmac_sha256(key, [message]))
}

/// The one of `keys` that makes `signature` of `message`.
///
/// Every key is tried whatever the others say, so the time taken tells nothing about them. An empty
/// key proves nothing, so it fits nothing.
fn fitting<'k>(keys: &'k [Key], message: [&str; 2], signature: &str) -> Option<&'k Key> {
    let received = BASE64_STANDARD.decode(signature).ok()?;
    // Places from 1; 0 is none.
    let mut fitting = 0_u64;
    for (place, key) in (1_u64..).zip(keys) {
        if !key.secret().expose_secret().is_empty() {
            let fits = hmac_sha256(key.secret(), message)
                .as_slice()
                .ct_eq(&received);
            fitting.conditional_assign(&place, fits);
        }
    }
    let place = usize::try_from(fitting).ok()?.checked_sub(1)?;
    keys.get(place)
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn hmac_sha256<const N: usize>(key: &SecretString, message: [&str; N]) -> [u8; 32] {
    let key = key.expose_secret().as_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in message {
        mac.update(part.as_bytes());
    }
    mac.finalize().into_bytes().into()
}

/// Checks that `signature`, where one came, is what one of the listing's keys makes of `query`
/// without it, behind one of `prefixes`; that key is the answer.
///
/// Whoever reads says [`Key::used`] once the signed time is known to be good: a captured call that
/// is sent again proves nothing.
///
/// Senders differ in what they escape, so the pairs are tried exactly as they stand on the wire,
/// then as the documentation encodes them. The un-encoded form is never tried: a value with `&` in
/// it could be taken for two parameters.
///
/// # Errors
/// `signature_missing` or `signature_wrong`.
pub(crate) fn authenticate<'l>(
    query: &Query<'_>,
    signature: Option<&str>,
    prefixes: &[&str],
    listing: &'l Listing,
) -> Result<&'l Key, Fault> {
    let Some(signature) = signature.filter(|text| !text.is_empty()) else {
        let message = "parameter \"signature\" is missing";
        return Err(Fault::unauthentic("signature_missing", message));
    };
    let signs = |message: &str| {
        let mut prefixes = prefixes.iter();
        prefixes.find_map(|prefix| fitting(&listing.keys, [prefix, message], signature))
    };
    let as_received = signs(&query.as_received("signature"));
    if let Some(key) = as_received.or_else(|| signs(&query.canonical("signature"))) {
        return Ok(key);
    }
    let keys = listing.keys.len();
    let note = format!(
        "neither the query as received nor its canonical form fits any of {keys} key(s); \
         `turnkey explain` shows the first difference"
    );
    Err(Fault::unauthentic("signature_wrong", "signature does not match").noted(note))
}

/// Which form signs what we ask: a setting in an `ask`'s `extra`, not a parameter.
const SIGNING: &str = "signing";

/// A way to sign what we ask.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    /// The word for it.
    pub(crate) name: &'static str,
    /// What stands before the parameters.
    pub(crate) prefix: &'static str,
    /// How they are spelt.
    pub(crate) spelling: Spelling,
}

/// Which spelling of the parameters is signed.
#[derive(Clone, Copy)]
pub(crate) enum Spelling {
    /// As documented, however they are sent.
    Canonical,
    /// As they are sent: whoever respells them on the way breaks the signature.
    AsSent,
}

impl Form {
    /// As both QingCloud documentations have it.
    pub(crate) const DOCUMENTED: Self = Self {
        name: "documented",
        prefix: "",
        spelling: Spelling::Canonical,
    };

    /// The same of what is sent, however it is spelt.
    pub(crate) const AS_SENT: Self = Self {
        name: "as-sent",
        spelling: Spelling::AsSent,
        ..Self::DOCUMENTED
    };

    /// The one that `extra` names: `usual`, which needs no name, or one of `others`; and `extra`
    /// without the name.
    ///
    /// # Errors
    /// `signing_unknown`.
    pub(crate) fn named(
        usual: Self,
        others: &[Self],
        extra: &[(String, String)],
    ) -> Result<(Self, Vec<(String, String)>), Fault> {
        let (settings, extra): (Vec<_>, Vec<_>) =
            extra.iter().cloned().partition(|(name, _)| name == SIGNING);
        let Some((_, named)) = settings.last() else {
            return Ok((usual, extra));
        };
        let mut forms = [usual].into_iter().chain(others.iter().copied());
        let form = forms.clone().find(|form| form.name == named);
        let form = form.ok_or_else(|| {
            let names: Vec<_> = forms.by_ref().map(|form| form.name).collect();
            let (named, names) = (quoted(named), names.join(" or "));
            let message = format!("{SIGNING} {named}: must be {names}");
            Fault::malformed("signing_unknown", message)
        })?;
        Ok((form, extra))
    }
}

/// `query` with the signature that the listing's first key makes of it in `form`, and that
/// signature. One that the query has already is kept.
///
/// # Errors
/// As [`Query::parse`], and when the listing has no key.
pub(crate) fn signed(
    query: String,
    form: Form,
    listing: &Listing,
) -> Result<(String, String), Fault> {
    let key = listing
        .keys
        .first()
        .ok_or_else(|| Fault::bug(format!("listing {} has no key to sign with", listing.name)))?;
    signed_by(query, form, key.secret())
}

/// The same with the signature that `secret` makes. As it is sent, anything can be signed: also what
/// no parser takes.
///
/// # Errors
/// As [`Query::parse`], where parameters are spelt anew.
pub(crate) fn signed_by(
    mut query: String,
    form: Form,
    secret: &SecretString,
) -> Result<(String, String), Fault> {
    let message = match (Query::parse(&query), form.spelling) {
        (Ok(unsigned), spelling) => {
            if let Some(given) = unsigned.get("signature").map(str::to_owned) {
                return Ok((query, given));
            }
            match spelling {
                Spelling::Canonical => unsigned.canonical("signature"),
                Spelling::AsSent => unsigned.as_received("signature"),
            }
        }
        (Err(_), Spelling::AsSent) => query::as_spelt(&query),
        (Err(fault), Spelling::Canonical) => return Err(fault),
    };
    let signature = BASE64_STANDARD.encode(hmac_sha256(secret, [form.prefix, &message]));
    query::append(&mut query, "signature", &signature);
    Ok((query, signature))
}

/// Two products may share a key; this is what keeps their calls apart (promise 5). `name` is the
/// parameter that carries the product's code.
///
/// # Errors
/// `product_code_wrong` when the listing sells another product.
pub(crate) fn check_product(query: &Query<'_>, name: &str, listing: &Listing) -> Result<(), Fault> {
    let Some(wanted) = &listing.product_code else {
        return Ok(());
    };
    match query.optional(name, TEXT_BYTES_MAX)? {
        Some(code) if code != wanted => {
            let message = format!("{name} {} is not sold here", quoted(code));
            Err(Fault::unauthentic("product_code_wrong", message)
                .noted(format!("listing {} sells {wanted}", listing.name)))
        }
        Some(_) | None => Ok(()),
    }
}

/// What begins the words about the clock that a time was held against.
pub(crate) const SERVER_TIME: &str = "the server's time is";

/// Checks that `signed_at`, which parameter `name` spells as `text`, lies within
/// `clock_skew_ms` on either side of `now`; the edges are within.
///
/// # Errors
/// `timestamp_stale` or `timestamp_future`, naming the distance and the rule.
pub fn check_window(
    name: &str,
    text: &str,
    signed_at: UtcMillis,
    clock_skew_ms: u64,
    now: UtcMillis,
) -> Result<(), Fault> {
    let (old_ms, ahead_ms) = (now.ms_since(signed_at), signed_at.ms_since(now));
    let (code, distance_ms, side) = if old_ms > clock_skew_ms {
        ("timestamp_stale", old_ms, "old")
    } else if ahead_ms > clock_skew_ms {
        ("timestamp_future", ahead_ms, "ahead")
    } else {
        return Ok(());
    };
    let (distance_s, allowed_s) = (distance_ms.div_ceil(1000), clock_skew_ms / 1000);
    let text = quoted(text);
    let message =
        format!("{name} {text} is {distance_s} s {side}; at most {allowed_s} s are allowed");
    let note = format!("{SERVER_TIME} {} in UNIX seconds", now.0.div_euclid(1000));
    Err(Fault::unauthentic(code, message).noted(note))
}
