//! Everything recomputed: every leaf, tile, root and signature, and the first wrong byte named.
//!
//! A kill may come between a batch's commit and the publication of its last file. Such a batch is part
//! of the log, so the check covers it: what is not yet on its place is read from `private/pending`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use candour_record::Digest;

use crate::checkpoint::{Checkpoint, Vkey};
use crate::store::{FORMAT, PENDING_PATH, parse_pending};
use crate::tile::{self, WIDTH};
use crate::tree;

/// What a check covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// The checkpoint everything leads to: the published one, or that of a committed batch which a
    /// kill kept from being published.
    pub checkpoint: Checkpoint,
    /// Entries that are committed but not yet published; the next opening for writing publishes them.
    pub unpublished: u64,
    /// The key it is signed with.
    pub vkey: Vkey,
    /// Entries whose leaf hash was recomputed.
    pub entries: u64,
    /// Files read.
    pub files: usize,
    /// Bytes read.
    pub bytes: u64,
}

/// The first thing found wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {what}", .offset.map_or(String::new(), |o| format!(", byte {o}")))]
pub struct Fault {
    /// The file, relative to the ledger's folder.
    pub file: String,
    /// The first wrong byte, or the first byte of the entry or line that is wrong where a hash or
    /// a signature cannot tell more; `None` when the file as a whole is missing or surplus.
    pub offset: Option<u64>,
    /// What is wrong with it.
    pub what: String,
}

fn fault(file: &str, offset: impl Into<Option<usize>>, what: impl Into<String>) -> Fault {
    Fault {
        file: file.to_owned(),
        offset: offset.into().map(|o| o as u64),
        what: what.into(),
    }
}

fn list(dir: &Path, below: &str, out: &mut BTreeSet<String>) -> io::Result<()> {
    for item in std::fs::read_dir(dir.join(below))? {
        let item = item?;
        let name = item.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() {
            name
        } else {
            format!("{below}/{name}")
        };
        if path == "private" {
            if dir.join(PENDING_PATH).is_file() {
                out.insert(PENDING_PATH.to_owned());
            }
        } else if item.file_type()?.is_dir() {
            list(dir, &path, out)?;
        } else {
            out.insert(path);
        }
    }
    Ok(())
}

/// Checks the ledger in `dir`, against `expected` if the public key is known from elsewhere. A writer
/// may be at work meanwhile.
///
/// # Errors
/// The first [`Fault`].
pub fn check(dir: &Path, expected: Option<&Vkey>) -> Result<CheckReport, Fault> {
    // What a writer changes between two reads of ours looks like a fault. One that is found while
    // checkpoint and batch stayed the same is real.
    let state = || {
        ["checkpoint", PENDING_PATH].map(|path| {
            std::fs::read(dir.join(path))
                .ok()
                .map(|bytes| Digest::of(&bytes))
        })
    };
    let mut before = state();
    loop {
        let result = check_once(dir, expected);
        let after = state();
        if result.is_ok() || before == after {
            return result;
        }
        before = after;
    }
}

fn check_once(dir: &Path, expected: Option<&Vkey>) -> Result<CheckReport, Fault> {
    let mut files = BTreeSet::new();
    list(dir, "", &mut files).map_err(|e| {
        fault(
            &dir.to_string_lossy(),
            None,
            format!("cannot be listed: {e}"),
        )
    })?;
    check_files(&files, &|path| std::fs::read(dir.join(path)), expected)
}

/// Files by path.
type Files = BTreeMap<String, Vec<u8>>;

/// The last committed batch: its files and its checkpoint.
fn pending(
    files: &BTreeSet<String>,
    read: &dyn Fn(&str) -> io::Result<Vec<u8>>,
    vkey: &Vkey,
) -> Result<Option<(Files, Checkpoint)>, Fault> {
    let wrong = |what: String| fault(PENDING_PATH, 0, what);
    if !files.contains(PENDING_PATH) {
        return Ok(None);
    }
    let bytes = read(PENDING_PATH)
        .map_err(|e| fault(PENDING_PATH, None, format!("cannot be read: {e}")))?;
    let batch = parse_pending(&bytes)
        .ok_or_else(|| wrong("not the batch that was written, by its digest".into()))?;
    let batch: Files = batch.into_iter().collect();
    let note = batch
        .get("checkpoint")
        .map(|note| String::from_utf8_lossy(note).into_owned())
        .ok_or_else(|| wrong("the batch has no checkpoint".into()))?;
    let checkpoint = Checkpoint::open(&note, vkey).map_err(|e| wrong(e.to_string()))?;
    Ok(Some((batch, checkpoint)))
}

/// As [`check`], on any set of files.
///
/// # Errors
/// The first [`Fault`].
pub fn check_files(
    files: &BTreeSet<String>,
    read: &dyn Fn(&str) -> io::Result<Vec<u8>>,
    expected: Option<&Vkey>,
) -> Result<CheckReport, Fault> {
    let mut seen: BTreeSet<String> = BTreeSet::from([PENDING_PATH.to_owned()]);
    let mut bytes_read = 0;
    // Files of a committed batch that is not published yet; none in a ledger at rest.
    let mut overlay = Files::new();
    let get = |path: &str, overlay: &Files| match read(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => overlay
            .get(path)
            .cloned()
            .ok_or_else(|| (path.to_owned(), e)),
        other => other.map_err(|e| (path.to_owned(), e)),
    };
    let unreadable =
        |(path, e): (String, io::Error)| fault(&path, None, format!("cannot be read: {e}"));
    let mut take = |path: String, overlay: &Files| -> Result<(String, Vec<u8>), Fault> {
        let bytes = get(&path, overlay).map_err(unreadable)?;
        bytes_read += bytes.len() as u64;
        seen.insert(path.clone());
        Ok((path, bytes))
    };

    let (path, bytes) = take("format".into(), &overlay)?;
    compare(
        &path,
        &bytes,
        FORMAT.as_bytes(),
        "not the format this release writes",
    )?;
    let (path, bytes) = take("vkey".into(), &overlay)?;
    let text = String::from_utf8(bytes)
        .map_err(|e| fault(&path, e.utf8_error().valid_up_to(), "not UTF-8"))?;
    let line = text
        .strip_suffix('\n')
        .ok_or_else(|| fault(&path, text.len(), "the line does not end"))?;
    let vkey: Vkey = line.parse().map_err(|e| fault(&path, 0, format!("{e}")))?;
    if let Some(expected) = expected.filter(|e| **e != vkey) {
        return Err(fault(
            &path,
            0,
            format!("the key is not the expected one, {expected}"),
        ));
    }
    let (path, bytes) = take("checkpoint".into(), &overlay)?;
    let note = String::from_utf8(bytes).map_err(|e| {
        let valid = e.utf8_error().valid_up_to();
        let line = e
            .as_bytes()
            .iter()
            .take(valid)
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        fault(&path, line, "this line is not UTF-8")
    })?;
    let published = Checkpoint::open(&note, &vkey).map_err(|e| fault(&path, 0, format!("{e}")))?;
    let batch = pending(files, read, &vkey)?;
    let checkpoint = match &batch {
        Some((batch, ahead)) if ahead.size > published.size => {
            overlay.clone_from(batch);
            ahead.clone()
        }
        _ => published.clone(),
    };
    let size = checkpoint.size;

    // Leaves from the entries, and from the tiles.
    let (mut leaves, mut places, mut stored) = (Vec::new(), Vec::new(), Vec::new());
    for bundle in 0..size.div_ceil(WIDTH) {
        let width = (size - bundle * WIDTH).min(WIDTH);
        let (path, bytes) = take(tile::bundle_path(bundle, width), &overlay)?;
        let (tile_file, tile_bytes) = take(tile::tile_path(0, bundle, width), &overlay)?;
        let hashes = tile::hashes(&tile_bytes).filter(|h| h.len() as u64 == width);
        stored.extend(
            hashes.ok_or_else(|| {
                fault(&tile_file, tile_bytes.len(), format!("not {width} hashes"))
            })?,
        );
        let (entries, whole) = tile::entries(&bytes);
        for (at, entry) in &entries {
            leaves.push(tree::leaf_hash(entry));
            places.push((path.clone(), *at));
        }
        // Where an entry's length is wrong the bundle falls apart behind it; the first leaf that
        // differs from the tile tells where.
        if !whole || entries.len() as u64 != width {
            let first = leaves.iter().zip(&stored).position(|(a, b)| a != b);
            let end = entries.last().map_or(0, |(at, entry)| at + 2 + entry.len());
            let at = first
                .and_then(|i| places.get(i))
                .filter(|(file, _)| *file == path)
                .map_or(end, |(_, at)| *at);
            return Err(fault(
                &path,
                at,
                format!("{} entries read where {width} belong", entries.len()),
            ));
        }
    }
    let from_entries = tree::root(&leaves);
    if let Some(i) = leaves.iter().zip(&stored).position(|(a, b)| a != b) {
        let (bundle, at) = places.get(i).cloned().unwrap_or_default();
        if from_entries == checkpoint.root {
            let width = (size - i as u64 / WIDTH * WIDTH).min(WIDTH);
            let file = tile::tile_path(0, i as u64 / WIDTH, width);
            let good = leaves.get(i).map(|d| *d.as_bytes()).unwrap_or_default();
            let bad = stored.get(i).map(|d| *d.as_bytes()).unwrap_or_default();
            let byte = good.iter().zip(&bad).position(|(a, b)| a != b).unwrap_or(0);
            return Err(fault(
                &file,
                (i % 256) * 32 + byte,
                format!("the tile's hash of entry {i} is wrong"),
            ));
        }
        return Err(fault(
            &bundle,
            at,
            format!("entry {i}, which begins here, is not the one that was sealed"),
        ));
    }
    let root_at = |size: u64| {
        let leaves = usize::try_from(size).ok().and_then(|n| leaves.get(..n));
        leaves.map(tree::root)
    };
    if root_at(published.size) != Some(published.root) {
        return Err(fault(
            "checkpoint",
            note.find('\n').unwrap_or(0) + 1,
            "the signed root is not that of these entries and tiles",
        ));
    }
    if let Some((_, last)) = &batch
        && root_at(last.size) != Some(last.root)
    {
        return Err(fault(
            PENDING_PATH,
            0,
            "the batch's signed root is not that of these entries and tiles",
        ));
    }

    // The tiles above, from what was just proved.
    let mut below = leaves;
    for level in 1..8 {
        let full = below.as_chunks::<256>().0;
        if full.is_empty() {
            break;
        }
        let row: Vec<Digest> = full.iter().map(|tile| tree::root(tile)).collect();
        for (index, hashes) in row.chunks(256).enumerate() {
            let (path, bytes) = take(
                tile::tile_path(level, index as u64, hashes.len() as u64),
                &overlay,
            )?;
            compare(
                &path,
                &bytes,
                &bytes_of(hashes),
                "the tile's hash is not that of the tiles below it",
            )?;
        }
        below = row;
    }

    // Earlier partial tiles must be beginnings of what is there now; anything else is surplus.
    for path in files.difference(&seen.clone()) {
        let current = path
            .split_once(".p/")
            .and_then(|(stem, width)| Some((stem, width.parse::<usize>().ok()?)));
        let Some((stem, width)) = current.filter(|(_, w)| (1..256).contains(w)) else {
            return Err(fault(path, None, "no such file belongs in a ledger"));
        };
        let now = seen
            .iter()
            .find(|p| *p == stem || p.split_once(".p/").is_some_and(|(s, _)| s == stem))
            .cloned();
        let now = now.ok_or_else(|| fault(path, None, "no such file belongs in a ledger"))?;
        let bytes = get(path, &overlay).map_err(unreadable)?;
        bytes_read += bytes.len() as u64;
        let now = get(&now, &overlay).map_err(unreadable)?;
        let end = if path.starts_with("tile/entries/") {
            let (entries, _) = tile::entries(&now);
            entries.get(width).map_or(now.len(), |(at, _)| *at)
        } else {
            (width * 32).min(now.len())
        };
        compare(
            path,
            &bytes,
            now.get(..end).unwrap_or_default(),
            "not the beginning of the tile or bundle it preceded",
        )?;
    }
    // What the batch says must be what is on its place, if it is there (a full tile replaces a partial).
    for (path, bytes) in batch.iter().flat_map(|(files, _)| files) {
        let differs = path != "checkpoint"
            && files.contains(path)
            && get(path, &overlay).map_err(unreadable)? != *bytes;
        if differs {
            return Err(fault(
                PENDING_PATH,
                0,
                format!("the batch has another {path} than the log"),
            ));
        }
    }
    Ok(CheckReport {
        unpublished: checkpoint.size - published.size,
        checkpoint,
        vkey,
        entries: size,
        files: files.len(),
        bytes: bytes_read,
    })
}

fn bytes_of(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|h| h.as_bytes()).copied().collect()
}

fn compare(file: &str, found: &[u8], expected: &[u8], what: &str) -> Result<(), Fault> {
    if found == expected {
        return Ok(());
    }
    let at = found
        .iter()
        .zip(expected)
        .position(|(a, b)| a != b)
        .unwrap_or(found.len().min(expected.len()));
    Err(fault(file, at, what))
}
