//! Which stage limits the machine, derived from what was measured.
//!
//! Facts come before shares: a disk that is full or hangs and a database that does not answer are the limit whatever
//! else is busy. Then the busiest of writer, consumer and cores, if it is busy enough; else nothing limits.
//! Shares are averages over [`WINDOW`] samples, and a stage that was the verdict stays so down to a lower share than it
//! took to become it, so that the verdict does not flicker.

use std::time::Duration;

use model::Timestamp;

use crate::health::sample::{Database, Sample, Shares};
use crate::health::words::{clock, grouped, percent, size, span};

/// Samples (seconds) that are averaged.
pub(crate) const WINDOW: usize = 5;
/// Samples over which the disk's filling is averaged.
pub(crate) const DISK_WINDOW: usize = 60;
/// From this share on a stage limits,
const ENTER: f64 = 0.85;
/// and down to this it goes on to.
const LEAVE: f64 = 0.70;
/// The cores limit us only where we want a part of them worth the name.
const OWN_SHARE_MIN: f64 = 0.05;
/// A write of the log that takes this long is a disk that hangs.
const WRITE_HANGS: Duration = Duration::from_secs(2);
/// A database that owes an answer for this long does not answer.
const DATABASE_SILENT_US: i64 = 3_000_000;
/// How long a refusal for want of room stays the verdict.
const NO_ROOM_US: i64 = 10_000_000;
/// Nearly full: two of the log's largest segments away from refusing events,
const LEFT_BYTES_MIN: u64 = 128 << 20;
/// or less than ten minutes at the rate of the whole [`DISK_WINDOW`]: a burst of seconds says nothing about minutes.
const DISK_S_MIN: f64 = 600.0;
/// What an event takes from the disk, as a multiple of its bytes in the log: rows and indexes in the database,
const DISK_PER_BYTE: f64 = 2.0;
/// or, while nothing gets there, the log and three times as much that the log keeps free for the database.
const DISK_PER_WAITING_BYTE: f64 = 4.0;
/// A batch that waits for so long for a lane that does not work waits for too long.
const BATCH_WAITS_S: f64 = 3.0;
/// A consumer that is this far behind, or falls behind further, is too slow.
const LAG_S: f64 = 3.0;

/// A place where events can be held up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing limits.
    #[default]
    Idle,
    /// The cores.
    Accept,
    /// The log's disk, in its ordinary work.
    Fsync,
    /// The consumer.
    Apply,
    /// Live connections.
    Push,
    /// The database does not answer.
    Database,
    /// The disk is full, nearly so, or hangs.
    Disk,
    /// The lane of batches stands still; events go on.
    Batches,
}

impl Stage {
    pub(crate) const ALL: [Self; 8] = [
        Self::Idle,
        Self::Accept,
        Self::Fsync,
        Self::Apply,
        Self::Push,
        Self::Database,
        Self::Disk,
        Self::Batches,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Accept => "accept",
            Self::Fsync => "fsync",
            Self::Apply => "apply",
            Self::Push => "push",
            Self::Database => "database",
            Self::Disk => "disk",
            Self::Batches => "batches",
        }
    }
}

/// What limits, in one sentence or two, and when the backlog will be gone.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) stage: Stage,
    pub(crate) sentence: String,
    /// Seconds until the database has caught up; `None` when it is not catching up.
    pub(crate) drain_s: Option<f64>,
    /// Averages.
    pub(crate) shares: Shares,
    /// Seconds until the disk is full; `None` while nothing is written.
    pub(crate) disk_s: Option<f64>,
}

/// The verdict over samples, oldest first. `before` is the last verdict's stage.
pub(crate) fn limits(samples: &[Sample], before: Stage) -> Verdict {
    let Some(last) = samples.last() else {
        return Verdict { sentence: "Just started.".to_owned(), ..Verdict::default() };
    };
    let view = View::new(samples, last);
    let (stage, sentence) = view
        .full_disk()
        .or_else(|| view.hanging_disk())
        .or_else(|| view.database())
        .or_else(|| view.nearly_full_disk())
        .or_else(|| view.held_lane())
        .or_else(|| view.busiest(before))
        .unwrap_or_else(|| (Stage::Idle, view.healthy()));
    Verdict { stage, sentence, drain_s: view.drain_s, shares: view.shares, disk_s: view.disk_s }
}

/// The averages that the rules look at.
struct View<'a> {
    last: &'a Sample,
    shares: Shares,
    accepted_per_s: f64,
    commits_per_s: f64,
    /// How many records the lag loses a second; negative when it grows.
    shrinks_per_s: f64,
    drain_s: Option<f64>,
    disk_s: Option<f64>,
    /// There are samples for the whole [`DISK_WINDOW`].
    is_long: bool,
}

impl<'a> View<'a> {
    fn new(samples: &[Sample], last: &'a Sample) -> Self {
        let window = &samples[samples.len().saturating_sub(WINDOW)..];
        let average = |window: &[Sample], value: &dyn Fn(&Sample) -> f64| {
            let seconds: f64 = window.iter().map(|sample| sample.seconds).sum();
            let weighted = window.iter().map(|sample| value(sample) * sample.seconds).sum::<f64>();
            weighted / seconds.max(0.001)
        };
        let of = |value: &dyn Fn(&Sample) -> f64| average(window, value);
        let first = &window[0];
        let between_s: f64 = window[1..].iter().map(|sample| sample.seconds).sum();
        let lag = last.gauges.lag_records;
        let shrinks_per_s = if between_s > 0.0 {
            (first.gauges.lag_records as f64 - lag as f64) / between_s
        } else {
            0.0
        };
        let long = &samples[samples.len().saturating_sub(DISK_WINDOW)..];
        let bytes_per_s = average(long, &|sample| sample.bytes_per_s);
        let is_silent = last.database != Database::Answers;
        let weight = if is_silent { DISK_PER_WAITING_BYTE } else { DISK_PER_BYTE };
        Self {
            last,
            shares: Shares {
                accept: of(&|sample| sample.shares.accept),
                cores: of(&|sample| sample.shares.cores),
                fsync: of(&|sample| sample.shares.fsync),
                apply: of(&|sample| sample.shares.apply),
                push: of(&|sample| sample.shares.push),
            },
            accepted_per_s: of(&|sample| sample.accepted_per_s),
            commits_per_s: of(&|sample| sample.commits_per_s),
            shrinks_per_s,
            drain_s: (lag > 0 && shrinks_per_s > 0.0).then(|| lag as f64 / shrinks_per_s),
            disk_s: (last.gauges.disk_left_bytes.filter(|_| bytes_per_s >= 1.0))
                .map(|left| left as f64 / bytes_per_s / weight),
            is_long: long.len() == DISK_WINDOW,
        }
    }

    fn full_disk(&self) -> Option<(Stage, String)> {
        let gauges = &self.last.gauges;
        let is_recent = |at: Timestamp| self.last.at.micros() - at.micros() <= NO_ROOM_US;
        let is_full =
            self.last.no_room_at.is_some_and(is_recent) || gauges.disk_left_bytes == Some(0);
        is_full.then(|| {
            let free = gauges.disk_free_bytes.map_or_else(String::new, |free| {
                format!(" What is free ({}) is kept for the database.", size(free))
            });
            let words = "Refusing new events (503): the disk is full.";
            (Stage::Disk, format!("{words}{free} Intake resumes by itself once there is room."))
        })
    }

    fn hanging_disk(&self) -> Option<(Stage, String)> {
        let writing_for = self.last.writing_for;
        (writing_for >= WRITE_HANGS).then(|| {
            let since = Timestamp::from_micros(self.last.at.micros() - writing_for.as_micros() as i64);
            let since = clock(since, self.last.at);
            let words = "The disk has not answered since";
            (Stage::Disk, format!("{words} {since}: a write of the log hangs. Requests wait for it; nothing is acknowledged before it is safe."))
        })
    }

    fn database(&self) -> Option<(Stage, String)> {
        let now = self.last.at;
        let (words, is_stopped) = match &self.last.database {
            Database::Answers => return None,
            Database::Silent { since, reason: None } => {
                if now.micros() - since.micros() < DATABASE_SILENT_US {
                    return None;
                }
                (format!("Database silent since {}.", clock(*since, now)), false)
            }
            Database::Silent { since, reason: Some(reason) } if reason.contains("locked") => {
                (format!("Database locked since {}.", clock(*since, now)), false)
            }
            Database::Silent { since, reason: Some(reason) } => {
                (format!("Nothing is stored since {}: {reason}.", clock(*since, now)), false)
            }
            Database::Stopped { since, reason } => {
                (format!("The consumer stopped at {}: {reason}.", clock(*since, now)), true)
            }
        };
        let queued = grouped(self.last.gauges.lag_records);
        let disk = match (self.disk_s, self.last.gauges.disk_left_bytes) {
            (Some(disk_s), _) => format!("; disk for about {} at this rate", span(disk_s)),
            (None, Some(left)) => format!("; {} of disk left", size(left)),
            (None, None) => String::new(),
        };
        let call = if is_stopped { " A person has to look." } else { "" };
        Some((Stage::Database, format!("{words} Still accepting. {queued} queued{disk}.{call}")))
    }

    fn nearly_full_disk(&self) -> Option<(Stage, String)> {
        let left = self.last.gauges.disk_left_bytes?;
        let is_soon = self.is_long && self.disk_s.is_some_and(|disk_s| disk_s < DISK_S_MIN);
        (left < LEFT_BYTES_MIN || is_soon).then(|| {
            let time = match self.disk_s {
                Some(disk_s) => format!(", for about {} at this rate", span(disk_s)),
                None => String::new(),
            };
            let words = format!("The disk is nearly full: {} left{time}.", size(left));
            (Stage::Disk, format!("{words} Still accepting. {}", self.behind()))
        })
    }

    /// A lane that a person has to look at, or whose database has not answered for some time.
    fn held_lane(&self) -> Option<(Stage, String)> {
        let lane = self.last.lane.as_ref()?;
        if !lane.is_stopped && (lane.n_waiting == 0 || lane.waits_s < BATCH_WAITS_S) {
            return None;
        }
        let (n, reason) = (grouped(lane.n_waiting), &lane.reason);
        let wait = match lane.n_waiting {
            0 => "None waits".to_owned(),
            1 => format!("1 waits, for {}", span(lane.waits_s)),
            _ => format!("{n} wait, the oldest for {}", span(lane.waits_s)),
        };
        let call = if lane.is_stopped {
            " A person has to mend what is named here, or cancel the batch."
        } else {
            ""
        };
        let words = format!("Batches stand still: {reason}. {wait}; events go on.");
        Some((Stage::Batches, format!("{words}{call}")))
    }

    /// The stage with the largest share, if that is large enough.
    fn busiest(&self, before: Stage) -> Option<(Stage, String)> {
        let shares = &self.shares;
        let is_ours = shares.accept >= OWN_SHARE_MIN;
        let is_push = shares.push * 2.0 >= shares.accept;
        let falls_behind = self.last.gauges.lag_s >= LAG_S || self.shrinks_per_s < -1.0;
        let cores = |is_it: bool| if is_ours && is_it { shares.cores } else { 0.0 };
        let candidates = [
            (Stage::Fsync, if self.accepted_per_s > 0.0 { shares.fsync } else { 0.0 }),
            (Stage::Apply, if falls_behind { shares.apply } else { 0.0 }),
            (Stage::Accept, cores(!is_push)),
            (Stage::Push, cores(is_push)),
        ];
        let needs = |stage: Stage| if stage == before { LEAVE } else { ENTER };
        let limiting = candidates.into_iter().filter(|(stage, share)| *share >= needs(*stage));
        // The one before stays where it still may, unless another is clearly busier.
        let weight = |(stage, share): (Stage, f64)| share + if stage == before { 0.1 } else { 0.0 };
        let (stage, share) = limiting.max_by(|a, b| weight(*a).total_cmp(&weight(*b)))?;
        Some((stage, self.limited(stage, share)))
    }

    fn limited(&self, stage: Stage, share: f64) -> String {
        let accepted = grouped(self.accepted_per_s.round() as u64);
        let busy = percent(share);
        match stage {
            Stage::Fsync => {
                let commits = grouped(self.commits_per_s.round() as u64);
                format!(
                    "The disk's fsync limits intake: {busy} busy with {commits} commits/s for {accepted} events/s. {}",
                    self.behind()
                )
            }
            Stage::Apply => {
                format!("The database limits: {busy} busy storing. {}", self.behind())
            }
            Stage::Push => {
                let (n, push) = (self.last.gauges.n_subscribers, percent(self.shares.push));
                let n = grouped(n as u64);
                format!(
                    "Live connections limit: the cores are {busy} busy, {push} of them with sending to {n}. {}",
                    self.behind()
                )
            }
            _ => {
                let own = percent(self.shares.accept);
                format!(
                    "The processor limits: its cores are {busy} busy, {own} with eyas, at {accepted} events/s. {}",
                    self.behind()
                )
            }
        }
    }

    fn healthy(&self) -> String {
        if self.accepted_per_s > 0.0 || self.last.gauges.lag_records > 0 {
            format!("Healthy. {}", self.behind())
        } else {
            "Healthy. Nothing comes in, everything is stored.".to_owned()
        }
    }

    /// How far the database is behind.
    fn behind(&self) -> String {
        let gauges = &self.last.gauges;
        if gauges.lag_records == 0 {
            return "Everything is stored.".to_owned();
        }
        let drain = match self.drain_s {
            Some(drain_s) if gauges.lag_s >= LAG_S => {
                format!(", caught up in about {}", span(drain_s))
            }
            None if gauges.lag_s >= LAG_S => ", and falling behind".to_owned(),
            _ => String::new(),
        };
        format!("Stored {:.1} s behind{drain}.", gauges.lag_s)
    }
}
