//! What an update may touch. An update names fields of its resource in `update_mask` (google.protobuf.FieldMask); what
//! the resource says in other fields does not count.
//!
//! The fields that are named are taken into a resource without anything else, and that is checked as Create checks a new
//! one: so a value that Create refuses, an update refuses too, and for the same reason.

use postroad_types::{Error, Result};
use prost_types::FieldMask;

use crate::proto::pubsub::{Subscription, Topic};

/// What may be done to a field.
enum Rule<T> {
    /// It can be replaced, as a whole; this copies it.
    Replace(fn(&mut T, &T)),
    /// The same; it is a message, whose own fields a path can name.
    ReplaceMessage(fn(&mut T, &T)),
    /// It was set when the resource was created, or the service sets it (pubsub.proto).
    Keep,
}

type Field<T> = (&'static str, Rule<T>);

macro_rules! replace {
    ($kind:ident $field:ident) => {
        (
            stringify!($field),
            Rule::$kind(|to, from| to.$field.clone_from(&from.$field)),
        )
    };
}

const TOPIC: [Field<Topic>; 11] = [
    replace!(Replace labels),
    replace!(Replace message_retention_duration),
    replace!(Replace message_transforms),
    replace!(ReplaceMessage message_storage_policy),
    replace!(ReplaceMessage schema_settings),
    replace!(ReplaceMessage ingestion_data_source_settings),
    ("name", Rule::Keep),
    ("kms_key_name", Rule::Keep),
    ("satisfies_pzs", Rule::Keep),
    ("state", Rule::Keep),
    ("tags", Rule::Keep),
];

const SUBSCRIPTION: [Field<Subscription>; 22] = [
    replace!(Replace labels),
    replace!(Replace ack_deadline_seconds),
    replace!(Replace retain_acked_messages),
    replace!(Replace message_retention_duration),
    replace!(Replace enable_exactly_once_delivery),
    replace!(Replace message_transforms),
    replace!(ReplaceMessage expiration_policy),
    replace!(ReplaceMessage push_config),
    replace!(ReplaceMessage bigquery_config),
    replace!(ReplaceMessage cloud_storage_config),
    replace!(ReplaceMessage bigtable_config),
    replace!(ReplaceMessage dead_letter_policy),
    replace!(ReplaceMessage retry_policy),
    ("name", Rule::Keep),
    ("topic", Rule::Keep),
    ("enable_message_ordering", Rule::Keep),
    ("filter", Rule::Keep),
    ("detached", Rule::Keep),
    ("topic_message_retention_duration", Rule::Keep),
    ("state", Rule::Keep),
    ("analytics_hub_subscription_info", Rule::Keep),
    ("tags", Rule::Keep),
];

/// The fields of `topic` that `mask` names, and nothing else.
///
/// # Errors
/// `InvalidArgument` without a path, or for one that names no field, or one that can't be changed; `Unsupported` for a
/// field of a message.
pub fn topic(mask: Option<&FieldMask>, topic: &Topic) -> Result<Topic> {
    take("a topic", &TOPIC, mask, topic)
}

/// As [`topic`], for a subscription.
pub fn subscription(mask: Option<&FieldMask>, subscription: &Subscription) -> Result<Subscription> {
    take("a subscription", &SUBSCRIPTION, mask, subscription)
}

/// Whether `mask` names `field`.
pub fn has(mask: Option<&FieldMask>, field: &str) -> bool {
    mask.is_some_and(|mask| mask.paths.iter().any(|path| path == field))
}

fn take<T: Default>(kind: &str, fields: &[Field<T>], mask: Option<&FieldMask>, from: &T) -> Result<T> {
    let paths = mask.map_or(&[][..], |mask| &mask.paths);
    if paths.is_empty() {
        return Err(Error::invalid(
            "update_mask is required: name the fields to update",
        ));
    }
    let mut taken = T::default();
    for path in paths {
        let copy = permitted(kind, fields, path)?;
        copy(&mut taken, from);
    }
    Ok(taken)
}

fn permitted<T>(kind: &str, fields: &[Field<T>], path: &str) -> Result<fn(&mut T, &T)> {
    let (name, below) = path
        .split_once('.')
        .map_or((path, false), |(name, _)| (name, true));
    let rule = fields
        .iter()
        .find(|(field, _)| *field == name)
        .map(|(_, rule)| rule);
    match rule {
        Some(Rule::Replace(copy) | Rule::ReplaceMessage(copy)) if !below => Ok(*copy),
        Some(Rule::ReplaceMessage(_)) => Err(Error::unsupported(format!(
            "update_mask: a part of {name} ({}) is not supported yet: name the whole of {name}",
            shown(path)
        ))),
        Some(Rule::Replace(_)) => Err(Error::invalid(format!(
            "update_mask: {:?} is not allowed: {name} is replaced as a whole, by the path {name}",
            shown(path)
        ))),
        Some(Rule::Keep) => Err(Error::invalid(format!(
            "update_mask: {:?} can't be changed",
            shown(path)
        ))),
        None => Err(Error::invalid(format!(
            "update_mask: {:?} is not a field of {kind}",
            shown(path)
        ))),
    }
}

/// As much of a path as fits into an error.
fn shown(path: &str) -> String {
    const MAX_CHARS: usize = 64;
    path.chars().take(MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use postroad_types::ErrorKind::{self, InvalidArgument, Unsupported};

    use super::*;

    fn mask(paths: &[&str]) -> FieldMask {
        FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        }
    }

    fn labelled() -> Subscription {
        Subscription {
            name: "projects/shop/subscriptions/billing".into(),
            labels: [("team".into(), "money".into())].into(),
            ack_deadline_seconds: 42,
            filter: "attributes:x".into(),
            ..Default::default()
        }
    }

    #[test]
    fn what_is_named_is_taken_and_nothing_else() {
        let taken = |paths: &[&str]| subscription(Some(&mask(paths)), &labelled()).unwrap();
        let labels = Subscription {
            labels: labelled().labels,
            ..Default::default()
        };
        let both = Subscription {
            ack_deadline_seconds: 42,
            ..labels.clone()
        };
        assert_eq!(taken(&["labels"]), labels);
        assert_eq!(taken(&["labels", "labels"]), labels);
        assert_eq!(taken(&["ack_deadline_seconds", "labels"]), both);
        assert_eq!(taken(&["retry_policy"]), Subscription::default());
        assert!(has(Some(&mask(&["a", "b"])), "b"));
        assert!(!has(Some(&mask(&["a", "b.c"])), "b") && !has(None, "b"));
    }

    #[test]
    fn a_mask_is_required() {
        for none in [None, Some(&mask(&[]))] {
            for error in [
                topic(none, &Topic::default()).unwrap_err(),
                subscription(none, &labelled()).unwrap_err(),
            ] {
                assert_eq!(error.kind, InvalidArgument);
                assert!(error.message.starts_with("update_mask is required"), "{error}");
            }
        }
    }

    #[test]
    fn paths_that_are_refused() {
        fn expect<T: std::fmt::Debug>(taken: Result<T>, kind: ErrorKind, path: &str, says: &str) {
            let error = taken.expect_err(path);
            assert_eq!(error.kind, kind, "{path}: {error}");
            assert!(
                error.message.starts_with("update_mask")
                    && error.message.contains(path)
                    && error.message.contains(says),
                "{path}: {error}"
            );
        }
        for (path, kind, says) in [
            ("", InvalidArgument, "is not a field of a topic"),
            ("*", InvalidArgument, "is not a field"),
            ("colour", InvalidArgument, "is not a field"),
            ("Labels", InvalidArgument, "is not a field"),
            ("messageRetentionDuration", InvalidArgument, "is not a field"),
            ("ack_deadline_seconds", InvalidArgument, "is not a field"),
            ("labels.team", InvalidArgument, "replaced as a whole"),
            ("schema_settings.encoding", Unsupported, "not supported yet"),
            ("name", InvalidArgument, "can't be changed"),
            ("kms_key_name", InvalidArgument, "can't be changed"),
            ("satisfies_pzs", InvalidArgument, "can't be changed"),
            ("state", InvalidArgument, "can't be changed"),
            ("tags", InvalidArgument, "can't be changed"),
            ("tags.a", InvalidArgument, "can't be changed"),
        ] {
            let taken = topic(Some(&mask(&["labels", path])), &Topic::default());
            expect(taken, kind, path, says);
        }
        for (path, kind, says) in [
            (
                "message_storage_policy",
                InvalidArgument,
                "is not a field of a subscription",
            ),
            ("labels.team", InvalidArgument, "replaced as a whole"),
            ("ack_deadline_seconds.x", InvalidArgument, "replaced as a whole"),
            ("push_config.push_endpoint", Unsupported, "not supported yet"),
            ("name", InvalidArgument, "can't be changed"),
            ("topic", InvalidArgument, "can't be changed"),
            ("enable_message_ordering", InvalidArgument, "can't be changed"),
            ("filter", InvalidArgument, "can't be changed"),
            ("detached", InvalidArgument, "can't be changed"),
            (
                "topic_message_retention_duration",
                InvalidArgument,
                "can't be changed",
            ),
            ("state", InvalidArgument, "can't be changed"),
            (
                "analytics_hub_subscription_info",
                InvalidArgument,
                "can't be changed",
            ),
            ("tags", InvalidArgument, "can't be changed"),
        ] {
            let taken = subscription(Some(&mask(&["labels", path])), &labelled());
            expect(taken, kind, path, says);
        }
    }
}
