//! Death at every named point of the way of an event: nothing that was promised is missing, nothing is there twice.
//!
//! The torture test kills at any moment, and so hardly ever in the few microseconds that matter. Here the server kills
//! itself where the crate `crash` is told to (`KILL_EYAS_AT`), between two lines of the code, and the same checker judges.
//! Such points exist where there are debug assertions, which is where these tests run.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::{DEADLINE, Launch, TestApp, binary, eventually};
use crate::checker::history::History;
use crate::checker::rules::check;
use crate::journal::read;
use crate::producers::{Producer, Shared};
use crate::torture::{everything_kept, spawn_subscribers};

const N_PRODUCERS: u64 = 4;
/// Acknowledged events of the life after the death, at least.
const ACKS_AFTER: u64 = 30;

/// When the process comes to the point.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Under {
    /// While producers send.
    Load,
    /// Once nobody sends any more.
    Silence,
}

/// One run: two lives of a server, the first of which ends at a point.
struct Run {
    place: String,
    launch: Launch,
    shared: Arc<Shared>,
    up: watch::Sender<bool>,
    n_producers: u64,
}

impl Run {
    fn new(place: String) -> Self {
        let launch = Launch::new().on_fixed_port().kept_after_failure();
        // With PostgreSQL the log is kept for a day, unless somebody says otherwise.
        let keep = if place.starts_with("trim") { "0" } else { "24h" };
        let launch = launch.env("EYAS_LOG_KEEP", keep);
        std::fs::create_dir(launch.dir().join("journals")).unwrap();
        let (up, is_up) = watch::channel(true);
        Self { place, launch, shared: Arc::new(Shared::new(is_up)), up, n_producers: 0 }
    }

    fn spawn_producers(&mut self, app: &TestApp) -> JoinSet<()> {
        self.shared.stop.store(false, Ordering::Relaxed);
        let mut producers = JoinSet::new();
        for _ in 0..N_PRODUCERS {
            let journals = self.launch.dir().join("journals");
            let (http, shared) = (app.http.clone(), Arc::clone(&self.shared));
            let producer = Producer::new(self.n_producers, 1, http, &journals, shared);
            producers.spawn(producer.run());
            self.n_producers += 1;
        }
        producers
    }

    async fn more_acks(&self) {
        let n_until = self.shared.n_accepted.load(Ordering::Relaxed) + ACKS_AFTER;
        eventually("producers get their answers", async || {
            (self.shared.n_accepted.load(Ordering::Relaxed) >= n_until).then_some(())
        })
        .await;
    }

    async fn stop(&self, mut producers: JoinSet<()>) {
        self.shared.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = producers.join_next().await {
            ended.expect("every answer is one of those allowed");
        }
    }

    /// The whole of it, judged.
    async fn judge(mut self, under: Under) {
        let app = self.launch.clone().env("KILL_EYAS_AT", &self.place).start().await;
        let (finish, is_finished) = watch::channel(false);
        let subscribers = spawn_subscribers(&app, &self.up.subscribe(), &is_finished, None);
        let producers = self.spawn_producers(&app);
        if under == Under::Silence {
            self.more_acks().await;
            // Nobody waits for them here: one that the death leaves without an answer has it from the next life.
            self.shared.stop.store(true, Ordering::Relaxed);
        }
        let stderr = app.killed().await;
        self.up.send_replace(false);
        let point = self.place.split(':').next().unwrap();
        assert!(stderr.ends_with(&format!("killed at {point}\n")), "{stderr}");

        let app = self.launch.start().await;
        self.up.send_replace(true);
        let late = self.spawn_producers(&app);
        self.more_acks().await;
        self.stop(producers).await;
        self.stop(late).await;
        app.wait_applied().await;
        finish.send_replace(true);
        let transcripts = tokio::time::timeout(3 * DEADLINE, subscribers.join_all()).await;
        let transcripts = transcripts.expect("both subscribers come to the end");

        let journals = self.launch.dir().join("journals");
        let path = |number| journals.join(format!("p{number:02}"));
        let attempts = (0..self.n_producers).flat_map(|number| read(&path(number))).collect();
        let events = everything_kept(&app).await;
        let dead = app.beside().dead_letters();
        let wrong = check(&History { attempts, events, dead, transcripts, has_outages: false });
        assert!(wrong.is_empty(), "killed at {}: {wrong:#?}", self.place);
    }
}

/// Dies at each point, at each of its passes that is named. An optimised binary has no points, lives on, and fails.
async fn survives(points: &[&str], passes: &[u64], under: Under) {
    for point in points {
        for pass in passes {
            Run::new(format!("{point}:{pass}")).judge(under).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_in_a_commit_of_the_log_breaks_no_promise() {
    let points = ["commit.before_write", "commit.before_fsync", "commit.after_fsync"];
    survives(&points, &[1, 20], Under::Load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_around_an_answer_breaks_no_promise() {
    let points = ["commit.before_answers", "commit.after_answers", "gateway.before_202"];
    survives(&points, &[1, 20], Under::Load).await;
    survives(&["intake.before_append", "intake.after_append"], &[20], Under::Load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_in_a_seal_breaks_no_promise() {
    let points = ["seal.before_write", "seal.before_fsync", "seal.after_fsync"];
    survives(&points, &[1], Under::Silence).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_in_a_roll_breaks_no_promise() {
    let points = ["roll.before_rename", "roll.before_folder_fsync", "roll.after_folder_fsync"];
    survives(&points, &[1], Under::Load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_in_a_trim_breaks_no_promise() {
    let points = ["trim.before_unlink", "trim.before_folder_fsync", "trim.after_folder_fsync"];
    survives(&points, &[1], Under::Load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_in_a_transaction_breaks_no_promise() {
    let before = ["apply.before_begin", "apply.after_lease"];
    survives(&before, &[1, 5], Under::Load).await;
    survives(&["apply.before_commit", "apply.after_commit"], &[1, 5], Under::Load).await;
}

#[test]
fn a_binary_without_debug_assertions_has_no_such_points() {
    let bytes = std::fs::read(binary()).unwrap();
    for words in ["KILL_EYAS_AT", "killed at ", "commit.before_fsync"] {
        let has = bytes.windows(words.len()).any(|window| window == words.as_bytes());
        assert_eq!(has, cfg!(debug_assertions), "{words}");
    }
}
