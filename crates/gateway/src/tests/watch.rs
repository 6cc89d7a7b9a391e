//! `watch`: stalled connections are cut, busy ones never. One call of `is_stuck` is five seconds.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use crate::limits::Patience;
use crate::watch::{Metered, Phase, Watch, Watchdog};

struct World {
    watch: Arc<Watch>,
    dog: Watchdog,
    server: Metered<DuplexStream>,
    client: DuplexStream,
}

impl World {
    fn new() -> Self {
        let (server, client) = duplex(1024);
        let watch = Arc::new(Watch::new());
        let server = Metered::new(server, Arc::clone(&watch));
        Self { watch, dog: Watchdog::new(Patience::default()), server, client }
    }

    async fn client_sends(&mut self, n_bytes: usize) {
        self.client.write_all(&vec![b'x'; n_bytes]).await.unwrap();
        self.server.read_exact(&mut vec![0; n_bytes]).await.unwrap();
    }

    /// Seconds until it is cut, looking at most `n_ticks` times.
    fn cut_after(&mut self, n_ticks: u64) -> Option<u64> {
        (1..=n_ticks).find(|_| self.dog.is_stuck(&self.watch)).map(|tick| tick * 5)
    }
}

#[tokio::test]
async fn a_slow_head_is_cut() {
    let mut world = World::new();
    world.client_sends(3).await;
    assert_eq!(world.cut_after(100), Some(15));
}

#[tokio::test]
async fn a_head_in_drips_is_cut_too() {
    let mut world = World::new();
    for _ in 0..2 {
        world.client_sends(1).await;
        assert_eq!(world.cut_after(1), None);
    }
    world.client_sends(1).await;
    assert_eq!(world.cut_after(1), Some(5));
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_75_seconds() {
    let mut world = World::new();
    world.client_sends(100).await;
    world.watch.enter(Phase::Busy);
    world.watch.enter(Phase::Open);
    assert_eq!(world.cut_after(100), Some(80));
}

#[tokio::test]
async fn work_may_take_as_long_as_it_takes() {
    let mut world = World::new();
    world.watch.enter(Phase::Busy);
    assert_eq!(world.cut_after(1000), None);
}

#[tokio::test]
async fn a_body_below_its_pace_is_given_up() {
    let mut world = World::new();
    world.watch.enter(Phase::Body);
    // In pace: 2 KiB/s.
    for _ in 0..5 {
        for _ in 0..10 {
            world.client_sends(1024).await;
        }
        assert_eq!(world.cut_after(1), None);
        assert!(!world.watch.is_body_too_slow());
    }
    // Nothing more: what came early carries it until the average falls below 1 KiB/s, at most 60 s.
    let mut seconds = 0;
    while !world.watch.is_body_too_slow() {
        assert_eq!(world.cut_after(1), None, "the reader answers 408, nobody cuts");
        seconds += 5;
    }
    assert_eq!(seconds, 40);
}

#[tokio::test]
async fn a_whole_request_has_60_seconds_its_head_included_and_a_batch_15_minutes() {
    let (body, batch) = (Phase::Body, Phase::Batch);
    for (phase, head_ticks, expected_s) in
        [(body, 0, 60), (body, 2, 50), (batch, 0, 900), (batch, 2, 890)]
    {
        let mut world = World::new();
        world.client_sends(10).await;
        assert_eq!(world.cut_after(head_ticks), None);
        world.watch.enter(Phase::Busy);
        world.watch.enter(phase);
        let mut seconds = 0;
        while !world.watch.is_body_too_slow() {
            for _ in 0..10 {
                world.client_sends(1024).await;
            }
            assert_eq!(world.cut_after(1), None);
            seconds += 5;
        }
        // The tick that finds the body is the first that counts for a request whose head it never saw.
        let expected_s = if head_ticks == 0 { expected_s + 5 } else { expected_s };
        assert_eq!(seconds, expected_s, "{phase:?} {head_ticks}");
    }
}

#[tokio::test]
async fn the_next_request_begins_with_a_new_clock() {
    let mut world = World::new();
    for _ in 0..100 {
        // Each look meets another request in its body.
        for phase in [Phase::Body, Phase::Busy, Phase::Open, Phase::Busy, Phase::Body] {
            world.watch.enter(phase);
        }
        assert_eq!(world.cut_after(1), None);
        assert!(!world.watch.is_body_too_slow());
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_after_30_seconds_and_on_live_after_60() {
    for (is_live, expected) in [(false, 35), (true, 65)] {
        let mut world = World::new();
        world.watch.enter(Phase::Busy);
        world.watch.enter(Phase::Open);
        if is_live {
            world.watch.is_live();
        }
        let written = tokio::select! {
            biased;
            () = async { world.server.write_all(&[0; 4096]).await.unwrap() } => true,
            () = std::future::ready(()) => false,
        };
        assert!(!written, "the pipe is full");
        assert_eq!(world.cut_after(100), Some(expected));
    }
}

#[tokio::test]
async fn a_long_answer_to_a_slow_reader_goes_on() {
    let mut world = World::new();
    world.watch.enter(Phase::Busy);
    world.watch.enter(Phase::Open);
    for _ in 0..50 {
        world.server.write_all(&[0; 100]).await.unwrap();
        world.client.read_exact(&mut [0; 100]).await.unwrap();
        assert_eq!(world.cut_after(1), None);
    }
}
