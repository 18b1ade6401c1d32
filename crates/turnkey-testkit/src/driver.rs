//! Drivers that say what they are told and remember what they were asked.

use std::sync::{Mutex, PoisonError};

use turnkey_core::ports::{Boxed, Driver, Immediate, Verdict, Work};
use turnkey_core::{Access, Login, OperationKind};

type Script = Box<dyn FnMut(&Work) -> Boxed<'static, Verdict> + Send>;

/// A driver that answers by a script and remembers every ask.
pub struct ScriptedDriver {
    script: Mutex<Script>,
    asked: Mutex<Vec<Work>>,
}

impl ScriptedDriver {
    /// A driver that answers what `script` says, at once.
    #[must_use]
    pub fn new(mut script: impl FnMut(&Work) -> Verdict + Send + 'static) -> Self {
        Self::unhurried(move |work| Box::pin(std::future::ready(script(work))))
    }

    /// A driver that answers what `script` says, when it says it.
    #[must_use]
    pub fn unhurried(
        script: impl FnMut(&Work) -> Boxed<'static, Verdict> + Send + 'static,
    ) -> Self {
        Self {
            script: Mutex::new(Box::new(script)),
            asked: Mutex::new(Vec::new()),
        }
    }

    /// A driver that always does its work; the second ask repeats the first answer.
    #[must_use]
    pub fn willing() -> Self {
        Self::new(done)
    }

    /// Everything that it was asked so far, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Work> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Driver for ScriptedDriver {
    fn immediate(&self) -> Option<&dyn Immediate> {
        None
    }

    fn drive(&self, work: Work) -> Boxed<'_, Verdict> {
        let verdict = (self.script.lock().unwrap_or_else(PoisonError::into_inner))(&work);
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(work);
        verdict
    }
}

/// A driver that does its work on the spot, inside the decision.
pub struct ImmediateDriver {
    answer: fn(&Work) -> Verdict,
    takes_stock: bool,
}

impl ImmediateDriver {
    /// A driver that answers what `answer` says, at once.
    #[must_use]
    pub fn new(answer: fn(&Work) -> Verdict) -> Self {
        Self {
            answer,
            takes_stock: false,
        }
    }

    /// A driver that always does its work, at once.
    #[must_use]
    pub fn willing() -> Self {
        Self::new(done)
    }

    /// A driver that delivers out of the product's stock.
    #[must_use]
    pub fn from_stock() -> Self {
        Self {
            answer: out_of_stock,
            takes_stock: true,
        }
    }
}

impl Immediate for ImmediateDriver {
    fn answer(&self, work: &Work) -> Verdict {
        (self.answer)(work)
    }

    fn takes_stock(&self) -> bool {
        self.takes_stock
    }
}

impl Driver for ImmediateDriver {
    fn immediate(&self) -> Option<&dyn Immediate> {
        Some(self)
    }

    fn drive(&self, work: Work) -> Boxed<'_, Verdict> {
        Box::pin(std::future::ready((self.answer)(&work)))
    }
}

/// Done with what is reserved; "not yet" where nothing is.
fn out_of_stock(work: &Work) -> Verdict {
    match (work.kind, &work.stock) {
        (OperationKind::Provision, None) => Verdict::NotYet(None),
        (_, item) => Verdict::Done(item.clone()),
    }
}

/// Done; a provisioned instance gets an access that follows from its operation key.
#[must_use]
pub fn done(work: &Work) -> Verdict {
    let access = || Access {
        front_end: Login {
            url: Some(format!("https://saas.example/{}", work.operation)),
            username: Some("root".to_owned()),
            password: Some(format!("secret-of-{}", work.operation)),
        },
        ..Access::default()
    };
    Verdict::Done((work.kind == OperationKind::Provision).then(access))
}
