//! A histogram that is nothing but atomics: the library's takes a lock for every observation.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// Parts of a unit that the sum is counted in.
const PARTS: f64 = 1e6;

/// Observations, sorted into buckets. Cloning it is another handle to the same one.
#[derive(Clone)]
pub(crate) struct Histogram(Arc<Inner>);

struct Inner {
    /// The upper edges, ascending.
    edges: &'static [f64],
    /// One more than there are edges: the last is for what is beyond.
    counts: Vec<AtomicU64>,
    sum_parts: AtomicU64,
}

impl Histogram {
    pub(crate) fn new(edges: &'static [f64]) -> Self {
        Self(Arc::new(Inner {
            edges,
            counts: (0..=edges.len()).map(|_| AtomicU64::new(0)).collect(),
            sum_parts: AtomicU64::new(0),
        }))
    }

    /// Two atomic additions. What is no number is not counted.
    pub(crate) fn observe(&self, value: f64) {
        let Inner {
            edges,
            counts,
            sum_parts,
        } = &*self.0;
        let bucket = edges.partition_point(|edge| value > *edge);
        if let Some(count) = counts.get(bucket).filter(|_| value.is_finite()) {
            count.fetch_add(1, Ordering::Relaxed);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a cast of a float stops at the ends of the scale"
            )]
            sum_parts.fetch_add((value * PARTS) as u64, Ordering::Relaxed);
        }
    }
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let edges = self.0.edges.iter().copied().chain([f64::INFINITY]);
        let counts = self.0.counts.iter().map(|n| n.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = edges.zip(counts).collect();
        // Counted here and not beside: so the parts make the whole.
        let count = buckets.iter().map(|(_, n)| n).sum();
        #[expect(
            clippy::cast_precision_loss,
            reason = "a sum of measurements is none too exact"
        )]
        let sum = self.0.sum_parts.load(Ordering::Relaxed) as f64 / PARTS;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Histogram")
    }
}
