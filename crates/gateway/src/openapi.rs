//! The API's description: files written by hand (docs/adr/0005), put together, with version and server filled in.
//!
//! `openapi.json` is the frame and the main job; each file of `openapi/` adds paths and components of one subject. Tests
//! hold the whole and the router together, and its codes and those of [`crate::error`].

use bytes::Bytes;
use serde_json::{Value, json};

use crate::auth::principal::Need;
use crate::queries::describe;
use crate::queries::published::Queries;
use crate::rate::limiter::is_free;
use crate::reads;
use crate::router;

const FRAME: &str = include_str!("openapi.json");
const PARTS: &[&str] = &[
    include_str!("openapi/audit.json"),
    include_str!("openapi/batches.json"),
    include_str!("openapi/dead_letters.json"),
    include_str!("openapi/explore.json"),
    include_str!("openapi/limits.json"),
    include_str!("openapi/queries.json"),
    include_str!("openapi/schemas.json"),
    include_str!("openapi/session.json"),
    include_str!("openapi/trust.json"),
];

/// The description of this very server.
pub(crate) fn document(version: &str, public_url: &str, queries: &Queries) -> Bytes {
    let parse = |text| serde_json::from_str::<Value>(text).expect("the suite has read it");
    let mut whole = parse(FRAME);
    for part in PARTS {
        add(&mut whole, parse(part));
    }
    limit(&mut whole);
    crowd(&mut whole);
    ask_for_tokens(&mut whole);
    if let Some(paths) = whole["paths"].as_object_mut() {
        describe::add(paths, queries.all());
    }
    whole["info"]["version"] = version.into();
    whole["servers"][0]["url"] = public_url.trim_end_matches('/').into();
    Bytes::from(whole.to_string())
}

/// Everything that is not free may be answered 429, always in the same words.
fn limit(whole: &mut Value) {
    let Some(paths) = whole["paths"].as_object_mut() else { return };
    let limited = paths.iter_mut().filter(|(path, _)| !is_free(path));
    let operations = limited.filter_map(|(_, methods)| methods.as_object_mut()).flatten();
    for (_, operation) in operations {
        let response = json!({ "$ref": "#/components/responses/RateLimited" });
        operation["responses"]["429"] = response;
    }
}

/// Every read may find no place, always in the same words.
fn crowd(whole: &mut Value) {
    let Some(paths) = whole["paths"].as_object_mut() else { return };
    for (_, methods) in paths.iter_mut().filter(|(path, _)| reads::is_read(path)) {
        if let Some(Value::String(words)) = methods.pointer_mut("/get/responses/503/description") {
            words.push_str(
                " `too_many_reads`: the same, and not more at a time than is left for others.",
            );
        }
    }
}

/// Every operation that wants a token says so, and how it refuses: by the router's own table, so that none is forgotten.
fn ask_for_tokens(whole: &mut Value) {
    for route in router::routes() {
        // A spelling of another path has no description of its own.
        let Some(path) = whole["paths"].get_mut(route.path) else { continue };
        for (method, operation) in path.as_object_mut().into_iter().flatten() {
            let need = if method == "get" { route.needs.look } else { route.needs.change };
            if need != Need::Nothing {
                operation["security"] = json!([{ "token": [] }, {}]);
                operation["responses"]["401"] = json!({ "$ref": "#/components/responses/NoToken" });
            }
        }
    }
}

/// Objects are joined name by name, lists one behind the other.
fn add(whole: &mut Value, part: Value) {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            for (name, value) in part {
                match whole.get_mut(&name) {
                    Some(there) => add(there, value),
                    None => drop(whole.insert(name, value)),
                }
            }
        }
        (Value::Array(whole), Value::Array(part)) => whole.extend(part),
        (whole, part) => {
            assert_eq!(*whole, part, "two parts of the description contradict each other");
        }
    }
}
