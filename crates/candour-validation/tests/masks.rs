//! Masks as files: NIfTI and DICOM segmentations that hold the same two masks in many guises, what
//! they compare to, and what is refused. `testdata/validation/masks.py` writes files and numbers.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use std::io::Write as _;
use std::path::PathBuf;

use candour_statistics::segmentation::Comparison;
use candour_validation::masks::{COLUMNS, MaskError, cells, compare_files, options};
use proptest::prelude::*;
use serde_json::Value;

fn stored(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata/validation/masks")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn expected(name: &str) -> f64 {
    let all: Value =
        serde_json::from_str(include_str!("../../../testdata/validation/masks.json")).unwrap();
    all["a_against_b"][name].as_f64().unwrap()
}

fn settings(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect()
}

fn compared(
    reference: &[u8],
    prediction: &[u8],
    label: Option<u64>,
    given: &[(&str, &str)],
) -> Result<Comparison, MaskError> {
    compare_files(
        reference,
        prediction,
        label,
        &options(&settings(given)).unwrap(),
    )
}

fn number(comparison: &Comparison, column: &str) -> Option<f64> {
    cells(comparison)
        .into_iter()
        .find(|(c, _)| *c == column)
        .unwrap()
        .1
}

fn close(a: Option<f64>, b: f64, what: &str) {
    let a = a.unwrap_or_else(|| panic!("{what} has no value"));
    assert!(
        (a - b).abs() <= 1e-6 * (1.0 + b.abs()),
        "{what}: {a} is not {b}"
    );
}

/// The numbers of A against B by the other tools, whatever files they came from.
fn as_expected(reference: &str, prediction: &str, label: Option<u64>) {
    let what = format!("{reference} against {prediction}");
    let (a, b) = (stored(reference), stored(prediction));
    let marching =
        compared(&a, &b, label, &[("tolerance_mm", "1")]).unwrap_or_else(|e| panic!("{what}: {e}"));
    for column in ["dice", "iou", "reference_ml", "prediction_ml"] {
        close(
            number(&marching, column),
            expected(column),
            &format!("{what}: {column}"),
        );
    }
    close(
        number(&marching, "hausdorff"),
        expected("hausdorff_marching"),
        &what,
    );
    close(
        number(&marching, "hausdorff_percentile"),
        expected("hd95_marching"),
        &what,
    );
    close(
        number(&marching, "surface_dice"),
        expected("surface_dice_1mm"),
        &what,
    );
    let faces = compared(&a, &b, label, &[("surface", "voxel-faces")]).unwrap();
    close(
        number(&faces, "hausdorff"),
        expected("hausdorff_faces"),
        &what,
    );
}

#[test]
fn the_same_masks_compare_alike_in_every_guise_of_nifti() {
    for prediction in [
        "b.nii",
        "b-gzip.nii.gz",
        "b-flipped.nii",
        "b-transposed.nii",
        "b-float32.nii",
        "b-int16.nii",
        "b-int32-big-endian.nii",
        "b-slope.nii",
        "b-cropped.nii",
        "b-wider.nii",
        "b-two-forms.nii",
    ] {
        as_expected("a.nii", prediction, None);
    }
}

#[test]
fn nifti_2_reads_as_nifti_1() {
    for prediction in ["b-nifti2.nii", "b-nifti2-big-endian.nii.gz"] {
        as_expected("a.nii", prediction, None);
        as_expected("a.dcm", prediction, None);
    }
    as_expected("a-oblique-sform.nii", "b-nifti2-mirrored-qform.nii", None);
}

#[test]
fn damaged_headers_of_nifti_2_are_refused_in_words() {
    let a = stored("a.nii");
    // The ends of lines after the magic, changed as by a transfer of text.
    refused(
        &a,
        &patched("b-nifti2.nii", 8, b"\n\n\x1a\n"),
        &["was sent as text", "copy it anew"],
    );
    // dim[1], vox_offset and the datatype: negative, within the header, and none that there is.
    for (at, bytes, says) in [
        (
            24,
            (-1i64).to_le_bytes().as_slice(),
            "a negative size (dim[1])",
        ),
        (24, (1i64 << 40).to_le_bytes().as_slice(), "too many"),
        (168, 352i64.to_le_bytes().as_slice(), "vox_offset"),
        (168, (-544i64).to_le_bytes().as_slice(), "vox_offset"),
        (12, 7i16.to_le_bytes().as_slice(), "is damaged"),
    ] {
        refused(&a, &patched("b-nifti2.nii", at, bytes), &[says]);
    }
    let whole = stored("b-nifti2.nii");
    for keep in (1..whole.len()).step_by(37) {
        assert!(compared(&a, &whole[..keep], None, &[]).is_err(), "{keep}");
    }
    // Analyze 7.5: the size of a header and no magic.
    refused(
        &a,
        &patched("b.nii", 344, &[0; 4]),
        &["the header of a pair"],
    );
}

#[test]
fn oblique_grids_by_sform_and_by_qform_are_one() {
    as_expected("a-oblique-sform.nii", "b-oblique-qform.nii", None);
    as_expected("a-oblique-sform.nii", "b-oblique-mirrored-qform.nii", None);
}

#[test]
fn voxel_sizes_alone_place_a_mask() {
    as_expected("a-sizes-only.nii", "b-sizes-only.nii", None);
}

#[test]
fn a_label_is_picked_from_a_label_map() {
    let (a, labels) = (stored("a.nii"), stored("b-labels.nii"));
    // A has the value 1 alone, so label 3 leaves the reference empty; B is label 3 of the prediction.
    let of_b = compared(&stored("b-labels.nii"), &labels, Some(3), &[]).unwrap();
    assert_eq!(number(&of_b, "dice"), Some(1.0));
    close(
        number(&of_b, "reference_ml"),
        expected("prediction_ml"),
        "label 3",
    );
    // Label 1 is a row of 6 voxels apart from A: 6 * 4.5 mm3.
    let apart = compared(&a, &labels, Some(1), &[]).unwrap();
    assert_eq!(number(&apart, "dice"), Some(0.0));
    close(number(&apart, "prediction_ml"), 0.027, "label 1");
    // Without a label all that is not background counts: B, 6 voxels and 1 voxel.
    let all = compared(&a, &labels, None, &[]).unwrap();
    close(
        number(&all, "prediction_ml"),
        expected("prediction_ml") + 7.0 * 0.0045,
        "all",
    );
    // A label that nobody has leaves both masks empty.
    let none = compared(&a, &labels, Some(9), &[]).unwrap();
    assert_eq!(number(&none, "dice"), None);
}

#[test]
fn the_same_masks_compare_alike_as_dicom_segmentations() {
    for prediction in ["b-left-out.dcm", "b-all-frames.dcm", "b-fractional.dcm"] {
        as_expected("a.dcm", prediction, None);
    }
}

#[test]
fn nifti_and_dicom_lie_on_one_grid() {
    as_expected("a.nii", "b-left-out.dcm", None);
    as_expected("a.nii", "b-all-frames.dcm", None);
    as_expected("a.dcm", "b.nii", None);
    as_expected("a.dcm", "b-transposed.nii", None);
}

#[test]
fn a_segment_is_picked_from_a_segmentation() {
    // Segment 2 of both objects is B; of the label map too.
    for file in ["b-two-segments.dcm", "b-label-map.dcm"] {
        let same = compared(&stored("b-two-segments.dcm"), &stored(file), Some(2), &[]).unwrap();
        assert_eq!(number(&same, "dice"), Some(1.0), "{file}");
        close(
            number(&same, "prediction_ml"),
            expected("prediction_ml"),
            file,
        );
    }
    // Without a number all segments count: the union of A and B, by inclusion and exclusion.
    let (a, b, iou) = (
        expected("reference_ml"),
        expected("prediction_ml"),
        expected("iou"),
    );
    let union = (a + b) / (1.0 + iou);
    for file in ["b-two-segments.dcm", "b-label-map.dcm"] {
        let all = compared(&stored("a.dcm"), &stored(file), None, &[]).unwrap();
        close(number(&all, "prediction_ml"), union, file);
        close(number(&all, "sensitivity"), 1.0, file);
    }
}

#[test]
fn identical_masks_agree_in_every_number() {
    let a = stored("a.nii");
    let same = compared(&a, &a, None, &[("tolerance_mm", "0")]).unwrap();
    for column in [
        "dice",
        "iou",
        "sensitivity",
        "positive_predictive_value",
        "surface_dice",
        "lesion_sensitivity",
        "lesion_f1",
        "panoptic_quality",
    ] {
        assert_eq!(number(&same, column), Some(1.0), "{column}");
    }
    for column in [
        "hausdorff",
        "hausdorff_percentile",
        "assd",
        "masd",
        "volume_difference_ml",
        "lesion_false_positives",
        "lesion_false_negatives",
    ] {
        assert_eq!(number(&same, column), Some(0.0), "{column}");
    }
}

#[test]
fn lesions_are_counted_by_their_connections() {
    // A is one lesion; B is a box and, beyond an empty slice, four voxels: the box shares
    // 5 x 4 x 2 = 40 voxels with A. By IoU: 40 / (90 + 48 - 40) = 0.41.
    let strict = compared(&stored("a.nii"), &stored("b.nii"), None, &[]).unwrap();
    assert_eq!(number(&strict, "lesion_true_positives"), Some(0.0));
    assert_eq!(number(&strict, "lesion_false_positives"), Some(2.0));
    assert_eq!(number(&strict, "lesion_false_negatives"), Some(1.0));
    let loose = compared(&stored("a.nii"), &stored("b.nii"), None, &[("iou", "0.4")]).unwrap();
    assert_eq!(number(&loose, "lesion_true_positives"), Some(1.0));
    assert_eq!(number(&loose, "lesion_false_positives"), Some(1.0));
    assert_eq!(number(&loose, "lesion_false_negatives"), Some(0.0));
}

#[test]
fn empty_masks_have_a_value_only_where_the_settings_say_so() {
    let (a, empty) = (stored("a.nii"), stored("empty.nii"));
    let both = compared(&empty, &empty, None, &[]).unwrap();
    assert_eq!(number(&both, "dice"), None);
    let both = compared(&empty, &empty, None, &[("both_empty", "one")]).unwrap();
    assert_eq!(number(&both, "dice"), Some(1.0));
    let missed = compared(&a, &empty, None, &[]).unwrap();
    assert_eq!(number(&missed, "dice"), Some(0.0));
    assert_eq!(number(&missed, "hausdorff"), None);
    assert_eq!(number(&missed, "positive_predictive_value"), None);
}

#[test]
fn a_comparison_fills_every_column_in_order() {
    let comparison = compared(
        &stored("a.nii"),
        &stored("b.nii"),
        None,
        &[("tolerance_mm", "1")],
    )
    .unwrap();
    let names: Vec<&str> = cells(&comparison).iter().map(|(c, _)| *c).collect();
    assert_eq!(names, COLUMNS);
    for (column, value) in cells(&comparison) {
        if column != "panoptic_quality" && column != "lesion_f1" {
            assert!(value.is_some(), "{column}");
        }
    }
}

fn refused(reference: &[u8], prediction: &[u8], says: &[&str]) {
    let e = match compared(reference, prediction, None, &[]) {
        Ok(c) => panic!("{says:?}: compared as {:?}", cells(&c)),
        Err(e) => e.to_string(),
    };
    for words in says {
        assert!(e.contains(words), "{words}: {e}");
    }
}

#[test]
fn masks_on_different_grids_are_refused_in_words() {
    let a = stored("a.nii");
    for (file, says) in [
        (
            "refused-between.nii",
            "lies between the voxels of the reference",
        ),
        ("refused-turned.nii", "is turned against the reference"),
        (
            "refused-spacing.nii",
            "has another spacing (5.0000 mm against 3.0000 mm)",
        ),
        ("refused-far.nii", "lies far from the reference"),
        ("b-oblique-qform.nii", "is turned against the reference"),
    ] {
        refused(
            &a,
            &stored(file),
            &["the predicted mask", says, "resample one mask"],
        );
    }
    refused(
        &stored("a.dcm"),
        &stored("refused-between.nii"),
        &["between the voxels"],
    );
}

#[test]
fn files_that_hold_no_mask_are_refused_in_words() {
    let a = stored("a.nii");
    for (file, says) in [
        ("refused-colours.nii", "holds colours or complex numbers"),
        ("refused-series.nii.gz", "has more than three dimensions"),
        (
            "refused-pair.hdr",
            "is the header of a pair (.hdr and .img)",
        ),
        (
            "refused-pair2.hdr",
            "is the header of a pair (.hdr and .img)",
        ),
        ("refused-ct.dcm", "not a DICOM segmentation"),
    ] {
        refused(&a, &stored(file), &["the predicted mask", says]);
        refused(&stored(file), &a, &["the reference mask", says]);
    }
    refused(&a, b"", &["is an empty file"]);
    refused(
        &a,
        b"id,score\n1,2\n",
        &["is neither NIfTI in one file", "nor a DICOM segmentation"],
    );
}

/// The file with these bytes at this place of its header.
fn patched(name: &str, at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut out = stored(name);
    out[at..at + bytes.len()].copy_from_slice(bytes);
    out
}

/// The first three rows of the transform, as floats of a NIfTI-1 header (srow_x stands at byte 280).
fn sform(name: &str, rows: [[f32; 4]; 3]) -> Vec<u8> {
    let bytes: Vec<u8> = rows
        .iter()
        .flatten()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    patched(name, 280, &bytes)
}

#[test]
fn a_segment_that_is_not_there_counts_as_empty_and_is_noted() {
    let none = compared(
        &stored("b-two-segments.dcm"),
        &stored("b-two-segments.dcm"),
        Some(3),
        &[],
    )
    .unwrap();
    assert_eq!(number(&none, "dice"), None);
    assert!(
        none.notes
            .iter()
            .any(|n| n.contains("3 does not occur in the reference mask")),
        "{:?}",
        none.notes
    );
    let missed = compared(
        &stored("b-two-segments.dcm"),
        &stored("a.dcm"),
        Some(2),
        &[],
    )
    .unwrap();
    assert_eq!(number(&missed, "dice"), Some(0.0));
}

#[test]
fn several_labels_and_other_fields_of_view_are_noted() {
    let notes = |b: &str| {
        compared(&stored("a.nii"), &stored(b), None, &[])
            .unwrap()
            .notes
            .join(" ")
    };
    assert!(notes("b-labels.nii").contains("holds 3 labels"));
    assert!(!notes("b.nii").contains("fields of view"));
    for file in ["b-cropped.nii", "b-wider.nii", "b-left-out.dcm"] {
        assert!(notes(file).contains("different fields of view"), "{file}");
    }
}

#[test]
fn lengths_in_metres_and_micrometres_are_read_as_such() {
    // xyzt_units stands at byte 123: 1 is metre, 2 millimetre, 3 micrometre.
    for (unit, factor) in [(1u8, 1e-3f32), (2, 1.0), (3, 1e3)] {
        let make = |name: &str| {
            let rows = [
                [1.0, 0.0, 0.0, -20.0],
                [0.0, 1.5, 0.0, 15.0],
                [0.0, 0.0, 3.0, 40.0],
            ];
            let mut out = sform(name, rows.map(|r: [f32; 4]| r.map(|v| v * factor)));
            out[123] = unit;
            out
        };
        let c = compared(&make("a.nii"), &make("b.nii"), None, &[]).unwrap();
        let says = |n: &String| n.contains("states its lengths in");
        assert_eq!(
            c.notes.iter().filter(|n| says(n)).count(),
            [0, 2, 0, 2][usize::from(unit)]
        );
        close(number(&c, "reference_ml"), expected("reference_ml"), "ml");
        close(
            number(&c, "hausdorff"),
            expected("hausdorff_marching"),
            "mm",
        );
    }
}

#[test]
fn masks_of_other_frames_of_reference_are_refused() {
    let mut b = stored("b-left-out.dcm");
    let uid = b"1.2.826.0.1.3680043.10.4";
    let at = b.windows(uid.len()).position(|w| w == uid).unwrap();
    b[at + uid.len() - 1] = b'9';
    refused(
        &stored("a.dcm"),
        &b,
        &["another frame of reference", "register the series"],
    );
}

#[test]
fn grids_that_are_not_rectangular_are_refused() {
    let sheared = [
        [1.0, 0.8, 0.0, -20.0],
        [0.0, 1.2, 0.0, 15.0],
        [0.0, 0.0, 3.0, 40.0],
    ];
    let flat = [
        [1.0, 1.0, 0.0, -20.0],
        [0.0, 0.0, 0.0, 15.0],
        [0.0, 0.0, 3.0, 40.0],
    ];
    for rows in [sheared, flat] {
        let a = sform("a.nii", rows);
        refused(&a, &a, &["not at right angles"]);
    }
    let nothing = sform("a.nii", [[0.0; 4]; 3]);
    refused(&nothing, &nothing, &["has no usable orientation"]);
}

#[test]
fn probability_maps_and_pairs_of_files_are_refused() {
    let a = stored("a.nii");
    let mut shares = stored("b-float32.nii");
    for voxel in shares[352..].chunks_exact_mut(4) {
        if voxel != [0; 4] {
            voxel.copy_from_slice(&0.7f32.to_le_bytes());
        }
    }
    refused(
        &a,
        &shares,
        &["a probability map", "apply the threshold first"],
    );
    refused(
        &a,
        &patched("b.nii", 344, b"ni1\0"),
        &["a pair (.hdr and .img)"],
    );
}

#[test]
fn truncated_files_are_refused_in_words() {
    let a = stored("a.nii");
    refused(&a, &a[..700], &["is cut off", "copy it anew"]);
    refused(&a, &stored("b-float32.nii")[..2000], &["is cut off"]);
    let gz = stored("b-gzip.nii.gz");
    refused(&a, &gz[..gz.len() / 2], &["its compression ends early"]);
    for file in ["a.nii", "b-left-out.dcm", "b-gzip.nii.gz"] {
        let whole = stored(file);
        for keep in (1..whole.len() - 8).step_by(61) {
            assert!(
                compared(&a, &whole[..keep], None, &[]).is_err(),
                "{file} cut to {keep}"
            );
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

#[test]
fn gzip_is_checked_to_its_end() {
    let (a, b) = (stored("a.nii"), stored("b.nii"));
    let whole = gzip(&b);
    compared(&a, &whole, None, &[]).unwrap();
    // Several members, one behind the other, are one file (RFC 1952, 2.2); one may be empty.
    let mut members = gzip(&b[..500]);
    members.extend(gzip(&b[500..]));
    members.extend(gzip(b""));
    let c = compared(&a, &members, None, &[]).unwrap();
    close(number(&c, "dice"), expected("dice"), "members");
    // The last eight bytes: the checksum and the length.
    for at in whole.len() - 8..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        refused(&a, &flipped, &["is damaged", "checksum", "copy it anew"]);
    }
    for keep in whole.len() - 8..whole.len() {
        refused(&a, &whole[..keep], &["its compression ends early"]);
    }
    let mut first = gzip(&b[..500]);
    let at = first.len() - 8;
    first[at] ^= 1;
    first.extend(gzip(&b[500..]));
    refused(&a, &first, &["checksum"]);
    for junk in [b"junk behind the end".as_slice(), &[0; 512], b"x"] {
        let mut longer = whole.clone();
        longer.extend(junk);
        refused(&a, &longer, &["is damaged", "copy it anew"]);
    }
    let mut bomb = b.clone();
    bomb.resize(b.len() + (65 << 20), 0);
    refused(&a, &gzip(&bomb), &["far more than its header says"]);
}

#[test]
fn a_negative_size_is_called_so() {
    let a = stored("a.nii");
    for axis in 1..=3usize {
        let b = patched("b.nii", 40 + 2 * axis, &(-3i16).to_le_bytes());
        refused(
            &a,
            &b,
            &[&format!("a negative size (dim[{axis}])"), "write it anew"],
        );
    }
}

/// -1 marks what was not read, and is 255 read as a signed byte: neither is a label.
#[test]
fn values_below_zero_are_no_labels() {
    let a = stored("a.nii");
    let mut b = stored("b-int16.nii");
    let voxel = b[352..].len() / 2 - 1;
    let at = 352 + 2 * voxel;
    assert_eq!(b[at..at + 2], [0, 0]);
    b[at..at + 2].copy_from_slice(&(-1i16).to_le_bytes());
    refused(
        &a,
        &b,
        &["holds values below 0", "or give the label to compare"],
    );
    // Whoever picks a label leaves them out.
    let label = u64::from(
        b[352..]
            .chunks_exact(2)
            .map(|c| i16::from_le_bytes([c[0], c[1]]))
            .max()
            .unwrap()
            .unsigned_abs(),
    );
    let picked = compared(&b, &b, Some(label), &[]).unwrap();
    close(
        number(&picked, "reference_ml"),
        expected("prediction_ml"),
        "picked",
    );
}

#[test]
fn settings_out_of_their_range_are_refused() {
    for (name, value) in [
        ("surface", "smooth"),
        ("tolerance_mm", "-1"),
        ("percent", "101"),
        ("iou", "x"),
        ("connectivity", "7"),
        ("rule", "any"),
        ("both_empty", "zero"),
        ("assignment", "none"),
        ("symmetry", "both"),
    ] {
        let e = options(&settings(&[(name, value)]))
            .unwrap_err()
            .to_string();
        assert!(e.contains(name), "{e}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_headers_never_panic(at in 0usize..352, byte in any::<u8>(), more in 0usize..352, other in any::<u8>()) {
        let a = stored("a.nii");
        let mut b = stored("b-oblique-qform.nii");
        b[at] = byte;
        b[more] = other;
        let _ = compared(&a, &b, None, &[]);
        let _ = compared(&b, &a, Some(1), &[]);
    }

    #[test]
    fn damaged_headers_of_nifti_2_never_panic(at in 0usize..544, byte in any::<u8>(), more in 0usize..544, other in any::<u8>()) {
        let a = stored("a.nii");
        let mut b = stored("b-nifti2-mirrored-qform.nii");
        b[at] = byte;
        b[more] = other;
        let _ = compared(&a, &b, None, &[]);
        let _ = compared(&b, &a, Some(1), &[]);
    }

    #[test]
    fn damaged_segmentations_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let a = stored("a.nii");
        let mut b = stored("b-left-out.dcm");
        let at = at.index(b.len());
        b[at] = byte;
        let _ = compared(&a, &b, None, &[]);
    }
}

#[test]
fn transforms_of_one_file_that_differ_are_told() {
    let notes = |b: &[u8]| {
        compared(&stored("a.nii"), b, None, &[])
            .unwrap()
            .notes
            .join(" ")
    };
    // nibabel 5.3: the largest distance over the eight corners between get_sform() and get_qform().
    let told = notes(&stored("b-two-forms.nii"));
    assert!(told.contains("predicted mask (sform, code 1, and qform, code 1) place its voxels up to 15.50 mm apart"), "{told}");
    // The same transform written both ways differs by the rounding of its floats alone (nibabel:
    // 1e-6 mm). Code of the qform at byte 252.
    let both = patched("a-oblique-sform.nii", 252, &1i16.to_le_bytes());
    let alike = compared(&both, &both, None, &[]).unwrap();
    assert!(!alike.notes.iter().any(|n| n.contains("transforms")));
}
