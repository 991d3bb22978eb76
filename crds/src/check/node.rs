//! One node of a structural schema against the value at its place. Knows the keywords that the generated schemas use.

use serde_json::{Map, Value};

use super::Violation;
use super::metadata;
use super::path::{FieldPath, Segment};
use crate::bytes::{self, ByteQuantity};
use crate::duration::{self, GoDuration};

/// Adds to `found` everything about `value` that `schema` does not allow.
pub(super) fn check(schema: &Value, value: &Value, path: &mut FieldPath, found: &mut Vec<Violation>) {
    if value.is_null() {
        if !flag(schema, "nullable") {
            refuse(
                path,
                found,
                "must not be empty; leave the field out to get its default".to_owned(),
            );
        }
        return;
    }
    if flag(schema, "x-kubernetes-int-or-string") {
        if !value.is_string() && !value.is_i64() && !value.is_u64() && !value.is_f64() {
            refuse(
                path,
                found,
                format!("must be a string or a number, not {}", name_of(value)),
            );
        }
        return;
    }
    match (schema["type"].as_str(), value) {
        (Some("object"), Value::Object(fields)) => object(schema, fields, path, found),
        (Some("array"), Value::Array(items)) => array(schema, items, path, found),
        (Some("string"), Value::String(text)) => string(schema, text, path, found),
        (Some("integer"), Value::Number(_)) if value.is_i64() || value.is_u64() => {
            number(schema, value, path, found);
        }
        (Some("number"), Value::Number(_)) => number(schema, value, path, found),
        (Some("boolean"), Value::Bool(_)) | (None, _) => {}
        (Some(wanted), _) => {
            refuse(
                path,
                found,
                format!("must be {}, not {}", with_article(wanted), name_of(value)),
            );
        }
    }
}

fn object(schema: &Value, fields: &Map<String, Value>, path: &mut FieldPath, found: &mut Vec<Violation>) {
    let known = schema["properties"].as_object();
    let others = schema
        .get("additionalProperties")
        .filter(|schema| schema.is_object());
    for (name, value) in fields {
        path.push(Segment::Key(name.clone()));
        match known.and_then(|known| known.get(name)).or(others) {
            Some(schema) => check(schema, value, path, found),
            None if flag(schema, "x-kubernetes-preserve-unknown-fields") => {}
            None => refuse(path, found, unknown(name, known)),
        }
        path.pop();
    }
    let required = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    for name in required.filter(|name| !fields.contains_key(*name)) {
        refuse(path, found, format!("{name} is required"));
    }
    if let Some(most) = schema["maxProperties"]
        .as_u64()
        .filter(|most| fields.len() as u64 > *most)
    {
        refuse(
            path,
            found,
            format!("has {} entries, at most {most} are allowed", fields.len()),
        );
    }
}

fn unknown(name: &str, known: Option<&Map<String, Value>>) -> String {
    let allowed: Vec<&str> = known
        .into_iter()
        .flat_map(Map::keys)
        .map(String::as_str)
        .collect();
    let meant = allowed.iter().find(|allowed| alike(allowed, name));
    let hint = meant
        .map(|meant| format!(" Did you mean {meant}?"))
        .unwrap_or_default();
    format!("unknown field.{hint} Allowed here: {}", allowed.join(", "))
}

/// Whether two names differ only in case and marks, or by one letter in the wrong place.
fn alike(one: &str, other: &str) -> bool {
    let plain = |text: &str| -> Vec<char> {
        text.chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect()
    };
    let (one, other) = (plain(one), plain(other));
    let start = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let left = one.len().min(other.len()) - start;
    let end = one
        .iter()
        .rev()
        .zip(other.iter().rev())
        .take(left)
        .take_while(|(a, b)| a == b)
        .count();
    let shorter_rest = left - end;
    let longer_rest = one.len().max(other.len()) - start - end;
    longer_rest <= 1 || (longer_rest == 2 && shorter_rest == 2 && one.len() > 3)
}

fn array(schema: &Value, items: &[Value], path: &mut FieldPath, found: &mut Vec<Violation>) {
    for (index, item) in items.iter().enumerate() {
        path.push(Segment::Index(index));
        check(&schema["items"], item, path, found);
        path.pop();
    }
    let size = items.len() as u64;
    if let Some(most) = schema["maxItems"].as_u64().filter(|most| size > *most) {
        refuse(
            path,
            found,
            format!("has {size} items, at most {most} are allowed"),
        );
    }
    if let Some(least) = schema["minItems"].as_u64().filter(|least| size < *least) {
        refuse(
            path,
            found,
            format!("has {size} items, at least {least} are needed"),
        );
    }
}

fn string(schema: &Value, text: &str, path: &FieldPath, found: &mut Vec<Violation>) {
    if let Some(choices) = schema["enum"].as_array() {
        if !choices.iter().any(|choice| choice == text) {
            let choices: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
            refuse(
                path,
                found,
                format!("must be one of {}, not {text:?}", choices.join(", ")),
            );
        }
        return;
    }
    let length = text.chars().count() as u64;
    let pattern = schema["pattern"].as_str();
    if pattern.is_some_and(|pattern| !matches(pattern, text)) {
        refuse(path, found, no_match(pattern.unwrap_or_default(), text));
    } else if let Some(most) = schema["maxLength"].as_u64().filter(|most| length > *most) {
        refuse(
            path,
            found,
            format!("has {length} characters, at most {most} are allowed"),
        );
    } else if let Some(least) = schema["minLength"].as_u64().filter(|least| length < *least) {
        refuse(
            path,
            found,
            format!("has {length} characters, at least {least} are needed"),
        );
    }
}

/// A pattern that can't be read allows nothing; the schema lint makes sure there is none.
fn matches(pattern: &str, text: &str) -> bool {
    regex_lite::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
}

/// Says in words what the best-known patterns mean.
fn no_match(pattern: &str, text: &str) -> String {
    let words = match pattern {
        duration::PATTERN => GoDuration::from(text)
            .parse()
            .err()
            .map(|error| error.to_string()),
        metadata::DNS_LABEL | metadata::DNS_NAME => Some(dns_words(pattern, text)),
        bytes::PATTERN => ByteQuantity::from(text)
            .bytes()
            .err()
            .map(|error| error.to_string()),
        _ => None,
    };
    words.unwrap_or_else(|| format!("{text:?} does not match {pattern}"))
}

fn dns_words(pattern: &str, text: &str) -> String {
    let marks = if pattern == metadata::DNS_NAME {
        "- and ."
    } else {
        "and -"
    };
    format!(
        "{text:?} is not allowed: write lower-case letters, digits, {marks}, with a letter or digit first and last"
    )
}

fn number(schema: &Value, value: &Value, path: &FieldPath, found: &mut Vec<Violation>) {
    let (least, most) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
    let number = value.as_f64().unwrap_or(f64::NAN);
    let inside = least.is_none_or(|least| number >= least) && most.is_none_or(|most| number <= most);
    if !inside {
        let range = match (least, most) {
            (Some(least), Some(most)) => format!("{least} to {most}"),
            (Some(least), None) => format!("at least {least}"),
            (_, most) => format!("at most {}", most.unwrap_or(f64::INFINITY)),
        };
        refuse(path, found, format!("must be {range}, not {value}"));
    } else if schema["format"] == "int32" && value.as_i64().is_none_or(|value| i32::try_from(value).is_err())
    {
        refuse(path, found, format!("must fit in 32 bits, not {value}"));
    }
}

fn flag(schema: &Value, keyword: &str) -> bool {
    schema[keyword].as_bool().unwrap_or(false)
}

fn refuse(path: &FieldPath, found: &mut Vec<Violation>, message: String) {
    found.push(Violation {
        path: path.clone(),
        message,
    });
}

fn with_article(type_name: &str) -> String {
    let words = match type_name {
        "object" => "a mapping",
        "array" => "a list",
        "integer" => "a whole number",
        "boolean" => "true or false",
        other => return format!("a {other}"),
    };
    words.to_owned()
}

fn name_of(value: &Value) -> String {
    match value {
        Value::Null => "empty".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(text) => format!("the string {text:?}"),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}
