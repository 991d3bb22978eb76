//! Namespaces and names. A Kubernetes namespace is the tenant; Pub/Sub calls it the project.
//!
//! A [`Namespace`] or [`ResourceName`] that exists is valid: it can only be parsed.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::limits::{MAX_NAME_LEN, MAX_NAMESPACE_LEN};

/// A tenant: a Kubernetes namespace, a Pub/Sub project, an AMQP vhost.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(Arc<str>);

impl Namespace {
    /// Parses a namespace: 1 to 100 letters, digits and `-._:`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidArgument`] that says what is allowed.
    pub fn parse(text: &str) -> Result<Self> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if text.is_empty() || text.len() > MAX_NAMESPACE_LEN || !text.chars().all(allowed) {
            return Err(Error::invalid(format!(
                "namespace {text:?} is not valid: it needs 1 to {MAX_NAMESPACE_LEN} letters, digits or -._:"
            )));
        }
        Ok(Self(text.into()))
    }

    /// The namespace's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name within a namespace, whatever kind of resource it names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceName {
    namespace: Namespace,
    name: Arc<str>,
}

impl ResourceName {
    /// Checks `name`: 1 to 255 letters, digits and `-_.~+%`. A protocol's own, stricter rules belong to its front end.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidArgument`] that says what is allowed.
    pub fn new(namespace: Namespace, name: &str) -> Result<Self> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.~+%".contains(c);
        if name.is_empty() || name.len() > MAX_NAME_LEN || !name.chars().all(allowed) {
            return Err(Error::invalid(format!(
                "name {name:?} is not valid: it needs 1 to {MAX_NAME_LEN} letters, digits or -_.~+%"
            )));
        }
        Ok(Self {
            namespace,
            name: name.into(),
        })
    }

    /// Parses namespace and name at once.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidArgument`] that says what is allowed.
    pub fn parse(namespace: &str, name: &str) -> Result<Self> {
        Self::new(Namespace::parse(namespace)?, name)
    }

    /// The tenant.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The name within the namespace.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// `namespace/name`, as `kubectl` writes it.
impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

macro_rules! kind_of_name {
    ($(#[$doc:meta])* $name:ident, $collection:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub ResourceName);

        impl $name {
            /// Parses namespace and name.
            ///
            /// # Errors
            /// [`crate::ErrorKind::InvalidArgument`] that says what is allowed.
            pub fn parse(namespace: &str, name: &str) -> Result<Self> {
                ResourceName::parse(namespace, name).map(Self)
            }

            /// The tenant.
            #[must_use]
            pub fn namespace(&self) -> &Namespace {
                self.0.namespace()
            }

            /// The name within the namespace.
            #[must_use]
            pub fn name(&self) -> &str {
                self.0.name()
            }
        }

        /// The full resource name of Pub/Sub, which clients know from error messages.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("projects/{}/", $collection, "/{}"), self.0.namespace, self.0.name)
            }
        }
    };
}

kind_of_name!(
    /// A topic's name, a queue's too: a queue is the topic and the subscription of its name.
    TopicName, "topics");
kind_of_name!(
    /// A subscription's name.
    SubscriptionName, "subscriptions");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_as_pubsub_writes_them() {
        let topic = TopicName::parse("shop", "orders").unwrap();
        assert_eq!(topic.to_string(), "projects/shop/topics/orders");
        assert_eq!(
            SubscriptionName(topic.0).to_string(),
            "projects/shop/subscriptions/orders"
        );
    }

    #[test]
    fn a_bad_name_is_refused_with_the_rule() {
        for (namespace, name) in [
            ("", "a"),
            ("a/b", "a"),
            ("shop", ""),
            ("shop", "a b"),
            ("shop", "a/b"),
        ] {
            let error = ResourceName::parse(namespace, name).unwrap_err();
            assert!(error.message.contains("letters, digits"), "{error}");
        }
        assert!(ResourceName::parse("shop", &"x".repeat(256)).is_err());
    }
}
