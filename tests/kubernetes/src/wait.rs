//! Conditions that come true some time later.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(200);

/// Looks at a condition until it is true (`Ok(Ok(value))`), at most for `limit`; an error says what was last seen
/// (`Ok(Err(seen))`). A look that fails itself (`Err`) ends the wait.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<Result<T, String>>,
) -> Result<T> {
    let started = Instant::now();
    loop {
        let seen = match look()? {
            Ok(value) => return Ok(value),
            Err(seen) => seen,
        };
        if started.elapsed() > limit {
            bail!("waited {limit:?} for {what}; last seen: {seen}");
        }
        std::thread::sleep(INTERVAL);
    }
}
