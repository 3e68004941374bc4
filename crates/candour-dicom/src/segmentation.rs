//! Segmentation objects (PS3.3 A.51) as slices of a mask with their place in the patient.

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use crate::image::decode;
use crate::{DicomError, Instance};

/// SOP classes of segmentations: binary or fractional, and label map.
pub const SEGMENTATION_CLASSES: [&str; 2] = [
    "1.2.840.10008.5.1.4.1.1.66.4",
    "1.2.840.10008.5.1.4.1.1.66.7",
];
/// Frames whose positions along the normal differ by less are one slice, mm.
const SAME_SLICE_MM: f64 = 1e-3;

/// One slice of a mask.
#[derive(Clone, Debug, PartialEq)]
pub struct MaskSlice {
    /// Centre of the first pixel, patient coordinates in mm (Image Position (Patient)).
    pub position_mm: [f64; 3],
    /// `[row][column]`: whether the pixel belongs.
    pub pixels: Vec<bool>,
}

/// What a segmentation holds of the segments asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentationMask {
    /// Rows of each slice.
    pub rows: usize,
    /// Columns of each slice.
    pub columns: usize,
    /// Distance between rows and between columns, mm (Pixel Spacing).
    pub pixel_spacing_mm: [f64; 2],
    /// Direction of a row (towards growing column), then of a column (Image Orientation (Patient)).
    pub orientation: [[f64; 3]; 2],
    /// Distance between slices, mm, where the object states it.
    pub slice_spacing_mm: Option<f64>,
    /// Thickness of a slice, mm, where the object states it.
    pub slice_thickness_mm: Option<f64>,
    /// The slices, by position along the normal. Empty slices are often left out.
    pub slices: Vec<MaskSlice>,
    /// Numbers of the segments that the object describes.
    pub segments: Vec<u32>,
    /// Of a fractional segmentation: its full value; a pixel belongs from half of it on.
    pub fractional: Option<f64>,
    /// Frame of Reference UID (0020,0052).
    pub frame_of_reference: Option<String>,
}

/// Reads the mask of one segment, or of all segments together.
///
/// # Errors
/// When the instance is no segmentation, or geometry is missing. A segment that is not there has no pixel.
pub fn read_segmentation(
    instance: &Instance,
    segment: Option<u32>,
) -> Result<SegmentationMask, DicomError> {
    if !SEGMENTATION_CLASSES.contains(&instance.sop_class().as_str()) {
        return Err(DicomError::Misuse(
            "not a DICOM segmentation; give a SEG object or a NIfTI file".into(),
        ));
    }
    let missing = |attribute: &'static str| DicomError::Attribute { attribute };
    let root: &InMemDicomObject = &instance.object;
    let segments: Vec<u32> = items(root, tags::SEGMENT_SEQUENCE)
        .iter()
        .filter_map(|i| whole(i, tags::SEGMENT_NUMBER))
        .collect();
    let pixels = decode(instance)?;
    if pixels.samples != 1 {
        return Err(DicomError::Pixels(
            "a segmentation has one sample per pixel",
        ));
    }
    let kind = instance.text_or_empty(tags::SEGMENTATION_TYPE);
    let label_map = kind == "LABELMAP";
    // A fractional pixel belongs from half of the full value on (PS3.3 C.8.20.2.3).
    let full = instance
        .number(tags::MAXIMUM_FRACTIONAL_VALUE)
        .filter(|v| *v > 0.0)
        .unwrap_or(255.0);
    let belongs = |value: i32| -> bool {
        if label_map {
            segment.map_or(value != 0, |s| i64::from(value) == i64::from(s))
        } else if kind == "FRACTIONAL" {
            f64::from(value) * 2.0 >= full
        } else {
            value != 0
        }
    };
    let shared = items(root, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    let shared = shared.first();
    let frames = items(root, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    if frames.len() != pixels.frames {
        return Err(missing("PerFrameFunctionalGroupsSequence"));
    }
    // A group stands with the frame or, where all frames share it, once.
    let group = |frame: &InMemDicomObject, sequence: Tag, tag: Tag| -> Option<Vec<f64>> {
        items(frame, sequence)
            .first()
            .and_then(|i| numbers(i, tag))
            .or_else(|| {
                items(shared?, sequence)
                    .first()
                    .and_then(|i| numbers(i, tag))
            })
    };
    let mut out = SegmentationMask {
        rows: pixels.rows,
        columns: pixels.columns,
        pixel_spacing_mm: [0.0; 2],
        orientation: [[0.0; 3]; 2],
        slice_spacing_mm: None,
        slice_thickness_mm: None,
        slices: Vec::new(),
        segments,
        fractional: (kind == "FRACTIONAL").then_some(full),
        frame_of_reference: instance
            .text(tags::FRAME_OF_REFERENCE_UID)
            .filter(|t| !t.is_empty()),
    };
    let area = pixels.rows * pixels.columns;
    for (n, (frame, values)) in frames.iter().zip(pixels.values.chunks(area)).enumerate() {
        let spacing = group(frame, tags::PIXEL_MEASURES_SEQUENCE, tags::PIXEL_SPACING)
            .ok_or_else(|| missing("PixelSpacing"))?;
        let orientation = group(
            frame,
            tags::PLANE_ORIENTATION_SEQUENCE,
            tags::IMAGE_ORIENTATION_PATIENT,
        )
        .ok_or_else(|| missing("ImageOrientationPatient"))?;
        let position = group(
            frame,
            tags::PLANE_POSITION_SEQUENCE,
            tags::IMAGE_POSITION_PATIENT,
        )
        .ok_or_else(|| missing("ImagePositionPatient"))?;
        let (&[row, column], &[a, b, c, d, e, f], &[x, y, z]) = (
            spacing.as_slice(),
            orientation.as_slice(),
            position.as_slice(),
        ) else {
            return Err(missing(
                "PixelSpacing, ImageOrientationPatient or ImagePositionPatient",
            ));
        };
        let orientation = [[a, b, c], [d, e, f]];
        if n == 0 {
            out.pixel_spacing_mm = [row, column];
            out.orientation = orientation;
            out.slice_spacing_mm = group(
                frame,
                tags::PIXEL_MEASURES_SEQUENCE,
                tags::SPACING_BETWEEN_SLICES,
            )
            .and_then(|v| v.first().copied());
            out.slice_thickness_mm =
                group(frame, tags::PIXEL_MEASURES_SEQUENCE, tags::SLICE_THICKNESS)
                    .and_then(|v| v.first().copied());
        } else if out.pixel_spacing_mm != [row, column] || out.orientation != orientation {
            return Err(DicomError::Misuse(
                "frames of the segmentation differ in spacing or orientation; a mask has one grid"
                    .into(),
            ));
        }
        let mut wanted_here = true;
        if let Some(wanted) = segment.filter(|_| !label_map) {
            let own = items(frame, tags::SEGMENT_IDENTIFICATION_SEQUENCE)
                .first()
                .and_then(|i| whole(i, tags::REFERENCED_SEGMENT_NUMBER))
                .or_else(|| {
                    items(shared?, tags::SEGMENT_IDENTIFICATION_SEQUENCE)
                        .first()
                        .and_then(|i| whole(i, tags::REFERENCED_SEGMENT_NUMBER))
                })
                .ok_or_else(|| missing("ReferencedSegmentNumber"))?;
            wanted_here = own == wanted;
        }
        // Frames of other segments still tell where the grid lies.
        let mask: Vec<bool> = values.iter().map(|v| wanted_here && belongs(*v)).collect();
        let place = [x, y, z];
        // Segments that overlap a slice each bring a frame of it.
        match out.slices.iter_mut().find(|s| {
            s.position_mm
                .iter()
                .zip(place)
                .all(|(a, b)| (a - b).abs() < SAME_SLICE_MM)
        }) {
            Some(slice) => {
                for (pixel, more) in slice.pixels.iter_mut().zip(mask) {
                    *pixel |= more;
                }
            }
            None => out.slices.push(MaskSlice {
                position_mm: place,
                pixels: mask,
            }),
        }
    }
    let normal = cross(out.orientation);
    out.slices
        .sort_by(|a, b| dot(a.position_mm, normal).total_cmp(&dot(b.position_mm, normal)));
    Ok(out)
}

fn items(object: &InMemDicomObject, tag: Tag) -> &[InMemDicomObject] {
    object.get(tag).and_then(|e| e.items()).unwrap_or_default()
}

fn numbers(object: &InMemDicomObject, tag: Tag) -> Option<Vec<f64>> {
    let values = object.get(tag)?.to_multi_float64().ok()?;
    values.iter().all(|v| v.is_finite()).then_some(values)
}

fn whole(object: &InMemDicomObject, tag: Tag) -> Option<u32> {
    object.get(tag)?.to_int::<u32>().ok()
}

fn cross([u, v]: [[f64; 3]; 2]) -> [f64; 3] {
    [
        u[1] * v[2] - u[2] * v[1],
        u[2] * v[0] - u[0] * v[2],
        u[0] * v[1] - u[1] * v[0],
    ]
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
