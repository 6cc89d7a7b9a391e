//! Rule: `lib.rs` and `mod.rs` are tables of contents: docs, attributes, `mod`, `use`. And folders have a `mod.rs`.

use syn::Item;
use syn::spanned::Spanned;

use crate::tidy::finding::Finding;
use crate::tidy::rooms::{Kind, Place};
use crate::tidy::tree::Tree;

/// Checks the items of a table of contents.
pub(crate) fn check(path: &str, place: &Place, file: &syn::File, findings: &mut Vec<Finding>) {
    if place.kind != Kind::Table {
        return;
    }
    for item in &file.items {
        let is_entry = match item {
            Item::Use(_) => true,
            Item::Mod(module) => module.content.is_none(),
            _ => false,
        };
        if !is_entry {
            let what = "a table of contents holds only docs, attributes, `mod name;` and `use`: move this to a room";
            findings.push(Finding::new(path, item.span().start().line, what));
        }
    }
}

/// Finds folders whose module file lies beside them.
pub(crate) fn check_folders(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, _) in tree.sources() {
        let folder = format!("{}/", path.trim_end_matches(".rs"));
        if Place::of(path).is_some_and(|place| place.kind == Kind::Room)
            && tree.sources().any(|(other, _)| other.starts_with(&folder))
        {
            let what = format!("the module of a folder is {folder}mod.rs: move it there");
            findings.push(Finding::new(path, 1, what));
        }
    }
}
