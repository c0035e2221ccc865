//! One group commit on SQLite: the commits of many rooms in one transaction. A commit that cannot land undoes its own rows, so
//! no caller can make its neighbours roll back.

use std::collections::HashMap;
use std::marker::PhantomData as Mark;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error as DbError;

use super::call_keys::NewestKeys;
use super::group::{Positions, Written, last_timers, misshapen, payload};
use super::statements::*;
use crate::actors::ports::{Commit, NewCall, Rejection, TimerChange};
use crate::room::{CallKey, MessageKey};

/// Where the transaction failed. **Invariant:** `Before` means that nothing of it was written.
pub(super) enum Failed {
    Before(DbError),
    AtCommit(DbError),
    /// Another process owns the database now; nothing was written.
    Taken,
}

/// Writes the batch and answers, in its order, why a commit did not land (`None`: it did).
/// `positions` move only if the transaction is durable. `also` writes in the same transaction.
pub(super) fn write(
    c: &mut SqliteConnection,
    batch: &[Box<Commit>],
    owner: i64,
    newest: &NewestKeys,
    positions: &mut Positions,
    also: impl FnOnce(&mut SqliteConnection) -> QueryResult<()>,
) -> Result<Vec<Written>, Failed> {
    Begin.execute(c).map_err(Failed::Before)?;
    let mut group = Group { newest, fresh: HashMap::default(), positions: *positions, tags: 0 };
    let outcome = group.rows(c, batch, owner).and_then(|written| {
        if written.is_some() {
            also(c)?;
        }
        Ok(written)
    });
    match outcome {
        Ok(Some(written)) => {
            End.execute(c).map_err(|error| {
                let _ = c.batch_execute("ROLLBACK");
                Failed::AtCommit(error)
            })?;
            *positions = group.positions;
            Ok(written)
        }
        outcome => {
            // SQLite may have rolled back by itself (a full disk); then this fails and that is all right.
            let _ = c.batch_execute("ROLLBACK");
            Err(outcome.map_or_else(Failed::Before, |_| Failed::Taken))
        }
    }
}

/// What the commits of one transaction share.
struct Group<'a> {
    newest: &'a NewestKeys,
    /// Calls of this transaction, not durable yet.
    fresh: HashMap<CallKey, i64, ahash::RandomState>,
    positions: Positions,
    tags: usize,
}

impl Group<'_> {
    fn rows(&mut self, c: &mut SqliteConnection, batch: &[Box<Commit>], owner: i64) -> QueryResult<Option<Vec<Written>>> {
        let epoch: Vec<i64> = Owner.load(c)?;
        if epoch != [owner] {
            return Ok(None);
        }
        let written = batch
            .iter()
            .map(|commit| match misshapen(commit) {
                Some(why) => Ok(Some(Rejection::Unavailable(why.into()))),
                None => self.one(c, commit),
            })
            .collect::<QueryResult<Vec<_>>>()?;
        if self.tags > 0 {
            TagsChanged.execute(c)?;
        }
        Ok(Some(written))
    }

    fn call_at(&self, c: &mut SqliteConnection, key: &CallKey) -> QueryResult<Option<i64>> {
        match self.fresh.get(key) {
            Some(position) => Ok(Some(*position)),
            None => self.newest.find(c, key),
        }
    }

    fn one(&mut self, c: &mut SqliteConnection, commit: &Commit) -> QueryResult<Written> {
        let (company, key) = (commit.address.company.0, &commit.key.0.as_bytes()[..]);
        let at = commit.events.last().map_or(0, |event| event.at.0);
        let (mut known_calls, mut known_messages, mut messages) = (vec![], vec![], vec![]);
        for new in &commit.new_calls {
            if self.call_at(c, &new.call.key)?.is_some() {
                known_calls.push(new.call.key);
            }
        }
        for message in &commit.messages {
            let inserted = InsertMessage { message_key: &message.0, room_key: key, at, mark: Mark }.execute(c)?;
            if inserted == 1 { messages.push(*message) } else { known_messages.push(*message) }
        }
        if !known_calls.is_empty() || !known_messages.is_empty() {
            undo(c, &messages)?;
            return Ok(Some(Rejection::Duplicate { calls: known_calls, messages: known_messages }));
        }
        if !room(c, commit, key)? {
            undo(c, &messages)?;
            return Ok(Some(Rejection::Stale));
        }
        for new in &commit.new_calls {
            self.positions.call += 1;
            self.fresh.insert(new.call.key, self.positions.call);
            insert_call(c, commit, key, new, self.positions.call)?;
        }
        for event in &commit.events {
            self.positions.event += 1;
            let (kind, payload) = payload(&event.fact)?;
            let (by, cause) = (event.by.to_text(), event.cause.id());
            InsertEvent {
                position: self.positions.event,
                company,
                room_key: key,
                seq: event.seq,
                at: event.at.0,
                by: &by,
                cause_kind: event.cause.kind(),
                cause: &cause,
                kind: &payload[kind],
                payload: &payload,
                mark: Mark,
            }
            .execute(c)?;
        }
        for ended in &commit.ended_calls {
            // A row that is not there is not changed.
            let Some(position) = self.call_at(c, &ended.key)? else { continue };
            let status = ended.answer.status;
            let ended_at = status.is_final().then_some(ended.at.0);
            EndCall { status: status.as_str(), body: &ended.answer.body, ended_at, position, room_key: key, mark: Mark }
                .execute(c)?;
        }
        for tag in &commit.new_tags {
            self.tags += InsertTag { company, folded: &tag.folded, shown: &tag.shown, created_at: at, mark: Mark }.execute(c)?;
        }
        for change in last_timers(&commit.timers) {
            match change {
                TimerChange::Set { kind, due, cause } => {
                    let room_id = commit.address.room.as_str();
                    SetTimer { room_key: key, kind: kind.as_str(), company, room_id, due_at: due.0, cause, mark: Mark }
                        .execute(c)?
                }
                TimerChange::Clear { kind } => ClearTimer { room_key: key, kind: kind.as_str(), mark: Mark }.execute(c)?,
            };
        }
        Ok(None)
    }
}

/// The compare-and-set on the room's row; false: somebody else was there.
fn room(c: &mut SqliteConnection, commit: &Commit, key: &[u8]) -> QueryResult<bool> {
    let (columns, company) = (&commit.columns, commit.address.company.0);
    let assignee = columns.assignee.as_ref().map(|id| id.as_str());
    let (version, epoch, owner_epoch) = (commit.version, commit.epoch, commit.owner_epoch);
    let (status, control, assignment, paused) = (columns.status, columns.control, columns.assignment, columns.paused);
    let changed = if commit.expected_version == 0 {
        let created_at = commit.events.first().map_or(0, |event| event.at.0);
        let (room_id, snapshot) = (commit.address.room.as_str(), &commit.snapshot[..]);
        let row = InsertRoom {
            room_key: key,
            company,
            room_id,
            version,
            epoch,
            owner_epoch,
            status,
            control,
            assignee,
            assignment,
            paused,
            snapshot,
            created_at,
            mark: Mark,
        };
        row.execute(c)?
    } else {
        let (expected, mine, snapshot) = (commit.expected_version, owner_epoch, &commit.snapshot[..]);
        let row = UpdateRoom {
            version,
            epoch,
            owner_epoch,
            status,
            control,
            assignee,
            assignment,
            paused,
            snapshot,
            room_key: key,
            company,
            expected,
            mine,
            mark: Mark,
        };
        row.execute(c)?
    };
    Ok(changed == 1)
}

/// What this commit itself inserted so far.
fn undo(c: &mut SqliteConnection, messages: &[MessageKey]) -> QueryResult<()> {
    for key in messages {
        DeleteMessage { message_key: &key.0, mark: Mark }.execute(c)?;
    }
    Ok(())
}

fn insert_call(c: &mut SqliteConnection, commit: &Commit, room_key: &[u8], new: &NewCall, position: i64) -> QueryResult<()> {
    let call = &new.call;
    let row = InsertCall {
        position,
        call_key: &call.key.0,
        company: commit.address.company.0,
        call_id: call.call_id.as_str(),
        tool_call_id: call.tool_call_id.as_deref(),
        room_key,
        ai_agent: call.ai_agent.as_ref().map(|id| id.as_str()),
        key_id: &call.key_id,
        name: call.name,
        arguments: &call.arguments,
        meaning: &call.meaning.0,
        seen_epoch: call.seen.epoch,
        seen_seq: call.seen.seq,
        status: new.answer.status.as_str(),
        body: &new.answer.body,
        at: new.at.0,
        ended_at: new.answer.status.is_final().then_some(new.at.0),
        mark: Mark,
    };
    row.execute(c).map(|_| ())
}
