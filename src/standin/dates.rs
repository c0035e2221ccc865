//! Times as the vendor writes and reads them. Day first, never month first.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};

fn jakarta() -> TimeZone {
    TimeZone::fixed(Offset::constant(7))
}

/// As CRM records carry it: ISO, milliseconds, `+07:00`.
pub fn in_records(at: Timestamp) -> String {
    at.to_zoned(jakarta()).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}

/// As the CRM's `meta` carries it when the server that answered stands elsewhere.
pub fn in_utc_offset(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}

/// As the chat side and the control routes carry it: ISO, milliseconds, `Z`.
pub fn with_z(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// A date somebody sent, as it is read back; `None` when there is no such day.
/// ISO with or without time and offset, `DD-MM-YYYY` and `DD/MM/YYYY` are known.
pub fn read(text: &str) -> Option<String> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(in_records(at));
    }
    let at_start_of = |day: Date| day.to_zoned(jakarta()).ok().map(|at| in_records(at.timestamp()));
    if let Some(day) = day_first(text) {
        return at_start_of(day);
    }
    if !text.get(..4).is_some_and(|year| year.bytes().all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    if text.len() == 10 {
        return at_start_of(text.parse().ok()?);
    }
    let at: DateTime = text.parse().ok()?;
    at.to_zoned(jakarta()).ok().map(|at| in_records(at.timestamp()))
}

fn day_first(text: &str) -> Option<Date> {
    let separator = ['-', '/'].into_iter().find(|separator| text.as_bytes().get(2) == Some(&(*separator as u8)))?;
    let mut parts = text.split(separator);
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let sound = parts.next().is_none() && day.len() == 2 && month.len() == 2 && year.len() == 4;
    if !sound || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == separator as u8) {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_stands_first() {
        assert_eq!(read("10/01/2026").as_deref(), Some("2026-01-10T00:00:00.000+07:00"));
        assert_eq!(read("10-01-2026").as_deref(), Some("2026-01-10T00:00:00.000+07:00"));
        assert_eq!(read("2026-01-10").as_deref(), Some("2026-01-10T00:00:00.000+07:00"));
        assert_eq!(read("2026-01-10T09:30:00").as_deref(), Some("2026-01-10T09:30:00.000+07:00"));
        assert_eq!(read("2026-01-10T09:30:00.000+08:00").as_deref(), Some("2026-01-10T08:30:00.000+07:00"));
        assert_eq!(read("2026-01-10T09:30:00Z").as_deref(), Some("2026-01-10T16:30:00.000+07:00"));
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in
            ["01/13/2026", "31/02/2026", "2026-13-01", "2026-02-30", "1/2/2026", "10/01/26", "10/01-2026", "soon", "", "2026"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
