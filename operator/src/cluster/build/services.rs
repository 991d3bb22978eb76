//! The two Services of a cluster.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use postroad_crds::PostroadCluster;
use postroad_crds::cluster::ServiceType;

use super::meta::{BROKER, Names, PEERS};
use crate::names::{ADMIN_PORT, PUBSUB_PORT};

/// The Service that clients connect to: the brokers that are ready.
pub(super) fn client(cluster: &PostroadCluster, names: &Names) -> Service {
    let service = &cluster.spec.service;
    let mut metadata = names.meta(names.cluster.clone(), BROKER);
    if !service.annotations.is_empty() {
        metadata.annotations = Some(service.annotations.clone());
    }
    let (type_, inside) = match service.type_ {
        ServiceType::ClusterIP => ("ClusterIP", true),
        ServiceType::NodePort => ("NodePort", false),
        ServiceType::LoadBalancer => ("LoadBalancer", false),
    };
    // What is reached from outside carries messages only; the admin API stays inside.
    let ports = if inside {
        vec![pubsub(), admin()]
    } else {
        vec![pubsub()]
    };
    Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some(type_.to_owned()),
            selector: Some(names.selector()),
            ports: Some(ports),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// The Service that gives each broker a name, whether it is ready or not: one that is not formed yet never is.
pub(super) fn headless(names: &Names) -> Service {
    Service {
        metadata: names.meta(names.headless(), PEERS),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            cluster_ip: Some("None".to_owned()),
            publish_not_ready_addresses: Some(true),
            selector: Some(names.selector()),
            ports: Some(vec![pubsub(), admin()]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

fn pubsub() -> ServicePort {
    port("pubsub", PUBSUB_PORT, "kubernetes.io/h2c")
}

fn admin() -> ServicePort {
    port("admin", ADMIN_PORT, "http")
}

fn port(name: &str, number: u16, protocol: &str) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: i32::from(number),
        protocol: Some("TCP".to_owned()),
        app_protocol: Some(protocol.to_owned()),
        target_port: Some(IntOrString::String(name.to_owned())),
        ..ServicePort::default()
    }
}
