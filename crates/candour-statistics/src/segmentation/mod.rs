//! Segmentations: masks in memory compared voxel by voxel, surface by surface and lesion by lesion,
//! and per-case results summarised over cases.
//!
//! [`compare`] gives every number of one case at once; [`MASK_METRICS`] says what each means. Rival
//! definitions are settings, and each number carries its own definition: surfaces by marching cubes
//! (DeepMind) or by border voxels (MedPy, MetricsReloaded), percentiles of each direction or pooled,
//! both masks empty worth 1 or nothing. Distances of an empty mask are not estimable, never 0. Masks of
//! one slice along z are images; masks one voxel thick along x or y are volumes, and a note says so.

mod components;
mod contour;
mod distance;
mod lesion;
mod mask;
mod overlap;
mod summary;
mod surface;

pub use components::Components;
pub use contour::{contour_lengths, surface_areas};
pub use distance::distance_map;
pub use lesion::{Assignment, LesionOptions, LesionPair, LesionWise, Lesions, Rule, lesion_wise};
pub use mask::{LONGEST_SIDE, Mask};
pub use overlap::{BothEmpty, Overlap};
pub use summary::{
    ENTRIES, LESION_DETECTION, LesionCounts, Resampling, SEGMENTATION_SUMMARY, lesion_detection,
    segmentation_summary,
};
pub use surface::{Connectivity, Directed, Surface, SurfaceDistances, Symmetry, boundary_iou};

use crate::number::{Number, StatisticsError};

/// Which definitions [`compare`] uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// What Dice, IoU, surface Dice and boundary IoU are when both masks are empty.
    pub both_empty: BothEmpty,
    /// What the surface is.
    pub surface: Surface,
    /// How the percentile of the distances is taken over both directions.
    pub symmetry: Symmetry,
    /// The percentile of `hausdorff_percentile`, 0 to 100.
    pub percent: f64,
    /// Tolerance in mm of surface Dice, from the spread between readers; without it there is none.
    pub tolerance_mm: Option<f64>,
    /// Lesions by lesion too, or not.
    pub lesions: Option<LesionOptions>,
}

impl Options {
    /// DeepMind's surface-distance 0.1: marching surfaces, max of directed, both empty undefined.
    pub const DEEPMIND: Self = Self {
        both_empty: BothEmpty::NotEstimable,
        surface: Surface::Marching,
        symmetry: Symmetry::MaxOfDirected,
        percent: 95.0,
        tolerance_mm: None,
        lesions: None,
    };
    /// MedPy 0.5: border voxels by faces, percentile pooled, both empty worth 1.
    pub const MEDPY: Self = Self {
        both_empty: BothEmpty::One,
        surface: Surface::Voxel(Connectivity::Faces),
        symmetry: Symmetry::Pooled,
        ..Self::DEEPMIND
    };
    /// MetricsReloaded: border voxels by faces, max of directed, both empty worth 1.
    pub const METRICS_RELOADED: Self = Self {
        both_empty: BothEmpty::One,
        surface: Surface::Voxel(Connectivity::Faces),
        ..Self::DEEPMIND
    };
}

impl Default for Options {
    /// As DeepMind's surface-distance, with lesions by lesion.
    fn default() -> Self {
        Self {
            lesions: Some(LesionOptions {
                connectivity: Connectivity::Corners,
                rule: Rule::IouAbove(0.5),
                assignment: Assignment::Greedy,
            }),
            ..Self::DEEPMIND
        }
    }
}

/// Everything measured on one case.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Voxels counted.
    pub overlap: Overlap,
    /// Distances between the surfaces, both ways; more percentiles and tolerances cost no new map.
    pub surface: SurfaceDistances,
    /// Share of border voxels in common.
    pub boundary_iou: Option<f64>,
    /// Border voxels of either mask, of which that is the share.
    pub border_voxels: u64,
    /// Lesions matched, where asked for.
    pub lesions: Option<Lesions>,
    /// Whether the case is an image.
    pub flat: bool,
    /// What was asked for.
    pub options: Options,
    /// What the reader must know: an empty mask, a convention that decided a number.
    pub notes: Vec<String>,
}

/// Compares a prediction with the reference: all numbers of [`MASK_METRICS`] for one case. Time and
/// memory are linear: counting needs the whole grid, distances only the box around both masks.
///
/// # Errors
/// When dimensions or spacing differ, an option is out of its range, or the memory is not to be had.
pub fn compare(
    reference: &Mask,
    prediction: &Mask,
    options: &Options,
) -> Result<Comparison, StatisticsError> {
    if !(0.0..=100.0).contains(&options.percent) {
        return Err(StatisticsError::setting(
            "percent",
            options.percent,
            "a number from 0 to 100",
        ));
    }
    if let Some(t) = options.tolerance_mm
        && !(t >= 0.0 && t.is_finite())
    {
        return Err(StatisticsError::setting(
            "tolerance_mm",
            t,
            "millimetres from 0",
        ));
    }
    let overlap = Overlap::new(reference, prediction)?;
    let surface = SurfaceDistances::new(reference, prediction, options.surface)?;
    let border = match options.surface {
        Surface::Voxel(connectivity) => connectivity,
        Surface::Marching => Connectivity::Faces,
    };
    let (common, either) = surface::common_border(reference, prediction, border)?;
    let boundary_iou = (either > 0)
        .then(|| common as f64 / either as f64)
        .or(options.both_empty.value());
    let lesions = options
        .lesions
        .as_ref()
        .map(|lesions| Lesions::new(reference, prediction, lesions, Some(options.surface)))
        .transpose()?;
    let mut notes = Vec::new();
    match (overlap.reference(), overlap.prediction()) {
        (0, 0) => notes.push(format!(
            "both masks are empty: Dice, IoU, surface Dice and boundary IoU are {} by the policy `{}`; distances are not estimable",
            if options.both_empty == BothEmpty::One { "1" } else { "not estimable" },
            if options.both_empty == BothEmpty::One { "one" } else { "not-estimable" },
        )),
        (0, _) => notes.push("the reference is empty and the prediction is not: overlaps are 0, distances not estimable".into()),
        (_, 0) => notes.push("the prediction is empty and the reference is not: overlaps are 0, distances not estimable".into()),
        _ => {}
    }
    if !reference.is_flat() {
        for (axis, size) in ["x", "y"].into_iter().zip(reference.dimensions()) {
            if size == 1 {
                notes.push(format!(
                    "the masks are one voxel thick along {axis}: only masks of one slice along z are compared as images, so these count as a volume, whose every voxel lies on its surface; turn the image so that it lies in x and y"
                ));
            }
        }
    }
    Ok(Comparison {
        overlap,
        surface,
        boundary_iou,
        border_voxels: either,
        lesions,
        flat: reference.is_flat(),
        options: *options,
        notes,
    })
}

impl Comparison {
    /// The case's numbers in the order of [`MASK_METRICS`]; lesion by lesion only where asked for.
    #[must_use]
    pub fn numbers(&self) -> Vec<Number> {
        let mut list = List(Vec::new());
        self.overlap_numbers(&mut list);
        self.surface_numbers(&mut list);
        if let Some(lesions) = &self.lesions {
            self.lesion_numbers(lesions, &mut list);
        }
        list.0
    }

    fn overlap_numbers(&self, list: &mut List) {
        let (o, empty) = (&self.overlap, self.options.both_empty);
        let either = o.reference() + o.false_positive;
        let (both, no_reference, no_prediction) = (
            "both masks are empty",
            "the reference is empty",
            "the prediction is empty",
        );
        let policy = match empty {
            BothEmpty::One => "both-empty-one",
            BothEmpty::NotEstimable => "both-empty-not-estimable",
        };
        list.add(
            "dice",
            format!("dice.{policy}"),
            o.dice(empty),
            o.reference() + o.prediction(),
            both,
        );
        list.add("iou", format!("iou.{policy}"), o.iou(empty), either, both);
        list.add(
            "sensitivity",
            "sensitivity.voxels",
            o.sensitivity(),
            o.reference(),
            no_reference,
        );
        list.add(
            "positive_predictive_value",
            "positive-predictive-value.voxels",
            o.positive_predictive_value(),
            o.prediction(),
            no_prediction,
        );
        list.add(
            "specificity",
            "specificity.voxels-of-grid",
            o.specificity(),
            o.true_negative + o.false_positive,
            "the reference fills the grid",
        );
        list.add(
            "reference_ml",
            "volume.voxel-count",
            Some(o.reference_ml()),
            o.reference(),
            "",
        );
        list.add(
            "prediction_ml",
            "volume.voxel-count",
            Some(o.prediction_ml()),
            o.prediction(),
            "",
        );
        list.add(
            "volume_difference_ml",
            "volume-difference.prediction-less-reference",
            Some(o.difference_ml()),
            either,
            "",
        );
        list.add(
            "absolute_volume_difference_ml",
            "volume-difference.absolute",
            Some(o.difference_ml().abs()),
            either,
            "",
        );
        list.add(
            "relative_volume_difference",
            "volume-difference.relative-to-reference",
            o.relative_difference(),
            o.reference(),
            no_reference,
        );
    }

    fn surface_numbers(&self, list: &mut List) {
        let (s, options) = (&self.surface, &self.options);
        let kind = options.surface.id(self.flat);
        let (from, to) = (
            s.reference.distances().len() as u64,
            s.prediction.distances().len() as u64,
        );
        let why = match (from, to) {
            (0, 0) => "both masks are empty, so there is no surface",
            (0, _) => "the reference is empty, so there is no distance to it",
            (_, 0) => "the prediction is empty, so there is no distance to it",
            _ => "",
        };
        list.add(
            "hausdorff",
            format!("hausdorff.{kind}"),
            s.hausdorff(),
            from + to,
            why,
        );
        list.add(
            "hausdorff_percentile",
            format!("hd{}.{kind}.{}", options.percent, options.symmetry.id()),
            s.percentile(options.percent, options.symmetry),
            from + to,
            why,
        );
        list.add(
            "assd",
            format!("assd.{kind}.pooled"),
            s.assd(),
            from + to,
            why,
        );
        list.add(
            "masd",
            format!("masd.{kind}.mean-of-directed"),
            s.masd(),
            from + to,
            why,
        );
        list.add(
            "mean_distance_from_reference",
            format!("directed-mean.{kind}"),
            s.mean_from_reference(),
            from,
            why,
        );
        list.add(
            "mean_distance_from_prediction",
            format!("directed-mean.{kind}"),
            s.mean_from_prediction(),
            to,
            why,
        );
        let at = match options.tolerance_mm {
            Some(t) => format!("{kind}.tolerance-{t}-mm"),
            None => format!("{kind}.no-tolerance"),
        };
        let why = if options.tolerance_mm.is_none() {
            "no tolerance was given"
        } else {
            why
        };
        let within = |number: fn(&SurfaceDistances, f64) -> Option<f64>| {
            options.tolerance_mm.and_then(|t| number(s, t))
        };
        let dice = within(SurfaceDistances::surface_dice)
            .or_else(|| options.tolerance_mm.and(options.both_empty.value()));
        list.add(
            "surface_dice",
            format!("surface-dice.{at}"),
            dice,
            from + to,
            why,
        );
        list.add(
            "surface_overlap_reference",
            format!("surface-overlap.{at}"),
            within(SurfaceDistances::overlap_of_reference),
            from,
            why,
        );
        list.add(
            "surface_overlap_prediction",
            format!("surface-overlap.{at}"),
            within(SurfaceDistances::overlap_of_prediction),
            to,
            why,
        );
        let border = match options.surface {
            Surface::Marching => Surface::Voxel(Connectivity::Faces),
            voxel @ Surface::Voxel(_) => voxel,
        };
        list.add(
            "boundary_iou",
            format!("boundary-iou.{}", border.id(self.flat)),
            self.boundary_iou,
            self.border_voxels,
            "both masks are empty",
        );
    }

    fn lesion_numbers(&self, lesions: &Lesions, list: &mut List) {
        let Some(options) = &self.options.lesions else {
            return;
        };
        let rule = options.id(self.flat);
        let (ours, theirs) = (lesions.reference as u64, lesions.prediction as u64);
        let counted = |n: usize| Some(n as f64);
        list.add(
            "lesions_reference",
            format!("components.{rule}"),
            counted(lesions.reference),
            ours,
            "",
        );
        list.add(
            "lesions_prediction",
            format!("components.{rule}"),
            counted(lesions.prediction),
            theirs,
            "",
        );
        list.add(
            "lesion_true_positives",
            rule.clone(),
            counted(lesions.true_positive),
            ours,
            "",
        );
        list.add(
            "lesion_false_positives",
            rule.clone(),
            counted(lesions.false_positive),
            theirs,
            "",
        );
        list.add(
            "lesion_false_negatives",
            rule.clone(),
            counted(lesions.false_negative),
            ours,
            "",
        );
        list.add(
            "lesion_sensitivity",
            format!("lesion-sensitivity.{rule}"),
            lesions.sensitivity(),
            ours,
            "the reference has no lesion",
        );
        list.add(
            "lesion_positive_predictive_value",
            format!("lesion-ppv.{rule}"),
            lesions.positive_predictive_value(),
            theirs,
            "the prediction has no lesion",
        );
        let none = "neither mask has a lesion";
        list.add(
            "lesion_f1",
            format!("lesion-f1.{rule}"),
            lesions.f1(),
            ours + theirs,
            none,
        );
        let pairs = lesions.pairs.len() as u64;
        let no_pairs = match options.rule {
            Rule::Overlap => "the rule any-overlap matches many to many and makes no pairs",
            _ => "no lesion matches",
        };
        list.add(
            "segmentation_quality",
            format!("mean-iou.{rule}"),
            lesions.segmentation_quality(),
            pairs,
            no_pairs,
        );
        let panoptic = lesions.panoptic_quality();
        let why = if lesions.true_positive > 0 {
            no_pairs
        } else {
            none
        };
        list.add(
            "panoptic_quality",
            format!("sq-rq.{rule}"),
            panoptic,
            ours + theirs,
            why,
        );
        let kind = self.options.surface.id(self.flat);
        list.add(
            "lesion_dice",
            format!("mean-of-pairs.{rule}"),
            lesions.mean_dice(),
            pairs,
            no_pairs,
        );
        list.add(
            "lesion_hausdorff_percentile",
            format!(
                "mean-of-pairs.hd{}.{kind}.{}.{rule}",
                self.options.percent,
                self.options.symmetry.id()
            ),
            lesions.mean_of(|d| d.percentile(self.options.percent, self.options.symmetry)),
            pairs,
            no_pairs,
        );
        list.add(
            "lesion_masd",
            format!("mean-of-pairs.masd.{kind}.mean-of-directed.{rule}"),
            lesions.mean_of(SurfaceDistances::masd),
            pairs,
            no_pairs,
        );
    }
}

struct List(Vec<Number>);

impl List {
    fn add(
        &mut self,
        name: &str,
        definition: impl Into<String>,
        value: Option<f64>,
        n: u64,
        why: &str,
    ) {
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        self.0.push(match value {
            Some(value) => Number::plain(name, definition, value, n),
            None => Number::none(name, definition, n, why),
        });
    }
}

/// The numbers of one case: id, formula and source. R and P are the voxels of reference and
/// prediction, S(R) and S(P) their surfaces, d(x, S) the distance in mm from x to the nearest element
/// of S; sums over a surface are weighted by the elements' area (marching) or count (voxels).
pub const MASK_METRICS: &[(&str, &str, &str)] = &[
    ("dice", "2 |R and P| / (|R| + |P|)", "Dice 1945"),
    ("iou", "|R and P| / |R or P|", "Jaccard 1912"),
    ("sensitivity", "|R and P| / |R|", "Taha and Hanbury 2015"),
    (
        "positive_predictive_value",
        "|R and P| / |P|",
        "Taha and Hanbury 2015",
    ),
    (
        "specificity",
        "|neither R nor P| / |not R|; grows with the background shown",
        "Taha and Hanbury 2015",
    ),
    (
        "reference_ml",
        "|R| times voxel volume, in ml",
        "voxel count",
    ),
    (
        "prediction_ml",
        "|P| times voxel volume, in ml",
        "voxel count",
    ),
    (
        "volume_difference_ml",
        "(|P| - |R|) times voxel volume, in ml",
        "voxel count",
    ),
    (
        "absolute_volume_difference_ml",
        "| |P| - |R| | times voxel volume, in ml",
        "voxel count",
    ),
    (
        "relative_volume_difference",
        "(|P| - |R|) / |R|",
        "Heimann et al. 2009; `ravd` of MedPy",
    ),
    (
        "hausdorff",
        "max of d(x, S(P)) over S(R) and of d(x, S(R)) over S(P), in mm",
        "Huttenlocher et al. 1993",
    ),
    (
        "hausdorff_percentile",
        "percentile (95) of these distances, in mm: the larger of both directions (max-of-directed) or of both lists together (pooled); marching: first distance at which the share of the area reaches the percentage; voxels: linear interpolation",
        "Nikolov et al. 2021 (DeepMind surface-distance); MedPy `hd95`; Maier-Hein, Reinke et al. 2024 (MetricsReloaded)",
    ),
    (
        "assd",
        "(sum of d over S(R) + sum of d over S(P)) / (|S(R)| + |S(P)|), in mm",
        "Heimann et al. 2009; `assd` of MedPy 0.5; MetricsReloaded ASSD",
    ),
    (
        "masd",
        "half the sum of the two directed mean distances, in mm",
        "Benes and Zitova 2015; MetricsReloaded MASD; `assd` of MedPy before 0.5 and of panoptica",
    ),
    (
        "mean_distance_from_reference",
        "mean of d(x, S(P)) over S(R), in mm",
        "Nikolov et al. 2021; `asd` of MedPy",
    ),
    (
        "mean_distance_from_prediction",
        "mean of d(x, S(R)) over S(P), in mm",
        "Nikolov et al. 2021; `asd` of MedPy",
    ),
    (
        "surface_dice",
        "share of S(R) and S(P) together within the tolerance (included) of the other; normalised surface distance",
        "Nikolov et al. 2021",
    ),
    (
        "surface_overlap_reference",
        "share of S(R) within the tolerance of S(P)",
        "Nikolov et al. 2021",
    ),
    (
        "surface_overlap_prediction",
        "share of S(P) within the tolerance of S(R)",
        "Nikolov et al. 2021",
    ),
    (
        "boundary_iou",
        "|B(R) and B(P)| / |B(R) or B(P)| with B the border voxels",
        "Cheng et al. 2021; MetricsReloaded with boundary distance 1",
    ),
    (
        "lesions_reference",
        "connected components of R",
        "Rosenfeld and Pfaltz 1966",
    ),
    (
        "lesions_prediction",
        "connected components of P",
        "Rosenfeld and Pfaltz 1966",
    ),
    (
        "lesion_true_positives",
        "reference lesions matched by the rule (TP)",
        "Kirillov et al. 2019; panoptica",
    ),
    (
        "lesion_false_positives",
        "predicted lesions that match none (FP)",
        "Kirillov et al. 2019; panoptica",
    ),
    (
        "lesion_false_negatives",
        "reference lesions not matched (FN)",
        "Kirillov et al. 2019; panoptica",
    ),
    (
        "lesion_sensitivity",
        "TP / (TP + FN)",
        "Maier-Hein, Reinke et al. 2024",
    ),
    (
        "lesion_positive_predictive_value",
        "TP / (TP + FP)",
        "Maier-Hein, Reinke et al. 2024",
    ),
    (
        "lesion_f1",
        "TP / (TP + FP/2 + FN/2); recognition quality RQ",
        "Kirillov et al. 2019",
    ),
    (
        "segmentation_quality",
        "mean IoU of the pairs; SQ",
        "Kirillov et al. 2019",
    ),
    (
        "panoptic_quality",
        "SQ times RQ; PQ",
        "Kirillov et al. 2019",
    ),
    (
        "lesion_dice",
        "mean Dice of the pairs",
        "panoptica `sq_dsc`",
    ),
    (
        "lesion_hausdorff_percentile",
        "mean over the pairs of their hausdorff_percentile, in mm",
        "panoptica `sq_hd95`",
    ),
    (
        "lesion_masd",
        "mean over the pairs of their masd, in mm",
        "panoptica `sq_assd`",
    ),
];
