//! The part of the check that is about drivers: the one that a product names, and its section.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use turnkey_drivers::WebhookSecret;

use crate::config::check::Check;
use crate::config::file::{self, DriverName};
use crate::config::{DriverSettings, Mode, says};

impl Check<'_> {
    /// The driver of `product`, which has the name `name`.
    pub(super) fn driver(&mut self, name: &str, product: &file::Product) -> Option<DriverSettings> {
        let sections = [
            (DriverName::Demo, product.demo.is_some()),
            (DriverName::Command, product.command.is_some()),
            (DriverName::Webhook, product.webhook.is_some()),
            (DriverName::Pool, product.pool.is_some()),
            (DriverName::Spi, product.spi.is_some()),
        ];
        for (driver, is_there) in sections {
            if is_there && driver != product.driver {
                let path = format!("product.{name}.{}", driver.name());
                self.error(path, says::driver_section_other());
            }
        }
        match product.driver {
            DriverName::Demo => self.demo_driver(name, product.demo.as_ref()),
            DriverName::Command => {
                let command = self.section(name, product.driver, product.command.as_ref(), "argv");
                self.command(name, command?)
            }
            DriverName::Webhook => {
                let wanted = "url and secret";
                let webhook = self.section(name, product.driver, product.webhook.as_ref(), wanted);
                self.webhook(name, webhook?)
            }
            DriverName::Pool => Some(DriverSettings::Pool {
                stock_low: product.pool.as_ref().map_or(0, |pool| pool.stock_low),
            }),
            DriverName::Manual => Some(DriverSettings::Manual),
            DriverName::Spi => {
                let wanted = "dialect, url and key";
                let spi = self.section(name, product.driver, product.spi.as_ref(), wanted);
                self.spi(name, spi?, &product.plan)
            }
        }
    }

    /// The section that `driver` cannot do without, with what it `wanted` there.
    fn section<'f, T>(
        &mut self,
        product: &str,
        driver: DriverName,
        section: Option<&'f T>,
        wanted: &str,
    ) -> Option<&'f T> {
        if section.is_none() {
            let said = says::driver_section_missing(product, driver.name(), wanted);
            self.error(format!("product.{product}.{}", driver.name()), said);
        }
        section
    }

    fn command(&mut self, product: &str, command: &file::Command) -> Option<DriverSettings> {
        let at = |key: &str| format!("product.{product}.command.{key}");
        if command.timeout.0.is_zero() {
            self.error(at("timeout"), says::no_time());
        }
        if command.argv.first().is_none_or(String::is_empty) {
            self.error(at("argv"), says::no_program());
            return None;
        }
        let directory = command.directory.as_deref().unwrap_or(Path::new(""));
        Some(DriverSettings::Command {
            argv: command.argv.clone(),
            directory: self.folder.join(directory),
            timeout: command.timeout.0,
        })
    }

    fn webhook(&mut self, product: &str, webhook: &file::Webhook) -> Option<DriverSettings> {
        let at = |key: &str| format!("product.{product}.webhook.{key}");
        if webhook.timeout.0.is_zero() {
            self.error(at("timeout"), says::no_time());
        }
        let is_good = self.hook_url(&at("url"), &webhook.url);
        let secret = webhook.secret.resolve(self.mode, self.folder);
        let secret = secret.and_then(|secret| {
            WebhookSecret::parse(secret.expose_secret()).map_err(says::not_a_webhook_secret)
        });
        let secret = self.ok(at("secret"), secret)?;
        is_good.then(|| DriverSettings::Webhook {
            url: webhook.url.clone(),
            secret: Arc::new(secret),
            timeout: webhook.timeout.0,
        })
    }

    fn hook_url(&mut self, path: &str, url: &str) -> bool {
        let Some(uri) = self.http_url(path, url) else {
            return false;
        };
        if uri.scheme_str() == Some("http") && !uri.host().is_some_and(is_here) {
            self.warn(path, says::hook_in_the_open());
        }
        true
    }

    /// An address that can be called.
    pub(super) fn http_url(&mut self, path: &str, url: &str) -> Option<hyper::Uri> {
        let parsed = url.parse::<hyper::Uri>().ok();
        let is_http = |uri: &hyper::Uri| matches!(uri.scheme_str(), Some("http" | "https"));
        let Some(uri) = parsed.filter(|uri| is_http(uri) && uri.host().is_some()) else {
            self.error(path, says::not_http(url));
            return None;
        };
        if uri.authority().is_some_and(|to| to.as_str().contains('@')) {
            self.error(path, says::account_in_url());
            return None;
        }
        Some(uri)
    }

    fn demo_driver(&mut self, product: &str, demo: Option<&file::Demo>) -> Option<DriverSettings> {
        if self.mode != Mode::Demo {
            self.error(format!("product.{product}.driver"), says::demo_only());
            return None;
        }
        let (delay, failure_rate) = demo.map_or((Duration::ZERO, 0.0), |demo| {
            (demo.delay.0, demo.failure_rate)
        });
        if !(0.0..=1.0).contains(&failure_rate) {
            let said = says::not_a_share(failure_rate);
            self.error(format!("product.{product}.demo.failure_rate"), said);
        }
        Some(DriverSettings::Demo {
            delay,
            failure_rate,
        })
    }
}

/// Whether a host is this machine, so that nobody listens in between.
pub(super) fn is_here(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
