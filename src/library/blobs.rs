//! Bytes by their hash: streamed to a temporary file while they are hashed, moved to the address of their hash when they are
//! whole, in the same folder or in a bucket. Never holds more of a file than one block (a part, on its way to a bucket), and never
//! shows anything at an address that is not all there.

use std::fs::{self, DirBuilder};
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path as Folder;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, MultipartUpload, ObjectStore, ObjectStoreExt};
use ring::digest::{Context, SHA256};
use uuid::Uuid;

use super::bucket::Bucket;
use super::far::Far;
use super::refused::Refused;
use crate::outbound::Carrier;
use crate::room::CompanyNo;

/// What is handed to the disk at once.
const BLOCK: usize = 256 * 1024;
/// A temporary of a command that is so old belongs to a command that died.
const STALE: Duration = Duration::from_secs(24 * 3_600);
const INCOMING: &str = "incoming";
/// Where bytes lie that may be about to go.
const ASIDE: &str = "aside";

/// Whose temporaries these are. There is one `serve` at a time: what lies in its folder when it starts is left over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Serve,
    Command,
}

impl Who {
    const fn folder(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Command => "command",
        }
    }
}

#[derive(Clone)]
pub struct Blobs {
    /// Where files come in, and stay unless there is a bucket.
    store: Arc<dyn ObjectStore>,
    far: Option<Far>,
    who: Who,
}

/// Bytes as they come out, in pieces.
pub type Pieces = BoxStream<'static, Result<Bytes, Refused>>;

impl Blobs {
    /// Makes the folder when it is missing (mode 0700) and removes what dead processes left half-written.
    pub fn open(folder: &Folder, who: Who) -> Result<Self, Refused> {
        let cannot = |error: std::io::Error| Refused::storage(&error);
        for part in [folder.to_owned(), folder.join(INCOMING)] {
            DirBuilder::new().recursive(true).mode(0o700).create(part).map_err(cannot)?;
        }
        if who == Who::Serve {
            clear(&folder.join(INCOMING).join(Who::Serve.folder()), Duration::ZERO);
        }
        clear(&folder.join(INCOMING).join(Who::Command.folder()), STALE);
        let local = LocalFileSystem::new_with_prefix(folder).map_err(|error| Refused::storage(&error))?;
        Ok(Self { store: Arc::new(local.with_fsync(true)), far: None, who })
    }

    /// What comes in goes on to this bucket, and is read from there alone.
    pub fn with_bucket(mut self, bucket: &Bucket, carrier: Carrier) -> Result<Self, Refused> {
        self.far = Some(Far::open(bucket, carrier)?);
        Ok(self)
    }

    /// The bucket, if there is one.
    pub fn far(&self) -> Option<&Far> {
        self.far.as_ref()
    }

    pub async fn begin(&self) -> Result<Draft, Refused> {
        let path = Path::from_iter([INCOMING, self.who.folder(), &Uuid::now_v7().simple().to_string()]);
        let upload = self.store.put_multipart(&path).await.map_err(|error| Refused::storage(&error))?;
        let hash = Context::new(&SHA256);
        Ok(Draft { blobs: self.clone(), upload, path, hash, waiting: Vec::with_capacity(BLOCK), size: 0 })
    }

    /// The bytes at this address, if they are there; `part`, when it is given, lies within them.
    pub async fn read(&self, company: CompanyNo, sha256: &str, part: Option<Range<u64>>) -> Result<Option<Pieces>, Refused> {
        let (here, aside) = (address(company, sha256)?, aside(company, sha256));
        // Who looks whether they may go has them aside for a moment, and perhaps is just putting them back.
        for path in [&here, &aside, &here] {
            let found = self.pieces(path, GetOptions::new().with_range(part.clone())).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Whether bytes lie at this address.
    pub async fn is_there(&self, company: CompanyNo, sha256: &str) -> Result<bool, Refused> {
        let path = address(company, sha256)?;
        match &self.far {
            Some(far) => far.is_there(&path).await,
            None => self.is_here(&path).await,
        }
    }

    async fn is_here(&self, path: &Path) -> Result<bool, Refused> {
        match self.store.head(path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(Refused::storage(&error)),
        }
    }

    /// Takes the bytes from their address, in one step (in a bucket in two): whoever puts the same ones there afterwards is not in
    /// the way. Those that a dead process had set aside are the same bytes.
    pub async fn set_aside(&self, company: CompanyNo, sha256: &str) -> Result<Option<Aside>, Refused> {
        let (from, to) = (address(company, sha256)?, aside(company, sha256));
        let is_aside = match &self.far {
            Some(far) => far.move_aside(&from, &to).await?,
            None => {
                match self.store.rename(&from, &to).await {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => return Err(Refused::storage(&error)),
                }
                self.is_here(&to).await?
            }
        };
        Ok(is_aside.then(|| Aside { blobs: self.clone(), from, to }))
    }

    async fn pieces(&self, path: &Path, options: GetOptions) -> Result<Option<Pieces>, Refused> {
        match &self.far {
            Some(far) => far.pieces(path, options).await,
            None => self.pieces_here(path, options).await,
        }
    }

    async fn pieces_here(&self, path: &Path, options: GetOptions) -> Result<Option<Pieces>, Refused> {
        match self.store.get_opts(path, options).await {
            Ok(found) => Ok(Some(Box::pin(found.into_stream().map_err(|error| Refused::storage(&error))))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(Refused::storage(&error)),
        }
    }
}

/// Bytes that are not at their address any more. Dropped, they are found again by the next `set_aside`.
pub struct Aside {
    blobs: Blobs,
    from: Path,
    to: Path,
}

impl Aside {
    pub async fn put_back(self) -> Result<(), Refused> {
        match &self.blobs.far {
            Some(far) => far.put_back(&self.to, &self.from).await,
            None => self.blobs.store.rename(&self.to, &self.from).await.map_err(|error| Refused::storage(&error)),
        }
    }

    pub async fn remove(self) -> Result<(), Refused> {
        match &self.blobs.far {
            Some(far) => far.remove(&self.to).await,
            None => self.blobs.store.delete(&self.to).await.map_err(|error| Refused::storage(&error)),
        }
    }
}

/// One company's own: equal files of two companies lie in two places, so that neither can tell.
fn address(company: CompanyNo, sha256: &str) -> Result<Path, Refused> {
    if sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return Err(Refused::Storage("an address of a file is not a hash".into()));
    }
    Ok(Path::from_iter(["blobs", &company.0.to_string(), &sha256[..2], sha256]))
}

/// Where bytes lie that may go. Only for hashes that have an address.
fn aside(company: CompanyNo, sha256: &str) -> Path {
    Path::from_iter([ASIDE, &company.0.to_string(), sha256])
}

/// Removes files that were last written so long ago. What cannot be removed is in nobody's way.
fn clear(folder: &Folder, older_than: Duration) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let written = entry.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        if written.elapsed().is_ok_and(|age| age >= older_than)
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::warn!(%error, "a half-written file of a dead process cannot be removed");
        }
    }
}

/// A file on its way in. Dropped, it leaves nothing behind.
pub struct Draft {
    blobs: Blobs,
    upload: Box<dyn MultipartUpload>,
    path: Path,
    hash: Context,
    waiting: Vec<u8>,
    size: u64,
}

impl Draft {
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(BLOCK - self.waiting.len()));
            self.waiting.extend_from_slice(now);
            rest = later;
            if self.waiting.len() == BLOCK {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Refused> {
        let block = std::mem::replace(&mut self.waiting, Vec::with_capacity(BLOCK));
        self.upload.put_part(block.into()).await.map_err(|error| Refused::storage(&error))
    }

    /// All of it is on disk, at its temporary place.
    pub async fn finish(mut self) -> Result<Whole, Refused> {
        let written = if self.waiting.is_empty() { Ok(()) } else { self.flush().await };
        let done = match written {
            Ok(()) => self.upload.complete().await.map(drop).map_err(|error| Refused::storage(&error)),
            refused => refused,
        };
        if let Err(refused) = done {
            self.discard().await;
            return Err(refused);
        }
        let sha256 = data_encoding::HEXLOWER.encode(self.hash.finish().as_ref());
        Ok(Whole { blobs: self.blobs, path: Some(self.path), sha256, size: self.size })
    }
}

impl Draft {
    /// The same as dropping it, but done when this returns.
    pub async fn discard(mut self) {
        // An upload whose end failed has nothing left to abort; the next start looks again.
        let _ = self.upload.abort().await;
    }
}

/// A whole file that is not at its address yet. Dropped, it is removed.
pub struct Whole {
    blobs: Blobs,
    path: Option<Path>,
    pub sha256: String,
    pub size: u64,
}

impl Whole {
    /// Some of its bytes; fewer when it ends before.
    pub async fn part(&self, start: u64, length: u64) -> Result<Bytes, Refused> {
        let end = start.saturating_add(length).min(self.size);
        match &self.path {
            Some(path) if start < end => {
                self.blobs.store.get_range(path, start..end).await.map_err(|error| Refused::storage(&error))
            }
            _ => Ok(Bytes::new()),
        }
    }

    pub async fn pieces(&self) -> Result<Pieces, Refused> {
        let gone = || Refused::Storage("a temporary file is gone".into());
        let path = self.path.as_ref().ok_or_else(gone)?;
        self.blobs.pieces_here(path, GetOptions::new()).await?.ok_or_else(gone)
    }

    /// Moves it to its address, in one step: whoever looks there finds all of it or nothing. To a bucket it goes on also when
    /// nobody waits for this any more, so that nothing is left half brought.
    pub async fn keep(mut self, company: CompanyNo) -> Result<(), Refused> {
        if let Some(far) = self.blobs.far.clone() {
            let to = address(company, &self.sha256)?;
            let brought = tokio::spawn(async move {
                let came = match self.pieces().await {
                    Ok(pieces) => far.bring(&to, self.size, pieces).await,
                    Err(refused) => Err(refused),
                };
                self.discard().await;
                came
            });
            return brought.await.unwrap_or_else(|_| Err(Refused::Storage("a file was not brought to its bucket".into())));
        }
        let moved = match (&self.path, address(company, &self.sha256)) {
            (Some(path), Ok(to)) => self.blobs.store.rename(path, &to).await.map_err(|error| Refused::storage(&error)),
            (_, to) => to.map(drop),
        };
        if moved.is_ok() {
            self.path = None;
        } else {
            self.discard().await;
        }
        moved
    }

    /// The same as dropping it, but done when this returns.
    pub async fn discard(mut self) {
        if let Some(path) = self.path.take()
            && let Err(error) = self.blobs.store.delete(&path).await
        {
            tracing::warn!(%error, "a temporary file cannot be removed; the next start does it");
        }
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        let Some(path) = self.path.take() else { return };
        let store = Arc::clone(&self.blobs.store);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = store.delete(&path).await {
                    tracing::warn!(%error, "a temporary file cannot be removed; the next start does it");
                }
            });
        }
    }
}

#[cfg(test)]
#[path = "tests/blobs.rs"]
mod tests;
