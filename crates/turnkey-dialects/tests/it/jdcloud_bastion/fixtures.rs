//! `fixtures/jdcloud-bastion/`.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use turnkey_core::UtcMillis;
use turnkey_testkit::golden;

use super::{Asked, CREATE, asked, bastion, create_with, listing};
use crate::door::NOON;
use crate::fixture::{line, tell_answer, tell_call, tell_fault, tell_reply};
use crate::shop::Shop;

/// The instance that the first purchase makes, and its order, as this API spells them.
const ID: &str = "i-00000000000000000000000101";
const BID: &str = "b-00000000000000000000000101";
const ORDER: &str = "o-00000000000000000000000101";

const ABOUT: &str = "\
Account sample: access key sample-ak, secret sample-sk (fake). Host bastion.example.test.
Specs basic < standard < premium; regions cn-north-1 and cn-south-1, zones a and b of each.
It is 2026-01-31T04:00:00Z, noon in Shanghai, unless a section says otherwise.";

struct Case {
    name: &'static str,
    why: &'static str,
    /// What was asked before.
    before: Vec<Asked>,
    asked: Asked,
    secret: Option<&'static str>,
    now: UtcMillis,
}

fn case(name: &'static str, why: &'static str, asked: Asked) -> Case {
    Case {
        name,
        why,
        before: Vec::new(),
        asked,
        secret: None,
        now: NOON,
    }
}

impl Case {
    fn after(self, before: &[Asked]) -> Self {
        let before = before.to_vec();
        Self { before, ..self }
    }

    fn told(&self) -> String {
        let listing = Arc::new(listing());
        let mut shop = Shop::default();
        let mut text = format!("## {}\n", self.name);
        if !self.why.is_empty() {
            writeln!(text, "# {}", self.why).unwrap();
        }
        let mut done = Vec::new();
        for asked in &self.before {
            let call = bastion().read(&listing, &asked.signed(NOON), NOON).unwrap();
            shop.admit(&listing, call, NOON).unwrap().0.unwrap();
            done.push(format!("{} {}", asked.method, asked.target));
        }
        if !done.is_empty() {
            writeln!(text, "# Done before: {}.", done.join(", ")).unwrap();
        }
        let sent = match self.secret {
            Some(secret) => self.asked.signed_with(secret, NOON),
            None => self.asked.signed(NOON),
        };
        let target = &self.asked.target;
        writeln!(text, "\n{} {target} HTTP/1.1", self.asked.method).unwrap();
        for (name, value) in &sent.headers {
            writeln!(text, "{name}: {value}").unwrap();
        }
        if !self.asked.body.is_empty() {
            writeln!(text, "\n{}", self.asked.body).unwrap();
        }
        let reply = match bastion().read(&listing, &sent, self.now) {
            Err(fault) => {
                write!(text, "\nreads as: a fault, {:?}\n", fault.kind).unwrap();
                tell_fault(&mut text, &fault);
                bastion().refuse(&fault)
            }
            Ok(call) => {
                tell_call(&mut text, &call);
                let (answer, writes) = shop
                    .admit(&listing, call.clone(), self.now)
                    .unwrap_or_else(|fault| (Err(fault), "nothing".to_owned()));
                tell_answer(&mut text, &answer);
                line(&mut text, "writes", writes);
                match answer {
                    Err(fault) => bastion().refuse(&fault),
                    Ok(outcome) => bastion().write(&call, &outcome),
                }
            }
        };
        tell_reply(&mut text, &reply);
        text
    }
}

/// What every operation has, and what only this one has.
fn check(
    name: &str,
    title: &str,
    asked: &Asked,
    before: &[Asked],
    malformed: Case,
    own: Vec<Case>,
) {
    let mut cases = vec![
        case("done", "", asked.clone()).after(before),
        Case {
            secret: Some("some-other-sk"),
            ..case(
                "bad signature",
                "Signed with another secret.",
                asked.clone(),
            )
        },
        malformed,
    ];
    cases.extend(own);
    check_all(name, title, &cases);
}

fn check_all(name: &str, title: &str, cases: &[Case]) {
    let source = bastion().card.source;
    let mut text = format!("# jdcloud-bastion: {title}\n#\n# Source: {source}.\n");
    for line in ABOUT.lines() {
        writeln!(text, "# {line}").unwrap();
    }
    for case in cases {
        write!(text, "\n\n{}", case.told()).unwrap();
    }
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/jdcloud-bastion");
    golden::check(&fixtures.join(format!("{name}.txt")), &text);
}

fn bought() -> Asked {
    asked("POST", "instances", CREATE)
}

fn expired() -> Asked {
    asked(
        "POST",
        &format!("instances/{ID}:modifyInstanceExpireOrStart"),
        r#"{"status":13}"#,
    )
}

fn unknown(asked: &Asked) -> Case {
    case(
        "unknown",
        "There is no such bastion, or not for this account.",
        asked.clone(),
    )
}

fn elsewhere(asked: &Asked) -> Case {
    let target = asked.target.replace("cn-north-1", "cn-south-1");
    let why = "A bastion is known in its own region only.";
    case("another region", why, asked.clone().at(&target)).after(&[bought()])
}

#[test]
fn create() {
    let five = create_with(r#""quantity":1"#, r#""quantity":5"#);
    let node = r#"{"instanceSpec":{"az":"cn-north-1b","vpcId":"vpc-1","subnetId":"subnet-1","spec":"basic","quantity":1,"ipVersion":"v4"}}"#;
    let seed = r#"{"chargeMode":"MONTHLY","chargeUnit":"YEAR","chargeDuration":3,"autoRenew":true,"autoPay":true,"buyScenario":"eyJhY3Rpdml0eSI6eyJhY3Rpdml0eVR5cGUiOjEsImFjdGl2aXR5SWRlbnRpZmllciI6ImEtMSJ9fQ=="}"#;
    let charge = r#"{"chargeMode":"prepaid_by_duration","chargeUnit":"month","chargeDuration":1}"#;
    let malformed = |name, why, old, new| case(name, why, create_with(old, new));
    check(
        "create",
        "createInstance",
        &bought(),
        &[],
        malformed(
            "malformed",
            "A number in quotes is none.",
            r#""quantity":1"#,
            r#""quantity":"1""#,
        ),
        vec![
            case(
                "five at once",
                "One purchase, five orders, five instances.",
                five,
            ),
            case(
                "as the seed spells it",
                "The other vocabulary of chargeSpec.",
                create_with(charge, seed),
            ),
            case(
                "as Node spells it",
                "No regionId, no chargeSpec: one month.",
                asked("POST", "instances", node),
            ),
            case(
                "nulls",
                "As absent: Python and Go send them.",
                create_with(
                    &format!(r#","desc":"堡垒机"}},"chargeSpec":{charge}"#),
                    r#","desc":null},"chargeSpec":null"#,
                ),
            ),
            case("repeated", "The same signed request again.", bought()).after(&[bought()]),
            case(
                "bought again",
                "The same purchase with another nonce is another one.",
                bought().nonce("22222222-2222-4333-8444-555555555555"),
            )
            .after(&[bought()]),
            case(
                "repeated with a token",
                "Another nonce, the same token.",
                bought()
                    .nonce("33333333-2222-4333-8444-555555555555")
                    .with("x-turnkey-purchase-token", "basket-7"),
            )
            .after(&[bought().with("x-turnkey-purchase-token", "basket-7")]),
            case(
                "conflict",
                "The same token with other content.",
                create_with(r#""spec":"standard""#, r#""spec":"premium""#)
                    .with("x-turnkey-purchase-token", "basket-7"),
            )
            .after(&[bought().with("x-turnkey-purchase-token", "basket-7")]),
            malformed("a missing parameter", "", r#""vpcId":"vpc-1","#, ""),
            malformed("an unknown zone", "", "cn-north-1a", "cn-south-1a"),
            malformed(
                "an unknown spec",
                "",
                r#""spec":"standard""#,
                r#""spec":"gold""#,
            ),
            malformed("an unknown ipVersion", "", "v4&v6", "v6"),
            malformed(
                "ten months",
                "One to nine are sold.",
                r#""chargeDuration":1"#,
                r#""chargeDuration":10"#,
            ),
            malformed(
                "postpaid",
                "Only prepaid is sold.",
                "prepaid_by_duration",
                "postpaid_by_usage",
            ),
            malformed("none at all", "", r#""quantity":1"#, r#""quantity":0"#),
            malformed("too many", "", r#""quantity":1"#, r#""quantity":51"#),
            malformed(
                "a scenario without its identifier",
                "buyScenario is base64 of {\"activity\":{\"activityType\":1}}.",
                r#""chargeDuration":1"#,
                r#""chargeDuration":1,"buyScenario":"eyJhY3Rpdml0eSI6eyJhY3Rpdml0eVR5cGUiOjF9fQ==""#,
            ),
            case(
                "no JSON",
                "",
                asked("POST", "instances", "{\"instanceSpec\":"),
            ),
        ],
    );
}

#[test]
fn source() {
    let asked_for = asked("GET", &format!("order/{ORDER}"), "");
    let node = asked("GET", &format!("order/%7BsourceId%7D?sourceId={ORDER}"), "");
    check(
        "source",
        "describeSourceId",
        &asked_for,
        &[bought()],
        case(
            "malformed",
            "An unfilled placeholder, and nothing in the query.",
            asked("GET", "order/%7BsourceId%7D", ""),
        ),
        vec![
            case("as Node spells it", "It never fills the placeholder.", node).after(&[bought()]),
            unknown(&asked_for),
            case("of another account", "", asked_for.clone().by("other")).after(&[bought()]),
        ],
    );
}

#[test]
fn list() {
    let second = create_with("堡垒机", "two").nonce("22222222-2222-4333-8444-555555555555");
    let both = [bought(), second];
    let filtered = format!(
        "bastions?pageNumber=1&pageSize=20&filters.1.name=bid&filters.1.operator=in&filters.1.values.1={BID}&filters.1.values.2=b-none&filters.2.name=name&filters.2.values.1=%E5%A0%A1%E5%9E%92%E6%9C%BA&sorts.1.name=createTime&sorts.1.direction=desc"
    );
    let asked_for = asked("GET", "bastions", "");
    let refused = |name, why, rest| case(name, why, asked("GET", rest, ""));
    check(
        "list",
        "describeBastions",
        &asked_for,
        &both,
        refused("malformed", "", "bastions?pageNumber=one"),
        vec![
            case(
                "filtered",
                "Filters are ANDed, the values of one are ORed.",
                asked("GET", &filtered, ""),
            )
            .after(&both),
            case(
                "oldest first",
                "",
                asked(
                    "GET",
                    "bastions?sorts.1.name=createTime&sorts.1.direction=asc",
                    "",
                ),
            )
            .after(&both),
            case(
                "beyond the last page",
                "An empty list with the real total.",
                asked("GET", "bastions?pageNumber=7", ""),
            )
            .after(&both),
            case("of another account", "", asked_for.clone().by("other")).after(&both),
            refused("a page that is too large", "", "bastions?pageSize=101"),
            refused(
                "a filter that nobody knows",
                "",
                "bastions?filters.1.name=color&filters.1.values.1=red",
            ),
            refused(
                "no describeInstances",
                "The list is called bastions.",
                "instances",
            ),
        ],
    );
}

/// Operations that name one bastion and have no body.
fn by_id(name: &str, title: &str, asked_for: &Asked, malformed: Case) {
    let own = vec![unknown(asked_for), elsewhere(asked_for)];
    check(name, title, asked_for, &[bought()], malformed, own);
}

#[test]
fn bastion_and_instance() {
    let malformed = |rest| {
        case(
            "malformed",
            "There is no such path.",
            asked("GET", rest, ""),
        )
    };
    by_id(
        "bastion",
        "describeBastion",
        &asked("GET", &format!("bastion/{BID}"), ""),
        malformed("bastion"),
    );
    let instance = asked("GET", &format!("instance/{ID}?instanceId={ID}"), "");
    by_id(
        "instance",
        "describeInstance",
        &instance,
        malformed("instance"),
    );
}

#[test]
fn desc() {
    let path = format!("bastion/{BID}");
    let asked_for = asked("PATCH", &path, r#"{"desc":"\u63cf\u8ff0 <a> & b\/c"}"#);
    let malformed =
        case("malformed", "", asked("PATCH", &path, r#"{"desc":7}"#)).after(&[bought()]);
    by_id("desc", "updateBastionDesc", &asked_for, malformed);
}

#[test]
fn resize() {
    let path = format!("instances/{ID}:modifyInstanceSpec");
    let to = |spec: &str| {
        asked(
            "POST",
            &path,
            &format!(r#"{{"spec":"{spec}","autoPay":null}}"#),
        )
    };
    let coded = asked(
        "POST",
        &format!("instances/{ID}%3AmodifyInstanceSpec"),
        r#"{"spec":"premium"}"#,
    );
    let asked_for = to("premium");
    check(
        "resize",
        "modifyInstanceSpec",
        &asked_for,
        &[bought()],
        case("malformed", "", asked("POST", &path, "{}")).after(&[bought()]),
        vec![
            case(
                "the other spelling of the colon",
                "As Go and Node send it.",
                coded,
            )
            .after(&[bought()]),
            case(
                "repeated",
                "The same signed request again.",
                asked_for.clone(),
            )
            .after(&[bought(), asked_for.clone()]),
            case("a smaller one", "Only upgrades are sold.", to("basic")).after(&[bought()]),
            case("an unknown spec", "", to("gold")).after(&[bought()]),
            case("after it expired", "", asked_for.clone()).after(&[bought(), expired()]),
            unknown(&asked_for),
            elsewhere(&asked_for),
        ],
    );
}

#[test]
fn expire_or_start() {
    let path = format!("instances/{ID}:modifyInstanceExpireOrStart");
    let start = asked(
        "POST",
        &path,
        r#"{"regionId":"cn-north-1","instanceId":"x","status":1}"#,
    );
    check(
        "expire-or-start",
        "modifyInstanceExpireOrStart",
        &expired(),
        &[bought()],
        case("malformed", "", asked("POST", &path, r#"{"status":"13"}"#)).after(&[bought()]),
        vec![
            case(
                "start",
                "What the body repeats of the path does not count.",
                start.clone(),
            )
            .after(&[bought(), expired()]),
            case(
                "expired already",
                "Success, and nothing is done.",
                expired(),
            )
            .after(&[bought(), expired()]),
            case(
                "another number",
                "",
                asked("POST", &path, r#"{"status":2}"#),
            )
            .after(&[bought()]),
            case(
                "by its bid",
                "Either id is taken.",
                expired().at(&expired().target.replace(ID, BID)),
            )
            .after(&[bought()]),
            unknown(&start),
        ],
    );
}

#[test]
fn switches() {
    let public = asked(
        "PATCH",
        &format!("instance/{ID}/publicAccess"),
        r#"{"status":false}"#,
    );
    let zero = asked("POST", &format!("instance/{ID}/zero"), r#"{"status":true}"#);
    for (name, title, asked_for) in [
        ("public-access", "setInstancePublicAccess", public),
        ("zero", "setInstanceZeroEnable", zero),
    ] {
        let wrong = Asked {
            body: r#"{"status":1}"#.to_owned(),
            ..asked_for.clone()
        };
        let why = "A boolean, unlike the status that expires.";
        by_id(
            name,
            title,
            &asked_for,
            case("malformed", why, wrong).after(&[bought()]),
        );
    }
}

#[test]
fn delete() {
    let asked_for = asked("DELETE", &format!("instance/{ID}"), "");
    let gone = [bought(), expired(), asked_for.clone()];
    check(
        "delete",
        "deleteInstance",
        &asked_for,
        &[bought(), expired()],
        case(
            "malformed",
            "There is no such path.",
            asked("DELETE", "instance", ""),
        ),
        vec![
            case(
                "before it expired",
                "What is prepaid is paid for.",
                asked_for.clone(),
            )
            .after(&[bought()]),
            case("deleted already", "", asked_for.clone()).after(&gone),
            unknown(&asked_for),
            elsewhere(&asked_for),
        ],
    );
}

#[test]
fn pins_and_sign() {
    let pins = asked("GET", "pins?filters.1.name=valid&filters.1.values.1=1", "");
    let malformed = case(
        "malformed",
        "",
        asked("GET", "pins?filters.1.name=color&filters.1.values.1=1", ""),
    );
    check("pins", "describePins", &pins, &[], malformed, Vec::new());
    let sign = asked("GET", &format!("sign?bastionId={BID}"), "");
    let malformed = case("malformed", "", asked("GET", "sign", ""));
    check(
        "sign",
        "describeSign",
        &sign,
        &[bought()],
        malformed,
        vec![unknown(&asked("GET", "sign?bastionId=b-none", ""))],
    );
}
