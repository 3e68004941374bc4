//! Proper scores, Brier and logarithmic, with intervals and decompositions.

use super::binned_error::{Binning, Edges, Side, bins};
use super::smoother::isotonic;
use super::{
    AT_BOUNDS, AtBounds, CLIP, Resampling, WALD_OR_BOOTSTRAP, attach, check, indicator, inner,
    mean, pick, wald,
};
use crate::agreement::clip;
use crate::catalogue::{
    CLUSTER, Entry, Group, LEVEL, PROBABILITY, REPLICATES, SEED, Sample, Setting, SettingKind,
    TRUTH,
};
use crate::number::{Answer, Cell, Curve, Figure, Number, StatisticsError, Table};

/// A score as miscalibration less discrimination plus uncertainty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decomposition {
    /// Reliability (Murphy) or MCB (CORP): 0 when calibrated.
    pub miscalibration: f64,
    /// Resolution (Murphy) or DSC (CORP): 0 when the probabilities tell nothing apart.
    pub discrimination: f64,
    /// Uncertainty: the score of the prevalence.
    pub uncertainty: f64,
    /// Within-bin variance less covariance (Stephenson); 0 where bins hold one distinct value.
    pub within_bins: f64,
}

/// The Brier score: mean (p - y)^2 (Brier 1950, for two classes one of his two equal terms).
///
/// # Errors
/// Not estimable without rows; data: lengths, values.
pub fn brier_score(truth: &[bool], probability: &[f64]) -> Result<f64, StatisticsError> {
    check(truth, probability)?;
    Ok(mean(&squared_errors(truth, probability)))
}

/// The logarithmic score in nats: mean of -ln(probability given to what happened). 0 ln 0 counts 0.
///
/// # Errors
/// Not estimable without rows, or when something happened that had probability 0 (the loss is
/// infinite). Data: lengths, values.
pub fn log_loss(truth: &[bool], probability: &[f64]) -> Result<f64, StatisticsError> {
    check(truth, probability)?;
    let losses = log_losses(truth, probability);
    if losses.iter().any(|l| l.is_infinite()) {
        return Err(StatisticsError::not_estimable(format!(
            "{} rows happened that had probability 0, so the log loss is infinite; state in the plan whether to clip (setting at_bounds)",
            losses.iter().filter(|l| l.is_infinite()).count()
        )));
    }
    Ok(mean(&losses))
}

fn squared_errors(truth: &[bool], probability: &[f64]) -> Vec<f64> {
    truth
        .iter()
        .zip(probability)
        .map(|(y, p)| (p - f64::from(u8::from(*y))).powi(2))
        .collect()
}

fn log_losses(truth: &[bool], probability: &[f64]) -> Vec<f64> {
    truth
        .iter()
        .zip(probability)
        .map(|(y, p)| if *y { -p.ln() } else { -(-p).ln_1p() })
        .map(|l| l + 0.0)
        .collect()
}

/// Murphy's (1973) decomposition over the distinct probabilities: Brier = reliability - resolution +
/// uncertainty, an identity. With all probabilities distinct it is uninformative (each is its own
/// group); [`corp_decomposition`] is not.
///
/// # Errors
/// As [`brier_score`].
pub fn murphy_decomposition(
    truth: &[bool],
    probability: &[f64],
) -> Result<Decomposition, StatisticsError> {
    check(truth, probability)?;
    let mut rows: Vec<(f64, bool)> = probability
        .iter()
        .map(|p| p + 0.0)
        .zip(truth.iter().copied())
        .collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let n = rows.len() as f64;
    let prevalence = share(truth);
    let (mut reliability, mut resolution) = (0.0, 0.0);
    for group in rows.chunk_by(|a, b| a.0 == b.0) {
        let size = group.len() as f64;
        let observed = group.iter().filter(|r| r.1).count() as f64 / size;
        let p = group.first().map_or(f64::NAN, |r| r.0);
        reliability += size * (p - observed).powi(2);
        resolution += size * (observed - prevalence).powi(2);
    }
    Ok(Decomposition {
        miscalibration: reliability / n,
        discrimination: resolution / n,
        uncertainty: prevalence * (1.0 - prevalence),
        within_bins: 0.0,
    })
}

/// The CORP decomposition of any score (Dimitriadis, Gneiting and Jordan 2021 PNAS): MCB = score -
/// score of the isotonically recalibrated probabilities, DSC = score of the prevalence - score of the
/// recalibrated, UNC = score of the prevalence; score = MCB - DSC + UNC. `score` is [`brier_score`] or
/// [`log_loss`].
///
/// # Errors
/// As the score.
pub fn corp_decomposition(
    truth: &[bool],
    probability: &[f64],
    score: fn(&[bool], &[f64]) -> Result<f64, StatisticsError>,
) -> Result<Decomposition, StatisticsError> {
    let own = score(truth, probability)?;
    let curve = isotonic(probability, &indicator(truth))?;
    let recalibrated: Vec<f64> = probability
        .iter()
        .filter_map(|p| curve.at(*p + 0.0))
        .collect();
    let best = score(truth, &recalibrated)?;
    let reference = score(truth, &vec![share(truth); truth.len()])?;
    Ok(Decomposition {
        miscalibration: own - best,
        discrimination: reference - best,
        uncertainty: reference,
        within_bins: 0.0,
    })
}

/// The binned decomposition with the within-bin terms of Stephenson, Coelho and Jolliffe (2008):
/// Brier = reliability - resolution + uncertainty + (within-bin variance - within-bin covariance), an
/// identity for any bins; equal width, closed on the right.
///
/// # Errors
/// As [`brier_score`]; setting when there is no bin.
pub fn stephenson_decomposition(
    truth: &[bool],
    probability: &[f64],
    count: usize,
) -> Result<Decomposition, StatisticsError> {
    let found = bins(
        truth,
        probability,
        Binning::EqualWidth(count, Edges::Quotient),
        Side::Right,
    )?;
    let n = truth.len() as f64;
    let prevalence = share(truth);
    let over = |of: &dyn Fn(f64, f64) -> f64| {
        found
            .iter()
            .map(|b| b.n as f64 * of(b.mean_predicted, b.observed))
            .sum::<f64>()
            / n
    };
    let mut within = 0.0;
    for (y, p) in truth.iter().zip(probability) {
        let upper = found.partition_point(|b| b.upper < *p);
        if let Some(bin) = found.get(upper) {
            let (dp, dy) = (
                p - bin.mean_predicted,
                f64::from(u8::from(*y)) - bin.observed,
            );
            within += dp * dp - 2.0 * dp * dy;
        }
    }
    Ok(Decomposition {
        miscalibration: over(&|p, o| (p - o) * (p - o)),
        discrimination: over(&|_, o| (o - prevalence) * (o - prevalence)),
        uncertainty: prevalence * (1.0 - prevalence),
        within_bins: within / n,
    })
}

fn share(truth: &[bool]) -> f64 {
    truth.iter().filter(|y| **y).count() as f64 / truth.len() as f64
}

const REFERENCE: Setting = Setting {
    name: "reference_prevalence",
    what: "the constant probability that the skill score compares with; without it the sample's own prevalence",
    kind: SettingKind::OptionalReal(0.0, 1.0),
    default: None,
};

const BINS: Setting = Setting {
    name: "bins",
    what: "equal-width bins (closed on the right) of the binned decomposition",
    kind: SettingKind::Whole(1, 10_000),
    default: Some("10"),
};

/// `brier`.
pub(super) const BRIER: Entry = Entry {
    id: "brier",
    group: Group::Calibration,
    title: "Brier score, skill and decompositions",
    formula: "Brier = mean (p - y)^2; skill = 1 - Brier / Brier of the reference prevalence; Murphy: reliability - resolution + uncertainty over distinct p; CORP: MCB - DSC + UNC by isotonic recalibration; binned with within-bin terms (Stephenson) and bias correction (Ferro and Fricker)",
    source: "Brier 1950; Murphy 1973; Dimitriadis, Gneiting and Jordan 2021 PNAS 118:e2016191118; Stephenson et al. 2008 Weather and Forecasting 23:752; Ferro and Fricker 2012 QJRMS 138:1954; variance: Bradley, Schwartz and Hashino 2008 Weather and Forecasting 23:992",
    assumptions: "rows independent, or by cluster. Wald: variance of the mean of squared errors (denominator n - 1; of the skill by the delta method, counting the sample's prevalence as estimated); undercovers with few rows and extreme probabilities",
    compared_with: "scikit-learn 1.9.1 brier_score_loss and IsotonicRegression; formulas in NumPy",
    roles: &[TRUTH, PROBABILITY, CLUSTER],
    settings: &[REFERENCE, BINS, LEVEL, WALD_OR_BOOTSTRAP, SEED, REPLICATES],
    numbers: &[
        "brier",
        "brier_skill",
        "reliability",
        "resolution",
        "uncertainty",
        "miscalibration",
        "discrimination",
        "reliability_binned",
        "resolution_binned",
        "within_bins",
        "reliability_corrected",
        "resolution_corrected",
        "uncertainty_corrected",
    ],
    run: run_brier,
};

/// `log-loss`.
pub(super) const LOG_LOSS: Entry = Entry {
    id: "log-loss",
    group: Group::Calibration,
    title: "Logarithmic loss, skill and CORP decomposition",
    formula: "mean of -ln(probability given to what happened), in nats; skill = 1 - loss / loss of the reference prevalence; CORP: MCB - DSC + UNC",
    source: "Good 1952; Gneiting and Raftery 2007 JASA 102:359; Dimitriadis, Gneiting and Jordan 2021",
    assumptions: "rows independent, or by cluster; infinite when something happened that had probability 0: refused unless at_bounds says to clip or to leave out",
    compared_with: "scikit-learn 1.9.1 log_loss; formulas in NumPy",
    roles: &[TRUTH, PROBABILITY, CLUSTER],
    settings: &[
        REFERENCE,
        AT_BOUNDS,
        CLIP,
        LEVEL,
        WALD_OR_BOOTSTRAP,
        SEED,
        REPLICATES,
    ],
    numbers: &[
        "log_loss",
        "log_loss_skill",
        "miscalibration",
        "discrimination",
        "uncertainty",
    ],
    run: run_log_loss,
};

/// A row's score, and the derivative of the score of a constant at the prevalence.
struct Rule {
    name: &'static str,
    of: fn(&[bool], &[f64]) -> Vec<f64>,
    score: fn(&[bool], &[f64]) -> Result<f64, StatisticsError>,
    /// Derivative of the uncertainty (score of the prevalence) with respect to the prevalence.
    slope: fn(f64) -> f64,
}

const SQUARED: Rule = Rule {
    name: "brier",
    of: squared_errors,
    score: brier_score,
    slope: |r| 1.0 - 2.0 * r,
};

const LOGARITHMIC: Rule = Rule {
    name: "log_loss",
    of: log_losses,
    score: log_loss,
    slope: |r| ((1.0 - r) / r).ln(),
};

fn run_brier(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (truth, probability) = (sample.binary("truth"), sample.reals("probability"));
    check(truth, probability)?;
    let n = truth.len();
    let cluster = super::clusters_of(sample);
    let mut clipped = Vec::new();
    let mut numbers: Vec<Number> =
        scored(sample, &SQUARED, truth, probability, cluster.as_deref())?
            .into_iter()
            .zip([0.0, f64::NEG_INFINITY])
            .map(|(n, least)| clip(n, least, 1.0, &mut clipped))
            .collect();
    let murphy = murphy_decomposition(truth, probability)?;
    let corp = corp_decomposition(truth, probability, brier_score)?;
    let count = usize::try_from(sample.whole("bins")).unwrap_or(usize::MAX);
    let binned = stephenson_decomposition(truth, probability, count)?;
    let at = format!("equal-width.{count}-bins.right-closed");
    for (name, definition, value) in [
        (
            "reliability",
            "reliability.murphy-1973.distinct-values".to_owned(),
            murphy.miscalibration,
        ),
        (
            "resolution",
            "resolution.murphy-1973.distinct-values".to_owned(),
            murphy.discrimination,
        ),
        (
            "uncertainty",
            "uncertainty.prevalence-times-complement".to_owned(),
            murphy.uncertainty,
        ),
        (
            "miscalibration",
            "mcb.corp.isotonic".to_owned(),
            corp.miscalibration,
        ),
        (
            "discrimination",
            "dsc.corp.isotonic".to_owned(),
            corp.discrimination,
        ),
        (
            "reliability_binned",
            format!("reliability.{at}"),
            binned.miscalibration,
        ),
        (
            "resolution_binned",
            format!("resolution.{at}"),
            binned.discrimination,
        ),
        (
            "within_bins",
            format!("within-bin-variance-less-covariance.{at}.stephenson-2008"),
            binned.within_bins,
        ),
    ] {
        numbers.push(Number::plain(name, definition, value, n));
    }
    numbers.extend(bias_corrected(truth, probability, count, &binned, &at)?);
    let (table, curve) = corp_curve(truth, probability)?;
    let mut notes = vec![
        "identities: brier = reliability - resolution + uncertainty = miscalibration - discrimination + uncertainty = reliability_binned - resolution_binned + uncertainty + within_bins".into(),
    ];
    notes.extend(clipped);
    if murphy.uncertainty == 0.0 {
        notes.push("one class only: uncertainty is 0 and the skill is not estimable".into());
    }
    Ok(Answer {
        numbers,
        tables: vec![table],
        curves: vec![curve],
        notes,
    })
}

/// The bias-corrected binned terms of Ferro and Fricker (2012).
fn bias_corrected(
    truth: &[bool],
    probability: &[f64],
    count: usize,
    binned: &Decomposition,
    at: &str,
) -> Result<Vec<Number>, StatisticsError> {
    let n = truth.len();
    let found = bins(
        truth,
        probability,
        Binning::EqualWidth(count, Edges::Quotient),
        Side::Right,
    )?;
    let names = [
        (
            "reliability_corrected",
            format!("reliability.{at}.ferro-fricker-2012"),
        ),
        (
            "resolution_corrected",
            format!("resolution.{at}.ferro-fricker-2012"),
        ),
        (
            "uncertainty_corrected",
            "uncertainty.ferro-fricker-2012".to_owned(),
        ),
    ];
    if n < 2 || found.iter().any(|b| b.n < 2) {
        return Ok(names
            .into_iter()
            .map(|(name, definition)| {
                Number::none(
                    name,
                    definition,
                    n,
                    "a bin holds a single row, whose variance is unknown; take fewer bins",
                )
            })
            .collect());
    }
    let total = n as f64;
    let within: f64 = found
        .iter()
        .map(|b| b.n as f64 / (b.n as f64 - 1.0) * b.observed * (1.0 - b.observed))
        .sum::<f64>()
        / total;
    let overall = binned.uncertainty / (total - 1.0);
    let values = [
        binned.miscalibration - within,
        binned.discrimination - within + overall,
        binned.uncertainty + overall,
    ];
    Ok(names
        .into_iter()
        .zip(values)
        .map(|((name, definition), value)| Number::plain(name, definition, value, n))
        .collect())
}

fn run_log_loss(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (truth, probability) = (sample.binary("truth"), sample.reals("probability"));
    check(truth, probability)?;
    let at_bounds = AtBounds::from_sample(sample);
    let mut notes = Vec::new();
    // A sure and right prediction costs nothing, so `refuse` looks at the losses, not at the bounds.
    let (truth, probability, cluster) = if at_bounds == AtBounds::Refuse {
        (
            truth.to_vec(),
            probability.to_vec(),
            super::clusters_of(sample),
        )
    } else {
        let kept = inner(probability, at_bounds)?;
        notes.extend(kept.note(at_bounds));
        (
            kept.take(truth),
            kept.probability.clone(),
            super::clusters_of(sample).map(|c| kept.take(&c)),
        )
    };
    log_loss(&truth, &probability)?;
    if at_bounds == AtBounds::LeaveOut
        && truth.len() != sample.rows()
        && sample.word("interval") != "wald"
    {
        return Err(StatisticsError::setting(
            "interval",
            sample.word("interval"),
            "with at_bounds = leave-out and rows left out, the interval is wald",
        ));
    }
    let n = truth.len();
    let mut numbers: Vec<Number> = scored(
        sample,
        &LOGARITHMIC,
        &truth,
        &probability,
        cluster.as_deref(),
    )?
    .into_iter()
    .zip([(0.0, f64::INFINITY), (f64::NEG_INFINITY, 1.0)])
    .map(|(n, (least, most))| clip(n, least, most, &mut notes))
    .collect();
    let corp = corp_decomposition(&truth, &probability, log_loss)?;
    for (name, definition, value) in [
        (
            "miscalibration",
            "mcb.corp.isotonic.log",
            corp.miscalibration,
        ),
        (
            "discrimination",
            "dsc.corp.isotonic.log",
            corp.discrimination,
        ),
        (
            "uncertainty",
            "uncertainty.entropy-of-prevalence",
            corp.uncertainty,
        ),
    ] {
        numbers.push(Number::plain(name, definition, value, n));
    }
    Ok(Answer {
        numbers,
        notes,
        ..Answer::default()
    })
}

/// The score and its skill, with the intervals that the settings ask for.
fn scored(
    sample: &Sample,
    rule: &Rule,
    truth: &[bool],
    probability: &[f64],
    cluster: Option<&[usize]>,
) -> Result<Vec<Number>, StatisticsError> {
    let n = truth.len();
    let rows = n as f64;
    let given = sample.optional_real("reference_prevalence");
    let reference = given.unwrap_or_else(|| share(truth));
    let own = (rule.of)(truth, probability);
    let base = (rule.of)(truth, &vec![reference; n]);
    let (score, uncertainty) = (mean(&own), mean(&base));
    let definition = match rule.name {
        "brier" => "brier.mean-squared-error",
        _ => "log-loss.nats",
    };
    let skill_name = format!("{}_skill", rule.name);
    let skill_definition = format!(
        "{definition}.skill.reference-{}",
        if given.is_some() {
            "given"
        } else {
            "sample-prevalence"
        }
    );
    let main = Number::plain(rule.name, definition, score, n);
    let skill = if uncertainty > 0.0 && uncertainty.is_finite() {
        Number::plain(skill_name, skill_definition, 1.0 - score / uncertainty, n)
    } else {
        Number::none(
            skill_name,
            skill_definition,
            n,
            "the reference prevalence has no loss or an infinite one, so there is no skill",
        )
    };
    if sample.word("interval") == "wald" {
        let level = sample.real("level");
        let influence: Vec<f64> = own.iter().map(|s| (s - score) / rows).collect();
        let slope = if given.is_some() {
            0.0
        } else {
            (rule.slope)(reference)
        };
        let of_skill: Vec<f64> = own
            .iter()
            .zip(&base)
            .zip(truth)
            .map(|((s, b), y)| {
                // A given reference is a constant; the sample's own also moves with the outcomes.
                let moved = if given.is_some() {
                    b - uncertainty
                } else {
                    slope * (f64::from(u8::from(*y)) - reference)
                };
                -((s - score) / uncertainty - score / uncertainty.powi(2) * moved) / rows
            })
            .collect();
        return Ok(vec![
            wald(main, &influence, cluster, level)?,
            wald(skill, &of_skill, cluster, level)?,
        ]);
    }
    let resampling = Resampling::from_sample(sample, n, None);
    let compute = |rows: &[usize]| -> Vec<Option<f64>> {
        let (y, p) = (pick(truth, rows), pick(probability, rows));
        let own = (rule.score)(&y, &p).ok();
        let reference = given.unwrap_or_else(|| share(&y));
        let base = (rule.score)(&y, &vec![reference; y.len()])
            .ok()
            .filter(|b| *b > 0.0);
        vec![own, own.zip(base).map(|(o, b)| 1.0 - o / b)]
    };
    let replicates = resampling.replicates(2, compute);
    let intervals = resampling.intervals(&[main.value, skill.value], &replicates, compute);
    let method = resampling.id();
    [main, skill]
        .into_iter()
        .zip(intervals)
        .map(|(number, interval)| attach(number, interval, &method))
        .collect()
}

/// The isotonic curve as blocks, for the page and for sealing.
fn corp_curve(truth: &[bool], probability: &[f64]) -> Result<(Table, Curve), StatisticsError> {
    let fit = isotonic(probability, &indicator(truth))?;
    let rows: Vec<Vec<Cell>> = fit
        .x
        .iter()
        .zip(&fit.y)
        .collect::<Vec<_>>()
        .chunk_by(|a, b| a.1 == b.1)
        .filter_map(|block| {
            let (first, last) = (block.first()?, block.last()?);
            Some(vec![
                Cell::Real(*first.0),
                Cell::Real(*last.0),
                Cell::Real(*first.1),
            ])
        })
        .collect();
    let table = Table {
        name: "isotonic blocks".into(),
        columns: ["lower", "upper", "observed"].map(str::to_owned).to_vec(),
        rows,
    };
    Ok((
        table,
        Curve::line(Figure::Calibration, "isotonic (CORP)", fit.x, fit.y),
    ))
}
