//! Request bodies: bytes to [`pipeline::NewEvent`], once, without copying.
//!
//! [`media`] says how the body is to be read, [`body`] walks through its events, [`envelope`] parses one
//! of them on the fast path, [`cloud_event`] one of another shape, [`diagnose`] says what is wrong with one that does not parse, [`text`] holds
//! the checks that come before parsing.
//!
//! Invariant: nothing here recurses over the input, and `data` leaves as the bytes that came in.

pub(crate) mod body;
pub(crate) mod cloud_event;
mod diagnose;
pub(crate) mod envelope;
pub(crate) mod media;
pub(crate) mod text;
