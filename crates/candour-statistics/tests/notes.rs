//! What every entry's answer says of its intervals, through the one door: `Entry::answer`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use candour_statistics::Answer;
use candour_statistics::catalogue::Column;
use common::run;

fn answer(id: &str, columns: Vec<(&str, Column)>, settings: &[(&str, &str)]) -> Answer {
    run(id, columns, settings).unwrap_or_else(|e| panic!("{id}: {e}"))
}

/// Whether a note names the number and says so.
fn said(answer: &Answer, number: &str, words: &str) -> bool {
    let name = format!("`{number}`");
    answer
        .notes
        .iter()
        .any(|n| n.contains(&name) && n.contains(words))
}

const EXCLUDES: &str = "does not contain its estimate";

/// Limits of adjusted counts and of Beta quantiles leave out an estimate on the boundary: 0 of 10 has the
/// ratio 0, whose adjusted logarithm is finite; 9 of 9 is 1, and the Beta quantile lies below. Wilson's,
/// and the modified Jeffreys, end on it.
#[test]
fn an_interval_without_its_estimate_is_said() {
    let all = [("successes", "9"), ("trials", "9")];
    let with = |method| [all[0], all[1], ("method", method)];
    for (method, excluded) in [
        ("jeffreys-unmodified", true),
        ("jeffreys", false),
        ("wilson", false),
        ("clopper-pearson", false),
    ] {
        let a = answer("proportion", vec![], &with(method));
        assert_eq!(
            said(&a, "proportion", EXCLUDES),
            excluded,
            "{method} {:?}",
            a.notes
        );
    }
    let counts = [
        ("successes", "0"),
        ("trials", "10"),
        ("successes_reference", "5"),
        ("trials_reference", "10"),
    ];
    for (id, number, method, excluded) in [
        ("proportions-ratio", "ratio", "log-adjusted", true),
        ("proportions-ratio", "ratio", "koopman", false),
        (
            "proportions-odds-ratio",
            "odds_ratio",
            "woolf-adjusted",
            true,
        ),
    ] {
        let mut settings = counts.to_vec();
        settings.push(("method", method));
        let a = answer(id, vec![], &settings);
        assert_eq!(said(&a, number, EXCLUDES), excluded, "{id} {method} {a:?}");
    }
}

/// Means of absolute errors grow in resamples: well-calibrated probabilities have an ICI near 0, which its
/// percentile interval overshoots. Whether it does on these data is read off the interval itself.
#[test]
fn every_interval_of_a_calibration_curve_is_judged() {
    let mut random = candour_statistics::random::Philox::new(11, 0);
    let mut excluded = 0;
    for _ in 0..6 {
        let probability: Vec<f64> = (0..60).map(|_| 0.1 + 0.8 * random.unit()).collect();
        let truth: Vec<bool> = probability.iter().map(|p| random.unit() < *p).collect();
        let a = answer(
            "calibration-curve",
            vec![
                ("truth", Column::Binary(truth)),
                ("probability", Column::Real(probability)),
            ],
            &[("replicates", "200")],
        );
        for number in &a.numbers {
            if let (Some(value), Some(i)) = (number.value, number.interval) {
                let out = value < i.lower || value > i.upper;
                assert_eq!(said(&a, &number.name, EXCLUDES), out, "{number:?}");
                excluded += usize::from(out);
            }
        }
    }
    assert!(
        excluded > 0,
        "no interval leaves out its estimate, so nothing was tested"
    );
}

/// The slope's upper limit is infinite (see `an_infinite_limit_leaves_the_other` in agreement.rs).
#[test]
fn an_interval_without_an_end_is_said() {
    let a = answer(
        "passing-bablok",
        vec![
            ("first", Column::Real(vec![-1.0, 1.0, -1.0, 5.0, -2.0, 2.0])),
            (
                "second",
                Column::Real(vec![-3.0, 2.0, -1.0, 6.0, -1.0, 2.0]),
            ),
        ],
        &[],
    );
    assert!(said(&a, "slope", "has no upper limit"), "{:?}", a.notes);
    assert!(!said(&a, "slope", "has no lower limit"));
}
