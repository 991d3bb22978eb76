//! The steps in their order.

use std::marker::PhantomData;
use std::sync::Arc;

use kube::Resource;

use super::dereference::{Place, dereference, place};
use super::kind::Messaging;
use super::verdict::Verdict;
use super::{apply, build, deletion, status, validate};
use crate::context::Context;
use crate::controller::{Guarded, Next, Reconciler};
use crate::error::Failure;
use crate::names::RESOURCE_FINALIZER;
use crate::unreadable;

/// Reconciles one of the three kinds.
pub struct MessagingReconciler<K> {
    context: Arc<Context>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Messaging> MessagingReconciler<K> {
    /// A reconciler of `K`.
    #[must_use]
    pub fn new(context: Arc<Context>) -> Self {
        Self {
            context,
            kind: PhantomData,
        }
    }

    async fn of(&self, object: &K) -> Result<Next, Failure> {
        if object.meta().deletion_timestamp.is_some() {
            return deletion::finish(&self.context, object).await;
        }
        if deletion::settle(&self.context, object).await? {
            return Ok(Next::Settled);
        }
        let verdict = self.verdict(object).await;
        let place: Option<Place> = place(&self.context.state, object).ok();
        status::write(&self.context, object, place.as_ref(), &verdict).await?;
        Ok(match verdict {
            Verdict::Ready { .. } => Next::Settled,
            Verdict::Invalid { .. } => Next::Invalid,
            Verdict::Waiting { .. } | Verdict::Unanswered { .. } | Verdict::Unknown => Next::Waiting,
        })
    }

    async fn verdict(&self, object: &K) -> Verdict {
        let found = match dereference(&self.context.state, &self.context.registry, object) {
            Ok(found) => found,
            Err(verdict) => return verdict,
        };
        match validate::validate(object, &found.place, found.rival.as_ref()) {
            Ok(spec) => apply::apply(&found.link.batcher, build::build(&found.place, spec)).await,
            Err(verdict) => verdict,
        }
    }
}

impl<K: Messaging> Reconciler for MessagingReconciler<K> {
    type Kind = K;

    async fn reconcile(&self, object: Arc<Guarded<K>>) -> Result<Next, Failure> {
        match &object.0 {
            Ok(object) => self.of(object).await,
            Err(_) if object.meta().deletion_timestamp.is_some() => {
                unreadable::let_go(&self.context, &object, RESOURCE_FINALIZER).await
            }
            Err(_) => unreadable::report(&self.context, &object).await,
        }
    }
}
