//! A transaction pooler in front of a cluster: each transaction of a client may meet another backend.

use std::fs;
use std::io;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use tempfile::TempDir;

use crate::installation::Installation;
use crate::ports;
use crate::postgres::{Postgres, wait_for};
use crate::server::Server;
use crate::warden::Warden;

const INSTALL: &str =
    "pgbouncer is missing: apt-get update && apt-get install -y --no-install-recommends pgbouncer";

/// pgbouncer in transaction mode. It ends with its value.
#[derive(Debug)]
pub struct Pooler {
    server: Server,
    process: Child,
    // Order matters: the warden looks into the folder and ends before it goes.
    _warden: Warden,
    _folder: TempDir,
}

impl Pooler {
    /// In front of this cluster, with so few connections to each of its databases that they are shared.
    ///
    /// # Panics
    /// When pgbouncer is missing (the message has the command that installs it) or does not start.
    pub fn before(cluster: &Postgres, n_backends: usize) -> Self {
        Self::launch(cluster, n_backends).unwrap_or_else(|error| panic!("no pooler: {error}"))
    }

    fn launch(cluster: &Postgres, n_backends: usize) -> io::Result<Self> {
        let installation = Installation::find()?;
        let program = find().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, INSTALL))?;
        let folder = tempfile::Builder::new().prefix("eyas-pgbouncer-").tempdir()?;
        installation.own(folder.path())?;
        let (port, path) = (ports::free(), folder.path().display());
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = transaction\ndefault_pool_size = {n_backends}\n\
             max_client_conn = 1000\nserver_login_retry = 0.2\nlogfile = {path}/log\npidfile = {path}/pid\n",
            cluster.port()
        );
        let settings_file = folder.path().join("pgbouncer.ini");
        fs::write(&settings_file, settings)?;
        let warden = Warden::over(folder.path(), "pid")?;
        let mut command = installation.as_user(program);
        command.arg(&settings_file);
        let process =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let server = Server::new(url, &installation);
        let pooler = Self { server, process, _warden: warden, _folder: folder };
        wait_for("the pooler's port", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Ok(pooler)
    }

    /// What it looks like from outside: a server. Databases are made and dropped on the cluster, not here.
    pub fn server(&self) -> &Server {
        &self.server
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Debian has it in `/usr/sbin`, which is not in everybody's `PATH`.
fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.find_map(|folder| Some(folder.join("pgbouncer")).filter(|path| path.is_file()))
}
