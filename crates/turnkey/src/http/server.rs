//! Connections: how many, how slow, how long, and how they end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::http::first_byte::{FirstByte, Noted};

/// Who answers what comes in: the marketplaces' gateway, or the admin API.
pub trait Door: Send + Sync + 'static {
    /// What its answers are made of.
    type Body: Body<Data: Send, Error: std::error::Error + Send + Sync> + Send + 'static;

    /// Answers one request, whose first byte came at `since`.
    fn receive(
        self: Arc<Self>,
        request: Request<Incoming>,
        since: Instant,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// Bounds of the outer door. Tests tighten them; nobody loosens them.
#[derive(Clone, Copy, Debug)]
pub struct DoorLimits {
    /// How many connections at once; the next one waits in the kernel's queue.
    pub connections_max: usize,
    /// How long the head of a request may take, and how long a connection may idle before the
    /// next.
    pub head_within: Duration,
    /// How many headers; no marketplace sends twenty.
    pub headers_max: usize,
    /// How many bytes a request's head may have.
    pub head_bytes_max: usize,
}

impl Default for DoorLimits {
    fn default() -> Self {
        Self {
            connections_max: 1024,
            head_within: Duration::from_secs(10),
            headers_max: 64,
            head_bytes_max: 32 * 1024,
        }
    }
}

/// Serves until `stop` says so; then takes no new connection, lets every request that was begun
/// have its answer, and returns. Connections that are still open after `drain_within` are cut.
pub async fn serve<D: Door>(
    listener: TcpListener,
    door: Arc<D>,
    limits: DoorLimits,
    mut stop: watch::Receiver<bool>,
    drain_within: Duration,
) {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        tokio::select! {
            () = told(&mut stop) => break,
            (Ok(place), accepted) = next => match accepted {
                Ok(accepted) => {
                    let connection =
                        connection(accepted, Arc::clone(&door), limits, stop.clone(), place);
                    connections.spawn(connection);
                }
                Err(error) => {
                    // Out of descriptors, most likely: some will be free again soon.
                    tracing::error!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(drain_within, drained).await.is_err() {
        tracing::warn!("some connections did not end in time and are cut");
    }
}

/// Ends when `stop` says so; a sender that is gone says so too.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn connection<D: Door>(
    (stream, peer): (TcpStream, SocketAddr),
    door: Arc<D>,
    limits: DoorLimits,
    mut stop: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
) {
    // An answer is one small packet: it must not wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let first_byte = FirstByte::default();
    let stream = TokioIo::new(Noted::new(stream, first_byte.clone()));
    let service = service_fn(move |request| {
        let (door, since) = (Arc::clone(&door), first_byte.take());
        async move { Ok::<_, Infallible>(door.receive(request, since, peer).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_within)
        .max_headers(limits.headers_max)
        .max_buf_size(limits.head_bytes_max)
        .serve_connection(stream, service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
