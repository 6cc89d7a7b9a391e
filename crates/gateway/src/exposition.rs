//! Numbers in Prometheus' text format (0.0.4): every family once, with its help and its type, and all its series below.

use std::fmt::{Display, Write as _};

use meter::Snapshot;

/// What a `Content-Type` says of it.
pub(crate) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Bounds of duration buckets: powers of two of a microsecond, from 64 us to 17 s.
const DURATION_POWERS: std::ops::RangeInclusive<u32> = 6..=24;
/// Bounds of buckets of numbers: one less than a power of two, from 1 to 65,535.
const NUMBER_POWERS: std::ops::RangeInclusive<u32> = 1..=16;

/// A text that grows.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    text: String,
}

/// Labels of one series, in order.
pub(crate) type Labels<'a> = &'a [(&'a str, &'a str)];

impl Exposition {
    /// One number that only grows; its name ends with `_total`.
    pub(crate) fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "counter", help);
        self.sample(name, &[], value);
    }

    /// The same for one series each.
    pub(crate) fn counters<'a, V: Display>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Vec<(&'a str, &'a str)>, V)>,
    ) {
        self.family(name, "counter", help);
        for (labels, value) in series {
            self.sample(name, &labels, value);
        }
    }

    /// One number that goes up and down.
    pub(crate) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    /// 1 for what holds and 0 for what does not.
    pub(crate) fn one_of(&mut self, name: &str, help: &str, label: &str, all: &[&str], now: &str) {
        self.family(name, "gauge", help);
        for value in all {
            self.sample(name, &[(label, value)], u8::from(*value == now));
        }
    }

    /// A number that says something only by its labels.
    pub(crate) fn info(&mut self, name: &str, help: &str, labels: Labels<'_>) {
        self.family(name, "gauge", help);
        self.sample(name, labels, 1);
    }

    /// Durations, counted in microseconds and shown in seconds.
    pub(crate) fn durations<'a>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Vec<(&'a str, &'a str)>, Snapshot)>,
    ) {
        self.family(name, "histogram", help);
        for (labels, counts) in series {
            // Microseconds are cut, not rounded: what is counted as less than the bound was less.
            let bucket = |power: u32| (seconds(1_u64 << power), counts.count_below_power(power));
            let buckets = DURATION_POWERS.map(bucket);
            self.histogram(name, &labels, buckets, counts.count(), &seconds(counts.sum));
        }
    }

    /// Numbers of things.
    pub(crate) fn numbers(&mut self, name: &str, help: &str, counts: &Snapshot) {
        self.family(name, "histogram", help);
        let bucket =
            |power: u32| (((1_u64 << power) - 1).to_string(), counts.count_below_power(power));
        let buckets = NUMBER_POWERS.map(bucket);
        self.histogram(name, &[], buckets, counts.count(), &counts.sum.to_string());
    }

    /// All of it.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn histogram(
        &mut self,
        name: &str,
        labels: Labels<'_>,
        buckets: impl Iterator<Item = (String, u64)>,
        count: u64,
        sum: &str,
    ) {
        let mut of_bucket = labels.to_vec();
        let place = of_bucket.len();
        let series = format!("{name}_bucket");
        for (bound, n) in buckets.chain([("+Inf".to_owned(), count)]) {
            of_bucket.truncate(place);
            self.sample(&series, &[&of_bucket[..], &[("le", bound.as_str())]].concat(), n);
        }
        self.sample(&format!("{name}_sum"), labels, sum);
        self.sample(&format!("{name}_count"), labels, count);
    }

    fn sample(&mut self, name: &str, labels: Labels<'_>, value: impl Display) {
        self.text.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{before}{label}=\"{text}\"");
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{end} {value}");
    }
}

/// Exact to the microsecond, as long as that is a matter of years.
pub(crate) fn seconds(us: u64) -> String {
    let (whole, part) = (us / 1_000_000, us % 1_000_000);
    if part == 0 {
        return whole.to_string();
    }
    format!("{whole}.{part:06}").trim_end_matches('0').to_owned()
}
