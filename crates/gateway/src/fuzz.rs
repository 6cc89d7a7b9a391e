//! What the fuzz targets of `fuzz/` call, and the suite over their corpus: texts of strangers, read, written and read again.
//!
//! Only there with the feature `fuzz`. Invariant: each function panics when a promise is broken, and never else.

use model::json::write_string;
use model::{Cursor, LogId, Seq, Timestamp};
use pipeline::NewEvent;
use store::{Dialect, SqlParam, SqlType, SqlValue, Statement, StatementError};

use crate::limits::Limits;
use crate::problem::Problem;
use crate::queries::describe::parse_kind;
use crate::queries::published::QueryParam;
use crate::queries::values::from_query;
use crate::routes::sessions::SessionCursor;
use crate::wire::body::{Place, read};
use crate::wire::envelope::Shape;
use crate::wire::media::Format;

/// A request's body, in every way that it could be read. What is accepted and written anew, one event a line, is read as
/// the same events; what is refused is refused at a place inside the body.
pub fn ndjson(body: &[u8]) {
    for shape in [Shape::Envelope, Shape::Raw] {
        for format in [Format::Lines, Format::Json] {
            let Ok(lines) = lines_of(body, format, shape) else { continue };
            let whole = lines.join(&b'\n');
            let again = lines_of(&whole, Format::Lines, shape);
            let again = again.expect("what was accepted is accepted again");
            assert_eq!(again, lines, "{shape:?} as {format:?}");
        }
    }
}

/// A cursor of pages and of `/live`, or of a session: each has one spelling only.
pub fn cursor(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(cursor) = text.parse::<Cursor>() {
            assert_eq!(cursor.to_string(), text);
        }
        if let Ok(cursor) = text.parse::<SessionCursor>() {
            assert_eq!(cursor.to_string(), text);
        }
    }
    if let Some((number, rest)) = bytes.split_first_chunk::<8>()
        && let Some((log, _)) = rest.split_first_chunk::<4>()
        && let (Some(seq), Some(log)) =
            (Seq::new(u64::from_le_bytes(*number)), LogId::new(u32::from_le_bytes(*log)))
    {
        let cursor = Cursor { log, seq };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }
}

/// A point in time: what is read is printed so that it is read as the same.
pub fn timestamp(bytes: &[u8]) {
    let same = |time: Timestamp| {
        let text = time.to_string();
        assert_eq!(text.len(), "2026-11-01T08:00:00.296000Z".len(), "{text}");
        assert_eq!(Timestamp::parse(&text), Ok(time), "{text}");
    };
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(time) = Timestamp::parse(text)
    {
        same(time);
    }
    if let Some((micros, _)) = bytes.split_first_chunk::<8>() {
        same(Timestamp::from_micros(i64::from_le_bytes(*micros)));
    }
}

/// A SQL text and a query string, cut at the first line break: what is taken for parameters stays out of strings and
/// comments, and a value that is let through is one of its type. A text of a database that is numbered can be read again.
pub fn sql(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (query, sql) = text.split_once('\n').unwrap_or((text, ""));
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let kinds = ["text", "int", "float", "bool", "date", "timestamp", "uuid"];
    for list in ["", "[]"] {
        let params: Vec<QueryParam> = names
            .iter()
            .zip(kinds)
            .map(|(name, kind)| QueryParam {
                name: (*name).to_owned(),
                kind: parse_kind(&format!("{kind}{list}")).expect("it is one of them"),
                default: None,
                is_optional: true,
                description: String::new(),
            })
            .collect();
        if let Ok(values) = from_query(Some(query), &params) {
            assert_eq!(values.len(), params.len());
            for (value, param) in values.iter().zip(&params) {
                is_of_its_type(value, param.kind.of);
            }
        }
    }
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let kind = parse_kind("int").expect("it is one of them");
        let declared: Vec<SqlParam> =
            names.iter().map(|name| SqlParam { name: (*name).to_owned(), kind }).collect();
        let unused = match Statement::parse(dialect, sql, declared.clone()) {
            Err(StatementError::Parameters { undeclared, unused }) if undeclared.is_empty() => {
                unused
            }
            _ => Vec::new(),
        };
        let used = declared.into_iter().filter(|param| !unused.contains(&param.name)).collect();
        if let Ok(statement) = Statement::parse(dialect, sql, used)
            && statement.params().is_empty()
        {
            let again = Statement::parse(dialect, statement.text(), Vec::new());
            assert_eq!(again.as_ref().map(Statement::text), Ok(statement.text()), "{dialect:?}");
        }
    }
}

fn is_of_its_type(value: &SqlValue, of: SqlType) {
    match (value, of) {
        (SqlValue::List(values), of) => values.iter().for_each(|value| is_of_its_type(value, of)),
        (SqlValue::Text(text), SqlType::Date) => {
            assert!(text.len() == 10 && text != "0000-00-00", "{text}");
        }
        (SqlValue::Text(text), SqlType::Timestamp) => {
            assert!(Timestamp::parse(text).is_ok() && text.ends_with('Z'), "{text}");
        }
        (SqlValue::Text(text), SqlType::Uuid) => assert_eq!(text.len(), 36),
        (SqlValue::Text(text), SqlType::Text) => {
            assert!(!text.is_empty() && !text.contains('\0'), "{text}");
        }
        (SqlValue::Float(number), SqlType::Float) => assert!(number.is_finite()),
        (SqlValue::Null, _)
        | (SqlValue::Int(_), SqlType::Int)
        | (SqlValue::Bool(_), SqlType::Bool) => {}
        (value, of) => panic!("{value:?} as {of:?}"),
    }
}

/// The accepted events of a body, each as a line of its own.
fn lines_of(body: &[u8], format: Format, shape: Shape) -> Result<Vec<Vec<u8>>, Problem> {
    let mut lines = Vec::new();
    let taken = read(body, format, shape, &Limits::default(), &mut |place, event| {
        if let Ok(event) = &event {
            let is_in_order = place == Place::Only || place.index() == lines.len();
            assert!(is_in_order, "{place:?} after {} events", lines.len());
            lines.push(line_of(event, shape));
        }
        event.map(drop)
    });
    match taken {
        Ok(_) => Ok(lines),
        Err(problem) => {
            let offset = problem.facts().position.and_then(|position| position.offset);
            assert!(offset.is_none_or(|offset| offset <= body.len()), "{problem:?}");
            Err(problem)
        }
    }
}

fn line_of(event: &NewEvent<'_>, shape: Shape) -> Vec<u8> {
    // Line breaks stand between tokens only, so spaces in their place change nothing.
    let data = event.data.map(|data| data.replace(['\r', '\n'], " "));
    if shape == Shape::Raw {
        return data.expect("a raw event is its data").into_bytes();
    }
    let mut line = b"{".to_vec();
    let texts = [
        ("id", &event.id),
        ("session_id", &event.session_id),
        ("category", &event.category),
        ("name", &event.name),
        ("timestamp", &event.timestamp),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            write_string(&mut line, name);
            line.push(b':');
            write_string(&mut line, text);
            line.push(b',');
        }
    }
    line.extend_from_slice(b"\"data\":");
    line.extend_from_slice(data.as_deref().unwrap_or("null").as_bytes());
    line.push(b'}');
    line
}
