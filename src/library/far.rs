//! Files that lie in a bucket, at the same addresses as in a folder. What comes in is written down and judged in the folder
//! first; here it arrives whole or not at all, once, however often it is brought.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt, PutPayload};
use tokio::sync::Semaphore;

use super::blobs::Pieces;
use super::bucket::{Bucket, is_missing, is_missing_head, refused};
use super::refused::Refused;
use crate::outbound::Carrier;

/// What is sent at once, and the least that S3 takes as a part that is not the last.
const PART: usize = 5 * 1024 * 1024;
/// Files on their way there; each holds a part in memory.
const AT_ONCE: usize = 6;

#[derive(Clone)]
pub struct Far {
    store: Arc<dyn ObjectStore>,
    turns: Arc<Semaphore>,
}

impl Far {
    pub fn open(bucket: &Bucket, carrier: Carrier) -> Result<Self, Refused> {
        Ok(Self { store: bucket.open(carrier)?, turns: Arc::new(Semaphore::new(AT_ONCE)) })
    }

    /// Brings what has so many bytes to its address, unless it is there. That nobody removes it in between its row sees to.
    pub async fn bring(&self, to: &Path, size: u64, pieces: Pieces) -> Result<(), Refused> {
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
            Err(error) if is_missing_head(&error) => Ok(None),
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

    pub async fn is_there(&self, path: &Path) -> Result<bool, Refused> {
        Ok(self.head(path).await?.is_some())
    }

    /// Moves them aside. False: there are none in either place.
    pub async fn move_aside(&self, from: &Path, to: &Path) -> Result<bool, Refused> {
        match self.store.rename(from, to).await {
            Ok(()) => {}
            Err(error) if is_missing(&error) => {}
            Err(error) => return Err(refused(&error)),
        }
        self.is_there(to).await
    }

    pub async fn put_back(&self, aside: &Path, to: &Path) -> Result<(), Refused> {
        self.store.rename(aside, to).await.map_err(|error| refused(&error))
    }

    pub async fn remove(&self, path: &Path) -> Result<(), Refused> {
        self.store.delete(path).await.map_err(|error| refused(&error))
    }

    /// Whether it takes, gives and removes, and says of what is not there that it is not: to keys that may not list, S3 answers 403
    /// instead, and every file that is new would be refused.
    pub async fn check(&self) -> Result<(), Refused> {
        let at = Path::from_iter(["checks", &uuid::Uuid::now_v7().simple().to_string()]);
        let said = |error: object_store::Error| refused(&error);
        self.store.put(&at, PutPayload::from_static(b"bellhop")).await.map_err(said)?;
        let back = self.store.get(&at).await.map_err(said)?.bytes().await.map_err(said)?;
        self.store.delete(&at).await.map_err(said)?;
        if back != Bytes::from_static(b"bellhop") {
            return Err(Refused::Storage("the bucket gives back other bytes than it took".into()));
        }
        if self.is_there(&at).await? {
            return Err(Refused::Storage("the bucket does not remove what it is told to".into()));
        }
        Ok(())
    }
}
