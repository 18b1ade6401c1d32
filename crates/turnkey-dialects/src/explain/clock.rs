//! What a signed time tells that is too old, too new or no time: whose clock it is.

use turnkey_core::{Fault, UtcMillis};

use super::{Case, Finding};
use crate::sign;

/// How far Beijing is ahead of UTC.
const BEIJING_MS: u64 = 8 * 3_600_000;

/// How far from that a time may be that is off by it, at most.
const EXACT_MS: u64 = 300_000;

/// UNIX milliseconds have as many digits, from 2001 to 2286.
const MILLISECOND_DIGITS: usize = 13;

/// What is wrong with a signed time.
pub(super) struct Signed<'a> {
    /// What holds it.
    pub(super) name: &'a str,
    /// As it came.
    pub(super) text: &'a str,
    /// As it is understood.
    pub(super) at: Option<UtcMillis>,
    /// How a moment is spelt here.
    pub(super) spell: fn(UtcMillis) -> Option<String>,
}

impl Signed<'_> {
    /// What `fault` says of it, and what it tells.
    pub(super) fn told(&self, mut fault: Fault, case: &Case<'_>) -> Vec<Finding> {
        if !case.at_server {
            fault.note = fault.note.and_then(|note| {
                let before = note.split(sign::SERVER_TIME).next().unwrap_or_default();
                let before = before.trim_end_matches("; ");
                (!before.is_empty()).then(|| before.to_owned())
            });
        }
        let why = self.in_milliseconds().or_else(|| self.in_beijing(case));
        [Finding::from(fault)].into_iter().chain(why).collect()
    }

    fn in_milliseconds(&self) -> Option<Finding> {
        let Self { name, text, .. } = self;
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let ms = text.parse().ok()?;
        let right = (self.spell)(UtcMillis(ms))?;
        (is_number && text.len() == MILLISECOND_DIGITS).then(|| Finding {
            code: "time_in_milliseconds",
            en: format!("{name} is in milliseconds; here the same moment is {right}"),
            zh: Some(format!("{name} 的单位是毫秒；这里同一时刻应写成 {right}")),
        })
    }

    fn in_beijing(&self, case: &Case<'_>) -> Option<Finding> {
        let (at, name) = (self.at?, self.name);
        let exact_ms = case.clock_skew_ms.min(EXACT_MS);
        let is_off = |ms: u64| ms.abs_diff(BEIJING_MS) <= exact_ms;
        if is_off(at.ms_since(case.now)) {
            return Some(Finding {
                code: "time_is_beijing",
                en: format!("{name} is 8 h ahead: it is Beijing time, sent as if it were UTC"),
                zh: Some(format!("{name} 快了 8 小时：它是北京时间，却当作 UTC 发送")),
            });
        }
        is_off(case.now.ms_since(at)).then(|| Finding {
            code: "time_taken_for_beijing",
            en: format!(
                "{name} is 8 h behind: UTC was taken for Beijing time, and 8 h were taken off it"
            ),
            zh: Some(format!(
                "{name} 慢了 8 小时：把 UTC 当成北京时间，又减了 8 小时"
            )),
        })
    }
}
