//! Technical documentation, compiled from records and authored texts alone.
