//! `clock`: what both clocks show, and how the business clock is moved where it is virtual.

use std::sync::Arc;

use axum::extract::State;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use turnkey_core::event::About;
use turnkey_core::{EventKind, Now, UtcMillis};
use utoipa::ToSchema;

use crate::http::admin::failure::{ErrorView, Failure};
use crate::http::admin::wire::{Answer, Json, stamp};
use crate::http::admin::{Admin, Caller};
use crate::play::{Advance, PAUSE_MAX, RENEWALS_MAX, Scene, Story};

/// The farthest that the clock moves at once: a hundred years. Terms end before the year 9999, and
/// a clock that is there would be of no use any more.
const ADVANCE_MS_MAX: u64 = 100 * 366 * 24 * 3_600_000;

/// What both clocks show.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ClockView {
    /// Whether the business clock may be moved.
    #[serde(rename = "virtual")]
    pub is_virtual: bool,
    /// The clock of signatures, leases and time limits; it is never moved.
    #[schema(examples("2026-11-25T08:00:00.000Z"))]
    pub wall: String,
    /// The clock that terms are counted on.
    #[schema(examples("2027-12-30T08:00:00.000Z"))]
    pub business: String,
    /// How far it is ahead, in milliseconds.
    pub ahead_ms: i64,
}

/// Where the business clock is to go.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdvanceAsk {
    /// The moment that it is to show: the same request again moves it no further.
    #[schema(examples("2027-12-30T08:00:00.000Z"))]
    pub until: String,
    /// Has the marketplaces play along, by this story; without it nobody calls.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub play: Option<StoryAsk>,
}

/// How the marketplaces play along: renewals in time, an expiry, a renewal that resumes, an
/// upgrade, another expiry, a deletion.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StoryAsk {
    /// How often an instance is renewed in time.
    #[schema(minimum = 0, maximum = 119)]
    pub renewals: u32,
    /// How long after its first expiry it is renewed once more, in milliseconds.
    pub late_ms: u64,
    /// How long after its second expiry it is deleted, in milliseconds.
    pub keep_ms: u64,
}

/// How far the business clock came, and what happened on the way.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct AdvanceView {
    /// What both clocks show now.
    pub clock: ClockView,
    /// Whether it is where it was to go; otherwise ask the same again.
    pub done: bool,
    /// What keeps it where it is: work that must be over first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub waits_for: Option<WaitsForView>,
    /// What happened on the way, in its order.
    pub scenes: Vec<SceneView>,
}

/// Work that must be over before the clock goes on.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WaitsForView {
    /// The operation.
    pub operation: String,
    /// What is to be done.
    pub kind: String,
    /// On which instance.
    pub instance: String,
}

/// Something that happened on the way.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SceneView {
    /// When, on the business clock.
    pub at: String,
    /// What the marketplace called; `term_end` where a term ended and nobody called.
    #[schema(examples("renew", "expire", "upgrade", "delete", "term_end"))]
    pub action: String,
    /// To which instance.
    pub instance: String,
    /// Where it was bought.
    pub listing: String,
    /// The marketplace's key for the order, where it is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub order: Option<String>,
    /// Why it did not succeed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refused: Option<ErrorView>,
    /// How often the marketplace called.
    pub calls: u32,
    /// How many of the calls were not answered in time.
    pub unanswered: u32,
    /// The state of the instance before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub was: Option<String>,
    /// The state of the instance afterwards.
    pub state: String,
    /// Its plan afterwards.
    pub plan: String,
    /// When its term ends, afterwards.
    pub ends_at: String,
}

/// What both clocks show.
#[utoipa::path(get, path = "/api/v1/clock", tag = "clock",
    responses((status = OK, body = ClockView)))]
pub(super) async fn show(State(admin): State<Arc<Admin>>) -> Answer<ClockView> {
    let is_virtual = admin.virtual_clock.is_some();
    Ok(Json(view(admin.clock.now(), is_virtual)))
}

/// Moves the business clock on, from one due moment to the next. Only where it is virtual.
#[utoipa::path(post, path = "/api/v1/clock/advance", tag = "clock",
    request_body = AdvanceAsk, responses((status = OK, body = AdvanceView)))]
pub(super) async fn advance(
    State(admin): State<Arc<Admin>>,
    caller: Caller,
    Json(ask): Json<AdvanceAsk>,
) -> Answer<AdvanceView> {
    let Some(clock) = &admin.virtual_clock else {
        let message = "the business clock is the wall clock here; only a trial with [clock] virtual = true moves it";
        return Err(Failure::new(
            StatusCode::CONFLICT,
            "clock_not_virtual",
            message,
        ));
    };
    let until = until(&ask.until, admin.clock.now())?;
    let story = ask.play.as_ref().map(story).transpose()?;
    let played = story.as_ref().map_or("", |_| ", with a play");
    // Kept first: nothing is done by hand that nobody hears of.
    let message = format!(
        "asked to move the business clock to {}{played}",
        stamp(until)
    );
    let kind = EventKind::OperatorActed;
    admin.note(&caller, kind, About::default(), message).await?;
    let Advance {
        now,
        scenes,
        is_over,
        waits_for,
    } = clock.advance(until, story).await?;
    Ok(Json(AdvanceView {
        clock: view(now, true),
        done: is_over,
        waits_for: waits_for.map(|operation| WaitsForView {
            operation: operation.id.to_string(),
            kind: operation.kind.name().to_owned(),
            instance: operation.instance.to_string(),
        }),
        scenes: scenes.into_iter().map(scene).collect(),
    }))
}

fn view(now: Now, is_virtual: bool) -> ClockView {
    ClockView {
        is_virtual,
        wall: stamp(now.wall),
        business: stamp(now.business),
        ahead_ms: now.business.0.saturating_sub(now.wall.0),
    }
}

fn wrong(message: String) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, "body_wrong", message)
}

fn until(text: &str, now: Now) -> Result<UtcMillis, Failure> {
    let until = text.parse::<jiff::Timestamp>();
    let until = until.map_err(|_| {
        wrong(format!(
            "until {text:?}: write a moment such as 2027-12-30T08:00:00.000Z"
        ))
    })?;
    let until = UtcMillis(until.as_millisecond());
    if until.ms_since(now.business) > ADVANCE_MS_MAX {
        return Err(wrong(format!(
            "until {text:?}: at most a hundred years at once"
        )));
    }
    Ok(until)
}

fn story(ask: &StoryAsk) -> Result<Story, Failure> {
    if ask.renewals > RENEWALS_MAX {
        let message = format!("play.renewals {}: at most {RENEWALS_MAX}", ask.renewals);
        return Err(wrong(message));
    }
    let pause = |name: &str, ms: u64| {
        let pause = std::time::Duration::from_millis(ms);
        if pause > PAUSE_MAX {
            return Err(wrong(format!("play.{name} {ms}: at most a year")));
        }
        Ok(pause)
    };
    Ok(Story {
        renewals: ask.renewals,
        late: pause("late_ms", ask.late_ms)?,
        keep: pause("keep_ms", ask.keep_ms)?,
    })
}

fn scene(scene: Scene) -> SceneView {
    let Scene {
        at,
        played,
        instance,
    } = scene;
    let shown = SceneView {
        at: stamp(at),
        action: "term_end".to_owned(),
        instance: instance.id.to_string(),
        listing: instance.listing,
        order: None,
        refused: None,
        calls: 0,
        unanswered: 0,
        was: None,
        state: instance.state.name().to_owned(),
        plan: instance.plan,
        ends_at: stamp(instance.term.ends_at),
    };
    match played {
        None => shown,
        Some(played) => SceneView {
            action: played.action.to_owned(),
            order: played.order.map(|key| key.as_str().to_owned()),
            refused: played.outcome.err().map(|fault| ErrorView {
                code: fault.code.to_owned(),
                message: fault.message,
            }),
            calls: played.calls,
            unanswered: played.unanswered,
            was: Some(played.was.name().to_owned()),
            ..shown
        },
    }
}
