//! The live actor of a room: looking at it, and the commands people give it. Looking never wakes a room and never waits for
//! its mailbox.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::actors::{ActorView, Passivated};
use crate::room::{Command, RoomAddress};

use super::problem::{self, Kind, Problem};
use super::view::{CommandView, iso};
use super::visit::{Answer, Visit};
use super::{answer, commands, strict};

/// Largest body of a command.
pub const MAX_BODY: usize = 4 * 1024;

#[derive(Serialize)]
struct LiveView {
    state: &'static str,
    #[serde(flatten)]
    live: Option<LiveDetails>,
}

#[derive(Serialize)]
struct LiveDetails {
    queue_depth: u32,
    oldest_waiting_ms: Option<i64>,
    current_call: Option<String>,
    current_since: Option<String>,
    last_calls: Vec<LastCallView>,
    restarts: u32,
    version: i64,
    epoch: i64,
    owner_epoch: i64,
    pending_effects: u32,
    parked: u32,
    paused: bool,
    draining: bool,
}

/// The live actor of a room. Of one that is `asleep` only `state` is told.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its schema is used: LiveView is the same in two parts")]
pub struct LiveShape {
    state: String,
    /// Calls admitted and not yet answered or parked.
    queue_depth: Option<u32>,
    oldest_waiting_ms: Option<i64>,
    current_call: Option<String>,
    current_since: Option<String>,
    last_calls: Option<Vec<LastCallView>>,
    restarts: Option<u32>,
    version: Option<i64>,
    epoch: Option<i64>,
    owner_epoch: Option<i64>,
    pending_effects: Option<u32>,
    parked: Option<u32>,
    paused: Option<bool>,
    draining: Option<bool>,
}

/// One of the last calls, newest as the actor lists them.
#[derive(Serialize, ToSchema)]
pub struct LastCallView {
    call_id: String,
    name: &'static str,
    status: &'static str,
    at: String,
}

fn details(view: ActorView) -> LiveDetails {
    let last = |call: crate::actors::LastCall| LastCallView {
        call_id: call.call_id.to_string(),
        name: call.name,
        status: call.status.as_str(),
        at: iso(call.at),
    };
    LiveDetails {
        queue_depth: view.depth,
        oldest_waiting_ms: view.oldest_waiting_ms,
        current_call: view.current_call.map(|id| id.to_string()),
        current_since: view.current_since.map(iso),
        last_calls: view.last_calls.into_iter().map(last).collect(),
        restarts: view.restarts,
        version: view.version,
        epoch: view.epoch,
        owner_epoch: view.owner_epoch,
        pending_effects: view.pending_effects,
        parked: view.parked,
        paused: view.paused,
        draining: view.draining,
    }
}

async fn must_exist(visit: &Visit, address: &RoomAddress) -> Result<(), Problem> {
    let known = visit.api.queries.room(address.company, &address.room).await?;
    known.map(|_| ()).ok_or_else(Problem::unknown_room)
}

pub async fn get(visit: Visit) -> Answer {
    let address = visit.room()?;
    let live = visit.api.router.inspect(&address);
    // An actor may be awake for a room that does not exist: somebody asked for it a moment ago.
    if live.as_ref().is_none_or(|view| view.version == 0) {
        must_exist(&visit, &address).await?;
    }
    let state = live.as_ref().map_or("asleep", |view| view.state);
    Ok(answer::json(problem::OK, &LiveView { state, live: live.map(details) }))
}

/// Why a room is paused.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseBody {
    /// 1 to 500 bytes, for the people who see it.
    reason: Option<String>,
}

pub async fn pause(mut visit: Visit) -> Answer {
    // Most pauses say nothing, so a request without a body is one.
    let body = if visit.has_body() { visit.json::<PauseBody>(MAX_BODY).await? } else { PauseBody::default() };
    if let Some(reason) = &body.reason {
        strict::text("/reason", reason, 500)?;
    }
    tell(visit, Command::Pause { reason: body.reason }).await
}

pub async fn resume(visit: Visit) -> Answer {
    tell(visit, Command::Resume).await
}

async fn tell(visit: Visit, command: Command) -> Answer {
    let (done, room) = commands::run(&visit, visit.room()?, command, visit.caller(), visit.cause()).await?;
    Ok(answer::json(problem::OK, &CommandView::of(&done, room)))
}

/// What became of a live actor.
#[derive(Serialize, ToSchema)]
pub struct ActorChange {
    /// False: it was already so.
    changed: bool,
    /// `draining` or `asleep`.
    state: &'static str,
}

/// The actor finishes what it has, takes nothing new but what lets waiting calls end, and goes to sleep. Calls that wait are
/// durable: they hold it awake only while their callers are at the door.
pub async fn drain(visit: Visit) -> Answer {
    let address = visit.room()?;
    must_exist(&visit, &address).await?;
    let changed = visit.api.router.drain(&address);
    let state = if visit.api.router.inspect(&address).is_some() { "draining" } else { "asleep" };
    Ok(answer::json(problem::OK, &ActorChange { changed, state }))
}

/// The actor goes to sleep now, if nothing is in flight and nobody is at the door. Calls that wait go on waiting.
pub async fn passivate(visit: Visit) -> Answer {
    let address = visit.room()?;
    must_exist(&visit, &address).await?;
    match visit.api.router.passivate(&address) {
        Passivated::Asleep => Ok(answer::json(problem::OK, &ActorChange { changed: true, state: "asleep" })),
        Passivated::WasAsleep => Ok(answer::json(problem::OK, &ActorChange { changed: false, state: "asleep" })),
        Passivated::Busy => Err(Problem::new(Kind::Conflict, "The actor has calls in flight. Drain it, or try again.")),
    }
}
