//! The way to the API for commands of administration.
//!
//! ```text
//!   --url, else --data-dir, else EYAS_URL, else the configured data directory
//!   a url                    its server, as EYAS_TOKEN
//!   a directory with server  its admin.sock: no token, who may open the socket may everything
//!   a directory without      the lock, and the server itself inside this process, which listens nowhere
//! ```
//!
//! Invariant: whichever way it is, the same gateway answers the same requests.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use hyper::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::admin_socket;
use crate::client::{Answer, Client, ClientError, Problem, Server};
use crate::commands::serve;
use crate::config::Config;
use crate::data_dir;
use crate::exit::CommandError;
use crate::lock::{self, Lock};

/// How long a server may take to start or to hand over.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// After so long a person is told what is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(20);

/// No body.
pub(crate) const NOTHING: Option<&()> = None;

/// Where to administer.
pub(crate) enum Target {
    /// A server, by its address.
    Server(Server),
    /// A data directory. `is_made`: where there is none yet, it is made.
    Directory { config: Box<Config>, is_made: bool },
}

/// The API, as a command sees it.
pub(crate) struct Access {
    client: Client,
    /// How other clients reach the server, now or once it runs.
    pub(crate) url: String,
    /// Answers are printed as they are.
    pub(crate) json: bool,
    /// The server goes on after this command.
    pub(crate) is_lasting: bool,
    /// The data directory whose server is asked over its socket.
    data_dir: Option<PathBuf>,
}

/// Runs `command` with a way to the API.
pub(crate) async fn with(
    target: Target,
    json: bool,
    command: impl AsyncFnOnce(&Access) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let (mut config, is_made) = match target {
        Target::Server(server) => {
            let client = Client::new(&server)?;
            let access = Access { client, url: server.url, json, is_lasting: true, data_dir: None };
            return command(&access).await;
        }
        Target::Directory { config, is_made } => (*config, is_made),
    };
    if !is_made && !config.data_dir.exists() {
        let data_dir = config.data_dir.display();
        return Err(CommandError::Unreachable(format!(
            "there is no data directory {data_dir}: name another with --data-dir, or a server with --url; `eyas serve` \
            and `eyas app create` make one"
        )));
    }
    config.data_dir = data_dir::open(&config.data_dir)?;
    match find(&config.data_dir).await? {
        Found::Server(url) => {
            let client = admin_socket::client(&config.data_dir);
            let data_dir = Some(config.data_dir);
            command(&Access { client, url, json, is_lasting: true, data_dir }).await
        }
        Found::Nobody(_lock) => {
            let command = async |client: Client, url: &str| {
                let url = url.to_owned();
                command(&Access { client, url, json, is_lasting: false, data_dir: None }).await
            };
            serve::briefly(config, command).await
        }
    }
}

/// Who is on a data directory.
enum Found {
    /// A server, which other clients reach under this address.
    Server(String),
    /// Nobody but us, from now on.
    Nobody(Lock),
}

/// A server that starts, hands over or stops is waited for.
async fn find(data_dir: &Path) -> Result<Found, CommandError> {
    let (begun, mut is_told) = (Instant::now(), false);
    loop {
        let Some(note) = lock::holder(data_dir)? else {
            match Lock::take(data_dir).await {
                Ok(lock) => {
                    lock.tell_of_command()?;
                    return Ok(Found::Nobody(lock));
                }
                // Somebody was faster.
                Err(CommandError::Locked(_)) => continue,
                Err(error) => return Err(error),
            }
        };
        if !note.url.is_empty() && admin_socket::connect(data_dir).await.is_ok() {
            return Ok(Found::Server(note.url));
        }
        let (data_dir, pid) = (data_dir.display(), note.pid);
        if begun.elapsed() > WAIT_MAX {
            return Err(CommandError::Unreachable(format!(
                "process {pid} holds {data_dir}, and nobody answers at its {}: look at its log, or use --url with EYAS_TOKEN",
                admin_socket::NAME
            )));
        }
        if begun.elapsed() > PATIENCE && !is_told {
            is_told = true;
            say(&format!("waiting for process {pid}, which holds {data_dir}"));
        }
        tokio::time::sleep(LOOK).await;
    }
}

impl Access {
    /// Asks, and expects success.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + ?Sized)>,
    ) -> Result<Reply, CommandError> {
        let body = body.map(serde_json::to_vec).transpose().context("a body is always JSON")?;
        let body = body.map(Bytes::from);
        let begun = Instant::now();
        let answer = loop {
            let answer = self.client.call(method.clone(), path, body.clone()).await;
            // Between two servers of a hand-over there is no socket; nothing has been sent then.
            if !matches!(answer, Err(ClientError::Connect(_))) || !self.is_held(begun) {
                break answer;
            }
            tokio::time::sleep(LOOK).await;
        };
        let answer = answer.map_err(|error| match error {
            ClientError::Connect(cause) => self.client.unreachable(&cause),
            error => CommandError::Unreachable(format!(
                "{}: whether it was done is not known; look before you try again",
                error.cause()
            )),
        })?;
        reply(answer)
    }

    /// Whether a process still has the data directory, and may yet answer at its socket.
    fn is_held(&self, begun: Instant) -> bool {
        let holder = self.data_dir.as_deref().map(lock::holder);
        begun.elapsed() < WAIT_MAX && matches!(holder, Some(Ok(Some(_))))
    }

    /// Gets.
    pub(crate) async fn get(&self, path: &str) -> Result<Reply, CommandError> {
        self.ask(Method::GET, path, NOTHING).await
    }

    /// Posts.
    pub(crate) async fn post(
        &self,
        path: &str,
        body: &(impl Serialize + ?Sized),
    ) -> Result<Reply, CommandError> {
        self.ask(Method::POST, path, Some(body)).await
    }
}

/// A success.
pub(crate) struct Reply(Bytes);

impl Reply {
    /// What stands in it.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, CommandError> {
        let read = serde_json::from_slice(&self.0);
        Ok(read.context("the server's answer cannot be read; is it another version of eyas?")?)
    }

    /// As it came, on one line.
    pub(crate) fn line(&self) -> String {
        let text = String::from_utf8_lossy(self.0.trim_ascii());
        // Line breaks of JSON stand between its tokens only.
        format!("{}\n", text.replace(['\r', '\n'], " "))
    }
}

fn reply(answer: Answer) -> Result<Reply, CommandError> {
    if answer.status.is_success() {
        return Ok(Reply(answer.body));
    }
    let text = Problem::of(&answer).text();
    if answer.status.is_client_error() {
        return Err(CommandError::Refused(text));
    }
    Err(CommandError::Failed(anyhow::anyhow!(text)))
}

/// Data for stdout.
pub(crate) fn print(text: &str) -> Result<(), CommandError> {
    use std::io::Write as _;
    Ok(std::io::stdout().write_all(text.as_bytes()).context("cannot write to stdout")?)
}

/// Words for people.
pub(crate) fn say(words: &str) {
    use std::io::Write as _;
    // A closed stderr is no reason to end otherwise.
    let _ = writeln!(std::io::stderr(), "{words}");
}
