//! Promises about deleting by age: the oldest first, no younger one, and what is left is found as before.

use model::{Clock, ContentHash, Draft, Filter, Pattern, Seq};

use crate::dead_letters::{DeadLetterStore, Replay, Replayed};
use crate::events::{EventStore, IdKey, Order, PageQuery, Stored};
use crate::retention::{Forget, RetentionStore};
use crate::tests::conformance::reading::{any_filter, world};
use crate::tests::conformance::sample::{
    Dice, NOW_US, apply, at, claim, draft, positions, read_all, seq, stored,
};

fn forget(stream: &str, before_us: i64, rows_max: usize) -> Forget {
    Forget { stream: stream.to_owned(), before: at(before_us), rows_max }
}

/// An event that came in so many seconds after the beginning.
fn aged(position: u64, stream: &str, seconds: i64) -> Stored {
    let received_at = at(NOW_US + seconds * 1_000_000);
    let id = format!("id-{position}");
    let hash = ContentHash(u128::from(position));
    stored(position, &Draft { stream, received_at, hash, ..draft(&id) })
}

/// Does what retention does, to the end. The number of rows, and of slices.
async fn run(store: &impl RetentionStore, wanted: &Forget, now_us: i64) -> (u64, usize) {
    let (mut n_rows, mut n_slices) = (0, 0);
    while let Some(through) = store.due(wanted.clone(), at(now_us)).await.unwrap() {
        n_rows += store.forget(wanted.clone(), through).await.unwrap();
        n_slices += 1;
        assert_eq!(store.horizons().await.unwrap().of_stream(&wanted.stream), through);
    }
    (n_rows, n_slices)
}

async fn kept(store: &impl EventStore) -> Vec<u64> {
    positions(&read_all(store, &Filter::default(), Order::Asc, 1_000).await.0)
}

pub(crate) async fn the_oldest_of_a_stream_go_first(store: &(impl EventStore + RetentionStore)) {
    claim(store).await;
    let streams = ["a", "b", "a", "b", "a", "a", "a", "a"];
    let events =
        (1..).zip(streams).map(|(position, stream)| aged(position, stream, position as i64));
    apply(store, events.collect()).await.unwrap();
    let far_us = NOW_US + 3_600_000_000;
    assert_eq!(store.due(forget("a", NOW_US, 10), at(far_us)).await.unwrap(), None);
    assert_eq!(store.due(forget("c", far_us, 10), at(far_us)).await.unwrap(), None);
    assert_eq!(store.horizons().await.unwrap().of_stream("a"), Seq::ZERO);
    // Those before the seventh second, two at once.
    let wanted = forget("a", NOW_US + 7_000_000, 2);
    assert_eq!(run(store, &wanted, far_us).await, (4, 2));
    assert_eq!(kept(store).await, [2, 4, 7, 8]);
    let horizons = store.horizons().await.unwrap();
    assert_eq!(horizons.iter().collect::<Vec<_>>(), [("a", seq(6))]);
    assert_eq!(store.streams("", 10).await.unwrap(), ["a", "b"]);
    assert_eq!(store.streams("a", 10).await.unwrap(), ["b"]);
    assert_eq!(store.streams("", 1).await.unwrap(), ["a"]);
    // Repeating it deletes nothing, and a horizon does not go back.
    assert_eq!(store.forget(wanted, seq(3)).await.unwrap(), 0);
    assert_eq!(store.horizons().await.unwrap().of_stream("a"), seq(6));
    assert_eq!(run(store, &forget("b", far_us, 2), far_us).await, (2, 1));
    assert_eq!(
        (kept(store).await, store.streams("", 9).await.unwrap()),
        (vec![7, 8], vec!["a".to_owned()])
    );
    let horizons = store.horizons().await.unwrap();
    let of = |pattern: &str| {
        let stream = vec![Pattern::parse(pattern)];
        horizons.of(&Filter { stream, ..Filter::default() }).get()
    };
    assert_eq!(
        (of("a"), of("b"), of("*"), of("c"), horizons.of(&Filter::default())),
        (6, 4, 6, 0, seq(6))
    );
}

pub(crate) async fn a_young_one_shields_those_behind_it(
    store: &(impl EventStore + RetentionStore),
) {
    claim(store).await;
    // The clock stood ten seconds ahead at the third, and an hour ahead at the fifth.
    let seconds = [1, 2, 13, 4, 3_605, 6, 7];
    let events = (1..).zip(seconds).map(|(position, at)| aged(position, "a", at)).collect();
    apply(store, events).await.unwrap();
    let (before_us, now_us) = (NOW_US + 10_000_000, NOW_US + 20_000_000);
    assert_eq!(run(store, &forget("a", before_us, 100), now_us).await, (2, 1));
    assert_eq!(kept(store).await, [3, 4, 5, 6, 7], "none that says it is younger");
    // Once the third is old enough, one that says it comes from the future holds nothing up.
    let (before_us, now_us) = (NOW_US + 14_000_000, NOW_US + 24_000_000);
    assert_eq!(run(store, &forget("a", before_us, 100), now_us).await, (5, 1));
    assert!(kept(store).await.is_empty());
}

pub(crate) async fn what_is_left_is_found_by_any_filter(
    store: &(impl EventStore + RetentionStore),
) {
    claim(store).await;
    let mut events = world(0);
    for part in events.chunks(1_777) {
        apply(store, part.to_vec()).await.unwrap();
    }
    let last = events.last().unwrap();
    let (end_us, head) = (last.event.received_at().micros(), last.seq);
    let mut dice = Dice(3);
    for stream in ["events", "sensors", "events", "sensors.eu", "events"] {
        let before_us = NOW_US + (end_us - NOW_US) * (2 + dice.below(6) as i64) / 10;
        run(store, &forget(stream, before_us, 500), end_us).await;
        let horizon = store.horizons().await.unwrap().of_stream(stream);
        events.retain(|stored| stored.seq > horizon || stored.event.stream() != stream);
        let is_old = |stored: &&Stored| stored.event.received_at() < at(before_us);
        let oldest = events.iter().find(|stored| stored.event.stream() == stream);
        assert!(!oldest.iter().any(is_old), "the oldest one left is young");
        for _ in 0..12 {
            let filter = any_filter(&mut dice);
            let matches = |stored: &&Stored| filter.matches(&stored.event);
            let wanted: Vec<u64> =
                events.iter().filter(matches).map(|stored| stored.seq.get()).collect();
            let (found, _) = read_all(store, &filter, Order::Asc, 1_000).await;
            assert_eq!(positions(&found), wanted, "{filter:?}");
        }
    }
    assert!(events.len() < 9_000, "something was deleted: {}", events.len());
    // What comes into a block that was emptied is found by its time.
    let all = forget("events", i64::MAX, 100_000);
    run(store, &all, i64::MAX).await;
    let (position, far) = (head.next().get(), 1_000_000);
    apply(store, vec![aged(position, "events", far)]).await.unwrap();
    let from = Some(at(NOW_US + far * 1_000_000));
    for clock in [Clock::Received, Clock::Event] {
        let filter = Filter { from, clock, ..Filter::default() };
        let (found, _) = read_all(store, &filter, Order::Desc, 10).await;
        assert_eq!(positions(&found), [position]);
    }
}

pub(crate) async fn a_deleted_id_may_be_used_again(store: &(impl EventStore + RetentionStore)) {
    claim(store).await;
    let first = Draft { hash: ContentHash(1), ..draft("a") };
    apply(store, vec![stored(1, &first)]).await.unwrap();
    run(store, &forget("events", i64::MAX, 10), NOW_US).await;
    assert!(store.get("a", None, None).await.unwrap().is_empty());
    let again = Draft { hash: ContentHash(2), ..draft("a") };
    let applied = apply(store, vec![stored(2, &again)]).await.unwrap();
    assert_eq!((applied.n_stored, applied.n_dead), (1, 0), "it is a new event");
    assert_eq!(kept(store).await, [2]);
}

pub(crate) async fn dead_letters_go_by_when_they_died(store: &(impl EventStore + RetentionStore)) {
    claim(store).await;
    let draft = |hash| Draft { hash: ContentHash(hash), received_at: at(0), ..draft("a") };
    apply(store, vec![stored(1, &draft(1)), stored(2, &draft(2)), stored(3, &draft(3))])
        .await
        .unwrap();
    assert!(store.holds(seq(2)).await.unwrap() && store.holds(seq(3)).await.unwrap());
    // The event came in long ago; the dead letters died just now, by the clock of this machine.
    assert_eq!(run(store, &forget("events", NOW_US / 2, 10), NOW_US).await, (1, 1));
    assert!(!store.holds(seq(1)).await.unwrap() && store.holds(seq(2)).await.unwrap());
    assert_eq!(store.streams("", 10).await.unwrap(), ["events"], "a stream of dead letters alone");
    assert_eq!(run(store, &forget("events", i64::MAX, 1), i64::MAX).await, (2, 2));
    assert!(!store.holds(seq(2)).await.unwrap() && !store.holds(seq(3)).await.unwrap());
    assert_eq!(store.horizons().await.unwrap().of_stream("events"), seq(3));
}

/// The row of a replayed dead letter goes by when the event came in, the letter itself by when it died, which is later.
pub(crate) async fn a_replayed_letter_is_no_event_without_its_row<S>(store: &S)
where
    S: EventStore + RetentionStore + DeadLetterStore,
{
    claim(store).await;
    let draft = |hash| Draft { hash: ContentHash(hash), received_at: at(0), ..draft("a") };
    apply(store, vec![stored(1, &draft(1)), stored(2, &draft(2))]).await.unwrap();
    let old = forget("events", NOW_US / 2, 10);
    // The row that stands in the way of the second goes first, then the second's own.
    assert_eq!(run(store, &old, NOW_US).await, (1, 1));
    let replay =
        Replay { job: "j".to_owned(), seqs: vec![seq(2)], at: at(5), actor: "t".to_owned() };
    let outcomes = store.replay(replay).await.unwrap();
    assert!(matches!(outcomes[..], [Replayed::Stored(_)]));
    assert_eq!(kept(store).await, [2]);
    assert_eq!(run(store, &old, NOW_US).await, (1, 1));
    assert!(store.dead_letter(seq(2)).await.unwrap().is_some(), "people have had no time yet");
    let query = PageQuery { filter: Filter::default(), after: None, order: Order::Asc, limit: 9 };
    assert!(store.history(query, 1 << 20, Seq::ZERO).await.unwrap().events.is_empty());
    assert_eq!(store.fates(vec![seq(2)]).await.unwrap(), [None]);
    assert!(store.dead_by_id("a", None, None).await.unwrap().is_empty());
    let key = IdKey { application: None, stream: "events".to_owned(), id: "a".to_owned() };
    assert_eq!(store.find(vec![key]).await.unwrap(), [None], "the id is free");
    let applied = apply(store, vec![stored(3, &draft(2))]).await.unwrap();
    assert_eq!((applied.n_stored, applied.n_duplicate, applied.n_dead), (1, 0, 0));
}
