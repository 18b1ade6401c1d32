//! Watching: what is kept for a person to look at.

use turnkey_core::event::About;
use turnkey_core::ports::{AlarmTurn, Store};
use turnkey_core::{
    Alarm, AlarmKind, Event, EventFilter, EventId, EventKind, InstanceId, Now, OperationId,
    OrderId, UtcMillis,
};

use super::{Backend, Shop};

pub(crate) async fn events_are_listed_newest_first(backend: &impl Backend) {
    let shop = Shop::quick(backend);
    let mut all = Vec::new();
    for (n, kind) in (0..).zip(EventKind::ALL).take(5) {
        let event = event(at(&shop.now, n), kind);
        shop.store.event_add(event.clone()).await.unwrap();
        all.insert(0, event);
    }
    let list = |before: Option<EventId>, limit| {
        shop.store.event_list(EventFilter::default(), before, limit)
    };
    assert_eq!(list(None, 10).await.unwrap(), all);
    assert_eq!(list(None, 2).await.unwrap(), all[..2]);
    let before = Some(all[1].id.clone());
    assert_eq!(list(before, 2).await.unwrap(), all[2..4]);
    let before = Some(all[4].id.clone());
    assert_eq!(list(before, 10).await.unwrap(), []);
    let all_there = shop.reopened(backend);
    let kept = all_there.store.event_list(EventFilter::default(), None, 10);
    assert_eq!(kept.await.unwrap(), all);
}

pub(crate) async fn events_are_found_by_what_they_are_about(backend: &impl Backend) {
    let shop = Shop::quick(backend);
    let whole = event(shop.now, EventKind::AccessRead).by("ops");
    let mut other = event(at(&shop.now, 1), EventKind::AccessRevealed);
    other.about = About::default();
    for event in [&whole, &other] {
        shop.store.event_add(event.clone()).await.unwrap();
    }
    let any = EventFilter::default;
    let fits: [fn(EventFilter) -> EventFilter; 5] = [
        |any| EventFilter {
            kind: Some(EventKind::AccessRead),
            ..any
        },
        |any| EventFilter {
            listing: about().listing,
            ..any
        },
        |any| EventFilter {
            instance: about().instance,
            ..any
        },
        |any| EventFilter {
            order: about().order,
            ..any
        },
        |any| EventFilter {
            operation: about().operation,
            ..any
        },
    ];
    for fit in fits {
        let found = shop.store.event_list(fit(any()), None, 10).await.unwrap();
        assert_eq!(found, vec![whole.clone()], "{:?}", fit(any()));
    }
    let of_nobody = EventFilter {
        instance: Some(InstanceId::new("i-nobody")),
        ..any()
    };
    let found = shop.store.event_list(of_nobody, None, 10).await.unwrap();
    assert_eq!(found, []);
}

pub(crate) async fn the_same_event_twice_is_one(backend: &impl Backend) {
    let shop = Shop::quick(backend);
    let event = event(shop.now, EventKind::AccessRevealed);
    shop.store.event_add(event.clone()).await.unwrap();
    shop.store.event_add(event.clone()).await.unwrap();
    let kept = shop.store.event_list(EventFilter::default(), None, 10);
    assert_eq!(kept.await.unwrap(), [event]);
}

pub(crate) async fn old_events_are_forgotten(backend: &impl Backend) {
    let shop = Shop::quick(backend);
    let mut newest = Vec::new();
    for n in 0..10 {
        let event = event(at(&shop.now, n), EventKind::OperatorActed);
        shop.store.event_add(event.clone()).await.unwrap();
        newest.insert(0, event);
    }
    let before = |n| at(&shop.now, n).wall;
    let prune = |older_than, most| shop.store.event_prune(older_than, most);
    assert_eq!(prune(UtcMillis(i64::MIN), 10).await.unwrap(), 0);
    assert_eq!(prune(before(3), 10).await.unwrap(), 3, "by age");
    assert_eq!(prune(before(0), 5).await.unwrap(), 2, "by number");
    assert_eq!(prune(before(0), 5).await.unwrap(), 0);
    let kept = shop.store.event_list(EventFilter::default(), None, 10);
    assert_eq!(kept.await.unwrap(), newest[..5]);
}

pub(crate) async fn an_alarm_is_raised_once_and_cleared_once(backend: &impl Backend) {
    let shop = Shop::quick(backend);
    let now = shop.now;
    let (first, second) = (alarm(now, "op-1"), alarm(now, "op-2"));
    let turn = |raise: &[&Alarm], clear: &[&str], n| AlarmTurn {
        raise: raise.iter().copied().cloned().collect(),
        clear: clear
            .iter()
            .map(|subject| (AlarmKind::DeadLetter, (*subject).to_owned()))
            .collect(),
        now: at(&now, n),
    };
    let turned = shop.store.alarm_turn(turn(&[&first, &second], &[], 0));
    let turned = turned.await.unwrap();
    assert_eq!(turned.raised, [first.clone(), second.clone()]);

    let later = Alarm {
        since: at(&now, 1),
        message: "again".to_owned(),
        ..first.clone()
    };
    let again = shop.store.alarm_turn(turn(&[&later], &["op-3"], 1));
    assert_eq!(
        again.await.unwrap(),
        Default::default(),
        "it is raised already"
    );
    let there = shop.store.alarm_list(10).await.unwrap();
    assert_eq!(there, [first.clone(), second.clone()]);

    let shop = shop.reopened(backend);
    let turned = shop
        .store
        .alarm_turn(turn(&[], &["op-1"], 2))
        .await
        .unwrap();
    assert_eq!(turned.cleared, vec![first.clone()]);
    let turned = shop
        .store
        .alarm_turn(turn(&[], &["op-1"], 3))
        .await
        .unwrap();
    assert_eq!(turned.cleared, []);
    assert_eq!(
        shop.store.alarm_list(10).await.unwrap(),
        vec![second.clone()]
    );

    let events = shop.store.event_list(EventFilter::default(), None, 10);
    let mut events = events.await.unwrap();
    assert_eq!(events.remove(0), Event::cleared(&first, at(&now, 2)));
    events.sort_by_key(|event| event.message.clone());
    assert_eq!(events, [Event::raised(&first), Event::raised(&second)]);
}

fn alarm(since: Now, operation: &str) -> Alarm {
    let message = format!("{operation} was given up");
    Alarm::new(AlarmKind::DeadLetter, operation, about(), since, message)
}

fn event(at: Now, kind: EventKind) -> Event {
    Event::new(at, kind, about(), "", "what happened: \0 \u{202e} 说明")
}

fn about() -> About {
    About {
        listing: Some("a-listing-of-old".to_owned()),
        instance: Some(InstanceId::new("i-1")),
        order: Some(OrderId::new("o-1")),
        operation: Some(OperationId::new("op-1")),
    }
}

fn at(now: &Now, ms: u64) -> Now {
    Now {
        wall: now.wall.plus_ms(ms),
        business: now.business.plus_ms(2 * ms),
    }
}
