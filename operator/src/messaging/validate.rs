//! Step 2: whether an object can be as asked for. Pure.

use postroad_admin_api::Spec;
use postroad_crds::convert::ConvertError;

use super::dereference::Place;
use super::kind::Messaging;
use super::verdict::{Verdict, reason};
use crate::pokes::ObjectKey;

/// The spec to hand to the broker.
///
/// # Errors
/// What is reported instead.
pub fn validate<K: Messaging>(object: &K, place: &Place, rival: Option<&ObjectKey>) -> Result<Spec, Verdict> {
    if let Some(rival) = rival {
        let kind = K::KIND;
        let message = format!(
            "{kind} {rival} stands for {} already, and is older; delete one of the two, or give this one another spec.resourceID \
             in a new object",
            place.key
        );
        return Err(Verdict::invalid(reason::CONFLICT, message));
    }
    object.convert(&place.topic).map_err(|error| {
        let reason = match error {
            ConvertError::Unsupported { .. } => reason::UNSUPPORTED,
            ConvertError::Negative { .. } => reason::INVALID,
        };
        Verdict::invalid(reason, error.to_string())
    })
}
