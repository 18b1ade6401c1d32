//! Killed at random moments, restarted at once: in the end one instance and one operation key an
//! order, none lost, and no program of an earlier life beside its successor.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rustix::process::Signal;

use crate::binary::{Served, Site, call, create};

/// How often the server is killed in each test; there are four.
const KILLS: usize = 75;

/// The vendor: notes who asked for what, looks whether its predecessor is still alive, takes its
/// time, and repeats its first answer.
const PROGRAM: &str = r#"
set -eu
field() { printf '%s' "$ask" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
ask=$(cat)
operation=$(field operation)
order=$(field key)
before=$(cat "pid.$operation" 2>/dev/null || true)
if [ -n "$before" ] && [ "$(readlink "/proc/$before/cwd" 2>/dev/null)" = "$PWD" ]; then
    printf '%s %s %s\n' "$operation" "$before" "$$" >>overlaps
fi
printf '%s' "$$" >"pid.$operation"
printf '%s %s\n' "$order" "$operation" >>asked
sleep "0.0$(printf '%s' "$operation" | tail -c 1 | tr -c '0-9' '7')"
if [ ! -e "made.$operation" ]; then
    printf '{"access":{"front_end":{"url":"https://saas.example/","username":"%s"}}}' "$$" >"new.$operation.$$"
    mv "new.$operation.$$" "made.$operation"
fi
cat "made.$operation"
"#;

/// Every id that an order was ever answered with.
type Answers = BTreeMap<String, BTreeSet<String>>;

/// Delivers every order that has no answer yet, all at once; keeps what is answered in time.
async fn deliver(served: &Served, orders: &[String], answers: &mut Answers, until: Duration) {
    let mut calls = tokio::task::JoinSet::new();
    for order in orders {
        let (order, address) = (order.clone(), served.address);
        calls.spawn(async move {
            let answer = call(address, &create(&order)).await;
            (order, answer)
        });
    }
    let collect = async {
        while let Some(Ok((order, answer))) = calls.join_next().await {
            if answer.status == 200 {
                answers.entry(order).or_default().insert(answer.instance());
            } else {
                assert!([0, 503].contains(&answer.status), "{answer:?}");
            }
        }
    };
    // What is not answered by then is not answered in this life.
    let _ = tokio::time::timeout(until, collect).await;
}

async fn killed_again_and_again(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let site = Site::new();
    std::fs::write(site.vendor.folder.join("program.sh"), PROGRAM).expect("the program");
    let mut answers = Answers::new();
    let mut orders: Vec<String> = Vec::new();
    for life in 0..KILLS {
        let served = site.serve().await;
        orders.push(format!("mord-{seed}-{life}"));
        let unanswered: Vec<_> = orders
            .iter()
            .filter(|order| !answers.contains_key(*order))
            .cloned()
            .collect();
        let life_ms = random.random_range(0..150);
        deliver(
            &served,
            &unanswered,
            &mut answers,
            Duration::from_millis(life_ms),
        )
        .await;
        served.kill().await;
    }
    let served = site.serve().await;
    while answers.len() < orders.len() {
        deliver(&served, &orders, &mut answers, Duration::from_secs(60)).await;
    }
    deliver(&served, &orders, &mut answers, Duration::from_secs(60)).await;
    served.signal(Signal::TERM);
    assert!(served.ended().await.success());

    for (order, ids) in &answers {
        assert_eq!(ids.len(), 1, "order {order} was answered with {ids:?}");
    }
    let instances: BTreeSet<_> = answers.values().flatten().collect();
    assert_eq!(
        instances.len(),
        orders.len(),
        "no two orders share an instance"
    );

    let read =
        |name: &str| std::fs::read_to_string(site.vendor.folder.join(name)).unwrap_or_default();
    assert_eq!(read("overlaps"), "", "a program met its predecessor");
    let asked: BTreeSet<(String, String)> = read("asked")
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(order, operation)| (order.to_owned(), operation.to_owned()))
        .collect();
    assert_eq!(
        asked.len(),
        orders.len(),
        "one operation key an order: {asked:?}"
    );
    let made = std::fs::read_dir(&site.vendor.folder)
        .expect("the vendor's folder")
        .flatten();
    let made = made.filter(|entry| entry.file_name().to_string_lossy().starts_with("made.op-"));
    assert_eq!(
        made.count(),
        orders.len(),
        "the vendor made one instance an order"
    );
}

#[tokio::test]
async fn killed_at_random_moments_with_seed_1() {
    killed_again_and_again(1).await;
}

#[tokio::test]
async fn killed_at_random_moments_with_seed_2() {
    killed_again_and_again(2).await;
}

#[tokio::test]
async fn killed_at_random_moments_with_seed_3() {
    killed_again_and_again(3).await;
}

#[tokio::test]
async fn killed_at_random_moments_with_seed_4() {
    killed_again_and_again(4).await;
}
