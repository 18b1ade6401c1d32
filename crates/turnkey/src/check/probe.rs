//! What rules send through: calls spelt by the dialect's ask face, changed as nobody would, signed as
//! wanted. It remembers which instances were made.

mod buyer;
mod draft;
mod heard;
mod made;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use turnkey_core::ports::Clock;
use turnkey_core::{
    Call, ChangePlan, Create, Digest, InstanceId, Intent, Listing, OrderKey, OrderRef, Period,
    Reason, Renew, UtcMillis,
};
use turnkey_dialects::{Ask, Card, Dialect, Overture};

use super::verdict::Stop;
use super::{Note, Plan};
use crate::market::{account_at, client, known_by};

pub use buyer::{WHO, Way, is_done, result, sources};
pub use draft::{Draft, Signing};
pub use heard::{Answer, Exchange, Heard, Silence};

/// Longest that an answer is waited for: longer than any marketplace does, so that the report can say
/// by how much it was late.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Whether a call may change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A dry run where the dialect has one.
    Dry,
    /// For real; a debugging instance where the dialect has those.
    Real,
}

/// Whose call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The listing that is checked.
    Ours,
    /// Another product's of the same vendor.
    Other,
}

/// One run's way to the endpoint.
pub struct Probe {
    dialect: &'static dyn Dialect,
    ask: &'static dyn Ask,
    plan: Plan,
    ours: Listing,
    other: Option<(Listing, String)>,
    clock: Arc<dyn Clock>,
    client: reqwest::Client,
    sample: tokio::sync::OnceCell<Heard>,
    made: made::Made,
    slowest: Mutex<Option<Heard>>,
}

impl Probe {
    /// The way that `plan` describes.
    ///
    /// # Errors
    /// When the dialect cannot be spoken, or there is no HTTP client.
    pub fn new(plan: Plan) -> anyhow::Result<Self> {
        let dialect = plan.dialect;
        let Some(ask) = dialect.faces().ask else {
            anyhow::bail!("Turnkey cannot play {}", dialect.card().title);
        };
        let known = |key: &secrecy::SecretString| Listing {
            product_code: Some(plan.product_code.clone().unwrap_or("prod-demo".to_owned())),
            ..known_by(key.clone())
        };
        let ours = match &plan.buyer {
            Some(buyer) => account_at(&plan.url, &buyer.access_key, plan.key.clone()),
            None => known(&plan.key),
        };
        let other = plan
            .other_url
            .clone()
            .map(|url| (known(&plan.other_key), url));
        let clock = Arc::clone(&plan.clock);
        Ok(Self {
            dialect,
            ask,
            ours,
            other,
            clock,
            client: client(ANSWER_WITHIN)?,
            sample: tokio::sync::OnceCell::new(),
            made: made::Made::default(),
            slowest: Mutex::default(),
            plan,
        })
    }

    /// What the dialect is.
    pub fn card(&self) -> &'static Card {
        self.dialect.card()
    }

    /// What the run was asked to do.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether the dialect has dry runs.
    pub fn has_dry_runs(&self) -> bool {
        self.card().overture == Overture::DryRun
    }

    /// The wall clock.
    pub fn now(&self) -> UtcMillis {
        self.clock.now().wall
    }

    /// The name on the wire of the action that we call `name`.
    pub fn wire(&self, name: &str) -> &'static str {
        let mut actions = self.card().actions.iter();
        actions
            .find(|action| action.name == name)
            .map_or("", |action| action.wire)
    }

    /// An order's id: the same for the same seed and label.
    pub fn order(&self, label: &str) -> String {
        format!("mord-chk{:08x}-{label}", self.plan.seed)
    }

    /// An instance's id that nobody ever gave out.
    pub fn nobody(&self) -> String {
        format!("i-chk{:08x}-nobody", self.plan.seed)
    }

    /// Whether anybody answers, whatever they say.
    pub async fn knock(&self) -> Heard {
        let knocked = match self.plan.buyer {
            Some(_) => match self.ask(WHO) {
                Ok(request) => Some(self.pass(request).await),
                Err(_) => None,
            },
            None => match self.test() {
                Ok(draft) => Some(self.call(draft).await),
                Err(_) => None,
            },
        };
        knocked.unwrap_or_else(|| Heard::new("", Err(Silence::Nobody), Duration::ZERO))
    }

    /// Is anybody there?
    pub fn test(&self) -> Result<Draft, Stop> {
        self.draft(Intent::Ping, Mode::Dry)
    }

    /// Buys one instance for a month.
    pub fn create(&self, order: &str, mode: Mode) -> Result<Draft, Stop> {
        self.draft(
            Intent::Create(Create {
                order: order_ref(order),
                buyer: "usr-turnkeychk".to_owned(),
                spec: self.plan.spec.clone(),
                package: Some(self.plan.package.clone()),
                period: Period::MONTH,
                context: self.context(),
            }),
            mode,
        )
    }

    fn context(&self) -> BTreeMap<String, String> {
        let debug = (!self.has_dry_runs()).then(|| ("debug".to_owned(), "true".to_owned()));
        debug.into_iter().collect()
    }

    /// Renews `instance` for a month.
    pub fn renew(&self, order: &str, instance: &str, mode: Mode) -> Result<Draft, Stop> {
        self.draft(
            Intent::Renew(Renew {
                order: order_ref(order),
                instance: InstanceId::new(instance),
                spec: self.plan.spec.clone(),
                package: Some(self.plan.package.clone()),
                period: Period::MONTH,
            }),
            mode,
        )
    }

    /// Moves `instance` to the plan that it has: the only one that is known to be offered.
    pub fn upgrade(&self, order: &str, instance: &str, mode: Mode) -> Result<Draft, Stop> {
        self.draft(
            Intent::ChangePlan(ChangePlan {
                order: order_ref(order),
                instance: InstanceId::new(instance),
                spec: self.plan.spec.clone(),
                package: Some(self.plan.package.clone()),
                period: Period::MONTH,
            }),
            mode,
        )
    }

    /// Ends the term of `instance`.
    pub fn expire(&self, instance: &str, mode: Mode) -> Result<Draft, Stop> {
        let intent = Intent::Suspend(InstanceId::new(instance), Reason::Marketplace);
        self.draft(intent, mode)
    }

    /// Removes `instance`.
    pub fn delete(&self, instance: &str, mode: Mode) -> Result<Draft, Stop> {
        self.draft(Intent::Release(InstanceId::new(instance)), mode)
    }

    fn draft(&self, intent: Intent, mode: Mode) -> Result<Draft, Stop> {
        self.draft_for(Whose::Ours, intent, mode)
    }

    /// `draft` as the other product would have it: with its URL's own query.
    pub fn expire_at_other(&self, instance: &str) -> Result<Draft, Stop> {
        let intent = Intent::Suspend(InstanceId::new(instance), Reason::Marketplace);
        self.draft_for(Whose::Other, intent, Mode::Real)
    }

    fn draft_for(&self, whose: Whose, intent: Intent, mode: Mode) -> Result<Draft, Stop> {
        let (listing, url) = match (whose, &self.other) {
            (Whose::Ours, _) => (&self.ours, &self.plan.url),
            (Whose::Other, Some((listing, url))) => (listing, url),
            (Whose::Other, None) => {
                return Err(Stop(Note::new("no --other-url", "没有给出 --other-url")));
            }
        };
        let (_, own_query) = url.split_once('?').unwrap_or((url, ""));
        let is_debugged = !self.has_dry_runs() && intent != Intent::Ping;
        let call = Call {
            intent,
            dry_run: mode == Mode::Dry && self.has_dry_runs(),
            signed_at: None,
            caller: None,
        };
        let set = &self.plan.set;
        let request = self.ask.ask(&call, listing, own_query, set, self.now())?;
        let draft = Draft::of(&request, whose);
        Ok(if is_debugged {
            draft.with("debug", "true")
        } else {
            draft
        })
    }

    /// Signs `draft` well and sends it.
    pub async fn call(&self, draft: Draft) -> Heard {
        self.send(draft, &Signing::Good).await
    }

    /// The answer to one ordinary create, asked once in a run: a dry run where there are any.
    pub async fn sample(&self) -> Result<&Heard, Stop> {
        let order = self.order("sample");
        let sample = self.sample.get_or_try_init(|| async {
            let draft = self.create(&order, Mode::Dry)?;
            Ok::<_, Stop>(self.call(draft).await)
        });
        sample.await
    }

    /// An instance of its own for a check.
    ///
    /// # Errors
    /// When there is none: another check says why.
    pub async fn instance(&self, label: &str) -> Result<String, Stop> {
        let heard = self
            .call(self.create(&self.order(label), Mode::Real)?)
            .await;
        heard.instance().ok_or_else(|| Stop::needs_instance(&heard))
    }

    /// The slowest answer of the run so far.
    pub fn slowest(&self) -> Option<Heard> {
        self.slowest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn retries(&self, name: &str) -> u32 {
        let mut actions = self.card().actions.iter();
        let action = actions.find(|action| action.name == name);
        action.map_or(0, |action| action.retries)
    }

    /// Remembers how long `heard` took.
    fn timed(&self, heard: &Heard) {
        let mut slowest = self.slowest.lock().unwrap_or_else(PoisonError::into_inner);
        if slowest
            .as_ref()
            .is_none_or(|slowest| heard.took > slowest.took)
        {
            *slowest = Some(heard.clone());
        }
    }
}

fn order_ref(order: &str) -> OrderRef {
    OrderRef {
        key: OrderKey::new(order),
        content: Digest::of(&[]),
    }
}
