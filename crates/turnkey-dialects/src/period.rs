//! Periods as both QingCloud protocols spell them: `1_year`, `12_month`, `30_day`.

use turnkey_core::limits::PERIOD_YEARS_MAX;
use turnkey_core::term::PeriodError;
use turnkey_core::{Fault, Period, Unit};

use crate::text::quoted;

/// Reads the `<count>_<unit>` that parameter `name` holds. Leading zeros change nothing.
///
/// # Errors
/// `period_malformed`, naming the parameter and the rule.
pub fn parse(name: &str, text: &str) -> Result<Period, Fault> {
    let broken = |rule: &str| {
        let message = format!("{name} {}: {rule}", quoted(text));
        Fault::malformed("period_malformed", message)
    };
    let (count, unit) = text
        .split_once('_')
        .ok_or_else(|| broken("must be a count and a unit, such as 1_month"))?;
    let unit = Unit::ALL
        .into_iter()
        .find(|known| known.name() == unit)
        .ok_or_else(|| broken("unit must be day, month or year"))?;
    if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(broken("count must be a whole number"));
    }
    // Digits that the type cannot hold are too many years as well.
    let count = count.parse().unwrap_or(u32::MAX);
    Period::new(count, unit).map_err(|error| match error {
        PeriodError::Zero => broken("count must be 1 or more"),
        PeriodError::TooLong => broken(&format!("must be at most {PERIOD_YEARS_MAX} years")),
    })
}
