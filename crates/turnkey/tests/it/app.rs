//! The whole program in this process, with a clock that the test moves.

use std::net::SocketAddr;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use turnkey::config::{self, Checked, Mode, Settings};
use turnkey::http::server::DoorLimits;
use turnkey::keys::KeyBook;
use turnkey::reload::Secrets;
use turnkey::wire_up::{Doors, Shop, open_store};
use turnkey_core::ports::{Clock as _, Store};
use turnkey_core::{Instance, InstanceId, Now, Operation, Order, UtcMillis};
use turnkey_engine::RunnerLimits;
use turnkey_testkit::{ManualClock, sample};

use crate::wire::{Answer, Parameters, get, signed};

/// The key of every listing here.
pub(crate) const KEY: &str = "k9Zt3vQeXw2LrB7uYh5N";

/// The tokens of [`TOKENS`], by role.
pub(crate) const VIEWER: &str = "1111111111111111111111111111viewer";
pub(crate) const OPERATOR: &str = "22222222222222222222222222operator";
pub(crate) const ADMIN: &str = "33333333333333333333333333333admin";

/// A listing `notes` of a product `notes` with the plans `team` and `solo`. Who delivers it is said
/// beside this.
pub(crate) const NOTES: &str = r#"
    [server]
    public_url = "https://deliver.example.com"
    [store]
    url = "sqlite:test.db"
    [secrets]
    master_key = { file = "test.key" }
    [product.notes.plan.team]
    [product.notes.plan.solo]
    [listing.notes]
    dialect = "qingcloud-market"
    product = "notes"
    keys = [{ value = "k9Zt3vQeXw2LrB7uYh5N" }]
    slow = "wait"
    [[listing.notes.offer]]
    spec = "规格"
    package = "套餐"
    plan = "team"
    [[listing.notes.offer]]
    spec = "solo"
    plan = "solo"
"#;

/// The demo driver delivers it; a second listing of the same key, at `/spi/other`, is told apart by
/// its product code.
pub(crate) const DEMO: &str = r#"
    [product.notes]
    driver = "demo"
    [listing.other]
    dialect = "qingcloud-market"
    product = "notes"
    product_code = "prod-other"
    any_plan = "team"
    keys = [{ value = "k9Zt3vQeXw2LrB7uYh5N" }]
"#;

/// A token for each role.
pub(crate) const TOKENS: &str = r#"
    [admin.token.vera]
    role = "viewer"
    token = { value = "1111111111111111111111111111viewer" }
    [admin.token.otto]
    role = "operator"
    token = { value = "22222222222222222222222222operator" }
    [admin.token.ada]
    role = "admin"
    token = { value = "33333333333333333333333333333admin" }
"#;

/// The settings of a configuration that is good.
pub(crate) fn settled(checked: Checked) -> Settings {
    let findings = checked.findings;
    checked.settings.unwrap_or_else(|| panic!("{findings:?}"))
}

/// The whole program, running.
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    /// Where the admin API listens.
    pub(crate) admin: SocketAddr,
    pub(crate) clock: ManualClock,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keys: Arc<KeyBook>,
    pub(crate) secrets: Arc<Secrets>,
    _folder: TempDir,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl App {
    /// The demo product, delivered at once.
    pub(crate) async fn start() -> Self {
        Self::with_limits(DoorLimits::default()).await
    }

    /// The demo product, behind a door with `limits`.
    pub(crate) async fn with_limits(limits: DoorLimits) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::start_in(folder, &format!("{NOTES}{DEMO}{TOKENS}"), limits).await
    }

    /// The configuration in `toml`, with its data in `folder`.
    pub(crate) async fn start_in(folder: TempDir, toml: &str, limits: DoorLimits) -> Self {
        let checked = config::parse(toml, Mode::Demo, folder.path());
        Self::start_at(folder, &settled(checked), limits, sample::NOON).await
    }

    /// What `settings` say, with its data in `folder`; both clocks show `at`.
    pub(crate) async fn start_at(
        folder: TempDir,
        settings: &Settings,
        limits: DoorLimits,
        at: UtcMillis,
    ) -> Self {
        let (store, key) = open_store(settings).expect("a store");
        let store: Arc<dyn Store> = Arc::new(store);
        let clock = ManualClock::at(at);
        let shop = Shop::new(
            settings,
            &key,
            Arc::clone(&store),
            Arc::new(clock.clone()),
            RunnerLimits::default(),
        )
        .expect("every driver");
        let (keys, secrets) = (shop.keys(), shop.secrets());
        let port = async || TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let doors = Doors {
            market: port().await,
            admin: port().await,
            limits,
        };
        let address = doors.market.local_addr().expect("an address");
        let admin = doors.admin.local_addr().expect("an address");
        let (stop, stops) = watch::channel(false);
        let running = tokio::spawn(shop.run(doors, stops));
        Self {
            address,
            admin,
            clock,
            store,
            keys,
            secrets,
            _folder: folder,
            stop,
            running,
        }
    }

    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    /// A signed call at listing `notes`, signed now.
    pub(crate) async fn call(&self, parameters: Parameters<'_>) -> Answer {
        self.call_signed_at(parameters, self.now().wall).await
    }

    /// A signed call at listing `notes`, signed at `at`.
    pub(crate) async fn call_signed_at(&self, parameters: Parameters<'_>, at: UtcMillis) -> Answer {
        let query = signed(parameters, KEY, at);
        get(self.address, &format!("/spi/notes?{query}")).await
    }

    /// A create of plan `team` for `duration` under `order`.
    pub(crate) async fn create(&self, order: &str, duration: &str) -> Answer {
        self.call(&[
            ("action", "CreateInstance"),
            ("order_id", order),
            ("qingcloud_uid", "usr-u5JDC3MS"),
            ("product_code", "prod-yha6rswd"),
            ("spec", "规格"),
            ("package", "套餐"),
            ("duration", duration),
            ("debug", "0"),
        ])
        .await
    }

    /// A renewal by `duration` under `order`.
    pub(crate) async fn renew(&self, order: &str, instance: &str, duration: &str) -> Answer {
        self.call(&[
            ("action", "RenewInstance"),
            ("order_id", order),
            ("instance_id", instance),
            ("spec", "规格"),
            ("package", "套餐"),
            ("duration", duration),
        ])
        .await
    }

    /// A move to plan `solo` under `order`.
    pub(crate) async fn upgrade(&self, order: &str, instance: &str) -> Answer {
        self.call(&[
            ("action", "UpgradeInstance"),
            ("order_id", order),
            ("instance_id", instance),
            ("spec", "solo"),
            ("package", "any"),
            ("duration", "1_year"),
        ])
        .await
    }

    pub(crate) async fn expire(&self, instance: &str) -> Answer {
        self.call(&[("action", "ExpireInstance"), ("instance_id", instance)])
            .await
    }

    pub(crate) async fn delete(&self, instance: &str) -> Answer {
        self.call(&[("action", "DeleteInstance"), ("instance_id", instance)])
            .await
    }

    pub(crate) async fn instance(&self, id: &str) -> Instance {
        let found = self
            .store
            .instance_get(InstanceId::new(id))
            .await
            .expect("a healthy store");
        found.unwrap_or_else(|| panic!("instance {id} is not stored"))
    }

    /// Everything that is stored: orders, instances, operations.
    pub(crate) async fn everything(&self) -> (Vec<Order>, Vec<Instance>, Vec<Operation>) {
        let store = &self.store;
        (
            store.order_list(None, 10_000).await.expect("orders"),
            store.instance_list(None, 10_000).await.expect("instances"),
            store
                .operation_list(None, 10_000)
                .await
                .expect("operations"),
        )
    }

    /// Stops it, and fails when work is left unfinished.
    pub(crate) async fn stop(self) {
        let (_, _, operations) = self.everything().await;
        assert!(
            operations.is_empty(),
            "work is left unfinished: {operations:?}"
        );
        self.stop.send(true).expect("it runs");
        self.running.await.expect("it ends well");
    }
}
