//! Server-sent events, read from the pieces in which they arrive.
//!
//! Pure: bytes in, whole messages out. A message is its `data` lines and the `id` that was valid when it
//! ended; comments and unknown fields are skipped. Lines end with LF, CR or CRLF.

/// A message may be this long. The largest event with its envelope stays far below.
pub(crate) const MESSAGE_BYTES_MAX: usize = 32 << 20;

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SseMessage {
    /// Where to go on after it: the last `id:` up to here. Empty when none came yet.
    pub(crate) id: String,
    /// The text of its `data:` lines, byte for byte.
    pub(crate) data: Vec<u8>,
}

/// A message or line is longer than [`MESSAGE_BYTES_MAX`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// What has arrived of the message that is not complete yet.
#[derive(Debug, Default)]
pub(crate) struct SseParser {
    line: Vec<u8>,
    data: Option<Vec<u8>>,
    id: String,
    /// The last byte was a CR: an LF right behind it belongs to it.
    is_after_cr: bool,
}

impl SseParser {
    /// Takes the next piece; answers the messages that it completes.
    pub(crate) fn push(&mut self, mut piece: &[u8]) -> Result<Vec<SseMessage>, TooLong> {
        let mut messages = Vec::new();
        if self.is_after_cr && !piece.is_empty() {
            self.is_after_cr = false;
            piece = piece.strip_prefix(b"\n").unwrap_or(piece);
        }
        while let Some(at) = piece.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.line.extend_from_slice(&piece[..at]);
            let is_cr = piece[at] == b'\r';
            piece = &piece[at + 1..];
            if is_cr {
                self.is_after_cr = piece.is_empty();
                piece = piece.strip_prefix(b"\n").unwrap_or(piece);
            }
            let line = std::mem::take(&mut self.line);
            messages.extend(self.end_line(&line)?);
        }
        self.line.extend_from_slice(piece);
        if self.line.len() > MESSAGE_BYTES_MAX { Err(TooLong) } else { Ok(messages) }
    }

    fn end_line(&mut self, line: &[u8]) -> Result<Option<SseMessage>, TooLong> {
        if line.is_empty() {
            let message = self.data.take().map(|data| SseMessage { id: self.id.clone(), data });
            return Ok(message);
        }
        let colon = line.iter().position(|&byte| byte == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"data" => self.add_data(value)?,
            b"id" if !value.contains(&0) => self.id = String::from_utf8_lossy(value).into_owned(),
            _ => {}
        }
        Ok(None)
    }

    fn add_data(&mut self, value: &[u8]) -> Result<(), TooLong> {
        match &mut self.data {
            None => self.data = Some(value.to_vec()),
            Some(data) if data.len() + value.len() < MESSAGE_BYTES_MAX => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
            Some(_) => return Err(TooLong),
        }
        Ok(())
    }
}
