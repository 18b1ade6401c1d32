//! Every bound that a noun has, with its reason.

/// Longest instance id that a call may name, in bytes. QingCloud allows ids of 128 characters.
pub const INSTANCE_ID_BYTES_MAX: usize = 512;

/// Longest order key, in bytes. No marketplace comes near; a query of 8 KiB could hold more.
pub const ORDER_KEY_BYTES_MAX: usize = 1024;

/// Order keys up to this length are stored as they are; longer ones by a keyed hash (design §6).
pub const ORDER_KEY_BYTES_PLAIN: usize = 64;

/// Longest term that one order may buy, in years. Nobody sells a century by accident twice.
pub const PERIOD_YEARS_MAX: u32 = 100;

/// Longest piece of text from outside (a driver's message, a note), in bytes; the rest is cut.
pub const TEXT_BYTES_MAX: usize = 2048;

/// Most operations that may wait on one instance; more means that a marketplace is looping.
pub const OPERATIONS_PER_INSTANCE_MAX: usize = 256;

/// Claims of one operation before its order is reopened, at the most: its next life counts on from
/// here. One a second makes it last a century, and 2³¹ lives fit into a stored number.
pub const FENCES_PER_LIFE: u64 = 1 << 32;

/// Cuts `text` to [`TEXT_BYTES_MAX`] at a character boundary.
#[must_use]
pub fn cut(text: &str) -> String {
    text.get(..text.floor_char_boundary(TEXT_BYTES_MAX))
        .unwrap_or_default()
        .to_owned()
}
