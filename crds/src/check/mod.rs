//! An object against its CRD without an API server: types, bounds, unknown fields and CEL rules. Dev mode and tests use
//! it, so a document that is right here is right in Kubernetes.

mod metadata;
mod node;
mod path;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::cel;
use serde_json::Value;

pub use path::{FieldPath, Segment};

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field.
    pub path: FieldPath,
    /// What is wrong and what is allowed, without the path.
    pub message: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.path.is_root() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

/// Checks objects of one kind.
#[derive(Debug)]
pub struct Checker {
    schema: Value,
    validator: cel::Validator,
}

/// A definition that has no schema to check by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the definition {0} has no schema")]
pub struct NoSchema(String);

impl Checker {
    /// A checker by the schema of `definition`'s first version.
    ///
    /// # Errors
    /// [`NoSchema`] for a definition without one; those of [`crate::manifest::definitions`] have it.
    pub fn new(definition: &CustomResourceDefinition) -> Result<Self, NoSchema> {
        let missing = || NoSchema(definition.metadata.name.clone().unwrap_or_default());
        let version = definition.spec.versions.first().ok_or_else(missing)?;
        let schema = version
            .schema
            .as_ref()
            .and_then(|schema| schema.open_api_v3_schema.as_ref());
        let mut schema = serde_json::to_value(schema.ok_or_else(missing)?).map_err(|_| missing())?;
        metadata::complete(&mut schema);
        Ok(Self {
            schema,
            validator: cel::Validator::new(),
        })
    }

    /// Everything that is wrong with `object`, which is about to be created. CEL rules are looked at only when types and
    /// bounds are right, as the API server does.
    #[must_use]
    pub fn create(&self, object: &Value) -> Vec<Violation> {
        self.all(object, None)
    }

    /// Everything that is wrong with `object`, which is about to replace `old`.
    #[must_use]
    pub fn update(&self, object: &Value, old: &Value) -> Vec<Violation> {
        self.all(object, Some(old))
    }

    /// `object` with the default of every absent field, as the API server would store it.
    #[must_use]
    pub fn defaulted(&self, object: &Value) -> Value {
        let mut object = object.clone();
        // One pass does not look into what it fills in; as many passes as defaults are nested do.
        loop {
            let defaulted = cel::apply_defaults(&self.schema, &object);
            if defaulted == object {
                return object;
            }
            object = defaulted;
        }
    }

    fn all(&self, object: &Value, old: Option<&Value>) -> Vec<Violation> {
        let mut violations = Vec::new();
        node::check(&self.schema, object, &mut FieldPath::root(), &mut violations);
        if violations.is_empty() {
            violations.extend(self.rules(object, old));
        }
        violations
    }

    fn rules(&self, object: &Value, old: Option<&Value>) -> Vec<Violation> {
        let (object, old) = (self.defaulted(object), old.map(|old| self.defaulted(old)));
        let Err(errors) = self.validator.validate(&self.schema, &object, old.as_ref()) else {
            return Vec::new();
        };
        let violation = |error: cel::ValidationError| Violation {
            path: FieldPath::parse(&error.field_path),
            message: error.message,
        };
        errors.into_iter().map(violation).collect()
    }
}
