//! Resources through the admin API: a real broker, a real socket.

mod support;

use postroad_admin_api::{
    ApplyRequest, DeleteRequest, ErrorKind, Kind, ListQuery, MAX_BATCH, Outcome, Owner, ReleaseRequest,
    Resource, Spec, TopicSpec,
};
use support::{TestBroker, apply, id_of, key, queue, subscription, texts, topic};

#[tokio::test]
async fn a_batch_is_applied_in_order_and_again_without_effect() {
    let broker = TestBroker::bootstrapped().await;
    let shop = vec![
        topic("shop", "orders"),
        subscription("shop", "billing", "orders"),
        queue("shop", "mails"),
    ];
    let client = broker.client();
    assert_eq!(
        apply(&client, shop.clone()).await,
        ["Created", "Created", "Created"]
    );
    assert_eq!(
        apply(&client, shop.clone()).await,
        ["Unchanged", "Unchanged", "Unchanged"]
    );

    let grown = Spec::Topic(TopicSpec {
        partitions: 3,
        ..TopicSpec::default()
    });
    let grown = Resource {
        spec: grown,
        ..topic("shop", "orders")
    };
    assert_eq!(apply(&client, vec![grown.clone()]).await, ["Updated"]);
    let described = client.describe(&grown.key()).await.unwrap();
    assert_eq!(described.resource, grown);
    assert_eq!(described.owner, Owner::Kubernetes);

    let broker = broker.restarted().await;
    assert_eq!(
        broker.client().describe(&grown.key()).await.unwrap(),
        described,
        "after a restart"
    );
}

#[tokio::test]
async fn one_wrong_resource_does_not_hinder_the_others() {
    let broker = TestBroker::bootstrapped().await;
    let wrong_name = topic("shop", "no spaces");
    let no_topic = subscription("shop", "billing", "missing");
    let results = apply(
        &broker.client(),
        vec![wrong_name, topic("shop", "orders"), no_topic],
    )
    .await;
    assert!(
        results[0].starts_with("InvalidArgument") && results[0].contains("no spaces"),
        "{results:?}"
    );
    assert_eq!(results[1], "Created");
    assert!(
        results[2].starts_with("NotFound") && results[2].contains("missing"),
        "{results:?}"
    );
}

#[tokio::test]
async fn a_deleted_and_remade_topic_is_another_one() {
    let broker = TestBroker::bootstrapped().await;
    let client = broker.client();
    let first = id_of(&client, topic("shop", "orders")).await;
    apply(&client, vec![subscription("shop", "billing", "orders")]).await;
    assert_eq!(id_of(&client, topic("shop", "orders")).await, first);

    let gone = vec![
        key(Kind::Topic, "shop", "orders"),
        key(Kind::Topic, "shop", "never-there"),
    ];
    let request = DeleteRequest {
        owner: Owner::Kubernetes,
        resources: gone,
    };
    assert_eq!(
        texts(client.delete(&request).await.unwrap().results),
        ["Deleted", "Absent"]
    );
    let missing = client
        .describe(&key(Kind::Topic, "shop", "orders"))
        .await
        .unwrap_err();
    assert_eq!(missing.kind(), Some(ErrorKind::NotFound));

    let orphan = client
        .describe(&key(Kind::Subscription, "shop", "billing"))
        .await
        .unwrap();
    let Spec::Subscription(spec) = orphan.resource.spec else {
        panic!("{orphan:?}")
    };
    assert!(spec.topic.is_deleted(), "{spec:?}");
    assert_ne!(id_of(&client, topic("shop", "orders")).await, first);
}

#[tokio::test]
async fn a_declared_resource_is_changed_by_its_owner_until_released() {
    let broker = TestBroker::bootstrapped().await;
    let client = broker.client();
    apply(&client, vec![topic("shop", "orders")]).await;
    let orders = key(Kind::Topic, "shop", "orders");
    let delete = DeleteRequest {
        owner: Owner::Api,
        resources: vec![orders.clone()],
    };
    let refused = texts(client.delete(&delete).await.unwrap().results);
    assert!(
        refused[0].starts_with("FailedPrecondition") && refused[0].contains("Kubernetes"),
        "{refused:?}"
    );

    let release = ReleaseRequest {
        owner: Owner::Kubernetes,
        resources: vec![orders.clone()],
    };
    assert_eq!(
        texts(client.release(&release).await.unwrap().results),
        ["Released"]
    );
    assert_eq!(client.describe(&orders).await.unwrap().owner, Owner::Api);
    assert_eq!(texts(client.delete(&delete).await.unwrap().results), ["Deleted"]);
}

#[tokio::test]
async fn describe_tells_queues_from_topics_and_counts_messages() {
    let broker = TestBroker::bootstrapped().await;
    let client = broker.client();
    apply(&client, vec![queue("shop", "mails"), topic("shop", "orders")]).await;
    let name = postroad_types::TopicName::parse("shop", "mails").unwrap();
    let message = postroad_types::Message {
        data: "hello".into(),
        ..Default::default()
    };
    broker
        .broker
        .node()
        .publish(&name, vec![message.clone(), message])
        .await
        .unwrap();

    let described = client.describe(&key(Kind::Queue, "shop", "mails")).await.unwrap();
    assert_eq!(described.resource, queue("shop", "mails"));
    let stats = described.stats.unwrap();
    assert_eq!(stats.topic.unwrap().published_messages, 2);
    assert_eq!(stats.subscription.unwrap().backlog_messages, 2);
    for other in [
        key(Kind::Topic, "shop", "mails"),
        key(Kind::Subscription, "shop", "mails"),
        key(Kind::Queue, "shop", "orders"),
    ] {
        let error = client.describe(&other).await.unwrap_err();
        assert_eq!(error.kind(), Some(ErrorKind::NotFound), "{other}: {error}");
    }
}

#[tokio::test]
async fn lists_give_every_resource_once_however_they_are_paged() {
    let broker = TestBroker::bootstrapped().await;
    let client = broker.client();
    let mut resources = Vec::new();
    for number in 0..7 {
        resources.push(topic("shop", &format!("topic-{number}")));
        resources.push(queue("shop", &format!("queue-{number}")));
        resources.push(subscription("shop", &format!("subscription-{number}"), "topic-0"));
    }
    resources.push(topic("bank", "topic-0"));
    apply(&client, resources.clone()).await;

    let listed = async |kind: Option<Kind>, namespace: Option<&str>, page_size: usize| {
        let namespace = namespace.map(str::to_owned);
        let mut query = ListQuery {
            kind,
            namespace,
            page_size,
            page_token: String::new(),
        };
        let mut keys = Vec::new();
        loop {
            let page = client.list(&query).await.unwrap();
            assert!(page_size == 0 || page.resources.len() <= page_size);
            keys.extend(page.resources.iter().map(|described| described.resource.key()));
            match page.next_page_token {
                Some(token) => query.page_token = token,
                None => return keys,
            }
        }
    };
    for page_size in [0, 1, 2, 5, 1_000] {
        let mut all = listed(None, None, page_size).await;
        all.sort();
        let mut expected: Vec<_> = resources.iter().map(Resource::key).collect();
        expected.sort();
        assert_eq!(all, expected, "pages of {page_size}");
        for kind in [Kind::Topic, Kind::Queue, Kind::Subscription] {
            let names: Vec<_> = listed(Some(kind), Some("shop"), page_size).await;
            assert_eq!(names.len(), 7, "{kind} in pages of {page_size}: {names:?}");
            assert!(
                names
                    .iter()
                    .all(|key| key.kind == kind && key.namespace == "shop"),
                "{names:?}"
            );
        }
    }
    assert!(listed(None, Some("empty"), 0).await.is_empty());
    let query = ListQuery {
        page_token: "nonsense".into(),
        ..ListQuery::default()
    };
    assert_eq!(
        client.list(&query).await.unwrap_err().kind(),
        Some(ErrorKind::InvalidArgument)
    );
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_refused_as_a_whole() {
    let broker = TestBroker::bootstrapped().await;
    let resources: Vec<_> = (0..=MAX_BATCH)
        .map(|number| topic("shop", &format!("topic-{number}")))
        .collect();
    let error = broker
        .client()
        .apply(&ApplyRequest {
            owner: Owner::File,
            resources,
        })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::InvalidArgument));
    assert!(
        error.to_string().contains("1001") && error.to_string().contains("1000"),
        "{error}"
    );
    assert!(
        broker
            .client()
            .list(&ListQuery::default())
            .await
            .unwrap()
            .resources
            .is_empty()
    );
}

#[tokio::test]
async fn an_empty_batch_is_no_change() {
    let broker = TestBroker::bootstrapped().await;
    assert!(apply(&broker.client(), Vec::new()).await.is_empty());
    let request = ReleaseRequest {
        owner: Owner::File,
        resources: vec![key(Kind::Queue, "shop", "mails")],
    };
    let results = broker.client().release(&request).await.unwrap().results;
    assert_eq!(results[0].clone().into_result().unwrap(), (Outcome::Absent, None));
}
