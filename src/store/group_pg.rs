//! One group commit on PostgreSQL: one statement with arrays, which is its own transaction and one round trip. It fails as a
//! whole if any count is off; then the guilty commits are sifted out and the rest is written again.

use std::borrow::Cow;
use std::collections::HashSet;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::{DatabaseErrorKind, Error as DbError};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, Text};

use super::conn::{PgConn, Trouble, trouble};
use super::decided::tell_pg;
use super::group::{Fence, Written, last_timers, misshapen, payload};
use super::schema::{function_calls, message_keys, owners, room_events, rooms};
use super::url::describe;
use crate::actors::ports::{Commit, DecidedEffect, Rejection, TimerChange};

type Texts<'a> = Vec<Cow<'a, str>>;

/// The statement's parameters, column by column.
#[rustfmt::skip]
#[derive(Default)]
struct Group<'a> {
    fence: Fence,
    counts: [i64; 4],
    u_key: Vec<&'a [u8]>, u_company: Vec<i64>, u_expected: Vec<i64>, u_version: Vec<i64>, u_epoch: Vec<i64>, u_owner: Vec<i64>,
    u_status: Vec<&'a str>, u_control: Vec<&'a str>, u_assignee: Vec<Option<&'a str>>, u_assignment: Vec<i64>, u_paused: Vec<bool>, u_snapshot: Vec<&'a [u8]>,
    n_key: Vec<&'a [u8]>, n_company: Vec<i64>, n_id: Vec<&'a str>, n_version: Vec<i64>, n_epoch: Vec<i64>, n_owner: Vec<i64>,
    n_status: Vec<&'a str>, n_control: Vec<&'a str>, n_assignee: Vec<Option<&'a str>>, n_assignment: Vec<i64>, n_paused: Vec<bool>, n_snapshot: Vec<&'a [u8]>,
    n_created: Vec<i64>,
    c_key: Vec<&'a [u8]>, c_company: Vec<i64>, c_id: Vec<&'a str>, c_tool: Vec<Option<Cow<'a, str>>>, c_room: Vec<&'a [u8]>, c_agent: Vec<Option<&'a str>>,
    c_key_id: Texts<'a>, c_name: Vec<&'a str>, c_arguments: Texts<'a>, c_meaning: Vec<&'a [u8]>, c_epoch: Vec<Option<i64>>, c_seq: Vec<Option<i64>>,
    c_status: Vec<&'a str>, c_body: Texts<'a>, c_at: Vec<i64>, c_ended: Vec<Option<i64>>, c_revision: Vec<Option<i64>>,
    m_key: Vec<&'a [u8]>, m_room: Vec<&'a [u8]>, m_at: Vec<i64>,
    e_position: Vec<i64>, e_company: Vec<i64>, e_room: Vec<&'a [u8]>, e_seq: Vec<i64>, e_at: Vec<i64>, e_by: Texts<'a>, e_cause_kind: Vec<&'a str>,
    e_cause: Texts<'a>, e_kind: Vec<String>, e_payload: Vec<String>,
    d_key: Vec<&'a [u8]>, d_room: Vec<&'a [u8]>, d_status: Vec<&'a str>, d_body: Texts<'a>, d_at: Vec<Option<i64>>,
    t_company: Vec<i64>, t_folded: Texts<'a>, t_shown: Texts<'a>, t_at: Vec<i64>,
    s_room: Vec<&'a [u8]>, s_kind: Vec<&'a str>, s_company: Vec<i64>, s_id: Vec<&'a str>, s_due: Vec<i64>, s_cause: Texts<'a>,
    x_room: Vec<&'a [u8]>, x_kind: Vec<&'a str>,
}

/// PostgreSQL's text cannot hold NUL; a text from outside must not be able to fail the group.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{FFFD}")) } else { Cow::Borrowed(text) }
}

impl<'a> Group<'a> {
    #[rustfmt::skip]
    fn add(&mut self, commit: &'a Commit, position: &mut i64) -> QueryResult<()> {
        let (company, key, columns) = (commit.address.company.0, &commit.key.0.as_bytes()[..], &commit.columns);
        let assignee = columns.assignee.as_ref().map(|id| id.as_str());
        let at = commit.events.last().map_or(0, |event| event.at.0);
        macro_rules! push { ($($field:ident = $value:expr),+ $(,)?) => { $( self.$field.push($value); )+ } }
        if commit.expected_version == 0 {
            push!(n_key = key, n_company = company, n_id = commit.address.room.as_str(), n_version = commit.version, n_epoch = commit.epoch,
                n_owner = commit.owner_epoch, n_status = columns.status, n_control = columns.control, n_assignee = assignee,
                n_assignment = columns.assignment, n_paused = columns.paused, n_snapshot = &commit.snapshot,
                n_created = commit.events.first().map_or(0, |event| event.at.0));
        } else {
            push!(u_key = key, u_company = company, u_expected = commit.expected_version, u_version = commit.version, u_epoch = commit.epoch,
                u_owner = commit.owner_epoch, u_status = columns.status, u_control = columns.control, u_assignee = assignee,
                u_assignment = columns.assignment, u_paused = columns.paused, u_snapshot = &commit.snapshot);
        }
        for new in &commit.new_calls {
            let call = &new.call;
            push!(c_key = &call.key.0, c_company = company, c_id = call.call_id.as_str(), c_tool = call.tool_call_id.as_deref().map(clean), c_room = key,
                c_agent = call.ai_agent.as_ref().map(|id| id.as_str()), c_key_id = clean(&call.key_id), c_name = call.name, c_arguments = clean(&call.arguments),
                c_meaning = &call.meaning.0, c_epoch = call.seen.epoch, c_seq = call.seen.seq, c_status = new.answer.status.as_str(),
                c_body = clean(&new.answer.body), c_at = new.at.0, c_ended = new.answer.status.is_final().then_some(new.at.0),
                c_revision = call.revision);
        }
        for message in &commit.messages {
            push!(m_key = &message.0, m_room = key, m_at = at);
        }
        for event in &commit.events {
            *position += 1;
            let (kind, payload) = payload(&event.fact)?;
            push!(e_position = *position, e_company = company, e_room = key, e_seq = event.seq, e_at = event.at.0,
                e_by = Cow::Owned(clean(&event.by.to_text()).into_owned()), e_cause_kind = event.cause.kind(),
                e_cause = Cow::Owned(clean(&event.cause.id()).into_owned()), e_kind = payload[kind].to_owned(), e_payload = payload);
        }
        for ended in &commit.ended_calls {
            push!(d_key = &ended.key.0, d_room = key, d_status = ended.answer.status.as_str(), d_body = clean(&ended.answer.body),
                d_at = ended.answer.status.is_final().then_some(ended.at.0));
        }
        for tag in &commit.new_tags {
            push!(t_company = company, t_folded = clean(&tag.folded), t_shown = clean(&tag.shown), t_at = at);
        }
        for change in last_timers(&commit.timers) {
            match change {
                TimerChange::Set { kind, due, cause } => {
                    push!(s_room = key, s_kind = kind.as_str(), s_company = company, s_id = commit.address.room.as_str(), s_due = due.0, s_cause = clean(cause));
                }
                TimerChange::Clear { kind } => { push!(x_room = key, x_kind = kind.as_str()); }
            }
        }
        Ok(())
    }
}

impl QueryId for Group<'_> {
    type QueryId = Group<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Pg> for Group<'_> {
    #[rustfmt::skip]
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        macro_rules! arrays {
            ($first:ident: $kind:ty $(, $field:ident: $more:ty)*) => {
                out.push_bind_param::<Array<$kind>, _>(&self.$first)?;
                $( out.push_sql(","); out.push_bind_param::<Array<$more>, _>(&self.$field)?; )*
            };
        }
        // FOR SHARE: who takes over, or connects anew, waits for this statement, and this statement sees whoever did before it.
        out.push_sql("WITH own AS (SELECT 1 FROM owners WHERE id=1 AND epoch=");
        out.push_bind_param::<BigInt, _>(&self.fence.owner)?;
        out.push_sql(" AND connection=");
        out.push_bind_param::<BigInt, _>(&self.fence.connection)?;
        out.push_sql(" FOR SHARE), u AS (UPDATE rooms r SET version=x.version, epoch=x.epoch, owner_epoch=x.owner_epoch, status=x.status, control=x.control, \
            assignee=x.assignee, assignment=x.assignment, paused=x.paused, snapshot=x.snapshot FROM unnest(");
        arrays!(u_key: Binary, u_company: BigInt, u_expected: BigInt, u_version: BigInt, u_epoch: BigInt, u_owner: BigInt, u_status: Text, u_control: Text,
            u_assignee: Nullable<Text>, u_assignment: BigInt, u_paused: Bool, u_snapshot: Binary);
        out.push_sql(") AS x(room_key,company,expected,version,epoch,owner_epoch,status,control,assignee,assignment,paused,snapshot) \
            WHERE r.room_key=x.room_key AND r.company=x.company AND r.version=x.expected AND r.owner_epoch<=x.owner_epoch RETURNING 1), \
            n AS (INSERT INTO rooms (room_key,company,room_id,version,epoch,owner_epoch,status,control,assignee,assignment,paused,snapshot,created_at) SELECT * FROM unnest(");
        arrays!(n_key: Binary, n_company: BigInt, n_id: Text, n_version: BigInt, n_epoch: BigInt, n_owner: BigInt, n_status: Text, n_control: Text,
            n_assignee: Nullable<Text>, n_assignment: BigInt, n_paused: Bool, n_snapshot: Binary, n_created: BigInt);
        out.push_sql(") ON CONFLICT DO NOTHING RETURNING 1), c AS (INSERT INTO function_calls (call_key,company,call_id,tool_call_id,room_key,ai_agent,key_id,name,\
            arguments,meaning,seen_epoch,seen_seq,status,body,at,ended_at,revision) SELECT * FROM unnest(");
        arrays!(c_key: Binary, c_company: BigInt, c_id: Text, c_tool: Nullable<Text>, c_room: Binary, c_agent: Nullable<Text>, c_key_id: Text, c_name: Text,
            c_arguments: Text, c_meaning: Binary, c_epoch: Nullable<BigInt>, c_seq: Nullable<BigInt>, c_status: Text, c_body: Text, c_at: BigInt,
            c_ended: Nullable<BigInt>, c_revision: Nullable<BigInt>);
        out.push_sql(") ON CONFLICT DO NOTHING RETURNING 1), m AS (INSERT INTO message_keys (message_key,room_key,at) SELECT * FROM unnest(");
        arrays!(m_key: Binary, m_room: Binary, m_at: BigInt);
        out.push_sql(") ON CONFLICT DO NOTHING RETURNING 1), e AS (INSERT INTO room_events (position,company,room_key,seq,at,\"by\",cause_kind,cause,kind,payload) SELECT * FROM unnest(");
        arrays!(e_position: BigInt, e_company: BigInt, e_room: Binary, e_seq: BigInt, e_at: BigInt, e_by: Text, e_cause_kind: Text, e_cause: Text,
            e_kind: Text, e_payload: Text);
        out.push_sql(")), d AS (UPDATE function_calls f SET status=x.status, body=x.body, ended_at=x.ended_at FROM unnest(");
        arrays!(d_key: Binary, d_room: Binary, d_status: Text, d_body: Text, d_at: Nullable<BigInt>);
        // Open calls and dead letters apart: each has a partial index, while for both at once the whole table would be read.
        out.push_sql(") AS x(call_key,room_key,status,body,ended_at) WHERE f.call_key=x.call_key AND f.room_key=x.room_key AND f.ended_at IS NULL), \
            l AS (UPDATE function_calls f SET status=x.status, body=x.body, ended_at=x.ended_at FROM unnest(");
        arrays!(d_key: Binary, d_room: Binary, d_status: Text, d_body: Text, d_at: Nullable<BigInt>);
        out.push_sql(") AS x(call_key,room_key,status,body,ended_at) WHERE f.call_key=x.call_key AND f.room_key=x.room_key \
            AND f.status IN ('dead', 'unresolved')), \
            t AS (INSERT INTO tags (company,folded,shown,created_at) SELECT * FROM unnest(");
        arrays!(t_company: BigInt, t_folded: Text, t_shown: Text, t_at: BigInt);
        // The whole of `t` before `meta`: the directory takes its locks in the same order.
        out.push_sql(") ON CONFLICT DO NOTHING RETURNING 1), g AS (UPDATE meta SET config_version=config_version+1 WHERE id=1 AND (SELECT count(*) FROM t)>0), \
            s AS (INSERT INTO timers (room_key,kind,company,room_id,due_at,cause) SELECT * FROM unnest(");
        arrays!(s_room: Binary, s_kind: Text, s_company: BigInt, s_id: Text, s_due: BigInt, s_cause: Text);
        out.push_sql(") ON CONFLICT (room_key,kind) DO UPDATE SET due_at=excluded.due_at, cause=excluded.cause), \
            y AS (DELETE FROM timers z USING unnest(");
        arrays!(x_room: Binary, x_kind: Text);
        out.push_sql(") AS x(room_key,kind) WHERE z.room_key=x.room_key AND z.kind=x.kind) SELECT 1/(CASE WHEN (SELECT count(*) FROM own)=1");
        for (count, sql) in self.counts.iter().zip(COUNTS) {
            out.push_sql(sql);
            out.push_bind_param::<BigInt, _>(count)?;
        }
        out.push_sql(" THEN 1 ELSE 0 END)");
        Ok(())
    }
}

impl<C> RunQueryDsl<C> for Group<'_> {}

const COUNTS: [&str; 4] = [
    " AND (SELECT count(*) FROM u)=",
    " AND (SELECT count(*) FROM n)=",
    " AND (SELECT count(*) FROM c)=",
    " AND (SELECT count(*) FROM m)=",
];

/// Why a group as a whole has no outcome.
pub(super) enum Failed {
    /// Certainly nothing was written.
    NotNow(DbError),
    /// The connection is gone and what was on its way may have landed.
    Lost(DbError),
    /// Another process owns the database now; nothing was written.
    Taken,
}

/// From here on nothing lands that an older connection of this process sent: its statement, if it is still under way, is waited
/// for (at most `lock_timeout`), and one that is executed later finds another number. `None`: another process owns the database.
pub(super) fn connect(c: &mut PgConn, owner: i64) -> QueryResult<Option<i64>> {
    diesel::update(owners::table.filter(owners::id.eq(1)).filter(owners::epoch.eq(owner)))
        .set(owners::connection.eq(owners::connection + 1))
        .returning(owners::connection)
        .get_result(c)
        .optional()
}

fn failed(error: DbError) -> Failed {
    // The server itself said no: then it is certain. Anything else may have happened after it wrote.
    match (&error, trouble(&error)) {
        (DbError::DatabaseError(..), Trouble::Lost) => Failed::Lost(error),
        (DbError::DatabaseError(..) | DbError::SerializationError(_), _) => Failed::NotNow(error),
        _ => Failed::Lost(error),
    }
}

/// Writes the batch and answers, in its order, why a commit did not land (`None`: it did). With `Err` what had landed until
/// then is in `written` (`Some(None)`), the rest is still `None`.
pub(super) fn write(
    c: &mut PgConn,
    batch: &[Box<Commit>],
    fence: Fence,
    position: &mut i64,
    written: &mut Vec<Option<Written>>,
) -> Result<(), Failed> {
    written.clear();
    written.extend(batch.iter().map(|commit| misshapen(commit).map(|why| Some(Rejection::Unavailable(why.into())))));
    match group(c, batch, fence, position, written) {
        Ok(true) => return Ok(()),
        Err(error @ (Failed::Lost(_) | Failed::Taken)) => return Err(error),
        Ok(false) | Err(Failed::NotNow(_)) => {}
    }
    // Rare: somebody's call id was used before, or a room moved on. Who is to blame steps aside, the others are written.
    sift(c, batch, fence, position, written)?;
    match group(c, batch, fence, position, written) {
        Ok(true) => return Ok(()),
        Ok(false) => {}
        Err(error @ (Failed::Lost(_) | Failed::Taken)) => return Err(error),
        Err(Failed::NotNow(_)) => {}
    }
    for i in 0..batch.len() {
        if written[i].is_some() {
            continue;
        }
        let mut alone = vec![None];
        let one = &batch[i..=i];
        written[i] = match group(c, one, fence, position, &mut alone) {
            Ok(true) => Some(None),
            Ok(false) | Err(Failed::NotNow(_)) => {
                sift(c, one, fence, position, &mut alone)?;
                alone.pop().flatten().or_else(|| Some(Some(Rejection::Unavailable("PostgreSQL refused this commit".into()))))
            }
            Err(error) => return Err(error),
        };
    }
    Ok(())
}

/// One statement for all that have no outcome yet; `false`: some count was off and nothing was written.
fn group(
    c: &mut PgConn,
    batch: &[Box<Commit>],
    fence: Fence,
    position: &mut i64,
    written: &mut [Option<Written>],
) -> Result<bool, Failed> {
    let mut next = *position;
    let mut group = Group { fence, ..Group::default() };
    for (commit, _) in batch.iter().zip(written.iter()).filter(|(_, outcome)| outcome.is_none()) {
        group.add(commit, &mut next).map_err(Failed::NotNow)?;
    }
    group.counts = [group.u_key.len(), group.n_key.len(), group.c_key.len(), group.m_key.len()]
        .map(|count| i64::try_from(count).unwrap_or(-1));
    if group.u_key.is_empty() && group.n_key.is_empty() {
        return Ok(true);
    }
    let decided: Vec<&DecidedEffect> = batch
        .iter()
        .zip(written.iter())
        .filter(|(_, outcome)| outcome.is_none())
        .flat_map(|(commit, _)| &commit.decided_effects)
        .collect();
    // Rare, and then worth the two round trips more that a transaction of several statements takes.
    let done = match decided.is_empty() {
        true => group.execute(c).map(|_| ()),
        false => c.transaction(|c| {
            group.execute(c)?;
            decided.iter().try_for_each(|decided| tell_pg(c, decided))
        }),
    };
    match done {
        Ok(()) => {
            *position = next;
            written.iter_mut().filter(|outcome| outcome.is_none()).for_each(|outcome| *outcome = Some(None));
            Ok(true)
        }
        Err(DbError::DatabaseError(_, information)) if information.message() == "division by zero" => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

/// Gives every commit that cannot land its rejection; ids count as used also by an earlier commit of this batch. `position` is
/// what the table says: if somebody else wrote an event, nothing could ever be written again after the position we remember.
fn sift(
    c: &mut PgConn,
    batch: &[Box<Commit>],
    fence: Fence,
    position: &mut i64,
    written: &mut [Option<Written>],
) -> Result<(), Failed> {
    let found: Vec<(i64, i64)> = owners::table.select((owners::epoch, owners::connection)).load(c).map_err(failed)?;
    match found.first() {
        Some((owner, connection)) if *owner == fence.owner => {
            if *connection != fence.connection {
                let anew = Box::new("the journal has connected anew".to_owned());
                return Err(Failed::Lost(DbError::DatabaseError(DatabaseErrorKind::ClosedConnection, anew)));
            }
        }
        _ => return Err(Failed::Taken),
    }
    let last: Option<i64> = room_events::table.select(diesel::dsl::max(room_events::position)).get_result(c).map_err(failed)?;
    *position = last.map_or(*position, |last| last.max(*position));
    let waiting = || batch.iter().enumerate();
    let calls: Vec<&[u8]> = waiting().flat_map(|(_, commit)| commit.new_calls.iter().map(|new| &new.call.key.0[..])).collect();
    let messages: Vec<&[u8]> = waiting().flat_map(|(_, commit)| commit.messages.iter().map(|key| &key.0[..])).collect();
    let keys: Vec<&[u8]> = waiting().map(|(_, commit)| &commit.key.0.as_bytes()[..]).collect();
    let ids: Vec<&str> =
        waiting().filter(|(_, commit)| commit.expected_version == 0).map(|(_, commit)| commit.address.room.as_str()).collect();
    let found: Vec<Vec<u8>> = function_calls::table
        .filter(function_calls::call_key.eq_any(calls))
        .select(function_calls::call_key)
        .load(c)
        .map_err(failed)?;
    let mut used_calls: HashSet<Vec<u8>> = found.into_iter().collect();
    let found: Vec<Vec<u8>> = message_keys::table
        .filter(message_keys::message_key.eq_any(messages))
        .select(message_keys::message_key)
        .load(c)
        .map_err(failed)?;
    let mut used_messages: HashSet<Vec<u8>> = found.into_iter().collect();
    let found: Vec<(Vec<u8>, i64, i64, i64)> = rooms::table
        .filter(rooms::room_key.eq_any(keys))
        .select((rooms::room_key, rooms::company, rooms::version, rooms::owner_epoch))
        .load(c)
        .map_err(failed)?;
    let mut heads: std::collections::HashMap<Vec<u8>, (i64, i64, i64)> =
        found.into_iter().map(|(key, company, version, owner)| (key, (company, version, owner))).collect();
    let found: Vec<(i64, String)> =
        rooms::table.filter(rooms::room_id.eq_any(ids)).select((rooms::company, rooms::room_id)).load(c).map_err(failed)?;
    let mut names: HashSet<(i64, String)> = found.into_iter().collect();
    for (i, commit) in waiting() {
        if written[i].is_some() {
            continue;
        }
        let calls: Vec<_> =
            commit.new_calls.iter().map(|new| new.call.key).filter(|key| used_calls.contains(&key.0[..])).collect();
        let messages: Vec<_> = commit.messages.iter().copied().filter(|key| used_messages.contains(&key.0[..])).collect();
        let key = commit.key.0.as_bytes().to_vec();
        let name = (commit.address.company.0, commit.address.room.as_str().to_owned());
        let head = heads.get(&key);
        let fits = match head {
            None => commit.expected_version == 0 && !names.contains(&name),
            Some((company, version, owner)) => {
                *company == name.0
                    && commit.expected_version > 0
                    && *version == commit.expected_version
                    && *owner <= commit.owner_epoch
            }
        };
        if !calls.is_empty() || !messages.is_empty() {
            written[i] = Some(Some(Rejection::Duplicate { calls, messages }));
        } else if !fits {
            written[i] = Some(Some(Rejection::Stale));
        } else {
            used_calls.extend(commit.new_calls.iter().map(|new| new.call.key.0.to_vec()));
            used_messages.extend(commit.messages.iter().map(|key| key.0.to_vec()));
            heads.insert(key, (name.0, commit.version, commit.owner_epoch));
            names.insert(name);
        }
    }
    Ok(())
}

/// For the log and for `Rejection`s.
pub(super) fn sentence(failed: &Failed) -> String {
    match failed {
        Failed::NotNow(error) | Failed::Lost(error) => describe(error),
        Failed::Taken => "another process took over".into(),
    }
}
