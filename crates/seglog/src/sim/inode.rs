//! One file of the simulated disk: what the page cache shows, what the platter holds, and which sectors differ.
//!
//! ```text
//! write ──> cache, sector dirty ── sync ──> platter          a read sees the cache
//!                       │
//!                       └─ a sync that fails: clean, but never written; the cache shows the new bytes, or the old again
//! ```
//!
//! Invariant: `platter` changes only by a sync, by rot, or when a power cut decides about dirty sectors.

use std::collections::BTreeSet;
use std::io;

use crate::sim::cut::Cut;

/// The smallest unit that reaches the platter whole.
pub(crate) const SECTOR_BYTES: usize = 512;

/// A file's bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inode {
    pub(crate) cache: Vec<u8>,
    pub(crate) platter: Vec<u8>,
    /// By sector: whether the cache holds bytes that nobody has tried to write yet.
    dirty: Vec<bool>,
    /// Sectors that cannot be read.
    bad: BTreeSet<usize>,
    /// A sync has failed: whoever syncs again believes a lie.
    pub(crate) has_failed_sync: bool,
}

impl Inode {
    /// Reads what the cache shows. EIO if an unreadable sector is touched.
    pub(crate) fn read(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = (offset as usize).min(self.cache.len());
        let end = (start + buf.len()).min(self.cache.len());
        if start < end
            && self.bad.range(start / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES)).next().is_some()
        {
            return Err(io::Error::other("simulated: a sector cannot be read"));
        }
        buf[..end - start].copy_from_slice(&self.cache[start..end]);
        Ok(end - start)
    }

    /// Writes into the cache. A write beyond the end makes the file longer.
    pub(crate) fn write(&mut self, buf: &[u8], offset: u64) {
        let (start, end) = (offset as usize, offset as usize + buf.len());
        if end > self.cache.len() {
            self.set_len(end);
        }
        self.cache[start..end].copy_from_slice(buf);
        for sector in start / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES) {
            self.dirty[sector] = true;
            self.bad.remove(&sector);
        }
    }

    /// Makes the file so long; what is new reads as zeros and, as long as nobody writes it, needs no writing.
    pub(crate) fn set_len(&mut self, n_bytes: usize) {
        self.cache.resize(n_bytes, 0);
        self.dirty.resize(n_bytes.div_ceil(SECTOR_BYTES), false);
        self.bad.split_off(&self.dirty.len());
    }

    /// Everything dirty, and the length, reaches the platter.
    pub(crate) fn sync(&mut self) {
        self.platter.resize(self.cache.len(), 0);
        for sector in 0..self.dirty.len() {
            if std::mem::take(&mut self.dirty[sector]) {
                let (start, end) = span(sector, self.cache.len());
                self.platter[start..end].copy_from_slice(&self.cache[start..end]);
            }
        }
    }

    /// What a failed sync does: dirty sectors count as clean and are never written. `reverts`: the cache forgets them too.
    pub(crate) fn drop_pages(&mut self, reverts: bool) {
        for sector in 0..self.dirty.len() {
            if std::mem::take(&mut self.dirty[sector]) && reverts {
                let (start, end) = span(sector, self.cache.len());
                for at in start..end {
                    self.cache[at] = self.platter.get(at).copied().unwrap_or(0);
                }
            }
        }
    }

    /// The file as it is found after a power cut.
    pub(crate) fn after(&self, name: &str, cut: &Cut) -> Self {
        let mut fate = cut.fate_of(name);
        let is_longer = self.cache.len() != self.platter.len() && fate.keeps_length();
        let mut found = self.platter.clone();
        found.resize(if is_longer { self.cache.len() } else { self.platter.len() }, 0);
        let mut bad = self.bad.clone();
        for sector in 0..self.dirty.len().min(found.len().div_ceil(SECTOR_BYTES)) {
            if !self.dirty[sector] {
                continue;
            }
            let (start, end) = span(sector, found.len());
            if fate.keeps_sector(sector) {
                let n_kept = end.min(self.cache.len()).saturating_sub(start);
                found[start..start + n_kept].copy_from_slice(&self.cache[start..start + n_kept]);
            }
            if let Some((in_flight, is_unreadable)) = fate.in_flight(sector) {
                let n_sectors = found.len().div_ceil(SECTOR_BYTES);
                for sector in in_flight.filter(|sector| *sector < n_sectors) {
                    let (start, end) = span(sector, found.len());
                    fate.garbage(&mut found[start..end]);
                    if is_unreadable {
                        bad.insert(sector);
                    }
                }
            }
        }
        let dirty = vec![false; found.len().div_ceil(SECTOR_BYTES)];
        Self { cache: found.clone(), platter: found, dirty, bad, has_failed_sync: false }
    }

    /// Turns one bit over, in the cache and on the platter.
    pub(crate) fn flip_bit(&mut self, bit: u64) {
        let (at, mask) = ((bit / 8) as usize, 1 << (bit % 8));
        for bytes in [&mut self.cache, &mut self.platter] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= mask;
            }
        }
    }

    /// Cuts the file off, durably.
    pub(crate) fn truncate(&mut self, n_bytes: usize) {
        self.set_len(n_bytes);
        self.platter.truncate(n_bytes);
    }

    /// Unreadable sectors can be read again; what they hold is garbage.
    pub(crate) fn heal(&mut self) {
        self.bad.clear();
    }
}

fn span(sector: usize, n_bytes: usize) -> (usize, usize) {
    let start = sector * SECTOR_BYTES;
    (start.min(n_bytes), (start + SECTOR_BYTES).min(n_bytes))
}
