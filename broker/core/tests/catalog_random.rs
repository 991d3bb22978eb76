//! The catalog under random changes: its invariants hold after each, replicas agree, and a checkpoint loses nothing.

use std::collections::{BTreeMap, BTreeSet};

use postroad_core::{Batch, Change, Command, Kind, Outcome, PutMode, Reply, ShardState};
use postroad_types::{
    Owner, ResourceName, ShardId, SubscriptionName, SubscriptionSpec, TopicName, TopicSpec,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

/// Few names, so that they meet.
fn name() -> impl Strategy<Value = ResourceName> {
    (0..2, 0..4).prop_map(|(namespace, name)| {
        ResourceName::parse(&format!("n{namespace}"), &format!("r{name}")).unwrap()
    })
}

fn labels() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map("[a-b]", "[a-b]", 0..2)
}

fn spec() -> impl Strategy<Value = SubscriptionSpec> {
    (8..13_u32, labels()).prop_map(|(ack_deadline_seconds, labels)| SubscriptionSpec {
        ack_deadline_seconds,
        labels,
        enable_message_ordering: false,
    })
}

fn change() -> impl Strategy<Value = Change> {
    let mode = || prop_oneof![Just(PutMode::Create), Just(PutMode::Apply)];
    let kind = prop_oneof![Just(Kind::Topic), Just(Kind::Subscription), Just(Kind::Queue)];
    prop_oneof![
        4 => (name(), 0..5_u32, labels(), mode()).prop_map(|(name, partitions, labels, mode)| {
            Change::PutTopic { name: TopicName(name), spec: TopicSpec { partitions, labels }, mode }
        }),
        4 => (name(), name(), spec(), mode()).prop_map(|(name, topic, spec, mode)| {
            Change::PutSubscription { name: SubscriptionName(name), topic: TopicName(topic), spec, mode }
        }),
        3 => (name(), spec(), mode()).prop_map(|(name, spec, mode)| Change::PutQueue { name, spec, mode }),
        2 => (name(), 0..5_u32, labels(), 0..80_u64).prop_map(|(name, partitions, labels, revision)| {
            Change::UpdateTopic { name: TopicName(name), spec: TopicSpec { partitions, labels }, revision }
        }),
        2 => (name(), spec(), 0..80_u64).prop_map(|(name, spec, revision)| {
            Change::UpdateSubscription { name: SubscriptionName(name), spec, revision }
        }),
        1 => name().prop_map(|name| Change::DeleteTopic { name: TopicName(name) }),
        1 => name().prop_map(|name| Change::DeleteSubscription { name: SubscriptionName(name) }),
        1 => name().prop_map(|name| Change::DeleteQueue { name }),
        1 => (kind, name()).prop_map(|(kind, name)| Change::Release { kind, name }),
    ]
}

fn owner() -> impl Strategy<Value = Owner> {
    prop_oneof![3 => Just(Owner::Api), 2 => Just(Owner::Kubernetes), 1 => Just(Owner::File)]
}

/// Most updates are made from the revision that their resource has; a guess alone would hardly ever meet it.
fn made_from_now(state: &ShardState, mut change: Change) -> Change {
    let catalog = state.catalog().unwrap();
    let (revision, now) = match &mut change {
        Change::UpdateTopic { name, revision, .. } => {
            (revision, catalog.topic(name).map(|found| found.revision))
        }
        Change::UpdateSubscription { name, revision, .. } => {
            (revision, catalog.subscription(name).map(|found| found.revision))
        }
        _ => return change,
    };
    if let Some(now) = now
        && *revision % 4 != 0
    {
        *revision = now;
    }
    change
}

/// What must hold between the catalog before a change and after it.
fn check(
    before: &ShardState,
    after: &ShardState,
    reply: Result<Reply, postroad_types::Error>,
) -> Result<(), TestCaseError> {
    let (old, new) = (before.catalog().unwrap(), after.catalog().unwrap());
    let outcome = match reply {
        Ok(Reply::Changed(changed)) => Some(changed.outcome),
        Ok(other) => return Err(TestCaseError::fail(format!("{other:?}"))),
        Err(_) => None,
    };
    match outcome {
        None | Some(Outcome::Unchanged | Outcome::Outdated | Outcome::Absent) => prop_assert_eq!(old, new),
        Some(_) => prop_assert_eq!(old.revision() + 1, new.revision()),
    }
    for topic in new.topics(None, None) {
        match old.topic_by_id(topic.id) {
            Some(was) => {
                prop_assert_eq!(&was.name, &topic.name);
                prop_assert!(topic.placement.starts_with(&was.placement), "a partition moved");
            }
            None => prop_assert_eq!(topic.revision, new.revision()),
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn it_stays_whole(changes in vec((owner(), change()), 0..80)) {
        let mut state = ShardState::new(ShardId::CATALOG);
        let mut replica = state.clone();
        let mut numbers = BTreeSet::new();
        let bootstrap = Batch::new(1, vec![Command::bootstrap("c", 4)]);
        state.apply(0, &bootstrap);
        replica.apply(0, &bootstrap);
        for (index, (owner, change)) in (1_u64..).zip(changes) {
            let before = state.clone();
            let change = made_from_now(&state, change);
            let batch = Batch::new(index as i64, vec![Command::change(owner, change)]);
            let applied = state.apply(index, &batch).pop().unwrap();
            state.validate().map_err(TestCaseError::fail)?;
            if let Ok(Reply::Changed(changed)) = &applied.reply && changed.outcome == Outcome::Created {
                let topic = changed.topic.iter().map(|topic| topic.id.0);
                for number in topic.chain(changed.subscription.iter().map(|subscription| subscription.id.0)) {
                    prop_assert!(numbers.insert(number), "number {number} was given twice");
                }
            }
            check(&before, &state, applied.reply)?;
            let restored = ShardState::decode(state.encode()).unwrap();
            prop_assert_eq!(&restored, &state);
            state = restored;
            replica.apply(index, &Batch::from_bytes(batch.to_bytes()).unwrap());
            prop_assert_eq!(replica.digest(), state.digest());
        }
    }
}
