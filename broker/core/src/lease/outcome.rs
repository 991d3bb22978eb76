//! What the lease table answers.

/// A lease that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Names this delivery among all of the table's (until 2^32 leases later).
    pub generation: u32,
    /// How often the message was leased by this table, this time included.
    pub attempt: u32,
}

/// What a holder gets back when a lease ends: credit for one message of this size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freed {
    /// Who held it.
    pub holder: u64,
    /// Its size in bytes, as given to [`crate::LeaseTable::lease`].
    pub size: u32,
}

/// A lease that ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired {
    /// The message, which waits to be delivered again.
    pub offset: u64,
    /// What its holder gets back.
    pub freed: Freed,
}

/// What an acknowledgement did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// What the current holder gets back; none when the message was not leased.
    pub freed: Option<Freed>,
    /// Whether the log must be told: false when the message was acknowledged before.
    pub is_new: bool,
    /// Whether the generation was the current lease's. A stale one counts all the same: the message was processed.
    pub is_current: bool,
}
