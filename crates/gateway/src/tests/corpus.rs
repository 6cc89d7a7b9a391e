//! `fuzz`: every input that a fuzzer found worth keeping, again.

use std::fs;
use std::path::Path;

use crate::fuzz;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut n_inputs = 0;
    for entry in fs::read_dir(&folder).expect("the corpus is part of the repository") {
        let path = entry.unwrap().path();
        // Shown only when the check fails.
        println!("{}", path.display());
        check(&fs::read(&path).unwrap());
        n_inputs += 1;
    }
    assert!(n_inputs >= 10, "only {n_inputs} inputs in {}", folder.display());
}

#[test]
fn bodies_are_read_written_and_read_again() {
    replay("ndjson", fuzz::ndjson);
}

#[test]
fn cursors_have_one_spelling() {
    replay("cursor", fuzz::cursor);
}

#[test]
fn times_are_printed_as_they_are_read() {
    replay("timestamp", fuzz::timestamp);
}

#[test]
fn values_of_queries_are_of_their_types() {
    replay("sql", fuzz::sql);
}
