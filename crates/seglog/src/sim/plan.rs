//! Which call fails, and how. Calls are counted for each caller and method, so that a plan means the same call
//! however the threads take turns.

use std::io;
use std::thread;

use rustix::io::Errno;

/// A method of `Io` or `File`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "they are the names of the methods")]
pub enum Call {
    CreateDir,
    List,
    Create,
    Open,
    OpenToRead,
    Rename,
    Exchange,
    Remove,
    SyncDir,
    Lock,
    Random,
    Space,
    ReadAt,
    WriteAllAt,
    Allocate,
    SyncData,
    SizeBytes,
}

impl Call {
    /// All methods.
    pub const ALL: [Self; 17] = [
        Self::CreateDir,
        Self::List,
        Self::Create,
        Self::Open,
        Self::OpenToRead,
        Self::Rename,
        Self::Exchange,
        Self::Remove,
        Self::SyncDir,
        Self::Lock,
        Self::Random,
        Self::Space,
        Self::ReadAt,
        Self::WriteAllAt,
        Self::Allocate,
        Self::SyncData,
        Self::SizeBytes,
    ];
}

/// Who calls. The threads of a log take turns as they like, but each alone always does the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caller {
    /// The log: whoever opens it, its writer, a trim.
    Log,
    /// The threads that make the next segment and watch the room on the disk, and all removals of spares and ballast.
    Spare,
    /// A thread whose name begins with `reader`: never counted, never failed.
    Reader,
}

impl Caller {
    pub(crate) fn current() -> Self {
        match thread::current().name() {
            Some("seglog-spare" | "seglog-room") => Self::Spare,
            Some(name) if name.starts_with("reader") => Self::Reader,
            _ => Self::Log,
        }
    }
}

/// What happens instead of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// EIO. A write leaves a part of its bytes, a sync leaves everything to be written.
    Io,
    /// ENOSPC. A write leaves a part of its bytes first.
    NoRoom,
    /// A sync answers EIO, and what it should have written counts as written. Elsewhere like `Io`.
    DropPages,
    /// The process is killed inside the call: it has been done, or not, or a write in part. No later call does anything.
    Die,
}

impl Fault {
    pub(crate) fn error(self) -> io::Error {
        match self {
            Self::Io | Self::DropPages => Errno::IO.into(),
            Self::NoRoom => Errno::NOSPC.into(),
            Self::Die => dead(),
        }
    }
}

/// What every call of a killed process answers.
pub(crate) fn dead() -> io::Error {
    io::Error::other("simulated: the process has been killed")
}

/// One fault to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Whose calls are counted.
    pub caller: Caller,
    /// Which of them; `None`: all.
    pub call: Option<Call>,
    /// The number of the call, from 0, since the plan was set.
    pub nth: u64,
    /// What it meets.
    pub fault: Fault,
}

/// The faults to come, and the calls so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    rules: Vec<Rule>,
    n_calls: [[u64; Call::ALL.len()]; 2],
    /// Faults that have been met.
    pub(crate) met: Vec<Rule>,
}

impl Plan {
    pub(crate) fn new(rules: Vec<Rule>) -> Self {
        Self { rules, ..Self::default() }
    }

    /// Counts a call and answers its number among all of its caller, and what it meets.
    pub(crate) fn count(&mut self, caller: Caller, call: Call) -> (u64, Option<Fault>) {
        let n_calls = match caller {
            Caller::Log => &mut self.n_calls[0],
            Caller::Spare => &mut self.n_calls[1],
            Caller::Reader => return (0, None),
        };
        let (n_all, n_same) = (n_calls.iter().sum(), n_calls[call as usize]);
        n_calls[call as usize] += 1;
        let rule = self.rules.iter().find(|rule| {
            let nth = if rule.call.is_some() { n_same } else { n_all };
            rule.caller == caller
                && rule.call.is_none_or(|wanted| wanted == call)
                && rule.nth == nth
        });
        self.met.extend(rule);
        (n_all, rule.map(|rule| rule.fault))
    }

    /// How often a caller has called a method since the plan was set.
    pub(crate) fn n_calls(&self, caller: Caller, call: Call) -> u64 {
        match caller {
            Caller::Log => self.n_calls[0][call as usize],
            Caller::Spare => self.n_calls[1][call as usize],
            Caller::Reader => 0,
        }
    }
}
