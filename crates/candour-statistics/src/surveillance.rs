//! After market: drift of inputs and outputs against a reference, control charts with designed run
//! lengths, and what can be said while labels are late or missing.

mod charts;
mod drift;
mod run_length;
mod windows;
mod without_labels;

pub use charts::{
    Chart, CusumSettings, Ewma, PChart, Sprt, SprtOutcome, bernoulli_cusum, ewma_chart, p_chart,
    poisson_cusum, risk_adjusted_cusum, sprt, tabular_cusum,
};
pub use drift::{
    Bins, CategoryDrift, KolmogorovSmirnov, KsP, MMD_ROWS, Mmd, ZeroCells, category_drift,
    energy_distance, jensen_shannon, kolmogorov_smirnov, maximum_mean_discrepancy,
    population_stability_index, wasserstein_1,
};
pub(crate) use run_length::gauss_legendre;
pub use run_length::{
    BernoulliCusum, bernoulli_cusum_arl, bernoulli_cusum_threshold, cusum_arl, cusum_threshold,
    ewma_arl, ewma_limit,
};
pub use windows::{Adwin, PageHinkley, Windows, adwin_bifet, adwin_river, page_hinkley};
pub use without_labels::{Expected, expected_performance};

use crate::catalogue::Entry;

/// The entries of this module.
pub const ENTRIES: &[Entry] = &[
    drift::PSI,
    drift::KS,
    drift::WASSERSTEIN,
    drift::MMD,
    drift::CATEGORIES,
    charts::CUSUM,
    charts::EWMA,
    charts::SPRT,
    charts::P_CHART,
    windows::PAGE_HINKLEY,
    windows::ADWIN,
    run_length::ARL_CUSUM,
    run_length::ARL_EWMA,
    without_labels::PERFORMANCE,
    without_labels::OVERRIDE,
];
