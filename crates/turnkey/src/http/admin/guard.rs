//! Who is calling, and whether they may.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hyper::http::request::Parts;
use hyper::{HeaderMap, StatusCode, header};
use subtle::ConstantTimeEq as _;

use crate::config::{Role, token_hash};
use crate::http::admin::Admin;
use crate::http::admin::failure::Failure;

/// Whoever came in, by the token that they had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The token's name: what the audit says.
    pub name: String,
    /// What it opens.
    pub role: Role,
}

/// Lets a request pass when its token opens `least`, and tells the handler whose it is.
pub(super) async fn guard(
    State((admin, least)): State<(Arc<Admin>, Role)>,
    mut request: Request,
    next: Next,
) -> Response {
    match admin.caller(request.headers(), least) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(failure) => failure.into_response(),
    }
}

impl Admin {
    /// Whose token it is, when it opens `least`. What is wrong with a token is not told.
    pub(super) fn caller(&self, headers: &HeaderMap, least: Role) -> Result<Caller, Failure> {
        let Some(caller) = bearer(headers).and_then(|token| self.caller_with(token)) else {
            if let Some(left_out) = self.refused.may_log(self.clock.now().wall) {
                tracing::warn!(left_out, "refused a call at the admin API: no good token");
            }
            let message = "send a good token: authorization: Bearer <token>";
            return Err(Failure::new(
                StatusCode::UNAUTHORIZED,
                "token_wrong",
                message,
            ));
        };
        if caller.role < least {
            let message = format!(
                "the token {:?} is a {}'s; this needs role {}",
                caller.name,
                caller.role.name(),
                least.name()
            );
            return Err(Failure::new(StatusCode::FORBIDDEN, "role_low", message));
        }
        Ok(caller)
    }

    /// Every token is compared, and every one as long as the others.
    fn caller_with(&self, token: &str) -> Option<Caller> {
        let hash = token_hash(token);
        let tokens = self.tokens.load();
        let mut found = None;
        for known in tokens.iter() {
            if bool::from(known.hash.ct_eq(&hash)) {
                found = Some(known);
            }
        }
        found.map(|known| Caller {
            name: known.name.clone(),
            role: known.role,
        })
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Behind [`guard`] there always is a caller.
impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| {
            let message = "send a good token: authorization: Bearer <token>";
            Failure::new(StatusCode::UNAUTHORIZED, "token_wrong", message)
        })
    }
}
