//! Accounts that were made while the shop ran.

use secrecy::ExposeSecret as _;
use turnkey_core::ports::Store as _;
use turnkey_core::{AccountStep, AccountTurn, Fault, MadeAccount};

use super::{Backend, Shop};

impl<S: turnkey_core::ports::Store> Shop<S> {
    async fn account(&self, name: &str, step: AccountStep) -> Result<MadeAccount, Fault> {
        let turn = AccountTurn {
            name: name.to_owned(),
            step,
            now: self.now,
        };
        self.store.account_turn(turn).await
    }
}

fn make(access_key: &str, secret: &str) -> AccountStep {
    AccountStep::Make {
        access_key: access_key.to_owned(),
        secret: secret.to_owned().into(),
    }
}

fn secrets(made: &MadeAccount) -> Vec<&str> {
    let keys = made.account.secrets.iter();
    keys.map(|key| key.secret().expose_secret()).collect()
}

pub(crate) async fn an_account_is_made_once_and_changed_step_by_step(backend: &impl Backend) {
    let shop = Shop::quick(backend);
    let add = |secret: &str| AccountStep::AddSecret(secret.to_owned().into());
    let refused = async |step| shop.account("acme", step).await.unwrap_err().code;
    for step in [
        add("x"),
        AccountStep::DropOlder,
        AccountStep::Enable,
        AccountStep::Disable,
    ] {
        assert_eq!(refused(step).await, "account_unknown");
    }
    let made = shop.account("acme", make("AK1", "one")).await.unwrap();
    assert_eq!(
        (made.version, made.made_at, made.account.is_enabled),
        (1, shop.now.wall, true)
    );
    assert_eq!(refused(make("AK2", "other")).await, "account_taken");
    assert_eq!(
        refused(AccountStep::DropOlder).await,
        "account_not_rotating"
    );

    let same = shop.account("acme", AccountStep::Enable).await.unwrap();
    assert_eq!(same.version, 1, "nothing changes");
    let rotating = shop.account("acme", add("two")).await.unwrap();
    assert_eq!(
        (secrets(&rotating), rotating.version),
        (vec!["one", "two"], 2)
    );
    assert_eq!(refused(add("three")).await, "account_rotating");
    let rotated = shop.account("acme", AccountStep::DropOlder).await.unwrap();
    assert_eq!(secrets(&rotated), ["two"]);
    let disabled = shop.account("acme", AccountStep::Disable).await.unwrap();
    assert_eq!((disabled.account.is_enabled, disabled.version), (false, 4));
    assert_eq!(disabled.account.access_key, "AK1");

    let twice = shop.account("other", make("AK1", "other")).await;
    assert_eq!(
        twice.unwrap_err().code,
        "bug",
        "an access key is one account's"
    );
}

pub(crate) async fn accounts_survive_reopening_with_their_secrets(backend: &impl Backend) {
    let shop = Shop::quick(backend);
    shop.account("zeta", make("AK1", "one")).await.unwrap();
    shop.account("acme", make("AK2", "\u{5bc6}")).await.unwrap();
    let add = AccountStep::AddSecret("two".to_owned().into());
    shop.account("zeta", add).await.unwrap();
    let shop = shop.reopened(backend);
    let all = shop.store.account_list().await.unwrap();
    let told: Vec<_> = all
        .iter()
        .map(|m| (m.account.name.as_str(), secrets(m)))
        .collect();
    assert_eq!(
        told,
        [("acme", vec!["\u{5bc6}"]), ("zeta", vec!["one", "two"])]
    );
    shop.account("zeta", AccountStep::DropOlder).await.unwrap();
    let shop = shop.reopened(backend);
    let all = shop.store.account_list().await.unwrap();
    assert_eq!((secrets(&all[1]), all[1].version), (vec!["two"], 3));
    assert!(!format!("{all:?}").contains("two"));
}
