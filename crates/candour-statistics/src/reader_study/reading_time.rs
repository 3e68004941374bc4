//! Reading time in two or more conditions, on the log scale, readers and cases random.

use super::obuchowski_rockette::{Contrast, less};
use super::pseudovalues::{Crossed, MeanSquares};
use crate::number::StatisticsError;

/// Log reading times of readers and cases, all crossed with the conditions.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadingTime {
    /// Mean log time in each condition.
    pub means: Vec<f64>,
    /// Mean squares of the log times.
    pub ms: MeanSquares,
    conditions: usize,
    readers: usize,
    cases: usize,
}

impl ReadingTime {
    /// From times by condition, then reader, then case.
    ///
    /// # Errors
    /// When a time is not positive or the table not complete.
    pub fn new(
        conditions: usize,
        readers: usize,
        cases: usize,
        times: &[f64],
    ) -> Result<Self, StatisticsError> {
        if times.iter().any(|t| !(*t > 0.0 && t.is_finite())) {
            return Err(StatisticsError::Data(
                "a reading time is not positive; its logarithm does not exist".into(),
            ));
        }
        let logs = Crossed::new(
            conditions,
            readers,
            cases,
            times.iter().map(|t| t.ln()).collect(),
        )?;
        Ok(Self {
            means: logs.test_means(),
            ms: logs.mean_squares(),
            conditions,
            readers,
            cases,
        })
    }

    /// Mean log time of condition `a` less that of `b`: standard error sqrt(2 E/(r K)), E = MS(TR) +
    /// MS(TC) - MS(TRC), with Satterthwaite's degrees of freedom, which is the mixed model with random
    /// readers, cases and all their interactions, fitted by REML, where no component is at 0. Where
    /// MS(TC) < MS(TRC) the component of condition by case is set to 0 and E = MS(TR); where MS(TR) <
    /// MS(TRC), E = MS(TC).
    ///
    /// # Errors
    /// Not estimable with one condition, one reader or one case, or without variation.
    pub fn difference(&self, a: usize, b: usize, level: f64) -> Result<Contrast, StatisticsError> {
        if self.conditions < 2 || self.readers < 2 || self.cases < 2 {
            return Err(StatisticsError::not_estimable(
                "random readers and cases need two conditions, two readers and two cases",
            ));
        }
        let (t, r, k) = (
            self.conditions as f64 - 1.0,
            self.readers as f64 - 1.0,
            self.cases as f64 - 1.0,
        );
        let m = &self.ms;
        let (term, df) = match (m.tc > m.trc, m.tr > m.trc) {
            (true, true) => {
                let term = m.tr + m.tc - m.trc;
                let parts =
                    m.tr.powi(2) / (t * r) + m.tc.powi(2) / (t * k) + m.trc.powi(2) / (t * r * k);
                (term, term * term / parts)
            }
            (true, false) => (m.tc, t * k),
            (false, _) => (m.tr, t * r),
        };
        let of = |i: usize| self.means.get(i).copied().unwrap_or(f64::NAN);
        let n = (self.readers * self.cases) as f64;
        Contrast::new(less(of(a), of(b)), (2.0 * term / n).sqrt(), df, level)
    }

    /// Whether a component of the error was negative and set to 0.
    #[must_use]
    pub fn at_boundary(&self) -> bool {
        self.ms.tc < self.ms.trc || self.ms.tr < self.ms.trc
    }
}
