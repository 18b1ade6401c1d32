//! One run: through the table, then tidy up.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use turnkey_core::ports::Clock;
use turnkey_dialects::Dialect;

use super::probe::{Probe, Silence};
use super::report::{Mark, Report, Row};
use super::{Check, Needs, Note, Severity, Verdict, checks};
use crate::watch::mask::masked_url;

/// What is checked, and how.
#[derive(Clone)]
pub struct Plan {
    /// The protocol.
    pub dialect: &'static dyn Dialect,
    /// The notification URL, with its own query where it has one.
    pub url: String,
    /// The key that signs.
    pub key: SecretString,
    /// A key that must not sign here; the key of `other_url`, where that is given.
    pub other_key: SecretString,
    /// The notification URL of another product of the same vendor.
    pub other_url: Option<String>,
    /// The code of the product, as the vendor expects it.
    pub product_code: Option<String>,
    /// The specification that is bought.
    pub spec: String,
    /// The package that is bought.
    pub package: String,
    /// Parameters that every call has, by their names on the wire.
    pub set: Vec<(String, String)>,
    /// Whether instances may be made and removed.
    pub live: bool,
    /// Only these checks; all where it is empty.
    pub only: Vec<String>,
    /// Decides the ids of orders.
    pub seed: u32,
    /// Who buys, where the dialect is a storefront's.
    pub buyer: Option<BuyerAt>,
    /// What stamps the calls.
    pub clock: Arc<dyn Clock>,
    /// How long an answer may take.
    pub limits: Limits,
}

/// An account of a storefront; its secret is the key.
#[derive(Clone, Debug)]
pub struct BuyerAt {
    /// The access key.
    pub access_key: String,
    /// The region that is called.
    pub region: String,
}

/// How long an answer may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// What is advised.
    pub advised: Duration,
    /// What the marketplace waits.
    pub most: Duration,
}

impl Limits {
    /// What the marketplace of `dialect` waits; AppCenter's own test script waits 6 s.
    #[must_use]
    pub fn of(dialect: &dyn Dialect) -> Self {
        let most = Duration::from_millis(dialect.card().time_limit_ms);
        let advised = match dialect.card().name {
            "qingcloud-appcenter" => Duration::from_secs(6),
            _ => most,
        };
        Self { advised, most }
    }
}

/// Goes through the checks that `plan` names, and removes what they made.
///
/// # Errors
/// When the dialect cannot be spoken.
pub async fn run(plan: Plan) -> anyhow::Result<Report> {
    run_until(plan, std::future::pending(), std::future::pending()).await
}

/// The same; once `stop` ends, the check that is under way is finished, since what it makes must be
/// known to be removed, and no other is begun. Once `give_up`, which is begun when the checks are
/// over, ends, nothing more is removed.
///
/// # Errors
/// When the dialect cannot be spoken.
pub async fn run_until(
    plan: Plan,
    stop: impl Future<Output = ()>,
    give_up: impl Future<Output = ()>,
) -> anyhow::Result<Report> {
    let mut stop = std::pin::pin!(stop);
    let mut is_stopped = false;
    let card = plan.dialect.card();
    let wanted = |check: &&Check| {
        let only = &plan.only;
        only.is_empty() || only.iter().any(|id| id.eq_ignore_ascii_case(check.id))
    };
    let wanted: Vec<&'static Check> = checks(card.name).iter().filter(wanted).collect();
    let (live, url, seed) = (plan.live, plan.url.clone(), plan.seed);
    let probe = Probe::new(plan)?;
    // Whoever takes half a minute for a connection test would take hours for all checks.
    let silence = probe.knock().await.answer.err();
    let silence = silence.filter(|why| matches!(why, Silence::Nobody | Silence::Late));
    let mut rows = Vec::new();
    for check in wanted {
        let verdict = if let Some(why) = silence {
            Verdict::Skip(why.words())
        } else if is_stopped {
            Verdict::Skip(Note::new("stopped", "已中止"))
        } else {
            let mut looking = std::pin::pin!(looked_at(&probe, check));
            loop {
                tokio::select! {
                    biased;
                    verdict = &mut looking => break verdict,
                    () = &mut stop, if !is_stopped => is_stopped = true,
                }
            }
        };
        rows.push(row(check, verdict));
    }
    tokio::select! {
        biased;
        () = give_up => {}
        () = probe.clean_up() => {}
    }
    let left = probe.left();
    Ok(Report {
        dialect: card.name,
        title: card.title,
        source: card.source,
        url: masked_url(&url),
        is_live: live,
        has_dry_runs: probe.has_dry_runs(),
        is_storefront: card.root.is_some(),
        is_reachable: silence.is_none(),
        seed,
        rows,
        left,
    })
}

async fn looked_at(probe: &Probe, check: &Check) -> Verdict {
    if check.needs == Needs::Live && !probe.plan().live {
        return Verdict::Skip(Note::new("needs --allow-live", "需要 --allow-live"));
    }
    match (check.rule.run)(probe).await {
        Ok(verdict) => verdict,
        Err(stop) => Verdict::Skip(stop.0),
    }
}

fn row(check: &'static Check, verdict: Verdict) -> Row {
    let (result, finding, why) = match verdict {
        Verdict::Pass => (Mark::Pass, None, None),
        Verdict::Broken(finding) => match check.severity {
            Severity::Must => (Mark::Fail, Some(finding), None),
            Severity::Should => (Mark::Warn, Some(finding), None),
        },
        Verdict::Fail(finding) => (Mark::Fail, Some(finding), None),
        Verdict::Warn(finding) => (Mark::Warn, Some(finding), None),
        Verdict::Skip(why) => (Mark::Skip, None, Some(why)),
    };
    Row {
        check,
        result,
        finding,
        why,
    }
}
