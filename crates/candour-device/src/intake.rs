//! Is this a study the device may decide on? A refusal is an answer: criterion, found, allowed.

use std::collections::BTreeMap;

use candour_dicom::{GeometryProblem, Instance};
use candour_dicom::{Volume, report::measurements};
use candour_model::{Eligibility, InputKind, MeasurementSpec};

use crate::arrival::{Arrival, Content};
use crate::device::Device;

/// Why a study is not decided on. Holds numbers and coded values, never free text from the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The criterion, such as `slice_spacing_mm`.
    pub criterion: String,
    /// What was found.
    pub found: String,
    /// What is allowed.
    pub allowed: String,
}

impl Refusal {
    pub(crate) fn new(
        criterion: impl Into<String>,
        found: impl Into<String>,
        allowed: impl Into<String>,
    ) -> Self {
        Self {
            criterion: criterion.into(),
            found: found.into(),
            allowed: allowed.into(),
        }
    }
}

/// What the model looks at.
pub struct Eligible {
    /// The network's input.
    pub input: Vec<f32>,
    /// The volume it was made from, when there is one.
    pub volume: Option<Volume>,
}

/// A coded value from the input, fit for a record: letters of a DICOM code string, at most 16.
fn coded(value: &str) -> String {
    let good: String = value
        .chars()
        .filter(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == '_')
        .take(16)
        .collect();
    if good.is_empty() { "none".into() } else { good }
}

/// Whether the device may decide on what arrived.
///
/// # Errors
/// The refusal.
pub fn intake(arrival: &Arrival, device: &Device) -> Result<Eligible, Refusal> {
    match (device.model.spec.input(), &arrival.content) {
        (InputKind::Volume { eligibility, .. }, Content::Dicom(study)) => {
            if let Some(problem) = study.problems.first() {
                return Err(Refusal::new(
                    problem.criterion(),
                    problem.found(),
                    "instances of one patient, each with a UID of its own",
                ));
            }
            let series = study.slice_series();
            let mut first = None;
            // The largest series that fits; if none does, what is wrong with the largest.
            for slices in &series {
                match volume(slices, eligibility) {
                    Ok(volume) => {
                        let input = device
                            .model
                            .prepare_volume(&volume)
                            .map_err(|e| Refusal::new("input", e.to_string(), "a volume"))?;
                        return Ok(Eligible {
                            input,
                            volume: Some(volume),
                        });
                    }
                    Err(refusal) => {
                        first.get_or_insert(refusal);
                    }
                }
            }
            let modality = study
                .instances
                .first()
                .map_or_else(String::new, Instance::modality);
            Err(first.unwrap_or_else(|| {
                Refusal::new(
                    "modality",
                    coded(&modality),
                    format!("a series of {} slices", eligibility.modality.join(" or ")),
                )
            }))
        }
        (InputKind::Volume { .. }, Content::Row(_)) => Err(Refusal::new(
            "modality",
            "a row of measurements",
            "a series of DICOM slices",
        )),
        (InputKind::Measurements(specs), Content::Row(row)) => {
            let values: BTreeMap<&str, f64> = row
                .values
                .iter()
                .filter_map(|(k, v)| Some((k.as_str(), v.parse().ok()?)))
                .collect();
            let given = |spec: &MeasurementSpec| {
                if row.values.get(&spec.name).is_some_and(|v| v.is_empty()) {
                    None
                } else {
                    row.values
                        .get(&spec.name)
                        .map(|_| values.get(spec.name.as_str()).copied())
                }
            };
            measured(specs, given)
        }
        (InputKind::Measurements(specs), Content::Dicom(study)) => {
            if let Some(problem) = study.problems.first() {
                return Err(Refusal::new(
                    problem.criterion(),
                    problem.found(),
                    "instances of one patient, each with a UID of its own",
                ));
            }
            let mut values: BTreeMap<(String, String), f64> = BTreeMap::new();
            let mut reports = 0u32;
            for report in study.reports() {
                reports += 1;
                let list = measurements(report)
                    .map_err(|e| Refusal::new("decodable", e.to_string(), "a structured report"))?;
                for m in list {
                    let key = (m.concept.scheme, m.concept.value);
                    if values
                        .insert(key, m.value)
                        .is_some_and(|before| before != m.value)
                    {
                        return Err(Refusal::new(
                            "unique_measurements",
                            "one measurement with two values",
                            "each measurement once",
                        ));
                    }
                }
            }
            if reports == 0 {
                let modality = study
                    .instances
                    .first()
                    .map_or_else(String::new, Instance::modality);
                return Err(Refusal::new(
                    "modality",
                    coded(&modality),
                    "SR (a structured report of measurements)",
                ));
            }
            measured(specs, |spec| {
                values
                    .get(&(spec.scheme.clone(), spec.code.clone()))
                    .map(|v| Some(*v))
            })
        }
    }
}

/// The measurements in the network's order. `given` says `None` for one that is missing and
/// `Some(None)` for one that is not a number.
fn measured(
    specs: &[MeasurementSpec],
    given: impl Fn(&MeasurementSpec) -> Option<Option<f64>>,
) -> Result<Eligible, Refusal> {
    let mut input = Vec::with_capacity(specs.len());
    for spec in specs {
        let allowed = format!("{} to {} ({})", spec.min, spec.max, spec.unit);
        match given(spec) {
            None => return Err(Refusal::new(&spec.name, "missing", allowed)),
            Some(None) => return Err(Refusal::new(&spec.name, "not a number", allowed)),
            Some(Some(v)) if !(spec.min..=spec.max).contains(&v) => {
                return Err(Refusal::new(&spec.name, format!("{v}"), allowed));
            }
            Some(Some(v)) => input.push(v as f32),
        }
    }
    Ok(Eligible {
        input,
        volume: None,
    })
}

fn volume(slices: &[&Instance], rules: &Eligibility) -> Result<Volume, Refusal> {
    let Some(first) = slices.first() else {
        return Err(Refusal::new(
            "slices_min",
            "0",
            rules.slices_min.to_string(),
        ));
    };
    let modality = first.modality();
    if !rules.modality.contains(&modality) {
        return Err(Refusal::new(
            "modality",
            coded(&modality),
            rules.modality.join(" or "),
        ));
    }
    let part = first.body_part();
    if !rules.body_part.is_empty() && !rules.body_part.contains(&part) {
        return Err(Refusal::new(
            "body_part",
            coded(&part),
            rules.body_part.join(" or "),
        ));
    }
    if slices.len() < rules.slices_min {
        return Err(Refusal::new(
            "slices_min",
            slices.len().to_string(),
            rules.slices_min.to_string(),
        ));
    }
    let volume = Volume::assemble(slices).map_err(|e| {
        Refusal::new(
            "decodable",
            e.to_string(),
            "pixel data that can be decoded exactly",
        )
    })?;
    for problem in &volume.problems {
        if matches!(problem, GeometryProblem::Gap { .. }) && rules.gaps_allowed {
            continue;
        }
        return Err(Refusal::new(
            problem.name(),
            problem.found(),
            "parallel slices at even distances, each once",
        ));
    }
    let [between, row, column] = volume.spacing_mm;
    for (criterion, found, [low, high]) in [
        ("slice_spacing_mm", between, rules.slice_spacing_mm),
        ("pixel_spacing_mm", row, rules.pixel_spacing_mm),
        ("pixel_spacing_mm", column, rules.pixel_spacing_mm),
    ] {
        if !(low..=high).contains(&found) {
            return Err(Refusal::new(
                criterion,
                format!("{found:.3}"),
                format!("{low} to {high}"),
            ));
        }
    }
    for (found, least) in volume.extent_mm().into_iter().zip(rules.extent_mm_min) {
        if found < least {
            return Err(Refusal::new(
                "extent_mm_min",
                format!("{found:.1}"),
                format!("{least} or more"),
            ));
        }
    }
    Ok(volume)
}
