//! Rule: arrows between crates only go down (STYLE.md §1), and only the wiring names a concrete driver.

use crate::tidy::finding::Finding;
use crate::tidy::source::Source;
use crate::tidy::tree::Tree;

/// Each crate of ours and what it may import. `gateway` cannot see `queue`, so no handler can append around the intake.
pub(crate) const FLOORS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("meter", &[]),
    ("crash", &[]),
    ("testbed", &[]),
    ("seglog", &["crash", "meter"]),
    ("queue", &["meter", "model", "seglog"]),
    ("store", &["crash", "model"]),
    ("live", &["model", "queue", "store"]),
    ("pipeline", &["crash", "meter", "model", "queue", "store"]),
    ("gateway", &["crash", "meter", "model", "store", "live", "pipeline"]),
    ("eyas", &["crash", "model", "queue", "store", "live", "pipeline", "gateway"]),
    ("xtask", &["testbed"]),
];

/// Concrete drivers, and the crate that each lives in.
const DRIVERS: &[(&str, &str)] =
    &[("EmbeddedQueue", "queue"), ("MemoryQueue", "queue"), ("SqliteStore", "store")];

/// The only file outside a driver's crate that may name it, tests excepted.
const WIRING: &str = "crates/eyas/src/wiring.rs";

/// Runs the rule over the manifests (what a crate could import) and the sources (what it does import).
pub(crate) fn check(tree: &Tree, sources: &[Source<'_>], findings: &mut Vec<Finding>) {
    for (path, text) in tree.files() {
        let name = match path.split('/').collect::<Vec<_>>()[..] {
            ["crates", name, "Cargo.toml"] => name,
            ["xtask", "Cargo.toml"] => "xtask",
            _ => continue,
        };
        manifest(path, name, text, findings);
    }
    for source in sources.iter().filter(|source| !source.place.is_test) {
        paths(source, findings);
    }
}

fn manifest(path: &str, name: &str, text: &str, findings: &mut Vec<Finding>) {
    let Some(allowed) = allowed(name) else {
        let what = format!(
            "crate `{name}` stands on no floor: add it to FLOORS in xtask/src/tidy/floors.rs and to STYLE.md §1"
        );
        findings.push(Finding::new(path, 1, what));
        return;
    };
    let Ok(manifest) = text.parse::<toml::Table>() else {
        findings.push(Finding::new(path, 1, "not valid TOML"));
        return;
    };
    // Tests look both ways: dev-dependencies are free.
    for section in ["dependencies", "build-dependencies"] {
        let Some(table) = manifest.get(section).and_then(toml::Value::as_table) else {
            continue;
        };
        for ours in table.keys().filter(|ours| is_ours(ours) && !allowed.contains(&ours.as_str())) {
            let is_it = |line: &str| line.starts_with(ours.as_str());
            let line = text.lines().position(is_it).map_or(1, |at| at + 1);
            findings.push(Finding::new(path, line, upward(name, ours)));
        }
    }
}

fn paths(source: &Source<'_>, findings: &mut Vec<Finding>) {
    let name = source.place.crate_name.as_str();
    let Some(allowed) = allowed(name) else { return };
    let mut last = (0, "");
    for named in source.names.paths.iter().filter(|named| !named.in_test) {
        let first = named.segments[0].as_str();
        // Order matters: a word that a `use` line brought in is not the crate of that name.
        let is_crate = is_ours(first) && first != name && !source.names.imported.contains(first);
        if is_crate && !allowed.contains(&first) && last != (named.line, first) {
            last = (named.line, first);
            findings.push(Finding::new(source.path, named.line, upward(name, first)));
        }
        for (driver, home) in DRIVERS {
            let names_it = named.segments.iter().any(|word| word == driver);
            if names_it && name != *home && source.path != WIRING && last != (named.line, driver) {
                last = (named.line, driver);
                let what = format!(
                    "names the driver `{driver}`: only {WIRING} does; take the trait of `{home}` instead"
                );
                findings.push(Finding::new(source.path, named.line, what));
            }
        }
    }
}

fn allowed(name: &str) -> Option<&'static [&'static str]> {
    FLOORS.iter().find(|(floor, _)| *floor == name).map(|(_, allowed)| *allowed)
}

fn is_ours(name: &str) -> bool {
    allowed(name).is_some()
}

fn upward(from: &str, to: &str) -> String {
    let allowed = allowed(from).unwrap_or_default();
    let below = if allowed.is_empty() { "nothing of ours".to_owned() } else { allowed.join(", ") };
    format!(
        "`{from}` may not import `{to}` (it may: {below}). Move the type down, or cut the arrow by an id, a trait, a message"
    )
}
