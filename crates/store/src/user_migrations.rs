//! Which files of the user's SQL have to run: what every driver asks before it runs one.

use model::ContentHash;

use crate::error::StoreError;
use crate::tables::UserMigration;

/// The files that have not run, in order; refuses a past that is not theirs.
pub(crate) fn missing<'m>(
    past: &[Ran],
    migrations: &'m [UserMigration],
) -> Result<Vec<&'m UserMigration>, StoreError> {
    let mut missing: Vec<&UserMigration> = Vec::new();
    for migration in migrations {
        let UserMigration { folder, name, sql } = migration;
        match past.iter().find(|ran| ran.folder == *folder && ran.name == *name) {
            None => missing.push(migration),
            Some(ran) if ran.checksum != checksum(sql) => {
                return Err(StoreError::Unusable(format!(
                    "the migration {} was changed after it ran; put it back as it was, and write a new file for what \
                     is to change",
                    title(folder, name)
                )));
            }
            Some(_) => {
                if let Some(early) = missing.iter().find(|early| early.folder == *folder) {
                    return Err(StoreError::Unusable(format!(
                        "the migration {} stands before {}, which ran already; give it a higher number",
                        title(folder, &early.name),
                        title(folder, name)
                    )));
                }
            }
        }
    }
    let is_given = |ran: &&Ran| migrations.iter().any(|migration| migration.folder == ran.folder);
    for ran in past.iter().filter(is_given) {
        let has_name = |migration: &UserMigration| migration.name == ran.name;
        if !migrations.iter().any(|other| other.folder == ran.folder && has_name(other)) {
            return Err(StoreError::Unusable(format!(
                "the migration {} ran, but its file is missing; put it back",
                title(&ran.folder, &ran.name)
            )));
        }
    }
    Ok(missing)
}

/// A file that ran.
pub(crate) struct Ran {
    /// As the configuration named it.
    pub(crate) folder: String,
    /// Without dialect and ending.
    pub(crate) name: String,
    /// Of its statements.
    pub(crate) checksum: String,
}

/// A file as people are told of it.
pub(crate) fn title(folder: &str, name: &str) -> String {
    format!("{}/{name}", folder.trim_end_matches('/'))
}

/// Tells whether a file was changed.
pub(crate) fn checksum(sql: &str) -> String {
    format!("{:032x}", ContentHash::of(&[Some(sql.as_bytes())]).0)
}
