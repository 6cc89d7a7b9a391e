//! Runs all rules over the repository and prints what they found.

use std::path::Path;

use crate::tidy::finding::Finding;
use crate::tidy::rooms::{Place, Rooms};
use crate::tidy::source::Source;
use crate::tidy::tree::Tree;
use crate::tidy::{arrows, contents, floors, paths, text};

/// What the rules said.
pub(crate) struct Verdict {
    /// By file and line.
    pub(crate) findings: Vec<Finding>,
    /// Rooms and crates of ours that a room imports, on average.
    pub(crate) arrows_mean: f64,
}

/// Checks the repository. Returns whether nothing is to mend.
///
/// # Errors
/// When files cannot be listed or read.
pub(crate) fn run(root: &Path) -> anyhow::Result<bool> {
    let tree = Tree::load(root)?;
    let verdict = check(&tree);
    for finding in &verdict.findings {
        println!("{finding}");
    }
    let n_warnings = verdict.findings.iter().filter(|finding| finding.is_warning).count();
    let n_findings = verdict.findings.len() - n_warnings;
    println!(
        "tidy: {} sources, {n_findings} findings, {n_warnings} warnings, {:.1} arrows a file",
        tree.sources().count(),
        verdict.arrows_mean,
    );
    Ok(n_findings == 0)
}

/// Runs all rules over a tree.
pub(crate) fn check(tree: &Tree) -> Verdict {
    let mut findings = Vec::new();
    let mut sources = Vec::new();
    for (path, text) in tree.sources() {
        let Some(place) = Place::of(path) else {
            continue;
        };
        match paths::read(path, text) {
            Ok((file, names)) => {
                contents::check(path, &place, &file, &mut findings);
                sources.push(Source { path, place, names });
            }
            Err(error) => findings.push(Finding::new(path, 1, format!("{error:#}"))),
        }
    }
    let rooms = Rooms::of(tree.sources().map(|(path, _)| path));
    let arrows_mean = arrows::check(&sources, &rooms, &mut findings);
    floors::check(tree, &sources, &mut findings);
    contents::check_folders(tree, &mut findings);
    text::check(tree, &mut findings);
    findings.sort();
    Verdict { findings, arrows_mean }
}
