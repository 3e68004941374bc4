//! The commands that work on a workspace from the command line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candour_device::{Device, Reading, Settled, StudyOutcome, Validation, Workspace};
use candour_dicom::phantom;
use candour_ledger::{View, Vkey};
use candour_record::{DecisionOutcome, ReplayResult, Verdict};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::failure::Failure;
use crate::world::world;
use crate::{Done, cli, say, warn};

/// A progress bar on standard error; silent where that is no terminal.
pub(crate) fn bar(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(0).with_message(what);
    if let Ok(style) =
        ProgressStyle::with_template("{msg:24} [{bar:30}] {pos}/{len} {elapsed} eta {eta}")
    {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

pub(crate) const fn outcome_name(outcome: DecisionOutcome) -> &'static str {
    match outcome {
        DecisionOutcome::Finding => "finding",
        DecisionOutcome::NoFinding => "no finding",
        DecisionOutcome::Abstained => "abstained",
    }
}

/// One study's line: for people, or as JSON.
pub(crate) fn line(study: &Settled, as_json: bool) -> String {
    let case = study.case.map_or_else(
        || "none".to_owned(),
        |c| c.to_string().chars().take(8).collect(),
    );
    if as_json {
        let mut value = json!({ "record": study.index, "leaf": study.leaf.to_string(), "released": study.released });
        if let Some(members) = value.as_object_mut() {
            if !study.deviations.is_empty() {
                members.insert("deviations".into(), json!(study.deviations));
            }
            if let Some(case) = study.case {
                members.insert("case".into(), json!(case.to_string()));
            }
            match &study.outcome {
                StudyOutcome::Decided {
                    outcome,
                    probability,
                } => {
                    members.insert("outcome".into(), json!(outcome));
                    members.insert("probability".into(), json!(probability));
                }
                StudyOutcome::Refused(r) => {
                    members.insert("outcome".into(), json!("refused"));
                    members.insert("criterion".into(), json!(r.criterion));
                    members.insert("found".into(), json!(r.found));
                    members.insert("allowed".into(), json!(r.allowed));
                }
            }
        }
        return value.to_string();
    }
    let answer = match &study.outcome {
        StudyOutcome::Decided {
            outcome,
            probability,
        } => format!(
            "{:<10}  probability {probability:.3}",
            outcome_name(*outcome)
        ),
        StudyOutcome::Refused(r) => format!(
            "refused     {}: {}; allowed: {}",
            r.criterion, r.found, r.allowed
        ),
    };
    let tolerated = if study.deviations.is_empty() {
        String::new()
    } else {
        format!("  (tolerated: {})", tolerated(&study.deviations))
    };
    format!("#{:<5} case {case}  {answer}{tolerated}", study.index)
}

/// Deviations from the standard that were tolerated, in words.
pub(crate) fn tolerated(deviations: &BTreeMap<String, u32>) -> String {
    let said: Vec<String> = deviations
        .iter()
        .map(|(code, n)| format!("{} in {n}", code.replace('_', " ")))
        .collect();
    said.join(", ")
}

/// What a run came to.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) settled: Vec<Settled>,
}

impl Tally {
    pub(crate) fn count(&self, which: impl Fn(&StudyOutcome) -> bool) -> usize {
        self.settled.iter().filter(|s| which(&s.outcome)).count()
    }

    pub(crate) fn words(&self) -> String {
        let decided =
            |o| self.count(|s| matches!(s, StudyOutcome::Decided { outcome, .. } if *outcome == o));
        format!(
            "{} studies: {} finding, {} no finding, {} abstained, {} refused",
            self.settled.len(),
            decided(DecisionOutcome::Finding),
            decided(DecisionOutcome::NoFinding),
            decided(DecisionOutcome::Abstained),
            self.count(|s| matches!(s, StudyOutcome::Refused(_)))
        )
    }
}

/// Takes studies in with a progress bar; `tell` hears of each once it is durable.
pub(crate) fn take_in(
    workspace: &mut Workspace,
    device: &Device,
    paths: &[PathBuf],
    tell: &mut dyn FnMut(&Settled),
) -> Result<Tally, Failure> {
    let bar = bar("deciding");
    let mut tally = Tally::default();
    let mut progress = |done: usize, of: usize| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    };
    let mut settled = |study: &Settled| {
        bar.suspend(|| tell(study));
        tally.settled.push(study.clone());
    };
    let ran = candour_device::run(
        workspace,
        device,
        &world(),
        paths,
        &mut progress,
        &mut settled,
    );
    bar.finish_and_clear();
    ran?;
    Ok(tally)
}

pub(crate) fn run(args: &cli::Run) -> Done {
    let device = Device::open(&args.device)?;
    let mut workspace = Workspace::open_or_create(&args.workspace, &world())?;
    let tally = take_in(&mut workspace, &device, &args.paths, &mut |study| {
        say(line(study, args.json))
    })?;
    if !args.json {
        say(format_args!(
            "{}; sealed in {}, released to {}",
            tally.words(),
            args.workspace.join("ledger").display(),
            args.workspace.join("out").display()
        ));
    }
    let unreadable =
        tally.count(|o| matches!(o, StudyOutcome::Refused(r) if r.criterion == "readable"));
    if unreadable > 0 {
        return Err(Failure::Unreadable(format!(
            "{unreadable} input(s) could not be read; each has a record that says why"
        )));
    }
    Ok(())
}

pub(crate) fn oversee(args: &cli::Oversee) -> Done {
    let mut workspace = open_existing(&args.workspace)?;
    let verdict = match (args.agree, args.edit) {
        (true, _) => Verdict::Agree,
        (_, true) => Verdict::Edit,
        _ => Verdict::Overrule,
    };
    let reading = Reading {
        by: args.by.clone(),
        reason: args.reason.clone(),
    };
    let index =
        candour_device::oversee(&mut workspace, &world(), args.decision, verdict, &reading)?;
    say(format_args!("sealed as record {index}"));
    Ok(())
}

pub(crate) fn open_existing(dir: &Path) -> Result<Workspace, Failure> {
    if !dir.join("candour-workspace").exists() {
        return Err(Failure::Misuse(format!(
            "{}: no workspace is here; `candour run` makes one",
            dir.display()
        )));
    }
    Ok(Workspace::open_or_create(dir, &world())?)
}

pub(crate) const fn replay_words(result: ReplayResult) -> &'static str {
    match result {
        ReplayResult::Identical => "bit-identical",
        ReplayResult::WithinTolerance => "within the package's tolerance",
        ReplayResult::Different => "DIFFERENT",
    }
}

pub(crate) fn replay(args: &cli::Replay) -> Done {
    let device = Device::open(&args.device)?;
    let mut workspace = open_existing(&args.workspace)?;
    let replay = candour_device::replay(&mut workspace, &device, &world(), args.decision)?;
    let words = replay_words(replay.result);
    say(format_args!("record {}: {words}", args.decision));
    for why in &replay.why {
        say(format_args!("  {why}"));
    }
    say(format_args!("  sealed as record {}", replay.index));
    if replay.result == ReplayResult::Different {
        return Err(Failure::Wrong(format!(
            "record {} does not come out as it was sealed",
            args.decision
        )));
    }
    Ok(())
}

/// Validates with a progress bar.
pub(crate) fn validate_with_bar(
    workspace: &mut Workspace,
    device: &Device,
) -> Result<Validation, Failure> {
    let bar = bar("validating");
    let result = candour_device::validate(workspace, device, &world(), &mut |done, of| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    Ok(result?)
}

pub(crate) fn validation_lines(validation: &Validation) -> Vec<String> {
    validation
        .validated
        .results
        .iter()
        .map(|r| {
            let number = |v: Option<candour_record::Real>| {
                v.map_or_else(|| "-".into(), |v| format!("{:.3}", v.get()))
            };
            let verdict = match (r.statistic.ends_with("_complete_case"), r.met) {
                (true, _) => "",
                (false, true) => "  endpoint met",
                (false, false) => "  endpoint NOT MET",
            };
            format!(
                "{:<26} {} ({} to {}), {} cases, {}{verdict}",
                r.statistic.replace('_', " "),
                number(r.value),
                number(r.lower),
                number(r.upper),
                r.n,
                r.method
            )
        })
        .collect()
}

/// Seals what became known of a study.
pub(crate) fn outcome(args: &cli::OutcomeArgs) -> Done {
    let mut workspace = open_existing(&args.workspace)?;
    let reference = if args.reference == "positive" {
        candour_record::Reference::Positive
    } else {
        candour_record::Reference::Negative
    };
    let told = candour_device::outcome(
        &mut workspace,
        &world(),
        args.decision,
        reference,
        &args.standard,
    )?;
    say(format_args!("sealed as record {}", told.index));
    if let Some((record, earlier)) = told.before {
        let word = match earlier {
            candour_record::Reference::Positive => "positive",
            candour_record::Reference::Negative => "negative",
        };
        warn(format_args!(
            "record {record} had told the outcome of this study before ({word}); the latest counts, and both stay in the ledger"
        ));
    }
    Ok(())
}

/// A public key as the user gave it: the key itself or a file that holds it.
pub(crate) fn key(text: &str) -> Result<Vkey, Failure> {
    let held = if Path::new(text).is_file() {
        std::fs::read_to_string(text).unwrap_or_default()
    } else {
        text.to_owned()
    };
    held.trim().parse().map_err(|e| {
        Failure::Misuse(format!(
            "--key: {e}; give NAME+HASH+KEY or a file that holds it"
        ))
    })
}

pub(crate) fn ledger_dir(dir: &Path) -> PathBuf {
    let inner = dir.join("ledger");
    if inner.is_dir() {
        inner
    } else {
        dir.to_owned()
    }
}

pub(crate) fn ledger(command: &cli::LedgerCommand) -> Done {
    match command {
        cli::LedgerCommand::Check { dir, key: wanted } => {
            let expected = wanted.as_deref().map(key).transpose()?;
            if !dir.is_dir() {
                return Err(Failure::Misuse(format!(
                    "{}: no folder is here",
                    dir.display()
                )));
            }
            let report = candour_ledger::check(&ledger_dir(dir), expected.as_ref())
                .map_err(|f| Failure::Wrong(f.to_string()))?;
            say(format_args!(
                "genuine: {} records in {} files ({} bytes); every leaf, tile and root recomputed, checkpoint of size {} signed by",
                report.entries, report.files, report.bytes, report.checkpoint.size
            ));
            say(&report.vkey);
            if report.unpublished > 0 {
                say(format_args!(
                    "{} of the records are committed but not yet published: a run was interrupted or is going on; the next one publishes them",
                    report.unpublished
                ));
            }
            if expected.is_none() {
                say(
                    "not checked: whose key that is; compare it with the one that was published, or give --key",
                );
            }
            Ok(())
        }
        cli::LedgerCommand::Show { dir, index, proof } => {
            let view = View::open(&ledger_dir(dir))?;
            match index {
                Some(i) if *i >= view.size() => Err(Failure::Misuse(format!(
                    "there is no record {i}; the ledger has {}",
                    view.size()
                ))),
                Some(i) if *proof => {
                    let text = view.proof(*i)?.print();
                    say(text.trim_end_matches('\n'));
                    Ok(())
                }
                Some(i) => {
                    let entry = view.proof(*i)?.extra.unwrap_or_default();
                    say(String::from_utf8_lossy(&entry));
                    Ok(())
                }
                None => {
                    for entry in view.entries()? {
                        say(String::from_utf8_lossy(&entry));
                    }
                    Ok(())
                }
            }
        }
    }
}

/// Writes one phantom study into a folder of its own.
pub(crate) fn write_study(folder: &Path, files: &[Vec<u8>]) -> Done {
    std::fs::create_dir_all(folder)?;
    for (n, bytes) in files.iter().enumerate() {
        std::fs::write(folder.join(format!("{n:03}.dcm")), bytes)?;
    }
    Ok(())
}

pub(crate) fn phantom(args: &cli::Phantom) -> Done {
    let bar = bar("generating");
    bar.set_length(args.count);
    for seed in args.seed..args.seed.saturating_add(args.count) {
        let series = phantom::Case::from_seed(seed)
            .series()
            .map_err(|e| Failure::Storage(e.to_string()))?;
        write_study(&args.out.join(format!("phantom-{seed}")), &series)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    say(format_args!(
        "{} generated studies in {}",
        args.count,
        args.out.display()
    ));
    Ok(())
}
