//! Partitions and cursors as bytes.

use std::collections::BTreeMap;

use postroad_types::{PartitionId, SubscriptionId, TopicId};

use crate::cursor::Cursor;
use crate::error::DecodeError;
use crate::partition::Partition;
use crate::ranges::RangeSet;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DataState {
    #[prost(message, repeated, tag = "1")]
    partitions: Vec<PartitionState>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PartitionState {
    #[prost(uint64, tag = "1")]
    topic: u64,
    #[prost(uint32, tag = "2")]
    index: u32,
    #[prost(uint64, tag = "3")]
    start_offset: u64,
    #[prost(uint64, tag = "4")]
    end_offset: u64,
    #[prost(message, repeated, tag = "5")]
    cursors: Vec<CursorState>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct CursorState {
    #[prost(uint64, tag = "1")]
    subscription: u64,
    #[prost(uint64, tag = "2")]
    floor: u64,
    /// For each acknowledged range: how far it begins after the end of the one before (the first: after the floor), then
    /// its length.
    #[prost(uint64, repeated, tag = "3")]
    acked: Vec<u64>,
}

pub(super) fn write(partitions: &BTreeMap<PartitionId, Partition>) -> DataState {
    let partitions = partitions.iter().map(|(id, partition)| PartitionState {
        topic: id.topic.0,
        index: id.index,
        start_offset: partition.start_offset(),
        end_offset: partition.end_offset(),
        cursors: partition
            .cursors()
            .map(|(id, cursor)| write_cursor(id, cursor))
            .collect(),
    });
    DataState {
        partitions: partitions.collect(),
    }
}

fn write_cursor(id: SubscriptionId, cursor: &Cursor) -> CursorState {
    let mut acked = Vec::with_capacity(cursor.acked().runs() * 2);
    let mut previous = cursor.floor();
    for run in cursor.acked().iter() {
        acked.extend([run.start - previous, run.end - run.start]);
        previous = run.end;
    }
    CursorState {
        subscription: id.0,
        floor: cursor.floor(),
        acked,
    }
}

pub(super) fn read(state: DataState) -> Result<BTreeMap<PartitionId, Partition>, DecodeError> {
    let mut partitions = BTreeMap::new();
    for state in state.partitions {
        let id = PartitionId {
            topic: TopicId(state.topic),
            index: state.index,
        };
        let mut cursors = BTreeMap::new();
        for cursor in state.cursors {
            let subscription = SubscriptionId(cursor.subscription);
            let read = read_cursor(cursor).ok_or_else(|| {
                let subscription = subscription.0;
                invalid(format!(
                    "partition {id}: the ranges of subscription {subscription} are damaged"
                ))
            })?;
            if cursors.insert(subscription, read).is_some() {
                return Err(invalid(format!(
                    "partition {id} has two cursors of subscription {}",
                    subscription.0
                )));
            }
        }
        let partition = Partition::restore(state.start_offset, state.end_offset, cursors);
        if partitions.insert(id, partition).is_some() {
            return Err(invalid(format!("partition {id} is there twice")));
        }
    }
    Ok(partitions)
}

/// None when the ranges overlap, touch, are empty or overflow.
fn read_cursor(state: CursorState) -> Option<Cursor> {
    let mut acked = RangeSet::new();
    let mut previous = state.floor;
    let (pairs, []) = state.acked.as_chunks::<2>() else {
        return None;
    };
    for [gap, length] in pairs {
        let start = previous.checked_add(*gap)?;
        let end = start.checked_add(*length)?;
        if *gap == 0 || *length == 0 {
            return None;
        }
        acked.insert(start..end);
        previous = end;
    }
    Some(Cursor::restore(state.floor, acked))
}

fn invalid(reason: String) -> DecodeError {
    DecodeError::Invalid(reason)
}
