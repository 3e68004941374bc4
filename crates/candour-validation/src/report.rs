//! The report: the checklist's items in their order, each answered by the plan's texts or by the
//! analysis, and where neither answers it, shown as a gap.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use candour_record::{Digest, Timestamp};
use candour_statistics::{Answer, Cell, Curve, Figure, Number};
use serde::Serialize;

use crate::analysis::{Analysis, Counted, DataFile, EndpointResult};
use crate::checklist::{Checklist, Item, Shows};
use crate::document::{Block, Document, Entry, IndexLine, Section, Tone};
use crate::plan::{Endpoint, Plan, Weight};
use crate::plot;

/// Rows of an answer's table that a report prints; the rest stands in the JSON.
const ROWS_SHOWN: usize = 25;

/// The list of the masks' digests that is entered with the data and lies beside a report.
pub const MASKS: &str = "masks.sha256";

/// Where plan, data and result lie in a ledger.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Seal {
    /// Name of the ledger.
    pub ledger: String,
    /// Record of the plan, and when it was sealed.
    pub plan: (u64, Timestamp),
    /// Record of the data, and when they were entered.
    pub data: (u64, Timestamp),
    /// Record of the result, and when it was sealed.
    pub result: (u64, Timestamp),
    /// Record of the plan that this one amends.
    pub amends: Option<u64>,
    /// How often some of these data had been entered before.
    pub openings: u32,
    /// The record by which the ledger first held some of these data: an earlier entry of a file, the
    /// first of the sealed decisions, or else the entry itself.
    pub first_seen: u64,
    /// How often this plan had been answered before, on whatever data.
    pub answers: u32,
}

impl Seal {
    /// Whether the plan was sealed before the ledger held any of the data.
    #[must_use]
    pub fn plan_came_first(&self) -> bool {
        self.plan.0 < self.first_seen
    }

    /// What a reader must know of the order of plan and data and of earlier looks; empty where the plan
    /// came first and this is the first look.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut out = Vec::new();
        if !self.plan_came_first() {
            out.push(format!(
                "The plan was sealed AFTER the data were first in this ledger: record {} against record {}.",
                self.plan.0, self.first_seen
            ));
        }
        if self.openings > 0 {
            out.push(format!(
                "Some of these data had been entered {} time(s) before in this ledger: each look at test data spends error that no interval here counts.",
                self.openings
            ));
        }
        if self.answers > 0 {
            out.push(format!(
                "This plan had been answered {} time(s) before in this ledger.",
                self.answers
            ));
        }
        out
    }
}

/// The report of an analysis. `result` is the digest of the analysis as JSON; `seal` is there where
/// plan, data and result were sealed.
#[must_use]
pub fn report(
    plan: &Plan,
    analysis: &Analysis,
    result: Digest,
    seal: Option<&Seal>,
    software: &str,
) -> Document {
    let reporter = Reporter {
        plan,
        analysis,
        result,
        seal,
        software,
    };
    let mut sections: Vec<Section> = Vec::new();
    for item in &Checklist::get().item {
        let entry = reporter.entry(item);
        match sections.last_mut() {
            Some(section) if section.heading == item.section => section.items.push(entry),
            _ => sections.push(Section {
                heading: item.section.clone(),
                items: vec![entry],
            }),
        }
    }
    sections.push(reporter.index());
    Document {
        title: plan.title.clone(),
        facts: reporter.facts(),
        verdict: reporter.verdict(),
        sections,
    }
}

struct Reporter<'a> {
    plan: &'a Plan,
    analysis: &'a Analysis,
    result: Digest,
    seal: Option<&'a Seal>,
    software: &'a str,
}

impl Reporter<'_> {
    fn facts(&self) -> Vec<(String, String)> {
        let mut facts = vec![
            (
                "Plan".into(),
                format!(
                    "{}, version {}, {}",
                    self.plan.file, self.plan.version, self.plan.digest
                ),
            ),
            (
                "Analysed".into(),
                format!("{} rows{}", self.analysis.flow.analysed, self.clusters()),
            ),
            ("Result".into(), format!("{} (of result.json)", self.result)),
        ];
        match self.seal {
            Some(seal) => facts.push((
                "Sealed".into(),
                format!(
                    "in {}: plan as record {} at {}, data as record {} at {}, result as record {} at {}",
                    seal.ledger, seal.plan.0, seal.plan.1, seal.data.0, seal.data.1, seal.result.0, seal.result.1
                ),
            )),
            None => facts.push((
                "Not sealed".into(),
                "no workspace was given; nothing proves that the plan came before the data".into(),
            )),
        }
        for warning in self.seal.iter().flat_map(|s| s.warnings()) {
            facts.push(("But".into(), warning));
        }
        if self.plan.amends.is_some() {
            facts.push((
                "Amended".into(),
                "this plan amends an earlier one; the section Registration says which and why"
                    .into(),
            ));
        }
        facts.push(("Software".into(), self.software.to_owned()));
        let items = &Checklist::get().item;
        let gaps = items.iter().filter(|i| !self.answered(i)).count();
        if gaps > 0 {
            facts.push((
                "Gaps".into(),
                format!(
                    "{gaps} of {} items of the checklist are not answered; the last section lists them",
                    items.len()
                ),
            ));
        }
        facts
    }

    fn clusters(&self) -> String {
        match (&self.plan.data.cluster, self.analysis.flow.clusters) {
            (Some(column), Some(n)) => format!(" in {n} clusters (`{column}`)"),
            _ => String::new(),
        }
    }

    fn verdict(&self) -> (Tone, String) {
        let met = self.analysis.decisions.iter().filter(|d| d.shown).count();
        let of = self.analysis.decisions.len();
        match self.analysis.shown {
            None => (
                Tone::Plain,
                "The plan sets no goal; the numbers describe and prove nothing.".into(),
            ),
            Some(_) if of == 1 && met == 1 => (
                Tone::Good,
                "Shown: the decisive endpoint reaches its goal.".into(),
            ),
            Some(_) if of == 1 => (
                Tone::Bad,
                "Not shown: the decisive endpoint does not reach its goal.".into(),
            ),
            Some(shown) => {
                let method = self.plan.multiplicity.method.word();
                let told = format!("{met} of {of} decisive endpoints reach their goal ({method}).");
                match (shown, met == of) {
                    (true, true) => (Tone::Good, format!("Shown: {told}")),
                    // Each endpoint claims for itself; what was not shown must not hide behind what was.
                    (true, false) => (Tone::Plain, format!("Shown in part: {told}")),
                    (false, _) => (Tone::Bad, format!("Not shown: {told}")),
                }
            }
        }
    }

    /// The number that an endpoint is about: as planned, or else the first of the statistic's.
    fn number_of(&self, endpoint: &Endpoint) -> String {
        let answered = self.analysis.endpoints.iter().find(|r| r.id == endpoint.id);
        endpoint
            .number
            .clone()
            .or_else(|| answered.map(|r| r.number.name.clone()))
            .unwrap_or_default()
            .replace('_', " ")
    }

    /// Whether the plan or the analysis answers an item.
    fn answered(&self, item: &Item) -> bool {
        match item.shows {
            Shows::Text => self.plan.text(&item.key).is_some(),
            Shows::Registration => self.seal.is_some(),
            _ => true,
        }
    }

    /// Which item is answered where.
    fn index(&self) -> Section {
        let rows = Checklist::get()
            .item
            .iter()
            .map(|item| {
                let answered = self.answered(item);
                let by = match self.plan.text(&item.key) {
                    Some(text) => format!("plan line {}", text.line),
                    None if answered => "the analysis".into(),
                    None => "not stated".into(),
                };
                IndexLine {
                    numbers: item.numbers().map(|(_, list)| list.join(", ")).to_vec(),
                    key: item.key.clone(),
                    heading: item.title.clone(),
                    answered,
                    by,
                }
            })
            .collect();
        Section {
            heading: "Checklist".into(),
            items: vec![Entry {
                key: "checklist".into(),
                heading: "Which item is answered where".into(),
                numbers: String::new(),
                blocks: vec![
                    Block::Index { rows },
                    Block::paragraph(Checklist::get().sources.join(" ")),
                ],
            }],
        }
    }

    fn entry(&self, item: &Item) -> Entry {
        let text = self.plan.text(&item.key);
        let mut blocks = Vec::new();
        if let Some(text) = text {
            for part in text
                .text
                .split("\n\n")
                .map(str::trim)
                .filter(|p| !p.is_empty())
            {
                blocks.push(Block::paragraph(part));
            }
        }
        match item.shows {
            Shows::Text if text.is_none() => blocks.push(Block::Gap {
                text: format!(
                    "Not stated. It asks: {} Write it under [report] as `{}`.",
                    item.asks, item.key
                ),
            }),
            Shows::Text => {}
            Shows::Objectives => self.objectives(&mut blocks),
            Shows::Data => self.data(&mut blocks),
            Shows::Handling => self.handling(&mut blocks),
            Shows::Methods => self.methods(&mut blocks),
            Shows::PlannedSubgroups => self.planned_subgroups(&mut blocks),
            Shows::Flow => self.flow(&mut blocks),
            Shows::Endpoints => self.endpoints(&mut blocks),
            Shows::Indeterminate => self.indeterminate(&mut blocks),
            Shows::Subgroups => self.subgroups(&mut blocks),
            Shows::Registration => self.registration(&mut blocks),
            Shows::Reproduction => self.reproduction(&mut blocks),
        }
        Entry {
            key: item.key.clone(),
            heading: item.title.clone(),
            numbers: item.cited(),
            blocks,
        }
    }

    fn objectives(&self, blocks: &mut Vec<Block>) {
        let rows = self
            .plan
            .endpoints
            .iter()
            .map(|e| {
                vec![
                    e.id.clone(),
                    weight(e.weight).into(),
                    e.title.clone(),
                    self.number_of(e),
                    e.goal
                        .map_or_else(|| "described only".into(), |g| g.to_string()),
                    e.rationale.clone(),
                    e.line.to_string(),
                ]
            })
            .collect();
        blocks.push(Block::table(
            "Endpoints as planned",
            &[
                "Endpoint",
                "Weight",
                "Statistic",
                "Number",
                "Goal",
                "Why",
                "Plan line",
            ],
            "      #",
            rows,
        ));
        if self.plan.decisive().len() < 2 {
            return;
        }
        blocks.push(Block::paragraph(format!(
            "Several decisive endpoints: {}.",
            match self.plan.multiplicity.method.word() {
                "co-primary" =>
                    "all must reach their goal, each at the full level (intersection-union test)"
                        .to_owned(),
                "fixed-sequence" => format!(
                    "tested in the order {}, each at the full level, until one fails",
                    self.plan.multiplicity.order.join(", ")
                ),
                other => format!(
                    "one-sided p-values adjusted by {other}, against {}",
                    digits((1.0 - self.plan.level) / 2.0)
                ),
            }
        )));
    }

    fn data(&self, blocks: &mut Vec<Block>) {
        let rows = self
            .analysis
            .data
            .iter()
            .map(|d| vec![d.name.clone(), d.rows.to_string(), d.digest.to_string()])
            .collect();
        blocks.push(Block::table(
            "Files of data",
            &["File", "Rows", "SHA-256"],
            " # ",
            rows,
        ));
        let data = &self.plan.data;
        let mut said = Vec::new();
        if !data.key.is_empty() {
            said.push(format!("A row is one {}.", data.key.join(" and ")));
        }
        match (&data.cluster, &data.independent) {
            (Some(c), _) => said.push(format!(
                "Rows of one `{c}` belong together, and intervals that can take them so do."
            )),
            (None, Some(why)) => said.push(format!("Rows count as independent: {why}.")),
            _ => {}
        }
        for (column, words) in &data.include {
            said.push(format!(
                "Only rows whose `{column}` is {} are analysed.",
                words.join(" or ")
            ));
        }
        said.push(format!(
            "Positive is written {}, negative {}.",
            data.positive.join(", "),
            data.negative.join(", ")
        ));
        blocks.push(Block::paragraph(said.join(" ")));
    }

    fn handling(&self, blocks: &mut Vec<Block>) {
        let h = &self.plan.handling;
        blocks.push(Block::paragraph(format!(
            "Nothing is there where a cell is empty{}. Missing results: {}. Indeterminate results ({}): {}. Rows without a reference standard are left out and counted. Where results are missing or indeterminate, the other ways of counting stand beside the planned one.",
            match self.plan.data.missing.as_slice() {
                [] => String::new(),
                words => format!(" or says {}", words.join(", ")),
            },
            handling_words(h.missing.word()),
            h.indeterminate_words.join(", "),
            handling_words(h.indeterminate.word())
        )));
    }

    fn methods(&self, blocks: &mut Vec<Block>) {
        let mut seen = BTreeSet::new();
        for entry in self.plan.endpoints.iter().filter_map(Endpoint::entry) {
            if seen.insert(entry.id) {
                blocks.push(Block::heading(format!("{} (`{}`)", entry.title, entry.id)));
                blocks.push(Block::Terms {
                    rows: [
                        ("Formula", entry.formula),
                        ("Source", entry.source),
                        ("Assumptions", entry.assumptions),
                        ("Compared with", entry.compared_with),
                    ]
                    .map(|(term, text)| (term.to_owned(), ended(text)))
                    .to_vec(),
                });
            }
        }
        let rows = self
            .plan
            .endpoints
            .iter()
            .map(|e| {
                let join = |list: &[(String, String)]| {
                    list.iter()
                        .map(|(k, v)| format!("{k} = {v}"))
                        .collect::<Vec<_>>()
                        .join(", ")
                };
                vec![
                    e.id.clone(),
                    e.statistic.clone(),
                    join(&e.columns),
                    join(&e.settings),
                    e.include
                        .iter()
                        .map(|(c, words)| format!("{c} is {}", words.join(" or ")))
                        .collect::<Vec<_>>()
                        .join(", "),
                    e.missing
                        .map_or_else(|| "as the plan".into(), |m| m.word().to_owned()),
                ]
            })
            .collect();
        blocks.push(Block::table(
            "Columns and settings of each endpoint",
            &[
                "Endpoint",
                "Entry",
                "Columns",
                "Settings",
                "Only rows",
                "Missing",
            ],
            "      ",
            rows,
        ));
        if let Some(masks) = &self.plan.segmentation {
            let settings: Vec<String> = masks
                .settings
                .iter()
                .map(|(k, v)| format!("{k} = {v}"))
                .collect();
            blocks.push(Block::paragraph(format!(
                "Masks of `{}` are compared with the reference of `{}` (plan line {}); label: {}; settings: {}.",
                masks.prediction,
                masks.reference,
                masks.line,
                masks.label.map_or_else(|| "all that is not background".into(), |l| l.to_string()),
                if settings.is_empty() { "the defaults".into() } else { settings.join(", ") }
            )));
        }
        blocks.push(Block::paragraph(format!(
            "Intervals have a confidence level of {} unless said otherwise; random numbers come from Philox 4x64-10 under seed {}, with {} replicates.",
            self.plan.level, self.plan.seed, self.plan.replicates
        )));
    }

    fn planned_subgroups(&self, blocks: &mut Vec<Block>) {
        if self.plan.subgroups.is_empty() {
            blocks.push(Block::Gap {
                text: "The plan names no subgroup. Scanner, site, sex, age and disease stage are asked for by reviewers; write [[subgroup]].".into(),
            });
            return;
        }
        let rows = self
            .plan
            .subgroups
            .iter()
            .map(|s| {
                vec![
                    s.title.clone(),
                    s.column.clone(),
                    if s.endpoints.is_empty() {
                        "all primary".into()
                    } else {
                        s.endpoints.join(", ")
                    },
                    s.minimum.to_string(),
                    s.line.to_string(),
                ]
            })
            .collect();
        blocks.push(Block::table(
            "Subgroups as planned",
            &[
                "Subgroup",
                "Column",
                "Endpoints",
                "Smallest level",
                "Plan line",
            ],
            "   ##",
            rows,
        ));
    }

    fn flow(&self, blocks: &mut Vec<Block>) {
        let flow = &self.analysis.flow;
        let mut rows = vec![vec![
            "Rows of the first file".to_owned(),
            flow.rows.to_string(),
        ]];
        for (why, n) in &flow.excluded {
            rows.push(vec![format!("Left out: {why}"), n.to_string()]);
        }
        rows.push(vec![
            format!("Analysed{}", self.clusters()),
            flow.analysed.to_string(),
        ]);
        for (file, n) in &flow.unmatched {
            rows.push(vec![
                format!("Beside these: rows of {file} that have no partner in the first file"),
                n.to_string(),
            ]);
        }
        // What decides is drawn; beyond four the boxes would be too narrow for their words.
        let decisive = self.plan.decisive();
        let drawn: Vec<(&str, Counted)> = self
            .analysis
            .endpoints
            .iter()
            .filter(|r| decisive.is_empty() || decisive.iter().any(|e| e.id == r.id))
            .take(4)
            .map(|r| (r.id.as_str(), r.counted))
            .collect();
        let drawing = plot::flow(flow, &self.clusters(), &drawn);
        blocks.push(Block::Figure {
            caption: "Flow of cases".into(),
            alt: drawing.alt,
            svg: drawing.svg,
        });
        blocks.push(Block::table(
            "Who was analysed",
            &["Step", "Rows"],
            " #",
            rows,
        ));
        let rows = self
            .analysis
            .endpoints
            .iter()
            .map(|r| {
                vec![
                    r.id.clone(),
                    r.counted.rows.to_string(),
                    r.counted.no_truth.to_string(),
                    r.counted.missing.to_string(),
                    r.counted.indeterminate.to_string(),
                    r.counted.used.to_string(),
                ]
            })
            .collect();
        blocks.push(Block::table(
            "Rows of each endpoint",
            &[
                "Endpoint",
                "Rows",
                "No reference standard",
                "Result missing",
                "Result indeterminate",
                "In the statistic",
            ],
            " #####",
            rows,
        ));
    }

    fn endpoints(&self, blocks: &mut Vec<Block>) {
        for result in &self.analysis.endpoints {
            let Some(endpoint) = self.plan.endpoints.iter().find(|e| e.id == result.id) else {
                continue;
            };
            blocks.push(Block::heading(format!(
                "{} ({}, {}; plan line {}{})",
                endpoint.title,
                endpoint.id,
                weight(endpoint.weight),
                endpoint.line,
                self.seal
                    .map_or_else(String::new, |s| format!(", record {}", s.result.0))
            )));
            blocks.push(self.statement(endpoint, result));
            if let Some(answer) = &result.answer {
                answer_blocks(answer, &endpoint.id, blocks);
            }
        }
        for note in &self.analysis.notes {
            blocks.push(Block::paragraph(note.clone()));
        }
    }

    fn statement(&self, endpoint: &Endpoint, result: &EndpointResult) -> Block {
        let number = estimate(&result.number);
        let Some(goal) = endpoint.goal else {
            return Block::Verdict {
                tone: Tone::Plain,
                text: format!("{number}. Described only."),
            };
        };
        let decision = self
            .analysis
            .decisions
            .iter()
            .find(|d| d.endpoint == endpoint.id);
        let shown = decision.map_or(result.met == Some(true), |d| d.shown);
        let mut text = format!(
            "{number}. Goal: {goal}: {}",
            if shown { "reached." } else { "not reached." }
        );
        if let Some(d) = decision {
            if let (Some(p), Some(adjusted)) = (d.p, d.adjusted) {
                let _ = write!(
                    text,
                    " One-sided p {}, adjusted {}.",
                    p_words(p),
                    p_words(adjusted)
                );
            }
            if !d.because.is_empty() {
                let _ = write!(text, " {}.", sentence(&d.because));
            }
        }
        Block::Verdict {
            tone: if shown { Tone::Good } else { Tone::Bad },
            text,
        }
    }

    fn indeterminate(&self, blocks: &mut Vec<Block>) {
        let mut rows = Vec::new();
        for result in &self.analysis.endpoints {
            if result.variants.is_empty() {
                continue;
            }
            rows.push(vec![
                result.id.clone(),
                if result.missing == result.indeterminate {
                    format!("as planned ({})", result.missing.word())
                } else {
                    format!(
                        "as planned (missing {}, indeterminate {})",
                        result.missing.word(),
                        result.indeterminate.word()
                    )
                },
                estimate(&result.number),
                result.number.n.to_string(),
            ]);
            for variant in &result.variants {
                rows.push(vec![
                    result.id.clone(),
                    variant.handling.word().to_owned(),
                    estimate(&variant.number),
                    variant.number.n.to_string(),
                ]);
            }
        }
        if rows.is_empty() {
            blocks.push(Block::paragraph(
                "No result of the index test was missing or indeterminate.",
            ));
        } else {
            blocks.push(Block::table(
                "The same endpoint under other ways of counting missing and indeterminate results",
                &["Endpoint", "Counted", "Estimate", "n"],
                "   #",
                rows,
            ));
        }
    }

    fn subgroups(&self, blocks: &mut Vec<Block>) {
        if self.analysis.subgroups.is_empty() {
            blocks.push(Block::paragraph("None were planned."));
            return;
        }
        let mut curves = Vec::new();
        for group in &self.analysis.subgroups {
            let rows = group
                .levels
                .iter()
                .map(|l| vec![l.name.clone(), l.n.to_string(), estimate(&l.number)])
                .collect();
            blocks.push(Block::table(
                format!(
                    "{} by {} (plan line {})",
                    group.endpoint, group.title, group.line
                ),
                &["Level", "Rows", "Estimate"],
                " # ",
                rows,
            ));
            blocks.push(Block::paragraph(match &group.interaction {
                Some(i) => format!(
                    "Interaction: {}, statistic {}, {} degrees of freedom, p {}. A difference between levels is judged by this test, not by whose interval excludes what.",
                    i.method, digits(i.statistic), i.df, p_words(i.p)
                ),
                None => "Interaction: not estimable; fewer than two levels have an estimate with a spread.".into(),
            }));
            let pick = |f: fn(&Number) -> Option<f64>| -> Vec<f64> {
                group
                    .levels
                    .iter()
                    .map(|l| f(&l.number).unwrap_or(f64::NAN))
                    .collect()
            };
            curves.push(Curve {
                figure: Figure::Forest,
                label: format!("{} by {}", group.endpoint, group.title),
                x: pick(|n| n.value),
                y: (0..group.levels.len()).map(|i| i as f64).collect(),
                lower: pick(|n| n.interval.map(|i| i.lower)),
                upper: pick(|n| n.interval.map(|i| i.upper)),
                labels: group
                    .levels
                    .iter()
                    .map(|l| format!("{} (n = {})", l.name, l.n))
                    .collect(),
            });
        }
        // One plot for each endpoint: their scales differ.
        let mut done = BTreeSet::new();
        for group in &self.analysis.subgroups {
            if !done.insert(&group.endpoint) {
                continue;
            }
            let own: Vec<&Curve> = curves
                .iter()
                .zip(&self.analysis.subgroups)
                .filter(|(_, g)| g.endpoint == group.endpoint)
                .map(|(c, _)| c)
                .collect();
            figure(
                Figure::Forest,
                &own,
                &format!("Subgroups: {}", group.endpoint),
                blocks,
            );
        }
    }

    fn registration(&self, blocks: &mut Vec<Block>) {
        match self.seal {
            None => blocks.push(Block::Gap {
                text: "Not sealed: the analysis ran without a workspace, so nothing proves that the plan came before the data. Run it with --workspace.".into(),
            }),
            Some(seal) => {
                let (plan, data) = (seal.plan, seal.data);
                let warnings = seal.warnings();
                if warnings.is_empty() {
                    blocks.push(Block::Verdict {
                        tone: Tone::Good,
                        text: format!(
                            "The plan was sealed before the data were entered: record {} at {} against record {} at {}.",
                            plan.0, plan.1, data.0, data.1
                        ),
                    });
                } else {
                    blocks.push(Block::paragraph(format!(
                        "Plan: record {} at {}. Data of this analysis: record {} at {}.",
                        plan.0, plan.1, data.0, data.1
                    )));
                }
                for text in warnings {
                    blocks.push(Block::Verdict { tone: Tone::Bad, text });
                }
                blocks.push(Block::paragraph(format!("The result is record {}.", seal.result.0)));
                if let (Some(amendment), Some(old)) = (&self.plan.amends, seal.amends) {
                    blocks.push(Block::paragraph(format!(
                        "This plan amends the plan of record {old} ({}). Reason: {}",
                        amendment.plan, amendment.reason
                    )));
                }
            }
        }
    }

    fn reproduction(&self, blocks: &mut Vec<Block>) {
        let mut words = vec!["candour", "validate", &self.plan.file];
        let given = |d: &&DataFile| self.plan.segmentation.is_none() || d.name != MASKS;
        let files: Vec<&DataFile> = self.analysis.data.iter().filter(given).collect();
        for file in &files {
            words.extend(["--data", &file.name]);
        }
        words.push("--json");
        blocks.push(Block::paragraph(format!(
            "Software: {}. To compute everything again, where plan and data lie:",
            self.software
        )));
        blocks.push(Block::Command {
            words: words
                .into_iter()
                .map(|w| shlex::try_quote(w).unwrap_or(Cow::Borrowed(w)).into_owned())
                .collect(),
        });
        let names: BTreeSet<&str> = files.iter().map(|d| d.name.as_str()).collect();
        if names.len() < files.len() {
            blocks.push(Block::paragraph(
                "Some of the data files have the same name; they are told apart by their digests, and are given in the order of the table of data.",
            ));
        }
        blocks.push(Block::paragraph(format!(
            "The bytes of the answer have the digest {}; the same plan, data and version give the same digits on any number of threads.",
            self.result
        )));
    }
}

/// The numbers, tables, figures and notes of an answer.
pub fn answer_blocks(answer: &Answer, caption: &str, blocks: &mut Vec<Block>) {
    let rows = answer
        .numbers
        .iter()
        .map(|n| {
            vec![
                n.name.replace('_', " "),
                value_words(n),
                interval_words(n),
                n.interval_method.clone().unwrap_or_default(),
                n.n.to_string(),
                n.definition.clone(),
            ]
        })
        .collect();
    blocks.push(Block::table(
        format!("{caption}: all numbers"),
        &[
            "Number",
            "Estimate",
            "Interval",
            "Interval by",
            "n",
            "Definition",
        ],
        " ## # ",
        rows,
    ));
    for table in &answer.tables {
        let headings: Vec<String> = table.columns.iter().map(|c| c.replace('_', " ")).collect();
        let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
        let numeric: String = headings
            .iter()
            .enumerate()
            .map(|(c, _)| {
                let number = table
                    .rows
                    .iter()
                    .all(|r| !matches!(r.get(c), Some(Cell::Text(_))));
                if number { '#' } else { ' ' }
            })
            .collect();
        let step = table.rows.len().div_ceil(ROWS_SHOWN).max(1);
        let rows: Vec<Vec<String>> = table
            .rows
            .iter()
            .step_by(step)
            .map(|r| r.iter().map(cell_words).collect())
            .collect();
        let name = match step {
            1 => format!("{caption}: {}", table.name),
            n => format!(
                "{caption}: {} (one row in {n} of {}; all stand in result.json)",
                table.name,
                table.rows.len()
            ),
        };
        blocks.push(Block::table(name, &headings, &numeric, rows));
    }
    let kinds: BTreeSet<Figure> = answer.curves.iter().map(|c| c.figure).collect();
    for kind in kinds {
        let own: Vec<&Curve> = answer.curves.iter().filter(|c| c.figure == kind).collect();
        figure(
            kind,
            &own,
            &format!("{caption}: {}", plot::title(kind)),
            blocks,
        );
    }
    for note in &answer.notes {
        blocks.push(Block::paragraph(format!("Note: {note}")));
    }
}

fn figure(kind: Figure, curves: &[&Curve], caption: &str, blocks: &mut Vec<Block>) {
    if let Some(drawing) = plot::draw(kind, curves) {
        blocks.push(Block::Figure {
            caption: caption.to_owned(),
            alt: drawing.alt,
            svg: drawing.svg,
        });
    }
}

fn weight(weight: Weight) -> &'static str {
    match weight {
        Weight::Primary => "primary",
        Weight::Secondary => "secondary",
        Weight::Exploratory => "exploratory",
    }
}

fn handling_words(word: &str) -> &str {
    match word {
        "worst-case" => "counted as wrong (worst case, intention to diagnose)",
        "best-case" => "counted as right (best case)",
        "complete-case" => "left out (complete cases)",
        other => other,
    }
}

fn ended(text: &str) -> String {
    format!("{}.", text.trim_end_matches('.'))
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |f| f.to_uppercase().chain(letters).collect())
}

/// A number for people: what can be told apart at a glance; the JSON has all digits.
#[must_use]
pub fn digits(v: f64) -> String {
    if v.is_infinite() {
        return if v > 0.0 {
            "∞".into()
        } else {
            "−∞".into()
        };
    }
    let size = v.abs();
    let text = if v.fract() == 0.0 && size < 1e15 {
        format!("{v:.0}")
    } else if !(1e-4..1e6).contains(&size) {
        format!("{v:.2e}")
    } else if size >= 100.0 {
        format!("{v:.1}")
    } else if size >= 10.0 {
        format!("{v:.2}")
    } else {
        format!("{v:.3}")
    };
    text.replace('-', "−")
}

/// A p-value for people.
#[must_use]
pub fn p_words(p: f64) -> String {
    if p < 0.001 {
        "< 0.001".into()
    } else {
        format!("{p:.3}")
    }
}

fn value_words(n: &Number) -> String {
    match n.value {
        Some(v) if n.name.starts_with('p') && n.name.contains("value") => p_words(v),
        Some(v) => digits(v),
        None => format!(
            "not estimable: {}",
            n.not_estimable.as_deref().unwrap_or("no reason given")
        ),
    }
}

fn interval_words(n: &Number) -> String {
    match (n.interval, n.value, &n.not_estimable) {
        (Some(i), _, _) => format!(
            "{} to {} ({} %)",
            digits(i.lower),
            digits(i.upper),
            percent(i.level)
        ),
        (None, Some(_), Some(why)) => format!("none: {why}"),
        _ => String::new(),
    }
}

fn percent(level: f64) -> String {
    let value = (level * 1e8).round() / 1e6;
    value.to_string()
}

/// A number with its interval in one phrase.
#[must_use]
pub fn estimate(n: &Number) -> String {
    let interval = interval_words(n);
    if interval.is_empty() {
        format!("{} {}", n.name.replace('_', " "), value_words(n))
    } else {
        format!(
            "{} {}, {interval}",
            n.name.replace('_', " "),
            value_words(n)
        )
    }
}

/// A cell of a table, for people.
#[must_use]
pub fn cell_words(cell: &Cell) -> String {
    match cell {
        Cell::Whole(v) => v.to_string(),
        Cell::Real(v) => digits(*v),
        Cell::Text(t) => t.clone(),
        Cell::None => "–".into(),
    }
}

/// The report as one HTML page without scripts or outside assets.
#[must_use]
pub fn html(document: &Document) -> String {
    let e = plot::escape;
    let mut out = String::new();
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{0}</title><style>{STYLE}</style></head><body><a class=\"skip\" href=\"#content\">Skip to the report</a><header><h1>{0}</h1>",
        e(&document.title)
    );
    out.push_str("<dl>");
    for (name, value) in &document.facts {
        let _ = write!(out, "<dt>{}</dt><dd>{}</dd>", e(name), e(value));
    }
    out.push_str("</dl>");
    verdict(&mut out, document.verdict.0, &document.verdict.1);
    out.push_str("</header><nav aria-label=\"Sections\"><ol>");
    for section in &document.sections {
        let _ = write!(
            out,
            "<li><a href=\"#{}\">{}</a></li>",
            anchor(&section.heading),
            e(&section.heading)
        );
    }
    out.push_str("</ol></nav><main id=\"content\">");
    for section in &document.sections {
        let _ = write!(
            out,
            "<section id=\"{}\"><h2>{}</h2>",
            anchor(&section.heading),
            e(&section.heading)
        );
        for item in &section.items {
            let _ = write!(
                out,
                "<article id=\"item-{}\"><h3>{}",
                e(&item.key),
                e(&item.heading)
            );
            if !item.numbers.is_empty() {
                let _ = write!(out, " <span class=\"number\">{}</span>", e(&item.numbers));
            }
            out.push_str("</h3>");
            for block in &item.blocks {
                block_html(&mut out, block);
            }
            out.push_str("</article>");
        }
        out.push_str("</section>");
    }
    out.push_str("</main></body></html>\n");
    out
}

fn anchor(heading: &str) -> String {
    let words: String = heading
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    format!("section-{words}")
}

fn verdict(out: &mut String, tone: Tone, text: &str) {
    let (class, sign) = match tone {
        Tone::Good => ("good", "✓"),
        Tone::Bad => ("bad", "✗"),
        Tone::Plain => ("plain", "○"),
    };
    let _ = write!(
        out,
        "<p class=\"verdict {class}\"><span aria-hidden=\"true\">{sign}</span> {}</p>",
        plot::escape(text)
    );
}

fn block_html(out: &mut String, block: &Block) {
    let e = plot::escape;
    match block {
        Block::Paragraph { text } => {
            let _ = write!(out, "<p>{}</p>", e(text));
        }
        Block::Heading { text } => {
            let _ = write!(out, "<h4>{}</h4>", e(text));
        }
        Block::Terms { rows } => {
            out.push_str("<dl class=\"terms\">");
            for (term, text) in rows {
                let _ = write!(out, "<dt>{}</dt><dd>{}</dd>", e(term), e(text));
            }
            out.push_str("</dl>");
        }
        Block::Index { rows } => index_html(out, rows),
        Block::Command { words } => {
            let _ = write!(out, "<pre><code>{}</code></pre>", e(&words.join(" ")));
        }
        Block::Gap { text } => {
            let _ = write!(
                out,
                "<p class=\"gap\"><strong>Gap.</strong> {}</p>",
                e(text)
            );
        }
        Block::Verdict { tone, text } => verdict(out, *tone, text),
        Block::Table {
            caption,
            headings,
            numeric,
            rows,
        } => {
            let _ = write!(
                out,
                "<div class=\"scroll\" role=\"region\" aria-label=\"{0}\" tabindex=\"0\"><table><caption>{0}</caption><thead><tr>",
                e(caption)
            );
            let class = |c: usize| {
                if numeric.get(c) == Some(&true) {
                    " class=\"num\""
                } else {
                    ""
                }
            };
            for (c, h) in headings.iter().enumerate() {
                let _ = write!(out, "<th scope=\"col\"{}>{}</th>", class(c), e(h));
            }
            out.push_str("</tr></thead><tbody>");
            for row in rows {
                out.push_str("<tr>");
                for (c, cell) in row.iter().enumerate() {
                    let _ = write!(out, "<td{}>{}</td>", class(c), e(cell));
                }
                out.push_str("</tr>");
            }
            out.push_str("</tbody></table></div>");
        }
        Block::Figure { caption, svg, .. } => {
            // On a screen the colours follow the reader's light or dark theme.
            let mut svg = svg.clone();
            for (printed, variable) in plot::COLOURS {
                svg = svg.replace(&format!("\"{printed}\""), &format!("\"{variable}\""));
            }
            let _ = write!(
                out,
                "<figure>{svg}<figcaption>{}</figcaption></figure>",
                e(caption)
            );
        }
    }
}

fn index_html(out: &mut String, rows: &[IndexLine]) {
    let e = plot::escape;
    out.push_str("<div class=\"scroll\" role=\"region\" aria-label=\"Checklist\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">STARD-AI</th><th scope=\"col\">STARD 2015</th><th scope=\"col\">CLAIM 2024</th><th scope=\"col\">Item</th><th scope=\"col\">Answered by</th></tr></thead><tbody>");
    for row in rows {
        out.push_str("<tr>");
        for numbers in &row.numbers {
            let _ = write!(out, "<td>{}</td>", e(numbers));
        }
        let _ = write!(
            out,
            "<td><a href=\"#item-{}\">{}</a></td><td{}>{}</td></tr>",
            e(&row.key),
            e(&row.heading),
            if row.answered {
                ""
            } else {
                " class=\"lacking\""
            },
            e(&row.by)
        );
    }
    out.push_str("</tbody></table></div>");
}

const STYLE: &str = "\
:root{--ink:#1b1b1f;--paper:#ffffff;--grid:#c9c9cf;--soft:#5a5a66;--line:#d8d8de;--good:#00674a;--bad:#9c2a00;--series-1:#0072b2;--series-2:#d55e00;--series-3:#009e73;--series-4:#a8508a;color-scheme:light dark}\
@media (prefers-color-scheme:dark){:root{--ink:#e6e6ea;--paper:#131316;--grid:#3a3a42;--soft:#a5a5b0;--line:#34343c;--good:#5fd0a8;--bad:#ff9e70;--series-1:#56b4e9;--series-2:#ff9e57;--series-3:#3fd0a0;--series-4:#e7a3cb}}\
@media print{:root{--ink:#000;--paper:#fff;color-scheme:light}}\
body{background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;overflow-wrap:anywhere}\
a{color:var(--series-1)}a:focus-visible,.scroll:focus-visible{outline:3px solid var(--series-2);outline-offset:2px}\
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem}\
h1{font-size:1.7rem;line-height:1.25}h2{margin-top:2.4rem;border-bottom:2px solid var(--line);padding-bottom:.2rem}h3{margin:1.6rem 0 .3rem}\
.number{font-size:.8rem;font-weight:normal;color:var(--soft);margin-left:.5rem}\
dl{display:grid;grid-template-columns:fit-content(40%) 1fr;gap:.2rem 1rem;font-size:.9rem}dt{font-weight:600}dd{margin:0}\
nav ol{columns:2 15rem;font-size:.95rem}\
pre{white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid var(--line);padding:.4rem .8rem;font-size:.85rem}.verdict{padding:.5rem .8rem;border-left:5px solid var(--soft)}.verdict.good{border-color:var(--good)}.verdict.bad{border-color:var(--bad);font-weight:600}.verdict.good span{color:var(--good)}.verdict.bad span{color:var(--bad)}\
h4{margin:1.4rem 0 .3rem;font-size:1rem}.terms{margin:.3rem 0 1rem}.lacking{color:var(--bad);font-weight:600}\
.gap{border:1px dashed var(--bad);padding:.4rem .8rem;color:var(--soft)}.gap strong{color:var(--bad)}\
.scroll{overflow-x:auto;margin:.8rem 0}table{border-collapse:collapse;font-size:.88rem}caption{text-align:left;font-weight:600;padding-bottom:.3rem}\
th,td{border-bottom:1px solid var(--line);padding:.25rem .6rem;text-align:left;vertical-align:top;overflow-wrap:break-word;max-width:26rem}.num{text-align:right;font-variant-numeric:tabular-nums}\
figure{margin:1rem 0}figure svg{max-width:100%;height:auto}figcaption{font-size:.88rem;color:var(--soft)}";
