//! Signatures: made, and checked in constant time and within a window of time.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};
use turnkey_core::{Fault, Listing, UtcMillis};

use crate::text::quoted;

/// `base64(HMAC-SHA256(key, message))`.
#[must_use]
pub fn hmac_sha256_base64(key: &SecretString, message: &str) -> String {
    BASE64_STANDARD.encode(hmac_sha256(key, message))
}

/// Whether `signature` is what [`hmac_sha256_base64`] makes of `message` with one of `keys`.
///
/// Every key is tried whatever the others say, so the time taken tells nothing about them. An empty
/// key proves nothing, so it fits nothing.
#[must_use]
pub fn is_signed(keys: &[SecretString], message: &str, signature: &str) -> bool {
    let Ok(received) = BASE64_STANDARD.decode(signature) else {
        return false;
    };
    let fits = |key: &SecretString| hmac_sha256(key, message).as_slice().ct_eq(&received);
    keys.iter()
        .filter(|key| !key.expose_secret().is_empty())
        .fold(Choice::from(0), |found, key| found | fits(key))
        .into()
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn hmac_sha256(key: &SecretString, message: &str) -> [u8; 32] {
    let key = key.expose_secret().as_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().into()
}

/// Checks that `signed_at`, which parameter `name` spells as `text`, lies within the listing's
/// window on either side of `now`; its edges are within.
///
/// # Errors
/// `timestamp_stale` or `timestamp_future`, naming the distance and the rule.
pub fn check_window(
    name: &str,
    text: &str,
    signed_at: UtcMillis,
    listing: &Listing,
    now: UtcMillis,
) -> Result<(), Fault> {
    let (old_ms, ahead_ms) = (now.ms_since(signed_at), signed_at.ms_since(now));
    let (code, distance_ms, side) = if old_ms > listing.clock_skew_ms {
        ("timestamp_stale", old_ms, "old")
    } else if ahead_ms > listing.clock_skew_ms {
        ("timestamp_future", ahead_ms, "ahead")
    } else {
        return Ok(());
    };
    let (distance_s, allowed_s) = (distance_ms.div_ceil(1000), listing.clock_skew_ms / 1000);
    let text = quoted(text);
    let message =
        format!("{name} {text} is {distance_s} s {side}; at most {allowed_s} s are allowed");
    let note = format!(
        "the server's time is {} in UNIX seconds",
        now.0.div_euclid(1000)
    );
    Err(Fault::unauthentic(code, message).noted(note))
}
