//! Durations as Go writes them: `10s`, `1h30m`, `604800s`.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The pattern the API server holds a duration to.
pub(crate) const PATTERN: &str = r"^([0-9]{1,10}(\.[0-9]{1,9})?(h|m|s|ms|us|ns))+$";

/// Nanoseconds of each unit.
const UNITS: [(&str, u64); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// A duration as text, kept as it was written so that nothing differs from what the user applied.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GoDuration(pub String);

/// A text that is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a duration: write numbers with a unit of h, m, s, ms, us or ns, such as 10s or 1h30m"
)]
pub struct DurationError {
    text: String,
}

impl GoDuration {
    /// The duration that the text says. Sums its parts, as Go does: `1h30m` is 90 minutes.
    ///
    /// # Errors
    /// [`DurationError`] when the text is no duration or is longer than 292 years (Go's range).
    pub fn parse(&self) -> Result<Duration, DurationError> {
        parse(&self.0).ok_or_else(|| DurationError { text: self.0.clone() })
    }
}

impl From<&str> for GoDuration {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

fn parse(text: &str) -> Option<Duration> {
    if text.is_empty() {
        return None;
    }
    let mut rest = text;
    let mut nanoseconds: u64 = 0;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(unit_at);
        let next = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(next);
        nanoseconds = nanoseconds.checked_add(part(number, unit)?)?;
        rest = tail;
    }
    i64::try_from(nanoseconds).ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

/// `number` of `unit`, in nanoseconds.
fn part(number: &str, unit: &str) -> Option<u64> {
    let size = UNITS.iter().find(|(name, _)| *name == unit)?.1;
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return None,
        None => (number, ""),
    };
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(size)?;
    let digits = u32::try_from(fraction.len()).ok()?;
    let fraction = if fraction.is_empty() {
        0
    } else {
        fraction.parse::<u64>().ok()?
    };
    let fraction = u128::from(fraction) * u128::from(size) / 10_u128.pow(digits);
    whole.checked_add(u64::try_from(fraction).ok()?)
}

impl JsonSchema for GoDuration {
    fn schema_name() -> Cow<'static, str> {
        "GoDuration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 2, "maxLength": 32, "pattern": PATTERN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_the_sum_of_its_parts() {
        for (text, millis) in [
            ("10s", 10_000),
            ("1h30m", 5_400_000),
            ("604800s", 604_800_000),
            ("1.5s", 1_500),
            ("0s", 0),
            ("1m0.25s", 60_250),
        ] {
            assert_eq!(
                GoDuration::from(text).parse().unwrap(),
                Duration::from_millis(millis),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in [
            "",
            "10",
            "s",
            "1d",
            "-1s",
            "1.s",
            "1..5s",
            "1.2.3s",
            "10 s",
            "9999999999h",
            "١s",
        ] {
            let error = GoDuration::from(text).parse().unwrap_err().to_string();
            assert!(error.contains("such as 10s"), "{text}: {error}");
        }
    }

    #[test]
    fn what_the_parser_takes_and_the_pattern_takes_agree() {
        let pattern = regex_lite::Regex::new(PATTERN).unwrap();
        for text in [
            "10s", "1h30m", "1.5s", "", "10", "s", "1d", "-1s", "1.s", "1..5s", "10 s", "5ms3us", "1m1m",
        ] {
            assert_eq!(
                pattern.is_match(text),
                GoDuration::from(text).parse().is_ok(),
                "{text}"
            );
        }
    }
}
