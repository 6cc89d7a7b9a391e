//! One JSON array, whose values are the rows.
//!
//! ```text
//!   Start ── [ ──> First ── value ──> After ── , ──> Next ── value ──> After …
//!                    └─ ] ──> End <── ] ──┘
//! ```
//!
//! This room only finds where each value ends, by counting brackets outside of texts. What is inside is judged row by row,
//! so a broken value is an error of its row; only what stands between values breaks the body.

use crate::batches::parse::rows::{ROW_BYTES_MAX, RowSink, TooLong, Whole};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    First,
    Next,
    /// Inside a value. `depth` counts its open brackets; a value without any ends before the next sign between values.
    Value {
        depth: u32,
        in_text: bool,
        is_escaped: bool,
    },
    After,
    End,
    Broken,
}

/// Cuts an array into its values.
#[derive(Debug)]
pub(crate) struct Items {
    state: State,
    /// The value that has begun, and its line.
    begun: Vec<u8>,
    begun_line: u64,
    line: u64,
    offset: u64,
    whole: Whole,
}

impl Items {
    /// Goes on where whole rows end. `has_rows`: some came before.
    pub(crate) fn new(whole: Whole, has_rows: bool) -> Self {
        Self {
            state: if has_rows { State::After } else { State::Start },
            begun: Vec::new(),
            begun_line: whole.line,
            line: whole.line,
            offset: whole.offset,
            whole,
        }
    }

    /// The next bytes of the body.
    pub(crate) fn feed(&mut self, bytes: &[u8], sink: &mut impl RowSink) -> Result<(), TooLong> {
        for &byte in bytes {
            if !self.value_goes_on(byte, sink)? {
                self.between(byte, sink);
            }
            self.offset += 1;
            self.line += u64::from(byte == b'\n');
            if self.state == State::After && matches!(byte, b'}' | b']' | b'"') {
                self.note_whole();
            }
        }
        Ok(())
    }

    /// The body is over: the array has to be, too.
    pub(crate) fn finish(&mut self, sink: &mut impl RowSink) {
        match self.state {
            State::End | State::Broken => {}
            State::Value { .. } => {
                sink.broken(self.begun_line, "the body ends in the middle of this row");
            }
            _ => sink.broken(self.line, "the body ends before its array does"),
        }
        self.note_whole();
    }

    /// How far whole values go.
    pub(crate) fn whole(&self) -> Whole {
        self.whole
    }

    fn note_whole(&mut self) {
        self.whole = Whole { offset: self.offset, line: self.line };
    }

    /// Whether the byte belongs to the value that has begun.
    fn value_goes_on(&mut self, byte: u8, sink: &mut impl RowSink) -> Result<bool, TooLong> {
        let State::Value { depth, in_text, is_escaped } = &mut self.state else {
            return Ok(false);
        };
        let mut is_last = false;
        if *in_text {
            match byte {
                _ if *is_escaped => *is_escaped = false,
                b'\\' => *is_escaped = true,
                b'"' => {
                    *in_text = false;
                    is_last = *depth == 0;
                }
                _ => {}
            }
        } else {
            match byte {
                b'"' => *in_text = true,
                b'{' | b'[' => *depth += 1,
                b'}' | b']' if *depth > 0 => {
                    *depth -= 1;
                    is_last = *depth == 0;
                }
                b']' | b',' | b' ' | b'\t' | b'\r' | b'\n' if *depth == 0 => {
                    self.end_value(sink);
                    self.note_whole();
                    return Ok(false);
                }
                _ => {}
            }
        }
        if self.begun.len() == ROW_BYTES_MAX {
            return Err(TooLong { line: self.begun_line });
        }
        self.begun.push(byte);
        if is_last {
            self.end_value(sink);
        }
        Ok(true)
    }

    fn end_value(&mut self, sink: &mut impl RowSink) {
        sink.json(self.begun_line, &self.begun);
        self.begun.clear();
        self.state = State::After;
    }

    fn between(&mut self, byte: u8, sink: &mut impl RowSink) {
        let is_blank = matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        match (self.state, byte) {
            (State::Broken, _) => self.note_whole(),
            _ if is_blank => {}
            (State::Start, b'[') => self.state = State::First,
            (State::First | State::After, b']') => self.state = State::End,
            (State::After, b',') => self.state = State::Next,
            (State::First | State::Next, byte) if !matches!(byte, b',' | b']' | b'}') => {
                self.begun_line = self.line;
                self.begun.push(byte);
                self.state = State::Value {
                    depth: u32::from(matches!(byte, b'{' | b'[')),
                    in_text: byte == b'"',
                    is_escaped: false,
                };
            }
            (state, _) => {
                let detail = match state {
                    State::Start => "the body is no JSON array; it has to begin with [",
                    State::End => "something follows the array",
                    State::After => "neither a comma nor ] follows the row before",
                    _ => "a row is missing where a comma says that there is one",
                };
                sink.broken(self.line, detail);
                self.state = State::Broken;
            }
        }
    }
}
