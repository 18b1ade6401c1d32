//! Texts that go over the wire in base64.

use base64::alphabet;
use base64::engine::{DecodePaddingMode, Engine as _, GeneralPurpose, GeneralPurposeConfig};
use turnkey_core::Fault;

use crate::text::quoted;

/// Some senders leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Spells `text`.
pub(crate) fn encode(text: &str) -> String {
    BASE64.encode(text)
}

/// The text that parameter `name` spells as `coded`. A `+` that came as a space is one again.
///
/// # Errors
/// `base64_malformed`.
pub(crate) fn decode(name: &str, coded: &str) -> Result<String, Fault> {
    let broken = |rule: &str| {
        let message = format!("{name} {}: {rule}", quoted(coded));
        Fault::malformed("base64_malformed", message)
    };
    let bytes = BASE64.decode(coded.replace(' ', "+")).ok();
    let text = bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| broken("must be base64 of UTF-8 text"))?;
    if text.contains('\0') {
        return Err(broken("has a NUL character"));
    }
    Ok(text)
}
