//! A histogram's buckets are whole seconds, cover its range, and hold each moment once. A search finds its id at once.

use model::Timestamp;
use store::Moment;

use crate::routes::explore::{Bars, draw};
use crate::tests::app::App;

const NOW_S: i64 = 1_793_520_000;

fn at(seconds: f64) -> Timestamp {
    Timestamp::from_micros(NOW_S * 1_000_000 + (seconds * 1e6) as i64)
}

fn bars(moments: &[(f64, bool)], from: Option<f64>, to: Option<f64>, n_buckets: usize) -> Bars {
    let moment = |&(seconds, is_valid): &(f64, bool)| Moment { at: at(seconds), is_valid };
    let moments: Vec<Moment> = moments.iter().map(moment).collect();
    draw(&moments, (from.map(at), to.map(at)), at(0.0), n_buckets)
}

#[test]
fn buckets_are_whole_seconds_and_cover_the_range() {
    let events = [(-100.0, true), (-99.5, false), (-50.0, true), (-0.000_001, true)];
    let whole = bars(&events, Some(-100.0), Some(0.0), 10);
    assert_eq!((whole.start, whole.step_s), (at(-100.0), 10));
    assert_eq!(whole.valid, [1, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
    assert_eq!(whole.invalid, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    // 100 s in 7 buckets are 15 s each; the last one is cut.
    let uneven = bars(&events, Some(-100.0), Some(0.0), 7);
    assert_eq!((uneven.step_s, uneven.valid.len()), (15, 7));
    let short = bars(&[(-1.5, true)], Some(-2.5), Some(0.0), 60);
    assert_eq!((short.step_s, short.valid), (1, vec![0, 1, 0]));
}

#[test]
fn an_open_range_is_that_of_the_events() {
    let events = [(-30.0, true), (-10.0, true), (20.0, false)];
    let open = bars(&events, None, None, 60);
    assert_eq!((open.start, open.step_s, open.valid.len()), (at(-30.0), 1, 51));
    assert_eq!((open.valid[0], open.valid[20], open.invalid[50]), (1, 1, 1));
    // From a beginning on up to now, or to what is newer.
    assert_eq!(bars(&events[..1], Some(-40.0), None, 60).valid.len(), 40);
    assert_eq!(bars(&events, Some(-40.0), None, 100).valid.len(), 61);
    assert_eq!(bars(&events, None, Some(30.0), 100).valid.len(), 60);
    let none = bars(&[], None, None, 60);
    assert_eq!((none.start, none.step_s, none.valid.len()), (at(-86_400.0), 1_440, 60));
    assert!(bars(&[], Some(5.0), Some(-5.0), 60).valid.is_empty(), "an empty range has no buckets");
}

#[test]
fn any_two_times_make_a_histogram() {
    let moment = |us| Moment { at: Timestamp::from_micros(us), is_valid: true };
    let moments = [moment(i64::MIN), moment(0), moment(i64::MAX - 1)];
    let far = draw(&moments, (None, None), at(0.0), 500);
    assert_eq!((far.valid.len(), far.valid.iter().sum::<u64>()), (500, 3));
}

#[tokio::test]
async fn an_exact_id_stands_on_the_first_page() {
    let app = App::start().await;
    // More rows than a page tests, the wanted one at the far end of the walk.
    let make = |from: usize, to: usize| {
        let lines: Vec<String> = (from..to)
            .map(|n| format!(r#"{{"id":"id-{n:05}","category":"c","name":"n"}}"#))
            .collect();
        lines.join("\n")
    };
    for from in (0..24_000).step_by(8_000) {
        assert_eq!(app.post_lines("/events", &make(from, from + 8_000)).await.status, 202);
    }
    app.applied(24_000).await;
    let ids = |page: &serde_json::Value| -> Vec<String> {
        let events = page["events"].as_array().unwrap();
        events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
    };
    for (path, wanted) in [
        ("/events?q=id-23999", "id-23999"),
        ("/events?order=desc&q=id-00000&data=preview", "id-00000"),
        ("/streams/events?order=desc&q=id-00000&limit=1", "id-00000"),
    ] {
        let page = app.get(path).await.json();
        assert_eq!(ids(&page), [wanted], "{path}");
        // It comes again in its place, and then the walk is over.
        let next = page["next"].as_str().expect("the walk is not over");
        let page = app.get(&format!("{path}&after={next}")).await.json();
        assert_eq!((ids(&page), page["next"].is_null()), (vec![wanted.to_owned()], true), "{path}");
    }
    // Others that match keep their order, and the page its limit.
    let lines = make(0, 1).replace("id-00000", "ID-23999 again");
    assert_eq!(app.post("/streams/events", &lines).await.status, 202);
    app.applied(24_001).await;
    let page = app.get("/events?q=id-23999&order=desc&limit=5").await.json();
    assert_eq!(ids(&page), ["ID-23999 again", "id-23999"]);
    let page = app.get("/events?q=id-2399&order=desc&limit=5").await.json();
    assert_eq!(ids(&page).len(), 5);
    let page = app.get("/events?q=id-00000&order=desc&limit=1&category=x").await.json();
    assert!(ids(&page).is_empty(), "the rest of the filter holds");
}

#[tokio::test]
async fn an_exact_id_makes_room_for_itself() {
    let app = App::start().await;
    let lines: Vec<String> = (0..9)
        .map(|n| {
            format!(
                r#"{{"id":"{}","category":"abc","name":"n"}}"#,
                ["x", "abc"][usize::from(n == 8)].repeat(1 + n % 8)
            )
        })
        .collect();
    assert_eq!(app.post_lines("/events", &lines.join("\n")).await.status, 202);
    app.applied(9).await;
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = app.get(&format!("/events?q=abc&limit=3{after}")).await.json();
        let events = page["events"].as_array().unwrap();
        assert!(events.len() <= 3);
        seen.push(events.iter().map(|event| event["seq"].as_u64().unwrap()).collect::<Vec<_>>());
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen, [vec![1, 2, 9], vec![3, 4, 5], vec![6, 7, 8], vec![9]]);
}
