//! Ends a server whose test process died: by a panic that aborts, a time limit, or a kill.
//!
//! A shell reads from a pipe that only our process holds. The pipe ends with us, however that comes about; then the shell
//! kills the server and removes its folder. Invariant: it signals only a process that runs in that very folder.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// `$1` is the folder, with the cluster in `data`. SIGQUIT ends a postmaster and its children at once, without a checkpoint.
const SCRIPT: &str = r#"
cat >/dev/null
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd")" = "$1/data" ]; then
  kill -QUIT "$pid"
  n=0
  while [ "$n" -lt 100 ] && kill -0 "$pid" 2>/dev/null; do sleep 0.1; n=$((n + 1)); done
fi
rm -rf "$1"
"#;

/// See the module's page. Ends with its value.
#[derive(Debug)]
pub(crate) struct Warden(Child);

impl Warden {
    /// Watches over the server that is or will be in `folder`.
    pub(crate) fn over(folder: &Path) -> io::Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "warden"]).arg(folder).current_dir("/");
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // In a group of its own: Ctrl-C and a runner that kills the test's group must not reach it.
        Ok(Self(shell.process_group(0).spawn()?))
    }
}

impl Drop for Warden {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // Fails only when it is gone already.
        let _ = self.0.wait();
    }
}
