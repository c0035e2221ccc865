//! Takes the place a picture was made at out of it, while it streams through: EXIF's GPS entries and XMP that speaks of GPS, in
//! JPEG, PNG and WebP. Metadata that makes no sense to us, or is too large to be looked into, may hold one and goes as a whole. It
//! never touches pixels, and never holds more than one segment. Pure.
//!
//! Maker's notes and films are left as they are.

use super::exif::{self, Cut};
use crate::room::Format;

/// Larger pieces of metadata are left out unread.
const MAX_HELD: usize = 1 << 20;
const XMP_JPEG: &[u8] = b"http://ns.adobe.com/";

const BREAKS_OFF: &str = "a picture that breaks off in what is told about it";

/// What was done about the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// There was none, or the format is none that is looked into.
    Nowhere,
    /// It is gone, or what may have held one.
    Removed,
}

impl Place {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nowhere => "none",
            Self::Removed => "removed",
        }
    }
}

/// Where in the format the stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    JpegStart,
    JpegMarker,
    JpegScan,
    JpegAfter,
    PngStart,
    PngChunk,
    WebpStart,
    WebpChunk,
    /// Nothing more is looked at.
    Rest,
}

/// What to do with the bytes at hand.
enum Next {
    /// Too few to tell.
    More,
    /// So many go on as they are, also those still to come.
    Pass(u64, Stand),
    /// So many are left out, also those still to come.
    Lose(u64, Stand),
    /// So many are needed at once, to look inside.
    Whole(usize, Stand),
}

/// What happens to the bytes that are passing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passing {
    On,
    /// Left out.
    Nowhere,
    /// As so many zeros: in a RIFF file the sizes before them are written already.
    Blank,
}

/// Of a piece of a RIFF file that means nothing.
const NOTHING: &[u8; 4] = b"JUNK";

/// One picture on its way.
pub struct Wash {
    stand: Stand,
    held: Vec<u8>,
    passing: u64,
    how: Passing,
    place: Place,
}

impl Wash {
    pub fn new(format: Format) -> Self {
        let stand = match format {
            Format::Jpeg => Stand::JpegStart,
            Format::Png => Stand::PngStart,
            Format::Webp => Stand::WebpStart,
            _ => Stand::Rest,
        };
        Self { stand, held: vec![], passing: 0, how: Passing::On, place: Place::Nowhere }
    }

    /// The next bytes; what may go on is added to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.stand == Stand::Rest && self.held.is_empty() {
            out.extend_from_slice(bytes);
            return;
        }
        let direct = usize::try_from(self.passing).unwrap_or(usize::MAX).min(bytes.len());
        self.passes(&bytes[..direct], out);
        self.passing -= direct as u64;
        self.held.extend_from_slice(&bytes[direct..]);
        let held = std::mem::take(&mut self.held);
        let mut at = 0;
        loop {
            let rest = &held[at..];
            let take = match self.next(rest) {
                Next::More => break,
                Next::Whole(size, _) if size > rest.len() => break,
                Next::Pass(size, stand) => {
                    let now = usize::try_from(size).unwrap_or(usize::MAX).min(rest.len());
                    (self.stand, self.passing, self.how) = (stand, size - now as u64, Passing::On);
                    out.extend_from_slice(&rest[..now]);
                    now
                }
                Next::Lose(size, stand) => {
                    let now = usize::try_from(size).unwrap_or(usize::MAX).min(rest.len());
                    self.loses(&rest[..now], out);
                    (self.stand, self.passing) = (stand, size - now as u64);
                    now
                }
                Next::Whole(size, stand) => {
                    self.look_into(&rest[..size], out);
                    self.stand = stand;
                    size
                }
            };
            at += take;
            if at == held.len() {
                break;
            }
        }
        self.held = held[at..].to_vec();
    }

    fn passes(&self, bytes: &[u8], out: &mut Vec<u8>) {
        match self.how {
            Passing::On => out.extend_from_slice(bytes),
            Passing::Nowhere => {}
            Passing::Blank => out.resize(out.len() + bytes.len(), 0),
        }
    }

    /// The beginning of a piece that nobody looks into; the rest of it goes the same way.
    fn loses(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        self.place = Place::Removed;
        if self.stand != Stand::WebpChunk {
            self.how = Passing::Nowhere;
            return;
        }
        self.how = Passing::Blank;
        out.extend_from_slice(NOTHING);
        out.extend_from_slice(&piece[4..8]);
        self.passes(&piece[8..], out);
    }

    /// The end: what was held back goes on as it is. `Err`: it ends in the middle of metadata, which may hold a place and cannot be
    /// looked into; what it is, for a sentence.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<Place, &'static str> {
        let held = std::mem::take(&mut self.held);
        match self.next(&held) {
            // Some writers save the last piece's padding.
            Next::Whole(size, _) if self.stand == Stand::WebpChunk && held.len() + 1 == size && held[4] % 2 == 1 => {
                self.look_into(&held, out);
            }
            Next::Whole(..) => return Err(BREAKS_OFF),
            _ => out.extend_from_slice(&held),
        }
        Ok(self.place)
    }

    fn next(&self, bytes: &[u8]) -> Next {
        let rest = Next::Pass(u64::MAX, Stand::Rest);
        let starts = |mark: &[u8]| bytes.len() >= mark.len() && bytes.starts_with(mark);
        match self.stand {
            Stand::Rest => rest,
            Stand::JpegStart | Stand::JpegAfter if bytes.len() < 2 => Next::More,
            Stand::JpegStart | Stand::JpegAfter if starts(&[0xFF, 0xD8]) => Next::Pass(2, Stand::JpegMarker),
            // A second picture may follow the first, with bytes of nothing between them.
            Stand::JpegAfter if bytes[0] == 0 => {
                let nothing = bytes.iter().take_while(|byte| **byte == 0).count();
                Next::Pass(nothing as u64, Stand::JpegAfter)
            }
            Stand::JpegStart | Stand::JpegAfter => rest,
            Stand::JpegMarker => jpeg_marker(bytes),
            Stand::JpegScan => jpeg_scan(bytes),
            Stand::PngStart if bytes.len() < 8 => Next::More,
            Stand::PngStart => Next::Pass(8, Stand::PngChunk),
            Stand::PngChunk => png_chunk(bytes),
            Stand::WebpStart if bytes.len() < 12 => Next::More,
            Stand::WebpStart => Next::Pass(12, Stand::WebpChunk),
            Stand::WebpChunk => webp_chunk(bytes),
        }
    }

    /// One piece of metadata, whole.
    fn look_into(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut piece = piece.to_vec();
        let cut = match self.stand {
            Stand::JpegMarker => in_jpeg(&mut piece[4..]),
            Stand::PngChunk => in_png(&mut piece),
            _ => in_webp(&mut piece),
        };
        match cut {
            Cut::Nothing => {}
            Cut::Done => self.place = Place::Removed,
            // Wherever it stands in there, it goes with all the rest.
            Cut::NotUnderstood => return self.loses(&piece, out),
        }
        out.append(&mut piece);
    }
}

fn jpeg_marker(bytes: &[u8]) -> Next {
    let rest = Next::Pass(u64::MAX, Stand::Rest);
    let [0xFF, marker, more @ ..] = bytes else {
        return if bytes.len() < 2 && bytes.first().is_none_or(|byte| *byte == 0xFF) { Next::More } else { rest };
    };
    match marker {
        0xFF => Next::Pass(1, Stand::JpegMarker),
        0x01 | 0xD0..=0xD8 => Next::Pass(2, Stand::JpegMarker),
        0xD9 => Next::Pass(2, Stand::JpegAfter),
        _ if more.len() < 2 => Next::More,
        _ => match u16::from_be_bytes([more[0], more[1]]) {
            0 | 1 => rest,
            length if *marker == 0xDA => Next::Pass(2 + u64::from(length), Stand::JpegScan),
            length if *marker == 0xE1 => Next::Whole(2 + usize::from(length), Stand::JpegMarker),
            length => Next::Pass(2 + u64::from(length), Stand::JpegMarker),
        },
    }
}

/// Coded pixels, up to the next real marker.
fn jpeg_scan(bytes: &[u8]) -> Next {
    let Some(at) = bytes.iter().position(|byte| *byte == 0xFF) else { return Next::Pass(bytes.len() as u64, Stand::JpegScan) };
    match bytes.get(at + 1) {
        None if at == 0 => Next::More,
        None => Next::Pass(at as u64, Stand::JpegScan),
        Some(0xFF) => Next::Pass(at as u64 + 1, Stand::JpegScan),
        Some(0x00 | 0xD0..=0xD7) => Next::Pass(at as u64 + 2, Stand::JpegScan),
        Some(_) => Next::Pass(at as u64, Stand::JpegMarker),
    }
}

fn png_chunk(bytes: &[u8]) -> Next {
    let Some(head) = bytes.first_chunk::<8>() else { return Next::More };
    let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize + 12;
    match &head[4..8] {
        b"eXIf" | b"tEXt" | b"zTXt" | b"iTXt" if size <= MAX_HELD => Next::Whole(size, Stand::PngChunk),
        b"eXIf" | b"tEXt" | b"zTXt" | b"iTXt" => Next::Lose(size as u64, Stand::PngChunk),
        b"IEND" => Next::Pass(size as u64, Stand::Rest),
        _ => Next::Pass(size as u64, Stand::PngChunk),
    }
}

fn webp_chunk(bytes: &[u8]) -> Next {
    let Some(head) = bytes.first_chunk::<8>() else { return Next::More };
    let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
    let size = 8 + size + size % 2;
    match &head[..4] {
        b"EXIF" | b"XMP " if size <= MAX_HELD => Next::Whole(size, Stand::WebpChunk),
        b"EXIF" | b"XMP " => Next::Lose(size as u64, Stand::WebpChunk),
        _ => Next::Pass(size as u64, Stand::WebpChunk),
    }
}

fn in_jpeg(body: &mut [u8]) -> Cut {
    if let Some(tiff) = body.strip_prefix_mut(b"Exif\0\0") {
        return exif::cut_gps(tiff);
    }
    if body.starts_with(XMP_JPEG)
        && let Some(end) = body.iter().position(|byte| *byte == 0)
    {
        return blank_if_gps(&mut body[end + 1..]);
    }
    Cut::Nothing
}

fn in_webp(chunk: &mut [u8]) -> Cut {
    let is_exif = chunk.starts_with(b"EXIF");
    match (is_exif, &mut chunk[8..]) {
        (true, [b'E', b'x', b'i', b'f', 0, 0, tiff @ ..]) => exif::cut_gps(tiff),
        (true, tiff) => exif::cut_gps(tiff),
        (false, text) => blank_if_gps(text),
    }
}

/// The same number of bytes, so that nothing behind them moves.
fn blank_if_gps(text: &mut [u8]) -> Cut {
    if !text.windows(3).any(|window| window == b"GPS") {
        return Cut::Nothing;
    }
    text.fill(b' ');
    Cut::Done
}

/// A PNG's pieces stand for themselves: one that cannot be looked into, and may hold a place, is left out whole.
fn in_png(chunk: &mut Vec<u8>) -> Cut {
    let end = chunk.len() - 4;
    if chunk[4..8] == *b"eXIf" {
        let cut = exif::cut_gps(&mut chunk[8..end]);
        if cut == Cut::Done {
            let sum = exif::crc32(&chunk[4..end]).to_be_bytes();
            chunk[end..].copy_from_slice(&sum);
        }
        return cut;
    }
    let body = &chunk[8..end];
    let keyword = body.split(|byte| *byte == 0).next().unwrap_or_default();
    let plain = chunk[4..8] == *b"iTXt" && body.get(keyword.len() + 1) == Some(&0);
    let speaks = body.windows(3).any(|window| window == b"GPS");
    let hidden = keyword.starts_with(b"Raw profile type") && !keyword.ends_with(b" icc") && !keyword.ends_with(b" iptc");
    if hidden || (keyword == b"XML:com.adobe.xmp" && (!plain || speaks)) {
        chunk.clear();
        return Cut::Done;
    }
    Cut::Nothing
}

trait StripPrefixMut {
    fn strip_prefix_mut(&mut self, prefix: &[u8]) -> Option<&mut [u8]>;
}

impl StripPrefixMut for [u8] {
    fn strip_prefix_mut(&mut self, prefix: &[u8]) -> Option<&mut [u8]> {
        if self.starts_with(prefix) { self.get_mut(prefix.len()..) } else { None }
    }
}

#[cfg(test)]
#[path = "tests/location.rs"]
mod tests;
