//! What every dialect must have, whichever it is. docs/adding-a-dialect.md lists the same.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use turnkey_core::{Call, Caller, Fault, FaultKind, Intent, Listing, Look};
use turnkey_dialects::{Dialect, ExchangeId, Overture, Request, all, find};
use turnkey_testkit::{ImmediateDriver, sample};

use crate::door::{NOON, listing};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The names in a folder, without `.rs` or `.txt`.
fn stems(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    entries.map(|entry| stem(entry.unwrap().path())).collect()
}

#[test]
fn every_file_is_one_word_in_the_registry() {
    let mut files = stems(&folder("src/dialects"));
    files.remove("mod");
    let file = |name: &str| name.replace('-', "_");
    let registered: BTreeSet<_> = all().iter().map(|d| file(d.card().name)).collect();
    assert_eq!(
        registered, files,
        "src/dialects/<name>.rs and the words in dialects! {{ }} must be the same; \
         the name on the card is the file's with - for _"
    );
    assert_eq!(registered.len(), all().len(), "a name must be unique");
}

#[test]
fn every_dialect_is_found_by_its_name() {
    for dialect in all() {
        let name = dialect.card().name;
        let found = find(name).unwrap();
        assert!(std::ptr::eq(found.card(), dialect.card()), "{name}");
    }
    assert!(find("no-such-market").is_none());
}

#[test]
fn every_card_is_filled_in() {
    for dialect in all() {
        let card = dialect.card();
        let name = card.name;
        let is_kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(!name.is_empty() && name.chars().all(is_kebab), "{name}");
        assert!(!card.title.is_empty(), "{name}");
        assert!(
            card.source.contains("checked 20"),
            "{name}: the source says when it was checked"
        );
        let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
        assert!(!card.methods.is_empty(), "{name}");
        assert!(card.methods.iter().all(|m| methods.contains(m)), "{name}");
        assert!((1..=1024 * 1024).contains(&card.body_bytes_max), "{name}");
        if let Some(root) = card.root {
            let segments = root.strip_prefix('/').unwrap_or_default().split('/');
            let is_plain = |s: &str| {
                !s.is_empty()
                    && s.chars()
                        .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
            };
            assert!(segments.into_iter().all(is_plain), "{name}: {root}");
        }
        assert!(
            card.reply_within_ms < card.time_limit_ms,
            "{name}: answer in time"
        );
        let names: BTreeSet<_> = card.actions.iter().map(|a| a.name).collect();
        let wires: BTreeSet<_> = card.actions.iter().map(|a| a.wire).collect();
        assert!(!names.is_empty(), "{name}");
        assert_eq!(
            names.len(),
            card.actions.len(),
            "{name}: one name, one action"
        );
        assert_eq!(
            wires.len(),
            card.actions.len(),
            "{name}: one wire name, one action"
        );
        assert!(
            [None, Some("product_code"), Some("app_id")].contains(&card.product_code),
            "{name}: the configuration knows no other key"
        );
        assert!(
            card.overture != Overture::Ping || names.contains("test"),
            "{name}: the overture calls the action `test`"
        );
    }
}

#[test]
fn every_action_has_a_fixture_that_names_its_source() {
    for dialect in all() {
        let card = dialect.card();
        let fixtures = folder("fixtures").join(card.name);
        let found = stems(&fixtures);
        for action in card.actions {
            assert!(
                found.contains(action.name),
                "{}: fixtures/{0}/{}.txt is missing",
                card.name,
                action.name
            );
            let path = fixtures.join(format!("{}.txt", action.name));
            let text = std::fs::read_to_string(path).unwrap();
            let line = |wanted: &str| text.lines().any(|line| line == wanted);
            assert!(
                text.contains(card.source),
                "{}: {} names its source",
                card.name,
                action.name
            );
            for section in ["done", "bad signature", "malformed"] {
                let heading = format!("## {section}");
                assert!(
                    line(&heading),
                    "{}: {} lacks {heading}",
                    card.name,
                    action.name
                );
            }
        }
    }
}

/// The call that changes nothing, and a listing that takes it: a storefront is called by a buyer.
fn greeting(dialect: &dyn Dialect) -> (Call, Listing) {
    let is_storefront = dialect.card().root.is_some();
    let caller = Caller {
        account: "other".to_owned(),
        region: "cn-north-1".to_owned(),
        pays: false,
    };
    let hello = Call {
        caller: is_storefront.then_some(caller),
        intent: match is_storefront {
            true => Intent::Look(Look::Caller),
            false => Intent::Ping,
        },
        dry_run: false,
        signed_at: Some(NOON),
    };
    let listing = match is_storefront {
        true => sample::storefront(Arc::new(ImmediateDriver::willing())),
        false => listing(),
    };
    (hello, listing)
}

#[test]
fn every_dialect_has_a_face_and_both_faces_understand_each_other() {
    for dialect in all() {
        let name = dialect.card().name;
        let (hello, listing) = greeting(*dialect);
        let faces = dialect.faces();
        assert!(
            faces.listen.is_some() || faces.ask.is_some(),
            "{name} has no face"
        );
        let (Some(listen), Some(ask)) = (faces.listen, faces.ask) else {
            continue;
        };
        let asked = ask.ask(&hello, &listing, "own=1", &[], NOON).unwrap();
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
        let call = listen.read(&request, &listing, NOON).unwrap();
        assert_eq!(call, hello, "{name}");
        for kind in FaultKind::ALL {
            let fault = Fault::new(kind, "code", "told").noted("kept back");
            let reply = listen.refuse(&fault, &ExchangeId::NONE);
            let body = String::from_utf8_lossy(&reply.body);
            assert!(
                ask.hear(&call, &reply).is_err(),
                "{name}: {kind:?} is heard as success"
            );
            assert!(
                !body.contains("kept back"),
                "{name}: {kind:?} tells the operator's note"
            );
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_read_panic(
        method in "[A-Z]{0,7}|[^\\x00]{0,9}",
        path in "(/v1)?(/[^\\x00]{0,20}){0,6}",
        query in prop::collection::vec(any::<u8>(), 0..200),
        body in any::<Vec<u8>>(),
    ) {
        let query = String::from_utf8_lossy(&query);
        let headers = [("app_signature", body.as_slice()), ("authorization", body.as_slice())];
        let request = Request { method: &method, path: &path, query: &query, headers: &headers, body: &body };
        for dialect in all() {
            if let Some(listen) = dialect.faces().listen {
                let fault = listen.read(&request, &listing(), NOON).err();
                prop_assert!(fault.is_some_and(|fault| fault.message.len() < 4096));
            }
        }
    }
}
