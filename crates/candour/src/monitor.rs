//! `candour monitor`: the sealed decisions of a workspace, watched for drift.

use std::collections::BTreeSet;

use candour_device::{SealedCase, sealed_cases};
use candour_record::{
    DecisionOutcome, Event, MonitorReading, Monitored, Purpose, Real, Record, Reference, Timestamp,
    Verdict,
};
use candour_statistics::{Curve, Figure};
use candour_validation::document::{Block, Document, Entry, Section, Tone};
use candour_validation::monitor::{BUILT_IN, Monitoring, Reading, Times, Watched, readings};
use candour_validation::plan::PLAN_BYTES_MAX;
use candour_validation::plot;
use candour_validation::report::{self, digits};
use serde_json::json;

use crate::commands::open_existing;
use crate::failure::Failure;
use crate::statistics::read_file;
use crate::world::{SOFTWARE, world};
use crate::{Done, cli, say};

pub(crate) fn monitor(args: &cli::Monitor) -> Done {
    let (file, text) = match &args.plan {
        None => ("built-in design".to_owned(), BUILT_IN.to_owned()),
        Some(path) => {
            let bytes = read_file(path, PLAN_BYTES_MAX)?;
            let name = path
                .file_name()
                .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
            let text = String::from_utf8(bytes)
                .map_err(|_| Failure::Misuse(format!("{name}: is not UTF-8; save it as UTF-8")))?;
            (name, text)
        }
    };
    let design = Monitoring::read(&file, &text).map_err(|e| Failure::Misuse(e.to_string()))?;
    let mut workspace = open_existing(&args.workspace)?;
    let records: Vec<(u64, Record)> = (0u64..)
        .zip(workspace.ledger().records()?)
        .map(|(i, (_, r))| (i, r))
        .collect();
    let (model, used) = of_one_model(sealed_cases(&records, Purpose::Use), args.model.as_deref())?;
    let validated: Vec<SealedCase> = sealed_cases(&records, Purpose::Validation)
        .into_iter()
        .filter(|c| c.model_version == model)
        .collect();
    // The device file in force; where it was amended on the way, none is the one.
    let device = used
        .first()
        .map(|c| c.device)
        .filter(|d| used.iter().all(|c| c.device == *d))
        .flatten();
    let now = (world().now)();
    let last = records.iter().rev().find_map(|(_, r)| match &r.event {
        Event::Monitored(m) if m.model_version == model => Some((m.end_index, month(&r.at))),
        _ => None,
    });
    let times = Times {
        since: last.as_ref().map_or(0, |(end, _)| *end),
        last: last.map(|(_, month)| month),
        now: month(&now),
    };
    let used = watched(&used);
    let validated = watched(&validated);
    let list = readings(&design, &file, &used, &validated, &times)
        .map_err(|e| Failure::Misuse(e.to_string()))?;
    let end = records.len() as u64;
    let expected: Vec<f64> = list
        .iter()
        .filter_map(|r| r.false_alarms_per_year)
        .collect();
    let budget = (!expected.is_empty()).then(|| expected.iter().sum::<f64>());
    let real = |v: Option<f64>| v.and_then(Real::new);
    let record = Record {
        at: now,
        by: "candour".into(),
        device,
        event: Event::Monitored(Monitored {
            model_version: model.clone(),
            first_index: used.first().map_or(0, |w| w.index),
            end_index: end,
            decisions: used.len() as u64,
            readings: list
                .iter()
                .map(|r| MonitorReading {
                    watched: r.id.clone(),
                    statistic: r.statistic.clone(),
                    value: real(r.value),
                    limit: real(r.limit),
                    n: r.n as u64,
                    alarm: r.alarm,
                })
                .collect(),
            false_alarms_per_year: real(budget),
            software: SOFTWARE.into(),
        }),
    };
    let at = record.at;
    let sealed = workspace.append(&[record])?;
    let index = sealed.first().map_or(0, |s| s.index);
    let page = page(&model, &list, used.len(), budget, (index, at));
    let dir = workspace.dir.join("monitoring");
    std::fs::create_dir_all(&dir)
        .map_err(|e| Failure::Storage(format!("{}: {e}", dir.display())))?;
    let path = dir.join(format!("record-{index}.html"));
    candour_device::write_atomic(&path, report::html(&page).as_bytes())?;
    if args.json {
        say(serde_json::to_string_pretty(&json!({"record": index, "model": model, "decisions": used.len(), "false_alarms_per_year": budget, "readings": list, "page": path.display().to_string()})).unwrap_or_default());
    } else {
        say(format_args!(
            "{} decisions in use of {model}, sealed as record {index}",
            used.len()
        ));
        for reading in &list {
            say(line(reading));
        }
        if let Some(b) = budget {
            say(format_args!(
                "expected false alarms a year by design, of those charts that have one: {}",
                digits(b)
            ));
        }
        say(format_args!("wrote {}", path.display()));
    }
    if list.iter().any(|r| r.alarm || r.unjudged) {
        return Err(Failure::Wrong(
            "a monitor alarms or cannot be judged; look at the page, and open a problem report"
                .into(),
        ));
    }
    Ok(())
}

/// The decisions of one model: the named one, or the only one there is. Drift between two models is
/// no drift.
fn of_one_model(
    mut cases: Vec<SealedCase>,
    named: Option<&str>,
) -> Result<(String, Vec<SealedCase>), Failure> {
    let models: BTreeSet<String> = cases.iter().map(|c| c.model_version.clone()).collect();
    let list = || {
        models
            .iter()
            .map(|m| format!("`{m}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let model = match (named, models.len()) {
        (Some(name), _) if models.contains(name) => name.to_owned(),
        (Some(name), 0) => name.to_owned(),
        (Some(_), _) => {
            return Err(Failure::Misuse(format!(
                "--model: no decision in use is by this model; there are {}",
                list()
            )));
        }
        (None, 0 | 1) => models.first().cloned().unwrap_or_default(),
        (None, _) => {
            return Err(Failure::Misuse(format!(
                "the workspace holds decisions of several models; name the one to watch with --model: {}",
                list()
            )));
        }
    };
    cases.retain(|c| c.model_version == model);
    Ok((model, cases))
}

/// The month of a time, such as `2026-11`.
fn month(at: &impl ToString) -> String {
    at.to_string().chars().take(7).collect()
}

fn watched(cases: &[SealedCase]) -> Vec<Watched> {
    cases
        .iter()
        .map(|c| Watched {
            index: c.index,
            month: month(&c.at),
            refused: c.outcome.is_none(),
            call: match c.outcome {
                Some(DecisionOutcome::Finding) => Some(true),
                Some(DecisionOutcome::NoFinding) => Some(false),
                _ => None,
            },
            probability: c.probability,
            truth: c.reference.map(|r| r == Reference::Positive),
            overruled: c.verdict.map(|v| v == Verdict::Overrule),
            known_at: c.known_at,
        })
        .collect()
}

fn line(r: &Reading) -> String {
    let value = match (r.value, &r.not_estimable) {
        (Some(v), _) => digits(v),
        (None, Some(why)) => format!("not judged: {why}"),
        (None, None) => "not estimable".into(),
    };
    let limit = r
        .limit
        .map_or_else(String::new, |l| format!(", limit {}", digits(l)));
    let alarm = match (r.alarm, r.alarmed_at) {
        (true, Some(at)) => format!("  ALARM (decision of record {at})"),
        (true, None) => "  ALARM".into(),
        (false, Some(at)) => format!("  alarmed before (record {at})"),
        (false, None) => String::new(),
    };
    let open = match &r.open {
        Some(o) if o.beyond => format!("  provisional: {} beyond its limits so far", o.month),
        _ => String::new(),
    };
    format!(
        "{:<32} {:<16} {value}{limit}, n = {}{alarm}{open}",
        r.id, r.statistic, r.n
    )
}

/// The verdict over all readings. That nothing alarms is good news only where everything was judged.
fn verdict(list: &[Reading]) -> (Tone, String) {
    let alarms = list.iter().filter(|r| r.alarm || r.unjudged).count();
    let silent = list.iter().filter(|r| r.value.is_none()).count();
    if alarms > 0 {
        let text = format!(
            "{alarms} of {} monitors alarm or cannot be judged.",
            list.len()
        );
        (Tone::Bad, text)
    } else if silent > 0 {
        let text = format!(
            "No monitor alarms; {silent} of {} could not be judged.",
            list.len()
        );
        (Tone::Plain, text)
    } else {
        (Tone::Good, "No monitor alarms.".into())
    }
}

fn page(
    model: &str,
    list: &[Reading],
    decisions: usize,
    budget: Option<f64>,
    (index, at): (u64, Timestamp),
) -> Document {
    let items = list
        .iter()
        .map(|r| {
            let mut blocks = vec![Block::Verdict {
                tone: if r.alarm || r.unjudged {
                    Tone::Bad
                } else {
                    Tone::Plain
                },
                text: line(r),
            }];
            if let Some(f) = r.false_alarms_per_year {
                blocks.push(Block::paragraph(format!(
                    "Expected false alarms a year by design: {}.",
                    digits(f)
                )));
            }
            if let Some(answer) = &r.answer {
                let curves: Vec<&Curve> = answer
                    .curves
                    .iter()
                    .filter(|c| c.figure == Figure::ControlChart)
                    .collect();
                if let Some(drawing) = plot::draw(Figure::ControlChart, &curves) {
                    blocks.push(Block::Figure {
                        caption: r.id.clone(),
                        alt: drawing.alt,
                        svg: drawing.svg,
                    });
                }
                let rest = candour_statistics::Answer {
                    curves: answer
                        .curves
                        .iter()
                        .filter(|c| c.figure != Figure::ControlChart)
                        .cloned()
                        .collect(),
                    ..answer.clone()
                };
                report::answer_blocks(&rest, &r.id, &mut blocks);
            }
            Entry {
                key: r.id.clone(),
                heading: r.id.clone(),
                numbers: r.statistic.clone(),
                blocks,
            }
        })
        .collect();
    Document {
        title: "Surveillance of sealed decisions".into(),
        facts: vec![
            ("Model".into(), model.to_owned()),
            ("Decisions in use".into(), decisions.to_string()),
            ("Sealed".into(), format!("record {index} at {at}")),
            (
                "False alarms".into(),
                budget.map_or_else(
                    || "no chart here has a designed run length".into(),
                    |b| {
                        format!(
                            "{} expected a year by design, of the charts that have one",
                            digits(b)
                        )
                    },
                ),
            ),
            ("Software".into(), SOFTWARE.into()),
        ],
        verdict: verdict(list),
        sections: vec![Section {
            heading: "Monitors".into(),
            items,
        }],
    }
}
