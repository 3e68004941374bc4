//! Power of a reader study and the cases it needs (Hillis, Obuchowski and Berbaum 2011).

use statrs::function::gamma::ln_gamma;

use super::obuchowski_rockette::Analysis;
use super::student::t_quantile;
use crate::distribution::{beta_cdf, normal_cdf};
use crate::number::StatisticsError;

/// What a pilot study of two tests gave, and what the pivotal study shall find.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// True difference of the two tests.
    pub effect: f64,
    /// Variance component of test by reader; negative counts as 0.
    pub var_test_reader: f64,
    /// Error variance in the pilot study.
    pub var_error: f64,
    /// Error covariance of one reader in two tests, in the pilot study.
    pub cov1: f64,
    /// Of two readers in one test.
    pub cov2: f64,
    /// Of two readers in two tests.
    pub cov3: f64,
    /// Cases of the pilot study, positive and negative in the same ratio as in the pivotal one.
    pub pilot_cases: f64,
    /// Two-sided significance level.
    pub alpha: f64,
}

/// Power with its parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Power {
    /// The power.
    pub power: f64,
    /// Noncentrality.
    pub noncentrality: f64,
    /// Degrees of freedom of the denominator; infinite for chi-squared.
    pub df: f64,
    /// The critical value of F (chi-squared).
    pub critical: f64,
}

impl Plan {
    /// Power with `readers` readers and `cases` cases. RRRC: noncentral F on 1 and
    /// D^2/((V + q (e - c1 - d))^2/(r - 1)) with noncentrality effect^2 r/(2 D), D = V + q (e - c1 +
    /// (r - 1) d), V = max(var_test_reader, 0), q = pilot cases by cases, d = max(cov2 - cov3, 0).
    /// FRRC: noncentral chi-squared with V = 0. RRFC: D = V + q (e - c1 - d) on r - 1.
    ///
    /// # Errors
    /// A setting error out of range; not estimable when D is not positive.
    pub fn power(
        &self,
        readers: f64,
        cases: f64,
        analysis: Analysis,
    ) -> Result<Power, StatisticsError> {
        let all = [
            self.effect,
            self.var_test_reader,
            self.var_error,
            self.cov1,
            self.cov2,
            self.cov3,
        ];
        if all.iter().any(|v| !v.is_finite()) {
            return Err(StatisticsError::Data(
                "a component of the plan is not finite".into(),
            ));
        }
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return Err(StatisticsError::setting(
                "level",
                1.0 - self.alpha,
                "it lies between 0 and 1",
            ));
        }
        let least = if analysis == Analysis::Frrc { 1.0 } else { 2.0 };
        if !(readers >= least && readers.is_finite()) {
            return Err(StatisticsError::setting(
                "readers",
                readers,
                format!("at least {least}"),
            ));
        }
        if !(cases >= 1.0
            && cases.is_finite()
            && self.pilot_cases >= 1.0
            && self.pilot_cases.is_finite())
        {
            return Err(StatisticsError::setting(
                "cases",
                cases,
                "cases and pilot cases are at least 1",
            ));
        }
        let v = if analysis == Analysis::Frrc {
            0.0
        } else {
            self.var_test_reader.max(0.0)
        };
        let q = self.pilot_cases / cases;
        let d = (self.cov2 - self.cov3).max(0.0);
        let own = v + q * (self.var_error - self.cov1 - d);
        let full = own
            + if analysis == Analysis::Rrfc {
                0.0
            } else {
                q * readers * d
            };
        if !(full > 0.0 && (own > 0.0 || analysis == Analysis::Frrc)) {
            return Err(StatisticsError::not_estimable(
                "the components give an error term that is not positive",
            ));
        }
        let noncentrality = self.effect * self.effect * readers / (2.0 * full);
        let df = match analysis {
            Analysis::Rrrc => (readers - 1.0) * (full / own).powi(2),
            Analysis::Rrfc => readers - 1.0,
            Analysis::Frrc => f64::INFINITY,
        };
        let root = t_quantile(1.0 - self.alpha / 2.0, df);
        let power = if df > 1e8 {
            // Noncentral chi-squared with one degree of freedom is the square of a shifted normal.
            let shift = noncentrality.sqrt();
            normal_cdf(shift - root) + normal_cdf(-shift - root)
        } else {
            1.0 - noncentral_f_cdf(root * root, 1.0, df, noncentrality)
        };
        let critical = root * root;
        Ok(Power {
            power,
            noncentrality,
            df,
            critical,
        })
    }

    /// The smallest number of cases, from 2 to `most`, with more than `goal` power; none when `most`
    /// are not enough.
    ///
    /// # Errors
    /// As [`Self::power`].
    pub fn cases_needed(
        &self,
        readers: f64,
        goal: f64,
        most: u64,
        analysis: Analysis,
    ) -> Result<Option<(u64, Power)>, StatisticsError> {
        // Power need not rise all the way with the cases (the degrees of freedom fall), so all are tried.
        for cases in 2..=most {
            let power = self.power(readers, cases as f64, analysis)?;
            if power.power > goal {
                return Ok(Some((cases, power)));
            }
        }
        Ok(None)
    }
}

/// Distribution function of the noncentral F: a Poisson mixture of beta distributions, summed from the
/// largest weight outward (Johnson, Kotz and Balakrishnan 1995, chapter 30).
#[must_use]
pub fn noncentral_f_cdf(x: f64, df1: f64, df2: f64, noncentrality: f64) -> f64 {
    if !(df1 > 0.0 && df2 > 0.0 && noncentrality >= 0.0 && noncentrality.is_finite()) || x.is_nan()
    {
        return f64::NAN;
    }
    if x <= 0.0 {
        return 0.0;
    }
    if x == f64::INFINITY {
        return 1.0;
    }
    let y = df1 * x / (df1 * x + df2);
    let half = noncentrality / 2.0;
    let cdf = |j: f64| beta_cdf(y, df1 / 2.0 + j, df2 / 2.0);
    if half == 0.0 {
        return cdf(0.0);
    }
    let mode = half.floor();
    let peak = (mode * half.ln() - half - ln_gamma(mode + 1.0)).exp();
    let mut sum = peak * cdf(mode);
    let (mut weight, mut j) = (peak, mode);
    while weight > 1e-18 {
        j += 1.0;
        weight *= half / j;
        let term = weight * cdf(j);
        sum += term;
        if term < 1e-18 {
            break;
        }
    }
    (weight, j) = (peak, mode);
    while j > 0.0 && weight > 1e-18 {
        weight *= j / half;
        j -= 1.0;
        sum += weight * cdf(j);
    }
    sum.clamp(0.0, 1.0)
}
