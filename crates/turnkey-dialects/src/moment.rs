//! Moments as ISO 8601 in UTC, in whole seconds: `2021-06-22T09:15:03Z`.

use jiff::Timestamp;
use turnkey_core::{Fault, UtcMillis};

use crate::text::quoted;

/// The one form that is taken, of the many that ISO 8601 has; `0` is any digit.
const FORM: &[u8] = b"0000-00-00T00:00:00Z";

/// The basic form: `20210622T091503Z`.
const BASIC: &[u8] = b"00000000T000000Z";

/// Reads the moment that parameter `name` holds.
///
/// # Errors
/// `timestamp_malformed`, naming the parameter and the rule.
pub(crate) fn parse(name: &str, text: &str) -> Result<UtcMillis, Fault> {
    in_form(FORM, text).ok_or_else(|| {
        let rule = "must be a time in UTC, such as 2021-06-22T09:15:03Z";
        let message = format!("{name} {}: {rule}", quoted(text));
        Fault::malformed("timestamp_malformed", message)
    })
}

/// Reads a moment in the basic form.
pub(crate) fn parse_basic(text: &str) -> Option<UtcMillis> {
    in_form(BASIC, text)
}

fn in_form(form: &[u8], text: &str) -> Option<UtcMillis> {
    let fits = |(given, wanted): (u8, &u8)| match wanted {
        b'0' => given.is_ascii_digit(),
        exact => given == *exact,
    };
    let is_form = text.len() == form.len() && text.bytes().zip(form).all(fits);
    let at: Option<Timestamp> = text.parse().ok().filter(|_| is_form);
    at.map(|at| UtcMillis(at.as_millisecond()))
}

/// Undoes [`parse`], leaving the milliseconds out; `None` beyond the calendar.
pub(crate) fn spell(at: UtcMillis) -> Option<String> {
    let at = Timestamp::from_second(at.0.div_euclid(1000)).ok()?;
    Some(at.to_string())
}

/// The same of a moment that must be within the calendar.
///
/// # Errors
/// A bug when it is not.
pub(crate) fn now(at: UtcMillis) -> Result<String, Fault> {
    spell(at).ok_or_else(|| Fault::bug(format!("{} ms is beyond the calendar", at.0)))
}

/// Undoes [`parse_basic`]; `None` beyond the calendar, and where a year has not four digits.
pub(crate) fn spell_basic(at: UtcMillis) -> Option<String> {
    let basic = spell(at)?.replace(['-', ':'], "");
    (basic.len() == BASIC.len()).then_some(basic)
}
