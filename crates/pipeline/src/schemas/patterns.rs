//! What the patterns of a schema cost: memory when they are compiled, time when they are asked.
//!
//! The compiler bounds one pattern; this bounds them all, before any is compiled for use. Invariant: a schema's patterns take
//! at most [`ALL_BYTES_MAX`] together as they are priced here, whatever its text.

use std::collections::HashMap;

use jsonschema::{Draft, PatternOptions};
use serde_json::{Value, json};

use crate::schemas::bad::BadSchema;

/// Sizes by which a compiled pattern is priced; the last is the largest that is taken.
const SIZES_BYTES: [usize; 9] = [
    1 << 10,
    2 << 10,
    4 << 10,
    8 << 10,
    16 << 10,
    32 << 10,
    64 << 10,
    128 << 10,
    PATTERN_BYTES_MAX,
];
/// Largest compiled form of one pattern.
pub(crate) const PATTERN_BYTES_MAX: usize = 256 << 10;
/// What any pattern takes besides.
const EACH_BYTES: usize = 16 << 10;
/// Most for all patterns of a schema.
const ALL_BYTES_MAX: usize = 16 << 20;
/// What a matcher keeps of the states that it has seen.
const CACHE_BYTES_MAX: usize = 64 << 10;

/// The engine whose time is linear in the text, with these bounds.
pub(crate) fn engine(size_bytes_max: usize) -> PatternOptions<jsonschema::Regex> {
    PatternOptions::regex().size_limit(size_bytes_max).dfa_size_limit(CACHE_BYTES_MAX)
}

/// What is left for the patterns of one schema.
pub(crate) struct Budget {
    left_bytes: usize,
    /// The compiler keeps one for all that read the same.
    known: HashMap<String, usize>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left_bytes: ALL_BYTES_MAX, known: HashMap::new() }
    }
}

impl Budget {
    /// Takes what a pattern costs and says how large its compiled form is at most, in bytes.
    pub(crate) fn take(&mut self, pattern: &str, pointer: &str) -> Result<usize, BadSchema> {
        if let Some(size) = self.known.get(pattern) {
            return Ok(*size);
        }
        let size = size_bytes(pattern);
        // A matcher may keep a place for each group in each state.
        let n_groups = pattern.matches('(').count() - pattern.matches("(?:").count();
        let price = EACH_BYTES + size * (1 + n_groups);
        self.left_bytes = self.left_bytes.checked_sub(price).ok_or_else(|| {
            let reason = format!(
                "with this pattern, the patterns of the schema take more than {ALL_BYTES_MAX} bytes when compiled (each counts {} KiB, \
                 and its size once more for each group but (?:…)); use fewer of them, shorter repetitions, or maxLength",
                EACH_BYTES >> 10
            );
            BadSchema::new(pointer, reason)
        })?;
        self.known.insert(pattern.to_owned(), size);
        Ok(size)
    }
}

/// The size that it fits in. The engine does not tell, but refuses; what fits in none, the compiler will refuse with its words.
fn size_bytes(pattern: &str) -> usize {
    let schema: Value = json!({"pattern": pattern});
    let fits = |size_bytes: &usize| {
        let options = jsonschema::options().with_draft(Draft::Draft202012);
        options.with_pattern_options(engine(*size_bytes)).offline().build(&schema).is_ok()
    };
    SIZES_BYTES.into_iter().find(fits).unwrap_or(PATTERN_BYTES_MAX)
}
