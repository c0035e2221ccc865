//! Where the call with a given key stands. PostgreSQL has a unique index for it; on SQLite the index is a table that is brought up
//! to date later (`fold`), with what it lacks in memory beside it. **Invariant:** that a key is taken is known at every moment,
//! from the commit that takes it on.

use std::marker::PhantomData as Mark;
use std::sync::atomic::{AtomicBool, Ordering};

use ahash::RandomState;
use dashmap::DashMap;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};

use super::conn::Conn;
use super::fold::{Line, Tail};
use super::rows::sixteen;
use super::schema::function_calls;
use super::statements::{CallAt, InsertCallKey, KeysAre};
use crate::room::CallKey;
use crate::telemetry;

/// For a process beside the one that serves, and until that one has read what its predecessor left.
const AT_WITH_NEWEST: &str = "SELECT position FROM call_keys WHERE call_key = ?1 UNION ALL \
    SELECT position FROM function_calls WHERE position > (SELECT keys_position FROM meta WHERE id = 1) AND call_key = ?1 LIMIT 1";

/// A call's key and the position of its row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeyLine {
    pub call_key: [u8; 16],
    pub position: i64,
}

impl Line for KeyLine {
    // Keys lie at random, so a window is to be large beside the number of the index's pages.
    const WINDOW: usize = 65_536;

    fn position(&self) -> i64 {
        self.position
    }

    fn insert(&self, c: &mut SqliteConnection) -> QueryResult<()> {
        let line = InsertCallKey { call_key: &self.call_key, position: self.position, mark: Mark };
        if line.execute(c)? > 0 {
            return Ok(());
        }
        // A window that was half written is written again. Another position is another call under the same key.
        let there: Vec<i64> = CallAt { call_key: &self.call_key, mark: Mark }.load(c)?;
        if let Some(other) = there.into_iter().find(|position| *position != self.position) {
            metrics::counter!(telemetry::CALL_KEYS_TWICE).increment(1);
            tracing::error!(event = "call_keys.twice", position = self.position, other, "two calls have the same key");
        }
        Ok(())
    }

    fn mark(c: &mut SqliteConnection, position: i64) -> QueryResult<()> {
        KeysAre { position, mark: Mark }.execute(c).map(|_| ())
    }
}

/// The keys of the newest calls, shared by the journal, which writes it, with the readers of the same process.
/// **Invariant:** a durable call is in here until its line is durable in `call_keys`; so asking here first and there second finds it.
#[derive(Default)]
pub(super) struct NewestKeys {
    positions: DashMap<CallKey, i64, RandomState>,
    /// Nothing that `call_keys` lacks is missing here.
    complete: AtomicBool,
}

impl NewestKeys {
    /// What an earlier connection, or process, left. What is here already and durable there since is taken out.
    pub fn read(&self, c: &mut SqliteConnection) -> QueryResult<Tail<KeyLine>> {
        let found: Vec<Unfolded> = diesel::sql_query(
            "SELECT call_key, position FROM function_calls \
             WHERE position > (SELECT keys_position FROM meta WHERE id = 1) ORDER BY position",
        )
        .load(c)?;
        let line = |line: Unfolded| Ok(KeyLine { call_key: sixteen(&line.call_key)?, position: line.position });
        let tail: Tail<KeyLine> = Tail::of(found.into_iter().map(line).collect::<QueryResult<_>>()?);
        let first = tail.lines().map(Line::position).min().unwrap_or(i64::MAX);
        tail.lines().for_each(|line| self.add(line));
        self.positions.retain(|_, position| *position >= first);
        self.complete.store(true, Ordering::Release);
        Ok(tail)
    }

    /// A durable call.
    pub fn add(&self, line: &KeyLine) {
        self.positions.insert(CallKey(line.call_key), line.position);
    }

    /// It is durable in `call_keys`.
    pub fn remove(&self, line: &KeyLine) {
        self.positions.remove(&CallKey(line.call_key));
    }

    /// The position of the call's row; `None`: there is no such call.
    pub fn find(&self, c: &mut SqliteConnection, key: &CallKey) -> QueryResult<Option<i64>> {
        if let Some(position) = self.positions.get(key) {
            return Ok(Some(*position));
        }
        let found: Vec<i64> = if self.complete.load(Ordering::Acquire) {
            CallAt { call_key: &key.0, mark: Mark }.load(c)?
        } else {
            let found: Vec<Position> = diesel::sql_query(AT_WITH_NEWEST).bind::<Binary, _>(&key.0[..]).load(c)?;
            found.into_iter().map(|found| found.position).collect()
        };
        Ok(found.first().copied())
    }
}

/// Positions of the rows with these keys, those that exist, in no order.
pub(super) fn positions(conn: &mut Conn, newest: &NewestKeys, keys: &[CallKey]) -> QueryResult<Vec<i64>> {
    match conn {
        Conn::Sqlite(c) => keys.iter().filter_map(|key| newest.find(c, key).transpose()).collect(),
        Conn::Pg(c) => function_calls::table
            .filter(function_calls::call_key.eq_any(keys.iter().map(|key| &key.0[..])))
            .select(function_calls::position)
            .load(c),
    }
}

#[derive(QueryableByName)]
struct Position {
    #[diesel(sql_type = BigInt)]
    position: i64,
}

#[derive(QueryableByName)]
struct Unfolded {
    #[diesel(sql_type = Binary)]
    call_key: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    position: i64,
}
