//! Load: one thread, a few keep-alive connections, one request under way on each.
//!
//! A closed loop: whoever got an answer asks again at once. As cheap as can be, since the machine
//! that it loads may be the one that it runs on.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::requests::Requests;

/// An answer that takes longer is not coming.
const PATIENCE: Timespec = Timespec {
    tv_sec: 20,
    tv_nsec: 0,
};

/// Answers have a few hundred bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// What a load came to.
pub(crate) struct Loaded {
    /// How long each answer took, in nanoseconds, sorted.
    pub(crate) latencies_ns: Vec<u64>,
    /// From the first request to the last answer.
    pub(crate) took: Duration,
}

/// How long to go on, and whether requests may be sent again.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// Send each request once, but none any more after so long.
    AllSent(Duration),
    /// Begin again when all are sent, for so long.
    Elapsed(Duration),
}

/// Sends `requests` over `connections` connections to `to`.
pub(crate) fn load(
    to: SocketAddr,
    connections: usize,
    requests: &Requests,
    until: Until,
) -> anyhow::Result<Loaded> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("cannot make an epoll")?;
    let mut open = (0u64..)
        .take(connections)
        .map(|n| Connection::open(to, &epoll, n))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut latencies_ns = Vec::with_capacity(1 << 20);
    let mut events = Vec::with_capacity(connections);
    let begun = Instant::now();
    let mut turns = Turns::new(requests, until, begun);
    for connection in &mut open {
        if let Some(request) = turns.next(begun) {
            connection.send(request, begun)?;
        }
    }
    let mut last = begun;
    while turns.under_way > 0 {
        epoll::wait(&epoll, spare_capacity(&mut events), Some(&PATIENCE))
            .context("cannot wait for answers")?;
        anyhow::ensure!(
            !events.is_empty(),
            "no answer came for {} s",
            PATIENCE.tv_sec
        );
        for event in events.drain(..) {
            let event: epoll::Event = event;
            let connection = usize::try_from(event.data.u64())
                .ok()
                .and_then(|n| open.get_mut(n))
                .context("an event of nobody")?;
            if !connection.hear()? {
                continue;
            }
            last = Instant::now();
            let took = last.duration_since(connection.sent);
            latencies_ns.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
            turns.under_way -= 1;
            if let Some(request) = turns.next(last) {
                connection.send(request, last)?;
            }
        }
    }
    latencies_ns.sort_unstable();
    Ok(Loaded {
        latencies_ns,
        took: last.duration_since(begun),
    })
}

/// Whose turn it is.
struct Turns<'a> {
    requests: &'a Requests,
    next: usize,
    begins_again: bool,
    ends: Instant,
    under_way: usize,
}

impl<'a> Turns<'a> {
    fn new(requests: &'a Requests, until: Until, begun: Instant) -> Self {
        let (begins_again, lasting) = match until {
            Until::AllSent(lasting) => (false, lasting),
            Until::Elapsed(lasting) => (true, lasting),
        };
        Self {
            requests,
            next: 0,
            begins_again,
            ends: begun + lasting,
            under_way: 0,
        }
    }

    fn next(&mut self, now: Instant) -> Option<&'a [u8]> {
        if now >= self.ends {
            return None;
        }
        if self.begins_again && self.next == self.requests.len() {
            self.next = 0;
        }
        let request = self.requests.get(self.next)?;
        self.next += 1;
        self.under_way += 1;
        Some(request)
    }
}

struct Connection {
    stream: TcpStream,
    heard: Vec<u8>,
    sent: Instant,
}

impl Connection {
    fn open(to: SocketAddr, epoll: &rustix::fd::OwnedFd, n: u64) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(to).with_context(|| format!("cannot connect to {to}"))?;
        stream
            .set_nodelay(true)
            .context("cannot set up a connection")?;
        stream
            .set_nonblocking(true)
            .context("cannot set up a connection")?;
        epoll::add(
            epoll,
            &stream,
            epoll::EventData::new_u64(n),
            epoll::EventFlags::IN,
        )
        .context("cannot watch a connection")?;
        Ok(Self {
            stream,
            heard: Vec::with_capacity(ANSWER_BYTES_MAX),
            sent: Instant::now(),
        })
    }

    fn send(&mut self, request: &[u8], now: Instant) -> anyhow::Result<()> {
        self.sent = now;
        self.stream
            .write_all(request)
            .context("cannot send a request")
    }

    /// Reads what has come. Whether the answer is complete; one that is not good is an error.
    fn hear(&mut self) -> anyhow::Result<bool> {
        let mut came = [0; 4096];
        let bytes = match self.stream.read(&mut came) {
            Ok(0) => anyhow::bail!("the server hung up; heard so far: {}", self.words()),
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error).context("cannot read an answer"),
        };
        self.heard
            .extend_from_slice(came.get(..bytes).unwrap_or_default());
        match parse(&self.heard) {
            Parsed::Complete { status: 200, bytes } if bytes == self.heard.len() => {
                self.heard.clear();
                Ok(true)
            }
            Parsed::Incomplete if self.heard.len() < ANSWER_BYTES_MAX => Ok(false),
            Parsed::Complete { .. } | Parsed::Incomplete | Parsed::Strange => {
                anyhow::bail!("not the answer that was wanted:\n{}", self.words())
            }
        }
    }

    fn words(&self) -> String {
        String::from_utf8_lossy(&self.heard).into_owned()
    }
}

/// What an answer looks like so far.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// There is more to come.
    Incomplete,
    /// All of it has come: so many bytes.
    Complete {
        /// Its status.
        status: u16,
        /// Head and body.
        bytes: usize,
    },
    /// It is none that this parser knows.
    Strange,
}

/// Reads an HTTP/1.1 answer whose body has a `content-length`.
pub(crate) fn parse(heard: &[u8]) -> Parsed {
    let Some(head_bytes) = heard.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Parsed::Incomplete;
    };
    let head = heard.get(..head_bytes).map(std::str::from_utf8);
    let Some(Ok(head)) = head else {
        return Parsed::Strange;
    };
    let mut lines = head.split("\r\n");
    let first = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 "));
    let status = first.and_then(|rest| rest.get(..3)?.parse().ok());
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().ok()).flatten()
    });
    let (Some(status), Some(length)) = (status, length) else {
        return Parsed::Strange;
    };
    let bytes: usize = head_bytes.saturating_add(4).saturating_add(length);
    if heard.len() < bytes {
        return Parsed::Incomplete;
    }
    Parsed::Complete { status, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_when_its_body_is() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\ndate: x\r\n\r\nok\n";
        for cut in 0..answer.len() {
            assert_eq!(parse(&answer[..cut]), Parsed::Incomplete, "{cut}");
        }
        let complete = Parsed::Complete {
            status: 200,
            bytes: answer.len(),
        };
        assert_eq!(parse(answer), complete);
    }

    #[test]
    fn an_answer_without_a_length_is_strange() {
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
        assert_eq!(parse(chunked), Parsed::Strange);
        assert_eq!(parse(b"SSH-2.0\r\n\r\n"), Parsed::Strange);
    }
}
