//! YAML documents that remember where each value stood.

use std::fmt;

use postroad_crds::check::{FieldPath, Segment};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{Location, Spanned};

/// A place in a file; both count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

impl Mark {
    /// Where a file begins.
    pub const START: Self = Self { line: 1, column: 1 };
    /// Stands for a file as a whole.
    pub const NONE: Self = Self { line: 0, column: 0 };
}

impl From<Location> for Mark {
    fn from(location: Location) -> Self {
        Self {
            line: location.line().max(1),
            column: location.column().max(1),
        }
    }
}

/// A value and where it stood.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where the value begins.
    pub mark: Mark,
    content: Content,
}

#[derive(Clone, Debug, PartialEq)]
enum Content {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    key: String,
    mark: Mark,
    value: Node,
}

/// What is wrong with a text as YAML, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YamlError {
    /// Where.
    pub mark: Mark,
    /// What.
    pub message: String,
}

/// Reads all documents of a text; empty ones are left out.
///
/// # Errors
/// [`YamlError`] at the first place that is not YAML, has a key twice, or refers too much to other places.
pub fn parse(text: &str) -> Result<Vec<Node>, YamlError> {
    let options = serde_saphyr::options! {
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    };
    let documents: Vec<Spanned<Content>> =
        serde_saphyr::from_multiple_with_options(text, options).map_err(|error| YamlError {
            mark: error.location().map_or(Mark::START, Mark::from),
            message: without_place(&error.render_with_formatter(&serde_saphyr::UserMessageFormatter)),
        })?;
    Ok(documents.into_iter().map(Node::from).collect())
}

/// The library ends its messages with the place, which is said elsewhere.
fn without_place(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    first
        .split(" at line ")
        .next()
        .unwrap_or(first)
        .trim_end_matches([' ', ',', ':'])
        .to_owned()
}

impl Node {
    /// The value without its places.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_json()))
                    .collect(),
            ),
        }
    }

    /// Where the field at `path` stands, or the last field on the way to it that is there.
    #[must_use]
    pub fn locate(&self, path: &FieldPath) -> Mark {
        let (mut node, mut mark) = (self, self.mark);
        for segment in path.segments() {
            let Some((place, next)) = node.step(segment) else {
                break;
            };
            (node, mark) = (next, place);
        }
        mark
    }

    fn step(&self, segment: &Segment) -> Option<(Mark, &Node)> {
        match (&self.content, segment) {
            (Content::Map(entries), Segment::Key(key)) => {
                let entry = entries.iter().find(|entry| entry.key == *key)?;
                Some((entry.mark, &entry.value))
            }
            (Content::List(items), Segment::Index(index)) => items.get(*index).map(|item| (item.mark, item)),
            _ => None,
        }
    }
}

impl From<Spanned<Content>> for Node {
    fn from(spanned: Spanned<Content>) -> Self {
        Self {
            mark: spanned.referenced.into(),
            content: spanned.value,
        }
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Content, E> {
        let number = serde_json::Number::from_f64(value);
        number
            .map(|number| Content::Scalar(number.into()))
            .ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Content, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element::<Spanned<Content>>()? {
            items.push(item.into());
        }
        Ok(Content::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Content, A::Error> {
        let mut entries: Vec<Entry> = Vec::new();
        while let Some(key) = access.next_key::<Spanned<String>>()? {
            if entries.iter().any(|entry| entry.key == key.value) {
                return Err(A::Error::custom(format!("the key {} is there twice", key.value)));
            }
            let value = access.next_value::<Spanned<Content>>()?.into();
            entries.push(Entry {
                key: key.value,
                mark: key.referenced.into(),
                value,
            });
        }
        Ok(Content::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# first\na:\n  b: [x, 2]\n  'c': 10s\n---\nd: null\ne: true\n";

    #[test]
    fn values_and_their_places_are_kept() {
        let documents = parse(TEXT).unwrap();
        assert_eq!(documents.len(), 2);
        assert_eq!(
            documents[0].to_json(),
            serde_json::json!({ "a": { "b": ["x", 2], "c": "10s" } })
        );
        assert_eq!(
            documents[1].to_json(),
            serde_json::json!({ "d": null, "e": true })
        );
        for (document, path, line, column) in [
            (0, "a", 2, 1),
            (0, "a.b", 3, 3),
            (0, "a.b[1]", 3, 10),
            (0, "a.c", 4, 3),
            (0, "a.missing", 2, 1),
            (1, "e", 7, 1),
        ] {
            assert_eq!(
                documents[document].locate(&FieldPath::parse(path)),
                Mark { line, column },
                "{path}"
            );
        }
    }

    #[test]
    fn what_is_not_yaml_is_refused_with_its_place() {
        for (text, line) in [
            ("a: 1\nb: [\n", 2),
            ("a: 1\na: 2\n", 2),
            ("ok: 1\n---\na: 1\n b: 2\n", 4),
            ("a:\n\tb: 1\n", 2),
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                error.mark.line >= line && !error.message.is_empty(),
                "{text:?}: {error:?}"
            );
        }
    }
}
