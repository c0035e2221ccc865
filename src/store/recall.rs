//! What actors read outside a room's own path: the company, who holds what, which timers are due. Reads only.

use std::sync::Arc;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::company_view::company_view;
use super::conn::{Conn, on_each, sort};
use super::history;
use super::queries::{Queries, find_room};
use super::room_rows::NewerRooms;
use super::rows;
use super::schema::{function_calls, room_events, rooms, timers};
use super::url::{StoreError, describe};
use crate::actors::ports::{DueTimer, HeldRoom, Memory, PortFuture, TimerKind, TimerPlace};
use crate::room::{AgentId, Cause, Company, CompanyNo, RoomAddress, RoomId, RoomKey, Timestamp};

/// Events of a room that are looked through for one of a moment ago.
const NEWEST: i64 = 1_024;

fn address(company: i64, room: &str) -> RoomAddress {
    RoomAddress { company: CompanyNo(company), room: RoomId::trusted(room) }
}

/// Key, id, version and snapshot of a room that somebody has or waits for.
type Held = (Vec<u8>, String, i64, Vec<u8>);

impl Queries {
    fn port<T: Send + 'static>(&self, query: impl FnOnce(&mut Conn) -> Result<T, StoreError> + Send + 'static) -> PortFuture<T> {
        let readers = Arc::clone(&self.readers);
        Box::pin(async move { readers.run(query).await.map_err(|error| Arc::from(describe(&error))) })
    }
}

impl Memory for Queries {
    fn company(&self, company: CompanyNo) -> PortFuture<Company> {
        self.port(move |conn| company_view(conn, company))
    }

    fn held_rooms(&self, company: CompanyNo) -> PortFuture<Vec<HeldRoom>> {
        let newest = Arc::clone(&self.newest);
        self.port(move |conn| {
            let read = || -> QueryResult<Vec<Held>> {
                on_each!(&mut *conn, |c| rooms::table
                    .filter(rooms::company.eq(company.0))
                    .filter(sql::<Bool>("control IN ('queue', 'person')"))
                    .order(rooms::room_key.asc())
                    .select((rooms::room_key, rooms::room_id, rooms::version, rooms::snapshot))
                    .load(c))
            };
            let complete = |newer: &NewerRooms, found: &mut Vec<Held>| {
                for (key, _, version, snapshot) in found {
                    let state = rows::room_key(key).ok().and_then(|key| newer.get(&key));
                    if let Some(state) = state.filter(|state| state.version > *version) {
                        (*version, *snapshot) = (state.version, state.snapshot.to_vec());
                    }
                }
            };
            let found = newest.rooms.up_to_date(read, complete).map_err(|error| sort(error, "reading held rooms"))?;
            Ok(found.into_iter().map(|(_, id, _, snapshot)| HeldRoom { address: address(company.0, &id), snapshot }).collect())
        })
    }

    fn held_places(&self, company: CompanyNo) -> PortFuture<Vec<(RoomId, AgentId)>> {
        self.port(move |conn| {
            let found: Vec<(String, Option<String>)> = on_each!(conn, |c| rooms::table
                .filter(rooms::company.eq(company.0))
                // The first condition is the index's own.
                .filter(sql::<Bool>("control IN ('queue', 'person')"))
                .filter(rooms::control.eq("person"))
                .select((rooms::room_id, rooms::assignee))
                .load(c))
            .map_err(|error| sort(error, "reading held places"))?;
            let place = |(id, agent): (String, Option<String>)| Some((RoomId::trusted(&id), AgentId::trusted(&agent?)));
            Ok(found.into_iter().filter_map(place).collect())
        })
    }

    fn staffed_companies(&self) -> PortFuture<Vec<CompanyNo>> {
        self.port(move |conn| {
            let found: Vec<i64> = on_each!(conn, |c| rooms::table
                .filter(sql::<Bool>("control IN ('queue', 'person')"))
                .select(rooms::company)
                .distinct()
                .load(c))
            .map_err(|error| sort(error, "reading companies whose people have rooms"))?;
            Ok(found.into_iter().map(CompanyNo).collect())
        })
    }

    fn due_timers(&self, until: Timestamp, after: Option<TimerPlace>, limit: i64) -> PortFuture<Vec<DueTimer>> {
        let (due, key, kind) = after.map_or((i64::MIN, vec![], ""), |(due, key, kind)| (due.0, key.0.as_bytes().to_vec(), kind));
        self.port(move |conn| {
            let found: Vec<(Vec<u8>, i64, String, String, i64, String)> = on_each!(conn, |c| timers::table
                .filter(timers::due_at.le(until.0))
                // The first condition is the index's own.
                .filter(timers::due_at.ge(due))
                .filter(
                    timers::due_at.gt(due).or(timers::room_key.gt(&key)).or(timers::room_key.eq(&key).and(timers::kind.gt(kind)))
                )
                .order((timers::due_at.asc(), timers::room_key.asc(), timers::kind.asc()))
                .limit(limit)
                .select((timers::room_key, timers::company, timers::room_id, timers::kind, timers::due_at, timers::cause))
                .load(c))
            .map_err(|error| sort(error, "reading timers"))?;
            let timer = |(key, company, room, kind, due, cause): (Vec<u8>, i64, String, String, i64, String)| {
                let (key, kind) = (rows::room_key(&key).ok()?, TimerKind::parse(&kind)?);
                Some(DueTimer { key, room: address(company, &room), kind, due: Timestamp(due), cause })
            };
            Ok(found.into_iter().filter_map(timer).collect())
        })
    }

    fn has_event(&self, room: RoomAddress, cause: Cause, since: Timestamp) -> PortFuture<bool> {
        self.port(move |conn| {
            let Some(row) = find_room(conn, room.company, &room.room)? else { return Ok(false) };
            // What is asked for is a moment old; the row's version may lag behind the journal, never be ahead of it.
            let newest = history::positions(conn, row.key.0.as_bytes(), (row.version - NEWEST).max(0), 4 * NEWEST)
                .map_err(|error| sort(error, "looking for an event"))?;
            let found: Vec<i64> = on_each!(conn, |c| room_events::table
                .filter(room_events::position.eq_any(&newest))
                .filter(room_events::at.ge(since.0))
                .filter(room_events::cause_kind.eq(cause.kind()))
                .filter(room_events::cause.eq(cause.id()))
                .limit(1)
                .select(room_events::position)
                .load(c))
            .map_err(|error| sort(error, "looking for an event"))?;
            Ok(!found.is_empty())
        })
    }

    fn rooms_with_open_calls(&self, after: Option<RoomKey>, limit: i64) -> PortFuture<Vec<(RoomKey, RoomAddress)>> {
        self.port(move |conn| {
            let after = after.map_or_else(Vec::new, |key| key.0.as_bytes().to_vec());
            let found: Vec<(Vec<u8>, i64, String)> = on_each!(conn, |c| function_calls::table
                .inner_join(rooms::table.on(rooms::room_key.eq(function_calls::room_key)))
                .filter(function_calls::ended_at.is_null())
                .filter(function_calls::room_key.gt(after))
                .order(rooms::room_key.asc())
                .limit(limit)
                .select((rooms::room_key, rooms::company, rooms::room_id))
                .distinct()
                .load(c))
            .map_err(|error| sort(error, "reading rooms with open calls"))?;
            let room = |(key, company, id): (Vec<u8>, i64, String)| Ok((rows::room_key(&key)?, address(company, &id)));
            found.into_iter().map(room).collect::<QueryResult<_>>().map_err(|error| sort(error, "reading rooms with open calls"))
        })
    }
}
