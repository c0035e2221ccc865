//! The write lane: one thread, one connection, one transaction for everything that gathered. It never answers before the
//! transaction is durable, never lets one room's commit harm another's, and ends the process's writing when the disk fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use tokio::sync::watch;

use super::checkpoint::Checkpoints;
use super::committed::Committed;
use super::conn::{Conn, Purpose, SQLITE_WAIT_MS, Trouble, on_each, sort, trouble, waits_for_others};
use super::group::{Fence, Positions, Written};
use super::lag::{Lag, Newest};
use super::lane::{Lane, Work};
use super::pause::Pause;
use super::schema::{function_calls, owners, room_events};
use super::url::{StoreError, StoreUrl, describe};
use super::workers::Task;
use super::{checkpoint, group_pg, group_sqlite, rows};
use crate::actors::ports::{Commit, Finished, Job, Mailbags, Rejection};
use crate::telemetry;

/// Calls in one transaction; more make a batch slower without making it cheaper (reference/hot-path.md).
const CALLS_PER_GROUP: usize = 256;
/// With nothing to do for so long, the rooms' history is brought up to date.
const QUIET: Duration = Duration::from_millis(20);
const LONG_QUIET: Duration = Duration::from_secs(60);
/// How long the indexes' upkeep waits while another program has the file locked.
const FOLD_WAIT_MS: u32 = 100;
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);

/// The lane's thread.
pub(super) struct Runner {
    pub lane: Arc<Lane>,
    pub url: StoreUrl,
    pub mailbags: Arc<dyn Mailbags>,
    pub last: watch::Sender<i64>,
    pub fatal: watch::Sender<Option<String>>,
    conn: Option<Conn>,
    connection: i64,
    positions: Positions,
    newest: Arc<Newest>,
    lag: Lag,
    checkpoints: Checkpoints,
    bags: Vec<Vec<Finished>>,
    backoff: Duration,
    retry_at: Option<(Instant, Arc<str>)>,
    fold_pause: Pause,
}

impl Runner {
    pub fn new(
        lane: Arc<Lane>,
        url: StoreUrl,
        mailbags: Arc<dyn Mailbags>,
        last: watch::Sender<i64>,
        fatal: watch::Sender<Option<String>>,
        newest: Arc<Newest>,
    ) -> Self {
        Self {
            checkpoints: Checkpoints::of(&url, fatal.clone()),
            lane,
            url,
            mailbags,
            last,
            fatal,
            conn: None,
            connection: 0,
            positions: Positions::default(),
            lag: Lag::none(Arc::clone(&newest)),
            newest,
            bags: vec![],
            backoff: FIRST_BACKOFF,
            retry_at: None,
            fold_pause: Pause::default(),
        }
    }

    pub fn run(mut self) {
        let lane = Arc::clone(&self.lane);
        let (mut work, mut commits, mut reads) = (vec![], vec![], vec![]);
        while lane.take(&mut work, self.quiet(Instant::now())).is_some() {
            if work.is_empty() {
                self.fold();
                continue;
            }
            let mut calls = 0;
            for next in work.drain(..) {
                match next {
                    Work::Job(Job::Commit(commit)) => {
                        calls += commit.new_calls.len().max(1);
                        commits.push(commit);
                    }
                    // Read after the commits of its group: it sees all that was queued before it.
                    Work::Job(read) => reads.push(read),
                    Work::Task(task) => {
                        self.flush(&mut commits, &mut reads);
                        calls = 0;
                        self.admin(task);
                    }
                }
                if calls >= CALLS_PER_GROUP {
                    self.flush(&mut commits, &mut reads);
                    calls = 0;
                }
            }
            self.flush(&mut commits, &mut reads);
        }
        while self.fold() {}
        if let Some(Conn::Sqlite(c)) = &mut self.conn {
            let _ = c.batch_execute("PRAGMA wal_checkpoint(TRUNCATE);");
        }
    }

    /// How long to wait for work before the indexes are looked after.
    fn quiet(&self, now: Instant) -> Duration {
        if self.lag.is_empty() { LONG_QUIET } else { self.fold_pause.left(now).clamp(QUIET, LONG_QUIET) }
    }

    /// Brings a slice of what lags behind into its place, for want of other work. True: it did.
    fn fold(&mut self) -> bool {
        let Some(Conn::Sqlite(c)) = &mut self.conn else { return false };
        // Calls may come at any moment: they must not wait behind this for somebody who has the file locked.
        let folded = waits_for_others(c, FOLD_WAIT_MS).and_then(|()| self.lag.fold(c));
        let as_before = waits_for_others(c, SQLITE_WAIT_MS);
        match folded.and_then(|more| as_before.map(|()| more)) {
            Ok(more) => {
                self.fold_pause = Pause::default();
                more
            }
            Err(error) => {
                // Nothing is lost: reading walks over what is not in an index. The next write meets the same disk.
                self.fold_pause.begins(Instant::now());
                tracing::warn!(error = %describe(&error), "the indexes could not be brought up to date");
                false
            }
        }
    }

    // Boxed as they came: they go back to their rooms in the same boxes.
    #[expect(clippy::vec_box)]
    fn flush(&mut self, commits: &mut Vec<Box<Commit>>, reads: &mut Vec<Job>) {
        let before = self.positions.event;
        if !commits.is_empty() {
            let mut written: Vec<Option<Written>> = vec![None; commits.len()];
            let begun = Instant::now();
            let rest = catch_unwind(AssertUnwindSafe(|| self.write(commits, &mut written))).unwrap_or_else(|_| {
                // The transaction may be open: the connection goes, and with it the transaction.
                self.conn = None;
                tracing::error!("the journal failed inside while committing");
                Rejection::Unclear("the journal failed inside".into())
            });
            metrics::histogram!(telemetry::JOURNAL_COMMIT_DURATION).record(begun.elapsed());
            metrics::histogram!(telemetry::JOURNAL_GROUP_SIZE).record(commits.len() as f64);
            if self.conn.is_some() {
                self.last.send_if_modified(|last| std::mem::replace(last, self.positions.event) != self.positions.event);
            }
            for (commit, outcome) in commits.drain(..).zip(written) {
                let thread = commit.thread;
                self.put(
                    thread,
                    match outcome {
                        Some(None) => Finished::Landed(Committed::seal(commit)),
                        Some(Some(rejection)) => Finished::Rejected(commit, rejection),
                        None => Finished::Rejected(commit, rest.clone()),
                    },
                );
            }
        }
        for read in reads.drain(..) {
            self.read(read);
        }
        for (thread, bag) in self.bags.iter_mut().enumerate().filter(|(_, bag)| !bag.is_empty()) {
            if catch_unwind(AssertUnwindSafe(|| self.mailbags.deliver(thread, bag))).is_err() {
                tracing::error!(thread, "a mailbag failed inside");
            }
            bag.clear();
        }
        // Nobody is waiting for an answer any more.
        if let Some(Conn::Sqlite(c)) = &mut self.conn {
            self.checkpoints.written(c, self.positions.event - before);
        }
    }

    fn put(&mut self, thread: usize, finished: Finished) {
        if self.bags.len() <= thread {
            self.bags.resize_with(thread + 1, Vec::new);
        }
        self.bags[thread].push(finished);
    }

    /// Writes the group. `written[i]` is what is certain of commit `i`; what it returns holds for all others.
    fn write(&mut self, commits: &[Box<Commit>], written: &mut Vec<Option<Written>>) -> Rejection {
        match self.open() {
            Err(why) => Rejection::Unavailable(why),
            Ok(Conn::Sqlite(_)) => self.write_sqlite(commits, written),
            Ok(Conn::Pg(_)) => self.write_pg(commits, written),
        }
    }

    fn write_sqlite(&mut self, commits: &[Box<Commit>], written: &mut [Option<Written>]) -> Rejection {
        let Some(Conn::Sqlite(c)) = &mut self.conn else { return Rejection::Unavailable("no connection".into()) };
        let (before, lag, owner) = (self.positions, &mut self.lag, self.lane.owner);
        let slice = lag.due(commits);
        let failed = match group_sqlite::write(c, commits, owner, &self.newest, &mut self.positions, |c| lag.write(c, slice)) {
            Ok((outcomes, fresh)) => {
                written.iter_mut().zip(outcomes).for_each(|(slot, outcome)| *slot = Some(outcome));
                lag.wrote(slice, commits, written, before, fresh);
                return Rejection::Unclear("every commit has its outcome".into());
            }
            Err(failed) => failed,
        };
        let (error, at_commit) = match failed {
            group_sqlite::Failed::Taken => return self.taken_over(),
            group_sqlite::Failed::Before(error) => (error, false),
            group_sqlite::Failed::AtCommit(error) => (error, true),
        };
        let (kind, text): (_, Arc<str>) = (trouble(&error), describe(&error).into());
        match kind {
            // A full disk fails while pages are written, before the record that would make them count.
            Trouble::NotNow => Rejection::Unavailable(text),
            Trouble::Broken => {
                self.conn = None;
                self.give_up(format!("The journal's disk failed ({text}); what it last wrote cannot be trusted."));
                Rejection::Unclear(text)
            }
            _ if at_commit => {
                self.conn = None;
                Rejection::Unclear(text)
            }
            // Not a caller's doing. Alone, so that only the guilty one stays out.
            _ if commits.len() > 1 => {
                tracing::error!(error = %text, "a group commit failed; its commits are written one by one");
                for (i, commit) in commits.iter().enumerate() {
                    let alone = self.write_sqlite(std::slice::from_ref(commit), &mut written[i..=i]);
                    written[i].get_or_insert(Some(alone));
                    if self.conn.is_none() {
                        break;
                    }
                }
                Rejection::Unavailable(text)
            }
            _ => Rejection::Unavailable(text),
        }
    }

    fn write_pg(&mut self, commits: &[Box<Commit>], written: &mut Vec<Option<Written>>) -> Rejection {
        let Some(Conn::Pg(c)) = &mut self.conn else { return Rejection::Unavailable("no connection".into()) };
        let fence = Fence { owner: self.lane.owner, connection: self.connection };
        let Err(failed) = group_pg::write(c, commits, fence, &mut self.positions.event, written) else {
            return Rejection::Unclear("every commit has its outcome".into());
        };
        let text: Arc<str> = group_pg::sentence(&failed).into();
        match failed {
            group_pg::Failed::Taken => self.taken_over(),
            group_pg::Failed::NotNow(_) => Rejection::Unavailable(text),
            group_pg::Failed::Lost(_) => {
                self.conn = None;
                Rejection::Unclear(text)
            }
        }
    }

    fn taken_over(&mut self) -> Rejection {
        self.give_up("Another process took over this database.".into());
        Rejection::Stale
    }

    /// Nothing is written any more; `Store::fatal` tells the process to end.
    fn give_up(&mut self, sentence: String) {
        tracing::error!("{sentence}");
        self.fatal.send_if_modified(|fatal| fatal.is_none() && fatal.replace(sentence).is_none());
    }

    fn read(&mut self, job: Job) {
        let opened = self.open().map(|_| ());
        let failed = || -> Arc<str> { "the journal failed inside while reading".into() };
        match job {
            Job::Commit(_) => {}
            Job::Load { address, thread, room } => {
                let loaded = opened.and_then(|()| {
                    self.ask(|conn, newest| rows::load_room(conn, &newest.rooms, &address)).unwrap_or_else(|| Err(failed()))
                });
                self.put(thread, Finished::Loaded { room, loaded: loaded.map(Committed::seal) });
            }
            Job::Find { company, keys, thread, room } => {
                let calls = opened.and_then(|()| {
                    self.ask(|conn, newest| rows::find_calls(conn, newest, company, &keys)).unwrap_or_else(|| Err(failed()))
                });
                self.put(thread, Finished::Known { room, calls: calls.map(Committed::seal) });
            }
        }
    }

    /// `None`: it panicked.
    fn ask<T>(&mut self, query: impl FnOnce(&mut Conn, &Newest) -> QueryResult<T>) -> Option<Result<T, Arc<str>>> {
        let mut conn = self.conn.take()?;
        let outcome = catch_unwind(AssertUnwindSafe(|| query(&mut conn, &self.newest))).ok()?;
        if !matches!(&outcome, Err(error) if trouble(error) == Trouble::Lost) {
            self.conn = Some(conn);
        }
        Some(outcome.map_err(|error| describe(&error).into()))
    }

    fn admin(&mut self, task: Task) {
        if let Err(why) = self.open() {
            task(Err(StoreError::Unavailable(why.to_string())));
            return;
        }
        let Some(mut conn) = self.conn.take() else { return };
        if let Ok(false) = catch_unwind(AssertUnwindSafe(|| task(Ok(&mut conn)))) {
            self.conn = Some(conn);
        }
    }

    /// The connection, opened again if it was lost; not tried more often than the backoff allows.
    fn open(&mut self) -> Result<&mut Conn, Arc<str>> {
        if let Some(sentence) = self.fatal.borrow().as_ref() {
            return Err(sentence.as_str().into());
        }
        if self.conn.is_none() {
            if let Some((_, why)) = self.retry_at.as_ref().filter(|(at, _)| Instant::now() < *at) {
                return Err(Arc::clone(why));
            }
            match opened(&self.url, &self.newest, self.lane.owner) {
                Ok(None) => {
                    self.taken_over();
                    return Err("another process took over this database".into());
                }
                Ok(Some(opened)) => {
                    (self.conn, self.connection) = (Some(opened.conn), opened.connection);
                    (self.positions, self.lag) = (opened.positions, opened.lag);
                    (self.retry_at, self.backoff) = (None, FIRST_BACKOFF);
                }
                Err(error) => {
                    let why: Arc<str> = describe(&error).into();
                    tracing::warn!(error = %why, "the journal cannot reach its database");
                    self.retry_at = Some((Instant::now() + self.backoff, Arc::clone(&why)));
                    self.backoff = (self.backoff * 2).min(LONGEST_BACKOFF);
                    return Err(why);
                }
            }
        }
        self.conn.as_mut().ok_or_else(|| "no connection".into())
    }
}

/// A connection for the lane, the last positions as it found them, and what the indexes lack.
struct Opened {
    conn: Conn,
    connection: i64,
    positions: Positions,
    lag: Lag,
}

/// `None`: another process owns the database.
fn opened(url: &StoreUrl, newest: &Arc<Newest>, owner: i64) -> Result<Option<Opened>, StoreError> {
    let mut conn = Conn::open(url, Purpose::Write)?;
    // First of all: a position that is read before an older connection's last statement is over is worth nothing.
    let connection = match &mut conn {
        Conn::Sqlite(c) => {
            let found: Vec<i64> = owners::table.select(owners::epoch).load(c).map_err(|e| sort(e, "reading the owner"))?;
            (found == [owner]).then_some(0)
        }
        Conn::Pg(c) => group_pg::connect(c, owner).map_err(|e| sort(e, "connecting the journal"))?,
    };
    let Some(connection) = connection else { return Ok(None) };
    let mut positions = Positions { event: last_position(&mut conn)?, call: 0 };
    let lag = match &mut conn {
        Conn::Sqlite(c) => {
            // The one connection through which every call goes; a still larger cache makes commits slower again.
            let own = format!("PRAGMA wal_autocheckpoint={}; PRAGMA cache_size=-8192;", checkpoint::TOO_LONG);
            c.batch_execute(&own).map_err(|e| sort(e, "setting up the journal"))?;
            let last: Option<i64> = function_calls::table
                .select(diesel::dsl::max(function_calls::position))
                .get_result(c)
                .map_err(|e| sort(e, "reading the last call's position"))?;
            positions.call = last.unwrap_or(0);
            Lag::read(c, Arc::clone(newest), positions).map_err(|e| sort(e, "reading the newest rows"))?
        }
        Conn::Pg(_) => Lag::none(Arc::clone(newest)),
    };
    Ok(Some(Opened { conn, connection, positions, lag }))
}

pub(super) fn last_position(conn: &mut Conn) -> Result<i64, StoreError> {
    let last: Option<i64> = on_each!(conn, |c| room_events::table.select(diesel::dsl::max(room_events::position)).get_result(c))
        .map_err(|e| sort(e, "reading the last position"))?;
    Ok(last.unwrap_or(0))
}
