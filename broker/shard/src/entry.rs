//! How an entry, a vote and a log id are stored in the journal: protobuf messages, described in docs/formats/entries.md.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use openraft::{CommittedLeaderId, EmptyNode, EntryPayload, LeaderId};
use postroad_core::{Batch, DecodeError};
use prost::Message;

use crate::raft_types::{Commands, Entry, LogId, Membership, StoredMembership, Vote};

/// Bytes that are no entry, vote or log id of this version.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// Not the protobuf message it should be.
    #[error("not a valid protobuf message: {0}")]
    Protobuf(#[from] prost::DecodeError),
    /// A batch with a command of a newer version.
    #[error("entry {index}: {source}")]
    UnknownCommand {
        /// The entry's index.
        index: u64,
        /// Which command.
        source: DecodeError,
    },
    /// A message without its payload: written by a newer version, or damaged.
    #[error("entry {index} holds no payload that this version knows")]
    UnknownPayload {
        /// The entry's index.
        index: u64,
    },
}

/// A log id.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct StoredLogId {
    /// The term of the leader that proposed it.
    #[prost(uint64, tag = "1")]
    pub term: u64,
    /// The broker that led the term.
    #[prost(uint64, tag = "2")]
    pub leader: u64,
    /// The index.
    #[prost(uint64, tag = "3")]
    pub index: u64,
}

impl From<LogId> for StoredLogId {
    fn from(id: LogId) -> Self {
        Self {
            term: id.leader_id.term,
            leader: id.leader_id.node_id,
            index: id.index,
        }
    }
}

impl From<&StoredLogId> for LogId {
    fn from(id: &StoredLogId) -> Self {
        Self::new(CommittedLeaderId::new(id.term, id.leader), id.index)
    }
}

/// A Raft vote.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct StoredVote {
    /// The term.
    #[prost(uint64, tag = "1")]
    pub term: u64,
    /// The broker voted for.
    #[prost(uint64, tag = "2")]
    pub broker: u64,
    /// Whether a majority granted it.
    #[prost(bool, tag = "3")]
    pub committed: bool,
}

/// A set of voters.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct StoredVoters {
    /// Broker ids.
    #[prost(uint64, repeated, tag = "1")]
    pub brokers: Vec<u64>,
}

/// A membership: one set of voters, or two while it changes, and everyone who takes part.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct StoredMembers {
    /// One set of voters, or two in joint consensus.
    #[prost(message, repeated, tag = "1")]
    pub voters: Vec<StoredVoters>,
    /// Voters and learners.
    #[prost(uint64, repeated, tag = "2")]
    pub brokers: Vec<u64>,
    /// The entry that made it so; absent inside that entry itself.
    #[prost(message, optional, tag = "3")]
    pub log_id: Option<StoredLogId>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Payload {
    #[prost(message, tag = "2")]
    Blank(Blank),
    #[prost(message, tag = "3")]
    Batch(Batch),
    #[prost(message, tag = "4")]
    Members(StoredMembers),
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Blank {}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredEntry {
    #[prost(uint64, tag = "1")]
    leader: u64,
    #[prost(oneof = "Payload", tags = "2, 3, 4")]
    payload: Option<Payload>,
}

/// Encodes an entry's payload; term and index are in the journal's frame.
#[must_use]
pub fn encode_entry(entry: &Entry) -> Bytes {
    let leader = entry.log_id.leader_id.node_id;
    let mut out = BytesMut::new();
    match &entry.payload {
        EntryPayload::Normal(commands) => {
            // Written field by field, since a `StoredEntry` would have to own a copy of the batch.
            out.reserve(commands.0.encoded_len() + 24);
            prost::encoding::uint64::encode(1, &leader, &mut out);
            prost::encoding::message::encode(3, &*commands.0, &mut out);
        }
        EntryPayload::Blank => encode_small(leader, Payload::Blank(Blank {}), &mut out),
        EntryPayload::Membership(membership) => {
            encode_small(leader, Payload::Members(members(membership, None)), &mut out);
        }
    }
    out.freeze()
}

fn encode_small(leader: u64, payload: Payload, out: &mut BytesMut) {
    let entry = StoredEntry {
        leader,
        payload: Some(payload),
    };
    entry.encode(out).expect("a BytesMut grows as needed");
}

/// Decodes an entry; the payload bytes of its records are shared with `bytes`, not copied.
///
/// # Errors
/// [`EntryError`] when the bytes are no entry that this version knows.
pub fn decode_entry(index: u64, term: u64, bytes: Bytes) -> Result<Entry, EntryError> {
    let stored = StoredEntry::decode(bytes)?;
    let payload = match stored.payload {
        Some(Payload::Blank(_)) => EntryPayload::Blank,
        Some(Payload::Batch(batch)) => {
            // A replica that skipped a newer version's command would no longer agree with the others.
            batch
                .check_known()
                .map_err(|source| EntryError::UnknownCommand { index, source })?;
            EntryPayload::Normal(Commands(Arc::new(batch)))
        }
        Some(Payload::Members(stored)) => EntryPayload::Membership(membership(&stored)),
        None => return Err(EntryError::UnknownPayload { index }),
    };
    Ok(Entry {
        log_id: LogId::new(CommittedLeaderId::new(term, stored.leader), index),
        payload,
    })
}

fn members(membership: &Membership, log_id: Option<LogId>) -> StoredMembers {
    let voters = membership.get_joint_config().iter();
    StoredMembers {
        voters: voters
            .map(|set| StoredVoters {
                brokers: set.iter().copied().collect(),
            })
            .collect(),
        brokers: membership.nodes().map(|(id, _)| *id).collect(),
        log_id: log_id.map(StoredLogId::from),
    }
}

fn membership(stored: &StoredMembers) -> Membership {
    let voters: Vec<BTreeSet<u64>> = stored
        .voters
        .iter()
        .map(|set| set.brokers.iter().copied().collect())
        .collect();
    let nodes: BTreeMap<u64, EmptyNode> = stored.brokers.iter().map(|id| (*id, EmptyNode {})).collect();
    Membership::new(voters, nodes)
}

/// A membership with the entry that made it so, for a checkpoint.
#[must_use]
pub fn store_membership(stored: &StoredMembership) -> StoredMembers {
    members(stored.membership(), *stored.log_id())
}

/// The inverse of [`store_membership`].
#[must_use]
pub fn load_membership(stored: &StoredMembers) -> StoredMembership {
    StoredMembership::new(stored.log_id.as_ref().map(LogId::from), membership(stored))
}

/// Encodes a vote.
#[must_use]
pub fn encode_vote(vote: &Vote) -> Bytes {
    let stored = StoredVote {
        term: vote.leader_id.term,
        broker: vote.leader_id.node_id,
        committed: vote.committed,
    };
    stored.encode_to_vec().into()
}

/// Decodes a vote.
///
/// # Errors
/// [`EntryError`] when the bytes are no vote.
pub fn decode_vote(bytes: Bytes) -> Result<Vote, EntryError> {
    let stored = StoredVote::decode(bytes)?;
    Ok(Vote {
        leader_id: LeaderId::new(stored.term, stored.broker),
        committed: stored.committed,
    })
}

/// Encodes a log id.
#[must_use]
pub fn encode_log_id(id: LogId) -> Bytes {
    StoredLogId::from(id).encode_to_vec().into()
}

/// Decodes a log id.
///
/// # Errors
/// [`EntryError`] when the bytes are no log id.
pub fn decode_log_id(bytes: Bytes) -> Result<LogId, EntryError> {
    Ok(LogId::from(&StoredLogId::decode(bytes)?))
}
