//! The workspace: one folder with ledger, vault, keys, released objects and dossiers. Ledger and
//! vault are ground truth; everything else can be made again.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use candour_ledger::{Entropy, Ledger, LedgerError, Signer, Vault, VaultError, View, WorkspaceKey};
use candour_record::{Event, Opened, Record, RecordError, Timestamp};

use crate::index::Index;

const FORMAT: &str = "candour-workspace@v1\n";

/// What a library must not ask for itself.
pub struct World<'a> {
    /// The clock.
    pub now: &'a (dyn Fn() -> Timestamp + Sync),
    /// Random bytes for keys and salts.
    pub entropy: &'a Entropy<'a>,
    /// Name and version of the software, for records.
    pub software: &'a str,
}

/// Why a workspace cannot be used. All of them are about storage or misuse; nothing that was
/// acknowledged is lost.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// Not a workspace.
    #[error("{0}: not a workspace; name a new folder, or one that `candour run` made")]
    Foreign(PathBuf),
    /// Made by newer software.
    #[error("{path}: made by a newer release (format {found:?}); use that release, nothing was changed", path = .path.display())]
    Newer {
        /// Where.
        path: PathBuf,
        /// What the format file says.
        found: String,
    },
    /// A key is missing or damaged.
    #[error("{0}: the key is missing or not 32 bytes; restore it from its backup")]
    Key(PathBuf),
    /// The system refused.
    #[error("{path}: {source}; nothing that was acknowledged is lost", path = .path.display())]
    Storage {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The ledger refused.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The vault refused.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A record cannot be encoded.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The ledger's name cannot be a key name.
    #[error("the ledger's key cannot be made: {0}")]
    Signer(String),
    /// No decision has this index.
    #[error("record {0} is not a decision of this workspace; `candour ledger show` lists them")]
    NoDecision(u64),
    /// A caller's mistake, said with its remedy.
    #[error("{0}")]
    Misuse(String),
}

pub(crate) fn storage(path: &Path) -> impl FnOnce(io::Error) -> WorkspaceError {
    let path = path.to_owned();
    |source| WorkspaceError::Storage { path, source }
}

/// An open workspace with its one writer.
pub struct Workspace {
    /// Its folder.
    pub dir: PathBuf,
    pub(crate) ledger: Ledger,
    pub(crate) vault: Vault,
    index: Index,
}

impl Workspace {
    /// Opens a workspace for writing; makes it when the folder is empty or not there.
    ///
    /// # Errors
    /// When the folder is something else, was made by newer software, is locked, or cannot be
    /// written.
    pub fn open_or_create(dir: &Path, world: &World<'_>) -> Result<Self, WorkspaceError> {
        let fresh = match fs::read_dir(dir) {
            Ok(mut entries) => entries.next().is_none(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => true,
            Err(source) => {
                return Err(WorkspaceError::Storage {
                    path: dir.to_owned(),
                    source,
                });
            }
        };
        if fresh {
            return Self::create(dir, world);
        }
        check_format(dir)?;
        let signer = signer(
            &read_key(&dir.join("keys/log.key"))?,
            &read_key(&dir.join("keys/vault.key"))?,
        )?;
        let vault_key = WorkspaceKey::new(read_key(&dir.join("keys/vault.key"))?);
        // A kill between making the format file and the first record leaves these to be made.
        let (ledger_dir, vault_dir) = (dir.join("ledger"), dir.join("vault"));
        let ledger = match Ledger::open(&ledger_dir, signer) {
            Err(LedgerError::Missing(_)) => {
                let signer = self::signer(
                    &read_key(&dir.join("keys/log.key"))?,
                    &read_key(&dir.join("keys/vault.key"))?,
                )?;
                Ledger::create(&ledger_dir, signer)?
            }
            other => other?,
        };
        let vault = if vault_dir.join("format").exists() {
            Vault::open(&vault_dir, vault_key)?
        } else {
            Vault::create(&vault_dir, vault_key)?
        };
        Self::with(dir, ledger, vault, world)
    }

    fn create(dir: &Path, world: &World<'_>) -> Result<Self, WorkspaceError> {
        fs::create_dir_all(dir.join("keys")).map_err(storage(dir))?;
        let (mut log, mut vault) = ([0; 32], [0; 32]);
        (world.entropy)(&mut log).map_err(storage(dir))?;
        (world.entropy)(&mut vault).map_err(storage(dir))?;
        write_private(&dir.join("keys/log.key"), &log)?;
        write_private(&dir.join("keys/vault.key"), &vault)?;
        // The format file comes after the keys: a folder that has it has its keys.
        write_atomic(&dir.join("candour-workspace"), FORMAT.as_bytes())?;
        let ledger = Ledger::create(&dir.join("ledger"), signer(&log, &vault)?)?;
        let vault = Vault::create(&dir.join("vault"), WorkspaceKey::new(vault))?;
        Self::with(dir, ledger, vault, world)
    }

    fn with(
        dir: &Path,
        mut ledger: Ledger,
        vault: Vault,
        world: &World<'_>,
    ) -> Result<Self, WorkspaceError> {
        if ledger.view().size() == 0 {
            let origin = ledger.view().vkey().name().to_owned();
            let event = Event::Opened(Opened {
                origin,
                software: world.software.to_owned(),
            });
            ledger.append(&[Record {
                at: (world.now)(),
                by: "candour".into(),
                device: None,
                event,
            }])?;
        }
        for folder in ["out", "dossier"] {
            fs::create_dir_all(dir.join(folder)).map_err(storage(dir))?;
        }
        let mut index = Index::default();
        for (_, record) in ledger.view().records()? {
            index.push(&record)?;
        }
        Ok(Self {
            dir: dir.to_owned(),
            ledger,
            vault,
            index,
        })
    }

    /// The ledger as it now is, for reading; takes no lock.
    ///
    /// # Errors
    /// When the folder is no workspace, or its ledger is damaged.
    pub fn view(dir: &Path) -> Result<(View, Index), WorkspaceError> {
        check_format(dir)?;
        let view = View::open(&dir.join("ledger"))?;
        let mut index = Index::default();
        for (_, record) in view.records()? {
            index.push(&record)?;
        }
        Ok((view, index))
    }

    /// The vault of a workspace, for reading.
    ///
    /// # Errors
    /// When the key or the vault is missing or damaged.
    pub fn vault(dir: &Path) -> Result<Vault, WorkspaceError> {
        Ok(Vault::open(
            &dir.join("vault"),
            WorkspaceKey::new(read_key(&dir.join("keys/vault.key"))?),
        )?)
    }

    /// The signer of a workspace, for texts that leave it, such as a site's summary.
    ///
    /// # Errors
    /// When the keys are missing or damaged.
    pub fn signer(dir: &Path) -> Result<Signer, WorkspaceError> {
        signer(
            &read_key(&dir.join("keys/log.key"))?,
            &read_key(&dir.join("keys/vault.key"))?,
        )
    }

    /// What the ledger says about each study.
    #[must_use]
    pub const fn index(&self) -> &Index {
        &self.index
    }

    /// The ledger as of the last append.
    #[must_use]
    pub const fn ledger(&self) -> &View {
        self.ledger.view()
    }

    /// Seals records, all or none; durable when this returns.
    ///
    /// # Errors
    /// As [`Ledger::append`].
    pub fn append(
        &mut self,
        records: &[Record],
    ) -> Result<Vec<candour_ledger::Sealed<Record>>, WorkspaceError> {
        let sealed = self.ledger.append(records)?;
        for record in records {
            self.index.push(record)?;
        }
        Ok(sealed)
    }
}

fn check_format(dir: &Path) -> Result<(), WorkspaceError> {
    let path = dir.join("candour-workspace");
    match fs::read_to_string(&path) {
        Ok(found) if found == FORMAT => Ok(()),
        Ok(found) if found.starts_with("candour-workspace@v") => Err(WorkspaceError::Newer {
            path,
            found: found.trim().chars().take(40).collect(),
        }),
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(WorkspaceError::Storage { path, source })
        }
        _ => Err(WorkspaceError::Foreign(dir.to_owned())),
    }
}

fn read_key(path: &Path) -> Result<[u8; 32], WorkspaceError> {
    fs::read(path)
        .ok()
        .and_then(|b| b.try_into().ok())
        .ok_or_else(|| WorkspaceError::Key(path.to_owned()))
}

/// The log's signer. Its name is derived from both keys, so that two workspaces never share one.
fn signer(log: &[u8; 32], vault: &[u8; 32]) -> Result<Signer, WorkspaceError> {
    let digest =
        candour_record::Digest::of(&[b"candour log name".as_slice(), log, vault].concat()).hex();
    let short: String = digest.chars().take(12).collect();
    Signer::new(&format!("candour.local/{short}"), log)
        .map_err(|e| WorkspaceError::Signer(e.to_string()))
}

/// Writes a file that is there whole or not at all.
///
/// # Errors
/// When the system refuses.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), WorkspaceError> {
    // The parent of a bare file name is the empty path, which cannot be opened.
    let parent = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(storage(parent))?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let staged = path.with_file_name(name);
    let write = || {
        let mut file = fs::File::create(&staged)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&staged, path)?;
        fs::File::open(parent)?.sync_all()
    };
    write().map_err(|e| {
        // What could not be written in full must not lie about as if it were something.
        let _ = fs::remove_file(&staged);
        storage(path)(e)
    })
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<(), WorkspaceError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let write = || {
        let mut file = options.open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(storage(path))
}
