//! `cargo xtask tidy`: the laws of the house (STYLE.md) that neither the compiler nor clippy knows.
//!
//! | room | what |
//! |---|---|
//! | [`check`] | runs all rules and prints what they found |
//! | [`finding`] | one thing to mend |
//! | [`tree`] | the repository's files as texts; the tests put small texts there |
//! | [`paths`] | every path that a source file names, read with `syn` |
//! | [`rooms`] | which file is which module, and where a path leads |
//! | [`source`] | one Rust source, read |
//! | [`arrows`] | rule: no cycles, no imports of tables of contents, few arrows |
//! | [`floors`] | rule: which crate may import which, and who names a driver |
//! | [`contents`] | rule: `lib.rs` and `mod.rs` hold nothing but their table |
//! | [`text`] | rules on lines: headers, sizes, marks without an issue, paths of one machine, reasons of dependencies |

pub(crate) mod arrows;
pub(crate) mod check;
pub(crate) mod contents;
pub(crate) mod finding;
pub(crate) mod floors;
pub(crate) mod paths;
pub(crate) mod rooms;
pub(crate) mod source;
pub(crate) mod text;
pub(crate) mod tree;
