//! Points in time: UTC, to the millisecond, RFC 3339.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point in time in milliseconds since 1970-01-01T00:00:00Z, printed
/// `2026-11-23T10:20:30.123Z`. The clock itself is an argument of whoever needs one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Text that is not a timestamp in the one permitted form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a UTC time of the form 2026-11-23T10:20:30.123Z")]
pub struct ParseTimestampError;

impl Timestamp {
    /// From milliseconds since the Unix epoch; `None` outside the years 0000 to 9999.
    #[must_use]
    pub fn from_millis(millis: i64) -> Option<Self> {
        (YEAR_0..YEAR_10000)
            .contains(&millis)
            .then_some(Self(millis))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The date as `YYYYMMDD` (DICOM VR DA, PS3.5 6.2).
    #[must_use]
    pub fn dicom_date(self) -> String {
        self.to_string()
            .chars()
            .take(10)
            .filter(char::is_ascii_digit)
            .collect()
    }

    /// The time of day in UTC as `HHMMSS.FFFFFF` (DICOM VR TM, PS3.5 6.2).
    #[must_use]
    pub fn dicom_time(self) -> String {
        let digits: String = self
            .to_string()
            .chars()
            .skip(11)
            .filter(char::is_ascii_digit)
            .collect();
        let (whole, millis) = digits.split_at_checked(6).unwrap_or((&digits, ""));
        format!("{whole}.{millis}000")
    }
}

/// 0000-01-01T00:00:00Z and 10000-01-01T00:00:00Z in milliseconds: 719,528 days before and
/// 2,932,897 days after the epoch in the proleptic Gregorian calendar.
const YEAR_0: i64 = -719_528 * 86_400_000;
const YEAR_10000: i64 = 2_932_897 * 86_400_000;

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(t) => write!(f, "{t:.3}"),
            // Unreachable by the range check of `from_millis`; printing the number is still exact.
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, ParseTimestampError> {
        let parsed: jiff::Timestamp = text.parse().map_err(|_| ParseTimestampError)?;
        Self::from_millis(parsed.as_millisecond())
            .filter(|t| t.to_string() == text)
            .ok_or(ParseTimestampError)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    // GNU date: `date -u -d 2026-11-23T10:20:30Z +%s` prints 1795429230.
    #[test]
    fn agrees_with_date() {
        let t = Timestamp::from_millis(1_795_429_230_007).unwrap();
        assert_eq!(t.to_string(), "2026-11-23T10:20:30.007Z");
        assert_eq!("2026-11-23T10:20:30.007Z".parse::<Timestamp>().unwrap(), t);
        assert_eq!(t.dicom_date(), "20261123");
        assert_eq!(t.dicom_time(), "102030.007000");
    }

    #[test]
    fn only_one_form_is_accepted() {
        for bad in [
            "2026-11-23T10:20:30Z",
            "2026-11-23T10:20:30.0070Z",
            "2026-11-23 10:20:30.007Z",
            "2026-11-23T10:20:30.007+00:00",
            "2026-02-30T10:20:30.007Z",
            "",
        ] {
            assert_eq!(bad.parse::<Timestamp>(), Err(ParseTimestampError), "{bad}");
        }
    }
}
