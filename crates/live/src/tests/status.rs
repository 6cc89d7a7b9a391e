//! Whoever listens is told when a dead letter is stored after all, or that it was not told.

use std::sync::Arc;

use model::{Event, Filter, Seq};
use store::{Changed, Stored};

use crate::hub::CHANGES_MAX;
use crate::message::{Message, Since};
use crate::subscription::Subscription;
use crate::tests::world::{
    World, at, cursor, event, events_through, is_silent, next, only, options, words_until_caught_up,
};

fn changed(seq: u64, stream: &str) -> Changed {
    let event = Event::decode(event(&format!("id-{seq}"), stream, false)).unwrap();
    Arc::new(vec![Stored { seq: at(seq), event }])
}

async fn status(subscription: &mut Subscription) -> Seq {
    match &next(subscription).await[..] {
        [Message::Status { cursor, is_valid: true }] => cursor.seq,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_change_reaches_those_whose_filter_wants_the_event() {
    let world = World::start(options()).await;
    world.append_each(20, "a").await;
    world.apply_through(at(20)).await;
    let mut all = world.live.subscribe(Since::Now, Filter::default());
    let mut one = world.live.subscribe(Since::Now, only("a"));
    let mut other = world.live.subscribe(Since::Now, only("b"));
    for subscription in [&mut all, &mut one, &mut other] {
        words_until_caught_up(subscription).await;
    }
    world.live.changed().send(changed(7, "a")).unwrap();
    assert_eq!(status(&mut all).await, at(7));
    assert_eq!(status(&mut one).await, at(7));
    assert!(is_silent(&mut other).await);
    // Nobody has moved by it: the next event is the next event.
    assert_eq!(one.cursor(), cursor(at(20)));
    world.append_each(1, "a").await;
    assert_eq!(events_through(&mut one, at(21)).await, [at(21)]);
}

#[tokio::test]
async fn a_change_reaches_those_who_are_still_reading_history() {
    let world = World::start(options()).await;
    world.append_each(600, "a").await;
    world.apply_through(at(600)).await;
    let mut subscription = world.live.subscribe(Since::Beginning, Filter::default());
    next(&mut subscription).await;
    world.live.changed().send(changed(7, "a")).unwrap();
    let words = words_until_caught_up(&mut subscription).await;
    let is_status = |word: &&String| word.starts_with("status ");
    assert_eq!(words.iter().filter(is_status).count(), 1, "{words:?}");
}

#[tokio::test]
async fn whoever_missed_changes_is_told_so() {
    let world = World::start(options()).await;
    let mut subscription = world.live.subscribe(Since::Now, Filter::default());
    words_until_caught_up(&mut subscription).await;
    let n_sent = CHANGES_MAX as u64 + 10;
    for seq in 1..=n_sent {
        world.live.changed().send(changed(seq, "a")).unwrap();
    }
    assert!(matches!(next(&mut subscription).await[..], [Message::StatusGap]));
    for seq in n_sent - CHANGES_MAX as u64 + 1..=n_sent {
        assert_eq!(status(&mut subscription).await, at(seq));
    }
    assert!(is_silent(&mut subscription).await);
}
