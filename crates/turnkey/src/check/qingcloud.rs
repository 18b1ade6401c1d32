//! What QingCloud's two protocols have in common: nearly everything but the words.

pub(super) mod form;
pub(super) mod life;
pub(super) mod orders;
pub(super) mod shape;
pub(super) mod signature;

use super::probe::Probe;

/// The words in which they differ. Facts: the protocol sheets, "Requests".
struct Tongue {
    /// When a call was signed.
    time: &'static str,
    /// For how long is bought.
    period: &'static str,
    /// A parameter of free text, which TestConnection does not look at.
    text: &'static str,
    /// The parameter that names the product.
    product: &'static str,
    /// What a create must say, the order aside.
    create: &'static [&'static str],
    /// What a renewal must say.
    renew: &'static [&'static str],
    /// What an upgrade must say.
    upgrade: &'static [&'static str],
    /// What a call may leave out, though the documentation lists it.
    optional: &'static [&'static str],
}

static MARKET: Tongue = Tongue {
    time: "timestamp",
    period: "duration",
    text: "spec",
    product: "product_code",
    create: &[
        "qingcloud_uid",
        "product_code",
        "spec",
        "package",
        "duration",
    ],
    renew: &["order_id", "instance_id", "spec", "package", "duration"],
    upgrade: &["order_id", "instance_id", "spec", "package"],
    optional: &["debug"],
};

static APPCENTER: Tongue = Tongue {
    time: "time_stamp",
    period: "period",
    text: "user_id",
    product: "app_id",
    create: &["user_id", "app_id", "spec", "period", "cloud_info"],
    renew: &["order_id", "instance_id", "spec", "period"],
    upgrade: &["instance_id", "spec"],
    optional: &["spec_package", "debug"],
};

fn tongue(probe: &Probe) -> &'static Tongue {
    match probe.card().name {
        "qingcloud-appcenter" => &APPCENTER,
        _ => &MARKET,
    }
}
