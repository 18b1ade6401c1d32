//! What a buyer asks is what is read, and what is answered is what the buyer hears.

use std::collections::BTreeMap;

use proptest::prelude::*;
use turnkey_core::decide::Outcome;
use turnkey_core::storefront::{Comparison, InstancesLook, REGION, Test, Tested};
use turnkey_core::{
    Access, Call, Caller, ChangePlan, InstanceId, Intent, Login, Look, OrderId, OrderKey, OrderRef,
    Period, Purchase, PurchaseId, Reason, Standing, Term, Unit, UtcMillis, View,
};

use super::{bastion, listing};
use crate::door::NOON;

fn word() -> impl Strategy<Value = String> {
    "[^\\x00]{1,24}"
}

fn id() -> impl Strategy<Value = InstanceId> {
    "i-[0-9a-hjkmnp-tv-z]{26}".prop_map(InstanceId::new)
}

fn order_key() -> impl Strategy<Value = OrderKey> {
    "t-[0-9a-f]{32}".prop_map(OrderKey::new)
}

fn period() -> impl Strategy<Value = Period> {
    prop_oneof![
        (1..=9_u32, Just(Unit::Month)),
        (1..=3_u32, Just(Unit::Year))
    ]
    .prop_map(|(count, unit)| Period::new(count, unit).unwrap())
}

fn purchase() -> impl Strategy<Value = Intent> {
    (
        order_key(),
        1..=50_u32,
        period(),
        any::<bool>(),
        word(),
        proptest::option::of(word()),
    )
        .prop_map(|(key, quantity, period, renews, vpc, desc)| {
            let mut context = BTreeMap::from([
                (REGION.to_owned(), "cn-north-1".to_owned()),
                ("az".to_owned(), "cn-north-1b".to_owned()),
                ("vpcId".to_owned(), vpc),
                ("subnetId".to_owned(), "subnet-1".to_owned()),
                ("ipVersion".to_owned(), "v4".to_owned()),
            ]);
            context.extend(desc.map(|desc| ("desc".to_owned(), desc)));
            let content = turnkey_core::Digest([0; 32]);
            Intent::Buy(Purchase {
                order: OrderRef { key, content },
                spec: "basic".to_owned(),
                quantity,
                period,
                renews,
                context,
            })
        })
}

fn look() -> impl Strategy<Value = Look> {
    let by = prop::sample::select(vec![
        Comparison::Equals,
        Comparison::Differs,
        Comparison::Contains,
        Comparison::Less,
        Comparison::AtMost,
        Comparison::Greater,
        Comparison::AtLeast,
    ]);
    let values = prop::collection::vec(word(), 1..4);
    let test = (by, values).prop_map(|(by, values)| Test {
        of: Tested::Word("desc"),
        by,
        values,
    });
    let list = (
        prop::collection::vec(test, 0..3),
        any::<bool>(),
        1..50_u64,
        10..=100_u64,
    );
    prop_oneof![
        Just(Look::Caller),
        id().prop_map(Look::Instance),
        id().prop_map(Look::Detail),
        "o-[0-9a-z]{26}".prop_map(|id| Look::Order(OrderId::new(id))),
        list.prop_map(|(tests, newest_first, page, limit)| {
            Look::Instances(InstancesLook {
                tests,
                newest_first,
                skip: (page - 1) * limit,
                limit,
            })
        }),
    ]
}

fn intent() -> impl Strategy<Value = Intent> {
    let amended = prop::sample::select(vec![
        ("publicAccess", "true"),
        ("publicAccess", "false"),
        ("zeroStatus", "true"),
    ]);
    prop_oneof![
        purchase(),
        (order_key(), id(), word()).prop_map(|(key, instance, spec)| {
            let content = turnkey_core::Digest([0; 32]);
            Intent::ChangePlan(ChangePlan {
                order: OrderRef { key, content },
                instance,
                spec,
                package: None,
                period: Period::new(1, Unit::Month).unwrap(),
            })
        }),
        id().prop_map(|id| Intent::Suspend(id, Reason::Marketplace)),
        id().prop_map(|id| Intent::Resume(id, Reason::Marketplace)),
        id().prop_map(Intent::Release),
        (id(), amended).prop_map(|(id, (name, value))| {
            Intent::Amend(id, BTreeMap::from([(name.to_owned(), value.to_owned())]))
        }),
        (id(), "[^\\x00]{0,24}").prop_map(|(id, desc)| {
            Intent::Amend(id, BTreeMap::from([("desc".to_owned(), desc)]))
        }),
        look().prop_map(Intent::Look),
    ]
}

/// Everything but the digest, which is the reader's to make.
fn without_content(mut call: Call) -> Call {
    if let Intent::Buy(Purchase { order, .. }) | Intent::ChangePlan(ChangePlan { order, .. }) =
        &mut call.intent
    {
        order.content.0 = [0; 32];
    }
    call
}

fn call(intent: Intent, pays: bool) -> Call {
    // Only what is bought says whether it pays.
    let pays = pays && matches!(intent, Intent::Buy(_) | Intent::ChangePlan(_));
    Call {
        intent,
        dry_run: false,
        signed_at: Some(NOON),
        caller: Some(Caller {
            account: "sample".to_owned(),
            region: "cn-north-1".to_owned(),
            pays,
        }),
    }
}

fn view() -> impl Strategy<Value = View> {
    let standing = prop::sample::select(Standing::ALL.to_vec());
    let time = (0..4_000_000_000_i64).prop_map(|s| UtcMillis(s * 1000));
    let access = proptest::option::of((word(), word(), proptest::option::of(word())));
    (
        id(),
        word(),
        period(),
        standing,
        time.clone(),
        time,
        word(),
        any::<bool>(),
        access,
    )
        .prop_map(
            |(instance, spec, period, standing, starts_at, ends_at, desc, is_on, access)| View {
                instance,
                spec,
                period: Some(period),
                term: Term {
                    starts_at,
                    ends_at,
                    anchor_at: starts_at,
                    months: 0,
                },
                standing,
                context: BTreeMap::from([
                    (REGION.to_owned(), "cn-north-1".to_owned()),
                    ("az".to_owned(), "cn-north-1a".to_owned()),
                    ("vpcId".to_owned(), "vpc-1".to_owned()),
                    ("subnetId".to_owned(), "subnet-1".to_owned()),
                    ("desc".to_owned(), desc),
                    ("publicAccess".to_owned(), is_on.to_string()),
                ]),
                access: access.map(|(url, username, password)| Access {
                    front_end: Login {
                        url: Some(url.clone()),
                        username: Some(username),
                        password,
                    },
                    extra: BTreeMap::from([("domain".to_owned(), url)]),
                    ..Access::default()
                }),
            },
        )
}

proptest! {
    #[test]
    fn what_is_asked_is_what_is_read(intent in intent(), pays in any::<bool>(), v3 in any::<bool>()) {
        let call = call(intent, pays);
        let signing = [("signing", if v3 { "v3" } else { "v2" })];
        let sent = bastion().ask(&listing(), &call, "", &signing, NOON).unwrap();
        let read = bastion().read(&listing(), &sent, NOON).unwrap();
        prop_assert_eq!(without_content(read), call);
    }

    #[test]
    fn what_is_answered_is_what_is_heard(view in view(), total in 0..1_000_000_u64) {
        let detail = call(Intent::Look(Look::Detail(view.instance.clone())), false);
        let outcome = Outcome::Shown(Box::new(view.clone()));
        let heard = bastion().hear(&detail, &bastion().write(&detail, &outcome)).unwrap();
        prop_assert_eq!(heard, outcome);
        let list = InstancesLook { tests: Vec::new(), newest_first: true, skip: 0, limit: 20 };
        let list = call(Intent::Look(Look::Instances(list)), false);
        // A list shows addresses only, and the switch that Bastion has and Instance has not.
        let mut listed = view;
        listed.context.insert("zeroStatus".to_owned(), "false".to_owned());
        listed.access = listed.access.map(|access| Access { extra: access.extra, ..Access::default() });
        let outcome = Outcome::Listed(vec![listed], total);
        let heard = bastion().hear(&list, &bastion().write(&list, &outcome)).unwrap();
        prop_assert_eq!(heard, outcome);
    }

    #[test]
    fn what_is_ordered_is_heard(ids in prop::collection::vec("o-[0-9a-z]{26}", 1..50)) {
        let orders: Vec<_> = ids.into_iter().map(OrderId::new).collect();
        let purchase: PurchaseId = orders[0].purchase();
        let outcome = Outcome::Ordered { purchase, orders };
        let intent = Intent::Buy(Purchase {
            order: OrderRef { key: OrderKey::new("t"), content: turnkey_core::Digest([0; 32]) },
            spec: String::new(),
            quantity: 1,
            period: Period::new(1, Unit::Month).unwrap(),
            renews: false,
            context: BTreeMap::new(),
        });
        let call = call(intent, false);
        prop_assert_eq!(bastion().hear(&call, &bastion().write(&call, &outcome)).unwrap(), outcome);
    }
}
