//! Repetitions that the edge did not recognise.

use std::time::Duration;

use model::Filter;
use store::EventStore;
use tokio::time::timeout;

use crate::hub::LiveOptions;
use crate::message::Since;
use crate::tests::world::{PATIENCE, World, at, event, events_through, is_silent, options};

/// 1: an event; 2: the same again; 3: a new one that could not be told; 4: a plain one.
async fn with_a_repetition(world: &World) {
    world.append(vec![event("first", "a", false)]).await;
    world.append(vec![event("first", "a", true)]).await;
    world.append(vec![event("other", "a", true)]).await;
    world.append(vec![event("plain", "a", false)]).await;
}

#[tokio::test]
async fn a_dropped_repetition_is_not_shown_and_a_kept_one_is() {
    let world = World::start(options()).await;
    let mut follower = world.live.subscribe(Since::Now, Filter::default());
    assert!(!is_silent(&mut follower).await, "caught up");
    with_a_repetition(&world).await;
    // One that reads the log by itself, because the tail waits as well.
    let mut reader = world.live.subscribe(Since::Beginning, Filter::default());
    assert!(is_silent(&mut reader).await, "nothing before the decision");
    assert!(is_silent(&mut follower).await, "nothing before the decision");
    world.apply_through(at(4)).await;
    assert_eq!(events_through(&mut follower, at(4)).await, [at(1), at(3), at(4)]);
    assert_eq!(events_through(&mut reader, at(4)).await, [at(1), at(3), at(4)]);
    let mut late = world.live.subscribe(Since::Beginning, Filter::default());
    assert_eq!(events_through(&mut late, at(4)).await, [at(1), at(3), at(4)]);
}

#[tokio::test]
async fn without_a_consumer_the_wait_ends_and_the_repetition_is_shown() {
    let settle_wait = Duration::from_millis(20);
    let world = World::start(LiveOptions { settle_wait, ..options() }).await;
    let mut follower = world.live.subscribe(Since::Now, Filter::default());
    assert!(!is_silent(&mut follower).await, "caught up");
    with_a_repetition(&world).await;
    assert_eq!(events_through(&mut follower, at(4)).await, [1, 2, 3, 4].map(at));
}

#[tokio::test]
async fn a_consumer_that_is_behind_holds_events_up_only_once() {
    let settle_wait = Duration::from_millis(500);
    let world = World::start(LiveOptions { settle_wait, batch_bytes_max: 1, ..options() }).await;
    let mut follower = world.live.subscribe(Since::Now, Filter::default());
    assert!(!is_silent(&mut follower).await, "caught up");
    for n in 0..200 {
        world.append(vec![event(&format!("{n}"), "a", true)]).await;
    }
    // Were each batch to wait, this would take 100 s.
    let seen = timeout(PATIENCE, events_through(&mut follower, at(200))).await;
    assert_eq!(seen.expect("one wait for all").len(), 200);
    // Once the consumer has come past that place, its word counts again.
    world.apply_through(at(200)).await;
    world.append(vec![event("3", "a", true), event("new", "a", true)]).await;
    world.apply_through(at(202)).await;
    assert_eq!(events_through(&mut follower, at(202)).await, [at(202)]);
}

#[tokio::test]
async fn without_a_database_undecided_events_are_shown() {
    let world = World::start(options()).await;
    let mut follower = world.live.subscribe(Since::Now, Filter::default());
    assert!(!is_silent(&mut follower).await, "caught up");
    world.append(vec![event("first", "a", true)]).await;
    world.store.close().await.unwrap();
    world.applied.send_replace(at(1));
    assert_eq!(events_through(&mut follower, at(1)).await, [at(1)]);
}
