//! What is remembered in memory of one company: how its CRM is reached, its templates, the contacts found lately. All of it may
//! be forgotten at any moment; nothing in here is the only copy of anything, but for a token pair that is being stored.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::actors::outside::{CrmAccess, Secret};
use crate::outbound::{Api, Credentials, MOST_BODY};
use crate::room::Timestamp;

use super::template::Template;

/// How a company's CRM is reached, as of one version in the vault.
#[derive(Debug)]
pub struct Session {
    pub access: CrmAccess,
    pub api: Api,
    pub credentials: Credentials,
}

/// A template and when it was read.
#[derive(Clone, Debug)]
pub struct Shelved {
    pub template: Arc<Template>,
    pub at: Timestamp,
    /// `Desk::era` when its reading began: of another CRM nothing holds.
    pub era: u64,
}

/// Rows a page (qontak-api.md section 5, 10).
pub const MOST_PER_PAGE: i64 = 100;
/// What is asked for where that many make too long an answer. Each divides the one before: no row is passed over.
const FEWER: [i64; 2] = [20, 4];

/// Most customers whose contact is remembered.
const MOST_CONTACTS: usize = 4_096;

/// Contacts made at once, at most.
const MAKING: usize = 16;

#[derive(Debug, Default)]
pub struct Desk {
    session: Mutex<Option<Arc<Session>>>,
    /// Held while a token is refreshed: one at a time per company.
    pub refreshing: Arc<tokio::sync::Mutex<()>>,
    /// A new pair that could not be stored yet, with the version it came from; not used before it is.
    pending: Mutex<Option<(i64, Secret)>>,
    /// Version of the token that a 401 made us fetch and that the CRM has not taken yet: another 401 refreshes nothing. 0: none.
    pub unproven: AtomicI64,
    /// Until then (microseconds) records are made without our reference: the CRM refused one because of it.
    unmarked_until: AtomicI64,
    /// Rows a page that are asked of lists with long ones; of all others as many as there may be.
    per_page: Mutex<HashMap<String, i64>>,
    /// By how many microseconds the CRM's clock was ahead of ours when it spoke last.
    their_clock: Mutex<Option<i64>>,
    /// Until then (microseconds) no early refresh is tried again.
    pub rest_until: AtomicI64,
    era: AtomicU64,
    /// Held while one is read: rooms that wake together read it once.
    pub deals: tokio::sync::Mutex<Option<Shelved>>,
    pub tickets: tokio::sync::Mutex<Option<Shelved>>,
    contacts: Mutex<HashMap<String, (Timestamp, i64)>>,
    /// Each held while a contact is made for one of its handles: rooms of one customer make one.
    making: [Arc<tokio::sync::Mutex<()>>; MAKING],
}

impl Desk {
    /// The lock that whoever makes a contact for this handle holds.
    pub fn making(&self, handle: &str) -> Arc<tokio::sync::Mutex<()>> {
        let sum = handle.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        Arc::clone(&self.making[sum % MAKING])
    }

    pub fn session(&self) -> Option<Arc<Session>> {
        whole(&self.session).clone()
    }

    pub fn sit(&self, session: Option<Arc<Session>>) {
        *whole(&self.session) = session;
    }

    pub fn pending(&self) -> Option<(i64, Secret)> {
        whole(&self.pending).clone()
    }

    pub fn set_pending(&self, pair: Option<(i64, Secret)>) {
        *whole(&self.pending) = pair;
    }

    /// The CRM does not take our reference; it is tried again after so long.
    pub fn goes_unmarked(&self, until: Timestamp) {
        self.unmarked_until.store(until.0, Ordering::Release);
    }

    pub fn is_unmarked(&self, now: Timestamp) -> bool {
        now.0 < self.unmarked_until.load(Ordering::Acquire)
    }

    /// Rows a page that are asked of this list.
    pub fn per_page(&self, list: &str) -> i64 {
        whole(&self.per_page).get(list).copied().unwrap_or(MOST_PER_PAGE)
    }

    /// So many rows made too long an answer: fewer are asked for, so many. `None`: fewer cannot be.
    pub fn asks_for_fewer(&self, list: &str, than: i64) -> Option<i64> {
        let fewer = FEWER.into_iter().find(|rows| *rows < than)?;
        let mut long = whole(&self.per_page);
        // Whoever was quicker may have gone further down already.
        let fewest = long.get(list).map_or(fewer, |rows| fewer.min(*rows));
        long.insert(list.to_owned(), fewest);
        Some(fewest)
    }

    /// Rows of this list take so many bytes each: more of them are asked for again if those fill half an answer at most.
    pub fn saw_rows_of(&self, list: &str, bytes: usize) {
        let mut long = whole(&self.per_page);
        let Some(now) = long.get(list).copied() else { return };
        let fits = |rows: &i64| bytes.saturating_mul(usize::try_from(*rows).unwrap_or(usize::MAX)) <= MOST_BODY / 2;
        match [MOST_PER_PAGE].into_iter().chain(FEWER).find(fits).filter(|rows| *rows > now) {
            Some(MOST_PER_PAGE) => drop(long.remove(list)),
            Some(rows) => drop(long.insert(list.to_owned(), rows)),
            None => {}
        }
    }

    /// The CRM's clock is this much ahead of ours (behind, where negative).
    pub fn heard_clock(&self, ahead_us: i64) {
        *whole(&self.their_clock) = Some(ahead_us);
    }

    /// `None`: it has not said yet.
    pub fn their_clock_is_ahead_us(&self) -> Option<i64> {
        *whole(&self.their_clock)
    }

    /// The one contact of a handle, if it was found not longer ago than `ttl_ms`.
    pub fn contact(&self, handle: &str, now: Timestamp, ttl_ms: i64) -> Option<i64> {
        let contacts = whole(&self.contacts);
        contacts.get(handle).filter(|(at, _)| now.ms_since(*at) < ttl_ms).map(|(_, id)| *id)
    }

    pub fn remember_contact(&self, handle: &str, id: i64, now: Timestamp) {
        let mut contacts = whole(&self.contacts);
        if contacts.len() >= MOST_CONTACTS {
            contacts.clear();
        }
        contacts.insert(handle.to_owned(), (now, id));
    }

    pub fn forget_contact(&self, handle: &str) {
        whole(&self.contacts).remove(handle);
    }

    /// Rises with every `clear`.
    pub fn era(&self) -> u64 {
        self.era.load(Ordering::Acquire)
    }

    /// Another CRM: nothing that was known of the former one holds. Waits for nobody: whoever reads a template holds its lock, and
    /// may be the one who finds out.
    pub fn clear(&self) {
        self.era.fetch_add(1, Ordering::AcqRel);
        *whole(&self.their_clock) = None;
        whole(&self.contacts).clear();
    }
}

/// What is behind these locks is whole between any two looks, also when somebody panicked there.
fn whole<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
