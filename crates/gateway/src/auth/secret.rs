//! Random texts that prove something, and how they are kept and compared: by their hash.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use store::SecretHash;

/// Longer texts are no secrets of ours; only their beginning is hashed, so that nobody can make us hash much.
const HASHED_BYTES_MAX: usize = 128;

/// `N` random bytes as hex digits.
pub(crate) fn make<const N: usize>() -> Result<String, getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    let mut text = String::with_capacity(2 * N);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

/// What is kept of it.
pub(crate) fn hash(text: &[u8]) -> SecretHash {
    Sha256::digest(&text[..text.len().min(HASHED_BYTES_MAX)]).into()
}

/// Compares all of both, whatever differs.
pub(crate) fn is_same(one: &SecretHash, other: &SecretHash) -> bool {
    one.iter().zip(other).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
}
