//! A network between two Turnkeys that loses, doubles and delays.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Of so many requests one meets each fault.
const ONE_IN: u32 = 10;

/// How late a late answer is that still comes in time.
const LATE: Duration = Duration::from_millis(500);

/// More than any request has here.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// What happened to the requests so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    pub(crate) passed: u32,
    /// The vendor answered, and nobody heard.
    pub(crate) lost: u32,
    /// The vendor was asked twice, at the same time.
    pub(crate) doubled: u32,
    /// The answer came late, every second one only when the caller had gone.
    pub(crate) slow: u32,
}

#[derive(Clone, Copy)]
enum Fault {
    None,
    Lost,
    Doubled,
    Late,
    TooLate,
}

/// The network, listening in place of whom it leads to.
pub(crate) struct BadNetwork {
    pub(crate) address: SocketAddr,
    weather: Arc<Mutex<Weather>>,
    running: JoinHandle<()>,
}

impl BadNetwork {
    /// The network that leads to `to`; `seed` decides what meets which fault.
    pub(crate) async fn before(to: SocketAddr, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let weather = Arc::new(Mutex::new(Weather::default()));
        let (seen, mut dice) = (Arc::clone(&weather), StdRng::seed_from_u64(seed));
        let running = tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                let fault = drawn(&mut dice, &mut seen.lock().expect("no panic"));
                tokio::spawn(carried(caller, to, fault));
            }
        });
        Self {
            address,
            weather,
            running,
        }
    }

    pub(crate) fn weather(&self) -> Weather {
        *self.weather.lock().expect("no panic")
    }
}

impl Drop for BadNetwork {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// What meets the next request.
fn drawn(dice: &mut StdRng, seen: &mut Weather) -> Fault {
    match dice.random_range(0..ONE_IN) {
        0 => {
            seen.lost += 1;
            Fault::Lost
        }
        1 => {
            seen.doubled += 1;
            Fault::Doubled
        }
        2 => {
            seen.slow += 1;
            if seen.slow.is_multiple_of(2) {
                Fault::TooLate
            } else {
                Fault::Late
            }
        }
        _ => {
            seen.passed += 1;
            Fault::None
        }
    }
}

/// Carries one request there and, unless `fault` has it otherwise, its answer back.
async fn carried(mut caller: TcpStream, to: SocketAddr, fault: Fault) {
    let Some(request) = request(&mut caller).await else {
        return;
    };
    let answer = match fault {
        Fault::Doubled => {
            let (_, second) = tokio::join!(asked(to, &request), asked(to, &request));
            second
        }
        Fault::None | Fault::Lost | Fault::Late | Fault::TooLate => asked(to, &request).await,
    };
    match fault {
        Fault::Lost => return,
        Fault::Late => tokio::time::sleep(LATE).await,
        // Until the caller has waited as long as it waits.
        Fault::TooLate => {
            let _ = caller.read(&mut [0]).await;
        }
        Fault::None | Fault::Doubled => {}
    }
    // Whoever has hung up hears nothing.
    let _ = caller.write_all(&answer).await;
}

/// One request without a body, which asks for no other behind it.
async fn request(caller: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        assert!(head.len() < HEAD_BYTES_MAX, "a request without an end");
        if caller.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    assert!(head.starts_with(b"GET "), "only what has no body");
    head.truncate(head.len() - 2);
    head.extend(b"connection: close\r\n\r\n");
    Some(head)
}

/// Whatever the vendor says to `request`.
async fn asked(to: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    if let Ok(mut vendor) = TcpStream::connect(to).await {
        let _ = vendor.write_all(request).await;
        let _ = vendor.read_to_end(&mut answer).await;
    }
    answer
}
