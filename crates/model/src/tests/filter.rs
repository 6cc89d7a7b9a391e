//! Fields are joined by "and", values of one field by "or".

use crate::draft::Draft;
use crate::event::Event;
use crate::filter::{Clock, Filter, Pattern, SEARCH_CHARS_MAX, Search};
use crate::tests::event::{bare, full};
use crate::time::Timestamp;

#[test]
fn a_filter_matches_what_it_names() {
    let event = Event::from_draft(&full());
    let one = |text: &str| vec![Pattern::parse(text)];
    let at = |text: &str| Some(Timestamp::parse(text).unwrap());
    let all = Filter::default();
    for (filter, expected) in [
        (all.clone(), true),
        (Filter { stream: one("events"), ..all.clone() }, true),
        (Filter { stream: one("orders"), ..all.clone() }, false),
        (Filter { category: one("page*"), ..all.clone() }, true),
        (Filter { category: one("Page*"), ..all.clone() }, false),
        (Filter { category: one("page"), ..all.clone() }, false),
        (Filter { name: vec![Pattern::parse("x"), Pattern::parse("検*")], ..all.clone() }, true),
        (Filter { category: one("page*"), name: one("x"), ..all.clone() }, false),
        (Filter { session_id: one("s-1"), application: one("web"), ..all.clone() }, true),
        (Filter { valid: Some(false), ..all.clone() }, true),
        (Filter { valid: Some(true), ..all.clone() }, false),
        (Filter { from: at("2026-11-01T08:00:01Z"), ..all.clone() }, true),
        (Filter { to: at("2026-11-01T08:00:01.000001Z"), ..all.clone() }, false),
        (Filter { from: at("2026-11-01T08:00:01Z"), clock: Clock::Event, ..all.clone() }, false),
        (Filter { to: at("2026-11-01T08:00:01Z"), clock: Clock::Event, ..all.clone() }, true),
    ] {
        assert_eq!(filter.matches(&event), expected, "{filter:?}");
    }
}

#[test]
fn an_absent_label_matches_no_pattern() {
    let event = Event::from_draft(&Draft { stream: "orders", ..bare() });
    let filter = Filter { category: vec![Pattern::Prefix(String::new())], ..Filter::default() };
    assert!(!filter.matches(&event));
}

#[test]
fn a_search_looks_into_the_id_and_the_labels() {
    let event = Event::from_draft(&Draft {
        id: "Order-4711",
        stream: "hidden",
        application: Some("Täglich"),
        session_id: Some("e2085be5"),
        category: Some("Page interaction"),
        name: Some("cta%_CLICK"),
        data: "\"needle\"",
        ..full()
    });
    let found = |text: &str| {
        let search = Search::parse(text);
        assert!(search.is_some(), "{text}");
        Filter { search, ..Filter::default() }.matches(&event)
    };
    for text in ["order-4711", "ORDER", "711", "glich", "ägl", "5BE", "e I", "%_c", "CLICK"] {
        assert!(found(text), "{text}");
    }
    // Only ASCII letters have two cases; neither the stream nor the data is looked into; labels are not joined.
    for text in ["TÄGLICH", "hidden", "needle", "4712", "clickpage", "%c", "_ c"] {
        assert!(!found(text), "{text}");
    }
    assert_eq!(Search::parse(""), None);
    assert_eq!(Search::parse(&"x".repeat(SEARCH_CHARS_MAX + 1)), None);
    assert!(Search::parse(&"é".repeat(SEARCH_CHARS_MAX)).is_some());
}
