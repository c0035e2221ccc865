//! When a division is open: a week of intervals in a time zone, dates that are closed and dates that are open otherwise. Pure:
//! time is an argument and the zones are those compiled in, so that every machine says the same. Must never read the system's.
//!
//! An interval does not cross midnight: it ends at `24:00` at the latest and a night shift stands on both its days, so that a
//! closed date closes exactly its own day. What an interval means in a night when clocks change is told by its two ends.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use super::ids::Timestamp;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Intervals of one day.
const MOST_A_DAY: usize = 8;
/// Closed dates, and special dates, at most so many each.
const MOST_DATES: usize = 400;
/// Who does not open within so many days does not open.
const LOOK_AHEAD_DAYS: i32 = 400;
const DAY_MINUTES: u16 = 24 * 60;

/// `["09:00", "17:30"]`: from the first minute on, until before the second.
pub type Interval = [String; 2];

/// As it is asked for and stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// IANA name, as `Asia/Jakarta`.
    pub zone: String,
    /// Intervals by `mon` to `sun`, at most 8 a day, in order; a day left out is closed. `24:00` is the end of a day, and no
    /// interval crosses it: a night shift stands on both its days.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Vec<Vec<String>>>)]
    pub week: BTreeMap<String, Vec<Interval>>,
    /// Dates on which it is closed all day, at most 400.
    #[serde(default)]
    pub closed: Vec<String>,
    /// Dates with other intervals than their weekday's, at most 400.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Vec<Vec<String>>>)]
    pub open: BTreeMap<String, Vec<Interval>>,
}

/// Why it cannot be kept; both texts are ours alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadHours {
    /// `zone`, `week`, `closed` or `open`.
    pub field: &'static str,
    pub rule: &'static str,
}

impl Hours {
    /// Whether all of it can be understood.
    pub fn check(&self) -> Result<(), BadHours> {
        let bad = |field, rule| Err(BadHours { field, rule });
        if self.zone.len() > 60 || self.tz().is_none() {
            return bad("zone", "It must be the name of a time zone, as Asia/Jakarta.");
        }
        if self.week.keys().any(|day| !WEEK.iter().any(|(name, _)| name == day)) {
            return bad("week", "Its days are mon, tue, wed, thu, fri, sat and sun.");
        }
        if !self.week.values().all(|day| are_in_order(day)) {
            return bad("week", INTERVALS);
        }
        if self.closed.len() > MOST_DATES || self.open.len() > MOST_DATES {
            return bad(if self.open.len() > MOST_DATES { "open" } else { "closed" }, "It may name at most 400 dates.");
        }
        if self.closed.iter().any(|text| date(text).is_none()) {
            return bad("closed", "A date is written as 2026-12-25.");
        }
        if self.open.keys().any(|text| date(text).is_none()) {
            return bad("open", "A date is written as 2026-12-25.");
        }
        if !self.open.values().all(|day| are_in_order(day)) {
            return bad("open", INTERVALS);
        }
        if self.closed.iter().any(|text| self.open.contains_key(text)) {
            return bad("closed", "A date cannot be closed and open.");
        }
        Ok(())
    }

    pub fn is_open(&self, at: Timestamp) -> bool {
        let Some(zone) = self.tz() else { return true };
        let today = local_date(&zone, at);
        self.of_date(&zone, today).any(|(from, to)| (from..to).contains(&at))
    }

    /// The first moment at or after `at` at which it is open; `None`: not within the next 400 days.
    pub fn next_opening(&self, at: Timestamp) -> Option<Timestamp> {
        let Some(zone) = self.tz() else { return Some(at) };
        let today = local_date(&zone, at);
        let days = (0..LOOK_AHEAD_DAYS).filter_map(|ahead| today.checked_add(ahead.days()).ok());
        days.flat_map(|day| self.of_date(&zone, day)).find(|(_, to)| *to > at).map(|(from, _)| from.max(at))
    }

    fn tz(&self) -> Option<TimeZone> {
        ZONES.get(&self.zone).ok()
    }

    /// What is open on a date, as moments.
    fn of_date(&self, zone: &TimeZone, day: Date) -> impl Iterator<Item = (Timestamp, Timestamp)> + use<> {
        let written = day.to_string();
        let name = WEEK.iter().find(|(_, weekday)| *weekday == day.weekday()).map_or("", |(name, _)| name);
        let intervals = match self.open.get(&written) {
            Some(special) => special.as_slice(),
            None if self.closed.contains(&written) => &[],
            None => self.week.get(name).map_or(&[][..], Vec::as_slice),
        };
        let moments = intervals.iter().filter_map(|[from, to]| {
            let (from, to) = (moment(zone, day, minute(from)?)?, moment(zone, day, minute(to)?)?);
            // A jump of the clocks may put its end before its start: then nothing is left of it.
            (from < to).then_some((from, to))
        });
        moments.collect::<Vec<_>>().into_iter()
    }
}

const WEEK: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];
const INTERVALS: &str = "A day has at most 8 intervals as [\"09:00\",\"17:00\"], in order, apart, none across midnight.";

fn local_date(zone: &TimeZone, at: Timestamp) -> Date {
    let nearest = if at.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    zone.to_datetime(jiff::Timestamp::from_microsecond(at.0).unwrap_or(nearest)).date()
}

fn moment(zone: &TimeZone, day: Date, minute: u16) -> Option<Timestamp> {
    let day = if minute == DAY_MINUTES { day.tomorrow().ok()? } else { day };
    let minute = minute % DAY_MINUTES;
    let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
    zone.to_timestamp(day.at(hour, minute, 0, 0)).ok().map(|at| Timestamp(at.as_microsecond()))
}

/// `2026-12-25` and nothing else that could be read as a date.
fn date(text: &str) -> Option<Date> {
    let read = text.parse::<Date>().ok()?;
    (read.to_string() == text).then_some(read)
}

/// `00:00` to `24:00`, as minutes of the day.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour) || !digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && hour * 60 + minute <= DAY_MINUTES).then_some(hour * 60 + minute)
}

fn are_in_order(day: &[Interval]) -> bool {
    let minutes: Option<Vec<u16>> = day.iter().flatten().map(|text| minute(text)).collect();
    let Some(minutes) = minutes else { return false };
    let forward = minutes.chunks(2).all(|pair| pair[0] < pair[1]);
    day.len() <= MOST_A_DAY && forward && minutes.is_sorted()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(json: &str) -> Hours {
        serde_json::from_str(json).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    /// In Jakarta, seven hours before UTC; 2026-12-21 is a Monday.
    fn office() -> Hours {
        hours(
            r#"{"zone":"Asia/Jakarta","week":{"mon":[["09:00","12:00"],["13:00","17:00"]],"tue":[["09:00","17:00"]],
            "fri":[["09:00","17:00"]]},"closed":["2026-12-25"],"open":{"2026-12-26":[["10:00","12:00"]]}}"#,
        )
    }

    #[test]
    fn several_intervals_a_day_in_the_divisions_own_zone() {
        let office = office();
        for (text, open) in [
            ("2026-12-21T01:59:59Z", false),
            ("2026-12-21T02:00:00Z", true),
            ("2026-12-21T04:59:59Z", true),
            ("2026-12-21T05:00:00Z", false),
            ("2026-12-21T06:00:00Z", true),
            ("2026-12-21T10:00:00Z", false),
            ("2026-12-23T03:00:00Z", false),
        ] {
            assert_eq!(office.is_open(at(text)), open, "{text}");
        }
    }

    #[test]
    fn the_next_opening_is_now_or_later() {
        let office = office();
        for (now, opens) in [
            ("2026-12-21T03:00:00Z", "2026-12-21T03:00:00Z"),
            ("2026-12-21T05:30:00Z", "2026-12-21T06:00:00Z"),
            ("2026-12-21T12:00:00Z", "2026-12-22T02:00:00Z"),
            // Christmas Day is closed and the Saturday after it is open for once.
            ("2026-12-22T12:00:00Z", "2026-12-26T03:00:00Z"),
            ("2026-12-26T05:00:00Z", "2026-12-28T02:00:00Z"),
        ] {
            assert_eq!(office.next_opening(at(now)).map(Timestamp::to_text).as_deref(), Some(opens), "{now}");
        }
        assert_eq!(hours(r#"{"zone":"UTC"}"#).next_opening(at("2026-12-21T00:00:00Z")), None, "never open");
        let once = hours(r#"{"zone":"UTC","open":{"2026-12-26":[["10:00","12:00"]]}}"#);
        assert_eq!(once.next_opening(at("2026-12-26T12:00:00Z")), None);
    }

    #[test]
    fn a_night_shift_stands_on_both_days_and_has_no_hole() {
        let night = hours(r#"{"zone":"Asia/Jakarta","week":{"mon":[["22:00","24:00"]],"tue":[["00:00","06:00"]]}}"#);
        for text in ["2026-12-21T15:00:00Z", "2026-12-21T16:59:59Z", "2026-12-21T17:00:00Z", "2026-12-21T22:59:59Z"] {
            assert!(night.is_open(at(text)), "{text}");
        }
        assert!(!night.is_open(at("2026-12-21T23:00:00Z")));
    }

    #[test]
    fn clocks_that_change_change_the_moment_not_the_hour() {
        let berlin = hours(r#"{"zone":"Europe/Berlin","week":{"sun":[["02:15","02:45"],["09:00","10:00"]],"sat":[["09:00","10:00"]]}}"#);
        assert!(berlin.is_open(at("2026-03-28T08:00:00Z")) && berlin.is_open(at("2026-03-29T07:00:00Z")));
        assert!(!berlin.is_open(at("2026-03-29T08:00:00Z")));
        // The clock goes back at three: half past two comes twice, and only the first is open.
        assert!(berlin.is_open(at("2026-10-25T00:30:00Z")) && !berlin.is_open(at("2026-10-25T01:30:00Z")));
    }

    #[test]
    fn what_cannot_be_understood_is_refused_by_field() {
        assert_eq!(office().check(), Ok(()));
        assert_eq!(hours(r#"{"zone":"UTC","week":{"mon":[["00:00","24:00"]]}}"#).check(), Ok(()));
        for (json, field) in [
            (r#"{"zone":"Mars/Olympus"}"#, "zone"),
            (r#"{"zone":""}"#, "zone"),
            (r#"{"zone":"UTC","week":{"monday":[]}}"#, "week"),
            (r#"{"zone":"UTC","week":{"mon":[["9:00","17:00"]]}}"#, "week"),
            (r#"{"zone":"UTC","week":{"mon":[["22:00","06:00"]]}}"#, "week"),
            (r#"{"zone":"UTC","week":{"mon":[["09:00","24:01"]]}}"#, "week"),
            (r#"{"zone":"UTC","week":{"mon":[["09:00","12:00"],["11:00","13:00"]]}}"#, "week"),
            (r#"{"zone":"UTC","closed":["2026-02-30"]}"#, "closed"),
            (r#"{"zone":"UTC","closed":["20261225"]}"#, "closed"),
            (r#"{"zone":"UTC","open":{"tomorrow":[]}}"#, "open"),
            (r#"{"zone":"UTC","open":{"2026-12-26":[["12:00","12:00"]]}}"#, "open"),
            (r#"{"zone":"UTC","closed":["2026-12-26"],"open":{"2026-12-26":[["10:00","12:00"]]}}"#, "closed"),
        ] {
            assert_eq!(hours(json).check().map_err(|bad| bad.field), Err(field), "{json}");
        }
        assert!(serde_json::from_str::<Hours>(r#"{"zone":"UTC","holidays":[]}"#).is_err());
    }
}
