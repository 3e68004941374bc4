//! Logistic regression by maximum likelihood, with separation found and refused: the engine of the
//! calibration models, and of interaction tests between subgroups.

use nalgebra::{DMatrix, DVector};

use crate::number::StatisticsError;

/// A logistic model fitted by maximum likelihood.
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticFit {
    /// One coefficient for each column of the design, on the log-odds scale.
    pub coefficients: DVector<f64>,
    /// Their covariance: the inverse of the information (expected and observed agree here).
    pub covariance: DMatrix<f64>,
    /// The log likelihood at the maximum, in nats.
    pub log_likelihood: f64,
    /// The fitted probability of each row.
    pub fitted: Vec<f64>,
    /// Newton steps taken.
    pub iterations: usize,
}

impl LogisticFit {
    /// The standard error of coefficient `at`; NaN where there is no such coefficient.
    #[must_use]
    pub fn standard_error(&self, at: usize) -> f64 {
        self.covariance.get((at, at)).map_or(f64::NAN, |v| v.sqrt())
    }

    /// The sandwich covariance over clusters of rows (Liang and Zeger 1986): bread times the summed
    /// outer products of the clusters' scores times bread. With `adjusted` it is multiplied by
    /// G/(G - 1), as `sandwich::vcovCL` does; without, it is that of `geepack` (independence) and
    /// `rms::robcov`.
    ///
    /// # Errors
    /// Not estimable with fewer than two clusters; data when the rows do not match the fit.
    pub fn clustered_covariance(
        &self,
        design: &DMatrix<f64>,
        outcome: &[bool],
        clusters: &[Vec<usize>],
        adjusted: bool,
    ) -> Result<DMatrix<f64>, StatisticsError> {
        let target: Vec<f64> = outcome.iter().map(|y| f64::from(u8::from(*y))).collect();
        self.sandwich(design, &target, clusters, adjusted)
    }

    /// The same with targets from 0 to 1.
    pub(crate) fn sandwich(
        &self,
        design: &DMatrix<f64>,
        target: &[f64],
        clusters: &[Vec<usize>],
        adjusted: bool,
    ) -> Result<DMatrix<f64>, StatisticsError> {
        if design.nrows() != target.len() || design.ncols() != self.coefficients.len() {
            return Err(StatisticsError::Data(
                "the design is not that of the fit".into(),
            ));
        }
        if clusters.len() < 2 {
            return Err(StatisticsError::not_estimable(
                "fewer than two clusters, so their spread cannot be seen",
            ));
        }
        let k = self.coefficients.len();
        let mut meat = DMatrix::<f64>::zeros(k, k);
        for cluster in clusters {
            let mut score = DVector::<f64>::zeros(k);
            for row in cluster {
                let (Some(y), Some(mu)) = (target.get(*row), self.fitted.get(*row)) else {
                    return Err(StatisticsError::Data(format!(
                        "row {row} of a cluster is not in the fit"
                    )));
                };
                let residual = y - mu;
                for (s, x) in score.iter_mut().zip(design.row(*row).iter()) {
                    *s += x * residual;
                }
            }
            meat += &score * score.transpose();
        }
        let groups = clusters.len() as f64;
        let factor = if adjusted {
            groups / (groups - 1.0)
        } else {
            1.0
        };
        let robust = &self.covariance * meat * &self.covariance * factor;
        // Few clusters whose scores cancel leave rounding where the variance should be.
        let cancelled = robust
            .diagonal()
            .iter()
            .zip(self.covariance.diagonal().iter())
            .any(|(r, v)| r.is_nan() || *r <= 1e-20 * v);
        if cancelled {
            return Err(StatisticsError::not_estimable(
                "the clusters' scores cancel, so the sandwich variance is not estimable",
            ));
        }
        Ok(robust)
    }
}

/// Logistic regression of a binary outcome: logit P(outcome) = offset + design * coefficients, by
/// Newton's method with step halving (as R's `glm(family = binomial)`, run to full convergence). The
/// design holds its own column of ones where an intercept is wanted.
///
/// Maximum likelihood has no finite estimate when some direction separates the outcomes, wholly or
/// but for ties (Albert and Anderson 1984). The Newton step then becomes such a direction, which is
/// checked row by row, so the refusal rests on a certificate and not on the size of a coefficient.
///
/// # Errors
/// Not estimable: no rows, fewer rows than columns, columns that depend on each other, outcomes
/// that are all alike or separated. Data: lengths that differ, a value that is not finite.
pub fn logistic_regression(
    design: &DMatrix<f64>,
    outcome: &[bool],
    offset: Option<&[f64]>,
) -> Result<LogisticFit, StatisticsError> {
    let target: Vec<f64> = outcome.iter().map(|y| f64::from(u8::from(*y))).collect();
    fit_targets(design, &target, offset)
}

/// The same with targets from 0 to 1, as Platt's smoothed ones.
pub(crate) fn fit_targets(
    design: &DMatrix<f64>,
    target: &[f64],
    offset: Option<&[f64]>,
) -> Result<LogisticFit, StatisticsError> {
    let (n, k) = design.shape();
    if target.len() != n || offset.is_some_and(|o| o.len() != n) {
        return Err(StatisticsError::Data(
            "the design, the outcome and the offset have different numbers of rows".into(),
        ));
    }
    if n == 0 || k == 0 {
        return Err(StatisticsError::not_estimable(
            "no rows to fit a logistic model to",
        ));
    }
    let finite = |v: &f64| v.is_finite();
    if !(design.iter().all(finite)
        && target.iter().all(finite)
        && offset.unwrap_or(&[]).iter().all(finite))
    {
        return Err(StatisticsError::Data(
            "a value of the logistic model is not finite (the logit of a probability of 0 or 1 is infinite)".into(),
        ));
    }
    let scale = column_norms(design);
    if n < k || dependent(design, &scale) {
        return Err(StatisticsError::not_estimable(
            "the columns of the logistic model depend on each other (a constant or repeated column), so it has no unique fit",
        ));
    }
    // All arithmetic is done on columns of length one, so that units do not matter.
    let mut scaled = design.clone();
    for (mut column, norm) in scaled.column_iter_mut().zip(&scale) {
        column /= *norm;
    }
    let base = offset.map_or_else(|| DVector::zeros(n), DVector::from_column_slice);
    let mut beta = DVector::<f64>::zeros(k);
    let mut eta = base.clone();
    let mut likelihood = log_likelihood(target, eta.as_slice());
    for iteration in 1..=MOST_STEPS {
        let mu = eta.map(logistic);
        let residual = DVector::from_iterator(n, target.iter().zip(mu.iter()).map(|(t, m)| t - m));
        let gradient = scaled.tr_mul(&residual);
        let Some(chol) = information(&scaled, &mu).cholesky() else {
            return Err(no_fit());
        };
        let mut step = chol.solve(&gradient);
        let mut move_eta = &scaled * &step;
        if iteration >= FIRST_CERTIFICATE && separates(target, move_eta.as_slice()) {
            return Err(separated());
        }
        let mut next = &eta + &move_eta;
        let mut after = log_likelihood(target, next.as_slice());
        let mut halvings = 0;
        // NaN counts as no gain.
        let gains = |after: f64| after >= likelihood - 1e-12 * likelihood.abs();
        while !gains(after) && halvings < 40 {
            step *= 0.5;
            move_eta *= 0.5;
            next = &eta + &move_eta;
            after = log_likelihood(target, next.as_slice());
            halvings += 1;
        }
        beta += &step;
        // Recomputed from the coefficients, so that rounding does not build up over the steps.
        eta = &base + &scaled * &beta;
        likelihood = log_likelihood(target, eta.as_slice());
        if halvings == 0 && move_eta.amax() < 1e-8 {
            let mu = eta.map(logistic);
            let Some(chol) = information(&scaled, &mu).cholesky() else {
                return Err(no_fit());
            };
            let mut covariance = chol.inverse();
            for ((row, column), value) in (0..k)
                .flat_map(|c| (0..k).map(move |r| (r, c)))
                .zip(covariance.iter_mut())
            {
                *value /= scale.get(row).copied().unwrap_or(1.0)
                    * scale.get(column).copied().unwrap_or(1.0);
            }
            let coefficients =
                DVector::from_iterator(k, beta.iter().zip(&scale).map(|(b, s)| b / s));
            return Ok(LogisticFit {
                coefficients,
                covariance,
                log_likelihood: likelihood,
                fitted: mu.iter().copied().collect(),
                iterations: iteration,
            });
        }
    }
    Err(no_fit())
}

const MOST_STEPS: usize = 100;
/// By then the rows that are not separated have stopped moving.
const FIRST_CERTIFICATE: usize = 8;

fn separated() -> StatisticsError {
    StatisticsError::not_estimable(
        "the columns separate the positives from the negatives, wholly or but for ties, so the maximum-likelihood coefficients are infinite",
    )
}

fn no_fit() -> StatisticsError {
    StatisticsError::not_estimable(
        "the logistic fit does not settle: the outcomes are all but separated or the columns all but dependent",
    )
}

fn column_norms(design: &DMatrix<f64>) -> Vec<f64> {
    // `lp_norm` by the largest entry first, so that squares neither overflow nor vanish.
    design
        .column_iter()
        .map(|c| {
            let largest = c.amax();
            if largest > 0.0 {
                largest * c.iter().map(|v| (v / largest).powi(2)).sum::<f64>().sqrt()
            } else {
                0.0
            }
        })
        .collect()
}

/// Whether a column is nearly a combination of those before it: modified Gram-Schmidt on columns of
/// length one leaves less than 1e-9 of it.
fn dependent(design: &DMatrix<f64>, scale: &[f64]) -> bool {
    let mut basis: Vec<DVector<f64>> = Vec::new();
    for (column, norm) in design.column_iter().zip(scale) {
        if *norm <= 0.0 {
            return true;
        }
        let mut rest = column / *norm;
        for b in &basis {
            let along = b.dot(&rest);
            rest -= b * along;
        }
        let left = rest.norm();
        if left <= 1e-9 || left.is_nan() {
            return true;
        }
        basis.push(rest / left);
    }
    false
}

fn information(design: &DMatrix<f64>, mu: &DVector<f64>) -> DMatrix<f64> {
    let mut weighted = design.clone();
    for mut column in weighted.column_iter_mut() {
        for (v, m) in column.iter_mut().zip(mu.iter()) {
            *v *= m * (1.0 - m);
        }
    }
    weighted.tr_mul(design)
}

/// Whether moving along `direction` raises every positive and lowers every negative, or leaves them.
fn separates(target: &[f64], direction: &[f64]) -> bool {
    let largest = direction.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    largest > 0.3
        && target.iter().all(|t| *t == 0.0 || *t == 1.0)
        && target
            .iter()
            .zip(direction)
            .all(|(t, d)| (2.0 * t - 1.0) * d >= -1e-8 * largest)
}

/// The logistic function 1 / (1 + exp(-x)), without overflow.
pub(crate) fn logistic(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

/// The log likelihood of targets under linear predictors, in nats.
pub(crate) fn log_likelihood(target: &[f64], eta: &[f64]) -> f64 {
    target
        .iter()
        .zip(eta)
        .map(|(t, e)| t * e - (e.max(0.0) + (-e.abs()).exp().ln_1p()))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_ones(x: &[f64]) -> DMatrix<f64> {
        DMatrix::from_fn(x.len(), 2, |r, c| if c == 0 { 1.0 } else { x[r] })
    }

    /// Two groups: the coefficients are the log odds and the log odds ratio, by hand.
    #[test]
    fn a_two_by_two_table_gives_its_log_odds_ratio() {
        // 3 of 10 without, 6 of 8 with.
        let x: Vec<f64> = (0..18).map(|i| if i < 10 { 0.0 } else { 1.0 }).collect();
        let y: Vec<bool> = (0..18).map(|i| i < 3 || (10..16).contains(&i)).collect();
        let fit = logistic_regression(&with_ones(&x), &y, None).unwrap();
        assert!((fit.coefficients[0] - (3.0f64 / 7.0).ln()).abs() < 1e-13);
        assert!((fit.coefficients[1] - (3.0f64 / (3.0 / 7.0)).ln()).abs() < 1e-13);
        let se = (1.0f64 / 3.0 + 1.0 / 7.0 + 1.0 / 6.0 + 1.0 / 2.0).sqrt();
        assert!((fit.standard_error(1) - se).abs() < 1e-13);
    }

    #[test]
    fn separated_one_class_and_dependent_columns_have_no_fit() {
        let refused = |x: &[f64], y: &[bool]| {
            assert!(matches!(
                logistic_regression(&with_ones(x), y, None),
                Err(StatisticsError::NotEstimable(_))
            ));
        };
        refused(&[1.0, 2.0, 3.0, 4.0], &[false, false, true, true]);
        refused(&[1.0, 2.0, 2.0, 4.0], &[false, false, true, true]);
        refused(&[1.0, 2.0, 3.0, 4.0], &[true, true, false, false]);
        refused(&[1.0, 2.0, 3.0, 4.0], &[true, true, true, true]);
        refused(&[1.0, 1.0, 1.0, 1.0], &[true, false, true, false]);
        refused(&[], &[]);
        refused(&[1.0], &[true]);
        // Large and tiny units change nothing.
        refused(&[1e200, 2e200, 3e200, 4e200], &[false, false, true, true]);
        // Quasi-complete separation by one empty cell among many overlapping rows.
        let x: Vec<f64> = (0..60).map(|i| f64::from(u8::from(i >= 50))).collect();
        let y: Vec<bool> = (0..60).map(|i| i >= 50 || i % 2 == 0).collect();
        refused(&x, &y);
    }

    #[test]
    fn almost_separated_outcomes_still_have_a_fit() {
        let x: Vec<f64> = (0..200).map(f64::from).collect();
        let y: Vec<bool> = (0..200)
            .map(|i| (i >= 100) != (i == 99 || i == 100))
            .collect();
        let fit = logistic_regression(&with_ones(&x), &y, None).unwrap();
        assert!(fit.coefficients[1] > 0.3 && fit.standard_error(1).is_finite());
    }

    #[test]
    fn values_that_are_not_finite_are_refused() {
        for bad in [f64::NAN, f64::INFINITY] {
            assert!(matches!(
                logistic_regression(&with_ones(&[bad, 1.0, 2.0]), &[true, false, true], None),
                Err(StatisticsError::Data(_))
            ));
        }
    }
}
