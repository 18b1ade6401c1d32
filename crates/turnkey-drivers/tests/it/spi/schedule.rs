//! How often the vendor is called, and what ends an attempt.

use super::*;

/// The vendor's answers in turn; the last one for ever.
async fn answering(answers: Vec<Vec<u8>>) -> Hook {
    let next = std::sync::Mutex::new(0);
    Hook::start(move |_| {
        let mut next = next.lock().unwrap();
        let answer = &answers[(*next).min(answers.len() - 1)];
        *next += 1;
        answer.clone()
    })
    .await
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_under_the_same_order() {
    let good = json(200, &created(MARKET));
    // A connection that closes without a word.
    let vendor = answering(vec![good.clone(), Vec::new(), Vec::new(), good]).await;
    let verdict = drive(MARKET, &vendor, work(OperationKind::Provision)).await;
    assert!(matches!(verdict, Verdict::Done(Some(_))), "{verdict:?}");
    let real = ["CreateInstance"; 3];
    assert_eq!(calls(&vendor)[0], "CreateInstance debug");
    assert_eq!(calls(&vendor)[1..], real);
    for asked in vendor.asked() {
        assert_eq!(parameters(&asked)["order_id"], "op-1");
    }
}

#[tokio::test]
async fn the_next_attempt_is_the_same_order() {
    let vendor = answering(vec![json(503, "{}")]).await;
    let driver = driver(MARKET, &vendor.url);
    for attempt in 1..=2 {
        let work = Work {
            attempt,
            ..work(OperationKind::Provision)
        };
        driver.drive(work).await;
    }
    let keys: std::collections::BTreeSet<_> = vendor
        .asked()
        .iter()
        .map(|asked| parameters(asked)["order_id"].clone())
        .collect();
    assert_eq!(keys.into_iter().collect::<Vec<_>>(), ["op-1"]);
}

#[tokio::test]
async fn the_repeats_are_those_of_the_protocol() {
    // One call and three repeats of the real call; one and two of the test.
    let ok = json(200, &created(MARKET));
    let vendor = answering(vec![ok, json(503, r#"{"message":"later"}"#)]).await;
    let verdict = drive(MARKET, &vendor, work(OperationKind::Provision)).await;
    let said = note(&verdict);
    assert!(
        said.starts_with("CreateInstance, called 4 times: "),
        "{said}"
    );
    assert!(said.contains("503") && said.contains("later"), "{said}");
    assert_eq!(calls(&vendor).len(), 1 + 4);

    let vendor = answering(vec![json(503, "{}")]).await;
    let verdict = drive(APPCENTER, &vendor, work(OperationKind::Provision)).await;
    assert!(note(&verdict).starts_with("TestConnection, called 3 times: "));
    assert_eq!(calls(&vendor), ["TestConnection"; 3]);

    let vendor = answering(vec![json(409, "{}")]).await;
    let verdict = drive(MARKET, &vendor, work(OperationKind::Provision)).await;
    let said = note(&verdict);
    assert!(
        said.starts_with("CreateInstance (the dry run before it), called 4 times"),
        "{said}"
    );
    assert_eq!(calls(&vendor), ["CreateInstance debug"; 4]);
}

#[tokio::test]
async fn a_no_that_conforms_is_final_and_asked_for_once() {
    let ok = json(200, r#"{"success":true}"#);
    let no = json(200, r#"{"success":false,"message":"开通失败"}"#);
    let vendor = answering(vec![ok, no.clone()]).await;
    let verdict = drive(APPCENTER, &vendor, work(OperationKind::Provision)).await;
    let Verdict::No(why) = verdict else {
        panic!("{verdict:?}");
    };
    assert!(why.contains("开通失败"), "{why}");
    assert_eq!(calls(&vendor), ["TestConnection", "CreateAppInstance"]);

    // A test that fails says nothing of the order, which an earlier attempt may have placed.
    let vendor = answering(vec![no]).await;
    let verdict = drive(APPCENTER, &vendor, work(OperationKind::Provision)).await;
    assert!(note(&verdict).contains("TestConnection, called once"));
}

#[tokio::test]
async fn a_no_after_a_create_that_nobody_heard_of_is_for_a_person() {
    let ok = json(200, r#"{"success":true}"#);
    let no = json(200, r#"{"success":false,"message":"order exists"}"#);
    // The connection closes when the vendor may have made the instance.
    let vendor = answering(vec![ok.clone(), Vec::new(), no.clone()]).await;
    let verdict = drive(APPCENTER, &vendor, work(OperationKind::Provision)).await;
    let said = note(&verdict);
    assert!(said.contains("order exists"), "{said}");
    assert!(said.contains("may have made the instance"), "{said}");

    let next = Work {
        attempt: 2,
        ..work(OperationKind::Provision)
    };
    let vendor = answering(vec![ok.clone(), no.clone()]).await;
    let verdict = drive(APPCENTER, &vendor, next).await;
    assert!(note(&verdict).contains("may have made the instance"));

    // Whatever else is refused has its instance.
    let vendor = answering(vec![ok, Vec::new(), no]).await;
    let verdict = drive(APPCENTER, &vendor, later(OperationKind::Renew)).await;
    assert!(matches!(verdict, Verdict::No(_)), "{verdict:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_the_protocol_is_a_failure_that_names_the_rule() {
    let created = created(APPCENTER);
    let no_id = r#"{"success":true,"instanceId":""}"#;
    let long_id = format!(r#"{{"success":true,"instanceId":"{}"}}"#, "i".repeat(129));
    let long = " ".repeat(70_000);
    for (answer, rule) in [
        (
            response(200, "content-type: text/html\r\n", &created),
            "Content-Type is",
        ),
        (
            response(
                200,
                "content-type: application/json; charset=utf-8\r\n",
                &created,
            ),
            "Content-Type is",
        ),
        (json(200, "[]"), "no JSON object"),
        (json(200, "{}"), "success must be true"),
        (
            json(200, r#"{"success":"true"}"#),
            "success is neither true nor false",
        ),
        (json(200, no_id), "instanceId must have 1 to 128 characters"),
        (
            json(200, &long_id),
            "instanceId must have 1 to 128 characters",
        ),
        (json(201, &created), "answered 201"),
        (json(200, &long), "more than 65536 bytes"),
        (
            response(302, "location: https://elsewhere.example/\r\n", ""),
            "answered 302; redirects are not followed",
        ),
        (
            response(
                200,
                "content-type: application/json\r\ncontent-encoding: gzip\r\n",
                &created,
            ),
            "content coding",
        ),
        (b"nonsense\r\n\r\n".to_vec(), "the connection broke off"),
    ] {
        let test = json(200, r#"{"success":true}"#);
        let vendor = answering(vec![test, answer]).await;
        let verdict = drive(APPCENTER, &vendor, work(OperationKind::Provision)).await;
        let said = note(&verdict);
        assert!(said.contains(rule), "{said}");
        assert_eq!(calls(&vendor).len(), 1 + 4, "{rule}");
    }
}

#[tokio::test]
async fn what_the_vendor_says_is_told_without_secrets() {
    let said = format!(r#"{{"message":"{KEY} is wrong, password=hunter22"}}"#);
    let vendor = answering(vec![json(401, &said)]).await;
    let verdict = drive(MARKET, &vendor, work(OperationKind::Provision)).await;
    let said = note(&verdict);
    assert!(said.contains("is wrong"), "{said}");
    assert!(!said.contains(KEY) && !said.contains("hunter22"), "{said}");
    let settings = settings(MARKET, "https://vendor.example/?token=t0k3n", &[]);
    let debug = format!("{settings:?}");
    assert!(!debug.contains(KEY) && !debug.contains("t0k3n"), "{debug}");
}
