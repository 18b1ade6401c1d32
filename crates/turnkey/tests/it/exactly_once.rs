//! One order, one instance, one answer; and dry runs that leave nothing.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};

use crate::app::App;

#[tokio::test]
async fn two_hundred_deliveries_of_one_order_are_one_instance_and_one_answer() {
    let app = App::start().await;
    let answers: Vec<_> = stream::iter(0..200)
        .map(|_| app.create("mord-x", "1_year"))
        .buffer_unordered(50)
        .collect()
        .await;
    let bodies: BTreeSet<_> = answers.iter().map(|a| (a.status, a.body.clone())).collect();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    let (orders, instances, _) = app.everything().await;
    assert_eq!((orders.len(), instances.len()), (1, 1));
    app.stop().await;
}

#[tokio::test]
async fn the_same_order_with_other_content_is_a_conflict_and_provisions_nothing() {
    let app = App::start().await;
    app.create("mord-x", "1_year").await.instance();
    let answer = app.create("mord-x", "2_year").await;
    assert_eq!(
        answer.refused(409),
        "order \"mord-x\" was already taken with other content"
    );
    let (orders, instances, _) = app.everything().await;
    assert_eq!((orders.len(), instances.len()), (1, 1));
    app.stop().await;
}

#[tokio::test]
async fn orders_that_look_alike_are_different_orders() {
    let app = App::start().await;
    let long = "x".repeat(200);
    let longer = format!("{long}y");
    let keys = [
        "a",
        "A",
        "a ",
        "a%",
        "\u{e9}",
        "e\u{301}",
        long.as_str(),
        longer.as_str(),
    ];
    let answers = join_all(keys.iter().map(|key| app.create(key, "1_year"))).await;
    let ids: BTreeSet<_> = answers.iter().map(crate::wire::Answer::instance).collect();
    assert_eq!(ids.len(), keys.len());
    app.stop().await;
}

#[tokio::test]
async fn ten_thousand_debug_calls_leave_no_order_instance_or_secret() {
    let app = App::start().await;
    let real = app.create("mord-real", "1_year").await.instance();
    let before = app.everything().await;
    let history = app
        .store
        .history_list(turnkey_core::InstanceId::new(&real), 0, 100)
        .await;
    let order = |n: usize| format!("mord-{}", n % 5_000);
    let answered = stream::iter(0..10_000)
        .map(|n| {
            let (app, order, real) = (&app, order(n), &real);
            async move {
                let common = [
                    ("order_id", order.as_str()),
                    ("spec", "规格"),
                    ("package", "套餐"),
                ];
                let rest = match n % 4 {
                    0 => vec![("action", "RenewInstance"), ("instance_id", real.as_str())],
                    1 => vec![("action", "ExpireInstance"), ("instance_id", real.as_str())],
                    _ => vec![
                        ("action", "CreateInstance"),
                        ("qingcloud_uid", "usr-1"),
                        ("product_code", "prod-1"),
                    ],
                };
                let debug = [("duration", "1_year"), ("debug", "1")];
                let call: Vec<_> = common.into_iter().chain(rest).chain(debug).collect();
                app.call(&call).await.status
            }
        })
        .buffer_unordered(64)
        .filter(|status| std::future::ready(*status == 200))
        .count()
        .await;
    assert_eq!(answered, 10_000);
    assert_eq!(app.everything().await, before);
    assert_eq!(
        app.store
            .history_list(turnkey_core::InstanceId::new(&real), 0, 100)
            .await,
        history
    );
    app.stop().await;
}
