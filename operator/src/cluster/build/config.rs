//! The brokers' configuration file; docs/configuration.md describes its keys.

use k8s_openapi::api::core::v1::ConfigMap;
use postroad_crds::PostroadCluster;
use postroad_crds::cluster::{LogFormat, LogLevel};

use super::meta::{BROKER, Names};
use crate::names::{ADMIN_PORT, PUBSUB_PORT};

/// The file's name in the ConfigMap.
pub const CONFIG_FILE: &str = "broker.yaml";
/// Where the ConfigMap is mounted.
pub const CONFIG_DIR: &str = "/etc/postroad/config";
/// Where the Secret is mounted.
pub const TOKEN_DIR: &str = "/etc/postroad/token";
/// Where the volume is mounted. The data is in a folder of it, so that what a file system puts into its root does not matter.
pub const VOLUME_DIR: &str = "/var/lib/postroad";

/// The broker is done this long before Kubernetes would kill it.
const GRACE_MARGIN_SECONDS: i64 = 5;

pub(super) fn config_map(cluster: &PostroadCluster, names: &Names) -> ConfigMap {
    let data = [(CONFIG_FILE.to_owned(), broker_config(cluster))];
    ConfigMap {
        metadata: names.meta(names.config(), BROKER),
        data: Some(data.into()),
        ..ConfigMap::default()
    }
}

fn broker_config(cluster: &PostroadCluster) -> String {
    let spec = &cluster.spec;
    let level = match spec.logging.level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    let format = match spec.logging.format {
        LogFormat::Json => "json",
        LogFormat::Text => "text",
    };
    let grace = (spec.termination_grace_period_seconds - GRACE_MARGIN_SECONDS).max(1);
    format!(
        "dataDir: {VOLUME_DIR}/data\n\
         shards: {shards}\n\
         pubsub:\n  listen: \"0.0.0.0:{PUBSUB_PORT}\"\n\
         admin:\n  listen: \"0.0.0.0:{ADMIN_PORT}\"\n  tokenFile: {TOKEN_DIR}/{key}\n\
         log:\n  level: {level}\n  format: {format}\n\
         shutdown:\n  graceSeconds: {grace}\n",
        shards = spec.shards,
        key = super::TOKEN_KEY,
    )
}
