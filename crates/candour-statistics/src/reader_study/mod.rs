//! Reader studies: several readers read the same cases in one or more tests (multi-reader multi-case,
//! MRMC), a stand-alone algorithm against readers, power, and reading time.
//!
//! Tables are long: one row is one reading, with the columns `reader`, `test`, `case`, `truth` and
//! `rating`. The design is read off the data and said in every answer.

mod answers;
mod merit;
mod obuchowski_rockette;
mod power;
mod pseudovalues;
mod reading_time;
mod standalone;
mod student;
mod study;
mod ustatistic;

use crate::catalogue::{Entry, Group, Kind, LEVEL, Need, Role, Setting, SettingKind, TRUTH};

pub use merit::{Merit, Merits, Method, Range, Square, roc_points};
pub use obuchowski_rockette::{Analysis, Components, Contrast, Global, ObuchowskiRockette};
pub use power::{Plan, Power, noncentral_f_cdf};
pub use pseudovalues::{Crossed, MeanSquares, Pseudovalues};
pub use reading_time::ReadingTime;
pub use standalone::Standalone;
pub use study::{Columns, Design, Reading, Readings, Study};
pub use ustatistic::{DfRule, Estimate, Estimator, Inference, Moments, UStatistics};

const READER: Role = Role {
    name: "reader",
    what: "who read",
    kind: Kind::Label,
    need: Need::One,
    missing: false,
};

const TEST: Role = Role {
    name: "test",
    what: "the test, modality or reading condition; without it all readings are of one test",
    kind: Kind::Label,
    need: Need::Optional,
    missing: false,
};

const CASE: Role = Role {
    name: "case",
    what: "the case (patient) that was read; the same label is the same case",
    kind: Kind::Label,
    need: Need::One,
    missing: false,
};

const RATING: Role = Role {
    name: "rating",
    what: "the reader's rating; higher means more likely positive; empty: the case was not read",
    kind: Kind::Real,
    need: Need::One,
    missing: true,
};

const ANALYSIS: Setting = Setting {
    name: "analysis",
    what: "random readers and cases (rrrc), fixed readers (frrc) or fixed cases (rrfc)",
    kind: SettingKind::Choice(Analysis::WORDS),
    default: Some("rrrc"),
};

const FIGURE_OF_MERIT: Setting = Setting {
    name: "figure_of_merit",
    what: "what is measured of each reader in each test",
    kind: SettingKind::Choice(&[
        "auc",
        "sensitivity",
        "specificity",
        "partial-auc-specificity",
        "partial-auc-sensitivity",
    ]),
    default: Some("auc"),
};

const THRESHOLD: Setting = Setting {
    name: "threshold",
    what: "the lowest rating that counts as positive, for sensitivity and specificity; without it ratings are 0 or 1",
    kind: SettingKind::OptionalReal(f64::NEG_INFINITY, f64::INFINITY),
    default: None,
};

const RANGE_LOWER: Setting = Setting {
    name: "range_lower",
    what: "lower end of the range of a partial area",
    kind: SettingKind::Real(0.0, 1.0),
    default: Some("0"),
};

const RANGE_UPPER: Setting = Setting {
    name: "range_upper",
    what: "upper end of the range of a partial area",
    kind: SettingKind::Real(0.0, 1.0),
    default: Some("1"),
};

const NORMALISE: Setting = Setting {
    name: "normalise",
    what: "whether a partial area is divided by the width of its range",
    kind: SettingKind::Flag,
    default: Some("false"),
};

const COVARIANCE: Setting = Setting {
    name: "covariance",
    what: "how the covariance of the errors over cases is estimated",
    kind: SettingKind::Choice(Method::WORDS),
    default: Some("jackknife"),
};

const REFERENCE: Setting = Setting {
    name: "reference",
    what: "the test the others are compared with (other less reference); without it all pairs, each less the one that sorts before it",
    kind: SettingKind::OptionalWord,
    default: None,
};

const MARGIN: Setting = Setting {
    name: "margin",
    what: "non-inferiority margin on the scale of the figure of merit: how much worse than the reference is tolerated",
    kind: SettingKind::OptionalReal(0.0, 1.0),
    default: None,
};

/// The entries of this group.
pub const ENTRIES: &[Entry] = &[
    Entry {
        id: "mrmc-or",
        group: Group::ReaderStudies,
        title: "Obuchowski-Rockette analysis of a reader study",
        formula: "F = MS(T)/(MS(TR) + r max(Cov2 - Cov3, 0)) on t - 1 and (MS(TR) + r max(Cov2 - Cov3, 0))^2/(MS(TR)^2/((t - 1)(r - 1))); difference +- t sqrt(2/r (MS(TR) + r max(Cov2 - Cov3, 0))); fixed readers: (t - 1) MS(T)/(Var - Cov1 + (r - 1) max(Cov2 - Cov3, 0)), chi-squared; fixed cases: MS(T)/MS(TR)",
        source: "Obuchowski and Rockette 1995; Hillis, Obuchowski, Schartz and Berbaum 2005; Hillis 2007, 2014",
        assumptions: "readers crossed with tests (cases crossed or nested in readers or tests; missing readings allowed with jackknife and unbiased) or nested in tests; random factors are random samples; equal covariances. Fixed-reader z and chi-squared need many cases. Refused: some readers in some tests only; fewer than two cases of a class in a cell. Differences are not adjusted for the number of tests",
        compared_with: "MRMCaov 0.1.8 and OR-DBM MRMC 2.51 (published output, Van Dyke); R 4.2.2 (definitions)",
        roles: &[READER, TEST, CASE, TRUTH, RATING],
        settings: &[
            ANALYSIS,
            FIGURE_OF_MERIT,
            THRESHOLD,
            RANGE_LOWER,
            RANGE_UPPER,
            NORMALISE,
            COVARIANCE,
            Setting {
                name: "negative_excess",
                what: "fixed readers: a negative Cov2 - Cov3 becomes 0 (OR-DBM MRMC, RJafroc) or is kept (MRMCaov)",
                kind: SettingKind::Choice(&["zero", "keep"]),
                default: Some("zero"),
            },
            REFERENCE,
            MARGIN,
            LEVEL,
        ],
        // Of two tests `difference` comes first, of more that of the first pair, of one its own value.
        numbers: &[
            "difference",
            "difference.{test}-{test}",
            "p_value",
            "p_value.{test}-{test}",
            "non_inferiority_p_value",
            "non_inferiority_p_value.{test}-{test}",
            "f_statistic",
            "chi_squared",
            "df_numerator",
            "df_denominator",
            "denominator",
            "estimate.{test}",
            "ms_test",
            "ms_reader",
            "ms_test_reader",
            "ms_reader_in_test",
            "var_reader",
            "var_test_reader",
            "var_reader_in_test",
            "var_error",
            "cov1",
            "cov2",
            "cov3",
        ],
        run: answers::obuchowski_rockette,
    },
    Entry {
        id: "mrmc-dbm",
        group: Group::ReaderStudies,
        title: "Pseudovalue analysis of a reader study (Dorfman, Berbaum and Metz)",
        formula: "Y = K t - (K - 1) t(-k); F = MS(T)/(MS(TR) + max(MS(TC) - MS(TRC), 0)) with Hillis's df; fixed readers: MS(T)/MS(TC) on t - 1 and (t - 1)(K - 1); fixed cases: MS(T)/MS(TR)",
        source: "Dorfman, Berbaum and Metz 1992; Hillis, Obuchowski, Schartz and Berbaum 2005; Hillis, Berbaum and Metz 2008",
        assumptions: "every reader read every case in every test. Random readers and cases: the same as mrmc-or with the jackknife. Fixed readers by F, as RJafroc (mrmc-or: chi-squared)",
        compared_with: "RJafroc (published output, Van Dyke); R 4.2.2 aov on pseudovalues",
        roles: &[READER, TEST, CASE, TRUTH, RATING],
        settings: &[
            ANALYSIS,
            FIGURE_OF_MERIT,
            THRESHOLD,
            RANGE_LOWER,
            RANGE_UPPER,
            NORMALISE,
            REFERENCE,
            MARGIN,
            LEVEL,
        ],
        // Of two tests `difference` comes first, of more that of the first pair, of one its own value.
        numbers: &[
            "difference",
            "difference.{test}-{test}",
            "p_value",
            "p_value.{test}-{test}",
            "non_inferiority_p_value",
            "non_inferiority_p_value.{test}-{test}",
            "f_statistic",
            "df_numerator",
            "df_denominator",
            "denominator",
            "estimate.{test}",
            "ms_test",
            "ms_reader",
            "ms_case",
            "ms_test_reader",
            "ms_test_case",
            "ms_reader_case",
            "ms_test_reader_case",
            "var_reader",
            "var_case",
            "var_test_reader",
            "var_test_case",
            "var_reader_case",
            "var_error",
        ],
        run: answers::pseudovalues,
    },
    Entry {
        id: "mrmc-ustatistic",
        group: Group::ReaderStudies,
        title: "Reader study of any design by U-statistics",
        formula: "Var(mean area) = sum c_k M_k, k = 1..8: moments of products of two comparisons that share reader, positive and negative case, or not; Var(difference) = Var(a) + Var(b) - 2 Cov(a, b); t on the BDG degrees of freedom",
        source: "Gallas 2006; Gallas, Bandos, Samuelson and Wagner 2009; Obuchowski, Gallas and Hillis 2012",
        assumptions: "readers, positive and negative cases are independent random samples; any overlap of readings. The mean area weighs readers by their comparisons. Refused: a test with one reader; a reader without both classes",
        compared_with: "the moments by definition in R 4.2.2; degrees of freedom as the R code of iMRMC 2",
        roles: &[READER, TEST, CASE, TRUTH, RATING],
        settings: &[
            Setting {
                name: "variance",
                what: "unbiased U-statistic (u; may be negative) or V-statistic, the maximum likelihood estimate (v)",
                kind: SettingKind::Choice(&["u", "v"]),
                default: Some("u"),
            },
            Setting {
                name: "df_rule",
                what: "degrees of freedom rounded down, and normal above 50 (imrmc), or as they are (fractional)",
                kind: SettingKind::Choice(&["imrmc", "fractional"]),
                default: Some("imrmc"),
            },
            REFERENCE,
            MARGIN,
            LEVEL,
        ],
        // Of two tests `difference` comes first, of more that of the first pair, of one its own value.
        numbers: &[
            "difference",
            "difference.{test}-{test}",
            "p_value",
            "p_value.{test}-{test}",
            "non_inferiority_p_value",
            "non_inferiority_p_value.{test}-{test}",
            "variance",
            "variance.{test}-{test}",
            "variance_v",
            "variance_v.{test}-{test}",
            "covariance",
            "covariance.{test}-{test}",
            "df_bdg",
            "df_bdg.{test}-{test}",
            "auc.{test}",
            "df_hillis",
            "p_value_hillis",
        ],
        run: answers::ustatistic,
    },
    Entry {
        id: "standalone-vs-readers",
        group: Group::ReaderStudies,
        title: "Stand-alone algorithm against random readers",
        formula: "mean difference reader less algorithm +- t sqrt((MS(R) + r max(Cov2, 0))/r), df = (MS(R) + r max(Cov2, 0))^2/(MS(R)^2/(r - 1)), of the differences",
        source: "Hillis 2007, section 5.3; Hupse and others 2013; Chakraborty 2017 (1T-RRRC)",
        assumptions: "the algorithm is fixed, the readers a random sample; all rated the same cases",
        compared_with: "R 4.2.2 (definitions of RJafroc StCadVsRad)",
        roles: &[READER, CASE, TRUTH, RATING],
        settings: &[
            Setting {
                name: "standalone",
                what: "the label in `reader` that is the algorithm",
                kind: SettingKind::OptionalWord,
                default: None,
            },
            ANALYSIS,
            FIGURE_OF_MERIT,
            THRESHOLD,
            RANGE_LOWER,
            RANGE_UPPER,
            NORMALISE,
            COVARIANCE,
            MARGIN,
            LEVEL,
        ],
        numbers: &[
            "readers_minus_standalone",
            "p_value",
            "statistic",
            "df",
            "standalone_minus_readers",
            "non_inferiority_p_value",
            "standalone",
            "readers_mean",
            "readers_below_standalone",
            "readers",
            "ms_reader",
            "var_error",
            "cov2",
        ],
        run: answers::standalone,
    },
    Entry {
        id: "reading-time",
        group: Group::ReaderStudies,
        title: "Reading time in two or more conditions",
        formula: "ratio = exp(d +- t sqrt(2 (MS(TR) + MS(TC) - MS(TRC))/(r K))), d the difference of mean log times, df by Satterthwaite",
        source: "crossed random effects analysis of variance; Satterthwaite 1946",
        assumptions: "every reader read every case in every condition; log times additive with normal random effects of readers, cases and their interactions; readers and cases are random samples",
        compared_with: "R 4.2.2 aov; lme4 1.1.31 (REML)",
        roles: &[
            READER,
            Role {
                need: Need::One,
                what: "the reading condition: unaided, aided",
                ..TEST
            },
            CASE,
            Role {
                name: "time",
                what: "reading time, above 0, in any unit",
                kind: Kind::Finite,
                need: Need::One,
                missing: false,
            },
        ],
        settings: &[REFERENCE, LEVEL],
        // Of two conditions `time_ratio` comes first, of more that of the first pair, of one its mean.
        numbers: &[
            "time_ratio",
            "time_ratio.{test}-{test}",
            "p_value",
            "p_value.{test}-{test}",
            "log_difference",
            "log_difference.{test}-{test}",
            "df",
            "df.{test}-{test}",
            "geometric_mean.{test}",
        ],
        run: answers::reading_time,
    },
    Entry {
        id: "reader-study-power",
        group: Group::SampleSize,
        title: "Power of a reader study and the cases it needs",
        formula: "noncentral F on 1 and D^2/((V + q (e - c1 - d))^2/(r - 1)), noncentrality effect^2 r/(2 D), D = V + q (e - c1 + (r - 1) d), q = pilot cases/cases, d = max(cov2 - cov3, 0), V = max(var_test_reader, 0)",
        source: "Hillis, Obuchowski and Berbaum 2011",
        assumptions: "two tests, factorial design, two-sided test of difference 0; the components come from mrmc-or on a pilot study with the same ratio of positive to negative cases. For non-inferiority give effect = true difference + margin",
        compared_with: "RJafroc (published test values, Van Dyke); R 4.2.2 pf(ncp)",
        roles: &[],
        settings: &[
            Setting {
                name: "readers",
                what: "readers of the pivotal study",
                kind: SettingKind::Whole(1, 100_000),
                default: None,
            },
            Setting {
                name: "cases",
                what: "cases of the pivotal study, positive and negative together",
                kind: SettingKind::Whole(2, 10_000_000),
                default: None,
            },
            Setting {
                name: "effect",
                what: "true difference of the two tests",
                kind: SettingKind::Real(-1.0, 1.0),
                default: None,
            },
            component("var_test_reader", "variance component of test by reader"),
            component("var_error", "error variance"),
            component("cov1", "error covariance of one reader in two tests"),
            component("cov2", "error covariance of two readers in one test"),
            component("cov3", "error covariance of two readers in two tests"),
            Setting {
                name: "pilot_cases",
                what: "cases of the pilot study that gave the components",
                kind: SettingKind::Whole(2, 10_000_000),
                default: None,
            },
            Setting {
                name: "goal",
                what: "power that the cases needed shall exceed",
                kind: SettingKind::Open(0.0, 1.0),
                default: Some("0.8"),
            },
            Setting {
                name: "most_cases",
                what: "the largest number of cases tried",
                kind: SettingKind::Whole(2, 20_000),
                default: Some("2000"),
            },
            ANALYSIS,
            LEVEL,
        ],
        numbers: &[
            "power",
            "cases_needed",
            "noncentrality",
            "df_denominator",
            "critical_value",
        ],
        run: answers::power,
    },
];

const fn component(name: &'static str, what: &'static str) -> Setting {
    Setting {
        name,
        what,
        kind: SettingKind::Real(-1.0, 1.0),
        default: None,
    }
}

#[cfg(test)]
mod tests;
