//! The acts' files hold together: what is cited exists, every condition can hold and can fail, all
//! evidence is known, and what is proposed or superseded is never applied.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};

use candour_regulation::{
    Absent, Act, ActKind, Class, Condition, Evidence, Kind, Known, Law, Lookup, Severity, Status,
    Truth,
};

fn law() -> &'static Law {
    Law::get().unwrap()
}

/// Every condition of every file, with the name of what it belongs to.
fn conditions() -> Vec<(String, &'static Condition)> {
    let mut out: Vec<(String, &Condition)> = Vec::new();
    for act in &law().acts {
        out.extend(act.entry.iter().map(|e| (e.id.clone(), &e.when)));
        out.extend(act.step.iter().map(|s| (s.id.clone(), &s.when)));
        out.extend(act.route.iter().map(|r| (r.id.clone(), &r.when)));
        out.extend(act.consequence.iter().map(|c| (c.id.clone(), &c.when)));
        out.extend(act.derived.iter().map(|d| (d.fact.clone(), &d.when)));
        out.extend(act.case.iter().map(|c| (c.cite.clone(), &c.when)));
        out.extend(
            act.clock
                .iter()
                .filter_map(|c| Some((c.id.clone(), c.when.as_ref()?))),
        );
        out.extend(
            act.consistency
                .iter()
                .filter_map(|c| Some((c.id.clone(), c.when.as_ref()?))),
        );
        out.extend(
            act.change
                .iter()
                .filter_map(|c| Some((c.id.clone(), c.when.as_ref()?))),
        );
        for rule in &act.rule {
            out.push((rule.id.clone(), &rule.when));
            out.extend(
                rule.case
                    .iter()
                    .map(|c| (format!("{} case {}", rule.id, c.because), &c.when)),
            );
        }
    }
    for section in &law().schema.section {
        out.extend(
            section
                .field
                .iter()
                .flat_map(|f| f.when.iter().chain(&f.open_when).map(move |w| (f, w)))
                .map(|(f, w)| (format!("{}.{}", section.name, f.key), w)),
        );
    }
    out
}

#[test]
fn every_file_of_the_folder_is_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/acts");
    let source = include_str!("../src/law.rs");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            source.contains(&format!("include_str!(\"../acts/{name}\")")),
            "{name} is not read"
        );
    }
}

#[test]
fn identifiers_are_unique_and_everything_cited_exists() {
    let mut ids = BTreeSet::new();
    for act in &law().acts {
        for id in act.entry.iter().map(|e| &e.id) {
            assert!(ids.insert(id.as_str()), "{id} twice");
        }
    }
    let mut missing = BTreeSet::new();
    let mut cite = |from: &str, id: &str| {
        if !ids.contains(id) {
            missing.insert(format!("{from} cites {id}"));
        }
    };
    for act in &law().acts {
        for e in &act.entry {
            e.see
                .iter()
                .chain(&e.standards)
                .chain(&e.pair)
                .for_each(|id| cite(&e.id, id));
        }
        // A pair of the table may name a whole clause, of which the entries are the points.
        for clause in act.pair.iter().flat_map(|p| [&p.mdr, &p.ivdr]) {
            let points = ids.iter().any(|i| {
                i.strip_prefix(clause.as_str())
                    .is_some_and(|r| r.len() == 1)
            });
            if !clause.is_empty() && !points {
                cite("a pair", clause);
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    // Steps lead somewhere, cases belong to a rule, rules to a regulation.
    let steps: BTreeSet<&str> = law()
        .acts
        .iter()
        .flat_map(|a| &a.step)
        .map(|s| s.id.as_str())
        .collect();
    let rules: BTreeSet<&str> = law()
        .acts
        .iter()
        .flat_map(|a| &a.rule)
        .map(|r| r.id.as_str())
        .collect();
    for act in &law().acts {
        for step in &act.step {
            for turn in [&step.yes, &step.no] {
                assert_ne!(turn.go.is_empty(), turn.end.is_empty(), "{}", step.id);
                assert!(
                    turn.end.is_empty() || ["MDR", "IVDR", "none"].contains(&turn.end.as_str())
                );
                assert!(
                    turn.go.is_empty() || steps.contains(turn.go.as_str()),
                    "{}",
                    step.id
                );
            }
        }
        for case in &act.case {
            assert!(rules.contains(case.rule.as_str()), "{}", case.cite);
        }
        for rule in &act.rule {
            assert!(Act::by_name(&rule.regulation).is_some(), "{}", rule.id);
            let classes = rule.case.iter().map(|c| c.class);
            assert!(
                classes
                    .into_iter()
                    .all(|c| c.act().name() == rule.regulation),
                "{}",
                rule.id
            );
        }
        for clock in act.clock.iter().filter(|c| !c.from.is_empty()) {
            assert!(act.clock.iter().any(|c| c.id == clock.from), "{}", clock.id);
        }
    }
}

/// The clauses that the regulations have, by their own numbering.
#[test]
fn annex_i_and_the_rules_are_complete() {
    let ids: Vec<&str> = law().entry_ids();
    let has = |id: String| {
        ids.iter().any(|i| {
            i.strip_prefix(id.as_str()).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with(['.', 'a', 'b', 'c', 'd', '-'])
            })
        })
    };
    // MDR Annex I has 23 clauses, IVDR Annex I has 20.
    for n in 1..=23 {
        assert!(has(format!("GSPR-{n}")), "MDR Annex I {n}");
    }
    for n in 1..=20 {
        assert!(has(format!("IVDR-GSPR-{n}")), "IVDR Annex I {n}");
    }
    let rules: Vec<&str> = law()
        .acts
        .iter()
        .flat_map(|a| &a.rule)
        .map(|r| r.id.as_str())
        .collect();
    for n in 1..=22 {
        assert!(
            rules
                .iter()
                .any(|r| r.starts_with(&format!("MDR Annex VIII Rule {n}"))),
            "Rule {n}"
        );
    }
    for n in 1..=7 {
        assert!(
            rules
                .iter()
                .any(|r| r.starts_with(&format!("IVDR Annex VIII Rule {n}"))),
            "Rule {n}"
        );
    }
    for letter in 'a'..='m' {
        assert!(
            rules.contains(&format!("IVDR Annex VIII Rule 3({letter})").as_str()),
            "3({letter})"
        );
    }
    // MDCG 2019-16 rev.1: Table 3 has 18 capabilities, section 3.2 eight practices.
    for n in 1..=18 {
        assert!(has(format!("2019-16-C{n:02}")), "capability {n}");
    }
    for n in 1..=8 {
        assert!(has(format!("2019-16-P{n}")), "practice {n}");
    }
    // MDCG 2019-11 rev.1 Annex III Table 1: three by three cells.
    let cells = law()
        .acts
        .iter()
        .flat_map(|a| &a.case)
        .filter(|c| c.basis == "table")
        .count();
    assert_eq!(cells, 9);
}

#[test]
fn every_entry_says_what_it_must() {
    let texts: BTreeSet<&str> = law()
        .evidence
        .text
        .iter()
        .map(|t| t.name.as_str())
        .collect();
    let records: BTreeSet<&str> = law()
        .evidence
        .record
        .iter()
        .map(|r| r.kind.as_str())
        .collect();
    let signatures: BTreeSet<&str> = law()
        .evidence
        .signature
        .iter()
        .map(|s| s.who.as_str())
        .collect();
    let known = |e: &Evidence| match e {
        Evidence::Device(path) => law().schema.field(path).is_some(),
        Evidence::Text(name) => texts.contains(name.as_str()),
        Evidence::Record(kind) => records.contains(kind.as_str()),
        Evidence::Signature(who) => signatures.contains(who.as_str()),
    };
    let mut wrong = Vec::new();
    for act in &law().acts {
        assert!(
            !act.edition.is_empty() && !act.source.is_empty() && !act.title.is_empty(),
            "{}",
            act.name
        );
        if act.status == Status::Superseded {
            assert!(!act.superseded_by.is_empty(), "{}", act.name);
        }
        for e in &act.entry {
            let mut check = |holds: bool, what: &str| {
                if !holds {
                    wrong.push(format!("{}: {what}", e.id));
                }
            };
            check(
                !e.cite.is_empty() && !e.group.is_empty() && !e.title.is_empty(),
                "no citation, group or title",
            );
            check(
                e.asks.len() > 20 && !e.remedy.is_empty(),
                "no content or remedy",
            );
            check(
                e.met_by.is_empty() != e.outside.is_empty(),
                "needs either evidence or a reason why none",
            );
            check(
                e.met_by.iter().all(known),
                "names evidence that nothing describes",
            );
            check(
                e.severity != Severity::Error || act.kind == ActKind::Law,
                "only law binds",
            );
            check(
                e.from.is_empty() || e.from.parse::<jiff::civil::Date>().is_ok(),
                "`from` is no date",
            );
        }
        for change in &act.change {
            assert!(change.stale.iter().all(known), "{}", change.id);
            let fields = change.touches.iter().filter(|t| !t.starts_with("files."));
            for touch in fields {
                let there = touch.strip_suffix(".*").map_or_else(
                    || law().schema.field(touch).is_some(),
                    |section| law().schema.section(section).is_some(),
                );
                assert!(there, "{}: {touch}", change.id);
            }
        }
        for c in &act.consistency {
            for path in [&c.key, &c.within, &c.not_above] {
                assert!(
                    path.is_empty() || law().schema.field(path).is_some(),
                    "{}: {path}",
                    c.id
                );
            }
            assert!(!c.cite.is_empty() && !c.remedy.is_empty(), "{}", c.id);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn conditions_name_facts_and_values_that_exist() {
    let mut wrong = Vec::new();
    for (name, condition) in conditions() {
        for test in condition.tests() {
            if let Some(values) = result_values(test.path) {
                if !test.values.iter().all(|v| values.contains(v)) {
                    wrong.push(format!(
                        "{name}: {} has no value {:?}",
                        test.path, test.values
                    ));
                }
                continue;
            }
            if !test.path.contains('.') {
                if !law().schema.section(test.path).is_some_and(|s| s.repeat) {
                    wrong.push(format!("{name}: no repeated section {}", test.path));
                }
                continue;
            }
            let Some(field) = law().schema.field(test.path) else {
                wrong.push(format!("{name}: no key {}", test.path));
                continue;
            };
            let fits = match test.kind {
                "boolean" => field.kind == Kind::Boolean,
                "choice" => field.kind == Kind::Choice,
                "choices" => field.kind == Kind::Choices,
                _ => true,
            };
            let allowed = |v: &str| {
                field.choice.iter().any(|c| c.value == v)
                    || v == "none" && field.absent == Absent::None
            };
            if !fits || !test.values.iter().all(|v| allowed(v)) {
                wrong.push(format!(
                    "{name}: {} {} {:?}",
                    test.path, test.kind, test.values
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn result_values(path: &str) -> Option<Vec<&'static str>> {
    Some(match path {
        "result.regulation" => vec!["MDR", "IVDR", "none"],
        "result.class" => Class::ALL.iter().map(|c| c.name()).collect(),
        "result.role" => vec!["mdsw", "driver", "accessory", "annex_xvi"],
        "result.qualifies"
        | "result.notified_body"
        | "result.ai_high_risk"
        | "result.software_only" => vec![],
        _ => return None,
    })
}

struct World(BTreeMap<String, Known>);

impl Lookup for World {
    fn known(&self, path: &str) -> Known {
        self.0.get(path).cloned().unwrap_or(Known::Unknown)
    }
}

/// The results that can stand together: a class belongs to its regulation, a notified body and the
/// AI Act's high risk go with the class.
fn results() -> Vec<Vec<(&'static str, Known)>> {
    let mut out = vec![vec![
        ("result.qualifies", Known::Boolean(false)),
        ("result.regulation", Known::Choice("none".into())),
        ("result.class", Known::Choice("none".into())),
        ("result.role", Known::Choice("none".into())),
        ("result.notified_body", Known::Boolean(false)),
        ("result.ai_high_risk", Known::Boolean(false)),
        ("result.software_only", Known::Boolean(true)),
    ]];
    for class in Class::ALL {
        for role in ["mdsw", "driver", "accessory", "annex_xvi"] {
            for (body, ai) in [(false, false), (true, false), (true, true)] {
                let lowest = class.rank() == 1;
                for software in [true, false] {
                    if !lowest && !body || role == "annex_xvi" && class.act() == Act::Ivdr {
                        continue;
                    }
                    out.push(vec![
                        ("result.qualifies", Known::Boolean(true)),
                        (
                            "result.regulation",
                            Known::Choice(class.act().name().into()),
                        ),
                        ("result.class", Known::Choice(class.name().into())),
                        ("result.role", Known::Choice(role.into())),
                        ("result.notified_body", Known::Boolean(body)),
                        ("result.ai_high_risk", Known::Boolean(ai)),
                        ("result.software_only", Known::Boolean(software)),
                    ]);
                }
            }
        }
    }
    out
}

/// What a key can hold, as far as a condition's tests tell it apart.
fn values(path: &str, condition: &Condition) -> Vec<Known> {
    let tests: Vec<_> = condition
        .tests()
        .into_iter()
        .filter(|t| t.path == path)
        .collect();
    let kind = law().schema.field(path).map(|f| f.kind);
    match kind {
        Some(Kind::Boolean) => vec![Known::Boolean(true), Known::Boolean(false)],
        Some(Kind::Choice) => {
            let field = law().schema.field(path).unwrap();
            let mut out: Vec<Known> = field
                .choice
                .iter()
                .map(|c| Known::Choice(c.value.clone()))
                .collect();
            out.push(Known::Choice("none".into()));
            out
        }
        Some(Kind::Choices) => {
            let mut out = vec![Known::List(Vec::new())];
            let named: BTreeSet<&str> = tests
                .iter()
                .flat_map(|t| t.values.iter().copied())
                .collect();
            let field = law().schema.field(path).unwrap();
            out.extend(named.iter().map(|v| Known::List(vec![(*v).to_owned()])));
            // Two at a time, for conditions that want one value and not another, or two together.
            for a in named.iter().take(6) {
                out.extend(
                    named
                        .iter()
                        .take(6)
                        .filter(|b| b > &a)
                        .map(|b| Known::List(vec![(*a).to_owned(), (*b).to_owned()])),
                );
            }
            if let Some(other) = field
                .choice
                .iter()
                .find(|c| !named.contains(c.value.as_str()))
            {
                out.push(Known::List(vec![other.value.clone()]));
            }
            out
        }
        _ => vec![Known::Given(true), Known::Given(false)],
    }
}

/// Every applicability condition holds for some device and, unless it is `always`, fails for another.
#[test]
fn every_condition_is_reachable_and_none_is_idle() {
    let results = results();
    let mut wrong = Vec::new();
    for (name, condition) in conditions() {
        if condition.text() == "always" {
            continue;
        }
        let tests = condition.tests();
        let mut paths: Vec<&str> = tests
            .iter()
            .map(|t| t.path)
            .filter(|p| !p.starts_with("result."))
            .collect();
        paths.sort_unstable();
        paths.dedup();
        let about_results = tests.iter().any(|t| t.path.starts_with("result."));
        let mut worlds: Vec<BTreeMap<String, Known>> = if about_results {
            results
                .iter()
                .map(|r| {
                    r.iter()
                        .map(|(k, v)| ((*k).to_owned(), v.clone()))
                        .collect()
                })
                .collect()
        } else {
            vec![BTreeMap::new()]
        };
        // One result of each kind is enough where many keys multiply.
        if paths.len() > 4 {
            worlds.truncate(1);
        }
        for path in &paths {
            let options = values(path, condition);
            worlds = worlds
                .into_iter()
                .flat_map(|w| {
                    options.iter().map(move |v| {
                        let mut w = w.clone();
                        w.insert((*path).to_owned(), v.clone());
                        w
                    })
                })
                .take(400_000)
                .collect();
        }
        let (mut yes, mut no) = (false, false);
        for world in worlds {
            match condition.truth(&World(world)) {
                Truth::Yes => yes = true,
                Truth::No => no = true,
                Truth::Unknown => {}
            }
            if yes && no {
                break;
            }
        }
        if !yes || !no {
            wrong.push(format!(
                "{name}: holds {yes}, fails {no}: {}",
                condition.text()
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A proposal or a superseded act is never applied: nothing but entries, and none in force.
#[test]
fn what_is_not_in_force_is_only_kept_for_reading() {
    let mut seen = BTreeSet::new();
    for act in &law().acts {
        if act.status == Status::InForce {
            continue;
        }
        seen.insert(format!("{:?}", act.status));
        assert!(
            act.rule.is_empty()
                && act.route.is_empty()
                && act.step.is_empty()
                && act.clock.is_empty(),
            "{}",
            act.name
        );
        assert!(law().in_force().all(|a| a.name != act.name));
        for e in &act.entry {
            assert_ne!(e.status, Status::InForce, "{}", e.id);
        }
    }
    assert_eq!(
        seen.len(),
        2,
        "a superseded and a proposed act are kept: {seen:?}"
    );
}

/// A counterpart stands in the other regulation. (That it exists is held above. Where one regulation
/// splits what the other joins, several clauses share a counterpart.)
#[test]
fn pairs_lead_from_one_regulation_to_the_other() {
    let mut pairs = 0;
    for (act, e) in law()
        .entry_ids()
        .into_iter()
        .filter_map(|id| law().entry(id))
    {
        let Some(pair) = &e.pair else { continue };
        let (other, _) = law().entry(pair).unwrap();
        let names = BTreeSet::from([act.name.as_str(), other.name.as_str()]);
        assert_eq!(names, BTreeSet::from(["MDR", "IVDR"]), "{} - {pair}", e.id);
        pairs += 1;
    }
    assert!(pairs > 100, "{pairs}");
}

/// No clause's content stands in code: the engine's sources name no rule, article or annex outside
/// comments. (Exempt: what the reader says about the file's own form and language.)
#[test]
fn the_engine_holds_no_clause_text() {
    for (name, source) in [
        ("classify.rs", include_str!("../src/classify.rs")),
        ("check.rs", include_str!("../src/check.rs")),
        ("change.rs", include_str!("../src/change.rs")),
        ("clock.rs", include_str!("../src/clock.rs")),
        ("condition.rs", include_str!("../src/condition.rs")),
        ("law.rs", include_str!("../src/law.rs")),
    ] {
        for (n, line) in source.lines().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            for word in [
                "Art. ",
                "Rule 1",
                "Annex I",
                "Annex V",
                "Annex X ",
                "worst_harm",
                "supports_decisions",
            ] {
                assert!(!code.contains(word), "{name}:{}: {line}", n + 1);
            }
        }
    }
}

/// The schema that editors use is the one that the reader uses.
#[test]
fn the_published_json_schema_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/device.schema.json");
    let text = std::fs::read_to_string(path).unwrap();
    let published: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        published,
        law().schema.json_schema(),
        "write it anew: candour classify --schema > docs/device.schema.json"
    );
}
