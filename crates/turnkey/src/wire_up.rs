//! From settings to a running shop: who is connected to whom.

use std::collections::BTreeMap;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use turnkey_core::ports::{BusinessClock, Clock, Driver, Store};
use turnkey_core::{Accounts, Listing, Now, Plan, Product, Storefront};
use turnkey_drivers::{
    CommandDriver, CommandSettings, DemoDriver, ManualDriver, PoolDriver, SpiDriver, WebhookDriver,
    WebhookSettings,
};
use turnkey_engine::{Desk, Runner, RunnerLimits, Sweeper, SystemClock, Waiting};
use turnkey_store::{BoundListing, MasterKey, Options, SqliteStore};

use crate::config::{DriverSettings, ListingSettings, MasterKeySource, ProductSettings, Settings};
use crate::http::admin::{Admin, AdminDoor, Sold};
use crate::http::gateway::{Gateway, Refused};
use crate::http::holding::{FAKE, Holding};
use crate::http::server::{DoorLimits, serve};
use crate::keys::{FLUSH_EVERY_MS, KeyBook};
use crate::play::VirtualClock;
use crate::reload::{HookSecret, Secrets};
use crate::watch::alarms::{Lookout, Watchword};
use crate::watch::{Timed, Watch};
use crate::words::{Said, start};

/// What is left for the last answers after the longest wait for a driver.
const DRAIN_MARGIN: Duration = Duration::from_secs(3);

/// Connections to the admin API at once: a few people, their scripts and a scraper.
const ADMIN_CONNECTIONS_MAX: usize = 128;

/// Where the shop listens.
pub struct Doors {
    /// For marketplaces and buyers.
    pub market: TcpListener,
    /// For whoever runs the shop.
    pub admin: TcpListener,
    /// The bounds of both.
    pub limits: DoorLimits,
}

/// Everything that runs, connected.
pub struct Shop {
    gateway: Arc<Gateway>,
    secrets: Arc<Secrets>,
    clock: Arc<dyn Clock>,
    virtual_clock: Option<Arc<VirtualClock>>,
    admin: Arc<AdminDoor>,
    lookout: Lookout,
    runner: Arc<Runner>,
    sweeper: Arc<Sweeper>,
    drain_within: Duration,
}

impl Shop {
    /// Connects everything that `settings` name to `store`; time comes from `business`, both clocks.
    ///
    /// # Errors
    /// When a driver finds no way to the outside.
    pub fn new(
        settings: &Settings,
        key: &MasterKey,
        store: Arc<dyn Store>,
        business: Arc<dyn BusinessClock>,
        limits: RunnerLimits,
    ) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::clone(&business) as Arc<dyn Clock>;
        let watch = Arc::new(Watch::beside(&settings.database, key));
        let mut products: BTreeMap<&str, Arc<Product>> = BTreeMap::new();
        let mut hooks = BTreeMap::new();
        for settled in &settings.products {
            let mut made = product(settled, settings, key, &clock, &mut hooks)?;
            made.driver = Arc::new(Timed {
                driver: made.driver,
                seconds: watch.metrics.driver(&settled.name),
            });
            products.insert(&settled.name, Arc::new(made));
        }
        let vendors = settings.products.iter().filter_map(|p| match &p.driver {
            DriverSettings::Spi(spi) => Some((p.name.clone(), Arc::clone(&spi.key))),
            DriverSettings::Demo { .. }
            | DriverSettings::Command { .. }
            | DriverSettings::Webhook { .. }
            | DriverSettings::Pool { .. }
            | DriverSettings::Manual => None,
        });
        let vendors = vendors.collect();
        let listed: Vec<_> = settings
            .listings
            .iter()
            .filter_map(|l| {
                let product = products.get(l.product.as_str())?;
                let made = listing(l, Arc::clone(product), &settings.public_url);
                let listing = Arc::new(made);
                Some((listing, l))
            })
            .collect();
        let accounts = &settings.accounts;
        let keys = Arc::new(KeyBook::new(&listed, accounts, key, Arc::clone(&store)));
        let routes = listed.iter().filter_map(|(listing, l)| {
            Some((l.path.clone(), keys.listed(&listing.name)?, l.dialect))
        });
        let routes: Vec<_> = routes.collect();
        let watchwords = listed.iter().map(|(listing, settings)| Watchword {
            listing: Arc::clone(listing),
            silence_after: settings.silence_after,
        });
        let lookout = Lookout::new(
            Arc::clone(&watch),
            Arc::clone(&store),
            Arc::clone(&clock),
            Arc::clone(&keys),
            watchwords.collect(),
        );
        let listings: Vec<_> = listed.into_iter().map(|(listing, _)| listing).collect();
        let (waiting, nudge) = (Waiting::default(), Arc::new(Notify::new()));
        let runner = Runner::new(
            Arc::clone(&store),
            Arc::clone(&clock),
            &listings,
            waiting.clone(),
            Arc::clone(&nudge),
            limits,
        );
        let sweeper = Arc::new(Sweeper::new(
            Arc::clone(&store),
            Arc::clone(&clock),
            listings.iter().cloned(),
            Arc::clone(&nudge),
        ));
        let virtual_clock = settings.is_clock_virtual.then(|| {
            let (store, waiting) = (Arc::clone(&store), waiting.clone());
            let sweeper = Arc::clone(&sweeper);
            Arc::new(VirtualClock::new(
                store, business, waiting, sweeper, &routes,
            ))
        });
        let desk =
            Desk::new(Arc::clone(&store), Arc::clone(&clock), waiting, nudge).handing_to(&runner);
        let desk = Arc::new(desk);
        let longest = settings.listings.iter().map(|l| l.reply_within).max();
        let sold = routes.iter().map(|(path, listed, dialect)| Sold {
            listed: Arc::clone(listed),
            dialect: *dialect,
            path: path.clone(),
        });
        let tokens = Arc::new(ArcSwap::from_pointee(settings.admin.tokens.clone()));
        let admin = Admin {
            store: Arc::clone(&store),
            desk: Arc::clone(&desk),
            clock: Arc::clone(&clock),
            sweeper: Arc::clone(&sweeper),
            virtual_clock: virtual_clock.clone(),
            sold: sold.collect(),
            keys: Arc::clone(&keys),
            tokens: Arc::clone(&tokens),
            watch: Arc::clone(&watch),
            refused: Refused::default(),
        };
        let of_listing =
            |listing: &Arc<Listing>| Some((listing.name.clone(), keys.listed(&listing.name)?));
        let holding = Holding::new(
            Arc::clone(&store),
            Arc::clone(&clock),
            listings.iter().filter_map(of_listing).collect(),
            settings.vendor.clone(),
            &settings.public_url,
        );
        let mut gateway =
            Gateway::new(routes, desk, store, Arc::clone(&clock), &watch).with_links(holding);
        let is_fake = |p: &ProductSettings| matches!(p.driver, DriverSettings::Demo { .. });
        if settings.products.iter().any(is_fake) {
            gateway = gateway.with_fakes();
        }
        Ok(Self {
            gateway: Arc::new(gateway),
            admin: Arc::new(admin.door()),
            secrets: Arc::new(Secrets {
                keys,
                tokens,
                hooks,
                vendors,
            }),
            clock,
            virtual_clock,
            lookout,
            runner: Arc::new(runner),
            sweeper,
            drain_within: longest.unwrap_or_default() + DRAIN_MARGIN,
        })
    }

    /// The keys of every listing.
    #[must_use]
    pub fn keys(&self) -> Arc<KeyBook> {
        Arc::clone(&self.secrets.keys)
    }

    /// Whatever a reload swaps.
    #[must_use]
    pub fn secrets(&self) -> Arc<Secrets> {
        Arc::clone(&self.secrets)
    }

    /// Serves at `doors` until `stop` says so, then drains: answers that were begun are sent, work
    /// that nobody waits for is left for the next start.
    pub async fn run(self, doors: Doors, stop: watch::Receiver<bool>) {
        if let (Some(clock), Ok(door)) = (&self.virtual_clock, doors.market.local_addr()) {
            clock.opens_at(door);
        }
        let (stop_runner, runner_stops) = watch::channel(false);
        let runner = tokio::spawn(Arc::clone(&self.runner).run(runner_stops));
        let mut stopping = stop.clone();
        let gateway = Arc::clone(&self.gateway);
        let drain = tokio::spawn(async move {
            let _ = stopping.wait_for(|stop| *stop).await;
            gateway.drain();
        });
        let flushing = tokio::spawn(flush(self.keys(), self.clock.clone()));
        let looking = tokio::spawn(self.lookout.run());
        let sweeping = tokio::spawn(Arc::clone(&self.sweeper).run());
        let admin_limits = DoorLimits {
            connections_max: ADMIN_CONNECTIONS_MAX,
            ..doors.limits
        };
        tokio::join!(
            serve(
                doors.market,
                self.gateway,
                doors.limits,
                stop.clone(),
                self.drain_within
            ),
            serve(doors.admin, self.admin, admin_limits, stop, DRAIN_MARGIN),
        );
        flushing.abort();
        looking.abort();
        sweeping.abort();
        if let Err(fault) = self.secrets.keys.flush().await {
            tracing::warn!(
                code = fault.code,
                "could not store when keys were last used: {fault}"
            );
        }
        let left = self.runner.at_work();
        if left > 0 {
            tracing::info!(
                left,
                "{left} operations are under way; the next start resumes them"
            );
        }
        // A runner that has ended needs no telling.
        let _ = stop_runner.send(true);
        let _ = runner.await;
        drain.abort();
    }
}

/// Stores when keys were last used, now and then, for ever.
async fn flush(keys: Arc<KeyBook>, clock: Arc<dyn Clock>) {
    loop {
        clock.sleep(FLUSH_EVERY_MS).await;
        if let Err(fault) = keys.flush().await {
            tracing::warn!(
                code = fault.code,
                "could not store when keys were last used: {fault}"
            );
        }
    }
}

/// Opens the store that `settings` name, making its master key when both are new.
///
/// # Errors
/// When the key is missing or wrong, somebody else owns the store, or the store holds what the
/// settings do not know.
pub fn open_store(settings: &Settings) -> anyhow::Result<(SqliteStore, MasterKey)> {
    let key = master_key(&settings.master_key, &settings.database)?;
    let listings: Vec<_> = settings
        .listings
        .iter()
        .map(|l| BoundListing {
            name: l.name.clone(),
            formerly: l.formerly.clone(),
        })
        .collect();
    let wall = SystemClock::wall();
    let now = Now {
        wall,
        business: wall,
    };
    let store = SqliteStore::open(Options {
        listings,
        batch_max: settings.batch_max,
        ..Options::new(settings.database.clone(), key.clone(), now)
    })
    .map_err(|error| start::store_closed(&error))?;
    Ok((store, key))
}

/// The clocks that belong to `store`.
#[must_use]
pub fn clock_of(store: &SqliteStore) -> SystemClock {
    let stored = store.clock();
    SystemClock::new(stored.offset_ms, stored.floor)
}

fn master_key(source: &MasterKeySource, database: &Path) -> anyhow::Result<MasterKey> {
    let file = match source {
        MasterKeySource::Given(text) => {
            let parsed = MasterKey::parse(text.expose_secret());
            return parsed.map_err(|error| start::master_key_malformed(error).into());
        }
        MasterKeySource::File(file) => file,
    };
    match std::fs::read_to_string(file) {
        Ok(text) => {
            let named = |error| format!("{}: {error}", file.display());
            MasterKey::parse(&text)
                .map_err(|error| start::master_key_malformed(named(error)).into())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if database.exists() {
                return Err(start::master_key_missing(file, database).into());
            }
            make_master_key(file)
        }
        Err(error) => Err(error).with_context(|| start::cannot_read(file)),
    }
}

fn make_master_key(file: &Path) -> anyhow::Result<MasterKey> {
    use std::io::Write as _;
    let key = MasterKey::generate()?;
    let mut open = std::fs::OpenOptions::new();
    open.write(true).create_new(true).mode(0o600);
    let mut made = open.open(file).with_context(|| start::cannot_write(file))?;
    made.write_all(key.to_text().expose_secret().as_bytes())
        .and_then(|()| made.write_all(b"\n"))
        .and_then(|()| made.sync_all())
        .with_context(|| start::cannot_write(file))?;
    tracing::info!(
        "made the master key file {}: back it up, apart from the store",
        file.display()
    );
    Ok(key)
}

fn product(
    product: &ProductSettings,
    settings: &Settings,
    key: &MasterKey,
    clock: &Arc<dyn Clock>,
    hooks: &mut BTreeMap<String, HookSecret>,
) -> anyhow::Result<Product> {
    let params = || product.plans.iter().cloned().collect();
    let mut not_yet_for = Some(product.give_up_after);
    let driver: Arc<dyn Driver> = match &product.driver {
        DriverSettings::Demo {
            delay,
            failure_rate,
        } => Arc::new(
            DemoDriver::new(demo_seed(key), millis(*delay), *failure_rate).at(&format!(
                "{}{}",
                settings.public_url,
                FAKE.trim_end_matches('/')
            )),
        ),
        DriverSettings::Command {
            argv,
            directory,
            timeout,
        } => {
            let mut lock_directory = settings.database.clone().into_os_string();
            lock_directory.push(".run");
            Arc::new(CommandDriver::new(CommandSettings {
                argv: argv.clone(),
                working_directory: directory.clone(),
                lock_directory: lock_directory.into(),
                time_limit: *timeout,
                params: params(),
            }))
        }
        DriverSettings::Webhook {
            url,
            secret,
            timeout,
        } => {
            not_yet_for = Some(*timeout);
            let secret: HookSecret = Arc::new(ArcSwap::new(Arc::clone(secret)));
            hooks.insert(product.name.clone(), Arc::clone(&secret));
            let webhook = WebhookSettings {
                url: url.clone(),
                secret: Arc::clone(&secret),
                timeout: *timeout,
                params: params(),
            };
            let driver = WebhookDriver::new(webhook, Arc::clone(clock));
            Arc::new(driver.with_context(|| no_client(&product.name))?)
        }
        DriverSettings::Pool { .. } => {
            not_yet_for = None;
            Arc::new(PoolDriver)
        }
        DriverSettings::Manual => {
            not_yet_for = None;
            Arc::new(ManualDriver)
        }
        DriverSettings::Spi(spi) => {
            let driver = SpiDriver::new(spi.clone(), Arc::clone(clock));
            Arc::new(driver.with_context(|| no_client(&product.name))?)
        }
    };
    let plan = |(name, params): &(String, serde_json::Value)| {
        (
            name.clone(),
            Plan {
                params: params.to_string(),
            },
        )
    };
    Ok(Product {
        name: product.name.clone(),
        plans: product.plans.iter().map(plan).collect(),
        driver,
        dry_run: product.dry_run,
        give_up_after_ms: millis(product.give_up_after),
        not_yet_for_ms: not_yet_for.map(millis),
        stock_low: match &product.driver {
            DriverSettings::Pool { stock_low } => *stock_low,
            DriverSettings::Demo { .. }
            | DriverSettings::Command { .. }
            | DriverSettings::Webhook { .. }
            | DriverSettings::Manual
            | DriverSettings::Spi(_) => 0,
        },
    })
}

/// What the demo driver's passwords are derived from: the same at every start with this key.
fn demo_seed(key: &MasterKey) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"turnkey demo driver\0");
    hash.update(key.to_text().expose_secret());
    hash.finalize().into()
}

/// Without its accounts, which change: the key book puts them in.
fn listing(listing: &ListingSettings, product: Arc<Product>, public_url: &str) -> Listing {
    Listing {
        name: listing.name.clone(),
        product,
        product_code: listing.product_code.clone(),
        keys: listing
            .keys
            .iter()
            .map(|key| key.secret.clone().into())
            .collect(),
        offers: listing.offers.clone(),
        public_url: public_url.to_owned(),
        reply_within_ms: millis(listing.reply_within),
        clock_skew_ms: millis(listing.clock_skew),
        slow: listing.slow,
        reveal_for_ms: millis(listing.reveal_for),
        time_zone: listing.time_zone.clone(),
        ends: listing.ends,
        own_terms: listing.own_terms,
        storefront: listing.front.as_ref().map(|front| Storefront {
            accounts: Accounts::default(),
            regions: front.regions.clone(),
            payment: front.payment,
            unpaid_after_ms: millis(front.unpaid_after),
        }),
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn no_client(product: &str) -> Said {
    start::system_refused(
        &format!("cannot make an HTTP client for product {product:?}"),
        &format!("无法为产品 {product:?} 建立 HTTP 客户端"),
    )
}
