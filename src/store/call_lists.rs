//! Lists of calls, newest first, without costing the hot path an index.

use std::collections::BTreeSet;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::call_keys;
use super::conn::{Conn, run, sort};
use super::history;
use super::lag::Newest;
use super::records::{CallFilter, RoomRow};
use super::rows::{CallData, CallRow};
use super::schema::{function_calls, room_events, rooms};
use super::url::StoreError;
use crate::room::{CallId, CallKey, CallStatus, CompanyNo};

pub(super) fn calls_of_company(
    conn: &mut Conn,
    company: CompanyNo,
    filter: &CallFilter,
    after: Option<i64>,
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
        if let Some(after) = after {
            query = query.filter(function_calls::position.lt(after));
        }
        if let Some(agent) = &filter.ai_agent {
            query = query.filter(function_calls::ai_agent.eq(agent.as_str()));
        }
        if let Some(status) = filter.status {
            query = query.filter(function_calls::status.eq(status.as_str()));
            // Spelled as the partial indexes are, so that they serve it.
            if !status.is_final() {
                query = query.filter(function_calls::ended_at.is_null());
            } else if matches!(status, CallStatus::Dead | CallStatus::Unresolved) {
                query = query.filter(sql::<Bool>("function_calls.status IN ('dead', 'unresolved')"));
            }
        }
        query.load(c)
    })?;
    found.into_iter().map(|(row, room)| row.read(&room).map_err(|error| sort(error, "reading a call"))).collect()
}

/// There is no index of calls by room, because it would cost every call a page (reference/hot-path.md). But every call left an
/// event in its room, whose cause is the call's id, whose hash is the call's key.
pub(super) fn calls_of_room(
    conn: &mut Conn,
    newest: &Newest,
    company: CompanyNo,
    room: &RoomRow,
    filter: &CallFilter,
    after: Option<i64>,
    limit: i64,
) -> Result<Vec<CallRow>, StoreError> {
    let positions = history::positions(conn, room.key.0.as_bytes(), 0, i64::MAX)
        .map_err(|error| sort(error, "reading the calls of a room"))?;
    let mut ids: BTreeSet<String> = BTreeSet::new();
    for positions in positions.chunks(500) {
        let found: Vec<String> = run!(conn, "reading the calls of a room", |c| room_events::table
            .filter(room_events::position.eq_any(positions))
            .filter(room_events::cause_kind.eq("call"))
            .select(room_events::cause)
            .load(c))?;
        ids.extend(found);
    }
    let ids: Vec<String> = ids.into_iter().collect();
    let keep = usize::try_from(limit).unwrap_or(0);
    let mut calls: Vec<CallRow> = vec![];
    for ids in ids.chunks(500) {
        let keys: Vec<CallKey> = ids.iter().map(|id| CallKey::of(company, &CallId::trusted(id))).collect();
        let positions =
            call_keys::positions(conn, &newest.keys, &keys).map_err(|error| sort(error, "reading the calls of a room"))?;
        let found: Vec<CallData> = run!(conn, "reading the calls of a room", |c| function_calls::table
            .filter(function_calls::position.eq_any(positions))
            .filter(function_calls::position.lt(after.unwrap_or(i64::MAX)))
            .select(CallData::as_select())
            .load(c))?;
        for row in found {
            let call = row.read(room.id.as_str()).map_err(|error| sort(error, "reading a call"))?;
            let wanted = filter.status.is_none_or(|status| status == call.status)
                && (filter.ai_agent.is_none() || filter.ai_agent == call.call.ai_agent);
            if wanted {
                calls.push(call);
            }
        }
        calls.sort_by_key(|call| std::cmp::Reverse(call.position));
        calls.truncate(keep);
    }
    Ok(calls)
}
