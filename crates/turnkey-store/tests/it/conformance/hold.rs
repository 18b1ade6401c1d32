//! Holding links: made once, found again, counted, and never readable.

use turnkey_core::decide::Outcome;
use turnkey_core::ports::{Hold, Reported, Reveal, Store, Verdict};
use turnkey_core::{
    AlarmKind, EventFilter, EventKind, InstanceId, LinkPart, LinkToken, LinkTokens,
};
use turnkey_testkit::sample::{create, release};

use super::{Backend, Shop, access};

const REVEAL_FOR_MS: u64 = 86_400_000;

fn tokens(n: u8) -> LinkTokens {
    let token = |m| {
        let mut bytes = [n; 16];
        bytes[0] = m;
        LinkToken::new(bytes)
    };
    LinkTokens {
        front_end: token(1),
        admin: token(2),
        sign_on: token(3),
    }
}

async fn hold<S: Store>(shop: &Shop<S>, instance: &InstanceId, n: u8) -> Outcome {
    let hold = Hold {
        listing: shop.listing.clone(),
        instance: instance.clone(),
        fresh: tokens(n),
    };
    shop.store.instance_hold(hold).await.expect("it is held")
}

fn reveal<S: Store>(shop: &Shop<S>, token: &LinkToken) -> Reveal {
    Reveal {
        link: token.hash(),
        now: shop.now,
        reveal_for_ms: REVEAL_FOR_MS,
    }
}

async fn alarms<S: Store>(shop: &Shop<S>) -> Vec<AlarmKind> {
    let alarms = shop.store.alarm_list(100).await.unwrap();
    alarms.into_iter().map(|alarm| alarm.kind).collect()
}

async fn events<S: Store>(shop: &Shop<S>, kind: EventKind) -> usize {
    let filter = EventFilter {
        kind: Some(kind),
        ..EventFilter::default()
    };
    shop.store
        .event_list(filter, None, 100)
        .await
        .unwrap()
        .len()
}

pub(crate) async fn links_are_made_once_and_found_again(backend: &impl Backend) {
    let shop = Shop::slow(backend);
    let instance = shop.create("order-1").await;
    let before = shop.contents().await;
    let first = hold(&shop, &instance, 7).await;
    assert_eq!(hold(&shop, &instance, 8).await, first);
    assert_eq!(
        shop.contents().await,
        before,
        "links are all that is written"
    );
    let shop = shop.reopened(backend);
    assert_eq!(hold(&shop, &instance, 9).await, first);
    let links = shop.store.link_list(instance.clone()).await.unwrap();
    let parts: Vec<LinkPart> = links.iter().map(|link| link.part).collect();
    assert_eq!(
        parts,
        [LinkPart::Admin, LinkPart::FrontEnd, LinkPart::SignOn]
    );
    for (part, token) in tokens(7).each() {
        let linked = shop.store.link_get(token.hash()).await.unwrap().unwrap();
        assert_eq!((linked.link.part, linked.link.reveals), (part, 0));
        assert_eq!((&linked.instance.id, linked.ready_at), (&instance, None));
    }
    let stranger = tokens(8).front_end;
    assert_eq!(shop.store.link_get(stranger.hash()).await.unwrap(), None);
}

pub(crate) async fn what_came_meanwhile_needs_no_links(backend: &impl Backend) {
    let shop = Shop::slow(backend);
    let instance = shop.create("order-1").await;
    shop.drive().await;
    assert!(matches!(
        hold(&shop, &instance, 7).await,
        Outcome::Delivered { .. }
    ));
    assert_eq!(shop.store.link_list(instance).await.unwrap(), []);
}

pub(crate) async fn an_account_is_shown_counted_and_told(backend: &impl Backend) {
    let mut shop = Shop::slow(backend);
    let instance = shop.create("order-1").await;
    hold(&shop, &instance, 7).await;
    let token = tokens(7).front_end;
    let asked = shop.store.link_reveal(reveal(&shop, &token)).await;
    assert_eq!(asked.unwrap(), None, "there is nothing yet");
    shop.wait(600_000);
    let work = shop.claim_one().await;
    shop.report(&work, Verdict::Done(Some(access("hunter22"))))
        .await;
    for shown in 1..=2 {
        let login = shop.store.link_reveal(reveal(&shop, &token)).await.unwrap();
        assert_eq!(login.unwrap().password.as_deref(), Some("hunter22"));
        let linked = shop.store.link_get(token.hash()).await.unwrap().unwrap();
        assert_eq!(linked.link.reveals, shown);
        assert_eq!(linked.ready_at, Some(shop.now.wall));
    }
    assert_eq!(events(&shop, EventKind::AccessRevealed).await, 2);
    shop.wait(REVEAL_FOR_MS);
    let late = shop.store.link_reveal(reveal(&shop, &token)).await;
    assert_eq!(late.unwrap(), None);
    assert_eq!(events(&shop, EventKind::AccessRevealed).await, 2);
}

pub(crate) async fn a_held_delivery_that_fails_is_an_alarm(backend: &impl Backend) {
    let shop = Shop::slow(backend);
    let unheld = shop.create("order-0").await;
    let work = shop.claim_one().await;
    shop.report(&work, Verdict::No("sold out".to_owned())).await;
    assert_eq!(alarms(&shop).await, [], "nothing was promised for {unheld}");

    let instance = shop.create("order-1").await;
    hold(&shop, &instance, 7).await;
    let work = shop.claim_one().await;
    let reported = shop.report(&work, Verdict::No("sold out".to_owned())).await;
    assert!(matches!(
        reported,
        Reported::Over {
            in_name_only: true,
            ..
        }
    ));
    assert_eq!(alarms(&shop).await, [AlarmKind::DeliveredInNameOnly]);
    assert_eq!(events(&shop, EventKind::DeliveredInNameOnly).await, 1);
    let reopened = shop.store.operation_reopen(work.operation, shop.now).await;
    reopened.expect("it is taken up again");
    assert_eq!(alarms(&shop).await, []);
    shop.drive().await;
    assert!(matches!(
        hold(&shop, &instance, 8).await,
        Outcome::Delivered { .. }
    ));
    assert_eq!(shop.admit(create("order-1")).await.unwrap().waits_for, None);
    shop.admit(release(&instance)).await.unwrap();
    shop.drive().await;
    let token = tokens(7).admin;
    let gone = shop.store.link_get(token.hash()).await.unwrap().unwrap();
    assert_eq!(gone.instance.access, None);
}
