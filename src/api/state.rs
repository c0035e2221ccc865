//! What the door holds, and its place in the web server.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::web::{Data, ServiceConfig};
use tokio::sync::watch;

use crate::actors::RoomRouter;
use crate::actors::inbox::{Doorkeeper, Ears, Inbox};
use crate::actors::ports::Clock;
use crate::library::{Library, Links};
use crate::room::CompanyNo;
use crate::store::{Directory, Pepper, Queries};

use super::auth::KeyRing;
use super::routes;

/// Says why nothing may be fetched from an address; `Err` ends a sentence.
pub type Fetchable = dyn Fn(&str) -> Result<(), String> + Send + Sync;

/// Everything handlers use. One per process, shared by all web workers.
pub struct Api {
    pub router: RoomRouter,
    pub queries: Queries,
    pub directory: Directory,
    pub library: Arc<Library>,
    /// Whether files may be fetched from an address at all, and why not.
    pub fetchable: Arc<Fetchable>,
    /// Makes the links to files that were sent, and reads them.
    pub links: Links,
    pub key_ring: Arc<KeyRing>,
    pub pepper: Pepper,
    /// True from the moment calls are served until the server drains.
    pub ready: Arc<AtomicBool>,
    /// Renders the metrics in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Journal position of the newest durable event.
    pub last_position: watch::Receiver<i64>,
    pub clock: Arc<dyn Clock>,
    /// Where webhooks are kept, who believes and who understands them.
    pub inbox: Arc<dyn Inbox>,
    pub doorkeeper: Arc<dyn Doorkeeper>,
    pub ears: Arc<dyn Ears>,
    /// Counts the open live feeds.
    pub streams: Arc<Streams>,
}

impl Api {
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// After a write into a company's directory: this process acts on it at once, others when they poll.
    pub async fn directory_changed(&self, company: CompanyNo) {
        // The write stands whatever happens here: who follows the store's version reads it a moment later.
        if let Err(error) = self.router.company_changed(company).await {
            tracing::warn!(%error, "a company that was changed cannot be read now");
        }
        if let Err(error) = self.key_ring.refresh(&self.queries).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the keys cannot be read now");
        }
    }
}

/// How many live feeds are open, in all and per company, so that no company takes every place.
#[derive(Default)]
pub struct Streams(Mutex<HashMap<CompanyNo, usize>>);

impl Streams {
    /// Feeds of one process.
    pub const MAX: usize = 64;
    /// Feeds of one company in one process.
    pub const MAX_PER_COMPANY: usize = 32;

    /// A place, given back when it is dropped. `None`: all are taken.
    pub fn enter(self: &Arc<Self>, company: CompanyNo) -> Option<StreamPlace> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = open.get(&company).copied().unwrap_or(0);
        if own >= Self::MAX_PER_COMPANY || open.values().sum::<usize>() >= Self::MAX {
            return None;
        }
        open.insert(company, own + 1);
        Some(StreamPlace { streams: Arc::clone(self), company })
    }
}

/// The right to one live feed.
pub struct StreamPlace {
    streams: Arc<Streams>,
    company: CompanyNo,
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut open = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.company) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.company);
            }
        }
    }
}

/// Puts every route of the door, and its answers to everything else, into a web application.
pub fn configure(cfg: &mut ServiceConfig, api: Data<Api>) {
    cfg.app_data(api);
    routes::register(cfg);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feeds_are_bounded_and_places_come_back() {
        let streams = Arc::new(Streams::default());
        let mut places: Vec<_> = (0..Streams::MAX_PER_COMPANY).filter_map(|_| streams.enter(CompanyNo(1))).collect();
        assert!(streams.enter(CompanyNo(1)).is_none());
        places.extend((0..Streams::MAX_PER_COMPANY).filter_map(|_| streams.enter(CompanyNo(2))));
        assert!(streams.enter(CompanyNo(3)).is_none());
        drop(places);
        assert!(streams.enter(CompanyNo(3)).is_some());
        assert_eq!(streams.0.lock().unwrap().len(), 0);
    }
}
