//! Secondary captures (PS3.3 A.8.1): the picture that every viewer shows.

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use crate::object::{Build as _, part10};
use crate::report::{Equipment, ObjectIdentity, Seal, StudyContext, contributing, put_equipment};
use crate::{DicomError, Picture, SourceInstance};

/// Writes a picture as a colour Secondary Capture, a Part 10 file: deterministic bytes for equal
/// arguments. What is burned in is said to be burned in.
///
/// # Errors
/// When the picture is larger than 65,535 rows or columns.
pub fn write_capture(
    context: &StudyContext,
    identity: &ObjectIdentity,
    equipment: &Equipment,
    picture: &Picture,
    derivation: &str,
    sources: &[SourceInstance],
    seal: &Seal,
) -> Result<Vec<u8>, DicomError> {
    let side = |n: usize| {
        u16::try_from(n).map_err(|_| {
            DicomError::Misuse("the picture has more than 65535 rows or columns".into())
        })
    };
    let (rows, columns) = (side(picture.rows)?, side(picture.columns)?);
    let mut o = InMemDicomObject::new_empty();
    context.put(&mut o);
    o.texts(
        tags::IMAGE_TYPE,
        VR::CS,
        &["DERIVED", "SECONDARY", "AI_EXPLANATION"],
    );
    o.text(
        tags::SOP_CLASS_UID,
        VR::UI,
        uids::SECONDARY_CAPTURE_IMAGE_STORAGE,
    );
    o.text(tags::SOP_INSTANCE_UID, VR::UI, &identity.sop_instance);
    o.text(tags::MODALITY, VR::CS, "OT");
    o.text(tags::CONVERSION_TYPE, VR::CS, "WSD");
    o.text(tags::SERIES_INSTANCE_UID, VR::UI, &identity.series);
    o.text(tags::SERIES_NUMBER, VR::IS, "9002");
    o.text(
        tags::SERIES_DESCRIPTION,
        VR::LO,
        "AI explanation, not diagnostic",
    );
    put_equipment(&mut o, equipment);
    o.text(
        tags::SECONDARY_CAPTURE_DEVICE_MANUFACTURER,
        VR::LO,
        &equipment.manufacturer,
    );
    o.text(tags::INSTANCE_NUMBER, VR::IS, "1");
    // Type 2C: whether the body part is paired is not known here, so that it is there and empty.
    o.text(tags::LATERALITY, VR::CS, "");
    o.text(tags::PATIENT_ORIENTATION, VR::CS, "");
    o.text(tags::CONTENT_DATE, VR::DA, &identity.at.dicom_date());
    o.text(tags::CONTENT_TIME, VR::TM, &identity.at.dicom_time());
    o.text(tags::TIMEZONE_OFFSET_FROM_UTC, VR::SH, "+0000");
    o.text(tags::BURNED_IN_ANNOTATION, VR::CS, "YES");
    o.text(tags::DERIVATION_DESCRIPTION, VR::ST, derivation);
    let source = |s: &SourceInstance| {
        let mut item = InMemDicomObject::new_empty();
        item.text(tags::REFERENCED_SOP_CLASS_UID, VR::UI, &s.sop_class);
        item.text(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, &s.sop_instance);
        item.code(
            tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE,
            &crate::Code::new(
                "121322",
                "DCM",
                "Source image for image processing operation",
            ),
        );
        item
    };
    let images = sources
        .iter()
        .filter(|s| !s.sop_class.starts_with("1.2.840.10008.5.1.4.1.1.88"));
    let images: Vec<_> = images.map(source).collect();
    if !images.is_empty() {
        o.items(tags::SOURCE_IMAGE_SEQUENCE, images);
    }
    o.items(
        tags::CONTRIBUTING_EQUIPMENT_SEQUENCE,
        vec![contributing(equipment, Some(seal))],
    );
    o.short(tags::SAMPLES_PER_PIXEL, 3);
    o.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB");
    o.short(tags::PLANAR_CONFIGURATION, 0);
    o.short(tags::ROWS, rows);
    o.short(tags::COLUMNS, columns);
    o.short(tags::BITS_ALLOCATED, 8);
    o.short(tags::BITS_STORED, 8);
    o.short(tags::HIGH_BIT, 7);
    o.short(tags::PIXEL_REPRESENTATION, 0);
    let mut bytes = picture.rgb.concat();
    if bytes.len() % 2 == 1 {
        bytes.push(0);
    }
    o.put(DataElement::new(
        tags::PIXEL_DATA,
        VR::OB,
        PrimitiveValue::from(bytes),
    ));
    part10(o)
}

/// Width and height of a letter's cell, in dots.
pub const LETTER: [usize; 2] = [6, 9];

/// Draws a line of text; capitals only, other characters as `?`.
pub fn draw_text(
    picture: &mut Picture,
    row: usize,
    column: usize,
    scale: usize,
    colour: [u8; 3],
    text: &str,
) {
    for (n, letter) in text.chars().enumerate() {
        let letter = letter.to_ascii_uppercase();
        let glyph = FONT.iter().find(|(c, _)| {
            *c == letter || (*c == '?' && letter != ' ' && !FONT.iter().any(|(c, _)| *c == letter))
        });
        let Some((_, rows)) = glyph else { continue };
        for (y, bits) in rows.iter().enumerate() {
            for x in 0..5 {
                if bits >> (4 - x) & 1 == 1 {
                    fill(
                        picture,
                        [row + y * scale, column + (n * LETTER[0] + x) * scale],
                        [scale, scale],
                        colour,
                    );
                }
            }
        }
    }
}

/// Fills a rectangle: first row and column, then height and width. What lies outside is left out.
pub fn fill(picture: &mut Picture, at: [usize; 2], size: [usize; 2], colour: [u8; 3]) {
    for row in at[0]..(at[0] + size[0]).min(picture.rows) {
        for column in at[1]..(at[1] + size[1]).min(picture.columns) {
            if let Some(dot) = picture.rgb.get_mut(row * picture.columns + column) {
                *dot = colour;
            }
        }
    }
}

/// Rows of five dots, the leftmost in bit 4.
const FONT: &[(char, [u8; 7])] = &[
    ('A', [0x0E, 0x11, 0x11, 0x1F, 0x11, 0x11, 0x11]),
    ('B', [0x1E, 0x11, 0x11, 0x1E, 0x11, 0x11, 0x1E]),
    ('C', [0x0F, 0x10, 0x10, 0x10, 0x10, 0x10, 0x0F]),
    ('D', [0x1E, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1E]),
    ('E', [0x1F, 0x10, 0x10, 0x1E, 0x10, 0x10, 0x1F]),
    ('F', [0x1F, 0x10, 0x10, 0x1E, 0x10, 0x10, 0x10]),
    ('G', [0x0F, 0x10, 0x10, 0x13, 0x11, 0x11, 0x0F]),
    ('H', [0x11, 0x11, 0x11, 0x1F, 0x11, 0x11, 0x11]),
    ('I', [0x0E, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0E]),
    ('J', [0x01, 0x01, 0x01, 0x01, 0x11, 0x11, 0x0E]),
    ('K', [0x11, 0x12, 0x14, 0x18, 0x14, 0x12, 0x11]),
    ('L', [0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1F]),
    ('M', [0x11, 0x1B, 0x15, 0x15, 0x11, 0x11, 0x11]),
    ('N', [0x11, 0x19, 0x15, 0x15, 0x13, 0x11, 0x11]),
    ('O', [0x0E, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0E]),
    ('P', [0x1E, 0x11, 0x11, 0x1E, 0x10, 0x10, 0x10]),
    ('Q', [0x0E, 0x11, 0x11, 0x11, 0x15, 0x12, 0x0D]),
    ('R', [0x1E, 0x11, 0x11, 0x1E, 0x14, 0x12, 0x11]),
    ('S', [0x0F, 0x10, 0x10, 0x0E, 0x01, 0x01, 0x1E]),
    ('T', [0x1F, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04]),
    ('U', [0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0E]),
    ('V', [0x11, 0x11, 0x11, 0x11, 0x0A, 0x0A, 0x04]),
    ('W', [0x11, 0x11, 0x11, 0x15, 0x15, 0x1B, 0x11]),
    ('X', [0x11, 0x0A, 0x0A, 0x04, 0x0A, 0x0A, 0x11]),
    ('Y', [0x11, 0x0A, 0x0A, 0x04, 0x04, 0x04, 0x04]),
    ('Z', [0x1F, 0x01, 0x02, 0x04, 0x08, 0x10, 0x1F]),
    ('0', [0x0E, 0x13, 0x15, 0x15, 0x15, 0x19, 0x0E]),
    ('1', [0x04, 0x0C, 0x04, 0x04, 0x04, 0x04, 0x0E]),
    ('2', [0x0E, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1F]),
    ('3', [0x1E, 0x01, 0x01, 0x0E, 0x01, 0x01, 0x1E]),
    ('4', [0x02, 0x06, 0x0A, 0x12, 0x1F, 0x02, 0x02]),
    ('5', [0x1F, 0x10, 0x1E, 0x01, 0x01, 0x11, 0x0E]),
    ('6', [0x0E, 0x10, 0x10, 0x1E, 0x11, 0x11, 0x0E]),
    ('7', [0x1F, 0x01, 0x02, 0x02, 0x04, 0x04, 0x04]),
    ('8', [0x0E, 0x11, 0x11, 0x0E, 0x11, 0x11, 0x0E]),
    ('9', [0x0E, 0x11, 0x11, 0x0F, 0x01, 0x01, 0x0E]),
    ('.', [0x00, 0x00, 0x00, 0x00, 0x00, 0x0C, 0x0C]),
    (',', [0x00, 0x00, 0x00, 0x00, 0x0C, 0x0C, 0x08]),
    (':', [0x00, 0x0C, 0x0C, 0x00, 0x0C, 0x0C, 0x00]),
    ('-', [0x00, 0x00, 0x00, 0x0E, 0x00, 0x00, 0x00]),
    ('/', [0x01, 0x01, 0x02, 0x04, 0x08, 0x10, 0x10]),
    ('%', [0x19, 0x19, 0x02, 0x04, 0x08, 0x13, 0x13]),
    ('(', [0x04, 0x08, 0x08, 0x08, 0x08, 0x08, 0x04]),
    (')', [0x04, 0x02, 0x02, 0x02, 0x02, 0x02, 0x04]),
    ('+', [0x00, 0x04, 0x04, 0x1F, 0x04, 0x04, 0x00]),
    ('=', [0x00, 0x00, 0x1F, 0x00, 0x1F, 0x00, 0x00]),
    ('<', [0x02, 0x04, 0x08, 0x10, 0x08, 0x04, 0x02]),
    ('>', [0x08, 0x04, 0x02, 0x01, 0x02, 0x04, 0x08]),
    ('_', [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x1F]),
    ('?', [0x0E, 0x11, 0x01, 0x02, 0x04, 0x00, 0x04]),
];
