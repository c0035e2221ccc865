//! The main stream of an old table (MS-XLS 2.1.7, 2.4): what its sheets are stands in records at its beginning. Excel 4.0 kept
//! macros as sheets. Pure.

use super::ole::MACROS;

/// `BoundSheet8`: where a sheet is, how it is shown, what it is, its name.
const SHEET: u16 = 0x0085;
/// Of those, the byte that says what it is, and what it says of a sheet of macros.
const KIND_AT: usize = 5;
const OF_MACROS: u8 = 1;
/// `FilePass`: what follows is encrypted.
const LOCKED: u16 = 0x002F;
/// `EOF` of the part about the whole.
const END: u16 = 0x000A;
/// Kind and length stand before a record's own bytes.
const HEAD: usize = 4;

/// What the workbook is instead of one that may be sent.
pub fn judged(workbook: &[u8]) -> Result<(), &'static str> {
    let (mut rest, mut names_sheets) = (workbook, false);
    while let [kind_low, kind_high, low, high, more @ ..] = rest {
        let (kind, length) = (u16::from_le_bytes([*kind_low, *kind_high]), usize::from(u16::from_le_bytes([*low, *high])));
        match kind {
            SHEET if more[..length.min(more.len())].get(KIND_AT) == Some(&OF_MACROS) => return Err(MACROS),
            // Also with the password that every copy of Excel tries by itself: whatever is in there, nobody looks into it.
            LOCKED => return Err("an office document under a password"),
            END => return Ok(()),
            _ => {
                names_sheets |= kind == SHEET;
                rest = rest.get(HEAD + length..).unwrap_or_default();
            }
        }
    }
    // What is looked at is the beginning; sheets stand there.
    if names_sheets || workbook.is_empty() { Ok(()) } else { Err("an office document that cannot be looked into") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u16, body: &[u8]) -> Vec<u8> {
        [&kind.to_le_bytes()[..], &u16::try_from(body.len()).unwrap().to_le_bytes(), body].concat()
    }

    fn sheet(kind: u8) -> Vec<u8> {
        record(SHEET, &[&[0, 1, 0, 0, 2, kind, 6, 0], &b"Macro1"[..]].concat())
    }

    #[test]
    fn a_sheet_of_macros_is_found_wherever_it_stands() {
        let begin = record(0x0809, &[0; 16]);
        let book = |sheets: &[Vec<u8>]| [&begin[..], &record(0x0031, &[7; 300]), &sheets.concat(), &record(END, &[])].concat();
        assert_eq!(judged(&book(&[sheet(0), sheet(2)])), Ok(()), "a table and a chart");
        assert_eq!(judged(&book(&[sheet(0), sheet(1)])), Err(MACROS));
        assert_eq!(judged(&book(&[record(LOCKED, &[0; 54]), sheet(0)])), Err("an office document under a password"));
        // What stands behind the end, or is cut, is no record of the whole.
        assert_eq!(judged(&[book(&[sheet(0)]), sheet(1)].concat()), Ok(()));
        let whole = book(&[sheet(1)]);
        for end in 0..whole.len() {
            let _ = judged(&whole[..end]);
        }
        assert_eq!(judged(&[]), Ok(()));
        assert!(judged(&[begin, record(0x0031, &[7; 300]).repeat(9)].concat()).is_err(), "no sheets as far as one looks");
    }
}
