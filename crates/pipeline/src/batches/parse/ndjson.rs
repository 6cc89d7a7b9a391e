//! One row a line. Blank lines are none; `\r` before the end of a line belongs to it.

use crate::batches::parse::rows::{ROW_BYTES_MAX, RowSink, TooLong, Whole};

/// Cuts a body into lines.
#[derive(Debug)]
pub(crate) struct Lines {
    /// The beginning of a line whose end has not come yet.
    begun: Vec<u8>,
    whole: Whole,
}

impl Lines {
    /// Goes on where whole rows end.
    pub(crate) fn new(whole: Whole) -> Self {
        Self { begun: Vec::new(), whole }
    }

    /// The next bytes of the body.
    pub(crate) fn feed(
        &mut self,
        mut bytes: &[u8],
        sink: &mut impl RowSink,
    ) -> Result<(), TooLong> {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.check(end)?;
            let n_bytes = self.begun.len() + end + 1;
            if self.begun.is_empty() {
                row(self.whole.line, &bytes[..end], sink);
            } else {
                self.begun.extend_from_slice(&bytes[..end]);
                row(self.whole.line, &self.begun, sink);
                self.begun.clear();
            }
            self.whole.offset += n_bytes as u64;
            self.whole.line += 1;
            bytes = &bytes[end + 1..];
        }
        self.check(bytes.len())?;
        self.begun.extend_from_slice(bytes);
        Ok(())
    }

    /// The body is over: a line may end with it.
    pub(crate) fn finish(&mut self, sink: &mut impl RowSink) {
        row(self.whole.line, &self.begun, sink);
        self.whole.offset += self.begun.len() as u64;
        self.begun.clear();
    }

    /// How far whole lines go.
    pub(crate) fn whole(&self) -> Whole {
        self.whole
    }

    fn check(&self, n_more: usize) -> Result<(), TooLong> {
        let is_long = self.begun.len() + n_more > ROW_BYTES_MAX;
        if is_long { Err(TooLong { line: self.whole.line }) } else { Ok(()) }
    }
}

fn row(line: u64, text: &[u8], sink: &mut impl RowSink) {
    let text = text.trim_ascii();
    if !text.is_empty() {
        sink.json(line, text);
    }
}
