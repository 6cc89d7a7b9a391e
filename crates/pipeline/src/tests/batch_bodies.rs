//! A body has the same rows and the same errors however it is cut; lines and numbers of rows are true.

use std::sync::Arc;

use model::ContentHash;
use store::{Column, ColumnKind, RowError, Table, TableMode};

use crate::batches::parse::body::{Body, GoOn};
use crate::batches::parse::rows::{ROW_BYTES_MAX, TooLong, Whole};
use crate::batches::receiver::Receiver;
use crate::batches::records::Progress;
use crate::batches::rules::{RowFormat, TableRules};
use crate::schemas::compiled::Compiled;

const START: GoOn = GoOn {
    whole: Whole { offset: 0, line: 1 },
    has_rows: false,
    has_header: false,
    is_broken: false,
};

fn rules(schema: Option<&str>) -> Arc<TableRules> {
    let column = |name: &str, kind, is_nullable| Column {
        name: name.to_owned(),
        kind,
        declared: "IT".to_owned(),
        is_nullable,
        has_default: false,
        is_generated: name == "made",
    };
    let columns = vec![
        column("name", ColumnKind::Text { chars_max: None }, false),
        column("price", ColumnKind::Int { bits: 64 }, true),
        column("made", ColumnKind::Int { bits: 64 }, true),
        column("cost", ColumnKind::Decimal { limits: None }, true),
    ];
    let table = Table { name: "t".to_owned(), columns, references: Vec::new() };
    let schema = schema.map(|text| Arc::new(Compiled::compile(text).unwrap().compiled));
    Arc::new(TableRules { table, mode: TableMode::Append, schema })
}

/// Everything that a body says, read in pieces of `n` bytes.
fn read_with(rules: &Arc<TableRules>, format: RowFormat, body: &[u8], n: usize) -> Read {
    let progress = Progress::nothing(ContentHash(0), 0);
    let mut receiver = Receiver::new(Arc::clone(rules), &progress, Vec::new()).unwrap();
    let mut cutter = Body::new(format, START);
    let fed = body.chunks(n).try_for_each(|piece| cutter.feed(piece, &mut receiver));
    let fed = fed.and_then(|()| cutter.finish(&mut receiver));
    receiver.finish();
    let errors = receiver.first_errors().to_vec();
    let (block, n_block) = receiver.take_block();
    assert!(receiver.has_rows_of(receiver.hash()));
    Read { fed, errors, block, n_block, n_rows: receiver.n_rows(), hash: receiver.hash() }
}

#[derive(Debug, PartialEq)]
struct Read {
    fed: Result<(), TooLong>,
    errors: Vec<RowError>,
    block: Vec<u8>,
    n_block: u32,
    n_rows: u64,
    hash: ContentHash,
}

/// The same in every cut; then as one read.
fn read(format: RowFormat, body: impl AsRef<[u8]>) -> Read {
    let (rules, body) = (rules(None), body.as_ref());
    let whole = read_with(&rules, format, body, body.len().max(1));
    for n in 1..body.len().min(40) {
        assert_eq!(read_with(&rules, format, body, n), whole, "in pieces of {n}");
    }
    whole
}

/// `row:line rule pointer` of each error.
fn errors(format: RowFormat, body: impl AsRef<[u8]>) -> Vec<String> {
    let told = |error: &RowError| {
        let RowError { row, line, rule, pointer, .. } = error;
        format!("{row}:{line} {rule} {pointer}").trim_end().to_owned()
    };
    read(format, body).errors.iter().map(told).collect()
}

#[test]
fn every_format_says_the_same_rows() {
    let ndjson = read(
        RowFormat::Ndjson,
        "\n{\"name\":\"a\",\"price\":1}\r\n  \n{\"price\":null,\"name\":\"b\"}",
    );
    let array = read(
        RowFormat::JsonArray,
        "\n[ {\"name\":\"a\",\"price\":1e0} ,\n{\"name\":\"\\u0062\",\"price\":null}]\n ",
    );
    let csv = read(RowFormat::Csv, "price,name\n1,a\n\n,b\n");
    for read in [&ndjson, &array, &csv] {
        assert_eq!((read.fed, read.n_rows, read.n_block), (Ok(()), 2, 2), "{read:?}");
        assert!(read.errors.is_empty(), "{read:?}");
        assert_eq!(read.hash, ndjson.hash);
    }
    let other = read(RowFormat::Csv, "name,price\na,1\nb,2\n");
    assert_ne!(other.hash, ndjson.hash);
    // A column that a batch has not is not the same as one that is null in each row.
    assert_ne!(
        read(RowFormat::Csv, "name\na\nb\n").hash,
        read(RowFormat::Csv, "name,price\na,\nb,\n").hash
    );
}

#[test]
fn equal_decimals_are_equal_rows_and_are_kept_as_they_came() {
    let costs = ["1.5", "1.50", "1.500e0", "15e-1", "\"1.50\"", "1.5000000000000000000000000"];
    let of = |cost: &str| {
        let csv = read(RowFormat::Csv, format!("name,cost\na,{}\n", cost.trim_matches('"')));
        let json = read(RowFormat::Ndjson, format!("{{\"name\":\"a\",\"cost\":{cost}}}"));
        assert_eq!((csv.hash, csv.errors.len()), (json.hash, 0), "{cost}");
        json
    };
    for cost in costs {
        assert_eq!(of(cost).hash, of("1.5").hash, "{cost}");
    }
    assert!(String::from_utf8_lossy(&of("1.50").block).contains("1.50"));
    for (one, other) in [("1000.0", "1000"), ("0.00", "-0"), ("-7.", "-7.0")] {
        assert_eq!(of(&one.replace("7.", "7")).hash, of(other).hash, "{one}");
    }
    for (one, other) in [("1.5", "15"), ("100", "1"), ("0.5", "0.05"), ("1.5", "-1.5")] {
        assert_ne!(of(one).hash, of(other).hash, "{one}");
    }
    // Zeros count in a text.
    let named = |name: &str| read(RowFormat::Csv, format!("name\n{name}\n")).hash;
    assert_ne!(named("1.50"), named("1.5"));
}

#[test]
fn rows_are_those_of_a_batch_that_was_compared_with_all_its_zeros() {
    let put = |out: &mut Vec<u8>, text: &str| {
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    };
    let mut hash = ContentHash(0);
    for pair in [["name", "cost"], ["a", "1.50"], ["b", "2"]] {
        let mut bytes = Vec::new();
        pair.iter().for_each(|text| put(&mut bytes, text));
        bytes.extend_from_slice(&hash.0.to_le_bytes());
        hash = ContentHash::of_bytes(&bytes);
    }
    let has_rows = |body: &str| {
        let progress = Progress::nothing(ContentHash(0), 0);
        let mut receiver = Receiver::new(rules(None), &progress, Vec::new()).unwrap();
        let mut cutter = Body::new(RowFormat::Csv, START);
        cutter.feed(body.as_bytes(), &mut receiver).unwrap();
        cutter.finish(&mut receiver).unwrap();
        receiver.has_rows_of(hash)
    };
    assert!(has_rows("name,cost\na,1.50\nb,2\n"));
    assert!(!has_rows("name,cost\na,1.50\nb,3\n"));
}

#[test]
fn lines_are_true_for_rows_that_span_lines() {
    let csv = "name,price\r\n\"a\r\n\r\nb\",1\r\n\r\nc,x\r\n\"d\n\",y";
    assert_eq!(errors(RowFormat::Csv, csv), ["2:6 type /price", "3:7 type /price"]);
    let array = "[\n{\"name\":\n\"a\"},\n\n{\"name\":\n1},{\"name\":2}\n]";
    assert_eq!(errors(RowFormat::JsonArray, array), ["2:5 type /name", "3:6 type /name"]);
    assert_eq!(errors(RowFormat::Ndjson, "\n\n{\"name\":1}\n"), ["1:3 type /name"]);
}

#[test]
fn rows_that_are_wrong_as_a_whole_are_told_and_the_rest_is_read() {
    let body = [
        "{\"name\":\"a\"}",
        "{\"name\":\"a\",\"name\":\"b\"}",
        "{\"name\":\"a\",\"price\":1}",
        "{\"name\":\"a\",\"nome\":1}",
        "{\"price\":1}",
        "{\"name\":\"a\",\"made\":1}",
        "[]",
        "{\"name\":",
        "{} {}",
        "{}",
    ];
    let expected = [
        "2:2 syntax /name",
        "3:3 unknown_column /price",
        "4:4 unknown_column /nome",
        "5:5 unknown_column /price",
        "5:5 missing /name",
        "6:6 unknown_column /made",
        "7:7 syntax",
        "8:8 syntax",
        "9:9 syntax",
        "10:10 missing /name",
    ];
    assert_eq!(errors(RowFormat::Ndjson, body.join("\n")), expected);
    assert_eq!(errors(RowFormat::Ndjson, b"{\"name\":\"\xff\"}"), ["1:1 syntax"]);
    let deep = format!("{{\"name\":{}{}}}", "[".repeat(200), "]".repeat(200));
    assert_eq!(errors(RowFormat::Ndjson, deep), ["1:1 syntax"]);
    assert_eq!(errors(RowFormat::Csv, "name,price\na\na,1,2\n"), ["1:2 syntax", "2:3 syntax"]);
    assert_eq!(errors(RowFormat::Csv, b"name\n\xff\n"), ["1:2 syntax /name"]);
    // What the table needs and the batch has not.
    assert_eq!(errors(RowFormat::Csv, "price\n1\n2\n"), ["0:1 missing /name"]);
    assert_eq!(errors(RowFormat::Ndjson, "{\"price\":1}\n{\"price\":2}"), ["1:1 missing /name"]);
}

#[test]
fn a_body_that_cannot_be_understood_is_one_error() {
    for body in ["", " \n", "\n\n"] {
        assert_eq!(errors(RowFormat::Ndjson, body), ["0:1 syntax"], "{body:?}");
    }
    assert_eq!(errors(RowFormat::Csv, ""), ["0:1 syntax"]);
    assert_eq!(errors(RowFormat::Csv, "name,price\n"), ["0:1 syntax"], "no rows");
    assert_eq!(errors(RowFormat::Csv, "name,nome\na,b\n"), ["0:1 unknown_column /nome"]);
    assert_eq!(errors(RowFormat::Csv, "name,name\na,b\n"), ["0:1 syntax /name"]);
    assert_eq!(errors(RowFormat::Csv, "name,made\na,1\n"), ["0:1 unknown_column /made"]);
    for format in [RowFormat::Ndjson, RowFormat::JsonArray, RowFormat::Csv] {
        let read = read(format, "\u{feff}name\n1");
        assert_eq!(read.errors.len(), 1, "{read:?}");
        assert!(read.errors[0].detail.contains("byte order mark"), "{read:?}");
    }
    let row = "{\"name\":\"a\"}";
    for (body, place) in [
        (row.to_owned(), "0:1 syntax"),
        (format!("[{row}\n{row}]"), "0:2 syntax"),
        (format!("[{row},]"), "0:1 syntax"),
        (format!("[,{row}]"), "0:1 syntax"),
        (format!("[{row}]\n[]"), "0:2 syntax"),
        (format!("[{row},\n{{\"name"), "0:2 syntax"),
        (format!("[{row}"), "0:1 syntax"),
        ("[]".to_owned(), "0:1 syntax"),
    ] {
        assert_eq!(errors(RowFormat::JsonArray, &body), [place], "{body}");
    }
    assert_eq!(
        errors(RowFormat::JsonArray, format!("[1,{row},\"x\" , [], tru\n]")),
        ["1:1 syntax", "3:1 syntax", "4:1 syntax", "5:1 syntax"]
    );
}

#[test]
fn a_quote_that_is_never_closed_is_an_error_where_it_begins() {
    for (body, line) in [
        ("name,price\n1,\"unterminated\n2,x\n3,y\n", 2),
        ("name,price\na,1\n\"b\n\nc\",\"d\ne\n", 5),
        ("name,price\r\na,1\r\n\"b\r\nc\r\n", 3),
        ("name\na\n\"b\"\"\n", 3),
        ("name\na\n\"", 3),
        ("\"name\na\n", 1),
    ] {
        let read = read(RowFormat::Csv, body);
        let RowError { row, line: told, rule, detail, .. } = &read.errors[0];
        assert_eq!((*row, *told, rule.as_str()), (0, line, "syntax"), "{body:?} {read:?}");
        assert!(detail.contains("never closed"), "{detail}");
        assert_eq!((read.errors.len(), read.n_block), (1, 0), "{body:?}");
    }
    // A quote that is no field's first sign is a sign like any other, and one may end with the body.
    for body in
        ["name\na\"b", "name\n\"a\"", "name\n\"a\"\"\"", "name\n\"a\"b\"", "name,price\na,\"\""]
    {
        let read = read(RowFormat::Csv, body);
        assert_eq!((read.errors.as_slice(), read.n_block), (&[][..], 1), "{body:?}");
    }
}

#[test]
fn one_row_is_bounded() {
    let long = "x".repeat(ROW_BYTES_MAX);
    for (format, body, line) in [
        (RowFormat::Ndjson, format!("{{}}\n{{\"name\":\"{long}\"}}"), 2),
        (RowFormat::JsonArray, format!("[{{}},\n\n{{\"name\":\"{long}\"}}]"), 3),
        (RowFormat::Csv, format!("name\n\"{long}\"\n"), 2),
        (RowFormat::Csv, format!("name\n\"{}", ",\n".repeat(ROW_BYTES_MAX)), 2),
    ] {
        let read = read_with(&rules(None), format, body.as_bytes(), 64 << 10);
        assert_eq!(read.fed, Err(TooLong { line }), "{format:?}");
    }
    let most = "x".repeat(ROW_BYTES_MAX - 20);
    let body = format!("{{\"name\":\"{most}\"}}\n");
    assert!(
        read_with(&rules(None), RowFormat::Ndjson, body.as_bytes(), 64 << 10).errors.is_empty()
    );
}

#[test]
fn a_schema_judges_the_row_whatever_it_was_written_in() {
    let rules = rules(Some(r#"{"properties":{"price":{"minimum":10}},"required":["price"]}"#));
    for (format, body) in [
        (RowFormat::Ndjson, "{\"name\":\"a\",\"price\":10}\n{\"name\":\"a\",\"price\":9}"),
        (RowFormat::Csv, "name,price\na,10\na,9\n"),
    ] {
        let read = read_with(&rules, format, body.as_bytes(), 1 << 20);
        assert_eq!(read.errors.len(), 1, "{read:?}");
        let RowError { row, pointer, rule, detail, .. } = &read.errors[0];
        assert_eq!((*row, pointer.as_str(), rule.as_str()), (2, "/price", "schema"));
        assert!(detail.starts_with("minimum: "), "{detail}");
    }
}
