//! Dates as each kind of field wants them, and as reads give them (qontak-api.md 1.8). The day always stands before the month.

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};

/// Records carry Jakarta's offset.
fn jakarta() -> TimeZone {
    TimeZone::fixed(Offset::constant(7))
}

/// For the standard dates of a deal: ISO with offset.
pub fn iso(day: Date) -> String {
    day.strftime("%Y-%m-%dT00:00:00.000+07:00").to_string()
}

/// For a ticket's `due_date`: `DD-MM-YYYY`.
pub fn dashed(day: Date) -> String {
    day.strftime("%d-%m-%Y").to_string()
}

/// For custom Date fields: `DD/MM/YYYY`.
pub fn slashed(day: Date) -> String {
    day.strftime("%d/%m/%Y").to_string()
}

/// For custom Date time fields: ISO with offset; nothing else is known to be read right.
pub fn iso_time(at: DateTime) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.000+07:00").to_string()
}

/// What a model writes: `YYYY-MM-DD`, nothing else.
pub fn from_model(text: &str) -> Option<Date> {
    let dashed = text.len() == 10
        && text.bytes().enumerate().all(|(at, b)| if matches!(at, 4 | 7) { b == b'-' } else { b.is_ascii_digit() });
    if dashed { text.parse().ok() } else { None }
}

/// What a model writes for a day with a time: `YYYY-MM-DD`, `YYYY-MM-DDTHH:MM`, with seconds, or with an offset.
pub fn time_from_model(text: &str) -> Option<DateTime> {
    if let Some(day) = from_model(text) {
        return Some(day.at(0, 0, 0, 0));
    }
    let starts_with_day = text.get(..10).and_then(from_model).is_some();
    if !starts_with_day {
        return None;
    }
    match text.parse::<jiff::Timestamp>() {
        Ok(at) => Some(at.to_zoned(jakarta()).datetime()),
        Err(_) => text.parse().ok(),
    }
}

/// The day, in Jakarta, of whatever a read or one of our own writes shows.
pub fn day_of(text: &str) -> Option<Date> {
    let text = text.trim();
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at.to_zoned(jakarta()).date());
    }
    if matches!(text.as_bytes().get(2), Some(b'-' | b'/')) {
        let mut parts = text.get(..10)?.split(['-', '/']);
        let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
        return Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok();
    }
    text.get(..10)?.parse().ok()
}

/// A time of a record, in microseconds since 1970.
pub fn moment_of(text: &str) -> Option<i64> {
    text.trim().parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_field_gets_its_own_form_and_none_is_month_first() {
        let day = from_model("2026-01-10").unwrap();
        assert_eq!(iso(day), "2026-01-10T00:00:00.000+07:00");
        assert_eq!((dashed(day), slashed(day)), ("10-01-2026".into(), "10/01/2026".into()));
        assert_eq!(iso_time(time_from_model("2026-01-10T09:30").unwrap()), "2026-01-10T09:30:00.000+07:00");
        assert_eq!(iso_time(time_from_model("2026-01-10T09:30:00Z").unwrap()), "2026-01-10T16:30:00.000+07:00");
    }

    #[test]
    fn only_days_that_exist_are_taken_from_a_model() {
        for text in ["2026-02-30", "2026-13-01", "10-01-2026", "10/01/2026", "2026-1-1", "soon", "", "+026-01-01"] {
            assert_eq!(from_model(text), None, "{text}");
            assert_eq!(time_from_model(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_is_read_back_from_every_form() {
        let day = Some(jiff::civil::date(2026, 1, 10));
        for text in ["2026-01-10T00:00:00.000+07:00", "2026-01-09T17:00:00Z", "10-01-2026", "10/01/2026", "2026-01-10"] {
            assert_eq!(day_of(text), day, "{text}");
        }
        assert_eq!(day_of("soon"), None);
    }
}
