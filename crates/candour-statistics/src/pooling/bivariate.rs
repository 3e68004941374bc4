//! The bivariate random-effects model of sensitivity and specificity (Reitsma et al. 2005): per site
//! the two logits, between sites a free 2 x 2 covariance, within a site none.

use serde::Serialize;

use super::random_effects::{Tau2Method, between_site_variance};
use crate::number::StatisticsError;

/// The 2 x 2 table of one site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SiteTable {
    /// Diseased and called positive.
    pub true_positive: u64,
    /// Diseased and called negative.
    pub false_negative: u64,
    /// Not diseased and called positive.
    pub false_positive: u64,
    /// Not diseased and called negative.
    pub true_negative: u64,
}

/// When the continuity correction is added to every cell of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Correct {
    /// To every site as soon as one site has an empty cell (mada's default).
    All,
    /// To the sites that have an empty cell.
    Single,
}

/// Logits of sensitivity and specificity of each site with their within-site variances.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Logits {
    /// `[logit sensitivity, logit specificity]` of each site.
    pub values: Vec<[f64; 2]>,
    /// Their variances, 1/tp + 1/fn and 1/tn + 1/fp.
    pub variances: Vec<[f64; 2]>,
    /// How many sites were corrected.
    pub corrected: usize,
}

/// A fit of the bivariate model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bivariate {
    /// Summary logits of sensitivity and specificity.
    pub mean: [f64; 2],
    /// Their covariance, the inverse of sum(V_i^-1).
    pub mean_covariance: [[f64; 2]; 2],
    /// Between-site covariance of the two logits.
    pub between: [[f64; 2]; 2],
    /// Its correlation; none where a variance is 0.
    pub correlation: Option<f64>,
    /// The (restricted) log-likelihood at the maximum, with all its constants.
    pub log_likelihood: f64,
    /// The largest absolute derivative there.
    pub gradient: f64,
    /// Newton steps of the best start.
    pub steps: usize,
    /// Why the between-site covariance is not identified: it lies on the boundary.
    pub boundary: Option<String>,
}

/// The HSROC parameters of Rutter and Gatsonis (2001) that belong to a bivariate fit (Harbord et al. 2007).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Hsroc {
    /// Accuracy, Lambda: the mean log diagnostic odds ratio where both spreads are equal.
    pub accuracy: f64,
    /// Threshold, Theta.
    pub threshold: f64,
    /// Shape, beta: 0 for a symmetric curve.
    pub shape: f64,
    /// Between-site variance of the accuracy.
    pub accuracy_variance: f64,
    /// Between-site variance of the threshold.
    pub threshold_variance: f64,
}

/// Logits with the continuity correction `add`.
///
/// # Errors
/// Not estimable when a site has no diseased or no non-diseased cases, or when an empty cell is
/// left uncorrected.
pub fn logits(tables: &[SiteTable], add: f64, correct: Correct) -> Result<Logits, StatisticsError> {
    if !(add >= 0.0 && add.is_finite()) {
        return Err(StatisticsError::setting(
            "correction",
            add,
            "it is a finite number from 0, such as 0.5",
        ));
    }
    let empty = |t: &SiteTable| {
        [
            t.true_positive,
            t.false_negative,
            t.false_positive,
            t.true_negative,
        ]
        .contains(&0)
    };
    let any = tables.iter().any(empty);
    let mut logits = Logits {
        values: Vec::new(),
        variances: Vec::new(),
        corrected: 0,
    };
    for (site, t) in tables.iter().enumerate() {
        let none = |what: &str| {
            StatisticsError::not_estimable(format!(
                "site {} has no {what} cases: its {} has no estimate; pool the other measure alone",
                site + 1,
                if what == "diseased" {
                    "sensitivity"
                } else {
                    "specificity"
                }
            ))
        };
        if t.true_positive == 0 && t.false_negative == 0 {
            return Err(none("diseased"));
        }
        if t.true_negative == 0 && t.false_positive == 0 {
            return Err(none("non-diseased"));
        }
        let add = match correct {
            Correct::All if any => add,
            Correct::Single if empty(t) => add,
            _ => 0.0,
        };
        if add > 0.0 {
            logits.corrected += 1;
        } else if empty(t) {
            return Err(StatisticsError::not_estimable(format!(
                "site {} has an empty cell, and without a continuity correction its logit is infinite",
                site + 1
            )));
        }
        let cell = |count: u64| count as f64 + add;
        let (tp, fnn) = (cell(t.true_positive), cell(t.false_negative));
        let (fp, tn) = (cell(t.false_positive), cell(t.true_negative));
        logits.values.push([(tp / fnn).ln(), (tn / fp).ln()]);
        logits
            .variances
            .push([1.0 / tp + 1.0 / fnn, 1.0 / tn + 1.0 / fp]);
    }
    Ok(logits)
}

/// Fits the model by maximum likelihood, restricted or not, with damped Newton steps on the Cholesky
/// factor of the between-site covariance (exact derivatives, several starts, the best maximum kept).
///
/// # Errors
/// Not estimable with fewer than three sites, or when no start converges to a derivative below 1e-7;
/// a data error for variances that are not positive.
pub fn bivariate(
    values: &[[f64; 2]],
    variances: &[[f64; 2]],
    restricted: bool,
) -> Result<Bivariate, StatisticsError> {
    let k = values.len();
    if variances.len() != k {
        return Err(StatisticsError::Data(format!(
            "{k} sites and {} pairs of variances",
            variances.len()
        )));
    }
    if values.iter().flatten().any(|v| !v.is_finite())
        || variances
            .iter()
            .flatten()
            .any(|v| !(v.is_finite() && *v > 0.0))
    {
        return Err(StatisticsError::Data(
            "logits are finite and their variances positive and finite".into(),
        ));
    }
    if k < 3 {
        return Err(StatisticsError::not_estimable(format!(
            "{k} sites; two means and three between-site parameters need three sites at least"
        )));
    }
    let model = Model {
        values,
        variances,
        restricted,
    };
    let column = |of: usize| -> (Vec<f64>, Vec<f64>) {
        let pick = |p: &[f64; 2]| p.get(of).copied().unwrap_or(0.0);
        (
            values.iter().map(pick).collect(),
            variances.iter().map(pick).collect(),
        )
    };
    let spread = |of: usize| -> Result<f64, StatisticsError> {
        let (y, v) = column(of);
        let own = between_site_variance(&y, &v, Tau2Method::Reml)?.value;
        // A start on the boundary would stay there.
        Ok(own.max(0.1 * v.iter().sum::<f64>() / v.len() as f64).sqrt())
    };
    let (a, b) = (spread(0)?, spread(1)?);
    let mut best: Option<Climb> = None;
    for rho in [0.0_f64, -0.5, 0.5, -0.95, 0.95] {
        let start = [a, rho * b, (1.0 - rho * rho).sqrt() * b];
        if let Some(climb) = model.climb(start)
            && best
                .as_ref()
                .is_none_or(|b| climb.log_likelihood > b.log_likelihood + 1e-11)
        {
            best = Some(climb);
        }
    }
    let Some(best) = best else {
        return Err(StatisticsError::not_estimable(
            "no start of the bivariate likelihood converged to a maximum",
        ));
    };
    let between = covariance(best.at);
    let (mean, information) = model.mean(&between);
    let [[saa, sab], [_, sbb]] = between;
    let typical = |of: usize| {
        let (_, v) = column(of);
        v.iter().map(|v| 1.0 / v).sum::<f64>() / v.len() as f64
    };
    // A variance this far below the within-site ones is 0 to within rounding of the likelihood.
    let zero = |s: f64, of: usize| s * typical(of) < 1e-6;
    let correlation = (!zero(saa, 0) && !zero(sbb, 1)).then(|| sab / (saa * sbb).sqrt());
    let boundary = match correlation {
        None => Some(format!(
            "the between-site variance of {} is 0, so the correlation is not identified",
            if zero(saa, 0) {
                "logit sensitivity"
            } else {
                "logit specificity"
            }
        )),
        Some(rho) if rho.abs() > 1.0 - 1e-5 => Some(format!(
            "the between-site correlation lies on its boundary, {}1, and is not identified",
            if rho < 0.0 { "-" } else { "+" }
        )),
        _ => None,
    };
    Ok(Bivariate {
        mean,
        mean_covariance: inverse(&information),
        between,
        correlation,
        log_likelihood: best.log_likelihood,
        gradient: best.gradient,
        steps: best.steps,
        boundary,
    })
}

/// The HSROC parameters. `None` where a between-site variance is 0 or the fit has no correlation.
///
/// With s_A, s_B the between-site SDs of logit sensitivity and specificity and s_AB their covariance:
/// Lambda = (s_B / s_A)^1/2 mu_A + (s_A / s_B)^1/2 mu_B, Theta = ((s_B / s_A)^1/2 mu_A - (s_A / s_B)^1/2 mu_B) / 2,
/// beta = ln(s_B / s_A), var(alpha) = 2 (s_A s_B + s_AB), var(theta) = (s_A s_B - s_AB) / 2.
#[must_use]
pub fn hsroc(fit: &Bivariate) -> Option<Hsroc> {
    fit.correlation?;
    let [[saa, sab], [_, sbb]] = fit.between;
    let (a, b) = (saa.sqrt(), sbb.sqrt());
    let [mu_a, mu_b] = fit.mean;
    let ratio = (b / a).sqrt();
    Some(Hsroc {
        accuracy: ratio * mu_a + mu_b / ratio,
        threshold: 0.5 * (ratio * mu_a - mu_b / ratio),
        shape: (b / a).ln(),
        accuracy_variance: 2.0 * (a * b + sab),
        threshold_variance: 0.5 * (a * b - sab),
    })
}

impl Hsroc {
    /// Sensitivity of the summary ROC curve at a false-positive rate:
    /// logit(Se) = Lambda exp(-beta / 2) + exp(-beta) logit(FPR).
    #[must_use]
    pub fn sensitivity(&self, false_positive_rate: f64) -> f64 {
        let odds = (false_positive_rate / (1.0 - false_positive_rate)).ln();
        super::expit(self.accuracy * (-self.shape / 2.0).exp() + (-self.shape).exp() * odds)
    }

    /// Area under the summary ROC curve over all false-positive rates, by Gauss-Legendre panels on
    /// the logit scale.
    #[must_use]
    pub fn area(&self) -> f64 {
        // d(FPR) = f (1 - f) dx on the logit scale; beyond 40 the mass is below 1e-17.
        const NODES: [(f64, f64); 3] = [
            (0.0, 8.0 / 9.0),
            (0.774_596_669_241_483_4, 5.0 / 9.0),
            (-0.774_596_669_241_483_4, 5.0 / 9.0),
        ];
        const PANELS: u32 = 800;
        let width = 80.0 / f64::from(PANELS);
        let mut area = 0.0;
        for panel in 0..PANELS {
            let middle = -40.0 + (f64::from(panel) + 0.5) * width;
            for (node, weight) in NODES {
                let x = middle + node * width / 2.0;
                let f = super::expit(x);
                let se = super::expit(
                    self.accuracy * (-self.shape / 2.0).exp() + (-self.shape).exp() * x,
                );
                area += weight * width / 2.0 * se * f * super::expit(-x);
            }
        }
        area
    }
}

/// The ellipse of points whose squared distance from `centre`, measured by `spread`, is `square`:
/// `(x, y)` pairs, closed. `None` where the covariance is not positive definite.
#[must_use]
pub fn ellipse(centre: [f64; 2], spread: &[[f64; 2]; 2], square: f64) -> Option<Vec<[f64; 2]>> {
    let [[aa, ab], [_, bb]] = *spread;
    let l11 = aa.sqrt();
    let l21 = ab / l11;
    let l22 = (bb - l21 * l21).sqrt();
    if !(l11 > 0.0 && l22 > 0.0 && square > 0.0) {
        return None;
    }
    const POINTS: u32 = 120;
    let radius = square.sqrt();
    let [ca, cb] = centre;
    Some(
        (0..=POINTS)
            .map(|i| {
                let (sin, cos) =
                    (f64::from(i) / f64::from(POINTS) * std::f64::consts::TAU).sin_cos();
                [
                    ca + radius * l11 * cos,
                    cb + radius * (l21 * cos + l22 * sin),
                ]
            })
            .collect(),
    )
}

struct Model<'a> {
    values: &'a [[f64; 2]],
    variances: &'a [[f64; 2]],
    restricted: bool,
}

struct Climb {
    at: [f64; 3],
    log_likelihood: f64,
    gradient: f64,
    steps: usize,
}

/// L L' for the Cholesky factor L = [[a, 0], [b, c]].
fn covariance([a, b, c]: [f64; 3]) -> [[f64; 2]; 2] {
    [[a * a, a * b], [a * b, b * b + c * c]]
}

impl Model<'_> {
    fn inverses(
        &self,
        between: &[[f64; 2]; 2],
    ) -> impl Iterator<Item = ([f64; 2], [[f64; 2]; 2], f64)> {
        let [[aa, ab], [_, bb]] = *between;
        self.values
            .iter()
            .zip(self.variances)
            .map(move |(y, [va, vb])| {
                let v = [[aa + va, ab], [ab, bb + vb]];
                (*y, inverse(&v), determinant(&v))
            })
    }

    /// The generalised least-squares mean and its information.
    fn mean(&self, between: &[[f64; 2]; 2]) -> ([f64; 2], [[f64; 2]; 2]) {
        let mut information = [[0.0; 2]; 2];
        let mut right = [0.0; 2];
        for (y, w, _) in self.inverses(between) {
            information = add(&information, &w);
            let [a, b] = times(&w, y);
            right = [right[0] + a, right[1] + b];
        }
        (times(&inverse(&information), right), information)
    }

    fn log_likelihood(&self, at: [f64; 3]) -> f64 {
        let between = covariance(at);
        let (mean, information) = self.mean(&between);
        let k = self.values.len() as f64;
        let free = if self.restricted {
            2.0 * k - 2.0
        } else {
            2.0 * k
        };
        let mut sum = free * (2.0 * std::f64::consts::PI).ln();
        for (y, w, det) in self.inverses(&between) {
            let r = [y[0] - mean[0], y[1] - mean[1]];
            let u = times(&w, r);
            sum += det.ln() + r[0] * u[0] + r[1] * u[1];
        }
        if self.restricted {
            // ln |X'X| = 2 ln k belongs to the restricted likelihood (Harville 1974).
            sum += determinant(&information).ln() - 2.0 * k.ln();
        }
        -0.5 * sum
    }

    /// Derivatives in (a, b, c): 2 G L with G = -(sum V^-1 - sum u u' - sum V^-1 M V^-1) / 2, u = V^-1 r,
    /// M = (sum V^-1)^-1.
    fn gradient(&self, at: [f64; 3]) -> [f64; 3] {
        let between = covariance(at);
        let (mean, information) = self.mean(&between);
        let spread = inverse(&information);
        let mut g = [[0.0; 2]; 2];
        for (y, w, _) in self.inverses(&between) {
            let u = times(&w, [y[0] - mean[0], y[1] - mean[1]]);
            let outer = [[u[0] * u[0], u[0] * u[1]], [u[0] * u[1], u[1] * u[1]]];
            g = add(&g, &scale(&w, -0.5));
            g = add(&g, &scale(&outer, 0.5));
            if self.restricted {
                g = add(&g, &scale(&product(&product(&w, &spread), &w), 0.5));
            }
        }
        let [a, b, c] = at;
        let [[gaa, gab], [_, gbb]] = g;
        [
            2.0 * (gaa * a + gab * b),
            2.0 * (gab * a + gbb * b),
            2.0 * gbb * c,
        ]
    }

    fn hessian(&self, at: [f64; 3]) -> nalgebra::Matrix3<f64> {
        let mut hessian = nalgebra::Matrix3::zeros();
        for (column, value) in at.iter().enumerate() {
            let step = 1e-5 * value.abs().max(1e-2);
            let moved = |by: f64| {
                let mut to = at;
                if let Some(slot) = to.get_mut(column) {
                    *slot += by;
                }
                nalgebra::Vector3::from(self.gradient(to))
            };
            hessian.set_column(column, &((moved(step) - moved(-step)) / (2.0 * step)));
        }
        (hessian + hessian.transpose()) * 0.5
    }

    /// Newton steps, damped until the likelihood rises; `None` when they do not converge.
    fn climb(&self, start: [f64; 3]) -> Option<Climb> {
        let mut at = start;
        let mut value = self.log_likelihood(at);
        let mut damping = 1e-3;
        let largest = |g: [f64; 3]| g.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        for steps in 0..500 {
            let gradient = self.gradient(at);
            let size = largest(gradient);
            let done = Climb {
                at,
                log_likelihood: value,
                gradient: size,
                steps,
            };
            if !size.is_finite() {
                return None;
            }
            if size < 1e-12 {
                return Some(done);
            }
            let hessian = self.hessian(at);
            let mut moved = false;
            for _ in 0..40 {
                let curvature = -hessian + nalgebra::Matrix3::from_diagonal_element(damping);
                let step = curvature
                    .cholesky()
                    .map(|c| c.solve(&nalgebra::Vector3::from(gradient)));
                if let Some(step) = step {
                    let to = [at[0] + step.x, at[1] + step.y, at[2] + step.z];
                    let next = self.log_likelihood(to);
                    // Near the maximum the likelihood no longer resolves a step; the derivative does.
                    let level = (next - value).abs() <= 1e-12 * (1.0 + value.abs())
                        && largest(self.gradient(to)) < size;
                    if next > value || level {
                        at = to;
                        value = next;
                        damping = (damping * 0.1).max(1e-12);
                        moved = true;
                        break;
                    }
                }
                damping = (damping * 10.0).max(1e-10);
            }
            if !moved {
                return (size < 1e-7).then_some(done);
            }
        }
        let size = largest(self.gradient(at));
        (size < 1e-7).then_some(Climb {
            at,
            log_likelihood: value,
            gradient: size,
            steps: 500,
        })
    }
}

fn determinant([[a, b], [c, d]]: &[[f64; 2]; 2]) -> f64 {
    a * d - b * c
}

fn inverse(m: &[[f64; 2]; 2]) -> [[f64; 2]; 2] {
    let det = determinant(m);
    let [[a, b], [c, d]] = m;
    [[d / det, -b / det], [-c / det, a / det]]
}

fn times([[a, b], [c, d]]: &[[f64; 2]; 2], [x, y]: [f64; 2]) -> [f64; 2] {
    [a * x + b * y, c * x + d * y]
}

fn product(p: &[[f64; 2]; 2], [[a, b], [c, d]]: &[[f64; 2]; 2]) -> [[f64; 2]; 2] {
    let [[e, f], [g, h]] = p;
    [
        [e * a + f * c, e * b + f * d],
        [g * a + h * c, g * b + h * d],
    ]
}

/// The sum of two 2 x 2 matrices.
pub(super) fn add(
    [[a, b], [c, d]]: &[[f64; 2]; 2],
    [[e, f], [g, h]]: &[[f64; 2]; 2],
) -> [[f64; 2]; 2] {
    [[a + e, b + f], [c + g, d + h]]
}

fn scale([[a, b], [c, d]]: &[[f64; 2]; 2], by: f64) -> [[f64; 2]; 2] {
    [[a * by, b * by], [c * by, d * by]]
}
