//! What the nouns' files share: extractors that refuse in our words, pages, moments.

use axum::extract::{FromRequest, FromRequestParts};
use serde::{Deserialize, Serialize};
use turnkey_core::UtcMillis;
use utoipa::ToSchema;

use crate::http::admin::failure::Failure;

/// Rows on a page unless `limit` says otherwise.
pub const PAGE_USUAL: usize = 50;

/// Most rows on a page: some hundred kilobytes, and a look at the store that takes milliseconds.
pub const PAGE_MAX: usize = 500;

/// The query of a request.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Failure))]
#[allow(dead_code, reason = "a seam for the nouns that are on their way")]
pub(super) struct Query<T>(pub(super) T);

/// The parts of the path that vary.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Failure))]
#[allow(dead_code, reason = "a seam for the nouns that are on their way")]
pub(super) struct Path<T>(pub(super) T);

/// The body of a request, or of an answer.
#[derive(FromRequest)]
#[from_request(via(axum::Json), rejection(Failure))]
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> axum::response::IntoResponse for Json<T> {
    fn into_response(self) -> axum::response::Response {
        axum::Json(self.0).into_response()
    }
}

/// What a handler ends with.
pub(super) type Answer<T> = Result<Json<T>, Failure>;

/// One page of a list, newest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// What to put into `after` to get the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
}

/// A moment as text, in UTC with milliseconds.
#[must_use]
pub fn stamp(at: UtcMillis) -> String {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(at) => format!("{at:.3}"),
        // Beyond the year 9999 there is no text; the number still says it.
        Err(_) => at.0.to_string(),
    }
}
