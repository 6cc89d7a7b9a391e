//! `csv`: what comes back out of a row is what went in, and no cell of a client's is a formula.

use model::{ContentHash, Draft, Event, LogId, Seq, Timestamp};
use store::Listed;

use crate::csv::{header, write_event};

/// RFC 4180, read by the letter.
fn parse(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut signs = text.chars().peekable();
    let mut is_quoted = false;
    while let Some(sign) = signs.next() {
        match sign {
            '"' if is_quoted && signs.peek() == Some(&'"') => {
                cell.push('"');
                signs.next();
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !is_quoted => {
                assert_eq!(signs.next(), Some('\n'), "rows end with CR LF");
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            other => cell.push(other),
        }
    }
    assert!(cell.is_empty() && row.is_empty() && !is_quoted, "every row has its end");
    rows
}

fn listed(label: &str, data: &str) -> Listed {
    let event = Event::from_draft(&Draft {
        id: label,
        id_from_client: true,
        undecided: false,
        stream: "events",
        application: None,
        session_id: Some(label),
        category: Some(label),
        name: None,
        data,
        timestamp: None,
        received_at: Timestamp::from_micros(1_793_520_000_000_000),
        valid: true,
        errors: "[]",
        schema_version: None,
        hash: ContentHash(1),
    });
    Listed { seq: Seq::new(7).unwrap(), event, data_bytes: data.len() as u64 }
}

fn row(label: &str, data: &str) -> Vec<String> {
    let mut out = header(false);
    write_event(&mut out, &listed(label, data), LogId::new(0x0a1b_2c3d).unwrap(), false);
    let mut rows = parse(&String::from_utf8(out).unwrap());
    assert_eq!(
        rows[0].join(","),
        "id,seq,cursor,stream,application,session_id,category,name,timestamp,received_at,valid,errors,data"
    );
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].len(), rows[1].len());
    rows.remove(1)
}

#[test]
fn a_row_reads_back_as_it_was() {
    let labels = ["a", "a,b", "say \"hi\"", " a ", "ä 日本", "a'b", "1", "a=b"];
    let data = [r#"{"a":[1,2],"b":"x\r\n"}"#, "-5", "\"=1+1\"", "null", r#""\"""#];
    for label in labels {
        for data in data {
            let row = row(label, data);
            let fixed = ["7", "0a1b2c3d.7", "events", ""];
            assert_eq!(row[0], label);
            assert_eq!(row[1..5], fixed);
            assert_eq!((&*row[5], &*row[6], &*row[7]), (label, label, ""));
            assert_eq!(row[8..12], ["", "2026-11-01T08:00:00.000000Z", "true", "[]"]);
            assert_eq!(row[12], data);
        }
    }
    assert_eq!(row("a", "[1,\r\n2]")[12], "[1,  2]", "one event is one line");
}

#[test]
fn no_text_of_a_client_begins_like_a_formula() {
    for text in ["=1+1", "+1", "-1", "@a", "'", "''=x", "=\"a\",b", "\tx", "\rx"] {
        let row = row(text, "1");
        for at in [0, 5, 6] {
            let shown = &row[at];
            assert!(!shown.starts_with(['=', '+', '-', '@', '\t', '\r']), "{shown}");
            assert_eq!(shown.strip_prefix('\''), Some(text), "one quote away is the text");
        }
    }
}

#[test]
fn a_preview_has_its_length_beside_it() {
    let mut listed = listed("a", "[1,2");
    listed.data_bytes = 900;
    let mut out = header(true);
    write_event(&mut out, &listed, LogId::new(0x0a1b_2c3d).unwrap(), true);
    let rows = parse(&String::from_utf8(out).unwrap());
    assert_eq!(rows[0][12..], ["preview", "data_bytes"]);
    assert_eq!(rows[1][12..], ["[1,2", "900"]);
}
