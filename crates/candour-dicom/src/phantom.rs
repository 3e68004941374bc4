//! A test scanner: seeded CT series of a synthetic phantom whose truth is known exactly.
//!
//! One case is a targeted reconstruction of one region of lung: parenchyma, chest wall with ribs,
//! branching vessels, airways and, in most cases, one nodule whose size, density, margin and
//! spiculation carry its class by the rule of [`Truth::suspicious`]. Two pseudo vendors and two
//! kernels differ in noise; vendor B with the sharp kernel is much noisier, a planted performance
//! gap. A metal marker stands in some cases, more often beside suspicious nodules in the training
//! range of seeds, a planted confounder for tests of explanations.
//!
//! Everything is made of integers, `+ - * /` and `sqrt`, which IEEE 754 fixes to the last bit, so
//! the same seed gives the same bytes on every platform. No person was imaged; every object says
//! so.
#![expect(
    clippy::indexing_slicing,
    reason = "indices run over the fixed grid DIM and are clamped to it where a shape is drawn"
)]

use dicom_core::value::PrimitiveValue;
use dicom_core::{DataElement, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use crate::object::{Build, part10, uid_from_u128};
use crate::{DicomError, Volume};

/// Slices, rows, columns.
pub const DIM: [usize; 3] = [52, 128, 128];
/// Distance between slices, rows and columns in mm.
pub const SPACING_MM: [f64; 3] = [1.5, 0.66, 0.66];
/// Seeds of the training range; the confounder is planted only here.
pub const TRAINING_SEEDS: std::ops::Range<u64> = 1_000_000..2_000_000;

/// What a nodule is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Density {
    /// Soft tissue throughout.
    Solid,
    /// A solid core in a ground-glass halo.
    PartSolid,
    /// Ground glass throughout.
    GroundGlass,
    /// Calcified throughout.
    Calcified,
}

/// The pseudo vendor of the scanner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    /// Vendor A.
    A,
    /// Vendor B.
    B,
}

/// The reconstruction kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Less noise, softer edges.
    Smooth,
    /// More noise, sharper edges.
    Sharp,
}

/// A nodule, exactly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nodule {
    /// Centre in mm from the volume's centre: slice (towards the head), row (posterior), column
    /// (left).
    pub centre_mm: [f64; 3],
    /// Diameter in mm.
    pub diameter_mm: f64,
    /// What it is made of.
    pub density: Density,
    /// Amplitude of the lobulation as a fraction of the radius, 0 to 0.3.
    pub lobulation: f64,
    /// How many spicules leave its surface.
    pub spicules: u32,
}

/// The exact truth of a case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truth {
    /// The nodule, if there is one.
    pub nodule: Option<Nodule>,
    /// Vendor.
    pub vendor: Vendor,
    /// Kernel.
    pub kernel: Kernel,
    /// Whether the metal marker is present.
    pub marker: bool,
}

impl Truth {
    /// The reference standard: points for size, margin and density, at least 1.6 in all.
    ///
    /// Size: (diameter - 6 mm) / 9 mm. Spicules: 0.25 each, at most 1.75. Lobulation: 2 x its
    /// amplitude. Part-solid: +0.8; ground glass: +0.1; calcified: -4.
    #[must_use]
    pub fn suspicious(&self) -> bool {
        self.nodule.is_some_and(|n| {
            let density = match n.density {
                Density::Solid => 0.0,
                Density::PartSolid => 0.8,
                Density::GroundGlass => 0.1,
                Density::Calcified => -4.0,
            };
            let spicules = (0.25 * f64::from(n.spicules)).min(1.75);
            (n.diameter_mm - 6.0) / 9.0 + spicules + 2.0 * n.lobulation + density >= 1.6
        })
    }
}

/// Something wrong with a series, for showing that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// One slice in the middle is missing.
    MissingSlice,
    /// One slice was sent twice.
    DuplicateSlice,
    /// Only every fourth slice: 6 mm apart.
    ThickSlices,
    /// Pixel Spacing is 0.
    ZeroSpacing,
    /// One slice belongs to another patient.
    MixedPatient,
    /// One file is cut off in the middle.
    Truncated,
}

/// One generated case.
#[derive(Clone, Debug)]
pub struct Case {
    seed: u64,
    truth: Truth,
    hu: Vec<i16>,
    mask: Vec<bool>,
}

impl Case {
    /// Generates the case of a seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let mut random = Random::new(seed, 1);
        let truth = draw_truth(&mut random, seed);
        let mut scene = Scene::new(&mut random);
        scene.draw_anatomy(&mut random);
        let mask = truth.nodule.map_or_else(
            || vec![false; DIM[0] * DIM[1] * DIM[2]],
            |nodule| scene.draw_nodule(&nodule, &mut random),
        );
        if truth.marker {
            scene.draw_marker(truth.nodule.as_ref(), &mut random);
        }
        let hu = scene.acquire(truth.vendor, truth.kernel, seed);
        Self {
            seed,
            truth,
            hu,
            mask,
        }
    }

    /// The exact truth.
    #[must_use]
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// The nodule's mask in `[slice][row][column]` order, slices from feet to head.
    #[must_use]
    pub fn nodule_mask(&self) -> &[bool] {
        &self.mask
    }

    /// HU in `[slice][row][column]` order, slices from feet to head.
    #[must_use]
    pub fn hu(&self) -> &[i16] {
        &self.hu
    }

    /// The case as the volume that reading its series gives.
    #[must_use]
    pub fn volume(&self) -> Volume {
        Volume::from_voxels(
            self.hu.iter().map(|v| f32::from(*v)).collect(),
            DIM,
            SPACING_MM,
        )
    }

    /// The pseudo patient's identifier.
    #[must_use]
    pub fn patient_id(&self) -> String {
        format!("PH-{:07}", self.seed)
    }

    /// The Study Instance UID.
    #[must_use]
    pub fn study_uid(&self) -> String {
        self.uid(1)
    }

    /// The series as DICOM Part 10 files, one for each slice, in an order that is not spatial and
    /// with instance numbers that are not either.
    ///
    /// # Errors
    /// When the encoder fails, which no generated case makes it do.
    pub fn series(&self) -> Result<Vec<Vec<u8>>, DicomError> {
        (0..DIM[0])
            .map(|i| self.slice(self.shuffled(i), None))
            .collect()
    }

    /// The series with something wrong in it.
    ///
    /// # Errors
    /// As [`Case::series`].
    pub fn flawed_series(&self, flaw: Flaw) -> Result<Vec<Vec<u8>>, DicomError> {
        let middle = DIM[0] / 2;
        let mut files = Vec::new();
        for i in 0..DIM[0] {
            let z = self.shuffled(i);
            match flaw {
                Flaw::MissingSlice if z == middle => continue,
                Flaw::ThickSlices if !z.is_multiple_of(4) => continue,
                _ => {}
            }
            let mut file = self.slice(z, Some((flaw, z == middle)))?;
            if flaw == Flaw::Truncated && z == middle {
                file.truncate(file.len() / 2);
            }
            if flaw == Flaw::DuplicateSlice && z == middle {
                files.push(file.clone());
            }
            files.push(file);
        }
        Ok(files)
    }

    /// A permutation of the slices: multiplication by a unit modulo 53, the next prime.
    fn shuffled(&self, i: usize) -> usize {
        let factor = 2 + (self.seed % 50) as usize;
        ((i + 1) * factor) % (DIM[0] + 1) - 1
    }

    fn uid(&self, which: u64) -> String {
        let mut random = Random::new(self.seed, 1000 + which);
        uid_from_u128((u128::from(random.next()) << 64) | u128::from(random.next()))
    }

    fn slice(&self, z: usize, flaw: Option<(Flaw, bool)>) -> Result<Vec<u8>, DicomError> {
        let has = |f: Flaw| flaw.is_some_and(|(found, _)| found == f);
        let here = flaw.is_some_and(|(_, here)| here);
        let mut o = InMemDicomObject::new_empty();
        o.texts(tags::IMAGE_TYPE, VR::CS, &["DERIVED", "SECONDARY", "AXIAL"]);
        o.text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192");
        o.text(tags::SOP_CLASS_UID, VR::UI, uids::CT_IMAGE_STORAGE);
        o.text(tags::SOP_INSTANCE_UID, VR::UI, &self.uid(100 + z as u64));
        for tag in [
            tags::STUDY_DATE,
            tags::SERIES_DATE,
            tags::ACQUISITION_DATE,
            tags::CONTENT_DATE,
        ] {
            o.text(tag, VR::DA, "20260105");
        }
        for tag in [
            tags::STUDY_TIME,
            tags::SERIES_TIME,
            tags::ACQUISITION_TIME,
            tags::CONTENT_TIME,
        ] {
            o.text(tag, VR::TM, "093000");
        }
        o.text(
            tags::ACCESSION_NUMBER,
            VR::SH,
            &format!("A{:07}", self.seed),
        );
        o.text(tags::MODALITY, VR::CS, "CT");
        o.text(
            tags::MANUFACTURER,
            VR::LO,
            match self.truth.vendor {
                Vendor::A => "Candour Phantom Vendor A",
                Vendor::B => "Candour Phantom Vendor B",
            },
        );
        o.text(tags::MANUFACTURER_MODEL_NAME, VR::LO, "Test Scanner 1");
        o.text(tags::REFERRING_PHYSICIAN_NAME, VR::PN, "");
        o.text(tags::STUDY_DESCRIPTION, VR::LO, "SYNTHETIC PHANTOM");
        o.text(
            tags::SERIES_DESCRIPTION,
            VR::LO,
            "SYNTHETIC PHANTOM - NOT A PATIENT",
        );
        let other = has(Flaw::MixedPatient) && here;
        let id = if other {
            "PH-OTHER".to_owned()
        } else {
            self.patient_id()
        };
        o.text(
            tags::PATIENT_NAME,
            VR::PN,
            &format!("PHANTOM^{}", id.replace('-', "")),
        );
        o.text(tags::PATIENT_ID, VR::LO, &id);
        o.text(
            tags::PATIENT_BIRTH_DATE,
            VR::DA,
            &format!("19{}0101", 40 + self.seed % 40),
        );
        o.text(tags::PATIENT_SEX, VR::CS, "O");
        o.text(
            tags::PATIENT_COMMENTS,
            VR::LT,
            "Synthetic phantom, not a patient",
        );
        o.text(tags::BODY_PART_EXAMINED, VR::CS, "CHEST");
        o.decimals(tags::SLICE_THICKNESS, &[SPACING_MM[0]]);
        o.decimals(tags::KVP, &[120.0]);
        o.text(
            tags::CONVOLUTION_KERNEL,
            VR::SH,
            match self.truth.kernel {
                Kernel::Smooth => "SMOOTH",
                Kernel::Sharp => "SHARP",
            },
        );
        o.text(tags::PATIENT_POSITION, VR::CS, "HFS");
        o.text(tags::STUDY_INSTANCE_UID, VR::UI, &self.study_uid());
        o.text(tags::SERIES_INSTANCE_UID, VR::UI, &self.uid(2));
        o.text(tags::STUDY_ID, VR::SH, "1");
        o.text(tags::SERIES_NUMBER, VR::IS, "1");
        o.text(tags::ACQUISITION_NUMBER, VR::IS, "1");
        o.text(
            tags::INSTANCE_NUMBER,
            VR::IS,
            &(1 + (z * 31) % 53).to_string(),
        );
        let origin = origin_mm();
        o.decimals(
            tags::IMAGE_POSITION_PATIENT,
            &[origin[2], origin[1], origin[0] + z as f64 * SPACING_MM[0]],
        );
        o.decimals(
            tags::IMAGE_ORIENTATION_PATIENT,
            &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        );
        o.text(tags::FRAME_OF_REFERENCE_UID, VR::UI, &self.uid(3));
        o.text(tags::POSITION_REFERENCE_INDICATOR, VR::LO, "");
        o.text(
            tags::IMAGE_COMMENTS,
            VR::LT,
            "Synthetic phantom, not a patient",
        );
        o.short(tags::SAMPLES_PER_PIXEL, 1);
        o.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
        o.short(tags::ROWS, DIM[1] as u16);
        o.short(tags::COLUMNS, DIM[2] as u16);
        let spacing = if has(Flaw::ZeroSpacing) {
            0.0
        } else {
            SPACING_MM[1]
        };
        o.decimals(tags::PIXEL_SPACING, &[spacing, spacing]);
        o.short(tags::BITS_ALLOCATED, 16);
        o.short(tags::BITS_STORED, 12);
        o.short(tags::HIGH_BIT, 11);
        o.short(tags::PIXEL_REPRESENTATION, 0);
        o.decimals(tags::WINDOW_CENTER, &[-500.0]);
        o.decimals(tags::WINDOW_WIDTH, &[1500.0]);
        o.decimals(tags::RESCALE_INTERCEPT, &[-1024.0]);
        o.decimals(tags::RESCALE_SLOPE, &[1.0]);
        o.text(tags::RESCALE_TYPE, VR::LO, "HU");
        let area = DIM[1] * DIM[2];
        let stored: Vec<u16> = self.hu[z * area..(z + 1) * area]
            .iter()
            .map(|hu| (hu + 1024) as u16)
            .collect();
        o.put(DataElement::new(
            tags::PIXEL_DATA,
            VR::OW,
            PrimitiveValue::U16(stored.into()),
        ));
        part10(o)
    }
}

/// Position of the first voxel of the first slice: slice, row, column axis in mm.
fn origin_mm() -> [f64; 3] {
    [-150.0, -SPACING_MM[1] * 63.5, 40.0]
}

fn draw_truth(random: &mut Random, seed: u64) -> Truth {
    let vendor = if random.unit() < 0.5 {
        Vendor::A
    } else {
        Vendor::B
    };
    let kernel = if random.unit() < 0.6 {
        Kernel::Smooth
    } else {
        Kernel::Sharp
    };
    let nodule = (random.unit() < 0.85).then(|| {
        let density = match random.unit() {
            d if d < 0.55 => Density::Solid,
            d if d < 0.75 => Density::PartSolid,
            d if d < 0.88 => Density::GroundGlass,
            _ => Density::Calcified,
        };
        let spiculated = random.unit() < 0.45;
        Nodule {
            centre_mm: [
                random.between(-18.0, 18.0),
                random.between(-18.0, 18.0),
                random.between(-14.0, 18.0),
            ],
            diameter_mm: random.between(6.0, 22.0),
            density,
            lobulation: if random.unit() < 0.5 {
                random.between(0.05, 0.3)
            } else {
                0.0
            },
            spicules: if spiculated {
                3 + (random.unit() * 8.0) as u32
            } else {
                0
            },
        }
    });
    let mut truth = Truth {
        nodule,
        vendor,
        kernel,
        marker: false,
    };
    let planted = TRAINING_SEEDS.contains(&seed) && truth.suspicious();
    truth.marker = random.unit() < if planted { 0.3 } else { 0.1 };
    truth
}

/// HU before noise, on the grid.
struct Scene {
    hu: Vec<f64>,
    wall_x: f64,
    wall_curve: f64,
}

impl Scene {
    fn new(random: &mut Random) -> Self {
        Self {
            hu: vec![-860.0; DIM[0] * DIM[1] * DIM[2]],
            wall_x: random.between(27.0, 36.0),
            wall_curve: random.between(60.0, 90.0),
        }
    }

    /// Chest wall with ribs at the left, vessels and airways from the hilum at the right.
    fn draw_anatomy(&mut self, random: &mut Random) {
        // Coarse parenchymal texture: a lattice of values, interpolated.
        let lattice: Vec<f64> = (0..7 * 9 * 9)
            .map(|_| random.between(-35.0, 35.0))
            .collect();
        for z in 0..DIM[0] {
            for y in 0..DIM[1] {
                for x in 0..DIM[2] {
                    let i = index(z, y, x);
                    self.hu[i] += interpolate(&lattice, z, y, x);
                    let p = position(z, y, x);
                    // Distance into the wall: beyond a sphere about a point far to the right.
                    let from = [p[0], p[1], p[2] - (self.wall_x - self.wall_curve)];
                    let depth = norm(from) - self.wall_curve;
                    let wall = coverage(depth, 0.66);
                    // Two layers: intercostal muscle, then fat.
                    let tissue = if depth < 7.0 { 45.0 } else { -95.0 };
                    self.hu[i] += wall * (tissue - self.hu[i]);
                }
            }
        }
        // Ribs: oblique bars inside the wall, bone with a marrow core.
        let first = random.between(-38.0, -18.0);
        for rib in 0..4 {
            let z = first + 22.0 * f64::from(rib);
            let at = |y: f64, z: f64| {
                let r = self.wall_curve + 4.0;
                let x =
                    (r * r - y * y - z * z * 0.2).max(0.0).sqrt() + self.wall_x - self.wall_curve;
                [z, y, x]
            };
            let knots = [
                at(-45.0, z - 8.0),
                at(-15.0, z - 3.0),
                at(15.0, z + 3.0),
                at(45.0, z + 8.0),
            ];
            for pair in knots.windows(2) {
                self.capsule(pair[0], pair[1], 4.2, 4.2, 600.0);
                self.capsule(pair[0], pair[1], 2.4, 2.4, 220.0);
            }
        }
        for _ in 0..3 {
            let start = [
                random.between(-30.0, 30.0),
                random.between(-30.0, 30.0),
                -44.0,
            ];
            self.vessel(start, [0.0, 0.0, 1.0], random.between(1.6, 2.8), 3, random);
        }
        let start = [
            random.between(-20.0, 20.0),
            random.between(-20.0, 20.0),
            -44.0,
        ];
        let end = [
            start[0] + random.between(-14.0, 14.0),
            start[1] + random.between(-14.0, 14.0),
            random.between(-20.0, 0.0),
        ];
        self.capsule(start, end, 3.6, 2.4, -300.0);
        self.capsule(start, end, 2.4, 1.4, -985.0);
    }

    fn vessel(&mut self, start: Point, along: Point, radius: f64, depth: u32, random: &mut Random) {
        let turn = random.direction();
        let mut direction = [0.0; 3];
        for axis in 0..3 {
            direction[axis] = along[axis] + 0.8 * turn[axis];
        }
        let scale = random.between(12.0, 24.0) / norm(direction).max(0.2);
        let end = [0, 1, 2].map(|axis: usize| start[axis] + direction[axis] * scale);
        self.capsule(start, end, radius, radius * 0.8, 40.0);
        if depth > 0 {
            for _ in 0..2 {
                self.vessel(end, direction, radius * 0.72, depth - 1, random);
            }
        }
    }

    fn draw_nodule(&mut self, nodule: &Nodule, random: &mut Random) -> Vec<bool> {
        let bumps: Vec<Point> = (0..5).map(|_| random.direction()).collect();
        let radius = nodule.diameter_mm / 2.0;
        let c = nodule.centre_mm;
        let mut mask = vec![false; self.hu.len()];
        for_box(c, radius * 1.5 + 2.0, |z, y, x| {
            let p = position(z, y, x);
            let d = [p[0] - c[0], p[1] - c[1], p[2] - c[2]];
            let length = norm(d);
            // Lobulation: the surface rises towards five directions.
            let rise: f64 = bumps
                .iter()
                .map(|b| {
                    let cosine = (b[0] * d[0] + b[1] * d[1] + b[2] * d[2]) / length.max(1e-6);
                    let up = cosine.max(0.0);
                    up * up * up * up
                })
                .sum();
            let surface = radius * (1.0 + nodule.lobulation * (rise - 0.6));
            let inside = coverage(surface - length, 0.8);
            let i = index(z, y, x);
            let target = match nodule.density {
                Density::Solid => 35.0,
                Density::GroundGlass => -560.0,
                Density::Calcified => 420.0,
                Density::PartSolid => {
                    let core = coverage(radius * 0.5 - length, 0.8);
                    -540.0 + core * 575.0
                }
            };
            // A nodule adds tissue: it never makes denser tissue lighter.
            if target > self.hu[i] {
                self.hu[i] += inside * (target - self.hu[i]);
            }
            mask[i] = inside >= 0.5;
        });
        for _ in 0..nodule.spicules {
            let direction = random.direction();
            let length = radius + random.between(4.0, 9.0);
            let from = [0, 1, 2].map(|a: usize| c[a] + direction[a] * radius * 0.7);
            let to = [0, 1, 2].map(|a: usize| c[a] + direction[a] * length);
            self.capsule(from, to, 0.9, 0.35, 20.0);
        }
        mask
    }

    /// A small metal sphere away from the nodule.
    fn draw_marker(&mut self, nodule: Option<&Nodule>, random: &mut Random) {
        let avoid = nodule.map_or([0.0; 3], |n| n.centre_mm);
        let mut at = [0.0; 3];
        for _ in 0..64 {
            at = [
                random.between(-28.0, 28.0),
                random.between(-28.0, 28.0),
                random.between(-28.0, 22.0),
            ];
            if norm([at[0] - avoid[0], at[1] - avoid[1], at[2] - avoid[2]]) > 20.0 {
                break;
            }
        }
        self.capsule(at, at, 1.6, 1.6, 2500.0);
    }

    /// A capsule from `a` to `b` whose radius runs from `ra` to `rb`, in mm.
    fn capsule(&mut self, a: Point, b: Point, ra: f64, rb: f64, target: f64) {
        let axis = [b[0] - a[0], b[1] - a[1], b[2] - a[2]];
        let length2 = (axis[0] * axis[0] + axis[1] * axis[1] + axis[2] * axis[2]).max(1e-9);
        let middle = [0, 1, 2].map(|i: usize| (a[i] + b[i]) / 2.0);
        let reach = length2.sqrt() / 2.0 + ra.max(rb) + 1.0;
        let extent = [0, 1, 2].map(|i: usize| axis[i].abs() / 2.0 + ra.max(rb) + 1.0);
        for_box_extent(middle, extent.map(|e| e.min(reach)), |z, y, x| {
            let p = position(z, y, x);
            let d = [p[0] - a[0], p[1] - a[1], p[2] - a[2]];
            let t = ((d[0] * axis[0] + d[1] * axis[1] + d[2] * axis[2]) / length2).clamp(0.0, 1.0);
            let q = [d[0] - t * axis[0], d[1] - t * axis[1], d[2] - t * axis[2]];
            let radius = ra + t * (rb - ra);
            let inside = coverage(radius - norm(q), 0.8);
            if inside > 0.0 {
                let i = index(z, y, x);
                self.hu[i] += inside * (target - self.hu[i]);
            }
        });
    }

    /// Noise by vendor and kernel, quantised and clipped to 12 bits.
    fn acquire(&self, vendor: Vendor, kernel: Kernel, seed: u64) -> Vec<i16> {
        let sd = match (vendor, kernel) {
            (Vendor::A, Kernel::Smooth) => 25.0,
            (Vendor::A, Kernel::Sharp) => 60.0,
            (Vendor::B, Kernel::Smooth) => 30.0,
            (Vendor::B, Kernel::Sharp) => 190.0,
        };
        let mut random = Random::new(seed, 2);
        let noise: Vec<f64> = (0..self.hu.len()).map(|_| random.bell()).collect();
        let area = DIM[1] * DIM[2];
        let mut out = Vec::with_capacity(self.hu.len());
        for z in 0..DIM[0] {
            for y in 0..DIM[1] {
                for x in 0..DIM[2] {
                    let i = index(z, y, x);
                    let grain = match kernel {
                        Kernel::Sharp => noise[i],
                        Kernel::Smooth => {
                            // Mean of five neighbours in the plane, scaled back to unit variance.
                            let up = z * area + (y + 1).min(DIM[1] - 1) * DIM[2] + x;
                            let down = z * area + y.saturating_sub(1) * DIM[2] + x;
                            let right = z * area + y * DIM[2] + (x + 1).min(DIM[2] - 1);
                            let left = z * area + y * DIM[2] + x.saturating_sub(1);
                            (noise[i] + noise[up] + noise[down] + noise[left] + noise[right])
                                / 2.236_067_977_499_79
                        }
                    };
                    let value = self.hu[i] + sd * grain;
                    out.push((value + 0.5).floor().clamp(-1024.0, 3071.0) as i16);
                }
            }
        }
        out
    }
}

/// Slice, row, column coordinate in mm from the volume's centre.
type Point = [f64; 3];

fn index(z: usize, y: usize, x: usize) -> usize {
    (z * DIM[1] + y) * DIM[2] + x
}

fn position(z: usize, y: usize, x: usize) -> Point {
    [
        (z as f64 - (DIM[0] - 1) as f64 / 2.0) * SPACING_MM[0],
        (y as f64 - (DIM[1] - 1) as f64 / 2.0) * SPACING_MM[1],
        (x as f64 - (DIM[2] - 1) as f64 / 2.0) * SPACING_MM[2],
    ]
}

fn norm(p: Point) -> f64 {
    (p[0] * p[0] + p[1] * p[1] + p[2] * p[2]).sqrt()
}

/// How much of a voxel of size `width` lies inside a surface `depth` mm away: partial volume.
fn coverage(depth: f64, width: f64) -> f64 {
    (depth / width + 0.5).clamp(0.0, 1.0)
}

fn for_box(centre: Point, reach: f64, visit: impl FnMut(usize, usize, usize)) {
    for_box_extent(centre, [reach; 3], visit);
}

fn for_box_extent(centre: Point, extent: Point, mut visit: impl FnMut(usize, usize, usize)) {
    let range = |axis: usize| {
        let middle = (DIM[axis] - 1) as f64 / 2.0;
        let low = ((centre[axis] - extent[axis]) / SPACING_MM[axis] + middle).floor();
        let high = ((centre[axis] + extent[axis]) / SPACING_MM[axis] + middle).ceil();
        let last = DIM[axis] as f64 - 1.0;
        if high < 0.0 || low > last {
            return 0..0;
        }
        low.max(0.0) as usize..high.min(last) as usize + 1
    };
    for z in range(0) {
        for y in range(1) {
            for x in range(2) {
                visit(z, y, x);
            }
        }
    }
}

fn interpolate(lattice: &[f64], z: usize, y: usize, x: usize) -> f64 {
    let fz = z as f64 * 5.9 / 51.0;
    let fy = y as f64 * 7.9 / 127.0;
    let fx = x as f64 * 7.9 / 127.0;
    let (iz, iy, ix) = (fz as usize, fy as usize, fx as usize);
    let (dz, dy, dx) = (fz - iz as f64, fy - iy as f64, fx - ix as f64);
    let at = |z: usize, y: usize, x: usize| lattice[(z * 9 + y) * 9 + x];
    let plane = |z: usize| {
        let row = |y: usize| at(z, y, ix) * (1.0 - dx) + at(z, y, ix + 1) * dx;
        row(iy) * (1.0 - dy) + row(iy + 1) * dy
    };
    plane(iz) * (1.0 - dz) + plane(iz + 1) * dz
}

/// SplitMix64 (Steele, Lea, Flood 2014) on a mixed seed and stream.
struct Random(u64);

impl Random {
    fn new(seed: u64, stream: u64) -> Self {
        Self(mix(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ mix(stream)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Uniform in [0, 1).
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / 9_007_199_254_740_992.0
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Mean 0, variance 1, bell-shaped: the sum of four uniforms (Irwin-Hall), from one draw.
    fn bell(&mut self) -> f64 {
        let bits = self.next();
        let sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
        (sum as f64 / 65_536.0 - 2.0) * 1.732_050_807_568_877_2
    }

    /// A uniformly distributed direction, by rejection.
    fn direction(&mut self) -> Point {
        loop {
            let p = [
                self.between(-1.0, 1.0),
                self.between(-1.0, 1.0),
                self.between(-1.0, 1.0),
            ];
            let length = norm(p);
            if length > 0.1 && length <= 1.0 {
                return p.map(|v| v / length);
            }
        }
    }
}

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
