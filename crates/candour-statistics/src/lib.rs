//! Numbers with intervals: pure arithmetic on counts and scores, without a clock, a file or a record.
//!
//! Each function names its source. What cannot be estimated is `None`, never a made-up number.

mod proportion;
mod roc;

pub use proportion::{Interval, Proportion, StatisticsError, normal_quantile, wilson_interval};
pub use roc::{Auc, delong_auc};
