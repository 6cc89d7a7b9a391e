//! The name under which a server holds the leases in its database: the installation, the machine, and the place there.
//!
//! ```text
//!   0190…c1@web1/5b1f0c2a      installation @ host / hash of (boot of the machine, file system, inode of data_dir)
//! ```
//!
//! The lock on the data directory proves that an earlier process is gone, as far as one running machine and one folder
//! reach. Exactly so far reaches the name: after a restart it is the same, and nobody waits for a lease of his own. A copy of
//! the folder, on this machine or on a restored one, has another name. So has the same folder after a reboot, on another
//! machine or under another host name: that costs at most the time of the lease.
//!
//! Invariant: two processes with one name never run at once.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};
use store::Dialect;

use crate::config::Config;

/// Differs between two boots, also of two copies of one machine.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// Who the server on this data directory is to its database.
pub(crate) fn holder(instance: &str, config: &Config) -> io::Result<String> {
    match config.store.dialect() {
        // The lease stands in the data directory itself.
        Dialect::Sqlite => Ok(instance.to_owned()),
        Dialect::Postgres => {
            let boot = fs::read_to_string(BOOT_ID).unwrap_or_else(|_| unique());
            let host = fs::read_to_string(HOST_NAME).unwrap_or_default();
            named(instance, host.trim(), boot.trim(), &config.data_dir)
        }
    }
}

/// The name of the installation `instance` in the folder `data_dir` of a machine.
pub(crate) fn named(instance: &str, host: &str, boot: &str, data_dir: &Path) -> io::Result<String> {
    let folder = fs::metadata(data_dir)?;
    let place = format!("{boot} {} {}", folder.dev(), folder.ino());
    let hash = Sha256::digest(place.as_bytes());
    let hash = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    Ok(format!("{instance}@{host}/{hash:08x}"))
}

/// Where the system does not say which boot this is, no restart can be told from a copy.
fn unique() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{} {}", std::process::id(), now.as_nanos())
}
