//! Ids of events follow from what happened, and are ordered by when.

use turnkey_core::event::About;
use turnkey_core::{Event, EventId, EventKind, Now, UtcMillis};

#[test]
fn an_id_is_its_time_and_a_digest() {
    let id = |wall, once: &str| {
        Event::new(now(wall), EventKind::AccessRead, About::default(), once, "").id
    };
    assert_eq!(id(1, "a"), id(1, "a"));
    assert_ne!(id(1, "a"), id(1, "b"));
    let times = [
        i64::MIN,
        -1,
        0,
        1,
        31,
        32,
        1_769_832_000_000,
        1_769_832_000_001,
    ];
    let ids: Vec<EventId> = times.map(|wall| id(wall, "a")).into();
    assert!(ids[2..].is_sorted(), "{ids:?}");
    for (wall, id) in times.iter().zip(&ids) {
        assert!(EventId::floor(UtcMillis(*wall)) <= *id);
        let (prefix, text) = id.as_str().split_at(2);
        assert_eq!((prefix, text.len()), ("e-", 26));
        let crockford =
            |c: char| c.is_ascii_digit() || (c.is_ascii_lowercase() && !"ilou".contains(c));
        assert!(text.chars().all(crockford), "{text}");
    }
    assert!(EventId::floor(UtcMillis(2)) > ids[3]);
    // As the library spells it that makes all other ids.
    assert!(ids[6].as_str().starts_with("e-01kg93aag0"), "{}", ids[6]);
}

fn now(wall: i64) -> Now {
    Now {
        wall: UtcMillis(wall),
        business: UtcMillis(0),
    }
}
