//! `cargo xtask schemathesis`: questions made from openapi.json, asked of the real binary. Nothing may contradict the document.
//!
//! The suite asks the same questions every time; by hand there may be more, under a seed. Schemathesis is installed, with all
//! that it needs pinned, into a virtual environment below `target/`. Its settings and what JSON Schema cannot say about
//! this API lie in `xtask/schemathesis/`.

use std::fs;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail, ensure};
use clap::Args;

use crate::runner::{headline, pass_through, spelled};

/// Questions for each operation and phase in the suite: about a minute.
const EXAMPLES: u32 = 100;

/// Arguments of `schemathesis`.
#[derive(Args)]
pub(crate) struct SchemathesisArgs {
    /// Most questions for each operation and phase. The suite asks 100
    #[arg(long, default_value_t = 1_000)]
    examples: u32,

    /// Seed of the questions. Without one they are those of the suite
    #[arg(long)]
    seed: Option<u64>,
}

/// What the suite asks.
pub(crate) const SUITE: SchemathesisArgs = SchemathesisArgs { examples: EXAMPLES, seed: None };

/// Asks the binary `eyas`. Returns whether nothing was found.
///
/// # Errors
/// When schemathesis cannot be installed, or the server cannot start or did not survive.
pub(crate) fn run(
    root: &Path,
    target: &Path,
    eyas: &Path,
    args: &SchemathesisArgs,
) -> anyhow::Result<bool> {
    let own = target.join("schemathesis");
    let st = install(root, &own)?;
    let mut server = Server::start(eyas, &own.join("data"))?;
    let Token { text, id } = server.token()?;
    let mut command = Command::new(st);
    let settings = root.join("xtask/schemathesis");
    command
        // What it writes belongs below `target/`.
        .current_dir(&own)
        .env("SCHEMATHESIS_HOOKS", settings.join("hooks.py"))
        .env("SCHEMATHESIS_OWN_TOKEN", id)
        .arg("--config-file")
        .arg(settings.join("schemathesis.toml"))
        .args(["--no-color", "run", &format!("{}/openapi.json", server.url)])
        .args(["--header", &format!("Authorization: Bearer {text}")])
        .args(["--checks", "all", "--continue-on-failure", "--warnings", "off"])
        .args(["--max-examples", &args.examples.to_string()]);
    match args.seed {
        Some(seed) => command.args(["--seed", &seed.to_string()]),
        None => command.arg("--generation-deterministic"),
    };
    // A terminal's width would change what is printed.
    command.env("COLUMNS", "120").env("PYTHONPYCACHEPREFIX", own.join("pycache"));
    headline("schemathesis", &spelled(&command));
    let ok = pass_through(&mut command, &mut Vec::new())?;
    ensure!(server.child.try_wait()?.is_none(), "the server did not survive its questions");
    Ok(ok)
}

/// The program `st` in its virtual environment, made anew when the pinned packages have changed.
fn install(root: &Path, own: &Path) -> anyhow::Result<PathBuf> {
    let pinned = root.join("xtask/schemathesis/requirements.txt");
    let wanted = fs::read_to_string(&pinned).context("xtask/schemathesis/requirements.txt")?;
    let (venv, stamp) = (own.join("venv"), own.join("installed.txt"));
    let st = venv.join("bin/st");
    if st.is_file() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(st);
    }
    fs::create_dir_all(own)?;
    let run = |command: &mut Command| {
        headline("install", &spelled(command));
        let by_hand = spelled(command);
        ensure!(pass_through(command, &mut Vec::new())?, "failed; by hand: {by_hand}");
        Ok(())
    };
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
    run(Command::new(venv.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement"])
        .arg(&pinned))?;
    // Written last: an installation that broke off is made anew.
    fs::write(&stamp, wanted)?;
    Ok(st)
}

/// What the questions are asked with.
struct Token {
    text: String,
    id: String,
}

/// A server with an empty folder, killed when dropped.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(eyas: &Path, data: &Path) -> anyhow::Result<Self> {
        if data.exists() {
            fs::remove_dir_all(data)?;
        }
        fs::create_dir_all(data)?;
        let mut command = Command::new(eyas);
        command.args(["serve", "--json", "--listen", "127.0.0.1:0"]).current_dir(data);
        for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("EYAS_")) {
            command.env_remove(key);
        }
        command.env("EYAS_DATA_DIR", data).stdin(Stdio::null()).stdout(Stdio::piped());
        let child = command.spawn().with_context(|| format!("cannot start {}", eyas.display()))?;
        let mut server = Self { child, url: String::new() };
        let mut line = String::new();
        let out = server.child.stdout.take().context("stdout is piped")?;
        BufReader::new(out).read_line(&mut line)?;
        let url = line.split("\"url\":\"").nth(1).and_then(|rest| rest.split('"').next());
        let Some(url) = url else { bail!("the server did not say where it listens: {line:?}") };
        url.clone_into(&mut server.url);
        Ok(server)
    }

    /// One that may everything: among the questions are some that make tokens, and from the first one on everybody
    /// needs one.
    fn token(&self) -> anyhow::Result<Token> {
        self.post("/applications", r#"{"name":"xtask"}"#)?;
        let made = self.post("/tokens", r#"{"application":"xtask","scopes":["admin"]}"#)?;
        let member = |name: &str| {
            let found = made.split(&format!("\"{name}\":\"")).nth(1);
            let found = found.and_then(|rest| rest.split('"').next()).map(str::to_owned);
            found.with_context(|| format!("no token was made: {made}"))
        };
        Ok(Token { text: member("token")?, id: member("id")? })
    }

    fn post(&self, path: &str, body: &str) -> anyhow::Result<String> {
        let address = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address)?;
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
