//! `turnkey trigger --scenario`: a whole story, step by step, with what a vendor should make of it.
//!
//! Told for a person, the same seed tells the same story: nothing that is printed depends on how
//! long something took.

mod file;
mod run;

use serde_json::json;
use turnkey_dialects::Dialect;

use super::Trigger;
use crate::cli::terminal::escaped;
use crate::cli::{Exit, Lang, complain, misused, say};
use file::Scenario;
use run::{Run, Verdict};

/// The scenarios that come with the program.
pub(super) fn names() -> [&'static str; file::SHIPPED.len()] {
    file::SHIPPED.map(|(name, _)| name)
}

/// Plays the scenario that is `named`.
///
/// # Errors
/// When there is none of that name, and when it cannot be begun.
pub(super) fn run(trigger: &Trigger, named: &str, lang: Lang) -> anyhow::Result<Exit> {
    let scenario = match file::found(named) {
        Ok(scenario) => scenario,
        Err(error) => return Ok(misused(&error, lang)),
    };
    let Some(dialect) = dialect(&scenario, trigger.dialect.as_deref()) else {
        let dialects = scenario.dialects.join(", ");
        complain(&match lang {
            Lang::En => format!("{named:?} is played in one of: {dialects}"),
            Lang::Zh => format!("{named:?} 可以用这些协议演：{dialects}"),
        });
        return Ok(Exit::Usage);
    };
    if let Err(error) = scenario.check(named, dialect) {
        return Ok(misused(&error, lang));
    }
    let player = match trigger.player(dialect, lang) {
        Ok(player) => player,
        Err(error) => return Ok(misused(&error, lang)),
    };
    let seed = trigger.seed.unwrap_or_else(rand::random);
    let is_json = trigger.admin.json;
    if !is_json {
        let (name, about) = (scenario.name.pick(lang), scenario.about.pick(lang));
        say(&escaped(&format!(
            "{name} ({}, seed {seed})",
            dialect.card().name
        )));
        say(&escaped(about));
    }
    let may_look = trigger.admin.is_of(player.to());
    let admin = trigger.admin.client(lang)?;
    let mut run = Run::new(&player, admin, may_look, named, seed);
    let mut told = Vec::with_capacity(scenario.steps.len());
    for (number, step) in (1..).zip(&scenario.steps) {
        let seen = run.step(step, lang)?;
        let (what, came_back) = (&seen.what, &seen.came_back);
        let verdict = match seen.verdict {
            Verdict::Good => lang.pick("ok", "符合"),
            Verdict::Bad => lang.pick("NOT AS EXPECTED", "不符合"),
            Verdict::Untried => lang.pick("not tried", "未试"),
        };
        if is_json {
            told.push(json!({
                "step": number, "what": what, "came_back": came_back,
                "ok": (seen.verdict != Verdict::Untried).then_some(seen.verdict == Verdict::Good),
            }));
        } else {
            say(&escaped(&format!(
                "{number:>3}  {what}  ->  {came_back}  {verdict}"
            )));
        }
    }
    let is_good = run.bad == 0;
    if is_json {
        let all = json!({
            "scenario": scenario.name.pick(Lang::En), "dialect": dialect.card().name,
            "seed": seed, "steps": told, "untried": run.untried, "ok": is_good,
        });
        say(&all.to_string());
    } else {
        let (all, bad, untried) = (scenario.steps.len(), run.bad, run.untried);
        let result = super::tell::verdict(is_good, lang);
        say(&match lang {
            Lang::En => {
                format!("{all} steps, {bad} not as expected, {untried} not tried: {result}")
            }
            Lang::Zh => format!("共 {all} 步，{bad} 步不符合，{untried} 步未试：{result}"),
        });
    }
    Ok(if is_good { Exit::Good } else { Exit::Problems })
}

/// The protocol that is asked for, or the scenario's first.
fn dialect(scenario: &Scenario, named: Option<&str>) -> Option<&'static dyn Dialect> {
    let mut dialects = scenario.dialects.iter();
    let name = match named {
        Some(named) => dialects.find(|known| *known == named),
        None => dialects.next(),
    };
    turnkey_dialects::find(name?)
}
