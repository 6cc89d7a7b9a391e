//! A body of any format: the same calls for each, and what is the same in each.

use crate::batches::parse::array::Items;
use crate::batches::parse::csv::Records;
use crate::batches::parse::ndjson::Lines;
use crate::batches::parse::rows::{RowSink, TooLong, Whole};
use crate::batches::rules::RowFormat;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[derive(Debug)]
enum Cutter {
    Lines(Lines),
    Items(Items),
    Records(Box<Records>),
}

/// Where a body goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GoOn {
    /// Everything before it has been read.
    pub(crate) whole: Whole,
    /// Rows came before.
    pub(crate) has_rows: bool,
    /// The header of a CSV body came before.
    pub(crate) has_header: bool,
    /// Nothing that follows can be understood.
    pub(crate) is_broken: bool,
}

/// Finds the rows of a body that comes in pieces, cut anywhere.
#[derive(Debug)]
pub(crate) struct Body {
    cutter: Cutter,
    /// The first bytes, for as long as they look like a byte order mark; `None` once that is settled.
    head: Option<Vec<u8>>,
    /// Bytes that came after nothing could be understood any more.
    broken_at: Option<Whole>,
}

impl Body {
    /// Goes on there.
    pub(crate) fn new(format: RowFormat, from: GoOn) -> Self {
        let GoOn { whole, has_rows, has_header, is_broken } = from;
        let cutter = match format {
            RowFormat::Ndjson => Cutter::Lines(Lines::new(whole)),
            RowFormat::JsonArray => Cutter::Items(Items::new(whole, has_rows)),
            RowFormat::Csv => Cutter::Records(Box::new(Records::new(whole, has_header))),
        };
        let head = (whole.offset == 0).then(Vec::new);
        Self { cutter, head, broken_at: is_broken.then_some(whole) }
    }

    /// The next bytes of the body.
    pub(crate) fn feed(
        &mut self,
        mut bytes: &[u8],
        sink: &mut impl RowSink,
    ) -> Result<(), TooLong> {
        if let Some(mut head) = self.head.take() {
            while let Some((&byte, rest)) = bytes.split_first() {
                if BYTE_ORDER_MARK.get(head.len()) != Some(&byte) {
                    break;
                }
                head.push(byte);
                bytes = rest;
            }
            if head == BYTE_ORDER_MARK {
                sink.broken(1, "the body begins with a byte order mark; send UTF-8 without it");
                self.broken_at = Some(Whole { offset: head.len() as u64, line: 1 });
            } else if bytes.is_empty() {
                self.head = Some(head);
                return Ok(());
            } else {
                self.cut(&head, sink)?;
            }
        }
        self.cut(bytes, sink)
    }

    /// The body is over.
    pub(crate) fn finish(&mut self, sink: &mut impl RowSink) -> Result<(), TooLong> {
        if let Some(head) = self.head.take() {
            self.cut(&head, sink)?;
        }
        if self.broken_at.is_some() {
            return Ok(());
        }
        match &mut self.cutter {
            Cutter::Lines(lines) => lines.finish(sink),
            Cutter::Items(items) => items.finish(sink),
            Cutter::Records(records) => records.finish(sink),
        }
        Ok(())
    }

    /// How far whole rows go.
    pub(crate) fn whole(&self) -> Whole {
        match (&self.broken_at, &self.cutter) {
            (Some(whole), _) => *whole,
            (None, Cutter::Lines(lines)) => lines.whole(),
            (None, Cutter::Items(items)) => items.whole(),
            (None, Cutter::Records(records)) => records.whole(),
        }
    }

    fn cut(&mut self, bytes: &[u8], sink: &mut impl RowSink) -> Result<(), TooLong> {
        if let Some(whole) = &mut self.broken_at {
            whole.offset += bytes.len() as u64;
            return Ok(());
        }
        match &mut self.cutter {
            Cutter::Lines(lines) => lines.feed(bytes, sink),
            Cutter::Items(items) => items.feed(bytes, sink),
            Cutter::Records(records) => records.feed(bytes, sink),
        }
    }
}
