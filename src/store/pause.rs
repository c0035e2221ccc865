//! How long something that failed is left alone: what fails because a disk is full fails again in a moment, and each time says so.
//! Knows no clock.

use std::time::{Duration, Instant};

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// After each failure twice as long as after the one before it; a new one after a success.
#[derive(Debug, Default)]
pub(super) struct Pause {
    last: Duration,
    until: Option<Instant>,
}

impl Pause {
    /// It failed.
    pub fn begins(&mut self, now: Instant) {
        self.last = (self.last * 2).clamp(SHORTEST, LONGEST);
        self.until = Some(now + self.last);
    }

    pub fn left(&self, now: Instant) -> Duration {
        self.until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let (mut pause, mut now) = (Pause::default(), Instant::now());
        assert_eq!(pause.left(now), Duration::ZERO);
        let mut failures = 0;
        let end = now + Duration::from_secs(600);
        while now < end {
            pause.begins(now);
            failures += 1;
            assert!(pause.left(now) >= SHORTEST && pause.left(now) <= LONGEST);
            now += pause.left(now);
            assert_eq!(pause.left(now), Duration::ZERO, "it is tried again");
        }
        assert!((10..20).contains(&failures), "{failures} in ten minutes");
    }
}
