//! Who is next: who is further along, then first come, first served, unless their class must wait; and how many are out.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::actors::SystemClock;
use crate::actors::outside::{Errand, Stage};
use crate::room::outbox::Limit;
use crate::room::{CallKey, Timestamp};

use super::super::breaker::Health;
use super::super::line::{Grant, Line, Rank, Shown, Step, Wishes};
use super::super::wire::{Ask, Budget, Class, Door};
use super::bucket::excess;

const S: i64 = 1_000_000;

fn line() -> Line {
    Line::new(Budget { per_second: 1.0, per_minute: 60.0, burst: 1 }, 0)
}

fn join(line: &mut Line, class: Class) -> u64 {
    asks(line, class, Ask::First, None)
}

fn asks(line: &mut Line, class: Class, ask: Ask, errand: Option<(Stage, i64)>) -> u64 {
    let errand = errand.map(|(stage, since)| errand_of(stage, since));
    line.join((class, Door::default()), ask, Rank::of(class, ask, errand.as_deref()), Arc::new(Notify::new()), 0)
}

/// One that has all the time there is.
fn errand_of(stage: Stage, since: i64) -> Arc<Errand> {
    let limit = Limit { begin_by: Timestamp(i64::MAX), until: Timestamp(i64::MAX) };
    Errand::new(stage, (Timestamp(since), CallKey([0; 16])), limit, Arc::new(SystemClock::default()))
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
        line.said_inside((class, Door::default()), &Shown { health: Health::Timeout, ..shown("ambiguous", 0, now) }, now);
    }
}

#[test]
fn first_come_first_served_over_all_classes() {
    let mut line = line();
    let classes = [Class::Read, Class::Write, Class::Read, Class::Write, Class::Write];
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
fn uploads_that_are_lost_stop_no_other_write_and_leave_places() {
    let mut line = Line::new(Budget { per_second: 1_000.0, per_minute: 60_000.0, burst: 50 }, 0);
    line.bucket.starts_with(50);
    break_circuit(&mut line, Class::Upload, 0);
    let (upload, write) = (join(&mut line, Class::Upload), join(&mut line, Class::Write));
    assert_eq!(until(&mut line, upload, 0), Some(5 * S));
    assert!(go(&mut line, write, 0).is_some(), "an assignment goes on");
    let probe = go(&mut line, upload, 5 * S).unwrap();
    line.sent(5 * S);
    line.landed(probe, &shown("success", 200, 5 * S), 5 * S);
    let uploads: Vec<u64> = (0..12).map(|_| join(&mut line, Class::Upload)).collect();
    let under_way = uploads.iter().filter(|id| go(&mut line, **id, 5 * S).is_some()).count();
    assert_eq!(under_way, 8);
    let read = join(&mut line, Class::Read);
    assert!(go(&mut line, read, 5 * S).is_some(), "and a reading too");
}

#[test]
fn refused_credentials_stop_all_but_the_token_endpoint() {
    let mut line = line();
    let write = join(&mut line, Class::Write);
    let grant = go(&mut line, write, S).or_else(|| go(&mut line, write, 2 * S)).unwrap();
    line.sent(2 * S);
    line.landed(grant, &shown("credentials", 401, 2 * S), 2 * S);
    assert_eq!(line.gates.trust(), "refused");
    let (read, write, token) = (join(&mut line, Class::Read), join(&mut line, Class::Write), join(&mut line, Class::Token));
    assert_eq!(until(&mut line, read, 3 * S), Some(7 * S));
    assert_eq!(until(&mut line, write, 3 * S), Some(7 * S));
    let refresh = go(&mut line, token, 4 * S).unwrap();
    line.sent(4 * S);
    line.landed(refresh, &shown("credentials", 401, 4 * S), 4 * S);
    line.credentials_changed();
    assert!(go(&mut line, read, 5 * S).is_some(), "a change is felt at once");
}

#[test]
fn a_place_given_up_is_the_next_ones() {
    let mut line = line();
    let bell = Arc::new(Notify::new());
    let first = join(&mut line, Class::Write);
    let second =
        line.join((Class::Write, Door::default()), Ask::First, Rank::of(Class::Write, Ask::First, None), Arc::clone(&bell), 0);
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
    for (at, ask) in [(3 * S, Ask::First), (5 * S, Ask::Ahead)] {
        line.join((Class::Write, Door::default()), ask, Rank::of(Class::Write, ask, None), Arc::new(Notify::new()), at);
    }
    assert_eq!((line.oldest(), line.waiting()), (Some(3 * S), 2), "also behind one who came later");
}

#[test]
fn who_is_further_goes_first_and_of_two_as_far_the_older() {
    let mut line = line();
    let (under_way, planning) = (Stage::UnderWay, Stage::Planning);
    let plans = [7, 5].map(|since| asks(&mut line, Class::Read, Ask::First, Some((planning, since))));
    let apart = join(&mut line, Class::Read);
    let writes = [9, 8].map(|since| asks(&mut line, Class::Write, Ask::First, Some((under_way, since))));
    let ahead = asks(&mut line, Class::Write, Ask::Ahead, Some((under_way, 99)));
    let token = asks(&mut line, Class::Token, Ask::First, Some((planning, 99)));
    let order = [token, ahead, writes[1], writes[0], apart, plans[1], plans[0]];
    for (turn, id) in order.into_iter().enumerate() {
        let now = (turn as i64 + 1) * S;
        let early = order[turn + 1..].iter().find(|other| go(&mut line, **other, now).is_some());
        assert_eq!(early, None, "is not before {id}");
        assert!(go(&mut line, id, now).is_some(), "turn {turn}");
        line.sent(now);
    }
}

/// Everybody is granted what they may have; those who hold it do not send.
fn grants(line: &mut Line, ids: &[u64], now: i64) -> Vec<Grant> {
    ids.iter().filter_map(|id| go(line, *id, now)).collect()
}

#[test]
fn a_process_that_stood_still_sends_no_more_than_a_burst_at_once() {
    let mut line = Line::new(Budget { per_second: 5.0, per_minute: 300.0, burst: 5 }, 0);
    let ids = [(); 12].map(|()| join(&mut line, Class::Write));
    // Five seconds, in which what was granted is not sent.
    let mut held: Vec<Grant> = (0..50).flat_map(|tenth| grants(&mut line, &ids, tenth * S / 10)).collect();
    assert_eq!(held.len(), 5, "all that is held may leave in one moment");
    let mut sent = vec![];
    for tick in 0..300 {
        let now = 5 * S + tick * S / 100;
        held.extend(grants(&mut line, &ids, now));
        for _ in held.drain(..) {
            line.sent(now);
            sent.push(now);
        }
    }
    assert_eq!(sent.len(), 12, "and those after it at the rate");
    let excess = excess(&sent, Budget { per_second: 5.0, per_minute: 300.0, burst: 5 }, 50_000);
    assert!(excess <= 0.0, "{excess} too many: {sent:?}");
}

#[test]
fn what_was_granted_before_a_pause_does_not_leave_in_it_nor_in_a_burst_after_it() {
    let mut line = Line::new(Budget { per_second: 5.0, per_minute: 300.0, burst: 5 }, 0);
    let ids = [(); 9].map(|()| join(&mut line, Class::Write));
    let mut held = grants(&mut line, &ids, 0);
    held.extend(grants(&mut line, &ids, 10 * S));
    assert_eq!(held.len(), 5);
    line.sent(10 * S);
    let wishes = Wishes { pause_until: Some(40 * S), remaining: None };
    line.landed(held.remove(0), &Shown { wishes, ..shown("not_done", 429, 10 * S) }, 10 * S);
    assert!(!line.may_leave(11 * S) && line.may_leave(40 * S));
    held.into_iter().for_each(|grant| line.give_back(grant, 11 * S));
    assert_eq!(line.bucket.level(40 * S), 0.0);
    assert_eq!(grants(&mut line, &ids, 40 * S).len(), 0);
}

#[test]
fn slow_reads_leave_places_for_writes() {
    let mut line = Line::new(Budget { per_second: 1_000.0, per_minute: 60_000.0, burst: 100 }, 0);
    let reads = [(); 40].map(|()| join(&mut line, Class::Read));
    let mut out = vec![];
    for ms in 0..200 {
        for grant in grants(&mut line, &reads, ms * 1_000) {
            line.sent(ms * 1_000);
            out.push(grant);
        }
    }
    assert_eq!(out.len(), 12);
    let writes = [(); 9].map(|()| asks(&mut line, Class::Write, Ask::First, Some((Stage::UnderWay, 0))));
    assert_eq!(grants(&mut line, &writes, S).len(), 4, "and not without bound");
    line.landed(out.remove(0), &shown("success", 200, S), S);
    assert_eq!(grants(&mut line, &writes, S).len(), 1);
}

#[test]
fn what_is_refused_to_one_or_at_one_door_keeps_nobody_else_waiting() {
    let quick = Budget { per_second: 1_000.0, per_minute: 60_000.0, burst: 100 };
    let (assign, resolve) = (Door { who: "user", what: "assign" }, Door { who: "user", what: "resolve" });
    let send = Door { who: "bot", what: "messages" };
    let at = |line: &mut Line, door: Door| {
        let rank = Rank::of(Class::Write, Ask::First, None);
        line.join((Class::Write, door), Ask::First, rank, Arc::new(Notify::new()), 0)
    };
    // (the status, what it is said to, those that wait for it, those that go on)
    for (status, refused, shut, open) in [
        (401, send, vec![send], vec![assign, resolve]),
        (401, assign, vec![assign, resolve], vec![send]),
        (403, resolve, vec![resolve], vec![assign, send]),
    ] {
        let mut line = Line::new(quick, 0);
        let first = at(&mut line, refused);
        let grant = go(&mut line, first, S).or_else(|| go(&mut line, first, 2 * S)).unwrap();
        line.sent(2 * S);
        line.landed(grant, &shown("credentials", status, 2 * S), 2 * S);
        // Whoever waits was there before those who need not.
        let waiting: Vec<u64> = shut.iter().map(|door| at(&mut line, *door)).collect();
        let free: Vec<u64> = open.iter().map(|door| at(&mut line, *door)).collect();
        for id in &waiting {
            assert_eq!(until(&mut line, *id, 3 * S), Some(7 * S), "{status} to {refused:?}");
        }
        assert_eq!(grants(&mut line, &free, 3 * S).len(), free.len(), "{status} to {refused:?}");
        let name = if status == 401 { refused.who } else { refused.what };
        assert_eq!(line.gates.refused(), [name]);
        assert!(go(&mut line, waiting[0], 7 * S).is_some(), "one knocks again");
    }
}

#[test]
fn one_who_need_not_wait_is_woken_from_behind_one_who_must() {
    let mut line = line();
    let (bot, user) = (Door { who: "bot", what: "messages" }, Door { who: "user", what: "assign" });
    line.credentials_refused(bot, 0);
    let rank = Rank::of(Class::Write, Ask::First, None);
    let bells = [bot, user].map(|door| {
        let bell = Arc::new(Notify::new());
        line.join((Class::Write, door), Ask::First, rank, Arc::clone(&bell), 0);
        bell
    });
    line.credentials_changed();
    for bell in bells {
        assert!(futures_util::FutureExt::now_or_never(bell.notified()).is_some());
    }
}
