//! Answers that hold the place of an instance, and what their links show, as a document.

use turnkey_core::decide::{self, Account, Outcome, Shows};
use turnkey_core::ports::{Reveal, Verdict};
use turnkey_core::{AlarmKind, InstanceId, LinkPart, LinkToken};
use turnkey_testkit::{golden, sample};

use crate::tables::render;
use crate::world::World;

const DAY_MS: u64 = 86_400_000;

type Reach = fn(&mut World, &InstanceId);

/// What can become of a held create, in the order in which it is told.
const STORIES: [(&str, Reach); 10] = [
    ("the driver is at work", |_, _| {}),
    ("the driver says not yet", |world, _| {
        world.run(Some(&Verdict::NotYet(None)));
    }),
    ("given up", |world, _| give_up(world)),
    ("given up, then taken up again", |world, id| {
        give_up(world);
        reopen(world, id);
    }),
    ("refused", |world, _| {
        world.run(Some(&Verdict::No("sold out".to_owned())));
    }),
    ("refused, then taken up again", |world, id| {
        world.run(Some(&Verdict::No("sold out".to_owned())));
        reopen(world, id);
    }),
    ("delivered", |world, _| {
        world.run(None);
    }),
    ("suspended after delivery", |world, id| {
        world.run(None);
        world.call(sample::suspend(id)).unwrap();
    }),
    ("to be removed", |world, id| {
        world.run(None);
        world.call(sample::release(id)).unwrap();
    }),
    ("removed", |world, id| {
        world.run(None);
        world.call(sample::release(id)).unwrap();
        world.run(None);
    }),
];

fn give_up(world: &mut World) {
    world.run(Some(&Verdict::NotYet(None)));
    world.advance(25 * 3_600_000);
    world.run(Some(&Verdict::Retry("down".to_owned())));
}

fn reopen(world: &mut World, id: &InstanceId) {
    let operation = world.instances[id].order.operation();
    world.reopen(&operation).unwrap();
}

fn bought(world: &mut World) -> InstanceId {
    world.call(sample::create("k")).unwrap();
    world.instances.keys().next().unwrap().clone()
}

fn links(outcome: &Outcome) -> &turnkey_core::Access {
    let Outcome::Held { links, .. } = outcome else {
        panic!("it is not held but {outcome:?}");
    };
    links
}

#[test]
fn every_state_is_answered_and_shown() {
    let head = [
        "what happened",
        "a repeat is answered",
        "its link shows",
        "alarm",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for (story, reach) in STORIES {
        let mut world = World::driven();
        let id = bought(&mut world);
        let first = world.hold(&id, 1).unwrap();
        reach(&mut world, &id);
        let again = match world.hold(&id, 2) {
            Ok(again) if again == first => "the same links".to_owned(),
            Ok(Outcome::Delivered { .. }) => "delivered".to_owned(),
            Ok(other) => panic!("{story}: {other:?}"),
            Err(fault) => format!("{:?}: {}", fault.kind, fault.code),
        };
        let linked = world.linked(&id, LinkPart::FrontEnd);
        let shown = match decide::shows(&linked, world.now.wall, DAY_MS) {
            Shows::Progress => "progress",
            Shows::NeedsPerson => "that the vendor must act",
            Shows::Ready {
                target: Some(_), ..
            } => "forwards",
            Shows::Ready { target: None, .. } => "that there is no such address",
            Shows::Gone => "that it is gone",
        };
        let alarms: Vec<_> = world.alarms.iter().map(|(kind, _)| kind.name()).collect();
        rows.push(vec![
            story.to_owned(),
            again,
            shown.to_owned(),
            alarms.join(", "),
        ]);
    }
    let text = format!(
        "A create was answered with holding links. Then this happened:\n\n{}",
        render(&rows)
    );
    golden::check(&crate::golden("holding_links.txt"), &text);
}

#[test]
fn what_came_meanwhile_is_the_answer() {
    let mut world = World::driven();
    let id = bought(&mut world);
    world.run(None);
    assert!(matches!(world.hold(&id, 1), Ok(Outcome::Delivered { .. })));
    assert!(world.links.is_empty());

    let mut world = World::driven();
    let id = bought(&mut world);
    world.run(Some(&Verdict::No("sold out".to_owned())));
    assert_eq!(world.hold(&id, 1).unwrap_err().message, "sold out");
    assert!(world.links.is_empty());
}

#[test]
fn what_waits_for_a_person_is_not_promised() {
    let mut world = World::driven();
    let id = bought(&mut world);
    give_up(&mut world);
    assert_eq!(
        world.hold(&id, 1),
        Ok(Outcome::NotReady {
            instance: id.clone()
        })
    );
    assert!(world.links.is_empty());
    assert!(world.alarms.is_empty(), "nothing was promised");
}

#[test]
fn each_url_is_a_link_of_its_own_and_no_account_is_there() {
    let mut world = World::driven();
    let id = bought(&mut world);
    let outcome = world.hold(&id, 7).unwrap();
    let access = links(&outcome);
    let tokens: Vec<LinkToken> = LinkPart::ALL
        .iter()
        .map(|part| LinkToken::in_url(part.url(access).unwrap()).unwrap())
        .collect();
    assert!(tokens[0] != tokens[1] && tokens[1] != tokens[2] && tokens[0] != tokens[2]);
    assert!(
        LinkPart::ALL
            .iter()
            .all(|part| part.account(access).is_none())
    );
    assert!(
        format!("{outcome:?} {:?}", world.links)
            .find("0701")
            .is_none()
    );
}

#[test]
fn an_account_is_shown_for_its_time_and_no_longer() {
    let mut world = World::driven();
    let id = bought(&mut world);
    world.hold(&id, 1).unwrap();
    world.run(Some(&Verdict::Done(Some(turnkey_core::Access {
        front_end: turnkey_core::Login {
            url: Some("https://saas.example/".to_owned()),
            username: Some("root".to_owned()),
            password: Some("secret".to_owned()),
        },
        ..turnkey_core::Access::default()
    }))));
    let ask = |world: &World, part| {
        let linked = world.linked(&id, part);
        let reveal = Reveal {
            link: linked.link.hash,
            now: world.now,
            reveal_for_ms: DAY_MS,
        };
        let revealed = decide::reveal(&reveal, &linked);
        let shown = decide::shows(&linked, world.now.wall, DAY_MS);
        let Shows::Ready { account, .. } = shown else {
            panic!("{shown:?}")
        };
        (revealed.map(|(_, login)| login.password.unwrap()), account)
    };
    let until = world.now.wall.plus_ms(DAY_MS);
    let secret = Some("secret".to_owned());
    assert_eq!(
        ask(&world, LinkPart::FrontEnd),
        (secret.clone(), Account::Until(until))
    );
    assert_eq!(ask(&world, LinkPart::Admin), (None, Account::None));
    assert_eq!(ask(&world, LinkPart::SignOn), (None, Account::None));
    world.advance(DAY_MS - 1);
    assert_eq!(ask(&world, LinkPart::FrontEnd).0, secret);
    world.advance(1);
    assert_eq!(ask(&world, LinkPart::FrontEnd), (None, Account::Over));
}

#[test]
fn a_failure_after_a_hold_is_an_alarm_until_a_person_sees_to_it() {
    let mut world = World::driven();
    let id = bought(&mut world);
    world.hold(&id, 1).unwrap();
    give_up(&mut world);
    let alarm = (AlarmKind::DeliveredInNameOnly, id.as_str().to_owned());
    assert!(world.alarms.contains(&alarm));
    reopen(&mut world, &id);
    assert!(world.alarms.is_empty());
    world.run(None);
    assert!(matches!(world.hold(&id, 2), Ok(Outcome::Delivered { .. })));
}

#[test]
fn a_token_has_one_spelling_and_is_found_in_its_url_only() {
    let token = LinkToken::new([0xab; 16]);
    let text = token.to_text();
    assert_eq!(LinkToken::parse(&text), Some(token.clone()));
    let url = token.url("https://deliver.example.com");
    assert_eq!(LinkToken::in_url(&url), Some(token));
    for other in [
        text.to_uppercase(),
        format!("{text}0"),
        text[2..].to_owned(),
        format!("{}g", &text[1..]),
        String::new(),
    ] {
        assert_eq!(LinkToken::parse(&other), None, "{other}");
    }
    for other in [
        format!("https://deliver.example.com/j/{text}"),
        format!("https://deliver.example.com/i/{text}/"),
        format!("https://deliver.example.com/i/{text}?a=b"),
        text,
    ] {
        assert_eq!(LinkToken::in_url(&other), None, "{other}");
    }
}
