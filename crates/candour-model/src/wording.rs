//! What a radiologist reads: plain sentences, each tied to a number of the decision.

use candour_record::DecisionOutcome;

use crate::engine::Prediction;
use crate::explain::Explanation;
use crate::package::ModelSpec;

/// The justification of a decision, one sentence or two to a line. `place` says in patient terms
/// where the map's peak lies, when there is a volume.
#[must_use]
pub fn sentences(
    spec: &ModelSpec,
    prediction: &Prediction,
    outcome: DecisionOutcome,
    explanation: Option<&Explanation>,
    place: Option<&str>,
) -> Vec<String> {
    let finding = &spec.finding().meaning;
    let p = prediction.probability;
    let mut out = Vec::new();
    out.push(match outcome {
        DecisionOutcome::Finding => format!("Finding: {finding}."),
        DecisionOutcome::NoFinding => format!("No finding of: {finding}."),
        DecisionOutcome::Abstained => {
            format!("The device abstains: this case lies too close to the threshold for \"{finding}\" to be called either way. Read without AI.")
        }
    });
    out.push(match spec.abstain_band() {
        Some((lo, hi)) => format!(
            "The calibrated probability is {p:.3}; a finding is called at {hi:.2} and above, none below {lo:.2}, and in between the device abstains."
        ),
        None => format!("The calibrated probability is {p:.3}; a finding is called at {:.2} and above.", spec.threshold()),
    });
    out.push(format!(
        "Calibrated on the {}: it holds for cases like those and not where the finding is more or less common.",
        spec.calibration.fitted_on()
    ));
    match explanation {
        None => {}
        Some(e) if !e.faithful() => out.push(match e {
            Explanation::Map(o) => format!(
                "No map is shown: deleting what it marks lowered the score more than {} of {} random deletions did, and all of them are required.",
                o.beaten(),
                o.random_areas.len()
            ),
            Explanation::Contributions(s) => format!(
                "No contributions are shown: they change by up to {:.4} with the order in which measurements are filled in, so they are not additive.",
                s.max_order_difference
            ),
        }),
        Some(Explanation::Map(o)) => {
            let (_, drop) = o.map.peak();
            let place = place.map_or(String::new(), |p| format!(" {p}"));
            out.push(format!(
                "The score hangs most on the region{place}: covering it lowers the score by {drop:.2} logits. The map shows where the score is sensitive, not where disease is; it passed its test against {} random deletions.",
                o.random_areas.len()
            ));
        }
        Some(Explanation::Contributions(s)) => {
            let mut ranked: Vec<(f64, &str)> = spec_names(spec).zip(&s.contributions).map(|(n, c)| (*c, n)).collect();
            ranked.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
            let top: Vec<String> = ranked
                .iter()
                .take(3)
                .map(|(c, n)| format!("{} {} it by {:.2}", n.replace('_', " "), if *c >= 0.0 { "raises" } else { "lowers" }, c.abs()))
                .collect();
            out.push(format!(
                "Against the training average (score {:.2}), the measurements that move the score most: {} (logits). This says what moved the score, not what caused disease.",
                s.baseline_logit,
                top.join(", ")
            ));
        }
    }
    out
}

fn spec_names(spec: &ModelSpec) -> impl Iterator<Item = &str> {
    let list = match spec.input() {
        crate::package::InputKind::Measurements(list) => list,
        crate::package::InputKind::Volume { .. } => &[],
    };
    list.iter().map(|m| m.name.as_str())
}
