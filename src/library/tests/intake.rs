//! A file's whole way in: what is kept, what is refused with which word, and that a refusal leaves nothing.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use super::*;
use crate::library::blobs::Pieces;
use crate::library::tests::{docx, entry, jpeg, jpeg_with, ole, png, segment, tiff};
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
    let mut intake = library.take(ACME, Declared { filename: filename.into(), mime: String::new() }).await?;
    for piece in bytes.chunks(if bytes.len() > 1_000_000 { 64 * 1024 } else { 1_000 }) {
        if let Err(refused) = intake.write(piece).await {
            intake.discard().await;
            return Err(refused);
        }
    }
    intake.finish().await?.keep(ACME, "the-key").await
}

/// As a presentation says that it has some.
fn ppt_macros() -> Vec<u8> {
    let head = [0x1F, 0, 0xFF, 3, 0x14, 0, 0, 0, 2, 0, 0, 4, 0x0C, 0, 0, 0];
    [&head[..], &9_u32.to_le_bytes(), &1_u32.to_le_bytes(), &2_u32.to_le_bytes()].concat()
}

/// A table with one sheet of this kind, its pieces in the file from the last to the first.
fn xls(kind: u8, small: bool) -> Vec<u8> {
    let record =
        |kind: u16, body: &[u8]| [&kind.to_le_bytes()[..], &u16::try_from(body.len()).unwrap().to_le_bytes(), body].concat();
    let fonts = record(0x0031, &[7; 40]).repeat(if small { 1 } else { 90 });
    let mut stream = [record(0x0809, &[0; 16]), fonts, record(0x0085, &[0, 1, 0, 0, 2, kind, 1, 0, b'M'])].concat();
    stream.extend(record(0x000A, &[]));
    let size = stream.len().max(if small { 0 } else { 4_096 });
    let mut file = ole(&["Workbook"]);
    let put = |file: &mut Vec<u8>, at: usize, value: u32| file[at..at + 4].copy_from_slice(&value.to_le_bytes());
    // The directory is sector 1; the table of sectors sector 0.
    let (table, root, workbook) = (512, 1_024, 1_024 + 128);
    let each = if small { 64 } else { 512 };
    let pieces: Vec<&[u8]> = stream.chunks(each).collect();
    let count = u32::try_from(size.div_ceil(each)).unwrap();
    let mut lies: Vec<u8> = vec![0; count as usize * each];
    for (n, piece) in pieces.iter().enumerate() {
        let at = (count as usize - 1 - n) * each;
        lies[at..at + piece.len()].copy_from_slice(piece);
    }
    put(&mut file, workbook + 120, u32::try_from(size).unwrap());
    if small {
        lies.resize(512, 0);
        let mut links = vec![0xFF; 512];
        (0..count).for_each(|n| put(&mut links, 4 * n as usize, if n == 0 { 0xFFFF_FFFE } else { n - 1 }));
        put(&mut file, workbook + 116, count - 1);
        let end = 0xFFFF_FFFE;
        for (at, value) in [(root + 116, 2), (root + 120, 512), (60, 3), (table + 8, end), (table + 12, end)] {
            put(&mut file, at, value);
        }
        return [file, lies, links].concat();
    }
    put(&mut file, workbook + 116, 2 + count - 1);
    (0..count).for_each(|n| put(&mut file, table + 4 * (2 + n as usize), if n == 0 { 0xFFFF_FFFE } else { 1 + n }));
    [file, lies].concat()
}

/// A directory whose last piece leads back to its first.
fn endless_ole() -> Vec<u8> {
    let mut file = ole(&["WordDocument"]);
    let directory = u32::from_le_bytes(file[48..52].try_into().unwrap());
    let entry = 512 + 4 * directory as usize;
    file[entry..entry + 4].copy_from_slice(&directory.to_le_bytes());
    file
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
    // Its main stream stands far behind, in the last piece of a directory that lies about.
    for (streams, format) in [("WordDocument", Format::Doc), ("Workbook", Format::Xls), ("PowerPoint Document", Format::Ppt)] {
        let names: Vec<&str> = std::iter::repeat_n("Table", 14).chain([streams]).collect();
        assert_eq!(sent(folder.path(), None, "old.doc", &ole(&names)).await.unwrap().format, format);
    }
}

#[tokio::test]
async fn the_place_is_gone_before_the_hash_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let photo = jpeg_with(&[segment(0xE1, &[b"Exif\0\0", &tiff(true, true)[..]].concat())]);
    let kept = sent(folder.path(), None, "photo.jpg", &photo).await.unwrap();
    assert_eq!((kept.place, kept.size), (Place::Removed, photo.len() as u64));
    assert_ne!(kept.sha256, sha256(&photo));
    let library = Library::open(folder.path(), Who::Serve, None).unwrap();
    let pieces = library.read(ACME, &kept.sha256, kept.size).await.unwrap().unwrap();
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
        ("old.doc", ole(&["WordDocument", "Macros", "VBA"]), "type_mismatch"),
        ("old.xls", ole(&["Workbook", "_vba_project_cur"]), "type_mismatch"),
        ("old.ppt", [ole(&["PowerPoint Document"]), ppt_macros()].concat(), "type_mismatch"),
        ("sheets.xls", xls(1, false), "type_mismatch"),
        ("small.xls", xls(1, true), "type_mismatch"),
        ("cut.jpg", jpeg_with(&[segment(0xE1, &[&b"Exif\0\0"[..], &tiff(true, true)].concat())])[..90].to_vec(), "type_mismatch"),
        ("endless.doc", endless_ole(), "type_mismatch"),
        ("photo.jpg", large, "too_large"),
    ] {
        let refused = sent(folder.path(), None, filename, &bytes).await.unwrap_err();
        assert_eq!((refused.code(), files_left(folder.path())), (code, 0), "{filename}: {refused}");
    }
    for small in [false, true] {
        assert_eq!(sent(folder.path(), None, "table.xls", &xls(0, small)).await.unwrap().format, Format::Xls);
    }
    std::fs::remove_dir_all(folder.path().join("blobs")).unwrap();
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
    let mut intake = library.take(ACME, Declared { filename: "a.wav".into(), mime: String::new() }).await.unwrap();
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
    while let Ok(intake) = library.take(ACME, Declared::default()).await {
        under_way.push(intake);
    }
    assert_eq!((under_way.len(), library.take(ACME, Declared::default()).await.err()), (16, Some(Refused::Busy)));
    assert!(library.take(CompanyNo(2), Declared::default()).await.is_ok(), "one company's uploads are not in another's way");
    under_way.pop();
    assert!(library.take(ACME, Declared::default()).await.is_ok());
}
