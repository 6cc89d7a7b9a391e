//! Every later event once and in order, or an explicit gap, at every border.

use model::{Cursor, Filter, LogId, Seq};
use queue::Queue;
use store::EventStore;

use crate::error::LiveError;
use crate::hub::LiveOptions;
use crate::message::{Message, Since};
use crate::tests::world::{
    PATIENCE, World, at, cramped, cursor, event, events_through, is_silent, next, only, options,
    words_until_caught_up,
};

fn all(through: u64) -> Vec<Seq> {
    (1..=through).map(at).collect()
}

#[tokio::test]
async fn history_then_log_then_ring_then_follow() {
    let world = World::start(cramped()).await;
    world.append_each(20, "a").await;
    world.apply_through(at(12)).await;
    world.queue.trim(at(9)).await.unwrap();
    let mut subscription = world.live.subscribe(Since::Beginning, Filter::default());
    let mut seen = events_through(&mut subscription, at(20)).await;
    world.append_each(20, "a").await;
    seen.extend(events_through(&mut subscription, at(40)).await);
    assert_eq!(seen, all(40));
    assert_eq!(subscription.cursor(), cursor(at(40)));
}

#[tokio::test]
async fn resume_from_every_position_has_no_gap_and_no_repeat() {
    let world = World::start(cramped()).await;
    let mut follower = world.live.subscribe(Since::Now, Filter::default());
    words_until_caught_up(&mut follower).await;
    world.append_each(30, "a").await;
    assert_eq!(events_through(&mut follower, at(30)).await, all(30));
    world.apply_through(at(15)).await;
    world.queue.trim(at(11)).await.unwrap();
    // The database is ahead of what the consumer has said.
    world.apply_silently(at(18)).await;
    for seq in 0..30 {
        let mut resumed = world.live.subscribe(Since::After(cursor(at(seq))), Filter::default());
        assert_eq!(events_through(&mut resumed, at(30)).await, all(30)[seq as usize..]);
    }
}

#[tokio::test]
async fn caught_up_is_said_once_even_if_nothing_matched() {
    let world = World::start(options()).await;
    world.append_each(3, "a").await;
    let mut nothing = world.live.subscribe(Since::Beginning, only("b"));
    assert_eq!(words_until_caught_up(&mut nothing).await, ["caught up 00000007.3"]);
    assert_eq!(nothing.cursor(), cursor(at(3)));
    let mut now = world.live.subscribe(Since::Now, Filter::default());
    assert_eq!(words_until_caught_up(&mut now).await, ["caught up 00000007.3"]);
    world.append_each(1, "b").await;
    assert!(matches!(next(&mut nothing).await[..], [Message::Event { .. }]));
    assert!(matches!(next(&mut now).await[..], [Message::Event { .. }]));
    assert!(is_silent(&mut nothing).await && is_silent(&mut now).await);
}

#[tokio::test]
async fn an_empty_log_is_caught_up_at_once() {
    let world = World::start(options()).await;
    let mut subscription = world.live.subscribe(Since::Beginning, Filter::default());
    assert_eq!(words_until_caught_up(&mut subscription).await, ["caught up 00000007.0"]);
    assert_eq!(world.live.head(), cursor(Seq::ZERO));
}

#[tokio::test]
async fn a_cursor_of_another_log_is_a_gap_and_then_everything() {
    let world = World::start(options()).await;
    world.append_each(2, "a").await;
    let foreign = Cursor { log: LogId::new(9).unwrap(), seq: at(1) };
    let mut subscription = world.live.subscribe(Since::After(foreign), Filter::default());
    assert_eq!(subscription.cursor(), foreign, "an untold gap is told again");
    let words = words_until_caught_up(&mut subscription).await;
    let gap = "gap other_log 00000009.1 00000007.0";
    assert_eq!(words, [gap, "1", "2", "caught up 00000007.2"]);
}

#[tokio::test]
async fn a_cursor_ahead_of_the_log_is_a_gap_and_then_the_head() {
    let world = World::start(options()).await;
    world.append_each(2, "a").await;
    let mut subscription = world.live.subscribe(Since::After(cursor(at(3))), Filter::default());
    let words = words_until_caught_up(&mut subscription).await;
    assert_eq!(words, ["gap ahead_of_log 00000007.3 00000007.2", "caught up 00000007.2"]);
    world.append_each(1, "a").await;
    assert_eq!(events_through(&mut subscription, at(3)).await, [at(3)]);
}

#[tokio::test]
async fn events_that_nobody_keeps_are_a_gap_but_not_from_the_beginning() {
    let world = World::start(options()).await;
    world.append_each(10, "a").await;
    world.apply_through(at(4)).await;
    // Nobody should ever do this: 5 and 6 are lost.
    world.queue.trim(at(7)).await.unwrap();
    let mut resumed = world.live.subscribe(Since::After(cursor(at(2))), Filter::default());
    let words = words_until_caught_up(&mut resumed).await;
    let gap = "gap trimmed 00000007.4 00000007.6";
    assert_eq!(words, ["3", "4", gap, "7", "8", "9", "10", "caught up 00000007.10"]);

    let empty = World::start(options()).await;
    empty.append_each(3, "a").await;
    empty.queue.trim(at(3)).await.unwrap();
    let mut beginning = empty.live.subscribe(Since::Beginning, Filter::default());
    assert_eq!(words_until_caught_up(&mut beginning).await, ["3", "caught up 00000007.3"]);
}

#[tokio::test]
async fn history_is_found_before_the_consumer_has_said_anything() {
    let world = World::start(options()).await;
    world.append_each(5, "a").await;
    world.apply_silently(at(4)).await;
    world.queue.trim(at(4)).await.unwrap();
    let mut subscription = world.live.subscribe(Since::After(cursor(at(1))), Filter::default());
    assert_eq!(events_through(&mut subscription, at(5)).await, [2, 3, 4, 5].map(at));
}

#[tokio::test]
async fn a_jump_of_the_log_is_no_gap() {
    let world = World::start(options()).await;
    world.append_each(2, "a").await;
    world.queue.jump(100);
    let mut above = world.live.subscribe(Since::Beginning, Filter::default());
    let words = words_until_caught_up(&mut above).await;
    assert_eq!(words, ["1", "2", "caught up 00000007.2"], "a hole is nothing to wait for");
    world.append_each(1, "a").await;
    assert_eq!(events_through(&mut above, at(103)).await, [at(103)]);
    world.apply_through(at(103)).await;
    for since in [Since::Beginning, Since::After(cursor(at(1))), Since::After(cursor(at(50)))] {
        let mut later = world.live.subscribe(since, Filter::default());
        let seen = events_through(&mut later, at(103)).await;
        assert_eq!(seen.last(), Some(&at(103)));
    }
}

#[tokio::test]
async fn a_rare_filter_reads_all_of_history() {
    let world = World::start(cramped()).await;
    let mut wanted = Vec::new();
    for _ in 0..10 {
        world.append_each(20, "common").await;
        wanted.extend(world.append_each(1, "rare").await);
    }
    world.apply_through(at(150)).await;
    world.queue.trim(at(140)).await.unwrap();
    let mut subscription = world.live.subscribe(Since::Beginning, only("rare"));
    assert_eq!(events_through(&mut subscription, at(210)).await, wanted);
}

#[tokio::test]
async fn a_slow_subscriber_falls_back_to_the_log_and_then_to_the_database() {
    let world = World::start(cramped()).await;
    let mut slow = world.live.subscribe(Since::Now, Filter::default());
    let mut fast = world.live.subscribe(Since::Now, Filter::default());
    words_until_caught_up(&mut slow).await;
    words_until_caught_up(&mut fast).await;
    let mut seen = Vec::new();
    for round in 1..=5 {
        world.append_each(100, "a").await;
        let last = at(100 * round);
        // The fast one proves that the tail has been there, so the ring has long forgotten the first ones.
        events_through(&mut fast, last).await;
        if round == 3 {
            world.apply_through(at(250)).await;
            world.queue.trim(at(245)).await.unwrap();
        }
        // Never more than a part of what is there.
        seen.extend(events_through(&mut slow, at(100 * round - 90)).await);
    }
    seen.extend(events_through(&mut slow, at(500)).await);
    assert_eq!(seen, all(500));
}

#[tokio::test]
async fn one_call_hands_out_a_bounded_number_of_bytes() {
    let world = World::start(LiveOptions { batch_bytes_max: 2_000, ..options() }).await;
    world.append_each(50, "a").await;
    world.apply_through(at(25)).await;
    let mut subscription = world.live.subscribe(Since::Beginning, Filter::default());
    let mut n_events = 0;
    while n_events < 50 {
        let messages = next(&mut subscription).await;
        let size = |message: &Message| match message {
            Message::Event { text, .. } => text.len(),
            _ => 0,
        };
        assert!(messages.iter().map(size).sum::<usize>() <= 2_000);
        n_events += messages.iter().filter(|message| size(message) > 0).count();
    }
    // An event that is larger than that comes alone.
    let large = event(&"y".repeat(100), "a", false);
    let world = World::start(LiveOptions { batch_bytes_max: 10, ..options() }).await;
    world.append(vec![large.clone(), event("z", "a", false)]).await;
    let mut subscription = world.live.subscribe(Since::Beginning, Filter::default());
    assert_eq!(next(&mut subscription).await.len(), 1);
    assert_eq!(subscription.cursor(), cursor(at(1)));
}

#[tokio::test]
async fn the_tail_goes_on_without_a_database_and_the_log_serves_what_it_keeps() {
    let world = World::start(cramped()).await;
    let mut follower = world.live.subscribe(Since::Now, Filter::default());
    words_until_caught_up(&mut follower).await;
    world.append_each(40, "a").await;
    world.apply_through(at(40)).await;
    assert_eq!(events_through(&mut follower, at(40)).await, all(40));
    world.store.close().await.unwrap();
    world.append_each(1, "a").await;
    assert_eq!(events_through(&mut follower, at(41)).await, [at(41)]);
    let mut resumed = world.live.subscribe(Since::Beginning, Filter::default());
    assert_eq!(events_through(&mut resumed, at(41)).await, all(41));

    // What is only in the database ends the subscription, in bounded time.
    world.queue.trim(at(30)).await.unwrap();
    let mut hopeless = world.live.subscribe(Since::After(cursor(at(3))), Filter::default());
    let res = tokio::time::timeout(PATIENCE, hopeless.next()).await.unwrap();
    assert!(matches!(res, Err(LiveError::Store(_))), "{res:?}");
    assert_eq!(hopeless.cursor(), cursor(at(3)), "the cursor stays good");
}
