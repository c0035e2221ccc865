//! Files made by hand, small and in order.

use super::exif::crc32;

pub fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
    [&[0xFF, marker], &length[..], body].concat()
}

/// A JPEG with these segments behind its first one.
pub fn jpeg_with(segments: &[Vec<u8>]) -> Vec<u8> {
    let scan = [0x12, 0xFF, 0x00, 0x34, 0xFF, 0xD0, 0x56, 0xFF, 0xFF, 0x00, 0x78];
    let more = segments.concat();
    let app0 = segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    [&[0xFF, 0xD8], &app0[..], &more, &segment(0xDB, &[7; 65]), &segment(0xDA, &[1; 10]), &scan, &[0xFF, 0xD9]].concat()
}

pub fn jpeg() -> Vec<u8> {
    jpeg_with(&[])
}

pub fn chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let inner = [&kind[..], body].concat();
    [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], &inner, &crc32(&inner).to_be_bytes()].concat()
}

/// A PNG with these chunks before its pixels.
pub fn png_with(chunks: &[Vec<u8>]) -> Vec<u8> {
    let start = b"\x89PNG\r\n\x1a\n".to_vec();
    let head = chunk(b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]);
    let pixels = chunk(b"IDAT", &[0x78, 0x9c, 0x63, 0, 0, 0, 1, 0, 1]);
    [start, head, chunks.concat(), pixels, chunk(b"IEND", b"")].concat()
}

pub fn png() -> Vec<u8> {
    png_with(&[])
}

/// A WebP with these chunks behind its pixels.
pub fn webp_with(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let part = |(kind, body): &(&[u8; 4], Vec<u8>)| {
        let padding = vec![0; body.len() % 2];
        [&kind[..], &u32::try_from(body.len()).unwrap().to_le_bytes(), body, &padding].concat()
    };
    let pixels = part(&(b"VP8L", vec![0x2f, 0, 0, 0, 0]));
    let body = [pixels, chunks.iter().flat_map(part).collect()].concat();
    [&b"RIFF"[..], &u32::try_from(body.len() + 4).unwrap().to_le_bytes(), b"WEBP", &body].concat()
}

/// The head of one stored entry of a zip.
pub fn entry(name: &str) -> Vec<u8> {
    let mut head = b"PK\x03\x04".to_vec();
    head.resize(26, 0);
    head.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
    head.extend([0, 0]);
    [head, name.as_bytes().to_vec()].concat()
}

/// As a word processor writes it: the main part behind the types, the directory at the end.
pub fn docx() -> Vec<u8> {
    let names = ["[Content_Types].xml", "_rels/.rels", "word/document.xml"];
    let mut file: Vec<u8> = names.iter().flat_map(|name| [entry(name), vec![b'x'; 3_000]].concat()).collect();
    for name in names {
        let mut head = b"PK\x01\x02".to_vec();
        head.resize(28, 0);
        head.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        head.resize(46, 0);
        file.extend([head, name.as_bytes().to_vec()].concat());
    }
    [file, b"PK\x05\x06".to_vec(), vec![0; 18]].concat()
}

/// A TIFF block with orientation, a GPS directory (when wanted) and a pointer to a second directory.
pub fn tiff(little: bool, gps: bool) -> Vec<u8> {
    let short = |value: u16| if little { value.to_le_bytes() } else { value.to_be_bytes() };
    let long = |value: u32| if little { value.to_le_bytes() } else { value.to_be_bytes() };
    let entry =
        |tag: u16, kind: u16, count: u32, value: u32| [&short(tag)[..], &short(kind), &long(count), &long(value)].concat();
    let mut first = vec![entry(0x010F, 2, 4, 0x4141_4100), entry(0x0112, 4, 1, 6)];
    let count = if gps { 4 } else { 3 };
    let behind = 8 + 2 + count * 12 + 4;
    if gps {
        first.push(entry(0x8825, 4, 1, behind));
    }
    first.push(entry(0xA000, 4, 1, 99));
    let head = if little { b"II*\0" } else { b"MM\0*" };
    let own = [entry(1, 2, 2, 0x5300_0000), entry(2, 5, 3, behind + 2 + 24 + 4)].concat();
    let place = [&short(2)[..], &own, &long(0), b"52-31-12.024-LATITUDE-HR"].concat();
    let count = u16::try_from(count).unwrap();
    let directory = [&short(count)[..], &first.concat(), &long(0x7777)].concat();
    [&head[..], &long(8), &directory, if gps { &place } else { &[] }, b"TAIL"].concat()
}

/// An old office document with these streams: its directory in pieces of four, each behind the next one in the file.
pub fn ole(names: &[&str]) -> Vec<u8> {
    let entry = |name: &str, kind: u8| {
        let mut entry = vec![0; 128];
        let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        entry[..wide.len()].copy_from_slice(&wide);
        entry[64] = u8::try_from(wide.len() + 2).unwrap();
        entry[66] = kind;
        entry
    };
    let all: Vec<Vec<u8>> = [entry("Root Entry", 5)].into_iter().chain(names.iter().map(|name| entry(name, 2))).collect();
    let mut pieces: Vec<Vec<u8>> = all.chunks(4).map(<[Vec<u8>]>::concat).collect();
    pieces.iter_mut().for_each(|piece| piece.resize(512, 0));
    // Sector 0 is the table of sectors; the directory's first piece is the last sector.
    let last = u32::try_from(pieces.len()).unwrap();
    let mut table = vec![0xFF; 512];
    for sector in 1..=last {
        let next = if sector == 1 { 0xFFFF_FFFE } else { sector - 1 };
        let at = 4 * sector as usize;
        table[at..at + 4].copy_from_slice(&u32::to_le_bytes(next));
    }
    let mut head = vec![0; 512];
    head[..8].copy_from_slice(&[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]);
    (head[30], head[44]) = (9, 1);
    head[48..52].copy_from_slice(&last.to_le_bytes());
    head[68..72].copy_from_slice(&0xFFFF_FFFE_u32.to_le_bytes());
    head[76..].fill(0xFF);
    head[76..80].fill(0);
    pieces.reverse();
    [head, table, pieces.concat()].concat()
}
