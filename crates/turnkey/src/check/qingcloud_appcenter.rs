//! The checks of QingCloud AppCenter. Facts: the protocol sheet of `qingcloud-appcenter`.
//!
//! It has no dry run: whatever would make an instance needs `--allow-live`, and is then a debugging
//! one, which may be deleted at once.

use super::qingcloud::{form, life, orders, shape, signature};
use super::{Check, Clause};

const CONVENTION: Clause = Clause {
    page: ["convention", "约定"],
    section: "docs/dialects/qingcloud-appcenter.md#what-the-platform-calls",
};
const RETRY: Clause = Clause {
    page: ["retry", "重试"],
    section: "docs/dialects/qingcloud-appcenter.md#what-the-platform-calls",
};
const SECURITY: Clause = Clause {
    page: ["security", "安全"],
    section: "docs/dialects/qingcloud-appcenter.md#the-signature",
};
const CREATE: Clause = Clause {
    page: ["create", "新购"],
    section: "docs/dialects/qingcloud-appcenter.md#what-the-platform-calls",
};
const RENEWAL: Clause = Clause {
    page: ["renewal", "续费"],
    section: "docs/dialects/qingcloud-appcenter.md#what-the-platform-calls",
};
const UPGRADE: Clause = Clause {
    page: ["upgrade", "升级"],
    section: "docs/dialects/qingcloud-appcenter.md#what-the-platform-calls",
};
const EXPIRE: Clause = Clause {
    page: ["expire", "到期"],
    section: "docs/dialects/qingcloud-appcenter.md#what-the-platform-calls",
};
const DELETE: Clause = Clause {
    page: ["delete", "删除"],
    section: "docs/dialects/qingcloud-appcenter.md#what-the-platform-calls",
};
const CONNECT: Clause = Clause {
    page: ["connect", "连接测试"],
    section: "docs/dialects/qingcloud-appcenter.md#what-the-platform-calls",
};

const FAILURE: Clause = Clause {
    page: CONVENTION.page,
    section: "docs/dialects/qingcloud-appcenter.md#when-it-says-no",
};
const UNNAMED: Clause = Clause {
    page: CREATE.page,
    section: "docs/dialects/qingcloud-appcenter.md#without-an-order_id",
};

/// In the order in which they run; an id is never given to another check.
pub(super) const CHECKS: &[Check] = &[
    Check::must("QA-01", CONNECT, &form::REACHABLE),
    Check::must("QA-02", CONVENTION, &form::CONTENT_TYPE),
    Check::must("QA-03", FAILURE, &form::REFUSAL_TYPE),
    Check::must("QA-04", CONVENTION, &form::SUCCESS_BODY),
    Check::must("QA-05", SECURITY, &signature::DOCUMENTED),
    Check::must("QA-06", SECURITY, &signature::AS_SENT),
    Check::should("QA-07", SECURITY, &signature::PREFIXED),
    Check::should("QA-08", SECURITY, &signature::HEADER_ONLY),
    Check::should("QA-09", SECURITY, &signature::QUERY_ONLY),
    Check::must("QA-10", SECURITY, &signature::BAD),
    Check::must("QA-11", SECURITY, &signature::MISSING),
    Check::should("QA-12", SECURITY, &signature::REPEATED),
    Check::must("QA-13", SECURITY, &signature::OTHER_KEY),
    Check::must("QA-14", SECURITY, &signature::TAMPERED),
    Check::must("QA-15", SECURITY, &signature::STALE),
    Check::should("QA-16", SECURITY, &signature::FUTURE),
    Check::must("QA-17", SECURITY, &signature::UNTIMED),
    Check::must("QA-18", FAILURE, &form::UNKNOWN_ACTION),
    Check::must("QA-19", CONVENTION, &form::UNKNOWN_PARAMETER),
    Check::should("QA-20", SECURITY, &form::REPEATED_PARAMETER),
    Check::should("QA-21", CONVENTION, &form::UNUSUAL_TEXT),
    Check::must("QA-22", CREATE, &orders::CREATE).live(),
    Check::must("QA-23", CREATE, &shape::INSTANCE_ID).live(),
    Check::must("QA-24", CREATE, &shape::APP_INFO).live(),
    Check::should("QA-25", CREATE, &shape::URLS).live(),
    Check::should("QA-26", CREATE, &orders::CREATE_MISSING).live(),
    Check::should("QA-27", CREATE, &orders::BAD_PERIOD).live(),
    Check::must("QA-28", CREATE, &orders::WRONG_PRODUCT).live(),
    Check::must("QA-29", RENEWAL, &life::RENEW_UNKNOWN).live(),
    Check::must("QA-30", UPGRADE, &life::UPGRADE_UNKNOWN).live(),
    Check::should("QA-31", EXPIRE, &life::EXPIRE_UNKNOWN).live(),
    Check::should("QA-32", DELETE, &life::DELETE_UNKNOWN).live(),
    Check::should("QA-33", CONVENTION, &life::MISSING),
    Check::must("QA-34", RETRY, &orders::REPEAT).live(),
    Check::should("QA-35", RETRY, &orders::SAME_BODY).live(),
    Check::must("QA-36", RETRY, &orders::PARALLEL).live(),
    Check::must("QA-37", RETRY, &orders::LOST).live(),
    Check::must("QA-38", CREATE, &orders::OTHER_ORDER).live(),
    Check::should("QA-39", RETRY, &orders::CONFLICT).live(),
    Check::must("QA-40", CREATE, &orders::OPTIONAL).live(),
    Check::should("QA-41", UNNAMED, &orders::WITHOUT_ORDER_ID).live(),
    Check::must("QA-42", RENEWAL, &life::RENEW).live(),
    Check::must("QA-43", RETRY, &life::SAME_ORDER_OTHER_KIND).live(),
    Check::should("QA-44", RETRY, &life::RENEW_CONFLICT).live(),
    Check::must("QA-45", UPGRADE, &life::UPGRADE).live(),
    Check::must("QA-46", EXPIRE, &life::EXPIRE).live(),
    Check::must("QA-47", RENEWAL, &life::BRING_BACK).live(),
    Check::must("QA-48", DELETE, &life::DELETE).live(),
    Check::must("QA-49", SECURITY, &life::OTHER_PRODUCTS).live(),
    Check::should("QA-50", SECURITY, &form::BROKEN_ENCODING),
    Check::should("QA-51", SECURITY, &form::EMPTY_QUERY),
    Check::should("QA-52", CONVENTION, &form::OTHER_METHOD),
    Check::should("QA-53", CONVENTION, &form::LONG_QUERY),
    Check::should("QA-54", CONVENTION, &form::NUL),
    Check::must("QA-55", CONVENTION, &signature::STILL_GOOD),
    Check::must("QA-56", CONVENTION, &form::IN_TIME),
];
