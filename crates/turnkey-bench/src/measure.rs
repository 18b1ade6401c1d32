//! The rounds: every scenario back to back, again and again.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use tempfile::TempDir;

use crate::load::{Loaded, Until, load};
use crate::openapi;
use crate::pin::Cores;
use crate::preload::preload;
use crate::requests::{Requests, Signer};
use crate::scenario::{Host, Kind, Traffic};
use crate::server::{Manner, Memory, Server};
use crate::stats::percentile;
use crate::{Keys, note};

/// How often each sort of start is measured.
const STARTS: usize = 5;

/// Requests that are sent again and again, where that is what is wanted.
const REPEATED: u64 = 4096;

/// A round's own warm-up, after the first: for caches that the other scenarios used meanwhile.
const WARM_UP: Duration = Duration::from_millis(300);

/// Requests for the first warm-up, before anybody knows how fast it will be.
const FIRST_GUESS: f64 = 20_000.0;

/// Requests that are made at the least: enough for every connection.
const REQUESTS_MIN: u64 = 1000;

/// Requests are made for a server that is so much faster than before.
const HEADROOM: f64 = 1.5;

/// What to measure, and how.
pub(crate) struct Plan {
    pub(crate) program: PathBuf,
    pub(crate) root: PathBuf,
    pub(crate) cores: Option<Cores>,
    pub(crate) connections: usize,
    pub(crate) rounds: usize,
    pub(crate) lasting: Duration,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) rows: u64,
    pub(crate) fresh_rows: bool,
}

/// What was measured.
pub(crate) struct Measured {
    pub(crate) series: Vec<Series>,
    pub(crate) starts: Vec<Starts>,
}

/// One scenario in all its rounds.
#[derive(Serialize)]
pub(crate) struct Series {
    pub(crate) scenario: Kind,
    pub(crate) rounds: Vec<Round>,
    /// Of its server, after the last round.
    pub(crate) memory: Option<Memory>,
}

/// One scenario in one round.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Round {
    pub(crate) requests: usize,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    /// Processor time of the server for one request.
    pub(crate) cpu_us: f64,
}

/// Several starts of one sort.
#[derive(Serialize)]
pub(crate) struct Starts {
    pub(crate) store: &'static str,
    pub(crate) ms: Vec<f64>,
}

/// A server with what is needed to start it again.
struct Running {
    host: Host,
    server: Server,
    folder: TempDir,
    /// The number of the next order key that nobody used.
    next: u64,
}

/// Measures.
pub(crate) fn measure(plan: &Plan) -> anyhow::Result<Measured> {
    let signer = Signer::new()?;
    let mut running = Vec::new();
    for kind in &plan.kinds {
        let host = kind.host();
        if !running.iter().any(|running: &Running| running.host == host) {
            running.push(run(plan, host)?);
        }
    }
    let mut series: Vec<_> = plan
        .kinds
        .iter()
        .map(|kind| Series {
            scenario: *kind,
            rounds: Vec::new(),
            memory: None,
        })
        .collect();
    for round in 0..plan.rounds {
        note(&format!("round {} of {}", round + 1, plan.rounds));
        for one in &mut series {
            let host = one.scenario.host();
            let at = running.iter_mut().find(|running| running.host == host);
            let at = at.context("no server was started for a scenario")?;
            let measured = measure_round(plan, &signer, at, one)
                .with_context(|| format!("scenario {}", one.scenario.name()))?;
            one.rounds.push(measured);
            one.memory = Some(at.server.memory()?);
        }
    }
    Ok(Measured {
        series,
        starts: starts(plan, running)?,
    })
}

fn run(plan: &Plan, host: Host) -> anyhow::Result<Running> {
    let folder = folder(plan)?;
    if let Host::Loaded(keys) = host {
        preload(&plan.root, plan.rows, keys, plan.fresh_rows, folder.path())?;
    }
    let (server, _) = Server::start(&plan.program, folder.path(), manner(host), plan.cores)?;
    Ok(Running {
        host,
        server,
        folder,
        next: match host {
            Host::Loaded(_) => plan.rows,
            Host::Plain | Host::Slow | Host::OwnTransaction => 0,
        },
    })
}

fn folder(plan: &Plan) -> anyhow::Result<TempDir> {
    tempfile::tempdir_in(&plan.root)
        .with_context(|| format!("cannot make a folder in {}", plan.root.display()))
}

fn manner(host: Host) -> Manner {
    match host {
        Host::Plain | Host::Loaded(_) => Manner::default(),
        // A driver that answers at once, but might fail: so it is not immediate, and what is
        // measured is the second commit and not somebody's delay.
        Host::Slow => Manner {
            flags: &["--failure-rate", "0.000000001"],
            ..Manner::default()
        },
        Host::OwnTransaction => Manner {
            settings: &[("TURNKEY__STORE__BATCH_MAX", "1")],
            ..Manner::default()
        },
    }
}

fn measure_round(
    plan: &Plan,
    signer: &Signer,
    at: &mut Running,
    before: &Series,
) -> anyhow::Result<Round> {
    let traffic = before.scenario.traffic();
    let guess = match before.rounds.last() {
        Some(round) => round.per_second,
        None => first_round(plan, signer, at, traffic)?,
    };
    warm_up(plan, signer, at, traffic, guess)?;
    let (requests, until) = prepare(signer, at, traffic, guess, plan.lasting)?;
    // What the scenarios before left for the disk is not this one's to wait for.
    rustix::fs::sync();
    let busy = at.server.busy()?;
    let loaded = load(at.server.address(), plan.connections, &requests, until)?;
    let busy = at.server.busy()?.saturating_sub(busy);
    round(&loaded, busy)
}

/// Fills caches for as long as a scenario runs. Returns how many requests there were in a second.
fn first_round(
    plan: &Plan,
    signer: &Signer,
    at: &mut Running,
    traffic: Traffic,
) -> anyhow::Result<f64> {
    if traffic == Traffic::Repeated {
        let orders = signer.creates(Keys::Ordered, 0..REPEATED)?;
        at.next = at.next.max(REPEATED);
        let ever = Until::AllSent(Duration::from_secs(60));
        load(at.server.address(), plan.connections, &orders, ever)?;
    }
    let per_second = FIRST_GUESS / plan.lasting.as_secs_f64();
    let (requests, until) = prepare(signer, at, traffic, per_second, plan.lasting)?;
    let loaded = load(at.server.address(), plan.connections, &requests, until)?;
    Ok(round(&loaded, Duration::ZERO)?.per_second)
}

fn warm_up(
    plan: &Plan,
    signer: &Signer,
    at: &mut Running,
    traffic: Traffic,
    guess: f64,
) -> anyhow::Result<()> {
    let (requests, until) = prepare(signer, at, traffic, guess, WARM_UP)?;
    load(at.server.address(), plan.connections, &requests, until).map(drop)
}

/// Signs what will be sent, so that nothing is signed meanwhile.
fn prepare(
    signer: &Signer,
    at: &mut Running,
    traffic: Traffic,
    per_second: f64,
    lasting: Duration,
) -> anyhow::Result<(Requests, Until)> {
    let requests = match traffic {
        Traffic::Constant => signer.constant(),
        Traffic::Ping => signer.pings(Keys::Ordered, 0..REPEATED)?,
        Traffic::Repeated => signer.creates(Keys::Ordered, 0..REPEATED)?,
        Traffic::OpenapiPing => openapi::pings(0..REPEATED)?,
        Traffic::OpenapiFresh => {
            let first = at.next;
            at.next += wanted(per_second, lasting);
            openapi::purchases(first..at.next)?
        }
        Traffic::Fresh(keys) => {
            let first = at.next;
            at.next += wanted(per_second, lasting);
            signer.creates(keys, first..at.next)?
        }
    };
    let until = match traffic {
        Traffic::Fresh(_) | Traffic::OpenapiFresh => Until::AllSent(lasting),
        Traffic::Constant | Traffic::Ping | Traffic::Repeated | Traffic::OpenapiPing => {
            Until::Elapsed(lasting)
        }
    };
    Ok((requests, until))
}

/// How many requests are made for a server that is so fast.
fn wanted(per_second: f64, lasting: Duration) -> u64 {
    // A duration turns a float into a whole number without ever wrapping.
    let wanted = Duration::from_secs_f64(per_second * lasting.as_secs_f64() * HEADROOM);
    wanted.as_secs().max(REQUESTS_MIN)
}

fn round(loaded: &Loaded, busy: Duration) -> anyhow::Result<Round> {
    let requests = loaded.latencies_ns.len();
    anyhow::ensure!(requests > 0, "nothing was answered");
    let ms = |permille| {
        let latency = Duration::from_nanos(percentile(&loaded.latencies_ns, permille));
        latency.as_secs_f64() * 1e3
    };
    let count = f64::from(u32::try_from(requests)?);
    Ok(Round {
        requests,
        per_second: count / loaded.took.as_secs_f64(),
        p50_ms: ms(500),
        p99_ms: ms(990),
        p999_ms: ms(999),
        cpu_us: busy.as_secs_f64() * 1e6 / count,
    })
}

/// Stops every server, and measures how long starts take: on nothing, and on what was stored.
fn starts(plan: &Plan, running: Vec<Running>) -> anyhow::Result<Vec<Starts>> {
    let mut starts = Vec::new();
    let ms = (0..STARTS).map(|_| start_ms(plan, folder(plan)?.path(), Host::Plain));
    starts.push(Starts {
        store: "none",
        ms: ms.collect::<anyhow::Result<_>>()?,
    });
    for Running {
        host,
        server,
        folder,
        ..
    } in running
    {
        server.stop()?;
        let store = match host {
            Host::Plain => "as this run left it",
            Host::Loaded(Keys::Ordered) => "many orders, ordered keys",
            Host::Loaded(Keys::Random) => "many orders, random keys",
            Host::Slow | Host::OwnTransaction => continue,
        };
        let ms = (0..STARTS).map(|_| start_ms(plan, folder.path(), host));
        starts.push(Starts {
            store,
            ms: ms.collect::<anyhow::Result<_>>()?,
        });
    }
    Ok(starts)
}

fn start_ms(plan: &Plan, folder: &std::path::Path, host: Host) -> anyhow::Result<f64> {
    let (server, took) = Server::start(&plan.program, folder, manner(host), plan.cores)?;
    server.stop()?;
    Ok(took.as_secs_f64() * 1e3)
}
