//! The acts, guidances and standards as data. Each is one dated file under `acts/`; this module
//! gives them types and knows none of their clauses.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::diagnostic::Severity;
use crate::schema::Schema;

const SCHEMA: &str = include_str!("../acts/device-file.toml");
const EVIDENCE: &str = include_str!("../acts/evidence.toml");
/// The act files, in the order of reports. A test holds that none of the folder is left out.
pub(crate) const ACTS: &[(&str, &str)] = &[
    (
        "mdr-2017-745.toml",
        include_str!("../acts/mdr-2017-745.toml"),
    ),
    (
        "ivdr-2017-746.toml",
        include_str!("../acts/ivdr-2017-746.toml"),
    ),
    (
        "mdcg-2019-11-rev1.toml",
        include_str!("../acts/mdcg-2019-11-rev1.toml"),
    ),
    ("mdcg-2020-1.toml", include_str!("../acts/mdcg-2020-1.toml")),
    (
        "mdcg-2019-16-rev1.toml",
        include_str!("../acts/mdcg-2019-16-rev1.toml"),
    ),
    (
        "ai-act-2024-1689.toml",
        include_str!("../acts/ai-act-2024-1689.toml"),
    ),
    (
        "gdpr-2016-679.toml",
        include_str!("../acts/gdpr-2016-679.toml"),
    ),
    (
        "nis2-2022-2555.toml",
        include_str!("../acts/nis2-2022-2555.toml"),
    ),
    (
        "nis-2016-1148.toml",
        include_str!("../acts/nis-2016-1148.toml"),
    ),
    (
        "ehds-2025-327.toml",
        include_str!("../acts/ehds-2025-327.toml"),
    ),
    ("standards.toml", include_str!("../acts/standards.toml")),
    (
        "reform-com-2025-1023.toml",
        include_str!("../acts/reform-com-2025-1023.toml"),
    ),
    (
        "candour-checks.toml",
        include_str!("../acts/candour-checks.toml"),
    ),
];

/// The data built into this release is malformed; tests hold that it is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("acts/{0}")]
pub struct LawError(String);

/// Everything that the acts' files say.
#[derive(Debug)]
pub struct Law {
    /// The keys of the device file.
    pub schema: Schema,
    /// What can satisfy a requirement.
    pub evidence: EvidenceFile,
    /// The acts, guidances and standards.
    pub acts: Vec<ActFile>,
}

/// Whether an act or an entry is in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum Status {
    /// It binds, or is the current guidance.
    #[default]
    #[serde(rename = "in force")]
    InForce,
    /// Something else took its place; kept for reading, never applied.
    #[serde(rename = "superseded")]
    Superseded,
    /// Not adopted; never applied.
    #[serde(rename = "proposed")]
    Proposed,
}

/// What sort of document a file stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ActKind {
    /// A regulation or directive.
    Law,
    /// Guidance, not binding.
    Guidance,
    /// A standard.
    Standard,
    /// Candour's own checks, resting on clauses they cite.
    Checks,
}

/// One act, guidance or list of standards.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActFile {
    /// Short name, such as `MDR`.
    pub name: String,
    /// Number and title.
    pub title: String,
    /// Which version.
    pub edition: String,
    /// What it is.
    pub kind: ActKind,
    /// Whether it is in force.
    pub status: Status,
    /// From what text the file was made.
    pub source: String,
    /// What took its place.
    #[serde(default)]
    pub superseded_by: String,
    /// Facts that take a device out of many entries at once, with the reason.
    #[serde(default)]
    pub exempt: Vec<Exempt>,
    /// Requirements.
    #[serde(default)]
    pub entry: Vec<Entry>,
    /// Steps of a decision figure.
    #[serde(default)]
    pub step: Vec<Step>,
    /// Implementing rules that are read, not computed.
    #[serde(default)]
    pub principle: Vec<Principle>,
    /// Classification rules.
    #[serde(default)]
    pub rule: Vec<Rule>,
    /// Cases that a guidance adds to another file's rule.
    #[serde(default)]
    pub case: Vec<Case>,
    /// Conformity assessment routes.
    #[serde(default)]
    pub route: Vec<Route>,
    /// What follows from class and kind.
    #[serde(default)]
    pub consequence: Vec<Consequence>,
    /// Facts that follow from others.
    #[serde(default)]
    pub derived: Vec<Derived>,
    /// Reporting deadlines.
    #[serde(default)]
    pub clock: Vec<Clock>,
    /// Clauses of two acts that correspond.
    #[serde(default)]
    pub pair: Vec<Pair>,
    /// Answers that cannot both be true.
    #[serde(default)]
    pub consistency: Vec<Consistency>,
    /// What a change of the device means.
    #[serde(default)]
    pub change: Vec<Change>,
}

/// A fact that takes a device out of many entries at once.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exempt {
    /// The fact, where it decided that an entry does not apply.
    pub fact: String,
    /// Why it does not, then.
    pub reason: String,
}

/// One requirement.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its identifier, such as `GSPR-17.2`.
    pub id: String,
    /// The exact clause.
    pub cite: String,
    /// The heading of the summary that it counts under.
    pub group: String,
    /// A short title.
    pub title: String,
    /// What it asks, in our own words.
    pub asks: String,
    /// When it applies.
    pub when: Condition,
    /// Why it does not, where it does not.
    #[serde(default)]
    pub otherwise: String,
    /// What meets it; all are needed.
    #[serde(default)]
    pub met_by: Vec<Evidence>,
    /// Why nothing of the manufacturer's can meet it.
    #[serde(default)]
    pub outside: String,
    /// How grave a gap is.
    pub severity: Severity,
    /// What to do.
    pub remedy: String,
    /// Whether it is in force.
    #[serde(default)]
    pub status: Status,
    /// First day of application, where that is to come.
    #[serde(default)]
    pub from: String,
    /// Whether the text was read at its source.
    #[serde(default = "yes")]
    pub verified: bool,
    /// Related entries.
    #[serde(default)]
    pub see: Vec<String>,
    /// The counterpart in the other regulation.
    pub pair: Option<String>,
    /// The standards it is usually shown with.
    #[serde(default)]
    pub standards: Vec<String>,
    /// May never be declared not applicable.
    #[serde(default)]
    pub always: bool,
}

const fn yes() -> bool {
    true
}

/// Something that can meet a requirement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub enum Evidence {
    /// A key of the device file, `device:SECTION.KEY`.
    Device(String),
    /// A text of the maker's, `text:NAME`.
    Text(String),
    /// A kind of record in the ledger, `record:KIND`.
    Record(String),
    /// A person's signature, `signature:WHO`.
    Signature(String),
}

impl TryFrom<String> for Evidence {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("device", key)) => Ok(Self::Device(key.to_owned())),
            Some(("text", name)) => Ok(Self::Text(name.to_owned())),
            Some(("record", kind)) => Ok(Self::Record(kind.to_owned())),
            Some(("signature", who)) => Ok(Self::Signature(who.to_owned())),
            _ => Err(format!(
                "`{text}` is none of device:KEY, text:NAME, record:KIND, signature:WHO"
            )),
        }
    }
}

impl std::fmt::Display for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Device(key) => write!(f, "device:{key}"),
            Self::Text(name) => write!(f, "text:{name}"),
            Self::Record(kind) => write!(f, "record:{kind}"),
            Self::Signature(who) => write!(f, "signature:{who}"),
        }
    }
}

/// One step of a decision figure.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its identifier.
    pub id: String,
    /// The guidance's step.
    pub cite: String,
    /// The question.
    pub question: String,
    /// What answers it.
    pub when: Condition,
    /// Where yes leads.
    pub yes: Turn,
    /// Where no leads.
    pub no: Turn,
}

/// Where an answer leads: to another step, or to the end at a regulation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// The next step.
    #[serde(default)]
    pub go: String,
    /// `MDR`, `IVDR` or `none`.
    #[serde(default)]
    pub end: String,
    /// What the software then is.
    #[serde(default)]
    pub role: String,
    /// What the answer says.
    pub because: String,
}

/// An implementing rule that is read, not computed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Principle {
    /// Its identifier.
    pub id: String,
    /// The clause.
    pub cite: String,
    /// What it says, in our own words.
    pub says: String,
}

/// One classification rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, such as `MDR Annex VIII Rule 11(a)`.
    pub id: String,
    /// The clause.
    pub cite: String,
    /// `MDR` or `IVDR`.
    pub regulation: String,
    /// What it is about.
    pub about: String,
    /// The roles it reaches; empty: all but software that only drives hardware.
    #[serde(default)]
    pub roles: Vec<String>,
    /// When it applies.
    pub when: Condition,
    /// What its applying says.
    pub applies: String,
    /// What its not applying says.
    pub otherwise: String,
    /// Which of two rules with equal class is named; lower goes first.
    #[serde(default = "middle")]
    pub preference: u32,
    /// The key that holds the class, for rules that take another device's class.
    pub class_of: Option<String>,
    /// What a class taken from there says.
    #[serde(default)]
    pub because: String,
    /// The classes; the strictest case that holds counts.
    #[serde(default)]
    pub case: Vec<Case>,
}

const fn middle() -> u32 {
    50
}

/// One class of a rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The rule, where the case stands in another file.
    #[serde(default)]
    pub rule: String,
    /// The class it gives.
    pub class: Class,
    /// `law` or `table`, where a rule has both.
    #[serde(default)]
    pub basis: String,
    /// The clause or cell, where it is finer than the rule's.
    #[serde(default)]
    pub cite: String,
    /// When.
    pub when: Condition,
    /// What it says.
    pub because: String,
}

/// One conformity assessment route.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Its identifier.
    pub id: String,
    /// The clause.
    pub cite: String,
    /// What it is.
    pub title: String,
    /// The annexes it goes by.
    pub annexes: Vec<String>,
    /// When it is open.
    pub when: Condition,
    /// Whether a notified body takes part.
    pub notified_body: bool,
    /// What the notified body looks at, where not at everything.
    #[serde(default)]
    pub scope: String,
}

/// Something that follows from class and kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consequence {
    /// Its identifier.
    pub id: String,
    /// The clause.
    pub cite: String,
    /// What.
    pub title: String,
    /// What it says.
    pub says: String,
    /// When.
    pub when: Condition,
    /// Whether the text was read at its source.
    #[serde(default = "yes")]
    pub verified: bool,
}

/// A fact that follows from others.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Derived {
    /// Its path, such as `result.ai_high_risk`.
    pub fact: String,
    /// The clause that it follows by.
    pub cite: String,
    /// When it holds.
    pub when: Condition,
}

/// One reporting deadline.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// Its identifier.
    pub id: String,
    /// The clause.
    pub cite: String,
    /// The event that starts it, such as `death`.
    pub event: String,
    /// What the event is, in words.
    pub event_title: String,
    /// What is due.
    pub due: String,
    /// To whom.
    pub to: String,
    /// How long after: `15 days`, `72 hours`, `1 month`, or empty: at once.
    #[serde(default)]
    pub after: String,
    /// Another clock whose end it counts from, in place of awareness.
    #[serde(default)]
    pub from: String,
    /// What else to know.
    #[serde(default)]
    pub note: String,
    /// The devices it holds for; without it, all.
    pub when: Option<Condition>,
    /// Whether the text was read at its source.
    #[serde(default = "yes")]
    pub verified: bool,
}

/// Clauses of two acts that correspond.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The MDR clause's entry.
    pub mdr: String,
    /// The IVDR clause's entry; empty where there is none.
    #[serde(default)]
    pub ivdr: String,
    /// What both are about.
    pub about: String,
}

/// Answers that cannot both be true. Exactly one of the forms is used.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consistency {
    /// Its identifier.
    pub id: String,
    /// The clause.
    pub cite: String,
    /// What is wrong; `{value}` and `{other}` stand for the answers.
    pub says: String,
    /// What mends it.
    pub remedy: String,
    /// How grave.
    pub severity: Severity,
    /// Form 1: it is wrong where this holds for the device or one of its modules; also a further
    /// condition of the other forms.
    pub when: Option<Condition>,
    /// The key to point at.
    #[serde(default)]
    pub key: String,
    /// Forms 2 to 5: the repeated section whose every block is looked at.
    #[serde(default)]
    pub each: String,
    /// Form 2: every value of this key (of each block, or of the top level) must stand in `within`.
    #[serde(default)]
    pub value: String,
    /// The key that must hold it.
    #[serde(default)]
    pub within: String,
    /// The section that must have a key of that name.
    #[serde(default)]
    pub keys_of: String,
    /// Form 3: the value must not go before this key's in the order of its choices.
    #[serde(default)]
    pub not_above: String,
    /// Form 4: this key must be given, where `value` is none of `unless`.
    #[serde(default)]
    pub needs: String,
    /// The values that need nothing.
    #[serde(default)]
    pub unless: Vec<String>,
    /// Form 5: the value must be what the classification computed, such as `result.class`.
    #[serde(default)]
    pub computed: String,
}

/// What a change of the device means.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Its identifier.
    pub id: String,
    /// The clause.
    pub cite: String,
    /// The keys or sections that changed; a `.*` at the end stands for all of a section.
    #[serde(default)]
    pub touches: Vec<String>,
    /// Or: a condition on the new device file.
    pub when: Option<Condition>,
    /// Or: the results that changed, such as `result.class`.
    #[serde(default)]
    pub results: Vec<String>,
    /// What follows: `significant`, `udi_di`, `udi_pi`, `reclassify`, `predetermined`, `new_device`.
    pub means: Vec<String>,
    /// What it says.
    pub says: String,
    /// What to do.
    pub remedy: String,
    /// Evidence that no longer shows this version.
    #[serde(default)]
    pub stale: Vec<Evidence>,
}

/// What can satisfy a requirement.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceFile {
    /// What it describes.
    pub name: String,
    /// Its version.
    pub edition: String,
    /// The maker's texts.
    pub text: Vec<TextKind>,
    /// The kinds of record.
    pub record: Vec<RecordKind>,
    /// Who signs.
    pub signature: Vec<SignatureKind>,
}

/// A text of the maker's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextKind {
    /// Its name under `[texts]`.
    pub name: String,
    /// What it holds.
    pub title: String,
}

/// A kind of record.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordKind {
    /// The kind.
    pub kind: String,
    /// What it shows.
    pub title: String,
    /// The command that makes one; `{device}` and `{workspace}` stand for theirs.
    pub command: String,
}

/// Who signs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureKind {
    /// The role.
    pub who: String,
    /// In words.
    pub title: String,
}

/// A risk class of MDR Annex VIII or IVDR Annex VIII.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub enum Class {
    /// MDR class I.
    I,
    /// MDR class IIa.
    IIa,
    /// MDR class IIb.
    IIb,
    /// MDR class III.
    III,
    /// IVDR class A.
    A,
    /// IVDR class B.
    B,
    /// IVDR class C.
    C,
    /// IVDR class D.
    D,
}

impl Class {
    /// All, from the lowest of each act.
    pub const ALL: [Self; 8] = [
        Self::I,
        Self::IIa,
        Self::IIb,
        Self::III,
        Self::A,
        Self::B,
        Self::C,
        Self::D,
    ];

    /// As the act writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::I => "I",
            Self::IIa => "IIa",
            Self::IIb => "IIb",
            Self::III => "III",
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::D => "D",
        }
    }

    /// By its name in the act.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name() == name)
    }

    /// The act it belongs to.
    #[must_use]
    pub const fn act(self) -> Act {
        match self {
            Self::I | Self::IIa | Self::IIb | Self::III => Act::Mdr,
            Self::A | Self::B | Self::C | Self::D => Act::Ivdr,
        }
    }

    /// Its rank within its act, from 1 to 4; also the order in which the strictest module of a
    /// product under both acts is found.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Self::I | Self::A => 1,
            Self::IIa | Self::B => 2,
            Self::IIb | Self::C => 3,
            Self::III | Self::D => 4,
        }
    }
}

/// The two regulations that a device can come under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub enum Act {
    /// Regulation (EU) 2017/745 on medical devices.
    #[serde(rename = "MDR")]
    Mdr,
    /// Regulation (EU) 2017/746 on in vitro diagnostic medical devices.
    #[serde(rename = "IVDR")]
    Ivdr,
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

    /// By short name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Mdr, Self::Ivdr]
            .into_iter()
            .find(|a| a.name() == name)
    }
}

static LAW: LazyLock<Result<Law, LawError>> = LazyLock::new(Law::load);

impl Law {
    /// The law as this release encodes it.
    ///
    /// # Errors
    /// When a file built into this release is malformed; a test holds that none is.
    pub fn get() -> Result<&'static Self, LawError> {
        LAW.as_ref().map_err(Clone::clone)
    }

    fn load() -> Result<Self, LawError> {
        let named = |file: &str| {
            let file = file.to_owned();
            move |e: String| LawError(format!("{file}: {e}"))
        };
        let acts = ACTS
            .iter()
            .map(|(file, text)| {
                toml::from_str::<ActFile>(text)
                    .map_err(|e| e.to_string())
                    .map_err(named(file))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            schema: Schema::parse(SCHEMA).map_err(named("device-file.toml"))?,
            evidence: toml::from_str(EVIDENCE)
                .map_err(|e| e.to_string())
                .map_err(named("evidence.toml"))?,
            acts,
        })
    }

    /// The acts that are applied.
    pub fn in_force(&self) -> impl Iterator<Item = &ActFile> {
        self.acts.iter().filter(|a| a.status == Status::InForce)
    }

    /// An entry of any act, with its act.
    #[must_use]
    pub fn entry(&self, id: &str) -> Option<(&ActFile, &Entry)> {
        self.acts.iter().find_map(|a| {
            let found = a.entry.iter().find(|e| e.id.eq_ignore_ascii_case(id));
            found.map(|e| (a, e))
        })
    }

    /// All identifiers of entries, for "did you mean".
    #[must_use]
    pub fn entry_ids(&self) -> Vec<&str> {
        self.acts
            .iter()
            .flat_map(|a| a.entry.iter().map(|e| e.id.as_str()))
            .collect()
    }

    /// What evidence is, in words.
    #[must_use]
    pub fn evidence_title(&self, evidence: &Evidence) -> String {
        let title = match evidence {
            Evidence::Device(key) => self.schema.field(key).map(|f| f.ask.as_str()),
            Evidence::Text(name) => {
                let found = self.evidence.text.iter().find(|t| t.name == *name);
                found.map(|t| t.title.as_str())
            }
            Evidence::Record(kind) => {
                let found = self.evidence.record.iter().find(|r| r.kind == *kind);
                found.map(|r| r.title.as_str())
            }
            Evidence::Signature(who) => {
                let found = self.evidence.signature.iter().find(|s| s.who == *who);
                found.map(|s| s.title.as_str())
            }
        };
        title.unwrap_or_default().to_owned()
    }

    /// What diagnostics of the file's form cite.
    pub(crate) fn device_file_clause(&self) -> String {
        format!(
            "{}, {}",
            self.schema.name.to_lowercase(),
            self.schema.edition
        )
    }
}
