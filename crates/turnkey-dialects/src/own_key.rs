//! Order keys of ours, for calls to which the marketplace gives none (design: "idempotency").

use turnkey_core::{Digest, OrderKey};

use crate::query::Query;

/// How one begins: no marketplace's does.
const MARK: char = '~';

/// Its hexadecimal digits: 128 bits, and short enough to be stored as it is.
const DIGITS: usize = 32;

/// The key of the order that `query` places: a digest of its decoded, sorted parameters but the
/// signature. So it is the same for good, also in another order or encoding, or signed in another
/// way or with another key.
pub(crate) fn of(query: &Query<'_>) -> OrderKey {
    let parameters = query.decoded("signature");
    let fields: Vec<_> = parameters
        .map(|(name, value)| (name, Some(value)))
        .collect();
    let bytes = Digest::of(&fields).0.into_iter().take(DIGITS / 2);
    let digits: String = bytes.map(|byte| format!("{byte:02x}")).collect();
    OrderKey::new(format!("{MARK}{digits}"))
}

/// Whether `key` is one of ours: whoever asks on leaves it out, for it is no word of the protocol.
#[must_use]
pub fn is_own(key: &OrderKey) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let digits = key.as_str().strip_prefix(MARK);
    digits.is_some_and(|digits| digits.len() == DIGITS && digits.bytes().all(is_digit))
}
