//! A caller on a slow line: what it sends and what it reads passes byte by byte.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use turnkey_core::Fault;
use turnkey_dialects::{OwnedRequest, Reply};
use turnkey_drivers::market::{ANSWER_BYTES_MAX, Market, target};

/// Between two bytes: an answer of a thousand bytes takes a second, well within the least of all time limits.
const BETWEEN: Duration = Duration::from_millis(1);

/// Why no slow line leads over TLS.
pub(super) const OVER_HTTP_ONLY: [&str; 2] = [
    "a slow line is played over plain http only",
    "慢速线路只能在明文 http 上演示",
];

/// Sends `request` where `market` calls, slowly, and hears the answer as slowly.
///
/// # Errors
/// `no_answer` when none came within the marketplace's time limit.
pub(super) async fn sent(market: &Market, request: OwnedRequest) -> Result<Reply, Fault> {
    let broke = |why: &str| Fault::busy("no_answer", why);
    let answered = tokio::time::timeout(market.time_limit(), passed(market, request));
    match answered.await {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(why)) => Err(broke(&why)),
        Err(_) => Err(broke("no answer in time, on a slow line")),
    }
}

async fn passed(market: &Market, request: OwnedRequest) -> Result<Reply, String> {
    let url = target(market.url(), &request);
    let uri: hyper::Uri = url.parse().map_err(|_| "the URL is none".to_owned())?;
    let authority = uri.authority().ok_or("the URL names no host")?;
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80)))
        .await
        .map_err(|error| error.to_string())?;
    let slow = TokioIo::new(Slow {
        stream,
        to_read: Box::pin(sleep(Duration::ZERO)),
        to_write: Box::pin(sleep(Duration::ZERO)),
    });
    let failed = |error: hyper::Error| error.to_string();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(slow)
        .await
        .map_err(failed)?;
    let connection = tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut builder = hyper::Request::builder().method(request.method).uri(path);
    if !request.headers.iter().any(|(name, _)| *name == "host") {
        builder = builder.header("host", authority.as_str());
    }
    for (name, value) in &request.headers {
        builder = builder.header(*name, value);
    }
    let request = builder
        .body(Full::new(Bytes::from(request.body)))
        .map_err(|error| error.to_string())?;
    let (head, body) = sender
        .send_request(request)
        .await
        .map_err(failed)?
        .into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    connection.abort();
    let content_type = head.headers.get(hyper::header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    Ok(Reply {
        status: head.status.as_u16(),
        content_type: content_type.unwrap_or_default().to_owned(),
        retry_after_s: None,
        headers: Vec::new(),
        body: body.map_err(|error| error.to_string())?.to_bytes().into(),
    })
}

/// A line that passes a byte at a time, each way.
struct Slow {
    stream: TcpStream,
    to_read: Pin<Box<Sleep>>,
    to_write: Pin<Box<Sleep>>,
}

/// Ready when the next byte may pass.
fn poll_pause(pause: &mut Pin<Box<Sleep>>, context: &mut Context<'_>) -> Poll<()> {
    ready!(pause.as_mut().poll(context));
    pause.set(sleep(BETWEEN));
    Poll::Ready(())
}

impl AsyncRead for Slow {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(poll_pause(&mut self.to_read, context));
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut one))?;
        into.put_slice(one.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Slow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(poll_pause(&mut self.to_write, context));
        let one = bytes.get(..1).unwrap_or(bytes);
        Pin::new(&mut self.stream).poll_write(context, one)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
