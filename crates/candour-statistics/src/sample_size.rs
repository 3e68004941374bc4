//! Sample sizes: how many cases a study needs, with the power reached and power over n.
//!
//! Entries read settings only. Where the exact power of a binomial test jumps up and down with n
//! (saw-tooth, Chernick and Liu 2002), the answer is the smallest n from which on every n has the
//! power, proved by bounds and not by looking ahead a while; the first n with the power stands beside it.

use crate::agreement::categorical::{Weights, cohen_kappa};
use crate::catalogue::{Entry, Group, LEVEL, Sample, Setting, SettingKind};
use crate::distribution::{
    beta_quantile, binomial_cdf, binomial_pmf, binomial_tail, f_quantile, f_tail, noncentral_t_cdf,
    normal_cdf, normal_density, normal_quantile, poisson_raw, t_quantile, two_sided_z,
};
use crate::number::{Answer, Cell, Number, StatisticsError, Table};
use crate::proportion::digits;
use crate::surveillance::gauss_legendre;

/// The entries of this group.
pub const ENTRIES: &[Entry] = &[
    PROPORTION_PRECISION,
    PROPORTION_GOAL,
    SE_SP_GOALS,
    TWO_PROPORTIONS,
    PAIRED_PROPORTIONS,
    AUC,
    TWO_AUCS,
    AUC_NON_INFERIORITY,
    KAPPA,
    INTRACLASS,
    BLAND_ALTMAN,
    CALIBRATION,
    CLUSTER_SIZE,
];

/// More cases than this are refused: the setting is then surely a slip.
const MOST: f64 = 1e9;

const ALPHA: Setting = Setting {
    name: "alpha",
    what: "type I error, on the sides of the test",
    kind: SettingKind::Open(0.0, 0.5),
    default: Some("0.05"),
};

const ALPHA_ONE_SIDED: Setting = Setting {
    name: "alpha",
    what: "one-sided type I error",
    kind: SettingKind::Open(0.0, 0.5),
    default: Some("0.025"),
};

const SIDES: Setting = Setting {
    name: "sides",
    what: "one-sided or two-sided test",
    kind: SettingKind::Choice(&["two", "one"]),
    default: Some("two"),
};

const POWER: Setting = Setting {
    name: "power",
    what: "power wanted",
    kind: SettingKind::Open(0.0, 1.0),
    default: Some("0.8"),
};

/// The numbers of the sizes for areas under the ROC curve.
const AUC_NUMBERS: &[&str] = &[
    "n",
    "power",
    "n_positive",
    "n_negative",
    "n_positive_unrounded",
];

const fn probability(name: &'static str, what: &'static str) -> Setting {
    Setting {
        name,
        what,
        kind: SettingKind::Open(0.0, 1.0),
        default: None,
    }
}

const fn ratio(what: &'static str) -> Setting {
    Setting {
        name: "ratio",
        what,
        kind: SettingKind::Real(1e-3, 1e3),
        default: Some("1"),
    }
}

/// Precision of a proportion.
const PROPORTION_PRECISION: Entry = Entry {
    id: "size-proportion-precision",
    group: Group::SampleSize,
    title: "Cases for a proportion to a given precision",
    formula: "smallest n whose interval is no wider than `width`: at the expected proportion (x = n p, as a real number), or on average over Binomial(n, p); Wilson, Clopper-Pearson (beta quantiles) or Wald (4 z^2 p (1-p) / width^2)",
    source: "Wilson 1927; Clopper and Pearson 1934; Newcombe 2012",
    assumptions: "Independent cases; an observed proportion further towards one half gives a wider interval. The average width falls with n but for tiny ripples; the first n is taken",
    compared_with: "R 4.2.2 qbeta, binom.test, prop.test; epiR 2.0.57 epi.sssimpleestb",
    roles: &[],
    settings: &[
        probability("expected", "expected proportion"),
        probability("width", "greatest width of the interval, from end to end"),
        Setting {
            name: "method",
            what: "kind of interval",
            kind: SettingKind::Choice(&["wilson", "clopper-pearson", "wald"]),
            default: Some("wilson"),
        },
        Setting {
            name: "criterion",
            what: "width at the expected proportion, or on average over the possible results",
            kind: SettingKind::Choice(&["expected", "average"]),
            default: Some("expected"),
        },
        LEVEL,
    ],
    numbers: &["n", "width"],
    run: run_proportion_precision,
};

/// A proportion against a goal.
const PROPORTION_GOAL: Entry = Entry {
    id: "size-proportion-goal",
    group: Group::SampleSize,
    title: "Cases for a proportion against a performance goal",
    formula: "exact one-sided binomial test: reject when X >= r (mirrored where less is claimed), r the smallest count with P(X >= r | goal) <= alpha; power = P(X >= r | expected). n: from it on every n has the power; n_first: the first n with the power",
    source: "Chernick and Liu 2002, The American Statistician 56:149",
    assumptions: "Independent cases. Above a bound from Chernoff's inequality every n surely has the power; below it blocks of n are settled by stochastic ordering, so no n is overlooked",
    compared_with: "R 4.2.2 qbinom, pbinom over every n",
    roles: &[],
    settings: &[
        probability(
            "goal",
            "performance goal: the proportion under the null hypothesis",
        ),
        probability("expected", "expected true proportion"),
        ALPHA_ONE_SIDED,
        POWER,
    ],
    numbers: &[
        "n",
        "power",
        "n_first",
        "power_first",
        "critical_count",
        "alpha_reached",
    ],
    run: run_proportion_goal,
};

/// Sensitivity and specificity against goals.
const SE_SP_GOALS: Entry = Entry {
    id: "size-se-sp-goals",
    group: Group::SampleSize,
    title: "Cases for sensitivity and specificity, both against goals",
    formula: "both exact binomial tests must reject (no division of alpha); joint power = product of the two, for they rest on different cases; floor(n prevalence) positives and the rest negative; n: from it on every total has the joint power. Assured total: smallest n with P(Binomial(n, prevalence) >= positives needed) >= assurance and the same for negatives",
    source: "Chernick and Liu 2002; Flahault, Cadilhac and Thomas 2005 (assured numbers)",
    assumptions: "Consecutive cases, independent; prevalence known",
    compared_with: "R 4.2.2 pbinom over every n",
    roles: &[],
    settings: &[
        probability("sensitivity", "expected sensitivity"),
        probability("sensitivity_goal", "goal of sensitivity"),
        probability("specificity", "expected specificity"),
        probability("specificity_goal", "goal of specificity"),
        probability("prevalence", "share of positive cases"),
        Setting {
            name: "assurance",
            what: "probability with which recruitment reaches the positives and the negatives needed",
            kind: SettingKind::Open(0.0, 1.0),
            default: Some("0.9"),
        },
        ALPHA_ONE_SIDED,
        POWER,
    ],
    numbers: &[
        "n",
        "power",
        "n_positive",
        "n_negative",
        "power_sensitivity",
        "power_specificity",
        "n_first",
        "n_assured",
    ],
    run: run_se_sp_goals,
};

/// Two independent proportions.
const TWO_PROPORTIONS: Entry = Entry {
    id: "size-two-proportions",
    group: Group::SampleSize,
    title: "Cases for two independent proportions",
    formula: "n_first = (z_a sqrt(V0) + z_b sqrt(V1))^2 / d^2, V1 = p1 q1 + p2 q2 / k, k = n_second / n_first; V0: pooled (1 + 1/k) p q, unpooled V1, or at the restricted maximum likelihood (Farrington-Manning); arcsine: (z_a + z_b)^2 (1 + 1/k) / h^2 with h = 2 asin sqrt p1 - 2 asin sqrt p2; corrected: pooled with n/4 (1 + sqrt(1 + 2 (k+1) / (n k |d|)))^2. Non-inferiority: d = p1 - p2 + margin",
    source: "Fleiss, Levin and Paik 2003; Farrington and Manning 1990; Cohen 1988",
    assumptions: "Independent cases; normal approximation. With a margin the test is one-sided and `first` is the new method whose higher rate is better",
    compared_with: "R 4.2.2 power.prop.test; pwr 1.3.0 pwr.2p.test; restricted likelihood by optimize",
    roles: &[],
    settings: &[
        probability("first", "expected proportion of the first group"),
        probability("second", "expected proportion of the second group"),
        ratio("cases of the second group for each of the first"),
        Setting {
            name: "margin",
            what: "margin of non-inferiority of the first group; 0 tests a difference",
            kind: SettingKind::Real(0.0, 1.0),
            default: Some("0"),
        },
        Setting {
            name: "method",
            what: "variance under the null hypothesis, or the arcsine method; auto: pooled, with a margin farrington-manning",
            kind: SettingKind::Choice(&[
                "auto",
                "pooled",
                "unpooled",
                "corrected",
                "arcsine",
                "farrington-manning",
            ]),
            default: Some("auto"),
        },
        ALPHA,
        Setting {
            what: "one-sided or two-sided test; auto: two, with a margin one",
            kind: SettingKind::Choice(&["auto", "two", "one"]),
            default: Some("auto"),
            ..SIDES
        },
        POWER,
    ],
    numbers: &["n", "power", "n_first", "n_second", "n_first_unrounded"],
    run: run_two_proportions,
};

/// Two paired proportions.
const PAIRED_PROPORTIONS: Entry = Entry {
    id: "size-paired-proportions",
    group: Group::SampleSize,
    title: "Pairs for McNemar's test of two proportions",
    formula: "n = (z_a sqrt(pd) + z_b sqrt(pd - d^2))^2 / d^2, pd = gain + loss, d = gain - loss; beside it the exact unconditional power of the exact conditional McNemar test at that n, and n_exact: the n from which on that test has the power (it and the fifty above it)",
    source: "Connor 1987, Biometrics 43:207; Duffy 1984 (exact power)",
    assumptions: "Independent pairs. For two sensitivities count diseased cases only, for specificities healthy ones",
    compared_with: "R 4.2.2, closed form and dbinom/pbinom enumeration",
    roles: &[],
    settings: &[
        probability(
            "gain",
            "share of pairs where the first is right and the second wrong",
        ),
        Setting {
            name: "loss",
            what: "share of pairs where the second is right and the first wrong; a one-sided test wants it below the gain",
            kind: SettingKind::Real(0.0, 1.0),
            default: None,
        },
        ALPHA,
        SIDES,
        POWER,
    ],
    numbers: &["n", "power", "n_unrounded", "power_exact", "n_exact"],
    run: run_paired_proportions,
};

/// One AUC against a null value.
const AUC: Entry = Entry {
    id: "size-auc",
    group: Group::SampleSize,
    title: "Cases for one AUC against a null value",
    formula: "positives = (z_a sqrt(V0) + z_b sqrt(VA))^2 / (auc - null)^2, negatives = ratio times as many; V by Obuchowski and McClish: 0.0099 exp(-a^2/2) (5 a^2 + 8 + (a^2 + 8)/ratio), a = 1.414 z(auc); or by Hanley and McNeil: Q1/ratio + Q2 - auc^2 (1/ratio + 1), Q1 = auc/(2 - auc), Q2 = 2 auc^2/(1 + auc)",
    source: "Obuchowski and McClish 1997; Obuchowski, Lieber and Wians 2004; Hanley and McNeil 1982",
    assumptions: "Independent cases; binormal scores of equal spread (Obuchowski) or exponential ones (Hanley and McNeil)",
    compared_with: "pROC 1.18.0 power.roc.test(auc, power, kappa)",
    roles: &[],
    settings: &[
        probability("auc", "expected area under the ROC curve"),
        Setting {
            name: "null",
            what: "area under the null hypothesis",
            kind: SettingKind::Open(0.0, 1.0),
            default: Some("0.5"),
        },
        ratio("negative cases for each positive one"),
        Setting {
            name: "method",
            what: "variance of the area",
            kind: SettingKind::Choice(&["obuchowski", "hanley-mcneil"]),
            default: Some("obuchowski"),
        },
        ALPHA,
        SIDES,
        POWER,
    ],
    numbers: AUC_NUMBERS,
    run: run_auc,
};

const BINORMAL: [Setting; 6] = [
    Setting {
        name: "first_sd_ratio",
        what: "binormal b of the first: standard deviation of negatives over that of positives",
        kind: SettingKind::Real(0.01, 100.0),
        default: Some("1"),
    },
    Setting {
        name: "second_sd_ratio",
        what: "binormal b of the second",
        kind: SettingKind::Real(0.01, 100.0),
        default: Some("1"),
    },
    Setting {
        name: "correlation_positive",
        what: "correlation of the two scores among positives; 0 where different cases are scored",
        kind: SettingKind::Real(-1.0, 1.0),
        default: None,
    },
    Setting {
        name: "correlation_negative",
        what: "correlation of the two scores among negatives",
        kind: SettingKind::Real(-1.0, 1.0),
        default: None,
    },
    probability("first_auc", "expected area of the first (new) test"),
    probability("second_auc", "expected area of the second test"),
];

/// Two AUCs.
const TWO_AUCS: Entry = Entry {
    id: "size-two-aucs",
    group: Group::SampleSize,
    title: "Cases for two AUCs on the same cases",
    formula: "binormal a = z(auc) sqrt(1 + b^2); f = exp(-a^2/(2(1+b^2))) / sqrt(2 pi (1+b^2)), g = -a b exp(-a^2/(2(1+b^2))) / sqrt(2 pi (1+b^2)^3); V = f^2 (1 + b^2/k + a^2/2) + g^2 b^2 (1+k)/(2k); C = f1 f2 (ra + rn b1 b2/k + ra^2 a1 a2/2) + g1 g2 b1 b2 (rn^2 + k ra^2)/(2k) + f1 g2 ra^2 a1 b2/2 + f2 g1 ra^2 a2 b1/2; positives = (z_a sqrt(2 V1 - 2 C) + z_b sqrt(V1 + V2 - 2 C))^2 / (auc1 - auc2)^2",
    source: "Obuchowski and McClish 1997, Stat Med 16:1529",
    assumptions: "Independent cases, binormal scores",
    compared_with: "pROC 1.18.0 power.roc.test(list(A1, B1, A2, B2, rn, ra, delta))",
    roles: &[],
    settings: &[
        BINORMAL[4],
        BINORMAL[5],
        BINORMAL[0],
        BINORMAL[1],
        BINORMAL[2],
        BINORMAL[3],
        ratio("negative cases for each positive one"),
        ALPHA,
        SIDES,
        POWER,
    ],
    numbers: AUC_NUMBERS,
    run: run_two_aucs,
};

/// Non-inferiority of an AUC.
const AUC_NON_INFERIORITY: Entry = Entry {
    id: "size-auc-non-inferiority",
    group: Group::SampleSize,
    title: "Cases for the non-inferiority of an AUC",
    formula: "positives = (z_a + z_b)^2 (V1 + V2 - 2 C) / (auc1 - auc2 + margin)^2 with the binormal V and C of size-two-aucs",
    source: "Obuchowski 1997, Acad Radiol 4:749; Liu et al. 2006, Stat Med 25:1219",
    assumptions: "One-sided test; independent cases, binormal scores; the margin stands in the plan",
    compared_with: "pROC 1.18.0 variance and covariance (cov.params.obuchowski), closed form in R",
    roles: &[],
    settings: &[
        BINORMAL[4],
        BINORMAL[5],
        probability("margin", "margin of non-inferiority"),
        BINORMAL[0],
        BINORMAL[1],
        BINORMAL[2],
        BINORMAL[3],
        ratio("negative cases for each positive one"),
        ALPHA_ONE_SIDED,
        POWER,
    ],
    numbers: AUC_NUMBERS,
    run: run_auc_non_inferiority,
};

/// Kappa.
const KAPPA: Entry = Entry {
    id: "size-kappa",
    group: Group::SampleSize,
    title: "Subjects for the kappa of two raters with two categories",
    formula: "test: n = ((z_a sqrt(Q0) + z_b sqrt(Q1)) / (kappa - null))^2, Q the large-sample variance of one subject (Fleiss, Cohen and Everitt) at the table that the rates and kappa make; precision: n = 4 z^2 Q1 / width^2",
    source: "Cantor 1996, Psychological Methods 1:150",
    assumptions: "Independent subjects and raters; the rates allow the kappas, else it is said",
    compared_with: "R 4.2.2, formula of Cantor 1996 written out",
    roles: &[],
    settings: &[
        probability("first_rate", "share that the first rater calls positive"),
        probability("second_rate", "share that the second rater calls positive"),
        Setting {
            name: "kappa",
            what: "expected kappa",
            kind: SettingKind::Open(-1.0, 1.0),
            default: None,
        },
        Setting {
            name: "null",
            what: "kappa under the null hypothesis",
            kind: SettingKind::Open(-1.0, 1.0),
            default: Some("0"),
        },
        Setting {
            name: "width",
            what: "greatest width of the interval; where given, n is for precision and not for the test",
            kind: SettingKind::OptionalReal(1e-4, 2.0),
            default: None,
        },
        LEVEL,
        ALPHA,
        SIDES,
        POWER,
    ],
    numbers: &["n", "power", "width", "n_unrounded"],
    run: run_kappa,
};

/// Intraclass correlation.
const INTRACLASS: Entry = Entry {
    id: "size-icc",
    group: Group::SampleSize,
    title: "Subjects for an intraclass correlation",
    formula: "Walter: n = 1 + 2 (z_a + z_b)^2 k / ((ln C)^2 (k - 1)), C = (1 + k t0)/(1 + k t1), t = icc/(1 - icc); exact: smallest n with P(F(n-1, n(k-1)) > C F_(1-alpha)) >= power; precision (Bonett): n = 8 z^2 (1-icc)^2 (1 + (k-1) icc)^2 / (k (k-1) width^2) + 1",
    source: "Walter, Eliasziw and Donner 1998; Donner and Eliasziw 1987; Bonett 2002",
    assumptions: "One-way random effects, ICC(1,1); one-sided test of icc > null",
    compared_with: "R 4.2.2 qf, pf; published n = 39 for icc 0.8 against 0.6 with two raters (Walter 1998)",
    roles: &[],
    settings: &[
        probability("icc", "expected intraclass correlation"),
        Setting {
            name: "null",
            what: "intraclass correlation under the null hypothesis",
            kind: SettingKind::Real(0.0, 0.999_999),
            default: Some("0"),
        },
        Setting {
            name: "raters",
            what: "ratings of each subject",
            kind: SettingKind::Whole(2, 1000),
            default: Some("2"),
        },
        Setting {
            name: "method",
            what: "Walter's formula, the exact F test, or precision; auto: precision where `width` is given, else walter",
            kind: SettingKind::Choice(&["auto", "walter", "exact", "precision"]),
            default: Some("auto"),
        },
        Setting {
            name: "width",
            what: "greatest width of the interval; where given, n is for precision and not for the test",
            kind: SettingKind::OptionalReal(1e-4, 2.0),
            default: None,
        },
        LEVEL,
        Setting {
            name: "alpha",
            what: "one-sided type I error",
            kind: SettingKind::Open(0.0, 0.5),
            default: Some("0.05"),
        },
        POWER,
    ],
    numbers: &[
        "n",
        "power",
        "n_exact",
        "n_walter_unrounded",
        "width",
        "n_unrounded",
    ],
    run: run_icc,
};

/// Bland-Altman limits.
const BLAND_ALTMAN: Entry = Entry {
    id: "size-bland-altman",
    group: Group::SampleSize,
    title: "Subjects for Bland-Altman limits of agreement",
    formula: "agreement: smallest n with P(|mean of n| <= max_difference - K s) >= power, K = z + t_(1-(1-level)/2) sqrt(1/n + z^2/(2(n-1))): both limits' intervals lie within +/- max_difference, exactly; beside it Lu's approximation, power = 1 - b1 - b2, b = P(noncentral t(n-1, tau) <= t), tau = (max_difference -/+ mean - z sd) / (sd sqrt(1/n + z^2/(2(n-1)))); precision: t_(1-(1-level)/2) sd sqrt(1/n + z^2/(2(n-1))) <= half_width",
    source: "Lu et al. 2016, Int J Biostat 12(2); Bland and Altman 1999",
    assumptions: "Independent normal differences of one spread; one pair for each subject. Not estimable where the expected limits themselves lie outside max_difference",
    compared_with: "R 4.2.2 integrate and pchisq (exact), pt with ncp (Lu); MedCalc's documented n = 83 (mean 0.001167, SD 0.001129, maximum 0.004); SimplyAgree blandPowerCurve (Lu), documented n = 145 (SD 3.3, maximum 8)",
    roles: &[],
    settings: &[
        Setting {
            name: "mean",
            what: "expected mean difference, in the unit of measurement",
            kind: SettingKind::Real(-1e12, 1e12),
            default: Some("0"),
        },
        Setting {
            name: "sd",
            what: "expected standard deviation of differences",
            kind: SettingKind::Open(0.0, 1e12),
            default: None,
        },
        Setting {
            name: "max_difference",
            what: "largest acceptable difference",
            kind: SettingKind::OptionalReal(0.0, 1e12),
            default: None,
        },
        Setting {
            name: "half_width",
            what: "greatest half width of a limit's interval; where given, n is for precision",
            kind: SettingKind::OptionalReal(0.0, 1e12),
            default: None,
        },
        Setting {
            name: "coverage",
            what: "share of differences between the limits",
            kind: SettingKind::Open(0.0, 1.0),
            default: Some("0.95"),
        },
        LEVEL,
        POWER,
    ],
    numbers: &["n", "power", "n_lu_2016", "power_lu_2016", "half_width"],
    run: run_bland_altman,
};

/// External validation of a prediction.
const CALIBRATION: Entry = Entry {
    id: "size-calibration",
    group: Group::SampleSize,
    title: "Cases for the external validation of predicted probabilities",
    formula: "O:E: n = (1 - prevalence) / (prevalence SE^2), SE = asinh(width/2)/z (interval exp(-/+ z SE) around 1); slope: n = Ia / (SE^2 (Ia Ib - Iab^2)), Ia = E p(1-p), Iab = E x p(1-p), Ib = E x^2 p(1-p) with the linear predictor x normal; c statistic: smallest n with Newcombe's SE^2 = c(1-c)(1 + (n/2 - 1)(1-c)/(2-c) + (n/2 - 1)c/(1+c)) / (n^2 prevalence (1-prevalence)) within width; n = the largest",
    source: "Riley et al. 2021, Stat Med 40:4230; Newcombe 2006",
    assumptions: "The model is well calibrated in the validation population; linear predictor normal with the mean and SD given",
    compared_with: "R 4.2.2 integrate and closed forms of Riley 2021",
    roles: &[],
    settings: &[
        probability("prevalence", "share of events expected"),
        probability("c_statistic", "expected c statistic"),
        Setting {
            name: "predictor_mean",
            what: "mean of the linear predictor (logit of the probability)",
            kind: SettingKind::Real(-50.0, 50.0),
            default: None,
        },
        Setting {
            name: "predictor_sd",
            what: "standard deviation of the linear predictor",
            kind: SettingKind::Open(0.0, 50.0),
            default: None,
        },
        Setting {
            name: "oe_width",
            what: "greatest width of the interval of O:E",
            kind: SettingKind::Open(0.0, 10.0),
            default: Some("1"),
        },
        Setting {
            name: "slope_width",
            what: "greatest width of the interval of the calibration slope",
            kind: SettingKind::Open(0.0, 10.0),
            default: Some("0.2"),
        },
        Setting {
            name: "c_width",
            what: "greatest width of the interval of the c statistic",
            kind: SettingKind::Open(0.0, 1.0),
            default: Some("0.1"),
        },
        LEVEL,
    ],
    numbers: &[
        "n",
        "events",
        "n_observed_expected",
        "n_slope",
        "n_c_statistic",
        "n_observed_expected_unrounded",
        "n_slope_unrounded",
    ],
    run: run_calibration,
};

/// Clustered cases.
const CLUSTER_SIZE: Entry = Entry {
    id: "size-cluster",
    group: Group::SampleSize,
    title: "Cases where they come in clusters",
    formula: "design effect = 1 + ((1 + cv^2) m - 1) icc; n = ceil(n_independent times design effect); clusters = ceil(n / m)",
    source: "Donner and Klar 2000; Eldridge, Ashby and Kerry 2006 (unequal clusters)",
    assumptions: "One intraclass correlation; cluster sizes of mean m and coefficient of variation cv",
    compared_with: "closed form in R 4.2.2",
    roles: &[],
    settings: &[
        Setting {
            name: "independent",
            what: "cases needed if all were independent",
            kind: SettingKind::Whole(1, 1_000_000_000),
            default: None,
        },
        Setting {
            name: "cluster_size",
            what: "mean cases in a cluster",
            kind: SettingKind::Real(1.0, 1e6),
            default: None,
        },
        Setting {
            name: "icc",
            what: "intraclass correlation of the outcome",
            kind: SettingKind::Real(0.0, 1.0),
            default: None,
        },
        Setting {
            name: "size_cv",
            what: "coefficient of variation of cluster sizes",
            kind: SettingKind::Real(0.0, 10.0),
            default: Some("0"),
        },
    ],
    numbers: &["n", "design_effect", "clusters", "effective_n"],
    run: run_cluster,
};

/// A test by normal approximation: one unit's variances under the null and the alternative, and the
/// distance of the hypotheses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormalTest {
    /// Variance of one unit under the null hypothesis.
    pub null_variance: f64,
    /// Variance of one unit under the alternative.
    pub variance: f64,
    /// Distance of the hypotheses.
    pub distance: f64,
    /// Normal quantile of the type I error.
    pub z: f64,
}

impl NormalTest {
    /// Units needed, as a real number.
    ///
    /// # Errors
    /// Not estimable when the hypotheses coincide or the number is beyond all measure.
    pub fn units(&self, power: f64) -> Result<f64, StatisticsError> {
        let n = ((self.z * self.null_variance.sqrt()
            + normal_quantile(power) * self.variance.sqrt())
            / self.distance)
            .powi(2);
        if self.distance == 0.0 || !n.is_finite() || n > MOST {
            return Err(StatisticsError::not_estimable(
                "the expected value lies on the null hypothesis, or so close that no study is large enough",
            ));
        }
        if self.z * self.null_variance.sqrt() + normal_quantile(power) * self.variance.sqrt() <= 0.0
        {
            return Err(StatisticsError::not_estimable(
                "a power this low needs no cases; ask for more",
            ));
        }
        Ok(n)
    }

    /// Power with `n` units.
    #[must_use]
    pub fn power(&self, n: f64) -> f64 {
        normal_cdf(
            (self.distance.abs() * n.sqrt() - self.z * self.null_variance.sqrt())
                / self.variance.sqrt(),
        )
    }
}

/// The exact one-sided binomial test of p > goal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GoalTest {
    /// Proportion under the null hypothesis.
    pub goal: f64,
    /// True proportion, above `goal`.
    pub expected: f64,
    /// One-sided type I error.
    pub alpha: f64,
}

impl GoalTest {
    /// The test of a claim above or below its goal; below it counts failures.
    ///
    /// # Errors
    /// Setting: proportions outside (0, 1). Not estimable: goal and expectation are equal.
    pub fn new(goal: f64, expected: f64, alpha: f64) -> Result<Self, StatisticsError> {
        for (name, p) in [("goal", goal), ("expected", expected), ("alpha", alpha)] {
            if !(p > 0.0 && p < 1.0) {
                return Err(StatisticsError::setting(
                    name,
                    p,
                    "a number between 0 and 1",
                ));
            }
        }
        if goal == expected {
            return Err(StatisticsError::not_estimable(
                "the expected proportion equals the goal: no study can show what is not so",
            ));
        }
        Ok(if expected > goal {
            Self {
                goal,
                expected,
                alpha,
            }
        } else {
            Self {
                goal: 1.0 - goal,
                expected: 1.0 - expected,
                alpha,
            }
        })
    }

    /// The smallest count that rejects with `n` cases; `n + 1` where none does.
    #[must_use]
    pub fn critical(&self, n: u64) -> u64 {
        // Invariant: `low` does not reject, `high` does (or is n + 1).
        let (mut low, mut high) = (0, n + 1);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if binomial_tail(middle - 1, n, self.goal) <= self.alpha {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }

    /// P(X >= r) with `n` cases at a true proportion `p`.
    fn reaches(r: u64, n: u64, p: f64) -> f64 {
        if r == 0 {
            1.0
        } else {
            binomial_tail(r - 1, n, p)
        }
    }

    /// Power with `n` cases.
    #[must_use]
    pub fn power(&self, n: u64) -> f64 {
        Self::reaches(self.critical(n), n, self.expected)
    }

    /// Type I error that the test really has with `n` cases.
    #[must_use]
    pub fn size(&self, n: u64) -> f64 {
        Self::reaches(self.critical(n), n, self.goal)
    }

    /// No `n` of the block has less power than this: more cases cannot lower the count, and the
    /// critical count of the last is the highest.
    fn floor(&self, first: u64, last: u64) -> f64 {
        Self::reaches(self.critical(last), first, self.expected)
    }

    /// No `n` of the block has more power than this.
    fn ceiling(&self, first: u64, last: u64) -> f64 {
        Self::reaches(self.critical(first), last, self.expected)
    }

    /// A number of cases from which on the power is surely reached, by Chernoff's inequality.
    fn surely(&self, power: f64) -> Result<u64, StatisticsError> {
        let divergence = |c: f64, p: f64| {
            let part = |a: f64, b: f64| if a <= 0.0 { 0.0 } else { a * (a / b).ln() };
            part(c, p) + part(1.0 - c, 1.0 - p)
        };
        let enough = |n: f64| {
            let need = -self.alpha.ln() / n;
            if divergence(self.expected, self.goal) < need {
                return false;
            }
            let (mut low, mut high) = (self.goal, self.expected);
            for _ in 0..100 {
                let middle = f64::midpoint(low, high);
                if divergence(middle, self.goal) < need {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            n * divergence(high, self.expected) >= -(1.0 - power).ln()
        };
        let mut n = 1.0;
        while !enough(n) {
            n *= 2.0;
            if n > MOST {
                return Err(StatisticsError::not_estimable(
                    "goal and expectation are so close that no study is large enough",
                ));
            }
        }
        let (mut low, mut high) = (n / 2.0, n);
        while high - low > 1.0 {
            let middle = f64::midpoint(low, high).floor();
            if enough(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        Ok(high as u64)
    }

    /// The smallest n from which on every n has the power, and the first n that has it.
    ///
    /// # Errors
    /// Not estimable when no study is large enough.
    pub fn sizes(&self, power: f64) -> Result<(u64, u64), StatisticsError> {
        let sure = self.surely(power)?;
        let safe = last_below(1, sure, power, &|a, b| self.floor(a, b)).map_or(1, |n| n + 1);
        let first = first_reaching(1, safe, power, &|a, b| self.ceiling(a, b)).unwrap_or(safe);
        Ok((safe, first))
    }
}

/// The last n of a range whose power stays below `power`; `floor` bounds a block from below and is
/// exact where it is one n.
fn last_below(first: u64, last: u64, power: f64, floor: &dyn Fn(u64, u64) -> f64) -> Option<u64> {
    if first > last || floor(first, last) >= power {
        return None;
    }
    if first == last {
        return Some(first);
    }
    let middle = first + (last - first) / 2;
    last_below(middle + 1, last, power, floor).or_else(|| last_below(first, middle, power, floor))
}

/// The first n of a range whose power reaches `power`; `ceiling` bounds a block from above.
fn first_reaching(
    first: u64,
    last: u64,
    power: f64,
    ceiling: &dyn Fn(u64, u64) -> f64,
) -> Option<u64> {
    if first > last || ceiling(first, last) < power {
        return None;
    }
    if first == last {
        return Some(first);
    }
    let middle = first + (last - first) / 2;
    first_reaching(first, middle, power, ceiling)
        .or_else(|| first_reaching(middle + 1, last, power, ceiling))
}

/// Width of an interval for `x` successes (a real number) in `n`.
#[must_use]
pub fn proportion_width(x: f64, n: f64, method: &str, level: f64) -> f64 {
    let tail = (1.0 - level) / 2.0;
    let z = -normal_quantile(tail);
    let p = x / n;
    match method {
        "clopper-pearson" => {
            let lower = if x <= 0.0 {
                0.0
            } else {
                beta_quantile(tail, x, n - x + 1.0)
            };
            let upper = if x >= n {
                1.0
            } else {
                beta_quantile(1.0 - tail, x + 1.0, n - x)
            };
            upper - lower
        }
        "wald" => 2.0 * z * (p * (1.0 - p) / n).sqrt(),
        _ => 2.0 * z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt(),
    }
}

/// Average width over the binomial results.
fn average_width(n: u64, p: f64, method: &str, level: f64) -> f64 {
    let spread = 9.0 * (n as f64 * p * (1.0 - p)).sqrt() + 20.0;
    let low = (n as f64 * p - spread).max(0.0) as u64;
    let high = ((n as f64 * p + spread).ceil() as u64).min(n);
    (low..=high)
        .map(|x| binomial_pmf(x, n, p) * proportion_width(x as f64, n as f64, method, level))
        .sum()
}

/// The first n from `least` on that holds, for a condition that stays true once it is.
fn smallest(least: u64, holds: impl Fn(u64) -> bool) -> Result<u64, StatisticsError> {
    let mut high = least.max(1);
    let mut low = high - 1;
    while !holds(high) {
        low = high;
        high *= 2;
        if high as f64 > MOST {
            return Err(StatisticsError::not_estimable("no study is large enough"));
        }
    }
    low = low.max(least.saturating_sub(1));
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(high)
}

/// Rounds up, forgiving the rounding error of a number that is whole.
fn up(n: f64) -> u64 {
    (n * (1.0 - 1e-12)).ceil().max(1.0) as u64
}

fn number(name: &str, definition: &str, value: f64, n: u64) -> Number {
    Number::plain(name, definition, value, n as usize)
}

fn whole(n: u64) -> Cell {
    Cell::Whole(n as i64)
}

/// Around twenty sizes from half of n to one and a half.
fn around(n: u64) -> Vec<u64> {
    let mut sizes: Vec<u64> = (10..=30).map(|i| (n * i).div_ceil(20).max(2)).collect();
    sizes.push(n);
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

fn power_table(unit: &str, n: u64, power: impl Fn(u64) -> f64) -> Table {
    Table {
        name: "power".into(),
        columns: vec![unit.into(), "power".into()],
        rows: around(n)
            .into_iter()
            .map(|n| vec![whole(n), Cell::Real(power(n))])
            .collect(),
    }
}

/// The normal quantile of alpha on the sides of the test.
fn z_of(sample: &Sample) -> f64 {
    z_at(sample.real("alpha"), sample.word("sides") == "two")
}

fn z_at(alpha: f64, two_sided: bool) -> f64 {
    -normal_quantile(if two_sided { alpha / 2.0 } else { alpha })
}

/// What a size for precision leaves aside.
fn precision_note(idle: &str) -> String {
    format!("n is for the width of the interval: {idle} have no part in it")
}

fn run_proportion_precision(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (p, width, level) = (
        sample.real("expected"),
        sample.real("width"),
        sample.real("level"),
    );
    let method = sample.word("method");
    let average = sample.word("criterion") == "average";
    two_sided_z(level)?;
    let of = |n: u64| {
        if average {
            average_width(n, p, method, level)
        } else {
            proportion_width(n as f64 * p, n as f64, method, level)
        }
    };
    if average && 4.0 * two_sided_z(level)?.powi(2) * p * (1.0 - p) / (width * width) > 1e6 {
        return Err(StatisticsError::setting(
            "criterion",
            "average",
            "it enumerates results up to a million cases; beyond, the width at the expected proportion is the same to all digits that matter",
        ));
    }
    let n = smallest(1, |n| of(n) <= width)?;
    let definition = format!(
        "size.{method}.{}",
        if average {
            "average-width"
        } else {
            "width-at-expected"
        }
    );
    Ok(Answer {
        numbers: vec![
            number("n", &definition, n as f64, n),
            number("width", &definition, of(n), n),
        ],
        tables: vec![Table {
            name: "width".into(),
            columns: vec!["n".into(), "width".into()],
            rows: around(n)
                .into_iter()
                .map(|n| vec![whole(n), Cell::Real(of(n))])
                .collect(),
        }],
        notes: vec![
            "this is precision, not power: the observed proportion decides the width that is met"
                .into(),
        ],
        ..Answer::default()
    })
}

fn run_proportion_goal(sample: &Sample) -> Result<Answer, StatisticsError> {
    let power = sample.real("power");
    let test = GoalTest::new(
        sample.real("goal"),
        sample.real("expected"),
        sample.real("alpha"),
    )?;
    let (n, first) = test.sizes(power)?;
    let failures = sample.real("expected") < sample.real("goal");
    // Where less is claimed the test counts the other outcome: turn its critical count back.
    let shown = |n: u64| {
        if failures {
            n as i64 - test.critical(n) as i64
        } else {
            test.critical(n) as i64
        }
    };
    let mut sizes: Vec<u64> = (first.saturating_sub(5).max(1)..=(n + 5).min(first + 150)).collect();
    sizes.extend(around(n));
    sizes.sort_unstable();
    sizes.dedup();
    Ok(Answer {
        numbers: vec![
            number("n", "size.exact-binomial.safe", n as f64, n),
            number("power", "power.exact-binomial", test.power(n), n),
            number("n_first", "size.exact-binomial.first", first as f64, first),
            number(
                "power_first",
                "power.exact-binomial",
                test.power(first),
                first,
            ),
            number(
                "critical_count",
                if failures {
                    "reject-at-most"
                } else {
                    "reject-at-least"
                },
                shown(n) as f64,
                n,
            ),
            number(
                "alpha_reached",
                "size-of-test.exact-binomial",
                test.size(n),
                n,
            ),
        ],
        tables: vec![Table {
            name: "power".into(),
            columns: ["n", "critical_count", "power", "alpha_reached"]
                .map(str::to_owned)
                .to_vec(),
            rows: sizes
                .into_iter()
                .map(|n| {
                    vec![
                        whole(n),
                        Cell::Whole(shown(n)),
                        Cell::Real(test.power(n)),
                        Cell::Real(test.size(n)),
                    ]
                })
                .collect(),
        }],
        notes: if first < n {
            vec![format!(
                "the power first reaches {power} at n = {first}, and falls below it again before n = {n} (saw-tooth)"
            )]
        } else {
            Vec::new()
        },
        ..Answer::default()
    })
}

fn run_se_sp_goals(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (power, prevalence) = (sample.real("power"), sample.real("prevalence"));
    let alpha = sample.real("alpha");
    let goal = |name: &str, goal: &str| -> Result<GoalTest, StatisticsError> {
        let (expected, goal) = (sample.real(name), sample.real(goal));
        if expected <= goal {
            return Err(StatisticsError::not_estimable(format!(
                "the expected {name} does not exceed its goal"
            )));
        }
        GoalTest::new(goal, expected, alpha)
    };
    let (se, sp) = (
        goal("sensitivity", "sensitivity_goal")?,
        goal("specificity", "specificity_goal")?,
    );
    // Rounding must not lose a positive: 300 times 0.1 is 30.
    let positives = |n: u64| (n as f64 * prevalence * (1.0 + 1e-12)).floor() as u64;
    let negatives = |n: u64| n - positives(n);
    // Where each test alone has the root of the power, the product has the power.
    let sure = (se.surely(power.sqrt())? as f64 / prevalence)
        .max(sp.surely(power.sqrt())? as f64 / (1.0 - prevalence))
        .ceil()
        + 2.0;
    if sure > MOST {
        return Err(StatisticsError::not_estimable(
            "no study is large enough at this prevalence",
        ));
    }
    let joint = |n: u64| se.power(positives(n)) * sp.power(negatives(n));
    let floor = |a: u64, b: u64| {
        se.floor(positives(a), positives(b)) * sp.floor(negatives(a), negatives(b))
    };
    let ceiling = |a: u64, b: u64| {
        se.ceiling(positives(a), positives(b)) * sp.ceiling(negatives(a), negatives(b))
    };
    let n = last_below(1, sure as u64, power, &floor).map_or(1, |n| n + 1);
    let first = first_reaching(1, n, power, &ceiling).unwrap_or(n);
    let (m, k) = (positives(n), negatives(n));
    let assurance = sample.real("assurance");
    let assured = smallest(n, |n| {
        let enough_positive = m == 0 || binomial_tail(m - 1, n, prevalence) >= assurance;
        enough_positive && (k == 0 || binomial_cdf(n - k.min(n), n, prevalence) >= assurance)
    })?;
    Ok(Answer {
        numbers: vec![
            number("n", "size.exact-binomial.joint.safe", n as f64, n),
            number("power", "power.joint.exact-binomial", joint(n), n),
            number("n_positive", "floor(n prevalence)", m as f64, n),
            number("n_negative", "n - n_positive", k as f64, n),
            number("power_sensitivity", "power.exact-binomial", se.power(m), m),
            number("power_specificity", "power.exact-binomial", sp.power(k), k),
            number(
                "n_first",
                "size.exact-binomial.joint.first",
                first as f64,
                first,
            ),
            number(
                "n_assured",
                "size.assured-recruitment",
                assured as f64,
                assured,
            ),
        ],
        tables: vec![power_table("n", n, joint)],
        ..Answer::default()
    })
}

/// Restricted maximum likelihood of two proportions with difference `-margin` (Farrington and
/// Manning 1990), at expected counts with `k` cases of the second for each of the first.
#[must_use]
pub fn restricted_proportions(first: f64, second: f64, margin: f64, k: f64) -> (f64, f64) {
    let s = -margin;
    let a = 1.0 + k;
    let b = -(1.0 + k + first + k * second + s * (k + 2.0));
    let c = s * s + s * (2.0 * first + k + 1.0) + first + k * second;
    let d = -first * s * (1.0 + s);
    let v = (b / (3.0 * a)).powi(3) - b * c / (6.0 * a * a) + d / (2.0 * a);
    let u = ((b / (3.0 * a)).powi(2) - c / (3.0 * a))
        .max(0.0)
        .sqrt()
        .copysign(v);
    let w = if u == 0.0 {
        0.0
    } else {
        (std::f64::consts::PI + (v / u.powi(3)).clamp(-1.0, 1.0).acos()) / 3.0
    };
    let p = (2.0 * u * w.cos() - b / (3.0 * a)).clamp(s.max(0.0), 1.0 + s.min(0.0));
    (p, p - s)
}

fn run_two_proportions(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (p1, p2, k) = (
        sample.real("first"),
        sample.real("second"),
        sample.real("ratio"),
    );
    let (margin, power) = (sample.real("margin"), sample.real("power"));
    let inferiority = margin > 0.0;
    let method = match sample.word("method") {
        "auto" if inferiority => "farrington-manning",
        "auto" => "pooled",
        word => word,
    };
    let two_sided = match sample.word("sides") {
        "auto" => !inferiority,
        word => word == "two",
    };
    if inferiority && !matches!(method, "unpooled" | "farrington-manning") {
        return Err(StatisticsError::setting(
            "method",
            method,
            "with a margin use unpooled or farrington-manning",
        ));
    }
    if inferiority && two_sided {
        return Err(StatisticsError::setting(
            "sides",
            "two",
            "non-inferiority is one-sided: set `sides` to one, and `alpha` to 0.025 for the usual level",
        ));
    }
    if !inferiority && !two_sided && p1 < p2 {
        return Err(StatisticsError::not_estimable(
            "the first proportion lies below the second, which a one-sided test of a higher first cannot show; exchange the two",
        ));
    }
    let distance = p1 - p2 + margin;
    if inferiority && distance <= 0.0 {
        return Err(StatisticsError::not_estimable(
            "the expected difference lies at or beyond the margin",
        ));
    }
    let variance = p1 * (1.0 - p1) + p2 * (1.0 - p2) / k;
    let pooled = (p1 + k * p2) / (1.0 + k);
    let alpha = sample.real("alpha");
    let z = z_at(alpha, two_sided);
    let test = match method {
        "arcsine" => {
            // The variance of 2 asin sqrt(p) is 1 / n, whatever p.
            let v = 1.0 + 1.0 / k;
            let h = 2.0 * p1.sqrt().asin() - 2.0 * p2.sqrt().asin();
            NormalTest {
                null_variance: v,
                variance: v,
                distance: h,
                z,
            }
        }
        "unpooled" => NormalTest {
            null_variance: variance,
            variance,
            distance,
            z,
        },
        "farrington-manning" => {
            let (r1, r2) = restricted_proportions(p1, p2, margin, k);
            NormalTest {
                null_variance: r1 * (1.0 - r1) + r2 * (1.0 - r2) / k,
                variance,
                distance,
                z,
            }
        }
        _ => NormalTest {
            null_variance: (1.0 + 1.0 / k) * pooled * (1.0 - pooled),
            variance,
            distance,
            z,
        },
    };
    let exact = test.units(power)?;
    let corrected = method == "corrected";
    let shift = |n: f64| {
        n / 4.0 * (1.0 + (1.0 + 2.0 * (k + 1.0) / (n * k * distance.abs())).sqrt()).powi(2)
    };
    // The plain size that a corrected one comes from: the root of the line above.
    let plain = |n: f64| {
        let c = (k + 1.0) / (2.0 * k * distance.abs());
        ((n - c).max(0.0)).powi(2) / n
    };
    let exact = if corrected { shift(exact) } else { exact };
    let n = up(exact);
    let m = up(exact * k);
    let at = |n: u64| test.power(if corrected { plain(n as f64) } else { n as f64 });
    let definition = format!(
        "size.{method}{}",
        if inferiority { ".non-inferiority" } else { "" }
    );
    Ok(Answer {
        numbers: vec![
            number("n", &definition, (n + m) as f64, n + m),
            number("power", "power.normal", at(n), n),
            number("n_first", &definition, n as f64, n),
            number("n_second", &definition, m as f64, m),
            number("n_first_unrounded", &definition, exact, n),
        ],
        tables: vec![power_table("n_first", n, at)],
        notes: if inferiority {
            vec![format!(
                "non-inferiority by {method}, one-sided at {alpha}; a two-sided interval of level {} answers to it",
                digits(1.0 - 2.0 * alpha)
            )]
        } else {
            Vec::new()
        },
        ..Answer::default()
    })
}

/// Exact unconditional power of the exact conditional McNemar test with `n` pairs.
#[must_use]
pub fn mcnemar_power(n: u64, gain: f64, loss: f64, alpha: f64, two_sided: bool) -> f64 {
    let discordant = gain + loss;
    let share = gain / discordant;
    let upward = gain > loss;
    let level = if two_sided { alpha / 2.0 } else { alpha };
    let mut power = 0.0;
    let mut critical = 0;
    for m in 0..=n {
        // The smallest count b with P(B >= b | m, 1/2) <= level rises by 0 or 1 with m.
        while critical <= m && (critical == 0 || binomial_tail(critical - 1, m, 0.5) > level) {
            critical += 1;
        }
        let weight = binomial_pmf(m, n, discordant);
        if weight < 1e-18 || critical > m {
            continue;
        }
        let up = binomial_tail(critical - 1, m, share);
        let down = binomial_cdf(m - critical, m, share);
        power += weight
            * if two_sided {
                up + down
            } else if upward {
                up
            } else {
                down
            };
    }
    power
}

fn run_paired_proportions(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (gain, loss, power) = (
        sample.real("gain"),
        sample.real("loss"),
        sample.real("power"),
    );
    let discordant = gain + loss;
    let distance = gain - loss;
    if discordant > 1.0 {
        return Err(StatisticsError::Data(
            "gain and loss are shares of the pairs and add up to 1 at most".into(),
        ));
    }
    let two_sided = sample.word("sides") == "two";
    if !two_sided && gain < loss {
        return Err(StatisticsError::not_estimable(
            "the gain lies below the loss, which a one-sided test of a better first cannot show; exchange the two",
        ));
    }
    let test = NormalTest {
        null_variance: discordant,
        variance: discordant - distance * distance,
        distance,
        z: z_of(sample),
    };
    let exact = test.units(power)?;
    let n = up(exact);
    let alpha = sample.real("alpha");
    let mut numbers = vec![
        number("n", "size.connor-1987", n as f64, n),
        number("power", "power.normal.connor-1987", test.power(n as f64), n),
        number("n_unrounded", "size.connor-1987", exact, n),
    ];
    let enumerable = n <= ENUMERATED;
    let of = |n: u64| mcnemar_power(n, gain, loss, alpha, two_sided);
    let mut notes = Vec::new();
    let (power_name, size_name) = (
        "power.exact-mcnemar.unconditional",
        "size.exact-mcnemar.unconditional",
    );
    let beyond = "enumerated up to 3000 pairs; the normal power serves beyond";
    if enumerable {
        let reached = of(n);
        numbers.push(number("power_exact", power_name, reached, n));
        let needed = exact_pairs(n, power, of);
        numbers.push(match needed {
            Some(m) => number("n_exact", size_name, m as f64, m),
            None => Number::none("n_exact", size_name, n as usize, beyond),
        });
        if reached < power {
            notes.push(format!(
                "the exact McNemar test has power {reached:.4} with {n} pairs, less than {power}; {}",
                needed.map_or_else(
                    || "it needs more than 3000".to_owned(),
                    |m| format!("it needs {m} (n_exact)")
                )
            ));
        }
    } else {
        numbers.push(Number::none("power_exact", power_name, n as usize, beyond));
        numbers.push(Number::none("n_exact", size_name, n as usize, beyond));
    }
    let mut table = power_table("n", n, |n| test.power(n as f64));
    if enumerable {
        table.columns.push("power_exact".into());
        for row in &mut table.rows {
            if let Some(Cell::Whole(n)) = row.first() {
                let n = u64::try_from(*n).unwrap_or(0);
                row.push(Cell::Real(of(n)));
            }
        }
    }
    Ok(Answer {
        numbers,
        tables: vec![table],
        notes,
        ..Answer::default()
    })
}

/// More pairs than this are not enumerated.
const ENUMERATED: u64 = 3000;

/// The pairs from which on the exact test has the power: the first such that it and the fifty above it
/// have it, for the exact power jumps a little up and down with n. None above [`ENUMERATED`].
fn exact_pairs(normal: u64, power: f64, of: impl Fn(u64) -> f64) -> Option<u64> {
    let (mut low, mut high) = (0, normal);
    while of(high) < power {
        low = high;
        high = high.saturating_mul(5).div_ceil(4) + 1;
        if high > ENUMERATED {
            return None;
        }
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if of(middle) < power {
            low = middle;
        } else {
            high = middle;
        }
    }
    // Downward where the jumps let the halving stop too high, then upward past the last dip.
    let mut n = high;
    for below in (high.saturating_sub(50).max(1)..high).rev() {
        if of(below) >= power {
            n = below;
        }
    }
    let mut at = n;
    while at <= n + 50 {
        if of(at) < power {
            n = at + 1;
        }
        at += 1;
    }
    (n <= ENUMERATED).then_some(n)
}

/// Variance of the AUC for one positive case and `ratio` negatives (Obuchowski and McClish 1997, with
/// their rounded constants as in pROC).
#[must_use]
pub fn auc_variance_obuchowski(auc: f64, ratio: f64) -> f64 {
    let a = normal_quantile(auc) * 1.414;
    0.0099 * (-a * a / 2.0).exp() * (5.0 * a * a + 8.0 + (a * a + 8.0) / ratio)
}

/// Variance of the AUC for one positive case and `ratio` negatives, large samples (Hanley and McNeil
/// 1982).
#[must_use]
pub fn auc_variance_hanley_mcneil(auc: f64, ratio: f64) -> f64 {
    let q1 = auc / (2.0 - auc);
    let q2 = 2.0 * auc * auc / (1.0 + auc);
    q1 / ratio + q2 - auc * auc * (1.0 / ratio + 1.0)
}

fn auc_answer(
    test: NormalTest,
    power: f64,
    ratio: f64,
    definition: &str,
) -> Result<Answer, StatisticsError> {
    let exact = test.units(power)?;
    let (n, m) = (up(exact), up(exact * ratio));
    Ok(Answer {
        numbers: vec![
            number("n", definition, (n + m) as f64, n + m),
            number("power", "power.normal", test.power(n as f64), n),
            number("n_positive", definition, n as f64, n),
            number("n_negative", definition, m as f64, m),
            number("n_positive_unrounded", definition, exact, n),
        ],
        tables: vec![power_table("n_positive", n, |n| test.power(n as f64))],
        notes: if n.min(m) < 20 {
            vec![format!(
                "{n} positive and {m} negative cases: below about 20 of a class the variance formula and the normal approximation are unsure; simulate, or take more"
            )]
        } else {
            Vec::new()
        },
        ..Answer::default()
    })
}

fn run_auc(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (auc, null, ratio) = (
        sample.real("auc"),
        sample.real("null"),
        sample.real("ratio"),
    );
    let (of, definition): (fn(f64, f64) -> f64, &str) = match sample.word("method") {
        "hanley-mcneil" => (auc_variance_hanley_mcneil, "size.auc.hanley-mcneil-1982"),
        _ => (auc_variance_obuchowski, "size.auc.obuchowski-mcclish-1997"),
    };
    if sample.word("sides") == "one" && auc < null {
        return Err(StatisticsError::not_estimable(
            "the expected area lies below the null area, which a one-sided test cannot show",
        ));
    }
    let test = NormalTest {
        null_variance: of(null, ratio),
        variance: of(auc, ratio),
        distance: auc - null,
        z: z_of(sample),
    };
    auc_answer(test, sample.real("power"), ratio, definition)
}

/// Binormal parameters of an ROC curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Binormal {
    /// Distance of the means over the standard deviation of positives.
    pub a: f64,
    /// Standard deviation of negatives over that of positives.
    pub b: f64,
}

impl Binormal {
    /// By the area and `b`.
    #[must_use]
    pub fn of_auc(auc: f64, b: f64) -> Self {
        Self {
            a: normal_quantile(auc) * (1.0 + b * b).sqrt(),
            b,
        }
    }

    fn slopes(self) -> (f64, f64) {
        let square = 1.0 + self.b * self.b;
        let e = (-self.a * self.a / (2.0 * square)).exp();
        let tau = 2.0 * std::f64::consts::PI;
        (
            e / (tau * square).sqrt(),
            -self.a * self.b * e / (tau * square.powi(3)).sqrt(),
        )
    }

    /// Variance of the area for one positive and `ratio` negatives.
    #[must_use]
    pub fn variance(self, ratio: f64) -> f64 {
        let (f, g) = self.slopes();
        let (a, b) = (self.a, self.b);
        f * f * (1.0 + b * b / ratio + a * a / 2.0) + g * g * b * b * (1.0 + ratio) / (2.0 * ratio)
    }

    /// Covariance of two areas on the same cases (Obuchowski and McClish 1997).
    #[must_use]
    pub fn covariance(self, other: Self, negative: f64, positive: f64, ratio: f64) -> f64 {
        let ((f1, g1), (f2, g2)) = (self.slopes(), other.slopes());
        let square = positive * positive;
        f1 * f2 * (positive + negative * self.b * other.b / ratio + square * self.a * other.a / 2.0)
            + g1 * g2 * (self.b * other.b * (negative * negative + ratio * square) / (2.0 * ratio))
            + f1 * g2 * (square * self.a * other.b / 2.0)
            + f2 * g1 * (square * other.a * self.b / 2.0)
    }
}

/// Variances of the difference under equal areas and as expected.
fn difference_variances(sample: &Sample) -> (f64, f64) {
    let k = sample.real("ratio");
    let one = Binormal::of_auc(sample.real("first_auc"), sample.real("first_sd_ratio"));
    let two = Binormal::of_auc(sample.real("second_auc"), sample.real("second_sd_ratio"));
    let c = one.covariance(
        two,
        sample.real("correlation_negative"),
        sample.real("correlation_positive"),
        k,
    );
    (
        2.0 * one.variance(k) - 2.0 * c,
        one.variance(k) + two.variance(k) - 2.0 * c,
    )
}

fn run_two_aucs(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (null, variance) = difference_variances(sample);
    let (first, second) = (sample.real("first_auc"), sample.real("second_auc"));
    if sample.word("sides") == "one" && first < second {
        return Err(StatisticsError::not_estimable(
            "the first area lies below the second, which a one-sided test cannot show",
        ));
    }
    if null.is_nan() || null <= 0.0 || variance <= 0.0 {
        return Err(StatisticsError::not_estimable(
            "the correlations leave the difference no variance",
        ));
    }
    let test = NormalTest {
        null_variance: null,
        variance,
        distance: first - second,
        z: z_of(sample),
    };
    let mut answer = auc_answer(
        test,
        sample.real("power"),
        sample.real("ratio"),
        "size.two-aucs.obuchowski-mcclish-1997",
    )?;
    if sample.real("first_sd_ratio") != sample.real("second_sd_ratio") || first != second {
        answer.notes.push("the null variance is taken from the first curve alone, as in pROC; exchanging the two changes n a little".into());
    }
    Ok(answer)
}

fn run_auc_non_inferiority(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (_, variance) = difference_variances(sample);
    let distance = sample.real("first_auc") - sample.real("second_auc") + sample.real("margin");
    if distance <= 0.0 {
        return Err(StatisticsError::not_estimable(
            "the expected difference lies at or beyond the margin",
        ));
    }
    if variance.is_nan() || variance <= 0.0 {
        return Err(StatisticsError::not_estimable(
            "the correlations leave the difference no variance",
        ));
    }
    let test = NormalTest {
        null_variance: variance,
        variance,
        distance,
        z: z_of(sample),
    };
    auc_answer(
        test,
        sample.real("power"),
        sample.real("ratio"),
        "size.auc-non-inferiority.obuchowski-1997",
    )
}

/// Large-sample variance of kappa for one subject: two raters, two categories.
///
/// # Errors
/// Not estimable when the rates do not allow the kappa.
pub fn kappa_variance(first: f64, second: f64, kappa: f64) -> Result<f64, StatisticsError> {
    let expected = first * second + (1.0 - first) * (1.0 - second);
    let observed = kappa * (1.0 - expected) + expected;
    let both = f64::midpoint(observed, first + second - 1.0);
    let cells = [[both, first - both], [second - both, observed - both]];
    if cells.iter().flatten().any(|c| *c < -1e-12) {
        return Err(StatisticsError::not_estimable(format!(
            "rates of {first} and {second} do not allow a kappa of {kappa}"
        )));
    }
    let table: Vec<Vec<f64>> = cells
        .iter()
        .map(|r| r.iter().map(|c| c.max(0.0)).collect())
        .collect();
    let kappa = cohen_kappa(&table, &Weights::Identity.table(&[0.0, 1.0]))?;
    Ok(kappa.standard_error.powi(2))
}

fn run_kappa(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (first, second) = (sample.real("first_rate"), sample.real("second_rate"));
    let variance = kappa_variance(first, second, sample.real("kappa"))?;
    if let Some(width) = sample.optional_real("width") {
        let z = two_sided_z(sample.real("level"))?;
        let exact = 4.0 * z * z * variance / (width * width);
        let n = up(exact);
        let of = |n: u64| 2.0 * z * (variance / n as f64).sqrt();
        return Ok(Answer {
            numbers: vec![
                number("n", "size.kappa.width", n as f64, n),
                number("width", "width.wald", of(n), n),
                number("n_unrounded", "size.kappa.width", exact, n),
            ],
            tables: vec![Table {
                name: "width".into(),
                columns: vec!["n".into(), "width".into()],
                rows: around(n)
                    .into_iter()
                    .map(|n| vec![whole(n), Cell::Real(of(n))])
                    .collect(),
            }],
            notes: vec![precision_note("`null`, `alpha`, `sides` and `power`")],
            ..Answer::default()
        });
    }
    let null = sample.real("null");
    if sample.word("sides") == "one" && sample.real("kappa") < null {
        return Err(StatisticsError::not_estimable(
            "the expected kappa lies below the null value, which a one-sided test cannot show",
        ));
    }
    let test = NormalTest {
        null_variance: kappa_variance(first, second, null)?,
        variance,
        distance: sample.real("kappa") - null,
        z: z_of(sample),
    };
    let exact = test.units(sample.real("power"))?;
    let n = up(exact);
    Ok(Answer {
        numbers: vec![
            number("n", "size.kappa.cantor-1996", n as f64, n),
            number("power", "power.normal", test.power(n as f64), n),
            number("n_unrounded", "size.kappa.cantor-1996", exact, n),
        ],
        tables: vec![power_table("n", n, |n| test.power(n as f64))],
        ..Answer::default()
    })
}

/// Exact power of the one-sided F test of an intraclass correlation.
#[must_use]
pub fn icc_power(n: u64, raters: u64, icc: f64, null: f64, alpha: f64) -> f64 {
    if n < 2 {
        return 0.0;
    }
    let (n, k) = (n as f64, raters as f64);
    let odds = |r: f64| 1.0 + k * r / (1.0 - r);
    let critical = f_quantile(1.0 - alpha, n - 1.0, n * (k - 1.0));
    f_tail(odds(null) / odds(icc) * critical, n - 1.0, n * (k - 1.0))
}

fn run_icc(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (icc, null, raters) = (
        sample.real("icc"),
        sample.real("null"),
        sample.whole("raters"),
    );
    let (alpha, power, k) = (sample.real("alpha"), sample.real("power"), raters as f64);
    let width = match (sample.word("method"), sample.optional_real("width")) {
        ("precision", None) => {
            return Err(StatisticsError::setting(
                "width",
                "not given",
                "precision needs the greatest width, such as 0.2",
            ));
        }
        (method @ ("walter" | "exact"), Some(width)) => {
            return Err(StatisticsError::setting(
                "width",
                format!("{width} with method `{method}`"),
                "a width is for precision: leave `method` out or set it to precision, or leave the width out",
            ));
        }
        (_, width) => width,
    };
    if let Some(width) = width {
        let z = two_sided_z(sample.real("level"))?;
        let of = |n: f64| {
            let spread = (1.0 - icc).powi(2) * (1.0 + (k - 1.0) * icc).powi(2);
            2.0 * z * (2.0 * spread / (k * (k - 1.0) * (n - 1.0))).sqrt()
        };
        let exact = 1.0
            + 8.0 * z * z * ((1.0 - icc) * (1.0 + (k - 1.0) * icc)).powi(2)
                / (k * (k - 1.0) * width * width);
        let n = up(exact);
        return Ok(Answer {
            numbers: vec![
                number("n", "size.icc.bonett-2002", n as f64, n),
                number("width", "width.bonett-2002", of(n as f64), n),
                number("n_unrounded", "size.icc.bonett-2002", exact, n),
            ],
            tables: vec![Table {
                name: "width".into(),
                columns: vec!["n".into(), "width".into()],
                rows: around(n)
                    .into_iter()
                    .map(|n| vec![whole(n), Cell::Real(of(n as f64))])
                    .collect(),
            }],
            notes: vec![precision_note("`null`, `alpha` and `power`")],
            ..Answer::default()
        });
    }
    if icc <= null {
        return Err(StatisticsError::not_estimable(
            "the expected correlation does not exceed the null value",
        ));
    }
    let at = |n: u64| icc_power(n, raters, icc, null, alpha);
    let odds = |r: f64| 1.0 + k * r / (1.0 - r);
    let c = (odds(null) / odds(icc)).ln();
    let walter = 1.0
        + 2.0 * (normal_quantile(power) - normal_quantile(alpha)).powi(2) * k / (c * c * (k - 1.0));
    let exact = smallest(2, |n| at(n) >= power)?;
    let (n, definition) = if sample.word("method") == "exact" {
        (exact, "size.icc.exact-f")
    } else {
        (up(walter), "size.icc.walter-1998")
    };
    Ok(Answer {
        numbers: vec![
            number("n", definition, n as f64, n),
            number("power", "power.icc.exact-f", at(n), n),
            number("n_exact", "size.icc.exact-f", exact as f64, exact),
            number("n_walter_unrounded", "size.icc.walter-1998", walter, n),
        ],
        tables: vec![power_table("n", n, at)],
        ..Answer::default()
    })
}

/// Exact probability that the intervals of both limits of agreement lie within +/- `max`, for normal
/// differences. Both do where |mean of n| <= max - K s, with K = z + t sqrt(1/n + z^2/(2(n - 1))), so the
/// power is the mean over s, which is sd sqrt(chi-squared(n - 1)/(n - 1)) and independent of the mean, of
/// Phi((max - K s - mean) sqrt(n)/sd) - Phi((K s - max - mean) sqrt(n)/sd): Gauss-Legendre nodes over s.
/// Each limit alone misses with the probability of a noncentral t at noncentrality
/// (max -/+ mean) sqrt(n)/sd; 1 less both counts twice the samples in which both miss, which near mean 0
/// are not few.
#[must_use]
pub fn bland_altman_power(n: u64, mean: f64, sd: f64, max: f64, coverage: f64, level: f64) -> f64 {
    if n < 2 {
        return 0.0;
    }
    let (n, df) = (n as f64, n as f64 - 1.0);
    let z = -normal_quantile((1.0 - coverage) / 2.0);
    let t = t_quantile(f64::midpoint(1.0, level), df);
    let k = z + t * (1.0 / n + z * z / (2.0 * df)).sqrt();
    let (max, mean) = (max / sd, mean / sd);
    // The spread of u = s/sd is at most 1/sqrt(2 df): beyond 12 of them lies less than 1e-15.
    let reach = 12.0 / (2.0 * df).sqrt();
    let (low, high) = ((1.0 - reach).max(0.0), (1.0 + reach).min(max / k));
    if low >= high {
        return 0.0;
    }
    let (nodes, weights) = gauss_legendre(POWER_NODES, low, high);
    let power: f64 = nodes
        .into_iter()
        .zip(weights)
        .map(|(u, weight)| {
            let room = max - k * u;
            // The density of u, by the Poisson probability that the gamma density is made of.
            let density = df / u * poisson_raw(df / 2.0, df * u * u / 2.0);
            weight
                * density
                * (normal_cdf((room - mean) * n.sqrt()) - normal_cdf((-room - mean) * n.sqrt()))
        })
        .sum();
    power.clamp(0.0, 1.0)
}

/// Nodes of the power: the integrand is smooth, and turns within some hundredth of the range.
const POWER_NODES: usize = 200;

/// The power as Lu et al. (2016) approximate it: 1 - b1 - b2, b = P(noncentral t(n-1, tau) <= t),
/// tau = (max -/+ mean - z sd) / (sd sqrt(1/n + z^2/(2(n-1)))). The standard error of a limit does not
/// vary with s as a noncentral t takes it to, so the power comes out somewhat too high or too low.
#[must_use]
pub fn bland_altman_power_lu(
    n: u64,
    mean: f64,
    sd: f64,
    max: f64,
    coverage: f64,
    level: f64,
) -> f64 {
    if n < 2 {
        return 0.0;
    }
    let n = n as f64;
    let z = -normal_quantile((1.0 - coverage) / 2.0);
    let t = t_quantile(f64::midpoint(1.0, level), n - 1.0);
    let se = sd * (1.0 / n + z * z / (2.0 * (n - 1.0))).sqrt();
    let miss = |m: f64| noncentral_t_cdf(t, n - 1.0, (max - m - z * sd) / se);
    1.0 - miss(mean) - miss(-mean)
}

fn run_bland_altman(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (mean, sd, coverage, level) = (
        sample.real("mean"),
        sample.real("sd"),
        sample.real("coverage"),
        sample.real("level"),
    );
    let z = two_sided_z(coverage)?;
    if let (Some(half), Some(max)) = (
        sample.optional_real("half_width"),
        sample.optional_real("max_difference"),
    ) {
        return Err(StatisticsError::setting(
            "half_width",
            format!("{half} with `max_difference` {max}"),
            "give one of them: `half_width` for precision, `max_difference` for agreement",
        ));
    }
    if let Some(half) = sample.optional_real("half_width") {
        let of = |n: u64| {
            let n = n as f64;
            t_quantile(f64::midpoint(1.0, level), n - 1.0)
                * sd
                * (1.0 / n + z * z / (2.0 * (n - 1.0))).sqrt()
        };
        let n = smallest(2, |n| of(n) <= half)?;
        return Ok(Answer {
            numbers: vec![
                number("n", "size.limits.half-width", n as f64, n),
                number("half_width", "t.bland-altman-1999", of(n), n),
            ],
            tables: vec![Table {
                name: "width".into(),
                columns: vec!["n".into(), "half_width".into()],
                rows: around(n)
                    .into_iter()
                    .map(|n| vec![whole(n), Cell::Real(of(n))])
                    .collect(),
            }],
            notes: vec![precision_note("`mean` and `power`")],
            ..Answer::default()
        });
    }
    let Some(max) = sample.optional_real("max_difference") else {
        return Err(StatisticsError::setting(
            "max_difference",
            "not given",
            "give it, or `half_width` for precision",
        ));
    };
    if mean.abs() + z * sd >= max {
        return Err(StatisticsError::not_estimable(
            "the expected limits reach or pass the largest acceptable difference, so no study can show agreement",
        ));
    }
    let at = |n: u64| bland_altman_power(n, mean, sd, max, coverage, level);
    let by_lu = |n: u64| bland_altman_power_lu(n, mean, sd, max, coverage, level);
    let power = sample.real("power");
    let n = smallest(2, |n| at(n) >= power)?;
    let n_lu = smallest(2, |n| by_lu(n) >= power)?;
    Ok(Answer {
        numbers: vec![
            number("n", "size.limits.exact", n as f64, n),
            number("power", "power.limits.exact", at(n), n),
            number("n_lu_2016", "size.limits.lu-2016", n_lu as f64, n_lu),
            number("power_lu_2016", "power.limits.lu-2016", by_lu(n_lu), n_lu),
        ],
        tables: vec![power_table("n", n, at)],
        notes: vec![format!(
            "n has the power exactly; n_lu_2016 is for comparison with software that prints the approximation of Lu et al. 2016, which would have the power {:.4} and not {:.4}",
            at(n_lu),
            by_lu(n_lu)
        )],
        ..Answer::default()
    })
}

/// Information of a logistic calibration model at a normal linear predictor: E p(1-p), E x p(1-p),
/// E x^2 p(1-p), by the trapezoidal rule (the integrand is smooth and falls off like a normal).
#[must_use]
pub fn calibration_information(mean: f64, sd: f64) -> [f64; 3] {
    let step = 1.0 / 128.0;
    let mut sums = [0.0; 3];
    for i in -1216..=1216 {
        let z = f64::from(i) * step;
        let x = mean + sd * z;
        let e = (-x.abs()).exp();
        let weight = normal_density(z) * step * e / ((1.0 + e) * (1.0 + e));
        for (sum, power) in sums.iter_mut().zip(0..) {
            *sum += weight * x.powi(power);
        }
    }
    sums
}

fn run_calibration(sample: &Sample) -> Result<Answer, StatisticsError> {
    let z = two_sided_z(sample.real("level"))?;
    let (prevalence, c) = (sample.real("prevalence"), sample.real("c_statistic"));
    let se_ratio = (sample.real("oe_width") / 2.0).asinh() / z;
    let of_ratio = (1.0 - prevalence) / (prevalence * se_ratio * se_ratio);
    let [ia, iab, ib] =
        calibration_information(sample.real("predictor_mean"), sample.real("predictor_sd"));
    let se_slope = sample.real("slope_width") / (2.0 * z);
    let of_slope = ia / (se_slope * se_slope * (ia * ib - iab * iab));
    let width = |n: u64| {
        let n = n as f64;
        let half = n / 2.0 - 1.0;
        let v = c * (1.0 - c) * (1.0 + half * (1.0 - c) / (2.0 - c) + half * c / (1.0 + c))
            / (n * n * prevalence * (1.0 - prevalence));
        2.0 * z * v.max(0.0).sqrt()
    };
    let of_c = smallest(2, |n| width(n) <= sample.real("c_width"))?;
    if !(of_ratio.is_finite() && of_slope.is_finite()) || of_ratio.max(of_slope) > MOST {
        return Err(StatisticsError::not_estimable(
            "no study is large enough for these widths",
        ));
    }
    let n = up(of_ratio).max(up(of_slope)).max(of_c);
    Ok(Answer {
        numbers: vec![
            number("n", "size.external-validation.riley-2021", n as f64, n),
            number("events", "n prevalence", (n as f64 * prevalence).ceil(), n),
            number(
                "n_observed_expected",
                "size.observed-expected",
                up(of_ratio) as f64,
                n,
            ),
            number("n_slope", "size.calibration-slope", up(of_slope) as f64, n),
            number(
                "n_c_statistic",
                "size.c-statistic.newcombe-2006",
                of_c as f64,
                n,
            ),
            number(
                "n_observed_expected_unrounded",
                "size.observed-expected",
                of_ratio,
                n,
            ),
            number("n_slope_unrounded", "size.calibration-slope", of_slope, n),
        ],
        tables: vec![Table {
            name: "width".into(),
            columns: ["n", "observed_expected", "slope", "c_statistic"]
                .map(str::to_owned)
                .to_vec(),
            rows: around(n)
                .into_iter()
                .map(|m| {
                    let share = m as f64;
                    vec![
                        whole(m),
                        Cell::Real(
                            2.0 * (z * ((1.0 - prevalence) / (prevalence * share)).sqrt()).sinh(),
                        ),
                        Cell::Real(2.0 * z * (ia / (share * (ia * ib - iab * iab))).sqrt()),
                        Cell::Real(width(m)),
                    ]
                })
                .collect(),
        }],
        ..Answer::default()
    })
}

fn run_cluster(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (m, cv) = (sample.real("cluster_size"), sample.real("size_cv"));
    let independent = sample.whole("independent");
    let effect = |icc: f64| 1.0 + ((1.0 + cv * cv) * m - 1.0) * icc;
    let of = |icc: f64| up(independent as f64 * effect(icc));
    let icc = sample.real("icc");
    let n = of(icc);
    let clusters = |n: u64| up(n as f64 / m);
    Ok(Answer {
        numbers: vec![
            number("n", "size.design-effect", n as f64, n),
            number(
                "design_effect",
                "design-effect.eldridge-2006",
                effect(icc),
                n,
            ),
            number("clusters", "ceil(n / cluster_size)", clusters(n) as f64, n),
            number(
                "effective_n",
                "n / design-effect",
                n as f64 / effect(icc),
                n,
            ),
        ],
        tables: vec![Table {
            name: "icc".into(),
            columns: ["icc", "design_effect", "n", "clusters"]
                .map(str::to_owned)
                .to_vec(),
            rows: [0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0]
                .into_iter()
                .map(|r| {
                    vec![
                        Cell::Real(r),
                        Cell::Real(effect(r)),
                        whole(of(r)),
                        whole(clusters(of(r))),
                    ]
                })
                .collect(),
        }],
        ..Answer::default()
    })
}
