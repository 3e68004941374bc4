//! The schema of the device file, as data: it drives the reader, the diagnostics, the JSON Schema,
//! the open questions and the interview.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::condition::Condition;

/// The table of all keys of a device file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// What it describes.
    pub name: String,
    /// Its version.
    pub edition: String,
    /// The sections in the order of the interview.
    pub section: Vec<Section>,
}

/// One section of the device file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub title: String,
    /// Who asks for it.
    pub cite: String,
    /// Whether a `[[module]]` may answer it for itself.
    #[serde(default)]
    pub module: bool,
    /// Whether it is written `[[name]]`, once for each thing.
    #[serde(default)]
    pub repeat: bool,
    /// Whether the keys are the maker's own.
    #[serde(default)]
    pub free: bool,
    /// What each key of a free section holds.
    pub value: Option<Kind>,
    /// Whether a device cannot be used without it.
    pub needed: Option<Needed>,
    /// Its keys.
    #[serde(default)]
    pub field: Vec<Field>,
}

/// One key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The key.
    pub key: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Whether a device cannot be used without it.
    pub needed: Option<Needed>,
    /// What its absence means.
    #[serde(default = "Absent::unknown")]
    pub absent: Absent,
    /// Asked only where this may hold.
    pub when: Option<Condition>,
    /// A missing boolean or choice is unknown only where this may hold; elsewhere it is no or none.
    pub open_when: Option<Condition>,
    /// The question.
    pub ask: String,
    /// How to answer.
    #[serde(default)]
    pub help: String,
    /// Who asks.
    pub cite: String,
    /// The values of a choice.
    #[serde(default)]
    pub choice: Vec<Choice>,
    /// Another key whose values are this one's.
    pub same_choices_as: Option<String>,
    /// The keys of each table of `tables`.
    #[serde(default)]
    pub item: Vec<Field>,
    /// A share without its ends 0 and 1.
    #[serde(default)]
    pub exclusive: bool,
}

/// One value of a choice.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// As written in the file.
    pub value: String,
    /// What it says.
    pub says: String,
}

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A text.
    Text,
    /// A list of texts.
    Texts,
    /// `true` or `false`.
    Boolean,
    /// A number between 0 and 1.
    Share,
    /// One of the choices.
    Choice,
    /// Any of the choices.
    Choices,
    /// A path in the device's folder.
    Path,
    /// A list of tables.
    Tables,
}

impl Kind {
    /// How such a value is written.
    #[must_use]
    pub const fn example(self) -> &'static str {
        match self {
            Self::Text | Self::Choice => "\"...\"",
            Self::Texts | Self::Choices => "[\"...\"]",
            Self::Boolean => "true",
            Self::Share => "0.95",
            Self::Path => "\"folder/file\"",
            Self::Tables => "[{ ... }]",
        }
    }
}

/// What a key is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Needed {
    /// Opening, validating and documenting the device.
    Run,
}

/// What a missing key means.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Absent {
    /// It was not answered.
    Unknown,
    /// No.
    No,
    /// Nothing of the kind.
    None,
    /// This value.
    Value(String),
}

impl Absent {
    const fn unknown() -> Self {
        Self::Unknown
    }
}

impl From<String> for Absent {
    fn from(text: String) -> Self {
        match text.as_str() {
            "unknown" => Self::Unknown,
            "no" => Self::No,
            "none" => Self::None,
            _ => Self::Value(text),
        }
    }
}

impl Schema {
    /// Reads the schema and lends each `same_choices_as` the values it names.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut schema: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        let choices: BTreeMap<String, Vec<Choice>> = schema
            .section
            .iter()
            .flat_map(|s| {
                s.field
                    .iter()
                    .map(move |f| (format!("{}.{}", s.name, f.key), f.choice.clone()))
            })
            .collect();
        for field in schema.section.iter_mut().flat_map(|s| &mut s.field) {
            if let Some(other) = &field.same_choices_as {
                field.choice = choices
                    .get(other)
                    .filter(|c| !c.is_empty())
                    .ok_or_else(|| format!("{}: {other} has no choices", field.key))?
                    .clone();
            }
        }
        Ok(schema)
    }

    /// A section by name.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.section.iter().find(|s| s.name == name)
    }

    /// A key by path, such as `information.worst_harm`.
    #[must_use]
    pub fn field(&self, path: &str) -> Option<&Field> {
        let (section, key) = path.split_once('.')?;
        self.section(section)?.field.iter().find(|f| f.key == key)
    }

    /// The JSON Schema (draft 2020-12) of a device file, for editors.
    #[must_use]
    pub fn json_schema(&self) -> Json {
        let mut top = Map::new();
        top.insert(
            "format".into(),
            json!({ "const": 1, "description": "Format of the file." }),
        );
        top.insert(
            "include".into(),
            json!({
                "type": "array", "items": { "type": "string" },
                "description": "Further files of the device's folder whose sections belong to this one."
            }),
        );
        for section in &self.section {
            let mut schema = if section.free {
                json!({ "type": "object", "additionalProperties": { "type": "string" } })
            } else {
                self.object(section)
            };
            if section.repeat {
                schema = json!({ "type": "array", "items": schema });
            }
            if let Some(object) = schema.as_object_mut() {
                object.insert(
                    "description".into(),
                    format!("{} ({})", section.title, section.cite).into(),
                );
            }
            top.insert(section.name.clone(), schema);
        }
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": format!("Candour {}", self.name.to_lowercase()),
            "description": self.edition,
            "type": "object",
            "properties": top,
            "required": ["format"],
            "additionalProperties": false
        })
    }

    fn object(&self, section: &Section) -> Json {
        let mut properties = fields(&section.field);
        if section.name == MODULE {
            for inner in self.section.iter().filter(|s| s.module) {
                properties.insert(inner.name.clone(), self.object(inner));
            }
        }
        json!({ "type": "object", "properties": properties, "additionalProperties": false })
    }
}

/// The section whose parts may answer others for themselves.
pub(crate) const MODULE: &str = "module";

fn fields(fields: &[Field]) -> Map<String, Json> {
    let mut out = Map::new();
    for field in fields {
        let values: Vec<&str> = field.choice.iter().map(|c| c.value.as_str()).collect();
        let open = field.absent == Absent::Unknown;
        let mut schema = match field.kind {
            Kind::Text | Kind::Path => json!({ "type": "string", "minLength": 1 }),
            Kind::Texts => {
                json!({ "type": "array", "items": { "type": "string", "minLength": 1 } })
            }
            Kind::Boolean => json!({ "enum": [true, false, "unknown"] }),
            Kind::Share if field.exclusive => {
                json!({ "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 })
            }
            Kind::Share => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
            Kind::Choice => {
                let mut all = values;
                if open {
                    all.push("unknown");
                }
                json!({ "enum": all })
            }
            Kind::Choices => {
                let list =
                    json!({ "type": "array", "items": { "enum": values }, "uniqueItems": true });
                if open {
                    json!({ "anyOf": [list, { "const": "unknown" }] })
                } else {
                    list
                }
            }
            Kind::Tables => json!({
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": self::fields(&field.item),
                    "additionalProperties": false
                }
            }),
        };
        let says: Vec<String> = field
            .choice
            .iter()
            .map(|c| format!("{}: {}", c.value, c.says))
            .collect();
        let missing = match (&field.absent, &field.open_when) {
            (Absent::Unknown, None) => "Missing: not answered.".to_owned(),
            (Absent::Unknown, Some(when)) => {
                format!("Missing: not answered where {}; no elsewhere.", when.text())
            }
            (Absent::No, _) => "Missing: no.".to_owned(),
            (Absent::None, _) => "Missing: none.".to_owned(),
            (Absent::Value(v), _) => format!("Missing: {v}."),
        };
        let description = [
            format!("{} ({})", field.ask, field.cite),
            field.help.clone(),
            missing,
            says.join("\n"),
        ];
        if let Some(object) = schema.as_object_mut() {
            object.insert(
                "description".into(),
                description
                    .into_iter()
                    .filter(|d| !d.is_empty())
                    .collect::<Vec<_>>()
                    .join("\n")
                    .into(),
            );
        }
        out.insert(field.key.clone(), schema);
    }
    out
}
