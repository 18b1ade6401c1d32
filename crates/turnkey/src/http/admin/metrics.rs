//! `/metrics`: what Prometheus reads.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use hyper::HeaderMap;
use hyper::header;

use crate::config::Role;
use crate::http::admin::failure::Failure;
use crate::http::admin::{Admin, Peer};

/// The media type of what is answered.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Every metric. A scraper on this machine needs no token; whoever comes from elsewhere, or through
/// a proxy on this machine, needs a viewer's.
pub(super) async fn text(
    State(admin): State<Arc<Admin>>,
    axum::Extension(Peer(peer)): axum::Extension<Peer>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let is_proxied = ["forwarded", "x-forwarded-for", "x-real-ip", "via"]
        .iter()
        .any(|name| headers.contains_key(*name));
    if !peer.ip().to_canonical().is_loopback() || is_proxied {
        admin.caller(&headers, Role::Viewer)?;
    }
    let metrics = &admin.watch.metrics;
    let keys = admin.keys.list().into_iter();
    metrics.set_keys(keys.map(|key| (key.listing, key.role, key.last_used_ms.unwrap_or(0))));
    if let Some(log) = &admin.watch.log {
        metrics.set_dropped(log.dropped());
    }
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], metrics.text()).into_response())
}
