//! What a technical file says: claims that cite records, the decisions, what meets each requirement
//! and what does not. A number is here only with the records it was computed from.

use std::collections::{BTreeMap, BTreeSet};

use candour_ledger::{LedgerError, View};
use candour_record::canonical::{self, CanonicalError, Value};
use candour_record::{
    Analysed, CaseId, Compiled, DecisionOutcome, Digest, Event, Purpose, Real, Record, RecordError,
    Timestamp, Validated, Verdict,
};
use candour_regulation::{DeviceFile, Law, OnHand, Report, Requirement, State, check, classify};
use serde::{Deserialize, Serialize};

/// Why a dossier was not compiled or rendered.
#[derive(Debug, thiserror::Error)]
pub enum DossierError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A record cannot be encoded.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The content cannot be encoded.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The act's file is malformed.
    #[error("the act's file: {0}")]
    Act(String),
    /// The page could not be set.
    #[error("the document cannot be set: {0}")]
    Render(String),
}

/// One claim: a number with its interval, its method and the records it comes from.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Its name in the document, such as `validation.sensitivity`.
    pub id: String,
    /// `count`, `sensitivity`, `specificity`, `auc`, a proportion's `_complete_case`, or `analysed`: an
    /// endpoint of an analysis plan.
    pub statistic: String,
    /// Of a count: what is counted. Of an analysed endpoint: its id in the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Of a count: the records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<Vec<u64>>,
    /// Of an estimate: the interval's method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The count, or the cases an estimate was computed from.
    pub n: u64,
    /// The estimate; absent when it is not estimable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Real>,
    /// Lower limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower: Option<Real>,
    /// Upper limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper: Option<Real>,
    /// Of an estimate: index of the `Validated` record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validated: Option<u64>,
}

/// One study in use.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionRow {
    /// Index of its record.
    pub index: u64,
    /// When.
    pub at: Timestamp,
    /// The study's pseudonym, if a study could be made out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseId>,
    /// The outcome, if it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<DecisionOutcome>,
    /// The calibrated probability, if it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<Real>,
    /// The criterion, if it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub criterion: Option<String>,
}

/// A requirement that is met, and by what.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Met {
    /// The clause.
    pub clause: String,
    /// What it asks for.
    pub asks: String,
    /// What meets it, in words.
    pub by: String,
}

/// A requirement that is not met.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// The clause.
    pub clause: String,
    /// What it asks for.
    pub asks: String,
    /// What is missing.
    pub missing: String,
}

/// A requirement that does not apply, and why (MDR and IVDR Annex II 4(a)).
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NotApplicable {
    /// The clause.
    pub clause: String,
    /// What it is about.
    pub asks: String,
    /// Why it does not apply.
    pub reason: String,
}

/// A statement of the device file or a text of the maker.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Its heading.
    pub name: String,
    /// Its text: paragraphs between blank lines, no markup.
    pub text: String,
}

/// The content of a technical file: what is digested, sealed, rendered and verified.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// `candour-dossier@v1`.
    pub format: String,
    /// Name of the device.
    pub device: String,
    /// Digest of its device file.
    pub device_file: Digest,
    /// Whether it is a demonstration.
    pub demonstration: bool,
    /// The act.
    pub act: String,
    /// Device description and intended purpose, from the device file.
    pub statements: Vec<Statement>,
    /// Qualification and classification: each step and rule with its answer.
    pub classification: Vec<Statement>,
    /// The maker's texts.
    pub texts: Vec<Statement>,
    /// Qualification of the model on the machine, from the last `Loaded` record.
    pub installation: Vec<Statement>,
    /// What the validation was and how it was planned.
    pub validation: Vec<Statement>,
    /// The claims.
    pub claims: Vec<Claim>,
    /// Every study in use.
    pub decisions: Vec<DecisionRow>,
    /// Requirements met.
    pub met: Vec<Met>,
    /// Requirements not met.
    pub gaps: Vec<Gap>,
    /// Requirements that do not apply, with the reason.
    pub not_applicable: Vec<NotApplicable>,
    /// Origin of the ledger.
    pub ledger: String,
    /// Its size when this was compiled.
    pub size: u64,
    /// Records that are cited beside those of claims and decisions.
    pub cited: Vec<u64>,
}

impl Content {
    /// The content as a canonical value.
    ///
    /// # Errors
    /// When it has no canonical form.
    pub fn value(&self) -> Result<Value, CanonicalError> {
        canonical::to_value(self)
    }

    /// SHA-256 of the canonical bytes.
    ///
    /// # Errors
    /// As [`Content::value`].
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        Ok(Digest::of(&canonical::print(&self.value()?)))
    }

    /// The event that seals this content.
    ///
    /// # Errors
    /// As [`Content::value`].
    pub fn compiled(&self) -> Result<Event, CanonicalError> {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Ok(Event::Compiled(Compiled {
            document: "technical documentation".into(),
            content: self.digest()?,
            size: self.size,
            claims: count(self.claims.len()),
            gaps: count(self.gaps.len()),
        }))
    }

    /// Every record the content rests on, in order.
    #[must_use]
    pub fn records(&self) -> BTreeSet<u64> {
        let mut out: BTreeSet<u64> = self.cited.iter().copied().collect();
        out.extend(self.decisions.iter().map(|d| d.index));
        out.extend(
            self.claims
                .iter()
                .flat_map(|c| c.records.iter().flatten().copied().chain(c.validated)),
        );
        out
    }
}

/// Compiles the technical file of one device from a ledger, its device file and its texts. Only
/// records under this very device file (`device` digest) count.
///
/// # Errors
/// When the ledger cannot be read.
pub fn compile(
    view: &View,
    file: &DeviceFile,
    device_file: Digest,
    texts: &BTreeMap<String, String>,
) -> Result<Content, DossierError> {
    let records: Vec<(u64, Digest, Record)> = (0u64..)
        .zip(view.records()?)
        .map(|(i, (leaf, record))| (i, leaf, record))
        .filter(|(_, _, r)| r.device == Some(device_file))
        .collect();
    let mut cited = BTreeSet::new();
    let (decisions, mut claims) = in_use(&records);
    let mut validation = Vec::new();
    if let Some((index, validated)) = latest_validation(&records) {
        validation = validation_statements(&records, index, validated, &mut cited);
        claims.extend(validated.results.iter().map(|r| Claim {
            id: format!("validation.{}", r.statistic),
            statistic: r.statistic.clone(),
            of: None,
            records: None,
            method: Some(r.method.clone()),
            n: u64::from(r.n),
            value: r.value,
            lower: r.lower,
            upper: r.upper,
            validated: Some(index),
        }));
    }
    if let Some((index, analysed)) = latest_analysis(&records) {
        validation.extend(analysis_statements(&records, index, analysed, &mut cited));
        claims.extend(analysed.endpoints.iter().map(|e| Claim {
            id: format!("analysis.{}", e.id),
            statistic: "analysed".into(),
            of: Some(e.id.clone()),
            records: None,
            method: e.method.clone(),
            n: e.n,
            value: e.value,
            lower: e.lower,
            upper: e.upper,
            validated: Some(index),
        }));
    }
    let installation = installation(&records, &mut cited);
    let kinds: BTreeSet<&str> = records.iter().map(|(_, _, r)| r.event.kind()).collect();
    let law = Law::get().map_err(|e| DossierError::Act(e.to_string()))?;
    let report = classify(law, &file.description);
    let on_hand = OnHand {
        texts: texts
            .iter()
            .filter(|(_, text)| !text.trim().is_empty())
            .map(|(name, _)| name.clone())
            .collect(),
        records: Some(kinds.iter().map(|k| (*k).to_owned()).collect()),
        today: records.last().map_or_else(String::new, |(_, _, r)| {
            r.at.to_string().chars().take(10).collect()
        }),
        ..OnHand::default()
    };
    let findings = check(law, &file.description, &report, &on_hand);
    let classified = records.iter().rev().find_map(|(i, _, r)| match &r.event {
        Event::Classified(_) => Some(*i),
        _ => None,
    });
    cited.extend(classified);
    let of_the_act: Vec<&Requirement> = law
        .in_force()
        .filter(|a| a.name == file.classification.act.name())
        .flat_map(|a| &a.entry)
        .filter_map(|e| findings.requirements.iter().find(|r| r.id == e.id))
        .collect();
    Ok(Content {
        format: "candour-dossier@v1".into(),
        device: file.identification.name.clone(),
        device_file,
        demonstration: file.identification.demonstration,
        act: file.classification.act.name().into(),
        statements: statements(file),
        classification: classification(&report, classified),
        texts: texts
            .iter()
            .map(|(name, text)| Statement {
                name: heading(name),
                text: text.trim().to_owned(),
            })
            .collect(),
        installation,
        validation,
        claims,
        decisions,
        met: met(&of_the_act),
        gaps: gaps(&of_the_act),
        not_applicable: not_applicable(&of_the_act),
        ledger: view.vkey().name().to_owned(),
        size: view.size(),
        cited: cited.into_iter().collect(),
    })
}

fn heading(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn in_use(records: &[(u64, Digest, Record)]) -> (Vec<DecisionRow>, Vec<Claim>) {
    let mut rows = Vec::new();
    let mut counted: BTreeMap<&str, Vec<u64>> = [
        "finding",
        "no_finding",
        "abstained",
        "refused",
        Verdict::Agree.key(),
        Verdict::Edit.key(),
        Verdict::Overrule.key(),
    ]
    .map(|k| (k, Vec::new()))
    .into();
    let mut count = |of: &'static str, index: u64| counted.entry(of).or_default().push(index);
    for (index, _, record) in records {
        let row = DecisionRow {
            index: *index,
            at: record.at,
            case: None,
            outcome: None,
            probability: None,
            criterion: None,
        };
        match &record.event {
            Event::Decided(d) if d.purpose == Purpose::Use => {
                count(
                    match d.outcome {
                        DecisionOutcome::Finding => "finding",
                        DecisionOutcome::NoFinding => "no_finding",
                        DecisionOutcome::Abstained => "abstained",
                    },
                    *index,
                );
                rows.push(DecisionRow {
                    case: Some(d.case),
                    outcome: Some(d.outcome),
                    probability: Some(d.probability),
                    ..row
                });
            }
            Event::Refused(r) if r.purpose == Purpose::Use => {
                count("refused", *index);
                rows.push(DecisionRow {
                    case: r.case,
                    criterion: Some(r.criterion.clone()),
                    ..row
                });
            }
            Event::Overseen(o) => count(o.verdict.key(), *index),
            _ => {}
        }
    }
    let claims = counted
        .into_iter()
        .map(|(of, records)| Claim {
            id: format!("use.{of}"),
            statistic: "count".into(),
            of: Some(of.to_owned()),
            n: records.len() as u64,
            records: Some(records),
            method: None,
            value: None,
            lower: None,
            upper: None,
            validated: None,
        })
        .collect();
    (rows, claims)
}

fn latest_validation(records: &[(u64, Digest, Record)]) -> Option<(u64, &Validated)> {
    records.iter().rev().find_map(|(i, _, r)| match &r.event {
        Event::Validated(v) => Some((*i, v)),
        _ => None,
    })
}

fn latest_analysis(records: &[(u64, Digest, Record)]) -> Option<(u64, &Analysed)> {
    records.iter().rev().find_map(|(i, _, r)| match &r.event {
        Event::Analysed(a) => Some((*i, a)),
        _ => None,
    })
}

/// The statistical analysis plan, the data entered for it, and what may be claimed.
fn analysis_statements(
    records: &[(u64, Digest, Record)],
    index: u64,
    analysed: &Analysed,
    cited: &mut BTreeSet<u64>,
) -> Vec<Statement> {
    let mut text = Vec::new();
    for (i, leaf, record) in records {
        match &record.event {
            Event::AnalysisPlanned(p) if *leaf == analysed.plan => {
                cited.insert(*i);
                text.push(format!(
                    "Statistical analysis plan: {}, version {}, {} (record {i}); several endpoints: {}.{}",
                    p.title,
                    p.plan_version,
                    p.plan,
                    p.multiplicity,
                    p.reason.as_ref().map_or_else(String::new, |r| format!(" It amends an earlier plan: {r}"))
                ));
            }
            Event::DataEntered(d) if *leaf == analysed.data => {
                cited.insert(*i);
                text.push(format!(
                    "Data: {} row(s) in {} file(s), entered as record {i}; entered {} time(s) before.",
                    d.files.iter().map(|f| f.rows).sum::<u64>(),
                    d.files.len(),
                    d.openings
                ));
            }
            _ => {}
        }
    }
    for endpoint in &analysed.endpoints {
        let number = |v: Option<Real>| {
            v.map_or_else(|| "not estimable".into(), |v| format!("{:.3}", v.get()))
        };
        text.push(format!(
            "{}: {} ({} to {}), n = {}{}",
            endpoint.id,
            number(endpoint.value),
            number(endpoint.lower),
            number(endpoint.upper),
            endpoint.n,
            match endpoint.shown {
                Some(true) => "; goal reached.",
                Some(false) => "; goal NOT reached.",
                None => "; described only.",
            }
        ));
    }
    text.push(match analysed.shown {
        Some(true) => format!("The plan's claim is shown (record {index})."),
        Some(false) => format!("The plan's claim is NOT shown (record {index})."),
        None => format!("The plan makes no claim (record {index})."),
    });
    vec![Statement {
        name: "Analysis by the statistical analysis plan".into(),
        text: text.join("\n\n"),
    }]
}

fn validation_statements(
    records: &[(u64, Digest, Record)],
    index: u64,
    validated: &Validated,
    cited: &mut BTreeSet<u64>,
) -> Vec<Statement> {
    cited.extend(validated.first_index..validated.end_index);
    let mut out = Vec::new();
    let mut say = |name: &str, text: String| {
        out.push(Statement {
            name: name.into(),
            text,
        })
    };
    let plan = records.iter().find_map(|(i, leaf, r)| match &r.event {
        Event::Planned(p) if *leaf == validated.plan => Some((*i, p)),
        _ => None,
    });
    if let Some((plan_index, plan)) = plan {
        cited.insert(plan_index);
        let endpoints: Vec<String> = plan
            .endpoints
            .iter()
            .map(|e| {
                format!(
                    "lower limit of {} at least {}",
                    e.statistic.replace('_', " "),
                    e.lower_bound_min
                )
            })
            .collect();
        say(
            "Plan",
            format!(
                "Record {plan_index}, sealed before the first case: split \"{}\", {} cases, cohort {}.",
                plan.split, plan.cases, plan.cohort
            ),
        );
        say(
            "Endpoints",
            format!(
                "{}; {} % intervals.",
                endpoints.join("; "),
                plan.level.get() * 100.0
            ),
        );
        say("Indeterminate answers", plan.indeterminate.clone());
    }
    let standard = records.iter().find_map(|(i, _, r)| match &r.event {
        Event::Outcome(o) if *i >= validated.first_index && *i < validated.end_index => {
            Some(o.standard.clone())
        }
        _ => None,
    });
    if let Some(standard) = standard {
        say("Reference standard", standard);
    }
    say(
        "Run",
        format!(
            "Records {} to {}: {} decided, of which {} abstained; {} refused. Results are record {index}.",
            validated.first_index,
            validated.end_index.saturating_sub(1),
            validated.decided,
            validated.abstained,
            validated.refused
        ),
    );
    let missed: Vec<String> = validated
        .results
        .iter()
        .filter(|r| !r.met)
        .map(|r| r.statistic.replace('_', " "))
        .collect();
    say(
        "Acceptance",
        if missed.is_empty() {
            "Every endpoint of the plan was met.".into()
        } else {
            format!("NOT met: {}.", missed.join(", "))
        },
    );
    out
}

fn installation(records: &[(u64, Digest, Record)], cited: &mut BTreeSet<u64>) -> Vec<Statement> {
    let last = records.iter().rev().find_map(|(i, _, r)| match &r.event {
        Event::Loaded(l) => Some((*i, l)),
        _ => None,
    });
    let Some((index, loaded)) = last else {
        return Vec::new();
    };
    cited.insert(index);
    [
        ("Model", format!("{}, package {}", loaded.model_version, loaded.model)),
        ("Engine", format!("{}; {}", loaded.engine, loaded.software)),
        (
            "Golden vectors",
            format!(
                "{} run on this machine (record {index}): largest difference {:e}, allowed {:e}: {}.",
                loaded.vectors,
                loaded.max_abs_diff.get(),
                loaded.tolerance.get(),
                if loaded.passed { "passed" } else { "FAILED" }
            ),
        ),
    ]
    .map(|(name, text)| Statement { name: name.into(), text })
    .into()
}

fn statements(file: &DeviceFile) -> Vec<Statement> {
    let (id, purpose, class) = (
        &file.identification,
        &file.intended_purpose,
        &file.classification,
    );
    let udi = id
        .basic_udi_di
        .clone()
        .unwrap_or_else(|| "none assigned".into());
    let mut rows = vec![
        (
            "Name and version",
            format!("{}, version {}", id.name, id.version),
        ),
        ("Manufacturer", id.manufacturer.clone()),
        ("Basic UDI-DI", udi),
        ("Intended purpose", purpose.statement.clone()),
        (
            "Medical purpose",
            purpose.medical_purpose.join(", ").replace('_', " "),
        ),
        ("Indications", purpose.indications.join("; ")),
        ("Target population", purpose.target_population.clone()),
        ("Intended users", purpose.intended_users.join("; ")),
        ("Contra-indications", purpose.contraindications.join("; ")),
        (
            "Class",
            format!(
                "{} by {}: {}",
                class.class.name(),
                class.rule,
                class.rationale
            ),
        ),
        ("Human oversight", file.oversight.instruction.clone()),
    ];
    if let Some(specimen) = &purpose.specimen {
        rows.insert(6, ("Specimen", specimen.clone()));
    }
    if let Some(part) = &purpose.part_of_body {
        rows.insert(6, ("Part of the body", part.clone()));
    }
    rows.into_iter()
        .map(|(name, text)| Statement {
            name: name.into(),
            text,
        })
        .collect()
}

/// The steps, the class and the rules, as the classification found them; `sealed` is the record
/// that holds them.
fn classification(report: &Report, sealed: Option<u64>) -> Vec<Statement> {
    let mut out: Vec<Statement> = report
        .steps
        .iter()
        .map(|s| Statement {
            name: s.clause.clone(),
            text: format!("{} {}: {}.", s.question, s.answer, s.because),
        })
        .collect();
    for rule in report.rules.iter().filter(|r| r.applies != Some(false)) {
        let class = rule.class.map_or("open", candour_regulation::Class::name);
        out.push(Statement {
            name: rule.id.clone(),
            text: format!("class {class}: {}.", rule.reason),
        });
    }
    let result = match (report.qualifies, report.class, &report.rule) {
        (Some(true), Some(class), Some(rule)) => format!("class {} by {rule}", class.name()),
        (Some(false), _, _) => "not a device by these steps".into(),
        _ => format!(
            "open: {} question(s) of the device file are not answered",
            report.open_questions.len()
        ),
    };
    let source = sealed.map_or_else(
        || "not sealed in this ledger".to_owned(),
        |i| format!("sealed as record {i}"),
    );
    out.push(Statement {
        name: "Result".into(),
        text: format!("{result}; {source}."),
    });
    out
}

fn evidence_words(list: &[String]) -> String {
    list.iter()
        .map(|e| e.replace(':', ": ").replace(['_', '.'], " "))
        .collect::<Vec<_>>()
        .join(", ")
}

fn met(list: &[&Requirement]) -> Vec<Met> {
    list.iter()
        .filter(|r| r.state == State::Met)
        .map(|r| Met {
            clause: r.clause.clone(),
            asks: r.title.clone(),
            by: evidence_words(&r.have),
        })
        .collect()
}

fn gaps(list: &[&Requirement]) -> Vec<Gap> {
    list.iter()
        .filter(|r| {
            matches!(
                r.state,
                State::Missing | State::Partly | State::ToSign | State::Open
            )
        })
        .map(|r| Gap {
            clause: r.clause.clone(),
            asks: r.title.clone(),
            missing: evidence_words(&r.lack),
        })
        .collect()
}

fn not_applicable(list: &[&Requirement]) -> Vec<NotApplicable> {
    list.iter()
        .filter(|r| matches!(r.state, State::NotApplicable | State::Others))
        .map(|r| NotApplicable {
            clause: r.clause.clone(),
            asks: r.title.clone(),
            reason: r.why.clone(),
        })
        .collect()
}
