//! The statistical analysis plan, `validation.toml`: what will be computed, fixed before the data
//! are seen. Every fault is found in one pass, each with file, line and remedy.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use candour_record::Digest;
use candour_statistics::catalogue::{self, Entry, Need, SettingKind};
use serde::Serialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::analysis::means;
use crate::checklist::Checklist;
use crate::table::distance;

/// The longest plan.
pub const PLAN_BYTES_MAX: u64 = 1 << 20;
/// The most endpoints, subgroups or files of one plan.
const LIST_MAX: usize = 500;
/// More faults than this tell the user nothing more.
const FAULTS_MAX: usize = 100;

/// A plan, read and checked against the catalogue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// The file's name.
    pub file: String,
    /// SHA-256 of the file: what is sealed.
    pub digest: Digest,
    /// Its title.
    pub title: String,
    /// Its version, as its authors count.
    pub version: String,
    /// Of an amendment: the plan it amends, and why.
    pub amends: Option<Amendment>,
    /// The population, the reference standard, and every other text of the report, by key.
    pub report: BTreeMap<String, Text>,
    /// How rows are found, joined and read.
    pub data: DataPlan,
    /// How missing and indeterminate results count.
    pub handling: Handling,
    /// Confidence level of every interval, unless an endpoint says otherwise.
    pub level: f64,
    /// Seed of everything random.
    pub seed: u64,
    /// Replicates of bootstraps and permutations.
    pub replicates: u64,
    /// The endpoints, in the order of the plan.
    pub endpoints: Vec<Endpoint>,
    /// The subgroups.
    pub subgroups: Vec<Subgroup>,
    /// How several endpoints share the error.
    pub multiplicity: Multiplicity,
    /// How masks are compared, where the data are masks.
    pub segmentation: Option<Segmentation>,
    /// What a site may tell.
    pub site: Site,
}

/// A text of the plan with its line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Text {
    /// The text.
    pub text: String,
    /// Its line in the plan.
    pub line: usize,
}

/// What an amendment changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Amendment {
    /// Digest of the plan that it amends.
    pub plan: Digest,
    /// Why it was changed.
    pub reason: String,
}

/// How rows are found, joined and read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DataPlan {
    /// Columns that name the unit of analysis; files are joined by them. Empty: rows stand alone.
    pub key: Vec<String>,
    /// Keys of further files, in the order in which files are given; the first file has `key`.
    pub file_keys: Vec<Vec<String>>,
    /// The column that says which rows belong together, usually the patient.
    pub cluster: Option<String>,
    /// Why rows are independent, where there is no cluster.
    pub independent: Option<String>,
    /// Words that mean positive.
    pub positive: Vec<String>,
    /// Words that mean negative.
    pub negative: Vec<String>,
    /// Words that mean that nothing is there, beside the empty cell.
    pub missing: Vec<String>,
    /// Whether rows without a partner are left out (and counted) rather than refused.
    pub exclude_unmatched: bool,
    /// Only rows whose cell in this column is one of these words are analysed.
    pub include: BTreeMap<String, Vec<String>>,
}

/// How missing or indeterminate results of the index test count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Handle {
    /// As wrong: against the reference standard.
    WorstCase,
    /// As right: for the reference standard.
    BestCase,
    /// Left out and counted.
    CompleteCase,
    /// Not allowed: the analysis ends.
    Refuse,
}

impl Handle {
    const WORDS: [(&'static str, Self); 4] = [
        ("worst-case", Self::WorstCase),
        ("best-case", Self::BestCase),
        ("complete-case", Self::CompleteCase),
        ("refuse", Self::Refuse),
    ];

    /// Its word in a plan.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, h)| *h == self)
            .map_or("", |(w, _)| w)
    }
}

/// How missing and indeterminate results count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Handling {
    /// Results that are missing.
    pub missing: Handle,
    /// Results that say neither.
    pub indeterminate: Handle,
    /// The words that say neither.
    pub indeterminate_words: Vec<String>,
}

/// How much an endpoint claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// The claim stands or falls by it.
    Primary,
    /// Supports the claim.
    Secondary,
    /// Shows what may be asked next.
    Exploratory,
}

/// What the interval of a number must show.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// The lower limit reaches this value.
    AtLeast(f64),
    /// The upper limit does not pass this value.
    AtMost(f64),
    /// The whole interval lies within these limits (equivalence).
    Within(f64, f64),
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(v) => write!(f, "lower limit at least {v}"),
            Self::AtMost(v) => write!(f, "upper limit at most {v}"),
            Self::Within(a, b) => write!(f, "interval within {a} and {b}"),
        }
    }
}

/// One endpoint: a statistic of the catalogue on named columns, with what it must show.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Endpoint {
    /// Its id, unique in the plan.
    pub id: String,
    /// Its line in the plan.
    pub line: usize,
    /// What it is called in the report.
    pub title: String,
    /// How much it claims.
    pub weight: Weight,
    /// The catalogue's entry.
    pub statistic: String,
    /// Which number of the answer the goal is about; the first where it is not said.
    pub number: Option<String>,
    /// Role and column, in the order of the plan.
    pub columns: Vec<(String, String)>,
    /// Setting and value, as typed.
    pub settings: Vec<(String, String)>,
    /// What it must show; an endpoint without a goal is described, not tested.
    pub goal: Option<Goal>,
    /// Why this statistic and this goal.
    pub rationale: String,
    /// Only rows whose cell in this column is one of these words.
    pub include: BTreeMap<String, Vec<String>>,
    /// How missing and indeterminate results count here, where it differs from the plan's handling.
    pub missing: Option<Handle>,
}

impl Endpoint {
    /// The catalogue's entry; a plan that was read has only endpoints that are in the catalogue.
    #[must_use]
    pub fn entry(&self) -> Option<&'static Entry> {
        catalogue::entry(&self.statistic)
    }
}

/// A column whose levels are analysed one by one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Subgroup {
    /// The column.
    pub column: String,
    /// Its line in the plan.
    pub line: usize,
    /// What it is called in the report.
    pub title: String,
    /// Which endpoints; all primary ones where it is not said.
    pub endpoints: Vec<String>,
    /// Levels with fewer rows are counted, not estimated.
    pub minimum: usize,
}

/// How several endpoints share the error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Multiplicity {
    /// The method.
    pub method: Method,
    /// The endpoints it governs, in order; all primary ones with a goal where it is not said.
    pub order: Vec<String>,
}

/// Methods for several endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// All must be met; each is tested at the full level (intersection-union test, Berger 1982).
    CoPrimary,
    /// In the stated order, each at the full level, until one fails.
    FixedSequence,
    /// Holm 1979.
    Holm,
    /// Hochberg 1988.
    Hochberg,
    /// Bonferroni.
    Bonferroni,
}

impl Method {
    const WORDS: [(&'static str, Self); 5] = [
        ("co-primary", Self::CoPrimary),
        ("fixed-sequence", Self::FixedSequence),
        ("holm", Self::Holm),
        ("hochberg", Self::Hochberg),
        ("bonferroni", Self::Bonferroni),
    ];

    /// Its word in a plan.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, m)| *m == self)
            .map_or("", |(w, _)| w)
    }
}

/// How masks are compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Segmentation {
    /// The column with the reference mask's path, from the data file's folder.
    pub reference: String,
    /// The column with the predicted mask's path.
    pub prediction: String,
    /// Which label or segment number counts; every one that is not background where not said.
    pub label: Option<u64>,
    /// Settings of the comparison, as typed: `tolerance_mm`, `surface`, `hd`, `empty`, `connectivity`, `iou`.
    pub settings: Vec<(String, String)>,
    /// Its line in the plan.
    pub line: usize,
}

/// What a site may tell others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Site {
    /// Counts from 1 to one less than this are suppressed.
    pub minimum_cell: u64,
    /// Bins of the score histogram; 0 for the distinct scores, which are exact.
    pub bins: u64,
    /// Lowest and highest score of the bins; what lies beyond has a bin of its own on either side.
    pub range: (f64, f64),
}

/// One fault of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanFault {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what mends it.
    pub what: String,
}

/// A plan that cannot be used, with all its faults.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct PlanError {
    /// The file's name.
    pub file: String,
    /// The faults, by line.
    pub faults: Vec<PlanFault>,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, fault) in self.faults.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            write!(f, "{}:{}: {}", self.file, fault.line, fault.what)?;
        }
        Ok(())
    }
}

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    /// With every fault that was found.
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self, PlanError> {
        let single = |line: usize, what: String| PlanError {
            file: file.to_owned(),
            faults: vec![PlanFault { line, what }],
        };
        if bytes.len() as u64 > PLAN_BYTES_MAX {
            return Err(single(
                1,
                format!(
                    "longer than {} MiB; put long texts elsewhere",
                    PLAN_BYTES_MAX >> 20
                ),
            ));
        }
        let text = std::str::from_utf8(bytes).map_err(|e| {
            single(
                line_of(bytes, e.valid_up_to()),
                "is not UTF-8; save it as UTF-8".into(),
            )
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let root = DeTable::parse(text).map_err(|e| {
            let at = e.span().map_or(0, |s| s.start);
            single(
                line_of(text.as_bytes(), at),
                format!(
                    "{}; mend the TOML",
                    e.message().lines().next().unwrap_or("is not TOML")
                ),
            )
        })?;
        let mut reader = Reader {
            text,
            faults: Vec::new(),
            declared: Declared::default(),
            meant: BTreeMap::new(),
        };
        let plan = reader.plan(file, Digest::of(bytes), root.get_ref());
        if reader.faults.is_empty() {
            Ok(plan)
        } else {
            reader.faults.sort_by_key(|f| f.line);
            reader.faults.truncate(FAULTS_MAX);
            Err(PlanError {
                file: file.to_owned(),
                faults: reader.faults,
            })
        }
    }

    /// A plan of one look at data, without title and endpoints: what `candour statistics` goes by.
    #[must_use]
    pub fn bare(data: DataPlan, handling: Handling) -> Self {
        Self {
            file: String::new(),
            digest: Digest::of(b""),
            title: String::new(),
            version: String::new(),
            amends: None,
            report: BTreeMap::new(),
            data,
            handling,
            level: 0.95,
            seed: 1,
            replicates: 2000,
            endpoints: Vec::new(),
            subgroups: Vec::new(),
            multiplicity: Multiplicity {
                method: Method::CoPrimary,
                order: Vec::new(),
            },
            segmentation: None,
            site: Site {
                minimum_cell: 5,
                bins: 0,
                range: (0.0, 1.0),
            },
        }
    }

    /// The text of the report under a key.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&Text> {
        self.report.get(key)
    }

    /// Adds to an entry's settings what holds for the whole plan, where they do not say it themselves:
    /// the level that is asked for, the seed and the number of replicates.
    pub(crate) fn complete(&self, entry: &Entry, level: f64, settings: &mut Vec<(String, String)>) {
        let level = entry.set_level(level).map(|(n, v)| (n, v.to_string()));
        let others = [
            ("seed", self.seed.to_string()),
            ("replicates", self.replicates.to_string()),
        ];
        for (name, value) in level.into_iter().chain(others) {
            let known = entry.settings.iter().any(|s| s.name == name);
            if known && !settings.iter().any(|(n, _)| n == name) {
                settings.push((name.to_owned(), value));
            }
        }
    }

    /// The endpoints that decide, in the order in which multiplicity takes them.
    #[must_use]
    pub fn decisive(&self) -> Vec<&Endpoint> {
        if self.multiplicity.order.is_empty() {
            self.endpoints
                .iter()
                .filter(|e| e.weight == Weight::Primary && e.goal.is_some())
                .collect()
        } else {
            self.multiplicity
                .order
                .iter()
                .filter_map(|id| self.endpoints.iter().find(|e| e.id == *id))
                .collect()
        }
    }
}

fn line_of(bytes: &[u8], offset: usize) -> usize {
    bytes.iter().take(offset).filter(|b| **b == b'\n').count() + 1
}

type Node<'a> = Spanned<DeValue<'a>>;

struct Reader<'a> {
    text: &'a str,
    faults: Vec<PlanFault>,
    declared: Declared,
    /// Where an unknown key stands, and which key it is a slip for: that one is not missing as well.
    meant: BTreeMap<usize, String>,
}

/// What endpoints a plan declares, faulty ones among them: what is said of a faulty one elsewhere is not a fault of its
/// own.
#[derive(Default)]
struct Declared {
    ids: BTreeSet<String>,
    /// Those with a goal that could not be read.
    unread_goals: BTreeSet<String>,
    /// An endpoint whose id cannot be read: any name may be its.
    nameless: bool,
}

impl Reader<'_> {
    fn line(&self, offset: usize) -> usize {
        line_of(self.text.as_bytes(), offset)
    }

    fn fault(&mut self, offset: usize, what: impl Into<String>) {
        let line = self.line(offset);
        self.faults.push(PlanFault {
            line,
            what: what.into(),
        });
    }

    /// Reports keys that nothing reads.
    fn only(&mut self, within: &str, table: &DeTable<'_>, known: &[&str]) {
        for (key, _) in table {
            let name: &str = key.get_ref().as_ref();
            if !known.contains(&name) {
                let mut near: Vec<&&str> = known.iter().collect();
                near.sort_by_key(|k| distance(k, name));
                let remedy = match near.first() {
                    Some(best) if distance(best, name) <= 3 => {
                        // Half of the letters: what shares less is a key too many, and hides none that is missing.
                        if distance(best, name) * 2 <= best.chars().count() {
                            self.meant.insert(key.span().start, (**best).to_owned());
                        }
                        format!("did you mean `{best}`?")
                    }
                    _ => format!("{within} has: {}", known.join(", ")),
                };
                self.fault(
                    key.span().start,
                    format!("unknown key `{}`; {remedy}", short(name)),
                );
            }
        }
    }

    /// Whether the table has this key, if only by a slip that is reported already.
    fn given(&self, table: &DeTable<'_>, key: &str) -> bool {
        let slip = |at: usize| self.meant.get(&at).is_some_and(|m| m == key);
        table.get(key).is_some() || table.iter().any(|(k, _)| slip(k.span().start))
    }

    /// Reports what a draft leaves where a column could not be guessed.
    fn filled(&mut self, table: &DeTable<'_>, key: &str) {
        if let Some(node) = table.get(key) {
            self.filled_node(key, node);
        }
    }

    fn filled_node(&mut self, key: &str, node: &Node<'_>) {
        if let DeValue::Array(items) = node.get_ref() {
            for item in items {
                self.filled_node(key, item);
            }
        } else if node.get_ref().as_str().is_some_and(|s| s.trim() == "?") {
            self.fault(
                node.span().start,
                format!("`{key}` is \"?\"; fill in the column: {key} = \"its name\""),
            );
        }
    }

    fn table<'t, 'd>(
        &mut self,
        table: &'t DeTable<'d>,
        key: &str,
    ) -> Option<(&'t DeTable<'d>, usize)> {
        let node = table.get(key)?;
        match node.get_ref() {
            DeValue::Table(inner) => Some((inner, node.span().start)),
            other => {
                let write = match key {
                    "goal" => {
                        let given = match other {
                            DeValue::Integer(i) => whole_text(i.as_str(), i.radix()),
                            DeValue::Float(v) => v.as_str().replace('_', ""),
                            _ => String::new(),
                        };
                        let known = given.parse::<f64>().is_ok_and(f64::is_finite);
                        let value = if known { given.as_str() } else { "0.5" };
                        format!("goal = {{ at_least = {value} }}")
                    }
                    "include" => "include = { column = [\"word\"] }".to_owned(),
                    _ => format!("[{key}]"),
                };
                self.fault(
                    node.span().start,
                    format!("`{key}` is not a table; write {write}"),
                );
                None
            }
        }
    }

    fn string(&mut self, table: &DeTable<'_>, key: &str) -> Option<Text> {
        let node = table.get(key)?;
        match node.get_ref() {
            DeValue::String(s) if !s.trim().is_empty() => Some(Text {
                text: s.trim().to_owned(),
                line: self.line(node.span().start),
            }),
            _ => {
                self.fault(
                    node.span().start,
                    format!("`{key}` is not a text, or empty; write {key} = \"...\""),
                );
                None
            }
        }
    }

    fn required(&mut self, table: &DeTable<'_>, at: usize, key: &str, why: &str) -> String {
        if !self.given(table, key) {
            self.fault(at, format!("`{key}` is missing; {why}"));
        }
        self.string(table, key).map_or_else(String::new, |t| t.text)
    }

    /// A word, a number or a truth value as it would be typed.
    fn scalar(&mut self, key: &str, node: &Node<'_>) -> Option<String> {
        match node.get_ref() {
            DeValue::String(s) => Some(s.to_string()),
            DeValue::Integer(i) => Some(whole_text(i.as_str(), i.radix())),
            DeValue::Float(v) => Some(v.as_str().replace('_', "")),
            DeValue::Boolean(b) => Some(b.to_string()),
            _ => {
                self.fault(
                    node.span().start,
                    format!("`{key}` is not a word, number, true or false"),
                );
                None
            }
        }
    }

    /// One word or a list of words.
    fn words(&mut self, table: &DeTable<'_>, key: &str) -> Option<Vec<String>> {
        let node = table.get(key)?;
        self.words_of(key, node)
    }

    fn words_of(&mut self, key: &str, node: &Node<'_>) -> Option<Vec<String>> {
        match node.get_ref() {
            DeValue::Array(items) => {
                if items.len() > LIST_MAX {
                    self.fault(
                        node.span().start,
                        format!("`{key}` has more than {LIST_MAX} entries"),
                    );
                    return None;
                }
                // Each entry is looked at before one that cannot be read spoils the list.
                let read: Vec<Option<String>> = items.iter().map(|i| self.scalar(key, i)).collect();
                read.into_iter().collect()
            }
            _ => self.scalar(key, node).map(|w| vec![w]),
        }
    }

    fn number(&mut self, table: &DeTable<'_>, key: &str) -> Option<f64> {
        let node = table.get(key)?;
        let text = match node.get_ref() {
            DeValue::Integer(i) => whole_text(i.as_str(), i.radix()),
            DeValue::Float(v) => v.as_str().replace('_', ""),
            _ => String::new(),
        };
        match text.parse::<f64>() {
            Ok(v) if v.is_finite() => Some(v),
            _ => {
                self.fault(node.span().start, format!("`{key}` is not a finite number"));
                None
            }
        }
    }

    fn whole(&mut self, table: &DeTable<'_>, key: &str, least: u64, most: u64) -> Option<u64> {
        let node = table.get(key)?;
        let value = match node.get_ref() {
            DeValue::Integer(i) => whole_text(i.as_str(), i.radix()).parse::<u64>().ok(),
            _ => None,
        };
        match value {
            Some(v) if (least..=most).contains(&v) => Some(v),
            _ => {
                self.fault(
                    node.span().start,
                    format!("`{key}` is not a whole number from {least} to {most}"),
                );
                None
            }
        }
    }

    fn choice<T: Copy>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let node = table.get(key)?;
        let found = node
            .get_ref()
            .as_str()
            .and_then(|s| words.iter().find(|(w, _)| *w == s))
            .map(|(_, v)| *v);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(w, _)| *w).collect();
            self.fault(
                node.span().start,
                format!("`{key}` is none of: {}", known.join(", ")),
            );
        }
        found
    }

    fn include(&mut self, table: &DeTable<'_>, key: &str) -> BTreeMap<String, Vec<String>> {
        let mut out = BTreeMap::new();
        if let Some((inner, _)) = self.table(table, key) {
            for (column, node) in inner {
                let name = column.get_ref().to_string();
                if name.trim() == "?" {
                    self.fault(
                        column.span().start,
                        format!("`{key}` names \"?\"; fill in the column"),
                    );
                }
                if let Some(words) = self.words_of(&name, node) {
                    out.insert(name, words);
                }
            }
        }
        out
    }

    fn list<'t, 'd>(&mut self, table: &'t DeTable<'d>, key: &str) -> Vec<(&'t DeTable<'d>, usize)> {
        let Some(node) = table.get(key) else {
            return Vec::new();
        };
        let mut out = Vec::new();
        match node.get_ref() {
            DeValue::Array(items) if items.len() <= LIST_MAX => {
                for item in items {
                    match item.get_ref() {
                        DeValue::Table(inner) => out.push((inner, item.span().start)),
                        _ => {
                            self.fault(item.span().start, format!("write each {key} as [[{key}]]"))
                        }
                    }
                }
            }
            DeValue::Array(_) => {
                self.fault(node.span().start, format!("more than {LIST_MAX} [[{key}]]"))
            }
            _ => self.fault(node.span().start, format!("write each {key} as [[{key}]]")),
        }
        out
    }

    fn plan(&mut self, file: &str, digest: Digest, root: &DeTable<'_>) -> Plan {
        self.only(
            "a plan",
            root,
            &[
                "title",
                "version",
                "amendment",
                "report",
                "data",
                "handling",
                "statistics",
                "endpoint",
                "subgroup",
                "multiplicity",
                "segmentation",
                "site",
            ],
        );
        let title = self.required(
            root,
            0,
            "title",
            "say what is validated, on which data: title = \"...\"",
        );
        let version = self.required(
            root,
            0,
            "version",
            "count the versions of the plan: version = \"1\"",
        );
        let amends = self.amendment(root);
        let report = self.report(root);
        let data = self.data(root);
        let handling = self.handling(root, &data);
        let (mut level, mut seed, mut replicates) = (0.95, 1, 2000);
        if let Some((table, at)) = self.table(root, "statistics") {
            self.only("[statistics]", table, &["level", "seed", "replicates"]);
            if let Some(v) = self.number(table, "level") {
                if v > 0.0 && v < 1.0 {
                    level = v;
                } else {
                    self.fault(
                        place(table, "level", at),
                        "`level` lies outside 0 to 1; write level = 0.95",
                    );
                }
            }
            seed = self.whole(table, "seed", 0, u64::MAX).unwrap_or(seed);
            replicates = self
                .whole(table, "replicates", 100, 1_000_000)
                .unwrap_or(replicates);
        }
        let segmentation = self.segmentation(root);
        let endpoints = self.endpoints(root, &data);
        let subgroups = self.subgroups(root);
        let multiplicity = self.multiplicity(root, &endpoints);
        let mut site = Site {
            minimum_cell: 5,
            bins: 0,
            range: (0.0, 1.0),
        };
        if let Some((table, _)) = self.table(root, "site") {
            self.only("[site]", table, &["minimum_cell", "bins", "low", "high"]);
            let before = self.faults.len();
            site.range = (
                self.number(table, "low").unwrap_or(0.0),
                self.number(table, "high").unwrap_or(1.0),
            );
            if site.range.0 >= site.range.1 && self.faults.len() == before {
                self.fault(
                    root.get("site").map_or(0, |n| n.span().start),
                    "`low` is not below `high`",
                );
            }
            site.minimum_cell = self.whole(table, "minimum_cell", 1, 1000).unwrap_or(5);
            site.bins = self.whole(table, "bins", 0, 100_000).unwrap_or(0);
        }
        Plan {
            file: file.to_owned(),
            digest,
            title,
            version,
            amends,
            report,
            data,
            handling,
            level,
            seed,
            replicates,
            endpoints,
            subgroups,
            multiplicity,
            segmentation,
            site,
        }
    }

    fn amendment(&mut self, root: &DeTable<'_>) -> Option<Amendment> {
        let (table, at) = self.table(root, "amendment")?;
        self.only("[amendment]", table, &["of", "reason"]);
        let of = self.required(
            table,
            at,
            "of",
            "name the digest of the plan it amends, as the report printed it: of = \"sha256:...\"",
        );
        let reason = self.required(table, at, "reason", "say why the plan was changed");
        match of.parse() {
            Ok(plan) => Some(Amendment { plan, reason }),
            Err(_) if of.is_empty() => None,
            Err(_) => {
                self.fault(
                    place(table, "of", at),
                    "`of` is no digest; write of = \"sha256:\" and 64 hex digits",
                );
                None
            }
        }
    }

    fn report(&mut self, root: &DeTable<'_>) -> BTreeMap<String, Text> {
        let mut out = BTreeMap::new();
        let Some((table, _)) = self.table(root, "report") else {
            if !self.given(root, "report") {
                let needed: Vec<&str> = Checklist::needed().map(|(key, _)| key).collect();
                self.fault(
                    0,
                    format!(
                        "[report] is missing; it holds at least {}",
                        needed.join(" and ")
                    ),
                );
            }
            return out;
        };
        let known: Vec<&str> = Checklist::keys().collect();
        self.only("[report]", table, &known);
        for key in &known {
            if let Some(text) = self.string(table, key) {
                out.insert((*key).to_owned(), text);
            }
        }
        let at = root.get("report").map_or(0, |n| n.span().start);
        for (key, why) in Checklist::needed() {
            if !self.given(table, key) {
                self.fault(at, format!("`{key}` is missing in [report]; {why}"));
            }
        }
        out
    }

    fn data(&mut self, root: &DeTable<'_>) -> DataPlan {
        let mut out = DataPlan {
            key: Vec::new(),
            file_keys: Vec::new(),
            cluster: None,
            independent: None,
            positive: ["1", "true", "yes", "positive"].map(str::to_owned).to_vec(),
            negative: ["0", "false", "no", "negative"].map(str::to_owned).to_vec(),
            missing: ["NA", "NaN", "nan", "?"].map(str::to_owned).to_vec(),
            exclude_unmatched: false,
            include: BTreeMap::new(),
        };
        let Some((table, at)) = self.table(root, "data") else {
            if !self.given(root, "data") {
                self.fault(
                    0,
                    "[data] is missing; it names the key and the cluster (usually the patient)",
                );
            }
            return out;
        };
        self.only(
            "[data]",
            table,
            &[
                "key",
                "cluster",
                "independent",
                "positive",
                "negative",
                "missing",
                "unmatched",
                "include",
                "file",
            ],
        );
        out.key = self.words(table, "key").unwrap_or_default();
        out.cluster = self.string(table, "cluster").map(|t| t.text);
        out.independent = self.string(table, "independent").map(|t| t.text);
        self.filled(table, "key");
        self.filled(table, "cluster");
        match (self.given(table, "cluster"), self.given(table, "independent")) {
            (false, false) => self.fault(at, "neither `cluster` nor `independent`; name the column of the patient, or say why rows are independent: independent = \"one row for each patient\""),
            (true, true) => self.fault(at, "both `cluster` and `independent`; keep one"),
            _ => {}
        }
        if let Some(words) = self.words(table, "positive") {
            out.positive = words;
        }
        if let Some(words) = self.words(table, "negative") {
            out.negative = words;
        }
        if let Some(words) = self.words(table, "missing") {
            out.missing = words;
        }
        // Words are compared as cells are: capitals do not matter, and 1.0 is 1.
        let shared = |a: &[String], b: &[String]| a.iter().any(|v| b.iter().any(|w| means(v, w)));
        if shared(&out.positive, &out.negative) {
            let at = place(table, "negative", place(table, "positive", at));
            self.fault(at, "a word means positive and negative at once");
        }
        for (key, words) in [("positive", &out.positive), ("negative", &out.negative)] {
            if shared(words, &out.missing) {
                let at = place(table, "missing", place(table, key, at));
                self.fault(at, format!("a word means {key} and missing at once; keep it in one of `{key}` and `missing`"));
            }
        }
        out.exclude_unmatched = self
            .choice(table, "unmatched", &[("refuse", false), ("exclude", true)])
            .unwrap_or(false);
        out.include = self.include(table, "include");
        for (n, (file, at)) in self.list(table, "file").into_iter().enumerate() {
            self.only("[[data.file]]", file, &["key"]);
            let key = self.words(file, "key").unwrap_or_default();
            self.filled(file, "key");
            if n > 0 && (!self.given(file, "key") || file.get("key").is_some_and(is_empty_list)) {
                self.fault(
                    at,
                    "a further file needs `key`: the columns by which it is joined",
                );
            }
            out.file_keys.push(key);
        }
        out
    }

    fn handling(&mut self, root: &DeTable<'_>, data: &DataPlan) -> Handling {
        let mut out = Handling {
            missing: Handle::WorstCase,
            indeterminate: Handle::WorstCase,
            indeterminate_words: vec!["indeterminate".into()],
        };
        if let Some((table, _)) = self.table(root, "handling") {
            self.only(
                "[handling]",
                table,
                &["missing", "indeterminate", "indeterminate_words"],
            );
            out.missing = self
                .choice(table, "missing", &Handle::WORDS)
                .unwrap_or(out.missing);
            out.indeterminate = self
                .choice(table, "indeterminate", &Handle::WORDS)
                .unwrap_or(out.indeterminate);
            if let Some(words) = self.words(table, "indeterminate_words") {
                out.indeterminate_words = words;
            }
        }
        for (key, words) in [("positive", &data.positive), ("negative", &data.negative)] {
            let shared = words
                .iter()
                .any(|v| out.indeterminate_words.iter().any(|w| means(v, w)));
            if shared {
                let inner = |name: &str| root.get(name).and_then(|n| n.get_ref().as_table());
                let of_data = inner("data").map_or(0, |t| place(t, key, 0));
                let at =
                    inner("handling").map_or(of_data, |t| place(t, "indeterminate_words", of_data));
                self.fault(at, format!("a word means {key} and indeterminate at once; keep it in one of `data.{key}` and `handling.indeterminate_words`"));
            }
        }
        out
    }

    fn segmentation(&mut self, root: &DeTable<'_>) -> Option<Segmentation> {
        let (table, at) = self.table(root, "segmentation")?;
        let settings = crate::masks::SETTINGS;
        let mut known = vec!["reference", "prediction", "label"];
        known.extend(settings.iter().map(|s| s.name));
        self.only("[segmentation]", table, &known);
        let reference = self.required(
            table,
            at,
            "reference",
            "name the column with the reference mask's path",
        );
        let prediction = self.required(
            table,
            at,
            "prediction",
            "name the column with the predicted mask's path",
        );
        self.filled(table, "reference");
        self.filled(table, "prediction");
        let label = self.whole(table, "label", 1, u64::from(u32::MAX));
        let mut given = Vec::new();
        for setting in settings {
            if let Some(node) = table.get(setting.name)
                && let Some(text) = self.scalar(setting.name, node)
            {
                given.push((setting.name.to_owned(), text));
            }
        }
        if let Err(e) = crate::masks::options(&given) {
            self.fault(at, e.to_string());
        }
        Some(Segmentation {
            reference,
            prediction,
            label,
            settings: given,
            line: self.line(at),
        })
    }

    fn endpoints(&mut self, root: &DeTable<'_>, data: &DataPlan) -> Vec<Endpoint> {
        let mut out: Vec<Endpoint> = Vec::new();
        let mut ids = BTreeSet::new();
        let before = self.faults.len();
        let list = self.list(root, "endpoint");
        self.declared.nameless = list.is_empty() || self.faults.len() > before;
        if list.is_empty() && self.faults.len() == before && !self.given(root, "endpoint") {
            self.fault(0, "no [[endpoint]]; a plan names at least one: id, statistic, its columns, and a goal");
        }
        for (table, at) in list {
            let endpoint = self.endpoint(table, at, data);
            let id = table.get("id").and_then(|n| n.get_ref().as_str());
            match id.map(str::trim).filter(|id| !id.is_empty()) {
                Some(id) => {
                    self.declared.ids.insert(id.to_owned());
                    let goal = endpoint.as_ref().and_then(|e| e.goal);
                    if goal.is_none() && self.given(table, "goal") {
                        self.declared.unread_goals.insert(id.to_owned());
                    }
                }
                None => self.declared.nameless = true,
            }
            if let Some(endpoint) = endpoint {
                if !ids.insert(endpoint.id.clone()) {
                    self.fault(
                        at,
                        format!(
                            "two endpoints are called `{}`; each id once",
                            short(&endpoint.id)
                        ),
                    );
                }
                out.push(endpoint);
            }
        }
        out
    }

    fn endpoint(&mut self, table: &DeTable<'_>, at: usize, data: &DataPlan) -> Option<Endpoint> {
        let named = table.get("statistic").and_then(|n| n.get_ref().as_str());
        // Slips come first: what was meant is not missing.
        if let Some(entry) = named.and_then(|s| catalogue::entry(s.trim())) {
            let own = [
                "id",
                "statistic",
                "weight",
                "title",
                "number",
                "rationale",
                "goal",
                "include",
                "missing",
            ];
            let mut known: Vec<&str> = own.to_vec();
            known.extend(entry.arguments());
            self.only(&format!("an endpoint of `{}`", entry.id), table, &known);
        }
        let id = self.required(table, at, "id", "name the endpoint: id = \"sensitivity\"");
        let statistic = self.required(
            table,
            at,
            "statistic",
            "name an entry of the catalogue (`candour statistics --list`)",
        );
        let weight = self
            .choice(
                table,
                "weight",
                &[
                    ("primary", Weight::Primary),
                    ("secondary", Weight::Secondary),
                    ("exploratory", Weight::Exploratory),
                ],
            )
            .unwrap_or(Weight::Secondary);
        let title = self.string(table, "title").map(|t| t.text);
        let number = self.string(table, "number").map(|t| t.text);
        let rationale = self
            .string(table, "rationale")
            .map_or_else(String::new, |t| t.text);
        let known = catalogue::entry(&statistic);
        let has = |name: &str| known.is_some_and(|e| e.settings.iter().any(|s| s.name == name));
        // A statistic's own setting of the same name is meant where the value is none of the plan's.
        let own_goal = has("goal")
            && table
                .get("goal")
                .is_some_and(|n| !matches!(n.get_ref(), DeValue::Table(_)));
        let own_missing = has("missing");
        let goal = if own_goal { None } else { self.goal(table) };
        let missing = if own_missing {
            None
        } else {
            self.choice(table, "missing", &Handle::WORDS)
        };
        let has_goal = !own_goal && self.given(table, "goal");
        if weight == Weight::Primary && has_goal && !self.given(table, "rationale") {
            self.fault(at, "a primary endpoint with a goal needs `rationale`: why this goal is clinically enough");
        }
        let include = self.include(table, "include");
        let Some(entry) = catalogue::entry(&statistic) else {
            if !statistic.is_empty() {
                let mut near: Vec<&str> = catalogue::entries().map(|e| e.id).collect();
                near.sort_by_key(|k| distance(k, &statistic));
                near.truncate(3);
                self.fault(
                    table.get("statistic").map_or(at, |n| n.span().start),
                    format!(
                        "`{}` is not in the catalogue; nearest: {} (`candour statistics --list`)",
                        short(&statistic),
                        near.join(", ")
                    ),
                );
            }
            return None;
        };
        // Once the plan is sealed, and the data are read, no name can be mended.
        if let Some(what) = number.as_deref().and_then(|name| no_number(entry, name)) {
            self.fault(place(table, "number", at), what);
        }
        let mut columns = Vec::new();
        for role in entry.roles {
            let before = self.faults.len();
            // `weight` is how much the endpoint claims; lesion weights are given without a plan.
            let node = table.get(role.name).filter(|_| role.name != "weight");
            match node {
                Some(node) => {
                    self.filled_node(role.name, node);
                    for column in self.words_of(role.name, node).unwrap_or_default() {
                        columns.push((role.name.to_owned(), column));
                    }
                }
                None if role.name == "cluster" => {
                    if let Some(cluster) = &data.cluster {
                        columns.push(("cluster".to_owned(), cluster.clone()));
                    }
                }
                None => {}
            }
            let given = columns.iter().filter(|(r, _)| r == role.name).count();
            let slip = node.is_none() && role.name != "weight" && self.given(table, role.name);
            let of_role = node.map_or(at, |n| n.span().start);
            if slip || self.faults.len() > before {
                continue;
            }
            let (least, most) = match role.need {
                Need::One => (1, 1),
                Need::Optional => (0, 1),
                Need::Many(least) => (least, usize::MAX),
            };
            if given < least {
                self.fault(
                    of_role,
                    format!(
                        "`{}` needs the column `{}` ({}): write {} = \"column\"{}",
                        entry.id,
                        role.name,
                        role.what,
                        role.name,
                        if matches!(role.need, Need::Many(_)) {
                            ", or a list"
                        } else {
                            ""
                        }
                    ),
                );
            } else if given > most {
                self.fault(
                    of_role,
                    format!(
                        "`{}` takes one column as `{}` ({}), not {given}: write {} = \"column\"",
                        entry.id, role.name, role.what, role.name
                    ),
                );
            }
        }
        let mut settings = Vec::new();
        let of_level = entry.level_setting().map(|s| s.name);
        for setting in entry.settings {
            let Some(node) = table.get(setting.name) else {
                continue;
            };
            if Some(setting.name) == of_level && weight == Weight::Primary && has_goal {
                self.fault(node.span().start, own_level(setting.name));
            }
            if setting.name == "goal" && !own_goal {
                continue;
            }
            let text = match node.get_ref() {
                DeValue::Array(_) => self.words_of(setting.name, node).map(|w| w.join(",")),
                _ => self.scalar(setting.name, node),
            };
            let Some(text) = text else { continue };
            if let Err(e) = catalogue::check_setting(setting, &text) {
                self.fault(node.span().start, e.to_string());
            }
            settings.push((setting.name.to_owned(), text));
        }
        for setting in entry.settings {
            let optional = matches!(
                setting.kind,
                SettingKind::OptionalReal(..) | SettingKind::OptionalWord
            );
            let given = self.given(table, setting.name) && (setting.name != "goal" || own_goal);
            if setting.default.is_none() && !optional && !given {
                self.fault(
                    at,
                    format!("`{}` needs `{}`: {}", entry.id, setting.name, setting.what),
                );
            }
        }
        Some(Endpoint {
            title: title.unwrap_or_else(|| entry.title.to_owned()),
            id,
            line: self.line(at),
            weight,
            statistic,
            number,
            columns,
            settings,
            goal,
            rationale,
            include,
            missing,
        })
    }

    fn goal(&mut self, table: &DeTable<'_>) -> Option<Goal> {
        let (goal, at) = self.table(table, "goal")?;
        let before = self.faults.len();
        self.only("goal", goal, &["at_least", "at_most"]);
        let (low, high) = (self.number(goal, "at_least"), self.number(goal, "at_most"));
        match (low, high) {
            // What is wrong with a limit is said; that the rest says nothing follows from it.
            _ if self.faults.len() > before => None,
            (Some(low), None) => Some(Goal::AtLeast(low)),
            (None, Some(high)) => Some(Goal::AtMost(high)),
            (Some(low), Some(high)) if low < high => Some(Goal::Within(low, high)),
            _ => {
                self.fault(
                    at,
                    "`goal` says nothing, or its limits cross; write goal = { at_least = 0.85 }",
                );
                None
            }
        }
    }

    fn known_endpoint(&mut self, id: &str, at: usize) {
        if !self.declared.nameless && !self.declared.ids.contains(id) {
            self.fault(at, format!("no endpoint is called `{}`", short(id)));
        }
    }

    fn subgroups(&mut self, root: &DeTable<'_>) -> Vec<Subgroup> {
        let mut out: Vec<Subgroup> = Vec::new();
        for (table, at) in self.list(root, "subgroup") {
            self.only(
                "[[subgroup]]",
                table,
                &["column", "title", "endpoints", "minimum"],
            );
            let column = self.required(
                table,
                at,
                "column",
                "name the column whose levels are compared",
            );
            self.filled(table, "column");
            // The second would stand in the report as if it were another look at the data.
            if !column.is_empty() && column != "?" && out.iter().any(|s| s.column == column) {
                self.fault(
                    place(table, "column", at),
                    format!(
                        "two [[subgroup]] have the column `{}`; keep one, and name all its `endpoints` there",
                        short(&column)
                    ),
                );
            }
            let named = self.words(table, "endpoints").unwrap_or_default();
            let of_names = place(table, "endpoints", at);
            for id in &named {
                self.known_endpoint(id, of_names);
            }
            out.push(Subgroup {
                title: self
                    .string(table, "title")
                    .map_or_else(|| column.clone(), |t| t.text),
                column,
                line: self.line(at),
                endpoints: named,
                minimum: self.whole(table, "minimum", 1, 1_000_000).unwrap_or(10) as usize,
            });
        }
        out
    }

    fn multiplicity(&mut self, root: &DeTable<'_>, endpoints: &[Endpoint]) -> Multiplicity {
        let mut out = Multiplicity {
            method: Method::CoPrimary,
            order: Vec::new(),
        };
        let decisive = endpoints
            .iter()
            .filter(|e| e.weight == Weight::Primary && e.goal.is_some())
            .count();
        let Some((table, at)) = self.table(root, "multiplicity") else {
            if decisive > 1 && !self.given(root, "multiplicity") {
                self.fault(0, "several primary endpoints with goals and no [multiplicity]; say method = \"co-primary\" (all must be met), \"fixed-sequence\", \"holm\", \"hochberg\" or \"bonferroni\"");
            }
            return out;
        };
        self.only("[multiplicity]", table, &["method", "order"]);
        if let Some(method) = self.choice(table, "method", &Method::WORDS) {
            out.method = method;
        } else if !self.given(table, "method") {
            self.fault(
                at,
                "`method` is missing: co-primary, fixed-sequence, holm, hochberg or bonferroni",
            );
        }
        out.order = self.words(table, "order").unwrap_or_default();
        let of_order = place(table, "order", at);
        let mut seen = BTreeSet::new();
        for id in &out.order {
            match endpoints.iter().find(|e| e.id == *id) {
                None => self.known_endpoint(id, of_order),
                Some(e) if e.goal.is_none() && self.declared.unread_goals.contains(&e.id) => {}
                Some(e) if e.goal.is_none() => {
                    self.fault(
                        of_order,
                        format!("`{}` has no goal, so it cannot be tested", short(id)),
                    );
                }
                Some(_) if !seen.insert(id) => self.fault(
                    of_order,
                    format!("`{}` stands twice in the order", short(id)),
                ),
                // Of a primary endpoint it was said where the level stands.
                Some(e) if e.weight != Weight::Primary => {
                    let set = e.entry().and_then(Entry::level_setting);
                    if let Some(set) = set.filter(|s| e.settings.iter().any(|(n, _)| n == s.name)) {
                        let what = format!("`{}`: {}", short(id), own_level(set.name));
                        self.fault(of_order, what);
                    }
                }
                Some(_) => {}
            }
        }
        if !out.order.is_empty() {
            for e in endpoints {
                if e.weight == Weight::Primary && e.goal.is_some() && !out.order.contains(&e.id) {
                    self.fault(of_order, format!("`{}` is primary with a goal and not in `order`; a claim cannot leave it out", short(&e.id)));
                }
            }
        }
        let ordered = self.given(table, "order") && !table.get("order").is_some_and(is_empty_list);
        if out.method == Method::FixedSequence && !ordered {
            self.fault(
                of_order,
                "a fixed sequence needs `order`: the endpoints in the order of testing",
            );
        }
        out
    }
}

/// What is wrong where an endpoint that decides sets the level of its interval itself.
fn own_level(setting: &str) -> String {
    format!(
        "`{setting}` of an endpoint that decides: a claim is made at the plan's level (`level` of [statistics]), which all endpoints share; leave it out"
    )
}

/// What is wrong where an entry never gives a number of this name.
pub(crate) fn no_number(entry: &Entry, name: &str) -> Option<String> {
    if entry.gives(name) {
        return None;
    }
    let mut near = entry.numbers.to_vec();
    near.sort_by_key(|k| distance(k, name));
    near.truncate(3);
    let braces = if entry.numbers.iter().any(|n| n.contains('{')) {
        " (braces stand for what data and settings decide)"
    } else {
        ""
    };
    Some(format!(
        "`{}` gives no number `{}`; nearest: {}; it gives: {}{braces}",
        entry.id,
        short(name),
        near.join(", "),
        entry.numbers.join(", ")
    ))
}

/// Where the value of a key stands; `otherwise` where there is none.
fn place(table: &DeTable<'_>, key: &str, otherwise: usize) -> usize {
    table.get(key).map_or(otherwise, |n| n.span().start)
}

fn is_empty_list(node: &Node<'_>) -> bool {
    matches!(node.get_ref(), DeValue::Array(items) if items.is_empty())
}

/// A whole number of TOML in decimal digits, whatever its base.
fn whole_text(digits: &str, radix: u32) -> String {
    let digits = digits.replace('_', "");
    if radix == 10 {
        return digits;
    }
    u64::from_str_radix(&digits, radix).map_or(digits, |v| v.to_string())
}

fn short(text: &str) -> String {
    let mut out: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
    if text.chars().count() > 60 {
        out.push('…');
    }
    out
}
