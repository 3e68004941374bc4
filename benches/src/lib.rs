//! Side-by-side comparisons with named peers; see `benches/side_by_side.rs` and `RESULTS.md`.
