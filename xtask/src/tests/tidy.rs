//! Promises of `tidy`: each rule fires on what it forbids, names the line, and lets what is right pass.

use crate::tidy::check::check;
use crate::tidy::tree::{Tree, has_extension};

/// All findings of a tree, one a line, headers added where a fixture has none.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let texts: Vec<(String, String)> = files
        .iter()
        .map(|(path, text)| {
            let is_bare = has_extension(path, "rs") && !text.contains("//!");
            let header = if is_bare { "//! Fixture.\n" } else { "" };
            ((*path).to_owned(), format!("{header}{text}"))
        })
        .collect();
    let texts: Vec<(&str, &str)> = texts.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    check(&Tree::of(&texts)).findings.iter().map(ToString::to_string).collect()
}

/// Asserts that exactly one finding comes, at this place, with this text in it.
#[track_caller]
fn fires(files: &[(&str, &str)], place: &str, text: &str) {
    let found = found(files);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with(&format!("{place}: ")) && found[0].contains(text), "{found:#?}");
}

#[track_caller]
fn passes(files: &[(&str, &str)]) {
    assert_eq!(found(files), Vec::<String>::new());
}

#[test]
fn a_cycle_between_rooms_is_found() {
    fires(
        &[
            ("crates/queue/src/lib.rs", "mod a;\nmod b;\nmod c;"),
            ("crates/queue/src/a.rs", "use crate::b::B;"),
            ("crates/queue/src/b.rs", "\nfn f() { crate::c::g(); }"),
            ("crates/queue/src/c.rs", "fn g() { let _ = vec![super::a::A]; }"),
        ],
        "crates/queue/src/a.rs:2",
        "crates/queue/src/b.rs:3 -> crates/queue/src/c.rs, crates/queue/src/c.rs:2 -> crates/queue/src/a.rs",
    );
}

#[test]
fn a_cycle_through_tests_or_inside_one_file_is_none() {
    passes(&[
        ("crates/queue/src/lib.rs", "mod a;\nmod b;\n#[cfg(test)]\nmod tests;\npub use a::A;"),
        ("crates/queue/src/a.rs", "use crate::b::B;\nmod inner { use super::A; }"),
        ("crates/queue/src/b.rs", "#[cfg(test)]\nmod tests { use crate::a::A; }"),
        ("crates/queue/src/tests/mod.rs", "mod a;"),
        ("crates/queue/src/tests/a.rs", "use crate::a::A;"),
    ]);
}

#[test]
fn an_import_through_a_table_of_contents_is_found() {
    let lib = ("crates/store/src/lib.rs", "mod sqlite;\nmod events;\npub use sqlite::SqliteStore;");
    let table = ("crates/store/src/sqlite/mod.rs", "mod store;\npub use store::SqliteStore;");
    let store = ("crates/store/src/sqlite/store.rs", "pub struct SqliteStore;");
    for (line, place) in [
        ("use crate::SqliteStore;", "crates/store/src/lib.rs"),
        ("use crate::{SqliteStore as S};", "crates/store/src/lib.rs"),
        ("use super::*;", "crates/store/src/lib.rs"),
        ("use crate::sqlite::SqliteStore;", "crates/store/src/sqlite/mod.rs"),
        ("use crate::sqlite;", "crates/store/src/sqlite/mod.rs"),
        ("fn f() -> crate::sqlite::SqliteStore { todo() }", "crates/store/src/sqlite/mod.rs"),
    ] {
        let files = [lib, table, store, ("crates/store/src/events.rs", line)];
        fires(&files, "crates/store/src/events.rs:2", place);
    }
    let room = ("crates/store/src/events.rs", "use crate::sqlite::store::SqliteStore;");
    passes(&[lib, table, store, room]);
}

#[test]
fn super_super_is_found() {
    fires(
        &[
            ("crates/store/src/lib.rs", "mod a;\nmod b;"),
            ("crates/store/src/a/mod.rs", "mod x;"),
            ("crates/store/src/a/x.rs", "use super::super::b::B;"),
            ("crates/store/src/b.rs", ""),
        ],
        "crates/store/src/a/x.rs:2",
        "`super::super`",
    );
}

#[test]
fn an_upward_arrow_in_a_manifest_is_found() {
    fires(
        &[(
            "crates/store/Cargo.toml",
            "[dependencies]\nmodel.workspace = true\nqueue.workspace = true\n",
        )],
        "crates/store/Cargo.toml:3",
        "`store` may not import `queue`",
    );
    fires(
        &[("crates/gateway/Cargo.toml", "[dependencies]\nqueue = { path = \"../queue\" }\n")],
        "crates/gateway/Cargo.toml:2",
        "`gateway` may not import `queue`",
    );
    passes(&[("crates/store/Cargo.toml", "[dev-dependencies]\nqueue.workspace = true\n")]);
}

#[test]
fn an_upward_arrow_in_a_path_is_found() {
    let files = |line| [("crates/gateway/src/lib.rs", "mod a;"), ("crates/gateway/src/a.rs", line)];
    let place = "crates/gateway/src/a.rs:2";
    fires(&files("use queue::Queue;"), place, "`gateway` may not import `queue`");
    fires(&files("fn f(_: &dyn queue::Queue) {}"), place, "`gateway` may not import `queue`");
    fires(&files("fn f() { g!(a, queue::Queue); }"), place, "`gateway` may not import `queue`");
    passes(&files("use store::EventStore;"));
    passes(&files("#[cfg(test)]\nmod tests { use queue::Queue; }"));
    // A name that is brought in is not the crate of that name.
    passes(&files("use std::collections::vec_deque as queue;\nfn f(_: queue::Iter<u8>) {}"));
}

#[test]
fn a_crate_without_a_floor_is_found() {
    fires(&[("crates/attic/Cargo.toml", "")], "crates/attic/Cargo.toml:1", "stands on no floor");
}

#[test]
fn only_the_wiring_names_a_driver() {
    let line = "use store::SqliteStore;";
    let place = "crates/eyas/src/serve.rs:2";
    fires(&[("crates/eyas/src/serve.rs", line)], place, "names the driver `SqliteStore`");
    passes(&[("crates/eyas/src/wiring.rs", line)]);
    passes(&[("crates/pipeline/src/tests/consumer.rs", line)]);
    passes(&[("crates/eyas/tests/it/app.rs", line)]);
}

#[test]
fn a_missing_header_is_found() {
    let text = "// not a header\n//! too late\nfn f() {}";
    fires(&[("crates/model/src/a.rs", text)], "crates/model/src/a.rs:1", "no `//!` header");
}

#[test]
fn a_file_over_500_lines_is_found() {
    let long = "// x\n".repeat(501);
    let long = long.as_str();
    let rust = format!("//! x\n{long}");
    fires(&[("crates/model/src/a.rs", &rust)], "crates/model/src/a.rs:501", "502 lines");
    fires(&[("ui/app/a.js", long)], "ui/app/a.js:501", "501 lines");
    passes(&[("ui/vendor/a.js", long), ("docs/a.md", long)]);
}

#[test]
fn code_in_a_table_of_contents_is_found() {
    for path in ["crates/model/src/lib.rs", "crates/model/src/a/mod.rs"] {
        for code in ["pub struct A;", "fn f() {}", "mod a { }", "macro_rules! a { () => {} }"] {
            let text = format!("//! x\n#![warn(missing_docs)]\npub use a::A;\n\n{code}");
            fires(&[(path, &text)], &format!("{path}:5"), "table of contents holds only");
        }
    }
    passes(&[("crates/eyas/src/main.rs", "fn main() {}")]);
}

#[test]
fn a_folder_whose_module_lies_beside_it_is_found() {
    fires(
        &[("crates/model/src/a.rs", "mod b;"), ("crates/model/src/a/b.rs", "")],
        "crates/model/src/a.rs:1",
        "crates/model/src/a/mod.rs",
    );
}

#[test]
fn a_mark_without_an_issue_is_found() {
    let mark = concat!("TO", "DO");
    let path = "crates/model/src/a.rs";
    fires(
        &[(path, &format!("//! x\n// {mark}: later"))],
        &format!("{path}:2"),
        "without its issue",
    );
    fires(&[("ui/a.css", &format!("/* {mark} */"))], "ui/a.css:1", "without its issue");
    passes(&[(path, &format!("// {mark}(#12): later\nconst {mark}S: u8 = 1;"))]);
}

#[test]
fn a_dependency_without_a_reason_is_found() {
    let manifest = "[workspace.dependencies]\nmodel = { path = \"a#b\" }\n# why\na = \"1\"\nb = \"1\" # why\nc = \"#1\"\n\
                    [profile.dev]\ndebug = 1\n";
    fires(&[("Cargo.toml", manifest)], "Cargo.toml:6", "without a reason");
}

#[test]
fn a_path_of_one_machine_is_found() {
    for foreign in [concat!("..", "/shared/DESIGN.md"), concat!("/wo", "rk/main")] {
        let text = format!("first\nsee {foreign}\n");
        fires(&[("docs/a.md", &text)], "docs/a.md:2", "exists on one machine only");
    }
}

#[test]
fn many_arrows_only_warn() {
    let names: Vec<String> = (0..12).map(|n| format!("room_{n}")).collect();
    let uses: Vec<String> = names.iter().map(|name| format!("use crate::{name}::A;")).collect();
    let uses = uses.join(
        "
",
    );
    let paths: Vec<String> = names.iter().map(|n| format!("crates/model/src/{n}.rs")).collect();
    let mut files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), "")).collect();
    files.push(("crates/model/src/hub.rs", &uses));
    fires(&files, "crates/model/src/hub.rs:1", "warning: 12 arrows");
}

#[test]
fn what_is_not_rust_is_found() {
    fires(&[("crates/model/src/a.rs", "fn {")], "crates/model/src/a.rs:1", "cannot parse");
}
