//! A device file as it was read: every answer with its place, and how conditions see it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::condition::{Known, Lookup, Truth};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, Severity};
use crate::law::Law;
use crate::schema::{Absent, Field, Kind, MODULE};

/// The longest device file in bytes, each included file likewise.
pub const FILE_BYTES_MAX: u64 = 4 << 20;
/// The longest text of one key in characters.
pub const TEXT_CHARS_MAX: usize = 20_000;

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text, a path or the value of a choice.
    Text(String),
    /// A list of texts or of values of choices, each with its place.
    List(Vec<(String, Place)>),
    /// `true` or `false`.
    Boolean(bool),
    /// A number.
    Number(f64),
    /// A list of tables.
    Tables(Vec<Block>),
    /// Answered with `unknown`.
    Unknown,
}

/// An answer and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// The answer.
    pub value: Value,
    /// Where its key stands.
    pub place: Place,
}

/// The answers of one section.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// Where it begins.
    pub place: Place,
    /// The answers by key.
    pub facts: BTreeMap<String, Fact>,
    /// The keys that stand there, those whose answer is at fault included.
    pub(crate) written: BTreeSet<String>,
    /// For a module: the sections that it answers for itself.
    pub inner: BTreeMap<String, Block>,
}

impl Block {
    /// A text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        match &self.facts.get(key)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A list of texts; empty where there is none.
    #[must_use]
    pub fn list(&self, key: &str) -> Vec<&str> {
        match self.facts.get(key).map(|f| &f.value) {
            Some(Value::List(items)) => items.iter().map(|(t, _)| t.as_str()).collect(),
            _ => Vec::new(),
        }
    }
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// As the user named it.
    pub(crate) name: String,
    text: String,
    /// Offset of each line's first byte.
    lines: Vec<usize>,
    /// Characters before each block of bytes.
    marks: Vec<usize>,
}

/// Characters are counted from here on, so that a place in a line of a megabyte costs no megabyte.
const MARK_BYTES: usize = 1024;

impl Source {
    pub(crate) fn new(name: String, text: String) -> Self {
        let lines = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(i, _)| i + 1))
            .collect();
        let marks = text
            .as_bytes()
            .chunks(MARK_BYTES)
            .scan(0, |sum, chunk| {
                let before = *sum;
                *sum += characters(chunk);
                Some(before)
            })
            .collect();
        Self {
            name,
            text,
            lines,
            marks,
        }
    }

    /// Characters before an offset.
    fn before(&self, offset: usize) -> usize {
        let block = offset / MARK_BYTES;
        let rest = self.text.as_bytes().get(block * MARK_BYTES..offset);
        self.marks
            .get(block)
            .map_or(0, |m| m + rest.map_or(0, characters))
    }

    pub(crate) fn place(&self, offset: usize) -> Place {
        let offset = offset.min(self.text.len().saturating_sub(1));
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        Place {
            file: self.name.clone(),
            line,
            column: self.before(offset).saturating_sub(self.before(start)) + 1,
        }
    }
}

/// How many characters begin in these bytes of UTF-8.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|b| (**b & 0xC0) != 0x80).count()
}

/// The folder that a device file stands in.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// The real path of a regular file below a folder; a link may not lead out of it.
///
/// # Errors
/// When there is no such file, it is not regular, or it lies outside.
pub fn within(folder: &Path, name: &str) -> io::Result<PathBuf> {
    let real = fs::canonicalize(folder.join(name))?;
    if !real.starts_with(fs::canonicalize(folder)?) {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it lies outside the device's folder",
        ));
    }
    if !real.is_file() {
        return Err(not_regular());
    }
    Ok(real)
}

/// The bytes of a regular file, at most one more than a device file or text may have.
///
/// # Errors
/// When it cannot be read or is not regular: a pipe would be waited for without end.
pub fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(not_regular());
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")
}

/// A device file with all that it includes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Description {
    pub(crate) sources: Vec<Source>,
    /// The sections by name.
    pub sections: BTreeMap<String, Block>,
    /// The sections that are written once for each thing, by name.
    pub repeated: BTreeMap<String, Vec<Block>>,
    /// What is wrong with the file, in order of place.
    pub faults: Diagnostics,
    /// The raw bytes of all files: what a digest of the device file covers.
    pub bytes: Vec<u8>,
}

impl Description {
    /// Reads a device file and the files it includes from its folder.
    ///
    /// # Errors
    /// When the device file itself cannot be read; all else is a fault in [`Self::faults`].
    pub fn open(law: &Law, path: &Path) -> io::Result<Self> {
        let include = |name: &str| read_bounded(&within(folder_of(path), name)?);
        let root = read_bounded(path)?;
        Ok(Self::read(law, &path.display().to_string(), root, &include))
    }

    /// Reads a device file from its bytes; `include` fetches a further file of its folder.
    #[must_use]
    pub fn read(
        law: &Law,
        name: &str,
        root: Vec<u8>,
        include: &dyn Fn(&str) -> io::Result<Vec<u8>>,
    ) -> Self {
        crate::reader::read(law, name, root, include)
    }

    /// The line of a file, for showing; at most 160 characters of it.
    #[must_use]
    pub fn line(&self, place: &Place) -> String {
        let Some(source) = self.sources.iter().find(|s| s.name == place.file) else {
            return String::new();
        };
        let start = source
            .lines
            .get(place.line.saturating_sub(1))
            .copied()
            .unwrap_or(source.text.len());
        source
            .text
            .get(start..)
            .and_then(|t| t.lines().next())
            .unwrap_or("")
            .chars()
            .take(160)
            .map(|c| if hidden(c) { '\u{fffd}' } else { c })
            .collect()
    }

    /// Where the device file begins.
    #[must_use]
    pub fn start(&self) -> Place {
        Place {
            file: self
                .sources
                .first()
                .map_or(String::new(), |s| s.name.clone()),
            line: 1,
            column: 1,
        }
    }

    /// The answer at a path of the top level.
    #[must_use]
    pub fn fact(&self, path: &str) -> Option<&Fact> {
        let (section, key) = path.split_once('.')?;
        self.sections.get(section)?.facts.get(key)
    }

    /// Where an answer stands, or the section it belongs to, or the start of the file.
    #[must_use]
    pub fn place(&self, path: &str) -> Place {
        let section = path.split('.').next().unwrap_or("");
        self.fact(path)
            .map(|f| &f.place)
            .or_else(|| self.sections.get(section).map(|b| &b.place))
            .or_else(|| self.repeated.get(section)?.first().map(|b| &b.place))
            .cloned()
            .unwrap_or_else(|| self.start())
    }

    /// The blocks of a repeated section.
    #[must_use]
    pub fn each(&self, section: &str) -> &[Block] {
        self.repeated.get(section).map_or(&[], Vec::as_slice)
    }

    /// What is classified by itself: each module, or the device where there is none.
    pub(crate) fn units(&self) -> Vec<Option<&Block>> {
        match self.each(MODULE) {
            [] => vec![None],
            modules => modules.iter().map(Some).collect(),
        }
    }

    /// What is missing for opening, validating and documenting the device, beside the faults.
    #[must_use]
    pub fn missing_for_use(&self, law: &Law) -> Vec<Diagnostic> {
        let mut out = Vec::new();
        let mut miss = |place: Place, what: String, clause: &str, remedy: String| {
            out.push(Diagnostic {
                severity: Severity::Error,
                code: String::new(),
                source: self.line(&place),
                place,
                what,
                why: String::new(),
                clause: clause.to_owned(),
                remedy,
                command: String::new(),
            });
        };
        for section in law.schema.section.iter().filter(|s| !s.repeat) {
            let needed = |f: &&Field| f.needed.is_some();
            if section.needed.is_none() && section.field.iter().filter(needed).count() == 0 {
                continue;
            }
            let Some(block) = self.sections.get(&section.name) else {
                miss(
                    self.start(),
                    format!("[{}] is missing", section.name),
                    &section.cite,
                    format!("add a section [{}]", section.name),
                );
                continue;
            };
            for field in section.field.iter().filter(needed) {
                // A key whose answer is at fault has been reported; it is not missing as well.
                if !block.written.contains(&field.key) {
                    miss(
                        block.place.clone(),
                        format!("{} is missing in [{}]", field.key, section.name),
                        &field.cite,
                        format!("add {} = {}", field.key, field.kind.example()),
                    );
                }
            }
        }
        out
    }
}

/// Characters that cannot be seen or that turn the direction of what follows.
pub(crate) fn hidden(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
        || (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

/// The device as a whole, or one module of it, as conditions see it.
pub(crate) struct Subject<'a> {
    pub(crate) law: &'a Law,
    pub(crate) device: &'a Description,
    /// The module whose answers go before those of the top level.
    pub(crate) module: Option<&'a Block>,
    /// The derived facts, `result.…`.
    pub(crate) results: &'a BTreeMap<String, Known>,
}

impl Subject<'_> {
    /// The answer that counts at a path.
    pub(crate) fn fact(&self, path: &str) -> Option<&Fact> {
        let (section, key) = path.split_once('.')?;
        self.module
            .and_then(|m| m.inner.get(section)?.facts.get(key))
            .or_else(|| self.device.fact(path))
    }
}

impl Lookup for Subject<'_> {
    fn known(&self, path: &str) -> Known {
        if path.starts_with("result.") {
            return self.results.get(path).cloned().unwrap_or(Known::Unknown);
        }
        if !path.contains('.') {
            return Known::Given(!self.device.each(path).is_empty());
        }
        let Some(field) = self.law.schema.field(path) else {
            return Known::Unknown;
        };
        let Some(fact) = self.fact(path) else {
            let settled = field
                .open_when
                .as_ref()
                .is_some_and(|w| w.truth(self) == Truth::No);
            return match (&field.absent, field.kind) {
                (Absent::Unknown, Kind::Boolean) if settled => Known::Boolean(false),
                (Absent::Unknown, Kind::Choice) if settled => Known::Choice("none".into()),
                (Absent::Unknown, _) => Known::Unknown,
                (Absent::Value(v), _) => Known::Choice(v.clone()),
                (_, Kind::Boolean) => Known::Boolean(false),
                (_, Kind::Choice) => Known::Choice("none".into()),
                (_, Kind::Choices) => Known::List(Vec::new()),
                _ => Known::Given(false),
            };
        };
        match (&fact.value, field.kind) {
            (Value::Unknown, _) => Known::Unknown,
            (Value::Boolean(b), _) => Known::Boolean(*b),
            (Value::Text(v), Kind::Choice) => Known::Choice(v.clone()),
            (Value::List(items), _) => Known::List(items.iter().map(|(t, _)| t.clone()).collect()),
            (Value::Tables(tables), _) => Known::Given(!tables.is_empty()),
            _ => Known::Given(true),
        }
    }
}
