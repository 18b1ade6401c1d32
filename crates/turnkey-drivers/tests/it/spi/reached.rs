//! Where calls go, and where they do not.

use std::net::IpAddr;
use std::sync::Mutex;

use turnkey_drivers::reach::Lookup;

use super::*;

/// Looks up what it is told, one answer after the other, the last one for ever; counts.
fn saying(answers: &[&[&str]]) -> (Lookup, Arc<Mutex<usize>>) {
    let parse = |answer: &&[&str]| -> Vec<IpAddr> {
        answer
            .iter()
            .map(|ip| ip.parse().expect("an address"))
            .collect()
    };
    let answers: Vec<_> = answers.iter().map(parse).collect();
    let asked = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&asked);
    let lookup: Lookup = Arc::new(move |_| {
        let mut asked = counted.lock().unwrap();
        let found = answers[(*asked).min(answers.len() - 1)].clone();
        *asked += 1;
        Box::pin(async move { Ok(found) })
    });
    (lookup, asked)
}

/// A create at `vendor`, under a name for it.
async fn by_name(vendor: &Hook, reach: &[&str], lookup: Lookup) -> Verdict {
    let url = vendor.url.replace("127.0.0.1", "vendor.internal");
    let settings = settings(MARKET, &url, reach);
    let clock = Arc::new(ManualClock::at(NOON));
    let driver = SpiDriver::looking_up(settings, clock, lookup).expect("a client");
    driver.drive(work(OperationKind::Provision)).await
}

#[tokio::test]
async fn an_address_that_is_not_public_is_not_called() {
    let vendor = good(MARKET).await;
    let settings = settings(MARKET, &vendor.url, &["10.0.0.0/8", "localhost"]);
    let driver = SpiDriver::new(settings, Arc::new(ManualClock::at(NOON))).expect("a client");
    let verdict = driver.drive(work(OperationKind::Provision)).await;
    assert!(
        note(&verdict).contains("127.0.0.1 is loopback"),
        "{verdict:?}"
    );
    assert_eq!(vendor.asked().len(), 0);
}

#[tokio::test]
async fn a_name_is_called_where_it_or_its_address_is_allowed() {
    for reach in ["vendor.internal", "127.0.0.0/8"] {
        let vendor = good(MARKET).await;
        let (lookup, _) = saying(&[&["127.0.0.1"]]);
        let verdict = by_name(&vendor, &[reach], lookup).await;
        assert!(matches!(verdict, Verdict::Done(Some(_))), "{verdict:?}");
    }
}

#[tokio::test]
async fn one_private_address_of_a_name_refuses_all_of_it() {
    for addresses in [&["127.0.0.1", "10.0.0.1"][..], &["10.0.0.1", "127.0.0.1"]] {
        let vendor = good(MARKET).await;
        let (lookup, _) = saying(&[addresses]);
        let verdict = by_name(&vendor, &["127.0.0.1"], lookup).await;
        let said = note(&verdict);
        assert!(
            said.contains("vendor.internal is at 10.0.0.1, which is private"),
            "{said}"
        );
        assert_eq!(vendor.asked().len(), 0);
    }
}

#[tokio::test]
async fn the_connection_goes_to_the_address_that_was_looked_at() {
    // Every later look-up leads elsewhere: each connection is made of one, and the one that says
    // something else is refused.
    let vendor = good(MARKET).await;
    let (lookup, asked) = saying(&[&["127.0.0.1"], &["169.254.169.254"]]);
    let verdict = by_name(&vendor, &["127.0.0.1"], lookup).await;
    let calls = calls(&vendor);
    assert_eq!(calls[0], "CreateInstance debug", "{verdict:?}");
    assert_eq!(calls.len(), 1);
    assert!(
        note(&verdict).contains("169.254.169.254, which is link-local"),
        "{verdict:?}"
    );
    assert_eq!(
        *asked.lock().unwrap(),
        1 + 4,
        "one look-up for each connection"
    );
}
