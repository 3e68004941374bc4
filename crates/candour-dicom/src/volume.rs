//! Slices into volumes: by position and orientation, never by instance number or file name
//! (PS3.3 C.7.6.2).

use candour_record::Digest;
use dicom_dictionary_std::tags;
use rayon::prelude::*;

use crate::image::{decode, rescale};
use crate::{DicomError, Instance};

/// More voxels than any one series has; bounds what a volume may cost.
const MAX_VOXELS: usize = 1 << 29;
/// Slices further apart from the regular grid than this share of the spacing are a gap.
const GRID_TOLERANCE: f64 = 0.05;
/// Two slices closer than this, in mm, stand at one position.
const SAME_POSITION_MM: f64 = 1e-3;

/// A regular grid of voxels in patient space.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume {
    /// Rescaled values (HU for CT, stored units else) in `[slice][row][column]` order; slices run
    /// along the normal of the image plane.
    pub voxels: Vec<f32>,
    /// Number of slices, rows, columns.
    pub dims: [usize; 3],
    /// Distance between slices, rows, columns in mm.
    pub spacing_mm: [f64; 3],
    /// Centre of the first voxel in patient coordinates (x to the left, y posterior, z to the head).
    pub origin_mm: [f64; 3],
    /// Unit vectors in patient coordinates along slices, rows (that is, from row to row) and
    /// columns.
    pub axes: [[f64; 3]; 3],
    /// Frame of Reference UID (0020,0052), empty if absent.
    pub frame_of_reference: String,
    /// The instances, one for each slice, in slice order.
    pub sources: Vec<SourceInstance>,
    /// What is wrong with the geometry.
    pub problems: Vec<GeometryProblem>,
}

/// The instance a slice came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceInstance {
    /// SOP Class UID (0008,0016).
    pub sop_class: String,
    /// SOP Instance UID (0008,0018).
    pub sop_instance: String,
    /// SHA-256 of its bytes as received.
    pub digest: Digest,
}

/// What is wrong with a series' geometry. Each makes a study ineligible, unless a device allows it.
#[derive(Clone, Debug, PartialEq)]
pub enum GeometryProblem {
    /// Slices are missing: after which slice (from 0), and how wide the gap is in mm.
    Gap {
        /// The slice before the gap.
        after_slice: usize,
        /// Distance across the gap in mm.
        gap_mm: f64,
    },
    /// Two slices at one position.
    DuplicatePosition {
        /// How many slices were dropped because another stood at their position.
        dropped: usize,
    },
    /// Slices are not parallel, or not of one size.
    Inconsistent {
        /// Which attribute differs.
        attribute: &'static str,
    },
    /// The positions run obliquely to the normal (a tilted gantry), by this angle in degrees.
    Sheared {
        /// Angle between the positions' line and the normal in degrees.
        degrees: f64,
    },
    /// Spacing is zero, negative or not a number.
    ImpossibleSpacing,
    /// An attribute that geometry needs is missing.
    Missing {
        /// Its keyword.
        attribute: &'static str,
    },
}

impl GeometryProblem {
    /// A short name for records: never holds anything from the file but numbers.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Gap { .. } => "gap",
            Self::DuplicatePosition { .. } => "duplicate_position",
            Self::Inconsistent { .. } => "inconsistent",
            Self::Sheared { .. } => "sheared",
            Self::ImpossibleSpacing => "impossible_spacing",
            Self::Missing { .. } => "missing",
        }
    }

    /// What was found, in words and numbers.
    #[must_use]
    pub fn found(&self) -> String {
        match self {
            Self::Gap {
                after_slice,
                gap_mm,
            } => {
                format!(
                    "{gap_mm:.3} mm between slices {} and {}",
                    after_slice + 1,
                    after_slice + 2
                )
            }
            Self::DuplicatePosition { dropped } => {
                format!("{dropped} slices at occupied positions")
            }
            Self::Inconsistent { attribute } => format!("{attribute} differs between slices"),
            Self::Sheared { degrees } => format!("slices shifted by {degrees:.2} degrees"),
            Self::ImpossibleSpacing => "spacing is zero, negative or not a number".into(),
            Self::Missing { attribute } => format!("{attribute} is missing"),
        }
    }
}

impl Volume {
    /// A volume from bare voxels on an axial grid with its first voxel at the origin.
    #[must_use]
    pub fn from_voxels(voxels: Vec<f32>, dims: [usize; 3], spacing_mm: [f64; 3]) -> Self {
        Self {
            voxels,
            dims,
            spacing_mm,
            origin_mm: [0.0; 3],
            axes: [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]],
            frame_of_reference: String::new(),
            sources: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// The value at a voxel, if it is inside.
    #[must_use]
    pub fn voxel(&self, [slice, row, column]: [usize; 3]) -> Option<f32> {
        if slice >= self.dims[0] || row >= self.dims[1] || column >= self.dims[2] {
            return None;
        }
        self.voxels
            .get((slice * self.dims[1] + row) * self.dims[2] + column)
            .copied()
    }

    /// Extent in mm along slices, rows, columns: number of voxels times spacing.
    #[must_use]
    pub fn extent_mm(&self) -> [f64; 3] {
        [0, 1, 2].map(|axis: usize| {
            let (n, mm) = (self.dims.get(axis), self.spacing_mm.get(axis));
            n.zip(mm).map_or(0.0, |(n, mm)| *n as f64 * mm)
        })
    }

    /// Patient coordinates in mm of a (fractional) voxel.
    #[must_use]
    pub fn patient_mm(&self, voxel: [f64; 3]) -> [f64; 3] {
        let mut point = self.origin_mm;
        for ((position, spacing), axis) in voxel.iter().zip(self.spacing_mm).zip(self.axes) {
            for (coordinate, direction) in point.iter_mut().zip(axis) {
                *coordinate += position * spacing * direction;
            }
        }
        point
    }

    /// Resamples to an isotropic grid of `dims` voxels of `spacing_mm`, centred on the volume's
    /// centre, by trilinear interpolation in double precision; samples outside the outermost voxel
    /// centres are `outside`. Deterministic to the bit: multiplications and additions only.
    #[must_use]
    pub fn resample_centred(&self, dims: [usize; 3], spacing_mm: f64, outside: f32) -> Vec<f32> {
        let along = |axis: usize| -> Vec<Option<(usize, f64)>> {
            let (Some(n), Some(source), Some(target)) = (
                self.dims.get(axis),
                self.spacing_mm.get(axis),
                dims.get(axis),
            ) else {
                return Vec::new();
            };
            let middle = (*n as f64 - 1.0) / 2.0;
            let half = (*target as f64 - 1.0) / 2.0;
            (0..*target)
                .map(|i| {
                    let at = middle + (i as f64 - half) * spacing_mm / source;
                    if !(0.0..=*n as f64 - 1.0).contains(&at) {
                        return None;
                    }
                    let low = (at.floor() as usize).min(n.saturating_sub(2));
                    Some((low, at - low as f64))
                })
                .collect()
        };
        let (zs, ys, xs) = (along(0), along(1), along(2));
        let value =
            |z: usize, y: usize, x: usize| f64::from(self.voxel([z, y, x]).unwrap_or(outside));
        let mut out = Vec::with_capacity(zs.len() * ys.len() * xs.len());
        for z in &zs {
            for y in &ys {
                for x in &xs {
                    let (Some((z, fz)), Some((y, fy)), Some((x, fx))) = (*z, *y, *x) else {
                        out.push(outside);
                        continue;
                    };
                    let row = |z: usize, y: usize| {
                        let left = value(z, y, x);
                        left + fx * (value(z, y, x + 1) - left)
                    };
                    let plane = |z: usize| {
                        let upper = row(z, y);
                        upper + fy * (row(z, y + 1) - upper)
                    };
                    let lower = plane(z);
                    out.push((lower + fz * (plane(z + 1) - lower)) as f32);
                }
            }
        }
        out
    }
}

struct Slice<'a> {
    instance: &'a Instance,
    position: [f64; 3],
    along: f64,
}

const fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

const fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

/// What all slices of a series must share.
#[derive(PartialEq)]
struct Plane {
    orientation: [f64; 6],
    spacing: [f64; 2],
    rows: u32,
    columns: u32,
    frame_of_reference: String,
}

impl Plane {
    fn of(instance: &Instance) -> Result<Self, GeometryProblem> {
        let missing = |attribute| GeometryProblem::Missing { attribute };
        let numbers = |tag| instance.numbers(tag);
        let orientation = numbers(tags::IMAGE_ORIENTATION_PATIENT).and_then(|v| v.try_into().ok());
        let spacing = numbers(tags::PIXEL_SPACING).and_then(|v| v.try_into().ok());
        Ok(Self {
            orientation: orientation.ok_or(missing("ImageOrientationPatient"))?,
            spacing: spacing.ok_or(missing("PixelSpacing"))?,
            rows: instance.unsigned(tags::ROWS).ok_or(missing("Rows"))?,
            columns: instance.unsigned(tags::COLUMNS).ok_or(missing("Columns"))?,
            frame_of_reference: instance.text_or_empty(tags::FRAME_OF_REFERENCE_UID),
        })
    }

    /// The attribute in which two slices differ beyond rounding.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        let near =
            |a: &[f64], b: &[f64], by: f64| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= by);
        if (self.rows, self.columns) != (other.rows, other.columns) {
            Some("Rows or Columns")
        } else if !near(&self.orientation, &other.orientation, 1e-3) {
            Some("ImageOrientationPatient")
        } else if !near(&self.spacing, &other.spacing, 1e-4) {
            Some("PixelSpacing")
        } else if self.frame_of_reference != other.frame_of_reference {
            Some("FrameOfReferenceUID")
        } else {
            None
        }
    }
}

impl Volume {
    /// A series' slices as a volume. What is wrong with the geometry is listed in `problems`; the
    /// volume then holds what could be placed, which may be nothing.
    ///
    /// # Errors
    /// When a slice's pixels cannot be decoded, or there are too many.
    pub fn assemble(slices: &[&Instance]) -> Result<Self, DicomError> {
        let mut problems = Vec::new();
        let mut volume = Self::from_voxels(Vec::new(), [0; 3], [0.0; 3]);
        let mut plane: Option<Plane> = None;
        let mut placed = Vec::new();
        for instance in slices {
            let found = Plane::of(instance);
            let position = instance
                .numbers(tags::IMAGE_POSITION_PATIENT)
                .and_then(|v| <[f64; 3]>::try_from(v).ok());
            match (found, position) {
                (Err(problem), _) => add(&mut problems, problem),
                (_, None) => add(
                    &mut problems,
                    GeometryProblem::Missing {
                        attribute: "ImagePositionPatient",
                    },
                ),
                (Ok(found), Some(position)) => {
                    let difference = plane.as_ref().and_then(|first| first.difference(&found));
                    plane.get_or_insert(found);
                    if let Some(attribute) = difference {
                        add(&mut problems, GeometryProblem::Inconsistent { attribute });
                    } else {
                        placed.push(Slice {
                            instance,
                            position,
                            along: 0.0,
                        });
                    }
                }
            }
        }
        let Some(plane) = plane else {
            volume.problems = problems;
            return Ok(volume);
        };
        // Row direction cosines run along columns (PS3.3 C.7.6.2.1.1).
        let [a, b, c, d, e, f] = plane.orientation;
        let (columns_axis, rows_axis) = ([a, b, c], [d, e, f]);
        let normal = cross(columns_axis, rows_axis);
        let unit = |v: [f64; 3]| (dot(v, v) - 1.0).abs() < 1e-2;
        let finite = plane.spacing.iter().all(|s| s.is_finite() && *s > 0.0);
        let all = placed
            .iter()
            .all(|s| s.position.iter().all(|p| p.is_finite()));
        if !(finite && all && unit(columns_axis) && unit(rows_axis) && unit(normal))
            || plane.rows == 0
            || plane.columns == 0
        {
            add(&mut problems, GeometryProblem::ImpossibleSpacing);
            volume.problems = problems;
            return Ok(volume);
        }
        for slice in &mut placed {
            slice.along = dot(slice.position, normal);
        }
        placed.sort_by(|a, b| {
            a.along
                .total_cmp(&b.along)
                .then_with(|| a.instance.digest.cmp(&b.instance.digest))
        });
        let before = placed.len();
        placed.dedup_by(|b, a| (b.along - a.along).abs() < SAME_POSITION_MM);
        if placed.len() < before {
            problems.push(GeometryProblem::DuplicatePosition {
                dropped: before - placed.len(),
            });
        }
        let steps: Vec<f64> = placed
            .windows(2)
            .filter_map(|w| Some(w.last()?.along - w.first()?.along))
            .collect();
        let mut sorted = steps.clone();
        sorted.sort_by(f64::total_cmp);
        // The median step is the spacing: a gap does not move it.
        let spacing = sorted.get(sorted.len() / 2).copied();
        if let Some(spacing) = spacing {
            for (after_slice, step) in steps.iter().enumerate() {
                if (step - spacing).abs() > GRID_TOLERANCE * spacing {
                    problems.push(GeometryProblem::Gap {
                        after_slice,
                        gap_mm: *step,
                    });
                    break;
                }
            }
        }
        if let (Some(first), Some(last)) = (placed.first(), placed.last())
            && placed.len() > 1
        {
            let line = [0, 1, 2].map(|i: usize| {
                last.position.get(i).unwrap_or(&0.0) - first.position.get(i).unwrap_or(&0.0)
            });
            let cosine = dot(line, normal) / dot(line, line).sqrt();
            let degrees = cosine.clamp(-1.0, 1.0).acos().to_degrees();
            if degrees > 0.5 {
                problems.push(GeometryProblem::Sheared { degrees });
            }
            volume.origin_mm = first.position;
        }
        let dims = [placed.len(), plane.rows as usize, plane.columns as usize];
        if dims
            .iter()
            .try_fold(1_usize, |n, d| n.checked_mul(*d))
            .is_none_or(|n| n > MAX_VOXELS)
        {
            return Err(DicomError::TooLarge {
                what: "the volume",
                limit: (MAX_VOXELS * 4) as u64,
            });
        }
        let decoded: Vec<Vec<f32>> = placed
            .par_iter()
            .map(|s| rescale(s.instance, &decode(s.instance)?))
            .collect::<Result<_, _>>()?;
        if decoded.iter().any(|slice| slice.len() != dims[1] * dims[2]) {
            return Err(DicomError::Pixels(
                "a slice has more than one frame or more than one sample a pixel",
            ));
        }
        volume.voxels = decoded.concat();
        volume.dims = dims;
        volume.spacing_mm = [spacing.unwrap_or(0.0), plane.spacing[0], plane.spacing[1]];
        volume.axes = [normal, rows_axis, columns_axis];
        volume.frame_of_reference = plane.frame_of_reference;
        let source = |s: &Slice<'_>| SourceInstance {
            sop_class: s.instance.sop_class(),
            sop_instance: s.instance.sop_instance().expose().clone(),
            digest: s.instance.digest,
        };
        volume.sources = placed.iter().map(source).collect();
        volume.problems = problems;
        Ok(volume)
    }
}

fn add(problems: &mut Vec<GeometryProblem>, problem: GeometryProblem) {
    if !problems.contains(&problem) {
        problems.push(problem);
    }
}
