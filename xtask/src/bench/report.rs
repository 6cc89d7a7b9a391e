//! Where tables go: the terminal, and between two markers of docs/benchmarks.md.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

/// Begins what `--write` replaces.
pub(crate) const BEGIN: &str = "<!-- bench:begin -->";
/// Ends what `--write` replaces.
pub(crate) const END: &str = "<!-- bench:end -->";

const PAGE: &str = "docs/benchmarks.md";

/// The heading of all tables: when, with which command, on what.
pub(crate) fn heading() -> String {
    let first_line = |text: String| text.lines().next().unwrap_or_default().trim().to_owned();
    let read = |path: &str| std::fs::read_to_string(path).map(first_line).unwrap_or_default();
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        output
            .map(|o| first_line(String::from_utf8_lossy(&o.stdout).into_owned()))
            .unwrap_or_default()
    };
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    format!(
        "{} · `cargo xtask {}` · commit {} · Linux {} · {} cores, {} · {}\n",
        said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        arguments.join(" "),
        said("git", &["describe", "--always", "--dirty"]),
        read("/proc/sys/kernel/osrelease"),
        std::thread::available_parallelism().map_or(0, usize::from),
        model.map_or("unknown processor", |(_, name)| name),
        said("rustc", &["--version"]),
    )
}

/// Puts the tables into the page.
///
/// # Errors
/// When the page or its markers are missing.
pub(crate) fn write(root: &Path, tables: &str) -> anyhow::Result<()> {
    let path = root.join(PAGE);
    let page = std::fs::read_to_string(&path).with_context(|| format!("cannot read {PAGE}"))?;
    std::fs::write(&path, replaced(&page, tables)?)?;
    println!("written to {PAGE}");
    Ok(())
}

/// The page with what stands between its markers replaced.
pub(crate) fn replaced(page: &str, tables: &str) -> anyhow::Result<String> {
    let missing = || format!("{PAGE} needs a line `{BEGIN}` and below it a line `{END}`");
    let (before, rest) = page.split_once(BEGIN).with_context(missing)?;
    let (old, after) = rest.split_once(END).with_context(missing)?;
    ensure!(!old.contains(BEGIN), missing());
    Ok(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", tables.trim()))
}
