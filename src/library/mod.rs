//! ADAPTER. Where files live that builders allow to be sent: bytes in a folder (through `object_store`), addressed by their
//! SHA-256 and kept apart by company. A file comes in as a stream, is told by its bytes, loses the place it was made at, is
//! scanned, and only then gets its address; what is refused or cut leaves nothing behind. Knows no row of the store: who may see
//! what stands there.

mod blobs;
mod exif;
mod filename;
mod intake;
mod links;
mod location;
mod ole;
mod refused;
mod scan;
mod sniff;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use blobs::{Aside, Pieces, Who};
pub use intake::{Intake, Kept, Ready};
pub use links::{LeadsTo, Link, Links, Offered, SentAt};
pub use location::Place;
pub use refused::Refused;
pub use scan::{Clamd, Scan, ScanAddress, Verdict};
pub use sniff::Declared;

use futures_util::StreamExt;

use crate::actors::outside::{self, Bounds, Files, OutsideFuture, Places};
use crate::room::CompanyNo;
use blobs::Blobs;

#[cfg(test)]
mod tests;

/// Files on their way in, in one process.
const UPLOADS: Bounds = Bounds { of_all: 64, of_one: 16, kept: 16 };

/// The folder of files.
pub struct Library {
    blobs: Blobs,
    scan: Option<Arc<dyn Scan>>,
    places: Places,
}

impl Library {
    /// Makes the folder when it is missing.
    pub fn open(folder: &Path, who: Who, scan: Option<Arc<dyn Scan>>) -> Result<Self, Refused> {
        Ok(Self { blobs: Blobs::open(folder, who)?, scan, places: Places::new(UPLOADS) })
    }

    /// Begins to take a file of a company's.
    pub async fn take(&self, company: CompanyNo, declared: Declared) -> Result<Intake, Refused> {
        let place = self.places.take(company).ok_or(Refused::Busy)?;
        Ok(Intake::new(self.blobs.begin().await?, declared, self.scan.clone(), place))
    }

    /// The bytes of a company's file. `None`: they are not here.
    pub async fn read(&self, company: CompanyNo, sha256: &str) -> Result<Option<Pieces>, Refused> {
        self.blobs.read(company, sha256).await
    }

    /// How long ago they were written. `None`: they are not here.
    pub async fn age(&self, company: CompanyNo, sha256: &str) -> Result<Option<Duration>, Refused> {
        self.blobs.age(company, sha256).await
    }

    /// Takes a company's bytes from their address, to be removed or put back there. `None`: there are none.
    pub async fn set_aside(&self, company: CompanyNo, sha256: &str) -> Result<Option<Aside>, Refused> {
        self.blobs.set_aside(company, sha256).await
    }

    /// Some of them: `part` lies within the file.
    pub async fn read_part(&self, company: CompanyNo, sha256: &str, part: Range<u64>) -> Result<Option<Pieces>, Refused> {
        self.blobs.read_part(company, sha256, part).await
    }
}

impl Files for Library {
    fn open<'a>(&'a self, company: CompanyNo, sha256: &'a str) -> OutsideFuture<'a, Option<outside::Pieces>> {
        Box::pin(async move {
            let found = self.read(company, sha256).await.map_err(|error| -> Arc<str> { error.to_string().into() })?;
            let plain = |piece: Result<bytes::Bytes, Refused>| match piece {
                Ok(bytes) => Ok(bytes.to_vec()),
                Err(error) => Err(std::io::Error::other(error.to_string())),
            };
            Ok(found.map(|pieces| -> outside::Pieces { Box::pin(pieces.map(plain)) }))
        })
    }
}
