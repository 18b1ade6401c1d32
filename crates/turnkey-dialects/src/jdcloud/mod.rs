//! JD Cloud OpenAPI signatures, `JDCLOUD2` and `JDCLOUD3`: a brick for every dialect of that house.
//!
//! ```text
//! string to sign ── canonical request ── canonical URI, query, headers; digest of the body
//!  └─ signature   ── signing key ─────── secret, day, region, service
//! ```
//!
//! It is *not* a dialect: it knows no product and no operation. [`authenticate()`] is what a server
//! does with a request, [`sign()`] what a client does; here is what both need. Facts: the official
//! SDKs and their captures, fixtures/vectors-jdcloud.json.

mod authenticate;
mod canonical;
mod client;
pub(crate) mod envelope;
pub(crate) mod members;
mod unique;

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

pub use authenticate::{KEYS_MAX, Proof, authenticate};
pub use canonical::{Spelling, canonical_query, canonical_request, canonical_uri};
pub(crate) use client::claimed;
pub use client::{Signer, Unsigned, sign};

const AUTHORIZATION: &str = "authorization";
const ALGORITHM: &str = "x-jdcloud-algorithm";
const CONTENT_SHA256: &str = "x-jdcloud-content-sha256";
const DATE: &str = "x-jdcloud-date";
const NONCE: &str = "x-jdcloud-nonce";
const SECURITY_TOKEN: &str = "x-jdcloud-security-token";

/// Which of the two signatures. They differ in three words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// The documented one, which every SDK but the newest Python's makes.
    #[default]
    V2,
    /// What the Python SDK has made since 2021.
    V3,
}

impl Version {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V2, Self::V3];

    /// What `Authorization` begins with.
    #[must_use]
    pub fn algorithm(self) -> &'static str {
        match self {
            Self::V2 => "JDCLOUD2-HMAC-SHA256",
            Self::V3 => "JDCLOUD3-HMAC-SHA256",
        }
    }

    /// What stands before the secret.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::V2 => "JDCLOUD2",
            Self::V3 => "JDCLOUD3",
        }
    }

    /// What the scope ends in.
    pub(crate) fn terminator(self) -> &'static str {
        match self {
            Self::V2 => "jdcloud2_request",
            Self::V3 => "jdcloud3_request",
        }
    }
}

/// What a signing key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope<'a> {
    /// Which signature.
    pub version: Version,
    /// The day in UTC, as `20260105`.
    pub day: &'a str,
    /// The region. Not always the one in the URL: the PHP SDK signs its client's own.
    pub region: &'a str,
    /// The product, such as `bastion`.
    pub service: &'a str,
}

impl Scope<'_> {
    fn spelt(&self) -> String {
        let Self {
            version,
            day,
            region,
            service,
        } = self;
        format!("{day}/{region}/{service}/{}", version.terminator())
    }
}

/// What is signed: `canonical` as of `date` (as `x-jdcloud-date` spells it) in `scope`.
#[must_use]
pub fn string_to_sign(scope: &Scope<'_>, date: &str, canonical: &[u8]) -> String {
    let (algorithm, digest) = (scope.version.algorithm(), hex(&Sha256::digest(canonical)));
    format!("{algorithm}\n{date}\n{}\n{digest}", scope.spelt())
}

/// What signs in `scope` for whoever has `secret`. As secret as the secret, for that day.
#[must_use]
pub fn signing_key(secret: &SecretString, scope: &Scope<'_>) -> [u8; 32] {
    let prefixed = format!("{}{}", scope.version.prefix(), secret.expose_secret());
    // Wiped when it is dropped, like the secret.
    let prefixed = SecretString::from(prefixed);
    let parts = [scope.region, scope.service, scope.version.terminator()];
    let of_day = hmac_sha256(prefixed.expose_secret().as_bytes(), scope.day);
    let parts = parts.iter();
    parts.fold(of_day, |key, part| hmac_sha256(&key, part))
}

/// The signature of a string to sign, still as bytes; `Authorization` has [`hex`] of them.
#[must_use]
pub fn signature(signing_key: &[u8; 32], string_to_sign: &str) -> [u8; 32] {
    hmac_sha256(signing_key, string_to_sign)
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn hmac_sha256(key: &[u8], message: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().into()
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Undoes [`hex`] for a digest; `None` for anything but 64 digits.
fn unhex(text: &[u8]) -> Option<[u8; 32]> {
    let (pairs, []) = text.as_chunks::<2>() else {
        return None;
    };
    let mut bytes = [0; 32];
    if pairs.len() != bytes.len() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
    }
    Some(bytes)
}
