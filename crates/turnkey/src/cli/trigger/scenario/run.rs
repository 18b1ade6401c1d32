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
use crate::cli::admin_client::{AdminClient, segment};
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
    pub(super) fn new(player: &'a Player, admin: AdminClient, name: &str, seed: u64) -> Self {
        let seed_text = seed.to_string();
        let digest = Digest::of(&[("scenario", Some(name)), ("seed", Some(&seed_text))]);
        Self {
            player,
            admin,
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
            return (is_same, format!("{name} = {id}"));
        }
        let is_new = !self.instances.values().any(|known| *known == id);
        self.instances.insert(name.to_owned(), id.clone());
        (is_new, format!("{name} = {id}"))
    }

    fn advance(&self, by: Duration, said: &str, lang: Lang) -> Seen {
        let what = match lang {
            Lang::En => format!("the clock leaps {said}"),
            Lang::Zh => format!("时钟前进 {said}"),
        };
        match clock::advance(&self.admin, by) {
            Ok(is_there) => Seen {
                what,
                came_back: lang.pick("it did", "已前进").to_owned(),
                verdict: if is_there {
                    Verdict::Good
                } else {
                    Verdict::Bad
                },
            },
            Err(_) => untried(what, lang),
        }
    }

    fn look(&self, name: &str, wanted: &str, lang: Lang) -> Seen {
        let what = match lang {
            Lang::En => format!("{name} is {wanted}"),
            Lang::Zh => format!("{name} 的状态是 {wanted}"),
        };
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
                Err(_) => return untried(what, lang),
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
        let is_good = match step.expected() {
            Expect::Success => seen.is_good() && seen.refusal().is_none(),
            Expect::Refused if fault.is_survived() => seen.heard.iter().all(Result::is_err),
            Expect::Refused => seen.is_good(),
        };
        let status = seen.replies.first().map(|reply| reply.status);
        let refusal = seen.refusal().map(|fault| (status, fault.clone()));
        return Made {
            is_good,
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
