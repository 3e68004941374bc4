//! Tables as they arrive: CSV, JSON lines and Parquet, with the place of each row kept, so that
//! every fault names file and row. Errors never repeat a cell's content: it may be personal.

use std::collections::BTreeMap;

use candour_record::Digest;

/// The longest file that is read.
pub const FILE_BYTES_MAX: u64 = 4 << 30;
/// The most rows of one file.
const ROWS_MAX: usize = 20_000_000;
/// The most columns of one file.
const COLUMNS_MAX: usize = 10_000;
/// Rows or columns that one error names at most.
const NAMED_MAX: usize = 5;
/// The longest column name of a file with separators: what is longer is a text and no name.
const NAME_CHARS_MAX: usize = 120;
/// How much of a column's name a message shows.
const SHOWN_CHARS: usize = 40;

/// A fault of a table, with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {what}", .row.map_or_else(String::new, |r| format!(":{r}")))]
pub struct TableError {
    /// The file's name.
    pub file: String,
    /// The line of the file (of CSV and JSON lines) or the row (of Parquet), from 1.
    pub row: Option<u64>,
    /// What is wrong, and what mends it.
    pub what: String,
}

/// A table of cells as text, column by column.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The file's name, for messages and for the report.
    pub name: String,
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// How many bytes.
    pub bytes: u64,
    columns: Vec<String>,
    /// One list of cells for each column.
    cells: Vec<Vec<String>>,
    /// The line or row of the file for each row of the table.
    places: Vec<u64>,
}

impl Table {
    /// Reads a file by the ending of its name: `.csv`, `.tsv`, `.jsonl`, `.ndjson`, `.parquet`.
    ///
    /// # Errors
    /// For an unknown ending, and for what the format forbids, with the row.
    pub fn read(name: &str, bytes: Vec<u8>) -> Result<Self, TableError> {
        let fault = |what: String| TableError {
            file: name.to_owned(),
            row: None,
            what,
        };
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(fault(format!(
                "longer than {} GiB; split it",
                FILE_BYTES_MAX >> 30
            )));
        }
        let ending = name.rsplit('.').next().unwrap_or("").to_ascii_lowercase();
        let digest = Digest::of(&bytes);
        let size = bytes.len() as u64;
        let mut out = match ending.as_str() {
            "csv" | "tsv" | "txt" => Self::csv(name, &bytes),
            "jsonl" | "ndjson" => Self::json_lines(name, &bytes),
            // The reader of Parquet panics on some damaged files.
            "parquet" => std::panic::catch_unwind(|| Self::parquet(name, bytes)).unwrap_or_else(|_| {
                Err(fault("cannot be read as Parquet: damaged; write it anew with plain columns".into()))
            }),
            _ => Err(fault(
                "the ending of the name says no format that is read; give .csv, .tsv, .jsonl, .ndjson or .parquet".into(),
            )),
        }?;
        out.digest = digest;
        out.bytes = size;
        if out.places.is_empty() {
            return Err(fault(
                "has a header but no row; nothing can be computed from it".into(),
            ));
        }
        Ok(out)
    }

    /// A table made in memory, such as sealed decisions; `digest` says what it was made from.
    ///
    /// # Errors
    /// When a row has another number of cells than there are columns, or a column's name is there twice.
    pub fn of_rows(
        name: &str,
        digest: Digest,
        columns: &[&str],
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> Result<Self, TableError> {
        let mut out = Self::empty(name, columns.iter().map(|c| (*c).to_owned()).collect())?;
        for (n, row) in rows.into_iter().enumerate() {
            out.push(n as u64 + 1, row)?;
        }
        out.digest = digest;
        Ok(out)
    }

    fn empty(name: &str, columns: Vec<String>) -> Result<Self, TableError> {
        let fault = |what: String| TableError {
            file: name.to_owned(),
            row: Some(1),
            what,
        };
        if columns.len() > COLUMNS_MAX {
            return Err(fault(format!(
                "has {} columns; at most {COLUMNS_MAX} are read",
                columns.len()
            )));
        }
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, column) in (1usize..).zip(&columns) {
            if column.is_empty() {
                return Err(fault(format!(
                    "column {at} has no name; name it in the header"
                )));
            }
            // By place and not by name: without a header the name is a patient's cell.
            if let Some(first) = seen.insert(column, at) {
                return Err(fault(format!(
                    "columns {first} and {at} have the same name; rename one (the first line must name the columns)"
                )));
            }
        }
        Ok(Self {
            name: name.to_owned(),
            digest: Digest::of(b""),
            bytes: 0,
            cells: vec![Vec::new(); columns.len()],
            columns,
            places: Vec::new(),
        })
    }

    fn push(&mut self, place: u64, row: Vec<String>) -> Result<(), TableError> {
        if row.len() != self.columns.len() {
            return Err(self.fault(
                Some(place),
                format!(
                    "has {} fields, the header has {}; quote cells that hold the separator",
                    row.len(),
                    self.columns.len()
                ),
            ));
        }
        if self.places.len() >= ROWS_MAX {
            return Err(self.fault(
                Some(place),
                format!("more than {ROWS_MAX} rows; split the file"),
            ));
        }
        for (column, cell) in self.cells.iter_mut().zip(row) {
            column.push(cell);
        }
        self.places.push(place);
        Ok(())
    }

    fn csv(name: &str, bytes: &[u8]) -> Result<Self, TableError> {
        let text = text_of(name, bytes)?;
        let separator = separator_of(text);
        quotes_of(text, separator).map_err(|(line, what)| TableError {
            file: name.to_owned(),
            row: Some(line),
            what,
        })?;
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(separator)
            .flexible(true)
            .from_reader(text.as_bytes());
        let unreadable = |e: &csv::Error| TableError {
            file: name.to_owned(),
            row: e.position().map(csv::Position::line),
            what: "cannot be read as CSV; save it anew as CSV in UTF-8".into(),
        };
        let header = reader
            .headers()
            .map_err(|e| unreadable(&e))?
            .iter()
            .map(|h| h.trim().to_owned())
            .collect::<Vec<String>>();
        if header.iter().all(String::is_empty) {
            return Err(TableError {
                file: name.to_owned(),
                row: Some(1),
                what: "is empty; the first line names the columns".into(),
            });
        }
        // In a table of one column a blank line may be an empty cell; CSV readers leave it out.
        if header.len() == 1 && !text.contains('"') {
            let blank = lines_of(text).position(|l| l.trim().is_empty());
            if let Some(at) = blank {
                return Err(TableError {
                    file: name.to_owned(),
                    row: Some(at as u64 + 1),
                    what: "is blank, which in a table of one column may be a missing value or nothing; write NA for a missing value, and no blank line".into(),
                });
            }
        }
        if let Some((at, sign)) = data_in(&header) {
            // The cell stays unsaid: without a header it is a patient's.
            return Err(TableError {
                file: name.to_owned(),
                row: Some(1),
                what: format!(
                    "the first line seems to hold data, not names: its column {at} {sign}; put a line before it that names each column, with a letter in each name (`class_1`, not `1`)"
                ),
            });
        }
        let mut out = Self::empty(name, header)?;
        // Lines are counted here: the reader's own count stops before the line feed of CRLF.
        let (mut line, mut counted) = (1u64, 0usize);
        for row in reader.records() {
            let row = row.map_err(|e| unreadable(&e))?;
            let mut start = row.position().map_or(counted, |p| p.byte() as usize);
            while text
                .as_bytes()
                .get(start)
                .is_some_and(|b| matches!(b, b'\r' | b'\n'))
            {
                start += 1;
            }
            let between = text.as_bytes().get(counted..start).unwrap_or_default();
            line += line_ends(between);
            counted = start.max(counted);
            out.push(line, row.iter().map(|c| c.trim().to_owned()).collect())?;
        }
        Ok(out)
    }

    fn json_lines(name: &str, bytes: &[u8]) -> Result<Self, TableError> {
        let text = text_of(name, bytes)?;
        let wrong = |line: u64, what: String| TableError {
            file: name.to_owned(),
            row: Some(line),
            what,
        };
        let mut columns: Vec<String> = Vec::new();
        let mut place: BTreeMap<String, usize> = BTreeMap::new();
        let mut rows: Vec<(u64, BTreeMap<usize, String>)> = Vec::new();
        for (line, text) in (1u64..).zip(text.lines()) {
            if text.trim().is_empty() {
                continue;
            }
            let object: Members = serde_json::from_str(text).map_err(|e| {
                wrong(line, format!("is not a JSON object of plain values (column {}): each line is one object, each member a text, number, true, false or null, each name once", e.column()))
            })?;
            let mut row = BTreeMap::new();
            for (key, value) in object.0 {
                let at = *place.entry(key.clone()).or_insert_with(|| {
                    columns.push(key);
                    columns.len() - 1
                });
                row.insert(at, value);
            }
            if rows.len() >= ROWS_MAX {
                return Err(wrong(
                    line,
                    format!("more than {ROWS_MAX} rows; split the file"),
                ));
            }
            rows.push((line, row));
        }
        if columns.is_empty() {
            return Err(wrong(
                1,
                "holds no object; each line is one JSON object".into(),
            ));
        }
        let width = columns.len();
        let mut out = Self::empty(name, columns)?;
        for (line, mut row) in rows {
            let cells = (0..width)
                .map(|c| row.remove(&c).unwrap_or_default())
                .collect();
            out.push(line, cells)?;
        }
        Ok(out)
    }

    fn parquet(name: &str, bytes: Vec<u8>) -> Result<Self, TableError> {
        use parquet::file::reader::{FileReader as _, SerializedFileReader};
        use parquet::record::Field;
        // The reader's own words may repeat what the file holds.
        let unreadable = || {
            TableError {
            file: name.to_owned(),
            row: None,
            what: "cannot be read as Parquet: damaged, encrypted or of an unknown encoding; write it anew with plain columns".into(),
        }
        };
        let reader =
            SerializedFileReader::new(bytes::Bytes::from(bytes)).map_err(|_| unreadable())?;
        let schema = reader.metadata().file_metadata().schema();
        let mut columns = Vec::new();
        for field in schema.get_fields() {
            if !field.is_primitive() {
                return Err(TableError {
                    file: name.to_owned(),
                    row: None,
                    what: format!(
                        "column `{}` is nested; only plain columns are read",
                        shown(field.name())
                    ),
                });
            }
            columns.push(field.name().to_owned());
        }
        if columns.is_empty() {
            return Err(unreadable());
        }
        let mut out = Self::empty(name, columns)?;
        let rows = reader.get_row_iter(None).map_err(|_| unreadable())?;
        for (n, row) in (1u64..).zip(rows) {
            let row = row.map_err(|_| unreadable())?;
            let mut cells = Vec::with_capacity(out.columns.len());
            for (_, field) in row.get_column_iter() {
                cells.push(match field {
                    Field::Null => String::new(),
                    Field::Bool(v) => v.to_string(),
                    Field::Byte(v) => v.to_string(),
                    Field::Short(v) => v.to_string(),
                    Field::Int(v) => v.to_string(),
                    Field::Long(v) => v.to_string(),
                    Field::UByte(v) => v.to_string(),
                    Field::UShort(v) => v.to_string(),
                    Field::UInt(v) => v.to_string(),
                    Field::ULong(v) => v.to_string(),
                    Field::Float(v) => v.to_string(),
                    Field::Double(v) => v.to_string(),
                    Field::Str(v) => v.trim().to_owned(),
                    other => other.to_string(),
                });
            }
            out.push(n, cells)?;
        }
        Ok(out)
    }

    /// How many rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.places.len()
    }

    /// The names of the columns.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The cells of a column.
    ///
    /// # Errors
    /// When there is no such column; the message names the few that are spelled most like it.
    pub fn column(&self, name: &str) -> Result<&[String], TableError> {
        self.columns
            .iter()
            .position(|c| c == name)
            .and_then(|at| self.cells.get(at))
            .map(Vec::as_slice)
            .ok_or_else(|| {
                let mut known: Vec<&str> = self.columns.iter().map(String::as_str).collect();
                known.sort_by_key(|k| distance(k, name));
                let near: Vec<String> = known.iter().take(NAMED_MAX).map(|k| shown(k)).collect();
                let more = match known.len().saturating_sub(near.len()) {
                    0 => String::new(),
                    n => format!(" and {n} more"),
                };
                self.fault(
                    None,
                    format!(
                        "has no column `{}`; it has, the nearest first: {}{more}",
                        shown(name),
                        near.join(", ")
                    ),
                )
            })
    }

    /// The line or row of the file of a row of the table.
    #[must_use]
    pub fn place(&self, row: usize) -> u64 {
        self.places.get(row).copied().unwrap_or(0)
    }

    /// A fault of this table.
    #[must_use]
    pub fn fault(&self, row: Option<u64>, what: impl Into<String>) -> TableError {
        TableError {
            file: self.name.clone(),
            row,
            what: what.into(),
        }
    }

    /// Adds a column, such as one that was computed from others.
    ///
    /// # Errors
    /// When it has another length or its name is taken.
    pub fn add(&mut self, name: &str, cells: Vec<String>) -> Result<(), TableError> {
        if self.columns.iter().any(|c| c == name) {
            return Err(self.fault(
                None,
                format!("already has a column `{}`; rename it", shown(name)),
            ));
        }
        if cells.len() != self.rows() {
            return Err(self.fault(
                None,
                format!("column `{}` has another number of rows", shown(name)),
            ));
        }
        self.columns.push(name.to_owned());
        self.cells.push(cells);
        Ok(())
    }

    /// The rows for which `keep` holds.
    #[must_use]
    pub fn filtered(&self, keep: &[bool]) -> Self {
        let pick = |cells: &Vec<String>| -> Vec<String> {
            cells
                .iter()
                .zip(keep)
                .filter(|(_, k)| **k)
                .map(|(c, _)| c.clone())
                .collect()
        };
        Self {
            name: self.name.clone(),
            digest: self.digest,
            bytes: self.bytes,
            columns: self.columns.clone(),
            cells: self.cells.iter().map(pick).collect(),
            places: self
                .places
                .iter()
                .zip(keep)
                .filter(|(_, k)| **k)
                .map(|(p, _)| *p)
                .collect(),
        }
    }

    /// Places of rows that share their key with an earlier row, by the key's columns.
    fn keys(&self, key: &[String]) -> Result<Vec<Vec<&str>>, TableError> {
        let columns: Vec<&[String]> = key
            .iter()
            .map(|k| self.column(k))
            .collect::<Result<_, _>>()?;
        let keys: Vec<Vec<&str>> = (0..self.rows())
            .map(|r| {
                columns
                    .iter()
                    .map(|c| c.get(r).map_or("", String::as_str))
                    .collect()
            })
            .collect();
        if let Some(row) = keys.iter().position(|k| k.iter().any(|c| c.is_empty())) {
            return Err(self.fault(
                Some(self.place(row)),
                format!("the key ({}) is empty; name the case", key.join(", ")),
            ));
        }
        Ok(keys)
    }

    /// Refuses rows that share their key.
    ///
    /// # Errors
    /// With the places of the first few.
    pub fn unique(&self, key: &[String]) -> Result<(), TableError> {
        let keys = self.keys(key)?;
        let mut seen: BTreeMap<&[&str], usize> = BTreeMap::new();
        let mut twice = Vec::new();
        for (row, key) in keys.iter().enumerate() {
            if let Some(first) = seen.get(key.as_slice()) {
                twice.push((self.place(row), self.place(*first)));
            } else {
                seen.insert(key, row);
            }
        }
        match twice.first() {
            None => Ok(()),
            Some((row, first)) => Err(self.fault(
                Some(*row),
                format!(
                    "has the key ({}) of row {first}; {} row(s) repeat a key: {}; keep one of each, or name further columns in `key`",
                    key.join(", "),
                    twice.len(),
                    places(twice.iter().map(|t| t.0))
                ),
            )),
        }
    }

    /// Joins `other` to this table by `key` (columns of both). Each row of this table takes the one
    /// row of `other` with its key; several rows here may take the same one. Rows without a partner
    /// are refused, or left out where `exclude` is set; the answer says how many were left out on
    /// either side.
    ///
    /// # Errors
    /// For keys that repeat in `other`, columns of the same name, rows without a partner.
    pub fn join(
        &self,
        other: &Self,
        key: &[String],
        exclude: bool,
    ) -> Result<(Self, Unmatched), TableError> {
        other.unique(key)?;
        let theirs = other.keys(key)?;
        let index: BTreeMap<&[&str], usize> = theirs
            .iter()
            .enumerate()
            .map(|(r, k)| (k.as_slice(), r))
            .collect();
        let mine = self.keys(key)?;
        let partner: Vec<Option<usize>> = mine
            .iter()
            .map(|k| index.get(k.as_slice()).copied())
            .collect();
        let mut used = vec![false; other.rows()];
        for at in partner.iter().flatten() {
            if let Some(slot) = used.get_mut(*at) {
                *slot = true;
            }
        }
        let lonely: Vec<u64> = partner
            .iter()
            .enumerate()
            .filter(|(_, p)| p.is_none())
            .map(|(r, _)| self.place(r))
            .collect();
        let unused: Vec<u64> = used
            .iter()
            .enumerate()
            .filter(|(_, u)| !**u)
            .map(|(r, _)| other.place(r))
            .collect();
        let unmatched = Unmatched {
            here: lonely.len(),
            there: unused.len(),
        };
        if !exclude {
            let remedy = "complete the files, or set data.unmatched = \"exclude\" with a reason";
            if let Some(row) = lonely.first() {
                return Err(self.fault(
                    Some(*row),
                    format!(
                        "{} row(s) have no partner in {}: {}; {remedy}",
                        lonely.len(),
                        other.name,
                        places(lonely.iter().copied())
                    ),
                ));
            }
            if let Some(row) = unused.first() {
                return Err(other.fault(
                    Some(*row),
                    format!(
                        "{} row(s) have no partner in {}: {}; {remedy}",
                        unused.len(),
                        self.name,
                        places(unused.iter().copied())
                    ),
                ));
            }
        }
        let keep: Vec<bool> = partner.iter().map(Option::is_some).collect();
        let mut out = self.filtered(&keep);
        for (column, cells) in other.columns.iter().zip(&other.cells) {
            if key.contains(column) {
                continue;
            }
            let picked = partner
                .iter()
                .flatten()
                .map(|at| cells.get(*at).cloned().unwrap_or_default())
                .collect();
            out.add(column, picked).map_err(|_| {
                other.fault(
                    None,
                    format!(
                        "column `{}` is also in {}; rename one, so that the plan can tell them apart",
                        shown(column),
                        self.name
                    ),
                )
            })?;
        }
        Ok((out, unmatched))
    }
}

/// Rows without a partner, on either side of a join.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unmatched {
    /// Rows of the first table.
    pub here: usize,
    /// Rows of the joined table.
    pub there: usize,
}

/// The members of one object, names once, values plain.
struct Members(Vec<(String, String)>);

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of plain values")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Members, A::Error> {
                use serde::de::Error as _;
                let mut members: Vec<(String, String)> = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, serde_json::Value>()? {
                    if members.iter().any(|(k, _)| *k == key) || members.len() >= COLUMNS_MAX {
                        return Err(A::Error::custom("a name is there twice"));
                    }
                    members.push((
                        key,
                        match value {
                            serde_json::Value::Null => String::new(),
                            serde_json::Value::Bool(b) => b.to_string(),
                            serde_json::Value::Number(n) => {
                                // Beyond 2^53 a whole number has lost digits, and keys may merge.
                                let lost = n.as_f64().is_some_and(|v| {
                                    n.is_f64() && v.fract() == 0.0 && v.abs() > 9.0e15
                                });
                                if lost {
                                    return Err(A::Error::custom(
                                        "a number is too long; write it as a text",
                                    ));
                                }
                                n.to_string()
                            }
                            serde_json::Value::String(s) => s.trim().to_owned(),
                            _ => return Err(A::Error::custom("a value is not plain")),
                        },
                    ));
                }
                Ok(Members(members))
            }
        }
        d.deserialize_map(Visitor)
    }
}

fn text_of<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, TableError> {
    let fault = |row: Option<u64>, what: &str| TableError {
        file: name.to_owned(),
        row,
        what: what.to_owned(),
    };
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(fault(None, "is UTF-16; save it as UTF-8"));
    }
    let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    if bytes.is_empty() {
        return Err(fault(None, "is empty; the first line names the columns"));
    }
    if bytes.contains(&0) {
        return Err(fault(
            None,
            "holds null bytes: it is UTF-16 or no text; save it as UTF-8",
        ));
    }
    std::str::from_utf8(bytes).map_err(|e| {
        let line = bytes.get(..e.valid_up_to()).map_or(0, line_ends);
        fault(Some(line + 1), "is not UTF-8; save it as UTF-8")
    })
}

/// The separator that the header uses most: comma, semicolon or tab.
fn separator_of(text: &str) -> u8 {
    let header = lines_of(text).find(|l| !l.trim().is_empty()).unwrap_or("");
    // What stands within quotes separates nothing.
    let count = |c: char| {
        header
            .split('"')
            .step_by(2)
            .map(|part| part.matches(c).count())
            .sum::<usize>()
    };
    let (comma, semicolon, tab) = (count(','), count(';'), count('\t'));
    if tab > comma && tab >= semicolon {
        b'\t'
    } else if semicolon > comma {
        b';'
    } else {
        b','
    }
}

/// How many lines end in these bytes: by LF, by CRLF, or by CR alone.
fn line_ends(bytes: &[u8]) -> u64 {
    let after = bytes.iter().skip(1).map(Some).chain([None]);
    let ends = bytes.iter().zip(after);
    ends.filter(|(b, next)| **b == b'\n' || (**b == b'\r' && *next != Some(&b'\n')))
        .count() as u64
}

/// The lines of a text, whether they end by LF, CRLF or CR alone; an end at the end opens no line.
fn lines_of(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text).filter(|t| !t.is_empty());
    std::iter::from_fn(move || {
        let text = rest?;
        let (line, after) = match text.split_once(['\r', '\n']) {
            None => (text, ""),
            // What stands before the end of the line says which end it was.
            Some((line, after)) if text.as_bytes().get(line.len()) == Some(&b'\r') => {
                (line, after.strip_prefix('\n').unwrap_or(after))
            }
            Some(parts) => parts,
        };
        rest = Some(after).filter(|t| !t.is_empty());
        Some(line)
    })
}

/// Refuses quotes that the reader would take in silence: one that is never closed takes all rows
/// behind it into its cell, and one that a later cell's quote closes takes the rows between. The
/// rules are the reader's: a quote opens at the very start of a cell only, and two within quotes are one.
fn quotes_of(text: &str, separator: u8) -> Result<(), (u64, String)> {
    enum At {
        Start,
        Plain,
        Quoted,
        /// Behind a quote within quotes, which ends them unless another follows.
        Closing,
        /// Behind the quotes, where only blanks may stand before the separator.
        Closed,
    }
    let (mut at, mut line, mut opened, mut closed) = (At::Start, 1u64, 1u64, 1u64);
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        let end = byte == b'\n' || byte == b'\r';
        at = match at {
            At::Quoted if byte == b'"' => {
                closed = line;
                At::Closing
            }
            At::Quoted => At::Quoted,
            At::Closing if byte == b'"' => At::Quoted,
            _ if end || byte == separator => At::Start,
            At::Start if byte == b'"' => {
                opened = line;
                At::Quoted
            }
            At::Start | At::Plain => At::Plain,
            // The reader keeps the blanks, and all blanks around a cell are dropped.
            At::Closing | At::Closed if byte == b' ' || byte == b'\t' => At::Closed,
            At::Closing | At::Closed => {
                return Err((
                    opened,
                    format!(
                        "a quote is opened here and closed on line {closed}, but text follows it in the same cell: a quote is missing or one too many; put the whole cell in quotes, and write each quote within it twice"
                    ),
                ));
            }
        };
        if end && !(byte == b'\r' && bytes.peek() == Some(&b'\n')) {
            line += 1;
        }
    }
    match at {
        At::Quoted => Err((
            opened,
            "a quote is opened and never closed; close it, or put the cell in quotes and write each quote within it twice".into(),
        )),
        _ => Ok(()),
    }
}

/// The first column, from 1, whose name in a header of a file with separators is more likely a cell,
/// and the sign of it. A name without any letter, a number or a date is no name that a person gives.
fn data_in(header: &[String]) -> Option<(usize, &'static str)> {
    (1usize..).zip(header).find_map(|(at, name)| {
        let digit = name.bytes().any(|b| b.is_ascii_digit());
        let signs = name
            .bytes()
            .all(|b| b.is_ascii_digit() || b.is_ascii_punctuation() || b == b' ');
        // `nan` and `inf`, which parse too, may be names.
        if digit && name.parse::<f64>().is_ok() {
            Some((at, "is a number"))
        } else if digit && (signs || is_time(name)) {
            Some((at, "is a number, a date or a time"))
        } else if name.chars().count() > NAME_CHARS_MAX {
            Some((at, "is longer than a name (120 characters)"))
        } else {
            None
        }
    })
}

/// Whether a text is a date or a time of ISO 8601, such as `2024-05-31T10:00:00Z`.
fn is_time(text: &str) -> bool {
    let Some((date, time)) = text.as_bytes().split_at_checked(10) else {
        return false;
    };
    // `2024-05-31_volume` may be a name.
    let ends = matches!(time, [] | [b'T' | b't' | b' ', b'0'..=b'9', ..]);
    ends && (0usize..).zip(date).all(|(n, b)| match n {
        4 | 7 => *b == b'-',
        _ => b.is_ascii_digit(),
    })
}

fn places(rows: impl Iterator<Item = u64>) -> String {
    let rows: Vec<u64> = rows.collect();
    let named: Vec<String> = rows.iter().take(NAMED_MAX).map(u64::to_string).collect();
    if rows.len() > NAMED_MAX {
        format!(
            "rows {} and {} more",
            named.join(", "),
            rows.len() - NAMED_MAX
        )
    } else {
        format!("rows {}", named.join(", "))
    }
}

/// A column's name cut to a length that fits a message.
fn shown(name: &str) -> String {
    let mut out: String = name.chars().take(SHOWN_CHARS).collect();
    if out.len() < name.len() {
        out.push('…');
    }
    out
}

/// Levenshtein distance on characters, for naming the nearest name first.
#[must_use]
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (cb, above) in b.iter().zip(row.iter().skip(1)) {
            let cost = usize::from(ca != *cb);
            let value = (diagonal + cost).min(above + 1).min(left + 1);
            diagonal = *above;
            left = value;
            next.push(value);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
