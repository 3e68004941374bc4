//! The analysis of variance of jackknife pseudovalues: Dorfman, Berbaum and Metz (1992), with the
//! error term and degrees of freedom of Hillis, Berbaum and Metz (2008).

use super::merit::{Merit, shifts};
use super::obuchowski_rockette::{
    Analysis, Contrast, Global, ROUNDING, f_test, hillis_df, less, mean, mean_square, settled,
};
use super::study::{Design, Study};
use crate::number::StatisticsError;

/// Numbers for each test, reader and case, all crossed.
#[derive(Clone, Debug, PartialEq)]
pub struct Crossed {
    tests: usize,
    readers: usize,
    cases: usize,
    values: Vec<f64>,
}

/// The mean squares of the three-way table, those with no degree of freedom 0.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "tests, readers, cases and their products, as in every table of this analysis"
)]
pub struct MeanSquares {
    pub t: f64,
    pub r: f64,
    pub c: f64,
    pub tr: f64,
    pub tc: f64,
    pub rc: f64,
    pub trc: f64,
}

impl Crossed {
    /// Values by test, then reader, then case.
    ///
    /// # Errors
    /// When their number is not the product of the counts, or one is not finite.
    pub fn new(
        tests: usize,
        readers: usize,
        cases: usize,
        values: Vec<f64>,
    ) -> Result<Self, StatisticsError> {
        if values.len() != tests * readers * cases || values.is_empty() {
            return Err(StatisticsError::Data(
                "the table of tests, readers and cases is not complete".into(),
            ));
        }
        if values.iter().any(|v| !v.is_finite()) {
            return Err(StatisticsError::Data(
                "a value of the table is not finite".into(),
            ));
        }
        Ok(Self {
            tests,
            readers,
            cases,
            values,
        })
    }

    /// Means over all but the factors that `key` keeps; `size` keys.
    fn means(&self, size: usize, key: impl Fn(usize, usize, usize) -> usize) -> Vec<f64> {
        let mut sums = vec![0.0; size];
        for (place, v) in self.values.iter().enumerate() {
            let (t, r, c) = self.factors(place);
            if let Some(s) = sums.get_mut(key(t, r, c)) {
                *s += v;
            }
        }
        let share = size as f64 / self.values.len() as f64;
        sums.iter().map(|s| s * share).collect()
    }

    fn factors(&self, place: usize) -> (usize, usize, usize) {
        let row = place / self.cases;
        (row / self.readers, row % self.readers, place % self.cases)
    }

    /// The means of the tests.
    #[must_use]
    pub fn test_means(&self) -> Vec<f64> {
        self.means(self.tests, |t, _, _| t)
    }

    /// The mean squares of the three-way analysis of variance without replication; one that is no more
    /// than rounding against the values counts as 0.
    #[must_use]
    pub fn mean_squares(&self) -> MeanSquares {
        let (nt, nr, nc) = (self.tests, self.readers, self.cases);
        let grand = mean(&self.values);
        // Deviations from the mean first: the effects are small against it.
        let centred = Self {
            values: self.values.iter().map(|v| v - grand).collect(),
            ..self.clone()
        };
        let t = centred.means(nt, |t, _, _| t);
        let r = centred.means(nr, |_, r, _| r);
        let c = centred.means(nc, |_, _, c| c);
        let tr = centred.means(nt * nr, |t, r, _| t * nr + r);
        let tc = centred.means(nt * nc, |t, _, c| t * nc + c);
        let rc = centred.means(nr * nc, |_, r, c| r * nc + c);
        let at = |list: &[f64], i: usize| list.get(i).copied().unwrap_or(f64::NAN);
        let squares = |list: &[f64]| list.iter().map(|v| v * v).sum::<f64>();
        let two = |list: &[f64], a: &[f64], b: &[f64], n: usize| {
            list.iter()
                .enumerate()
                .map(|(i, v)| (v - at(a, i / n) - at(b, i % n)).powi(2))
                .sum::<f64>()
        };
        let three: f64 = centred
            .values
            .iter()
            .enumerate()
            .map(|(i, v)| {
                let (x, y, z) = centred.factors(i);
                (v - at(&tr, x * nr + y) - at(&tc, x * nc + z) - at(&rc, y * nc + z)
                    + at(&t, x)
                    + at(&r, y)
                    + at(&c, z))
                .powi(2)
            })
            .sum();
        let (tf, rf, cf) = (nt as f64, nr as f64, nc as f64);
        let rounding = ROUNDING * mean_square(&self.values);
        let over = |sum: f64, df: f64| {
            if df > 0.0 {
                settled(sum / df, rounding)
            } else {
                0.0
            }
        };
        MeanSquares {
            t: over(rf * cf * squares(&t), tf - 1.0),
            r: over(tf * cf * squares(&r), rf - 1.0),
            c: over(tf * rf * squares(&c), cf - 1.0),
            tr: over(cf * two(&tr, &t, &r, nr), (tf - 1.0) * (rf - 1.0)),
            tc: over(rf * two(&tc, &t, &c, nc), (tf - 1.0) * (cf - 1.0)),
            rc: over(tf * two(&rc, &r, &c, nc), (rf - 1.0) * (cf - 1.0)),
            trc: over(three, (tf - 1.0) * (rf - 1.0) * (cf - 1.0)),
        }
    }

    fn of_test(&self, test: usize) -> Self {
        let size = self.readers * self.cases;
        Self {
            tests: 1,
            values: self
                .values
                .iter()
                .skip(test * size)
                .take(size)
                .copied()
                .collect(),
            ..*self
        }
    }
}

/// The pseudovalue analysis.
#[derive(Clone, Debug, PartialEq)]
pub struct Pseudovalues {
    /// Names of the tests.
    pub tests: Vec<String>,
    /// Names of the readers.
    pub readers: Vec<String>,
    /// The pseudovalues.
    pub values: Crossed,
    /// Mean figure of merit over readers of each test.
    pub means: Vec<f64>,
    /// Figure of merit by test, then reader.
    pub merits: Vec<f64>,
    /// Mean squares.
    pub ms: MeanSquares,
}

impl Pseudovalues {
    /// Pseudovalues `K t - (K - 1) t(-k)`, centred so that their mean is the figure of merit (which
    /// changes nothing for AUC, sensitivity and specificity), and their mean squares.
    ///
    /// # Errors
    /// A data error unless every reader read every case in every test; not estimable when a class that
    /// counts has fewer than two cases.
    pub fn new(study: &Study, merit: Merit) -> Result<Self, StatisticsError> {
        let study = merit.relevant(study);
        if study.design() != Design::Factorial {
            return Err(StatisticsError::Data(format!(
                "pseudovalues need a fully crossed study; this one is {}; use `mrmc-or` or `mrmc-ustatistic`",
                study.design().words()
            )));
        }
        let both = matches!(merit, Merit::Auc | Merit::PartialAuc(_));
        let few = |n: usize, counts: bool| counts && n < 2;
        if few(study.cases.0, both || study.cases.1 == 0)
            || few(study.cases.1, both || study.cases.0 == 0)
        {
            return Err(StatisticsError::not_estimable(
                "leaving out one case needs two cases of each class that counts",
            ));
        }
        let cells = study.occupied();
        let cases = study.cases.0 + study.cases.1;
        let k = cases as f64;
        let mut values = Vec::with_capacity(cells.len() * cases);
        let mut merits = Vec::with_capacity(cells.len());
        for (value, list) in shifts(&study, merit, &cells) {
            let centre = list.iter().map(|s| s.1).sum::<f64>() / k;
            values.extend(list.iter().map(|s| value - (k - 1.0) * (s.1 - centre)));
            merits.push(value);
        }
        let readers = study.readers.len();
        let means: Vec<f64> = merits.chunks(readers).map(mean).collect();
        let values = Crossed::new(study.tests.len(), readers, cases, values)?;
        let ms = values.mean_squares();
        Ok(Self {
            tests: study.tests,
            readers: study.readers,
            values,
            means,
            merits,
            ms,
        })
    }

    fn error_term(&self, analysis: Analysis) -> Result<(f64, f64), StatisticsError> {
        error_term(
            &self.ms,
            self.tests.len(),
            self.readers.len(),
            self.values.cases,
            analysis,
        )
    }

    /// The test of equal tests. RRRC: MS(T)/(MS(TR) + max(MS(TC) - MS(TRC), 0)) with Hillis's degrees
    /// of freedom. FRRC: MS(T)/MS(TC) on T - 1 and (T - 1)(K - 1), as RJafroc. RRFC: MS(T)/MS(TR).
    ///
    /// # Errors
    /// Not estimable with one test, with one reader (but FRRC), or without variation.
    pub fn global(&self, analysis: Analysis) -> Result<Global, StatisticsError> {
        let (denominator, df2) = self.error_term(analysis)?;
        f_test(self.ms.t, denominator, self.tests.len() as f64 - 1.0, df2)
    }

    /// Mean of test `a` less mean of test `b`.
    ///
    /// # Errors
    /// As [`Self::global`].
    pub fn difference(
        &self,
        a: usize,
        b: usize,
        analysis: Analysis,
        level: f64,
    ) -> Result<Contrast, StatisticsError> {
        let (term, df) = self.error_term(analysis)?;
        let of = |i: usize| self.means.get(i).copied().unwrap_or(f64::NAN);
        let n = (self.readers.len() * self.values.cases) as f64;
        Contrast::new(less(of(a), of(b)), (2.0 * term / n).sqrt(), df, level)
    }

    /// The mean of one test over readers, from that test's pseudovalues.
    ///
    /// # Errors
    /// Not estimable with one reader (but FRRC) or without variation.
    pub fn single(
        &self,
        test: usize,
        analysis: Analysis,
        level: f64,
    ) -> Result<Contrast, StatisticsError> {
        let ms = self.values.of_test(test).mean_squares();
        let (r, k) = (self.readers.len() as f64, self.values.cases as f64);
        let (term, df) = match analysis {
            Analysis::Frrc => (ms.c, k - 1.0),
            _ if r < 2.0 => {
                return Err(StatisticsError::not_estimable(
                    "one reader: random readers cannot be assessed; take analysis frrc",
                ));
            }
            Analysis::Rrrc => {
                let rest = (ms.c - ms.rc).max(0.0);
                (ms.r + rest, hillis_df(ms.r, rest, r - 1.0))
            }
            Analysis::Rrfc => (ms.r, r - 1.0),
        };
        let estimate = self.means.get(test).copied().unwrap_or(f64::NAN);
        Contrast::new(estimate, (term / (r * k)).sqrt(), df, level)
    }

    /// Variance components (estimates that may be negative): readers, cases, test by reader, test by
    /// case, reader by case, error. None with one test or one reader.
    #[must_use]
    pub fn components(&self) -> Option<[(&'static str, f64); 6]> {
        if self.tests.len() < 2 || self.readers.len() < 2 {
            return None;
        }
        let (i, j, k) = (
            self.tests.len() as f64,
            self.readers.len() as f64,
            self.values.cases as f64,
        );
        let m = &self.ms;
        Some([
            ("var_reader", (m.r - m.tr - m.rc + m.trc) / (i * k)),
            ("var_case", (m.c - m.tc - m.rc + m.trc) / (i * j)),
            ("var_test_reader", (m.tr - m.trc) / k),
            ("var_test_case", (m.tc - m.trc) / j),
            ("var_reader_case", (m.rc - m.trc) / i),
            ("var_error", m.trc),
        ])
    }
}

/// The error term of a crossed three-way table and its degrees of freedom.
pub(super) fn error_term(
    ms: &MeanSquares,
    tests: usize,
    readers: usize,
    cases: usize,
    analysis: Analysis,
) -> Result<(f64, f64), StatisticsError> {
    if tests < 2 {
        return Err(StatisticsError::not_estimable(
            "there is one test only, so nothing is compared",
        ));
    }
    let t = tests as f64 - 1.0;
    if analysis == Analysis::Frrc {
        return Ok((ms.tc, t * (cases as f64 - 1.0)));
    }
    if readers < 2 {
        return Err(StatisticsError::not_estimable(
            "one reader: random readers cannot be assessed; take analysis frrc",
        ));
    }
    let rest = if analysis == Analysis::Rrrc {
        settled(ms.tc - ms.trc, 1e-10 * ms.tc).max(0.0)
    } else {
        0.0
    };
    Ok((
        ms.tr + rest,
        hillis_df(ms.tr, rest, t * (readers as f64 - 1.0)),
    ))
}
