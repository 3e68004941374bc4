//! The requirements of the acts, held against a device: what applies and why, what meets it, what
//! is missing and how to get it; and answers that contradict each other.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::classify::{Report, used, written};
use crate::condition::{Known, Lookup as _, Truth};
use crate::description::{Block, Description, Subject, Value};
use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::law::{Act, ActFile, Consistency, Entry, Evidence, Law, Status};

/// What lies at hand beside the device file.
#[derive(Clone, Debug, Default)]
pub struct OnHand {
    /// Names under `[texts]` whose file is there and not empty.
    pub texts: BTreeSet<String>,
    /// Kinds of record that the ledger has for this very device file; `None`: no workspace given.
    pub records: Option<BTreeSet<String>>,
    /// The day on which the check is made, `2026-11-25`: what applies from a later day is a note.
    pub today: String,
    /// Paths of the device file (`texts.warnings`) whose file cannot serve, with the reason.
    pub unreadable: BTreeMap<String, String>,
    /// How commands name the device and the workspace.
    pub device: String,
    /// The workspace, as commands name it.
    pub workspace: String,
}

/// Where a requirement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Everything that meets it is there.
    Met,
    /// All but a person's signature is there.
    ToSign,
    /// Some of it is there.
    Partly,
    /// Nothing of it is there.
    Missing,
    /// The device file does not settle whether it applies.
    Open,
    /// It will apply from a later day.
    Later,
    /// A duty of others.
    Others,
    /// It does not apply.
    NotApplicable,
}

impl State {
    /// All, from met to not applicable.
    pub const ALL: [Self; 8] = [
        Self::Met,
        Self::ToSign,
        Self::Partly,
        Self::Missing,
        Self::Open,
        Self::Later,
        Self::Others,
        Self::NotApplicable,
    ];

    /// In words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::ToSign => "to sign",
            Self::Partly => "partly",
            Self::Missing => "missing",
            Self::Open => "open",
            Self::Later => "later",
            Self::Others => "others",
            Self::NotApplicable => "not applicable",
        }
    }

    /// A sign that needs no colour.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Met => "✓",
            Self::ToSign => "✎",
            Self::Partly => "◐",
            Self::Missing => "✗",
            Self::Open => "?",
            Self::Later => "→",
            Self::Others => "○",
            Self::NotApplicable => "–",
        }
    }
}

/// A requirement held against the device.
#[derive(Clone, Debug, Serialize)]
pub struct Requirement {
    /// Its identifier.
    pub id: String,
    /// The clause.
    pub clause: String,
    /// The heading it counts under.
    pub group: String,
    /// Its title.
    pub title: String,
    /// What it asks.
    pub asks: String,
    /// Where it stands.
    pub state: State,
    /// How grave a gap is.
    pub severity: Severity,
    /// Why it applies or not.
    pub why: String,
    /// What is there.
    pub have: Vec<String>,
    /// What is missing.
    pub lack: Vec<String>,
    /// What to do.
    pub remedy: String,
    /// Whether its text was read at its source.
    pub verified: bool,
}

/// The numbers of one heading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupSummary {
    /// The heading.
    pub group: String,
    /// How many stand where.
    pub counts: BTreeMap<State, usize>,
}

/// Evidence that is missing, and how much it would close.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NextStep {
    /// What.
    pub evidence: String,
    /// In words.
    pub title: String,
    /// The requirements that name it.
    pub requirements: Vec<String>,
    /// How many of them it would complete by itself.
    pub completes: usize,
}

/// What the check found.
#[derive(Clone, Debug, Serialize)]
pub struct Findings {
    /// The diagnostics: faults of the file, contradictions, then gaps.
    pub diagnostics: Vec<Diagnostic>,
    /// Every requirement.
    pub requirements: Vec<Requirement>,
    /// The summary by heading.
    pub summary: Vec<GroupSummary>,
    /// What is best done next.
    pub next: Vec<NextStep>,
}

impl Findings {
    /// How many diagnostics are of a severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics
            .iter()
            .filter(|d| d.severity == severity)
            .count()
    }
}

struct Checker<'a> {
    law: &'a Law,
    device: &'a Description,
    report: &'a Report,
    on_hand: &'a OnHand,
}

/// Holds every requirement against the device.
#[must_use]
pub fn check(law: &Law, device: &Description, report: &Report, on_hand: &OnHand) -> Findings {
    let checker = Checker {
        law,
        device,
        report,
        on_hand,
    };
    let mut diagnostics = device.faults.0.clone();
    for question in &report.open_questions {
        let place = Place {
            file: report.file.clone(),
            line: question.line,
            column: 1,
        };
        diagnostics.push(Diagnostic {
            severity: Severity::Error,
            code: question.key.clone(),
            source: device.line(&place),
            place,
            what: format!("not answered: {}", question.question),
            why: format!("it settles {}", question.settles),
            clause: question.clause.clone(),
            remedy: if question.choices.is_empty() {
                format!("answer {}", question.key)
            } else {
                format!(
                    "answer {} with one of: {}",
                    question.key,
                    question.choices.join(", ")
                )
            },
            command: format!("candour classify {} --ask", quoted(&on_hand.device)),
        });
    }
    for rule in law.in_force().flat_map(|a| &a.consistency) {
        checker.consistent(rule, &mut diagnostics);
    }
    checker.not_applicable(&mut diagnostics);
    checker.files(&mut diagnostics);
    let mut requirements = Vec::new();
    // What the other regulation asks says nothing about a device that comes under this one.
    let other = |act: &ActFile| {
        Act::by_name(&act.name).is_some()
            && report
                .regulation
                .as_ref()
                .is_some_and(|r| Act::by_name(r).is_some() && *r != act.name)
    };
    for act in law.in_force().filter(|a| !other(a)) {
        for entry in act.entry.iter().filter(|e| e.status == Status::InForce) {
            let requirement = checker.hold(act, entry);
            if let Some(diagnostic) = checker.gap(entry, &requirement) {
                diagnostics.push(diagnostic);
            }
            requirements.push(requirement);
        }
    }
    let summary = summarise(&requirements);
    let next = checker.next(&requirements);
    Findings {
        diagnostics,
        requirements,
        summary,
        next,
    }
}

/// Answers that contradict each other or the class that they lead to; what only evidence can mend
/// is left to [`check`].
#[must_use]
pub fn contradictions(law: &Law, device: &Description, report: &Report) -> Vec<Diagnostic> {
    let on_hand = OnHand::default();
    let checker = Checker {
        law,
        device,
        report,
        on_hand: &on_hand,
    };
    let mut out = Vec::new();
    for rule in law.in_force().flat_map(|a| &a.consistency) {
        if rule.value.is_empty() || !rule.computed.is_empty() {
            checker.consistent(rule, &mut out);
        }
    }
    out
}

fn summarise(requirements: &[Requirement]) -> Vec<GroupSummary> {
    let mut out: Vec<GroupSummary> = Vec::new();
    for r in requirements {
        let index = out
            .iter()
            .position(|g| g.group == r.group)
            .unwrap_or_else(|| {
                out.push(GroupSummary {
                    group: r.group.clone(),
                    counts: BTreeMap::new(),
                });
                out.len() - 1
            });
        if let Some(group) = out.get_mut(index) {
            *group.counts.entry(r.state).or_insert(0) += 1;
        }
    }
    out
}

impl<'a> Checker<'a> {
    fn subject(&self, module: Option<&'a Block>) -> Subject<'a> {
        Subject {
            law: self.law,
            device: self.device,
            module,
            results: &self.report.results,
        }
    }

    fn whole(&self) -> Subject<'a> {
        self.report.subject(self.law, self.device)
    }

    /// The top level and every module.
    fn units(&self) -> Vec<Option<&'a Block>> {
        std::iter::once(None)
            .chain(self.device.each("module").iter().map(Some))
            .collect()
    }

    fn hold(&self, act: &ActFile, entry: &Entry) -> Requirement {
        let subject = self.whole();
        let decision = entry.when.decide(&subject);
        let mut out = Requirement {
            id: entry.id.clone(),
            clause: entry.cite.clone(),
            group: entry.group.clone(),
            title: entry.title.clone(),
            asks: entry.asks.clone(),
            state: State::Missing,
            severity: entry.severity,
            why: self.why(&decision.because),
            have: Vec::new(),
            lack: Vec::new(),
            remedy: entry.remedy.clone(),
            verified: entry.verified,
        };
        let declared = self
            .device
            .sections
            .get("not_applicable")
            .and_then(|b| b.text(&entry.id));
        match decision.truth {
            Truth::No => {
                out.state = State::NotApplicable;
                let exempt = act
                    .exempt
                    .iter()
                    .find(|e| decision.because.contains(&e.fact));
                if let Some(exempt) = exempt {
                    out.why.clone_from(&exempt.reason);
                } else if !entry.otherwise.is_empty() {
                    out.why.clone_from(&entry.otherwise);
                }
                return out;
            }
            Truth::Unknown => {
                out.state = State::Open;
                out.lack = decision.because.into_iter().collect();
                out.why = "the device file does not settle whether it applies".into();
                return out;
            }
            Truth::Yes => {}
        }
        if let Some(reason) = declared.filter(|_| !entry.always) {
            out.state = State::NotApplicable;
            out.why = format!("the manufacturer: {reason}");
            return out;
        }
        if !entry.outside.is_empty() {
            out.state = State::Others;
            out.why.clone_from(&entry.outside);
            return out;
        }
        let mut signatures = 0;
        for evidence in &entry.met_by {
            if self.has(evidence) {
                out.have.push(evidence.to_string());
            } else {
                signatures += usize::from(matches!(evidence, Evidence::Signature(_)));
                out.lack.push(evidence.to_string());
            }
        }
        out.state = if out.lack.is_empty() {
            State::Met
        } else if out.lack.len() == signatures {
            State::ToSign
        } else if out.have.is_empty() {
            State::Missing
        } else {
            State::Partly
        };
        if !entry.from.is_empty() && entry.from > self.on_hand.today && out.state != State::Met {
            out.state = State::Later;
            out.why = format!("{}; it applies from {}", out.why, entry.from);
        }
        out
    }

    /// Why a condition holds: the results and answers that decided it.
    fn why(&self, because: &BTreeSet<String>) -> String {
        let subject = self.whole();
        let result = |path: &&String| path.starts_with("result.");
        let results =
            because
                .iter()
                .filter(result)
                .map(|path| match (path.as_str(), subject.known(path)) {
                    ("result.qualifies", Known::Boolean(true)) => "it is a device".to_owned(),
                    ("result.regulation", Known::Choice(v)) => format!("it comes under the {v}"),
                    ("result.class", Known::Choice(v)) => format!("it is of class {v}"),
                    ("result.role", Known::Choice(v)) if v == "mdsw" => {
                        "it is medical device software".into()
                    }
                    ("result.notified_body", Known::Boolean(true)) => {
                        "a notified body takes part".into()
                    }
                    ("result.ai_high_risk", Known::Boolean(true)) => {
                        "it is a high-risk AI system".into()
                    }
                    ("result.software_only", Known::Boolean(true)) => "it is software alone".into(),
                    ("result.software_only", Known::Boolean(false)) => {
                        "it has parts beside software".into()
                    }
                    (_, known) => {
                        let name = path.trim_start_matches("result.").replace('_', " ");
                        match known {
                            Known::Choice(v) => format!("{name} {v}"),
                            Known::Boolean(true) => name,
                            Known::Boolean(false) => format!("not {name}"),
                            Known::OneOf(v) => format!("{name} {}", v.join(" or ")),
                            _ => format!("{name} open"),
                        }
                    }
                });
        // What is not stated decided only by leaving the rest as it is; it is no reason to name.
        let facts = used(&subject, because).into_iter().filter_map(|f| {
            let place = f.place?;
            Some(format!("{} = {} (line {})", f.key, f.value, place.line))
        });
        let all: Vec<String> = results.chain(facts).collect();
        if all.is_empty() {
            "every device is asked for it".into()
        } else {
            all.join(", ")
        }
    }

    fn has(&self, evidence: &Evidence) -> bool {
        match evidence {
            Evidence::Device(path) => self.given(path),
            Evidence::Text(name) => self.on_hand.texts.contains(name),
            Evidence::Record(kind) => self
                .on_hand
                .records
                .as_ref()
                .is_some_and(|r| r.contains(kind)),
            // No record of this release carries a signature; a person signs the document itself.
            Evidence::Signature(_) => false,
        }
    }

    fn given(&self, path: &str) -> bool {
        let repeated = path
            .split_once('.')
            .map(|(s, k)| (self.device.each(s), k))
            .filter(|(blocks, _)| !blocks.is_empty());
        if let Some((blocks, key)) = repeated {
            return blocks.iter().all(|b| b.facts.contains_key(key));
        }
        match self.whole().fact(path).map(|f| &f.value) {
            None | Some(Value::Unknown) => false,
            Some(Value::List(items)) => !items.is_empty(),
            Some(_) => true,
        }
    }

    fn gap(&self, entry: &Entry, requirement: &Requirement) -> Option<Diagnostic> {
        let (severity, what) = match requirement.state {
            State::Missing | State::Partly => {
                (entry.severity, format!("{}: not shown", entry.title))
            }
            State::ToSign => (Severity::Note, format!("{}: to be signed", entry.title)),
            State::Open => (
                Severity::Warning,
                format!("{}: does it apply?", entry.title),
            ),
            // A duty of others, and what nobody can act on yet, is in the summary and the map.
            State::Met | State::NotApplicable | State::Later | State::Others => return None,
        };
        // Open because the result is open: the questions that settle it are diagnosed themselves.
        let of_results = requirement.lack.iter().all(|l| l.starts_with("result."));
        if requirement.state == State::Open && of_results {
            return None;
        }
        let missing: Vec<Evidence> = entry
            .met_by
            .iter()
            .filter(|e| !self.has(e))
            .cloned()
            .collect();
        let workspace = if self.on_hand.workspace.is_empty() {
            Cow::Borrowed("WORKSPACE")
        } else {
            quoted(&self.on_hand.workspace)
        };
        let mut command = String::new();
        for evidence in &missing {
            if let Evidence::Record(kind) = evidence
                && let Some(record) = self.law.evidence.record.iter().find(|r| r.kind == *kind)
            {
                command = record
                    .command
                    .replace("{device}", &quoted(&self.on_hand.device))
                    .replace("{workspace}", &workspace);
                break;
            }
        }
        let needs: Vec<String> = missing
            .iter()
            .map(|e| format!("{e} ({})", self.law.evidence_title(e)))
            .collect();
        let place = match missing.first() {
            _ if requirement.state == State::Open => requirement
                .lack
                .first()
                .map_or_else(|| self.device.start(), |path| self.device.place(path)),
            Some(Evidence::Device(path)) => self.device.place(path),
            Some(Evidence::Text(_)) => self.device.place("texts"),
            _ => self.device.place("validation"),
        };
        Some(Diagnostic {
            severity,
            code: entry.id.clone(),
            source: self.device.line(&place),
            place,
            what,
            why: match requirement.state {
                State::Open => requirement.why.clone(),
                _ => format!("applies because {}", requirement.why),
            },
            clause: entry.cite.clone(),
            remedy: match requirement.state {
                State::Open => format!("answer {}", requirement.lack.join(", ")),
                _ => format!("{} Needs: {}", entry.remedy, needs.join("; ")),
            },
            command,
        })
    }

    /// Files that the device file names and that cannot serve, and texts that no requirement names.
    fn files(&self, out: &mut Vec<Diagnostic>) {
        let clause = |path: &str| {
            let section = path.split('.').next().unwrap_or("");
            let field = self.law.schema.field(path).map(|f| f.cite.clone());
            field
                .or_else(|| self.law.schema.section(section).map(|s| s.cite.clone()))
                .unwrap_or_default()
        };
        let mut tell = |severity, path: &str, place: Place, what: String, remedy: String| {
            out.push(Diagnostic {
                severity,
                code: path.to_owned(),
                source: self.device.line(&place),
                place,
                what,
                why: String::new(),
                clause: clause(path),
                remedy,
                command: String::new(),
            });
        };
        for (path, reason) in &self.on_hand.unreadable {
            tell(
                Severity::Error,
                path,
                self.device.place(path),
                format!("the file of {path} cannot serve: {reason}"),
                "put the file there, or correct the path".into(),
            );
        }
        let names: Vec<&str> = self
            .law
            .evidence
            .text
            .iter()
            .map(|t| t.name.as_str())
            .collect();
        let texts = self.device.sections.get("texts");
        for (name, fact) in texts.into_iter().flat_map(|b| &b.facts) {
            if names.contains(&name.as_str()) {
                continue;
            }
            if let Some(near) = crate::diagnostic::nearest(name, &names) {
                tell(
                    Severity::Warning,
                    "texts",
                    fact.place.clone(),
                    format!(
                        "no requirement names a text `{}`",
                        crate::diagnostic::short(name)
                    ),
                    format!("did you mean `{near}`?"),
                );
            }
        }
    }

    fn not_applicable(&self, out: &mut Vec<Diagnostic>) {
        let Some(block) = self.device.sections.get("not_applicable") else {
            return;
        };
        let section = self.law.schema.section("not_applicable");
        let cite = section.map_or("", |s| s.cite.as_str());
        let ids = self.law.entry_ids();
        for (id, fact) in &block.facts {
            let (what, remedy) = match self.law.entry(id) {
                None => (
                    format!("`{}` is no requirement", crate::diagnostic::short(id)),
                    crate::diagnostic::nearest(id, &ids).map_or_else(
                        || "name a requirement as `candour check` names it".into(),
                        |n| format!("did you mean `{n}`?"),
                    ),
                ),
                Some((_, entry)) if entry.always => (
                    format!("{id} cannot be declared not applicable"),
                    format!("remove the line and show it: {}", entry.remedy),
                ),
                Some(_) => continue,
            };
            out.push(Diagnostic {
                severity: Severity::Error,
                code: "not_applicable".into(),
                source: self.device.line(&fact.place),
                place: fact.place.clone(),
                what,
                why: String::new(),
                clause: cite.to_owned(),
                remedy,
                command: String::new(),
            });
        }
    }

    fn contradiction(
        &self,
        rule: &Consistency,
        place: &Place,
        value: &str,
        other: &str,
    ) -> Diagnostic {
        let fill = |text: &str| {
            text.replace("{value}", &crate::diagnostic::short(value))
                .replace("{other}", &crate::diagnostic::short(other))
        };
        Diagnostic {
            severity: rule.severity,
            code: rule.id.clone(),
            source: self.device.line(place),
            place: place.clone(),
            what: fill(&rule.says),
            why: String::new(),
            clause: rule.cite.clone(),
            remedy: fill(&rule.remedy),
            command: String::new(),
        }
    }

    fn consistent(&self, rule: &Consistency, out: &mut Vec<Diagnostic>) {
        let relational = !rule.value.is_empty() || !rule.computed.is_empty();
        if !relational {
            for module in self.device.units() {
                let subject = self.subject(module);
                let holds = rule
                    .when
                    .as_ref()
                    .is_some_and(|w| w.truth(&subject) == Truth::Yes);
                if holds {
                    let fact = subject.fact(&rule.key);
                    let place =
                        fact.map_or_else(|| self.device.place(&rule.key), |f| f.place.clone());
                    let value = fact.map_or(String::new(), |f| written(&f.value));
                    let found = self.contradiction(rule, &place, &value, "");
                    if !out.contains(&found) {
                        out.push(found);
                    }
                }
            }
            return;
        }
        let whole = self.whole();
        if rule
            .when
            .as_ref()
            .is_some_and(|w| w.truth(&whole) != Truth::Yes)
        {
            return;
        }
        for (value, place, block) in self.values(rule) {
            if !rule.within.is_empty() {
                let there = self.list(&rule.within);
                if !there.iter().any(|t| same(t, &value)) {
                    out.push(self.contradiction(rule, &place, &value, &there.join(", ")));
                }
            } else if !rule.keys_of.is_empty() {
                let there = self.device.sections.get(&rule.keys_of);
                let usable = !self
                    .on_hand
                    .unreadable
                    .contains_key(&format!("{}.{value}", rule.keys_of));
                if !usable || !there.is_some_and(|b| b.facts.contains_key(&value)) {
                    out.push(self.contradiction(rule, &place, &value, &rule.keys_of));
                }
            } else if !rule.not_above.is_empty() {
                let order: Vec<String> = self
                    .law
                    .schema
                    .field(&rule.not_above)
                    .map(|f| f.choice.iter().map(|c| c.value.clone()).collect())
                    .unwrap_or_default();
                let rank = |v: &str| order.iter().position(|o| o == v);
                // The strictest of all modules is what the claim or the risk is measured by.
                let most = self
                    .list(&rule.not_above)
                    .into_iter()
                    .filter_map(|v| Some((rank(&v)?, v)))
                    .min();
                if let (Some(mine), Some((theirs, other))) = (rank(&value), most)
                    && mine < theirs
                {
                    out.push(self.contradiction(rule, &place, &value, &other));
                }
            } else if !rule.needs.is_empty() {
                let given = block.is_some_and(|b| b.facts.contains_key(&rule.needs));
                if !given && !rule.unless.contains(&value) {
                    let id = block.and_then(|b| b.text("id")).unwrap_or(&value);
                    out.push(self.contradiction(rule, &place, id, &rule.needs));
                }
            } else {
                let computed = match rule.computed.as_str() {
                    "result.rule" => self.report.rule.clone().unwrap_or_default(),
                    "result.class" if self.report.class.is_none() => String::new(),
                    path => match self.report.results.get(path) {
                        Some(Known::Choice(v)) => v.clone(),
                        _ => String::new(),
                    },
                };
                if !computed.is_empty() && !same(&computed, &value) {
                    out.push(self.contradiction(rule, &place, &value, &computed));
                }
            }
        }
    }

    /// The values that a relation looks at, each with its place.
    fn values(&self, rule: &Consistency) -> Vec<(String, Place, Option<&'a Block>)> {
        let one = |value: &Value, place: &Place| -> Vec<(String, Place)> {
            match value {
                Value::Text(t) => vec![(t.clone(), place.clone())],
                Value::List(items) => items.clone(),
                Value::Boolean(b) => vec![(b.to_string(), place.clone())],
                _ => Vec::new(),
            }
        };
        if rule.each.is_empty() {
            let mut out: Vec<(String, Place, Option<&'a Block>)> = Vec::new();
            for module in self.units() {
                if let Some(fact) = self.subject(module).fact(&rule.value) {
                    let found = one(&fact.value, &fact.place).into_iter();
                    out.extend(found.map(|(v, p)| (v, p, None)));
                }
            }
            out.sort_by(|a, b| (&a.1, &a.0).cmp(&(&b.1, &b.0)));
            out.dedup_by(|a, b| a.1 == b.1 && a.0 == b.0);
            return out;
        }
        self.device
            .each(&rule.each)
            .iter()
            .flat_map(|b| {
                b.facts
                    .get(&rule.value)
                    .map(|f| one(&f.value, &f.place))
                    .unwrap_or_default()
                    .into_iter()
                    .map(move |(v, p)| (v, p, Some(b)))
            })
            .collect()
    }

    /// The values at a path, of the top level and of every module.
    fn list(&self, path: &str) -> Vec<String> {
        let mut out = Vec::new();
        for module in self.units() {
            match self.subject(module).fact(path).map(|f| &f.value) {
                Some(Value::Text(t)) => out.push(t.clone()),
                Some(Value::List(items)) => out.extend(items.iter().map(|(t, _)| t.clone())),
                _ => {}
            }
        }
        out
    }

    fn next(&self, requirements: &[Requirement]) -> Vec<NextStep> {
        let mut by: BTreeMap<&str, (Vec<String>, usize)> = BTreeMap::new();
        for r in requirements.iter().filter(|r| {
            r.severity > Severity::Note && matches!(r.state, State::Missing | State::Partly)
        }) {
            for lack in r.lack.iter().filter(|l| !l.starts_with("signature:")) {
                let entry = by.entry(lack).or_default();
                entry.0.push(r.id.clone());
                let others = r
                    .lack
                    .iter()
                    .filter(|l| !l.starts_with("signature:"))
                    .count();
                entry.1 += usize::from(others == 1);
            }
        }
        let mut out: Vec<NextStep> = by
            .into_iter()
            .map(|(evidence, (requirements, completes))| NextStep {
                evidence: evidence.to_owned(),
                title: Evidence::try_from(evidence.to_owned())
                    .map(|e| self.law.evidence_title(&e))
                    .unwrap_or_default(),
                requirements,
                completes,
            })
            .collect();
        out.sort_by_key(|n| {
            (
                std::cmp::Reverse(n.completes),
                std::cmp::Reverse(n.requirements.len()),
            )
        });
        out
    }
}

/// A path as a shell takes it; one with a null byte, which no shell takes and no system opens, as it is.
fn quoted(path: &str) -> Cow<'_, str> {
    shlex::try_quote(path).unwrap_or(Cow::Borrowed(path))
}

/// Equal but for case and spacing.
fn same(a: &str, b: &str) -> bool {
    let plain = |t: &str| {
        t.split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .to_lowercase()
    };
    plain(a) == plain(b)
}
