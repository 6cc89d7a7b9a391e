//! The Unix socket `admin.sock` in the data directory: who may open it is who may administer.
//!
//! Invariant: nobody but the owner of the data directory can ever connect. The socket gets its mode between `bind` and
//! `listen`, and until it listens every connection is refused. A socket that is there already is a leftover: whoever
//! binds holds the lock on the directory.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixSocket, UnixStream};

use crate::client::Client;

/// Its name in the data directory.
pub(crate) const NAME: &str = "admin.sock";
/// Connections that wait to be accepted.
const BACKLOG: u32 = 64;
/// A socket's address is 108 bytes, and the last of them is a zero.
const PATH_BYTES_MAX: usize = 107;

/// The name of a socket that listens. Dropping it takes the name away, so that nobody new can come.
#[derive(Debug)]
pub(crate) struct Name(PathBuf);

impl Drop for Name {
    fn drop(&mut self) {
        // It may be gone with its folder; what else could keep it is found by the next start, which replaces it.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Listens in `data_dir`, whose lock the caller holds.
pub(crate) fn listen(data_dir: &Path) -> io::Result<(UnixListener, Name)> {
    let path = data_dir.join(NAME);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let socket = UnixSocket::new_stream()?;
    with_address(&path, |address| socket.bind(address))?;
    let name = Name(path);
    std::fs::set_permissions(&name.0, Permissions::from_mode(0o600))?;
    Ok((socket.listen(BACKLOG)?, name))
}

/// Connects to who listens in `data_dir`.
pub(crate) async fn connect(data_dir: &Path) -> io::Result<UnixStream> {
    let path = data_dir.join(NAME);
    if is_short(&path) {
        return UnixStream::connect(&path).await;
    }
    let folder = File::open(data_dir)?;
    UnixStream::connect(through(&folder)).await
}

/// An HTTP client of who listens in `data_dir`.
pub(crate) fn client(data_dir: &Path) -> Client {
    let data_dir = data_dir.to_owned();
    let shown = format!("the server on {}", data_dir.display());
    Client::local(&shown, move || {
        let data_dir = data_dir.clone();
        Box::pin(async move { connect(&data_dir).await })
    })
}

/// Calls `bind` with a name of `path` that fits into a socket's address.
fn with_address<T>(path: &Path, bind: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if is_short(path) {
        return bind(path);
    }
    let folder = File::open(path.parent().unwrap_or(Path::new("/")))?;
    bind(&through(&folder))
}

fn is_short(path: &Path) -> bool {
    path.as_os_str().len() <= PATH_BYTES_MAX
}

/// The same place by way of an open folder: short, however deep the folder lies.
fn through(folder: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{NAME}", folder.as_raw_fd()))
}
