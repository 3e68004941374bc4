//! The kinds of record. Each struct holds a kind's own members; what all records share stands in
//! [`crate::Record`]. Unknown kinds are kept and shown, never dropped.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::canonical::Value;
use crate::{CaseId, Digest, Part, Real, SubjectId};

/// What happened. The variant's name is the record's `kind`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The ledger was begun.
    Opened(Opened),
    /// A model package was loaded and its golden vectors were run on this machine.
    Loaded(Loaded),
    /// A study arrived.
    Received(Received),
    /// A study, or something that should have been one, was not analysed, and why.
    Refused(Refused),
    /// The device decided.
    Decided(Decided),
    /// Results left the device.
    Released(Released),
    /// A reader agreed with a decision, edited it or overruled it.
    Overseen(Overseen),
    /// The reference standard for a case became known.
    Outcome(Outcome),
    /// A statistical analysis plan was fixed.
    Planned(Planned),
    /// A validation was carried out by a plan.
    Validated(Validated),
    /// A technical document's content was compiled.
    Compiled(Compiled),
    /// A compiled document was rendered to a file.
    Rendered(Rendered),
    /// A decision was computed again.
    Replayed(Replayed),
    /// The device was qualified and classified by the rules of the acts.
    Classified(Classified),
    /// A statistical analysis plan was fixed, before the data it names were entered.
    AnalysisPlanned(AnalysisPlanned),
    /// Data were entered for a plan.
    DataEntered(DataEntered),
    /// A plan was answered from its data.
    Analysed(Analysed),
    /// Sealed decisions were watched for drift.
    Monitored(Monitored),
    /// A kind this version does not know: its name and its own members.
    Other(String, BTreeMap<String, Value>),
}

/// Members of an `Opened` record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opened {
    /// The ledger's origin line (C2SP tlog-checkpoint).
    pub origin: String,
    /// Software name and version, such as `candour 0.1.0`.
    pub software: String,
}

/// Members of a `Loaded` record: the installation qualification of a model on one machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loaded {
    /// Digest of the model package.
    pub model: Digest,
    /// Name and version of the model package.
    pub model_version: String,
    /// Inference engine, its version and the CPU features it found.
    pub engine: String,
    /// Software name and version.
    pub software: String,
    /// How many golden vectors were run.
    pub vectors: u32,
    /// Largest absolute difference from the expected outputs.
    pub max_abs_diff: Real,
    /// The difference the package allows.
    pub tolerance: Real,
    /// Whether every output lay within the tolerance.
    pub passed: bool,
}

/// Why a study was processed; statistics never mix the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// In use: the study came from a clinical worklist (or a demonstration of one).
    Use,
    /// As a case of a validation cohort under a sealed plan.
    Validation,
}

/// Members of a `Received` record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Received {
    /// The study's pseudonym.
    pub case: CaseId,
    /// The patient's pseudonym.
    pub subject: SubjectId,
    /// Why it is processed.
    pub purpose: Purpose,
    /// How many DICOM instances (or table rows) arrived.
    pub instances: u32,
    /// What they are, such as `volume`, `image`, `measurements`.
    pub content: String,
    /// Deviations from the standard that were tolerated: code and how often.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deviations: BTreeMap<String, u32>,
    /// `bytes`: everything as received. `manifest`: SHA-256 and SOP Instance UID of each instance.
    pub parts: Vec<Part>,
}

/// Members of a `Refused` record. A refusal is an answer, not an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// The study's pseudonym, if a study could be made out at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseId>,
    /// The patient's pseudonym, if one could be made out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectId>,
    /// Leaf hash of the `Received` record, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<Digest>,
    /// Why it was processed.
    pub purpose: Purpose,
    /// Digest of the model package that was asked.
    pub model: Digest,
    /// Name and version of the model package.
    pub model_version: String,
    /// Software name and version.
    pub software: String,
    /// The criterion that was not met, such as `slice_spacing_mm`.
    pub criterion: String,
    /// What was found: a number, a coded value, never free text from the input.
    pub found: String,
    /// What is allowed.
    pub allowed: String,
}

/// A decision's outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionOutcome {
    /// The calibrated probability reached the threshold.
    Finding,
    /// It did not.
    NoFinding,
    /// The device declines to say: the probability lies in the abstention band.
    Abstained,
}

/// How an explanation was made and whether its faithfulness test passed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplanationSummary {
    /// Method, such as `occlusion` or `shapley_additive`.
    pub method: String,
    /// Whether the faithfulness test passed; an explanation that failed is not shown.
    pub faithful: bool,
    /// The test's figures by name, such as `deletion_auc`, `random_mean`, `z`.
    pub figures: BTreeMap<String, Real>,
}

/// Members of a `Decided` record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    /// The study's pseudonym.
    pub case: CaseId,
    /// The patient's pseudonym.
    pub subject: SubjectId,
    /// Leaf hash of the `Received` record it answers.
    pub received: Digest,
    /// Why it was processed.
    pub purpose: Purpose,
    /// Digest of the model package.
    pub model: Digest,
    /// Name and version of the model package.
    pub model_version: String,
    /// Software name and version.
    pub software: String,
    /// Inference engine, its version and the CPU features it found.
    pub engine: String,
    /// The outcome.
    pub outcome: DecisionOutcome,
    /// The model's output before calibration, in logits.
    pub logit: Real,
    /// The calibrated probability of the finding, 0 to 1.
    pub probability: Real,
    /// The threshold it was compared with.
    pub threshold: Real,
    /// Seed of everything random in the explanation.
    pub seed: u32,
    /// The explanation's method and test.
    pub explanation: ExplanationSummary,
    /// `justification`: the words and numbers shown. `saliency`: the map, if there is one.
    pub parts: Vec<Part>,
}

/// One object that was released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleasedObject {
    /// `structured_report` or `secondary_capture`.
    pub object: String,
    /// Its SOP Class UID (PS3.4 B.5).
    pub sop_class: String,
    /// Digest of its Part 10 file. The file contains a keyed, 128-bit SOP Instance UID that is in
    /// no record, so the digest cannot be used to guess the personal data beside it.
    pub digest: Digest,
}

/// Members of a `Released` record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Released {
    /// The study's pseudonym.
    pub case: CaseId,
    /// Leaf hash of the `Decided` record.
    pub decision: Digest,
    /// Its index in the ledger.
    pub decision_index: u64,
    /// What was released.
    pub objects: Vec<ReleasedObject>,
}

/// A reader's verdict on a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The reader agrees.
    Agree,
    /// The reader agrees in part; the reason says what the report will say instead.
    Edit,
    /// The reader overrules the device.
    Overrule,
}

impl Verdict {
    /// Its name in records.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Agree => "agree",
            Self::Edit => "edit",
            Self::Overrule => "overrule",
        }
    }
}

/// Members of an `Overseen` record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overseen {
    /// The study's pseudonym.
    pub case: CaseId,
    /// Leaf hash of the `Decided` record.
    pub decision: Digest,
    /// Its index in the ledger.
    pub decision_index: u64,
    /// The verdict.
    pub verdict: Verdict,
    /// `reading`: the reader's name and reason.
    pub parts: Vec<Part>,
}

/// What the reference standard says of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// The finding is present.
    Positive,
    /// The finding is absent.
    Negative,
}

/// Members of an `Outcome` record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The study's pseudonym.
    pub case: CaseId,
    /// What the reference standard says.
    pub reference: Reference,
    /// What the reference standard is, such as `exact truth of the phantom generator`.
    pub standard: String,
    /// Why it was recorded.
    pub purpose: Purpose,
}

/// One endpoint of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// `sensitivity`, `specificity` or `auc`.
    pub statistic: String,
    /// The acceptance criterion: the interval's lower bound must be at least this.
    pub lower_bound_min: Real,
}

/// Members of a `Planned` record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// Digest of the cohort's list of cases and reference standard, taken before any case is read.
    pub cohort: Digest,
    /// How many cases the cohort has.
    pub cases: u32,
    /// Which split of the cohort is analysed.
    pub split: String,
    /// Digest of the model package to be validated.
    pub model: Digest,
    /// Confidence level of every interval, 0 to 1.
    pub level: Real,
    /// The endpoints.
    pub endpoints: Vec<Endpoint>,
    /// How abstentions and refusals are counted, in words.
    pub indeterminate: String,
}

/// One statistic with its interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatisticResult {
    /// `sensitivity`, `specificity` or `auc`.
    pub statistic: String,
    /// The interval's method, such as `wilson` or `delong`.
    pub method: String,
    /// The estimate; left out where it is not estimable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Real>,
    /// The interval's lower bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower: Option<Real>,
    /// The interval's upper bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper: Option<Real>,
    /// Cases it was computed from.
    pub n: u32,
    /// Whether the plan's criterion was met.
    pub met: bool,
}

/// Members of a `Validated` record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validated {
    /// Leaf hash of the `Planned` record.
    pub plan: Digest,
    /// Index of the first record of the run after the plan.
    pub first_index: u64,
    /// Index one past the last record of the run.
    pub end_index: u64,
    /// Cases decided.
    pub decided: u32,
    /// Cases in which the device abstained (among those decided).
    pub abstained: u32,
    /// Cases refused.
    pub refused: u32,
    /// The results, one for each endpoint.
    pub results: Vec<StatisticResult>,
}

/// Members of a `Compiled` record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compiled {
    /// What was compiled, such as `technical documentation`.
    pub document: String,
    /// Digest of the content: claims, texts, gaps.
    pub content: Digest,
    /// Ledger size the content was compiled from.
    pub size: u64,
    /// How many numbers it cites.
    pub claims: u32,
    /// How many gaps it lists.
    pub gaps: u32,
}

/// Members of a `Rendered` record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rendered {
    /// Leaf hash of the `Compiled` record.
    pub compiled: Digest,
    /// `pdf`, `html` or `evidence`.
    pub medium: String,
    /// Digest of the whole file.
    pub digest: Digest,
}

/// How a recomputed decision compares with the sealed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayResult {
    /// Bit for bit the same logit, and the same outcome.
    Identical,
    /// The logit differs by no more than the package's tolerance, and the outcome is the same.
    WithinTolerance,
    /// Different.
    Different,
}

/// Members of a `Replayed` record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replayed {
    /// The study's pseudonym.
    pub case: CaseId,
    /// Leaf hash of the `Decided` record.
    pub decision: Digest,
    /// Its index in the ledger.
    pub decision_index: u64,
    /// How it compares.
    pub result: ReplayResult,
    /// Absolute difference of the logits.
    pub abs_diff: Real,
    /// Engine used for the replay.
    pub engine: String,
}

/// Whether a question was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Yes.
    Yes,
    /// No.
    No,
    /// What is known does not settle it.
    Open,
}

impl Answer {
    /// From what is known.
    #[must_use]
    pub const fn of(known: Option<bool>) -> Self {
        match known {
            Some(true) => Self::Yes,
            Some(false) => Self::No,
            None => Self::Open,
        }
    }
}

/// A decision step, by its clause, and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnsweredStep {
    /// The clause or step of the guidance.
    pub clause: String,
    /// The answer.
    pub answer: Answer,
}

/// A rule that applies or may apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppliedRule {
    /// The rule, as the act names it.
    pub rule: String,
    /// Whether it applies; `no` is not listed.
    pub applies: Answer,
    /// The class it gives; absent where that is open or the rule gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
}

/// Members of a `Classified` record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classified {
    /// Whether the product is a device.
    pub qualifies: Answer,
    /// `MDR`, `IVDR` or `none`; absent where it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regulation: Option<String>,
    /// The class; absent where it is open or there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The lowest and the highest class that the answers leave open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub range: Vec<String>,
    /// The rule that gives the class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Whether a notified body takes part in the conformity assessment.
    pub notified_body: Answer,
    /// The steps of the qualification, in order.
    pub steps: Vec<AnsweredStep>,
    /// The rules that apply or may apply.
    pub rules: Vec<AppliedRule>,
    /// The keys of the device file that would have to be answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
    /// The acts and guidances applied, each with its edition.
    pub editions: Vec<String>,
    /// SHA-256 of the whole report as `candour classify --json` prints it.
    pub report: Digest,
    /// Software name and version.
    pub software: String,
}

/// One endpoint of an analysis plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedEndpoint {
    /// Its id in the plan.
    pub id: String,
    /// Its line in the plan.
    pub line: u32,
    /// The catalogue's entry.
    pub statistic: String,
    /// `primary`, `secondary` or `exploratory`.
    pub weight: String,
    /// What it must show, in words; absent where it is described only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
}

/// Members of an `AnalysisPlanned` record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnalysisPlanned {
    /// SHA-256 of the plan's file.
    pub plan: Digest,
    /// Its title.
    pub title: String,
    /// Its version, as its authors count.
    pub plan_version: String,
    /// Leaf hash of the `AnalysisPlanned` record that this plan amends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amends: Option<Digest>,
    /// Why it was amended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The endpoints.
    pub endpoints: Vec<PlannedEndpoint>,
    /// How several endpoints share the error.
    pub multiplicity: String,
}

/// One file of data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnteredFile {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// How many rows it has.
    pub rows: u64,
}

/// Members of a `DataEntered` record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataEntered {
    /// Leaf hash of the `AnalysisPlanned` record.
    pub plan: Digest,
    /// The files, in the order of the plan; their names may be personal and are left out.
    pub files: Vec<EnteredFile>,
    /// Of sealed decisions: index of the first record they were taken from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_index: Option<u64>,
    /// And one past the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_index: Option<u64>,
    /// How often data had been entered for these very files before: each further look at test data
    /// spends error that no interval counts.
    pub openings: u32,
}

/// One number that answers an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnalysedEndpoint {
    /// The endpoint's id in the plan.
    pub id: String,
    /// The number's definition, such as `auc.mann-whitney`.
    pub definition: String,
    /// The estimate; absent where it is not estimable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Real>,
    /// The interval's lower limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower: Option<Real>,
    /// The interval's upper limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper: Option<Real>,
    /// The interval's nominal coverage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Real>,
    /// The interval's method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Units it rests on.
    pub n: u64,
    /// Whether the plan's goal is shown, multiplicity included; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<bool>,
}

/// Members of an `Analysed` record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Analysed {
    /// Leaf hash of the `AnalysisPlanned` record.
    pub plan: Digest,
    /// Leaf hash of the `DataEntered` record.
    pub data: Digest,
    /// Rows analysed.
    pub rows: u64,
    /// The endpoints, in the order of the plan.
    pub endpoints: Vec<AnalysedEndpoint>,
    /// Whether the plan's claim is shown; absent where no endpoint has a goal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<bool>,
    /// SHA-256 of the whole result as `candour validate --json` prints it.
    pub result: Digest,
    /// Software name and version.
    pub software: String,
}

/// One monitor's reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonitorReading {
    /// What is watched, such as `probability` or `refused`.
    pub watched: String,
    /// The catalogue's entry.
    pub statistic: String,
    /// Its value at the end of the period; absent where it is not estimable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Real>,
    /// The limit beyond which it alarms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Real>,
    /// Decisions it looked at.
    pub n: u64,
    /// Whether it alarmed.
    pub alarm: bool,
}

/// Members of a `Monitored` record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Monitored {
    /// Name and version of the model whose decisions were looked at; empty where there were none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model_version: String,
    /// Index of the first record looked at.
    pub first_index: u64,
    /// And one past the last.
    pub end_index: u64,
    /// Decisions in use among them.
    pub decisions: u64,
    /// The monitors.
    pub readings: Vec<MonitorReading>,
    /// Expected false alarms each year of all monitors together, by their design.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub false_alarms_per_year: Option<Real>,
    /// Software name and version.
    pub software: String,
}

macro_rules! kinds {
    ($($name:ident),+ $(,)?) => {
        impl Event {
            /// The record's `kind`.
            #[must_use]
            pub fn kind(&self) -> &str {
                match self {
                    $(Event::$name(_) => stringify!($name),)+
                    Event::Other(kind, _) => kind,
                }
            }

            /// The kinds this version knows, in the order of this module.
            pub const KINDS: &'static [&'static str] = &[$(stringify!($name)),+];

            pub(crate) fn members(&self) -> Result<BTreeMap<String, Value>, crate::canonical::CanonicalError> {
                let value = match self {
                    $(Event::$name(body) => crate::canonical::to_value(body)?,)+
                    Event::Other(_, members) => return Ok(members.clone()),
                };
                match value {
                    Value::Object(members) => Ok(members),
                    _ => Ok(BTreeMap::new()),
                }
            }

            pub(crate) fn from_members(
                kind: &str,
                members: BTreeMap<String, Value>,
            ) -> Result<Self, crate::canonical::CanonicalError> {
                Ok(match kind {
                    $(stringify!($name) => Event::$name(crate::canonical::from_value(&Value::Object(members))?),)+
                    other => Event::Other(other.to_owned(), members),
                })
            }
        }
    };
}

kinds!(
    Opened,
    Loaded,
    Received,
    Refused,
    Decided,
    Released,
    Overseen,
    Outcome,
    Planned,
    Validated,
    Compiled,
    Rendered,
    Replayed,
    Classified,
    AnalysisPlanned,
    DataEntered,
    Analysed,
    Monitored,
);
