//! Why an event is invalid: the `errors` of its public shape.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Longest message, and longest pointer, of one reason; what is longer ends with `…`.
pub(crate) const MESSAGE_BYTES_MAX: usize = 300;

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// JSON Pointer, relative to the event: `/data/element`.
    pub pointer: String,
    /// The rule's name: a keyword of JSON Schema, or a rule of our own.
    pub rule: String,
    /// One sentence, which quotes nothing of any length.
    pub message: String,
}

/// The reasons of one event as it keeps them.
pub(crate) fn to_json(reasons: &[Reason]) -> Cow<'static, str> {
    match reasons {
        [] => Cow::Borrowed("[]"),
        _ => Cow::Owned(serde_json::to_string(reasons).expect("texts always have a JSON form")),
    }
}
