//! Who may buy at the storefronts now, and what may be told of it.
//!
//! It is *not* where a call is proved: the listing has the accounts for that, and is swapped
//! whenever something here changes (`keys.rs`).

use std::collections::BTreeMap;

use turnkey_core::{Account, Accounts, Key, MadeAccount, UtcMillis};

use crate::config::AccountSettings;
use crate::keys::{Fingerprints, Label};

/// An account with what may be told of its secrets.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) account: Account,
    /// Of its secrets, in their order.
    pub(crate) labels: Vec<Label>,
    pub(crate) origin: Origin,
}

/// Where an account comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From the configuration, where alone it may be changed.
    Configured,
    /// It was made while the shop ran, and the store has it.
    Made {
        /// When.
        at: UtcMillis,
        /// How it is: the higher one is the newer one.
        version: u64,
    },
}

/// Every account, by name.
#[derive(Debug, Default)]
pub(crate) struct Roll {
    configured: BTreeMap<String, Known>,
    made: BTreeMap<String, Known>,
}

impl Known {
    /// An account of the configuration. A secret that `before` had is the same key: what it was
    /// used for is not forgotten.
    fn configured(
        settings: &AccountSettings,
        fingerprints: &Fingerprints,
        before: Option<&Self>,
    ) -> Self {
        let label = |key: &crate::config::KeySettings| Label {
            fingerprint: fingerprints.of_account(&settings.name, &key.secret),
            source: key.source.to_string(),
        };
        let labels: Vec<_> = settings.secrets.iter().map(label).collect();
        let secrets = labels.iter().zip(&settings.secrets);
        let secrets = secrets.map(|(label, key)| {
            let kept = before.and_then(|known| known.key(&label.fingerprint));
            kept.unwrap_or_else(|| key.secret.clone().into())
        });
        Self {
            account: Account {
                name: settings.name.clone(),
                access_key: settings.access_key.clone(),
                secrets: secrets.collect(),
                is_enabled: true,
            },
            labels,
            origin: Origin::Configured,
        }
    }

    /// An account that the store has.
    fn made(made: MadeAccount, fingerprints: &Fingerprints, before: Option<&Self>) -> Self {
        let MadeAccount {
            mut account,
            made_at,
            version,
        } = made;
        let mut labels = Vec::with_capacity(account.secrets.len());
        for key in &mut account.secrets {
            let fingerprint = fingerprints.of_account(&account.name, key.secret());
            if let Some(kept) = before.and_then(|known| known.key(&fingerprint)) {
                *key = kept;
            }
            let source = "store".to_owned();
            labels.push(Label {
                fingerprint,
                source,
            });
        }
        Self {
            account,
            labels,
            origin: Origin::Made {
                at: made_at,
                version,
            },
        }
    }

    /// The secret with `fingerprint`, where it has it.
    fn key(&self, fingerprint: &str) -> Option<Key> {
        self.secrets()
            .find(|(label, _)| label.fingerprint == fingerprint)
            .map(|(_, key)| key.clone())
    }

    /// Its secrets with their labels.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = (&Label, &Key)> {
        self.labels.iter().zip(&self.account.secrets)
    }

    fn version(&self) -> u64 {
        match self.origin {
            Origin::Configured => 0,
            Origin::Made { version, .. } => version,
        }
    }

    /// Whether `other` lets the same calls pass.
    fn is_same(&self, other: &Self) -> bool {
        let prints = |known: &Self| -> Vec<String> {
            known.labels.iter().map(|l| l.fingerprint.clone()).collect()
        };
        self.account.access_key == other.account.access_key && prints(self) == prints(other)
    }
}

impl Roll {
    /// Takes the accounts of the configuration. Whether they are the same as before.
    pub(crate) fn configure(
        &mut self,
        accounts: &[AccountSettings],
        fingerprints: &Fingerprints,
    ) -> bool {
        let known = |settings: &AccountSettings| {
            let before = self.configured.get(&settings.name);
            let known = Known::configured(settings, fingerprints, before);
            (settings.name.clone(), known)
        };
        let configured: BTreeMap<_, _> = accounts.iter().map(known).collect();
        let pairs = || self.configured.iter().zip(&configured);
        let is_same = self.configured.len() == configured.len()
            && pairs().all(|((name, old), (other, new))| name == other && old.is_same(new));
        self.configured = configured;
        is_same
    }

    /// Takes an account that the store has, unless a newer state of it is known; how it is now.
    pub(crate) fn enrol(&mut self, made: MadeAccount, fingerprints: &Fingerprints) -> Known {
        let (name, newer) = (made.account.name.clone(), made.version);
        match self.made.get(&name) {
            Some(known) if known.version() >= newer => known.clone(),
            before => {
                let known = Known::made(made, fingerprints, before);
                self.made.insert(name, known.clone());
                known
            }
        }
    }

    /// The account called `name`.
    pub(crate) fn named(&self, name: &str) -> Option<&Known> {
        let made = || self.made.get(name).filter(|known| !self.is_hidden(known));
        self.configured.get(name).or_else(made)
    }

    /// Every account that there is, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Known> {
        let made = self.made.values().filter(|known| !self.is_hidden(known));
        let all = self.configured.values().chain(made);
        let by_name: BTreeMap<_, _> = all.map(|known| (&known.account.name, known)).collect();
        by_name.into_values()
    }

    /// What the store has and nobody can call with: the configuration has the name or the access
    /// key, and it decides.
    pub(crate) fn hidden(&self) -> impl Iterator<Item = &str> {
        let hidden = self.made.values().filter(|known| self.is_hidden(known));
        hidden.map(|known| known.account.name.as_str())
    }

    fn is_hidden(&self, made: &Known) -> bool {
        let (name, key) = (&made.account.name, &made.account.access_key);
        let mut configured = self.configured.values();
        configured.any(|known| known.account.name == *name || known.account.access_key == *key)
    }

    /// What a storefront's calls are proved by.
    pub(crate) fn accounts(&self) -> Accounts {
        self.iter().map(|known| known.account.clone()).collect()
    }
}
