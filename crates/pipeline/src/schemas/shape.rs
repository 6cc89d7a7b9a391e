//! What a schema is made of, looked at before it is compiled: whoever may change schemas must not be able to stop the server
//! with one.
//!
//! Every place where a schema may stand inside a schema is found; only those may be referred to. Bounds, by name: bytes, depth
//! and number of values of the text; how many schemas one value can be sent through ([`WEIGHT_MAX`]) and how many of them can
//! stand in each other ([`LEVELS_MAX`]), with every `$ref` followed. Invariant: nothing here or in the compiler goes deeper
//! than these bounds, so no stack runs over.

use std::collections::HashMap;

use serde_json::Value;

use crate::schemas::bad::BadSchema;
use crate::schemas::patterns::Budget;
use crate::schemas::steps::PatternCost;

/// Longest text of a schema.
pub const SCHEMA_BYTES_MAX: usize = 256 << 10;
/// Deepest nesting of its text.
const DEPTH_MAX: usize = 64;
/// Most values in it: members, elements, texts.
const VALUES_MAX: usize = 50_000;
/// Most schemas that one event goes through, every `$ref` followed, recursion not repeated.
const WEIGHT_MAX: usize = 20_000;
/// Most of them in each other.
pub(crate) const LEVELS_MAX: usize = 128;
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

impl std::error::Error for BadSchema {}

/// What the bounds of judging depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// How many schemas stand in each other at most, recursion not repeated.
    pub(crate) levels: usize,
    /// Whether a schema comes back to itself further down in the data.
    pub(crate) is_recursive: bool,
    /// What its patterns cost.
    pub(crate) pattern_cost: PatternCost,
}

/// How the schema in a keyword is applied.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Applied {
    /// To the same value.
    Here,
    /// To a part of it.
    Deeper,
    /// To the names of its members.
    Names,
    /// Only where something refers to it.
    Never,
}

/// Keywords that hold one schema, a list of them, or an object of them.
const ONE: &[(&str, Applied)] = &[
    ("not", Applied::Here),
    ("if", Applied::Here),
    ("then", Applied::Here),
    ("else", Applied::Here),
    ("additionalProperties", Applied::Deeper),
    ("items", Applied::Deeper),
    ("contains", Applied::Deeper),
    ("propertyNames", Applied::Names),
    ("unevaluatedProperties", Applied::Deeper),
    ("unevaluatedItems", Applied::Deeper),
    ("contentSchema", Applied::Never),
];
const LIST: &[(&str, Applied)] = &[
    ("allOf", Applied::Here),
    ("anyOf", Applied::Here),
    ("oneOf", Applied::Here),
    ("prefixItems", Applied::Deeper),
];
const NAMED: &[(&str, Applied)] = &[
    ("dependentSchemas", Applied::Here),
    ("properties", Applied::Deeper),
    ("patternProperties", Applied::Deeper),
    ("$defs", Applied::Never),
    ("definitions", Applied::Never),
];

/// Checks all bounds and references.
pub(crate) fn check(schema: &Value) -> Result<Shape, BadSchema> {
    let mut n_values = 0;
    count(schema, 1, &mut n_values)?;
    let mut graph = Graph::default();
    graph.add(schema, String::new())?;
    graph.link()?;
    graph.no_standing_circle()?;
    let mut walk = Walk {
        graph: &graph,
        path: Vec::new(),
        n_left: WEIGHT_MAX,
        levels: 0,
        is_recursive: false,
        name_patterns_bytes: 0,
    };
    walk.visit(0, false)?;
    let Walk { levels, is_recursive, name_patterns_bytes: name, .. } = walk;
    let text = graph.places.iter().map(|place| place.pattern_bytes).max().unwrap_or(0);
    Ok(Shape { levels, is_recursive, pattern_cost: PatternCost { text, name } })
}

fn count(value: &Value, depth: usize, n_values: &mut usize) -> Result<(), BadSchema> {
    *n_values += 1;
    if *n_values > VALUES_MAX {
        return Err(BadSchema::new("", format!("it holds more than {VALUES_MAX} values")));
    }
    if depth > DEPTH_MAX {
        return Err(BadSchema::new("", format!("it nests deeper than {DEPTH_MAX} levels")));
    }
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| count(item, depth + 1, n_values)),
        Value::Object(members) => {
            members.values().try_for_each(|member| count(member, depth + 1, n_values))
        }
        _ => Ok(()),
    }
}

/// All schemas of a text and which applies which.
#[derive(Default)]
struct Graph {
    places: Vec<Place>,
    by_pointer: HashMap<String, usize>,
    /// `$anchor` and `$dynamicAnchor`.
    by_anchor: HashMap<String, usize>,
    budget: Budget,
}

struct Place {
    pointer: String,
    applies: Vec<(usize, Applied)>,
    /// What `$ref` and `$dynamicRef` say.
    refs: Vec<(&'static str, String)>,
    /// Compiled size of `pattern`, and of all names in `patternProperties`.
    pattern_bytes: usize,
    name_patterns_bytes: usize,
}

impl Graph {
    /// Adds a schema and those inside it.
    fn add(&mut self, schema: &Value, pointer: String) -> Result<usize, BadSchema> {
        let at = self.places.len();
        self.by_pointer.insert(pointer.clone(), at);
        self.places.push(Place {
            pointer: pointer.clone(),
            applies: Vec::new(),
            refs: Vec::new(),
            pattern_bytes: 0,
            name_patterns_bytes: 0,
        });
        let Some(members) = schema.as_object() else { return Ok(at) };
        for (name, value) in members {
            let inner = format!("{pointer}/{}", escaped(name));
            self.note(at, name, value, &inner)?;
            let applied = |table: &[(&str, Applied)]| {
                table.iter().find(|(known, _)| known == name).map(|(_, applied)| *applied)
            };
            let mut found = Vec::new();
            if let Some(applied) = applied(ONE) {
                found.push((value, inner, applied));
            } else if let (Some(applied), Some(items)) = (applied(LIST), value.as_array()) {
                let items = items.iter().enumerate();
                found.extend(items.map(|(nth, item)| (item, format!("{inner}/{nth}"), applied)));
            } else if let (Some(applied), Some(named)) = (applied(NAMED), value.as_object()) {
                for (name, item) in named {
                    found.push((item, format!("{inner}/{}", escaped(name)), applied));
                }
            }
            if let ("patternProperties", Some(named)) = (name.as_str(), value.as_object()) {
                for pattern in named.keys() {
                    let bytes = self.budget.take(pattern, &format!("{pointer}/{name}"))?;
                    self.places[at].name_patterns_bytes += bytes;
                }
            }
            for (value, pointer, applied) in found {
                let child = self.add(value, pointer)?;
                self.places[at].applies.push((child, applied));
            }
        }
        Ok(at)
    }

    /// What identifies and refers.
    fn note(
        &mut self,
        at: usize,
        name: &str,
        value: &Value,
        pointer: &str,
    ) -> Result<(), BadSchema> {
        let Some(text) = value.as_str() else { return Ok(()) };
        let is_root = at == 0;
        match name {
            "$schema" if !is_root || text.trim_end_matches('#') != DRAFT => Err(BadSchema::new(
                pointer,
                format!("schemas are of draft 2020-12; write {DRAFT}, or leave it out"),
            )),
            "$id" if !is_root => {
                Err(BadSchema::new(pointer, "only the whole schema may have an $id"))
            }
            "$anchor" | "$dynamicAnchor" => {
                self.by_anchor.insert(text.to_owned(), at);
                Ok(())
            }
            "pattern" => {
                self.places[at].pattern_bytes = self.budget.take(text, pointer)?;
                Ok(())
            }
            "$ref" | "$dynamicRef" => {
                if !text.starts_with('#') {
                    let shown: String = text.chars().take(100).collect();
                    return Err(BadSchema::new(
                        pointer,
                        format!(
                            "{shown:?} is outside of this schema, and nothing is ever fetched; put it into $defs and refer to \"#/$defs/…\""
                        ),
                    ));
                }
                let keyword = if name == "$ref" { "$ref" } else { "$dynamicRef" };
                self.places[at].refs.push((keyword, text.to_owned()));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Turns references into the places that they mean.
    fn link(&mut self) -> Result<(), BadSchema> {
        for at in 0..self.places.len() {
            for (keyword, text) in std::mem::take(&mut self.places[at].refs) {
                let fragment = text.strip_prefix('#').and_then(percent_decoded);
                let target = fragment.and_then(|fragment| {
                    let is_pointer = fragment.is_empty() || fragment.starts_with('/');
                    let table = if is_pointer { &self.by_pointer } else { &self.by_anchor };
                    table.get(&fragment).copied()
                });
                let Some(target) = target else {
                    let shown: String = text.chars().take(100).collect();
                    let pointer = format!("{}/{keyword}", self.places[at].pointer);
                    return Err(BadSchema::new(
                        pointer,
                        format!("there is no schema at {shown:?}"),
                    ));
                };
                self.places[at].applies.push((target, Applied::Here));
            }
        }
        Ok(())
    }

    /// Refuses a schema that comes back to itself without going deeper into the data. Without recursion of its own, because
    /// a chain may be as long as the text.
    fn no_standing_circle(&self) -> Result<(), BadSchema> {
        #[derive(Clone, Copy, PartialEq)]
        enum Seen {
            Not,
            Under,
            Done,
        }
        let mut seen = vec![Seen::Not; self.places.len()];
        for root in 0..self.places.len() {
            let mut stack = vec![(root, 0)];
            while let Some((at, nth)) = stack.pop() {
                if nth == 0 {
                    if seen[at] != Seen::Not {
                        continue;
                    }
                    seen[at] = Seen::Under;
                }
                let here = self.places[at].applies.iter().filter(|(_, how)| *how == Applied::Here);
                let Some((next, _)) = here.clone().nth(nth) else {
                    seen[at] = Seen::Done;
                    continue;
                };
                stack.push((at, nth + 1));
                match seen[*next] {
                    Seen::Not => stack.push((*next, 0)),
                    Seen::Under => {
                        return Err(BadSchema::new(
                            &self.places[at].pointer,
                            "it refers back to itself without going deeper into the data",
                        ));
                    }
                    Seen::Done => {}
                }
            }
        }
        Ok(())
    }
}

/// Follows everything that is applied, as judging does in the worst case.
struct Walk<'g> {
    graph: &'g Graph,
    path: Vec<usize>,
    n_left: usize,
    levels: usize,
    is_recursive: bool,
    name_patterns_bytes: usize,
}

impl Walk<'_> {
    fn visit(&mut self, at: usize, in_names: bool) -> Result<(), BadSchema> {
        if self.path.contains(&at) {
            self.is_recursive = true;
            if in_names {
                // What stands below is not walked again, so all of it counts.
                self.name_patterns_bytes +=
                    self.graph.places.iter().map(|place| place.pattern_bytes).sum::<usize>();
            }
            return Ok(());
        }
        let pointer = &self.graph.places[at].pointer;
        self.n_left = self.n_left.checked_sub(1).ok_or_else(|| {
            BadSchema::new(
                pointer,
                format!(
                    "with every $ref followed, an event goes through more than {WEIGHT_MAX} schemas"
                ),
            )
        })?;
        if self.path.len() == LEVELS_MAX {
            return Err(BadSchema::new(
                pointer,
                format!(
                    "with every $ref followed, more than {LEVELS_MAX} schemas stand in each other"
                ),
            ));
        }
        self.path.push(at);
        let place = &self.graph.places[at];
        self.name_patterns_bytes += place.name_patterns_bytes;
        self.name_patterns_bytes += if in_names { place.pattern_bytes } else { 0 };
        self.levels = self.levels.max(self.path.len());
        for &(next, applied) in &place.applies {
            if applied != Applied::Never {
                self.visit(next, in_names || applied == Applied::Names)?;
            }
        }
        self.path.pop();
        Ok(())
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// `None` for what is not percent-encoded UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        decoded.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(decoded).ok()
}
