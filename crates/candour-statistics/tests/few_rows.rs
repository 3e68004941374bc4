//! Every entry of localisation, surveillance and conformal on no, one and two rows of constants: an
//! answer or a reason, never NaN, never a panic; names unique.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::collections::BTreeSet;

use candour_statistics::catalogue::{self, Column, Entry, Group, Kind, Labels, Role, Sample};
use candour_statistics::{conformal, localisation, surveillance};

fn entries() -> impl Iterator<Item = &'static Entry> {
    localisation::ENTRIES
        .iter()
        .chain(surveillance::ENTRIES)
        .chain(conformal::ENTRIES)
}

#[test]
fn names_are_unique() {
    let mut ids = BTreeSet::new();
    for entry in entries() {
        assert!(ids.insert(entry.id), "{}", entry.id);
        let mut names = BTreeSet::new();
        for name in entry.arguments() {
            assert!(names.insert(name), "{}: {name}", entry.id);
        }
    }
}

/// Roles and settings are arguments of one command: no name twice, none of the command line's own.
#[test]
fn arguments_have_names_of_their_own() {
    let own = [
        "data",
        "html",
        "json",
        "positive",
        "negative",
        "missing-results",
        "missing_results",
        "help",
    ];
    let mut wrong = Vec::new();
    let groups = [
        Group::Localisation,
        Group::Calibration,
        Group::DecisionCurves,
        Group::Agreement,
        Group::Segmentation,
        Group::Subgroups,
        Group::Fairness,
        Group::Pooling,
        Group::Surveillance,
        Group::Conformal,
    ];
    for entry in catalogue::entries().filter(|e| groups.contains(&e.group)) {
        let mut names = BTreeSet::new();
        for name in entry.arguments() {
            if !names.insert(name) || own.contains(&name) {
                wrong.push(format!("{}: {name}", entry.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

fn column(role: &Role, rows: usize, value: f64, first: bool) -> Column {
    match role.kind {
        Kind::Binary => Column::Binary((0..rows).map(|i| (i == 0) == first).collect()),
        Kind::Label => Column::Label(Labels::of(&vec!["1"; rows])),
        Kind::Count => Column::Real(vec![value.abs().ceil(); rows]),
        Kind::Probability => Column::Real(vec![value.abs().min(1.0); rows]),
        Kind::Real | Kind::Finite => Column::Real(vec![value; rows]),
    }
}

#[test]
fn few_rows_give_answers_or_reasons() {
    let mut answered = BTreeSet::new();
    for entry in entries() {
        let mut settings = Vec::new();
        for (name, value) in [
            ("p0", "0.1"),
            ("p1", "0.2"),
            ("replicates", "100"),
            ("wanted_arl", "50"),
        ] {
            if entry.settings.iter().any(|s| s.name == name) {
                settings.push((name.to_owned(), value.to_owned()));
            }
        }
        for rows in 0..3 {
            for value in [0.0, 0.5, 1.0, -3.0] {
                for first in [false, true] {
                    let columns = entry
                        .roles
                        .iter()
                        .map(|r| {
                            (
                                r.name.to_owned(),
                                r.name.to_owned(),
                                column(r, rows, value, first),
                            )
                        })
                        .collect();
                    let sample = Sample::new(entry, columns, &settings).unwrap();
                    let Ok(answer) = entry.answer(&sample, &[]) else {
                        continue;
                    };
                    answered.insert(entry.id);
                    let mut names = BTreeSet::new();
                    for number in &answer.numbers {
                        let what =
                            format!("{} {} on {rows} rows of {value}", entry.id, number.name);
                        assert!(names.insert(number.name.clone()), "{what}");
                        assert!(entry.gives(&number.name), "{what} is not declared");
                        match number.value {
                            Some(value) => assert!(!value.is_nan(), "{what}"),
                            None => assert!(number.not_estimable.is_some(), "{what}"),
                        }
                        if let Some(interval) = number.interval {
                            assert!(interval.lower < interval.upper, "{what}: {interval:?}");
                        }
                        assert!(number.standard_error.is_none_or(|s| s > 0.0), "{what}");
                    }
                    for curve in &answer.curves {
                        assert_eq!(curve.x.len(), curve.y.len(), "{}", entry.id);
                    }
                }
            }
        }
    }
    // These have only reasons here: one case of a kind, one category, no spread, or a rate of 0 or 1.
    let silent: Vec<&str> = entries()
        .map(|e| e.id)
        .filter(|id| !answered.contains(id))
        .collect();
    assert_eq!(
        silent,
        [
            "froc-compare",
            "drift-psi",
            "drift-mmd",
            "drift-categories",
            "monitor-cusum",
            "monitor-ewma",
            "monitor-p-chart"
        ]
    );
}
