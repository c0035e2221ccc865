//! How much of what a company asks of a host may be asked again (reliability-security.md 2.8): a tenth of its first attempts, or
//! a fifth of its rate, whichever is more. Past it a repeat waits, so that a server in trouble is not kept there by repeats alone.
//! Pure: time is an argument, in microseconds. It delays and never refuses.

use super::wire::Budget;

const SECOND: f64 = 1_000_000.0;
/// Repeats per first attempt.
const SHARE: f64 = 0.1;
/// Repeats a second that are always allowed, as a share of the rate, and at least (1/s).
const FLOOR_SHARE: f64 = 0.2;
const FLOOR: f64 = 1.0;
/// What was not used is kept for so long: of first attempts a minute, of the floor ten seconds.
const FIRSTS_S: f64 = 60.0;
const FLOOR_S: f64 = 10.0;

/// **Invariant:** in any window w at most `max(0.1 * first attempts, floor * w)` repeats leave, and what was kept before it.
pub struct RetryBudget {
    /// Repeats a second.
    floor: f64,
    /// Most that first attempts earn.
    most: f64,
    /// What time has earned and what first attempts have.
    by_time: f64,
    by_firsts: f64,
    at: i64,
}

impl RetryBudget {
    pub fn new(budget: Budget, now: i64) -> Self {
        let mut new = Self { floor: FLOOR, most: 1.0, by_time: f64::MAX, by_firsts: 0.0, at: now };
        new.set(budget);
        new
    }

    pub fn set(&mut self, budget: Budget) {
        let rate = if budget.per_second.is_nan() { 0.0 } else { budget.per_second.clamp(0.0, 10_000.0) };
        self.floor = (rate * FLOOR_SHARE).max(FLOOR);
        self.most = (rate * SHARE * FIRSTS_S).max(1.0);
        self.by_time = self.by_time.min(self.floor * FLOOR_S);
        self.by_firsts = self.by_firsts.min(self.most);
    }

    fn refill(&mut self, now: i64) {
        if now > self.at {
            let passed = (now - self.at) as f64 / SECOND;
            self.by_time = self.floor.mul_add(passed, self.by_time).min(self.floor * FLOOR_S);
            self.at = now;
        }
    }

    /// When the next repeat may leave, if no first attempt earns it sooner.
    pub fn may_at(&self, now: i64) -> i64 {
        let passed = (now.max(self.at) - self.at) as f64 / SECOND;
        let by_time = self.floor.mul_add(passed, self.by_time);
        if self.by_firsts >= 1.0 || by_time >= 1.0 {
            return now;
        }
        now.saturating_add(((1.0 - by_time) / self.floor * SECOND).ceil() as i64)
    }

    /// Something is asked for the first time.
    pub fn first(&mut self) {
        self.by_firsts = (self.by_firsts + SHARE).min(self.most);
    }

    /// Something is asked again. It is of both kinds, or together they would allow their sum.
    pub fn repeats(&mut self, now: i64) {
        self.refill(now);
        self.by_time = (self.by_time - 1.0).max(0.0);
        self.by_firsts = (self.by_firsts - 1.0).max(0.0);
    }
}
