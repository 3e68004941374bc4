//! Clinical validation: a plan that is fixed before the data, the data it names, the numbers that
//! answer it, and the report.
//!
//! Time and paths are arguments; nothing here asks the world, and no message repeats a cell of the
//! data, which may be personal.

pub mod analysis;
pub mod checklist;
pub mod document;
pub mod draft;
pub mod masks;
pub mod monitor;
pub mod plan;
pub mod plot;
pub mod report;
pub mod site;
pub mod table;
