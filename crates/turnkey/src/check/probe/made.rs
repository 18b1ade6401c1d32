//! What the calls of a run made, and its removal. A create whose answer never came, or was a failure of
//! the server's own, may have made something all the same: it is asked once more what.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use turnkey_dialects::OwnedRequest;

use super::buyer::{is_purchase, purchase_token, sources};
use super::{Draft, Heard, Mode, Probe, Silence};
use crate::check::qingcloud::signature::{signed_at, time_of};

/// What is there because of this run.
#[derive(Default)]
pub(super) struct Made(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// Instances of a marketplace, orders of a storefront.
    known: BTreeSet<String>,
    /// Creates of which nobody knows what became of them.
    unclear: Vec<Unclear>,
}

#[derive(Clone)]
struct Unclear {
    /// What it is called in a report.
    name: String,
    create: Create,
    /// What a repeat named. A second one that agrees shows that the first made nothing else.
    named: Vec<String>,
}

/// A create that can be sent again.
#[derive(Clone)]
pub(super) enum Create {
    Order(Draft),
    Purchase(OwnedRequest),
}

impl Made {
    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn known(&self) -> BTreeSet<String> {
        self.with(|made| made.known.clone())
    }

    pub(super) fn add(&self, ids: impl IntoIterator<Item = String>) {
        self.with(|made| made.known.extend(ids));
    }

    pub(super) fn remove(&self, id: &str) {
        self.with(|made| made.known.remove(id));
    }

    fn unclear(&self) -> Vec<Unclear> {
        self.with(|made| made.unclear.clone())
    }

    /// Takes in how the create called `name` was answered: `named` is what it named, nothing where that
    /// was no clear answer.
    fn heard_of(&self, name: String, create: Create, named: Vec<String>, is_unclear: bool) {
        self.with(|made| {
            made.known.extend(named.iter().cloned());
            let place = made.unclear.iter().position(|known| known.name == name);
            match place.and_then(|place| Some((place, made.unclear.get_mut(place)?))) {
                None if is_unclear => made.unclear.push(Unclear {
                    name,
                    create,
                    named,
                }),
                Some((place, unclear)) if !named.is_empty() && unclear.named == named => {
                    made.unclear.remove(place);
                }
                Some((_, unclear)) if !named.is_empty() => unclear.named = named,
                None | Some(_) => {}
            }
        });
    }

    /// What has to be removed by hand.
    pub(super) fn left(&self) -> Vec<String> {
        let name = |name: &String| format!("({name})");
        self.with(|made| {
            let unclear = made.unclear.iter().map(|unclear| name(&unclear.name));
            made.known.iter().cloned().chain(unclear).collect()
        })
    }
}

/// Whether nobody can tell from `heard` what became of a call.
fn is_unclear(heard: &Heard) -> bool {
    !heard.is_yes() && !heard.is_calm_no()
}

/// Whether it is of no use to go on asking whoever said, or did not say, `heard`.
fn is_silent(heard: &Heard) -> bool {
    matches!(heard.answer, Err(Silence::Nobody | Silence::Late))
}

impl Probe {
    /// Remembers what `heard` says about instances, and how long it took.
    pub(super) fn remember(&self, draft: &Draft, heard: &Heard) {
        self.timed(heard);
        if self.has_dry_runs() && draft.get("debug").as_deref() == Some("1") {
            return;
        }
        let action = draft.get("action").unwrap_or_default();
        if action == self.wire("create") {
            let name = match draft.get("order_id") {
                Some(order) => format!("order {order}"),
                None => format!("order of {}", time_of(self, draft)),
            };
            let (create, named) = (Create::Order(draft.clone()), heard.instance());
            let named = named.into_iter().collect();
            self.made.heard_of(name, create, named, is_unclear(heard));
        } else if action == self.wire("delete") && heard.is_yes() {
            let id = draft.get("instance_id").unwrap_or_default();
            self.made.remove(&id);
        }
    }

    /// Remembers what `heard` says about what `request` bought, and how long it took.
    pub(super) fn noticed(&self, request: &OwnedRequest, heard: &Heard) {
        self.timed(heard);
        if is_purchase(request) {
            let name = format!("purchase {}", purchase_token(request));
            let create = Create::Purchase(request.clone());
            let is_unclear = is_unclear(heard);
            self.made.heard_of(name, create, sources(heard), is_unclear);
        }
    }

    /// Says that `instance` is there although nothing should have made it.
    pub fn made(&self, instance: String) {
        self.made.add([instance]);
    }

    /// What was made and is still there, as far as anybody knows.
    pub fn left(&self) -> Vec<String> {
        self.made.left()
    }

    /// Removes what was made, whatever became of the checks; [`Self::left`] is what could not be
    /// removed. Whoever does not answer is not asked for more.
    pub async fn clean_up(&self) {
        for unclear in self.made.unclear() {
            if self.find_again(&unclear.create).await.is_err() {
                return;
            }
        }
        for id in self.made.known() {
            let removed = match self.plan().buyer {
                Some(_) => self.give_back(&id).await,
                None => self.remove(&id).await,
            };
            if removed.is_err() {
                return;
            }
        }
    }

    /// Repeats `create` twice. From whoever makes another instance each time, nobody learns what the
    /// first was.
    async fn find_again(&self, create: &Create) -> Result<(), Gone> {
        for _ in 0..2 {
            let heard = match create {
                // Without an id it is known by the time at which it was signed.
                Create::Order(draft) if draft.get("order_id").is_none() => {
                    self.call(draft.clone()).await
                }
                Create::Order(draft) => match signed_at(self, draft.clone(), self.now()) {
                    Ok(draft) => self.call(draft).await,
                    Err(_) => return Ok(()),
                },
                Create::Purchase(request) => self.pass(request.clone()).await,
            };
            if is_silent(&heard) {
                return Err(Gone);
            }
        }
        Ok(())
    }

    async fn remove(&self, id: &str) -> Result<(), Gone> {
        for _ in 0..=self.retries("delete") {
            if let Ok(expire) = self.expire(id, Mode::Real) {
                self.call(expire).await;
            }
            let Ok(delete) = self.delete(id, Mode::Real) else {
                break;
            };
            let heard = self.call(delete).await;
            if is_silent(&heard) {
                return Err(Gone);
            }
            if heard.is_yes() {
                break;
            }
        }
        Ok(())
    }

    /// Ends and deletes what the order `source` made.
    async fn give_back(&self, source: &str) -> Result<(), Gone> {
        for _ in 0..GIVEN_BACK_MAX {
            let (heard, is_gone) = self.given_back(source).await;
            if is_silent(&heard) {
                return Err(Gone);
            }
            if is_gone {
                self.made.remove(source);
                break;
            }
        }
        Ok(())
    }
}

/// How often it is tried to give back what was bought.
const GIVEN_BACK_MAX: u32 = 3;

/// Nobody answers any more.
struct Gone;
