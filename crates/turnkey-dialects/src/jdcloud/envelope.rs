//! Every answer of a JD Cloud OpenAPI (jdcloud-openapi.md §3, §4): `{requestId, result}` with 200,
//! or `{requestId, error}` with the status that the error has.

use serde_json::{Map, Value, json};
use turnkey_core::limits::cut;
use turnkey_core::{Fault, FaultKind};

use crate::{ExchangeId, Reply};

/// Nothing else is read by the SDKs, and Java's fails without it (§3, rule 3).
const CONTENT_TYPE: &str = "application/json; charset=utf-8";

/// The header that repeats the body's `requestId`.
const REQUEST_ID: &str = "x-jdcloud-request-id";

/// How long a caller is asked to wait where waiting helps.
const RETRY_AFTER_S: u32 = 1;

/// A success. `result` must have a member: an empty one is none for the Python SDK (§3, rule 4).
pub(crate) fn success(result: &Value, exchange: &ExchangeId) -> Reply {
    reply(
        200,
        &json!({"requestId": exchange.as_str(), "result": result}),
        exchange,
    )
}

/// A failure; the operator's note stays here.
pub(crate) fn failure(fault: &Fault, exchange: &ExchangeId) -> Reply {
    let (code, status) = row(fault);
    let message = match fault.code {
        // §4.2: the gateway's own words.
        "body_too_long" => "Payload too large".to_owned(),
        "query_too_long" => "URI too long".to_owned(),
        "api_unknown" => "no route and no API found with those values".to_owned(),
        _ => cut(&fault.message),
    };
    let error = json!({"code": code, "status": status, "message": message});
    let body = json!({"requestId": exchange.as_str(), "error": error});
    Reply {
        retry_after_s: (fault.kind == FaultKind::Busy).then_some(RETRY_AFTER_S),
        ..reply(code, &body, exchange)
    }
}

fn reply(status: u16, body: &Value, exchange: &ExchangeId) -> Reply {
    Reply {
        content_type: CONTENT_TYPE.to_owned(),
        headers: vec![(REQUEST_ID, exchange.as_str().to_owned())],
        ..Reply::json(status, body)
    }
}

/// The row of the tables of errors (§4.1, §4.2, jdcloud-bastion.md §4) that a fault has.
fn row(fault: &Fault) -> (u16, &'static str) {
    match (fault.kind, fault.code) {
        (_, "body_too_long") => (413, "HTTP_REQUEST_ENTITY_TOO_LARGE"),
        (_, "query_too_long") => (414, "HTTP_URI_TOO_LONG"),
        (FaultKind::Malformed, "value_out_of_range" | "quantity_out_of_range") => {
            (400, "OUT_OF_RANGE")
        }
        (FaultKind::Malformed | FaultKind::Unsupported, _) => (400, "INVALID_ARGUMENT"),
        (FaultKind::Unauthentic, _) => (401, "ACCESS_ERROR"),
        (FaultKind::Unknown, _) => (404, "NOT_FOUND"),
        (FaultKind::Conflict, "order_content_differs") => (409, "ALREADY_EXISTS"),
        (FaultKind::Conflict, _) => (400, "FAILED_PRECONDITION"),
        (FaultKind::Upstream, _) => (409, "ABORTED"),
        (FaultKind::Busy, _) => (503, "UNAVAILABLE"),
        (FaultKind::Bug, _) => (500, "INTERNAL"),
    }
}

/// The result of an answer.
///
/// # Errors
/// With the fault that a caller sees; an error in a 200 is one too (§3.1), and what is no envelope
/// is `reply_malformed`.
pub(crate) fn result(reply: &Reply) -> Result<Map<String, Value>, Fault> {
    let not_understood = |why: &str| {
        let message = format!("the cloud's answer is none: {why}");
        Fault::busy("reply_malformed", message)
    };
    let body: Map<String, Value> = serde_json::from_slice(&reply.body)
        .map_err(|_| not_understood("the body is no JSON object"))?;
    if let Some(Value::Object(error)) = body.get("error") {
        return Err(heard(reply.status, error));
    }
    match body.get("result") {
        Some(Value::Object(result)) if reply.status == 200 => Ok(result.clone()),
        _ => Err(not_understood("it has neither result nor error")),
    }
}

fn heard(status: u16, error: &Map<String, Value>) -> Fault {
    let text = |name| error.get(name).and_then(Value::as_str).unwrap_or_default();
    let code = error.get("code").and_then(Value::as_u64);
    let code = code.and_then(|code| u16::try_from(code).ok());
    let kind = match (code.unwrap_or(status), text("status")) {
        (400, "FAILED_PRECONDITION") | (409, "ALREADY_EXISTS") => FaultKind::Conflict,
        (400 | 413 | 414, _) => FaultKind::Malformed,
        (401 | 403, _) => FaultKind::Unauthentic,
        (404, _) => FaultKind::Unknown,
        (409, _) => FaultKind::Upstream,
        _ => FaultKind::Busy,
    };
    let code = if kind == FaultKind::Busy {
        "vendor_busy"
    } else {
        "vendor_refused"
    };
    let (status, message) = (crate::text::quoted(text("status")), text("message"));
    let message = format!(
        "the cloud refused: {status} {}",
        crate::text::quoted(message)
    );
    Fault::new(kind, code, message)
}
