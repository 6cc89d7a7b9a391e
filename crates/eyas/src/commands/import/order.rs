//! Tables behind those that they refer to. Pure.

use std::collections::{BTreeMap, BTreeSet};

/// The indices of `tables`, so that each comes after those that `references` says it refers to; else they keep their
/// order. Where tables refer to each other in a ring, nobody can come last: they keep their order too.
pub(crate) fn order(
    tables: &[&str],
    references: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<usize> {
    let mut left: Vec<usize> = (0..tables.len()).collect();
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let waits = |&index: &usize| {
            let wanted = references.get(tables[index]);
            let is_left = |name: &String| {
                name != tables[index] && left.iter().any(|&other| tables[other] == name)
            };
            wanted.is_some_and(|wanted| wanted.iter().any(is_left))
        };
        let next = left.iter().position(|index| !waits(index)).unwrap_or(0);
        ordered.push(left.remove(next));
    }
    ordered
}
