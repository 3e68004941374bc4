//! Sealed, proved, encrypted: a C2SP tlog-tiles transparency log on local files, and the vault
//! that holds everything personal.
//!
//! Four modules see bytes only and would run in a browser: [`tree`] (RFC 6962 hashing and proofs),
//! [`tile`] (the layout of tiles and entry bundles), [`checkpoint`] (signed notes) and [`proof`]
//! (`.tlog-proof` files). On top of them stand the [`Ledger`] (one writer, durable before it
//! acknowledges), the [`View`] (readers), [`check()`] (everything recomputed) and the [`Vault`].
//!
//! Time, keys and randomness are arguments. `spec/ledger.md` is the definition for readers who do
//! not read Rust.

mod check;
pub mod checkpoint;
mod disk;
pub mod proof;
mod store;
pub mod tile;
pub mod tree;
mod vault;

pub use check::{CheckReport, Fault, check, check_files};
pub use checkpoint::{Checkpoint, NoteError, Signer, Vkey, open as open_note};
pub use proof::TlogProof;
pub use store::{Ledger, LedgerError, Sealed, View};
pub use vault::{Entropy, Patient, Vault, VaultError, WorkspaceKey};
