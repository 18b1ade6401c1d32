//! Who may buy at a storefront, and what signs the calls.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::fault::Fault;
use crate::key::Key;
use crate::time::{Now, UtcMillis};

/// Secrets that one account may have at once: the present one, and the next during a rotation.
pub const ACCOUNT_SECRETS_MAX: usize = 2;

/// Accounts that may be made: every change makes the map of them anew, and a list shows them all.
pub const ACCOUNTS_MAX: usize = 1_000;

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

/// An account that was made while the shop ran, as the store has it.
#[derive(Clone, Debug)]
pub struct MadeAccount {
    /// The account. Its secrets are in the order in which they came.
    pub account: Account,
    /// When it was made, on the wall clock.
    pub made_at: UtcMillis,
    /// Grows by one with every change.
    pub version: u64,
}

/// What an operator does with an account.
#[derive(Clone, Debug)]
pub struct AccountTurn {
    /// Its name.
    pub name: String,
    /// What is done.
    pub step: AccountStep,
    /// What both clocks show.
    pub now: Now,
}

/// A step in the life of an account.
#[derive(Clone, Debug)]
pub enum AccountStep {
    /// It is made.
    Make {
        /// What its calls name it by.
        access_key: String,
        /// What signs them.
        secret: Key,
    },
    /// Its calls are taken.
    Enable,
    /// Its calls are refused.
    Disable,
    /// A rotation begins: this secret is good, too.
    AddSecret(Key),
    /// A rotation ends: the older secret is good no more.
    DropOlder,
}

impl AccountTurn {
    /// What becomes of the account, which is as `before` says, where `others` were made at all.
    /// `None` where it stays as it is.
    ///
    /// # Errors
    /// When the step does not fit.
    pub fn decide(
        self,
        before: Option<&MadeAccount>,
        others: usize,
    ) -> Result<Option<MadeAccount>, Fault> {
        let Some(before) = before else {
            let AccountStep::Make { access_key, secret } = self.step else {
                return Err(unknown(&self.name));
            };
            if others >= ACCOUNTS_MAX {
                let message = format!("there are {ACCOUNTS_MAX} accounts, and no more may be made");
                return Err(Fault::conflict("accounts_full", message));
            }
            return Ok(Some(MadeAccount {
                account: Account {
                    name: self.name,
                    access_key,
                    secrets: vec![secret],
                    is_enabled: true,
                },
                made_at: self.now.wall,
                version: 1,
            }));
        };
        let mut account = before.account.clone();
        match self.step {
            AccountStep::Make { .. } => return Err(taken(&self.name)),
            AccountStep::Enable if account.is_enabled => return Ok(None),
            AccountStep::Enable => account.is_enabled = true,
            AccountStep::Disable if !account.is_enabled => return Ok(None),
            AccountStep::Disable => account.is_enabled = false,
            AccountStep::AddSecret(_) if account.secrets.len() >= ACCOUNT_SECRETS_MAX => {
                let message = format!(
                    "account {:?} has two secrets already; drop the older one first",
                    self.name
                );
                return Err(Fault::conflict("account_rotating", message));
            }
            AccountStep::AddSecret(secret) => account.secrets.push(secret),
            AccountStep::DropOlder if account.secrets.len() < ACCOUNT_SECRETS_MAX => {
                let message = format!(
                    "account {:?} has only one secret; to refuse its calls, disable it",
                    self.name
                );
                return Err(Fault::conflict("account_not_rotating", message));
            }
            AccountStep::DropOlder => {
                account.secrets.remove(0);
            }
        }
        Ok(Some(MadeAccount {
            account,
            made_at: before.made_at,
            version: before.version + 1,
        }))
    }
}

/// Nobody has that name.
#[must_use]
pub fn unknown(name: &str) -> Fault {
    Fault::unknown("account_unknown", format!("there is no account {name:?}"))
}

/// Somebody has that name.
#[must_use]
pub fn taken(name: &str) -> Fault {
    let message = format!("there is an account {name:?} already");
    Fault::conflict("account_taken", message)
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
