//! The file of a scenario, as people write it: TOML, one `[[step]]` after the other.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use figment::Figment;
use figment::error::Kind;
use figment::providers::{Format as _, Toml};
use serde::Deserialize;
use turnkey_core::{InstanceState, Period};
use turnkey_dialects::Dialect;

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
        .map_err(|error| unread(named, &error))?;
    let known = turnkey_dialects::all().iter();
    let known: Vec<_> = known.map(|dialect| dialect.card().name).collect();
    let mut dialects = scenario.dialects.iter().map(String::as_str);
    if let Some(found) = dialects.find(|dialect| !known.contains(dialect)) {
        let [en, zh] = none_of("dialects", found, &known);
        return Err(malformed(named, None, &en, &zh).into());
    }
    Ok(scenario)
}

impl Scenario {
    /// That everything in it can be played in `dialect`, before anything is.
    ///
    /// # Errors
    /// `scenario_malformed`, naming the first step that cannot.
    pub(super) fn check(&self, named: &str, dialect: &dyn Dialect) -> anyhow::Result<()> {
        for (number, step) in (1..).zip(&self.steps) {
            step.check(dialect)
                .map_err(|[en, zh]| malformed(named, Some(number), &en, &zh))?;
        }
        Ok(())
    }
}

impl Step {
    fn check(&self, dialect: &dyn Dialect) -> Result<(), [String; 2]> {
        if let Some(by) = &self.advance
            && humantime::parse_duration(by).is_err()
        {
            return Err([
                format!("advance {by:?} is no length of time: write it like 30d or 12h"),
                format!("advance {by:?} 不是时长：请写成 30d 或 12h"),
            ]);
        }
        if let Err(why) = self.period() {
            return Err([why.clone(), why]);
        }
        match self.deed() {
            None => Err([
                "a step has one of call, advance, or state with instance".to_owned(),
                "每一步只能是 call、advance、或 state 加 instance".to_owned(),
            ]),
            Some(Deed::Advance(..)) => Ok(()),
            Some(Deed::State(_, state)) => {
                let states = InstanceState::ALL.map(InstanceState::name);
                let is_known = states.contains(&state);
                is_known
                    .then_some(())
                    .ok_or_else(|| none_of("state", state, &states))
            }
            Some(Deed::Call(action)) => {
                let card = dialect.card();
                let names: Vec<_> = card.actions.iter().map(|action| action.name).collect();
                if !names.contains(&action) {
                    return Err(none_of(card.name, action, &names));
                }
                let needs = card.root.is_none()
                    && matches!(action, "renew" | "upgrade" | "expire" | "delete");
                if needs && self.instance.is_none() && !self.set.contains_key("instance_id") {
                    return Err([
                        format!("{action} is about an instance, and names none"),
                        format!("{action} 需要一个 instance"),
                    ]);
                }
                Ok(())
            }
        }
    }
}

/// That `found` is no `what`, and which ones there are.
fn none_of(what: &str, found: &str, known: &[&str]) -> [String; 2] {
    let known = known.join(", ");
    [
        format!("{what} has no {found:?}: there are {known}"),
        format!("{what} 没有 {found:?}，只有：{known}"),
    ]
}

/// What is wrong with a file that cannot be read as a scenario, and where.
fn unread(named: &str, error: &figment::Error) -> crate::words::Said {
    let mut path = error.path.iter().map(String::as_str).peekable();
    let mut step = None;
    if path.next_if_eq(&"step").is_some() {
        step = path.next().and_then(|place| place.parse::<u32>().ok());
    }
    let at = path.collect::<Vec<_>>().join(".");
    let [en, zh] = match &error.kind {
        Kind::UnknownVariant(found, known) => none_of(&at, found, known),
        Kind::UnknownField(found, known) => none_of("the file", found, known),
        Kind::MissingField(name) => [format!("{name} is missing"), format!("缺少 {name}")],
        kind @ (Kind::Message(_)
        | Kind::InvalidType(..)
        | Kind::InvalidValue(..)
        | Kind::InvalidLength(..)
        | Kind::DuplicateField(_)
        | Kind::ISizeOutOfRange(_)
        | Kind::USizeOutOfRange(_)
        | Kind::Unsupported(_)
        | Kind::UnsupportedKey(..)) => {
            let why = if at.is_empty() {
                kind.to_string()
            } else {
                format!("{at}: {kind}")
            };
            [why.clone(), why]
        }
    };
    malformed(named, step.map(|step| step.saturating_add(1)), &en, &zh)
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

fn malformed(named: &str, step: Option<u32>, en: &str, zh: &str) -> crate::words::Said {
    let (at, at_zh) = step.map_or_else(
        || (String::new(), String::new()),
        |step| (format!(", step {step}"), format!("，第 {step} 步")),
    );
    say(
        "scenario_malformed",
        format!("{named:?}{at}: {en}"),
        format!("{named:?}{at_zh}：{zh}"),
    )
}
