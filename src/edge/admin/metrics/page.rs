//! Writes metric families onto a page, one after the other.
//!
//! Knows nothing of what they mean. Families without a sample are left out, because the format cannot write
//! them.

use std::collections::BTreeMap;

use prometheus::{
    Histogram, TextEncoder,
    core::Collector as _,
    proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType},
};

use crate::core::code::Code;

#[derive(Default)]
pub(super) struct MetricsPage {
    families: Vec<MetricFamily>,
}

/// The samples of a family, each with the values of its labels and its own value.
pub(super) type Samples<const N: usize> = Vec<([String; N], f64)>;

impl MetricsPage {
    /// Adds a counter without labels.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(MetricType::COUNTER, name, help, [], vec![([], number(value))]);
    }

    /// Adds a counter with a label.
    pub(super) fn counters(&mut self, name: &str, help: &str, label: &str, samples: Samples<1>) {
        self.family(MetricType::COUNTER, name, help, [label], samples);
    }

    /// Adds a gauge without labels.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.gauges(name, help, [], vec![([], value)]);
    }

    /// Adds a gauge with labels.
    pub(super) fn gauges<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        labels: [&str; N],
        samples: Samples<N>,
    ) {
        self.family(MetricType::GAUGE, name, help, labels, samples);
    }

    /// Adds a histogram, which has a name of its own.
    pub(super) fn histogram(&mut self, histogram: &Histogram) {
        self.families.extend(histogram.collect());
    }

    /// The page as text.
    ///
    /// # Errors
    ///
    /// If a family has no name.
    pub(super) fn render(&self) -> prometheus::Result<String> {
        let mut text = String::with_capacity(16 * 1024);
        TextEncoder.encode_utf8(&self.families, &mut text)?;
        Ok(text)
    }

    fn family<const N: usize>(
        &mut self,
        kind: MetricType,
        name: &str,
        help: &str,
        labels: [&str; N],
        samples: Samples<N>,
    ) {
        if samples.is_empty() {
            return;
        }
        let samples = samples.into_iter().map(|(values, value)| {
            let pairs = labels.into_iter().zip(values).map(pair).collect();
            let mut metric = Metric::from_label(pairs);
            if kind == MetricType::COUNTER {
                let mut counter = Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            } else {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
            metric
        });
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(samples.collect());
        self.families.push(family);
    }
}

fn pair((name, value): (&str, String)) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value);
    pair
}

/// Samples by code. The `known` codes are present from the start, so that a rate sees the first sample.
pub(super) fn by_code(known: &[&'static str], counts: &BTreeMap<Code, u64>) -> Samples<1> {
    let mut samples: BTreeMap<_, _> = known.iter().map(|code| (*code, 0)).collect();
    samples.extend(counts.iter().map(|(code, count)| (code.0, *count)));
    labelled(samples)
}

/// Samples with one label.
pub(super) fn labelled(samples: impl IntoIterator<Item = (&'static str, u64)>) -> Samples<1> {
    samples.into_iter().map(|(label, value)| ([label.to_owned()], number(value))).collect()
}

/// Converts a count to the format's only type of number.
#[expect(clippy::cast_precision_loss, reason = "the format has no other numbers; exact up to 2^53")]
pub(super) fn number(value: u64) -> f64 {
    value as f64
}
