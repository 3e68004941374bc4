//! The device file as the rest of Candour uses it: typed, and complete for opening, validating and
//! documenting a device.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::description::{Block, Description, Value};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, Severity};
use crate::law::{Act, Class, Law, LawError};

/// A device file that holds all it must.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceFile {
    /// Who the device is.
    pub identification: Identification,
    /// What it is for (MDR Art. 2(12); IVDR Art. 2(12)).
    pub intended_purpose: IntendedPurpose,
    /// Its class as the maker claims it, and why.
    pub classification: Classification,
    /// What the reader does with its answers.
    pub oversight: Oversight,
    /// How it is validated.
    pub validation: ValidationPlan,
    /// The maker's texts: name to path in the device's folder.
    pub texts: BTreeMap<String, String>,
    /// The file with every answer and its place.
    pub description: Description,
}

/// Who the device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identification {
    /// Trade name.
    pub name: String,
    /// Model name (0008,1090).
    pub model: String,
    /// Version of the device.
    pub version: String,
    /// The maker.
    pub manufacturer: String,
    /// Basic UDI-DI, where one is assigned.
    pub basic_udi_di: Option<String>,
    /// Whether it is a demonstration; every page and document then says so.
    pub demonstration: bool,
}

/// What the device is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntendedPurpose {
    /// The medical purposes of Art. 2(1) MDR or of Art. 2(2) IVDR.
    pub medical_purpose: Vec<String>,
    /// The purpose in one or two sentences.
    pub statement: String,
    /// The conditions.
    pub indications: Vec<String>,
    /// The population.
    pub target_population: String,
    /// Who uses it.
    pub intended_users: Vec<String>,
    /// The specimen (IVDR).
    pub specimen: Option<String>,
    /// The part of the body (MDR).
    pub part_of_body: Option<String>,
    /// When it must not be used.
    pub contraindications: Vec<String>,
    /// What it cannot tell or do.
    pub limits: Vec<String>,
}

/// The class, the rule it follows from, and why, as the maker claims them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classification {
    /// The act it falls under.
    pub act: Act,
    /// The class.
    pub class: Class,
    /// The rule, such as `MDR Annex VIII Rule 11(a)`.
    pub rule: String,
    /// Why the rule gives this class.
    pub rationale: String,
}

/// What the reader does with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oversight {
    /// What the reader must do with every answer.
    pub instruction: String,
}

/// How the device is validated.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidationPlan {
    /// Path of the cohort in the device's folder.
    pub cohort: String,
    /// Which part of the cohort.
    pub split: String,
    /// What the reference standard is.
    pub reference_standard: String,
    /// Confidence level.
    pub level: f64,
    /// How abstained and refused cases count; only `worst_case` is taken: each counts as wrong.
    pub indeterminate: String,
    /// What must hold.
    pub endpoints: Vec<EndpointPlan>,
}

/// One endpoint: a statistic whose lower confidence limit must reach a bound.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointPlan {
    /// `sensitivity`, `specificity` or `auc`.
    pub statistic: String,
    /// Least lower limit.
    pub lower_bound_min: f64,
}

/// Why a device file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceFileError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// It has faults.
    #[error("{0}")]
    Faults(Diagnostics),
    /// The schema built into this release is malformed.
    #[error(transparent)]
    Law(#[from] LawError),
}

impl DeviceFile {
    /// Reads a device file, with what it includes, from its folder.
    ///
    /// # Errors
    /// When it cannot be read, or all faults at once, in order of place.
    pub fn open(path: &Path) -> Result<Self, DeviceFileError> {
        let law = Law::get()?;
        Self::complete(law, Description::open(law, path)?)
    }

    /// Reads a device file that includes no other; `name` is how messages call it.
    ///
    /// # Errors
    /// All faults at once, in order of place.
    pub fn parse(name: &str, text: &str) -> Result<Self, DeviceFileError> {
        let law = Law::get()?;
        let alone = |_: &str| Err(io::Error::from(io::ErrorKind::NotFound));
        Self::complete(
            law,
            Description::read(law, name, text.as_bytes().to_vec(), &alone),
        )
    }

    fn complete(law: &Law, description: Description) -> Result<Self, DeviceFileError> {
        let mut faults = description.faults.0.clone();
        faults.extend(description.missing_for_use(law));
        if let Some(fault) = other_act(&description) {
            faults.push(fault);
        }
        faults.sort_by(|a, b| a.place.cmp(&b.place));
        let faults = Diagnostics(faults);
        if faults.errors() == 0
            && let Some(file) = typed(description)
        {
            return Ok(file);
        }
        Err(DeviceFileError::Faults(faults))
    }
}

/// A class that belongs to the other act than the one claimed.
fn other_act(description: &Description) -> Option<Diagnostic> {
    let claimed = description.sections.get("classification")?;
    let act = Act::by_name(claimed.text("regulation")?)?;
    let class = Class::by_name(claimed.text("class")?)?;
    if class.act() == act {
        return None;
    }
    let place: Place = description.place("classification.class");
    Some(Diagnostic {
        severity: Severity::Error,
        code: String::new(),
        source: description.line(&place),
        place,
        what: format!("`{}` is no class of the {}", class.name(), act.name()),
        why: String::new(),
        clause: format!("{} Annex VIII", act.name()),
        remedy: format!(
            "one of: {}",
            Class::ALL
                .into_iter()
                .filter(|c| c.act() == act)
                .map(Class::name)
                .collect::<Vec<_>>()
                .join(", ")
        ),
        command: String::new(),
    })
}

fn typed(description: Description) -> Option<DeviceFile> {
    let section = |name: &str| description.sections.get(name);
    let text = |b: &Block, key: &str| b.text(key).map(str::to_owned);
    let list = |b: &Block, key: &str| b.list(key).into_iter().map(str::to_owned).collect();
    let number = |b: &Block, key: &str| match b.facts.get(key)?.value {
        Value::Number(n) => Some(n),
        _ => None,
    };
    let id = section("identification")?;
    let purpose = section("intended_purpose")?;
    let class = section("classification")?;
    let validation = section("validation")?;
    let endpoints = match &validation.facts.get("endpoints")?.value {
        Value::Tables(tables) => tables
            .iter()
            .map(|t| {
                Some(EndpointPlan {
                    statistic: text(t, "statistic")?,
                    lower_bound_min: number(t, "lower_bound_min")?,
                })
            })
            .collect::<Option<Vec<_>>>()?,
        _ => return None,
    };
    Some(DeviceFile {
        identification: Identification {
            name: text(id, "name")?,
            model: text(id, "model")?,
            version: text(id, "version")?,
            manufacturer: text(id, "manufacturer")?,
            basic_udi_di: text(id, "basic_udi_di"),
            demonstration: id
                .facts
                .get("demonstration")
                .is_some_and(|f| f.value == Value::Boolean(true)),
        },
        intended_purpose: IntendedPurpose {
            medical_purpose: list(purpose, "medical_purpose"),
            statement: text(purpose, "statement")?,
            indications: list(purpose, "indications"),
            target_population: text(purpose, "target_population")?,
            intended_users: list(purpose, "intended_users"),
            specimen: text(purpose, "specimen"),
            part_of_body: text(purpose, "part_of_body"),
            contraindications: list(purpose, "contraindications"),
            limits: list(purpose, "limits"),
        },
        classification: Classification {
            act: Act::by_name(class.text("regulation")?)?,
            class: Class::by_name(class.text("class")?)?,
            rule: text(class, "rule")?,
            rationale: text(class, "rationale")?,
        },
        oversight: Oversight {
            instruction: text(section("oversight")?, "instruction")?,
        },
        validation: ValidationPlan {
            cohort: text(validation, "cohort")?,
            split: text(validation, "split")?,
            reference_standard: text(validation, "reference_standard")?,
            level: number(validation, "level")?,
            indeterminate: text(validation, "indeterminate")?,
            endpoints,
        },
        texts: section("texts")?
            .facts
            .iter()
            .filter_map(|(name, fact)| match &fact.value {
                Value::Text(path) => Some((name.clone(), path.clone())),
                _ => None,
            })
            .collect(),
        description,
    })
}
