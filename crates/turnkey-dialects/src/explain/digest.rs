//! What signers digest with, right and wrong.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use super::Finding;

/// How a key and a message become bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// The right one.
    #[default]
    HmacSha256,
    HmacSha1,
    HmacSha512,
    HmacMd5,
    /// SHA-256 of the key, then the message: no HMAC.
    KeyFirst,
    /// SHA-256 of the message, then the key.
    KeyLast,
    /// SHA-256 of the message alone.
    Unkeyed,
    /// HMAC with key and message in each other's place.
    Swapped,
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
pub(super) fn digest(algorithm: Algorithm, key: &[u8], message: &[u8]) -> Vec<u8> {
    let any_length = "HMAC takes a key of any length";
    match algorithm {
        Algorithm::HmacSha256 => {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).expect(any_length);
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        }
        Algorithm::HmacSha1 => {
            let mut mac = Hmac::<Sha1>::new_from_slice(key).expect(any_length);
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        }
        Algorithm::HmacSha512 => {
            let mut mac = Hmac::<Sha512>::new_from_slice(key).expect(any_length);
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        }
        Algorithm::HmacMd5 => {
            let mut mac = Hmac::<Md5>::new_from_slice(key).expect(any_length);
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        }
        Algorithm::KeyFirst => Sha256::new()
            .chain_update(key)
            .chain_update(message)
            .finalize()
            .to_vec(),
        Algorithm::KeyLast => Sha256::new()
            .chain_update(message)
            .chain_update(key)
            .finalize()
            .to_vec(),
        Algorithm::Unkeyed => Sha256::digest(message).to_vec(),
        Algorithm::Swapped => digest(Algorithm::HmacSha256, message, key),
    }
}

/// What a signer makes of the key before it signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum KeyForm {
    /// Nothing.
    #[default]
    Plain,
    /// The line break of the file that holds it is still there.
    LineBreak,
    /// The same, from Windows.
    CarriageReturn,
    /// The quotes of the configuration are still there.
    Quoted,
    /// The same, single ones.
    SingleQuoted,
    /// A space is behind it.
    Spaced,
    /// A space is in front of it.
    SpacedInFront,
    /// A space that no line may break at is behind it.
    NoBreakSpace,
    /// The byte order mark of the file that holds it is still there.
    Bom,
    /// It is taken for base64.
    Base64Decoded,
    /// It is taken for text that must be put in base64.
    Base64Encoded,
    LowerCase,
    UpperCase,
    /// There is none.
    Empty,
}

/// The bytes that sign; `None` where the key cannot be taken for that.
pub(super) fn formed(secret: &SecretString, form: KeyForm) -> Option<SecretSlice<u8>> {
    let key = secret.expose_secret();
    let bytes = match form {
        KeyForm::Plain => key.as_bytes().to_vec(),
        KeyForm::LineBreak => format!("{key}\n").into_bytes(),
        KeyForm::CarriageReturn => format!("{key}\r\n").into_bytes(),
        KeyForm::Quoted => format!("\"{key}\"").into_bytes(),
        KeyForm::SingleQuoted => format!("'{key}'").into_bytes(),
        KeyForm::Spaced => format!("{key} ").into_bytes(),
        KeyForm::SpacedInFront => format!(" {key}").into_bytes(),
        KeyForm::NoBreakSpace => format!("{key}\u{a0}").into_bytes(),
        KeyForm::Bom => format!("\u{feff}{key}").into_bytes(),
        KeyForm::Base64Decoded => BASE64_STANDARD.decode(key).ok()?,
        KeyForm::Base64Encoded => BASE64_STANDARD.encode(key).into_bytes(),
        KeyForm::LowerCase => key.to_lowercase().into_bytes(),
        KeyForm::UpperCase => key.to_uppercase().into_bytes(),
        KeyForm::Empty => Vec::new(),
    };
    Some(bytes.into())
}

/// Fewest characters of a signature that say which one was cut off.
const CUT_CHARS_MIN: usize = 8;

/// The first `length` characters of `signature`, where that is a part of it which says something.
pub(super) fn cut(signature: &str, length: usize) -> Option<String> {
    let is_part = (CUT_CHARS_MIN..signature.len()).contains(&length);
    let kept = signature.get(..length).filter(|_| is_part);
    kept.map(str::to_owned)
}

/// Digests by the number of their bytes.
const LENGTHS: [(usize, &str); 4] = [(16, "MD5"), (20, "SHA-1"), (32, "SHA-256"), (64, "SHA-512")];

/// What the length of a signature that nothing explains says of it; nothing where it is as long as
/// a right one, which is `right` bytes long when it is written as this protocol writes it.
pub(super) fn length_told(signature: &str, right: usize) -> Option<Finding> {
    if signature.len() == right {
        return None;
    }
    let is_hex = signature.bytes().all(|byte| byte.is_ascii_hexdigit());
    let in_base64 = || BASE64_STANDARD.decode(signature).ok();
    let (bytes, form) = if is_hex {
        (signature.len().div_ceil(2), "hexadecimal")
    } else {
        (in_base64()?.len(), "base64")
    };
    let is_whole = !is_hex || signature.len().is_multiple_of(2);
    let mut lengths = LENGTHS.iter().filter(|_| is_whole);
    let (_, digest) = lengths.find(|(length, _)| *length == bytes)?;
    let count = signature.len();
    let zh = if is_hex { "十六进制" } else { "base64" };
    Some(Finding {
        code: "signature_length",
        en: format!(
            "the signature has {count} characters, which is {digest} in {form}; a right one has {right}"
        ),
        zh: Some(format!(
            "签名有 {count} 个字符，这是 {digest} 的{zh}长度；正确的签名有 {right} 个字符"
        )),
    })
}
