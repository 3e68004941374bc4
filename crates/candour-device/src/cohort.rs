//! A validation cohort: a table of cases, each with its split, its reference standard and where its
//! data come from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candour_dicom::phantom::Case;
use candour_record::{Digest, Reference};

use crate::arrival::{Arrival, ArrivalError, Source, sources};
use crate::device::{Device, DeviceError, read_text};

/// Why a cohort cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CohortError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] DeviceError),
    /// A line is wrong.
    #[error("{path}:{line}: {what}", path = .path.display())]
    Line {
        /// The cohort file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what mends it.
        what: String,
    },
}

/// Where a case's data come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Material {
    /// The phantom generator with this seed (column `seed`).
    Phantom(u64),
    /// A DICOM file, folder or archive beside the cohort (column `path`).
    Path(PathBuf),
    /// The measurements in the row itself.
    Row(Vec<u8>),
}

/// One case.
#[derive(Clone, Debug, PartialEq)]
pub struct CohortCase {
    /// What the reference standard says.
    pub reference: Reference,
    /// Its data.
    pub material: Material,
    /// What else the cohort says of it, such as vendor or site: column and value. The device never
    /// sees them; subgroups are made of them.
    pub attributes: BTreeMap<String, String>,
}

/// The cases of one split.
#[derive(Clone, Debug, PartialEq)]
pub struct Cohort {
    /// SHA-256 of the cohort file.
    pub digest: Digest,
    /// The cases of the planned split.
    pub cases: Vec<CohortCase>,
}

impl Cohort {
    /// Reads the cohort that the device file's plan names, and of it the planned split.
    ///
    /// # Errors
    /// When it cannot be read or a line is malformed, or no case is of that split.
    pub fn open(device: &Device) -> Result<Self, CohortError> {
        let plan = &device.file.validation;
        let path = device.folder.join(&plan.cohort);
        let text = read_text(&path)?;
        Self::parse(&path, &text, &plan.split)
    }

    fn parse(path: &Path, text: &str, split: &str) -> Result<Self, CohortError> {
        let wrong = |line: usize, what: &str| CohortError::Line {
            path: path.to_owned(),
            line,
            what: what.into(),
        };
        let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
        let header = reader.headers().cloned().map_err(|_| wrong(1, "not CSV"))?;
        let column = |name: &str| header.iter().position(|h| h == name);
        let needed = |name: &str| {
            column(name).ok_or_else(|| wrong(1, &format!("column `{name}` is missing; needs case, split, reference and seed, path or measurements")))
        };
        let (case, split_at, reference_at) =
            (needed("case")?, needed("split")?, needed("reference")?);
        let (seed, file) = (column("seed"), column("path"));
        let mut cases = Vec::new();
        let mut names = std::collections::BTreeSet::new();
        for (n, row) in reader.records().enumerate() {
            let line = n + 2;
            let row =
                row.map_err(|_| wrong(line, "has another number of fields than the header"))?;
            let name = row.get(case).unwrap_or("").to_owned();
            if name.is_empty() || !names.insert(name) {
                return Err(wrong(
                    line,
                    "case is empty or was there before; each case once",
                ));
            }
            let reference = match row.get(reference_at) {
                Some("positive") => Reference::Positive,
                Some("negative") => Reference::Negative,
                _ => return Err(wrong(line, "reference is neither positive nor negative")),
            };
            if row.get(split_at) != Some(split) {
                continue;
            }
            let material = if let Some(at) = seed {
                let seed = row.get(at).and_then(|s| s.parse().ok());
                Material::Phantom(seed.ok_or_else(|| wrong(line, "seed is not a whole number"))?)
            } else if let Some(at) = file {
                let relative = row.get(at).unwrap_or("");
                let inside = !relative.is_empty()
                    && relative
                        .split(['/', '\\'])
                        .all(|p| !p.is_empty() && p != ".." && p != ".");
                if !inside {
                    return Err(wrong(
                        line,
                        "path does not lie beside the cohort; give one below its folder, without `..`",
                    ));
                }
                Material::Path(path.parent().unwrap_or(Path::new(".")).join(relative))
            } else {
                let mut writer = csv::Writer::from_writer(Vec::new());
                let keep = |at: &usize| *at != split_at && *at != reference_at;
                let pick = |record: &csv::StringRecord| -> Vec<String> {
                    (0..record.len())
                        .filter(keep)
                        .filter_map(|i| record.get(i).map(str::to_owned))
                        .collect()
                };
                // The reference standard does not go where the device could see it.
                let written = writer
                    .write_record(pick(&header))
                    .and_then(|()| writer.write_record(pick(&row)));
                let text = writer.into_inner().ok().filter(|_| written.is_ok());
                Material::Row(text.ok_or_else(|| wrong(line, "cannot be kept as CSV"))?)
            };
            // A row of measurements is the device's input, and says nothing else.
            let attributes = if matches!(material, Material::Row(_)) {
                BTreeMap::new()
            } else {
                header
                    .iter()
                    .zip(&row)
                    .enumerate()
                    .filter(|(at, _)| {
                        ![Some(case), Some(split_at), Some(reference_at), seed, file]
                            .contains(&Some(*at))
                    })
                    .map(|(_, (name, value))| (name.to_owned(), value.to_owned()))
                    .collect()
            };
            cases.push(CohortCase {
                reference,
                material,
                attributes,
            });
        }
        if cases.is_empty() {
            return Err(wrong(1, &format!("no case is of the split `{split}`")));
        }
        Ok(Self {
            digest: Digest::of(text.as_bytes()),
            cases,
        })
    }
}

impl CohortCase {
    /// The case as it would arrive.
    pub(crate) fn arrival(&self) -> Result<Arrival, ArrivalError> {
        let unreadable = |what: String| ArrivalError::Unreadable(what);
        let mut studies = match &self.material {
            Material::Phantom(seed) => Arrival::of_instances(
                Case::from_seed(*seed)
                    .series()
                    .map_err(|e| unreadable(e.to_string()))?,
            ),
            Material::Path(path) => sources(std::slice::from_ref(path), &mut |_| {})
                .map_err(|_| unreadable("the cohort's file or folder cannot be read".into()))?
                .iter()
                .flat_map(Source::read)
                .collect(),
            Material::Row(text) => Source::Row(text.clone()).read(),
        };
        if studies.len() == 1 {
            studies.remove(0)
        } else {
            Err(unreadable(format!("{} studies in one case", studies.len())))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn faults_of_a_cohort_are_named_with_their_line() {
        for (text, expect) in [
            ("", "`case` is missing"),
            ("case,split\n", "`reference` is missing"),
            (
                "case,split,reference,seed\nA,test,positive,1\nA,test,negative,2\n",
                ":3: case is empty or was there before",
            ),
            (
                "case,split,reference,seed\nA,test,maybe,1\n",
                ":2: reference is neither",
            ),
            (
                "case,split,reference,seed\nA,test,positive,x\n",
                ":2: seed is not",
            ),
            (
                "case,split,reference,path\nA,test,positive,../B\n",
                ":2: path does not lie",
            ),
            (
                "case,split,reference,seed\nA,test,positive\n",
                ":2: has another number",
            ),
            (
                "case,split,reference,seed\nA,training,positive,1\n",
                "no case is of the split",
            ),
        ] {
            let error = Cohort::parse(Path::new("cohort.csv"), text, "test")
                .unwrap_err()
                .to_string();
            assert!(error.contains(expect), "{text:?}: {error}");
        }
    }

    #[test]
    fn the_device_never_sees_the_reference() {
        let text = "case,split,reference,a\nA,test,positive,7\n";
        let cohort = Cohort::parse(Path::new("cohort.csv"), text, "test").unwrap();
        assert_eq!(
            cohort.cases.first().unwrap().material,
            Material::Row(b"case,a\nA,7\n".to_vec())
        );
    }
}
