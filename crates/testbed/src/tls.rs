//! A certificate for a server of the testbed, and the authorities to check it by. They are files of this folder, good until
//! 2126, and protect nothing: their key is public. `openssl` need not be there.
//!
//! ```text
//! authority.pem ── made ── server.pem (DNS name `localhost`, and no other)        stranger.pem has made nothing
//! ```

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::installation::Installation;

const CERTIFICATE: &str = include_str!("../tls/server.pem");
const KEY: &str = include_str!("../tls/server.key");
/// Whoever comes without TLS is told that there is no rule for him.
const RULES: &str = "hostssl all all 127.0.0.1/32 trust\nhostssl all all ::1/128 trust\n";

/// Who made the certificate, as a PEM file.
pub fn authority() -> PathBuf {
    folder().join("authority.pem")
}

/// Somebody else, as a PEM file.
pub fn stranger() -> PathBuf {
    folder().join("stranger.pem")
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tls")
}

/// Puts certificate, key and rules into the data folder of a cluster. PostgreSQL refuses a key that others may read.
pub(crate) fn install(installation: &Installation, data: &Path) -> io::Result<()> {
    for (name, text) in [("server.pem", CERTIFICATE), ("server.key", KEY), ("pg_hba.conf", RULES)] {
        let path = data.join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        installation.own(&path)?;
    }
    Ok(())
}
