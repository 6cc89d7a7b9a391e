//! Promises about sums: they are those of a plain model, and an answer that is not whole says so.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Clock, Draft, Event, Filter, Pattern, Search};

use crate::events::{EventStore, Extent, Order, PageQuery, Stored};
use crate::explore::{
    Effort, Examined, ExploreStore, FACET_VALUES_MAX, FacetValue, Facets, Moment,
};
use crate::tests::conformance::reading::{any_filter, world};
use crate::tests::conformance::sample::{Dice, apply, claim, draft, stored};

const ALL: Effort = Effort { rows_max: u64::MAX, time_max: Duration::MAX };

fn facet<'a>(events: &[&'a Stored], of: fn(&'a Event) -> Option<&'a str>) -> Vec<FacetValue> {
    let mut counts = BTreeMap::new();
    for stored in events {
        *counts.entry(of(&stored.event)).or_insert(0) += 1;
    }
    let value = |(value, count): (Option<&str>, u64)| {
        let value = value.map(str::to_owned);
        FacetValue { value, count }
    };
    let mut all: Vec<FacetValue> = counts.into_iter().map(value).collect();
    all.sort_by_key(|value| std::cmp::Reverse(value.count));
    all.truncate(FACET_VALUES_MAX);
    all
}

fn facets(events: &[&Stored]) -> Facets {
    let n_valid = events.iter().filter(|stored| stored.event.valid()).count() as u64;
    Facets {
        application: facet(events, Event::application),
        category: facet(events, Event::category),
        name: facet(events, Event::name),
        stream: facet(events, |event| Some(event.stream())),
        n_valid,
        n_invalid: events.len() as u64 - n_valid,
    }
}

fn moments(events: &[&Stored], clock: Clock) -> Vec<Moment> {
    let moment = |stored: &&Stored| {
        let received_at = stored.event.received_at();
        let at = match clock {
            Clock::Received => received_at,
            Clock::Event => stored.event.timestamp().unwrap_or(received_at),
        };
        Moment { at, is_valid: stored.event.valid() }
    };
    events.iter().rev().map(moment).collect()
}

pub(crate) async fn sums_are_those_of_the_model(store: &(impl EventStore + ExploreStore)) {
    claim(store).await;
    let events = world(100);
    for part in events.chunks(1_777) {
        apply(store, part.to_vec()).await.unwrap();
    }
    let mut dice = Dice(7);
    let mut n_many = 0;
    for nth in 0..150 {
        let filter = match nth % 4 {
            _ if nth == 0 => Filter::default(),
            0 => any_filter(&mut dice),
            1 => Filter { search: any_filter(&mut dice).search, ..Filter::default() },
            2 => Filter { application: vec![], session_id: vec![], ..any_filter(&mut dice) },
            _ => Filter { stream: vec![], category: vec![], name: vec![], ..any_filter(&mut dice) },
        };
        let wanted: Vec<&Stored> =
            events.iter().filter(|stored| filter.matches(&stored.event)).collect();
        n_many += usize::from(wanted.len() > 500);
        let (n, examined) = store.count(filter.clone(), ALL).await.unwrap();
        assert_eq!((n, examined.is_complete), (wanted.len() as u64, true), "{filter:?}");
        let (found, examined) = store.facets(filter.clone(), ALL).await.unwrap();
        assert_eq!((found, examined.is_complete), (facets(&wanted), true), "{filter:?}");
        let (found, examined) = store.moments(filter.clone(), ALL).await.unwrap();
        assert!(found == moments(&wanted, filter.clock) && examined.is_complete, "{filter:?}");
    }
    assert!(n_many > 30, "the filters want something: {n_many}");
}

pub(crate) async fn what_is_left_out_is_said(store: &(impl EventStore + ExploreStore)) {
    claim(store).await;
    let all = Filter::default;
    let (n, examined) = store.count(all(), ALL).await.unwrap();
    assert_eq!((n, examined), (0, Examined { n_rows: 0, is_complete: true }));
    let make = |at: u64| {
        let category = if at.is_multiple_of(2) { "even" } else { "odd" };
        stored(at, &Draft { category: Some(category), ..draft(&format!("id-{at:06}")) })
    };
    apply(store, (1..=30_000).map(make).collect()).await.unwrap();
    let bound = |rows_max| Effort { rows_max, ..ALL };
    let (n, examined) = store.count(all(), bound(25_001)).await.unwrap();
    assert_eq!((n, examined), (25_001, Examined { n_rows: 25_001, is_complete: false }));
    let (n, examined) = store.count(all(), bound(30_000)).await.unwrap();
    assert_eq!((n, examined), (30_000, Examined { n_rows: 30_000, is_complete: true }));
    // Newest first: the odd one of the last three.
    let odd = vec![Pattern::Exact("odd".to_owned())];
    let filter = Filter { category: odd, ..all() };
    let (found, examined) = store.facets(filter.clone(), bound(3)).await.unwrap();
    assert!(!examined.is_complete && examined.n_rows == 3);
    assert!((1..=3).contains(&found.n_valid) && found.category.len() == 1, "{found:?}");
    // Some rows are always looked at, however short the time.
    let hasty = Effort { time_max: Duration::ZERO, ..ALL };
    let (found, examined) = store.moments(filter, hasty).await.unwrap();
    assert!(!found.is_empty() && !examined.is_complete && examined.n_rows < 30_000);
}

pub(crate) async fn more_values_than_are_counted_are_said(
    store: &(impl EventStore + ExploreStore),
) {
    claim(store).await;
    for first in (1..=60_000).step_by(20_000) {
        let make = |at: u64| {
            let (name, category) = (format!("n{at}"), if at > 100 { "most" } else { "few" });
            let draft = Draft { name: Some(&name), category: Some(category), ..draft("") };
            stored(at, &Draft { id: &format!("id-{at}"), ..draft })
        };
        apply(store, (first..first + 20_000).map(make).collect()).await.unwrap();
    }
    let (found, examined) = store.facets(Filter::default(), ALL).await.unwrap();
    assert!(!examined.is_complete, "60,000 names are not all counted");
    assert_eq!((found.name.len(), found.n_valid), (FACET_VALUES_MAX, 60_000));
    assert_eq!(found.category.iter().map(|value| value.count).collect::<Vec<_>>(), [59_900, 100]);
}

pub(crate) async fn an_exact_id_is_found_wherever_it_stands(
    store: &(impl EventStore + ExploreStore),
) {
    claim(store).await;
    let make = |at: u64| {
        let stream = if at.is_multiple_of(2) { "events" } else { "sensors" };
        let id = if at <= 2 { "Needle".to_owned() } else { format!("needle-{at}") };
        stored(at, &Draft { stream, ..draft(&id) })
    };
    apply(store, (1..=10).map(make).collect()).await.unwrap();
    let find = async |search: &str, stream: &str, order, limit| {
        let stream = vec![Pattern::parse(stream)];
        let filter = Filter { search: Search::parse(search), stream, ..Filter::default() };
        let query = PageQuery { filter, after: None, order, limit };
        let found = store.named(query, Extent::PAGE).await.unwrap();
        found.iter().map(|listed| listed.seq.get()).collect::<Vec<_>>()
    };
    assert_eq!(find("Needle", "*", Order::Asc, 100).await, [1, 2]);
    assert_eq!(find("Needle", "*", Order::Desc, 100).await, [2, 1]);
    assert_eq!(find("Needle", "*", Order::Desc, 1).await, [2]);
    assert_eq!(
        find("Needle", "events", Order::Asc, 100).await,
        [2],
        "the rest of the filter holds"
    );
    assert!(find("needle", "*", Order::Asc, 100).await.is_empty(), "exactly");
}
