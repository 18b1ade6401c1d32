//! What holds for every value, not only for those that somebody thought of.

use proptest::prelude::*;
use turnkey_core::decide::Outcome;
use turnkey_core::{
    Access, Call, ChangePlan, Create, Digest, InstanceId, Intent, Login, OrderKey, OrderRef,
    Period, Reason, Renew, Unit, UtcMillis,
};
use turnkey_dialects::query::pair;

use super::{KEY, NOON, ask, at, hear, listen, listing, read, signed_as_sent};

/// Any text that a parameter may hold.
fn word() -> impl Strategy<Value = String> {
    let letter = any::<char>().prop_map(|c| if c == '\0' { 'x' } else { c });
    prop::collection::vec(letter, 1..24).prop_map(String::from_iter)
}

fn period() -> impl Strategy<Value = Period> {
    (1..=100_u32, prop::sample::select(&Unit::ALL))
        .prop_map(|(count, unit)| Period::new(count, unit).unwrap())
}

fn create() -> impl Strategy<Value = Intent> {
    (word(), word(), word(), word(), word(), period()).prop_map(
        |(key, buyer, code, spec, package, period)| {
            let content = Digest::of(&[
                ("qingcloud_uid", Some(&buyer)),
                ("product_code", Some(&code)),
                ("spec", Some(&spec)),
                ("package", Some(&package)),
                ("duration", Some(&period.to_string())),
            ]);
            Intent::Create(Create {
                order: OrderRef {
                    key: OrderKey::new(key),
                    content,
                },
                buyer,
                spec,
                package: Some(package),
                period,
                context: [("product_code".to_owned(), code)].into(),
            })
        },
    )
}

fn renew() -> impl Strategy<Value = Renew> {
    (word(), word(), word(), word(), period()).prop_map(|(key, instance, spec, package, period)| {
        let content = Digest::of(&[
            ("instance_id", Some(&instance)),
            ("spec", Some(&spec)),
            ("package", Some(&package)),
            ("duration", Some(&period.to_string())),
        ]);
        Renew {
            order: OrderRef {
                key: OrderKey::new(key),
                content,
            },
            instance: InstanceId::new(instance),
            spec,
            package: Some(package),
            period,
        }
    })
}

fn upgrade(renew: Renew) -> Intent {
    Intent::ChangePlan(ChangePlan {
        order: renew.order,
        instance: renew.instance,
        spec: renew.spec,
        package: renew.package,
        period: renew.period,
    })
}

/// Every call that the protocol can say, as `read` would say it.
fn call() -> impl Strategy<Value = Call> {
    let instance = || word().prop_map(InstanceId::new);
    let intent = prop_oneof![
        create(),
        renew().prop_map(Intent::Renew),
        renew().prop_map(upgrade),
        instance().prop_map(|id| Intent::Suspend(id, Reason::Marketplace)),
        instance().prop_map(Intent::Release),
        Just(Intent::Ping),
    ];
    (intent, any::<bool>(), 0..4_000_000_000_i64).prop_map(|(intent, dry_run, at_s)| Call {
        intent,
        dry_run,
        signed_at: Some(UtcMillis(at_s * 1000)),
    })
}

/// Every create's outcome that fits the documented answer.
fn delivered() -> impl Strategy<Value = Outcome> {
    let part = || prop::option::of(word());
    (word(), part(), part(), part(), part()).prop_map(
        |(instance, front_end, admin, username, password)| Outcome::Delivered {
            instance: InstanceId::new(instance),
            access: Access {
                front_end: Login {
                    url: front_end,
                    username,
                    password,
                },
                admin: Login {
                    url: admin,
                    ..Login::default()
                },
                ..Access::default()
            },
        },
    )
}

/// A name and a value on the wire, each byte escaped or not as the dice say.
fn spell(text: &str, dice: &[u8]) -> String {
    let mut dice = dice.iter().cycle();
    let spelt = text.bytes().map(|byte| match dice.next().unwrap() % 4 {
        0 => format!("%{byte:02x}"),
        1 => format!("%{byte:02X}"),
        2 if byte == b' ' => "+".to_owned(),
        _ if byte.is_ascii_alphanumeric() || b"-_.~*!'()/:@,;".contains(&byte) => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    spelt.collect()
}

proptest! {
    #[test]
    fn what_is_asked_is_read(call in call(), own in prop::option::of(word()), skew in -300_i64..=300) {
        let mut listing = listing();
        if let Intent::Create(create) = &call.intent {
            listing.product_code = create.context.get("product_code").cloned();
        }
        let own = own.map(|value| pair("own query", &value)).unwrap_or_default();
        let signed_at = call.signed_at.unwrap();
        let asked = ask(&listing, &call, &own, &[], signed_at).unwrap();
        prop_assert!(asked.starts_with(&own));
        let now = UtcMillis(signed_at.0 + skew * 1000);
        prop_assert_eq!(read(&listing, &asked, now), Ok(call.clone()));
        listing.product_code = None;
        let asked = ask(&listing, &call, &own, &[], signed_at).unwrap();
        prop_assert_eq!(read(&listing, &asked, now), Ok(call));
    }

    #[test]
    fn what_is_written_is_heard(outcome in delivered(), call in call()) {
        let is_create = matches!(call.intent, Intent::Create(_));
        let outcome = if is_create { outcome } else { Outcome::Done };
        let reply = listen().write(&call, &outcome);
        prop_assert_eq!(hear(&call, &reply), Ok(outcome));
    }

    #[test]
    fn any_spelling_that_is_signed_as_sent_is_read(
        call in call(),
        dice in prop::collection::vec(any::<u8>(), 1..64),
        turn in any::<prop::sample::Index>(),
    ) {
        let listing = listing();
        let now = call.signed_at.unwrap();
        let asked = ask(&listing, &call, "", &[], now).unwrap();
        let query = turnkey_dialects::query::Query::parse(&asked).unwrap();
        let names = asked.split('&').map(|segment| segment.split('=').next().unwrap());
        let mut segments: Vec<_> = names
            .filter(|name| *name != "signature")
            .map(|name| format!("{name}={}", spell(query.get(name).unwrap(), &dice)))
            .collect();
        let turn = turn.index(segments.len());
        segments.rotate_left(turn);
        prop_assert_eq!(read(&listing, &signed_as_sent(&segments, KEY), now), Ok(call));
    }

    #[test]
    fn a_changed_byte_is_refused_or_changes_nothing(
        call in call(),
        place in any::<prop::sample::Index>(),
        byte in 0..128_u8,
    ) {
        let listing = listing();
        let now = call.signed_at.unwrap();
        let mut bytes = ask(&listing, &call, "", &[], now).unwrap().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let changed = String::from_utf8(bytes.clone()).unwrap();
        if let Ok(read) = read(&listing, &changed, now) {
            prop_assert_eq!(read, call.clone());
        }
        bytes.remove(place);
        let shorter = String::from_utf8(bytes).unwrap();
        if let Ok(read) = read(&listing, &shorter, now) {
            prop_assert_eq!(read, call);
        }
    }

    #[test]
    fn no_signed_parameters_make_read_panic(
        action in prop::sample::select(&["CreateInstance", "RenewInstance", "DeleteInstance"][..]),
        extra in prop::collection::vec((prop::sample::select(&[
            "order_id", "instance_id", "spec", "package", "duration", "debug", "timestamp",
            "product_code", "qingcloud_uid", "other",
        ][..]), any::<String>()), 0..10),
    ) {
        let ping = Call { intent: Intent::Ping, dry_run: false, signed_at: None };
        let extra: Vec<_> = extra.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let extra = [&[("action", action)], extra.as_slice()].concat();
        let asked = ask(&listing(), &ping, "", &extra, at(NOON).wall).unwrap();
        if let Err(fault) = read(&listing(), &asked, NOON) {
            prop_assert!(fault.code != "signature_wrong");
            prop_assert!(fault.message.len() < 4096);
        }
    }

    #[test]
    fn no_answer_makes_hear_panic(
        call in call(),
        status in prop::sample::select(&[200_u16, 400, 503][..]),
        body in any::<Vec<u8>>(),
    ) {
        let reply = turnkey_dialects::Reply {
            status,
            content_type: "application/json".to_owned(),
            retry_after_s: None,
            body,
        };
        let _ = hear(&call, &reply);
    }
}

/// The same law over every byte of one query.
#[test]
fn every_changed_byte_of_a_query_is_refused_or_changes_nothing() {
    let (listing, now) = (listing(), NOON);
    let call = turnkey_testkit::sample::call(
        turnkey_testkit::sample::release(&InstanceId::new("i-ascggds")),
        at(NOON),
    );
    let asked = ask(&listing, &call, "tenant=7", &[], now).unwrap();
    for place in 0..asked.len() {
        for byte in 0..128_u8 {
            let mut changed = asked.clone().into_bytes();
            changed[place] = byte;
            let changed = String::from_utf8(changed).unwrap();
            if let Ok(read) = read(&listing, &changed, now) {
                assert_eq!(read, call, "{changed}");
            }
        }
    }
}
