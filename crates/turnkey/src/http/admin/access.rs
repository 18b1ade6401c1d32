//! An access as the admin API spells it: the same words as drivers are spoken to in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use turnkey_core::{Access, Login};
use utoipa::ToSchema;

/// What a buyer logs in with. Every part is optional.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccessBody {
    /// Where the buyer's people work.
    #[serde(skip_serializing_if = "LoginBody::is_empty")]
    pub front_end: LoginBody,
    /// Where the buyer administers.
    #[serde(skip_serializing_if = "LoginBody::is_empty")]
    pub admin: LoginBody,
    /// Where a signed-on buyer is sent without a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_url: Option<String>,
    /// Whatever else the vendor hands over.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, String>,
}

/// One address with its account.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LoginBody {
    /// The address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The account's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The account's password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

impl LoginBody {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl From<AccessBody> for Access {
    fn from(body: AccessBody) -> Self {
        let login = |login: LoginBody| Login {
            url: login.url,
            username: login.username,
            password: login.password,
        };
        Self {
            front_end: login(body.front_end),
            admin: login(body.admin),
            auth_url: body.auth_url,
            extra: body.extra,
        }
    }
}

impl From<Access> for AccessBody {
    fn from(access: Access) -> Self {
        let login = |login: Login| LoginBody {
            url: login.url,
            username: login.username,
            password: login.password,
        };
        Self {
            front_end: login(access.front_end),
            admin: login(access.admin),
            auth_url: access.auth_url,
            extra: access.extra,
        }
    }
}
