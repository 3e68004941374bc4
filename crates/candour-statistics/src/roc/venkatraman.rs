//! Whole-curve comparison by permutation.

use rayon::prelude::*;
use serde::Serialize;

use super::compare::{Split, split};
use super::levels::{both_classes, check_scores};
use crate::catalogue::{
    Entry, Group, Kind, Need, REPLICATES, Role, SCORE, SEED, Sample, Setting, SettingKind, TRUTH,
};
use crate::number::{Answer, Number, StatisticsError};
use crate::random::Philox;
use crate::rank::{order_key, sorted_rows};

/// How equal scores are ranked: the tests work on ranks without ties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RankTies {
    /// In the order of the rows, as pROC does unless told otherwise; it depends on that order.
    First,
    /// At random, as in the papers.
    Random,
}

/// A permutation test of two whole ROC curves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Venkatraman {
    /// The statistic E.
    pub statistic: f64,
    /// Permutations whose statistic is at least as great.
    pub as_great: u64,
    /// Permutations.
    pub permutations: u64,
    /// Rows that share their score with another of the same test.
    pub tied: usize,
}

impl Venkatraman {
    /// `(b + 1) / (B + 1)`: never 0, and valid (Phipson and Smyth 2010).
    #[must_use]
    pub fn p_value(&self) -> f64 {
        (self.as_great + 1) as f64 / (self.permutations + 1) as f64
    }

    /// `b / B`, as pROC prints it.
    #[must_use]
    pub fn p_value_proc(&self) -> f64 {
        self.as_great as f64 / self.permutations as f64
    }
}

/// Venkatraman and Begg (1996, Biometrika 83:835): do two scores of the same cases have the same
/// ROC curve? E is the sum over ranks k of the absolute difference of the errors (positives ranked
/// up to k plus negatives above k) of the two scores. Under the hypothesis a case's two ranks may be
/// exchanged; ties that arise are broken at random. O(n) each permutation.
///
/// # Errors
/// Not estimable without a case in each class; data error for unequal lengths or a score that is not
/// a number.
pub fn venkatraman_paired(
    truth: &[bool],
    first: &[f64],
    second: &[f64],
    ties: RankTies,
    permutations: u64,
    seed: u64,
) -> Result<Venkatraman, StatisticsError> {
    check_scores(truth.len(), first)?;
    check_scores(truth.len(), second)?;
    let m = truth.iter().filter(|t| **t).count();
    both_classes(m, truth.len() - m)?;
    // Rows in the order of their ranks.
    let (order_a, order_b) = (ranked(first, ties, seed, 0), ranked(second, ties, seed, 1));
    let classes = |order: &[usize]| {
        order
            .iter()
            .map(|r| truth.get(*r).copied().unwrap_or(false))
            .collect::<Vec<bool>>()
    };
    let statistic = paired_statistic(&classes(&order_a), &classes(&order_b));
    let as_great = (0..permutations)
        .into_par_iter()
        .map_init(
            || (vec![false; truth.len()], Vec::new(), Vec::new()),
            |(exchanged, a, b), permutation| {
                let mut random = Philox::new(seed, permutation + 2);
                coins(&mut random, exchanged);
                a.clear();
                b.clear();
                // At each rank stands the case that keeps it and the one that gets it by exchange:
                // both, either or none.
                for (row_a, row_b) in order_a.iter().zip(&order_b) {
                    let swapped = |row: &usize| exchanged.get(*row).copied().unwrap_or(false);
                    let class = |row: &usize| truth.get(*row).copied().unwrap_or(false);
                    let (swap_a, swap_b) = (swapped(row_a), swapped(row_b));
                    let (class_a, class_b) = (class(row_a), class(row_b));
                    let mut put = |to: &mut Vec<bool>,
                                   keeps: bool,
                                   own: bool,
                                   gets: bool,
                                   other: bool| match (
                        keeps, gets,
                    ) {
                        (true, true) if random.word() & 1 == 0 => to.extend([own, other]),
                        (true, true) => to.extend([other, own]),
                        (true, false) => to.push(own),
                        (false, true) => to.push(other),
                        (false, false) => {}
                    };
                    put(a, !swap_a, class_a, swap_b, class_b);
                    put(b, !swap_b, class_b, swap_a, class_a);
                }
                u64::from(paired_statistic(a, b) >= statistic)
            },
        )
        .sum();
    Ok(Venkatraman {
        statistic: statistic as f64,
        as_great,
        permutations,
        tied: tied(first).max(tied(second)),
    })
}

/// The sum over ranks of the absolute difference of the two scores' errors, from the classes in
/// the order of each score.
fn paired_statistic(a: &[bool], b: &[bool]) -> u64 {
    let (mut difference, mut sum) = (0i64, 0u64);
    for (x, y) in a.iter().zip(b) {
        difference += i64::from(*x) - i64::from(*y);
        // Errors at rank k are positives up to k plus negatives above k: twice the positives, plus
        // what depends on k alone.
        sum += 2 * difference.unsigned_abs();
    }
    sum
}

fn coins(random: &mut Philox, coins: &mut [bool]) {
    for chunk in coins.chunks_mut(64) {
        let mut word = random.word();
        for coin in chunk {
            *coin = word & 1 == 1;
            word >>= 1;
        }
    }
}

/// Rows in ascending order of the score.
fn ranked(score: &[f64], ties: RankTies, seed: u64, stream: u64) -> Vec<usize> {
    let mut rows = sorted_rows(score);
    if ties == RankTies::Random {
        let mut random = Philox::new(seed, stream);
        for equal in rows.chunk_by_mut(|a, b| a.0 == b.0) {
            random.shuffle(equal);
        }
    }
    rows.into_iter().map(|(_, row)| row).collect()
}

fn tied(score: &[f64]) -> usize {
    let mut keys: Vec<u64> = score.iter().map(|s| order_key(*s)).collect();
    keys.sort_unstable();
    keys.chunk_by(|a, b| a == b)
        .filter(|c| c.len() > 1)
        .map(<[u64]>::len)
        .sum()
}

/// Which share of positives mixes the two classes' distributions in the unpaired statistic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mixing {
    /// Positives over all cases of both groups.
    Pooled,
    /// pROC 1.18.0: over twice the cases of the first group.
    Proc,
}

/// Venkatraman (2000, Biometrics 56:1134): do scores of different cases have the same ROC curve?
/// With `k` the share of positives, F and G the distribution functions of positives and negatives,
/// the error `k F + (1-k)(1-G)` of either group is a function of the position `k F + (1-k) G`; E is
/// the area between the two. Under the hypothesis ranks may be exchanged between the groups within a
/// class, after a random shift below half a rank. The second value is E as pROC 1.18.0 computes it,
/// with `k` over twice the first group's cases; it is the same where both groups have as many cases,
/// and none where that `k` is not below 1.
///
/// # Errors
/// As [`venkatraman_paired`], for either group.
pub fn venkatraman_unpaired(
    first: (&[bool], &[f64]),
    second: (&[bool], &[f64]),
    ties: RankTies,
    permutations: u64,
    seed: u64,
) -> Result<(Venkatraman, Option<f64>), StatisticsError> {
    for (truth, score) in [first, second] {
        check_scores(truth.len(), score)?;
        let m = truth.iter().filter(|t| **t).count();
        both_classes(m, truth.len() - m)?;
    }
    let classes = |(truth, score): (&[bool], &[f64]), stream: u64| -> Vec<bool> {
        ranked(score, ties, seed, stream)
            .into_iter()
            .map(|r| truth.get(r).copied().unwrap_or(false))
            .collect()
    };
    let (a, b) = (classes(first, 0), classes(second, 1));
    let positives = |v: &[bool]| v.iter().filter(|t| **t).count();
    let (ma, mb) = (positives(&a), positives(&b));
    let mixing = |mixing: Mixing| match mixing {
        Mixing::Pooled => (ma + mb) as f64 / (a.len() + b.len()) as f64,
        Mixing::Proc => (ma + mb) as f64 / (2 * a.len()) as f64,
    };
    let k = mixing(Mixing::Pooled);
    let statistic = unpaired_statistic(&a, &b, k);
    let as_great = (0..permutations)
        .into_par_iter()
        .filter(|permutation| {
            let mut random = Philox::new(seed, permutation + 2);
            let (x, y) = exchanged(&a, &b, &mut random);
            // Rounding must not tell equal statistics apart.
            unpaired_statistic(&x, &y, k) >= statistic * (1.0 - 1e-12)
        })
        .count() as u64;
    let proc_k = mixing(Mixing::Proc);
    let test = Venkatraman {
        statistic,
        as_great,
        permutations,
        tied: tied(first.1).max(tied(second.1)),
    };
    Ok((
        test,
        (proc_k < 1.0).then(|| unpaired_statistic(&a, &b, proc_k)),
    ))
}

/// Jittered ranks of both groups, exchanged within each class; the classes in the new order.
fn exchanged(a: &[bool], b: &[bool], random: &mut Philox) -> (Vec<bool>, Vec<bool>) {
    let jittered = |v: &[bool], random: &mut Philox| -> Vec<f64> {
        (1..=v.len())
            .map(|rank| rank as f64 + random.unit() - 0.5)
            .collect()
    };
    let (ra, rb) = (jittered(a, random), jittered(b, random));
    let mut places: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    for (class, rank) in a.iter().zip(&ra).chain(b.iter().zip(&rb)) {
        if let Some(of_class) = places.get_mut(usize::from(*class)) {
            of_class.push(*rank);
        }
    }
    for of_class in &mut places {
        random.shuffle(of_class);
    }
    let [mut negative, mut positive] = places.map(Vec::into_iter);
    let mut dealt = |v: &[bool]| -> Vec<bool> {
        let ranks: Vec<f64> = v
            .iter()
            .map(|class| {
                if *class {
                    positive.next()
                } else {
                    negative.next()
                }
                .unwrap_or(0.0)
            })
            .collect();
        sorted_rows(&ranks)
            .into_iter()
            .map(|(_, row)| v.get(row).copied().unwrap_or(false))
            .collect()
    };
    (dealt(a), dealt(b))
}

/// The area between the two groups' errors as functions of position, linear between ranks, over
/// the positions that both have.
fn unpaired_statistic(a: &[bool], b: &[bool], k: f64) -> f64 {
    let path = |classes: &[bool]| -> Vec<(f64, f64)> {
        let m = classes.iter().filter(|c| **c).count() as f64;
        let n = classes.len() as f64 - m;
        let (mut f, mut g) = (0u64, 0u64);
        classes
            .iter()
            .map(|positive| {
                if *positive {
                    f += 1
                } else {
                    g += 1
                }
                let (f, g) = (f as f64 / m, g as f64 / n);
                (k * f + (1.0 - k) * g, k * f + (1.0 - k) * (1.0 - g))
            })
            .collect()
    };
    let (a, b) = (path(a), path(b));
    let mut positions: Vec<f64> = a.iter().chain(&b).map(|p| p.0).collect();
    positions.sort_unstable_by(f64::total_cmp);
    let (mut on_a, mut on_b) = (Walk::along(&a), Walk::along(&b));
    let mut last: Option<(f64, f64)> = None;
    let mut sum = 0.0;
    for x in positions {
        let here = on_a.at(x).zip(on_b.at(x)).map(|(p, q)| (p - q).abs());
        if let (Some((x0, y0)), Some(y)) = (last, here) {
            sum += f64::midpoint(y, y0) * (x - x0);
        }
        last = here.map(|y| (x, y));
    }
    sum
}

/// Linear interpolation along a path at ascending positions.
struct Walk<'a> {
    rest: &'a [(f64, f64)],
}

impl<'a> Walk<'a> {
    fn along(path: &'a [(f64, f64)]) -> Self {
        Self { rest: path }
    }

    fn at(&mut self, x: f64) -> Option<f64> {
        loop {
            match self.rest {
                [(x0, y0), ..] if *x0 == x => return Some(*y0),
                [(x0, _), ..] if *x0 > x => return None,
                [_, (x1, _), ..] if *x1 <= x => self.rest = self.rest.get(1..).unwrap_or(&[]),
                [(x0, y0), (x1, y1), ..] => return Some(y0 + (x - x0) / (x1 - x0) * (y1 - y0)),
                // Beyond the end by no more than rounding: both paths end at 1.
                [(x0, y0)] if x - x0 < 1e-12 => return Some(*y0),
                _ => return None,
            }
        }
    }
}

const SCORES: Role = Role {
    need: Need::Many(1),
    what: "one score, with `group`; or two scores of the same cases",
    ..SCORE
};

const GROUP: Role = Role {
    name: "group",
    what: "which of two groups of different cases the row belongs to; absent: two scores of the same cases",
    kind: Kind::Label,
    need: Need::Optional,
    missing: false,
};

pub(super) const ENTRY: Entry = Entry {
    id: "roc-venkatraman",
    group: Group::Roc,
    title: "Whole ROC curves compared by permutation",
    formula: "paired: E = sum over ranks k of |errors of the first at k - errors of the second at k|, ranks exchanged within cases; unpaired: E = area between the errors k F + (1-k)(1-G) over position k F + (1-k) G, ranks exchanged between groups within classes; p = (b+1)/(B+1), b permutations with E at least as great",
    source: "Venkatraman and Begg 1996, Biometrika 83:835; Venkatraman 2000, Biometrics 56:1134; Phipson and Smyth 2010",
    assumptions: "Rows are independent (no clusters). Tells whether the curves differ anywhere, not which is better, so it is no test of superiority. Equal scores are ranked in the order of the rows (as pROC) or at random",
    compared_with: "pROC 1.18.0 roc.test(method = \"venkatraman\"): E exactly, p within Monte-Carlo error",
    roles: &[TRUTH, SCORES, GROUP],
    settings: &[
        Setting {
            name: "ties",
            what: "how equal scores are ranked: first (by row, as pROC) or random",
            kind: SettingKind::Choice(&["first", "random"]),
            default: Some("first"),
        },
        REPLICATES,
        SEED,
    ],
    numbers: &[
        "p_value",
        "statistic",
        "p_value_proc",
        "permutations",
        "statistic_proc",
    ],
    run,
};

fn run(sample: &Sample) -> Result<Answer, StatisticsError> {
    let ties = if sample.word("ties") == "random" {
        RankTies::Random
    } else {
        RankTies::First
    };
    let (permutations, seed) = (sample.whole("replicates"), sample.whole("seed"));
    let scores = sample.all_reals("score");
    let n = sample.rows();
    let mut answer = Answer::default();
    let (test, kind, curves) = match (scores.as_slice(), sample.labels("group")) {
        ([(name_a, a), (name_b, b)], None) => {
            let truth = sample.binary("truth");
            let test = venkatraman_paired(truth, a, b, ties, permutations, seed)?;
            let curves = vec![
                super::curve::figure(
                    *name_a,
                    &super::roc_curve(truth, a, super::Thresholds::Midpoint)?,
                ),
                super::curve::figure(
                    *name_b,
                    &super::roc_curve(truth, b, super::Thresholds::Midpoint)?,
                ),
            ];
            (test, "paired", curves)
        }
        ([_], Some(_)) => {
            let Split {
                names,
                arms: [(ta, sa, _), (tb, sb, _)],
            } = split(sample)?;
            let (test, proc_statistic) =
                venkatraman_unpaired((&ta, &sa), (&tb, &sb), ties, permutations, seed)?;
            answer.numbers.push(match proc_statistic {
                Some(e) => Number::plain("statistic_proc", "venkatraman.unpaired.proc-1.18", e, n),
                None => Number::none(
                    "statistic_proc",
                    "venkatraman.unpaired.proc-1.18",
                    n,
                    "pROC's mixing share is not below 1 for these group sizes",
                ),
            });
            let [name_a, name_b] = names;
            let curves = vec![
                super::curve::figure(
                    name_a,
                    &super::roc_curve(&ta, &sa, super::Thresholds::Midpoint)?,
                ),
                super::curve::figure(
                    name_b,
                    &super::roc_curve(&tb, &sb, super::Thresholds::Midpoint)?,
                ),
            ];
            (test, "unpaired", curves)
        }
        _ => {
            return Err(StatisticsError::Data(
                "give two scores of the same cases, or one score and a column `group` with two values".into(),
            ));
        }
    };
    let own = [
        Number::plain("p_value", "permutation.plus-one", test.p_value(), n),
        Number::plain(
            "statistic",
            format!("venkatraman.{kind}"),
            test.statistic,
            n,
        ),
        Number::plain("p_value_proc", "permutation.share", test.p_value_proc(), n),
        Number::plain("permutations", "count", test.permutations as f64, n),
    ];
    answer.numbers.splice(0..0, own);
    let p = test.p_value();
    answer.notes.push(format!(
        "Monte-Carlo standard error of the p-value: {:.4}",
        (p * (1.0 - p) / test.permutations as f64).sqrt()
    ));
    if test.tied > 0 {
        answer.notes.push(match ties {
            RankTies::First => format!("{} rows share their score with another; they are ranked in the order of the rows, so that order matters", test.tied),
            RankTies::Random => format!("{} rows share their score with another; they are ranked at random", test.tied),
        });
    }
    answer.curves = curves;
    Ok(answer)
}
