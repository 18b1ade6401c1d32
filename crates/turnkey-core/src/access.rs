//! What a buyer logs in with. Secret as a whole: URLs carry tokens too.

use std::collections::BTreeMap;
use std::fmt;

/// The access to one delivered instance. Every part is optional: vendors differ.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Where the buyer's people work.
    pub front_end: Login,
    /// Where the buyer administers.
    pub admin: Login,
    /// Where a signed-on buyer is sent without a password.
    pub auth_url: Option<String>,
    /// Whatever else the vendor hands over.
    pub extra: BTreeMap<String, String>,
}

/// One address with its account.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Login {
    /// The address.
    pub url: Option<String>,
    /// The account's name.
    pub username: Option<String>,
    /// The account's password.
    pub password: Option<String>,
}

impl Access {
    /// What a dry run shows: `url` wherever an address belongs, accounts empty (promise 4).
    #[must_use]
    pub fn dry(url: &str) -> Self {
        let login = Login {
            url: Some(url.to_owned()),
            ..Login::default()
        };
        Self {
            front_end: login.clone(),
            admin: login,
            ..Self::default()
        }
    }

    /// Every secret text in this access, to redact it elsewhere.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        [&self.front_end, &self.admin]
            .into_iter()
            .flat_map(|login| [&login.url, &login.username, &login.password])
            .chain([&self.auth_url])
            .filter_map(Option::as_deref)
            .chain(self.extra.values().map(String::as_str))
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Access(redacted)")
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(redacted)")
    }
}
