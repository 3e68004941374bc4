//! Structured reports: the device's result as Comprehensive 3D SR by TID 1500 "Imaging Measurement
//! Report" (PS3.16), the reading back of what was written, and measurements as input.

use candour_record::{Digest, Timestamp};
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use crate::object::{Build as _, decimal_string, part10};
use crate::{Code, DicomError, Instance, PatientIdentity, SourceInstance};

/// The device that made an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equipment {
    /// Manufacturer (0008,0070).
    pub manufacturer: String,
    /// Manufacturer's Model Name (0008,1090).
    pub model: String,
    /// Device Serial Number (0018,1000).
    pub serial: String,
    /// Software Versions (0018,1020).
    pub versions: Vec<String>,
    /// Device UID: another for every device file and model package.
    pub uid: String,
}

/// The study an object belongs to.
#[derive(Clone)]
pub struct StudyContext {
    /// Who the patient is.
    pub patient: PatientIdentity,
    study: Vec<(dicom_core::Tag, VR, String)>,
}

const STUDY_ATTRIBUTES: [(dicom_core::Tag, VR); 6] = [
    (tags::STUDY_INSTANCE_UID, VR::UI),
    (tags::STUDY_DATE, VR::DA),
    (tags::STUDY_TIME, VR::TM),
    (tags::STUDY_ID, VR::SH),
    (tags::ACCESSION_NUMBER, VR::SH),
    (tags::REFERRING_PHYSICIAN_NAME, VR::PN),
];

impl StudyContext {
    /// Takes patient and study from an instance of the study, so that results land beside it.
    #[must_use]
    pub fn of(instance: &Instance) -> Self {
        let study = STUDY_ATTRIBUTES
            .iter()
            .map(|(tag, vr)| (*tag, *vr, instance.text_or_empty(*tag)))
            .collect();
        Self {
            patient: instance.patient(),
            study,
        }
    }

    /// A study made up from scratch: patient identifier and Study Instance UID.
    #[must_use]
    pub fn new(patient: PatientIdentity, study_uid: &str, at: Timestamp) -> Self {
        let values = [
            study_uid.to_owned(),
            at.dicom_date(),
            at.dicom_time(),
            "1".into(),
            String::new(),
            String::new(),
        ];
        let study = STUDY_ATTRIBUTES
            .iter()
            .zip(values)
            .map(|((tag, vr), value)| (*tag, *vr, value))
            .collect();
        Self { patient, study }
    }

    fn study_uid(&self) -> &str {
        self.study.first().map_or("", |(_, _, uid)| uid)
    }

    pub(crate) fn put(&self, o: &mut InMemDicomObject) {
        o.text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192");
        o.text(tags::PATIENT_NAME, VR::PN, self.patient.name.expose());
        o.text(tags::PATIENT_ID, VR::LO, self.patient.id.expose());
        if !self.patient.issuer.expose().is_empty() {
            o.text(
                tags::ISSUER_OF_PATIENT_ID,
                VR::LO,
                self.patient.issuer.expose(),
            );
        }
        o.text(
            tags::PATIENT_BIRTH_DATE,
            VR::DA,
            self.patient.birth_date.expose(),
        );
        o.text(tags::PATIENT_SEX, VR::CS, self.patient.sex.expose());
        for (tag, vr, value) in &self.study {
            o.text(*tag, *vr, value);
        }
    }
}

/// Identity of an object to be written.
#[derive(Clone)]
pub struct ObjectIdentity {
    /// SOP Instance UID.
    pub sop_instance: String,
    /// Series Instance UID; objects of one kind share a series.
    pub series: String,
    /// When the content was made.
    pub at: Timestamp,
}

/// Where a decision is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The ledger's public key.
    pub vkey: String,
    /// Index of the decision's record.
    pub index: u64,
    /// Its leaf hash.
    pub leaf: Digest,
    /// The whole `.tlog-proof`.
    pub proof: String,
}

/// A result as it is reported.
#[derive(Clone)]
pub struct Report {
    /// What the device looks for.
    pub finding: Code,
    /// Its answer: `FINDING`, `NO-FINDING` or `ABSTAINED`, in scheme 99CANDOUR.
    pub outcome: Code,
    /// Calibrated probability, 0 to 1.
    pub probability: f64,
    /// Threshold it was compared with.
    pub threshold: f64,
    /// The justification in words.
    pub justification: String,
    /// Name and version of the algorithm.
    pub algorithm: (String, String),
    /// Where the decision is sealed.
    pub seal: Seal,
    /// What was analysed.
    pub sources: Vec<SourceInstance>,
    /// The series it was in.
    pub source_series: String,
}

fn item(relation: &str, kind: &str, concept: &Code) -> InMemDicomObject {
    let mut o = InMemDicomObject::new_empty();
    o.text(tags::RELATIONSHIP_TYPE, VR::CS, relation);
    o.text(tags::VALUE_TYPE, VR::CS, kind);
    o.code(tags::CONCEPT_NAME_CODE_SEQUENCE, concept);
    o
}

fn dcm(value: &str, meaning: &str) -> Code {
    Code::new(value, "DCM", meaning)
}

/// A concept of Candour's own.
fn own(value: &str, meaning: &str) -> Code {
    Code::new(value, "99CANDOUR", meaning)
}

fn text_item(relation: &str, concept: &Code, text: &str) -> InMemDicomObject {
    let mut o = item(relation, "TEXT", concept);
    o.text(tags::TEXT_VALUE, VR::UT, text);
    o
}

fn code_item(relation: &str, concept: &Code, code: &Code) -> InMemDicomObject {
    let mut o = item(relation, "CODE", concept);
    o.code(tags::CONCEPT_CODE_SEQUENCE, code);
    o
}

fn uid_item(relation: &str, concept: &Code, uid: &str) -> InMemDicomObject {
    let mut o = item(relation, "UIDREF", concept);
    o.text(tags::UID, VR::UI, uid);
    o
}

fn number_item(concept: &Code, value: f64, unit: &Code) -> InMemDicomObject {
    let mut measured = InMemDicomObject::new_empty();
    measured.code(tags::MEASUREMENT_UNITS_CODE_SEQUENCE, unit);
    measured.text(tags::NUMERIC_VALUE, VR::DS, &decimal_string(value));
    // The decimal string holds at most 16 characters; the double beside it holds all of the value.
    measured.put(DataElement::new(
        tags::FLOATING_POINT_VALUE,
        VR::FD,
        PrimitiveValue::from(value),
    ));
    let mut o = item("CONTAINS", "NUM", concept);
    o.items(tags::MEASURED_VALUE_SEQUENCE, vec![measured]);
    o
}

fn container(relation: &str, concept: &Code, children: Vec<InMemDicomObject>) -> InMemDicomObject {
    let mut o = item(relation, "CONTAINER", concept);
    o.text(tags::CONTINUITY_OF_CONTENT, VR::CS, "SEPARATE");
    o.items(tags::CONTENT_SEQUENCE, children);
    o
}

fn reference(source: &SourceInstance) -> InMemDicomObject {
    let mut o = InMemDicomObject::new_empty();
    o.text(tags::REFERENCED_SOP_CLASS_UID, VR::UI, &source.sop_class);
    o.text(
        tags::REFERENCED_SOP_INSTANCE_UID,
        VR::UI,
        &source.sop_instance,
    );
    o
}

pub(crate) fn put_equipment(o: &mut InMemDicomObject, equipment: &Equipment) {
    o.text(tags::MANUFACTURER, VR::LO, &equipment.manufacturer);
    o.text(tags::MANUFACTURER_MODEL_NAME, VR::LO, &equipment.model);
    o.text(tags::DEVICE_SERIAL_NUMBER, VR::LO, &equipment.serial);
    let versions: Vec<&str> = equipment.versions.iter().map(String::as_str).collect();
    o.texts(tags::SOFTWARE_VERSIONS, VR::LO, &versions);
}

/// The Contributing Equipment item (PS3.3 C.12.1.1.5) that names the device and where its decision
/// is sealed.
pub(crate) fn contributing(equipment: &Equipment, seal: Option<&Seal>) -> InMemDicomObject {
    let mut o = InMemDicomObject::new_empty();
    put_equipment(&mut o, equipment);
    o.text(tags::DEVICE_UID, VR::UI, &equipment.uid);
    o.code(
        tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE,
        &dcm("109102", "Processing Equipment"),
    );
    if let Some(seal) = seal {
        o.text(
            tags::CONTRIBUTION_DESCRIPTION,
            VR::ST,
            &format!("record {} {} of {}", seal.index, seal.leaf, seal.vkey),
        );
    }
    o
}

fn document(
    context: &StudyContext,
    identity: &ObjectIdentity,
    equipment: &Equipment,
    description: &str,
) -> InMemDicomObject {
    let mut o = InMemDicomObject::new_empty();
    context.put(&mut o);
    o.text(
        tags::SOP_CLASS_UID,
        VR::UI,
        uids::COMPREHENSIVE3_DSR_STORAGE,
    );
    o.text(tags::SOP_INSTANCE_UID, VR::UI, &identity.sop_instance);
    o.text(tags::MODALITY, VR::CS, "SR");
    o.text(tags::SERIES_INSTANCE_UID, VR::UI, &identity.series);
    o.text(tags::SERIES_NUMBER, VR::IS, "9001");
    o.text(tags::SERIES_DESCRIPTION, VR::LO, description);
    o.items(
        tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE,
        Vec::new(),
    );
    put_equipment(&mut o, equipment);
    o.text(tags::INSTANCE_NUMBER, VR::IS, "1");
    o.text(tags::COMPLETION_FLAG, VR::CS, "COMPLETE");
    o.text(tags::VERIFICATION_FLAG, VR::CS, "UNVERIFIED");
    o.text(tags::CONTENT_DATE, VR::DA, &identity.at.dicom_date());
    o.text(tags::CONTENT_TIME, VR::TM, &identity.at.dicom_time());
    o.text(tags::TIMEZONE_OFFSET_FROM_UTC, VR::SH, "+0000");
    o.items(tags::PERFORMED_PROCEDURE_CODE_SEQUENCE, Vec::new());
    o.text(tags::VALUE_TYPE, VR::CS, "CONTAINER");
    o.code(
        tags::CONCEPT_NAME_CODE_SEQUENCE,
        &dcm("126000", "Imaging Measurement Report"),
    );
    o.text(tags::CONTINUITY_OF_CONTENT, VR::CS, "SEPARATE");
    let mut template = InMemDicomObject::new_empty();
    template.text(tags::MAPPING_RESOURCE, VR::CS, "DCMR");
    template.text(tags::TEMPLATE_IDENTIFIER, VR::CS, "1500");
    o.items(tags::CONTENT_TEMPLATE_SEQUENCE, vec![template]);
    o
}

/// Rows of TID 1204 and TID 1001: language, and the device as the observer.
fn preface(equipment: &Equipment) -> Vec<InMemDicomObject> {
    let context = "HAS OBS CONTEXT";
    vec![
        code_item(
            "HAS CONCEPT MOD",
            &dcm("121049", "Language of Content Item and Descendants"),
            &Code::new("en", "RFC5646", "English"),
        ),
        code_item(
            context,
            &dcm("121005", "Observer Type"),
            &dcm("121007", "Device"),
        ),
        uid_item(
            context,
            &dcm("121012", "Device Observer UID"),
            &equipment.uid,
        ),
        text_item(
            context,
            &dcm("121013", "Device Observer Name"),
            &equipment.model,
        ),
        text_item(
            context,
            &dcm("121014", "Device Observer Manufacturer"),
            &equipment.manufacturer,
        ),
        text_item(
            context,
            &dcm("121015", "Device Observer Model Name"),
            &equipment.model,
        ),
        text_item(
            context,
            &dcm("121016", "Device Observer Serial Number"),
            &equipment.serial,
        ),
        code_item(
            "HAS CONCEPT MOD",
            &dcm("121058", "Procedure reported"),
            &Code::new("363679005", "SCT", "Imaging"),
        ),
    ]
}

/// Writes a result as a Part 10 file: deterministic bytes for equal arguments.
///
/// # Errors
/// When a value cannot be encoded.
pub fn write_report(
    context: &StudyContext,
    identity: &ObjectIdentity,
    equipment: &Equipment,
    report: &Report,
) -> Result<Vec<u8>, DicomError> {
    let mut o = document(context, identity, equipment, "AI result");
    // Evidence is named only where the input was DICOM (type 1C); a row of a table has none.
    if !report.sources.is_empty() {
        let mut series = InMemDicomObject::new_empty();
        series.text(tags::SERIES_INSTANCE_UID, VR::UI, &report.source_series);
        series.items(
            tags::REFERENCED_SOP_SEQUENCE,
            report.sources.iter().map(reference).collect(),
        );
        let mut evidence = InMemDicomObject::new_empty();
        evidence.text(tags::STUDY_INSTANCE_UID, VR::UI, context.study_uid());
        evidence.items(tags::REFERENCED_SERIES_SEQUENCE, vec![series]);
        o.items(
            tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE,
            vec![evidence],
        );
    }
    o.items(
        tags::CONTRIBUTING_EQUIPMENT_SEQUENCE,
        vec![contributing(equipment, Some(&report.seal))],
    );

    let mut content = preface(equipment);
    let images: Vec<_> = report
        .sources
        .iter()
        .filter(|s| !s.sop_class.starts_with("1.2.840.10008.5.1.4.1.1.88"))
        .collect();
    if !images.is_empty() {
        let image = |source: &&SourceInstance| {
            let mut o = InMemDicomObject::new_empty();
            o.text(tags::RELATIONSHIP_TYPE, VR::CS, "CONTAINS");
            o.text(tags::VALUE_TYPE, VR::CS, "IMAGE");
            o.items(tags::REFERENCED_SOP_SEQUENCE, vec![reference(source)]);
            o
        };
        let group = container(
            "CONTAINS",
            &dcm("126200", "Image Library Group"),
            images.iter().map(image).collect(),
        );
        content.push(container(
            "CONTAINS",
            &dcm("111028", "Image Library"),
            vec![group],
        ));
    }
    let one = Code::new("1", "UCUM", "no units");
    let seal = &report.seal;
    let group = vec![
        text_item(
            "HAS OBS CONTEXT",
            &dcm("112039", "Tracking Identifier"),
            &format!("record {}", seal.index),
        ),
        uid_item(
            "HAS OBS CONTEXT",
            &dcm("112040", "Tracking Unique Identifier"),
            &tracking_uid(seal),
        ),
        code_item("CONTAINS", &dcm("121071", "Finding"), &report.finding),
        text_item(
            "HAS CONCEPT MOD",
            &dcm("111001", "Algorithm Name"),
            &report.algorithm.0,
        ),
        text_item(
            "HAS CONCEPT MOD",
            &dcm("111003", "Algorithm Version"),
            &report.algorithm.1,
        ),
        number_item(
            &own("PROBABILITY", "Calibrated probability of the finding"),
            report.probability,
            &one,
        ),
        number_item(
            &own("THRESHOLD", "Threshold of the probability"),
            report.threshold,
            &one,
        ),
        code_item("CONTAINS", &own("OUTCOME", "Outcome"), &report.outcome),
        text_item(
            "CONTAINS",
            &own("JUSTIFICATION", "Justification"),
            &report.justification,
        ),
        text_item(
            "CONTAINS",
            &own("SEAL-KEY", "Public key of the ledger"),
            &seal.vkey,
        ),
        text_item(
            "CONTAINS",
            &own(
                "SEAL",
                "Proof that the decision is sealed (c2sp.org/tlog-proof)",
            ),
            &seal.proof,
        ),
    ];
    content.push(container(
        "CONTAINS",
        &dcm("126010", "Imaging Measurements"),
        vec![container(
            "CONTAINS",
            &dcm("125007", "Measurement Group"),
            group,
        )],
    ));
    o.items(tags::CONTENT_SEQUENCE, content);
    part10(o)
}

/// A UID for the finding, from the leaf hash of its record.
fn tracking_uid(seal: &Seal) -> String {
    let bits = seal
        .leaf
        .as_bytes()
        .first_chunk::<16>()
        .copied()
        .unwrap_or_default();
    crate::uid_from_u128(u128::from_be_bytes(bits))
}

/// One number of a structured report.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// What was measured.
    pub concept: Code,
    /// The value.
    pub value: f64,
    /// Its unit.
    pub unit: Code,
}

/// Writes measurements as a TID 1500 report, as a laboratory's system would send them.
///
/// # Errors
/// When a value cannot be encoded.
pub fn write_measurements(
    context: &StudyContext,
    identity: &ObjectIdentity,
    equipment: &Equipment,
    measurements: &[Measurement],
) -> Result<Vec<u8>, DicomError> {
    let mut o = document(context, identity, equipment, "Measurements");
    let mut content = preface(equipment);
    let mut group = vec![
        text_item(
            "HAS OBS CONTEXT",
            &dcm("112039", "Tracking Identifier"),
            "1",
        ),
        uid_item(
            "HAS OBS CONTEXT",
            &dcm("112040", "Tracking Unique Identifier"),
            &identity.sop_instance,
        ),
    ];
    group.extend(
        measurements
            .iter()
            .map(|m| number_item(&m.concept, m.value, &m.unit)),
    );
    content.push(container(
        "CONTAINS",
        &dcm("126010", "Imaging Measurements"),
        vec![container(
            "CONTAINS",
            &dcm("125007", "Measurement Group"),
            group,
        )],
    ));
    o.items(tags::CONTENT_SEQUENCE, content);
    part10(o)
}

fn code_of(o: &InMemDicomObject, tag: dicom_core::Tag) -> Option<Code> {
    let code = o.get(tag)?.items()?.first()?;
    let text = |tag| {
        Some(
            code.get(tag)?
                .to_str()
                .ok()?
                .trim_matches(['\0', ' '])
                .to_owned(),
        )
    };
    Some(Code {
        value: text(tags::CODE_VALUE)?,
        scheme: text(tags::CODING_SCHEME_DESIGNATOR)?,
        meaning: text(tags::CODE_MEANING).unwrap_or_default(),
    })
}

/// Visits all content items, parents first. Nesting is bounded by what `Instance::parse` admits.
fn visit<'a>(o: &'a InMemDicomObject, see: &mut dyn FnMut(&'a InMemDicomObject)) {
    for child in o
        .get(tags::CONTENT_SEQUENCE)
        .and_then(|e| e.items())
        .unwrap_or_default()
    {
        see(child);
        visit(child, see);
    }
}

/// The numbers of a structured report, in the order in which they stand.
///
/// # Errors
/// When an item of type NUM has a value that is no number.
pub fn measurements(instance: &Instance) -> Result<Vec<Measurement>, DicomError> {
    let mut found = Vec::new();
    let mut bad = false;
    visit(&instance.object, &mut |item| {
        let kind = item.get(tags::VALUE_TYPE).and_then(|e| e.to_str().ok());
        if kind.as_deref().map(str::trim) != Some("NUM") {
            return;
        }
        // An empty Measured Value Sequence says that there is no value (PS3.3 C.18.1).
        let Some(measured) = item
            .get(tags::MEASURED_VALUE_SEQUENCE)
            .and_then(|e| e.items()?.first())
        else {
            return;
        };
        let exact = measured
            .get(tags::FLOATING_POINT_VALUE)
            .and_then(|e| e.to_float64().ok());
        let decimal = || {
            measured
                .get(tags::NUMERIC_VALUE)
                .and_then(|e| e.to_float64().ok())
        };
        let value = exact.or_else(decimal).filter(|v| v.is_finite());
        match (
            code_of(item, tags::CONCEPT_NAME_CODE_SEQUENCE),
            value,
            code_of(measured, tags::MEASUREMENT_UNITS_CODE_SEQUENCE),
        ) {
            (Some(concept), Some(value), unit) => {
                found.push(Measurement {
                    concept,
                    value,
                    unit: unit.unwrap_or_else(|| Code::new("1", "UCUM", "no units")),
                });
            }
            _ => bad = true,
        }
    });
    if bad {
        Err(DicomError::Attribute {
            attribute: "MeasuredValueSequence",
        })
    } else {
        Ok(found)
    }
}

/// What a report written by [`write_report`] says, for verification.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportedResult {
    /// The outcome's code value.
    pub outcome: String,
    /// The probability.
    pub probability: f64,
    /// The ledger's public key.
    pub vkey: String,
    /// The `.tlog-proof`.
    pub proof: String,
}

/// Reads back a result.
///
/// # Errors
/// When the report is not one that Candour wrote.
pub fn read_report(instance: &Instance) -> Result<ReportedResult, DicomError> {
    let (mut outcome, mut vkey, mut proof) = (None, None, None);
    visit(&instance.object, &mut |item| {
        let Some(concept) =
            code_of(item, tags::CONCEPT_NAME_CODE_SEQUENCE).filter(|c| c.scheme == "99CANDOUR")
        else {
            return;
        };
        let text = || {
            item.get(tags::TEXT_VALUE)
                .and_then(|e| e.to_str().ok())
                .map(|t| t.into_owned())
        };
        match concept.value.as_str() {
            "OUTCOME" => outcome = code_of(item, tags::CONCEPT_CODE_SEQUENCE).map(|c| c.value),
            "SEAL-KEY" => vkey = text().map(|t| t.trim_end_matches(['\0', ' ']).to_owned()),
            // Padding to an even length is not part of the proof.
            "SEAL" => proof = text().map(|t| t.trim_end_matches(['\0', ' ']).to_owned()),
            _ => {}
        }
    });
    let probability = measurements(instance)?
        .into_iter()
        .find(|m| m.concept.value == "PROBABILITY")
        .map(|m| m.value);
    match (outcome, probability, vkey, proof) {
        (Some(outcome), Some(probability), Some(vkey), Some(proof)) => Ok(ReportedResult {
            outcome,
            probability,
            vkey,
            proof,
        }),
        _ => Err(DicomError::Misuse(
            "the report has no result that Candour wrote, or not all of it".into(),
        )),
    }
}
