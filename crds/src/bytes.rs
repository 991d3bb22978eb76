//! Sizes in bytes as Kubernetes quantities: `10Gi`, `500M`, `1048576`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The pattern the API server holds a size to: the part of Kubernetes' quantities that makes sense for bytes.
pub(crate) const PATTERN: &str = r"^[0-9]{1,18}(\.[0-9]{1,3})?(Ki|Mi|Gi|Ti|Pi|Ei|k|M|G|T|P|E)?$";

const SUFFIXES: [(&str, u64); 13] = [
    ("", 1),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("P", 1_000_000_000_000_000),
    ("E", 1_000_000_000_000_000_000),
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("Pi", 1 << 50),
    ("Ei", 1 << 60),
];

/// A size in bytes as text, kept as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteQuantity(pub String);

/// A text that is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a size in bytes: write a number with an optional suffix, such as 10Gi or 500M")]
pub struct ByteQuantityError {
    text: String,
}

impl ByteQuantity {
    /// The number of bytes; a fraction of a byte is dropped.
    ///
    /// # Errors
    /// [`ByteQuantityError`] when the text is no size or is above 2^63 - 1 (Kubernetes' range).
    pub fn bytes(&self) -> Result<u64, ByteQuantityError> {
        parse(&self.0).ok_or_else(|| ByteQuantityError { text: self.0.clone() })
    }
}

impl From<&str> for ByteQuantity {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

fn parse(text: &str) -> Option<u64> {
    let suffix_at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(suffix_at);
    let size = SUFFIXES.iter().find(|(name, _)| *name == suffix)?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 3 {
        return None;
    }
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let fraction = u128::from(fraction.parse::<u64>().ok()?);
    let total =
        u128::from(whole.parse::<u64>().ok()?) * u128::from(size) + fraction * u128::from(size) / scale;
    i64::try_from(total)
        .ok()
        .and_then(|bytes| u64::try_from(bytes).ok())
}

impl JsonSchema for ByteQuantity {
    fn schema_name() -> Cow<'static, str> {
        "ByteQuantity".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 32, "pattern": PATTERN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_its_bytes() {
        for (text, bytes) in [
            ("10Gi", 10 << 30),
            ("500M", 500_000_000),
            ("1048576", 1 << 20),
            ("1.5Ki", 1536),
            ("0", 0),
        ] {
            assert_eq!(ByteQuantity::from(text).bytes().unwrap(), bytes, "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused_with_an_example() {
        for text in ["", "Gi", "10GB", "-1", "1.Gi", ".5Gi", "1m", "100E", "10 Gi"] {
            let error = ByteQuantity::from(text).bytes().unwrap_err().to_string();
            assert!(error.contains("such as 10Gi"), "{text}: {error}");
        }
    }
}
