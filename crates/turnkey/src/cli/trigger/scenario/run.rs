//! A scenario that is played: which order and which instance a name stands for, and whether each
//! step came out as it should.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use turnkey_core::decide::Outcome;
use turnkey_core::{Call, Digest, Fault, Intent, Look, Standing};
use turnkey_drivers::market::Market;

use super::super::mischief::named;
use super::super::player::{Player, USUAL_PACKAGE};
use super::super::words::{self, About};
use super::super::{action_named, overture};
use super::file::{Deed, Expect, Step};
use crate::cli::admin_client::{AdminClient, Refusal, segment};
use crate::cli::{Lang, clock};
use crate::http::admin::instances::InstanceDetail;
use crate::words::told;

/// How often it is looked until something that was ordered is there, or as it should be.
const LOOKS_MAX: u32 = 300;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// A scenario that is played.
pub(super) struct Run<'a> {
    player: &'a Player,
    admin: AdminClient,
    /// Whether that is the admin API of whoever is called.
    may_look: bool,
    dice: StdRng,
    orders: HashMap<String, String>,
    instances: HashMap<String, String>,
    /// How many steps did not come out as they should.
    pub(super) bad: u32,
    /// How many could not be tried here.
    pub(super) untried: u32,
}

/// What a step came to.
pub(super) struct Seen {
    /// What was done.
    pub(super) what: String,
    /// What came of it.
    pub(super) came_back: String,
    /// Whether it should have.
    pub(super) verdict: Verdict,
}

/// Whether a step came out as it should.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    Bad,
    /// It needs a server that lets itself be looked into.
    Untried,
}

impl<'a> Run<'a> {
    /// The same `seed` gives the orders of the scenario `name` the same ids.
    /// `may_look` is whether `admin` leads into the server that is called.
    pub(super) fn new(
        player: &'a Player,
        admin: AdminClient,
        may_look: bool,
        name: &str,
        seed: u64,
    ) -> Self {
        let seed_text = seed.to_string();
        let digest = Digest::of(&[("scenario", Some(name)), ("seed", Some(&seed_text))]);
        Self {
            player,
            admin,
            may_look,
            dice: StdRng::from_seed(digest.0),
            orders: HashMap::new(),
            instances: HashMap::new(),
            bad: 0,
            untried: 0,
        }
    }

    /// Does one step.
    ///
    /// # Errors
    /// When the scenario names what there is not: a fault of the file, not of the vendor.
    pub(super) fn step(&mut self, step: &Step, lang: Lang) -> anyhow::Result<Seen> {
        let seen = match step.deed() {
            Some(Deed::Call(action)) => self.call(step, action, lang)?,
            Some(Deed::Advance(by, said)) => self.advance(by, said, lang),
            Some(Deed::State(instance, state)) => self.look(instance, state, lang),
            None => anyhow::bail!("a step does one thing"),
        };
        match seen.verdict {
            Verdict::Good => {}
            Verdict::Bad => self.bad += 1,
            Verdict::Untried => self.untried += 1,
        }
        Ok(seen)
    }

    /// The id of the order that the file calls `name`.
    fn order(&mut self, name: &str) -> String {
        let dice = &mut self.dice;
        let new = || format!("mord-{:08x}", dice.random::<u32>());
        let order = self.orders.entry(name.to_owned());
        order.or_insert_with(new).clone()
    }

    fn call(&mut self, step: &Step, action: &str, lang: Lang) -> anyhow::Result<Seen> {
        let player = self.player;
        let dialect = player.dialect();
        let found = action_named(dialect, action);
        let (Some(action), Ok(period)) = (found, step.period()) else {
            anyhow::bail!("{} has no action {action}", dialect.card().name);
        };
        let order = self.order(step.order.as_deref().unwrap_or(action.name));
        let is_create = action.name == "create";
        let instance = step.instance.as_deref();
        // What the file never got is an instance that nobody has.
        let id = instance.filter(|_| !is_create).map(|name| {
            let known = self.instances.get(name).cloned();
            known.unwrap_or_else(|| format!("i-{name}"))
        });
        let set: Vec<_> = step.set.clone().into_iter().collect();
        let about = About {
            order: &order,
            instance: id.as_deref(),
            spec: step.spec.as_deref().unwrap_or_else(|| player.usual_spec()),
            package: step.package.as_deref().unwrap_or(USUAL_PACKAGE),
            period,
            set: &set,
        };
        let Some(call) = words::call(action, &about, player.caller()) else {
            anyhow::bail!("{} is about an instance, and names none", action.name);
        };
        let market = Arc::new(player.market(about.extra(player.caller()))?);
        let done = self.admin.block_on(made(step, action, &market, &call));
        if let Some([en, zh]) = done.untried {
            return Ok(Seen {
                what: what(step, action.name),
                came_back: lang.pick(en, zh).to_owned(),
                verdict: Verdict::Untried,
            });
        }
        let mut is_good = done.is_good;
        let mut came_back = done.told(lang);
        if is_create && let (Some(name), Some(outcome)) = (instance, &done.outcome) {
            let id = self.admin.block_on(there(&market, &call, outcome));
            let (is_one, said) = self.bound(name, id, lang);
            is_good &= is_one;
            came_back = said;
        }
        Ok(Seen {
            what: what(step, action.name),
            came_back,
            verdict: if is_good { Verdict::Good } else { Verdict::Bad },
        })
    }

    /// Notes that the file's `name` is the instance `id`, and whether that can be: a name keeps its
    /// instance, and no two names share one.
    fn bound(&mut self, name: &str, id: Option<String>, lang: Lang) -> (bool, String) {
        let Some(id) = id else {
            return (false, lang.pick("it never came", "一直没有").to_owned());
        };
        if let Some(known) = self.instances.get(name) {
            let is_same = *known == id;
            let said = match (is_same, lang) {
                (true, _) => format!("{name} = {id}"),
                (false, Lang::En) => format!("{name} was {known}, and is {id} now"),
                (false, Lang::Zh) => format!("{name} 原来是 {known}，现在是 {id}"),
            };
            return (is_same, said);
        }
        let other = self.instances.iter().find(|(_, known)| **known == id);
        let other = other.map(|(other, _)| other.clone());
        self.instances.insert(name.to_owned(), id.clone());
        let Some(other) = other else {
            return (true, format!("{name} = {id}"));
        };
        let said = match lang {
            Lang::En => format!("{name} = {id}, which is {other}, too"),
            Lang::Zh => format!("{name} = {id}，而它也是 {other}"),
        };
        (false, said)
    }

    fn advance(&self, by: Duration, said: &str, lang: Lang) -> Seen {
        let what = match lang {
            Lang::En => format!("the clock leaps {said}"),
            Lang::Zh => format!("时钟前进 {said}"),
        };
        if !self.may_look {
            return untried(what, lang);
        }
        match clock::advance(&self.admin, by) {
            Ok(true) => Seen {
                what,
                came_back: lang.pick("it did", "已前进").to_owned(),
                verdict: Verdict::Good,
            },
            Ok(false) => Seen {
                what,
                came_back: lang
                    .pick("work on the way did not end", "途中的工作没有做完")
                    .to_owned(),
                verdict: Verdict::Bad,
            },
            Err(refusal) => refused(what, &refusal, lang),
        }
    }

    fn look(&self, name: &str, wanted: &str, lang: Lang) -> Seen {
        let what = match lang {
            Lang::En => format!("{name} is {wanted}"),
            Lang::Zh => format!("{name} 的状态是 {wanted}"),
        };
        if !self.may_look {
            return untried(what, lang);
        }
        let Some(id) = self.instances.get(name) else {
            return Seen {
                what,
                came_back: lang.pick("it never came", "一直没有").to_owned(),
                verdict: Verdict::Bad,
            };
        };
        let path = format!("/instances/{}", segment(id));
        let mut state = String::new();
        for _ in 0..LOOKS_MAX {
            match self.admin.get::<InstanceDetail>(&path, &[]) {
                Ok(found) => state = found.instance.state,
                Err(refusal) => return refused(what, &refusal, lang),
            }
            if state == wanted {
                break;
            }
            self.admin
                .block_on(async { tokio::time::sleep(PAUSE).await });
        }
        let is_good = state == wanted;
        Seen {
            what,
            came_back: state,
            verdict: if is_good { Verdict::Good } else { Verdict::Bad },
        }
    }
}

/// What the admin API would not do. Where nobody answers, or the clock is the wall's, nothing is known of
/// the vendor.
fn refused(what: String, refusal: &Refusal, lang: Lang) -> Seen {
    if refusal.is_silence() || refusal.code() == Some("clock_not_virtual") {
        return untried(what, lang);
    }
    let came_back = match refusal.code() {
        Some(code) => told(code, refusal.message(), lang),
        None => refusal.message().to_owned(),
    };
    Seen {
        what,
        came_back,
        verdict: Verdict::Bad,
    }
}

fn untried(what: String, lang: Lang) -> Seen {
    let why = lang.pick("needs the admin API of a demo", "需要演示环境的管理接口");
    Seen {
        what,
        came_back: why.to_owned(),
        verdict: Verdict::Untried,
    }
}

/// A step as the file has it, in few words.
fn what(step: &Step, action: &str) -> String {
    let fault = step.fault.map(|fault| format!("[{}]", fault.name()));
    let order = step.order.as_ref().map(|order| format!("order {order}"));
    let words = [Some(action.to_owned()), order, step.instance.clone(), fault];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// A call that was made.
struct Made {
    is_good: bool,
    /// Why it could not be tried.
    untried: Option<[&'static str; 2]>,
    outcome: Option<Outcome>,
    /// The first refusal, and the status that it came with.
    refusal: Option<(Option<u16>, Fault)>,
}

impl Made {
    /// What came back. Why something was refused is told where it should not have been: elsewhere
    /// it would differ from run to run.
    fn told(&self, lang: Lang) -> String {
        let Some((status, fault)) = &self.refusal else {
            return lang.pick("success", "成功").to_owned();
        };
        let status = status
            .map(|status| format!(" {status}"))
            .unwrap_or_default();
        let refused = format!("{}{status}", lang.pick("refused", "拒绝"));
        if self.is_good {
            return refused;
        }
        format!("{refused}: {}", told(fault.code, &fault.message, lang))
    }
}

/// Makes the call of `step`, with its fault where it has one, and with its overture where not.
async fn made(
    step: &Step,
    action: &'static turnkey_dialects::Action,
    market: &Arc<Market>,
    call: &Call,
) -> Made {
    if let Some(fault) = step.fault {
        let seen = fault.done(market, call).await;
        let is_as_usual = seen.is_good() != Some(false);
        let is_good = match step.expected() {
            Expect::Success => is_as_usual && seen.refusal().is_none(),
            Expect::Refused if fault.is_survived() => seen.heard.iter().all(Result::is_err),
            Expect::Refused => is_as_usual,
        };
        let status = seen.replies.first().map(|reply| reply.status);
        let refusal = seen.refusal().map(|fault| (status, fault.clone()));
        return Made {
            is_good,
            untried: seen.untried,
            refusal,
            outcome: seen.heard.into_iter().flatten().next(),
        };
    }
    let mut delivery = None;
    if let Some((action, first)) = overture(market, action, call) {
        let before = market.deliver(action, &first, false).await;
        // Who refuses what comes before is not asked for more.
        delivery = before.outcome.is_err().then_some(before);
    }
    let delivery = match delivery {
        Some(refused) => refused,
        None => market.deliver(action, call, false).await,
    };
    let is_refused = matches!(&delivery.outcome, Err(fault) if fault.code != "no_answer");
    let is_good = match step.expected() {
        Expect::Success => delivery.outcome.is_ok(),
        Expect::Refused => is_refused,
    };
    let status = delivery.reply.map(|reply| reply.status);
    let (outcome, refusal) = match delivery.outcome {
        Ok(outcome) => (Some(outcome), None),
        Err(fault) => (None, Some((status, fault))),
    };
    Made {
        is_good,
        untried: None,
        outcome,
        refusal,
    }
}

/// The instance that `outcome` promises, once it is there; a buyer has to look until it is.
async fn there(market: &Market, call: &Call, outcome: &Outcome) -> Option<String> {
    let Outcome::Ordered { orders, .. } = outcome else {
        return named(outcome);
    };
    let look = Call {
        intent: Intent::Look(Look::Order(orders.first()?.clone())),
        ..call.clone()
    };
    for _ in 0..LOOKS_MAX {
        let request = market.spell(&look).ok()?;
        if let Ok(reply) = market.send(market.url(), request).await
            && let Ok(Outcome::Shown(view)) = market.hear(&look, &reply)
            && view.standing == Standing::Running
        {
            return Some(view.instance.to_string());
        }
        tokio::time::sleep(PAUSE).await;
    }
    None
}
