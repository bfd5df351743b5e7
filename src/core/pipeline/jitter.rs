//! The jitter of retry delays: a seeded random number generator, so that a run can be replayed.

use fastrand::Rng;

/// Draws numbers from 0 to 1.
#[derive(Clone, Debug)]
pub enum Jitter {
    Seeded(Rng),
    /// Always 1: every delay is at its upper bound.
    Longest,
}

impl Jitter {
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Rng::with_seed(seed))
    }

    /// Creates a new generator for a part of the pipeline.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        match self {
            Self::Seeded(rng) => Self::Seeded(rng.fork()),
            Self::Longest => Self::Longest,
        }
    }

    pub(super) fn next(&mut self) -> f64 {
        match self {
            Self::Seeded(rng) => rng.f64(),
            Self::Longest => 1.0,
        }
    }
}
