//! Which part of a file is asked for (RFC 9110 section 14): players of films ask for little of a large file. One part an answer;
//! what cannot be read, or asks for several, is answered with the whole, as the RFC allows.

use std::ops::Range;

use actix_web::http::header::{HeaderMap, IF_RANGE, RANGE};

/// What the answer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    Whole,
    Part(Range<u64>),
    /// It begins behind the end.
    Nothing,
}

/// `etag`: the file's own, with its quotation marks; a part of another file is no part of this one.
pub fn wanted(headers: &HeaderMap, size: u64, etag: &str) -> Wanted {
    let mut given = headers.get_all(RANGE);
    let (Some(range), None) = (given.next(), given.next()) else { return Wanted::Whole };
    if headers.get(IF_RANGE).is_some_and(|condition| condition.as_bytes() != etag.as_bytes()) {
        return Wanted::Whole;
    }
    range.to_str().ok().and_then(|text| part(text, size)).unwrap_or(Wanted::Whole)
}

/// `None`: it is not one range of bytes.
fn part(text: &str, size: u64) -> Option<Wanted> {
    let (unit, set) = text.split_once('=')?;
    let (from, to) = set.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return None;
    }
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().unwrap_or(u64::MAX));
    let range = match (from, to) {
        ("", "") => return None,
        ("", last) => size.saturating_sub(number(last)?)..size,
        (from, "") => number(from)?..size,
        (from, to) => {
            let (from, to) = (number(from)?, number(to)?);
            if to < from {
                return None;
            }
            from..to.saturating_add(1).min(size)
        }
    };
    Some(if range.is_empty() { Wanted::Nothing } else { Wanted::Part(range) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn of(headers: &[(&'static str, &str)]) -> Wanted {
        let mut request = TestRequest::default();
        for header in headers {
            request = request.append_header(*header);
        }
        wanted(request.to_http_request().headers(), 100, "\"e\"")
    }

    #[test]
    fn one_range_is_a_part_and_what_is_odd_is_the_whole() {
        for (text, range) in [
            ("bytes=0-9", 0..10),
            ("bytes=90-", 90..100),
            ("bytes=-10", 90..100),
            ("bytes=-1000", 0..100),
            ("Bytes=99-99999999999999999999999", 99..100),
        ] {
            assert_eq!(of(&[("range", text)]), Wanted::Part(range), "{text}");
        }
        for text in ["bytes=100-", "bytes=-0", "bytes=99999999999999999999-"] {
            assert_eq!(of(&[("range", text)]), Wanted::Nothing, "{text}");
        }
        for text in ["bytes=9-0", "bytes=-", "bytes=0-1,5-6", "lines=0-1", "bytes", "bytes=a-b", "bytes=+1-2", "bytes=0-1-2"] {
            assert_eq!(of(&[("range", text)]), Wanted::Whole, "{text}");
        }
        assert_eq!(of(&[]), Wanted::Whole);
        assert_eq!(of(&[("range", "bytes=0-1"), ("range", "bytes=2-3")]), Wanted::Whole);
    }

    #[test]
    fn a_part_of_another_file_is_not_given() {
        assert_eq!(of(&[("range", "bytes=0-9"), ("if-range", "\"e\"")]), Wanted::Part(0..10));
        assert_eq!(of(&[("range", "bytes=0-9"), ("if-range", "\"f\"")]), Wanted::Whole);
        assert_eq!(of(&[("range", "bytes=0-9"), ("if-range", "Sat, 29 Oct 1994 19:43:31 GMT")]), Wanted::Whole);
    }
}
