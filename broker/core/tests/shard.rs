//! The state machine of a data shard against a naive model: records in plain vectors, acknowledgements in plain sets.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use postroad_core::{Applied, Batch, Command, Effect, Position, Reply, ShardState};
use postroad_types::{ErrorKind, PartitionId, ShardId, SubscriptionId, TopicId};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Open(PartitionId),
    Close(PartitionId),
    OpenCursor(SubscriptionId, PartitionId, Position),
    CloseCursor(SubscriptionId, PartitionId),
    Append(PartitionId, Bytes, u32),
    Ack(SubscriptionId, PartitionId, Vec<(u64, u64)>),
}

fn partition() -> impl Strategy<Value = PartitionId> {
    (1..3_u64, 0..2_u32).prop_map(|(topic, index)| PartitionId {
        topic: TopicId(topic),
        index,
    })
}

fn subscription() -> impl Strategy<Value = SubscriptionId> {
    (1..4_u64).prop_map(SubscriptionId)
}

fn range() -> impl Strategy<Value = (u64, u64)> {
    prop_oneof![30 => (0..40_u64, 0..8_u64), 1 => (any::<u64>(), any::<u64>())]
}

fn step() -> impl Strategy<Value = Step> {
    let at = prop_oneof![Just(Position::Latest), Just(Position::Earliest)];
    prop_oneof![
        3 => partition().prop_map(Step::Open),
        1 => partition().prop_map(Step::Close),
        3 => (subscription(), partition(), at).prop_map(|(id, partition, at)| Step::OpenCursor(id, partition, at)),
        1 => (subscription(), partition()).prop_map(|(id, partition)| Step::CloseCursor(id, partition)),
        8 => (partition(), vec(any::<u8>(), 0..20), 0..6_u32)
            .prop_map(|(partition, batch, count)| Step::Append(partition, batch.into(), count)),
        10 => (subscription(), partition(), vec(range(), 0..4))
            .prop_map(|(id, partition, ranges)| Step::Ack(id, partition, ranges)),
    ]
}

impl Step {
    fn command(&self) -> Command {
        match self.clone() {
            Self::Open(partition) => Command::open_partition(partition),
            Self::Close(partition) => Command::close_partition(partition),
            Self::OpenCursor(id, partition, at) => Command::open_cursor(id, partition, at),
            Self::CloseCursor(id, partition) => Command::close_cursor(id, partition),
            Self::Append(partition, batch, count) => Command::append(partition, batch, count),
            Self::Ack(id, partition, ranges) => Command::ack(id, partition, ranges),
        }
    }
}

#[derive(Clone, Default)]
struct ModelPartition {
    /// One entry an offset, since the beginning.
    records: Vec<Bytes>,
    /// Every acknowledged offset; a new cursor has acknowledged everything before it.
    cursors: BTreeMap<SubscriptionId, BTreeSet<u64>>,
    /// The highest start there was: what is gone doesn't come back.
    start: u64,
}

impl ModelPartition {
    fn end(&self) -> u64 {
        self.records.len() as u64
    }

    fn floor(&self, acked: &BTreeSet<u64>) -> u64 {
        (0..self.end())
            .find(|offset| !acked.contains(offset))
            .unwrap_or(self.end())
    }

    /// Says where the partition begins now, when that changed.
    fn trim(&mut self) -> Option<u64> {
        let floors = self.cursors.values().map(|acked| self.floor(acked));
        let needed = floors.min().unwrap_or(self.end());
        let moved = needed != self.start;
        self.start = needed;
        moved.then_some(needed)
    }
}

type Model = BTreeMap<PartitionId, ModelPartition>;

/// What the model says a step answers and does.
fn expect(model: &mut Model, step: &Step) -> Result<(Reply, Vec<Effect>), ErrorKind> {
    let trimmed = |id: PartitionId, partition: &mut ModelPartition| {
        partition.trim().map(|start_offset| Effect::Trimmed {
            partition: id,
            start_offset,
        })
    };
    match step.clone() {
        Step::Open(id) => {
            let new = !model.contains_key(&id);
            model.entry(id).or_default();
            let effects = new.then_some(Effect::Opened { partition: id });
            Ok((Reply::Opened, effects.into_iter().collect()))
        }
        Step::Close(id) => {
            let mut effects = Vec::new();
            if let Some(partition) = model.remove(&id) {
                let closed = |subscription| Effect::CursorClosed {
                    subscription,
                    partition: id,
                };
                effects.extend(partition.cursors.into_keys().map(closed));
                effects.push(Effect::Closed { partition: id });
            }
            Ok((Reply::Closed, effects))
        }
        Step::OpenCursor(subscription, id, at) => {
            let partition = model.get_mut(&id).ok_or(ErrorKind::NotFound)?;
            if partition.cursors.contains_key(&subscription) {
                return Ok((Reply::Opened, vec![]));
            }
            let floor = if at == Position::Latest {
                partition.end()
            } else {
                partition.start
            };
            partition.cursors.insert(subscription, (0..floor).collect());
            Ok((
                Reply::Opened,
                vec![Effect::CursorOpened {
                    subscription,
                    partition: id,
                }],
            ))
        }
        Step::CloseCursor(subscription, id) => {
            let mut effects = Vec::new();
            if let Some(partition) = model.get_mut(&id)
                && partition.cursors.remove(&subscription).is_some()
            {
                effects.push(Effect::CursorClosed {
                    subscription,
                    partition: id,
                });
                effects.extend(trimmed(id, partition));
            }
            Ok((Reply::Closed, effects))
        }
        Step::Append(id, batch, count) => {
            let partition = model.get_mut(&id).ok_or(ErrorKind::NotFound)?;
            if count == 0 {
                return Err(ErrorKind::InvalidArgument);
            }
            let base_offset = partition.end();
            partition.records.extend((0..count).map(|_| batch.clone()));
            let mut effects = vec![Effect::Appended {
                partition: id,
                base_offset,
                count,
                batch,
            }];
            effects.extend(trimmed(id, partition));
            Ok((Reply::Appended { base_offset }, effects))
        }
        Step::Ack(subscription, id, ranges) => {
            let partition = model.get_mut(&id).ok_or(ErrorKind::NotFound)?;
            let end = partition.end();
            let acked = partition
                .cursors
                .get_mut(&subscription)
                .ok_or(ErrorKind::NotFound)?;
            if ranges
                .iter()
                .any(|(start, length)| u128::from(*start) + u128::from(*length) > u128::from(end))
            {
                return Err(ErrorKind::InvalidArgument);
            }
            acked.extend(
                ranges
                    .into_iter()
                    .flat_map(|(start, length)| start..start + length),
            );
            Ok((Reply::Acked, trimmed(id, partition).into_iter().collect()))
        }
    }
}

fn compare(state: &ShardState, model: &Model) -> Result<(), TestCaseError> {
    state.validate().map_err(TestCaseError::fail)?;
    prop_assert!(state.partitions().map(|(id, _)| id).eq(model.keys().copied()));
    for (id, expected) in model {
        let partition = state.partition(id).unwrap();
        prop_assert_eq!(
            (partition.start_offset(), partition.end_offset()),
            (expected.start, expected.end())
        );
        prop_assert!(
            partition
                .cursors()
                .map(|(id, _)| id)
                .eq(expected.cursors.keys().copied())
        );
        for (subscription, acked) in &expected.cursors {
            let cursor = state.cursor(*subscription, *id).unwrap();
            prop_assert_eq!(cursor.floor(), expected.floor(acked));
            let open = (0..expected.end())
                .filter(|offset| !acked.contains(offset))
                .count();
            prop_assert_eq!(cursor.backlog(expected.end()), open as u64);
            for offset in 0..expected.end() {
                prop_assert_eq!(cursor.is_acked(offset), acked.contains(&offset));
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn it_does_what_plain_vectors_do(batches in vec(vec(step(), 1..5), 0..40), restore_every in 1..10_usize) {
        let mut model = Model::new();
        let mut state = ShardState::new(ShardId(3));
        let mut replica = ShardState::new(ShardId(3));
        for (index, steps) in batches.iter().enumerate() {
            let batch = Batch::new(7, steps.iter().map(Step::command).collect());
            let before = state.clone();
            let applied = state.apply(index as u64, &batch);
            prop_assert_eq!(applied.len(), steps.len());
            let mut refused = 0;
            for (step, Applied { reply, effects }) in steps.iter().zip(applied) {
                match expect(&mut model, step) {
                    Ok(expected) => prop_assert_eq!((reply.unwrap(), effects), expected),
                    Err(kind) => {
                        prop_assert_eq!(reply.unwrap_err().kind, kind);
                        prop_assert!(effects.is_empty());
                        refused += 1;
                    }
                }
            }
            compare(&state, &model)?;
            if refused == steps.len() {
                prop_assert!(state.partitions().eq(before.partitions()), "a refused command changed something");
            }
            // A replica that reads the log from its bytes, and one that went through a checkpoint, agree.
            replica.apply(index as u64, &Batch::from_bytes(batch.to_bytes()).unwrap());
            if index % restore_every == 0 {
                let restored = ShardState::decode(state.encode()).unwrap();
                prop_assert_eq!(&restored, &state);
                prop_assert_eq!(restored.encode(), state.encode());
                state = restored;
            }
            prop_assert_eq!(replica.digest(), state.digest());
        }
    }
}

const PARTITION: PartitionId = PartitionId {
    topic: TopicId(1),
    index: 0,
};

fn apply_one(state: &mut ShardState, command: Command) -> Applied {
    let index = state.applied().map_or(0, |applied| applied + 1);
    state.apply(index, &Batch::new(0, vec![command])).pop().unwrap()
}

#[test]
fn a_payload_travels_from_the_log_entry_to_the_effect_without_a_copy() {
    let payload = Bytes::from(vec![7; 5000]);
    let entry = Batch::new(0, vec![Command::append(PARTITION, payload, 1)]).to_bytes();
    let batch = Batch::from_bytes(entry.clone()).unwrap();
    let mut state = ShardState::new(ShardId(1));
    apply_one(&mut state, Command::open_partition(PARTITION));
    let applied = state.apply(1, &batch);
    let Effect::Appended { batch, .. } = &applied[0].effects[0] else {
        panic!("{applied:?}")
    };
    assert_eq!(batch.len(), 5000);
    assert!(entry.as_ptr_range().contains(&batch.as_ptr()));
}

#[test]
fn payloads_are_in_no_debug_text() {
    let command = Command::append(PARTITION, Bytes::from_static(b"secret"), 1);
    let payload = format!("{:?}", Bytes::from_static(b"secret"));
    let mut state = ShardState::new(ShardId(1));
    apply_one(&mut state, Command::open_partition(PARTITION));
    assert!(!format!("{command:?}").contains(&payload));
    assert!(!format!("{:?}", apply_one(&mut state, command)).contains(&payload));
}

#[test]
fn an_entry_counts_once() {
    let mut state = ShardState::new(ShardId(1));
    let entry = Batch::new(
        0,
        vec![
            Command::open_partition(PARTITION),
            Command::append(PARTITION, Bytes::new(), 2),
        ],
    );
    state.apply(4, &entry);
    for index in [4, 3] {
        let again = state.apply(index, &entry);
        assert_eq!(again.len(), 2);
        assert!(again.iter().all(|applied| {
            applied
                .reply
                .as_ref()
                .is_err_and(|e| e.kind == ErrorKind::Internal)
        }));
    }
    assert_eq!(state.partition(&PARTITION).unwrap().end_offset(), 2);
    assert_eq!(state.applied(), Some(4));
}

#[test]
fn a_command_on_the_wrong_shard_is_refused() {
    let mut catalog = ShardState::new(ShardId::CATALOG);
    let mut data = ShardState::new(ShardId(1));
    let refused = apply_one(&mut catalog, Command::open_partition(PARTITION))
        .reply
        .unwrap_err();
    assert!(refused.message.contains("shard 0 is the catalog"), "{refused}");
    let refused = apply_one(&mut data, Command::bootstrap("a", 4))
        .reply
        .unwrap_err();
    assert!(refused.message.contains("the catalog is shard 0"), "{refused}");
}

#[test]
fn what_is_missing_is_named() {
    let mut state = ShardState::new(ShardId(1));
    let ack = || Command::ack(SubscriptionId(9), PARTITION, [(0, 1)]);
    assert!(
        apply_one(&mut state, ack())
            .reply
            .unwrap_err()
            .message
            .contains("partition 1-0")
    );
    apply_one(&mut state, Command::open_partition(PARTITION));
    assert!(
        apply_one(&mut state, ack())
            .reply
            .unwrap_err()
            .message
            .contains("subscription 9 on partition 1-0")
    );
}
