//! Floor 0: the nouns of Eyas, their byte codec and an event's public JSON shape.
//!
//! Nothing here does I/O, reads a clock or knows HTTP.
//!
//! | room | what |
//! |---|---|
//! | [`seq`] | `Seq`, `LogId`, `Cursor`: where an event stands |
//! | [`time`] | `Timestamp`: microseconds since 1970, the two spellings that clients may send |
//! | [`names`] | `StreamName`, labels and their limits |
//! | [`draft`] | `Draft`: an event before it has a `Seq` |
//! | [`event`] | `Event`: one read back |
//! | [`record`] | the bytes of one event in the log |
//! | [`rows`] | the rows of a batch as bytes |
//! | [`json`] | the JSON object that every reader sees |
//! | [`filter`] | which events a reader wants |

mod draft;
mod event;
pub mod filter;
pub mod json;
pub mod names;
mod record;
pub mod rows;
mod seq;
mod time;

#[cfg(test)]
mod tests;

pub use draft::{ContentHash, Draft};
pub use event::Event;
pub use filter::{Clock, Filter, Pattern, Search};
pub use names::{NameError, StreamName};
pub use record::RecordError;
pub use seq::{Cursor, CursorError, LogId, Seq, SeqRange};
pub use time::{Timestamp, TimestampError};
