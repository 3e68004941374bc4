//! DICOM as it really arrives: cut off, lying about lengths, nested without end, out of order,
//! incomplete. Each is answered; none crashes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use candour_dicom::phantom::{Case, DIM, Flaw, SPACING_MM};
use candour_dicom::{
    Deviation, DicomError, GeometryProblem, Instance, Study, StudyProblem, Volume, image, report,
};

fn studies(files: &[Vec<u8>]) -> Vec<Study> {
    Study::assemble(
        files
            .iter()
            .filter_map(|f| Instance::parse(f).ok())
            .collect(),
    )
}

fn volume(study: &Study) -> Volume {
    Volume::assemble(&study.slice_series()[0]).unwrap()
}

/// Everything that can be asked of a file; only panics matter.
fn exercise(bytes: &[u8]) {
    if let Ok(instance) = Instance::parse(bytes) {
        let _ = image::decode(&instance);
        let _ = image::show(&instance, 0);
        let _ = report::measurements(&instance);
        let _ = report::read_report(&instance);
        let study = Study::assemble(vec![instance]);
        for s in &study {
            for series in s.slice_series() {
                let _ = Volume::assemble(&series);
            }
        }
    }
}

/// A Part 10 file: preamble, meta for a transfer syntax, then `body`.
fn part10(syntax: &str, body: &[u8]) -> Vec<u8> {
    let mut uid = syntax.as_bytes().to_vec();
    if uid.len() % 2 == 1 {
        uid.push(0);
    }
    let mut meta = b"\x02\x00\x10\x00UI".to_vec();
    meta.extend(u16::try_from(uid.len()).unwrap().to_le_bytes());
    meta.extend(uid);
    let mut out = vec![0; 128];
    out.extend(b"DICM\x02\x00\x00\x00UL\x04\x00");
    out.extend(u32::try_from(meta.len()).unwrap().to_le_bytes());
    out.extend(meta);
    out.extend(body);
    out
}

const EXPLICIT: &str = "1.2.840.10008.1.2.1";

/// Verifies SRS-008.
#[test]
fn what_is_no_dicom_is_said_to_be_none() {
    assert_eq!(Instance::parse(b"").unwrap_err(), DicomError::Empty);
    for junk in [
        b"\x89PNG\r\n\x1a\n0000000000000000000000000000000000".as_slice(),
        b"%PDF-1.7 and then some more text to make it longer than any header",
        &[0; 200],
        &[0xff; 4000],
        b"DICM",
        &[b"0".repeat(128), b"DICM".to_vec()].concat(),
    ] {
        assert!(
            Instance::parse(junk).is_err(),
            "{:?}",
            &junk[..4.min(junk.len())]
        );
    }
}

/// Verifies SRS-008: cut at any place, a file is refused or is a shorter data set, never a crash.
#[test]
fn a_file_cut_at_any_place_is_answered() {
    let file = Case::from_seed(5).series().unwrap().remove(0);
    for cut in (0..file.len()).filter(|c| *c < 2000 || c % 211 == 0) {
        exercise(&file[..cut]);
    }
    let error = Instance::parse(&file[..file.len() - 100]).unwrap_err();
    assert!(matches!(error, DicomError::Truncated { .. }), "{error}");
    assert!(error.to_string().contains("send it again"));
}

/// Verifies SRS-008: any single changed byte of the header, and many random changes.
#[test]
fn changed_bytes_never_crash() {
    let file = Case::from_seed(6).series().unwrap().remove(3);
    let header = file.len() - 2 * DIM[1] * DIM[2];
    let mut seed = 1u64;
    for at in 0..header {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let mut copy = file.clone();
        copy[at] ^= ((seed >> 33) as u8) | 1;
        exercise(&copy);
    }
}

/// Verifies SRS-008: an element that says it has 4 GiB; a sequence nested 100,000 deep; a length
/// that overflows; a value under another VR.
#[test]
fn lying_lengths_and_endless_nesting_are_refused() {
    let huge = part10(
        EXPLICIT,
        b"\xe0\x7f\x10\x00OW\x00\x00\xfe\xff\xff\xff\x00\x00",
    );
    let error = Instance::parse(&huge).unwrap_err();
    assert!(
        matches!(
            error,
            DicomError::Truncated {
                length: 0xffff_fffe,
                ..
            }
        ),
        "{error}"
    );

    let level = b"\x40\x00\x75\x02SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff";
    let deep = part10(EXPLICIT, &level.repeat(100_000));
    let error = Instance::parse(&deep).unwrap_err();
    assert!(matches!(error, DicomError::TooDeep { .. }), "{error}");

    // Rows as text, and a Pixel Spacing of nonsense.
    for body in [
        b"\x28\x00\x10\x00LO\x04\x00abcd".as_slice(),
        b"\x28\x00\x30\x00DS\x06\x00\\\\\\\\\\\\",
        b"\x28\x00\x30\x00XX\x06\x00123456",
    ] {
        exercise(&part10(EXPLICIT, body));
    }
}

/// PS3.5 6.2.2 note 2: a sequence that somebody on the way did not know, as UN of undefined length with
/// its items in implicit VR, within explicit ones. It reads as if it were not there.
#[test]
fn unknown_sequences_of_undefined_length_are_passed_over() {
    let file = Case::from_seed(5).series().unwrap().remove(0);
    let plain = Instance::parse(&file).unwrap();
    // Before the pixel data, where a private group may stand.
    let at = file
        .windows(6)
        .rposition(|w| w == b"\xe0\x7f\x10\x00OW")
        .unwrap();
    let unknown = b"\x11\x70\x10\x10UN\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff\x11\x70\x20\x10\x06\x00\x00\x00SECRET\xfe\xff\x0d\xe0\x00\x00\x00\x00\xfe\xff\xdd\xe0\x00\x00\x00\x00";
    let with = [&file[..at], unknown, &file[at..]].concat();
    let read = Instance::parse(&with).unwrap();
    assert_eq!(image::decode(&read), image::decode(&plain));
    assert!(read.deviations.is_empty());
    for cut in 0..unknown.len() {
        assert!(Instance::parse(&with[..at + cut]).is_err() || cut == 0);
    }
    // Where the library gives up, the element is named and its value is not.
    let bad = part10(
        EXPLICIT,
        b"\x08\x00\x15\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff\x28\x00\x10\x00SS\x03\x00SECRET\xfe\xff\x0d\xe0\x00\x00\x00\x00\xfe\xff\xdd\xe0\x00\x00\x00\x00",
    );
    assert!(
        !Instance::parse(&bad)
            .unwrap_err()
            .to_string()
            .contains("SECRET")
    );
}

/// Verifies SRS-010.
#[test]
fn syntaxes_that_are_not_decoded_exactly_are_refused_by_name() {
    for (uid, name) in [
        ("1.2.840.10008.1.2.4.90", "JPEG 2000"),
        ("1.2.840.10008.1.2.4.80", "JPEG-LS"),
        ("1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000"),
    ] {
        let series = Case::from_seed(7).series().unwrap();
        // The same data set under another syntax: the pixel element becomes an encapsulated one.
        let file = &series[0];
        let at = file
            .windows(8)
            .position(|w| w == b"\xe0\x7f\x10\x00OW\x00\x00")
            .unwrap();
        let meta_end = 132 + 12 + u32::from_le_bytes(file[140..144].try_into().unwrap()) as usize;
        let mut body = file[meta_end..at].to_vec();
        body.extend(b"\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\x00\x00\x00\x00");
        body.extend(
            b"\xfe\xff\x00\xe0\x04\x00\x00\x00\xff\x4f\xff\x51\xfe\xff\xdd\xe0\x00\x00\x00\x00",
        );
        let instance = Instance::parse(&part10(uid, &body)).unwrap();
        let error = image::decode(&instance).unwrap_err();
        assert!(
            matches!(error, DicomError::TransferSyntax { .. }),
            "{error}"
        );
        assert!(
            error.to_string().contains(name) && error.to_string().contains(uid),
            "{error}"
        );
    }
}

/// Verifies SRS-009: the generator writes its slices out of order; the volume is the generator's own
/// array all the same, at its spacing.
#[test]
fn slices_in_any_order_make_the_generators_volume() {
    let case = Case::from_seed(11);
    let files = case.series().unwrap();
    let study = studies(&files).remove(0);
    let volume = volume(&study);
    assert_eq!(volume.dims, DIM);
    for (got, want) in volume.spacing_mm.iter().zip(SPACING_MM) {
        assert!((got - want).abs() < 1e-6);
    }
    assert!(volume.problems.is_empty());
    assert!(
        volume
            .voxels
            .iter()
            .zip(case.hu())
            .all(|(v, hu)| *v == f32::from(*hu))
    );
    let mut reversed = files;
    reversed.reverse();
    let again = studies(&reversed).remove(0);
    assert_eq!(self::volume(&again).voxels, volume.voxels);
}

/// Verifies SRS-009.
#[test]
fn flaws_of_geometry_are_found_and_named() {
    let case = Case::from_seed(12);
    let flawed = |flaw| studies(&case.flawed_series(flaw).unwrap()).remove(0);
    let problem = |flaw| volume(&flawed(flaw)).problems.first().cloned();
    match problem(Flaw::MissingSlice) {
        Some(GeometryProblem::Gap { gap_mm, .. }) => assert!((gap_mm - 3.0).abs() < 1e-6),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        problem(Flaw::ZeroSpacing),
        Some(GeometryProblem::ImpossibleSpacing)
    ));
    let thick = volume(&flawed(Flaw::ThickSlices));
    assert!((thick.spacing_mm[0] - 6.0).abs() < 1e-6 && thick.problems.is_empty());
    assert_eq!(
        flawed(Flaw::MixedPatient).problems,
        [StudyProblem::MixedPatients]
    );
    let twice = flawed(Flaw::DuplicateSlice);
    assert_eq!(twice.deviations.get(&Deviation::Repeated), Some(&1));
    assert_eq!(volume(&twice).dims, DIM);
}

#[test]
fn no_error_says_anything_of_the_patient() {
    let case = Case::from_seed(13);
    let file = case.series().unwrap().remove(0);
    let id = case.patient_id();
    for cut in (132..file.len()).step_by(50) {
        if let Err(e) = Instance::parse(&file[..cut]) {
            assert!(!e.to_string().contains(&id) && !format!("{e:?}").contains(&id));
        }
    }
    let instance = Instance::parse(&file).unwrap();
    assert!(!format!("{instance:?}").contains(&id));
}
