//! One DICOM instance from bytes: Part 10 (PS3.10 7), or less than that where the rest can be
//! inferred; what was tolerated is listed.

use std::borrow::Cow;
use std::fmt;
use std::io::Read as _;

use candour_record::{Digest, Phi};
use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::TransferSyntaxIndex as _;
use dicom_object::meta::FileMetaTableBuilder;
use dicom_object::{FileDicomObject, InMemDicomObject};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use crate::DicomError;
use crate::scan::{Encoding, Scan, Unknown};

/// The largest instance read, and the largest a deflated one may become.
pub const MAX_INSTANCE_BYTES: u64 = 2 << 30;

/// A departure from the standard that was tolerated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deviation {
    /// No 128-byte preamble (PS3.10 7.1).
    NoPreamble,
    /// No file meta information (PS3.10 7.1).
    NoFileMeta,
    /// File meta information without a transfer syntax; it was inferred.
    NoTransferSyntax,
    /// The transfer syntax stated is not the one used.
    OtherEncoding,
    /// The same instance arrived more than once, byte for byte.
    Repeated,
    /// A mandatory UID holds spaces or null bytes beyond its padding, or other characters.
    MalformedUid,
}

impl Deviation {
    /// Its name in records.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoPreamble => "no_preamble",
            Self::NoFileMeta => "no_file_meta",
            Self::NoTransferSyntax => "no_transfer_syntax",
            Self::OtherEncoding => "other_encoding",
            Self::Repeated => "repeated_instance",
            Self::MalformedUid => "malformed_uid",
        }
    }
}

/// Who a patient is, as the objects say it.
#[derive(Clone, PartialEq, Eq)]
pub struct PatientIdentity {
    /// Patient ID (0010,0020).
    pub id: Phi<String>,
    /// Issuer of Patient ID (0010,0021), empty if absent.
    pub issuer: Phi<String>,
    /// Patient's Name (0010,0010).
    pub name: Phi<String>,
    /// Patient's Birth Date (0010,0030).
    pub birth_date: Phi<String>,
    /// Patient's Sex (0010,0040).
    pub sex: Phi<String>,
}

impl PatientIdentity {
    /// What tells one patient from another: issuer and identifier. Where an object has no
    /// Patient ID, the study stands for the patient, so that unknown patients are never one.
    #[must_use]
    pub fn key(&self, study_uid: &Phi<String>) -> Phi<String> {
        if self.id.expose().is_empty() {
            return study_uid.map(|uid| format!("study\n{uid}"));
        }
        self.issuer
            .map(|issuer| format!("{issuer}\n{}", self.id.expose()))
    }
}

/// One instance. Its `Debug` shows its class and nothing personal.
#[derive(Clone)]
pub struct Instance {
    pub(crate) object: FileDicomObject<InMemDicomObject>,
    /// SHA-256 of the bytes as received.
    pub digest: Digest,
    /// What was tolerated in reading it.
    pub deviations: Vec<Deviation>,
    pub(crate) big_endian: bool,
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("sop_class", &self.sop_class())
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

fn encoding_of(uid: &str) -> Encoding {
    Encoding {
        explicit: uid != uids::IMPLICIT_VR_LITTLE_ENDIAN,
        big_endian: uid == EXPLICIT_BIG_ENDIAN,
    }
}

const EXPLICIT_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

/// The encoding that a bare data set's first element suggests.
fn sniff(bytes: &[u8]) -> Option<&'static str> {
    let [g0, g1, e0, e1, v0, v1, ..] = *bytes else {
        return None;
    };
    let vr = v0.is_ascii_uppercase() && v1.is_ascii_uppercase();
    // Data sets begin in group 0008, or in 0004 in a directory.
    match (
        u16::from_le_bytes([g0, g1]),
        u16::from_be_bytes([g0, g1]),
        vr,
    ) {
        (4 | 8, _, true) => Some(uids::EXPLICIT_VR_LITTLE_ENDIAN),
        (_, 4 | 8, true) => Some(EXPLICIT_BIG_ENDIAN),
        (4 | 8, _, false) => {
            // A first element is short: a group length, a character set, an image type or a UID.
            let length = bytes.get(4..8).map_or(u32::MAX, |l| {
                u32::from_le_bytes(l.try_into().unwrap_or([255; 4]))
            });
            (u16::from_le_bytes([e0, e1]) < 0x1000 && length < 1024)
                .then_some(uids::IMPLICIT_VR_LITTLE_ENDIAN)
        }
        _ => None,
    }
}

/// The file meta group: its transfer syntax and where it ends.
fn read_meta(bytes: &[u8], start: usize) -> Result<(Option<String>, usize), DicomError> {
    let scan = Scan::new(
        bytes,
        0,
        Encoding {
            explicit: true,
            big_endian: false,
        },
    );
    let (mut at, mut syntax) = (start, None);
    while bytes.get(at..at + 2) == Some(&[2, 0]) {
        let header = scan.header(at, true)?;
        let left = bytes.len().saturating_sub(header.value);
        let cut = DicomError::Truncated {
            tag: header.tag,
            offset: at,
            length: u64::from(header.length),
            left,
        };
        let end = header
            .value
            .checked_add(header.length as usize)
            .filter(|end| *end <= bytes.len())
            .ok_or(cut)?;
        if header.tag == tags::TRANSFER_SYNTAX_UID {
            let value = bytes.get(header.value..end).unwrap_or_default();
            let text = std::str::from_utf8(value).map_err(|_| DicomError::Attribute {
                attribute: "TransferSyntaxUID",
            })?;
            syntax = Some(text.trim_end_matches(['\0', ' ']).to_owned()).filter(|s| !s.is_empty());
        }
        at = end;
    }
    Ok((syntax, at))
}

/// The data set with a stated length for each element of unknown representation. The library takes their
/// items for explicit ones, and needs not read them: nothing here looks into unknown elements.
fn closed<'a>(data_set: &'a [u8], unknown: &[Unknown], encoding: Encoding) -> Cow<'a, [u8]> {
    let mut out = Cow::Borrowed(data_set);
    for element in unknown {
        let length = if encoding.big_endian {
            element.length.to_be_bytes()
        } else {
            element.length.to_le_bytes()
        };
        let at = element.length_at..element.length_at + 4;
        if let Some(place) = out.to_mut().get_mut(at) {
            place.copy_from_slice(&length);
        }
    }
    out
}

/// The element at which the library gave up. Its own message is not passed on: it may quote a value.
fn failing_element(error: &(dyn std::error::Error + 'static)) -> Option<Tag> {
    use dicom_parser::dataset::read::Error;
    let mut next = Some(error);
    while let Some(error) = next {
        match error.downcast_ref() {
            Some(Error::ReadValue { tag, .. } | Error::InvalidElementLength { tag, .. }) => {
                return Some(*tag);
            }
            _ => next = error.source(),
        }
    }
    None
}

impl Instance {
    /// Reads one instance. Never allocates more than a small multiple of the input, or than
    /// [`MAX_INSTANCE_BYTES`] for a deflated one.
    ///
    /// # Errors
    /// [`DicomError`], which says what is wrong and where, and nothing about the patient.
    pub fn parse(bytes: &[u8]) -> Result<Self, DicomError> {
        if bytes.is_empty() {
            return Err(DicomError::Empty);
        }
        if bytes.len() as u64 > MAX_INSTANCE_BYTES {
            return Err(DicomError::TooLarge {
                what: "the file",
                limit: MAX_INSTANCE_BYTES,
            });
        }
        let mut deviations = Vec::new();
        let start = if bytes.get(128..132) == Some(b"DICM") {
            132
        } else if bytes.starts_with(b"DICM") {
            deviations.push(Deviation::NoPreamble);
            4
        } else {
            deviations.push(Deviation::NoPreamble);
            0
        };
        let (stated, data) = if bytes.get(start..start + 2) == Some(&[2, 0]) {
            read_meta(bytes, start)?
        } else {
            deviations.push(Deviation::NoFileMeta);
            (None, start)
        };
        let rest = bytes.get(data..).unwrap_or_default();
        let inferred = sniff(rest);
        let uid = match (stated, inferred) {
            (Some(uid), _) => uid,
            (None, Some(inferred)) => {
                if !deviations.contains(&Deviation::NoFileMeta) {
                    deviations.push(Deviation::NoTransferSyntax);
                }
                inferred.to_owned()
            }
            (None, None) => return Err(DicomError::NotDicom),
        };
        let syntax = TransferSyntaxRegistry.get(&uid);
        let mut syntax = syntax.ok_or_else(|| DicomError::TransferSyntax {
            uid: uid.clone(),
            name: "unknown".into(),
        })?;
        let mut uid = uid;
        let inflated;
        let (data_set, base) = if uid == uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN {
            let mut out = Vec::new();
            let mut inflate = flate2::read::DeflateDecoder::new(rest)
                .take(MAX_INSTANCE_BYTES.min(rest.len() as u64 * 1100 + 4096));
            inflate
                .read_to_end(&mut out)
                .map_err(|_| DicomError::Unreadable("the deflated data set is damaged"))?;
            inflated = out;
            // Once inflated it is plain explicit little endian.
            syntax = TransferSyntaxRegistry
                .get(uids::EXPLICIT_VR_LITTLE_ENDIAN)
                .ok_or(DicomError::Unreadable("no codec"))?;
            (inflated.as_slice(), 0)
        } else {
            (rest, data)
        };
        let mut encoding = encoding_of(&uid);
        let mut scanned = Scan::new(data_set, base, encoding).check();
        if let Err(error) = scanned {
            // Files whose header states another encoding than the one used are common enough to
            // be tolerated where the data set itself leaves no doubt.
            let other = inferred.filter(|i| encoding_of(i) != encoding && base == data);
            let readable = other.and_then(|i| {
                let found = Scan::new(data_set, base, encoding_of(i)).check().ok()?;
                Some((i, found))
            });
            let Some((actual, found)) = readable else {
                return Err(error);
            };
            scanned = Ok(found);
            deviations.push(Deviation::OtherEncoding);
            actual.clone_into(&mut uid);
            encoding = encoding_of(actual);
            syntax = TransferSyntaxRegistry
                .get(actual)
                .ok_or(DicomError::Unreadable("no codec"))?;
        }
        let data_set = closed(data_set, &scanned?, encoding);
        let object = InMemDicomObject::read_dataset_with_ts(&*data_set, syntax).map_err(|e| {
            failing_element(&e).map_or(
                DicomError::Unreadable(
                    "a value does not have the form of its value representation",
                ),
                |tag| DicomError::Value { tag },
            )
        })?;
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(&uid)
            .media_storage_sop_class_uid("1.2.840.10008.5.1.4.1.1.7")
            .media_storage_sop_instance_uid("2.25.1")
            .build()
            .map_err(|_| DicomError::Unreadable("the transfer syntax is not a UID"))?;
        let mut instance = Self {
            object: object.with_exact_meta(meta),
            digest: Digest::of(bytes),
            deviations,
            big_endian: encoding.big_endian,
        };
        for (tag, attribute) in [
            (tags::SOP_CLASS_UID, "SOPClassUID"),
            (tags::SOP_INSTANCE_UID, "SOPInstanceUID"),
            (tags::STUDY_INSTANCE_UID, "StudyInstanceUID"),
            (tags::SERIES_INSTANCE_UID, "SeriesInstanceUID"),
        ] {
            let value = instance
                .text(tag)
                .filter(|v| !v.is_empty() && v.len() <= 128)
                .ok_or(DicomError::Attribute { attribute })?;
            if !(value.len() <= 64 && value.bytes().all(|b| b == b'.' || b.is_ascii_digit())) {
                instance.deviations.push(Deviation::MalformedUid);
            }
        }
        instance.deviations.sort_unstable();
        instance.deviations.dedup();
        Ok(instance)
    }

    /// The transfer syntax UID.
    #[must_use]
    pub fn transfer_syntax(&self) -> &str {
        self.object.meta().transfer_syntax()
    }

    /// A text attribute of the data set's top level, without padding; several values are joined
    /// by a backslash.
    #[must_use]
    pub fn text(&self, tag: Tag) -> Option<String> {
        let value = self.object.get(tag)?.to_str().ok()?;
        Some(value.trim_matches(['\0', ' ']).to_owned())
    }

    /// A text attribute, empty if absent.
    #[must_use]
    pub fn text_or_empty(&self, tag: Tag) -> String {
        self.text(tag).unwrap_or_default()
    }

    /// Decimal or binary numbers of an attribute.
    #[must_use]
    pub fn numbers(&self, tag: Tag) -> Option<Vec<f64>> {
        self.object
            .get(tag)?
            .to_multi_float64()
            .ok()
            .filter(|v| !v.is_empty())
    }

    /// The first number of an attribute.
    #[must_use]
    pub fn number(&self, tag: Tag) -> Option<f64> {
        self.numbers(tag)?.first().copied()
    }

    pub(crate) fn unsigned(&self, tag: Tag) -> Option<u32> {
        self.object.get(tag)?.to_int().ok()
    }

    /// SOP Class UID.
    #[must_use]
    pub fn sop_class(&self) -> String {
        self.text_or_empty(tags::SOP_CLASS_UID)
    }

    /// SOP Instance UID.
    #[must_use]
    pub fn sop_instance(&self) -> Phi<String> {
        Phi::new(self.text_or_empty(tags::SOP_INSTANCE_UID))
    }

    /// Study Instance UID.
    #[must_use]
    pub fn study_uid(&self) -> Phi<String> {
        Phi::new(self.text_or_empty(tags::STUDY_INSTANCE_UID))
    }

    /// Series Instance UID.
    #[must_use]
    pub fn series_uid(&self) -> Phi<String> {
        Phi::new(self.text_or_empty(tags::SERIES_INSTANCE_UID))
    }

    /// Modality (0008,0060).
    #[must_use]
    pub fn modality(&self) -> String {
        self.text_or_empty(tags::MODALITY)
    }

    /// Body Part Examined (0018,0015), empty when missing.
    #[must_use]
    pub fn body_part(&self) -> String {
        self.text_or_empty(tags::BODY_PART_EXAMINED)
    }

    /// Who the patient is.
    #[must_use]
    pub fn patient(&self) -> PatientIdentity {
        let text = |tag| Phi::new(self.text_or_empty(tag));
        PatientIdentity {
            id: text(tags::PATIENT_ID),
            issuer: text(tags::ISSUER_OF_PATIENT_ID),
            name: text(tags::PATIENT_NAME),
            birth_date: text(tags::PATIENT_BIRTH_DATE),
            sex: text(tags::PATIENT_SEX),
        }
    }

    /// Whether it holds pixels.
    #[must_use]
    pub fn has_pixels(&self) -> bool {
        self.object.get(tags::PIXEL_DATA).is_some()
    }
}
