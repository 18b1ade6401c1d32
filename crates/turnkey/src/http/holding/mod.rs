//! Holding links: the pages behind `/i/<token>` (design: "Holding links"), where a buyer waits for
//! an instance whose driver is slower than its marketplace.
//!
//! ```text
//! GET  /i/<token>           progress, then forwards; a browser is offered the account first, until
//!                           it was shown once
//! GET  /i/<token>/account   offers the account
//! POST /i/<token>           shows the account: counted, kept as an event, and logged
//! ```
//!
//! What a link shows is decided in [`turnkey_core::decide::shows`]; here it gets words. Whoever has
//! no link learns nothing: every other path below `/i/` is the same page.

mod page;

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use sha2::{Digest as _, Sha256};
use turnkey_core::decide::{self, Account, Shows};
use turnkey_core::ports::{Clock, Reveal, Store};
use turnkey_core::{Fault, LinkPart, LinkToken, Linked, Listing, UtcMillis};
use url::Url;

use crate::cli::Lang;
use crate::config::VendorSettings;
use crate::keys::Listed;
use page::{Page, STYLE, Setting, Way};

/// Where links live.
pub const PATH: &str = "/i/";

/// Where the demonstration's instances are said to be.
pub const FAKE: &str = "/fake/";

/// How long a page waits before it looks again: soon enough for whoever watches, and a thousand
/// waiting buyers are two hundred look-ups a second.
const LOOK_AGAIN_S: u32 = 5;

/// The same where only a person can help.
const LOOK_AGAIN_FOR_PERSON_S: u32 = 60;

/// The pages behind holding links.
pub struct Holding {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    listings: HashMap<String, Arc<Listed>>,
    vendor: VendorSettings,
    public_url: String,
    policy: HeaderValue,
}

/// One answer before it is spelled.
struct Answer<'a> {
    status: StatusCode,
    page: Option<Page<'a>>,
    location: Option<HeaderValue>,
    again_s: Option<u32>,
}

impl Holding {
    /// The pages of `listings` by name; links are those of `store`.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        listings: HashMap<String, Arc<Listed>>,
        vendor: VendorSettings,
        public_url: &str,
    ) -> Self {
        let style = STANDARD.encode(Sha256::digest(STYLE));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; \
             base-uri 'none'; frame-ancestors 'none'"
        );
        let nothing = HeaderValue::from_static("default-src 'none'");
        Self {
            store,
            clock,
            listings,
            vendor,
            public_url: public_url.to_owned(),
            policy: HeaderValue::from_str(&policy).unwrap_or(nothing),
        }
    }

    /// Answers whoever opens the link `head` is about.
    pub async fn answer(&self, head: &Parts) -> Response<Full<Bytes>> {
        let setting = self.setting(head);
        let path = head.uri.path();
        if ![Method::GET, Method::POST].contains(&head.method) {
            let mut response = self.spell(Answer::page(
                StatusCode::METHOD_NOT_ALLOWED,
                setting.unknown(),
            ));
            let allow = HeaderValue::from_static("GET, POST");
            response.headers_mut().insert(header::ALLOW, allow);
            return response;
        }
        let rest = path.strip_prefix(PATH).unwrap_or_default();
        let (token, asks_account) = match rest.strip_suffix("/account") {
            Some(token) => (token, true),
            None => (rest, false),
        };
        let Some(token) = LinkToken::parse(token) else {
            return self.spell(unknown(setting));
        };
        let linked = match self.store.link_get(token.hash()).await {
            Ok(Some(linked)) => linked,
            Ok(None) => return self.spell(unknown(setting)),
            Err(fault) => return self.unwell(setting, &fault),
        };
        let Some(listed) = self.listings.get(&linked.instance.listing) else {
            return self.spell(unknown(setting));
        };
        let ask = Ask {
            setting,
            token: &token,
            linked: &linked,
            listing: &listed.listing(),
            head,
            wall: self.clock.now().wall,
        };
        if head.method == Method::POST {
            return self.show_account(&ask).await;
        }
        self.spell(self.show(&ask, asks_account))
    }

    /// Answers whoever opens what the demonstration made up.
    #[must_use]
    pub fn fake(&self, head: &Parts) -> Response<Full<Bytes>> {
        self.spell(Answer::page(StatusCode::OK, self.setting(head).fake()))
    }

    fn setting(&self, head: &Parts) -> Setting<'_> {
        let accepts = head.headers.get(header::ACCEPT_LANGUAGE);
        Setting {
            lang: lang(
                accepts
                    .and_then(|value| value.to_str().ok())
                    .unwrap_or_default(),
            ),
            vendor: &self.vendor,
        }
    }

    /// What a link shows when it is opened.
    fn show<'a>(&self, ask: &Ask<'a>, asks_account: bool) -> Answer<'a> {
        let Ask {
            setting, linked, ..
        } = *ask;
        let (target, account) = match ask.shows() {
            Shows::Progress => return ask.progress(),
            Shows::NeedsPerson => return ask.needs_person(),
            Shows::Gone => return Answer::page(StatusCode::GONE, setting.gone()),
            Shows::Ready { target, account } => (target, account),
        };
        let target = target.and_then(|target| web(target, ask.query()));
        let link = ask.link(&self.public_url);
        let way = link.way(target.as_ref());
        match account {
            Account::Until(until) if asks_account || ask.stops() => {
                let until = ask.moment(until);
                Answer::page(StatusCode::OK, setting.ready(linked, &way, &until))
            }
            Account::Over if asks_account => {
                Answer::page(StatusCode::OK, setting.over(linked, &way))
            }
            Account::None if asks_account => {
                Answer::page(StatusCode::OK, setting.no_account(linked, &way))
            }
            Account::Until(_) | Account::Over | Account::None => match &target {
                Some(target) => Answer::forward(target),
                None => {
                    let id = &linked.instance.id;
                    tracing::info!(
                        instance.id = %id,
                        part = linked.link.part.name(),
                        "a holding link of {id} leads nowhere: the access has no http(s) address",
                    );
                    Answer::page(StatusCode::NOT_FOUND, setting.no_target(linked))
                }
            },
        }
    }

    /// Shows the account, once that is on disk.
    async fn show_account(&self, ask: &Ask<'_>) -> Response<Full<Bytes>> {
        let Ask {
            setting,
            linked,
            listing,
            ..
        } = *ask;
        let reveal = Reveal {
            link: linked.link.hash,
            now: self.clock.now(),
            reveal_for_ms: listing.reveal_for_ms,
        };
        let login = match self.store.link_reveal(reveal).await {
            Ok(login) => login,
            Err(fault) => return self.unwell(setting, &fault),
        };
        let (target, account) = match ask.shows() {
            Shows::Progress => return self.spell(ask.progress()),
            Shows::NeedsPerson => return self.spell(ask.needs_person()),
            Shows::Gone => return self.spell(Answer::page(StatusCode::GONE, setting.gone())),
            Shows::Ready { target, account } => (target, account),
        };
        let target = target.and_then(|target| web(target, ""));
        let link = ask.link(&self.public_url);
        let way = link.way(target.as_ref());
        let page = match (&login, account) {
            (Some(login), Account::Until(until)) => {
                let (id, part) = (&linked.instance.id, linked.link.part.name());
                tracing::info!(
                    instance.id = %id,
                    listing = listing.name,
                    part,
                    "the account of {id} ({part}) was shown to the bearer of its link",
                );
                setting.account(linked, login, &way, &ask.moment(until))
            }
            (_, Account::None) => setting.no_account(linked, &way),
            (Some(_) | None, Account::Over) | (None, Account::Until(_)) => {
                setting.over(linked, &way)
            }
        };
        self.spell(Answer::page(StatusCode::OK, page))
    }

    fn unwell(&self, setting: Setting<'_>, fault: &Fault) -> Response<Full<Bytes>> {
        tracing::error!(
            code = fault.code,
            note = fault.note,
            "cannot show a holding link"
        );
        self.spell(Answer {
            again_s: Some(LOOK_AGAIN_S),
            ..Answer::page(StatusCode::SERVICE_UNAVAILABLE, setting.unwell())
        })
    }

    fn spell(&self, answer: Answer<'_>) -> Response<Full<Bytes>> {
        let Answer {
            status,
            page,
            location,
            again_s,
        } = answer;
        // Rendering into memory fails only where a page of ours is broken.
        let body = page.map(|page| page.render().unwrap_or_default());
        let mut response = Response::new(Full::from(body.unwrap_or_default()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let fixed = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::HeaderName::from_static("x-robots-tag"), "noindex"),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        if let Some(location) = location {
            headers.insert(header::LOCATION, location);
        }
        if let Some(seconds) = again_s {
            headers.insert(header::REFRESH, HeaderValue::from(seconds));
            if status == StatusCode::SERVICE_UNAVAILABLE {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
        }
        response
    }
}

impl<'a> Answer<'a> {
    fn page(status: StatusCode, page: Page<'a>) -> Self {
        Self {
            status,
            page: Some(page),
            location: None,
            again_s: None,
        }
    }

    fn forward(target: &HeaderValue) -> Self {
        Self {
            status: StatusCode::SEE_OTHER,
            page: None,
            location: Some(target.clone()),
            again_s: None,
        }
    }
}

fn unknown(setting: Setting<'_>) -> Answer<'_> {
    Answer::page(StatusCode::NOT_FOUND, setting.unknown())
}

/// Somebody who opened a link.
struct Ask<'a> {
    setting: Setting<'a>,
    token: &'a LinkToken,
    linked: &'a Linked,
    listing: &'a Listing,
    head: &'a Parts,
    wall: UtcMillis,
}

impl<'a> Ask<'a> {
    fn shows(&self) -> Shows<'a> {
        decide::shows(self.linked, self.wall, self.listing.reveal_for_ms)
    }

    /// A sign-on that cannot be done yet is no success: whoever sent the buyer may try again.
    fn waiting(&self) -> StatusCode {
        match self.linked.link.part {
            LinkPart::FrontEnd | LinkPart::Admin => StatusCode::OK,
            LinkPart::SignOn => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn progress(&self) -> Answer<'a> {
        Answer {
            again_s: Some(LOOK_AGAIN_S),
            ..Answer::page(
                self.waiting(),
                self.setting.progress(self.linked, self.wall),
            )
        }
    }

    fn needs_person(&self) -> Answer<'a> {
        Answer {
            again_s: Some(LOOK_AGAIN_FOR_PERSON_S),
            ..Answer::page(self.waiting(), self.setting.needs_person(self.linked))
        }
    }

    /// Only a sign-on brings something along: the marketplace's token for the buyer.
    fn query(&self) -> &'a str {
        match self.linked.link.part {
            LinkPart::FrontEnd | LinkPart::Admin => "",
            LinkPart::SignOn => self.head.uri.query().unwrap_or_default(),
        }
    }

    /// Whether the buyer is offered the account before being forwarded: a person in a browser, as
    /// long as nobody has seen it. Otherwise nobody who comes late would ever learn of it.
    fn stops(&self) -> bool {
        let accepts = self.head.headers.get(header::ACCEPT);
        let is_browser = accepts
            .and_then(|value| value.to_str().ok())
            .is_some_and(|accepts| accepts.contains("text/html"));
        is_browser && self.linked.link.reveals == 0
    }

    /// `at` as a person reads it, in the listing's time zone.
    fn moment(&self, at: UtcMillis) -> String {
        let zone = self.listing.time_zone.clone();
        let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
        at.to_zoned(zone)
            .strftime("%Y-%m-%d %H:%M (%Q)")
            .to_string()
    }

    fn link(&self, public_url: &str) -> OwnLink {
        OwnLink {
            path: self.token.url(""),
            shown: self.token.url(public_url),
        }
    }
}

/// A link as its own pages name it.
struct OwnLink {
    path: String,
    shown: String,
}

impl OwnLink {
    fn way<'a>(&'a self, target: Option<&'a HeaderValue>) -> Way<'a> {
        Way {
            own: &self.path,
            shown: &self.shown,
            target: target.and_then(|target| target.to_str().ok()),
        }
    }
}

/// `target` with `query` as it was sent, when a browser may be sent there: http(s) only, so that no
/// vendor's word becomes a script.
fn web(target: &str, query: &str) -> Option<HeaderValue> {
    let url = Url::parse(target).ok()?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return None;
    }
    if query.is_empty() {
        return HeaderValue::from_str(url.as_str()).ok();
    }
    let (before, fragment) = match url.as_str().split_once('#') {
        Some((before, fragment)) => (before, format!("#{fragment}")),
        None => (url.as_str(), String::new()),
    };
    let joint = match url.query() {
        None => "?",
        Some("") => "",
        Some(_) => "&",
    };
    HeaderValue::from_str(&format!("{before}{joint}{query}{fragment}")).ok()
}

/// The language that a browser would rather read, of the two that there are.
fn lang(accepts: &str) -> Lang {
    let mut best = (Lang::En, 0.0);
    for range in accepts.split(',') {
        let (tag, weight) = match range.split_once(';') {
            Some((tag, weight)) => (tag, weight.trim().strip_prefix("q=")),
            None => (range, Some("1")),
        };
        let weight: f32 = weight.and_then(|q| q.trim().parse().ok()).unwrap_or(0.0);
        let tag = tag.trim().to_ascii_lowercase();
        let lang = match tag.split('-').next() {
            Some("zh") => Lang::Zh,
            Some("en") => Lang::En,
            Some(_) | None => continue,
        };
        // Of two that are wanted alike, the first one counts.
        if weight > best.1 {
            best = (lang, weight);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_one_that_is_wanted_most() {
        for (accepts, wanted) in [
            ("", Lang::En),
            ("zh-CN,zh;q=0.9,en;q=0.8", Lang::Zh),
            ("en-GB,en;q=0.9,zh;q=0.8", Lang::En),
            ("fr, zh;q=0.5", Lang::Zh),
            ("en;q=0.2, ZH-Hant;q=0.3", Lang::Zh),
            ("zh;q=0, fr", Lang::En),
            (";;,,q=", Lang::En),
        ] {
            assert_eq!(lang(accepts), wanted, "{accepts:?}");
        }
    }

    #[test]
    fn only_the_web_is_forwarded_to_and_a_query_is_untouched() {
        let to = |target, query| web(target, query).map(|to| to.to_str().unwrap().to_owned());
        for (target, query, wanted) in [
            ("https://a.example/x", "", Some("https://a.example/x")),
            (
                "https://a.example",
                "t=%2f+1&&",
                Some("https://a.example/?t=%2f+1&&"),
            ),
            (
                "http://a.example/?o=1#f",
                "t=1",
                Some("http://a.example/?o=1&t=1#f"),
            ),
            (
                "https://a.example/用户",
                "",
                Some("https://a.example/%E7%94%A8%E6%88%B7"),
            ),
            ("javascript:alert(1)", "", None),
            ("data:text/html,x", "", None),
            ("ftp://a.example/", "", None),
            ("//a.example/", "", None),
            ("https:///", "", None),
            ("not an address", "", None),
            ("", "", None),
        ] {
            assert_eq!(to(target, query).as_deref(), wanted, "{target:?}");
        }
        let split = web("https://a.example/\r\nset-cookie: a=b", "").unwrap();
        assert!(!split.to_str().unwrap().contains(['\r', '\n']));
    }
}
