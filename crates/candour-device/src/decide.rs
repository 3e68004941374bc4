//! From a prediction to an outcome: the one place where a number becomes an answer.

use candour_record::DecisionOutcome;

/// What turns a calibrated probability into an outcome; read from the model package.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// A probability at or above this is a finding.
    pub threshold: f64,
    /// A probability `p` with `lo <= p < hi` is an abstention.
    pub abstain_band: Option<(f64, f64)>,
}

/// The outcome of a calibrated probability under a policy; `None` when it is not a probability,
/// which no decision may rest on.
#[must_use]
pub fn decide(probability: f64, policy: &Policy) -> Option<DecisionOutcome> {
    if !(0.0..=1.0).contains(&probability) {
        return None;
    }
    if policy
        .abstain_band
        .is_some_and(|(lo, hi)| lo <= probability && probability < hi)
    {
        return Some(DecisionOutcome::Abstained);
    }
    Some(if probability >= policy.threshold {
        DecisionOutcome::Finding
    } else {
        DecisionOutcome::NoFinding
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use DecisionOutcome::{Abstained, Finding, NoFinding};

    #[test]
    fn both_sides_of_every_boundary() {
        let plain = Policy {
            threshold: 0.5,
            abstain_band: None,
        };
        let banded = Policy {
            threshold: 0.5,
            abstain_band: Some((0.45, 0.55)),
        };
        for (p, without, with) in [
            (0.0, NoFinding, NoFinding),
            (0.45 - f64::EPSILON, NoFinding, NoFinding),
            (0.45, NoFinding, Abstained),
            (0.5 - f64::EPSILON, NoFinding, Abstained),
            (0.5, Finding, Abstained),
            (0.55 - f64::EPSILON, Finding, Abstained),
            (0.55, Finding, Finding),
            (1.0, Finding, Finding),
        ] {
            assert_eq!(decide(p, &plain), Some(without), "{p}");
            assert_eq!(decide(p, &banded), Some(with), "{p}");
        }
    }

    #[test]
    fn what_is_no_probability_decides_nothing() {
        let policy = Policy {
            threshold: 0.5,
            abstain_band: None,
        };
        for p in [f64::NAN, f64::INFINITY, -0.1, 1.1] {
            assert_eq!(decide(p, &policy), None);
        }
    }
}
