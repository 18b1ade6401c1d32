//! The checks of JD Cloud's bastion API. Facts: the protocol sheets of `jdcloud-bastion` and of
//! JD Cloud's OpenAPI.
//!
//! It has no dry run: whatever would buy needs `--allow-live`, and is ended and deleted afterwards.

use super::jdcloud::{form, orders, signature};
use super::qingcloud::form::IN_TIME;
use super::{Check, Clause};

const SIGNING: Clause = Clause {
    page: ["openapi: signature", "公共：签名"],
    section: "docs/dialects/jdcloud-bastion.md#what-a-captured-call-can-do",
};
const ENVELOPE: Clause = Clause {
    page: ["openapi: answers", "公共：返回"],
    section: "docs/dialects/jdcloud-bastion.md#what-buyers-call",
};
const CREATE: Clause = Clause {
    page: ["createInstance", "创建实例"],
    section: "docs/dialects/jdcloud-bastion.md#what-buyers-call",
};
const LIST: Clause = Clause {
    page: ["describeBastions", "查询列表"],
    section: "docs/dialects/jdcloud-bastion.md#what-buyers-call",
};
const ONE: Clause = Clause {
    page: ["describeBastion", "查询详情"],
    section: "docs/dialects/jdcloud-bastion.md#what-buyers-call",
};
const SOURCE: Clause = Clause {
    page: ["describeSourceId", "查询订单"],
    section: "docs/dialects/jdcloud-bastion.md#what-buyers-call",
};
const DESC: Clause = Clause {
    page: ["updateBastionDesc", "修改描述"],
    section: "docs/dialects/jdcloud-bastion.md#what-buyers-call",
};
const RESIZE: Clause = Clause {
    page: ["modifyInstanceSpec", "变配"],
    section: "docs/dialects/jdcloud-bastion.md#what-buyers-call",
};
const SWITCH: Clause = Clause {
    page: ["modifyInstanceExpireOrStart", "到期与恢复"],
    section: "docs/dialects/jdcloud-bastion.md#what-buyers-call",
};
const DELETE: Clause = Clause {
    page: ["deleteInstance", "删除实例"],
    section: "docs/dialects/jdcloud-bastion.md#what-buyers-call",
};
const PINS: Clause = Clause {
    page: ["describePins", "查询账号"],
    section: "docs/dialects/jdcloud-bastion.md#what-buyers-call",
};

/// In the order in which they run; an id is never given to another check.
pub(super) const CHECKS: &[Check] = &[
    Check::must("JB-01", PINS, &form::REACHABLE),
    Check::must("JB-02", ENVELOPE, &form::ENVELOPE),
    Check::must("JB-03", ENVELOPE, &form::REFUSAL),
    Check::must("JB-04", SIGNING, &signature::V2),
    Check::should("JB-05", SIGNING, &signature::V3),
    Check::must("JB-06", SIGNING, &signature::BAD),
    Check::must("JB-07", SIGNING, &signature::MISSING),
    Check::must("JB-08", SIGNING, &signature::OTHER_KEY),
    Check::must("JB-09", SIGNING, &signature::NOBODY),
    Check::must("JB-10", SIGNING, &signature::TAMPERED_QUERY),
    Check::must("JB-11", SIGNING, &signature::TAMPERED_BODY),
    Check::must("JB-12", SIGNING, &signature::STALE),
    Check::should("JB-13", SIGNING, &signature::FUTURE),
    Check::must("JB-14", PINS, &form::PINS),
    Check::must("JB-15", LIST, &form::LIST),
    Check::should("JB-16", LIST, &form::PAGES),
    Check::must("JB-17", ONE, &form::UNKNOWN_IDS),
    Check::must("JB-18", ENVELOPE, &form::UNKNOWN_ROUTE),
    Check::should("JB-19", ENVELOPE, &form::OTHER_METHOD),
    Check::must("JB-20", CREATE, &form::BROKEN_BODY),
    Check::must("JB-21", CREATE, &form::NO_SPEC),
    Check::should("JB-22", DESC, &form::UNKNOWN_MEMBER),
    Check::must("JB-23", CREATE, &orders::CREATE).live(),
    Check::must("JB-24", CREATE, &orders::OUT_OF_RANGE).live(),
    Check::must("JB-25", SOURCE, &orders::SOURCE).live(),
    Check::should("JB-26", CREATE, &orders::REPEAT).live(),
    Check::should("JB-27", CREATE, &orders::PARALLEL).live(),
    Check::should("JB-28", CREATE, &orders::LOST).live(),
    Check::must("JB-29", CREATE, &orders::ANOTHER).live(),
    Check::must("JB-30", ONE, &orders::SHOWN).live(),
    Check::must("JB-31", DESC, &orders::DESCRIBED).live(),
    Check::should("JB-32", RESIZE, &orders::RESIZED_TO_THE_SAME).live(),
    Check::should("JB-33", DELETE, &orders::DELETED_TOO_EARLY).live(),
    Check::must("JB-34", SWITCH, &orders::ENDED_AND_STARTED).live(),
    Check::must("JB-35", DELETE, &orders::DELETED).live(),
    Check::must("JB-36", SIGNING, &signature::STILL_GOOD),
    Check::must("JB-37", ENVELOPE, &IN_TIME),
];
