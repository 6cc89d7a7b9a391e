//! Batches, their errors and the tables, as answers have them.

use model::Timestamp;
use pipeline::{BatchView, Finished, TableRules};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use store::{Column, ColumnKind, RowError};

use crate::error::Kind;
use crate::problem::Problem;

/// A batch in answers.
#[derive(Serialize)]
pub(crate) struct Shown {
    id: String,
    table: String,
    mode: &'static str,
    state: &'static str,
    application: Option<String>,
    sent_by: String,
    label: Option<String>,
    idempotency_key: Option<String>,
    rows: u64,
    bytes: u64,
    rows_applied: u64,
    errors: u64,
    hash: String,
    created_at: String,
    received_at: Option<String>,
    started_at: Option<String>,
    ended_at: Option<String>,
    detail: Option<String>,
    same_as: Option<String>,
    revalidates: Option<String>,
    rows_kept: bool,
    upload_offset: Option<u64>,
}

impl Shown {
    pub(crate) fn of(
        BatchView { batch, rows_applied, rows_kept, upload_offset }: &BatchView,
    ) -> Self {
        let batch = batch.clone();
        let at = |time: Option<Timestamp>| time.as_ref().map(Timestamp::to_string);
        Self {
            id: batch.id,
            table: batch.table,
            mode: batch.mode.as_str(),
            state: batch.state.as_str(),
            application: batch.application,
            sent_by: batch.sent_by,
            label: batch.label,
            idempotency_key: batch.key,
            rows: batch.n_rows,
            bytes: batch.n_bytes,
            rows_applied: *rows_applied,
            errors: batch.n_errors,
            hash: format!("{:032x}", batch.hash.0),
            created_at: batch.created_at.to_string(),
            received_at: at(batch.received_at),
            started_at: at(batch.started_at),
            ended_at: at(batch.ended_at),
            detail: batch.detail,
            same_as: batch.same_as,
            revalidates: batch.revalidates,
            rows_kept: *rows_kept,
            upload_offset: *upload_offset,
        }
    }
}

/// What is wrong with a row.
#[derive(Serialize)]
pub(crate) struct ShownError<'a> {
    row: u64,
    line: u64,
    pointer: &'a str,
    rule: &'a str,
    detail: &'a str,
}

impl<'a> ShownError<'a> {
    pub(crate) fn of(error: &'a RowError) -> Self {
        let RowError { row, line, pointer, rule, detail } = error;
        Self { row: *row, line: *line, pointer, rule, detail }
    }

    pub(crate) fn all(errors: &'a [RowError]) -> Vec<Self> {
        errors.iter().map(Self::of).collect()
    }
}

/// What a dry run answers.
#[derive(Serialize)]
pub(crate) struct Tried<'a> {
    dry_run: bool,
    table: &'a str,
    rows: u64,
    errors: Vec<ShownError<'a>>,
    n_errors: u64,
}

impl<'a> Tried<'a> {
    pub(crate) fn of(finished: &'a Finished) -> Self {
        let batch = &finished.batch.batch;
        Self {
            dry_run: true,
            table: &batch.table,
            rows: batch.n_rows,
            errors: ShownError::all(&finished.first_errors),
            n_errors: batch.n_errors,
        }
    }
}

/// A rejected batch, as the answer to whoever sent it.
pub(crate) fn rejected(view: &BatchView, first_errors: &[RowError]) -> Problem {
    let n_errors = view.batch.n_errors;
    let found = match n_errors {
        0 => String::new(),
        1 => " (1 error)".to_owned(),
        n => format!(" ({n} errors)"),
    };
    let why = view.batch.detail.as_deref().unwrap_or("rows are wrong");
    let words = format!("None of the batch is stored: {why}{found}.");
    let errors = raw(&ShownError::all(first_errors));
    let problem = about(Kind::RowsRejected.problem(words), view);
    problem.with(|facts| {
        facts.errors = Some(errors);
        facts.n_errors = Some(n_errors);
    })
}

/// A problem that shows the batch.
pub(crate) fn about(problem: Problem, view: &BatchView) -> Problem {
    let shown = raw(&Shown::of(view));
    problem.with(|facts| facts.batch = Some(shown))
}

fn raw(value: &impl Serialize) -> Box<RawValue> {
    to_raw_value(value).expect("texts and numbers always have a JSON form")
}

/// A table in answers.
#[derive(Serialize)]
pub(crate) struct ShownTable {
    name: String,
    mode: &'static str,
    columns: Vec<ShownColumn>,
    references: Vec<String>,
    schema: bool,
}

#[derive(Serialize)]
struct ShownColumn {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    declared: String,
    nullable: bool,
    has_default: bool,
    generated: bool,
}

impl ShownTable {
    pub(crate) fn of(rules: &TableRules) -> Self {
        let column = |column: &Column| ShownColumn {
            name: column.name.clone(),
            kind: word(column.kind),
            declared: column.declared.clone(),
            nullable: column.is_nullable,
            has_default: column.has_default,
            generated: column.is_generated,
        };
        Self {
            name: rules.table.name.clone(),
            mode: rules.mode.as_str(),
            columns: rules.table.columns.iter().map(column).collect(),
            references: rules.table.references.clone(),
            schema: rules.schema.is_some(),
        }
    }
}

fn word(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Int { .. } => "int",
        ColumnKind::Float { .. } => "float",
        ColumnKind::Decimal { .. } => "decimal",
        ColumnKind::Bool => "bool",
        ColumnKind::Text { .. } => "text",
        ColumnKind::Date => "date",
        ColumnKind::Time => "time",
        ColumnKind::Timestamp { has_zone: false } => "timestamp",
        ColumnKind::Timestamp { has_zone: true } => "timestamptz",
        ColumnKind::Uuid => "uuid",
        ColumnKind::Json => "json",
        ColumnKind::Bytes => "bytes",
        ColumnKind::Array => "array",
        ColumnKind::Other => "other",
    }
}
