//! `candour classify`, `check` and `deadlines`: the law as data, for people at a terminal, for
//! pipelines as JSON, and as a page.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _, Write as _};
use std::path::{Path, PathBuf};

use candour_device::Workspace;
use candour_ledger::View;
use candour_record::{Answer, AnsweredStep, AppliedRule, Classified, Digest, Event, Record};
use candour_regulation::{
    ChangeReport, Class, Description, FILE_BYTES_MAX, FactUsed, Files, Findings, Interview, Law,
    ModuleReport, OnHand, Report, RuleOutcome, Severity, State, Status, Truth, Value, Version,
    assess_change, check, classify, contradictions, deadlines, events, folder_of, read_bounded,
    result_text, within,
};
use serde_json::json;

use crate::failure::Failure;
use crate::world::{SOFTWARE, world};
use crate::{Done, cli, commands, say};

/// A device file with the folder it stands in.
pub(crate) struct Opened {
    pub(crate) description: Description,
    pub(crate) path: PathBuf,
    /// As the user named it, for commands.
    pub(crate) named: String,
}

pub(crate) fn law() -> Result<&'static Law, Failure> {
    Law::get().map_err(|e| Failure::Storage(e.to_string()))
}

/// Opens a device by its folder or its file.
pub(crate) fn open(device: &Path) -> Result<Opened, Failure> {
    let path = if device.is_dir() {
        device.join("device.toml")
    } else {
        device.to_owned()
    };
    let description = Description::open(law()?, &path).map_err(|e| {
        Failure::Misuse(format!(
            "{}: {e}; give a device's folder or its device file",
            path.display()
        ))
    })?;
    Ok(Opened {
        description,
        path,
        named: device.display().to_string(),
    })
}

impl Opened {
    /// All faults, or nothing: what could not be read is not classified by its absence.
    fn sound(&self) -> Done {
        for fault in &self.description.faults.0 {
            let _ = writeln!(io::stderr(), "{}", fault.long());
        }
        match self.description.faults.errors() {
            0 => Ok(()),
            n => Err(Failure::Misuse(format!(
                "{}: {n} error(s); mend them first",
                self.path.display()
            ))),
        }
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.description.bytes)
    }

    fn model(&self) -> String {
        let name = self
            .description
            .sections
            .get("identification")
            .and_then(|b| b.text("model").or_else(|| b.text("name")));
        crate::dossier::folder(name.unwrap_or("device"))
    }

    /// Why a file that the device file names cannot serve as a text; nothing where it can.
    fn unfit(&self, path: &str) -> Option<String> {
        let bytes = match within(self.folder(), path).and_then(|real| read_bounded(&real)) {
            Ok(bytes) => bytes,
            Err(e) => return Some(e.to_string()),
        };
        // Of a long file only the beginning is looked at, where a character may be cut.
        let cut = bytes.len() as u64 > FILE_BYTES_MAX;
        match std::str::from_utf8(&bytes) {
            Ok(text) if text.trim().is_empty() => Some("it is empty".into()),
            Err(e) if !cut || e.error_len().is_some() => Some("it is not UTF-8 text".into()),
            _ => None,
        }
    }

    fn folder(&self) -> &Path {
        folder_of(&self.path)
    }

    /// What lies at hand: texts in the folder, records in a workspace.
    pub(crate) fn on_hand(&self, workspace: Option<&Path>) -> Result<OnHand, Failure> {
        let mut unreadable = BTreeMap::new();
        let mut texts = BTreeSet::new();
        for section in ["texts", "instructions_for_use", "validation"] {
            let block = self.description.sections.get(section);
            for (name, fact) in block.into_iter().flat_map(|b| &b.facts) {
                let key = format!("{section}.{name}");
                let Value::Text(path) = &fact.value else {
                    continue;
                };
                // Of the validation only the cohort is a file.
                if section == "validation" && name != "cohort" {
                    continue;
                }
                match self.unfit(path) {
                    Some(why) => {
                        unreadable.insert(key, why);
                    }
                    None if section == "texts" => {
                        texts.insert(name.clone());
                    }
                    None => {}
                }
            }
        }
        let records = workspace.map(|dir| self.kinds(dir)).transpose()?;
        Ok(OnHand {
            texts,
            records,
            unreadable,
            today: (world().now)().to_string().chars().take(10).collect(),
            device: self.named.clone(),
            workspace: workspace.map_or(String::new(), |w| w.display().to_string()),
        })
    }

    /// The kinds of record that the ledger holds under this very device file.
    fn kinds(&self, workspace: &Path) -> Result<BTreeSet<String>, Failure> {
        if !workspace.join("candour-workspace").exists() {
            return Err(Failure::Misuse(format!(
                "{}: no workspace is here; `candour run` makes one",
                workspace.display()
            )));
        }
        let view = View::open(&commands::ledger_dir(workspace))?;
        let digest = self.digest();
        Ok(view
            .records()?
            .into_iter()
            .filter(|(_, r)| r.device == Some(digest))
            .map(|(_, r)| r.event.kind().to_owned())
            .collect())
    }
}

/// Qualifies and classifies a device whose file has no faults.
pub(crate) fn report(device: &Opened) -> Result<Report, Failure> {
    device.sound()?;
    Ok(classify(law()?, &device.description))
}

/// JSON as it is printed; of a report, what the sealed digest covers.
fn pretty(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(|e| Failure::Storage(e.to_string()))
}

fn names(range: Option<(Class, Class)>) -> Vec<String> {
    range.map_or(Vec::new(), |(l, h)| vec![l.name().into(), h.name().into()])
}

/// The event that seals a classification.
pub(crate) fn classified(report: &Report) -> Result<Event, Failure> {
    Ok(Event::Classified(Classified {
        qualifies: Answer::of(report.qualifies),
        regulation: report.regulation.clone(),
        class: report.class.map(|c| c.name().into()),
        range: names(report.class_range),
        rule: report.rule.clone(),
        notified_body: Answer::of(report.notified_body),
        steps: report
            .steps
            .iter()
            .map(|s| AnsweredStep {
                clause: s.clause.clone(),
                answer: match s.answer {
                    "yes" => Answer::Yes,
                    "no" => Answer::No,
                    _ => Answer::Open,
                },
            })
            .collect(),
        rules: report
            .rules
            .iter()
            .filter(|r| r.applies != Some(false))
            .map(|r| AppliedRule {
                rule: r.id.clone(),
                applies: Answer::of(r.applies),
                class: r.class.map(|c| c.name().into()),
            })
            .collect(),
        open: report
            .open_questions
            .iter()
            .map(|q| q.key.clone())
            .collect(),
        editions: report
            .editions
            .iter()
            .map(|e| format!("{}, {}", e.name, e.edition))
            .collect(),
        report: Digest::of(pretty(report)?.as_bytes()),
        software: SOFTWARE.into(),
    }))
}

/// Seals a classification and keeps the report beside the ledger; its record's index.
pub(crate) fn seal(
    workspace: &mut Workspace,
    device: &Opened,
    report: &Report,
) -> Result<u64, Failure> {
    let sealed = workspace.append(&[Record {
        at: (world().now)(),
        by: "candour".into(),
        device: Some(device.digest()),
        event: classified(report)?,
    }])?;
    let index = sealed
        .first()
        .map(|s| s.index)
        .ok_or_else(|| Failure::Storage("nothing was sealed".into()))?;
    let dir = workspace.dir.join("regulation").join(device.model());
    candour_device::write_atomic(&dir.join("classification.json"), pretty(report)?.as_bytes())?;
    Ok(index)
}

/// Writes the page of a device's classification and requirements into a workspace.
pub(crate) fn write_page(
    workspace: &Workspace,
    device: &Opened,
    report: &Report,
) -> Result<PathBuf, Failure> {
    let on_hand = device.on_hand(Some(&workspace.dir))?;
    let findings = check(law()?, &device.description, report, &on_hand);
    let dir = workspace.dir.join("regulation").join(device.model());
    let path = dir.join("regulation.html");
    let page = crate::regulation_page::page(&device.description, report, &findings)?;
    candour_device::write_atomic(&path, page.as_bytes())?;
    Ok(path)
}

/// Writes a page where nothing else stands: a device file or a text named by mistake is kept.
fn write_html(path: &Path, page: &str) -> Done {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    if folder.is_some_and(|f| !f.is_dir()) {
        return Err(Failure::Misuse(format!(
            "{}: no such folder",
            path.display()
        )));
    }
    if path.exists() {
        let stands = read_bounded(path).unwrap_or_else(|_| b"unreadable".to_vec());
        if !stands.is_empty() && !stands.to_ascii_lowercase().starts_with(b"<!doctype html") {
            return Err(Failure::Misuse(format!(
                "{}: something other than a page stands there; give another file with --html",
                path.display()
            )));
        }
    }
    Ok(candour_device::write_atomic(path, page.as_bytes())?)
}

pub(crate) fn classify_command(args: &cli::Classify) -> Done {
    let law = law()?;
    if args.schema {
        say(pretty(&law.schema.json_schema())?);
        return Ok(());
    }
    let Some(device) = &args.device else {
        return Err(Failure::Misuse(
            "give a device's folder or its device file".into(),
        ));
    };
    if args.ask {
        ask(law, device)?;
    }
    let opened = open(device)?;
    // A pipeline that asked for JSON gets its faults as JSON.
    if args.json && opened.description.faults.errors() > 0 {
        let body = json!({ "file": opened.path.display().to_string(), "diagnostics": opened.description.faults.0 });
        say(pretty(&body)?);
    }
    opened.sound()?;
    let report = classify(law, &opened.description);
    let against = contradictions(law, &opened.description, &report);
    if args.json {
        say(pretty(&report)?);
    } else {
        say(text(law, &report, args.explain));
    }
    // On standard error, so that the report on standard output is the one that is sealed.
    for d in against.iter().filter(|d| d.severity > Severity::Note) {
        let _ = writeln!(io::stderr(), "{}", d.long());
    }
    if let Some(path) = &args.html {
        let findings = check(
            law,
            &opened.description,
            &report,
            &opened.on_hand(
                args.workspace
                    .as_deref()
                    .filter(|w| w.join("candour-workspace").exists()),
            )?,
        );
        let page = crate::regulation_page::page(&opened.description, &report, &findings)?;
        write_html(path, &page)?;
        if !args.json {
            say(format_args!("page: {}", path.display()));
        }
    }
    if let Some(dir) = &args.workspace {
        let mut workspace = Workspace::open_or_create(dir, &world())?;
        let index = seal(&mut workspace, &opened, &report)?;
        let page = write_page(&workspace, &opened, &report)?;
        if !args.json {
            say(format_args!(
                "sealed as record {index} in {}",
                dir.join("ledger").display()
            ));
            say(format_args!("page: {}", page.display()));
        }
    }
    Ok(())
}

/// `(key = value, line 12; ...)`.
fn facts(used: &[FactUsed]) -> String {
    let said: Vec<String> = used
        .iter()
        .map(|f| match &f.place {
            Some(p) => format!("{} = {}, line {}", f.key, clip(&f.value), p.line),
            None => format!("{} {}", f.key, f.value),
        })
        .collect();
    if said.is_empty() {
        String::new()
    } else {
        format!(" ({})", said.join("; "))
    }
}

fn clip(text: &str) -> String {
    let mut out: String = text.chars().take(70).collect();
    if text.chars().nth(70).is_some() {
        out.push_str("...");
    }
    out
}

/// A text folded to the width of a page, each line with an indent; what begins as an item of a list
/// hangs under its first word.
fn fold(text: &str, indent: usize) -> String {
    let mark = text.split(' ').next().unwrap_or("");
    let item = mark == "-"
        || mark == "?"
        || mark
            .strip_suffix('.')
            .is_some_and(|n| n.parse::<u32>().is_ok());
    let hang = indent + if item { mark.len() + 1 } else { 0 };
    let mut out = String::new();
    let mut width = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if width == 0 {
            out.push_str(&" ".repeat(indent));
            width = indent;
        } else if width + 1 + length > 100 {
            out.push('\n');
            out.push_str(&" ".repeat(hang));
            width = hang;
        } else {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += length;
    }
    out
}

pub(crate) fn role_words(role: Option<&str>) -> &'static str {
    match role {
        Some("driver") => "software that drives or influences a device",
        Some("accessory") => "an accessory",
        Some("annex_xvi") => "a product of Annex XVI",
        Some("mdsw") => "medical device software",
        _ => "a device",
    }
}

/// What came out for a module.
pub(crate) fn module_words(m: &ModuleReport) -> String {
    let regulation = m.regulation.as_deref().unwrap_or("MDR or IVDR");
    match (m.qualifies, m.class, m.class_range) {
        (Some(false), _, _) => "not a device".into(),
        (_, Some(class), _) => format!("{regulation} class {}", class.name()),
        (_, None, Some((l, h))) => format!("{regulation} class {} to {}", l.name(), h.name()),
        _ => "open".into(),
    }
}

/// The result in one sentence.
pub(crate) fn verdict(report: &Report) -> String {
    // Where it is open whether it is a device, the class still says under which regulation it would be.
    let act = report.class_range.map(|(l, _)| l.act().name());
    let regulation = report
        .regulation
        .as_deref()
        .or(act)
        .unwrap_or("MDR or IVDR");
    let what = role_words(report.role.as_deref());
    match (report.qualifies, report.class, report.class_range) {
        (Some(false), _, _) => {
            "Not a device: neither MDR nor IVDR covers it by these guidances.".into()
        }
        (Some(true), Some(class), _) => format!(
            "{} under {regulation}, class {}{}.",
            capital(what),
            class.name(),
            report
                .rule
                .as_ref()
                .map_or(String::new(), |r| format!(" by {r}"))
        ),
        (q, _, range) => {
            let may = if q.is_none() {
                "It is open whether it is a device; if it is, "
            } else {
                ""
            };
            let between = |(l, h): (Class, Class)| {
                if l == h {
                    format!("class {}", l.name())
                } else {
                    format!("between class {} and class {}", l.name(), h.name())
                }
            };
            let under: Vec<String> = if report.possible.is_empty() {
                let class = range.map_or("a class that is open".to_owned(), between);
                vec![format!("under {regulation}, {class}")]
            } else {
                let each = report.possible.iter();
                each.map(|p| {
                    format!(
                        "under {}, {}",
                        p.regulation.name(),
                        between((p.lowest, p.highest))
                    )
                })
                .collect()
            };
            let sentence = format!(
                "{may}{what} {}: {} question(s) open.",
                under.join(", or "),
                report.open_questions.len()
            );
            capital(&sentence)
        }
    }
}

pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |c| c.to_uppercase().chain(letters).collect())
}

/// A classification for reading at a terminal.
fn text(law: &Law, report: &Report, explain: bool) -> String {
    let mut out = Vec::new();
    let name = if report.device.is_empty() {
        "(no name)"
    } else {
        &report.device
    };
    out.push(format!("{name}  [{}]\n", report.file));
    out.push(format!("RESULT\n{}", fold(&verdict(report), 2)));
    if !report.because.is_empty() {
        out.push(fold(&format!("Because {}.", report.because), 2));
    }
    if !report.equally.is_empty() {
        out.push(fold(
            &format!("The same class comes by {}.", report.equally.join(", ")),
            2,
        ));
    }
    if let Some(module) = &report.governed_by {
        out.push(fold(
            &format!("The module \"{module}\" governs; every module is shown below."),
            2,
        ));
    }
    for note in &report.notes {
        out.push(fold(&format!("Note: {note}."), 2));
    }
    out.push("\nIS IT A DEVICE, AND UNDER WHICH REGULATION?".into());
    for (n, step) in report.steps.iter().enumerate() {
        out.push(fold(
            &format!("{}. {} {}.", n + 1, step.question, capital(step.answer)),
            2,
        ));
        out.push(fold(
            &format!("{}{}", capital(&step.because), facts(&step.facts)),
            5,
        ));
        out.push(fold(&step.clause, 5));
    }
    if !report.rules.is_empty() {
        out.push("\nWHICH CLASS?".into());
        rules(&report.rules, explain, &mut out);
    }
    if explain {
        let principles: Vec<String> = law
            .in_force()
            .filter(|a| report.regulation.as_deref() == Some(a.name.as_str()))
            .flat_map(|a| &a.principle)
            .map(|p| fold(&format!("{}: {}", p.cite, p.says), 2))
            .collect();
        if !principles.is_empty() {
            out.push("\nIMPLEMENTING RULES".into());
            out.extend(principles);
        }
    }
    if !report.modules.is_empty() {
        out.push("\nMODULES".into());
        for m in &report.modules {
            let class = module_words(m);
            let rule = m
                .rule
                .as_ref()
                .map_or(String::new(), |r| format!(" by {r}"));
            out.push(format!("  {} (line {}): {class}{rule}", m.name, m.line));
            if let Some(last) = m.steps.last().filter(|_| m.qualifies == Some(false)) {
                out.push(fold(
                    &format!(
                        "{} {}: {} ({})",
                        last.question, last.answer, last.because, last.clause
                    ),
                    5,
                ));
            } else if !m.because.is_empty() {
                out.push(fold(&m.because, 5));
            }
            if explain {
                rules(&m.rules, true, &mut out);
            }
        }
    }
    if report.qualifies != Some(false) {
        out.push("\nCONFORMITY ASSESSMENT".into());
        out.push(match report.notified_body {
            Some(true) if report.notified_body_scope.is_empty() => {
                "  A notified body takes part.".into()
            }
            Some(true) => fold(
                &format!(
                    "A notified body takes part, for {}.",
                    report.notified_body_scope
                ),
                2,
            ),
            Some(false) => "  No notified body takes part.".into(),
            None => "  Whether a notified body takes part is open.".into(),
        });
        for route in &report.routes {
            let class = route
                .if_class
                .map_or(String::new(), |c| format!("If class {}: ", c.name()));
            out.push(fold(
                &format!(
                    "- {class}{}: {} ({})",
                    route.title,
                    route.annexes.join("; "),
                    route.clause
                ),
                2,
            ));
        }
    }
    if !report.consequences.is_empty() {
        out.push("\nWHAT FOLLOWS".into());
        for c in &report.consequences {
            let open = if c.applies.is_none() {
                "If it applies (open): "
            } else {
                ""
            };
            let unread = if c.verified {
                ""
            } else {
                " [not read at source]"
            };
            let answer = if c.open.is_empty() {
                String::new()
            } else {
                format!(" Answer {}.", c.open.join(", "))
            };
            out.push(fold(
                &format!(
                    "- {open}{}. {}{answer} ({}){unread}",
                    c.title, c.says, c.clause
                ),
                2,
            ));
        }
    }
    if !report.open_questions.is_empty() {
        out.push("\nOPEN QUESTIONS".into());
        for q in &report.open_questions {
            let module = q
                .module
                .as_ref()
                .map_or(String::new(), |m| format!(" (module \"{m}\")"));
            out.push(fold(&format!("? {}{module}", q.question), 2));
            let choices = if q.choices.is_empty() {
                "true or false".to_owned()
            } else {
                q.choices.join(", ")
            };
            out.push(fold(
                &format!(
                    "answer {} with: {choices}; it settles {} ({})",
                    q.key, q.settles, q.clause
                ),
                4,
            ));
        }
    }
    out.push("\nAPPLIED".into());
    let editions: Vec<String> = report
        .editions
        .iter()
        .map(|e| format!("{} ({})", e.name, e.edition))
        .collect();
    out.push(fold(&editions.join("; "), 2));
    out.push(fold(
        "This is the manufacturer's aid, not legal advice; a person responsible decides and signs.",
        2,
    ));
    out.join("\n")
}

fn rules(list: &[RuleOutcome], explain: bool, out: &mut Vec<String>) {
    for r in list.iter().filter(|r| r.applies != Some(false)) {
        let class = match (r.class, r.class_range) {
            (Some(c), _) => format!("class {}", c.name()),
            (None, Some((l, h))) => format!("class {} to {}", l.name(), h.name()),
            _ => "no class of its own".into(),
        };
        let open = if r.applies.is_none() {
            "may apply"
        } else {
            "applies"
        };
        out.push(fold(&format!("{} {open}, {class}: {}.", r.id, r.about), 2));
        out.push(fold(
            &format!("{}{}", capital(&r.reason), facts(&r.facts)),
            5,
        ));
        for case in &r.cases {
            let basis = match case.basis.as_str() {
                "table" => "table",
                "law" => "text of the law",
                _ => "case",
            };
            let holds = if case.holds.is_none() {
                "open"
            } else {
                "holds"
            };
            out.push(fold(
                &format!(
                    "- {basis}, class {}, {holds}: {}{} [{}]",
                    case.class.name(),
                    case.because,
                    facts(&case.facts),
                    case.clause
                ),
                5,
            ));
        }
    }
    let others: Vec<&RuleOutcome> = list.iter().filter(|r| r.applies == Some(false)).collect();
    if explain {
        for r in others {
            out.push(fold(
                &format!("{} does not apply: {}.{}", r.id, r.reason, facts(&r.facts)),
                2,
            ));
        }
    } else if !others.is_empty() {
        let short: Vec<&str> = others
            .iter()
            .map(|r| {
                r.id.split_once("Annex VIII ")
                    .map_or(r.id.as_str(), |(_, s)| s)
            })
            .collect();
        out.push(fold(
            &format!(
                "Considered, not applying (reasons with --explain): {}.",
                short.join(", ")
            ),
            2,
        ));
    }
}

/// The interview: asks what is not answered and writes each answer into the device file at once.
fn ask(law: &'static Law, device: &Path) -> Done {
    let path = if device.is_dir() || (!device.exists() && device.extension().is_none()) {
        std::fs::create_dir_all(device)?;
        device.join("device.toml")
    } else {
        device.to_owned()
    };
    // Behind a link the file itself is written, with the permissions that it has.
    let path = std::fs::canonicalize(&path).unwrap_or(path);
    let permissions = std::fs::metadata(&path).ok().map(|m| m.permissions());
    if permissions
        .as_ref()
        .is_some_and(std::fs::Permissions::readonly)
    {
        return Err(Failure::Misuse(format!(
            "{}: the file is read-only",
            path.display()
        )));
    }
    let write = |text: &str| -> Done {
        candour_device::write_atomic(&path, text.as_bytes())?;
        if let Some(permissions) = &permissions {
            std::fs::set_permissions(&path, permissions.clone())?;
        }
        Ok(())
    };
    let text = match read_bounded(&path).map(String::from_utf8) {
        Ok(Ok(text)) => text,
        Ok(Err(e)) => return Err(Failure::Misuse(format!("{}: {e}", path.display()))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(Failure::Misuse(format!("{}: {e}", path.display()))),
    };
    let include = |name: &str| read_bounded(&within(folder_of(&path), name)?);
    let mut interview = Interview::new(law, &path.display().to_string(), &text, &include);
    let faults = interview.description().faults;
    if faults.errors() > 0 {
        return Err(Failure::Misuse(format!(
            "{faults}\nmend the file first, then ask again"
        )));
    }
    let mut out = io::stderr();
    let mut lines = io::stdin().lock().lines();
    let _ = writeln!(
        out,
        "Answers go into {}. Enter leaves a question out, `unknown` leaves it open, `?` explains, `stop` ends; the file is written after every answer.",
        path.display()
    );
    let mut section = "";
    while let Some(question) = interview.next() {
        if section != question.section {
            section = question.section;
            let _ = writeln!(out, "\n== {section}");
        }
        let field = question.field;
        let _ = writeln!(out, "\n{}", fold(&field.ask, 0));
        for (n, choice) in field.choice.iter().enumerate() {
            let _ = writeln!(out, "{:>3}  {}: {}", n + 1, choice.value, choice.says);
        }
        let hint = match field.kind {
            candour_regulation::Kind::Boolean => "yes / no",
            candour_regulation::Kind::Choice => "one number",
            candour_regulation::Kind::Choices => "numbers with commas, or none",
            candour_regulation::Kind::Texts => "one or more, with ; between",
            _ => "text",
        };
        let _ = write!(out, "[{}; {hint}] > ", question.path);
        let _ = out.flush();
        let Some(line) = lines.next() else { break };
        let line = line
            .map_err(|e| Failure::Misuse(format!("standard input, at {}: {e}", question.path)))?;
        match line.trim() {
            "" => interview.skip(&question),
            "stop" => break,
            "?" => {
                let _ = writeln!(out, "{}\n{}", fold(&field.cite, 2), fold(&field.help, 2));
            }
            typed => match interview.answer(&question, typed) {
                Ok(()) => write(interview.text())?,
                Err(why) => {
                    let _ = writeln!(out, "  {why}");
                }
            },
        }
    }
    if !path.exists() {
        write(interview.text())?;
    }
    let _ = writeln!(out);
    Ok(())
}

pub(crate) fn check_command(args: &cli::Check) -> Done {
    let law = law()?;
    if let Some(id) = &args.explain {
        return explain(law, id, args.device.as_deref(), args.workspace.as_deref());
    }
    let Some(device) = &args.device else {
        return Err(Failure::Misuse(
            "give a device's folder or its device file".into(),
        ));
    };
    let opened = open(device)?;
    let report = classify(law, &opened.description);
    if let Some(old) = &args.against {
        return against(law, &opened, &report, old, args.json);
    }
    let on_hand = opened.on_hand(args.workspace.as_deref())?;
    let findings = check(law, &opened.description, &report, &on_hand);
    if let Some(path) = &args.html {
        let page = crate::regulation_page::page(&opened.description, &report, &findings)?;
        write_html(path, &page)?;
    }
    if args.json {
        let body = json!({
            "device": report.device,
            "file": report.file,
            "verdict": verdict(&report),
            "regulation": report.regulation,
            "class": report.class,
            "errors": findings.count(Severity::Error),
            "warnings": findings.count(Severity::Warning),
            "notes": findings.count(Severity::Note),
            "diagnostics": findings.diagnostics,
            "requirements": findings.requirements,
            "summary": findings.summary,
            "next": findings.next,
        });
        say(pretty(&body)?);
    } else {
        if !args.summary {
            for d in findings
                .diagnostics
                .iter()
                .filter(|d| args.notes || d.severity != Severity::Note)
            {
                say(d.long());
            }
        }
        say(summary(&report, &findings, &on_hand, args));
    }
    // Faults of the file itself are misuse; gaps and contradictions are findings.
    match (
        opened.description.faults.errors(),
        findings.count(Severity::Error),
    ) {
        (0, 0) => Ok(()),
        (0, n) => Err(Failure::Wrong(format!(
            "{n} error(s) stand between this device and its requirements"
        ))),
        (n, _) => Err(Failure::Misuse(format!(
            "{}: {n} error(s) in the device file",
            opened.path.display()
        ))),
    }
}

fn summary(report: &Report, findings: &Findings, on_hand: &OnHand, args: &cli::Check) -> String {
    let mut out = vec![
        format!("{}  [{}]", report.device, report.file),
        fold(&verdict(report), 2),
        String::new(),
    ];
    let width = findings
        .summary
        .iter()
        .map(|g| g.group.chars().count())
        .max()
        .unwrap_or(10)
        .max(10);
    let mut head = format!("{:width$}", "Summary");
    for state in State::ALL {
        head.push_str(&format!(
            "  {:>w$}",
            state.title(),
            w = state.title().len().max(4)
        ));
    }
    out.push(head);
    for group in &findings.summary {
        let mut line = format!("{:width$}", group.group);
        for state in State::ALL {
            let n = group.counts.get(&state).copied().unwrap_or(0);
            let shown = if n == 0 {
                "·".to_owned()
            } else {
                n.to_string()
            };
            line.push_str(&format!("  {shown:>w$}", w = state.title().len().max(4)));
        }
        out.push(line);
    }
    out.push(String::new());
    if !findings.next.is_empty() {
        out.push("What closes most:".into());
        for next in findings.next.iter().take(8) {
            out.push(fold(
                &format!(
                    "- {} ({}): completes {} requirement(s), helps {}",
                    next.evidence,
                    next.title,
                    next.completes,
                    next.requirements.len()
                ),
                2,
            ));
        }
        out.push(String::new());
    }
    if on_hand.records.is_none() {
        out.push(
            "Without --workspace no record counts; give the workspace to count sealed evidence."
                .into(),
        );
    }
    let notes = findings.count(Severity::Note);
    out.push(format!(
        "{} error(s), {} warning(s), {notes} note(s){}",
        findings.count(Severity::Error),
        findings.count(Severity::Warning),
        if args.notes || notes == 0 {
            ""
        } else {
            " (shown with --notes)"
        }
    ));
    out.push("The long form of a requirement: candour check --explain GSPR-17.2".into());
    out.join("\n")
}

/// The long form of one requirement.
fn explain(law: &Law, id: &str, device: Option<&Path>, workspace: Option<&Path>) -> Done {
    let Some((act, entry)) = law.entry(id) else {
        let lower = id.to_lowercase();
        let near: Vec<&str> = law
            .entry_ids()
            .into_iter()
            .filter(|e| e.to_lowercase().starts_with(&lower) || e.to_lowercase().contains(&lower))
            .take(12)
            .collect();
        let hint = if near.is_empty() {
            "`candour check DEVICE --json` lists all".to_owned()
        } else {
            format!("there are: {}", near.join(", "))
        };
        return Err(Failure::Misuse(format!("`{id}` is no requirement; {hint}")));
    };
    let status = |s: Status| match s {
        Status::InForce => "in force",
        Status::Superseded => "superseded; never applied",
        Status::Proposed => "proposed; never applied",
    };
    let mut out = vec![
        format!("{}  {}", entry.id, entry.title),
        fold(
            &format!(
                "{}; {}, {}, {}",
                entry.cite,
                act.title,
                act.edition,
                status(if act.status == Status::InForce {
                    entry.status
                } else {
                    act.status
                })
            ),
            2,
        ),
        String::new(),
        "Asks".into(),
        fold(&entry.asks, 2),
        String::new(),
        "Applies when".into(),
        fold(entry.when.text(), 2),
    ];
    if !entry.otherwise.is_empty() {
        out.push(fold(&format!("Otherwise: {}", entry.otherwise), 2));
    }
    if !entry.from.is_empty() {
        out.push(fold(&format!("From {}.", entry.from), 2));
    }
    out.push(String::new());
    out.push("Met by".into());
    if entry.outside.is_empty() {
        for evidence in &entry.met_by {
            out.push(fold(
                &format!("- {evidence}: {}", law.evidence_title(evidence)),
                2,
            ));
        }
    } else {
        out.push(fold(&entry.outside, 2));
    }
    out.push(String::new());
    out.push("Remedy".into());
    out.push(fold(&entry.remedy, 2));
    let table: Vec<&str> = law
        .in_force()
        .flat_map(|a| &a.pair)
        .filter(|p| p.mdr == entry.id || p.ivdr == entry.id)
        .map(|p| p.about.as_str())
        .collect();
    if !table.is_empty() {
        out.push(String::new());
        out.push("Security: named in MDCG 2019-16 rev.1 Table 1 for".into());
        out.push(fold(&table.join("; "), 2));
    }
    let mut related = |label: &str, ids: Vec<&str>| {
        let said: Vec<String> = ids
            .into_iter()
            .map(|i| {
                law.entry(i)
                    .map_or_else(|| i.to_owned(), |(_, e)| format!("{i} ({})", e.title))
            })
            .collect();
        if !said.is_empty() {
            out.push(String::new());
            out.push(label.to_owned());
            out.push(fold(&said.join("; "), 2));
        }
    };
    related(
        "Counterpart",
        entry.pair.iter().map(String::as_str).collect(),
    );
    related("See also", entry.see.iter().map(String::as_str).collect());
    related(
        "Standards it is usually shown with",
        entry.standards.iter().map(String::as_str).collect(),
    );
    if !entry.verified {
        out.push(String::new());
        out.push(
            "The text was not read at its source; check it there before you rely on it.".into(),
        );
    }
    if let Some(device) = device {
        let opened = open(device)?;
        let report = classify(law, &opened.description);
        let on_hand = opened.on_hand(workspace)?;
        let findings = check(law, &opened.description, &report, &on_hand);
        if let Some(r) = findings.requirements.iter().find(|r| r.id == entry.id) {
            out.push(String::new());
            out.push(format!("For {}", report.device));
            out.push(fold(
                &format!("{} {}: {}", r.state.sign(), r.state.title(), r.why),
                2,
            ));
            if !r.have.is_empty() {
                out.push(fold(&format!("there: {}", r.have.join(", ")), 2));
            }
            if !r.lack.is_empty() {
                out.push(fold(&format!("missing: {}", r.lack.join(", ")), 2));
            }
        }
    }
    say(out.join("\n"));
    Ok(())
}

/// All regular files below a folder, in order.
fn below(folder: &Path, out: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)?
        .map(|e| e.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() && !path.is_symlink() {
            below(&path, out)?;
        } else if path.is_file() {
            out.push(path);
        }
    }
    Ok(())
}

/// Digests of what a device's folder holds beside the device file.
fn files(device: &Opened) -> Result<Files, Failure> {
    let mut out = Files::new();
    let model = device.folder().join("model");
    if model.is_dir() {
        let mut paths = Vec::new();
        below(&model, &mut paths)?;
        // What people read about the model is not the model.
        paths.retain(|p| p.extension().is_none_or(|e| e != "md"));
        let mut all = Vec::new();
        for path in &paths {
            let name = path.strip_prefix(&model).unwrap_or(path);
            all.extend_from_slice(name.as_os_str().as_encoded_bytes());
            all.push(0);
            all.extend_from_slice(Digest::of(&std::fs::read(path)?).as_bytes());
        }
        out.insert("files.model".into(), Digest::of(&all).to_string());
    }
    for section in ["validation", "texts", "instructions_for_use"] {
        let block = device.description.sections.get(section);
        for (name, fact) in block.into_iter().flat_map(|b| &b.facts) {
            let Value::Text(path) = &fact.value else {
                continue;
            };
            let key = match (section, name.as_str()) {
                ("validation", "cohort") => "files.cohort".to_owned(),
                ("validation", _) => continue,
                _ => format!("files.texts.{name}"),
            };
            if let Ok(real) = within(device.folder(), path) {
                out.insert(key, Digest::of(&std::fs::read(real)?).to_string());
            }
        }
    }
    Ok(out)
}

fn against(law: &Law, new: &Opened, report: &Report, old: &Path, as_json: bool) -> Done {
    new.sound()?;
    let before = open(old)?;
    before.sound()?;
    let old_report = classify(law, &before.description);
    let (old_files, new_files) = (files(&before)?, files(new)?);
    let change = assess_change(
        law,
        &Version {
            device: &before.description,
            report: &old_report,
            files: &old_files,
        },
        &Version {
            device: &new.description,
            report,
            files: &new_files,
        },
    );
    if as_json {
        let mut body =
            serde_json::to_value(&change).map_err(|e| Failure::Storage(e.to_string()))?;
        if let Some(members) = body.as_object_mut() {
            members.insert("before".into(), json!(verdict(&old_report)));
            members.insert("after".into(), json!(verdict(report)));
        }
        say(pretty(&body)?);
    } else {
        say(change_text(&old_report, report, &change));
    }
    if !change.significant && !change.open.is_empty() {
        return Err(Failure::Wrong(format!(
            "the change cannot be judged until these are answered: {}",
            change.open.join(", ")
        )));
    }
    if change.significant {
        return Err(Failure::Wrong(
            "the change is significant: it is assessed before the version is placed on the market"
                .into(),
        ));
    }
    Ok(())
}

fn change_text(before: &Report, after: &Report, change: &ChangeReport) -> String {
    let mut out = vec![
        format!(
            "{}  [{} against {}]\n",
            after.device, after.file, before.file
        ),
        "WHAT IT MEANS".into(),
    ];
    let mark =
        |holds: bool, yes: &str, no: &str| fold(&format!("- {}", if holds { yes } else { no }), 2);
    if change.differences.is_empty() {
        out.push("  Nothing differs.".into());
        return out.join("\n");
    }
    out.push(mark(change.significant, "Significant change: the notified body assesses it, or a new conformity assessment is made, before the version is placed on the market.", "No significant change by these rules."));
    out.push(mark(
        change.new_udi_di,
        "A new UDI-DI is needed.",
        if change.new_udi_pi {
            "A new UDI-PI (version) is enough."
        } else {
            "No new UDI-DI by these rules."
        },
    ));
    out.push(mark(
        change.reclassified,
        &format!(
            "Classified otherwise: {} class {} before, {} class {} now.",
            result_text(before, "result.regulation"),
            result_text(before, "result.class"),
            result_text(after, "result.regulation"),
            result_text(after, "result.class")
        ),
        &format!(
            "Class and rule are as before: {} class {}.",
            result_text(after, "result.regulation"),
            result_text(after, "result.class")
        ),
    ));
    out.push("\nWHAT CHANGED".into());
    for d in &change.differences {
        let line = d
            .place
            .as_ref()
            .map_or(String::new(), |p| format!(" (line {})", p.line));
        let show = |t: &str| {
            if t.is_empty() {
                "nothing".to_owned()
            } else {
                format!("\"{}\"", clip(t))
            }
        };
        out.push(fold(
            &format!(
                "- {}{line}: {} → {}",
                d.key,
                show(&d.before),
                show(&d.after)
            ),
            2,
        ));
    }
    if !change.open.is_empty() {
        out.push("\nNOT ANSWERED".into());
        for key in &change.open {
            out.push(fold(&format!("? {key}"), 2));
        }
    }
    out.push("\nWHY".into());
    if change.findings.is_empty() {
        out.push("  No rule is touched by what changed.".into());
    }
    for f in &change.findings {
        out.push(fold(
            &format!(
                "- {} [{}] because of {}",
                f.says,
                f.clause,
                f.because.join(", ")
            ),
            2,
        ));
        out.push(fold(&format!("Do: {}", f.remedy), 4));
    }
    if !change.stale.is_empty() {
        out.push("\nEVIDENCE THAT NO LONGER SHOWS THIS VERSION".into());
        for s in &change.stale {
            out.push(fold(
                &format!("- {}: {} ({})", s.evidence, s.title, s.because.join(", ")),
                2,
            ));
        }
    }
    out.join("\n")
}

pub(crate) fn deadlines_command(args: &cli::Deadlines) -> Done {
    let law = law()?;
    let Some(event) = &args.event else {
        if args.aware.is_some() || args.json {
            return Err(Failure::Misuse(
                "name the event; `candour deadlines` alone lists them".into(),
            ));
        }
        say("Events that start a clock:");
        for (event, title) in events(law) {
            say(fold(&format!("{event}: {title}"), 2));
        }
        return Ok(());
    };
    let Some(aware) = &args.aware else {
        return Err(Failure::Misuse(
            "--aware is missing; give the moment of awareness, such as 2026-11-25T09:30:00+01:00"
                .into(),
        ));
    };
    let moment = moment(aware).ok_or_else(|| {
        Failure::Misuse(format!(
            "--aware {}: not a moment with an offset; write it as 2026-11-25T09:30:00+01:00",
            clip(aware)
        ))
    })?;
    let opened = args.device.as_deref().map(open).transpose()?;
    if let Some(opened) = &opened {
        opened.sound()?;
    }
    let report = opened.as_ref().map(|o| classify(law, &o.description));
    let found = deadlines(
        law,
        event,
        &moment,
        &|clock| match (&clock.when, &opened, &report) {
            (Some(when), Some(opened), Some(report)) => {
                report.holds(law, &opened.description, when)
            }
            _ => Truth::Unknown,
        },
    )
    .map_err(|e| Failure::Misuse(e.to_string()))?;
    if args.json {
        say(pretty(
            &json!({ "event": event, "aware": aware, "deadlines": found }),
        )?);
        return Ok(());
    }
    if found.is_empty() {
        say("No clock runs for this event and this device.");
    }
    for d in &found {
        let until = d
            .until
            .as_ref()
            .map_or_else(|| "no fixed moment".to_owned(), |u| format!("until {u}"));
        let after = if d.after.is_empty() {
            String::new()
        } else {
            format!(" ({} after {})", d.after, d.from)
        };
        say(format_args!("{until}{after}  {}", d.clause));
        say(fold(&format!("{}, to {}", d.due, d.to), 4));
        if !d.note.is_empty() {
            say(fold(&d.note, 4));
        }
        if !d.verified {
            say(fold("The text was not read at its source.", 4));
        }
    }
    say(
        "Days are calendar days after the day of awareness. They end at midnight in the offset given: where clocks change before that day, give the offset in force then. No holiday prolongs them, on purpose (Regulation 1182/71 Art. 3(4) could).",
    );
    Ok(())
}

fn moment(text: &str) -> Option<jiff::ZonedDateTime> {
    let pieces = jiff::fmt::temporal::Pieces::parse(text).ok()?;
    // A named zone would need a table of zones; the offset in force at the deadline is the user's.
    let named = text.contains('[');
    let offset = pieces
        .to_numeric_offset()
        .filter(|o| !named && o.seconds().abs() <= 14 * 3600)?;
    let timestamp: jiff::Timestamp = text.parse().ok()?;
    Some(timestamp.to_zoned_datetime(jiff::tz::TimeZone::fixed(offset)))
}
