//! `fixtures/`: what goes over the wire, for people who integrate a marketplace. Every answer is
//! decided by the core's own rules on what went before.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use turnkey_core::decide::Outcome;
use turnkey_core::ports::{Driver, Verdict};
use turnkey_core::{Call, Fault, Intent, Listing, Slow, UtcMillis};
use turnkey_dialects::{OwnedRequest, Reply};
use turnkey_testkit::{ImmediateDriver, ScriptedDriver, golden, sample};

use crate::door::{KEY, NOON, NOON_S, Parameters, door, key, with};
use crate::shop::Shop;

/// The id of the instance that the first create of a case makes.
pub(crate) const FIRST: &str = "i-00000000000000000000000001";

/// The second key of every listing.
pub(crate) const NEXT_KEY: &str = "fixture-next-key";

type Base = &'static [(&'static str, &'static str)];

/// What the fixtures of a dialect have in common.
pub(crate) struct Book {
    pub(crate) dialect: &'static str,
    /// What a reader must know, for the head of every file.
    pub(crate) about: &'static str,
    /// The listing, and one with the same key.
    pub(crate) listings: [&'static str; 2],
    /// What the listing's product is called.
    pub(crate) product_code: &'static str,
    /// Sends parameters, signed at so many seconds with that key.
    pub(crate) signed: fn(&[(&str, &str)], i64, &str) -> OwnedRequest,
    /// Parameters of a create, a renewal and a delete.
    pub(crate) create: Base,
    pub(crate) renew: Base,
    pub(crate) delete: Base,
    /// What debug makes of a call.
    pub(crate) debug: (&'static str, &'static str, (&'static str, &'static str)),
    /// The parameter that says for how long.
    pub(crate) period: &'static str,
    /// A plan that is not offered, and a product that is not sold.
    pub(crate) no_plan: (&'static str, &'static str),
    pub(crate) no_product: (&'static str, &'static str),
    /// Sections that only this dialect has, for every action.
    pub(crate) own: fn(Base) -> Vec<Case>,
}

/// How the product's driver takes the call.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    AtOnce,
    Slow,
    Held,
    Refuses,
}

/// One section of a fixture.
pub(crate) struct Case {
    name: &'static str,
    why: &'static str,
    /// Calls that were answered before, at which listing.
    before: Vec<(&'static str, Parameters)>,
    pace: Pace,
    sent: OwnedRequest,
    /// When it comes in.
    now: UtcMillis,
}

const SLOW: &str = "The driver is slower than the marketplace waits. The change is on disk, and ours \
                    to finish.";

impl Case {
    pub(crate) fn new(name: &'static str, why: &'static str, sent: OwnedRequest) -> Self {
        Self {
            name,
            why,
            before: Vec::new(),
            pace: Pace::AtOnce,
            sent,
            now: NOON,
        }
    }

    pub(crate) fn after_at(mut self, at: &'static str, parameters: &Parameters) -> Self {
        self.before.push((at, parameters.clone()));
        self
    }

    fn by(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    pub(crate) fn at(self, now: UtcMillis) -> Self {
        Self { now, ..self }
    }
}

impl Book {
    /// A call well signed at noon.
    pub(crate) fn case(
        &self,
        name: &'static str,
        why: &'static str,
        parameters: &[(&str, &str)],
    ) -> Case {
        Case::new(name, why, (self.signed)(parameters, NOON_S, KEY))
    }

    /// Another call at the listing came before `case`.
    pub(crate) fn after(&self, parameters: &Parameters, case: Case) -> Case {
        case.after_at(self.listings[0], parameters)
    }

    /// What every action has in common: it is done, checked, or refused at the door.
    pub(crate) fn common(&self, base: Base, malformed: Case) -> Vec<Case> {
        let (debug, why, parameter) = self.debug;
        let mut cases = vec![
            self.case("done", "The driver is done at once.", base),
            self.case(debug, why, &with(base, &[parameter])),
            Case::new(
                "bad signature",
                "Signed with another key.",
                (self.signed)(base, NOON_S, "some-other-key"),
            ),
            Case::new(
                "stale",
                "Signed 5 min and 1 s ago.",
                (self.signed)(base, NOON_S - 301, KEY),
            ),
            Case::new(
                "future",
                "Signed 5 min and 1 s from now.",
                (self.signed)(base, NOON_S + 301, KEY),
            ),
            malformed,
        ];
        cases.extend((self.own)(base));
        cases
    }

    /// The instance was created before each of `cases`.
    pub(crate) fn on_instance(&self, cases: Vec<Case>) -> Vec<Case> {
        let created = |case: Case| Case {
            before: [vec![(self.listings[0], self.create.to_vec())], case.before].concat(),
            ..case
        };
        cases.into_iter().map(created).collect()
    }

    fn elsewhere(&self, base: Base) -> Case {
        let why = "The instance was created by a listing with the same key.";
        self.case("instance of another listing", why, base)
            .after_at(self.listings[1], &self.create.to_vec())
    }

    fn unknown_plan(&self, base: Base) -> Case {
        let why = "No offer of the listing fits; adding one and calling again helps.";
        self.case("unknown plan", why, &with(base, &[self.no_plan]))
    }

    fn replay(&self, base: Base) -> Case {
        let why = "The same call again, 20 s later, and so with another signature.";
        let again = Case::new("replay", why, (self.signed)(base, NOON_S + 20, KEY));
        self.after(&base.to_vec(), again)
            .at(UtcMillis(NOON.0 + 20_000))
    }

    pub(crate) fn creates(&self, malformed: Case) -> Vec<Case> {
        let mut cases = self.common(self.create, malformed);
        let longer = with(self.create, &[(self.period, "2_year")]);
        let differs = "The order was delivered for a year; now it says two.";
        cases.extend([
            self.replay(self.create),
            self.case(
                "not ready",
                "The driver is slower than the marketplace waits, and the listing says `slow = \"wait\"`.",
                self.create,
            )
            .by(Pace::Slow),
            self.case(
                "held",
                "The driver is slower than the marketplace waits, and the listing says `slow = \"hold\"`:\n\
                 # the id is final, the addresses are links that show progress and then forward.",
                self.create,
            )
            .by(Pace::Held),
            self.case("refused by the driver", "A final no.", self.create).by(Pace::Refuses),
            self.unknown_plan(self.create),
            self.after(&self.create.to_vec(), self.case("conflict", differs, &longer)),
            self.case(
                "another product",
                "Signed with the right key, for a product that this listing does not sell.",
                &with(self.create, &[self.no_product]),
            ),
        ]);
        cases
    }

    /// Orders on an instance.
    pub(crate) fn orders_on(&self, base: Base) -> Vec<Case> {
        let malformed = with(base, &[(self.period, "0_month")]);
        let malformed = self.case("malformed", "Nothing is no period.", &malformed);
        let mut cases = self.common(base, malformed);
        let longer = with(base, &[(self.period, "2_month")]);
        let differs = "The order was done for a month; now it says two.";
        let deleted = "There is nothing left to change.";
        cases.extend([
            self.replay(base),
            self.case("not ready", SLOW, base).by(Pace::Slow),
            self.unknown_plan(base),
            self.after(&base.to_vec(), self.case("conflict", differs, &longer)),
            self.after(
                &self.delete.to_vec(),
                self.case("deleted before", deleted, base),
            ),
        ]);
        let mut cases = self.on_instance(cases);
        cases.push(self.elsewhere(base));
        cases
    }

    /// Changes of an instance that nobody paid for.
    pub(crate) fn changes_of(&self, base: Base) -> Vec<Case> {
        let malformed = with(base, &[("instance_id", "")]);
        let why = "An empty value is a missing one.";
        let mut cases = self.common(base, self.case("malformed", why, &malformed));
        let older = Case::new(
            "older than a renewal",
            "Signed before the renewal that overtook it: answered with success, changes nothing.",
            (self.signed)(base, NOON_S - 5, KEY),
        );
        cases.extend([
            self.replay(base),
            self.case("not ready", SLOW, base).by(Pace::Slow),
            self.after(&self.renew.to_vec(), older),
        ]);
        let mut cases = self.on_instance(cases);
        cases.push(self.elsewhere(base));
        cases
    }

    fn listing(&self, name: &str, pace: Pace) -> Arc<Listing> {
        let driver: Arc<dyn Driver> = match pace {
            Pace::AtOnce => Arc::new(ImmediateDriver::willing()),
            Pace::Slow | Pace::Held => Arc::new(ScriptedDriver::willing()),
            Pace::Refuses => Arc::new(ImmediateDriver::new(|_| {
                Verdict::No("out of licences".to_owned())
            })),
        };
        let mut listing = sample::listing(driver);
        listing.name = name.to_owned();
        if let Pace::Held = pace {
            listing.slow = Slow::Hold;
        }
        listing.product_code = Some(self.product_code.to_owned());
        listing.keys = vec![key(KEY), key(NEXT_KEY)];
        Arc::new(listing)
    }

    /// Plays `case` and tells it.
    fn section(&self, case: &Case) -> String {
        let door = door(self.dialect);
        let mut shop = Shop::default();
        let mut text = format!("## {}\n", case.name);
        if !case.why.is_empty() {
            writeln!(text, "# {}", case.why).unwrap();
        }
        let mut before = Vec::new();
        for (name, parameters) in &case.before {
            let listing = self.listing(name, Pace::AtOnce);
            let sent = (self.signed)(parameters, NOON_S, KEY);
            let call = door.read(&listing, &sent, NOON).unwrap();
            shop.admit(&listing, call, NOON).unwrap().0.unwrap();
            let (_, action) = parameters
                .iter()
                .find(|(name, _)| *name == "action")
                .unwrap();
            before.push(format!("{action} at {name}"));
        }
        if !before.is_empty() {
            writeln!(text, "# Done before: {}.", before.join(", ")).unwrap();
        }
        let listing = self.listing(self.listings[0], case.pace);
        let query = &case.sent.query;
        writeln!(text, "\nGET /spi/{}?{query} HTTP/1.1", listing.name).unwrap();
        for (name, value) in &case.sent.headers {
            writeln!(text, "{name}: {value}").unwrap();
        }
        let reply = match door.read(&listing, &case.sent, case.now) {
            Err(fault) => {
                write!(text, "\nreads as: a fault, {:?}\n", fault.kind).unwrap();
                tell_fault(&mut text, &fault);
                door.refuse(&fault)
            }
            Ok(call) => {
                tell_call(&mut text, &call);
                let (answer, writes) = shop
                    .admit(&listing, call.clone(), case.now)
                    .unwrap_or_else(|fault| (Err(fault), "nothing".to_owned()));
                tell_answer(&mut text, &answer);
                line(&mut text, "writes", writes);
                match answer {
                    Err(fault) => door.refuse(&fault),
                    Ok(outcome) => door.write(&call, &outcome),
                }
            }
        };
        tell_reply(&mut text, &reply);
        text
    }

    /// Compares `cases` with `fixtures/<dialect>/<name>.txt`.
    pub(crate) fn check(&self, name: &str, title: &str, cases: &[Case]) {
        let source = door(self.dialect).card.source;
        let (dialect, about) = (self.dialect, self.about);
        let mut text = format!("# {dialect}: {title}\n#\n# Source: {source}.\n");
        for line in about.lines() {
            writeln!(text, "# {line}").unwrap();
        }
        for case in cases {
            write!(text, "\n\n{}", self.section(case)).unwrap();
        }
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        golden::check(&fixtures.join(dialect).join(format!("{name}.txt")), &text);
    }
}

pub(crate) fn tell_fault(text: &mut String, fault: &Fault) {
    line(text, "code", fault.code);
    line(text, "message", &fault.message);
    if let Some(note) = &fault.note {
        line(text, "operator", note);
    }
}

pub(crate) fn tell_call(text: &mut String, call: &Call) {
    let run = if call.dry_run { "a dry run of " } else { "" };
    write!(text, "\nreads as: {run}{}\n", call.intent.name()).unwrap();
    let package = |text: &mut String, package: &Option<String>| {
        if let Some(package) = package {
            line(text, "package", package);
        }
    };
    match &call.intent {
        Intent::Create(create) => {
            line(text, "order", &create.order.key);
            line(text, "content", format!("{:?}", create.order.content));
            line(text, "buyer", &create.buyer);
            line(text, "spec", &create.spec);
            package(text, &create.package);
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
            package(text, &renew.package);
            line(text, "period", renew.period);
        }
        Intent::ChangePlan(change) => {
            line(text, "order", &change.order.key);
            line(text, "content", format!("{:?}", change.order.content));
            line(text, "instance", &change.instance);
            line(text, "spec", &change.spec);
            package(text, &change.package);
            line(text, "period", change.period);
        }
        Intent::Suspend(instance, reason) | Intent::Resume(instance, reason) => {
            line(text, "instance", instance);
            line(text, "reason", reason.name());
        }
        Intent::Release(instance) => line(text, "instance", instance),
        Intent::Buy(purchase) => {
            line(text, "order", &purchase.order.key);
            line(text, "content", format!("{:?}", purchase.order.content));
            line(text, "spec", &purchase.spec);
            line(text, "quantity", purchase.quantity);
            line(text, "period", purchase.period);
            line(text, "renews", purchase.renews);
            for (name, value) in &purchase.context {
                line(text, "context", format!("{name} = {value}"));
            }
        }
        Intent::Amend(instance, words) => {
            line(text, "instance", instance);
            for (name, value) in words {
                line(text, "context", format!("{name} = {value}"));
            }
        }
        Intent::Look(look) => line(text, "at", format!("{look:?}")),
        Intent::Ping => {}
    }
    if let Some(caller) = &call.caller {
        line(text, "account", &caller.account);
        line(text, "region", &caller.region);
    }
    line(text, "signed at", call.signed_at.unwrap().0 / 1000);
}

pub(crate) fn tell_answer(text: &mut String, answer: &Result<Outcome, Fault>) {
    let told = match answer {
        Ok(Outcome::Delivered { .. }) => "delivered".to_owned(),
        Ok(Outcome::NotReady { .. }) => "not ready".to_owned(),
        Ok(Outcome::Held { .. }) => "held".to_owned(),
        Ok(Outcome::Ordered { orders, .. }) => format!("ordered, {}", orders.len()),
        Ok(Outcome::Shown(_)) => "shown".to_owned(),
        Ok(Outcome::Listed(_, total)) => format!("listed, {total} in all"),
        Ok(Outcome::Done) => "done".to_owned(),
        Ok(Outcome::Gone) => "gone already".to_owned(),
        Err(fault) => format!("a fault, {:?}", fault.kind),
    };
    write!(text, "\nis decided as: {told}\n").unwrap();
    if let Err(fault) = answer {
        tell_fault(text, fault);
    }
}

pub(crate) fn tell_reply(text: &mut String, reply: &Reply) {
    let reason = match reply.status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        413 => "Content Too Large",
        414 => "URI Too Long",
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
    for (name, value) in &reply.headers {
        writeln!(text, "{name}: {value}").unwrap();
    }
    let body = std::str::from_utf8(&reply.body).unwrap();
    write!(text, "\n{body}\n").unwrap();
}

pub(crate) fn line(text: &mut String, name: &str, value: impl std::fmt::Display) {
    writeln!(text, "    {name:<10}{value}").unwrap();
}
