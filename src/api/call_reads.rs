//! How a call went, the search over calls, and a person's decision to end one that waits.

use serde_json::value::RawValue;

use crate::room::{AiAgentId, CallId, CallStatus, Command, RoomAddress, RoomId};
use crate::store::{CallFilter, CallPlace, CallRow, Role};

use super::page::{List, Turn};
use super::problem::{self, Kind, Problem};
use super::visit::{Answer, Visit};
use super::{answer, commands, deliveries, view};

/// Query parameters of the list.
pub const FILTERS: &[&str] = &["room_id", "status", "limit", "cursor"];

pub async fn get(visit: Visit) -> Answer {
    let row = find(&visit).await?;
    let delivery = deliveries::of_call(&visit, &row).await?;
    let shown = view::call(&row, delivery.as_ref()).ok_or_else(unreadable)?;
    Ok(answer::json(problem::OK, &shown))
}

pub(super) fn respond(row: &CallRow) -> Answer {
    Ok(answer::json(problem::OK, &shown(row)?))
}

fn shown(row: &CallRow) -> Result<Box<RawValue>, Problem> {
    view::call(row, None).ok_or_else(unreadable)
}

fn unreadable() -> Problem {
    Problem::new(Kind::StorageUnavailable, "This function-call cannot be read.")
}

/// The call in the path, if this key may see it. An AI agent sees its own only.
pub(super) async fn find(visit: &Visit) -> Result<CallRow, Problem> {
    let id = visit.segment("call_id").and_then(|text| CallId::new(&text).ok()).ok_or_else(Problem::unknown_call)?;
    let row = visit.api.queries.call(visit.key.company, &id).await?.ok_or_else(Problem::unknown_call)?;
    if visit.key.role == Role::Agent && (visit.key.ai_agent.is_none() || row.call.ai_agent != visit.key.ai_agent) {
        return Err(Problem::unknown_call());
    }
    Ok(row)
}

/// Whose calls a key may list: `None` is everybody's.
fn own(visit: &Visit) -> Result<Option<AiAgentId>, Problem> {
    match (&visit.key.role, &visit.key.ai_agent) {
        (Role::Agent, None) => Err(Problem::new(Kind::Forbidden, "This key belongs to no AI agent.")),
        (Role::Agent, Some(ai_agent)) => Ok(Some(ai_agent.clone())),
        _ => Ok(None),
    }
}

pub async fn list(visit: Visit) -> Answer {
    let bad = |detail: &'static str| Problem::new(Kind::InvalidParameter, detail);
    let room_id = visit.query("room_id").map(RoomId::new).transpose().map_err(|_| bad("room_id is not the id of a room."))?;
    let status = match visit.query("status") {
        None => None,
        Some(text) => Some(CallStatus::parse(text).ok_or_else(|| bad("status is not a status of a call."))?),
    };
    let filter = CallFilter { room_id, status, ai_agent: own(&visit)? };
    // Two agents' lists differ, so their cursors must.
    let list_name = format!("calls/{}", filter.ai_agent.as_ref().map_or("", AiAgentId::as_str));
    let turn = Turn::of(&visit, &list_name, &["room_id", "status"])?;
    let after = turn.after_numbers()?.map(|[position, seq]| CallPlace { position, seq });
    let rows = visit.api.queries.calls(visit.key.company, filter, after, turn.ask()).await?;
    let place = |row: &CallRow| [row.position.to_le_bytes(), row.seq.to_le_bytes()].concat();
    let List { data, page } = turn.page(rows, place, |row| shown(&row));
    let data = data.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(answer::json(problem::OK, &List { data, page }))
}

/// Ends a call that waits. Cancelling a cancelled one is no error; one that ended otherwise is.
pub async fn cancel(visit: Visit) -> Answer {
    let row = find(&visit).await?;
    if !row.status.is_final() {
        let address = RoomAddress { company: visit.key.company, room: row.room.clone() };
        let command = Command::CancelCall { call_id: row.call.call_id.clone() };
        commands::run(&visit, address, command, visit.caller(), visit.cause()).await?;
    } else if row.status == CallStatus::Cancelled {
        return respond(&row);
    }
    let row = find(&visit).await?;
    match row.status {
        CallStatus::Cancelled => respond(&row),
        status if status.is_final() => Err(Problem::new(Kind::AlreadyFinal, "It ended before it could be cancelled.")),
        _ => Err(Problem::new(Kind::Conflict, "It is at work just now and cannot be cancelled.")),
    }
}
