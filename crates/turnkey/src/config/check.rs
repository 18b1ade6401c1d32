//! The one check that turns a file into settings.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use turnkey_core::{Ends, Offer, Offers, Slow};
use turnkey_dialects::Dialect;

use crate::config::file::{self, EndsName, File, LogFormat, SlowName};
use crate::config::secret::SecretRef;
use crate::config::{
    Checked, DriverSettings, Finding, KeySettings, ListingSettings, LogSettings, Mode,
    ProductSettings, Settings, VendorSettings, nearest, says,
};
use crate::words::Said;

/// A signed time may be off by a quarter of an hour at the most: a captured call works that long.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(15 * 60);

/// The part of a marketplace's time limit that is left for the network.
const NETWORK_MARGIN: Duration = Duration::from_secs(1);

/// After how long without a call of its marketplace a listing is silent: products that are sold once
/// a week are not, and a renewal comes once a month.
const SILENCE_AFTER: Duration = Duration::from_secs(30 * 24 * 3600);

/// Longest name: it is read, and typed.
const NAME_CHARS_MAX: usize = 64;

/// How long account and password can be shown by a holding link: whoever comes back from a holiday
/// finds them, and a link that is found later in an old mail shows none.
const REVEAL_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// What a person needs at the least: longer than any marketplace repeats its call.
const PERSON: Duration = Duration::from_secs(3600);

pub(super) struct Check<'a> {
    pub(super) mode: Mode,
    pub(super) folder: &'a Path,
    findings: Vec<Finding>,
    /// Whether buyers learn whom to ask, or a finding says already that they do not.
    has_contact: bool,
}

pub(super) fn check(file: File, mode: Mode, folder: &Path) -> Checked {
    let mut check = Check {
        mode,
        folder,
        findings: Vec::new(),
        has_contact: file.vendor.contact.is_some(),
    };
    let public_url = check.public_url(&file.server.public_url);
    check.listen(&file.server.listen);
    let admin = check.admin(&file.server, &file.admin.token);
    let database = match file.store.url.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => folder.join(path),
        _ => {
            check.error("store.url", says::store_unknown());
            folder.to_owned()
        }
    };
    if file.store.batch_max == 0 {
        check.error("store.batch_max", says::no_batch());
    }
    if file.clock.is_virtual && mode == Mode::Serve {
        check.warn("clock.virtual", says::clock_virtual());
    }
    let master_key = file.secrets.master_key.master_key(mode, folder);
    let master_key = check.ok("secrets.master_key", master_key);
    let products: Vec<_> = file
        .product
        .iter()
        .filter_map(|(name, product)| check.product(name, product))
        .collect();
    check.shared_keys(&file.listing);
    let listings: Vec<_> = file
        .listing
        .iter()
        .filter_map(|(name, listing)| check.listing(name, listing, &file.product, &products))
        .collect();
    check.paths(&listings);
    let accounts = check.accounts(&file.account, &listings);
    if file.listing.is_empty() {
        check.warn("listing", says::nothing_listed());
    }
    let is_bad = check.findings.iter().any(|finding| finding.is_error);
    let settings = master_key.filter(|_| !is_bad).map(|master_key| Settings {
        listen: file.server.listen,
        admin,
        public_url,
        folder: folder.to_owned(),
        database,
        batch_max: file.store.batch_max,
        vendor: VendorSettings {
            name: file.vendor.name,
            contact: file.vendor.contact,
        },
        master_key,
        log: LogSettings {
            level: file.log.level,
            is_json: file.log.format == LogFormat::Json,
        },
        is_clock_virtual: file.clock.is_virtual,
        products,
        listings,
        accounts,
    });
    Checked {
        settings,
        findings: check.findings,
    }
}

/// Whether `name` may name something: it becomes part of paths, logs and metrics.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    (1..=NAME_CHARS_MAX).contains(&name.len()) && name.chars().all(is_plain)
}

impl Check<'_> {
    pub(super) fn error(&mut self, path: impl Into<String>, said: Said) {
        let path = path.into();
        self.findings.push(Finding {
            is_error: true,
            path,
            said,
        });
    }

    pub(super) fn warn(&mut self, path: impl Into<String>, said: Said) {
        let path = path.into();
        self.findings.push(Finding {
            is_error: false,
            path,
            said,
        });
    }

    pub(super) fn ok<T>(&mut self, path: impl Into<String>, result: Result<T, Said>) -> Option<T> {
        result.map_err(|said| self.error(path, said)).ok()
    }

    fn public_url(&mut self, url: &str) -> String {
        let is_http = url.parse::<hyper::Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
        });
        if !is_http {
            self.error("server.public_url", says::not_http(url));
        }
        url.trim_end_matches('/').to_owned()
    }

    fn listen(&mut self, address: &str) {
        if address.parse::<std::net::SocketAddr>().is_err() {
            self.error("server.listen", says::not_an_address(address));
        }
    }

    fn product(&mut self, name: &str, product: &file::Product) -> Option<ProductSettings> {
        let at = |key: &str| format!("product.{name}{key}");
        self.name(&at(""), name);
        if product.plan.is_empty() {
            self.error(at(".plan"), says::no_plan(name));
        }
        let driver = self.driver(name, product);
        let params = |plan: &file::Plan| serde_json::Value::Object(plan.params.clone());
        Some(ProductSettings {
            name: name.to_owned(),
            plans: product
                .plan
                .iter()
                .map(|(name, plan)| (name.clone(), params(plan)))
                .collect(),
            driver: driver?,
            dry_run: product.dry_run,
            give_up_after: product.give_up_after.0,
        })
    }

    fn listing(
        &mut self,
        name: &str,
        listing: &file::Listing,
        products: &BTreeMap<String, file::Product>,
        checked: &[ProductSettings],
    ) -> Option<ListingSettings> {
        let at = |key: &str| format!("listing.{name}{key}");
        self.name(&at(""), name);
        let dialect = self.dialect(&at(".dialect"), &listing.dialect);
        let product = products.get(&listing.product);
        if product.is_none() {
            let near = nearest(&listing.product, products.keys().map(String::as_str));
            self.error(at(".product"), says::no_product(&listing.product, near));
        }
        let offers = product.and_then(|product| self.offers(name, listing, product));
        let zone = listing.time_zone.as_deref().unwrap_or("Asia/Shanghai");
        let time_zone = jiff::tz::TimeZone::get(zone).map_err(|_| says::no_zone(zone));
        let time_zone = self.ok(at(".time_zone"), time_zone);
        let clock_skew = listing
            .clock_skew
            .map_or(Duration::from_secs(300), |skew| skew.0);
        if clock_skew.is_zero() || clock_skew > CLOCK_SKEW_MAX {
            self.error(at(".clock_skew"), says::skew_out_of_range());
        }
        let slow = match listing.slow {
            SlowName::Hold => Slow::Hold,
            SlowName::Wait => Slow::Wait,
        };
        let reveal_for = listing.reveal_for.map_or(REVEAL_FOR, |span| span.0);
        let dialect = dialect?;
        let keys = match dialect.card().root {
            None => self.keys(name, &listing.keys),
            Some(_) => Vec::new(),
        };
        let front = self.front(name, listing, dialect);
        let own_terms = self.own_terms(name, listing, dialect);
        let path = self.path(name, listing.path.as_ref(), dialect);
        let product_code = self.product_code(name, listing, dialect);
        let reply_within = self.reply_within(name, listing, dialect);
        if let Some(product) = checked
            .iter()
            .find(|product| product.name == listing.product)
        {
            self.slow_driver(name, dialect, product, (reply_within, slow));
        }
        Some(ListingSettings {
            name: name.to_owned(),
            formerly: listing.formerly.clone(),
            dialect,
            product: listing.product.clone(),
            product_code,
            path,
            keys,
            offers: offers?,
            reply_within,
            clock_skew,
            slow,
            reveal_for,
            silence_after: listing.silence_after.map_or(SILENCE_AFTER, |span| span.0),
            time_zone: time_zone?,
            ends: match listing.ends {
                EndsName::Exact => Ends::Exact,
                EndsName::EndOfDay => Ends::EndOfDay,
            },
            own_terms,
            front,
        })
    }

    /// A name becomes part of paths, logs and metrics.
    pub(super) fn name(&mut self, path: &str, name: &str) {
        if !is_name(name) {
            self.error(path, says::name_malformed());
        }
    }

    pub(super) fn dialect(&mut self, path: &str, name: &str) -> Option<&'static dyn Dialect> {
        let dialect = turnkey_dialects::find(name);
        if dialect.is_none() {
            let known: Vec<_> = turnkey_dialects::all()
                .iter()
                .map(|d| d.card().name)
                .collect();
            let near = nearest(name, known.iter().copied());
            self.error(path, says::no_dialect(name, near, &known));
        }
        dialect
    }

    fn keys(&mut self, listing: &str, refs: &[SecretRef]) -> Vec<KeySettings> {
        if refs.is_empty() {
            self.error(format!("listing.{listing}.keys"), says::no_key());
        }
        let (mode, folder) = (self.mode, self.folder);
        let resolve = |(n, key): (usize, &SecretRef)| {
            self.ok(
                format!("listing.{listing}.keys[{n}]"),
                key.key(mode, folder),
            )
        };
        refs.iter().enumerate().filter_map(resolve).collect()
    }

    fn offers(
        &mut self,
        name: &str,
        listing: &file::Listing,
        product: &file::Product,
    ) -> Option<Offers> {
        let at = |key: &str| format!("listing.{name}{key}");
        let plans = || product.plan.keys().map(String::as_str);
        let wrong =
            |plan: &str| says::product_has_no_plan(&listing.product, plan, nearest(plan, plans()));
        match (&listing.any_plan, listing.offer.as_slice()) {
            (Some(_), [_, ..]) => {
                self.error(at(".any_plan"), says::any_plan_and_offers());
                None
            }
            (None, []) => {
                self.error(at(""), says::sells_nothing(name));
                None
            }
            (Some(plan), []) => {
                if !product.plan.contains_key(plan) {
                    self.error(at(".any_plan"), wrong(plan));
                }
                Some(Offers::AnyPlan(plan.clone()))
            }
            (None, offers) => {
                for (n, offer) in offers.iter().enumerate() {
                    if !product.plan.contains_key(&offer.plan) {
                        self.error(at(&format!(".offer[{n}].plan")), wrong(&offer.plan));
                    }
                }
                let offer = |(n, offer): (usize, &file::Offer)| Offer {
                    spec: offer.spec.clone(),
                    package: offer.package.clone(),
                    plan: offer.plan.clone(),
                    price: self.price(&at(&format!(".offer[{n}].price")), offer.price.as_ref()),
                };
                let offers = offers.iter().enumerate().map(offer);
                Some(Offers::Listed(offers.collect()))
            }
        }
    }

    /// The marketplace's code for the product, under the key that its dialect has for it.
    fn product_code(
        &mut self,
        name: &str,
        listing: &file::Listing,
        dialect: &dyn Dialect,
    ) -> Option<String> {
        let card = dialect.card();
        let given = [
            ("product_code", &listing.product_code),
            ("app_id", &listing.app_id),
        ];
        let mut found = None;
        for (key, code) in given {
            if card.product_code == Some(key) {
                found.clone_from(code);
            } else if code.is_some() {
                let said = says::product_code_elsewhere(card.name, card.product_code);
                self.error(format!("listing.{name}.{key}"), said);
            }
        }
        found
    }

    fn reply_within(
        &mut self,
        name: &str,
        listing: &file::Listing,
        dialect: &dyn Dialect,
    ) -> Duration {
        let card = dialect.card();
        let default = Duration::from_millis(card.reply_within_ms);
        let within = listing.reply_within.map_or(default, |within| within.0);
        let limit = Duration::from_millis(card.time_limit_ms);
        if within + NETWORK_MARGIN > limit {
            let said = says::replies_too_late(within, card.title, limit);
            self.error(format!("listing.{name}.reply_within"), said);
        }
        within
    }

    /// Warns where a driver may take longer than the marketplace's own repeats last (promise 7).
    fn slow_driver(
        &mut self,
        name: &str,
        dialect: &dyn Dialect,
        product: &ProductSettings,
        (reply_within, slow): (Duration, Slow),
    ) {
        let time_limit = match &product.driver {
            DriverSettings::Command { timeout, .. } | DriverSettings::Webhook { timeout, .. } => {
                *timeout
            }
            DriverSettings::Demo { delay, .. } => *delay,
            DriverSettings::Pool { .. } => Duration::ZERO,
            DriverSettings::Manual => PERSON,
            // The overture and the call, each as long as the vendor's marketplace waits.
            DriverSettings::Spi(spi) => 2 * Duration::from_millis(spi.dialect.card().time_limit_ms),
        };
        let retries = dialect
            .card()
            .actions
            .iter()
            .map(|a| a.retries)
            .max()
            .unwrap_or(0);
        let calls = retries + 1;
        match slow {
            Slow::Wait if time_limit > reply_within * calls => {
                let said = says::driver_outlasts(&product.name, time_limit, calls, reply_within);
                self.warn(format!("listing.{name}.slow"), said);
            }
            // Who waits for a slow driver must know whom to ask when it fails.
            Slow::Hold if time_limit > reply_within && !self.has_contact => {
                self.has_contact = true;
                self.warn("vendor.contact", says::no_contact());
            }
            Slow::Wait | Slow::Hold => {}
        }
    }

    /// Warns where a call to one listing would be a good call to its neighbour (promise 5).
    fn shared_keys(&mut self, listings: &BTreeMap<String, file::Listing>) {
        for (name, listing) in listings {
            let shares =
                |other: &file::Listing| other.keys.iter().any(|k| listing.keys.contains(k));
            let twin = listings
                .iter()
                .find(|(n, other)| *n != name && shares(other));
            let code = listing.product_code.as_ref().or(listing.app_id.as_ref());
            if let (Some((twin, _)), None) = (twin, code) {
                let dialect = turnkey_dialects::find(&listing.dialect);
                let key = dialect.and_then(|dialect| dialect.card().product_code);
                let key = key.unwrap_or("product_code");
                self.warn(format!("listing.{name}.keys"), says::key_shared(twin, key));
            }
        }
    }
}
