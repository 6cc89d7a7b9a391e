//! `eyas config check | show`, `eyas completions`, and that every command's help teaches.

use serde_json::Value;

use crate::app::Launch;
use crate::command::{eyas, run, run_eyas};

fn json(stdout: &str) -> Value {
    serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"))
}

#[tokio::test]
async fn check_names_all_problems_at_once() {
    let launch = Launch::new();
    std::fs::write(launch.dir().join("eyas.toml"), "lisen = \"x\"\n[drain]\ndelay = \"soon\"\n")
        .unwrap();
    let mut command = eyas(&["config", "check", "--json"]);
    command.current_dir(launch.dir()).env("EYAS_LISTEN", "somewhere");
    let said = run(command, "").await;
    assert_eq!(said.code, 78, "{said:?}");
    let problems = json(&said.stdout)["problems"].to_string();
    for part in ["lisen", "drain.delay", "somewhere"] {
        assert!(problems.contains(part) && said.stderr.contains(part), "{part}: {said:?}");
    }
    let mut command = eyas(&["config", "check"]);
    command.env("EYAS_LISTNE", "x");
    let said = run(command, "").await;
    assert_eq!(said.code, 0, "a warning is no failure: {said:?}");
    assert!(said.stderr.contains("EYAS_LISTEN"), "{said:?}");
}

#[tokio::test]
async fn show_tells_where_each_value_comes_from() {
    let launch = Launch::new();
    let file = "allowed_hosts = [\"a\", \"b\"]\ndata_dir = \"data\"\nlisten = \"127.0.0.1:1\"\n";
    std::fs::write(launch.dir().join("eyas.toml"), file).unwrap();
    let mut command = eyas(&["config", "show", "--listen", "127.0.0.1:9", "--json"]);
    command.current_dir(launch.dir()).env("EYAS_DRAIN_DELAY", "5s");
    let said = run(command, "").await;
    assert_eq!(said.code, 0, "{said:?}");
    let shown = json(&said.stdout);
    let row = |key: &str| {
        let rows = shown.as_array().unwrap();
        let row =
            rows.iter().find(|row| row["key"] == key).unwrap_or_else(|| panic!("{key}: {shown}"));
        (row["value"].as_str().unwrap().to_owned(), row["source"].as_str().unwrap().to_owned())
    };
    assert_eq!(row("listen"), ("127.0.0.1:9".to_owned(), "--listen".to_owned()));
    assert_eq!(row("drain.delay"), ("5s".to_owned(), "EYAS_DRAIN_DELAY".to_owned()));
    assert_eq!(row("queue.kind"), ("embedded".to_owned(), "default".to_owned()));
    assert_eq!(row("allowed_hosts").0, "a, b");
    let (value, source) = row("data_dir");
    assert!(value.ends_with("/data") && source.ends_with("eyas.toml"), "{value} {source}");
}

#[tokio::test]
async fn show_hides_secrets_even_where_they_are_wrong() {
    let mut command = eyas(&["config", "show"]);
    command.env("EYAS_STORE_URL", "postgres://eyas:hunter2@db/eyas?sslmode=maybe");
    let said = run(command, "").await;
    assert_eq!(said.code, 78, "there is no such mode: {said:?}");
    assert!(said.stdout.contains("postgres://eyas:***@db/eyas"), "{said:?}");
    assert!(!format!("{said:?}").contains("hunter2"), "{said:?}");
}

#[tokio::test]
async fn completions_are_scripts_for_each_shell() {
    for (shell, mark) in
        [("bash", "complete -F _eyas"), ("zsh", "#compdef eyas"), ("fish", "complete -c eyas")]
    {
        let said = run_eyas(&["completions", shell]).await;
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.stdout.contains(mark) && said.stdout.contains("doctor"), "{shell}");
    }
    assert_eq!(run_eyas(&["completions", "cmd"]).await.code, 2);
}

#[tokio::test]
async fn every_command_teaches_by_an_example() {
    let help = run_eyas(&["--help"]).await.stdout;
    let commands = help.split("Commands:").nth(1).unwrap().split("\n\n").next().unwrap();
    let names: Vec<&str> = commands
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help")
        .collect();
    assert!(names.contains(&"doctor") && names.contains(&"load"), "{names:?}");
    for name in names {
        let said = run_eyas(&[name, "--help"]).await;
        assert_eq!(said.code, 0, "{said:?}");
        // A command with commands of its own leaves the examples to those.
        let inner = said
            .stdout
            .split("Commands:")
            .nth(1)
            .map(|rest| rest.split("\n\n").next().unwrap().to_owned());
        let texts = match inner {
            None => vec![said.stdout],
            Some(inner) => {
                let mut texts = Vec::new();
                for inner in inner
                    .lines()
                    .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
                    .filter(|name| !name.is_empty() && *name != "help")
                {
                    texts.push(run_eyas(&[name, inner, "--help"]).await.stdout);
                }
                texts
            }
        };
        for text in texts {
            let example = text.split("Example").nth(1).unwrap_or_default();
            assert!(
                example.contains("\n  eyas") || example.contains("\n  EYAS_"),
                "{name}: {text}"
            );
        }
    }
}
