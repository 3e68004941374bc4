//! Decision curves: the net benefit of acting on a probability at a threshold (Vickers and Elkin 2006).

use crate::calibration::{Resampling, attach, check, clusters_of, influence_error, wald};
use crate::catalogue::{
    CLUSTER, Entry, Group, Kind, LEVEL, Need, REPLICATES, Role, SEED, Sample, Setting, SettingKind,
    TRUTH,
};
use crate::distribution::normal_two_sided;
use crate::number::{Answer, Cell, Curve, Figure, Number, StatisticsError, Table};

/// The entries of the catalogue that stand here.
pub const ENTRIES: &[Entry] = &[DECISION_CURVE];

/// What acting at one threshold brings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NetBenefit {
    /// The threshold probability t; cases with p >= t are acted on.
    pub threshold: f64,
    /// Net benefit of the model, in true positives per case.
    pub model: f64,
    /// Net benefit of acting on everyone.
    pub all: f64,
    /// Sensitivity at the threshold.
    pub sensitivity: f64,
    /// 1 - specificity at the threshold.
    pub false_positive_rate: f64,
    /// Interventions avoided per case against acting on everyone, at no loss of true positives:
    /// (model - all) (1 - t)/t.
    pub interventions_avoided: f64,
}

/// Net benefit at each threshold: NB = TPR prevalence - FPR (1 - prevalence) t/(1 - t), which is
/// TP/n - FP/n t/(1 - t) at the sample's own prevalence. `prevalence` puts another one in its place
/// (case-control samples). Acting on everyone has prevalence - (1 - prevalence) t/(1 - t), which is 0 at
/// t = prevalence; acting on none has 0. O(n log n + thresholds).
///
/// # Errors
/// Not estimable without rows, or with one class when a prevalence is given. Setting: a threshold or
/// prevalence outside (0, 1). Data: lengths, values.
pub fn net_benefits(
    truth: &[bool],
    probability: &[f64],
    thresholds: &[f64],
    prevalence: Option<f64>,
) -> Result<Vec<NetBenefit>, StatisticsError> {
    check(truth, probability)?;
    within("threshold", thresholds.iter().copied())?;
    within("prevalence", prevalence.into_iter())?;
    let mut sorted: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    let [negative, positive] = &mut sorted;
    for (y, p) in truth.iter().zip(probability) {
        if *y {
            positive.push(*p)
        } else {
            negative.push(*p)
        }
    }
    for class in [&mut *negative, &mut *positive] {
        class.sort_unstable_by(f64::total_cmp);
    }
    let at_least = |class: &[f64], t: f64| class.len() - class.partition_point(|p| *p < t);
    let counts = thresholds
        .iter()
        .map(|t| (*t, at_least(positive, *t), at_least(negative, *t)));
    from_counts(counts, positive.len(), negative.len(), prevalence)
}

fn from_counts(
    counts: impl Iterator<Item = (f64, usize, usize)>,
    positive: usize,
    negative: usize,
    prevalence: Option<f64>,
) -> Result<Vec<NetBenefit>, StatisticsError> {
    let n = (positive + negative) as f64;
    if positive + negative == 0 {
        return Err(StatisticsError::not_estimable("no rows"));
    }
    if prevalence.is_some() && (positive == 0 || negative == 0) {
        return Err(StatisticsError::not_estimable(
            "one class only, so it cannot be re-weighted to another prevalence",
        ));
    }
    let share = prevalence.unwrap_or(positive as f64 / n);
    let rate = |count: usize, of: usize| {
        if of == 0 {
            f64::NAN
        } else {
            count as f64 / of as f64
        }
    };
    Ok(counts
        .map(|(threshold, tp, fp)| {
            let odds = threshold / (1.0 - threshold);
            let (tpr, fpr) = (rate(tp, positive), rate(fp, negative));
            let model = match prevalence {
                None => tp as f64 / n - fp as f64 / n * odds,
                Some(share) => tpr * share - fpr * (1.0 - share) * odds,
            };
            let all = all_benefit(share, threshold);
            NetBenefit {
                threshold,
                model,
                all,
                sensitivity: tpr,
                false_positive_rate: fpr,
                interventions_avoided: (model - all) / odds,
            }
        })
        .collect())
}

/// (share - t)/(1 - t), which is share - (1 - share) t/(1 - t) and exactly 0 at t = share.
fn all_benefit(share: f64, threshold: f64) -> f64 {
    (share - threshold) / (1.0 - threshold)
}

fn within(name: &str, values: impl Iterator<Item = f64>) -> Result<(), StatisticsError> {
    for v in values {
        if !(v > 0.0 && v < 1.0) {
            return Err(StatisticsError::setting(
                name,
                v,
                "it lies between 0 and 1, both excluded, such as 0.2",
            ));
        }
    }
    Ok(())
}

/// What each row adds to the net benefit less its share of the whole: the influences, whose clustered
/// sum of squares is the variance. With a given prevalence the two classes are samples of their own.
fn influences(
    truth: &[bool],
    probability: &[f64],
    threshold: f64,
    prevalence: Option<f64>,
) -> Vec<f64> {
    let odds = threshold / (1.0 - threshold);
    let n = truth.len() as f64;
    let positive = truth.iter().filter(|y| **y).count() as f64;
    let negative = n - positive;
    let acted = |p: &f64| f64::from(u8::from(*p >= threshold));
    let rows = || truth.iter().zip(probability);
    match prevalence {
        None => {
            let gains: Vec<f64> = rows()
                .map(|(y, p)| if *y { acted(p) } else { -odds * acted(p) })
                .collect();
            let centre = gains.iter().sum::<f64>() / n;
            gains.iter().map(|g| (g - centre) / n).collect()
        }
        Some(share) => {
            let rate = |class: bool, of: f64| {
                rows()
                    .filter(|(y, _)| **y == class)
                    .map(|(_, p)| acted(p))
                    .sum::<f64>()
                    / of
            };
            let (tpr, fpr) = (rate(true, positive), rate(false, negative));
            rows()
                .map(|(y, p)| {
                    if *y {
                        share * (acted(p) - tpr) / positive
                    } else {
                        -(1.0 - share) * odds * (acted(p) - fpr) / negative
                    }
                })
                .collect()
        }
    }
}

const PROBABILITIES: Role = Role {
    name: "probability",
    what: "predicted probability of being positive; one column for each model",
    kind: Kind::Probability,
    need: Need::Many(1),
    missing: false,
};

const THRESHOLD: Setting = Setting {
    name: "threshold",
    what: "the threshold probability at which the numbers are given, from the clinical trade-off; cases at or above it are acted on",
    kind: SettingKind::Open(0.0, 1.0),
    default: None,
};

const FROM: Setting = Setting {
    name: "threshold_from",
    what: "lowest threshold of the curve",
    kind: SettingKind::Open(0.0, 1.0),
    default: Some("0.01"),
};

const TO: Setting = Setting {
    name: "threshold_to",
    what: "highest threshold of the curve",
    kind: SettingKind::Open(0.0, 1.0),
    default: Some("0.99"),
};

const STEP: Setting = Setting {
    name: "threshold_step",
    what: "distance between thresholds of the curve",
    kind: SettingKind::Real(0.0005, 1.0),
    default: Some("0.01"),
};

const PREVALENCE: Setting = Setting {
    name: "prevalence",
    what: "prevalence in the target population, for case-control samples; without it the sample's own",
    kind: SettingKind::OptionalReal(0.0, 1.0),
    default: None,
};

const INTERVAL: Setting = Setting {
    name: "interval",
    what: "bootstrap interval, or wald from the analytic variance",
    kind: SettingKind::Choice(&["percentile", "bca", "basic", "wald"]),
    default: Some("percentile"),
};

const DECISION_CURVE: Entry = Entry {
    id: "decision-curve",
    group: Group::DecisionCurves,
    title: "Decision curve: net benefit by threshold",
    formula: "NB(t) = TP/n - FP/n t/(1 - t), positive = p >= t; all: prevalence - (1 - prevalence) t/(1 - t); none: 0; at another prevalence: TPR prevalence - FPR (1 - prevalence) t/(1 - t); interventions avoided per 100 = 100 (NB - NB all)(1 - t)/t; standardised NB = NB / prevalence; difference of two models: z = (NB_A - NB_B)/SE",
    source: "Vickers and Elkin 2006 Med Decis Making 26:565; Vickers et al. 2008 BMC Med Inform Decis Mak 8:53; Kerr et al. 2016 J Clin Oncol 34:2534; case-control: Pfeiffer and Gail 2020 Biometrical J 62:764",
    assumptions: "the threshold and its range come from the clinical trade-off, not from the data. Rows independent, or by cluster. Probabilities need to be calibrated for the threshold to mean t/(1 - t). A given prevalence counts as known; then both classes keep their sizes in the bootstrap (without clusters)",
    compared_with: "dcurves 1.1.7 (Python) dca; formulas in NumPy",
    roles: &[TRUTH, PROBABILITIES, CLUSTER],
    settings: &[
        THRESHOLD, FROM, TO, STEP, PREVALENCE, LEVEL, INTERVAL, SEED, REPLICATES,
    ],
    // Of several models that of the first column comes first.
    numbers: &[
        "net_benefit",
        "net_benefit_{model}",
        "difference_{model}_{model}",
        "difference_{model}_{model}_p_value",
        "net_benefit_of_all",
        "interventions_avoided",
        "interventions_avoided_{model}",
        "standardised_net_benefit",
        "standardised_net_benefit_{model}",
        "prevalence",
    ],
    run: run_decision_curve,
};

fn run_decision_curve(sample: &Sample) -> Result<Answer, StatisticsError> {
    let truth = sample.binary("truth");
    let models = sample.all_reals("probability");
    let t = sample.real("threshold");
    let prevalence = sample.optional_real("prevalence");
    let n = truth.len();
    for (_, p) in &models {
        check(truth, p)?;
    }
    within("prevalence", prevalence.into_iter())?;
    let thresholds = range(
        sample.real("threshold_from"),
        sample.real("threshold_to"),
        sample.real("threshold_step"),
    )?;
    // The main threshold comes last in every list that is bootstrapped.
    let every: Vec<f64> = thresholds.iter().copied().chain([t]).collect();
    let benefits: Vec<Vec<NetBenefit>> = models
        .iter()
        .map(|(_, p)| net_benefits(truth, p, &every, prevalence))
        .collect::<Result<_, _>>()?;
    let main: Vec<NetBenefit> = benefits.iter().filter_map(|b| b.last()).copied().collect();
    let pairs: Vec<(usize, usize)> = (0..models.len())
        .flat_map(|a| ((a + 1)..models.len()).map(move |b| (a, b)))
        .collect();

    let codes: Vec<usize> = truth.iter().map(|y| usize::from(*y)).collect();
    let clustered = sample.labels("cluster").is_some();
    let strata = (prevalence.is_some() && !clustered).then_some(codes.as_slice());
    let resampling = Resampling::from_sample(sample, n, strata);
    // Each replicate then costs one pass over its rows: the place of every probability among the
    // thresholds is found once.
    let mut ascending: Vec<(f64, usize)> = every
        .iter()
        .copied()
        .enumerate()
        .map(|(i, t)| (t, i))
        .collect();
    ascending.sort_by(|a, b| a.0.total_cmp(&b.0));
    let places: Vec<Vec<usize>> = models
        .iter()
        .map(|(_, p)| {
            p.iter()
                .map(|p| ascending.partition_point(|(t, _)| t <= p))
                .collect()
        })
        .collect();
    let k = every.len();
    let curve_count = models.len() * k;
    let statistics = curve_count + pairs.len() + 1;
    let compute = |rows: &[usize]| -> Vec<Option<f64>> {
        let positive = rows
            .iter()
            .filter(|r| truth.get(**r) == Some(&true))
            .count();
        let negative = rows.len() - positive;
        let mut values = Vec::with_capacity(statistics);
        for place in &places {
            // How many rows lie exactly so many thresholds up, then summed from the top.
            let mut reached = vec![(0usize, 0usize); k + 1];
            for row in rows {
                let (Some(y), Some(slot)) = (
                    truth.get(*row),
                    place.get(*row).and_then(|at| reached.get_mut(*at)),
                ) else {
                    continue;
                };
                if *y { slot.0 += 1 } else { slot.1 += 1 }
            }
            let mut sum = (0usize, 0usize);
            let mut counts: Vec<(f64, usize, usize)> = vec![(0.0, 0, 0); k];
            for (slot, (threshold, at)) in reached.iter().skip(1).zip(&ascending).rev() {
                sum = (sum.0 + slot.0, sum.1 + slot.1);
                if let Some(count) = counts.get_mut(*at) {
                    *count = (*threshold, sum.0, sum.1);
                }
            }
            match from_counts(counts.into_iter(), positive, negative, prevalence) {
                Ok(found) => values.extend(found.iter().map(|b| Some(b.model))),
                Err(_) => values.extend(std::iter::repeat_n(None, k)),
            }
        }
        for (a, b) in &pairs {
            let at = |model: usize| values.get((model + 1) * k - 1).copied().flatten();
            values.push(at(*a).zip(at(*b)).map(|(a, b)| a - b));
        }
        let share = positive as f64 / rows.len() as f64;
        values.push(match prevalence {
            Some(_) => None,
            None => Some(all_benefit(share, t)),
        });
        values
    };
    let level = resampling.level;
    let wald_only = sample.word("interval") == "wald";
    let replicates = if wald_only {
        vec![Vec::new(); statistics]
    } else {
        resampling.replicates(statistics, compute)
    };
    let estimates: Vec<Option<f64>> = benefits
        .iter()
        .flatten()
        .map(|b| Some(b.model))
        .chain(
            pairs
                .iter()
                .map(|(a, b)| Some(main.get(*a)?.model - main.get(*b)?.model)),
        )
        .chain([main.first().filter(|_| prevalence.is_none()).map(|b| b.all)])
        .collect();
    let mut intervals = if wald_only {
        Vec::new()
    } else {
        resampling.intervals(&estimates, &replicates, compute)
    };
    let method = resampling.id();
    let cluster = clusters_of(sample);
    let by_prevalence = if prevalence.is_some() {
        "given-prevalence"
    } else {
        "sample-prevalence"
    };
    let threshold_id = format!("threshold-{t}.{by_prevalence}");
    let errors: Vec<Vec<f64>> = models
        .iter()
        .map(|(_, p)| influences(truth, p, t, prevalence))
        .collect();

    let finish =
        |number: Number, influence: &[f64], at: usize, intervals: &[Result<_, StatisticsError>]| {
            if wald_only {
                return wald(number, influence, cluster.as_deref(), level);
            }
            let number =
                match influence_error(influence, cluster.as_deref(), number.value.unwrap_or(0.0)) {
                    Ok(error) => number.with_standard_error(error),
                    Err(_) => number,
                };
            match intervals.get(at) {
                Some(interval) => attach(number, interval.clone(), &method),
                None => Ok(number),
            }
        };
    let mut numbers = Vec::new();
    for (m, (((name, _), found), influence)) in models.iter().zip(&main).zip(&errors).enumerate() {
        let label = if models.len() == 1 {
            "net_benefit".to_owned()
        } else {
            format!("net_benefit_{name}")
        };
        let number = Number::plain(label, format!("net-benefit.{threshold_id}"), found.model, n);
        numbers.push(finish(number, influence, (m + 1) * k - 1, &intervals)?);
    }
    for (at, (a, b)) in pairs.iter().enumerate() {
        let (Some(first), Some(second)) = (models.get(*a), models.get(*b)) else {
            continue;
        };
        let (Some(one), Some(two)) = (errors.get(*a), errors.get(*b)) else {
            continue;
        };
        let influence: Vec<f64> = one.iter().zip(two).map(|(x, y)| x - y).collect();
        let value = estimates
            .get(curve_count + at)
            .copied()
            .flatten()
            .unwrap_or(f64::NAN);
        let name = format!("difference_{}_{}", first.0, second.0);
        let definition = format!("net-benefit.difference.{threshold_id}");
        let number = Number::plain(name.clone(), definition.clone(), value, n);
        numbers.push(finish(number, &influence, curve_count + at, &intervals)?);
        let (p_name, p_definition) = (
            format!("{name}_p_value"),
            format!("{definition}.wald.two-sided"),
        );
        numbers.push(
            match influence_error(&influence, cluster.as_deref(), value) {
                Ok(error) => {
                    Number::plain(p_name, p_definition, normal_two_sided(value / error), n)
                }
                Err(StatisticsError::NotEstimable(reason)) => {
                    Number::none(p_name, p_definition, n, reason)
                }
                Err(other) => return Err(other),
            },
        );
    }
    let share = prevalence.unwrap_or_else(|| codes.iter().sum::<usize>() as f64 / n as f64);
    if let Some(first) = main.first() {
        let all = Number::plain(
            "net_benefit_of_all",
            format!("net-benefit.all.{threshold_id}"),
            first.all,
            n,
        );
        numbers.push(if prevalence.is_some() {
            all.without_interval("the prevalence is given and counts as known")
        } else {
            // NB of all is linear in the prevalence.
            let influence: Vec<f64> = truth
                .iter()
                .map(|y| (f64::from(u8::from(*y)) - share) / (1.0 - t) / n as f64)
                .collect();
            finish(all, &influence, curve_count + pairs.len(), &intervals)?
        });
    }
    for ((name, _), found) in models.iter().zip(&main) {
        let of = |what: &str| {
            if models.len() == 1 {
                what.to_owned()
            } else {
                format!("{what}_{name}")
            }
        };
        numbers.push(Number::plain(
            of("interventions_avoided"),
            format!("interventions-avoided-per-100.{threshold_id}"),
            100.0 * found.interventions_avoided,
            n,
        ));
        let standardised = format!("net-benefit.standardised.{threshold_id}");
        numbers.push(if share > 0.0 {
            Number::plain(
                of("standardised_net_benefit"),
                standardised,
                found.model / share,
                n,
            )
        } else {
            Number::none(
                of("standardised_net_benefit"),
                standardised,
                n,
                "no positives, so the largest net benefit is 0",
            )
        });
    }
    numbers.push(Number::plain(
        "prevalence",
        format!("prevalence.{by_prevalence}"),
        share,
        n,
    ));

    let mut table = Table {
        name: "net benefit".into(),
        columns: [
            "model",
            "threshold",
            "net_benefit",
            "lower",
            "upper",
            "all",
            "interventions_avoided_per_100",
            "sensitivity",
            "false_positive_rate",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: Vec::new(),
    };
    let mut curves = Vec::new();
    let mut limits = intervals.drain(..).map(Result::ok);
    for ((name, p), found) in models.iter().zip(&benefits) {
        let mut curve = Curve::line(Figure::DecisionCurve, *name, Vec::new(), Vec::new());
        for (at, b) in found.iter().enumerate() {
            let limit = if wald_only && at + 1 < k {
                let number = Number::plain("", "", b.model, n);
                wald(
                    number,
                    &influences(truth, p, b.threshold, prevalence),
                    cluster.as_deref(),
                    level,
                )?
                .interval
            } else {
                limits.next().flatten()
            };
            // The last is the main threshold, which the numbers show.
            if at + 1 == k {
                break;
            }
            let (lower, upper) = limit.map_or((f64::NAN, f64::NAN), |l| (l.lower, l.upper));
            curve.x.push(b.threshold);
            curve.y.push(b.model);
            curve.lower.push(lower);
            curve.upper.push(upper);
            let real = |v: f64| {
                if v.is_nan() {
                    Cell::None
                } else {
                    Cell::Real(v)
                }
            };
            table.rows.push(vec![
                Cell::Text((*name).to_owned()),
                Cell::Real(b.threshold),
                Cell::Real(b.model),
                real(lower),
                real(upper),
                Cell::Real(b.all),
                Cell::Real(100.0 * b.interventions_avoided),
                real(b.sensitivity),
                real(b.false_positive_rate),
            ]);
        }
        curves.push(curve);
    }
    let all = thresholds.iter().map(|t| all_benefit(share, *t)).collect();
    curves.push(Curve::line(
        Figure::DecisionCurve,
        "all",
        thresholds.clone(),
        all,
    ));
    let none = vec![0.0; thresholds.len()];
    curves.push(Curve::line(Figure::DecisionCurve, "none", thresholds, none));
    let mut notes = vec![
        "limits along the curve hold at each threshold on its own, not for the curve as a whole"
            .into(),
    ];
    if let Some(share) = prevalence {
        notes.push(format!(
            "re-weighted to a prevalence of {share}, taken as known"
        ));
    }
    Ok(Answer {
        numbers,
        tables: vec![table],
        curves,
        notes,
    })
}

/// Thresholds from `from` to `to`; each is rounded once, so that 0.3 is the decimal 0.3.
fn range(from: f64, to: f64, step: f64) -> Result<Vec<f64>, StatisticsError> {
    if from > to {
        return Err(StatisticsError::setting(
            "threshold_from",
            from,
            format!("it lies at or below threshold_to ({to})"),
        ));
    }
    let count = ((to - from) / step + 1e-9).floor() as usize;
    // A step such as 0.01 is a whole part of 1: dividing then meets decimals exactly, where adding
    // or multiplying would miss them by a digit and move a tied probability across its threshold.
    let parts = (1.0 / step).round();
    let exact =
        (parts * step - 1.0).abs() < 1e-9 && ((from * parts).round() - from * parts).abs() < 1e-9;
    Ok((0..=count)
        .map(|i| {
            if exact {
                ((from * parts).round() + i as f64) / parts
            } else {
                from + step * i as f64
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn thresholds_are_the_decimals_one_would_type() {
        let t = range(0.01, 0.99, 0.01).unwrap();
        assert_eq!(t.len(), 99);
        assert_eq!((t[28], t[56], t[98]), (0.29, 0.57, 0.99));
        assert_eq!(
            range(0.1, 0.35, 0.05).unwrap(),
            [0.1, 0.15, 0.2, 0.25, 0.3, 0.35]
        );
        assert!(range(0.5, 0.4, 0.1).is_err());
    }

    #[test]
    fn thresholds_and_prevalences_out_of_range_and_no_rows_are_refused() {
        for t in [0.0, 1.0, f64::NAN, -0.1] {
            assert!(net_benefits(&[true], &[0.5], &[t], None).is_err());
            assert!(net_benefits(&[true, false], &[0.5, 0.1], &[0.2], Some(t)).is_err());
        }
        assert!(matches!(
            net_benefits(&[], &[], &[0.2], None),
            Err(StatisticsError::NotEstimable(_))
        ));
        assert!(net_benefits(&[true], &[f64::NAN], &[0.2], None).is_err());
        assert!(matches!(
            net_benefits(&[true], &[0.5], &[0.2], Some(0.1)),
            Err(StatisticsError::NotEstimable(_))
        ));
    }

    proptest! {
        #[test]
        fn acting_on_all_brings_nothing_at_the_prevalence(rows in prop::collection::vec((any::<bool>(), 0u8..=20), 2..50)) {
            let y: Vec<bool> = rows.iter().map(|r| r.0).collect();
            let p: Vec<f64> = rows.iter().map(|r| f64::from(r.1) / 20.0).collect();
            let share = y.iter().filter(|y| **y).count() as f64 / y.len() as f64;
            prop_assume!(share > 0.0 && share < 1.0);
            let at = net_benefits(&y, &p, &[share, 0.001], None).unwrap();
            prop_assert_eq!(at[0].all, 0.0);
            // A model that acts on everyone is `all`.
            let always = net_benefits(&y, &vec![1.0; y.len()], &[0.3, 0.6], None).unwrap();
            for b in always {
                prop_assert!((b.model - b.all).abs() < 1e-12);
            }
            // The sample's own prevalence, given, changes nothing.
            let own = net_benefits(&y, &p, &[0.3], None).unwrap()[0];
            let given = net_benefits(&y, &p, &[0.3], Some(share)).unwrap()[0];
            prop_assert!((own.model - given.model).abs() < 1e-12);
        }
    }
}
