//! Personal data, made hard to leak by accident.

use zeroize::Zeroize;

/// A value that identifies or describes a person (protected health information).
///
/// It deliberately has no `Display`, `Debug` or `Serialize`: it cannot reach a log line, an error
/// text or a record by accident. Whoever needs the value says so with [`Phi::expose`], which is
/// easy to search for in a review.
#[derive(Clone, PartialEq, Eq)]
pub struct Phi<T>(T);

impl<T> Phi<T> {
    /// Marks a value as personal.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the vault and for the DICOM objects that must carry it.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// A personal value derived from this one.
    pub fn map<U>(&self, f: impl FnOnce(&T) -> U) -> Phi<U> {
        Phi(f(&self.0))
    }
}

impl<T: Zeroize> Zeroize for Phi<T> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}
