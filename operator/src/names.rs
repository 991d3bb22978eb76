//! Names, labels and ports that several parts use.

/// The one field manager of everything the operator applies.
pub const FIELD_MANAGER: &str = "postroad-operator";
/// The lease that replicas of the operator compete for.
pub const LEASE: &str = "postroad-operator";
/// Of Topic, Queue and Subscription with `deletionPolicy: Delete`: the broker's resource is deleted first.
pub const RESOURCE_FINALIZER: &str = "postroad.dev/resource";
/// Of PostroadCluster with `deletionPolicy: Delete`: the volumes are handed over for deletion first.
pub const VOLUMES_FINALIZER: &str = "postroad.dev/volumes";
/// Of PostroadCluster: the id of the cluster whose loss is accepted, so that a new one may be formed in its place.
pub const ACCEPT_DATA_LOSS: &str = "postroad.dev/accept-data-loss";
/// Of what the operator applies: a hash of what it applied last.
pub const APPLIED_HASH: &str = "postroad.dev/applied-hash";
/// Of the broker's pods: a hash of the configuration they were started with.
pub const CONFIG_HASH: &str = "postroad.dev/config-hash";

/// Which PostroadCluster an object belongs to.
pub const CLUSTER_LABEL: &str = "postroad.dev/cluster";
/// Who manages an object; the operator watches only what bears its name.
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";
/// The label selector of what the operator manages.
pub const MANAGED: &str = "app.kubernetes.io/managed-by=postroad-operator";

/// Google Pub/Sub.
pub const PUBSUB_PORT: u16 = 8085;
/// Admin API, metrics and probes.
pub const ADMIN_PORT: u16 = 8080;

/// FNV-1a, 64 bits, as hexadecimal digits: the same in every version of the operator, so that an upgrade of the operator
/// alone applies and restarts nothing.
#[must_use]
pub fn stable_hash(bytes: &[u8]) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let hash = bytes
        .iter()
        .fold(OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(stable_hash(b""), "cbf29ce484222325");
        assert_eq!(stable_hash(b"foobar"), "85944171f73967e8");
    }
}
