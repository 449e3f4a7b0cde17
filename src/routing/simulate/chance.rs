//! Lengths of time drawn at random, repeatable by their seed.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::kernel::time::Millis;

/// How a length of time is distributed. Means are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// Always the same.
    Fixed(Millis),
    /// Exponential with this mean: what queueing theory assumes.
    Exponential(Millis),
    /// Log-normal with this mean and coefficient of variation (standard deviation over mean): what desks
    /// measure.
    LogNormal { mean: Millis, cv: f64 },
}

impl Length {
    /// The mean in seconds.
    #[must_use]
    pub fn mean_s(self) -> f64 {
        match self {
            Self::Fixed(mean) | Self::Exponential(mean) | Self::LogNormal { mean, .. } => mean.as_secs_f64(),
        }
    }
}

/// The dice of one run.
#[derive(Debug)]
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// In (0, 1]: its logarithm is finite.
    fn unit(&mut self) -> f64 {
        1.0 - self.0.random::<f64>()
    }

    pub(super) fn length(&mut self, of: Length) -> Millis {
        match of {
            Length::Fixed(length) => length,
            Length::Exponential(mean) => self.exponential(mean.as_secs_f64()),
            Length::LogNormal { mean, cv } => {
                let sigma2 = (1.0 + cv * cv).ln();
                let mu = mean.as_secs_f64().ln() - sigma2 / 2.0;
                millis((mu + sigma2.sqrt() * self.normal()).exp())
            }
        }
    }

    /// The time to the next arrival of a Poisson process with this mean distance in seconds.
    pub(super) fn exponential(&mut self, mean_s: f64) -> Millis {
        millis(-self.unit().ln() * mean_s)
    }

    /// A standard normal value (Box and Muller 1958).
    fn normal(&mut self) -> f64 {
        let (u, v) = (self.unit(), self.unit());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    /// The place of one of `weights`, each as likely as its share; the last one when all are zero.
    pub(super) fn pick(&mut self, weights: impl Iterator<Item = f64> + Clone) -> usize {
        let mut left = self.0.random::<f64>() * weights.clone().sum::<f64>();
        let mut last = 0;
        for (place, weight) in weights.enumerate() {
            last = place;
            if left < weight {
                return place;
            }
            left -= weight;
        }
        last
    }

    /// Whether something of this probability happens.
    pub(super) fn happens(&mut self, probability: f64) -> bool {
        self.0.random::<f64>() < probability
    }
}

/// Whole milliseconds of a length in seconds, bounded to a year.
#[expect(clippy::cast_possible_truncation, reason = "bounded to a year before the cast")]
fn millis(seconds: f64) -> Millis {
    const YEAR_S: f64 = 31_536_000.0;
    Millis((seconds.clamp(0.0, YEAR_S) * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(length: Length) -> (f64, f64) {
        let mut dice = Dice::new(7);
        let drawn: Vec<f64> = (0..200_000).map(|_| dice.length(length).as_secs_f64()).collect();
        let mean = drawn.iter().sum::<f64>() / 200_000.0;
        let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 200_000.0;
        (mean, variance.sqrt() / mean)
    }

    #[test]
    fn draws_have_the_mean_and_the_spread_that_were_asked_for() {
        let (mean, cv) = moments(Length::Exponential(Millis::from_mins(15)));
        assert!((mean / 900.0 - 1.0).abs() < 0.01 && (cv - 1.0).abs() < 0.01, "{mean} {cv}");
        let (mean, cv) = moments(Length::LogNormal { mean: Millis::from_mins(12), cv: 0.8 });
        assert!((mean / 720.0 - 1.0).abs() < 0.01 && (cv - 0.8).abs() < 0.02, "{mean} {cv}");
        assert_eq!(moments(Length::Fixed(Millis::from_secs(3))), (3.0, 0.0));
    }

    #[test]
    fn shares_are_kept() {
        let mut dice = Dice::new(1);
        let mut counts = [0_u32; 3];
        for _ in 0..100_000 {
            counts[dice.pick([1.0, 0.0, 3.0].into_iter())] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((f64::from(counts[2]) / f64::from(counts[0]) - 3.0).abs() < 0.1, "{counts:?}");
        assert_eq!(dice.pick(std::iter::empty()), 0);
    }
}
