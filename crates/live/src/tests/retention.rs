//! What retention deletes is never passed over in silence: a gap names it, and what is kept comes all the same.

use std::time::Duration;

use model::{Filter, Seq};
use queue::Queue;

use crate::hub::LiveOptions;
use crate::message::{GapReason, Message, Since};
use crate::subscription::Subscription;
use crate::tests::world::{
    World, at, cramped, cursor, event, next, only, options, others_run, words_until_caught_up,
};

/// Seven events, by turns of the streams `a` and `b`, all applied, of which `a` has lost those up to 3.
async fn aged(options: LiveOptions) -> World {
    let world = World::start(options).await;
    for seq in 1..=7 {
        let stream = if seq % 2 == 1 { "a" } else { "b" };
        world.append_each(1, stream).await;
    }
    world.apply_through(at(7)).await;
    world.forget("a", at(3)).await;
    world
}

async fn words(world: &World, since: Since, filter: Filter) -> String {
    let mut subscription = world.live.subscribe(since, filter);
    words_until_caught_up(&mut subscription).await.join(", ")
}

#[tokio::test]
async fn a_cursor_below_the_horizon_is_answered_by_a_gap() {
    // The log still has all of it, and the ring, too: what is deleted is not shown from there.
    for options in [options(), LiveOptions { warm_records: 100, ..options() }, cramped()] {
        let world = aged(options).await;
        let since = |seq| Since::After(cursor(at(seq)));
        let log = cursor(Seq::ZERO).log;
        for (since, filter, expected) in [
            (since(1), only("a"), "gap retention L.1 L.3, 5, 7, caught up L.7"),
            (since(1), Filter::default(), "gap retention L.1 L.3, 2, 4, 5, 6, 7, caught up L.7"),
            (since(1), only("b"), "2, 4, 6, caught up L.7"),
            (since(3), only("a"), "5, 7, caught up L.7"),
            (since(3), only("*"), "4, 5, 6, 7, caught up L.7"),
            (Since::Beginning, only("a"), "5, 7, caught up L.7"),
            (Since::Beginning, Filter::default(), "2, 4, 5, 6, 7, caught up L.7"),
            (Since::Now, Filter::default(), "caught up L.7"),
        ] {
            let heard = words(&world, since, filter.clone()).await;
            assert_eq!(heard, expected.replace('L', &log.to_string()), "{since:?} {filter:?}");
        }
    }
}

#[tokio::test]
async fn the_oldest_position_is_that_of_the_streams_that_are_wanted() {
    let world = aged(options()).await;
    for (filter, oldest) in
        [(only("a"), 3), (only("b"), 0), (Filter::default(), 3), (only("c*"), 0)]
    {
        let subscription = world.live.subscribe(Since::Now, filter);
        assert_eq!(subscription.oldest(), cursor(at(oldest)));
    }
}

#[tokio::test]
async fn a_gap_that_was_not_heard_is_told_again() {
    let world = aged(options()).await;
    let mut subscription = world.live.subscribe(Since::After(cursor(at(1))), only("a"));
    assert_eq!(subscription.cursor(), cursor(at(1)));
    assert!(matches!(next(&mut subscription).await[0], Message::Gap { .. }));
    // Nothing behind it has been handed out yet.
    assert_eq!(subscription.cursor(), cursor(at(1)));
}

#[tokio::test]
async fn a_deletion_ahead_of_a_slow_reader_is_told_before_it_is_crossed() {
    let world = World::start(cramped()).await;
    world.append_each(60, "a").await;
    world.apply_through(at(60)).await;
    world.queue.trim(at(61)).await.unwrap();
    let mut subscription = world.live.subscribe(Since::Beginning, only("a"));
    let first = next(&mut subscription).await;
    let Some(Message::Event { seq: last_seen, .. }) = first.last() else { panic!("{first:?}") };
    let last_seen = *last_seen;
    assert!(last_seen < at(30), "{last_seen}");
    world.forget("a", at(30)).await;
    let gap = next(&mut subscription).await;
    let (from, to) = (cursor(last_seen), cursor(at(30)));
    assert!(
        matches!(gap[..], [Message::Gap { from: f, to: t, why: GapReason::Retention }] if (f, t) == (from, to)),
        "{gap:?}"
    );
}

/// xorshift64*: the same on every machine.
fn below(state: &mut u64, n: u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n
}

/// Appends, applies, deletes, trims and restarts at random while one listens.
async fn history(seed: u64) {
    const STREAMS: [&str; 3] = ["a", "b", "c"];
    let mut dice = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    // Whoever hears of no event hears how far it is.
    let (progress_wait, idle_progress_wait) = (Duration::ZERO, Duration::ZERO);
    let mut world =
        World::start(LiveOptions { progress_wait, idle_progress_wait, ..cramped() }).await;
    let stream_of = |seq: u64| STREAMS[(seq.wrapping_mul(seed + 7) % 5 % 3) as usize];
    let mut horizons = [0; 3];
    let since = below(&mut dice, 40);
    let filter = [Filter::default(), only("a"), only("b")][below(&mut dice, 3) as usize].clone();
    let (mut subscription, mut seen, mut gaps) = (None, Vec::new(), Vec::new());
    for _ in 0..120 {
        let head = world.queue.bounds().last.get();
        let applied = world.applied.borrow().get();
        match below(&mut dice, 12) {
            0..4 => {
                let seq = head + 1;
                world.append(vec![event(&format!("id-{seq}"), stream_of(seq), false)]).await;
            }
            4 | 5 => world.apply_through(at(applied + below(&mut dice, head - applied + 1))).await,
            6 if applied > 0 => {
                let nth = below(&mut dice, 3) as usize;
                let through = 1 + below(&mut dice, applied);
                if through > horizons[nth] {
                    world.forget(STREAMS[nth], at(through)).await;
                    horizons[nth] = through;
                }
            }
            7 if applied > 0 => world.queue.trim(at(below(&mut dice, applied) + 1)).await.unwrap(),
            8 if below(&mut dice, 4) == 0 => {
                world.restart().await;
                let resume =
                    subscription.take().map(|subscription: Subscription| subscription.cursor());
                subscription =
                    resume.map(|at| world.live.subscribe(Since::After(at), filter.clone()));
            }
            _ if subscription.is_none() && head > since => {
                let since = Since::After(cursor(at(since)));
                subscription = Some(world.live.subscribe(since, filter.clone()));
            }
            _ => {
                let Some(subscription) = &mut subscription else { continue };
                let messages = tokio::select! {
                    biased;
                    messages = subscription.next() => messages.unwrap(),
                    () = others_run(30) => continue,
                };
                take(messages, &mut seen, &mut gaps);
            }
        }
    }
    let head = world.queue.bounds().last;
    world.apply_through(head).await;
    let Some(mut subscription) = subscription else { return };
    while subscription.cursor().seq < head {
        take(next(&mut subscription).await, &mut seen, &mut gaps);
    }
    assert!(seen.is_sorted_by(|a, b| a < b), "seed {seed}: {seen:?}");
    for seq in since + 1..=head.get() {
        let stream = stream_of(seq);
        let is_wanted = filter.stream.iter().all(|pattern| pattern.matches(stream));
        let is_seen = seen.binary_search(&seq).is_ok();
        let nth = STREAMS.iter().position(|known| *known == stream).unwrap();
        let is_kept = seq > horizons[nth];
        let is_told = gaps.iter().any(|&(from, to)| from < seq && seq <= to);
        let is_right = if is_wanted { is_seen || (is_told && !is_kept) } else { !is_seen };
        assert!(is_right, "seed {seed}: {seq}, seen: {is_seen}, {gaps:?}");
    }
}

fn take(messages: Vec<Message>, seen: &mut Vec<u64>, gaps: &mut Vec<(u64, u64)>) {
    for message in messages {
        match message {
            Message::Event { seq, .. } => seen.push(seq.get()),
            Message::Gap { from, to, why } => {
                assert_eq!(why, GapReason::Retention);
                gaps.push((from.seq.get(), to.seq.get()));
            }
            Message::Progress { .. } | Message::CaughtUp { .. } => {}
            other => panic!("nothing was replayed: {other:?}"),
        }
    }
}

#[tokio::test]
async fn whatever_is_deleted_is_seen_or_told() {
    for seed in 1..=60 {
        println!("seed {seed}");
        history(seed).await;
    }
}
