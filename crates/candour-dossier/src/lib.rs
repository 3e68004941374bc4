//! Technical documentation, out of records and the maker's texts alone: compiled, rendered with its
//! evidence attached, and verified from outside. Reads the ledger and nothing of the device's code,
//! so that a notified body can compile the same file from a copy.

mod compile;
mod evidence;
mod html;
mod pdf;
mod verify;

pub use compile::{Claim, Content, DecisionRow, DossierError, Gap, Met, Statement, compile};
pub use evidence::evidence;
pub use html::render_html;
pub use pdf::{render_pdf, render_report};
pub use verify::{EvidenceFault, Verified, attached, verify_evidence};
