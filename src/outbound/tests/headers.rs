//! Headers about our pace, as servers really write them.

use std::time::{Duration, UNIX_EPOCH};

use super::super::headers::Pace;

/// 2026-11-22T20:00:00Z.
const NOW: u64 = 1_795_377_600;

fn pace(headers: &[(&str, &str)]) -> Pace {
    let find = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    Pace::read(find, UNIX_EPOCH + Duration::from_secs(NOW))
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    for (text, ms) in [
        ("3", Some(3_000)),
        (" 0.5 ", Some(500)),
        ("0", Some(0)),
        ("-4", Some(0)),
        ("86400", Some(300_000)),
        ("Sun, 22 Nov 2026 20:00:10 GMT", Some(10_000)),
        ("Sun, 22 Nov 2026 19:00:00 GMT", Some(0)),
        ("Mon, 23 Nov 2026 20:00:00 GMT", Some(300_000)),
        ("soon", None),
        ("nan", None),
        ("", None),
    ] {
        assert_eq!(pace(&[("retry-after", text)]).pause_ms(), ms, "{text}");
    }
}

#[test]
fn a_reset_counts_when_nothing_remains() {
    let reset =
        |remaining: &str, reset: &str| pace(&[("x-ratelimit-remaining", remaining), ("x-ratelimit-reset", reset)]).pause_ms();
    assert_eq!(reset("0", "30"), Some(30_000));
    assert_eq!(reset("0", &(NOW + 30).to_string()), Some(30_000));
    assert_eq!(reset("0", &((NOW + 30) * 1_000).to_string()), Some(30_000));
    assert_eq!(reset("0", &(NOW - 30).to_string()), Some(0));
    assert_eq!(reset("0", "99999"), Some(300_000));
    assert_eq!(reset("1", "30"), None);
    assert_eq!(reset("none", "30"), None);
    assert_eq!(reset("0", "-1"), None);
    assert_eq!(pace(&[("x-ratelimit-remaining", "7")]).remaining, Some(7));
}

#[test]
fn retry_after_is_the_stronger_word() {
    let headers = [("retry-after", "2"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "50")];
    assert_eq!(pace(&headers).pause_ms(), Some(2_000));
}
