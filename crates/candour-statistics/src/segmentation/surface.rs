//! Surfaces of masks and the distances between them.

#![allow(
    clippy::indexing_slicing,
    reason = "rows and tables are cut by the grid's own sizes; every index is smaller than the size it loops over"
)]

use rayon::prelude::*;

use super::contour::{contour_lengths, surface_areas};
use super::distance::{NearestInRow, Scratch, Walk};
use super::mask::{Bits, Mask, places};
use crate::number::StatisticsError;
use crate::resample::quantile;

/// Which neighbours count as touching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connectivity {
    /// Those that share a face: 6 in a volume, 4 in an image.
    Faces,
    /// Those that share an edge too: 18 in a volume, 8 in an image.
    Edges,
    /// Those that share a corner too: 26 in a volume, 8 in an image.
    Corners,
}

impl Connectivity {
    /// The words of settings, in the order of the variants.
    pub const WORDS: &'static [&'static str] = &["faces", "edges", "corners"];

    /// By its word; faces for any other.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "edges" => Self::Edges,
            "corners" => Self::Corners,
            _ => Self::Faces,
        }
    }

    /// How many axes two neighbours may differ on.
    pub(super) fn axes(self) -> usize {
        match self {
            Self::Faces => 1,
            Self::Edges => 2,
            Self::Corners => 3,
        }
    }

    /// How many neighbours a voxel has.
    #[must_use]
    pub fn neighbours(self, flat: bool) -> usize {
        match (self, flat) {
            (Self::Faces, true) => 4,
            (_, true) => 8,
            (Self::Faces, false) => 6,
            (Self::Edges, false) => 18,
            (Self::Corners, false) => 26,
        }
    }
}

/// What the surface of a mask is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// Marching-cubes elements between the voxels, weighted by their area in mm2 (in an image
    /// contour elements by their length in mm): DeepMind's surface-distance, Nikolov et al. 2021.
    Marching,
    /// Voxels inside that a structuring element with this connectivity erodes, beyond the edge
    /// being outside, each counting once: MedPy and MetricsReloaded (faces).
    Voxel(Connectivity),
}

impl Surface {
    /// Its id in definitions: `marching`, `voxel-6`.
    #[must_use]
    pub fn id(self, flat: bool) -> String {
        match self {
            Self::Marching => "marching".into(),
            Self::Voxel(c) => format!("voxel-{}", c.neighbours(flat)),
        }
    }
}

/// How two directed distances become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symmetry {
    /// The larger of the two directed percentiles: DeepMind, MetricsReloaded, MONAI.
    MaxOfDirected,
    /// The percentile of both lists together: MedPy, panoptica.
    Pooled,
}

impl Symmetry {
    /// The words of settings, in the order of the variants.
    pub const WORDS: &'static [&'static str] = &["max-of-directed", "pooled"];

    /// By its word; max-of-directed for any other.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "pooled" => Self::Pooled,
            _ => Self::MaxOfDirected,
        }
    }

    /// Its id in definitions.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::MaxOfDirected => "max-of-directed",
            Self::Pooled => "pooled",
        }
    }
}

/// Distances in mm from every element of one surface to the nearest element of the other, with the
/// elements' weights, by ascending distance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Directed {
    distances: Vec<f64>,
    weights: Vec<f64>,
    total: f64,
}

impl Directed {
    fn new(mut elements: Vec<(f64, f64)>) -> Self {
        elements.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let (distances, weights): (Vec<f64>, Vec<f64>) = elements.into_iter().unzip();
        let total = pairwise_sum(&weights);
        Self {
            distances,
            weights,
            total,
        }
    }

    fn pooled(a: &Self, b: &Self) -> Self {
        let both = [a, b];
        Self::new(
            both.iter()
                .flat_map(|d| d.distances.iter().copied().zip(d.weights.iter().copied()))
                .collect(),
        )
    }

    /// Distances in mm, ascending.
    #[must_use]
    pub fn distances(&self) -> &[f64] {
        &self.distances
    }

    /// The elements' weights in the same order: area in mm2, length in mm, or 1.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Weight of the whole surface: its area in mm2, its length in mm, or its number of voxels.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.total
    }

    fn largest(&self) -> Option<f64> {
        self.distances.last().copied()
    }

    fn sum(&self) -> f64 {
        let products: Vec<f64> = self
            .distances
            .iter()
            .zip(&self.weights)
            .map(|(d, w)| d * w)
            .collect();
        pairwise_sum(&products)
    }

    fn within(&self, tolerance_mm: f64) -> f64 {
        let count = self.distances.partition_point(|d| *d <= tolerance_mm);
        pairwise_sum(&self.weights[..count])
    }

    /// Marching elements: the first distance at which the share of the area reaches the percentage
    /// (DeepMind). Voxels: linear interpolation between order statistics (NumPy).
    fn percentile(&self, surface: Surface, percent: f64) -> Option<f64> {
        match surface {
            Surface::Voxel(_) => {
                (!self.distances.is_empty()).then(|| quantile(&self.distances, percent / 100.0))
            }
            Surface::Marching => {
                let mut sum = 0.0;
                let place = self.weights.iter().position(|w| {
                    sum += w;
                    sum / self.total >= percent / 100.0
                });
                place
                    .and_then(|p| self.distances.get(p).copied())
                    .or_else(|| self.largest())
            }
        }
    }
}

/// The distances between two surfaces, both ways. Every number below is `None` when either surface
/// is empty, unless it says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct SurfaceDistances {
    /// What the surface is.
    pub surface: Surface,
    /// From the reference to the prediction.
    pub reference: Directed,
    /// From the prediction to the reference.
    pub prediction: Directed,
}

impl SurfaceDistances {
    /// The distances between the surfaces of two masks on one grid. Where one mask is empty the
    /// other's distances are infinite. Time and memory are linear in the box around both masks.
    ///
    /// # Errors
    /// When dimensions or spacing differ, or the memory is not to be had.
    pub fn new(
        reference: &Mask,
        prediction: &Mask,
        surface: Surface,
    ) -> Result<Self, StatisticsError> {
        reference.same_grid(prediction)?;
        match reference.bits().bounds(prediction.bits()) {
            None => Ok(Self {
                surface,
                reference: Directed::default(),
                prediction: Directed::default(),
            }),
            Some(bounds) => Self::between(
                &reference.bits().padded(&bounds)?,
                &prediction.bits().padded(&bounds)?,
                reference.spacing_mm(),
                surface,
            ),
        }
    }

    /// The same for boxes with one voxel outside all around.
    pub(super) fn between(
        reference: &Bits,
        prediction: &Bits,
        spacing: [f64; 3],
        surface: Surface,
    ) -> Result<Self, StatisticsError> {
        let (from, to) = (shell(reference, surface)?, shell(prediction, surface)?);
        let elements = Elements::new(surface, reference.size[2] == 1, spacing);
        Ok(Self {
            surface,
            reference: Directed::new(directed(&from, reference, &to, &elements, spacing)?),
            prediction: Directed::new(directed(&to, prediction, &from, &elements, spacing)?),
        })
    }

    fn both<T>(&self, value: impl FnOnce(&Self) -> Option<T>) -> Option<T> {
        if self.reference.distances.is_empty() || self.prediction.distances.is_empty() {
            None
        } else {
            value(self)
        }
    }

    /// Hausdorff distance in mm: the largest distance either way.
    #[must_use]
    pub fn hausdorff(&self) -> Option<f64> {
        self.both(|s| Some(s.reference.largest()?.max(s.prediction.largest()?)))
    }

    /// The percentile (0 to 100) of the distances in mm.
    #[must_use]
    pub fn percentile(&self, percent: f64, symmetry: Symmetry) -> Option<f64> {
        if !(0.0..=100.0).contains(&percent) {
            return None;
        }
        self.both(|s| match symmetry {
            Symmetry::MaxOfDirected => Some(
                s.reference
                    .percentile(s.surface, percent)?
                    .max(s.prediction.percentile(s.surface, percent)?),
            ),
            Symmetry::Pooled => {
                Directed::pooled(&s.reference, &s.prediction).percentile(s.surface, percent)
            }
        })
    }

    /// Mean distance in mm from the reference's surface to the prediction's.
    #[must_use]
    pub fn mean_from_reference(&self) -> Option<f64> {
        self.both(|s| Some(s.reference.sum() / s.reference.total))
    }

    /// Mean distance in mm from the prediction's surface to the reference's.
    #[must_use]
    pub fn mean_from_prediction(&self) -> Option<f64> {
        self.both(|s| Some(s.prediction.sum() / s.prediction.total))
    }

    /// Average symmetric surface distance in mm: the mean over both surfaces together (MedPy 0.5,
    /// MetricsReloaded).
    #[must_use]
    pub fn assd(&self) -> Option<f64> {
        self.both(|s| {
            Some(
                (s.reference.sum() + s.prediction.sum()) / (s.reference.total + s.prediction.total),
            )
        })
    }

    /// Mean average surface distance in mm: the mean of the two directed means (MetricsReloaded
    /// MASD; `assd` of MedPy before 0.5 and of panoptica).
    #[must_use]
    pub fn masd(&self) -> Option<f64> {
        self.both(|s| {
            Some(f64::midpoint(
                s.mean_from_reference()?,
                s.mean_from_prediction()?,
            ))
        })
    }

    /// Normalised surface distance (surface Dice): the share of both surfaces within the tolerance
    /// of the other, the tolerance included. 0 where one surface is empty, `None` where both are.
    #[must_use]
    pub fn surface_dice(&self, tolerance_mm: f64) -> Option<f64> {
        let total = self.reference.total + self.prediction.total;
        (total > 0.0 && tolerance_mm >= 0.0).then(|| {
            if self.reference.total == 0.0 || self.prediction.total == 0.0 {
                0.0
            } else {
                (self.reference.within(tolerance_mm) + self.prediction.within(tolerance_mm)) / total
            }
        })
    }

    /// The share of the reference's surface within the tolerance of the prediction's.
    #[must_use]
    pub fn overlap_of_reference(&self, tolerance_mm: f64) -> Option<f64> {
        self.both(|s| Some(s.reference.within(tolerance_mm) / s.reference.total))
    }

    /// The share of the prediction's surface within the tolerance of the reference's.
    #[must_use]
    pub fn overlap_of_prediction(&self, tolerance_mm: f64) -> Option<f64> {
        self.both(|s| Some(s.prediction.within(tolerance_mm) / s.prediction.total))
    }
}

/// The share of border voxels of either mask that both have (Boundary IoU of Cheng et al. 2021 with
/// the border one voxel wide, as MetricsReloaded by default). `None` where both masks are empty.
///
/// # Errors
/// When dimensions or spacing differ, or the memory is not to be had.
pub fn boundary_iou(
    reference: &Mask,
    prediction: &Mask,
    connectivity: Connectivity,
) -> Result<Option<f64>, StatisticsError> {
    let (common, either) = common_border(reference, prediction, connectivity)?;
    Ok((either > 0).then(|| common as f64 / either as f64))
}

/// Border voxels that both masks have, and that either has: what [`boundary_iou`] divides.
///
/// # Errors
/// As [`boundary_iou`].
pub(super) fn common_border(
    reference: &Mask,
    prediction: &Mask,
    connectivity: Connectivity,
) -> Result<(u64, u64), StatisticsError> {
    reference.same_grid(prediction)?;
    let Some(bounds) = reference.bits().bounds(prediction.bits()) else {
        return Ok((0, 0));
    };
    let border = |mask: &Mask| shell(&mask.bits().padded(&bounds)?, Surface::Voxel(connectivity));
    let (a, b) = (border(reference)?, border(prediction)?);
    let (mut common, mut either) = (0u64, 0u64);
    for (a, b) in a.data.iter().zip(&b.data) {
        common += u64::from((a & b).count_ones());
        either += u64::from((a | b).count_ones());
    }
    Ok((common, either))
}

/// The points of a surface: of the dual grid for marching elements (point i lies between voxels i
/// and i + 1 of the padded box), of the padded box itself for voxels.
fn shell(mask: &Bits, surface: Surface) -> Result<Bits, StatisticsError> {
    match surface {
        Surface::Marching => between_voxels(mask),
        Surface::Voxel(connectivity) => border_voxels(mask, connectivity),
    }
}

fn between_voxels(mask: &Bits) -> Result<Bits, StatisticsError> {
    let [nx, ny, nz] = mask.size;
    let deep = nz > 1;
    let mut points = Bits::empty([nx - 1, ny - 1, if deep { nz - 1 } else { 1 }])?;
    let [_, my, mz] = points.size;
    for z in 0..mz {
        for y in 0..my {
            let at = (z * my + y) * points.words;
            for w in 0..points.words {
                let (mut any, mut all) = (0u64, u64::MAX);
                for dz in 0..=usize::from(deep) {
                    for dy in 0..2 {
                        let row = mask.row(y + dy, z + dz);
                        let next = row.get(w + 1).copied().unwrap_or(0);
                        let right = (row[w] >> 1) | (next << 63);
                        any |= row[w] | right;
                        all &= row[w] & right;
                    }
                }
                points.data[at + w] = any & !all;
            }
        }
    }
    Ok(points)
}

fn border_voxels(mask: &Bits, connectivity: Connectivity) -> Result<Bits, StatisticsError> {
    let [_, ny, nz] = mask.size;
    let mut border = Bits::empty(mask.size)?;
    let deep = isize::from(nz > 1);
    for z in 0..nz {
        for y in 0..ny {
            let at = (z * ny + y) * mask.words;
            for w in 0..mask.words {
                let own = mask.data[at + w];
                if own == 0 {
                    continue;
                }
                let mut kept = u64::MAX;
                for dz in -deep..=deep {
                    for dy in -1..=1isize {
                        let differ = dz.unsigned_abs() + dy.unsigned_abs();
                        if differ > connectivity.axes() {
                            continue;
                        }
                        // The box is padded, so a voxel inside has neighbours all around; the pad
                        // itself is empty and needs none.
                        let (Some(y), Some(z)) =
                            (y.checked_add_signed(dy), z.checked_add_signed(dz))
                        else {
                            continue;
                        };
                        if y >= ny || z >= nz {
                            continue;
                        }
                        let row = mask.row(y, z);
                        kept &= row[w];
                        if differ < connectivity.axes() {
                            let below = if w > 0 { row[w - 1] >> 63 } else { 0 };
                            let above = row.get(w + 1).map_or(0, |n| n << 63);
                            kept &= (row[w] << 1) | below;
                            kept &= (row[w] >> 1) | above;
                        }
                    }
                }
                border.data[at + w] = own & !kept;
            }
        }
    }
    Ok(border)
}

/// What one element of the surface weighs.
enum Elements {
    Areas(Box<[f64; 256]>),
    Lengths([f64; 16]),
    Voxels,
}

impl Elements {
    fn new(surface: Surface, flat: bool, [x, y, z]: [f64; 3]) -> Self {
        match (surface, flat) {
            (Surface::Marching, false) => Self::Areas(Box::new(surface_areas([x, y, z]))),
            (Surface::Marching, true) => Self::Lengths(contour_lengths([x, y])),
            (Surface::Voxel(_), _) => Self::Voxels,
        }
    }

    fn weight(&self, mask: &Bits, x: usize, y: usize, z: usize) -> f64 {
        let bit = |dx: usize, dy: usize, dz: usize| {
            usize::from(mask.contains(x + dx, y + dy, z + dz)) << (dx + 2 * dy + 4 * dz)
        };
        let plane = |dz: usize| bit(0, 0, dz) | bit(1, 0, dz) | bit(0, 1, dz) | bit(1, 1, dz);
        match self {
            Self::Areas(areas) => areas[plane(0) | plane(1)],
            Self::Lengths(lengths) => lengths[plane(0)],
            Self::Voxels => 1.0,
        }
    }
}

/// Distance and weight of each point of `from` (the surface of `mask`) to the nearest point of `to`.
fn directed(
    from: &Bits,
    mask: &Bits,
    to: &Bits,
    elements: &Elements,
    spacing: [f64; 3],
) -> Result<Vec<(f64, f64)>, StatisticsError> {
    let [_, ny, nz] = from.size;
    if to.data.iter().all(|w| *w == 0) {
        let mut list = Vec::new();
        for z in 0..nz {
            for y in 0..ny {
                list.extend(
                    places(from.row(y, z)).map(|x| (f64::INFINITY, elements.weight(mask, x, y, z))),
                );
            }
        }
        return Ok(list);
    }
    let rows = NearestInRow::new(to, spacing)?;
    let ring = rows.ring();
    // Points that are close to the other surface find it in the rows around them.
    let (lists, far): (Vec<_>, Vec<_>) = (0..ny)
        .into_par_iter()
        .map(|y| {
            let (mut list, mut far): (Vec<(f64, f64)>, Vec<[usize; 2]>) = Default::default();
            for z in 0..nz {
                for x in places(from.row(y, z)) {
                    match rows.nearest(&ring, x, y, z) {
                        Some(square) => list.push((square.sqrt(), elements.weight(mask, x, y, z))),
                        None => far.push([x, z]),
                    }
                }
            }
            (list, far)
        })
        .unzip();
    let mut found = lists.concat();
    if far.iter().all(Vec::is_empty) {
        return Ok(found);
    }
    let planes = rows.in_planes();
    let lists: Vec<Vec<(f64, f64)>> = far
        .into_par_iter()
        .enumerate()
        .map_init(Scratch::default, |scratch, (y, mut far)| {
            far.sort_unstable();
            let mut wanted = vec![0u64; from.words];
            for [x, _] in &far {
                wanted[x / 64] |= 1 << (x % 64);
            }
            let mut list = Vec::with_capacity(far.len());
            let mut groups = far.chunk_by(|a, b| a[0] == b[0]);
            planes.columns(y, &wanted, scratch, |x, envelope| {
                let mut walk = Walk::new(envelope, planes.spacing[2]);
                for [_, z] in groups.next().into_iter().flatten() {
                    list.push((walk.to(*z).0.sqrt(), elements.weight(mask, x, y, *z)));
                }
            });
            list
        })
        .collect();
    found.extend(lists.into_iter().flatten());
    Ok(found)
}

/// Sum by halves, eight at a time in the leaves: the rounding error grows with log n, and the order
/// is NumPy's, so that shares that stand exactly on a percentage fall on the same side.
pub(super) fn pairwise_sum(values: &[f64]) -> f64 {
    if values.len() < 8 {
        values.iter().sum()
    } else if values.len() <= 128 {
        let eights = values.chunks_exact(8);
        let rest = eights.remainder();
        let mut sums = [0.0; 8];
        for eight in eights {
            for (s, v) in sums.iter_mut().zip(eight) {
                *s += v;
            }
        }
        let [a, b, c, d, e, f, g, h] = sums;
        let sum = ((a + b) + (c + d)) + ((e + f) + (g + h));
        rest.iter().fold(sum, |s, v| s + v)
    } else {
        let half = values.len() / 2;
        let (left, right) = values.split_at(half - half % 8);
        pairwise_sum(left) + pairwise_sum(right)
    }
}
