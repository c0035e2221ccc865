//! Lists of calls, newest first, without costing the hot path an index.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::call_keys;
use super::conn::{Conn, run, sort};
use super::history;
use super::lag::Newest;
use super::queries::{Queries, find_room, newest_state};
use super::records::{CallFilter, CallPlace, RoomRow};
use super::room_rows::NewerRooms;
use super::rows::{self, CallData, CallRow};
use super::schema::{function_calls, room_events, rooms};
use super::url::StoreError;
use crate::actors::ports::KnownCall;
use crate::room::{CallId, CallKey, CallStatus, CompanyNo};

/// Events that are looked through at once.
const WINDOW: i64 = 500;

impl Queries {
    /// Newest first; `after` is the place of the last one already seen.
    pub async fn calls(
        &self,
        company: CompanyNo,
        filter: CallFilter,
        after: Option<CallPlace>,
        limit: i64,
    ) -> Result<Vec<CallRow>, StoreError> {
        let newest = Arc::clone(&self.newest);
        self.ask(move |conn| {
            let Some(id) = &filter.room_id else { return calls_of_company(conn, company, None, &filter, after, limit) };
            let complete =
                |newer: &NewerRooms, row: &mut Option<RoomRow>| row.iter_mut().for_each(|row| newest_state(newer, row));
            let Some(room) = newest.rooms.up_to_date(|| find_room(conn, company, id), complete)? else { return Ok(vec![]) };
            match filter.status {
                // Few, and an index has them.
                Some(status) if !status.is_final() || is_letter(status) => {
                    calls_of_company(conn, company, Some(&room), &filter, after, limit)
                }
                _ => calls_of_room(conn, &newest, company, &room, &filter, after, limit),
            }
        })
        .await
    }

    /// The calls with these keys, those that exist, in the order asked.
    pub async fn known_calls(&self, company: CompanyNo, keys: Vec<CallKey>) -> Result<Vec<KnownCall>, StoreError> {
        let newest = Arc::clone(&self.newest);
        self.ask(move |conn| {
            rows::find_calls(conn, &newest, company, &keys).map_err(|error| sort(error, "looking for earlier calls"))
        })
        .await
    }
}

fn is_letter(status: CallStatus) -> bool {
    matches!(status, CallStatus::Dead | CallStatus::Unresolved)
}

/// `room`: of this one alone.
fn calls_of_company(
    conn: &mut Conn,
    company: CompanyNo,
    room: Option<&RoomRow>,
    filter: &CallFilter,
    after: Option<CallPlace>,
    limit: i64,
) -> Result<Vec<CallRow>, StoreError> {
    let found: Vec<(CallData, String)> = run!(conn, "listing calls", |c| {
        let mut query = function_calls::table
            .inner_join(rooms::table.on(rooms::room_key.eq(function_calls::room_key)))
            .filter(function_calls::company.eq(company.0))
            .order(function_calls::position.desc())
            .limit(limit)
            .select((CallData::as_select(), rooms::room_id))
            .into_boxed();
        if let Some(room) = room {
            query = query.filter(function_calls::room_key.eq(room.key.0.as_bytes().to_vec()));
        }
        if let Some(after) = after {
            query = query.filter(function_calls::position.lt(after.position));
        }
        if let Some(agent) = &filter.ai_agent {
            query = query.filter(function_calls::ai_agent.eq(agent.as_str()));
        }
        if let Some(status) = filter.status {
            query = query.filter(function_calls::status.eq(status.as_str()));
            // Spelled as the partial indexes are, so that they serve it.
            if !status.is_final() {
                query = query.filter(function_calls::ended_at.is_null());
            } else if is_letter(status) {
                query = query.filter(sql::<Bool>("function_calls.status IN ('dead', 'unresolved')"));
            }
        }
        query.load(c)
    })?;
    found.into_iter().map(|(row, room)| row.read(&room).map_err(|error| sort(error, "reading a call"))).collect()
}

/// There is no index of calls by room, because it would cost every call a page (reference/hot-path.md). But every call left an
/// event in its room when it was admitted, at the time of its row, whose cause is the call's id, whose hash is the call's key. So
/// the events are walked back from where the last page ended, until enough calls are found that none before can be newer.
fn calls_of_room(
    conn: &mut Conn,
    newest: &Newest,
    company: CompanyNo,
    room: &RoomRow,
    filter: &CallFilter,
    after: Option<CallPlace>,
    limit: i64,
) -> Result<Vec<CallRow>, StoreError> {
    let keep = usize::try_from(limit).unwrap_or(0);
    let (below, mut top) = after.map_or((i64::MAX, room.version), |after| (after.position, after.seq.min(room.version)));
    let mut wanted: Vec<CallRow> = vec![];
    // Of every event that was walked over, newest first: its number and time. Of every call: the time of its first event so far.
    let mut walked: Vec<(i64, i64)> = vec![];
    let mut first_at: HashMap<String, i64> = HashMap::new();
    while top > 0 {
        let bottom = (top - WINDOW).max(0);
        let events = events_between(conn, room, bottom, top)?;
        let mut fresh: HashSet<&str> = HashSet::new();
        for (seq, at, cause) in &events {
            walked.push((*seq, *at));
            if let Some(id) = cause
                && first_at.insert(id.clone(), *at).is_none()
            {
                fresh.insert(id);
            }
        }
        let keys: Vec<CallKey> = fresh.iter().map(|id| CallKey::of(company, &CallId::trusted(id))).collect();
        wanted.extend(calls_with(conn, newest, room, &keys, below, filter)?);
        top = bottom;
        // What has not been met yet was admitted before this event, or in the same step.
        let Some((_, oldest, _)) = events.last() else { break };
        if wanted.iter().filter(|call| call.at.0 > *oldest).count() >= keep {
            wanted.retain(|call| call.at.0 > *oldest);
            break;
        }
    }
    wanted.sort_unstable_by_key(|call| std::cmp::Reverse(call.position));
    wanted.truncate(keep);
    for call in &mut wanted {
        // Times never go back in a room: those up to the call's own are the end of what was walked over.
        let admitted = first_at.get(call.call.call_id.as_str()).copied().unwrap_or(i64::MAX);
        let place = walked.partition_point(|(_, at)| *at > admitted);
        call.seq = walked.get(place).map_or(0, |(seq, _)| *seq);
    }
    Ok(wanted)
}

/// Number, time and, if it is one, causing call of the room's events after `bottom` up to `top`, newest first.
fn events_between(conn: &mut Conn, room: &RoomRow, bottom: i64, top: i64) -> Result<Vec<(i64, i64, Option<String>)>, StoreError> {
    let positions = history::positions(conn, room.key.0.as_bytes(), bottom, top - bottom)
        .map_err(|error| sort(error, "reading the calls of a room"))?;
    let found: Vec<(i64, i64, String, String)> = run!(conn, "reading the calls of a room", |c| room_events::table
        .filter(room_events::position.eq_any(&positions))
        .order(room_events::seq.desc())
        .select((room_events::seq, room_events::at, room_events::cause_kind, room_events::cause))
        .load(c))?;
    Ok(found.into_iter().map(|(seq, at, kind, cause)| (seq, at, (kind == "call").then_some(cause))).collect())
}

/// Those of the room's calls with these keys that the filter wants and that stand before `below`.
fn calls_with(
    conn: &mut Conn,
    newest: &Newest,
    room: &RoomRow,
    keys: &[CallKey],
    below: i64,
    filter: &CallFilter,
) -> Result<Vec<CallRow>, StoreError> {
    let positions = call_keys::positions(conn, &newest.keys, keys).map_err(|error| sort(error, "reading the calls of a room"))?;
    let found: Vec<CallData> = run!(conn, "reading the calls of a room", |c| function_calls::table
        .filter(function_calls::position.eq_any(positions))
        .filter(function_calls::position.lt(below))
        .select(CallData::as_select())
        .load(c))?;
    let mut calls = vec![];
    for row in found {
        let call = row.read(room.id.as_str()).map_err(|error| sort(error, "reading a call"))?;
        let wanted = filter.status.is_none_or(|status| status == call.status)
            && (filter.ai_agent.is_none() || filter.ai_agent == call.call.ai_agent);
        if wanted {
            calls.push(call);
        }
    }
    Ok(calls)
}
