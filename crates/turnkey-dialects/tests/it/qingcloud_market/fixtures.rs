//! `fixtures/qingcloud-market/`: what goes over the wire, for people who integrate a marketplace.
//! Every answer is decided by the core's own rules on what went before.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use turnkey_core::decide::Outcome;
use turnkey_core::ports::{Driver, Verdict};
use turnkey_core::{Call, Fault, Intent, Listing, UtcMillis};
use turnkey_dialects::{Reply, find};
use turnkey_testkit::{ImmediateDriver, ScriptedDriver, golden, sample};

use super::{CREATE, KEY, NOON, NOON_S, listen, read, signed, signed_as_sent, with, without};
use crate::shop::Shop;

type Parameters = Vec<(&'static str, &'static str)>;

/// The id of the instance that the first create of a case makes.
const FIRST: &str = "i-00000000000000000000000001";

const RENEW: &[(&str, &str)] = &[
    ("action", "RenewInstance"),
    ("order_id", "mord-renew"),
    ("instance_id", FIRST),
    ("spec", "规格"),
    ("package", "套餐"),
    ("duration", "1_month"),
    ("debug", "0"),
];

const UPGRADE: &[(&str, &str)] = &[
    ("action", "UpgradeInstance"),
    ("order_id", "mord-upgrade"),
    ("instance_id", FIRST),
    ("spec", "solo"),
    ("package", "套餐"),
    ("duration", "1_month"),
    ("debug", "0"),
];

const EXPIRE: &[(&str, &str)] = &[
    ("action", "ExpireInstance"),
    ("instance_id", FIRST),
    ("debug", "0"),
];

const DELETE: &[(&str, &str)] = &[
    ("action", "DeleteInstance"),
    ("instance_id", FIRST),
    ("debug", "0"),
];

const TEST: &[(&str, &str)] = &[("action", "TestConnection"), ("debug", "0")];

/// How the product's driver takes the call.
#[derive(Clone, Copy)]
enum Pace {
    AtOnce,
    Slow,
    Refuses,
}

/// One section of a fixture.
struct Case {
    name: &'static str,
    why: &'static str,
    /// Calls that were answered before, at which listing.
    before: Vec<(&'static str, Parameters)>,
    pace: Pace,
    query: String,
    /// When it comes in.
    now: UtcMillis,
}

impl Case {
    fn new(name: &'static str, why: &'static str, parameters: &[(&str, &str)]) -> Self {
        Self::raw(name, why, signed(parameters, NOON_S, KEY))
    }

    fn raw(name: &'static str, why: &'static str, query: String) -> Self {
        Self {
            name,
            why,
            before: Vec::new(),
            pace: Pace::AtOnce,
            query,
            now: NOON,
        }
    }

    fn after(self, parameters: &[(&'static str, &'static str)]) -> Self {
        self.after_at("notes-market", parameters)
    }

    fn after_at(mut self, at: &'static str, parameters: &[(&'static str, &'static str)]) -> Self {
        self.before.push((at, parameters.to_vec()));
        self
    }

    fn by(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    fn at(self, now: UtcMillis) -> Self {
        Self { now, ..self }
    }
}

/// What every action has in common: it is done, checked, or refused at the door.
fn common(base: &[(&'static str, &'static str)], malformed: Case) -> Vec<Case> {
    vec![
        Case::new("done", "The driver is done at once.", base),
        Case::new(
            "dry run",
            "debug=1: everything is checked, nothing is changed.",
            &with(base, &[("debug", "1")]),
        ),
        Case::raw(
            "bad signature",
            "Signed with another key.",
            signed(base, NOON_S, "some-other-key"),
        ),
        Case::raw(
            "stale",
            "Signed 5 min and 1 s ago.",
            signed(base, NOON_S - 301, KEY),
        ),
        Case::raw(
            "future",
            "Signed 5 min and 1 s from now.",
            signed(base, NOON_S + 301, KEY),
        ),
        malformed,
    ]
}

/// The same for every action on an instance: the instance was created first.
fn on_instance(cases: Vec<Case>) -> Vec<Case> {
    let created = |case: Case| Case {
        before: [vec![("notes-market", CREATE.to_vec())], case.before].concat(),
        ..case
    };
    cases.into_iter().map(created).collect()
}

fn elsewhere(base: &[(&'static str, &'static str)]) -> Case {
    let why = "The instance was created by a listing with the same key.";
    Case::new("instance of another listing", why, base).after_at("other-market", CREATE)
}

fn unknown_plan(base: &[(&'static str, &'static str)]) -> Case {
    let why = "No offer of the listing fits; adding one and calling again helps.";
    Case::new("unknown plan", why, &with(base, &[("spec", "黄金")]))
}

const SLOW: &str = "The driver is slower than the marketplace waits. The change is on disk, and ours \
                    to finish.";

fn replay(base: &[(&'static str, &'static str)]) -> Case {
    let why = "The same call again, 20 s later, and so with another signature.";
    Case::raw("replay", why, signed(base, NOON_S + 20, KEY))
        .after(base)
        .at(UtcMillis(NOON.0 + 20_000))
}

fn creates() -> Vec<Case> {
    let malformed = with(CREATE, &[("duration", "1_fortnight")]);
    let malformed = Case::new("malformed", "No such unit.", &malformed);
    let mut cases = common(CREATE, malformed);
    cases.extend([
        replay(CREATE),
        Case::new(
            "not ready",
            "The driver is slower than the marketplace waits, and the listing says `slow = \"wait\"`.",
            CREATE,
        )
        .by(Pace::Slow),
        Case::new("refused by the driver", "A final no.", CREATE).by(Pace::Refuses),
        unknown_plan(CREATE),
        Case::new(
            "conflict",
            "The order was delivered for a year; now it says two.",
            &with(CREATE, &[("duration", "2_year")]),
        )
        .after(CREATE),
        Case::new(
            "another product",
            "Signed with the right key, for a product that this listing does not sell.",
            &with(CREATE, &[("product_code", "prod-other")]),
        ),
    ]);
    cases
}

fn orders_on(base: &'static [(&'static str, &'static str)]) -> Vec<Case> {
    let malformed = with(base, &[("duration", "0_month")]);
    let mut cases = common(
        base,
        Case::new("malformed", "Nothing is no period.", &malformed),
    );
    cases.extend([
        replay(base),
        Case::new("not ready", SLOW, base).by(Pace::Slow),
        unknown_plan(base),
        Case::new(
            "conflict",
            "The order was done for a month; now it says two.",
            &with(base, &[("duration", "2_month")]),
        )
        .after(base),
        Case::new("deleted before", "There is nothing left to change.", base).after(DELETE),
    ]);
    let mut cases = on_instance(cases);
    cases.push(elsewhere(base));
    cases
}

fn changes_of(base: &'static [(&'static str, &'static str)]) -> Vec<Case> {
    let malformed = with(base, &[("instance_id", "")]);
    let why = "An empty value is a missing one.";
    let mut cases = common(base, Case::new("malformed", why, &malformed));
    cases.extend([
        replay(base),
        Case::new("not ready", SLOW, base).by(Pace::Slow),
        Case::raw(
            "older than a renewal",
            "Signed before the renewal that overtook it: answered with success, changes nothing.",
            signed(base, NOON_S - 5, KEY),
        )
        .after(RENEW),
    ]);
    let mut cases = on_instance(cases);
    cases.push(elsewhere(base));
    cases
}

fn tests() -> Vec<Case> {
    let malformed = with(TEST, &[("debug", "yes")]);
    common(TEST, Case::new("malformed", "debug is 1 or 0.", &malformed))
}

/// What the door does, whatever the action.
fn door() -> Vec<Case> {
    let at = format!("timestamp={NOON_S}");
    let as_sent = |segments: &[&str]| {
        let segments: Vec<_> = segments.iter().map(|s| (*s).to_owned()).collect();
        signed_as_sent(&segments, KEY)
    };
    let test = "action=TestConnection";
    let unsigned = format!("{test}&{at}");
    let spelt = "package=%e5%a5%97%e9%a4%90%20~*";
    let create = with(CREATE, &[("spec", "solo"), ("package", "套餐 ~*")]);
    let create = signed(&create, NOON_S, KEY);
    let (canonical, signature) = create.split_once("&signature=").unwrap();
    let respelt = canonical.replace("package=%E5%A5%97%E9%A4%90+~%2A", spelt);
    let segments: Vec<_> = respelt.split('&').collect();
    vec![
        Case::raw(
            "own query of the notification URL, and a parameter that nobody knows",
            "Both are signed, and change nothing.",
            as_sent(&["tenant=7", test, &at, "coupon=spring"]),
        ),
        Case::raw(
            "the next key",
            "Signed with the second key of the listing.",
            signed(TEST, NOON_S, "fixture-next-key"),
        ),
        Case::raw(
            "signed as sent",
            "Lower-case hexadecimal, %20, and * as it is: signed over exactly what was sent.",
            as_sent(&segments),
        ),
        Case::raw(
            "signed as documented, sent otherwise",
            "The same call, spelt the same on the wire, but signed over the documented encoding.",
            format!("{respelt}&signature={signature}"),
        ),
        Case::raw("no signature", "", unsigned.clone()),
        Case::raw(
            "a parameter twice",
            "Which of the two counts would be a guess.",
            as_sent(&[test, "debug=0", "debug=1", &at]),
        ),
        Case::raw(
            "not percent-encoding",
            "Refused before the signature is looked at.",
            as_sent(&[test, "note=100%", &at]),
        ),
        Case::raw("not UTF-8", "", as_sent(&[test, "note=%B9%E6", &at])),
        Case::raw(
            "a time that is none",
            "Seconds are expected, not a date.",
            as_sent(&[test, "timestamp=2026-01-31"]),
        ),
        Case::new("a missing parameter", "", &without(CREATE, "qingcloud_uid")),
        Case::new(
            "an unknown action",
            "",
            &with(TEST, &[("action", "ResizeInstance")]),
        ),
    ]
}

fn listing(name: &str, pace: Pace) -> Arc<Listing> {
    let driver: Arc<dyn Driver> = match pace {
        Pace::AtOnce => Arc::new(ImmediateDriver::willing()),
        Pace::Slow => Arc::new(ScriptedDriver::willing()),
        Pace::Refuses => Arc::new(ImmediateDriver::new(|_| {
            Verdict::No("out of licences".to_owned())
        })),
    };
    let mut listing = sample::listing(driver);
    listing.name = name.to_owned();
    listing.product_code = Some("prod-yha6rswd".to_owned());
    listing.keys = vec![KEY.to_owned().into(), "fixture-next-key".to_owned().into()];
    Arc::new(listing)
}

/// Plays `case` and tells it.
fn section(case: &Case) -> String {
    let mut shop = Shop::default();
    let mut text = format!("## {}\n", case.name);
    if !case.why.is_empty() {
        writeln!(text, "# {}", case.why).unwrap();
    }
    let mut before = Vec::new();
    for (name, parameters) in &case.before {
        let listing = listing(name, Pace::AtOnce);
        let call = read(&listing, &signed(parameters, NOON_S, KEY), NOON).unwrap();
        shop.admit(&listing, call, NOON).unwrap().0.unwrap();
        before.push(format!("{} at {name}", parameters.first().unwrap().1));
    }
    if !before.is_empty() {
        writeln!(text, "# Done before: {}.", before.join(", ")).unwrap();
    }
    let listing = listing("notes-market", case.pace);
    writeln!(text, "\nGET /spi/notes-market?{} HTTP/1.1", case.query).unwrap();
    let reply = match read(&listing, &case.query, case.now) {
        Err(fault) => {
            write!(text, "\nreads as: a fault, {:?}\n", fault.kind).unwrap();
            tell_fault(&mut text, &fault);
            listen().refuse(&fault)
        }
        Ok(call) => {
            tell_call(&mut text, &call);
            let (answer, writes) = shop
                .admit(&listing, call.clone(), case.now)
                .unwrap_or_else(|fault| (Err(fault), "nothing".to_owned()));
            tell_answer(&mut text, &answer);
            line(&mut text, "writes", writes);
            match answer {
                Err(fault) => listen().refuse(&fault),
                Ok(outcome) => listen().write(&call, &outcome),
            }
        }
    };
    tell_reply(&mut text, &reply);
    text
}

fn tell_fault(text: &mut String, fault: &Fault) {
    line(text, "code", fault.code);
    line(text, "message", &fault.message);
    if let Some(note) = &fault.note {
        line(text, "operator", note);
    }
}

fn tell_call(text: &mut String, call: &Call) {
    let run = if call.dry_run { "a dry run of " } else { "" };
    write!(text, "\nreads as: {run}{}\n", call.intent.name()).unwrap();
    match &call.intent {
        Intent::Create(create) => {
            line(text, "order", &create.order.key);
            line(text, "content", format!("{:?}", create.order.content));
            line(text, "buyer", &create.buyer);
            line(text, "spec", &create.spec);
            line(text, "package", create.package.as_deref().unwrap());
            line(text, "period", create.period);
            for (name, value) in &create.context {
                line(text, "context", format!("{name} = {value}"));
            }
        }
        Intent::Renew(renew) => {
            line(text, "order", &renew.order.key);
            line(text, "content", format!("{:?}", renew.order.content));
            line(text, "instance", &renew.instance);
            line(text, "spec", &renew.spec);
            line(text, "package", renew.package.as_deref().unwrap());
            line(text, "period", renew.period);
        }
        Intent::ChangePlan(change) => {
            line(text, "order", &change.order.key);
            line(text, "content", format!("{:?}", change.order.content));
            line(text, "instance", &change.instance);
            line(text, "spec", &change.spec);
            line(text, "package", change.package.as_deref().unwrap());
            line(text, "period", change.period);
        }
        Intent::Suspend(instance, reason) | Intent::Resume(instance, reason) => {
            line(text, "instance", instance);
            line(text, "reason", reason.name());
        }
        Intent::Release(instance) => line(text, "instance", instance),
        Intent::Ping => {}
    }
    line(text, "signed at", call.signed_at.unwrap().0 / 1000);
}

fn tell_answer(text: &mut String, answer: &Result<Outcome, Fault>) {
    let told = match answer {
        Ok(Outcome::Delivered { .. }) => "delivered".to_owned(),
        Ok(Outcome::NotReady { .. }) => "not ready".to_owned(),
        Ok(Outcome::Done) => "done".to_owned(),
        Ok(Outcome::Gone) => "gone already".to_owned(),
        Err(fault) => format!("a fault, {:?}", fault.kind),
    };
    write!(text, "\nis decided as: {told}\n").unwrap();
    if let Err(fault) = answer {
        tell_fault(text, fault);
    }
}

fn tell_reply(text: &mut String, reply: &Reply) {
    let reason = match reply.status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        409 => "Conflict",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        other => panic!("no fixture is answered {other}"),
    };
    write!(text, "\nHTTP/1.1 {} {reason}\n", reply.status).unwrap();
    writeln!(text, "Content-Type: {}", reply.content_type).unwrap();
    if let Some(seconds) = reply.retry_after_s {
        writeln!(text, "Retry-After: {seconds}").unwrap();
    }
    let body = std::str::from_utf8(&reply.body).unwrap();
    write!(text, "\n{body}\n").unwrap();
}

fn line(text: &mut String, name: &str, value: impl std::fmt::Display) {
    writeln!(text, "    {name:<10}{value}").unwrap();
}

/// Compares `cases` with `fixtures/qingcloud-market/<name>.txt`.
fn check(name: &str, title: &str, cases: &[Case]) {
    let card = find("qingcloud-market").unwrap().card();
    let mut text = format!(
        "# qingcloud-market: {title}\n\
         #\n\
         # Source: {}.\n\
         # Listing notes-market, at /spi/notes-market: product_code prod-yha6rswd, sells spec 规格\n\
         # with package 套餐, and spec solo with any package. Keys (fake): {KEY}, fixture-next-key.\n\
         # It is {NOON_S}, noon of 2026-01-31 in Shanghai, unless a section says otherwise.\n",
        card.source,
    );
    for case in cases {
        write!(text, "\n\n{}", section(case)).unwrap();
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/qingcloud-market");
    golden::check(&folder.join(format!("{name}.txt")), &text);
}

#[test]
fn create() {
    check("create", "CreateInstance", &creates());
}

#[test]
fn renew() {
    let mut cases = orders_on(RENEW);
    let why = "The marketplace had isolated it: renewing brings it back.";
    let back = vec![Case::new("after it expired", why, RENEW).after(EXPIRE)];
    cases.extend(on_instance(back));
    check("renew", "RenewInstance", &cases);
}

#[test]
fn upgrade() {
    let mut cases = orders_on(UPGRADE);
    let why = "The plan that it has already: a success that changes nothing.";
    let same = with(UPGRADE, &[("spec", "规格")]);
    cases.extend(on_instance(vec![Case::new("the same plan", why, &same)]));
    check("upgrade", "UpgradeInstance", &cases);
}

#[test]
fn expire() {
    check("expire", "ExpireInstance", &changes_of(EXPIRE));
}

#[test]
fn delete() {
    check("delete", "DeleteInstance", &changes_of(DELETE));
}

#[test]
fn test() {
    check("test", "TestConnection", &tests());
}

#[test]
fn at_the_door() {
    check("door", "at the door", &door());
}
