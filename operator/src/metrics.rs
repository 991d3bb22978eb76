//! What the operator counts, by Prometheus' conventions.

use std::time::Duration;

use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

/// The operator's metrics. Clones count into the same ones.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    reconciles: IntCounterVec,
    durations: HistogramVec,
    objects: IntGaugeVec,
    leader: IntGauge,
    watch_errors: IntCounterVec,
    admin_requests: IntCounterVec,
    event_errors: prometheus::IntCounter,
}

impl Metrics {
    /// All at zero.
    ///
    /// # Errors
    /// Never in practice: when two metrics had the same name.
    pub fn new() -> prometheus::Result<Self> {
        let counter =
            |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let metrics = Self {
            registry: Registry::new(),
            reconciles: counter(
                "postroad_operator_reconciles_total",
                "Reconciles by kind and by how they ended.",
                &["kind", "result"],
            )?,
            durations: HistogramVec::new(
                HistogramOpts::new(
                    "postroad_operator_reconcile_duration_seconds",
                    "How long a reconcile took.",
                )
                .buckets(vec![0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 30.0]),
                &["kind"],
            )?,
            objects: IntGaugeVec::new(
                Opts::new(
                    "postroad_operator_objects",
                    "Objects by kind and by the status of their Ready condition.",
                ),
                &["kind", "ready"],
            )?,
            leader: IntGauge::new("postroad_operator_leader", "1 while this replica is the leader.")?,
            watch_errors: counter(
                "postroad_operator_watch_errors_total",
                "Errors of watches on the API server, by kind; each watch goes on.",
                &["kind"],
            )?,
            admin_requests: counter(
                "postroad_operator_admin_requests_total",
                "Requests to brokers' admin APIs, by operation and result.",
                &["operation", "result"],
            )?,
            event_errors: prometheus::IntCounter::new(
                "postroad_operator_event_errors_total",
                "Events that could not be published.",
            )?,
        };
        metrics.register()?;
        Ok(metrics)
    }

    fn register(&self) -> prometheus::Result<()> {
        self.registry.register(Box::new(self.reconciles.clone()))?;
        self.registry.register(Box::new(self.durations.clone()))?;
        self.registry.register(Box::new(self.objects.clone()))?;
        self.registry.register(Box::new(self.leader.clone()))?;
        self.registry.register(Box::new(self.watch_errors.clone()))?;
        self.registry.register(Box::new(self.admin_requests.clone()))?;
        self.registry.register(Box::new(self.event_errors.clone()))?;
        let build = IntGaugeVec::new(
            Opts::new(
                "postroad_operator_build_info",
                "1, with the version of the program.",
            ),
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        self.registry.register(Box::new(build))
    }

    /// A reconcile of `kind` ended with `result` after `took`.
    pub fn reconciled(&self, kind: &str, result: &str, took: Duration) {
        self.reconciles.with_label_values(&[kind, result]).inc();
        self.durations
            .with_label_values(&[kind])
            .observe(took.as_secs_f64());
    }

    /// How many reconciles of `kind` ended with `result` so far.
    #[must_use]
    pub fn reconciles(&self, kind: &str, result: &str) -> u64 {
        self.reconciles.with_label_values(&[kind, result]).get()
    }

    /// How many objects of `kind` there are whose Ready condition is `ready`.
    pub fn objects(&self, kind: &str, ready: &str, count: usize) {
        self.objects
            .with_label_values(&[kind, ready])
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Nothing is known of objects (any more): a replica that does not lead.
    pub fn forget_objects(&self) {
        self.objects.reset();
    }

    /// Whether this replica leads.
    pub fn leading(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// A watch of `kind` failed.
    pub fn watch_failed(&self, kind: &str) {
        self.watch_errors.with_label_values(&[kind]).inc();
    }

    /// A request to a broker ended.
    pub fn admin_request(&self, operation: &str, succeeded: bool) {
        self.admin_requests
            .with_label_values(&[operation, if succeeded { "ok" } else { "error" }])
            .inc();
    }

    /// An event could not be published.
    pub fn event_failed(&self) {
        self.event_errors.inc();
    }

    /// All of them, in Prometheus' text format.
    ///
    /// # Errors
    /// Of the encoder.
    pub fn render(&self) -> prometheus::Result<String> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_rendered() {
        let metrics = Metrics::new().unwrap();
        metrics.reconciled("Topic", "settled", Duration::from_millis(3));
        metrics.objects("Topic", "True", 7);
        metrics.leading(true);
        let text = metrics.render().unwrap();
        for line in [
            r#"postroad_operator_reconciles_total{kind="Topic",result="settled"} 1"#,
            r#"postroad_operator_objects{kind="Topic",ready="True"} 7"#,
            "postroad_operator_leader 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
