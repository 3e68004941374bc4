//! The report and its figures: every item of the checklist, every endpoint with its line, words for
//! numbers, figures that are well-formed, and text that stays text.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use std::collections::BTreeSet;

use candour_record::{Digest, Timestamp};
use candour_statistics::catalogue;
use candour_statistics::{Cell, Curve, Figure, Interval, Number};
use candour_validation::analysis::{Analysis, DataFile, analyse, assemble};
use candour_validation::checklist::{Checklist, Shows};
use candour_validation::document::{Block, Document, Entry, Tone};
use candour_validation::plan::Plan;
use candour_validation::plot::{draw, title};
use candour_validation::report::{Seal, cell_words, digits, estimate, html, p_words, report};
use candour_validation::table::Table;
use proptest::prelude::*;

const PLAN: &str = r#"title = "Accuracy of a device"
version = "3"
[report]
target_population = "Adults with a nodule."
reference_standard = "Biopsy."
funding = "First paragraph.\n\nSecond paragraph."
[data]
key = "id"
cluster = "patient"
[statistics]
replicates = 100
[[endpoint]]
id = "sensitivity"
weight = "primary"
statistic = "accuracy"
number = "sensitivity"
truth = "truth"
call = "call"
goal = { at_least = 0.4 }
rationale = "As readers do."
[[endpoint]]
id = "auc"
statistic = "roc-auc"
truth = "truth"
score = "score"
goal = { at_least = 0.99 }
[[endpoint]]
id = "calibration"
weight = "exploratory"
statistic = "calibration-curve"
truth = "truth"
probability = "score"
[[subgroup]]
column = "site"
title = "Hospital"
endpoints = ["sensitivity", "auc"]
"#;

/// 120 rows of 60 patients at two sites; every tenth call is missing.
fn data() -> Table {
    let mut text = String::from("id,patient,site,truth,call,score\n");
    for i in 0..120u64 {
        let draw = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let truth = i % 3 == 0;
        let score = (draw % 55 + if truth { 45 } else { 2 }) as f64 / 100.0;
        let call = if i % 10 == 9 {
            String::new()
        } else {
            u8::from(score >= 0.5).to_string()
        };
        text.push_str(&format!(
            "{i},p{},{},{},{call},{score}\n",
            i / 2,
            ["North", "South"][(i % 2) as usize],
            u8::from(truth)
        ));
    }
    Table::read("rows.csv", text.into_bytes()).unwrap_or_else(|e| panic!("{e}"))
}

fn read(text: &str) -> Plan {
    Plan::read("validation.toml", text.as_bytes()).unwrap_or_else(|e| panic!("{e}"))
}

fn analysed(plan: &Plan) -> Analysis {
    let table = data();
    let (joined, flow) = assemble(plan, std::slice::from_ref(&table)).unwrap();
    analyse(
        plan,
        vec![DataFile::of(&table)],
        &joined,
        flow,
        &mut |_, _| {},
    )
    .unwrap_or_else(|e| panic!("{e}"))
}

fn of(text: &str, seal: Option<&Seal>) -> Document {
    let plan = read(text);
    let analysis = analysed(&plan);
    report(
        &plan,
        &analysis,
        Digest::of(b"result"),
        seal,
        "candour 9.9.9",
    )
}

fn items(document: &Document) -> Vec<&Entry> {
    document.sections.iter().flat_map(|s| &s.items).collect()
}

fn item<'a>(document: &'a Document, key: &str) -> &'a Entry {
    items(document)
        .into_iter()
        .find(|i| i.key == key)
        .unwrap_or_else(|| panic!("{key}"))
}

/// All words of an item.
fn words(entry: &Entry) -> String {
    serde_json::to_string(&entry.blocks).unwrap()
}

fn shown(document: &Document, shows: Shows) -> String {
    let list = Checklist::get();
    list.item
        .iter()
        .filter(|i| i.shows == shows)
        .map(|i| words(item(document, &i.key)))
        .collect()
}

// A small checker of well-formed XML: tags nest, attributes are quoted, once each, and characters are escaped.

fn well_formed(text: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    let mut roots = 0;
    while !rest.is_empty() {
        let Some(at) = rest.find('<') else {
            return Err(format!("text after the root: {rest}"));
        };
        characters(&rest[..at])?;
        if open.is_empty() && !rest[..at].trim().is_empty() {
            return Err("text outside the root".into());
        }
        rest = &rest[at + 1..];
        let end = tag_end(rest)?;
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let last = open.pop();
            if last != Some(name) {
                return Err(format!("</{name}> closes {last:?}"));
            }
            continue;
        }
        let (tag, alone) = tag.strip_suffix('/').map_or((tag, false), |t| (t, true));
        let name = tag.split(' ').next().unwrap_or("");
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(format!("no name: <{tag}>"));
        }
        attributes(&tag[name.len()..])?;
        roots += usize::from(open.is_empty());
        if !alone {
            open.push(name);
        }
    }
    if open.is_empty() && roots == 1 {
        Ok(())
    } else {
        Err(format!("{roots} roots, open: {open:?}"))
    }
}

fn tag_end(text: &str) -> Result<usize, String> {
    let mut quoted = false;
    for (i, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '<' => return Err("< within a tag".into()),
            '>' if !quoted => return Ok(i),
            _ => {}
        }
    }
    Err("a tag that does not end".into())
}

fn attributes(text: &str) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after) = rest
            .split_once("=\"")
            .ok_or_else(|| format!("no value: {rest}"))?;
        let (value, after) = after
            .split_once('"')
            .ok_or_else(|| format!("no end of value: {after}"))?;
        if !name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-:".contains(c))
            || !seen.insert(name)
        {
            return Err(format!("attribute {name}"));
        }
        characters(value)?;
        rest = after.trim_start();
    }
    Ok(())
}

fn characters(text: &str) -> Result<(), String> {
    if let Some(c) = text
        .chars()
        .find(|c| (c.is_control() && !"\t\n\r".contains(*c)) || *c == '>')
    {
        return Err(format!("character {c:?}"));
    }
    for part in text.split('&').skip(1) {
        let name = part.split(';').next().unwrap_or("");
        if !part.contains(';') || !["amp", "lt", "gt", "quot", "#39"].contains(&name) {
            return Err(format!("& before {part}"));
        }
    }
    Ok(())
}

#[test]
fn the_checker_of_xml_finds_what_is_wrong() {
    well_formed("<svg a=\"1\"><g/><text>a &amp; b</text></svg>").unwrap();
    for bad in [
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a b=1/>",
        "<a>&</a>",
        "<a>&x;</a>",
        "<a b=\"<\"/>",
        "<a/>text",
        "<a b=\"1\" b=\"2\"/>",
        "text",
    ] {
        well_formed(bad).unwrap_err();
    }
}

fn svgs(document: &Document) -> Vec<(&str, &str)> {
    items(document)
        .into_iter()
        .flat_map(|i| &i.blocks)
        .filter_map(|b| match b {
            Block::Figure { svg, alt, .. } => Some((svg.as_str(), alt.as_str())),
            _ => None,
        })
        .collect()
}

fn sound(svg: &str) {
    well_formed(svg).unwrap_or_else(|e| panic!("{e}\n{svg}"));
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
    assert!(svg.contains("role=\"img\"") && svg.contains("<title>") && svg.contains("<desc>"));
    for wrong in ["NaN", "inf\"", "\"inf", "href", "<script", "<image"] {
        assert!(!svg.contains(wrong), "{wrong}: {svg}");
    }
}

// The report.

#[test]
fn every_item_of_the_checklist_stands_in_the_report_in_its_order() {
    let document = of(PLAN, None);
    let keys: Vec<&str> = items(&document).iter().map(|i| i.key.as_str()).collect();
    let want: Vec<&str> = Checklist::get()
        .item
        .iter()
        .map(|i| i.key.as_str())
        .chain(["checklist"])
        .collect();
    assert_eq!(keys, want);
    let page = html(&document);
    for item in &Checklist::get().item {
        assert!(
            page.contains(&format!("id=\"item-{}\"", item.key)),
            "{}",
            item.key
        );
        for number in &item.stard {
            assert!(
                items(&document)
                    .iter()
                    .any(|i| i.key == item.key && i.numbers.contains(number)),
                "{}",
                item.key
            );
        }
    }
}

#[test]
fn the_checklist_has_every_item_of_stard_and_claim() {
    let list = Checklist::get();
    assert!(!list.sources.is_empty() && !list.item.is_empty());
    let keys: BTreeSet<&str> = list.item.iter().map(|i| i.key.as_str()).collect();
    assert_eq!(keys.len(), list.item.len());
    // STARD 2015 counts 1 to 30, CLAIM 2024 1 to 44, STARD-AI 1 to 40 in 48 rows, for 15, 16, 17, 26
    // and 40 have parts.
    let numbers = |of: fn(&candour_validation::checklist::Item) -> &Vec<String>| -> BTreeSet<u32> {
        list.item
            .iter()
            .flat_map(of)
            .map(|n| {
                n.trim_end_matches(|c: char| c.is_ascii_lowercase())
                    .parse()
                    .unwrap_or_else(|_| panic!("{n}"))
            })
            .collect()
    };
    assert_eq!(numbers(|i| &i.stard), (1..=30).collect());
    assert_eq!(numbers(|i| &i.claim), (1..=44).collect());
    assert_eq!(numbers(|i| &i.stard_ai), (1..=40).collect());
    let parts = [
        (15, "abcd"),
        (16, "abc"),
        (17, "ab"),
        (26, "ab"),
        (40, "ab"),
    ];
    let mut rows = BTreeSet::new();
    for n in 1..=40_u32 {
        match parts.iter().find(|(of, _)| *of == n) {
            Some((_, parts)) => rows.extend(parts.chars().map(|p| format!("{n}{p}"))),
            None => {
                rows.insert(n.to_string());
            }
        }
    }
    assert_eq!(rows.len(), 48);
    let stard_ai: BTreeSet<String> = list.item.iter().flat_map(|i| i.stard_ai.clone()).collect();
    assert_eq!(stard_ai, rows);
    // Where an item of STARD-AI is answered first, it stands in that list's order.
    let place = |n: &str| {
        let (number, part) = n.split_at(n.trim_end_matches(char::is_alphabetic).len());
        (number.parse::<u32>().unwrap(), part.to_owned())
    };
    let mut seen = BTreeSet::new();
    let mut last = (0, String::new());
    for item in &list.item {
        let mut fresh: Vec<_> = item.stard_ai.iter().map(|n| place(n)).collect();
        fresh.retain(|n| seen.insert(n.clone()));
        if let Some(least) = fresh.into_iter().min() {
            assert!(least > last, "{}", item.key);
            last = least;
        }
    }
    for item in &list.item {
        assert!(
            !item.title.is_empty() && item.asks.ends_with('.'),
            "{}",
            item.key
        );
    }
}

/// STARD-AI item 24 asks for a diagram; its words stand for those who cannot see it.
#[test]
fn the_flow_of_cases_is_drawn_and_told() {
    let plan = read(PLAN);
    let analysis = analysed(&plan);
    let document = of(PLAN, None);
    let (alt, svg) = item(&document, "flow")
        .blocks
        .iter()
        .find_map(|b| match b {
            Block::Figure { alt, svg, .. } => Some((alt, svg)),
            _ => None,
        })
        .unwrap();
    for told in [
        format!("{} rows of the first file", analysis.flow.rows),
        format!("analysed: {}", analysis.flow.analysed),
        format!("in the statistic: {}", analysis.endpoints[0].counted.used),
    ] {
        assert!(alt.contains(&told), "{alt}");
    }
    for (why, n) in &analysis.flow.excluded {
        assert!(alt.contains(&format!("left out, {why}: {n}")), "{alt}");
    }
    assert!(svg.contains("Rows of the first file"));
    assert!(svg.contains(&format!("n = {}", analysis.flow.analysed)));
}

#[test]
fn the_last_section_lists_every_item_and_by_what_it_is_answered() {
    let document = of(PLAN, None);
    let lines: Vec<_> = item(&document, "checklist")
        .blocks
        .iter()
        .filter_map(|b| match b {
            Block::Index { rows } => Some(rows),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(lines.len(), Checklist::get().item.len());
    let mut gaps = 0;
    for line in lines {
        let blocks = &item(&document, &line.key).blocks;
        let gap = blocks.iter().any(|b| matches!(b, Block::Gap { .. }));
        assert_eq!(line.answered, !gap, "{}", line.key);
        gaps += usize::from(gap);
        if line.key == "funding" {
            let at = PLAN.lines().position(|l| l.starts_with("funding")).unwrap();
            assert_eq!(line.by, format!("plan line {}", at + 1));
        }
    }
    let told = &document.facts.iter().find(|(n, _)| n == "Gaps").unwrap().1;
    assert!(told.starts_with(&format!("{gaps} of ")), "{told}");
}

#[test]
fn what_the_plan_does_not_say_is_shown_as_a_gap() {
    let document = of(PLAN, None);
    for key in Checklist::keys() {
        let entry = item(&document, key);
        let gap = entry
            .blocks
            .iter()
            .any(|b| matches!(b, Block::Gap { text } if text.contains(&format!("`{key}`"))));
        let said = ["target_population", "reference_standard", "funding"].contains(&key);
        assert_eq!(gap, !said, "{key}");
    }
    assert!(words(item(&document, "target_population")).contains("Adults with a nodule."));
    // An empty line parts paragraphs.
    assert_eq!(
        item(&document, "funding").blocks,
        [
            Block::paragraph("First paragraph."),
            Block::paragraph("Second paragraph.")
        ]
    );
    assert!(html(&document).contains("<strong>Gap.</strong>"));
}

#[test]
fn each_endpoint_stands_with_its_line_of_the_plan() {
    let document = of(PLAN, None);
    let lines: Vec<usize> = PLAN
        .lines()
        .enumerate()
        .filter(|(_, l)| *l == "[[endpoint]]")
        .map(|(i, _)| i + 1)
        .collect();
    let said = shown(&document, Shows::Endpoints);
    for (id, line) in ["sensitivity", "auc", "calibration"].iter().zip(&lines) {
        assert!(
            said.contains(&format!("({id}, ")) && said.contains(&format!("plan line {line})")),
            "{id} {line}"
        );
    }
    let planned = shown(&document, Shows::Objectives);
    for (line, goal) in lines.iter().zip([
        "lower limit at least 0.4",
        "lower limit at least 0.99",
        "described only",
    ]) {
        assert!(
            planned.contains(&format!("\"{line}\"")) && planned.contains(goal),
            "{planned}"
        );
    }
    let subgroup = PLAN.lines().position(|l| l == "[[subgroup]]").unwrap() + 1;
    let groups = shown(&document, Shows::Subgroups);
    assert!(
        groups.contains(&format!("sensitivity by Hospital (plan line {subgroup})")),
        "{groups}"
    );
    assert!(groups.contains("North") && groups.contains("Interaction: "));
}

#[test]
fn missing_results_and_the_other_ways_of_counting_them_are_told() {
    let document = of(PLAN, None);
    let said = shown(&document, Shows::Indeterminate);
    for word in ["as planned (worst-case)", "best-case", "complete-case"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    // 120 rows, 12 of them without a call.
    let flow = shown(&document, Shows::Flow);
    assert!(
        flow.contains("[\"sensitivity\",\"120\",\"0\",\"12\",\"0\",\"120\"]"),
        "{flow}"
    );
    assert!(flow.contains("60 clusters (`patient`)"), "{flow}");
    let handling = shown(&document, Shows::Handling);
    assert!(
        handling.contains("counted as wrong (worst case, intention to diagnose)"),
        "{handling}"
    );
}

#[test]
fn the_verdict_says_whether_the_goals_are_reached() {
    let good = of(PLAN, None);
    assert_eq!(good.verdict.0, Tone::Good);
    assert!(
        good.verdict
            .1
            .starts_with("Shown: the decisive endpoint reaches its goal"),
        "{}",
        good.verdict.1
    );
    let bad = of(&PLAN.replace("at_least = 0.4", "at_least = 0.98"), None);
    assert_eq!(bad.verdict.0, Tone::Bad);
    assert!(
        bad.verdict.1.starts_with("Not shown: "),
        "{}",
        bad.verdict.1
    );
    assert!(
        shown(&bad, Shows::Endpoints).contains("Goal: lower limit at least 0.98: not reached.")
    );
    // One claim of two is a part, never the whole.
    let two = PLAN
        .replace(
            "statistic = \"roc-auc\"\n",
            "statistic = \"roc-auc\"\nweight = \"primary\"\nrationale = \"r\"\n",
        )
        .replace(
            "[[subgroup]]",
            "[multiplicity]\nmethod = \"holm\"\n[[subgroup]]",
        );
    let part = of(&two, None);
    assert_eq!(part.verdict.0, Tone::Plain, "{}", part.verdict.1);
    assert!(
        part.verdict
            .1
            .starts_with("Shown in part: 1 of 2 decisive endpoints"),
        "{}",
        part.verdict.1
    );
    let plain = of(&PLAN.replace("goal = { at_least = 0.4 }\n", ""), None);
    assert_eq!(plain.verdict.0, Tone::Plain);
    // Signs stand beside colours.
    for (document, sign) in [(&good, "✓"), (&bad, "✗"), (&plain, "○")] {
        assert!(html(document).contains(&format!("<span aria-hidden=\"true\">{sign}</span>")));
    }
}

#[test]
fn a_p_value_and_its_adjustment_are_told_where_the_method_has_one() {
    let document = of(&format!("{PLAN}[multiplicity]\nmethod = \"holm\"\n"), None);
    let said = shown(&document, Shows::Endpoints);
    assert!(
        said.contains("One-sided p ") && said.contains(", adjusted "),
        "{said}"
    );
}

#[test]
fn the_report_says_whether_plan_came_before_data() {
    let at: Timestamp = "2026-01-02T03:04:05.000Z".parse().unwrap();
    let seal = |plan: u64, data: u64, openings: u32| Seal {
        ledger: "clinic".into(),
        plan: (plan, at),
        data: (data, at),
        result: (9, at),
        amends: None,
        openings,
        first_seen: data,
        answers: 0,
    };
    let none = of(PLAN, None);
    assert!(
        none.facts
            .iter()
            .any(|(k, v)| k == "Not sealed" && v.contains("nothing proves"))
    );
    let before = of(PLAN, Some(&seal(3, 7, 0)));
    assert!(before.facts.iter().any(|(k, v)| k == "Sealed"
        && v.contains("plan as record 3 at 2026-01-02")
        && v.contains("result as record 9")));
    let said = shown(&before, Shows::Registration);
    assert!(
        said.contains("sealed before the data were entered"),
        "{said}"
    );
    assert!(shown(&before, Shows::Endpoints).contains(", record 9)"));
    let after = shown(&of(PLAN, Some(&seal(7, 3, 0))), Shows::Registration);
    assert!(after.contains("sealed AFTER the data"), "{after}");
    let again = shown(&of(PLAN, Some(&seal(3, 7, 2))), Shows::Registration);
    assert!(
        again.contains("had been entered 2 time(s) before"),
        "{again}"
    );
    // An earlier entry of the data, or decisions that were there before the plan: the plan came after.
    let late = of(
        PLAN,
        Some(&Seal {
            first_seen: 2,
            ..seal(3, 7, 1)
        }),
    );
    let said = shown(&late, Shows::Registration);
    assert!(
        said.contains("sealed AFTER the data were first in this ledger: record 3 against record 2"),
        "{said}"
    );
    assert!(!said.contains("sealed before the data"), "{said}");
    let told: Vec<&String> = late
        .facts
        .iter()
        .filter(|(k, _)| k == "But")
        .map(|(_, v)| v)
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn methods_are_told_with_formula_source_and_columns() {
    let document = of(PLAN, None);
    let said = shown(&document, Shows::Methods);
    for id in ["accuracy", "roc-auc", "calibration-curve"] {
        let entry = catalogue::entry(id).unwrap();
        for words in [entry.title, entry.formula, entry.source] {
            assert!(
                said.contains(serde_json::to_string(words).unwrap().trim_matches('"')),
                "{words}"
            );
        }
    }
    assert!(
        said.contains("truth = truth, call = call, cluster = patient"),
        "{said}"
    );
    let again = shown(&document, Shows::Reproduction);
    let words = r#"["candour","validate","validation.toml","--data","rows.csv","--json"]"#;
    assert!(again.contains(words), "{again}");
    assert!(again.contains("candour 9.9.9") && again.contains(&Digest::of(b"result").to_string()));
}

#[test]
fn the_command_names_what_was_given_and_files_of_one_name_are_told_apart() {
    let plan = Plan::read("my plan's.toml", PLAN.as_bytes()).unwrap();
    let mut analysis = analysed(&plan);
    let command = |plan: &Plan, analysis: &Analysis| {
        let document = report(plan, analysis, Digest::of(b"r"), None, "candour 9.9.9");
        shown(&document, Shows::Reproduction)
    };
    // POSIX shell, 2.2.2 and 2.2.3: within double quotes an apostrophe stands for itself.
    let said = command(&plan, &analysis);
    assert!(
        said.contains(r#""validate","\"my plan's.toml\"","--data","rows.csv","--json"]"#),
        "{said}"
    );
    assert!(!said.contains("the same name"));
    let other = DataFile {
        digest: Digest::of(b"other"),
        ..analysis.data[0].clone()
    };
    analysis.data.push(other);
    assert!(command(&plan, &analysis).contains("Some of the data files have the same name"));
    // The list of the masks' digests is made and not given.
    let with_masks = read(&format!(
        "{PLAN}\n[segmentation]\nreference = \"id\"\nprediction = \"id\"\n"
    ));
    analysis.data.truncate(1);
    analysis.data.push(DataFile {
        name: candour_validation::report::MASKS.into(),
        ..analysis.data[0].clone()
    });
    let said = command(&with_masks, &analysis);
    assert!(said.contains(r#""--data","rows.csv","--json"]"#), "{said}");
}

#[test]
fn every_table_is_as_wide_as_its_headings() {
    for entry in items(&of(PLAN, None)) {
        for block in &entry.blocks {
            if let Block::Table {
                caption,
                headings,
                numeric,
                rows,
            } = block
            {
                assert_eq!(numeric.len(), headings.len(), "{caption}");
                assert!(rows.iter().all(|r| r.len() == headings.len()), "{caption}");
                assert!(!caption.is_empty());
            }
        }
    }
}

#[test]
fn every_figure_is_well_formed_and_has_words() {
    let document = of(PLAN, None);
    let list = svgs(&document);
    // ROC, calibration with its histogram, and the subgroups of two endpoints.
    assert!(list.len() >= 5, "{}", list.len());
    for (svg, alt) in list {
        sound(svg);
        assert!(alt.len() > 40, "{alt}");
    }
}

#[test]
fn the_page_is_one_file_whose_tags_nest_and_whose_anchors_are_there_once() {
    let page = html(&of(PLAN, None));
    let body = page.strip_prefix("<!doctype html>\n").unwrap().trim_end();
    // Of HTML only `meta` has no end; the style is not XML.
    let (before, rest) = body.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    let meta = before
        .replace("\"utf-8\">", "\"utf-8\"/>")
        .replace("initial-scale=1\">", "initial-scale=1\"/>");
    well_formed(&format!("{meta}{after}")).unwrap_or_else(|e| panic!("{e}"));
    let ids: Vec<&str> = page
        .split(" id=\"")
        .skip(1)
        .filter_map(|p| p.split('"').next())
        .collect();
    let distinct: BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "{ids:?}");
    for target in page
        .split("href=\"#")
        .skip(1)
        .filter_map(|p| p.split('"').next())
    {
        assert!(ids.contains(&target), "{target}");
    }
    for outside in ["<script", "src=", "http://", "https://", "@import", "url("] {
        let shown = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!shown.contains(outside), "{outside}");
    }
}

#[test]
fn text_of_the_plan_stays_text() {
    let evil = "<script>alert(1)</script> & \\\"quoted\\\" 'x'";
    let text = PLAN
        .replace("Accuracy of a device", evil)
        .replace("Adults with a nodule.", evil)
        .replace("As readers do.", evil)
        .replace("title = \"Hospital\"", &format!("title = \"{evil}\""));
    let page = html(&of(&text, None));
    assert!(!page.contains("<script"), "script");
    let escaped = "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quoted&quot; &#39;x&#39;";
    assert!(page.contains(&format!("<title>{escaped}</title>")));
    assert!(page.contains(&format!("<h1>{escaped}</h1>")));
    assert!(page.matches(escaped).count() >= 5);
    for (svg, _) in svgs(&of(&text, None)) {
        sound(svg);
    }
}

#[test]
fn the_same_analysis_gives_the_same_page() {
    assert_eq!(html(&of(PLAN, None)), html(&of(PLAN, None)));
}

// Words for numbers.

#[test]
fn numbers_are_written_for_people() {
    for (v, text) in [
        (0.0, "0"),
        (0.8512, "0.851"),
        (-0.5, "−0.500"),
        (12.345, "12.35"),
        (123.456, "123.5"),
        (0.00012, "0.000"),
        (0.000_012, "1.20e−5"),
        (2_500_000.5, "2.50e6"),
        (2_500_000.0, "2500000"),
        (114.0, "114"),
        (f64::INFINITY, "∞"),
        (f64::NEG_INFINITY, "−∞"),
    ] {
        // 12.345 lies a little above its decimal, so that it rounds up.
        assert_eq!(digits(v), text, "{v}");
    }
    assert_eq!(cell_words(&Cell::Whole(-3)), "-3");
    assert_eq!(cell_words(&Cell::Real(0.25)), "0.250");
    assert_eq!(cell_words(&Cell::Text("a".into())), "a");
    assert_eq!(cell_words(&Cell::None), "–");
}

#[test]
fn p_values_are_written_as_journals_ask() {
    for (p, text) in [
        (0.0, "< 0.001"),
        (0.000_999, "< 0.001"),
        (0.001, "0.001"),
        (0.0246, "0.025"),
        (0.5, "0.500"),
        (1.0, "1.000"),
    ] {
        assert_eq!(p_words(p), text);
    }
}

#[test]
fn an_estimate_is_told_with_its_interval_or_the_reason_why_there_is_none() {
    let n = |value: f64| Number::plain("positive_predictive_value", "d", value, 9);
    let i = Interval {
        lower: 0.7,
        upper: 0.95,
        level: 0.95,
    };
    assert_eq!(
        estimate(&n(0.85).with_interval(i, "wilson")),
        "positive predictive value 0.850, 0.700 to 0.950 (95 %)"
    );
    let i = Interval {
        lower: 0.7,
        upper: f64::INFINITY,
        level: 0.975,
    };
    assert_eq!(
        estimate(&n(0.85).with_interval(i, "wilson")),
        "positive predictive value 0.850, 0.700 to ∞ (97.5 %)"
    );
    assert_eq!(estimate(&n(0.85)), "positive predictive value 0.850");
    assert_eq!(
        estimate(&n(0.85).without_interval("one case")),
        "positive predictive value 0.850, none: one case"
    );
    assert_eq!(
        estimate(&Number::none("auc", "d", 0, "one class only")),
        "auc not estimable: one class only"
    );
    assert_eq!(
        estimate(&Number::plain("p_value", "d", 0.0001, 3)),
        "p value < 0.001"
    );
}

// Figures.

const FIGURES: [Figure; 10] = [
    Figure::Roc,
    Figure::PrecisionRecall,
    Figure::Calibration,
    Figure::Histogram,
    Figure::DecisionCurve,
    Figure::BlandAltman,
    Figure::Froc,
    Figure::ControlChart,
    Figure::Forest,
    Figure::RiskCoverage,
];

#[test]
fn nothing_is_drawn_of_nothing() {
    for figure in FIGURES {
        assert!(draw(figure, &[]).is_none());
        assert!(
            draw(
                figure,
                &[&Curve::line(figure, "empty", Vec::new(), Vec::new())]
            )
            .is_none()
        );
        // Curves of another figure are not drawn.
        let other = if figure == Figure::Roc {
            Figure::Froc
        } else {
            Figure::Roc
        };
        assert!(draw(figure, &[&Curve::line(other, "x", vec![0.0], vec![0.0])]).is_none());
        assert!(!title(figure).is_empty());
    }
}

#[test]
fn a_figure_of_many_points_stays_small() {
    let n = 200_000;
    let x: Vec<f64> = (0..n).map(|i| f64::from(i) / f64::from(n)).collect();
    for figure in FIGURES
        .into_iter()
        .filter(|f| !matches!(f, Figure::Forest | Figure::Histogram))
    {
        let drawing = draw(figure, &[&Curve::line(figure, "x", x.clone(), x.clone())]).unwrap();
        sound(&drawing.svg);
        assert!(
            drawing.svg.len() < 200_000,
            "{figure:?}: {}",
            drawing.svg.len()
        );
    }
}

#[test]
fn a_calibration_curve_that_leaves_the_range_of_a_share_is_drawn_where_it_runs() {
    let svg = |y: f64| {
        let curve = Curve::line(
            Figure::Calibration,
            "ideal",
            vec![0.0, 0.5, 1.0],
            vec![0.0, 0.6, y],
        );
        draw(Figure::Calibration, &[&curve]).unwrap().svg
    };
    assert!(svg(1.0).contains(">1.0</text>") && !svg(1.0).contains(">1.2</text>"));
    assert!(svg(1.15).contains(">1.2</text>"));
}

/// The advance widths of DejaVu Sans 2.37 in units of 2048 an em (`M` of the bold font), by fontTools
/// 4.68 (`hmtx`).
#[test]
fn labels_of_a_forest_plot_end_before_its_axis() {
    let words = [
        "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW",
        "ppp mmm www ppp mmm www ppp mmm www ppp mmm www",
        "A",
    ];
    let curve = Curve {
        figure: Figure::Forest,
        label: "M".repeat(90),
        x: vec![0.5; 3],
        y: vec![0.0, 1.0, 2.0],
        lower: vec![0.4; 3],
        upper: vec![0.6; 3],
        labels: words.map(str::to_owned).to_vec(),
    };
    let svg = draw(Figure::Forest, &[&curve]).unwrap().svg;
    let attribute = |tag: &str, name: &str| -> f64 {
        let (_, rest) = tag.split_once(&format!("{name}=\"")).unwrap();
        rest.split('"').next().unwrap().parse().unwrap()
    };
    let axis = svg
        .split("<line ")
        .skip(1)
        .map(|tag| attribute(tag, "x1"))
        .fold(f64::INFINITY, f64::min);
    let em = |c: char| match c {
        'W' => 2025.0,
        'M' => 2038.0,
        '…' => 2048.0,
        'm' => 1995.0,
        'w' => 1675.0,
        ' ' => 651.0,
        _ => 1300.0,
    };
    let texts = svg
        .split("<text x=\"")
        .skip(1)
        .filter(|t| !t.contains("middle"));
    let mut seen = 0;
    for text in texts {
        let x: f64 = text.split('"').next().unwrap().parse().unwrap();
        let (_, rest) = text.split_once('>').unwrap();
        let words = rest.split('<').next().unwrap();
        let end = x + words.chars().map(em).sum::<f64>() / 2048.0 * 12.5;
        let limit = if text.contains("bold") { 560.0 } else { axis };
        assert!(
            words.len() < 8 || end <= limit,
            "{words}: {end} beyond {limit}"
        );
        seen += 1;
    }
    assert_eq!(seen, 4);
}

#[test]
fn levels_that_cannot_be_estimated_are_named_in_a_forest_plot() {
    let curve = Curve {
        figure: Figure::Forest,
        label: "sites".into(),
        x: vec![0.5, f64::NAN],
        y: vec![0.0, 1.0],
        lower: vec![0.4, f64::NAN],
        upper: vec![f64::INFINITY, f64::NAN],
        labels: vec!["A & B".into(), "C".into()],
    };
    let drawing = draw(Figure::Forest, &[&curve]).unwrap();
    sound(&drawing.svg);
    assert!(drawing.svg.contains("not estimable") && drawing.svg.contains("A &amp; B"));
    assert!(drawing.alt.contains("C not estimable"), "{}", drawing.alt);
}

fn values() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(
        prop_oneof![
            8 => -2.0f64..2.0,
            2 => -1e6f64..1e6,
            1 => prop::sample::select(vec![0.0, 1.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-300]),
        ],
        1..12,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_figure_is_well_formed(
        figure in prop::sample::select(FIGURES.to_vec()),
        x in values(),
        y in values(),
        label in "\\PC{0,12}|[<>&\"']{1,6}",
        band in any::<bool>(),
    ) {
        // A histogram has edges and counts.
        let finite = |v: Vec<f64>| -> Vec<f64> { v.into_iter().map(|v| if v.is_finite() { v.abs() } else { 0.0 }).collect() };
        let (x, y) = if figure == Figure::Histogram { (finite(x), finite(y)) } else { (x, y) };
        let n = x.len().min(y.len());
        let (x, y) = (x[..n].to_vec(), y[..n].to_vec());
        let curve = Curve {
            figure,
            label: label.clone(),
            lower: if band { y.iter().map(|v| v - 0.1).collect() } else { Vec::new() },
            upper: if band { y.iter().map(|v| v + 0.1).collect() } else { Vec::new() },
            labels: vec![label; n],
            x,
            y,
        };
        let drawing = draw(figure, &[&curve, &curve]).unwrap();
        // A label is free to hold these words.
        prop_assume!(["NaN", "inf", "href"].iter().all(|w| !curve.label.contains(w)));
        let picture = drawing.svg.split("</desc>").nth(1).unwrap();
        prop_assert!(well_formed(&drawing.svg).is_ok(), "{:?}\n{}", well_formed(&drawing.svg), drawing.svg);
        prop_assert!(!picture.contains("NaN") && !picture.contains("inf"), "{}", picture);
    }

    #[test]
    fn words_for_numbers_never_show_a_plain_minus(v in any::<f64>()) {
        let text = digits(v);
        prop_assert!(!text.contains('-') && !text.is_empty());
        prop_assert!(text.chars().count() <= 12, "{}", text);
    }
}
