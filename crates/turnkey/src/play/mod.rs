//! The virtual business clock of a running shop: how it is moved, and how its marketplaces play
//! along (design §5, "two clocks").
//!
//! The marketplaces' part is played from here and not from the command line, because here is what
//! it takes: the listings' keys, and the clock resting at the moment at which a call is due. The
//! calls themselves are real: signed on the wall clock, over HTTP, to the door that marketplaces
//! know.

mod story;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use turnkey_core::decide::Outcome;
use turnkey_core::ports::{Boxed, BusinessClock, Clock, Store};
use turnkey_core::{
    Call, ChangePlan, Digest, Fault, Instance, InstanceState, Intent, Now, Offers, Operation,
    OrderKey, OrderKind, OrderRef, Period, Reason, Renew, UtcMillis,
};
use turnkey_dialects::{Action, Dialect};
use turnkey_drivers::market::{Market, Schedule};
use turnkey_engine::{Calendar, Diary, End, Kept, Next, Sweeper, TermEnds, Waiting};

use crate::keys::Listed;
use crate::market;
pub(crate) use story::{PAUSE_MAX, RENEWALS_MAX, Story};
use story::{SoFar, Step};

/// What is bought where a listing takes any words.
const ANY_WORDS: (&str, &str) = ("规格", "套餐");

/// The virtual business clock of a shop.
pub(crate) struct VirtualClock {
    calendar: Calendar,
    stages: HashMap<String, Stage>,
    store: Arc<dyn Store>,
    clock: Arc<dyn BusinessClock>,
    door: OnceLock<SocketAddr>,
}

/// A listing whose marketplace is in charge of terms.
struct Stage {
    listed: Arc<Listed>,
    dialect: &'static dyn Dialect,
    path: String,
}

/// What an advance came to.
pub(crate) struct Advance {
    /// What both clocks show.
    pub(crate) now: Now,
    /// What happened on the way.
    pub(crate) scenes: Vec<Scene>,
    /// Whether the clock is where it was to go; otherwise another advance goes on.
    pub(crate) is_over: bool,
    /// The work that keeps the clock where it is.
    pub(crate) waits_for: Option<Operation>,
}

/// One thing that happened on the way.
pub(crate) struct Scene {
    /// When, on the business clock.
    pub(crate) at: UtcMillis,
    /// What the marketplace called; absent where a term ended and nobody called.
    pub(crate) played: Option<Played>,
    /// The instance afterwards.
    pub(crate) instance: Instance,
}

/// What the marketplace called, and how it was answered.
pub(crate) struct Played {
    /// The action.
    pub(crate) action: &'static str,
    /// What the instance was before.
    pub(crate) was: InstanceState,
    /// The marketplace's key for the order, where it is one.
    pub(crate) order: Option<OrderKey>,
    /// What the marketplace makes of the answer.
    pub(crate) outcome: Result<Outcome, Fault>,
    /// How often it called.
    pub(crate) calls: u32,
    /// How many of the calls were not answered in time.
    pub(crate) unanswered: u32,
}

impl VirtualClock {
    /// The clock of a shop that sells `listed`; the runner tells `waiting` how work ended.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn BusinessClock>,
        waiting: Waiting,
        sweeper: Arc<Sweeper>,
        sold: &[(String, Arc<Listed>, &'static dyn Dialect)],
    ) -> Self {
        // Whoever can say that a term is over is in charge of it.
        let is_in_charge = |dialect: &dyn Dialect| action(dialect, Step::Expire).is_ok();
        let stage = |(path, listed, dialect): &(String, Arc<Listed>, &'static dyn Dialect)| {
            let stage = Stage {
                listed: Arc::clone(listed),
                dialect: *dialect,
                path: path.clone(),
            };
            (listed.listing().name.clone(), stage)
        };
        let stages = sold
            .iter()
            .filter(|(_, _, dialect)| dialect.card().root.is_none() && is_in_charge(*dialect))
            .map(stage)
            .collect();
        let listings = sold.iter().map(|(_, listed, _)| listed.listing());
        Self {
            calendar: Calendar::new(
                Arc::clone(&store),
                Arc::clone(&clock),
                waiting,
                sweeper,
                listings,
            ),
            stages,
            store,
            clock,
            door: OnceLock::new(),
        }
    }

    /// Says where the door is that marketplaces know.
    pub(crate) fn opens_at(&self, mut door: SocketAddr) {
        if door.ip().is_unspecified() {
            door.set_ip(match door.ip() {
                IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
                IpAddr::V6(_) => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
            });
        }
        // The door is opened once.
        let _ = self.door.set(door);
    }

    /// Moves the clock to `until`, from one due moment to the next; with a story the marketplaces
    /// play along.
    ///
    /// # Errors
    /// `clock_back` when it is later already, `clock_busy` while somebody else moves it; and when
    /// the store is not well.
    pub(crate) async fn advance(
        &self,
        until: UtcMillis,
        story: Option<Story>,
    ) -> Result<Advance, Fault> {
        let (now, end, scenes) = match story {
            None => {
                let advanced = self.calendar.advance(until, &TermEnds).await?;
                let scene = |kept: Kept<UtcMillis, ()>| Scene {
                    at: kept.at,
                    played: None,
                    instance: kept.instance,
                };
                let scenes = advanced.entries.into_iter().map(scene).collect();
                (advanced.now, advanced.end, scenes)
            }
            Some(story) => {
                let play = Play {
                    markets: self.markets()?,
                    of: self,
                    story,
                };
                let advanced = self.calendar.advance(until, &play).await?;
                let scene = |kept: Kept<Step, Played>| Scene {
                    at: kept.at,
                    played: Some(kept.done),
                    instance: kept.instance,
                };
                let scenes = advanced.entries.into_iter().map(scene).collect();
                (advanced.now, advanced.end, scenes)
            }
        };
        let (is_over, waits_for) = match end {
            End::Arrived => (true, None),
            End::Midway => (false, None),
            End::Waits(operation) => (false, Some(*operation)),
        };
        Ok(Advance {
            now,
            scenes,
            is_over,
            waits_for,
        })
    }

    /// The marketplaces, each ready to call its listing.
    fn markets(&self) -> Result<HashMap<&str, Market>, Fault> {
        let door = self.door.get();
        let door = door.ok_or_else(|| Fault::bug("the clock was moved before a door was open"))?;
        let named = |(name, stage)| Ok((String::as_str(name), self.market(stage, *door)?));
        self.stages.iter().map(named).collect()
    }

    fn market(&self, stage: &Stage, door: SocketAddr) -> Result<Market, Fault> {
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let to = format!("http://{door}{}", stage.path);
        let listing = stage.listed.listing();
        let market = market::open(
            stage.dialect,
            listing,
            clock,
            &to,
            Vec::new(),
            Schedule::REAL,
        );
        market.map_err(|error| Fault::bug(format!("{error:#}")))
    }
}

/// The action of `dialect` that says `step`.
fn action(dialect: &dyn Dialect, step: Step) -> Result<&'static Action, Fault> {
    let card = dialect.card();
    let mut actions = card.actions.iter();
    actions
        .find(|action| action.name == step.action())
        .ok_or_else(|| {
            let message = format!("{} has no {}", card.name, step.action());
            Fault::malformed("play_unspeakable", message)
        })
}

/// A story, told of every instance of the shop.
struct Play<'a> {
    of: &'a VirtualClock,
    /// By the name of the listing.
    markets: HashMap<&'a str, Market>,
    story: Story,
}

impl Diary for Play<'_> {
    type Entry = Step;
    type Done = Played;

    fn next<'a>(&'a self, instance: &'a Instance, _: UtcMillis) -> Next<'a, Step> {
        Box::pin(async move {
            let is_on_stage = match instance.state {
                InstanceState::Running | InstanceState::Suspended => {
                    self.of.stages.contains_key(&instance.listing)
                }
                InstanceState::Provisioning
                | InstanceState::Failed
                | InstanceState::Releasing
                | InstanceState::Released => false,
            };
            if !is_on_stage {
                return Ok(None);
            }
            let so_far = self.so_far(instance).await?;
            Ok(self.story.next(instance, so_far))
        })
    }

    fn act<'a>(&'a self, instance: &'a Instance, step: &'a Step) -> Boxed<'a, Played> {
        Box::pin(async move {
            let order = step.order(instance);
            match self.called(instance, *step, order.clone()).await {
                Ok(played) => played,
                Err(fault) => Played {
                    action: step.action(),
                    was: instance.state,
                    order,
                    outcome: Err(fault),
                    calls: 0,
                    unanswered: 0,
                },
            }
        })
    }
}

impl Play<'_> {
    /// How far the story has come, by the orders that were taken.
    async fn so_far(&self, instance: &Instance) -> Result<SoFar, Fault> {
        let mut so_far = SoFar::default();
        for n in 1..=self.story.renewals.saturating_add(1) {
            let step = Step::Renew(n);
            let Some(at) = self.taken(instance, OrderKind::Renew, step).await? else {
                return Ok(so_far);
            };
            so_far.renewals = n;
            so_far.renewed_at = at;
        }
        let upgraded = self.taken(instance, OrderKind::ChangePlan, Step::Upgrade);
        so_far.is_upgraded = upgraded.await?.is_some();
        Ok(so_far)
    }

    /// When the order of `step` was taken, on the business clock.
    async fn taken(
        &self,
        instance: &Instance,
        kind: OrderKind,
        step: Step,
    ) -> Result<Option<UtcMillis>, Fault> {
        let Some(key) = step.order(instance) else {
            return Ok(None);
        };
        let order = self.of.store.order_get(instance.listing.clone(), kind, key);
        Ok(order.await?.map(|order| order.accepted_at.business))
    }

    /// Has the marketplace call.
    async fn called(
        &self,
        instance: &Instance,
        step: Step,
        order: Option<OrderKey>,
    ) -> Result<Played, Fault> {
        let name = instance.listing.as_str();
        let on_stage = self.of.stages.get(name).zip(self.markets.get(name));
        let off_stage = || Fault::bug("an instance of a listing without a stage was played");
        let (stage, market) = on_stage.ok_or_else(off_stage)?;
        let call = Call::ours(self.intent(stage, instance, step, order.clone()).await?);
        let action = action(stage.dialect, step)?;
        let delivery = market.deliver(action, &call, false).await;
        Ok(Played {
            action: action.name,
            was: instance.state,
            order,
            outcome: delivery.outcome,
            calls: delivery.calls,
            unanswered: delivery.unanswered,
        })
    }

    async fn intent(
        &self,
        stage: &Stage,
        instance: &Instance,
        step: Step,
        key: Option<OrderKey>,
    ) -> Result<Intent, Fault> {
        let id = instance.id.clone();
        let listing = stage.listed.listing();
        let offers = &listing.offers;
        // What counts as content is a matter of whoever reads the call.
        let order = key.map(|key| OrderRef {
            key,
            content: Digest::of(&[]),
        });
        Ok(match (step, order) {
            (Step::Renew(_), Some(order)) => {
                let (spec, package) = words_for(offers, &instance.plan)?;
                Intent::Renew(Renew {
                    order,
                    instance: id,
                    spec,
                    package: Some(package),
                    period: self.period(instance).await?,
                })
            }
            (Step::Upgrade, Some(order)) => {
                let plan = other_plan(offers, &instance.plan);
                let (spec, package) = words_for(offers, plan)?;
                Intent::ChangePlan(ChangePlan {
                    order,
                    instance: id,
                    spec,
                    package: Some(package),
                    period: self.period(instance).await?,
                })
            }
            (Step::Expire, _) => Intent::Suspend(id, Reason::Marketplace),
            (Step::Delete, _) => Intent::Release(id),
            (Step::Renew(_) | Step::Upgrade, None) => {
                return Err(Fault::bug("a step that is an order has no key"));
            }
        })
    }

    /// The period that the instance was bought for.
    async fn period(&self, instance: &Instance) -> Result<Period, Fault> {
        let order = self.of.store.order_by_id(instance.order.clone()).await?;
        let order = order.and_then(|order| Period::spelled(&order.period));
        let unknown = || {
            let message = format!("for how long {} was bought is not known", instance.id);
            Fault::malformed("play_unspeakable", message)
        };
        order.ok_or_else(unknown)
    }
}

/// The marketplace's words that buy `plan`.
fn words_for(offers: &Offers, plan: &str) -> Result<(String, String), Fault> {
    let (any_spec, any_package) = ANY_WORDS;
    match offers {
        Offers::AnyPlan(_) => Ok((any_spec.to_owned(), any_package.to_owned())),
        Offers::Listed(offers) => {
            let offer = offers.iter().find(|offer| offer.plan == plan);
            let offer = offer.ok_or_else(|| {
                let message = format!("plan {plan:?} is not offered any more");
                Fault::malformed("play_unspeakable", message)
            })?;
            let package = offer.package.as_deref().unwrap_or(any_package);
            Ok((offer.spec.clone(), package.to_owned()))
        }
    }
}

/// The first plan on offer behind `plan` that is another; `plan` itself where there is none.
fn other_plan<'a>(offers: &'a Offers, plan: &'a str) -> &'a str {
    let Offers::Listed(offers) = offers else {
        return plan;
    };
    let at = offers.iter().position(|offer| offer.plan == plan);
    let behind = offers
        .iter()
        .cycle()
        .skip(at.unwrap_or(0))
        .take(offers.len());
    let mut others = behind.filter(|offer| offer.plan != plan);
    others.next().map_or(plan, |offer| offer.plan.as_str())
}
