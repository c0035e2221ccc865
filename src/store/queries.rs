//! Everything that is only read: by doors, the feed and the clock, on threads of their own. Never wakes a room, never waits for
//! the writer, and never answers one company with another's rows.

use std::str::FromStr;
use std::sync::Arc;

use diesel::dsl::{count_star, max, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::conn::{Conn, on_each, sort};
use super::rows::{self, CallData, CallRow};
use super::schema::{
    agents, ai_agents, audit, companies, divisions, function_calls, keys, meta, room_events, rooms, settings, tags,
};
use super::secrets::KeyHash;
use super::url::StoreError;
use super::workers::Workers;
use crate::room::{
    Agent, AgentId, AiAgentId, CallId, CallKey, CallStatus, Company, CompanyNo, Division, DivisionId, Presence, RoomId, RoomKey,
    Settings, Timestamp,
};

/// What a key may do (design.md section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Agent,
    Operator,
    Builder,
    Admin,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Agent, Self::Operator, Self::Builder, Self::Admin];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Operator => "operator",
            Self::Builder => "builder",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| StoreError::Invalid("A role is agent, operator, builder or admin.".into()))
    }
}

#[derive(Clone, Debug)]
pub struct RoomRow {
    pub key: RoomKey,
    pub id: RoomId,
    pub version: i64,
    pub epoch: i64,
    pub status: String,
    pub control: String,
    pub assignee: Option<AgentId>,
    pub paused: bool,
    /// JSON of `room::Room`.
    pub snapshot: Vec<u8>,
    pub created_at: Timestamp,
}

/// What is `None` is not asked for.
#[derive(Clone, Debug, Default)]
pub struct RoomFilter {
    pub status: Option<String>,
    pub control: Option<String>,
    pub assignee: Option<String>,
}

/// What is `None` is not asked for.
#[derive(Clone, Debug, Default)]
pub struct CallFilter {
    pub room_id: Option<RoomId>,
    pub status: Option<CallStatus>,
    pub ai_agent: Option<AiAgentId>,
}

/// One line of the journal as it is stored.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    pub position: i64,
    pub room: RoomId,
    pub seq: i64,
    pub at: Timestamp,
    /// The fact's type.
    pub kind: String,
    pub by: String,
    pub cause_kind: String,
    pub cause: String,
    /// JSON object of the fact, its `type` included.
    pub payload: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompanyRow {
    pub no: CompanyNo,
    pub id: String,
    pub name: String,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct KeyRow {
    pub id: String,
    pub company: CompanyNo,
    pub role: Role,
    pub ai_agent: Option<AiAgentId>,
    pub created_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct AuditRow {
    pub position: i64,
    pub at: Timestamp,
    pub by: String,
    pub what: String,
}

/// For metrics. Counting rooms reads an index of them: ask every few seconds, not more often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreCounts {
    pub rooms: i64,
    pub calls_open: i64,
    /// Dead letters: `dead` and `unresolved`.
    pub calls_dead: i64,
    pub last_position: i64,
    pub companies: i64,
}

/// Events read per step of the feed, of all companies.
const FEED_STEP: i64 = 2_000;

macro_rules! run {
    ($conn:expr, $doing:literal, |$c:ident| $body:expr) => {
        on_each!(&mut *$conn, |$c| $body).map_err(|error| sort(error, $doing))
    };
}

/// The reads; clones share their threads.
#[derive(Clone)]
pub struct Queries {
    pub(super) readers: Arc<Workers>,
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
    async fn ask<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Conn) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.run(query).await
    }

    pub async fn room(&self, company: CompanyNo, room: &RoomId) -> Result<Option<RoomRow>, StoreError> {
        let id = room.clone();
        self.ask(move |conn| find_room(conn, company, &id)).await
    }

    /// Newest first; `after` is the key of the last one already seen.
    pub async fn rooms(
        &self,
        company: CompanyNo,
        filter: RoomFilter,
        after: Option<RoomKey>,
        limit: i64,
    ) -> Result<Vec<RoomRow>, StoreError> {
        self.ask(move |conn| {
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
                if let Some(status) = filter.status {
                    query = query.filter(rooms::status.eq(status));
                }
                if let Some(control) = filter.control {
                    query = query.filter(rooms::control.eq(control));
                }
                if let Some(assignee) = filter.assignee {
                    // So that the index of held rooms serves it.
                    query = query.filter(rooms::assignee.eq(assignee)).filter(sql::<Bool>("control IN ('queue', 'person')"));
                }
                query.load(c)
            })?;
            found.into_iter().map(room_row).collect()
        })
        .await
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
            let found: Vec<EventTuple> = run!(conn, "reading a timeline", |c| room_events::table
                .inner_join(rooms::table.on(rooms::room_key.eq(room_events::room_key)))
                .filter(room_events::room_key.eq(&room.key.0.as_bytes()[..]))
                .filter(room_events::seq.gt(after_seq))
                .order(room_events::seq.asc())
                .limit(limit)
                .select(EVENT)
                .load(c))?;
            Ok(Some(found.into_iter().map(event).collect()))
        })
        .await
    }

    pub async fn call(&self, company: CompanyNo, call_id: &CallId) -> Result<Option<CallRow>, StoreError> {
        let key = CallKey::of(company, call_id);
        self.ask(move |conn| rows::find_call(conn, company, &key).map_err(|error| sort(error, "reading a call"))).await
    }

    /// Newest first; `after` is the position of the last one already seen.
    pub async fn calls(
        &self,
        company: CompanyNo,
        filter: CallFilter,
        after: Option<i64>,
        limit: i64,
    ) -> Result<Vec<CallRow>, StoreError> {
        self.ask(move |conn| match &filter.room_id {
            Some(room) => match find_room(conn, company, room)? {
                Some(found) => calls_of_room(conn, company, &found, &filter, after, limit),
                None => Ok(vec![]),
            },
            None => calls_of_company(conn, company, &filter, after, limit),
        })
        .await
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

fn find_room(conn: &mut Conn, company: CompanyNo, id: &RoomId) -> Result<Option<RoomRow>, StoreError> {
    let found: Vec<RoomTuple> = run!(conn, "reading a room", |c| rooms::table
        .filter(rooms::company.eq(company.0))
        .filter(rooms::room_id.eq(id.as_str()))
        .select(ROOM)
        .load(c))?;
    found.into_iter().next().map(room_row).transpose()
}

fn calls_of_company(
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
fn calls_of_room(
    conn: &mut Conn,
    company: CompanyNo,
    room: &RoomRow,
    filter: &CallFilter,
    after: Option<i64>,
    limit: i64,
) -> Result<Vec<CallRow>, StoreError> {
    let ids: Vec<String> = run!(conn, "reading the calls of a room", |c| room_events::table
        .filter(room_events::room_key.eq(&room.key.0.as_bytes()[..]))
        .filter(room_events::cause_kind.eq("call"))
        .select(room_events::cause)
        .distinct()
        .load(c))?;
    let keep = usize::try_from(limit).unwrap_or(0);
    let mut calls: Vec<CallRow> = vec![];
    for ids in ids.chunks(500) {
        let keys: Vec<Vec<u8>> = ids.iter().map(|id| CallKey::of(company, &CallId::trusted(id)).0.to_vec()).collect();
        let found: Vec<CallData> = run!(conn, "reading the calls of a room", |c| function_calls::table
            .filter(function_calls::call_key.eq_any(keys))
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

pub(super) fn settings(conn: &mut Conn, company: CompanyNo) -> Result<(Settings, i64), StoreError> {
    let found: Vec<(i64, String)> = run!(conn, "reading the settings", |c| settings::table
        .filter(settings::company.eq(company.0))
        .select((settings::version, settings::body))
        .load(c))?;
    match found.into_iter().next() {
        None => Ok((Settings::default(), 0)),
        Some((version, body)) => Ok((parsed(&body)?, version)),
    }
}

fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Invalid(format!("A stored value cannot be read: {error}.")))
}

pub(super) fn presence_text(status: Presence) -> &'static str {
    match status {
        Presence::Online => "online",
        Presence::Away => "away",
        Presence::Offline => "offline",
    }
}

fn presence(text: &str) -> Presence {
    [Presence::Online, Presence::Away].into_iter().find(|status| presence_text(*status) == text).unwrap_or_default()
}

pub(super) fn company_view(conn: &mut Conn, company: CompanyNo) -> Result<Company, StoreError> {
    let known: Vec<i64> =
        run!(conn, "reading a company", |c| companies::table.filter(companies::no.eq(company.0)).select(companies::no).load(c))?;
    if known.is_empty() {
        return Err(StoreError::NotFound("company"));
    }
    let (settings, _) = settings(conn, company)?;
    type AgentTuple = (String, String, String, String, String, i64);
    let people: Vec<AgentTuple> = run!(conn, "reading agents", |c| agents::table
        .filter(agents::company.eq(company.0))
        .order(agents::id.asc())
        .select((agents::id, agents::name, agents::email, agents::divisions, agents::status, agents::capacity))
        .load(c))?;
    let groups: Vec<(String, String)> = run!(conn, "reading divisions", |c| divisions::table
        .filter(divisions::company.eq(company.0))
        .order(divisions::id.asc())
        .select((divisions::id, divisions::name))
        .load(c))?;
    let names: Vec<(String, String)> = run!(conn, "reading tags", |c| tags::table
        .filter(tags::company.eq(company.0))
        .select((tags::folded, tags::shown))
        .load(c))?;
    let agents = people
        .into_iter()
        .map(|(id, name, email, all, status, capacity)| {
            let (divisions, status) = (parsed(&all)?, presence(&status));
            Ok(Agent {
                id: AgentId::trusted(&id),
                name,
                email,
                divisions,
                status,
                capacity: u32::try_from(capacity).unwrap_or(0),
            })
        })
        .collect::<Result<_, StoreError>>()?;
    Ok(Company {
        no: company,
        settings,
        agents,
        divisions: groups.into_iter().map(|(id, name)| Division { id: DivisionId::trusted(&id), name }).collect(),
        tags: names.into_iter().map(|(folded, shown)| (folded.into(), shown.into())).collect(),
    })
}
