//! Bytes to studies and volumes, and back: DICOM in, structured reports and secondary captures out.
//!
//! Everything here works on bytes; the only module that touches files is [`source`]. Whatever
//! comes from outside is bounded before anything is allocated for it, and no error or `Debug` text
//! holds anything about the patient.

mod capture;
mod error;
pub mod image;
mod instance;
mod object;
pub mod phantom;
pub mod report;
mod scan;
mod segmentation;
pub mod source;
mod study;
mod volume;

pub use capture::{LETTER, draw_text, fill, write_capture};
pub use error::DicomError;
pub use image::{Picture, Pixels, Window};
pub use instance::{Deviation, Instance, MAX_INSTANCE_BYTES, PatientIdentity};
pub use object::{Code, uid_from_u128};
pub use segmentation::{MaskSlice, SEGMENTATION_CLASSES, SegmentationMask, read_segmentation};
pub use study::{Study, StudyProblem};
pub use volume::{GeometryProblem, SourceInstance, Volume};
