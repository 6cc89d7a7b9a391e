//! `wire/envelope`: what goes on to the intake is what came in.

use std::borrow::Cow;

use crate::limits::Limits;
use crate::wire::body::read;
use crate::wire::envelope::Shape;
use crate::wire::media::Format;

const EXACT: [&str; 22] = [
    "12345678901234567890",
    "1.0",
    "-0",
    "-0.0",
    "1E400",
    "1e-400",
    "123456789.123456789123456789123456789",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "\"😀\"",
    "\"\\/\"",
    "{\"b\":1,\"a\":2}",
    "{\"a\":1,\"a\":2}",
    "{\"\":1}",
    "{ \"a\" : [ 1 ,\t2 ] }",
    "[]",
    "{}",
    "true",
    "\"\"",
    "\"\\u2028\u{2028}\"",
    "{\"a\":\r\n1}",
];

fn data_of(format: Format, shape: Shape, body: &str) -> Vec<String> {
    let mut all = Vec::new();
    read(body.as_bytes(), format, shape, &Limits::default(), &mut |_, event| {
        all.push(event?.data.unwrap_or("absent").to_owned());
        Ok(())
    })
    .unwrap();
    all
}

#[test]
fn data_stays_byte_for_byte() {
    for data in EXACT {
        let envelope = format!("{{\"data\" : {data} , \"category\":\"a\",\"name\":\"b\"}}");
        assert_eq!(data_of(Format::Json, Shape::Envelope, &envelope), [data]);
        assert_eq!(data_of(Format::Json, Shape::Envelope, &format!("[{envelope} ]")), [data]);
        assert_eq!(data_of(Format::Json, Shape::Raw, &format!("[ {data} ]")), [data]);
        if !data.contains('\n') {
            assert_eq!(data_of(Format::Lines, Shape::Raw, &format!(" {data}\r\n")), [data]);
            assert_eq!(data_of(Format::Lines, Shape::Envelope, &envelope), [data]);
        }
    }
    assert_eq!(data_of(Format::Json, Shape::Raw, "null"), ["null"]);
    assert_eq!(data_of(Format::Json, Shape::Envelope, "{\"data\":null}"), ["absent"]);
}

#[test]
fn texts_are_borrowed_unless_they_have_escapes() {
    let body = br#"{"id":"i","session_id":"s","category":"c","name":"\u006e","timestamp":"t"}"#;
    read(body, Format::Json, Shape::Envelope, &Limits::default(), &mut |_, event| {
        let event = event?;
        assert!(matches!(event.id, Some(Cow::Borrowed("i"))));
        assert!(matches!(event.session_id, Some(Cow::Borrowed("s"))));
        assert!(matches!(event.category, Some(Cow::Borrowed("c"))));
        assert_eq!(event.name.as_deref(), Some("n"));
        assert!(matches!(event.timestamp, Some(Cow::Borrowed("t"))));
        assert_eq!(event.data, None);
        Ok(())
    })
    .unwrap();
}
