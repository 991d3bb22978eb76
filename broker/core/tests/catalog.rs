//! The catalog's rules, one by one.

use std::collections::BTreeMap;
use std::sync::Arc;

use postroad_core::{
    Batch, Catalog, Change, Changed, Command, Effect, Kind, Outcome, PutMode, Reply, ShardState,
};
use postroad_types::{
    Error, ErrorKind, Namespace, Owner, ResourceName, ShardId, SubscriptionName, SubscriptionSpec, Timestamp,
    TopicName, TopicSpec,
};

const TIME: i64 = 1_700_000_000_000;

/// A bootstrapped catalog, changed one command an entry.
struct Fixture(ShardState);

impl Fixture {
    fn new() -> Self {
        let mut fixture = Self(ShardState::new(ShardId::CATALOG));
        fixture.apply(Command::bootstrap("cluster-1", 4)).unwrap();
        fixture
    }

    fn apply(&mut self, command: Command) -> Result<Reply, Error> {
        let index = self.0.applied().map_or(0, |applied| applied + 1);
        let before = self.catalog().revision();
        let applied = self
            .0
            .apply(index, &Batch::new(TIME, vec![command]))
            .pop()
            .unwrap();
        self.0.validate().unwrap();
        let revision = self.catalog().revision();
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

    fn outcome(&mut self, owner: Owner, change: Change) -> Outcome {
        self.change(owner, change).unwrap().outcome
    }

    fn refusal(&mut self, owner: Owner, change: Change) -> Error {
        let digest = self.0.catalog().cloned();
        let error = self.change(owner, change).unwrap_err();
        assert_eq!(
            self.0.catalog().cloned(),
            digest,
            "a refused change changed something"
        );
        error
    }

    fn catalog(&self) -> &Catalog {
        self.0.catalog().unwrap()
    }
}

fn name(name: &str) -> ResourceName {
    ResourceName::parse("shop", name).unwrap()
}

fn topic(topic: &str, partitions: u32, mode: PutMode) -> Change {
    let spec = TopicSpec {
        partitions,
        labels: BTreeMap::new(),
    };
    Change::PutTopic {
        name: TopicName(name(topic)),
        spec,
        mode,
    }
}

fn deadline(ack_deadline_seconds: u32) -> SubscriptionSpec {
    SubscriptionSpec {
        ack_deadline_seconds,
        labels: BTreeMap::new(),
        enable_message_ordering: false,
    }
}

fn subscription(subscription: &str, topic: &str, seconds: u32, mode: PutMode) -> Change {
    let topic = TopicName(name(topic));
    Change::PutSubscription {
        name: SubscriptionName(name(subscription)),
        topic,
        spec: deadline(seconds),
        mode,
    }
}

fn queue(queue: &str, seconds: u32, mode: PutMode) -> Change {
    Change::PutQueue {
        name: name(queue),
        spec: deadline(seconds),
        mode,
    }
}

fn delete_topic(topic: &str) -> Change {
    Change::DeleteTopic {
        name: TopicName(name(topic)),
    }
}

fn delete_subscription(subscription: &str) -> Change {
    Change::DeleteSubscription {
        name: SubscriptionName(name(subscription)),
    }
}

fn release(kind: Kind, resource: &str) -> Change {
    Change::Release {
        kind,
        name: name(resource),
    }
}

use Owner::{Api, File, Kubernetes};
use PutMode::{Apply, Create};

#[test]
fn a_cluster_is_made_once() {
    let mut state = ShardState::new(ShardId::CATALOG);
    let early = Batch::new(TIME, vec![Command::change(Api, topic("orders", 1, Create))]);
    let refused = state.apply(0, &early).pop().unwrap().reply.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unavailable);
    assert!(refused.message.contains("bootstrap"), "{refused}");

    let mut fixture = Fixture::new();
    let bootstrapped = Reply::Bootstrapped {
        cluster_id: "cluster-1".to_owned(),
        shards: 4,
    };
    assert_eq!(
        fixture.apply(Command::bootstrap("cluster-1", 4)),
        Ok(bootstrapped)
    );
    assert_eq!(fixture.catalog().revision(), 1, "nothing changed the second time");
    for (id, shards) in [("cluster-2", 4), ("cluster-1", 5)] {
        let refused = fixture.apply(Command::bootstrap(id, shards)).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::FailedPrecondition, "{refused}");
    }
    for (id, shards) in [("", 4), ("a b", 4), ("cluster-1", 1), ("cluster-1", 100_000)] {
        let refused = fixture.apply(Command::bootstrap(id, shards)).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::InvalidArgument, "{refused}");
    }
}

#[test]
fn a_topic_is_created_and_updated() {
    let mut fixture = Fixture::new();
    let created = fixture.change(Api, topic("orders", 2, Create)).unwrap();
    assert_eq!(
        (created.outcome, &created.subscription),
        (Outcome::Created, &None)
    );
    let created = created.topic.unwrap();
    assert_eq!(
        (created.owner, created.created, created.queue),
        (Api, Timestamp(TIME), false)
    );
    assert_eq!(created.placement, [ShardId(1), ShardId(2)]);
    assert_eq!(created.revision, fixture.catalog().revision());

    assert_eq!(
        fixture.refusal(Api, topic("orders", 2, Create)).kind,
        ErrorKind::AlreadyExists
    );
    let revision = fixture.catalog().revision();
    assert_eq!(
        fixture.outcome(Api, topic("orders", 2, Apply)),
        Outcome::Unchanged
    );
    assert_eq!(fixture.catalog().revision(), revision);

    let grown = fixture.change(Api, topic("orders", 4, Apply)).unwrap();
    assert_eq!(grown.outcome, Outcome::Updated);
    let grown = grown.topic.unwrap();
    assert_eq!(grown.placement, [ShardId(1), ShardId(2), ShardId(3), ShardId(1)]);
    assert_eq!((grown.id, grown.created), (created.id, created.created));
    assert_eq!(fixture.catalog().topic_by_id(created.id), Some(&grown));
    let refused = fixture.refusal(Api, topic("orders", 3, Apply));
    assert_eq!(refused.kind, ErrorKind::FailedPrecondition);
    assert!(
        refused.message.contains("has 4 partitions; they only grow"),
        "{refused}"
    );
}

#[test]
fn partitions_are_spread_evenly() {
    let mut fixture = Fixture::new();
    for number in 0..20 {
        fixture
            .change(Api, topic(&format!("t{number}"), number % 5 + 1, Create))
            .unwrap();
    }
    for number in 0..10 {
        fixture.change(Api, delete_topic(&format!("t{number}"))).unwrap();
        fixture
            .change(Api, topic(&format!("u{number}"), number % 5 + 1, Create))
            .unwrap();
    }
    let mut loads = BTreeMap::new();
    for topic in fixture.catalog().topics(None, None) {
        for (_, shard) in topic.partitions() {
            *loads.entry(shard).or_insert(0) += 1;
        }
    }
    assert!(
        loads.keys().eq(&[ShardId(1), ShardId(2), ShardId(3)]),
        "{loads:?}"
    );
    assert!(
        loads.values().max().unwrap() - loads.values().min().unwrap() <= 1,
        "{loads:?}"
    );
}

#[test]
fn what_is_out_of_bounds_is_named() {
    let mut fixture = Fixture::new();
    fixture.change(Api, topic("orders", 1, Create)).unwrap();
    let labels = (0..65)
        .map(|number| (number.to_string(), String::new()))
        .collect();
    let many = TopicSpec {
        partitions: 1,
        labels,
    };
    let cases = [
        (topic("a", 0, Create), "partitions is 0; it must be 1 to 1024"),
        (topic("a", 1025, Create), "partitions is 1025"),
        (
            Change::PutTopic {
                name: TopicName(name("a")),
                spec: many,
                mode: Create,
            },
            "labels has 65 entries",
        ),
        (
            subscription("s", "orders", 9, Create),
            "ackDeadlineSeconds is 9; it must be 10 to 600",
        ),
        (
            subscription("s", "orders", 601, Create),
            "ackDeadlineSeconds is 601",
        ),
        (queue("q", 0, Create), "ackDeadlineSeconds is 0"),
    ];
    for (change, message) in cases {
        let refused = fixture.refusal(Api, change);
        assert_eq!(refused.kind, ErrorKind::InvalidArgument);
        assert!(refused.message.contains(message), "{refused}");
    }
}

#[test]
fn a_subscription_keeps_its_topic() {
    let mut fixture = Fixture::new();
    let refused = fixture.refusal(Api, subscription("s", "orders", 10, Create));
    assert_eq!(refused, Error::not_found("projects/shop/topics/orders"));
    let first = fixture
        .change(Api, topic("orders", 1, Create))
        .unwrap()
        .topic
        .unwrap();
    fixture.change(Api, topic("other", 1, Create)).unwrap();
    let created = fixture
        .change(Api, subscription("s", "orders", 10, Create))
        .unwrap()
        .subscription
        .unwrap();
    assert_eq!(created.topic_id, Some(first.id));
    assert_eq!(
        fixture.outcome(Api, subscription("s", "orders", 10, Apply)),
        Outcome::Unchanged
    );
    assert_eq!(
        fixture.outcome(Api, subscription("s", "orders", 20, Apply)),
        Outcome::Updated
    );
    assert_eq!(
        fixture.refusal(Api, subscription("s", "orders", 20, Create)).kind,
        ErrorKind::AlreadyExists
    );
    let refused = fixture.refusal(Api, subscription("s", "other", 20, Apply));
    assert_eq!(refused.kind, ErrorKind::FailedPrecondition);
    assert!(
        refused.message.contains("can't move to another topic"),
        "{refused}"
    );

    let deleted = fixture.change(Api, delete_topic("orders")).unwrap();
    assert_eq!(
        (deleted.outcome, deleted.topic.unwrap().id),
        (Outcome::Deleted, first.id)
    );
    let left = fixture
        .catalog()
        .subscription(&SubscriptionName(name("s")))
        .unwrap()
        .clone();
    assert_eq!((&left.topic, left.topic_id, left.id), (&None, None, created.id));
    assert_eq!(fixture.catalog().topic_subscriptions(first.id, None).count(), 0);

    let again = fixture
        .change(Api, topic("orders", 1, Create))
        .unwrap()
        .topic
        .unwrap();
    assert!(again.id > first.id, "a new topic has a new number");
    let refused = fixture.refusal(Api, subscription("s", "orders", 20, Apply));
    assert!(refused.message.contains("was deleted"), "{refused}");
    assert_eq!(fixture.outcome(Api, delete_subscription("s")), Outcome::Deleted);
    assert_eq!(fixture.outcome(Api, delete_subscription("s")), Outcome::Absent);
}

#[test]
fn a_queue_is_changed_as_a_whole() {
    let mut fixture = Fixture::new();
    let created = fixture.change(Api, queue("jobs", 10, Create)).unwrap();
    let (topic_made, made) = (created.topic.unwrap(), created.subscription.unwrap());
    assert!(topic_made.queue && made.queue);
    assert_eq!(
        (topic_made.placement.len(), made.topic_id),
        (1, Some(topic_made.id))
    );
    assert_eq!((topic_made.revision, made.revision), (2, 2));
    assert_eq!(
        fixture.refusal(Api, queue("jobs", 10, Create)).kind,
        ErrorKind::AlreadyExists
    );
    assert_eq!(
        fixture.refusal(Api, topic("jobs", 1, Create)).kind,
        ErrorKind::AlreadyExists
    );
    assert_eq!(fixture.outcome(Api, queue("jobs", 10, Apply)), Outcome::Unchanged);

    let parts = [
        topic("jobs", 2, Apply),
        subscription("jobs", "jobs", 20, Apply),
        delete_topic("jobs"),
        delete_subscription("jobs"),
    ];
    for change in parts {
        let refused = fixture.refusal(Api, change);
        assert_eq!(refused.kind, ErrorKind::FailedPrecondition);
        assert!(
            refused.message.contains("is part of Queue shop/jobs"),
            "{refused}"
        );
    }
    let refused = fixture.refusal(Api, subscription("second", "jobs", 20, Create));
    assert!(refused.message.contains("takes no other"), "{refused}");

    let updated = fixture.change(Api, queue("jobs", 30, Apply)).unwrap();
    assert_eq!(
        (
            updated.outcome,
            updated.subscription.unwrap().spec.ack_deadline_seconds
        ),
        (Outcome::Updated, 30)
    );
    let delete = || Change::DeleteQueue { name: name("jobs") };
    let deleted = fixture.change(Api, delete()).unwrap();
    assert_eq!(
        (deleted.outcome, deleted.topic.unwrap().id),
        (Outcome::Deleted, topic_made.id)
    );
    assert_eq!(fixture.outcome(Api, delete()), Outcome::Absent);
    assert_eq!(fixture.catalog().subscriptions(None, None).count(), 0);
}

#[test]
fn a_queue_takes_no_name_that_is_in_use() {
    let mut fixture = Fixture::new();
    fixture.change(Api, topic("orders", 1, Create)).unwrap();
    fixture
        .change(Api, subscription("s", "orders", 10, Create))
        .unwrap();
    let refused = fixture.refusal(Api, queue("orders", 10, Apply));
    assert!(
        refused.message.contains("Topic shop/orders is there"),
        "{refused}"
    );
    let refused = fixture.refusal(Api, queue("s", 10, Apply));
    assert!(
        refused.message.contains("Subscription shop/s is there"),
        "{refused}"
    );
    assert_eq!(
        fixture.outcome(Api, Change::DeleteQueue { name: name("orders") }),
        Outcome::Absent
    );
}

#[test]
fn what_is_declared_is_changed_where_it_is_declared() {
    let mut fixture = Fixture::new();
    fixture.change(Kubernetes, topic("orders", 1, Apply)).unwrap();
    fixture.change(File, queue("jobs", 10, Apply)).unwrap();
    for change in [
        topic("orders", 2, Apply),
        delete_topic("orders"),
        release(Kind::Topic, "orders"),
    ] {
        for owner in [Api, File] {
            let refused = fixture.refusal(owner, change.clone());
            assert_eq!(refused.kind, ErrorKind::FailedPrecondition);
            assert!(
                refused
                    .message
                    .contains("is declared in Kubernetes (Topic shop/orders)"),
                "{refused}"
            );
        }
    }
    let refused = fixture.refusal(Kubernetes, queue("jobs", 20, Apply));
    assert!(
        refused
            .message
            .contains("in the file that postroad dev reads (Queue shop/jobs)"),
        "{refused}"
    );
    assert_eq!(
        fixture.outcome(Kubernetes, topic("orders", 2, Apply)),
        Outcome::Updated
    );
    assert_eq!(
        fixture.outcome(Api, subscription("s", "orders", 10, Create)),
        Outcome::Created
    );
}

#[test]
fn what_clients_made_can_be_adopted_and_given_back() {
    let mut fixture = Fixture::new();
    let made = fixture
        .change(Api, topic("orders", 1, Create))
        .unwrap()
        .topic
        .unwrap();
    let adopted = fixture.change(Kubernetes, topic("orders", 1, Apply)).unwrap();
    assert_eq!(adopted.outcome, Outcome::Updated);
    let adopted = adopted.topic.unwrap();
    assert_eq!((adopted.owner, adopted.id), (Kubernetes, made.id));
    let released = fixture
        .change(Kubernetes, release(Kind::Topic, "orders"))
        .unwrap();
    assert_eq!(
        (released.outcome, released.topic.unwrap().owner),
        (Outcome::Released, Api)
    );

    // What it gave up is no longer its own to delete.
    assert_eq!(
        fixture.outcome(Kubernetes, delete_topic("orders")),
        Outcome::Absent
    );
    assert_eq!(
        fixture.outcome(Kubernetes, release(Kind::Topic, "orders")),
        Outcome::Absent
    );
    assert_eq!(fixture.outcome(Api, delete_topic("orders")), Outcome::Deleted);

    fixture.change(Kubernetes, queue("jobs", 10, Apply)).unwrap();
    assert_eq!(
        fixture.outcome(Kubernetes, release(Kind::Topic, "jobs")),
        Outcome::Absent
    );
    assert_eq!(fixture.outcome(Kubernetes, delete_topic("jobs")), Outcome::Absent);
    let released = fixture.change(Kubernetes, release(Kind::Queue, "jobs")).unwrap();
    assert_eq!(released.topic.unwrap().owner, Api);
    assert_eq!(released.subscription.unwrap().owner, Api);
}

#[test]
fn lists_go_by_name_and_by_page() {
    let mut fixture = Fixture::new();
    for (namespace, topic) in [
        ("b", "z"),
        ("a", "x"),
        ("b", "a"),
        ("c", "m"),
        ("b", "%"),
        ("b-", "a"),
    ] {
        let name = TopicName::parse(namespace, topic).unwrap();
        let spec = TopicSpec {
            partitions: 1,
            labels: BTreeMap::new(),
        };
        fixture
            .change(
                Api,
                Change::PutTopic {
                    name,
                    spec,
                    mode: Create,
                },
            )
            .unwrap();
    }
    let catalog = fixture.catalog();
    let names = |topics: Vec<&Arc<_>>| -> Vec<String> {
        topics
            .into_iter()
            .map(|topic: &Arc<postroad_core::Topic>| topic.name.0.to_string())
            .collect()
    };
    let b = Namespace::parse("b").unwrap();
    let after = |namespace, name| TopicName::parse(namespace, name).unwrap();
    assert_eq!(
        names(catalog.topics(Some(&b), None).collect()),
        ["b/%", "b/a", "b/z"]
    );
    assert_eq!(
        names(catalog.topics(Some(&b), Some(&after("b", "a"))).collect()),
        ["b/z"]
    );
    assert_eq!(
        names(catalog.topics(Some(&b), Some(&after("a", "a"))).collect()),
        ["b/%", "b/a", "b/z"]
    );
    assert_eq!(
        names(catalog.topics(None, Some(&after("b", "z"))).collect()),
        ["b-/a", "c/m"]
    );
}

#[test]
fn ordering_is_chosen_once() {
    let ordered = |name: &str, on: bool| {
        let mut put = subscription(name, "orders", 10, Apply);
        if let Change::PutSubscription { spec, .. } = &mut put {
            spec.enable_message_ordering = on;
        }
        put
    };
    let mut fixture = Fixture::new();
    fixture.change(Api, topic("orders", 1, Create)).unwrap();
    for on in [false, true] {
        let name = format!("s-{on}");
        let created = fixture.change(Api, ordered(&name, on)).unwrap();
        assert_eq!(created.subscription.unwrap().spec.enable_message_ordering, on);
        assert_eq!(fixture.outcome(Api, ordered(&name, on)), Outcome::Unchanged);
        let refused = fixture.refusal(Api, ordered(&name, !on));
        assert_eq!(refused.kind, ErrorKind::FailedPrecondition);
        assert!(
            refused.message.starts_with("enableMessageOrdering of"),
            "{refused}"
        );
    }
    let mut queue = queue("q", 10, Apply);
    if let Change::PutQueue { spec, .. } = &mut queue {
        spec.enable_message_ordering = true;
    }
    let refused = fixture.refusal(Api, queue);
    assert_eq!(refused.kind, ErrorKind::InvalidArgument);
    assert!(refused.message.contains("enableMessageOrdering"), "{refused}");
}
