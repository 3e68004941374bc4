//! The interview of `candour classify --ask`: which question comes next, what an answer means, and
//! the device file with the answer written in. Terminals are the caller's.

use std::collections::BTreeMap;
use std::io;

use crate::classify::written;
use crate::condition::Truth;
use crate::description::{Description, Subject};
use crate::law::Law;
use crate::schema::{Absent, Field, Kind};

/// A device file that is being written.
pub struct Interview<'a> {
    law: &'a Law,
    name: String,
    text: String,
    include: &'a dyn Fn(&str) -> io::Result<Vec<u8>>,
    skipped: Vec<String>,
}

/// A question to a person.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The key it answers, such as `information.worst_harm`.
    pub path: String,
    /// The section's title.
    pub section: &'a str,
    /// The key with its question, help, clause and choices.
    pub field: &'a Field,
}

/// What is asked: who and what for, then what the rules look at. The rest of a device file is not
/// an interview's matter.
const SECTIONS: &[&str] = &[
    "identification",
    "intended_purpose",
    "software",
    "data",
    "information",
    "control",
    "characteristics",
];

impl<'a> Interview<'a> {
    /// Goes on from a device file; an empty text begins one. `include` fetches a further file of
    /// its folder.
    #[must_use]
    pub fn new(
        law: &'a Law,
        name: &str,
        text: &str,
        include: &'a dyn Fn(&str) -> io::Result<Vec<u8>>,
    ) -> Self {
        Self {
            law,
            name: name.to_owned(),
            text: if text.trim().is_empty() {
                "format = 1\n".into()
            } else {
                text.to_owned()
            },
            include,
            skipped: Vec::new(),
        }
    }

    /// The device file as it stands.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The device file as it reads.
    #[must_use]
    pub fn description(&self) -> Description {
        let bytes = self.text.clone().into_bytes();
        Description::read(self.law, &self.name, bytes, self.include)
    }

    /// The next question that is not answered and may matter.
    #[must_use]
    pub fn next(&self) -> Option<Question<'a>> {
        let description = self.description();
        let none = BTreeMap::new();
        let subject = Subject {
            law: self.law,
            device: &description,
            module: None,
            results: &none,
        };
        for section in SECTIONS.iter().filter_map(|s| self.law.schema.section(s)) {
            for field in &section.field {
                let path = format!("{}.{}", section.name, field.key);
                let asked = description.fact(&path).is_some() || self.skipped.contains(&path);
                let matters = field
                    .when
                    .as_ref()
                    .is_none_or(|w| w.truth(&subject) != Truth::No);
                if !asked && matters {
                    return Some(Question {
                        path,
                        section: &section.title,
                        field,
                    });
                }
            }
        }
        None
    }

    /// Leaves a question open; its absence means what the schema says.
    pub fn skip(&mut self, question: &Question<'_>) {
        self.skipped.push(question.path.clone());
    }

    /// Takes an answer as typed: a text, `yes` or `no`, numbers or values of choices, lists with
    /// `;` between their entries (`,` too for choices).
    ///
    /// # Errors
    /// What is wrong with the answer and what is expected; nothing is changed then.
    pub fn answer(&mut self, question: &Question<'_>, typed: &str) -> Result<(), String> {
        let value = read(question.field, typed.trim())?;
        let (section, key) = question.path.split_once('.').ok_or("no such key")?;
        let line = format!("{key} = {value}\n");
        // What was written is read back: a file written in an unusual way (strings over several
        // lines, inline tables, dotted keys) is never damaged.
        let before = self.description();
        let faults = before.faults.errors();
        let kept = |text: &str| {
            let bytes = text.as_bytes().to_vec();
            let read = Description::read(self.law, &self.name, bytes, self.include);
            let same = before.sections.iter().all(|(name, block)| {
                let now = read.sections.get(name);
                block.facts.iter().all(|(k, f)| {
                    now.and_then(|b| b.facts.get(k))
                        .is_some_and(|n| written(&n.value) == written(&f.value))
                })
            });
            read.fact(&question.path).is_some() && read.faults.errors() == faults && same
        };
        let after = before
            .sections
            .get(section)
            // A section that stands in an included file only is begun here; the reader joins them.
            .filter(|b| b.place.file == self.name)
            .map(|b| {
                // After the last key of the section, so that the order of the questions stays.
                let own = b.facts.values().filter(|f| f.place.file == self.name);
                own.map(|f| f.place.line)
                    .max()
                    .unwrap_or(b.place.line)
                    .max(b.place.line)
            });
        let mut tries = Vec::new();
        if let Some(after) = after {
            let offset = self.end_of_value(after);
            let mut text = self.text.clone();
            let mut insert = line.clone();
            if !text.get(..offset).is_some_and(|t| t.ends_with('\n')) {
                insert.insert(0, '\n');
            }
            text.insert_str(offset, &insert);
            tries.push(text);
        }
        let ended = if self.text.ends_with('\n') { "" } else { "\n" };
        tries.push(format!("{}{ended}\n[{section}]\n{line}", self.text));
        match tries.into_iter().find(|text| kept(text)) {
            Some(text) => self.text = text,
            None => {
                return Err(format!(
                    "this cannot be written into [{section}] without changing what stands there; write `{}` by hand",
                    line.trim_end()
                ));
            }
        }
        Ok(())
    }

    /// The offset behind the value that begins in a line; a list may run over several.
    fn end_of_value(&self, line: usize) -> usize {
        let mut offset = 0;
        let mut depth = 0i64;
        for (i, text) in self.text.split_inclusive('\n').enumerate() {
            offset += text.len();
            if i + 1 < line {
                continue;
            }
            let header = text.trim_start().starts_with('[') && i + 1 == line;
            if !header {
                let mut quoted = false;
                let mut escaped = false;
                for c in text.chars() {
                    match c {
                        _ if escaped => escaped = false,
                        '\\' if quoted => escaped = true,
                        '"' => quoted = !quoted,
                        '#' if !quoted => break,
                        '[' if !quoted => depth += 1,
                        ']' if !quoted => depth -= 1,
                        _ => {}
                    }
                }
            }
            if depth <= 0 {
                break;
            }
        }
        offset
    }
}

fn read(field: &Field, typed: &str) -> Result<String, String> {
    let pick = |word: &str| -> Result<String, String> {
        let number = word
            .parse::<usize>()
            .ok()
            .and_then(|n| field.choice.get(n.checked_sub(1)?));
        number
            .or_else(|| {
                field
                    .choice
                    .iter()
                    .find(|c| c.value.eq_ignore_ascii_case(word))
            })
            .map(|c| quote(&c.value))
            .ok_or_else(|| {
                format!(
                    "`{}` is none of 1 to {}",
                    crate::diagnostic::short(word),
                    field.choice.len()
                )
            })
    };
    let open = field.absent == Absent::Unknown;
    if open
        && typed == "unknown"
        && matches!(field.kind, Kind::Boolean | Kind::Choice | Kind::Choices)
    {
        return Ok(quote("unknown"));
    }
    match field.kind {
        Kind::Boolean => match typed.to_lowercase().as_str() {
            "y" | "yes" | "true" => Ok("true".into()),
            "n" | "no" | "false" => Ok("false".into()),
            _ => Err("answer yes or no".into()),
        },
        Kind::Choice => pick(typed),
        Kind::Choices => {
            let named = field.choice.iter().any(|c| c.value == typed);
            if !named && (typed == "none" || typed == "0") {
                return Ok("[]".into());
            }
            let mut picked = typed
                .split([',', ';', ' '])
                .filter(|w| !w.is_empty())
                .map(pick)
                .collect::<Result<Vec<_>, _>>()?;
            if picked.is_empty() {
                return Err("give numbers, or `none`".into());
            }
            let mut seen = Vec::new();
            picked.retain(|p| {
                !seen.contains(p) && {
                    seen.push(p.clone());
                    true
                }
            });
            Ok(format!("[{}]", picked.join(", ")))
        }
        Kind::Texts => {
            let items: Vec<String> = typed
                .split(';')
                .map(str::trim)
                .filter(|t| !t.is_empty())
                .map(quote)
                .collect();
            if items.is_empty() {
                return Err("name at least one".into());
            }
            Ok(format!("[{}]", items.join(", ")))
        }
        Kind::Text | Kind::Path => Ok(quote(typed)),
        Kind::Share => typed
            .parse::<f64>()
            .ok()
            .filter(|v| (0.0..=1.0).contains(v))
            .map(|v| format!("{v:?}"))
            .ok_or_else(|| "a number between 0 and 1".into()),
        Kind::Tables => Err("write this into the file by hand".into()),
    }
}

/// A TOML basic string.
fn quote(text: &str) -> String {
    toml::Value::String(text.replace(['\n', '\r', '\t'], " ")).to_string()
}
