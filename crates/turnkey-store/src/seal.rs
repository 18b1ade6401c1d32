//! Everything that the master key does: secrets at rest (promise 6), and the hash that long order
//! keys are unique by.
//!
//! ```text
//! sealed value = key id (4) · nonce (24) · ciphertext · tag (16)
//! ```
//!
//! The associated data is table, row id and column, so that a value that was moved is not read.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::Generate as _;
use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut as _, Key, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use turnkey_core::OrderKey;
use turnkey_core::limits::ORDER_KEY_BYTES_PLAIN;

const KEY_BYTES: usize = 32;
const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const HMAC_BLOCK_BYTES: usize = 64;

/// Bytes of a long order key that are kept in front of its hash, so that keys that are ordered by
/// time stay together in the index.
const LONG_KEY_HEAD_BYTES: usize = ORDER_KEY_BYTES_PLAIN + 1 - LONG_KEY_HASH_BYTES;

/// 128 bits: no two keys meet by chance, and nobody without the master key can make them meet.
const LONG_KEY_HASH_BYTES: usize = 16;

/// 128 bits: no two items of a stock meet by chance.
const FINGERPRINT_BYTES: usize = 16;

/// The key that everything secret in a store is sealed with. 32 bytes; never in the store itself.
pub struct MasterKey(SecretBox<[u8; KEY_BYTES]>);

/// Why a text is no [`MasterKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// It is neither hexadecimal nor Base64 of 32 bytes.
    #[error("the master key must be 32 bytes, written as 64 hexadecimal digits or as Base64")]
    Form,
    /// The system gave no random bytes.
    #[error("failed to make a master key: the system gave no random bytes")]
    NoRandom,
}

impl MasterKey {
    /// A new random key.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate() -> Result<Self, MasterKeyError> {
        let bytes = Zeroizing::new(
            <[u8; KEY_BYTES]>::try_generate().map_err(|_| MasterKeyError::NoRandom)?,
        );
        Ok(Self::from_bytes(&bytes))
    }

    /// The key with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Self {
        Self(SecretBox::new(Box::new(*bytes)))
    }

    /// Reads what a key file holds: 64 hexadecimal digits or Base64, with white space around it.
    ///
    /// # Errors
    /// When it is neither, or not 32 bytes.
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let text = text.trim();
        let bytes = Zeroizing::new(if text.len() == 2 * KEY_BYTES {
            from_hex(text).ok_or(MasterKeyError::Form)?
        } else {
            STANDARD.decode(text).map_err(|_| MasterKeyError::Form)?
        });
        let bytes = bytes.as_slice().try_into();
        bytes
            .map(Self::from_bytes)
            .map_err(|_| MasterKeyError::Form)
    }

    /// What a key file should hold: the key as 64 hexadecimal digits.
    #[must_use]
    pub fn to_text(&self) -> SecretString {
        hex(self.0.expose_secret()).into()
    }

    /// A name for the key that tells nothing about it.
    #[must_use]
    pub fn id(&self) -> String {
        hex(&self.id_bytes())
    }

    fn id_bytes(&self) -> [u8; KEY_ID_BYTES] {
        let mut hash = Sha256::new();
        hash.update(b"turnkey master key id\0");
        hash.update(self.0.expose_secret());
        first(&hash.finalize())
    }
}

impl Clone for MasterKey {
    fn clone(&self) -> Self {
        Self::from_bytes(self.0.expose_secret())
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({}, redacted)", self.id())
    }
}

/// Where a sealed value stands; it can be read nowhere else.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'static str,
    pub(crate) row: &'a str,
    pub(crate) column: &'static str,
}

/// Why a value could not be sealed or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealError {
    #[error("{place} is sealed with the key {sealed_by}, not with {ours}")]
    OtherKey {
        place: String,
        sealed_by: String,
        ours: String,
    },
    #[error("{0} is damaged: it does not open with the key that sealed it")]
    Damaged(String),
}

/// Seals and opens with one master key.
pub(crate) struct Sealer {
    key_id: [u8; KEY_ID_BYTES],
    cipher: XChaCha20Poly1305,
    long_keys: Hmac<Sha256>,
    fingerprints: Hmac<Sha256>,
}

impl Sealer {
    pub(crate) fn new(key: &MasterKey) -> Self {
        Self {
            key_id: key.id_bytes(),
            cipher: XChaCha20Poly1305::new(&Key::from(*key.0.expose_secret())),
            long_keys: keyed_hash(key, b"turnkey long order keys"),
            fingerprints: keyed_hash(key, b"turnkey stock fingerprints"),
        }
    }

    pub(crate) fn seal(&self, place: Place<'_>, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        // From a generator of this thread, seeded by the system: asking the system for each nonce
        // costs more than sealing.
        let nonce = XNonce::from(rand::random::<[u8; NONCE_BYTES]>());
        let mut sealed = Vec::with_capacity(KEY_ID_BYTES + NONCE_BYTES + plain.len() + TAG_BYTES);
        sealed.extend_from_slice(&self.key_id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let (_, body) = sealed.split_at_mut(KEY_ID_BYTES + NONCE_BYTES);
        let tag = self
            .cipher
            .encrypt_inout_detached(&nonce, &place.bytes(), InOutBuf::from(body))
            .map_err(|_| SealError::Damaged(place.to_string()))?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    pub(crate) fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let damaged = || SealError::Damaged(place.to_string());
        let (key_id, sealed) = sealed.split_at_checked(KEY_ID_BYTES).ok_or_else(damaged)?;
        if !bool::from(key_id.ct_eq(&self.key_id)) {
            return Err(SealError::OtherKey {
                place: place.to_string(),
                sealed_by: hex(key_id),
                ours: hex(&self.key_id),
            });
        }
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES).ok_or_else(damaged)?;
        let body_bytes = sealed.len().checked_sub(TAG_BYTES).ok_or_else(damaged)?;
        let (body, tag) = sealed.split_at(body_bytes);
        let nonce = XNonce::try_from(nonce).map_err(|_| damaged())?;
        let tag = Tag::try_from(tag).map_err(|_| damaged())?;
        let mut plain = body.to_vec();
        self.cipher
            .decrypt_inout_detached(
                &nonce,
                &place.bytes(),
                InOutBuf::from(plain.as_mut_slice()),
                &tag,
            )
            .map_err(|_| damaged())?;
        Ok(plain)
    }

    /// Tells whether something secret is there already, and nothing else about it.
    pub(crate) fn fingerprint(&self, secret: &[u8]) -> [u8; FINGERPRINT_BYTES] {
        let hash = self.fingerprints.clone().chain_update(secret).finalize();
        first(&hash.into_bytes())
    }

    /// What an order key is unique by. Short keys are themselves; long ones are one byte longer
    /// than any short one.
    pub(crate) fn indexed<'k>(&self, key: &'k OrderKey) -> Cow<'k, [u8]> {
        let bytes = key.as_bytes();
        if bytes.len() <= ORDER_KEY_BYTES_PLAIN {
            return Cow::Borrowed(bytes);
        }
        let (head, _) = bytes.split_at(LONG_KEY_HEAD_BYTES);
        let hash = self.long_keys.clone().chain_update(bytes).finalize();
        let hash: [u8; LONG_KEY_HASH_BYTES] = first(&hash.into_bytes());
        Cow::Owned([head, &hash].concat())
    }
}

impl Place<'_> {
    /// Neither table nor column has a NUL, so no two places have the same bytes.
    fn bytes(self) -> Vec<u8> {
        [self.table, self.row, self.column].join("\0").into_bytes()
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} of `{}`", self.table, self.column, self.row)
    }
}

/// A keyed hash with a key of its own, so that it tells nothing about the master key.
fn keyed_hash(key: &MasterKey, purpose: &[u8]) -> Hmac<Sha256> {
    let hash = |key: &[u8]| {
        // A key shorter than the hash's block is filled up with zeros.
        let mut block = Zeroizing::new([0; HMAC_BLOCK_BYTES]);
        block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
        <Hmac<Sha256> as KeyInit>::new((&*block).into())
    };
    let derived = hash(key.0.expose_secret()).chain_update(purpose).finalize();
    hash(&derived.into_bytes())
}

/// The first `N` bytes; a hash is longer than any `N` here.
fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |symbol: u8| {
        char::from(symbol)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}
