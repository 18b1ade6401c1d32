//! A vendor's hook: notes what it is asked, answers what the test says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// One request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) line: String,
    /// By lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// A hook that runs until it is dropped.
pub(crate) struct Hook {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    running: tokio::task::JoinHandle<()>,
}

impl Hook {
    /// A hook that answers the bytes that `answer` makes of each request, then closes.
    pub(crate) async fn start(answer: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (noted, answer) = (Arc::clone(&asked), Arc::new(answer));
        let running = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (noted, answer) = (Arc::clone(&noted), Arc::clone(&answer));
                tokio::spawn(async move {
                    let mut stream = stream;
                    if let Some(asked) = read(&mut stream).await {
                        noted.lock().unwrap().push(asked.clone());
                        // A caller that has heard enough hangs up.
                        let _ = stream.write_all(&answer(&asked)).await;
                        let _ = stream.shutdown().await;
                    }
                });
            }
        });
        Self {
            url,
            asked,
            running,
        }
    }

    /// A hook that always answers `status`, `headers` and `body`.
    pub(crate) async fn saying(status: u16, headers: &str, body: &str) -> Self {
        let answer = response(status, headers, body);
        Self::start(move |_| answer.clone()).await
    }

    /// Everything that it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// An answer; each of `headers` ends with CR LF.
pub(crate) fn response(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} Said\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}")
        .into_bytes()
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        (stream.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    };
    let text = String::from_utf8(bytes[..head].to_vec()).expect("a head in ASCII");
    let (line, rest) = text.split_once("\r\n").expect("a request line");
    let headers: BTreeMap<_, _> = rest
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length");
    let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
    let mut body = bytes.split_off(head + 4);
    while body.len() < length {
        (stream.read_buf(&mut body).await.ok()? > 0).then_some(())?;
    }
    Some(Asked {
        line: line.to_owned(),
        headers,
        body,
    })
}
