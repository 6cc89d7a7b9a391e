//! Random histories against a plain list: what a subscriber sees equals the events and dead letters of its filter after
//! `since`, strictly rising, nothing missing, whatever is appended, applied, trimmed, dropped, resumed and restarted
//! meanwhile. Where something is lost for good, a gap names exactly what.

use std::time::Duration;

use model::{Cursor, Filter, Seq};
use queue::Queue;

use crate::hub::LiveOptions;
use crate::message::{GapReason, Message, Since};
use crate::subscription::Subscription;
use crate::tests::world::{
    PATIENCE, World, at, cramped, cursor, event, event_with, next, only, others_run,
};

const N_SEEDS: u64 = 24;
const N_STEPS: usize = 250;
const STREAMS: [&str; 3] = ["a", "b", "rare"];

/// xorshift64*: enough to choose steps, and the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n
    }
}

/// An event that has to be seen: repetitions are not in the list.
struct Known {
    seq: Seq,
    id: String,
    stream: &'static str,
}

struct Listener {
    subscription: Subscription,
    stream: Option<&'static str>,
    after: Seq,
    seen: Vec<Seq>,
}

impl Listener {
    fn filter(stream: Option<&str>) -> Filter {
        stream.map(only).unwrap_or_default()
    }

    /// Asks for messages, and drops the question when the others have had their turns.
    async fn next_or_silence(&mut self, n_turns: usize) -> Option<Vec<Message>> {
        tokio::select! {
            biased;
            messages = self.subscription.next() => Some(messages.unwrap()),
            () = others_run(n_turns) => None,
        }
    }

    fn take(&mut self, messages: Vec<Message>) {
        for message in messages {
            match message {
                Message::Event { seq, .. } => self.seen.push(seq),
                Message::Progress { cursor } => assert!(cursor.seq > self.after),
                Message::CaughtUp { head } => assert!(head.seq >= self.after),
                _ => panic!("nothing was lost, but {message:?}"),
            }
        }
    }

    fn expected(&self, known: &[Known]) -> Vec<Seq> {
        let is_wanted = |event: &&Known| {
            event.seq > self.after && self.stream.is_none_or(|stream| stream == event.stream)
        };
        known.iter().filter(is_wanted).map(|event| event.seq).collect()
    }
}

struct Run {
    world: World,
    dice: Dice,
    known: Vec<Known>,
    listeners: Vec<Listener>,
}

impl Run {
    async fn append(&mut self) {
        let mut records = Vec::new();
        if self.dice.below(10) == 0 {
            self.world.queue.jump(self.dice.below(30));
        }
        let next = self.world.queue.bounds().next;
        for n in 0..=self.dice.below(8) {
            let seq = next.plus(n);
            let undecided = self.dice.below(4) == 0;
            if undecided && self.dice.below(2) == 0 && !self.known.is_empty() {
                let again = &self.known[self.dice.below(self.known.len() as u64) as usize];
                let (id, stream) = (again.id.clone(), again.stream);
                if self.dice.below(3) == 0 {
                    // Other content: a dead letter, which is seen at its place like an event.
                    records.push(event_with(&id, stream, true, &format!("other-{seq}")));
                    self.known.push(Known { seq, id, stream });
                } else {
                    records.push(event(&id, stream, true));
                }
                continue;
            }
            let stream = STREAMS[[0, 0, 0, 1, 1, 1, 1, 2][self.dice.below(8) as usize]];
            let id = format!("id-{seq}");
            records.push(event(&id, stream, undecided));
            self.known.push(Known { seq, id, stream });
        }
        self.world.append(records).await;
    }

    async fn apply(&mut self) {
        let applied = self.world.applied.borrow().get();
        let head = self.world.live.head().seq.get();
        if head <= applied {
            return;
        }
        // Not every position holds a record: after a jump the consumer stands at the last one before it.
        let wanted = at(applied + 1 + self.dice.below(head - applied));
        let mut reader = self.world.queue.reader(at(applied + 1));
        let mut through = at(applied);
        while through < wanted && reader.position() <= at(head) {
            through = reader.next(1).await.unwrap()[0].seq;
        }
        self.world.apply_silently(through).await;
        others_run(self.dice.below(3) as usize).await;
        self.world.applied.send_replace(through);
    }

    async fn trim(&mut self) {
        let applied = self.world.applied.borrow().get();
        let before = at(1 + self.dice.below(applied + 1));
        self.world.queue.trim(before).await.unwrap();
    }

    fn subscribe(&mut self) {
        let head = self.world.live.head().seq;
        let (since, after) = match self.dice.below(4) {
            0 => (Since::Now, head),
            1 => (Since::Beginning, Seq::ZERO),
            _ => {
                let seq = at(self.dice.below(head.get() + 1));
                (Since::After(cursor(seq)), seq)
            }
        };
        let stream = [None, Some("a"), Some("rare")][self.dice.below(3) as usize];
        let subscription = self.world.live.subscribe(since, Listener::filter(stream));
        self.listeners.push(Listener { subscription, stream, after, seen: Vec::new() });
    }

    /// Asks for messages and, as often as not, does not wait for the answer.
    async fn listen(&mut self) {
        let (n_turns, n_calls) = (self.dice.below(30) as usize, self.dice.below(6));
        let at = self.dice.below(self.listeners.len().max(1) as u64) as usize;
        let Some(listener) = self.listeners.get_mut(at) else { return };
        for _ in 0..n_calls {
            if let Some(messages) = listener.next_or_silence(n_turns).await {
                listener.take(messages);
            }
        }
    }

    fn resume(&mut self) {
        let at = self.dice.below(self.listeners.len().max(1) as u64) as usize;
        self.resume_one(at);
    }

    fn resume_one(&mut self, at: usize) {
        let Some(listener) = self.listeners.get_mut(at) else { return };
        let since = Since::After(listener.subscription.cursor());
        let filter = Listener::filter(listener.stream);
        listener.subscription = self.world.live.subscribe(since, filter);
    }

    /// The process starts again; everybody resumes by cursor.
    async fn restart(&mut self) {
        self.world.restart().await;
        for at in 0..self.listeners.len() {
            self.resume_one(at);
        }
    }

    async fn step(&mut self) {
        match self.dice.below(100) {
            0..25 => self.append().await,
            25..35 => self.apply().await,
            35..40 => self.trim().await,
            40..46 if self.listeners.len() < 6 => self.subscribe(),
            46..52 => self.resume(),
            52 => self.listeners.clear(),
            53 => self.restart().await,
            _ => self.listen().await,
        }
    }

    async fn settle_accounts(mut self, seed: u64) {
        let head = self.world.live.head().seq;
        self.world.apply_through(head).await;
        for listener in &mut self.listeners {
            let expected = listener.expected(&self.known);
            while listener.seen.len() < expected.len() {
                let messages = tokio::time::timeout(PATIENCE, listener.subscription.next()).await;
                let Ok(messages) = messages else {
                    panic!("seed {seed}: saw {:?} of {expected:?}", listener.seen);
                };
                listener.take(messages.unwrap());
            }
            assert_eq!(listener.seen, expected, "seed {seed}");
            // Nothing comes after that, however long one waits.
            while let Some(messages) = listener.next_or_silence(50).await {
                listener.take(messages);
            }
            assert_eq!(listener.seen, expected, "seed {seed}");
        }
    }
}

#[tokio::test]
async fn what_is_seen_equals_what_was_appended() {
    for seed in 1..=N_SEEDS {
        println!("seed {seed}");
        // Every other history says at once how far each scan is, so that resuming begins there, too.
        let quick = Duration::ZERO;
        let options = match seed % 2 {
            0 => LiveOptions { progress_wait: quick, idle_progress_wait: quick, ..cramped() },
            _ => cramped(),
        };
        let world = World::start(options).await;
        let dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut run = Run { world, dice, known: Vec::new(), listeners: Vec::new() };
        for _ in 0..N_STEPS {
            run.step().await;
        }
        run.settle_accounts(seed).await;
    }
}

/// What is applied stands in the database, what the log no longer keeps beyond that is gone: the one and only case of a gap.
async fn loss(seed: u64) {
    // Nobody decides about repetitions here, so nobody waits for it.
    let options = LiveOptions { settle_wait: Duration::ZERO, ..cramped() };
    let world = World::start(options).await;
    let dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut run = Run { world, dice, known: Vec::new(), listeners: Vec::new() };
    for _ in 0..30 {
        run.append().await;
    }
    run.apply().await;
    let applied = *run.world.applied.borrow();
    let head = run.world.live.head().seq;
    let before = at(applied.get() + 1 + run.dice.below(head.get() - applied.get()));
    run.world.queue.trim(before).await.unwrap();
    let first = run.world.queue.bounds().first;
    // What the consumer never saw it cannot drop either: what is kept in the log is shown as it is.
    run.world.applied.send_replace(applied);
    for _ in 0..12 {
        let since = at(1 + run.dice.below(head.get()));
        let stream = [None, Some("a"), Some("rare")][run.dice.below(3) as usize];
        let filter = Listener::filter(stream);
        let mut subscription = run.world.live.subscribe(Since::After(cursor(since)), filter);
        let (mut seen, mut gaps) = (Vec::new(), Vec::<(Cursor, Cursor, GapReason)>::new());
        while subscription.cursor().seq < head {
            for message in next(&mut subscription).await {
                match message {
                    Message::Gap { from, to, why } => gaps.push((from, to, why)),
                    Message::Event { seq, .. } => seen.push(seq),
                    _ => {}
                }
            }
        }
        let from = since.max(applied);
        let has_gap = from.next() < first;
        let expected = has_gap.then(|| (cursor(from), cursor(first.prev()), GapReason::Trimmed));
        assert_eq!(gaps, Vec::from_iter(expected), "seed {seed}, since {since}, applied {applied}");
        assert!(seen.is_sorted_by(|a, b| a < b), "seed {seed}");
        let is_kept = |seq: Seq| seq > since && (seq <= applied || seq >= first);
        assert!(seen.iter().all(|seq| is_kept(*seq)));
        for event in run.known.iter().filter(|event| is_kept(event.seq)) {
            let is_wanted = stream.is_none_or(|stream| stream == event.stream);
            let is_seen = seen.binary_search(&event.seq).is_ok();
            assert_eq!(is_seen, is_wanted, "seed {seed}: {}", event.seq);
        }
    }
}

#[tokio::test]
async fn what_is_lost_is_named_exactly() {
    for seed in 1..=N_SEEDS {
        println!("seed {seed}");
        loss(seed).await;
    }
}
