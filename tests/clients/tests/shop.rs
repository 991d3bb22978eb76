//! The example shop on `postroad dev -f examples/shop.yaml`: services and broker die in the middle of the day's business, and
//! every order ends as it has to, once, in every service's books.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use postroad_admin_api::{Kind, ResourceKey};
use postroad_client_tests::Client;
use postroad_harness::{DevMode, Process, eventually, repository};

const ORDERS: usize = 300;
const LIMIT: Duration = Duration::from_secs(180);

/// The five services and where they keep their data.
struct Shop {
    client: Client,
    folder: PathBuf,
    web: String,
    services: Vec<(&'static str, Process)>,
}

impl Shop {
    async fn open(client: Client, folder: &Path) -> Result<Self> {
        let mut shop = Self {
            client,
            folder: folder.to_owned(),
            web: String::new(),
            services: Vec::new(),
        };
        for name in [
            "order_service",
            "inventory_service",
            "payment_service",
            "notifier",
        ] {
            let process = shop.start(name, &[]).await?;
            shop.services.push((name, process));
        }
        let mut web = shop.start("web", &["--port", "0"]).await?;
        let address = |line: &str| {
            line.strip_prefix("web: ")
                .filter(|rest| rest.starts_with("http"))
                .map(str::to_owned)
        };
        shop.web = web.wait_for_line("the web's address", LIMIT, address).await?;
        shop.services.push(("web", web));
        Ok(shop)
    }

    fn program(name: &str) -> PathBuf {
        repository().join("examples/shop").join(name).with_extension("py")
    }

    fn data(&self) -> String {
        self.folder.join("shop-data").to_string_lossy().into_owned()
    }

    /// Starts a service and waits until it is ready.
    async fn start(&self, name: &str, arguments: &[&str]) -> Result<Process> {
        let data = self.data();
        let arguments = [&["--data", &data], arguments].concat();
        let mut process = self
            .client
            .start(&Self::program(name), &arguments, &self.folder)?;
        process
            .wait_for_line("the service is ready", LIMIT, |line| {
                line.ends_with(": ready").then_some(())
            })
            .await?;
        Ok(process)
    }

    /// Kills a service as `kill -9` does and starts it again.
    async fn kill_and_start(&mut self, name: &str) -> Result<()> {
        let place = self
            .services
            .iter()
            .position(|(known, _)| *known == name)
            .context("a known service")?;
        self.services[place].1.kill()?;
        let port = self.web.rsplit(':').next().unwrap_or_default();
        let arguments = if name == "web" {
            vec!["--port", port]
        } else {
            vec![]
        };
        self.services[place].1 = self.start(name, &arguments).await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_ends_as_it_has_to_whatever_dies() -> Result<()> {
    let mut dev = DevMode::start(&repository().join("examples/shop.yaml")).await?;
    let Some(client) = Client::of(dev.pubsub_host())? else {
        return Ok(());
    };
    let mut shop = Shop::open(client, dev.scratch()).await?;
    let placed = dev.scratch().join("placed.jsonl");

    let count = ORDERS.to_string();
    let arguments = [
        "--web",
        &shop.web,
        "--count",
        &count,
        "--record",
        &placed.to_string_lossy(),
    ];
    let mut customers = shop
        .client
        .start(&Shop::program("customers"), &arguments, dev.scratch())?;
    orders_placed(&placed, 60).await?;
    shop.kill_and_start("payment_service").await?;
    orders_placed(&placed, 100).await?;
    shop.kill_and_start("inventory_service").await?;
    orders_placed(&placed, 150).await?;
    dev.kill_and_start().await?;
    orders_placed(&placed, 200).await?;
    shop.kill_and_start("web").await?;
    orders_placed(&placed, 240).await?;
    shop.kill_and_start("order_service").await?;
    let status = customers.wait(LIMIT).await?;
    ensure!(
        status.success(),
        "customers ended with {status}: {}",
        customers.log_end()
    );

    let summary = shop
        .client
        .run_at(&Shop::program("report"), &["--web", &shop.web, "--wait", "180"])
        .await?;
    let summary: serde_json::Value = serde_json::from_str(&summary)?;
    ensure!(
        summary["final"] == ORDERS && summary["placed"] == ORDERS,
        "{summary}"
    );
    let (web, placed, data) = (
        shop.web.clone(),
        placed.to_string_lossy().into_owned(),
        shop.data(),
    );
    let arguments = ["--web", &web, "--placed", &placed, "--data", &data];
    shop.client.run("check_shop.py", &arguments).await?;
    nothing_is_left(&dev).await
}

/// Waits until `orders` orders are placed.
async fn orders_placed(record: &Path, orders: usize) -> Result<()> {
    eventually("enough placed orders", LIMIT, async || {
        let text = std::fs::read_to_string(record).unwrap_or_default();
        Ok((text.lines().count() >= orders).then_some(()))
    })
    .await
}

/// What was acknowledged is out of every subscription: none has anything left.
async fn nothing_is_left(dev: &DevMode) -> Result<()> {
    let subscriptions = [
        "order-service",
        "inventory-service",
        "payment-service",
        "web-rejected",
        "web-inventory",
        "web-paid",
        "web-unpaid",
    ];
    for name in subscriptions {
        let key = ResourceKey {
            kind: Kind::Subscription,
            namespace: "shop".into(),
            name: name.into(),
        };
        let what = format!("that nothing is left in {key}");
        eventually(&what, LIMIT, async || {
            let stats = dev
                .admin()
                .describe(&key)
                .await?
                .stats
                .and_then(|stats| stats.subscription);
            let stats = stats.with_context(|| format!("{key} has no live numbers"))?;
            Ok((stats.backlog_messages == 0).then_some(()))
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_declared_queue_is_topic_and_subscription_of_its_name() -> Result<()> {
    let dev = DevMode::start(&repository().join("examples/shop.yaml")).await?;
    let Some(client) = Client::of(dev.pubsub_host())? else {
        return Ok(());
    };
    let names = [
        "--project",
        "shop",
        "--topic",
        "invoices",
        "--subscription",
        "invoices",
        "--count",
        "200",
    ];
    let summary = client.run("publish_receive.py", &names).await?;
    ensure!(summary.contains(r#""received": 200"#), "{summary}");
    Ok(())
}
