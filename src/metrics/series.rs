//! The series of one family, in the order of their labels.
//!
//! prometheus-client has a `Family` of its own, over a hash map: its order differs from run to run, which makes scrapes compress worse and
//! cannot be compared with a golden file.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};

use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};

use crate::metrics::Descriptor;

/// The series of one family by their labels. Counting what is known takes the read lock only, so that a scrape does not hold up the writer.
#[derive(Debug)]
pub(crate) struct Series<K, M> {
    descriptor: &'static Descriptor,
    new: fn() -> M,
    by_labels: RwLock<BTreeMap<K, M>>,
}

impl<K: Ord + EncodeLabelSet, M: EncodeMetric> Series<K, M> {
    /// No series yet; `new` makes the value of each.
    pub(crate) fn new(descriptor: &'static Descriptor, new: fn() -> M) -> Self {
        Self { descriptor, new, by_labels: RwLock::default() }
    }

    /// Makes the series of `labels` where it is not there.
    pub(crate) fn expect(&self, labels: K) {
        self.by_labels.write().unwrap_or_else(PoisonError::into_inner).entry(labels).or_insert_with(self.new);
    }

    /// Counts something in the series of `labels`.
    pub(crate) fn count(&self, labels: K, count: impl FnOnce(&M)) {
        if let Some(metric) = self.by_labels.read().unwrap_or_else(PoisonError::into_inner).get(&labels) {
            return count(metric);
        }
        let mut by_labels = self.by_labels.write().unwrap_or_else(PoisonError::into_inner);
        count(by_labels.entry(labels).or_insert_with(self.new));
    }

    /// Writes the family; nothing at all where it has no series.
    pub(crate) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let by_labels = self.by_labels.read().unwrap_or_else(PoisonError::into_inner);
        if by_labels.is_empty() {
            return Ok(());
        }
        let mut family = self.descriptor.open(encoder)?;
        for (labels, metric) in by_labels.iter() {
            metric.encode(family.encode_family(labels)?)?;
        }
        Ok(())
    }
}
