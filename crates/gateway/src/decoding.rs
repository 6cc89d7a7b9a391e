//! Compressed request bodies: gzip and zstd, within bounds.
//!
//! Invariant: what comes out of a body is bounded by the limit of bodies as sent, by its ratio to what went
//! in, and by the memory of all bodies together, which it takes piece by piece as it appears.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use hyper::header::{CONTENT_ENCODING, HeaderMap};

use crate::body::Reserved;
use crate::error::Kind;
use crate::problem::Problem;

/// Most bytes that come out of one that goes in. Ten thousand lines that differ in a number come to about 30.
pub(crate) const RATIO_MAX: usize = 100;
/// Up to here the ratio does not matter: small bodies of equal lines compress without end.
pub(crate) const RATIO_FREE_BYTES: usize = 1 << 20;
/// Bytes that are decompressed at once.
const PIECE_BYTES: usize = 64 << 10;
/// Largest window of a zstd frame, as RFC 9659 has it for HTTP: 8 MiB.
pub(crate) const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// As it is.
    Identity,
    /// RFC 1952, one member or several.
    Gzip,
    /// RFC 8878, one frame or several.
    Zstd,
}

/// Reads `Content-Encoding`. One coding at most: nobody compresses twice to save time.
pub(crate) fn coding(headers: &HeaderMap) -> Result<Coding, Problem> {
    let mut coding = Coding::Identity;
    for value in headers.get_all(CONTENT_ENCODING) {
        for name in value.as_bytes().split(|&sign| sign == b',').map(<[u8]>::trim_ascii) {
            let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
            let next = match () {
                () if is(b"identity") || name.is_empty() => continue,
                () if is(b"gzip") || is(b"x-gzip") => Coding::Gzip,
                () if is(b"zstd") => Coding::Zstd,
                () => return Err(unsupported(value.as_bytes())),
            };
            if coding != Coding::Identity {
                return Err(unsupported(value.as_bytes()));
            }
            coding = next;
        }
    }
    Ok(coding)
}

fn unsupported(given: &[u8]) -> Problem {
    let shown: String = String::from_utf8_lossy(given).chars().take(64).collect();
    Kind::UnsupportedEncoding.problem(format!("The body has Content-Encoding {shown:?}."))
}

/// The body as it was before compression, at most `bytes_max` of it.
pub(crate) async fn decode(
    coding: Coding,
    body: Bytes,
    reserved: &mut Reserved<'_>,
    bytes_max: usize,
) -> Result<Bytes, Problem> {
    // An empty body is refused as such, not as a broken one.
    if coding == Coding::Identity || body.is_empty() {
        return Ok(body);
    }
    let mut reader = reader(coding, &body).map_err(|error| broken(coding, &error))?;
    let mut out = Vec::new();
    loop {
        let n_before = out.len();
        reserved.grow(PIECE_BYTES)?;
        let piece = reader.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut out);
        piece.map_err(|error| broken(coding, &error))?;
        if out.len() == n_before {
            return Ok(Bytes::from(out));
        }
        if out.len() > bytes_max {
            return Err(Kind::BodyTooLarge.problem(format!(
                "The body is longer than the {bytes_max} bytes allowed once it is decompressed."
            )));
        }
        if out.len() > RATIO_FREE_BYTES && out.len() / body.len() >= RATIO_MAX {
            return Err(grown());
        }
        // Others have their turn between the pieces.
        tokio::task::yield_now().await;
    }
}

fn reader(coding: Coding, body: &[u8]) -> io::Result<Box<dyn Read + Send + '_>> {
    Ok(match coding {
        Coding::Identity => Box::new(body),
        Coding::Gzip => Box::new(MultiGzDecoder::new(body)),
        Coding::Zstd => {
            let mut reader = zstd::stream::read::Decoder::with_buffer(body)?;
            reader.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(reader)
        }
    })
}

/// The body is small only as long as nobody unpacks it.
pub(crate) fn grown() -> Problem {
    Kind::BodyTooLarge
        .problem(format!(
            "The body grows to more than {RATIO_MAX} times its size when it is decompressed."
        ))
        .hint("send it in smaller requests, or without Content-Encoding")
}

/// The body is not what it says.
pub(crate) fn broken(coding: Coding, error: &io::Error) -> Problem {
    let name = if coding == Coding::Gzip { "gzip" } else { "zstd" };
    Kind::BadEncoding.problem(format!("The body is not {name}, or only a part of it: {error}."))
}
