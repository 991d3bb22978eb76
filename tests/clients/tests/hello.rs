//! A Pub/Sub program as it was published elsewhere, unmodified, on `postroad dev -f examples/hello.yaml`.

use anyhow::{Result, ensure};
use postroad_client_tests::Client;
use postroad_harness::{DevMode, repository};

#[tokio::test]
async fn a_published_program_runs_unmodified() -> Result<()> {
    let dev = DevMode::start(&repository().join("examples/hello.yaml")).await?;
    let Some(client) = Client::of(dev.pubsub_host())? else {
        return Ok(());
    };

    let printed = client.run("fixtures/hello_world.py", &[]).await?;

    let subscription = ["--project", "my-project-id", "--subscription", "my-subscription"];
    let received = client
        .run(
            "expect_message.py",
            &[&subscription[..], &["--data", "Hello, World!"]].concat(),
        )
        .await?;
    ensure!(
        printed.trim() == received.trim(),
        "published as {printed:?}, received as {received:?}"
    );
    Ok(())
}
