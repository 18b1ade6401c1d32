//! SIGHUP: the secrets' files are read again and swapped in, while everything goes on.
//!
//! It is *not* a restart: whatever else was changed in the configuration waits for one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use secrecy::SecretString;
use tokio::signal::unix::Signal;
use turnkey_drivers::WebhookSecret;

use crate::config::{self, Checked, DriverSettings, KeySource, Settings, TokenSettings};
use crate::keys::{KeyBook, Reloaded};

/// The tokens of the admin API, as they are now.
pub(crate) type Tokens = Arc<ArcSwap<Vec<TokenSettings>>>;

/// A hook's secret, as it is now.
pub(crate) type HookSecret = Arc<ArcSwap<WebhookSecret>>;

/// What another vendor's calls are signed with, as it is now.
pub(crate) type VendorKey = Arc<ArcSwap<SecretString>>;

/// Every secret that may change while the process runs.
pub struct Secrets {
    pub(crate) keys: Arc<KeyBook>,
    pub(crate) tokens: Tokens,
    /// By product.
    pub(crate) hooks: BTreeMap<String, HookSecret>,
    /// By product.
    pub(crate) vendors: BTreeMap<String, VendorKey>,
}

impl Secrets {
    /// Swaps all of them for those in `settings`; nothing else is taken from there. Answers what
    /// became of each listing's keys.
    pub fn swap(&self, settings: &Settings) -> BTreeMap<String, Reloaded> {
        self.tokens.store(Arc::new(settings.admin.tokens.clone()));
        for product in &settings.products {
            if let DriverSettings::Webhook { secret, .. } = &product.driver
                && let Some(hook) = self.hooks.get(&product.name)
            {
                hook.store(Arc::clone(secret));
            }
            if let DriverSettings::Spi(spi) = &product.driver
                && let Some(vendor) = self.vendors.get(&product.name)
            {
                vendor.store(spi.key.load_full());
            }
        }
        self.keys.reload(settings)
    }

    /// Reads the configuration at `path` again whenever `hangup` comes, for ever. Whatever is wrong
    /// leaves everything as it is, and is said.
    pub(crate) async fn follow(self: Arc<Self>, path: PathBuf, mut hangup: Signal) {
        while hangup.recv().await.is_some() {
            let (secrets, path) = (Arc::clone(&self), path.clone());
            // Files are read, and a disk may be slow.
            let read = tokio::task::spawn_blocking(move || secrets.read_again(&path)).await;
            if read.is_err() {
                tracing::error!("reading the secrets again broke off");
            }
        }
    }

    fn read_again(&self, path: &Path) {
        let Checked { settings, findings } = config::load(path);
        let Some(settings) = settings else {
            for finding in findings.iter().filter(|finding| finding.is_error) {
                tracing::error!(code = finding.said.code, "not reloaded: {finding}");
            }
            tracing::error!("nothing was reloaded: every secret is what it was");
            return;
        };
        for (listing, done) in self.swap(&settings) {
            match done {
                Reloaded::Swapped => tracing::info!(listing, "listing {listing} has other secrets"),
                Reloaded::Same => tracing::info!(listing, "listing {listing} has the same secrets"),
                Reloaded::NeedsRestart => tracing::warn!(
                    listing,
                    "listing {listing} was added or taken away: that takes a restart"
                ),
            }
        }
        let of_listings = settings.listings.iter().flat_map(|listing| &listing.keys);
        let of_accounts = settings.accounts.iter().flat_map(|a| &a.secrets);
        for key in of_listings.chain(of_accounts) {
            if let KeySource::Environment(name) = &key.source {
                tracing::warn!(
                    "the key in {name} is what it was at the start: another one takes a restart"
                );
            }
        }
        tracing::info!(
            "secrets are reloaded from their files, and the accounts with them; what comes from \
             the environment, and whatever else was changed, takes a restart"
        );
    }
}
