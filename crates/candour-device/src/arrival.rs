//! What arrives: DICOM by study, or rows of a table; and the bytes in which it is kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candour_dicom::{Instance, PatientIdentity, Study, source};
use candour_record::Phi;

const DICOM_MAGIC: &[u8] = b"CNDRDCM1";
const ROW_MAGIC: &[u8] = b"CNDRROW1";
/// Media Storage Directory Storage (PS3.4 B.5).
const MEDIA_DIRECTORY: &str = "1.2.840.10008.1.3.10";
/// The most rows a table may hold.
const MAX_ROWS: usize = 1_000_000;
const MAX_TABLE_BYTES: u64 = 256 << 20;

/// A row of a table of measurements.
#[derive(Clone)]
pub struct Row {
    /// The case's identifier: personal data.
    pub case: Phi<String>,
    /// The other columns by name.
    pub values: BTreeMap<String, String>,
}

/// What arrived, parsed.
#[derive(Clone)]
pub enum Content {
    /// A DICOM study.
    Dicom(Study),
    /// A row.
    Row(Row),
}

/// One study as it arrived.
#[derive(Clone)]
pub struct Arrival {
    /// Parsed.
    pub content: Content,
    /// As received: each instance's bytes, or the row's text.
    pub bytes: Vec<Vec<u8>>,
}

/// Why an arrival is none. Never holds anything of the input but numbers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArrivalError {
    /// Not readable.
    #[error("{0}")]
    Unreadable(String),
    /// The stored bytes are not what was stored.
    #[error("the kept bytes are not an arrival")]
    Kept,
}

/// Where a study comes from; read when its turn comes, so that memory holds a few studies only.
#[derive(Clone, Debug)]
pub enum Source {
    /// These files are one study.
    Files(Vec<PathBuf>),
    /// One entry of an archive after the other (all studies of it are read together).
    Archive(PathBuf),
    /// A row of a table: header and row as text.
    Row(Vec<u8>),
    /// Something that could not be read at all: what is said of it.
    Unreadable(String),
}

/// Finds the studies below `paths` and sorts files into studies.
///
/// # Errors
/// When a path is not there or cannot be listed. What can be listed but not read is a
/// [`Source::Unreadable`], which leaves a record.
pub fn sources(
    paths: &[PathBuf],
    found: &mut dyn FnMut(usize),
) -> Result<Vec<Source>, source::SourceError> {
    let limits = source::Limits::default();
    let mut out = Vec::new();
    let mut studies: BTreeMap<String, usize> = BTreeMap::new();
    for path in paths {
        for file in source::files(path, &limits)? {
            if file.file_name().is_some_and(|n| n == "DICOMDIR") {
                continue;
            }
            if is_table(&file) {
                table(&file, &mut out);
                found(out.len());
                continue;
            }
            let mut first = None;
            let mut parts = 0usize;
            let read = source::read(&file, &limits, &mut |bytes| {
                parts += 1;
                if parts == 1 {
                    first = Some(
                        Instance::parse(&bytes)
                            .map(|i| i.study_uid().expose().clone())
                            .map_err(|e| e.to_string()),
                    );
                }
            });
            match (read, first) {
                (Err(e), _) => out.push(Source::Unreadable(unnamed(&e))),
                (Ok(()), None) => out.push(Source::Unreadable("the archive is empty".into())),
                (Ok(()), Some(_)) if starts_with_zip(&file) => out.push(Source::Archive(file)),
                (Ok(()), Some(Err(e))) => out.push(Source::Unreadable(e)),
                (Ok(()), Some(Ok(uid))) => {
                    match studies.get(&uid).and_then(|at| out.get_mut(*at)) {
                        Some(Source::Files(files)) => files.push(file),
                        _ => {
                            studies.insert(uid, out.len());
                            out.push(Source::Files(vec![file]));
                        }
                    }
                }
            }
            found(out.len());
        }
    }
    Ok(out)
}

/// An error of reading without the file's name, which may hold a patient's.
fn unnamed(error: &source::SourceError) -> String {
    match error {
        source::SourceError::Io { source, .. } => {
            format!("the file cannot be read: {}", source.kind())
        }
        source::SourceError::TooMany { limit, .. } => {
            format!("more than {limit} entries in one archive")
        }
        source::SourceError::Content { error, .. } => error.to_string(),
    }
}

fn starts_with_zip(path: &Path) -> bool {
    use std::io::Read as _;
    let mut head = [0; 4];
    std::fs::File::open(path).is_ok_and(|mut f| f.read_exact(&mut head).is_ok())
        && head == *b"PK\x03\x04"
}

fn is_table(path: &Path) -> bool {
    path.extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("csv"))
}

fn table(path: &Path, out: &mut Vec<Source>) {
    let fits = std::fs::metadata(path).is_ok_and(|m| m.len() <= MAX_TABLE_BYTES);
    let bytes = if fits { std::fs::read(path).ok() } else { None };
    let Some(bytes) = bytes else {
        out.push(Source::Unreadable(
            "the table cannot be read or is larger than 256 MiB".into(),
        ));
        return;
    };
    let mut reader = csv::ReaderBuilder::new()
        .flexible(false)
        .from_reader(&*bytes);
    let Ok(header) = reader.headers().cloned() else {
        out.push(Source::Unreadable(
            "the table's header is not UTF-8 CSV".into(),
        ));
        return;
    };
    let case = header.iter().position(|h| h == "case");
    let mut any = false;
    for (n, row) in reader.records().enumerate() {
        any = true;
        if n >= MAX_ROWS {
            out.push(Source::Unreadable(format!(
                "the table has more than {MAX_ROWS} rows; split it"
            )));
            return;
        }
        match row {
            Ok(row)
                if case
                    .and_then(|c| row.get(c))
                    .is_some_and(|c| !c.trim().is_empty()) =>
            {
                let mut writer = csv::Writer::from_writer(Vec::new());
                let written = writer
                    .write_record(&header)
                    .and_then(|()| writer.write_record(&row));
                match (written, writer.into_inner()) {
                    (Ok(()), Ok(text)) => out.push(Source::Row(text)),
                    _ => out.push(Source::Unreadable(format!(
                        "row {} of the table cannot be kept",
                        n + 2
                    ))),
                }
            }
            Ok(_) => out.push(Source::Unreadable(format!(
                "row {} of the table has no `case`; every row needs one",
                n + 2
            ))),
            Err(_) => out.push(Source::Unreadable(format!(
                "row {} of the table is not UTF-8 or has another number of fields than the header",
                n + 2
            ))),
        }
    }
    if !any {
        out.push(Source::Unreadable("the table has no rows".into()));
    }
}

impl Source {
    /// Reads the studies of this source; what cannot be read is an error in its place.
    #[must_use]
    pub fn read(&self) -> Vec<Result<Arrival, ArrivalError>> {
        let unreadable = |what: String| Err(ArrivalError::Unreadable(what));
        match self {
            Self::Unreadable(what) => vec![unreadable(what.clone())],
            Self::Row(text) => vec![Arrival::of_row(text)],
            Self::Files(files) => {
                let mut bytes = Vec::new();
                let mut out = Vec::new();
                for file in files {
                    if let Err(e) =
                        source::read(file, &source::Limits::default(), &mut |b| bytes.push(b))
                    {
                        out.push(unreadable(unnamed(&e)));
                    }
                }
                out.extend(Arrival::of_instances(bytes));
                out
            }
            Self::Archive(file) => {
                let mut bytes = Vec::new();
                match source::read(file, &source::Limits::default(), &mut |b| bytes.push(b)) {
                    Ok(()) => Arrival::of_instances(bytes),
                    Err(e) => vec![unreadable(unnamed(&e))],
                }
            }
        }
    }
}

impl Arrival {
    /// Sorts instances into studies; an instance that cannot be parsed is an error of its own.
    #[must_use]
    pub fn of_instances(files: Vec<Vec<u8>>) -> Vec<Result<Self, ArrivalError>> {
        let mut out = Vec::new();
        let mut instances = Vec::new();
        let mut kept: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        for bytes in files {
            match Instance::parse(&bytes) {
                // The index of a medium (PS3.3 F.3) is not part of any study.
                Ok(instance) if instance.sop_class() == MEDIA_DIRECTORY => {}
                Ok(instance) => {
                    kept.entry(instance.study_uid().expose().clone())
                        .or_default()
                        .push(bytes);
                    instances.push(instance);
                }
                Err(e) => out.push(Err(ArrivalError::Unreadable(e.to_string()))),
            }
        }
        for study in Study::assemble(instances) {
            let bytes = kept.remove(study.uid().expose()).unwrap_or_default();
            out.push(Ok(Self {
                content: Content::Dicom(study),
                bytes,
            }));
        }
        out
    }

    fn of_row(text: &[u8]) -> Result<Self, ArrivalError> {
        let mut reader = csv::Reader::from_reader(text);
        let header = reader.headers().cloned().map_err(|_| ArrivalError::Kept)?;
        let row = reader
            .records()
            .next()
            .and_then(Result::ok)
            .ok_or(ArrivalError::Kept)?;
        let mut values: BTreeMap<String, String> = header
            .iter()
            .zip(&row)
            .map(|(h, v)| (h.to_owned(), v.trim().to_owned()))
            .collect();
        let case = Phi::new(values.remove("case").ok_or(ArrivalError::Kept)?);
        Ok(Self {
            content: Content::Row(Row { case, values }),
            bytes: vec![text.to_vec()],
        })
    }

    /// One container for the vault: a magic, then each item behind its 64-bit length.
    pub(crate) fn container(&self) -> Vec<u8> {
        let mut out = match self.content {
            Content::Dicom(_) => DICOM_MAGIC,
            Content::Row(_) => ROW_MAGIC,
        }
        .to_vec();
        for item in &self.bytes {
            out.extend((item.len() as u64).to_le_bytes());
            out.extend(item);
        }
        out
    }

    /// Reads a container back.
    pub(crate) fn from_container(container: &[u8]) -> Result<Self, ArrivalError> {
        let (magic, mut rest) = container.split_at_checked(8).ok_or(ArrivalError::Kept)?;
        let mut items = Vec::new();
        while let Some((length, tail)) = rest.split_first_chunk::<8>() {
            let length =
                usize::try_from(u64::from_le_bytes(*length)).map_err(|_| ArrivalError::Kept)?;
            let (item, tail) = tail.split_at_checked(length).ok_or(ArrivalError::Kept)?;
            items.push(item.to_vec());
            rest = tail;
        }
        match (rest.is_empty(), magic) {
            (true, DICOM_MAGIC) => {
                let mut studies = Self::of_instances(items);
                if studies.len() == 1 {
                    studies.remove(0)
                } else {
                    Err(ArrivalError::Kept)
                }
            }
            (true, ROW_MAGIC) => Self::of_row(items.first().ok_or(ArrivalError::Kept)?),
            _ => Err(ArrivalError::Kept),
        }
    }

    /// Who the patient is, and the Study Instance UID (empty for a row: it is made from the key).
    pub(crate) fn identity(&self) -> (PatientIdentity, Phi<String>) {
        let nobody = || Phi::new(String::new());
        match &self.content {
            Content::Dicom(study) => {
                let uid = study.uid();
                let patient = study.patient().unwrap_or_else(|| PatientIdentity {
                    id: nobody(),
                    issuer: nobody(),
                    name: nobody(),
                    birth_date: nobody(),
                    sex: nobody(),
                });
                (patient, uid)
            }
            Content::Row(row) => {
                let patient = PatientIdentity {
                    id: row.case.map(Clone::clone),
                    issuer: nobody(),
                    name: nobody(),
                    birth_date: nobody(),
                    sex: nobody(),
                };
                (patient, row.case.map(|c| format!("row\n{c}")))
            }
        }
    }

    /// What tells this patient from others. Instances of several patients in one study stand for
    /// none of them.
    pub(crate) fn patient_key(&self) -> Phi<String> {
        let (patient, uid) = self.identity();
        match &self.content {
            Content::Dicom(study) if !study.problems.is_empty() => {
                uid.map(|u| format!("study\n{u}"))
            }
            _ => patient.key(&uid),
        }
    }

    /// How many instances or rows.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }
}
