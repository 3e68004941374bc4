//! Voxels in common: Dice, IoU, sensitivity, predictive value, volumes.

use super::mask::Mask;
use crate::number::StatisticsError;

/// What Dice, IoU and surface Dice are when both masks are empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BothEmpty {
    /// 1: nothing was to be found and nothing was (MetricsReloaded, MedPy).
    One,
    /// Not estimable: nothing was measured (DeepMind's surface-distance, which gives NaN).
    NotEstimable,
}

impl BothEmpty {
    /// The words of settings, in the order of the variants.
    pub const WORDS: &'static [&'static str] = &["one", "not-estimable"];

    /// By its word; not estimable for any other.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "one" => Self::One,
            _ => Self::NotEstimable,
        }
    }

    pub(super) fn value(self) -> Option<f64> {
        match self {
            Self::One => Some(1.0),
            Self::NotEstimable => None,
        }
    }
}

/// Counts of voxels of two masks on one grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overlap {
    /// Inside both.
    pub true_positive: u64,
    /// Inside the prediction only.
    pub false_positive: u64,
    /// Inside the reference only.
    pub false_negative: u64,
    /// Inside neither.
    pub true_negative: u64,
    /// Volume of one voxel in mm3.
    pub voxel_mm3: f64,
}

impl Overlap {
    /// Counts the voxels.
    ///
    /// # Errors
    /// When dimensions or spacing differ.
    pub fn new(reference: &Mask, prediction: &Mask) -> Result<Self, StatisticsError> {
        reference.same_grid(prediction)?;
        let (mut both, mut only_reference, mut only_prediction) = (0u64, 0u64, 0u64);
        for (r, p) in reference.bits().data.iter().zip(&prediction.bits().data) {
            both += u64::from((r & p).count_ones());
            only_reference += u64::from((r & !p).count_ones());
            only_prediction += u64::from((!r & p).count_ones());
        }
        Ok(Self {
            true_positive: both,
            false_positive: only_prediction,
            false_negative: only_reference,
            true_negative: reference.total() - both - only_reference - only_prediction,
            voxel_mm3: reference.voxel_mm3(),
        })
    }

    /// Voxels of the reference.
    #[must_use]
    pub fn reference(&self) -> u64 {
        self.true_positive + self.false_negative
    }

    /// Voxels of the prediction.
    #[must_use]
    pub fn prediction(&self) -> u64 {
        self.true_positive + self.false_positive
    }

    /// Dice = 2 TP / (2 TP + FP + FN) (Dice 1945): 0 where one mask is empty.
    #[must_use]
    pub fn dice(&self, empty: BothEmpty) -> Option<f64> {
        share(2 * self.true_positive, self.reference() + self.prediction()).or(empty.value())
    }

    /// Intersection over union = TP / (TP + FP + FN) (Jaccard 1912): 0 where one mask is empty.
    #[must_use]
    pub fn iou(&self, empty: BothEmpty) -> Option<f64> {
        share(self.true_positive, self.reference() + self.false_positive).or(empty.value())
    }

    /// TP / (TP + FN). `None` for an empty reference.
    #[must_use]
    pub fn sensitivity(&self) -> Option<f64> {
        share(self.true_positive, self.reference())
    }

    /// TP / (TP + FP). `None` for an empty prediction.
    #[must_use]
    pub fn positive_predictive_value(&self) -> Option<f64> {
        share(self.true_positive, self.prediction())
    }

    /// TN / (TN + FP); it depends on how much background the image shows. `None` without any.
    #[must_use]
    pub fn specificity(&self) -> Option<f64> {
        share(self.true_negative, self.true_negative + self.false_positive)
    }

    /// Volume of the reference in ml.
    #[must_use]
    pub fn reference_ml(&self) -> f64 {
        self.reference() as f64 * self.voxel_mm3 / 1000.0
    }

    /// Volume of the prediction in ml.
    #[must_use]
    pub fn prediction_ml(&self) -> f64 {
        self.prediction() as f64 * self.voxel_mm3 / 1000.0
    }

    /// Volume of the prediction less that of the reference, in ml.
    #[must_use]
    pub fn difference_ml(&self) -> f64 {
        (self.prediction() as f64 - self.reference() as f64) * self.voxel_mm3 / 1000.0
    }

    /// (prediction - reference) / reference (`ravd` of MedPy). `None` for an empty reference.
    #[must_use]
    pub fn relative_difference(&self) -> Option<f64> {
        (self.reference() > 0)
            .then(|| (self.prediction() as f64 - self.reference() as f64) / self.reference() as f64)
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
