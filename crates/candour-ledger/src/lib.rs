//! Sealed, proved, encrypted: the transparency log and the vault.
