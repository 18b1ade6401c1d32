//! The part of the check that is about storefronts: regions, payment, terms, prices, accounts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use iso_currency::Currency;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use turnkey_core::account::ACCOUNT_SECRETS_MAX;
use turnkey_core::{OwnTerms, Payment, Price};
use turnkey_dialects::Dialect;

use crate::config::check::Check;
use crate::config::file::{Listing, Offer};
use crate::config::secret::SecretRef;
use crate::config::{KeySettings, ListingSettings};
use crate::words::{Said, say};

/// How long an unpaid order is kept unless the listing says otherwise.
const UNPAID_AFTER: Duration = Duration::from_secs(24 * 3600);

/// How long a suspended instance is kept unless the listing says otherwise
/// (jdcloud-bastion.md §2.3).
const GRACE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Longest access key: it stands in a header of every call.
const ACCESS_KEY_CHARS_MAX: usize = 128;

/// Longest name of a region or a zone: it stands in the path of every call.
const REGION_CHARS_MAX: usize = 64;

/// Decimal places of every amount here, and so of every currency that can be priced in.
const PLACES: u16 = 2;

/// What makes a listing a storefront, as it is checked.
#[derive(Clone, Debug)]
pub struct FrontSettings {
    /// The regions that are sold in, each with its zones.
    pub regions: BTreeMap<String, Vec<String>>,
    /// Whether an order of the API is taken as paid.
    pub payment: Payment,
    /// How long an unpaid order is kept.
    pub unpaid_after: Duration,
}

/// A buyer of a storefront, as it is checked.
#[derive(Clone, Debug)]
pub struct AccountSettings {
    /// Its name.
    pub name: String,
    /// What its calls name it by.
    pub access_key: String,
    /// What signs its calls: one, or two during a rotation.
    pub secrets: Vec<KeySettings>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum PaymentName {
    Trusted,
    Required,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ExpiryName {
    Marketplace,
    Own,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PriceText {
    month: Option<String>,
    year: Option<String>,
    currency: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Account {
    access_key: String,
    secret_key: Option<SecretRef>,
    #[serde(default)]
    secret_keys: Vec<SecretRef>,
}

impl Check<'_> {
    /// What makes `listing` a storefront; `None` where it is none, or what is wrong was said.
    pub(super) fn front(
        &mut self,
        name: &str,
        listing: &Listing,
        dialect: &dyn Dialect,
    ) -> Option<FrontSettings> {
        let at = |key: &str| format!("listing.{name}{key}");
        let card = dialect.card();
        if card.root.is_none() {
            let keys = [
                (".regions", listing.regions.is_some()),
                (".payment", listing.payment.is_some()),
                (".unpaid_after", listing.unpaid_after.is_some()),
            ];
            for (key, is_set) in keys {
                if is_set {
                    self.error(at(key), only_of_storefronts(card.name));
                }
            }
            return None;
        }
        if !listing.keys.is_empty() {
            self.error(at(".keys"), keys_of_accounts());
        }
        if listing.any_plan.is_some() {
            self.error(at(".any_plan"), offers_needed());
        }
        self.front_offers(name, &listing.offer);
        let regions = listing.regions.clone().unwrap_or_default();
        self.regions(&at(".regions"), &regions);
        match (listing.unpaid_after, listing.payment) {
            (Some(span), _) if span.0.is_zero() => {
                self.error(at(".unpaid_after"), unpaid_after_nothing());
            }
            (Some(_), Some(PaymentName::Trusted)) => {
                self.warn(at(".unpaid_after"), nothing_unpaid());
            }
            (Some(_) | None, _) => {}
        }
        let payment = match listing.payment {
            Some(PaymentName::Trusted) => Payment::Trusted,
            Some(PaymentName::Required) => Payment::Required,
            None => {
                self.error(at(".payment"), payment_needed());
                return None;
            }
        };
        Some(FrontSettings {
            regions,
            payment,
            unpaid_after: listing.unpaid_after.map_or(UNPAID_AFTER, |span| span.0),
        })
    }

    /// Regions and zones, which calls name in their path and body.
    fn regions(&mut self, at: &str, regions: &BTreeMap<String, Vec<String>>) {
        if regions.is_empty() || regions.values().any(Vec::is_empty) {
            self.error(at, regions_needed());
        }
        for (region, zones) in regions {
            let mut taken = BTreeSet::new();
            for name in std::iter::once(region).chain(zones) {
                if !is_region(name) {
                    self.error(format!("{at}.{region}"), region_malformed(name));
                }
            }
            if let Some(twice) = zones.iter().find(|zone| !taken.insert(*zone)) {
                self.error(format!("{at}.{region}"), zone_twice(twice));
            }
        }
    }

    /// A plan is found again by its size, and sums are of one currency.
    fn front_offers(&mut self, name: &str, offers: &[Offer]) {
        let (mut specs, mut plans) = (BTreeSet::new(), BTreeSet::new());
        let mut currencies = BTreeSet::new();
        let has_prices = offers.iter().any(|offer| offer.price.is_some());
        for (n, offer) in offers.iter().enumerate() {
            let at = |key: &str| format!("listing.{name}.offer[{n}].{key}");
            if offer.package.is_some() {
                self.error(at("package"), no_package());
            }
            if !specs.insert(&offer.spec) {
                self.error(at("spec"), spec_twice(&offer.spec));
            }
            match &offer.price {
                None if has_prices => self.warn(at("price"), price_missing()),
                Some(price) if price.month.is_none() => {
                    self.warn(at("price.month"), month_missing());
                }
                None | Some(_) => {}
            }
            if !plans.insert(&offer.plan) {
                self.error(at("plan"), plan_twice(&offer.plan));
            }
            currencies.extend(offer.price.as_ref().map(|price| &price.currency));
        }
        if currencies.len() > 1 {
            self.error(format!("listing.{name}.offer"), currencies_differ());
        }
    }

    /// What our own clock does at the end of a term; `None` where the marketplace is in charge.
    pub(super) fn own_terms(
        &mut self,
        name: &str,
        listing: &Listing,
        dialect: &dyn Dialect,
    ) -> Option<OwnTerms> {
        let is_storefront = dialect.card().root.is_some();
        let is_own = match listing.expiry {
            Some(ExpiryName::Own) => true,
            Some(ExpiryName::Marketplace) if is_storefront => {
                self.error(format!("listing.{name}.expiry"), nobody_else_expires());
                true
            }
            Some(ExpiryName::Marketplace) => false,
            None => is_storefront,
        };
        if !is_own {
            if listing.grace.is_some() {
                self.error(format!("listing.{name}.grace"), grace_without_expiry());
            }
            return None;
        }
        let grace = listing.grace.map_or(GRACE, |span| span.0);
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        Some(OwnTerms { grace_ms })
    }

    pub(super) fn price(&mut self, at: &str, price: Option<&PriceText>) -> Option<Price> {
        let price = price?;
        let known = Currency::from_code(&price.currency);
        if known.and_then(Currency::exponent) != Some(PLACES) {
            self.error(format!("{at}.currency"), currency_unknown(&price.currency));
        }
        if price.month.is_none() && price.year.is_none() {
            self.error(at, price_empty());
        }
        let mut minor = |key: &str, text: Option<&String>| {
            let text = text?;
            let minor = minor_units(text);
            if minor.is_none() {
                self.error(format!("{at}.{key}"), price_malformed(text));
            }
            minor
        };
        Some(Price {
            month: minor("month", price.month.as_ref()),
            year: minor("year", price.year.as_ref()),
            currency: price.currency.clone(),
        })
    }

    /// The accounts, whose access keys tell them apart.
    pub(super) fn accounts(
        &mut self,
        accounts: &BTreeMap<String, Account>,
        listings: &[ListingSettings],
    ) -> Vec<AccountSettings> {
        if !accounts.is_empty() && listings.iter().all(|listing| listing.front.is_none()) {
            self.error("account", accounts_for_nothing());
        }
        let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
        let mut checked = Vec::with_capacity(accounts.len());
        for (name, account) in accounts {
            let at = |key: &str| format!("account.{name}{key}");
            self.name(&at(""), name);
            let key = account.access_key.as_str();
            if !is_access_key(key) {
                self.error(at(".access_key"), access_key_malformed());
            }
            if let Some(other) = taken.insert(key, name) {
                self.error(at(".access_key"), access_key_twice(other));
            }
            let refs: Vec<&SecretRef> = account
                .secret_key
                .iter()
                .chain(&account.secret_keys)
                .collect();
            if refs.is_empty() || refs.len() > ACCOUNT_SECRETS_MAX {
                self.error(at(".secret_key"), secrets_many());
            }
            let (mode, folder) = (self.mode, self.folder);
            let secrets: Vec<_> = refs
                .into_iter()
                .filter_map(|secret| self.ok(at(".secret_key"), secret.key(mode, folder)))
                .collect();
            if let [first, second] = secrets.as_slice()
                && first.secret.expose_secret() == second.secret.expose_secret()
            {
                self.error(at(".secret_keys"), secrets_same());
            }
            checked.push(AccountSettings {
                name: name.clone(),
                access_key: key.to_owned(),
                secrets,
            });
        }
        checked
    }
}

/// An exact amount with at most two places, in hundredths.
fn minor_units(text: &str) -> Option<i64> {
    // Signs and separators are no part of a price that somebody reads twice.
    let is_plain = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    let starts = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_digit());
    if !starts || text.ends_with('.') || !text.bytes().all(is_plain) {
        return None;
    }
    let amount = Decimal::from_str_exact(text).ok()?;
    let fits = amount.scale() <= u32::from(PLACES);
    fits.then_some(amount)?
        .checked_mul(Decimal::ONE_HUNDRED)?
        .to_i64()
}

/// One that stands in a path and in a credential as it is.
fn is_region(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=REGION_CHARS_MAX).contains(&name.len()) && name.bytes().all(fits)
}

/// One that stands in a credential without being mistaken for its end.
fn is_access_key(key: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"/,=".contains(&byte);
    (1..=ACCESS_KEY_CHARS_MAX).contains(&key.len()) && key.bytes().all(fits)
}

fn only_of_storefronts(dialect: &str) -> Said {
    say(
        "storefront_only",
        format!("{dialect} is called by a marketplace, which sells and bills itself; leave it out"),
        format!("{dialect} 由云市场调用，售卖和计费都是市场的事；请去掉"),
    )
}

fn keys_of_accounts() -> Said {
    say(
        "storefront_keys",
        "buyers sign with the secrets of their accounts; write [account.NAME] instead of keys",
        "买家用自己账号的密钥签名；请写 [account.名称]，不要写 keys",
    )
}

fn offers_needed() -> Said {
    say(
        "storefront_offers",
        "a storefront sells sizes in an order; write an [[listing.NAME.offer]] for each spec",
        "店面卖的规格有大小之分；请为每个规格写一个 [[listing.名称.offer]]",
    )
}

fn no_package() -> Said {
    say(
        "storefront_offers",
        "a storefront has specs and no packages; leave package out",
        "店面只有规格，没有套餐；请去掉 package",
    )
}

fn plan_twice(plan: &str) -> Said {
    say(
        "storefront_offers",
        format!("plan {plan:?} has an offer already; its size would be two"),
        format!("套餐 {plan:?} 已经有一个 offer 了；它的大小会有两个"),
    )
}

fn currencies_differ() -> Said {
    say(
        "storefront_offers",
        "the offers of one storefront are priced in one currency, so that upgrades have a price",
        "同一个店面的 offer 要用同一种货币，升级才算得出价",
    )
}

fn regions_needed() -> Said {
    say(
        "regions_missing",
        "write the regions that are sold in, each with its zones: regions = { cn-north-1 = [\"cn-north-1a\"] }",
        "请写出所卖的地域和可用区：regions = { cn-north-1 = [\"cn-north-1a\"] }",
    )
}

fn payment_needed() -> Said {
    say(
        "payment_missing",
        "say who pays: \"trusted\" takes every order of the API as paid, so who may call may buy; \
         \"required\" leaves an order unpaid until `turnkey order pay` or autoPay",
        "请写明付款方式：\"trusted\" 表示接口下的单都算已付款，能调用就能购买；\
         \"required\" 表示订单先不算付款，等 `turnkey order pay` 或 autoPay",
    )
}

fn nobody_else_expires() -> Said {
    say(
        "expiry_own",
        "no marketplace is in charge of a storefront's terms; leave expiry out",
        "店面的期限没有云市场来管；请去掉 expiry",
    )
}

fn grace_without_expiry() -> Said {
    say(
        "grace_unused",
        "the marketplace decides what follows the end of a term here; set expiry = \"own\", or leave grace out",
        "这里期限结束之后由云市场决定；请写 expiry = \"own\"，或去掉 grace",
    )
}

fn currency_unknown(currency: &str) -> Said {
    say(
        "price_malformed",
        format!("{currency:?} is no currency of ISO 4217 with two places, such as CNY"),
        format!("{currency:?} 不是 ISO 4217 里带两位小数的货币，例如 CNY"),
    )
}

fn price_missing() -> Said {
    say(
        "price_missing",
        "others here have a price and this has none: it is billed at nothing, and so is an upgrade to it",
        "同一店面的其他 offer 有价格，这个没有：它不计价，升级到它也不计价",
    )
}

fn month_missing() -> Said {
    say(
        "price_missing",
        "a year has a price and a month has none: what is bought by the month is billed at nothing",
        "写了一年的价格，没写一个月的：按月购买的就不计价",
    )
}

fn spec_twice(spec: &str) -> Said {
    say(
        "storefront_offers",
        format!("spec {spec:?} has an offer already; this one would never be bought"),
        format!("规格 {spec:?} 已经有一个 offer 了；这一个永远不会被买到"),
    )
}

fn region_malformed(name: &str) -> Said {
    say(
        "region_malformed",
        format!(
            "{name:?} is no region or zone: 1 to {REGION_CHARS_MAX} letters, digits and -, such as cn-north-1"
        ),
        format!(
            "{name:?} 不是地域或可用区：1 到 {REGION_CHARS_MAX} 个字母、数字和 -，例如 cn-north-1"
        ),
    )
}

fn zone_twice(zone: &str) -> Said {
    say(
        "region_malformed",
        format!("zone {zone:?} is there twice"),
        format!("可用区 {zone:?} 写了两次"),
    )
}

fn unpaid_after_nothing() -> Said {
    say(
        "unpaid_after_wrong",
        "an order would be cancelled before anybody could pay it; the default is 24h",
        "订单会在有人付款之前就取消；默认是 24h",
    )
}

fn nothing_unpaid() -> Said {
    say(
        "unpaid_after_wrong",
        "payment is trusted here, so no order is ever unpaid; leave it out",
        "这里 payment 是 trusted，不会有未付款的订单；可以去掉",
    )
}

fn price_empty() -> Said {
    say(
        "price_malformed",
        "write what a month costs, or a year, or both",
        "请写出一个月或一年的价格，或者都写",
    )
}

fn price_malformed(text: &str) -> Said {
    say(
        "price_malformed",
        format!("{text:?} is no amount such as \"300.00\": at most two places, not negative"),
        format!("{text:?} 不是 \"300.00\" 这样的金额：最多两位小数，不能为负"),
    )
}

fn accounts_for_nothing() -> Said {
    say(
        "account_unused",
        "accounts buy at a storefront, and no listing is one; leave them out, or add such a listing",
        "账号是在店面购买用的，而没有一个商品是店面；请去掉账号，或加一个这样的商品",
    )
}

fn access_key_malformed() -> Said {
    say(
        "access_key_malformed",
        format!(
            "an access key is 1 to {ACCESS_KEY_CHARS_MAX} printable characters without / , = and blanks"
        ),
        format!("access key 是 1 到 {ACCESS_KEY_CHARS_MAX} 个可见字符，不能有 / , = 和空白"),
    )
}

fn access_key_twice(other: &str) -> Said {
    say(
        "access_key_twice",
        format!("is the access key of account {other:?} too; calls could not be told apart"),
        format!("账号 {other:?} 也用这个 access key；调用就分不清了"),
    )
}

fn secrets_many() -> Said {
    say(
        "account_secrets",
        format!(
            "an account has one secret_key, or up to {ACCOUNT_SECRETS_MAX} secret_keys while one takes over from the other"
        ),
        format!("账号有一个 secret_key；轮换期间可以有最多 {ACCOUNT_SECRETS_MAX} 个 secret_keys"),
    )
}

fn secrets_same() -> Said {
    say(
        "account_secrets",
        "both secrets are the same one",
        "两个密钥是同一个",
    )
}
