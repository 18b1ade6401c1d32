//! What is measured: each scenario is a sort of request to a sort of server.

use clap::ValueEnum;
use serde::Serialize;

use crate::Keys;

/// A scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// The same HTTP stack, answering a constant.
    Floor,
    /// A call with the parameters of a create that stores nothing.
    Verify,
    /// A create with an immediate driver: one commit.
    Create,
    /// A create whose driver is not immediate: admitted, then completed.
    CreateTwoCommits,
    /// Creates that were all answered before.
    Duplicate,
    /// As create, but each request is a transaction of its own.
    CreateOwnTransaction,
    /// An authentic call of the storefront's API with the body of a purchase that stores nothing.
    OpenapiVerify,
    /// A purchase of one at the storefront, with an immediate driver: one commit.
    OpenapiCreate,
    /// As create, where many orders with ordered keys are stored already.
    CreateRowsOrdered,
    /// As create, where many orders with random keys are stored already.
    CreateRowsRandom,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// `GET /healthz`.
    Constant,
    /// Signed, and stores nothing.
    Ping,
    /// Orders that are new.
    Fresh(Keys),
    /// Orders that are not.
    Repeated,
    /// Signed as JD Cloud does (V3, a JSON body), and stores nothing.
    OpenapiPing,
    /// The same, and buys.
    OpenapiFresh,
}

/// Which server it is sent to. Scenarios with the same server share one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// As shipped.
    Plain,
    /// Its driver takes a moment.
    Slow,
    /// Commits every request by itself.
    OwnTransaction,
    /// Begins with many orders.
    Loaded(Keys),
}

impl Kind {
    /// The name, as in `--json` and `--only`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Verify => "verify",
            Self::Create => "create",
            Self::CreateTwoCommits => "create_two_commits",
            Self::Duplicate => "duplicate",
            Self::CreateOwnTransaction => "create_own_transaction",
            Self::OpenapiVerify => "openapi_verify",
            Self::OpenapiCreate => "openapi_create",
            Self::CreateRowsOrdered => "create_rows_ordered",
            Self::CreateRowsRandom => "create_rows_random",
        }
    }

    /// What is sent.
    pub(crate) fn traffic(self) -> Traffic {
        match self {
            Self::Floor => Traffic::Constant,
            Self::Verify => Traffic::Ping,
            Self::Duplicate => Traffic::Repeated,
            Self::OpenapiVerify => Traffic::OpenapiPing,
            Self::OpenapiCreate => Traffic::OpenapiFresh,
            Self::Create
            | Self::CreateTwoCommits
            | Self::CreateOwnTransaction
            | Self::CreateRowsOrdered => Traffic::Fresh(Keys::Ordered),
            Self::CreateRowsRandom => Traffic::Fresh(Keys::Random),
        }
    }

    /// Where it is sent.
    pub(crate) fn host(self) -> Host {
        match self {
            Self::Floor
            | Self::Verify
            | Self::Create
            | Self::Duplicate
            | Self::OpenapiVerify
            | Self::OpenapiCreate => Host::Plain,
            Self::CreateTwoCommits => Host::Slow,
            Self::CreateOwnTransaction => Host::OwnTransaction,
            Self::CreateRowsOrdered => Host::Loaded(Keys::Ordered),
            Self::CreateRowsRandom => Host::Loaded(Keys::Random),
        }
    }
}

/// The scenarios of a run, in the order in which a round takes them.
pub(crate) fn chosen(only: &[Kind], has_rows: bool, keys: &[Keys]) -> Vec<Kind> {
    let is_possible = |kind: &Kind| match kind.host() {
        Host::Loaded(of) => has_rows && keys.contains(&of),
        Host::Plain | Host::Slow | Host::OwnTransaction => true,
    };
    // What others are measured against.
    let is_base = |kind: &Kind| {
        let base_of_openapi = only
            .contains(&Kind::OpenapiCreate)
            .then_some(Kind::OpenapiVerify);
        *kind == Kind::Verify || Some(*kind) == base_of_openapi
    };
    let is_wanted = |kind: &Kind| only.is_empty() || only.contains(kind) || is_base(kind);
    let all = Kind::value_variants().iter().copied();
    all.filter(is_possible).filter(is_wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loaded_stores_are_measured_when_asked_for() {
        let plain = chosen(&[], false, &[Keys::Ordered]);
        assert!(!plain.contains(&Kind::CreateRowsOrdered));
        let loaded = chosen(&[], true, &[Keys::Ordered]);
        assert!(loaded.contains(&Kind::CreateRowsOrdered));
        assert!(!loaded.contains(&Kind::CreateRowsRandom));
    }

    #[test]
    fn verify_is_always_measured() {
        assert_eq!(
            chosen(&[Kind::Create], false, &[]),
            [Kind::Verify, Kind::Create]
        );
    }
}
