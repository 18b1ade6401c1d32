//! What may be shown of a request: everything but what proves who sent it.

use serde_json::{Map, Value};

/// Names that hold one of these words are masked, in a query as in a header.
const SECRET_WORDS: [&str; 12] = [
    "signature",
    "token",
    "secret",
    "password",
    "passwd",
    "pwd",
    "密码",
    "口令",
    "auth",
    "cookie",
    "credential",
    "key",
];

/// What stands in place of a secret.
pub const MASK: &str = "********";

/// `request`, as it was kept by the call log, with signature, keys, accounts and tokens masked. A
/// body that is a JSON object is shown; any other is counted and not shown: it has no names that we
/// know.
#[must_use]
pub fn masked(request: &[u8]) -> String {
    let text = String::from_utf8_lossy(request);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let mut shown = masked_line(lines.next().unwrap_or_default());
    for line in lines {
        shown.push('\n');
        shown.push_str(&masked_header(line));
    }
    if !body.is_empty() {
        shown.push_str("\n\n");
        shown.push_str(&masked_body(body));
    }
    shown
}

/// The body of an answer, with everything masked that opens an instance: accounts, addresses (a
/// link is as good as a password), keys and tokens. One that is not JSON is counted and not shown.
#[must_use]
pub fn masked_answer(body: &[u8]) -> String {
    match serde_json::from_slice::<Value>(body) {
        Ok(mut value) => {
            mask_value(&mut value, opens);
            value.to_string()
        }
        Err(_) if body.is_empty() => String::new(),
        Err(_) => format!("[a body of {} bytes]", body.len()),
    }
}

/// The body of an answer with its passwords, keys and tokens masked, for whoever checks the vendor: a
/// link or a user name is what they look for. One that is not JSON is shown unless it speaks of a
/// password, which no rule would find in it.
#[must_use]
pub fn without_secrets(body: &[u8]) -> String {
    if let Ok(mut value) = serde_json::from_slice::<Value>(body) {
        mask_value(&mut value, is_secret);
        return value.to_string();
    }
    let text = String::from_utf8_lossy(body);
    let told = [
        "password", "passwd", "pwd", "secret", "token", "密码", "口令", "密钥",
    ];
    let lower = text.to_lowercase();
    match told.iter().any(|word| lower.contains(word)) {
        true => "(not shown: it speaks of a password)".to_owned(),
        false => text.trim_end().to_owned(),
    }
}

/// `url` without what proves who calls: the secrets of its query, and whoever stands before its host.
#[must_use]
pub fn masked_url(url: &str) -> String {
    let (before, query) = match url.split_once('?') {
        Some((before, query)) => (before, format!("?{}", masked_query(query))),
        None => (url, String::new()),
    };
    let before = match before.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let (host, path) = rest.split_at(end);
            let host = host.rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}{path}")
        }
        None => before.to_owned(),
    };
    format!("{before}{query}")
}

fn masked_line(line: &str) -> String {
    let Some((before, query)) = line.split_once('?') else {
        return line.to_owned();
    };
    let (query, after) = query.rsplit_once(' ').unwrap_or((query, ""));
    format!("{before}?{} {after}", masked_query(query))
}

fn masked_query(query: &str) -> String {
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={MASK}"),
        Some(_) | None => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn masked_header(line: &str) -> String {
    match line.split_once(": ") {
        Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
            format!("{name}: {}", masked_authorization(value))
        }
        Some((name, _)) if is_secret(name) => format!("{name}: {MASK}"),
        Some(_) | None => line.to_owned(),
    }
}

/// Of a request that is signed in its header (`JDCLOUD2-HMAC-SHA256 Credential=…, SignedHeaders=…,
/// Signature=…`) everything but the signature is worth seeing, and nothing of it is secret.
fn masked_authorization(value: &str) -> String {
    let Some((scheme, fields)) = value.split_once(' ').filter(|(s, _)| s.contains("-HMAC-")) else {
        return MASK.to_owned();
    };
    let fields = fields
        .split(',')
        .map(|field| match field.trim().split_once('=') {
            Some((name @ ("Credential" | "SignedHeaders"), value)) => format!("{name}={value}"),
            Some(("Signature", _)) => format!("Signature={MASK}"),
            Some(_) | None => MASK.to_owned(),
        });
    format!("{scheme} {}", fields.collect::<Vec<_>>().join(", "))
}

/// As it came, so that its digest can be made again, unless it holds a secret.
fn masked_body(body: &str) -> String {
    let Ok(mut members) = serde_json::from_str::<Map<String, Value>>(body) else {
        return format!("[a body of {} bytes]", body.len());
    };
    if mask_members(&mut members, is_secret) {
        return Value::Object(members).to_string();
    }
    body.to_owned()
}

/// Masks what is secret among `members`, however deep; whether there was any.
fn mask_members(members: &mut Map<String, Value>, is_secret: fn(&str) -> bool) -> bool {
    let mut found = false;
    for (name, value) in members {
        let is_empty = value.is_null() || value == "";
        if is_secret(name) && !is_empty {
            *value = Value::from(MASK);
            found = true;
        } else {
            found |= mask_value(value, is_secret);
        }
    }
    found
}

fn mask_value(value: &mut Value, is_secret: fn(&str) -> bool) -> bool {
    match value {
        Value::Object(members) => mask_members(members, is_secret),
        Value::Array(values) => values
            .iter_mut()
            .fold(false, |found, v| mask_value(v, is_secret) | found),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Whether a member of an answer, by its name, opens something. An object has members of its own.
fn opens(name: &str) -> bool {
    let name = name.to_lowercase();
    is_secret(&name)
        || ["url", "username", "user_name", "account", "ticket"]
            .iter()
            .any(|word| name.contains(word))
}

/// By the name as the other end reads it: escaped in another way it is the same.
fn is_secret(name: &str) -> bool {
    let name = percent_encoding::percent_decode_str(name)
        .decode_utf8_lossy()
        .to_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::{masked, masked_answer, masked_url, without_secrets};

    #[test]
    fn an_answer_shows_nothing_that_opens_an_instance() {
        let answer = r#"{"instanceId":"i-1","instanceInfo":{"frontEndUrl":"SECRET","username":"SECRET","adminUrl":"","password":"SECRET"},"appInfo":{"authUrl":null,"admin":{"url":"SECRET"}}}"#;
        assert_eq!(
            masked_answer(answer.as_bytes()),
            r#"{"instanceId":"i-1","instanceInfo":{"frontEndUrl":"********","username":"********","adminUrl":"","password":"********"},"appInfo":{"authUrl":null,"admin":{"url":"********"}}}"#
        );
        assert_eq!(masked_answer(b"<SECRET>"), "[a body of 8 bytes]");
        assert_eq!(masked_answer(b""), "");
    }

    #[test]
    fn an_address_is_shown_without_what_opens_it() {
        for (url, shown) in [
            ("https://u:p@a.example/spi", "https://a.example/spi"),
            ("https://u:p@a.example", "https://a.example"),
            ("https://a.example/u@b?x=1", "https://a.example/u@b?x=1"),
            (
                "http://a.example:8/spi?token=S&x=@1&Access%4bey=S",
                "http://a.example:8/spi?token=********&x=@1&Access%4bey=********",
            ),
        ] {
            assert_eq!(masked_url(url), shown);
        }
    }

    #[test]
    fn who_checks_a_vendor_sees_links_and_names_but_no_password() {
        let answer = r#"{"instanceId":"i-1","instanceInfo":{"frontEndUrl":"https://a.example","username":"u","password":"SECRET"},"appInfo":{"password":"","adminPassword":["SECRET"],"authUrl":null}}"#;
        assert_eq!(
            without_secrets(answer.as_bytes()),
            r#"{"instanceId":"i-1","instanceInfo":{"frontEndUrl":"https://a.example","username":"u","password":"********"},"appInfo":{"password":"","adminPassword":"********","authUrl":null}}"#
        );
        assert_eq!(without_secrets(b"<h1>oops</h1>\n"), "<h1>oops</h1>");
        let told = without_secrets(b"your Password is SECRET");
        assert_eq!(told, "(not shown: it speaks of a password)");
    }

    #[test]
    fn what_proves_who_sent_it_is_masked_however_it_is_spelled() {
        let request = b"GET /spi/notes?action=CreateInstance&signature=SECRET%3D&order_id=mord-1\
            &Sign%61ture=SECRET&access_token=SECRET HTTP/1.1\r\nhost: a.example\r\n\
            authorization: Bearer SECRET\r\nx-app-signature: SECRET\r\n\r\npassword=SECRET";
        assert_eq!(
            masked(request),
            "GET /spi/notes?action=CreateInstance&signature=********&order_id=mord-1\
             &Sign%61ture=********&access_token=******** HTTP/1.1\nhost: a.example\n\
             authorization: ********\nx-app-signature: ********\n\n[a body of 15 bytes]"
        );
        // What signs a header is seen but for the signature, and a body that is JSON as it came.
        let call = |value: &str, body: &str| {
            let head = "PATCH /v1/regions/r/bastion/b HTTP/1.1\r\nauthorization: ";
            masked(
                format!("{head}{value}\r\nx-jdcloud-security-token: SECRET\r\n\r\n{body}")
                    .as_bytes(),
            )
        };
        assert_eq!(
            call(
                "JDCLOUD2-HMAC-SHA256 Credential=AK/20261126/r/bastion/jdcloud2_request, \
                 SignedHeaders=content-type;x-jdcloud-date, Signature=SECRET",
                "{\"desc\" : \"\\u63cf\", \"password\":null}"
            ),
            "PATCH /v1/regions/r/bastion/b HTTP/1.1\nauthorization: JDCLOUD2-HMAC-SHA256 \
             Credential=AK/20261126/r/bastion/jdcloud2_request, \
             SignedHeaders=content-type;x-jdcloud-date, Signature=********\n\
             x-jdcloud-security-token: ********\n\n{\"desc\" : \"\\u63cf\", \"password\":null}"
        );
        for (value, body, shown) in [
            (
                "X-HMAC-1 SECRET, Signature=SECRET",
                "",
                "X-HMAC-1 ********, Signature=********",
            ),
            ("X-HMAC-1 signature=SECRET", "", "X-HMAC-1 ********"),
            ("SECRET", "", "********"),
            (
                "a",
                r#"{"list":[{"userPassword":"SECRET"},1]}"#,
                r#"{"list":[{"userPassword":"********"},1]}"#,
            ),
            ("a", "[\"SECRET\"]", "[a body of 10 bytes]"),
            ("a", "{\"cut\":\"SECR", "[a body of 12 bytes]"),
        ] {
            let told = call(value, body);
            assert!(told.contains(shown), "{told}");
            assert!(!told.contains("SECR"), "{told}");
        }
        // Cut off in the middle, or no request at all.
        assert_eq!(
            masked(b"GET /spi?signature=SECR"),
            "GET /spi?signature=******** "
        );
        assert_eq!(masked(b""), "");
        assert_eq!(masked(&[0xff, b'?', 0xfe]), "\u{fffd}?\u{fffd} ");
    }
}
