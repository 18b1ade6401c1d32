//! Words from outside, inside messages of ours.

/// Longest piece of outside text that a message quotes, in characters: enough to recognise it.
const QUOTED_CHARS_MAX: usize = 128;

/// `text` in quotes, control characters escaped, cut where it is long.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}
