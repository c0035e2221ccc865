//! ADAPTER. Where files live that builders allow to be sent: bytes in a folder (through `object_store`), addressed by their
//! SHA-256 and kept apart by company. A file comes in as a stream, is told by its bytes, loses the place it was made at, is
//! scanned, and only then gets its address; what is refused or cut leaves nothing behind. Knows no row of the store: who may see
//! what stands there.

mod blobs;
mod exif;
mod filename;
mod intake;
mod location;
mod refused;
mod scan;
mod sniff;

use std::path::Path;
use std::sync::Arc;

use tokio::sync::Semaphore;

pub use blobs::{Pieces, Who};
pub use intake::{Intake, Kept, Ready};
pub use location::Place;
pub use refused::Refused;
pub use scan::{Clamd, Scan, ScanAddress, Verdict};
pub use sniff::Declared;

use crate::room::CompanyNo;
use blobs::Blobs;

#[cfg(test)]
mod tests;

/// Files on their way in, in one process.
pub const MAX_UPLOADS: usize = 64;

/// The folder of files.
pub struct Library {
    blobs: Blobs,
    scan: Option<Arc<dyn Scan>>,
    places: Arc<Semaphore>,
}

impl Library {
    /// Makes the folder when it is missing.
    pub fn open(folder: &Path, who: Who, scan: Option<Arc<dyn Scan>>) -> Result<Self, Refused> {
        Ok(Self { blobs: Blobs::open(folder, who)?, scan, places: Arc::new(Semaphore::new(MAX_UPLOADS)) })
    }

    /// Begins to take a file.
    pub async fn take(&self, declared: Declared) -> Result<Intake, Refused> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Refused::Busy)?;
        Ok(Intake::new(self.blobs.begin().await?, declared, self.scan.clone(), place))
    }

    /// The bytes of a company's file. `None`: they are not here.
    pub async fn read(&self, company: CompanyNo, sha256: &str) -> Result<Option<Pieces>, Refused> {
        self.blobs.read(company, sha256).await
    }
}
