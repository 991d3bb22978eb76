//! Step 3: the broker's resource. Pure.

use postroad_admin_api::{Resource, Spec};

use super::dereference::Place;

/// The resource that the broker should have.
#[must_use]
pub fn build(place: &Place, spec: Spec) -> Resource {
    Resource {
        namespace: place.key.namespace.clone(),
        name: place.key.name.clone(),
        spec,
    }
}
