//! Conformal prediction (sets and intervals with a guaranteed coverage over exchangeable cases) and
//! selective prediction (which cases to refer).

use std::collections::BTreeMap;

use statrs::function::gamma::ln_gamma;

use crate::catalogue::{
    CLUSTER, Entry, Group, Kind, LEVEL, Labels, Need, REPLICATES, Role, SEED, Sample, Setting,
    SettingKind,
};
use crate::distribution::beta_quantile;
use crate::number::{Answer, Cell, Curve, Figure, Interval, Number, StatisticsError, Table};
use crate::proportion::wilson_interval;
use crate::random::Philox;
use crate::resample::{BootstrapInterval, Units};

/// The rank k = ceil((n + 1)(1 - alpha)) of the calibration score that becomes the threshold, in
/// exact arithmetic: alpha stands for the decimal number that prints it (0.1 for the double nearest
/// to 0.1), so that n = 9 with alpha = 0.1 gives 9 and n = 19 with alpha = 0.05 gives 19, where rounding in
/// floating point could add 1. A rank above n means an infinite threshold.
///
/// # Errors
/// When alpha lies outside (0, 1) or has more than 18 decimals.
pub fn conformal_rank(n: usize, alpha: f64) -> Result<usize, StatisticsError> {
    let wrong = || {
        StatisticsError::setting(
            "alpha",
            alpha,
            "between 0 and 1 with at most 18 decimals, such as 0.1",
        )
    };
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(wrong());
    }
    // Display prints the shortest decimal that reads back as this double.
    let text = alpha.to_string();
    let decimals = text.strip_prefix("0.").ok_or_else(wrong)?;
    if decimals.len() > 18 {
        return Err(wrong());
    }
    let numerator: u128 = decimals.parse().map_err(|_| wrong())?;
    let denominator = 10u128.pow(decimals.len() as u32);
    // ceil((n + 1)(1 - alpha)) = n + 1 - floor((n + 1) alpha).
    let left_out = (n as u128 + 1) * numerator / denominator;
    Ok((n as u128 + 1 - left_out) as usize)
}

/// The threshold of calibration scores: the one of rank [`conformal_rank`], or infinity.
///
/// # Errors
/// When a score is not a number, or as [`conformal_rank`].
pub fn conformal_threshold(scores: &[f64], alpha: f64) -> Result<f64, StatisticsError> {
    if scores.iter().any(|s| s.is_nan()) {
        return Err(StatisticsError::Data(
            "a calibration score is not a number".into(),
        ));
    }
    let rank = conformal_rank(scores.len(), alpha)?;
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    Ok(rank
        .checked_sub(1)
        .and_then(|at| sorted.get(at))
        .copied()
        .unwrap_or(f64::INFINITY))
}

/// Scores of conformal classification: higher means stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassScore {
    /// 1 - probability of the class (least ambiguous sets; Sadinle 2019).
    Lac,
    /// Probability of all classes at least as likely, the class included (adaptive prediction sets).
    Aps,
    /// The same less (1 - u) times the class's own probability, u uniform on each row (Romano 2020):
    /// exact coverage, smaller sets.
    ApsRandomised,
}

/// The score of each class of one row. Equal probabilities are ordered by column; `u` is read by the
/// randomised score only. A plain APS score within 1e-9 of 1 is 1, as the sum of all classes is, so
/// that rounding does not decide over the last class.
#[must_use]
pub fn class_scores(probabilities: &[f64], score: ClassScore, u: f64) -> Vec<f64> {
    if score == ClassScore::Lac {
        return probabilities.iter().map(|p| 1.0 - p).collect();
    }
    let mut order: Vec<(usize, f64)> = probabilities.iter().copied().enumerate().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut scores = vec![0.0; probabilities.len()];
    let mut before = 0.0;
    for (class, p) in order {
        if let Some(slot) = scores.get_mut(class) {
            *slot = match score {
                ClassScore::ApsRandomised => before + u * p,
                _ if before + p > 1.0 - 1e-9 => 1.0,
                _ => before + p,
            };
        }
        before += p;
    }
    scores
}

/// The set of classes of one row: those whose score is at most the threshold. With `include_last`
/// (APS only) it is those whose score is below the threshold and the next likeliest, so that the set
/// holds at least the threshold's probability (Angelopoulos and Bates 2023). MAPIE randomises its
/// APS calibration scores and gives smaller sets.
/// `threshold` gives each class's threshold.
#[must_use]
pub fn class_set(
    scores: &[f64],
    threshold: impl Fn(usize) -> f64,
    include_last: bool,
) -> Vec<usize> {
    let within = |class: usize, score: f64| {
        if include_last {
            score < threshold(class)
        } else {
            score <= threshold(class)
        }
    };
    let mut set: Vec<usize> = scores
        .iter()
        .enumerate()
        .filter(|(class, score)| within(*class, **score))
        .map(|(class, _)| class)
        .collect();
    if include_last {
        let next = scores
            .iter()
            .enumerate()
            .filter(|(class, _)| !set.contains(class))
            .min_by(|a, b| a.1.total_cmp(b.1));
        if let Some((class, _)) = next {
            set.push(class);
            set.sort_unstable();
        }
    }
    set
}

/// The limits of a count that has a beta-binomial distribution: the number of `evaluated` cases
/// covered after calibration on `calibrated`, given rank k: BetaBinomial(evaluated, k, calibrated + 1
/// - k) (Vovk 2012). Equal tails, quantiles as `scipy.stats.betabinom.ppf`.
///
/// # Errors
/// When the rank is not within 1 to `calibrated` or the level outside (0, 1).
pub fn coverage_band(
    calibrated: usize,
    rank: usize,
    evaluated: usize,
    level: f64,
) -> Result<(usize, usize), StatisticsError> {
    if rank == 0 || rank > calibrated {
        return Err(StatisticsError::not_estimable(
            "the threshold is infinite: every case is covered",
        ));
    }
    if !(level > 0.0 && level < 1.0) {
        return Err(StatisticsError::setting(
            "level",
            level,
            "it lies between 0 and 1, such as 0.95",
        ));
    }
    let (n, a, b) = (
        evaluated as f64,
        rank as f64,
        (calibrated + 1 - rank) as f64,
    );
    let log_beta = |a: f64, b: f64| ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
    let mass = |k: usize| {
        let k = k as f64;
        let choose = ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0);
        (choose + log_beta(k + a, n - k + b) - log_beta(a, b)).exp()
    };
    let low = (1.0 - level) / 2.0;
    let (mut sum, mut lower) = (0.0, None);
    for k in 0..=evaluated {
        sum += mass(k);
        if lower.is_none() && sum >= low * (1.0 - 1e-12) {
            lower = Some(k);
        }
        if sum >= (1.0 - low) * (1.0 - 1e-12) {
            return Ok((lower.unwrap_or(k), k));
        }
    }
    Ok((lower.unwrap_or(evaluated), evaluated))
}

/// Clopper and Pearson's exact interval of a proportion (1934).
fn clopper_pearson(x: usize, n: usize, level: f64) -> Interval {
    let low = (1.0 - level) / 2.0;
    let (xf, nf) = (x as f64, n as f64);
    Interval {
        lower: if x == 0 {
            0.0
        } else {
            beta_quantile(low, xf, nf - xf + 1.0)
        },
        upper: if x == n {
            1.0
        } else {
            beta_quantile(1.0 - low, xf + 1.0, nf - xf)
        },
        level,
    }
}

/// A point of the risk-coverage curve: the most confident cases, whole ties at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RiskPoint {
    /// Least confidence among the cases kept.
    pub confidence: f64,
    /// Share of cases kept.
    pub coverage: f64,
    /// Mean loss of the cases kept.
    pub risk: f64,
}

/// Risk and coverage of a confidence.
#[derive(Clone, Debug, PartialEq)]
pub struct RiskCoverage {
    /// The curve, falling confidence.
    pub points: Vec<RiskPoint>,
    /// Mean over i = 1..n of the mean loss of the i most confident cases; within ties in expectation
    /// over their order (AURC; Geifman and El-Yaniv 2017).
    pub aurc: f64,
    /// AURC of the best order possible: losses rising.
    pub optimal_aurc: f64,
    /// Mean loss of all cases.
    pub risk: f64,
}

/// Risk-coverage curve from confidences and losses (0/1 for wrong answers).
///
/// # Errors
/// When lengths differ or a value is not a number; not estimable without cases.
pub fn risk_coverage(confidence: &[f64], loss: &[f64]) -> Result<RiskCoverage, StatisticsError> {
    if confidence.len() != loss.len() {
        return Err(StatisticsError::Data(
            "confidence and loss differ in length".into(),
        ));
    }
    if confidence.iter().any(|c| c.is_nan()) || loss.iter().any(|l| !l.is_finite()) {
        return Err(StatisticsError::Data(
            "a confidence or loss is not a number".into(),
        ));
    }
    if confidence.is_empty() {
        return Err(StatisticsError::not_estimable("there is no case"));
    }
    let n = loss.len() as f64;
    let mut cases: Vec<(f64, f64)> = confidence
        .iter()
        .map(|c| c + 0.0)
        .zip(loss.iter().copied())
        .collect();
    cases.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let (mut points, mut kept, mut lost, mut area) = (Vec::new(), 0.0, 0.0, 0.0);
    for ties in cases.chunk_by(|a, b| a.0 == b.0) {
        let mean = ties.iter().map(|t| t.1).sum::<f64>() / ties.len() as f64;
        let before = lost;
        for i in 1..=ties.len() {
            area += (before + i as f64 * mean) / (kept + i as f64);
        }
        kept += ties.len() as f64;
        lost = before + ties.iter().map(|t| t.1).sum::<f64>();
        points.push(RiskPoint {
            confidence: ties.first().map_or(f64::NAN, |t| t.0),
            coverage: kept / n,
            risk: lost / kept,
        });
    }
    let mut losses = loss.to_vec();
    losses.sort_unstable_by(f64::total_cmp);
    let (mut sum, mut optimal) = (0.0, 0.0);
    for (i, loss) in losses.iter().enumerate() {
        sum += loss;
        optimal += sum / (i as f64 + 1.0);
    }
    Ok(RiskCoverage {
        points,
        aurc: area / n,
        optimal_aurc: optimal / n,
        risk: lost / n,
    })
}

/// What the conformal entries read: scores of each row's own outcome, and what a set needs.
struct Problem {
    /// Score of the true class or outcome.
    own: Vec<f64>,
    /// Scores of all classes; empty rows for intervals.
    classes: Vec<Vec<f64>>,
    /// Place of the true class.
    truth: Vec<usize>,
    class_names: Vec<String>,
    /// What a row's interval half width is per unit of threshold.
    scale: Vec<f64>,
    definition: String,
}

fn problem_of(sample: &Sample) -> Result<Problem, StatisticsError> {
    let method = sample.word("method");
    let absent = |role: &str| {
        StatisticsError::Data(format!("the method `{method}` reads the column `{role}`"))
    };
    if method == "absolute-residual" || method == "normalised-residual" {
        let outcome = sample
            .optional_reals("outcome")
            .ok_or_else(|| absent("outcome"))?;
        let prediction = sample
            .optional_reals("prediction")
            .ok_or_else(|| absent("prediction"))?;
        let scale = if method == "normalised-residual" {
            let scale = sample
                .optional_reals("difficulty")
                .ok_or_else(|| absent("difficulty"))?;
            if let Some(row) = scale.iter().position(|s| *s <= 0.0) {
                return Err(StatisticsError::Value {
                    column: "difficulty".into(),
                    row,
                    what: "is not positive".into(),
                });
            }
            scale.to_vec()
        } else {
            vec![1.0; outcome.len()]
        };
        return Ok(Problem {
            own: outcome
                .iter()
                .zip(prediction)
                .zip(&scale)
                .map(|((y, p), s)| (y - p).abs() / s)
                .collect(),
            classes: Vec::new(),
            truth: Vec::new(),
            class_names: Vec::new(),
            scale,
            definition: format!("conformal.{method}"),
        });
    }
    let score = match method {
        "aps" => ClassScore::Aps,
        "aps-randomised" => ClassScore::ApsRandomised,
        _ => ClassScore::Lac,
    };
    let columns = sample.all_reals("class_probability");
    let labels = sample.labels("class").ok_or_else(|| absent("class"))?;
    if columns.is_empty() {
        return Err(absent("class_probability"));
    }
    // One column is the probability of the positive class of two.
    let single = columns.len() == 1;
    let class_names: Vec<String> = match columns.first() {
        Some((name, _)) if single => vec![format!("not {name}"), (*name).to_owned()],
        _ => columns.iter().map(|(n, _)| (*n).to_owned()).collect(),
    };
    let mut places = Vec::new();
    for (code, name) in labels.names.iter().enumerate() {
        let place = class_names
            .iter()
            .position(|c| c == name)
            .or(match name.as_str() {
                "1" | "true" | "positive" | "yes" if single => Some(1),
                "0" | "false" | "negative" | "no" if single => Some(0),
                _ => None,
            });
        places.push(place.ok_or_else(|| StatisticsError::Value {
            column: "class".into(),
            row: labels.first_row(code),
            what: format!(
                "its class is no column of `class_probability`; they are: {}",
                class_names.join(", ")
            ),
        })?);
    }
    let mut random = Philox::new(sample.whole("seed"), 0);
    let (mut own, mut classes, mut truth) = (Vec::new(), Vec::new(), Vec::new());
    for (row, code) in labels.complete().into_iter().enumerate() {
        let mut p: Vec<f64> = columns
            .iter()
            .map(|(_, v)| v.get(row).copied().unwrap_or(f64::NAN))
            .collect();
        if single {
            p = p.iter().flat_map(|p| [1.0 - p, *p]).collect();
        } else if (p.iter().sum::<f64>() - 1.0).abs() > 1e-3 {
            return Err(StatisticsError::Value {
                column: "class_probability".into(),
                row,
                what: format!(
                    "the probabilities of the classes sum to {}, not to 1",
                    p.iter().sum::<f64>()
                ),
            });
        }
        let scores = class_scores(&p, score, random.unit());
        let place = places.get(code).copied().unwrap_or(0);
        own.push(scores.get(place).copied().unwrap_or(f64::NAN));
        classes.push(scores);
        truth.push(place);
    }
    Ok(Problem {
        own,
        classes,
        truth,
        class_names,
        scale: Vec::new(),
        definition: format!("conformal.{method}"),
    })
}

/// The Mondrian category of each row, and their names; one of all rows without.
fn categories_of(
    sample: &Sample,
    problem: &Problem,
) -> Result<(Vec<usize>, Vec<String>), StatisticsError> {
    match sample.word("mondrian") {
        "class" if problem.classes.is_empty() => Err(StatisticsError::setting(
            "mondrian",
            "class",
            "it needs classes; use stratum or none",
        )),
        "class" => Ok((problem.truth.clone(), problem.class_names.clone())),
        "stratum" => {
            let labels = sample.labels("stratum").ok_or_else(|| {
                StatisticsError::Data("mondrian = stratum reads the column `stratum`".into())
            })?;
            Ok((labels.complete(), labels.names.clone()))
        }
        _ => Ok((vec![0; problem.own.len()], vec!["all".into()])),
    }
}

/// Threshold, rank and size of each category, from the calibration rows.
struct Calibration {
    threshold: Vec<f64>,
    rank: Vec<usize>,
    size: Vec<usize>,
}

fn calibrate(
    problem: &Problem,
    category: &[usize],
    categories: usize,
    rows: &[usize],
    alpha: f64,
) -> Result<Calibration, StatisticsError> {
    let mut scores: BTreeMap<usize, Vec<f64>> = (0..categories).map(|c| (c, Vec::new())).collect();
    for row in rows {
        if let (Some(category), Some(own)) = (category.get(*row), problem.own.get(*row)) {
            scores.entry(*category).or_default().push(*own);
        }
    }
    let mut calibration = Calibration {
        threshold: Vec::new(),
        rank: Vec::new(),
        size: Vec::new(),
    };
    for scores in scores.into_values() {
        calibration
            .threshold
            .push(conformal_threshold(&scores, alpha)?);
        calibration.rank.push(conformal_rank(scores.len(), alpha)?);
        calibration.size.push(scores.len());
    }
    Ok(calibration)
}

fn threshold_numbers(
    calibration: &Calibration,
    names: &[String],
    definition: &str,
    notes: &mut Vec<String>,
) -> Vec<Number> {
    let mut numbers = Vec::new();
    let one = names.len() == 1;
    for (((threshold, rank), size), name) in calibration
        .threshold
        .iter()
        .zip(&calibration.rank)
        .zip(&calibration.size)
        .zip(names)
    {
        let suffix = if one {
            String::new()
        } else {
            format!("_{name}")
        };
        numbers.push(Number::plain(
            format!("threshold{suffix}"),
            definition,
            *threshold,
            *size,
        ));
        numbers.push(Number::plain(
            format!("rank{suffix}"),
            "ceil((n+1)(1-alpha)).exact-decimal",
            *rank as f64,
            *size,
        ));
        if rank > size {
            notes.push(format!(
                "{name}: rank {rank} of {size} calibration cases does not exist, so the threshold is infinite and every set holds everything"
            ));
        }
    }
    numbers
}

fn run_calibrate(sample: &Sample) -> Result<Answer, StatisticsError> {
    let problem = problem_of(sample)?;
    let (category, names) = categories_of(sample, &problem)?;
    let rows: Vec<usize> = (0..problem.own.len()).collect();
    let calibration = calibrate(
        &problem,
        &category,
        names.len(),
        &rows,
        sample.real("alpha"),
    )?;
    let mut notes = Vec::new();
    let numbers = threshold_numbers(&calibration, &names, &problem.definition, &mut notes);
    let table = Table {
        name: "thresholds".into(),
        columns: ["category", "calibration cases", "rank", "threshold"]
            .map(str::to_owned)
            .to_vec(),
        rows: names
            .iter()
            .zip(&calibration.size)
            .zip(calibration.rank.iter().zip(&calibration.threshold))
            .map(|((name, size), (rank, threshold))| {
                vec![
                    Cell::Text(name.clone()),
                    Cell::Whole(*size as i64),
                    Cell::Whole(*rank as i64),
                    Cell::Real(*threshold),
                ]
            })
            .collect(),
    };
    Ok(Answer {
        numbers,
        tables: vec![table],
        curves: Vec::new(),
        notes,
    })
}

/// A covered row and the size of its set (classes) or width of its interval.
#[derive(Clone, Copy)]
struct Covered {
    covered: bool,
    size: f64,
}

fn evaluate(
    problem: &Problem,
    category: &[usize],
    calibration: &Calibration,
    by_class: bool,
    include_last: bool,
    row: usize,
) -> Covered {
    let limit = |category: usize| {
        calibration
            .threshold
            .get(category)
            .copied()
            .unwrap_or(f64::INFINITY)
    };
    let own_category = category.get(row).copied().unwrap_or(0);
    match problem.classes.get(row) {
        Some(scores) => {
            let set = class_set(
                scores,
                |c| limit(if by_class { c } else { own_category }),
                include_last,
            );
            Covered {
                covered: problem.truth.get(row).is_some_and(|t| set.contains(t)),
                size: set.len() as f64,
            }
        }
        None => Covered {
            covered: problem
                .own
                .get(row)
                .is_some_and(|s| *s <= limit(own_category)),
            size: 2.0 * limit(own_category) * problem.scale.get(row).copied().unwrap_or(1.0),
        },
    }
}

fn coverage_number(name: &str, rows: &[Covered], level: f64) -> Number {
    let (x, n) = (rows.iter().filter(|c| c.covered).count(), rows.len());
    if n == 0 {
        return Number::none(name, "coverage.empirical", 0, "there is no evaluation row");
    }
    Number::plain(name, "coverage.empirical", x as f64 / n as f64, n)
        .with_interval(clopper_pearson(x, n, level), "clopper-pearson")
}

fn run_coverage(sample: &Sample) -> Result<Answer, StatisticsError> {
    let problem = problem_of(sample)?;
    let (category, names) = categories_of(sample, &problem)?;
    let (alpha, level) = (sample.real("alpha"), sample.real("level"));
    let evaluation = sample.binary("evaluation");
    let side = |wanted: bool| -> Vec<usize> {
        evaluation
            .iter()
            .enumerate()
            .filter(|(_, e)| **e == wanted)
            .map(|(row, _)| row)
            .collect()
    };
    let (calibration_rows, rows) = (side(false), side(true));
    if rows.is_empty() {
        return Err(StatisticsError::not_estimable("there is no evaluation row"));
    }
    let calibration = calibrate(&problem, &category, names.len(), &calibration_rows, alpha)?;
    let by_class = sample.word("mondrian") == "class";
    let include_last = sample.flag("include_last");
    if include_last && !sample.word("method").starts_with("aps") {
        return Err(StatisticsError::setting(
            "include_last",
            "true",
            "false: it belongs to aps only",
        ));
    }
    if include_last && by_class {
        return Err(StatisticsError::setting(
            "include_last",
            "true",
            "false with mondrian = class",
        ));
    }
    let results: Vec<(usize, Covered)> = rows
        .iter()
        .map(|row| {
            (
                *row,
                evaluate(
                    &problem,
                    &category,
                    &calibration,
                    by_class,
                    include_last,
                    *row,
                ),
            )
        })
        .collect();
    let all: Vec<Covered> = results.iter().map(|(_, c)| *c).collect();
    let n = all.len();
    let covered = all.iter().filter(|c| c.covered).count();
    let mut notes = Vec::new();
    let mut numbers = vec![coverage_number("coverage", &all, level)];
    numbers.push(Number::plain("covered", "count", covered as f64, n));
    // The band is that of one common threshold.
    let band = match (calibration.rank.as_slice(), calibration.size.as_slice()) {
        ([rank], [size]) if !include_last => coverage_band(*size, *rank, n, level),
        ([_], [_]) => Err(StatisticsError::not_estimable(
            "with include_last coverage exceeds the beta-binomial's",
        )),
        _ => Err(StatisticsError::not_estimable(
            "each Mondrian category has its own band; see the numbers of the categories",
        )),
    };
    push_band(&mut numbers, "", band, covered, n)?;
    let finite = all.iter().all(|c| c.size.is_finite());
    let mean = all.iter().map(|c| c.size).sum::<f64>() / n as f64;
    if problem.classes.is_empty() {
        numbers.push(Number::plain("mean_width", "interval-width.mean", mean, n));
        if !finite {
            notes.push("the threshold is infinite, and so are intervals".into());
        }
    } else {
        numbers.push(Number::plain("mean_size", "set-size.mean", mean, n));
        for (name, size) in [("empty_sets", 0.0), ("single_sets", 1.0)] {
            let count = all.iter().filter(|c| c.size == size).count();
            numbers.push(
                Number::plain(name, "set-size.share", count as f64 / n as f64, n)
                    .with_interval(clopper_pearson(count, n, level), "clopper-pearson"),
            );
        }
    }
    numbers.extend(threshold_numbers(
        &calibration,
        &names,
        &problem.definition,
        &mut notes,
    ));
    let mut tables = vec![size_table(&all, problem.classes.is_empty())];
    let mut curves = Vec::new();
    if names.len() > 1 {
        let parts = parts_of(&results, &category, &names, level);
        for ((name, part), (rank, size)) in names
            .iter()
            .zip(&parts.rows)
            .zip(calibration.rank.iter().zip(&calibration.size))
        {
            numbers.push(coverage_number(&format!("coverage_{name}"), part, level));
            let covered = part.iter().filter(|c| c.covered).count();
            push_band(
                &mut numbers,
                &format!("_{name}"),
                coverage_band(*size, *rank, part.len(), level),
                covered,
                part.len(),
            )?;
        }
        tables.push(parts.table("coverage by Mondrian category"));
        curves.push(parts.forest("coverage by Mondrian category"));
    }
    if let Some(groups) = sample.labels("group") {
        let parts = parts_of(&results, &groups.complete(), &groups.names, level);
        for (name, part) in groups.names.iter().zip(&parts.rows) {
            numbers.push(coverage_number(&format!("coverage_in_{name}"), part, level));
        }
        tables.push(parts.table("coverage by group"));
        curves.push(parts.forest("coverage by group"));
        notes.push(
            "coverage within a group is not guaranteed unless the group is a Mondrian stratum"
                .into(),
        );
    }
    Ok(Answer {
        numbers,
        tables,
        curves,
        notes,
    })
}

fn push_band(
    numbers: &mut Vec<Number>,
    suffix: &str,
    band: Result<(usize, usize), StatisticsError>,
    covered: usize,
    n: usize,
) -> Result<(), StatisticsError> {
    let definition = "coverage.beta-binomial";
    match band {
        _ if n == 0 => {}
        Ok((low, high)) => {
            let inside = f64::from(u8::from((low..=high).contains(&covered)));
            numbers.push(Number::plain(
                format!("band_lower{suffix}"),
                definition,
                low as f64 / n as f64,
                n,
            ));
            numbers.push(Number::plain(
                format!("band_upper{suffix}"),
                definition,
                high as f64 / n as f64,
                n,
            ));
            numbers.push(Number::plain(
                format!("inside_band{suffix}"),
                "1-is-inside",
                inside,
                n,
            ));
        }
        Err(StatisticsError::NotEstimable(reason)) => {
            for name in ["band_lower", "band_upper", "inside_band"] {
                numbers.push(Number::none(
                    format!("{name}{suffix}"),
                    definition,
                    n,
                    reason.clone(),
                ));
            }
        }
        Err(other) => return Err(other),
    }
    Ok(())
}

fn size_table(all: &[Covered], interval: bool) -> Table {
    let n = all.len() as f64;
    if interval {
        let mut widths: Vec<f64> = all.iter().map(|c| c.size).collect();
        widths.sort_unstable_by(f64::total_cmp);
        return Table {
            name: "interval widths".into(),
            columns: vec!["quantile".into(), "width".into()],
            rows: [0.0, 0.25, 0.5, 0.75, 1.0]
                .into_iter()
                .map(|p| {
                    vec![
                        Cell::Real(p),
                        Cell::Real(crate::resample::quantile(&widths, p)),
                    ]
                })
                .collect(),
        };
    }
    let mut sizes: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for row in all {
        let slot = sizes.entry(row.size as usize).or_default();
        slot.0 += 1;
        slot.1 += usize::from(row.covered);
    }
    Table {
        name: "set sizes".into(),
        columns: ["size", "cases", "share", "coverage"]
            .map(str::to_owned)
            .to_vec(),
        rows: sizes
            .into_iter()
            .map(|(size, (cases, covered))| {
                vec![
                    Cell::Whole(size as i64),
                    Cell::Whole(cases as i64),
                    Cell::Real(cases as f64 / n),
                    Cell::Real(covered as f64 / cases as f64),
                ]
            })
            .collect(),
    }
}

/// Evaluation rows by category.
struct Parts<'a> {
    names: &'a [String],
    rows: Vec<Vec<Covered>>,
    level: f64,
}

fn parts_of<'a>(
    results: &[(usize, Covered)],
    code: &[usize],
    names: &'a [String],
    level: f64,
) -> Parts<'a> {
    let mut rows: Vec<Vec<Covered>> = vec![Vec::new(); names.len()];
    for (row, covered) in results {
        if let Some(part) = code.get(*row).and_then(|c| rows.get_mut(*c)) {
            part.push(*covered);
        }
    }
    Parts { names, rows, level }
}

impl Parts<'_> {
    fn table(&self, name: &str) -> Table {
        Table {
            name: name.into(),
            columns: [
                "group",
                "cases",
                "covered",
                "coverage",
                "lower",
                "upper",
                "mean size",
            ]
            .map(str::to_owned)
            .to_vec(),
            rows: self
                .names
                .iter()
                .zip(&self.rows)
                .map(|(name, rows)| {
                    let (x, n) = (rows.iter().filter(|c| c.covered).count(), rows.len());
                    let mut cells = vec![
                        Cell::Text(name.clone()),
                        Cell::Whole(n as i64),
                        Cell::Whole(x as i64),
                    ];
                    if n == 0 {
                        cells.extend([Cell::None, Cell::None, Cell::None, Cell::None]);
                    } else {
                        let interval = clopper_pearson(x, n, self.level);
                        cells.extend([
                            Cell::Real(x as f64 / n as f64),
                            Cell::Real(interval.lower),
                            Cell::Real(interval.upper),
                            Cell::Real(rows.iter().map(|c| c.size).sum::<f64>() / n as f64),
                        ]);
                    }
                    cells
                })
                .collect(),
        }
    }

    fn forest(&self, label: &str) -> Curve {
        let mut curve = Curve::line(Figure::Forest, label, Vec::new(), Vec::new());
        for (at, (name, rows)) in self.names.iter().zip(&self.rows).enumerate() {
            let (x, n) = (rows.iter().filter(|c| c.covered).count(), rows.len());
            if n > 0 {
                let interval = clopper_pearson(x, n, self.level);
                curve.x.push(x as f64 / n as f64);
                curve.y.push(at as f64);
                curve.lower.push(interval.lower);
                curve.upper.push(interval.upper);
                curve.labels.push(name.clone());
            }
        }
        curve
    }
}

fn run_risk_coverage(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (confidence, correct) = (sample.reals("confidence"), sample.binary("correct"));
    let loss: Vec<f64> = correct.iter().map(|c| f64::from(u8::from(!c))).collect();
    let level = sample.real("level");
    let curve = risk_coverage(confidence, &loss)?;
    let n = loss.len();
    let clusters = sample.labels("cluster").map(Labels::complete);
    let units = Units::new(n, clusters.as_deref(), None);
    let of = |rows: &[usize]| -> Option<RiskCoverage> {
        let pick =
            |v: &[f64]| -> Vec<f64> { rows.iter().filter_map(|r| v.get(*r)).copied().collect() };
        risk_coverage(&pick(confidence), &pick(&loss)).ok()
    };
    let replicates = units.bootstrap(sample.whole("seed"), sample.whole("replicates"), of);
    let number = |name: &str, definition: &str, value: f64, part: fn(&RiskCoverage) -> f64| {
        let number = Number::plain(name, definition, value, units.len());
        let values: Vec<Option<f64>> = replicates.iter().map(|r| r.as_ref().map(part)).collect();
        match BootstrapInterval::Percentile.of(value, &values, &[], level) {
            Ok(i) => number.with_interval(i, BootstrapInterval::Percentile.id()),
            Err(reason) => number.without_interval(reason.to_string()),
        }
    };
    let mut numbers = vec![
        number(
            "aurc",
            "aurc.mean-selective-risk.ties-expected",
            curve.aurc,
            |c| c.aurc,
        ),
        number(
            "excess_aurc",
            "aurc.less-best-order",
            curve.aurc - curve.optimal_aurc,
            |c| c.aurc - c.optimal_aurc,
        ),
        number("risk", "mean-loss.all-cases", curve.risk, |c| c.risk),
    ];
    let mut tables = Vec::new();
    if let Some(threshold) = sample.optional_real("threshold") {
        let kept: Vec<bool> = confidence
            .iter()
            .zip(correct)
            .filter(|(c, _)| **c >= threshold)
            .map(|(_, k)| *k)
            .collect();
        let right = kept.iter().filter(|k| **k).count();
        let outcomes = [
            ("answered_right", right),
            ("answered_wrong", kept.len() - right),
            ("referred", n - kept.len()),
        ];
        let share = |name: &str,
                     definition: &str,
                     x: usize,
                     of: usize|
         -> Result<Number, StatisticsError> {
            Ok(match wilson_interval(x as u64, of as u64, level)? {
                Some(p) => {
                    Number::plain(name, definition, p.value, of).with_interval(p.interval, "wilson")
                }
                None => Number::none(name, definition, 0, "every case is referred"),
            })
        };
        numbers.push(share("coverage", "refer.share-answered", kept.len(), n)?);
        numbers.push(share(
            "accuracy_of_answered",
            "refer.right-of-answered",
            right,
            kept.len(),
        )?);
        let mut rows = Vec::new();
        for (name, x) in outcomes {
            numbers.push(share(name, "refer.share-of-all", x, n)?);
            rows.push(vec![
                Cell::Text(name.replace('_', " ")),
                Cell::Whole(x as i64),
                Cell::Real(x as f64 / n as f64),
            ]);
        }
        tables.push(Table {
            name: "three-way outcome".into(),
            columns: ["outcome", "cases", "share"].map(str::to_owned).to_vec(),
            rows,
        });
    }
    let mut line = Curve::line(
        Figure::RiskCoverage,
        "risk",
        curve.points.iter().map(|p| p.coverage).collect(),
        curve.points.iter().map(|p| p.risk).collect(),
    );
    line.labels = curve
        .points
        .iter()
        .map(|p| p.confidence.to_string())
        .collect();
    Ok(Answer {
        numbers,
        tables,
        curves: vec![line],
        notes: vec![
            "a threshold of referral must come from other data than these, or the accuracy of the answered is too good".into(),
        ],
    })
}

const CLASS: Role = Role {
    name: "class",
    what: "classification: the true class, named as the columns of `class_probability`; with one such column 1/0, true/false or positive/negative",
    kind: Kind::Label,
    need: Need::Optional,
    missing: false,
};

const CLASS_PROBABILITY: Role = Role {
    name: "class_probability",
    what: "classification: predicted probability of a class, one column for each class, named after it; or one column, of the positive class",
    kind: Kind::Probability,
    need: Need::Many(0),
    missing: false,
};

const OUTCOME: Role = Role {
    name: "outcome",
    what: "regression: the measured value",
    kind: Kind::Finite,
    need: Need::Optional,
    missing: false,
};

const PREDICTION: Role = Role {
    name: "prediction",
    what: "regression: the predicted value",
    kind: Kind::Finite,
    need: Need::Optional,
    missing: false,
};

const DIFFICULTY: Role = Role {
    name: "difficulty",
    what: "normalised-residual: expected size of the error of the row, above 0",
    kind: Kind::Finite,
    need: Need::Optional,
    missing: false,
};

const STRATUM: Role = Role {
    name: "stratum",
    what: "mondrian = stratum: category known before the outcome, calibrated on its own (scanner, site)",
    kind: Kind::Label,
    need: Need::Optional,
    missing: false,
};

const METHOD: Setting = Setting {
    name: "method",
    what: "lac, aps, aps-randomised (classification); absolute-residual, normalised-residual (regression)",
    kind: SettingKind::Choice(&[
        "lac",
        "aps",
        "aps-randomised",
        "absolute-residual",
        "normalised-residual",
    ]),
    default: Some("lac"),
};

const ALPHA: Setting = Setting {
    name: "alpha",
    what: "share of cases that may be missed; coverage is at least 1 - alpha",
    kind: SettingKind::Open(0.0, 1.0),
    default: Some("0.1"),
};

const MONDRIAN: Setting = Setting {
    name: "mondrian",
    what: "calibrate apart by: none, class (class-conditional coverage), stratum",
    kind: SettingKind::Choice(&["none", "class", "stratum"]),
    default: Some("none"),
};

const EXCHANGEABLE: &str = "Calibration and later cases are exchangeable: same sites, scanners and case mix, one row a patient. Coverage is guaranteed on average over calibration sets and cases, not for each subgroup (unless Mondrian). Tied scores (plain APS: the last class always scores 1) raise coverage above the band. Equal probabilities in APS are ordered by column. Randomised APS draws u by Philox(seed, 0), one for each row in order.";

/// The entries of this module.
pub const ENTRIES: &[Entry] = &[
    Entry {
        id: "conformal-calibrate",
        group: Group::Conformal,
        title: "Split conformal calibration: the threshold",
        formula: "threshold = k-th smallest calibration score, k = ceil((n + 1)(1 - alpha)) in exact decimal arithmetic, infinite for k > n; LAC 1 - p_y; APS probability of classes down to y; |y - prediction| (/ difficulty)",
        source: "Vovk 2005; Lei 2018; Sadinle 2019; Romano 2020; Angelopoulos and Bates 2023",
        assumptions: EXCHANGEABLE,
        compared_with: "MAPIE 1.6 and crepes 0.9.1 (LAC, residuals); NumPy 2 by the definition (APS, Mondrian)",
        roles: &[
            CLASS,
            CLASS_PROBABILITY,
            OUTCOME,
            PREDICTION,
            DIFFICULTY,
            STRATUM,
        ],
        settings: &[METHOD, ALPHA, MONDRIAN, SEED],
        // With `mondrian` the threshold of the first category comes first.
        numbers: &[
            "threshold",
            "rank",
            "threshold_{category}",
            "rank_{category}",
        ],
        run: run_calibrate,
    },
    Entry {
        id: "conformal-coverage",
        group: Group::Conformal,
        title: "Coverage and size of conformal sets",
        formula: "calibrates on the calibration rows; coverage = covered / evaluation rows, with Clopper-Pearson's interval; the count covered is BetaBinomial(m, k, n + 1 - k) when cases are exchangeable",
        source: "Vovk 2012; Angelopoulos and Bates 2023; Clopper and Pearson 1934",
        assumptions: EXCHANGEABLE,
        compared_with: "MAPIE 1.6 and crepes 0.9.1; SciPy 1.17 betabinom, binomtest; NumPy 2 by the definition",
        roles: &[
            Role {
                name: "evaluation",
                what: "positive: a row on which coverage is counted; negative: a calibration row",
                kind: Kind::Binary,
                need: Need::One,
                missing: false,
            },
            CLASS,
            CLASS_PROBABILITY,
            OUTCOME,
            PREDICTION,
            DIFFICULTY,
            STRATUM,
            Role {
                name: "group",
                what: "subgroup for which coverage is shown apart",
                kind: Kind::Label,
                need: Need::Optional,
                missing: false,
            },
        ],
        settings: &[
            METHOD,
            ALPHA,
            MONDRIAN,
            Setting {
                name: "include_last",
                what: "aps: whether the class that crosses the threshold joins the set (Angelopoulos and Bates 2023; MAPIE differs: it randomises calibration scores); sets are then never empty and coverage is above the wanted one",
                kind: SettingKind::Flag,
                default: Some("false"),
            },
            LEVEL,
            SEED,
        ],
        numbers: &[
            "coverage",
            "covered",
            "band_lower",
            "band_upper",
            "inside_band",
            "mean_width",
            "mean_size",
            "empty_sets",
            "single_sets",
            "threshold",
            "rank",
            "threshold_{category}",
            "rank_{category}",
            "coverage_{category}",
            "band_lower_{category}",
            "band_upper_{category}",
            "inside_band_{category}",
            "coverage_in_{group}",
        ],
        run: run_coverage,
    },
    Entry {
        id: "risk-coverage",
        group: Group::Conformal,
        title: "Selective prediction: risk-coverage curve, AURC, referral",
        formula: "AURC = mean over i of the error rate of the i most confident cases; excess AURC = AURC - AURC of the best order; referral: cases with confidence below the threshold",
        source: "Geifman and El-Yaniv 2017; Geifman 2019 (excess AURC)",
        assumptions: "Patients are independent; rows of one cluster are drawn together. Tied confidences count in expectation over their order.",
        compared_with: "NumPy 2 by the definition (testdata/statistics/conformal)",
        roles: &[
            Role {
                name: "confidence",
                what: "the device's confidence in its answer; higher is surer",
                kind: Kind::Real,
                need: Need::One,
                missing: false,
            },
            Role {
                name: "correct",
                what: "whether the device's answer is right",
                kind: Kind::Binary,
                need: Need::One,
                missing: false,
            },
            CLUSTER,
        ],
        settings: &[
            Setting {
                name: "threshold",
                what: "confidence below which cases are referred to a reader",
                kind: SettingKind::OptionalReal(f64::NEG_INFINITY, f64::INFINITY),
                default: None,
            },
            LEVEL,
            SEED,
            REPLICATES,
        ],
        numbers: &[
            "aurc",
            "excess_aurc",
            "risk",
            "coverage",
            "accuracy_of_answered",
            "answered_right",
            "answered_wrong",
            "referred",
        ],
        run: run_risk_coverage,
    },
];
