//! The law as data: device file, requirements, diagnostics.
