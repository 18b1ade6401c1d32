//! `sweeper`: whether our own clock still removes what is over, and a person's word to go on.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use turnkey_core::{About, EventKind, Fault};
use utoipa::ToSchema;

use crate::http::admin::wire::{Answer, Json, stamp};
use crate::http::admin::{Admin, Caller};

/// How our own clock keeps terms.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SweeperView {
    /// `running`, or `stopped`: then nothing is removed, while everything else goes on.
    pub state: String,
    /// Why it is stopped.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// When something is due next, on the business clock; absent where nothing ever is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_due_at: Option<String>,
    /// What is due to be removed, by listing.
    pub removals: Vec<RemovalsView>,
}

/// What is due to be removed at one listing.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RemovalsView {
    /// Which listing.
    pub listing: String,
    /// How many instances are due to be removed now.
    pub due: u64,
    /// Of how many that it has.
    pub of: u64,
}

/// How our own clock keeps terms.
#[utoipa::path(get, path = "/api/v1/sweeper", tag = "sweeper",
    responses((status = OK, body = SweeperView)))]
pub(super) async fn show(State(admin): State<Arc<Admin>>) -> Answer<SweeperView> {
    Ok(Json(admin.sweeper_view().await?))
}

/// Goes on with removals: a person looked at what is due. One that runs goes on running.
#[utoipa::path(post, path = "/api/v1/sweeper/resume", tag = "sweeper",
    responses((status = OK, body = SweeperView)))]
pub(super) async fn resume(State(admin): State<Arc<Admin>>, caller: Caller) -> Answer<SweeperView> {
    if let Some(reason) = admin.sweeper.stopped() {
        // Kept first: nothing is done by hand that nobody hears of.
        let message = format!("asked to go on with removals, which had stopped: {reason}");
        let kind = EventKind::OperatorActed;
        admin.note(&caller, kind, About::default(), message).await?;
    }
    admin.sweeper.resume().await?;
    Ok(Json(admin.sweeper_view().await?))
}

impl Admin {
    async fn sweeper_view(&self) -> Result<SweeperView, Fault> {
        let now = self.clock.now().business;
        let due = self.store.terms_due(now, 1).await?;
        let is_due = !(due.instances.is_empty() && due.unpaid.is_empty());
        let next_at = if is_due { Some(now) } else { due.next_at };
        let removals = self.store.removals_due(now).await?.into_iter();
        let reason = self.sweeper.stopped();
        let state = match reason {
            Some(_) => "stopped",
            None => "running",
        };
        Ok(SweeperView {
            state: state.to_owned(),
            reason,
            next_due_at: next_at.map(stamp),
            removals: removals
                .filter(|removals| removals.due > 0)
                .map(|removals| RemovalsView {
                    listing: removals.listing,
                    due: removals.due,
                    of: removals.of,
                })
                .collect(),
        })
    }
}
