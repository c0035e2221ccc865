//! Repeats are a share of what is asked for the first time, and wait for more; first attempts never wait for them.

use std::sync::Arc;

use tokio::sync::Notify;

use super::super::line::{Grant, Line, Rank, Step};
use super::super::retry_budget::RetryBudget;
use super::super::wire::{Ask, Budget, Class, Door};

const S: i64 = 1_000_000;
const BUDGET: Budget = Budget { per_second: 50.0, per_minute: 3_000.0, burst: 5 };

/// How many repeats leave in so many seconds beside `firsts` first attempts a second, when every one that may does.
fn repeats(budget: Budget, firsts: i64, seconds: i64) -> u32 {
    let mut retries = RetryBudget::new(budget, 0);
    let mut left = 0;
    // A hundred looks a second.
    for tick in 0..seconds * 100 {
        let now = tick * S / 100;
        if firsts > 0 && tick % (100 / firsts.min(100)) == 0 {
            (0..(firsts / 100).max(1)).for_each(|_| retries.first());
        }
        while retries.may_at(now) <= now {
            retries.repeats(now);
            left += 1;
        }
    }
    left
}

#[test]
fn repeats_are_a_tenth_of_first_attempts_or_a_fifth_of_the_rate() {
    let usual = Budget::default();
    // One a second, and the ten that nobody had used.
    assert!((69..=70).contains(&repeats(usual, 0, 60)), "{}", repeats(usual, 0, 60));
    assert!((69..=76).contains(&repeats(usual, 5, 60)), "{}", repeats(usual, 5, 60));
    // A tenth of 1,000 a second is more than the floor of a company with that little a rate.
    let many = repeats(Budget { per_second: 100.0, ..usual }, 1_000, 60);
    assert!((5_990..=6_300).contains(&many), "{many}");
    let floor = repeats(Budget { per_second: 100.0, ..usual }, 0, 60);
    assert!((1_399..=1_400).contains(&floor), "{floor}");
}

#[test]
fn it_says_when_the_next_one_may_leave() {
    let mut retries = RetryBudget::new(Budget::default(), 0);
    (0..10).for_each(|_| retries.repeats(0));
    assert_eq!(retries.may_at(0), S);
    assert_eq!(retries.may_at(S / 4), S);
    (0..9).for_each(|_| retries.first());
    assert_eq!(retries.may_at(S / 4), S, "nine tenths of one");
    retries.first();
    retries.first();
    assert_eq!(retries.may_at(S / 4), S / 4);
    retries.set(Budget { per_second: f64::NAN, per_minute: 0.0, burst: 0 });
    retries.repeats(S / 4);
    assert!(retries.may_at(S / 4) > S / 4);
}

fn join(line: &mut Line, ask: Ask) -> u64 {
    line.join((Class::Write, Door::default()), ask, Rank::of(Class::Write, ask, None), Arc::new(Notify::new()), 0)
}

fn go(line: &mut Line, id: u64, now: i64) -> Option<Grant> {
    if let Step::Go(grant) = line.step(id, now) { Some(grant) } else { None }
}

/// It leaves and nothing more is heard of it.
fn leaves(line: &mut Line, grant: Option<Grant>, now: i64) {
    line.sent(now);
    line.lost_sight(grant.expect("it may leave"), now);
}

#[test]
fn a_repeat_past_its_budget_waits_and_lets_first_attempts_pass() {
    let mut line = Line::new(BUDGET, 0);
    // Ten a second, and a hundred that nobody had used.
    let mut now = S;
    for _ in 0..100 {
        let id = join(&mut line, Ask::Again);
        let grant = go(&mut line, id, now);
        leaves(&mut line, grant, now);
        now += S / 50;
    }
    now = 3 * S;
    let mut waited = None;
    let mut id = 0;
    for _ in 0..60 {
        id = join(&mut line, Ask::Again);
        match line.step(id, now) {
            Step::Go(grant) => leaves(&mut line, Some(grant), now),
            Step::Until(at) if at > now + S / 25 => {
                waited = Some(at);
                break;
            }
            Step::Until(at) => {
                now = at;
                let grant = go(&mut line, id, now);
                leaves(&mut line, grant, now);
            }
            Step::Parked => panic!("it is the first"),
        }
    }
    let waited = waited.expect("the budget has an end");
    // Behind it in the line, and first all the same.
    let first = join(&mut line, Ask::First);
    now += S / 50;
    assert!(go(&mut line, first, now).is_some(), "a first attempt waits for no repeat");
    line.sent(now);
    assert!(go(&mut line, id, now).is_none());
    assert!(go(&mut line, id, waited.max(now) + S / 25).is_some());
}

#[test]
fn what_belongs_to_a_request_before_it_goes_ahead() {
    let mut line = Line::new(Budget { per_second: 1.0, per_minute: 60.0, burst: 1 }, 0);
    let [waits, ahead] = [join(&mut line, Ask::First), join(&mut line, Ask::Ahead)];
    assert!(go(&mut line, waits, S).is_none());
    assert!(go(&mut line, ahead, S).is_some());
    line.sent(S);
    assert!(go(&mut line, waits, 2 * S).is_some());
}
