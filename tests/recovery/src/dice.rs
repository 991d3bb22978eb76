//! Randomness that a failed test can repeat.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// The random numbers of one test. The seed is in the test's output; `POSTROAD_TEST_SEED` sets it.
#[derive(Debug)]
pub struct Dice {
    rng: StdRng,
}

impl Dice {
    /// The test's dice, from `POSTROAD_TEST_SEED` or thrown anew.
    ///
    /// # Panics
    /// `POSTROAD_TEST_SEED` is no number.
    #[must_use]
    pub fn new(test: &str) -> Self {
        let seed = match std::env::var("POSTROAD_TEST_SEED") {
            Ok(text) => text
                .parse()
                .unwrap_or_else(|_| panic!("POSTROAD_TEST_SEED={text} is no number")),
            Err(_) => rand::random(),
        };
        println!("{test}: POSTROAD_TEST_SEED={seed}");
        Self {
            rng: StdRng::seed_from_u64(seed),
        }
    }

    /// A number in `range`.
    pub fn within(&mut self, range: std::ops::Range<u64>) -> u64 {
        self.rng.random_range(range)
    }

    /// True one time in `of`.
    pub fn one_in(&mut self, of: u64) -> bool {
        self.within(0..of) == 0
    }

    /// Dice for somebody else, who then throws them independently.
    pub fn split(&mut self) -> Self {
        Self {
            rng: StdRng::seed_from_u64(self.rng.random()),
        }
    }
}

/// How many rounds a test with kills makes: `POSTROAD_TEST_ROUNDS`, or `usual`.
///
/// # Panics
/// `POSTROAD_TEST_ROUNDS` is no number.
#[must_use]
pub fn rounds(usual: u32) -> u32 {
    match std::env::var("POSTROAD_TEST_ROUNDS") {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("POSTROAD_TEST_ROUNDS={text} is no number")),
        Err(_) => usual,
    }
}
