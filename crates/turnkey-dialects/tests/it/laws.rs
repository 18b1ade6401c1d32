//! What holds for every dialect and every value, not only for those that somebody thought of.

use std::collections::BTreeMap;

use proptest::prelude::*;
use turnkey_core::decide::Outcome;
use turnkey_core::{
    Access, Call, ChangePlan, Create, Digest, InstanceId, Intent, LinkToken, LinkTokens, Login,
    OrderKey, OrderRef, Period, Reason, Renew, Unit, UtcMillis,
};
use turnkey_dialects::query::{Query, pair};
use turnkey_dialects::{OwnedRequest, Reply, all};
use turnkey_testkit::sample;

use crate::anything;
use crate::door::{Door, KEY, NOON, at, bare, door, listing, signed_as_sent};

/// A dialect's words for what every dialect says.
#[derive(Debug)]
struct Words {
    dialect: &'static str,
    buyer: &'static str,
    product: &'static str,
    package: &'static str,
    period: &'static str,
    may_lack_package: bool,
    has_dry_run: bool,
    has_sign_on: bool,
    /// What a create's context holds besides the product's code.
    context: fn() -> BoxedStrategy<BTreeMap<String, String>>,
    /// Every access that fits the documented answer.
    access: fn() -> BoxedStrategy<Access>,
    /// The ways in which it can be asked.
    settings: &'static [&'static [(&'static str, &'static str)]],
}

const WORDS: &[Words] = &[
    Words {
        dialect: "qingcloud-market",
        buyer: "qingcloud_uid",
        product: "product_code",
        package: "package",
        period: "duration",
        may_lack_package: false,
        has_dry_run: true,
        has_sign_on: false,
        context: || Just(BTreeMap::new()).boxed(),
        access: || {
            let access = |(front_end, url)| Access {
                front_end,
                admin: Login {
                    url,
                    ..Login::default()
                },
                ..Access::default()
            };
            (login(), part()).prop_map(access).boxed()
        },
        settings: &[&[], &[("signing", "as-sent")]],
    },
    Words {
        dialect: "qingcloud-appcenter",
        buyer: "user_id",
        product: "app_id",
        package: "spec_package",
        period: "period",
        may_lack_package: true,
        has_dry_run: false,
        has_sign_on: true,
        context: || {
            let context = |(host, is_debug): (String, bool)| {
                let info = serde_json::json!({ "sso_server": host });
                let debug = is_debug.then(|| ("debug".to_owned(), "true".to_owned()));
                let info = ("cloud_info".to_owned(), info.to_string());
                std::iter::once(info).chain(debug).collect()
            };
            (word(), any::<bool>()).prop_map(context).boxed()
        },
        access: || {
            let access = |(front_end, admin, auth_url)| Access {
                front_end,
                admin,
                auth_url,
                ..Access::default()
            };
            (login(), login(), part()).prop_map(access).boxed()
        },
        settings: &[
            &[],
            &[("signing", "documented")],
            &[("signing", "method-prefixed")],
            &[("signing", "as-sent")],
        ],
    },
];

impl Words {
    fn door(&self) -> Door {
        door(self.dialect)
    }

    fn package(&self) -> BoxedStrategy<Option<String>> {
        if self.may_lack_package {
            part().boxed()
        } else {
            word().prop_map(Some).boxed()
        }
    }

    fn content(
        &self,
        whom: &[(&str, &str)],
        (spec, package, period): (&str, Option<&str>, Period),
    ) -> Digest {
        let period = period.to_string();
        let whom = whom.iter().map(|(name, value)| (*name, Some(*value)));
        let bought = [
            ("spec", Some(spec)),
            (self.package, package),
            (self.period, Some(period.as_str())),
        ];
        Digest::of(&whom.chain(bought).collect::<Vec<_>>())
    }

    fn create(&'static self) -> impl Strategy<Value = Intent> {
        let values = (word(), word(), word(), word(), self.package(), period());
        (values, (self.context)()).prop_map(
            |((key, buyer, code, spec, package, period), mut context)| {
                let whom = [(self.buyer, buyer.as_str()), (self.product, code.as_str())];
                let content = self.content(&whom, (&spec, package.as_deref(), period));
                context.insert(self.product.to_owned(), code);
                Intent::Create(Create {
                    order: OrderRef {
                        key: OrderKey::new(key),
                        content,
                    },
                    buyer,
                    spec,
                    package,
                    period,
                    context,
                })
            },
        )
    }

    fn renew(&'static self) -> impl Strategy<Value = Renew> {
        (word(), word(), word(), self.package(), period()).prop_map(
            |(key, instance, spec, package, period)| {
                let whom = [("instance_id", instance.as_str())];
                let content = self.content(&whom, (&spec, package.as_deref(), period));
                Renew {
                    order: OrderRef {
                        key: OrderKey::new(key),
                        content,
                    },
                    instance: InstanceId::new(instance),
                    spec,
                    package,
                    period,
                }
            },
        )
    }

    /// Every call that the protocol can say, as `read` would say it.
    fn call(&'static self) -> impl Strategy<Value = Call> {
        let instance = || word().prop_map(InstanceId::new);
        let intent = prop_oneof![
            self.create(),
            self.renew().prop_map(Intent::Renew),
            self.renew().prop_map(upgrade),
            instance().prop_map(|id| Intent::Suspend(id, Reason::Marketplace)),
            instance().prop_map(Intent::Release),
            Just(Intent::Ping),
        ];
        (intent, any::<bool>(), 0..4_000_000_000_i64).prop_map(|(intent, dry_run, at_s)| Call {
            caller: None,
            intent,
            dry_run: dry_run && self.has_dry_run,
            signed_at: Some(UtcMillis(at_s * 1000)),
        })
    }

    fn delivered(&self) -> impl Strategy<Value = Outcome> + use<> {
        (word(), (self.access)()).prop_map(|(instance, access)| Outcome::Delivered {
            instance: InstanceId::new(instance),
            access,
        })
    }

    /// What holds the place of an instance, as far as the documented answer has room for it.
    fn held(&self) -> impl Strategy<Value = Outcome> + use<> {
        let token = || any::<[u8; 16]>().prop_map(LinkToken::new);
        let tokens =
            (token(), token(), token()).prop_map(|(front_end, admin, sign_on)| LinkTokens {
                front_end,
                admin,
                sign_on,
            });
        let has_sign_on = self.has_sign_on;
        (word(), tokens).prop_map(move |(instance, tokens)| {
            let mut links = tokens.access("https://deliver.example.com");
            links.auth_url = links.auth_url.filter(|_| has_sign_on);
            let instance = InstanceId::new(instance);
            Outcome::Held { instance, links }
        })
    }
}

/// Any text that a parameter may hold.
fn word() -> impl Strategy<Value = String> {
    let letter = any::<char>().prop_map(|c| if c == '\0' { 'x' } else { c });
    prop::collection::vec(letter, 1..24).prop_map(String::from_iter)
}

fn part() -> impl Strategy<Value = Option<String>> {
    prop::option::of(word())
}

fn login() -> impl Strategy<Value = Login> {
    (part(), part(), part()).prop_map(|(url, username, password)| Login {
        url,
        username,
        password,
    })
}

fn period() -> impl Strategy<Value = Period> {
    (1..=100_u32, prop::sample::select(&Unit::ALL))
        .prop_map(|(count, unit)| Period::new(count, unit).unwrap())
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

fn words() -> impl Strategy<Value = &'static Words> {
    prop::sample::select(WORDS.iter().collect::<Vec<_>>())
}

/// Any call of any dialect.
fn said() -> impl Strategy<Value = (&'static Words, Call)> {
    words().prop_flat_map(|words| words.call().prop_map(move |call| (words, call)))
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

#[test]
fn the_laws_are_tried_on_every_dialect_with_two_faces() {
    for dialect in all() {
        let faces = dialect.faces();
        // A storefront is called by buyers, who say other things: its laws stand beside it.
        let is_storefront = dialect.card().root.is_some();
        if faces.listen.is_some() && faces.ask.is_some() && !is_storefront {
            let name = dialect.card().name;
            assert!(WORDS.iter().any(|words| words.dialect == name), "{name}");
        }
    }
}

proptest! {
    #[test]
    fn what_is_asked_is_read(
        (words, call) in said(),
        own in part(),
        skew in -300_i64..=300,
        setting in any::<prop::sample::Index>(),
    ) {
        let door = words.door();
        let mut listing = listing();
        if let Intent::Create(create) = &call.intent {
            listing.product_code = create.context.get(words.product).cloned();
        }
        let own = own.map(|value| pair("own query", &value)).unwrap_or_default();
        let signed_at = call.signed_at.unwrap();
        let extra = words.settings[setting.index(words.settings.len())];
        let asked = door.ask(&listing, &call, &own, extra, signed_at).unwrap();
        prop_assert!(asked.query.starts_with(&own));
        let now = UtcMillis(signed_at.0 + skew * 1000);
        prop_assert_eq!(door.read(&listing, &asked, now), Ok(call.clone()));
        listing.product_code = None;
        let asked = door.ask(&listing, &call, &own, extra, signed_at).unwrap();
        prop_assert_eq!(door.read(&listing, &asked, now), Ok(call));
    }

    #[test]
    fn what_is_written_is_heard(
        ((words, call), outcome) in said().prop_flat_map(|said| {
            let outcome = prop_oneof![said.0.delivered(), said.0.held()];
            (Just(said), outcome)
        }),
    ) {
        let is_create = matches!(call.intent, Intent::Create(_));
        let outcome = if is_create { outcome } else { Outcome::Done };
        let reply = words.door().write(&call, &outcome);
        prop_assert_eq!(words.door().hear(&call, &reply), Ok(outcome));
    }

    #[test]
    fn any_spelling_that_is_signed_as_sent_is_read(
        (words, call) in said(),
        dice in prop::collection::vec(any::<u8>(), 1..64),
        turn in any::<prop::sample::Index>(),
    ) {
        let listing = listing();
        let now = call.signed_at.unwrap();
        let asked = words.door().ask(&listing, &call, "", &[], now).unwrap().query;
        let query = Query::parse(&asked).unwrap();
        let names = asked.split('&').map(|segment| segment.split('=').next().unwrap());
        let mut segments: Vec<_> = names
            .filter(|name| *name != "signature")
            .map(|name| format!("{name}={}", spell(query.get(name).unwrap(), &dice)))
            .collect();
        let turn = turn.index(segments.len());
        segments.rotate_left(turn);
        let sent = bare(signed_as_sent(&segments, KEY));
        prop_assert_eq!(words.door().read(&listing, &sent, now), Ok(call));
    }

    #[test]
    fn a_changed_byte_is_refused_or_changes_nothing(
        (words, call) in said(),
        place in any::<prop::sample::Index>(),
        byte in 0..128_u8,
    ) {
        let listing = listing();
        let now = call.signed_at.unwrap();
        let asked = words.door().ask(&listing, &call, "", &[], now).unwrap();
        let changed = |bytes: Vec<u8>| OwnedRequest {
            query: String::from_utf8(bytes).unwrap(),
            ..asked.clone()
        };
        let mut bytes = asked.query.clone().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Ok(read) = words.door().read(&listing, &changed(bytes.clone()), now) {
            prop_assert_eq!(read, call.clone());
        }
        bytes.remove(place);
        if let Ok(read) = words.door().read(&listing, &changed(bytes), now) {
            prop_assert_eq!(read, call);
        }
    }

    #[test]
    fn no_signed_parameters_make_read_panic(
        words in words(),
        action in any::<prop::sample::Index>(),
        extra in prop::collection::vec((any::<prop::sample::Index>(), any::<String>()), 0..10),
    ) {
        let door = words.door();
        let names = [
            "order_id", "instance_id", "spec", "debug", "timestamp", "time_stamp", "cloud_info",
            "other", words.buyer, words.product, words.package, words.period,
        ];
        let extra = extra.iter().map(|(name, value)| (*name.get(&names), value.as_str()));
        let action = ("action", action.get(door.card.actions).wire);
        let extra: Vec<_> = std::iter::once(action).chain(extra).collect();
        let ping = Call { intent: Intent::Ping, dry_run: false, signed_at: None, caller: None };
        let asked = door.ask(&listing(), &ping, "", &extra, NOON).unwrap();
        if let Err(fault) = door.read(&listing(), &asked, NOON) {
            prop_assert!(fault.code != "signature_wrong");
            prop_assert!(fault.message.len() < 4096);
        }
    }

    #[test]
    fn no_answer_makes_hear_panic(
        (words, call) in said(),
        status in prop::sample::select(&[200_u16, 400, 503][..]),
        body in any::<Vec<u8>>(),
    ) {
        let reply = Reply {
            status,
            content_type: "application/json".to_owned(),
            retry_after_s: None,
            headers: Vec::new(),
            body,
        };
        let _ = words.door().hear(&call, &reply);
    }
}

/// The same law over every byte of one query.
#[test]
fn every_changed_byte_of_a_query_is_refused_or_changes_nothing() {
    let (listing, now) = (listing(), NOON);
    let release = sample::release(&InstanceId::new("i-ascggds"));
    let call = sample::call(release, at(NOON));
    for words in WORDS {
        let asked = words
            .door()
            .ask(&listing, &call, "tenant=7", &[], now)
            .unwrap();
        for place in 0..asked.query.len() {
            for byte in 0..128_u8 {
                let mut changed = asked.query.clone().into_bytes();
                changed[place] = byte;
                let changed = OwnedRequest {
                    query: String::from_utf8(changed).unwrap(),
                    ..asked.clone()
                };
                if let Ok(read) = words.door().read(&listing, &changed, now) {
                    assert_eq!(read, call, "{}", changed.query);
                }
            }
        }
    }
}

/// The faces that explain try thousands of signers each.
const EXPLAINED_CASES: u32 = 12;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(EXPLAINED_CASES))]

    #[test]
    fn no_bytes_make_a_face_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        anything::survives(&bytes);
    }

    #[test]
    fn no_parameters_make_a_face_panic(text in "([a-z_]{1,9}=[ -~é]{0,9}[\n&]){0,9}") {
        anything::survives(text.as_bytes());
    }
}
