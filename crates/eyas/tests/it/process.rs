//! A process of the binary under test: what it says is heard to the end, and it does not outlive its owner.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// One process.
pub(crate) struct Process {
    child: Child,
    stderr: Arc<Mutex<String>>,
    /// Every line of stdout so far.
    lines: Arc<Mutex<Vec<String>>>,
    /// Ends when stderr has ended.
    listener: JoinHandle<()>,
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when the child is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    /// Starts it, and hands back the first line that it prints.
    pub(crate) fn start(command: &mut Command) -> (Self, oneshot::Receiver<String>) {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary under test can be started");
        let (tell, first_line) = oneshot::channel();
        let out = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&lines);
        // Reads to the end, so that the child can never be held up by a full pipe.
        std::thread::spawn(move || {
            let mut tell = Some(tell);
            for line in out.lines().map_while(Result::ok) {
                if let Some(tell) = tell.take() {
                    let _ = tell.send(line.clone());
                }
                heard.lock().unwrap().push(line);
            }
        });
        let stderr = Arc::new(Mutex::new(String::new()));
        let (mut err, text) = (child.stderr.take().expect("stderr is piped"), Arc::clone(&stderr));
        let listener = std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(n @ 1..) = err.read(&mut chunk) {
                text.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk[..n]));
            }
        });
        (Self { child, stderr, lines, listener }, first_line)
    }

    /// How it ended, unless it goes on for longer.
    pub(crate) async fn exit(&mut self, within: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return Some(status);
            }
            if Instant::now() >= end {
                return None;
            }
            sleep(LOOK).await;
        }
    }

    /// What it said on stderr so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Everything that it said, once it has ended: the pipe's reader may be a moment behind.
    pub(crate) async fn last_words(&self, within: Duration) -> String {
        let end = Instant::now() + within;
        while !self.listener.is_finished() {
            assert!(Instant::now() < end, "stderr has no end; so far:\n{}", self.stderr());
            sleep(LOOK).await;
        }
        self.stderr()
    }

    /// The lines that it has printed on stdout.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("a running child can be signalled");
    }

    /// Memory that is resident now.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let path = format!("/proc/{}/statm", self.child.id());
        let text = std::fs::read_to_string(path).expect("a running process has its numbers");
        let n_pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
        n_pages * rustix::param::page_size() as u64
    }

    /// Processor time that it has taken so far.
    pub(crate) fn cpu_time(&self) -> Duration {
        let path = format!("/proc/{}/stat", self.child.id());
        let text = std::fs::read_to_string(path).expect("a running process has its numbers");
        // Behind the name, which may hold anything, time in user mode is the 12th field and in the kernel the 13th.
        let behind_name = text.rsplit(')').next().unwrap().split_whitespace();
        let n_ticks: u64 = behind_name.skip(11).take(2).map(|n| n.parse::<u64>().unwrap()).sum();
        Duration::from_millis(n_ticks * 1000 / rustix::param::clock_ticks_per_second())
    }
}
