//! What a run of `turnkey trigger` came to, for a person and for a program. No account is printed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use turnkey_core::decide::Outcome;
use turnkey_dialects::{Action, Card, Reply};
use turnkey_drivers::market::{Delivery, Market};

use crate::cli::terminal::{escaped, table};
use crate::cli::{Exit, Lang, complain, say};
use crate::watch::mask::without_secrets;
use crate::words::told;

use super::mischief::{Seen, named};

/// Counts deliveries.
pub(super) struct Tally {
    dialect: &'static str,
    /// Whether two answers to one call have the same bytes.
    is_verbatim: bool,
    action: &'static Action,
    order: String,
    /// The arguments that said whom to call.
    whereto: String,
    pub(super) seed: u64,
    pub(super) debug_only: bool,
    deliveries: u32,
    calls: u32,
    lost: u32,
    slowest: Duration,
    instances: BTreeSet<String>,
    /// Where the buyer of a held create watches it come.
    links: BTreeSet<String>,
    answers: BTreeSet<Vec<u8>>,
    /// Something that is no listing said so: the address is another's.
    is_no_listing: bool,
    /// How often each code was heard with each message.
    refused: BTreeMap<(&'static str, String), u32>,
}

impl Tally {
    pub(super) fn new(
        card: &'static Card,
        action: &'static Action,
        order: String,
        seed: u64,
        whereto: String,
    ) -> Self {
        Self {
            dialect: card.name,
            is_verbatim: !card.names_exchanges,
            action,
            order,
            whereto,
            seed,
            debug_only: false,
            deliveries: 0,
            calls: 0,
            lost: 0,
            slowest: Duration::ZERO,
            instances: BTreeSet::new(),
            links: BTreeSet::new(),
            answers: BTreeSet::new(),
            is_no_listing: false,
            refused: BTreeMap::new(),
        }
    }

    /// Counts the call before the real one: only its failure matters.
    pub(super) fn overture(&mut self, delivery: Delivery) {
        if let Err(fault) = delivery.outcome {
            self.calls += delivery.calls;
            self.is_no_listing |= delivery.reply.as_ref().is_some_and(is_no_listing);
            *self.refused.entry((fault.code, fault.message)).or_default() += 1;
        }
    }

    pub(super) fn add(&mut self, delivery: Delivery) {
        self.deliveries += 1;
        self.calls += delivery.calls;
        self.slowest = self.slowest.max(delivery.slowest);
        // Nobody heard it, but what it made is there.
        if let Some(lost) = delivery.lost {
            self.lost += 1;
            if let Ok(outcome) = lost.outcome {
                self.instances.extend(named(&outcome));
                self.answers.insert(lost.reply.body);
            }
        }
        match delivery.outcome {
            Ok(outcome) => {
                self.instances.extend(named(&outcome));
                if let Outcome::Held { links, .. } = outcome {
                    self.links.extend(links.front_end.url);
                }
                self.answers.extend(delivery.reply.map(|reply| reply.body));
            }
            Err(fault) => {
                self.is_no_listing |= delivery.reply.as_ref().is_some_and(is_no_listing);
                *self.refused.entry((fault.code, fault.message)).or_default() += 1;
            }
        }
    }

    /// Whether everything was answered with success, and every time in the same words.
    fn is_good(&self) -> bool {
        let ids = usize::from(matches!(self.action.name, "create" | "resize"));
        let is_one = self.answers.len() == 1 || !self.is_verbatim;
        self.refused.is_empty() && is_one && self.instances.len() == ids
    }

    /// Tells the result; the exit code follows from it.
    pub(super) fn tell(self, is_json: bool, lang: Lang) -> Exit {
        let exit = if self.is_good() {
            Exit::Good
        } else {
            Exit::Problems
        };
        if is_json {
            say(&self.as_json().to_string());
        } else if self.deliveries <= 1 && self.lost == 0 {
            self.tell_one(lang);
        } else {
            self.tell_many(lang);
        }
        exit
    }

    fn as_json(&self) -> Value {
        json!({
            "action": self.action.name,
            "order": self.order,
            "debug_only": self.debug_only,
            "seed": self.seed,
            "deliveries": self.deliveries,
            "calls": self.calls,
            "answers_lost": self.lost,
            "instances": self.instances,
            "held_links": self.links,
            "different_answers": self.answers.len(),
            "refused": self.refused_by_message(),
            "slowest_ms": u64::try_from(self.slowest.as_millis()).unwrap_or(u64::MAX),
            "ok": self.is_good(),
        })
    }

    fn refused_by_message(&self) -> BTreeMap<&str, u32> {
        let mut refused = BTreeMap::new();
        for ((_, message), times) in &self.refused {
            *refused.entry(message.as_str()).or_default() += times;
        }
        refused
    }

    fn tell_one(&self, lang: Lang) {
        for (code, message) in self.refused.keys() {
            let message = escaped(&told(code, message, lang));
            say(&match lang {
                Lang::En => format!("failed after {} calls: {message}", self.calls),
                Lang::Zh => format!("调用 {} 次后失败：{message}", self.calls),
            });
        }
        if self.is_no_listing {
            complain(lang.pick(
                "next: say with --to which address `turnkey config check` prints",
                "下一步：用 --to 指明 `turnkey config check` 打印的地址",
            ));
        }
        let Some(instance) = self.instances.first().filter(|_| !self.debug_only) else {
            if self.is_good() && !self.debug_only {
                let action = self.action.name;
                say(&match lang {
                    Lang::En => format!("done: {action} was answered with success"),
                    Lang::Zh => format!("完成：{action} 已答复成功"),
                });
            }
            return;
        };
        let (order, instance) = (escaped(&self.order), escaped(instance));
        say(&match (self.links.first(), lang) {
            (None, Lang::En) => format!("delivered: order {order} -> instance {instance}"),
            (None, Lang::Zh) => format!("已交付：订单 {order} -> 实例 {instance}"),
            (Some(_), Lang::En) => format!("held: order {order} -> instance {instance}"),
            (Some(_), Lang::Zh) => format!("已受理：订单 {order} -> 实例 {instance}"),
        });
        if let Some(link) = self.links.first() {
            let link = escaped(link);
            say(&match lang {
                Lang::En => format!("  link {link} shows progress, then forwards"),
                Lang::Zh => format!("  链接 {link} 先显示进度，准备好后跳转"),
            });
        }
        let next = format!(
            "turnkey trigger {} create{} --times 20 --parallel 8 --lose-answer 3",
            self.dialect, self.whereto
        );
        complain(&match lang {
            Lang::En => format!("next: {next}"),
            Lang::Zh => format!("下一步：{next}"),
        });
    }

    fn tell_many(&self, lang: Lang) {
        let slowest = self.slowest.as_secs_f64();
        say(&match lang {
            Lang::En => format!(
                "{} deliveries of {}, {} calls, {} answers thrown away, seed {}",
                self.deliveries, self.order, self.calls, self.lost, self.seed
            ),
            Lang::Zh => format!(
                "投递 {} 次（订单 {}），调用 {} 次，丢弃应答 {} 个，种子 {}",
                self.deliveries, self.order, self.calls, self.lost, self.seed
            ),
        });
        let refused: u32 = self.refused.values().sum();
        let created = match self.debug_only {
            true => lang.pick("ids answered     ", "应答的编号  "),
            false => lang.pick("instances created", "创建的实例  "),
        };
        let rows = [
            (created, self.instances.len().to_string()),
            (
                lang.pick("different answers", "不同的应答  "),
                self.answers.len().to_string(),
            ),
            (
                lang.pick("refused          ", "被拒绝      "),
                refused.to_string(),
            ),
            (
                lang.pick("slowest          ", "最慢        "),
                format!("{slowest:.3} s"),
            ),
        ];
        for (name, value) in rows {
            say(&format!("  {name}   {value}"));
        }
        for ((code, message), times) in &self.refused {
            let message = escaped(&told(code, message, lang));
            say(&format!("  {times} x {message}"));
        }
        let verdict = match (self.is_good(), self.debug_only) {
            (true, true) => lang.pick("dry runs: PASS", "调试调用：通过"),
            (true, false) => lang.pick("exactly once: PASS", "恰好一次：通过"),
            (false, _) => lang.pick("exactly once: FAIL", "恰好一次：未通过"),
        };
        say(verdict);
    }
}

/// What the calls came to with which something went wrong; the exit code follows from it.
pub(super) fn mischiefs(
    dialect: &str,
    action: &Action,
    order: &str,
    seen: &[Seen],
    is_json: bool,
    lang: Lang,
) -> Exit {
    let is_good = seen.iter().all(|seen| seen.is_good() != Some(false));
    if is_json {
        let faults: Vec<_> = seen.iter().map(as_json).collect();
        let told = json!({
            "dialect": dialect, "action": action.name, "order": order, "faults": faults,
            "ok": is_good,
        });
        say(&told.to_string());
    } else {
        let heads = lang.pick(
            ["FAULT", "CALLS", "EXPECTED", "CAME BACK", "VERDICT"],
            ["故障", "调用", "应当", "结果", "判定"],
        );
        let row = |seen: &Seen| {
            [
                seen.mischief.name(),
                seen.heard.len().to_string(),
                expected(seen, lang).to_owned(),
                escaped(&came_back(seen, lang)),
                match seen.is_good() {
                    Some(is_good) => verdict(is_good, lang).to_owned(),
                    None => lang.pick("not tried", "未试").to_owned(),
                },
            ]
        };
        say(&table(heads, seen.iter().map(row)));
    }
    if is_good { Exit::Good } else { Exit::Problems }
}

fn as_json(seen: &Seen) -> Value {
    json!({
        "fault": seen.mischief.name(),
        "calls": seen.heard.len(),
        "expected": expected(seen, Lang::En),
        "came_back": came_back(seen, Lang::En),
        "ok": seen.is_good(),
    })
}

fn expected(seen: &Seen, lang: Lang) -> &'static str {
    match seen.mischief.is_survived() {
        true => lang.pick("one answer", "同一个应答"),
        false => lang.pick("refused", "拒绝"),
    }
}

/// What the vendor said, in short.
fn came_back(seen: &Seen, lang: Lang) -> String {
    if let Some([en, zh]) = seen.untried {
        return lang.pick(en, zh).to_owned();
    }
    if let Some(fault) = seen.refusal() {
        let message = told(fault.code, &fault.message, lang);
        let status = seen.replies.first().map(|reply| reply.status.to_string());
        return match status.filter(|status| !message.contains(status.as_str())) {
            Some(status) => format!("{status} {message}"),
            None => message,
        };
    }
    match seen.ids().as_slice() {
        [] => lang.pick("success", "成功").to_owned(),
        ids => ids.join(" "),
    }
}

pub(super) fn verdict(is_good: bool, lang: Lang) -> &'static str {
    match is_good {
        true => lang.pick("PASS", "通过"),
        false => lang.pick("FAIL", "未通过"),
    }
}

/// Shows one delivery: what was asked, what came back.
pub(super) fn delivery(market: &Market, delivery: &Delivery, what: &str, lang: Lang) {
    let wire = delivery.action.wire;
    say(format!("-> {} {wire} {what}", market.url()).trim_end());
    let (took, limit) = (
        delivery.slowest.as_secs_f64(),
        market.time_limit().as_secs(),
    );
    let within = match lang {
        Lang::En => format!("{took:.3} s of {limit} s"),
        Lang::Zh => format!("用时 {took:.3} 秒，时限 {limit} 秒"),
    };
    match &delivery.reply {
        Some(reply) => {
            say(&format!(
                "<- {} {}   {}",
                reply.status, reply.content_type, within
            ));
            say(&format!("   {}", shown(reply)));
        }
        None => {
            let none = lang.pick("no answer", "没有应答");
            say(&format!("<- {none}   {within}"));
        }
    }
}

/// Whether the address itself is not there: what a listing refuses, it refuses in its own words.
fn is_no_listing(reply: &Reply) -> bool {
    reply.status == 404 && serde_json::from_slice::<Value>(&reply.body).is_err()
}

/// The body of an answer with its secrets masked, fit for a terminal.
fn shown(reply: &Reply) -> String {
    let text = without_secrets(&reply.body);
    escaped(&text.chars().take(2000).collect::<String>())
}
