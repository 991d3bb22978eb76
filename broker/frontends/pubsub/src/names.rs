//! Full resource names (`projects/P/topics/T`) as requests write them.
//!
//! The broker's own rule for a name is wider than Pub/Sub's: a resource declared in Kubernetes may be called `a` or `1st`.
//! So a name to *create* must follow Pub/Sub's rule, and a name to *use* only the broker's.

use postroad_types::{Error, Namespace, Result, SubscriptionName, TopicName};

const MIN_LEN: usize = 3;
const MAX_LEN: usize = postroad_types::limits::MAX_NAME_LEN;

/// The project of a list request: `projects/P`.
pub fn project(field: &str, text: &str) -> Result<Namespace> {
    match text.strip_prefix("projects/") {
        Some(project) => Namespace::parse(project).map_err(|error| in_field(field, &error)),
        None => Err(bad_form(field, text, "projects/PROJECT")),
    }
}

/// The name of a topic that should be there.
pub fn topic(field: &str, text: &str) -> Result<TopicName> {
    let (project, name) = split(field, text, "topics", "projects/PROJECT/topics/TOPIC")?;
    TopicName::parse(project, name).map_err(|error| in_field(field, &error))
}

/// The name of a subscription that should be there.
pub fn subscription(field: &str, text: &str) -> Result<SubscriptionName> {
    let form = "projects/PROJECT/subscriptions/SUBSCRIPTION";
    let (project, name) = split(field, text, "subscriptions", form)?;
    SubscriptionName::parse(project, name).map_err(|error| in_field(field, &error))
}

/// The name of a topic to create.
pub fn new_topic(field: &str, text: &str) -> Result<TopicName> {
    let parsed = topic(field, text)?;
    check_new(field, parsed.name())?;
    Ok(parsed)
}

/// The name of a subscription to create.
pub fn new_subscription(field: &str, text: &str) -> Result<SubscriptionName> {
    let parsed = subscription(field, text)?;
    check_new(field, parsed.name())?;
    Ok(parsed)
}

/// Pub/Sub's rule for names (pubsub.proto, `Topic.name` and `Subscription.name`). The characters are checked already:
/// the broker allows the same ones.
fn check_new(field: &str, name: &str) -> Result<()> {
    let first_is_letter = name.starts_with(|c: char| c.is_ascii_alphabetic());
    if !(MIN_LEN..=MAX_LEN).contains(&name.len()) || !first_is_letter {
        return Err(Error::invalid(format!(
            "{field}: {name:?} is not a valid name: it needs {MIN_LEN} to {MAX_LEN} characters, a letter first"
        )));
    }
    if name.starts_with("goog") {
        return Err(Error::invalid(format!(
            "{field}: {name:?} is not a valid name: names that start with \"goog\" are reserved"
        )));
    }
    Ok(())
}

fn split<'a>(field: &str, text: &'a str, collection: &str, form: &str) -> Result<(&'a str, &'a str)> {
    let mut parts = text.split('/');
    match (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    ) {
        (Some("projects"), Some(project), Some(found), Some(name), None) if found == collection => {
            Ok((project, name))
        }
        _ => Err(bad_form(field, text, form)),
    }
}

fn bad_form(field: &str, text: &str, form: &str) -> Error {
    if text.is_empty() {
        return Error::invalid(format!("{field} is required, in the form {form}"));
    }
    // A name may be as long as the request; the answer is not.
    let shown: String = text.chars().take(MAX_LEN).collect();
    Error::invalid(format!("{field}: {shown:?} does not have the form {form}"))
}

fn in_field(field: &str, error: &Error) -> Error {
    Error::new(error.kind, format!("{field}: {}", error.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_to_create_follows_pubsubs_rule() {
        let longest = format!("projects/shop/topics/{}", "x".repeat(255));
        for good in [
            "projects/shop/topics/orders",
            "projects/shop/topics/a-_.~+%9",
            longest.as_str(),
        ] {
            assert_eq!(new_topic("name", good).unwrap().to_string(), good);
        }
        let too_long = format!("projects/shop/topics/{}", "x".repeat(256));
        for (bad, says) in [
            ("", "name is required"),
            ("orders", "does not have the form projects/PROJECT/topics/TOPIC"),
            ("projects/shop/subscriptions/orders", "does not have the form"),
            ("projects/shop/topics/orders/x", "does not have the form"),
            ("projects//topics/orders", "namespace \"\" is not valid"),
            ("projects/shop/topics/", "is not valid"),
            ("projects/shop/topics/ab", "3 to 255 characters"),
            ("projects/shop/topics/1st-orders", "a letter first"),
            ("projects/shop/topics/goog-orders", "reserved"),
            ("projects/shop/topics/or ders", "letters, digits"),
            ("projects/shop/topics/ördérs", "letters, digits"),
            (too_long.as_str(), "255"),
        ] {
            let error = new_topic("name", bad).unwrap_err();
            assert!(
                error.message.contains(says) && error.message.starts_with("name"),
                "{bad}: {error}"
            );
        }
    }

    #[test]
    fn a_name_from_kubernetes_can_be_used_though_pubsub_could_not_create_it() {
        for name in ["a", "1st", "google"] {
            assert!(topic("topic", &format!("projects/shop/topics/{name}")).is_ok());
            assert!(subscription("subscription", &format!("projects/shop/subscriptions/{name}")).is_ok());
        }
        assert!(new_subscription("name", "projects/shop/subscriptions/google").is_err());
    }

    #[test]
    fn a_project_is_named_in_full() {
        assert_eq!(project("project", "projects/shop").unwrap().as_str(), "shop");
        for bad in ["", "shop", "projects/", "projects/a/b"] {
            assert!(
                project("project", bad)
                    .unwrap_err()
                    .message
                    .starts_with("project"),
                "{bad}"
            );
        }
    }
}
