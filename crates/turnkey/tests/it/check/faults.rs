//! Each fault that can be planted, and the checks that may find it. No other check may.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use turnkey::check::report::{Mark, Report};
use turnkey::check::{Limits, Plan, checks, html, junit, run};
use turnkey_core::UtcMillis;
use turnkey_engine::SystemClock;

use crate::check::bad_vendor::BadVendor;
use crate::check::{ids, plan};

/// What a vendor may do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Charset,
    RefusalCharset,
    Html,
    NoSuccess,
    RefusesWith200,
    OnlyItsOwnEncoding,
    JavasEncoding,
    NoPrefix,
    IgnoresHeader,
    WantsHeader,
    AnySignature,
    MissingSignature,
    RepeatedSignature,
    AnyKey,
    SignsWhatItKnows,
    IgnoresTime,
    IgnoresFuture,
    TimeOptional,
    UnknownActionSucceeds,
    RefusesUnknown,
    RepeatedParameter,
    NeedsDebug,
    NeedsPackage,
    NoCreates,
    NumberAsId,
    LongId,
    InfoIsText,
    BareAddress,
    DryRunsOnce,
    OrderOptional,
    OrderNeeded,
    SpecOptional,
    AnyPeriod,
    IgnoresProduct,
    RenewsUnknown,
    UpgradesUnknown,
    ExpiresUnknown,
    DeletesUnknown,
    ExpiresNothing,
    DebugCreates,
    NewOnRepeat,
    OtherBody,
    Race,
    OneIdForAll,
    IgnoresContent,
    OrderIdOnly,
    RenewsOnce,
    NoUpgradeToTheSame,
    ExpiresOnce,
    StaysExpired,
    DeletesOnce,
    AnyProducts,
    HangsUpOnBroken,
    FailsOnBroken,
    DiesOfBroken,
    FailsOnEmpty,
    AnyMethod,
    HangsUpOnLong,
    HangsUpOnNul,
    HangsUpOnEmoji,
    Slow,
    /// Nobody would plant this to be found by one check: every create makes its instance, and then fails.
    FailsOnceMade,
}

/// The fault, the checks of the market that may find it, and AppCenter's; none where it is no fault.
type Case = (Fault, &'static str, &'static str);

const CASES: &[Case] = &[
    (Fault::Charset, "QM-02 QM-03", "QA-02 QA-03"),
    (Fault::RefusalCharset, "QM-03", "QA-03"),
    (Fault::Html, "QM-02 QM-03", "QA-02 QA-03"),
    (Fault::NoSuccess, "QM-04", "QA-04"),
    // A HEAD has no body that says no.
    (Fault::RefusesWith200, "QM-15 QM-53", ""),
    (Fault::OnlyItsOwnEncoding, "QM-06", "QA-06"),
    (Fault::JavasEncoding, "QM-05 QM-06", "QA-05 QA-06"),
    (Fault::NoPrefix, "", "QA-07"),
    (Fault::IgnoresHeader, "", "QA-08"),
    (Fault::WantsHeader, "", "QA-09"),
    (
        Fault::AnySignature,
        "QM-07 QM-10 QM-11",
        "QA-10 QA-13 QA-14",
    ),
    (Fault::MissingSignature, "QM-07 QM-08", "QA-10 QA-11"),
    (Fault::RepeatedSignature, "QM-09", "QA-12"),
    (Fault::AnyKey, "QM-10", "QA-13"),
    (Fault::SignsWhatItKnows, "QM-11", "QA-14"),
    (Fault::IgnoresTime, "QM-12 QM-13", "QA-15 QA-16"),
    (Fault::IgnoresFuture, "QM-13", "QA-16"),
    (Fault::TimeOptional, "QM-14", "QA-17"),
    (Fault::UnknownActionSucceeds, "QM-16", "QA-18"),
    (Fault::RefusesUnknown, "QM-17", "QA-19"),
    (Fault::RepeatedParameter, "QM-18", "QA-20"),
    (Fault::NeedsDebug, "QM-19 QM-42", ""),
    (Fault::NeedsPackage, "", "QA-40"),
    (
        Fault::NoCreates,
        "QM-21 QM-39 QM-42",
        "QA-22 QA-37 QA-40 QA-41",
    ),
    (Fault::NumberAsId, "QM-22", "QA-23"),
    (Fault::LongId, "QM-22", "QA-23"),
    (Fault::InfoIsText, "QM-23", "QA-24"),
    (Fault::BareAddress, "QM-24", "QA-25"),
    (Fault::DryRunsOnce, "QM-25", ""),
    (Fault::OrderOptional, "QM-26", ""),
    (Fault::OrderNeeded, "", "QA-41"),
    (Fault::SpecOptional, "QM-27", "QA-26"),
    (Fault::AnyPeriod, "QM-28", "QA-27"),
    (Fault::IgnoresProduct, "QM-29", "QA-28"),
    // What a debug call named is unknown, too.
    (Fault::RenewsUnknown, "QM-30 QM-35", "QA-29"),
    (Fault::UpgradesUnknown, "QM-31", "QA-30"),
    (Fault::ExpiresUnknown, "QM-32 QM-50", "QA-31 QA-49"),
    (Fault::DeletesUnknown, "QM-33", "QA-32"),
    (Fault::ExpiresNothing, "QM-34", "QA-33"),
    (Fault::DebugCreates, "QM-35", ""),
    (
        Fault::NewOnRepeat,
        "QM-36 QM-38 QM-39 QM-41",
        "QA-34 QA-36 QA-37 QA-39",
    ),
    (Fault::OtherBody, "QM-37", "QA-35"),
    (Fault::Race, "QM-38", "QA-36"),
    (Fault::OneIdForAll, "QM-40", "QA-38 QA-41"),
    (Fault::IgnoresContent, "QM-41 QM-45", "QA-39 QA-44"),
    (Fault::OrderIdOnly, "QM-44 QM-45", "QA-43 QA-44"),
    (Fault::RenewsOnce, "QM-43", "QA-42"),
    (Fault::NoUpgradeToTheSame, "QM-46", "QA-45"),
    (Fault::ExpiresOnce, "QM-47", "QA-46"),
    (Fault::StaysExpired, "QM-48", "QA-47"),
    (Fault::DeletesOnce, "QM-49", "QA-48"),
    (Fault::AnyProducts, "QM-50", "QA-49"),
    (Fault::HangsUpOnBroken, "QM-51", "QA-50"),
    (Fault::FailsOnBroken, "QM-51", "QA-50"),
    (
        Fault::DiesOfBroken,
        "QM-51 QM-52 QM-53 QM-54 QM-55 QM-56",
        "QA-50 QA-51 QA-52 QA-53 QA-54 QA-55",
    ),
    (Fault::FailsOnEmpty, "QM-52", "QA-51"),
    (Fault::AnyMethod, "QM-53", "QA-52"),
    (Fault::HangsUpOnLong, "QM-54", "QA-53"),
    (Fault::HangsUpOnNul, "QM-55", "QA-54"),
    (Fault::HangsUpOnEmoji, "QM-20", "QA-21"),
    (Fault::Slow, "QM-57", "QA-56"),
];

/// What nothing planted here can break alone: that there is an answer at all.
const ALWAYS_HOLDS: [&str; 2] = ["QM-01", "QA-01"];

fn name(is_market: bool) -> &'static str {
    match is_market {
        true => "qingcloud-market",
        false => "qingcloud-appcenter",
    }
}

/// The report on a vendor with `fault`, and how many instances are left there.
async fn checked(is_market: bool, fault: Option<Fault>, live: bool) -> (Report, usize) {
    let vendor = BadVendor::start(is_market, fault).await;
    let url = |product: u8| format!("http://{}/{product}", vendor.address);
    let clock = Arc::new(SystemClock::new(0, UtcMillis(0)));
    let usual = plan(name(is_market), url(0), url(1), clock);
    let slow = Duration::from_millis(20);
    let limits = match fault {
        Some(Fault::Slow) => Limits {
            advised: slow,
            most: slow,
        },
        _ => usual.limits,
    };
    let plan = Plan {
        limits,
        live,
        ..usual
    };
    let report = run(plan).await.expect("it runs");
    let there = vendor.there();
    (report, there)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_vendor_that_is_not_ours_passes_everything() {
    for is_market in [true, false] {
        let (report, there) = checked(is_market, None, true).await;
        let text = report.as_text(turnkey::cli::Lang::En);
        let all = checks(name(is_market)).len();
        assert_eq!(report.count(Mark::Pass), all, "{text}");
        assert_eq!((there, report.left.len()), (0, 0), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_planted_fault_is_found_and_nothing_else_is() {
    let mut runs = JoinSet::new();
    for (fault, market, appcenter) in CASES {
        for (is_market, may_find) in [(true, market), (false, appcenter)] {
            if !may_find.is_empty() {
                runs.spawn(async move {
                    let (report, _) = checked(is_market, Some(*fault), true).await;
                    (*fault, is_market, *may_find, report)
                });
            }
        }
    }
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for (fault, is_market, may_find, report) in runs.join_all().await {
        let found = [ids(&report, Mark::Fail), ids(&report, Mark::Warn)].concat();
        let may: Vec<&str> = may_find.split(' ').collect();
        let is_right = !found.is_empty() && found.iter().all(|id| may.contains(id));
        if !is_right {
            let name = name(is_market);
            wrong.push(format!(
                "{fault:?} at {name}: found {found:?}, may find {may:?}"
            ));
        }
        seen.extend(found);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let all = [true, false]
        .into_iter()
        .flat_map(|is_market| checks(name(is_market)));
    let blind: Vec<_> = all
        .map(|check| check.id)
        .filter(|id| !seen.contains(id) && !ALWAYS_HOLDS.contains(id))
        .collect();
    assert!(blind.is_empty(), "no fault is planted for {blind:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_least_twenty_faults_of_each_family_are_found_and_some_without_leave() {
    for is_market in [true, false] {
        let of = |case: &&Case| !(if is_market { case.1 } else { case.2 }).is_empty();
        let faults: Vec<Fault> = CASES.iter().filter(of).map(|case| case.0).collect();
        assert!(faults.len() >= 20, "{}", faults.len());
        let mut without_leave = 0;
        for fault in faults {
            let (report, there) = checked(is_market, Some(fault), false).await;
            let found = report.count(Mark::Fail) + report.count(Mark::Warn);
            without_leave += usize::from(found > 0);
            let makes = fault == Fault::DebugCreates;
            assert!(
                there == 0 || makes,
                "{fault:?}: without leave nothing is made"
            );
        }
        let least = if is_market { 35 } else { 25 };
        assert!(
            without_leave >= least,
            "{}: {without_leave}",
            name(is_market)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_failed_create_made_is_found_and_removed() {
    for is_market in [true, false] {
        let (report, there) = checked(is_market, Some(Fault::FailsOnceMade), true).await;
        assert!(report.count(Mark::Fail) > 0);
        assert_eq!((there, report.left.len()), (0, 0), "{:?}", report.left);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_create_made_is_listed_where_nobody_can_find_it() {
    let (report, there) = checked(true, Some(Fault::NewOnRepeat), true).await;
    let [left] = &report.left[..] else {
        panic!("{:?}", report.left);
    };
    assert!(
        left.starts_with("(order mord-chk") && left.ends_with("-lost)"),
        "{left}"
    );
    assert_eq!(there, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_report_shows_what_opens_the_address() {
    let vendor = BadVendor::start(true, Some(Fault::Charset)).await;
    let clock = Arc::new(SystemClock::new(0, UtcMillis(0)));
    let url = format!("http://user:S3CRET@{}/0?token=S3CRET", vendor.address);
    let plan = plan(name(true), url.clone(), url, clock);
    let report = run(plan).await.expect("it runs");
    assert!(report.count(Mark::Fail) + report.count(Mark::Warn) > 0);
    for lang in [turnkey::cli::Lang::En, turnkey::cli::Lang::Zh] {
        let shown = [
            report.as_text(lang),
            report.as_json(lang).to_string(),
            html(&report, lang).expect("a page"),
            junit(&report, lang).expect("XML"),
        ];
        for text in shown {
            assert!(!text.contains("S3CRET"), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_removed_is_listed() {
    let (report, there) = checked(true, Some(Fault::DiesOfBroken), true).await;
    assert!(there > 10, "it died before the end");
    assert_eq!(report.left.len(), there);
    assert!(!report.is_good());
    let text = report.as_text(turnkey::cli::Lang::En);
    assert!(text.contains("could not be removed"), "{text}");
    assert!(report.left.iter().all(|id| text.contains(id)), "{text}");
}
