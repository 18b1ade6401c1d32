//! The checks of QingCloud Market. Facts: the protocol sheet of `qingcloud-market`.

use super::qingcloud::{form, life, orders, shape, signature};
use super::{Check, Clause};

const OVERVIEW: Clause = Clause {
    page: ["overview", "概述"],
    section: "docs/dialects/qingcloud-market.md#what-the-market-calls",
};
const SECURITY: Clause = Clause {
    page: ["security", "安全"],
    section: "docs/dialects/qingcloud-market.md#the-signature",
};
const CREATE: Clause = Clause {
    page: ["create", "新购"],
    section: "docs/dialects/qingcloud-market.md#what-the-market-calls",
};
const RENEWAL: Clause = Clause {
    page: ["renewal", "续费"],
    section: "docs/dialects/qingcloud-market.md#what-the-market-calls",
};
const UPGRADE: Clause = Clause {
    page: ["upgrade", "升级"],
    section: "docs/dialects/qingcloud-market.md#what-the-market-calls",
};
const EXPIRE: Clause = Clause {
    page: ["expire", "到期"],
    section: "docs/dialects/qingcloud-market.md#what-the-market-calls",
};
const DELETE: Clause = Clause {
    page: ["delete", "删除"],
    section: "docs/dialects/qingcloud-market.md#what-the-market-calls",
};
const CONNECT: Clause = Clause {
    page: ["connect", "连接测试"],
    section: "docs/dialects/qingcloud-market.md#what-the-market-calls",
};

const FAILURE: Clause = Clause {
    page: OVERVIEW.page,
    section: "docs/dialects/qingcloud-market.md#when-it-says-no",
};

/// In the order in which they run; an id is never given to another check.
pub(super) const CHECKS: &[Check] = &[
    Check::must("QM-01", CONNECT, &form::REACHABLE),
    Check::should("QM-02", OVERVIEW, &form::CONTENT_TYPE),
    Check::should("QM-03", FAILURE, &form::REFUSAL_TYPE),
    Check::should("QM-04", CONNECT, &form::SUCCESS_BODY),
    Check::must("QM-05", SECURITY, &signature::DOCUMENTED),
    Check::should("QM-06", SECURITY, &signature::AS_SENT),
    Check::must("QM-07", SECURITY, &signature::BAD),
    Check::must("QM-08", SECURITY, &signature::MISSING),
    Check::should("QM-09", SECURITY, &signature::REPEATED),
    Check::must("QM-10", SECURITY, &signature::OTHER_KEY),
    Check::must("QM-11", SECURITY, &signature::TAMPERED),
    Check::must("QM-12", SECURITY, &signature::STALE),
    Check::should("QM-13", SECURITY, &signature::FUTURE),
    Check::must("QM-14", SECURITY, &signature::UNTIMED),
    Check::must("QM-15", FAILURE, &form::NEVER_200),
    Check::must("QM-16", FAILURE, &form::UNKNOWN_ACTION),
    Check::must("QM-17", OVERVIEW, &form::UNKNOWN_PARAMETER),
    Check::should("QM-18", SECURITY, &form::REPEATED_PARAMETER),
    Check::must("QM-19", OVERVIEW, &orders::OPTIONAL_TEST),
    Check::should("QM-20", OVERVIEW, &form::UNUSUAL_TEXT),
    Check::must("QM-21", OVERVIEW, &orders::CREATE),
    Check::must("QM-22", CREATE, &shape::INSTANCE_ID),
    Check::must("QM-23", CREATE, &shape::INSTANCE_INFO),
    Check::should("QM-24", CREATE, &shape::URLS),
    Check::must("QM-25", OVERVIEW, &orders::DRY_REPEAT),
    Check::must("QM-26", CREATE, &orders::NO_ORDER),
    Check::should("QM-27", CREATE, &orders::CREATE_MISSING),
    Check::should("QM-28", CREATE, &orders::BAD_PERIOD),
    Check::must("QM-29", CREATE, &orders::WRONG_PRODUCT),
    Check::must("QM-30", RENEWAL, &life::RENEW_UNKNOWN),
    Check::must("QM-31", UPGRADE, &life::UPGRADE_UNKNOWN),
    Check::should("QM-32", EXPIRE, &life::EXPIRE_UNKNOWN),
    Check::should("QM-33", DELETE, &life::DELETE_UNKNOWN),
    Check::should("QM-34", OVERVIEW, &life::MISSING),
    Check::must("QM-35", OVERVIEW, &orders::DEBUG_MAKES_NOTHING).live(),
    Check::must("QM-36", CREATE, &orders::REPEAT).live(),
    Check::should("QM-37", CREATE, &orders::SAME_BODY).live(),
    Check::must("QM-38", CREATE, &orders::PARALLEL).live(),
    Check::must("QM-39", CREATE, &orders::LOST).live(),
    Check::must("QM-40", CREATE, &orders::OTHER_ORDER).live(),
    Check::should("QM-41", CREATE, &orders::CONFLICT).live(),
    Check::must("QM-42", CREATE, &orders::OPTIONAL).live(),
    Check::must("QM-43", RENEWAL, &life::RENEW).live(),
    Check::must("QM-44", RENEWAL, &life::SAME_ORDER_OTHER_KIND).live(),
    Check::should("QM-45", RENEWAL, &life::RENEW_CONFLICT).live(),
    Check::must("QM-46", UPGRADE, &life::UPGRADE).live(),
    Check::must("QM-47", EXPIRE, &life::EXPIRE).live(),
    Check::must("QM-48", RENEWAL, &life::BRING_BACK).live(),
    Check::must("QM-49", DELETE, &life::DELETE).live(),
    Check::must("QM-50", SECURITY, &life::OTHER_PRODUCTS).live(),
    Check::should("QM-51", SECURITY, &form::BROKEN_ENCODING),
    Check::should("QM-52", SECURITY, &form::EMPTY_QUERY),
    Check::should("QM-53", OVERVIEW, &form::OTHER_METHOD),
    Check::should("QM-54", OVERVIEW, &form::LONG_QUERY),
    Check::should("QM-55", OVERVIEW, &form::NUL),
    Check::must("QM-56", OVERVIEW, &signature::STILL_GOOD),
    Check::must("QM-57", OVERVIEW, &form::IN_TIME),
];
