//! The vendor's world. It survives every crash, remembers by operation key what it did, and gives
//! the same answer the second time. It also notices what an honest caller never does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use turnkey_core::ports::{Immediate, Verdict, Work};
use turnkey_core::{Access, InstanceId, Login, OperationId, OperationKind, OrderKey};

/// How the vendor's system behaves when it is first asked for some kind of work.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// It fails so many times, then does it.
    Fails(u32),
    /// It says "not yet" so many times, five seconds each.
    NotYet(u32),
    /// It takes so many milliseconds over each ask.
    Takes(u64),
    /// It says a final no until the operator has had a word with it.
    RefusesUntilTold,
    /// It fails until the operator has had a word with it.
    FailsUntilTold,
    /// It says a final no, whatever anybody says.
    Refuses,
}

/// The vendor's world.
pub(crate) struct Vendor {
    manners: Vec<(OperationKind, Manner)>,
    world: Mutex<World>,
}

#[derive(Default)]
struct World {
    told: bool,
    /// The answer to each key whose work is done.
    done: BTreeMap<OperationId, Verdict>,
    asked: BTreeMap<OperationId, u32>,
    provisioned_by: BTreeMap<OrderKey, BTreeSet<OperationId>>,
    made: BTreeMap<InstanceId, Made>,
    complaints: Vec<String>,
}

/// One instance, as the vendor has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) order: OrderKey,
    pub(crate) access: Access,
    pub(crate) plan: String,
    pub(crate) suspended: bool,
    pub(crate) removed: bool,
    pub(crate) renewals: u32,
}

impl Vendor {
    pub(crate) fn new(manners: &[(OperationKind, Manner)]) -> Self {
        Self {
            manners: manners.to_vec(),
            world: Mutex::default(),
        }
    }

    /// The operator has a word with the vendor: from now on it does what it is asked.
    pub(crate) fn tell(&self) {
        self.world.lock().unwrap().told = true;
    }

    /// For how long it thinks about `work` before it does anything.
    pub(crate) fn thinks_ms(&self, work: &Work) -> u64 {
        match self.manner(work.kind) {
            Some(Manner::Takes(ms)) => ms,
            Some(
                Manner::Fails(_)
                | Manner::NotYet(_)
                | Manner::RefusesUntilTold
                | Manner::FailsUntilTold
                | Manner::Refuses,
            )
            | None => 0,
        }
    }

    /// What it made, by id.
    pub(crate) fn made(&self) -> BTreeMap<InstanceId, Made> {
        self.world.lock().unwrap().made.clone()
    }

    /// What no honest caller does.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.world.lock().unwrap().complaints.clone()
    }

    /// The orders for which it made an instance.
    pub(crate) fn provisioned(&self) -> BTreeSet<OrderKey> {
        let world = self.world.lock().unwrap();
        world.made.values().map(|made| made.order.clone()).collect()
    }

    /// Under which keys an instance was asked for, by order.
    pub(crate) fn provisioned_by(&self) -> BTreeMap<OrderKey, BTreeSet<OperationId>> {
        self.world.lock().unwrap().provisioned_by.clone()
    }

    fn manner(&self, kind: OperationKind) -> Option<Manner> {
        let own = self.manners.iter().find(|(own, _)| *own == kind);
        own.map(|(_, manner)| *manner)
    }
}

/// Does the work, or finds that it is done already.
impl Immediate for Vendor {
    fn takes_stock(&self) -> bool {
        false
    }

    fn answer(&self, work: &Work) -> Verdict {
        let mut world = self.world.lock().unwrap();
        world.look_at(work);
        if let Some(done) = world.done.get(&work.operation) {
            return done.clone();
        }
        let asked = world.asked.entry(work.operation.clone()).or_default();
        *asked += 1;
        let (asked, told) = (*asked, world.told);
        let no = || Verdict::No("no seat is left".to_owned());
        let fail = || Verdict::Retry("the vendor's system is down".to_owned());
        match self.manner(work.kind) {
            Some(Manner::Fails(times)) if asked <= times => return fail(),
            Some(Manner::FailsUntilTold) if !told => return fail(),
            Some(Manner::NotYet(times)) if asked <= times => return Verdict::NotYet(Some(5_000)),
            Some(Manner::RefusesUntilTold) if !told => return no(),
            Some(Manner::Refuses) => return no(),
            Some(
                Manner::Fails(_)
                | Manner::FailsUntilTold
                | Manner::NotYet(_)
                | Manner::RefusesUntilTold
                | Manner::Takes(_),
            )
            | None => {}
        }
        let done = Verdict::Done(world.work(work));
        world.done.insert(work.operation.clone(), done.clone());
        done
    }
}

impl World {
    /// Complains about what an honest caller never does.
    fn look_at(&mut self, work: &Work) {
        let key = |work: &Work| work.order.as_ref().expect("work has an order").key.clone();
        if work.kind == OperationKind::Provision {
            let keys = self.provisioned_by.entry(key(work)).or_default();
            keys.insert(work.operation.clone());
            if keys.len() > 1 {
                let complaint = format!("order {} comes under another key: {keys:?}", key(work));
                self.complaints.push(complaint);
            }
        }
        if self.done.contains_key(&work.operation) {
            return;
        }
        let made = self.made.get(&work.instance);
        let complaint = match (work.kind, made) {
            (OperationKind::Provision, Some(_)) => "is there already",
            (OperationKind::Provision | OperationKind::Release, None) => return,
            (_, None) => "was never made",
            (_, Some(made)) if made.removed => "was removed",
            (_, Some(_)) => return,
        };
        let (kind, instance) = (work.kind.name(), &work.instance);
        self.complaints
            .push(format!("{kind} of {instance}, which {complaint}"));
    }

    fn work(&mut self, work: &Work) -> Option<Access> {
        if work.kind == OperationKind::Provision {
            let made = make(work);
            let access = made.access.clone();
            self.made.insert(work.instance.clone(), made);
            return Some(access);
        }
        let made = self.made.get_mut(&work.instance)?;
        match work.kind {
            OperationKind::Provision => {}
            OperationKind::Renew => made.renewals += 1,
            OperationKind::ChangePlan => made.plan.clone_from(&work.plan),
            OperationKind::Suspend => made.suspended = true,
            OperationKind::Resume => made.suspended = false,
            OperationKind::Release => made.removed = true,
        }
        None
    }
}

/// A new instance. Its access follows from the operation key, so whoever asks under another key is
/// told another address.
fn make(work: &Work) -> Made {
    let front_end = Login {
        url: Some(format!("https://saas.example/{}", work.operation)),
        password: Some(format!("secret-of-{}", work.operation)),
        ..Login::default()
    };
    Made {
        order: work.order.as_ref().expect("work has an order").key.clone(),
        access: Access {
            front_end,
            ..Access::default()
        },
        plan: work.plan.clone(),
        suspended: false,
        removed: false,
        renewals: 0,
    }
}
