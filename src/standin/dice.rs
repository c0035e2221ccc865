//! Chance that repeats itself: the same seed rolls the same dice, so a run with faults can be run again.

/// SplitMix64.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// True once in `1 / rate` rolls.
    pub fn hits(&mut self, rate: f64) -> bool {
        // 53 bits fill a double exactly.
        let roll = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        roll < rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_is_about_a_tenth_and_the_same_again() {
        let rolls = |seed| {
            let mut dice = Dice::new(seed);
            (0..10_000).map(|_| dice.hits(0.1)).collect::<Vec<_>>()
        };
        let hits = rolls(7).into_iter().filter(|hit| *hit).count();
        assert!((900..1_100).contains(&hits), "{hits}");
        assert_eq!(rolls(7), rolls(7));
        assert_ne!(rolls(7), rolls(8));
        let mut dice = Dice::new(1);
        assert!((0..1_000).all(|_| dice.hits(1.0)) && !(0..1_000).any(|_| dice.hits(0.0)));
    }
}
