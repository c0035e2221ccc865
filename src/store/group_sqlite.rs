//! One group commit on SQLite: the commits of many rooms in one transaction. A commit that cannot land undoes its own rows, so
//! no caller can make its neighbours roll back.

use std::collections::HashMap;
use std::marker::PhantomData as Mark;
use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error as DbError;

use super::group::{Positions, Written, last_timers, misshapen, payload};
use super::lag::Newest;
use super::room_rows::{FreshRooms, Newer};
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
    newest: &Newest,
    positions: &mut Positions,
    also: impl FnOnce(&mut SqliteConnection) -> QueryResult<()>,
) -> Result<(Vec<Written>, FreshRooms), Failed> {
    Begin.execute(c).map_err(Failed::Before)?;
    let mut group = Group { newest, fresh: HashMap::default(), rooms: FreshRooms::default(), positions: *positions, tags: 0 };
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
            Ok((written, group.rooms))
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
    newest: &'a Newest,
    /// Calls of this transaction, not durable yet.
    fresh: HashMap<CallKey, i64, ahash::RandomState>,
    rooms: FreshRooms,
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
            None => self.newest.keys.find(c, key),
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
        let place = self.place(c, commit, key)?;
        if place == Place::Stale {
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
        self.state(c, commit, key, place)?;
        for ended in &commit.ended_calls {
            // A row that is not there is not changed.
            let Some(position) = self.call_at(c, &ended.key)? else { continue };
            let status = ended.answer.status;
            let ended_at = status.is_final().then_some(ended.at.0);
            EndCall { status: status.as_str(), body: &ended.answer.body, ended_at, position, room_key: key, mark: Mark }
                .execute(c)?;
        }
        commit.decided_effects.iter().try_for_each(|decided| super::decided::tell_sqlite(c, decided))?;
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

    /// Compares: is the room as the commit expects it, and whose are this process's rooms. Makes the row of a new room.
    fn place(&self, c: &mut SqliteConnection, commit: &Commit, room_key: &[u8]) -> QueryResult<Place> {
        if commit.expected_version == 0 {
            return insert_room(c, commit, room_key).map(|made| if made { Place::Inserted } else { Place::Stale });
        }
        let newer = match self.rooms.get(&commit.key) {
            Some(fresh) => fresh.clone(),
            None => self.newest.rooms.get(&commit.key),
        };
        let columns = &commit.columns;
        let (company, version, owner, same) = match newer {
            Some(it) => {
                let same = it.epoch == commit.epoch && it.columns == *columns;
                (it.company, it.version, it.owner_epoch, same)
            }
            None => {
                let found: Vec<Head> = RoomHead { room_key, mark: Mark }.load(c)?;
                let Some((company, version, epoch, owner, status, control, assignee, assignment, paused)) =
                    found.into_iter().next()
                else {
                    return Ok(Place::Stale);
                };
                let same = (epoch, status.as_str(), control.as_str()) == (commit.epoch, columns.status, columns.control)
                    && assignee.as_deref() == columns.assignee.as_ref().map(|id| id.as_str())
                    && (assignment, paused) == (columns.assignment, columns.paused);
                (company, version, owner, same)
            }
        };
        Ok(match () {
            () if company != commit.address.company.0 || version != commit.expected_version => Place::Stale,
            () if owner > commit.owner_epoch => Place::Stale,
            // Made again from its events, should the process die before the row has it.
            () if same && owner == commit.owner_epoch && !commit.events.is_empty() => Place::Late,
            () => Place::Row,
        })
    }

    /// Writes the room's new state where `place` says.
    fn state(&mut self, c: &mut SqliteConnection, commit: &Commit, room_key: &[u8], place: Place) -> QueryResult<()> {
        match place {
            Place::Stale | Place::Inserted => {}
            Place::Row => {
                update_room(c, commit, room_key)?;
                self.rooms.insert(commit.key, None);
            }
            Place::Late => drop(self.rooms.insert(commit.key, Some(Arc::new(Newer::of(commit))))),
        }
        Ok(())
    }
}

/// Company, version, epoch, owner's epoch, status, control, assignee, assignment, paused: what is compared of a room's row.
type Head = (i64, i64, i64, i64, String, String, Option<String>, i64, bool);

/// Where a commit's state of its room is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nowhere: somebody else was there.
    Stale,
    /// It is: the row is new.
    Inserted,
    /// Into the row, because somebody filters by what changed.
    Row,
    /// Into memory, and into the row later.
    Late,
}

fn insert_room(c: &mut SqliteConnection, commit: &Commit, room_key: &[u8]) -> QueryResult<bool> {
    let columns = &commit.columns;
    let row = InsertRoom {
        room_key,
        company: commit.address.company.0,
        room_id: commit.address.room.as_str(),
        version: commit.version,
        epoch: commit.epoch,
        owner_epoch: commit.owner_epoch,
        status: columns.status,
        control: columns.control,
        assignee: columns.assignee.as_ref().map(|id| id.as_str()),
        assignment: columns.assignment,
        paused: columns.paused,
        snapshot: &commit.snapshot,
        created_at: commit.events.first().map_or(0, |event| event.at.0),
        mark: Mark,
    };
    Ok(row.execute(c)? == 1)
}

fn update_room(c: &mut SqliteConnection, commit: &Commit, room_key: &[u8]) -> QueryResult<()> {
    let columns = &commit.columns;
    let row = UpdateRoom {
        version: commit.version,
        epoch: commit.epoch,
        owner_epoch: commit.owner_epoch,
        status: columns.status,
        control: columns.control,
        assignee: columns.assignee.as_ref().map(|id| id.as_str()),
        assignment: columns.assignment,
        paused: columns.paused,
        snapshot: &commit.snapshot,
        room_key,
        company: commit.address.company.0,
        expected: commit.expected_version,
        mine: commit.owner_epoch,
        mark: Mark,
    };
    match row.execute(c)? {
        1 => Ok(()),
        _ => Err(DbError::NotFound),
    }
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
        revision: call.revision,
        mark: Mark,
    };
    row.execute(c).map(|_| ())
}
