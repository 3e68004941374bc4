//! The law as data: the device file with its diagnostics, qualification, classification, conformity
//! route, requirements, changes and reporting deadlines. No clause's content stands in code; each
//! act is one dated file under `acts/`.

mod change;
mod check;
mod classify;
mod clock;
mod condition;
mod description;
mod device_file;
mod diagnostic;
mod interview;
mod law;
mod reader;
mod schema;

pub use change::{
    ChangeReport, Difference, Files, Finding, Stale, Version, assess_change, result_text,
};
pub use check::{
    Findings, GroupSummary, NextStep, OnHand, Requirement, State, check, contradictions,
};
pub use classify::{
    CaseOutcome, Edition, FactUsed, Follows, ModuleReport, OpenQuestion, Possible, Report,
    RouteOpen, RuleOutcome, StepTaken, classify,
};
pub use clock::{ClockError, Deadline, deadlines, events};
pub use condition::{Condition, Decision, Known, Lookup, Test, Truth};
pub use description::{
    Block, Description, FILE_BYTES_MAX, Fact, TEXT_CHARS_MAX, Value, folder_of, read_bounded,
    within,
};
pub use device_file::{
    Classification, DeviceFile, DeviceFileError, EndpointPlan, Identification, IntendedPurpose,
    Oversight, ValidationPlan,
};
pub use diagnostic::{Diagnostic, Diagnostics, Place, Severity};
pub use interview::{Interview, Question};
pub use law::{
    Act, ActFile, ActKind, Case, Change, Class, Clock, Consequence, Consistency, Derived, Entry,
    Evidence, EvidenceFile, Exempt, Law, LawError, Pair, Principle, RecordKind, Route, Rule,
    SignatureKind, Status, Step, TextKind, Turn,
};
pub use schema::{Absent, Choice, Field, Kind, Needed, Schema, Section};
