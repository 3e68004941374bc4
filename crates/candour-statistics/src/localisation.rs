//! Detection with location: the free-response (FROC) family and LROC.
//!
//! One table holds marks and truth. Each row is a mark, or a lesion that nobody marked, or a case
//! without either: `case` names the case, `lesion` the true lesion that the mark hit (empty: a false
//! mark), `score` the mark's score (empty or -inf: no mark). So a missed lesion is a row with a lesion
//! and without a score, and a case without lesions and without marks is a row with neither. Every
//! case has a row; every lesion has a row. When several marks hit one lesion, its highest score
//! counts and the others are ignored (neither hits nor false marks); the answer says how many.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::agreement::clip;
use crate::catalogue::{
    CLUSTER, Entry, Group, Kind, LEVEL, Labels, Need, REPLICATES, Role, SCORE, SEED, Sample,
    Setting, SettingKind, TRUTH,
};
use crate::distribution::{f_tail, t_quantile, two_sided_z};
use crate::number::{Answer, Cell, Curve, Figure, Interval, Number, StatisticsError, Table};
use crate::resample::{BootstrapInterval, Units};
use crate::subgroup::share;

/// One case with its truth and its marks.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The highest score among the marks on each lesion; -inf where there is none.
    pub lesions: Vec<f64>,
    /// The weight of each lesion; they sum to 1.
    pub weights: Vec<f64>,
    /// The scores of the false marks.
    pub false_marks: Vec<f64>,
    /// The patient (or other cluster) it belongs to.
    pub cluster: usize,
}

impl Case {
    fn highest_false_mark(&self) -> f64 {
        self.false_marks
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max)
    }

    fn highest_lesion(&self) -> f64 {
        self.lesions
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max)
    }
}

/// A figure of merit of free-response data, as `UtilFigureOfMerit` of RJafroc names them
/// (Chakraborty and Berbaum 2004; Chakraborty 2017). "Highest false mark" is -inf for a case without
/// false marks, and an unmarked lesion is -inf; psi(a, b) is 1 for a < b, 1/2 for a = b, else 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FigureOfMerit {
    /// Mean over normal and diseased cases of the lesion-weighted psi(highest false mark on the
    /// normal case, lesion).
    WAfroc,
    /// The same with the highest false marks of all cases.
    WAfroc1,
    /// Mean over normal cases and lesions of psi(highest false mark, lesion).
    Afroc,
    /// The same with the highest false marks of all cases.
    Afroc1,
    /// ROC area of the highest mark of a case, true or false (inferred ROC).
    HrAuc,
    /// ROC area of the higher of the mean false and the mean true mark (Song 2008, A1).
    SongA1,
    /// Share of diseased cases with any mark.
    HrSe,
    /// Share of normal cases without any mark.
    HrSp,
    /// Share of lesions marked: the highest ordinate of the FROC.
    MaxLlf,
    /// False marks per normal case.
    MaxNlf,
    /// False marks per case.
    MaxNlfAllCases,
    /// exp(-MaxNLF) (Popescu 2011).
    ExpTransformedSp,
}

impl FigureOfMerit {
    /// Words of the `figure_of_merit` setting.
    pub const WORDS: &'static [&'static str] = &[
        "wafroc",
        "wafroc1",
        "afroc",
        "afroc1",
        "hr-auc",
        "song-a1",
        "hr-se",
        "hr-sp",
        "max-llf",
        "max-nlf",
        "max-nlf-all-cases",
        "exp-transformed-sp",
    ];

    const ALL: [Self; 12] = [
        Self::WAfroc,
        Self::WAfroc1,
        Self::Afroc,
        Self::Afroc1,
        Self::HrAuc,
        Self::SongA1,
        Self::HrSe,
        Self::HrSp,
        Self::MaxLlf,
        Self::MaxNlf,
        Self::MaxNlfAllCases,
        Self::ExpTransformedSp,
    ];

    /// By its word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS
            .iter()
            .zip(Self::ALL)
            .find(|(w, _)| **w == word)
            .map(|(_, f)| f)
    }

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS
            .iter()
            .zip(Self::ALL)
            .find(|(_, f)| *f == self)
            .map_or("", |(w, _)| w)
    }

    /// The largest value it can have: 1, but for the counts of false marks.
    fn most(self) -> f64 {
        match self {
            Self::MaxNlf | Self::MaxNlfAllCases => f64::INFINITY,
            _ => 1.0,
        }
    }

    fn definition(self) -> String {
        format!("froc.{}.rjafroc", self.word())
    }

    /// Its numbers' name: words with underscores.
    fn name(self) -> String {
        self.word().replace('-', "_")
    }

    /// RJafroc jackknifes only the cases that the figure of merit reads.
    fn reads(self, case: &Case) -> bool {
        match self {
            Self::MaxNlf | Self::ExpTransformedSp | Self::HrSp => case.lesions.is_empty(),
            Self::MaxLlf | Self::HrSe => !case.lesions.is_empty(),
            _ => true,
        }
    }
}

/// A figure of merit prepared for repeated evaluation: one sort, then O(n) for each resample.
#[derive(Clone, Debug)]
pub struct Evaluator {
    figure: FigureOfMerit,
    /// Ratings in ascending order, tied ones together.
    ties: Vec<Vec<Rating>>,
    /// Each case's share in the denominators.
    share: Vec<Share>,
}

#[derive(Clone, Copy, Debug)]
struct Rating {
    value: f64,
    case: usize,
    /// Weight of a lesion (or diseased case); 0 with `noise` set.
    signal: f64,
    noise: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Share {
    noise: f64,
    signal: f64,
}

impl Evaluator {
    /// Prepares `figure` on `cases`.
    ///
    /// # Errors
    /// When a score is not a number, or a case's weights are not positive or do not sum to 1.
    pub fn new(figure: FigureOfMerit, cases: &[Case]) -> Result<Self, StatisticsError> {
        check_cases(cases)?;
        let mut ratings = Vec::new();
        let mut share = Vec::with_capacity(cases.len());
        for (at, case) in cases.iter().enumerate() {
            let normal = case.lesions.is_empty();
            let mut own = Share::default();
            let mut noise = |value: f64, own: &mut Share| {
                own.noise = 1.0;
                ratings.push(Rating {
                    value: value + 0.0,
                    case: at,
                    signal: 0.0,
                    noise: true,
                });
            };
            match figure {
                FigureOfMerit::WAfroc | FigureOfMerit::Afroc if normal => {
                    noise(case.highest_false_mark(), &mut own);
                }
                FigureOfMerit::WAfroc1 | FigureOfMerit::Afroc1 => {
                    noise(case.highest_false_mark(), &mut own);
                }
                FigureOfMerit::HrAuc if normal => noise(case.highest_false_mark(), &mut own),
                FigureOfMerit::SongA1 if normal => noise(mean_mark(&case.false_marks), &mut own),
                _ => {}
            }
            let mut signal = |value: f64, weight: f64| {
                ratings.push(Rating {
                    value: value + 0.0,
                    case: at,
                    signal: weight,
                    noise: false,
                });
            };
            match figure {
                FigureOfMerit::WAfroc | FigureOfMerit::WAfroc1 if !normal => {
                    own.signal = 1.0;
                    for (value, weight) in case.lesions.iter().zip(&case.weights) {
                        signal(*value, *weight);
                    }
                }
                FigureOfMerit::Afroc | FigureOfMerit::Afroc1 => {
                    own.signal = case.lesions.len() as f64;
                    for value in &case.lesions {
                        signal(*value, 1.0);
                    }
                }
                FigureOfMerit::HrAuc if !normal => {
                    own.signal = 1.0;
                    signal(case.highest_lesion().max(case.highest_false_mark()), 1.0);
                }
                FigureOfMerit::SongA1 if !normal => {
                    own.signal = 1.0;
                    signal(
                        mean_mark(&case.lesions).max(mean_mark(&case.false_marks)),
                        1.0,
                    );
                }
                // For the shares and counts `signal` is the count and `noise` what it is divided by.
                FigureOfMerit::HrSe if !normal => {
                    let any = case.highest_lesion().max(case.highest_false_mark());
                    own = Share {
                        noise: 1.0,
                        signal: f64::from(u8::from(any > f64::NEG_INFINITY)),
                    };
                }
                FigureOfMerit::HrSp if normal => {
                    own = Share {
                        noise: 1.0,
                        signal: f64::from(u8::from(case.highest_false_mark() == f64::NEG_INFINITY)),
                    };
                }
                FigureOfMerit::MaxLlf => {
                    own = Share {
                        noise: case.lesions.len() as f64,
                        signal: marked(&case.lesions).len() as f64,
                    };
                }
                FigureOfMerit::MaxNlf | FigureOfMerit::ExpTransformedSp if normal => {
                    own = Share {
                        noise: 1.0,
                        signal: marked(&case.false_marks).len() as f64,
                    };
                }
                FigureOfMerit::MaxNlfAllCases => {
                    own = Share {
                        noise: 1.0,
                        signal: marked(&case.false_marks).len() as f64,
                    };
                }
                _ => {}
            }
            share.push(own);
        }
        Ok(Self {
            figure,
            ties: by_ties(ratings),
            share,
        })
    }

    /// Its value with each case taken `times` times.
    ///
    /// # Errors
    /// Not estimable when there are no cases (or lesions) of a kind that it compares.
    pub fn value(&self, times: &[f64]) -> Result<f64, StatisticsError> {
        let (mut noise, mut signal) = (0.0, 0.0);
        for (share, times) in self.share.iter().zip(times) {
            noise += share.noise * times;
            signal += share.signal * times;
        }
        if noise <= 0.0 {
            return Err(StatisticsError::not_estimable(match self.figure {
                FigureOfMerit::HrSe | FigureOfMerit::MaxLlf => "there is no diseased case",
                FigureOfMerit::WAfroc1 | FigureOfMerit::Afroc1 | FigureOfMerit::MaxNlfAllCases => {
                    "there is no case"
                }
                _ => {
                    "there is no case without lesions (the figures of merit ending in 1 need none)"
                }
            }));
        }
        match self.figure {
            FigureOfMerit::HrSe
            | FigureOfMerit::HrSp
            | FigureOfMerit::MaxLlf
            | FigureOfMerit::MaxNlf
            | FigureOfMerit::MaxNlfAllCases => return Ok(signal / noise),
            FigureOfMerit::ExpTransformedSp => return Ok((-signal / noise).exp()),
            _ => {}
        }
        if signal <= 0.0 {
            return Err(StatisticsError::not_estimable("there is no diseased case"));
        }
        Ok(pair_sum(&self.ties, times) / (noise * signal))
    }
}

/// A figure of merit of cases.
///
/// # Errors
/// As [`Evaluator::new`] and [`Evaluator::value`].
pub fn figure_of_merit(figure: FigureOfMerit, cases: &[Case]) -> Result<f64, StatisticsError> {
    Evaluator::new(figure, cases)?.value(&vec![1.0; cases.len()])
}

fn check_cases(cases: &[Case]) -> Result<(), StatisticsError> {
    for case in cases {
        if case
            .lesions
            .iter()
            .chain(&case.false_marks)
            .chain(&case.weights)
            .any(|v| v.is_nan())
        {
            return Err(StatisticsError::Data(
                "a score or weight is not a number".into(),
            ));
        }
        if case.weights.len() != case.lesions.len()
            || case.weights.iter().any(|w| *w <= 0.0)
            || (!case.lesions.is_empty() && (case.weights.iter().sum::<f64>() - 1.0).abs() > 1e-6)
        {
            return Err(StatisticsError::Data(
                "the lesion weights of a case are positive, one for each lesion, and sum to 1"
                    .into(),
            ));
        }
    }
    Ok(())
}

fn marked(scores: &[f64]) -> Vec<f64> {
    scores
        .iter()
        .copied()
        .filter(|s| *s > f64::NEG_INFINITY)
        .collect()
}

fn mean_mark(scores: &[f64]) -> f64 {
    let marks = marked(scores);
    if marks.is_empty() {
        f64::NEG_INFINITY
    } else {
        marks.iter().sum::<f64>() / marks.len() as f64
    }
}

fn by_ties(mut ratings: Vec<Rating>) -> Vec<Vec<Rating>> {
    ratings.sort_by(|a, b| a.value.total_cmp(&b.value));
    ratings
        .chunk_by(|a, b| a.value == b.value)
        .map(<[Rating]>::to_vec)
        .collect()
}

/// Sum of weight times psi(noise, signal) over all pairs, each case counting `times` times.
fn pair_sum(ties: &[Vec<Rating>], times: &[f64]) -> f64 {
    let (mut below, mut sum) = (0.0, 0.0);
    for group in ties {
        let (mut noise, mut signal) = (0.0, 0.0);
        for rating in group {
            let times = times.get(rating.case).copied().unwrap_or(0.0);
            if rating.noise {
                noise += times;
            } else {
                signal += rating.signal * times;
            }
        }
        sum += signal * (below + 0.5 * noise);
        below += noise;
    }
    sum
}

/// A mark on an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// Its centre in mm (the third is 0 on a plane image).
    pub position: [f64; 3],
    /// Its score.
    pub score: f64,
}

/// A true lesion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrueLesion {
    /// Its centre in mm.
    pub position: [f64; 3],
    /// Its own acceptance radius in mm; without it the common one holds.
    pub radius: Option<f64>,
}

/// An axis-parallel box by two opposite corners, in any one unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    /// The smallest coordinates.
    pub low: [f64; 3],
    /// The largest coordinates.
    pub high: [f64; 3],
}

/// What became of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It hits this lesion.
    Hit(usize),
    /// It lies on this lesion, which a mark of higher score has hit already: neither a hit nor a
    /// false mark.
    Duplicate(usize),
    /// It lies on no lesion.
    False,
}

/// Matches marks to lesions by distance of the centres: a mark lies on a lesion when the distance is
/// at most the acceptance radius. Greedy: marks in order of falling score (of equal scores the
/// earlier first), each taking the nearest lesion it lies on that is still free. A mark that lies
/// only on taken lesions is a duplicate of the nearest.
///
/// # Errors
/// When a coordinate or score is not a number, or a radius is negative or not finite.
pub fn match_by_radius(
    marks: &[Mark],
    lesions: &[TrueLesion],
    radius_mm: f64,
) -> Result<Vec<Fate>, StatisticsError> {
    let radii = lesions.iter().map(|l| l.radius.unwrap_or(radius_mm));
    if !radius_mm.is_finite()
        || radius_mm < 0.0
        || radii.clone().any(|r| !(r.is_finite() && r >= 0.0))
    {
        return Err(StatisticsError::setting(
            "radius",
            radius_mm,
            "a length in mm from 0, such as 5",
        ));
    }
    if marks
        .iter()
        .any(|m| m.score.is_nan() || m.position.iter().any(|p| !p.is_finite()))
        || lesions
            .iter()
            .any(|l| l.position.iter().any(|p| !p.is_finite()))
    {
        return Err(StatisticsError::Data(
            "a position or score is not a number".into(),
        ));
    }
    let candidates: Vec<Candidates> = marks
        .iter()
        .map(|mark| {
            lesions
                .iter()
                .zip(radii.clone())
                .enumerate()
                .filter_map(|(at, (lesion, radius))| {
                    let square: f64 = mark
                        .position
                        .iter()
                        .zip(lesion.position)
                        .map(|(a, b)| (a - b) * (a - b))
                        .sum();
                    (square.sqrt() <= radius).then_some((at, square))
                })
                .collect()
        })
        .collect();
    Ok(greedy(marks.iter().map(|m| m.score), candidates))
}

/// Matches boxes by intersection over union, at least `threshold`; greedy as [`match_by_radius`],
/// each mark taking the free lesion of the largest overlap.
///
/// # Errors
/// When a coordinate or score is not a number, a box is inside out, or the threshold lies outside
/// (0, 1].
pub fn match_by_overlap(
    marks: &[(Region, f64)],
    lesions: &[Region],
    threshold: f64,
) -> Result<Vec<Fate>, StatisticsError> {
    if !(threshold > 0.0 && threshold <= 1.0) {
        return Err(StatisticsError::setting(
            "overlap",
            threshold,
            "above 0 and at most 1, such as 0.1",
        ));
    }
    let wrong = |r: &Region| {
        r.low
            .iter()
            .zip(r.high)
            .any(|(a, b)| !(a.is_finite() && b.is_finite() && *a <= b))
    };
    if marks.iter().any(|(r, s)| s.is_nan() || wrong(r)) || lesions.iter().any(wrong) {
        return Err(StatisticsError::Data(
            "a box has no extent or a score is not a number".into(),
        ));
    }
    let candidates = marks
        .iter()
        .map(|(region, _)| {
            lesions
                .iter()
                .enumerate()
                .filter_map(|(at, lesion)| {
                    let overlap = intersection_over_union(region, lesion);
                    (overlap >= threshold).then_some((at, -overlap))
                })
                .collect()
        })
        .collect();
    Ok(greedy(marks.iter().map(|(_, s)| *s), candidates))
}

/// Volume of the intersection over volume of the union; an axis on which both boxes are flat (a
/// plane image) does not count. 0 for boxes without volume.
#[must_use]
pub fn intersection_over_union(a: &Region, b: &Region) -> f64 {
    let (mut both, mut one, mut other) = (1.0, 1.0, 1.0);
    for (((a_low, a_high), b_low), b_high) in a.low.iter().zip(a.high).zip(b.low).zip(b.high) {
        if *a_low == a_high && b_low == b_high && *a_low == b_low {
            continue;
        }
        both *= (a_high.min(b_high) - a_low.max(b_low)).max(0.0);
        one *= a_high - a_low;
        other *= b_high - b_low;
    }
    let union = one + other - both;
    if union > 0.0 { both / union } else { 0.0 }
}

/// Lesions that a mark lies on, each with a cost.
type Candidates = Vec<(usize, f64)>;

/// `candidates` holds for each mark the lesions it lies on with a cost (the nearest costs least).
fn greedy(scores: impl Iterator<Item = f64>, candidates: Vec<Candidates>) -> Vec<Fate> {
    let mut order: Vec<(f64, usize, Candidates)> = scores
        .zip(candidates)
        .enumerate()
        .map(|(at, (score, lesions))| (score + 0.0, at, lesions))
        .collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut taken = std::collections::BTreeSet::new();
    let mut fates: Vec<(usize, Fate)> = order
        .into_iter()
        .map(|(_, at, mut lesions)| {
            lesions.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
            let free = lesions.iter().find(|(l, _)| !taken.contains(l));
            let fate = match (free, lesions.first()) {
                (Some((lesion, _)), _) => {
                    taken.insert(*lesion);
                    Fate::Hit(*lesion)
                }
                (None, Some((lesion, _))) => Fate::Duplicate(*lesion),
                (None, None) => Fate::False,
            };
            (at, fate)
        })
        .collect();
    fates.sort_by_key(|(at, _)| *at);
    fates.into_iter().map(|(_, fate)| fate).collect()
}

/// A point of the FROC curve: marks with a score of at least `threshold` count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrocPoint {
    /// The threshold; +inf at the origin.
    pub threshold: f64,
    /// False marks per image.
    pub false_positives: f64,
    /// Share of lesions found.
    pub sensitivity: f64,
}

/// A mark: its case, lesions found and false marks (1 and 0, or 0 and 1).
type Found = (usize, f64, f64);

/// The FROC curve from the origin through every distinct score, falling. False marks are counted on
/// all images, or on images without lesions only.
#[derive(Clone, Debug)]
pub struct Froc {
    /// Marks in falling order, tied scores together.
    ties: Vec<(f64, Vec<Found>)>,
    /// Lesions and counted images of each case.
    share: Vec<(f64, f64)>,
}

impl Froc {
    /// Prepares the curve.
    ///
    /// # Errors
    /// When a score is not a number.
    pub fn new(cases: &[Case], normal_only: bool) -> Result<Self, StatisticsError> {
        check_cases(cases)?;
        let mut events: Vec<(f64, usize, f64, f64)> = Vec::new();
        let mut share = Vec::with_capacity(cases.len());
        for (at, case) in cases.iter().enumerate() {
            let counts = case.lesions.is_empty() || !normal_only;
            share.push((case.lesions.len() as f64, f64::from(u8::from(counts))));
            for score in case.lesions.iter().filter(|s| **s > f64::NEG_INFINITY) {
                events.push((score + 0.0, at, 1.0, 0.0));
            }
            if counts {
                for score in case.false_marks.iter().filter(|s| **s > f64::NEG_INFINITY) {
                    events.push((score + 0.0, at, 0.0, 1.0));
                }
            }
        }
        events.sort_by(|a, b| b.0.total_cmp(&a.0));
        let ties = events
            .chunk_by(|a, b| a.0 == b.0)
            .map(|group| {
                (
                    group.first().map_or(f64::NAN, |e| e.0),
                    group.iter().map(|e| (e.1, e.2, e.3)).collect(),
                )
            })
            .collect();
        Ok(Self { ties, share })
    }

    /// The points with each case taken `times` times.
    ///
    /// # Errors
    /// Not estimable without lesions or without counted images.
    pub fn points(&self, times: &[f64]) -> Result<Vec<FrocPoint>, StatisticsError> {
        let (mut lesions, mut images) = (0.0, 0.0);
        for ((l, i), times) in self.share.iter().zip(times) {
            lesions += l * times;
            images += i * times;
        }
        if lesions <= 0.0 {
            return Err(StatisticsError::not_estimable("there is no lesion"));
        }
        if images <= 0.0 {
            return Err(no_image());
        }
        let mut points = vec![FrocPoint {
            threshold: f64::INFINITY,
            false_positives: 0.0,
            sensitivity: 0.0,
        }];
        let (mut found, mut marks) = (0.0, 0.0);
        for (threshold, group) in &self.ties {
            for (case, hit, miss) in group {
                let times = times.get(*case).copied().unwrap_or(0.0);
                found += hit * times;
                marks += miss * times;
            }
            points.push(FrocPoint {
                threshold: *threshold,
                false_positives: marks / images,
                sensitivity: found / lesions,
            });
        }
        Ok(points)
    }

    /// False marks of score `threshold` at least for each counted image, with each case taken `times`
    /// times: it needs no lesion.
    ///
    /// # Errors
    /// Not estimable without counted images.
    pub fn false_positives(&self, times: &[f64], threshold: f64) -> Result<f64, StatisticsError> {
        let images: f64 = self.share.iter().zip(times).map(|((_, i), t)| i * t).sum();
        if images <= 0.0 {
            return Err(no_image());
        }
        let marks: f64 = self
            .ties
            .iter()
            .take_while(|(score, _)| *score >= threshold)
            .flat_map(|(_, group)| group)
            .map(|(case, _, miss)| miss * times.get(*case).copied().unwrap_or(0.0))
            // Of no marks 0: `sum` of nothing is -0.
            .fold(0.0, |all, marks| all + marks);
        Ok(marks / images)
    }
}

fn no_image() -> StatisticsError {
    StatisticsError::not_estimable("there is no image to count false marks on")
}

/// Sensitivity of a FROC curve at `target` false positives per image: by linear interpolation
/// between its points (LUNA16: `numpy.interp`; to the right of the last point its sensitivity), or
/// the highest sensitivity reached with at most so many.
#[must_use]
pub fn sensitivity_at(points: &[FrocPoint], target: f64, interpolate: bool) -> f64 {
    let after = points.partition_point(|p| p.false_positives <= target);
    let Some(left) = after.checked_sub(1).and_then(|i| points.get(i)) else {
        return f64::NAN;
    };
    match points.get(after) {
        Some(right) if interpolate => {
            let slope = (right.sensitivity - left.sensitivity)
                / (right.false_positives - left.false_positives);
            left.sensitivity + slope * (target - left.false_positives)
        }
        _ => left.sensitivity,
    }
}

/// Localisation ROC with one lesion on each diseased case (Swensson 1996): the curve of the share of
/// diseased cases rated at least t with the right location, against the share of normal cases rated
/// at least t.
#[derive(Clone, Debug)]
pub struct Lroc {
    ties: Vec<Vec<Rating>>,
    normal: Vec<bool>,
}

/// Numbers of an LROC curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LrocNumbers {
    /// Area under the whole curve.
    pub area: f64,
    /// Area from 0 to the given false positive fraction.
    pub partial_area: f64,
    /// Share localised at that fraction, by linear interpolation.
    pub correct_localisation: f64,
    /// Share of diseased cases localised at any rating.
    pub highest: f64,
}

impl Lroc {
    /// Prepares the curve from the cases' truth, rating and whether the location is right.
    ///
    /// # Errors
    /// When lengths differ, a rating is not a number, or a normal case is said to be localised.
    pub fn new(truth: &[bool], score: &[f64], correct: &[bool]) -> Result<Self, StatisticsError> {
        if truth.len() != score.len() || truth.len() != correct.len() {
            return Err(StatisticsError::Data(
                "truth, score and correct differ in length".into(),
            ));
        }
        if score.iter().any(|s| s.is_nan()) {
            return Err(StatisticsError::Data("a score is not a number".into()));
        }
        if let Some(row) = truth.iter().zip(correct).position(|(t, c)| *c && !*t) {
            return Err(StatisticsError::Value {
                column: "correct".into(),
                row,
                what: "says a lesion was found on a case without disease; give false there".into(),
            });
        }
        let ratings = truth
            .iter()
            .zip(score)
            .zip(correct)
            .enumerate()
            .map(|(case, ((truth, score), correct))| Rating {
                value: score + 0.0,
                case,
                signal: f64::from(u8::from(*correct)),
                noise: !truth,
            })
            .collect();
        Ok(Self {
            ties: by_ties(ratings),
            normal: truth.iter().map(|t| !t).collect(),
        })
    }

    /// (false positive fraction, share localised) from (0, 0) through each distinct rating, falling;
    /// the last is (1, highest).
    ///
    /// # Errors
    /// Not estimable without normal or diseased cases.
    pub fn points(&self, times: &[f64]) -> Result<Vec<(f64, f64)>, StatisticsError> {
        let (mut normal, mut diseased) = (0.0, 0.0);
        for (is_normal, times) in self.normal.iter().zip(times) {
            if *is_normal {
                normal += times;
            } else {
                diseased += times;
            }
        }
        if normal <= 0.0 || diseased <= 0.0 {
            return Err(StatisticsError::not_estimable(
                "LROC needs normal and diseased cases",
            ));
        }
        let mut points = vec![(0.0, 0.0)];
        let (mut x, mut y) = (0.0, 0.0);
        for group in self.ties.iter().rev() {
            for rating in group {
                let times = times.get(rating.case).copied().unwrap_or(0.0);
                if rating.noise {
                    x += times;
                } else {
                    y += rating.signal * times;
                }
            }
            points.push((x / normal, y / diseased));
        }
        Ok(points)
    }

    /// Areas and the share localised at the false positive fraction `fraction`.
    ///
    /// # Errors
    /// As [`Lroc::points`].
    pub fn numbers(&self, times: &[f64], fraction: f64) -> Result<LrocNumbers, StatisticsError> {
        let points = self.points(times)?;
        let (mut area, mut partial, mut at) = (0.0, 0.0, f64::NAN);
        let mut at_done = false;
        for ((x0, y0), (x1, y1)) in points.iter().zip(points.iter().skip(1)) {
            area += (x1 - x0) * f64::midpoint(*y0, *y1);
            if *x1 < fraction {
                partial += (x1 - x0) * f64::midpoint(*y0, *y1);
            } else if !at_done && *x1 > *x0 {
                // The first step that reaches the fraction.
                at = y0 + (fraction - x0) / (x1 - x0) * (y1 - y0);
                partial += (fraction - x0) * f64::midpoint(*y0, at);
                at_done = true;
            }
        }
        Ok(LrocNumbers {
            area,
            partial_area: partial,
            correct_localisation: at,
            highest: points.last().map_or(f64::NAN, |p| p.1),
        })
    }
}

/// Reads the one-table convention of the module. `test` and `reader` rows must be of one arm.
///
/// # Errors
/// When columns differ in length, a weight is missing, negative or does not sum to 1 in its case, a
/// case belongs to two clusters, or `diseased` contradicts the lesions.
pub fn cases_of(table: &MarkTable<'_>) -> Result<(Vec<Case>, Vec<String>), StatisticsError> {
    let rows: Vec<usize> = (0..table.case.codes.len()).collect();
    let frame = truth_of(table)?;
    let (cases, notes) = arm_of(table, &frame, &rows)?;
    Ok((cases, notes))
}

/// Columns of the one-table convention.
#[derive(Clone, Copy, Debug)]
pub struct MarkTable<'a> {
    /// The case of each row.
    pub case: &'a Labels,
    /// The lesion hit; empty for a false mark.
    pub lesion: &'a Labels,
    /// The mark's score; NaN where there is none.
    pub score: &'a [f64],
    /// The lesion's weight; NaN on rows without lesion.
    pub weight: Option<&'a [f64]>,
    /// Whether the case has a lesion: a check.
    pub diseased: Option<&'a [bool]>,
    /// The patient.
    pub cluster: Option<&'a Labels>,
}

/// Truth of all cases: for each case code its lesions with weights, and its cluster.
struct Frame {
    cases: BTreeMap<usize, (BTreeMap<usize, f64>, usize)>,
}

fn truth_of(table: &MarkTable<'_>) -> Result<Frame, StatisticsError> {
    let rows = table.case.codes.len();
    if table.lesion.codes.len() != rows || table.score.len() != rows {
        return Err(StatisticsError::Data(
            "case, lesion and score differ in length".into(),
        ));
    }
    let mut cases: BTreeMap<usize, (BTreeMap<usize, f64>, usize)> = BTreeMap::new();
    for (row, (case, lesion)) in table.case.codes.iter().zip(&table.lesion.codes).enumerate() {
        let wrong = |column: &str, what: &str| StatisticsError::Value {
            column: column.into(),
            row,
            what: what.into(),
        };
        let case = case.ok_or_else(|| wrong("case", "is empty"))?;
        let cluster = match table.cluster {
            None => case,
            Some(labels) => labels
                .codes
                .get(row)
                .copied()
                .flatten()
                .ok_or_else(|| wrong("cluster", "is empty"))?,
        };
        let entry = cases
            .entry(case)
            .or_insert_with(|| (BTreeMap::new(), cluster));
        if entry.1 != cluster {
            return Err(wrong("cluster", "differs within one case"));
        }
        if let Some(lesion) = *lesion {
            let weight = table.weight.and_then(|w| w.get(row)).copied();
            if weight.is_some_and(|w| !w.is_finite() || w <= 0.0) {
                return Err(wrong(
                    "weight",
                    "is no positive number; give the lesion's weight on each of its rows",
                ));
            }
            let known = entry.0.entry(lesion).or_insert(weight.unwrap_or(f64::NAN));
            if weight.is_some_and(|w| w != *known) {
                return Err(wrong("weight", "differs between the rows of one lesion"));
            }
        }
    }
    for (case, (lesions, _)) in &mut cases {
        let count = lesions.len() as f64;
        if table.weight.is_none() {
            lesions.values_mut().for_each(|w| *w = 1.0 / count);
        } else if !lesions.is_empty() && (lesions.values().sum::<f64>() - 1.0).abs() > 1e-6 {
            return Err(StatisticsError::Value {
                column: "weight".into(),
                row: table.case.first_row(*case),
                what: "is of a case whose lesion weights do not sum to 1".into(),
            });
        }
    }
    if let Some(diseased) = table.diseased {
        for (row, (case, diseased)) in table.case.codes.iter().zip(diseased).enumerate() {
            let has = case
                .and_then(|c| cases.get(&c))
                .is_some_and(|c| !c.0.is_empty());
            if has != *diseased {
                return Err(StatisticsError::Value {
                    column: "diseased".into(),
                    row,
                    what: if has {
                        "says normal, but a row of the case names a lesion".into()
                    } else {
                        "says diseased, but no row of the case names a lesion; give each lesion a row, without score if unmarked".into()
                    },
                });
            }
        }
    }
    Ok(Frame { cases })
}

fn arm_of(
    table: &MarkTable<'_>,
    frame: &Frame,
    rows: &[usize],
) -> Result<(Vec<Case>, Vec<String>), StatisticsError> {
    let mut hits: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    let mut misses: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    let mut seen = std::collections::BTreeSet::new();
    let mut duplicates = 0usize;
    for row in rows {
        let Some(case) = table.case.codes.get(*row).copied().flatten() else {
            continue;
        };
        seen.insert(case);
        let score = table.score.get(*row).copied().unwrap_or(f64::NAN);
        if score.is_nan() || score == f64::NEG_INFINITY {
            continue;
        }
        match table.lesion.codes.get(*row).copied().flatten() {
            None => misses.entry(case).or_default().push(score),
            Some(lesion) => {
                hits.entry((case, lesion))
                    .and_modify(|best| {
                        duplicates += 1;
                        *best = best.max(score);
                    })
                    .or_insert(score);
            }
        }
    }
    if let Some(missing) = frame.cases.keys().find(|c| !seen.contains(c)) {
        return Err(StatisticsError::Value {
            column: "case".into(),
            row: table.case.first_row(*missing),
            what: "this case has no row in one of the tests or readings; a case without marks has a row without score".into(),
        });
    }
    let cases = frame
        .cases
        .iter()
        .map(|(code, (lesions, cluster))| Case {
            lesions: lesions
                .keys()
                .map(|l| hits.get(&(*code, *l)).copied().unwrap_or(f64::NEG_INFINITY))
                .collect(),
            weights: lesions.values().copied().collect(),
            false_marks: misses.remove(code).unwrap_or_default(),
            cluster: *cluster,
        })
        .collect();
    let notes = if duplicates > 0 {
        vec![format!(
            "{duplicates} marks hit a lesion that another mark hit too; the highest score counts, the others are ignored"
        )]
    } else {
        Vec::new()
    };
    Ok((cases, notes))
}

/// Clusters of cases, as the jackknife leaves them out.
fn clusters_of(cases: &[Case], reads: impl Fn(&Case) -> bool) -> Vec<Vec<usize>> {
    let mut clusters: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, case) in cases.iter().enumerate() {
        if reads(case) {
            clusters.entry(case.cluster).or_default().push(at);
        }
    }
    clusters.into_values().collect()
}

/// `value` with each cluster left out in turn (Quenouille 1956; Efron 1982).
fn jackknife(
    clusters: &[Vec<usize>],
    cases: usize,
    value: impl Fn(&[f64]) -> Option<f64> + Sync,
) -> Vec<Option<f64>> {
    clusters
        .par_iter()
        .map(|left_out| {
            let mut times = vec![1.0; cases];
            for case in left_out {
                if let Some(slot) = times.get_mut(*case) {
                    *slot = 0.0;
                }
            }
            value(&times)
        })
        .collect()
}

/// (n - 1)/n times the sum of products of the deviations of two rows of jackknife values.
fn jackknife_covariance(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len() as f64;
    let (mean_a, mean_b) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    (n - 1.0) / n
        * a.iter()
            .zip(b)
            .map(|(x, y)| (x - mean_a) * (y - mean_b))
            .sum::<f64>()
}

/// Standard error by the jackknife; not estimable with fewer than two units or where leaving one out
/// leaves no value.
fn jackknife_error(values: &[Option<f64>]) -> Result<f64, StatisticsError> {
    let there: Vec<f64> = values.iter().flatten().copied().collect();
    if there.len() != values.len() || there.len() < 2 {
        return Err(StatisticsError::not_estimable(
            "leaving one patient out leaves no value, so the jackknife has no standard error",
        ));
    }
    let variance = jackknife_covariance(&there, &there);
    if variance > 0.0 {
        Ok(variance.sqrt())
    } else {
        Err(StatisticsError::not_estimable(
            "leaving any one patient out changes nothing, so there is no standard error",
        ))
    }
}

/// Standard deviation of the bootstrap replicates; none where there is no spread, or where more than
/// a tenth of them has no value.
fn bootstrap_error(replicates: &[Option<f64>]) -> Option<f64> {
    let there: Vec<f64> = replicates.iter().flatten().copied().collect();
    if there.len() < 2 || there.len() * 10 < replicates.len() * 9 {
        return None;
    }
    let n = there.len() as f64;
    let mean = there.iter().sum::<f64>() / n;
    let error = (there.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    (error > 0.0).then_some(error)
}

/// How intervals are made in this module.
const INTERVAL: Setting = Setting {
    name: "interval",
    what: "jackknife: estimate +- z times the jackknife standard error over patients (RJafroc); percentile, bca, basic: bootstrap by patient",
    kind: SettingKind::Choice(&["jackknife", "percentile", "bca", "basic"]),
    default: Some("jackknife"),
};

const FIGURE: Setting = Setting {
    name: "figure_of_merit",
    what: "figure of merit, by RJafroc's names",
    kind: SettingKind::Choice(FigureOfMerit::WORDS),
    default: Some("wafroc"),
};

/// Whether the delete-one jackknife serves a number. It does not where the number is read off a step
/// curve at a place that itself depends on the data: leaving one patient out then moves the value by
/// too much, and the standard error does not converge (Efron 1982, section 3.4, on the median).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Smooth {
    Yes,
    No,
}

#[derive(Clone, Copy)]
struct Resampling<'a> {
    cases: &'a [Case],
    stratified: bool,
    interval: &'a str,
    level: f64,
    seed: u64,
    replicates: u64,
}

impl Resampling<'_> {
    /// The number with its standard error and interval; `n` is what it counts.
    fn number(
        &self,
        name: &str,
        definition: &str,
        n: usize,
        smooth: Smooth,
        reads: impl Fn(&Case) -> bool,
        value: impl Fn(&[f64]) -> Result<f64, StatisticsError> + Sync,
    ) -> Result<Number, StatisticsError> {
        let clusters = clusters_of(self.cases, reads);
        let all = vec![1.0; self.cases.len()];
        let estimate = match value(&all) {
            Ok(v) => v,
            Err(StatisticsError::NotEstimable(reason)) => {
                return Ok(Number::none(name, definition, n, reason));
            }
            Err(other) => return Err(other),
        };
        let number = Number::plain(name, definition, estimate, n);
        if smooth == Smooth::No && self.interval == "jackknife" {
            return Ok(number.without_interval(
                "read off the curve, it is no smooth function of the data, so the jackknife's standard error is far too large; set interval to percentile, bca or basic",
            ));
        }
        let option = |times: &[f64]| value(times).ok();
        let jack = jackknife(&clusters, self.cases.len(), option);
        let error = jackknife_error(&jack);
        let number = match &error {
            Ok(error) if smooth == Smooth::Yes => number.with_standard_error(*error),
            _ => number,
        };
        if self.interval == "jackknife" {
            return Ok(match error {
                Ok(error) => {
                    let half = two_sided_z(self.level)? * error;
                    number.with_interval(
                        Interval {
                            lower: estimate - half,
                            upper: estimate + half,
                            level: self.level,
                        },
                        "jackknife.normal",
                    )
                }
                Err(reason) => number.without_interval(reason.to_string()),
            });
        }
        let kind = BootstrapInterval::from_word(self.interval);
        let codes: Vec<usize> = self.cases.iter().map(|c| c.cluster).collect();
        let mut diseased: BTreeMap<usize, usize> = BTreeMap::new();
        for case in self.cases {
            let own = diseased.entry(case.cluster).or_insert(0);
            *own = (*own).max(usize::from(!case.lesions.is_empty()));
        }
        let strata: Vec<usize> = codes
            .iter()
            .map(|c| diseased.get(c).copied().unwrap_or(0))
            .collect();
        let units = Units::new(
            codes.len(),
            Some(&codes),
            self.stratified.then_some(strata.as_slice()),
        );
        let replicates = units.bootstrap(self.seed, self.replicates, |rows| {
            let mut times = vec![0.0; codes.len()];
            for row in rows {
                if let Some(slot) = times.get_mut(*row) {
                    *slot += 1.0;
                }
            }
            option(&times)
        });
        let number = match bootstrap_error(&replicates) {
            Some(error) if smooth == Smooth::No => number.with_standard_error(error),
            _ => number,
        };
        Ok(match kind.of(estimate, &replicates, &jack, self.level) {
            Ok(i) => number.with_interval(i, kind.id()),
            Err(reason) => number.without_interval(reason.to_string()),
        })
    }
}

const CASE: Role = Role {
    name: "case",
    what: "the case (image, scan) of the row; every case has a row, one without lesions and marks has a row with neither lesion nor score",
    kind: Kind::Label,
    need: Need::One,
    missing: false,
};

const LESION: Role = Role {
    name: "lesion",
    what: "the true lesion (named within its case) that the row's mark hits; empty: a false mark, or a case without marks. Each lesion that nobody marked has a row too, without score",
    kind: Kind::Label,
    need: Need::One,
    missing: true,
};

const MARK_SCORE: Role = Role {
    name: "score",
    what: "score of the row's mark; higher means more suspicious; empty or -inf: no mark (a missed lesion, or a case without marks)",
    kind: Kind::Real,
    need: Need::One,
    missing: true,
};

const WEIGHT: Role = Role {
    name: "weight",
    what: "weight of the row's lesion, the same on all its rows; the weights of a case's lesions sum to 1; empty on false marks; without the column all lesions of a case weigh the same",
    kind: Kind::Finite,
    need: Need::Optional,
    missing: true,
};

const DISEASED: Role = Role {
    name: "diseased",
    what: "whether the case has a lesion: a check that no lesion's row was forgotten",
    kind: Kind::Binary,
    need: Need::Optional,
    missing: false,
};

fn table_of<'a>(sample: &'a Sample, none: &'a Labels) -> MarkTable<'a> {
    MarkTable {
        case: sample.labels("case").unwrap_or(none),
        lesion: sample.labels("lesion").unwrap_or(none),
        score: sample.reals("score"),
        weight: sample.optional_reals("weight"),
        diseased: sample.all_binary("diseased").first().map(|(_, v)| *v),
        cluster: sample.labels("cluster"),
    }
}

fn run_froc(sample: &Sample) -> Result<Answer, StatisticsError> {
    let none = Labels::default();
    let (cases, mut notes) = cases_of(&table_of(sample, &none))?;
    let froc = Froc::new(&cases, sample.word("images") == "normal")?;
    let all = vec![1.0; cases.len()];
    let lesions: usize = cases.iter().map(|c| c.lesions.len()).sum();
    let threshold = sample.optional_real("threshold");
    let points = match froc.points(&all) {
        // Without lesions nothing can be found, but false marks at a threshold are counted all the same.
        Err(StatisticsError::NotEstimable(_)) if lesions == 0 && threshold.is_some() => Vec::new(),
        points => points?,
    };
    let targets = sample.list("false_positives");
    if targets.is_empty() || targets.iter().any(|t| !(t.is_finite() && *t >= 0.0)) {
        return Err(StatisticsError::setting(
            "false_positives",
            format!("{targets:?}"),
            "numbers from 0, such as 0.125,0.25,0.5,1,2,4,8",
        ));
    }
    let interpolate = sample.word("operating_point") == "interpolated";
    let way = if interpolate { "interpolated" } else { "step" };
    let resampling = Resampling {
        cases: &cases,
        stratified: false,
        interval: sample.word("interval"),
        level: sample.real("level"),
        seed: sample.whole("seed"),
        replicates: sample.whole("replicates"),
    };
    let images = cases
        .iter()
        .filter(|c| c.lesions.is_empty() || sample.word("images") != "normal")
        .count();
    let mean = |times: &[f64]| {
        let points = froc.points(times)?;
        Ok(targets
            .iter()
            .map(|t| sensitivity_at(&points, *t, interpolate))
            .sum::<f64>()
            / targets.len() as f64)
    };
    let mut numbers = vec![resampling.number(
        "cpm",
        &format!("froc.mean-sensitivity.{way}"),
        lesions,
        Smooth::No,
        |_| true,
        mean,
    )?];
    for target in targets {
        numbers.push(resampling.number(
            &format!("sensitivity_at_{target}"),
            &format!("froc.sensitivity.{way}"),
            lesions,
            Smooth::No,
            |_| true,
            |times| Ok(sensitivity_at(&froc.points(times)?, *target, interpolate)),
        )?);
    }
    if let Some(threshold) = threshold {
        let at = |points: &[FrocPoint]| {
            points
                .iter()
                .rev()
                .find(|p| p.threshold >= threshold)
                .map_or(0.0, |p| p.sensitivity)
        };
        numbers.push(resampling.number(
            "sensitivity",
            "froc.sensitivity.at-threshold",
            lesions,
            Smooth::Yes,
            |_| true,
            |times| Ok(at(&froc.points(times)?)),
        )?);
        numbers.push(resampling.number(
            "false_positives_per_image",
            "froc.false-positives.at-threshold",
            images,
            Smooth::Yes,
            |_| true,
            |times| froc.false_positives(times, threshold),
        )?);
    }
    let mut numbers: Vec<Number> = numbers
        .into_iter()
        .map(|n| {
            let most = if n.name == "false_positives_per_image" {
                f64::INFINITY
            } else {
                1.0
            };
            clip(n, 0.0, most, &mut notes)
        })
        .collect();
    numbers.push(Number::plain(
        "cases",
        "count",
        cases.len() as f64,
        cases.len(),
    ));
    numbers.push(Number::plain("lesions", "count", lesions as f64, lesions));
    match points.last() {
        Some(FrocPoint {
            false_positives: reached,
            ..
        }) if targets.iter().any(|t| t > reached) => notes.push(format!(
            "the curve ends at {reached} false positives per image; to its right the last sensitivity holds"
        )),
        None => notes.push(
            "there is no lesion: no sensitivity is defined, only the false positives per image at the threshold".into(),
        ),
        _ => {}
    }
    let mut curve = Curve::line(
        Figure::Froc,
        "FROC",
        points.iter().map(|p| p.false_positives).collect(),
        points.iter().map(|p| p.sensitivity).collect(),
    );
    curve.labels = points.iter().map(|p| p.threshold.to_string()).collect();
    Ok(Answer {
        numbers,
        tables: Vec::new(),
        curves: if points.is_empty() {
            Vec::new()
        } else {
            vec![curve]
        },
        notes,
    })
}

fn run_afroc(sample: &Sample) -> Result<Answer, StatisticsError> {
    let none = Labels::default();
    let (cases, mut notes) = cases_of(&table_of(sample, &none))?;
    let chosen =
        FigureOfMerit::from_word(sample.word("figure_of_merit")).unwrap_or(FigureOfMerit::WAfroc);
    let resampling = Resampling {
        cases: &cases,
        stratified: true,
        interval: sample.word("interval"),
        level: sample.real("level"),
        seed: sample.whole("seed"),
        replicates: sample.whole("replicates"),
    };
    let mut numbers = Vec::new();
    for figure in
        std::iter::once(chosen).chain(FigureOfMerit::ALL.into_iter().filter(|f| *f != chosen))
    {
        let evaluator = Evaluator::new(figure, &cases)?;
        let number = resampling.number(
            &figure.name(),
            &figure.definition(),
            clusters_of(&cases, |c| figure.reads(c)).len(),
            Smooth::Yes,
            |c| figure.reads(c),
            |times| evaluator.value(times),
        )?;
        numbers.push(clip(number, 0.0, figure.most(), &mut notes));
    }
    Ok(Answer {
        numbers,
        tables: Vec::new(),
        curves: vec![afroc_curve(&cases)],
        notes,
    })
}

/// The weighted AFROC: share of normal cases with a false mark of at least t, against the weighted
/// share of lesions marked with at least t; a straight line goes on to (1, 1).
fn afroc_curve(cases: &[Case]) -> Curve {
    let normal: Vec<f64> = cases
        .iter()
        .filter(|c| c.lesions.is_empty())
        .map(Case::highest_false_mark)
        .collect();
    let diseased = cases.len() - normal.len();
    let mut events: Vec<(f64, f64, f64)> = normal
        .iter()
        .map(|v| (*v, 1.0 / normal.len() as f64, 0.0))
        .collect();
    for case in cases {
        events.extend(
            case.lesions
                .iter()
                .zip(&case.weights)
                .map(|(v, w)| (*v, 0.0, w / diseased as f64)),
        );
    }
    events.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut x, mut y) = (vec![0.0], vec![0.0]);
    let (mut at_x, mut at_y) = (0.0, 0.0);
    for group in events.chunk_by(|a, b| a.0 == b.0) {
        for (_, dx, dy) in group {
            at_x += dx;
            at_y += dy;
        }
        x.push(at_x.min(1.0));
        y.push(at_y.min(1.0));
    }
    Curve::line(Figure::Froc, "weighted AFROC", x, y)
}

fn run_lroc(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (truth, score, correct) = (
        sample.binary("truth"),
        sample.reals("score"),
        sample.binary("correct"),
    );
    let lroc = Lroc::new(truth, score, correct)?;
    let fraction = sample.real("false_positive_fraction");
    let codes = sample.labels("cluster").map(Labels::complete);
    // Only disease and cluster matter for resampling.
    let cases: Vec<Case> = truth
        .iter()
        .enumerate()
        .map(|(at, diseased)| Case {
            lesions: if *diseased { vec![0.0] } else { Vec::new() },
            weights: if *diseased { vec![1.0] } else { Vec::new() },
            false_marks: Vec::new(),
            cluster: codes
                .as_ref()
                .and_then(|c| c.get(at))
                .copied()
                .unwrap_or(at),
        })
        .collect();
    let resampling = Resampling {
        cases: &cases,
        stratified: true,
        interval: sample.word("interval"),
        level: sample.real("level"),
        seed: sample.whole("seed"),
        replicates: sample.whole("replicates"),
    };
    let by_jackknife = resampling.interval == "jackknife";
    let drawn = Resampling {
        interval: if by_jackknife {
            "percentile"
        } else {
            resampling.interval
        },
        ..resampling
    };
    let diseased = truth.iter().filter(|t| **t).count();
    let patients = clusters_of(&cases, |_| true).len();
    let localised = if by_jackknife {
        localised(truth, correct, codes.as_deref(), resampling.level)?
    } else {
        resampling.number(
            "localised",
            "lroc.highest-ordinate",
            diseased,
            Smooth::Yes,
            |_| true,
            |t| Ok(lroc.numbers(t, fraction)?.highest),
        )?
    };
    let numbers = vec![
        resampling.number(
            "alroc",
            "lroc.area.trapezoidal",
            patients,
            Smooth::Yes,
            |_| true,
            |t| Ok(lroc.numbers(t, fraction)?.area),
        )?,
        drawn.number(
            "pcl",
            "lroc.correct-localisation.interpolated",
            diseased,
            Smooth::No,
            |_| true,
            |t| Ok(lroc.numbers(t, fraction)?.correct_localisation),
        )?,
        resampling.number(
            "partial_alroc",
            "lroc.partial-area.trapezoidal",
            patients,
            Smooth::Yes,
            |_| true,
            |t| Ok(lroc.numbers(t, fraction)?.partial_area),
        )?,
        localised,
    ];
    let mut notes = Vec::new();
    if by_jackknife {
        notes.push("`pcl` is read off the curve, so the jackknife does not hold for it: its standard error and percentile interval are from the bootstrap; `localised` is a plain share with Wilson's interval".into());
    }
    // The partial area ends at the fraction, where the curve is at most 1.
    let numbers = numbers
        .into_iter()
        .zip([1.0, 1.0, fraction, 1.0])
        .map(|(n, most)| clip(n, 0.0, most, &mut notes))
        .collect();
    let points = lroc.points(&vec![1.0; truth.len()])?;
    Ok(Answer {
        numbers,
        tables: Vec::new(),
        curves: vec![Curve::line(
            Figure::Roc,
            "LROC",
            points.iter().map(|p| p.0).collect(),
            points.iter().map(|p| p.1).collect(),
        )],
        notes,
    })
}

/// The share of diseased cases localised at any rating, a proportion: Wilson's interval, with clusters
/// at the effective size.
fn localised(
    truth: &[bool],
    correct: &[bool],
    cluster: Option<&[usize]>,
    level: f64,
) -> Result<Number, StatisticsError> {
    let cases: Vec<crate::subgroup::Case> = truth
        .iter()
        .zip(correct)
        .enumerate()
        .filter(|(_, (diseased, _))| **diseased)
        .map(|(row, (_, correct))| crate::subgroup::Case {
            value: f64::from(u8::from(*correct)),
            positive: true,
            cluster: cluster.and_then(|c| c.get(row)).copied().unwrap_or(row),
        })
        .collect();
    let share = share(&cases, cluster.is_some(), level).map(|e| {
        let number = Number::plain(
            "localised",
            "lroc.highest-ordinate",
            e.value.unwrap_or(f64::NAN),
            e.n,
        );
        let number = match e.standard_error {
            Some(error) => number.with_standard_error(error),
            None => number,
        };
        match e.interval {
            Some(interval) => number.with_interval(interval, e.method),
            None => number.without_interval(e.reason.unwrap_or_default()),
        }
    });
    Number::from_result("localised", "lroc.highest-ordinate", cases.len(), share)
}

/// Figures of merit of each test and reader with their jackknife covariances, averaged as Obuchowski
/// and Rockette (1995) do.
#[derive(Clone, Debug)]
pub struct Components {
    /// `estimates[test][reader]`.
    pub estimates: Vec<Vec<f64>>,
    /// Mean variance of an estimate.
    pub variance: f64,
    /// Mean covariance: same reader, different test.
    pub covariance_1: f64,
    /// Mean covariance: same test, different reader; 0 with one reader.
    pub covariance_2: f64,
    /// Mean covariance: both different; 0 with one reader.
    pub covariance_3: f64,
    /// The same for each test alone: variance and covariance between readers.
    pub of_test: Vec<(f64, f64)>,
    /// Jackknife units.
    pub units: usize,
}

/// Components from `estimates[test][reader]` and `left_out[test][reader][unit]`.
///
/// # Errors
/// When there are fewer than two tests or two units, or the shapes differ.
pub fn components(
    estimates: Vec<Vec<f64>>,
    left_out: &[Vec<Vec<f64>>],
) -> Result<Components, StatisticsError> {
    let readers = estimates.first().map_or(0, Vec::len);
    let arms: Vec<(usize, usize, &Vec<f64>)> = left_out
        .iter()
        .enumerate()
        .flat_map(|(i, test)| test.iter().enumerate().map(move |(j, v)| (i, j, v)))
        .collect();
    let units = arms.first().map_or(0, |(_, _, v)| v.len());
    if estimates.len() < 2 || units < 2 || readers == 0 {
        return Err(StatisticsError::not_estimable(
            "a comparison needs two tests and two patients at least",
        ));
    }
    if arms.len() != estimates.len() * readers || arms.iter().any(|(_, _, v)| v.len() != units) {
        return Err(StatisticsError::Data(
            "each reader reads all cases with all tests".into(),
        ));
    }
    let mut sums = [(0.0, 0usize); 4];
    let mut of_test = vec![((0.0, 0usize), (0.0, 0usize)); estimates.len()];
    for (i, j, a) in &arms {
        for (k, l, b) in &arms {
            let covariance = jackknife_covariance(a, b);
            let kind = match (i == k, j == l) {
                (true, true) => 0,
                (false, true) => 1,
                (true, false) => 2,
                (false, false) => 3,
            };
            if let Some(sum) = sums.get_mut(kind) {
                sum.0 += covariance;
                sum.1 += 1;
            }
            if i == k
                && let Some((variance, between)) = of_test.get_mut(*i)
            {
                let sum = if j == l { variance } else { between };
                sum.0 += covariance;
                sum.1 += 1;
            }
        }
    }
    let mean = |(sum, count): (f64, usize)| if count == 0 { 0.0 } else { sum / count as f64 };
    let [variance, covariance_1, covariance_2, covariance_3] = sums.map(mean);
    Ok(Components {
        estimates,
        variance,
        covariance_1,
        covariance_2,
        covariance_3,
        of_test: of_test
            .into_iter()
            .map(|(v, c)| (mean(v), mean(c)))
            .collect(),
        units,
    })
}

/// What is random: readers and cases, cases, or readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RandomEffects {
    /// Random readers, random cases.
    ReadersAndCases,
    /// Fixed readers, random cases.
    Cases,
    /// Random readers, fixed cases.
    Readers,
}

/// A test of equal figures of merit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Equality {
    /// The F statistic.
    pub f: f64,
    /// Numerator degrees of freedom.
    pub df1: f64,
    /// Denominator degrees of freedom (Hillis 2007 for random readers).
    pub df2: f64,
    /// Upper tail.
    pub p: f64,
    /// Variance of the difference of two tests' reader means.
    pub difference_variance: f64,
}

/// Tests equality of the tests (Obuchowski and Rockette 1995; Hillis 2007). With fixed readers the
/// denominator degrees of freedom are infinite, or (tests - 1)(units - 1) as in DBM when `finite`.
///
/// # Errors
/// Not estimable when random readers are fewer than two, or nothing varies.
pub fn equality(
    components: &Components,
    random: RandomEffects,
    finite: bool,
) -> Result<Equality, StatisticsError> {
    let tests = components.estimates.len() as f64;
    let readers = components.estimates.first().map_or(0, Vec::len) as f64;
    if random != RandomEffects::Cases && readers < 2.0 {
        return Err(StatisticsError::not_estimable(
            "random readers need two readers at least",
        ));
    }
    let means: Vec<f64> = components
        .estimates
        .iter()
        .map(|r| r.iter().sum::<f64>() / readers)
        .collect();
    let grand = means.iter().sum::<f64>() / tests;
    let test_square =
        readers * means.iter().map(|m| (m - grand).powi(2)).sum::<f64>() / (tests - 1.0);
    let reader_means: Vec<f64> = (0..readers as usize)
        .map(|j| {
            components
                .estimates
                .iter()
                .filter_map(|r| r.get(j))
                .sum::<f64>()
                / tests
        })
        .collect();
    let interaction: f64 = components
        .estimates
        .iter()
        .zip(&means)
        .flat_map(|(row, mean)| {
            row.iter()
                .zip(&reader_means)
                .map(move |(v, reader)| (v - mean - reader + grand).powi(2))
        })
        .sum();
    let interaction_square = interaction / ((tests - 1.0) * (readers - 1.0));
    let between = (components.covariance_2 - components.covariance_3).max(0.0);
    let (denominator, df2) = match random {
        RandomEffects::ReadersAndCases => {
            let denominator = interaction_square + readers * between;
            let df = denominator.powi(2)
                / (interaction_square.powi(2) / ((tests - 1.0) * (readers - 1.0)));
            (denominator, df)
        }
        RandomEffects::Readers => (interaction_square, (tests - 1.0) * (readers - 1.0)),
        RandomEffects::Cases => (
            components.variance - components.covariance_1 + (readers - 1.0) * between,
            if finite {
                (tests - 1.0) * (components.units as f64 - 1.0)
            } else {
                f64::INFINITY
            },
        ),
    };
    // Rounding of equal columns leaves about 1e-17.
    if denominator.is_nan() || denominator <= 1e-15 {
        return Err(StatisticsError::not_estimable(
            "the difference of the tests does not vary",
        ));
    }
    let f = test_square / denominator;
    Ok(Equality {
        f,
        df1: tests - 1.0,
        df2,
        p: f_tail(f, tests - 1.0, df2),
        difference_variance: 2.0 / readers * denominator,
    })
}

fn run_compare(sample: &Sample) -> Result<Answer, StatisticsError> {
    let none = Labels::default();
    let table = table_of(sample, &none);
    let frame = truth_of(&table)?;
    let tests = sample.labels("test").unwrap_or(&none);
    let readers = sample.labels("reader");
    let reader_names = readers.map_or_else(|| vec!["-".to_owned()], |r| r.names.clone());
    let figure =
        FigureOfMerit::from_word(sample.word("figure_of_merit")).unwrap_or(FigureOfMerit::WAfroc);
    let level = sample.real("level");
    let mut notes = Vec::new();
    // All arms are read first, so that a case that one lacks is named before anything is computed.
    let mut arms = Vec::new();
    for test in 0..tests.names.len() {
        let mut of_test = Vec::new();
        for reader in 0..reader_names.len() {
            let rows: Vec<usize> = (0..sample.rows())
                .filter(|row| {
                    tests.codes.get(*row).copied().flatten() == Some(test)
                        && readers
                            .is_none_or(|r| r.codes.get(*row).copied().flatten() == Some(reader))
                })
                .collect();
            let (cases, found) = arm_of(&table, &frame, &rows)?;
            notes.extend(found);
            of_test.push(cases);
        }
        arms.push(of_test);
    }
    let (mut estimates, mut left_out) = (Vec::new(), Vec::new());
    for test in &arms {
        let (mut of_test, mut left_out_of_test) = (Vec::new(), Vec::new());
        for cases in test {
            let evaluator = Evaluator::new(figure, cases)?;
            of_test.push(evaluator.value(&vec![1.0; cases.len()])?);
            let clusters = clusters_of(cases, |c| figure.reads(c));
            let jack: Option<Vec<f64>> =
                jackknife(&clusters, cases.len(), |t| evaluator.value(t).ok())
                    .into_iter()
                    .collect();
            left_out_of_test.push(jack.ok_or_else(|| {
                StatisticsError::not_estimable("leaving one patient out leaves no case of a kind")
            })?);
        }
        estimates.push(of_test);
        left_out.push(left_out_of_test);
    }
    let components = components(estimates, &left_out)?;
    let count = reader_names.len() as f64;
    let random = match sample.word("analysis") {
        _ if reader_names.len() < 2 => RandomEffects::Cases,
        "frrc" => RandomEffects::Cases,
        "rrfc" => RandomEffects::Readers,
        _ => RandomEffects::ReadersAndCases,
    };
    let finite = sample.word("distribution") == "t";
    let id = match random {
        RandomEffects::ReadersAndCases => "or.rrrc.jackknife",
        RandomEffects::Readers => "or.rrfc",
        RandomEffects::Cases if finite => "dbm.frrc.jackknife",
        RandomEffects::Cases => "or.frrc.jackknife",
    };
    let test = match equality(&components, random, finite) {
        Ok(test) => Some(test),
        Err(StatisticsError::NotEstimable(reason)) => {
            notes.push(format!("no test: {reason}"));
            None
        }
        Err(other) => return Err(other),
    };
    let means: Vec<f64> = components
        .estimates
        .iter()
        .map(|r| r.iter().sum::<f64>() / count)
        .collect();
    let definition = figure.definition();
    let mut numbers = Vec::new();
    let two = means.len() == 2;
    for (i, a) in means.iter().enumerate() {
        for (j, b) in means.iter().enumerate().skip(i + 1) {
            let name = if two {
                "difference".to_owned()
            } else {
                format!("difference_{}_{}", i + 1, j + 1)
            };
            let number = Number::plain(
                name,
                format!("{definition}.first-minus-second"),
                a - b,
                components.units,
            );
            let number = match &test {
                Some(test) => {
                    let error = test.difference_variance.sqrt();
                    let half = t_quantile(f64::midpoint(1.0, level), test.df2) * error;
                    number.with_standard_error(error).with_interval(
                        Interval {
                            lower: a - b - half,
                            upper: a - b + half,
                            level,
                        },
                        id,
                    )
                }
                None => number
                    .without_interval("the difference does not vary, so it has no standard error"),
            };
            numbers.push(clip(number, -figure.most(), figure.most(), &mut notes));
        }
    }
    match &test {
        Some(test) => numbers.extend([
            Number::plain("p_value", format!("{id}.f-test"), test.p, components.units),
            Number::plain("f_statistic", id, test.f, components.units),
            Number::plain("df_numerator", id, test.df1, components.units),
            Number::plain("df_denominator", id, test.df2, components.units),
        ]),
        None => numbers.push(Number::none(
            "p_value",
            format!("{id}.f-test"),
            components.units,
            "the difference does not vary",
        )),
    }
    for (at, ((mean, row), (variance, between))) in means
        .iter()
        .zip(&components.estimates)
        .zip(&components.of_test)
        .enumerate()
    {
        let spread = row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let (variance, df) = match random {
            RandomEffects::Cases => (
                (variance + (count - 1.0) * between.max(0.0)) / count,
                if finite {
                    components.units as f64 - 1.0
                } else {
                    f64::INFINITY
                },
            ),
            RandomEffects::Readers => (spread / count, count - 1.0),
            RandomEffects::ReadersAndCases => {
                let all = spread + (count * between).max(0.0);
                (all / count, all.powi(2) / (spread.powi(2) / (count - 1.0)))
            }
        };
        let number = Number::plain(
            format!("{}_{}", figure.name(), at + 1),
            definition.clone(),
            *mean,
            components.units,
        );
        let number = if variance > 1e-15 {
            let half = t_quantile(f64::midpoint(1.0, level), df) * variance.sqrt();
            number.with_standard_error(variance.sqrt()).with_interval(
                Interval {
                    lower: mean - half,
                    upper: mean + half,
                    level,
                },
                id,
            )
        } else {
            number
                .without_interval("the figure of merit does not vary, so it has no standard error")
        };
        numbers.push(clip(number, 0.0, figure.most(), &mut notes));
    }
    for (name, value) in [
        ("variance", components.variance),
        ("covariance_1", components.covariance_1),
        ("covariance_2", components.covariance_2),
        ("covariance_3", components.covariance_3),
    ] {
        numbers.push(Number::plain(name, "or.jackknife", value, components.units));
    }
    notes.sort();
    notes.dedup();
    notes.push(format!(
        "numbered tests: {}",
        tests
            .names
            .iter()
            .enumerate()
            .map(|(i, n)| format!("{} {n}", i + 1))
            .collect::<Vec<_>>()
            .join(", ")
    ));
    if random == RandomEffects::Cases && reader_names.len() < 2 {
        notes.push("one reader: cases are random, the reader is fixed".into());
    }
    if components.covariance_2 < components.covariance_3
        && random != RandomEffects::Readers
        && count > 1.0
    {
        notes.push("covariance 2 is below covariance 3; their difference counts as 0".into());
    }
    let rows = tests
        .names
        .iter()
        .zip(&components.estimates)
        .flat_map(|(test, row)| {
            row.iter().zip(&reader_names).map(move |(value, reader)| {
                vec![
                    Cell::Text(test.clone()),
                    Cell::Text(reader.clone()),
                    Cell::Real(*value),
                ]
            })
        })
        .collect();
    Ok(Answer {
        numbers,
        tables: vec![Table {
            name: "figures of merit".into(),
            columns: vec!["test".into(), "reader".into(), figure.name()],
            rows,
        }],
        curves: Vec::new(),
        notes,
    })
}

const MARK_ASSUMPTIONS: &str = "Truth is known for every case. Patients are independent; the cases of one patient are left out or drawn together. Of several marks on one lesion the highest counts. Marks were matched to lesions beforehand by the rule of the plan (match_by_radius, match_by_overlap).";

/// The entries of this module.
pub const ENTRIES: &[Entry] = &[
    Entry {
        id: "froc",
        group: Group::Localisation,
        title: "FROC curve, sensitivity at false positives per image, CPM",
        formula: "sensitivity(t) = lesions with a mark of score >= t / lesions; FP(t) = false marks of score >= t / images; CPM = mean sensitivity at the given FP per image",
        source: "Bunch 1977; Niemeijer 2011; LUNA16 (Setio 2017): interpolated as its evaluation script, bootstrap of scans",
        assumptions: MARK_ASSUMPTIONS,
        compared_with: "NumPy 2 interp on the curve by its definition (testdata/statistics/localisation)",
        roles: &[CASE, LESION, MARK_SCORE, DISEASED, CLUSTER],
        settings: &[
            Setting {
                name: "false_positives",
                what: "false positives per image at which the sensitivity is read",
                kind: SettingKind::Reals,
                default: Some("0.125,0.25,0.5,1,2,4,8"),
            },
            Setting {
                name: "operating_point",
                what: "interpolated: on the line between neighbouring points (LUNA16); step: the highest sensitivity reached with at most so many false positives",
                kind: SettingKind::Choice(&["interpolated", "step"]),
                default: Some("interpolated"),
            },
            Setting {
                name: "images",
                what: "images on which false marks are counted: all, or normal (those without lesions)",
                kind: SettingKind::Choice(&["all", "normal"]),
                default: Some("all"),
            },
            Setting {
                name: "threshold",
                what: "score from which marks count, for one operating point; without any lesion only its false positives per image are defined",
                kind: SettingKind::OptionalReal(f64::NEG_INFINITY, f64::INFINITY),
                default: None,
            },
            Setting {
                what: "percentile, bca, basic: bootstrap by patient; jackknife: estimate +- z times the jackknife standard error, for the numbers at a threshold only (sensitivities read off the curve and CPM are no smooth functions of the data, and have the bootstrap's standard error)",
                default: Some("percentile"),
                ..INTERVAL
            },
            LEVEL,
            SEED,
            REPLICATES,
        ],
        numbers: &[
            "cpm",
            "sensitivity_at_{target}",
            "sensitivity",
            "false_positives_per_image",
            "cases",
            "lesions",
        ],
        run: run_froc,
    },
    Entry {
        id: "afroc",
        group: Group::Localisation,
        title: "Figures of merit of free-response data: wAFROC and its kin",
        formula: "wAFROC = mean over normal case i and diseased case k of sum over lesions l of w_kl psi(highest false mark on i, score of l); the forms ending in 1 take i over all cases; AFROC gives all lesions the same weight; unmarked = -inf",
        source: "Chakraborty and Berbaum 2004, Med Phys 31:2313; Chakraborty 2017; RJafroc UtilFigureOfMerit; Song 2008 (A1); Popescu 2011",
        assumptions: MARK_ASSUMPTIONS,
        compared_with: "RJafroc's printed examples; NumPy 2 by the definition in O(n^2) (testdata/statistics/localisation)",
        roles: &[CASE, LESION, MARK_SCORE, WEIGHT, DISEASED, CLUSTER],
        settings: &[FIGURE, INTERVAL, LEVEL, SEED, REPLICATES],
        // The `figure_of_merit` that is asked for comes first.
        numbers: &[
            "wafroc",
            "wafroc1",
            "afroc",
            "afroc1",
            "hr_auc",
            "song_a1",
            "hr_se",
            "hr_sp",
            "max_llf",
            "max_nlf",
            "max_nlf_all_cases",
            "exp_transformed_sp",
        ],
        run: run_afroc,
    },
    Entry {
        id: "froc-compare",
        group: Group::Localisation,
        title: "Comparison of tests by a free-response figure of merit (JAFROC)",
        formula: "Obuchowski-Rockette F on jackknife covariances: RRRC F = MS(T) / (MS(TR) + J max(Cov2 - Cov3, 0)) with Hillis' degrees of freedom; one reader: paired jackknife",
        source: "Chakraborty and Berbaum 2004; Obuchowski and Rockette 1995; Hillis 2007; Dorfman, Berbaum and Metz 1992",
        assumptions: "As afroc; each reader reads every case with every test. A lesion named in any row is a lesion of its case for all; where a test or reader has no mark on it, it is missed.",
        compared_with: "NumPy 2 and SciPy 1.17 by the definition (testdata/statistics/localisation)",
        roles: &[
            Role {
                name: "test",
                what: "the test (modality, reading condition) of the row",
                kind: Kind::Label,
                need: Need::One,
                missing: false,
            },
            Role {
                name: "reader",
                what: "the reader of the row; without it there is one reader, such as the device",
                kind: Kind::Label,
                need: Need::Optional,
                missing: false,
            },
            CASE,
            LESION,
            MARK_SCORE,
            WEIGHT,
            DISEASED,
            CLUSTER,
        ],
        settings: &[
            FIGURE,
            Setting {
                name: "analysis",
                what: "what is random: rrrc (readers and cases), frrc (cases), rrfc (readers); with one reader always frrc",
                kind: SettingKind::Choice(&["rrrc", "frrc", "rrfc"]),
                default: Some("rrrc"),
            },
            Setting {
                name: "distribution",
                what: "reference of frrc: t with (tests - 1)(patients - 1) degrees of freedom (DBM), or z (Obuchowski-Rockette)",
                kind: SettingKind::Choice(&["t", "z"]),
                default: Some("t"),
            },
            LEVEL,
        ],
        // Of two tests `difference` comes first, of more that of the first pair; tests are numbered.
        numbers: &[
            "difference",
            "difference_{test}_{test}",
            "p_value",
            "f_statistic",
            "df_numerator",
            "df_denominator",
            "wafroc_{test}",
            "wafroc1_{test}",
            "afroc_{test}",
            "afroc1_{test}",
            "hr_auc_{test}",
            "song_a1_{test}",
            "hr_se_{test}",
            "hr_sp_{test}",
            "max_llf_{test}",
            "max_nlf_{test}",
            "max_nlf_all_cases_{test}",
            "exp_transformed_sp_{test}",
            "variance",
            "covariance_1",
            "covariance_2",
            "covariance_3",
        ],
        run: run_compare,
    },
    Entry {
        id: "lroc",
        group: Group::Localisation,
        title: "Localisation ROC: area and share correctly localised",
        formula: "PCL(t) = diseased cases with score >= t and right location / diseased cases, against FPF(t) = normal cases with score >= t / normal cases; area by trapezoids over [0, 1]",
        source: "Starr 1975; Swensson 1996, Med Phys 23:1709; RJafroc (PCL and ALROC up to a false positive fraction)",
        assumptions: "At most one lesion a case; every case is rated once, with its most suspicious location. Patients are independent.",
        compared_with: "NumPy 2 by the definition, with RJafroc's interpolation (testdata/statistics/localisation)",
        roles: &[
            TRUTH,
            SCORE,
            Role {
                name: "correct",
                what: "whether the marked location is the lesion; false on normal cases",
                kind: Kind::Binary,
                need: Need::One,
                missing: false,
            },
            CLUSTER,
        ],
        settings: &[
            Setting {
                name: "false_positive_fraction",
                what: "false positive fraction for pcl and partial_alroc",
                kind: SettingKind::Real(1e-6, 1.0),
                default: Some("0.2"),
            },
            INTERVAL,
            LEVEL,
            SEED,
            REPLICATES,
        ],
        numbers: &["alroc", "pcl", "partial_alroc", "localised"],
        run: run_lroc,
    },
];
