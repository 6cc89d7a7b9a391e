//! A header row, then one record for each row. Quoted fields may hold commas, quotes and line breaks; empty lines are none.

use csv_core::{ReadRecordResult, Reader};

use crate::batches::parse::rows::{ROW_BYTES_MAX, Record, RowSink, TooLong, Whole};

/// Room for the fields of a record at first; doubles up to [`ROW_BYTES_MAX`].
const TEXT_BYTES: usize = 4 << 10;
const ENDS: usize = 64;

/// Cuts a body into records.
#[derive(Debug)]
pub(crate) struct Records {
    reader: Reader,
    text: Vec<u8>,
    n_text: usize,
    ends: Vec<usize>,
    n_ends: usize,
    /// Bytes of the body that the record under way has taken; `None` between two.
    n_taken: Option<usize>,
    begun_line: u64,
    line: u64,
    offset: u64,
    whole: Whole,
    has_header: bool,
    is_broken: bool,
}

impl Records {
    /// Goes on where whole records end. `has_header`: it came before.
    pub(crate) fn new(whole: Whole, has_header: bool) -> Self {
        Self {
            reader: Reader::new(),
            text: vec![0; TEXT_BYTES],
            n_text: 0,
            ends: vec![0; ENDS],
            n_ends: 0,
            n_taken: None,
            begun_line: whole.line,
            line: whole.line,
            offset: whole.offset,
            whole,
            has_header,
            is_broken: false,
        }
    }

    /// The next bytes of the body.
    pub(crate) fn feed(
        &mut self,
        mut bytes: &[u8],
        sink: &mut impl RowSink,
    ) -> Result<(), TooLong> {
        loop {
            if self.is_broken {
                self.advance(bytes);
                self.note_whole();
                return Ok(());
            }
            if self.n_taken.is_none() {
                let n_breaks =
                    bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                self.advance(&bytes[..n_breaks]);
                bytes = &bytes[n_breaks..];
                self.note_whole();
                (self.begun_line, self.n_text, self.n_ends) = (self.line, 0, 0);
            }
            // No input at all would mean the end of the body.
            if bytes.is_empty() {
                return Ok(());
            }
            bytes = &bytes[self.step(bytes, sink)?..];
        }
    }

    /// The body is over: a record may end with it.
    pub(crate) fn finish(&mut self, sink: &mut impl RowSink) {
        while self.n_taken.is_some() && !self.is_broken {
            // A line break ends every record, except inside of quotes, where it belongs to the field. The reader takes the end of
            // a body for the end of quotes, too, and so is given a line break that nobody sent.
            let line = self.field_line();
            let (result, n_in) = self.read(b"\n");
            if n_in > 0 && result != ReadRecordResult::Record {
                self.is_broken = true;
                sink.broken(line, "a quote that begins here is never closed");
                return;
            }
            self.settle(&result, sink);
        }
        if !self.has_header && !self.is_broken {
            sink.broken(1, "the body has no header row");
        }
    }

    /// How far whole records go.
    pub(crate) fn whole(&self) -> Whole {
        self.whole
    }

    /// Reads up to the end of a record; how many bytes that took.
    fn step(&mut self, bytes: &[u8], sink: &mut impl RowSink) -> Result<usize, TooLong> {
        let (result, n_in) = self.read(bytes);
        self.advance(&bytes[..n_in]);
        let n_taken = self.n_taken.unwrap_or(0) + n_in;
        if n_taken > ROW_BYTES_MAX {
            return Err(TooLong { line: self.begun_line });
        }
        self.n_taken = Some(n_taken);
        self.settle(&result, sink);
        Ok(n_in)
    }

    /// What the reader makes of the next bytes, and how many of them it took.
    fn read(&mut self, bytes: &[u8]) -> (ReadRecordResult, usize) {
        let (text, ends) = (&mut self.text[self.n_text..], &mut self.ends[self.n_ends..]);
        let (result, n_in, n_text, n_ends) = self.reader.read_record(bytes, text, ends);
        self.n_text += n_text;
        self.n_ends += n_ends;
        (result, n_in)
    }

    fn settle(&mut self, result: &ReadRecordResult, sink: &mut impl RowSink) {
        match result {
            ReadRecordResult::InputEmpty => {}
            ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
            ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
            ReadRecordResult::Record => {
                self.record(sink);
                self.n_taken = None;
                self.note_whole();
            }
            ReadRecordResult::End => self.n_taken = None,
        }
    }

    /// The line that the field under way begins in. It has all of its line breaks, as they came.
    fn field_line(&self) -> u64 {
        let begun_at = self.ends[..self.n_ends].last().copied().unwrap_or(0);
        let n_lines = memchr::memchr_iter(b'\n', &self.text[begun_at..self.n_text]).count();
        self.line - n_lines as u64
    }

    fn record(&mut self, sink: &mut impl RowSink) {
        let record = Record { text: &self.text[..self.n_text], ends: &self.ends[..self.n_ends] };
        if self.has_header {
            sink.record(self.begun_line, record);
        } else {
            self.has_header = true;
            self.is_broken = !sink.header(self.begun_line, record);
        }
    }

    fn advance(&mut self, bytes: &[u8]) {
        self.offset += bytes.len() as u64;
        self.line += memchr::memchr_iter(b'\n', bytes).count() as u64;
    }

    fn note_whole(&mut self) {
        self.whole = Whole { offset: self.offset, line: self.line };
    }
}
