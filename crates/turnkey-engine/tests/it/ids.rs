//! Ids: time-ordered, one after the other, never the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use turnkey_core::UtcMillis;
use turnkey_core::ports::FreshIds;
use turnkey_engine::Ids;
use turnkey_testkit::sample;

const CROCKFORD: &str = "0123456789abcdefghjkmnpqrstvwxyz";

/// The 26 characters of each id, in the order in which they were made.
fn texts(fresh: &FreshIds) -> [String; 2] {
    let text = |id: &str, prefix: &str| {
        let text = id.strip_prefix(prefix).expect("an id says what it names");
        assert_eq!(text.len(), 26, "{id}");
        assert!(text.chars().all(|c| CROCKFORD.contains(c)), "{id}");
        text.to_owned()
    };
    let order = text(fresh.order.as_str(), "o-");
    assert_eq!(text(fresh.instance.as_str(), "i-"), order);
    [order, text(fresh.operation.as_str(), "op-")]
}

#[test]
fn ids_grow() {
    let ids = Ids::default();
    let mut last = String::new();
    // Within a millisecond, over many, and when the wall clock was set back.
    let walls = [0, 0, 1, 1, 2, 86_400_000, 86_400_000, 5, 5, 86_399_999];
    for wall in walls.map(|ms| sample::NOON.plus_ms(ms)) {
        for text in (0..100).flat_map(|_| texts(&ids.fresh(wall))) {
            assert!(text > last, "{text} comes after {last}");
            last = text;
        }
    }
}

#[test]
fn ids_begin_with_their_time() {
    let ids = Ids::default();
    let earlier = texts(&ids.fresh(sample::NOON));
    // Another process, a moment later, knows nothing of the first one's ids.
    let later = texts(&Ids::default().fresh(sample::NOON.plus_ms(1)));
    assert!(earlier[1] < later[0]);
    assert_eq!(earlier[0][..10], earlier[1][..10]);
}

#[test]
fn ids_are_made_at_any_time() {
    let ids = Ids::default();
    texts(&ids.fresh(UtcMillis(-1)));
    texts(&ids.fresh(UtcMillis(0)));
}

#[test]
fn no_two_threads_get_the_same() {
    let ids = Arc::new(Ids::default());
    let make = || {
        let ids = Arc::clone(&ids);
        std::thread::spawn(move || -> Vec<String> {
            let fresh = (0..2_000).flat_map(|_| texts(&ids.fresh(sample::NOON)));
            fresh.collect()
        })
    };
    let threads: Vec<_> = (0..4).map(|_| make()).collect();
    let mut all = BTreeSet::new();
    for thread in threads {
        let own = thread.join().unwrap();
        assert!(own.is_sorted());
        all.extend(own);
    }
    assert_eq!(all.len(), 4 * 2_000 * 2);
}
