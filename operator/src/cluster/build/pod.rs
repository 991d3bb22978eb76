//! A broker's pod. Nothing in it says how many brokers there are or where they are: scaling restarts nobody.

use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMap, ConfigMapVolumeSource, Container, ContainerPort, HTTPGetAction,
    PodSecurityContext, PodSpec, PodTemplateSpec, Probe, ResourceRequirements, SeccompProfile,
    SecretVolumeSource, SecurityContext, TopologySpreadConstraint, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use postroad_crds::PostroadCluster;
use postroad_crds::cluster::ImagePullPolicy;

use super::config::{CONFIG_DIR, CONFIG_FILE, TOKEN_DIR, VOLUME_DIR};
use super::meta::{BROKER, Names};
use super::stateful_set::VOLUME;
use crate::context::ClusterDefaults;
use crate::names::{ADMIN_PORT, CONFIG_HASH, PUBSUB_PORT, stable_hash};

/// The user and group that brokers run as: distroless' `nonroot`.
const NONROOT: i64 = 65_532;
/// A broker that replays a long journal may take this long to start, in seconds.
const STARTUP_SECONDS: i32 = 900;

pub(super) fn template(
    cluster: &PostroadCluster,
    defaults: &ClusterDefaults,
    names: &Names,
    config: &ConfigMap,
) -> PodTemplateSpec {
    let mut labels = cluster.spec.pod_labels.clone();
    labels.extend(names.labels(BROKER));
    let mut annotations = cluster.spec.pod_annotations.clone();
    let text = config
        .data
        .iter()
        .flatten()
        .map(|(_, text)| text.as_str())
        .collect::<String>();
    annotations.insert(CONFIG_HASH.to_owned(), stable_hash(text.as_bytes()));
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        }),
        spec: Some(pod(cluster, defaults, names)),
    }
}

fn pod(cluster: &PostroadCluster, defaults: &ClusterDefaults, names: &Names) -> PodSpec {
    let spec = &cluster.spec;
    PodSpec {
        service_account_name: Some(names.account()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(spec.termination_grace_period_seconds),
        priority_class_name: spec.priority_class_name.clone(),
        image_pull_secrets: Some(spec.image_pull_secrets.clone()).filter(|secrets| !secrets.is_empty()),
        node_selector: Some(spec.node_selector.clone()).filter(|selector| !selector.is_empty()),
        tolerations: Some(spec.tolerations.clone()).filter(|tolerations| !tolerations.is_empty()),
        affinity: spec.affinity.clone(),
        topology_spread_constraints: Some(spread(cluster, names)),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(NONROOT),
            run_as_group: Some(NONROOT),
            fs_group: Some(NONROOT),
            // A large volume is not walked through at each start.
            fs_group_change_policy: Some("OnRootMismatch".to_owned()),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                ..SeccompProfile::default()
            }),
            ..PodSecurityContext::default()
        }),
        containers: vec![container(cluster, defaults)],
        volumes: Some(volumes(names)),
        ..PodSpec::default()
    }
}

fn container(cluster: &PostroadCluster, defaults: &ClusterDefaults) -> Container {
    let spec = &cluster.spec;
    let pull_policy = match spec.image_pull_policy {
        Some(ImagePullPolicy::Always) => "Always",
        Some(ImagePullPolicy::IfNotPresent) => "IfNotPresent",
        Some(ImagePullPolicy::Never) => "Never",
        None => defaults.image_pull_policy.as_str(),
    };
    Container {
        name: BROKER.to_owned(),
        image: Some(spec.image.clone().unwrap_or_else(|| defaults.image.clone())),
        image_pull_policy: Some(pull_policy.to_owned()),
        command: Some(vec!["/usr/local/bin/postroad-broker".to_owned()]),
        args: Some(vec!["--config".to_owned(), format!("{CONFIG_DIR}/{CONFIG_FILE}")]),
        ports: Some(vec![port("pubsub", PUBSUB_PORT), port("admin", ADMIN_PORT)]),
        resources: Some(spec.resources.clone().unwrap_or_else(default_resources)),
        // Looks often while the broker starts, so that a start takes as long as the broker takes.
        startup_probe: Some(probe("/livez", 1, STARTUP_SECONDS)),
        liveness_probe: Some(probe("/livez", 10, 6)),
        readiness_probe: Some(probe("/readyz", 2, 3)),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            run_as_non_root: Some(true),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                add: None,
            }),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(vec![
            mount(VOLUME, VOLUME_DIR, false),
            mount("config", CONFIG_DIR, true),
            mount("token", TOKEN_DIR, true),
        ]),
        ..Container::default()
    }
}

fn default_resources() -> ResourceRequirements {
    let request = |name: &str, quantity: &str| (name.to_owned(), Quantity(quantity.to_owned()));
    ResourceRequirements {
        requests: Some([request("cpu", "100m"), request("memory", "128Mi")].into()),
        ..ResourceRequirements::default()
    }
}

fn probe(path: &str, period_seconds: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String("admin".to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period_seconds),
        timeout_seconds: Some(5),
        failure_threshold: Some(failures),
        ..Probe::default()
    }
}

fn port(name: &str, number: u16) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: i32::from(number),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

fn mount(name: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: Some(read_only).filter(|read_only| *read_only),
        ..VolumeMount::default()
    }
}

/// The Secret is mounted as a folder, so that a token that is replaced reaches the broker while it runs.
fn volumes(names: &Names) -> Vec<Volume> {
    let config = ConfigMapVolumeSource {
        name: names.config(),
        ..ConfigMapVolumeSource::default()
    };
    let token = SecretVolumeSource {
        secret_name: Some(names.token()),
        default_mode: Some(0o440),
        ..SecretVolumeSource::default()
    };
    vec![
        Volume {
            name: "config".to_owned(),
            config_map: Some(config),
            ..Volume::default()
        },
        Volume {
            name: "token".to_owned(),
            secret: Some(token),
            ..Volume::default()
        },
    ]
}

/// As asked for; else over zones and nodes, as far as that is possible. A constraint that selects no pods, which spreads
/// nothing, selects the brokers.
fn spread(cluster: &PostroadCluster, names: &Names) -> Vec<TopologySpreadConstraint> {
    let constraint = |key: &str| TopologySpreadConstraint {
        max_skew: 1,
        topology_key: key.to_owned(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(names.label_selector()),
        ..TopologySpreadConstraint::default()
    };
    let asked_for = &cluster.spec.topology_spread_constraints;
    if asked_for.is_empty() {
        return vec![
            constraint(&cluster.spec.zone_key),
            constraint("kubernetes.io/hostname"),
        ];
    }
    let completed = |asked_for: &TopologySpreadConstraint| TopologySpreadConstraint {
        label_selector: asked_for
            .label_selector
            .clone()
            .or_else(|| Some(names.label_selector())),
        ..asked_for.clone()
    };
    asked_for.iter().map(completed).collect()
}
