//! `POST /sql`: what an administrator wants to know once. Off unless it is switched on; it reads, within limits, and leaves a line
//! in the audit trail.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::response::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use model::json::write_string;
use serde::Deserialize;
use serde_json::{Map, Value};
use store::{SqlAsk, SqlKind, SqlLimits, SqlParam, SqlPlan, SqlRows, SqlType, SqlValue, Statement};

use crate::auth::principal::Principal;
use crate::edge::Edge;
use crate::error::Kind;
use crate::holder::Holder;
use crate::problem::Problem;
use crate::queries::shape::write_json;
use crate::queries::values::LIST_VALUES_MAX;
use crate::routes::audit;
use crate::routes::document;
use crate::routes::queries::{fits, problem, statement_place};

/// Of the statement, in the audit trail.
const NOTED_CHARS: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    sql: String,
    #[serde(default)]
    params: Map<String, Value>,
    #[serde(default)]
    plan: bool,
}

/// Runs one statement, or says how it would run.
pub(crate) async fn sql(
    State(edge): State<Arc<Edge>>,
    Extension(principal): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let Some(limits) = edge.queries.sql else {
        return Err(Kind::SqlDisabled.problem("SQL of administrators is switched off."));
    };
    let (parts, body) = request.into_parts();
    let Wish { sql, params, plan } = document::read(&edge, &parts, body).await?;
    let (params, values): (Vec<_>, Vec<_>) = params
        .iter()
        .map(|(name, value)| param(name, value))
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .unzip();
    let statement = Statement::parse(edge.queries.dialect, &sql, params)
        .map_err(|error| Kind::SqlRefused.problem(format!("{error}.")).pointer("/sql"))?;
    let noted: String = sql.chars().take(NOTED_CHARS).collect();
    let detail = serde_json::json!({ "sql": noted }).to_string();
    let act = if plan { "sql.plan" } else { "sql.run" };
    audit::note(&edge, &principal, act, "", detail).await?;
    let ask = SqlAsk { statement: Arc::new(statement), values, limits, plan: SqlPlan::Once };
    let holder = Holder::in_request(&parts.extensions);
    let _place = statement_place(&edge, holder, limits.time_max).await?;
    let begun = Instant::now();
    let body = if plan {
        let lines = edge.stores.sql.plan_sql(ask).await.map_err(problem)?;
        lines_of_plan(&lines, begun)
    } else {
        let rows = edge.stores.sql.read_sql(ask).await.map_err(problem)?;
        table(rows, &limits, begun).await?
    };
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// The lines of a plan, all of them, in the form of any other answer.
fn lines_of_plan(lines: &[String], begun: Instant) -> Vec<u8> {
    let rows: Vec<[&str; 1]> = lines.iter().map(|line| [line.as_str()]).collect();
    let ms = begun.elapsed().as_secs_f64() * 1_000.0;
    let columns = [serde_json::json!({ "name": "plan", "type": "text" })];
    let answer =
        serde_json::json!({ "columns": columns, "rows": rows, "truncated": false, "ms": ms });
    answer.to_string().into_bytes()
}

/// `{"columns":[…],"rows":[[…],…],"truncated":…,"ms":…}`
async fn table(mut rows: SqlRows, limits: &SqlLimits, begun: Instant) -> Result<Vec<u8>, Problem> {
    let columns = Arc::clone(&rows.columns);
    let mut out = b"{\"columns\":[".to_vec();
    for (at, column) in columns.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b",{\"name\":" } else { b"{\"name\":" });
        write_string(&mut out, &column.name);
        out.extend_from_slice(b",\"type\":");
        write_string(&mut out, &column.kind);
        out.push(b'}');
    }
    out.extend_from_slice(b"],\"rows\":[");
    let (mut n_cells, mut is_cut) = (0, false);
    while let Some(piece) = rows.next().await.map_err(problem)? {
        for cell in piece.cells() {
            if n_cells % columns.len() == 0 {
                out.extend_from_slice(if n_cells > 0 { b"],[" } else { b"[" });
            } else {
                out.push(b',');
            }
            write_json(&mut out, cell);
            n_cells += 1;
        }
        is_cut |= piece.is_cut;
        fits(&out, limits).map_err(problem)?;
    }
    if n_cells > 0 {
        out.push(b']');
    }
    let ms = begun.elapsed().as_secs_f64() * 1_000.0;
    out.extend_from_slice(format!("],\"truncated\":{is_cut},\"ms\":{ms:.3}}}").as_bytes());
    Ok(out)
}

/// A parameter, typed by its JSON value.
fn param(name: &str, value: &Value) -> Result<(SqlParam, SqlValue), Problem> {
    let refuse = |words: &str| {
        let pointer = format!("/params/{}", name.replace('~', "~0").replace('/', "~1"));
        Kind::BadValue.problem(format!("The value of {name:?} {words}.")).pointer(pointer)
    };
    let (of, is_list, value) = match value {
        Value::Array(values) if values.len() > LIST_VALUES_MAX => {
            return Err(refuse(&format!("has more than {LIST_VALUES_MAX} items")));
        }
        Value::Array(values) => {
            let values: Option<Vec<_>> = values.iter().map(scalar).collect();
            let values =
                values.ok_or_else(|| refuse("is no list of texts, numbers or truth values"))?;
            let of = values.first().map_or(SqlType::Text, |(of, _)| *of);
            if values.iter().any(|(other, _)| *other != of) {
                return Err(refuse("has items of different types"));
            }
            (of, true, SqlValue::List(values.into_iter().map(|(_, value)| value).collect()))
        }
        Value::Null => (SqlType::Text, false, SqlValue::Null),
        value => {
            let (of, value) = scalar(value).ok_or_else(|| refuse("is no value of SQL"))?;
            (of, false, value)
        }
    };
    Ok((SqlParam { name: name.to_owned(), kind: SqlKind { of, is_list } }, value))
}

fn scalar(value: &Value) -> Option<(SqlType, SqlValue)> {
    match value {
        Value::String(text) if text.contains('\0') => None,
        Value::String(text) => Some((SqlType::Text, SqlValue::Text(text.clone()))),
        Value::Bool(is_true) => Some((SqlType::Bool, SqlValue::Bool(*is_true))),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Some((SqlType::Int, SqlValue::Int(number))),
            None if number.is_f64() => Some((SqlType::Float, SqlValue::Float(number.as_f64()?))),
            None => None,
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
