//! What arrival times say: whether a limit was kept in every window, how much of it was used, how evenly.

use bellhop::outbound::Budget;

/// Between leaving and arriving there is a network and a scheduler.
const SLACK: f64 = 0.05;

pub struct Pace {
    pub requests: usize,
    /// Requests beyond `rate * (w + slack) + burst` in the worst window; 0 and below is kept.
    pub worst_excess: f64,
    /// Share of what the rate allows from the first token of an empty bucket to the end.
    pub used: f64,
}

impl Pace {
    /// `arrivals`: microseconds from the beginning of the run, in order.
    pub fn of(arrivals: &[i64], budget: Budget, seconds: f64) -> Self {
        let minute = (budget.per_minute / 60.0, f64::from(budget.burst.max(10)));
        let limits = [(budget.per_second, f64::from(budget.burst)), minute];
        let mut worst = f64::NEG_INFINITY;
        for (first, from) in arrivals.iter().enumerate() {
            for (last, to) in arrivals.iter().enumerate().skip(first) {
                for (rate, burst) in limits {
                    let allowed = rate * ((to - from) as f64 / 1e6 + SLACK) + burst;
                    worst = worst.max((last - first + 1) as f64 - allowed);
                }
            }
        }
        let rate = budget.per_second.min(budget.per_minute / 60.0);
        // An empty bucket gives its first token after one gap; a first request much later was somebody's fault.
        let from = arrivals.first().map_or(0.0, |at| (*at as f64 / 1e6).min(1.5 / rate));
        let could = 1.0 + rate * (seconds - from);
        Self { requests: arrivals.len(), worst_excess: worst, used: arrivals.len() as f64 / could.floor().max(1.0) }
    }
}

/// 1: all the same; 1/n: one has everything.
pub fn jain(values: impl Iterator<Item = f64>) -> f64 {
    let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for value in values {
        n += 1.0;
        sum += value;
        squares += value * value;
    }
    sum * sum / (n * squares)
}

pub fn median(mut values: Vec<f64>) -> f64 {
    percentile(&mut values, 0.5)
}

pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}
