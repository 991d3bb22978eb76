//! One shard as one handle: its Raft, its state, its partitions.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use openraft::error::{Fatal, InitializeError, RaftError};
use openraft::{Config, EmptyNode, ServerState, SnapshotPolicy};
use postroad_core::{Command, Reply, ShardState};
use postroad_log::{Journal, Storage};
use postroad_types::{Error, PartitionId, Result, ShardId};
use prost::Message as _;
use tokio::sync::{mpsc, oneshot};

use crate::checkpoint::CheckpointError;
use crate::log_store::{LogStore, LogStoreError};
use crate::machine::{EffectObserver, Machine, MachineHandle};
use crate::partition::PartitionLog;
use crate::proposer::{self, Clock, Permit, Proposal, Waiting};
use crate::raft_types::Raft;
use crate::transport::{Network, Transport};

/// What a shard needs to run.
pub struct ShardOptions {
    /// Which shard.
    pub shard: ShardId,
    /// This broker.
    pub broker: u64,
    /// The broker's journal.
    pub journal: Journal,
    /// The broker's disk.
    pub storage: Arc<dyn Storage>,
    /// The shard's folder, for checkpoint and segments.
    pub folder: PathBuf,
    /// The way to the other replicas.
    pub transport: Arc<dyn Transport>,
    /// Told about every effect.
    pub observer: Arc<dyn EffectObserver>,
    /// The wall clock.
    pub clock: Clock,
    /// Heartbeat interval and election timeout (from, to), in milliseconds.
    pub timing: Timing,
}

/// Raft's times, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// A leader's heartbeat.
    pub heartbeat: u64,
    /// A follower that hears nothing stands for election after a time between these two.
    pub election: (u64, u64),
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: 200,
            election: (600, 1_000),
        }
    }
}

/// A shard can't be opened or has stopped.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// Its log can't be used.
    #[error("shard {shard}: {source}")]
    Log {
        /// Which shard.
        shard: ShardId,
        /// Why.
        source: LogStoreError,
    },
    /// Its checkpoint or segments can't be used.
    #[error("shard {shard}: {source}")]
    Checkpoint {
        /// Which shard.
        shard: ShardId,
        /// Why.
        source: CheckpointError,
    },
    /// Its Raft has stopped.
    #[error("shard {shard}: {reason}")]
    Raft {
        /// Which shard.
        shard: ShardId,
        /// Why.
        reason: String,
    },
}

/// Where a shard stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardStatus {
    /// leader, follower, candidate, learner or stopped.
    pub role: &'static str,
    /// The current term.
    pub term: u64,
    /// The leader, when one is known.
    pub leader: Option<u64>,
    /// Index of the newest entry.
    pub last_index: u64,
    /// Index of the newest entry that was applied.
    pub applied_index: u64,
    /// Index of the newest entry that is in a checkpoint.
    pub checkpoint_index: u64,
}

/// One shard on this broker.
pub struct Shard {
    id: ShardId,
    raft: Raft,
    log: LogStore,
    machine: Arc<Machine>,
    proposals: mpsc::Sender<Proposal>,
}

impl Shard {
    /// Opens a shard from its checkpoint and the journal, and starts its Raft. A shard that was the leader's is led again at
    /// once; one that was never initialised waits for [`Self::initialize`] or for a leader elsewhere.
    ///
    /// # Errors
    /// [`ShardError`] when log or checkpoint can't be used.
    pub async fn open(options: ShardOptions) -> Result<Self, ShardError> {
        let ShardOptions {
            shard,
            broker,
            journal,
            storage,
            folder,
            transport,
            observer,
            clock,
            timing,
        } = options;
        let log = LogStore::open(shard, journal).map_err(|source| ShardError::Log { shard, source })?;
        let machine = Machine::open(shard, storage, folder, observer)
            .map_err(|source| ShardError::Checkpoint { shard, source })?;
        let machine = Arc::new(machine);
        let config = raft_config(shard, timing).map_err(|reason| ShardError::Raft { shard, reason })?;
        let network = Network { shard, transport };
        let raft = Raft::new(
            broker,
            config,
            network,
            log.clone(),
            MachineHandle(Arc::clone(&machine)),
        )
        .await
        .map_err(|error| ShardError::Raft {
            shard,
            reason: error.to_string(),
        })?;
        let (proposals, receiver) = mpsc::channel(proposer::QUEUE);
        tokio::spawn(proposer::run(raft.clone(), clock, receiver));
        Ok(Self {
            id: shard,
            raft,
            log,
            machine,
            proposals,
        })
    }

    /// Which shard it is.
    #[must_use]
    pub fn id(&self) -> ShardId {
        self.id
    }

    /// The shard's Raft, for a transport to hand requests to.
    #[must_use]
    pub fn raft(&self) -> &Raft {
        &self.raft
    }

    /// Makes this broker the first of `voters`' replicas. A shard that is initialised already stays as it is.
    ///
    /// # Errors
    /// [`ShardError::Raft`] when the shard has stopped.
    pub async fn initialize(&self, voters: &[u64]) -> Result<(), ShardError> {
        let members: BTreeMap<u64, EmptyNode> = voters.iter().map(|id| (*id, EmptyNode {})).collect();
        match self.raft.initialize(members).await {
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
            Err(error) => Err(ShardError::Raft {
                shard: self.id,
                reason: error.to_string(),
            }),
        }
    }

    /// Waits until this broker leads the shard and has applied all that was committed before.
    ///
    /// # Errors
    /// [`ShardError::Raft`] when the shard stops before.
    pub async fn lead(&self) -> Result<(), ShardError> {
        let stopped = |reason: String| ShardError::Raft {
            shard: self.id,
            reason,
        };
        let mut metrics = self.raft.metrics();
        metrics
            .wait_for(|m| m.running_state.is_err() || m.state == ServerState::Leader)
            .await
            .map_err(|error| stopped(error.to_string()))?;
        // An entry of this term that is applied is behind all that came before.
        self.raft
            .ensure_linearizable()
            .await
            .map_err(|error| stopped(error.to_string()))?;
        Ok(())
    }

    /// Proposes a command and waits for its reply, which comes once the entry is durable and applied.
    ///
    /// # Errors
    /// The core's refusal of the command, or `Unavailable` when this broker does not lead the shard or is stopping; then
    /// the command may take place all the same.
    pub async fn propose(&self, command: Command) -> Result<Reply> {
        self.propose_holding(command, None).await
    }

    /// As [`Self::propose`]; `permit` is given back when the entry is decided, not when the caller loses interest.
    ///
    /// # Errors
    /// As [`Self::propose`].
    pub async fn propose_holding(&self, command: Command, permit: Option<Permit>) -> Result<Reply> {
        let receiver = self.submit(command, permit).await?;
        receiver.await.map_err(|_| self.stopping())?
    }

    /// Proposes commands that take place in their order; each has its own reply, as [`Self::propose`] gives it.
    pub async fn propose_all(&self, commands: impl IntoIterator<Item = Command>) -> Vec<Result<Reply>> {
        let mut receivers = Vec::new();
        for command in commands {
            receivers.push(self.submit(command, None).await);
        }
        let mut replies = Vec::with_capacity(receivers.len());
        for receiver in receivers {
            replies.push(match receiver {
                Ok(receiver) => receiver.await.unwrap_or_else(|_| Err(self.stopping())),
                Err(error) => Err(error),
            });
        }
        replies
    }

    async fn submit(
        &self,
        command: Command,
        permit: Option<Permit>,
    ) -> Result<oneshot::Receiver<Result<Reply>>> {
        let (reply, receiver) = oneshot::channel();
        let bytes = command.encoded_len();
        let waiting = Waiting {
            reply,
            _permit: permit,
        };
        let sent = self
            .proposals
            .send(Proposal {
                command,
                bytes,
                waiting,
            })
            .await;
        sent.map(|()| receiver).map_err(|_| self.stopping())
    }

    fn stopping(&self) -> Error {
        Error::unavailable(format!("shard {} is stopping", self.id))
    }

    /// Looks at the shard's state; `look` must be short, since entries wait for it.
    pub fn with_state<T>(&self, look: impl FnOnce(&ShardState) -> T) -> T {
        look(&self.machine.state.read().state)
    }

    /// A partition's records.
    #[must_use]
    pub fn partition(&self, id: PartitionId) -> Option<Arc<PartitionLog>> {
        self.machine.partitions.read().get(&id).cloned()
    }

    /// Bytes of records that only memory and journal hold; a checkpoint moves them to segments.
    #[must_use]
    pub fn unflushed_bytes(&self) -> usize {
        self.machine.unflushed_bytes()
    }

    /// Entries since the last checkpoint.
    #[must_use]
    pub fn entries_since_checkpoint(&self) -> u64 {
        let applied = self.raft.metrics().borrow().last_applied.map_or(0, |id| id.index);
        applied.saturating_sub(self.machine.checkpoint_index())
    }

    /// Takes a checkpoint of all that is applied now, and purges the log up to it.
    ///
    /// # Errors
    /// [`ShardError::Raft`] when the shard has stopped, for instance since the checkpoint could not be written.
    pub async fn checkpoint(&self) -> Result<(), ShardError> {
        let stopped = |reason: String| ShardError::Raft {
            shard: self.id,
            reason,
        };
        let fatal = |error: Fatal<u64>| stopped(error.to_string());
        let mut metrics = self.raft.metrics();
        let Some(target) = metrics.borrow().last_applied else {
            return Ok(());
        };
        let (taken, purged) = {
            let metrics = metrics.borrow();
            (metrics.snapshot.filter(|taken| *taken >= target), metrics.purged)
        };
        match taken {
            Some(_) if purged >= taken => return Ok(()),
            // A crash between checkpoint and purge left the log unpurged; Raft purges by itself after a newer one only.
            Some(taken) => self.raft.trigger().purge_log(taken.index).await.map_err(fatal)?,
            None => self.raft.trigger().snapshot().await.map_err(fatal)?,
        }
        let done = metrics
            .wait_for(|m| m.running_state.is_err() || (m.snapshot >= Some(target) && m.purged >= m.snapshot))
            .await
            .map_err(|error| stopped(error.to_string()))?;
        done.running_state.clone().map_err(fatal)
    }

    /// Where the shard stands.
    #[must_use]
    pub fn status(&self) -> ShardStatus {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow();
        let role = match (&metrics.running_state, metrics.state) {
            (Err(_), _) | (_, ServerState::Shutdown) => "stopped",
            (_, ServerState::Leader) => "leader",
            (_, ServerState::Follower) => "follower",
            (_, ServerState::Candidate) => "candidate",
            (_, ServerState::Learner) => "learner",
        };
        ShardStatus {
            role,
            term: metrics.current_term,
            leader: metrics.current_leader,
            last_index: self.log.last_index(),
            applied_index: metrics.last_applied.map_or(0, |id| id.index),
            checkpoint_index: self.machine.checkpoint_index(),
        }
    }

    /// Resolves, with the reason, when the shard's Raft has stopped by itself.
    pub async fn failed(&self) -> String {
        let mut metrics = self.raft.metrics();
        match metrics.wait_for(|m| m.running_state.is_err()).await {
            Ok(m) => m
                .running_state
                .as_ref()
                .err()
                .map_or_else(String::new, ToString::to_string),
            Err(error) => error.to_string(),
        }
    }

    /// Stops the shard's Raft. Proposals that wait get `Unavailable`.
    ///
    /// # Errors
    /// [`ShardError::Raft`] when Raft did not end as it should.
    pub async fn shutdown(&self) -> Result<(), ShardError> {
        let ended = self.raft.shutdown().await;
        ended.map_err(|error| ShardError::Raft {
            shard: self.id,
            reason: error.to_string(),
        })
    }
}

fn raft_config(shard: ShardId, timing: Timing) -> Result<Arc<Config>, String> {
    let config = Config {
        cluster_name: format!("shard-{shard}"),
        heartbeat_interval: timing.heartbeat,
        election_timeout_min: timing.election.0,
        election_timeout_max: timing.election.1,
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: 0,
        ..Config::default()
    };
    config.validate().map(Arc::new).map_err(|error| error.to_string())
}
