//! What is remembered in memory of one company: how its CRM is reached, its templates, the contacts found lately. All of it may
//! be forgotten at any moment; nothing in here is the only copy of anything, but for a token pair that is being stored.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::actors::outside::{CrmAccess, Secret};
use crate::outbound::{Api, Credentials};
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
}

/// Most customers whose contact is remembered.
const MOST_CONTACTS: usize = 4_096;

/// Contacts made at once, at most.
const MAKING: usize = 16;

#[derive(Debug, Default)]
pub struct Desk {
    session: Mutex<Option<Arc<Session>>>,
    /// Held while a token is refreshed: one at a time per company.
    pub refreshing: tokio::sync::Mutex<()>,
    /// A new pair that could not be stored yet, with the version it came from; not used before it is.
    pending: Mutex<Option<(i64, Secret)>>,
    /// A token that a 401 made us refresh was not yet taken: another 401 refreshes nothing.
    pub unproven: AtomicBool,
    /// Until then (microseconds) no early refresh is tried again.
    pub rest_until: AtomicI64,
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

    /// Another CRM: nothing that was known of the former one holds.
    pub async fn clear(&self) {
        *self.deals.lock().await = None;
        *self.tickets.lock().await = None;
        whole(&self.contacts).clear();
    }
}

/// What is behind these locks is whole between any two looks, also when somebody panicked there.
fn whole<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
