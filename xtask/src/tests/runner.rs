//! Promises of `runner`: output is complete, failures are seen, closing lines are told from others.

use std::process::Command;
use std::time::Instant;

use crate::runner::{is_closing, lines_of};

#[test]
fn closing_lines_of_each_runner_are_known() {
    for (line, expected) in [
        ("     Summary [   4.123s] 120 tests run: 120 passed, 0 skipped", true),
        ("test result: ok. 3 passed; 0 failed; 0 ignored", true),
        ("# tests 12", true),
        ("# fail 0", true),
        ("\u{2139} pass 12", true),
        ("# tests in this file are fast", false),
        ("# Subtest: pass", false),
        ("ok 1 - test result", false),
    ] {
        assert_eq!(is_closing(line), expected, "{line}");
    }
}

/// Whether the command succeeded, and its lines in order.
fn run(script: &str) -> (bool, Vec<String>) {
    let mut lines = Vec::new();
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    let ok = lines_of(&mut command, |is_error, line| {
        lines.push(format!("{is_error} {}", String::from_utf8_lossy(line).trim_end()));
    });
    lines.sort();
    (ok.unwrap(), lines)
}

#[test]
fn both_outputs_are_read_to_the_end_and_the_exit_code_counts() {
    let expected = vec!["false out".to_owned(), "true err".to_owned()];
    assert_eq!(run("echo out; printf err >&2; exit 3"), (false, expected));
    let (ok, lines) = run("seq 1 20000");
    assert!(ok && lines.len() == 20_000);
}

#[test]
fn a_process_left_behind_does_not_hold_the_suite() {
    let start = Instant::now();
    assert_eq!(run("sleep 20 & echo out"), (true, vec!["false out".to_owned()]));
    assert!(start.elapsed().as_secs() < 15);
}

#[test]
fn a_missing_program_is_an_error_that_names_it() {
    let error = lines_of(&mut Command::new("no-such-program"), |_, _| {}).unwrap_err();
    assert!(error.to_string().contains("no-such-program"), "{error}");
}
