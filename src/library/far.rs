//! Files that lie in a bucket, at the same addresses as in a folder. What comes in is written down and judged in the folder
//! first; here it arrives whole or not at all, once, however often it is brought.
//!
//! Who brings bytes leaves a sign before looking whether they are there, and who removes bytes moves them aside before looking
//! for the sign: of the two at least one sees the other.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt, PutPayload};
use tokio::sync::Semaphore;

use super::blobs::Pieces;
use super::bucket::{Bucket, is_missing, refused};
use super::refused::Refused;
use crate::outbound::Carrier;

/// What is sent at once, and the least that S3 takes as a part that is not the last.
const PART: usize = 5 * 1024 * 1024;
/// Files on their way there; each holds a part in memory.
const AT_ONCE: usize = 6;
/// Where signs stand.
const COMING: &str = "coming";
/// A sign so old tells nobody anything.
const OLD_SIGN: Duration = Duration::from_secs(24 * 3_600);

#[derive(Clone)]
pub struct Far {
    store: Arc<dyn ObjectStore>,
    turns: Arc<Semaphore>,
}

impl Far {
    pub fn open(bucket: &Bucket, carrier: Carrier) -> Result<Self, Refused> {
        Ok(Self { store: bucket.open(carrier)?, turns: Arc::new(Semaphore::new(AT_ONCE)) })
    }

    /// Brings what has so many bytes to its address.
    pub async fn bring(&self, to: &Path, size: u64, pieces: Pieces) -> Result<(), Refused> {
        let sign = sign_of(to);
        self.store.put(&sign, PutPayload::new()).await.map_err(|error| refused(&error))?;
        if self.head(to).await?.is_some_and(|found| found.size == size) {
            return Ok(());
        }
        let _turn = self.turns.acquire().await.map_err(|_| Refused::Busy)?;
        if size <= PART as u64 {
            let bytes = pieces.try_collect::<Vec<Bytes>>().await?;
            let payload = PutPayload::from_iter(bytes);
            return self.store.put(to, payload).await.map(drop).map_err(|error| refused(&error));
        }
        self.bring_in_parts(to, pieces).await
    }

    async fn bring_in_parts(&self, to: &Path, mut pieces: Pieces) -> Result<(), Refused> {
        let mut upload = self.store.put_multipart(to).await.map_err(|error| refused(&error))?;
        let came = async {
            let (mut part, mut length) = (vec![], 0);
            while let Some(piece) = pieces.next().await {
                let mut piece = piece?;
                // Parts of one length, but for the last: not every S3 server takes others.
                while length + piece.len() >= PART {
                    part.push(piece.split_to(PART - length));
                    let full = PutPayload::from_iter(std::mem::take(&mut part));
                    upload.put_part(full).await.map_err(|error| refused(&error))?;
                    length = 0;
                }
                length += piece.len();
                part.push(piece);
            }
            if length > 0 {
                upload.put_part(PutPayload::from_iter(part)).await.map_err(|error| refused(&error))?;
            }
            upload.complete().await.map(drop).map_err(|error| refused(&error))
        };
        let came = came.await;
        if came.is_err() {
            // A server that is away keeps the parts; the bucket's own rule removes them.
            let _ = upload.abort().await;
        }
        came
    }

    async fn head(&self, path: &Path) -> Result<Option<object_store::ObjectMeta>, Refused> {
        match self.store.head(path).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(refused(&error)),
        }
    }

    pub async fn pieces(&self, path: &Path, options: GetOptions) -> Result<Option<Pieces>, Refused> {
        match self.store.get_opts(path, options).await {
            Ok(found) => Ok(Some(Box::pin(found.into_stream().map_err(|error| refused(&error))))),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(refused(&error)),
        }
    }

    /// How long ago these bytes were last brought, or moved.
    pub async fn age(&self, path: &Path) -> Result<Option<Duration>, Refused> {
        let Some(found) = self.head(path).await? else { return Ok(None) };
        Ok(Some(since(&found).min(self.brought(path).await?)))
    }

    /// How long ago somebody last brought them; for ever, when no sign is left.
    async fn brought(&self, path: &Path) -> Result<Duration, Refused> {
        Ok(self.head(&sign_of(path)).await?.map_or(Duration::MAX, |sign| since(&sign)))
    }

    /// Moves them aside; how long ago they were last brought. `None`: there are none in either place.
    pub async fn move_aside(&self, from: &Path, to: &Path) -> Result<Option<Duration>, Refused> {
        match self.store.rename(from, to).await {
            Ok(()) => {}
            Err(error) if is_missing(&error) => {}
            Err(error) => return Err(refused(&error)),
        }
        if self.head(to).await?.is_none() {
            return Ok(None);
        }
        self.brought(from).await.map(Some)
    }

    pub async fn put_back(&self, aside: &Path, to: &Path) -> Result<(), Refused> {
        self.store.rename(aside, to).await.map_err(|error| refused(&error))
    }

    pub async fn remove(&self, path: &Path) -> Result<(), Refused> {
        self.store.delete(path).await.map_err(|error| refused(&error))
    }

    /// Removes signs that tell nobody anything any more.
    pub async fn forget_old_signs(&self) -> Result<(), Refused> {
        let mut signs = self.store.list(Some(&Path::from(COMING)));
        while let Some(sign) = signs.next().await {
            let sign = sign.map_err(|error| refused(&error))?;
            if since(&sign) >= OLD_SIGN {
                self.store.delete(&sign.location).await.map_err(|error| refused(&error))?;
            }
        }
        Ok(())
    }

    /// Whether it takes, gives and removes.
    pub async fn check(&self) -> Result<(), Refused> {
        let at = Path::from_iter(["checks", &uuid::Uuid::now_v7().simple().to_string()]);
        let said = |error: object_store::Error| refused(&error);
        self.store.put(&at, PutPayload::from_static(b"bellhop")).await.map_err(said)?;
        let back = self.store.get(&at).await.map_err(said)?.bytes().await.map_err(said)?;
        self.store.delete(&at).await.map_err(said)?;
        if back != Bytes::from_static(b"bellhop") {
            return Err(Refused::Storage("the bucket gives back other bytes than it took".into()));
        }
        Ok(())
    }
}

/// The last two parts of an address, company and hash, make the sign's.
fn sign_of(address: &Path) -> Path {
    let parts: Vec<String> = address.parts().map(|part| part.as_ref().to_owned()).collect();
    let (company, sha256) = (parts.get(1).map_or("", String::as_str), parts.last().map_or("", String::as_str));
    Path::from_iter([COMING, company, sha256])
}

fn since(found: &object_store::ObjectMeta) -> Duration {
    SystemTime::from(found.last_modified).elapsed().unwrap_or_default()
}
