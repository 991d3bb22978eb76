//! What a request's path and query say.

use std::collections::HashMap;

/// The collection or object that a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `topics.postroad.dev`, `pods`: plural and group.
    pub resource: String,
    pub namespace: Option<String>,
    pub name: Option<String>,
    pub subresource: Option<String>,
}

impl Target {
    pub fn parse(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (group, rest) = match parts.as_slice() {
            ["api", _version, rest @ ..] => ("", rest),
            ["apis", group, _version, rest @ ..] => (*group, rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some((*namespace).to_owned()), rest),
            rest => (None, rest),
        };
        let text = |at: usize| rest.get(at).map(|part| (*part).to_owned());
        let plural = text(0)?;
        let resource = if group.is_empty() {
            plural
        } else {
            format!("{plural}.{group}")
        };
        Some(Self {
            resource,
            namespace,
            name: text(1),
            subresource: text(2),
        })
    }
}

pub fn query(uri: &http::Uri) -> HashMap<String, String> {
    let pairs = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(key, value)| (key.to_owned(), decoded(value)))
        .collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = (byte == b'%')
            .then(|| std::str::from_utf8(tail.get(..2)?).ok())
            .flatten();
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(if byte == b'+' { b' ' } else { byte });
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether an object's labels match a selector of equalities.
pub fn selects(selector: &str, object: &serde_json::Value) -> bool {
    selector.split(',').filter(|term| !term.is_empty()).all(|term| {
        let (key, value) = term.split_once('=').expect("the fake knows equalities only");
        object["metadata"]["labels"][key] == value
    })
}
