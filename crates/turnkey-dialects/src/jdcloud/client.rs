//! What a client does with a request that it makes.

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use turnkey_core::{Fault, UtcMillis};

use super::authenticate::Authorization;
use super::{
    ALGORITHM, DATE, NONCE, SECURITY_TOKEN, Scope, Spelling, Version, canonical_request, hex,
    signature, signing_key, string_to_sign,
};
use crate::{Request, moment};

/// Who signs, and for what.
pub struct Signer<'a> {
    /// Which signature.
    pub version: Version,
    /// The access key.
    pub access_key: &'a str,
    /// Its secret.
    pub secret: &'a SecretString,
    /// The region that is called, or `jdcloud-api` where there is none.
    pub region: &'a str,
    /// The product, such as `bastion`.
    pub service: &'a str,
}

impl fmt::Debug for Signer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Signer({:?}, {:?}, redacted)",
            self.version, self.access_key
        )
    }
}

/// A request that is to be signed. Path and query should be sent in their canonical form
/// ([`canonical_uri`](super::canonical_uri), [`canonical_query`](super::canonical_query)), for then
/// no verifier can disagree about them.
#[derive(Clone, Copy)]
pub struct Unsigned<'a> {
    /// The method.
    pub method: &'a str,
    /// The path.
    pub path: &'a str,
    /// The query, without the `?`.
    pub query: &'a str,
    /// Whom it is sent to, with the port unless it is the scheme's own.
    pub host: &'a str,
    /// Further headers, names in lower case, none twice. All are signed; `content-type` replaces
    /// the usual one, `x-jdcloud-security-token` is given as it is and sent in base64.
    pub headers: &'a [(&'static str, &'a str)],
    /// The body.
    pub body: &'a [u8],
}

impl fmt::Debug for Unsigned<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unsigned(redacted)")
    }
}

/// Whose `request` says that it is, and for what; nothing of it is proven.
///
/// # Errors
/// As [`authenticate()`](super::authenticate()), where its `Authorization` says nothing of that.
pub(crate) fn claimed<'r>(request: &Request<'r>) -> Result<(&'r str, Scope<'r>), Fault> {
    let claimed = Authorization::of(request)?;
    Ok((claimed.access_key, claimed.scope))
}

/// The headers that `request` is to be sent with, `host` and `authorization` among them. `nonce`
/// must be another for each call, `now` is when it is made.
///
/// # Errors
/// A bug when `now` is beyond the calendar.
pub fn sign(
    signer: &Signer<'_>,
    request: &Unsigned<'_>,
    nonce: &str,
    now: UtcMillis,
) -> Result<Vec<(&'static str, String)>, Fault> {
    let date = moment::spell_basic(now)
        .ok_or_else(|| Fault::bug(format!("{} ms is beyond the calendar", now.0)))?;
    let algorithm = signer.version.algorithm();
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("host", request.host.to_owned()),
        (ALGORITHM, algorithm.to_owned()),
        (DATE, date.clone()),
        (NONCE, nonce.to_owned()),
    ];
    for (name, value) in request.headers {
        let value = match *name {
            SECURITY_TOKEN => BASE64_STANDARD.encode(value),
            _ => (*value).to_owned(),
        };
        match headers.iter_mut().find(|(known, _)| known == name) {
            Some((_, usual)) => *usual = value,
            None => headers.push((name, value)),
        }
    }
    let scope = Scope {
        version: signer.version,
        day: date.get(..8).unwrap_or_default(),
        region: signer.region,
        service: signer.service,
    };
    let sent: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    let sent = Request {
        method: request.method,
        path: request.path,
        query: request.query,
        headers: &sent,
        body: request.body,
    };
    let mut signed: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
    signed.sort_unstable();
    let digest = hex(&Sha256::digest(request.body));
    let canonical = canonical_request(&sent, &signed, &digest, Spelling::Plain);
    let canonical = canonical.ok_or_else(|| Fault::bug("a header that is signed is not sent"))?;
    let message = string_to_sign(&scope, &date, &canonical);
    let signature = hex(&signature(&signing_key(signer.secret, &scope), &message));
    let (access_key, scope, signed) = (signer.access_key, scope.spelt(), signed.join(";"));
    let authorization = format!(
        "{algorithm} Credential={access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"
    );
    headers.push((super::AUTHORIZATION, authorization));
    Ok(headers)
}
