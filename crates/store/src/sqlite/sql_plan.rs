//! What SQLite says of how it would run a statement: the rows of `EXPLAIN QUERY PLAN` as indented lines.

use std::collections::HashMap;

/// Of each row: the step's number, that of the step which it is part of, something else, what it does.
const CELLS: usize = 4;

/// A line for each step, two spaces further right than the step that it is part of. That comes before it.
pub(crate) fn lines(cells: &[String]) -> Vec<String> {
    let mut depths: HashMap<&str, usize> = HashMap::new();
    let mut lines = Vec::new();
    for row in cells.chunks_exact(CELLS) {
        let [step, parent, _, words] = row else { continue };
        let depth = depths.get(parent.as_str()).map_or(0, |above| above + 1);
        depths.insert(step, depth);
        lines.push(format!("{}{words}", "  ".repeat(depth)));
    }
    lines
}
