//! What each kind of column takes, and how it is spelled.

use store::{Column, ColumnKind};

use crate::batches::check::{Given, check};

fn column(kind: ColumnKind, is_nullable: bool) -> Column {
    Column {
        name: "c".to_owned(),
        kind,
        declared: "IT".to_owned(),
        is_nullable,
        has_default: false,
        is_generated: false,
    }
}

/// The spelling of a value, or `!` and the rule that it breaks, or `null`.
fn spelled(kind: ColumnKind, given: Given<'_>) -> String {
    match check(&column(kind, true), given) {
        Ok(Some(text)) => text.into_owned(),
        Ok(None) => "null".to_owned(),
        Err(wrong) => format!("!{}", wrong.rule),
    }
}

fn json(kind: ColumnKind, cases: &[(&str, &str)]) {
    for (raw, expected) in cases {
        assert_eq!(spelled(kind, Given::Json(raw)), *expected, "{raw} as {kind:?}");
    }
}

fn csv(kind: ColumnKind, cases: &[(&str, &str)]) {
    for (field, expected) in cases {
        assert_eq!(spelled(kind, Given::Csv(field)), *expected, "{field:?} as {kind:?}");
    }
}

#[test]
fn whole_numbers_keep_every_digit_and_their_width() {
    let max = "9223372036854775807";
    json(
        ColumnKind::Int { bits: 64 },
        &[
            (max, max),
            ("-9223372036854775808", "-9223372036854775808"),
            ("9223372036854775808", "!type"),
            ("9007199254740993", "9007199254740993"),
            ("1.0", "1"),
            ("1e3", "1000"),
            ("1.5e1", "15"),
            ("0.1e1", "1"),
            ("1.5", "!type"),
            ("1e-1", "!type"),
            ("-0", "0"),
            ("1e999999999", "!type"),
            ("0e999999999", "0"),
            ("\"42\"", "42"),
            ("\"x\"", "!type"),
            ("true", "!type"),
            ("[1]", "!type"),
            ("null", "null"),
        ],
    );
    json(
        ColumnKind::Int { bits: 16 },
        &[("32767", "32767"), ("-32768", "-32768"), ("32768", "!type")],
    );
    json(ColumnKind::Int { bits: 32 }, &[("2147483647", "2147483647"), ("-2147483649", "!type")]);
    csv(
        ColumnKind::Int { bits: 32 },
        &[("+7", "7"), ("007", "7"), (" 7", "!type"), ("", "null"), ("7,0", "!type")],
    );
}

#[test]
fn decimals_keep_their_digits_within_their_limits() {
    let free = ColumnKind::Decimal { limits: None };
    json(
        free,
        &[
            (
                "12345678901234567890.123456789012345678901234567890",
                "12345678901234567890.123456789012345678901234567890",
            ),
            ("1.50", "1.50"),
            ("-0.00", "0.00"),
            ("1e3", "1000"),
            ("1.25e-3", "0.00125"),
            ("\"12.5\"", "12.5"),
            ("1e1001", "!type"),
            ("{}", "!type"),
        ],
    );
    let money = ColumnKind::Decimal { limits: Some((5, 2)) };
    json(
        money,
        &[
            ("999.99", "999.99"),
            ("999.990", "999.99"),
            ("999.999", "!type"),
            ("1000", "!type"),
            ("000.1", "0.1"),
        ],
    );
    csv(money, &[(".5", "0.5"), ("5.", "5"), (".", "!type"), ("NaN", "!type")]);
}

#[test]
fn floats_are_finite() {
    let double = ColumnKind::Float { bits: 64 };
    json(
        double,
        &[
            ("1", "1.0"),
            ("0.1", "0.1"),
            ("1e400", "!type"),
            ("1e300", "1e300"),
            ("\"nan\"", "!type"),
        ],
    );
    csv(double, &[("inf", "!type"), ("NaN", "!type"), ("-2.5e-3", "-0.0025"), ("1e", "!type")]);
    json(ColumnKind::Float { bits: 32 }, &[("1e39", "!type"), ("0.1", "0.1")]);
}

#[test]
fn a_float_that_is_not_zero_never_becomes_zero() {
    let zeros = [("0", "0.0"), ("-0.00e-999", "-0.0"), ("0e5", "0.0")];
    for bits in [32, 64] {
        json(ColumnKind::Float { bits }, &zeros);
        json(ColumnKind::Float { bits }, &[("1e-400", "!type"), ("-0.003E-400", "!type")]);
    }
    json(ColumnKind::Float { bits: 64 }, &[("1e-50", "1e-50"), ("5e-324", "5e-324")]);
    json(ColumnKind::Float { bits: 32 }, &[("1e-50", "!type"), ("1e-45", "1e-45")]);
    // Rounded once: by way of 64 bits this would be 1.0.
    json(ColumnKind::Float { bits: 32 }, &[("1.00000005960464477540", "1.0000001")]);
}

#[test]
fn words_days_and_times_are_what_they_say() {
    json(
        ColumnKind::Bool,
        &[("true", "true"), ("false", "false"), ("1", "!type"), ("\"true\"", "!type")],
    );
    csv(
        ColumnKind::Bool,
        &[("t", "true"), ("FALSE", "false"), ("1", "true"), ("0", "false"), ("yes", "!type")],
    );
    csv(
        ColumnKind::Date,
        &[
            ("2024-02-29", "2024-02-29"),
            ("2023-02-29", "!type"),
            ("1900-02-29", "!type"),
            ("0001-01-01", "0001-01-01"),
            ("0000-01-01", "!type"),
            ("9999-12-31", "9999-12-31"),
            ("2024-4-1", "!type"),
            ("2024-04-31", "!type"),
            ("2024-13-01", "!type"),
            ("+024-01-01", "!type"),
        ],
    );
    csv(
        ColumnKind::Time,
        &[
            ("08:30", "08:30:00"),
            ("08:30:05.250", "08:30:05.25"),
            ("08:30:05.1234567", "08:30:05.123456"),
            ("24:00:00", "!type"),
            ("08:30:60", "!type"),
            ("8:30", "!type"),
            ("08:30.5", "!type"),
            ("08:30:05.", "!type"),
        ],
    );
    json(
        ColumnKind::Timestamp { has_zone: true },
        &[
            ("\"2026-11-01T08:00:00+02:00\"", "2026-11-01T06:00:00.000000Z"),
            ("\"2026-11-01T08:00:00\"", "!type"),
            ("\"yesterday\"", "!type"),
            ("1", "!type"),
        ],
    );
    json(
        ColumnKind::Timestamp { has_zone: false },
        &[
            ("\"2026-11-01T08:00:00.5\"", "2026-11-01 08:00:00.5"),
            ("\"2026-11-01 08:00\"", "2026-11-01 08:00:00"),
            ("\"2026-11-01T08:00:00Z\"", "!type"),
            ("\"2026-11-01\"", "!type"),
        ],
    );
}

#[test]
fn texts_are_kept_as_both_databases_keep_them() {
    let text = ColumnKind::Text { chars_max: None };
    json(
        text,
        &[
            ("\"a\\u00e9\\n\"", "aé\n"),
            ("\"\"", ""),
            ("\"\\u0000\"", "!type"),
            ("\"\\ud800\"", "!type"),
            ("5", "!type"),
        ],
    );
    csv(text, &[("a\0", "!type"), ("null", "null"), (" a ", " a ")]);
    let short = ColumnKind::Text { chars_max: Some(2) };
    json(short, &[("\"éé\"", "éé"), ("\"abc\"", "!type")]);
    let uuid = "0190A5B0-0000-7000-8000-000000000000";
    csv(ColumnKind::Uuid, &[(uuid, &uuid.to_ascii_lowercase()), ("x", "!type")]);
    csv(ColumnKind::Bytes, &[("\\x00FF", "\\x00ff"), ("\\x0", "!type"), ("00", "!type")]);
    json(ColumnKind::Json, &[("{\"a\": 1.0}", "{\"a\": 1.0}"), ("\"x\"", "\"x\"")]);
    csv(ColumnKind::Json, &[("[1e400]", "[1e400]"), ("[1", "!type")]);
    json(ColumnKind::Other, &[("\"(1,2)\"", "(1,2)"), ("5", "5"), ("[1]", "[1]")]);
}

#[test]
fn nothing_is_null_where_a_column_takes_null_and_empty_text_where_it_takes_none() {
    let text = column(ColumnKind::Text { chars_max: None }, false);
    assert_eq!(check(&text, Given::Csv("")).unwrap().as_deref(), Some(""));
    let int = column(ColumnKind::Int { bits: 64 }, false);
    for (column, given) in
        [(&int, Given::Csv("")), (&int, Given::Json("null")), (&text, Given::Json("null"))]
    {
        assert_eq!(check(column, given).unwrap_err().rule, "not_null");
    }
    let json = column(ColumnKind::Json, false);
    assert_eq!(check(&json, Given::Json("null")).unwrap().as_deref(), Some("null"));
    csv(ColumnKind::Text { chars_max: None }, &[("", "null")]);
}

#[test]
fn json_in_a_field_nests_no_deeper_than_json_in_a_row() {
    let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    // The row itself is one of the 128 levels.
    let deepest = nested(127);
    csv(ColumnKind::Json, &[(&deepest, &deepest)]);
    csv(ColumnKind::Json, &[(&nested(128), "!type"), (&nested(100_000), "!type")]);
    let brackets_in_texts = format!("[\"{}\"]", "[".repeat(200));
    csv(ColumnKind::Json, &[(&brackets_in_texts, &brackets_in_texts)]);
}

#[test]
fn arrays_of_json_become_the_text_that_postgresql_reads() {
    json(
        ColumnKind::Array,
        &[
            ("[]", "{}"),
            ("[ 1 , -2.50,1e3 ]", "{1,-2.50,1e3}"),
            ("[true,false,null]", "{true,false,NULL}"),
            (
                "[\"a\",\"\",\"NULL\",\"a,b\",\"{c}\",\" d \"]",
                r#"{"a","","NULL","a,b","{c}"," d "}"#,
            ),
            (r#"["q\"q","b\\b","\u00e9\n"]"#, "{\"q\\\"q\",\"b\\\\b\",\"é\n\"}"),
            ("[[1,2],[3,null]]", "{{1,2},{3,NULL}}"),
            ("[[[1]],[[2]]]", "{{{1}},{{2}}}"),
            ("\"{1,2}\"", "{1,2}"),
            ("\"[0:1]={1,2}\"", "[0:1]={1,2}"),
            ("null", "null"),
            ("[[1],[2,3]]", "!type"),
            ("[[1],2]", "!type"),
            ("[null,[1]]", "!type"),
            ("[[],[]]", "!type"),
            ("[[[[[[[1]]]]]]]", "!type"),
            ("[[[[[[1]]]]]]", "{{{{{{1}}}}}}"),
            ("[{}]", "!type"),
            ("[\"\\u0000\"]", "!type"),
            ("[\"\\ud800\"]", "!type"),
            ("{\"a\":1}", "!type"),
            ("1", "!type"),
        ],
    );
    csv(ColumnKind::Array, &[("{1,2}", "{1,2}"), ("{}", "{}"), ("", "null")]);
}
