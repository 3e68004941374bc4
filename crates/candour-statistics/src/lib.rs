//! Numbers with intervals: pure arithmetic on columns, without a clock, a file or a record.
//!
//! Every statistic stands in the [`catalogue`] with its formula, source and assumptions. What cannot
//! be estimated is said with its reason ([`StatisticsError::NotEstimable`]), never a made-up number.

pub mod catalogue;
pub mod distribution;
mod number;
pub mod proportion;
pub mod random;
pub mod rank;
pub mod resample;
pub mod roc;
pub mod segmentation;

pub use number::{Answer, Cell, Curve, Figure, Interval, Number, StatisticsError, Table};
pub use proportion::{Proportion, wilson_interval};
pub use roc::{Auc, delong_auc};
