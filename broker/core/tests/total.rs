//! Whatever the bytes: a command or checkpoint is read or refused, and what was read can be applied. Nothing panics.

use bytes::Bytes;
use postroad_core::command::{
    Ack, Append, Bootstrap, CatalogChange, CloseCursor, ClosePartition, Name, OffsetRange, OpenCursor,
    OpenPartition, Operation, PutQueue, PutSubscription, PutTopic, Release, Requested, UpdateSubscription,
    UpdateTopic,
};
use postroad_core::{Batch, Change, Command, DecodeError, Position, PutMode, ShardState};
use postroad_types::{
    Owner, PartitionId, ResourceName, ShardId, SubscriptionId, SubscriptionName, SubscriptionSpec, TopicId,
    TopicName, TopicSpec,
};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;

const PARTITION: PartitionId = PartitionId {
    topic: TopicId(1),
    index: 0,
};

fn data_shard() -> ShardState {
    let mut state = ShardState::new(ShardId(1));
    let subscription = SubscriptionId(1);
    let commands = vec![
        Command::open_partition(PARTITION),
        Command::open_cursor(subscription, PARTITION, Position::Latest),
        Command::open_cursor(SubscriptionId(2), PARTITION, Position::Latest),
        Command::append(PARTITION, Bytes::from_static(b"x"), 300),
        Command::ack(subscription, PARTITION, [(0, 7), (20, 30), (100, 1)]),
    ];
    assert!(
        state
            .apply(0, &Batch::new(0, commands))
            .iter()
            .all(|applied| applied.reply.is_ok())
    );
    state
}

fn catalog_shard() -> ShardState {
    let mut state = ShardState::new(ShardId::CATALOG);
    let name = |name| ResourceName::parse("shop", name).unwrap();
    let spec = || SubscriptionSpec {
        ack_deadline_seconds: 10,
        labels: [("a".into(), "b".into())].into(),
        enable_message_ordering: false,
    };
    let mode = PutMode::Apply;
    let (orders, orders_name) = (
        TopicSpec {
            partitions: 3,
            ..Default::default()
        },
        TopicName(name("orders")),
    );
    let changes = [
        Change::PutTopic {
            name: orders_name.clone(),
            spec: orders,
            mode,
        },
        Change::PutSubscription {
            name: SubscriptionName(name("s")),
            topic: orders_name,
            spec: spec(),
            mode,
        },
        Change::PutQueue {
            name: name("jobs"),
            spec: spec(),
            mode,
        },
    ];
    let mut commands = vec![Command::bootstrap("c", 4)];
    commands.extend(changes.map(|change| Command::change(Owner::Kubernetes, change)));
    assert!(
        state
            .apply(0, &Batch::new(0, commands))
            .iter()
            .all(|applied| applied.reply.is_ok())
    );
    state
}

fn apply_everywhere(batch: &Batch) {
    for mut state in [data_shard(), catalog_shard(), ShardState::new(ShardId::CATALOG)] {
        assert_eq!(state.apply(1, batch).len(), batch.commands.len());
        state.validate().unwrap();
        assert_eq!(ShardState::decode(state.encode()).unwrap(), state);
    }
}

/// Numbers at which things happen, and any others.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..4_u64,
        290..310_u64,
        Just(u64::MAX),
        Just(1 << 48),
        any::<u64>()
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("shop".to_owned()),
        Just("orders".to_owned()),
        Just("jobs".to_owned()),
        ".{0,8}"
    ]
}

fn wire_name() -> impl Strategy<Value = Name> {
    (text(), text()).prop_map(|(namespace, name)| Name { namespace, name })
}

fn requested() -> impl Strategy<Value = Option<Requested>> {
    let small = || -1..4_i32;
    let topic = (wire_name(), any::<u32>(), small()).prop_map(|(name, partitions, mode)| {
        Requested::PutTopic(PutTopic {
            name,
            spec: TopicSpec {
                partitions,
                ..Default::default()
            },
            mode,
        })
    });
    let spec = || {
        any::<(u32, bool)>().prop_map(
            |(ack_deadline_seconds, enable_message_ordering)| SubscriptionSpec {
                ack_deadline_seconds,
                enable_message_ordering,
                ..Default::default()
            },
        )
    };
    let subscription = (wire_name(), wire_name(), spec(), small()).prop_map(|(name, topic, spec, mode)| {
        Requested::PutSubscription(PutSubscription {
            name,
            topic,
            spec,
            mode,
        })
    });
    let queue = (wire_name(), spec(), small())
        .prop_map(|(name, spec, mode)| Requested::PutQueue(PutQueue { name, spec, mode }));
    let release = (wire_name(), small()).prop_map(|(name, kind)| Requested::Release(Release { name, kind }));
    let update_topic = (wire_name(), any::<u32>(), number()).prop_map(|(name, partitions, revision)| {
        let spec = TopicSpec {
            partitions,
            ..Default::default()
        };
        Requested::UpdateTopic(UpdateTopic { name, spec, revision })
    });
    let update_subscription = (wire_name(), spec(), number()).prop_map(|(name, spec, revision)| {
        Requested::UpdateSubscription(UpdateSubscription { name, spec, revision })
    });
    // Boxed, since all of them side by side need more than a test's stack.
    proptest::option::of(prop_oneof![
        topic.boxed(),
        subscription.boxed(),
        queue.boxed(),
        release.boxed(),
        update_topic.boxed(),
        update_subscription.boxed(),
    ])
}

fn operation() -> impl Strategy<Value = Operation> {
    let address = || (1..3_u64, 0..2_u32, number());
    let ranges = vec(
        (number(), number()).prop_map(|(start, length)| OffsetRange { start, length }),
        0..4,
    );
    prop_oneof![
        (text(), any::<u32>())
            .prop_map(|(cluster_id, shards)| Operation::Bootstrap(Bootstrap { cluster_id, shards })),
        (-1..4_i32, requested())
            .prop_map(|(owner, requested)| Operation::Change(CatalogChange { owner, requested })),
        address().prop_map(|(topic, index, _)| Operation::OpenPartition(OpenPartition { topic, index })),
        address().prop_map(|(topic, index, _)| Operation::ClosePartition(ClosePartition { topic, index })),
        (address(), -1..3_i32).prop_map(|((topic, index, subscription), at)| {
            Operation::OpenCursor(OpenCursor {
                topic,
                index,
                subscription,
                at,
            })
        }),
        address().prop_map(|(topic, index, subscription)| {
            Operation::CloseCursor(CloseCursor {
                topic,
                index,
                subscription,
            })
        }),
        (address(), any::<u32>()).prop_map(|((topic, index, _), count)| {
            Operation::Append(Append {
                topic,
                index,
                batch: Bytes::from_static(b"noise"),
                count,
            })
        }),
        (address(), ranges).prop_map(|((topic, index, subscription), ranges)| {
            Operation::Ack(Ack {
                topic,
                index,
                subscription,
                ranges,
            })
        }),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_a_batch_or_none(noise in vec(any::<u8>(), 0..120)) {
        if let Ok(batch) = Batch::decode(&noise[..]) {
            apply_everywhere(&batch);
        }
        let _ = Batch::from_bytes(noise.clone().into());
        if let Ok(state) = ShardState::decode(noise.into()) {
            state.validate().map_err(TestCaseError::fail)?;
        }
    }

    /// Noise is hardly ever a command: here every field is there, and holds anything.
    #[test]
    fn any_commands_can_be_applied(operations in vec(proptest::option::of(operation()), 0..6), time in any::<i64>()) {
        let commands = operations.into_iter().map(|operation| Command { operation }).collect();
        apply_everywhere(&Batch { time, commands });
    }

    #[test]
    fn damaged_entries_can_be_applied(
        operations in vec(operation(), 1..4),
        flips in vec((any::<prop::sample::Index>(), 0..8), 1..4),
    ) {
        let commands = operations.into_iter().map(Command::from).collect();
        let mut bytes = Batch { time: 5, commands }.encode_to_vec();
        for (place, bit) in flips {
            let place = place.index(bytes.len());
            bytes[place] ^= 1_u8 << bit;
        }
        if let Ok(batch) = Batch::decode(&bytes[..]) {
            apply_everywhere(&batch);
        }
    }

    #[test]
    fn a_damaged_checkpoint_is_refused_or_sound(
        flips in vec((any::<prop::sample::Index>(), 0..8), 1..4),
        of_catalog in any::<bool>(),
        noise in operation(),
    ) {
        let state = if of_catalog { catalog_shard() } else { data_shard() };
        let mut bytes = state.encode().to_vec();
        for (place, bit) in flips {
            let place = place.index(bytes.len());
            bytes[place] ^= 1_u8 << bit;
        }
        if let Ok(mut state) = ShardState::decode(bytes.into()) {
            state.validate().map_err(TestCaseError::fail)?;
            state.apply(u64::MAX, &Batch::new(0, vec![noise.into()]));
            state.validate().map_err(TestCaseError::fail)?;
        }
    }
}

#[test]
fn what_a_newer_version_wrote_is_refused_by_name() {
    // A command with field 99, and a state of version 7 with nothing this version knows.
    let command = [0x12, 0x04, 0x9a, 0x06, 0x01, b'x'];
    assert_eq!(
        Batch::from_bytes(Bytes::copy_from_slice(&command)),
        Err(DecodeError::UnknownCommand { position: 0 })
    );
    let state = Bytes::from_static(&[0x08, 0x07, 0x9a, 0x06, 0x01, b'x']);
    let refused = ShardState::decode(state).unwrap_err();
    assert_eq!(
        refused,
        DecodeError::Version {
            found: 7,
            supported: 1
        }
    );
    assert!(
        refused
            .to_string()
            .contains("format version 7, this broker reads up to 1"),
        "{refused}"
    );
    assert!(matches!(
        ShardState::decode(Bytes::new()),
        Err(DecodeError::Invalid(_))
    ));
}

/// The bytes on disk and between brokers: a change here is a new format version, not a new expectation.
#[test]
fn the_formats_stay_what_they_are() {
    let batch = Batch::new(
        -2,
        vec![
            Command::append(PARTITION, Bytes::from_static(b"rb"), 3),
            Command::ack(SubscriptionId(9), PARTITION, [(5, 2)]),
        ],
    );
    let expected = [
        &[0x08, 0x03][..],
        &[
            0x12, 0x0b, 0xa2, 0x01, 0x08, 0x08, 0x01, 0x1a, 0x02, b'r', b'b', 0x20, 0x03,
        ],
        &[
            0x12, 0x0d, 0xaa, 0x01, 0x0a, 0x08, 0x01, 0x18, 0x09, 0x22, 0x04, 0x08, 0x05, 0x10, 0x02,
        ],
    ];
    assert_eq!(batch.to_bytes(), expected.concat());
    assert_eq!(data_shard().digest(), DATA_DIGEST, "{:?}", data_shard().encode());
    assert_eq!(
        catalog_shard().digest(),
        CATALOG_DIGEST,
        "{:?}",
        catalog_shard().encode()
    );
}

const DATA_DIGEST: u64 = 5_094_316_175_575_518_858;
const CATALOG_DIGEST: u64 = 7_665_283_892_591_119_863;
