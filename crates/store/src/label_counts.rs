//! Facets being counted, for every driver.

use std::collections::HashMap;

use crate::explore::{FACET_VALUES_MAX, FacetValue};

/// Most different values of one facet that are counted. Where there are more, the answer is not complete.
const VALUES_MAX: usize = 10_000;

/// How often each value of one label was seen.
#[derive(Debug, Default)]
pub(crate) struct Label {
    n_without: u64,
    counts: HashMap<Box<str>, u64>,
    /// There were more values than are counted.
    pub(crate) is_cut: bool,
}

impl Label {
    pub(crate) fn add(&mut self, value: Option<&str>) {
        let Some(value) = value else {
            self.n_without += 1;
            return;
        };
        if let Some(count) = self.counts.get_mut(value) {
            *count += 1;
        } else if self.counts.len() < VALUES_MAX {
            self.counts.insert(value.into(), 1);
        } else {
            self.is_cut = true;
        }
    }

    pub(crate) fn top(self) -> Vec<FacetValue> {
        let values = self.counts.into_iter().map(|(value, count)| (Some(value.into()), count));
        let without = (self.n_without > 0).then_some((None, self.n_without));
        let mut all: Vec<FacetValue> =
            values.chain(without).map(|(value, count)| FacetValue { value, count }).collect();
        all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
        all.truncate(FACET_VALUES_MAX);
        all
    }
}
