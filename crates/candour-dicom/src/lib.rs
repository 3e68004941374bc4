//! Bytes to studies and volumes, and back.

mod object;
pub mod phantom;
mod volume;
pub use object::{Code, uid_from_u128};
pub use volume::{GeometryProblem, SourceInstance, Volume};

/// Why DICOM input or output failed.
#[derive(Debug, thiserror::Error)]
pub enum DicomError {
    /// An argument cannot be encoded.
    #[error("{0}")]
    Misuse(String),
}
