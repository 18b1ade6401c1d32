//! The request that is explained, as it was typed. Nothing of it is normalised: a signature is made
//! over spellings.

use turnkey_dialects::{Dialect, Request, all, find};

/// A request in pieces.
pub(super) struct Given {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Given {
    /// # Errors
    /// With what is no header.
    pub(super) fn new(
        url: &str,
        headers: &[String],
        method: Option<&str>,
        body: Vec<u8>,
    ) -> Result<Self, String> {
        let (authority, target) = match url.split_once("://") {
            Some((_, rest)) => {
                let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                rest.split_at(end)
            }
            None => ("", url),
        };
        let target = target.split('#').next().unwrap_or_default();
        let (path, query) = match target.split_once('?') {
            Some(parts) => parts,
            // A query alone.
            None if !target.starts_with('/') && target.contains('=') => ("", target),
            None => (target, ""),
        };
        let mut all = Vec::new();
        for header in headers {
            let Some((name, value)) = header.split_once(':') else {
                return Err(header.clone());
            };
            all.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
        if !authority.is_empty() && !all.iter().any(|(name, _)| name == "host") {
            all.push(("host".to_owned(), authority.to_owned()));
        }
        let usual = if body.is_empty() { "GET" } else { "POST" };
        Ok(Self {
            method: method.unwrap_or(usual).to_owned(),
            path: if path.is_empty() { "/" } else { path }.to_owned(),
            query: query.to_owned(),
            headers: all,
            body,
        })
    }

    pub(super) fn headers(&self) -> Vec<(&str, &[u8])> {
        let headers = self.headers.iter();
        headers
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect()
    }

    pub(super) fn request<'a>(&'a self, headers: &'a [(&'a str, &'a [u8])]) -> Request<'a> {
        Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers,
            body: &self.body,
        }
    }

    /// The protocol that the path, the headers or the parameters tell.
    pub(super) fn dialect(&self) -> Option<&'static dyn Dialect> {
        let named = self.path.split('/').find_map(find);
        let rooted = || {
            let below = |dialect: &&'static dyn Dialect| {
                let root = dialect.card().root;
                root.is_some_and(|root| self.path.starts_with(&format!("{root}/")))
            };
            all().iter().copied().find(below)
        };
        let signed = || {
            let is_jdcloud = |(name, value): &(String, String)| {
                name == "authorization" && value.starts_with("JDCLOUD")
            };
            let name = self.headers.iter().any(is_jdcloud);
            find("jdcloud-bastion").filter(|_| name)
        };
        let has = |wanted: &str| {
            let mut pairs = self.query.split('&');
            pairs.any(|pair| pair.split('=').next() == Some(wanted))
        };
        let timed = || match (has("time_stamp"), has("timestamp")) {
            (true, _) => find("qingcloud-appcenter"),
            (false, true) => find("qingcloud-market"),
            (false, false) => None,
        };
        named.or_else(rooted).or_else(signed).or_else(timed)
    }
}
