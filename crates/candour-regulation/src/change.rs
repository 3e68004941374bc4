//! What a change of the device means: significant or not, new UDI-DI or not, class and route, and
//! which evidence no longer shows this version. The two versions are compared answer by answer.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::classify::{Report, written};
use crate::condition::{Known, Truth};
use crate::description::{Block, Description, Value};
use crate::diagnostic::Place;
use crate::law::Law;
use crate::schema::Kind;

/// Digests of the files of a device's folder, by what they are: `files.model`, `files.cohort`,
/// `files.texts.NAME`.
pub type Files = BTreeMap<String, String>;

/// What a change means.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeReport {
    /// What differs.
    pub differences: Vec<Difference>,
    /// What that means, clause by clause.
    pub findings: Vec<Finding>,
    /// Whether the notified body must be told and agree before it is placed on the market.
    pub significant: bool,
    /// Whether a new UDI-DI is needed.
    pub new_udi_di: bool,
    /// Whether a new UDI-PI is enough.
    pub new_udi_pi: bool,
    /// Whether qualification, regulation, class or rule came out otherwise.
    pub reclassified: bool,
    /// Evidence that no longer shows this version, with the reason.
    pub stale: Vec<Stale>,
    /// Keys without whose answer the change cannot be judged.
    pub open: Vec<String>,
}

/// One answer that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The key.
    pub key: String,
    /// Before; empty where there was none.
    pub before: String,
    /// After; empty where there is none.
    pub after: String,
    /// Where the new answer stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// One clause that the change touches.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Its identifier.
    pub id: String,
    /// The clause.
    pub clause: String,
    /// What it says.
    pub says: String,
    /// What to do.
    pub remedy: String,
    /// What follows.
    pub means: Vec<String>,
    /// The keys that touched it.
    pub because: Vec<String>,
}

/// Evidence that no longer shows this version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stale {
    /// What.
    pub evidence: String,
    /// In words.
    pub title: String,
    /// The findings that say so.
    pub because: Vec<String>,
}

/// One version of a device.
pub struct Version<'a> {
    /// The device file.
    pub device: &'a Description,
    /// Its classification.
    pub report: &'a Report,
    /// Its files.
    pub files: &'a Files,
}

/// Compares two versions of a device.
#[must_use]
pub fn assess_change(law: &Law, before: &Version<'_>, after: &Version<'_>) -> ChangeReport {
    let differences = differences(law, before, after);
    let touched: BTreeSet<String> = differences.iter().map(|d| plain(&d.key)).collect();
    let results: BTreeSet<&String> = after
        .report
        .results
        .iter()
        .filter(|(k, v)| before.report.results.get(*k) != Some(v))
        .map(|(k, _)| k)
        .collect();
    let rule_changed = before.report.rule != after.report.rule;
    let subject = after.report.subject(law, after.device);
    let mut out = ChangeReport {
        differences,
        findings: Vec::new(),
        significant: false,
        new_udi_di: false,
        new_udi_pi: false,
        reclassified: rule_changed
            || [
                "result.qualifies",
                "result.regulation",
                "result.class",
                "result.role",
            ]
            .iter()
            .any(|k| results.iter().any(|r| r == k)),
        stale: Vec::new(),
        open: Vec::new(),
    };
    if out.differences.is_empty() {
        return out;
    }
    let mut open = BTreeSet::new();
    let mut stale: BTreeMap<String, Stale> = BTreeMap::new();
    for change in law.in_force().flat_map(|a| &a.change) {
        let mut because: Vec<String> = touched
            .iter()
            .filter(|key| change.touches.iter().any(|t| covers(t, key)))
            .cloned()
            .collect();
        because.extend(
            change
                .results
                .iter()
                .filter(|r| results.contains(r) || (*r == "result.rule" && rule_changed))
                .cloned(),
        );
        let condition = change.when.as_ref().map(|w| w.decide(&subject));
        let named = !change.touches.is_empty() || !change.results.is_empty();
        if named && because.is_empty() {
            continue;
        }
        match condition.as_ref().map(|c| c.truth) {
            None | Some(Truth::Yes) => {}
            Some(Truth::No) => continue,
            Some(Truth::Unknown) => {
                let keys = condition.into_iter().flat_map(|c| c.because);
                open.extend(keys.filter(|k| !k.starts_with("result.")));
                continue;
            }
        }
        if let Some(condition) = condition {
            because.extend(condition.because);
        }
        for evidence in &change.stale {
            let entry = stale.entry(evidence.to_string()).or_insert_with(|| Stale {
                evidence: evidence.to_string(),
                title: law.evidence_title(evidence),
                because: Vec::new(),
            });
            entry.because.push(change.id.clone());
        }
        out.findings.push(Finding {
            id: change.id.clone(),
            clause: change.cite.clone(),
            says: change.says.clone(),
            remedy: change.remedy.clone(),
            means: change.means.clone(),
            because,
        });
    }
    let means = |what: &str| {
        out.findings
            .iter()
            .any(|f| f.means.iter().any(|m| m == what))
    };
    (out.significant, out.new_udi_di) = (means("significant"), means("udi_di"));
    out.new_udi_pi = !out.new_udi_di && means("udi_pi");
    out.open = open.into_iter().collect();
    out.stale = stale.into_values().collect();
    out
}

/// A key without the names in its brackets: `module[Detector].software.actions` is
/// `software.actions` of a module.
fn plain(key: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in key.chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    match out.strip_prefix("module.") {
        Some(rest) if rest.contains('.') => rest.to_owned(),
        _ => out,
    }
}

fn covers(pattern: &str, key: &str) -> bool {
    match pattern.strip_suffix(".*") {
        Some(section) => key
            .strip_prefix(section)
            .is_some_and(|r| r.is_empty() || r.starts_with('.')),
        None => pattern == key,
    }
}

type Answers = BTreeMap<String, (String, Option<Place>)>;

fn differences(law: &Law, before: &Version<'_>, after: &Version<'_>) -> Vec<Difference> {
    let (old, new) = (answers(law, before), answers(law, after));
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    keys.into_iter()
        .filter_map(|key| {
            let text = |side: &Answers| side.get(key).map_or(String::new(), |(t, _)| t.clone());
            let (before, after) = (text(&old), text(&new));
            (before != after).then(|| Difference {
                key: key.clone(),
                before,
                after,
                place: new.get(key).and_then(|(_, p)| p.clone()),
            })
        })
        .collect()
}

fn answers(law: &Law, version: &Version<'_>) -> Answers {
    let mut out = Answers::new();
    for (name, block) in &version.device.sections {
        flatten(law, name, block, &mut out);
    }
    for (name, blocks) in &version.device.repeated {
        let mut used: BTreeSet<String> = BTreeSet::new();
        for (i, block) in blocks.iter().enumerate() {
            let mut label = block
                .text("id")
                .or_else(|| block.text("name"))
                .or_else(|| block.text("text"))
                .map_or_else(
                    || i.to_string(),
                    |t| crate::diagnostic::short(&t.replace(['[', ']', '.'], " ")),
                );
            if !used.insert(label.clone()) {
                label = format!("{label} #{i}");
            }
            flatten(law, &format!("{name}[{label}]"), block, &mut out);
        }
    }
    for (name, digest) in version.files {
        out.insert(name.clone(), (digest.clone(), None));
    }
    out
}

fn flatten(law: &Law, prefix: &str, block: &Block, out: &mut Answers) {
    for (key, fact) in &block.facts {
        let value = match &fact.value {
            Value::Tables(tables) => tables
                .iter()
                .map(|t| {
                    t.facts
                        .iter()
                        .map(|(k, f)| format!("{k} {}", written(&f.value)))
                        .collect::<Vec<_>>()
                        .join(", ")
                })
                .collect::<Vec<_>>()
                .join("; "),
            Value::List(items) => {
                let mut list: Vec<String> = items.iter().map(|(t, _)| t.clone()).collect();
                // The order of values says nothing; that of the maker's own entries may.
                let values = law
                    .schema
                    .field(&plain(&format!("{prefix}.{key}")))
                    .is_some_and(|f| f.kind == Kind::Choices);
                if values {
                    list.sort_unstable();
                } else if list.len() > 1 {
                    list = list
                        .iter()
                        .map(|t| format!("\u{201c}{t}\u{201d}"))
                        .collect();
                }
                list.join(", ")
            }
            other => written(other),
        };
        out.insert(format!("{prefix}.{key}"), (value, Some(fact.place.clone())));
    }
    for (name, inner) in &block.inner {
        flatten(law, &format!("{prefix}.{name}"), inner, out);
    }
}

/// A result as text, for showing before and after.
#[must_use]
pub fn result_text(report: &Report, path: &str) -> String {
    match report.results.get(path) {
        Some(Known::Choice(v)) => v.clone(),
        Some(Known::Boolean(b)) => b.to_string(),
        Some(Known::OneOf(v)) => v.join(" or "),
        _ => "open".into(),
    }
}
