//! Where a query may answer.
//!
//! Invariant: no path of a query is one of ours, or could become one: nothing stands below the first segment of a route.

use crate::queries::published::CSV;
use crate::router;

/// Longest path.
const PATH_BYTES_MAX: usize = 200;

/// Whether a query may answer at `path`; the reason completes "path = … ".
///
/// # Errors
/// What is wrong with it, for people.
pub fn check_path(path: &str) -> Result<(), String> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err("must begin with `/`".to_owned());
    };
    let is_plain = |segment: &str| {
        let is_sign = |sign: char| sign.is_ascii_alphanumeric() || "-._~".contains(sign);
        !segment.is_empty() && segment != "." && segment != ".." && segment.chars().all(is_sign)
    };
    if path.len() > PATH_BYTES_MAX || !rest.split('/').all(is_plain) {
        return Err(format!(
            "must be segments of letters, digits and - . _ ~ with a `/` before each, at most {PATH_BYTES_MAX} bytes"
        ));
    }
    if path.ends_with(CSV) {
        return Err("must not end with `.csv`: that gives the same rows as CSV".to_owned());
    }
    let first = |path: &str| path.split('/').nth(1).unwrap_or_default().to_owned();
    let mine = first(path);
    // `/status.csv` is nobody's, but it would look like the CSV of `/status`.
    let mine = mine.strip_suffix(CSV).unwrap_or(&mine).to_owned();
    match router::routes().iter().map(|route| first(route.path)).find(|taken| *taken == mine) {
        Some(taken) => Err(format!("is below /{taken}, which is a path of the server itself")),
        None => Ok(()),
    }
}
