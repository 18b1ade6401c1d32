//! `instances`: what buyers got. What they log in with is on a route of its own, for operators, and
//! every look is kept as an event.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use turnkey_core::find::{InstanceFilter, OperationFilter};
use turnkey_core::{
    About, Call, Ends, EventKind, HistoryRow, Instance, InstanceId, InstanceState, Intent, Reason,
};
use utoipa::{IntoParams, ToSchema};

use crate::http::admin::access::AccessBody;
use crate::http::admin::failure::Failure;
use crate::http::admin::operations::{self, OperationView};
use crate::http::admin::wire::{
    Answer, Json, PAGE_MAX, Page, Path, Query, limit, named, page, stamp,
};
use crate::http::admin::{Admin, Caller};

/// Rows of the history that one view shows, the newest.
const HISTORY_SHOWN: u64 = 100;

/// What a buyer got. What the buyer logs in with is not shown.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct InstanceView {
    /// Its name, for us and for the marketplace.
    pub id: String,
    /// The listing that created it.
    pub listing: String,
    /// What it is an instance of.
    pub product: String,
    /// The plan that it has now.
    pub plan: String,
    /// Who paid.
    pub buyer: String,
    /// `provisioning`, `running`, `suspended`, `failed`, `releasing` or `released`.
    pub state: String,
    /// Why it should not run: `term`, `marketplace`, `operator`.
    pub reasons: Vec<String>,
    /// From when it is paid for.
    pub term_starts_at: String,
    /// Until when.
    pub term_ends_at: String,
    /// The order that made it.
    pub order: String,
}

/// One instance with what only one view shows.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct InstanceDetail {
    /// The instance.
    #[serde(flatten)]
    pub instance: InstanceView,
    /// Whether its driver ever delivered it.
    pub delivered: bool,
    /// Whether there is something to log in with.
    pub has_access: bool,
    /// When the newest suspension was carried out.
    pub suspended_at: Option<String>,
    /// What our own clock does with it, where its term is ours to end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subscription: Option<SubscriptionView>,
    /// What else the marketplace handed on.
    pub context: BTreeMap<String, String>,
    /// Work that is left to do on it.
    pub operations: Vec<OperationView>,
    /// What happened to it, oldest first; of a long life the newest hundred rows.
    pub history: Vec<HistoryView>,
    /// How often it changed.
    pub version: u64,
}

/// What our own clock does with an instance.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SubscriptionView {
    /// The period that was bought, and that a renewal buys again.
    pub period: String,
    /// When the period that runs now began, by the business clock.
    pub period_from: String,
    /// Whether it is renewed at the end of its term.
    pub renews: bool,
    /// What comes next: `term` (a reminder, or the end), `grace` (its removal) or `over`.
    pub stage: String,
    /// When it is looked at next, by the business clock; absent when nothing comes any more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub look_at: Option<String>,
    /// Where ends of terms lie: `exact`, or `end-of-day`.
    pub ends: String,
    /// How long it is kept after its end, in milliseconds.
    pub grace_ms: u64,
}

/// One committed change of an instance.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct HistoryView {
    /// The instance's version after it.
    pub version: u64,
    /// When, by the wall clock.
    pub at: String,
    /// When, by the business clock.
    pub at_business: String,
    /// What kind of work it was about.
    pub kind: String,
    /// How far that work came.
    pub step: String,
    /// For which order.
    pub order: Option<String>,
}

/// Which instances.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct InstanceQuery {
    /// Rows on the page: 50 unless said otherwise, 500 at the most.
    limit: Option<usize>,
    /// The page behind this one: what `next` said.
    after: Option<String>,
    /// Only of this listing.
    listing: Option<String>,
    /// Only in this state.
    state: Option<String>,
    /// Only of this buyer.
    buyer: Option<String>,
}

/// Instances, newest first by their ids; imported ones stand where their own ids put them.
#[utoipa::path(get, path = "/api/v1/instances", tag = "instances", params(InstanceQuery),
    responses((status = OK, body = Page<InstanceView>)))]
pub(super) async fn list(
    State(admin): State<Arc<Admin>>,
    Query(query): Query<InstanceQuery>,
) -> Answer<Page<InstanceView>> {
    let filter = InstanceFilter {
        listing: query.listing,
        state: named(
            "state",
            query.state,
            &InstanceState::ALL,
            InstanceState::name,
        )?,
        buyer: query.buyer,
    };
    let before = query.after.map(InstanceId::new);
    let limit = limit(query.limit)?;
    let found = admin.store.instance_find(filter, before, limit).await?;
    Ok(Json(page(&found, view, InstanceId::as_str)))
}

/// One instance, with its history and the work that is left.
#[utoipa::path(get, path = "/api/v1/instances/{id}", tag = "instances",
    params(("id" = String, Path)), responses((status = OK, body = InstanceDetail)))]
pub(super) async fn show(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Answer<InstanceDetail> {
    let instance = admin.instance(&id).await?;
    let behind = instance.version.saturating_sub(HISTORY_SHOWN);
    let shown = usize::try_from(HISTORY_SHOWN).unwrap_or(usize::MAX);
    let history = admin
        .store
        .history_list(instance.id.clone(), behind, shown)
        .await?;
    let filter = OperationFilter {
        instance: Some(instance.id.clone()),
        ..OperationFilter::default()
    };
    let left = admin.store.operation_find(filter, None, PAGE_MAX).await?;
    Ok(Json(InstanceDetail {
        delivered: instance.delivered,
        has_access: instance.access.is_some(),
        suspended_at: instance.suspended_at.map(stamp),
        subscription: admin.subscription(&instance).await?,
        context: instance.context.clone(),
        operations: left.rows.iter().map(operations::view).collect(),
        history: history.iter().map(history_view).collect(),
        version: instance.version,
        instance: view(&instance),
    }))
}

/// What the buyer logs in with. Every look is kept as an event.
#[utoipa::path(get, path = "/api/v1/instances/{id}/access", tag = "instances",
    params(("id" = String, Path)), responses((status = OK, body = AccessBody)))]
pub(super) async fn access(
    State(admin): State<Arc<Admin>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<AccessBody> {
    let instance = admin.instance(&id).await?;
    let Some(access) = instance.access.clone() else {
        let message = format!(
            "instance {id} has no access: it is {}",
            instance.state.name()
        );
        return Err(Failure::new(
            StatusCode::NOT_FOUND,
            "access_absent",
            message,
        ));
    };
    // Kept first: nobody sees what nobody hears of.
    let message = format!("access of {id} read through the admin API");
    admin
        .note(&caller, EventKind::AccessRead, about(&instance), message)
        .await?;
    Ok(Json(AccessBody::from(access)))
}

/// Releases an instance, as the marketplace would.
#[utoipa::path(post, path = "/api/v1/instances/{id}/release", tag = "instances",
    params(("id" = String, Path)), responses((status = OK, body = InstanceView)))]
pub(super) async fn release(
    State(admin): State<Arc<Admin>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<InstanceView> {
    let instance = admin.instance(&id).await?;
    let sold = admin.sold.iter().map(|sold| sold.listed.listing());
    let listing = sold
        .into_iter()
        .find(|listing| listing.name == instance.listing);
    let listing = listing.ok_or_else(|| unknown(&id))?;
    let call = Call::ours(Intent::Release(instance.id.clone()));
    // Kept first: nothing is done by hand that nobody hears of.
    let (kind, message) = (EventKind::OperatorActed, format!("asked to release {id}"));
    admin.note(&caller, kind, about(&instance), message).await?;
    // It is committed when this returns; the driver may take its time.
    admin.desk.submit(&listing, Arc::new(call), 0).await?;
    Ok(Json(view(&admin.instance(&id).await?)))
}

pub(super) fn unknown(id: &str) -> Failure {
    let message = format!("there is no instance {id:?}");
    Failure::new(StatusCode::NOT_FOUND, "instance_unknown", message)
}

impl Admin {
    async fn subscription(&self, instance: &Instance) -> Result<Option<SubscriptionView>, Failure> {
        let Some(listing) = self.listing(&instance.listing) else {
            return Ok(None);
        };
        let Some(own) = listing.own_terms else {
            return Ok(None);
        };
        let found = self.store.subscription_get(instance.id.clone()).await?;
        Ok(found.map(|subscription| SubscriptionView {
            period: subscription.period.to_string(),
            period_from: stamp(subscription.period_from),
            renews: subscription.renews,
            stage: subscription.stage.name().to_owned(),
            look_at: subscription.look_at.map(stamp),
            ends: match listing.ends {
                Ends::Exact => "exact",
                Ends::EndOfDay => "end-of-day",
            }
            .to_owned(),
            grace_ms: own.grace_ms,
        }))
    }

    /// The instance `id`.
    pub(super) async fn instance(&self, id: &str) -> Result<Instance, Failure> {
        let found = self.store.instance_get(InstanceId::new(id)).await?;
        found.ok_or_else(|| unknown(id))
    }
}

/// What an event about `instance` is about.
pub(super) fn about(instance: &Instance) -> About {
    About {
        listing: Some(instance.listing.clone()),
        instance: Some(instance.id.clone()),
        ..About::default()
    }
}

pub(super) fn view(instance: &Instance) -> InstanceView {
    let reasons = Reason::ALL.into_iter().filter(|r| instance.reasons.has(*r));
    InstanceView {
        id: instance.id.to_string(),
        listing: instance.listing.clone(),
        product: instance.product.clone(),
        plan: instance.plan.clone(),
        buyer: instance.buyer.clone(),
        state: instance.state.name().to_owned(),
        reasons: reasons.map(|reason| reason.name().to_owned()).collect(),
        term_starts_at: stamp(instance.term.starts_at),
        term_ends_at: stamp(instance.term.ends_at),
        order: instance.order.to_string(),
    }
}

fn history_view(row: &HistoryRow) -> HistoryView {
    HistoryView {
        version: row.version,
        at: stamp(row.at.wall),
        at_business: stamp(row.at.business),
        kind: row.kind.name().to_owned(),
        step: row.step.name().to_owned(),
        order: row.order.as_ref().map(ToString::to_string),
    }
}
