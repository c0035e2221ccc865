//! Everything that is only read: by doors, the feed and the clock, on threads of their own. Never wakes a room, never waits for
//! the writer, and never answers one company with another's rows.

use std::sync::Arc;

use diesel::dsl::{count_star, max, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::company_view::company_view;
use super::conn::{Conn, run, sort};
use super::history;
use super::lag::Newest;
use super::pg_server::PgServer;
use super::records::{AuditRow, CompanyRow, KeyRow, RoomFilter, RoomRow, StoreCounts, StoredEvent};
use super::room_rows::NewerRooms;
use super::rows::{self, CallRow};
use super::schema::{ai_agents, audit, companies, function_calls, keys, meta, room_events, rooms};
use super::secrets::KeyHash;
use super::url::StoreError;
use super::workers::Workers;
use crate::room::{AgentId, AiAgentId, CallId, CallKey, Company, CompanyNo, RoomId, RoomKey, Timestamp};

/// Events read per step of the feed, of all companies.
const FEED_STEP: i64 = 2_000;

/// The reads; clones share their threads.
#[derive(Clone)]
pub struct Queries {
    pub(super) readers: Arc<Workers>,
    pub(super) newest: Arc<Newest>,
}

type RoomTuple = (Vec<u8>, String, i64, i64, String, String, Option<String>, bool, Vec<u8>, i64);
const ROOM: (
    rooms::room_key,
    rooms::room_id,
    rooms::version,
    rooms::epoch,
    rooms::status,
    rooms::control,
    rooms::assignee,
    rooms::paused,
    rooms::snapshot,
    rooms::created_at,
) = (
    rooms::room_key,
    rooms::room_id,
    rooms::version,
    rooms::epoch,
    rooms::status,
    rooms::control,
    rooms::assignee,
    rooms::paused,
    rooms::snapshot,
    rooms::created_at,
);

fn room_row(row: RoomTuple) -> Result<RoomRow, StoreError> {
    let (key, id, version, epoch, status, control, assignee, paused, snapshot, created_at) = row;
    Ok(RoomRow {
        key: rows::room_key(&key).map_err(|error| sort(error, "reading a room"))?,
        id: RoomId::trusted(&id),
        version,
        epoch,
        status,
        control,
        assignee: assignee.as_deref().map(AgentId::trusted),
        paused,
        snapshot,
        created_at: Timestamp(created_at),
    })
}

type EventTuple = (i64, String, i64, i64, String, String, String, String, String);
const EVENT: (
    room_events::position,
    rooms::room_id,
    room_events::seq,
    room_events::at,
    room_events::kind,
    room_events::by,
    room_events::cause_kind,
    room_events::cause,
    room_events::payload,
) = (
    room_events::position,
    rooms::room_id,
    room_events::seq,
    room_events::at,
    room_events::kind,
    room_events::by,
    room_events::cause_kind,
    room_events::cause,
    room_events::payload,
);

fn event(row: EventTuple) -> StoredEvent {
    let (position, room, seq, at, kind, by, cause_kind, cause, payload) = row;
    StoredEvent { position, room: RoomId::trusted(&room), seq, at: Timestamp(at), kind, by, cause_kind, cause, payload }
}

impl Queries {
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Conn) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.run(query).await
    }

    pub async fn room(&self, company: CompanyNo, room: &RoomId) -> Result<Option<RoomRow>, StoreError> {
        let (id, newest) = (room.clone(), Arc::clone(&self.newest));
        let complete = |newer: &NewerRooms, row: &mut Option<RoomRow>| row.iter_mut().for_each(|row| newest_state(newer, row));
        self.ask(move |conn| newest.rooms.up_to_date(|| find_room(conn, company, &id), complete)).await
    }

    /// Newest first; `after` is the key of the last one already seen.
    pub async fn rooms(
        &self,
        company: CompanyNo,
        filter: RoomFilter,
        after: Option<RoomKey>,
        limit: i64,
    ) -> Result<Vec<RoomRow>, StoreError> {
        let newest = Arc::clone(&self.newest);
        let complete = |newer: &NewerRooms, found: &mut Vec<RoomRow>| found.iter_mut().for_each(|row| newest_state(newer, row));
        self.ask(move |conn| newest.rooms.up_to_date(|| list_rooms(conn, company, &filter, after, limit), complete)).await
    }

    /// In order of `seq`; `None`: no such room.
    pub async fn timeline(
        &self,
        company: CompanyNo,
        room: &RoomId,
        after_seq: i64,
        limit: i64,
    ) -> Result<Option<Vec<StoredEvent>>, StoreError> {
        let id = room.clone();
        self.ask(move |conn| {
            let Some(room) = find_room(conn, company, &id)? else { return Ok(None) };
            let positions = history::positions(conn, room.key.0.as_bytes(), after_seq, limit)
                .map_err(|error| sort(error, "reading a timeline"))?;
            let found: Vec<EventTuple> = run!(conn, "reading a timeline", |c| room_events::table
                .inner_join(rooms::table.on(rooms::room_key.eq(room_events::room_key)))
                .filter(room_events::position.eq_any(&positions))
                .order(room_events::seq.asc())
                .select(EVENT)
                .load(c))?;
            Ok(Some(found.into_iter().map(event).collect()))
        })
        .await
    }

    pub async fn call(&self, company: CompanyNo, call_id: &CallId) -> Result<Option<CallRow>, StoreError> {
        let key = CallKey::of(company, call_id);
        let newest = Arc::clone(&self.newest);
        self.ask(move |conn| rows::find_call(conn, &newest, company, &key).map_err(|error| sort(error, "reading a call"))).await
    }

    /// The feed: events of all rooms of the company after `position`, and the position read up to.
    pub async fn events_after(
        &self,
        company: CompanyNo,
        position: i64,
        limit: i64,
    ) -> Result<(Vec<StoredEvent>, i64), StoreError> {
        self.ask(move |conn| {
            let last: Option<i64> =
                run!(conn, "reading the last position", |c| room_events::table.select(max(room_events::position)).get_result(c))?;
            // Positions have no gaps: a step of them is at most as many rows, whoever's they are.
            let until = last.unwrap_or(0).min(position.saturating_add(FEED_STEP));
            if until <= position {
                return Ok((vec![], position));
            }
            let found: Vec<EventTuple> = run!(conn, "reading the feed", |c| room_events::table
                .inner_join(rooms::table.on(rooms::room_key.eq(room_events::room_key)))
                .filter(room_events::position.gt(position))
                .filter(room_events::position.le(until))
                .filter(room_events::company.eq(company.0))
                .order(room_events::position.asc())
                .limit(limit)
                .select(EVENT)
                .load(c))?;
            let full = i64::try_from(found.len()).unwrap_or(i64::MAX) >= limit;
            let events: Vec<StoredEvent> = found.into_iter().map(event).collect();
            let read_to = events.last().filter(|_| full).map_or(until, |event| event.position);
            Ok((events, read_to))
        })
        .await
    }

    /// The view that decisions get.
    pub async fn company(&self, company: CompanyNo) -> Result<Company, StoreError> {
        self.ask(move |conn| company_view(conn, company)).await
    }

    pub async fn company_by_name(&self, name: &str) -> Result<Option<CompanyRow>, StoreError> {
        let name = name.to_owned();
        Ok(self.companies().await?.into_iter().find(|company| company.name == name))
    }

    /// In order of making.
    pub async fn companies(&self) -> Result<Vec<CompanyRow>, StoreError> {
        self.ask(move |conn| {
            let found: Vec<(i64, String, String, i64)> = run!(conn, "reading companies", |c| companies::table
                .order(companies::no.asc())
                .select((companies::no, companies::id, companies::name, companies::created_at))
                .load(c))?;
            let row = |(no, id, name, at)| CompanyRow { no: CompanyNo(no), id, name, created_at: Timestamp(at) };
            Ok(found.into_iter().map(row).collect())
        })
        .await
    }

    pub async fn ai_agents(&self, company: CompanyNo) -> Result<Vec<AiAgentId>, StoreError> {
        self.ask(move |conn| {
            let found: Vec<String> = run!(conn, "reading AI agents", |c| ai_agents::table
                .filter(ai_agents::company.eq(company.0))
                .order(ai_agents::id.asc())
                .select(ai_agents::id)
                .load(c))?;
            Ok(found.iter().map(|id| AiAgentId::trusted(id)).collect())
        })
        .await
    }

    /// Revoked ones too.
    pub async fn keys(&self, company: CompanyNo) -> Result<Vec<KeyRow>, StoreError> {
        let all = self.read_keys(Some(company)).await?;
        Ok(all.into_iter().map(|(_, key)| key).collect())
    }

    /// Live keys of every company, for the door's cache.
    pub async fn all_keys(&self) -> Result<Vec<(KeyHash, KeyRow)>, StoreError> {
        let all = self.read_keys(None).await?;
        Ok(all.into_iter().filter(|(_, key)| key.revoked_at.is_none()).collect())
    }

    async fn read_keys(&self, company: Option<CompanyNo>) -> Result<Vec<(KeyHash, KeyRow)>, StoreError> {
        type Row = (String, i64, String, Option<String>, Vec<u8>, i64, Option<i64>);
        self.ask(move |conn| {
            let found: Vec<Row> = run!(conn, "reading keys", |c| {
                let mut query = keys::table.order((keys::created_at.asc(), keys::id.asc())).into_boxed();
                if let Some(company) = company {
                    query = query.filter(keys::company.eq(company.0));
                }
                query.load(c)
            })?;
            found
                .into_iter()
                .map(|(id, company, role, ai_agent, hash, created_at, revoked_at)| {
                    let hash = hash.try_into().map_err(|_| StoreError::Invalid("A key's hash is not 32 bytes long.".into()))?;
                    let ai_agent = ai_agent.as_deref().map(AiAgentId::trusted);
                    let (created_at, revoked_at) = (Timestamp(created_at), revoked_at.map(Timestamp));
                    Ok((
                        KeyHash(hash),
                        KeyRow { id, company: CompanyNo(company), role: role.parse()?, ai_agent, created_at, revoked_at },
                    ))
                })
                .collect()
        })
        .await
    }

    /// Raised by every write of the directory and by new tags; `serve` polls it.
    pub async fn config_version(&self) -> Result<i64, StoreError> {
        self.ask(|conn| {
            run!(conn, "reading the configuration's version", |c| meta::table.select(meta::config_version).get_result(c))
        })
        .await
    }

    /// Newest first; `after` is the position of the last one already seen.
    pub async fn audit(&self, company: CompanyNo, after: Option<i64>, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
        self.ask(move |conn| {
            let found: Vec<(i64, i64, String, String)> = run!(conn, "reading the audit", |c| audit::table
                .filter(audit::company.eq(company.0))
                .filter(audit::position.lt(after.unwrap_or(i64::MAX)))
                .order(audit::position.desc())
                .limit(limit)
                .select((audit::position, audit::at, audit::by, audit::what))
                .load(c))?;
            Ok(found.into_iter().map(|(position, at, by, what)| AuditRow { position, at: Timestamp(at), by, what }).collect())
        })
        .await
    }

    /// That a read works.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.config_version().await.map(|_| ())
    }

    /// `None`: the database is a file.
    pub async fn pg_server(&self) -> Result<Option<PgServer>, StoreError> {
        self.ask(PgServer::of).await
    }

    pub async fn counts(&self) -> Result<StoreCounts, StoreError> {
        self.ask(|conn| {
            let rooms: i64 = run!(conn, "counting", |c| rooms::table.select(count_star()).get_result(c))?;
            let companies: i64 = run!(conn, "counting", |c| companies::table.select(count_star()).get_result(c))?;
            let calls = function_calls::table;
            let calls_open: i64 =
                run!(conn, "counting", |c| calls.filter(function_calls::ended_at.is_null()).select(count_star()).get_result(c))?;
            let dead = calls.filter(sql::<Bool>("status IN ('dead', 'unresolved')"));
            let calls_dead: i64 = run!(conn, "counting", |c| dead.select(count_star()).get_result(c))?;
            let last: Option<i64> =
                run!(conn, "counting", |c| room_events::table.select(max(room_events::position)).get_result(c))?;
            Ok(StoreCounts { rooms, calls_open, calls_dead, last_position: last.unwrap_or(0), companies })
        })
        .await
    }
}

fn list_rooms(
    conn: &mut Conn,
    company: CompanyNo,
    filter: &RoomFilter,
    after: Option<RoomKey>,
    limit: i64,
) -> Result<Vec<RoomRow>, StoreError> {
    let found: Vec<RoomTuple> = run!(conn, "listing rooms", |c| {
        let mut query = rooms::table
            .filter(rooms::company.eq(company.0))
            .order(rooms::room_key.desc())
            .limit(limit)
            .select(ROOM)
            .into_boxed();
        if let Some(after) = after {
            query = query.filter(rooms::room_key.lt(after.0.as_bytes().to_vec()));
        }
        if let Some(status) = &filter.status {
            query = query.filter(rooms::status.eq(status));
        }
        if let Some(control) = &filter.control {
            query = query.filter(rooms::control.eq(control));
        }
        if let Some(assignee) = &filter.assignee {
            // So that the index of held rooms serves it.
            query = query.filter(rooms::assignee.eq(assignee)).filter(sql::<Bool>("control IN ('queue', 'person')"));
        }
        query.load(c)
    })?;
    found.into_iter().map(room_row).collect()
}

/// What the row does not have yet.
pub(super) fn newest_state(newer: &NewerRooms, row: &mut RoomRow) {
    if let Some(state) = newer.get(&row.key).filter(|state| state.version > row.version) {
        (row.version, row.snapshot) = (state.version, state.snapshot.to_vec());
    }
}

pub(super) fn find_room(conn: &mut Conn, company: CompanyNo, id: &RoomId) -> Result<Option<RoomRow>, StoreError> {
    let found: Vec<RoomTuple> = run!(conn, "reading a room", |c| rooms::table
        .filter(rooms::company.eq(company.0))
        .filter(rooms::room_id.eq(id.as_str()))
        .select(ROOM)
        .load(c))?;
    found.into_iter().next().map(room_row).transpose()
}
