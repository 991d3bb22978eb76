//! Where admin APIs are.

use std::net::IpAddr;

use crate::names::ADMIN_PORT;
use crate::pokes::ObjectKey;

/// Finds admin APIs; tests put their own in its place.
pub trait Endpoints: Send + Sync + 'static {
    /// The base URL of a cluster's admin API, whichever broker answers. The Service of a cluster that is `exposed` to the
    /// outside does not carry the admin API; the headless one does.
    fn cluster(&self, cluster: &ObjectKey, exposed: bool) -> String;

    /// The base URL of the admin API of the broker in the pod with this address, ready or not.
    fn pod(&self, address: &str) -> String;
}

/// The cluster's Service, and pods by their addresses.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServiceDns;

impl Endpoints for ServiceDns {
    fn cluster(&self, cluster: &ObjectKey, exposed: bool) -> String {
        let suffix = if exposed { "-headless" } else { "" };
        format!(
            "http://{}{suffix}.{}.svc:{ADMIN_PORT}",
            cluster.name, cluster.namespace
        )
    }

    fn pod(&self, address: &str) -> String {
        match address.parse() {
            Ok(IpAddr::V6(address)) => format!("http://[{address}]:{ADMIN_PORT}"),
            _ => format!("http://{address}:{ADMIN_PORT}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_urls() {
        let cluster = ObjectKey::new("shop", "main");
        assert_eq!(ServiceDns.cluster(&cluster, false), "http://main.shop.svc:8080");
        assert_eq!(
            ServiceDns.cluster(&cluster, true),
            "http://main-headless.shop.svc:8080"
        );
        assert_eq!(ServiceDns.pod("10.0.0.7"), "http://10.0.0.7:8080");
        assert_eq!(ServiceDns.pod("fd00::7"), "http://[fd00::7]:8080");
    }
}
