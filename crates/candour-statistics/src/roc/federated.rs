//! The area from histograms of scores, so that sites can pool without moving a score.

use serde::Serialize;

use super::area::{Tally, wald_interval};
use crate::catalogue::{Entry, Group, Kind, LEVEL, Need, Role, Sample, Setting, SettingKind};
use crate::distribution::two_sided_z;
use crate::number::{Answer, Cell, Curve, Figure, Interval, Number, StatisticsError, Table};
use crate::rank::sorted_keys;

/// How many positives and negatives of a site score within each bin. What is in it leaves the site;
/// no score or case does. Bins of few cases can still tell of a person: choose them coarse enough.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreHistogram {
    /// Lowest score of each bin, ascending; a bin reaches up to the next.
    pub lowest: Vec<f64>,
    /// Positives in each.
    pub positive: Vec<u64>,
    /// Negatives in each.
    pub negative: Vec<u64>,
    /// Whether every bin holds one distinct score: then nothing is lost.
    pub exact: bool,
}

/// The area from a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BinnedAuc {
    /// The area, pairs within one bin counting half.
    pub value: f64,
    /// DeLong's variance of the binned scores.
    pub variance: f64,
    /// Wald interval from it, clipped to [0, 1].
    pub interval: Interval,
    /// The area of the scores themselves differs from `value` by no more than this: half the share
    /// of pairs that fall in one bin. 0 for an exact histogram.
    pub error_at_most: f64,
    /// Positive cases.
    pub positive: u64,
    /// Negative cases.
    pub negative: u64,
}

impl ScoreHistogram {
    /// Counts by bins that all sites share: the edges, strictly ascending, are the lowest scores of
    /// their bins; whatever lies below the first has a bin of its own.
    ///
    /// # Errors
    /// Data error for scores or edges that are not numbers, edges that do not ascend, or lengths
    /// that differ.
    pub fn by_edges(truth: &[bool], score: &[f64], edges: &[f64]) -> Result<Self, StatisticsError> {
        super::levels::check_scores(truth.len(), score)?;
        let ascend = edges.iter().zip(edges.iter().skip(1)).all(|(a, b)| a < b);
        if !ascend || edges.iter().any(|e| e.is_nan()) {
            return Err(StatisticsError::Data(
                "the edges of bins are numbers in strictly ascending order".into(),
            ));
        }
        let mut lowest: Vec<f64> = edges.to_vec();
        if lowest.first().is_none_or(|e| *e > f64::NEG_INFINITY) {
            lowest.insert(0, f64::NEG_INFINITY);
        }
        Ok(Self::counted(truth, score, lowest, false))
    }

    /// Counts by distinct scores: exact, but every score leaves the site.
    ///
    /// # Errors
    /// As [`ScoreHistogram::by_edges`].
    pub fn by_distinct_scores(truth: &[bool], score: &[f64]) -> Result<Self, StatisticsError> {
        super::levels::check_scores(truth.len(), score)?;
        let mut keys = sorted_keys(score);
        keys.dedup();
        let lowest = keys.into_iter().map(crate::rank::key_value).collect();
        Ok(Self::counted(truth, score, lowest, true))
    }

    fn counted(truth: &[bool], score: &[f64], lowest: Vec<f64>, exact: bool) -> Self {
        let (mut positive, mut negative) = (vec![0; lowest.len()], vec![0; lowest.len()]);
        for (truth, score) in truth.iter().zip(score) {
            let bin = lowest.partition_point(|low| low <= score).saturating_sub(1);
            let side = if *truth { &mut positive } else { &mut negative };
            if let Some(count) = side.get_mut(bin) {
                *count += 1;
            }
        }
        Self {
            lowest,
            positive,
            negative,
            exact,
        }
    }

    /// The counts of two sites together. Histograms by edges must have the same bins; exact ones
    /// take the union of their scores.
    ///
    /// # Errors
    /// Data error when the bins differ or one histogram is exact and the other is not.
    pub fn merged(&self, other: &Self) -> Result<Self, StatisticsError> {
        if self.exact != other.exact || (!self.exact && self.lowest != other.lowest) {
            return Err(StatisticsError::Data(
                "histograms with different bins cannot be added; agree on the edges first".into(),
            ));
        }
        let mut rows: Vec<(f64, u64, u64)> = self.rows().chain(other.rows()).collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut sum = Self {
            lowest: Vec::new(),
            positive: Vec::new(),
            negative: Vec::new(),
            exact: self.exact,
        };
        for same in rows.chunk_by(|a, b| a.0 == b.0) {
            let total = |pick: fn(&(f64, u64, u64)) -> u64| {
                same.iter()
                    .try_fold(0u64, |sum, r| sum.checked_add(pick(r)))
                    .ok_or_else(|| StatisticsError::Data("counts too great to add".into()))
            };
            sum.lowest.extend(same.first().map(|r| r.0));
            sum.positive.push(total(|r| r.1)?);
            sum.negative.push(total(|r| r.2)?);
        }
        Ok(sum)
    }

    /// Bins in ascending order with their counts.
    fn rows(&self) -> impl Iterator<Item = (f64, u64, u64)> + '_ {
        self.lowest
            .iter()
            .zip(&self.positive)
            .zip(&self.negative)
            .map(|((l, p), n)| (*l, *p, *n))
    }

    /// The area with DeLong's variance from the binned scores, and the bound on what binning moved it.
    ///
    /// # Errors
    /// As [`super::delong_auc`]; data error when the counts of one class sum to more than 2^30.
    pub fn auc(&self, level: f64) -> Result<BinnedAuc, StatisticsError> {
        two_sided_z(level)?;
        let (tally, error_at_most) = self.tally()?;
        let (value, variance) = (tally.value(), tally.variance()?);
        Ok(BinnedAuc {
            value,
            variance,
            interval: wald_interval(value, variance, level)?.0,
            error_at_most,
            positive: self.positive.iter().sum(),
            negative: self.negative.iter().sum(),
        })
    }

    fn tally(&self) -> Result<(Tally, f64), StatisticsError> {
        let total = |side: &[u64]| {
            side.iter()
                .try_fold(0u64, |sum, c| sum.checked_add(*c))
                .filter(|sum| *sum <= 1 << 30)
                .ok_or_else(|| StatisticsError::Data("more than 2^30 cases of one class".into()))
        };
        let (m, n) = (total(&self.positive)?, total(&self.negative)?);
        let mut tally = Tally::new(m, n)?;
        let mut together = 0u128;
        for (_, a, b) in self.rows() {
            tally.level(a, b);
            together += u128::from(a) * u128::from(b);
        }
        let bound = together as f64 / (2 * u128::from(m) * u128::from(n)) as f64;
        Ok((tally, if self.exact { 0.0 } else { bound }))
    }
}

const fn count_role(name: &'static str, what: &'static str) -> Role {
    Role {
        name,
        what,
        kind: Kind::Count,
        need: Need::One,
        missing: false,
    }
}

pub(super) const ENTRY: Entry = Entry {
    id: "roc-federated",
    group: Group::Roc,
    title: "Area under the ROC curve from the sites' histograms",
    formula: "counts of the sites added bin by bin; area and DeLong variance of the binned scores, pairs within a bin counting half; the area of the scores differs by at most (pairs in one bin)/(2 m n)",
    source: "DeLong, DeLong and Clarke-Pearson 1988; the bound: each pair within a bin counts half in place of 0, half or 1",
    assumptions: "All sites count by the same bins; cases are independent, sites alike (one population). Exact when each bin is one distinct score. Bins with few cases can tell of a person",
    compared_with: "scikit-learn 1.9.1 and pROC 1.18.0 on the pooled binned scores",
    roles: &[
        Role {
            name: "bin",
            what: "lowest score of the bin, or the score itself where bins are distinct scores",
            kind: Kind::Real,
            need: Need::One,
            missing: false,
        },
        count_role("positives", "positive cases in the bin"),
        count_role("negatives", "negative cases in the bin"),
        Role {
            name: "site",
            what: "the site the row comes from; rows of one bin are added",
            kind: Kind::Label,
            need: Need::Optional,
            missing: false,
        },
    ],
    settings: &[
        LEVEL,
        Setting {
            name: "exact",
            what: "whether each bin is one distinct score",
            kind: SettingKind::Flag,
            default: Some("false"),
        },
    ],
    numbers: &[
        "auc",
        "auc_boundary",
        "error_at_most",
        "auc_at_least",
        "auc_at_most",
    ],
    run,
};

fn run(sample: &Sample) -> Result<Answer, StatisticsError> {
    let exact = sample.flag("exact");
    let sites = sample
        .labels("site")
        .map(|l| (l.complete(), l.names.clone()));
    let rows: Vec<(f64, u64, u64)> = sample
        .reals("bin")
        .iter()
        .zip(sample.reals("positives"))
        .zip(sample.reals("negatives"))
        .map(|((bin, p), n)| (bin + 0.0, *p as u64, *n as u64))
        .collect();
    // Sites that count by the same edges may leave out empty bins, so rows are taken as they come
    // and added bin by bin.
    let gathered = |of: &dyn Fn(usize) -> bool| -> Result<ScoreHistogram, StatisticsError> {
        let mut own: Vec<(f64, u64, u64)> = rows
            .iter()
            .enumerate()
            .filter(|(row, _)| of(*row))
            .map(|(_, r)| *r)
            .collect();
        own.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut all = ScoreHistogram {
            lowest: Vec::new(),
            positive: Vec::new(),
            negative: Vec::new(),
            exact,
        };
        for same in own.chunk_by(|a, b| a.0 == b.0) {
            let total = |pick: fn(&(f64, u64, u64)) -> u64| {
                same.iter()
                    .try_fold(0u64, |sum, r| sum.checked_add(pick(r)))
                    .ok_or_else(|| StatisticsError::Data("counts too great to add".into()))
            };
            all.lowest.extend(same.first().map(|r| r.0));
            all.positive.push(total(|r| r.1)?);
            all.negative.push(total(|r| r.2)?);
        }
        Ok(all)
    };
    let all = gathered(&|_| true)?;
    let level = sample.real("level");
    let (tally, bound) = all.tally()?;
    let n = (all.positive.iter().sum::<u64>() + all.negative.iter().sum::<u64>()) as usize;
    let mut answer = Answer::default();
    let number = Number::plain(
        "auc",
        if exact {
            "auc.mann-whitney"
        } else {
            "auc.binned"
        },
        tally.value(),
        n,
    );
    answer.numbers.push(match all.auc(level) {
        Ok(auc) => number
            .with_standard_error(auc.variance.sqrt())
            .with_interval(auc.interval, "delong.binned"),
        Err(StatisticsError::NotEstimable(why)) => number.without_interval(why),
        Err(other) => return Err(other),
    });
    if tally.value() == 0.0 || tally.value() == 1.0 {
        let (m, k): (u64, u64) = (all.positive.iter().sum(), all.negative.iter().sum());
        answer.numbers.push(
            Number::plain(
                "auc_boundary",
                if exact {
                    "auc.mann-whitney"
                } else {
                    "auc.binned"
                },
                tally.value(),
                n,
            )
            .with_interval(
                super::newcombe_interval(tally.value(), m as usize, k as usize, level)?,
                "newcombe-2006.method-5",
            ),
        );
        answer.notes.push("DeLong's interval is not estimable here; `auc_boundary` carries Newcombe's, which has a sound width at the boundary".into());
    }
    answer.numbers.push(Number::plain(
        "error_at_most",
        "half-share-of-pairs-in-one-bin",
        bound,
        n,
    ));
    answer.numbers.push(Number::plain(
        "auc_at_least",
        "auc-less-bound",
        tally.value() - bound,
        n,
    ));
    answer.numbers.push(Number::plain(
        "auc_at_most",
        "auc-plus-bound",
        tally.value() + bound,
        n,
    ));
    if !exact {
        answer.notes.push(format!(
            "binning moves the area by no more than {bound:.6}; the interval does not include that"
        ));
    }
    if let Some((codes, names)) = sites {
        let mut table = Table {
            name: "sites".into(),
            columns: ["site", "positives", "negatives", "auc", "standard_error"]
                .map(String::from)
                .to_vec(),
            rows: Vec::new(),
        };
        for (code, name) in names.iter().enumerate() {
            let own = gathered(&|row| codes.get(row) == Some(&code))?;
            let value = own
                .tally()
                .ok()
                .map_or(Cell::None, |(t, _)| Cell::Real(t.value()));
            let error = own
                .auc(level)
                .ok()
                .map_or(Cell::None, |a| Cell::Real(a.variance.sqrt()));
            let whole = |v: &[u64]| {
                i64::try_from(v.iter().fold(0u64, |s, c| s.saturating_add(*c)))
                    .map_or(Cell::None, Cell::Whole)
            };
            table.rows.push(vec![
                Cell::Text(name.clone()),
                whole(&own.positive),
                whole(&own.negative),
                value,
                error,
            ]);
        }
        answer.tables.push(table);
    }
    let (m, k) = (
        all.positive.iter().sum::<u64>() as f64,
        all.negative.iter().sum::<u64>() as f64,
    );
    let (mut tp, mut fp) = (0u64, 0u64);
    let mut curve = Curve::line(Figure::Roc, "ROC curve", vec![0.0], vec![0.0]);
    curve.labels.push("inf".into());
    for (lowest, a, b) in all.rows().collect::<Vec<_>>().into_iter().rev() {
        tp += a;
        fp += b;
        curve.x.push(fp as f64 / k);
        curve.y.push(tp as f64 / m);
        curve.labels.push(format!("{lowest:?}"));
    }
    answer.curves.push(curve);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn binning_moves_the_area_by_no_more_than_the_bound(
            rows in prop::collection::vec((any::<bool>(), -8i32..8), 2..60),
            edges in prop::collection::btree_set(-8i32..8, 0..5)
        ) {
            let truth: Vec<bool> = rows.iter().map(|r| r.0).collect();
            let score: Vec<f64> = rows.iter().map(|r| f64::from(r.1)).collect();
            let class = |c: bool| rows.iter().filter(|r| r.0 == c).map(|r| f64::from(r.1)).collect::<Vec<_>>();
            let Ok(area) = crate::roc::mann_whitney_auc(&class(true), &class(false)) else { return Ok(()); };
            let edges: Vec<f64> = edges.into_iter().map(f64::from).collect();
            let (tally, bound) = ScoreHistogram::by_edges(&truth, &score, &edges).unwrap().tally().unwrap();
            prop_assert!((tally.value() - area).abs() <= bound + 1e-15);
            let (tally, bound) = ScoreHistogram::by_distinct_scores(&truth, &score).unwrap().tally().unwrap();
            prop_assert_eq!((tally.value(), bound), (area, 0.0));
        }
    }
}
