//! What the description of the API says of each published query: its path, its parameters with their types, how it answers.

use serde_json::{Map, Value, json};
use store::{SqlKind, SqlType, SqlValue};

use crate::queries::published::{Query, QueryAccess, QueryParam};
use crate::queries::values::{LIST_VALUES_MAX, allowed};

/// The type's name in the configuration.
pub(crate) fn kind_name(kind: SqlKind) -> &'static str {
    match (kind.of, kind.is_list) {
        (SqlType::Text, false) => "text",
        (SqlType::Int, false) => "int",
        (SqlType::Float, false) => "float",
        (SqlType::Bool, false) => "bool",
        (SqlType::Date, false) => "date",
        (SqlType::Timestamp, false) => "timestamp",
        (SqlType::Uuid, false) => "uuid",
        (SqlType::Text, true) => "text[]",
        (SqlType::Int, true) => "int[]",
        (SqlType::Float, true) => "float[]",
        (SqlType::Bool, true) => "bool[]",
        (SqlType::Date, true) => "date[]",
        (SqlType::Timestamp, true) => "timestamp[]",
        (SqlType::Uuid, true) => "uuid[]",
    }
}

/// Reads a type's name.
pub fn parse_kind(name: &str) -> Option<SqlKind> {
    let types = [
        SqlType::Text,
        SqlType::Int,
        SqlType::Float,
        SqlType::Bool,
        SqlType::Date,
        SqlType::Timestamp,
        SqlType::Uuid,
    ];
    let mut all =
        types.into_iter().flat_map(|of| [false, true].map(|is_list| SqlKind { of, is_list }));
    all.find(|kind| kind_name(*kind) == name)
}

/// The scope that a request needs.
pub(crate) fn scope_name(access: QueryAccess) -> Option<&'static str> {
    match access {
        QueryAccess::Public => None,
        QueryAccess::Read => Some("read"),
        QueryAccess::Admin => Some("admin"),
    }
}

/// Adds the paths of all queries.
pub(crate) fn add(paths: &mut Map<String, Value>, queries: &[std::sync::Arc<Query>]) {
    for query in queries {
        let path = &query.options.path;
        paths.insert(path.clone(), json!({ "get": operation(query, false) }));
        paths.insert(format!("{path}.csv"), json!({ "get": operation(query, true) }));
    }
}

fn operation(query: &Query, is_csv: bool) -> Value {
    let options = &query.options;
    let name = &options.name;
    let kind = if is_csv { "Csv" } else { "" };
    let rows = json!({
        "type": "object",
        "required": [name],
        "properties": { name.as_str(): { "type": "array", "items": { "type": "object" } } },
    });
    let csv = json!({ "text/csv": { "schema": { "type": "string" } } });
    let all = json!({
        "application/json": { "schema": rows },
        "application/x-ndjson": { "schema": { "type": "string" } },
        "text/csv": { "schema": { "type": "string" } },
    });
    let refusal = |words: &str| {
        json!({
            "description": words,
            "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
        })
    };
    let mut operation = json!({
        "operationId": format!("query_{name}{kind}"),
        "tags": ["queries"],
        "summary": if is_csv { format!("Query {name}, as CSV") } else { format!("Query {name}") },
        "description": options.description,
        "parameters": options.params.iter().map(parameter).collect::<Vec<_>>(),
        "responses": {
            "200": {
                "description": "The rows.",
                "headers": { "ETag": { "description": "Names these very bytes; lines have none.", "schema": { "type": "string" } } },
                "content": if is_csv { csv } else { all },
            },
            "304": { "description": "`If-None-Match` names the answer." },
            "400": refusal("`bad_parameter`: the detail names the parameter and what it must be. Parameters that are not described are ignored."),
            "403": { "$ref": "#/components/responses/Foreign" },
            "422": refusal("`result_too_large`, `query_timeout`: ask for less. `sql_failed`: the database could not answer for these values; its words are for administrators."),
            "429": { "$ref": "#/components/responses/RateLimited" },
            "503": refusal("`too_many_queries`, `too_many_exports`: ask again in a second, and not more at a time than is left for others. `database_unavailable`: ask again in a second. `query_broken`: the database does not take the query."),
        },
    });
    if options.access != QueryAccess::Public {
        operation["security"] = json!([{ "token": [] }, {}]);
        operation["responses"]["401"] = json!({ "$ref": "#/components/responses/NoToken" });
    }
    operation
}

fn parameter(param: &QueryParam) -> Value {
    let one = match param.kind.of {
        SqlType::Text => json!({ "type": "string", "minLength": 1, "maxLength": 1024 }),
        SqlType::Int => json!({ "type": "integer", "format": "int64" }),
        SqlType::Float => json!({ "type": "number" }),
        SqlType::Bool => json!({ "type": "boolean" }),
        SqlType::Date => json!({ "type": "string", "format": "date" }),
        SqlType::Timestamp => json!({ "type": "string", "format": "date-time" }),
        SqlType::Uuid => json!({ "type": "string", "format": "uuid" }),
    };
    let mut schema = if param.kind.is_list {
        json!({ "type": "array", "items": one, "minItems": 1, "maxItems": LIST_VALUES_MAX })
    } else {
        one
    };
    if let Some((value, _)) = &param.default {
        schema["default"] = json_of(value);
    }
    let words = format!("{} {}.", param.description, capital(&allowed(param.kind)));
    json!({
        "name": param.name,
        "in": "query",
        "required": param.default.is_none() && !param.is_optional,
        "description": words.trim(),
        "schema": schema,
    })
}

fn json_of(value: &SqlValue) -> Value {
    match value {
        SqlValue::Null => Value::Null,
        SqlValue::List(values) => values.iter().map(json_of).collect(),
        SqlValue::Text(text) => text.as_str().into(),
        SqlValue::Int(number) => (*number).into(),
        SqlValue::Float(number) => (*number).into(),
        SqlValue::Bool(is_true) => (*is_true).into(),
    }
}

fn capital(words: &str) -> String {
    let mut signs = words.chars();
    signs.next().map_or_else(String::new, |first| first.to_uppercase().chain(signs).collect())
}
