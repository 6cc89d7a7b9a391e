//! The name of one request, in every answer's `x-request-id` and in every log line about it.
//!
//! A sane one of the client is kept (it may come from a proxy's trace), else a cheap one is made: a random
//! start and a counter, so that two servers hardly ever give the same one.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// Longest id that is taken from a client.
const CLIENT_BYTES_MAX: usize = 128;

/// The header, both ways.
pub(crate) static HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Hands out request ids.
#[derive(Debug)]
pub(crate) struct RequestIds {
    next: AtomicU64,
}

impl RequestIds {
    /// Begins at a random number.
    pub(crate) fn new() -> Self {
        Self { next: AtomicU64::new(RandomState::new().hash_one(0_u8)) }
    }

    /// The client's own id if it is visible ASCII and not too long, else a new one.
    pub(crate) fn of(&self, headers: &HeaderMap) -> HeaderValue {
        if let Some(given) = headers.get(&HEADER) {
            let is_visible = given.as_bytes().iter().all(u8::is_ascii_graphic);
            if is_visible && (1..=CLIENT_BYTES_MAX).contains(&given.len()) {
                return given.clone();
            }
        }
        let mut number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut text = [0; 16];
        for digit in text.iter_mut().rev() {
            *digit = b"0123456789abcdef"[(number & 15) as usize];
            number >>= 4;
        }
        HeaderValue::from_maybe_shared(Bytes::copy_from_slice(&text)).expect("hexadecimal is ASCII")
    }
}
