//! What the checks of JD Cloud's APIs look at.

pub(super) mod form;
pub(super) mod orders;
pub(super) mod signature;

use serde_json::Value;
use turnkey_core::storefront::InstancesLook;
use turnkey_core::{Intent, Look};

use super::probe::{Heard, result};
use super::{Finding, Note, Verdict};

/// The first page of the list.
fn list() -> Intent {
    Intent::Look(Look::Instances(InstancesLook {
        tests: Vec::new(),
        newest_first: true,
        skip: 0,
        limit: 20,
    }))
}

/// It must have been answered with a result.
fn answered(heard: &Heard) -> Verdict {
    holds(
        result(heard).is_some(),
        [
            "status 200, requestId and result",
            "状态码 200、requestId 和 result",
        ],
        heard,
    )
}

/// It must have been refused with `status`, in the envelope of errors.
fn refused_with(heard: &Heard, status: u16) -> Verdict {
    let expected = Note::new(
        format!("status {status} and an error that says so"),
        format!("状态码 {status}，error 里也这样写"),
    );
    let is_good = heard
        .answer
        .as_ref()
        .is_ok_and(|answer| answer.status == status);
    if is_good {
        return Verdict::Pass;
    }
    Verdict::Broken(Finding::new(expected, heard.in_short(), &[heard]))
}

/// Each must have been refused with `status`.
fn all_refused_with(heard: &[Heard], status: u16) -> Verdict {
    let mut verdicts = heard.iter().map(|heard| refused_with(heard, status));
    let bad = verdicts.find(|verdict| !matches!(verdict, Verdict::Pass));
    bad.unwrap_or(Verdict::Pass)
}

/// `is_good` must hold of `heard`.
fn holds(is_good: bool, expected: [&'static str; 2], heard: &Heard) -> Verdict {
    if is_good {
        return Verdict::Pass;
    }
    Verdict::Broken(Finding::new(expected.into(), heard.in_short(), &[heard]))
}

/// A text that is there and not empty.
fn is_text(value: Option<&Value>) -> bool {
    value
        .and_then(Value::as_str)
        .is_some_and(|text| !text.is_empty())
}
