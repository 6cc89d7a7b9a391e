//! What the meters promise.

mod busy;
mod histogram;
