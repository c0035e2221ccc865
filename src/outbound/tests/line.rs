//! Who is next: first come, first served, unless their class must wait.

use std::sync::Arc;

use tokio::sync::Notify;

use super::super::breaker::Health;
use super::super::line::{Grant, Line, Shown, Step, Wishes};
use super::super::wire::{Ask, Budget, Class};

const S: i64 = 1_000_000;

fn line() -> Line {
    Line::new(Budget { per_second: 1.0, per_minute: 60.0, burst: 1 }, 0)
}

fn join(line: &mut Line, class: Class) -> u64 {
    line.join(class, Ask::First, Arc::new(Notify::new()), 0)
}

fn go(line: &mut Line, id: u64, now: i64) -> Option<Grant> {
    if let Step::Go(grant) = line.step(id, now) { Some(grant) } else { None }
}

fn until(line: &mut Line, id: u64, now: i64) -> Option<i64> {
    if let Step::Until(at) = line.step(id, now) { Some(at) } else { None }
}

fn shown(outcome: &'static str, status: u16, left_at: i64) -> Shown {
    Shown { outcome, health: Health::Good, status, left_at, wishes: Wishes::default() }
}

/// Five timeouts: the class's circuit is open until 5 s after `now`.
fn break_circuit(line: &mut Line, class: Class, now: i64) {
    for _ in 0..5 {
        line.said_inside(class, &Shown { health: Health::Timeout, ..shown("ambiguous", 0, now) }, now);
    }
}

#[test]
fn first_come_first_served_over_all_classes() {
    let mut line = line();
    let classes = [Class::Read, Class::Write, Class::Read, Class::Token, Class::Write];
    let ids = classes.map(|class| join(&mut line, class));
    for (turn, id) in ids.into_iter().enumerate() {
        let now = (turn as i64 + 1) * S;
        for other in ids.into_iter().skip(turn + 1).rev() {
            assert!(go(&mut line, other, now).is_none(), "{other} is not before {id}");
        }
        assert!(go(&mut line, id, now).is_some());
        line.sent(now);
    }
}

#[test]
fn a_broken_class_lets_the_others_pass() {
    let mut line = line();
    break_circuit(&mut line, Class::Read, 0);
    let (read, write) = (join(&mut line, Class::Read), join(&mut line, Class::Write));
    assert_eq!(until(&mut line, read, 0), Some(5 * S));
    assert_eq!(until(&mut line, write, 0), Some(S));
    assert!(go(&mut line, write, S).is_some());
    line.sent(S);
    assert!(go(&mut line, read, 5 * S - 1).is_none());
    let probe = go(&mut line, read, 5 * S);
    assert!(probe.is_some());
    // One probe at a time; dropped unsent, the next is the probe.
    let next = join(&mut line, Class::Read);
    assert!(matches!(line.step(next, 20 * S), Step::Parked));
    line.give_back(probe.unwrap(), 20 * S);
    assert!(go(&mut line, next, 20 * S).is_some());
}

#[test]
fn refused_credentials_stop_all_but_the_token_endpoint() {
    let mut line = line();
    let write = join(&mut line, Class::Write);
    let grant = go(&mut line, write, S).or_else(|| go(&mut line, write, 2 * S)).unwrap();
    line.sent(2 * S);
    line.landed(grant, &shown("credentials", 401, 2 * S), 2 * S);
    assert_eq!(line.gate.trust(), "refused");
    let (read, write, token) = (join(&mut line, Class::Read), join(&mut line, Class::Write), join(&mut line, Class::Token));
    assert_eq!(until(&mut line, read, 3 * S), Some(7 * S));
    assert_eq!(until(&mut line, write, 3 * S), Some(7 * S));
    let refresh = go(&mut line, token, 4 * S).unwrap();
    line.sent(4 * S);
    line.landed(refresh, &shown("credentials", 401, 4 * S), 4 * S);
    line.gate.changed();
    assert!(go(&mut line, read, 5 * S).is_some(), "a change is felt at once");
}

#[test]
fn a_place_given_up_is_the_next_ones() {
    let mut line = line();
    let bell = Arc::new(Notify::new());
    let first = join(&mut line, Class::Write);
    let second = line.join(Class::Write, Ask::First, Arc::clone(&bell), 0);
    assert_eq!(until(&mut line, first, 0), Some(S));
    line.leave(first, 0);
    assert_eq!(until(&mut line, second, 0), Some(S), "in the same instant");
    line.leave(second, 0);
    assert_eq!(line.waiting(), 0);
    assert_eq!(line.bucket.level(10 * S), 1.0, "nothing stays reserved for nobody");
}

#[test]
fn a_pause_moves_who_is_first() {
    let mut line = line();
    let (one, two) = (join(&mut line, Class::Write), join(&mut line, Class::Write));
    until(&mut line, one, 0);
    let grant = go(&mut line, one, S).unwrap();
    line.sent(S);
    assert_eq!(until(&mut line, two, S), Some(2 * S));
    let wishes = Wishes { pause_until: Some(31 * S), remaining: None };
    line.landed(grant, &Shown { wishes, ..shown("not_done", 429, S) }, S);
    assert_eq!(until(&mut line, two, 2 * S), Some(33 * S), "after the pause, at half the rate");
    assert_eq!(line.throttled, 1);
    assert_eq!(line.attempts.get("not_done"), Some(&1));
}

#[test]
fn who_waits_longest_is_known() {
    let mut line = line();
    assert_eq!(line.oldest(), None);
    line.join(Class::Write, Ask::First, Arc::new(Notify::new()), 3 * S);
    line.join(Class::Write, Ask::First, Arc::new(Notify::new()), 5 * S);
    assert_eq!((line.oldest(), line.waiting()), (Some(3 * S), 2));
}
