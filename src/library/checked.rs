//! Bytes on their way out, counted and hashed once more. A disk or a bucket that gives other bytes than it took must not be found
//! out by a customer. **Invariant:** the last piece only comes when all of them together are what was kept, so that whoever waits
//! for the whole file never has another one.

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{iter, try_unfold};
use ring::digest::{Context, SHA256};

use super::blobs::Pieces;
use super::refused::Refused;

struct Checked {
    pieces: Pieces,
    hash: Context,
    /// What may still come.
    left: u64,
    /// The newest piece, which may be the last.
    held: Option<Bytes>,
    sha256: String,
}

/// The same pieces, of a file with this hash (hexadecimal) and of so many bytes. The first is waited for, so that what is small, or
/// breaks off at once, is told before anybody was promised anything.
pub async fn checked(pieces: Pieces, sha256: &str, size: u64) -> Result<Pieces, Refused> {
    let mut all = Checked { pieces, hash: Context::new(&SHA256), left: size, held: None, sha256: sha256.to_owned() };
    let first = iter(all.next().await?.map(Ok));
    Ok(Box::pin(first.chain(try_unfold(all, |mut all| async move { Ok(all.next().await?.map(|piece| (piece, all))) }))))
}

impl Checked {
    async fn next(&mut self) -> Result<Option<Bytes>, Refused> {
        while let Some(piece) = self.pieces.next().await {
            let piece = piece?;
            if piece.is_empty() {
                continue;
            }
            self.left = self.left.checked_sub(piece.len() as u64).ok_or_else(|| self.is_another())?;
            self.hash.update(&piece);
            if let Some(earlier) = self.held.replace(piece) {
                return Ok(Some(earlier));
            }
        }
        let came = data_encoding::HEXLOWER.encode(self.hash.clone().finish().as_ref());
        if self.left > 0 || came != self.sha256 { Err(self.is_another()) } else { Ok(self.held.take()) }
    }

    fn is_another(&self) -> Refused {
        tracing::error!(event = "library.damaged", sha256 = self.sha256, "the bytes of a file are not those that were kept");
        Refused::Storage("the bytes of a file are not those that were kept".into())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{TryStreamExt, stream};

    use super::*;

    async fn come(pieces: &[&'static str], of: &str) -> (Vec<u8>, Option<Refused>) {
        let sha256 = data_encoding::HEXLOWER.encode(ring::digest::digest(&SHA256, of.as_bytes()).as_ref());
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        let mut came = vec![];
        let mut checked = match checked(Box::pin(stream::iter(pieces)), &sha256, of.len() as u64).await {
            Ok(checked) => checked,
            Err(refused) => return (came, Some(refused)),
        };
        loop {
            match checked.try_next().await {
                Ok(Some(piece)) => came.extend_from_slice(&piece),
                Ok(None) => return (came, None),
                Err(refused) => return (came, Some(refused)),
            }
        }
    }

    #[tokio::test]
    async fn only_what_was_kept_comes_whole() {
        for pieces in [&["abcdef"][..], &["abc", "", "def"], &["", "a", "bcdef", ""]] {
            assert_eq!(come(pieces, "abcdef").await, (b"abcdef".to_vec(), None), "{pieces:?}");
        }
        // Other bytes, fewer, more, none.
        for pieces in [&["abcdeX"][..], &["abc", "deX"], &["abc", "de"], &["abc", "def", "g"], &["abcdefg"], &["Xbc", "def"], &[]]
        {
            let (came, refused) = come(pieces, "abcdef").await;
            assert!(came.len() < 6 && refused.is_some_and(|refused| refused.code() == "storage_unavailable"), "{pieces:?}");
        }
        assert_eq!(come(&[], "").await, (vec![], None));
    }
}
