//! Updates: done on the revision they were made from, or not at all.

use std::sync::Arc;

use postroad_core::{
    Batch, Change, Changed, Command, Effect, Outcome, PutMode, Reply, ShardState, Subscription, Topic,
};
use postroad_types::{
    Error, ErrorKind, Owner, ResourceName, ShardId, SubscriptionName, SubscriptionSpec, TopicName, TopicSpec,
};

/// A catalog with topic `orders`, its subscription `billing`, and queue `jobs`, all of one owner.
struct Fixture(ShardState);

fn name(name: &str) -> ResourceName {
    ResourceName::parse("shop", name).unwrap()
}

fn topic_spec(partitions: u32, label: &str) -> TopicSpec {
    TopicSpec {
        partitions,
        labels: [("label".into(), label.into())].into(),
    }
}

fn subscription_spec(ack_deadline_seconds: u32, label: &str) -> SubscriptionSpec {
    SubscriptionSpec {
        ack_deadline_seconds,
        labels: [("label".into(), label.into())].into(),
        ..SubscriptionSpec::default()
    }
}

fn update_topic(topic: &str, spec: TopicSpec, revision: u64) -> Change {
    Change::UpdateTopic {
        name: TopicName(name(topic)),
        spec,
        revision,
    }
}

fn update_subscription(subscription: &str, spec: SubscriptionSpec, revision: u64) -> Change {
    Change::UpdateSubscription {
        name: SubscriptionName(name(subscription)),
        spec,
        revision,
    }
}

impl Fixture {
    fn new(owner: Owner) -> Self {
        let mut fixture = Self(ShardState::new(ShardId::CATALOG));
        fixture.apply(Command::bootstrap("c", 4)).unwrap();
        let (topic, mode) = (TopicName(name("orders")), PutMode::Create);
        for change in [
            Change::PutTopic {
                name: topic.clone(),
                spec: topic_spec(2, "old"),
                mode,
            },
            Change::PutSubscription {
                name: SubscriptionName(name("billing")),
                topic,
                spec: subscription_spec(10, "old"),
                mode,
            },
            Change::PutQueue {
                name: name("jobs"),
                spec: subscription_spec(10, "old"),
                mode,
            },
        ] {
            fixture.change(owner, change).unwrap();
        }
        fixture
    }

    /// Sent over the wire and back, as every command is.
    fn apply(&mut self, command: Command) -> Result<Reply, Error> {
        let index = self.0.applied().map_or(0, |applied| applied + 1);
        let before = self.0.catalog().unwrap().revision();
        let batch = Batch::from_bytes(Batch::new(0, vec![command]).to_bytes()).unwrap();
        let applied = self.0.apply(index, &batch).pop().unwrap();
        self.0.validate().unwrap();
        let revision = self.0.catalog().unwrap().revision();
        let expected = (revision != before).then_some(Effect::CatalogChanged { revision });
        assert_eq!(applied.effects, Vec::from_iter(expected));
        applied.reply
    }

    fn change(&mut self, owner: Owner, change: Change) -> Result<Changed, Error> {
        match self.apply(Command::change(owner, change))? {
            Reply::Changed(changed) => Ok(changed),
            other => panic!("{other:?}"),
        }
    }

    fn refused(&mut self, owner: Owner, change: Change, kind: ErrorKind, says: &str) {
        let before = self.0.catalog().cloned();
        let error = self.change(owner, change).unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(says), "{error}");
        assert_eq!(
            self.0.catalog().cloned(),
            before,
            "a refused change changed something"
        );
    }

    fn topic(&self, topic: &str) -> Arc<Topic> {
        self.0
            .catalog()
            .unwrap()
            .topic(&TopicName(name(topic)))
            .unwrap()
            .clone()
    }

    fn subscription(&self, subscription: &str) -> Arc<Subscription> {
        let name = SubscriptionName(name(subscription));
        self.0.catalog().unwrap().subscription(&name).unwrap().clone()
    }
}

#[test]
fn an_update_changes_what_it_was_made_from() {
    let mut fixture = Fixture::new(Owner::Api);
    let old = fixture.topic("orders");
    let changed = fixture
        .change(
            Owner::Api,
            update_topic("orders", topic_spec(3, "new"), old.revision),
        )
        .unwrap();
    let new = fixture.topic("orders");
    assert_eq!(
        (changed.outcome, changed.topic),
        (Outcome::Updated, Some(new.clone()))
    );
    assert_eq!((new.id, &new.spec), (old.id, &topic_spec(3, "new")));
    assert!(new.revision > old.revision && new.placement.starts_with(&old.placement));

    let old = fixture.subscription("billing");
    let update = update_subscription("billing", subscription_spec(20, "new"), old.revision);
    let changed = fixture.change(Owner::Api, update).unwrap();
    let new = fixture.subscription("billing");
    assert_eq!(
        (changed.outcome, changed.subscription),
        (Outcome::Updated, Some(new.clone()))
    );
    assert_eq!(
        (new.id, new.topic_id, &new.spec),
        (old.id, old.topic_id, &subscription_spec(20, "new"))
    );

    let same = update_subscription("billing", subscription_spec(20, "new"), new.revision);
    let changed = fixture.change(Owner::Api, same).unwrap();
    assert_eq!(changed.outcome, Outcome::Unchanged);
    assert_eq!(fixture.subscription("billing"), new, "its revision too");
}

/// Two clients read the same revision; the second to write would undo what the first wrote.
#[test]
fn an_update_of_what_was_changed_since_does_nothing_and_tells_what_is_there() {
    let mut fixture = Fixture::new(Owner::Api);
    let read = fixture.topic("orders").revision;
    fixture
        .change(Owner::Api, update_topic("orders", topic_spec(2, "first"), read))
        .unwrap();
    let first = fixture.topic("orders");
    let changed = fixture
        .change(Owner::Api, update_topic("orders", topic_spec(2, "second"), read))
        .unwrap();
    assert_eq!(
        (changed.outcome, changed.topic),
        (Outcome::Outdated, Some(first.clone()))
    );
    assert_eq!(fixture.topic("orders"), first);

    let read = fixture.subscription("billing").revision;
    let delete = Change::DeleteTopic {
        name: TopicName(name("orders")),
    };
    fixture.change(Owner::Api, delete).unwrap();
    let orphan = fixture.subscription("billing");
    let late = update_subscription("billing", subscription_spec(20, "late"), read);
    let changed = fixture.change(Owner::Api, late).unwrap();
    assert_eq!(
        (changed.outcome, changed.subscription),
        (Outcome::Outdated, Some(orphan.clone()))
    );
    let again = update_subscription("billing", subscription_spec(20, "late"), orphan.revision);
    assert_eq!(
        fixture.change(Owner::Api, again).unwrap().outcome,
        Outcome::Updated
    );
    assert_eq!(
        fixture.subscription("billing").topic,
        None,
        "an update brings no topic back"
    );
}

/// A resource that was deleted and made again is another, though it may look the same.
#[test]
fn an_update_does_not_reach_the_next_resource_of_the_name() {
    let mut fixture = Fixture::new(Owner::Api);
    let read = fixture.topic("orders").revision;
    let orders = TopicName(name("orders"));
    fixture
        .change(Owner::Api, Change::DeleteTopic { name: orders.clone() })
        .unwrap();
    fixture.refused(
        Owner::Api,
        update_topic("orders", topic_spec(2, "late"), read),
        ErrorKind::NotFound,
        "projects/shop/topics/orders",
    );
    let put = Change::PutTopic {
        name: orders,
        spec: topic_spec(2, "old"),
        mode: PutMode::Create,
    };
    fixture.change(Owner::Api, put).unwrap();
    let late = fixture.change(Owner::Api, update_topic("orders", topic_spec(2, "late"), read));
    assert_eq!(late.unwrap().outcome, Outcome::Outdated);
}

#[test]
fn an_update_follows_the_rules_of_a_put_and_never_creates() {
    let mut fixture = Fixture::new(Owner::Api);
    let (topic, subscription) = (fixture.topic("orders"), fixture.subscription("billing"));
    for (change, kind, says) in [
        (
            update_topic("missing", topic_spec(1, "x"), 1),
            ErrorKind::NotFound,
            "topics/missing",
        ),
        (
            update_subscription("missing", subscription_spec(10, "x"), 1),
            ErrorKind::NotFound,
            "subscriptions/missing",
        ),
        (
            update_topic("orders", topic_spec(1, "x"), topic.revision),
            ErrorKind::FailedPrecondition,
            "they only grow",
        ),
        (
            update_topic("orders", topic_spec(0, "x"), topic.revision),
            ErrorKind::InvalidArgument,
            "partitions",
        ),
        (
            update_subscription("billing", subscription_spec(9, "x"), subscription.revision),
            ErrorKind::InvalidArgument,
            "ackDeadlineSeconds",
        ),
        (
            update_topic("jobs", topic_spec(1, "x"), fixture.topic("jobs").revision),
            ErrorKind::FailedPrecondition,
            "part of Queue shop/jobs",
        ),
        (
            update_subscription(
                "jobs",
                subscription_spec(20, "x"),
                fixture.subscription("jobs").revision,
            ),
            ErrorKind::FailedPrecondition,
            "part of Queue shop/jobs",
        ),
    ] {
        fixture.refused(Owner::Api, change, kind, says);
    }
}

#[test]
fn what_is_declared_elsewhere_no_client_updates() {
    for (owner, place) in [(Owner::Kubernetes, "Kubernetes"), (Owner::File, "the file")] {
        let mut fixture = Fixture::new(owner);
        let (topic, subscription) = (fixture.topic("orders"), fixture.subscription("billing"));
        // Also from an old revision: trying again would not help.
        for revision in [topic.revision, 1] {
            let update = update_topic("orders", topic_spec(2, "x"), revision);
            fixture.refused(Owner::Api, update, ErrorKind::FailedPrecondition, place);
        }
        let update = update_subscription("billing", subscription_spec(20, "x"), subscription.revision);
        fixture.refused(Owner::Api, update, ErrorKind::FailedPrecondition, place);
        // Its owner may.
        let update = update_topic("orders", topic_spec(2, "x"), topic.revision);
        assert_eq!(fixture.change(owner, update).unwrap().outcome, Outcome::Updated);
        assert_eq!(fixture.topic("orders").owner, owner);
    }
}
