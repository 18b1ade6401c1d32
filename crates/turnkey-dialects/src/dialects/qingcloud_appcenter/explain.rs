//! AppCenter's words, for the signature doctor.

use super::{APP_ID, APP_SIGNATURE, CLOUD_INFO, DEBUG, PREFIXES};
use crate::explain::qingcloud::Family;
use crate::moment;

const TIME_STAMP: &str = "time_stamp";

/// "Security": what is signed, for whoever asks why a signature does not match.
pub(super) static EXPLAIN: Family = Family {
    prefixes: &PREFIXES,
    time: TIME_STAMP,
    parse_time: |text| moment::parse(TIME_STAMP, text),
    spell_time: moment::spell,
    other_time: |text| {
        let at = moment::parse(TIME_STAMP, text).ok()?;
        Some(at.0.div_euclid(1000).to_string())
    },
    documented: &[
        "action",
        APP_ID,
        CLOUD_INFO,
        DEBUG,
        "instance_id",
        "order_id",
        "period",
        "spec",
        "spec_package",
        TIME_STAMP,
        "user_id",
    ],
    base64: &["spec", "spec_package", CLOUD_INFO],
    product_code: APP_ID,
    header: Some(APP_SIGNATURE),
};
