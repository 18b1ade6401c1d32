//! Typed ids: time-ordered text made by the engine, never here.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::call::OrderKey;
use crate::time::UtcMillis;

/// The 32 symbols of Crockford's Base32, in lower case.
const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// How an id starts that a dry run answered with. No id of ours starts so: the first of its 26
/// characters is at most `7`.
const DRY_PREFIX: &str = "i-dry";

/// Characters of a dry id that say which listing made it.
const DRY_LISTING_CHARS: usize = 10;

/// Characters of a dry id that say for which order.
const DRY_ORDER_CHARS: usize = 16;

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as the id, without looking at it.
            #[must_use]
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

typed_id! {
    /// Names an order: `o-` and 26 lower-case Crockford characters.
    OrderId
}
typed_id! {
    /// Names a purchase: `p-` and the characters of its first order's id.
    PurchaseId
}
typed_id! {
    /// Names an instance: `i-` and 26 lower-case Crockford characters, or whatever an imported
    /// instance was called.
    InstanceId
}
typed_id! {
    /// Names an operation. It is the key that a driver is called with, on every attempt.
    OperationId
}
typed_id! {
    /// Names an item of a stock: `s-` and 26 lower-case Crockford characters.
    StockId
}
typed_id! {
    /// Names an event: `e-` and 26 lower-case Crockford characters, ordered by time.
    EventId
}

/// Bits of an id that are random, or here a digest; the others are its time in milliseconds.
const ID_DIGEST_BITS: u32 = 80;

/// Characters of an id behind its prefix: 128 bits, five in each.
const ID_CHARS: u32 = 26;

impl EventId {
    /// The id that follows from when it happened and what it is about, in the form of every other
    /// id: 48 bits of time, then 80 of a digest of `parts`.
    #[must_use]
    pub fn of<'a>(wall: UtcMillis, parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        let digest = hash.finalize().first_chunk().copied().unwrap_or_default();
        Self::from_bits(time_bits(wall) | u128::from_be_bytes(digest) >> (128 - ID_DIGEST_BITS))
    }

    /// Not greater than the id of any event at or after `wall`.
    #[must_use]
    pub fn floor(wall: UtcMillis) -> Self {
        Self::from_bits(time_bits(wall))
    }

    fn from_bits(bits: u128) -> Self {
        let symbol = |place: u32| {
            let bits = (bits >> (5 * place)).to_be_bytes();
            let index = bits.last().map_or(0, |byte| usize::from(byte & 31));
            CROCKFORD.get(index).map_or('0', |c| char::from(*c))
        };
        let text: String = (0..ID_CHARS).rev().map(symbol).collect();
        Self(format!("e-{text}"))
    }
}

fn time_bits(wall: UtcMillis) -> u128 {
    /// 48 bits of milliseconds, as in a ULID: until the year 10889.
    const TIME_MAX: u128 = (1 << 48) - 1;
    u128::try_from(wall.0).unwrap_or(0).min(TIME_MAX) << ID_DIGEST_BITS
}

impl PurchaseId {
    /// The first order of this purchase: [`OrderId::purchase`] the other way round.
    #[must_use]
    pub fn first_order(&self) -> OrderId {
        OrderId(format!(
            "o-{}",
            self.0.strip_prefix("p-").unwrap_or(&self.0)
        ))
    }
}

impl OrderId {
    /// The purchase whose first order this is.
    #[must_use]
    pub fn purchase(&self) -> PurchaseId {
        PurchaseId(format!(
            "p-{}",
            self.0.strip_prefix("o-").unwrap_or(&self.0)
        ))
    }

    /// The key of the operation that does this order's work: the order's own, so that a failed
    /// order that is reopened asks its driver again under the same key.
    #[must_use]
    pub fn operation(&self) -> OperationId {
        OperationId(format!(
            "op-{}",
            self.0.strip_prefix("o-").unwrap_or(&self.0)
        ))
    }
}

impl OperationId {
    /// The order whose work has this key, if it is an order's: [`OrderId::operation`] the other
    /// way round.
    #[must_use]
    pub fn order(&self) -> OrderId {
        OrderId(format!(
            "o-{}",
            self.0.strip_prefix("op-").unwrap_or(&self.0)
        ))
    }
}

impl InstanceId {
    /// The id that a dry create answers with: the same for the same listing and order key, and
    /// recognisable by the listing that made it.
    #[must_use]
    pub fn dry(listing: &str, key: &OrderKey) -> Self {
        let of_order = digest_chars(&[listing.as_bytes(), key.as_bytes()], DRY_ORDER_CHARS);
        Self(format!("{}{of_order}", dry_prefix(listing)))
    }

    /// Whether it has the form of an id that a dry create answers with.
    #[must_use]
    pub fn is_dry(&self) -> bool {
        self.0.starts_with(DRY_PREFIX)
    }

    /// Whether a dry create of `listing` answered with this id.
    #[must_use]
    pub fn is_dry_of(&self, listing: &str) -> bool {
        self.0.len() == DRY_PREFIX.len() + DRY_LISTING_CHARS + DRY_ORDER_CHARS
            && self.0.starts_with(&dry_prefix(listing))
    }
}

fn dry_prefix(listing: &str) -> String {
    format!(
        "{DRY_PREFIX}{}",
        digest_chars(&[listing.as_bytes()], DRY_LISTING_CHARS)
    )
}

/// The first `chars` Crockford characters of a SHA-256 over the length-prefixed parts.
fn digest_chars(parts: &[&[u8]], chars: usize) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    let symbol = |byte: &u8| {
        CROCKFORD
            .get(usize::from(byte & 31))
            .map_or('0', |c| char::from(*c))
    };
    hash.finalize().iter().take(chars).map(symbol).collect()
}
