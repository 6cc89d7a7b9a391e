//! Which tables of a dump go into the server. Pure.
//!
//! Names of schemas do not matter where a name stands in one of them; rows of two schemas never go into one table.

use std::collections::{BTreeMap, BTreeSet};

use crate::commands::import::dump::{Block, Dump, Name, Sequence};
use crate::commands::import::order::order;
use crate::commands::import::server::Table;

/// What becomes of a dump.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Blocks to import, each behind those that it refers to.
    pub(crate) wanted: Vec<Block>,
    /// Tables of which the dump has no value: no row, or no column.
    pub(crate) empty: Vec<String>,
    /// Tables that the server does not have.
    pub(crate) missing: Vec<String>,
    /// The statements that set sequences of what is imported, and of tables that nobody names.
    pub(crate) sequences: Vec<String>,
}

/// What is chosen of a `dump`: of one `schema`, or of all. Else the sentence that says what cannot be told.
pub(crate) fn choose(dump: Dump, tables: &[Table], schema: Option<&str>) -> Result<Choice, String> {
    let is_chosen = |block: &Block| schema.is_none() || block.name.schema.as_deref() == schema;
    let is_known = |block: &Block| tables.iter().any(|table| table.name == block.name.table);
    let (wanted, missing): (Vec<Block>, Vec<Block>) =
        dump.blocks.into_iter().filter(is_chosen).partition(is_known);
    if let Some(several) = several(&wanted) {
        return Err(several);
    }
    // `pg_dump` names all columns, and none only where there is none.
    let is_bare = |block: &&Block| block.columns.is_empty() && block.has_values;
    if let Some(Block { name, line, .. }) = wanted.iter().find(is_bare) {
        return Err(format!("does not name the columns of {name}: mend the COPY at line {line}"));
    }
    let has_more = |block: &Block| block.n_rows > 0 && !block.columns.is_empty();
    let (wanted, empty): (Vec<Block>, Vec<Block>) = wanted.into_iter().partition(has_more);
    let mut references: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let is_wanted = |name: &Name| wanted.iter().any(|block| block.name == *name);
    for (name, targets) in dump.references.iter().filter(|(name, _)| is_wanted(name)) {
        let targets = targets.iter().filter(|target| is_wanted(target));
        let known = references.entry(name.table.clone()).or_default();
        known.extend(targets.map(|target| target.table.clone()));
    }
    let is_meant = |sequence: &&Sequence| match dump.owners.get(&sequence.name) {
        Some(owner) => is_wanted(owner),
        None => schema.is_none() || sequence.name.schema.as_deref() == schema,
    };
    let sequences = dump.sequences.iter().filter(is_meant).map(|one| one.sql.clone()).collect();
    for table in tables {
        let known = references.entry(table.name.clone()).or_default();
        known.extend(table.references.iter().cloned());
    }
    let names: Vec<&str> = wanted.iter().map(|block| block.name.table.as_str()).collect();
    let in_order = order(&names, &references);
    Ok(Choice {
        wanted: in_order.into_iter().map(|index| wanted[index].clone()).collect(),
        empty: empty.into_iter().map(|block| block.name.table).collect(),
        sequences,
        missing: missing.into_iter().map(|block| block.name.table).collect(),
    })
}

/// Of the first name that stands in more than one schema.
fn several(wanted: &[Block]) -> Option<String> {
    let mut names: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for block in wanted {
        names.entry(&block.name.table).or_default().insert(block.name.to_string());
    }
    let (table, names) = names.into_iter().find(|(_, names)| names.len() > 1)?;
    let names: Vec<String> = names.into_iter().collect();
    Some(format!(
        "has rows of {}, and there is one table {table} for them: choose with --schema NAME",
        names.join(" and of ")
    ))
}
