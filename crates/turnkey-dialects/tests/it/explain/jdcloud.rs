//! JD Cloud. The signer here knows nothing of the doctor's: it writes a request's lines down.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use turnkey_core::UtcMillis;
use turnkey_dialects::Request;
use turnkey_dialects::explain::{Explanation, Verdict};

use super::{Dice, KEY, assert_pairs_are_named, doctor, explained, named, with_case};

const BASTION: &str = "jdcloud-bastion";
/// 2026-01-05 02:03:04.
const NOW: UtcMillis = UtcMillis(1_767_578_584_000);
const DATE: &str = "20260105T020304Z";
const PATH: &str = "/v1/regions/cn-east-2/instances/bst-1:modify";
const QUERY: &str = "b=%E4%B8%AD%20x&a=1%2B2&c=&bare";
const BODY: &str = r#" { "z":"中/x", "a":[1,2] } "#;

/// What signs, in pieces that a test may change.
#[derive(Clone)]
struct Signer {
    method: &'static str,
    path: String,
    query: String,
    names: Vec<&'static str>,
    headers: Vec<String>,
    behind_headers: &'static str,
    list: Option<String>,
    body: String,
    algorithm: Option<&'static str>,
    date: Option<&'static str>,
    scope: String,
    prefix: &'static str,
    secret: String,
    parts: Vec<String>,
}

fn sha256(bytes: impl AsRef<[u8]>) -> String {
    lower(&Sha256::digest(bytes))
}

fn lower(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn mac(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// The headers as they are sent, but `authorization`.
const SENT: [(&str, &str); 6] = [
    ("content-type", "application/json"),
    ("host", "10.0.0.7:8686"),
    ("x-jdcloud-date", DATE),
    ("x-jdcloud-nonce", "n-1"),
    ("x-note", "two  blanks"),
    ("x-jdcloud-content-sha256", "not-the-digest"),
];
const LISTED: [&str; 5] = [
    "x-jdcloud-nonce",
    "content-type",
    "host",
    "x-jdcloud-date",
    "x-note",
];

fn sent(name: &str) -> &'static str {
    SENT.iter().find(|(known, _)| *known == name).unwrap().1
}

impl Signer {
    fn right() -> Self {
        let mut names = LISTED.to_vec();
        names.sort_unstable();
        Self {
            method: "POST",
            path: "/v1/regions/cn-east-2/instances/bst-1%3Amodify".to_owned(),
            query: "a=1%2B2&b=%E4%B8%AD%20x&bare=&c=".to_owned(),
            headers: names.iter().map(|n| format!("{n}:{}\n", sent(n))).collect(),
            list: Some(names.join(";")),
            names,
            behind_headers: "\n",
            body: sha256(BODY),
            algorithm: Some("JDCLOUD2-HMAC-SHA256"),
            date: Some(DATE),
            scope: "20260105/cn-east-2/bastion/jdcloud2_request".to_owned(),
            prefix: "JDCLOUD2",
            secret: KEY.to_owned(),
            parts: ["20260105", "cn-east-2", "bastion", "jdcloud2_request"]
                .map(str::to_owned)
                .to_vec(),
        }
    }

    fn canonical(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.method, self.path, self.query);
        text += &self.headers.concat();
        text += self.behind_headers;
        if let Some(list) = &self.list {
            text += &format!("{list}\n");
        }
        text + &self.body
    }

    fn to_sign(&self, digested: &str) -> String {
        let lines = self.algorithm.into_iter().chain(self.date);
        let mut lines: Vec<_> = lines.collect();
        lines.extend([self.scope.as_str(), digested]);
        lines.join("\n")
    }

    fn key(&self) -> Vec<u8> {
        let key = format!("{}{}", self.prefix, self.secret).into_bytes();
        self.parts.iter().fold(key, |key, part| mac(&key, part))
    }

    fn sign(&self) -> String {
        lower(&mac(&self.key(), &self.to_sign(&sha256(self.canonical()))))
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> String {
        change(&mut self);
        self.sign()
    }

    fn header(&mut self, name: &str, value: &str) {
        let place = self.names.iter().position(|known| *known == name).unwrap();
        self.headers[place] = format!("{name}:{value}\n");
    }

    fn without_header(&mut self, name: &str) {
        let place = self.names.iter().position(|known| *known == name).unwrap();
        self.names.remove(place);
        self.headers.remove(place);
        self.list = Some(self.names.join(";"));
    }

    fn region(&mut self, region: &str) {
        self.parts[1] = region.to_owned();
        self.scope = self.parts.join("/");
    }
}

fn title(name: &str) -> String {
    let mut upper = true;
    let titled = name.chars().map(|c| {
        let c = if upper { c.to_ascii_uppercase() } else { c };
        upper = c == '-';
        c
    });
    titled.collect()
}

/// HMAC all the way down with another digest.
macro_rules! all_with {
    ($digest:ty, $signer:expr) => {{
        let hmac = |key: &[u8], message: &str| {
            let mut mac = Hmac::<$digest>::new_from_slice(key).unwrap();
            mac.update(message.as_bytes());
            mac.finalize().into_bytes().to_vec()
        };
        let key = format!("{}{}", $signer.prefix, $signer.secret).into_bytes();
        let key = $signer.parts.iter().fold(key, |key, part| hmac(&key, part));
        lower(&hmac(&key, &$signer.to_sign(&sha256($signer.canonical()))))
    }};
}

/// What a signer sends who makes the mistake `code`, and no other.
#[expect(clippy::too_many_lines, reason = "one line a mistake")]
fn mistaken(code: &str) -> Option<String> {
    let right = Signer::right();
    let digest = sha256(right.canonical());
    let to_sign = right.to_sign(&digest);
    let body = |text: &str| right.clone().with(|s| s.body = sha256(text));
    let secret = |secret: String| right.clone().with(|s| s.secret = secret);
    let query = |text: &str| right.clone().with(|s| s.query = text.to_owned());
    let path = |text: &str| right.clone().with(|s| s.path = text.to_owned());
    let host = |text: &str| right.clone().with(|s| s.header("host", text));
    let left_out = |name: &str| right.clone().with(|s| s.without_header(name));
    let region = |text: &str| right.clone().with(|s| s.region(text));
    Some(match code {
        "secret_without_prefix" => right.with(|s| s.prefix = ""),
        "secret_other_version" => right.with(|s| s.prefix = "JDCLOUD3"),
        "secret_aws_prefix" => right.with(|s| s.prefix = "AWS4"),
        "key_not_derived" => lower(&mac(KEY.as_bytes(), &to_sign)),
        "region_and_service_swapped" => right.with(|s| s.parts.swap(1, 2)),
        "key_hex_between" => {
            let key = format!("JDCLOUD2{KEY}");
            let parts = right.parts.iter();
            let key = parts.fold(key, |key, part| lower(&mac(key.as_bytes(), part)));
            lower(&mac(key.as_bytes(), &to_sign))
        }
        "key_without_terminator" => right.with(|s| s.parts.truncate(3)),
        "key_of_whole_date" => right.with(|s| s.parts[0] = DATE.to_owned()),
        "terminator_other_version" => right.with(|s| {
            s.parts[3] = "jdcloud3_request".to_owned();
            s.scope = s.parts.join("/");
        }),
        "region_none" => region("jdcloud-api"),
        "region_cn_north_1" => region("cn-north-1"),
        "region_cn_east_1" => region("cn-east-1"),
        "region_cn_south_1" => region("cn-south-1"),
        "body_as_if_empty" => body(""),
        "body_not_digested" => right.with(|s| s.body = String::new()),
        "body_unsigned" => right.with(|s| s.body = "UNSIGNED-PAYLOAD".to_owned()),
        "body_digest_stated" => right.with(|s| s.body = "not-the-digest".to_owned()),
        "body_raw" => right.with(|s| s.body = BODY.to_owned()),
        "body_compact" => body(r#"{"z":"中/x","a":[1,2]}"#),
        "body_spaced" => body(r#"{"z": "中/x", "a": [1, 2]}"#),
        "body_spaced_ascii" => body(r#"{"z": "\u4e2d/x", "a": [1, 2]}"#),
        "body_compact_ascii" => body(r#"{"z":"\u4e2d/x","a":[1,2]}"#),
        "body_pretty" => body("{\n  \"z\": \"中/x\",\n  \"a\": [\n    1,\n    2\n  ]\n}"),
        "body_sorted" => body(r#"{"a":[1,2],"z":"中/x"}"#),
        "body_slashes" => body(r#"{"z":"\u4e2d\/x","a":[1,2]}"#),
        "body_line_break" => body(&format!("{BODY}\n")),
        "body_trimmed" => body(BODY.trim()),
        "body_digest_upper" => right.with(|s| s.body = s.body.to_uppercase()),
        "body_digest_base64" => {
            right.with(|s| s.body = BASE64_STANDARD.encode(Sha256::digest(BODY)))
        }
        "query_unsorted" => query("b=%E4%B8%AD%20x&a=1%2B2&c=&bare="),
        "query_as_sent" => query(QUERY),
        "query_not_encoded" => query("a=1+2&b=中 x&bare=&c="),
        "query_encoded_twice" => query("a=1%252B2&b=%25E4%25B8%25AD%2520x&bare=&c="),
        "query_space_as_plus" => query("a=1%2B2&b=%E4%B8%AD+x&bare=&c="),
        "query_left_out" => query(""),
        "query_hex_lower" => query("a=1%2b2&b=%e4%b8%ad%20x&bare=&c="),
        "query_bare_left_out" => query("a=1%2B2&b=%E4%B8%AD%20x&c="),
        "query_empty_left_out" => query("a=1%2B2&b=%E4%B8%AD%20x"),
        "path_not_encoded" => path(PATH),
        "path_encoded_twice" => path("/v1/regions/cn-east-2/instances/bst-1%253Amodify"),
        "path_with_query" => path(&format!("{}?{QUERY}", right.path)),
        "path_slash" => path(&format!("{}/", right.path)),
        "method_lower_case" => right.with(|s| s.method = "post"),
        "host_without_port" => host("10.0.0.7"),
        "host_port_80" => host("10.0.0.7:80"),
        "host_port_443" => host("10.0.0.7:443"),
        "host_official" => host("bastion.jdcloud-api.com"),
        "host_local" => host("localhost"),
        "header_names_titled" => right.with(|s| {
            let names: Vec<_> = s.names.iter().map(|name| title(name)).collect();
            s.headers = names
                .iter()
                .map(|n| format!("{n}:{}\n", sent(&n.to_lowercase())))
                .collect();
            s.list = Some(names.join(";"));
        }),
        "headers_unsorted" => right.with(|s| {
            s.headers = LISTED
                .iter()
                .map(|n| format!("{n}:{}\n", sent(n)))
                .collect();
            s.list = Some(LISTED.join(";"));
        }),
        "header_blanks_collapsed" => right.with(|s| s.header("x-note", "two blanks")),
        "header_spaced" => right.with(|s| {
            for header in &mut s.headers {
                *header = header.replacen(':', ": ", 1);
            }
        }),
        "content_type_charset" => {
            right.with(|s| s.header("content-type", "application/json; charset=utf-8"))
        }
        "content_type_left_out" => left_out("content-type"),
        "host_left_out" => left_out("host"),
        "nonce_left_out" => left_out("x-jdcloud-nonce"),
        "date_left_out" => left_out("x-jdcloud-date"),
        "empty_line_left_out" => right.with(|s| s.behind_headers = ""),
        "header_list_left_out" => right.with(|s| s.list = None),
        "canonical_not_digested" => lower(&mac(&right.key(), &right.to_sign(&right.canonical()))),
        "canonical_alone" => lower(&mac(&right.key(), &right.canonical())),
        "canonical_digest_upper" => {
            lower(&mac(&right.key(), &right.to_sign(&digest.to_uppercase())))
        }
        "algorithm_other_version" => right.with(|s| s.algorithm = Some("JDCLOUD3-HMAC-SHA256")),
        "algorithm_left_out" => right.with(|s| s.algorithm = None),
        "date_line_left_out" => right.with(|s| s.date = None),
        "scope_with_access_key" => right.with(|s| s.scope = format!("AK/{}", s.scope)),
        "scope_without_terminator" => {
            right.with(|s| s.scope = s.scope.replace("/jdcloud2_request", ""))
        }
        "line_break_appended" => lower(&mac(&right.key(), &format!("{to_sign}\n"))),
        "query_plus_reencoded" => query("a=1%202&b=%E4%B8%AD%20x&bare=&c="),
        "path_as_https_url" => path(&format!("https://10.0.0.7:8686{}", right.path)),
        "path_as_http_url" => path(&format!("http://10.0.0.7:8686{}", right.path)),
        "key_single_quoted" => secret(format!("'{KEY}'")),
        "key_space_in_front" => secret(format!(" {KEY}")),
        "key_no_break_space" => secret(format!("{KEY}\u{a0}")),
        "key_bom" => secret(format!("\u{feff}{KEY}")),
        "plain_sha256" => sha256(&to_sign),
        "signature_cut" => right.sign()[..32].to_owned(),
        "key_line_break" => secret(format!("{KEY}\n")),
        "key_carriage_return" => secret(format!("{KEY}\r\n")),
        "key_quoted" => secret(format!("\"{KEY}\"")),
        "key_spaced" => secret(format!("{KEY} ")),
        "key_base64_decoded" => {
            secret(String::from_utf8(BASE64_STANDARD.decode(KEY).unwrap()).unwrap())
        }
        "key_lower_case" => secret(KEY.to_lowercase()),
        "key_upper_case" => secret(KEY.to_uppercase()),
        "key_empty" => secret(String::new()),
        "hmac_sha1" => all_with!(sha1::Sha1, right),
        "hmac_md5" => all_with!(md5::Md5, right),
        "hmac_sha512" => all_with!(sha2::Sha512, right),
        "signature_upper_case" => right.sign().to_uppercase(),
        "signature_base64" => BASE64_STANDARD.encode(mac(&right.key(), &to_sign)),
        "key_and_message_swapped" => {
            let key = format!("JDCLOUD2{KEY}").into_bytes();
            let swap = |key: &[u8], message: &str| {
                let mut mac = Hmac::<Sha256>::new_from_slice(message.as_bytes()).unwrap();
                mac.update(key);
                mac.finalize().into_bytes().to_vec()
            };
            let key = right.parts.iter().fold(key, |key, part| swap(&key, part));
            lower(&swap(&key, &to_sign))
        }
        _ => return None,
    })
}

/// A request in pieces that a test may change.
struct Asked {
    path: &'static str,
    query: String,
    body: String,
    scope: &'static str,
    host: &'static str,
}

impl Asked {
    fn usual() -> Self {
        Self {
            path: PATH,
            query: QUERY.to_owned(),
            body: BODY.to_owned(),
            scope: "20260105/cn-east-2/bastion/jdcloud2_request",
            host: sent("host"),
        }
    }

    fn signed<T>(&self, signature: &str, then: impl FnOnce(&Request<'_>) -> T) -> T {
        let authorization = format!(
            "JDCLOUD2-HMAC-SHA256 Credential=AK/{}, SignedHeaders={}, Signature={signature}",
            self.scope,
            LISTED.join(";")
        );
        let mut headers: Vec<_> = SENT.iter().map(|(n, v)| (*n, v.as_bytes())).collect();
        headers.push(("authorization", authorization.as_bytes()));
        for (name, value) in &mut headers {
            if *name == "host" {
                *value = self.host.as_bytes();
            }
        }
        then(&Request {
            method: "POST",
            path: self.path,
            query: &self.query,
            headers: &headers,
            body: self.body.as_bytes(),
        })
    }

    fn explained(&self, signature: &str, keys: &[&str]) -> Explanation {
        self.signed(signature, |request| {
            explained(doctor(BASTION), request, keys, NOW)
        })
    }
}

#[test]
fn each_mistake_of_a_signer_is_named() {
    // Those that need another request have tests of their own, below.
    let elsewhere = [
        "wrong_key",
        "day_of_date",
        "region_of_path",
        "region_cn_east_2",
        "service_bastion",
        "path_as_sent",
    ];
    let mistakes = doctor(BASTION).mistakes();
    assert!(mistakes.len() >= 20);
    for mistake in mistakes {
        let code = mistake.code;
        if elsewhere.contains(&code) {
            continue;
        }
        let signature =
            mistaken(code).unwrap_or_else(|| panic!("{code} has no signer in this test"));
        let said = Asked::usual().explained(&signature, &[KEY]);
        assert_eq!(named(&said), [code]);
        assert_eq!(said.received, Some(signature), "{code}");
        assert_eq!(said.expected, Some(Signer::right().sign()), "{code}");
    }
}

#[test]
fn what_is_signed_for_another_scope_than_is_stated_is_named() {
    for (stated, signed, code) in [
        (
            "20260105/cn-x/bastion/jdcloud2_request",
            ["20260105", "cn-east-2", "bastion"],
            "region_of_path",
        ),
        (
            "20260104/cn-east-2/bastion/jdcloud2_request",
            ["20260105", "cn-east-2", "bastion"],
            "day_of_date",
        ),
        (
            "20260105/cn-east-2/vm/jdcloud2_request",
            ["20260105", "cn-east-2", "bastion"],
            "service_bastion",
        ),
    ] {
        let asked = Asked {
            scope: stated,
            ..Asked::usual()
        };
        let signature = Signer::right().with(|s| {
            for (part, wanted) in s.parts.iter_mut().zip(signed) {
                *part = wanted.to_owned();
            }
            s.scope = s.parts.join("/");
        });
        assert_eq!(named(&asked.explained(&signature, &[KEY])), [code]);
    }
    let asked = Asked {
        scope: "20260105/cn-x/bastion/jdcloud2_request",
        path: "/v1/regions/cn-x/instances/bst-1:modify",
        ..Asked::usual()
    };
    let signature = Signer::right().with(|s| s.path = s.path.replace("cn-east-2", "cn-x"));
    assert_eq!(
        named(&asked.explained(&signature, &[KEY])),
        ["region_cn_east_2"]
    );
    // Escapes that need not be: as sent is neither decoded nor canonical.
    let asked = Asked {
        path: "/v1/regions/cn-east-2/instances/bst%2D1:modify",
        ..Asked::usual()
    };
    let signature = Signer::right().with(|s| s.path = asked.path.to_owned());
    assert_eq!(
        named(&asked.explained(&signature, &[KEY])),
        ["path_as_sent"]
    );
}

#[test]
fn a_good_signature_is_good_and_another_accounts_is_named() {
    let right = Signer::right();
    let asked = Asked::usual();
    let said = asked.explained(&right.sign(), &[KEY]);
    assert_eq!(said.verdict, Verdict::Good);
    assert_eq!(said.canonical, Some(right.canonical()));
    let said = asked.explained(&right.sign(), &["another", KEY]);
    assert_eq!(named(&said), ["wrong_key"]);
    assert_eq!(said.cause.unwrap().key.as_deref(), Some("second"));
}

#[test]
fn what_the_server_takes_all_the_same_is_told() {
    let asked = Asked {
        query: "a=1".to_owned(),
        host: "shop.example:443",
        ..Asked::usual()
    };
    let signature = Signer::right().with(|s| {
        s.query = "a=1".to_owned();
        s.header("host", "shop.example");
    });
    let said = asked.explained(&signature, &[KEY]);
    assert_eq!(named(&said), ["host_without_port"]);
    assert_eq!(said.verdict, Verdict::Accepted);
    assert!(said.also.is_empty(), "{:?}", said.also);
}

#[test]
fn what_is_wrong_besides_is_told() {
    let asked = Asked::usual();
    let later = UtcMillis(NOW.0 + 3_600_000);
    let said = asked.signed(&Signer::right().sign(), |request| {
        explained(doctor(BASTION), request, &[KEY], later)
    });
    assert_eq!(said.also[0].code, "timestamp_stale");
    let bare = Request {
        method: "GET",
        path: PATH,
        query: "",
        headers: &[],
        body: b"",
    };
    let said = explained(doctor(BASTION), &bare, &[KEY], NOW);
    assert_eq!(said.verdict, Verdict::Missing);
    assert_eq!(said.also[0].code, "authorization_missing");
}

#[test]
fn what_is_not_known_is_not_guessed() {
    let mut dice = Dice(0x5eed_0003);
    let bytes: Vec<u8> = (0..32)
        .map(|_| u8::try_from(dice.below(256)).unwrap())
        .collect();
    let said = Asked::usual().explained(&lower(&bytes), &[KEY, "another"]);
    assert!(said.cause.is_none());
    assert_eq!(said.verdict, Verdict::Wrong);
    let known = doctor(BASTION).mistakes().len();
    assert_eq!(said.tried.pairs, known * (known - 1) / 2);
    assert!(!format!("{said:?}").contains(&said.expected.unwrap()));
}

#[test]
fn a_signature_of_another_length_says_which_digest_it_may_be() {
    for (signature, found) in [("0".repeat(32), true), ("0".repeat(64), false)] {
        let said = Asked::usual().explained(&signature, &[KEY]);
        let mut also = said.also.iter();
        assert_eq!(also.any(|f| f.code == "signature_length"), found);
    }
}

#[test]
fn pairs_of_mistakes_are_named() {
    let doctor = doctor(BASTION);
    let queries = ["", "b=1&a=2", "x=%E4%B8%AD&y=%20*"];
    let bodies = ["", BODY, r#"{"desc": "堡垒机"}"#];
    assert_pairs_are_named(doctor, NOW, 50, |dice, sign| {
        let asked = Asked {
            query: queries[dice.below(3)].to_owned(),
            body: bodies[dice.below(3)].to_owned(),
            ..Asked::usual()
        };
        let signature = asked.signed("x", sign)?;
        let said = asked.explained(&signature, &[KEY]);
        if let Some(cause) = &said.cause {
            let codes: Vec<_> = cause.mistakes.iter().map(|m| m.code).collect();
            let again = asked.signed("x", |request| {
                with_case(&[KEY], NOW, |case| doctor.made(request, case, &codes))
            });
            assert_eq!(again, Some(signature), "{codes:?}");
        }
        Some(said)
    });
}
