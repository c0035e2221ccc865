//! Lists in pages: `limit`, `cursor`, `page.next`. A cursor is signed and bound to company, list and filter; it must never be
//! usable for anything but the next page of the same list.

use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{Kind, Problem};
use super::visit::Visit;

/// Query parameters of every list.
pub const PAGE: [&str; 2] = ["limit", "cursor"];

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;
/// Bytes of the signature.
const TAG: usize = 8;

/// One page of a list.
#[derive(Serialize)]
pub struct List<T> {
    pub data: Vec<T>,
    pub page: Page,
}

#[derive(Serialize, ToSchema)]
pub struct Page {
    /// The `cursor` of the next page; null at the end.
    pub next: Option<String>,
}

/// What a request asks of a list.
pub struct Turn {
    pub limit: usize,
    /// Where the last page ended, as `next` was told.
    pub after: Option<Vec<u8>>,
    scope: Vec<u8>,
    key: [u8; 32],
}

impl Turn {
    /// `list` and the query parameters named in `filters` are what the cursor is bound to.
    pub fn of(visit: &Visit, list: &str, filters: &[&str]) -> Result<Self, Problem> {
        let mut scope = visit.key.company.0.to_le_bytes().to_vec();
        for part in std::iter::once(Some(list)).chain(filters.iter().map(|name| visit.query(name))) {
            scope.extend_from_slice(&part.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
            scope.extend_from_slice(part.unwrap_or_default().as_bytes());
        }
        let key = blake3::derive_key("bellhop 2026 list cursors", &visit.api.pepper.0);
        let limit = limit(visit.query("limit"))?;
        let mut turn = Self { limit, after: None, scope, key };
        turn.after = visit.query("cursor").map(|text| turn.read(text)).transpose()?;
        Ok(turn)
    }

    /// How many rows to ask for: one more than are shown, to know whether there are more.
    pub fn ask(&self) -> i64 {
        i64::try_from(self.limit + 1).unwrap_or(i64::MAX)
    }

    /// Where the last page ended, as a number.
    pub fn after_number(&self) -> Result<Option<i64>, Problem> {
        let number = |bytes: &Vec<u8>| <[u8; 8]>::try_from(bytes.as_slice()).map(i64::from_le_bytes).map_err(|_| bad_cursor());
        self.after.as_ref().map(number).transpose()
    }

    /// The same of a list whose places are two numbers.
    pub fn after_numbers(&self) -> Result<Option<[i64; 2]>, Problem> {
        let numbers = |bytes: &Vec<u8>| {
            let (first, second) = bytes.split_first_chunk::<8>()?;
            Some([i64::from_le_bytes(*first), i64::from_le_bytes(second.try_into().ok()?)])
        };
        self.after.as_ref().map(|bytes| numbers(bytes).ok_or_else(bad_cursor)).transpose()
    }

    /// Cuts the rows to the page; `place` is where a row stands in the order of the list.
    pub fn page<R, T>(&self, mut rows: Vec<R>, place: impl Fn(&R) -> Vec<u8>, view: impl FnMut(R) -> T) -> List<T> {
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next = rows.last().filter(|_| more).map(|last| self.write(&place(last)));
        List { data: rows.into_iter().map(view).collect(), page: Page { next } }
    }

    fn tag(&self, place: &[u8]) -> [u8; TAG] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&(self.scope.len() as u64).to_le_bytes());
        hasher.update(&self.scope);
        hasher.update(place);
        let mut tag = [0; TAG];
        tag.copy_from_slice(&hasher.finalize().as_bytes()[..TAG]);
        tag
    }

    fn write(&self, place: &[u8]) -> String {
        BASE64URL_NOPAD.encode(&[&self.tag(place), place].concat())
    }

    fn read(&self, text: &str) -> Result<Vec<u8>, Problem> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| bad_cursor())?;
        let (tag, place) = bytes.split_at_checked(TAG).ok_or_else(bad_cursor)?;
        if tag == self.tag(place) { Ok(place.to_vec()) } else { Err(bad_cursor()) }
    }
}

pub fn bad_cursor() -> Problem {
    Problem::new(Kind::InvalidParameter, "The cursor is not one of this list with these filters; take it from page.next.")
}

fn limit(text: Option<&str>) -> Result<usize, Problem> {
    let Some(text) = text else { return Ok(DEFAULT_LIMIT) };
    match text.parse() {
        Ok(limit @ 1..=MAX_LIMIT) if !text.starts_with('+') => Ok(limit),
        _ => Err(Problem::new(Kind::InvalidParameter, format!("limit is a whole number from 1 to {MAX_LIMIT}."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(scope: &[u8]) -> Turn {
        Turn { limit: 2, after: None, scope: scope.to_vec(), key: [7; 32] }
    }

    #[test]
    fn a_cursor_belongs_to_its_list() {
        let cursor = turn(b"rooms").write(&42_i64.to_le_bytes());
        assert_eq!(turn(b"rooms").read(&cursor).unwrap(), 42_i64.to_le_bytes());
        assert!(turn(b"calls").read(&cursor).is_err());
        for at in 0..cursor.len() {
            let mut tampered = cursor.clone().into_bytes();
            tampered[at] = if tampered[at] == b'A' { b'B' } else { b'A' };
            assert!(turn(b"rooms").read(&String::from_utf8(tampered).unwrap()).is_err(), "byte {at}");
        }
        for nonsense in ["", "AAAA", "not base64!", "é"] {
            assert_eq!(turn(b"rooms").read(nonsense).unwrap_err().code(), "invalid_parameter");
        }
    }

    #[test]
    fn a_page_ends_with_null() {
        let place = |row: &i64| row.to_le_bytes().to_vec();
        let first = turn(b"x").page(vec![1, 2, 3], place, |row| row);
        assert_eq!(first.data, [1, 2]);
        assert_eq!(turn(b"x").read(&first.page.next.unwrap()).unwrap(), 2_i64.to_le_bytes());
        let last = turn(b"x").page(vec![1, 2], place, |row| row);
        assert_eq!((last.data.len(), last.page.next), (2, None));
    }

    #[test]
    fn limits() {
        assert_eq!(limit(None).unwrap(), 50);
        assert_eq!(limit(Some("200")).unwrap(), 200);
        for bad in ["0", "-1", "201", "1e9", "", "+5", "99999999999999999999999"] {
            assert!(limit(Some(bad)).is_err(), "{bad}");
        }
    }
}
