//! What a server's headers say about our pace: `Retry-After` and `X-RateLimit-*`. Servers disagree about units; what makes no
//! sense is ignored.

use std::time::{SystemTime, UNIX_EPOCH};

use super::token_bucket::LONGEST_PAUSE_US;

const LONGEST_MS: i64 = LONGEST_PAUSE_US / 1_000;

/// As the headers say it, relative to now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// From `Retry-After`; 0 to 300,000.
    pub retry_after_ms: Option<i64>,
    pub remaining: Option<u32>,
    /// From `X-RateLimit-Reset`; 0 to 300,000.
    pub reset_ms: Option<i64>,
}

impl Pace {
    /// `header` finds the value of a header by its lower-case name.
    pub fn read<'a>(header: impl Fn(&str) -> Option<&'a str>, now: SystemTime) -> Self {
        let now_ms = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        let number = |name: &str| header(name).and_then(|text| text.trim().parse::<f64>().ok()).filter(|number| *number >= 0.0);
        Self {
            retry_after_ms: header("retry-after").and_then(|text| retry_after(text.trim(), now_ms)),
            remaining: number("x-ratelimit-remaining").map(|number| number as u32),
            reset_ms: number("x-ratelimit-reset").map(|number| reset(number, now_ms)),
        }
    }

    /// How long the server wants to be left alone.
    pub fn pause_ms(&self) -> Option<i64> {
        self.retry_after_ms.or_else(|| self.reset_ms.filter(|_| self.remaining == Some(0)))
    }
}

/// Seconds, or a date.
fn retry_after(text: &str, now_ms: i64) -> Option<i64> {
    let ms = match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() => seconds * 1_000.0,
        _ => (jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond() - now_ms) as f64,
    };
    Some((ms as i64).clamp(0, LONGEST_MS))
}

/// Seconds from now, or seconds or milliseconds since 1970: a number beyond every sensible wait is a time.
fn reset(number: f64, now_ms: i64) -> i64 {
    let ms = if number > 1e12 {
        number as i64 - now_ms
    } else if number > 1e9 {
        (number * 1_000.0) as i64 - now_ms
    } else {
        (number * 1_000.0) as i64
    };
    ms.clamp(0, LONGEST_MS)
}
