//! The checker against the real rooms with a defect in one of them: each must be caught, and without one it is silent.
//!
//! ```text
//! proof     the tests: no defect, then each of the five, over seeds
//! world     intake, log, consumer, database and live push in this process; power cuts, starts, and what is known at the end
//! batches   the lane of batches, with a defect and without
//! notes     what the producer of a world sends, and writes down
//! defects   what stands in front of the log and of the database, and is wrong on purpose
//! ```
//!
//! Here alone the tests reach below HTTP: the disk under the log is the simulated one, which forgets what was not synced.

mod batches;
mod defects;
mod notes;
mod proof;
mod world;
