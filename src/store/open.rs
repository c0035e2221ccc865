//! Opening the store: who may write, with which rights, and how it is closed again. Knows the parts, does none of their work.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use diesel::prelude::*;
use tokio::sync::watch;

use super::channel_memory::StoredChannelMemory;
use super::conn::{Conn, Purpose, on_each, on_own_thread, sort};
use super::directory::{Directory, Writer};
use super::fetched::StoredFetchedFiles;
use super::inbox::StoredInbox;
use super::journal::{Runner, last_position};
use super::lag::Newest;
use super::lane::Lane;
use super::migrations;
use super::outbox::StoredOutbox;
use super::pg_server::warn_of_losses;
use super::queries::Queries;
use super::room_rows::{NewerRooms, bring_all_in};
use super::schema::owners;
use super::seal::Seal;
use super::secrets::{Pepper, reference_key};
use super::url::{StoreError, StoreUrl};
use super::vault::SealedVault;
use super::workers::Workers;
use crate::actors::inbox::{ChannelMemory, Inbox};
use crate::actors::outside::{FetchedFiles, Outbox, Vault};
use crate::actors::ports::{Journal, Mailbags, Memory};
use crate::room::Timestamp;

/// Queries that may wait for a reader before the answer is `StoreError::Busy`.
const WAITING_QUERIES: usize = 1_024;

/// How the store is opened.
pub struct StoreOptions {
    pub url: StoreUrl,
    /// Bring the schema up to date first; otherwise an older one is an error.
    pub migrate: bool,
    /// Read threads, each with its own connection; at least 1.
    pub readers: usize,
    /// Jobs that may wait for the write lane; 4,096 is usual.
    pub journal_queue: usize,
    pub pepper: Pepper,
}

/// The store; clones are the same one.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    url: StoreUrl,
    owner: Option<i64>,
    queue: usize,
    readers: Arc<Workers>,
    newest: Arc<Newest>,
    writer: Arc<Writer>,
    outbox: Arc<StoredOutbox>,
    inbox: Arc<StoredInbox>,
    seal: Arc<Seal>,
    references: [u8; 32],
    last: watch::Sender<i64>,
    fatal: watch::Sender<Option<String>>,
    lane: Mutex<Option<JoinHandle<()>>>,
    /// Held as long as this process may write; the operating system gives it back even after `kill -9`.
    _lock: Option<File>,
}

impl Store {
    /// For `serve`: takes the exclusive lock (SQLite: a lock file beside the database), raises the owner epoch, asserts the
    /// durability settings. `Busy`: another `serve` has the file.
    pub fn open_to_serve(options: StoreOptions) -> Result<Self, StoreError> {
        let lock = match &options.url {
            StoreUrl::Sqlite(path) => Some(lock_beside(path)?),
            StoreUrl::Postgres(_) => None,
        };
        let (owner, last) = on_own_thread(|| {
            let mut conn = prepare(&options)?;
            warn_of_losses(&mut conn)?;
            if let Conn::Sqlite(c) = &mut conn {
                bring_all_in(c, &NewerRooms::default()).map_err(|error| sort(error, "bringing rooms up to date"))?;
            }
            Ok((take_over(&mut conn)?, last_position(&mut conn)?))
        })?;
        Self::new(options, Some(owner), last, lock)
    }

    /// For commands that work beside a running `serve`: no lock, no epoch, no journal. On SQLite a room's row may be behind
    /// (`room_rows`): these commands read companies, keys, calls and events, and ask `serve` about rooms.
    pub fn open_beside(options: StoreOptions) -> Result<Self, StoreError> {
        let last = on_own_thread(|| last_position(&mut prepare(&options)?))?;
        Self::new(options, None, last, None)
    }

    fn new(options: StoreOptions, owner: Option<i64>, last: i64, lock: Option<File>) -> Result<Self, StoreError> {
        let readers = Arc::new(Workers::start("store-read", options.readers, WAITING_QUERIES, &options.url, Purpose::Read)?);
        let side = Workers::start("store-write", 1, WAITING_QUERIES, &options.url, Purpose::Write)?;
        let (seal, references) = (Arc::new(Seal::new(&options.pepper)), reference_key(&options.pepper));
        let writer = Arc::new(Writer { lane: OnceLock::new(), side, pepper: options.pepper });
        let outbox = Arc::new(StoredOutbox::new(Arc::clone(&writer), Arc::clone(&readers), owner));
        let inbox = Arc::new(StoredInbox::new(Arc::clone(&writer), Arc::clone(&readers)));
        Ok(Self(Arc::new(Inner {
            inbox,
            seal,
            references,
            outbox,
            url: options.url,
            owner,
            queue: options.journal_queue,
            readers,
            newest: Arc::default(),
            writer,
            last: watch::Sender::new(last),
            fatal: watch::Sender::new(None),
            lane: Mutex::new(None),
            _lock: lock,
        })))
    }

    /// Starts the write lane's thread; once, and only on a store that was opened to serve.
    pub fn journal(&self, mailbags: Arc<dyn Mailbags>) -> Result<Arc<dyn Journal>, StoreError> {
        let inner = &self.0;
        let owner = inner.owner.ok_or_else(|| StoreError::Invalid("This store was not opened to serve.".into()))?;
        let mut thread = inner.lane.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_some() {
            return Err(StoreError::Conflict("The journal was already started.".into()));
        }
        let lane = Arc::new(Lane::new(inner.queue, owner));
        let runner = Runner::new(
            Arc::clone(&lane),
            inner.url.clone(),
            mailbags,
            inner.last.clone(),
            inner.fatal.clone(),
            Arc::clone(&inner.newest),
        );
        let spawned = std::thread::Builder::new().name("store-journal".into()).spawn(move || runner.run());
        *thread =
            Some(spawned.map_err(|source| StoreError::Io { what: "The journal's thread cannot be started.".into(), source })?);
        // One writer on SQLite: from now on administrative writes go through the lane as well.
        let _ = inner.writer.lane.set((Arc::clone(&lane), matches!(inner.url, StoreUrl::Sqlite(_))));
        Ok(lane)
    }

    /// What actors read outside a room's own path.
    pub fn memory(&self) -> Arc<dyn Memory> {
        Arc::new(self.queries())
    }

    pub fn queries(&self) -> Queries {
        Queries { readers: Arc::clone(&self.0.readers), newest: Arc::clone(&self.0.newest) }
    }

    pub fn directory(&self) -> Directory {
        Directory { writer: Arc::clone(&self.0.writer), seal: Arc::clone(&self.0.seal) }
    }

    /// Where lanes mark their parts. A store that was not opened to serve owns no rooms: nothing may be started through it.
    pub fn outbox(&self) -> Arc<dyn Outbox> {
        Arc::clone(&self.0.outbox) as Arc<dyn Outbox>
    }

    /// What is heard from channels, until their rooms have it.
    pub fn inbox(&self) -> Arc<dyn Inbox> {
        Arc::clone(&self.0.inbox) as Arc<dyn Inbox>
    }

    /// What is remembered of channels beside their rooms.
    pub fn channel_memory(&self) -> Arc<dyn ChannelMemory> {
        let (writer, readers) = (Arc::clone(&self.0.writer), Arc::clone(&self.0.readers));
        Arc::new(StoredChannelMemory { writer, readers })
    }

    /// Where it is written down which bytes were fetched.
    pub fn fetched_files(&self) -> Arc<dyn FetchedFiles> {
        Arc::new(StoredFetchedFiles(Arc::clone(&self.0.writer)))
    }

    /// Companies' CRM access, its tokens unsealed. For nobody but the CRM's adapter.
    pub fn vault(&self) -> Arc<dyn Vault> {
        let inner = &self.0;
        let (readers, writer, seal) = (Arc::clone(&inner.readers), Arc::clone(&inner.writer), Arc::clone(&inner.seal));
        Arc::new(SealedVault { readers, writer, seal })
    }

    /// Under which our references in other systems are made: the same in every process of this installation.
    pub fn reference_key(&self) -> [u8; 32] {
        self.0.references
    }

    /// Journal position of the newest durable event.
    pub fn last_position(&self) -> watch::Receiver<i64> {
        self.0.last.subscribe()
    }

    /// `Some(sentence)`: the journal's disk failed or another process took over; this process must end.
    pub fn fatal(&self) -> watch::Receiver<Option<String>> {
        self.0.fatal.subscribe()
    }

    #[cfg(test)]
    pub(super) fn lane_of_tests(&self) -> Arc<Lane> {
        Arc::clone(&self.0.writer.lane.get().expect("the journal runs").0)
    }

    /// Finishes what waits, ends the threads, empties SQLite's log into its file. Afterwards everything answers unavailable.
    pub fn close(&self) {
        self.0.close();
    }
}

impl Inner {
    fn close(&self) {
        self.readers.close();
        self.writer.side.close();
        if let Some((lane, _)) = self.writer.lane.get() {
            lane.close();
        }
        let thread = self.lane.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

fn prepare(options: &StoreOptions) -> Result<Conn, StoreError> {
    if options.migrate {
        migrations::migrate(&options.url)?;
    }
    let mut conn = Conn::open(&options.url, Purpose::Write)?;
    migrations::check(&mut conn)?;
    Ok(conn)
}

fn lock_beside(path: &std::path::Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let cannot = |source| StoreError::Io { what: format!("The lock file {} cannot be opened.", name.display()), source };
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&name).map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(StoreError::Busy(format!("Another `bellhop serve` already uses {}.", path.display())))
        }
        Err(TryLockError::Error(source)) => Err(cannot(source)),
    }
}

fn take_over(conn: &mut Conn) -> Result<i64, StoreError> {
    let holder = format!("process {}", std::process::id());
    conn.transaction(|conn| {
        let change = |e| sort(e, "taking the database over");
        on_each!(conn, |c| diesel::update(owners::table.filter(owners::id.eq(1)))
            .set((owners::epoch.eq(owners::epoch + 1), owners::taken_at.eq(now().0), owners::holder.eq(&holder)))
            .execute(c))
        .map_err(change)?;
        on_each!(conn, |c| owners::table.select(owners::epoch).get_result(c)).map_err(change)
    })
}

/// The wall clock, for rows that no room decided about.
pub(super) fn now() -> Timestamp {
    let us = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
    Timestamp(us)
}
