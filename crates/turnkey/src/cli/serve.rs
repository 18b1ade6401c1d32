//! `turnkey serve`: runs until it is told to stop, then drains.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use turnkey_engine::RunnerLimits;
use turnkey_store::{MasterKey, SqliteStore};

use crate::cli::config_check::spoken;
use crate::cli::{Exit, Lang, complain};
use crate::config::{self, Checked, Settings};
use crate::http::server::DoorLimits;
use crate::log;
use crate::wire_up::{Doors, Shop, clock_of, open_store};
use crate::words::{Said, start};

pub(super) fn run(config: &Path, lang: Lang) -> anyhow::Result<Exit> {
    let since = Instant::now();
    let Some(settings) = accepted(config::load(config), lang) else {
        return Ok(Exit::Problems);
    };
    log::start(&settings.log)?;
    runtime()?.block_on(async {
        let doors = Doors {
            market: bind(&settings.listen).await?,
            admin: bind(&settings.admin.listen).await?,
            limits: DoorLimits::default(),
        };
        let (address, admin) = (doors.market.local_addr()?, doors.admin.local_addr()?);
        serve(&settings, Some(config), doors, || {
            let ready_ms = since.elapsed().as_millis();
            tracing::info!("ready at http://{address} in {ready_ms} ms");
            match settings.admin.tokens.as_slice() {
                [] => tracing::info!(
                    "admin API at http://{admin}, but there is no [admin.token.<name>] to use it"
                ),
                [..] => tracing::info!("admin API at http://{admin}/api/v1"),
            }
        })
        .await
    })?;
    Ok(Exit::Good)
}

/// The settings, unless a finding is an error; every finding is told.
pub(super) fn accepted(checked: Checked, lang: Lang) -> Option<Settings> {
    for finding in &checked.findings {
        complain(&spoken(finding, lang));
    }
    checked.settings
}

pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let built = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    built.with_context(|| start::system_refused("cannot start the runtime", "不能启动运行时"))
}

pub(super) async fn bind(address: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| start::cannot_listen(address))
}

/// Opens the store, says `ready` once it is, and serves until SIGTERM or SIGINT.
pub(super) async fn serve(
    settings: &Settings,
    config: Option<&Path>,
    doors: Doors,
    ready: impl FnOnce(),
) -> anyhow::Result<()> {
    let (stop, stops) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate()).with_context(no_signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).with_context(no_signals)?;
    let hangup = signal(SignalKind::hangup()).with_context(no_signals)?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!(
            "told to stop: answers under way are sent, the rest is left for the next start"
        );
        // Whoever stopped listening has stopped already.
        let _ = stop.send(true);
    });
    let (store, key) = own_store(settings).await?;
    let clock = Arc::new(clock_of(&store));
    let shop = Shop::new(
        settings,
        &key,
        Arc::new(store),
        clock,
        RunnerLimits::default(),
    )?;
    // Without its accounts a storefront would refuse whoever may buy.
    shop.keys().recall().await?;
    if let Some(config) = config {
        tokio::spawn(shop.secrets().follow(config.to_owned(), hangup));
    }
    ready();
    shop.run(doors, stops).await;
    Ok(())
}

/// Opens the store. A program that was being started when the server before us was killed may hold
/// the store's lock for another moment, so one that is in use is tried for a while.
async fn own_store(settings: &Settings) -> anyhow::Result<(SqliteStore, MasterKey)> {
    const TRIES: u32 = 20;
    const PAUSE: Duration = Duration::from_millis(100);
    for _ in 1..TRIES {
        match open_store(settings) {
            Err(error) if is_locked(&error) => tokio::time::sleep(PAUSE).await,
            opened => return opened,
        }
    }
    open_store(settings)
}

fn is_locked(error: &anyhow::Error) -> bool {
    let said: Option<&Said> = error.downcast_ref();
    said.is_some_and(|said| said.code == "store_locked")
}

fn no_signals() -> Said {
    start::system_refused("cannot listen for signals", "不能接收信号")
}
