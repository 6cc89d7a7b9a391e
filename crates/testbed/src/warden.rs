//! Ends a server whose test process died: by a panic that aborts, a time limit, or a kill.
//!
//! A shell reads from a pipe that only our process holds. The pipe ends with us, however that comes about; then the shell
//! kills the server and removes its folder. Invariant: it signals only a process that was started with that very folder.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// `$1` is the folder, `$2` the file in it that begins with the server's pid. SIGQUIT ends a postmaster and its children at
/// once, without a checkpoint.
const SCRIPT: &str = r#"
cat >/dev/null
pid=$(head -n 1 "$1/$2" 2>/dev/null)
if [ -n "$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF "$1/"; then
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
    /// Watches over the server that is or will be in `folder`; it keeps its pid in `pid_file` there.
    pub(crate) fn over(folder: &Path, pid_file: &str) -> io::Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "warden"]).arg(folder).arg(pid_file).current_dir("/");
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
