//! One row as it stood in the body, before anybody asks what its values mean.

/// Longest row, in bytes of the body.
pub const ROW_BYTES_MAX: usize = 1 << 20;
