//! A partition's lease table, with or without the order of ordering keys.

use postroad_core::{Acknowledged, Held, Lease, LeaseTable, Offer, OrderedLeases};
use postroad_types::Message;
use postroad_types::limits::MAX_ORDERED_LOOK_AHEAD;

/// Who holds which of a partition's messages: as the subscription asks for it.
pub(crate) enum Leases {
    Unordered(LeaseTable),
    Ordered(OrderedLeases),
}

impl Leases {
    /// On a table that has leased nothing yet.
    pub(crate) fn new(table: LeaseTable, ordered: bool) -> Self {
        if ordered {
            Self::Ordered(OrderedLeases::new(table, MAX_ORDERED_LOOK_AHEAD))
        } else {
            Self::Unordered(table)
        }
    }

    /// The offset to offer to `holder` next.
    pub(crate) fn peek(&self, holder: u64, end: u64) -> Option<u64> {
        match self {
            Self::Unordered(table) => table.peek(end),
            Self::Ordered(ordered) => ordered.peek(holder, end),
        }
    }

    /// Whether `holder` may be given the message that was found.
    pub(crate) fn offer(&mut self, offset: u64, message: &Message, holder: u64) -> Offer {
        match self {
            Self::Unordered(_) => Offer::Deliverable,
            Self::Ordered(ordered) => ordered.offer(offset, key(message), holder),
        }
    }

    /// Gives a message of `size` bytes to `holder`.
    pub(crate) fn lease(
        &mut self,
        offset: u64,
        message: &Message,
        holder: u64,
        size: u32,
        deadline: u64,
    ) -> Option<Lease> {
        match self {
            Self::Unordered(table) => table.lease(offset, holder, size, deadline),
            Self::Ordered(ordered) => ordered.lease(offset, key(message), holder, size, deadline),
        }
    }

    /// Whether the message that was found is delivered again, or was passed over before: not the next one of the log.
    pub(crate) fn is_waiting(&self, offset: u64) -> bool {
        match self {
            // What waits is found first.
            Self::Unordered(table) => table.waiting() > 0,
            Self::Ordered(ordered) => ordered.is_waiting(offset),
        }
    }

    pub(crate) fn acknowledge(&mut self, offset: u64, generation: u32) -> Acknowledged {
        match self {
            Self::Unordered(table) => table.acknowledge(offset, generation),
            Self::Ordered(ordered) => ordered.acknowledge(offset, generation),
        }
    }

    /// Whether the message is acknowledged, as far as this table knows.
    pub(crate) fn is_done(&self, offset: u64) -> bool {
        match self {
            Self::Unordered(table) => table.is_done(offset),
            Self::Ordered(ordered) => ordered.is_done(offset),
        }
    }

    pub(crate) fn extend(&mut self, offset: u64, generation: u32, deadline: u64) -> bool {
        match self {
            Self::Unordered(table) => table.extend(offset, generation, deadline),
            Self::Ordered(ordered) => ordered.extend(offset, generation, deadline),
        }
    }

    /// Whether messages wait for redelivery by that.
    pub(crate) fn nack(&mut self, offset: u64, generation: u32) -> bool {
        match self {
            Self::Unordered(table) => table.nack(offset, generation).is_some(),
            Self::Ordered(ordered) => !ordered.nack(offset, generation).is_empty(),
        }
    }

    pub(crate) fn expire(&mut self, now: u64) {
        match self {
            Self::Unordered(table) => _ = table.expire(now),
            Self::Ordered(ordered) => _ = ordered.expire(now),
        }
    }

    pub(crate) fn skip_range(&mut self, range: std::ops::Range<u64>) {
        match self {
            Self::Unordered(table) => _ = table.skip_range(range),
            Self::Ordered(ordered) => _ = ordered.skip_range(range),
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<u64> {
        match self {
            Self::Unordered(table) => table.next_deadline(),
            Self::Ordered(ordered) => ordered.next_deadline(),
        }
    }

    pub(crate) fn leased(&self) -> usize {
        match self {
            Self::Unordered(table) => table.leased(),
            Self::Ordered(ordered) => ordered.leased(),
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        match self {
            Self::Unordered(table) => table.waiting(),
            Self::Ordered(ordered) => ordered.waiting(),
        }
    }

    pub(crate) fn held_by(&self, holder: u64) -> Held {
        match self {
            Self::Unordered(table) => table.held_by(holder),
            Self::Ordered(ordered) => ordered.held_by(holder),
        }
    }
}

/// The message's ordering key; empty when it has none.
fn key(message: &Message) -> &[u8] {
    message.key.as_deref().unwrap_or_default()
}
