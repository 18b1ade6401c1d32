//! A vendor's answer, as the JSON that both QingCloud protocols document: bricks for `hear`.
//!
//! Nothing here quotes a body as a whole: it may hold an account.

use serde_json::{Map, Value};
use turnkey_core::decide::Outcome;
use turnkey_core::{Access, Fault, FaultKind, InstanceId, LinkPart, LinkToken};

use crate::Reply;
use crate::text::quoted;

/// The media type of every answer.
const JSON: &str = "application/json";

/// "Create" of both: an instance id has at most so many characters.
const INSTANCE_ID_CHARS_MAX: usize = 128;

/// The body, when it is a JSON object and says so. What follows the media type does not matter.
///
/// # Errors
/// `reply_malformed`.
pub(crate) fn json_object(reply: &Reply) -> Result<Map<String, Value>, Fault> {
    let media_type = reply.content_type.split(';').next().unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case(JSON) {
        return Err(other_type(reply));
    }
    serde_json::from_slice(&reply.body).map_err(|_| not_understood("the body is no JSON object"))
}

/// The same, for a marketplace that takes nothing behind the media type.
///
/// # Errors
/// `reply_malformed`.
pub(crate) fn bare_json_object(reply: &Reply) -> Result<Map<String, Value>, Fault> {
    if reply.content_type != JSON {
        return Err(other_type(reply));
    }
    json_object(reply)
}

fn other_type(reply: &Reply) -> Fault {
    let found = quoted(&reply.content_type);
    not_understood(&format!("Content-Type is {found}, not {JSON}"))
}

/// Checks that `success`, where it is there, is true.
///
/// # Errors
/// `vendor_refused` when it is false, `reply_malformed` when it is neither.
pub(crate) fn check_success(body: &Map<String, Value>) -> Result<(), Fault> {
    match body.get("success") {
        None | Some(Value::Null | Value::Bool(true)) => Ok(()),
        Some(Value::Bool(false)) => {
            let message = format!("the vendor refused{}", said(body));
            Err(Fault::new(FaultKind::Upstream, "vendor_refused", message))
        }
        Some(Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
            Err(not_understood("success is neither true nor false"))
        }
    }
}

/// The instance that a create was answered with.
///
/// # Errors
/// `reply_malformed` when there is none, or when its id is longer than the protocols allow.
pub(crate) fn instance_id(body: &Map<String, Value>) -> Result<InstanceId, Fault> {
    text(body, "instanceId")?
        .filter(|id| id.chars().count() <= INSTANCE_ID_CHARS_MAX)
        .map(InstanceId::new)
        .ok_or_else(|| {
            let rule = format!("instanceId must have 1 to {INSTANCE_ID_CHARS_MAX} characters");
            not_understood(&rule)
        })
}

/// What a create was answered with. Where every address is a holding link and there is no account,
/// the vendor holds the place of an instance that is still to come.
pub(crate) fn created(instance: InstanceId, access: Access) -> Outcome {
    let is_link = |url: &str| LinkToken::in_url(url).is_some();
    let mut urls = LinkPart::ALL.iter().filter_map(|part| part.url(&access));
    let has_account = LinkPart::ALL
        .iter()
        .any(|part| part.account(&access).is_some());
    let is_held = !has_account && urls.next().is_some_and(is_link) && urls.all(is_link);
    if is_held {
        let links = access;
        Outcome::Held { instance, links }
    } else {
        Outcome::Delivered { instance, access }
    }
}

/// A text that may be left out; an empty one says nothing either.
///
/// # Errors
/// `reply_malformed` when it is something else.
pub(crate) fn text(object: &Map<String, Value>, name: &str) -> Result<Option<String>, Fault> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(not_understood(&format!("{name} must be text")))
        }
    }
}

/// An object that may be left out.
///
/// # Errors
/// `reply_malformed` when it is something else.
pub(crate) fn object<'a>(
    body: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<&'a Map<String, Value>>, Fault> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            Err(not_understood(&format!("{name} must be an object")))
        }
    }
}

/// A status other than 200. Both call again whatever it is; these say that it is in vain,
/// and for all others (a proxy's 502 too) the same call may go better next time.
pub(crate) fn refused(reply: &Reply) -> Fault {
    let (kind, code) = match reply.status {
        400 => (FaultKind::Malformed, "vendor_refused"),
        401 | 403 => (FaultKind::Unauthentic, "vendor_refused"),
        404 => (FaultKind::Unknown, "vendor_refused"),
        409 => (FaultKind::Conflict, "vendor_refused"),
        422 => (FaultKind::Unsupported, "vendor_refused"),
        _ => (FaultKind::Busy, "vendor_busy"),
    };
    let body = serde_json::from_slice(&reply.body).unwrap_or_default();
    let message = format!("the vendor answered {}{}", reply.status, said(&body));
    Fault::new(kind, code, message)
}

/// The vendor's own words, where it has any.
fn said(body: &Map<String, Value>) -> String {
    match text(body, "message") {
        Ok(Some(message)) => format!(": {}", quoted(&message)),
        Ok(None) | Err(_) => String::new(),
    }
}

/// An answer that no documentation has. Success is never guessed, and asking again is safe.
pub(crate) fn not_understood(why: &str) -> Fault {
    let message = format!("the vendor's answer is none: {why}");
    Fault::busy("reply_malformed", message)
}
