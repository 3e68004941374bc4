//! Volume to prediction, uncertainty, explanation and words.
