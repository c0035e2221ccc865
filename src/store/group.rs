//! What both databases share of a group commit: its words, and the checks that need no database. Writes nothing.

use std::collections::HashSet;
use std::ops::Range;

use diesel::result::Error as DbError;

use crate::actors::ports::{Commit, Rejection, TimerChange};
use crate::room::Fact;

/// How one commit of a group came out; `None`: it landed.
pub(super) type Written = Option<Rejection>;

/// The last positions that were given out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Positions {
    pub event: i64,
    /// SQLite only: PostgreSQL counts its calls itself.
    pub call: i64,
}

/// Under which a group commit may land: no other process has taken over since, and the journal has not connected anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fence {
    pub owner: i64,
    /// PostgreSQL only: on SQLite a transaction ends with its connection.
    pub connection: i64,
}

/// A commit that breaks its own promises must be refused before it can fail its neighbours' transaction.
pub(super) fn misshapen(commit: &Commit) -> Option<&'static str> {
    let mut seq = commit.expected_version;
    for event in &commit.events {
        seq += 1;
        if event.seq != seq {
            return Some("the commit's events have a gap");
        }
        // A kind with nothing behind its colon is nobody.
        let by = event.by.to_text();
        if by.is_empty() || by.ends_with(':') || event.cause.id().is_empty() {
            return Some("an event of the commit has no actor or no cause");
        }
    }
    if seq != commit.version || commit.expected_version < 0 || (commit.expected_version == 0 && commit.version == 0) {
        return Some("the commit's version is not that of its last event");
    }
    if commit.timers.iter().any(|change| matches!(change, TimerChange::Set { cause, .. } if cause.is_empty())) {
        return Some("a timer of the commit has no cause");
    }
    let twice = |count: usize, distinct: usize| count > 1 && distinct < count;
    if commit.new_calls.len() > 1 || commit.messages.len() > 1 {
        let calls: HashSet<_> = commit.new_calls.iter().map(|new| new.call.key).collect();
        let messages: HashSet<_> = commit.messages.iter().collect();
        if twice(commit.new_calls.len(), calls.len()) || twice(commit.messages.len(), messages.len()) {
            return Some("the commit has an id twice");
        }
    }
    None
}

/// A fact as it is stored, and where in it its kind stands: the tag is always written first.
pub(super) fn payload(fact: &Fact) -> Result<(Range<usize>, String), DbError> {
    const BEFORE: &str = "{\"type\":\"";
    let text = serde_json::to_string(fact).map_err(|error| DbError::SerializationError(error.into()))?;
    let kind = text.strip_prefix(BEFORE).and_then(|rest| rest.find('"'));
    let Some(length) = kind else { return Err(DbError::SerializationError("a fact has no type".into())) };
    Ok((BEFORE.len()..BEFORE.len() + length, text))
}

/// Of each kind the last change: a commit may set and clear the same timer.
pub(super) fn last_timers(changes: &[TimerChange]) -> impl Iterator<Item = &TimerChange> {
    let kind = |change: &TimerChange| match change {
        TimerChange::Set { kind, .. } | TimerChange::Clear { kind } => *kind,
    };
    changes
        .iter()
        .enumerate()
        .filter(move |(i, change)| !changes[i + 1..].iter().any(|later| kind(later) == kind(change)))
        .map(|(_, change)| change)
}
