//! The market: a script of steps that survives every crash. Whatever it asks, it asks again until
//! it is answered, each time signed anew.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::task::JoinSet;
use turnkey_core::decide::Outcome;
use turnkey_core::ports::Clock as _;
use turnkey_core::{
    Access, Call, Fault, FaultKind, InstanceId, Intent, Login, Operation, OperationState, OrderKey,
    OrderKind, OrderState, UtcMillis,
};
use turnkey_testkit::sample;

use super::life::Life;
use super::promises::{Ledger, Rows};
use crate::shop::WAIT_MS;

/// After how long the market repeats what was not answered, in milliseconds.
const REPEAT_MS: u64 = 60_000;

/// How often whoever waits for something looks, in milliseconds.
const LOOK_MS: u64 = 1_000;

/// What the market asks: an order key of its own where there is one, and the key of the order that
/// made the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Create(&'static str),
    Renew(&'static str, &'static str),
    ChangePlan(&'static str, &'static str),
    Suspend(&'static str),
    Resume(&'static str),
    Release(&'static str),
}

/// One step of a script; the next begins when it is over.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// These are asked at once, each until it is answered.
    All(Vec<Ask>),
    /// This is asked until it is answered, be it with "not ready".
    Knock(Ask),
    /// The work of this order needs a person.
    Dead(Ask),
    /// A person has a word with the vendor, and has the work of this order taken up again.
    Reopen(Ask),
    /// A person adds these items to the stock.
    Stock(&'static [&'static str]),
    /// Everything is done.
    Settled,
    /// Every order is put again as it was signed the first time: nothing may happen.
    Echo,
}

/// A script and how far it came.
pub(crate) struct Market {
    steps: Vec<Step>,
    ledger: Arc<Ledger>,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    step: usize,
    /// The answers, by step and place in it.
    answers: BTreeMap<(usize, usize), String>,
    /// What was asked, and how the first of its calls was signed.
    first_signed: Vec<(Ask, UtcMillis)>,
}

impl Ask {
    /// The order that this puts.
    pub(crate) fn order(self) -> Option<(OrderKind, OrderKey)> {
        match self {
            Self::Create(key) => Some((OrderKind::Create, OrderKey::new(key))),
            Self::Renew(key, _) => Some((OrderKind::Renew, OrderKey::new(key))),
            Self::ChangePlan(key, _) => Some((OrderKind::ChangePlan, OrderKey::new(key))),
            Self::Suspend(_) | Self::Resume(_) | Self::Release(_) => None,
        }
    }

    fn intent(self, ledger: &Ledger) -> Intent {
        let id = |of: &str| -> InstanceId {
            let id = ledger.id(&OrderKey::new(of));
            id.expect("an instance is known before anything else is asked of it")
        };
        match self {
            Self::Create(key) => sample::create(key),
            Self::Renew(key, of) => sample::renew(key, &id(of)),
            Self::ChangePlan(key, of) => sample::change_plan(key, &id(of)),
            Self::Suspend(of) => sample::suspend(&id(of)),
            Self::Resume(of) => sample::resume(&id(of)),
            Self::Release(of) => sample::release(&id(of)),
        }
    }
}

impl Market {
    pub(crate) fn new(steps: &[Step], ledger: Arc<Ledger>) -> Self {
        Self {
            steps: steps.to_vec(),
            ledger,
            progress: Mutex::default(),
        }
    }

    /// The answers in which the script ended.
    pub(crate) fn answers(&self) -> Vec<String> {
        let progress = self.progress.lock().unwrap();
        progress.answers.values().cloned().collect()
    }

    /// Goes on with the script, to its end.
    pub(crate) async fn go_on(self: &Arc<Self>, life: &Arc<Life>) {
        loop {
            let at = self.progress.lock().unwrap().step;
            let Some(step) = self.steps.get(at) else {
                return;
            };
            match step {
                Step::All(asks) => self.all(life, at, asks).await,
                Step::Knock(ask) => self.until_answered(life, (at, 0), *ask, true).await,
                Step::Dead(ask) => self.until_dead(life, *ask).await,
                Step::Reopen(ask) => self.reopen(life, *ask).await,
                Step::Stock(items) => self.stock(life, items).await,
                Step::Settled => self.until_settled(life).await,
                Step::Echo => self.echo(life).await,
            }
            self.progress.lock().unwrap().step = at + 1;
        }
    }

    async fn all(self: &Arc<Self>, life: &Arc<Life>, at: usize, asks: &[Ask]) {
        let mut open = JoinSet::new();
        for (n, ask) in asks.iter().copied().enumerate() {
            let (market, life) = (Arc::clone(self), Arc::clone(life));
            open.spawn(async move { market.until_answered(&life, (at, n), ask, false).await });
        }
        while let Some(answered) = open.join_next().await {
            answered.unwrap();
        }
    }

    async fn until_answered(&self, life: &Life, place: (usize, usize), ask: Ask, knocks: bool) {
        loop {
            if self.progress.lock().unwrap().answers.contains_key(&place) {
                return;
            }
            let signed_at = life.clock.now().wall;
            self.signed(ask, signed_at);
            let answer = self.ask(life, ask, signed_at).await;
            let words = words(&answer);
            let is_no_answer = match &answer {
                Ok(Outcome::NotReady { .. }) => !knocks,
                Ok(_) => false,
                Err(fault) => fault.kind == FaultKind::Busy,
            };
            if !is_no_answer {
                let mut progress = self.progress.lock().unwrap();
                progress.answers.insert(place, words);
                return;
            }
            life.clock.sleep(REPEAT_MS).await;
        }
    }

    async fn ask(&self, life: &Life, ask: Ask, signed_at: UtcMillis) -> Result<Outcome, Fault> {
        let call = Arc::new(Call {
            signed_at: Some(signed_at),
            ..sample::call(ask.intent(&self.ledger), life.clock.now())
        });
        let answer = life.desk.submit(&life.listing, call, WAIT_MS).await;
        let answer = answer.map(|answer| answer.outcome);
        life.events.answered(ask, &answer).await;
        answer
    }

    fn signed(&self, ask: Ask, at: UtcMillis) {
        let mut progress = self.progress.lock().unwrap();
        if !progress.first_signed.iter().any(|(own, _)| *own == ask) {
            progress.first_signed.push((ask, at));
        }
    }

    async fn until_dead(&self, life: &Life, ask: Ask) {
        let (kind, key) = ask.order().expect("an order has work");
        loop {
            let rows = self.look(life).await;
            let order = rows.order(kind, &key).expect("the order is stored");
            let own = |o: &&Operation| o.id == order.id.operation();
            let operation = rows.operations.iter().find(own).expect("it is not done");
            if operation.state == OperationState::Dead {
                return;
            }
            life.clock.sleep(LOOK_MS).await;
        }
    }

    async fn reopen(&self, life: &Life, ask: Ask) {
        let (kind, key) = ask.order().expect("an order has work");
        life.events.vendor.tell();
        let rows = self.look(life).await;
        let order = rows.order(kind, &key).expect("the order is stored");
        let operation = order.id.operation();
        let is_dead = |o: &Operation| o.state == OperationState::Dead;
        let mut own = rows.operations.iter().filter(|o| o.id == operation);
        // A person looks before asking again: the life may have ended behind the commit.
        if order.state == OrderState::Failed || own.any(is_dead) {
            life.desk.reopen(operation).await.expect("it is reopened");
        }
    }

    async fn stock(&self, life: &Life, items: &[&str]) {
        let new = |(line, item): (u64, &&str)| (line, None, stocked(item));
        let items = (2..).zip(items).map(new).collect();
        match life.desk.stock_add("notes".to_owned(), items).await {
            Ok(_) => {}
            // The life before ended behind the commit, and the file is added again.
            Err(fault) => assert_eq!(fault.code, "stock_duplicate", "{fault}"),
        }
    }

    async fn until_settled(&self, life: &Life) {
        while !self.look(life).await.operations.is_empty() {
            life.clock.sleep(LOOK_MS).await;
        }
    }

    async fn echo(&self, life: &Life) {
        let asked = self.progress.lock().unwrap().first_signed.clone();
        let versions = |rows: &Rows| -> Vec<(InstanceId, u64)> {
            let own = rows.instances.iter();
            own.map(|i| (i.id.clone(), i.version)).collect()
        };
        let before = self.look(life).await;
        for (ask, signed_at) in asked {
            if ask.order().is_some() {
                // Whatever it is: `answered` compares it with what was said before.
                let _ = self.ask(life, ask, signed_at).await;
            }
        }
        let after = self.look(life).await;
        assert_eq!(versions(&before), versions(&after), "a repeat is no work");
        assert!(after.operations.is_empty(), "a repeat makes no work");
    }

    async fn look(&self, life: &Life) -> Rows {
        let _turn = life.events.turn().await;
        life.events.rows().await
    }
}

/// An item for the stock.
fn stocked(item: &str) -> Access {
    Access {
        front_end: Login {
            password: Some(item.to_owned()),
            ..Login::default()
        },
        ..Access::default()
    }
}

/// An answer, as far as it must be the same however often the program died.
fn words(answer: &Result<Outcome, Fault>) -> String {
    match answer {
        Ok(Outcome::Delivered { .. }) => "delivered".to_owned(),
        Ok(Outcome::NotReady { .. }) => "not ready".to_owned(),
        Ok(Outcome::Held { .. }) => "held".to_owned(),
        Ok(Outcome::Ordered { .. } | Outcome::Shown(_) | Outcome::Listed(..)) => {
            "as a buyer".to_owned()
        }
        Ok(Outcome::Done | Outcome::Gone) => "done".to_owned(),
        Err(fault) => format!("{}: {}", fault.code, fault.message),
    }
}
