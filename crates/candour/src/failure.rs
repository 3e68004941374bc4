//! What went wrong, and the exit code that says which kind it was.

use candour_device::{CohortError, DeviceError, RunError, ValidateError, WorkspaceError};
use candour_dossier::DossierError;
use candour_ledger::LedgerError;

/// A command that did not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Checked and found wrong.
    Wrong(String),
    /// Arguments, files that are not there, faults in a device file.
    Misuse(String),
    /// Input that could not be read.
    Unreadable(String),
    /// Disk, lock, format.
    Storage(String),
    /// The model cannot be used here.
    Model(String),
}

impl Failure {
    /// The exit code (see `candour --help`).
    pub(crate) const fn code(&self) -> u8 {
        match self {
            Self::Wrong(_) => 1,
            Self::Misuse(_) => 2,
            Self::Unreadable(_) => 3,
            Self::Storage(_) => 4,
            Self::Model(_) => 5,
        }
    }

    /// Standard output that could not be written.
    pub(crate) fn output(e: &std::io::Error) -> Self {
        Self::Storage(format!(
            "standard output could not be written in full: {e}; make room, or send it elsewhere"
        ))
    }

    /// What to tell the user.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Wrong(t)
            | Self::Misuse(t)
            | Self::Unreadable(t)
            | Self::Storage(t)
            | Self::Model(t) => t,
        }
    }
}

impl From<WorkspaceError> for Failure {
    fn from(e: WorkspaceError) -> Self {
        let text = e.to_string();
        match e {
            WorkspaceError::Foreign(_)
            | WorkspaceError::NoDecision(_)
            | WorkspaceError::Misuse(_) => Self::Misuse(text),
            _ => Self::Storage(text),
        }
    }
}

impl From<LedgerError> for Failure {
    fn from(e: LedgerError) -> Self {
        match e {
            LedgerError::Missing(_) => Self::Misuse(e.to_string()),
            LedgerError::Damaged { .. } => Self::Wrong(e.to_string()),
            _ => Self::Storage(e.to_string()),
        }
    }
}

impl From<DeviceError> for Failure {
    fn from(e: DeviceError) -> Self {
        match e {
            DeviceError::Model(_) => Self::Model(e.to_string()),
            DeviceError::Read { .. } | DeviceError::File(_) => Self::Misuse(e.to_string()),
            DeviceError::Law(_) => Self::Storage(e.to_string()),
        }
    }
}

impl From<RunError> for Failure {
    fn from(e: RunError) -> Self {
        match e {
            RunError::Workspace(e) => e.into(),
            RunError::Device(e) => e.into(),
            RunError::Source(e) => Self::Misuse(e.to_string()),
        }
    }
}

impl From<ValidateError> for Failure {
    fn from(e: ValidateError) -> Self {
        match e {
            ValidateError::Run(e) => e.into(),
            ValidateError::Cohort(CohortError::Read(e)) => e.into(),
            ValidateError::Cohort(e) => Self::Misuse(e.to_string()),
            ValidateError::Statistics(e) => Self::Misuse(e.to_string()),
        }
    }
}

impl From<DossierError> for Failure {
    fn from(e: DossierError) -> Self {
        match e {
            DossierError::Ledger(e) => e.into(),
            e => Self::Storage(e.to_string()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(e: std::io::Error) -> Self {
        Self::Storage(e.to_string())
    }
}
