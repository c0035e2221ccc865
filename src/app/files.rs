//! What files need, built once: the library's folder, the links that lead into it, and who fetches what is not in it yet.

use std::sync::Arc;

use crate::actors::ports::Clock;
use crate::channel::{Channels, SourcedParts};
use crate::config::Config;
use crate::library::{Clamd, Library, Links, Refused, Scan, Who};
use crate::outbound::Fetcher;
use crate::store::{Pepper, Store, StoreError, link_key};

use super::StartError;

/// The folder of files, `files` in the data folder, with the scanner that is set.
pub fn open_library(config: &Config, who: Who) -> Result<Library, Refused> {
    let scan = config.scan.clone().map(|address| Arc::new(Clamd(address)) as Arc<dyn Scan>);
    Library::open(&config.data_dir.join("files"), who, scan)
}

#[derive(Clone)]
pub(super) struct Files {
    pub library: Arc<Library>,
    pub links: Links,
    pub fetcher: Arc<Fetcher>,
}

impl Files {
    pub fn build(config: &Config, pepper: &Pepper) -> Result<Self, StartError> {
        let fetcher = Fetcher::new(config.files_private_allow.clone()).map_err(StoreError::Invalid)?;
        Ok(Self {
            library: Arc::new(open_library(config, Who::Serve)?),
            links: Links::new(&link_key(pepper), config.public_url.as_deref().unwrap_or_default(), config.link_lifetime_s),
            fetcher: Arc::new(fetcher),
        })
    }

    pub fn sourced(&self, channels: Arc<Channels>, store: &Store, clock: &Arc<dyn Clock>) -> SourcedParts {
        SourcedParts {
            channels,
            outbox: store.outbox(),
            fetcher: self.fetcher.clone(),
            library: self.library.clone(),
            links: self.links.clone(),
            vault: store.vault(),
            clock: clock.clone(),
        }
    }
}
