//! One public shape for all readers.

use crate::event::Event;
use crate::json::{Breaks, write_event};
use crate::seq::{LogId, Seq};
use crate::tests::event::{bare, full, judged};

fn text(event: &Event, prefix: &str, breaks: Breaks) -> String {
    let mut out = Vec::new();
    let log = LogId::new(0x0a1b_2c3d).unwrap();
    write_event(&mut out, event, Seq::new(7).unwrap(), log, prefix, breaks);
    String::from_utf8(out).unwrap()
}

#[test]
fn an_event_is_one_line_and_its_data_stays() {
    assert_eq!(
        text(&Event::from_draft(&full()), "\"type\":\"event\",", Breaks::ToSpaces),
        "{\"type\":\"event\",\"id\":\"0192f0c1-0000-7000-8000-000000000001\",\"seq\":7,\"cursor\":\"0a1b2c3d.7\",\
         \"stream\":\"events\",\"application\":\"web\",\"session_id\":\"s-1\",\"category\":\"page interaction\",\
         \"name\":\"検索\",\"timestamp\":\"2026-11-01T08:00:00.296000Z\",\
         \"received_at\":\"2026-11-01T08:00:01.000001Z\",\"valid\":false,\
         \"errors\":[{\"pointer\":\"/timestamp\",\"rule\":\"r\",\"message\":\"m\"}],\"schema_version\":null,\
         \"data\":{ \"n\" : 12345678901234567890,  \"x\":1.0 }}"
    );
}

#[test]
fn one_event_alone_keeps_its_line_breaks() {
    let text = text(&Event::from_draft(&full()), "", Breaks::Keep);
    assert!(text.ends_with("\"data\":{ \"n\" : 12345678901234567890,\r\n\"x\":1.0 }}"), "{text}");
}

#[test]
fn a_judged_event_names_the_version_of_its_schema() {
    let text = text(&Event::from_draft(&judged()), "", Breaks::Keep);
    assert!(text.contains("],\"schema_version\":16909060,\"data\":"), "{text}");
}

#[test]
fn absent_fields_are_null() {
    assert_eq!(
        text(&Event::from_draft(&bare()), "", Breaks::ToSpaces),
        "{\"id\":\"x\",\"seq\":7,\"cursor\":\"0a1b2c3d.7\",\"stream\":\"orders\",\"application\":null,\
         \"session_id\":null,\"category\":null,\"name\":null,\"timestamp\":null,\
         \"received_at\":\"1970-01-01T00:00:00.000000Z\",\"valid\":true,\"errors\":[],\
         \"schema_version\":null,\"data\":null}"
    );
}
