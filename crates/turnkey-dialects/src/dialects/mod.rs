//! The registry: every dialect, by name. Adding one is one word here (docs/adding-a-dialect.md).

use crate::Dialect;

/// Each word is a file beside this one, and its `DIALECT` is in the list.
macro_rules! dialects {
    ($($file:ident)+) => {
        $(mod $file;)+
        static DIALECTS: &[&dyn Dialect] = &[$($file::DIALECT),+];
    };
}

dialects! {
    qingcloud_market
    qingcloud_appcenter
    jdcloud_bastion
}

/// Every dialect there is.
#[must_use]
pub fn all() -> &'static [&'static dyn Dialect] {
    DIALECTS
}

/// The dialect called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Dialect> {
    all().iter().copied().find(|d| d.card().name == name)
}
