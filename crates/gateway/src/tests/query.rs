//! `query`: every parameter is good or named.

use model::{Clock, LogId, Pattern};
use store::Order;

use crate::query::{Query, decode, with_after};
use crate::routes::ask;

const LOG: u32 = 0x0a1b_2c3d;

/// `ok`, or code and detail.
fn page(text: &str) -> String {
    let read = || {
        let mut query = Query::parse(Some(text))?;
        query.filter()?;
        query.paging(LogId::new(LOG).unwrap())?;
        query.end("a, b")
    };
    match read() {
        Ok(()) => "ok".to_owned(),
        Err(problem) => format!("{}: {}", problem.facts().code, problem.facts().detail),
    }
}

#[test]
fn good_parameters_pass() {
    for text in [
        "",
        "&&",
        "category=page%20interaction&category=form+interaction&name=cta*",
        "valid=true&from=2026-11-01T08:00:00Z&to=2026-11-01%2009:00:00&clock=event",
        "from=2026-11-01T08:00:00%2B02:00",
        "order=desc&limit=1000&after=0a1b2c3d.42",
        "after=0a1b2c3d.0&limit=1",
        "session_id=%F0%9F%98%80",
    ] {
        assert_eq!(page(text), "ok", "{text}");
    }
}

#[test]
fn bad_parameters_are_named_with_what_is_allowed() {
    for (text, expected) in [
        (
            "limit=0",
            "bad_parameter: The parameter \"limit\" must be a number from 1 to 1000, not \"0\".",
        ),
        ("limit=1001", "bad_parameter: The parameter \"limit\" must be"),
        ("limit=+5", "bad_parameter: The parameter \"limit\" must be"),
        ("limit=", "bad_parameter: The parameter \"limit\" must be"),
        ("limit=1&limit=2", "bad_parameter: The parameter \"limit\" is given more than once."),
        ("order=up", "bad_parameter: The parameter \"order\" must be asc or desc"),
        ("valid=yes", "bad_parameter: The parameter \"valid\" must be true or false"),
        ("clock=mine", "bad_parameter: The parameter \"clock\" must be received or event"),
        ("from=yesterday", "bad_parameter: The parameter \"from\" must be an RFC 3339 time"),
        ("to=2026-13-01T00:00:00Z", "bad_parameter: The parameter \"to\" must be"),
        ("after=42", "bad_parameter: The parameter \"after\" must be a cursor"),
        ("after=0a1b2c3d.042", "bad_parameter: The parameter \"after\" must be a cursor"),
        (
            "after=0a1b2c3d.9007199254740992",
            "bad_parameter: The parameter \"after\" must be a cursor",
        ),
        (
            "after=ffffffff.1",
            "other_log: The cursor belongs to log ffffffff, this server's log is 0a1b2c3d.",
        ),
        ("category=", "bad_parameter: The parameter \"category\" must not be empty"),
        (
            "category=%zz",
            "bad_parameter: The value in \"category=%zz\" is not percent-encoded UTF-8.",
        ),
        ("category=%ff", "bad_parameter: The value in"),
        ("%f=1", "bad_parameter: The name in"),
        (
            "colour=red",
            "unknown_parameter: There is no parameter \"colour\" here; known are: a, b.",
        ),
        ("Limit=1", "unknown_parameter: There is no parameter \"Limit\""),
    ] {
        assert!(page(text).starts_with(expected), "{text}: {}", page(text));
    }
    let many = vec!["name=a"; 33].join("&");
    assert!(page(&many).starts_with("bad_parameter: The parameter \"name\" is given more than 32"));
}

#[test]
fn filters_say_what_was_asked() {
    let mut query =
        Query::parse(Some("category=a&category=b*&clock=event&valid=false&order=desc&limit=7"))
            .unwrap();
    let filter = query.filter().unwrap();
    let paging = query.paging(LogId::new(LOG).unwrap()).unwrap();
    assert_eq!(filter.category, [Pattern::Exact("a".to_owned()), Pattern::Prefix("b".to_owned())]);
    assert_eq!((filter.clock, filter.valid), (Clock::Event, Some(false)));
    assert_eq!((paging.order, paging.limit), (Order::Desc, Some(7)));
}

#[test]
fn live_asks_are_read() {
    let bad =
        |text: &str| ask::parse(Some(text)).map(|_| ()).map_err(|problem| problem.facts().code);
    for text in ["", "since=now", "since=beginning&stats=1", "since=ffffffff.3&stream=a&stream=b*"]
    {
        assert_eq!(bad(text), Ok(()), "{text}");
    }
    for (text, code) in [
        ("since=yesterday", "bad_parameter"),
        ("stats=yes", "bad_parameter"),
        ("limit=5", "unknown_parameter"),
        ("token=abc", "unknown_parameter"),
    ] {
        assert_eq!(bad(text), Err(code), "{text}");
    }
}

#[test]
fn percent_decoding_knows_utf8_and_plus() {
    for (text, plus, expected) in [
        ("a+b", true, Some("a b")),
        ("a+b", false, Some("a+b")),
        ("%2Fx%2f", false, Some("/x/")),
        ("%", false, None),
        ("%4", false, None),
        ("%+4", true, None),
        ("%C3%A4", false, Some("ä")),
        ("%C3", false, None),
    ] {
        assert_eq!(decode(text, plus).as_deref(), expected, "{text}");
    }
}

#[test]
fn the_next_link_keeps_the_rest_of_the_query() {
    assert_eq!(with_after(None, "c.1"), "after=c.1");
    assert_eq!(
        with_after(Some("name=a%20b&after=c.1&limit=2"), "c.3"),
        "name=a%20b&limit=2&after=c.3"
    );
}
