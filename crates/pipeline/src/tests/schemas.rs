//! What schemas say, and that no schema and no data can stop whoever judges.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use store::{SchemaKey, SchemaMode, SchemaStore as _};

use crate::schemas::bad::BadSchema;
use crate::schemas::compiled::{Compiled, REASONS_MAX};
use crate::schemas::dry_run::dry_run;
use crate::schemas::reason::{MESSAGE_BYTES_MAX, Reason};
use crate::schemas::service::Schemas;
use crate::schemas::shape::SCHEMA_BYTES_MAX;
use crate::tests::intake::Path;

/// Stack of the threads that judge: tokio's own.
const STACK_BYTES: usize = 2 << 20;

fn compiled(schema: &Value) -> Compiled {
    Compiled::compile(&schema.to_string()).unwrap().compiled
}

fn bad(schema: &Value) -> BadSchema {
    Compiled::compile(&schema.to_string()).unwrap_err()
}

fn broken(schema: &Value, data: &str) -> Vec<(String, String)> {
    let reasons = compiled(schema).judge(data);
    reasons.into_iter().map(|Reason { pointer, rule, .. }| (pointer, rule)).collect()
}

fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
    wanted.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

/// Runs it on a stack as small as those of the server, and waits no longer than anybody would.
fn on_a_small_stack<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    thread.spawn(move || done.send(job())).unwrap();
    result.recv_timeout(Duration::from_mins(1)).expect("it comes to an end")
}

#[test]
fn every_broken_rule_is_named_with_its_place() {
    let schema = json!({
        "type": "object",
        "required": ["host"],
        "properties": {
            "host": {"const": "example.org"},
            "form": {"properties": {"first_name": {"type": "string", "maxLength": 3}}},
            "a/b": {"enum": ["x", "y"]}
        }
    });
    assert_eq!(broken(&schema, r#"{"host":"example.org"}"#), []);
    assert_eq!(broken(&schema, "[]"), pairs(&[("/data", "type")]));
    assert_eq!(broken(&schema, "{}"), pairs(&[("/data", "required")]));
    let mut found = broken(&schema, r#"{"host":"other","form":{"first_name":"Anna"},"a/b":"z"}"#);
    found.sort();
    let wanted =
        [("/data/a~1b", "enum"), ("/data/form/first_name", "maxLength"), ("/data/host", "const")];
    assert_eq!(found, pairs(&wanted));
    let reasons = compiled(&schema).judge(r#"{"host":"example.org","a/b":"z"}"#);
    assert!(
        reasons[0].message.contains("\"x\"") && !reasons[0].message.contains('z'),
        "{reasons:?}"
    );
}

#[test]
fn of_members_with_one_name_the_last_is_judged() {
    let schema = json!({"properties": {"a": {"type": "string"}}});
    assert_eq!(broken(&schema, r#"{"a":1,"a":"x"}"#), []);
    assert_eq!(broken(&schema, r#"{"a":"x","a":1}"#), pairs(&[("/data/a", "type")]));
}

#[test]
fn reasons_are_few_and_short() {
    let long = "x".repeat(5_000);
    let schema = json!({"items": {"enum": [long]}});
    let data = format!("[{}]", vec!["1"; 2_000].join(","));
    let reasons = compiled(&schema).judge(&data);
    assert_eq!(reasons.len(), REASONS_MAX);
    assert!(
        reasons.iter().all(|reason| reason.message.len() <= MESSAGE_BYTES_MAX + 3),
        "{reasons:?}"
    );
    // Data with too many wrong places to walk through them all is told the first.
    let data = format!("[{}]", vec!["1"; 400_000].join(","));
    assert_eq!(compiled(&schema).judge(&data).len(), 1);
}

#[test]
fn numbers_that_no_double_holds_are_judged_by_what_is_certain() {
    let check = |schema: Value, data: &str, wanted: &[(&str, &str)]| {
        assert_eq!(broken(&schema, data), pairs(wanted), "{schema} {data}");
    };
    let long = "1234567890123456789012345678901234567890";
    for number in ["1e400", "-1e400", long, "1e-400", "18446744073709551616"] {
        check(json!({"type": "number"}), number, &[]);
        check(json!({"type": "string"}), number, &[("/data", "type")]);
        // Nobody can tell, so nobody is blamed.
        check(json!({"const": 7}), number, &[]);
        check(json!({"multipleOf": 7}), number, &[]);
    }
    for number in ["1e400", long, "18446744073709551616"] {
        check(json!({"type": "integer"}), number, &[]);
        check(json!({"maximum": 10}), number, &[("/data", "maximum")]);
        check(json!({"minimum": 10}), number, &[]);
    }
    check(json!({"exclusiveMinimum": 0}), "1e-400", &[]);
    check(json!({"exclusiveMinimum": 0}), "0.0", &[("/data", "exclusiveMinimum")]);
    let twins = format!("[{long},{}]", long.replace("7890", "7891"));
    check(json!({"uniqueItems": true}), &twins, &[]);
    check(json!({"uniqueItems": true}), "[1,1.0]", &[("/data", "uniqueItems")]);
    // 64-bit integers are exact, and what stands beside a strange number is judged as ever.
    check(json!({"const": 9_007_199_254_740_993_u64}), "9007199254740992", &[("/data", "const")]);
    check(
        json!({"properties": {"a": {"const": 1}}}),
        r#"{"a":2,"b":1e400}"#,
        &[("/data/a", "const")],
    );
}

#[test]
fn half_a_surrogate_pair_loses_nothing() {
    let schema =
        json!({"properties": {"a": {"type": "string", "maxLength": 3}}, "required": ["b"]});
    assert_eq!(broken(&schema, r#"{"a":"x\ud800y","b":"\n\"\\\/\u0041"}"#), []);
    assert_eq!(
        broken(&schema, r#"{"a":"\ud83d\ude00\ud800xyz","b":1}"#),
        pairs(&[("/data/a", "maxLength")])
    );
    assert_eq!(broken(&json!({"const": "\u{fffd}!"}), r#""\ud800?""#), []);
}

#[test]
fn what_is_no_usable_schema_is_refused_with_its_place() {
    let check = |schema: Value, pointer: &str, words: &str| {
        let bad = bad(&schema);
        assert_eq!(bad.pointer, pointer, "{schema}: {bad}");
        assert!(bad.reason.contains(words), "{schema}: {bad}");
    };
    check(json!(7), "", "object");
    check(json!({"type": "strin"}), "/type", "");
    check(json!({"properties": {"a": {"maxLength": -1}}}), "/properties/a/maxLength", "");
    for url in ["https://example.org/a.json", "file:///etc/passwd", "other.json#/a"] {
        check(json!({"properties": {"a": {"$ref": url}}}), "/properties/a/$ref", "fetched");
    }
    check(json!({"$ref": "#/$defs/a"}), "/$ref", "no schema");
    check(json!({"$ref": "#/enum/0", "enum": [{}]}), "/$ref", "no schema");
    check(json!({"$schema": "http://json-schema.org/draft-07/schema#"}), "/$schema", "2020-12");
    check(json!({"$defs": {"a": {"$id": "https://example.org/"}}}), "/$defs/a/$id", "$id");
    for pattern in ["(?=a)b", "(?<!a)b", r"(a)\1", "(((a{1,100}){1,100}){1,100}){1,100}"] {
        check(
            json!({"properties": {"a": {"pattern": pattern}}}),
            "/properties/a/pattern",
            "linear",
        );
    }
    check(
        json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
        "/$defs/b",
        "itself",
    );
    check(json!({"allOf": [{"$ref": "#"}]}), "/allOf/0", "itself");
    assert!(Compiled::compile("{\"maximum\":1e400}").is_err());
    assert!(Compiled::compile("{").is_err());
    assert!(
        Compiled::compile(&format!("{{\"const\":\"{}\"}}", "x".repeat(SCHEMA_BYTES_MAX))).is_err()
    );
}

#[test]
fn a_schema_may_refer_to_itself_and_to_its_anchors() {
    let tree = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.org/tree",
        "type": "object",
        "properties": {"name": {"$ref": "#name"}, "children": {"items": {"$ref": "#"}}},
        "$defs": {"n": {"$anchor": "name", "type": "string"}, "a/b%": {}},
        "additionalProperties": {"$ref": "#/$defs/a~1b%25"}
    });
    assert_eq!(broken(&tree, r#"{"children":[{"name":"x","children":[{}]}]}"#), []);
    assert_eq!(
        broken(&tree, r#"{"children":[{"children":[{"name":1}]}]}"#),
        pairs(&[("/data/children/0/children/0/name", "type")])
    );
}

#[test]
fn a_pathological_pattern_takes_linear_time() {
    let schema = json!({"pattern": "^(a+)+$"});
    let data = format!("\"{}!\"", "a".repeat(100_000));
    let found = on_a_small_stack(move || broken(&schema, &data));
    assert_eq!(found, pairs(&[("/data", "pattern")]));
}

#[test]
fn a_huge_enum_is_judged() {
    let values: Vec<String> = (0..20_000).map(|n| format!("v{n}")).collect();
    let schema = json!({"enum": values});
    assert_eq!(broken(&schema, "\"v19999\""), []);
    assert_eq!(broken(&schema, "\"w\""), pairs(&[("/data", "enum")]));
}

#[test]
fn a_schema_that_nests_deeply_is_refused_before_it_is_compiled() {
    let mut schema = json!({});
    for _ in 0..30 {
        schema = json!({"properties": {"a": schema}});
    }
    let data = format!("{}1{}", "{\"a\":".repeat(30), "}".repeat(30));
    let fits = schema.clone();
    assert_eq!(on_a_small_stack(move || broken(&fits, &data)), []);
    let text = format!("{}{{}}{}", "{\"not\":".repeat(10_000), "}".repeat(10_000));
    assert!(on_a_small_stack(move || Compiled::compile(&text).is_err()));
    for _ in 0..10 {
        schema = json!({"properties": {"a": schema}});
    }
    assert!(bad(&schema).reason.contains("nests"), "{:?}", bad(&schema));
}

#[test]
fn references_that_double_again_and_again_are_refused() {
    let mut defs = serde_json::Map::new();
    for n in 0..40 {
        let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
        defs.insert(format!("d{n}"), json!({"allOf": [next, next]}));
    }
    defs.insert("d40".to_owned(), json!({}));
    let refused = on_a_small_stack(move || bad(&json!({"$ref": "#/$defs/d0", "$defs": defs})));
    assert!(refused.reason.contains("goes through"), "{refused}");
    let mut chain = serde_json::Map::new();
    for n in 0..2_000 {
        chain.insert(format!("d{n}"), json!({"$ref": format!("#/$defs/d{}", n + 1)}));
    }
    chain.insert("d2000".to_owned(), json!({}));
    let refused = on_a_small_stack(move || bad(&json!({"$ref": "#/$defs/d0", "$defs": chain})));
    assert!(refused.reason.contains("in each other"), "{refused}");
}

#[test]
fn a_recursion_that_doubles_with_each_level_ends() {
    let schema = json!({
        "$defs": {"n": {"properties": {"a": {"anyOf": [
            {"allOf": [{"$ref": "#/$defs/n"}, {"required": ["x"]}]},
            {"allOf": [{"$ref": "#/$defs/n"}, {"required": ["y"]}]}
        ]}}}},
        "$ref": "#/$defs/n"
    });
    for depth in [3, 12, 60, 127] {
        let data = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        let schema = schema.clone();
        let found = on_a_small_stack(move || broken(&schema, &data));
        assert_eq!(found.len(), 1, "{depth} {found:?}");
    }
}

#[test]
fn the_deepest_data_and_the_longest_chain_fit_on_the_stack() {
    // As many schemas in each other as are allowed, for data as deep as is taken.
    let longest = |n: usize, last: Value| {
        let mut defs = serde_json::Map::new();
        for nth in 0..n {
            let next = json!({"$ref": format!("#/$defs/d{}", nth + 1)});
            defs.insert(format!("d{nth}"), json!({"allOf": [next]}));
        }
        defs.insert(format!("d{n}"), last);
        json!({"$ref": "#/$defs/d0", "$defs": defs})
    };
    let flat = longest(62, json!({"type": "string"}));
    assert_eq!(on_a_small_stack(move || broken(&flat, "1")), pairs(&[("/data", "type")]));
    for n in 0..30 {
        let schema = longest(n, json!({"items": {"$ref": "#"}, "type": "array"}));
        for depth in [1, 2, 5, 10, 20, 40, 80, 127] {
            let data = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
            let schema = schema.clone();
            let found = on_a_small_stack(move || broken(&schema, &data));
            assert_eq!(found.len(), 1, "{n} {depth} {found:?}");
        }
    }
}

#[test]
fn the_patterns_of_a_schema_have_one_bound_together() {
    let many = |n: usize, pattern: &str| {
        let properties: serde_json::Map<String, Value> = (0..n)
            .map(|nth| (format!("a{nth}"), json!({"pattern": format!("{pattern}{nth}")})))
            .collect();
        json!({"properties": properties})
    };
    assert_eq!(broken(&many(200, "^[A-Z]{2,40}-(?:x|y)"), "{}"), []);
    for (n, pattern) in [
        (6_000, "[a-z]{2000}"),
        (100, "[a-z]{5000}"),
        (6_000, "a"),
        (1_000, "(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)(l)(m)"),
    ] {
        let refused = on_a_small_stack(move || bad(&many(n, pattern)));
        assert!(refused.reason.contains("bytes when compiled"), "{pattern}: {refused}");
        assert!(refused.pointer.ends_with("/pattern"), "{pattern}: {refused}");
    }
    let names: serde_json::Map<String, Value> =
        (0..1_200).map(|nth| (format!("^a{nth}"), json!(true))).collect();
    let refused = bad(&json!({"patternProperties": names}));
    assert_eq!(refused.pointer, "/patternProperties", "{refused}");
}

#[test]
fn a_pattern_is_not_asked_about_more_text_than_it_can_be() {
    let text = format!("\"{}\"", "a".repeat(1 << 20));
    let name = format!("{{{text}:1}}");
    let slow = json!({"pattern": "[a-z]{900}x"});
    let properties = json!({"patternProperties": {"[a-z]{900}x": true}});
    let names = json!({"propertyNames": {"$ref": "#/$defs/a"}, "$defs": {"a": {"not": slow}}});
    let itself = json!({"propertyNames": {"$ref": "#"}, "pattern": "[a-z]{900}x"});
    for (schema, data) in [(slow, &text), (properties, &name), (names, &name), (itself, &name)] {
        let data = data.clone();
        let found = on_a_small_stack(move || broken(&schema, &data));
        assert_eq!(found, pairs(&[("/data", "too_complex")]));
    }
    // What nearly spends it all for the verdict has nothing left for the reasons, and is not valid for that.
    let page = format!("\"{}\"", "a".repeat(60_000));
    assert_eq!(
        broken(&json!({"pattern": "[ab]*a[ab]{600}[^a-z]"}), &page),
        pairs(&[("/data", "too_complex")])
    );
    // What is asked every day may be asked about all that an event can hold.
    let everyday =
        json!({"type": "string", "pattern": "^[A-Za-z0-9+/]+=*$", "maxLength": 2_000_000});
    assert_eq!(broken(&everyday, &text), []);
    let page = format!("\"{}\"", "a".repeat(20_000));
    assert_eq!(broken(&json!({"pattern": "[^<>]{1,80}$"}), &page), []);
}

#[tokio::test]
async fn a_change_comes_into_force_although_nobody_waits_for_it() {
    let path = Path::new(1 << 20);
    let states = path.store.schemas().await.unwrap();
    let schemas = Schemas::open(Arc::clone(&path.store) as _, states).await.unwrap();
    let key = SchemaKey { stream: "events".to_owned(), category: None, name: None };
    let text = Some("{}".to_owned());
    schemas.put(key.clone(), SchemaMode::Keep, text, false, "tester").await.unwrap();
    {
        let change = std::pin::pin!(schemas.activate(key.clone(), 1, "tester"));
        assert!(futures_util::poll!(change).is_pending());
    }
    let in_force = || schemas.list().iter().any(|listed| listed.state.active.is_some());
    eventually(in_force).await;
}

#[test]
fn a_dry_run_keeps_its_permit_while_something_works_for_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build();
    runtime.unwrap().block_on(async {
        let path = Path::new(1 << 20);
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || wait.recv());
        let permit = Arc::new(());
        let key = SchemaKey { stream: "events".to_owned(), category: None, name: None };
        {
            let store = Arc::clone(&path.store) as _;
            let run = std::pin::pin!(dry_run(store, &key, "{}".to_owned(), 1, Arc::clone(&permit)));
            assert!(futures_util::poll!(run).is_pending());
        }
        assert_eq!(Arc::strong_count(&permit), 2, "the work is still to be done");
        go.send(()).unwrap();
        busy.await.unwrap().unwrap();
        eventually(|| Arc::strong_count(&permit) == 1).await;
    });
}

async fn eventually(is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < end, "it never came");
        tokio::task::yield_now().await;
    }
}
