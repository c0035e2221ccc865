//! reliability-security.md section 2.6, row by row.

use super::super::outcome::{Forbidden, Inner, Outcome, at_sight, backoff_ms, sort, sort_as};
use super::super::wire::{Answer, Reply};

fn answer(status: u16, content_type: &str) -> Reply {
    let content_type = content_type.to_owned();
    Reply::Answered(Answer { status, content_type, retry_after_ms: Some(7_000), body: b"{}".to_vec() })
}

/// The outcome's name, of an answer in JSON whose body is complete.
fn name(status: u16, writes: bool) -> &'static str {
    sort(answer(status, "application/json"), writes, |_| Inner::Complete).as_str()
}

fn inner(inner: Inner, writes: bool) -> Outcome {
    sort(answer(200, "application/json; charset=utf-8"), writes, |_| inner)
}

#[test]
fn what_never_left_was_not_done() {
    for writes in [true, false] {
        let outcome = sort(Reply::NotSent { why: "refused".into() }, writes, |_| panic!("there is no body"));
        assert_eq!(outcome, Outcome::NotDone { after_ms: None, why: "refused".into() });
    }
}

#[test]
fn what_may_have_left_is_ambiguous_for_writes_only() {
    let lost = || Reply::Lost { why: "time ran out".into() };
    assert_eq!(sort(lost(), true, |_| Inner::Complete), Outcome::Ambiguous { why: "time ran out".into() });
    assert_eq!(sort(lost(), false, |_| Inner::Complete), Outcome::NotDone { after_ms: None, why: "time ran out".into() });
}

#[test]
fn a_success_is_a_2xx_whose_body_says_all() {
    for status in [200, 201, 202, 299] {
        assert_eq!(name(status, true), "success");
    }
    assert_eq!(inner(Inner::Complete, true), Outcome::Success { body: b"{}".to_vec() });
    assert_eq!(inner(Inner::Unreadable, true).as_str(), "ambiguous");
    assert_eq!(inner(Inner::Unreadable, false).as_str(), "not_done");
    // A missing type is no wrong type: the body decides.
    assert_eq!(sort(answer(200, ""), true, |_| Inner::Complete).as_str(), "success");
    assert_eq!(sort(answer(200, "application/problem+json"), true, |_| Inner::Complete).as_str(), "success");
}

#[test]
fn a_status_inside_a_200_counts_as_that_status() {
    let body = b"{}".to_vec();
    assert_eq!(inner(Inner::Status(422), true), Outcome::Refused { status: 422, body });
    assert_eq!(inner(Inner::Status(401), true), Outcome::Credentials { status: 401 });
    let wait = Outcome::NotDone { after_ms: Some(7_000), why: "answered 429 inside a 200".into() };
    assert_eq!(inner(Inner::Status(429), true), wait);
    assert_eq!(inner(Inner::Status(500), true).as_str(), "ambiguous");
    assert_eq!(inner(Inner::Status(500), false).as_str(), "not_done");
    // Whoever says "200" has not said that the body is complete.
    assert_eq!(inner(Inner::Status(200), true).as_str(), "ambiguous");
    assert_eq!(inner(Inner::Status(0), true).as_str(), "ambiguous");
}

#[test]
fn refusals_are_for_good() {
    for status in [400, 404, 409, 410, 422, 402, 405, 413, 415] {
        assert_eq!(name(status, true), "refused", "{status}");
        assert_eq!(name(status, false), "refused", "{status}");
    }
    let html = sort(answer(404, "text/html"), true, |_| panic!("a refusal's body is not read here"));
    assert_eq!(html.as_str(), "refused");
}

#[test]
fn credentials_are_a_class_of_their_own() {
    for status in [401, 403] {
        assert_eq!(name(status, true), "credentials");
        assert_eq!(name(status, false), "credentials");
    }
}

#[test]
fn later_means_not_done() {
    for status in [408, 425, 429] {
        let outcome = sort(answer(status, "text/html"), true, |_| Inner::Complete);
        assert_eq!(outcome, Outcome::NotDone { after_ms: Some(7_000), why: format!("answered {status}") });
    }
}

#[test]
fn a_server_in_trouble_may_have_done_it() {
    for status in [500, 501, 502, 503, 504, 520, 599] {
        assert_eq!(name(status, true), "ambiguous", "{status}");
        assert_eq!(name(status, false), "not_done", "{status}");
    }
}

#[test]
fn redirects_and_other_types_may_have_done_it() {
    for status in [301, 302, 303, 307, 308, 100, 700] {
        assert_eq!(name(status, true), "ambiguous", "{status}");
        assert_eq!(name(status, false), "not_done", "{status}");
    }
    let html = || answer(200, "text/html; charset=utf-8");
    assert_eq!(sort(html(), true, |_| Inner::Complete).as_str(), "ambiguous");
    assert_eq!(sort(html(), false, |_| Inner::Complete).as_str(), "not_done");
}

#[test]
fn at_first_sight() {
    assert_eq!(at_sight(Forbidden::Credentials, &answer(200, "application/json")), "success");
    assert_eq!(at_sight(Forbidden::Credentials, &answer(200, "text/html")), "ambiguous");
    assert_eq!(at_sight(Forbidden::Credentials, &answer(302, "text/html")), "ambiguous");
    assert_eq!(at_sight(Forbidden::Credentials, &answer(429, "text/html")), "not_done");
    for (status, by_table, by_body) in [(401, "credentials", "credentials"), (403, "credentials", "refused")] {
        let seen = |forbidden| at_sight(forbidden, &answer(status, "application/json"));
        assert_eq!((seen(Forbidden::Credentials), seen(Forbidden::Body)), (by_table, by_body));
        let sorted = |forbidden| sort_as(forbidden, answer(status, "application/json"), true, |_| Inner::Complete).as_str();
        assert_eq!((sorted(Forbidden::Credentials), sorted(Forbidden::Body)), (by_table, by_body));
    }
    assert_eq!(at_sight(Forbidden::Credentials, &Reply::Lost { why: String::new() }), "ambiguous");
    assert_eq!(at_sight(Forbidden::Credentials, &Reply::NotSent { why: String::new() }), "not_done");
}

#[test]
fn the_wait_doubles_up_to_a_minute_with_full_jitter() {
    for (attempt, most) in [(0, 250), (1, 500), (4, 4_000), (7, 32_000), (8, 60_000), (40, 60_000), (u32::MAX, 60_000)] {
        assert_eq!(backoff_ms(attempt, 1.0), most);
        assert_eq!(backoff_ms(attempt, 0.5), most / 2);
        assert_eq!(backoff_ms(attempt, 0.0), 0);
    }
    assert_eq!((backoff_ms(3, f64::NAN), backoff_ms(3, -1.0), backoff_ms(3, 9.0)), (0, 0, 2_000));
}
