//! Rule: the rooms of a crate form no cycle, and nobody imports a room through a table of contents.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use crate::tidy::finding::Finding;
use crate::tidy::floors::FLOORS;
use crate::tidy::rooms::{Kind, Place, Rooms};
use crate::tidy::source::Source;

/// Rooms that one file may import before it is warned about.
const ARROWS_MAX: usize = 12;

/// Files that join everything on purpose.
const JOINERS: &[&str] = &["router", "wiring", "app", "main"];

/// From file to the files it imports, each with the line of the first import.
type Graph<'a> = BTreeMap<&'a str, BTreeMap<&'a str, usize>>;

/// Runs the rule. Returns how many arrows a room has on average.
pub(crate) fn check<'a>(
    sources: &'a [Source<'a>],
    rooms: &'a Rooms,
    findings: &mut Vec<Finding>,
) -> f64 {
    let mut graph = Graph::new();
    let mut n_arrows = 0;
    let mut n_rooms = 0;
    for source in sources {
        let arrows = arrows(source, rooms, findings);
        if source.place.kind == Kind::Table || source.place.is_test {
            continue;
        }
        let n = arrows.len() + floors_named(source).len();
        n_arrows += n;
        n_rooms += 1;
        let joins = JOINERS.iter().any(|name| source.path.ends_with(&format!("/{name}.rs")));
        if n >= ARROWS_MAX && !joins {
            let what = format!(
                "{n} arrows (rooms and crates of ours that it imports), under {ARROWS_MAX} wanted: does it do two things?"
            );
            findings.push(Finding::new(source.path, 1, what).warning());
        }
        graph.insert(source.path, arrows);
    }
    cycles(&graph, findings);
    f64::from(n_arrows as u32) / f64::from((n_rooms as u32).max(1))
}

/// Where the paths of a file lead inside its crate. Adds a finding for each that leads into a table of contents.
fn arrows<'a>(
    source: &'a Source<'a>,
    rooms: &'a Rooms,
    findings: &mut Vec<Finding>,
) -> BTreeMap<&'a str, usize> {
    let mut arrows = BTreeMap::new();
    let mut told = HashSet::new();
    for named in &source.names.paths {
        let path = named.segments.join("::");
        if path.starts_with("super::super::") && told.insert((named.line, "super")) {
            let what = "`super::super`: spell the path from `crate::`";
            findings.push(Finding::new(source.path, named.line, what));
        }
        let Some(to) = rooms.resolve(&source.place, &named.inline, &named.segments) else {
            continue;
        };
        if to == source.path {
            continue;
        }
        let is_room = Place::of(to).is_some_and(|place| place.kind == Kind::Room);
        if !is_room {
            if source.place.kind != Kind::Table && told.insert((named.line, to)) {
                let what = format!(
                    "`{path}` goes through {to}, a table of contents: import the room that it lives in"
                );
                findings.push(Finding::new(source.path, named.line, what));
            }
        } else if !named.in_test {
            arrows.entry(to).or_insert(named.line);
        }
    }
    arrows
}

/// The crates of ours that a file names.
fn floors_named<'a>(source: &'a Source<'_>) -> BTreeSet<&'a str> {
    let first = source.names.paths.iter().filter(|named| !named.in_test);
    first
        .filter_map(|named| named.segments.first())
        .map(String::as_str)
        .filter(|&name| name != source.place.crate_name && !source.names.imported.contains(name))
        .filter(|&name| FLOORS.iter().any(|(floor, _)| *floor == name))
        .collect()
}

/// Reports each shortest cycle once, at its first file.
fn cycles(graph: &Graph<'_>, findings: &mut Vec<Finding>) {
    let mut told: HashSet<&str> = HashSet::new();
    for &start in graph.keys() {
        if told.contains(start) {
            continue;
        }
        let Some(cycle) = shortest_cycle(graph, start) else {
            continue;
        };
        told.extend(&cycle);
        let next = |at: usize| cycle[(at + 1) % cycle.len()];
        let steps: Vec<String> = (0..cycle.len())
            .map(|at| format!("{}:{} -> {}", cycle[at], graph[cycle[at]][next(at)], next(at)))
            .collect();
        let what = format!(
            "import cycle: {}. Cut one arrow: by an id, a trait, a returned value, a message, or one file for both",
            steps.join(", ")
        );
        findings.push(Finding::new(start, graph[start][next(0)], what));
    }
}

fn shortest_cycle<'a>(graph: &Graph<'a>, start: &'a str) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for &to in graph.get(at)?.keys().filter(|to| graph.contains_key(**to)) {
            if to == start {
                let mut cycle = vec![at];
                while cycle[cycle.len() - 1] != start {
                    cycle.push(came_from[cycle[cycle.len() - 1]]);
                }
                cycle.reverse();
                return Some(cycle);
            }
            if !came_from.contains_key(to) {
                came_from.insert(to, at);
                queue.push_back(to);
            }
        }
    }
    None
}
