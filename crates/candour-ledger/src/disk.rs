//! Durable file operations, one step at a time, so that tests can let each step fail.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
#[cfg(test)]
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// How an injected fault behaves.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The step does not happen and says so.
    Fails,
    /// The step happens, but reports failure.
    FailsYetPersists,
    /// The process is gone: this step is torn (half a write), and no later one happens.
    Killed,
}

/// The file system as the ledger and the vault use it.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// Held while folders are made. Two threads that need the same new folder must not both make
    /// it, and neither may write into it before the folder above has it durably.
    pub(crate) folders: Mutex<()>,
    #[cfg(test)]
    pub(crate) plan: Option<(usize, Fault)>,
    #[cfg(test)]
    pub(crate) steps: AtomicUsize,
    #[cfg(test)]
    pub(crate) dead: AtomicBool,
}

impl Disk {
    #[cfg(not(test))]
    fn step(&self, action: impl FnOnce(bool) -> io::Result<()>) -> io::Result<()> {
        action(false)
    }

    #[cfg(test)]
    fn step(&self, action: impl FnOnce(bool) -> io::Result<()>) -> io::Result<()> {
        let injected = || io::Error::other("injected fault");
        let step = self.steps.fetch_add(1, Ordering::SeqCst);
        if self.dead.load(Ordering::SeqCst) {
            return Err(injected());
        }
        match self.plan.filter(|(at, _)| *at == step) {
            None => action(false),
            Some((_, Fault::Fails)) => Err(injected()),
            Some((_, Fault::FailsYetPersists)) => action(false).and(Err(injected())),
            Some((_, Fault::Killed)) => {
                self.dead.store(true, Ordering::SeqCst);
                action(true).and(Err(injected()))
            }
        }
    }

    /// Writes `bytes` to `path` so that the file is there whole or not at all, and survives a
    /// power cut: a temporary file beside `scratch`, fsync, rename, fsync of the folder.
    pub(crate) fn put(&self, scratch: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(path);
        self.folder(folder)?;
        let mut file = None;
        self.step(|torn| {
            let mut created = File::create(scratch)?;
            created.write_all(if torn {
                bytes.get(..bytes.len() / 2).unwrap_or_default()
            } else {
                bytes
            })?;
            file = Some(created);
            Ok(())
        })?;
        self.step(|_| file.as_ref().map_or(Ok(()), File::sync_all))?;
        self.step(|torn| {
            if torn {
                Ok(())
            } else {
                fs::rename(scratch, path)
            }
        })?;
        self.sync_folder(folder)
    }

    /// Makes a folder and those above it durable; nothing happens where it is there already.
    pub(crate) fn folder(&self, folder: &Path) -> io::Result<()> {
        // The guarded value is empty, so a panic elsewhere leaves nothing half done behind it.
        let _one_at_a_time = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        self.make(folder)
    }

    fn make(&self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        if let Some(above) = folder.parent() {
            self.make(above)?;
        }
        self.step(|torn| if torn { Ok(()) } else { fs::create_dir(folder) })?;
        folder
            .parent()
            .map_or(Ok(()), |above| self.sync_folder(above))
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.step(|_| {
            // An empty path is the current folder.
            let folder = if folder.as_os_str().is_empty() {
                Path::new(".")
            } else {
                folder
            };
            File::open(folder)?.sync_all()
        })
    }

    /// Removes a folder and what is in it.
    pub(crate) fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        self.step(|torn| {
            if torn {
                Ok(())
            } else {
                fs::remove_dir_all(folder)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_need_the_same_new_folder_all_get_it() {
        for _ in 0..50 {
            let dir = tempfile::tempdir().unwrap();
            let disk = Disk::default();
            let start = std::sync::Barrier::new(8);
            std::thread::scope(|scope| {
                for n in 0..8 {
                    let (disk, start) = (&disk, &start);
                    let folder = dir.path().join("a/b/c");
                    let scratch = dir.path().join(n.to_string());
                    scope.spawn(move || {
                        start.wait();
                        disk.put(&scratch, &folder.join(n.to_string()), b"x")
                            .unwrap();
                    });
                }
            });
            assert_eq!(fs::read_dir(dir.path().join("a/b/c")).unwrap().count(), 8);
        }
    }
}
