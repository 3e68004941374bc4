//! Areas for more than two classes.

use serde::Serialize;

use super::levels::{check_length, check_scores};
use super::{BOOTSTRAP, BootstrapInterval};
use crate::catalogue::{
    CLUSTER, Entry, Group, Kind, LEVEL, Labels, Need, REPLICATES, Role, SCORE, SEED, Sample,
    Setting, SettingKind,
};
use crate::number::{Answer, Number, StatisticsError};
use crate::proportion::idle;
use crate::rank::sorted_rows;
use crate::resample::{Units, quantile};

/// Hand and Till's M (2001, Machine Learning 45:171) for one score per class: the mean over pairs of
/// classes of `(A(i|j) + A(j|i)) / 2`, where `A(i|j)` is the share of (i, j) pairs in which the case
/// of class i has the higher score for i, ties counting half. It does not depend on how common the
/// classes are. `class` holds places into `scores`.
///
/// # Errors
/// Not estimable unless each of two or more classes has a case; data error for columns of different
/// length, a class without a score, a score that is not a number.
pub fn hand_till(class: &[usize], scores: &[&[f64]]) -> Result<f64, StatisticsError> {
    Ok(Wins::of(class, scores)?.hand_till())
}

/// Areas of each class against all others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OneVersusRest {
    /// Area of each class.
    pub areas: Vec<f64>,
    /// Their mean.
    pub macro_average: f64,
    /// Their mean weighted by how common the classes are.
    pub weighted_average: f64,
}

/// Each class against the rest by its own score, macro-averaged and weighted by prevalence (as
/// scikit-learn's `roc_auc_score(multi_class="ovr")`).
///
/// # Errors
/// As [`hand_till`].
pub fn one_versus_rest(
    class: &[usize],
    scores: &[&[f64]],
) -> Result<OneVersusRest, StatisticsError> {
    Ok(Wins::of(class, scores)?.one_versus_rest())
}

/// Hand and Till's M for one score over ordered classes: the mean over pairs of classes of the area
/// by that score. With `auto` the direction of each pair is the one in which the medians lie, as
/// pROC chooses it (optimistic: no area below that of the chosen direction is ever seen); without,
/// higher classes are taken to score higher.
///
/// # Errors
/// As [`hand_till`]; `classes` says how many there are.
pub fn hand_till_univariate(
    class: &[usize],
    classes: usize,
    score: &[f64],
    auto: bool,
) -> Result<f64, StatisticsError> {
    let wins = Wins::of_one(class, classes, score)?;
    let turned = turned(class, classes, score, auto);
    Ok(wins.univariate(&turned))
}

/// For each pair (i, j), i < j, whether the lower class has the greater median.
fn turned(class: &[usize], classes: usize, score: &[f64], auto: bool) -> Vec<bool> {
    let median = |c: usize| {
        let mut own: Vec<f64> = class
            .iter()
            .zip(score)
            .filter(|(k, _)| **k == c)
            .map(|(_, s)| *s)
            .collect();
        own.sort_unstable_by(f64::total_cmp);
        quantile(&own, 0.5)
    };
    let medians: Vec<f64> = (0..classes).map(median).collect();
    let mut turned = Vec::new();
    for (i, low) in medians.iter().enumerate() {
        turned.extend(medians.iter().skip(i + 1).map(|high| auto && low > high));
    }
    turned
}

/// Twice the wins of class i over class j by score i, for all i and j.
#[derive(Clone, Debug)]
struct Wins {
    twice: Vec<Vec<u64>>,
    cases: Vec<u64>,
}

/// A column sorted once: the class codes of the rows at each distinct score, ascending.
struct Sorted {
    /// Level of each row.
    of_row: Vec<u32>,
    levels: usize,
}

impl Sorted {
    fn of(score: &[f64]) -> Self {
        let mut of_row = vec![0; score.len()];
        let mut levels = 0;
        for ties in sorted_rows(score).chunk_by(|a, b| a.0 == b.0) {
            for (_, row) in ties {
                if let Some(level) = of_row.get_mut(*row) {
                    *level = levels as u32;
                }
            }
            levels += 1;
        }
        Self { of_row, levels }
    }

    /// Twice the wins of each class `i` in `rows` over each class `j`.
    fn twice_wins(
        &self,
        class: &[usize],
        rows: impl Iterator<Item = usize>,
        classes: usize,
        of: Option<usize>,
    ) -> Vec<Vec<u64>> {
        let mut counts = vec![0u32; self.levels * classes];
        for row in rows {
            if let (Some(level), Some(c)) = (self.of_row.get(row), class.get(row))
                && let Some(count) = counts.get_mut(*level as usize * classes + c)
            {
                *count += 1;
            }
        }
        let mut below = vec![0u64; classes];
        let mut twice = vec![vec![0u64; classes]; classes];
        for here in counts.chunks(classes.max(1)) {
            for (i, (own, wins)) in here.iter().zip(&mut twice).enumerate() {
                if *own == 0 || of.is_some_and(|c| c != i) {
                    continue;
                }
                for ((win, before), tied) in wins.iter_mut().zip(&below).zip(here) {
                    *win += u64::from(*own) * (2 * before + u64::from(*tied));
                }
            }
            for (before, count) in below.iter_mut().zip(here) {
                *before += u64::from(*count);
            }
        }
        twice
    }
}

impl Wins {
    fn of(class: &[usize], scores: &[&[f64]]) -> Result<Self, StatisticsError> {
        check(class, scores.len(), scores)?;
        let sorted: Vec<Sorted> = scores.iter().map(|s| Sorted::of(s)).collect();
        let all: Vec<usize> = (0..class.len()).collect();
        Self::count(class, &sorted, &all).ok_or_else(|| missing(class, scores.len()))
    }

    fn of_one(class: &[usize], classes: usize, score: &[f64]) -> Result<Self, StatisticsError> {
        check(class, classes, &[score])?;
        let all: Vec<usize> = (0..class.len()).collect();
        Self::count_one(class, classes, &Sorted::of(score), &all)
            .ok_or_else(|| missing(class, classes))
    }

    /// By one score per class; none when a class has no case among the rows.
    fn count(class: &[usize], sorted: &[Sorted], rows: &[usize]) -> Option<Self> {
        let classes = sorted.len();
        let cases = cases(class, rows, classes)?;
        let twice = sorted
            .iter()
            .enumerate()
            .filter_map(|(i, column)| {
                column
                    .twice_wins(class, rows.iter().copied(), classes, Some(i))
                    .into_iter()
                    .nth(i)
            })
            .collect();
        Some(Self { twice, cases })
    }

    /// By the same score for every class.
    fn count_one(class: &[usize], classes: usize, sorted: &Sorted, rows: &[usize]) -> Option<Self> {
        let cases = cases(class, rows, classes)?;
        Some(Self {
            twice: sorted.twice_wins(class, rows.iter().copied(), classes, None),
            cases,
        })
    }

    fn area(&self, i: usize, j: usize) -> f64 {
        let get = |v: &[u64], k: usize| v.get(k).copied().unwrap_or(0) as f64;
        let wins = self.twice.get(i).map_or(0.0, |row| get(row, j));
        wins / (2.0 * get(&self.cases, i) * get(&self.cases, j))
    }

    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let k = self.cases.len();
        (0..k).flat_map(move |i| (i + 1..k).map(move |j| (i, j)))
    }

    fn hand_till(&self) -> f64 {
        let k = self.cases.len() as f64;
        self.pairs()
            .map(|(i, j)| f64::midpoint(self.area(i, j), self.area(j, i)))
            .sum::<f64>()
            * 2.0
            / (k * (k - 1.0))
    }

    /// Pairs weighted by the share of their cases, as scikit-learn's `ovo`, `weighted`.
    fn hand_till_weighted(&self) -> f64 {
        let get = |k: usize| self.cases.get(k).copied().unwrap_or(0) as f64;
        let (sum, weight) = self.pairs().fold((0.0, 0.0), |(sum, weight), (i, j)| {
            let w = get(i) + get(j);
            (
                sum + w * f64::midpoint(self.area(i, j), self.area(j, i)),
                weight + w,
            )
        });
        sum / weight
    }

    fn univariate(&self, turned: &[bool]) -> f64 {
        let k = self.cases.len() as f64;
        let sum: f64 = self
            .pairs()
            .zip(turned)
            .map(|((i, j), t)| if *t { self.area(i, j) } else { self.area(j, i) })
            .sum();
        sum * 2.0 / (k * (k - 1.0))
    }

    fn one_versus_rest(&self) -> OneVersusRest {
        let all: u64 = self.cases.iter().sum();
        let areas: Vec<f64> = self
            .twice
            .iter()
            .zip(&self.cases)
            .enumerate()
            .map(|(i, (wins, own))| {
                let won: u64 = wins
                    .iter()
                    .enumerate()
                    .filter(|(j, _)| *j != i)
                    .map(|(_, w)| *w)
                    .sum();
                won as f64 / (2.0 * *own as f64 * (all - own) as f64)
            })
            .collect();
        let weighted = areas
            .iter()
            .zip(&self.cases)
            .map(|(a, own)| a * *own as f64)
            .sum::<f64>()
            / all as f64;
        let macro_average = areas.iter().sum::<f64>() / areas.len() as f64;
        OneVersusRest {
            areas,
            macro_average,
            weighted_average: weighted,
        }
    }
}

fn check(class: &[usize], classes: usize, scores: &[&[f64]]) -> Result<(), StatisticsError> {
    for score in scores {
        check_scores(class.len(), score)?;
    }
    if classes < 2 {
        return Err(StatisticsError::not_estimable(format!(
            "{classes} class; two are needed"
        )));
    }
    match class.iter().position(|c| *c >= classes) {
        None => Ok(()),
        Some(row) => Err(StatisticsError::Value {
            column: "class".into(),
            row,
            what: "is a class that has no score".into(),
        }),
    }
}

fn cases(class: &[usize], rows: &[usize], classes: usize) -> Option<Vec<u64>> {
    let mut cases = vec![0u64; classes];
    for row in rows {
        if let Some(count) = class.get(*row).and_then(|c| cases.get_mut(*c)) {
            *count += 1;
        }
    }
    cases.iter().all(|c| *c > 0).then_some(cases)
}

fn missing(class: &[usize], classes: usize) -> StatisticsError {
    let empty: Vec<String> = (0..classes)
        .filter(|c| !class.contains(c))
        .map(|c| (c + 1).to_string())
        .collect();
    StatisticsError::not_estimable(format!("no case of class number {}", empty.join(", ")))
}

const TRUTH: Role = Role {
    name: "truth",
    what: "reference standard: the class of the case",
    kind: Kind::Label,
    need: Need::One,
    missing: false,
};

const SCORES: Role = Role {
    need: Need::Many(1),
    what: "the score for each class, in a column named as the class; or one score over ordered classes",
    ..SCORE
};

pub(super) const ENTRY: Entry = Entry {
    id: "roc-multiclass",
    group: Group::Roc,
    title: "Areas for more than two classes",
    formula: "Hand-Till M = 2/(k(k-1)) sum over i<j of (A(i|j) + A(j|i))/2; one-vs-rest: area of each class's score against all others, mean and mean weighted by prevalence; one score only: mean over pairs of classes of its area",
    source: "Hand and Till 2001, Machine Learning 45:171; Fawcett 2006",
    assumptions: "Every class has a case and a column named as it. M does not depend on prevalence, the one-vs-rest areas do. Intervals by bootstrap within classes, or by cluster (a replicate that lacks a class has no value)",
    compared_with: "pROC 1.18.0 multiclass.roc; scikit-learn 1.9.1 roc_auc_score(multi_class = ovo, ovr; average = macro, weighted)",
    roles: &[TRUTH, SCORES, CLUSTER],
    settings: &[
        LEVEL,
        Setting {
            name: "direction",
            what: "one score only: ascending (higher classes score higher) or auto (for each pair by its medians, as pROC)",
            kind: SettingKind::Choice(&["auto", "ascending"]),
            default: Some("auto"),
        },
        Setting {
            name: "order",
            what: "one score only: the classes from the lowest to the highest; without it by value where all are numbers, else by name",
            kind: SettingKind::Words,
            default: Some(""),
        },
        BOOTSTRAP,
        REPLICATES,
        SEED,
    ],
    numbers: &[
        "hand_till",
        "hand_till_weighted",
        "one_vs_rest_macro",
        "one_vs_rest_weighted",
        "auc_{class}",
        "auc_{class}_{class}",
    ],
    run,
};

fn run(sample: &Sample) -> Result<Answer, StatisticsError> {
    let mut labels = sample.labels("truth").cloned().unwrap_or_default();
    let order = sample.words("order");
    if !order.is_empty() {
        labels = reordered(&labels, order)?;
    }
    let class = labels.complete();
    let clusters = sample.labels("cluster").map(|l| l.complete());
    let columns = sample.all_reals("score");
    if let Some(codes) = &clusters {
        check_length(class.len(), codes.len(), "cluster")?;
    }
    let units = match &clusters {
        Some(codes) => Units::new(class.len(), Some(codes), None),
        None => Units::new(class.len(), None, Some(&class)),
    };
    match columns.as_slice() {
        [(name, score)] if !labels.names.iter().any(|n| n == name) => {
            run_one(sample, &labels, &class, score, &units)
        }
        _ => run_many(sample, &labels, &class, &columns, &units),
    }
}

/// The classes in the given order, which names each of them once.
fn reordered(labels: &Labels, order: &[String]) -> Result<Labels, StatisticsError> {
    let mut sorted: Vec<&String> = order.iter().collect();
    sorted.sort();
    let mut own: Vec<&String> = labels.names.iter().collect();
    own.sort();
    if sorted != own {
        return Err(StatisticsError::setting(
            "order",
            order.join(","),
            format!("each class once: {}", labels.names.join(", ")),
        ));
    }
    let places: Vec<Option<usize>> = labels
        .names
        .iter()
        .map(|n| order.iter().position(|o| o == n))
        .collect();
    Ok(Labels {
        codes: labels
            .codes
            .iter()
            .map(|c| c.and_then(|c| places.get(c).copied().flatten()))
            .collect(),
        names: order.to_vec(),
    })
}

fn run_many(
    sample: &Sample,
    labels: &Labels,
    class: &[usize],
    columns: &[(&str, &[f64])],
    units: &Units,
) -> Result<Answer, StatisticsError> {
    let scores: Vec<&[f64]> = labels
        .names
        .iter()
        .enumerate()
        .map(|(code, name)| {
            let wrong = |what: &str| StatisticsError::Value {
                column: "truth".into(),
                row: labels.first_row(code),
                what: what.into(),
            };
            let mut found = columns.iter().filter(|(n, _)| n == name).map(|(_, s)| *s);
            let first = found.next().ok_or_else(|| {
                wrong("is a class without a score; name a column of scores as the class")
            })?;
            match found.next() {
                None => Ok(first),
                Some(_) => Err(wrong("is a class with two columns of scores; keep one")),
            }
        })
        .collect::<Result<_, _>>()?;
    let wins = Wins::of(class, &scores)?;
    let sorted: Vec<Sorted> = scores.iter().map(|s| Sorted::of(s)).collect();
    let statistic = |rows: &[usize]| {
        Wins::count(class, &sorted, rows).map(|w| {
            let rest = w.one_versus_rest();
            [
                w.hand_till(),
                w.hand_till_weighted(),
                rest.macro_average,
                rest.weighted_average,
            ]
        })
    };
    let rest = wins.one_versus_rest();
    let mut answer = Answer::default();
    let values = [
        ("hand_till", "auc.hand-till", wins.hand_till()),
        (
            "hand_till_weighted",
            "auc.one-vs-one.weighted-by-pair-prevalence",
            wins.hand_till_weighted(),
        ),
        (
            "one_vs_rest_macro",
            "auc.one-vs-rest.macro",
            rest.macro_average,
        ),
        (
            "one_vs_rest_weighted",
            "auc.one-vs-rest.weighted-by-prevalence",
            rest.weighted_average,
        ),
    ];
    let (intervals, clipped) = intervals(sample, units, values.map(|v| v.2), statistic)?;
    for ((name, definition, value), interval) in values.into_iter().zip(intervals) {
        let number = Number::plain(name, definition, value, class.len());
        answer.numbers.push(match interval {
            Ok((interval, method)) => number.with_interval(interval, method),
            Err(why) => number.without_interval(why),
        });
    }
    for ((name, value), (code, score)) in labels
        .names
        .iter()
        .zip(&rest.areas)
        .zip(scores.iter().enumerate())
    {
        answer.numbers.push(Number::plain(
            format!("auc_{name}"),
            "auc.one-vs-rest",
            *value,
            class.len(),
        ));
        let own: Vec<bool> = class.iter().map(|c| *c == code).collect();
        answer.curves.push(super::curve::figure(
            format!("{name} against the rest"),
            &super::roc_curve(&own, score, super::Thresholds::Midpoint)?,
        ));
    }
    let ignored: Vec<&str> = columns
        .iter()
        .map(|(n, _)| *n)
        .filter(|n| !labels.names.iter().any(|l| l == n))
        .collect();
    if !ignored.is_empty() {
        answer.notes.push(format!(
            "columns that no case's class is named as were left out: {}",
            ignored.join(", ")
        ));
    }
    idle(
        &mut answer,
        sample,
        "direction",
        "auto",
        "each class has its own score",
    );
    if !sample.words("order").is_empty() {
        answer.notes.push(
            "`order` is not used but for the order of printing: each class has its own score"
                .into(),
        );
    }
    push_clipped(&mut answer, clipped);
    Ok(answer)
}

fn run_one(
    sample: &Sample,
    labels: &Labels,
    class: &[usize],
    score: &[f64],
    units: &Units,
) -> Result<Answer, StatisticsError> {
    let classes = labels.names.len();
    let auto = sample.word("direction") != "ascending";
    let wins = Wins::of_one(class, classes, score)?;
    let turned = turned(class, classes, score, auto);
    let sorted = Sorted::of(score);
    let statistic = |rows: &[usize]| {
        Wins::count_one(class, classes, &sorted, rows).map(|w| [w.univariate(&turned)])
    };
    let value = wins.univariate(&turned);
    let mut answer = Answer::default();
    let number = Number::plain("hand_till", "auc.hand-till.one-score", value, class.len());
    let (intervals, clipped) = intervals(sample, units, [value], statistic)?;
    for interval in intervals {
        answer.numbers.push(match interval {
            Ok((interval, method)) => number.clone().with_interval(interval, method),
            Err(why) => number.clone().without_interval(why),
        });
    }
    for ((i, j), turn) in wins.pairs().zip(&turned) {
        let name = |k: usize| labels.names.get(k).map_or("", String::as_str);
        let area = if *turn {
            wins.area(i, j)
        } else {
            wins.area(j, i)
        };
        answer.numbers.push(Number::plain(
            format!("auc_{}_{}", name(i), name(j)),
            if *turn {
                "auc.lower-class-scores-higher"
            } else {
                "auc.higher-class-scores-higher"
            },
            area,
            class.len(),
        ));
    }
    let numbers = labels.names.iter().all(|n| n.parse::<f64>().is_ok());
    answer.notes.push(format!(
        "order of the classes, from low to high: {}; {}",
        labels.names.join(" < "),
        if !sample.words("order").is_empty() {
            "as `order` says"
        } else if numbers {
            "by their values"
        } else {
            "by their names alone, which need not be their order in meaning: give it by `order`"
        }
    ));
    push_clipped(&mut answer, clipped);
    if turned.iter().any(|t| *t) {
        answer.notes.push("for some pairs the lower class has the greater median, and the direction was turned (direction `auto`)".into());
    }
    Ok(answer)
}

/// Why there is no bootstrap: a class with fewer than two cases, or clusters that hold one.
fn too_few(sample: &Sample) -> Option<String> {
    let labels = sample.labels("truth")?;
    let codes = labels.complete();
    let clusters = sample.labels("cluster").map(|l| l.complete());
    labels.names.iter().enumerate().find_map(|(k, name)| {
        let own = (0..codes.len()).filter(|row| codes.get(*row) == Some(&k));
        let units: std::collections::BTreeSet<usize> = own
            .filter_map(|row| match &clusters {
                Some(c) => c.get(row).copied(),
                None => Some(row),
            })
            .collect();
        (units.len() < 2).then(|| {
            format!(
                "a bootstrap needs two {} of each class; `{name}` has {}",
                if clusters.is_some() {
                    "clusters"
                } else {
                    "cases"
                },
                units.len()
            )
        })
    })
}

type Made = Result<(crate::number::Interval, &'static str), String>;

fn intervals<const K: usize>(
    sample: &Sample,
    units: &Units,
    values: [f64; K],
    statistic: impl Fn(&[usize]) -> Option<[f64; K]> + Sync,
) -> Result<(Vec<Made>, bool), StatisticsError> {
    let method = BootstrapInterval::from_word(sample.word("bootstrap"));
    if let Some(few) = too_few(sample) {
        return Ok((vec![Err(few); K], false));
    }
    let replicates = units.bootstrap(sample.whole("seed"), sample.whole("replicates"), &statistic);
    let jackknife = match method {
        BootstrapInterval::Bca if units.len() > 5000 => {
            return Err(StatisticsError::setting(
                "bootstrap",
                "bca with more than 5000 units",
                "use percentile, which hardly differs at this size",
            ));
        }
        BootstrapInterval::Bca => units.jackknife(&statistic),
        _ => Vec::new(),
    };
    let column = |all: &[Option<[f64; K]>], k: usize| -> Vec<Option<f64>> {
        all.iter()
            .map(|r| r.and_then(|v| v.get(k).copied()))
            .collect()
    };
    let mut clipped = false;
    let made = values
        .iter()
        .enumerate()
        .map(|(k, value)| {
            let own = column(&replicates, k);
            let made = method
                .of(*value, &own, &column(&jackknife, k), sample.real("level"))
                .and_then(|interval| super::clip(interval, 0.0, 1.0));
            match made {
                Ok((interval, cut)) => {
                    clipped |= cut;
                    Ok(Ok((interval, method.id())))
                }
                Err(StatisticsError::NotEstimable(why)) => Ok(Err(why)),
                Err(other) => Err(other),
            }
        })
        .collect::<Result<_, _>>()?;
    Ok((made, clipped))
}

fn push_clipped(answer: &mut Answer, clipped: bool) {
    if clipped {
        answer
            .notes
            .push("a limit lay outside [0, 1] and was clipped; percentile stays inside".into());
    }
}
