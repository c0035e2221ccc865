//! The strict checker of somebody else's rate limit: when every request was received, and by how much the worst of *all*
//! windows exceeds `rate x window + burst`. It must never thin out what it saw: a sample could miss the one bad window.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What is promised: so many requests a second on the long run, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Promise {
    pub per_second: f64,
    pub burst: f64,
}

/// Which service a request was for; they have budgets of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    Crm,
    Chat,
    Whatsapp,
}

/// Receipt times in microseconds since 1970, taken from one clock that never goes back.
#[derive(Debug, Default)]
pub struct Rates(BTreeMap<(usize, Side), Vec<i64>>);

impl Rates {
    pub fn received(&mut self, org: usize, side: Side, at_us: i64) {
        self.0.entry((org, side)).or_default().push(at_us);
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// One row per organisation; `side` alone, or both as if they were one service.
    pub fn report(&self, side: Option<Side>, promises: &[Promise], slack_us: i64) -> Value {
        let mut by_org: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
        for ((org, of), times) in &self.0 {
            if side.is_none_or(|side| side == *of) {
                by_org.entry(*org).or_default().extend(times);
            }
        }
        let rows = by_org.into_iter().map(|(org, mut times)| {
            times.sort_unstable();
            let excesses = promises.iter().filter_map(|promise| worst_excess(&times, *promise, slack_us));
            let worst = excesses.fold(None, |worst: Option<f64>, one| Some(worst.map_or(one, |worst| worst.max(one))));
            json!({
                "org": org,
                "requests": times.len(),
                "first_at_us": times.first(),
                "last_at_us": times.last(),
                "worst_excess": worst,
            })
        });
        rows.collect()
    }
}

/// The largest `count - (rate x (window + slack) + burst)` over every window that starts and ends at a request, which are
/// the worst ones there are. Above zero the promise was broken.
fn worst_excess(times_us: &[i64], promise: Promise, slack_us: i64) -> Option<f64> {
    let first = *times_us.first()?;
    let mut lowest_before = f64::INFINITY;
    let mut worst = f64::NEG_INFINITY;
    for (index, at) in times_us.iter().enumerate() {
        // For a window from i to j: (j + 1 - rate x t_j) - (i - rate x t_i); the second part is at its lowest once.
        let allowed = promise.per_second * (at - first) as f64 / 1e6;
        lowest_before = lowest_before.min(index as f64 - allowed);
        worst = worst.max((index + 1) as f64 - allowed - lowest_before);
    }
    Some(worst - promise.per_second * slack_us as f64 / 1e6 - promise.burst)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMISE: Promise = Promise { per_second: 5.0, burst: 5.0 };

    /// Every window, one by one.
    fn slowly(times: &[i64], promise: Promise, slack_us: i64) -> f64 {
        let mut worst = f64::NEG_INFINITY;
        for i in 0..times.len() {
            for j in i..times.len() {
                let window = (times[j] - times[i] + slack_us) as f64 / 1e6;
                worst = worst.max((j - i + 1) as f64 - (promise.per_second * window + promise.burst));
            }
        }
        worst
    }

    #[test]
    fn it_agrees_with_looking_at_every_window() {
        let mut dice = super::super::dice::Dice::new(11);
        for _ in 0..200 {
            let mut times: Vec<i64> = (0..40).map(|_| (dice.next() % 3_000_000) as i64).collect();
            times.sort_unstable();
            for slack in [0, 50_000] {
                let quick = worst_excess(&times, PROMISE, slack).unwrap();
                assert!((quick - slowly(&times, PROMISE, slack)).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn a_burst_and_then_the_rate_is_just_allowed() {
        let kept: Vec<i64> = [0; 5].into_iter().chain((1..50).map(|n| n * 200_000)).collect();
        assert!(worst_excess(&kept, PROMISE, 0).unwrap() <= 1e-9);
        let mut broken = kept;
        broken.push(49 * 200_000 + 1_000);
        assert!(worst_excess(&broken, PROMISE, 0).unwrap() > 0.9);
        assert_eq!(worst_excess(&[], PROMISE, 0), None);
    }

    #[test]
    fn services_are_told_apart() {
        let mut rates = Rates::default();
        rates.received(0, Side::Crm, 10);
        rates.received(0, Side::Chat, 5);
        rates.received(2, Side::Crm, 30);
        assert_eq!(rates.report(Some(Side::Crm), &[PROMISE], 0)[0]["requests"], 1);
        assert_eq!(rates.report(None, &[PROMISE], 0)[0]["first_at_us"], 5);
        assert_eq!(rates.report(None, &[PROMISE], 0)[1]["org"], 2);
    }
}
