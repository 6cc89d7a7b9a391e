//! A row that came as texts, as a schema sees it.

use std::borrow::Cow;

use store::{Column, ColumnKind};

/// A CSV row as the JSON object that it would have been, for a schema.
pub(crate) fn to_json(
    columns: &[Column],
    places: &[usize],
    values: &[Option<Cow<'_, str>>],
) -> String {
    let mut out = Vec::from(*b"{");
    for (nth, (&at, value)) in places.iter().zip(values).enumerate() {
        if nth > 0 {
            out.push(b',');
        }
        model::json::write_string(&mut out, &columns[at].name);
        out.push(b':');
        match (value, columns[at].kind) {
            (None, _) => out.extend_from_slice(b"null"),
            (
                Some(text),
                ColumnKind::Int { .. }
                | ColumnKind::Float { .. }
                | ColumnKind::Decimal { .. }
                | ColumnKind::Bool
                | ColumnKind::Json,
            ) => out.extend_from_slice(text.as_bytes()),
            (Some(text), _) => model::json::write_string(&mut out, text),
        }
    }
    out.push(b'}');
    String::from_utf8(out).expect("names and values are texts")
}
