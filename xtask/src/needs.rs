//! What the suite needs besides a Rust toolchain. What is missing is installed, or named with the command that installs it.
//!
//! Invariant: a missing thing is never skipped. A suite that passes without its browser would prove nothing about the page.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use testbed::Installation;

use crate::runner::{headline, pass_through, quiet};

/// Programs that come from the system's package manager: program, Debian package.
///
/// The place where later drivers add their servers: `redis-server`, `nats-server`.
const PROGRAMS: &[(&str, &str)] = &[
    ("node", "nodejs"),
    ("npm", "npm"),
    ("chromium", "chromium"),
    ("git", "git"),
    // A disk that is full, and one that fails.
    ("mkfs.ext4", "e2fsprogs"),
    ("filefrag", "e2fsprogs"),
    ("mount", "mount"),
    // PostgreSQL behind a pooler. PostgreSQL itself is not in `PATH`: see `postgres`.
    ("pgbouncer", "pgbouncer"),
];

/// Parts of the Rust toolchain: the argument that asks for their version, the component of rustup.
const COMPONENTS: &[(&str, &str)] = &[("fmt", "rustfmt"), ("clippy", "clippy")];

/// Makes sure that everything the suite needs is there.
///
/// # Errors
/// Names what is missing and the command that installs it.
pub(crate) fn prepare(root: &Path) -> anyhow::Result<bool> {
    for (subcommand, component) in COMPONENTS {
        toolchain(subcommand, component)?;
    }
    let missing: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(program, _)| find(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    if !missing.is_empty() {
        install(&missing)?;
    }
    postgres()?;
    may_mount()?;
    python()?;
    npm_packages(&root.join("ui"))?;
    for (program, _) in PROGRAMS {
        let path = find(program).with_context(|| format!("`{program}` is still not in PATH"))?;
        println!("{program}: {}", path.display());
    }
    Ok(true)
}

/// Whether tests run under cargo-nextest. Without it, `cargo test` runs the same tests.
pub(crate) fn has_nextest() -> bool {
    quiet(Command::new("cargo").args(["nextest", "--version"]))
}

/// Where a program stands in `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// Installs Debian packages, without asking anything.
///
/// # Errors
/// When this user may not, or the package manager fails: names the command.
pub(crate) fn install(packages: &[&str]) -> anyhow::Result<()> {
    let by_hand = format!(
        "apt-get update && apt-get install -y --no-install-recommends {}",
        packages.join(" ")
    );
    ensure!(
        find("apt-get").is_some(),
        "missing: {}. Install them with your package manager (on Debian: `sudo sh -c '{by_hand}'`)",
        packages.join(", "),
    );
    ensure!(is_root(), "missing: {}. Run: sudo sh -c '{by_hand}'", packages.join(", "));
    headline("install", &packages.join(" "));
    // Another installation may be under way: wait for its lock. What is there already keeps its version.
    let mut install = vec!["install", "-y", "--no-install-recommends", "--no-upgrade"];
    install.extend(packages);
    for arguments in [&["update"][..], &install] {
        let mut command = Command::new("apt-get");
        command
            .args(["-o", "DPkg::Lock::Timeout=300"])
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        if !pass_through(&mut command, &mut Vec::new())? {
            bail!("`apt-get {}` failed. By hand: {by_hand}", arguments[0]);
        }
    }
    Ok(())
}

/// PostgreSQL: Debian keeps its programs out of `PATH`, one folder for each version.
fn postgres() -> anyhow::Result<()> {
    if Installation::find().is_err() {
        install(&["postgresql"])?;
    }
    println!("postgresql: {}", Installation::find()?.bin().display());
    Ok(())
}

/// Python, with what `python3 -m venv` needs to put pip into an environment: Debian ships that apart.
///
/// # Errors
/// Names what is missing and the command that installs it.
pub(crate) fn python() -> anyhow::Result<()> {
    let works = || quiet(Command::new("python3").args(["-c", "import ensurepip, venv"]));
    if !works() {
        install(&["python3", "python3-venv"])?;
    }
    ensure!(works(), "`python3 -m venv` cannot make an environment with pip");
    Ok(())
}

fn toolchain(subcommand: &str, component: &str) -> anyhow::Result<()> {
    let works = || quiet(Command::new("cargo").args([subcommand, "--version"]));
    if !works() && find("rustup").is_some() {
        let mut command = Command::new("rustup");
        pass_through(command.args(["component", "add", component]), &mut Vec::new())?;
    }
    ensure!(works(), "`cargo {subcommand}` is missing. Run: rustup component add {component}");
    Ok(())
}

/// The tests of a full and of a failing disk mount small file systems on loop devices.
fn may_mount() -> anyhow::Result<()> {
    let dir = std::env::temp_dir().join(format!("eyas-needs-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let mounted = quiet(Command::new("mount").args(["-t", "tmpfs", "none"]).arg(&dir));
    if mounted {
        quiet(Command::new("umount").arg(&dir));
    }
    std::fs::remove_dir(&dir)?;
    ensure!(
        mounted && Path::new("/dev/loop-control").exists(),
        "the tests of a full disk mount small file systems, which wants root and loop devices. \
         Run: sudo -E env PATH=\"$PATH\" cargo xtask test (in a container: --privileged)"
    );
    Ok(())
}

/// Runs `npm ci` when the installed packages are not those of the lock file.
fn npm_packages(ui: &Path) -> anyhow::Result<()> {
    let lock = ui.join("package-lock.json");
    ensure!(lock.is_file(), "{} is missing: the console's tests cannot run", lock.display());
    let changed_at = |path: &Path| path.metadata().and_then(|meta| meta.modified()).ok();
    // npm writes this file when an installation is complete.
    let installed = changed_at(&ui.join("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= changed_at(&lock) {
        return Ok(());
    }
    headline("install", "npm ci (in ui/)");
    let mut command = Command::new("npm");
    command.args(["ci", "--no-audit", "--no-fund"]).current_dir(ui);
    if !pass_through(&mut command, &mut Vec::new())? {
        bail!("`npm ci` failed. By hand: cd ui && npm ci");
    }
    Ok(())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}
