//! Sends: one call, several at once, or one whose answer nobody waits for.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use turnkey_drivers::answer;
use turnkey_drivers::market::ANSWER_BYTES_MAX;

use super::{Answer, Draft, Heard, Probe, Signing, Silence, Whose};
use crate::watch::mask::masked_url;

/// Over TLS nobody sees when a request has gone: it is hung up on so much later than a call took that was
/// made just before.
const HUNG_UP_AFTER: Duration = Duration::from_millis(250);

impl Probe {
    /// Signs `draft` as `how` says, and sends it.
    pub async fn send(&self, draft: Draft, how: &Signing) -> Heard {
        let request = self.request(&draft, how);
        let heard = exchanged(self.client.clone(), request).await;
        self.remember(&draft, &heard);
        heard
    }

    /// Sends `times` the same call at once, each signed well.
    pub async fn at_once(&self, draft: &Draft, times: usize) -> Vec<Heard> {
        let mut calls = JoinSet::new();
        for _ in 0..times {
            let request = self.request(draft, &Signing::Good);
            calls.spawn(exchanged(self.client.clone(), request));
        }
        let heard: Vec<Heard> = calls.join_all().await;
        for heard in &heard {
            self.remember(draft, heard);
        }
        heard
    }

    /// Sends `draft` and hangs up before its answer.
    pub async fn lose(&self, draft: &Draft) -> Heard {
        let heard = self.dropped(self.request(draft, &Signing::Good)).await;
        self.remember(draft, &heard);
        heard
    }

    /// Sends `request` and hangs up before its answer.
    pub(super) async fn dropped(&self, request: Sent) -> Heard {
        let since = Instant::now();
        let target = request.target();
        let went = match url::Url::parse(&target) {
            Ok(url) if url.scheme() == "http" => hung_up_on(&url, &request).await,
            Ok(_) | Err(_) => {
                let usual = self.knock().await.took;
                let call = exchanged(self.client.clone(), request.clone());
                match tokio::time::timeout(usual + HUNG_UP_AFTER, call).await {
                    Ok(heard) => heard.answer.map(drop),
                    Err(_) => Ok(()),
                }
            }
        };
        let answer = Err(went.err().unwrap_or(Silence::HungUp));
        Heard::new(request.shown(), answer, since.elapsed())
    }

    fn request(&self, draft: &Draft, how: &Signing) -> Sent {
        let (key, url) = match (draft.whose, &self.plan.other_url) {
            (Whose::Other, Some(url)) => (&self.plan.other_key, url),
            (Whose::Other, None) | (Whose::Ours, _) => (&self.plan.key, &self.plan.url),
        };
        let (query, signature) = draft.signed(how, key);
        Sent {
            method: draft.method,
            url: url.split('?').next().unwrap_or_default().to_owned(),
            query,
            headers: draft.header.zip(signature).into_iter().collect(),
            body: Vec::new(),
        }
    }

    /// What the key makes of `draft`.
    pub fn signature_of(&self, draft: &Draft) -> String {
        draft.signature("", &self.plan.key)
    }
}

/// What goes over the wire.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) method: &'static str,
    pub(super) url: String,
    pub(super) query: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Sent {
    fn target(&self) -> String {
        match self.query.as_str() {
            "" => self.url.clone(),
            query => format!("{}?{query}", self.url),
        }
    }

    fn shown(&self) -> String {
        format!("{} {}", self.method, masked_url(&self.target()))
    }
}

pub(super) async fn exchanged(client: reqwest::Client, request: Sent) -> Heard {
    let since = Instant::now();
    let answer = answered(&client, &request).await;
    Heard::new(request.shown(), answer, since.elapsed())
}

async fn answered(client: &reqwest::Client, request: &Sent) -> Result<Answer, Silence> {
    let method = request.method.parse().unwrap_or(reqwest::Method::GET);
    let mut builder = client.request(method, request.target());
    for (name, value) in &request.headers {
        builder = builder.header(*name, value);
    }
    let body = request.body.clone();
    let mut response = builder.body(body).send().await.map_err(silence)?;
    let content_type = response.headers().get(reqwest::header::CONTENT_TYPE);
    let content_type = content_type.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let content_type = content_type.unwrap_or_default().into_owned();
    let body = answer::whole(&mut response, ANSWER_BYTES_MAX).await;
    let body = body.map_err(silence)?.ok_or(Silence::TooLong)?;
    Ok(Answer {
        status: response.status().as_u16(),
        content_type,
        body,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` passes")]
fn silence(error: reqwest::Error) -> Silence {
    match answer::Silence::from(&error) {
        answer::Silence::Nobody => Silence::Nobody,
        answer::Silence::Late => Silence::Late,
        answer::Silence::Broken => Silence::Broken,
    }
}

/// Sends `request` whole, then closes without having read a byte.
async fn hung_up_on(url: &url::Url, request: &Sent) -> Result<(), Silence> {
    let host = url.host_str().ok_or(Silence::Nobody)?;
    let port = url.port_or_known_default().unwrap_or(80);
    // An IPv6 address stands in brackets in a URL, and without in an address.
    let at = host.trim_start_matches('[').trim_end_matches(']');
    let mut stream = TcpStream::connect((at, port))
        .await
        .map_err(|_| Silence::Nobody)?;
    let (path, query) = (url.path(), url.query().unwrap_or_default());
    let mut head = format!("{} {path}?{query} HTTP/1.1\r\n", request.method);
    if !request.headers.iter().any(|(name, _)| *name == "host") {
        head.push_str(&format!("host: {host}:{port}\r\n"));
    }
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let length = request.body.len();
    head.push_str(&format!(
        "content-length: {length}\r\nconnection: close\r\n\r\n"
    ));
    let whole = [head.as_bytes(), &request.body].concat();
    stream
        .write_all(&whole)
        .await
        .map_err(|_| Silence::Broken)?;
    stream.shutdown().await.map_err(|_| Silence::Broken)
}
