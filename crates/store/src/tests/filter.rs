//! The pure half of filters: where the texts of a prefix end, and which index a filter takes.

use std::convert::Infallible;

use model::{Filter, Pattern};

use crate::sqlite::filter::{Plan, successor};

#[test]
fn a_prefix_ends_at_the_next_text() {
    let check = |prefix: &str, wanted: Option<&str>| {
        assert_eq!(successor(prefix).as_deref(), wanted, "{prefix:?}");
    };
    check("", None);
    check("a", Some("b"));
    check("a%", Some("a&"));
    check("az\u{7f}", Some("az\u{80}"));
    check("\u{d7ff}", Some("\u{e000}"));
    check("a\u{10ffff}", Some("b"));
    check("a\u{10ffff}\u{10ffff}", Some("b"));
    check("\u{10ffff}", None);
    check("\u{10ffff}\u{10ffff}", None);
}

#[test]
fn a_filter_takes_the_index_that_leaves_least_to_test() {
    let exact = |text: &str| vec![Pattern::Exact(text.to_owned())];
    let check = |filter: &Filter, is_small: bool, index: &str, leaves_nothing: bool| {
        let plan = Plan::of(filter, |_| Ok::<_, Infallible>(is_small)).unwrap();
        assert_eq!((plan.index, plan.rest.is_all()), (index, leaves_nothing), "{filter:?}");
        for condition in [&plan.walk, &plan.rest] {
            assert_eq!(condition.sql.matches('?').count(), condition.values.len(), "{filter:?}");
        }
    };
    let all = Filter::default;
    check(&all(), true, "NOT INDEXED", true);
    let stream = Filter { stream: exact("s"), ..all() };
    check(&stream, true, "INDEXED BY events_stream", true);
    check(
        &Filter { valid: Some(false), ..stream.clone() },
        true,
        "INDEXED BY events_invalid",
        false,
    );
    check(&Filter { valid: Some(true), ..stream }, true, "INDEXED BY events_stream", false);
    let name = Filter { category: exact("c"), name: exact("n"), ..all() };
    check(&name, true, "INDEXED BY events_name", true);
    check(&Filter { category: exact("c"), ..all() }, true, "NOT INDEXED", false);
    let session = Filter { session_id: exact("s"), ..name };
    check(&session, true, "INDEXED BY events_session", false);
    check(&session, false, "INDEXED BY events_name", false);
    let prefix = vec![Pattern::Prefix("s".to_owned())];
    check(&Filter { stream: prefix, ..all() }, true, "NOT INDEXED", false);
}
