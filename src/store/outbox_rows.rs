//! The outbox's rows: how a part is marked started, finished and settled, and how that is read again. Every write here may be
//! repeated; none knows a lane or waits for anything.

use std::sync::Arc;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::conn::{Conn, run, sort};
use super::group_pg::clean;
use super::rows::sixteen;
use super::schema::{effect_parts, effects, owners, rooms};
use super::url::StoreError;
use crate::actors::outside::{Claim, EffectJob, Part, PartDone, PartRow, Recalled};
use crate::room::{CallKey, CallStatus, CompanyNo, Settlement, Timestamp};

/// Most claims that `claims` answers.
pub(super) const MOST_CLAIMS: usize = 100;

/// What an effect's row is made from.
#[derive(Debug)]
pub(super) struct Head {
    key: CallKey,
    company: i64,
    room_id: String,
    call_id: String,
    action: &'static str,
    retries: i64,
    at: i64,
    fence: Option<Fence>,
}

/// While a part of a fenced effect may be started.
#[derive(Debug)]
struct Fence {
    /// Control of the room has not moved since then …
    epoch: i64,
    /// … or only to this person.
    hands_to: Option<String>,
    /// … or by this assignment, while the conversation is not over: what its own request may still say.
    leave: Option<i64>,
}

impl Head {
    fn of(job: &EffectJob, at: Timestamp) -> Self {
        Self {
            key: job.key,
            company: job.address.company.0,
            room_id: clean(job.address.room.as_str()).into_owned(),
            call_id: job.call.call_id.to_string(),
            action: job.call.name,
            retries: i64::from(job.retries),
            at: at.0,
            fence: None,
        }
    }
}

impl Fence {
    fn of(job: &EffectJob, part: &Part, at: Timestamp) -> Option<Self> {
        let hands_to = || part.hands_to.as_ref().map(ToString::to_string);
        let leave = || job.plan.leave.as_ref().filter(|leave| at <= leave.until).map(|leave| leave.assignment);
        job.plan.fenced.then(|| Self {
            epoch: job.epoch,
            hands_to: hands_to(),
            leave: leave().and_then(|assignment| i64::try_from(assignment).ok()),
        })
    }

    fn lets_in(&self, (epoch, assignee, leave, control): &Controlled) -> bool {
        *epoch == self.epoch
            || (self.hands_to.is_some() && *assignee == self.hands_to)
            || (self.leave == Some(*leave) && control != "nobody")
    }
}

/// Of a room's row: control epoch, assignee, number of the assignment for which leave stands, who has control.
type Controlled = (i64, Option<String>, i64, String);

#[derive(Debug)]
pub(super) enum Write {
    Start { head: Head, no: i64, name: String, part: String, shown_name: Option<String> },
    Finish { effect: CallKey, no: u32, done: Option<PartDone>, at: Timestamp },
    Settle { head: Head, settlement: String, nothing_happened: bool },
}

impl Write {
    pub fn start(job: &EffectJob, part: &Part, at: Timestamp) -> Result<Self, Arc<str>> {
        let text = serde_json::to_string(part).map_err(|error| -> Arc<str> { error.to_string().into() })?;
        Ok(Self::Start {
            head: Head { fence: Fence::of(job, part, at), ..Head::of(job, at) },
            no: i64::from(part.no),
            name: clean(&part.name).into_owned(),
            part: text,
            shown_name: part.shown_name.as_deref().map(|name| clean(name).into_owned()),
        })
    }

    pub fn settle(job: &EffectJob, settlement: &Settlement, at: Timestamp) -> Result<Self, Arc<str>> {
        let text = serde_json::to_string(settlement).map_err(|error| -> Arc<str> { error.to_string().into() })?;
        Ok(Self::Settle { head: Head::of(job, at), settlement: text, nothing_happened: nothing_happened(settlement.status) })
    }
}

/// Ends after which no part without an outcome can have made anything: it no longer claims records of its name.
pub(super) const fn nothing_happened(status: CallStatus) -> bool {
    matches!(status, CallStatus::Refused | CallStatus::Failed | CallStatus::Cancelled | CallStatus::Expired)
}

/// What a write came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Done,
    NotOurs,
    Void,
    Wrong(String),
}

/// All of `writes` in one transaction, or nothing. Answers in their order.
pub(super) fn write(conn: &mut Conn, owner: Option<i64>, writes: &[Write]) -> Result<Vec<Told>, StoreError> {
    conn.transaction(|conn| {
        if owner.is_none() || epoch(conn)? != owner {
            return Ok(vec![Told::NotOurs; writes.len()]);
        }
        let owner = owner.unwrap_or_default();
        writes.iter().map(|write| one(conn, owner, write)).collect()
    })
}

/// Who owns the rooms. On PostgreSQL whoever takes over waits for this transaction; on SQLite it is alone anyway.
fn epoch(conn: &mut Conn) -> Result<Option<i64>, StoreError> {
    let found: QueryResult<Vec<i64>> = match conn {
        Conn::Sqlite(c) => owners::table.select(owners::epoch).load(c),
        Conn::Pg(c) => owners::table.select(owners::epoch).for_share().load(c),
    };
    Ok(found.map_err(|error| sort(error, "reading the owner"))?.into_iter().next())
}

fn one(conn: &mut Conn, owner: i64, write: &Write) -> Result<Told, StoreError> {
    match write {
        Write::Start { head, no, name, part, shown_name } => {
            if !holds(conn, head)? {
                return Ok(Told::Void);
            }
            if !enter(conn, head)? {
                return Ok(Told::Wrong("the effect has ended already".into()));
            }
            start(conn, owner, head, *no, name, part, shown_name.as_deref())
        }
        Write::Finish { effect, no, done, at } => finish(conn, *effect, i64::from(*no), done.as_ref(), *at),
        Write::Settle { head, settlement, nothing_happened } => {
            settle(conn, head, settlement)?;
            if *nothing_happened {
                let open = effect_parts::table
                    .filter(effect_parts::call_key.eq(&head.key.0[..]))
                    .filter(effect_parts::ended_at.is_null());
                run!(conn, "settling an effect", |c| diesel::update(open).set(effect_parts::idle.eq(true)).execute(c))?;
            }
            Ok(Told::Done)
        }
    }
}

/// Whether the room's control is where a fenced effect needs it. On PostgreSQL a commit that moves it waits for this
/// transaction, or this one for that: whichever is first counts. On SQLite there is one writer anyway.
fn holds(conn: &mut Conn, head: &Head) -> Result<bool, StoreError> {
    let Some(fence) = &head.fence else { return Ok(true) };
    let row = rooms::table.filter(rooms::company.eq(head.company)).filter(rooms::room_id.eq(&head.room_id));
    let row = row.select((rooms::epoch, rooms::assignee, rooms::assignment, rooms::control));
    let found: QueryResult<Vec<Controlled>> = match conn {
        Conn::Sqlite(c) => row.load(c),
        Conn::Pg(c) => row.for_share().load(c),
    };
    let found = found.map_err(|error| sort(error, "reading who controls a room"))?;
    Ok(found.first().is_some_and(|row| fence.lets_in(row)))
}

/// The effect's row for this try; false: this try of it has ended.
fn enter(conn: &mut Conn, head: &Head) -> Result<bool, StoreError> {
    if insert(conn, head, None)? == 1 {
        return Ok(true);
    }
    let key = &head.key.0[..];
    let found: Vec<(i64, Option<i64>)> = run!(conn, "reading an effect", |c| effects::table
        .filter(effects::call_key.eq(key))
        .select((effects::retries, effects::settled_at))
        .load(c))?;
    let Some((retries, settled_at)) = found.first() else { return Ok(false) };
    if *retries < head.retries {
        run!(conn, "beginning another try", |c| diesel::update(effects::table.filter(effects::call_key.eq(key)))
            .set((effects::retries.eq(head.retries), effects::settlement.eq(None::<String>), effects::settled_at.eq(None::<i64>)))
            .execute(c))?;
        return Ok(true);
    }
    Ok(*retries == head.retries && settled_at.is_none())
}

fn insert(conn: &mut Conn, head: &Head, settlement: Option<&str>) -> Result<usize, StoreError> {
    run!(conn, "writing an effect", |c| diesel::insert_into(effects::table)
        .values((
            effects::call_key.eq(&head.key.0[..]),
            effects::company.eq(head.company),
            effects::room_id.eq(&head.room_id),
            effects::call_id.eq(&head.call_id),
            effects::action.eq(head.action),
            effects::retries.eq(head.retries),
            effects::settlement.eq(settlement),
            effects::settled_at.eq(settlement.map(|_| head.at)),
            effects::at.eq(head.at),
        ))
        .on_conflict_do_nothing()
        .execute(c))
}

fn start(
    conn: &mut Conn,
    owner: i64,
    head: &Head,
    no: i64,
    name: &str,
    part: &str,
    shown_name: Option<&str>,
) -> Result<Told, StoreError> {
    let key = &head.key.0[..];
    let values = (
        effect_parts::name.eq(name),
        effect_parts::part.eq(part),
        effect_parts::shown_name.eq(shown_name),
        effect_parts::started_at.eq(head.at),
        effect_parts::owner_epoch.eq(owner),
        effect_parts::idle.eq(false),
    );
    let again = effect_parts::table
        .filter(effect_parts::call_key.eq(key))
        .filter(effect_parts::no.eq(no))
        .filter(effect_parts::ended_at.is_null());
    let mut done = run!(conn, "starting a part", |c| diesel::insert_into(effect_parts::table)
        .values((
            effect_parts::call_key.eq(key),
            effect_parts::no.eq(no),
            effect_parts::company.eq(head.company),
            effect_parts::attempts.eq(1_i64),
            values
        ))
        .on_conflict_do_nothing()
        .execute(c))?;
    if done == 0 {
        done = run!(conn, "starting a part again", |c| diesel::update(again)
            .set((effect_parts::attempts.eq(effect_parts::attempts + 1), values))
            .execute(c))?;
    }
    Ok(if done == 1 { Told::Done } else { Told::Wrong("the part is done already".into()) })
}

/// What a part left behind is written once; an attempt that did nothing changes nothing of it.
fn finish(conn: &mut Conn, effect: CallKey, no: i64, done: Option<&PartDone>, at: Timestamp) -> Result<Told, StoreError> {
    let part = effect_parts::table.filter(effect_parts::call_key.eq(&effect.0[..])).filter(effect_parts::no.eq(no));
    let open = part.filter(effect_parts::ended_at.is_null());
    let changed = match done {
        Some(done) => run!(conn, "finishing a part", |c| diesel::update(open)
            .set((
                effect_parts::record.eq(clean(&done.record)),
                effect_parts::answer.eq(clean(&done.answer)),
                effect_parts::ended_at.eq(at.0),
                effect_parts::idle.eq(false),
            ))
            .execute(c))?,
        None => run!(conn, "finishing a part", |c| diesel::update(open).set(effect_parts::idle.eq(true)).execute(c))?,
    };
    if changed == 1 {
        return Ok(Told::Done);
    }
    let known: i64 = run!(conn, "finishing a part", |c| part.count().get_result(c))?;
    Ok(if known == 1 { Told::Done } else { Told::Wrong("the part was never started".into()) })
}

/// **Invariant:** the first settlement of a try stays: the room may have been told.
fn settle(conn: &mut Conn, head: &Head, settlement: &str) -> Result<(), StoreError> {
    if insert(conn, head, Some(settlement))? == 1 {
        return Ok(());
    }
    let open = effects::table
        .filter(effects::call_key.eq(&head.key.0[..]))
        .filter(effects::settled_at.is_null().or(effects::retries.lt(head.retries)))
        .filter(effects::retries.le(head.retries));
    run!(conn, "settling an effect", |c| diesel::update(open)
        .set((effects::retries.eq(head.retries), effects::settlement.eq(settlement), effects::settled_at.eq(head.at)))
        .execute(c))?;
    Ok(())
}

fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Invalid(format!("A row of the outbox cannot be read: {error}.")))
}

pub(super) fn recall(conn: &mut Conn, effect: CallKey) -> Result<Recalled, StoreError> {
    type Row = (String, i64, i64, bool, Option<String>, Option<String>);
    let found: Vec<(i64, Option<String>)> = run!(conn, "reading an effect", |c| effects::table
        .filter(effects::call_key.eq(&effect.0[..]))
        .select((effects::retries, effects::settlement))
        .load(c))?;
    let Some((retries, settlement)) = found.into_iter().next() else { return Ok(Recalled::default()) };
    let settlement = settlement.as_deref().map(parsed::<Settlement>).transpose()?;
    let parts: Vec<Row> = run!(conn, "reading an effect's parts", |c| effect_parts::table
        .filter(effect_parts::call_key.eq(&effect.0[..]))
        .order(effect_parts::no.asc())
        .select((
            effect_parts::part,
            effect_parts::started_at,
            effect_parts::attempts,
            effect_parts::idle,
            effect_parts::record,
            effect_parts::answer,
        ))
        .load(c))?;
    let part = |(part, started_at, attempts, idle, record, answer): Row| {
        Ok(PartRow {
            part: parsed(&part)?,
            started_at: Timestamp(started_at),
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
            done: record.zip(answer).map(|(record, answer)| PartDone { record, answer }),
            idle,
        })
    };
    Ok(Recalled {
        parts: parts.into_iter().map(part).collect::<Result<_, StoreError>>()?,
        settlement: settlement.map(|settlement| (u32::try_from(retries).unwrap_or(u32::MAX), settlement)),
    })
}

/// Two reads, because each has an index of its own.
pub(super) fn claims(
    conn: &mut Conn,
    company: CompanyNo,
    name: &str,
    record: &str,
    shown_name: &str,
    but: CallKey,
) -> Result<Vec<Claim>, StoreError> {
    let limit = i64::try_from(MOST_CLAIMS).unwrap_or(i64::MAX);
    let (name, record, shown_name) = (clean(name), clean(record), clean(shown_name));
    let others = effect_parts::table
        .filter(effect_parts::company.eq(company.0))
        .filter(effect_parts::name.eq(&*name))
        .filter(effect_parts::call_key.ne(&but.0[..]));
    let made: Vec<(Vec<u8>, Option<String>)> = run!(conn, "reading who made a record", |c| others
        .filter(effect_parts::record.eq(&*record))
        .order(effect_parts::call_key.asc())
        .limit(limit)
        .select((effect_parts::call_key, effect_parts::record))
        .load(c))?;
    let may_have: Vec<(Vec<u8>, Option<String>)> = run!(conn, "reading who may have made a record", |c| others
        .filter(effect_parts::shown_name.eq(&*shown_name))
        // Spelled as in the index, which would not be used otherwise.
        .filter(sql::<Bool>("ended_at IS NULL AND NOT idle"))
        .order(effect_parts::call_key.asc())
        .limit(limit)
        .select((effect_parts::call_key, effect_parts::record))
        .load(c))?;
    let read = |(key, record): (Vec<u8>, Option<String>)| Ok(Claim { effect: CallKey(sixteen(&key)?), record });
    let all = made.into_iter().chain(may_have).take(MOST_CLAIMS).map(read).collect::<QueryResult<_>>();
    all.map_err(|error| sort(error, "reading claims"))
}
