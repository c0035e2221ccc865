//! ADAPTER. Where files live that builders allow to be sent: bytes in a folder or a bucket (through `object_store`), addressed by
//! their SHA-256 and kept apart by company. A file comes in as a stream, is told by its bytes, loses the place it was made at, is
//! scanned, and only then gets its address; what is refused or cut leaves nothing behind. Knows no row of the store: who may see
//! what stands there.

mod blobs;
mod bucket;
mod checked;
mod exif;
mod far;
mod filename;
mod intake;
mod links;
mod location;
mod ole;
mod refused;
mod scan;
mod sniff;
mod xls;

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use blobs::{Aside, Pieces, Who};
pub use bucket::{Bucket, KeyPair, Keys};
pub use intake::{Intake, Kept, Ready};
pub use links::{LeadsTo, Link, Links, Offered, SentAt};
pub use location::Place;
pub use refused::Refused;
pub use scan::{Clamd, Scan, ScanAddress, Verdict};
pub use sniff::Declared;

use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use crate::actors::outside::{self, Bounds, Files, OutsideFuture, Places};
use crate::outbound::Carrier;
use crate::room::CompanyNo;
use blobs::Blobs;
use checked::checked;
use far::Far;

#[cfg(test)]
mod tests;

/// Files on their way in, in one process.
const UPLOADS: Bounds = Bounds { of_all: 64, of_one: 16, kept: 16 };

/// Looks for bytes at once, and how long they may take together.
const LOOKS: usize = 16;
const LOOKED_WITHIN: Duration = Duration::from_secs(2);

/// All companies' files.
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

    /// Files lie in this bucket, and only come in through the folder.
    pub fn with_bucket(mut self, bucket: &Bucket, carrier: Carrier) -> Result<Self, Refused> {
        self.blobs = self.blobs.with_bucket(bucket, carrier)?;
        Ok(self)
    }

    /// As `look_at_bucket`, where there is one.
    pub async fn check_bucket(&self) -> Result<(), Refused> {
        match self.blobs.far() {
            Some(far) => far.check().await,
            None => Ok(()),
        }
    }

    /// Of these, those whose bytes are certainly not there. A bucket that does not answer soon says nothing of the rest.
    pub async fn gone<'a>(&self, company: CompanyNo, hashes: impl IntoIterator<Item = &'a str>) -> HashSet<String> {
        let looks = hashes.into_iter().map(|sha256| async move {
            let gone = matches!(self.is_there(company, sha256).await, Ok(false));
            (sha256, gone)
        });
        let mut looks = futures_util::stream::iter(looks).buffer_unordered(LOOKS);
        let (mut gone, until) = (HashSet::new(), Instant::now() + LOOKED_WITHIN);
        while let Ok(Some((sha256, is_gone))) = timeout_at(until, looks.next()).await {
            if is_gone {
                gone.insert(sha256.to_owned());
            }
        }
        gone
    }

    /// Begins to take a file of a company's.
    pub async fn take(&self, company: CompanyNo, declared: Declared) -> Result<Intake, Refused> {
        let place = self.places.take(company).ok_or(Refused::Busy)?;
        Ok(Intake::new(self.blobs.begin().await?, declared, self.scan.clone(), place))
    }

    /// The bytes of a company's file of this size: where they are others by now, the stream breaks off before its end, or does
    /// not begin. `None`: they are not there.
    pub async fn read(&self, company: CompanyNo, sha256: &str, size: u64) -> Result<Option<Pieces>, Refused> {
        match self.blobs.read(company, sha256, None).await? {
            Some(pieces) => checked(pieces, sha256, size).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether its bytes are at their address.
    pub async fn is_there(&self, company: CompanyNo, sha256: &str) -> Result<bool, Refused> {
        self.blobs.is_there(company, sha256).await
    }

    /// Takes a company's bytes from their address, to be removed or put back there. `None`: there are none.
    pub async fn set_aside(&self, company: CompanyNo, sha256: &str) -> Result<Option<Aside>, Refused> {
        self.blobs.set_aside(company, sha256).await
    }

    /// Some of a file's bytes: `part` lies within it.
    pub async fn read_part(&self, company: CompanyNo, sha256: &str, part: Range<u64>) -> Result<Option<Pieces>, Refused> {
        self.blobs.read(company, sha256, Some(part)).await
    }
}

/// Puts something small into the bucket, reads it and removes it again.
pub async fn look_at_bucket(bucket: &Bucket, carrier: Carrier) -> Result<(), Refused> {
    Far::open(bucket, carrier)?.check().await
}

impl Files for Library {
    fn open<'a>(&'a self, company: CompanyNo, sha256: &'a str, size: u64) -> OutsideFuture<'a, Option<outside::Pieces>> {
        Box::pin(async move {
            let found = self.read(company, sha256, size).await.map_err(|error| -> Arc<str> { error.to_string().into() })?;
            let plain = |piece: Result<bytes::Bytes, Refused>| match piece {
                Ok(bytes) => Ok(bytes.to_vec()),
                Err(error) => Err(std::io::Error::other(error.to_string())),
            };
            Ok(found.map(|pieces| -> outside::Pieces { Box::pin(pieces.map(plain)) }))
        })
    }
}
