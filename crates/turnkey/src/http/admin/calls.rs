//! `calls`: what was asked and how it was answered, signatures, keys and tokens masked.

use std::sync::Arc;

use axum::extract::State;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use turnkey_core::{About, EventKind, Fault};
use turnkey_store::{
    CallFilter, CallLog, CallLogError, CallNumber, LoggedCall, REQUEST_BYTES_KEPT,
};
use utoipa::{IntoParams, ToSchema};

use crate::http::admin::failure::Failure;
use crate::http::admin::wire::{Answer, Json, Page, Path, Query, limit, stamp};
use crate::http::admin::{Admin, Caller, ErrorBody};
use crate::watch::captured::Captured;
use crate::watch::mask::masked;

/// One call and its answer.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CallView {
    /// Its name.
    pub id: String,
    /// When it was answered.
    pub at: String,
    /// Where it came in.
    pub listing: String,
    /// What it asked; `other` where it was refused before that was known.
    pub action: String,
    /// `ok`, `not_ready`, or who must act.
    pub result: String,
    /// The marketplace's name for the order.
    pub order: Option<String>,
    /// The instance.
    pub instance: Option<String>,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The code of the fault; `turnkey why CODE` explains it.
    pub code: Option<String>,
    /// What is worth knowing of a call that was answered with success.
    pub flags: Vec<String>,
    /// Whether it was a dry run.
    pub dry_run: bool,
    /// From its first byte to its answer, in milliseconds.
    pub elapsed_ms: f64,
}

/// One call with what only one view shows.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CallDetail {
    /// The call.
    #[serde(flatten)]
    pub call: CallView,
    /// What the operator was told.
    pub note: Option<String>,
    /// The request as received; signature, keys and tokens are masked.
    pub request: Option<String>,
}

/// The request of one call as it came: it proves who sent it, so it is for operators alone.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct RawCall {
    /// The call.
    pub call: CallView,
    /// The listing's protocol; absent where the listing is no longer configured.
    pub dialect: Option<String>,
    /// Where the marketplace calls the listing; absent likewise.
    pub url: Option<String>,
    /// The request in the form of HTTP/1.1, in base64.
    pub request: String,
}

/// Which calls.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CallQuery {
    /// Rows on the page: 50 unless said otherwise, 500 at the most.
    limit: Option<usize>,
    /// The page behind this one: what `next` said.
    after: Option<String>,
    /// Only at this listing.
    listing: Option<String>,
    /// Only with this action.
    action: Option<String>,
    /// Only with this result.
    result: Option<String>,
    /// Only for this order of the marketplace.
    order: Option<String>,
}

/// What was asked, newest first.
#[utoipa::path(get, path = "/api/v1/calls", tag = "calls", params(CallQuery),
    responses((status = OK, body = Page<CallView>)))]
pub(super) async fn list(
    State(admin): State<Arc<Admin>>,
    Query(query): Query<CallQuery>,
) -> Answer<Page<CallView>> {
    let before = query.after.as_deref().map(number).transpose()?;
    let limit = limit(query.limit)?;
    let filter = CallFilter {
        listing: query.listing,
        action: query.action,
        result: query.result,
        order_key: query.order,
    };
    let look = move |log: &CallLog| log.list(&filter, before, limit + 1);
    let mut calls = looked(&admin, look).await?;
    let is_more = calls.len() > limit;
    calls.truncate(limit);
    let next = calls.last().map(|call| call.number.to_string());
    Ok(Json(Page {
        items: calls.into_iter().map(view).collect(),
        next: next.filter(|_| is_more),
    }))
}

/// One call.
#[utoipa::path(get, path = "/api/v1/calls/{id}", tag = "calls",
    params(("id" = String, Path, description = "The call's name.")),
    responses((status = OK, body = CallDetail), (status = NOT_FOUND, body = ErrorBody)))]
pub(super) async fn show(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Answer<CallDetail> {
    let mut found = found(&admin, &id).await?;
    let (note, request) = (found.note.take(), found.request.take());
    Ok(Json(CallDetail {
        note,
        request: request.as_deref().map(masked),
        call: view(found),
    }))
}

/// One call's request as it came, signature and all. Every look is kept as an event. A request that
/// the log had to cut is not given.
#[utoipa::path(get, path = "/api/v1/calls/{id}/request", tag = "calls",
    params(("id" = String, Path, description = "The call's name.")),
    responses((status = OK, body = RawCall), (status = NOT_FOUND, body = ErrorBody),
        (status = CONFLICT, body = ErrorBody)))]
pub(super) async fn request(
    State(admin): State<Arc<Admin>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<RawCall> {
    let mut found = found(&admin, &id).await?;
    captured(&found)?;
    let request = found.request.take().unwrap_or_default();
    let mut sold = admin.sold.iter();
    let sold = sold.find(|sold| sold.listed.listing().name == found.listing);
    let about = About {
        listing: Some(found.listing.clone()),
        ..About::default()
    };
    // Kept first: nobody sees what nobody hears of.
    let message = format!("request of call {id} read whole through the admin API");
    let kind = EventKind::OperatorActed;
    admin.note(&caller, kind, about, message).await?;
    Ok(Json(RawCall {
        dialect: sold.map(|sold| sold.dialect.card().name.to_owned()),
        url: sold.map(|sold| format!("{}{}", sold.listed.listing().public_url, sold.path)),
        request: BASE64_STANDARD.encode(&request),
        call: view(found),
    }))
}

/// The call's request, taken apart.
///
/// # Errors
/// `call_cut` when the log does not have all of it.
pub(super) fn captured(call: &LoggedCall) -> Result<Captured, Failure> {
    let whole = call.request.as_deref().and_then(Captured::parse);
    whole.ok_or_else(|| {
        let id = call.number.to_string();
        let message = format!(
            "the request of call {id} is not whole: the log keeps the first {REQUEST_BYTES_KEPT} bytes of one"
        );
        Failure::new(StatusCode::CONFLICT, "call_cut", message)
    })
}

/// The call that is named `id`.
pub(super) async fn found(admin: &Arc<Admin>, id: &str) -> Result<LoggedCall, Failure> {
    let unknown = || {
        let message = format!("call {id:?} is not in the log; it keeps 30 days, or a gibibyte");
        Failure::new(StatusCode::NOT_FOUND, "call_unknown", message)
    };
    let number = CallNumber::parse(id).ok_or_else(unknown)?;
    let found = looked(admin, move |log| log.get(number)).await?;
    found.ok_or_else(unknown)
}

fn number(text: &str) -> Result<CallNumber, Failure> {
    CallNumber::parse(text).ok_or_else(|| {
        let message = format!("after {text:?} is not what a page's `next` said");
        Failure::new(StatusCode::BAD_REQUEST, "query_wrong", message)
    })
}

/// Looks into the log on a thread that may wait for a disk.
async fn looked<T: Send + 'static>(
    admin: &Arc<Admin>,
    look: impl FnOnce(&CallLog) -> Result<T, CallLogError> + Send + 'static,
) -> Result<T, Failure> {
    let watch = Arc::clone(&admin.watch);
    let look = move || watch.log.as_ref().map(look);
    let unreadable = |note: String| {
        let message = "the call log cannot be read just now; the log says why";
        Fault::busy("call_log_unavailable", message).noted(note)
    };
    match tokio::task::spawn_blocking(look).await {
        Ok(Some(Ok(found))) => Ok(found),
        Ok(Some(Err(error))) => Err(unreadable(format!("{:#}", anyhow::Error::new(error))).into()),
        Ok(None) => Err(unreadable("it could not be made at the start".to_owned()).into()),
        Err(error) => Err(unreadable(error.to_string()).into()),
    }
}

fn view(call: LoggedCall) -> CallView {
    #[expect(clippy::cast_precision_loss, reason = "shown, not reckoned with")]
    let elapsed_ms = call.elapsed_us as f64 / 1000.0;
    CallView {
        id: call.number.to_string(),
        at: stamp(call.at),
        listing: call.listing,
        action: call.action,
        result: call.result,
        order: call.order_key,
        instance: call.instance,
        status: call.status,
        code: call.code,
        flags: call.flags,
        dry_run: call.dry_run,
        elapsed_ms,
    }
}
