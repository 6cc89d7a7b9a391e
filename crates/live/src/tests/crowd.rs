//! Many at once: they share what is near the head, take turns for the rest, and each holds only its share.

use std::time::Duration;

use model::Filter;
use queue::Queue;

use crate::hub::{LiveOptions, SHARE_BYTES_MIN};
use crate::message::{Message, Since};
use crate::ring::Place;
use crate::tests::world::{
    PATIENCE, World, at, cramped, cursor, event, events_through, next, only, options,
    words_until_caught_up,
};

#[tokio::test]
async fn those_who_come_back_together_share_one_read_and_one_text() {
    let world = World::start(LiveOptions { warm_records: 50, ..options() }).await;
    world.append_each(100, "a").await;
    world.apply_through(at(100)).await;
    let mut texts = Vec::new();
    for _ in 0..20 {
        let since = Since::After(cursor(at(60)));
        let mut back = world.live.subscribe(since, Filter::default());
        let Message::Event { text, .. } = next(&mut back).await.remove(0) else {
            panic!("an event")
        };
        texts.push((back, text));
    }
    assert!(texts.iter().all(|(_, text)| text.as_ptr() == texts[0].1.as_ptr()), "encoded once");
    assert_eq!(world.live.hub.reads.available_permits(), options().n_reads_max);
    // What lies further back is read by each on its own, up to where the ring begins.
    let mut late = world.live.subscribe(Since::After(cursor(at(30))), Filter::default());
    assert_eq!(events_through(&mut late, at(100)).await.len(), 70);
}

#[tokio::test]
async fn what_is_new_does_not_wait_for_more_than_a_few_rings_of_what_was() {
    let options = LiveOptions { warm_records: 10_000, ..cramped() };
    let world = World::start(options).await;
    world.append_each(2_000, "a").await;
    world.apply_through(at(2_000)).await;
    let mut now = world.live.subscribe(Since::Now, Filter::default());
    assert_eq!(words_until_caught_up(&mut now).await, ["caught up 00000007.2000"]);
    world.append_each(1, "a").await;
    assert_eq!(events_through(&mut now, at(2_001)).await, [at(2_001)]);
    // The tail has given up what was too much, and begun at the head.
    assert!(matches!(world.live.hub.ring.find(at(2_000)), Ok(Place::Before)));
    let mut back = world.live.subscribe(Since::Beginning, Filter::default());
    assert_eq!(events_through(&mut back, at(2_001)).await.len(), 2_001);
}

#[tokio::test]
async fn the_more_there_are_the_less_each_may_hold() {
    let options = LiveOptions { shares_bytes_max: 512 << 10, ..options() };
    let world = World::start(options).await;
    for _ in 0..40 {
        world.append(vec![event(&"x".repeat(1_000), "a", false)]).await;
    }
    let subscribe = || world.live.subscribe(Since::Beginning, Filter::default());
    let mut all = vec![subscribe()];
    assert_eq!(world.live.hub.share_bytes(), 256 << 10, "not more than a batch");
    all.extend((0..31).map(|_| subscribe()));
    assert_eq!(world.live.hub.share_bytes(), 16 << 10);
    all.extend((0..1_000).map(|_| subscribe()));
    assert_eq!(
        world.live.hub.share_bytes(),
        SHARE_BYTES_MIN,
        "not less than is worth a system call"
    );
    for subscription in &mut all[..3] {
        let size = |message: &Message| match message {
            Message::Event { text, .. } => text.len(),
            _ => 0,
        };
        let n_bytes: usize = next(subscription).await.iter().map(size).sum();
        assert!((1..=SHARE_BYTES_MIN).contains(&n_bytes), "{n_bytes}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_that_is_far_behind_takes_turns_and_all_arrive() {
    let world = World::start(LiveOptions { n_reads_max: 1, ..cramped() }).await;
    world.append_each(300, "a").await;
    world.apply_through(at(200)).await;
    world.queue.trim(at(150)).await.unwrap();
    let mut followers = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let mut follower = world.live.subscribe(Since::Beginning, Filter::default());
        followers.spawn(async move { events_through(&mut follower, at(300)).await.len() });
    }
    // Some leave in the middle of it, and their places are free again.
    for _ in 0..20 {
        let mut leaver = world.live.subscribe(Since::Beginning, Filter::default());
        let _ = tokio::time::timeout(Duration::from_millis(1), leaver.next()).await;
    }
    while let Some(n_events) = followers.join_next().await {
        assert_eq!(n_events.unwrap(), 300);
    }
    assert_eq!(world.live.hub.reads.available_permits(), 1);
}

#[tokio::test]
async fn one_that_was_away_gets_what_came_meanwhile_in_one_go() {
    let world = World::start(options()).await;
    let mut pace = world.live.subscribe(Since::Now, Filter::default());
    let mut away = world.live.subscribe(Since::Now, Filter::default());
    words_until_caught_up(&mut pace).await;
    words_until_caught_up(&mut away).await;
    for _ in 0..30 {
        let seqs = world.append_each(1, "a").await;
        // A batch of its own for each: the tail has been there.
        events_through(&mut pace, seqs[0]).await;
    }
    assert_eq!(next(&mut away).await.len(), 30);
}

#[tokio::test]
async fn a_scan_that_finds_little_says_how_far_it_is_and_goes_on_from_there() {
    let options = LiveOptions { progress_wait: Duration::ZERO, ..cramped() };
    let world = World::start(options).await;
    world.append_each(100, "common").await;
    world.append_each(1, "rare").await;
    world.append_each(100, "common").await;
    world.apply_through(at(60)).await;
    // Each connection breaks at the first word about progress; the next one begins there.
    let (mut since, mut seen, mut n_breaks) = (Since::Beginning, Vec::new(), 0);
    'resume: loop {
        let mut subscription = world.live.subscribe(since, only("rare"));
        loop {
            match next(&mut subscription).await.remove(0) {
                Message::Progress { cursor } => {
                    assert_eq!(cursor, subscription.cursor());
                    assert!(Since::After(cursor) != since, "it goes forward");
                    (since, n_breaks) = (Since::After(cursor), n_breaks + 1);
                    continue 'resume;
                }
                Message::Event { seq, .. } => seen.push(seq),
                Message::CaughtUp { .. } => break 'resume,
                message => panic!("{message:?}"),
            }
        }
    }
    assert_eq!(seen, [at(101)]);
    assert!(n_breaks > 5, "{n_breaks}");
}

#[tokio::test]
async fn one_that_has_caught_up_is_told_now_and_then_what_has_gone_by() {
    let told_every = |idle_progress_wait| LiveOptions { idle_progress_wait, ..options() };
    let world = World::start(told_every(Duration::ZERO)).await;
    let mut follower = world.live.subscribe(Since::Now, only("rare"));
    words_until_caught_up(&mut follower).await;
    world.append_each(3, "common").await;
    let mut told = next(&mut follower).await;
    assert!(matches!(told.remove(0), Message::Progress { cursor: c } if c.seq > at(0)));
    let world = World::start(told_every(PATIENCE)).await;
    let mut follower = world.live.subscribe(Since::Now, only("rare"));
    words_until_caught_up(&mut follower).await;
    world.append_each(3, "common").await;
    world.append_each(1, "rare").await;
    assert!(matches!(next(&mut follower).await[0], Message::Event { .. }), "not before its time");
}
