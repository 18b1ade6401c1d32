//! The part of the check that is about the driver `spi`: the vendor that it asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use turnkey_dialects::{Card, Dialect};
use turnkey_drivers::market::Schedule;
use turnkey_drivers::{PlanWords, Reach, SpiSettings, speaks_of_instances};

use crate::config::check::Check;
use crate::config::{DriverSettings, file, says};

impl Check<'_> {
    /// The vendor that `product` comes from.
    pub(super) fn spi(
        &mut self,
        product: &str,
        spi: &file::Spi,
        plans: &BTreeMap<String, file::Plan>,
    ) -> Option<DriverSettings> {
        let at = |key: &str| format!("product.{product}.spi.{key}");
        let dialect = self.dialect(&at("dialect"), &spi.dialect);
        let dialect = dialect.and_then(|dialect| self.asked(&at("dialect"), dialect));
        let reach = Reach::parse(&spi.reach).map_err(|error| says::reach_malformed(&error));
        let reach = self.ok(at("reach"), reach);
        let key = spi.key.resolve(self.mode, self.folder);
        let key = self.ok(at("key"), key);
        let plans = self.plan_words(product, plans);
        let (dialect, reach) = (dialect?, reach?);
        let code = self.vendors_code(&at, spi, dialect.card());
        let is_good = self.vendor_url(&at("url"), &spi.url, dialect.card(), &reach);
        Some(DriverSettings::Spi(SpiSettings {
            dialect: is_good.then_some(dialect)?,
            url: spi.url.clone(),
            key: Arc::new(ArcSwap::from_pointee(key?)),
            product_code: Some(code?),
            reach,
            plans: plans?,
            schedule: Schedule::REAL,
        }))
    }

    /// `dialect`, where a vendor can be asked for instances in it.
    fn asked(&mut self, path: &str, dialect: &'static dyn Dialect) -> Option<&'static dyn Dialect> {
        let is_fit = speaks_of_instances(dialect);
        if !is_fit {
            let all = turnkey_dialects::all().iter();
            let fit = all.filter(|dialect| speaks_of_instances(**dialect));
            let fit: Vec<_> = fit.map(|dialect| dialect.card().name).collect();
            self.error(path, says::not_asked(dialect.card().name, &fit));
        }
        is_fit.then_some(dialect)
    }

    fn vendor_url(&mut self, path: &str, url: &str, card: &Card, reach: &Reach) -> bool {
        let Some(uri) = self.http_url(path, url) else {
            return false;
        };
        if let Err(refused) = reach.check_literal(url) {
            self.error(path, says::out_of_reach(&refused.to_string()));
            return false;
        }
        let host = uri.host().unwrap_or_default();
        if uri.scheme_str() == Some("https") {
            return true;
        }
        // Within the own walls, an operator may know better than the protocol.
        let is_ours = reach.names(host) || reach_is_literal(host);
        if card.https_only && !is_ours {
            self.error(path, says::vendor_not_https(card.title));
            return false;
        }
        if !super::driver::is_here(host) {
            self.warn(path, says::hook_in_the_open());
        }
        true
    }

    /// What the vendor knows the product by: both protocols name it when an instance is created.
    fn vendors_code(
        &mut self,
        at: &impl Fn(&str) -> String,
        spi: &file::Spi,
        card: &Card,
    ) -> Option<String> {
        let mut found = None;
        let given = [("product_code", &spi.product_code), ("app_id", &spi.app_id)];
        for (key, code) in given {
            if card.product_code == Some(key) {
                found.clone_from(code);
                if code.is_none() {
                    self.error(at(key), says::key_missing(key));
                }
            } else if code.is_some() {
                self.error(
                    at(key),
                    says::product_code_elsewhere(card.name, card.product_code),
                );
            }
        }
        found
    }

    /// What the vendor calls each plan.
    fn plan_words(
        &mut self,
        product: &str,
        plans: &BTreeMap<String, file::Plan>,
    ) -> Option<BTreeMap<String, PlanWords>> {
        let mut words = BTreeMap::new();
        for (plan, settings) in plans {
            let found = plan_words(&settings.params).ok_or_else(says::plan_without_words);
            let path = format!("product.{product}.plan.{plan}.params");
            if let Some(found) = self.ok(path, found) {
                words.insert(plan.clone(), found);
            }
        }
        (words.len() == plans.len()).then_some(words)
    }
}

/// Whether a host is an address: one that is private is here only because `reach` names it.
fn reach_is_literal(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse();
    address.is_ok_and(|address| turnkey_drivers::reach::not_public(address).is_some())
}

/// Exactly a spec and a package.
fn plan_words(params: &serde_json::Map<String, serde_json::Value>) -> Option<PlanWords> {
    let word = |name: &str| {
        let word = params.get(name)?.as_str()?;
        (!word.is_empty()).then(|| word.to_owned())
    };
    let words = PlanWords {
        spec: word("spec")?,
        package: word("package")?,
    };
    (params.len() == 2).then_some(words)
}
