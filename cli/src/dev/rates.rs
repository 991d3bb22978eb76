//! How many messages come and go, from the broker's own metrics.

use std::fmt;
use std::time::Duration;

use prometheus::Registry;
use prometheus::proto::{MetricFamily, MetricType};

const PUBLISHED: &str = "postroad_messages_published_total";
const DELIVERED: &str = "postroad_messages_delivered_total";
const BACKLOG: &str = "postroad_subscription_backlog_messages";

/// Totals at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    published: f64,
    delivered: f64,
    backlog: f64,
}

impl Totals {
    /// Reads them.
    #[must_use]
    pub fn of(registry: &Registry) -> Self {
        let families = registry.gather();
        let named = |name: &str| {
            let name = name.to_owned();
            families
                .iter()
                .filter(move |family| family.name() == name)
                .map(sum)
        };
        // Not `sum`: that of nothing is -0, which is drawn so.
        let sum = |name: &str| named(name).fold(0.0, |total, value| total + value);
        Self {
            published: sum(PUBLISHED),
            delivered: sum(DELIVERED),
            backlog: sum(BACKLOG),
        }
    }

    /// What went on since `earlier`, `elapsed` ago. A series that was forgotten with its topic counts as standing still.
    #[must_use]
    pub fn since(&self, earlier: &Self, elapsed: Duration) -> Rates {
        let rate = |now: f64, before: f64| (now - before).max(0.0) / elapsed.as_secs_f64().max(0.001);
        Rates {
            published: rate(self.published, earlier.published),
            delivered: rate(self.delivered, earlier.delivered),
            backlog: self.backlog,
        }
    }
}

fn sum(family: &MetricFamily) -> f64 {
    let value = |metric: &prometheus::proto::Metric| match family.get_field_type() {
        MetricType::COUNTER => metric.get_counter().get_value(),
        MetricType::GAUGE => metric.get_gauge().get_value(),
        _ => 0.0,
    };
    family.get_metric().iter().map(value).sum()
}

/// Messages a second, and how many wait.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    published: f64,
    delivered: f64,
    backlog: f64,
}

/// `in 12/s   out 11/s   backlog 40`.
impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            published,
            delivered,
            backlog,
        } = self;
        write!(
            f,
            "in {published:.0}/s   out {delivered:.0}/s   backlog {backlog:.0}"
        )
    }
}

#[cfg(test)]
mod tests {
    use prometheus::{IntCounterVec, IntGaugeVec, Opts};

    use super::*;

    #[test]
    fn rates_are_the_difference_of_totals_over_all_series() {
        let registry = Registry::new();
        let published = IntCounterVec::new(Opts::new(PUBLISHED, "x"), &["topic"]).unwrap();
        let backlog = IntGaugeVec::new(Opts::new(BACKLOG, "x"), &["subscription"]).unwrap();
        registry.register(Box::new(published.clone())).unwrap();
        registry.register(Box::new(backlog.clone())).unwrap();
        published.with_label_values(&["a"]).inc_by(5);
        let before = Totals::of(&registry);
        published.with_label_values(&["a"]).inc_by(10);
        published.with_label_values(&["b"]).inc_by(20);
        backlog.with_label_values(&["a"]).set(3);
        backlog.with_label_values(&["b"]).set(4);
        let now = Totals::of(&registry);
        assert_eq!(
            now.since(&before, Duration::from_secs(2)).to_string(),
            "in 15/s   out 0/s   backlog 7"
        );
        assert_eq!(
            before.since(&now, Duration::from_secs(2)).to_string(),
            "in 0/s   out 0/s   backlog 0"
        );
    }
}
