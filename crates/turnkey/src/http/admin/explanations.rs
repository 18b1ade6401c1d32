//! `calls/{id}/explanation`: why a refused call's signature does not match. The keys stay here; what
//! should have been signed is shown to operators, never to a caller.

use std::sync::Arc;

use axum::extract::State;
use hyper::StatusCode;
use secrecy::SecretString;
use turnkey_core::{About, EventKind, Fault, Listing, UtcMillis};
use turnkey_dialects::Request;
use turnkey_dialects::explain::{Candidate, Case, Explain};
use turnkey_store::LoggedCall;

use crate::explained::{ExplanationView, FindingView};
use crate::http::admin::calls::{captured, found};
use crate::http::admin::failure::Failure;
use crate::http::admin::wire::{Answer, Json, Path};
use crate::http::admin::{Admin, Caller, ErrorBody};
use crate::watch::captured::Captured;
use crate::words::catalogue;

/// Why the call's signature is what it is. Every look is kept as an event.
#[utoipa::path(get, path = "/api/v1/calls/{id}/explanation", tag = "calls",
    params(("id" = String, Path, description = "The call's name.")),
    responses((status = OK, body = ExplanationView), (status = NOT_FOUND, body = ErrorBody),
        (status = CONFLICT, body = ErrorBody)))]
pub(super) async fn explanation(
    State(admin): State<Arc<Admin>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<ExplanationView> {
    let call = found(&admin, &id).await?;
    let request = captured(&call)?;
    let mut sold = admin.sold.iter();
    let sold = sold.find(|sold| sold.listed.listing().name == call.listing);
    let doctor = sold.and_then(|sold| Some((sold, sold.dialect.faces().explain?)));
    let Some((sold, doctor)) = doctor else {
        let message = format!("listing {:?} is not sold here any more", call.listing);
        return Err(Failure::new(StatusCode::NOT_FOUND, "call_unknown", message));
    };
    let about = About {
        listing: Some(call.listing.clone()),
        ..About::default()
    };
    // Kept first: nobody sees what nobody hears of.
    let message = format!("signature of call {id} explained through the admin API");
    let kind = EventKind::OperatorActed;
    admin.note(&caller, kind, about, message).await?;
    let listing = sold.listed.listing();
    let mut keys = keys(&listing, true);
    for other in &admin.sold {
        let other = other.listed.listing();
        if other.name != listing.name {
            keys.extend(self::keys(&other, false));
        }
    }
    let (name, at) = (sold.dialect.card().name, call.at);
    let explain = move || explained(doctor, (name, &listing), &request, &keys, at);
    let view = tokio::task::spawn_blocking(explain).await;
    let lost = |error: tokio::task::JoinError| Fault::bug(error.to_string());
    let mut view = view.map_err(lost)?;
    view.also.extend(refused(&call, &view));
    Ok(Json(view))
}

/// Why the server refused `call`, where that is not about its signature and `view` does not say it.
fn refused(call: &LoggedCall, view: &ExplanationView) -> Option<FindingView> {
    let is_refused = !matches!(call.result.as_str(), "ok" | "not_ready");
    let code = call.code.as_ref().filter(|_| is_refused)?;
    let is_said = view.also.iter().any(|finding| finding.code == *code)
        || (code.starts_with("signature_") && view.verdict != "good");
    let row = catalogue::find(code);
    let (en, zh) = row.map_or((code.as_str(), code.as_str()), |row| (row.en, row.zh));
    let status = call.status;
    (!is_said).then(|| FindingView {
        code: code.clone(),
        en: format!("the call was refused with {status}: {en}"),
        zh: format!("调用被拒绝，应答 {status}：{zh}"),
    })
}

/// A key, and where it is from.
struct Kept {
    label: String,
    access_key: Option<String>,
    secret: SecretString,
    is_own: bool,
}

/// The keys of `listing`, and the secrets of those who buy there.
fn keys(listing: &Listing, is_own: bool) -> Vec<Kept> {
    let name = &listing.name;
    let own = (1..).zip(&listing.keys).map(|(place, key)| Kept {
        label: format!("listing {name}, key {place}"),
        access_key: None,
        secret: key.secret().clone(),
        is_own,
    });
    let accounts = listing.storefront.iter();
    let accounts = accounts.flat_map(|front| front.accounts.iter());
    let secrets = accounts.flat_map(|account| {
        account.secrets.iter().map(move |secret| Kept {
            label: format!("account {}", account.name),
            access_key: Some(account.access_key.clone()),
            secret: secret.secret().clone(),
            is_own,
        })
    });
    own.chain(secrets).collect()
}

fn explained(
    doctor: &dyn Explain,
    (name, listing): (&str, &Listing),
    request: &Captured,
    keys: &[Kept],
    now: UtcMillis,
) -> ExplanationView {
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_slice()))
        .collect();
    let signed = request.header("authorization").unwrap_or_default();
    // Of many accounts, the one that is named comes first: only so many keys are tried.
    let is_named = |key: &&Kept| {
        let key = key.access_key.as_ref();
        key.is_none_or(|key| signed.contains(&format!("Credential={key}/")))
    };
    let (first, last): (Vec<_>, Vec<_>) = keys.iter().partition(is_named);
    let candidates: Vec<_> = first
        .into_iter()
        .chain(last)
        .map(|key| Candidate {
            label: &key.label,
            access_key: key.access_key.as_deref(),
            secret: &key.secret,
            is_own: key.is_own,
        })
        .collect();
    let case = Case {
        keys: &candidates,
        product_code: listing.product_code.as_deref(),
        clock_skew_ms: listing.clock_skew_ms,
        now,
        at_server: true,
    };
    let request = Request {
        method: &request.method,
        path: &request.path,
        query: &request.query,
        headers: &headers,
        body: &request.body,
    };
    ExplanationView::new(name, doctor.explain(&request, &case))
}
