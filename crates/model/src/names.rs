//! Texts with limits: event ids, stream names, labels. Parsed at the edge, trusted inside.

use std::fmt;

use thiserror::Error;

/// Longest id of an event, in bytes. An id is a label, so it has no control characters.
pub const ID_BYTES_MAX: usize = 128;
/// Longest category, name, session or application, in bytes.
pub const LABEL_BYTES_MAX: usize = 256;
/// Longest stream name, in bytes.
pub const STREAM_BYTES_MAX: usize = 64;

/// A stream's name: `[a-z0-9_.-]{1,64}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StreamName(String);

impl StreamName {
    /// The stream whose events carry the envelope.
    pub const EVENTS: &'static str = "events";

    /// Checks length and characters.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let is_sign = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-');
        match text.len() {
            0 => Err(NameError::Empty),
            n if n > STREAM_BYTES_MAX => Err(NameError::TooLong { bytes_max: STREAM_BYTES_MAX }),
            _ if !text.bytes().all(is_sign) => Err(NameError::StreamSigns),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// The `events` stream.
    pub fn events() -> Self {
        Self(Self::EVENTS.to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Checks a label (category, name, session, id): not empty, no control characters, not too long.
pub fn check_label(text: &str, bytes_max: usize) -> Result<(), NameError> {
    match text.len() {
        0 => Err(NameError::Empty),
        n if n > bytes_max => Err(NameError::TooLong { bytes_max }),
        _ if text.chars().any(char::is_control) => Err(NameError::Control),
        _ => Ok(()),
    }
}

/// Why a text is not a good name. The words complete a sentence that begins with the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameError {
    /// The text has no characters.
    #[error("must not be empty")]
    Empty,
    /// The text is longer than its limit.
    #[error("is longer than {bytes_max} bytes")]
    TooLong {
        /// The limit.
        bytes_max: usize,
    },
    /// The text holds a control character (U+0000 to U+001F, U+007F to U+009F).
    #[error("must not hold control characters")]
    Control,
    /// A stream name with other signs than `[a-z0-9_.-]`.
    #[error("may only hold a-z, 0-9, '_', '.' and '-'")]
    StreamSigns,
}
