//! What files need, built once: the library's folder, the links that lead into it, and who fetches what is not in it yet.

use std::sync::Arc;
use std::time::Duration;

use crate::actors::ports::Clock;
use crate::channel::{Channels, SourcedParts};
use crate::config::Config;
use crate::library::{Clamd, Library, Links, Refused, Scan, Who};
use crate::outbound::{Carrier, Fetcher, Outbound};
use crate::store::{Pepper, Store, StoreError, link_key};

use super::StartError;

#[path = "sweep.rs"]
mod sweep;

use sweep::Sweep;

/// The folder of files, `files` in the data folder, with the bucket and the scanner that are set; for a command.
pub fn open_library(config: &Config, who: Who) -> Result<Library, Refused> {
    opened(config, who, || Carrier::new().map_err(Refused::BadSetting))
}

fn opened(config: &Config, who: Who, carrier: impl FnOnce() -> Result<Carrier, Refused>) -> Result<Library, Refused> {
    let scan = config.scan.clone().map(|address| Arc::new(Clamd(address)) as Arc<dyn Scan>);
    let library = Library::open(&config.data_dir.join("files"), who, scan)?;
    match &config.bucket {
        Some(bucket) => library.with_bucket(bucket, carrier()?),
        None => Ok(library),
    }
}

#[derive(Clone)]
pub(super) struct Files {
    /// The one way out, which files share with everything else.
    pub outbound: Outbound,
    pub library: Arc<Library>,
    pub links: Links,
    pub fetcher: Arc<Fetcher>,
    fetched_kept_s: u32,
}

impl Files {
    pub fn build(config: &Config, pepper: &Pepper) -> Result<Self, StartError> {
        let outbound = Outbound::new().map_err(StoreError::Invalid)?;
        let fetcher = Fetcher::new(config.files_private_allow.clone()).map_err(StoreError::Invalid)?;
        Ok(Self {
            library: Arc::new(opened(config, Who::Serve, || Ok(outbound.carrier()))?),
            links: Links::new(&link_key(pepper), config.public_url.as_deref().unwrap_or_default(), config.link_lifetime_s),
            fetcher: Arc::new(fetcher),
            fetched_kept_s: config.fetched_kept_s,
            outbound,
        })
    }

    pub fn sweep(&self, store: &Store, clock: &Arc<dyn Clock>) -> Sweep {
        Sweep {
            library: self.library.clone(),
            queries: store.queries(),
            fetched: store.fetched_files(),
            clock: clock.clone(),
            kept: Duration::from_secs(self.fetched_kept_s.into()),
        }
    }

    pub fn sourced(&self, channels: Arc<Channels>, store: &Store, clock: &Arc<dyn Clock>) -> SourcedParts {
        SourcedParts {
            channels,
            outbox: store.outbox(),
            fetcher: self.fetcher.clone(),
            library: self.library.clone(),
            fetched: store.fetched_files(),
            links: self.links.clone(),
            vault: store.vault(),
            clock: clock.clone(),
        }
    }
}
