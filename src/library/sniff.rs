//! What a file really is: told by its bytes, never by what somebody calls it. A name or a declared type breaks a tie inside a
//! container that holds several things (sound or film in MP4, a table or prose in plain text), and nothing else. Pure.

use crate::room::{Format, MediaKind};

/// The bytes of a file's beginning that are looked at.
pub const HEAD: usize = 4_096;

/// What somebody says a file is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    pub filename: String,
    pub mime: String,
}

impl Declared {
    fn extension(&self) -> &str {
        self.filename.rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// The format it claims to have, by its name before its type.
    pub fn format(&self) -> Option<Format> {
        let essence = self.mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        Format::of_extension(self.extension()).or_else(|| Format::of_mime(&essence))
    }

    /// Whether it claims to be sound.
    fn is_audio(&self) -> bool {
        let by_name = Format::of_extension(self.extension()).map(Format::kind);
        by_name.map_or_else(|| self.mime.starts_with("audio/"), |kind| kind == MediaKind::Audio)
    }
}

/// What the first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Is(Format),
    /// A zip: an office document, or an archive. Its names tell.
    Zip,
    /// An OLE2 file: an old office document, or an installer. Its directory tells.
    Ole,
    /// What it is instead, for a sentence: "a web page".
    Not(&'static str),
}

const OLE: &[u8] = &[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
const ZIP: &[u8] = b"PK\x03\x04";

/// Looks at the first [`HEAD`] bytes, or at all there are.
pub fn first_look(head: &[u8], declared: &Declared) -> Look {
    if head.starts_with(ZIP) {
        return Look::Zip;
    }
    if head.starts_with(OLE) {
        return Look::Ole;
    }
    if let Some(brand) = head.get(4..12).and_then(|tag| tag.strip_prefix(b"ftyp")) {
        return of_brand(brand, declared);
    }
    if head.starts_with(b"OggS") {
        return of_ogg(head);
    }
    if head.starts_with(b"%PDF-") {
        return Look::Is(Format::Pdf);
    }
    // Before anything that takes its first two letters for a script's.
    if head.starts_with(b"#!AMR\n") {
        return Look::Is(Format::Amr);
    }
    match infer::get(head).map(|found| found.mime_type()) {
        Some("image/jpeg") => Look::Is(Format::Jpeg),
        Some("image/png") => Look::Is(Format::Png),
        Some("image/gif") => Look::Is(Format::Gif),
        Some("image/webp") => Look::Is(Format::Webp),
        Some("video/webm") => Look::Is(Format::Webm),
        Some("video/x-msvideo") => Look::Is(Format::Avi),
        Some("audio/mpeg") => Look::Is(Format::Mp3),
        Some("audio/aac") => Look::Is(Format::Aac),
        Some("audio/x-wav") => Look::Is(Format::Wav),
        Some("text/html") => Look::Not("a web page"),
        Some("text/xml") => Look::Not("XML or SVG"),
        Some("text/x-shellscript") => Look::Not("a script"),
        Some(mime) => Look::Not(named(mime)),
        None => of_text(head, declared),
    }
}

/// Families that are refused, in words.
fn named(mime: &str) -> &'static str {
    match mime {
        _ if mime.contains("zip") || mime.contains("compress") || mime.contains("tar") || mime.contains("rar") => "an archive",
        "application/x-executable" | "application/vnd.microsoft.portable-executable" | "application/x-mach-binary" => "a program",
        "application/wasm" | "application/java" | "application/vnd.android.dex" | "application/x-llvm" => "a program",
        _ if mime.starts_with("image/") => "an image in a format no channel takes",
        _ if mime.starts_with("video/") => "a film in a format no channel takes",
        _ if mime.starts_with("audio/") => "sound in a format no channel takes",
        _ if mime.starts_with("font/") || mime.starts_with("application/font") => "a font",
        _ => "something no channel takes",
    }
}

/// ISO base media: the brand tells film from stills; sound and film share theirs.
fn of_brand(brand: &[u8], declared: &Declared) -> Look {
    match brand {
        b"M4A " | b"M4B " | b"F4A " => Look::Is(Format::M4a),
        b"qt  " => Look::Is(Format::Quicktime),
        _ if brand.starts_with(b"3gp") || brand.starts_with(b"3g2") => Look::Is(Format::ThreeGp),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => Look::Not("an image in HEIC"),
        b"avif" | b"avis" => Look::Not("an image in AVIF"),
        b"isom" | b"iso2" | b"iso3" | b"iso4" | b"iso5" | b"iso6" | b"mp41" | b"mp42" | b"avc1" | b"MSNV" | b"dash" | b"M4V "
        | b"M4VH" | b"M4VP" | b"mmp4" | b"f4v " => Look::Is(if declared.is_audio() { Format::M4a } else { Format::Mp4 }),
        _ => Look::Not("a film in a format no channel takes"),
    }
}

/// The first packet stands behind the page's head, which is 27 bytes and one per segment.
fn of_ogg(head: &[u8]) -> Look {
    let segments = head.get(26).copied().unwrap_or(0);
    let packet = head.get(27 + usize::from(segments)..).unwrap_or_default();
    if packet.starts_with(b"OpusHead") {
        Look::Is(Format::Opus)
    } else if packet.starts_with(b"\x80theora") {
        Look::Is(Format::OggVideo)
    } else {
        Look::Not("sound in a format no channel takes")
    }
}

/// Text is whatever is left and reads as UTF-8; but what a browser or a shell would run is not text.
fn of_text(head: &[u8], declared: &Declared) -> Look {
    let cut = head.len() == HEAD;
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The look may end in the middle of a letter.
        Err(error) if cut && error.error_len().is_none() => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default(),
        Err(_) => return Look::Not("bytes of no known format"),
    };
    let text = text.trim_start_matches('\u{FEFF}');
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{0C}')) {
        return Look::Not("bytes of no known format");
    }
    let start = text.trim_start();
    let lower = text.to_ascii_lowercase();
    if start.starts_with("<?php") || start.starts_with("#!") || start.to_ascii_lowercase().starts_with("@echo off") {
        return Look::Not("a script");
    }
    if ["<!doctype html", "<html", "<script", "<body", "<head>", "<iframe"].iter().any(|tag| lower.contains(tag)) {
        return Look::Not("a web page");
    }
    if start.starts_with('<') {
        return Look::Not("XML or SVG");
    }
    match (declared.extension(), declared.format()) {
        (_, Some(format @ (Format::Text | Format::Csv))) => Look::Is(format),
        // Something else is claimed, or a language a machine may run.
        (_, Some(_)) => Look::Not("plain text"),
        ("", None) if declared.mime.is_empty() || declared.mime.starts_with("application/octet-stream") => Look::Is(Format::Text),
        _ => Look::Not("text that is neither .txt nor .csv"),
    }
}

/// An office document among zips, by the names in its directory (at the end) or in the heads of its entries (at the start).
/// One with macros in it is a program. `None`: an archive, or another document.
pub fn in_zip(start: &[u8], end: &[u8]) -> Result<Format, &'static str> {
    let mut names = names_after(end, b"PK\x01\x02", 28, 46);
    if names.is_empty() {
        names = names_after(start, ZIP, 26, 30);
    }
    let has = |wanted: &dyn Fn(&[u8]) -> bool| names.iter().any(|name| wanted(name));
    // The second: Excel 4.0's, which are sheets.
    let is_macro = |name: &str| name.ends_with("vbaproject.bin") || name.starts_with("xl/macrosheets/");
    if has(&|name| is_macro(&String::from_utf8_lossy(name).to_lowercase())) {
        return Err("an office document with macros");
    }
    if !has(&|name| name == b"[Content_Types].xml") {
        return Err("an archive");
    }
    for (main, format) in
        [(&b"word/document.xml"[..], Format::Docx), (b"xl/workbook.xml", Format::Xlsx), (b"ppt/presentation.xml", Format::Pptx)]
    {
        if has(&|name| name == main) {
            return Ok(format);
        }
    }
    Err("an archive")
}

/// The names behind each `mark` in `bytes`: their length stands `length_at` bytes after its start, they themselves `name_at`.
fn names_after<'a>(bytes: &'a [u8], mark: &[u8], length_at: usize, name_at: usize) -> Vec<&'a [u8]> {
    let found = bytes.windows(mark.len()).enumerate().filter(|(_, window)| *window == mark);
    found
        .filter_map(|(at, _)| {
            let length = bytes.get(at + length_at..at + length_at + 2)?;
            bytes.get(at + name_at..at + name_at + usize::from(u16::from_le_bytes([length[0], length[1]])))
        })
        .collect()
}

#[cfg(test)]
#[path = "tests/sniff.rs"]
mod tests;
