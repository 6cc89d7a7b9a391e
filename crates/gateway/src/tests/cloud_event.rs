//! `wire/cloud_event`: every attribute has its place, nothing is lost, and each fault names its attribute.

use pipeline::NewEvent;

use crate::limits::Limits;
use crate::wire::body::{Place, read};
use crate::wire::envelope::Shape;
use crate::wire::media::Format;

/// The first event, or code and pointer of what is wrong with the request.
fn first(body: &str, format: Format) -> Result<NewEvent<'_>, (&'static str, String)> {
    let mut all = Vec::new();
    let res = read(
        body.as_bytes(),
        format,
        Shape::CloudEvent,
        &Limits::default(),
        &mut |place, event| {
            all.push(event.map_err(|problem| Place::of(place, problem))?);
            Ok(())
        },
    );
    res.map_err(|problem| {
        let facts = problem.facts();
        (facts.code, facts.pointer.clone().unwrap_or_default())
    })?;
    Ok(all.remove(0))
}

fn one(body: &str) -> Result<NewEvent<'_>, (&'static str, String)> {
    first(body, Format::CloudEvent)
}

fn with(more: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"7","source":"/a","type":"t"{more}}}"#)
}

#[test]
fn every_attribute_has_its_place() {
    let body = r#" {"specversion":"1.0","id":"A 7","source":"https://a.example/x","type":"com.example.t",
        "subject":"s\u0031","time":"2026-11-01T08:00:00Z","datacontenttype":"application/json",
        "data": {"b":1.0,"a":[1e400]} } "#;
    let event = one(body).unwrap();
    assert_eq!(event.id.as_deref(), Some("https://a.example/x A 7"));
    assert_eq!(event.category.as_deref(), Some("https://a.example/x"));
    assert_eq!(event.name.as_deref(), Some("com.example.t"));
    assert_eq!(event.session_id.as_deref(), Some("s1"));
    assert_eq!(event.timestamp.as_deref(), Some("2026-11-01T08:00:00Z"));
    assert_eq!(event.data, Some(r#"{"b":1.0,"a":[1e400]}"#));
    let bare =
        with(r#","subject":null,"time":null,"dataschema":null,"data_base64":null,"ext":null"#);
    let event = one(&bare).unwrap();
    assert_eq!((event.session_id, event.timestamp, event.data), (None, None, None));
}

#[test]
fn what_has_no_place_is_kept_with_the_whole() {
    for more in [
        r#","traceparent":"00-1","data":1"#,
        r#","n":5"#,
        r#","flag":true"#,
        r#","dataschema":"https://a.example/schema""#,
        r#","datacontenttype":"text/xml","data":"<a/>""#,
        r#","data_base64":"AAEC""#,
    ] {
        let body = with(more);
        assert_eq!(one(&body).unwrap().data, Some(&*body), "{more}");
    }
}

#[test]
fn ids_of_two_sources_never_meet() {
    let id = |source: &str, id: &str| {
        let body = format!(r#"{{"specversion":"1.0","id":{id:?},"source":{source:?},"type":"t"}}"#);
        one(&body).unwrap().id.unwrap().into_owned()
    };
    assert_eq!(id("/a", "7"), "/a 7");
    assert_ne!(id("/a", "b 7"), id("/a%20b", "7"));
    let long = "x".repeat(200);
    let hashed = id("/a", &long);
    assert_eq!((hashed.len(), &hashed[..3]), (35, "ce-"));
    assert_eq!(hashed, id("/a", &long), "the same one again");
    assert_ne!(hashed, id("/b", &long));
    assert_ne!(hashed, id("/a", &long[1..]));
    // 128 bytes together are an id, 129 are not.
    assert_eq!(id("/a", &"x".repeat(125)).len(), 128);
    assert!(id("/a", &"x".repeat(126)).starts_with("ce-"));
}

#[test]
fn each_fault_names_its_attribute() {
    let check = |body: &str, code: &str, pointer: &str| {
        let res = one(body).map(|event| format!("{event:?}"));
        assert_eq!(res, Err((&*code.to_owned().leak(), pointer.to_owned())), "{body}");
    };
    check(r#"{"id":"7","source":"/a","type":"t"}"#, "missing_field", "/specversion");
    check(
        r#"{"specversion":"0.3","id":"7","source":"/a","type":"t"}"#,
        "bad_cloud_event",
        "/specversion",
    );
    check(r#"{"specversion":"1.0","source":"/a","type":"t"}"#, "missing_field", "/id");
    check(r#"{"specversion":"1.0","id":"","source":"/a","type":"t"}"#, "missing_field", "/id");
    check(r#"{"specversion":"1.0","id":"7","source":null,"type":"t"}"#, "missing_field", "/source");
    check(r#"{"specversion":"1.0","id":"7","source":"/a"}"#, "missing_field", "/type");
    check(
        r#"{"specversion":"1.0","id":"7","source":"a b","type":"t"}"#,
        "bad_cloud_event",
        "/source",
    );
    check(r#"{"specversion":"1.0","id":"\n","source":"a","type":"t"}"#, "bad_cloud_event", "/id");
    check(r#"{"specversion":"1.0","id":7,"source":"/a","type":"t"}"#, "wrong_type", "/id");
    check(&with(r#","id":"8""#), "duplicate_field", "/id");
    check(&with(r#","data":1,"data":2"#), "duplicate_field", "/data");
    check(&with(r#","x":1,"x":null"#), "duplicate_field", "/x");
    check(&with(r#","time":null,"time":"2026-11-01T08:00:00Z""#), "duplicate_field", "/time");
    check(&with(r#","data":1,"data_base64":"AA""#), "bad_cloud_event", "/data_base64");
    check(&with(r#","Trace":"x""#), "unknown_field", "/Trace");
    check(&with(r#","a/b":"x""#), "unknown_field", "/a~1b");
    check(&with(r#","ext":{"a":1}"#), "wrong_type", "/ext");
    check(&with(r#","subject":"\ud800""#), "lone_surrogate", "/subject");
    check(&with(r#","\ud800":"x""#), "lone_surrogate", "");
    check(&with(r#","x":"#), "invalid_json", "");
    check("[]", "wrong_type", "");
    check("5", "wrong_type", "");
    check("", "empty_body", "");
}

#[test]
fn a_batch_is_an_array_and_names_the_event_at_fault() {
    let batch =
        |body: &'static str| first(body, Format::CloudEvents).map(|event| event.id.unwrap());
    let good = r#"[{"specversion":"1.0","id":"7","source":"/a","type":"t"}]"#;
    assert_eq!(batch(good).unwrap(), "/a 7");
    let bad = r#"[{"specversion":"1.0","id":"7","source":"/a","type":"t"},{"specversion":"1.0","id":"7","type":"t"}]"#;
    assert_eq!(batch(bad), Err(("missing_field", "/1/source".to_owned())));
    assert_eq!(batch(&good[1..good.len() - 1]), Err(("wrong_type", String::new())));
    assert_eq!(batch("[]"), Err(("empty_batch", String::new())));
    assert_eq!(batch("[1]"), Err(("wrong_type", "/0".to_owned())));
}
