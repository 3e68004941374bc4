//! Masks from files, NIfTI or DICOM segmentation, brought onto one grid and compared.
#![allow(
    clippy::indexing_slicing,
    reason = "only arrays of three are indexed, by axes from 0 to 2"
)]

use std::fmt;
use std::io::Read as _;

use candour_dicom::{Instance, read_segmentation};
use candour_statistics::catalogue::{Setting, SettingKind, check_setting};
use candour_statistics::segmentation::{
    Assignment, BothEmpty, Comparison, Connectivity, LesionOptions, Mask, Options, Rule, Surface,
    Symmetry, compare,
};
use candour_statistics::{Number, StatisticsError};
use nifti::NiftiType;

/// The largest mask file read, and the largest a compressed one may become.
pub const MASK_BYTES_MAX: u64 = 8 << 30;
/// The most voxels of one grid.
const VOXELS_MAX: usize = 1 << 31;
/// How far grids may lie apart, in voxels, and still be one: files round their positions.
const SHIFT_MAX: f64 = 0.02;
/// How far the two transforms of one NIfTI file may place a voxel apart, in voxels, before it is told.
const FORMS_APART_MAX: f64 = 0.1;
/// The longest header, that of NIfTI-2, with its extender.
const HEADER_BYTES: u64 = 544;
/// What may follow the voxels that a compressed file's header promises: it is unpacked to check the
/// checksum and kept nowhere.
const TRAILING_BYTES_MAX: u64 = 64 << 20;
/// The slices that a segmentation may span, those without a frame among them: as many as a body has at 0.2 mm.
const SLICES_MAX: f64 = 1e4;

/// The settings of a comparison of masks.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "tolerance_mm",
        what: "tolerance of the surface Dice, mm, from the spread between readers; without it there is none",
        kind: SettingKind::OptionalReal(0.0, 1000.0),
        default: None,
    },
    Setting {
        name: "surface",
        what: "what the surface is: marching (elements with area, DeepMind's surface-distance) or border voxels by connectivity (MedPy and MetricsReloaded use faces); one slice along z is an image with contours, a mask one voxel thick along x or y a volume",
        kind: SettingKind::Choice(&["marching", "voxel-faces", "voxel-edges", "voxel-corners"]),
        default: Some("marching"),
    },
    Setting {
        name: "symmetry",
        what: "percentile of both directions: the larger of the two, or of both lists together (MedPy)",
        kind: SettingKind::Choice(Symmetry::WORDS),
        default: Some("max-of-directed"),
    },
    Setting {
        name: "percent",
        what: "percentile of the Hausdorff distance",
        kind: SettingKind::Real(0.0, 100.0),
        default: Some("95"),
    },
    Setting {
        name: "both_empty",
        what: "overlaps where both masks are empty",
        kind: SettingKind::Choice(BothEmpty::WORDS),
        default: Some("not-estimable"),
    },
    Setting {
        name: "connectivity",
        what: "which voxels of a lesion belong together",
        kind: SettingKind::Choice(Connectivity::WORDS),
        default: Some("corners"),
    },
    Setting {
        name: "rule",
        what: "when a predicted lesion is a reference lesion: one to one by IoU, or any overlap",
        kind: SettingKind::Choice(&["iou-above", "iou-at-least", "overlap"]),
        default: Some("iou-above"),
    },
    Setting {
        name: "iou",
        what: "the IoU of the rule",
        kind: SettingKind::Real(0.0, 1.0),
        default: Some("0.5"),
    },
    Setting {
        name: "assignment",
        what: "which pairs are made where several would match",
        kind: SettingKind::Choice(Assignment::WORDS),
        default: Some("greedy"),
    },
];

/// The columns that a comparison of masks adds to a table: names of [`Comparison::numbers`].
pub const COLUMNS: &[&str] = &[
    "dice",
    "iou",
    "sensitivity",
    "positive_predictive_value",
    "reference_ml",
    "prediction_ml",
    "volume_difference_ml",
    "absolute_volume_difference_ml",
    "relative_volume_difference",
    "hausdorff",
    "hausdorff_percentile",
    "assd",
    "masd",
    "surface_dice",
    "boundary_iou",
    "lesion_true_positives",
    "lesion_false_positives",
    "lesion_false_negatives",
    "lesion_sensitivity",
    "lesion_f1",
    "panoptic_quality",
];

/// What a file of a mask is called where it cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskError {
    /// Which one, without its name: file names may be personal.
    pub which: &'static str,
    /// What is wrong, and what mends it.
    pub what: String,
}

impl std::error::Error for MaskError {}

impl fmt::Display for MaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} mask {}", self.which, self.what)
    }
}

/// The options that settings, as typed, stand for.
///
/// # Errors
/// For a value out of its range.
pub fn options(given: &[(String, String)]) -> Result<Options, StatisticsError> {
    let value = |name: &str| -> Result<Option<String>, StatisticsError> {
        let Some(setting) = SETTINGS.iter().find(|s| s.name == name) else {
            return Ok(None);
        };
        let text = given
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.clone())
            .or_else(|| setting.default.map(str::to_owned));
        if let Some(text) = &text {
            check_setting(setting, text)?;
        }
        Ok(text)
    };
    let word = |name: &str| value(name).map(Option::unwrap_or_default);
    let number = |name: &str| -> Result<Option<f64>, StatisticsError> {
        Ok(value(name)?.and_then(|t| t.trim().parse().ok()))
    };
    let iou = number("iou")?.unwrap_or(0.5);
    Ok(Options {
        both_empty: BothEmpty::from_word(&word("both_empty")?),
        surface: match word("surface")?.strip_prefix("voxel-") {
            Some(c) => Surface::Voxel(Connectivity::from_word(c)),
            None => Surface::Marching,
        },
        symmetry: Symmetry::from_word(&word("symmetry")?),
        percent: number("percent")?.unwrap_or(95.0),
        tolerance_mm: number("tolerance_mm")?,
        lesions: Some(LesionOptions {
            connectivity: Connectivity::from_word(&word("connectivity")?),
            rule: match word("rule")?.as_str() {
                "iou-at-least" => Rule::IouAtLeast(iou),
                "overlap" => Rule::Overlap,
                _ => Rule::IouAbove(iou),
            },
            assignment: Assignment::from_word(&word("assignment")?),
        }),
    })
}

/// Compares two files of masks: NIfTI-1 or NIfTI-2 in one file (also gzipped) or DICOM segmentation, each for itself.
/// `label` picks a label of a label map or a segment; without it all that is not background (0) counts.
/// Values below 0 are no labels (some tools mark voxels that were not read with -1, and 255 read as a
/// signed byte is -1): they are refused, unless `label` picks another value, which leaves them out.
///
/// # Errors
/// When a file cannot be read, is damaged, holds values that are no labels, or the two do not lie on one grid.
pub fn compare_files(
    reference: &[u8],
    prediction: &[u8],
    label: Option<u64>,
    options: &Options,
) -> Result<Comparison, MaskError> {
    let a = Placed::read("reference", reference, label)?;
    let b = Placed::read("predicted", prediction, label)?;
    if let (Some(x), Some(y)) = (&a.frame, &b.frame)
        && x != y
    {
        return Err(MaskError {
            which: "predicted",
            what: "lies in another frame of reference than the reference (Frame of Reference UID, PS3.3 C.7.4.1): their coordinates cannot be compared; register the series first".into(),
        });
    }
    let (first, second, apart) = align(&a, &b)?;
    let mut comparison = compare(&first, &second, options).map_err(|e| MaskError {
        which: "predicted",
        what: format!("cannot be compared with the reference: {e}"),
    })?;
    comparison.notes.extend(a.notes);
    comparison.notes.extend(b.notes);
    comparison.notes.extend(apart);
    Ok(comparison)
}

/// The numbers of a comparison in the order of [`COLUMNS`].
#[must_use]
pub fn cells(comparison: &Comparison) -> Vec<(&'static str, Option<f64>)> {
    let numbers = comparison.numbers();
    let find = |name: &str| -> Option<&Number> { numbers.iter().find(|n| n.name == name) };
    COLUMNS
        .iter()
        .map(|c| (*c, find(c).and_then(|n| n.value)))
        .collect()
}

/// A mask with its place in the patient: LPS coordinates in mm, as in DICOM.
struct Placed {
    dims: [usize; 3],
    /// Centre of the first voxel.
    origin: [f64; 3],
    /// Unit direction of each axis.
    axes: [[f64; 3]; 3],
    spacing: [f64; 3],
    voxels: Vec<bool>,
    /// Frame of Reference UID, of DICOM.
    frame: Option<String>,
    /// What the reader must know.
    notes: Vec<String>,
}

/// What a NIfTI header says of the voxels behind it.
struct Header {
    which: &'static str,
    big_endian: bool,
    kind: NiftiType,
    dims: [usize; 3],
    voxels: usize,
    /// Where the voxels begin.
    offset: usize,
    /// A voxel's value is slope times what is stored, plus shift.
    slope: f64,
    shift: f64,
    /// xyzt_units.
    units: i64,
    form: Form,
}

/// How a NIfTI header places its voxels: two transforms, each with a code that says whether it holds.
struct Form {
    sform_code: i64,
    qform_code: i64,
    /// The first four of pixdim: the sign of the third axis of the qform, and the sizes of a voxel.
    pixdim: [f64; 4],
    quatern: [f64; 3],
    qoffset: [f64; 3],
    srow: [[f64; 4]; 3],
}

/// Numbers at places of a NIfTI-2 header.
struct Fields<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl Fields<'_> {
    fn at<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let mut out: [u8; N] = self.bytes.get(at..at.checked_add(N)?)?.try_into().ok()?;
        if self.big_endian {
            out.reverse();
        }
        Some(out)
    }

    fn i16(&self, at: usize) -> Option<i16> {
        self.at(at).map(i16::from_le_bytes)
    }

    fn i32(&self, at: usize) -> Option<i32> {
        self.at(at).map(i32::from_le_bytes)
    }

    fn i64(&self, at: usize) -> Option<i64> {
        self.at(at).map(i64::from_le_bytes)
    }

    fn f64<const N: usize>(&self, at: usize) -> Option<[f64; N]> {
        let mut out = [0.0; N];
        for (n, value) in out.iter_mut().enumerate() {
            *value = self.at(at + 8 * n).map(f64::from_le_bytes)?;
        }
        Some(out)
    }
}

/// The version of NIfTI that the bytes begin with: the magic of a file in one piece, of a pair, or the size of a header.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
    Pair,
}

impl Version {
    fn of(bytes: &[u8]) -> Option<Self> {
        let size = bytes.get(..4)?;
        let is = |n: u32| size == n.to_le_bytes() || size == n.to_be_bytes();
        match (bytes.get(344..348), bytes.get(4..8)) {
            (Some(b"n+1\0"), _) => Some(Self::One),
            (Some(b"ni1\0"), _) => Some(Self::Pair),
            (_, Some(b"ni2\0")) if is(540) => Some(Self::Pair),
            (_, Some(b"n+2\0")) if is(540) => Some(Self::Two),
            // Analyze 7.5, whose header NIfTI-1 took over, has no magic.
            (Some(_), _) if is(348) => Some(Self::Pair),
            _ => None,
        }
    }
}

impl Header {
    fn read(which: &'static str, bytes: &[u8]) -> Result<Self, MaskError> {
        let wrong = |what: String| MaskError { which, what };
        let damaged = || {
            wrong(
                "is damaged or no NIfTI file in one piece; write it anew as .nii or .nii.gz".into(),
            )
        };
        match Version::of(bytes) {
            Some(Version::Pair) => Err(wrong("is the header of a pair (.hdr and .img); write it anew as one file, .nii or .nii.gz".into())),
            Some(Version::Two) => Self::of_two(which, bytes),
            _ => {
                let nifti = nifti::NiftiHeader::from_reader(bytes).map_err(|_| damaged())?;
                // The format's sizes are signed; the reader's are not.
                let dim: Vec<i64> = nifti
                    .dim
                    .iter()
                    .map(|d| i64::from(d.cast_signed()))
                    .collect();
                let (dims, voxels) = size(which, &dim)?;
                let rows = [nifti.srow_x, nifti.srow_y, nifti.srow_z];
                let [sign, x, y, z, ..] = nifti.pixdim;
                Ok(Self {
                    which,
                    big_endian: nifti.endianness == nifti::Endianness::Big,
                    kind: nifti.data_type().map_err(|_| damaged())?,
                    dims,
                    voxels,
                    offset: offset(which, f64::from(nifti.vox_offset), 352.0)?,
                    slope: f64::from(nifti.scl_slope),
                    shift: f64::from(nifti.scl_inter),
                    units: i64::from(nifti.xyzt_units),
                    form: Form {
                        sform_code: i64::from(nifti.sform_code),
                        qform_code: i64::from(nifti.qform_code),
                        pixdim: [sign, x, y, z].map(f64::from),
                        quatern: [nifti.quatern_b, nifti.quatern_c, nifti.quatern_d].map(f64::from),
                        qoffset: [nifti.quatern_x, nifti.quatern_y, nifti.quatern_z].map(f64::from),
                        srow: rows.map(|r| r.map(f64::from)),
                    },
                })
            }
        }
    }

    /// A header of NIfTI-2 (https://nifti.nimh.nih.gov/nifti-2): the fields of NIfTI-1 at other places, wider.
    fn of_two(which: &'static str, bytes: &[u8]) -> Result<Self, MaskError> {
        let wrong = |what: &str| MaskError {
            which,
            what: what.into(),
        };
        let damaged = "is damaged or no NIfTI file in one piece; write it anew as .nii or .nii.gz";
        // What follows the magic shows whether a transfer as text has changed the ends of lines.
        if bytes.get(8..12) != Some(b"\r\n\x1a\n") {
            return Err(wrong(
                "is damaged: it was sent as text, not as bytes; copy it anew",
            ));
        }
        let fields = Fields {
            bytes,
            big_endian: bytes.starts_with(&540u32.to_be_bytes()),
        };
        let read = || -> Option<(Vec<i64>, i16, Self)> {
            let dim: Option<Vec<i64>> = (0..8).map(|n| fields.i64(16 + 8 * n)).collect();
            let [slope, shift] = fields.f64(176)?;
            let start = fields.i64(168)?;
            let header = Self {
                which,
                big_endian: fields.big_endian,
                kind: NiftiType::Uint8,
                dims: [0; 3],
                voxels: 0,
                offset: usize::try_from(start).unwrap_or(0),
                slope,
                shift,
                units: i64::from(fields.i32(500)?),
                form: Form {
                    qform_code: i64::from(fields.i32(344)?),
                    sform_code: i64::from(fields.i32(348)?),
                    pixdim: fields.f64(104)?,
                    quatern: fields.f64(352)?,
                    qoffset: fields.f64(376)?,
                    srow: [fields.f64(400)?, fields.f64(432)?, fields.f64(464)?],
                },
            };
            Some((dim?, fields.i16(12)?, header))
        };
        let (dim, kind, header) = read().ok_or_else(|| wrong(damaged))?;
        let (dims, voxels) = size(which, &dim)?;
        let kind = num_kind(kind).ok_or_else(|| wrong(damaged))?;
        Ok(Self {
            kind,
            dims,
            voxels,
            offset: offset(which, header.offset as f64, 544.0)?,
            ..header
        })
    }

    fn damaged(&self) -> MaskError {
        MaskError {
            which: self.which,
            what: "is damaged: its voxels cannot be read; write it anew".into(),
        }
    }

    /// How long the file is with all its voxels.
    fn bytes_in_all(&self) -> Result<u64, MaskError> {
        (self.voxels as u64)
            .checked_mul(self.kind.size_of() as u64)
            .and_then(|n| n.checked_add(self.offset as u64))
            .filter(|n| *n <= MASK_BYTES_MAX)
            .ok_or_else(|| MaskError {
                which: self.which,
                what: format!("holds more than {} GiB", MASK_BYTES_MAX >> 30),
            })
    }
}

/// The three dimensions that a header's `dim` states, and how many voxels they hold.
fn size(which: &'static str, dim: &[i64]) -> Result<([usize; 3], usize), MaskError> {
    let wrong = |what: &str| MaskError {
        which,
        what: what.into(),
    };
    let rank = dim.first().copied().unwrap_or(0);
    if !(2..=7).contains(&rank) {
        return Err(wrong(
            "is damaged or no NIfTI file in one piece; write it anew as .nii or .nii.gz",
        ));
    }
    let mut dims = [1usize; 3];
    for (n, size) in dim.iter().skip(1).take(rank as usize).enumerate() {
        if *size < 0 {
            return Err(MaskError {
                which,
                what: format!(
                    "is damaged: its header states a negative size (dim[{}]); write it anew",
                    n + 1
                ),
            });
        }
        match dims.get_mut(n) {
            Some(slot) => *slot = usize::try_from(*size).unwrap_or(usize::MAX),
            None if *size <= 1 => {}
            None => return Err(wrong("has more than three dimensions; give one volume")),
        }
    }
    let voxels = dims
        .iter()
        .try_fold(1usize, |n, d| n.checked_mul(*d))
        .filter(|t| *t > 0 && *t <= VOXELS_MAX)
        .ok_or_else(|| wrong("has no voxels, or too many"))?;
    Ok((dims, voxels))
}

/// Where the voxels begin, as a header says it; not before `least`, where the header ends.
fn offset(which: &'static str, start: f64, least: f64) -> Result<usize, MaskError> {
    if (least..=1e9).contains(&start) && start.fract() == 0.0 {
        Ok(start as usize)
    } else {
        Err(MaskError {
            which,
            what: "says that its voxels begin where they cannot (vox_offset); write it anew".into(),
        })
    }
}

/// The type of a code of `datatype`, the same in both versions.
fn num_kind(code: i16) -> Option<NiftiType> {
    let header = nifti::NiftiHeader {
        datatype: code,
        ..Default::default()
    };
    header.data_type().ok()
}

/// Says which labels count where that is not plain.
fn tell_labels(which: &str, wanted: Option<u64>, there: &[i64], notes: &mut Vec<String>) {
    match wanted {
        Some(l) if !there.iter().any(|t| i128::from(*t) == i128::from(l)) => {
            notes.push(format!(
                "label {l} does not occur in the {which} mask: it counts as empty"
            ));
        }
        None if there.len() > 1 => notes.push(format!(
            "the {which} mask holds {} labels; all that is not background counts as one (give a label to pick one)",
            there.len()
        )),
        _ => {}
    }
}

impl Placed {
    fn read(which: &'static str, bytes: &[u8], label: Option<u64>) -> Result<Self, MaskError> {
        let wrong = |what: String| MaskError { which, what };
        if bytes.len() as u64 > MASK_BYTES_MAX {
            return Err(wrong(format!(
                "is larger than {} GiB",
                MASK_BYTES_MAX >> 30
            )));
        }
        if bytes.is_empty() {
            return Err(wrong("is an empty file".into()));
        }
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let damaged = |e: std::io::Error| {
                wrong(match e.kind() {
                    std::io::ErrorKind::UnexpectedEof => {
                        "is damaged: its compression ends early; copy it anew".into()
                    }
                    _ => "is damaged: its compression or its checksum is wrong, or other bytes follow it; copy it anew".into(),
                })
            };
            let mut inflate = flate2::read::MultiGzDecoder::new(bytes);
            // The header says how much is to come; nothing is unpacked that it does not promise.
            let mut out = Vec::new();
            inflate
                .by_ref()
                .take(HEADER_BYTES)
                .read_to_end(&mut out)
                .map_err(damaged)?;
            let promised = Header::read(which, &out)?.bytes_in_all()?;
            let rest = promised.saturating_sub(out.len() as u64);
            inflate
                .by_ref()
                .take(rest)
                .read_to_end(&mut out)
                .map_err(damaged)?;
            // The checksum stands behind the last byte and is compared only when the end is read.
            let mut beyond = inflate.take(TRAILING_BYTES_MAX + 1);
            let more = std::io::copy(&mut beyond, &mut std::io::sink()).map_err(damaged)?;
            if more > TRAILING_BYTES_MAX {
                return Err(wrong(
                    "is damaged: it holds far more than its header says; write it anew".into(),
                ));
            }
            return Self::nifti(which, &out, label);
        }
        if Version::of(bytes).is_some() {
            return Self::nifti(which, bytes, label);
        }
        Self::segmentation(which, bytes, label)
    }

    fn segmentation(
        which: &'static str,
        bytes: &[u8],
        label: Option<u64>,
    ) -> Result<Self, MaskError> {
        let wrong = |what: String| MaskError { which, what };
        let segment = label
            .map(u32::try_from)
            .transpose()
            .map_err(|_| wrong("has no segment of that number".into()))?;
        let instance = Instance::parse(bytes)
            .map_err(|e| wrong(format!("is neither NIfTI in one file (of a pair .hdr and .img write one .nii) nor a DICOM segmentation ({e})")))?;
        let mask = read_segmentation(&instance, segment)
            .map_err(|e| wrong(format!("cannot be used: {e}")))?;
        let mut notes = Vec::new();
        let there: Vec<i64> = mask.segments.iter().map(|s| i64::from(*s)).collect();
        tell_labels(which, label, &there, &mut notes);
        if let Some(full) = mask.fractional {
            notes.push(format!("the {which} mask is fractional: a pixel belongs from half of the full value ({full}) on"));
        }
        let [u, v] = mask.orientation;
        let normal = unit([
            u[1] * v[2] - u[2] * v[1],
            u[2] * v[0] - u[0] * v[2],
            u[0] * v[1] - u[1] * v[0],
        ])
        .ok_or_else(|| wrong("has rows and columns that are not at right angles".into()))?;
        let axes = [
            unit(u).ok_or_else(|| wrong("has no row direction".into()))?,
            unit(v).ok_or_else(|| wrong("has no column direction".into()))?,
            normal,
        ];
        let heights: Vec<f64> = mask
            .slices
            .iter()
            .map(|s| dot(s.position_mm, normal))
            .collect();
        let apart = heights
            .windows(2)
            .filter_map(|w| Some(w.get(1)? - w.first()?))
            .fold(f64::INFINITY, f64::min);
        // Frames without the segment are often left out: the stated distance tells where they were.
        let step = match mask.slice_spacing_mm.filter(|s| *s > 0.0) {
            Some(stated) if apart.is_infinite() || stated <= apart * 1.001 => stated,
            _ if apart.is_finite() => apart,
            // One slice alone: its thickness is all there is.
            _ if mask.slice_thickness_mm.is_some_and(|t| t > 0.0) => {
                mask.slice_thickness_mm.unwrap_or(1.0)
            }
            _ => {
                return Err(wrong(
                    "has one slice and states neither SpacingBetweenSlices nor SliceThickness"
                        .into(),
                ));
            }
        };
        let first = heights.first().copied().unwrap_or(0.0);
        let mut at = Vec::new();
        for h in &heights {
            let place = (h - first) / step;
            if (place - place.round()).abs() > SHIFT_MAX * 5.0 || place > SLICES_MAX {
                return Err(wrong(
                    "has slices at irregular distances; resample it to one grid".into(),
                ));
            }
            at.push(place.round() as usize);
        }
        let depth = at.last().map_or(1, |d| d + 1);
        let area = mask.rows * mask.columns;
        let total = area.checked_mul(depth).filter(|t| *t <= VOXELS_MAX);
        let total = total.ok_or_else(|| wrong("spans too many voxels".into()))?;
        let mut voxels = vec![false; total];
        for (slice, z) in mask.slices.iter().zip(at) {
            if let Some(target) = voxels.get_mut(z * area..(z + 1) * area) {
                target.copy_from_slice(slice.pixels.get(..area).unwrap_or(&[]));
            }
        }
        let [row, column] = mask.pixel_spacing_mm;
        Ok(Self {
            dims: [mask.columns, mask.rows, depth],
            origin: mask.slices.first().map_or([0.0; 3], |s| s.position_mm),
            axes,
            // PixelSpacing names the distance between rows first.
            spacing: [column, row, step],
            voxels,
            frame: mask.frame_of_reference,
            notes,
        })
    }

    fn nifti(which: &'static str, bytes: &[u8], label: Option<u64>) -> Result<Self, MaskError> {
        let wrong = |what: String| MaskError { which, what };
        let header = Header::read(which, bytes)?;
        let end = usize::try_from(header.bytes_in_all()?).unwrap_or(usize::MAX);
        let raw = bytes.get(header.offset..end).ok_or_else(|| {
            wrong("is cut off: it holds fewer voxels than its header says; copy it anew".into())
        })?;
        let (slope, shift) = if header.slope == 0.0 || !header.slope.is_finite() {
            (1.0, 0.0)
        } else {
            (header.slope, header.shift)
        };
        let mut notes = Vec::new();
        // A mask holds labels. A probability map says nothing until a threshold is chosen, which is a
        // part of the index test and not of the comparison.
        let mut labels = std::collections::BTreeSet::new();
        let mut last = f64::NEG_INFINITY;
        let (mut sound, mut negative) = (true, false);
        let mut inside = |v: f64| -> bool {
            let v = v * slope + shift;
            if v != last {
                last = v;
                if !v.is_finite() || v.fract().abs() > 1e-6 {
                    sound = false;
                } else if v < 0.0 {
                    negative = true;
                } else if v != 0.0 && labels.len() < 1000 {
                    labels.insert(v.round() as i64);
                }
            }
            match label {
                Some(l) => (v - l as f64).abs() < 1e-6,
                None => v != 0.0,
            }
        };
        macro_rules! mask {
            ($t:ty) => {
                raw.as_chunks::<{ size_of::<$t>() }>()
                    .0
                    .iter()
                    .map(|bytes| {
                        let v = if header.big_endian {
                            <$t>::from_be_bytes(*bytes)
                        } else {
                            <$t>::from_le_bytes(*bytes)
                        };
                        inside(v as f64)
                    })
                    .collect::<Vec<bool>>()
            };
        }
        let voxels = match header.kind {
            NiftiType::Uint8 => mask!(u8),
            NiftiType::Int8 => mask!(i8),
            NiftiType::Uint16 => mask!(u16),
            NiftiType::Int16 => mask!(i16),
            NiftiType::Uint32 => mask!(u32),
            NiftiType::Int32 => mask!(i32),
            NiftiType::Uint64 => mask!(u64),
            NiftiType::Int64 => mask!(i64),
            NiftiType::Float32 => mask!(f32),
            NiftiType::Float64 => mask!(f64),
            _ => {
                return Err(wrong(
                    "holds colours or complex numbers; a mask holds labels".into(),
                ));
            }
        };
        if !sound {
            return Err(wrong("holds values that are no whole numbers (a probability map, or NaN); apply the threshold first and give a mask of labels".into()));
        }
        if negative && label.is_none() {
            return Err(wrong("holds values below 0, which are no labels (voxels marked as not read, or labels above 127 written as signed bytes); write them as 0 where they are background, or give the label to compare".into()));
        }
        let there: Vec<i64> = labels.into_iter().collect();
        tell_labels(which, label, &there, &mut notes);
        if voxels.len() != header.voxels {
            return Err(header.damaged());
        }
        let unit_mm = match header.units & 7 {
            1 => {
                notes.push(format!(
                    "the {which} mask states its lengths in metres; they are taken as such"
                ));
                1000.0
            }
            3 => {
                notes.push(format!(
                    "the {which} mask states its lengths in micrometres; they are taken as such"
                ));
                0.001
            }
            2 => 1.0,
            _ => {
                notes.push(format!(
                    "the {which} mask states no unit of length; millimetres are taken"
                ));
                1.0
            }
        };
        let columns = affine(&header.form).map(|c| c.map(|v| v * unit_mm));
        let mut axes = [[0.0; 3]; 3];
        let mut spacing = [0.0; 3];
        for ((axis, step), column) in axes.iter_mut().zip(spacing.iter_mut()).zip(columns.iter()) {
            *step = length(*column);
            *axis = unit(*column).ok_or_else(|| {
                wrong("has no usable orientation (qform, sform and pixdim are all zero)".into())
            })?;
        }
        if !columns[3].iter().all(|v| v.is_finite()) {
            return Err(wrong(
                "has an origin that is no number; write it anew".into(),
            ));
        }
        if header.form.sform_code > 0 && header.form.qform_code > 0 {
            let other = qform(&header.form).map(|c| c.map(|v| v * unit_mm));
            let apart = furthest(header.dims, &columns, &other);
            let voxel = spacing.iter().copied().fold(f64::INFINITY, f64::min);
            if apart > FORMS_APART_MAX * voxel {
                notes.push(format!(
                    "the two transforms of the {which} mask (sform, code {}, and qform, code {}) place its voxels up to {apart:.2} mm apart; the sform holds, as nibabel and the standard's method 3 have it",
                    header.form.sform_code, header.form.qform_code
                ));
            }
        }
        let [a, b, c] = axes;
        if [dot(a, b), dot(a, c), dot(b, c)]
            .iter()
            .any(|d| d.abs() > 1e-3)
        {
            return Err(wrong("has axes that are not at right angles (gantry tilt or shear); resample it to a rectangular grid".into()));
        }
        Ok(Self {
            dims: header.dims,
            origin: columns[3],
            axes,
            spacing,
            voxels,
            frame: None,
            notes,
        })
    }

    fn at(&self, [x, y, z]: [usize; 3]) -> bool {
        let [nx, ny, nz] = self.dims;
        x < nx
            && y < ny
            && z < nz
            && self
                .voxels
                .get((z * ny + y) * nx + x)
                .copied()
                .unwrap_or(false)
    }
}

/// The columns of a NIfTI header's transform and its origin, in LPS: the sform where there is one,
/// else the qform, else the voxel sizes alone (methods 3, 2 and 1 of the standard).
fn affine(form: &Form) -> [[f64; 3]; 4] {
    if form.sform_code > 0 {
        let [x, y, z] = form.srow;
        lps([
            [x[0], y[0], z[0]],
            [x[1], y[1], z[1]],
            [x[2], y[2], z[2]],
            [x[3], y[3], z[3]],
        ])
    } else if form.qform_code > 0 {
        qform(form)
    } else {
        let [_, x, y, z] = form.pixdim;
        lps([[x, 0.0, 0.0], [0.0, y, 0.0], [0.0, 0.0, z], [0.0, 0.0, 0.0]])
    }
}

/// The columns and the origin of the qform, in LPS: a rotation by quaternion, sizes and a shift (method 2).
fn qform(form: &Form) -> [[f64; 3]; 4] {
    let p = form.pixdim;
    let [b, c, d] = form.quatern;
    let a = (1.0 - b * b - c * c - d * d).max(0.0).sqrt();
    let flip = if p[0] < 0.0 { -1.0 } else { 1.0 };
    lps([
        [
            (a * a + b * b - c * c - d * d) * p[1],
            2.0 * (b * c + a * d) * p[1],
            2.0 * (b * d - a * c) * p[1],
        ],
        [
            2.0 * (b * c - a * d) * p[2],
            (a * a + c * c - b * b - d * d) * p[2],
            2.0 * (c * d + a * b) * p[2],
        ],
        [
            2.0 * (b * d + a * c) * p[3] * flip,
            2.0 * (c * d - a * b) * p[3] * flip,
            (a * a + d * d - b * b - c * c) * p[3] * flip,
        ],
        form.qoffset,
    ])
}

/// Right and anterior grow in NIfTI, left and posterior in DICOM.
fn lps(ras: [[f64; 3]; 4]) -> [[f64; 3]; 4] {
    ras.map(|[x, y, z]| [-x, -y, z])
}

/// How far apart two transforms place the same voxel of a grid at most, which is at one of its corners.
fn furthest(dims: [usize; 3], one: &[[f64; 3]; 4], other: &[[f64; 3]; 4]) -> f64 {
    let corners = (0..8).map(|corner: usize| {
        let mut between = [0.0; 3];
        for (n, (p, q)) in one.iter().zip(other).enumerate() {
            let index = match dims.get(n) {
                Some(size) if corner >> n & 1 == 1 => (size - 1) as f64,
                Some(_) => 0.0,
                None => 1.0,
            };
            for (slot, (x, y)) in between.iter_mut().zip(p.iter().zip(q)) {
                *slot += index * (x - y);
            }
        }
        length(between)
    });
    corners.fold(0.0, f64::max)
}

/// Both masks on the grid of the first, made as large as both together. The second may have its
/// axes in another order or direction; it must share spacing and raster.
fn align(a: &Placed, b: &Placed) -> Result<(Mask, Mask, Option<String>), MaskError> {
    let apart = |what: &str| MaskError {
        which: "predicted",
        what: format!("{what}; resample one mask to the grid of the other"),
    };
    // For each axis of `a`: the axis of `b` that runs along it, and whether it runs backwards.
    let mut order = [(0usize, false); 3];
    let mut shift = [0i64; 3];
    for (n, axis) in a.axes.iter().enumerate() {
        let along = b
            .axes
            .iter()
            .map(|other| dot(*axis, *other))
            .enumerate()
            .max_by(|x, y| x.1.abs().total_cmp(&y.1.abs()));
        let (other, cosine) = along.unwrap_or((0, 0.0));
        // Turned grids part most at the far end of the axis.
        let turn = (1.0 - cosine * cosine).max(0.0).sqrt();
        let reach = a.dims.get(n).copied().unwrap_or(1) as f64;
        if !(turn * reach <= 0.1 && cosine.abs() > 0.99) {
            return Err(apart("is turned against the reference"));
        }
        let (ours, theirs) = (
            a.spacing.get(n).copied().unwrap_or(0.0),
            b.spacing.get(other).copied().unwrap_or(0.0),
        );
        let flat = a.dims.get(n) == Some(&1) && b.dims.get(other) == Some(&1);
        if !flat && (ours - theirs).abs() > 1e-3 * ours {
            return Err(apart(&format!(
                "has another spacing ({theirs:.4} mm against {ours:.4} mm)"
            )));
        }
        let difference: Vec<f64> = b.origin.iter().zip(a.origin).map(|(x, y)| x - y).collect();
        let along: f64 = difference.iter().zip(axis).map(|(d, u)| d * u).sum::<f64>() / ours;
        // Rounding of positions grows with the distance, hence the part that grows with it.
        if (along - along.round()).abs() > SHIFT_MAX + 1e-4 * along.abs() || along.abs() > 1e6 {
            return Err(apart("lies between the voxels of the reference"));
        }
        if let (Some(slot), Some(offset)) = (order.get_mut(n), shift.get_mut(n)) {
            *slot = (other, cosine < 0.0);
            *offset = along.round() as i64;
        }
    }
    let mut low = [0i64; 3];
    let mut dims = [0usize; 3];
    let mut starts = [0i64; 3];
    for n in 0..3 {
        let ((other, back), offset) = (order[n], shift[n]);
        let size = b.dims.get(other).copied().unwrap_or(1) as i64;
        let start = if back { offset - (size - 1) } else { offset };
        starts[n] = start;
        low[n] = start.min(0);
        let high = (start + size).max(a.dims[n] as i64);
        dims[n] = (high - low[n]) as usize;
    }
    let total = dims.iter().try_fold(1usize, |t, d| t.checked_mul(*d));
    let most = 8 * (a.voxels.len() + b.voxels.len());
    if !total.is_some_and(|t| t <= VOXELS_MAX && t <= most) {
        return Err(apart("lies far from the reference"));
    }
    let total = total.unwrap_or(0);
    let (mut first, mut second) = (Vec::with_capacity(total), Vec::with_capacity(total));
    for z in 0..dims[2] {
        for y in 0..dims[1] {
            for x in 0..dims[0] {
                let p = [x as i64 + low[0], y as i64 + low[1], z as i64 + low[2]];
                let ours = p.map(|v| usize::try_from(v).unwrap_or(usize::MAX));
                first.push(a.at(ours));
                let mut theirs = [usize::MAX; 3];
                for n in 0..3 {
                    let (other, back) = order[n];
                    let size = b.dims[other] as i64;
                    let step = p[n] - starts[n];
                    let place = if back { size - 1 - step } else { step };
                    theirs[other] = usize::try_from(place).unwrap_or(usize::MAX);
                }
                second.push(b.at(theirs));
            }
        }
    }
    let make = |which: &'static str, voxels: &[bool]| {
        Mask::new(dims, a.spacing, voxels).map_err(|e| MaskError {
            which,
            what: format!("cannot be used: {e}"),
        })
    };
    let note = if low == [0; 3] && dims == a.dims && total == b.voxels.len() {
        None
    } else {
        let shared: Vec<String> = starts
            .iter()
            .zip(order)
            .zip(a.dims)
            .map(|((start, (other, _)), size)| {
                let end = start + b.dims.get(other).copied().unwrap_or(1) as i64;
                (end.min(size as i64) - (*start).max(0)).max(0).to_string()
            })
            .collect();
        Some(format!(
            "the masks cover different fields of view: {} voxels of the axes are shared; outside its own field a mask counts as empty",
            shared.join(" x ")
        ))
    };
    Ok((
        make("reference", &first)?,
        make("predicted", &second)?,
        note,
    ))
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn length(v: [f64; 3]) -> f64 {
    dot(v, v).sqrt()
}

fn unit(v: [f64; 3]) -> Option<[f64; 3]> {
    let size = length(v);
    (size.is_finite() && size > 1e-9).then(|| v.map(|x| x / size))
}
