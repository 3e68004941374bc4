//! The log on local files: one writer that is durable before it acknowledges, and any number of
//! readers.
//!
//! A batch is committed by one atomic step: the rename of `private/pending`, a bundle that holds
//! the signed checkpoint and every file it needs. Everything after that step can be done again
//! from the bundle, and is, when the ledger is next opened.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use candour_record::{Digest, Record, RecordError, Timestamp};

use crate::checkpoint::{Checkpoint, NoteError, Signer, Vkey};
use crate::disk::Disk;
use crate::proof::TlogProof;
use crate::tile::{self, TileTree, WIDTH};
use crate::tree;

/// The content of a ledger's `format` file.
pub(crate) const FORMAT: &str = "candour-ledger@v1\n";
const PENDING: &str = "candour-pending@v1\n";
/// Where the last committed batch lies, below the ledger's folder.
pub(crate) const PENDING_PATH: &str = "private/pending";

/// Why a ledger cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// There is a ledger already.
    #[error("{0}: a ledger is here already")]
    Exists(PathBuf),
    /// There is none.
    #[error("{0}: no ledger is here")]
    Missing(PathBuf),
    /// It was made by newer software.
    #[error("{path}: the ledger's format is {found:?}, which this release does not know; use a newer release", path = path.display())]
    Newer {
        /// The `format` file.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// Another process writes to it.
    #[error("{0}: another process is writing to this ledger; wait for it to end, or end it")]
    Locked(PathBuf),
    /// The signing key is not this ledger's.
    #[error("{0}: the signing key does not belong to this ledger")]
    OtherKey(PathBuf),
    /// A file is not what it must be.
    #[error("{path}: {what}; `candour ledger check` names the first wrong byte", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A record would come before the one it follows.
    #[error(
        "the clock went backwards: a record of {new} cannot follow one of {last}; correct the system's clock"
    )]
    Backwards {
        /// Time of the last sealed record.
        last: Timestamp,
        /// Time of the record that was refused.
        new: Timestamp,
    },
    /// A record cannot be sealed.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// An earlier write failed, so it is not known what the disk holds.
    #[error("an earlier write to this ledger failed; open it again, which repairs it")]
    Poisoned,
    /// The disk refused.
    #[error("{path}: {source}; nothing that was acknowledged is lost", path = path.display())]
    Storage {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn storage(path: &Path) -> impl FnOnce(io::Error) -> LedgerError {
    let path = path.to_owned();
    |source| LedgerError::Storage { path, source }
}

fn damaged(path: &Path, what: impl Into<String>) -> LedgerError {
    LedgerError::Damaged {
        path: path.to_owned(),
        what: what.into(),
    }
}

/// A record that is durably in the log, with its proof.
#[derive(Clone, Debug)]
pub struct Sealed<T> {
    /// What was sealed.
    pub record: T,
    /// Its index in the log.
    pub index: u64,
    /// Its leaf hash.
    pub leaf: Digest,
    /// The proof, which holds the entry itself.
    pub proof: TlogProof,
}

/// The right edge of the tree: per tile level the hashes of the last, partial tile; and the
/// entries of the last, partial bundle.
#[derive(Clone, Debug, Default)]
struct Edge {
    levels: Vec<Vec<Digest>>,
    bundle: Vec<u8>,
    in_bundle: u64,
}

impl Edge {
    fn root(&self) -> Digest {
        let mut below: Option<Digest> = None;
        for level in &self.levels {
            let mut hashes = level.clone();
            hashes.extend(below);
            below = (!hashes.is_empty()).then(|| tree::root(&hashes));
        }
        below.unwrap_or_else(|| tree::root(&[]))
    }
}

/// Reads a ledger's files. Usable while another process writes.
#[derive(Debug)]
pub struct View {
    dir: PathBuf,
    vkey: Vkey,
    checkpoint: Checkpoint,
    note: String,
}

fn read_text(path: &Path) -> Result<String, LedgerError> {
    let bytes = fs::read(path).map_err(storage(path))?;
    String::from_utf8(bytes).map_err(|_| damaged(path, "not UTF-8"))
}

fn check_format(dir: &Path) -> Result<(), LedgerError> {
    let path = dir.join("format");
    match fs::read_to_string(&path) {
        Ok(found) if found == FORMAT => Ok(()),
        Ok(found) => {
            let newer = found
                .trim_end()
                .strip_prefix("candour-ledger@v")
                .and_then(|v| v.parse().ok())
                .is_some_and(|v: u32| v > 1);
            if newer {
                Err(LedgerError::Newer { path, found })
            } else {
                Err(damaged(&path, "not a ledger's format file"))
            }
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Err(LedgerError::Missing(dir.to_owned())),
        Err(e) => Err(storage(&path)(e)),
    }
}

impl View {
    /// Opens a ledger for reading at its published checkpoint, whose signature is verified.
    ///
    /// # Errors
    /// When there is no ledger, it was made by newer software, or its checkpoint is not genuine.
    pub fn open(dir: &Path) -> Result<Self, LedgerError> {
        check_format(dir)?;
        let path = dir.join("vkey");
        let text = read_text(&path)?;
        let vkey: Vkey = text
            .trim_end_matches('\n')
            .parse()
            .map_err(|e: NoteError| damaged(&path, e.to_string()))?;
        let path = dir.join("checkpoint");
        let note = read_text(&path)?;
        let checkpoint =
            Checkpoint::open(&note, &vkey).map_err(|e| damaged(&path, e.to_string()))?;
        Ok(Self {
            dir: dir.to_owned(),
            vkey,
            checkpoint,
            note,
        })
    }

    /// The ledger's public key.
    #[must_use]
    pub const fn vkey(&self) -> &Vkey {
        &self.vkey
    }

    /// The checkpoint this view reads at.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The checkpoint as signed.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }

    /// How many records there are.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.checkpoint.size
    }

    fn width(&self, level: u32, index: u64) -> u64 {
        let (full, partial) = tile::widths(self.checkpoint.size, level);
        if index < full { WIDTH } else { partial }
    }

    /// A tile's or a bundle's bytes; a partial one may meanwhile have become a full one.
    fn read(
        &self,
        path: impl Fn(u64) -> String,
        width: u64,
    ) -> Result<(PathBuf, Vec<u8>), LedgerError> {
        let file = self.dir.join(path(width));
        match fs::read(&file) {
            Err(e) if e.kind() == io::ErrorKind::NotFound && width != WIDTH => {
                let full = self.dir.join(path(WIDTH));
                fs::read(&full)
                    .map(|b| (full.clone(), b))
                    .map_err(storage(&file))
            }
            other => other.map(|b| (file.clone(), b)).map_err(storage(&file)),
        }
    }

    fn tile(&self, level: u32, index: u64) -> Result<Vec<Digest>, LedgerError> {
        let width = self.width(level, index);
        let (path, bytes) = self.read(|w| tile::tile_path(level, index, w), width)?;
        let mut hashes =
            tile::hashes(&bytes).ok_or_else(|| damaged(&path, "not a whole number of hashes"))?;
        if (hashes.len() as u64) < width {
            return Err(damaged(&path, "too short"));
        }
        hashes.truncate(width as usize);
        Ok(hashes)
    }

    fn bundle(&self, index: u64) -> Result<Vec<Vec<u8>>, LedgerError> {
        let width = self.width(0, index);
        let (path, bytes) = self.read(|w| tile::bundle_path(index, w), width)?;
        let (entries, _) = tile::entries(&bytes);
        if (entries.len() as u64) < width {
            return Err(damaged(
                &path,
                format!("{} entries where {width} belong", entries.len()),
            ));
        }
        Ok(entries
            .into_iter()
            .take(width as usize)
            .map(|(_, e)| e.to_vec())
            .collect())
    }

    /// All entries, in order, verified against the signed root.
    ///
    /// # Errors
    /// When a file cannot be read, or the entries are not those that were signed.
    pub fn entries(&self) -> Result<Vec<Vec<u8>>, LedgerError> {
        let mut all = Vec::new();
        for bundle in 0..self.size().div_ceil(WIDTH) {
            all.append(&mut self.bundle(bundle)?);
        }
        let leaves: Vec<Digest> = all.iter().map(|e| tree::leaf_hash(e)).collect();
        if tree::root(&leaves) != self.checkpoint.root {
            return Err(damaged(
                &self.dir,
                "the entries are not those the checkpoint was signed over",
            ));
        }
        Ok(all)
    }

    /// All records, in order, verified against the signed root, with their leaf hashes.
    ///
    /// # Errors
    /// As [`View::entries`], and when an entry is no record this software can read.
    pub fn records(&self) -> Result<Vec<(Digest, Record)>, LedgerError> {
        let entries = self.entries()?;
        entries
            .iter()
            .map(|e| Ok((tree::leaf_hash(e), Record::parse(e)?)))
            .collect()
    }

    /// One entry's proof with the entry in it, verified before it is returned.
    ///
    /// # Errors
    /// When `index` is not below the size, or the files do not prove the entry.
    pub fn proof(&self, index: u64) -> Result<TlogProof, LedgerError> {
        Ok(self.proofs([index])?.remove(0))
    }

    /// The proofs of several entries, in the order given.
    ///
    /// # Errors
    /// As [`View::proof`].
    pub fn proofs(
        &self,
        indices: impl IntoIterator<Item = u64>,
    ) -> Result<Vec<TlogProof>, LedgerError> {
        let mut tiles = BTreeMap::new();
        let mut bundles: BTreeMap<u64, Vec<Vec<u8>>> = BTreeMap::new();
        let mut proofs = Vec::new();
        for index in indices {
            if index >= self.size() {
                return Err(damaged(
                    &self.dir,
                    format!("there is no record {index}; the ledger has {}", self.size()),
                ));
            }
            if let std::collections::btree_map::Entry::Vacant(slot) = bundles.entry(index / WIDTH) {
                slot.insert(self.bundle(index / WIDTH)?);
            }
            let entry = bundles
                .get(&(index / WIDTH))
                .and_then(|b| b.get((index % WIDTH) as usize))
                .cloned();
            let hashes = tree::inclusion(index, self.size(), &mut |level, i| {
                self.node(&mut tiles, level, i)
            })?;
            let proof = TlogProof {
                extra: entry,
                index,
                hashes,
                checkpoint: self.note.clone(),
            };
            proof
                .verify(None, &self.vkey)
                .map_err(|e| damaged(&self.dir, format!("record {index}: {e}")))?;
            proofs.push(proof);
        }
        Ok(proofs)
    }

    /// The proof that this checkpoint extends the tree of `old` leaves.
    ///
    /// # Errors
    /// When `old` is 0 or larger than the ledger, or a tile cannot be read.
    pub fn consistency(&self, old: u64) -> Result<Vec<Digest>, LedgerError> {
        if old == 0 || old > self.size() {
            return Err(damaged(
                &self.dir,
                format!("no tree of {old} leaves precedes one of {}", self.size()),
            ));
        }
        let mut tiles = BTreeMap::new();
        tree::consistency(old, self.size(), &mut |level, i| {
            self.node(&mut tiles, level, i)
        })
    }

    fn node(
        &self,
        tiles: &mut BTreeMap<(u32, u64), TileTree>,
        level: u32,
        i: u64,
    ) -> Result<Digest, LedgerError> {
        // A subtree of height 8 or a multiple of it is a hash of the tile level above, if that
        // tile holds it; the highest row of a tile serves where it does not.
        let (mut tile_level, mut row) = (level / 8, level % 8);
        if row == 0
            && tile_level > 0
            && i >= tile::widths(self.size(), tile_level).0 * WIDTH
                + tile::widths(self.size(), tile_level).1
        {
            (tile_level, row) = (tile_level - 1, 8);
        }
        let key = (tile_level, (i << row) / WIDTH);
        if let std::collections::btree_map::Entry::Vacant(slot) = tiles.entry(key) {
            slot.insert(TileTree::new(self.tile(key.0, key.1)?));
        }
        let in_tile = i - ((key.1 * WIDTH) >> row);
        tiles
            .get(&key)
            .and_then(|t| t.get(row, in_tile))
            .ok_or_else(|| damaged(&self.dir, "a tile is too narrow"))
    }

    fn edge(&self) -> Result<Edge, LedgerError> {
        let mut edge = Edge::default();
        for level in 0..8 {
            let (full, partial) = tile::widths(self.size(), level);
            if full + partial == 0 {
                break;
            }
            edge.levels.push(if partial == 0 {
                Vec::new()
            } else {
                self.tile(level, full)?
            });
        }
        let (full, partial) = tile::widths(self.size(), 0);
        if partial > 0 {
            for entry in self.bundle(full)? {
                edge.bundle.extend(tile::frame(&entry).unwrap_or_default());
            }
            edge.in_bundle = partial;
        }
        Ok(edge)
    }
}

/// The writer. There is at most one per ledger.
pub struct Ledger {
    view: View,
    signer: Signer,
    edge: Edge,
    last_at: Option<Timestamp>,
    poisoned: bool,
    disk: Disk,
    _lock: File,
}

fn lock(dir: &Path, disk: &Disk) -> Result<File, LedgerError> {
    let private = dir.join("private");
    disk.folder(&private).map_err(storage(&private))?;
    let path = private.join("lock");
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(storage(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(LedgerError::Locked(dir.to_owned())),
        Err(fs::TryLockError::Error(e)) => Err(storage(&path)(e)),
    }
}

/// The bundle that commits a batch: its files, each with path and length, under one digest.
fn print_pending(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (path, bytes) in files {
        body.extend_from_slice(format!("{path} {}\n", bytes.len()).as_bytes());
        body.extend_from_slice(bytes);
    }
    let mut out = format!("{PENDING}{}\n", Digest::of(&body).hex()).into_bytes();
    out.append(&mut body);
    out
}

/// The files of a committed batch, or `None` when the bytes are not the batch that was written.
pub(crate) fn parse_pending(bytes: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let rest = bytes.strip_prefix(PENDING.as_bytes())?;
    let (digest, rest) = rest.split_at_checked(64)?;
    let mut body = rest.strip_prefix(b"\n")?;
    if Digest::of(body).hex().as_bytes() != digest {
        return None;
    }
    let mut files = Vec::new();
    while !body.is_empty() {
        let end = body.iter().position(|b| *b == b'\n')?;
        let (path, length) = std::str::from_utf8(body.get(..end)?)
            .ok()?
            .rsplit_once(' ')?;
        let (bytes, rest) = body
            .get(end + 1..)?
            .split_at_checked(length.parse().ok()?)?;
        files.push((path.to_owned(), bytes.to_vec()));
        body = rest;
    }
    Some(files)
}

impl Ledger {
    /// Begins an empty ledger in `dir`, which may exist but must hold none.
    ///
    /// # Errors
    /// When there is a ledger already or the disk refuses.
    pub fn create(dir: &Path, signer: Signer) -> Result<Self, LedgerError> {
        Self::create_on(dir, signer, Disk::default())
    }

    pub(crate) fn create_on(dir: &Path, signer: Signer, disk: Disk) -> Result<Self, LedgerError> {
        if dir.join("format").exists() {
            return Err(LedgerError::Exists(dir.to_owned()));
        }
        disk.folder(dir).map_err(storage(dir))?;
        let held = lock(dir, &disk)?;
        let vkey = signer.vkey();
        let checkpoint = Checkpoint {
            origin: vkey.name().to_owned(),
            size: 0,
            root: tree::root(&[]),
        };
        let note = signer.sign(&checkpoint.body());
        let scratch = dir.join("private/tmp");
        // `format` comes last: without it there is no ledger, and `create` may be tried again.
        for (name, text) in [
            ("vkey", format!("{vkey}\n")),
            ("checkpoint", note),
            ("format", FORMAT.to_owned()),
        ] {
            let path = dir.join(name);
            disk.put(&scratch, &path, text.as_bytes())
                .map_err(storage(&path))?;
        }
        drop(held);
        Self::open_on(dir, signer, disk)
    }

    /// Opens a ledger for writing and completes what a crash left half done.
    ///
    /// # Errors
    /// When another process writes to it, the key is another one, it was made by newer software,
    /// the disk refuses, or the last checkpoint does not fit the files.
    pub fn open(dir: &Path, signer: Signer) -> Result<Self, LedgerError> {
        Self::open_on(dir, signer, Disk::default())
    }

    pub(crate) fn open_on(dir: &Path, signer: Signer, disk: Disk) -> Result<Self, LedgerError> {
        check_format(dir)?;
        let held = lock(dir, &disk)?;
        let vkey_path = dir.join("vkey");
        if read_text(&vkey_path)? != format!("{}\n", signer.vkey()) {
            return Err(LedgerError::OtherKey(vkey_path));
        }
        let view = View::open(dir)?;
        let mut ledger = Self {
            view,
            signer,
            edge: Edge::default(),
            last_at: None,
            poisoned: false,
            disk,
            _lock: held,
        };
        ledger.replay()?;
        ledger.edge = ledger.view.edge()?;
        if ledger.edge.root() != ledger.view.checkpoint.root {
            return Err(damaged(
                &dir.join("tile"),
                "the tiles do not lead to the checkpoint's root",
            ));
        }
        if let Some(last) = ledger.view.size().checked_sub(1) {
            let entry = ledger.view.proof(last)?.extra.unwrap_or_default();
            ledger.last_at = Record::parse(&entry).ok().map(|r| r.at);
        }
        Ok(ledger)
    }

    /// Applies the pending bundle if it is newer than what is published.
    fn replay(&mut self) -> Result<(), LedgerError> {
        let path = self.view.dir.join(PENDING_PATH);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(storage(&path)(e)),
        };
        let files = parse_pending(&bytes)
            .ok_or_else(|| damaged(&path, "not the bundle that was written"))?;
        let note = files
            .iter()
            .find(|(p, _)| p == "checkpoint")
            .map(|(_, b)| String::from_utf8_lossy(b).into_owned());
        let note = note.ok_or_else(|| damaged(&path, "no checkpoint in it"))?;
        let checkpoint =
            Checkpoint::open(&note, &self.view.vkey).map_err(|e| damaged(&path, e.to_string()))?;
        let published = &self.view.checkpoint;
        if checkpoint.size < published.size {
            return Ok(());
        }
        if checkpoint.size == published.size {
            let same = checkpoint.root == published.root;
            return if same {
                Ok(())
            } else {
                Err(damaged(
                    &path,
                    "two checkpoints of one size with different roots",
                ))
            };
        }
        self.publish(&files, checkpoint, note)
    }

    /// Writes a committed batch's files, the checkpoint last.
    fn publish(
        &mut self,
        files: &[(String, Vec<u8>)],
        checkpoint: Checkpoint,
        note: String,
    ) -> Result<(), LedgerError> {
        let scratch = self.view.dir.join("private/tmp");
        for (path, bytes) in files {
            let path = self.view.dir.join(path);
            self.disk
                .put(&scratch, &path, bytes)
                .map_err(storage(&path))?;
        }
        self.view.checkpoint = checkpoint;
        self.view.note = note;
        // A full tile replaces its partial ones (tlog-tiles allows it); one left behind by a crash
        // is harmless and `check` verifies it too.
        for (path, _) in files {
            let partials = self.view.dir.join(format!("{path}.p"));
            if partials.is_dir() {
                self.disk
                    .remove_folder(&partials)
                    .map_err(storage(&partials))?;
            }
        }
        Ok(())
    }

    /// What a reader sees.
    #[must_use]
    pub const fn view(&self) -> &View {
        &self.view
    }

    /// Time of the last record.
    #[must_use]
    pub const fn last_at(&self) -> Option<Timestamp> {
        self.last_at
    }

    /// Seals records, all of them or none. They are durable when this returns.
    ///
    /// # Errors
    /// When a record's time lies before its predecessor's, a record is too long, or the disk
    /// refuses. After a refusal of the disk it is not known whether the batch is in the log; the
    /// ledger must be opened again, which decides it.
    pub fn append(&mut self, records: &[Record]) -> Result<Vec<Sealed<Record>>, LedgerError> {
        let mut last = self.last_at;
        let mut entries = Vec::with_capacity(records.len());
        for record in records {
            if let Some(last) = last.filter(|last| record.at < *last) {
                return Err(LedgerError::Backwards {
                    last,
                    new: record.at,
                });
            }
            last = Some(record.at);
            entries.push(record.to_bytes()?);
        }
        let sealed = self.append_entries(&entries)?;
        self.last_at = last;
        let sealed = sealed.into_iter().zip(records);
        Ok(sealed
            .map(|(s, r)| Sealed {
                record: r.clone(),
                index: s.index,
                leaf: s.leaf,
                proof: s.proof,
            })
            .collect())
    }

    /// Seals entries of at most 65,535 bytes each, all of them or none.
    ///
    /// # Errors
    /// As [`Ledger::append`].
    pub fn append_entries(&mut self, entries: &[Vec<u8>]) -> Result<Vec<Sealed<()>>, LedgerError> {
        if self.poisoned {
            return Err(LedgerError::Poisoned);
        }
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let mut edge = self.edge.clone();
        let mut files = BTreeMap::new();
        let (first, mut size) = (self.view.size(), self.view.size());
        let mut touched: BTreeMap<(u32, u64), Vec<Digest>> = BTreeMap::new();
        let mut leaves = Vec::with_capacity(entries.len());
        for entry in entries {
            edge.bundle
                .extend(tile::frame(entry).ok_or(RecordError::TooLong(entry.len()))?);
            edge.in_bundle += 1;
            if edge.in_bundle == WIDTH {
                files.insert(
                    tile::bundle_path(size / WIDTH, WIDTH),
                    std::mem::take(&mut edge.bundle),
                );
                edge.in_bundle = 0;
            }
            let leaf = tree::leaf_hash(entry);
            leaves.push(leaf);
            size += 1;
            let (mut carried, mut level) = (Some(leaf), 0_u32);
            while let Some(hash) = carried.take() {
                if edge.levels.len() <= level as usize {
                    edge.levels.push(Vec::new());
                }
                let Some(row) = edge.levels.get_mut(level as usize) else {
                    break;
                };
                row.push(hash);
                if row.len() as u64 == WIDTH {
                    let full = std::mem::take(row);
                    let index = (size >> (8 * level)) / WIDTH - 1;
                    carried = Some(tree::root(&full));
                    files.insert(tile::tile_path(level, index, WIDTH), concat(&full));
                    touched.insert((level, index), full);
                    level += 1;
                }
            }
        }
        for (level, row) in (0_u32..).zip(&edge.levels) {
            let (full, partial) = tile::widths(size, level);
            if partial > 0 {
                files.insert(tile::tile_path(level, full, partial), concat(row));
                touched.insert((level, full), row.clone());
            }
        }
        if edge.in_bundle > 0 {
            files.insert(
                tile::bundle_path(size / WIDTH, edge.in_bundle),
                edge.bundle.clone(),
            );
        }
        let checkpoint = Checkpoint {
            origin: self.view.vkey.name().to_owned(),
            size,
            root: edge.root(),
        };
        let note = self.signer.sign(&checkpoint.body());
        let mut files: Vec<(String, Vec<u8>)> = files.into_iter().collect();
        files.push(("checkpoint".to_owned(), note.clone().into_bytes()));

        // Compare and swap: what is published must still be what this batch extends.
        let path = self.view.dir.join("checkpoint");
        if read_text(&path)? != self.view.note {
            self.poisoned = true;
            return Err(damaged(&path, "changed while this process held the lock"));
        }
        self.poisoned = true;
        let pending = self.view.dir.join(PENDING_PATH);
        self.disk
            .put(
                &self.view.dir.join("private/tmp"),
                &pending,
                &print_pending(&files),
            )
            .map_err(storage(&pending))?;
        self.publish(&files, checkpoint, note.clone())?;
        self.edge = edge;
        self.poisoned = false;
        self.seal(entries, &leaves, first, touched, &note)
    }

    fn seal(
        &self,
        entries: &[Vec<u8>],
        leaves: &[Digest],
        first: u64,
        touched: BTreeMap<(u32, u64), Vec<Digest>>,
        note: &str,
    ) -> Result<Vec<Sealed<()>>, LedgerError> {
        let mut tiles = touched
            .into_iter()
            .map(|(key, hashes)| (key, TileTree::new(hashes)))
            .collect();
        let mut sealed = Vec::with_capacity(entries.len());
        for ((index, entry), leaf) in (first..).zip(entries).zip(leaves) {
            let hashes = tree::inclusion(index, self.view.size(), &mut |level, i| {
                self.view.node(&mut tiles, level, i)
            })?;
            let proof = TlogProof {
                extra: Some(entry.clone()),
                index,
                hashes,
                checkpoint: note.to_owned(),
            };
            sealed.push(Sealed {
                record: (),
                index,
                leaf: *leaf,
                proof,
            });
        }
        Ok(sealed)
    }
}

fn concat(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|h| h.as_bytes()).copied().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::disk::Fault;

    fn signer() -> Signer {
        Signer::new("candour.local/test", &[7; 32]).unwrap()
    }

    fn entry(i: usize) -> Vec<u8> {
        format!("{{\"at\":\"2026-11-24T00:00:00.{:03}Z\",\"by\":\"t\",\"kind\":\"T{i}\",\"version\":1}}", i % 1000).into_bytes()
    }

    /// Runs `batches` on a new ledger whose disk fails by `plan`, then reopens without faults.
    /// Returns how many entries were acknowledged and how many steps the disk took.
    fn run(plan: Option<(usize, Fault)>, batches: &[usize]) -> (usize, usize) {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("ledger");
        let disk = Disk {
            plan,
            ..Disk::default()
        };
        let (mut acknowledged, mut attempted, mut steps) = (0, 0, 0);
        match Ledger::create_on(&at, signer(), disk) {
            Ok(mut ledger) => {
                for batch in batches {
                    let entries: Vec<_> = (attempted..attempted + batch).map(entry).collect();
                    attempted += batch;
                    match ledger.append_entries(&entries) {
                        Ok(sealed) => {
                            acknowledged = attempted;
                            for s in sealed {
                                s.proof.verify(None, &signer().vkey()).unwrap();
                            }
                        }
                        Err(_) => {
                            assert!(matches!(
                                ledger.append_entries(&entries),
                                Err(LedgerError::Poisoned)
                            ));
                            break;
                        }
                    }
                }
                steps = ledger.disk.steps.load(Ordering::SeqCst);
            }
            Err(LedgerError::Storage { .. }) => {}
            Err(other) => panic!("{other}"),
        }
        // As the fault left it, before anything is repaired.
        if at.join("format").exists() {
            let report = crate::check(&at, None).unwrap_or_else(|f| panic!("{plan:?}: {f}"));
            assert!(report.entries >= acknowledged as u64, "{plan:?}");
        }
        let mut ledger = match Ledger::open(&at, signer()) {
            Ok(ledger) => ledger,
            Err(LedgerError::Missing(_)) => Ledger::create(&at, signer()).unwrap(),
            Err(other) => panic!("{plan:?}: {other}"),
        };
        let found = ledger.view().entries().unwrap();
        assert!(
            found.len() >= acknowledged && found.len() <= attempted,
            "{plan:?}"
        );
        assert!(
            found.iter().enumerate().all(|(i, e)| *e == entry(i)),
            "{plan:?}"
        );
        crate::check(&at, None).unwrap_or_else(|fault| panic!("{plan:?}: {fault}"));
        ledger.append_entries(&[entry(found.len())]).unwrap();
        crate::check(&at, None).unwrap_or_else(|fault| panic!("{plan:?} and one more: {fault}"));
        (acknowledged, steps)
    }

    #[test]
    // Verifies SRS-002.
    fn a_fault_at_every_step_of_the_store_loses_nothing_acknowledged() {
        // A batch that stays partial, one that crosses a tile, one that does so again.
        let batches = [3, 260, 250];
        let (all, steps) = run(None, &batches);
        assert_eq!(all, 513);
        assert!(steps > 60, "{steps}");
        for step in 0..steps {
            for fault in [Fault::Fails, Fault::FailsYetPersists, Fault::Killed] {
                let (acknowledged, _) = run(Some((step, fault)), &batches);
                assert!(
                    acknowledged < all || step + 12 > steps,
                    "{fault:?} at step {step} did not show"
                );
            }
        }
    }

    #[test]
    fn faults_while_a_crash_is_repaired_lose_nothing_either() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("ledger");
        let mut ledger = Ledger::create(&at, signer()).unwrap();
        let entries: Vec<_> = (0..300).map(entry).collect();
        ledger.append_entries(&entries).unwrap();
        // Put the published checkpoint back: what a kill right after the commit leaves.
        drop(ledger);
        let empty = Checkpoint {
            origin: "candour.local/test".into(),
            size: 0,
            root: tree::root(&[]),
        };
        for step in 0..60 {
            for fault in [Fault::Fails, Fault::FailsYetPersists, Fault::Killed] {
                fs::write(at.join("checkpoint"), signer().sign(&empty.body())).unwrap();
                fs::remove_dir_all(at.join("tile")).unwrap();
                let _ = Ledger::open_on(
                    &at,
                    signer(),
                    Disk {
                        plan: Some((step, fault)),
                        ..Disk::default()
                    },
                );
                let again = Ledger::open(&at, signer()).unwrap();
                assert_eq!(
                    again.view().entries().unwrap(),
                    entries,
                    "{fault:?} at {step}"
                );
                crate::check(&at, None).unwrap();
            }
        }
    }
}
