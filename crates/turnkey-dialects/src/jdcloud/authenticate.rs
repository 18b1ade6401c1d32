//! What a server does with a signed request.

use std::fmt;
use std::iter::{once, repeat};

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};
use turnkey_core::{Fault, Key, UtcMillis};

use super::canonical::{Spelling, canonical_request};
use super::{
    ALGORITHM, AUTHORIZATION, CONTENT_SHA256, DATE, NONCE, Scope, Version, hex, signature,
    signing_key, string_to_sign, unhex,
};
use crate::text::quoted;
use crate::{Request, moment, sign};

/// Secrets that an access key may have at once: the old one and the new one, while they are
/// changed. As many are always tried, so that the time taken tells nothing about them.
pub const KEYS_MAX: usize = 2;

/// Most headers that a call may sign. The SDKs sign at most five of their own; each costs a walk
/// over all headers.
const SIGNED_HEADERS_MAX: usize = 64;

/// What the house answers to whatever is wrong in a way that it has no other words for.
const INVALID: &str = "Invalid authentication credentials";

/// What it answers when the signature is another. Third-party clients look for it.
const NOT_SAME: &str = "sign result is not same";

/// Who made a request, and what of it is certain.
pub struct Proof<'r, 'k> {
    /// Whose it is.
    pub access_key: &'r str,
    /// What it was signed with; already told that it was used.
    pub key: &'k Key,
    /// What the signature is good for.
    pub scope: Scope<'r>,
    /// When it was signed.
    pub signed_at: UtcMillis,
    /// The same, as `x-jdcloud-date` spells it.
    pub date: &'r str,
    /// The signature, 64 lower-case hexadecimal digits: the same for the same call, always.
    pub signature: &'r str,
    /// The parameters that were signed, in their canonical form. What else the query holds is
    /// nobody's word, so this is to be read instead.
    pub query: String,
    /// How the signer spells what signers disagree about.
    pub spelling: Spelling,
    request: Request<'r>,
    signed: Vec<String>,
}

impl Proof<'_, '_> {
    /// The nonce, where it is signed: the Python SDK's is not.
    #[must_use]
    pub fn nonce(&self) -> Option<String> {
        self.signed_header(NONCE)
    }

    /// The value of header `name` (in lower case) as it was signed; none where it is not signed,
    /// is empty or no text. Of a header that is not signed anybody on the way is the author.
    #[must_use]
    pub fn signed_header(&self, name: &str) -> Option<String> {
        self.signed.iter().find(|signed| *signed == name)?;
        let value = String::from_utf8(self.spelling.header(&self.request, name)?).ok();
        value.filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Proof<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proof({:?}, redacted)", self.access_key)
    }
}

/// Finds out who made a request. `keys_of` answers with the active secrets of an access key,
/// [`KEYS_MAX`] at the most, or `None` when nobody has it; `clock_skew_ms` is how far the signed
/// time may be from `now`, on either side.
///
/// The body is always digested: a header that says its digest may be unsigned. The signature is
/// checked as every captured SDK makes it; only when it does not fit, the spellings that some
/// signers have are tried, one at a time.
///
/// # Errors
/// Always [`Unauthentic`](turnkey_core::FaultKind::Unauthentic), with the very words of the house's
/// gateway: `authorization_missing`, `authorization_malformed`, `credential_missing`,
/// `signed_headers_missing`, `date_missing`, `date_malformed`, `scope_date_wrong`,
/// `timestamp_stale`, `timestamp_future`, `access_key_unknown`, `payload_unsigned`,
/// `body_digest_wrong`, `signature_wrong`; looked for in this order.
pub fn authenticate<'r, 'k>(
    request: &Request<'r>,
    keys_of: impl FnOnce(&str) -> Option<&'k [Key]>,
    clock_skew_ms: u64,
    now: UtcMillis,
) -> Result<Proof<'r, 'k>, Fault> {
    let authorization = Authorization::of(request)?;
    let (date, signed_at) = signed_time(request, &authorization.scope, clock_skew_ms, now)?;
    let keys = keys_of(authorization.access_key);
    let body_digest = Sha256::digest(request.body);
    // Nobody's access key costs what anybody's costs: see `fitting`.
    let found = fitting(
        request,
        &authorization,
        date,
        &hex(&body_digest),
        keys.unwrap_or_default(),
    );
    if keys.is_none() {
        let message = "Invalid accessKey";
        let note = format!("nobody has access key {}", quoted(authorization.access_key));
        return Err(Fault::unauthentic("access_key_unknown", message).noted(note));
    }
    check_body_digest(request, &body_digest)?;
    let Some((key, spelling)) = found else {
        let names = authorization.signed.join(";");
        let note = format!("no active secret makes this signature; signed headers: {names}");
        return Err(Fault::unauthentic("signature_wrong", NOT_SAME).noted(note));
    };
    key.used(now);
    Ok(Proof {
        access_key: authorization.access_key,
        key,
        scope: authorization.scope,
        signed_at,
        date,
        signature: authorization.signature,
        query: spelling.query(request.query),
        spelling,
        request: *request,
        signed: authorization.signed,
    })
}

impl<'a> Request<'a> {
    /// The values of header `name` (in lower case).
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let headers = self.headers.iter();
        let named = headers.filter(move |(known, _)| *known == name);
        named.map(|(_, value)| *value)
    }

    /// The only value of header `name`; none when it is absent or empty. Of two, either could be
    /// meant, so that is an error like a value that is no text.
    fn only(&self, name: &str) -> Result<Option<&'a str>, Fault> {
        let mut values = self.values(name);
        let value = values.next().unwrap_or_default();
        let text = std::str::from_utf8(value.trim_ascii());
        match text {
            Ok(text) if values.next().is_none() => Ok(Some(text).filter(|text| !text.is_empty())),
            Ok(_) | Err(_) => {
                let note = format!("header {name} is no text, or given twice");
                Err(malformed(note))
            }
        }
    }
}

fn malformed(note: impl Into<String>) -> Fault {
    Fault::unauthentic("authorization_malformed", INVALID).noted(note)
}

/// What stands in the header.
pub(super) struct Authorization<'r> {
    pub(super) access_key: &'r str,
    pub(super) scope: Scope<'r>,
    /// The names of the signed headers, in lower case, in byte order, none twice.
    signed: Vec<String>,
    signature: &'r str,
    /// The same as bytes.
    bytes: [u8; 32],
}

impl<'r> Authorization<'r> {
    pub(super) fn of(request: &Request<'r>) -> Result<Self, Fault> {
        let text = request.only(AUTHORIZATION)?.ok_or_else(|| {
            Fault::unauthentic("authorization_missing", "lack of header authorization")
        })?;
        let (algorithm, rest) = text.split_once(' ').unwrap_or((text, ""));
        let version = Version::ALL
            .into_iter()
            .find(|v| v.algorithm() == algorithm);
        let version = version.ok_or_else(|| {
            let note = format!("algorithm {} is neither of the two", quoted(algorithm));
            malformed(note)
        })?;
        if request
            .only(ALGORITHM)?
            .is_some_and(|named| named != algorithm)
        {
            return Err(malformed(format!("{ALGORITHM} names another algorithm")));
        }
        let parts: Vec<_> = rest
            .split(',')
            .map(|part| part.trim_start_matches(' '))
            .collect();
        let part = |name: &str| parts.iter().find_map(|part| part.strip_prefix(name));
        let credential = part("Credential=").filter(|credential| !credential.is_empty());
        let credential = credential.ok_or_else(|| {
            let message = "lack of credential in the header authorization";
            Fault::unauthentic("credential_missing", message)
        })?;
        let signed = part("SignedHeaders=").ok_or_else(|| {
            Fault::unauthentic("signed_headers_missing", "lack of header signedHeaders")
        })?;
        let signature = part("Signature=").unwrap_or_default();
        let is_lower = !signature.bytes().any(|byte| byte.is_ascii_uppercase());
        let bytes = unhex(signature.as_bytes()).filter(|_| is_lower && parts.len() == 3);
        let bytes = bytes.ok_or_else(|| {
            malformed("Credential, SignedHeaders and a Signature of 64 lower-case hexadecimal digits must be there, and nothing else")
        })?;
        let (access_key, scope) = Self::credential(version, credential)?;
        Ok(Self {
            access_key,
            scope,
            signed: Self::signed(signed)?,
            signature,
            bytes,
        })
    }

    fn credential(version: Version, credential: &str) -> Result<(&str, Scope<'_>), Fault> {
        let mut parts = credential.split('/');
        let parts = [(); 6].map(|()| parts.next());
        match parts {
            [
                Some(access_key),
                Some(day),
                Some(region),
                Some(service),
                Some(end),
                None,
            ] if end == version.terminator() => {
                let scope = Scope {
                    version,
                    day,
                    region,
                    service,
                };
                Ok((access_key, scope))
            }
            _ => {
                let end = version.terminator();
                let note =
                    format!("the credential is not <access key>/<day>/<region>/<service>/{end}");
                Err(malformed(note))
            }
        }
    }

    fn signed(names: &str) -> Result<Vec<String>, Fault> {
        let names = names.split(';').filter(|_| !names.is_empty());
        let mut signed: Vec<_> = names
            .take(SIGNED_HEADERS_MAX + 1)
            .map(str::to_ascii_lowercase)
            .collect();
        signed.sort_unstable();
        let listed = signed.len();
        signed.dedup();
        if signed.len() < listed || listed > SIGNED_HEADERS_MAX {
            let note =
                format!("SignedHeaders names a header twice, or more than {SIGNED_HEADERS_MAX}");
            return Err(malformed(note));
        }
        Ok(signed)
    }
}

/// When the request was signed, as spelt and as understood.
fn signed_time<'r>(
    request: &Request<'r>,
    scope: &Scope<'_>,
    clock_skew_ms: u64,
    now: UtcMillis,
) -> Result<(&'r str, UtcMillis), Fault> {
    let date = request
        .only(DATE)?
        .ok_or_else(|| Fault::unauthentic("date_missing", "lack of header x-jdcloud-date"))?;
    let signed_at = moment::parse_basic(date).ok_or_else(|| {
        let note = format!(
            "{DATE} {}: must be a time in UTC, such as 20210622T091503Z",
            quoted(date)
        );
        Fault::unauthentic("date_malformed", INVALID).noted(note)
    })?;
    if date.get(..scope.day.len()) != Some(scope.day) || scope.day.len() != 8 {
        let note = format!(
            "the credential's day is {}, {DATE} is {date}",
            quoted(scope.day)
        );
        return Err(Fault::unauthentic("scope_date_wrong", INVALID).noted(note));
    }
    sign::check_window(DATE, date, signed_at, clock_skew_ms, now).map_err(|fault| {
        let note = format!(
            "{}; {}",
            fault.message,
            fault.note.as_deref().unwrap_or_default()
        );
        Fault {
            message: INVALID.to_owned(),
            note: Some(note),
            ..fault
        }
    })?;
    Ok((date, signed_at))
}

/// A digest that somebody states must be the body's.
fn check_body_digest(request: &Request<'_>, body_digest: &[u8]) -> Result<(), Fault> {
    for stated in request.values(CONTENT_SHA256) {
        let stated = stated.trim_ascii();
        if stated.eq_ignore_ascii_case(b"UNSIGNED-PAYLOAD") {
            let note = "the signer left the body out; here it must be signed";
            return Err(Fault::unauthentic("payload_unsigned", NOT_SAME).noted(note));
        }
        if unhex(stated).is_some_and(|stated| stated != body_digest) {
            let note = format!("{CONTENT_SHA256} is not the digest of the body as received");
            return Err(Fault::unauthentic("body_digest_wrong", NOT_SAME).noted(note));
        }
    }
    Ok(())
}

/// The one of `keys` that signs the request, and in which spelling.
///
/// Where there are fewer keys than there may be, a stand-in is tried that fits nothing, so that
/// unknown access keys, one secret and two take the same time.
fn fitting<'k>(
    request: &Request<'_>,
    authorization: &Authorization<'_>,
    date: &str,
    body_digest: &str,
    keys: &'k [Key],
) -> Option<(&'k Key, Spelling)> {
    let stand_in = SecretString::from("nobody's");
    let scope = &authorization.scope;
    let tried = keys.iter().map(Some).chain(repeat(None)).take(KEYS_MAX);
    let signing: Vec<_> = tried
        .map(|key| (key, signing_key(key.map_or(&stand_in, Key::secret), scope)))
        .collect();
    let signed: Vec<_> = authorization.signed.iter().map(String::as_str).collect();
    let mut before = Vec::new();
    for spelling in once(Spelling::Plain).chain(Spelling::LENIENT) {
        let canonical = canonical_request(request, &signed, body_digest, spelling)?;
        if before.contains(&canonical) {
            continue;
        }
        let message = string_to_sign(scope, date, &canonical);
        // Places from 1; 0 is none.
        let mut fitting = 0_u64;
        for (place, (key, signing)) in (1_u64..).zip(&signing) {
            let fits = signature(signing, &message).ct_eq(&authorization.bytes);
            // An empty secret proves nothing, and a stand-in even less.
            let place = if key.is_some_and(proves) { place } else { 0 };
            fitting.conditional_assign(&place, fits);
        }
        let place = usize::try_from(fitting).ok()?;
        if let Some(key) = place.checked_sub(1).and_then(|place| keys.get(place)) {
            return Some((key, spelling));
        }
        before.push(canonical);
    }
    None
}

fn proves(key: &Key) -> bool {
    !key.secret().expose_secret().is_empty()
}
