//! The token bucket over imagined time and many seeds: never more than the rate allows in any window, and not much less either.

use super::super::token_bucket::TokenBucket;
use super::super::wire::Budget;

const S: i64 = 1_000_000;

/// Chance from a seed (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound.max(1).unsigned_abs()) as i64
    }
}

const fn budget(per_second: f64, per_minute: f64, burst: u32) -> Budget {
    Budget { per_second, per_minute, burst }
}

/// By how many requests the fullest window passes `rate * (w + slack) + burst`, over both limits; below 0 is room.
pub fn excess(times: &[i64], budget: Budget, slack: i64) -> f64 {
    let mut worst = f64::NEG_INFINITY;
    for (rate, burst) in [(budget.per_second, budget.burst), (budget.per_minute / 60.0, budget.burst.max(10))] {
        for (first, from) in times.iter().enumerate() {
            for (last, to) in times.iter().enumerate().skip(first) {
                let allowed = rate * (to - from + slack) as f64 / 1e6 + f64::from(burst);
                worst = worst.max((last - first + 1) as f64 - allowed);
            }
        }
    }
    worst
}

#[test]
fn it_starts_empty() {
    let mut bucket = TokenBucket::new(budget(5.0, 300.0, 5), 0);
    assert_eq!(bucket.level(0), 0.0);
    assert_eq!(bucket.reserve(0), 200_000);
}

#[test]
fn a_pause_makes_no_more_than_one_burst() {
    let mut bucket = TokenBucket::new(budget(5.0, 300.0, 3), 0);
    let hour = 3_600 * S;
    assert_eq!(bucket.level(hour), 3.0);
    let instants: Vec<i64> = (0..5).map(|_| bucket.reserve(hour) - hour).collect();
    assert_eq!(instants, [0, 0, 0, 200_000, 400_000]);
}

#[test]
fn the_minute_holds_as_well() {
    let mut bucket = TokenBucket::new(budget(5.0, 100.0, 5), 0);
    let hour = 3_600 * S;
    let mut now = hour;
    let mut sent = vec![];
    while now < hour + 60 * S {
        now = bucket.reserve(now);
        bucket.sent(now);
        sent.push(now);
    }
    assert!((108..=111).contains(&sent.len()), "{} in a minute after a rest", sent.len());
    assert!(excess(&sent, budget(5.0, 100.0, 5), 0) <= 1e-6);
}

/// Random budgets, random idleness, requests that leave exactly when they may.
#[test]
fn no_window_ever_holds_more_than_it_may() {
    for seed in 0..300 {
        let dice = &mut Dice(seed);
        let of = budget(dice.below(400) as f64 / 10.0 + 0.5, dice.below(900) as f64 + 30.0, dice.below(12) as u32);
        let (mut bucket, mut now, mut sent) = (TokenBucket::new(of, 0), 0, vec![]);
        for _ in 0..250 {
            if dice.below(10) == 0 {
                now += dice.below(20 * S);
            }
            now = bucket.reserve(now).max(now);
            if dice.below(8) == 0 {
                bucket.give_back(now);
            } else {
                bucket.sent(now);
                sent.push(now);
            }
        }
        let allowed = Budget { burst: of.burst.max(1), ..of };
        // A microsecond is one tick of this clock.
        let excess = excess(&sent, allowed, 1);
        assert!(excess <= 1e-6, "seed {seed}: {excess} too many of {of:?}");
    }
}

/// Wake-ups come late and slots are held for a while, as in life: 50 ms of slack cover it, and the rate is used.
#[test]
fn lateness_neither_adds_up_nor_bursts() {
    for seed in 0..200 {
        let dice = &mut Dice(seed);
        let rate = dice.below(40) as f64 + 1.0;
        let of = budget(rate, rate * 60.0, dice.below(8) as u32 + 1);
        let (mut bucket, mut now, mut sent) = (TokenBucket::new(of, 0), 0, vec![]);
        for _ in 0..300 {
            let at = bucket.reserve(now);
            now = at.max(now) + dice.below(3_000);
            // Now and then the process stands still.
            if dice.below(50) == 0 {
                now += dice.below(2 * S);
            }
            bucket.sent(now);
            sent.push(now);
        }
        let excess = excess(&sent, of, 50_000);
        assert!(excess <= 1e-6, "seed {seed}: {excess} too many of {of:?}");
    }
    for (rate, burst) in [(5.0, 1), (5.0, 5), (50.0, 1), (200.0, 10)] {
        let of = budget(rate, rate * 60.0, burst);
        let (mut bucket, mut now, dice) = (TokenBucket::new(of, 0), 0, &mut Dice(7));
        for _ in 0..2_000 {
            now = bucket.reserve(now).max(now) + dice.below(3_000);
            bucket.sent(now);
        }
        let used = 2_000.0 / (rate * now as f64 / 1e6);
        assert!(used >= 0.98, "{used} of {of:?} used");
    }
}

#[test]
fn what_is_held_leaves_no_room_for_more() {
    let mut bucket = TokenBucket::new(budget(5.0, 300.0, 2), 0);
    let now = 60 * S;
    bucket.reserve(now);
    bucket.reserve(now);
    // Both are still here a minute later: they may leave together, so nothing has grown beside them but their lateness.
    let later = now + 60 * S;
    bucket.sent(later);
    bucket.sent(later);
    assert!(bucket.level(later) <= 0.1 + 1e-9, "{}", bucket.level(later));
}

#[test]
fn what_is_given_back_can_be_had_again() {
    let mut bucket = TokenBucket::new(budget(5.0, 300.0, 1), 0);
    assert_eq!(bucket.reserve(S), S);
    bucket.give_back(S);
    assert_eq!(bucket.reserve(S), S);
    bucket.sent(S);
    assert_eq!(bucket.reserve(S), S + 200_000);
}

#[test]
fn a_server_that_wants_rest_gets_it() {
    let mut bucket = TokenBucket::new(budget(5.0, 300.0, 5), 0);
    bucket.pause(40 * S, 10 * S);
    assert_eq!(bucket.level(20 * S), 0.0);
    assert_eq!(bucket.reserve(20 * S), 40 * S + 200_000, "and no burst after it");
    bucket.give_back(20 * S);
    bucket.pause(30 * S, 21 * S);
    assert_eq!(bucket.reserve(22 * S), 40 * S + 200_000, "a shorter wish does not shorten a longer one");
    let mut bucket = TokenBucket::new(budget(5.0, 300.0, 5), 0);
    bucket.pause(86_400 * S, 10 * S);
    assert_eq!(bucket.reserve(10 * S), 310 * S + 200_000, "five minutes at most");
}

#[test]
fn a_429_halves_the_rate_and_answers_give_it_back() {
    let mut bucket = TokenBucket::new(budget(10.0, 600.0, 5), 0);
    let now = 10 * S;
    bucket.throttled(9 * S, now);
    assert_eq!(bucket.reserve(now), now + 200_000, "half of ten a second, and nothing at once");
    bucket.give_back(now);
    bucket.throttled(9 * S, now);
    assert_eq!(bucket.reserve(now), now + 200_000, "what left before the halving does not halve again");
    bucket.give_back(now);
    for _ in 0..10 {
        bucket.throttled(now, now);
    }
    assert_eq!(bucket.reserve(now), now + 1_600_000, "a sixteenth at least");
    bucket.give_back(now);
    for _ in 0..46 {
        bucket.answered(now);
    }
    assert!(bucket.is_slowed());
    bucket.answered(now);
    assert!(!bucket.is_slowed());
    assert_eq!(bucket.reserve(now), now + 100_000);
}

#[test]
fn a_new_budget_keeps_the_level() {
    let mut bucket = TokenBucket::new(budget(5.0, 600.0, 8), 0);
    bucket.set(budget(1.0, 600.0, 8), S);
    assert!((bucket.level(S) - 5.0).abs() < 1e-9);
    bucket.set(budget(1.0, 600.0, 2), S);
    assert_eq!(bucket.level(S), 2.0);
    bucket.set(budget(1.0, 600.0, 8), S);
    assert_eq!(bucket.level(S), 2.0, "a change is no gift");
}

#[test]
fn nonsense_is_made_sense_of() {
    for bad in [0.0, -5.0, f64::NAN] {
        let mut bucket = TokenBucket::new(budget(bad, 600.0, 0), 0);
        assert_eq!(bucket.reserve(0), 1_000 * S, "{bad}");
        assert_eq!(bucket.burst(), 1);
    }
    let mut bucket = TokenBucket::new(budget(f64::INFINITY, f64::INFINITY, 1), 0);
    assert_eq!(bucket.reserve(0), 100);
}
