//! A file's whole way in: what is kept, what is refused with which word, and that a refusal leaves nothing.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use super::*;
use crate::library::blobs::Pieces;
use crate::library::tests::{docx, entry, jpeg, jpeg_with, png, segment, tiff};
use crate::library::{Library, Who};

const ACME: CompanyNo = CompanyNo(1);

struct Says(Verdict);

impl Scan for Says {
    fn scan(&self, _: Pieces) -> Pin<Box<dyn Future<Output = Verdict> + Send + '_>> {
        Box::pin(async { self.0.clone() })
    }
}

async fn sent(folder: &Path, scan: Option<Verdict>, filename: &str, bytes: &[u8]) -> Result<Kept, Refused> {
    let scan = scan.map(|verdict| Arc::new(Says(verdict)) as Arc<dyn Scan>);
    let library = Library::open(folder, Who::Serve, scan).unwrap();
    let mut intake = library.take(Declared { filename: filename.into(), mime: String::new() }).await?;
    for piece in bytes.chunks(if bytes.len() > 1_000_000 { 64 * 1024 } else { 1_000 }) {
        if let Err(refused) = intake.write(piece).await {
            intake.discard().await;
            return Err(refused);
        }
    }
    intake.finish().await?.keep(ACME, "the-key").await
}

fn files_left(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).map(|entries| entries.flatten().collect::<Vec<_>>()).unwrap_or_default();
    entries.iter().map(|entry| if entry.path().is_dir() { files_left(&entry.path()) } else { 1 }).sum()
}

fn sha256(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref())
}

#[tokio::test]
async fn a_file_is_kept_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let long_text = "a line of a letter\n".repeat(1_000).into_bytes();
    for (filename, bytes, format, kept_as) in [
        ("certificate.png", png(), Format::Png, "certificate.png"),
        ("photo.png", jpeg(), Format::Jpeg, "photo.jpg"),
        ("offer.docx", docx(), Format::Docx, "offer.docx"),
        ("offer.pdf", docx(), Format::Docx, "offer.docx"),
        ("", b"%PDF-1.7 x".to_vec(), Format::Pdf, "the-key.pdf"),
        ("letter.txt", long_text, Format::Text, "letter.txt"),
    ] {
        let kept = sent(folder.path(), None, filename, &bytes).await.unwrap();
        assert_eq!((kept.format, kept.filename.as_str(), kept.size), (format, kept_as, bytes.len() as u64));
        assert_eq!((kept.sha256, kept.place), (sha256(&bytes), Place::Nowhere), "{filename}");
    }
    let mut ole = vec![0; 3_000];
    ole[..8].copy_from_slice(&[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]);
    (ole[30], ole[48]) = (9, 3);
    let name: Vec<u8> = "WordDocument".encode_utf16().flat_map(u16::to_le_bytes).collect();
    ole[2_100..2_100 + name.len()].copy_from_slice(&name);
    assert_eq!(sent(folder.path(), None, "old.doc", &ole).await.unwrap().format, Format::Doc);
}

#[tokio::test]
async fn the_place_is_gone_before_the_hash_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let photo = jpeg_with(&[segment(0xE1, &[b"Exif\0\0", &tiff(true, true)[..]].concat())]);
    let kept = sent(folder.path(), None, "photo.jpg", &photo).await.unwrap();
    assert_eq!((kept.place, kept.size), (Place::Removed, photo.len() as u64));
    assert_ne!(kept.sha256, sha256(&photo));
    let library = Library::open(folder.path(), Who::Serve, None).unwrap();
    let pieces = library.read(ACME, &kept.sha256).await.unwrap().unwrap();
    let bytes = futures_util::TryStreamExt::try_collect::<Vec<_>>(pieces).await.unwrap().concat();
    assert_eq!(sha256(&bytes), kept.sha256);
    assert!(!bytes.windows(8).any(|window| window == b"LATITUDE"));
}

#[tokio::test]
async fn a_refusal_has_its_word_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut hidden = b"just words\n".repeat(1_000);
    hidden.extend(b"MZ\x90\0\x03");
    let zip: Vec<u8> = ["a.txt", "b.txt"].iter().flat_map(|name| entry(name)).collect();
    let large = [jpeg(), vec![0; 51_000_000]].concat();
    for (filename, bytes, code) in [
        ("nothing.png", vec![], "empty_file"),
        ("certificate.png", b"<!DOCTYPE html><html>not found</html>".to_vec(), "type_mismatch"),
        ("certificate.png", b"MZ\x90\0\x03\0\0\0".to_vec(), "type_mismatch"),
        ("page.html", b"<!DOCTYPE html><html>hello</html>".to_vec(), "unsupported_type"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(), "unsupported_type"),
        ("setup.exe", b"MZ\x90\0\x03\0\0\0".to_vec(), "unsupported_type"),
        ("all.zip", zip, "unsupported_type"),
        ("letter.txt", hidden, "type_mismatch"),
        ("photo.jpg", large, "too_large"),
    ] {
        let refused = sent(folder.path(), None, filename, &bytes).await.unwrap_err();
        assert_eq!((refused.code(), files_left(folder.path())), (code, 0), "{filename}: {refused}");
    }
    for (verdict, code) in [
        (Verdict::Infected("Eicar".into()), "infected"),
        (Verdict::Error("gone".into()), "scan_unavailable"),
        (Verdict::TooLarge, "scan_unavailable"),
    ] {
        let refused = sent(folder.path(), Some(verdict), "a.png", &png()).await.unwrap_err();
        assert_eq!((refused.code(), files_left(folder.path())), (code, 0));
    }
    assert!(sent(folder.path(), Some(Verdict::Clean), "a.png", &png()).await.is_ok());
}

#[tokio::test]
async fn what_is_too_large_is_refused_while_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path(), Who::Serve, None).unwrap();
    let mut intake = library.take(Declared { filename: "a.wav".into(), mime: String::new() }).await.unwrap();
    intake.write(b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0").await.unwrap();
    let block = vec![0; 1_000_000];
    for _ in 0..49 {
        intake.write(&block).await.unwrap();
    }
    assert_eq!(intake.write(&block).await, Err(Refused::TooLarge { max_bytes: 50_000_000 }));
}

#[tokio::test]
async fn so_many_at_once_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path(), Who::Serve, None).unwrap();
    let mut under_way = vec![];
    for _ in 0..crate::library::MAX_UPLOADS {
        under_way.push(library.take(Declared::default()).await.unwrap());
    }
    assert_eq!(library.take(Declared::default()).await.err(), Some(Refused::Busy));
    under_way.pop();
    assert!(library.take(Declared::default()).await.is_ok());
}
