//! A request of the call log, taken apart again: what [`super::raw`] put together.

/// One captured request. Secret as a whole: it proves who sent it.
pub(crate) struct Captured {
    /// The method.
    pub(crate) method: String,
    /// The path, still percent-encoded.
    pub(crate) path: String,
    /// The query, without the `?` and still percent-encoded.
    pub(crate) query: String,
    /// The headers as received, names in lower case.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// Headers that speak of one connection and not of the request (RFC 9110 §7.6.1), and what a client
/// says for itself.
const OF_THE_CONNECTION: [&str; 12] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Captured {
    /// The request that `kept` holds in the form of HTTP/1.1; `None` where it was cut, or is none.
    pub(crate) fn parse(kept: &[u8]) -> Option<Self> {
        let end = kept.windows(4).position(|window| window == b"\r\n\r\n")?;
        let (head, body) = (kept.get(..end)?, kept.get(end + 4..)?);
        let mut lines = head.split(|byte| *byte == b'\n').map(without_return);
        let first = std::str::from_utf8(lines.next()?).ok()?;
        let (method, rest) = first.split_once(' ')?;
        let target = rest.strip_suffix(" HTTP/1.1")?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers: Option<Vec<_>> = lines.map(header).collect();
        let captured = Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers?,
            body: body.to_vec(),
        };
        captured.is_whole(kept.len()).then_some(captured)
    }

    /// Whether the body is as long as it was said to be; where that was not said, whether the log
    /// had room for more, and the body was awaited.
    fn is_whole(&self, kept_bytes: usize) -> bool {
        match self.header("content-length") {
            Some(length) => length.parse() == Ok(self.body.len()),
            None => {
                let is_chunked = self.header("transfer-encoding").is_some();
                kept_bytes < turnkey_store::REQUEST_BYTES_KEPT
                    && (!is_chunked || !self.body.is_empty())
            }
        }
    }

    /// The first header called `name` (in lower case), where its value is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        std::str::from_utf8(value).ok()
    }

    /// The headers to send again with the signature as it is: all but those of the connection. The
    /// host is the target's, unless the signature is about the old one.
    pub(crate) fn kept_headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let named = self.header("connection").unwrap_or_default();
        let named: Vec<_> = named.split(',').map(str::trim).collect();
        let signed = self.header("authorization").unwrap_or_default();
        let signed = signed.split_once("SignedHeaders=");
        let signed = signed.map_or("", |(_, rest)| rest.split(',').next().unwrap_or_default());
        let signed: Vec<_> = signed.split(';').collect();
        let has = |names: &[&str], name: &str| names.iter().any(|n| n.eq_ignore_ascii_case(name));
        let kept = self.headers.iter().filter(move |(name, _)| {
            let is_hop = OF_THE_CONNECTION.contains(&name.as_str()) || has(&named, name);
            has(&signed, name) || !(is_hop || name == "host")
        });
        kept.map(|(name, value)| (name.as_str(), value.as_slice()))
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn header(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = std::str::from_utf8(line.get(..colon)?).ok()?;
    let value = line.get(colon + 1..)?;
    let value = value.strip_prefix(b" ").unwrap_or(value);
    Some((name.to_ascii_lowercase(), value.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::Captured;

    #[test]
    fn a_request_is_taken_apart_or_was_cut() {
        let good = b"POST /v1/a?b=%20 HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}";
        let captured = Captured::parse(good);
        let parts = captured.map(|c| (c.method, c.path, c.query, c.headers.len(), c.body));
        let expected = ("POST", "/v1/a", "b=%20");
        assert_eq!(
            parts,
            Some((
                expected.0.to_owned(),
                expected.1.to_owned(),
                expected.2.to_owned(),
                2,
                b"{}".to_vec()
            ))
        );
        for cut in [
            b"".as_slice(),
            b"GET /spi?signature=SECR",
            b"GET /spi HTTP/1.1\r\nhost: h\r\n",
            b"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\n{}",
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n",
        ] {
            assert!(Captured::parse(cut).is_none());
        }
        let mut long = b"GET / HTTP/1.1\r\n\r\n".to_vec();
        long.resize(turnkey_store::REQUEST_BYTES_KEPT, b'x');
        assert!(Captured::parse(&long).is_none());
    }

    #[test]
    fn the_host_is_kept_only_where_it_is_signed() {
        let names = |authorization: &str| {
            let request = format!(
                "GET / HTTP/1.1\r\nhost: h\r\naccept: a\r\nconnection: close, X-Hop\r\nx-hop: 1\r\n\
                 authorization: {authorization}\r\n\r\n"
            );
            let captured = Captured::parse(request.as_bytes());
            let kept = captured.iter().flat_map(Captured::kept_headers);
            let kept: Vec<_> = kept.map(|(name, _)| name.to_owned()).collect();
            kept.join(" ")
        };
        assert_eq!(names("Bearer x"), "accept authorization");
        let signed = "JDCLOUD2-HMAC-SHA256 Credential=a, SignedHeaders=accept;host, Signature=0";
        assert_eq!(names(signed), "host accept authorization");
    }
}
