//! What happened: the vocabulary of records and one canonical encoding of them.
//!
//! A [`Record`] is one event in the life of a device: a study was received, refused, decided,
//! released, overseen; a validation was planned and carried out; a document was compiled. Its
//! canonical bytes ([`canonical`]) are what the ledger seals. Nothing in the clear part of a record
//! is personal: whatever is lies in the vault, and the record holds a [`Part`] that commits to it.
//!
//! This crate knows no file, no clock, no network and no clause of law. `spec/record.md` is its
//! definition for readers who do not read Rust.

pub mod canonical;
mod digest;
mod event;
mod id;
mod phi;
mod real;
mod record;
mod timestamp;

pub use digest::Digest;
pub use event::{
    Analysed, AnalysedEndpoint, AnalysisPlanned, Answer, AnsweredStep, AppliedRule, Classified,
    Compiled, DataEntered, Decided, DecisionOutcome, Endpoint, EnteredFile, Event,
    ExplanationSummary, Loaded, MonitorReading, Monitored, Opened, Outcome, Overseen, Planned,
    PlannedEndpoint, Purpose, Received, Reference, Refused, Released, ReleasedObject, Rendered,
    ReplayResult, Replayed, StatisticResult, Validated, Verdict,
};
pub use id::{CaseId, ParseIdError, SubjectId};
pub use phi::Phi;
pub use real::Real;
pub use record::{MAX_RECORD_BYTES, Part, Record, RecordError};
pub use timestamp::{ParseTimestampError, Timestamp};
