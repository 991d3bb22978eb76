//! The state machine of a shard.

mod data;

use std::collections::BTreeMap;

use postroad_types::{Error, PartitionId, Result, ShardId, SubscriptionId};

use crate::catalog::Catalog;
use crate::command::{Batch, Command, Operation};
use crate::cursor::Cursor;
use crate::partition::Partition;
use crate::reply::{Applied, Effect, Reply};

/// What the replicas of one shard agree on: the catalog on shard 0, partitions and cursors on every other.
///
/// Architecture Invariant: [`ShardState::apply`] is a function of the state, the index and the batch alone; it never
/// panics, and a refused command changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardState {
    pub(crate) shard: ShardId,
    /// The index of the last applied batch.
    pub(crate) applied: Option<u64>,
    pub(crate) content: Content,
}

/// What a shard holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Catalog(Catalog),
    Data(BTreeMap<PartitionId, Partition>),
}

impl ShardState {
    /// The state of a shard before its first entry.
    #[must_use]
    pub fn new(shard: ShardId) -> Self {
        let content = if shard == ShardId::CATALOG {
            Content::Catalog(Catalog::default())
        } else {
            Content::Data(BTreeMap::new())
        };
        Self {
            shard,
            applied: None,
            content,
        }
    }

    /// Applies one log entry: its commands in order, each with its own outcome, in the order of the commands.
    ///
    /// An entry at or below the last applied one is refused whole: applying it again would repeat its appends.
    pub fn apply(&mut self, index: u64, batch: &Batch) -> Vec<Applied> {
        if let Some(applied) = self.applied.filter(|applied| *applied >= index) {
            let refuse = |_: &Command| {
                refused(Error::internal(format!(
                    "entry {index} of shard {} comes again: entry {applied} was applied before",
                    self.shard
                )))
            };
            return batch.commands.iter().map(refuse).collect();
        }
        self.applied = Some(index);
        batch
            .commands
            .iter()
            .map(|command| self.apply_command(command, batch.time))
            .collect()
    }

    fn apply_command(&mut self, command: &Command, time: i64) -> Applied {
        let mut effects = Vec::new();
        let result = match (&command.operation, &mut self.content) {
            (None, _) => Err(Error::unsupported(
                "a command of a kind this version doesn't know; upgrade this broker",
            )),
            (Some(operation), Content::Catalog(catalog)) => {
                on_catalog(catalog, operation, time, &mut effects)
            }
            (Some(operation), Content::Data(partitions)) => {
                data::apply(partitions, operation, self.shard, &mut effects)
            }
        };
        match result {
            Ok(reply) => Applied {
                reply: Ok(reply),
                effects,
            },
            Err(error) => refused(error),
        }
    }

    /// Which shard it is.
    #[must_use]
    pub fn shard(&self) -> ShardId {
        self.shard
    }

    /// The index of the last applied batch.
    #[must_use]
    pub fn applied(&self) -> Option<u64> {
        self.applied
    }

    /// The catalog; on shard 0 only.
    #[must_use]
    pub fn catalog(&self) -> Option<&Catalog> {
        match &self.content {
            Content::Catalog(catalog) => Some(catalog),
            Content::Data(_) => None,
        }
    }

    /// The partitions with their numbers, ascending; none on shard 0.
    pub fn partitions(&self) -> impl Iterator<Item = (PartitionId, &Partition)> + '_ {
        self.data()
            .into_iter()
            .flatten()
            .map(|(id, partition)| (*id, partition))
    }

    /// One partition.
    #[must_use]
    pub fn partition(&self, id: &PartitionId) -> Option<&Partition> {
        self.data()?.get(id)
    }

    /// A subscription's cursor on a partition.
    #[must_use]
    pub fn cursor(&self, subscription: SubscriptionId, partition: PartitionId) -> Option<&Cursor> {
        self.partition(&partition)?.cursor(subscription)
    }

    fn data(&self) -> Option<&BTreeMap<PartitionId, Partition>> {
        match &self.content {
            Content::Data(partitions) => Some(partitions),
            Content::Catalog(_) => None,
        }
    }

    /// Checks the invariants of everything in it; for tests and for what a checkpoint brings.
    ///
    /// # Errors
    /// Says which one is broken, and where.
    pub fn validate(&self) -> Result<(), String> {
        match &self.content {
            Content::Catalog(catalog) => catalog.validate().map_err(|reason| format!("catalog: {reason}")),
            Content::Data(partitions) => partitions.iter().try_for_each(|(id, partition)| {
                partition
                    .validate()
                    .map_err(|reason| format!("partition {id}: {reason}"))
            }),
        }
    }
}

fn refused(error: Error) -> Applied {
    Applied {
        reply: Err(error),
        effects: Vec::new(),
    }
}

fn on_catalog(
    catalog: &mut Catalog,
    operation: &Operation,
    time: i64,
    effects: &mut Vec<Effect>,
) -> Result<Reply> {
    let before = catalog.revision();
    let reply = match operation {
        Operation::Bootstrap(bootstrap) => catalog.bootstrap(&bootstrap.cluster_id, bootstrap.shards)?,
        Operation::Change(change) => {
            let (owner, change) = change.read()?;
            Reply::Changed(catalog.change(owner, change, time)?)
        }
        _ => {
            return Err(Error::internal(
                "shard 0 is the catalog: it takes no commands for partitions",
            ));
        }
    };
    if catalog.revision() != before {
        effects.push(Effect::CatalogChanged {
            revision: catalog.revision(),
        });
    }
    Ok(reply)
}
