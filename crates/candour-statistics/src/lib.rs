//! Numbers with intervals: pure arithmetic on columns, without a clock, a file or a record.
//!
//! Every statistic stands in the [`catalogue`] with its formula, source and assumptions. What cannot
//! be estimated is said with its reason ([`StatisticsError::NotEstimable`]), never a made-up number.

pub mod accuracy;
pub mod agreement;
pub mod calibration;
pub mod catalogue;
pub mod clustered;
pub mod comparison;
pub mod conformal;
pub mod decision_curve;
pub mod distribution;
pub mod fairness;
pub mod localisation;
pub mod missing;
pub mod multiplicity;
mod number;
pub mod pooling;
pub mod proportion;
pub mod random;
pub mod rank;
pub mod reader_study;
pub mod resample;
pub mod roc;
pub mod sample_size;
pub mod segmentation;
pub mod subgroup;
pub mod surveillance;

pub use number::{
    Answer, Cell, Curve, Figure, Interval, Number, StatisticsError, Table, estimable,
};
pub use proportion::{Proportion, wilson_interval};
pub use roc::{Auc, delong_auc};
