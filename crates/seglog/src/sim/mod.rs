//! A simulated disk behind the `Io` trait: it forgets what was not synced, tears what was in flight, and fails on demand.
//! For tests, of this crate and of those above it; nothing that is shipped holds it.
//!
//! ```text
//! disk    SimDisk, the `Io`: counts calls, asks the plan, answers            plan    which call fails, and how
//! names   folders and names: as seen, as durable             cut     what a power cut leaves of the rest
//! state   all of one disk: files, names, faults met           inode   a file's bytes: page cache, platter, dirty sectors
//! ```
//!
//! `fuzz` is what the fuzz targets of this crate do.

mod cut;
pub(crate) mod disk;
pub(crate) mod fuzz;
mod inode;
mod names;
pub(crate) mod plan;
pub(crate) mod random;
mod state;
