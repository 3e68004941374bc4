//! Validation by a plan that is sealed before any case is decided.

use std::collections::BTreeMap;

use candour_record::{
    CaseId, DecisionOutcome, Endpoint, Event, Outcome, Planned, Purpose, Real, Record, Reference,
    StatisticResult, Validated,
};
use candour_statistics::{delong_auc, estimable, wilson_interval};
use rayon::prelude::*;

use crate::cohort::{Cohort, CohortCase, CohortError};
use crate::device::Device;
use crate::pipeline::{Processed, RunError, StudyOutcome, install, process, seal};
use crate::workspace::{Workspace, WorkspaceError, World};

const BATCH: usize = 16;

/// A validation as it was sealed.
#[derive(Clone, Debug, PartialEq)]
pub struct Validation {
    /// Index of the `Planned` record.
    pub plan_index: u64,
    /// Index of the `Validated` record.
    pub index: u64,
    /// Its members.
    pub validated: Validated,
    /// What the cohort says of each case beside its reference: column and value.
    pub attributes: BTreeMap<CaseId, BTreeMap<String, String>>,
}

/// Why a validation ended.
#[derive(Debug, thiserror::Error)]
pub enum ValidateError {
    /// As for a run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The cohort.
    #[error(transparent)]
    Cohort(#[from] CohortError),
    /// A statistic.
    #[error(transparent)]
    Statistics(#[from] candour_statistics::StatisticsError),
}

impl From<WorkspaceError> for ValidateError {
    fn from(e: WorkspaceError) -> Self {
        Self::Run(e.into())
    }
}

/// Seals the plan, decides every case, seals the reference standard beside each answer, and seals
/// the results.
///
/// # Errors
/// When the cohort is malformed, the model did not qualify, or the workspace fails.
pub fn validate(
    workspace: &mut Workspace,
    device: &Device,
    world: &World<'_>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Validation, ValidateError> {
    let cohort = Cohort::open(device)?;
    install(workspace, device, world)?;
    let plan = &device.file.validation;
    let real = |v: f64| {
        Real::new(v).ok_or_else(|| WorkspaceError::Misuse("a statistic is not a number".into()))
    };
    let planned = Record {
        at: (world.now)(),
        by: "candour".into(),
        device: Some(device.digest),
        event: Event::Planned(Planned {
            cohort: cohort.digest,
            cases: u32::try_from(cohort.cases.len()).unwrap_or(u32::MAX),
            split: plan.split.clone(),
            model: device.model.digest,
            level: real(plan.level)?,
            endpoints: plan
                .endpoints
                .iter()
                .map(|e| {
                    Ok(Endpoint {
                        statistic: e.statistic.clone(),
                        lower_bound_min: real(e.lower_bound_min)?,
                    })
                })
                .collect::<Result<_, WorkspaceError>>()?,
            indeterminate: "worst case: an abstained or refused case counts as wrong".into(),
        }),
    };
    let sealed_plan = workspace.append(&[planned])?;
    let (plan_index, plan_leaf) = sealed_plan
        .first()
        .map_or((0, candour_record::Digest::of(b"")), |s| (s.index, s.leaf));
    let first_index = workspace.ledger().size();

    let mut tally = Tally::default();
    let mut attributes = BTreeMap::new();
    for (batch, done) in cohort.cases.chunks(BATCH).zip((0..).step_by(BATCH)) {
        progress(done, cohort.cases.len());
        let processed = batch
            .par_iter()
            .map(|case| {
                let mut answer = process(workspace, device, world, case.arrival(), Purpose::Validation)?;
                let pseudonym = answer.case.ok_or_else(|| {
                    WorkspaceError::Misuse("a case of the cohort cannot be read; mend the cohort, the plan stays sealed without a result".into())
                })?;
                let at = answer.records.last().map_or_else(|| (world.now)(), |r| r.at);
                answer.records.push(Record {
                    at,
                    by: "candour".into(),
                    device: Some(device.digest),
                    event: Event::Outcome(Outcome {
                        case: pseudonym,
                        reference: case.reference,
                        standard: plan.reference_standard.clone(),
                        purpose: Purpose::Validation,
                    }),
                });
                Ok((answer, case))
            })
            .collect::<Result<Vec<(Processed, &CohortCase)>, WorkspaceError>>()?;
        for (answer, listed) in &processed {
            if let Some(case) = answer.case {
                tally
                    .cases
                    .insert(case, (listed.reference, answer.outcome.clone()));
                attributes.insert(case, listed.attributes.clone());
            }
        }
        seal(workspace, processed.into_iter().map(|(p, _)| p).collect())?;
    }
    progress(cohort.cases.len(), cohort.cases.len());
    if tally.cases.len() != cohort.cases.len() {
        return Err(WorkspaceError::Misuse(
            "two cases of the cohort are one study; list each study once".into(),
        )
        .into());
    }
    let validated = Validated {
        plan: plan_leaf,
        first_index,
        end_index: workspace.ledger().size(),
        decided: tally.count(|o| matches!(o, StudyOutcome::Decided { .. })),
        abstained: tally.count(|o| {
            matches!(
                o,
                StudyOutcome::Decided {
                    outcome: DecisionOutcome::Abstained,
                    ..
                }
            )
        }),
        refused: tally.count(|o| matches!(o, StudyOutcome::Refused(_))),
        results: tally.results(device)?,
    };
    let record = Record {
        at: (world.now)(),
        by: "candour".into(),
        device: Some(device.digest),
        event: Event::Validated(validated.clone()),
    };
    let sealed = workspace.append(&[record])?;
    Ok(Validation {
        plan_index,
        index: sealed.first().map_or(0, |s| s.index),
        validated,
        attributes,
    })
}

#[derive(Default)]
struct Tally {
    cases: BTreeMap<CaseId, (Reference, StudyOutcome)>,
}

impl Tally {
    fn count(&self, which: impl Fn(&StudyOutcome) -> bool) -> u32 {
        u32::try_from(self.cases.values().filter(|(_, o)| which(o)).count()).unwrap_or(u32::MAX)
    }

    /// The planned statistics and, beside each proportion, the complete-case one: without abstained
    /// and refused cases, never an endpoint.
    fn results(&self, device: &Device) -> Result<Vec<StatisticResult>, ValidateError> {
        let plan = &device.file.validation;
        let mut results = Vec::new();
        for endpoint in &plan.endpoints {
            let reach = |lower: Option<f64>| lower.is_some_and(|l| l >= endpoint.lower_bound_min);
            if endpoint.statistic == "auc" {
                let (positive, negative) = self.scores();
                let auc = estimable(delong_auc(&positive, &negative, plan.level))?;
                let numbers = auc.map(|a| (a.value, a.interval.lower, a.interval.upper));
                results.push(result(
                    "auc",
                    "delong",
                    numbers,
                    self.cases.len(),
                    reach(numbers.map(|n| n.1)),
                ));
                continue;
            }
            let reference = if endpoint.statistic == "sensitivity" {
                Reference::Positive
            } else {
                Reference::Negative
            };
            let right = if reference == Reference::Positive {
                DecisionOutcome::Finding
            } else {
                DecisionOutcome::NoFinding
            };
            for complete in [false, true] {
                let mine: Vec<&StudyOutcome> = self
                    .cases
                    .values()
                    .filter(|(r, _)| *r == reference)
                    .map(|(_, o)| o)
                    .filter(|o| {
                        !complete || matches!(o, StudyOutcome::Decided { outcome, .. } if *outcome != DecisionOutcome::Abstained)
                    })
                    .collect();
                let good = mine
                    .iter()
                    .filter(
                        |o| matches!(o, StudyOutcome::Decided { outcome, .. } if *outcome == right),
                    )
                    .count();
                let p = wilson_interval(good as u64, mine.len() as u64, plan.level)?;
                let numbers = p.map(|p| (p.value, p.interval.lower, p.interval.upper));
                let name = if complete {
                    format!("{}_complete_case", endpoint.statistic)
                } else {
                    endpoint.statistic.clone()
                };
                results.push(result(
                    &name,
                    "wilson",
                    numbers,
                    mine.len(),
                    complete || reach(numbers.map(|n| n.1)),
                ));
            }
        }
        Ok(results)
    }

    /// Probabilities by reference; a refused case ranks worst.
    fn scores(&self) -> (Vec<f64>, Vec<f64>) {
        let (mut positive, mut negative) = (Vec::new(), Vec::new());
        for (reference, outcome) in self.cases.values() {
            let (list, worst) = match reference {
                Reference::Positive => (&mut positive, f64::NEG_INFINITY),
                Reference::Negative => (&mut negative, f64::INFINITY),
            };
            list.push(match outcome {
                StudyOutcome::Decided { probability, .. } => *probability,
                StudyOutcome::Refused(_) => worst,
            });
        }
        (positive, negative)
    }
}

fn result(
    statistic: &str,
    method: &str,
    numbers: Option<(f64, f64, f64)>,
    n: usize,
    met: bool,
) -> StatisticResult {
    let part = |pick: fn((f64, f64, f64)) -> f64| numbers.and_then(|n| Real::new(pick(n)));
    StatisticResult {
        statistic: statistic.to_owned(),
        method: method.to_owned(),
        value: part(|n| n.0),
        lower: part(|n| n.1),
        upper: part(|n| n.2),
        n: u32::try_from(n).unwrap_or(u32::MAX),
        met,
    }
}
