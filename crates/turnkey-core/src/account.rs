//! Who may buy at a storefront, and what signs the calls.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::key::Key;

/// Secrets that one account may have at once: the present one, and the next during a rotation.
pub const ACCOUNT_SECRETS_MAX: usize = 2;

/// A buyer of a storefront.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name: what an instance knows its buyer by.
    pub name: String,
    /// What its calls name it by; no secret.
    pub access_key: String,
    /// What signs its calls: one, or two during a rotation.
    pub secrets: Vec<Key>,
    /// Whether its calls are taken.
    pub is_enabled: bool,
}

/// The accounts of a storefront by access key.
#[derive(Clone, Default)]
pub struct Accounts(Arc<BTreeMap<String, Account>>);

impl Accounts {
    /// The account that calls with `access_key`, unless it is disabled.
    #[must_use]
    pub fn by_access_key(&self, access_key: &str) -> Option<&Account> {
        self.0.get(access_key).filter(|account| account.is_enabled)
    }

    /// The account called `name`.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Account> {
        self.0.values().find(|account| account.name == name)
    }

    /// Every account, by access key.
    pub fn iter(&self) -> impl Iterator<Item = &Account> {
        self.0.values()
    }
}

impl FromIterator<Account> for Accounts {
    fn from_iter<T: IntoIterator<Item = Account>>(accounts: T) -> Self {
        let by_key = |account: Account| (account.access_key.clone(), account);
        Self(Arc::new(accounts.into_iter().map(by_key).collect()))
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}
