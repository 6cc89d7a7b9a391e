//! `queries/values`: texts of strangers as typed values.

use store::SqlValue;

use crate::queries::values::{LIST_VALUES_MAX, date, from_query, read_param};
use crate::tests::published::param;

fn read(declared: &str, query: &str) -> Result<SqlValue, String> {
    let values = from_query(Some(query), &[param(declared)]);
    values.map(|mut values| values.remove(0)).map_err(|problem| problem.facts().detail.clone())
}

fn text(text: &str) -> SqlValue {
    SqlValue::Text(text.to_owned())
}

#[test]
fn a_day_has_one_spelling_and_exists() {
    for (given, expected) in [
        ("2021-01-08", "2021-01-08"),
        ("2021-1-8", "2021-01-08"),
        ("0001-01-01", "0001-01-01"),
        ("9999-12-31", "9999-12-31"),
        ("2024-02-29", "2024-02-29"),
        ("2000-02-29", "2000-02-29"),
    ] {
        assert_eq!(date(given).as_deref(), Some(expected), "{given}");
    }
    for given in [
        "",
        "2021-13-01",
        "01-01-2021",
        "2021-01-01T00:00:00",
        "2021/01/01",
        "2021-01-1x",
        " 2021-01-01",
        "2021-01-01 ",
        "10000-01-01",
        "0000-01-01",
        "2021-00-01",
        "2021-01-00",
        "2021-01-32",
        "2021-04-31",
        "2023-02-29",
        "1900-02-29",
        "-2021-01-01",
        "+2021-01-01",
        "2021-01",
        "2021-01-01-",
        "2021-001-01",
        "２０２１-01-01",
        "2021-０1-01",
        "2021‐01‐01",
        "2021-01-01\n",
        "21-01-01",
        "2021--01",
        "2021-1-1-1",
        "2021-+1-01",
        "2021- 1-01",
    ] {
        assert_eq!(date(given), None, "{given:?}");
    }
}

#[test]
fn each_type_takes_its_values_and_no_others() {
    let float = |number| Ok(SqlValue::Float(number));
    for (declared, given, expected) in [
        ("a text", "%C3%A4+b", Ok(text("ä b"))),
        ("a text", "%27%3B+DROP+TABLE+x%3B--", Ok(text("'; DROP TABLE x;--"))),
        ("a int", "-9223372036854775808", Ok(SqlValue::Int(i64::MIN))),
        ("a int", "007", Ok(SqlValue::Int(7))),
        ("a float", "-1.5e3", float(-1500.0)),
        ("a float", ".5", float(0.5)),
        ("a bool", "true", Ok(SqlValue::Bool(true))),
        ("a timestamp", "2026-11-01T08:00:00%2B01:00", Ok(text("2026-11-01T07:00:00.000000Z"))),
        (
            "a uuid",
            "0B3F6A52-0000-4000-8000-00000000000A",
            Ok(text("0b3f6a52-0000-4000-8000-00000000000a")),
        ),
        ("a date", "2021-1-8", Ok(text("2021-01-08"))),
    ] {
        assert_eq!(read(declared, &format!("a={given}")), expected, "{declared} {given}");
    }
    for (declared, given) in [
        ("a text", ""),
        ("a text", "%00"),
        ("a text", "%ff"),
        ("a text", "%e"),
        ("a int", "1.0"),
        ("a int", "%2B1"),
        ("a int", "-"),
        ("a int", "9223372036854775808"),
        ("a int", "1_000"),
        ("a int", "٣"),
        ("a float", "inf"),
        ("a float", "nan"),
        ("a float", "1e999"),
        ("a float", "e"),
        ("a float", "0x1"),
        ("a bool", "True"),
        ("a bool", "1"),
        ("a timestamp", "yesterday"),
        ("a timestamp", "0000-01-01T00:00:00Z"),
        ("a uuid", "0b3f6a5200004000800000000000000a"),
        ("a uuid", "0b3f6a52-0000-4000-8000-00000000000g"),
        ("a date", "2021-02-30"),
    ] {
        let error = read(declared, &format!("a={given}")).unwrap_err();
        assert!(error.contains("\"a\""), "{declared} {given:?}: {error}");
    }
    let long = "x".repeat(4_097);
    assert!(read("a text", &format!("a={long}")).is_err());
    assert!(read("a text", &format!("a={}", &long[1..])).is_ok());
}

#[test]
fn the_first_of_repeated_ones_counts_and_unknown_ones_are_ignored() {
    assert_eq!(read("a int", "b=%ff&a=1&a=x&%zz=1&a"), Ok(SqlValue::Int(1)));
    assert!(read("a int", "a=x&a=1").is_err());
    assert!(read("a int", "A=1").unwrap_err().contains("is missing"));
    assert_eq!(read("a int=7", "a="), Ok(SqlValue::Int(7)));
    assert_eq!(read("a int?", ""), Ok(SqlValue::Null));
    assert_eq!(read("%61 int", "%2561=1"), Ok(SqlValue::Int(1)));
}

#[test]
fn of_a_list_all_count() {
    let list = |texts: &[&str]| {
        Ok(SqlValue::List(texts.iter().map(|text| SqlValue::Text((*text).to_owned())).collect()))
    };
    assert_eq!(read("a text[]", "a=x&b=1&a=y,z"), list(&["x", "y,z"]));
    assert!(read("a text[]", "a=x&a=").is_err());
    // An empty one does not make the others go away, wherever it stands; none but empty ones are none.
    assert!(read("a int[]=7", "a=&a=1").unwrap_err().contains("not \"\""));
    assert_eq!(read("a int[]=7", "a=&a="), Ok(SqlValue::List(vec![SqlValue::Int(7)])));
    assert_eq!(read("a int=7", "a=&a=1"), Ok(SqlValue::Int(7)));
    assert!(read("a text[]", "").is_err());
    assert!(read("a int[]", "a=1&a=x").is_err());
    assert!(read("a int[]", &"a=1&".repeat(LIST_VALUES_MAX)).is_ok());
    assert!(read("a int[]", &"a=1&".repeat(LIST_VALUES_MAX + 1)).is_err());
    let kind = param("a int[]").kind;
    assert_eq!(
        read_param(kind, &["1".to_owned(), "2".to_owned()]),
        Ok(SqlValue::List(vec![SqlValue::Int(1), SqlValue::Int(2)]))
    );
    assert!(
        read_param(param("a int").kind, &["x".to_owned()]).unwrap_err().contains("whole number")
    );
}
