//! Floor 2: the push path. One tail for all, and subscriptions that are cursors.
//!
//! [`tail`] follows the log and feeds a bounded [`ring`] of recent events; [`frame`] encodes each of them
//! once, for whoever asks first; [`settle`] keeps repetitions out. A [`subscription`] reads history from
//! the database, then the log, then the ring, then waits for the tail. It holds a position and at most one
//! read's worth of events: a slow client costs little memory, it is simply further behind. The more subscriptions there
//! are, the smaller is the share of memory that each may hold, and their own reads wait for their turn.

mod error;
mod frame;
mod hub;
mod live;
mod message;
mod ring;
mod settle;
mod subscription;
mod tail;

#[cfg(test)]
mod tests;

pub use error::LiveError;
pub use hub::{LiveOptions, SHARE_BYTES_MIN};
pub use live::{Live, Pushed};
pub use message::{EVENT_PREFIX, GapReason, Message, Since};
pub use subscription::Subscription;
pub use tail::Tail;
