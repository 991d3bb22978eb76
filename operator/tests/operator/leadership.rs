//! Two operators, one lease.

use serde_json::json;

use crate::world::{TOPICS, World, until};

const LEASES: &str = "leases.coordination.k8s.io";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_holder_of_the_lease_writes_and_the_other_takes_over() {
    let world = World::new().await;
    let with_lease = |identity: &str| {
        let mut settings = World::settings(identity);
        settings.lease = Some(World::timing());
        world.run(settings)
    };
    let holder = || {
        let lease = world.get(LEASES, "postroad-system", "postroad-operator")?;
        lease["spec"]["holderIdentity"].as_str().map(str::to_owned)
    };
    let first = with_lease("first");
    until("the first leads", || holder().as_deref() == Some("first")).await;
    let second = with_lease("second");
    world.cluster().await;
    assert!(second.shown.readiness.get(), "who waits for the lease is ready");
    first.stop().await;
    assert_ne!(holder().as_deref(), Some("first"), "SIGTERM gives the lease back");
    world.apply(TOPICS, "shop", "orders", json!({}));
    world.ready(TOPICS, "shop", "orders").await;
    assert_eq!(holder().as_deref(), Some("second"));
    let third = with_lease("third");
    second.kill();
    world.apply(TOPICS, "shop", "bills", json!({}));
    world.ready(TOPICS, "shop", "bills").await;
    assert_eq!(
        holder().as_deref(),
        Some("third"),
        "a lease that is not renewed runs out"
    );
    world.quiet().await;
    let writers: Vec<_> = world
        .api
        .effective_writes()
        .into_iter()
        .map(|write| write.client)
        .collect();
    let mut terms = writers.clone();
    terms.dedup();
    assert_eq!(terms, ["first", "second", "third"], "never two at a time");
    let text = third.metrics.render().unwrap();
    assert!(text.contains("postroad_operator_leader 1"), "{text}");
    third.stop().await;
}
