//! The device at work: intake, decide, seal, release, oversee, replay, validate.
//!
//! Time, randomness and paths are arguments; nothing here asks the world. Nothing leaves that is not
//! sealed, and every study that arrives leaves a record.

mod arrival;
mod cohort;
mod decide;
mod device;
mod index;
mod intake;
mod oversee;
mod picture;
mod pipeline;
mod release;
mod replay;
mod report_check;
mod sealed;
mod validate;
mod workspace;

pub use arrival::{Arrival, ArrivalError, Content, Row, Source, sources};
pub use cohort::{Cohort, CohortCase, CohortError, Material};
pub use decide::{Policy, decide};
pub use device::{Device, DeviceError};
pub use index::{Counts, DecisionEntry, Entry, Index, RefusalEntry};
pub use intake::{Eligible, Refusal, intake};
pub use oversee::{Reading, oversee, reading};
pub use picture::{WINDOW_LUNG, contribution_picture, slice_picture};
pub use pipeline::{RunError, Settled, StudyOutcome, install, run};
pub use release::{Shown, release_pending, show};
pub use replay::{Replay, replay};
pub use report_check::{CheckedReport, ReportFault, check_report};
pub use sealed::{SealedCase, Told, outcome, sealed_cases};
pub use validate::{ValidateError, Validation, validate};
pub use workspace::{Workspace, WorkspaceError, World, write_atomic};
