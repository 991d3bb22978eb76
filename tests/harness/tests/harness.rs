//! The harness itself: what a developer sees when something under test does not come up.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use postroad_harness::{Broker, BrokerOptions, Process, eventually};

const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_broker_that_does_not_start_shows_why() {
    let options = BrokerOptions {
        flags: vec!["--max-connections=0".to_owned()],
        ..BrokerOptions::default()
    };
    let error = format!("{:#}", Broker::start(options).await.unwrap_err());
    assert!(error.contains("limits.connections: 0 is out of range"), "{error}");
}

#[tokio::test]
async fn waiting_ends_when_the_program_does() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new("sh");
    command.args(["-c", "echo first; echo second >&2; exit 3"]);
    let mut process = Process::spawn("a script", &mut command, &folder.path().join("log"))?;

    let missing = process
        .wait_for_line("the third line", LIMIT, |line| (line == "third").then_some(()))
        .await;
    let missing = format!("{:#}", missing.unwrap_err());
    assert!(
        missing.contains("a script ended (exit status: 3) before: the third line"),
        "{missing}"
    );
    let lines = process.log_end();
    assert!(lines.contains("first") && lines.contains("second"), "{lines}");
    Ok(())
}

#[tokio::test]
async fn what_does_not_happen_is_named() {
    let never = eventually("rain", Duration::from_millis(1), async || Ok(None::<()>)).await;
    assert!(
        never
            .unwrap_err()
            .to_string()
            .starts_with("rain did not happen within")
    );
}
