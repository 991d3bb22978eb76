//! A history of what a broker acknowledged, and what must be true of the log afterwards. Read in this order:
//!
//! 1. [`History`]: what clients were told, and the check of a log against it;
//! 2. [`Load`]: publishers and a consumer that work until the broker dies, and write the history;
//! 3. [`Dice`]: one seed for everything random.
//!
//! The tests are in `tests/`: `kill.rs` (kill -9) and `terminate.rs` (SIGTERM).

mod dice;
mod history;
mod load;
mod payload;

pub use dice::{Dice, rounds};
pub use history::{Acknowledged, History};
pub use load::{Load, Names};
