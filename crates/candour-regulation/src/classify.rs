//! Qualification, classification and conformity route: the steps and rules of the acts applied to
//! a device file, with the answer, the reason and the line behind each. What is not known gives a
//! range and the question that would settle it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::condition::{Condition, Known, Lookup as _, Truth};
use crate::description::{Block, Description, Subject, Value};
use crate::diagnostic::Place;
use crate::law::{Act, Case, Class, Law, Rule, Turn};
use crate::schema::MODULE;

/// What was found about a device.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The device's name; empty where the file gives none.
    pub device: String,
    /// The device file.
    pub file: String,
    /// Whether it is a device; `None`: the file does not settle it.
    pub qualifies: Option<bool>,
    /// `MDR`, `IVDR` or `none`; `None`: the file does not settle it.
    pub regulation: Option<String>,
    /// `mdsw`, `driver`, `accessory` or `annex_xvi`, where it is settled.
    pub role: Option<String>,
    /// The class, where it is settled.
    pub class: Option<Class>,
    /// Where it is not: the lowest and the highest class that the answers leave open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_range: Option<(Class, Class)>,
    /// Where the regulation is not settled: each that is possible, with its lowest and highest class.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub possible: Vec<Possible>,
    /// The rule that gives the class.
    pub rule: Option<String>,
    /// Why that rule gives it.
    pub because: String,
    /// Other rules that give the same class.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub equally: Vec<String>,
    /// The module that governs, where there are modules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub governed_by: Option<String>,
    /// The decision steps in order.
    pub steps: Vec<StepTaken>,
    /// Every rule considered.
    pub rules: Vec<RuleOutcome>,
    /// The conformity assessment routes open to it.
    pub routes: Vec<RouteOpen>,
    /// Whether a notified body takes part.
    pub notified_body: Option<bool>,
    /// What the notified body looks at, where not at everything.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub notified_body_scope: String,
    /// Whether it is a high-risk AI system (AI Act Art. 6(1)).
    pub ai_high_risk: Option<bool>,
    /// What follows.
    pub consequences: Vec<Follows>,
    /// What would settle the rest.
    pub open_questions: Vec<OpenQuestion>,
    /// Each module by itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<ModuleReport>,
    /// What else the reader must know.
    pub notes: Vec<String>,
    /// The acts that were applied, with their editions.
    pub editions: Vec<Edition>,
    /// The derived facts, for the conditions of requirements.
    #[serde(skip)]
    pub(crate) results: BTreeMap<String, Known>,
    /// Which module governs, by index.
    #[serde(skip)]
    pub(crate) governing: Option<usize>,
}

/// A regulation that a device may come under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Possible {
    /// Which.
    pub regulation: Act,
    /// The lowest class that the answers leave open.
    pub lowest: Class,
    /// The highest.
    pub highest: Class,
}

/// A module's own result.
#[derive(Clone, Debug, Serialize)]
pub struct ModuleReport {
    /// Its name.
    pub name: String,
    /// Where it stands in the device file.
    pub line: usize,
    /// Whether it is a device.
    pub qualifies: Option<bool>,
    /// Under which regulation.
    pub regulation: Option<String>,
    /// What it is.
    pub role: Option<String>,
    /// Its class.
    pub class: Option<Class>,
    /// Its range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_range: Option<(Class, Class)>,
    /// By which rule.
    pub rule: Option<String>,
    /// Why.
    pub because: String,
    /// Its steps.
    pub steps: Vec<StepTaken>,
    /// Its rules.
    pub rules: Vec<RuleOutcome>,
}

/// A decision step that was taken.
#[derive(Clone, Debug, Serialize)]
pub struct StepTaken {
    /// Its identifier.
    pub id: String,
    /// The guidance's step.
    pub clause: String,
    /// The question.
    pub question: String,
    /// `yes`, `no` or `unknown`.
    pub answer: &'static str,
    /// Why.
    pub because: String,
    /// Where the other answer would have ended, where it would have.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub otherwise: String,
    /// The line of the device file that decided it.
    pub line: Option<usize>,
    /// The answers that decided it.
    pub facts: Vec<FactUsed>,
}

/// An answer that decided something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FactUsed {
    /// The key.
    pub key: String,
    /// The answer as written, or what its absence means.
    pub value: String,
    /// Where it stands; absent where the key is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// A rule that was considered.
#[derive(Clone, Debug, Serialize)]
pub struct RuleOutcome {
    /// Its name.
    pub id: String,
    /// The clause.
    pub clause: String,
    /// What it is about.
    pub about: String,
    /// Whether it applies; `None`: the file does not settle it.
    pub applies: Option<bool>,
    /// The class it gives, where it applies and that is settled.
    pub class: Option<Class>,
    /// What it may give, where that is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_range: Option<(Class, Class)>,
    /// Why it applies or not, and why it gives that class.
    pub reason: String,
    /// The line that decided it.
    pub line: Option<usize>,
    /// The answers that decided it.
    pub facts: Vec<FactUsed>,
    /// Its cases that hold or may hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<CaseOutcome>,
    #[serde(skip)]
    low: Option<u8>,
    #[serde(skip)]
    high: Option<u8>,
    #[serde(skip)]
    preference: u32,
    #[serde(skip)]
    open: Vec<(u8, BTreeSet<String>)>,
}

/// A case of a rule that holds or may hold.
#[derive(Clone, Debug, Serialize)]
pub struct CaseOutcome {
    /// The class.
    pub class: Class,
    /// Whether it holds; `None`: open.
    pub holds: Option<bool>,
    /// `law` or `table`, where the rule has both.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub basis: String,
    /// The clause or cell.
    pub clause: String,
    /// What it says.
    pub because: String,
    /// The answers that decided it.
    pub facts: Vec<FactUsed>,
}

/// A route that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RouteOpen {
    /// Its identifier.
    pub id: String,
    /// The clause.
    pub clause: String,
    /// What it is.
    pub title: String,
    /// The annexes.
    pub annexes: Vec<String>,
    /// Whether a notified body takes part.
    pub notified_body: bool,
    /// What it looks at, where not at everything.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// The class for which it is open, where the class is not settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_class: Option<Class>,
}

/// Something that follows.
#[derive(Clone, Debug, Serialize)]
pub struct Follows {
    /// Its identifier.
    pub id: String,
    /// The act.
    pub act: String,
    /// The clause.
    pub clause: String,
    /// What.
    pub title: String,
    /// What it says.
    pub says: String,
    /// Whether it applies; `None`: open.
    pub applies: Option<bool>,
    /// The keys whose answer would settle whether it applies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
    /// Whether the text was read at its source.
    pub verified: bool,
}

/// A question whose answer would settle something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenQuestion {
    /// The key to answer.
    pub key: String,
    /// The module it is asked of, where it is not the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The question.
    pub question: String,
    /// The values it can have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// Who asks.
    pub clause: String,
    /// Where to answer.
    pub line: usize,
    /// What depends on it.
    pub settles: String,
}

/// An act as it was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edition {
    /// Short name.
    pub name: String,
    /// Which version.
    pub edition: String,
}

impl Report {
    /// Whether a condition holds for the device as a whole.
    #[must_use]
    pub fn holds(&self, law: &Law, device: &Description, condition: &Condition) -> Truth {
        condition.truth(&self.subject(law, device))
    }

    /// The device as a whole: the module that governs speaks for it.
    pub(crate) fn subject<'a>(&'a self, law: &'a Law, device: &'a Description) -> Subject<'a> {
        Subject {
            law,
            device,
            module: self.governing.and_then(|i| device.each(MODULE).get(i)),
            results: &self.results,
        }
    }
}

/// What a subject may come out as.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Outcome {
    act: Option<Act>,
    role: String,
}

/// One subject (the device or a module) assessed.
struct Assessment {
    qualifies: Option<bool>,
    outcomes: BTreeSet<Outcome>,
    steps: Vec<StepTaken>,
    rules: Vec<RuleOutcome>,
    /// Lowest and highest class for each possible act.
    classes: BTreeMap<Act, (Class, Class)>,
    open: BTreeMap<String, String>,
}

impl Assessment {
    fn act(&self) -> Option<Act> {
        let mut acts = self.outcomes.iter().map(|o| o.act);
        let first = acts.next().flatten()?;
        acts.all(|a| a == Some(first)).then_some(first)
    }

    fn regulation(&self) -> Option<String> {
        if self.qualifies == Some(false) {
            return Some("none".into());
        }
        self.act().map(|a| a.name().into())
    }

    fn role(&self) -> Option<String> {
        let mut roles = self.outcomes.iter().map(|o| &o.role);
        let first = roles.next()?;
        (!first.is_empty() && roles.all(|r| r == first)).then(|| first.clone())
    }

    fn range(&self) -> Option<(Class, Class)> {
        (self.qualifies == Some(true)).then(|| self.act())??;
        self.classes.values().next().copied()
    }

    fn class(&self) -> Option<Class> {
        self.range().filter(|(l, h)| l == h).map(|(l, _)| l)
    }

    fn rule(&self) -> Option<&RuleOutcome> {
        let rank = self.class()?.rank();
        self.rules
            .iter()
            .filter(|r| r.applies == Some(true) && r.low == Some(rank))
            .min_by_key(|r| r.preference)
    }
}

/// Qualifies and classifies a device, each module by itself.
#[must_use]
pub fn classify(law: &Law, device: &Description) -> Report {
    let none = BTreeMap::new();
    let mut subjects = device.units();
    let assess_one = |module: Option<&Block>| {
        let subject = Subject {
            law,
            device,
            module,
            results: &none,
        };
        assess(law, &subject)
    };
    let mut assessed: Vec<Assessment> = subjects.iter().map(|m| assess_one(*m)).collect();
    // A top level that says by itself what the product does is a unit beside its modules: adding a
    // module takes nothing away. One that only lends its modules answers is none.
    if !device.each(MODULE).is_empty() {
        let whole = assess_one(None);
        let settled = whole.class().is_some() || whole.qualifies == Some(false);
        if settled && device.fact("software.actions").is_some() {
            subjects.push(None);
            assessed.push(whole);
        }
    }
    compose(law, device, &subjects, assessed)
}

fn name_of(module: Option<&Block>) -> Option<String> {
    module.map(|m| m.text("name").unwrap_or("unnamed module").to_owned())
}

fn compose(
    law: &Law,
    device: &Description,
    subjects: &[Option<&Block>],
    assessed: Vec<Assessment>,
) -> Report {
    let qualifies = if assessed.iter().any(|a| a.qualifies == Some(true)) {
        Some(true)
    } else if assessed.iter().all(|a| a.qualifies == Some(false)) {
        Some(false)
    } else {
        None
    };
    // The strictest of those that surely qualify governs; then of those that may.
    let strength = |a: &Assessment| {
        let low = a.classes.values().map(|(l, _)| l.rank()).max().unwrap_or(0);
        let high = a.classes.values().map(|(_, h)| h.rank()).max().unwrap_or(0);
        match a.qualifies {
            Some(true) => (2, low, high),
            None => (1, low, high),
            Some(false) => (0, 0, 0),
        }
    };
    let governing = (0..assessed.len())
        .rev()
        .max_by_key(|i| assessed.get(*i).map(strength))
        .unwrap_or(0);
    let mut report = Report {
        device: device
            .sections
            .get("identification")
            .and_then(|b| b.text("name"))
            .unwrap_or("")
            .to_owned(),
        file: device.start().file,
        qualifies,
        regulation: None,
        role: None,
        class: None,
        class_range: None,
        possible: Vec::new(),
        rule: None,
        because: String::new(),
        equally: Vec::new(),
        governed_by: None,
        steps: Vec::new(),
        rules: Vec::new(),
        routes: Vec::new(),
        notified_body: None,
        notified_body_scope: String::new(),
        ai_high_risk: None,
        consequences: Vec::new(),
        open_questions: Vec::new(),
        modules: Vec::new(),
        notes: Vec::new(),
        editions: law
            .in_force()
            .map(|a| Edition {
                name: a.name.clone(),
                edition: a.edition.clone(),
            })
            .collect(),
        results: BTreeMap::new(),
        governing: subjects
            .get(governing)
            .copied()
            .flatten()
            .map(|_| governing),
    };
    let Some(lead) = assessed.get(governing) else {
        return report;
    };
    report.governed_by = subjects.get(governing).and_then(|m| name_of(*m));
    report.regulation = if qualifies == Some(false) {
        Some("none".into())
    } else {
        lead.regulation()
    };
    report.role = lead.role();
    report.steps = lead.steps.clone();
    report.rules = lead.rules.clone();
    let range = whole_range(lead, &assessed);
    if let Some((low, high)) = range {
        if low == high {
            report.class = Some(low);
            if let Some(rule) = lead.rule() {
                report.rule = Some(rule.id.clone());
                report.because = rule.reason.clone();
                report.equally = lead
                    .rules
                    .iter()
                    .filter(|r| r.applies == Some(true) && r.low == rule.low && r.id != rule.id)
                    .map(|r| r.id.clone())
                    .collect();
            }
        } else {
            report.class_range = Some((low, high));
        }
    } else if qualifies != Some(false) {
        match lead.classes.iter().collect::<Vec<_>>().as_slice() {
            [(_, range)] => report.class_range = Some(**range),
            several => {
                report.possible = several
                    .iter()
                    .map(|(act, (lowest, highest))| Possible {
                        regulation: **act,
                        lowest: *lowest,
                        highest: *highest,
                    })
                    .collect();
            }
        }
    }
    let acts: BTreeSet<Act> = assessed
        .iter()
        .filter(|a| a.qualifies == Some(true))
        .filter_map(Assessment::act)
        .collect();
    if acts.len() > 1 {
        report.notes.push(
            "modules come under both regulations; each is a device by itself, with its own conformity assessment, and the strictest is shown as the whole".into(),
        );
    }
    for (module, a) in subjects.iter().zip(&assessed) {
        for (path, settles) in &a.open {
            if let Some(question) = open_question(law, device, *module, path, settles)
                && !report.open_questions.contains(&question)
            {
                report.open_questions.push(question);
            }
        }
    }
    let order: Vec<String> = law
        .schema
        .section
        .iter()
        .flat_map(|s| s.field.iter().map(move |f| format!("{}.{}", s.name, f.key)))
        .collect();
    // What settles the regulation is asked before what a rule of one of them looks at.
    report.open_questions.sort_by_key(|q| {
        let settles_class = q.settles.starts_with("the class");
        (settles_class, order.iter().position(|o| *o == q.key))
    });
    for (module, a) in subjects.iter().zip(assessed.iter()) {
        let Some(block) = module else { continue };
        let rule = a.rule();
        report.modules.push(ModuleReport {
            name: name_of(*module).unwrap_or_default(),
            line: block.place.line,
            qualifies: a.qualifies,
            regulation: a.regulation(),
            role: a.role(),
            class: a.class(),
            class_range: a.range().filter(|(l, h)| l != h),
            rule: rule.map(|r| r.id.clone()),
            because: rule.map_or(String::new(), |r| r.reason.clone()),
            steps: a.steps.clone(),
            rules: a.rules.clone(),
        });
    }
    follow(
        law,
        device,
        subjects.get(governing).copied().flatten(),
        lead,
        &mut report,
    );
    for act in acts.iter().filter(|a| Some(**a) != lead.act()) {
        let strictest = subjects
            .iter()
            .zip(&assessed)
            .filter(|(_, a)| a.qualifies == Some(true) && a.act() == Some(*act))
            .max_by_key(|(_, a)| strength(a));
        if let Some((module, other)) = strictest {
            second(law, device, *module, other, &mut report);
        }
    }
    report
}

/// The strictest module under the other regulation has a conformity assessment and consequences of
/// its own; they stand beside those of the module that governs.
fn second(
    law: &Law,
    device: &Description,
    module: Option<&Block>,
    other: &Assessment,
    report: &mut Report,
) {
    let mut own = Report {
        regulation: other.regulation(),
        role: other.role(),
        class: other.class(),
        class_range: other.range().filter(|(l, h)| l != h),
        possible: Vec::new(),
        routes: Vec::new(),
        consequences: Vec::new(),
        results: BTreeMap::new(),
        ..report.clone()
    };
    follow(law, device, module, other, &mut own);
    let known: BTreeSet<String> = report.consequences.iter().map(|c| c.id.clone()).collect();
    report.routes.extend(own.routes);
    report.consequences.extend(
        own.consequences
            .into_iter()
            .filter(|c| !known.contains(&c.id)),
    );
    report.notified_body = match (report.notified_body, own.notified_body) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    };
}

/// The range of the whole: no lower than its strictest sure module, no higher than the strictest
/// that any module may be, within the act of the one that governs.
fn whole_range(lead: &Assessment, all: &[Assessment]) -> Option<(Class, Class)> {
    let (low, mut high) = lead.range()?;
    for other in all {
        if let Some((_, theirs)) = other.classes.get(&low.act())
            && theirs.rank() > high.rank()
        {
            high = *theirs;
        }
    }
    Some((low, high))
}

/// Routes, notified body, derived facts and consequences.
fn follow(
    law: &Law,
    device: &Description,
    module: Option<&Block>,
    lead: &Assessment,
    report: &mut Report,
) {
    let possible: Vec<Class> = match (report.class, report.qualifies) {
        (Some(class), _) => vec![class],
        (None, Some(false)) => Vec::new(),
        (None, _) => {
            let mut ranges: Vec<(Class, Class)> = lead.classes.values().copied().collect();
            if let (Some(whole), [range]) = (report.class_range, ranges.as_mut_slice()) {
                *range = whole;
            }
            ranges
                .into_iter()
                .flat_map(|(low, high)| {
                    Class::ALL.into_iter().filter(move |c| {
                        c.act() == low.act() && c.rank() >= low.rank() && c.rank() <= high.rank()
                    })
                })
                .collect()
        }
    };
    let results = &mut report.results;
    results.insert(
        "result.qualifies".into(),
        report.qualifies.map_or(Known::Unknown, Known::Boolean),
    );
    let mut acts: Vec<String> = lead
        .outcomes
        .iter()
        .map(|o| o.act.map_or("none", Act::name).to_owned())
        .collect();
    acts.dedup();
    results.insert(
        "result.regulation".into(),
        match &report.regulation {
            Some(r) => Known::Choice(r.clone()),
            None => Known::OneOf(acts),
        },
    );
    let roles: BTreeSet<String> = lead
        .outcomes
        .iter()
        .map(|o| o.role.clone())
        .filter(|r| !r.is_empty())
        .collect();
    results.insert(
        "result.role".into(),
        match (&report.role, report.qualifies) {
            (_, Some(false)) => Known::Choice("none".into()),
            (Some(role), _) => Known::Choice(role.clone()),
            (None, _) => Known::OneOf(roles.into_iter().collect()),
        },
    );
    let mut body: BTreeSet<bool> = BTreeSet::new();
    for class in &possible {
        let mut with = results.clone();
        with.insert("result.class".into(), Known::Choice(class.name().into()));
        with.insert("result.qualifies".into(), Known::Boolean(true));
        with.insert(
            "result.regulation".into(),
            Known::Choice(class.act().name().into()),
        );
        let subject = Subject {
            law,
            device,
            module,
            results: &with,
        };
        for route in law.in_force().flat_map(|a| &a.route) {
            let decision = route.when.decide(&subject);
            let truth = decision.truth;
            if truth == Truth::No {
                continue;
            }
            // With the class settled, what keeps a route open is a question of its own.
            if truth == Truth::Unknown && possible.len() == 1 {
                for path in &decision.because {
                    let settles = "the conformity assessment route";
                    if let Some(question) = open_question(law, device, module, path, settles)
                        && !report.open_questions.iter().any(|q| q.key == question.key)
                    {
                        report.open_questions.push(question);
                    }
                }
            }
            body.insert(route.notified_body);
            // A route that may be open keeps the question open; it is not offered.
            if truth == Truth::Unknown {
                continue;
            }
            if report.notified_body_scope.is_empty() {
                report.notified_body_scope.clone_from(&route.scope);
            }
            report.routes.push(RouteOpen {
                id: route.id.clone(),
                clause: route.cite.clone(),
                title: route.title.clone(),
                annexes: route.annexes.clone(),
                notified_body: route.notified_body,
                scope: route.scope.clone(),
                if_class: (possible.len() > 1).then_some(*class),
            });
        }
    }
    if report.qualifies != Some(true) {
        body.insert(false);
    }
    report.notified_body = (body.len() == 1).then(|| body.contains(&true));
    let results = &mut report.results;
    let names: Vec<String> = possible.iter().map(|c| c.name().to_owned()).collect();
    results.insert(
        "result.class".into(),
        match names.as_slice() {
            [only] => Known::Choice(only.clone()),
            [] => Known::Choice("none".into()),
            _ => Known::OneOf(names),
        },
    );
    results.insert(
        "result.notified_body".into(),
        report.notified_body.map_or(Known::Unknown, Known::Boolean),
    );
    for derived in law.in_force().flat_map(|a| &a.derived) {
        let truth = derived.when.truth(&Subject {
            law,
            device,
            module,
            results,
        });
        results.insert(
            derived.fact.clone(),
            match truth {
                Truth::Yes => Known::Boolean(true),
                Truth::No => Known::Boolean(false),
                Truth::Unknown => Known::Unknown,
            },
        );
    }
    report.ai_high_risk = match report.results.get("result.ai_high_risk") {
        Some(Known::Boolean(b)) => Some(*b),
        _ => None,
    };
    let subject = Subject {
        law,
        device,
        module,
        results: &report.results,
    };
    for act in law.in_force() {
        for consequence in &act.consequence {
            let decision = consequence.when.decide(&subject);
            let applies = match decision.truth {
                Truth::Yes => Some(true),
                Truth::Unknown => None,
                Truth::No => continue,
            };
            let mut open = BTreeSet::new();
            if applies.is_none() {
                settle(law, &subject, &decision.because, &mut open);
            }
            report.consequences.push(Follows {
                id: consequence.id.clone(),
                act: act.name.clone(),
                clause: consequence.cite.clone(),
                title: consequence.title.clone(),
                says: consequence.says.clone(),
                applies,
                open: open.into_iter().collect(),
                verified: consequence.verified,
            });
        }
    }
}

/// The keys behind open facts: a derived fact is open because of the keys that it derives from.
fn settle(
    law: &Law,
    subject: &Subject<'_>,
    because: &BTreeSet<String>,
    out: &mut BTreeSet<String>,
) {
    for path in because {
        if !path.starts_with("result.") {
            out.insert(path.clone());
            continue;
        }
        let derived = law
            .in_force()
            .flat_map(|a| &a.derived)
            .find(|d| d.fact == *path);
        if let Some(derived) = derived {
            let decision = derived.when.decide(subject);
            out.extend(
                decision
                    .because
                    .into_iter()
                    .filter(|p| !p.starts_with("result.")),
            );
        }
    }
}

fn assess(law: &Law, subject: &Subject<'_>) -> Assessment {
    let mut out = Assessment {
        qualifies: None,
        outcomes: BTreeSet::new(),
        steps: Vec::new(),
        rules: Vec::new(),
        classes: BTreeMap::new(),
        open: BTreeMap::new(),
    };
    let first = law.in_force().flat_map(|a| &a.step).next();
    let mut unknown = BTreeSet::new();
    if let Some(first) = first {
        walk(
            law,
            subject,
            &first.id,
            String::new(),
            &mut out,
            &mut unknown,
        );
    }
    let may = out.outcomes.iter().filter(|o| o.act.is_some()).count();
    out.qualifies = match (may, out.outcomes.len()) {
        (0, _) => Some(false),
        (a, b) if a == b => Some(true),
        _ => None,
    };
    if out.outcomes.len() > 1 {
        let settles = if out.qualifies.is_none() {
            "whether it is a device"
        } else if out.act().is_none() {
            "which regulation it comes under"
        } else {
            "what it is"
        };
        for path in unknown {
            out.open.insert(path, settles.into());
        }
    }
    for outcome in out.outcomes.clone() {
        let Some(act) = outcome.act else { continue };
        let (rules, (low, high)) = apply(law, subject, act, &outcome.role);
        for rule in &rules {
            for (rank, paths) in &rule.open {
                if *rank > low.rank() {
                    for path in paths {
                        out.open.entry(path.clone()).or_insert_with(|| {
                            if low == high {
                                "the class".into()
                            } else {
                                format!("the class, between {} and {}", low.name(), high.name())
                            }
                        });
                    }
                }
            }
        }
        out.rules.extend(
            rules
                .into_iter()
                .filter(|r| !out.rules.iter().any(|k| k.id == r.id))
                .collect::<Vec<_>>(),
        );
        let range = out.classes.entry(act).or_insert((low, high));
        // Both belong to one act, within which the order of classes is that of their ranks.
        *range = (low.min(range.0), high.max(range.1));
    }
    out
}

/// Follows the figure from a step; an unknown answer goes both ways.
fn walk(
    law: &Law,
    subject: &Subject<'_>,
    id: &str,
    role: String,
    out: &mut Assessment,
    unknown: &mut BTreeSet<String>,
) {
    let Some(step) = law.in_force().flat_map(|a| &a.step).find(|s| s.id == id) else {
        return;
    };
    let decision = step.when.decide(subject);
    let turns = match decision.truth {
        Truth::Yes => vec![&step.yes],
        Truth::No => vec![&step.no],
        Truth::Unknown => vec![&step.yes, &step.no],
    };
    let seen = out.steps.iter().any(|s| s.id == step.id);
    if !seen {
        let facts = used(subject, &decision.because);
        out.steps.push(StepTaken {
            id: step.id.clone(),
            clause: step.cite.clone(),
            question: step.question.clone(),
            answer: decision.truth.name(),
            because: match turns.as_slice() {
                [turn] => turn.because.clone(),
                _ => not_answered(&decision.because),
            },
            otherwise: match decision.truth {
                Truth::Yes => ended("no", &step.no),
                Truth::No => ended("yes", &step.yes),
                Truth::Unknown => String::new(),
            },
            line: line_of(&facts),
            facts,
        });
    }
    if decision.truth == Truth::Unknown {
        unknown.extend(decision.because);
    }
    for turn in turns {
        let role = if turn.role.is_empty() {
            role.clone()
        } else {
            turn.role.clone()
        };
        if turn.end.is_empty() {
            walk(law, subject, &turn.go, role, out, unknown);
        } else {
            let act = Act::by_name(&turn.end);
            out.outcomes.insert(Outcome {
                act,
                role: if act.is_some() { role } else { String::new() },
            });
        }
    }
}

fn ended(answer: &str, turn: &Turn) -> String {
    match turn.end.as_str() {
        "" => String::new(),
        "none" => format!(
            "{answer} would end here, outside both regulations: {}",
            turn.because
        ),
        end => format!("{answer} would end here, under the {end}: {}", turn.because),
    }
}

fn not_answered(paths: &BTreeSet<String>) -> String {
    let list: Vec<&str> = paths.iter().map(String::as_str).collect();
    format!("the device file does not answer {}", list.join(", "))
}

/// All rules of an act for one role, and the range of the class.
fn apply(
    law: &Law,
    subject: &Subject<'_>,
    act: Act,
    role: &str,
) -> (Vec<RuleOutcome>, (Class, Class)) {
    let results = BTreeMap::from([
        ("result.role".to_owned(), Known::Choice(role.to_owned())),
        (
            "result.regulation".to_owned(),
            Known::Choice(act.name().to_owned()),
        ),
        ("result.qualifies".to_owned(), Known::Boolean(true)),
    ]);
    let subject = &Subject {
        law: subject.law,
        device: subject.device,
        module: subject.module,
        results: &results,
    };
    let mut out: Vec<RuleOutcome> = law
        .in_force()
        .flat_map(|a| &a.rule)
        .filter(|r| r.regulation == act.name())
        .map(|r| consider(law, subject, r, act, role))
        .collect();
    let lowest = of_rank(act, 1);
    let low = out.iter().filter_map(|r| r.low).max().unwrap_or(1);
    let high = out
        .iter()
        .filter_map(|r| r.high)
        .max()
        .unwrap_or(low)
        .max(low);
    // A rule that the answers leave open but that could not raise the class is still shown as open.
    for rule in &mut out {
        rule.class = match (rule.applies, rule.low, rule.high) {
            (Some(true), Some(l), Some(h)) if l == h => of_rank(act, l),
            _ => None,
        };
        if rule.class.is_none()
            && let Some(h) = rule.high
        {
            let l = rule.low.unwrap_or(1);
            rule.class_range = of_rank(act, l).zip(of_rank(act, h));
        }
    }
    let range = of_rank(act, low).zip(of_rank(act, high));
    // INVARIANT: ranks run from 1 to 4, so that both ends exist.
    (
        out,
        range.or(lowest.zip(lowest)).unwrap_or((Class::I, Class::I)),
    )
}

fn of_rank(act: Act, rank: u8) -> Option<Class> {
    Class::ALL
        .into_iter()
        .find(|c| c.act() == act && c.rank() == rank)
}

fn role_title(role: &str) -> &str {
    match role {
        "driver" => "software that only drives or influences a device",
        "accessory" => "an accessory without a medical purpose of its own",
        "annex_xvi" => "a product of Annex XVI",
        _ => "medical device software",
    }
}

fn consider(law: &Law, subject: &Subject<'_>, rule: &Rule, act: Act, role: &str) -> RuleOutcome {
    let mut out = RuleOutcome {
        id: rule.id.clone(),
        clause: rule.cite.clone(),
        about: rule.about.clone(),
        applies: Some(false),
        class: None,
        class_range: None,
        reason: rule.otherwise.clone(),
        line: None,
        facts: Vec::new(),
        cases: Vec::new(),
        low: None,
        high: None,
        preference: rule.preference,
        open: Vec::new(),
    };
    let reaches = if rule.roles.is_empty() {
        role != "driver"
    } else {
        rule.roles.iter().any(|r| r == role)
    };
    if !reaches {
        out.reason = format!("it does not reach {}", role_title(role));
        return out;
    }
    let decision = rule.when.decide(subject);
    out.facts = used(subject, &decision.because);
    out.line = line_of(&out.facts);
    out.applies = match decision.truth {
        Truth::Yes => Some(true),
        Truth::No => return out,
        Truth::Unknown => None,
    };
    if let Some(path) = &rule.class_of {
        borrowed(subject, rule, act, path, &mut out);
    } else {
        let added = law
            .in_force()
            .flat_map(|a| &a.case)
            .filter(|c| c.rule == rule.id);
        weigh(subject, rule, rule.case.iter().chain(added), &mut out);
    }
    if out.applies.is_none() {
        out.low = None;
        if let Some(high) = out.high {
            out.open.push((high, decision.because.clone()));
        }
        out.reason = not_answered(&decision.because);
    }
    out
}

/// A class that is taken from another device.
fn borrowed(subject: &Subject<'_>, rule: &Rule, act: Act, path: &str, out: &mut RuleOutcome) {
    let paths = BTreeSet::from([path.to_owned()]);
    match subject.known(path) {
        Known::Choice(name) => match Class::by_name(&name).filter(|c| c.act() == act) {
            Some(class) => {
                out.low = Some(class.rank());
                out.high = out.low;
                out.facts.extend(used(subject, &paths));
                out.reason = format!("{}: {}", rule.because, class.name());
            }
            None => {
                out.applies = Some(false);
                out.reason =
                    format!("class {name} of the device it drives belongs to the other regulation");
            }
        },
        _ => {
            out.low = Some(1);
            out.high = Some(4);
            out.open.push((4, paths.clone()));
            out.reason = not_answered(&paths);
        }
    }
}

/// The strictest case that holds, and the strictest that may.
fn weigh<'c>(
    subject: &Subject<'_>,
    rule: &Rule,
    cases: impl Iterator<Item = &'c Case>,
    out: &mut RuleOutcome,
) {
    for case in cases {
        let decision = case.when.decide(subject);
        let rank = case.class.rank();
        let holds = match decision.truth {
            Truth::No => continue,
            Truth::Yes => {
                out.low = out.low.max(Some(rank));
                Some(true)
            }
            Truth::Unknown => {
                out.open.push((rank, decision.because.clone()));
                None
            }
        };
        out.high = out.high.max(Some(rank));
        out.cases.push(CaseOutcome {
            class: case.class,
            holds,
            basis: case.basis.clone(),
            clause: if case.cite.is_empty() {
                rule.cite.clone()
            } else {
                case.cite.clone()
            },
            because: case.because.clone(),
            facts: used(subject, &decision.because),
        });
    }
    out.reason = rule.applies.clone();
    let base: Vec<&String> = rule
        .case
        .iter()
        .filter(|c| c.when.text() == "always")
        .map(|c| &c.because)
        .collect();
    let governing = out
        .cases
        .iter()
        .filter(|c| c.holds == Some(true))
        .max_by_key(|c| (c.class.rank(), c.basis != "table"));
    if let Some(case) = governing {
        // A case that always holds says no more than that the rule applies.
        if !base.contains(&&case.because) {
            out.reason = format!("{}; {}", rule.applies, case.because);
        }
        // The line that a reader wants is the one that gave the class, where there is one.
        if let Some(line) = line_of(&case.facts) {
            out.line = Some(line);
        }
    }
}

/// The answers behind a decision, as written.
pub(crate) fn used(subject: &Subject<'_>, paths: &BTreeSet<String>) -> Vec<FactUsed> {
    paths
        .iter()
        .filter(|p| !p.starts_with("result."))
        .map(|path| {
            let fact = subject.fact(path);
            FactUsed {
                key: path.clone(),
                value: fact.map_or_else(|| meant(&subject.known(path)), |f| written(&f.value)),
                place: fact.map(|f| f.place.clone()),
            }
        })
        .collect()
}

fn meant(known: &Known) -> String {
    match known {
        Known::Unknown => "not answered".into(),
        Known::Boolean(b) => format!("{b} (not stated)"),
        Known::Choice(v) => format!("{v} (not stated)"),
        Known::List(_) => "none (not stated)".into(),
        Known::Given(given) => if *given { "given" } else { "none" }.into(),
        Known::OneOf(v) => v.join(" or "),
    }
}

/// An answer as text.
pub(crate) fn written(value: &Value) -> String {
    match value {
        Value::Text(t) => t.clone(),
        Value::List(items) if items.is_empty() => "none".into(),
        Value::List(items) => items
            .iter()
            .map(|(t, _)| t.as_str())
            .collect::<Vec<_>>()
            .join(", "),
        Value::Boolean(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        Value::Tables(t) => format!("{} entries", t.len()),
        Value::Unknown => "unknown".into(),
    }
}

fn line_of(facts: &[FactUsed]) -> Option<usize> {
    facts.iter().find_map(|f| f.place.as_ref()).map(|p| p.line)
}

fn open_question(
    law: &Law,
    device: &Description,
    module: Option<&Block>,
    path: &str,
    settles: &str,
) -> Option<OpenQuestion> {
    let field = law.schema.field(path)?;
    let section = path.split('.').next().unwrap_or("");
    let line = module
        .and_then(|m| m.inner.get(section))
        .map(|b| b.place.line)
        .or_else(|| module.map(|m| m.place.line))
        .unwrap_or_else(|| device.place(path).line);
    Some(OpenQuestion {
        key: path.to_owned(),
        module: name_of(module),
        question: field.ask.clone(),
        choices: field.choice.iter().map(|c| c.value.clone()).collect(),
        clause: field.cite.clone(),
        line,
        settles: settles.to_owned(),
    })
}
