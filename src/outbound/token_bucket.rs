//! How often one company may speak to one host. Pure: time is an argument, in microseconds from any beginning. Two limits hold at
//! once (per second and per minute), a bucket starts empty, and what is reserved is an absolute instant, so that late wake-ups
//! neither add up nor make room for a burst.

use super::wire::Budget;

const SECOND: f64 = 1_000_000.0;
/// No answer of a server stops us longer (5 min).
pub const LONGEST_PAUSE_US: i64 = 300_000_000;
/// A wake-up may be so late (20 ms) before its lateness is lost instead of made up for.
const LATENESS: f64 = 20_000.0;
/// A server that keeps saying 429 is asked at this share of the budget.
const SLOWEST: f64 = 1.0 / 16.0;
/// Each other answer gives back this share of the budget (additive increase).
const REGAINED: f64 = 0.02;
/// Tokens that are as good as none: of sums of fractions something is always missing.
const ROUNDING: f64 = 1e-9;
/// The limit per minute lets this many leave at once, if `burst` is not more.
const MINUTE_BURST: u32 = 10;

struct Limit {
    /// Tokens a microsecond.
    rate: f64,
    burst: f64,
    /// Below 0: promised to reservations that wait.
    level: f64,
}

/// **Invariant:** in any window w at most `rate * w + burst` requests leave, for both limits, if each leaves at its instant or later.
pub struct TokenBucket {
    limits: [Limit; 2],
    /// Share of the budget in use: halved by a 429, given back bit by bit.
    factor: f64,
    /// The levels are of this time; nothing grows before it (a pause lies ahead).
    at: i64,
    /// Reserved and not yet sent or given back.
    held: u32,
    /// When `factor` was last halved.
    cut_at: i64,
    burst: u32,
}

fn limits(budget: Budget) -> ([Limit; 2], u32) {
    let sane = |rate: f64| if rate.is_nan() { 0.001 } else { rate.clamp(0.001, 10_000.0) } / SECOND;
    let burst = budget.burst.max(1);
    let second = Limit { rate: sane(budget.per_second), burst: f64::from(burst), level: 0.0 };
    let minute = Limit { rate: sane(budget.per_minute / 60.0), burst: f64::from(burst.max(MINUTE_BURST)), level: 0.0 };
    ([second, minute], burst)
}

impl TokenBucket {
    /// Empty.
    pub fn new(budget: Budget, now: i64) -> Self {
        let (limits, burst) = limits(budget);
        Self { limits, factor: 1.0, at: now, held: 0, cut_at: i64::MIN, burst }
    }

    /// So many requests may leave at once at the start, as far as the burst allows: for a host that documents a burst.
    pub fn starts_with(&mut self, requests: u32) {
        for limit in &mut self.limits {
            limit.level = f64::from(requests).min(limit.burst);
        }
    }

    /// Keeps the levels (as far as the new burst allows), the pause and the slowness.
    pub fn set(&mut self, budget: Budget, now: i64) {
        self.refill(now);
        let (limits, burst) = limits(budget);
        for (limit, new) in self.limits.iter_mut().zip(limits) {
            let level = limit.level.min(new.burst - f64::from(self.held));
            *limit = Limit { level, ..new };
        }
        self.burst = burst;
    }

    /// What is held counts as not spent yet: it may leave any moment, so nothing may grow in its place. Only its own small
    /// lateness is made up for.
    fn refill(&mut self, now: i64) {
        if now <= self.at {
            return;
        }
        let passed = (now - self.at) as f64;
        self.at = now;
        for limit in &mut self.limits {
            let rate = limit.rate * self.factor;
            let late = if self.held > 0 { rate * LATENESS } else { 0.0 };
            limit.level = (limit.level + rate * passed).min(limit.burst - f64::from(self.held) + late);
        }
    }

    /// The instant at which one more request may leave; reservations are served in their order. Each must end in `sent` or
    /// `give_back`. When the instant has come `due` tells whether it still is: what others hold unsent may have moved it.
    pub fn reserve(&mut self, now: i64) -> i64 {
        self.refill(now);
        self.held += 1;
        for limit in &mut self.limits {
            limit.level -= 1.0;
        }
        self.due(now)
    }

    /// When the last reservation may leave, as far as can be told now. While as many as the burst are held unsent, no other may
    /// join them: they could all leave in one moment.
    pub fn due(&mut self, now: i64) -> i64 {
        self.refill(now);
        let lacking = self.limits.iter().filter(|limit| limit.level < -ROUNDING);
        let waits = lacking.map(|limit| -limit.level / (limit.rate * self.factor));
        self.at.saturating_add(waits.fold(0.0, f64::max).ceil() as i64)
    }

    /// The server wants to be left alone.
    pub const fn is_paused(&self, now: i64) -> bool {
        self.at > now
    }

    /// A reserved request leaves now.
    pub fn sent(&mut self, now: i64) {
        self.refill(now);
        self.held = self.held.saturating_sub(1);
    }

    /// A reserved request does not leave. In a pause what was there before it is gone, also what was held.
    pub fn give_back(&mut self, now: i64) {
        self.sent(now);
        let paused = self.is_paused(now);
        for limit in &mut self.limits {
            let most = limit.burst - f64::from(self.held);
            limit.level = (limit.level + 1.0).min(if paused { most.min(0.0) } else { most });
        }
    }

    /// Nothing grows before `until` (at most 5 min from now), and what there was is gone: no burst follows a pause. A reservation
    /// that waits should be given back before and taken anew.
    pub fn pause(&mut self, until: i64, now: i64) {
        self.refill(now);
        self.at_most(0.0);
        self.at = self.at.max(until.min(now.saturating_add(LONGEST_PAUSE_US)));
    }

    /// The server said 429 to a request that left at `left_at`: half the rate. What left before the last halving does not halve again.
    pub fn throttled(&mut self, left_at: i64, now: i64) {
        self.refill(now);
        self.at_most(0.0);
        if left_at >= self.cut_at {
            self.factor = (self.factor / 2.0).max(SLOWEST);
            self.cut_at = now;
        }
    }

    /// The server answered something else than 429.
    pub fn answered(&mut self, now: i64) {
        self.refill(now);
        self.factor = (self.factor + REGAINED).min(1.0);
    }

    /// The server says that it takes this many more.
    pub fn at_most(&mut self, requests: f64) {
        for limit in &mut self.limits {
            limit.level = limit.level.min(requests);
        }
    }

    /// Requests that could leave at once (0 to `burst`).
    pub fn level(&mut self, now: i64) -> f64 {
        self.refill(now);
        let least = self.limits.iter().map(|limit| limit.level).fold(f64::INFINITY, f64::min);
        if self.at > now { 0.0 } else { least.max(0.0) }
    }

    pub const fn burst(&self) -> u32 {
        self.burst
    }

    /// Slower than its budget, because of a 429.
    pub const fn is_slowed(&self) -> bool {
        self.factor < 1.0
    }
}
