//! What an act asks of the technical documentation, and what meets it. The acts are data.

use serde::Deserialize;

/// An act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Regulation (EU) 2017/745 on medical devices.
    Mdr,
    /// Regulation (EU) 2017/746 on in vitro diagnostic medical devices.
    Ivdr,
}

/// One act's file.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct ActFile {
    /// Short name, such as `MDR`.
    pub name: String,
    /// Number and title.
    pub title: String,
    /// What text the file was made from, and when.
    pub source: String,
    /// The requirements, in the order of the act.
    pub requirement: Vec<Requirement>,
}

/// One requirement on the technical documentation.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// The clause, such as `Annex II 1.1(a)`.
    pub clause: String,
    /// What it asks for, in short, in words of our own.
    pub asks: String,
    /// What meets it; all are needed. An empty list is always a gap.
    pub met_by: Vec<Evidence>,
    /// Why nothing in this release can meet it, where that is so.
    #[serde(default)]
    pub outside: String,
}

/// Something that can meet a requirement, written `device:KEY`, `text:NAME` or `record:KIND`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub enum Evidence {
    /// A section of the device file.
    Device(String),
    /// A text the maker wrote, named in `[texts]`.
    Text(String),
    /// A kind of record in the ledger.
    Record(String),
}

impl TryFrom<String> for Evidence {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("device", key)) => Ok(Self::Device(key.to_owned())),
            Some(("text", name)) => Ok(Self::Text(name.to_owned())),
            Some(("record", kind)) => Ok(Self::Record(kind.to_owned())),
            _ => Err(format!(
                "`{text}` is none of device:KEY, text:NAME, record:KIND"
            )),
        }
    }
}

impl Act {
    /// Short name: `MDR` or `IVDR`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mdr => "MDR",
            Self::Ivdr => "IVDR",
        }
    }

    /// What the act asks of the technical documentation.
    ///
    /// # Errors
    /// When the file built into this release is malformed; a test holds that it is not.
    pub fn file(self) -> Result<ActFile, toml::de::Error> {
        toml::from_str(match self {
            Self::Mdr => include_str!("acts/mdr.toml"),
            Self::Ivdr => include_str!("acts/ivdr.toml"),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_act_parses_and_every_requirement_can_be_met_or_says_why_not() {
        for act in [Act::Mdr, Act::Ivdr] {
            let file = act.file().unwrap();
            assert_eq!(file.name, act.name());
            assert!(file.requirement.len() > 15);
            for r in &file.requirement {
                assert!(!r.asks.is_empty() && r.clause.starts_with("Annex"), "{r:?}");
                assert_eq!(r.met_by.is_empty(), !r.outside.is_empty(), "{r:?}");
            }
        }
    }
}
