//! How replicas of a shard talk. A trait, so that tests run three voters in one process; the network's side comes
//! with many brokers.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use openraft::error::{
    Fatal, NetworkError, RPCError, RaftError, ReplicationClosed, StreamingError, Unreachable,
};
use openraft::network::{RPCOption, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::storage::Snapshot;
use openraft::{AnyError, EmptyNode, OptionalSend};
use postroad_types::ShardId;

use crate::raft_types::{Raft, TypeConfig, Vote};

/// Why a request got no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TransportError {
    /// The broker can't be reached now; wait before trying again.
    #[error("broker {0:016x} can't be reached")]
    Unreachable(u64),
    /// The broker's Raft has stopped.
    #[error("broker {0:016x} refused: {1}")]
    Refused(u64, String),
}

/// An answer that takes time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, TransportError>> + Send + 'a>>;

/// Carries Raft's requests to another broker.
pub trait Transport: Send + Sync + 'static {
    /// Log entries, or a heartbeat.
    fn append_entries(
        &self,
        target: u64,
        shard: ShardId,
        request: AppendEntriesRequest<TypeConfig>,
    ) -> Answer<'_, AppendEntriesResponse<u64>>;

    /// A candidate's request for a vote.
    fn vote(&self, target: u64, shard: ShardId, request: VoteRequest<u64>) -> Answer<'_, VoteResponse<u64>>;
}

/// The transport of a broker that has no peers.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPeers;

impl Transport for NoPeers {
    fn append_entries(
        &self,
        target: u64,
        _shard: ShardId,
        _request: AppendEntriesRequest<TypeConfig>,
    ) -> Answer<'_, AppendEntriesResponse<u64>> {
        Box::pin(std::future::ready(Err(TransportError::Unreachable(target))))
    }

    fn vote(&self, target: u64, _: ShardId, _: VoteRequest<u64>) -> Answer<'_, VoteResponse<u64>> {
        Box::pin(std::future::ready(Err(TransportError::Unreachable(target))))
    }
}

/// Brokers of one process, for tests: a broker can be cut off, and comes back.
#[derive(Clone, Default)]
pub struct Loopback {
    inner: Arc<Mutex<LoopbackState>>,
}

#[derive(Default)]
struct LoopbackState {
    rafts: HashMap<(u64, ShardId), Raft>,
    cut: HashSet<u64>,
}

impl Loopback {
    /// The transport of `broker`.
    #[must_use]
    pub fn of(&self, broker: u64) -> LoopbackEnd {
        LoopbackEnd {
            broker,
            net: self.clone(),
        }
    }

    /// Makes a replica reachable.
    pub fn add(&self, broker: u64, shard: ShardId, raft: Raft) {
        self.state().rafts.insert((broker, shard), raft);
    }

    /// Cuts a broker off: nothing reaches it, nothing leaves it.
    pub fn cut(&self, broker: u64) {
        self.state().cut.insert(broker);
    }

    /// Ends the cut.
    pub fn heal(&self, broker: u64) {
        self.state().cut.remove(&broker);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, LoopbackState> {
        self.inner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn route(&self, from: u64, target: u64, shard: ShardId) -> Result<Raft, TransportError> {
        let state = self.state();
        if state.cut.contains(&from) || state.cut.contains(&target) {
            return Err(TransportError::Unreachable(target));
        }
        state
            .rafts
            .get(&(target, shard))
            .cloned()
            .ok_or(TransportError::Unreachable(target))
    }
}

/// One broker's end of a [`Loopback`].
pub struct LoopbackEnd {
    broker: u64,
    net: Loopback,
}

impl Transport for LoopbackEnd {
    fn append_entries(
        &self,
        target: u64,
        shard: ShardId,
        request: AppendEntriesRequest<TypeConfig>,
    ) -> Answer<'_, AppendEntriesResponse<u64>> {
        Box::pin(async move {
            let raft = self.net.route(self.broker, target, shard)?;
            let answer = raft.append_entries(request).await;
            self.net.route(self.broker, target, shard)?;
            answer.map_err(|error| TransportError::Refused(target, error.to_string()))
        })
    }

    fn vote(&self, target: u64, shard: ShardId, request: VoteRequest<u64>) -> Answer<'_, VoteResponse<u64>> {
        Box::pin(async move {
            let raft = self.net.route(self.broker, target, shard)?;
            let answer = raft.vote(request).await;
            self.net.route(self.broker, target, shard)?;
            answer.map_err(|error| TransportError::Refused(target, error.to_string()))
        })
    }
}

/// Gives openraft a connection to each peer of a shard.
pub(crate) struct Network {
    pub(crate) shard: ShardId,
    pub(crate) transport: Arc<dyn Transport>,
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Peer;

    async fn new_client(&mut self, target: u64, _node: &EmptyNode) -> Peer {
        Peer {
            target,
            shard: self.shard,
            transport: Arc::clone(&self.transport),
        }
    }
}

/// One peer of a shard.
pub(crate) struct Peer {
    target: u64,
    shard: ShardId,
    transport: Arc<dyn Transport>,
}

type RpcError = RPCError<u64, EmptyNode, RaftError<u64>>;

fn rpc_error(error: TransportError) -> RpcError {
    match error {
        TransportError::Unreachable(_) => RPCError::Unreachable(Unreachable::new(&error)),
        TransportError::Refused(..) => RPCError::Network(NetworkError::new(&error)),
    }
}

impl RaftNetwork<TypeConfig> for Peer {
    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<u64>, RpcError> {
        self.transport
            .append_entries(self.target, self.shard, request)
            .await
            .map_err(rpc_error)
    }

    async fn vote(
        &mut self,
        request: VoteRequest<u64>,
        _option: RPCOption,
    ) -> Result<VoteResponse<u64>, RpcError> {
        self.transport
            .vote(self.target, self.shard, request)
            .await
            .map_err(rpc_error)
    }

    async fn full_snapshot(
        &mut self,
        _vote: Vote,
        _snapshot: Snapshot<TypeConfig>,
        _cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<u64>, StreamingError<TypeConfig, Fatal<u64>>> {
        let error = AnyError::error("checkpoints do not travel between brokers yet");
        Err(StreamingError::Unreachable(Unreachable::new(&error)))
    }
}
