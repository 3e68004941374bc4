//! The calibration and decision-curve entries against R and Python (testdata/statistics/calibration),
//! their degenerate cases, and simulations of coverage and type-I error.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use candour_statistics::calibration::smoother::{Smoother, Surface, isotonic, smooth};
use candour_statistics::calibration::{
    Binning, Covariate, ENTRIES, Edges, Method, Norm, Side, Use, bins, brier_score,
    calibration_error, calibration_in_the_large, calibration_slope, corp_decomposition,
    hosmer_lemeshow, integrated_calibration, likelihood_at, log_loss, murphy_decomposition,
    profile_in_the_large, profile_slope, recalibrate, spiegelhalter_z, stephenson_decomposition,
};
use candour_statistics::catalogue::{Column, Labels, Sample};
use candour_statistics::decision_curve;
use candour_statistics::distribution::chi_squared_tail;
use candour_statistics::random::Philox;
use candour_statistics::resample::{Units, quantile};
use candour_statistics::{Answer, Cell, StatisticsError};
use proptest::prelude::*;
use serde_json::Value;

fn read(name: &str) -> Value {
    let path = format!(
        "{}/../../testdata/statistics/calibration/{name}",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn list(v: &Value) -> Vec<f64> {
    v.as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap_or(f64::NAN))
        .collect()
}

struct Set {
    name: String,
    truth: Vec<bool>,
    probability: Vec<f64>,
    second: Vec<f64>,
    cluster: Vec<String>,
}

fn sets() -> Vec<Set> {
    read("data.json")["sets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| Set {
            name: d["name"].as_str().unwrap().into(),
            truth: list(&d["truth"]).iter().map(|v| *v == 1.0).collect(),
            probability: list(&d["probability"]),
            second: list(&d["second"]),
            cluster: list(&d["cluster"])
                .iter()
                .map(|v| format!("c{v}"))
                .collect(),
        })
        .collect()
}

fn close(what: &str, got: f64, expected: f64) {
    let tolerance = 1e-9 * expected.abs().max(1e-3);
    assert!(
        (got - expected).abs() <= tolerance,
        "{what}: {got:e} against {expected:e}"
    );
}

type Columns = Vec<(String, String, Column)>;

fn columns(truth: &[bool], probability: &[f64]) -> Columns {
    vec![
        ("truth".into(), "y".into(), Column::Binary(truth.to_vec())),
        (
            "probability".into(),
            "p".into(),
            Column::Real(probability.to_vec()),
        ),
    ]
}

fn with_cluster(mut columns: Columns, cluster: &[String]) -> Columns {
    columns.push((
        "cluster".into(),
        "c".into(),
        Column::Label(Labels::of(cluster)),
    ));
    columns
}

fn run(id: &str, columns: Columns, settings: &[(&str, &str)]) -> Result<Answer, StatisticsError> {
    let entry = ENTRIES
        .iter()
        .chain(decision_curve::ENTRIES)
        .find(|e| e.id == id)
        .unwrap();
    let settings: Vec<(String, String)> = settings
        .iter()
        .map(|(k, v)| ((*k).into(), (*v).into()))
        .collect();
    entry.answer(&Sample::new(entry, columns, &settings)?, &[])
}

fn value(answer: &Answer, name: &str) -> f64 {
    answer
        .number(name)
        .unwrap_or_else(|| panic!("no {name}"))
        .value
        .unwrap_or_else(|| panic!("{name} has no value"))
}

fn error(answer: &Answer, name: &str) -> f64 {
    answer
        .number(name)
        .unwrap()
        .standard_error
        .unwrap_or_else(|| panic!("{name} has no error"))
}

fn limits(answer: &Answer, name: &str) -> [f64; 2] {
    let i = answer
        .number(name)
        .unwrap()
        .interval
        .unwrap_or_else(|| panic!("{name} has no interval"));
    [i.lower, i.upper]
}

#[test]
fn level_and_slope_agree_with_r() {
    let r = read("r.json");
    for (set, e) in sets().iter().zip(r["sets"].as_array().unwrap()) {
        let n = &set.name;
        let plain = columns(&set.truth, &set.probability);
        let a = run("calibration-in-the-large", plain.clone(), &[]).unwrap();
        let f = |k: &str| e[k].as_f64().unwrap();
        close(n, value(&a, "calibration_in_the_large"), f("citl"));
        close(n, error(&a, "calibration_in_the_large"), f("citl_se"));
        close(n, value(&a, "wald_p_value"), f("citl_wald_p"));
        close(n, value(&a, "likelihood_ratio"), f("citl_lr"));
        close(n, value(&a, "likelihood_ratio_p_value"), f("citl_lr_p"));
        close(n, value(&a, "joint_intercept"), f("intercept"));
        close(n, value(&a, "observed_expected_ratio"), f("oe"));
        for (got, expected) in limits(&a, "observed_expected_ratio")
            .iter()
            .zip(list(&e["oe_log"]))
        {
            close(n, *got, expected);
        }
        let profile = run(
            "calibration-in-the-large",
            plain.clone(),
            &[("interval", "profile"), ("ratio_interval", "poisson")],
        )
        .unwrap();
        for (got, expected) in limits(&profile, "calibration_in_the_large")
            .iter()
            .zip(list(&e["citl_profile"]))
        {
            close(n, *got, expected);
        }
        for (got, expected) in limits(&profile, "observed_expected_ratio")
            .iter()
            .zip(list(&e["oe_poisson"]))
        {
            close(n, *got, expected);
        }
        for (kind, key) in [("cr1", "citl_cr1"), ("cr0", "citl_cr0")] {
            let c = run(
                "calibration-in-the-large",
                with_cluster(plain.clone(), &set.cluster),
                &[("sandwich", kind)],
            )
            .unwrap();
            close(n, error(&c, "calibration_in_the_large"), f(key));
            assert!(c.number("likelihood_ratio").unwrap().value.is_none());
        }

        let s = run("calibration-slope", plain.clone(), &[]).unwrap();
        close(n, value(&s, "slope"), f("slope"));
        close(n, value(&s, "joint_intercept"), f("intercept"));
        close(n, error(&s, "joint_intercept"), list(&e["joint_se"])[0]);
        close(n, error(&s, "slope"), list(&e["joint_se"])[1]);
        for (name, key) in [
            ("slope_wald_p_value", "slope_wald_p"),
            ("slope_likelihood_ratio", "slope_lr"),
            ("slope_likelihood_ratio_p_value", "slope_lr_p"),
            ("joint_likelihood_ratio", "joint_lr"),
            ("joint_likelihood_ratio_p_value", "joint_lr_p"),
            ("joint_wald", "joint_wald"),
        ] {
            close(&format!("{n} {name}"), value(&s, name), f(key));
        }
        let profile = run(
            "calibration-slope",
            plain.clone(),
            &[("interval", "profile")],
        )
        .unwrap();
        for (got, expected) in limits(&profile, "slope")
            .iter()
            .zip(list(&e["slope_profile"]))
        {
            close(n, *got, expected);
        }
        let c = run("calibration-slope", with_cluster(plain, &set.cluster), &[]).unwrap();
        close(n, error(&c, "joint_intercept"), list(&e["joint_cr1"])[0]);
        close(n, error(&c, "slope"), list(&e["joint_cr1"])[1]);
        // rms::val.prob stops its fit sooner, so it agrees less closely.
        assert!((value(&s, "slope") - e["val_prob"]["Slope"].as_f64().unwrap()).abs() < 1e-5);
        close(n, value(&s, "joint_likelihood_ratio"), f("joint_lr"));
    }
}

/// Near separation the profile is nearly flat to one side, and ends all the same. Expected values: R
/// 4.2.2, testdata/statistics/calibration/profile.R.
#[test]
fn profile_intervals_end_near_separation() {
    let cases: [(&[u8], &[f64], [f64; 3]); 2] = [
        (
            &[0, 0, 0, 1, 0, 1, 1, 1],
            &[0.084, 0.251, 0.281, 0.287, 0.291, 0.395, 0.759, 0.775],
            [20.859_730_691_7, 0.750_790_392_9, 180.266_504_853_6],
        ),
        (
            &[0, 0, 0, 1, 1, 1, 1, 1],
            &[
                0.273_033_950_5,
                0.386_821_922_4,
                0.358_727_694_2,
                0.950_932_662_2,
                0.945_874_219_9,
                0.746_489_494_9,
                0.996_328_328_3,
                0.374_220_648_4,
            ],
            [7.418_298_641_5, 0.326_328_538_6, 66.221_864_759_8],
        ),
    ];
    for (truth, probability, [slope, lower, upper]) in cases {
        let truth: Vec<bool> = truth.iter().map(|y| *y == 1).collect();
        let answer = run(
            "calibration-slope",
            columns(&truth, probability),
            &[("interval", "profile")],
        )
        .unwrap();
        let near = |got: f64, expected: f64| {
            assert!(
                (got - expected).abs() < 1e-6 * expected,
                "{got}, {expected}"
            );
        };
        near(value(&answer, "slope"), slope);
        let [low, high] = limits(&answer, "slope");
        near(low, lower);
        near(high, upper);
    }
}

/// Classes that overlap have a likelihood that falls without end to both sides, so the profile of every
/// slope that is estimable ends on both, around the slope.
#[test]
fn every_estimable_slope_has_a_profile_interval() {
    let mut random = Philox::new(29, 0);
    let mut seen = 0;
    for _ in 0..400 {
        let n = 5 + random.below(8);
        let p: Vec<f64> = (0..n).map(|_| 0.01 + 0.98 * random.unit()).collect();
        // Steep, so that the classes hardly overlap.
        let truth: Vec<bool> = p
            .iter()
            .map(|p| random.unit() < logistic(12.0 * (p - 0.5)))
            .collect();
        let logit = logits(&p);
        let Ok(fit) = calibration_slope(&truth, &logit, None) else {
            continue;
        };
        let i = profile_slope(&truth, &logit, 0.95)
            .unwrap_or_else(|e| panic!("{truth:?} {p:?} {}: {e}", fit.slope));
        assert!(i.lower < fit.slope && fit.slope < i.upper && i.upper.is_finite());
        seen += 1;
    }
    assert!(seen > 100, "{seen} slopes only");
}

#[test]
fn smoothers_and_their_indices_agree_with_r() {
    let r = read("r.json");
    let loess = |span, degree, surface| Smoother::Loess {
        span,
        degree,
        surface,
    };
    let lowess = |delta| Smoother::Lowess {
        span: 2.0 / 3.0,
        delta,
    };
    for (set, e) in sets().iter().zip(r["sets"].as_array().unwrap()) {
        let y: Vec<f64> = set.truth.iter().map(|t| f64::from(u8::from(*t))).collect();
        let fitted = |s: Smoother| -> Vec<f64> {
            let curve = smooth(s, &set.probability, &y).unwrap();
            set.probability
                .iter()
                .map(|p| curve.at(*p).unwrap())
                .collect()
        };
        for (s, expected) in [
            (loess(0.75, 2, Surface::Direct), &e["fits"]["loess_75_2"]),
            (loess(0.5, 1, Surface::Direct), &e["fits"]["loess_50_1"]),
            (
                loess(0.75, 2, Surface::Interpolate),
                &e["interpolated_75_2"],
            ),
            (loess(0.5, 1, Surface::Interpolate), &e["interpolated_50_1"]),
            (lowess(0.0), &e["fits"]["lowess_0"]),
            (lowess(0.01), &e["fits"]["lowess_01"]),
        ] {
            for (got, expected) in fitted(s).iter().zip(list(expected)) {
                close(&format!("{} {}", set.name, s.id()), *got, expected);
            }
        }
        for (s, key) in [
            (loess(0.75, 2, Surface::Direct), "loess_75_2"),
            (loess(0.5, 1, Surface::Direct), "loess_50_1"),
            (loess(0.9, 0, Surface::Direct), "loess_90_0"),
            (lowess(0.0), "lowess_0"),
            (lowess(0.01), "lowess_01"),
            (lowess(0.05), "lowess_05"),
        ] {
            let got = integrated_calibration(&set.truth, &set.probability, s).unwrap();
            for (got, expected) in [got.ici, got.e50, got.e90, got.emax]
                .iter()
                .zip(list(&e["indices"][key]))
            {
                close(&format!("{} {key}", set.name), *got, expected);
            }
        }
        let v = integrated_calibration(&set.truth, &set.probability, lowess(0.01)).unwrap();
        close("Eavg", v.ici, e["val_prob"]["Eavg"].as_f64().unwrap());
        close("E90", v.e90, e["val_prob"]["E90"].as_f64().unwrap());
        close("Emax", v.emax, e["val_prob"]["Emax"].as_f64().unwrap());
        for (got, expected) in isotonic(&set.probability, &y)
            .unwrap()
            .y
            .iter()
            .zip(list(&e["isoreg"]))
        {
            close("isoreg", *got, expected);
        }
    }
}

#[test]
fn the_curve_entry_gives_band_points_and_histograms() {
    let set = &sets()[0];
    for smoother in ["loess", "lowess", "isotonic"] {
        let a = run(
            "calibration-curve",
            with_cluster(columns(&set.truth, &set.probability), &set.cluster),
            &[("smoother", smoother), ("replicates", "100")],
        )
        .unwrap();
        let direct = value(&a, "ici");
        let [low, high] = limits(&a, "ici");
        assert!(
            low < direct * 1.5 && high > direct * 0.7,
            "{smoother}: {low} {direct} {high}"
        );
        assert_eq!(
            a.numbers[0].interval_method.as_deref(),
            Some("bootstrap.percentile.by-cluster")
        );
        assert_eq!(a.curves.len(), 5);
        let band = &a.curves[0];
        assert_eq!(
            (band.x.len(), band.lower.len()),
            (band.y.len(), band.upper.len())
        );
        assert!(
            band.lower
                .iter()
                .zip(&band.upper)
                .filter(|(l, _)| l.is_finite())
                .all(|(l, u)| l <= u)
        );
        let counted: f64 = a.curves[3].y.iter().chain(&a.curves[4].y).sum();
        assert_eq!(counted, set.truth.len() as f64);
        let again = run(
            "calibration-curve",
            with_cluster(columns(&set.truth, &set.probability), &set.cluster),
            &[("smoother", smoother), ("replicates", "100")],
        )
        .unwrap();
        assert_eq!(format!("{:?}", again.numbers), format!("{:?}", a.numbers));
    }
}

#[test]
fn binned_errors_agree_with_scikit_learn_and_the_formulas() {
    let python = read("python.json");
    let check = |what: &str, a: &Answer, e: &Value| {
        close(what, value(a, "ece"), e["l1"].as_f64().unwrap());
        close(what, value(a, "rmsce"), e["l2"].as_f64().unwrap());
        close(what, value(a, "mce"), e["max"].as_f64().unwrap());
        match e["squared_debiased"].as_f64() {
            Some(squared) => {
                close(what, value(a, "squared_error_debiased"), squared);
                close(what, value(a, "rmsce_debiased"), squared.max(0.0).sqrt());
                // The reference integrates numerically.
                assert!(
                    (value(a, "ece_debiased") - e["l1_debiased"].as_f64().unwrap()).abs() < 1e-8
                );
            }
            None if e.get("bins").is_none() => {
                assert!(a.number("ece_debiased").unwrap().value.is_none())
            }
            None => {}
        }
    };
    for (set, e) in sets().iter().zip(python["sets"].as_array().unwrap()) {
        for (key, e) in e["errors"].as_object().unwrap() {
            let mut settings = vec![("replicates", "100")];
            let parts: Vec<&str> = key.split('.').collect();
            match parts[0] {
                "sweep" => settings.push(("binning", "sweep")),
                "linspace" => settings.push(("edges", "linspace")),
                binning => settings.push(("binning", binning)),
            }
            if let [_, bins, side] = parts.as_slice() {
                settings.extend([("bins", *bins), ("side", *side)]);
            }
            let a = run(
                "calibration-error",
                columns(&set.truth, &set.probability),
                &settings,
            )
            .unwrap();
            check(&format!("{} {key}", set.name), &a, e);
        }
    }
    let multi = &read("data.json")["multi"];
    let class: Vec<String> = list(&multi["class"])
        .iter()
        .map(|c| format!("k{c}"))
        .collect();
    let mut all: Columns = vec![(
        "class".into(),
        "class".into(),
        Column::Label(Labels::of(&class)),
    )];
    for (k, p) in multi["probability"].as_array().unwrap().iter().enumerate() {
        all.push(("probability".into(), format!("k{k}"), Column::Real(list(p))));
    }
    for target in ["top-label", "class-wise"] {
        let a = run(
            "calibration-error",
            all.clone(),
            &[("target", target), ("replicates", "100")],
        )
        .unwrap();
        let e = &python["multi"][target];
        close(target, value(&a, "ece"), e["l1"].as_f64().unwrap());
        close(target, value(&a, "rmsce"), e["l2"].as_f64().unwrap());
        close(target, value(&a, "mce"), e["max"].as_f64().unwrap());
        assert!(
            a.numbers[0]
                .definition
                .starts_with(&format!("ece.{target}.equal-width.10-bins.right-closed"))
        );
    }
    assert!(run("calibration-error", all, &[]).is_err());
}

#[test]
fn scores_and_decompositions_agree_with_scikit_learn_and_the_formulas() {
    let (python, r) = (read("python.json"), read("r.json"));
    for ((set, e), r) in sets()
        .iter()
        .zip(python["sets"].as_array().unwrap())
        .zip(r["sets"].as_array().unwrap())
    {
        let e = &e["scores"];
        let f = |k: &str| e[k].as_f64().unwrap();
        let plain = columns(&set.truth, &set.probability);
        let a = run("brier", plain.clone(), &[]).unwrap();
        close("brier", value(&a, "brier"), f("brier"));
        close("brier se", error(&a, "brier"), f("se"));
        close(
            "val.prob Brier",
            value(&a, "brier"),
            r["val_prob"]["Brier"].as_f64().unwrap(),
        );
        for (name, key) in [
            ("brier_skill", "skill"),
            ("reliability", "reliability"),
            ("resolution", "resolution"),
            ("uncertainty", "uncertainty"),
            ("miscalibration", "mcb"),
            ("discrimination", "dsc"),
            ("reliability_binned", "reliability_binned"),
            ("resolution_binned", "resolution_binned"),
            ("within_bins", "within_bins"),
        ] {
            close(&format!("{} {name}", set.name), value(&a, name), f(key));
        }
        if e.get("reliability_corrected").is_some() {
            for name in [
                "reliability_corrected",
                "resolution_corrected",
                "uncertainty_corrected",
            ] {
                close(name, value(&a, name), f(name));
            }
        } else {
            assert!(a.number("reliability_corrected").unwrap().value.is_none());
        }
        // The reference differentiates numerically.
        assert!((error(&a, "brier_skill") / f("skill_se_numerical") - 1.0).abs() < 1e-4);
        let c = run("brier", with_cluster(plain.clone(), &set.cluster), &[]).unwrap();
        close("clustered", error(&c, "brier"), f("se_cluster"));
        let l = run("log-loss", plain.clone(), &[]).unwrap();
        close("log loss", value(&l, "log_loss"), f("log_loss"));
        close("log skill", value(&l, "log_loss_skill"), f("log_skill"));
        close("log unc", value(&l, "uncertainty"), f("log_unc"));
        close("log mcb", value(&l, "miscalibration"), f("log_mcb"));
        let z = run("spiegelhalter-z", plain.clone(), &[]).unwrap();
        close("mapie", value(&z, "z"), f("spiegelhalter"));
        close(
            "val.prob z",
            value(&z, "z"),
            r["val_prob"]["S:z"].as_f64().unwrap(),
        );
        close(
            "val.prob p",
            value(&z, "p_value"),
            r["val_prob"]["S:p"].as_f64().unwrap(),
        );
        for groups in ["10", "5"] {
            let e = &r[&format!("hoslem_{groups}")];
            for (use_, key) in [("external", "external"), ("development", "development")] {
                let a = run(
                    "hosmer-lemeshow",
                    plain.clone(),
                    &[("groups", groups), ("use", use_)],
                )
                .unwrap();
                close(
                    &format!("{} hl", set.name),
                    value(&a, "chi_squared"),
                    e["chisq"].as_f64().unwrap(),
                );
                close("hl p", value(&a, "p_value"), e[key].as_f64().unwrap());
            }
        }
        for interval in ["percentile", "bca", "basic"] {
            let b = run(
                "brier",
                plain.clone(),
                &[("interval", interval), ("replicates", "200")],
            )
            .unwrap();
            let [low, high] = limits(&b, "brier");
            let wald = limits(&a, "brier");
            assert!(
                (low - wald[0]).abs() < 0.5 * (wald[1] - wald[0])
                    && (high - wald[1]).abs() < 0.5 * (wald[1] - wald[0])
            );
        }
    }
}

#[test]
fn recalibration_agrees_with_r_and_statsmodels() {
    let (python, r) = (read("python.json"), read("r.json"));
    for ((set, e), r) in sets()
        .iter()
        .zip(python["sets"].as_array().unwrap())
        .zip(r["sets"].as_array().unwrap())
    {
        let plain = columns(&set.truth, &set.probability);
        let t = run("recalibrate", plain.clone(), &[("method", "temperature")]).unwrap();
        close(
            "temperature",
            value(&t, "temperature"),
            r["temperature"].as_f64().unwrap(),
        );
        close(
            "temperature se",
            error(&t, "temperature"),
            r["temperature_se"].as_f64().unwrap(),
        );
        // The limits of ln T, taken back; 1.959964 is the normal quantile of 0.975.
        let (r_t, r_se) = (
            r["temperature"].as_f64().unwrap(),
            r["temperature_se"].as_f64().unwrap(),
        );
        let factor = (1.959_963_984_540_054 * r_se / r_t).exp();
        let [low, high] = limits(&t, "temperature");
        close("lower limit of T", low, r_t / factor);
        close("upper limit of T", high, r_t * factor);
        let l = run("recalibrate", plain.clone(), &[]).unwrap();
        close("slope", value(&l, "slope"), r["slope"].as_f64().unwrap());
        let c = run(
            "recalibrate",
            with_cluster(plain.clone(), &set.cluster),
            &[],
        )
        .unwrap();
        close("slope cr1", error(&c, "slope"), list(&r["joint_cr1"])[1]);
        let p = run("recalibrate", plain.clone(), &[("method", "platt")]).unwrap();
        let e = &e["platt"];
        for (i, name) in ["intercept", "slope"].iter().enumerate() {
            close("platt", value(&p, name), list(&e["coefficients"])[i]);
            close("platt se", error(&p, name), list(&e["se"])[i]);
            assert!(
                (value(&p, name) - list(&e["sklearn"])[i]).abs() < 1e-3,
                "{} {name}",
                set.name
            );
        }
        let b = run("recalibrate", plain.clone(), &[("method", "beta")]).unwrap();
        for (i, name) in ["a", "b", "c"].iter().enumerate() {
            close(name, value(&b, name), list(&r["beta"])[i]);
            match r["beta_se"][i].as_f64() {
                Some(se) => close("beta se", error(&b, name), se),
                None => assert!(b.number(name).unwrap().standard_error.is_none()),
            }
        }
        let i = run("recalibrate", plain, &[("method", "isotonic")]).unwrap();
        assert_eq!(i.numbers[0].name, "log_loss_after");
        for a in [&t, &l, &b, &i] {
            assert!(value(a, "log_loss_after") <= value(a, "log_loss_before") + 1e-12);
        }
    }
}

#[test]
fn net_benefit_agrees_with_dcurves() {
    let python = read("python.json");
    for (set, e) in sets().iter().zip(python["sets"].as_array().unwrap()) {
        let e = &e["net_benefit"];
        let mut both = columns(&set.truth, &set.probability);
        both.push((
            "probability".into(),
            "second".into(),
            Column::Real(set.second.clone()),
        ));
        let range = [
            ("threshold", "0.3"),
            ("threshold_from", "0.05"),
            ("threshold_to", "0.95"),
            ("threshold_step", "0.05"),
            ("replicates", "200"),
        ];
        for (name, prevalence) in [("sample", None), ("given", Some(("prevalence", "0.15")))] {
            let settings: Vec<(&str, &str)> = range.iter().copied().chain(prevalence).collect();
            let a = run("decision-curve", both.clone(), &settings).unwrap();
            let find = |model: &str, column: usize| -> Vec<f64> {
                a.tables[0]
                    .rows
                    .iter()
                    .filter(|r| r[0] == Cell::Text(model.into()))
                    .map(|r| {
                        if let Cell::Real(v) = r[column] {
                            v
                        } else {
                            f64::NAN
                        }
                    })
                    .collect()
            };
            for model in ["p", "second"] {
                let expected = list(&e[&format!("{name}.{model}")]);
                assert_eq!(find(model, 1), list(&e["thresholds"]));
                for (got, expected) in find(model, 2).iter().zip(&expected) {
                    close(&format!("{} {name} {model}", set.name), *got, *expected);
                }
                for (got, expected) in find(model, 6)
                    .iter()
                    .zip(list(&e[&format!("{name}.{model}.avoided")]))
                {
                    close("avoided", *got, expected);
                }
                let at = value(&a, &format!("net_benefit_{model}"));
                close("at 0.3", at, expected[5]);
                let rows = a.tables[0]
                    .rows
                    .iter()
                    .filter(|r| r[0] == Cell::Text(model.into()));
                for row in rows {
                    if let (Cell::Real(v), Cell::Real(l), Cell::Real(u)) =
                        (&row[2], &row[3], &row[4])
                    {
                        assert!(l < u && *l <= v + 0.2 && *u >= v - 0.2);
                    }
                }
            }
            for (got, expected) in find("p", 5).iter().zip(list(&e[&format!("{name}.all")])) {
                close("all", *got, expected);
            }
            close(
                "difference",
                value(&a, "difference_p_second"),
                value(&a, "net_benefit_p") - value(&a, "net_benefit_second"),
            );
        }
        for (columns, suffix) in [
            (both.clone(), ""),
            (with_cluster(both, &set.cluster), "_cluster"),
        ] {
            let a = run(
                "decision-curve",
                columns,
                &[("threshold", "0.3"), ("interval", "wald")],
            )
            .unwrap();
            close(
                "se",
                error(&a, "net_benefit_p"),
                e[&format!("se{suffix}.p")].as_f64().unwrap(),
            );
            close(
                "se",
                error(&a, "difference_p_second"),
                e[&format!("se{suffix}.difference")].as_f64().unwrap(),
            );
        }
    }
}

#[test]
fn degenerate_data_have_a_reason_and_no_number() {
    let ids: Vec<&str> = ENTRIES
        .iter()
        .chain(decision_curve::ENTRIES)
        .map(|e| e.id)
        .collect();
    let data: Vec<(&str, Vec<bool>, Vec<f64>)> = vec![
        ("no rows", vec![], vec![]),
        ("one row", vec![true], vec![0.7]),
        ("two rows", vec![true, false], vec![0.7, 0.2]),
        (
            "one class",
            vec![true; 20],
            (0..20).map(|i| 0.02 + f64::from(i) / 25.0).collect(),
        ),
        (
            "no positives",
            vec![false; 20],
            (0..20).map(|i| 0.02 + f64::from(i) / 25.0).collect(),
        ),
        (
            "constant",
            (0..20).map(|i| i % 3 == 0).collect(),
            vec![0.3; 20],
        ),
        (
            "separated",
            (0..20).map(|i| i >= 10).collect(),
            (0..20).map(|i| 0.02 + f64::from(i) / 25.0).collect(),
        ),
        (
            "separated the wrong way",
            (0..20).map(|i| i < 10).collect(),
            (0..20).map(|i| 0.02 + f64::from(i) / 25.0).collect(),
        ),
        (
            "all 0 and 1",
            (0..20).map(|i| i % 2 == 0).collect(),
            (0..20).map(|i| f64::from(i % 2 == 0)).collect(),
        ),
        (
            "all 0",
            (0..20).map(|i| i % 2 == 0).collect(),
            vec![0.0; 20],
        ),
    ];
    for id in ids {
        for (what, truth, probability) in &data {
            for clustered in [false, true] {
                let mut settings = vec![];
                let entry = ENTRIES
                    .iter()
                    .chain(decision_curve::ENTRIES)
                    .find(|e| e.id == id)
                    .unwrap();
                if entry.settings.iter().any(|s| s.name == "replicates") {
                    settings.push(("replicates", "100"));
                }
                if id == "decision-curve" {
                    settings.push(("threshold", "0.2"));
                }
                let mut given = columns(truth, probability);
                if clustered {
                    if !entry.roles.iter().any(|r| r.name == "cluster") {
                        continue;
                    }
                    given = with_cluster(given, &vec!["one".to_owned(); truth.len()]);
                }
                match run(id, given, &settings) {
                    Err(StatisticsError::NotEstimable(reason)) => assert!(!reason.is_empty()),
                    Err(other) => panic!("{id}, {what}: {other}"),
                    Ok(answer) => {
                        for number in &answer.numbers {
                            let label = format!("{id}, {what}: {number:?}");
                            assert!(number.value.is_none_or(f64::is_finite), "{label}");
                            assert!(
                                number.value.is_some() || number.not_estimable.is_some(),
                                "{label}"
                            );
                            assert!(number.interval.is_none_or(|i| i.lower < i.upper), "{label}");
                            assert!(number.standard_error.is_none_or(|e| e > 0.0), "{label}");
                        }
                    }
                }
            }
        }
    }
    let one_class = [true; 10];
    let p: Vec<f64> = (1..11).map(|i| f64::from(i) / 11.0).collect();
    let x: Vec<f64> = p.iter().map(|p| (p / (1.0 - p)).ln()).collect();
    assert!(matches!(
        calibration_in_the_large(&one_class, &x, None),
        Err(StatisticsError::NotEstimable(_))
    ));
    assert!(matches!(
        calibration_slope(&one_class, &x, None),
        Err(StatisticsError::NotEstimable(_))
    ));
    // One shared value between the classes is still separation.
    let touching = [false, false, false, true, true];
    assert!(matches!(
        calibration_slope(&touching, &[-2.0, -1.0, 0.5, 0.5, 2.0], None),
        Err(StatisticsError::NotEstimable(_))
    ));
    for bad in [f64::NAN, f64::INFINITY, -0.1, 1.1] {
        let (y, p) = ([true, false, true, false], [bad, 0.2, 0.3, 0.4]);
        assert!(brier_score(&y, &p).is_err());
        assert!(log_loss(&y, &p).is_err());
        assert!(spiegelhalter_z(&y, &p).is_err());
        assert!(hosmer_lemeshow(&y, &p, 2, Use::External).is_err());
        assert!(murphy_decomposition(&y, &p).is_err());
        assert!(stephenson_decomposition(&y, &p, 10).is_err());
        assert!(corp_decomposition(&y, &p, brier_score).is_err());
        assert!(integrated_calibration(&y, &p, Smoother::Isotonic).is_err());
        assert!(recalibrate(&y, &p, Covariate::Logit, Method::Isotonic, None).is_err());
        assert!(
            recalibrate(
                &y,
                &[bad, 1.0, 2.0, 3.0],
                Covariate::Score,
                Method::Platt,
                None
            )
            .is_err()
                || bad.is_finite()
        );
    }
}

#[test]
fn probabilities_of_zero_and_one_are_refused_clipped_or_left_out_and_said() {
    let truth: Vec<bool> = (0..40).map(|i| i % 3 == 0 || i > 30).collect();
    let mut p: Vec<f64> = (0..40).map(|i| f64::from(i) / 40.0 + 0.01).collect();
    p[0] = 0.0;
    p[39] = 1.0;
    let slope = |settings: &[(&str, &str)]| run("calibration-slope", columns(&truth, &p), settings);
    assert!(matches!(slope(&[]), Err(StatisticsError::NotEstimable(_))));
    let clipped = slope(&[("at_bounds", "clip"), ("clip", "0.001")]).unwrap();
    assert!(
        clipped
            .notes
            .iter()
            .any(|n| n.starts_with("2 probabilities"))
    );
    let left = slope(&[("at_bounds", "leave-out")]).unwrap();
    assert_eq!(left.numbers[0].n, 38);
    assert!(left.notes.iter().any(|n| n.starts_with("2 rows")));
    // Means and O:E need no logit.
    let a = run("calibration-in-the-large", columns(&truth, &p), &[]).unwrap();
    assert!(
        a.numbers[0].value.is_none()
            && a.number("observed_expected_ratio").unwrap().value.is_some()
    );
    // Row 0 is positive with probability 0.
    assert!(matches!(
        run("log-loss", columns(&truth, &p), &[]),
        Err(StatisticsError::NotEstimable(_))
    ));
    assert!(run("log-loss", columns(&truth, &p), &[("at_bounds", "clip")]).is_ok());
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Calibrated probabilities whose logits are normal, and outcomes by them.
fn calibrated(random: &mut Philox, n: usize, centre: f64, spread: f64) -> (Vec<bool>, Vec<f64>) {
    let p: Vec<f64> = (0..n)
        .map(|_| logistic(centre + spread * random.normal()))
        .collect();
    let y = p.iter().map(|p| random.unit() < *p).collect();
    (y, p)
}

fn logits(p: &[f64]) -> Vec<f64> {
    p.iter().map(|p| (p / (1.0 - p)).ln()).collect()
}

/// Rejection at 5 % of true hypotheses: within Monte-Carlo error at n = 200, 1000 data sets.
#[test]
fn tests_keep_their_level() {
    let times = 1000u64;
    let mut rejected = [0.0f64; 4];
    for b in 0..times {
        let mut random = Philox::new(77, b);
        let (y, p) = calibrated(&mut random, 200, -0.5, 1.0);
        let x = logits(&p);
        let z = spiegelhalter_z(&y, &p).unwrap();
        let free = calibration_slope(&y, &x, None).unwrap().log_likelihood;
        let large = calibration_in_the_large(&y, &x, None)
            .unwrap()
            .log_likelihood;
        let fixed = likelihood_at(&y, &x, 0.0, 1.0);
        for (count, p) in rejected.iter_mut().zip([
            candour_statistics::distribution::normal_two_sided(z),
            chi_squared_tail(2.0 * (large - fixed), 1.0),
            chi_squared_tail(2.0 * (free - fixed), 2.0),
            hosmer_lemeshow(&y, &p, 10, Use::External).unwrap().p_value,
        ]) {
            *count += f64::from(u8::from(p < 0.05)) / times as f64;
        }
    }
    // Monte-Carlo standard error 0.0069.
    for (name, rate) in ["spiegelhalter", "in the large", "joint", "hosmer-lemeshow"]
        .iter()
        .zip(rejected)
    {
        assert!((0.03..=0.07).contains(&rate), "{name}: {rate}");
    }
}

/// Coverage at 95 %. Profile intervals of the calibration in the large hold at n = 40 with 15 %
/// positives; Wald intervals of Brier and net benefit run a little low at n = 150 (about 95 % and 92 %: the net
/// benefit is skewed) and undercover at n = 20.
#[test]
fn intervals_cover() {
    let times = 600u64;
    let mut covered = 0.0f64;
    let mut estimable = 0.0f64;
    for b in 0..times {
        let mut random = Philox::new(78, b);
        let (y, p) = calibrated(&mut random, 40, -2.0, 0.7);
        if let Ok(i) = profile_in_the_large(&y, &logits(&p), 0.95) {
            estimable += 1.0;
            covered += f64::from(u8::from(i.lower <= 0.0 && 0.0 <= i.upper));
        }
    }
    let rate = covered / estimable;
    assert!(
        estimable > 0.95 * times as f64 && (0.93..=0.975).contains(&rate),
        "profile: {rate}"
    );

    // The truth of Brier and net benefit by a large sample of the same law.
    let (y, p) = calibrated(&mut Philox::new(1, 0), 400_000, -1.0, 1.2);
    let brier = brier_score(&y, &p).unwrap();
    let benefit = decision_curve::net_benefits(&y, &p, &[0.3], None).unwrap()[0].model;
    for (n, low, high) in [(150, 0.90, 0.97), (20, 0.80, 0.955)] {
        let mut covered = [0.0f64; 2];
        for b in 0..400u64 {
            let (y, p) = calibrated(&mut Philox::new(79, b), n, -1.0, 1.2);
            let a = run("brier", columns(&y, &p), &[]).unwrap();
            let d = run(
                "decision-curve",
                columns(&y, &p),
                &[
                    ("threshold", "0.3"),
                    ("interval", "wald"),
                    ("threshold_from", "0.3"),
                    ("threshold_to", "0.3"),
                ],
            )
            .unwrap();
            for (count, (number, truth)) in covered.iter_mut().zip([
                (a.numbers[0].clone(), brier),
                (d.numbers[0].clone(), benefit),
            ]) {
                *count += f64::from(u8::from(
                    number
                        .interval
                        .is_some_and(|i| i.lower <= truth && truth <= i.upper),
                )) / 400.0;
            }
        }
        assert!(
            covered.iter().all(|c| (low..=high).contains(c)),
            "n = {n}: {covered:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The Brier identities hold to rounding, on ties and at 0 and 1.
    #[test]
    fn brier_identities(rows in prop::collection::vec((any::<bool>(), 0u8..=20), 1..60), bins in 1usize..15) {
        let y: Vec<bool> = rows.iter().map(|r| r.0).collect();
        let p: Vec<f64> = rows.iter().map(|r| f64::from(r.1) / 20.0).collect();
        let brier = brier_score(&y, &p).unwrap();
        for d in [
            murphy_decomposition(&y, &p).unwrap(),
            corp_decomposition(&y, &p, brier_score).unwrap(),
            stephenson_decomposition(&y, &p, bins).unwrap(),
        ] {
            let sum = d.miscalibration - d.discrimination + d.uncertainty + d.within_bins;
            prop_assert!((brier - sum).abs() < 1e-13);
        }
        let corp = corp_decomposition(&y, &p, brier_score).unwrap();
        prop_assert!(corp.miscalibration > -1e-13 && corp.discrimination > -1e-13);
    }

    /// Shifting and stretching the logits moves intercept and slope as it must.
    #[test]
    fn slope_follows_the_logits(
        rows in prop::collection::vec((any::<bool>(), -30i32..30), 8..60), shift in -1.0f64..1.0, stretch in 0.3f64..3.0
    ) {
        let y: Vec<bool> = rows.iter().map(|r| r.0).collect();
        let x: Vec<f64> = rows.iter().map(|r| f64::from(r.1) / 10.0).collect();
        let Ok(one) = calibration_slope(&y, &x, None) else { return Ok(()); };
        let moved: Vec<f64> = x.iter().map(|v| shift + stretch * v).collect();
        let two = calibration_slope(&y, &moved, None).unwrap();
        let tolerance = 1e-8 * (1.0 + one.slope.abs());
        prop_assert!((two.slope * stretch - one.slope).abs() < tolerance);
        prop_assert!((two.intercept + two.slope * shift - one.intercept).abs() < 10.0 * tolerance);
    }

    /// Swapping the classes and the probabilities' sides mirrors everything.
    #[test]
    fn swapping_sides_negates_the_intercept_and_keeps_the_slope(rows in prop::collection::vec((any::<bool>(), 1u8..40), 8..60)) {
        let y: Vec<bool> = rows.iter().map(|r| r.0).collect();
        let p: Vec<f64> = rows.iter().map(|r| f64::from(r.1) / 40.0).collect();
        let (not_y, not_p): (Vec<bool>, Vec<f64>) = (y.iter().map(|y| !y).collect(), p.iter().map(|p| 1.0 - p).collect());
        prop_assert!((brier_score(&y, &p).unwrap() - brier_score(&not_y, &not_p).unwrap()).abs() < 1e-14);
        let Ok(one) = calibration_slope(&y, &logits(&p), None) else { return Ok(()); };
        let two = calibration_slope(&not_y, &logits(&not_p), None).unwrap();
        prop_assert!((one.slope - two.slope).abs() < 1e-8 * (1.0 + one.slope.abs()));
        prop_assert!((one.intercept + two.intercept).abs() < 1e-8 * (1.0 + one.slope.abs()));
    }
}

/// Wald knows no ends: the Brier score lies from 0 to 1, the log loss from 0, a skill below 1.
#[test]
fn intervals_of_scores_end_where_the_scores_do() {
    // One wrong and sure prediction among nearly perfect ones.
    let truth = [true, false, true, false, true, false, true, false];
    let sure = [0.99, 0.01, 0.98, 0.02, 0.99, 0.01, 0.05, 0.01];
    let wrong: Vec<f64> = sure.iter().map(|p| 1.0 - p).collect();
    for (id, p) in [
        ("brier", sure.to_vec()),
        ("log-loss", sure.to_vec()),
        ("brier", wrong),
    ] {
        let answer = run(id, columns(&truth, &p), &[]).unwrap();
        let name = id.replace('-', "_");
        let score = limits(&answer, &name);
        assert!(score[0] >= 0.0 && (id == "log-loss" || score[1] <= 1.0));
        let skill = limits(&answer, &format!("{name}_skill"));
        assert!(skill[1] <= 1.0);
        // By hand: the plain Wald limits pass the end, which the note says.
        let (value, se) = (value(&answer, &name), error(&answer, &name));
        let z = 1.959_963_984_540_054;
        let passed = value - z * se < 0.0 || (id == "brier" && value + z * se > 1.0);
        assert!(passed, "{id} {value} {se}");
        assert!(
            answer
                .notes
                .iter()
                .any(|n| n.contains(&format!("`{name}`")))
        );
    }
}

/// The bootstrap that adds up rows placed once is that of binning each replicate anew.
#[test]
fn the_bootstrap_of_binned_errors_is_that_of_binning_anew() {
    let mut random = Philox::new(71, 0);
    let (y, p) = calibrated(&mut random, 80, 0.0, 1.5);
    for side in ["right", "left"] {
        let answer = run(
            "calibration-error",
            columns(&y, &p),
            &[("replicates", "300"), ("side", side), ("bins", "7")],
        )
        .unwrap();
        let way = if side == "left" {
            Side::Left
        } else {
            Side::Right
        };
        let mut values = Units::independent(80).bootstrap(1, 300, |rows| {
            let y: Vec<bool> = rows.iter().map(|r| y[*r]).collect();
            let p: Vec<f64> = rows.iter().map(|r| p[*r]).collect();
            let bins = bins(&y, &p, Binning::EqualWidth(7, Edges::Quotient), way).unwrap();
            calibration_error(&bins, Norm::L1)
        });
        values.sort_unstable_by(f64::total_cmp);
        let got = limits(&answer, "ece");
        close("lower", got[0], quantile(&values, 0.025));
        close("upper", got[1], quantile(&values, 0.975));
    }
}

/// Eight weak rows by R 4.2.2: `glm(y ~ 0 + qlogis(p), binomial)`, T = 1 / slope, se(T) = se / slope^2, and
/// exp(log(T) -/+ qnorm(0.975) se(T) / T). T - z se(T) would be -0.46.
#[test]
fn a_temperature_has_limits_above_zero() {
    let truth = [false, true, false, false, true, false, true, true];
    let p = [0.2, 0.3, 0.4, 0.45, 0.55, 0.6, 0.7, 0.8];
    let t = run(
        "recalibrate",
        columns(&truth, &p),
        &[("method", "temperature")],
    )
    .unwrap();
    close("T", value(&t, "temperature"), 0.742_594_360_597_440_6);
    close("se", error(&t, "temperature"), 0.614_466_823_543_030_5);
    let [low, high] = limits(&t, "temperature");
    close("lower", low, 0.146_695_492_217_181);
    close("upper", high, 3.759_122_901_845_626);
    let method = t.number("temperature").unwrap().interval_method.as_deref();
    assert_eq!(method, Some("wald.log"));
}
