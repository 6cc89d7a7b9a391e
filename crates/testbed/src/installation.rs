//! Where PostgreSQL's programs are, and as whom they run.
//!
//! PostgreSQL refuses to run as root. Where we are root its programs run as `postgres`, else as `nobody`, and own the
//! folders that they write to.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the folder of the programs; goes before `PATH` and `/usr/lib/postgresql`.
const BIN: &str = "EYAS_TEST_PG_BIN";
/// Where Debian has them, one folder for each version.
const DEBIAN: &str = "/usr/lib/postgresql";
const INSTALL: &str = "PostgreSQL is missing: apt-get update && apt-get install -y --no-install-recommends postgresql \
                       (or name the folder of `initdb` and `postgres` in EYAS_TEST_PG_BIN)";

/// PostgreSQL on this machine.
#[derive(Clone, Debug)]
pub struct Installation {
    bin: PathBuf,
    /// User and group to run as, where we are root.
    user: Option<(u32, u32)>,
}

impl Installation {
    /// Looks in `EYAS_TEST_PG_BIN`, in `PATH`, and for the newest version below `/usr/lib/postgresql`.
    ///
    /// # Errors
    /// When there is none: the command that installs it.
    pub fn find() -> io::Result<Self> {
        let bin = match std::env::var_os(BIN) {
            Some(bin) => Some(PathBuf::from(bin)).filter(|bin| is_whole(bin)),
            None => in_path().or_else(newest_of_debian),
        };
        let bin = bin.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, INSTALL))?;
        let is_root = fs::metadata("/proc/self")?.uid() == 0;
        let user = if is_root { Some(unprivileged()?) } else { None };
        Ok(Self { bin, user })
    }

    /// The folder of the programs.
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// One of PostgreSQL's programs, as the user that may run it.
    pub fn command(&self, program: &str) -> Command {
        self.as_user(self.bin.join(program))
    }

    /// Any program, as that user. It begins in `/`: where we are it may not be allowed to look.
    pub(crate) fn as_user(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/");
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    /// Gives a folder of ours to that user.
    pub(crate) fn own(&self, folder: &Path) -> io::Result<()> {
        match self.user {
            Some((user, group)) => chown(folder, Some(user), Some(group)),
            None => Ok(()),
        }
    }

    /// A cluster fresh from `initdb`, to be copied: making one takes a second or two, a copy hardly anything.
    ///
    /// It is made once on this machine for each version and user, and stays. A lock keeps two processes from making it at once.
    pub(crate) fn template(&self) -> io::Result<PathBuf> {
        let version = run(self.command("postgres").arg("--version"))?;
        let version: String = version.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
        let owner = fs::metadata("/proc/self")?.uid();
        let home = std::env::temp_dir().join(format!("eyas-testbed-{owner}"));
        fs::create_dir_all(&home)?;
        let lock = File::create(home.join("lock"))?;
        lock.lock()?;
        let done = home.join(format!("postgres-{version}"));
        if !done.join("PG_VERSION").is_file() {
            let new = home.join("new");
            if new.exists() {
                fs::remove_dir_all(&new)?;
            }
            fs::create_dir(&new)?;
            self.own(&new)?;
            let mut initdb = self.command("initdb");
            initdb.args(["--no-locale", "--encoding=UTF8", "--auth=trust", "--username=postgres"]);
            run(initdb.arg("--no-sync").arg("--pgdata").arg(&new))?;
            fs::rename(&new, &done)?;
        }
        Ok(done)
    }
}

/// Runs to the end: what it printed.
///
/// # Errors
/// When it cannot start or fails: the command and what it said.
pub(crate) fn run(command: &mut Command) -> io::Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |what: String| io::Error::other(format!("{name}: {what}"));
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(format!("{}\n{}", output.status, said.trim_end())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn is_whole(bin: &Path) -> bool {
    ["initdb", "postgres", "psql"].iter().all(|program| bin.join(program).is_file())
}

fn in_path() -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).find(|bin| is_whole(bin))
}

fn newest_of_debian() -> Option<PathBuf> {
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let versions = fs::read_dir(DEBIAN).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let whole = versions.filter(|path| is_whole(&path.join("bin")));
    whole.max_by_key(version).map(|path| path.join("bin"))
}

/// User and group of `postgres`, else of `nobody`.
fn unprivileged() -> io::Result<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd")?;
    let find = |name: &str| {
        let mut lines = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let line = lines.find(|fields| fields.first() == Some(&name) && fields.len() > 3)?;
        Some((line[2].parse().ok()?, line[3].parse().ok()?))
    };
    find("postgres").or_else(|| find("nobody")).ok_or_else(|| {
        io::Error::other(
            "PostgreSQL does not run as root, and there is no user `postgres` or `nobody`",
        )
    })
}
