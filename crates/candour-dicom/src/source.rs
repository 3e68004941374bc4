//! Where instances come from: files, folders and ZIP archives, within limits.

use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};

use crate::DicomError;
use crate::instance::MAX_INSTANCE_BYTES;

/// How much is read from one source.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one file, or of one entry of an archive once unpacked.
    pub file_bytes: u64,
    /// Files in a folder or entries in an archive.
    pub files: usize,
    /// Bytes that an archive may become.
    pub archive_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: MAX_INSTANCE_BYTES,
            files: 100_000,
            archive_bytes: 16 << 30,
        }
    }
}

/// Why something could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The system refused.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// More files than the limit.
    #[error("{path}: more than {limit} files; give fewer at a time", path = path.display())]
    TooMany {
        /// Which folder or archive.
        path: PathBuf,
        /// The limit.
        limit: usize,
    },
    /// Too large, or a broken archive.
    #[error("{path}: {error}", path = path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        error: DicomError,
    },
}

/// The files below `path`, sorted; a file stands for itself. Symbolic links inside a folder are
/// not followed.
///
/// # Errors
/// When the system refuses or there are more than the limit.
pub fn files(path: &Path, limits: &Limits) -> Result<Vec<PathBuf>, SourceError> {
    // Only the path that was asked for is named: folders below it may be named after patients.
    let io = |source| SourceError::Io {
        path: path.to_owned(),
        source,
    };
    if !std::fs::metadata(path).map_err(io)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let (mut found, mut folders) = (Vec::new(), vec![path.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(io)? {
            let entry = entry.map_err(io)?;
            let kind = entry.file_type().map_err(io)?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
            if found.len() + folders.len() > limits.files {
                return Err(SourceError::TooMany {
                    path: path.to_owned(),
                    limit: limits.files,
                });
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Reads a file and hands over its bytes; a ZIP archive's entries one by one.
///
/// # Errors
/// When the file cannot be read, is too large, or is a broken or hostile archive.
pub fn read(
    path: &Path,
    limits: &Limits,
    take: &mut dyn FnMut(Vec<u8>),
) -> Result<(), SourceError> {
    let io = |source| SourceError::Io {
        path: path.to_owned(),
        source,
    };
    let content = |error| SourceError::Content {
        path: path.to_owned(),
        error,
    };
    let size = std::fs::metadata(path).map_err(io)?.len();
    if size > limits.file_bytes {
        return Err(content(DicomError::TooLarge {
            what: "the file",
            limit: limits.file_bytes,
        }));
    }
    let bytes = std::fs::read(path).map_err(io)?;
    if !bytes.starts_with(b"PK\x03\x04") {
        take(bytes);
        return Ok(());
    }
    unzip(&bytes, limits, take).map_err(content)
}

fn unzip(bytes: &[u8], limits: &Limits, take: &mut dyn FnMut(Vec<u8>)) -> Result<(), DicomError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes))
        .map_err(|_| DicomError::Archive("it is damaged"))?;
    if archive.len() > limits.files {
        return Err(DicomError::Archive("it has more entries than the limit"));
    }
    let mut total = 0;
    for i in 0..archive.len() {
        let entry = archive.by_index(i).map_err(|_| {
            DicomError::Archive("an entry is damaged, encrypted or compressed in an unknown way")
        })?;
        if !entry.is_file() {
            continue;
        }
        // The stated size is not believed: reading stops at the limit. Names are never used.
        let mut out = Vec::new();
        let left = limits.file_bytes.min(limits.archive_bytes - total);
        entry
            .take(left + 1)
            .read_to_end(&mut out)
            .map_err(|_| DicomError::Archive("an entry is damaged"))?;
        total += out.len() as u64;
        if out.len() as u64 > left {
            return Err(DicomError::Archive("it unpacks to more than the limit"));
        }
        take(out);
    }
    Ok(())
}
