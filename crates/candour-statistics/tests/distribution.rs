//! Distribution functions against R and against mpmath.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

use candour_statistics::distribution as d;

fn value(f: &str, a: &[f64]) -> f64 {
    let whole = |v: f64| v as u64;
    match f {
        "normal_cdf" => d::normal_cdf(a[0]),
        "normal_tail" => d::normal_tail(a[0]),
        "normal_two_sided" => d::normal_two_sided(a[0]),
        "normal_density" => d::normal_density(a[0]),
        "normal_quantile" => d::normal_quantile(a[0]),
        "t_cdf" => d::t_cdf(a[0], a[1]),
        "t_two_sided" => d::t_two_sided(a[0], a[1]),
        "t_quantile" => d::t_quantile(a[0], a[1]),
        "chi_squared_cdf" => d::chi_squared_cdf(a[0], a[1]),
        "chi_squared_tail" => d::chi_squared_tail(a[0], a[1]),
        "chi_squared_quantile" => d::chi_squared_quantile(a[0], a[1]),
        "f_cdf" => d::f_cdf(a[0], a[1], a[2]),
        "f_tail" => d::f_tail(a[0], a[1], a[2]),
        "f_quantile" => d::f_quantile(a[0], a[1], a[2]),
        "beta_cdf" => d::beta_cdf(a[0], a[1], a[2]),
        "beta_tail" => d::beta_tail(a[0], a[1], a[2]),
        "beta_quantile" => d::beta_quantile(a[0], a[1], a[2]),
        "binomial_pmf" => d::binomial_pmf(whole(a[0]), whole(a[1]), a[2]),
        "binomial_cdf" => d::binomial_cdf(whole(a[0]), whole(a[1]), a[2]),
        "binomial_tail" => d::binomial_tail(whole(a[0]), whole(a[1]), a[2]),
        "noncentral_chi_squared_cdf" => d::noncentral_chi_squared_cdf(a[0], a[1], a[2]),
        "noncentral_chi_squared_tail" => d::noncentral_chi_squared_tail(a[0], a[1], a[2]),
        "noncentral_f_cdf" => d::noncentral_f_cdf(a[0], a[1], a[2], a[3]),
        "noncentral_f_tail" => d::noncentral_f_tail(a[0], a[1], a[2], a[3]),
        "noncentral_t_cdf" => d::noncentral_t_cdf(a[0], a[1], a[2]),
        "noncentral_t_tail" => d::noncentral_t_tail(a[0], a[1], a[2]),
        other => panic!("{other}"),
    }
}

#[test]
fn distributions_agree_with_the_reference() {
    let mut worst: std::collections::BTreeMap<String, (f64, String)> = Default::default();
    let mut count = 0;
    for file in ["central.json", "noncentral.json"] {
        let path = format!(
            "{}/../../testdata/statistics/distribution/{file}",
            env!("CARGO_MANIFEST_DIR")
        );
        let all: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for row in all["rows"].as_array().unwrap() {
            let f = row["f"].as_str().unwrap();
            // R writes a vector of one as a number.
            let args: Vec<f64> = match &row["args"] {
                serde_json::Value::Array(a) => a.iter().map(|v| v.as_f64().unwrap()).collect(),
                v => vec![v.as_f64().unwrap()],
            };
            let expected = row["value"].as_f64().unwrap();
            let got = value(f, &args);
            let gap = if expected == got {
                0.0
            } else {
                ((got - expected) / expected).abs()
            };
            let gap = if gap.is_nan() { f64::INFINITY } else { gap };
            count += 1;
            let entry = worst.entry(f.to_owned()).or_insert((0.0, String::new()));
            if gap >= entry.0 {
                *entry = (gap, format!("{args:?}: {got} against {expected}"));
            }
        }
    }
    assert!(count > 1000);
    for (f, (gap, what)) in &worst {
        eprintln!("{f}: {gap:.1e} at {what}");
    }
    for (f, (gap, what)) in worst {
        assert!(gap < 1e-10, "{f}: {gap} at {what}");
    }
}

#[test]
fn arguments_out_of_range_give_nan() {
    assert!(d::t_cdf(f64::NAN, 3.0).is_nan());
    assert!(d::t_quantile(0.3, -1.0).is_nan());
    assert!(d::chi_squared_tail(1.0, 0.0).is_nan());
    assert!(d::f_quantile(1.5, 1.0, 2.0).is_nan());
    assert!(d::beta_quantile(0.5, 0.0, 1.0).is_nan());
    assert!(d::binomial_pmf(1, 2, f64::NAN).is_nan());
    assert!(d::noncentral_t_cdf(1.0, 0.0, 1.0).is_nan());
    assert!(d::noncentral_f_tail(1.0, 2.0, 3.0, -1.0).is_nan());
    assert_eq!(d::t_quantile(1.0, 3.0), f64::INFINITY);
    assert_eq!(d::normal_quantile(0.0), f64::NEG_INFINITY);
}
