//! One record: what all kinds share, its canonical bytes and its leaf hash.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::canonical::{self, CanonicalError, Value};
use crate::{Digest, Event, Timestamp};

/// The longest record that a ledger takes (C2SP tlog-tiles: a 16-bit length).
pub const MAX_RECORD_BYTES: usize = 65_535;

/// The version of the record format this crate writes.
const VERSION: i64 = 1;

/// A commitment to something that lies encrypted in the vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What it is, such as `bytes` or `justification`.
    pub name: String,
    /// The blob's opaque name in the vault: 32 lower-case hex digits.
    pub blob: String,
    /// Length of the clear text in bytes.
    pub bytes: u64,
    /// `HMAC-SHA-256(patient's commitment key, salt || clear text)`; the salt lies in the blob, so
    /// that destroying the key ends every way to open the commitment.
    pub commitment: Digest,
}

/// One event, as sealed.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// When it happened.
    pub at: Timestamp,
    /// Who or what did it, such as `candour`, or a reader's pseudonym. Never a person's name.
    pub by: String,
    /// Digest of the device file in force, where there is a device.
    pub device: Option<Digest>,
    /// What happened.
    pub event: Event,
}

/// Why a record has no canonical bytes, or bytes are no record.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RecordError {
    /// Not canonical JSON, or not the shape its kind has.
    #[error("record: {0}")]
    Malformed(#[from] CanonicalError),
    /// A member every record must have is missing or has another type.
    #[error("record: member `{0}` is missing or malformed")]
    Member(&'static str),
    /// A record written by a newer version of the format.
    #[error("record: version {0} is newer than this software knows (1); use a newer release")]
    Newer(i64),
    /// Longer than a ledger takes.
    #[error("record: {0} bytes; a record has at most 65535; move the content into the vault")]
    TooLong(usize),
}

impl Record {
    /// The canonical bytes that the ledger seals.
    ///
    /// # Errors
    /// When an `Other` kind holds a reserved member, or the result exceeds [`MAX_RECORD_BYTES`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, RecordError> {
        let mut members = self.event.members()?;
        let shared = [
            ("kind", Some(Value::Text(self.event.kind().to_owned()))),
            ("version", Some(Value::Integer(VERSION))),
            ("at", Some(Value::Text(self.at.to_string()))),
            ("by", Some(Value::Text(self.by.clone()))),
            ("device", self.device.map(|d| Value::Text(d.to_string()))),
        ];
        for (key, value) in shared {
            if members.contains_key(key) {
                return Err(RecordError::Member(key));
            }
            if let Some(value) = value {
                members.insert(key.to_owned(), value);
            }
        }
        let bytes = canonical::print(&Value::Object(members));
        if bytes.len() > MAX_RECORD_BYTES {
            return Err(RecordError::TooLong(bytes.len()));
        }
        Ok(bytes)
    }

    /// Reads a record from its canonical bytes; `parse` after `to_bytes` is the identity.
    ///
    /// # Errors
    /// When the bytes are not canonical, lack a shared member, or do not have their kind's shape.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.len() > MAX_RECORD_BYTES {
            return Err(RecordError::TooLong(bytes.len()));
        }
        let Value::Object(mut members) = canonical::parse(bytes)? else {
            return Err(RecordError::Member("kind"));
        };
        match take(&mut members, "version")? {
            Value::Integer(VERSION) => {}
            Value::Integer(newer) if newer > VERSION => return Err(RecordError::Newer(newer)),
            _ => return Err(RecordError::Member("version")),
        }
        let mut text = |key| match take(&mut members, key)? {
            Value::Text(text) => Ok(text),
            _ => Err(RecordError::Member(key)),
        };
        let kind = text("kind")?;
        let at = text("at")?.parse().map_err(|_| RecordError::Member("at"))?;
        let by = text("by")?;
        let device = match members.remove("device") {
            None => None,
            Some(Value::Text(d)) => Some(d.parse().map_err(|_| RecordError::Member("device"))?),
            Some(_) => return Err(RecordError::Member("device")),
        };
        let event = Event::from_members(&kind, members)?;
        Ok(Self {
            at,
            by,
            device,
            event,
        })
    }

    /// The RFC 6962 leaf hash of the canonical bytes, `SHA-256(0x00 || bytes)`: how records refer
    /// to one another.
    ///
    /// # Errors
    /// As [`Record::to_bytes`].
    pub fn leaf_hash(&self) -> Result<Digest, RecordError> {
        let bytes = self.to_bytes()?;
        Ok(Digest::from_bytes(
            Sha256::new()
                .chain_update([0])
                .chain_update(&bytes)
                .finalize()
                .into(),
        ))
    }
}

fn take(members: &mut BTreeMap<String, Value>, key: &'static str) -> Result<Value, RecordError> {
    members.remove(key).ok_or(RecordError::Member(key))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{CaseId, Outcome, Purpose, Reference};

    fn outcome() -> Record {
        Record {
            at: Timestamp::from_millis(1_795_429_230_007).unwrap(),
            by: "candour".into(),
            device: Some(Digest::of(b"abc")),
            event: Event::Outcome(Outcome {
                case: CaseId::from_bytes([1; 16]),
                reference: Reference::Positive,
                standard: "histology".into(),
                purpose: Purpose::Validation,
            }),
        }
    }

    // Written by hand from spec/record.md; the leaf hash by `printf '\0%s' "$TEXT" | sha256sum`.
    const TEXT: &str = "{\"at\":\"2026-11-23T10:20:30.007Z\",\"by\":\"candour\",\"case\":\"01010101010101010101010101010101\",\"device\":\"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\",\"kind\":\"Outcome\",\"purpose\":\"validation\",\"reference\":\"positive\",\"standard\":\"histology\",\"version\":1}";

    /// Verifies SRS-001.
    #[test]
    fn canonical_bytes_are_as_specified() {
        assert_eq!(
            String::from_utf8(outcome().to_bytes().unwrap()).unwrap(),
            TEXT
        );
        assert_eq!(Record::parse(TEXT.as_bytes()).unwrap(), outcome());
        assert_eq!(outcome().leaf_hash().unwrap().hex(), LEAF);
    }

    const LEAF: &str = "388d6c239c6d94244a0d9dcd8ed4f429c59b119660ceafd1ea9db5773cb0ed0f";

    /// Every kind survives the round trip; no kind's own member may take a shared member's name.
    #[test]
    fn no_kind_uses_a_shared_members_name() {
        use crate::{Loaded, Real};
        let real = Real::new(0.5).unwrap();
        let event = Event::Loaded(Loaded {
            model: Digest::of(b"m"),
            model_version: "m 1".into(),
            engine: "e".into(),
            software: "s".into(),
            vectors: 1,
            max_abs_diff: real,
            tolerance: real,
            passed: true,
        });
        let record = Record { event, ..outcome() };
        assert_eq!(Record::parse(&record.to_bytes().unwrap()).unwrap(), record);
    }

    #[test]
    fn unknown_kinds_are_kept_and_unknown_members_of_known_kinds_refused() {
        let other = TEXT.replace("\"Outcome\"", "\"Permitted\"");
        let record = Record::parse(other.as_bytes()).unwrap();
        assert_eq!(record.event.kind(), "Permitted");
        assert_eq!(record.to_bytes().unwrap(), other.as_bytes());
        let extra = TEXT.replace("\"standard\"", "\"standards\"");
        assert!(Record::parse(extra.as_bytes()).is_err());
    }

    #[test]
    fn every_missing_or_malformed_shared_member_is_named() {
        assert_eq!(
            Record::parse(TEXT.replace("\"version\":1", "\"version\":2").as_bytes()),
            Err(RecordError::Newer(2))
        );
        assert_eq!(
            Record::parse(TEXT.replace("\"by\":\"candour\",", "").as_bytes()),
            Err(RecordError::Member("by"))
        );
        assert_eq!(
            Record::parse(TEXT.replace("23T10", "23 10").as_bytes()),
            Err(RecordError::Member("at"))
        );
        assert!(Record::parse(b"[]").is_err());
        assert!(Record::parse(b"").is_err());
        assert!(Record::parse(&vec![b' '; 70_000]).is_err());
    }

    #[test]
    fn what_is_too_long_is_refused_before_it_reaches_the_ledger() {
        let mut record = outcome();
        record.by = "x".repeat(MAX_RECORD_BYTES);
        assert!(matches!(record.to_bytes(), Err(RecordError::TooLong(_))));
    }
}
