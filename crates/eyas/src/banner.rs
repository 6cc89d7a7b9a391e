//! What a person sees when the server is ready.

use std::fmt::Write as _;

/// What the banner tells.
pub(crate) struct Banner<'a> {
    /// How clients reach the server.
    pub(crate) url: &'a str,
    /// Where the console is; with a code to sign in, where one is needed and nobody but a person reads this.
    pub(crate) console: &'a str,
    /// Where the data is.
    pub(crate) data_dir: &'a str,
    /// The log, its newest `Seq`, what an append promises.
    pub(crate) log: String,
    /// Which database, and where it is; never a password.
    pub(crate) database: &'a str,
}

impl Banner<'_> {
    /// Text for a terminal. The curl works as printed, in any POSIX shell.
    pub(crate) fn text(&self) -> String {
        let Self { url, console, data_dir, log, database } = self;
        let version = env!("CARGO_PKG_VERSION");
        let mut out = String::new();
        let _ = writeln!(out, "\n  Eyas {version} listens on {url}\n");
        let _ = writeln!(out, "  console  {console}");
        let _ = writeln!(out, "  API      {url}/docs");
        let _ = writeln!(out, "  data     {data_dir} ({log})");
        let _ = writeln!(out, "  database {database}\n");
        let _ = writeln!(out, "  Send an event:\n");
        let _ =
            writeln!(out, "    curl -X POST {url}/events -H 'Content-Type: application/json' \\");
        let _ = writeln!(
            out,
            "      -d '{{\"category\":\"page interaction\",\"name\":\"cta click\",\"data\":{{\"element\":\"chat bubble\"}}}}'\n"
        );
        let _ = writeln!(out, "  Follow them:  eyas tail      Stop:  Ctrl-C\n");
        out
    }
}
