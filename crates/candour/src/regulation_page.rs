//! The page of a device's classification and requirements: the decision path, the class, and the
//! map of requirements. One file that needs nothing else; every state has a sign and a word beside
//! its colour, and the keyboard reaches everything.

use askama::Template;
use candour_regulation::{
    Case, Class, Description, FactUsed, Findings, Report, Requirement, RuleOutcome, Severity, State,
};

use crate::failure::Failure;
use crate::regulation::{capital, module_words, role_words, verdict};

struct StepCell {
    number: usize,
    question: String,
    answer: &'static str,
    sign: &'static str,
    because: String,
    otherwise: String,
    clause: String,
    facts: Vec<FactCell>,
}

struct FactCell {
    key: String,
    value: String,
    line: String,
}

/// One rule's row of the ladder.
struct RuleCell {
    id: String,
    about: String,
    reason: String,
    clause: String,
    governs: bool,
    open: bool,
    /// For each of the four classes: `sure`, `may` or nothing.
    marks: [&'static str; 4],
    cases: Vec<CaseCell>,
    facts: Vec<FactCell>,
}

struct CaseCell {
    class: &'static str,
    basis: &'static str,
    because: String,
    clause: String,
    open: bool,
}

struct TableCell {
    class: &'static str,
    here: bool,
}

struct TableRow {
    name: &'static str,
    cells: Vec<TableCell>,
}

struct Tile {
    id: String,
    title: String,
    state: State,
    clause: String,
    asks: String,
    why: String,
    have: String,
    lack: String,
    remedy: String,
    verified: bool,
}

impl Tile {
    fn key(&self) -> &'static str {
        key(self.state)
    }

    fn sign(&self) -> &'static str {
        self.state.sign()
    }

    fn words(&self) -> &'static str {
        self.state.title()
    }
}

struct Group {
    name: String,
    tiles: Vec<Tile>,
    met: usize,
    applicable: usize,
    percent: usize,
}

struct Legend {
    key: &'static str,
    sign: &'static str,
    words: &'static str,
    count: usize,
}

struct ModuleCell {
    name: String,
    result: String,
    because: String,
}

#[derive(Template)]
#[template(path = "regulation.html")]
struct Page {
    device: String,
    demonstration: bool,
    verdict: String,
    because: String,
    governed_by: String,
    notes: Vec<String>,
    steps: Vec<StepCell>,
    end: String,
    classes: [&'static str; 4],
    rules: Vec<RuleCell>,
    others: Vec<(String, String)>,
    table: Vec<TableRow>,
    modules: Vec<ModuleCell>,
    body: &'static str,
    routes: Vec<(String, String, String)>,
    follows: Vec<(String, String, String)>,
    questions: Vec<(String, String, String)>,
    contradictions: Vec<(String, String, String, String)>,
    legend: Vec<Legend>,
    groups: Vec<Group>,
    next: Vec<(String, String, usize, usize)>,
    editions: Vec<(String, String)>,
}

const fn key(state: State) -> &'static str {
    match state {
        State::Met => "met",
        State::ToSign => "sign",
        State::Partly => "partly",
        State::Missing => "missing",
        State::Open => "open",
        State::Later => "later",
        State::Others => "others",
        State::NotApplicable => "na",
    }
}

fn facts(used: &[FactUsed]) -> Vec<FactCell> {
    used.iter()
        .map(|f| FactCell {
            key: f.key.clone(),
            value: f.value.clone(),
            line: f
                .place
                .as_ref()
                .map_or_else(String::new, |p| format!("line {}", p.line)),
        })
        .collect()
}

/// Whether a rule surely or possibly gives each of the four classes.
fn marks(rule: &RuleOutcome) -> [&'static str; 4] {
    let mut out = [""; 4];
    let (low, high) = match (rule.class, rule.class_range) {
        (Some(c), _) => (c, c),
        (None, Some(range)) => range,
        _ => return out,
    };
    for (mark, rank) in out.iter_mut().zip(1u8..) {
        if rank >= low.rank() && rank <= high.rank() {
            *mark = if low == high && rule.applies == Some(true) {
                "sure"
            } else {
                "may"
            };
        }
    }
    out
}

/// Table 1 with the cell that the answers name; only where the guidance's cases were considered.
fn table(report: &Report) -> Vec<TableRow> {
    let rule = report
        .rules
        .iter()
        .find(|r| r.cases.iter().any(|c| c.basis == "table"));
    let Some(rule) = rule else { return Vec::new() };
    let answer = |name: &str| {
        rule.cases
            .iter()
            .filter(|c| c.basis == "table" && c.holds == Some(true))
            .flat_map(|c| &c.facts)
            .find(|f| f.key == name)
            .map(|f| f.value.clone())
    };
    let here = (
        answer("information.situation"),
        answer("information.significance"),
    );
    let law = candour_regulation::Law::get().ok();
    let mut rows = Vec::new();
    for (situation, name) in [
        ("critical", "critical"),
        ("serious", "serious"),
        ("non_serious", "non-serious"),
    ] {
        let cells = ["treat_or_diagnose", "drive_management", "inform_management"]
            .iter()
            .map(|significance| {
                let cell = [
                    ("information.situation", situation),
                    ("information.significance", *significance),
                ];
                // A cell is the case that asks for just this pair of answers.
                let asks = |case: &&Case| {
                    let tests = case.when.tests();
                    cell.iter().all(|(path, value)| {
                        tests
                            .iter()
                            .any(|t| t.path == *path && t.values == [*value])
                    })
                };
                let class = law.and_then(|law| law.in_force().flat_map(|a| &a.case).find(asks));
                TableCell {
                    class: class.map_or("", |c| c.class.name()),
                    here: here.0.as_deref() == Some(situation)
                        && here.1.as_deref() == Some(*significance),
                }
            })
            .collect();
        rows.push(TableRow { name, cells });
    }
    rows
}

fn tile(r: &Requirement) -> Tile {
    Tile {
        id: r.id.clone(),
        title: r.title.clone(),
        state: r.state,
        clause: r.clause.clone(),
        asks: r.asks.clone(),
        why: r.why.clone(),
        have: r.have.join(", "),
        lack: r.lack.join(", "),
        remedy: r.remedy.clone(),
        verified: r.verified,
    }
}

/// The page as one file.
pub(crate) fn page(
    device: &Description,
    report: &Report,
    findings: &Findings,
) -> Result<String, Failure> {
    let act = report
        .class
        .or(report.class_range.map(|(l, _)| l))
        .map(Class::act);
    let classes = match act {
        Some(candour_regulation::Act::Ivdr) => ["A", "B", "C", "D"],
        _ => ["I", "IIa", "IIb", "III"],
    };
    let mut groups: Vec<Group> = Vec::new();
    for r in &findings.requirements {
        let index = groups
            .iter()
            .position(|g| g.name == r.group)
            .unwrap_or_else(|| {
                groups.push(Group {
                    name: r.group.clone(),
                    tiles: Vec::new(),
                    met: 0,
                    applicable: 0,
                    percent: 0,
                });
                groups.len() - 1
            });
        if let Some(group) = groups.get_mut(index) {
            let counts = !matches!(r.state, State::NotApplicable | State::Others | State::Later);
            group.met += usize::from(r.state == State::Met);
            group.applicable += usize::from(counts);
            group.tiles.push(tile(r));
        }
    }
    // Whole groups that do not apply say nothing about this device.
    groups.retain(|g| g.tiles.iter().any(|t| t.state != State::NotApplicable));
    for group in &mut groups {
        group.percent = (group.met * 100)
            .checked_div(group.applicable)
            .unwrap_or(100);
    }
    let page = Page {
        device: if report.device.is_empty() {
            "Device".into()
        } else {
            report.device.clone()
        },
        demonstration: device
            .fact("identification.demonstration")
            .is_some_and(|f| f.value == candour_regulation::Value::Boolean(true)),
        verdict: verdict(report),
        because: report.because.clone(),
        governed_by: report.governed_by.clone().unwrap_or_default(),
        notes: report.notes.clone(),
        steps: report
            .steps
            .iter()
            .zip(1..)
            .map(|(s, number)| StepCell {
                number,
                question: s.question.clone(),
                answer: s.answer,
                sign: match s.answer {
                    "yes" => "✓",
                    "no" => "✗",
                    _ => "?",
                },
                because: capital(&s.because),
                otherwise: s.otherwise.clone(),
                clause: s.clause.clone(),
                facts: facts(&s.facts),
            })
            .collect(),
        end: match report.regulation.as_deref() {
            Some("none") => "Not a device by these steps".into(),
            Some(r) => format!("{} under {r}", capital(role_words(report.role.as_deref()))),
            None => "Open: more than one end is possible".into(),
        },
        classes,
        rules: report
            .rules
            .iter()
            .filter(|r| r.applies != Some(false))
            .map(|r| RuleCell {
                id: r.id.clone(),
                about: r.about.clone(),
                reason: capital(&r.reason),
                clause: r.clause.clone(),
                governs: report.rule.as_ref() == Some(&r.id),
                open: r.applies.is_none(),
                marks: marks(r),
                cases: r
                    .cases
                    .iter()
                    .map(|c| CaseCell {
                        class: c.class.name(),
                        basis: match c.basis.as_str() {
                            "table" => "table",
                            "law" => "law",
                            _ => "",
                        },
                        because: c.because.clone(),
                        clause: c.clause.clone(),
                        open: c.holds.is_none(),
                    })
                    .collect(),
                facts: facts(&r.facts),
            })
            .collect(),
        others: report
            .rules
            .iter()
            .filter(|r| r.applies == Some(false))
            .map(|r| (r.id.clone(), r.reason.clone()))
            .collect(),
        table: table(report),
        modules: report
            .modules
            .iter()
            .map(|m| ModuleCell {
                name: m.name.clone(),
                result: module_words(m),
                because: m
                    .rule
                    .as_ref()
                    .map(|r| format!("{r}: {}", m.because))
                    .or_else(|| {
                        m.steps
                            .last()
                            .map(|s| format!("{}: {}", s.clause, s.because))
                    })
                    .unwrap_or_default(),
            })
            .collect(),
        body: match report.notified_body {
            Some(true) => "A notified body takes part.",
            Some(false) => "No notified body takes part.",
            None => "Whether a notified body takes part is open.",
        },
        routes: report
            .routes
            .iter()
            .map(|r| {
                let class = r
                    .if_class
                    .map_or(String::new(), |c| format!("If class {}: ", c.name()));
                let scope = if r.scope.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", r.scope)
                };
                (
                    format!("{class}{}{scope}", r.title),
                    r.annexes.join("; "),
                    r.clause.clone(),
                )
            })
            .collect(),
        follows: report
            .consequences
            .iter()
            .map(|c| {
                let open = if c.applies.is_none() {
                    " (open whether it applies)"
                } else {
                    ""
                };
                let unread = if c.verified {
                    ""
                } else {
                    " (text not read at source)"
                };
                (
                    format!("{}{open}", c.title),
                    format!("{}{unread}", c.says),
                    c.clause.clone(),
                )
            })
            .collect(),
        questions: report
            .open_questions
            .iter()
            .map(|q| {
                let module = q
                    .module
                    .as_ref()
                    .map_or(String::new(), |m| format!(" (module {m})"));
                (
                    format!("{}{module}", q.question),
                    format!("{}: {}", q.key, q.choices.join(", ")),
                    q.settles.clone(),
                )
            })
            .collect(),
        contradictions: findings
            .diagnostics
            .iter()
            .filter(|d| {
                d.severity >= Severity::Warning
                    && !findings.requirements.iter().any(|r| r.id == d.code)
            })
            .filter(|d| !report.open_questions.iter().any(|q| q.key == d.code))
            .map(|d| {
                (
                    d.severity.name().to_owned(),
                    format!("{} (line {})", d.what, d.place.line),
                    d.clause.clone(),
                    d.remedy.clone(),
                )
            })
            .collect(),
        legend: State::ALL
            .iter()
            .map(|state| Legend {
                key: key(*state),
                sign: state.sign(),
                words: state.title(),
                count: findings
                    .requirements
                    .iter()
                    .filter(|r| r.state == *state)
                    .count(),
            })
            .collect(),
        groups,
        next: findings
            .next
            .iter()
            .take(10)
            .map(|n| {
                (
                    n.evidence.clone(),
                    n.title.clone(),
                    n.completes,
                    n.requirements.len(),
                )
            })
            .collect(),
        editions: report
            .editions
            .iter()
            .map(|e| (e.name.clone(), e.edition.clone()))
            .collect(),
    };
    page.render().map_err(|e| Failure::Storage(e.to_string()))
}
