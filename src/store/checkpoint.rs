//! SQLite's log is brought into its file on a thread of its own: thousands of pages are written there, and on the journal's
//! thread every call would wait for them. Only the last few, which lets the log begin again, are the journal's own to write.
//! Never makes anything durable that was not: a commit is in the log, and synced, before it is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use tokio::sync::watch;

use super::conn::{Conn, Purpose, Trouble, trouble};
use super::url::{StoreError, StoreUrl, describe};
use super::workers::Workers;

/// Events written between two checkpoints. More are fewer pages, but meanwhile the journal waits for the disk and for its core,
/// and these waits are among the slowest calls at half load: the p99 was 5.5 ms with 128 events, 7.3 with 64, 7.4 with 256
/// (medians of five).
const EVENTS: i64 = 128;
/// From so many pages on the log is to begin again; it then never needs to be cut short (`journal_size_limit`).
const LONG: i64 = 14_000;
/// Before the journal writes the last few, more passes leave it fewer: until one was this short, and no more than so many.
const SHORT: Duration = Duration::from_millis(2);
const PASSES: usize = 4;
/// Where SQLite's own checkpoint takes over on the journal's connection, should this one not come.
pub(super) const TOO_LONG: i64 = 20_000;

const IDLE: u8 = 0;
const UNDER_WAY: u8 = 1;
/// What is left is so little that the journal finishes it.
const NEARLY: u8 = 2;

pub(super) struct Checkpoints {
    /// `None`: PostgreSQL, or the thread did not start; then SQLite's own automatic checkpoint does it all.
    worker: Option<Workers>,
    state: Arc<AtomicU8>,
    fatal: watch::Sender<Option<String>>,
    waiting: i64,
}

#[derive(QueryableByName)]
struct Pages {
    #[diesel(sql_type = BigInt)]
    log: i64,
}

/// As far as nobody is in the way. The answer is how long the log is.
fn checkpoint(c: &mut SqliteConnection) -> QueryResult<i64> {
    let found: Vec<Pages> = diesel::sql_query("PRAGMA wal_checkpoint(PASSIVE)").load(c)?;
    Ok(found.first().map_or(0, |pages| pages.log))
}

impl Checkpoints {
    pub fn of(url: &StoreUrl, fatal: watch::Sender<Option<String>>) -> Self {
        let started = match url {
            StoreUrl::Sqlite(_) => Workers::start("store-checkpoint", 1, 1, url, Purpose::Write).ok(),
            StoreUrl::Postgres(_) => None,
        };
        Self { worker: started, state: Arc::default(), fatal, waiting: 0 }
    }

    /// So many events were written. Waits for nothing but its own few pages.
    pub fn written(&mut self, c: &mut SqliteConnection, events: i64) {
        self.waiting += events;
        match self.state.load(Ordering::Acquire) {
            NEARLY => {
                self.state.store(IDLE, Ordering::Release);
                if let Err(error) = checkpoint(c) {
                    failed(&error, &self.fatal);
                }
            }
            IDLE if self.waiting >= EVENTS => {
                let Some(worker) = &self.worker else { return };
                self.waiting = 0;
                let (state, fatal) = (Arc::clone(&self.state), self.fatal.clone());
                state.store(UNDER_WAY, Ordering::Release);
                let pushed = worker.push(Box::new(move |conn| {
                    let next = beside(conn, &fatal);
                    state.store(next, Ordering::Release);
                    false
                }));
                if pushed.is_err() {
                    self.state.store(IDLE, Ordering::Release);
                }
            }
            _ => {}
        }
    }
}

fn beside(conn: Result<&mut Conn, StoreError>, fatal: &watch::Sender<Option<String>>) -> u8 {
    let Ok(Conn::Sqlite(c)) = conn else { return IDLE };
    for _ in 0..=PASSES {
        let begun = Instant::now();
        match checkpoint(c) {
            Ok(pages) if pages < LONG => return IDLE,
            Ok(_) if begun.elapsed() <= SHORT => return NEARLY,
            Ok(_) => {}
            Err(error) => {
                failed(&error, fatal);
                return IDLE;
            }
        }
    }
    NEARLY
}

/// After a failed sync nobody knows what is in the file. Anything else is tried again by the next one.
fn failed(error: &diesel::result::Error, fatal: &watch::Sender<Option<String>>) {
    let text = describe(error);
    tracing::warn!(error = %text, "the log could not be brought into its file");
    if trouble(error) == Trouble::Broken {
        let sentence = format!("The database's disk failed ({text}); what it last wrote cannot be trusted.");
        fatal.send_if_modified(|fatal| fatal.is_none() && fatal.replace(sentence).is_none());
    }
}
