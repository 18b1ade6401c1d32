//! The listings as they are now, with their keys and accounts: swapped while calls go on, and when
//! each secret was last used.
//!
//! ```text
//! a call ── Listed::listing() ── verifies with all keys ── Key::used   (an atomic maximum)
//! SIGHUP ── KeyBook::reload ──── one pointer is swapped; calls under way keep the keys they have
//! minute ── KeyBook::flush ───── what is newer than the store knows is written, in one job
//! ```
//!
//! Nothing here tells a key: lists and the store know it by a fingerprint, which is keyed with the
//! master key, so that it cannot be tried out on guesses.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use turnkey_core::ports::{KeyUse, Store};
use turnkey_core::{
    AccountTurn, Accounts, Fault, Key, Listing, MadeAccount, Storefront, UtcMillis,
};
use turnkey_store::MasterKey;

use crate::accounts::{Known, Roll};
use crate::config::{AccountSettings, KeySettings, ListingSettings, Settings};

/// How often what the keys were used for is stored: a crash forgets no more than this, and a store
/// that is asked once a minute does not notice.
pub const FLUSH_EVERY_MS: u64 = 60_000;

/// Bytes of a fingerprint: enough to tell a shop's keys apart, too few to be one.
const FINGERPRINT_BYTES: usize = 6;

/// One listing, as it is now.
pub struct Listed(ArcSwap<Now>);

/// A listing with the labels of its keys, which change together.
struct Now {
    listing: Arc<Listing>,
    labels: Vec<Label>,
}

/// What may be told of a secret.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) fingerprint: String,
    /// Where it comes from.
    pub(crate) source: String,
}

/// What tells secrets apart without telling them.
pub(crate) struct Fingerprints(Hmac<Sha256>);

/// One key, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct KeyLine {
    /// Its listing.
    pub listing: String,
    /// Whose it is, where it is an account's that buys at the listing.
    pub account: Option<String>,
    /// Its place in the list of the listing or the account, from 1.
    pub place: usize,
    /// `current` signs and verifies; `next` only verifies.
    pub role: &'static str,
    /// What tells it from others without telling it.
    pub fingerprint: String,
    /// Where it comes from: a variable's name or a file's.
    pub source: String,
    /// When it last verified a call, in UTC milliseconds.
    pub last_used_ms: Option<i64>,
}

/// What a reload did to one listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// Its keys are other ones now.
    Swapped,
    /// Its keys are the same, in the same order.
    Same,
    /// It is in only one of the two: that takes a restart.
    NeedsRestart,
}

impl Listed {
    /// The listing as it is now. A call keeps what it got to its end.
    #[must_use]
    pub fn listing(&self) -> Arc<Listing> {
        Arc::clone(&self.0.load().listing)
    }
}

impl fmt::Debug for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listed({})", self.0.load().listing.name)
    }
}

/// Every listing's keys, and the accounts of the storefronts.
pub struct KeyBook {
    listed: BTreeMap<String, Arc<Listed>>,
    /// Held by whoever swaps a listing: one change at a time. No call needs it.
    roll: Mutex<Roll>,
    fingerprints: Fingerprints,
    store: Arc<dyn Store>,
    /// What the store knows, by fingerprint.
    stored: Mutex<BTreeMap<String, UtcMillis>>,
}

impl KeyBook {
    /// A book for `listings`, each with its settings, and for `accounts`, which buy at those that
    /// are storefronts.
    #[must_use]
    pub fn new(
        listings: &[(Arc<Listing>, &ListingSettings)],
        accounts: &[AccountSettings],
        master_key: &MasterKey,
        store: Arc<dyn Store>,
    ) -> Self {
        let fingerprints = Fingerprints::under(master_key);
        let mut roll = Roll::default();
        roll.configure(accounts, &fingerprints);
        let listed = |(listing, settings): &(Arc<Listing>, &ListingSettings)| {
            let now = Now {
                listing: Arc::new(with_accounts(listing, &roll.accounts())),
                labels: fingerprints.labels(&listing.name, &settings.keys),
            };
            let listed = Listed(ArcSwap::from_pointee(now));
            (listing.name.clone(), Arc::new(listed))
        };
        Self {
            listed: listings.iter().map(listed).collect(),
            roll: Mutex::new(roll),
            fingerprints,
            store,
            stored: Mutex::default(),
        }
    }

    /// The listing called `name`.
    #[must_use]
    pub fn listed(&self, name: &str) -> Option<Arc<Listed>> {
        self.listed.get(name).map(Arc::clone)
    }

    /// Swaps the keys of every listing, and the accounts of the storefronts, for those in
    /// `settings`; nothing else is taken from there. Calls under way end with the keys that they
    /// began with.
    pub fn reload(&self, settings: &Settings) -> BTreeMap<String, Reloaded> {
        let mut roll = self.roll();
        let same_accounts = roll.configure(&settings.accounts, &self.fingerprints);
        Self::tell_hidden(&roll);
        let accounts = roll.accounts();
        let of = |name: &str| settings.listings.iter().find(|l| l.name == name);
        let swap = |listed: &Listed, settings: &ListingSettings| {
            let same_keys = self.swap(listed, settings, &accounts);
            match same_keys && (same_accounts || settings.front.is_none()) {
                true => Reloaded::Same,
                false => Reloaded::Swapped,
            }
        };
        let known = self.listed.iter().map(|(name, listed)| {
            let done = of(name).map_or(Reloaded::NeedsRestart, |s| swap(listed, s));
            (name.clone(), done)
        });
        let new = settings.listings.iter();
        let new = new.filter(|settings| !self.listed.contains_key(&settings.name));
        let new = new.map(|settings| (settings.name.clone(), Reloaded::NeedsRestart));
        known.chain(new).collect()
    }

    /// Whether its keys are the same as before.
    fn swap(&self, listed: &Listed, settings: &ListingSettings, accounts: &Accounts) -> bool {
        let before = listed.0.load_full();
        let labels = self
            .fingerprints
            .labels(&before.listing.name, &settings.keys);
        let prints = |labels: &[Label]| -> Vec<String> {
            labels.iter().map(|l| l.fingerprint.clone()).collect()
        };
        let is_same = prints(&labels) == prints(&before.labels);
        // A key that stays is the same key: what it was used for is not forgotten.
        let kept = |label: &Label| {
            let mut known = before.labels.iter().zip(&before.listing.keys);
            known
                .find(|(known, _)| known.fingerprint == label.fingerprint)
                .map(|(_, key)| key.clone())
        };
        let keys: Vec<Key> = labels
            .iter()
            .zip(&settings.keys)
            .map(|(label, key)| kept(label).unwrap_or_else(|| key.secret.clone().into()))
            .collect();
        let listing = Listing {
            keys,
            ..with_accounts(&before.listing, accounts)
        };
        listed.0.store(Arc::new(Now {
            listing: Arc::new(listing),
            labels,
        }));
        is_same
    }

    /// Makes an account or changes one, and has its calls proved by what it is now. It is done to
    /// its end even when whoever asked has gone: otherwise the store would know what no call knows.
    ///
    /// # Errors
    /// When the step does not fit, or the store cannot write.
    pub(crate) async fn account_turn(self: &Arc<Self>, turn: AccountTurn) -> Result<Known, Fault> {
        let book = Arc::clone(self);
        let turned = tokio::spawn(async move {
            let made = book.store.account_turn(turn).await?;
            let known = book.enrol([made]).pop();
            known.ok_or_else(|| Fault::bug("an account that was enrolled is not there"))
        });
        let broken = |error| Fault::bug(format!("a change of an account broke off: {error}"));
        turned.await.unwrap_or_else(|error| Err(broken(error)))
    }

    /// Takes accounts that the store has, and swaps them into the storefronts.
    fn enrol(&self, made: impl IntoIterator<Item = MadeAccount>) -> Vec<Known> {
        let mut roll = self.roll();
        let enrol = |made| roll.enrol(made, &self.fingerprints);
        let known = made.into_iter().map(enrol).collect();
        let accounts = roll.accounts();
        for listed in self.listed.values() {
            let before = listed.0.load_full();
            if before.listing.storefront.is_some() {
                listed.0.store(Arc::new(Now {
                    listing: Arc::new(with_accounts(&before.listing, &accounts)),
                    labels: before.labels.clone(),
                }));
            }
        }
        known
    }

    /// Says which accounts of the store the configuration hides.
    fn tell_hidden(roll: &Roll) {
        for account in roll.hidden() {
            tracing::warn!(
                account,
                "account {account} was made here, and the configuration has its name or its access \
                 key: what the configuration says holds"
            );
        }
    }

    /// The account called `name`.
    pub(crate) fn account(&self, name: &str) -> Option<Known> {
        self.roll().named(name).cloned()
    }

    /// Every account, by name.
    pub(crate) fn accounts(&self) -> Vec<Known> {
        self.roll().iter().cloned().collect()
    }

    fn roll(&self) -> MutexGuard<'_, Roll> {
        self.roll.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every key, by listing, in the order of the listing's list; at a storefront the secrets of
    /// its accounts.
    #[must_use]
    pub fn list(&self) -> Vec<KeyLine> {
        let mut lines = Vec::new();
        let roll = self.roll();
        for (name, listed) in &self.listed {
            let now = listed.0.load();
            let mut list =
                |account: Option<&str>, (place, (label, key)): (usize, (&Label, &Key))| {
                    lines.push(KeyLine {
                        listing: name.clone(),
                        account: account.map(str::to_owned),
                        place,
                        role: if place == 1 { "current" } else { "next" },
                        fingerprint: label.fingerprint.clone(),
                        source: label.source.clone(),
                        last_used_ms: key.last_used().map(|at| at.0),
                    });
                };
            for key in (1..).zip(now.labels.iter().zip(&now.listing.keys)) {
                list(None, key);
            }
            if now.listing.storefront.is_none() {
                continue;
            }
            for known in roll.iter() {
                for key in (1..).zip(known.secrets()) {
                    list(Some(&known.account.name), key);
                }
            }
        }
        lines
    }

    /// Takes up what the store remembers: the accounts that were made, and when which key was last
    /// used.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn recall(&self) -> Result<(), Fault> {
        self.enrol(self.store.account_list().await?);
        Self::tell_hidden(&self.roll());
        let used = self.store.key_use_list().await?;
        let used: BTreeMap<String, UtcMillis> = used
            .into_iter()
            .map(|KeyUse { fingerprint, at }| (fingerprint, at))
            .collect();
        for (label, key) in self.keys() {
            if let Some(at) = used.get(&label.fingerprint) {
                key.used(*at);
            }
        }
        *self.stored.lock().unwrap_or_else(PoisonError::into_inner) = used;
        Ok(())
    }

    /// Stores what the keys were used for since the last time; nothing new costs nothing.
    ///
    /// # Errors
    /// When it cannot be written; the next flush tries again.
    pub async fn flush(&self) -> Result<(), Fault> {
        let uses = self.not_yet_stored();
        if uses.is_empty() {
            return Ok(());
        }
        self.store.key_use_put(uses.clone()).await?;
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        stored.extend(uses.into_iter().map(|u| (u.fingerprint, u.at)));
        Ok(())
    }

    fn not_yet_stored(&self) -> Vec<KeyUse> {
        let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = |(label, key): (Label, Key)| {
            let at = key.last_used()?;
            let is_known = stored.get(&label.fingerprint).is_some_and(|s| *s >= at);
            (!is_known).then_some(KeyUse {
                fingerprint: label.fingerprint,
                at,
            })
        };
        self.keys().into_iter().filter_map(newer).collect()
    }

    fn keys(&self) -> Vec<(Label, Key)> {
        let of = |listed: &Arc<Listed>| {
            let now = listed.0.load();
            let pairs = now.labels.iter().cloned();
            pairs
                .zip(now.listing.keys.iter().cloned())
                .collect::<Vec<_>>()
        };
        let mut keys: Vec<_> = self.listed.values().flat_map(of).collect();
        for known in self.roll().iter() {
            keys.extend(known.secrets().map(|(l, key)| (l.clone(), key.clone())));
        }
        keys
    }
}

impl fmt::Debug for KeyBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.listed.keys()).finish()
    }
}

/// `listing`, where it is a storefront with these accounts.
fn with_accounts(listing: &Listing, accounts: &Accounts) -> Listing {
    let storefront = listing.storefront.clone();
    Listing {
        storefront: storefront.map(|front| Storefront {
            accounts: accounts.clone(),
            ..front
        }),
        ..listing.clone()
    }
}

impl Fingerprints {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    fn under(master_key: &MasterKey) -> Self {
        let text = master_key.to_text();
        let mut mac = Hmac::<Sha256>::new_from_slice(text.expose_secret().as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(b"turnkey fingerprints of keys\0");
        Self(mac)
    }

    /// The same key at two listings has two fingerprints: a list does not tell that it is shared.
    fn labels(&self, listing: &str, keys: &[KeySettings]) -> Vec<Label> {
        let label = |key: &KeySettings| Label {
            fingerprint: self.of(listing, &key.secret),
            source: key.source.to_string(),
        };
        keys.iter().map(label).collect()
    }

    /// Of a secret of the account `name`. No listing's name has a dot.
    pub(crate) fn of_account(&self, name: &str, secret: &SecretString) -> String {
        self.of(&format!("account.{name}"), secret)
    }

    fn of(&self, owner: &str, secret: &SecretString) -> String {
        let mut mac = self.0.clone();
        mac.update(owner.as_bytes());
        mac.update(b"\0");
        mac.update(secret.expose_secret().as_bytes());
        let bytes = mac.finalize().into_bytes();
        let digits = bytes.iter().take(FINGERPRINT_BYTES);
        digits.map(|byte| format!("{byte:02x}")).collect()
    }
}
