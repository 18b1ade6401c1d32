//! Where calls to another vendor may go: to public addresses, and to whatever else is allowed by
//! name. Whoever writes an address into a configuration, or a name server that answers for one, must
//! not lead us into our own network.
//!
//! A name is looked up once, every address that it has is looked at, and the connection is made to
//! those that were looked at: there is no second look-up in between that could say something else.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// What a look-up comes to.
pub type Found = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Says which addresses a name has.
pub type Lookup = Arc<dyn Fn(&str) -> Found + Send + Sync>;

/// What may be called although it is not public.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    nets: Vec<IpNet>,
    names: Vec<String>,
}

/// An entry that is neither an address, nor a block of them, nor a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address, block of addresses or host name")]
pub struct ReachError(pub String);

/// Why a host is not called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable {
    host: String,
    /// The address, where it is not the host itself, and what it is.
    address: IpAddr,
    range: &'static str,
}

impl Reach {
    /// Reads addresses (`10.1.2.3`), blocks of them (`10.0.0.0/8`) and host names.
    ///
    /// # Errors
    /// With the first entry that is none of them.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, ReachError> {
        let mut reach = Self::default();
        for entry in entries {
            let entry = entry.as_ref();
            if let Ok(net) = entry.parse::<IpNet>() {
                reach.nets.push(net);
            } else if let Ok(address) = entry.parse::<IpAddr>() {
                reach.nets.push(address.into());
            } else if is_name(entry) {
                reach.names.push(entry.to_ascii_lowercase());
            } else {
                return Err(ReachError(entry.to_owned()));
            }
        }
        Ok(reach)
    }

    /// Whether everything that `host` resolves to may be called.
    #[must_use]
    pub fn names(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.');
        self.names
            .iter()
            .any(|name| name.eq_ignore_ascii_case(host))
    }

    /// Checks the one address that `host` is or has.
    ///
    /// # Errors
    /// When it is not public, and not allowed.
    pub fn check(&self, host: &str, address: IpAddr) -> Result<(), Unreachable> {
        let Some(range) = not_public(address) else {
            return Ok(());
        };
        let is_in = |net: &IpNet| net.contains(&address) || net.contains(&address.to_canonical());
        if self.names(host) || self.nets.iter().any(is_in) {
            return Ok(());
        }
        Err(Unreachable {
            host: host.to_owned(),
            address,
            range,
        })
    }

    /// Checks the host of `url` where it is an address: no look-up would. Odd spellings of one
    /// (`0x7f.1`, `2130706433`) are read as whoever connects reads them.
    ///
    /// # Errors
    /// When it is not public, and not allowed.
    pub fn check_literal(&self, url: &str) -> Result<(), Unreachable> {
        let host = reqwest::Url::parse(url).ok();
        let host = host.as_ref().and_then(reqwest::Url::host_str);
        let host = host.unwrap_or_default();
        match host.trim_matches(['[', ']']).parse() {
            Ok(address) => self.check(host, address),
            Err(_) => Ok(()),
        }
    }
}

/// Whether `text` may be a host's name; whoever writes `10.0.0.0/33` does not mean one.
fn is_name(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_number = text
        .split('.')
        .next_back()
        .is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    !text.is_empty() && text.chars().all(is_plain) && !is_number
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            host,
            address,
            range,
        } = self;
        if host.trim_matches(['[', ']']) == address.to_string() {
            write!(f, "{address} is {range}")?;
        } else {
            write!(f, "{host} is at {address}, which is {range}")?;
        }
        f.write_str(": it is not called unless `reach` names it")
    }
}

impl std::error::Error for Unreachable {}

/// What kind of address `address` is where it is not one of the public Internet. The ranges are
/// those of IANA's special-purpose registries, read 2026-11-26.
#[must_use]
pub fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => not_public_v4(address),
        IpAddr::V6(address) => not_public_v6(address),
    }
}

fn not_public_v4(address: Ipv4Addr) -> Option<&'static str> {
    Some(match address.octets() {
        [0, ..] => "unspecified",
        [127, ..] => "loopback",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "private",
        [100, 64..=127, ..] => "a provider's own (100.64.0.0/10)",
        // The metadata services of most clouds too.
        [169, 254, ..] => "link-local",
        [192, 0, 0, _] => "reserved for protocols",
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "for documentation",
        [198, 18 | 19, ..] => "for benchmarks",
        [192, 88, 99, _] => "a relay of 6to4",
        [224..=239, ..] => "multicast",
        [255, 255, 255, 255] => "broadcast",
        [240..=255, ..] => "reserved",
        _ => return None,
    })
}

fn not_public_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        not_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("loopback"),
        // These three carry an IPv4 address, and lead to it.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        [0xfc00..=0xfdff, ..] => Some("unique-local"),
        [0xfe80..=0xfebf, ..] => Some("link-local"),
        [0xff00..=0xffff, ..] => Some("multicast"),
        // Teredo, benchmarks and others (2001::/23).
        [0x2001, 0..=0x1ff, ..] => Some("reserved for protocols"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some("for documentation"),
        // What is given out for the public Internet is 2000::/3, and nothing else.
        [0x2000..=0x3fff, ..] => None,
        _ => Some("reserved"),
    }
}

/// Looks names up and lets nothing through that is out of reach: the resolver of a client.
pub(crate) struct Guard {
    reach: Reach,
    lookup: Lookup,
}

impl Guard {
    pub(crate) fn new(reach: Reach, lookup: Lookup) -> Self {
        Self { reach, lookup }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let (reach, found) = (self.reach.clone(), (self.lookup)(&host));
        Box::pin(async move {
            let found = found.await?;
            for address in &found {
                // One that is not public is reason enough: a name that has both is a trap.
                reach.check(&host, *address)?;
            }
            // The port is the URL's.
            let found: Vec<_> = found.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Asks the system.
pub(crate) fn system() -> Lookup {
    Arc::new(|host| {
        let host = host.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

/// What kept a request from going out, where it was the guard.
pub(crate) fn unreachable(error: &reqwest::Error) -> Option<&Unreachable> {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(found) = cause.downcast_ref() {
            return Some(found);
        }
        source = cause.source();
    }
    None
}
