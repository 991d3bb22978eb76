//! What is counted: connections, streams, calls by method and code, and how long calls take.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use postroad_types::{Error, Result};
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, core::Collector,
};
use tonic::Code;

/// Seconds, from a call answered from memory to a pull that waited.
const BUCKETS: [f64; 13] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// The method label of a call that no service has: clients can't make up labels.
const UNKNOWN_METHOD: &str = "unknown";
/// Every method that Postroad knows, as `Service/Method`, with the label it is counted under.
const METHODS: [&str; 38] = [
    "google.pubsub.v1.Publisher/CreateTopic",
    "google.pubsub.v1.Publisher/UpdateTopic",
    "google.pubsub.v1.Publisher/Publish",
    "google.pubsub.v1.Publisher/GetTopic",
    "google.pubsub.v1.Publisher/ListTopics",
    "google.pubsub.v1.Publisher/ListTopicSubscriptions",
    "google.pubsub.v1.Publisher/ListTopicSnapshots",
    "google.pubsub.v1.Publisher/DeleteTopic",
    "google.pubsub.v1.Publisher/DetachSubscription",
    "google.pubsub.v1.Subscriber/CreateSubscription",
    "google.pubsub.v1.Subscriber/GetSubscription",
    "google.pubsub.v1.Subscriber/UpdateSubscription",
    "google.pubsub.v1.Subscriber/ListSubscriptions",
    "google.pubsub.v1.Subscriber/DeleteSubscription",
    "google.pubsub.v1.Subscriber/ModifyAckDeadline",
    "google.pubsub.v1.Subscriber/Acknowledge",
    "google.pubsub.v1.Subscriber/Pull",
    "google.pubsub.v1.Subscriber/StreamingPull",
    "google.pubsub.v1.Subscriber/ModifyPushConfig",
    "google.pubsub.v1.Subscriber/GetSnapshot",
    "google.pubsub.v1.Subscriber/ListSnapshots",
    "google.pubsub.v1.Subscriber/CreateSnapshot",
    "google.pubsub.v1.Subscriber/UpdateSnapshot",
    "google.pubsub.v1.Subscriber/DeleteSnapshot",
    "google.pubsub.v1.Subscriber/Seek",
    "google.pubsub.v1.SchemaService/CreateSchema",
    "google.pubsub.v1.SchemaService/GetSchema",
    "google.pubsub.v1.SchemaService/ListSchemas",
    "google.pubsub.v1.SchemaService/ListSchemaRevisions",
    "google.pubsub.v1.SchemaService/CommitSchema",
    "google.pubsub.v1.SchemaService/RollbackSchema",
    "google.pubsub.v1.SchemaService/DeleteSchemaRevision",
    "google.pubsub.v1.SchemaService/DeleteSchema",
    "google.pubsub.v1.SchemaService/ValidateSchema",
    "google.pubsub.v1.SchemaService/ValidateMessage",
    "google.iam.v1.IAMPolicy/SetIamPolicy",
    "google.iam.v1.IAMPolicy/GetIamPolicy",
    "google.iam.v1.IAMPolicy/TestIamPermissions",
];
const STREAMING_PULL: &str = "StreamingPull";

/// The front end's collectors. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    /// Connections that are open.
    pub connections: IntGauge,
    /// Connections that were refused because too many are open.
    pub refused: IntCounter,
    streams: IntGauge,
    requests: IntCounterVec,
    seconds: HistogramVec,
}

impl Metrics {
    /// Registers the collectors.
    pub fn register(registry: &Registry) -> Result<Self> {
        let bad = |error: prometheus::Error| Error::internal(format!("Pub/Sub's metrics: {error}"));
        let connections = IntGauge::new("postroad_pubsub_connections", "Open Pub/Sub connections.");
        let refused = IntCounter::new(
            "postroad_pubsub_connections_refused_total",
            "Pub/Sub connections refused because as many as allowed were open.",
        );
        let streams = IntGauge::new("postroad_pubsub_streams", "Open streaming pulls.");
        let requests = IntCounterVec::new(
            Opts::new(
                "postroad_pubsub_requests_total",
                "Pub/Sub calls that ended, by method and gRPC code.",
            ),
            &["method", "code"],
        );
        let seconds = HistogramVec::new(
            HistogramOpts::new(
                "postroad_pubsub_request_duration_seconds",
                "How long unary Pub/Sub calls took, by method.",
            )
            .buckets(BUCKETS.to_vec()),
            &["method"],
        );
        let metrics = Self {
            connections: connections.map_err(bad)?,
            refused: refused.map_err(bad)?,
            streams: streams.map_err(bad)?,
            requests: requests.map_err(bad)?,
            seconds: seconds.map_err(bad)?,
        };
        metrics
            .collectors()
            .into_iter()
            .try_for_each(|collector| registry.register(collector))
            .map_err(bad)?;
        Ok(metrics)
    }

    fn collectors(&self) -> [Box<dyn Collector>; 5] {
        [
            Box::new(self.connections.clone()),
            Box::new(self.refused.clone()),
            Box::new(self.streams.clone()),
            Box::new(self.requests.clone()),
            Box::new(self.seconds.clone()),
        ]
    }

    /// A call to `path` begins.
    pub fn begin(&self, path: &str) -> Call {
        let method = method(path);
        if method == STREAMING_PULL {
            self.streams.inc();
        }
        Call {
            metrics: self.clone(),
            method,
            begun: Instant::now(),
            ended: AtomicBool::new(false),
        }
    }
}

/// The label of the method at `path`.
fn method(path: &str) -> &'static str {
    let path = path.strip_prefix('/').unwrap_or(path);
    let known = METHODS.iter().find(|known| **known == path);
    known
        .and_then(|known| known.split_once('/'))
        .map_or(UNKNOWN_METHOD, |(_, method)| method)
}

/// A call that is running. Dropped without an end, it was cancelled.
pub struct Call {
    metrics: Metrics,
    method: &'static str,
    begun: Instant,
    ended: AtomicBool,
}

impl Call {
    /// Whether a service has the method.
    pub fn is_known(&self) -> bool {
        self.method != UNKNOWN_METHOD
    }

    /// The call ended with `code`; only the first end counts.
    pub fn end(&self, code: Code) {
        if self.ended.swap(true, Ordering::Relaxed) {
            return;
        }
        self.metrics
            .requests
            .with_label_values(&[self.method, code_name(code)])
            .inc();
        if self.method == STREAMING_PULL {
            self.metrics.streams.dec();
        } else {
            self.metrics
                .seconds
                .with_label_values(&[self.method])
                .observe(self.begun.elapsed().as_secs_f64());
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

/// The code as gRPC's documentation and Google's dashboards write it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_counted_once_and_a_dropped_one_as_cancelled() {
        let metrics = Metrics::register(&Registry::new()).unwrap();
        let count = |method, code| metrics.requests.with_label_values(&[method, code]).get();

        let stream = metrics.begin("/google.pubsub.v1.Subscriber/StreamingPull");
        assert_eq!(metrics.streams.get(), 1);
        drop(stream);
        assert_eq!(
            (metrics.streams.get(), count("StreamingPull", "CANCELLED")),
            (0, 1)
        );

        let call = metrics.begin("/google.pubsub.v1.Publisher/Publish");
        call.end(Code::NotFound);
        drop(call);
        assert_eq!(
            (count("Publish", "NOT_FOUND"), count("Publish", "CANCELLED")),
            (1, 0)
        );
        assert_eq!(
            metrics.seconds.with_label_values(&["Publish"]).get_sample_count(),
            1
        );
    }

    #[test]
    fn clients_cannot_make_up_labels() {
        for path in [
            "/",
            "/x/Publish",
            "/google.pubsub.v1.Publisher/Publish2",
            "/v1/projects/p/topics/t",
        ] {
            assert_eq!(method(path), UNKNOWN_METHOD, "{path}");
        }
    }
}
