//! The catalogue: every statistic by its id, with formula, source and assumptions, the columns it
//! reads and the settings it takes. Plans, the command line, pages and the report all come here;
//! there is no other door from a table to a number.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::number::{Answer, Number, StatisticsError};

/// One statistic.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Entry {
    /// Its id, in lower case with hyphens: `roc-auc`.
    pub id: &'static str,
    /// The group it stands under.
    pub group: Group,
    /// Its name in the field's words.
    pub title: &'static str,
    /// The formula, in plain text.
    pub formula: &'static str,
    /// Where it is defined: paper, standard, edition.
    pub source: &'static str,
    /// What must hold for the numbers to mean what they say, and what is refused.
    pub assumptions: &'static str,
    /// The implementations it was compared with: tool and version.
    pub compared_with: &'static str,
    /// The columns it reads.
    pub roles: &'static [Role],
    /// The settings it takes.
    pub settings: &'static [Setting],
    /// The names of the numbers it may give, in order: the first is the one that an endpoint takes
    /// when it names none. A part in braces stands for what the data or the settings decide:
    /// `auc_{class}`, `sensitivity_at_{target}`. Which of them come depends on settings and data.
    pub numbers: &'static [&'static str],
    /// Computes it; [`Entry::answer`] is the way in, which lets nothing out that is no number.
    #[serde(skip)]
    pub(crate) run: fn(&Sample) -> Result<Answer, StatisticsError>,
}

/// The groups of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each variant says its own name")]
pub enum Group {
    Proportions,
    Roc,
    ReaderStudies,
    Localisation,
    Calibration,
    DecisionCurves,
    Agreement,
    Segmentation,
    Subgroups,
    Fairness,
    Multiplicity,
    MissingData,
    Pooling,
    Surveillance,
    Conformal,
    SampleSize,
}

impl Entry {
    /// The setting that decides the level of its intervals, where one does.
    #[must_use]
    pub fn level_setting(&self) -> Option<&'static Setting> {
        let decides =
            |s: &&Setting| matches!(s.kind, SettingKind::OneSidedError) || s.name == LEVEL.name;
        self.settings.iter().find(decides)
    }

    /// That setting's name, with the value that stands for a two-sided `level`.
    #[must_use]
    pub fn set_level(&self, level: f64) -> Option<(&'static str, f64)> {
        let setting = self.level_setting()?;
        Some(match setting.kind {
            SettingKind::OneSidedError => (setting.name, (1.0 - level) / 2.0),
            _ => (setting.name, level),
        })
    }

    /// The names of its arguments: of its columns, then of its settings.
    pub fn arguments(&self) -> impl Iterator<Item = &'static str> + use<> {
        let (roles, settings) = (self.roles, self.settings);
        roles
            .iter()
            .map(|r| r.name)
            .chain(settings.iter().map(|s| s.name))
    }

    /// The one of `numbers` that a name is of: the name itself where it is declared so, else the pattern
    /// that says most. A part in braces stands for any text that is not empty.
    #[must_use]
    pub fn declared(&self, name: &str) -> Option<&'static str> {
        let patterns = || self.numbers.iter().copied();
        patterns().find(|p| *p == name).or_else(|| {
            patterns()
                .filter(|p| stands_for(p, name))
                .max_by_key(|p| p.len())
        })
    }

    /// Whether it may give a number of this name.
    #[must_use]
    pub fn gives(&self, name: &str) -> bool {
        self.declared(name).is_some()
    }

    /// Computes it. What the arithmetic made into no number is none, with the reason, whichever entry it
    /// comes from.
    fn compute(&self, sample: &Sample) -> Result<Answer, StatisticsError> {
        (self.run)(sample).map(Answer::sound)
    }

    /// Computes it, and notes what its intervals do not say by themselves: that one does not contain its
    /// own estimate, that one has no end on a side. Notes too which of the settings that were `given` in
    /// so many words had no effect on these data: those that were never read; `seed` and `replicates`
    /// where nothing random came of them, and `level` where no interval came, as a second run with other
    /// values shows.
    ///
    /// # Errors
    /// As the entry.
    pub fn answer(&self, sample: &Sample, given: &[&str]) -> Result<Answer, StatisticsError> {
        let mut answer = self.compute(sample)?;
        let same = |changed: &[(&str, Value)]| {
            self.compute(&sample.with(changed))
                .is_ok_and(|other| other == answer)
        };
        let mut idle: Vec<&str> = given
            .iter()
            .copied()
            .filter(|name| sample.has(name) && !sample.was_read(name))
            .collect();
        let seen = |name: &str, idle: &[&str]| given.contains(&name) && !idle.contains(&name);
        if seen("seed", &idle) || seen("replicates", &idle) {
            // The fewest replicates cost the least: whatever is random comes out another way.
            let other = Value::Whole(sample.whole("seed").wrapping_add(1));
            let fewest = self.settings.iter().find_map(|s| match s.kind {
                SettingKind::Whole(low, _) if s.name == "replicates" => Some(low),
                _ => None,
            });
            let fewest = fewest.map(|low| match sample.whole("replicates") {
                now if now == low => low + 1,
                _ => low,
            });
            let mut changed = vec![("seed", other)];
            changed.extend(fewest.map(|n| ("replicates", Value::Whole(n))));
            if same(&changed) {
                let both = ["seed", "replicates"];
                let random: Vec<&str> = both.into_iter().filter(|n| seen(n, &idle)).collect();
                idle.extend(random);
            }
        }
        // An interval shows its level; without any, the level may still decide a limit or a verdict.
        if seen("level", &idle) && answer.numbers.iter().all(|n| n.interval.is_none()) {
            let level = sample.real("level");
            if same(&[("level", Value::Real(level * 0.9))]) {
                idle.push("level");
            }
        }
        let remarks: Vec<String> = answer
            .numbers
            .iter()
            .flat_map(Number::remarks_on_interval)
            .collect();
        answer.notes.extend(remarks);
        for name in idle {
            answer
                .notes
                .push(format!("`{name}` was given and has no effect here"));
        }
        Ok(answer)
    }
}

/// Whether a name is of the pattern. The words between the braces are sought from the left, each as
/// early as may be, so a long name costs no second pass.
fn stands_for(pattern: &str, name: &str) -> bool {
    let mut words = pattern
        .split('{')
        .map(|part| part.split_once('}').map_or(part, |(_, word)| word))
        .peekable();
    let Some(mut rest) = words.next().and_then(|word| name.strip_prefix(word)) else {
        return false;
    };
    while let Some(word) = words.next() {
        // One character at least is what the braces stand for.
        let mut letters = rest.chars();
        if letters.next().is_none() {
            return false;
        }
        let after = letters.as_str();
        if words.peek().is_none() {
            return after.ends_with(word);
        }
        match after.split_once(word) {
            Some((_, left)) => rest = left,
            None => return false,
        }
    }
    rest.is_empty()
}

/// A column that an entry reads.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Role {
    /// The role's name, which is also the argument's: `truth`, `score`, `cluster`.
    pub name: &'static str,
    /// What it holds.
    pub what: &'static str,
    /// Its kind of value.
    pub kind: Kind,
    /// How many columns may take it.
    pub need: Need,
    /// Whether a cell may be empty: a missing real is NaN, a missing label `None`.
    pub missing: bool,
}

/// The kinds of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Any real number; infinite ones are allowed, and rank first or last.
    Real,
    /// A finite real number.
    Finite,
    /// A real number from 0 to 1.
    Probability,
    /// A whole number from 0.
    Count,
    /// Positive or negative.
    Binary,
    /// A category or identifier.
    Label,
}

/// How many columns may take a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Exactly one.
    One,
    /// One or none.
    Optional,
    /// At least this many.
    Many(usize),
}

/// A setting that an entry takes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Setting {
    /// Its name, which is also the argument's: `level`, `seed`, `threshold`.
    pub name: &'static str,
    /// What it sets, with its unit.
    pub what: &'static str,
    /// Its kind of value and range.
    pub kind: SettingKind,
    /// What holds when it is not given, as it would be typed; none: it must be given, unless
    /// `kind` is optional.
    pub default: Option<&'static str>,
}

/// Kinds of setting.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingKind {
    /// A real number within these limits, both included.
    Real(f64, f64),
    /// A real number strictly between these limits.
    Open(f64, f64),
    /// The one-sided error of a test, strictly between 0 and 0.5; the intervals beside the test have
    /// level 1 - 2 times it.
    OneSidedError,
    /// A whole number within these limits, both included.
    Whole(u64, u64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Real numbers, separated by commas; may be empty.
    Reals,
    /// Words, separated by commas; may be empty.
    Words,
    /// `true` or `false`.
    Flag,
    /// A real number that may be absent (`default: None` then means absent).
    OptionalReal(f64, f64),
    /// A word that may be absent.
    OptionalWord,
}

/// Confidence level of two-sided intervals.
pub const LEVEL: Setting = Setting {
    name: "level",
    what: "confidence level of two-sided intervals",
    kind: SettingKind::Open(0.0, 1.0),
    default: Some("0.95"),
};

/// Seed of everything random.
pub const SEED: Setting = Setting {
    name: "seed",
    what: "seed of the random numbers; the same seed gives the same digits on any number of threads",
    kind: SettingKind::Whole(0, u64::MAX),
    default: Some("1"),
};

/// Bootstrap or permutation replicates.
pub const REPLICATES: Setting = Setting {
    name: "replicates",
    what: "bootstrap or permutation replicates",
    kind: SettingKind::Whole(100, 1_000_000),
    default: Some("2000"),
};

/// The reference standard.
pub const TRUTH: Role = Role {
    name: "truth",
    what: "reference standard: positive (diseased) or negative",
    kind: Kind::Binary,
    need: Need::One,
    missing: false,
};

/// The index test's score.
pub const SCORE: Role = Role {
    name: "score",
    what: "score of the index test; higher means more likely positive",
    kind: Kind::Real,
    need: Need::One,
    missing: false,
};

/// The predicted probability.
pub const PROBABILITY: Role = Role {
    name: "probability",
    what: "predicted probability of being positive",
    kind: Kind::Probability,
    need: Need::One,
    missing: false,
};

/// The cluster, usually the patient.
pub const CLUSTER: Role = Role {
    name: "cluster",
    what: "what the rows of one patient (or other cluster) share; without it rows count as independent",
    kind: Kind::Label,
    need: Need::Optional,
    missing: false,
};

/// Every entry, by group and in the order of its module.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    MODULES.iter().flat_map(|m| m.iter())
}

/// The entry of this id.
#[must_use]
pub fn entry(id: &str) -> Option<&'static Entry> {
    entries().find(|e| e.id == id)
}

const MODULES: &[&[Entry]] = &[
    crate::proportion::ENTRIES,
    crate::clustered::ENTRIES,
    crate::accuracy::ENTRIES,
    crate::comparison::ENTRIES,
    crate::roc::ENTRIES,
    crate::reader_study::ENTRIES,
    crate::localisation::ENTRIES,
    crate::calibration::ENTRIES,
    crate::decision_curve::ENTRIES,
    crate::agreement::ENTRIES,
    crate::segmentation::ENTRIES,
    crate::subgroup::ENTRIES,
    crate::fairness::ENTRIES,
    crate::multiplicity::ENTRIES,
    crate::missing::ENTRIES,
    crate::pooling::ENTRIES,
    crate::surveillance::ENTRIES,
    crate::conformal::ENTRIES,
    crate::sample_size::ENTRIES,
];

/// Whether a setting's value, as typed, is of its kind and within its range.
///
/// # Errors
/// When it is not.
pub fn check_setting(setting: &Setting, text: &str) -> Result<(), StatisticsError> {
    parse(setting, text).map(|_| ())
}

/// Labels as codes into their sorted names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labels {
    /// For each row the place of its name in `names`; none where the cell is empty.
    pub codes: Vec<Option<usize>>,
    /// The distinct names: by value when all are numbers, else by code point.
    pub names: Vec<String>,
}

impl Labels {
    /// Codes the given cells; an empty cell is missing.
    #[must_use]
    pub fn of<S: AsRef<str>>(cells: &[S]) -> Self {
        let mut names: Vec<String> = cells
            .iter()
            .map(|c| c.as_ref())
            .filter(|c| !c.is_empty())
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        let numbers: Option<Vec<f64>> = names
            .iter()
            .map(|n| n.parse::<f64>().ok().filter(|v| !v.is_nan()))
            .collect();
        if let Some(numbers) = numbers {
            let mut both: Vec<(f64, String)> = numbers.into_iter().zip(names).collect();
            both.sort_by(|a, b| a.0.total_cmp(&b.0));
            names = both.into_iter().map(|(_, n)| n).collect();
        }
        let place: std::collections::BTreeMap<&str, usize> = names
            .iter()
            .enumerate()
            .map(|(i, n)| (n.as_str(), i))
            .collect();
        let codes = cells
            .iter()
            .map(|c| place.get(c.as_ref()).copied())
            .collect();
        Self { codes, names }
    }

    /// The first row that holds this code, from 0: errors name rows, never labels, which may be personal.
    #[must_use]
    pub fn first_row(&self, code: usize) -> usize {
        self.codes
            .iter()
            .position(|c| *c == Some(code))
            .unwrap_or(0)
    }

    /// The first row whose name stands in an earlier row already, from 0.
    #[must_use]
    pub fn first_repeat(&self) -> Option<usize> {
        let mut seen = vec![false; self.names.len()];
        self.codes.iter().position(|c| {
            c.and_then(|c| seen.get_mut(c))
                .is_some_and(|seen| std::mem::replace(seen, true))
        })
    }

    /// The codes, where none is missing ([`Sample::new`] has seen to it for roles that forbid it).
    #[must_use]
    pub fn complete(&self) -> Vec<usize> {
        self.codes.iter().flatten().copied().collect()
    }
}

/// A column of data.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Numbers; NaN is missing.
    Real(Vec<f64>),
    /// Positive (true) or negative.
    Binary(Vec<bool>),
    /// Categories or identifiers.
    Label(Labels),
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Real(v) => v.len(),
            Self::Binary(v) => v.len(),
            Self::Label(l) => l.codes.len(),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Real(f64),
    Whole(u64),
    Word(String),
    Reals(Vec<f64>),
    Words(Vec<String>),
    Flag(bool),
}

/// Columns in their roles and settings with their values, checked against an entry: what `run` reads.
#[derive(Clone, Debug)]
pub struct Sample {
    rows: usize,
    columns: Vec<(&'static str, String, Column)>,
    settings: Vec<(&'static str, Value)>,
    /// Which of `settings` were read: one that never was had no effect.
    read: Arc<[AtomicBool]>,
}

impl Sample {
    /// Checks the columns and settings against the entry's roles and settings. `columns` holds role,
    /// the column's own name and its values; `settings` name and value as typed.
    ///
    /// # Errors
    /// For a role or setting that the entry does not have, one that is missing or given too often,
    /// lengths that differ, cells that are empty or out of range, values that do not parse.
    pub fn new(
        entry: &Entry,
        columns: Vec<(String, String, Column)>,
        settings: &[(String, String)],
    ) -> Result<Self, StatisticsError> {
        let mut taken: Vec<(&'static str, String, Column)> = Vec::new();
        let mut rows: Option<usize> = None;
        for (role_name, name, column) in columns {
            let role = entry
                .roles
                .iter()
                .find(|r| r.name == role_name)
                .ok_or_else(|| {
                    let known: Vec<&str> = entry.roles.iter().map(|r| r.name).collect();
                    StatisticsError::Data(format!(
                        "`{}` has no column `{role_name}`; it reads: {}",
                        entry.id,
                        known.join(", ")
                    ))
                })?;
            if rows.is_some_and(|n| n != column.len()) {
                return Err(StatisticsError::Data(format!(
                    "column `{name}` has {} rows, others have {}",
                    column.len(),
                    rows.unwrap_or(0)
                )));
            }
            rows = Some(column.len());
            check(role, &name, &column)?;
            taken.push((role.name, name, column));
        }
        for role in entry.roles {
            let given = taken.iter().filter(|(r, _, _)| *r == role.name).count();
            let fits = match role.need {
                Need::One => given == 1,
                Need::Optional => given <= 1,
                Need::Many(least) => given >= least,
            };
            if !fits {
                let needs = match role.need {
                    Need::One => "exactly one".to_owned(),
                    Need::Optional => "at most one".to_owned(),
                    Need::Many(least) => format!("at least {least}"),
                };
                return Err(StatisticsError::Data(format!(
                    "`{}` needs {needs} column as `{}` ({}); {given} given",
                    entry.id, role.name, role.what
                )));
            }
        }
        let mut values = Vec::new();
        for (name, _) in settings {
            if !entry.settings.iter().any(|s| s.name == name) {
                let known: Vec<&str> = entry.settings.iter().map(|s| s.name).collect();
                return Err(StatisticsError::setting(
                    name.clone(),
                    "not a setting",
                    format!("`{}` takes: {}", entry.id, known.join(", ")),
                ));
            }
        }
        for setting in entry.settings {
            let mut given = settings.iter().filter(|(n, _)| n == setting.name);
            let text = given.next().map(|(_, v)| v.as_str());
            if given.next().is_some() {
                return Err(StatisticsError::setting(
                    setting.name,
                    "given twice",
                    "give it once",
                ));
            }
            match text.or(setting.default) {
                Some(text) => values.push((setting.name, parse(setting, text)?)),
                None if matches!(
                    setting.kind,
                    SettingKind::OptionalReal(..) | SettingKind::OptionalWord
                ) => {}
                None => {
                    return Err(StatisticsError::setting(
                        setting.name,
                        "not given",
                        format!("`{}` needs it: {}", entry.id, setting.what),
                    ));
                }
            }
        }
        Ok(Self {
            rows: rows.unwrap_or(0),
            columns: taken,
            read: values.iter().map(|_| AtomicBool::new(false)).collect(),
            settings: values,
        })
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    fn columns_of<'a, 'r>(
        &'a self,
        role: &'r str,
    ) -> impl Iterator<Item = (&'a str, &'a Column)> + use<'a, 'r> {
        self.columns
            .iter()
            .filter(move |(r, _, _)| *r == role)
            .map(|(_, n, c)| (n.as_str(), c))
    }

    /// The numbers of a role; empty when no column takes it.
    #[must_use]
    pub fn reals(&self, role: &str) -> &[f64] {
        self.columns_of(role)
            .find_map(|(_, c)| match c {
                Column::Real(v) => Some(v.as_slice()),
                _ => None,
            })
            .unwrap_or(&[])
    }

    /// The numbers of a role that is optional.
    #[must_use]
    pub fn optional_reals(&self, role: &str) -> Option<&[f64]> {
        self.columns_of(role).find_map(|(_, c)| match c {
            Column::Real(v) => Some(v.as_slice()),
            _ => None,
        })
    }

    /// Every column of a role that may be taken more than once, with its own name.
    #[must_use]
    pub fn all_reals(&self, role: &str) -> Vec<(&str, &[f64])> {
        self.columns_of(role)
            .filter_map(|(n, c)| match c {
                Column::Real(v) => Some((n, v.as_slice())),
                _ => None,
            })
            .collect()
    }

    /// The truth values of a role; empty when no column takes it.
    #[must_use]
    pub fn binary(&self, role: &str) -> &[bool] {
        self.columns_of(role)
            .find_map(|(_, c)| match c {
                Column::Binary(v) => Some(v.as_slice()),
                _ => None,
            })
            .unwrap_or(&[])
    }

    /// Every binary column of a role, with its own name.
    #[must_use]
    pub fn all_binary(&self, role: &str) -> Vec<(&str, &[bool])> {
        self.columns_of(role)
            .filter_map(|(n, c)| match c {
                Column::Binary(v) => Some((n, v.as_slice())),
                _ => None,
            })
            .collect()
    }

    /// The labels of a role, where a column takes it.
    #[must_use]
    pub fn labels(&self, role: &str) -> Option<&Labels> {
        self.columns_of(role).find_map(|(_, c)| match c {
            Column::Label(l) => Some(l),
            _ => None,
        })
    }

    /// Every label column of a role, with its own name.
    #[must_use]
    pub fn all_labels(&self, role: &str) -> Vec<(&str, &Labels)> {
        self.columns_of(role)
            .filter_map(|(n, c)| match c {
                Column::Label(l) => Some((n, l)),
                _ => None,
            })
            .collect()
    }

    fn value(&self, setting: &str) -> Option<&Value> {
        let at = self.settings.iter().position(|(n, _)| *n == setting)?;
        if let Some(read) = self.read.get(at) {
            read.store(true, Ordering::Relaxed);
        }
        self.settings.get(at).map(|(_, v)| v)
    }

    fn was_read(&self, setting: &str) -> bool {
        self.settings
            .iter()
            .zip(self.read.iter())
            .any(|((n, _), read)| *n == setting && read.load(Ordering::Relaxed))
    }

    fn has(&self, setting: &str) -> bool {
        self.settings.iter().any(|(n, _)| *n == setting)
    }

    /// The same data under another value of some settings.
    fn with(&self, changed: &[(&str, Value)]) -> Self {
        let mut other = self.clone();
        for (name, value) in &mut other.settings {
            if let Some((_, new)) = changed.iter().find(|(n, _)| n == name) {
                *value = new.clone();
            }
        }
        other.read = other
            .settings
            .iter()
            .map(|_| AtomicBool::new(false))
            .collect();
        other
    }

    /// A real setting; NaN for one the entry does not have.
    #[must_use]
    pub fn real(&self, setting: &str) -> f64 {
        self.optional_real(setting).unwrap_or(f64::NAN)
    }

    /// A real setting that may be absent.
    #[must_use]
    pub fn optional_real(&self, setting: &str) -> Option<f64> {
        match self.value(setting) {
            Some(Value::Real(v)) => Some(*v),
            _ => None,
        }
    }

    /// A whole setting; 0 for one the entry does not have.
    #[must_use]
    pub fn whole(&self, setting: &str) -> u64 {
        match self.value(setting) {
            Some(Value::Whole(v)) => *v,
            _ => 0,
        }
    }

    /// A choice, or a word that is there; empty otherwise.
    #[must_use]
    pub fn word(&self, setting: &str) -> &str {
        match self.value(setting) {
            Some(Value::Word(v)) => v,
            _ => "",
        }
    }

    /// A list of real numbers.
    #[must_use]
    pub fn list(&self, setting: &str) -> &[f64] {
        match self.value(setting) {
            Some(Value::Reals(v)) => v,
            _ => &[],
        }
    }

    /// A list of words.
    #[must_use]
    pub fn words(&self, setting: &str) -> &[String] {
        match self.value(setting) {
            Some(Value::Words(v)) => v,
            _ => &[],
        }
    }

    /// A flag.
    #[must_use]
    pub fn flag(&self, setting: &str) -> bool {
        matches!(self.value(setting), Some(Value::Flag(true)))
    }
}

fn check(role: &Role, name: &str, column: &Column) -> Result<(), StatisticsError> {
    let wrong = |row: usize, what: &str| StatisticsError::Value {
        column: name.to_owned(),
        row,
        what: what.to_owned(),
    };
    match (role.kind, column) {
        (Kind::Binary, Column::Binary(_)) => Ok(()),
        (Kind::Label, Column::Label(labels)) => {
            match labels.codes.iter().position(Option::is_none) {
                Some(row) if !role.missing => Err(wrong(
                    row,
                    "is empty; give a value or leave the row out and say why",
                )),
                _ => Ok(()),
            }
        }
        (Kind::Real | Kind::Finite | Kind::Probability | Kind::Count, Column::Real(values)) => {
            for (row, v) in values.iter().enumerate() {
                if v.is_nan() {
                    if role.missing {
                        continue;
                    }
                    return Err(wrong(
                        row,
                        "is empty or not a number; leave the row out and say why, or say how missing results count",
                    ));
                }
                let fits = match role.kind {
                    Kind::Real => true,
                    Kind::Finite => v.is_finite(),
                    Kind::Probability => (0.0..=1.0).contains(v),
                    _ => *v >= 0.0 && v.fract() == 0.0 && *v <= 9_007_199_254_740_992.0,
                };
                if !fits {
                    return Err(wrong(
                        row,
                        &match role.kind {
                            Kind::Finite => {
                                format!("is not finite; `{}` takes finite numbers", role.name)
                            }
                            Kind::Probability => {
                                format!("is no probability; `{}` lies between 0 and 1", role.name)
                            }
                            _ => format!("is no count; `{}` takes whole numbers from 0", role.name),
                        },
                    ));
                }
            }
            Ok(())
        }
        _ => Err(StatisticsError::Data(format!(
            "column `{name}` has not the kind of value that `{}` takes",
            role.name
        ))),
    }
}

fn parse(setting: &Setting, text: &str) -> Result<Value, StatisticsError> {
    let wrong =
        |allowed: String| StatisticsError::setting(setting.name, format!("`{text}`"), allowed);
    let text = text.trim();
    let number = |t: &str| t.trim().parse::<f64>().ok().filter(|v| !v.is_nan());
    match setting.kind {
        SettingKind::Real(low, high) | SettingKind::OptionalReal(low, high) => number(text)
            .filter(|v| (low..=high).contains(v))
            .map(Value::Real)
            .ok_or_else(|| wrong(format!("a number from {low} to {high}"))),
        SettingKind::Open(low, high) => number(text)
            .filter(|v| low < *v && *v < high)
            .map(Value::Real)
            .ok_or_else(|| wrong(format!("a number between {low} and {high}, both excluded"))),
        SettingKind::OneSidedError => number(text)
            .filter(|v| 0.0 < *v && *v < 0.5)
            .map(Value::Real)
            .ok_or_else(|| wrong("a number between 0 and 0.5, both excluded".into())),
        SettingKind::Whole(low, high) => text
            .parse::<u64>()
            .ok()
            .filter(|v| (low..=high).contains(v))
            .map(Value::Whole)
            .ok_or_else(|| wrong(format!("a whole number from {low} to {high}"))),
        SettingKind::Choice(words) => words
            .iter()
            .find(|w| **w == text)
            .map(|w| Value::Word((*w).to_owned()))
            .ok_or_else(|| wrong(format!("one of: {}", words.join(", ")))),
        SettingKind::OptionalWord => Ok(Value::Word(text.to_owned())),
        SettingKind::Reals if text.is_empty() => Ok(Value::Reals(Vec::new())),
        SettingKind::Reals => text
            .split(',')
            .map(number)
            .collect::<Option<Vec<f64>>>()
            .map(Value::Reals)
            .ok_or_else(|| wrong("numbers separated by commas".into())),
        SettingKind::Words if text.is_empty() => Ok(Value::Words(Vec::new())),
        SettingKind::Words => Ok(Value::Words(
            text.split(',').map(|w| w.trim().to_owned()).collect(),
        )),
        SettingKind::Flag => match text {
            "true" => Ok(Value::Flag(true)),
            "false" => Ok(Value::Flag(false)),
            _ => Err(wrong("true or false".into())),
        },
    }
}
