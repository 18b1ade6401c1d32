//! The ids that dry runs answer with.

use proptest::prelude::*;
use turnkey_core::{InstanceId, OrderKey};
use turnkey_testkit::sample;

#[test]
fn a_dry_id_stays_the_same_for_ever() {
    // Marketplaces keep these ids between their own debug calls: a new version must agree.
    let id = InstanceId::dry("notes-market", &OrderKey::new("order-1"));
    turnkey_testkit::golden::check(&crate::golden("dry_id.txt"), &format!("{id}\n"));
}

#[test]
fn a_listing_knows_only_its_own_dry_ids() {
    let id = InstanceId::dry("notes-market", &OrderKey::new("order-1"));
    assert!(id.is_dry_of("notes-market"));
    assert!(!id.is_dry_of("notes"));
    assert!(!id.is_dry_of(""));
}

#[test]
fn what_only_looks_like_a_dry_id_is_none() {
    let id = InstanceId::dry("notes-market", &OrderKey::new("order-1"));
    for forged in [
        "i-dry".to_owned(),
        format!("{id}0"),
        id.as_str().replace("i-", "I-"),
    ] {
        assert!(
            !InstanceId::new(&forged).is_dry_of("notes-market"),
            "{forged}"
        );
    }
}

proptest! {
    #[test]
    fn dry_ids_are_stable_and_never_real(listing in "\\PC{0,40}", key in "\\PC{0,80}", n in any::<u64>()) {
        let dry = InstanceId::dry(&listing, &OrderKey::new(&key));
        prop_assert_eq!(&dry, &InstanceId::dry(&listing, &OrderKey::new(&key)));
        prop_assert!(dry.is_dry_of(&listing));
        let real = sample::fresh(n).instance;
        prop_assert!(!real.is_dry_of(&listing));
        prop_assert_ne!(dry.as_str().len(), real.as_str().len());
        let word = dry.as_str().strip_prefix("i-dry").unwrap();
        prop_assert_eq!(word.len(), 26);
        prop_assert!(word.bytes().all(|b| b"0123456789abcdefghjkmnpqrstvwxyz".contains(&b)));
    }

    #[test]
    fn other_orders_have_other_dry_ids(a in "\\PC{1,20}", b in "\\PC{1,20}") {
        prop_assume!(a != b);
        let dry = |listing: &str, key: &str| InstanceId::dry(listing, &OrderKey::new(key));
        prop_assert_ne!(dry("shop", &a), dry("shop", &b));
        prop_assert_ne!(dry(&a, "key"), dry(&b, "key"));
        prop_assert_ne!(dry(&a, &b), dry(&format!("{a}{b}"), ""));
    }
}
