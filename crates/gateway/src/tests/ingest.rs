//! Small rooms of the write path: which wish to wait, and which key, is read from the headers.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use pipeline::NewEvent;

use crate::routes::idempotency;
use crate::routes::wait::wanted;
use crate::wire::body::Place;

fn headers(name: &'static str, values: &[&'static str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
}

#[test]
fn a_wish_to_wait_is_heard_and_nonsense_is_not() {
    for (values, seconds) in [
        (&["wait=5"][..], Some(5)),
        (&["respond-async, Wait = 10"], Some(10)),
        (&["return=minimal", "wait=\"7\""], Some(7)),
        (&["wait=100000"], Some(60)),
        (&["wait=0"], None),
        (&["wait"], None),
        (&["wait=soon"], None),
        (&["wait=-1"], None),
        (&["waiting=5"], None),
        (&[], None),
    ] {
        assert_eq!(wanted(&headers("prefer", values)), seconds, "{values:?}");
    }
}

#[test]
fn a_key_names_what_has_no_name() {
    let key = |values: &[&'static str]| {
        idempotency::key(&headers("idempotency-key", values))
            .map(|key| key.map(str::to_owned))
            .map_err(|problem| problem.facts().code)
    };
    assert_eq!(key(&[]), Ok(None));
    assert_eq!(key(&["abc-1"]), Ok(Some("abc-1".to_owned())));
    assert_eq!(key(&["\"abc-1\""]), Ok(Some("abc-1".to_owned())));
    let long = "x".repeat(121).leak();
    assert_eq!(key(&[&long[1..]]), Ok(Some(long[1..].to_owned())));
    for bad in [&[""][..], &["\"\""], &["a b"], &["a/0"], &["a\tb"], &[long], &["a", "a"]] {
        assert_eq!(key(bad), Err("bad_idempotency_key"), "{bad:?}");
    }
    let named = |place, id: Option<&'static str>| {
        let mut event = NewEvent { id: id.map(Into::into), ..NewEvent::default() };
        idempotency::name(&mut event, Some("k"), place);
        event.id.unwrap().into_owned()
    };
    assert_eq!(named(Place::Only, None), "k");
    assert_eq!(named(Place::Index(3), None), "k/3");
    assert_eq!(named(Place::Line { index: 3, line: 7 }, None), "k/3");
    assert_eq!(named(Place::Index(3), Some("own")), "own");
}
