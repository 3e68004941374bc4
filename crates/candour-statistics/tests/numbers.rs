//! Every entry says which numbers it may give, and gives them: each entry reads ordinary tables with
//! and without each optional column, with each choice, flag and optional setting. Whatever comes is
//! declared, and whatever is declared comes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::collections::BTreeSet;

use candour_statistics::catalogue::{
    self, Column, Entry, Group, Kind, Labels, Need, Role, Sample, SettingKind,
};

/// What a table looks like.
#[derive(Clone, Copy)]
struct Shape {
    /// Tests, groups, strata and categories.
    levels: usize,
    /// Columns of a role beyond the fewest.
    extra: usize,
    /// Whether scores and calls part the classes without error.
    apart: bool,
    /// Whether each reader reads in one test only.
    nested: bool,
}

const PLAIN: Shape = Shape {
    levels: 2,
    extra: 0,
    apart: false,
    nested: false,
};

const SHAPES: [Shape; 6] = [
    PLAIN,
    Shape { extra: 1, ..PLAIN },
    Shape {
        levels: 3,
        extra: 2,
        ..PLAIN
    },
    Shape { levels: 1, ..PLAIN },
    Shape {
        apart: true,
        ..PLAIN
    },
    Shape {
        nested: true,
        ..PLAIN
    },
];

const READERS: usize = 4;
const READ_CASES: usize = 24;
const MARKED_CASES: usize = 24;

/// A number from 0 to 1 that belongs to a place of a column, the same on every run.
fn noise(salt: usize, at: usize) -> f64 {
    let mut state = (salt as u64 + 1)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add((at as u64).wrapping_mul(0xD1B5_4A32_D192_ED03));
    state ^= state >> 29;
    state = state.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state ^= state >> 32;
    (state % 1000) as f64 / 1000.0
}

fn marks(entry: &Entry) -> bool {
    entry.roles.iter().any(|r| r.name == "lesion")
}

fn rows(entry: &Entry, shape: Shape) -> usize {
    match entry.group {
        Group::ReaderStudies => shape.levels * READERS * READ_CASES,
        Group::Localisation if entry.id == "froc-compare" => shape.levels * 2 * MARKED_CASES * 2,
        Group::Localisation if marks(entry) => MARKED_CASES * 2,
        Group::Multiplicity => 4,
        Group::Pooling => 8,
        _ => 120,
    }
}

/// How many columns take a role that may have several.
fn many(entry: &Entry, shape: Shape) -> usize {
    entry
        .roles
        .iter()
        .find_map(|r| match r.need {
            Need::Many(least) => Some(least + shape.extra),
            _ => None,
        })
        .unwrap_or(0)
}

fn label(rows: usize, word: impl Fn(usize) -> String) -> Column {
    Column::Label(Labels::of(&(0..rows).map(word).collect::<Vec<_>>()))
}

/// A column of a role, and its name.
fn column(entry: &Entry, role: &Role, nth: usize, shape: Shape) -> (String, Column) {
    let n = rows(entry, shape);
    let salt = role.name.bytes().map(usize::from).sum::<usize>() * 7 + nth;
    let random = |i: usize| noise(salt, i);
    // One score stands for three classes in order; otherwise each class has its column.
    let classes = match many(entry, shape) {
        1 => 3,
        columns => columns.max(2),
    };
    let class_of = |i: usize| i % classes;
    let named_as_class = matches!(
        (entry.id, role.name),
        ("roc-multiclass", "score")
            | ("calibration-error", "probability")
            | (_, "class_probability")
    ) && many(entry, shape) > 1;
    let name = if named_as_class {
        format!("c{nth}")
    } else {
        format!("{}{nth}", role.name)
    };
    // Where the row stands in a study of readers, or among marks.
    let of_marks = marks(entry);
    let (cases, readers) = if of_marks {
        (MARKED_CASES, 2)
    } else {
        (READ_CASES, READERS)
    };
    let place = |i: usize| {
        let i = if of_marks { i / 2 } else { i };
        (i % cases, i / cases % readers, i / cases / readers)
    };
    let diseased = |case: usize| case.is_multiple_of(2);
    let positive = |i: usize| match entry.group {
        Group::ReaderStudies => diseased(place(i).0),
        _ => i.is_multiple_of(3),
    };
    // A mark's lesion: on a diseased case the first row hits its lesion, the second its other one.
    let lesion = |i: usize| {
        let case = place(i).0;
        match i % 2 {
            0 if diseased(case) => Some(0),
            1 if diseased(case) && case % 4 == 0 => Some(1),
            _ => None,
        }
    };
    let whole = |low: usize, high: usize| move |i: usize| (low + (i * 7) % (high - low + 1)) as f64;
    let real = |of: &dyn Fn(usize) -> f64| Column::Real((0..n).map(of).collect());
    let binary = |of: &dyn Fn(usize) -> bool| Column::Binary((0..n).map(of).collect());
    let column = match (entry.group, role.name) {
        (Group::ReaderStudies, "reader") => label(n, |i| {
            let (_, reader, test) = place(i);
            if shape.nested {
                format!("r{reader}t{test}")
            } else {
                format!("r{reader}")
            }
        }),
        (Group::ReaderStudies | Group::Localisation, "test") => {
            label(n, |i| format!("t{}", place(i).2))
        }
        (Group::Localisation, "reader") => label(n, |i| format!("r{}", place(i).1)),
        (Group::ReaderStudies | Group::Localisation, "case") => {
            label(n, |i| format!("p{}", place(i).0))
        }
        (Group::ReaderStudies, "rating") => real(&|i| {
            let (_, reader, test) = place(i);
            let skill = if shape.apart { 20.0 } else { 2.0 };
            (f64::from(u8::from(positive(i))) * (skill + test as f64)
                + reader as f64 * 0.2
                + random(i) * 4.0)
                .round()
        }),
        (_, "time") => real(&|i| {
            let (case, reader, test) = place(i);
            10.0 + case as f64 + 3.0 * reader as f64 + 5.0 * test as f64 + 4.0 * random(i)
        }),
        (Group::Localisation, "lesion") => {
            label(n, |i| lesion(i).map_or(String::new(), |l| format!("l{l}")))
        }
        (Group::Localisation, "score") if of_marks => real(&|i| {
            let (case, reader, test) = place(i);
            match (lesion(i), i % 2) {
                (Some(_), _) if random(i) < 0.2 => f64::NAN,
                (Some(_), _) => 1.0 + random(i) * (2.0 + test as f64) + reader as f64 * 0.1,
                (None, 0) if case % 4 == 1 => f64::NAN,
                (None, 1) if !diseased(case) => f64::NAN,
                _ => random(i) * 2.0,
            }
        }),
        (Group::Localisation, "weight") => real(&|i| match (lesion(i), place(i).0 % 4) {
            (None, _) => f64::NAN,
            (_, 0) => 0.5,
            _ => 1.0,
        }),
        (Group::Localisation, "diseased") => binary(&|i| diseased(place(i).0)),
        (Group::Localisation, "cluster") if of_marks => {
            label(n, |i| format!("u{}", place(i).0 / 2))
        }
        (Group::Multiplicity, "p_value") => real(&|i| [0.001, 0.02, 0.03, 0.2][i]),
        (Group::Multiplicity, "label") => label(n, |i| format!("h{i}")),
        (Group::Multiplicity, "family") => label(n, |i| format!("f{}", i / 2)),
        (Group::Multiplicity, "order") => real(&|i| i as f64),
        (Group::Multiplicity, "weight") => real(&|_| 0.25),
        (Group::Pooling, "site") => label(n, |i| format!("s{i}")),
        (Group::Pooling, "tp") => real(&whole(30, 45)),
        (Group::Pooling, "tn") => real(&whole(50, 80)),
        (Group::Pooling, "fp" | "fn") => real(&whole(4, 12)),
        (Group::Pooling, "auc") => real(&|i| 0.8 + 0.1 * random(i)),
        (_, "successes") => real(&whole(30, 45)),
        (_, "trials") => real(&whole(50, 60)),
        (_, "n") => real(&whole(40, 60)),
        (_, "mean" | "estimate") => real(&|i| 0.5 + 0.4 * random(i)),
        (_, "variance" | "sample_variance") => real(&|i| 0.01 + 0.02 * random(i)),
        (_, "standard_error") => real(&|i| 0.1 + 0.05 * random(i)),
        (_, "observed") => real(&whole(10, 20)),
        (_, "expected") => real(&|i| 12.0 + 5.0 * random(i)),
        (_, "tp" | "fp" | "fn") => real(&whole(0, 3)),
        (_, "events") => real(&whole(0, 4)),
        (_, "total") => real(&whole(20, 30)),
        (_, "bin") => real(&|i| i as f64),
        (_, "positives") => real(&|i| match shape.apart {
            true => f64::from(u8::from(i >= n / 2)),
            false => (i % 4) as f64,
        }),
        (_, "negatives") => real(&|i| match shape.apart {
            true => f64::from(u8::from(i < n / 2)),
            false => (4 - i % 5) as f64,
        }),
        (Group::Agreement, "subject") => label(n, |i| format!("s{:03}", i / 4)),
        (Group::Agreement, "rater") => label(n, |i| format!("r{}", i % 4)),
        (Group::Agreement, "condition") => label(n, |i| format!("k{}", i % 4 / 2)),
        (Group::Agreement, "cluster") => label(n, |i| format!("u{}", i / 8)),
        (Group::Agreement, "rating") if role.kind == Kind::Label => label(n, |i| {
            let own = i / 4 % shape.levels.max(2);
            if random(i) < 0.2 {
                "1".into()
            } else {
                format!("{}", own + 1)
            }
        }),
        (Group::Agreement, _) => real(&|i| 10.0 + (i / 4 % 10) as f64 + 2.0 * random(i)),
        (_, "truth") if entry.id == "partial-verification" => label(n, |i| {
            ["1", "0", "", "0", "1", ""][(i + i / 6) % 6].to_owned()
        }),
        (_, "truth") if role.kind == Kind::Label => label(n, |i| format!("c{}", class_of(i))),
        (_, "truth") => binary(&positive),
        (_, "class") => label(n, |i| {
            let own = if random(i) < 0.2 { i + 1 } else { i };
            format!("c{}", class_of(own))
        }),
        (_, "score") if entry.id == "roc-multiclass" => {
            real(&|i| f64::from(u8::from(class_of(i) == nth)) + 2.0 * random(i))
        }
        (_, "class_probability") => probabilities(n, nth, classes),
        (_, "probability") if entry.id == "calibration-error" && many(entry, shape) > 1 => {
            probabilities(n, nth, classes)
        }
        (_, "probability") => {
            real(&|i| 0.15 + 0.25 * f64::from(u8::from(positive(i))) + 0.5 * random(i))
        }
        (_, "score" | "confidence") => real(&|i| {
            let skill = if shape.apart { 5.0 } else { 0.8 };
            f64::from(u8::from(positive(i))) * skill + 2.0 * random(i)
        }),
        (_, "call") => binary(&|i| positive(i) != (!shape.apart && random(i) < 0.2)),
        (_, "result") => label(n, |i| {
            ["positive", "negative", "indeterminate"][(random(i) * 3.0) as usize].to_owned()
        }),
        (Group::MissingData, "outcome") => label(n, |i| {
            ["1", "0", "1", "", "1"][(random(i) * 5.0) as usize].to_owned()
        }),
        (Group::Localisation, "correct") => binary(&|i| positive(i) && random(i) < 0.7),
        (_, "outcome" | "correct" | "overridden") if role.kind == Kind::Binary => {
            binary(&|i| random(i) < 0.7)
        }
        (_, "evaluation") => binary(&|i| i % 2 == 0),
        (_, "current") => binary(&|i| i >= n / 2),
        (_, "difficulty") => real(&|i| 0.5 + random(i)),
        (_, "value") if entry.id == "monitor-cusum" => real(&|i| (random(i) * 8.0).floor()),
        (_, "group") => label(n, |i| format!("g{}", i * shape.levels / n)),
        (_, "stratum") => label(n, |i| format!("s{}", i / 3 % shape.levels)),
        (_, "cluster") => label(n, |i| format!("u{}", i / 2)),
        (_, "site") => label(n, |i| format!("s{}", i % shape.levels)),
        (_, "category") => label(n, |i| format!("k{}", (random(i) * 3.0) as usize)),
        (_, "outcome" | "prediction" | "value" | "feature") => real(&|i| 3.0 * random(i)),
        (group, other) => panic!("{group:?}: no column for `{other}` of {}", entry.id),
    };
    (name, column)
}

/// The probability of a class: higher where the row is of it, and together they make 1.
fn probabilities(rows: usize, class: usize, classes: usize) -> Column {
    let raw = |i: usize, k: usize| 0.2 + noise(k, i) + f64::from(u8::from(i % classes == k));
    Column::Real(
        (0..rows)
            .map(|i| raw(i, class) / (0..classes).map(|k| raw(i, k)).sum::<f64>())
            .collect(),
    )
}

/// What is typed for a setting that has no default.
fn typed(entry: &Entry, name: &str) -> &'static str {
    match (entry.id, name) {
        ("monitor-p-chart", "target") => "0.1",
        ("size-icc", "width") => "0.2",
        (_, "reference" | "reference_group") => match entry.group {
            Group::ReaderStudies => "t0",
            _ => "g0",
        },
        (_, "standalone") => "r0",
        (_, "positive_category") => "1",
        (_, "transitions") => "0,1,0,0,0,0,1,0,0,0,0,1,1,0,0,0",
        (_, "successes" | "prevalence_cases") => "30",
        (_, "successes_reference") => "20",
        (_, "trials" | "trials_reference") => "50",
        (_, "prevalence_trials" | "complete_df" | "independent" | "wanted_arl") => "100",
        (_, "cases" | "pilot_cases") => "100",
        (_, "readers") => "5",
        (_, "observations_per_year") => "1000",
        (_, "alarm_budget" | "cluster_size" | "max_difference") => "3",
        (_, "h") => "4",
        (_, "sd" | "bandwidth" | "predictor_sd") => "1",
        (_, "predictor_mean") => "-1",
        (_, "var_error") => "0.001",
        (_, "var_test_reader" | "cov1" | "cov2" | "cov3") => "0.0003",
        (_, "effect" | "margin" | "width" | "p0" | "loss") => "0.1",
        (_, "p1" | "gain" | "p") => "0.2",
        (_, "prevalence" | "reference_prevalence") => "0.3",
        (_, "correlation_positive" | "correlation_negative" | "kappa") => "0.4",
        (_, "goal" | "sensitivity_goal" | "specificity_goal" | "half_width") => "0.6",
        (_, "threshold" | "limit") => "0.5",
        (_, "second" | "second_rate") => "0.7",
        (_, "span" | "first" | "first_rate" | "second_auc") => "0.8",
        (_, "target" | "c_statistic" | "auc" | "expected" | "icc") => "0.8",
        (_, "first_auc") => "0.85",
        (_, "sensitivity" | "specificity") => "0.9",
        (id, other) => panic!("{id}: nothing is typed for `{other}`"),
    }
}

/// Every way to choose some of them.
fn subsets<T: Copy>(of: &[T]) -> Vec<Vec<T>> {
    (0..1usize << of.len())
        .map(|bits| {
            of.iter()
                .enumerate()
                .filter(|(at, _)| bits >> at & 1 == 1)
                .map(|(_, one)| *one)
                .collect()
        })
        .collect()
}

/// All the settings to try with each table.
fn settings(entry: &Entry) -> Vec<Vec<(String, String)>> {
    let mut always = Vec::new();
    let mut optional = Vec::new();
    let mut changes: Vec<Option<(&str, String)>> = vec![None];
    for setting in entry.settings {
        match setting.kind {
            SettingKind::OptionalReal(..) | SettingKind::OptionalWord
                if setting.default.is_none() =>
            {
                optional.push(setting.name);
            }
            SettingKind::Whole(low, _) if setting.name == "replicates" => {
                always.push((setting.name.to_owned(), low.to_string()));
            }
            SettingKind::Choice(words) => changes.extend(
                words
                    .iter()
                    .filter(|w| Some(**w) != setting.default)
                    .map(|w| Some((setting.name, (*w).to_owned()))),
            ),
            SettingKind::Flag => changes.push(Some((setting.name, "true".into()))),
            _ if setting.default.is_none() => {
                always.push((
                    setting.name.to_owned(),
                    typed(entry, setting.name).to_owned(),
                ));
            }
            _ => {}
        }
    }
    let mut out = Vec::new();
    for change in changes {
        for given in subsets(&optional) {
            let mut own = always.clone();
            own.extend(
                given
                    .iter()
                    .map(|name| ((*name).to_owned(), typed(entry, name).to_owned())),
            );
            own.extend(
                change
                    .iter()
                    .map(|(name, word)| ((*name).to_owned(), word.clone())),
            );
            out.push(own);
        }
    }
    out
}

/// Answers on all tables with all settings; what has none there is no matter.
fn answers(entry: &'static Entry, mut see: impl FnMut(&candour_statistics::Answer)) {
    let optional: Vec<&Role> = entry
        .roles
        .iter()
        .filter(|r| matches!(r.need, Need::Optional))
        .collect();
    let settings = settings(entry);
    for shape in SHAPES {
        if entry.roles.is_empty() && shape.extra > 0 {
            break;
        }
        for given in subsets(&optional) {
            let mut columns = Vec::new();
            for role in entry.roles {
                let count = match role.need {
                    Need::One => 1,
                    Need::Optional => usize::from(given.iter().any(|r| r.name == role.name)),
                    Need::Many(least) => least + shape.extra,
                };
                for nth in 0..count {
                    let (name, column) = column(entry, role, nth, shape);
                    columns.push((role.name.to_owned(), name, column));
                }
            }
            for settings in &settings {
                let sample = match Sample::new(entry, columns.clone(), settings) {
                    Ok(sample) => sample,
                    Err(e) => panic!("{}: {e} {settings:?}", entry.id),
                };
                if let Ok(answer) = entry.answer(&sample, &[]) {
                    see(&answer);
                }
            }
        }
    }
}

/// Entries whose first number depends on the settings or on how many tests, groups or models there
/// are: what may come first beside the first that is declared.
const FIRST_OTHERWISE: &[(&str, &[&str])] = &[
    ("roc-compare-paired", &["chi_squared"]),
    ("mrmc-or", &["difference.{test}-{test}", "estimate.{test}"]),
    ("mrmc-dbm", &["difference.{test}-{test}", "estimate.{test}"]),
    (
        "mrmc-ustatistic",
        &["auc.{test}", "difference.{test}-{test}"],
    ),
    (
        "reading-time",
        &["geometric_mean.{test}", "time_ratio.{test}-{test}"],
    ),
    (
        "afroc",
        &[
            "afroc",
            "afroc1",
            "exp_transformed_sp",
            "hr_auc",
            "hr_se",
            "hr_sp",
            "max_llf",
            "max_nlf",
            "max_nlf_all_cases",
            "song_a1",
            "wafroc1",
        ],
    ),
    ("froc-compare", &["difference_{test}_{test}"]),
    ("calibration-error", &["mce", "rmsce"]),
    ("recalibrate", &["a", "log_loss_after", "temperature"]),
    ("decision-curve", &["net_benefit_{model}"]),
    (
        "subgroups",
        &["accuracy", "auc", "mean", "npv", "ppv", "specificity"],
    ),
    ("missing-bounds", &["difference_worst_case"]),
    ("missing-tipping-point", &["share_of_scenarios"]),
    ("conformal-calibrate", &["threshold_{category}"]),
];

#[test]
fn braces_stand_for_any_text_but_none() {
    let gives = |id: &str, name: &str| catalogue::entry(id).unwrap().gives(name);
    for (id, name) in [
        ("accuracy", "sensitivity"),
        ("mrmc-or", "difference"),
        ("mrmc-or", "difference.ai-no ai"),
        ("mrmc-or", "difference.---"),
        ("mrmc-or", "estimate.ü"),
        ("froc", "sensitivity_at_0.5"),
        ("decision-curve", "difference_a_b_p_value"),
        ("subgroups", "interaction_p_value(sex (at birth))"),
        ("subgroups", "site = A = B"),
    ] {
        assert!(gives(id, name), "{id}: {name}");
    }
    for (id, name) in [
        ("accuracy", ""),
        ("accuracy", "sens"),
        ("accuracy", "sensitivity "),
        ("accuracy", "Sensitivity"),
        ("mrmc-or", "difference."),
        ("mrmc-or", "difference.-"),
        ("mrmc-or", "difference.a-"),
        ("mrmc-or", "difference.-b"),
        ("mrmc-or", "difference.a"),
        ("mrmc-or", "estimate."),
        ("subgroups", "interaction_p_value()"),
        ("subgroups", "interaction_p_value(sex"),
        ("subgroups", " = "),
        ("subgroups", "site = "),
    ] {
        assert!(!gives(id, name), "{id}: {name}");
    }
}

#[test]
fn every_entry_gives_the_numbers_that_it_says_and_no_others() {
    let mut wrong = Vec::new();
    let mut first_otherwise = Vec::new();
    for entry in catalogue::entries() {
        let declared: BTreeSet<&str> = entry.numbers.iter().copied().collect();
        assert_eq!(declared.len(), entry.numbers.len(), "{}: twice", entry.id);
        let mut came: BTreeSet<&str> = BTreeSet::new();
        let mut firsts: BTreeSet<&str> = BTreeSet::new();
        let mut unknown: BTreeSet<String> = BTreeSet::new();
        answers(entry, |answer| {
            for (at, number) in answer.numbers.iter().enumerate() {
                match entry.declared(&number.name) {
                    Some(pattern) => {
                        assert!(entry.gives(&number.name), "{}", entry.id);
                        came.insert(pattern);
                        if at == 0 {
                            firsts.insert(pattern);
                        }
                    }
                    None => {
                        unknown.insert(number.name.clone());
                    }
                }
            }
        });
        if !unknown.is_empty() {
            wrong.push(format!("{} does not declare {unknown:?}", entry.id));
        }
        let absent: Vec<&&str> = entry
            .numbers
            .iter()
            .filter(|p| !came.contains(**p))
            .collect();
        if !absent.is_empty() {
            wrong.push(format!("{} never gave {absent:?}", entry.id));
        }
        let first = entry.numbers.first().copied().unwrap_or_default();
        if !firsts.remove(first) {
            wrong.push(format!("{}: `{first}` never came first", entry.id));
        }
        if !firsts.is_empty() {
            first_otherwise.push((entry.id, firsts.into_iter().collect::<Vec<_>>()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?} {first_otherwise:#?}");
    let expected: Vec<(&str, Vec<&str>)> = FIRST_OTHERWISE
        .iter()
        .map(|(id, firsts)| (*id, firsts.to_vec()))
        .collect();
    assert_eq!(first_otherwise, expected);
}
