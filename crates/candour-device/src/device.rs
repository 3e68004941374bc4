//! A device folder, opened: device file, model, texts.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use candour_dicom::{report::Equipment, uid_from_u128};
use candour_model::{Model, ModelError, Package, Qualification};
use candour_record::Digest;
use candour_regulation::{DeviceFile, DeviceFileError, Diagnostics};

use crate::decide::Policy;

/// The longest device file or text in bytes.
const MAX_TEXT_BYTES: u64 = 4 << 20;

/// Why a device folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// A file cannot be read.
    #[error("{path}: {source}; a device folder holds device.toml, model/ and what device.toml names", path = .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The device file has faults.
    #[error("{0}")]
    File(Diagnostics),
    /// The law built into this release is malformed.
    #[error("{0}")]
    Law(String),
    /// The model package cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// A device that is ready to decide, if its model qualified.
pub struct Device {
    /// Its folder.
    pub folder: PathBuf,
    /// The device file.
    pub file: DeviceFile,
    /// SHA-256 of `device.toml` and of what it includes.
    pub digest: Digest,
    /// The maker's texts by name.
    pub texts: BTreeMap<String, String>,
    /// The model.
    pub model: Model,
    /// The result of its golden vectors on this machine.
    pub qualification: Qualification,
}

pub(crate) fn read_text(path: &Path) -> Result<String, DeviceError> {
    let failed = |source| DeviceError::Read {
        path: path.to_owned(),
        source,
    };
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|f| f.take(MAX_TEXT_BYTES).read_to_string(&mut text))
        .map_err(failed)?;
    Ok(text)
}

impl Device {
    /// Opens a device folder, loads its model and runs the golden vectors.
    ///
    /// # Errors
    /// When a file is missing, the device file has faults, or the model cannot be loaded at all.
    pub fn open(folder: &Path) -> Result<Self, DeviceError> {
        let path = folder.join("device.toml");
        let file = DeviceFile::open(&path).map_err(|e| match e {
            DeviceFileError::Read(source) => DeviceError::Read {
                path: path.clone(),
                source,
            },
            DeviceFileError::Faults(faults) => DeviceError::File(faults),
            DeviceFileError::Law(e) => DeviceError::Law(e.to_string()),
        })?;
        let mut texts = BTreeMap::new();
        for (name, path) in &file.texts {
            texts.insert(name.clone(), read_text(&folder.join(path))?);
        }
        let package = Package::open(&folder.join("model"))?;
        let (model, qualification) = Model::load(&package)?;
        Ok(Self {
            folder: folder.to_owned(),
            digest: Digest::of(&file.description.bytes),
            file,
            texts,
            model,
            qualification,
        })
    }

    /// What turns a probability into an outcome.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy {
            threshold: self.model.spec.threshold(),
            abstain_band: self.model.spec.abstain_band(),
        }
    }

    /// Model name and version, as records state it.
    #[must_use]
    pub fn model_version(&self) -> String {
        format!("{} {}", self.model.spec.name, self.model.spec.version)
    }

    /// The device as DICOM objects state it.
    pub(crate) fn equipment(&self, software: &str) -> Equipment {
        let id = &self.file.identification;
        let both = [
            self.digest.as_bytes().as_slice(),
            self.model.digest.as_bytes(),
        ]
        .concat();
        let uid = Digest::of(&both)
            .as_bytes()
            .iter()
            .take(16)
            .fold(0u128, |n, b| (n << 8) | u128::from(*b));
        Equipment {
            manufacturer: id.manufacturer.clone(),
            model: id.model.clone(),
            serial: self.digest.hex().chars().take(16).collect(),
            versions: vec![
                id.version.clone(),
                self.model_version(),
                software.to_owned(),
            ],
            uid: uid_from_u128(uid),
        }
    }
}
