//! Arbitrary bytes at every face: they answer and never panic, as the bytes come and behind a good
//! signature (in either form, where there are two), where the parameters are looked at.
//!
//! `fuzz/fuzz_targets/read.rs` includes this file, so that what the fuzzer runs is compiled here.

use std::sync::{Arc, LazyLock};

use secrecy::SecretString;
use turnkey_core::{Call, Intent, Listing};
use turnkey_dialects::explain::{Candidate, Case};
use turnkey_dialects::{Dialect, Reply, Request, all};
use turnkey_testkit::{ImmediateDriver, sample};

static LISTING: LazyLock<Listing> =
    LazyLock::new(|| sample::listing(Arc::new(ImmediateDriver::willing())));

static SECRET: LazyLock<SecretString> = LazyLock::new(|| "key".to_owned().into());

fn call(intent: Intent) -> Call {
    Call {
        intent,
        dry_run: false,
        signed_at: None,
        caller: None,
    }
}

/// Hands `bytes` to all that reads.
pub(crate) fn survives(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // `name=value` lines: parameters that replace those of a ping, or join them, before it is signed.
    let extra: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for dialect in all() {
        reads(*dialect, bytes, &text);
        hears(*dialect, bytes);
        reads_what_it_asks(*dialect, &extra);
    }
}

fn reads(dialect: &dyn Dialect, bytes: &[u8], text: &str) {
    let (method, path) = text.split_once(' ').unwrap_or(("GET", text));
    let authorization = [
        b"JDCLOUD2-HMAC-SHA256 Credential=AK/20260105/a/b/jdcloud2_request, SignedHeaders=host;",
        bytes,
    ]
    .concat();
    let headers = [
        ("app_signature", bytes),
        ("authorization", authorization.as_slice()),
        ("host", bytes),
        ("x-jdcloud-date", bytes),
    ];
    for (headers, query) in [
        (&headers[..1], text.to_owned()),
        (&headers[..], text.to_owned()),
        (
            &headers[1..],
            format!("{text}&timestamp=1&signature={text}"),
        ),
    ] {
        let request = Request {
            method,
            path,
            query: &query,
            headers,
            body: bytes,
        };
        if let Some(listen) = dialect.faces().listen {
            let _ = listen.read(&request, &LISTING, sample::NOON);
        }
        // A doctor takes its time: one of them is enough.
        if headers.len() > 1 && query != text {
            explains(dialect, &request);
        }
    }
}

fn explains(dialect: &dyn Dialect, request: &Request<'_>) {
    let keys = [true, false].map(|is_own| Candidate {
        label: "key",
        access_key: None,
        secret: &SECRET,
        is_own,
    });
    let case = Case {
        keys: &keys,
        product_code: Some("prod"),
        clock_skew_ms: 300_000,
        now: sample::NOON,
        at_server: true,
    };
    if let Some(doctor) = dialect.faces().explain {
        let _ = doctor.explain(request, &case);
    }
}

fn hears(dialect: &dyn Dialect, bytes: &[u8]) {
    let reply = Reply {
        status: 200,
        content_type: "application/json".to_owned(),
        retry_after_s: None,
        headers: Vec::new(),
        body: bytes.to_vec(),
    };
    if let Some(ask) = dialect.faces().ask {
        let _ = ask.hear(&call(Intent::Ping), &reply);
        let _ = ask.hear(&call(sample::create("fuzz-1")), &reply);
    }
}

fn reads_what_it_asks(dialect: &dyn Dialect, extra: &[(String, String)]) {
    let faces = dialect.faces();
    if let (Some(listen), Some(ask)) = (faces.listen, faces.ask)
        && let Ok(asked) = ask.ask(&call(Intent::Ping), &LISTING, "", extra, sample::NOON)
    {
        let headers = asked.headers.iter();
        let headers: Vec<_> = headers.map(|(n, v)| (*n, v.as_bytes())).collect();
        let request = Request {
            method: asked.method,
            path: &asked.path,
            query: &asked.query,
            headers: &headers,
            body: &asked.body,
        };
        let _ = listen.read(&request, &LISTING, sample::NOON);
        explains(dialect, &request);
    }
}
