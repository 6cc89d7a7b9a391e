//! One seeded life story of a log on a simulated disk: appends, batches, readers, trims, closes, faults, kills and power
//! cuts, and after every reopen the check against the model.
//!
//! Threads make exact interleavings hard to repeat, so nothing here depends on them: appends go one by one, or as a batch
//! behind a commit that is held in its sync; faults count the calls of one caller; and the next step waits until the log
//! is quiet. So a seed repeats every call of the log and every answer of the disk.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::log::Log;
use crate::options::Options;
use crate::queue::AppendError;
use crate::reader::{ReadError, Reader};
use crate::sim::disk::SimDisk;
use crate::sim::plan::{Call, Caller, Fault, Rule};
use crate::sim::random::Random;
use crate::tests::follower::{Follower, read_beside};
use crate::tests::model::Model;
use crate::verdict::OpenError;

pub(crate) const DIR: &str = "/sim/log";
const SEAL: [u8; 8] = *b"EYFR\x02\0\0\0";

/// What happened under one seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Story {
    /// All calls of the log and all answers of the disk, as one number.
    pub(crate) trace: u64,
    pub(crate) n_acknowledged: u64,
    pub(crate) n_unknown: u64,
    pub(crate) n_faults: u64,
    pub(crate) n_kills: u64,
    pub(crate) n_power_cuts: u64,
    pub(crate) n_opens: u64,
    pub(crate) n_opens_failed: u64,
    pub(crate) n_cuts: u64,
    pub(crate) n_refused_rot: u64,
}

type Answer = Result<(u64, u64), AppendError>;
type Append = Pin<Box<dyn Future<Output = Answer>>>;

/// Lives through the story of a seed. `Err`: what was wrong. `lie`: the disk answers OK to such calls and does nothing.
pub(crate) fn live(seed: u64, lie: Option<Call>) -> Result<Story, String> {
    let disk = SimDisk::new(seed);
    if let Some(call) = lie {
        disk.lie_about(call);
    }
    let mut world = World {
        random: Random::of(seed, "workload"),
        runtime: Builder::new_current_thread().build().map_err(|error| error.to_string())?,
        disk,
        model: Model::new(),
        story: Story::default(),
        has_unreadable: false,
        seals_at_once: false,
    };
    let n_lives = 2 + world.random.below(5);
    let rots_after = world.random.one_in(8).then(|| world.random.below(n_lives));
    for n in 0..=n_lives {
        let is_last = n == n_lives;
        let plan = if is_last { Vec::new() } else { world.plan() };
        world.disk.set_plan(plan);
        let log = match world.open(is_last)? {
            Opened::Log(log) => Some(log),
            Opened::Failed => None,
            Opened::Rotten => break,
        };
        let has_follower = world.random.one_in(8);
        let follower = log.clone().filter(|_| has_follower).map(Follower::start);
        if let Some(log) = &log {
            world.use_log(log)?;
        }
        // How far the thread of the spares has come is a matter of time.
        let met = world.disk.met();
        world.story.n_faults += met.iter().filter(|rule| rule.caller == Caller::Log).count() as u64;
        if let Some(follower) = follower {
            world.model.show_again(&follower.stop()?)?;
        }
        world.disk = world.end(log);
        if rots_after == Some(n) {
            world.rot();
        }
    }
    world.story.trace = world.disk.trace();
    Ok(world.story)
}

struct World {
    random: Random,
    runtime: Runtime,
    disk: SimDisk,
    model: Model,
    story: Story,
    /// The last power cut may have left sectors that cannot be read.
    has_unreadable: bool,
    seals_at_once: bool,
}

enum Opened {
    Log(Log),
    Failed,
    /// Refused, as it must be when records have rotted.
    Rotten,
}

impl World {
    /// The faults of one life. Most lives have none or one.
    fn plan(&mut self) -> Vec<Rule> {
        let n_calls = if self.random.one_in(2) { 25 } else { 120 };
        let nth = self.random.below(n_calls);
        let (caller, call, nth, fault) = match self.random.below(12) {
            0..=3 => return Vec::new(),
            4 | 5 => (Caller::Log, None, nth, Fault::Die),
            6 => (Caller::Log, Some(Call::WriteAllAt), nth / 2, Fault::Die),
            7 => (Caller::Log, None, nth, Fault::Io),
            8 => (Caller::Log, None, nth, Fault::NoRoom),
            9 => (Caller::Log, Some(Call::SyncData), nth / 3, Fault::DropPages),
            10 => (Caller::Log, Some(Call::SyncDir), nth / 8, Fault::Io),
            // Not their removal: how many there are is a matter of time.
            _ => {
                let calls = [Call::Create, Call::Allocate, Call::WriteAllAt, Call::SyncData];
                let fault = if nth.is_multiple_of(2) { Fault::Io } else { Fault::NoRoom };
                (Caller::Spare, Some(calls[(nth / 2 % 4) as usize]), nth / 8 % 4, fault)
            }
        };
        vec![Rule { caller, call, nth, fault }]
    }

    fn options(&mut self, is_last: bool) -> Options {
        self.seals_at_once = self.random.one_in(2);
        let segment_bytes_min = (16 * 1024) << self.random.below(2);
        Options {
            applied: (is_last || !self.random.one_in(16)).then_some(self.model.applied),
            queue_bytes_max: if self.random.one_in(2) { 64 * 1024 } else { 1024 * 1024 },
            append_bytes_max: 100_000,
            segment_bytes_min,
            segment_bytes_max: segment_bytes_min << self.random.below(3),
            seal_after: if self.seals_at_once { Duration::ZERO } else { Duration::from_hours(1) },
            reserve_bytes_max: 0,
            ..Options::new(DIR)
        }
    }

    fn open(&mut self, is_last: bool) -> Result<Opened, String> {
        let options = self.options(is_last);
        self.story.n_opens += 1;
        let n_lies = self.disk.n_syncs_after_failure();
        if n_lies > 0 {
            return Err(format!("{n_lies} syncs of a file whose sync had failed"));
        }
        let may_fail = |world: &Self| !world.disk.met().is_empty() || world.disk.is_dead();
        let error = match Log::open(Arc::new(self.disk.clone()), &options) {
            Ok((log, recovered)) => {
                self.has_unreadable = false;
                self.story.n_cuts += u64::from(recovered.jumped);
                let records = read_beside(&log)?;
                self.model.reopen(&recovered, &records)?;
                let next = log.bounds();
                if next != (recovered.first, recovered.next) {
                    return Err(format!("the bounds are {next:?}, found was {recovered:?}"));
                }
                return Ok(Opened::Log(log));
            }
            Err(error) => error,
        };
        self.story.n_opens_failed += 1;
        match &error {
            OpenError::Io { .. } if may_fail(self) => {}
            OpenError::Io { .. } if self.has_unreadable => self.disk.heal(),
            OpenError::WouldCut { .. } if options.applied.is_none() => {}
            OpenError::NoLog { .. } if options.applied.is_none() && self.model.last() == 0 => {}
            OpenError::Corrupt { file, .. } if self.model.is_rotten && file.starts_with(DIR) => {
                self.story.n_refused_rot += 1;
                return Ok(Opened::Rotten);
            }
            OpenError::Behind { .. } if self.model.is_rotten => return Ok(Opened::Rotten),
            _ => return Err(format!("refused: {error}")),
        }
        if is_last { self.open(is_last) } else { Ok(Opened::Failed) }
    }

    /// A life: some steps, until the log is closed, poisoned or killed.
    fn use_log(&mut self, log: &Log) -> Result<(), String> {
        let mut consumer = log.reader(self.model.applied + 1);
        // Before the first answer the writer may still be starting, and a trim could come before or after that.
        let mut may_trim = false;
        for _ in 0..self.random.below(24) {
            if log.poison_reason().is_some() {
                break;
            }
            match self.random.below(16) {
                0..=6 => may_trim |= self.append(log)?,
                7..=9 => may_trim |= self.batch(log)?,
                10 | 11 => self.consume(&mut consumer)?,
                12 | 13 if may_trim => self.trim(log)?,
                14 => self.seek(log)?,
                15 if self.random.one_in(4) => {
                    self.runtime.block_on(log.close());
                    let (attempt, records) = self.model.attempt(&mut self.random, &[10]);
                    let answer = self.runtime.block_on(log.append(records));
                    return match answer {
                        Err(AppendError::Closed | AppendError::Poisoned(_)) => {
                            self.model.refuse(attempt);
                            Ok(())
                        }
                        other => Err(format!("a closed log answered {other:?}")),
                    };
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn sizes(&mut self) -> Vec<usize> {
        let count = if self.random.one_in(3) { 1 + self.random.below(5) } else { 1 };
        let size = |random: &mut Random| match random.below(24) {
            0..=15 => random.below(600),
            16..=20 => random.below(6000),
            21 | 22 => random.below(20_000),
            _ => random.below(80_000),
        };
        (0..count).map(|_| size(&mut self.random) as usize).collect()
    }

    /// One append. Answers whether it was acknowledged.
    fn append(&mut self, log: &Log) -> Result<bool, String> {
        let sizes = self.sizes();
        let (attempt, records) = self.model.attempt(&mut self.random, &sizes);
        let before = self.model.last();
        let answer = self.runtime.block_on(log.append(records));
        let is_ok = self.settle(attempt, answer)?;
        self.model.vouch(if is_ok { before } else { 0 });
        self.wait_for_seal(log, is_ok)?;
        Ok(is_ok)
    }

    /// Several appends in one commit: they come while the one before is held in its sync. Some callers do not wait.
    fn batch(&mut self, log: &Log) -> Result<bool, String> {
        let mut context = Context::from_waker(Waker::noop());
        let begin = |world: &mut Self, sizes: &[usize]| {
            let (attempt, records) = world.model.attempt(&mut world.random, sizes);
            let log = log.clone();
            let future: Append = Box::pin(async move { log.append(records).await });
            (attempt, future)
        };
        self.disk.hold_syncs(true);
        let (first, mut plug) = begin(self, &[1]);
        let mut plugged = plug.as_mut().poll(&mut context);
        while plugged.is_pending() && !self.disk.is_held() {
            thread::yield_now();
            plugged = plug.as_mut().poll(&mut context);
        }
        if let Poll::Ready(answer) = plugged {
            // It was refused, or the log is poisoned: nothing holds the writer, so no others are sent behind it.
            self.disk.hold_syncs(false);
            return self.settle(first, answer);
        }
        let mut appends = Vec::new();
        for _ in 0..=self.random.below(5) {
            let sizes = self.sizes();
            let (attempt, mut future) = begin(self, &sizes);
            let polled = future.as_mut().poll(&mut context);
            appends.push((attempt, polled, Some(future)));
        }
        // The answer of the last one says when all are written. If it was refused at once, nobody is forgotten.
        let (n_appends, has_last) =
            (appends.len(), appends.last().is_some_and(|last| last.1.is_pending()));
        for (_, polled, future) in &mut appends[..n_appends - 1] {
            if self.random.one_in(4) && has_last && polled.is_pending() {
                *future = None;
            }
        }
        self.disk.hold_syncs(false);
        let before = self.model.last();
        let answer = self.runtime.block_on(plug);
        let is_plug_ok = self.settle(first, answer)?;
        self.model.vouch(if is_plug_ok { before } else { 0 });
        let (before, mut is_rest_ok) = (self.model.last(), false);
        // One that nobody waits for is unknown: its answers are those of its neighbours in the same commit.
        for (attempt, polled, future) in appends {
            match self.answer(polled, future) {
                Some(answer) => is_rest_ok |= self.settle(attempt, answer)?,
                None => self.story.n_unknown += 1,
            }
        }
        self.model.vouch(if is_rest_ok { before } else { 0 });
        let is_ok = is_plug_ok || is_rest_ok;
        self.wait_for_seal(log, is_ok)?;
        Ok(is_ok)
    }

    fn answer(&self, polled: Poll<Answer>, future: Option<Append>) -> Option<Answer> {
        match polled {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => future.map(|future| self.runtime.block_on(future)),
        }
    }

    /// Writes down the answer of an append. Answers whether it was acknowledged.
    fn settle(&mut self, attempt: usize, answer: Answer) -> Result<bool, String> {
        let met = self.disk.met();
        match answer {
            Ok((first, last)) => {
                self.story.n_acknowledged += 1;
                self.model.acknowledge(attempt, first, last)?;
                return Ok(true);
            }
            Err(AppendError::TooLarge { .. } | AppendError::Full { .. }) => {
                self.model.refuse(attempt);
            }
            Err(AppendError::NoRoom(_)) if met.iter().any(|rule| rule.fault == Fault::NoRoom) => {
                self.model.refuse(attempt);
            }
            Err(AppendError::Poisoned(_)) if !met.is_empty() => self.story.n_unknown += 1,
            Err(error) => return Err(format!("append {attempt} without a fault: {error}")),
        }
        Ok(false)
    }

    /// A log that seals at once does so after its answers: the next step comes when it is quiet.
    fn wait_for_seal(&mut self, log: &Log, has_committed: bool) -> Result<(), String> {
        if !self.seals_at_once || !has_committed {
            return Ok(());
        }
        for _ in 0..10_000_000 {
            if log.poison_reason().is_some() {
                return Ok(());
            }
            if self.disk.last_synced_write() == Some(SEAL) {
                self.model.vouch(self.model.last());
                return Ok(());
            }
            thread::yield_now();
        }
        Err("an idle log was never sealed".into())
    }

    /// The database reads on, and applies what it is shown.
    fn consume(&mut self, consumer: &mut Reader) -> Result<(), String> {
        let is_whole = self.random.one_in(2);
        loop {
            match consumer.read(1 + self.random.below(20_000) as usize) {
                Ok(shown) => {
                    self.model.show(self.model.applied + 1, &shown)?;
                    self.model.applied = shown.last().map_or(self.model.applied, |(seq, _)| *seq);
                    if shown.is_empty() && self.model.last() > self.model.applied {
                        return Err(format!("a reader ends before Seq {}", self.model.last()));
                    }
                    if shown.is_empty() || !is_whole {
                        return Ok(());
                    }
                }
                Err(ReadError::Io { .. }) if !self.disk.met().is_empty() => return Ok(()),
                Err(error) => return Err(format!("the consumer: {error}")),
            }
        }
    }

    /// Some reader begins in the middle.
    fn seek(&mut self, log: &Log) -> Result<(), String> {
        let (first, next) = log.bounds();
        let from = first + self.random.below(next - first + 1);
        match log.reader(from).read(10_000) {
            Ok(shown) => self.model.show(from, &shown),
            Err(ReadError::Io { .. }) if !self.disk.met().is_empty() => Ok(()),
            Err(error) => Err(format!("a reader from {from}: {error}")),
        }
    }

    fn trim(&mut self, log: &Log) -> Result<(), String> {
        let before = self.model.applied + 1 - self.random.below(self.model.applied.min(8) + 1);
        self.model.trim(before);
        match log.trim(before) {
            Ok(()) => self.model.trimmed(log.bounds().0),
            Err(_) if !self.disk.met().is_empty() => Ok(()),
            Err(error) => Err(format!("a trim without a fault: {error}")),
        }
    }

    /// The process ends, in one way or another. Answers the disk as the next one finds it.
    fn end(&mut self, log: Option<Log>) -> SimDisk {
        let way = self.random.below(16);
        let log = if way < 2 {
            // A graceful end: the log is sealed and let go.
            drop(log);
            None
        } else {
            log
        };
        // Most of the time a commit is in flight: written, and not synced.
        let is_busy = !self.random.one_in(4);
        let in_flight = log.as_ref().filter(|_| is_busy).and_then(|log| self.begin_held(log));
        let found = match way {
            0 | 2..=7 => {
                self.story.n_kills += 1;
                self.disk.kill()
            }
            15 => {
                self.story.n_power_cuts += 1;
                self.has_unreadable = true;
                self.disk.power_cut_unreadable(self.random.next())
            }
            _ => {
                self.story.n_power_cuts += 1;
                self.disk.power_cut(self.random.next())
            }
        };
        // What the old process still does, and answers, happens in a world that nobody will see.
        self.disk.hold_syncs(false);
        drop(in_flight);
        drop(log);
        found
    }

    /// An append whose commit is held in its sync. `None`: it did not come so far.
    fn begin_held(&mut self, log: &Log) -> Option<Append> {
        let mut context = Context::from_waker(Waker::noop());
        let sizes = self.sizes();
        let (_, records) = self.model.attempt(&mut self.random, &sizes);
        self.story.n_unknown += 1;
        self.disk.hold_syncs(true);
        let log = log.clone();
        let mut append: Append = Box::pin(async move { log.append(records).await });
        while append.as_mut().poll(&mut context).is_pending() {
            if self.disk.is_held() {
                return Some(append);
            }
            thread::yield_now();
        }
        None
    }

    /// One bit of some segment turns over.
    fn rot(&mut self) {
        let files = self.disk.files();
        let segments: Vec<_> =
            files.iter().filter(|path| path.extension().is_some_and(|end| end == "seg")).collect();
        if segments.is_empty() {
            return;
        }
        self.model.is_rotten = true;
        let path = segments[self.random.below(segments.len() as u64) as usize];
        let content = self.disk.content(path).unwrap_or_default();
        let n_used = content.iter().rposition(|&byte| byte != 0).unwrap_or(0) + 1;
        let n_bytes = if self.random.one_in(4) { content.len() } else { n_used };
        let bit = self.random.below(n_bytes as u64 * 8);
        self.disk.flip_bit(path, bit).expect("the file is there");
    }
}
