//! `candour statistics` and `candour plan-study`: every entry of the catalogue from the command line,
//! without a plan, so that anyone can check one number.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use candour_statistics::catalogue::{
    self, CLUSTER, Entry, Group, Kind, Need, Setting, SettingKind,
};
use candour_statistics::segmentation::MASK_METRICS;
use candour_statistics::{Answer, Number};
use candour_validation::analysis::{self, Counted};
use candour_validation::document::{Block, Document, Section, Tone};
use candour_validation::masks;
use candour_validation::plan::{DataPlan, Endpoint, Handle, Handling, Plan, Weight};
use candour_validation::report;
use candour_validation::table::Table;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

use crate::failure::Failure;
use crate::world::SOFTWARE;
use crate::{Done, cli, say};

/// What words of a table mean, by commas: id, argument, help.
const WORDS: &[(&str, &str, &str)] = &[
    (
        "words.positive",
        "positive",
        "Words that mean positive, by commas",
    ),
    (
        "words.negative",
        "negative",
        "Words that mean negative, by commas",
    ),
    (
        "words.missing",
        "missing-words",
        "Words that mean that nothing is there, beside the empty cell",
    ),
    (
        "words.indeterminate",
        "indeterminate-words",
        "Words that say neither",
    ),
];

/// The entry for masks, which are files and no columns.
const MASKS: &str = "segmentation";

pub(crate) fn statistics(args: &cli::Statistics) -> Done {
    if args.list || args.rest.is_empty() {
        return list(args.json, |_| true);
    }
    run(&args.rest, "statistics", |_| true)
}

pub(crate) fn plan_study(args: &cli::Statistics) -> Done {
    let sizes = |e: &Entry| e.group == Group::SampleSize;
    if args.list || args.rest.is_empty() {
        return list(args.json, sizes);
    }
    run(&args.rest, "plan-study", sizes)
}

fn group_words(group: Group) -> String {
    serde_json::to_value(group)
        .ok()
        .and_then(|v| v.as_str().map(|s| s.replace('-', " ")))
        .unwrap_or_default()
}

fn list(as_json: bool, which: impl Fn(&Entry) -> bool) -> Done {
    let entries: Vec<&Entry> = catalogue::entries().filter(|e| which(e)).collect();
    let with_masks = which_masks(&which);
    if as_json {
        let mut all: Vec<serde_json::Value> = entries
            .iter()
            .map(|e| serde_json::to_value(e).unwrap_or_default())
            .collect();
        if with_masks {
            all.push(json!({
                "id": MASKS,
                "group": "segmentation",
                "title": "One predicted mask against its reference",
                "metrics": MASK_METRICS.iter().map(|(id, formula, source)| json!({"id": id, "formula": formula, "source": source})).collect::<Vec<_>>(),
                "settings": masks::SETTINGS,
            }));
        }
        say(serde_json::to_string_pretty(&all).unwrap_or_default());
        return Ok(());
    }
    let mut last = None;
    for entry in entries {
        if last != Some(entry.group) {
            say(format_args!(
                "\n{}",
                group_words(entry.group).to_uppercase()
            ));
            last = Some(entry.group);
        }
        say(format_args!("  {:<28} {}", entry.id, entry.title));
        say(format_args!("  {:<28}   {}", "", entry.formula));
        say(format_args!("  {:<28}   {}", "", entry.source));
    }
    if with_masks {
        say("\nMASKS");
        say(format_args!(
            "  {MASKS:<28} One predicted mask against its reference"
        ));
        for (id, formula, source) in MASK_METRICS {
            say(format_args!("  {:<28}   {id}: {formula} ({source})", ""));
        }
    }
    say("\n`candour statistics ENTRY --help` says which columns and settings an entry takes.");
    Ok(())
}

fn which_masks(which: &impl Fn(&Entry) -> bool) -> bool {
    catalogue::entries()
        .filter(|e| e.group == Group::Segmentation)
        .any(which)
}

fn run(rest: &[OsString], command: &'static str, which: impl Fn(&Entry) -> bool) -> Done {
    let asked = rest
        .first()
        .map(|s| s.to_string_lossy().into_owned())
        .unwrap_or_default();
    if asked == MASKS && which_masks(&which) {
        return one_pair(rest);
    }
    let Some(entry) = catalogue::entry(&asked).filter(|e| which(e)) else {
        let mut near: Vec<&str> = catalogue::entries()
            .filter(|e| which(e))
            .map(|e| e.id)
            .collect();
        near.sort_by_key(|id| candour_validation::table::distance(id, &asked));
        near.truncate(3);
        return Err(Failure::Misuse(format!(
            "`{asked}` is not in the catalogue; nearest: {} (`candour {command} --list`)",
            near.join(", ")
        )));
    };
    let matches = parse(arguments(entry, command), rest)?;
    let text = |name: &str| matches.try_get_one::<String>(name).ok().flatten().cloned();
    let words = |name: &str| -> Option<Vec<String>> {
        let given = matches.try_get_one::<String>(&format!("words.{name}"));
        let given = given.ok().flatten()?;
        Some(given.split(',').map(|w| w.trim().to_owned()).collect())
    };
    let mut columns = Vec::new();
    for role in entry.roles {
        for name in matches.get_many::<String>(role.name).into_iter().flatten() {
            columns.push((role.name.to_owned(), name.clone()));
        }
    }
    let mut settings = Vec::new();
    for setting in entry.settings {
        if let Some(value) = text(setting.name) {
            settings.push((setting.name.to_owned(), value));
        } else if let Some(list) = setting.name.strip_suffix("_words").and_then(words) {
            // The words of the table are those of an entry that reads words itself.
            settings.push((setting.name.to_owned(), list.join(",")));
        }
    }
    // Entries without columns take no file, and know no such argument.
    let data = matches.try_get_one::<PathBuf>("data").ok().flatten();
    let table = match data {
        Some(path) => read_table(path)?,
        None if columns.is_empty() => none()?,
        None => {
            return Err(Failure::Misuse(
                "columns are named but no file; give --data FILE".into(),
            ));
        }
    };
    // A column that is called as its role need not be named. One that may be left out is taken where all
    // columns go by their names; the cluster always, for without it intervals would be too narrow.
    // An empty name says that none is meant.
    let by_name = columns.iter().all(|(_, column)| column.is_empty());
    let mut taken = Vec::new();
    for role in entry.roles {
        let given = columns.iter().any(|(r, _)| r == role.name);
        let own = table.columns().iter().any(|c| c == role.name);
        let optional = role.need == Need::Optional;
        if !given && own && (!optional || by_name || role.name == CLUSTER.name) {
            columns.push((role.name.to_owned(), role.name.to_owned()));
            if optional {
                taken.push(role.name);
            }
        }
    }
    columns.retain(|(role, column)| {
        !column.is_empty()
            || entry
                .roles
                .iter()
                .any(|r| r.name == role && r.need != Need::Optional)
    });
    let handling = match text("missing-results").as_deref() {
        Some("worst-case") => Handle::WorstCase,
        Some("best-case") => Handle::BestCase,
        Some("complete-case") => Handle::CompleteCase,
        _ => Handle::Refuse,
    };
    let plan = bare(&words, handling);
    let endpoint = Endpoint {
        id: entry.id.to_owned(),
        line: 0,
        title: entry.title.to_owned(),
        weight: Weight::Exploratory,
        statistic: entry.id.to_owned(),
        number: None,
        columns,
        settings,
        goal: None,
        rationale: String::new(),
        include: std::collections::BTreeMap::new(),
        missing: None,
    };
    let (mut answer, counted) =
        analysis::single(&plan, &table, &endpoint).map_err(|e| match e {
            analysis::AnalysisError::Endpoint { what, .. } => Failure::Misuse(what),
            other => other.into(),
        })?;
    if let Ok(answer) = &mut answer {
        let notes = taken.iter().map(|role| {
            format!(
                "the column `{role}` was taken for what it is called; give --{} '' to take none",
                role.replace('_', "-")
            )
        });
        answer.notes.extend(notes);
    }
    let has_data = data.is_some();
    show(
        entry, answer, counted, &table, has_data, &endpoint, &matches,
    )
}

fn none() -> Result<Table, Failure> {
    Table::of_rows("none", candour_record::Digest::of(b""), &[], [])
        .map_err(|e| Failure::Misuse(e.to_string()))
}

/// What a command without a plan takes for granted.
fn bare(words: &impl Fn(&str) -> Option<Vec<String>>, handling: Handle) -> Plan {
    let list = |w: &[&str]| w.iter().map(|s| (*s).to_owned()).collect::<Vec<String>>();
    Plan::bare(
        DataPlan {
            key: Vec::new(),
            file_keys: Vec::new(),
            cluster: None,
            independent: None,
            positive: words("positive").unwrap_or_else(|| list(&["1", "true", "yes", "positive"])),
            negative: words("negative").unwrap_or_else(|| list(&["0", "false", "no", "negative"])),
            missing: words("missing").unwrap_or_else(|| list(&["NA", "NaN", "nan", "?"])),
            exclude_unmatched: false,
            include: std::collections::BTreeMap::new(),
        },
        Handling {
            missing: handling,
            indeterminate: handling,
            indeterminate_words: words("indeterminate").unwrap_or_else(|| list(&["indeterminate"])),
        },
    )
}

fn show(
    entry: &'static Entry,
    answer: Result<Answer, String>,
    counted: Counted,
    table: &Table,
    has_data: bool,
    endpoint: &Endpoint,
    matches: &ArgMatches,
) -> Done {
    let data = has_data.then(
        || json!({"file": table.name, "sha256": table.digest.to_string(), "rows": table.rows()}),
    );
    if let Some(path) = matches.get_one::<PathBuf>("html") {
        let mut blocks = Vec::new();
        blocks.push(Block::paragraph(format!("Formula: {}", entry.formula)));
        blocks.push(Block::paragraph(format!("Source: {}", entry.source)));
        blocks.push(Block::paragraph(format!(
            "Assumptions: {}",
            entry.assumptions
        )));
        match &answer {
            Ok(answer) => report::answer_blocks(answer, entry.id, &mut blocks),
            Err(why) => blocks.push(Block::Verdict {
                tone: Tone::Bad,
                text: format!("Not estimable: {why}"),
            }),
        }
        let mut facts = vec![("Software".into(), SOFTWARE.to_owned())];
        if has_data {
            facts.push((
                "Data".into(),
                format!("{}, {} rows, {}", table.name, table.rows(), table.digest),
            ));
        }
        let document = Document {
            title: entry.title.to_owned(),
            facts,
            verdict: (
                Tone::Plain,
                "One statistic without a plan: it describes, and proves nothing.".into(),
            ),
            sections: vec![Section {
                heading: entry.title.to_owned(),
                items: vec![candour_validation::document::Entry {
                    key: entry.id.to_owned(),
                    heading: entry.id.to_owned(),
                    numbers: String::new(),
                    blocks,
                }],
            }],
        };
        std::fs::write(path, report::html(&document))
            .map_err(|e| Failure::Storage(format!("{}: {e}", path.display())))?;
    }
    if matches.get_flag("json") {
        let (answer, why) = match &answer {
            Ok(a) => (Some(a), None),
            Err(why) => (None, Some(why)),
        };
        let out = json!({
            "entry": entry.id,
            "title": entry.title,
            "formula": entry.formula,
            "source": entry.source,
            "columns": endpoint.columns.iter().map(|(r, c)| json!({"role": r, "column": c})).collect::<Vec<_>>(),
            "settings": entry.settings.iter().filter_map(|s| {
                let given = endpoint.settings.iter().find(|(k, _)| k == s.name).map(|(_, v)| v.clone());
                Some((s.name, given.or_else(|| s.default.map(str::to_owned))?))
            }).collect::<std::collections::BTreeMap<_, _>>(),
            "data": data,
            "counted": counted,
            "answer": answer,
            "not_estimable": why,
            "software": SOFTWARE,
        });
        say(serde_json::to_string_pretty(&out).unwrap_or_default());
        return Ok(());
    }
    let answer = match answer {
        Ok(answer) => answer,
        Err(why) => {
            say(format_args!("{}: not estimable: {why}", entry.id));
            return Ok(());
        }
    };
    say(format_args!("{} ({})", entry.title, entry.source));
    if counted.no_truth + counted.missing + counted.indeterminate > 0 {
        say(format_args!(
            "{} rows: {} without a reference standard, {} results missing, {} indeterminate; {} in the statistic",
            counted.rows, counted.no_truth, counted.missing, counted.indeterminate, counted.used
        ));
    }
    print_numbers(&answer.numbers);
    for table in &answer.tables {
        say(format_args!("\n{}", table.name));
        say(format_args!("  {}", table.columns.join("\t")));
        for row in table.rows.iter().take(60) {
            let cells: Vec<String> = row.iter().map(report::cell_words).collect();
            say(format_args!("  {}", cells.join("\t")));
        }
        if table.rows.len() > 60 {
            say(format_args!(
                "  … {} more rows; --json prints all",
                table.rows.len() - 60
            ));
        }
    }
    for note in &answer.notes {
        say(format_args!("note: {note}"));
    }
    Ok(())
}

fn print_numbers(numbers: &[Number]) {
    let width = numbers.iter().map(|n| n.name.len()).max().unwrap_or(0);
    for n in numbers {
        let interval = n.interval.map_or_else(String::new, |i| {
            format!(
                "  ({} to {}, {}, {})",
                report::digits(i.lower),
                report::digits(i.upper),
                i.level,
                n.interval_method.as_deref().unwrap_or("")
            )
        });
        let value = n
            .value
            .map_or_else(|| "not estimable".to_owned(), report::digits);
        let why = n
            .not_estimable
            .as_deref()
            .map_or_else(String::new, |w| format!("  [{w}]"));
        say(format_args!(
            "  {:<width$}  {value}{interval}  n = {}{why}  {}",
            n.name, n.n, n.definition
        ));
    }
}

/// Parses the arguments of one entry; `--help` prints and ends well.
fn parse(command: Command, rest: &[OsString]) -> Result<ArgMatches, Failure> {
    match command.try_get_matches_from(rest) {
        Ok(matches) => Ok(matches),
        Err(e) if !e.use_stderr() => {
            if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
                say(e.render().ansi());
            } else {
                say(e.render());
            }
            std::process::exit(i32::from(crate::ended(0)));
        }
        Err(e) => Err(Failure::Misuse(
            e.render().to_string().trim_end().to_owned(),
        )),
    }
}

fn common(command: Command) -> Command {
    command
        .no_binary_name(false)
        .disable_version_flag(true)
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Everything as JSON, at full precision"),
        )
}

/// The arguments of an entry: a column for each role, a value for each setting.
fn arguments(entry: &'static Entry, command: &'static str) -> Command {
    let about = format!(
        "{}\n\nFormula: {}\n\nSource: {}\n\nAssumptions: {}\n\nCompared with: {}\n\nNumbers: {}",
        entry.title,
        entry.formula,
        entry.source,
        entry.assumptions,
        entry.compared_with,
        entry.numbers.join(", ")
    );
    let mut out = common(
        Command::new(entry.id)
            .bin_name(format!("candour {command} {}", entry.id))
            .about(about),
    )
    .arg(
        Arg::new("html")
            .long("html")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("Write a page with numbers and figures"),
    );
    if !entry.roles.is_empty() {
        out = out
            .arg(
                Arg::new("data")
                    .long("data")
                    .value_name("FILE")
                    .value_parser(clap::value_parser!(PathBuf))
                    .help("CSV, TSV, JSON lines or Parquet"),
            )
            .arg(
                Arg::new("missing-results")
                    .long("missing-results")
                    .value_parser(["refuse", "worst-case", "best-case", "complete-case"])
                    .default_value("refuse")
                    .help("How missing and indeterminate results of the index test count"),
            );
        for (id, long, what) in WORDS {
            // An entry that has such a setting of its own reads its own words.
            if !entry
                .settings
                .iter()
                .any(|s| s.name.replace('_', "-") == *long)
            {
                out = out.arg(Arg::new(*id).long(*long).value_name("WORDS").help(*what));
            }
        }
    }
    for role in entry.roles {
        let kind = match role.kind {
            Kind::Binary => "positive or negative",
            Kind::Label => "labels",
            Kind::Count => "counts",
            Kind::Probability => "0 to 1",
            Kind::Real | Kind::Finite => "numbers",
        };
        let need = match role.need {
            Need::One => "one column",
            Need::Optional => "optional",
            Need::Many(0) => "any number of columns",
            Need::Many(_) => "one or more columns: repeat the argument",
        };
        out = out.arg(
            Arg::new(role.name)
                .long(flag(role.name))
                .alias(role.name)
                .value_name("COLUMN")
                .action(ArgAction::Append)
                .help_heading("Columns")
                .help(format!("{} ({kind}; {need})", role.what)),
        );
    }
    for setting in entry.settings {
        // A setting that shares its name with a role could not be told apart; a test holds that none does.
        out = out.arg(setting_argument(setting));
    }
    out
}

fn flag(name: &'static str) -> clap::builder::Str {
    // Role and setting names are part of the binary; each becomes one argument.
    let name: &'static str = Box::leak(name.replace('_', "-").into_boxed_str());
    name.into()
}

fn setting_argument(setting: &Setting) -> Arg {
    let kind = match setting.kind {
        SettingKind::Real(a, b) | SettingKind::OptionalReal(a, b)
            if a == f64::NEG_INFINITY && b == f64::INFINITY =>
        {
            "a number".into()
        }
        SettingKind::Real(a, b) | SettingKind::OptionalReal(a, b) => format!("{a} to {b}"),
        SettingKind::Open(a, b) => format!("between {a} and {b}"),
        SettingKind::OneSidedError => "between 0 and 0.5".into(),
        SettingKind::Whole(a, u64::MAX) => format!("a whole number from {a}"),
        SettingKind::Whole(a, b) => format!("a whole number from {a} to {b}"),
        SettingKind::Choice(words) => words.join(", "),
        SettingKind::Reals => "numbers by commas".into(),
        SettingKind::Words => "words by commas".into(),
        SettingKind::Flag => "true or false".into(),
        SettingKind::OptionalWord => "a word".into(),
    };
    let default = setting.default.map_or_else(String::new, |d| {
        format!("; default {}", if d.is_empty() { "none" } else { d })
    });
    Arg::new(setting.name)
        .long(flag(setting.name))
        .alias(setting.name)
        .value_name("VALUE")
        .allow_hyphen_values(true)
        .help_heading("Settings")
        .help(format!("{} ({kind}{default})", setting.what))
}

/// One pair of masks.
fn one_pair(rest: &[OsString]) -> Done {
    let path = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("FILE")
            .required(true)
            .value_parser(clap::value_parser!(PathBuf))
            .help(help)
    };
    let mut command = common(
        Command::new(MASKS)
            .bin_name("candour statistics segmentation")
            .about("Compares a predicted mask with its reference: NIfTI-1 or NIfTI-2 (.nii, .nii.gz) or DICOM segmentation"),
    )
    .arg(path("reference", "The reference mask"))
    .arg(path("prediction", "The predicted mask"))
    .arg(Arg::new("label").long("label").value_name("NUMBER").value_parser(clap::value_parser!(u64)).help("Label of a label map, or segment number; without it all that is not background"));
    for setting in masks::SETTINGS {
        command = command.arg(setting_argument(setting));
    }
    let matches = parse(command, rest)?;
    let mut settings = Vec::new();
    for setting in masks::SETTINGS {
        if let Some(value) = matches.get_one::<String>(setting.name) {
            settings.push((setting.name.to_owned(), value.clone()));
        }
    }
    let options = masks::options(&settings).map_err(|e| Failure::Misuse(e.to_string()))?;
    let read = |name: &str| -> Result<Vec<u8>, Failure> {
        let path = matches
            .get_one::<PathBuf>(name)
            .cloned()
            .unwrap_or_default();
        read_file(&path, masks::MASK_BYTES_MAX)
    };
    let (reference, prediction) = (read("reference")?, read("prediction")?);
    let comparison = masks::compare_files(
        &reference,
        &prediction,
        matches.get_one::<u64>("label").copied(),
        &options,
    )
    .map_err(|e| Failure::Unreadable(e.to_string()))?;
    let numbers = comparison.numbers();
    if matches.get_flag("json") {
        let answer = Answer {
            numbers,
            notes: comparison.notes,
            ..Answer::default()
        };
        let digest = |bytes: &[u8]| candour_record::Digest::of(bytes).to_string();
        let out = json!({"data": {"reference": digest(&reference), "prediction": digest(&prediction)}, "entry": MASKS, "answer": answer, "settings": settings.into_iter().collect::<std::collections::BTreeMap<_, _>>(), "software": SOFTWARE});
        say(serde_json::to_string_pretty(&out).unwrap_or_default());
    } else {
        print_numbers(&numbers);
        for note in &comparison.notes {
            say(format_args!("note: {note}"));
        }
    }
    Ok(())
}

/// The bytes of a regular file within a limit.
pub(crate) fn read_file(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let fault = |e: std::io::Error| {
        Failure::Misuse(format!(
            "{}: {e}; give a file that can be read",
            path.display()
        ))
    };
    let meta = std::fs::metadata(path).map_err(fault)?;
    if !meta.is_file() {
        return Err(Failure::Misuse(format!(
            "{}: not a regular file",
            path.display()
        )));
    }
    if meta.len() > most {
        return Err(Failure::Misuse(format!(
            "{}: larger than {} MiB",
            path.display(),
            most >> 20
        )));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .map_err(fault)?
        .take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(fault)?;
    Ok(bytes)
}

/// A table of data by its path; messages name the file, never a folder.
pub(crate) fn read_table(path: &Path) -> Result<Table, Failure> {
    let bytes = read_file(path, candour_validation::table::FILE_BYTES_MAX)?;
    let name = path
        .file_name()
        .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    Table::read(&name, bytes).map_err(|e| Failure::Unreadable(e.to_string()))
}
