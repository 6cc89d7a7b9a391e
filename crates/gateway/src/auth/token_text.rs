//! What a token looks like: `eyas_`, 43 base62 signs (256 random bits), and 6 more that are the CRC-32C of all that stands
//! before them.
//!
//! ```text
//!   eyas_3mJ0Y8bXQw…(43)…aZ 0kP9xQ
//!   |    |                  `- checksum: scanners can tell a leaked token from noise, people a mistyped one
//!   |    `- a number below 2^256, most significant sign first
//!   `- found by scanners
//! ```

use getrandom::Error;
use sha2::{Digest as _, Sha256};
use store::TokenHash;

const START: &str = "eyas_";
const SIGNS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Base62 signs of 32 bytes, and of a CRC-32C.
const N_SECRET: usize = 43;
const N_CHECK: usize = 6;
/// Length of a token, which fits into one block of SHA-256.
const TEXT_BYTES: usize = START.len() + N_SECRET + N_CHECK;
/// What is shown of a token for ever.
const N_PREFIX: usize = START.len() + 4;

/// A new token.
pub(crate) fn make() -> Result<String, Error> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    Ok(spell(secret))
}

/// The token of these bits.
pub(crate) fn spell(secret: [u8; 32]) -> String {
    let mut text = START.to_owned();
    text.push_str(&base62::<N_SECRET>(&secret));
    let check = crc32c::crc32c(text.as_bytes());
    text.push_str(&base62::<N_CHECK>(&check.to_be_bytes()));
    text
}

/// A name that is no secret: 16 hex digits.
pub(crate) fn make_id() -> Result<String, Error> {
    Ok(format!("{:016x}", getrandom::u64()?))
}

/// What people see of it.
pub(crate) fn prefix(text: &str) -> String {
    text.chars().take(N_PREFIX).collect()
}

/// What it is stored and looked up by. Of a text that is too long for a token only the beginning counts, so that
/// nobody can make us hash much; that cannot be the hash of a token.
pub(crate) fn hash(text: &[u8]) -> TokenHash {
    Sha256::digest(&text[..text.len().min(TEXT_BYTES + 1)]).into()
}

/// Whether it is spelled like a token, checksum included. Says nothing about whether there is such a token.
pub(crate) fn is_whole(text: &[u8]) -> bool {
    let Some((start, check)) = text.split_last_chunk::<N_CHECK>() else { return false };
    text.len() == TEXT_BYTES
        && start.starts_with(START.as_bytes())
        && base62::<N_CHECK>(&crc32c::crc32c(start).to_be_bytes()).as_bytes() == check
}

/// A big-endian number in exactly `N` signs.
fn base62<const N: usize>(bytes: &[u8]) -> String {
    let mut number = bytes.to_vec();
    let mut signs = [b'0'; N];
    for sign in signs.iter_mut().rev() {
        let mut rest = 0;
        for byte in &mut number {
            let part = rest * 256 + u32::from(*byte);
            *byte = (part / 62) as u8;
            rest = part % 62;
        }
        *sign = SIGNS[rest as usize];
    }
    debug_assert!(number.iter().all(|byte| *byte == 0), "{N} signs are enough");
    signs.iter().copied().map(char::from).collect()
}
