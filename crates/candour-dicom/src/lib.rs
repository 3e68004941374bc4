//! Bytes to studies and volumes, and back.
