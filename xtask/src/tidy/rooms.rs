//! Which file is which module, and where a path leads.
//!
//! ```text
//! crates/queue/src/lib.rs            unit crates/queue/src        module []            table
//! crates/queue/src/embedded/mod.rs                                module [embedded]    table
//! crates/queue/src/embedded/read.rs                               module [embedded, read]
//! crates/eyas/tests/it/torture.rs    unit crates/eyas/tests/it    module [torture]
//! ```

use std::collections::HashMap;

/// How a file takes part in its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `lib.rs` or `mod.rs`: a table of contents.
    Table,
    /// `main.rs`: it imports and nobody imports it.
    Main,
    /// Everything else.
    Room,
}

/// Where a file stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Name of the crate (that of its folder).
    pub(crate) crate_name: String,
    /// The folder that holds the root module: what `crate::` begins at.
    pub(crate) unit: String,
    /// Path of the module below the root.
    pub(crate) module: Vec<String>,
    /// How it takes part.
    pub(crate) kind: Kind,
    /// Lies in `tests/` or `benches/`.
    pub(crate) is_test: bool,
}

impl Place {
    /// The place of a Rust source, by its path. None for files of no crate.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.split('/').collect();
        let (n_crate, crate_name) = match parts.as_slice() {
            ["crates", name, _, ..] => (2, *name),
            ["xtask", _, ..] => (1, "xtask"),
            _ => return None,
        };
        let inside = &parts[n_crate..];
        let n_unit = match inside {
            ["src", _, ..] => n_crate + 1,
            ["tests" | "benches" | "examples", _, _, ..] => n_crate + 2,
            // A file that is a whole unit of its own (`build.rs`, `tests/one.rs`).
            _ => parts.len(),
        };
        let mut module: Vec<String> = parts[n_unit..].iter().map(|&part| part.to_owned()).collect();
        let kind = match module.pop().as_deref() {
            Some("lib.rs") if module.is_empty() => Kind::Table,
            Some("mod.rs") => Kind::Table,
            Some("main.rs") if module.is_empty() => Kind::Main,
            None => Kind::Main,
            Some(file) => {
                module.push(file.trim_end_matches(".rs").to_owned());
                Kind::Room
            }
        };
        Some(Self {
            crate_name: crate_name.to_owned(),
            unit: parts[..n_unit].join("/"),
            module,
            kind,
            is_test: inside.iter().any(|part| matches!(*part, "tests" | "benches")),
        })
    }
}

/// The modules of all units.
pub(crate) struct Rooms {
    files: HashMap<(String, Vec<String>), String>,
}

impl Rooms {
    /// Learns the places of all sources.
    pub(crate) fn of<'a>(paths: impl Iterator<Item = &'a str>) -> Self {
        let file =
            |path: &str| Place::of(path).map(|place| ((place.unit, place.module), path.to_owned()));
        Self { files: paths.filter_map(file).collect() }
    }

    /// The file that a path leads to, named in the file at `from` inside the inline modules `inline`. None when it leads to
    /// another crate.
    pub(crate) fn resolve(&self, from: &Place, inline: &[String], path: &[String]) -> Option<&str> {
        let mut here: Vec<String> = from.module.iter().chain(inline).cloned().collect();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => {
                here.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|word| word == "super") {
                    here.pop();
                    rest = &rest[1..];
                }
            }
            child => {
                let mut module = here.clone();
                module.push(child.to_owned());
                self.files.get(&(from.unit.clone(), module))?;
            }
        }
        here.extend(rest.iter().cloned());
        // What is below the last module of the path is an item of it, or of a module inline in its file.
        loop {
            if let Some(file) = self.files.get(&(from.unit.clone(), here.clone())) {
                return Some(file);
            }
            here.pop()?;
        }
    }
}
