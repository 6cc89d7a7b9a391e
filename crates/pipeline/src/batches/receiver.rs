//! From rows as they came to blocks of values and a list of errors.
//!
//! A batch's columns are those of its CSV header or of its first row, in the table's order.
//!
//! Invariant: after the first error no row is kept any more, since none of them will be needed.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use model::ContentHash;
use model::rows::RowBlockBuilder;
use store::{Column, RowError};

use crate::batches::check::{Given, check};
use crate::batches::digest::{Digest, put};
use crate::batches::members::Members;
use crate::batches::parse::rows::{Record, RowSink};
use crate::batches::records::Progress;
use crate::batches::row_json::to_json;
use crate::batches::rules::TableRules;
use crate::batches::view::FIRST_ERRORS_MAX;

/// Most errors that one row is told.
const ERRORS_OF_ROW_MAX: usize = 20;
/// Most errors of one batch that are kept; further ones are only counted.
pub(crate) const ERRORS_KEPT_MAX: u64 = 1_000_000;
/// Longest sentence of an error.
const DETAIL_BYTES_MAX: usize = 600;

/// Rows of one batch on their way from the parser to the log.
pub(crate) struct Receiver {
    rules: Arc<TableRules>,
    /// Where each column of the table stands among its columns.
    by_name: HashMap<String, usize>,
    /// The batch's columns, as places in the table's, rising; `None` before the first row.
    columns: Option<Vec<usize>>,
    /// Which column of the table each field of a CSV record is.
    fields: Vec<usize>,
    block: RowBlockBuilder,
    n_rows: u64,
    /// Errors that are not in the log yet.
    errors: Vec<RowError>,
    n_errors: u64,
    first_errors: Vec<RowError>,
    digest: Digest,
    is_broken: bool,
}

impl Receiver {
    /// Goes on there. `None`: a column of the batch is no longer in the table.
    pub(crate) fn new(
        rules: Arc<TableRules>,
        progress: &Progress,
        first_errors: Vec<RowError>,
    ) -> Option<Self> {
        let names = rules.table.columns.iter().enumerate();
        let by_name: HashMap<String, usize> =
            names.map(|(at, column)| (column.name.clone(), at)).collect();
        let places = progress.columns.iter().map(|name| by_name.get(name).copied());
        let places: Vec<usize> = places.collect::<Option<_>>()?;
        let fields = progress.fields.iter().map(|&at| places.get(at as usize).copied());
        let fields = fields.collect::<Option<_>>()?;
        Some(Self {
            by_name,
            columns: (!places.is_empty()).then_some(places),
            fields,
            block: RowBlockBuilder::default(),
            n_rows: progress.rows,
            errors: Vec::new(),
            n_errors: progress.errors,
            first_errors,
            digest: Digest::after(progress.content_hash()),
            is_broken: progress.is_broken,
            rules,
        })
    }

    /// The rows that no record holds yet: the block, and how many rows it has.
    pub(crate) fn take_block(&mut self) -> (Vec<u8>, u32) {
        let n_rows = self.block.n_rows();
        (self.block.take(), n_rows)
    }

    /// Bytes of the rows that no record holds yet.
    pub(crate) fn block_bytes(&self) -> usize {
        self.block.size_bytes()
    }

    /// The errors that no record holds yet.
    pub(crate) fn take_errors(&mut self) -> Vec<RowError> {
        std::mem::take(&mut self.errors)
    }

    /// How many of those there are.
    pub(crate) fn n_errors_waiting(&self) -> usize {
        self.errors.len()
    }

    /// Errors so far.
    pub(crate) fn n_errors(&self) -> u64 {
        self.n_errors
    }

    /// Rows so far, wrong ones among them.
    pub(crate) fn n_rows(&self) -> u64 {
        self.n_rows
    }

    /// The first errors.
    pub(crate) fn first_errors(&self) -> &[RowError] {
        &self.first_errors
    }

    /// Over everything so far.
    pub(crate) fn hash(&self) -> ContentHash {
        self.digest.hash()
    }

    /// Whether these rows, all of them, are those of another batch. Only where this one was read in one go.
    pub(crate) fn has_rows_of(&self, other: ContentHash) -> bool {
        self.digest.is(other)
    }

    /// Nothing that follows can be understood.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// The batch's columns by name, and which of them each field of a CSV record is.
    pub(crate) fn columns(&self) -> (Vec<String>, Vec<u32>) {
        let Some(places) = &self.columns else { return (Vec::new(), Vec::new()) };
        let name = |&at: &usize| self.rules.table.columns[at].name.clone();
        let field = |at: &usize| places.binary_search(at).unwrap_or(0) as u32;
        (places.iter().map(name).collect(), self.fields.iter().map(field).collect())
    }

    /// The body is over: one without rows is none.
    pub(crate) fn finish(&mut self) {
        if self.n_rows == 0 && self.n_errors == 0 {
            self.error(0, 1, String::new(), "syntax", "the body holds no rows".to_owned());
        }
    }

    /// Where columns stand in the table; `None` where one of them is no longer there, or the database fills it in by itself.
    pub(crate) fn places(&self, columns: &[String]) -> Option<Vec<usize>> {
        let place = |name: &String| {
            let &at = self.by_name.get(name)?;
            (!self.rules.table.columns[at].is_generated).then_some(at)
        };
        columns.iter().map(place).collect()
    }

    /// A row that was kept before: its values, by their columns' `places` in the table.
    pub(crate) fn kept(&mut self, line: u64, places: &[usize], values: &[Option<&str>]) {
        self.n_rows += 1;
        if self.columns.is_none() {
            self.set_columns(places.to_vec(), self.n_rows, line);
        }
        let mut text = Vec::new();
        let mut slots: Vec<Option<Given<'_>>> = vec![None; self.rules.table.columns.len()];
        for (&at, &value) in places.iter().zip(values) {
            put(&mut text, value);
            // An empty field of CSV would be a null.
            slots[at] = value
                .map(|text| if text.is_empty() { Given::Json("\"\"") } else { Given::Csv(text) });
        }
        self.judge(line, &text, &slots, Vec::new(), None);
    }

    fn error(&mut self, row: u64, line: u64, pointer: String, rule: &str, mut detail: String) {
        if detail.len() > DETAIL_BYTES_MAX {
            detail.truncate(detail.floor_char_boundary(DETAIL_BYTES_MAX));
            detail.push('…');
        }
        if self.n_errors == 0 {
            // None of these rows will be needed.
            self.block.take();
        }
        self.n_errors += 1;
        if self.n_errors > ERRORS_KEPT_MAX {
            return;
        }
        let error = RowError { row, line, pointer, rule: rule.to_owned(), detail };
        if self.first_errors.len() < FIRST_ERRORS_MAX {
            self.first_errors.push(error.clone());
        }
        self.errors.push(error);
    }

    /// Fixes the batch's columns. What the table needs and the batch does not bring is an error of its first row.
    fn set_columns(&mut self, mut places: Vec<usize>, row: u64, line: u64) {
        places.sort_unstable();
        let rules = Arc::clone(&self.rules);
        for (at, column) in rules.table.columns.iter().enumerate() {
            let is_needed = !column.is_nullable && !column.has_default && !column.is_generated;
            if is_needed && places.binary_search(&at).is_err() {
                let detail = format!("{} takes no null and has no default", column.name);
                self.error(row, line, pointer(&column.name), "missing", detail);
            }
        }
        self.digest.columns(places.iter().map(|&at| rules.table.columns[at].name.as_str()));
        self.columns = Some(places);
    }

    /// A row that is wrong as a whole, or in some of its values.
    fn wrong(&mut self, line: u64, text: &[u8], wrongs: Vec<(String, &'static str, String)>) {
        let row = self.n_rows;
        for (pointer, rule, detail) in wrongs.into_iter().take(ERRORS_OF_ROW_MAX) {
            self.error(row, line, pointer, rule, detail);
        }
        self.digest.text(text);
    }

    /// A row all of whose values are what their columns take.
    fn keep(&mut self, line: u64, places: &[usize], values: &[Option<Cow<'_, str>>]) {
        let kinds = places.iter().map(|&at| self.rules.table.columns[at].kind);
        self.digest.row(kinds.zip(values.iter().map(Option::as_deref)));
        if self.n_errors == 0 {
            self.block.push(line, values.iter().map(Option::as_deref));
        }
    }

    /// Judges the values of one row, which stand in `slots` by their columns in the table. `text` is the row as written.
    fn judge(
        &mut self,
        line: u64,
        text: &[u8],
        slots: &[Option<Given<'_>>],
        mut wrongs: Vec<(String, &'static str, String)>,
        as_json: Option<&str>,
    ) {
        let places = self.columns.take();
        let rules = Arc::clone(&self.rules);
        let places_of_row = places.as_deref().unwrap_or_default();
        let mut values = Vec::with_capacity(places_of_row.len());
        for &at in places_of_row {
            let column = &rules.table.columns[at];
            let value = match slots[at] {
                Some(given) => check(column, given).map_err(|wrong| (wrong.rule, wrong.detail)),
                None if column.is_nullable => Ok(None),
                None => Err(("missing", missing(column))),
            };
            match value {
                Ok(value) => values.push(value),
                Err((rule, detail)) => wrongs.push((pointer(&column.name), rule, detail)),
            }
        }
        if wrongs.is_empty()
            && let Some(schema) = &rules.schema
        {
            let built;
            let json = if let Some(json) = as_json {
                json
            } else {
                built = to_json(&rules.table.columns, places_of_row, &values);
                &built
            };
            for reason in schema.judge(json) {
                // A schema judges an event's data; here that is the row.
                let pointer = reason.pointer.strip_prefix("/data").unwrap_or("").to_owned();
                wrongs.push((pointer, "schema", format!("{}: {}", reason.rule, reason.message)));
            }
        }
        if wrongs.is_empty() {
            self.keep(line, places_of_row, &values);
        } else {
            self.wrong(line, text, wrongs);
        }
        self.columns = places;
    }
}

impl RowSink for Receiver {
    fn json(&mut self, line: u64, text: &[u8]) {
        self.n_rows += 1;
        let members = match Members::read(text) {
            Ok(members) => members.0,
            Err(detail) => {
                return self.wrong(line, text, vec![(String::new(), "syntax", detail)]);
            }
        };
        let mut wrongs = Vec::new();
        let mut slots: Vec<Option<Given<'_>>> = vec![None; self.rules.table.columns.len()];
        let mut places = Vec::with_capacity(members.len());
        let is_first = self.columns.is_none();
        for (name, raw) in members {
            // A row of a megabyte may be wrong a hundred thousand times; so many are told, and each costs a sentence.
            if wrongs.len() >= ERRORS_OF_ROW_MAX {
                break;
            }
            let Some(&at) = self.by_name.get(&*name) else {
                wrongs.push((pointer(&name), "unknown_column", self.unknown(&name)));
                continue;
            };
            if slots[at].replace(Given::Json(raw)).is_some() {
                wrongs.push((pointer(&name), "syntax", format!("{name} stands there twice")));
                continue;
            }
            if self.rules.table.columns[at].is_generated {
                wrongs.push((pointer(&name), "unknown_column", generated(&name)));
                continue;
            }
            let is_foreign = |places: &Vec<usize>| places.binary_search(&at).is_err();
            if self.columns.as_ref().is_some_and(is_foreign) {
                let detail = format!("the first row has no {name}, and so no row of this batch");
                wrongs.push((pointer(&name), "unknown_column", detail));
                continue;
            }
            places.push(at);
        }
        if is_first && !places.is_empty() {
            self.set_columns(places, self.n_rows, line);
        } else if is_first && wrongs.is_empty() {
            wrongs.push((String::new(), "syntax", "the first row names no column".to_owned()));
        }
        let json = std::str::from_utf8(text).ok();
        self.judge(line, text, &slots, wrongs, json);
    }

    fn header(&mut self, line: u64, fields: Record<'_>) -> bool {
        let (mut places, mut n_wrong) = (Vec::new(), 0);
        for field in fields.fields() {
            let name = String::from_utf8_lossy(field);
            let wrong = match self.by_name.get(&*name) {
                None => Some(("unknown_column", self.unknown(&name))),
                Some(&at) if self.rules.table.columns[at].is_generated => {
                    Some(("unknown_column", generated(&name)))
                }
                Some(at) if places.contains(at) => {
                    Some(("syntax", format!("{name} stands in the header twice")))
                }
                Some(&at) => {
                    places.push(at);
                    None
                }
            };
            if let Some((rule, detail)) = wrong {
                self.error(0, line, pointer(&name), rule, detail);
                self.is_broken = true;
                n_wrong += 1;
            }
            if n_wrong == ERRORS_OF_ROW_MAX {
                break;
            }
        }
        if !self.is_broken {
            self.fields.clone_from(&places);
            self.set_columns(places, 0, line);
        }
        !self.is_broken
    }

    fn record(&mut self, line: u64, fields: Record<'_>) {
        self.n_rows += 1;
        if fields.ends.len() != self.fields.len() {
            let (n, n_wanted) = (fields.ends.len(), self.fields.len());
            let detail = format!("it has {n} fields, the header {n_wanted}");
            return self.wrong(line, fields.text, vec![(String::new(), "syntax", detail)]);
        }
        let mut slots: Vec<Option<Given<'_>>> = vec![None; self.rules.table.columns.len()];
        for (&at, field) in self.fields.iter().zip(fields.fields()) {
            let Ok(text) = std::str::from_utf8(field) else {
                let (name, detail) = (&self.rules.table.columns[at].name, "it is not UTF-8");
                let wrongs = vec![(pointer(name), "syntax", detail.to_owned())];
                return self.wrong(line, fields.text, wrongs);
            };
            slots[at] = Some(Given::Csv(text));
        }
        self.judge(line, fields.text, &slots, Vec::new(), None);
    }

    fn broken(&mut self, line: u64, detail: &str) {
        self.is_broken = true;
        self.error(0, line, String::new(), "syntax", detail.to_owned());
        self.digest.text(format!("{line} {detail}").as_bytes());
    }
}

impl Receiver {
    fn unknown(&self, name: &str) -> String {
        let names: Vec<&str> =
            self.rules.table.columns.iter().map(|column| column.name.as_str()).collect();
        format!("the table has no column {name}; it has {}", names.join(", "))
    }
}

fn missing(column: &Column) -> String {
    format!("{} takes no null, and other rows of this batch have it", column.name)
}

fn generated(name: &str) -> String {
    format!("the database fills {name} in by itself")
}

fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}
