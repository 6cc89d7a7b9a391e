//! What a WebSocket client says: hardly any of it matters, so nothing is gathered that need not be.
//!
//! Messages are passed over as they come; only pings and closes are understood. Invariant: what is kept between two
//! reads is a header or a control frame that is not whole yet, at most [`PART_BYTES_MAX`] bytes.

use std::io::Cursor;

use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// Longest message that a client may send.
const MESSAGE_BYTES_MAX: u64 = 64 * 1024;
/// Longest payload of a control frame.
const CONTROL_BYTES_MAX: u64 = 125;
/// Longest header and longest control frame.
#[cfg(test)]
pub(crate) const PART_BYTES_MAX: usize = 14 + CONTROL_BYTES_MAX as usize;

/// Something that wants an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// To be answered with the same payload.
    Ping(Vec<u8>),
    /// The client says goodbye, with this code if any.
    Close(Option<u16>),
}

/// The client breaks the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Protocol,
    TooLong,
}

/// Reads frames out of pieces of any size.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    part: Vec<u8>,
    /// Bytes of a payload that are still to be passed over.
    n_skip: u64,
    /// Bytes of the message under way; `None` between two messages.
    n_message: Option<u64>,
}

impl Inbound {
    /// Takes what has been read and adds what wants an answer to `words`.
    pub(crate) fn take(&mut self, piece: &[u8], words: &mut Vec<Word>) -> Result<(), Fault> {
        let gathered = std::mem::take(&mut self.part);
        let joined;
        let mut rest = piece;
        if !gathered.is_empty() {
            joined = [&gathered, piece].concat();
            rest = &joined;
        }
        loop {
            let n_skipped = self.n_skip.min(rest.len() as u64);
            self.n_skip -= n_skipped;
            rest = &rest[n_skipped as usize..];
            let Some(n_read) = self.frame(rest, words)? else { break };
            rest = &rest[n_read..];
        }
        self.part.extend_from_slice(rest);
        Ok(())
    }

    /// Bytes that are kept between two reads.
    #[cfg(test)]
    pub(crate) fn n_kept(&self) -> usize {
        self.part.capacity()
    }

    /// Reads the header of a frame, and all of it if it is a control frame. `None` until it is there.
    fn frame(&mut self, bytes: &[u8], words: &mut Vec<Word>) -> Result<Option<usize>, Fault> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let mut reader = Cursor::new(bytes);
        let parsed = FrameHeader::parse(&mut reader).map_err(|_| Fault::Protocol)?;
        let Some((header, n_payload)) = parsed else { return Ok(None) };
        let n_header = reader.position() as usize;
        let Some(mask) = header.mask else { return Err(Fault::Protocol) };
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(Fault::Protocol);
        }
        let control = match header.opcode {
            OpCode::Control(control) => control,
            OpCode::Data(data) => {
                self.data(data, header.is_final, n_payload)?;
                return Ok(Some(n_header));
            }
        };
        if !header.is_final || n_payload > CONTROL_BYTES_MAX {
            return Err(Fault::Protocol);
        }
        let n_frame = n_header + n_payload as usize;
        let Some(masked) = bytes.get(n_header..n_frame) else { return Ok(None) };
        let payload = masked.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
        match control {
            Control::Ping => words.push(Word::Ping(payload.collect())),
            Control::Close => {
                let code: Vec<u8> = payload.take(2).collect();
                let code = code.try_into().ok().map(u16::from_be_bytes);
                words.push(Word::Close(code));
            }
            Control::Pong | Control::Reserved(_) => {}
        }
        Ok(Some(n_frame))
    }

    fn data(&mut self, data: Data, is_final: bool, n_payload: u64) -> Result<(), Fault> {
        let n_before = match (data, self.n_message) {
            (Data::Continue, Some(n_before)) => n_before,
            (Data::Text | Data::Binary, None) => 0,
            _ => return Err(Fault::Protocol),
        };
        let n_message = n_before.saturating_add(n_payload);
        if n_message > MESSAGE_BYTES_MAX {
            return Err(Fault::TooLong);
        }
        self.n_message = (!is_final).then_some(n_message);
        self.n_skip = n_payload;
        Ok(())
    }
}
