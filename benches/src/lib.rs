//! Side-by-side comparisons with named peers; see `RESULTS.md`.
