//! The `QingCloud` family. The signer here knows nothing of the doctor's.

use std::fmt::Write as _;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use turnkey_core::UtcMillis;
use turnkey_dialects::Request;
use turnkey_dialects::explain::{Explanation, Verdict};

use super::{Dice, KEY, assert_pairs_are_named, doctor, explained, named, with_case};

const MARKET: &str = "qingcloud-market";
const APPCENTER: &str = "qingcloud-appcenter";
const PATH: &str = "/spi/shop";
const NOW: UtcMillis = UtcMillis(1_760_000_000_000);

/// Names and values with everything in them that signers disagree about.
const PARAMETERS: &[(&str, &str)] = &[
    ("timestamp", "1760000000"),
    ("spec", "规格 a/b*c~d!(e)'f'"),
    ("action", "CreateInstance"),
    ("Zone", "pek 3"),
    ("note", ""),
    ("debug", "1"),
    ("order_id", "mord-1"),
    ("package", " team+plus "),
];

type Pairs = Vec<(String, String)>;

fn pairs(parameters: &[(&str, &str)]) -> Pairs {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    parameters.iter().map(pair).collect()
}

/// Escapes all but `A-Z a-z 0-9 - _ .` and `kept`; a space becomes `space`.
fn escaped(text: &str, kept: &str, space: &str) -> String {
    let mut coded = String::new();
    for byte in text.bytes() {
        let c = char::from(byte);
        if byte == b' ' {
            coded.push_str(space);
        } else if byte.is_ascii_alphanumeric() || "-_.".contains(c) || kept.contains(c) {
            coded.push(c);
        } else {
            write!(coded, "%{byte:02X}").unwrap();
        }
    }
    coded
}

fn form(text: &str) -> String {
    escaped(text, "~", "+")
}

fn joined(mut pairs: Pairs, spell: impl Fn(&str) -> String) -> String {
    pairs.sort();
    in_order(&pairs, spell)
}

fn in_order(pairs: &Pairs, spell: impl Fn(&str) -> String) -> String {
    let pair = |(name, value): &(String, String)| format!("{}={}", spell(name), spell(value));
    pairs.iter().map(pair).collect::<Vec<_>>().join("&")
}

fn raw(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn signed(message: &str) -> String {
    BASE64_STANDARD.encode(raw(KEY.as_bytes(), message))
}

fn keyed(key: &str) -> impl Fn(&str) -> String {
    move |message| BASE64_STANDARD.encode(raw(key.as_bytes(), message))
}

macro_rules! hmac_with {
    ($digest:ty, $message:expr) => {{
        let mut mac = Hmac::<$digest>::new_from_slice(KEY.as_bytes()).unwrap();
        mac.update($message.as_bytes());
        BASE64_STANDARD.encode(mac.finalize().into_bytes())
    }};
}

/// The query as it is sent: a space as `%20`, one `-` escaped though it need not be.
fn sent(pairs: &Pairs) -> String {
    in_order(pairs, |text| {
        escaped(text, "~", "%20").replace("mord-", "mord%2D")
    })
}

fn lower_hex(text: &str) -> String {
    let mut parts = text.split('%');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |all, part| {
        format!("{all}%{}{}", part[..2].to_lowercase(), &part[2..])
    })
}

/// What a signer sends who makes the mistake `code`, and no other.
#[expect(clippy::too_many_lines, reason = "one line a mistake")]
fn mistaken(code: &str, all: &Pairs, time: &str, other_time: &str) -> Option<String> {
    let right = joined(all.clone(), form);
    let without = |name: &str| {
        let mut kept = all.clone();
        kept.retain(|(known, _)| known != name);
        signed(&joined(kept, form))
    };
    let valued = |change: &dyn Fn(&str, &str) -> String| -> Pairs {
        let pair = |(name, value): &(String, String)| (name.clone(), change(name, value));
        all.iter().map(pair).collect()
    };
    let sorted = |by: &dyn Fn(&(String, String)) -> String| {
        let mut sorted = all.clone();
        sorted.sort_by_key(by);
        signed(&in_order(&sorted, form))
    };
    let spelt = |kept: &str, space: &str| signed(&joined(all.clone(), |t| escaped(t, kept, space)));
    let off = |s: i64| {
        let moved = valued(&|name, value| match (name == time, value) {
            (false, _) => value.to_owned(),
            (true, "1760000000") => (1_760_000_000 + s).to_string(),
            (true, _) => format!("2025-10-09T08:53:{}Z", 20 + s),
        });
        signed(&joined(moved, form))
    };
    let digest = raw(KEY.as_bytes(), &right);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(match code {
        "order_as_sent" => signed(&in_order(all, form)),
        "not_encoded" => signed(&joined(all.clone(), str::to_owned)),
        "encoded_twice" => signed(&joined(all.clone(), |text| form(&form(text)))),
        "space_as_percent20" => spelt("~", "%20"),
        "star_kept" => spelt("~*", "+"),
        "tilde_escaped" => spelt("", "+"),
        "slash_kept" => spelt("~/", "+"),
        "marks_kept" => spelt("~!'()*", "+"),
        "java_url_encoder" => spelt("*", "+"),
        "js_encode_uri_component" => spelt("~!'()*", "%20"),
        "python_quote" => spelt("~/", "%20"),
        "hex_lower" => signed(&joined(all.clone(), |text| lower_hex(&form(text)))),
        "own_spelling" => {
            let sent = sent(all);
            let mut parts: Vec<_> = sent.split('&').collect();
            parts.sort_unstable();
            signed(&parts.join("&"))
        }
        "charset_lost" => signed(&joined(
            valued(&|_, v| {
                v.chars()
                    .map(|c| if c.is_ascii() { c } else { '?' })
                    .collect()
            }),
            form,
        )),
        "values_trimmed" => signed(&joined(valued(&|_, v| v.trim().to_owned()), form)),
        "signature_included" => {
            let mut more = all.clone();
            more.push(("signature".to_owned(), String::new()));
            signed(&joined(more, form))
        }
        "empty_left_out" => without("note"),
        "debug_left_out" => without("debug"),
        "action_left_out" => without("action"),
        "time_left_out" => without(time),
        "undocumented_left_out" => {
            let mut kept = all.clone();
            kept.retain(|(name, _)| name != "Zone" && name != "note");
            signed(&joined(kept, form))
        }
        "time_in_another_form" => signed(&joined(
            valued(&|n, v| if n == time { other_time } else { v }.to_owned()),
            form,
        )),
        "base64_decoded" => signed(&joined(
            valued(&|n, v| match n {
                "spec" => String::from_utf8(BASE64_STANDARD.decode(v).unwrap()).unwrap(),
                _ => v.to_owned(),
            }),
            form,
        )),
        "plus_reencoded" => signed(&joined(valued(&|_, v| v.replace('+', " ")), form)),
        "https_url_included" => signed(&format!("https://shop.example/spi/shop?{right}")),
        "http_url_included" => signed(&format!("http://shop.example/spi/shop?{right}")),
        "key_appended" => signed(&format!("{right}&key={KEY}")),
        "key_single_quoted" => keyed(&format!("'{KEY}'"))(&right),
        "key_space_in_front" => keyed(&format!(" {KEY}"))(&right),
        "key_signed_behind" => signed(&format!("{right}{KEY}")),
        "key_signed_in_front" => signed(&format!("{KEY}{right}")),
        "key_no_break_space" => keyed(&format!("{KEY}\u{a0}"))(&right),
        "time_1_s_earlier" => off(-1),
        "time_1_s_later" => off(1),
        "time_2_s_earlier" => off(-2),
        "time_2_s_later" => off(2),
        "time_3_s_earlier" => off(-3),
        "time_3_s_later" => off(3),
        "key_bom" => keyed(&format!("\u{feff}{KEY}"))(&right),
        "plain_sha256" => BASE64_STANDARD.encode(Sha256::digest(&right)),
        "signature_cut" => signed(&right)[..20].to_owned(),
        "order_ignores_case" => sorted(&|(name, _)| name.to_lowercase()),
        "order_descending" => {
            let mut down = all.clone();
            down.sort();
            down.reverse();
            signed(&in_order(&down, form))
        }
        "order_by_value" => sorted(&|(_, value)| value.clone()),
        "joined_bare" => signed(&right.replace(['=', '&'], "")),
        "joined_values" => {
            let mut sorted = all.clone();
            sorted.sort();
            signed(
                &sorted
                    .iter()
                    .map(|(_, value)| form(value))
                    .collect::<String>(),
            )
        }
        "joined_without_ampersand" => signed(&right.replace('&', "")),
        "ampersand_at_end" => signed(&format!("{right}&")),
        "method_prefixed" => signed(&format!("GET\n{right}")),
        "method_without_break" => signed(&format!("GET{right}")),
        "method_and" => signed(&format!("GET&{right}")),
        "method_and_path" => signed(&format!("GET\n/spi/shop\n{right}")),
        "path_included" => signed(&format!("/spi/shop?{right}")),
        "question_mark_included" => signed(&format!("?{right}")),
        "message_lower_case" => signed(&right.to_lowercase()),
        "line_break_appended" => signed(&format!("{right}\n")),
        "key_line_break" => keyed(&format!("{KEY}\n"))(&right),
        "key_carriage_return" => keyed(&format!("{KEY}\r\n"))(&right),
        "key_quoted" => keyed(&format!("\"{KEY}\""))(&right),
        "key_spaced" => keyed(&format!("{KEY} "))(&right),
        "key_base64_decoded" => {
            BASE64_STANDARD.encode(raw(&BASE64_STANDARD.decode(KEY).unwrap(), &right))
        }
        "key_base64_encoded" => keyed(&BASE64_STANDARD.encode(KEY))(&right),
        "key_lower_case" => keyed(&KEY.to_lowercase())(&right),
        "key_upper_case" => keyed(&KEY.to_uppercase())(&right),
        "key_empty" => keyed("")(&right),
        "hmac_sha1" => hmac_with!(sha1::Sha1, right),
        "hmac_md5" => hmac_with!(md5::Md5, right),
        "hmac_sha512" => hmac_with!(sha2::Sha512, right),
        "key_before_message" => BASE64_STANDARD.encode(Sha256::digest(format!("{KEY}{right}"))),
        "key_behind_message" => BASE64_STANDARD.encode(Sha256::digest(format!("{right}{KEY}"))),
        "key_and_message_swapped" => BASE64_STANDARD.encode(raw(right.as_bytes(), KEY)),
        "hex_output" => hex,
        "hex_upper_output" => hex.to_uppercase(),
        "base64_of_hex" => BASE64_STANDARD.encode(hex),
        "base64url_output" => signed(&right).replace('+', "-").replace('/', "_"),
        "padding_left_out" => signed(&right).replace('=', ""),
        "base64_line_break" => format!("{}\n", signed(&right)),
        "plus_lost" => signed(&right).replace('+', " "),
        "signature_encoded_twice" => form(&signed(&right)),
        _ => return None,
    })
}

fn get(query: &str) -> Request<'_> {
    Request {
        method: "GET",
        path: PATH,
        query,
        headers: &[("host", b"shop.example")],
        body: b"",
    }
}

fn asked(dialect: &str, query: &str, keys: &[&str]) -> Explanation {
    explained(doctor(dialect), &get(query), keys, NOW)
}

/// The order id is chosen so that the right signature has both a `+` and a `/`.
fn with_both_marks(mut all: Pairs) -> Pairs {
    for n in 1.. {
        for (name, value) in &mut all {
            if name == "order_id" {
                *value = format!("mord-{n}");
            }
        }
        let signature = signed(&joined(all.clone(), form));
        if signature.contains('+') && signature.contains('/') {
            break;
        }
    }
    all
}

fn assert_each_is_named(dialect: &str, all: &Pairs, time: &str, other: &str, not: &[&str]) {
    let mistakes = doctor(dialect).mistakes();
    assert!(mistakes.len() >= 20);
    for mistake in mistakes {
        let code = mistake.code;
        if not.contains(&code) || code == "wrong_key" {
            continue;
        }
        let signature = mistaken(code, all, time, other)
            .unwrap_or_else(|| panic!("{code} has no signer in this test"));
        let query = format!("{}&signature={}", sent(all), escaped(&signature, "", "%20"));
        let said = asked(dialect, &query, &[KEY]);
        assert_eq!(named(&said), [code], "{dialect}");
        assert_eq!(said.received.as_deref(), Some(signature.as_str()), "{code}");
        assert!(said.also.is_empty(), "{code}: {:?}", said.also);
        let shown = said.cause.iter().filter_map(|cause| cause.signed.as_ref());
        assert!(!shown.clone().any(|text| text.contains(KEY)), "{code}");
        assert_ne!(said.expected, said.received, "{code}");
        let is_own = code == "own_spelling";
        let verdict = if is_own {
            Verdict::Accepted
        } else {
            Verdict::Wrong
        };
        assert_eq!(said.verdict, verdict, "{code}");
        let made = with_case(&[KEY], NOW, |case| {
            doctor(dialect).made(&get(&query), case, &[code])
        });
        assert_eq!(made, said.received, "{code}");
    }
}

#[test]
fn each_mistake_of_a_market_signer_is_named() {
    let all = with_both_marks(pairs(PARAMETERS));
    // Nothing of a market's call is in base64.
    let not = ["base64_decoded"];
    assert_each_is_named(MARKET, &all, "timestamp", "1760000000000", &not);
}

#[test]
fn each_mistake_of_an_appcenter_signer_is_named() {
    let spec = BASE64_STANDARD.encode("规格 a/b*c~d!(e)'f'");
    let all: Vec<_> = PARAMETERS
        .iter()
        .map(|(name, value)| match *name {
            "timestamp" => ("time_stamp", "2025-10-09T08:53:20Z"),
            "spec" => ("spec", spec.as_str()),
            "package" => ("user_id", " 甲 a+/b*c~d!(e)'f' "),
            _ => (*name, *value),
        })
        .collect();
    let all = with_both_marks(pairs(&all));
    // The official sample signs the method too, so that is no mistake here.
    let not = ["method_prefixed"];
    assert_each_is_named(APPCENTER, &all, "time_stamp", "1760000000", &not);
    let sample = signed(&format!("GET\n{}", joined(all.clone(), form)));
    let query = format!("{}&signature={}", sent(&all), escaped(&sample, "", "+"));
    assert_eq!(asked(APPCENTER, &query, &[KEY]).verdict, Verdict::Good);
}

#[test]
fn a_good_signature_is_good_however_the_query_is_spelt() {
    let all = pairs(PARAMETERS);
    let signature = escaped(&signed(&joined(all.clone(), form)), "", "+");
    let query = format!("{}&signature={signature}", sent(&all));
    let said = asked(MARKET, &query, &[KEY]);
    assert_eq!(said.verdict, Verdict::Good);
    assert!(said.cause.is_none() && said.also.is_empty());
    assert_eq!(said.canonical, Some(joined(all, form)));
}

#[test]
fn the_wrong_key_is_named_and_whose_it_is() {
    let all = pairs(PARAMETERS);
    let right = joined(all.clone(), form);
    for (message, codes) in [
        (right.clone(), &["wrong_key"][..]),
        (format!("{right}\n"), &["wrong_key", "line_break_appended"]),
    ] {
        let signature = escaped(&signed(&message), "", "+");
        let query = format!("{}&signature={signature}", sent(&all));
        let said = asked(MARKET, &query, &["another", KEY]);
        assert_eq!(named(&said), codes);
        assert_eq!(said.cause.unwrap().key.as_deref(), Some("second"));
        // What the right key makes is expected, not what this one does.
        let expected = BASE64_STANDARD.encode(raw(b"another", &right));
        assert_eq!(said.expected, Some(expected));
    }
}

/// The vector of the transcript.
#[test]
fn the_published_example_is_named() {
    let query = "action=CreateInstance&debug=1&duration=1_year&order_id=mord-demo0001&package=%E6%A0%87%E5%87%86%20%E5%A5%97%E9%A4%90&product_code=prod-demo&qingcloud_uid=usr-demo&spec=%E8%A7%84%E6%A0%BC&timestamp=1760000000&signature=NAjZP%2BRLbIfft%2B67GAnz2iRvx0x9BzRgDnMPtaMPKTE%3D";
    let said = explained(
        doctor(MARKET),
        &get(query),
        &["demo-prod-key"],
        UtcMillis(1_760_000_400_000),
    );
    assert_eq!(named(&said), ["space_as_percent20"]);
    let expected = "Vz34fNw2lhYOv606D6KLjOcxD5XDLWXqg/c+AIetAqA=";
    assert_eq!(said.expected.as_deref(), Some(expected));
    assert_eq!(said.verdict, Verdict::Accepted);
    assert_eq!(said.also.len(), 1);
    assert_eq!(said.also[0].code, "timestamp_stale");
}

#[test]
fn what_is_wrong_besides_is_told() {
    for (query, codes) in [
        ("action=a&action=b", &["parameter_repeated"][..]),
        ("action=%zz", &["query_malformed"]),
        ("action=a", &["parameter_missing", "signature_missing"]),
        ("timestamp=x&signature=a", &["timestamp_malformed"]),
        ("timestamp=1760009999&signature=a", &["timestamp_future"]),
    ] {
        let said = asked(MARKET, query, &[KEY]);
        let found: Vec<_> = said.also.iter().map(|finding| finding.code).collect();
        assert_eq!(found, codes, "{query}");
    }
    let query = "time_stamp=2025-10-09T08:53:20Z&signature=a";
    let request = Request {
        headers: &[("app_signature", b"b")],
        ..get(query)
    };
    let said = explained(doctor(APPCENTER), &request, &[KEY], NOW);
    assert_eq!(said.also[0].code, "signatures_differ");
}

#[test]
fn a_signature_of_another_length_says_which_digest_it_may_be() {
    for (signature, digest) in [
        ("0".repeat(32), Some("MD5 in hexadecimal")),
        ("aF".repeat(20), Some("SHA-1 in hexadecimal")),
        ("0".repeat(64), Some("SHA-256 in hexadecimal")),
        (BASE64_STANDARD.encode([7; 16]), Some("MD5 in base64")),
        (BASE64_STANDARD.encode([7; 64]), Some("SHA-512 in base64")),
        (BASE64_STANDARD.encode([7; 32]), None),
        ("x".repeat(64), None),
        ("0".repeat(33), None),
    ] {
        let query = format!("timestamp=1760000000&signature={}", form(&signature));
        let said = asked(MARKET, &query, &[KEY]);
        assert!(said.cause.is_none());
        match digest {
            Some(digest) => {
                assert_eq!(said.also[0].code, "signature_length");
                assert!(said.also[0].en.contains(digest), "{:?}", said.also);
            }
            None => assert!(said.also.is_empty(), "{signature}"),
        }
    }
}

#[test]
fn too_little_of_a_signature_is_not_called_a_part_of_it() {
    let all = pairs(PARAMETERS);
    let signature = signed(&joined(all.clone(), form));
    for (length, codes) in [(7, &[][..]), (8, &["signature_cut"])] {
        let cut = escaped(&signature[..length], "", "+");
        let query = format!("{}&signature={cut}", sent(&all));
        assert_eq!(named(&asked(MARKET, &query, &[KEY])), codes);
    }
}

/// A regression: there was said to be no signature.
#[test]
fn a_signature_in_a_query_that_cannot_be_read_is_there() {
    for (query, code) in [
        ("a=%ZZ&signature=x%2By", "query_malformed"),
        ("a=%ff%fe&signature=x%2By", "query_malformed"),
        ("a=1&a=1&signature=x%2By", "parameter_repeated"),
    ] {
        let said = asked(MARKET, query, &[KEY]);
        assert_eq!(said.verdict, Verdict::Unreadable, "{query}");
        assert_eq!(said.received.as_deref(), Some("x+y"), "{query}");
        assert_eq!(said.also[0].code, code, "{query}");
    }
    assert_eq!(asked(MARKET, "a=%ZZ", &[KEY]).verdict, Verdict::Missing);
}

#[test]
fn what_is_not_known_is_not_guessed() {
    let mut dice = Dice(0x5eed_0002);
    for _ in 0..20 {
        let bytes: Vec<u8> = (0..32)
            .map(|_| u8::try_from(dice.below(256)).unwrap())
            .collect();
        let signature = escaped(&BASE64_STANDARD.encode(bytes), "", "+");
        let query = format!("{}&signature={signature}", sent(&pairs(PARAMETERS)));
        let said = asked(MARKET, &query, &[KEY, "another"]);
        assert!(said.cause.is_none());
        let known = doctor(MARKET).mistakes().len();
        assert_eq!(said.tried.mistakes, known);
        assert_eq!(said.tried.pairs, known * (known - 1) / 2);
    }
}

/// A name or a value: letters, and what signers disagree about.
fn word(dice: &mut Dice) -> String {
    let marks = [
        "a", "B", "7", " ", "*", "~", "/", "+", "&", "规", "'", "(", "-",
    ];
    let length = dice.below(8);
    (0..length)
        .map(|_| marks[dice.below(marks.len())])
        .collect()
}

#[test]
fn pairs_of_mistakes_are_named() {
    for dialect in [MARKET, APPCENTER] {
        let doctor = doctor(dialect);
        assert_pairs_are_named(doctor, NOW, 70, |dice, sign| {
            let mut all = pairs(&[("action", "CreateInstance"), ("debug", "1")]);
            all.push(("timestamp".to_owned(), "1760000000".to_owned()));
            all.push(("time_stamp".to_owned(), "2025-10-09T08:53:20Z".to_owned()));
            for name in ["spec", "Zone", "order_id", "package"] {
                all.push((name.to_owned(), word(dice)));
            }
            let place = dice.below(all.len());
            all.rotate_left(place);
            // The doctor's own recipe needs the parameter's place, not its value.
            let sent = sent(&all);
            let signature = sign(&get(&format!("{sent}&signature=x")))?;
            let query = format!("{sent}&signature={}", escaped(&signature, "", "%20"));
            let said = explained(doctor, &get(&query), &[KEY], NOW);
            if let Some(cause) = &said.cause {
                let codes: Vec<_> = cause.mistakes.iter().map(|m| m.code).collect();
                let again = with_case(&[KEY], NOW, |case| doctor.made(&get(&query), case, &codes));
                let prefixed = dialect == APPCENTER && again.as_ref() != Some(&signature);
                assert!(prefixed || again == Some(signature), "{codes:?}");
            }
            Some(said)
        });
    }
}

#[test]
fn neither_key_nor_secret_is_printed() {
    let query = format!("{}&signature=wrong", sent(&pairs(PARAMETERS)));
    let said = asked(MARKET, &query, &[KEY]);
    let expected = said.expected.clone().unwrap();
    assert!(!said.canonical.clone().unwrap().contains(KEY));
    let printed = format!("{said:?}");
    assert!(!printed.contains(&expected) && !printed.contains(KEY));
    with_case(&[KEY], NOW, |case| {
        assert!(!format!("{:?}", case.keys).contains(KEY));
    });
}
