//! Numbers with intervals: pure arithmetic, no input or output.
