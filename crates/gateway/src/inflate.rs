//! Packed bodies of any length, unpacked while they arrive.
//!
//! Invariant: one step gives at most a few MiB, whatever goes in, and what comes out is bounded by its ratio to what went in;
//! its size is not.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation as _, OutBuffer};

use crate::decoding::{Coding, RATIO_FREE_BYTES, RATIO_MAX, ZSTD_WINDOW_LOG_MAX, broken, grown};
use crate::problem::Problem;

/// Bytes of a packed body that are unpacked at once. gzip makes at most 1,032 of one.
const STEP_BYTES: usize = 2 << 10;
/// Bytes that zstd unpacks at once.
const OUT_BYTES: usize = 128 << 10;

/// Unpacks one body.
pub(crate) struct Inflate {
    coding: Coding,
    kind: Kind,
    n_in: u64,
    n_out: u64,
    /// Packed bytes that wait for their step.
    rest: Bytes,
}

enum Kind {
    Identity,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Zstd {
        decoder: Box<Decoder<'static>>,
        /// A frame has begun and not ended.
        is_within: bool,
        /// What was unpacked filled its room: there may be more.
        is_full: bool,
    },
}

impl Inflate {
    /// A body packed like this.
    pub(crate) fn new(coding: Coding) -> Result<Self, Problem> {
        let kind = match coding {
            Coding::Identity => Kind::Identity,
            Coding::Gzip => Kind::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            Coding::Zstd => {
                let decoder = Decoder::new().and_then(|mut decoder| {
                    decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX))?;
                    Ok(decoder)
                });
                let decoder = decoder.map_err(|error| broken(coding, &error))?;
                Kind::Zstd { decoder: Box::new(decoder), is_within: false, is_full: false }
            }
        };
        Ok(Self { coding, kind, n_in: 0, n_out: 0, rest: Bytes::new() })
    }

    /// The next bytes of the body as it was sent; to be taken out by [`next`](Self::next).
    pub(crate) fn feed(&mut self, bytes: Bytes) {
        debug_assert!(self.rest.is_empty(), "what was fed before has been taken");
        self.n_in += bytes.len() as u64;
        self.rest = bytes;
    }

    /// The next unpacked bytes; `None` where more have to be fed first.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            if self.rest.is_empty() && !matches!(self.kind, Kind::Zstd { is_full: true, .. }) {
                return Ok(None);
            }
            let out = self.step().map_err(|error| broken(self.coding, &error))?;
            self.n_out += out.len() as u64;
            let is_bomb = self.n_out > RATIO_FREE_BYTES as u64
                && self.n_out / self.n_in.max(1) >= RATIO_MAX as u64
                && self.coding != Coding::Identity;
            if is_bomb {
                return Err(grown());
            }
            if !out.is_empty() {
                return Ok(Some(out));
            }
        }
    }

    /// The body is over: what is unpacked last. A body that is only a part is told so.
    pub(crate) fn finish(self) -> Result<Bytes, Problem> {
        let cut = || io::Error::new(io::ErrorKind::UnexpectedEof, "it ends too early");
        let last = match self.kind {
            Kind::Gzip(decoder) if self.n_in > 0 => decoder.finish(),
            Kind::Zstd { is_within: true, .. } => Err(cut()),
            Kind::Identity | Kind::Gzip(_) | Kind::Zstd { .. } => Ok(Vec::new()),
        };
        last.map(Bytes::from).map_err(|error| broken(self.coding, &error))
    }

    /// Bytes of the body as it was sent.
    pub(crate) fn n_in(&self) -> u64 {
        self.n_in
    }

    fn step(&mut self) -> io::Result<Bytes> {
        match &mut self.kind {
            Kind::Identity => Ok(std::mem::take(&mut self.rest)),
            Kind::Gzip(decoder) => {
                let step = self.rest.split_to(self.rest.len().min(STEP_BYTES));
                decoder.write_all(&step)?;
                // What came of it may still be within; the end brings it out.
                Ok(Bytes::from(std::mem::take(decoder.get_mut())))
            }
            Kind::Zstd { decoder, is_within, is_full } => {
                let mut room = vec![0; OUT_BYTES];
                let mut input = InBuffer::around(&self.rest);
                let mut output = OutBuffer::around(room.as_mut_slice());
                let n_missing = decoder.run(&mut input, &mut output)?;
                let (n_read, n_written) = (input.pos(), output.pos());
                *is_within = n_missing != 0;
                *is_full = n_written == OUT_BYTES && *is_within;
                drop(self.rest.split_to(n_read));
                room.truncate(n_written);
                Ok(Bytes::from(room))
            }
        }
    }
}
