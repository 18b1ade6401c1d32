//! `turnkey clock show|advance`: the business clock of a trial, and a year in a moment.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::cli::admin_client::{AdminArgs, AdminClient, Refusal, Told, say_json};
use crate::cli::list::moment;
use crate::cli::terminal::{card, escaped, table};
use crate::cli::{Exit, Lang, complain, say};
use crate::http::admin::clock::{
    AdvanceAsk, AdvanceView, ClockView, SceneView, StoryAsk, WaitsForView,
};
use crate::words::told;

/// How long one answer may take: the marketplace of the slowest call with all its repeats, and what
/// else is done meanwhile.
const ANSWER_WITHIN: Duration = Duration::from_secs(300);

/// How often the server is asked again when work keeps the clock where it is. Each time it waits
/// for twenty seconds, so that is a minute.
const WAITS_MAX: u32 = 3;

#[derive(clap::Args)]
pub(super) struct Clock {
    #[command(flatten)]
    admin: AdminArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// What both clocks show.
    Show,
    /// Move the business clock on, from one due moment to the next. Only where it is virtual.
    Advance(Advance),
}

#[derive(clap::Args)]
struct Advance {
    /// How far, such as 30d or 400d.
    #[arg(value_parser = span)]
    by: Duration,
    /// Have the marketplaces play along: each instance is renewed, expires, is renewed once more,
    /// is upgraded, expires again and is deleted.
    #[arg(long)]
    play: bool,
    /// How often each instance is renewed in time.
    #[arg(long, value_name = "N", default_value_t = 11, requires = "play")]
    renew: u32,
    /// How long after its first expiry it is renewed once more, which resumes it.
    #[arg(long, value_name = "TIME", default_value = "2d", value_parser = span, requires = "play")]
    late: Duration,
    /// How long after its second expiry it is deleted.
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = span, requires = "play")]
    keep: Duration,
}

/// A span of time as the pages write it.
fn span(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "a number and its unit are needed, such as 400d or 12h".to_owned())
}

impl Clock {
    pub(super) fn run(self, lang: Lang) -> anyhow::Result<Exit> {
        let client = self.admin.client(lang)?;
        let is_json = self.admin.json;
        Ok(client.run(|client| match &self.command {
            Command::Show => {
                let clock: ClockView = client.get("/clock", &[])?;
                if is_json {
                    say_json(&clock);
                } else {
                    say(&shown(&clock, lang));
                }
                Ok(Exit::Good)
            }
            Command::Advance(advance) => advance.run(client, is_json, lang),
        }))
    }
}

fn shown(clock: &ClockView, lang: Lang) -> String {
    let kind = match clock.is_virtual {
        true => lang.pick(
            "virtual: moved by `turnkey clock advance`",
            "虚拟时钟：用 `turnkey clock advance` 拨动",
        ),
        false => lang.pick("real: it is the wall clock", "真实时钟：与挂钟相同"),
    };
    card([
        (
            lang.pick("business", "业务时间"),
            Some(clock.business.clone()),
        ),
        (lang.pick("wall", "挂钟时间"), Some(clock.wall.clone())),
        (
            lang.pick("ahead", "超前"),
            Some(ahead(clock.ahead_ms, lang)),
        ),
        (lang.pick("kind", "种类"), Some(kind.to_owned())),
    ])
}

/// To the nearest whole day; what is well below one, to the second.
fn ahead(ms: i64, lang: Lang) -> String {
    const HOUR_S: u64 = 3600;
    let seconds = ms.unsigned_abs() / 1_000;
    let sign = if ms < 0 { "-" } else { "" };
    // While the clock rested, the wall clock went on: 400 days are a few seconds less.
    let days = (seconds + 12 * HOUR_S) / (24 * HOUR_S);
    match (days, lang) {
        _ if seconds < 23 * HOUR_S => {
            let span = humantime::format_duration(Duration::from_secs(seconds));
            format!("{sign}{span}")
        }
        (1, Lang::En) => format!("{sign}1 day"),
        (days, Lang::En) => format!("{sign}{days} days"),
        (days, Lang::Zh) => format!("{sign}{days} 天"),
    }
}

/// What came of all parts of an advance.
#[derive(Default)]
struct Sum {
    calls: u32,
    unanswered: u32,
    refused: u32,
    ended: u32,
}

impl Sum {
    fn add(&mut self, scenes: &[SceneView]) {
        for scene in scenes {
            self.calls = self.calls.saturating_add(scene.calls);
            self.unanswered = self.unanswered.saturating_add(scene.unanswered);
            self.refused += u32::from(scene.refused.is_some());
            self.ended += u32::from(is_term_end(scene));
        }
    }

    fn is_good(&self) -> bool {
        self.refused == 0 && self.unanswered == 0
    }
}

fn is_term_end(scene: &SceneView) -> bool {
    scene.action == "term_end"
}

/// The moment that the business clock shows when it has moved on by `by`.
fn moved_by(client: &AdminClient, by: Duration) -> Result<String, Refusal> {
    let clock: ClockView = client.get("/clock", &[])?;
    let too_far = || {
        let message = client.lang().pick(
            "that is farther than any calendar reaches",
            "这超出了任何历法的范围",
        );
        Refusal::usage(message)
    };
    let until = clock
        .business
        .parse::<Timestamp>()
        .ok()
        .and_then(|now| now.checked_add(by).ok())
        .ok_or_else(too_far)?;
    Ok(format!("{until:.3}"))
}

/// Moves the business clock on by `by`, and nobody calls meanwhile; whether it arrived.
pub(super) fn advance(client: &AdminClient, by: Duration) -> Result<bool, Refusal> {
    let ask = AdvanceAsk {
        until: moved_by(client, by)?,
        play: None,
    };
    Ok(advanced(client, &ask, |_, _| {})?.done)
}

/// Asks for `ask` until the clock is there, or waits too long for the same work; `told` hears of each
/// part of the way, and how often in a row it waited.
fn advanced(
    client: &AdminClient,
    ask: &AdvanceAsk,
    mut told: impl FnMut(&mut AdvanceView, u32),
) -> Result<AdvanceView, Refusal> {
    let mut waited = 0;
    loop {
        let mut part: AdvanceView = client.post_patiently("/clock/advance", ask, ANSWER_WITHIN)?;
        waited = part.waits_for.as_ref().map_or(0, |_| waited + 1);
        told(&mut part, waited);
        if part.done || waited == WAITS_MAX {
            return Ok(part);
        }
    }
}

impl Advance {
    fn ask(&self, client: &AdminClient) -> Result<AdvanceAsk, Refusal> {
        let ms = |pause: Duration| u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        Ok(AdvanceAsk {
            until: moved_by(client, self.by)?,
            play: self.play.then(|| StoryAsk {
                renewals: self.renew,
                late_ms: ms(self.late),
                keep_ms: ms(self.keep),
            }),
        })
    }

    fn run(&self, client: &AdminClient, is_json: bool, lang: Lang) -> Told {
        let ask = self.ask(client)?;
        let (mut sum, mut scenes) = (Sum::default(), Vec::new());
        let last = advanced(client, &ask, |part, waited| {
            sum.add(&part.scenes);
            if is_json {
                scenes.append(&mut part.scenes);
            } else if !part.scenes.is_empty() {
                say(&played(&part.scenes, lang));
            }
            if let Some(waits) = &part.waits_for
                && waited == 1
                && !part.done
            {
                complain(&waiting(waits, lang));
            }
        })?;
        if is_json {
            let is_good = last.done && sum.is_good();
            say_json(&json!({
                "clock": last.clock, "done": last.done, "waits_for": last.waits_for,
                "scenes": scenes, "calls": sum.calls, "answered": sum.calls - sum.unanswered,
                "late": sum.unanswered, "refused": sum.refused, "ok": is_good,
            }));
        } else {
            self.tell(&last, &sum, lang);
        }
        Ok(if last.done && sum.is_good() {
            Exit::Good
        } else {
            Exit::Problems
        })
    }

    fn tell(&self, last: &AdvanceView, sum: &Sum, lang: Lang) {
        if last.waits_for.is_some() {
            complain(lang.pick(
                "gave up: the clock stays where it is; do the same again to go on",
                "不再等待：时钟停在原处；再执行一次同样的命令就会继续",
            ));
        }
        let (calls, late) = (sum.calls, sum.unanswered);
        let answered = calls - late;
        let did = match (self.play, lang) {
            (true, Lang::En) => format!("{calls} calls made, {answered} answered, {late} late"),
            (true, Lang::Zh) => format!("调用 {calls} 次，应答 {answered} 次，超时 {late} 次"),
            (false, Lang::En) => match sum.ended {
                0 => "no term ended on the way".to_owned(),
                1 => "1 term ended on the way; nobody called".to_owned(),
                n => format!("{n} terms ended on the way; nobody called"),
            },
            (false, Lang::Zh) => match sum.ended {
                0 => "途中没有期限到期".to_owned(),
                n => format!("途中有 {n} 个期限到期；没有人来调用"),
            },
        };
        let (shows, ahead) = (
            moment(&last.clock.business),
            ahead(last.clock.ahead_ms, lang),
        );
        say(&match lang {
            Lang::En => format!("{did}      clock is {shows} (virtual, {ahead} ahead)"),
            Lang::Zh => format!("{did}      时钟为 {shows}（虚拟，超前 {ahead}）"),
        });
        if !self.play && sum.ended > 0 {
            complain(lang.pick(
                "next: with --play the marketplace renews, expires and deletes",
                "提示：加上 --play，云市场就会来续费、到期隔离和删除",
            ));
        }
    }
}

/// What keeps the clock where it is.
fn waiting(waits: &WaitsForView, lang: Lang) -> String {
    let (kind, operation) = (escaped(&waits.kind), escaped(&waits.operation));
    match lang {
        Lang::En => format!(
            "waiting until {kind} {operation} is over; look at it: turnkey operation show {operation}"
        ),
        Lang::Zh => {
            format!("正在等 {kind} {operation} 完成；查看：turnkey operation show {operation}")
        }
    }
}

fn played(scenes: &[SceneView], lang: Lang) -> String {
    let heads = lang.pick(
        ["AT", "ACTION", "INSTANCE", "ORDER", "RESULT"],
        ["时间", "动作", "实例", "订单", "结果"],
    );
    let row = |scene: &SceneView| {
        [
            moment(&scene.at),
            action(scene, lang),
            scene.instance.clone(),
            scene.order.clone().unwrap_or_default(),
            result(scene, lang),
        ]
    };
    table(heads, scenes.iter().map(row))
}

fn action(scene: &SceneView, lang: Lang) -> String {
    let known = match scene.action.as_str() {
        "term_end" => lang.pick("(term ends)", "（期限到期）"),
        "renew" => lang.pick("renew", "续费"),
        "upgrade" => lang.pick("upgrade", "变更"),
        "expire" => lang.pick("expire", "到期"),
        "delete" => lang.pick("delete", "删除"),
        other => other,
    };
    known.to_owned()
}

fn result(scene: &SceneView, lang: Lang) -> String {
    if let Some(refused) = &scene.refused {
        let refused = told(&refused.code, &refused.message, lang);
        return match lang {
            Lang::En => format!("failed: {refused}"),
            Lang::Zh => format!("失败：{refused}"),
        };
    }
    let ends = moment(&scene.ends_at);
    let was_still = scene.was.as_deref() == Some("suspended");
    match (scene.action.as_str(), lang) {
        ("renew", Lang::En) if was_still => format!("runs again, paid until {ends}"),
        ("renew", Lang::Zh) if was_still => format!("恢复运行，付费至 {ends}"),
        ("renew", Lang::En) => format!("paid until {ends}"),
        ("renew", Lang::Zh) => format!("付费至 {ends}"),
        ("upgrade", Lang::En) => format!("plan {}", scene.plan),
        ("upgrade", Lang::Zh) => format!("套餐 {}", scene.plan),
        ("expire", _) => lang
            .pick("stands still, data kept", "已停用，数据保留")
            .to_owned(),
        ("delete", _) => lang.pick("removed", "已删除").to_owned(),
        ("term_end", _) => lang.pick("still ", "仍为 ").to_owned() + &scene.state,
        (_, _) => scene.state.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_as_people_would() {
        const DAY_MS: i64 = 24 * 3_600_000;
        for (ms, en, zh) in [
            (0, "0s", "0s"),
            (3_600_000, "1h", "1h"),
            (DAY_MS - 5_000, "1 day", "1 天"),
            (400 * DAY_MS - 5_000, "400 days", "400 天"),
            (-5_000, "-5s", "-5s"),
        ] {
            assert_eq!(ahead(ms, Lang::En), en);
            assert_eq!(ahead(ms, Lang::Zh), zh);
        }
    }
}
