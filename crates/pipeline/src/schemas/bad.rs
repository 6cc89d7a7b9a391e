//! Why a text is no schema.

/// Why a text is no schema that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSchema {
    /// Where in the schema, as a JSON Pointer.
    pub pointer: String,
    /// One sentence without its full stop.
    pub reason: String,
}

impl BadSchema {
    pub(crate) fn new(pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), reason: reason.into() }
    }
}

impl std::fmt::Display for BadSchema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.pointer.as_str() {
            "" => f.write_str(&self.reason),
            pointer => write!(f, "at {pointer}: {}", self.reason),
        }
    }
}
