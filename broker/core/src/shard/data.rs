//! The commands of a data shard.

use std::collections::BTreeMap;

use postroad_types::{Error, PartitionId, Result, ShardId, SubscriptionId};

use crate::command::{Ack, Append, OpenCursor, Operation, Position};
use crate::partition::Partition;
use crate::reply::{Effect, Reply};

type Partitions = BTreeMap<PartitionId, Partition>;

pub(super) fn apply(
    partitions: &mut Partitions,
    operation: &Operation,
    shard: ShardId,
    effects: &mut Vec<Effect>,
) -> Result<Reply> {
    match operation {
        Operation::Append(append) => append_batch(partitions, append, effects),
        Operation::Ack(ack) => acknowledge(partitions, ack, effects),
        Operation::OpenPartition(open) => Ok(open_partition(partitions, open.partition(), effects)),
        Operation::ClosePartition(close) => Ok(close_partition(partitions, close.partition(), effects)),
        Operation::OpenCursor(open) => open_cursor(partitions, open, effects),
        Operation::CloseCursor(close) => Ok(close_cursor(
            partitions,
            close.subscription_id(),
            close.partition(),
            effects,
        )),
        Operation::Bootstrap(_) | Operation::Change(_) => Err(Error::internal(format!(
            "shard {shard} holds partitions: the catalog is shard 0"
        ))),
    }
}

fn found(partitions: &mut Partitions, id: PartitionId) -> Result<&mut Partition> {
    partitions
        .get_mut(&id)
        .ok_or_else(|| Error::not_found(format!("partition {id}")))
}

fn append_batch(partitions: &mut Partitions, append: &Append, effects: &mut Vec<Effect>) -> Result<Reply> {
    let id = append.partition();
    let partition = found(partitions, id)?;
    let base_offset = partition.append(id, append.count)?;
    effects.push(Effect::Appended {
        partition: id,
        base_offset,
        count: append.count,
        batch: append.batch.clone(),
    });
    trim(id, partition, effects);
    Ok(Reply::Appended { base_offset })
}

fn acknowledge(partitions: &mut Partitions, ack: &Ack, effects: &mut Vec<Effect>) -> Result<Reply> {
    let id = ack.partition();
    let partition = found(partitions, id)?;
    partition.acknowledge(id, ack.subscription_id(), &ack.ranges)?;
    trim(id, partition, effects);
    Ok(Reply::Acked)
}

fn open_partition(partitions: &mut Partitions, id: PartitionId, effects: &mut Vec<Effect>) -> Reply {
    partitions.entry(id).or_insert_with(|| {
        effects.push(Effect::Opened { partition: id });
        Partition::default()
    });
    Reply::Opened
}

fn close_partition(partitions: &mut Partitions, id: PartitionId, effects: &mut Vec<Effect>) -> Reply {
    if let Some(partition) = partitions.remove(&id) {
        let closed = |(subscription, _)| Effect::CursorClosed {
            subscription,
            partition: id,
        };
        effects.extend(partition.cursors().map(closed));
        effects.push(Effect::Closed { partition: id });
    }
    Reply::Closed
}

fn open_cursor(partitions: &mut Partitions, open: &OpenCursor, effects: &mut Vec<Effect>) -> Result<Reply> {
    let (id, subscription) = (open.partition(), open.subscription_id());
    let at = Position::try_from(open.at).map_err(|_| {
        Error::unsupported(format!(
            "a cursor can't begin at {}: a newer version wrote it; upgrade this broker",
            open.at
        ))
    })?;
    if found(partitions, id)?.open_cursor(subscription, at) {
        effects.push(Effect::CursorOpened {
            subscription,
            partition: id,
        });
    }
    Ok(Reply::Opened)
}

fn close_cursor(
    partitions: &mut Partitions,
    subscription: SubscriptionId,
    id: PartitionId,
    effects: &mut Vec<Effect>,
) -> Reply {
    // Without the partition there is no cursor either: closing is done.
    if let Some(partition) = partitions.get_mut(&id)
        && partition.close_cursor(subscription)
    {
        effects.push(Effect::CursorClosed {
            subscription,
            partition: id,
        });
        trim(id, partition, effects);
    }
    Reply::Closed
}

fn trim(id: PartitionId, partition: &mut Partition, effects: &mut Vec<Effect>) {
    if let Some(start_offset) = partition.trim() {
        effects.push(Effect::Trimmed {
            partition: id,
            start_offset,
        });
    }
}
