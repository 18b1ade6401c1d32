//! The file of a scenario, as people write it: TOML, one `[[step]]` after the other.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use figment::Figment;
use figment::providers::{Format as _, Toml};
use serde::Deserialize;
use turnkey_core::Period;

use super::super::mischief::Mischief;
use crate::cli::Lang;
use crate::words::{say, start};

/// Those that come with the program: name and text.
pub(super) const SHIPPED: [(&str, &str); 4] = [
    (
        "a-year-in-the-life",
        include_str!("../../../../../../examples/scenarios/a-year-in-the-life.toml"),
    ),
    (
        "a-bad-day",
        include_str!("../../../../../../examples/scenarios/a-bad-day.toml"),
    ),
    (
        "a-fraud-attempt",
        include_str!("../../../../../../examples/scenarios/a-fraud-attempt.toml"),
    ),
    (
        "a-buyer-at-the-cloud",
        include_str!("../../../../../../examples/scenarios/a-buyer-at-the-cloud.toml"),
    ),
];

/// A scenario.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    /// What it is called.
    pub(super) name: Text,
    /// What it shows.
    pub(super) about: Text,
    /// The protocols that it can be played in; the first unless another is named.
    pub(super) dialects: Vec<String>,
    /// What happens, in order.
    #[serde(rename = "step")]
    pub(super) steps: Vec<Step>,
}

/// A text in both languages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    en: String,
    zh: String,
}

impl Text {
    pub(super) fn pick(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => &self.en,
            Lang::Zh => &self.zh,
        }
    }
}

/// One step: a call, a leap of the clock, or a look at an instance.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// The action that is called.
    pub(super) call: Option<String>,
    /// How far the business clock leaps; `[clock] virtual` only.
    pub(super) advance: Option<String>,
    /// The state that `instance` must be in.
    pub(super) state: Option<String>,
    /// The order, by a name of this file; the same name is the same order.
    pub(super) order: Option<String>,
    /// The instance, by a name of this file; a create gives it, the others use it.
    pub(super) instance: Option<String>,
    /// What is bought.
    pub(super) spec: Option<String>,
    /// The package within it.
    pub(super) package: Option<String>,
    /// For how long, such as `1_month`.
    pub(super) period: Option<String>,
    /// Parameters by their names on the wire.
    #[serde(default)]
    pub(super) set: BTreeMap<String, String>,
    /// What goes wrong with the call.
    pub(super) fault: Option<Mischief>,
    /// What the vendor should make of it.
    pub(super) expect: Option<Expect>,
}

/// What a vendor should make of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Expect {
    /// It succeeds.
    Success,
    /// It is refused.
    Refused,
}

/// What a step does.
pub(super) enum Deed<'a> {
    Call(&'a str),
    /// How far, and how the file has it.
    Advance(Duration, &'a str),
    State(&'a str, &'a str),
}

impl Step {
    /// What it does, when it does one thing.
    pub(super) fn deed(&self) -> Option<Deed<'_>> {
        match (&self.call, &self.advance, &self.state, &self.instance) {
            (Some(action), None, None, _) => Some(Deed::Call(action)),
            (None, Some(by), None, None) => {
                let parsed = humantime::parse_duration(by).ok()?;
                Some(Deed::Advance(parsed, by))
            }
            (None, None, Some(state), Some(instance)) => Some(Deed::State(instance, state)),
            _ => None,
        }
    }

    /// What is expected, said or not.
    pub(super) fn expected(&self) -> Expect {
        let is_refused = self.fault.is_some_and(|fault| !fault.is_survived());
        self.expect.unwrap_or(if is_refused {
            Expect::Refused
        } else {
            Expect::Success
        })
    }

    /// For how long is bought: a month unless something else is said.
    pub(super) fn period(&self) -> Result<Period, String> {
        let text = self.period.as_deref().unwrap_or("1_month");
        turnkey_dialects::parse_period("period", text).map_err(|fault| fault.message)
    }
}

/// The scenario that is called `named`, or that stands in the file of that name.
///
/// # Errors
/// When there is neither, and when what stands there is no scenario.
pub(super) fn found(named: &str) -> anyhow::Result<Scenario> {
    let shipped = SHIPPED.iter().find(|(name, _)| *name == named);
    let text = match shipped {
        Some((_, text)) => (*text).to_owned(),
        None => std::fs::read_to_string(named).with_context(|| no_such(named))?,
    };
    let scenario: Scenario = Figment::from(Toml::string(&text))
        .extract()
        .with_context(|| malformed(named, None))?;
    for (number, step) in (1..).zip(&scenario.steps) {
        if step.deed().is_none() || step.period().is_err() {
            return Err(anyhow::Error::new(malformed(named, Some(number))));
        }
    }
    Ok(scenario)
}

fn no_such(named: &str) -> crate::words::Said {
    let names = SHIPPED.map(|(name, _)| name).join(", ");
    if Path::new(named).exists() {
        return start::cannot_read(Path::new(named));
    }
    say(
        "scenario_unknown",
        format!("{named:?} is neither a file nor one of {names}"),
        format!("{named:?} 不是文件，也不是这些之一：{names}"),
    )
}

fn malformed(named: &str, step: Option<u32>) -> crate::words::Said {
    let (at, at_zh) = step.map_or_else(
        || (String::new(), String::new()),
        |step| (format!("step {step} of "), format!("第 {step} 步：")),
    );
    say(
        "scenario_malformed",
        format!(
            "{at}{named:?} is no scenario; a step has one of call, advance, or state with instance, and a period such as 1_month"
        ),
        format!(
            "{at_zh}{named:?} 不是场景文件；每一步只能是 call、advance、或 state 加 instance，期限写作 1_month"
        ),
    )
}
