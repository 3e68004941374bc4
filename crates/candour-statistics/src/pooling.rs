//! Pooling over sites that keep their data: each sends an estimate with its variance, a 2 x 2 table,
//! or counts and moments; nothing about a patient leaves it.

mod bivariate;
mod random_effects;

use serde::Serialize;

pub use bivariate::{
    Bivariate, Correct, Hsroc, Logits, SiteTable, bivariate, ellipse, hsroc, logits,
};
pub use random_effects::{
    Pooled, PooledTest, Prediction, SiteResidual, Tau2, Tau2Method, between_site_variance, pool,
    q_profile, site_residuals,
};

use crate::catalogue::{
    Entry, Group, Kind, LEVEL, Labels, Need, Role, Sample, Setting, SettingKind,
};
use crate::distribution::{
    chi_squared_quantile, f_quantile, normal_two_sided, t_quantile, two_sided_z,
};
use crate::number::{Answer, Cell, Curve, Figure, Interval, Number, StatisticsError, Table};
use crate::proportion::wilson_interval;

/// The statistics of this module.
pub const ENTRIES: &[Entry] = &[
    Entry {
        id: "pool-estimates",
        group: Group::Pooling,
        title: "Pooled estimate over sites (random effects)",
        formula: "mu = sum(w y) / sum(w), w = 1 / (v + tau2); tau2 by REML, DL, PM, ML, SJ, HS or HE; knha: var(mu) = sum(w (y - mu)^2) / ((k - 1) sum(w)), t with k - 1 df; I2 = tau2 / (tau2 + s2), s2 = (k - 1) / (S1 - S2 / S1); prediction: mu +- t sqrt(var(mu) + tau2)",
        source: "DerSimonian & Laird 1986; Viechtbauer 2005, 2007 (Q-profile); Hartung & Knapp 2001; Sidik & Jonkman 2002, 2005; Paule & Mandel 1982; Higgins & Thompson 2002; Riley 2011",
        assumptions: "one independent estimate per site, approximately normal, variances known; a site given twice is refused; with five sites (simulation in the tests) knha covered 95 % where variances are equal and 92 % where they differ tenfold, Wald 91 and 87 %, and prediction intervals 84 to 89 %: they are too narrow with few sites",
        compared_with: "metafor 3.8-1 rma, predict, confint, leave1out",
        roles: &[ESTIMATE, VARIANCE, STANDARD_ERROR, SITE],
        settings: &[METHOD, TEST, PREDICTION, SCALE, LEVEL],
        numbers: &[
            "pooled",
            "pooled_back_transformed",
            "p_value",
            "new_site",
            "tau2",
            "i2_percent",
            "h2",
            "q",
            "q_p_value",
        ],
        run: run_estimates,
    },
    Entry {
        id: "pool-proportions",
        group: Group::Pooling,
        title: "Pooled proportion over sites",
        formula: "logit: y = ln(x / (n - x)), v = 1/x + 1/(n - x), 0.5 added to both where one is 0; double-arcsine: y = (asin sqrt(x / (n + 1)) + asin sqrt((x + 1) / (n + 1))) / 2, v = 1 / (4 n + 2); arcsine: asin sqrt(x / n), 1 / (4 n); raw: x / n; then the random-effects model",
        source: "Freeman & Tukey 1950; Miller 1978 (back-transformation); Barendregt 2013; Schwarzer 2019 on its pitfalls",
        assumptions: "one independent count per site; the back-transformed double arcsine depends on the sample size put in",
        compared_with: "metafor 3.8-1 escalc PLO, PFT, PAS, PR with rma",
        roles: &[SUCCESSES, TRIALS, SITE],
        settings: &[
            Setting {
                name: "transformation",
                what: "scale on which proportions are pooled",
                kind: SettingKind::Choice(&["logit", "double-arcsine", "arcsine", "raw"]),
                default: Some("logit"),
            },
            Setting {
                name: "back_transform",
                what: "sample size with which the double arcsine is turned back: harmonic mean of the trials (Miller 1978) or that which the pooled variance stands for (Barendregt 2013)",
                kind: SettingKind::Choice(&["harmonic-mean", "inverse-variance"]),
                default: Some("harmonic-mean"),
            },
            METHOD,
            TEST,
            PREDICTION,
            LEVEL,
        ],
        numbers: &[
            "proportion",
            "new_site",
            "tau2",
            "i2_percent",
            "h2",
            "q",
            "q_p_value",
            "proportion_of_all_counts",
        ],
        run: run_proportions,
    },
    Entry {
        id: "pool-accuracy",
        group: Group::Pooling,
        title: "Pooled sensitivity and specificity (bivariate model) with summary ROC curve",
        formula: "(logit Se_i, logit Sp_i) ~ N2(mu, Sigma + diag(1/tp + 1/fn, 1/tn + 1/fp)); Sigma by REML or ML; Lambda, Theta, beta from (mu, Sigma)",
        source: "Reitsma 2005; Rutter & Gatsonis 2001; Harbord 2007; Chu & Cole 2006 on the correction",
        assumptions: "independent sites with both classes; normal logits with known variances; a fit on the boundary (correlation -1 or 1, a variance of 0) is reported as not identified and replaced by separate univariate pooling",
        compared_with: "metafor 3.8-1 rma.mv (struct UN) and a dense likelihood in R",
        roles: &[
            count("tp", "diseased and called positive"),
            count("fp", "not diseased and called positive"),
            count("fn", "diseased and called negative"),
            count("tn", "not diseased and called negative"),
            SITE,
        ],
        settings: &[
            Setting {
                name: "method",
                what: "likelihood that is maximised",
                kind: SettingKind::Choice(&["reml", "ml"]),
                default: Some("reml"),
            },
            Setting {
                name: "correction",
                what: "added to each cell of a corrected site, in cases",
                kind: SettingKind::Real(0.0, 1.0),
                default: Some("0.5"),
            },
            Setting {
                name: "correct",
                what: "sites corrected when a cell is empty: all of them (mada) or those with an empty cell",
                kind: SettingKind::Choice(&["all", "single"]),
                default: Some("all"),
            },
            Setting {
                name: "boundary",
                what: "what to do when the between-site covariance lies on its boundary: pool both measures separately, or report that fit all the same",
                kind: SettingKind::Choice(&["fallback", "report"]),
                default: Some("fallback"),
            },
            Setting {
                what: "interval of sensitivity and specificity where they are pooled separately (boundary = fallback): Hartung-Knapp-Sidik-Jonkman, the same with its scale never below 1 (ad hoc; as IQWiG advises), Wald with t, Wald",
                default: Some("knha-adhoc"),
                ..TEST
            },
            Setting {
                name: "region",
                what: "distribution behind the regions: chi-squared with 2 df, or 2 F(2, k - 2)",
                kind: SettingKind::Choice(&["chi-squared", "f"]),
                default: Some("chi-squared"),
            },
            LEVEL,
        ],
        numbers: &[
            "sensitivity",
            "specificity",
            "logit_sensitivity",
            "logit_specificity",
            "logit_covariance",
            "tau2_logit_sensitivity",
            "i2_percent_sensitivity",
            "tau2_logit_specificity",
            "i2_percent_specificity",
            "between_site_covariance",
            "correlation",
            "lr_positive",
            "lr_negative",
            "diagnostic_odds_ratio",
            "hsroc_accuracy",
            "hsroc_threshold",
            "hsroc_shape",
            "hsroc_accuracy_variance",
            "hsroc_threshold_variance",
            "sroc_area",
            "sensitivity_of_all_counts",
            "specificity_of_all_counts",
        ],
        run: run_accuracy,
    },
    Entry {
        id: "pool-auc",
        group: Group::Pooling,
        title: "Pooled AUC over sites",
        formula: "y = logit(AUC), v = var(AUC) / (AUC (1 - AUC))^2; the random-effects model; back by the inverse logit",
        source: "Debray 2017 (BMJ 356:i6460), Snell 2018 on the logit scale; else as pool-estimates",
        assumptions: "one independent AUC per site with its variance; an AUC of 0 or 1 has no logit and is refused",
        compared_with: "metafor 3.8-1 rma on logits",
        roles: &[
            Role {
                name: "auc",
                what: "area under the ROC curve of each site",
                kind: Kind::Probability,
                need: Need::One,
                missing: false,
            },
            VARIANCE,
            STANDARD_ERROR,
            SITE,
        ],
        settings: &[
            Setting {
                name: "scale",
                what: "scale on which AUCs are pooled",
                kind: SettingKind::Choice(&["logit", "identity"]),
                default: Some("logit"),
            },
            METHOD,
            TEST,
            PREDICTION,
            LEVEL,
        ],
        numbers: &[
            "auc",
            "new_site",
            "tau2",
            "i2_percent",
            "h2",
            "q",
            "q_p_value",
        ],
        run: run_auc,
    },
    Entry {
        id: "pool-means",
        group: Group::Pooling,
        title: "Exact pooling of means (also Brier score and calibration-in-the-large) over sites",
        formula: "mean = sum(n m) / sum(n); sum of squares = sum((n - 1) s2) + sum(n (m - mean)^2); O:E = sum(observed) / sum(expected): the values of the data put together",
        source: "Chan, Golub & LeVeque 1983; Debray 2017 for the variance of ln O:E, (1 - O/n) / O",
        assumptions: "each row of data counted at one site only; rows independent within and between sites: no random effect of the site",
        compared_with: "NumPy on the data put together",
        roles: &[
            count("n", "cases of the site"),
            Role {
                name: "mean",
                what: "mean over the site's cases: of a measurement, of squared errors (Brier), of outcome less prediction (calibration-in-the-large)",
                kind: Kind::Finite,
                need: Need::One,
                missing: false,
            },
            Role {
                name: "sample_variance",
                what: "variance over the site's cases, with n - 1; any number where n is 1",
                kind: Kind::Finite,
                need: Need::Optional,
                missing: false,
            },
            Role {
                name: "observed",
                what: "events observed at the site",
                kind: Kind::Count,
                need: Need::Optional,
                missing: false,
            },
            Role {
                name: "expected",
                what: "events expected at the site: the sum of predicted probabilities",
                kind: Kind::Finite,
                need: Need::Optional,
                missing: false,
            },
            SITE,
        ],
        settings: &[LEVEL],
        numbers: &[
            "mean",
            "standard_deviation",
            "observed_over_expected",
            "observed_minus_expected_per_case",
        ],
        run: run_means,
    },
    Entry {
        id: "site-heterogeneity",
        group: Group::Pooling,
        title: "Heterogeneity between sites",
        formula: "Q = sum((y - mu)^2 / v), chi-squared with k - 1 df; tau2 by every estimator with its Q-profile interval; I2, H2; each site's deleted residual (y - mu_-i) / sqrt(v + tau2_-i + var(mu_-i))",
        source: "Cochran 1954; Higgins & Thompson 2002; Viechtbauer 2007; Viechtbauer & Cheung 2010; Holm 1979",
        assumptions: "as pool-estimates; Q has little power with few sites: a large p-value is no proof of homogeneity",
        compared_with: "metafor 3.8-1 rma, confint, rstudent",
        roles: &[ESTIMATE, VARIANCE, STANDARD_ERROR, SITE],
        settings: &[METHOD, LEVEL],
        numbers: &["q", "q_p_value", "tau2", "i2_percent", "h2"],
        run: run_heterogeneity,
    },
];

const ESTIMATE: Role = Role {
    name: "estimate",
    what: "estimate of each site",
    kind: Kind::Finite,
    need: Need::One,
    missing: false,
};
const VARIANCE: Role = Role {
    name: "variance",
    what: "variance of the site's estimate; this or standard_error",
    kind: Kind::Finite,
    need: Need::Optional,
    missing: false,
};
const STANDARD_ERROR: Role = Role {
    name: "standard_error",
    what: "standard error of the site's estimate; this or variance",
    kind: Kind::Finite,
    need: Need::Optional,
    missing: false,
};
const SITE: Role = Role {
    name: "site",
    what: "name of the site; each once",
    kind: Kind::Label,
    need: Need::Optional,
    missing: false,
};
const SUCCESSES: Role = count("successes", "successes of the site");
const TRIALS: Role = count("trials", "trials of the site");

const fn count(name: &'static str, what: &'static str) -> Role {
    Role {
        name,
        what,
        kind: Kind::Count,
        need: Need::One,
        missing: false,
    }
}

const METHOD: Setting = Setting {
    name: "method",
    what: "estimator of the between-site variance tau2",
    kind: SettingKind::Choice(Tau2Method::WORDS),
    default: Some("reml"),
};
const TEST: Setting = Setting {
    name: "test",
    what: "interval of the pooled estimate: Hartung-Knapp-Sidik-Jonkman, the same never narrower than Wald, Wald with t, Wald",
    kind: SettingKind::Choice(PooledTest::WORDS),
    default: Some("knha"),
};
const PREDICTION: Setting = Setting {
    name: "prediction",
    what: "distribution of the prediction interval: that of the test (metafor), or t with k - 2 df (riley)",
    kind: SettingKind::Choice(&["as-test", "riley"]),
    default: Some("as-test"),
};
const SCALE: Setting = Setting {
    name: "scale",
    what: "scale the estimates are given on; results are also turned back from logit or log",
    kind: SettingKind::Choice(&["identity", "logit", "log"]),
    default: Some("identity"),
};

/// The counts of all sites together: the table that the data put together would give.
///
/// # Errors
/// When a sum overflows.
pub fn pooled_counts(tables: &[SiteTable]) -> Result<SiteTable, StatisticsError> {
    let sum = |f: fn(&SiteTable) -> u64| -> Result<u64, StatisticsError> {
        tables
            .iter()
            .try_fold(0u64, |s, t| s.checked_add(f(t)))
            .ok_or_else(|| {
                StatisticsError::Data("the counts of all sites together exceed 2^64".into())
            })
    };
    Ok(SiteTable {
        true_positive: sum(|t| t.true_positive)?,
        false_negative: sum(|t| t.false_negative)?,
        false_positive: sum(|t| t.false_positive)?,
        true_negative: sum(|t| t.true_negative)?,
    })
}

/// Count, mean and sum of squared deviations: all that is needed of a site for the mean and variance
/// of the data put together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Moments {
    /// Cases.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// Sum of squared deviations from it.
    pub squares: f64,
}

/// The moments of the data put together (Chan, Golub and LeVeque 1983), without the cancellation
/// of sums of squares. `None` when there are no cases.
///
/// # Errors
/// When a moment is not finite or negative where it cannot be.
pub fn pooled_moments(sites: &[Moments]) -> Result<Option<Moments>, StatisticsError> {
    if sites
        .iter()
        .any(|s| s.n > 0 && !(s.mean.is_finite() && s.squares.is_finite() && s.squares >= 0.0))
    {
        return Err(StatisticsError::Data(
            "means are finite and variances finite and not negative".into(),
        ));
    }
    let present = || sites.iter().filter(|s| s.n > 0);
    let Some(n) = present().try_fold(0u64, |n, s| n.checked_add(s.n)) else {
        return Err(StatisticsError::Data(
            "the cases of all sites together exceed 2^64".into(),
        ));
    };
    let Some(first) = present().next() else {
        return Ok(None);
    };
    let mean = first.mean
        + present()
            .map(|s| (s.n as f64 / n as f64) * (s.mean - first.mean))
            .sum::<f64>();
    let squares = present()
        .map(|s| s.squares + s.n as f64 * (s.mean - mean).powi(2))
        .sum();
    Ok(Some(Moments { n, mean, squares }))
}

/// The transformations of a proportion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transformation {
    /// ln(x / (n - x)).
    Logit,
    /// Freeman and Tukey's.
    DoubleArcsine,
    /// asin(sqrt(x / n)).
    Arcsine,
    /// x / n.
    Raw,
}

impl Transformation {
    fn from_word(word: &str) -> Self {
        match word {
            "double-arcsine" => Self::DoubleArcsine,
            "arcsine" => Self::Arcsine,
            "raw" => Self::Raw,
            _ => Self::Logit,
        }
    }

    /// The transformed proportion with its variance. Logit and raw add 0.5 to successes and failures
    /// where either is 0, as metafor's `to = "only0"`.
    ///
    /// # Errors
    /// Not estimable without trials; a data error for more successes than trials.
    pub fn apply(self, successes: u64, trials: u64) -> Result<(f64, f64), StatisticsError> {
        if successes > trials {
            return Err(StatisticsError::Data(format!(
                "{successes} successes in {trials} trials; count again"
            )));
        }
        if trials == 0 {
            return Err(StatisticsError::not_estimable(
                "a site without trials has no proportion; leave it out and say so",
            ));
        }
        let (x, n) = (successes as f64, trials as f64);
        let add = if successes == 0 || successes == trials {
            0.5
        } else {
            0.0
        };
        let (xa, na) = (x + add, n + 2.0 * add);
        Ok(match self {
            Self::Logit => ((xa / (na - xa)).ln(), 1.0 / xa + 1.0 / (na - xa)),
            Self::DoubleArcsine => (double_arcsine(x, n), 1.0 / (4.0 * n + 2.0)),
            Self::Arcsine => ((x / n).sqrt().asin(), 1.0 / (4.0 * n)),
            Self::Raw => (xa / na, xa / na * (1.0 - xa / na) / na),
        })
    }

    /// Back to a proportion; `size` is the sample size for the double arcsine. Values beyond the
    /// transformation's range give 0 or 1.
    #[must_use]
    pub fn back(self, y: f64, size: f64) -> f64 {
        match self {
            Self::Logit => expit(y),
            Self::DoubleArcsine => {
                if y <= double_arcsine(0.0, size) {
                    0.0
                } else if y >= double_arcsine(size, size) {
                    1.0
                } else {
                    let sine = (2.0 * y).sin();
                    let inner = sine + (sine - 1.0 / sine) / size;
                    0.5 * (1.0 - (2.0 * y).cos().signum() * (1.0 - inner * inner).max(0.0).sqrt())
                }
            }
            Self::Arcsine => y.clamp(0.0, std::f64::consts::FRAC_PI_2).sin().powi(2),
            Self::Raw => y.clamp(0.0, 1.0),
        }
    }
}

fn double_arcsine(x: f64, n: f64) -> f64 {
    0.5 * ((x / (n + 1.0)).sqrt().asin() + ((x + 1.0) / (n + 1.0)).sqrt().min(1.0).asin())
}

/// The inverse logit.
pub(crate) fn expit(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

/// The root of a function that is not negative at `low` and not positive at `high`, by bisection down
/// to neighbouring numbers.
fn root(low: f64, high: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (low, high);
    for _ in 0..2000 {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if f(middle) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

fn site_names(sample: &Sample) -> Result<Vec<String>, StatisticsError> {
    let Some(labels) = sample.labels("site") else {
        return Ok((1..=sample.rows()).map(|i| format!("site {i}")).collect());
    };
    match labels.first_repeat() {
        None => Ok(names(labels)),
        Some(row) => Err(StatisticsError::Value {
            column: "site".into(),
            row,
            what: "is a site of an earlier row; rows of one site are not independent: combine them first"
                .into(),
        }),
    }
}

fn names(labels: &Labels) -> Vec<String> {
    labels
        .codes
        .iter()
        .map(|c| {
            c.and_then(|c| labels.names.get(c))
                .cloned()
                .unwrap_or_default()
        })
        .collect()
}

fn variances(sample: &Sample) -> Result<Vec<f64>, StatisticsError> {
    match (
        sample.optional_reals("variance"),
        sample.optional_reals("standard_error"),
    ) {
        (Some(v), None) => Ok(v.to_vec()),
        (None, Some(se)) => {
            if let Some(row) = se.iter().position(|s| *s <= 0.0) {
                return Err(StatisticsError::Value {
                    column: "standard_error".into(),
                    row,
                    what: "is not positive; a site's estimate has a positive standard error".into(),
                });
            }
            Ok(se.iter().map(|s| s * s).collect())
        }
        _ => Err(StatisticsError::Data(
            "give either `variance` or `standard_error` of the estimates".into(),
        )),
    }
}

/// What the entries of the univariate model have in common.
struct Univariate<'a> {
    sites: &'a [String],
    estimates: &'a [f64],
    variances: &'a [f64],
    method: Tau2Method,
    test: PooledTest,
    level: f64,
    pooled: Pooled,
}

impl<'a> Univariate<'a> {
    fn fit(
        sample: &Sample,
        sites: &'a [String],
        estimates: &'a [f64],
        variances: &'a [f64],
    ) -> Result<Self, StatisticsError> {
        let method = Tau2Method::from_word(sample.word("method"));
        let test = PooledTest::from_word(sample.word("test"));
        let prediction = match sample.word("prediction") {
            "riley" => Prediction::Riley,
            _ => Prediction::AsTest,
        };
        let level = sample.real("level");
        let pooled = pool(estimates, variances, method, test, prediction, level)?;
        Ok(Self {
            sites,
            estimates,
            variances,
            method,
            test,
            level,
            pooled,
        })
    }

    /// The pooled value on the scale of `back`, which rises.
    fn number(&self, name: &str, back: &dyn Fn(f64) -> f64, scale: &str) -> Number {
        let p = &self.pooled;
        let definition = format!("pooled.{}.{scale}", self.method.word());
        let number = Number::plain(name, definition, back(p.estimate), p.sites);
        match p.interval {
            Some(i) => {
                number.with_interval(turned(i, back), format!("{}.{scale}", self.test.word()))
            }
            None => {
                number.without_interval("the residual mean square is 0, so `knha` has no interval")
            }
        }
    }

    fn prediction(&self, back: &dyn Fn(f64) -> f64, scale: &str) -> Number {
        let p = &self.pooled;
        let definition = format!("prediction.{}.{scale}", self.method.word());
        match p.prediction {
            Some(i) => Number::plain("new_site", definition, back(p.estimate), p.sites)
                .with_interval(turned(i, back), "prediction"),
            None => Number::none(
                "new_site",
                definition,
                p.sites,
                "one common effect, or no spread: there is nothing to predict from",
            ),
        }
    }

    fn heterogeneity(&self) -> Vec<Number> {
        heterogeneity_numbers(&self.pooled, self.method)
    }

    fn tables(&self, back: &dyn Fn(f64) -> f64) -> Result<Vec<Table>, StatisticsError> {
        let z = two_sided_z(self.level)?;
        let mut tables = vec![Table {
            name: "sites".into(),
            columns: ["site", "estimate", "lower", "upper", "weight_percent"]
                .map(str::to_owned)
                .into(),
            rows: self
                .sites
                .iter()
                .zip(self.estimates)
                .zip(self.variances)
                .zip(&self.pooled.weights)
                .map(|(((site, y), v), w)| {
                    vec![
                        Cell::Text(site.clone()),
                        Cell::Real(back(*y)),
                        Cell::Real(back(y - z * v.sqrt())),
                        Cell::Real(back(y + z * v.sqrt())),
                        Cell::Real(*w),
                    ]
                })
                .collect(),
        }];
        if self.sites.len() >= 3 {
            let mut rows = Vec::new();
            for (left_out, site) in self.sites.iter().enumerate() {
                let without = |v: &[f64]| -> Vec<f64> {
                    v.iter()
                        .enumerate()
                        .filter(|(i, _)| *i != left_out)
                        .map(|(_, x)| *x)
                        .collect()
                };
                let p = pool(
                    &without(self.estimates),
                    &without(self.variances),
                    self.method,
                    self.test,
                    Prediction::AsTest,
                    self.level,
                )?;
                let limit = |f: fn(&Interval) -> f64| {
                    p.interval
                        .as_ref()
                        .map_or(Cell::None, |i| Cell::Real(back(f(i))))
                };
                rows.push(vec![
                    Cell::Text(site.clone()),
                    Cell::Real(back(p.estimate)),
                    limit(|i| i.lower),
                    limit(|i| i.upper),
                    Cell::Real(p.tau2.value),
                    Cell::Real(p.i2),
                ]);
            }
            tables.push(Table {
                name: "leave-one-out".into(),
                columns: [
                    "without",
                    "estimate",
                    "lower",
                    "upper",
                    "tau2",
                    "i2_percent",
                ]
                .map(str::to_owned)
                .into(),
                rows,
            });
        }
        Ok(tables)
    }

    fn forest(&self, back: &dyn Fn(f64) -> f64) -> Result<Curve, StatisticsError> {
        let z = two_sided_z(self.level)?;
        let mut rows: Vec<(String, f64, f64, f64)> = self
            .sites
            .iter()
            .zip(self.estimates)
            .zip(self.variances)
            .map(|((s, y), v)| {
                (
                    s.clone(),
                    back(*y),
                    back(y - z * v.sqrt()),
                    back(y + z * v.sqrt()),
                )
            })
            .collect();
        let p = &self.pooled;
        for (label, interval) in [("pooled", p.interval), ("prediction", p.prediction)] {
            if let Some(i) = interval {
                rows.push((label.into(), back(p.estimate), back(i.lower), back(i.upper)));
            }
        }
        Ok(forest("sites", rows))
    }
}

/// A forest plot of labelled rows `(label, estimate, lower, upper)`.
pub(crate) fn forest(label: &str, rows: Vec<(String, f64, f64, f64)>) -> Curve {
    Curve {
        figure: Figure::Forest,
        label: label.into(),
        x: rows.iter().map(|r| r.1).collect(),
        y: (1..=rows.len()).map(|i| i as f64).collect(),
        lower: rows.iter().map(|r| r.2).collect(),
        upper: rows.iter().map(|r| r.3).collect(),
        labels: rows.into_iter().map(|r| r.0).collect(),
    }
}

fn turned(i: Interval, back: &dyn Fn(f64) -> f64) -> Interval {
    Interval {
        lower: back(i.lower),
        upper: back(i.upper),
        level: i.level,
    }
}

fn heterogeneity_numbers(p: &Pooled, method: Tau2Method) -> Vec<Number> {
    let k = p.sites;
    let with = |number: Number, interval: Option<Interval>| match interval {
        Some(i) => number.with_interval(i, "q-profile"),
        None => number.without_interval("the Q-profile interval is empty, or there is no tau2"),
    };
    let mut numbers = Vec::new();
    if method == Tau2Method::Fixed {
        numbers.push(Number::none(
            "tau2",
            "tau2.fixed",
            k,
            "one common effect has no between-site variance",
        ));
    } else {
        let mut tau2 = Number::plain("tau2", format!("tau2.{}", method.word()), p.tau2.value, k);
        if let Some(se) = p.tau2.standard_error {
            tau2 = tau2.with_standard_error(se);
        }
        numbers.push(with(tau2, p.tau2_interval));
    }
    let definition = if method == Tau2Method::Fixed {
        "from-q".to_owned()
    } else {
        format!("from-tau2.{}", method.word())
    };
    numbers.push(with(
        Number::plain("i2_percent", format!("i2.{definition}"), p.i2, k),
        p.i2_interval,
    ));
    numbers.push(with(
        Number::plain("h2", format!("h2.{definition}"), p.h2, k),
        p.h2_interval,
    ));
    numbers.push(Number::plain("q", "q.cochran", p.q, k));
    numbers.push(Number::plain("q_p_value", "q.chi-squared", p.q_p_value, k));
    numbers
}

fn run_estimates(sample: &Sample) -> Result<Answer, StatisticsError> {
    let sites = site_names(sample)?;
    let v = variances(sample)?;
    let fit = Univariate::fit(sample, &sites, sample.reals("estimate"), &v)?;
    let same = |x: f64| x;
    let scale = sample.word("scale");
    let back: &dyn Fn(f64) -> f64 = match scale {
        "logit" => &expit,
        "log" => &f64::exp,
        _ => &same,
    };
    let mut numbers = vec![
        fit.number("pooled", &same, "as-given")
            .with_standard_error(fit.pooled.standard_error),
    ];
    if scale != "identity" {
        numbers.push(fit.number("pooled_back_transformed", back, scale));
    }
    numbers.push(if fit.pooled.interval.is_some() {
        Number::plain(
            "p_value",
            format!("two-sided.{}", fit.test.word()),
            fit.pooled.p_value,
            fit.pooled.sites,
        )
    } else {
        Number::none(
            "p_value",
            "two-sided",
            fit.pooled.sites,
            "the standard error is 0",
        )
    });
    numbers.push(fit.prediction(&same, "as-given"));
    numbers.extend(fit.heterogeneity());
    Ok(Answer {
        numbers,
        tables: fit.tables(&same)?,
        curves: vec![fit.forest(back)?],
        notes: fit.pooled.notes.clone(),
    })
}

fn run_auc(sample: &Sample) -> Result<Answer, StatisticsError> {
    let sites = site_names(sample)?;
    let v = variances(sample)?;
    let auc = sample.reals("auc");
    let logit_scale = sample.word("scale") != "identity";
    let (estimates, spread): (Vec<f64>, Vec<f64>) = if logit_scale {
        let mut logits = Vec::new();
        for (row, (a, v)) in auc.iter().zip(&v).enumerate() {
            if !(*a > 0.0 && *a < 1.0) {
                return Err(StatisticsError::not_estimable(format!(
                    "the AUC of row {} is 0 or 1, which has no logit; pool it on the identity scale with a variance from a boundary method, or leave it out and say so",
                    row + 1
                )));
            }
            logits.push(((a / (1.0 - a)).ln(), v / (a * (1.0 - a)).powi(2)));
        }
        logits.into_iter().unzip()
    } else {
        (auc.to_vec(), v)
    };
    let fit = Univariate::fit(sample, &sites, &estimates, &spread)?;
    let clip = |x: f64| x.clamp(0.0, 1.0);
    let back: &dyn Fn(f64) -> f64 = if logit_scale { &expit } else { &clip };
    let scale = if logit_scale { "logit" } else { "identity" };
    let mut numbers = vec![fit.number("auc", back, scale), fit.prediction(back, scale)];
    numbers.extend(fit.heterogeneity());
    let mut notes = fit.pooled.notes.clone();
    if [fit.pooled.interval, fit.pooled.prediction]
        .into_iter()
        .flatten()
        .any(|i| !logit_scale && (i.lower < 0.0 || i.upper > 1.0))
    {
        notes.push("limits beyond [0, 1] were clipped; the logit scale needs no clipping".into());
    }
    notes.push(format!("tau2 is on the {scale} scale"));
    Ok(Answer {
        numbers,
        tables: fit.tables(back)?,
        curves: vec![fit.forest(back)?],
        notes,
    })
}

fn run_proportions(sample: &Sample) -> Result<Answer, StatisticsError> {
    let sites = site_names(sample)?;
    let transformation = Transformation::from_word(sample.word("transformation"));
    let (successes, trials) = (sample.reals("successes"), sample.reals("trials"));
    let mut estimates = Vec::new();
    let mut spread = Vec::new();
    for (row, (x, n)) in successes.iter().zip(trials).enumerate() {
        if x > n {
            return Err(StatisticsError::Value {
                column: "successes".into(),
                row,
                what: "is above `trials`; count again".into(),
            });
        }
        let (y, v) = transformation.apply(*x as u64, *n as u64)?;
        estimates.push(y);
        spread.push(v);
    }
    let fit = Univariate::fit(sample, &sites, &estimates, &spread)?;
    let p = &fit.pooled;
    let harmonic = trials.len() as f64 / trials.iter().map(|n| 1.0 / n).sum::<f64>();
    let size = if sample.word("back_transform") == "inverse-variance" && p.standard_error > 0.0 {
        // v = 1 / (4 n + 2) turned round.
        ((1.0 / p.standard_error.powi(2) - 2.0) / 4.0).max(1.0)
    } else {
        harmonic
    };
    let back = |y: f64| transformation.back(y, size);
    let scale = sample.word("transformation");
    let total: f64 = successes.iter().sum();
    let all: f64 = trials.iter().sum();
    let mut numbers = vec![
        fit.number("proportion", &back, scale),
        fit.prediction(&back, scale),
    ];
    numbers.extend(fit.heterogeneity());
    if let Some(pooled) = wilson_interval(total as u64, all as u64, sample.real("level"))? {
        numbers.push(
            Number::plain(
                "proportion_of_all_counts",
                "sum-of-counts",
                pooled.value,
                all as usize,
            )
            .with_interval(pooled.interval, "wilson"),
        );
    }
    let mut notes = p.notes.clone();
    notes.push(format!("tau2 is on the {scale} scale"));
    notes.push("`proportion_of_all_counts` is that of the data put together; its interval ignores differences between sites".into());
    if successes
        .iter()
        .zip(trials)
        .any(|(x, n)| *x == 0.0 || x == n)
        && matches!(transformation, Transformation::Logit | Transformation::Raw)
    {
        notes.push("sites with 0 or all successes had 0.5 added to successes and failures".into());
    }
    if transformation == Transformation::DoubleArcsine {
        notes.push(format!(
            "the double arcsine was turned back with a sample size of {size}; the result depends on it (Schwarzer 2019)"
        ));
    }
    // A site's own proportion is its counts', not a transformation there and back.
    let z = two_sided_z(sample.real("level"))?;
    let mut tables = fit.tables(&back)?;
    let mut forest_rows = Vec::new();
    let mut rows = Vec::new();
    for ((((site, x), n), (y, v)), w) in sites
        .iter()
        .zip(successes)
        .zip(trials)
        .zip(estimates.iter().zip(&spread))
        .zip(&p.weights)
    {
        let (lower, upper) = (
            transformation.back(y - z * v.sqrt(), *n),
            transformation.back(y + z * v.sqrt(), *n),
        );
        rows.push(vec![
            Cell::Text(site.clone()),
            Cell::Real(x / n),
            Cell::Real(lower),
            Cell::Real(upper),
            Cell::Real(*w),
        ]);
        forest_rows.push((site.clone(), x / n, lower, upper));
    }
    if let Some(first) = tables.first_mut() {
        first.rows = rows;
    }
    for (label, interval) in [("pooled", p.interval), ("prediction", p.prediction)] {
        if let Some(i) = interval {
            forest_rows.push((label.into(), back(p.estimate), back(i.lower), back(i.upper)));
        }
    }
    Ok(Answer {
        numbers,
        tables,
        curves: vec![forest("sites", forest_rows)],
        notes,
    })
}

fn run_heterogeneity(sample: &Sample) -> Result<Answer, StatisticsError> {
    let sites = site_names(sample)?;
    let v = variances(sample)?;
    let y = sample.reals("estimate");
    let level = sample.real("level");
    let method = Tau2Method::from_word(sample.word("method"));
    let p = pool(y, &v, method, PooledTest::Z, Prediction::AsTest, level)?;
    let mut numbers = heterogeneity_numbers(&p, method);
    // Q comes first: it is what the entry is asked for.
    numbers.rotate_left(3);
    let mut rows = Vec::new();
    for method in Tau2Method::ALL {
        let one = pool(y, &v, method, PooledTest::Knha, Prediction::AsTest, level)?;
        rows.push(vec![
            Cell::Text(method.word().into()),
            Cell::Real(one.tau2.value),
            Cell::Real(one.i2),
            Cell::Real(one.h2),
            Cell::Real(one.estimate),
            one.interval.map_or(Cell::None, |i| Cell::Real(i.lower)),
            one.interval.map_or(Cell::None, |i| Cell::Real(i.upper)),
        ]);
    }
    let mut tables = vec![Table {
        name: "estimators".into(),
        columns: [
            "tau2_method",
            "tau2",
            "i2_percent",
            "h2",
            "pooled",
            "lower_knha",
            "upper_knha",
        ]
        .map(str::to_owned)
        .into(),
        rows,
    }];
    let mut notes = p.notes.clone();
    if sites.len() >= 3 {
        let residuals = site_residuals(y, &v, method)?;
        let raw: Vec<f64> = residuals
            .iter()
            .map(|r| normal_two_sided(r.deleted_residual))
            .collect();
        let adjusted = crate::subgroup::holm(&raw);
        tables.push(Table {
            name: "sites".into(),
            columns: [
                "site",
                "q_contribution",
                "pooled_without",
                "tau2_without",
                "deleted_residual",
                "p_value",
                "p_value_holm",
            ]
            .map(str::to_owned)
            .into(),
            rows: sites
                .iter()
                .zip(&residuals)
                .zip(raw.iter().zip(&adjusted))
                .map(|((site, r), (p, holm))| {
                    vec![
                        Cell::Text(site.clone()),
                        Cell::Real(r.q_contribution),
                        Cell::Real(r.without),
                        Cell::Real(r.without_tau2),
                        Cell::Real(r.deleted_residual),
                        Cell::Real(*p),
                        Cell::Real(*holm),
                    ]
                })
                .collect(),
        });
        notes.push("p-values of sites are normal approximations; with few sites tau2 without one of them is uncertain".into());
    }
    Ok(Answer {
        numbers,
        tables,
        curves: Vec::new(),
        notes,
    })
}

fn run_means(sample: &Sample) -> Result<Answer, StatisticsError> {
    site_names(sample)?;
    let level = sample.real("level");
    let n = sample.reals("n");
    let variance = sample.optional_reals("sample_variance");
    let mut moments = Vec::new();
    for (row, (n, mean)) in n.iter().zip(sample.reals("mean")).enumerate() {
        let s2 = variance.and_then(|v| v.get(row)).copied();
        if *n > 1.0 && s2.is_some_and(|s| s < 0.0) {
            return Err(StatisticsError::Value {
                column: "sample_variance".into(),
                row,
                what: "is negative".into(),
            });
        }
        moments.push(Moments {
            n: *n as u64,
            mean: *mean,
            squares: if *n > 1.0 {
                s2.unwrap_or(0.0) * (n - 1.0)
            } else {
                0.0
            },
        });
    }
    let Some(all) = pooled_moments(&moments)? else {
        return Err(StatisticsError::not_estimable("no site has a case"));
    };
    let cases = all.n as usize;
    let mut mean = Number::plain("mean", "mean.of-all-cases", all.mean, cases);
    let mut numbers = Vec::new();
    if variance.is_some() && all.n > 1 {
        let s2 = all.squares / (all.n as f64 - 1.0);
        let se = (s2 / all.n as f64).sqrt();
        let half = t_quantile(f64::midpoint(1.0, level), all.n as f64 - 1.0) * se;
        mean = if se > 0.0 {
            mean.with_standard_error(se).with_interval(
                Interval {
                    lower: all.mean - half,
                    upper: all.mean + half,
                    level,
                },
                "t",
            )
        } else {
            mean.without_interval("all values are equal: their spread gives no interval")
        };
        numbers.push(mean);
        numbers.push(Number::plain(
            "standard_deviation",
            "sd.n-1",
            s2.sqrt(),
            cases,
        ));
    } else {
        numbers.push(mean.without_interval("an interval needs two cases and `sample_variance`"));
    }
    match (
        sample.optional_reals("observed"),
        sample.optional_reals("expected"),
    ) {
        (Some(observed), Some(expected)) => {
            if let Some(row) = expected.iter().position(|e| *e < 0.0) {
                return Err(StatisticsError::Value {
                    column: "expected".into(),
                    row,
                    what: "is negative; it is a sum of probabilities".into(),
                });
            }
            let (o, e) = (observed.iter().sum::<f64>(), expected.iter().sum::<f64>());
            if let Some(row) = observed.iter().zip(n).position(|(o, n)| o > n) {
                return Err(StatisticsError::Value {
                    column: "observed".into(),
                    row,
                    what: "is above `n`; a site has no more events than cases".into(),
                });
            }
            numbers.push(observed_over_expected(o, e, all.n as f64, level)?);
            numbers.push(Number::plain(
                "observed_minus_expected_per_case",
                "calibration-in-the-large.mean-difference",
                (o - e) / all.n as f64,
                cases,
            ));
        }
        (None, None) => {}
        _ => {
            return Err(StatisticsError::Data(
                "give `observed` and `expected` together".into(),
            ));
        }
    }
    Ok(Answer {
        numbers,
        notes: vec![
            "these are the values of the data put together; differences between sites are not in the intervals".into(),
        ],
        ..Answer::default()
    })
}

/// O:E with the interval exp(ln(O/E) +- z sqrt((1 - O/n) / O)) (Debray 2017).
pub(crate) fn observed_over_expected(
    observed: f64,
    expected: f64,
    n: f64,
    level: f64,
) -> Result<Number, StatisticsError> {
    let z = two_sided_z(level)?;
    let (name, definition) = ("observed_over_expected", "o-e.ratio");
    if expected.is_nan() || expected <= 0.0 {
        return Ok(Number::none(
            name,
            definition,
            n as usize,
            "no event is expected",
        ));
    }
    let ratio = observed / expected;
    let number = Number::plain(name, definition, ratio, n as usize);
    let se = ((1.0 - observed / n) / observed).sqrt();
    if !(se > 0.0 && se.is_finite()) {
        return Ok(number.without_interval(
            "no case or every case has the event: ln(O:E) has no variance estimate",
        ));
    }
    Ok(number.with_interval(
        Interval {
            lower: ratio * (-z * se).exp(),
            upper: ratio * (z * se).exp(),
            level,
        },
        "log-normal",
    ))
}

fn run_accuracy(sample: &Sample) -> Result<Answer, StatisticsError> {
    let sites = site_names(sample)?;
    let level = sample.real("level");
    let z = two_sided_z(level)?;
    let tables: Vec<SiteTable> = sample
        .reals("tp")
        .iter()
        .zip(sample.reals("fn"))
        .zip(sample.reals("fp").iter().zip(sample.reals("tn")))
        .map(|((tp, fnn), (fp, tn))| SiteTable {
            true_positive: *tp as u64,
            false_negative: *fnn as u64,
            false_positive: *fp as u64,
            true_negative: *tn as u64,
        })
        .collect();
    let restricted = sample.word("method") != "ml";
    let correct = match sample.word("correct") {
        "single" => Correct::Single,
        _ => Correct::All,
    };
    let data = logits(&tables, sample.real("correction"), correct)?;
    let mut notes = Vec::new();
    if data.corrected > 0 {
        notes.push(format!(
            "{} added to every cell of {} of {} sites because a cell is empty",
            sample.real("correction"),
            data.corrected,
            sites.len()
        ));
    }
    let fit = bivariate(&data.values, &data.variances, restricted)?;
    if sites.len() < 6 {
        notes.push(format!(
            "{} sites for five parameters: the between-site covariance is poorly known",
            sites.len()
        ));
    }
    let mut answer = Answer::default();
    let report = fit.boundary.is_none() || sample.word("boundary") == "report";
    if report {
        summary_point(&fit, restricted, z, level, sites.len(), &mut answer);
    } else {
        let test = PooledTest::from_word(sample.word("test"));
        notes.extend(separate(&data, restricted, test, level, &mut answer)?);
    }
    if let Some(why) = &fit.boundary {
        notes.push(format!("not identified: {why}"));
        notes.push(if report {
            "that fit is reported all the same, as asked; its correlation, HSROC parameters and regions carry no information of their own".into()
        } else {
            format!(
                "sensitivity and specificity were pooled separately (test = {}{}); there is no summary curve and no joint region",
                sample.word("test"),
                if sample.word("test") == "knha-adhoc" {
                    ": the Hartung-Knapp scale is not taken below 1, because sites that agree by chance, or after the correction of empty cells, would make the interval far too narrow"
                } else {
                    ""
                }
            )
        });
    }
    notes.push(format!(
        "bivariate fit: log-likelihood {}, largest derivative {:.1e}, {} Newton steps",
        fit.log_likelihood, fit.gradient, fit.steps
    ));

    let all = pooled_counts(&tables)?;
    for (name, x, other) in [
        (
            "sensitivity_of_all_counts",
            all.true_positive,
            all.false_negative,
        ),
        (
            "specificity_of_all_counts",
            all.true_negative,
            all.false_positive,
        ),
    ] {
        let n = x.saturating_add(other);
        if let Some(p) = wilson_interval(x, n, level)? {
            answer.numbers.push(
                Number::plain(name, "sum-of-counts", p.value, n as usize)
                    .with_interval(p.interval, "wilson"),
            );
        }
    }
    notes.push("`..._of_all_counts` are exactly those of the data put together; their intervals ignore differences between sites".into());

    let mut rows = Vec::new();
    let mut forests = [Vec::new(), Vec::new()];
    let mut points = (Vec::new(), Vec::new());
    for (site, t) in sites.iter().zip(&tables) {
        let mut row = vec![Cell::Text(site.clone())];
        let mut shares = [0.0; 2];
        for ((x, other), (share, forest)) in [
            (t.true_positive, t.false_negative),
            (t.true_negative, t.false_positive),
        ]
        .into_iter()
        .zip(shares.iter_mut().zip(forests.iter_mut()))
        {
            let n = x.saturating_add(other);
            row.push(Cell::Whole(i64::try_from(x).unwrap_or(i64::MAX)));
            row.push(Cell::Whole(i64::try_from(n).unwrap_or(i64::MAX)));
            match wilson_interval(x, n, level)? {
                Some(p) => {
                    row.extend([
                        Cell::Real(p.value),
                        Cell::Real(p.interval.lower),
                        Cell::Real(p.interval.upper),
                    ]);
                    forest.push((site.clone(), p.value, p.interval.lower, p.interval.upper));
                    *share = p.value;
                }
                None => row.extend([Cell::None, Cell::None, Cell::None]),
            }
        }
        points.0.push(1.0 - shares[1]);
        points.1.push(shares[0]);
        rows.push(row);
    }
    let mut sites_curve = Curve::line(Figure::Roc, "sites", points.0.clone(), points.1);
    sites_curve.labels.clone_from(&sites);
    answer.curves.push(sites_curve);
    if report {
        regions(
            &fit,
            sample.word("region"),
            level,
            sites.len(),
            &points.0,
            &mut answer,
        );
    }
    for (what, mut rows) in ["sensitivity", "specificity"].into_iter().zip(forests) {
        if let Some(Number {
            value: Some(v),
            interval: Some(i),
            ..
        }) = answer.number(what)
        {
            rows.push(("pooled".into(), *v, i.lower, i.upper));
        }
        answer.curves.push(forest(what, rows));
    }
    answer.tables.insert(
        0,
        Table {
            name: "sites".into(),
            columns: [
                "site",
                "tp",
                "diseased",
                "sensitivity",
                "sensitivity_lower",
                "sensitivity_upper",
                "tn",
                "not_diseased",
                "specificity",
                "specificity_lower",
                "specificity_upper",
            ]
            .map(str::to_owned)
            .into(),
            rows,
        },
    );
    answer.notes = notes;
    Ok(answer)
}

/// Numbers of the summary point of a bivariate fit.
fn summary_point(
    fit: &Bivariate,
    restricted: bool,
    z: f64,
    level: f64,
    k: usize,
    answer: &mut Answer,
) {
    let method = if restricted {
        "bivariate.reml"
    } else {
        "bivariate.ml"
    };
    let [a, b] = fit.mean;
    let [[va, vab], [_, vb]] = fit.mean_covariance;
    let interval = |y: f64, v: f64, back: fn(f64) -> f64| Interval {
        lower: back(y - z * v.sqrt()),
        upper: back(y + z * v.sqrt()),
        level,
    };
    let n = &mut answer.numbers;
    n.push(
        Number::plain("sensitivity", method, expit(a), k)
            .with_interval(interval(a, va, expit), "wald.logit"),
    );
    n.push(
        Number::plain("specificity", method, expit(b), k)
            .with_interval(interval(b, vb, expit), "wald.logit"),
    );
    for (name, y, v) in [("logit_sensitivity", a, va), ("logit_specificity", b, vb)] {
        n.push(
            Number::plain(name, method, y, k)
                .with_standard_error(v.sqrt())
                .with_interval(interval(y, v, |y| y), "wald"),
        );
    }
    n.push(Number::plain("logit_covariance", method, vab, k));
    let [[saa, sab], [_, sbb]] = fit.between;
    n.push(Number::plain("tau2_logit_sensitivity", method, saa, k));
    n.push(Number::plain("tau2_logit_specificity", method, sbb, k));
    n.push(Number::plain("between_site_covariance", method, sab, k));
    n.push(match (fit.correlation, &fit.boundary) {
        (Some(rho), None) => {
            Number::plain("correlation", "logit-sensitivity.logit-specificity", rho, k)
        }
        (Some(rho), Some(why)) => {
            Number::plain("correlation", "logit-sensitivity.logit-specificity", rho, k)
                .without_interval(why.clone())
        }
        (None, why) => Number::none(
            "correlation",
            "logit-sensitivity.logit-specificity",
            k,
            why.clone().unwrap_or_default(),
        ),
    });
    // Delta method on the log scale: d ln(Se)/da = 1 - Se, d ln(1 - Sp)/db = -Sp, and so on.
    let (se, sp) = (expit(a), expit(b));
    for (name, value, da, db) in [
        ("lr_positive", se / (1.0 - sp), 1.0 - se, sp),
        ("lr_negative", (1.0 - se) / sp, -se, -(1.0 - sp)),
        ("diagnostic_odds_ratio", (a + b).exp(), 1.0, 1.0),
    ] {
        let v = da * da * va + 2.0 * da * db * vab + db * db * vb;
        n.push(
            Number::plain(name, "at-summary-point", value, k)
                .with_interval(interval(value.ln(), v, f64::exp), "delta.log"),
        );
    }
    if let Some(h) = hsroc(fit) {
        for (name, value) in [
            ("hsroc_accuracy", h.accuracy),
            ("hsroc_threshold", h.threshold),
            ("hsroc_shape", h.shape),
            ("hsroc_accuracy_variance", h.accuracy_variance),
            ("hsroc_threshold_variance", h.threshold_variance),
            ("sroc_area", h.area()),
        ] {
            n.push(Number::plain(name, "hsroc.rutter-gatsonis", value, k));
        }
    }
}

/// Sensitivity and specificity pooled each on its own; returns what the reader must know.
fn separate(
    data: &Logits,
    restricted: bool,
    test: PooledTest,
    level: f64,
    answer: &mut Answer,
) -> Result<Vec<String>, StatisticsError> {
    let method = if restricted {
        Tau2Method::Reml
    } else {
        Tau2Method::Ml
    };
    let mut later = Vec::new();
    let mut notes = Vec::new();
    for (at, name) in ["sensitivity", "specificity"].into_iter().enumerate() {
        let pick = |p: &[f64; 2]| p.get(at).copied().unwrap_or(0.0);
        let y: Vec<f64> = data.values.iter().map(pick).collect();
        let v: Vec<f64> = data.variances.iter().map(pick).collect();
        let p = pool(&y, &v, method, test, Prediction::AsTest, level)?;
        notes.extend(p.notes.iter().map(|note| format!("{name}: {note}")));
        let definition = format!("univariate.{}", method.word());
        let mut number = Number::plain(name, definition.clone(), expit(p.estimate), y.len());
        number = match p.interval {
            Some(i) => number.with_interval(turned(i, &expit), format!("{}.logit", test.word())),
            None => number.without_interval("all logits are equal: `knha` has no interval"),
        };
        answer.numbers.push(number);
        let tau2 = Number::plain(
            format!("tau2_logit_{name}"),
            definition,
            p.tau2.value,
            y.len(),
        );
        later.push(match p.tau2_interval {
            Some(i) => tau2.with_interval(i, "q-profile"),
            None => tau2.without_interval("Q lies below its lower critical value, so the Q-profile interval is empty: sites agree more closely than their variances allow"),
        });
        later.push(Number::plain(
            format!("i2_percent_{name}"),
            "i2.from-tau2",
            p.i2,
            y.len(),
        ));
    }
    answer.numbers.extend(later);
    answer.numbers.push(Number::none(
        "correlation",
        "logit-sensitivity.logit-specificity",
        data.values.len(),
        "the between-site covariance lies on its boundary: not identified",
    ));
    Ok(notes)
}

/// Summary ROC curve over the observed false-positive rates, confidence and prediction region.
fn regions(
    fit: &Bivariate,
    region: &str,
    level: f64,
    k: usize,
    false_positive: &[f64],
    answer: &mut Answer,
) {
    let square = match region {
        "f" if k > 2 => 2.0 * f_quantile(level, 2.0, k as f64 - 2.0),
        _ => chi_squared_quantile(level, 2.0),
    };
    if let Some(h) = hsroc(fit) {
        let low = false_positive.iter().copied().fold(1.0, f64::min).max(1e-3);
        let high = false_positive
            .iter()
            .copied()
            .fold(0.0, f64::max)
            .min(1.0 - 1e-3)
            .max(low);
        let x: Vec<f64> = (0..=100)
            .map(|i| low + (high - low) * f64::from(i) / 100.0)
            .collect();
        let y = x.iter().map(|f| h.sensitivity(*f)).collect();
        answer
            .curves
            .push(Curve::line(Figure::Roc, "summary ROC curve", x, y));
    }
    let [a, b] = fit.mean;
    answer.curves.push(Curve::line(
        Figure::Roc,
        "summary point",
        vec![1.0 - expit(b)],
        vec![expit(a)],
    ));
    let predicted = bivariate::add(&fit.between, &fit.mean_covariance);
    for (label, spread) in [
        ("confidence region", &fit.mean_covariance),
        ("prediction region", &predicted),
    ] {
        if let Some(points) = ellipse(fit.mean, spread, square) {
            let (x, y) = points
                .iter()
                .map(|[a, b]| (1.0 - expit(*b), expit(*a)))
                .unzip();
            answer.curves.push(Curve::line(Figure::Roc, label, x, y));
        }
    }
}
