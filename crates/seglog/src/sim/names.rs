//! Folders and names of the simulated disk: as a process sees them, as they are durable, and the changes in between.
//!
//! Invariant: a change is durable once its folder was synced; until then a power cut may keep it or not, each for itself.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::sim::cut::{Cut, NameFate};

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Folder,
    /// The number of a file.
    File(u64),
}

/// All names, by their whole path. The root is always there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    live: BTreeMap<PathBuf, Node>,
    durable: BTreeMap<PathBuf, Node>,
    pending: Vec<Change>,
}

/// One change that is not durable yet: a name goes, a name comes, or both in one step; or two folders change names.
#[derive(Clone, Debug)]
struct Change {
    folder: PathBuf,
    gone: Option<PathBuf>,
    come: Option<(PathBuf, Node)>,
    exchanged: Option<(PathBuf, PathBuf)>,
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        if let Some(path) = &self.gone {
            names.remove(path);
        }
        if let Some((path, node)) = &self.come {
            names.insert(path.clone(), *node);
        }
        if let Some((one, other)) = &self.exchanged {
            let renamed = |path: PathBuf| match (path.strip_prefix(one), path.strip_prefix(other)) {
                (Ok(inside), _) => join(other, inside),
                (_, Ok(inside)) => join(one, inside),
                _ => path,
            };
            *names = std::mem::take(names)
                .into_iter()
                .map(|(path, node)| (renamed(path), node))
                .collect();
        }
    }
}

impl Change {
    /// The name in it that is not a spare's.
    fn lasting(&self) -> Option<&Path> {
        let come = self.come.as_ref().map(|(path, _)| path);
        let exchanged = self.exchanged.as_ref().map(|(one, _)| one);
        come.into_iter()
            .chain(&self.gone)
            .chain(exchanged)
            .map(PathBuf::as_path)
            .find(|path| !is_spare(path))
    }
}

/// Whether the name is one of a file in the making, or of the ballast: nothing of the log stands in it.
pub(crate) fn is_spare(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "pre") || path.ends_with("ballast")
}

/// `join` alone would end the path of the folder itself with a slash.
fn join(folder: &Path, inside: &Path) -> PathBuf {
    if inside.as_os_str().is_empty() { folder.to_owned() } else { folder.join(inside) }
}

impl Names {
    pub(crate) fn file(&self, path: &Path) -> io::Result<u64> {
        match self.live.get(path) {
            Some(Node::File(number)) => Ok(*number),
            Some(Node::Folder) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    /// Names of the files in a folder.
    pub(crate) fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.check_folder(folder)?;
        let inside = self
            .live
            .iter()
            .filter(|(path, node)| path.parent() == Some(folder) && matches!(node, Node::File(_)));
        let names = inside.filter_map(|(path, _)| path.file_name()?.to_str());
        Ok(names.map(str::to_owned).collect())
    }

    /// Paths of all files.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&Path, u64)> {
        self.live.iter().filter_map(|(path, node)| match node {
            Node::File(number) => Some((path.as_path(), *number)),
            Node::Folder => None,
        })
    }

    pub(crate) fn add(&mut self, path: &Path, node: Node) -> io::Result<()> {
        if self.live.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.change(path, None, Some((path.to_owned(), node)))
    }

    pub(crate) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let number = self.file(from)?;
        if from.parent() != to.parent() {
            return Err(io::Error::new(ErrorKind::Unsupported, "simulated: one folder only"));
        }
        self.change(from, Some(from.to_owned()), Some((to.to_owned(), Node::File(number))))
    }

    /// Two folders beside each other take each other's names. Everything in them is durable: changes that are not would
    /// have to be told under two names.
    pub(crate) fn exchange(&mut self, one: &Path, other: &Path) -> io::Result<()> {
        self.check_folder(one)?;
        self.check_folder(other)?;
        let is_inside = |change: &Change| change.folder == one || change.folder == other;
        if one.parent() != other.parent() || self.pending.iter().any(is_inside) {
            return Err(io::Error::new(
                ErrorKind::Unsupported,
                "simulated: two synced folders only",
            ));
        }
        let folder = one.parent().ok_or(ErrorKind::InvalidInput)?.to_owned();
        let exchanged = Some((one.to_owned(), other.to_owned()));
        let change = Change { folder, gone: None, come: None, exchanged };
        change.apply(&mut self.live);
        self.pending.push(change);
        Ok(())
    }

    pub(crate) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.file(path)?;
        self.change(path, Some(path.to_owned()), None)
    }

    /// Everything that has changed in `folder` is durable.
    pub(crate) fn sync(&mut self, folder: &Path) -> io::Result<()> {
        self.check_folder(folder)?;
        let durable = &mut self.durable;
        self.pending.retain(|change| {
            let is_other = change.folder != folder;
            if !is_other {
                change.apply(durable);
            }
            is_other
        });
        Ok(())
    }

    /// The names as they are found after a power cut.
    pub(crate) fn after(&self, cut: &Cut) -> Self {
        // Spares come and go in a thread of their own; they must not move the fate of what matters.
        let n_lasting = self.pending.iter().filter(|change| change.lasting().is_some()).count();
        let mut n_before = 0;
        let mut found = self.durable.clone();
        for change in &self.pending {
            let is_kept = match (cut.names, change.lasting()) {
                (NameFate::First(thousandths), Some(_)) => {
                    n_before += 1;
                    n_before <= thousandths as usize * (n_lasting + 1) / 1001
                }
                (_, name) => cut.keeps_name(&format!("{name:?} {}", change.come.is_some())),
            };
            if is_kept {
                change.apply(&mut found);
            }
        }
        let is_reachable = |path: &PathBuf| {
            path.ancestors()
                .skip(1)
                .all(|above| above.parent().is_none() || found.get(above) == Some(&Node::Folder))
        };
        let durable: BTreeMap<_, _> = found
            .iter()
            .filter(|(path, _)| is_reachable(path))
            .map(|(p, n)| (p.clone(), *n))
            .collect();
        Self { live: durable.clone(), durable, pending: Vec::new() }
    }

    /// A name that stands for the file: as seen, else as durable, else in between.
    pub(crate) fn name_of(&self, number: u64) -> Option<&Path> {
        let node = Node::File(number);
        let standing = self.live.iter().chain(&self.durable);
        let pending = self.pending.iter().filter_map(|change| change.come.as_ref());
        let mut all = standing.chain(pending.map(|(path, node)| (path, node)));
        all.find(|(_, found)| **found == node).map(|(path, _)| path.as_path())
    }

    fn change(
        &mut self,
        path: &Path,
        gone: Option<PathBuf>,
        come: Option<(PathBuf, Node)>,
    ) -> io::Result<()> {
        let folder = path.parent().ok_or(ErrorKind::InvalidInput)?.to_owned();
        self.check_folder(&folder)?;
        let change = Change { folder, gone, come, exchanged: None };
        change.apply(&mut self.live);
        self.pending.push(change);
        Ok(())
    }

    fn check_folder(&self, folder: &Path) -> io::Result<()> {
        let is_root = folder.parent().is_none();
        match self.live.get(folder) {
            _ if is_root => Ok(()),
            Some(Node::Folder) => Ok(()),
            Some(Node::File(_)) => Err(ErrorKind::NotADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }
}
