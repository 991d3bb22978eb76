//! Waiting for a condition, not for a time.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

const POLL: Duration = Duration::from_millis(10);

/// Asks `probe` again and again until it gives a value.
///
/// # Errors
/// The probe's own error at once; or, after `limit`, that `what` did not happen.
pub async fn eventually<T>(
    what: &str,
    limit: Duration,
    mut probe: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = probe().await? {
            return Ok(value);
        }
        if Instant::now() > deadline {
            bail!("{what} did not happen within {} s", limit.as_secs_f32());
        }
        tokio::time::sleep(POLL).await;
    }
}
