//! A stand-alone algorithm against random readers of the same cases (Hupse and others 2013; Hillis
//! 2007, section 5.3; RJafroc `StCadVsRad`, 1T-RRRC).

use super::merit::{Merit, Merits, Method};
use super::obuchowski_rockette::{Analysis, Contrast, hillis_df, mean};
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
                format!("one of the readers: {}", study.readers.join(", ")),
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
        for a in &others {
            for b in &others {
                let v = c.at(*a, *b) - c.at(*a, own) - c.at(own, *b) + c.at(own, own);
                if a == b {
                    variance += v;
                } else {
                    covariance += v;
                }
            }
        }
        Ok(Self {
            standalone,
            mean: standalone + centre,
            readers: others
                .iter()
                .map(|i| {
                    (
                        study.readers.get(*i).cloned().unwrap_or_default(),
                        value(*i),
                    )
                })
                .collect(),
            ms_r,
            var_error: variance / j,
            cov2: covariance / (j * (j - 1.0)),
        })
    }

    /// Mean of the readers less the algorithm. RRRC: standard error sqrt((MS(R) + r max(Cov2, 0))/r)
    /// with Hillis's degrees of freedom; RRFC: the one-sample t test of the differences; FRRC:
    /// sqrt((Var + (r - 1) max(Cov2, 0))/r) and z.
    ///
    /// # Errors
    /// Not estimable without variation.
    pub fn difference(&self, analysis: Analysis, level: f64) -> Result<Contrast, StatisticsError> {
        let r = self.readers.len() as f64;
        let cov2 = self.cov2.max(0.0);
        let estimate = self.mean - self.standalone;
        match analysis {
            Analysis::Rrrc => {
                let rest = r * cov2;
                Contrast::new(
                    estimate,
                    ((self.ms_r + rest) / r).sqrt(),
                    hillis_df(self.ms_r, rest, r - 1.0),
                    level,
                )
            }
            Analysis::Rrfc => Contrast::new(estimate, (self.ms_r / r).sqrt(), r - 1.0, level),
            Analysis::Frrc => Contrast::new(
                estimate,
                ((self.var_error + (r - 1.0) * cov2) / r).sqrt(),
                f64::INFINITY,
                level,
            ),
        }
    }
}
