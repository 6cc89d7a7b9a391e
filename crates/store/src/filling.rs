//! A page under way, for every driver: when it is full.

use crate::events::{Extent, Listed};

/// Most bytes of `data` that previews may make the database read for one page.
const PREVIEWED_BYTES_MAX: u64 = 64 << 20;

/// A page under way.
pub(crate) struct Filling {
    pub(crate) extent: Extent,
    pub(crate) limit: usize,
    pub(crate) events: Vec<Listed>,
    pub(crate) n_bytes: usize,
    /// Bytes that were read for the sake of their beginnings.
    pub(crate) n_previewed: u64,
}

impl Filling {
    pub(crate) fn is_full(&self) -> bool {
        self.events.len() == self.limit
            || self.n_bytes >= self.extent.bytes_max
            || self.n_previewed >= PREVIEWED_BYTES_MAX
    }

    pub(crate) fn add(&mut self, listed: Listed) {
        self.n_bytes += listed.event.record().len();
        if self.extent.data_bytes_max.is_some() {
            self.n_previewed += listed.data_bytes;
        }
        self.events.push(listed);
    }
}
