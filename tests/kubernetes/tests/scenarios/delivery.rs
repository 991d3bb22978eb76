//! From `helm install` to a delivered message, and to a series in Prometheus.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use postroad_kubernetes_tests::client::Clients;
use postroad_kubernetes_tests::environment::repository;
use postroad_kubernetes_tests::installation::create_namespace;
use postroad_kubernetes_tests::kubectl::Kubectl;
use postroad_kubernetes_tests::process::{Background, run};
use postroad_kubernetes_tests::prometheus::Prometheus;
use postroad_kubernetes_tests::{Installation, scenario, wait};
use serde_json::Value;

/// How many messages the test publishes to its own queue.
const MESSAGES: u32 = 1_000;
/// How many orders the shop's customers place.
const ORDERS: u64 = 300;

#[test]
#[ignore = "needs a cluster: set KUBECONFIG and POSTROAD_IMAGE"]
fn the_examples_work_and_prometheus_sees_it() {
    scenario("shop", |installation| {
        apply_examples()?;
        let clients = Clients::connect(installation)?;

        println!(
            "{}",
            clients.publish_and_receive("invoices", "invoices", MESSAGES)?
        );
        hello(&clients)?;
        shop(installation, &clients)?;
        prometheus(installation)
    });
}

/// Applies the example files as they are, and waits until everything in them is ready.
fn apply_examples() -> Result<()> {
    create_namespace("my-project-id")?;
    for (example, namespace) in [
        ("examples/shop.yaml", "shop"),
        ("examples/hello.yaml", "my-project-id"),
    ] {
        let path = repository(example);
        let kubectl = Kubectl::new(namespace);
        println!(
            "{}",
            kubectl.run(&[
                "apply",
                "--filename",
                path.to_str().context("the path is no text")?
            ])?
        );
        let objects = kubectl.run(&["get", "topics,subscriptions,queues", "--output=name"])?;
        ensure!(
            !objects.trim().is_empty(),
            "{example} declares nothing in namespace {namespace}"
        );
        for object in objects.lines() {
            kubectl.condition(object, "Ready", "True", None)?;
        }
    }
    Ok(())
}

/// The Pub/Sub hello world of somebody else, unchanged.
fn hello(clients: &Clients<'_>) -> Result<()> {
    let published = run(&mut clients.program("tests/clients/python/fixtures/hello_world.py"))?;
    println!("{published}");
    let mut expect = clients.program("tests/clients/python/expect_message.py");
    expect.args([
        "--project",
        "my-project-id",
        "--subscription",
        "my-subscription",
        "--data",
        "Hello, World!",
    ]);
    run(&mut expect).map(drop)
}

/// The shop's five services, and customers who order.
fn shop(installation: &Installation, clients: &Clients<'_>) -> Result<()> {
    let files = installation.files.path();
    let mut services = clients.program("examples/shop/run.py");
    services.arg("--data").arg(files.join("shop"));
    let mut services = Background::start(&mut services, &files.join("shop.log"))?;
    wait::until("the shop to open", Duration::from_secs(60), || {
        services.still_runs()?;
        Ok(run(&mut clients.program("examples/shop/report.py")).map_err(|_| services.written()))
    })?;
    let customers = |clients: &Clients<'_>| -> Command {
        let mut command = clients.program("examples/shop/customers.py");
        command.args(["--count", &ORDERS.to_string()]);
        command
    };
    run(&mut customers(clients))?;
    let mut report = clients.program("examples/shop/report.py");
    let report = run(report.args(["--wait", "60"])).with_context(|| services.written())?;
    println!("{report}");
    let report: Value =
        serde_json::from_str(&report).context("report.py printed something else than JSON")?;
    let number = |name: &str| report[name].as_u64().unwrap_or_default();
    ensure!(
        number("placed") == ORDERS && number("final") == ORDERS,
        "not every order came to an end: {report}"
    );
    ensure!(
        number("rejected") + number("inventory_updated") == ORDERS,
        "orders of both kinds do not add up: {report}"
    );
    ensure!(
        number("paid") + number("unpaid") == number("inventory_updated"),
        "payments do not add up: {report}"
    );
    ensure!(
        number("rejected") > 0 && number("paid") > 0 && number("unpaid") > 0,
        "a way was never taken: {report}"
    );
    Ok(())
}

/// What Prometheus knows about it after having scraped both Services.
fn prometheus(installation: &Installation) -> Result<()> {
    let targets = [
        ("broker", "postroad", 8080),
        ("operator", "postroad-operator", 8081),
    ];
    let mut prometheus = Prometheus::start(installation, &targets)?;
    prometheus.until(r#"up{job!="prometheus"}"#, |up| up == [1.0, 1.0])?;
    prometheus.until("postroad_build_info", |series| series == [1.0])?;
    prometheus.until("postroad_ready", |series| series == [1.0])?;
    prometheus.until("postroad_operator_leader", |series| series == [1.0])?;
    for (what, counter) in [
        ("published", "topic"),
        ("delivered", "subscription"),
        ("acknowledged", "subscription"),
    ] {
        let query = format!(r#"postroad_messages_{what}_total{{namespace="shop",{counter}="invoices"}}"#);
        prometheus.until(&query, |series| series == [f64::from(MESSAGES)])?;
    }
    let backlog = r#"postroad_subscription_backlog_messages{namespace="shop",subscription="invoices"}"#;
    prometheus.until(backlog, |series| series == [0.0])?;
    for query in dashboard()? {
        prometheus.until(&query, |series| !series.is_empty())?;
    }
    // Alerts wait for minutes before they fire, so that none does says nothing; that all are evaluated does.
    let rules = alerts()? as f64;
    prometheus.until("sum(prometheus_rule_group_rules)", |series| series == [rules])?;
    prometheus.until("min(prometheus_rule_group_iterations_total) > 0", |series| {
        !series.is_empty()
    })?;
    let failures = prometheus.until("sum(prometheus_rule_evaluation_failures_total)", |series| {
        !series.is_empty()
    })?;
    ensure!(
        failures == [0.0],
        "the alerts' rules fail to be evaluated: {failures:?}"
    );
    Ok(())
}

/// How many alerts the chart has.
fn alerts() -> Result<usize> {
    let path = repository("charts/postroad/files/alerts.yaml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let count = text
        .lines()
        .filter(|line| line.trim_start().starts_with("- alert:"))
        .count();
    ensure!(count > 5, "{} has only {count} alerts", path.display());
    Ok(count)
}

/// The queries of the Grafana dashboard that have a result when all is well.
fn dashboard() -> Result<Vec<String>> {
    let path = repository("charts/postroad/files/dashboard.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let dashboard: Value = serde_json::from_str(&text).context("the dashboard is no JSON")?;
    let panels = dashboard["panels"]
        .as_array()
        .context("the dashboard has no panels")?;
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array())
        .flatten();
    let queries: Vec<String> = targets
        .filter_map(|target| target["expr"].as_str())
        .filter(|query| !query.contains(r#"code!="OK""#))
        .map(|query| {
            query
                .replace("$__rate_interval", "1m")
                .replace("$namespace", ".*")
        })
        .collect();
    ensure!(
        queries.len() > 20,
        "the dashboard has only {} queries",
        queries.len()
    );
    Ok(queries)
}
