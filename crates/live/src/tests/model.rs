//! Random histories against a plain list: what a subscriber sees equals the events of its filter after `since`,
//! strictly rising, nothing missing, whatever is appended, applied, trimmed, dropped and resumed meanwhile.

use model::{Filter, Seq};
use queue::Queue;

use crate::message::{Message, Since};
use crate::subscription::Subscription;
use crate::tests::world::{PATIENCE, World, at, cramped, cursor, event, only, others_run};

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
                Message::Gap { .. } => panic!("nothing was lost, but {message:?}"),
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
                records.push(event(&again.id, again.stream, true));
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
        let Some(listener) = self.listeners.get_mut(at) else { return };
        let since = Since::After(listener.subscription.cursor());
        let filter = Listener::filter(listener.stream);
        listener.subscription = self.world.live.subscribe(since, filter);
    }

    async fn step(&mut self) {
        match self.dice.below(100) {
            0..25 => self.append().await,
            25..35 => self.apply().await,
            35..40 => self.trim().await,
            40..46 if self.listeners.len() < 6 => self.subscribe(),
            46..52 => self.resume(),
            52 => self.listeners.clear(),
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
        let world = World::start(cramped()).await;
        let dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut run = Run { world, dice, known: Vec::new(), listeners: Vec::new() };
        for _ in 0..N_STEPS {
            run.step().await;
        }
        run.settle_accounts(seed).await;
    }
}
