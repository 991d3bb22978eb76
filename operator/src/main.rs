//! The program `postroad-operator`.

use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser;
use postroad_operator::arguments::{ApplyCrds, Arguments, Command, Log, LogFormat, Run};
use postroad_operator::broker::ServiceDns;
use postroad_operator::clock::SystemClock;
use postroad_operator::definitions;
use postroad_operator::http::{self, Shown};
use postroad_operator::metrics::Metrics;
use postroad_operator::operator::Operator;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Crds => {
            print!("{}", definitions::manifests()?);
            Ok(())
        }
        Command::ApplyCrds(arguments) => block_on(apply_crds(arguments)),
        Command::Run(arguments) => block_on(run(arguments)),
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(work)
}

async fn apply_crds(arguments: ApplyCrds) -> anyhow::Result<()> {
    log_to_stderr(&arguments.log)?;
    definitions::apply(&client().await?, arguments.limit()).await
}

async fn run(arguments: Run) -> anyhow::Result<()> {
    log_to_stderr(&arguments.log)?;
    let stop = stop_on_signal()?;
    let shown = Shown::new(Metrics::new()?);
    let listener = http::listen(arguments.metrics_addr).await?;
    // It answers until the very end, so it has its own end.
    let served = CancellationToken::new();
    let server = tokio::spawn(http::serve(listener, shown.clone(), served.clone()));
    let operator = Operator {
        client: client().await?,
        settings: arguments.settings(),
        endpoints: Arc::new(ServiceDns),
        clock: Arc::new(SystemClock),
        shown,
    };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        identity = arguments.identity,
        "starting"
    );
    operator.run(stop.clone()).await;
    served.cancel();
    server.await?.context("the server of /metrics failed")?;
    anyhow::ensure!(
        stop.is_cancelled(),
        "the operator ended by itself; its log says why"
    );
    Ok(())
}

async fn client() -> anyhow::Result<kube::Client> {
    kube::Client::try_default()
        .await
        .context("no way to the API server: neither in a pod, nor with a kubeconfig")
}

fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stopping = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
        }
        stopping.cancel();
    });
    Ok(stop)
}

fn log_to_stderr(log: &Log) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&log.log).with_context(|| {
        format!(
            "--log {:?}: not a filter; try info, or warn,postroad_operator=debug",
            log.log
        )
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match log.log_format {
        LogFormat::Json => builder.json().init(),
        LogFormat::Text => builder.init(),
    }
    Ok(())
}
