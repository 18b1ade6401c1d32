//! Requests as bytes, signed before the round in which they are sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use turnkey_core::{
    Call, Create, Digest, Ends, Intent, Listing, Offers, OrderKey, OrderRef, Period, Plan, Product,
    Slow, Unit,
};
use turnkey_dialects::Ask;
use turnkey_drivers::DemoDriver;
use turnkey_engine::SystemClock;

use crate::Keys;

/// The listing that `turnkey demo` offers, by name.
pub(crate) const LISTING: &str = "qingcloud-market-demo";

/// Its dialect.
const DIALECT: &str = "qingcloud-market";

/// Where it is called.
const PATH: &str = "/spi/qingcloud-market/demo";

/// Its key.
const KEY: &str = "demo-key";

/// What a driver's passwords are derived from: theirs need not be secret, only as long as real
/// ones.
const SEED: [u8; 32] = [7; 32];

/// The listing that `turnkey demo` offers, as far as a marketplace and the store see it.
pub(crate) fn listing() -> anyhow::Result<Arc<Listing>> {
    let url = "http://127.0.0.1:8686";
    let product = Product {
        name: "demo".to_owned(),
        plans: [("demo".to_owned(), Plan::default())].into(),
        driver: Arc::new(DemoDriver::new(SEED, 0, 0.0)),
        dry_run: false,
        give_up_after_ms: 24 * 3_600_000,
        not_yet_for_ms: Some(24 * 3_600_000),
        stock_low: 0,
    };
    Ok(Arc::new(Listing {
        name: LISTING.to_owned(),
        product: Arc::new(product),
        product_code: None,
        keys: vec![KEY.to_owned().into()],
        offers: Offers::AnyPlan("demo".to_owned()),
        public_url: url.to_owned(),
        reply_within_ms: 12_000,
        clock_skew_ms: 300_000,
        slow: Slow::Wait,
        reveal_for_ms: 7 * 86_400_000,
        time_zone: jiff::tz::TimeZone::get("Asia/Shanghai")
            .context("the time zone is not bundled")?,
        ends: Ends::Exact,
        own_terms: None,
        storefront: None,
    }))
}

/// The `n`th order key.
pub(crate) fn key(keys: Keys, n: u64) -> String {
    match keys {
        Keys::Ordered => format!("mord-{n:016x}"),
        Keys::Random => format!("mord-{:016x}", scattered(n)),
    }
}

/// A number that looks drawn from a hat, another one for every `n`: the finaliser of SplitMix64,
/// which can be undone and so never meets itself.
fn scattered(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// A paid create under `key`.
pub(crate) fn create(key: &str) -> anyhow::Result<Call> {
    let (buyer, product_code) = ("usr-u5JDC3MS", "prod-yha6rswd");
    let (spec, package) = ("规格", "套餐");
    let period = Period::new(1, Unit::Year)
        .map_err(|error| anyhow::anyhow!("a year is no period: {error:?}"))?;
    let content = Digest::of(&[
        ("qingcloud_uid", Some(buyer)),
        ("product_code", Some(product_code)),
        ("spec", Some(spec)),
        ("package", Some(package)),
        ("duration", Some(&period.to_string())),
    ]);
    let create = Create {
        order: OrderRef {
            key: OrderKey::new(key),
            content,
        },
        buyer: buyer.to_owned(),
        spec: spec.to_owned(),
        package: Some(package.to_owned()),
        period,
        context: BTreeMap::from([("product_code".to_owned(), product_code.to_owned())]),
    };
    Ok(Call::ours(Intent::Create(create)))
}

/// Many requests, one behind the other.
#[derive(Default)]
pub(crate) struct Requests {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Requests {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The one at `index`.
    pub(crate) fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let begin = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.bytes.get(begin..end)
    }

    /// One that is there as bytes already.
    pub(crate) fn push_bytes(&mut self, request: &[u8]) {
        self.bytes.extend_from_slice(request);
        self.ends.push(self.bytes.len());
    }

    /// One that asks for `target`.
    fn push(&mut self, target: &str) {
        let request = format!("GET {target} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
        self.push_bytes(request.as_bytes());
    }
}

/// Signs.
pub(crate) struct Signer {
    ask: &'static dyn Ask,
    listing: Arc<Listing>,
}

impl Signer {
    /// With the key of the demonstration's listing.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let dialect = turnkey_dialects::find(DIALECT).context("the dialect is gone")?;
        Ok(Self {
            ask: dialect.faces().ask.context("the dialect does not ask")?,
            listing: listing()?,
        })
    }

    /// `GET` of a constant.
    pub(crate) fn constant(&self) -> Requests {
        let mut requests = Requests::default();
        requests.push("/healthz");
        requests
    }

    /// Creates with the keys numbered `numbers`.
    pub(crate) fn creates(
        &self,
        keys: Keys,
        numbers: impl Iterator<Item = u64>,
    ) -> anyhow::Result<Requests> {
        self.signed(keys, numbers, &[])
    }

    /// The very same bytes but for the action and the signature: nothing is stored for them.
    pub(crate) fn pings(
        &self,
        keys: Keys,
        numbers: impl Iterator<Item = u64>,
    ) -> anyhow::Result<Requests> {
        let action = [("action".to_owned(), "TestConnection".to_owned())];
        self.signed(keys, numbers, &action)
    }

    fn signed(
        &self,
        keys: Keys,
        numbers: impl Iterator<Item = u64>,
        extra: &[(String, String)],
    ) -> anyhow::Result<Requests> {
        let now = SystemClock::wall();
        let mut requests = Requests::default();
        for n in numbers {
            let call = create(&key(keys, n))?;
            let asked = self.ask.ask(&call, &self.listing, "", extra, now);
            let query = asked.map_err(|fault| anyhow::anyhow!("{fault:?}"))?.query;
            requests.push(&format!("{PATH}?{query}"));
        }
        Ok(requests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_has_as_many_bytes_as_a_create() {
        let signer = Signer::new().unwrap();
        let length = |requests: &Requests| {
            let request = String::from_utf8(requests.get(1).unwrap().to_vec()).unwrap();
            // How much of a signature is escaped depends on the signature.
            let (request, _) = request.split_once("&signature=").unwrap();
            assert_eq!(request.matches('=').count(), 9);
            request.len()
        };
        let creates = signer.creates(Keys::Ordered, 0..2).unwrap();
        let pings = signer.pings(Keys::Ordered, 0..2).unwrap();
        assert_eq!(length(&creates), length(&pings));
        assert_eq!(creates.len(), 2);
        assert!(creates.get(2).is_none());
    }

    #[test]
    fn keys_are_as_they_are_called() {
        let of = |keys| (0..100).map(|n| key(keys, n)).collect::<Vec<_>>();
        assert!(of(Keys::Ordered).is_sorted());
        assert!(!of(Keys::Random).is_sorted());
    }
}
