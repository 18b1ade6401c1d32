//! How the admin API says no: `{"error":{"code","message"}}`, with a code that does not change.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use serde::{Deserialize, Serialize};
use turnkey_core::{Fault, FaultKind};
use utoipa::ToSchema;

/// When whoever is told to come again should do so.
const RETRY_AFTER_S: u16 = 1;

/// The body of every answer that is no success.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorView,
}

/// What went wrong.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ErrorView {
    /// A word that does not change, for programs.
    #[schema(examples("instance_unknown"))]
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

/// A refusal on its way out.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Failure {
    /// A refusal in HTTP's own terms.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }
}

impl Failure {
    /// Its code and message.
    pub(super) fn view(self) -> ErrorView {
        ErrorView {
            code: self.code.to_owned(),
            message: self.message,
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let status = match fault.kind {
            FaultKind::Malformed => StatusCode::BAD_REQUEST,
            FaultKind::Unauthentic => StatusCode::UNAUTHORIZED,
            FaultKind::Unknown => StatusCode::NOT_FOUND,
            FaultKind::Conflict => StatusCode::CONFLICT,
            FaultKind::Unsupported => StatusCode::UNPROCESSABLE_ENTITY,
            FaultKind::Busy => StatusCode::SERVICE_UNAVAILABLE,
            FaultKind::Upstream => StatusCode::BAD_GATEWAY,
            FaultKind::Bug => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let (code, note) = (fault.code, fault.note.as_deref());
        if fault.kind == FaultKind::Bug {
            tracing::error!(code, note, "broken rule of ours in the admin API");
        } else if status.is_server_error() {
            tracing::warn!(code, note, "the admin API could not serve: {fault}");
        }
        Self::new(status, code, fault.message)
    }
}

impl From<QueryRejection> for Failure {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), "query_wrong", rejection.body_text())
    }
}

impl From<PathRejection> for Failure {
    fn from(rejection: PathRejection) -> Self {
        Self::new(rejection.status(), "path_wrong", rejection.body_text())
    }
}

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), "body_wrong", rejection.body_text())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = self.status;
        let error = self.view();
        let mut response = (status, Json(ErrorBody { error })).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, bearer);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
        }
        response
    }
}
