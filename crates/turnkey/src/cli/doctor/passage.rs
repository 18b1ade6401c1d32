//! What comes through `public_url`: a clock to compare with, and signed test calls, each beside the
//! same bytes sent to the door itself.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::fmt::rfc2822::DateTimeParser;
use turnkey_core::{Call, Intent, Listing, UtcMillis};
use turnkey_dialects::OwnedRequest;
use turnkey_drivers::market::{Market, Schedule};
use turnkey_engine::SystemClock;

use crate::cli::doctor::{Report, says};
use crate::config::{ListingSettings, Settings};
use crate::market::{self, known_by};
use crate::words::start;

/// How long whoever answers at `public_url` may take to tell the time.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How far the clocks may be apart: a marketplace's window is minutes, and less is nobody's fault.
const APART_MS_MAX: u64 = 30_000;

/// `Date` has no smaller unit.
const DATE_MS: i64 = 1_000;

/// Spellings that whoever takes a query apart and builds it anew does not keep.
const SPELLINGS: [&str; 8] = ["a+b", "a%20b", "a%2Fb", "~", "*", "%7E", "%2f", ""];

/// The parameter that carries one of them; no marketplace has it, so everybody passes it over.
const PARAMETER: &str = "turnkey_doctor";

/// Looks at all of it, as far as there is somebody who answers; `door` is where Turnkey does.
pub(super) async fn look(
    settings: &Settings,
    door: Option<SocketAddr>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let url = &settings.public_url;
    let is_https = url.starts_with("https://");
    for listing in &settings.listings {
        let card = listing.dialect.card();
        if card.https_only && !is_https {
            let path = "server.public_url";
            report.error(path, says::not_https(url, &listing.name, card.title));
            break;
        }
    }
    let is_answered = clock(url, door.is_some(), report).await?;
    let Some(door) = door else {
        report.unseen("server.public_url", says::untried());
        return Ok(());
    };
    let mut respelt = None;
    for listing in &settings.listings {
        if listing.dialect.card().root.is_some() {
            report.unseen(
                "server.public_url",
                says::not_called(&listing.name, &listing.path),
            );
            continue;
        }
        try_listing(settings, listing, door, is_answered, &mut respelt, report).await?;
    }
    Ok(())
}

/// Compares the clocks; whether anybody answers.
async fn clock(url: &str, runs: bool, report: &mut Report) -> anyhow::Result<bool> {
    let path = "server.public_url";
    let client = market::client(ANSWER_WITHIN)?;
    let before = SystemClock::wall();
    let answered = client.get(format!("{url}/healthz")).send().await;
    let after = SystemClock::wall();
    let response = match answered {
        Ok(response) => response,
        Err(error) if runs => {
            report.error(path, says::unanswered(url, &why(&error)));
            return Ok(false);
        }
        Err(error) => {
            report.unseen(path, says::unanswered_yet(url, &why(&error)));
            return Ok(false);
        }
    };
    let date = response.headers().get(reqwest::header::DATE);
    let date = date.and_then(|date| DateTimeParser::new().parse_timestamp(date.as_bytes()).ok());
    match date {
        Some(date) => match apart(date.as_millisecond(), before, after) {
            Some((ms, is_ahead)) => report.error("clock", says::clock_off(url, ms, is_ahead)),
            None => report.well("clock", says::clock_well(url)),
        },
        None => report.unseen("clock", says::no_date(url)),
    }
    Ok(true)
}

/// How far this machine's clock is from `date_ms`, which was told between `before` and `after`, and
/// whether it is ahead; `None` where that is little.
fn apart(date_ms: i64, before: UtcMillis, after: UtcMillis) -> Option<(u64, bool)> {
    let latest = UtcMillis(date_ms.saturating_add(DATE_MS));
    let ahead_ms = before.ms_since(latest);
    let behind_ms = UtcMillis(date_ms).ms_since(after);
    let is_ahead = ahead_ms > 0;
    let ms = ahead_ms.max(behind_ms);
    (ms > APART_MS_MAX).then_some((ms, is_ahead))
}

/// What the system said last: the words above it are reqwest's own, and quote the URL.
fn why(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    if error.is_timeout() {
        return format!("no answer within {ANSWER_WITHIN:?}");
    }
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// How a test call ended.
enum Ended {
    Accepted,
    /// The signature is not what its bytes say.
    Unsigned,
    /// Anything else, in words.
    Otherwise(String),
}

/// Test calls of one listing, through `public_url` and to the door.
struct Probe<'a> {
    settings: &'a Settings,
    listing: &'a ListingSettings,
    call: Call,
    door: String,
}

/// Tries one listing. `respelt` remembers what is not kept on the way: it is the same way for all.
async fn try_listing(
    settings: &Settings,
    listing: &ListingSettings,
    door: SocketAddr,
    is_answered: bool,
    respelt: &mut Option<Vec<&'static str>>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let path = format!("listing.{}", listing.name);
    let probe = Probe {
        settings,
        listing,
        call: Call::ours(Intent::Ping),
        door: format!("http://{door}{}", listing.path),
    };
    let (market, request) = probe.spell(&SPELLINGS)?;
    match probe.send(&market, &probe.door, request.clone()).await {
        Ended::Accepted => {}
        Ended::Unsigned => {
            report.error(path, says::unserved(&listing.name, "signature"));
            return Ok(());
        }
        Ended::Otherwise(why) => {
            report.error(path, says::unserved(&listing.name, &why));
            return Ok(());
        }
    }
    if !is_answered {
        return Ok(());
    }
    let url = &settings.public_url;
    match probe.send(&market, market.url(), request).await {
        Ended::Accepted => report.well("server.public_url", says::kept(url, &listing.path)),
        Ended::Otherwise(why) => report.error(path, says::changed(market.url(), &why)),
        Ended::Unsigned => {
            let known = match respelt.take() {
                Some(known) => known,
                None => probe.respelt().await?,
            };
            report.error(path, says::rewritten(market.url(), &known));
            *respelt = Some(known);
        }
    }
    Ok(())
}

impl Probe<'_> {
    /// The marketplace, and its test call with each of `spellings`, signed as it is sent.
    fn spell(&self, spellings: &[&str]) -> anyhow::Result<(Market, OwnedRequest)> {
        let Self {
            settings, listing, ..
        } = self;
        let key = listing.keys.first().context("a listing has a key")?;
        let known = Listing {
            product_code: listing.product_code.clone(),
            ..known_by(key.secret.clone())
        };
        let awkward = (1..).zip(spellings);
        let awkward: Vec<_> = awkward
            .map(|(n, spelling)| format!("{PARAMETER}_{n}={spelling}"))
            .collect();
        let (base, path, awkward) = (&settings.public_url, &listing.path, awkward.join("&"));
        let market = market::open(
            listing.dialect,
            Arc::new(known),
            Arc::new(SystemClock::new(0, UtcMillis(0))),
            &format!("{base}{path}?{awkward}"),
            vec![("signing".to_owned(), "as-sent".to_owned())],
            Schedule::REAL,
        )?;
        let unspeakable = || start::system_refused("cannot sign a test call", "不能签名测试调用");
        let request = market.spell(&self.call).with_context(unspeakable)?;
        Ok((market, request))
    }

    async fn send(&self, market: &Market, url: &str, request: OwnedRequest) -> Ended {
        let reply = match market.send(url, request).await {
            Ok(reply) => reply,
            Err(fault) => return Ended::Otherwise(fault.message),
        };
        match market.hear(&self.call, &reply) {
            Ok(_) => Ended::Accepted,
            Err(_) if reply.status == 401 => Ended::Unsigned,
            Err(fault) => Ended::Otherwise(format!("{}: {}", reply.status, fault.message)),
        }
    }

    /// The spellings that do not come through, each tried alone; none where not even a plain call
    /// does.
    async fn respelt(&self) -> anyhow::Result<Vec<&'static str>> {
        let refused = async |spellings: &[&str]| {
            let (market, request) = self.spell(spellings)?;
            let ended = self.send(&market, market.url(), request).await;
            anyhow::Ok(matches!(ended, Ended::Unsigned))
        };
        let mut respelt = BTreeSet::new();
        if !refused(&[]).await? {
            for spelling in SPELLINGS {
                if refused(&[spelling]).await? {
                    respelt.insert(spelling);
                }
            }
        }
        Ok(respelt.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{UtcMillis, apart};

    #[test]
    fn a_clock_is_wrong_only_beyond_what_a_date_can_tell() {
        let at = |s: i64| UtcMillis(s * 1000);
        for (date_s, before, after, expect) in [
            (100, at(100), at(101), None),
            (100, at(131), at(132), None),
            (100, at(132), at(133), Some((31_000, true))),
            (100, at(40), at(70), None),
            (100, at(40), at(69), Some((31_000, false))),
        ] {
            assert_eq!(apart(date_s * 1000, before, after), expect, "{before:?}");
        }
    }
}
