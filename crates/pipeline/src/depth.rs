//! How deep a JSON text nests, counted without recursion: whoever goes down into one asks here first.
//!
//! Invariant: nothing deeper than [`DEPTH_MAX`] reaches a function that calls itself for each level.

/// Deepest nesting of a row, and of an event's data.
pub(crate) const DEPTH_MAX: usize = 128;

/// Whether arrays and objects nest deeper than `n_max` levels. Only a count: what is no JSON gets some answer.
pub(crate) fn is_deeper_than(n_max: usize, text: &str) -> bool {
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                if depth > n_max {
                    return true;
                }
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}
