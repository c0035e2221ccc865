//! A picture made by hand, so that the demo has a real one to send: a small map, as PNG without compression.

const WIDE: u32 = 96;
const HIGH: u32 = 64;

/// The colour at a place: a river through fields, and where we are.
fn colour(x: u32, y: u32) -> [u8; 3] {
    let river = x.abs_diff(y + 16) < 5;
    let here = x.abs_diff(30) < 4 && y.abs_diff(40) < 4;
    match (here, river) {
        (true, _) => [200, 30, 40],
        (_, true) => [70, 130, 220],
        _ if (x / 12 + y / 12).is_multiple_of(2) => [150, 200, 120],
        _ => [130, 185, 105],
    }
}

/// One part of the file, with its length before it and its checksum behind.
fn chunk(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let inner = [&kind[..], body].concat();
    let length = u32::try_from(body.len()).unwrap_or(0).to_be_bytes();
    [&length[..], &inner, &crc32(&inner).to_be_bytes()].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

fn adler32(bytes: &[u8]) -> u32 {
    let (low, high) = bytes.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}

/// The bytes of the file.
pub fn png() -> Vec<u8> {
    let line = |y: u32| std::iter::once(0).chain((0..WIDE).flat_map(move |x| colour(x, y)));
    let pixels: Vec<u8> = (0..HIGH).flat_map(line).collect();
    // One stored block holds them all.
    let length = u16::try_from(pixels.len()).unwrap_or(u16::MAX);
    let packed =
        [&[0x78, 0x01, 0x01][..], &length.to_le_bytes(), &(!length).to_le_bytes(), &pixels, &adler32(&pixels).to_be_bytes()];
    let head = [&WIDE.to_be_bytes()[..], &HIGH.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let parts = [chunk(*b"IHDR", &head), chunk(*b"IDAT", &packed.concat()), chunk(*b"IEND", &[])].concat();
    [&b"\x89PNG\r\n\x1a\n"[..], &parts].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_checksums_are_right() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11E6_0398);
        assert_eq!(png().len(), 8 + 25 + 12 + 11 + (1 + 3 * 96) * 64 + 12);
    }
}
