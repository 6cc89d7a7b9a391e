//! Compressed answers: gzip and zstd for JSON, the console's files and exports; never for live streams.
//!
//! An answer is compressed when its handler marked it as a [`Flow`], or when it is text of known length that
//! is worth it. Invariant: what breaks off uncompressed breaks off compressed, too; the end of a coding is
//! written only after the end of what it holds.

use std::io::{self, Write as _};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body as AxumBody;
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::StatusCode;
use hyper::body::{Body, Frame};
use hyper::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue,
    VARY,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zstd::stream::raw::CParameter;
use zstd::stream::write::Encoder as ZstdEncoder;

/// Answers that are being compressed at once; further ones go out as they are. One takes about half a MiB.
pub(crate) const ENCODERS_MAX: usize = 64;
/// Shorter answers are not worth the work.
const BYTES_MIN: u64 = 1024;
/// Bytes that are compressed before others have their turn.
const PIECE_BYTES: usize = 64 << 10;
/// Levels that keep up with a network on one core.
const GZIP_LEVEL: u32 = 4;
const ZSTD_LEVEL: i32 = 1;
/// 256 KiB: lines of events repeat themselves soon, and memory is held as long as the client reads.
const ZSTD_WINDOW_LOG: u32 = 18;

/// Marks an answer that comes piece by piece and may be compressed, each piece flushed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow;

/// How an answer is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Zstd,
}

impl Coding {
    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// What the client likes best among what we can; zstd where it does not mind.
pub(crate) fn accepted(headers: &HeaderMap) -> Option<Coding> {
    let mut best = None;
    let mut best_weight = 0;
    for value in headers.get_all(ACCEPT_ENCODING) {
        for item in value.as_bytes().split(|&sign| sign == b',') {
            let mut parts = item.split(|&sign| sign == b';').map(<[u8]>::trim_ascii);
            let coding = match parts.next().unwrap_or_default() {
                name if name.eq_ignore_ascii_case(b"gzip") => Coding::Gzip,
                name if name.eq_ignore_ascii_case(b"zstd") => Coding::Zstd,
                _ => continue,
            };
            let weight = parts.find_map(weight).unwrap_or(1000);
            if weight > best_weight
                || (weight == best_weight && coding == Coding::Zstd && weight > 0)
            {
                (best, best_weight) = (Some(coding), weight);
            }
        }
    }
    best
}

/// `q=0.5` in thousandths.
pub(crate) fn weight(parameter: &[u8]) -> Option<u16> {
    let (name, value) = std::str::from_utf8(parameter).ok()?.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let value: f32 = value.trim().parse().ok()?;
    Some((value.clamp(0.0, 1.0) * 1000.0) as u16)
}

/// Compresses an answer if that is wanted and worth it.
pub(crate) fn encode(
    coding: Option<Coding>,
    encoders: &Arc<Semaphore>,
    response: Response,
) -> Response {
    let is_flow = response.extensions().get::<Flow>().is_some();
    if response.status() != StatusCode::OK || !(is_flow || is_worth_it(&response)) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    parts.headers.append(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
    let encoder = coding.and_then(|coding| {
        let permit = Arc::clone(encoders).try_acquire_owned().ok()?;
        Some((coding, Encoder::new(coding).ok()?, permit))
    });
    let Some((coding, encoder, permit)) = encoder else { return Response::from_parts(parts, body) };
    parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    parts.headers.remove(CONTENT_LENGTH);
    let encoder = Some(encoder);
    let encoded = Encoded { body, encoder, pending: Bytes::new(), is_flow, _permit: permit };
    Response::from_parts(parts, AxumBody::new(encoded))
}

/// Text of known length. An answer with an `ETag` stays as it is: the tag names these very bytes.
fn is_worth_it(response: &Response) -> bool {
    let headers = response.headers();
    let media_type = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let is_text = [&b"text/"[..], b"application/json", b"image/svg"]
        .iter()
        .any(|kind| media_type.starts_with(kind));
    let is_long = response.body().size_hint().exact().is_some_and(|n| n >= BYTES_MIN);
    let is_plain = !headers.contains_key(CONTENT_ENCODING) && !headers.contains_key(ETAG);
    is_text && is_long && is_plain
}

enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(ZstdEncoder<'static, Vec<u8>>),
}

impl Encoder {
    fn new(coding: Coding) -> io::Result<Self> {
        Ok(match coding {
            Coding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL))),
            Coding::Zstd => {
                let mut encoder = ZstdEncoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.set_parameter(CParameter::WindowLog(ZSTD_WINDOW_LOG))?;
                Self::Zstd(encoder)
            }
        })
    }

    /// What has come out so far.
    fn write(&mut self, bytes: &[u8], is_flushed: bool) -> io::Result<Bytes> {
        let out = match self {
            Self::Gzip(encoder) => {
                encoder.write_all(bytes)?;
                if is_flushed {
                    encoder.flush()?;
                }
                encoder.get_mut()
            }
            Self::Zstd(encoder) => {
                encoder.write_all(bytes)?;
                if is_flushed {
                    encoder.flush()?;
                }
                encoder.get_mut()
            }
        };
        Ok(Bytes::from(mem::take(out)))
    }

    fn finish(self) -> io::Result<Bytes> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
        .map(Bytes::from)
    }
}

/// A body on its way through an encoder.
struct Encoded {
    body: AxumBody,
    /// `None` once it is finished, or broken off.
    encoder: Option<Encoder>,
    /// Came from the body and is not compressed yet.
    pending: Bytes,
    is_flow: bool,
    _permit: OwnedSemaphorePermit,
}

impl Body for Encoded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        loop {
            let Some(encoder) = &mut this.encoder else { return Poll::Ready(None) };
            if this.pending.is_empty() {
                match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                    Some(Ok(frame)) => this.pending = frame.into_data().unwrap_or_default(),
                    Some(Err(error)) => {
                        this.encoder = None;
                        return Poll::Ready(Some(Err(error)));
                    }
                    None => {
                        let end = this.encoder.take().map(Encoder::finish);
                        let end = end.map(|end| end.map(Frame::data).map_err(axum::Error::new));
                        return Poll::Ready(end);
                    }
                }
                continue;
            }
            let piece = this.pending.split_to(this.pending.len().min(PIECE_BYTES));
            let is_flushed = this.is_flow && this.pending.is_empty();
            match encoder.write(&piece, is_flushed) {
                Ok(out) if out.is_empty() => {
                    // Others have their turn between the pieces.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Ok(out) => return Poll::Ready(Some(Ok(Frame::data(out)))),
                Err(error) => {
                    this.encoder = None;
                    return Poll::Ready(Some(Err(axum::Error::new(error))));
                }
            }
        }
    }
}
