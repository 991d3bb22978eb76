//! Kubernetes' quantities, as far as telling whether two texts say the same. Pure.
//!
//! The API server writes them in a form of its own: what was applied as `1000m` is read back as `1`.

/// In thousand-millionths (`n`, the smallest unit there is).
const ONE: i128 = 1_000_000_000;

/// Whether `one` and `other` are quantities of the same value.
#[must_use]
pub fn is_same(one: &str, other: &str) -> bool {
    matches!((nanos(one), nanos(other)), (Some(one), Some(other)) if one == other)
}

/// The value; none when the text is no quantity, or one too large or too fine for this.
fn nanos(text: &str) -> Option<i128> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    let mantissa: i128 = digits.parse().ok()?;
    let value = mantissa.checked_mul(unit(suffix)?)?;
    let divisor = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let exact = value % divisor == 0;
    exact.then_some(if negative {
        -value / divisor
    } else {
        value / divisor
    })
}

/// One of the unit that `suffix` names.
fn unit(suffix: &str) -> Option<i128> {
    let thousands = |power| 1_000_i128.checked_pow(power).map(|factor| ONE * factor);
    let binary = |power| 1_024_i128.checked_pow(power).map(|factor| ONE * factor);
    match suffix {
        "n" => Some(1),
        "u" => Some(1_000),
        "m" => Some(1_000_000),
        "" => Some(ONE),
        "k" => thousands(1),
        "M" => thousands(2),
        "G" => thousands(3),
        "T" => thousands(4),
        "P" => thousands(5),
        "E" => thousands(6),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let power = u32::try_from(exponent.checked_add(9)?).ok()?;
            10_i128.checked_pow(power)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_value_is_the_same_in_whatever_form() {
        for (one, other) in [
            ("1000m", "1"),
            ("0.5", "500m"),
            (".5", "500m"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("1e3", "1k"),
            ("1E", "1000P"),
            ("2.", "+2"),
            ("-1", "-1000m"),
            ("100e-3", "100m"),
        ] {
            assert!(is_same(one, other) && is_same(other, one), "{one} {other}");
        }
        for (one, other) in [
            ("1", "1m"),
            ("1G", "1Gi"),
            ("-1", "1"),
            ("", ""),
            (".", "0"),
            ("1x", "1x"),
            ("1.2.3", "1.23"),
            ("1e99999999999", "1"),
            ("999999999999999999999999E", "1"),
        ] {
            assert!(!is_same(one, other), "{one:?} {other:?}");
        }
    }
}
