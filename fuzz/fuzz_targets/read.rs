//! Whatever the bytes, `read` and `hear` answer and never panic: as they come, and behind a good
//! signature (in either form, where there are two), where the parameters are looked at.
//!
//! `cargo +nightly fuzz run read`

#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use turnkey_core::{Call, Intent, Listing};
use turnkey_dialects::{Reply, Request, all};
use turnkey_testkit::{ImmediateDriver, sample};

static LISTING: LazyLock<Listing> =
    LazyLock::new(|| sample::listing(Arc::new(ImmediateDriver::willing())));

static CREATE: LazyLock<Call> = LazyLock::new(|| Call {
    intent: sample::create("fuzz-1"),
    dry_run: false,
    signed_at: None,
});

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let ping = Call {
        intent: Intent::Ping,
        dry_run: false,
        signed_at: None,
    };
    // `name=value` lines: parameters that replace those of a ping, or join them, before it is signed.
    let extra: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for dialect in all() {
        let faces = dialect.faces();
        if let Some(listen) = faces.listen {
            let (method, path) = text.split_once(' ').unwrap_or(("GET", &*text));
            let request = Request {
                method,
                path,
                query: &text,
                headers: &[("app_signature", bytes)],
                body: bytes,
            };
            let _ = listen.read(&request, &LISTING, sample::NOON);
        }
        if let Some(ask) = faces.ask {
            let reply = Reply {
                status: 200,
                content_type: "application/json".to_owned(),
                retry_after_s: None,
                headers: Vec::new(),
                body: bytes.to_vec(),
            };
            let _ = ask.hear(&ping, &reply);
            let _ = ask.hear(&CREATE, &reply);
        }
        if let (Some(listen), Some(ask)) = (faces.listen, faces.ask)
            && let Ok(asked) = ask.ask(&ping, &LISTING, "", &extra, sample::NOON)
        {
            let headers: Vec<_> = asked
                .headers
                .iter()
                .map(|(n, v)| (*n, v.as_bytes()))
                .collect();
            let request = Request {
                method: asked.method,
                path: &asked.path,
                query: &asked.query,
                headers: &headers,
                body: &asked.body,
            };
            let _ = listen.read(&request, &LISTING, sample::NOON);
        }
    }
});
