//! Rows ↔ accounts that were made while the shop ran. Their secrets are sealed.

use rusqlite::{Row, params};
use secrecy::ExposeSecret as _;
use turnkey_core::account::ACCOUNTS_MAX;
use turnkey_core::{Account, AccountTurn, Fault, Key, MadeAccount, UtcMillis};

use super::failure::Failure;
use super::rows::{Column, Rows, at_most};
use super::sql;

const SECRET: Column = ("accounts", "secret");
const NEXT_SECRET: Column = ("accounts", "next_secret");

impl Rows {
    pub(super) fn account_turn(&self, turn: &AccountTurn) -> Result<MadeAccount, Failure> {
        let name = turn.name.as_str();
        let before = self.first(sql::ACCOUNT_BY_NAME, [name], |row| self.account_from(row))?;
        let others = self.first(sql::ACCOUNT_COUNT, [], |row| Ok(row.get(0)?))?;
        let after = turn.clone().decide(before.as_ref(), others.unwrap_or(0))?;
        match (after, before) {
            (Some(after), _) => {
                self.account_put(&after)?;
                Ok(after)
            }
            (None, Some(before)) => Ok(before),
            (None, None) => Err(Fault::bug("an account that is not there stays so").into()),
        }
    }

    fn account_put(&self, made: &MadeAccount) -> Result<(), Failure> {
        let account = &made.account;
        let name = account.name.as_str();
        let sealed = |column, key: Option<&Key>| {
            let secret = key.map(|key| key.secret().expose_secret().as_bytes());
            self.sealed(column, name, secret)
        };
        let bound = params![
            name,
            account.access_key,
            sealed(SECRET, account.secrets.first())?,
            sealed(NEXT_SECRET, account.secrets.get(1))?,
            account.is_enabled,
            made.made_at.0,
            made.version,
        ];
        self.one_row(sql::ACCOUNT_PUT, bound, name)
    }

    pub(super) fn account_list(&self) -> Result<Vec<MadeAccount>, Failure> {
        self.all(sql::ACCOUNT_LIST, [at_most(ACCOUNTS_MAX)], |row| {
            self.account_from(row)
        })
    }

    fn account_from(&self, row: &Row<'_>) -> Result<MadeAccount, Failure> {
        let name: String = row.get(0)?;
        let mut secrets = Vec::new();
        for (column, sealed) in [(SECRET, row.get(2)?), (NEXT_SECRET, row.get(3)?)] {
            if let Some(secret) = self.opened(column, &name, sealed)? {
                let unread = |_| Fault::bug(format!("a secret of account `{name}` is no text"));
                secrets.push(Key::from(String::from_utf8(secret).map_err(unread)?));
            }
        }
        Ok(MadeAccount {
            account: Account {
                access_key: row.get(1)?,
                secrets,
                is_enabled: row.get(4)?,
                name,
            },
            made_at: UtcMillis(row.get(5)?),
            version: row.get(6)?,
        })
    }
}
