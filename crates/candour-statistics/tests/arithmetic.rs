//! What rounding and overflow make of an answer: a reason, never a number with an interval.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use candour_statistics::catalogue::{Column, Labels};
use candour_statistics::{Answer, Number, StatisticsError};
use common::run;

fn answer(id: &str, columns: Vec<(&str, Column)>, settings: &[(&str, &str)]) -> Answer {
    run(id, columns, settings).unwrap_or_else(|e| panic!("{id}: {e}"))
}

fn number<'a>(answer: &'a Answer, name: &str) -> &'a Number {
    answer
        .number(name)
        .unwrap_or_else(|| panic!("no {name} in {answer:?}"))
}

fn real(values: &[f64]) -> Column {
    Column::Real(values.to_vec())
}

fn near(got: Option<f64>, expected: f64, what: &str) {
    let got = got.unwrap_or_else(|| panic!("{what}: none"));
    assert!(
        (got - expected).abs() <= 1e-12 * expected.abs(),
        "{what}: {got} against {expected}"
    );
}

/// The number has this value, but neither an interval nor a standard error, and says why.
fn alone(answer: &Answer, name: &str, value: f64) {
    let n = number(answer, name);
    near(n.value, value, name);
    assert!(n.interval.is_none(), "{n:?}");
    assert!(n.standard_error.is_none(), "{n:?}");
    assert!(n.not_estimable.is_some(), "{n:?}");
}

fn not_estimable(result: Result<Answer, StatisticsError>, words: &str) {
    match result {
        Err(StatisticsError::NotEstimable(reason)) => assert!(reason.contains(words), "{reason}"),
        other => panic!("{other:?}"),
    }
}

const SETTINGS: [(&str, &str); 2] = [("replicates", "200"), ("seed", "7")];

/// McGraw and Wong 1996 by Python's fractions. Raters 1, 2, .., 7, 8.1 and 8, 7, .., 1: BMS = JMS = 1/1600, EMS =
/// 19361/1600, WMS = 16941/1600, so ICC(1,1) = (1 - 16941)/(1 + 16941) = -8470/8471, ICC(2,1) = (1 - 19361)/(1 +
/// 19361 + 2 (1 - 19361)/8) = -9680/7261, ICC(3,1) = -9680/9681, ICC(1,k) = -16940, ICC(3,k) = -19360; the
/// denominator of ICC(2,k) is (1 + (1 - 19361)/8)/1600 = -2419/1600. Reversal at n = 3: BMS = JMS = 0, EMS = 2,
/// WMS = 4/3: ICC(1,1) = ICC(3,1) = -1, ICC(2,1) = -2/(2 - 4/3) = -3, and the denominators of the means are 0, -2/3, 0.
#[test]
fn an_icc_over_a_variance_that_is_not_positive_has_no_value() {
    let up = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.1];
    let down = [8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0];
    let both = || vec![("rating", real(&up)), ("rating", real(&down))];
    let three = || {
        vec![
            ("rating", real(&[1.0, 2.0, 3.0])),
            ("rating", real(&[3.0, 2.0, 1.0])),
        ]
    };
    let none = |n: &Number| {
        assert!(n.value.is_none() && n.interval.is_none(), "{n:?}");
        let reason = n.not_estimable.as_deref().unwrap();
        assert!(reason.contains("not positive"), "{reason}");
    };
    let a = answer("icc", both(), &[]);
    for (name, value) in [
        ("icc", -9680.0 / 7261.0),
        ("icc_1_1", -8470.0 / 8471.0),
        ("icc_2_1", -9680.0 / 7261.0),
        ("icc_3_1", -9680.0 / 9681.0),
        ("icc_1_k", -16940.0),
        ("icc_3_k", -19360.0),
    ] {
        let got = number(&a, name).value.unwrap();
        assert!((got / value - 1.0).abs() < 1e-9, "{name} {got} {value}");
    }
    none(number(&a, "icc_2_k"));
    assert!(
        a.notes.iter().any(|n| n.contains("-1/(k - 1)")),
        "{:?}",
        a.notes
    );
    for interval in ["asymptotic", "percentile", "basic"] {
        let mut settings = vec![("form", "2-k"), ("interval", interval)];
        settings.extend(SETTINGS);
        let a = answer("icc", both(), &settings);
        none(number(&a, "icc"));
    }
    let a = answer("icc", three(), &[]);
    near(number(&a, "icc_1_1").value, -1.0, "icc_1_1");
    near(number(&a, "icc_2_1").value, -3.0, "icc_2_1");
    near(number(&a, "icc_3_1").value, -1.0, "icc_3_1");
    for name in ["icc_1_k", "icc_2_k", "icc_3_k"] {
        none(number(&a, name));
    }
    // Raters 1, 1, 1, 3 and 1, 1, 3, 2: BMS = 9/8, JMS = 1/8, EMS = 19/24 (fractions), so ICC(2,1) = (1/3)/(9/8 +
    // 19/24 + 2 (-2/3)/4) = 4/19 and ICC(2,k) = (1/3)/(9/8 + (-2/3)/4) = 8/23. The lower limit for one rating by
    // the paper's formula and SciPy's F quantiles is -1.336, below -1/(k - 1), where the mean of two has none.
    let a = answer(
        "icc",
        vec![
            ("rating", real(&[1.0, 1.0, 1.0, 3.0])),
            ("rating", real(&[1.0, 1.0, 3.0, 2.0])),
        ],
        &[],
    );
    near(number(&a, "icc_2_1").value, 4.0 / 19.0, "icc_2_1");
    alone(&a, "icc_2_k", 8.0 / 23.0);
    let reason = number(&a, "icc_2_k").not_estimable.as_deref().unwrap();
    let limit = number(&a, "icc_2_1").interval.unwrap().lower;
    assert!((limit + 1.336_303_987_407_63).abs() < 1e-9, "{limit}");
    assert!(reason.contains("-1/(k - 1)"), "{reason}");
}

/// Decimals that differ by one and the same amount, or by one ratio, as their digits say: the same as integers.
#[test]
fn constant_differences_in_decimals_have_no_spread() {
    let pair = |x: &[f64], y: &[f64]| vec![("first", real(x)), ("second", real(y))];
    let (tenths, less) = ([0.4, 0.5, 0.6, 0.7], [0.3, 0.4, 0.5, 0.6]);
    for settings in [vec![], vec![("interval", "percentile"), SETTINGS[0]]] {
        not_estimable(
            run("bland-altman", pair(&tenths, &less), &settings),
            "all differences are the same",
        );
        for scale in ["ratio", "percent"] {
            let mut settings = settings.clone();
            settings.push(("scale", scale));
            not_estimable(
                run(
                    "bland-altman",
                    pair(&[1.1, 2.2, 3.3, 7.7, 123.2], &[1.0, 2.0, 3.0, 7.0, 112.0]),
                    &settings,
                ),
                "all differences are the same",
            );
        }
    }
    // Each subject's replicates equal and one difference for all: no limits either, whichever the true value is.
    let subject = Column::Label(Labels::of(&["a", "a", "b", "b"]));
    for true_value in ["varying", "constant"] {
        let mut columns = pair(&[0.4, 0.4, 0.7, 0.7], &[0.3, 0.3, 0.6, 0.6]);
        columns.push(("subject", subject.clone()));
        not_estimable(
            run("bland-altman", columns, &[("true_value", true_value)]),
            "all differences are the same",
        );
    }
    // A difference that is no rounding, 1e-12 on 0.7, has limits.
    let a = answer(
        "bland-altman",
        pair(&[0.4, 0.5, 0.6, 0.7 + 1e-12], &less),
        &[],
    );
    assert!(number(&a, "bias").interval.is_some());
    // Proportional differences lie on a line: neither its slope nor the spread about it can be tested.
    let a = answer(
        "bland-altman",
        pair(&[1.1, 2.2, 3.3, 7.7], &[1.0, 2.0, 3.0, 7.0]),
        &[],
    );
    near(number(&a, "proportional_bias").value, 0.1 / 1.05, "slope");
    for name in ["proportional_bias_p_value", "spread_slope_p_value"] {
        assert!(number(&a, name).value.is_none(), "{name}");
    }
}

#[test]
fn a_line_in_decimals_has_no_interval_of_rounding() {
    let truth = [1.0, 2.0, 3.0, 7.0, 112.0];
    let of = |y: &[f64], settings: &[(&str, &str)]| {
        answer(
            "linearity",
            vec![("measurement", real(y)), ("reference", real(&truth))],
            settings,
        )
    };
    for fit in ["ols", "theil-sen"] {
        for interval in ["asymptotic", "percentile"] {
            let settings = [("fit", fit), ("interval", interval), SETTINGS[0]];
            // Measured is 1.1 times true: 10 percent too much.
            let a = of(&[1.1, 2.2, 3.3, 7.7, 123.2], &settings);
            alone(&a, "slope", 1.1);
            alone(&a, "bias_percent", 10.0);
            assert_eq!(number(&a, "r_squared").value, Some(1.0));
            // Measured is true plus 0.1.
            let a = of(&[1.1, 2.1, 3.1, 7.1, 112.1], &settings);
            alone(&a, "slope", 1.0);
            alone(&a, "bias", 0.1);
            // Nothing measured: 100 percent too little; a level line has the slope 0, not -0.
            let a = of(&[0.0; 5], &settings);
            alone(&a, "bias_percent", -100.0);
            let slope = number(&a, "slope").value.unwrap();
            assert!(slope == 0.0 && slope.is_sign_positive(), "{slope}");
        }
    }
    let tenths = [0.1, 0.2, 0.3, 0.7, 0.9, 1.1, 1.3];
    let more = [0.11, 0.22, 0.33, 0.77, 0.99, 1.21, 1.43];
    for id in ["deming", "passing-bablok"] {
        for interval in ["", "percentile"] {
            let mut settings = vec![("level", "0.5"), SETTINGS[0]];
            if !interval.is_empty() {
                settings.push(("interval", interval));
            }
            let a = answer(
                id,
                vec![("first", real(&tenths)), ("second", real(&more))],
                &settings,
            );
            alone(&a, "slope", 1.1);
            assert!(
                number(&a, "intercept").interval.is_none(),
                "{id} {interval}"
            );
        }
    }
}

/// Digits beyond what squares and sums can hold.
#[test]
fn overflow_is_a_reason() {
    not_estimable(
        run(
            "missing-rubin-pooling",
            vec![
                ("estimate", real(&[1e308, -1e300])),
                ("variance", real(&[1.0, 1.0])),
            ],
            &[],
        ),
        "range of double precision",
    );
    // A great increase in variance is no overflow: W = 1e-300, B = (1 - 0)^2 / 2 = 0.5, r = 1.5 * 0.5 / 1e-300, lambda
    // = r / (1 + r) = 1 and the missing information (r + 2 / (df + 3)) / (r + 1) = 1 to all digits.
    let a = answer(
        "missing-rubin-pooling",
        vec![
            ("estimate", real(&[1.0, 0.0])),
            ("variance", real(&[1e-310, 1e-310])),
        ],
        &[],
    );
    for name in ["lambda", "missing_information"] {
        near(number(&a, name).value, 1.0, name);
    }
    not_estimable(
        run(
            "segmentation-summary",
            vec![("value", real(&[1e300, -1e300, 1e308, 5.0]))],
            &SETTINGS,
        ),
        "range of double precision",
    );
    let subjects = |words: &[&str]| Column::Label(Labels::of(words));
    for (values, conditions) in [
        ([1e308, 1.5e308, -1e308, 1.2e308], true),
        ([1e-300, 2e-300, 5e-324, 1e-323], false),
        ([1e-300, 2e-300, 5e-324, 1e-323], true),
    ] {
        let mut columns = vec![
            ("measurement", real(&values)),
            ("subject", subjects(&["a", "a", "b", "b"])),
        ];
        if conditions {
            columns.push(("condition", subjects(&["x", "y", "x", "y"])));
        }
        not_estimable(
            run("repeatability", columns, &[]),
            "range of double precision",
        );
    }
}

/// Standard normal deviates plus 0.8 (NumPy 2, seed 1) on 1e15, whose neighbours differ by 1/8: in eighths.
const EIGHTHS: [i32; 60] = [
    9, 13, 9, -4, 14, 10, 2, 11, 9, 9, 7, 11, 1, 5, 3, 11, 7, 4, 0, 4, 6, 4, 17, 14, -15, -9, 5, 3,
    8, 8, 23, -2, 3, 23, 12, 12, 2, -7, 8, 7, -3, 1, 6, -1, 6, 7, 7, 2, 11, 14, 9, 0, 12, 2, 13,
    -2, 14, 6, -4, 4,
];

/// By Python's fractions: z^2 against L^2 lambda / (2 - lambda) (1 - (1 - lambda)^(2t)) exceeds it at 37 of 60 rows,
/// first the ninth; none comes nearer to its limit than 0.4 percent.
#[test]
fn an_ewma_far_from_zero_signals_as_one_about_zero() {
    let of = |offset: f64, target: &str| {
        let values: Vec<f64> = EIGHTHS
            .iter()
            .map(|e| offset + f64::from(*e) / 8.0)
            .collect();
        let settings = [("target", target), ("sd", "1")];
        let a = answer(
            "monitor-ewma",
            vec![("value", Column::Real(values))],
            &settings,
        );
        (number(&a, "alarms").value, number(&a, "first_alarm").value)
    };
    assert_eq!(of(0.0, "0"), (Some(37.0), Some(9.0)));
    assert_eq!(of(1e15, "1e15"), (Some(37.0), Some(9.0)));
    assert_eq!(of(-1e15, "-1e15"), (Some(37.0), Some(9.0)));
}

/// Sixty whole eighths from -8 to 8, then sixty from 0 to 16 (NumPy 2, seed 1 after the values above). By Python's
/// fractions the test of river's recursion with threshold 10 signals once, at row 75.
#[test]
fn page_hinkley_does_not_depend_on_where_the_values_lie() {
    let eighths = [
        7, -8, 6, 2, -4, 4, -1, 6, 8, -4, -1, -5, 3, 2, 6, 5, 8, 8, 7, -6, -8, 0, -3, 7, 5, -1, 1,
        2, 7, -8, 0, 3, -1, 7, 8, 6, -1, 7, -7, 3, -4, -4, 3, 5, 7, -5, 6, 6, -3, -7, 5, 6, -1, -6,
        -6, -2, 4, -3, -8, 3, 12, 3, 9, 6, 8, 0, 10, 4, 9, 7, 10, 1, 6, 10, 13, 6, 0, 12, 8, 11, 2,
        7, 15, 14, 5, 10, 1, 13, 4, 5, 16, 9, 14, 3, 12, 16, 1, 4, 2, 4, 5, 1, 15, 4, 15, 12, 2,
        11, 13, 2, 2, 6, 1, 7, 8, 11, 9, 7, 3, 9,
    ];
    for offset in [0.0, 1e15, -1e15] {
        let values: Vec<f64> = eighths
            .iter()
            .map(|e| offset + f64::from(*e) / 8.0)
            .collect();
        let a = answer(
            "monitor-page-hinkley",
            vec![("value", Column::Real(values))],
            &[("threshold", "10")],
        );
        assert_eq!(number(&a, "alarms").value, Some(1.0), "{offset}");
        assert_eq!(number(&a, "first_alarm").value, Some(75.0), "{offset}");
    }
}

/// No mark reaches 0.95, so there are 0 false marks on each of two images.
#[test]
fn no_false_mark_is_zero_without_a_sign() {
    let words = |w: &[&str]| Column::Label(Labels::of(w));
    let a = answer(
        "froc",
        vec![
            ("case", words(&["a", "a", "b"])),
            ("lesion", words(&["1", "", ""])),
            ("score", real(&[0.9, 0.2, 0.6])),
        ],
        &[("threshold", "0.95"), SETTINGS[0]],
    );
    let n = number(&a, "false_positives_per_image");
    assert!(n.value.is_some_and(|v| v == 0.0 && v.is_sign_positive()));
    let reason = n.not_estimable.as_deref().unwrap_or("");
    assert!(!reason.contains("-0"), "{reason}");
}

/// A fault of one value names its column and row, from 0.
#[test]
fn a_fault_of_a_value_names_its_row() {
    let words = |w: &[&str]| Column::Label(Labels::of(w));
    let one = || real(&[1.0, 1.0, 1.0]);
    type Columns<'a> = Vec<(&'a str, Column)>;
    type Settings<'a> = Vec<(&'a str, &'a str)>;
    let cases: Vec<(&str, Columns<'_>, Settings<'_>, &str, usize)> = vec![
        (
            "pool-means",
            vec![
                ("n", real(&[10.0, 10.0, 10.0])),
                ("mean", one()),
                ("observed", real(&[1.0, 11.0, 12.0])),
                ("expected", one()),
            ],
            vec![],
            "observed",
            1,
        ),
        (
            "pool-means",
            vec![
                ("n", real(&[10.0, 10.0, 10.0])),
                ("mean", one()),
                ("site", words(&["a", "b", "a"])),
            ],
            vec![],
            "site",
            2,
        ),
        (
            "pool-proportions",
            vec![
                ("successes", real(&[1.0, 2.0, 5.0])),
                ("trials", real(&[3.0, 3.0, 3.0])),
            ],
            vec![],
            "successes",
            2,
        ),
        (
            "pool-auc",
            vec![("auc", real(&[0.8, f64::NAN, 0.7])), ("variance", one())],
            vec![],
            "auc",
            1,
        ),
        (
            "multiplicity-fallback",
            vec![
                ("p_value", real(&[0.01, 0.02, 0.03])),
                ("order", real(&[2.0, 1.0, 2.0])),
            ],
            vec![],
            "order",
            2,
        ),
        (
            "multiplicity-fallback",
            vec![
                ("p_value", real(&[0.01, 0.02, 0.03])),
                ("label", words(&["x", "y", "y"])),
            ],
            vec![],
            "label",
            2,
        ),
        (
            "monitor-cusum",
            vec![("value", real(&[1.0, 2.5, 3.0]))],
            vec![("kind", "poisson"), ("p0", "1"), ("p1", "2")],
            "value",
            1,
        ),
        (
            "icc",
            vec![
                ("rating", real(&[1.0, 2.0, 3.0])),
                ("rating", real(&[1.0, f64::NAN, 3.0])),
            ],
            vec![],
            "rating",
            1,
        ),
        (
            "reading-time",
            vec![
                ("time", real(&[3.0, 4.0, 0.0, 5.0])),
                ("reader", words(&["r", "r", "s", "s"])),
                ("test", words(&["a", "b", "a", "b"])),
                ("case", words(&["1", "1", "1", "1"])),
            ],
            vec![],
            "time",
            2,
        ),
        (
            "afroc",
            vec![
                ("case", words(&["a", "b", "c"])),
                ("lesion", words(&["", "1", "1"])),
                ("score", real(&[0.1, 0.9, 0.8])),
                ("weight", real(&[f64::NAN, 1.0, 0.5])),
            ],
            vec![SETTINGS[0]],
            "weight",
            2,
        ),
        (
            "roc-compare-unpaired",
            vec![
                ("truth", Column::Binary(vec![true, false, true, false])),
                ("score", real(&[0.9, 0.2, 0.7, 0.4])),
                ("group", words(&["x", "x", "y", "y"])),
                ("cluster", words(&["p", "q", "r", "q"])),
            ],
            vec![],
            "cluster",
            3,
        ),
    ];
    for (id, columns, settings, column, row) in cases {
        match run(id, columns, &settings) {
            Err(StatisticsError::Value {
                column: c, row: r, ..
            }) => assert_eq!((c.as_str(), r), (column, row), "{id}"),
            other => panic!("{id}: {other:?}"),
        }
    }
}
