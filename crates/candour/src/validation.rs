//! `candour validate`: a plan, then the data, then the answer, each sealed in that order where there
//! is a workspace; a report as HTML and PDF.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use candour_device::{Device, SealedCase, Validation, Workspace, sealed_cases};
use candour_dossier::render_report;
use candour_record::{
    Analysed, AnalysedEndpoint, AnalysisPlanned, DataEntered, Digest, EnteredFile, Event,
    PlannedEndpoint, Purpose, Real, Record,
};
use candour_validation::analysis::{self, Analysis, AnalysisError, DataFile, Flow};
use candour_validation::draft::draft;
use candour_validation::masks;
use candour_validation::plan::{PLAN_BYTES_MAX, Plan};
use candour_validation::report::{self, MASKS, Seal};
use candour_validation::site;
use candour_validation::table::Table;
use serde_json::json;

use crate::commands::{self, bar};
use crate::failure::Failure;
use crate::statistics::{read_file, read_table};
use crate::world::{SOFTWARE, world};
use crate::{Done, cli, say, warn};

/// The plan of a device, beside its device file.
pub(crate) const DEVICE_PLAN: &str = "validation.toml";

/// A plan as it was read.
pub(crate) struct Opened {
    pub(crate) plan: Plan,
    bytes: Vec<u8>,
}

pub(crate) fn open(path: &Path) -> Result<Opened, Failure> {
    let bytes = read_file(path, PLAN_BYTES_MAX)?;
    let name = path
        .file_name()
        .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let plan = Plan::read(&name, &bytes).map_err(|e| Failure::Misuse(e.to_string()))?;
    Ok(Opened { plan, bytes })
}

impl From<AnalysisError> for Failure {
    fn from(e: AnalysisError) -> Self {
        match e {
            AnalysisError::Table(e) => Self::Unreadable(e.to_string()),
            other => Self::Misuse(other.to_string()),
        }
    }
}

/// A plan that is sealed: its record and leaf.
struct SealedPlan {
    index: u64,
    leaf: Digest,
    at: candour_record::Timestamp,
    amends: Option<u64>,
}

/// Seals a plan, or finds the record in which it was sealed before. A plan that changed must say
/// what it amends and why.
fn seal_plan(
    workspace: &mut Workspace,
    plan: &Plan,
    device: Option<Digest>,
) -> Result<SealedPlan, Failure> {
    let mut amended: Option<(u64, Digest)> = None;
    let mut same_title: Option<(u64, Digest)> = None;
    for (index, (leaf, record)) in (0u64..).zip(workspace.ledger().records()?) {
        let Event::AnalysisPlanned(known) = &record.event else {
            continue;
        };
        if known.plan == plan.digest {
            let amends = match known.amends {
                Some(old) => position(workspace, old)?,
                None => None,
            };
            return Ok(SealedPlan {
                index,
                leaf,
                at: record.at,
                amends,
            });
        }
        if plan.amends.as_ref().is_some_and(|a| a.plan == known.plan) {
            amended = Some((index, leaf));
        }
        if known.title == plan.title {
            same_title = Some((index, known.plan));
        }
    }
    match (&plan.amends, amended, same_title) {
        (Some(a), None, _) => {
            return Err(Failure::Misuse(format!(
                "{}: amendment.of is {}, which this workspace never sealed; name the digest of the plan that it amends",
                plan.file, a.plan
            )));
        }
        (None, _, Some((index, digest))) => {
            return Err(Failure::Misuse(format!(
                "{}: a plan of this title was sealed as record {index} and has changed since; a changed plan is an amendment: add\n[amendment]\nof = \"{digest}\"\nreason = \"...\"\nor give a plan for other data another title",
                plan.file
            )));
        }
        _ => {}
    }
    let record = Record {
        at: (world().now)(),
        by: "candour".into(),
        device,
        event: Event::AnalysisPlanned(AnalysisPlanned {
            plan: plan.digest,
            title: plan.title.clone(),
            plan_version: plan.version.clone(),
            amends: amended.map(|(_, leaf)| leaf),
            reason: plan.amends.as_ref().map(|a| a.reason.clone()),
            endpoints: plan
                .endpoints
                .iter()
                .map(|e| PlannedEndpoint {
                    id: e.id.clone(),
                    line: u32::try_from(e.line).unwrap_or(u32::MAX),
                    statistic: e.statistic.clone(),
                    weight: match e.weight {
                        candour_validation::plan::Weight::Primary => "primary",
                        candour_validation::plan::Weight::Secondary => "secondary",
                        candour_validation::plan::Weight::Exploratory => "exploratory",
                    }
                    .into(),
                    goal: e.goal.map(|g| g.to_string()),
                })
                .collect(),
            multiplicity: plan.multiplicity.method.word().into(),
        }),
    };
    let at = record.at;
    let sealed = workspace.append(&[record])?;
    let first = sealed
        .first()
        .ok_or_else(|| Failure::Storage("the plan was not sealed".into()))?;
    Ok(SealedPlan {
        index: first.index,
        leaf: first.leaf,
        at,
        amends: amended.map(|(index, _)| index),
    })
}

fn position(workspace: &Workspace, leaf: Digest) -> Result<Option<u64>, Failure> {
    Ok((0u64..)
        .zip(workspace.ledger().records()?)
        .find(|(_, (l, _))| *l == leaf)
        .map(|(i, _)| i))
}

/// The folder of the report where none is named.
const OUT: &str = "validation-report";

/// Data that were entered: where, and what the ledger held of them before.
struct SealedData {
    index: u64,
    leaf: Digest,
    at: candour_record::Timestamp,
    openings: u32,
    first_seen: u64,
    answers: u32,
}

/// Seals that data were entered for a plan, and how often some of these files, or of these decisions,
/// had been before.
fn seal_data(
    workspace: &mut Workspace,
    plan: &SealedPlan,
    files: &[DataFile],
    range: Option<(u64, u64)>,
    device: Option<Digest>,
) -> Result<SealedData, Failure> {
    let (mut openings, mut answers) = (0u32, 0u32);
    let mut first_seen = range.map(|r| r.0);
    for (index, (_, record)) in (0u64..).zip(workspace.ledger().records()?) {
        let Event::DataEntered(known) = &record.event else {
            continue;
        };
        let file = known
            .files
            .iter()
            .any(|f| files.iter().any(|g| g.digest == f.digest));
        let overlap = match (range, known.first_index, known.end_index) {
            (Some((from, to)), Some(first), Some(end)) => first < to && from < end,
            _ => false,
        };
        if file || overlap {
            openings = openings.saturating_add(1);
            first_seen = Some(first_seen.map_or(index, |f| f.min(index)));
        }
        if known.plan == plan.leaf {
            answers = answers.saturating_add(1);
        }
    }
    let record = Record {
        at: (world().now)(),
        by: "candour".into(),
        device,
        event: Event::DataEntered(DataEntered {
            plan: plan.leaf,
            files: files
                .iter()
                .map(|f| EnteredFile {
                    digest: f.digest,
                    rows: f.rows as u64,
                })
                .collect(),
            first_index: range.map(|r| r.0),
            end_index: range.map(|r| r.1),
            openings,
        }),
    };
    let at = record.at;
    let sealed = workspace.append(&[record])?;
    let first = sealed
        .first()
        .ok_or_else(|| Failure::Storage("the data were not sealed".into()))?;
    Ok(SealedData {
        index: first.index,
        leaf: first.leaf,
        at,
        openings,
        first_seen: first_seen.unwrap_or(first.index),
        answers,
    })
}

/// What a result comes to in a record.
fn analysed(plan: &SealedPlan, data: Digest, analysis: &Analysis, result: Digest) -> Event {
    let real = |v: Option<f64>| v.and_then(Real::new);
    Event::Analysed(Analysed {
        plan: plan.leaf,
        data,
        rows: analysis.flow.analysed as u64,
        endpoints: analysis
            .endpoints
            .iter()
            .map(|e| AnalysedEndpoint {
                id: e.id.clone(),
                definition: e.number.definition.clone(),
                value: real(e.number.value),
                lower: real(e.number.interval.map(|i| i.lower)),
                upper: real(e.number.interval.map(|i| i.upper)),
                level: real(e.number.interval.map(|i| i.level)),
                method: e.number.interval_method.clone(),
                n: e.number.n,
                shown: analysis
                    .decisions
                    .iter()
                    .find(|d| d.endpoint == e.id)
                    .map(|d| d.shown)
                    .or(e.met),
            })
            .collect(),
        shown: analysis.shown,
        result,
        software: SOFTWARE.into(),
    })
}

/// An analysis with its files.
pub(crate) struct Answered {
    pub(crate) analysis: Analysis,
    pub(crate) result: Vec<u8>,
    pub(crate) seal: Option<Seal>,
    manifest: Option<Vec<u8>>,
}

/// Analyses the tables by the plan with a progress bar; `folder` is where masks are looked for. What
/// comparing masks gives is added to the table.
fn analyse(
    plan: &Plan,
    data: &mut Entered,
    folder: &Path,
    notes: &[String],
) -> Result<(Analysis, Vec<u8>), Failure> {
    compare_masks(plan, &mut data.table, folder, &data.masks)?;
    let bar = bar("analysing");
    let (files, flow) = (data.files.clone(), data.flow.clone());
    let answer = analysis::analyse(plan, files, &data.table, flow, &mut |done, of| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let mut analysis = answer?;
    analysis.notes.extend_from_slice(notes);
    let mut result = serde_json::to_vec_pretty(&analysis)
        .map_err(|e| Failure::Storage(format!("the result cannot be written: {e}")))?;
    result.push(b'\n');
    Ok((analysis, result))
}

/// Data as they are entered: the joined table, what is told of the files, and the digests of the masks.
struct Entered {
    table: Table,
    flow: Flow,
    files: Vec<DataFile>,
    /// Of each row: the digests of its reference and its predicted mask.
    masks: Vec<[Digest; 2]>,
    /// The same as text, which a report brings along as [`MASKS`].
    manifest: Option<Vec<u8>>,
}

/// Joins the tables and takes the digests of the masks that they name, so that what is sealed stands
/// for every byte of the data.
fn enter(plan: &Plan, tables: &[Table], folder: &Path) -> Result<Entered, Failure> {
    let mut files: Vec<DataFile> = tables.iter().map(DataFile::of).collect();
    let (table, flow) = analysis::assemble(plan, tables)?;
    let mut masks = Vec::new();
    let mut manifest = None;
    if let Some(spec) = &plan.segmentation {
        let references = table.column(&spec.reference).map_err(AnalysisError::from)?;
        let predictions = table
            .column(&spec.prediction)
            .map_err(AnalysisError::from)?;
        let bar = bar("digests of masks");
        bar.set_length(references.len() as u64);
        let mut text = String::new();
        for (row, (reference, prediction)) in references.iter().zip(predictions).enumerate() {
            let pair = [
                Digest::of(&mask_bytes(&table, row, folder, "reference", reference)?),
                Digest::of(&mask_bytes(&table, row, folder, "predicted", prediction)?),
            ];
            // Names of mask files may be personal: the row says which masks they are.
            let _ = writeln!(
                text,
                "row {}: reference {}, predicted {}",
                table.place(row),
                pair[0],
                pair[1]
            );
            masks.push(pair);
            bar.inc(1);
        }
        bar.finish_and_clear();
        let bytes = text.into_bytes();
        files.push(DataFile {
            name: MASKS.into(),
            digest: Digest::of(&bytes),
            bytes: bytes.len() as u64,
            rows: masks.len(),
        });
        manifest = Some(bytes);
    }
    Ok(Entered {
        table,
        flow,
        files,
        masks,
        manifest,
    })
}

fn mask_bytes(
    table: &Table,
    row: usize,
    folder: &Path,
    which: &str,
    name: &str,
) -> Result<Vec<u8>, Failure> {
    let place =
        |what: String| Failure::Unreadable(table.fault(Some(table.place(row)), what).to_string());
    let inside = !name.is_empty()
        && !Path::new(name).is_absolute()
        && name.split(['/', '\\']).all(|p| p != "..");
    if !inside {
        return Err(place(format!(
            "the path of the {which} mask is empty or leaves the data file's folder; give one below it"
        )));
    }
    // The file's name may be personal; the row says which one it is.
    read_file(&folder.join(name), masks::MASK_BYTES_MAX)
        .map_err(|_| place(format!("the {which} mask cannot be read; check its path")))
}

/// Adds the columns that comparing masks gives, where the plan compares any.
fn compare_masks(plan: &Plan, table: &mut Table, folder: &Path, digests: &[[Digest; 2]]) -> Done {
    let Some(spec) = &plan.segmentation else {
        return Ok(());
    };
    let options = masks::options(&spec.settings).map_err(|e| Failure::Misuse(e.to_string()))?;
    let references: Vec<String> = table
        .column(&spec.reference)
        .map_err(AnalysisError::from)?
        .to_vec();
    let predictions: Vec<String> = table
        .column(&spec.prediction)
        .map_err(AnalysisError::from)?
        .to_vec();
    let bar = bar("comparing masks");
    bar.set_length(references.len() as u64);
    let mut columns: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (row, (reference, prediction)) in references.iter().zip(&predictions).enumerate() {
        let place = |what: String| {
            Failure::Unreadable(table.fault(Some(table.place(row)), what).to_string())
        };
        let read = |which: &str, name: &str, known: Option<&Digest>| {
            let bytes = mask_bytes(table, row, folder, which, name)?;
            if known != Some(&Digest::of(&bytes)) {
                return Err(place(format!(
                    "the {which} mask changed while it was being read; leave the data alone during an analysis"
                )));
            }
            Ok(bytes)
        };
        let known = digests.get(row);
        let comparison = masks::compare_files(
            &read("reference", reference, known.map(|k| &k[0]))?,
            &read("predicted", prediction, known.map(|k| &k[1]))?,
            spec.label,
            &options,
        )
        .map_err(|e| place(e.to_string()))?;
        for (column, value) in masks::cells(&comparison) {
            columns
                .entry(column)
                .or_default()
                .push(value.map_or_else(String::new, |v| v.to_string()));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    for name in masks::COLUMNS {
        if let Some(cells) = columns.remove(name) {
            table.add(name, cells).map_err(AnalysisError::from)?;
        }
    }
    Ok(())
}

/// Writes report and result into `out`; gives the paths.
fn write_reports(
    opened: &Opened,
    answered: &Answered,
    out: &Path,
) -> Result<Vec<PathBuf>, Failure> {
    let fail =
        |path: &Path, e: std::io::Error| Failure::Storage(format!("{}: {e}", path.display()));
    std::fs::create_dir_all(out).map_err(|e| fail(out, e))?;
    let digest = Digest::of(&answered.result);
    let document = report::report(
        &opened.plan,
        &answered.analysis,
        digest,
        answered.seal.as_ref(),
        SOFTWARE,
    );
    let at = answered
        .seal
        .as_ref()
        .map_or_else(|| (world().now)(), |s| s.result.1);
    let model = serde_json::to_vec(&document)
        .map_err(|e| Failure::Storage(format!("the report cannot be encoded: {e}")))?;
    let pdf = render_report(
        model,
        answered.result.clone(),
        (&opened.plan.file, opened.bytes.clone()),
        digest.to_string(),
        at,
    )?;
    let mut files = vec![
        ("report.html", report::html(&document).into_bytes()),
        ("report.pdf", pdf),
        ("result.json", answered.result.clone()),
    ];
    files.extend(answered.manifest.clone().map(|m| (MASKS, m)));
    // An older report goes first: a folder must never hold pieces of two.
    for name in ["report.html", "report.pdf", "result.json", MASKS] {
        let path = out.join(name);
        if path.exists() {
            std::fs::remove_file(&path).map_err(|e| fail(&path, e))?;
        }
    }
    let mut paths = Vec::new();
    for (name, bytes) in files {
        let path = out.join(name);
        if let Err(e) = candour_device::write_atomic(&path, &bytes) {
            for written in &paths {
                let _ = std::fs::remove_file(written);
            }
            return Err(e.into());
        }
        paths.push(path);
    }
    Ok(paths)
}

pub(crate) fn lines(plan: &Plan, analysis: &Analysis) -> Vec<String> {
    let width = plan
        .endpoints
        .iter()
        .map(|e| e.id.chars().count())
        .max()
        .unwrap_or(0);
    let mut out: Vec<String> = analysis
        .endpoints
        .iter()
        .map(|r| {
            let decision = analysis.decisions.iter().find(|d| d.endpoint == r.id);
            let verdict = match (decision.map(|d| d.shown), r.met) {
                (Some(true), _) => "  goal reached",
                (Some(false), _) => "  goal NOT REACHED",
                (None, Some(true)) => "  goal reached (not decisive)",
                (None, Some(false)) => "  goal not reached (not decisive)",
                (None, None) => "",
            };
            format!(
                "{:<width$}  {}, n = {}{verdict}  [plan line {}]",
                r.id,
                report::estimate(&r.number),
                r.number.n,
                r.line
            )
        })
        .collect();
    for group in &analysis.subgroups {
        let levels: Vec<String> = group
            .levels
            .iter()
            .map(|l| {
                format!(
                    "{} {}",
                    l.name,
                    l.number
                        .value
                        .map_or_else(|| "not estimable".into(), report::digits)
                )
            })
            .collect();
        let p = group.interaction.as_ref().map_or_else(String::new, |i| {
            format!("; interaction p {}", report::p_words(i.p))
        });
        out.push(format!(
            "{} by {}: {}{p}",
            group.endpoint,
            group.title,
            levels.join(", ")
        ));
    }
    out
}

fn conclude(analysis: &Analysis) -> Done {
    let of = analysis.decisions.len();
    match analysis.decisions.iter().filter(|d| d.shown).count() {
        met if met == of => Ok(()),
        0 => Err(Failure::Wrong("the plan's goals are not shown".into())),
        met => Err(Failure::Wrong(format!(
            "{met} of {of} goals of the plan are shown"
        ))),
    }
}

/// Analyses sealed decisions by a plan and seals the result; `attributes` are further columns by case.
fn on_sealed(
    workspace: &mut Workspace,
    opened: &Opened,
    sealed_plan: &SealedPlan,
    cases: &[SealedCase],
    attributes: &BTreeMap<String, BTreeMap<String, String>>,
    device: Option<Digest>,
    out: Option<&Path>,
) -> Result<(Answered, Vec<PathBuf>), Failure> {
    let names: BTreeSet<&String> = attributes.values().flat_map(BTreeMap::keys).collect();
    let mut columns: Vec<&str> = SealedCase::COLUMNS.to_vec();
    columns.extend(names.iter().map(|n| n.as_str()));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let write = |writer: &mut csv::Writer<Vec<u8>>, row: &[String]| {
        writer
            .write_record(row)
            .map_err(|e| Failure::Storage(format!("the sealed decisions cannot be listed: {e}")))
    };
    write(
        &mut writer,
        &columns.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>(),
    )?;
    for case in cases {
        let mut row = case.cells();
        let own = case.case.and_then(|c| attributes.get(&c.to_string()));
        row.extend(
            names
                .iter()
                .map(|n| own.and_then(|o| o.get(*n)).cloned().unwrap_or_default()),
        );
        write(&mut writer, &row)?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|e| Failure::Storage(format!("the sealed decisions cannot be listed: {e}")))?;
    if cases.is_empty() {
        return Err(Failure::Misuse(
            "no sealed decision of this kind is in the workspace".into(),
        ));
    }
    let range = (
        cases.iter().map(|c| c.index).min().unwrap_or(0),
        cases.iter().map(|c| c.index + 1).max().unwrap_or(0),
    );
    let table = Table::read("sealed-decisions.csv", bytes.clone())
        .map_err(|e| Failure::Unreadable(e.to_string()))?;
    let mut notes = Vec::new();
    let changed = cases
        .iter()
        .filter(|c| c.reference_changed)
        .map(|c| c.case)
        .collect::<BTreeSet<_>>()
        .len();
    if changed > 0 {
        notes.push(format!(
            "Of {changed} case(s) the reference standard was sealed more than once and not always alike; the latest counts here, the earlier ones stay in the ledger."
        ));
    }
    let answered = answer_sealed(
        workspace,
        opened,
        sealed_plan,
        &mut enter(&opened.plan, &[table], Path::new("."))?,
        Path::new("."),
        (Some(range), device),
        &notes,
    )?;
    let index = answered.seal.as_ref().map_or(0, |s| s.result.0);
    let out = out.map_or_else(
        || {
            workspace
                .dir
                .join("validation")
                .join(format!("record-{index}"))
        },
        Path::to_path_buf,
    );
    let mut paths = write_reports(opened, &answered, &out)?;
    let data = out.join("sealed-decisions.csv");
    candour_device::write_atomic(&data, &bytes)?;
    paths.push(data);
    Ok((answered, paths))
}

fn answer_sealed(
    workspace: &mut Workspace,
    opened: &Opened,
    sealed_plan: &SealedPlan,
    entered: &mut Entered,
    folder: &Path,
    (range, device): (Option<(u64, u64)>, Option<Digest>),
    notes: &[String],
) -> Result<Answered, Failure> {
    let data = seal_data(workspace, sealed_plan, &entered.files, range, device)?;
    let (analysis, result) = analyse(&opened.plan, entered, folder, notes)?;
    let record = Record {
        at: (world().now)(),
        by: "candour".into(),
        device,
        event: analysed(sealed_plan, data.leaf, &analysis, Digest::of(&result)),
    };
    let at = record.at;
    let sealed = workspace.append(&[record])?;
    let index = sealed.first().map_or(0, |s| s.index);
    Ok(Answered {
        analysis,
        result,
        seal: Some(Seal {
            ledger: workspace.ledger().vkey().name().to_owned(),
            plan: (sealed_plan.index, sealed_plan.at),
            data: (data.index, data.at),
            result: (index, at),
            amends: sealed_plan.amends,
            openings: data.openings,
            first_seen: data.first_seen,
            answers: data.answers,
        }),
        manifest: entered.manifest.clone(),
    })
}

/// A device on its cohort: the plans are sealed, the cases decided and sealed, and where the device
/// brings a `validation.toml`, the sealed decisions are analysed by it.
pub(crate) struct OnCohort {
    pub(crate) validation: Validation,
    pub(crate) answered: Option<(Plan, Answered, Vec<PathBuf>)>,
}

pub(crate) fn on_cohort(workspace: &mut Workspace, device: &Device) -> Result<OnCohort, Failure> {
    let path = device.folder.join(DEVICE_PLAN);
    let opened = if path.exists() {
        Some(open(&path)?)
    } else {
        None
    };
    let sealed_plan = opened
        .as_ref()
        .map(|o| seal_plan(workspace, &o.plan, Some(device.digest)))
        .transpose()?;
    let validation = commands::validate_with_bar(workspace, device)?;
    let (Some(opened), Some(sealed_plan)) = (opened, sealed_plan) else {
        return Ok(OnCohort {
            validation,
            answered: None,
        });
    };
    let range = validation.validated.first_index..validation.validated.end_index;
    let records: Vec<(u64, Record)> = (0u64..)
        .zip(workspace.ledger().records()?)
        .filter(|(i, _)| range.contains(i))
        .map(|(i, (_, r))| (i, r))
        .collect();
    let cases = sealed_cases(&records, Purpose::Validation);
    let attributes: BTreeMap<String, BTreeMap<String, String>> = validation
        .attributes
        .iter()
        .map(|(case, own)| (case.to_string(), own.clone()))
        .collect();
    let (answered, paths) = on_sealed(
        workspace,
        &opened,
        &sealed_plan,
        &cases,
        &attributes,
        Some(device.digest),
        None,
    )?;
    Ok(OnCohort {
        validation,
        answered: Some((opened.plan, answered, paths)),
    })
}

pub(crate) fn validate(args: &cli::Validate) -> Done {
    if args.draft {
        let files: Vec<(String, Vec<String>)> = args
            .data
            .iter()
            .map(|path| {
                let table = read_table(path)?;
                Ok((table.name.clone(), table.columns().to_vec()))
            })
            .collect::<Result<_, Failure>>()?;
        say(draft(&files).trim_end());
        return Ok(());
    }
    match (&args.plan, &args.device) {
        (None, Some(device)) => device_command(args, device),
        (Some(plan), None) => plan_command(args, plan),
        _ => Err(Failure::Misuse(
            "give a plan (candour validate PLAN --data FILE; candour validate --draft --data FILE writes one to start from) or a device (candour validate --device DIR --workspace WS)".into(),
        )),
    }
}

fn device_command(args: &cli::Validate, device: &Path) -> Done {
    let Some(dir) = &args.workspace else {
        return Err(Failure::Misuse(
            "a device is validated in a workspace; give --workspace".into(),
        ));
    };
    let device = Device::open(device)?;
    let mut workspace = Workspace::open_or_create(dir, &world())?;
    let done = on_cohort(&mut workspace, &device)?;
    let validation = &done.validation;
    if args.json {
        let body = serde_json::to_value(&validation.validated).unwrap_or_default();
        let analysis = done
            .answered
            .as_ref()
            .map(|(_, a, _)| json!({ "sealed": a.seal, "analysis": a.analysis }));
        say(
            json!({ "plan_record": validation.plan_index, "record": validation.index, "validated": body, "analysed": analysis }),
        );
    } else {
        say(format_args!(
            "plan sealed as record {}, results as record {}",
            validation.plan_index, validation.index
        ));
        for line in commands::validation_lines(validation) {
            say(line);
        }
        if let Some((plan, answered, paths)) = &done.answered {
            tell(plan, answered, paths);
        }
    }
    if validation.validated.results.iter().any(|r| !r.met) {
        return Err(Failure::Wrong("an endpoint of the plan was not met".into()));
    }
    done.answered
        .map_or(Ok(()), |(_, a, _)| conclude(&a.analysis))
}

fn tell(plan: &Plan, answered: &Answered, paths: &[PathBuf]) {
    say(format_args!(
        "{}, version {} ({})",
        plan.title, plan.version, plan.digest
    ));
    match &answered.seal {
        Some(seal) => say(format_args!(
            "sealed: plan as record {}, data as record {}, result as record {}",
            seal.plan.0, seal.data.0, seal.result.0
        )),
        None => {
            say("NOT SEALED: without --workspace nothing proves that the plan came before the data")
        }
    }
    for warning in answered.seal.iter().flat_map(Seal::warnings) {
        say(warning);
    }
    for line in lines(plan, &answered.analysis) {
        say(line);
    }
    for note in &answered.analysis.notes {
        say(format_args!("note: {note}"));
    }
    for path in paths {
        say(format_args!("wrote {}", path.display()));
    }
}

fn plan_command(args: &cli::Validate, path: &Path) -> Done {
    let opened = open(path)?;
    let mut workspace = args
        .workspace
        .as_ref()
        .map(|dir| Workspace::open_or_create(dir, &world()))
        .transpose()?;
    let sealed_plan = match &mut workspace {
        Some(ws) => Some(seal_plan(ws, &opened.plan, None)?),
        None => None,
    };
    if args.sealed {
        let (Some(workspace), Some(sealed_plan)) = (&mut workspace, &sealed_plan) else {
            return Err(Failure::Misuse(
                "--sealed takes the decisions of a workspace; give --workspace".into(),
            ));
        };
        let records: Vec<(u64, Record)> = (0u64..)
            .zip(workspace.ledger().records()?)
            .map(|(i, (_, r))| (i, r))
            .collect();
        let cases = sealed_cases(&records, Purpose::Use);
        let models: BTreeSet<&str> = cases.iter().map(|c| c.model_version.as_str()).collect();
        let plan = &opened.plan;
        let told = plan.data.include.contains_key("model")
            || plan
                .endpoints
                .iter()
                .all(|e| e.include.contains_key("model"));
        if models.len() > 1 && !told {
            let list: Vec<String> = models.iter().map(|m| format!("`{m}`")).collect();
            return Err(Failure::Misuse(format!(
                "the workspace holds decisions of several models ({}); say in the plan which are meant, such as [data.include] model = \"{}\"",
                list.join(", "),
                models.first().copied().unwrap_or_default()
            )));
        }
        let (answered, paths) = on_sealed(
            workspace,
            &opened,
            sealed_plan,
            &cases,
            &BTreeMap::new(),
            None,
            args.out.as_deref(),
        )?;
        return show(args, &opened.plan, &answered, &paths);
    }
    if args.data.is_empty() {
        return match sealed_plan {
            Some(plan) => {
                say(format_args!(
                    "plan sealed as record {} at {}: {}; now enter the data with --data",
                    plan.index, plan.at, opened.plan.digest
                ));
                Ok(())
            }
            None => Err(Failure::Misuse(
                "the plan reads well; give --data FILE to answer it, or --workspace to seal it first".into(),
            )),
        };
    }
    // The plan is sealed before the first byte of data is read.
    let tables: Vec<Table> = args
        .data
        .iter()
        .map(|p| read_table(p))
        .collect::<Result<_, _>>()?;
    let folder = args
        .data
        .first()
        .and_then(|p| p.parent())
        .map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    let mut entered = enter(&opened.plan, &tables, &folder)?;
    let answered = match (&mut workspace, &sealed_plan) {
        (Some(workspace), Some(plan)) => answer_sealed(
            workspace,
            &opened,
            plan,
            &mut entered,
            &folder,
            (None, None),
            &[],
        )?,
        _ => {
            let (analysis, result) = analyse(&opened.plan, &mut entered, &folder, &[])?;
            Answered {
                analysis,
                result,
                seal: None,
                manifest: entered.manifest.clone(),
            }
        }
    };
    let out = args.out.as_deref().unwrap_or(Path::new(OUT));
    if let Some(name) = &args.site {
        return write_site(args, &opened, &entered.table, &answered, name, out);
    }
    let paths = write_reports(&opened, &answered, out)?;
    show(args, &opened.plan, &answered, &paths)
}

fn show(args: &cli::Validate, plan: &Plan, answered: &Answered, paths: &[PathBuf]) -> Done {
    if args.json {
        say(String::from_utf8_lossy(&answered.result).trim_end());
    } else {
        tell(plan, answered, paths);
    }
    conclude(&answered.analysis)
}

/// Writes the signed summary of a site: nothing of a patient leaves.
fn write_site(
    args: &cli::Validate,
    opened: &Opened,
    table: &Table,
    answered: &Answered,
    name: &str,
    out: &Path,
) -> Done {
    let Some(dir) = &args.workspace else {
        return Err(Failure::Misuse(
            "a site's summary is signed with the key of its workspace; give --workspace".into(),
        ));
    };
    let summary = site::summarise(&opened.plan, table, &answered.analysis, name, SOFTWARE)?;
    let text = summary.text().map_err(|e| Failure::Misuse(e.to_string()))?;
    let signer = Workspace::signer(dir)?;
    let note = signer.sign(&text);
    std::fs::create_dir_all(out)
        .map_err(|e| Failure::Storage(format!("{}: {e}", out.display())))?;
    let path = out.join("site-summary.txt");
    candour_device::write_atomic(&path, note.as_bytes())?;
    for warning in answered.seal.iter().flat_map(Seal::warnings) {
        warn(warning);
    }
    say(format_args!("wrote {}", path.display()));
    say(format_args!("signed with {}", signer.vkey()));
    for line in summary.told() {
        say(line);
    }
    Ok(())
}
