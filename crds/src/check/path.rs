//! The way to a field: `spec.conditions[0].type`.

use std::fmt;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// Into a field of an object or an entry of a map.
    Key(String),
    /// Into an item of a list.
    Index(usize),
}

/// The way from the root of an object to a field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FieldPath(Vec<Segment>);

impl FieldPath {
    /// The object itself.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// Whether it is the object itself.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The steps.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Reads what [`FieldPath`] writes. Keys that hold dots or brackets are taken apart: the path then leads nowhere, and
    /// who looks it up stops at the last field that exists.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let steps = text.split(['.', '[', ']']).filter(|step| !step.is_empty());
        Self(
            steps
                .map(|step| {
                    step.parse()
                        .map_or_else(|_| Segment::Key(step.to_owned()), Segment::Index)
                })
                .collect(),
        )
    }

    pub(super) fn push(&mut self, segment: Segment) {
        self.0.push(segment);
    }

    pub(super) fn pop(&mut self) {
        self.0.pop();
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if position == 0 => write!(f, "{key}")?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
