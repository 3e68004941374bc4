//! A stand-alone algorithm against random readers of the same cases (Hupse and others 2013; Hillis
//! 2007, section 5.3; RJafroc `StCadVsRad`, 1T-RRRC).

use super::merit::{Merit, Merits, Method};
use super::obuchowski_rockette::{
    Analysis, Contrast, ROUNDING, covariance_floor, hillis_df, less, mean, mean_square, settled,
};
use super::study::{Design, Study};
use crate::number::StatisticsError;

/// The algorithm and the readers.
#[derive(Clone, Debug, PartialEq)]
pub struct Standalone {
    /// The algorithm's figure of merit.
    pub standalone: f64,
    /// The readers' figures of merit, with their names.
    pub readers: Vec<(String, f64)>,
    /// Mean of the readers.
    pub mean: f64,
    /// Mean square of the differences reader less algorithm.
    pub ms_r: f64,
    /// Mean error variance of the differences.
    pub var_error: f64,
    /// Mean error covariance of the differences of two readers.
    pub cov2: f64,
    /// Error variance of the algorithm.
    pub standalone_variance: f64,
    /// Mean square of the readers' own values.
    pub readers_ms: f64,
    /// Mean error variance of the readers.
    pub readers_variance: f64,
    /// Mean error covariance of two readers.
    pub readers_cov2: f64,
}

impl Standalone {
    /// From a study in one test where the algorithm stands as a reader.
    ///
    /// # Errors
    /// A data error when there are two tests, when `algorithm` is no reader, or when not all read the
    /// same cases; not estimable with fewer than two human readers.
    pub fn new(
        study: &Study,
        algorithm: &str,
        merit: Merit,
        method: Method,
    ) -> Result<Self, StatisticsError> {
        if study.tests.len() != 1 {
            return Err(StatisticsError::Data(
                "the readings come from several tests; give those of one test".into(),
            ));
        }
        let Some(own) = study.readers.iter().position(|r| r == algorithm) else {
            return Err(StatisticsError::setting(
                "standalone",
                format!("`{algorithm}`"),
                format!(
                    "one of the {} labels of the column `reader`",
                    study.readers.len()
                ),
            ));
        };
        let merits = Merits::new(study, merit, method)?;
        if merits.design != Design::Factorial || merits.cells.len() != study.readers.len() {
            return Err(StatisticsError::Data(
                "the algorithm and all readers must have rated the same cases; some readings are missing".into(),
            ));
        }
        let others: Vec<usize> = (0..merits.cells.len()).filter(|i| *i != own).collect();
        let j = others.len() as f64;
        if others.len() < 2 {
            return Err(StatisticsError::not_estimable(
                "random readers need two readers beside the algorithm",
            ));
        }
        let value = |i: usize| merits.values.get(i).copied().unwrap_or(f64::NAN);
        let standalone = value(own);
        let differences: Vec<f64> = others.iter().map(|i| value(*i) - standalone).collect();
        let centre = mean(&differences);
        let ms_r = differences
            .iter()
            .map(|d| (d - centre).powi(2))
            .sum::<f64>()
            / (j - 1.0);
        let c = &merits.covariance;
        let (mut variance, mut covariance) = (0.0, 0.0);
        let (mut own_variance, mut own_covariance) = (0.0, 0.0);
        for a in &others {
            for b in &others {
                let v = c.at(*a, *b) - c.at(*a, own) - c.at(own, *b) + c.at(own, own);
                if a == b {
                    variance += v;
                    own_variance += c.at(*a, *b);
                } else {
                    covariance += v;
                    own_covariance += c.at(*a, *b);
                }
            }
        }
        let values: Vec<f64> = others.iter().map(|i| value(*i)).collect();
        let middle = mean(&values);
        let readers_ms = values.iter().map(|v| (v - middle).powi(2)).sum::<f64>() / (j - 1.0);
        let rounding = ROUNDING * mean_square(&merits.values);
        let least = covariance_floor(&merits.values, method);
        let floor = least.max(1e-10 * (own_variance / j + c.at(own, own)));
        Ok(Self {
            standalone,
            mean: middle,
            readers: others
                .iter()
                .map(|i| {
                    (
                        study.readers.get(*i).cloned().unwrap_or_default(),
                        value(*i),
                    )
                })
                .collect(),
            ms_r: settled(ms_r, rounding),
            var_error: settled(variance / j, floor),
            cov2: settled(covariance / (j * (j - 1.0)), floor),
            standalone_variance: settled(c.at(own, own), least),
            readers_ms: settled(readers_ms, rounding),
            readers_variance: settled(own_variance / j, least),
            readers_cov2: settled(own_covariance / (j * (j - 1.0)), least),
        })
    }

    /// Mean of the readers less the algorithm. RRRC: standard error sqrt((MS(R) + r max(Cov2, 0))/r)
    /// with Hillis's degrees of freedom; RRFC: the one-sample t test of the differences; FRRC:
    /// sqrt((Var + (r - 1) max(Cov2, 0))/r) and z.
    ///
    /// # Errors
    /// Not estimable without variation.
    pub fn difference(&self, analysis: Analysis, level: f64) -> Result<Contrast, StatisticsError> {
        self.over_readers(
            less(self.mean, self.standalone),
            (self.ms_r, self.var_error, self.cov2),
            analysis,
            level,
        )
    }

    /// Mean of the readers alone, by the same formulas from their own values and covariances (Hillis
    /// 2007, section 5.3).
    ///
    /// # Errors
    /// Not estimable without variation.
    pub fn readers_mean(
        &self,
        analysis: Analysis,
        level: f64,
    ) -> Result<Contrast, StatisticsError> {
        self.over_readers(
            self.mean,
            (self.readers_ms, self.readers_variance, self.readers_cov2),
            analysis,
            level,
        )
    }

    /// The algorithm's own value, with z, for it is fixed and the cases are a sample.
    ///
    /// # Errors
    /// Not estimable for fixed cases, where a fixed algorithm has no error, and without variation.
    pub fn own(&self, analysis: Analysis, level: f64) -> Result<Contrast, StatisticsError> {
        if analysis == Analysis::Rrfc {
            return Err(StatisticsError::not_estimable(
                "a fixed algorithm on fixed cases has no error",
            ));
        }
        Contrast::new(
            self.standalone,
            self.standalone_variance.sqrt(),
            f64::INFINITY,
            level,
        )
    }

    fn over_readers(
        &self,
        estimate: f64,
        (ms, variance, cov2): (f64, f64, f64),
        analysis: Analysis,
        level: f64,
    ) -> Result<Contrast, StatisticsError> {
        let r = self.readers.len() as f64;
        let cov2 = cov2.max(0.0);
        match analysis {
            Analysis::Rrrc => {
                let rest = r * cov2;
                Contrast::new(
                    estimate,
                    ((ms + rest) / r).sqrt(),
                    hillis_df(ms, rest, r - 1.0),
                    level,
                )
            }
            Analysis::Rrfc => Contrast::new(estimate, (ms / r).sqrt(), r - 1.0, level),
            Analysis::Frrc => Contrast::new(
                estimate,
                ((variance + (r - 1.0) * cov2) / r).sqrt(),
                f64::INFINITY,
                level,
            ),
        }
    }
}
