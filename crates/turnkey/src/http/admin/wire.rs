//! What the nouns' files share: extractors that refuse in our words, pages, moments.

use axum::extract::{FromRequest, FromRequestParts};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use turnkey_core::UtcMillis;
use turnkey_core::find::Found;
use utoipa::ToSchema;

use crate::http::admin::failure::Failure;

/// Rows on a page unless `limit` says otherwise.
pub const PAGE_USUAL: usize = 50;

/// Most rows on a page: some hundred kilobytes, and a look at the store that takes milliseconds.
pub const PAGE_MAX: usize = 500;

/// The query of a request.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Failure))]
pub(super) struct Query<T>(pub(super) T);

/// The parts of the path that vary.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Failure))]
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

/// The page that was found, in the words of the API.
pub(super) fn page<T, I, V>(
    found: &Found<T, I>,
    view: impl Fn(&T) -> V,
    text: impl Fn(&I) -> &str,
) -> Page<V> {
    Page {
        items: found.rows.iter().map(view).collect(),
        next: found.next.as_ref().map(|next| text(next).to_owned()),
    }
}

/// How many rows are asked for.
pub(super) fn limit(asked: Option<usize>) -> Result<usize, Failure> {
    match asked.unwrap_or(PAGE_USUAL) {
        limit if (1..=PAGE_MAX).contains(&limit) => Ok(limit),
        limit => {
            let message = format!("limit {limit} is not between 1 and {PAGE_MAX}");
            Err(Failure::new(
                StatusCode::BAD_REQUEST,
                "query_wrong",
                message,
            ))
        }
    }
}

/// The one of `all` that is called `asked`.
pub(super) fn named<T: Copy>(
    what: &str,
    asked: Option<String>,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<Option<T>, Failure> {
    let Some(asked) = asked else { return Ok(None) };
    let found = all.iter().copied().find(|one| name(*one) == asked);
    found.map(Some).ok_or_else(|| {
        let known: Vec<_> = all.iter().map(|one| name(*one)).collect();
        let message = format!("{what} {asked:?} is none of {}", known.join(", "));
        Failure::new(StatusCode::BAD_REQUEST, "query_wrong", message)
    })
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
