//! Slices into volumes: by position and orientation, never by instance number or file name
//! (PS3.3 C.7.6.2).

use candour_record::Digest;

/// A regular grid of voxels in patient space.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume {
    /// Rescaled values (HU for CT, stored units else) in [slice][row][column] order; slices run
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
