//! Lin's concordance correlation coefficient.

use crate::catalogue::{
    CLUSTER, Entry, Group, Kind, LEVEL, Need, REPLICATES, Role, SEED, Sample, Setting, SettingKind,
};
use crate::distribution::two_sided_z;
use crate::number::{Answer, Interval, Number, StatisticsError};
use crate::resample::Units;

use super::{
    MISSING, bootstrapped, check_pairs, clip, complete_rows, mean, products, squares, take,
    with_left_out,
};

pub(super) const FIRST: Role = Role {
    name: "first",
    what: "measurement by the first method",
    kind: Kind::Finite,
    need: Need::One,
    missing: true,
};

pub(super) const SECOND: Role = Role {
    name: "second",
    what: "measurement by the second method, in the same unit",
    kind: Kind::Finite,
    need: Need::One,
    missing: true,
};

/// Lin's concordance correlation coefficient.
pub(super) const CCC: Entry = Entry {
    id: "ccc",
    group: Group::Agreement,
    title: "Lin's concordance correlation coefficient",
    formula: "rho_c = 2 s_xy / (s_x^2 + s_y^2 + (mean_x - mean_y)^2) with moments over n; = r C_b; variance of Lin 1989 with the correction of 2000 over n - 2; interval on Fisher's z scale or on the plain scale",
    source: "Lin 1989, Biometrics 45:255, corrected 2000, 56:324",
    assumptions: "Pairs independent unless `cluster` is given; bivariate normal for the formula's interval. Depends on the spread of the subjects. Not estimable when both methods are constant and equal",
    compared_with: "epiR 2.0.57 epi.ccc",
    roles: &[FIRST, SECOND, CLUSTER],
    settings: &[
        MISSING,
        LEVEL,
        Setting {
            name: "interval",
            what: "how the interval is made; with `cluster` the bootstrap always (percentile without another choice)",
            kind: SettingKind::Choice(&["z-transform", "asymptotic", "percentile", "bca", "basic"]),
            default: Some("z-transform"),
        },
        REPLICATES,
        SEED,
    ],
    numbers: &[
        "ccc",
        "correlation",
        "accuracy",
        "scale_shift",
        "location_shift",
        "left_out",
    ],
    run: run_ccc,
};

/// The concordance correlation coefficient and its parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Concordance {
    /// The coefficient.
    pub value: f64,
    /// Pearson's correlation (precision); NaN when one method is constant.
    pub correlation: f64,
    /// C_b, the bias correction (accuracy); NaN when one method is constant.
    pub accuracy: f64,
    /// Scale shift: standard deviation of the second over that of the first.
    pub scale_shift: f64,
    /// Location shift: difference of means (second less first) over the geometric mean of the
    /// standard deviations.
    pub location_shift: f64,
    /// Standard error by Lin's formula; NaN with fewer than three pairs.
    pub standard_error: f64,
}

/// Lin's concordance correlation coefficient of pairs.
///
/// # Errors
/// Data or value: lengths differ, values not finite. Not estimable: fewer than two pairs, or no
/// spread and no shift.
pub fn concordance(first: &[f64], second: &[f64]) -> Result<Concordance, StatisticsError> {
    check_pairs(first, second)?;
    let n = first.len() as f64;
    if first.len() < 2 {
        return Err(StatisticsError::not_estimable("fewer than two pairs"));
    }
    let (mx, my) = (mean(first), mean(second));
    let (sx, sy) = (squares(first) / n, squares(second) / n);
    let (sx, sy) = (
        if super::constant(first) { 0.0 } else { sx },
        if super::constant(second) { 0.0 } else { sy },
    );
    let shift = my - mx;
    let total = sx + sy + shift * shift;
    if total == 0.0 {
        return Err(StatisticsError::not_estimable(
            "both methods give one and the same value: there is no spread to agree on",
        ));
    }
    let value = 2.0 * products(first, second) / n / total;
    let root = sx.sqrt() * sy.sqrt();
    if root == 0.0 {
        return Ok(Concordance {
            value: 0.0,
            correlation: f64::NAN,
            accuracy: f64::NAN,
            scale_shift: f64::NAN,
            location_shift: f64::NAN,
            standard_error: f64::NAN,
        });
    }
    let r = (products(first, second) / n / root).clamp(-1.0, 1.0);
    let accuracy = 2.0 * root / total;
    let u = shift / root.sqrt();
    // Lin's formula with p / r written as C_b, so that r = 0 does no harm.
    let c = accuracy;
    let p = value;
    let variance = ((1.0 - r * r) * c * c * (1.0 - p * p) + 2.0 * p * p * c * (1.0 - p) * u * u
        - 0.5 * p * p * c * c * u.powi(4))
        / (n - 2.0);
    Ok(Concordance {
        value,
        correlation: r,
        accuracy,
        scale_shift: (sy / sx).sqrt(),
        location_shift: u,
        standard_error: if n > 2.0 {
            variance.max(0.0).sqrt()
        } else {
            f64::NAN
        },
    })
}

fn run_ccc(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let z = two_sided_z(level)?;
    let rows = complete_rows(sample, &["first", "second"])?;
    let first = take(sample.reals("first"), &rows);
    let second = take(sample.reals("second"), &rows);
    let n = first.len();
    let c = concordance(&first, &second)?;
    let number = Number::plain("ccc", "ccc.lin-1989", c.value, n);
    let cluster = sample
        .labels("cluster")
        .map(|l| take(&crate::catalogue::Labels::complete(l), &rows));
    let word = sample.word("interval");
    let by_formula = cluster.is_none() && matches!(word, "z-transform" | "asymptotic");
    let se = c.standard_error;
    let number = if !by_formula {
        let units = Units::new(n, cluster.as_deref(), None);
        let method = crate::resample::BootstrapInterval::from_word(word);
        bootstrapped(number, sample, &units, method, |rows| {
            concordance(&take(&first, rows), &take(&second, rows))
                .ok()
                .map(|c| c.value)
        })?
    } else if se > 1e-12 && c.value.abs() < 1.0 {
        let (interval, method) = if word == "asymptotic" {
            (
                Interval {
                    lower: c.value - z * se,
                    upper: c.value + z * se,
                    level,
                },
                "wald.lin-1989",
            )
        } else {
            let (t, half) = (c.value.atanh(), z * se / (1.0 - c.value * c.value));
            (
                Interval {
                    lower: (t - half).tanh(),
                    upper: (t + half).tanh(),
                    level,
                },
                "z-transform.lin-1989",
            )
        };
        number
            .with_standard_error(se)
            .with_interval(interval, method)
    } else {
        number.without_interval("the standard error is 0 or has no value (fewer than three pairs, a constant method, or points on one line)")
    };
    let mut notes = Vec::new();
    let mut numbers = vec![clip(number, -1.0, 1.0, &mut notes)];
    for (name, definition, value) in [
        ("correlation", "pearson", c.correlation),
        ("accuracy", "c_b.lin-1989", c.accuracy),
        ("scale_shift", "sd-second/sd-first", c.scale_shift),
        (
            "location_shift",
            "(mean-second - mean-first)/sqrt(sd-first sd-second)",
            c.location_shift,
        ),
    ] {
        numbers.push(if value.is_finite() {
            Number::plain(name, definition, value, n)
        } else {
            Number::none(name, definition, n, "a method is constant")
        });
    }
    let answer = Answer {
        numbers,
        notes,
        ..Answer::default()
    };
    Ok(with_left_out(answer, sample, rows.len()))
}
