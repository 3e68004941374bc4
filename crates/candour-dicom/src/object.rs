//! Building data sets: a thin layer over `dicom-object` for the objects this crate writes.

use dicom_core::value::{DataSetSequence, PrimitiveValue, Value};
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::meta::FileMetaTableBuilder;
use dicom_object::{FileDicomObject, InMemDicomObject};

use crate::DicomError;

/// A coded concept (PS3.3 Table 8.8-1): code value, coding scheme designator, code meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// Code Value (0008,0100).
    pub value: String,
    /// Coding Scheme Designator (0008,0102), such as `SCT`, `DCM`, `UCUM`, `99CANDOUR`.
    pub scheme: String,
    /// Code Meaning (0008,0104).
    pub meaning: String,
}

impl Code {
    /// A code from its three parts.
    #[must_use]
    pub fn new(value: &str, scheme: &str, meaning: &str) -> Self {
        Self {
            value: value.into(),
            scheme: scheme.into(),
            meaning: meaning.into(),
        }
    }

    pub(crate) fn item(&self) -> InMemDicomObject {
        let mut item = InMemDicomObject::new_empty();
        item.text(tags::CODE_VALUE, VR::SH, &self.value);
        item.text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, &self.scheme);
        item.text(tags::CODE_MEANING, VR::LO, &self.meaning);
        item
    }
}

/// Short ways to put elements into a data set.
pub(crate) trait Build {
    fn text(&mut self, tag: Tag, vr: VR, value: &str);
    fn texts(&mut self, tag: Tag, vr: VR, values: &[&str]);
    fn decimals(&mut self, tag: Tag, values: &[f64]);
    fn short(&mut self, tag: Tag, value: u16);
    fn items(&mut self, tag: Tag, items: Vec<InMemDicomObject>);
    fn code(&mut self, tag: Tag, code: &Code);
}

impl Build for InMemDicomObject {
    fn text(&mut self, tag: Tag, vr: VR, value: &str) {
        self.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
    }

    fn texts(&mut self, tag: Tag, vr: VR, values: &[&str]) {
        let values = values.iter().map(|v| (*v).to_owned()).collect();
        self.put(DataElement::new(tag, vr, PrimitiveValue::Strs(values)));
    }

    fn decimals(&mut self, tag: Tag, values: &[f64]) {
        let values = values.iter().map(|v| decimal_string(*v)).collect();
        self.put(DataElement::new(tag, VR::DS, PrimitiveValue::Strs(values)));
    }

    fn short(&mut self, tag: Tag, value: u16) {
        self.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
    }

    fn items(&mut self, tag: Tag, items: Vec<InMemDicomObject>) {
        self.put(DataElement::new(
            tag,
            VR::SQ,
            Value::from(DataSetSequence::from(items)),
        ));
    }

    fn code(&mut self, tag: Tag, code: &Code) {
        self.items(tag, vec![code.item()]);
    }
}

/// A decimal string of at most 16 characters (PS3.5 6.2, VR DS), as precise as fits.
pub(crate) fn decimal_string(value: f64) -> String {
    let plain = format!("{value}");
    if plain.len() <= 16 {
        return plain;
    }
    let fixed = (1e-3..1e15).contains(&value.abs());
    let plain = (0..=14)
        .rev()
        .filter(|_| fixed)
        .map(|digits| format!("{value:.digits$}"));
    let scientific = (0..=12).rev().map(|digits| format!("{value:.digits$e}"));
    plain
        .chain(scientific)
        // Rounding up must not leave the range of double precision.
        .find(|text| text.len() <= 16 && text.parse::<f64>().is_ok_and(f64::is_finite))
        .unwrap_or_else(|| "0".into())
}

/// A Part 10 file (PS3.10 7) of a data set, explicit VR little endian.
pub(crate) fn part10(object: InMemDicomObject) -> Result<Vec<u8>, DicomError> {
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
        .implementation_class_uid(IMPLEMENTATION_CLASS_UID)
        .implementation_version_name("CANDOUR_0_1");
    let failed = |e: &dyn std::fmt::Display| DicomError::Misuse(format!("cannot encode: {e}"));
    let file: FileDicomObject<InMemDicomObject> = object.with_meta(meta).map_err(|e| failed(&e))?;
    let mut bytes = Vec::new();
    file.write_all(&mut bytes).map_err(|e| failed(&e))?;
    Ok(bytes)
}

/// A UID under the 2.25 arc (PS3.5 B.2) from 128 bits.
#[must_use]
pub fn uid_from_u128(bits: u128) -> String {
    format!("2.25.{bits}")
}

/// This implementation's class UID: a fixed random UUID under 2.25.
const IMPLEMENTATION_CLASS_UID: &str = "2.25.284172939180374462750913360155372908861";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_strings_fit_their_value_representation() {
        for value in [
            0.1,
            -1.0 / 3.0,
            1.0e-30 / 3.0,
            -1.234_567_890_123e300,
            12.0,
            f64::MAX,
        ] {
            let text = decimal_string(value);
            assert!(text.len() <= 16, "{text}");
            let back: f64 = text.parse().unwrap();
            assert!(((back - value) / value).abs() < 1e-8, "{text}");
        }
    }
}
