//! Log and database disagree, or one of them is damaged: what can be repaired is, the rest is refused or alarmed.

use std::path::{Path, PathBuf};

use crate::app::{Launch, TestApp, eventually};
use crate::http::Row;

async fn send(app: &TestApp, from: usize, to: usize) {
    for n in from..to {
        app.post_stream("raw", n.to_string()).await.accepted();
    }
}

async fn stored(app: &TestApp) -> Vec<usize> {
    app.wait_applied().await;
    let lines = app.export_of("/streams/raw").await;
    lines.iter().map(|line| Row::parse(line).data().parse().unwrap()).collect()
}

/// The segments, oldest first.
pub(crate) fn segments(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.join("log/events")).expect("the log's folder");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ext| ext == "seg"));
    files.sort();
    assert!(!files.is_empty());
    files
}

/// Where the last byte stands that is not zero.
fn end_of_data(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|&byte| byte != 0).map_or(0, |at| at + 1)
}

#[tokio::test]
async fn a_wiped_database_is_filled_again_from_the_log() {
    let app = TestApp::start().await;
    send(&app, 0, 50).await;
    let before = {
        app.wait_applied().await;
        app.export_of("/streams/raw").await
    };
    let launch = app.terminate().await;
    launch.beside().wipe();
    let app = launch.start().await;
    app.wait_applied().await;
    assert_eq!(app.export_of("/streams/raw").await, before, "the same events at the same places");
    send(&app, 50, 60).await;
    assert_eq!(stored(&app).await, (0..60).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_wiped_database_is_refused_where_the_log_has_been_trimmed() {
    // With PostgreSQL the log is kept for a day, unless somebody says otherwise.
    let app = Launch::new().env("EYAS_LOG_KEEP", "0").start().await;
    let lines = format!("\"{}\"\n", "x".repeat(1_000)).repeat(10_000);
    eventually("segments that are no longer needed are gone", async || {
        app.http.post("/streams/raw", "application/x-ndjson", lines.clone()).await.accepted();
        app.wait_applied().await;
        let first = app.get("/status").await.json()["log"]["first"].as_u64();
        (first > Some(1)).then_some(())
    })
    .await;
    let launch = app.terminate().await;
    launch.beside().wipe();
    let (code, stderr) = launch.refused().await;
    assert_ne!(code, 0);
    assert!(stderr.contains("the log begins at"), "{stderr}");
}

#[tokio::test]
async fn a_wiped_log_under_a_kept_database_is_refused() {
    let app = TestApp::start().await;
    send(&app, 0, 5).await;
    let launch = app.terminate().await;
    std::fs::remove_dir_all(launch.dir().join("log")).unwrap();
    for _ in 0..2 {
        let (code, stderr) = launch.refused().await;
        assert_ne!(code, 0);
        assert!(stderr.contains("log"), "{stderr}");
        assert!(stderr.lines().any(|line| line.starts_with("error: ")), "{stderr}");
    }
}

/// What can happen to the bytes behind the last record, whose seal takes the last 48.
#[derive(Clone, Copy, Debug)]
enum Tear {
    /// So many bytes never reached the disk.
    Zeros(usize),
    /// One bit turned.
    Flip,
    /// A frame was begun behind it, and never finished.
    Begun,
}

#[tokio::test]
async fn a_torn_tail_is_cut_and_what_was_sealed_stays() {
    for tear in [Tear::Zeros(1), Tear::Zeros(40), Tear::Zeros(48), Tear::Flip, Tear::Begun] {
        let app = TestApp::start().await;
        send(&app, 0, 30).await;
        // A graceful stop seals: everything before the seal is vouched for.
        let launch = app.terminate().await;
        let path = segments(launch.dir()).pop().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let end = end_of_data(&bytes);
        match tear {
            Tear::Zeros(n_bytes) => bytes[end - n_bytes..end].fill(0),
            Tear::Flip => bytes[end - 10] ^= 1,
            Tear::Begun => {
                let frame = bytes[end - 48..end].to_vec();
                bytes[end.next_multiple_of(4096)..][..44].copy_from_slice(&frame[..44]);
            }
        }
        std::fs::write(&path, bytes).unwrap();
        let app = launch.start().await;
        assert_eq!(stored(&app).await, (0..30).collect::<Vec<_>>(), "{tear:?}");
        send(&app, 30, 35).await;
        let app = app.restart().await;
        assert_eq!(stored(&app).await, (0..35).collect::<Vec<_>>(), "{tear:?}");
    }
}

#[tokio::test]
async fn a_shortened_log_is_refused_and_named() {
    let app = TestApp::start().await;
    send(&app, 0, 30).await;
    let launch = app.terminate().await;
    let path = segments(launch.dir()).pop().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    // The file had its full length before it had its name, so this is no power cut.
    std::fs::write(&path, &bytes[..end_of_data(&bytes) / 2]).unwrap();
    let (code, stderr) = launch.refused().await;
    assert_eq!(code, 65, "{stderr}");
    assert!(stderr.contains(path.file_name().unwrap().to_str().unwrap()), "{stderr}");
}

#[tokio::test]
async fn a_log_damaged_in_its_middle_is_refused_with_file_and_offset() {
    let app = TestApp::start().await;
    send(&app, 0, 30).await;
    let launch = app.terminate().await;
    // With the database gone, nothing but the log itself can say what should be there.
    launch.beside().wipe();
    let path = segments(launch.dir()).pop().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let end = end_of_data(&bytes);
    let at = bytes[..end / 2].iter().rposition(|&byte| byte != 0).unwrap();
    bytes[at] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let (code, stderr) = launch.refused().await;
    assert_eq!(code, 65, "{stderr}");
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(stderr.contains(name), "{stderr}");
    assert!(stderr.chars().any(|sign| sign.is_ascii_digit()), "{stderr}");
    // Nothing was cut: mended by hand, all is there again.
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let app = launch.start().await;
    assert_eq!(stored(&app).await, (0..30).collect::<Vec<_>>());
}
