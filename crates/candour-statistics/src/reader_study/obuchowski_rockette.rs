//! The analysis of variance of Obuchowski and Rockette (1995) with the degrees of freedom of Hillis
//! (2007).

use super::merit::{Merit, Merits, Method};
use super::student::{f_upper, t_quantile, t_tail, t_two_sided};
use super::study::{Design, Study};
use crate::distribution::chi_squared_tail;
use crate::number::{Interval, StatisticsError};

/// Which factors count as random: to what the results generalise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Analysis {
    /// Random readers and random cases.
    Rrrc,
    /// Fixed readers and random cases.
    Frrc,
    /// Random readers and fixed cases.
    Rrfc,
}

impl Analysis {
    /// The words of the `analysis` setting.
    pub const WORDS: &'static [&'static str] = &["rrrc", "frrc", "rrfc"];

    /// All three.
    pub const ALL: [Self; 3] = [Self::Rrrc, Self::Frrc, Self::Rrfc];

    /// By its word; random readers and cases for any other.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "frrc" => Self::Frrc,
            "rrfc" => Self::Rrfc,
            _ => Self::Rrrc,
        }
    }

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Rrrc => "rrrc",
            Self::Frrc => "frrc",
            Self::Rrfc => "rrfc",
        }
    }

    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Rrrc => "random readers and random cases",
            Self::Frrc => "fixed readers and random cases: the results hold for these readers only",
            Self::Rrfc => "random readers and fixed cases: the results hold for these cases only",
        }
    }
}

/// The test of equal tests (modalities).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Global {
    /// F, or chi-squared where `df2` is none.
    pub statistic: f64,
    /// Degrees of freedom of the numerator.
    pub df1: f64,
    /// Degrees of freedom of the denominator; none for chi-squared.
    pub df2: Option<f64>,
    /// The denominator: the mean square to which that of the tests is held.
    pub denominator: f64,
    /// Upper tail.
    pub p_value: f64,
}

/// An estimate with its t (or z) interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contrast {
    /// The estimate.
    pub estimate: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Degrees of freedom; infinite for z.
    pub df: f64,
    /// Two-sided interval.
    pub interval: Interval,
    /// Estimate by standard error.
    pub statistic: f64,
    /// Two-sided p-value of the estimate being 0.
    pub p_value: f64,
}

impl Contrast {
    /// The estimate with its t interval, or z where `df` is infinite.
    ///
    /// # Errors
    /// Not estimable when the standard error is not positive and finite, or `df` not positive.
    pub fn new(
        estimate: f64,
        standard_error: f64,
        df: f64,
        level: f64,
    ) -> Result<Self, StatisticsError> {
        if !(level > 0.0 && level < 1.0) {
            return Err(StatisticsError::setting(
                "level",
                level,
                "it lies between 0 and 1, such as 0.95",
            ));
        }
        if !(standard_error > 0.0 && standard_error.is_finite() && df > 0.0 && estimate.is_finite())
        {
            return Err(StatisticsError::not_estimable(
                "the variance estimate is not positive: the readings do not vary enough to estimate an error",
            ));
        }
        let quantile = t_quantile(f64::midpoint(1.0, level), df);
        let statistic = estimate / standard_error;
        Ok(Self {
            estimate,
            standard_error,
            df,
            interval: Interval {
                lower: estimate - quantile * standard_error,
                upper: estimate + quantile * standard_error,
                level,
            },
            statistic,
            p_value: t_two_sided(statistic, df),
        })
    }

    /// One-sided p-value of the hypothesis that the true value is at most `-margin`.
    #[must_use]
    pub fn non_inferiority(&self, margin: f64) -> f64 {
        t_tail((self.estimate + margin) / self.standard_error, self.df)
    }

    /// With its interval cut to 0 to 1, and whether it was.
    #[must_use]
    pub fn within_unit(mut self) -> (Self, bool) {
        let before = self.interval;
        self.interval.lower = before.lower.clamp(0.0, 1.0);
        self.interval.upper = before.upper.clamp(0.0, 1.0);
        (self, self.interval != before)
    }

    /// With the sign turned.
    #[must_use]
    pub fn turned(mut self) -> Self {
        self.estimate = -self.estimate;
        self.statistic = -self.statistic;
        (self.interval.lower, self.interval.upper) = (-self.interval.upper, -self.interval.lower);
        self
    }
}

/// F with its upper tail.
///
/// # Errors
/// Not estimable when the denominator is not positive.
pub(super) fn f_test(
    numerator: f64,
    denominator: f64,
    df1: f64,
    df2: f64,
) -> Result<Global, StatisticsError> {
    if !(denominator > 0.0 && denominator.is_finite() && df1 > 0.0 && df2 > 0.0) {
        return Err(StatisticsError::not_estimable(
            "the error term of the F test is 0 or has no degrees of freedom",
        ));
    }
    let statistic = numerator / denominator;
    Ok(Global {
        statistic,
        df1,
        df2: Some(df2),
        denominator,
        p_value: f_upper(statistic, df1, df2),
    })
}

/// A mean square below this share of the mean square of the data is what rounding leaves of 0.
pub(super) const ROUNDING: f64 = 1e-20;

/// A square that is nothing but rounding against `floor` counts as 0.
pub(super) fn settled(square: f64, floor: f64) -> f64 {
    if square.abs() <= floor { 0.0 } else { square }
}

/// The mean of the squares.
pub(super) fn mean_square(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64
}

/// `a - b`, 0 where they differ by rounding alone.
pub(super) fn less(a: f64, b: f64) -> f64 {
    let difference = a - b;
    if difference.abs() <= 1e-12 * a.abs().max(b.abs()) {
        0.0
    } else {
        difference
    }
}

/// The size below which a covariance is rounding: those of comparisons are differences of products,
/// the others sums of squares.
pub(super) fn covariance_floor(values: &[f64], method: Method) -> f64 {
    let share = if method == Method::Unbiased {
        1e-14
    } else {
        ROUNDING
    };
    share * mean_square(values)
}

/// Hillis's degrees of freedom of `mean_square + rest`, of which the first has `df`.
pub(super) fn hillis_df(mean_square: f64, rest: f64, df: f64) -> f64 {
    let ratio = 1.0 + rest / mean_square;
    if mean_square > 0.0 {
        df * ratio * ratio
    } else if rest > 0.0 {
        f64::INFINITY
    } else {
        f64::NAN
    }
}

/// Mean error variance and covariances over cases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Components {
    /// Mean variance of a figure of merit.
    pub var_error: f64,
    /// Mean covariance of one reader in two tests.
    pub cov1: f64,
    /// Mean covariance of two readers in one test.
    pub cov2: f64,
    /// Mean covariance of two readers in two tests.
    pub cov3: f64,
}

/// The Obuchowski-Rockette analysis.
#[derive(Clone, Debug, PartialEq)]
pub struct ObuchowskiRockette {
    /// Names of the tests.
    pub tests: Vec<String>,
    /// Names of the readers.
    pub readers: Vec<String>,
    /// Figures of merit and their error covariance.
    pub merits: Merits,
    /// Mean figure of merit over readers of each test.
    pub means: Vec<f64>,
    /// Readers of each test.
    pub readers_of: Vec<f64>,
    /// Mean square of the tests; none with one test.
    pub ms_t: Option<f64>,
    /// Mean square of the readers (crossed with the tests); none with one reader or nested readers.
    pub ms_r: Option<f64>,
    /// Mean square of test by reader, or of readers within tests; none with one reader a test.
    pub ms_error: Option<f64>,
    /// Its degrees of freedom.
    pub df_error: f64,
    /// Error variance and covariances; Cov2 and Cov3 are 0 by design where cases are nested in readers,
    /// Cov1 and Cov3 where they are nested in tests.
    pub components: Components,
    /// Whether readers are nested in tests.
    pub nested: bool,
    /// Whether a fixed-reader denominator keeps Cov2 - Cov3 where it is negative (MRMCaov) or sets it
    /// to 0 (OR-DBM MRMC and RJafroc).
    pub keep_negative: bool,
    /// Covariances below this are rounding.
    floor: f64,
}

impl ObuchowskiRockette {
    /// Figures of merit, mean squares and covariances.
    ///
    /// # Errors
    /// As [`Merits::new`]; a data error when some readers read in some tests only, unless each read in
    /// exactly one.
    pub fn new(study: &Study, merit: Merit, method: Method) -> Result<Self, StatisticsError> {
        let merits = Merits::new(study, merit, method)?;
        let relevant = merit.relevant(study);
        if merits.design == Design::Arbitrary || merits.cells.len() != study.occupied().len() {
            return Err(StatisticsError::Data(
                "some readers did not read (cases that count) in every test: the Obuchowski-Rockette analysis needs readers crossed with tests or nested in them; use `mrmc-ustatistic`".into(),
            ));
        }
        let nested = merits.design == Design::ReadersInTests;
        let (t, r) = (relevant.tests.len(), relevant.readers.len());
        let values_of = |test: usize| -> Vec<f64> {
            merits
                .cells
                .iter()
                .zip(&merits.values)
                .filter(|((c, _), _)| *c == test)
                .map(|(_, v)| *v)
                .collect()
        };
        let by_test: Vec<Vec<f64>> = (0..t).map(values_of).collect();
        let means: Vec<f64> = by_test.iter().map(|v| mean(v)).collect();
        let readers_of: Vec<f64> = by_test.iter().map(|v| v.len() as f64).collect();
        let grand = mean(&merits.values);
        let (tf, rf, nf) = (t as f64, r as f64, merits.cells.len() as f64);
        let rounding = ROUNDING * mean_square(&merits.values);
        let ms_t = (t > 1).then(|| {
            means
                .iter()
                .zip(&readers_of)
                .map(|(m, n)| n * (m - grand).powi(2))
                .sum::<f64>()
                / (tf - 1.0)
        });
        let within = |v: &Vec<f64>| {
            let m = mean(v);
            v.iter().map(|x| (x - m).powi(2)).sum::<f64>()
        };
        let (ms_r, ms_error, df_error) = if nested {
            let df = nf - tf;
            let ms = (df > 0.0).then(|| by_test.iter().map(within).sum::<f64>() / df);
            (None, ms, df)
        } else {
            let reader_means: Vec<f64> = (0..r)
                .map(|reader| {
                    mean(
                        &by_test
                            .iter()
                            .filter_map(|v| v.get(reader).copied())
                            .collect::<Vec<f64>>(),
                    )
                })
                .collect();
            let ms_r = (r > 1).then(|| {
                tf * reader_means
                    .iter()
                    .map(|m| (m - grand).powi(2))
                    .sum::<f64>()
                    / (rf - 1.0)
            });
            let df = (tf - 1.0) * (rf - 1.0);
            let ms = (df > 0.0).then(|| {
                by_test
                    .iter()
                    .zip(&means)
                    .flat_map(|(values, test)| {
                        values
                            .iter()
                            .zip(&reader_means)
                            .map(move |(v, reader)| (v - test - reader + grand).powi(2))
                    })
                    .sum::<f64>()
                    / df
            });
            (ms_r, ms, df)
        };
        let [ms_t, ms_r, ms_error] =
            [ms_t, ms_r, ms_error].map(|ms| ms.map(|v| settled(v, rounding)));
        let floor = covariance_floor(&merits.values, method);
        let components = components(&merits, floor);
        Ok(Self {
            tests: relevant.tests,
            readers: relevant.readers,
            means,
            readers_of,
            ms_t,
            ms_r,
            ms_error,
            df_error,
            components,
            nested,
            keep_negative: false,
            floor,
            merits,
        })
    }

    /// Readers a test, as it weighs the covariances: for nested readers (N^2 - sum n^2)/(N (T - 1)).
    #[must_use]
    pub fn reader_weight(&self) -> f64 {
        if self.nested {
            let total: f64 = self.readers_of.iter().sum();
            let squares: f64 = self.readers_of.iter().map(|n| n * n).sum();
            (total * total - squares) / (total * (self.tests.len() as f64 - 1.0))
        } else {
            self.readers.len() as f64
        }
    }

    /// What of a difference of covariances is not rounding.
    fn beyond_rounding(&self, covariance: f64) -> f64 {
        settled(
            covariance,
            self.floor.max(1e-10 * self.components.var_error.abs()),
        )
    }

    /// Cov2 - Cov3, negative set to 0.
    fn excess(&self) -> f64 {
        self.beyond_rounding(self.components.cov2 - self.components.cov3)
            .max(0.0)
    }

    /// Whether Cov2 - Cov3 is negative.
    #[must_use]
    pub fn negative(&self) -> bool {
        self.beyond_rounding(self.components.cov2 - self.components.cov3) < 0.0
    }

    /// The error term of an analysis and its degrees of freedom (infinite for chi-squared).
    fn error_term(&self, analysis: Analysis) -> Result<(f64, f64), StatisticsError> {
        if self.tests.len() < 2 {
            return Err(StatisticsError::not_estimable(
                "there is one test only, so nothing is compared",
            ));
        }
        let c = &self.components;
        if analysis == Analysis::Frrc {
            let excess = if self.keep_negative {
                c.cov2 - c.cov3
            } else {
                self.excess()
            };
            let term = if self.nested {
                c.var_error - c.cov2 + self.reader_weight() * excess
            } else if self.readers.len() > 1 {
                c.var_error - c.cov1 + (self.readers.len() as f64 - 1.0) * excess
            } else {
                c.var_error - c.cov1
            };
            return Ok((self.beyond_rounding(term), f64::INFINITY));
        }
        let ms = self.ms_error.ok_or_else(|| {
            StatisticsError::not_estimable(
                "one reader a test: random readers cannot be assessed; take analysis frrc",
            )
        })?;
        let rest = if analysis == Analysis::Rrrc {
            self.reader_weight() * self.excess()
        } else {
            0.0
        };
        Ok((ms + rest, hillis_df(ms, rest, self.df_error)))
    }

    /// The test of equal tests.
    ///
    /// RRRC: F = MS(T)/(MS(TR) + r max(Cov2 - Cov3, 0)) on T - 1 and
    /// (MS(TR) + r max(Cov2 - Cov3, 0))^2/(MS(TR)^2/((T - 1)(r - 1))). FRRC: chi-squared =
    /// (T - 1) MS(T)/(Var - Cov1 + (r - 1) max(Cov2 - Cov3, 0)) on T - 1. RRFC: F = MS(T)/MS(TR).
    ///
    /// # Errors
    /// Not estimable with one test, with one reader (but FRRC), or without variation.
    pub fn global(&self, analysis: Analysis) -> Result<Global, StatisticsError> {
        let (denominator, df2) = self.error_term(analysis)?;
        let ms_t = self.ms_t.unwrap_or(f64::NAN);
        let df1 = self.tests.len() as f64 - 1.0;
        if analysis != Analysis::Frrc {
            return f_test(ms_t, denominator, df1, df2);
        }
        if !(denominator > 0.0 && denominator.is_finite()) {
            return Err(StatisticsError::not_estimable(
                "the error term of the fixed-reader test is not positive",
            ));
        }
        let statistic = df1 * ms_t / denominator;
        Ok(Global {
            statistic,
            df1,
            df2: None,
            denominator,
            p_value: chi_squared_tail(statistic, df1),
        })
    }

    /// Mean of test `a` less mean of test `b` over readers, with the pooled standard error.
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
        let of = |list: &[f64], i: usize| list.get(i).copied().unwrap_or(f64::NAN);
        let weight = 1.0 / of(&self.readers_of, a) + 1.0 / of(&self.readers_of, b);
        Contrast::new(
            less(of(&self.means, a), of(&self.means, b)),
            (weight * term).sqrt(),
            df,
            level,
        )
    }

    /// Error variance and Cov2 of one test, and the mean square of its readers (none with one).
    #[must_use]
    pub fn within_test(&self, test: usize) -> (f64, f64, Option<f64>) {
        let places: Vec<usize> = self.places(|(t, _)| t == test);
        let c = &self.merits.covariance;
        let variance = mean(&places.iter().map(|p| c.at(*p, *p)).collect::<Vec<f64>>());
        let own_cases = matches!(
            self.merits.design,
            Design::CasesInReaders | Design::CasesInCells
        );
        let others: Vec<f64> = places
            .iter()
            .flat_map(|a| {
                places
                    .iter()
                    .filter(move |b| *b != a)
                    .map(move |b| c.at(*a, *b))
            })
            .collect();
        let cov2 = if own_cases || others.is_empty() {
            0.0
        } else {
            mean(&others)
        };
        let values: Vec<f64> = places
            .iter()
            .filter_map(|p| self.merits.values.get(*p).copied())
            .collect();
        let m = mean(&values);
        let ms = (values.len() > 1).then(|| {
            let ms =
                values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0);
            settled(ms, ROUNDING * mean_square(&values))
        });
        (settled(variance, self.floor), settled(cov2, self.floor), ms)
    }

    fn places(&self, which: impl Fn((usize, usize)) -> bool) -> Vec<usize> {
        self.merits
            .cells
            .iter()
            .enumerate()
            .filter(|(_, c)| which(**c))
            .map(|(i, _)| i)
            .collect()
    }

    /// The mean of one test over its readers, from the data of that test alone (Hillis 2007, section
    /// 5.3). RRRC: standard error sqrt(MS(R)/r + max(Cov2, 0)); FRRC: sqrt((Var + (r - 1) max(Cov2,
    /// 0))/r) and z; RRFC: sqrt(MS(R)/r) on r - 1.
    ///
    /// # Errors
    /// Not estimable with one reader (but FRRC) or without variation.
    pub fn single(
        &self,
        test: usize,
        analysis: Analysis,
        level: f64,
    ) -> Result<Contrast, StatisticsError> {
        let (variance, cov2, ms) = self.within_test(test);
        let r = self.readers_of.get(test).copied().unwrap_or(f64::NAN);
        let estimate = self.means.get(test).copied().unwrap_or(f64::NAN);
        let cov2 = cov2.max(0.0);
        if analysis == Analysis::Frrc {
            return Contrast::new(
                estimate,
                ((variance + (r - 1.0) * cov2) / r).sqrt(),
                f64::INFINITY,
                level,
            );
        }
        let ms = ms.ok_or_else(|| {
            StatisticsError::not_estimable(
                "one reader a test: random readers cannot be assessed; take analysis frrc",
            )
        })?;
        let rest = if analysis == Analysis::Rrrc {
            r * cov2
        } else {
            0.0
        };
        Contrast::new(
            estimate,
            ((ms + rest) / r).sqrt(),
            hillis_df(ms, rest, r - 1.0),
            level,
        )
    }

    /// Test `a` less test `b` for one reader, by that reader's own error variance and Cov1.
    ///
    /// # Errors
    /// Not estimable when the reader read in one test only or the error is 0.
    pub fn reader_difference(
        &self,
        reader: usize,
        a: usize,
        b: usize,
        level: f64,
    ) -> Result<Contrast, StatisticsError> {
        let places = self.places(|(_, r)| r == reader);
        let c = &self.merits.covariance;
        let place = |test: usize| {
            self.merits
                .cells
                .iter()
                .position(|cell| *cell == (test, reader))
        };
        let (Some(pa), Some(pb)) = (place(a), place(b)) else {
            return Err(StatisticsError::not_estimable(
                "the reader read in one of the tests only",
            ));
        };
        let variance = mean(&places.iter().map(|p| c.at(*p, *p)).collect::<Vec<f64>>());
        let others: Vec<f64> = places
            .iter()
            .flat_map(|x| {
                places
                    .iter()
                    .filter(move |y| *y != x)
                    .map(move |y| c.at(*x, *y))
            })
            .collect();
        let own_cases = matches!(
            self.merits.design,
            Design::CasesInTests | Design::CasesInCells
        );
        let cov1 = if own_cases { 0.0 } else { mean(&others) };
        let value = |p: usize| self.merits.values.get(p).copied().unwrap_or(f64::NAN);
        Contrast::new(
            less(value(pa), value(pb)),
            (2.0 * settled(variance - cov1, self.floor.max(1e-10 * variance.abs()))).sqrt(),
            f64::INFINITY,
            level,
        )
    }

    /// Variance components of readers and of test by reader (or of readers within tests): estimates
    /// that may be negative.
    #[must_use]
    pub fn reader_components(&self) -> (Option<f64>, Option<f64>) {
        let c = &self.components;
        if self.nested {
            (None, self.ms_error.map(|ms| ms - c.var_error + c.cov2))
        } else {
            let t = self.tests.len() as f64;
            let reader = match (self.ms_r, self.ms_error) {
                (Some(r), Some(tr)) => Some((r - tr) / t - c.cov1 + c.cov3),
                (Some(r), None) => Some(r - c.var_error + c.cov2),
                _ => None,
            };
            (
                reader,
                self.ms_error
                    .map(|tr| tr - c.var_error + c.cov1 + c.cov2 - c.cov3),
            )
        }
    }
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn components(merits: &Merits, floor: f64) -> Components {
    let mut sums = [(0.0, 0.0); 4];
    for (a, (ta, ra)) in merits.cells.iter().enumerate() {
        for (b, (tb, rb)) in merits.cells.iter().enumerate() {
            let [error, cov1, cov2, cov3] = &mut sums;
            let slot = match (ta == tb, ra == rb) {
                (true, true) => error,
                (false, true) => cov1,
                (true, false) => cov2,
                (false, false) => cov3,
            };
            slot.0 += merits.covariance.at(a, b);
            slot.1 += 1.0;
        }
    }
    let [var_error, mut cov1, mut cov2, mut cov3] =
        sums.map(|(s, n)| if n > 0.0 { settled(s / n, floor) } else { 0.0 });
    match merits.design {
        Design::CasesInReaders => (cov2, cov3) = (0.0, 0.0),
        Design::CasesInTests => (cov1, cov3) = (0.0, 0.0),
        Design::CasesInCells => (cov1, cov2, cov3) = (0.0, 0.0, 0.0),
        Design::ReadersInTests => cov1 = 0.0,
        Design::Factorial | Design::Unbalanced | Design::Arbitrary => {}
    }
    Components {
        var_error,
        cov1,
        cov2,
        cov3,
    }
}
