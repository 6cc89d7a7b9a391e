//! Messages on their way out, each spelled for its road.
//!
//! ```text
//!   WebSocket   81 7e 01 2c {"type":"event",…}          one text frame, never masked (RFC 6455)
//!   SSE         id: 0a1b2c3d.42 ⏎ data: {"type":…} ⏎ ⏎   without `id:` where a message has no position
//!   lines       {"type":"event",…} ⏎
//! ```
//!
//! Many messages gather in one piece of memory that is written at once and then let go: a connection that has nothing to
//! say holds no buffer.

use std::io::Write as _;

use model::Cursor;

/// WebSocket opcodes with the bit that ends a message.
const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// How messages go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    WebSocket,
    Sse,
    Lines,
}

/// What waits to be written.
#[derive(Debug)]
pub(crate) struct Outbox {
    spelling: Spelling,
    bytes: Vec<u8>,
    /// Where each message ends, and the position that its reader may resume from.
    ends: Vec<(usize, Option<Cursor>)>,
    has_ping: bool,
}

impl Outbox {
    pub(crate) fn new(spelling: Spelling) -> Self {
        Self { spelling, bytes: Vec::new(), ends: Vec::new(), has_ping: false }
    }

    /// Adds a message: one line of JSON. `cursor` is the position that it stands for.
    pub(crate) fn put(&mut self, cursor: Option<Cursor>, text: &[u8]) {
        match self.spelling {
            Spelling::WebSocket => {
                self.head(TEXT, text.len());
                self.bytes.extend_from_slice(text);
                self.ends.push((self.bytes.len(), cursor));
            }
            Spelling::Sse => {
                if let Some(cursor) = cursor {
                    let _ = writeln!(self.bytes, "id: {cursor}");
                }
                self.bytes.extend_from_slice(b"data: ");
                self.bytes.extend_from_slice(text);
                self.bytes.extend_from_slice(b"\n\n");
            }
            Spelling::Lines => {
                self.bytes.extend_from_slice(text);
                self.bytes.push(b'\n');
            }
        }
    }

    /// Adds what keeps a quiet connection open: no reader takes it for a message.
    pub(crate) fn keep_alive(&mut self) {
        match self.spelling {
            Spelling::WebSocket => {
                self.has_ping = true;
                self.control(PING, &[]);
            }
            Spelling::Sse => self.bytes.extend_from_slice(b":\n\n"),
            Spelling::Lines => self.bytes.push(b'\n'),
        }
    }

    /// Says how long a reader waits before it connects again, where there is a way to say it.
    pub(crate) fn retry(&mut self, wait_ms: u64) {
        if self.spelling == Spelling::Sse {
            let _ = write!(self.bytes, "retry: {wait_ms}\n\n");
        }
    }

    /// Adds the answer to a ping.
    pub(crate) fn pong(&mut self, payload: &[u8]) {
        self.control(PONG, payload);
    }

    /// Adds the WebSocket's last frame. `reason` has at most 123 bytes.
    pub(crate) fn close(&mut self, code: u16, reason: &str) {
        let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
        self.control(CLOSE, &payload);
    }

    /// Whether it asks for a sign of life.
    pub(crate) fn has_ping(&self) -> bool {
        self.has_ping
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, to be given away.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Forgets the messages of which nothing is among the first `n_written` bytes. The position of the last one that
    /// stays, if one of them has any.
    pub(crate) fn cut_after(&mut self, n_written: usize) -> Option<Cursor> {
        let is_begun = |end: &(usize, Option<Cursor>)| end.0 < n_written;
        let at = self.ends.partition_point(is_begun) + usize::from(n_written > 0);
        self.ends.truncate(at);
        self.bytes.truncate(self.ends.last().map_or(0, |(end, _)| *end));
        self.ends.iter().rev().find_map(|(_, cursor)| *cursor)
    }

    /// A control frame: at most 125 bytes.
    fn control(&mut self, opcode: u8, payload: &[u8]) {
        self.head(opcode, payload.len());
        self.bytes.extend_from_slice(payload);
        self.ends.push((self.bytes.len(), None));
    }

    fn head(&mut self, opcode: u8, n_bytes: usize) {
        self.bytes.push(opcode);
        match n_bytes {
            ..126 => self.bytes.push(n_bytes as u8),
            126..65_536 => {
                self.bytes.push(126);
                self.bytes.extend_from_slice(&(n_bytes as u16).to_be_bytes());
            }
            _ => {
                self.bytes.push(127);
                self.bytes.extend_from_slice(&(n_bytes as u64).to_be_bytes());
            }
        }
    }
}
