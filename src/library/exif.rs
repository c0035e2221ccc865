//! EXIF's own part of taking a place out of a picture: the GPS directory of a TIFF block. Everything is read and checked before
//! the first byte is changed, and the block keeps its length. Pure.

/// What was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    Nothing,
    Done,
    NotUnderstood,
}

const GPS_POINTER: u16 = 0x8825;
const ENTRY: usize = 12;

struct Tiff<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl Tiff<'_> {
    fn short(&self, at: usize) -> Option<u16> {
        let two = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.little { u16::from_le_bytes(two) } else { u16::from_be_bytes(two) })
    }

    fn long(&self, at: usize) -> Option<usize> {
        let four = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        usize::try_from(if self.little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) }).ok()
    }

    /// Where a directory's entries stand; the pointer to the next one follows them.
    fn entries(&self, directory: usize) -> Option<Vec<usize>> {
        let count = usize::from(self.short(directory)?);
        let first = directory.checked_add(2)?;
        let end = first.checked_add(count * ENTRY)?;
        self.long(end).map(|_| (0..count).map(|n| first + n * ENTRY).collect())
    }

    /// The bytes of an entry's value that do not stand in the entry itself.
    fn value_outside(&self, entry: usize) -> Option<std::ops::Range<usize>> {
        let each = match self.short(entry + 2)? {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 => 4,
            5 | 10 | 12 => 8,
            _ => return None,
        };
        let size = self.long(entry + 4)?.checked_mul(each)?;
        if size <= 4 {
            return Some(0..0);
        }
        let at = self.long(entry + 8)?;
        let end = at.checked_add(size)?;
        (end <= self.bytes.len()).then_some(at..end)
    }
}

/// What has to change: bytes to blank, and the entry of the first directory to leave out.
struct Plan {
    blank: Vec<std::ops::Range<usize>>,
    /// (the directory, how many entries it has, which one goes)
    entry: (usize, usize, usize),
    little: bool,
}

/// `Ok(None)`: there is no place in it.
fn plan(bytes: &[u8]) -> Option<Option<Plan>> {
    let little = match bytes.get(..4)? {
        [b'I', b'I', 42, 0] => true,
        [b'M', b'M', 0, 42] => false,
        _ => return None,
    };
    let tiff = Tiff { bytes, little };
    let directory = tiff.long(4)?;
    let entries = tiff.entries(directory)?;
    let mut pointers = vec![];
    for (index, entry) in entries.iter().enumerate() {
        if tiff.short(*entry)? == GPS_POINTER {
            pointers.push((index, *entry));
        }
    }
    let (index, entry) = match pointers.as_slice() {
        [] => return Some(None),
        [one] => *one,
        _ => return None,
    };
    let gps = tiff.long(entry + 8)?;
    let own = tiff.entries(gps)?;
    let mut blank = own.iter().map(|entry| tiff.value_outside(*entry)).collect::<Option<Vec<_>>>()?;
    blank.push(gps..gps + 2 + own.len() * ENTRY + 4);
    // What is blanked must not be the head or the first directory.
    let kept = directory..directory + 2 + entries.len() * ENTRY + 4;
    let touches = |range: &std::ops::Range<usize>| {
        !range.is_empty() && (range.start < 8 || (range.start < kept.end && kept.start < range.end))
    };
    if kept.start < 8 || blank.iter().any(touches) {
        return None;
    }
    Some(Some(Plan { blank, entry: (directory, entries.len(), index), little }))
}

/// Blanks the GPS directory and leaves its pointer out of the first one.
pub fn cut_gps(bytes: &mut [u8]) -> Cut {
    let plan = match plan(bytes) {
        None => return Cut::NotUnderstood,
        Some(None) => return Cut::Nothing,
        Some(Some(plan)) => plan,
    };
    for range in plan.blank {
        bytes[range].fill(0);
    }
    let (directory, count, index) = plan.entry;
    let (gone, end) = (directory + 2 + index * ENTRY, directory + 2 + count * ENTRY + 4);
    // The entries behind it move up, and with them the pointer to the next directory.
    bytes.copy_within(gone + ENTRY..end, gone);
    bytes[end - ENTRY..end].fill(0);
    let fewer = u16::try_from(count - 1).unwrap_or(0);
    bytes[directory..directory + 2].copy_from_slice(&if plan.little { fewer.to_le_bytes() } else { fewer.to_be_bytes() });
    Cut::Done
}

/// The check sum of PNG's chunks.
pub fn crc32(bytes: &[u8]) -> u32 {
    let one = |mut sum: u32, byte: &u8| {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { 0xEDB8_8320 ^ (sum >> 1) } else { sum >> 1 };
        }
        sum
    };
    !bytes.iter().fold(u32::MAX, one)
}
