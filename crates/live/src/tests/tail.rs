//! One tail serves all, costs nothing while nobody listens, and its end is noticed.

use bytes::Bytes;
use model::Filter;
use queue::Queue;

use crate::error::LiveError;
use crate::message::{GapReason, Message, Since};
use crate::ring::Place;
use crate::subscription::Subscription;
use crate::tests::world::{
    PATIENCE, World, at, cursor, event, events_through, next, options, others_run,
    words_until_caught_up,
};

async fn next_text(subscription: &mut Subscription) -> Bytes {
    match next(subscription).await.remove(0) {
        Message::Event { text, .. } => text,
        message => panic!("unexpected {message:?}"),
    }
}

#[tokio::test]
async fn an_event_is_encoded_once_for_all() {
    let world = World::start(options()).await;
    let mut one = world.live.subscribe(Since::Now, Filter::default());
    let mut two = world.live.subscribe(Since::Now, Filter::default());
    assert_eq!(words_until_caught_up(&mut one).await, ["caught up 00000007.0"]);
    assert_eq!(words_until_caught_up(&mut two).await, ["caught up 00000007.0"]);
    // What comes before the tail stands at the head is read from the log by each on its own.
    others_run(20).await;
    world.append_each(1, "a").await;
    let (one, two) = (next_text(&mut one).await, next_text(&mut two).await);
    assert_eq!(one.as_ptr(), two.as_ptr());
}

#[tokio::test]
async fn the_tail_reads_nothing_while_nobody_listens() {
    let world = World::start(options()).await;
    let ring = || world.live.hub.ring.find(at(1));
    others_run(20).await;
    world.append_each(1, "a").await;
    others_run(20).await;
    assert!(matches!(ring(), Ok(Place::Ahead)), "the tail has not begun");

    let mut first = world.live.subscribe(Since::Beginning, Filter::default());
    assert_eq!(world.live.n_subscriptions(), 1);
    assert_eq!(words_until_caught_up(&mut first).await, ["1", "caught up 00000007.1"]);
    world.append_each(2, "a").await;
    events_through(&mut first, at(3)).await;
    drop(first);
    assert_eq!(world.live.n_subscriptions(), 0);
    others_run(20).await;
    world.append_each(1, "a").await;
    others_run(20).await;
    assert!(matches!(ring(), Ok(Place::Ahead)), "the ring has been let go of");

    let mut second = world.live.subscribe(Since::After(cursor(at(2))), Filter::default());
    assert_eq!(words_until_caught_up(&mut second).await, ["3", "4", "caught up 00000007.4"]);
    world.append_each(1, "a").await;
    assert_eq!(events_through(&mut second, at(5)).await, [at(5)]);
}

#[tokio::test]
async fn subscribers_are_told_of_the_shutdown() {
    let world = World::start(options()).await;
    let mut follower = world.live.subscribe(Since::Now, Filter::default());
    words_until_caught_up(&mut follower).await;
    world.shutdown.cancel();
    let res = tokio::time::timeout(PATIENCE, follower.next()).await.unwrap();
    assert_eq!(res.unwrap_err(), LiveError::Closed);
    assert_eq!(world.tail.await.unwrap(), Ok(()));
    let mut late = world.live.subscribe(Since::Now, Filter::default());
    assert_eq!(late.next().await.unwrap_err(), LiveError::Closed);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_ends_the_tail_and_subscribers_see_why() {
    let world = World::start(options()).await;
    let mut follower = world.live.subscribe(Since::Now, Filter::default());
    words_until_caught_up(&mut follower).await;
    world.append(vec![event("good", "a", false)]).await;
    assert_eq!(events_through(&mut follower, at(1)).await, [at(1)]);
    world.append(vec![Bytes::from_static(b"not a record")]).await;
    let res = tokio::time::timeout(PATIENCE, follower.next()).await.unwrap();
    let error = res.unwrap_err();
    assert!(matches!(&error, LiveError::Log(why) if why.contains("record 2")), "{error}");
    assert_eq!(follower.cursor(), cursor(at(1)), "the cursor stays good");
    assert_eq!(world.tail.await.unwrap(), Err(error));
}

#[tokio::test]
async fn the_tail_jumps_to_where_the_log_begins_and_subscribers_see_the_gap() {
    let world = World::start(options()).await;
    world.append_each(1, "a").await;
    let mut follower = world.live.subscribe(Since::Now, Filter::default());
    words_until_caught_up(&mut follower).await;
    others_run(20).await;
    // All of this happens before the tail gets a turn.
    world.append_each(9, "a").await;
    world.queue.trim(at(8)).await.unwrap();
    let gap = next(&mut follower).await.remove(0);
    let (from, to) = (cursor(at(1)), cursor(at(7)));
    let is_right = |message| match message {
        Message::Gap { from: f, to: t, why } => (f, t, why) == (from, to, GapReason::Trimmed),
        _ => false,
    };
    assert!(is_right(gap));
    assert_eq!(events_through(&mut follower, at(10)).await, [8, 9, 10].map(at));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_subscribers_get_all_in_order() {
    let world = World::start(options()).await;
    let mut pace = world.live.subscribe(Since::Now, Filter::default());
    let mut followers = tokio::task::JoinSet::new();
    for _ in 0..2_000 {
        let mut follower = world.live.subscribe(Since::Now, Filter::default());
        followers.spawn(async move { events_through(&mut follower, at(500)).await.len() });
    }
    for _ in 0..100 {
        let seqs = world.append_each(5, "a").await;
        // One listener sets the pace, so that the others sleep and wake again and again.
        assert_eq!(events_through(&mut pace, seqs[4]).await, seqs);
    }
    while let Some(n_events) = followers.join_next().await {
        assert_eq!(n_events.unwrap(), 500);
    }
    drop(pace);
    assert_eq!(world.live.n_subscriptions(), 0);
}
