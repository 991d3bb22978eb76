//! What is wrong with a file, and where.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::yaml::Mark;

/// A file's name and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name as the user gave it.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's name.
    pub file: Arc<str>,
    /// Where in it.
    pub mark: Mark,
}

/// `shop.yaml:12:3`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.mark.line, self.mark.column)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The file's name.
    pub file: String,
    /// The line, from 1; 0 when the file as a whole is meant.
    pub line: u64,
    /// The column, from 1; 0 when the file as a whole is meant.
    pub column: u64,
    /// The resource: `Topic shop/orders`; none when it can't be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// What is wrong and what is allowed; begins with the field when there is one.
    pub message: String,
}

impl Problem {
    /// `message` about `resource` at `place`.
    #[must_use]
    pub fn new(place: &Place, resource: Option<String>, message: String) -> Self {
        let Mark { line, column } = place.mark;
        Self {
            file: place.file.to_string(),
            line,
            column,
            resource,
            message,
        }
    }
}

/// `shop.yaml:12:3: Topic shop/orders: spec.partitions: must be 1 to 1024, not 0`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        f.write_str(" ")?;
        if let Some(resource) = &self.resource {
            write!(f, "{resource}: ")?;
        }
        f.write_str(&self.message)
    }
}
