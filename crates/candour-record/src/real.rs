//! Real numbers in records: decimal strings that round-trip.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A finite real number, encoded as the shortest decimal string that reads back to the same
/// IEEE 754 double, in positional notation (`0.1`, `-12`, `0.00001`).
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Real(f64);

impl Real {
    /// A finite number; `None` for NaN and the infinities, which no record may hold.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        // Adding zero turns -0.0 into 0.0, so that equal numbers have equal encodings.
        value.is_finite().then_some(Self(value + 0.0))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for Real {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let real = text.parse().ok().and_then(Real::new);
        real.filter(|r| r.to_string() == text)
            .ok_or_else(|| de::Error::custom("not the shortest decimal string of a finite number"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_number_has_one_text() {
        for (text, good) in [
            ("0.1", true),
            ("0", true),
            ("-12.5", true),
            ("0.10", false),
            ("1e3", false),
            ("-0", false),
            ("NaN", false),
            ("inf", false),
            ("+1", false),
            (" 1", false),
            ("", false),
        ] {
            let json = serde_json::Value::String(text.into());
            assert_eq!(serde_json::from_value::<Real>(json).is_ok(), good, "{text}");
        }
        assert!(Real::new(f64::NAN).is_none());
        assert_eq!(Real::new(-0.0).unwrap().to_string(), "0");
    }
}
