//! One row as it stood in the body, before anybody asks what its values mean, and where it stood.

/// Longest row, in bytes of the body.
pub const ROW_BYTES_MAX: usize = 1 << 20;

/// A row has more than [`ROW_BYTES_MAX`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong {
    /// The line that it begins in.
    pub(crate) line: u64,
}

/// How far a body was read: everything before `offset` is whole rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    /// Bytes of the body.
    pub(crate) offset: u64,
    /// The line that the next byte stands in, from 1.
    pub(crate) line: u64,
}

/// Takes the rows of a body, in order.
pub(crate) trait RowSink {
    /// A row of JSON, or what stands where one should.
    fn json(&mut self, line: u64, text: &[u8]);
    /// The header of a CSV body. `false`: nothing that follows it can be understood.
    fn header(&mut self, line: u64, fields: Record<'_>) -> bool;
    /// A record of a CSV body.
    fn record(&mut self, line: u64, fields: Record<'_>);
    /// From here on nothing can be understood.
    fn broken(&mut self, line: u64, detail: &str);
}

/// The fields of one CSV record, unquoted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// All of them, one behind the other.
    pub(crate) text: &'a [u8],
    /// Where each ends.
    pub(crate) ends: &'a [usize],
}

impl<'a> Record<'a> {
    /// The fields, in order.
    pub(crate) fn fields(self) -> impl Iterator<Item = &'a [u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(self.ends).map(move |(from, &to)| &self.text[from..to])
    }
}
