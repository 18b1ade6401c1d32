//! Who may buy at the storefronts now, and what may be told of it.
//!
//! It is *not* where a call is proved: the listing has the accounts for that, and is swapped
//! whenever something here changes (`keys.rs`).

use std::collections::BTreeMap;

use turnkey_core::{Account, Accounts, Key};

use crate::config::AccountSettings;
use crate::keys::{Fingerprints, Label};

/// An account with what may be told of its secrets.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) account: Account,
    /// Of its secrets, in their order.
    pub(crate) labels: Vec<Label>,
}

/// Every account, by name.
#[derive(Debug, Default)]
pub(crate) struct Roll {
    configured: BTreeMap<String, Known>,
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

    /// Every account that there is, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Known> {
        self.configured.values()
    }

    /// What a storefront's calls are proved by.
    pub(crate) fn accounts(&self) -> Accounts {
        self.iter().map(|known| known.account.clone()).collect()
    }
}
