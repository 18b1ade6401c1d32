//! An in-process fake, for trying Turnkey out. Immediate unless it is told to be slow or to fail.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use turnkey_core::ports::{Boxed, Driver, Immediate, Verdict, Work};
use turnkey_core::{Access, Login, OperationKind};

/// Where the fake instances are said to be unless somebody says otherwise: a name that never leads
/// anywhere.
const URL: &str = "https://notes.example";

/// Provisions nothing, convincingly: every instance gets an address and an account of its own.
pub struct DemoDriver {
    /// What passwords are derived from, so that the second ask repeats the first answer.
    seed: [u8; 32],
    delay_ms: u64,
    failure_rate: f64,
    url: String,
}

impl DemoDriver {
    /// A driver of which every ask takes `delay_ms`; `failure_rate` (0 to 1) of the asks fail in a
    /// way that is worth a retry.
    #[must_use]
    pub fn new(seed: [u8; 32], delay_ms: u64, failure_rate: f64) -> Self {
        Self {
            seed,
            delay_ms,
            failure_rate,
            url: URL.to_owned(),
        }
    }

    /// The same driver, whose instances are said to be under `url`.
    #[must_use]
    pub fn at(mut self, url: &str) -> Self {
        url.clone_into(&mut self.url);
        self
    }

    /// 32 bytes that follow from `what` and nothing else that anybody could guess.
    fn derive(&self, what: &str) -> [u8; 32] {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.seed) else {
            return self.seed;
        };
        mac.update(what.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// A number between 0 and 1 for this attempt.
    fn luck(&self, work: &Work) -> f64 {
        let [a, b, c, d, ..] = self.derive(&format!("luck {} {}", work.operation, work.attempt));
        f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX)
    }
}

impl Immediate for DemoDriver {
    fn takes_stock(&self) -> bool {
        false
    }

    fn answer(&self, work: &Work) -> Verdict {
        let access = || {
            /// Without the letters and digits that people mistake for one another.
            const SYMBOLS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
            let symbol = |byte: &u8| {
                SYMBOLS
                    .get(usize::from(byte & 31))
                    .map_or('a', |symbol| char::from(*symbol))
            };
            let (url, id) = (&self.url, work.instance.as_str());
            let short = id.get(id.len().saturating_sub(6)..).unwrap_or(id);
            let password = self.derive(id).iter().take(20).map(symbol).collect();
            Access {
                front_end: Login {
                    url: Some(format!("{url}/{id}")),
                    username: Some(format!("u-{short}")),
                    password: Some(password),
                },
                admin: Login {
                    url: Some(format!("{url}/{id}/admin")),
                    ..Login::default()
                },
                auth_url: Some(format!("{url}/{id}/sign-on")),
                ..Access::default()
            }
        };
        Verdict::Done((work.kind == OperationKind::Provision).then(access))
    }
}

impl Driver for DemoDriver {
    fn immediate(&self) -> Option<&dyn Immediate> {
        (self.delay_ms == 0 && self.failure_rate <= 0.0).then_some(self)
    }

    fn drive(&self, work: Work) -> Boxed<'_, Verdict> {
        Box::pin(async move {
            if self.delay_ms > 0 {
                tokio::time::sleep(Duration::from_millis(self.delay_ms)).await;
            }
            if self.luck(&work) < self.failure_rate {
                return Verdict::Retry("the demo driver was told to fail now and then".to_owned());
            }
            self.answer(&work)
        })
    }
}
