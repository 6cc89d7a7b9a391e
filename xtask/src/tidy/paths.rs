//! Every path that a source file names: in `use`, in types and expressions, and inside macro calls.
//!
//! Macro bodies are only tokens to `syn`, so there `a::b::c` is recognised by its signs.

use std::collections::HashSet;

use anyhow::Context;
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// One named path.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// The words between the `::`. A glob ends in `*`.
    pub(crate) segments: Vec<String>,
    /// Line, from 1.
    pub(crate) line: usize,
    /// Stands in code under `#[cfg(test)]`.
    pub(crate) in_test: bool,
    /// The inline modules around it.
    pub(crate) inline: Vec<String>,
}

/// What a source file names.
#[derive(Default)]
pub(crate) struct Names {
    /// Its paths, in order.
    pub(crate) paths: Vec<Named>,
    /// The words that its `use` lines bring in. A path that starts with one of them is no crate.
    pub(crate) imported: HashSet<String>,
}

/// Reads a source file.
///
/// # Errors
/// When it is not Rust.
pub(crate) fn read(path: &str, text: &str) -> anyhow::Result<(syn::File, Names)> {
    let file = syn::parse_file(text).with_context(|| format!("cannot parse {path}"))?;
    let mut collector = Collector::default();
    collector.visit_file(&file);
    Ok((file, collector.names))
}

/// The attributes of those items that may stand under `#[cfg(test)]`.
pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

#[derive(Default)]
struct Collector {
    names: Names,
    inline: Vec<String>,
    in_test: bool,
}

impl Collector {
    fn name(&mut self, segments: Vec<String>, line: usize) {
        let (in_test, inline) = (self.in_test, self.inline.clone());
        self.names.paths.push(Named { segments, line, in_test, inline });
    }

    fn use_tree(&mut self, tree: &UseTree, before: &[String]) {
        let with = |word: &str| before.iter().cloned().chain([word.to_owned()]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(path) => {
                self.use_tree(&path.tree, &with(&path.ident.to_string()));
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(tree, before);
                }
            }
            UseTree::Glob(glob) => self.name(with("*"), glob.star_token.spans[0].start().line),
            UseTree::Name(name) => {
                let line = name.ident.span().start().line;
                self.import(with(&name.ident.to_string()), None, line);
            }
            UseTree::Rename(rename) => {
                let line = rename.ident.span().start().line;
                let alias = rename.rename.to_string();
                self.import(with(&rename.ident.to_string()), Some(alias), line);
            }
        }
    }

    fn import(&mut self, mut segments: Vec<String>, alias: Option<String>, line: usize) {
        // `use a::b::{self}` names `a::b`.
        if segments.len() > 1 && segments.last().is_some_and(|word| word == "self") {
            segments.pop();
        }
        // `use store;` brings in no other name than the crate's own.
        if segments.len() > 1 || alias.is_some() {
            self.names.imported.extend(alias.or_else(|| segments.last().cloned()));
        }
        self.name(segments, line);
    }

    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is_colon =
            |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == ':');
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(first) => {
                    let line = first.span().start().line;
                    let mut segments = vec![first.to_string()];
                    while is_colon(at + 1) && is_colon(at + 2) {
                        let Some(TokenTree::Ident(next)) = tokens.get(at + 3) else {
                            break;
                        };
                        segments.push(next.to_string());
                        at += 3;
                    }
                    if segments.len() > 1 {
                        self.name(segments, line);
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item(&mut self, item: &'ast Item) {
        let before = self.in_test;
        self.in_test |= attributes(item).iter().any(is_cfg_test);
        visit::visit_item(self, item);
        self.in_test = before;
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.inline.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.inline.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.use_tree(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            let line = path.segments[0].ident.span().start().line;
            self.name(path.segments.iter().map(|part| part.ident.to_string()).collect(), line);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}

fn is_cfg_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
}
