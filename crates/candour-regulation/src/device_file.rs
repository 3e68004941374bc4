//! The device file: identification, intended purpose, classification, oversight and the plan of the
//! validation. Read in one pass; every fault is reported with its place and its clause.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Diagnostic, Diagnostics, nearest, place};
use crate::requirement::Act;

/// A device file that holds all it must.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceFile {
    /// Who the device is.
    pub identification: Identification,
    /// What it is for (MDR Art. 2(12); IVDR Art. 2(12)).
    pub intended_purpose: IntendedPurpose,
    /// Its class and why.
    pub classification: Classification,
    /// What the reader does with its answers.
    pub oversight: Oversight,
    /// How it is validated.
    pub validation: ValidationPlan,
    /// The maker's texts: name to path in the device's folder.
    pub texts: BTreeMap<String, String>,
}

/// Who the device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identification {
    /// Trade name.
    pub name: String,
    /// Model name (0008,1090).
    pub model: String,
    /// Version of the device.
    pub version: String,
    /// The maker.
    pub manufacturer: String,
    /// Basic UDI-DI, where one is assigned.
    pub basic_udi_di: Option<String>,
    /// Whether it is a demonstration; every page and document then says so.
    pub demonstration: bool,
}

/// What the device is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntendedPurpose {
    /// The act it falls under.
    pub act: Act,
    /// The medical purposes of Art. 2(1) MDR or of Art. 2(2) IVDR.
    pub medical_purpose: Vec<String>,
    /// The purpose in one or two sentences.
    pub statement: String,
    /// The condition.
    pub indication: String,
    /// The population.
    pub target_population: String,
    /// Who uses it.
    pub intended_users: Vec<String>,
    /// The specimen (IVDR).
    pub specimen: Option<String>,
    /// The part of the body (MDR).
    pub part_of_body: Option<String>,
    /// When it must not be used.
    pub contraindications: Vec<String>,
}

/// A risk class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    const NAMES: &'static [(&'static str, Self)] = &[
        ("I", Self::I),
        ("IIa", Self::IIa),
        ("IIb", Self::IIb),
        ("III", Self::III),
        ("A", Self::A),
        ("B", Self::B),
        ("C", Self::C),
        ("D", Self::D),
    ];

    /// As the act writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(_, c)| *c == self)
            .map_or("", |(n, _)| n)
    }

    const fn act(self) -> Act {
        match self {
            Self::I | Self::IIa | Self::IIb | Self::III => Act::Mdr,
            Self::A | Self::B | Self::C | Self::D => Act::Ivdr,
        }
    }
}

/// The class, the rule it follows from, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classification {
    /// The class the maker claims.
    pub class: Class,
    /// The rule, such as `MDR Annex VIII Rule 11(a)`.
    pub rule: String,
    /// Why the rule gives this class.
    pub rationale: String,
}

/// What the reader does with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oversight {
    /// What the reader must do with every answer.
    pub instruction: String,
}

/// How the device is validated.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidationPlan {
    /// Path of the cohort in the device's folder.
    pub cohort: String,
    /// Which part of the cohort.
    pub split: String,
    /// What the reference standard is.
    pub reference_standard: String,
    /// Confidence level.
    pub level: f64,
    /// How abstained and refused cases count; only `worst_case` is taken: each counts as wrong.
    pub indeterminate: String,
    /// What must hold.
    pub endpoints: Vec<EndpointPlan>,
}

/// One endpoint: a statistic whose lower confidence limit must reach a bound.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointPlan {
    /// `sensitivity`, `specificity` or `auc`.
    pub statistic: String,
    /// Least lower limit.
    pub lower_bound_min: f64,
}

const MDR_PURPOSES: &[&str] = &[
    "diagnosis",
    "prevention",
    "monitoring",
    "prediction",
    "prognosis",
    "treatment",
    "alleviation",
    "compensation",
    "investigation",
    "information_from_specimens",
];
const IVDR_PURPOSES: &[&str] = &[
    "physiological_or_pathological_process",
    "congenital_impairment",
    "predisposition",
    "safety_and_compatibility",
    "treatment_response",
    "monitoring_therapy",
];
const STATISTICS: &[&str] = &["sensitivity", "specificity", "auc"];

impl DeviceFile {
    /// Reads a device file; `name` is how messages call it.
    ///
    /// # Errors
    /// All faults at once, in order of place.
    pub fn parse(name: &str, text: &str) -> Result<Self, Diagnostics> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut reader = Reader {
            file: name,
            text,
            faults: Vec::new(),
        };
        for error in errors {
            let at = error.span().map_or(0, |s| s.start);
            reader.fault(
                at,
                error.message().to_owned(),
                None,
                "mend the TOML syntax".into(),
            );
        }
        if reader.faults.is_empty()
            && let Some(file) = reader.file(&root)
            && reader.faults.is_empty()
        {
            return Ok(file);
        }
        reader.faults.sort_by_key(|d| (d.line, d.column));
        Err(Diagnostics(reader.faults))
    }

    /// Whether a key of `device:KEY` evidence is there.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        match key {
            "identification" | "intended_purpose" | "classification" | "target_population" => true,
            "basic_udi_di" => self.identification.basic_udi_di.is_some(),
            "specimen" => self.intended_purpose.specimen.is_some(),
            "part_of_body" => self.intended_purpose.part_of_body.is_some(),
            _ => false,
        }
    }
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    faults: Vec<Diagnostic>,
}

type Entry<'t, 'i> = (&'t Spanned<DeValue<'i>>, usize);

/// A table that is being read, with the keys that were asked for.
struct Section<'t, 'i> {
    table: &'t DeTable<'i>,
    name: &'static str,
    at: usize,
    known: Vec<&'static str>,
}

impl<'t, 'i> Section<'t, 'i> {
    fn take(&mut self, key: &'static str) -> Option<Entry<'t, 'i>> {
        self.known.push(key);
        self.table
            .iter()
            .find(|(k, _)| k.get_ref().as_ref() == key)
            .map(|(k, v)| (v, k.span().start))
    }
}

impl Reader<'_> {
    fn fault(&mut self, at: usize, what: String, clause: Option<&'static str>, remedy: String) {
        let (line, column) = place(self.text, at);
        self.faults.push(Diagnostic {
            file: self.file.to_owned(),
            line,
            column,
            what,
            clause,
            remedy,
        });
    }

    fn file(&mut self, root: &Spanned<DeTable<'_>>) -> Option<DeviceFile> {
        let mut top = Section {
            table: root.get_ref(),
            name: "the file",
            at: 0,
            known: Vec::new(),
        };
        let format = self.integer(&mut top, "format");
        if format.is_some_and(|f| f != 1) {
            self.fault(
                0,
                "format is not 1".into(),
                None,
                "use a newer release of Candour for a newer format".into(),
            );
        }
        let identification = self.section(
            &mut top,
            "identification",
            "MDR Annex II 1.1(a), IVDR Annex II 1.1(a)",
            Self::identification,
        );
        let purpose = self.section(
            &mut top,
            "intended_purpose",
            "MDR Art. 2(12), IVDR Art. 2(12)",
            Self::purpose,
        );
        let act = purpose.as_ref().map(|p| p.act);
        let classification = self.section(
            &mut top,
            "classification",
            "MDR Annex II 1.1(f), IVDR Annex II 1.1(f)",
            |r, s| r.classification(s, act),
        );
        let oversight = self.section(
            &mut top,
            "oversight",
            "MDR Annex I 23.4, IVDR Annex I 20.4.1",
            |r, s| {
                Some(Oversight {
                    instruction: r.text(
                        s,
                        "instruction",
                        Some("MDR Annex I 23.4(w), IVDR Annex I 20.4.1"),
                    )?,
                })
            },
        );
        let validation = self.section(
            &mut top,
            "validation",
            "MDR Annex II 6.1, IVDR Annex II 6.2",
            Self::validation,
        );
        let texts = self.section(&mut top, "texts", "MDR Annex II, IVDR Annex II", |r, s| {
            Some(r.paths(s))
        });
        self.unknown(&top);
        format?;
        Some(DeviceFile {
            identification: identification?,
            intended_purpose: purpose?,
            classification: classification?,
            oversight: oversight?,
            validation: validation?,
            texts: texts?,
        })
    }

    fn section<T>(
        &mut self,
        parent: &mut Section<'_, '_>,
        key: &'static str,
        clause: &'static str,
        read: impl FnOnce(&mut Self, &mut Section<'_, '_>) -> Option<T>,
    ) -> Option<T> {
        let Some((value, at)) = parent.take(key) else {
            self.fault(
                parent.at,
                format!("[{key}] is missing"),
                Some(clause),
                format!("add a section [{key}]"),
            );
            return None;
        };
        let DeValue::Table(table) = value.get_ref() else {
            self.fault(
                at,
                format!("{key} is {}, not a section", value.get_ref().type_str()),
                None,
                format!("write it as [{key}]"),
            );
            return None;
        };
        let mut section = Section {
            table,
            name: key,
            at,
            known: Vec::new(),
        };
        let read = read(self, &mut section);
        if key != "texts" {
            self.unknown(&section);
        }
        read
    }

    fn unknown(&mut self, section: &Section<'_, '_>) {
        for key in section.table.keys() {
            let name: &str = key.get_ref().as_ref();
            if !section.known.contains(&name) {
                let remedy = nearest(name, &section.known).map_or_else(
                    || {
                        format!(
                            "remove it; {} knows {}",
                            section.name,
                            section.known.join(", ")
                        )
                    },
                    |known| format!("did you mean `{known}`?"),
                );
                self.fault(
                    key.span().start,
                    format!("unknown key `{name}`"),
                    None,
                    remedy,
                );
            }
        }
    }

    fn missing(
        &mut self,
        section: &Section<'_, '_>,
        key: &str,
        clause: Option<&'static str>,
        kind: &str,
    ) {
        self.fault(
            section.at,
            format!("{key} is missing in [{}]", section.name),
            clause,
            format!("add {key} = {kind}"),
        );
    }

    fn text(
        &mut self,
        section: &mut Section<'_, '_>,
        key: &'static str,
        clause: Option<&'static str>,
    ) -> Option<String> {
        let Some((value, _)) = section.take(key) else {
            self.missing(section, key, clause, "\"...\"");
            return None;
        };
        self.string(value, key, clause)
    }

    fn optional(
        &mut self,
        section: &mut Section<'_, '_>,
        key: &'static str,
        clause: Option<&'static str>,
    ) -> Option<String> {
        let (value, _) = section.take(key)?;
        self.string(value, key, clause)
    }

    fn string(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        key: &str,
        clause: Option<&'static str>,
    ) -> Option<String> {
        match value.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            Some(_) => {
                self.fault(
                    value.span().start,
                    format!("{key} is empty"),
                    clause,
                    "say it, or remove the key if the act does not ask for it".into(),
                );
                None
            }
            None => {
                self.fault(
                    value.span().start,
                    format!("{key} is {}, not a text", value.get_ref().type_str()),
                    clause,
                    "write it in quotes".into(),
                );
                None
            }
        }
    }

    fn list(
        &mut self,
        section: &mut Section<'_, '_>,
        key: &'static str,
        clause: Option<&'static str>,
        allowed: Option<&[&str]>,
    ) -> Option<Vec<String>> {
        let Some((value, _)) = section.take(key) else {
            self.missing(section, key, clause, "[\"...\"]");
            return None;
        };
        let at = value.span().start;
        let Some(items) = value.get_ref().as_array() else {
            self.fault(
                at,
                format!("{key} is {}, not a list", value.get_ref().type_str()),
                clause,
                "write it as [\"...\"]".into(),
            );
            return None;
        };
        let needs = allowed.map_or_else(
            || "name at least one".to_owned(),
            |a| format!("needs at least one of: {}", a.join(", ")),
        );
        if items.is_empty() {
            self.fault(at, format!("{key} is empty"), clause, needs);
            return None;
        }
        let mut out = Vec::new();
        for item in items.iter() {
            let text = self.string(item, key, clause)?;
            if allowed.is_some_and(|a| !a.contains(&text.as_str())) {
                let remedy = allowed
                    .and_then(|a| nearest(&text, a))
                    .map_or(needs.clone(), |n| format!("did you mean `{n}`?"));
                self.fault(
                    item.span().start,
                    format!("`{text}` is no {key}"),
                    clause,
                    remedy,
                );
                return None;
            }
            out.push(text);
        }
        Some(out)
    }

    fn integer(&mut self, section: &mut Section<'_, '_>, key: &'static str) -> Option<i64> {
        let Some((value, at)) = section.take(key) else {
            self.missing(section, key, None, "1");
            return None;
        };
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|i| i64::from_str_radix(i.as_str(), i.radix()).ok());
        if number.is_none() {
            self.fault(
                at,
                format!("{key} is no whole number"),
                None,
                format!("write {key} = 1"),
            );
        }
        number
    }

    /// A number strictly between 0 and 1, or with 0 and 1 when `closed`.
    fn share(
        &mut self,
        table: &mut Section<'_, '_>,
        key: &'static str,
        closed: bool,
    ) -> Option<f64> {
        let Some((value, at)) = table.take(key) else {
            self.missing(table, key, None, "0.9");
            return None;
        };
        let number: Option<f64> = value
            .get_ref()
            .as_float()
            .and_then(|f| f.as_str().replace('_', "").parse().ok());
        let good = number.filter(|v| {
            if closed {
                (0.0..=1.0).contains(v)
            } else {
                *v > 0.0 && *v < 1.0
            }
        });
        if good.is_none() {
            self.fault(
                at,
                format!("{key} is not a share"),
                None,
                "give a number between 0.0 and 1.0, such as 0.95".into(),
            );
        }
        good
    }

    fn identification(&mut self, s: &mut Section<'_, '_>) -> Option<Identification> {
        let clause = Some("MDR Annex II 1.1(a), IVDR Annex II 1.1(a)");
        let (name, model, version, manufacturer) = (
            self.text(s, "name", clause),
            self.text(s, "model", clause),
            self.text(s, "version", Some("MDR Annex VI Part C 6.5.1")),
            self.text(
                s,
                "manufacturer",
                Some("MDR Annex I 23.2(c), IVDR Annex I 20.2(c)"),
            ),
        );
        let basic_udi_di = self.optional(
            s,
            "basic_udi_di",
            Some("MDR Annex II 1.1(b), IVDR Annex II 1.1(b)"),
        );
        let demonstration = match s.take("demonstration") {
            None => Some(false),
            Some((value, at)) => {
                let flag = value.get_ref().as_bool();
                if flag.is_none() {
                    self.fault(
                        at,
                        "demonstration is neither true nor false".into(),
                        None,
                        "write true or false".into(),
                    );
                }
                flag
            }
        };
        Some(Identification {
            name: name?,
            model: model?,
            version: version?,
            manufacturer: manufacturer?,
            basic_udi_di,
            demonstration: demonstration?,
        })
    }

    fn purpose(&mut self, s: &mut Section<'_, '_>) -> Option<IntendedPurpose> {
        let act = match self.text(s, "act", None).as_deref() {
            Some("MDR") => Some(Act::Mdr),
            Some("IVDR") => Some(Act::Ivdr),
            Some(other) => {
                let at = s.take("act").map_or(s.at, |(v, _)| v.span().start);
                self.fault(
                    at,
                    format!("`{other}` is no act"),
                    None,
                    "write MDR or IVDR".into(),
                );
                None
            }
            None => None,
        };
        let (purposes, clause) = match act {
            Some(Act::Ivdr) => (IVDR_PURPOSES, "IVDR Art. 2(2)"),
            _ => (MDR_PURPOSES, "MDR Art. 2(1)"),
        };
        let medical_purpose = self.list(s, "medical_purpose", Some(clause), Some(purposes));
        let statement = self.text(s, "statement", Some("MDR Art. 2(12), IVDR Art. 2(12)"));
        let indication = self.text(
            s,
            "indication",
            Some("MDR Annex II 1.1(c), IVDR Annex II 1.1(c)(iii)"),
        );
        let target_population = self.text(
            s,
            "target_population",
            Some("MDR Annex II 1.1(c), IVDR Annex II 1.1(c)(viii)"),
        );
        let intended_users = self.list(
            s,
            "intended_users",
            Some("MDR Annex II 1.1(a), IVDR Annex II 1.1(c)(ix)"),
            None,
        );
        let contraindications =
            self.list(s, "contraindications", Some("MDR Annex II 1.1(c)"), None);
        let mut specimen = self.optional(s, "specimen", Some("IVDR Annex II 1.1(c)(vii)"));
        let mut part_of_body = self.optional(s, "part_of_body", Some("MDR Annex II 1.1(c)"));
        match act {
            Some(Act::Ivdr) if specimen.is_none() && s.take("specimen").is_none() => {
                self.missing(s, "specimen", Some("IVDR Annex II 1.1(c)(vii)"), "\"...\"");
                specimen = None;
            }
            Some(Act::Mdr) if part_of_body.is_none() && s.take("part_of_body").is_none() => {
                self.missing(s, "part_of_body", Some("MDR Annex II 1.1(c)"), "\"...\"");
                part_of_body = None;
            }
            _ => {}
        }
        Some(IntendedPurpose {
            act: act?,
            medical_purpose: medical_purpose?,
            statement: statement?,
            indication: indication?,
            target_population: target_population?,
            intended_users: intended_users?,
            specimen,
            part_of_body,
            contraindications: contraindications?,
        })
    }

    fn classification(
        &mut self,
        s: &mut Section<'_, '_>,
        act: Option<Act>,
    ) -> Option<Classification> {
        let clause = Some("MDR Annex VIII, IVDR Annex VIII");
        let named = self.text(s, "class", clause);
        let rule = self.text(s, "rule", clause);
        let rationale = self.text(
            s,
            "rationale",
            Some("MDR Annex II 1.1(f), IVDR Annex II 1.1(f)"),
        );
        let class = named
            .as_deref()
            .and_then(|n| Class::NAMES.iter().find(|(name, _)| *name == n))
            .map(|(_, c)| *c);
        let fits = class.filter(|c| act.is_none_or(|a| c.act() == a));
        if let (Some(n), None) = (&named, fits) {
            let at = s.take("class").map_or(s.at, |(v, _)| v.span().start);
            self.fault(
                at,
                format!("`{n}` is no class of the act"),
                clause,
                "MDR has I, IIa, IIb, III; IVDR has A, B, C, D".into(),
            );
        }
        Some(Classification {
            class: fits?,
            rule: rule?,
            rationale: rationale?,
        })
    }

    fn validation(&mut self, s: &mut Section<'_, '_>) -> Option<ValidationPlan> {
        let cohort = self.path(s, "cohort");
        let split = self.text(s, "split", None);
        let reference_standard = self.text(
            s,
            "reference_standard",
            Some("MDR Annex XIV Part A 1(a), IVDR Annex XIII Part A 1.2.3"),
        );
        let level = self.share(s, "level", false);
        let indeterminate = self.text(s, "indeterminate", None);
        if let Some(text) = indeterminate.as_ref().filter(|t| *t != "worst_case") {
            let at = s
                .take("indeterminate")
                .map_or(s.at, |(v, _)| v.span().start);
            self.fault(
                at,
                format!("indeterminate is `{text}`"),
                None,
                "only worst_case is taken: an abstained or refused case counts as wrong".into(),
            );
        }
        let mut endpoints = Vec::new();
        match s.take("endpoints") {
            None => self.missing(
                s,
                "endpoints",
                None,
                "[{ statistic = \"sensitivity\", lower_bound_min = 0.8 }]",
            ),
            Some((value, at)) => {
                let items = value.get_ref().as_array().filter(|a| !a.is_empty());
                if items.is_none() {
                    self.fault(
                        at,
                        "endpoints is not a list with at least one endpoint".into(),
                        None,
                        "add { statistic = \"sensitivity\", lower_bound_min = 0.8 }".into(),
                    );
                }
                for item in items.into_iter().flat_map(|a| a.iter()) {
                    let DeValue::Table(table) = item.get_ref() else {
                        self.fault(
                            item.span().start,
                            "an endpoint is not a table".into(),
                            None,
                            "write { statistic = \"...\", lower_bound_min = 0.8 }".into(),
                        );
                        continue;
                    };
                    let mut e = Section {
                        table,
                        name: "endpoints",
                        at: item.span().start,
                        known: Vec::new(),
                    };
                    let statistic = self.text(&mut e, "statistic", None);
                    let lower_bound_min = self.share(&mut e, "lower_bound_min", true);
                    self.unknown(&e);
                    if let Some(name) = statistic
                        .as_ref()
                        .filter(|n| !STATISTICS.contains(&n.as_str()))
                    {
                        self.fault(
                            item.span().start,
                            format!("`{name}` is no statistic this release computes"),
                            None,
                            format!("one of: {}", STATISTICS.join(", ")),
                        );
                    }
                    if let (Some(statistic), Some(lower_bound_min)) = (statistic, lower_bound_min) {
                        endpoints.push(EndpointPlan {
                            statistic,
                            lower_bound_min,
                        });
                    }
                }
            }
        }
        Some(ValidationPlan {
            cohort: cohort?,
            split: split?,
            reference_standard: reference_standard?,
            level: level?,
            indeterminate: indeterminate?,
            endpoints,
        })
    }

    /// A path inside the device's folder.
    fn path(&mut self, section: &mut Section<'_, '_>, key: &'static str) -> Option<String> {
        let (value, _) = section.take(key).or_else(|| {
            self.missing(section, key, None, "\"folder/file\"");
            None
        })?;
        self.inside(value, key)
    }

    fn inside(&mut self, value: &Spanned<DeValue<'_>>, key: &str) -> Option<String> {
        let text = self.string(value, key, None)?;
        let plain = text
            .split('/')
            .all(|p| !p.is_empty() && p != "." && p != "..")
            && !text.contains(['\\', ':']);
        if plain {
            return Some(text);
        }
        self.fault(
            value.span().start,
            format!("{key} does not lie in the device's folder"),
            None,
            "give a path below it with `/`, without `..`".into(),
        );
        None
    }

    fn paths(&mut self, section: &mut Section<'_, '_>) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        for (key, value) in section.table {
            let name: &str = key.get_ref().as_ref();
            if let Some(path) = self.inside(value, name) {
                out.insert(name.to_owned(), path);
            }
        }
        out
    }
}
