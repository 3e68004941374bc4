//! No error of any entry repeats a label of the user's table: names of readers, patients and sites are personal. Every
//! entry of the catalogue reads many small tables whose labels are one secret word with a number.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use candour_statistics::catalogue::{self, Column, Entry, Kind, Labels, Need, Sample, SettingKind};

const SECRET: &str = "Zyxgarble";

/// A small generator, so that the tables are the same on every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn labels(draw: &mut Draw, rows: u64, missing: bool) -> Vec<String> {
    let levels = 1 + draw.below(5);
    // Crossed columns repeat with a stride, as a full table of readings does; others are thrown.
    let stride = 1 + draw.below(6);
    let crossed = draw.below(2) == 0;
    let words = draw.below(4) == 0;
    (0..rows)
        .map(|row| {
            let at = if crossed {
                row / stride % levels
            } else {
                draw.below(levels)
            };
            match draw.below(12) {
                0 if missing => String::new(),
                1 | 2 if words => ["positive", "negative", "0", "1"]
                    .get(at as usize % 4)
                    .map(|w| (*w).to_owned())
                    .unwrap(),
                _ => format!("{SECRET}{at}"),
            }
        })
        .collect()
}

fn columns(entry: &Entry, draw: &mut Draw) -> Vec<(String, String, Column)> {
    let rows = [1, 2, 6, 12, 24]
        .get(draw.below(5) as usize)
        .copied()
        .unwrap();
    let mut out = Vec::new();
    for role in entry.roles {
        let count = match role.need {
            Need::One => 1,
            Need::Optional => draw.below(4).min(1),
            Need::Many(least) => least as u64 + draw.below(2),
        };
        for n in 0..count {
            let mut real = |low: u64, high: u64, by: f64| {
                Column::Real(
                    (0..rows)
                        .map(|_| (low + draw.below(high - low + 1)) as f64 / by)
                        .collect(),
                )
            };
            let column = match role.kind {
                Kind::Real | Kind::Finite => real(0, 9, 1.0),
                Kind::Probability => real(0, 10, 10.0),
                Kind::Count => real(0, 9, 1.0),
                Kind::Binary => Column::Binary((0..rows).map(|_| draw.below(2) == 1).collect()),
                Kind::Label => Column::Label(Labels::of(&labels(draw, rows, role.missing))),
            };
            out.push((role.name.to_owned(), format!("{}{n}", role.name), column));
        }
    }
    out
}

/// The settings without which nothing runs, some others now and then.
fn settings(entry: &Entry, draw: &mut Draw) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for setting in entry.settings {
        let text = match setting.kind {
            SettingKind::Whole(low, _) if setting.name == "replicates" => Some(low.to_string()),
            SettingKind::Choice(words) => words
                .get(draw.below(words.len() as u64) as usize)
                .map(|w| (*w).to_owned()),
            SettingKind::Flag => (draw.below(3) == 0).then(|| "true".to_owned()),
            SettingKind::OptionalWord => (draw.below(3) == 0).then(|| {
                ["nobody", "positive", "1"]
                    .get(draw.below(3) as usize)
                    .map(|w| (*w).to_owned())
                    .unwrap()
            }),
            _ if setting.default.is_some() => None,
            SettingKind::OneSidedError => Some("0.05".into()),
            SettingKind::Real(low, high) | SettingKind::Open(low, high) => {
                Some((low.max(0.0) * 0.5 + high.min(1.0) * 0.5).to_string())
            }
            SettingKind::OptionalReal(low, high) => {
                (draw.below(2) == 0).then(|| (low.max(0.0) * 0.5 + high.min(1.0) * 0.5).to_string())
            }
            SettingKind::Whole(low, high) => Some((low + 5).min(high).to_string()),
            SettingKind::Reals => Some("0.5".into()),
            SettingKind::Words => Some("yes,no".into()),
        };
        if let Some(text) = text {
            out.push((setting.name.to_owned(), text));
        }
    }
    out
}

#[test]
fn no_error_repeats_a_label_of_the_table() {
    let mut leaks = std::collections::BTreeSet::new();
    let mut errors = 0usize;
    for (n, entry) in catalogue::entries().enumerate() {
        if !entry.roles.iter().any(|r| r.kind == Kind::Label) {
            continue;
        }
        for case in 0..150 {
            let mut draw = Draw(n as u64 * 1009 + case);
            let columns = columns(entry, &mut draw);
            let settings = settings(entry, &mut draw);
            let answer = Sample::new(entry, columns, &settings)
                .and_then(|sample| entry.answer(&sample, &[]));
            match answer {
                Err(e) => {
                    errors += 1;
                    let said = format!("{e} {e:?}");
                    if said.contains(SECRET) {
                        leaks.insert(format!("{}: {e}", entry.id));
                    }
                }
                Ok(answer) => {
                    for number in &answer.numbers {
                        assert!(
                            entry.gives(&number.name),
                            "{} does not declare {}",
                            entry.id,
                            number.name
                        );
                    }
                }
            }
        }
    }
    assert!(
        errors > 500,
        "only {errors} errors: the tables are too sound"
    );
    let first: Vec<&String> = leaks.iter().take(60).collect();
    assert!(
        leaks.is_empty(),
        "{} leaks, such as {first:#?}",
        leaks.len()
    );
}
