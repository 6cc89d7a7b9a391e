//! What a power cut leaves of everything that was not synced. One seed decides it; each file and each name has
//! its own row of numbers, so that what happens to one does not move the fate of another.

use std::ops::Range;

use crate::sim::random::Random;

/// Sectors of a page.
const PAGE_SECTORS: usize = 8;

/// How the sectors of a file are torn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tear {
    /// Nothing unsynced was written yet.
    Nothing,
    /// All of it was.
    Everything,
    /// Each sector of 512 bytes for itself.
    Sectors,
    /// Each page of 4096 bytes for itself.
    Pages,
    /// Everything before some place.
    Front,
    /// Everything behind some place.
    Back,
}

/// How unsynced changes of names end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameFate {
    /// Each for itself.
    Any,
    /// As a journal does it: the first so many, in thousandths.
    First(u64),
}

/// One power cut.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    seed: u64,
    tear: Tear,
    /// A unit in flight, a sector or a page, turns to garbage once in so many. 0: never.
    garbage_one_in: u64,
    garbage_sectors: usize,
    /// It cannot even be read.
    is_unreadable: bool,
    pub(crate) names: NameFate,
}

impl Cut {
    pub(crate) fn new(seed: u64, is_unreadable: bool) -> Self {
        let mut random = Random::of(seed, "power cut");
        let tear = match random.below(8) {
            0 => Tear::Nothing,
            1 => Tear::Everything,
            2 | 3 => Tear::Sectors,
            4 | 5 => Tear::Pages,
            6 => Tear::Front,
            _ => Tear::Back,
        };
        let garbage_one_in =
            if is_unreadable || random.one_in(4) { 1 + random.below(8) } else { 0 };
        let garbage_sectors = if random.one_in(2) { 1 } else { PAGE_SECTORS };
        let names =
            if random.one_in(2) { NameFate::Any } else { NameFate::First(random.below(1001)) };
        Self { seed, tear, garbage_one_in, garbage_sectors, is_unreadable, names }
    }

    /// The fate of one file.
    pub(crate) fn fate_of(&self, name: &str) -> FileFate<'_> {
        let mut random = Random::of(self.seed, name);
        FileFate { border: random.below(64), page: (usize::MAX, false), random, cut: self }
    }

    /// A row of numbers for one change of names.
    pub(crate) fn keeps_name(&self, change: &str) -> bool {
        Random::of(self.seed, change).one_in(2)
    }
}

/// What becomes of one file. Asked for its sectors in rising order.
pub(crate) struct FileFate<'a> {
    cut: &'a Cut,
    random: Random,
    border: u64,
    /// The page that was judged last.
    page: (usize, bool),
}

impl FileFate<'_> {
    pub(crate) fn keeps_length(&mut self) -> bool {
        match self.cut.tear {
            Tear::Nothing => false,
            Tear::Everything => true,
            _ => self.random.one_in(2),
        }
    }

    pub(crate) fn keeps_sector(&mut self, sector: usize) -> bool {
        match self.cut.tear {
            Tear::Nothing => false,
            Tear::Everything => true,
            Tear::Sectors => self.random.one_in(2),
            Tear::Pages => {
                let page = sector / PAGE_SECTORS;
                if self.page.0 != page {
                    self.page = (page, self.random.one_in(2));
                }
                self.page.1
            }
            Tear::Front => (sector as u64) < self.border,
            Tear::Back => (sector as u64) >= self.border,
        }
    }

    /// The sectors that were being written when the power went, `sector` among them, and whether they are unreadable.
    pub(crate) fn in_flight(&mut self, sector: usize) -> Option<(Range<usize>, bool)> {
        if self.cut.garbage_one_in == 0 || !self.random.one_in(self.cut.garbage_one_in) {
            return None;
        }
        let first = sector - sector % self.cut.garbage_sectors;
        Some((first..first + self.cut.garbage_sectors, self.cut.is_unreadable))
    }

    pub(crate) fn garbage(&mut self, bytes: &mut [u8]) {
        self.random.fill(bytes);
    }
}
