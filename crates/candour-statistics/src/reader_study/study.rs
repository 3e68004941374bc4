//! The readings of a reader study, from long-form columns, and the design they follow.

use crate::catalogue::Labels;
use crate::number::StatisticsError;

/// One rating of one case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// The case's code.
    pub case: usize,
    /// The rating; higher means more likely positive.
    pub rating: f64,
}

/// What one reader read in one test, in the order of the cases.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readings {
    /// Ratings of positive cases.
    pub positive: Vec<Reading>,
    /// Ratings of negative cases.
    pub negative: Vec<Reading>,
}

impl Readings {
    fn len(&self) -> usize {
        self.positive.len() + self.negative.len()
    }
}

/// Long-form columns: one row is one reading.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    /// Who read.
    pub reader: &'a Labels,
    /// In which test (modality, reading condition); none: a single test.
    pub test: Option<&'a Labels>,
    /// Which case; the same label means the same patient.
    pub case: &'a Labels,
    /// Whether the case is positive.
    pub truth: &'a [bool],
    /// The rating; NaN is a missing reading.
    pub rating: &'a [f64],
}

/// The readings of a study, by test and reader.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    /// Names of the tests, in order.
    pub tests: Vec<String>,
    /// Names of the readers, in order.
    pub readers: Vec<String>,
    /// Positive and negative cases with a reading at least.
    pub cases: (usize, usize),
    /// Rows whose rating was missing.
    pub missing: usize,
    cells: Vec<Readings>,
    codes: usize,
}

/// Which factors are crossed and which are nested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Design {
    /// Every reader read every case in every test.
    Factorial,
    /// Every reader has cases of their own, read in every test (split-plot).
    CasesInReaders,
    /// Every test has cases of its own, read by every reader.
    CasesInTests,
    /// Every reading is of another case.
    CasesInCells,
    /// Every reader read in every test, but not every case.
    Unbalanced,
    /// Every test has readers of its own.
    ReadersInTests,
    /// Some reader read in some tests only.
    Arbitrary,
}

impl Design {
    /// In words, as it is said in answers.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Factorial => "factorial: every reader read every case in every test",
            Self::CasesInReaders => {
                "cases nested in readers (split-plot): no case was read by two readers"
            }
            Self::CasesInTests => "cases nested in tests: no case was read in two tests",
            Self::CasesInCells => "cases nested in readers and tests: every case was read once",
            Self::Unbalanced => "factorial but not fully crossed: some readings are missing",
            Self::ReadersInTests => "readers nested in tests: no reader read in two tests",
            Self::Arbitrary => "arbitrary: some readers did not read in every test",
        }
    }
}

impl Study {
    /// Gathers the readings. Rows with a missing rating are left out and counted.
    ///
    /// # Errors
    /// When columns differ in length, a case is both positive and negative, a reader read a case twice
    /// in a test, or nothing is left.
    pub fn new(columns: &Columns<'_>) -> Result<Self, StatisticsError> {
        let rows = columns.rating.len();
        let single = Labels::default();
        let test = columns.test.unwrap_or(&single);
        let lengths = [
            columns.reader.codes.len(),
            columns.case.codes.len(),
            columns.truth.len(),
        ];
        if lengths.iter().any(|n| *n != rows)
            || (columns.test.is_some() && test.codes.len() != rows)
        {
            return Err(StatisticsError::Data(
                "the columns of a reader study differ in length".into(),
            ));
        }
        let mut readings: Vec<(usize, usize, usize, usize, bool, f64)> = Vec::with_capacity(rows);
        let mut missing = 0usize;
        let mut truth: Vec<Option<bool>> = vec![None; columns.case.names.len()];
        for (row, rating) in columns.rating.iter().enumerate() {
            let code = |labels: &Labels| labels.codes.get(row).copied().flatten();
            let t = if columns.test.is_some() {
                code(test)
            } else {
                Some(0)
            };
            let (Some(r), Some(t), Some(c)) = (code(columns.reader), t, code(columns.case)) else {
                return Err(StatisticsError::Value {
                    column: "reader, test or case".into(),
                    row,
                    what: "is empty".into(),
                });
            };
            let positive = columns.truth.get(row).copied().unwrap_or(false);
            if let Some(known) = truth.get_mut(c) {
                if known.is_some_and(|k| k != positive) {
                    return Err(StatisticsError::Value {
                        column: "truth".into(),
                        row,
                        what: "differs from the truth of the same case in an earlier row; give each case one truth".into(),
                    });
                }
                *known = Some(positive);
            }
            if rating.is_nan() {
                missing += 1;
            } else {
                readings.push((t, r, c, row, positive, *rating));
            }
        }
        if readings.is_empty() {
            return Err(StatisticsError::not_estimable("there is no reading"));
        }
        readings.sort_unstable_by_key(|(t, r, c, row, ..)| (*t, *r, *c, *row));
        for pair in readings.windows(2) {
            if let [a, b] = pair
                && (a.0, a.1, a.2) == (b.0, b.1, b.2)
            {
                return Err(StatisticsError::Value {
                    column: "case".into(),
                    row: b.3,
                    what: "was read by the same reader in the same test in an earlier row; keep one reading".into(),
                });
            }
        }
        let (tests, test_at) = used(readings.iter().map(|r| r.0), &test.names);
        let (readers, reader_at) = used(readings.iter().map(|r| r.1), &columns.reader.names);
        let mut cells = vec![Readings::default(); tests.len() * readers.len()];
        let mut seen: Vec<Option<bool>> = vec![None; columns.case.names.len()];
        for (t, r, case, _, positive, rating) in readings {
            let at = test_at.get(t).copied().unwrap_or(0) * readers.len()
                + reader_at.get(r).copied().unwrap_or(0);
            if let Some(cell) = cells.get_mut(at) {
                let list = if positive {
                    &mut cell.positive
                } else {
                    &mut cell.negative
                };
                list.push(Reading { case, rating });
            }
            if let Some(slot) = seen.get_mut(case) {
                *slot = Some(positive);
            }
        }
        let count = |which: bool| seen.iter().filter(|s| **s == Some(which)).count();
        Ok(Self {
            tests,
            readers,
            cases: (count(true), count(false)),
            missing,
            cells,
            codes: columns.case.names.len(),
        })
    }

    /// What reader `reader` read in test `test`.
    #[must_use]
    pub fn readings(&self, test: usize, reader: usize) -> &Readings {
        const NONE: &Readings = &Readings {
            positive: Vec::new(),
            negative: Vec::new(),
        };
        if reader >= self.readers.len() {
            return NONE;
        }
        self.cells
            .get(test * self.readers.len() + reader)
            .unwrap_or(NONE)
    }

    /// The (test, reader) pairs that hold a reading, by test and then reader.
    #[must_use]
    pub fn occupied(&self) -> Vec<(usize, usize)> {
        (0..self.tests.len())
            .flat_map(|t| (0..self.readers.len()).map(move |r| (t, r)))
            .filter(|(t, r)| self.readings(*t, *r).len() > 0)
            .collect()
    }

    /// Only the readings of cases of one class, for sensitivity (`true`) and specificity.
    #[must_use]
    pub fn of_class(&self, positive: bool) -> Self {
        let mut only = self.clone();
        for cell in &mut only.cells {
            if positive {
                cell.negative.clear();
            } else {
                cell.positive.clear();
            }
        }
        if positive {
            only.cases.1 = 0;
        } else {
            only.cases.0 = 0;
        }
        only
    }

    /// Reader and test of a cell by their places, for errors: names of readers are personal.
    pub(crate) fn place(&self, test: usize, reader: usize) -> String {
        format!(
            "reader {} of {} in test {} of {} (in the order of their names)",
            reader + 1,
            self.readers.len(),
            test + 1,
            self.tests.len()
        )
    }

    /// The design, from who read what.
    #[must_use]
    pub fn design(&self) -> Design {
        let occupied = self.occupied();
        let (t, r) = (self.tests.len(), self.readers.len());
        if occupied.len() < t * r {
            let own = (0..r).all(|r| occupied.iter().filter(|(_, o)| *o == r).count() == 1);
            return if own && t > 1 {
                Design::ReadersInTests
            } else {
                Design::Arbitrary
            };
        }
        let total = self.cases.0 + self.cases.1;
        if self.cells.iter().all(|c| c.len() == total) {
            return Design::Factorial;
        }
        let one_reader = r > 1 && self.each_case_has_one(|_, reader| reader);
        let one_test = t > 1 && self.each_case_has_one(|test, _| test);
        match (one_reader, one_test) {
            (true, true) => Design::CasesInCells,
            (true, false) => Design::CasesInReaders,
            (false, true) => Design::CasesInTests,
            (false, false) => Design::Unbalanced,
        }
    }

    fn each_case_has_one(&self, factor: impl Fn(usize, usize) -> usize) -> bool {
        let mut level: Vec<Option<usize>> = vec![None; self.codes];
        for (t, r) in self.occupied() {
            let own = factor(t, r);
            let cell = self.readings(t, r);
            for reading in cell.positive.iter().chain(&cell.negative) {
                if let Some(slot) = level.get_mut(reading.case) {
                    if slot.is_some_and(|l| l != own) {
                        return false;
                    }
                    *slot = Some(own);
                }
            }
        }
        true
    }
}

/// The names that occur, and for each old code its new one.
fn used(codes: impl Iterator<Item = usize>, names: &[String]) -> (Vec<String>, Vec<usize>) {
    let count = names.len().max(1);
    let mut occurs = vec![false; count];
    for code in codes {
        if let Some(slot) = occurs.get_mut(code) {
            *slot = true;
        }
    }
    let mut kept = Vec::new();
    let mut place = vec![0; count];
    for ((code, occurs), place) in occurs.iter().enumerate().zip(&mut place) {
        if *occurs {
            *place = kept.len();
            kept.push(names.get(code).cloned().unwrap_or_else(|| "all".to_owned()));
        }
    }
    (kept, place)
}
