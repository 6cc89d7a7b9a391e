//! Rules on lines: headers, sizes, marks without an issue, paths of one machine, reasons of dependencies.

use crate::tidy::finding::Finding;
use crate::tidy::tree::{Tree, has_extension};

/// A file over this many lines is an error. Aim at 100 to 400.
const LINES_MAX: usize = 500;

/// Marks of unfinished work. Joined here, so that this file does not find itself.
const MARKS: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// Files in which marks are looked for. Prose may speak about them.
const CODE: &[&str] = &["rs", "js", "css", "html", "toml", "sql", "sh", "yml", "yaml"];

/// Paths that only exist where the project was first written.
const FOREIGN_PATHS: [&str; 2] = [concat!("..", "/shared"), concat!("/wo", "rk/")];

/// Runs the rules.
pub(crate) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, text) in tree.files() {
        let is_foreign = path.split('/').any(|part| part == "vendor");
        if is_foreign {
            continue;
        }
        let is_rust = has_extension(path, "rs");
        if is_rust && !text.trim_start().starts_with("//!") {
            let what = "no `//!` header: say what is here, why, and what always holds";
            findings.push(Finding::new(path, 1, what));
        }
        if is_rust || (path.starts_with("ui/") && has_extension(path, "js")) {
            size(path, text, findings);
        }
        let is_code = CODE.iter().any(|extension| has_extension(path, extension));
        for (at, line) in text.lines().enumerate() {
            if is_code && has_mark_without_issue(line) {
                let what = "a mark of unfinished work without its issue: write `#12` behind it, or do it now";
                findings.push(Finding::new(path, at + 1, what));
            }
            if let Some(foreign) = FOREIGN_PATHS.iter().find(|foreign| line.contains(**foreign)) {
                let what = format!(
                    "`{foreign}` exists on one machine only: the repository stands alone, say it here"
                );
                findings.push(Finding::new(path, at + 1, what));
            }
        }
    }
    if let Some(text) = tree.get("Cargo.toml") {
        reasons(text, findings);
    }
}

fn size(path: &str, text: &str, findings: &mut Vec<Finding>) {
    let n_lines = text.lines().count();
    if n_lines > LINES_MAX {
        let what = format!("{n_lines} lines, at most {LINES_MAX}: split it by noun");
        findings.push(Finding::new(path, LINES_MAX + 1, what));
    }
}

/// A mark counts as a whole word, and its issue may stand anywhere behind it.
fn has_mark_without_issue(line: &str) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    MARKS.iter().any(|mark| {
        line.match_indices(mark).any(|(at, _)| {
            let behind = &line[at + mark.len()..];
            let is_whole =
                !is_word(line[..at].chars().next_back()) && !is_word(behind.chars().next());
            let mut numbers = behind.split('#').skip(1);
            is_whole && !numbers.any(|text| text.starts_with(|c: char| c.is_ascii_digit()))
        })
    })
}

/// Dependencies are guests: each says behind it, or in the line above it, why it is here. Our own crates need no reason.
fn reasons(manifest: &str, findings: &mut Vec<Finding>) {
    let mut inside = false;
    let mut line_before = "";
    for (at, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            inside = line.starts_with("[workspace.dependencies]");
        }
        let starts_entry = line.starts_with(|c: char| c.is_ascii_alphanumeric());
        let is_ours = line.contains("path = ");
        let has_reason = outside_quotes(line).contains('#') || line_before.starts_with('#');
        if inside && starts_entry && !is_ours && !has_reason {
            let what = "a dependency without a reason: write `# why it is here` behind it";
            findings.push(Finding::new("Cargo.toml", at + 1, what));
        }
        line_before = line;
    }
}

fn outside_quotes(line: &str) -> String {
    line.split('"').step_by(2).collect()
}
