//! A JSON array as the text that PostgreSQL reads arrays from: `[1,null,"a,b"]` as `{1,NULL,"a,b"}`.
//!
//! Every text stands in quotes, whatever it says, so that no empty one vanishes and none is read as NULL, a brace or a comma.
//! What the elements have to be is for the database to judge: the type behind an array may be one that only it knows.

use std::borrow::Cow;

use serde_json::value::RawValue;

/// PostgreSQL takes no more.
const DIMENSIONS_MAX: usize = 6;

/// The text for an array of scalars, nulls and arrays, which is JSON. `text` reads a JSON text as a column takes it. The error
/// completes "… is".
pub(crate) fn literal<'a>(
    raw: &'a str,
    text: impl Fn(&'a str) -> Result<Cow<'a, str>, String> + Copy,
) -> Result<String, String> {
    let mut out = String::with_capacity(raw.len() + 2);
    write(&mut out, raw, 1, text)?;
    Ok(out)
}

/// Writes one dimension and those in it; answers with the length of each.
fn write<'a>(
    out: &mut String,
    raw: &'a str,
    nth: usize,
    text: impl Fn(&'a str) -> Result<Cow<'a, str>, String> + Copy,
) -> Result<Vec<usize>, String> {
    // Before it goes down further.
    if nth > DIMENSIONS_MAX {
        return Err(format!("an array of more than {DIMENSIONS_MAX} dimensions"));
    }
    let items: Vec<&RawValue> =
        serde_json::from_str(raw).map_err(|error| format!("no array ({error})"))?;
    if items.is_empty() && nth > 1 {
        return Err("an array with an empty one in it".to_owned());
    }
    out.push('{');
    let mut lengths_of_all: Option<Vec<usize>> = None;
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        let lengths = match item.get() {
            raw if raw.starts_with('[') => write(out, raw, nth + 1, text)?,
            raw => {
                write_element(out, raw, text)?;
                Vec::new()
            }
        };
        if lengths_of_all.get_or_insert_with(|| lengths.clone()) != &lengths {
            return Err("an array whose parts are not of one length".to_owned());
        }
    }
    out.push('}');
    Ok([vec![items.len()], lengths_of_all.unwrap_or_default()].concat())
}

fn write_element<'a>(
    out: &mut String,
    raw: &'a str,
    text: impl Fn(&'a str) -> Result<Cow<'a, str>, String>,
) -> Result<(), String> {
    match raw.as_bytes().first() {
        Some(b'n') => out.push_str("NULL"),
        Some(b'{') => return Err("an array with an object in it".to_owned()),
        Some(b'"') => {
            out.push('"');
            for sign in text(raw)?.chars() {
                if matches!(sign, '"' | '\\') {
                    out.push('\\');
                }
                out.push(sign);
            }
            out.push('"');
        }
        // A number, true or false, none of which has a sign that means something.
        _ => out.push_str(raw),
    }
    Ok(())
}
