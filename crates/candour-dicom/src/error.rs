//! What can be wrong with DICOM input, said without saying anything about the patient.

use dicom_core::Tag;

/// Why DICOM input or output failed. No variant ever holds a value from the file but numbers and
/// registered UIDs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DicomError {
    /// Not DICOM at all.
    #[error("not DICOM: neither a Part 10 header nor a plausible data set at its start")]
    NotDicom,
    /// Nothing there.
    #[error("the file is empty")]
    Empty,
    /// An element reaches beyond the end of what contains it.
    #[error(
        "element {tag} at byte {offset} says it is {length} bytes long, but {left} are left; the file was cut off or is damaged, send it again"
    )]
    Truncated {
        /// The element.
        tag: Tag,
        /// Where it begins.
        offset: usize,
        /// The length it states.
        length: u64,
        /// How many bytes are left.
        left: usize,
    },
    /// The structure is broken.
    #[error("byte {offset}: {what}")]
    Structure {
        /// Where.
        offset: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// Sequences within sequences beyond any honest depth.
    #[error("byte {offset}: sequences are nested more than {limit} deep")]
    TooDeep {
        /// Where.
        offset: usize,
        /// The limit.
        limit: usize,
    },
    /// Larger than the limit.
    #[error("{what} is larger than the limit of {limit} bytes")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit in bytes.
        limit: u64,
    },
    /// A transfer syntax that is not decoded exactly here.
    #[error(
        "transfer syntax {name} ({uid}) is not supported; send the images uncompressed (Explicit VR Little Endian) or as JPEG Lossless or RLE"
    )]
    TransferSyntax {
        /// The transfer syntax UID.
        uid: String,
        /// Its name.
        name: String,
    },
    /// An attribute is missing, or does not have the form it must have.
    #[error("{attribute} is missing or malformed")]
    Attribute {
        /// The attribute's keyword.
        attribute: &'static str,
    },
    /// The pixels are not there or do not fit what the header says.
    #[error("pixel data: {0}")]
    Pixels(&'static str),
    /// A value does not have the form of its value representation (PS3.5 6.2).
    #[error(
        "element {tag}: its value does not have the form of its value representation; correct it at its source and send it again"
    )]
    Value {
        /// The element.
        tag: Tag,
    },
    /// The library behind could not read it.
    #[error("the data set cannot be read: {0}")]
    Unreadable(&'static str),
    /// An argument cannot be encoded.
    #[error("{0}")]
    Misuse(String),
    /// A ZIP archive is broken or hostile.
    #[error("zip archive: {0}")]
    Archive(&'static str),
}
