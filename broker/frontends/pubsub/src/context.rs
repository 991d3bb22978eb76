//! What every call shares.

use postroad_node::Node;
use tokio_util::sync::CancellationToken;

/// The broker, and when to stop.
#[derive(Clone)]
pub struct Context {
    /// The broker.
    pub node: Node,
    /// Cancelled when this front end is asked to stop.
    pub shutdown: CancellationToken,
}

impl Context {
    /// Resolves when this front end or the broker stops: streams and waiting calls then end, so that clients reconnect.
    pub async fn stopping(&self) {
        let node = self.node.stopping();
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = node.cancelled() => {}
        }
    }
}
