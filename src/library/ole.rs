//! Old office documents (OLE2, as Microsoft's MS-CFB describes it): which they are stands in a directory of streams, whose pieces
//! lie anywhere in the file. One with macros in it is a program. Reads only the directory, but of presentations and tables, which
//! keep macros elsewhere too. **Invariant:** no chain that leads in a circle is followed for ever.

use bytes::Bytes;
use futures_util::StreamExt;

use super::blobs::Whole;
use super::refused::Refused;
use super::xls;
use crate::room::Format;

/// Largest directory that is read: about 4,000 streams.
const MOST_PIECES: usize = 1_024;
/// Pieces of the table of tables; a file of 200 MB has 25.
const MOST_TABLES: usize = 256;
/// Places in the table of tables that stand in the head.
const IN_HEAD: usize = 109;
/// Behind the last sector of a chain.
const END: u32 = 0xFFFF_FFFE;
/// From here on a sector's number means something else.
const FIRST_SPECIAL: u32 = 0xFFFF_FFFA;
const ENTRY: usize = 128;
const UNKNOWN: &str = "something no channel takes";
pub(super) const MACROS: &str = "an office document with macros";
/// Streams smaller than this lie in a stream of their own for small ones, in pieces of `SMALL`.
const SMALL_BELOW: usize = 4_096;
const SMALL: usize = 64;
/// So much of a table's main stream is looked at: its sheets are named long before.
const MOST_LOOKED_AT: usize = 1 << 20;
/// Storages and streams that hold macros: of a text, of a table, and what is in either.
const HOLD_MACROS: [&str; 4] = ["Macros", "_VBA_PROJECT_CUR", "VBA", "_VBA_PROJECT"];
/// How a presentation says whether it has macros: the heads of `VBAInfoContainer` and of its atom (MS-PPT 2.4.10) …
const PPT_MACROS: [u8; 16] = [0x1F, 0, 0xFF, 3, 0x14, 0, 0, 0, 2, 0, 0, 4, 0x0C, 0, 0, 0];
/// … of which the yes or no stands so far behind the beginning.
const PPT_FLAG: usize = 20;

/// What the file is, or what it is instead.
pub async fn told(whole: &Whole, head: &[u8]) -> Result<Result<Format, &'static str>, Refused> {
    let Some(sectors) = Sectors::of(head) else { return Ok(Err(UNKNOWN)) };
    let Some(directory) = sectors.chain(whole, sectors.directory, MOST_PIECES).await? else { return Ok(Err(UNKNOWN)) };
    Ok(match named(&directory) {
        Ok(Format::Ppt) if has_ppt_macros(whole).await? => Err(MACROS),
        Ok(Format::Xls) => match sectors.beginning_of(whole, &directory, "Workbook").await? {
            Some(workbook) => xls::judged(&workbook).map(|()| Format::Xls),
            None => Err(UNKNOWN),
        },
        told => told,
    })
}

/// By the names of its streams.
fn named(directory: &[u8]) -> Result<Format, &'static str> {
    let names: Vec<String> = directory.chunks_exact(ENTRY).filter_map(name).collect();
    let has = |wanted: &str| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
    if HOLD_MACROS.iter().any(|name| has(name)) {
        return Err(MACROS);
    }
    let known = [("WordDocument", Format::Doc), ("Workbook", Format::Xls), ("PowerPoint Document", Format::Ppt)];
    known.into_iter().find(|(name, _)| has(name)).map(|(_, format)| format).ok_or(UNKNOWN)
}

/// `None`: the place is empty.
fn name(entry: &[u8]) -> Option<String> {
    let used = matches!(entry[66], 1 | 2 | 5);
    let length = usize::from(u16::from_le_bytes([entry[64], entry[65]])).checked_sub(2).filter(|length| *length <= 62)?;
    let wide: Vec<u16> = entry[..length].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    used.then(|| String::from_utf16_lossy(&wide))
}

/// A number in this place.
fn long(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

/// Where the parts of a file stand.
struct Sectors {
    size: u64,
    /// The directory's first one.
    directory: u32,
    /// Those of the table that says which follows which; more of them stand in `more`.
    tables: Vec<u32>,
    more: u32,
    /// The first one of the table for small pieces.
    small: u32,
}

impl Sectors {
    /// `None`: the head makes no sense.
    fn of(head: &[u8]) -> Option<Self> {
        let size = match head.get(30..32)? {
            [9, 0] => 512,
            [12, 0] => 4_096,
            _ => return None,
        };
        let tables = (0..IN_HEAD).map(|n| long(head, 76 + 4 * n)).collect::<Option<Vec<u32>>>()?;
        Some(Self { size, directory: long(head, 48)?, tables, more: long(head, 68)?, small: long(head, 60)? })
    }

    const fn at(&self, sector: u32) -> u64 {
        (sector as u64 + 1) * self.size
    }

    /// A stream's first bytes; `None`: its chain leads nowhere. One that has no bytes is empty.
    async fn beginning_of(&self, whole: &Whole, directory: &[u8], stream: &str) -> Result<Option<Vec<u8>>, Refused> {
        let is_it = |entry: &&[u8]| name(entry).is_some_and(|name| name.eq_ignore_ascii_case(stream));
        let place = |entry: &[u8]| Some((long(entry, 116)?, usize::try_from(long(entry, 120)?).ok()?));
        let Some((first, size)) = directory.chunks_exact(ENTRY).find(is_it).and_then(place) else { return Ok(None) };
        if size == 0 {
            return Ok(Some(vec![]));
        }
        let each = usize::try_from(self.size).unwrap_or(SMALL_BELOW);
        if size >= SMALL_BELOW {
            let wanted = size.min(MOST_LOOKED_AT);
            return self.beginning(whole, first, wanted.div_ceil(each)).await.map(|bytes| bytes.map(|bytes| cut(bytes, wanted)));
        }
        let Some((root, length)) = directory.chunks_exact(ENTRY).next().and_then(place) else { return Ok(None) };
        let small = self.beginning(whole, root, length.min(MOST_LOOKED_AT).div_ceil(each)).await?;
        let table = self.chain(whole, self.small, MOST_PIECES).await?;
        let (Some(small), Some(table)) = (small, table) else { return Ok(None) };
        let (mut bytes, mut piece) = (vec![], first);
        while bytes.len() < size {
            let at = usize::try_from(piece).unwrap_or(usize::MAX).saturating_mul(SMALL);
            let Some(part) = small.get(at..at.saturating_add(SMALL)) else { return Ok(None) };
            bytes.extend_from_slice(part);
            let Some(next) = long(&table, at / SMALL * 4) else { return Ok(None) };
            piece = next;
        }
        Ok(Some(cut(bytes, size)))
    }

    /// All bytes of a chain; `None`: it leads nowhere, or has more pieces.
    async fn chain(&self, whole: &Whole, first: u32, most: usize) -> Result<Option<Vec<u8>>, Refused> {
        Ok(self.followed(whole, first, most).await?.filter(|(_, ended)| *ended).map(|(bytes, _)| bytes))
    }

    /// The first pieces of a chain, or all there are; `None`: it leads nowhere.
    async fn beginning(&self, whole: &Whole, first: u32, pieces: usize) -> Result<Option<Vec<u8>>, Refused> {
        Ok(self.followed(whole, first, pieces).await?.map(|(bytes, _)| bytes))
    }

    /// So many pieces of a chain, and whether that is all of it.
    async fn followed(&self, whole: &Whole, first: u32, most: usize) -> Result<Option<(Vec<u8>, bool)>, Refused> {
        let Some(tables) = self.all_tables(whole).await? else { return Ok(None) };
        let each = self.size / 4;
        let (mut sectors, mut sector, mut held) = (vec![], first, None::<(u32, Bytes)>);
        while sectors.len() < most && sector != END {
            let table = tables.get(usize::try_from(u64::from(sector) / each).unwrap_or(usize::MAX)).copied();
            let Some(table) = table.filter(|table| *table < FIRST_SPECIAL && sector < FIRST_SPECIAL) else { return Ok(None) };
            sectors.push(sector);
            let piece = match held.take().filter(|(at, _)| *at == table) {
                Some((_, piece)) => piece,
                None => whole.part(self.at(table), self.size).await?,
            };
            let Some(next) = long(&piece, usize::try_from(u64::from(sector) % each * 4).unwrap_or(usize::MAX)) else {
                return Ok(None);
            };
            (sector, held) = (next, Some((table, piece)));
        }
        let mut bytes = vec![];
        for run in sectors.chunk_by(|one, next| *next == one + 1) {
            bytes.extend_from_slice(&whole.part(self.at(run[0]), self.size * run.len() as u64).await?);
        }
        Ok(Some((bytes, sector == END)))
    }

    async fn all_tables(&self, whole: &Whole) -> Result<Option<Vec<u32>>, Refused> {
        let (mut all, mut more) = (self.tables.clone(), self.more);
        let each = usize::try_from(self.size / 4).unwrap_or_default() - 1;
        for _ in 0..MOST_TABLES {
            if more >= FIRST_SPECIAL {
                return Ok(Some(all));
            }
            let piece = whole.part(self.at(more), self.size).await?;
            let Some(next) = long(&piece, 4 * each) else { return Ok(None) };
            all.extend((0..each).filter_map(|n| long(&piece, 4 * n)));
            more = next;
        }
        Ok(None)
    }
}

fn cut(mut bytes: Vec<u8>, length: usize) -> Vec<u8> {
    bytes.truncate(length);
    bytes
}

async fn has_ppt_macros(whole: &Whole) -> Result<bool, Refused> {
    let mut pieces = whole.pieces().await?;
    let mut held: Vec<u8> = vec![];
    while let Some(piece) = pieces.next().await {
        held.extend_from_slice(&piece?);
        let says = |window: &[u8]| window.starts_with(&PPT_MACROS) && window[PPT_FLAG..].iter().any(|byte| *byte != 0);
        if held.windows(PPT_FLAG + 4).any(says) {
            return Ok(true);
        }
        let kept = held.len().saturating_sub(PPT_FLAG + 3);
        held.drain(..kept);
    }
    Ok(false)
}
