//! A structured report, checked offline: its proof, and that it says what was sealed.

use candour_dicom::{Instance, report};
use candour_ledger::{Checkpoint, TlogProof, Vkey};
use candour_record::{Decided, Event, Record};

use crate::release::outcome_code;

/// What a report was found to say.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedReport {
    /// The key that signed.
    pub vkey: Vkey,
    /// The checkpoint it leads to.
    pub checkpoint: Checkpoint,
    /// Index of the decision's record.
    pub index: u64,
    /// The sealed decision.
    pub decided: Decided,
}

/// Why a report is not genuine.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ReportFault(pub String);

/// Checks a report that Candour wrote. Without `expected`, the key in the report is used, and who
/// asks must compare it.
///
/// # Errors
/// When the proof does not verify, is not of a decision, or the report says something else than was
/// sealed.
pub fn check_report(bytes: &[u8], expected: Option<&Vkey>) -> Result<CheckedReport, ReportFault> {
    let fault = |e: String| ReportFault(e);
    let instance = Instance::parse(bytes).map_err(|e| fault(e.to_string()))?;
    let stated = report::read_report(&instance)
        .map_err(|e| fault(format!("not a report with a proof of Candour: {e}")))?;
    let vkey: Vkey = stated
        .vkey
        .parse()
        .map_err(|e| fault(format!("its public key: {e}")))?;
    if expected.is_some_and(|k| *k != vkey) {
        return Err(fault(
            "it is signed by another key than the one given".into(),
        ));
    }
    let proof = TlogProof::parse(&stated.proof).map_err(|e| fault(format!("its proof: {e}")))?;
    let checkpoint = proof
        .verify(None, &vkey)
        .map_err(|e| fault(format!("its proof: {e}")))?;
    let entry = proof.extra.clone().unwrap_or_default();
    let record = Record::parse(&entry).map_err(|e| fault(format!("the proved entry: {e}")))?;
    let Event::Decided(decided) = record.event else {
        return Err(fault("the proved record is not a decision".into()));
    };
    if stated.outcome != outcome_code(decided.outcome).value {
        return Err(fault("the report's outcome is not the sealed one".into()));
    }
    // A decimal string has 16 characters (PS3.5 6.2), so that the last digits may be rounded.
    if (stated.probability - decided.probability.get()).abs() > 1e-12 {
        return Err(fault(
            "the report's probability is not the sealed one".into(),
        ));
    }
    Ok(CheckedReport {
        vkey,
        checkpoint,
        index: proof.index,
        decided,
    })
}
