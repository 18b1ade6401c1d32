//! Who listens where Turnkey should.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpListener;

use turnkey_drivers::answer;

use crate::cli::doctor::{Report, says};
use crate::config::Settings;
use crate::market;
use crate::words::start;

/// How long a door may take to say who it is.
const KNOCK_WITHIN: Duration = Duration::from_secs(5);

/// Longest answer of a door that is read.
const ANSWER_BYTES_MAX: usize = 4096;

/// Who listens at an address.
enum Door {
    /// Nobody: it could be listened at.
    Free,
    /// Turnkey, at this address.
    Ours(SocketAddr),
    /// Somebody else, or it cannot be listened at: what the system said.
    Taken(std::io::Error),
}

/// The address at which Turnkey answers with this store, where it does.
pub(super) async fn look(
    settings: &Settings,
    is_store_in_use: Option<bool>,
    report: &mut Report,
) -> anyhow::Result<Option<SocketAddr>> {
    let client = market::client(KNOCK_WITHIN)?;
    let path = "server.listen";
    let listen = &settings.listen;
    let market = knock(listen, &client, "/healthz", |status, body| {
        status == 200 && body == "ok\n"
    });
    let runs = match market.await {
        Door::Ours(_) if is_store_in_use == Some(false) => {
            report.error(path, says::another_turnkey(listen));
            None
        }
        Door::Ours(address) => {
            report.well(path, says::runs(listen));
            Some(address)
        }
        Door::Taken(error) => {
            report.error(path, says::taken(listen, &error));
            None
        }
        Door::Free => {
            if is_store_in_use == Some(true) {
                let path = settings.database.clone();
                let locked = turnkey_store::OpenError::Locked { path };
                report.error("store.url", start::store_closed(&locked));
            }
            report.unseen(path, says::not_running(listen));
            None
        }
    };
    let path = "server.admin_listen";
    let listen = &settings.admin.listen;
    let admin = knock(listen, &client, "/api/v1/openapi.json", |status, body| {
        status == 401 && body.contains("\"token_wrong\"")
    });
    match admin.await {
        Door::Ours(_) if runs.is_some() => report.well(path, says::runs(listen)),
        Door::Ours(_) => report.error(path, says::another_turnkey(listen)),
        Door::Taken(error) => report.error(path, says::taken(listen, &error)),
        Door::Free if runs.is_some() => report.warn(path, says::moved(listen)),
        Door::Free => report.well(path, says::free(listen)),
    }
    Ok(runs)
}

async fn knock(
    listen: &str,
    client: &reqwest::Client,
    path: &str,
    is_ours: impl Fn(u16, &str) -> bool,
) -> Door {
    let error = match TcpListener::bind(listen).await {
        Ok(_) => return Door::Free,
        Err(error) => error,
    };
    let Some(address) = reachable(listen).await else {
        return Door::Taken(error);
    };
    match ask(client, &format!("http://{address}{path}")).await {
        Some((status, body)) if is_ours(status, &body) => Door::Ours(address),
        Some(_) | None => Door::Taken(error),
    }
}

/// Where whoever listens at `listen` can be called from here.
async fn reachable(listen: &str) -> Option<SocketAddr> {
    let mut address = tokio::net::lookup_host(listen).await.ok()?.next()?;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    Some(address)
}

/// Status and body of what is at `url`.
async fn ask(client: &reqwest::Client, url: &str) -> Option<(u16, String)> {
    let mut response = client.get(url).send().await.ok()?;
    let body = answer::whole(&mut response, ANSWER_BYTES_MAX)
        .await
        .ok()??;
    let body = String::from_utf8_lossy(&body).into_owned();
    Some((response.status().as_u16(), body))
}
